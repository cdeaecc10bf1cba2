"""What is due to be analysed, and how it comes on the list."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project

CHUNK = 1000
MEASURED = 300

RIPE = """
    c.project_id = :project
    and (c.origin = 'imported' or c.status = 'closed' or c.last_message_at <= :silent_since)
    and (cast(:since as timestamptz) is null or c.created_at >= :since)
    and not exists (
        select from analysis_item i where i.conversation_id = c.id and i.state in ('pending', 'running')
    )
"""
"""Silent for long enough, closed or brought in from elsewhere; and neither on the list nor under way."""

DUE = f"{RIPE} and c.messages > c.analysed_messages"
"""Ripe, and longer than what was taken note of; the index `ix_conversation_unanalysed` holds those alone."""

AGAIN = f"{RIPE} and exists (select from message m where m.conversation_id = c.id and m.author <> 'system')"
"""Ripe, analysed or not."""

NEXT_DUE = text(f"""
select c.id from conversation c where {DUE}
order by c.last_message_at desc, c.id desc limit :most
for no key update of c skip locked
""")  # noqa: S608 - our own words

ALL_AGAIN = text(f"""
select c.id from conversation c where {AGAIN} order by c.last_message_at desc, c.id desc limit :most
""")  # noqa: S608 - our own words

PUT = text("""
insert into analysis_item
    (conversation_id, project_id, run_id, state, attempts, losses, due_at, reserved, updated_at)
select talk.id, :project, :run, 'pending', 0, 0, :now, 0, :now
from (
    select wanted.id, (
        select m.position from message m
        where m.conversation_id = wanted.id and m.author <> 'system'
        order by m.position desc limit 1
    ) as covers
    from unnest(cast(:ids as uuid[])) as wanted (id)
) as talk
where talk.covers is not null and (
    :again or not exists (select from analysis a where a.conversation_id = talk.id and a.covers >= talk.covers)
)
on conflict (conversation_id) do update set
    run_id = excluded.run_id, state = 'pending', attempts = 0, losses = 0, due_at = excluded.due_at, lease = null,
    leased_until = null, reserved = 0, reason = null, updated_at = excluded.updated_at
where analysis_item.state not in ('pending', 'running')
returning conversation_id
""")
"""A row for each conversation with words of a customer or of our side that no analysis covers (with `again`: or does).

What is pending or running stays as it is: a pending one is read when it is taken, and so covers its newest message.
"""

TAKE_NOTE = text("update conversation set analysed_messages = messages where id = any(:ids)")

WITH_WORK = text("""
select p.id from project p
where not p.analysis_paused and exists (
    select from conversation c
    where c.project_id = p.id and c.messages > c.analysed_messages and (
        c.origin = 'imported' or c.status = 'closed'
        or c.last_message_at <= :now - make_interval(mins => p.analysis_idle_minutes)
    )
)
order by p.id
""")

COUNT = {
    again: text(f"select count(*) from conversation c where {condition}")  # noqa: S608 - our own words
    for again, condition in ((False, DUE), (True, AGAIN))
}
SIZE = {
    again: text(f"""
        select count(distinct m.conversation_id) as conversations, count(*) as lines,
            coalesce(sum(octet_length(m.content)), 0) as bytes
        from (select c.id from conversation c where {condition} order by c.last_message_at desc limit :most) as newest
        join message m on m.conversation_id = newest.id and m.author <> 'system'
    """)  # noqa: S608 - our own words
    for again, condition in ((False, DUE), (True, AGAIN))
}


@dataclass(frozen=True)
class Wanted:
    """Which conversations: those due, or with `again` those analysed before as well; begun since a moment or any."""

    again: bool = False
    since: datetime | None = None

    def values(self, project: Project, now: datetime) -> dict[str, Any]:
        """The parameters of the conditions above."""
        silent_since = now - timedelta(minutes=project.analysis_idle_minutes)
        return {"project": project.id, "since": self.since, "silent_since": silent_since}


@dataclass(frozen=True)
class Listed:
    """How many conversations were looked at, and how many of them came on the list."""

    looked_at: int
    listed: int


@dataclass(frozen=True)
class Size:
    """How many conversations there are, and how long the measured ones among them are on the average."""

    conversations: int
    lines: float
    bytes: float


async def projects_with_work(session: AsyncSession, now: datetime) -> list[UUID]:
    """The projects in which something is due and analyses are not paused."""
    return list((await session.execute(WITH_WORK, {"now": now})).scalars())


async def list_due(
    session: AsyncSession, project: Project, run_id: UUID, wanted: Wanted, now: datetime, *, most: int = CHUNK
) -> Listed:
    """Put at most so many due conversations on the list of this run, those with the newest words first.

    Their rows are locked until the transaction ends; what somebody else has locked is left for another time.
    """
    ids = list((await session.execute(NEXT_DUE, wanted.values(project, now) | {"most": most})).scalars())
    listed = await put(session, project.id, run_id, ids, now, again=False)
    await session.execute(TAKE_NOTE, {"ids": ids})
    return Listed(len(ids), listed)


async def list_again(
    session: AsyncSession, project: Project, run_id: UUID, wanted: Wanted, now: datetime, *, limit: int | None
) -> int:
    """Put all conversations, or the newest so many, on the list of this run, analysed or not; how many they are."""
    ids = list((await session.execute(ALL_AGAIN, wanted.values(project, now) | {"most": limit})).scalars())
    return await put(session, project.id, run_id, ids, now, again=True)


async def put(
    session: AsyncSession, project_id: UUID, run_id: UUID, ids: list[UUID], now: datetime, *, again: bool
) -> int:
    """Put these conversations of the project on the list of this run; how many came on it."""
    values = {"project": project_id, "run": run_id, "now": now, "ids": ids, "again": again}
    return len((await session.execute(PUT, values)).all())


async def size_of(session: AsyncSession, project: Project, wanted: Wanted, now: datetime, *, limit: int | None) -> Size:
    """How much is wanted; lengths are those of the newest 300."""
    values = wanted.values(project, now)
    count = (await session.execute(COUNT[wanted.again], values)).scalar_one()
    row = (await session.execute(SIZE[wanted.again], values | {"most": MEASURED})).one()
    measured = max(1, row.conversations)
    conversations = count if limit is None else min(count, limit)
    return Size(conversations, lines=row.lines / measured, bytes=float(row.bytes) / measured)
