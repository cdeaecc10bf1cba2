"""The comments of a job that could not be stored: the first of them for a page, all of them as a file to mend."""

import csv
import io
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.csv_cells import neutralised
from ouvidor.feedback.models import CommentItem, ItemState
from ouvidor.runtime import Runtime

AT_ONCE = 1_000
COLUMNS = ("position", "id", "text", "reason")


@dataclass(frozen=True)
class Broken:
    """A comment that is not stored: its place in the job, its id and words as far as they are known, and why."""

    position: int
    id: str
    text: str
    reason: str
    status: int


async def list_broken(
    session: AsyncSession, project_id: UUID, job_id: UUID, *, after: int = 0, limit: int
) -> Sequence[Broken]:
    """Those of a job of the project, in order, from behind a place; at most `limit`."""
    query = (
        select(CommentItem)
        .where(
            CommentItem.project_id == project_id,
            CommentItem.job_id == job_id,
            CommentItem.state == ItemState.FAILED,
            CommentItem.position > after,
        )
        .order_by(CommentItem.position)
        .limit(limit)
    )
    rows = (await session.execute(query)).scalars()
    return [
        Broken(row.position, row.external_id or "", row.content or "", row.reason or "", row.status or 0)
        for row in rows
    ]


async def broken_csv(rt: Runtime, project_id: UUID, job_id: UUID) -> AsyncGenerator[str]:
    """All of them as CSV with a heading, in pieces, each read in a transaction of its own."""
    yield _lines([COLUMNS])
    after = 0
    while True:
        async with rt.db.read() as session:
            rows = await list_broken(session, project_id, job_id, after=after, limit=AT_ONCE)
        yield _lines(
            (str(row.position), *(neutralised(cell) for cell in (row.id, row.text, row.reason))) for row in rows
        )
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].position


def _lines(rows: Iterable[Sequence[str]]) -> str:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue()
