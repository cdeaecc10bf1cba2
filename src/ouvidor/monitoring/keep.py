"""How long records of calls are kept."""

from datetime import datetime, timedelta

from sqlalchemy import text

from ouvidor.runtime import Runtime

KEPT = timedelta(days=90)
CHUNK = 10_000
DELETE = text(
    "delete from engine_call where id in (select id from engine_call where at < :until order by id limit :chunk)"
    " returning id"
)


async def delete_old_calls(rt: Runtime) -> int:
    """Delete records that are over 90 days old, some at a time; how many there were."""
    until: datetime = rt.clock() - KEPT
    deleted = 0
    while True:
        async with rt.db.begin() as session:
            gone = len((await session.execute(DELETE, {"until": until, "chunk": CHUNK})).all())
        deleted += gone
        if gone < CHUNK:
            return deleted
