"""What people have said of a project's comments as labelled cases, for evaluations and as a file."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.csv_cells import neutralised
from ouvidor.feedback.read import name_of
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.runtime import Runtime
from ouvidor.text import fold

AT_ONCE = 500
COLUMNS = ("texto", "categoria")

CASES = text("""
select c.id, c.content, c.category, c.language, c.corrected_at, coalesce(given.category, c.given_category) as given,
    exists (
        select from comment_classification b
        where b.comment_id = c.id and b.waited = 'blind' and b.deed is null and b.withdrawn_at is null
    ) as blind
from comment c
left join lateral (
    select g.category from comment_classification g
    where g.comment_id = c.id and g.by <> 'person' and g.created_at <= c.corrected_at
    order by g.created_at desc, g.id desc limit 1
) given on true
where c.project_id = :project and c.corrected_at is not null and c.category = any(:codes)
    and (cast(:after as uuid) is null or c.id > :after)
order by c.id limit :limit
""")


@dataclass(frozen=True)
class GoldenCase:
    """A comment and the category that a person has told; `given` is what the AI had given before that.

    `blind` ones are a random share that was judged without knowing the AI's value.
    """

    id: UUID
    text: str
    category: str
    language: str
    given: str
    blind: bool
    corrected_at: datetime


async def golden_cases(session: AsyncSession, project_id: UUID, taxonomy: Taxonomy) -> list[GoldenCase]:
    """All cases of the taxonomy's categories, in the order in which the comments came; each text once, said last."""
    cases: list[GoldenCase] = []
    while more := await _some(session, project_id, taxonomy, cases[-1].id if cases else None):
        cases += more
    return distinct(cases)


def distinct(cases: Sequence[GoldenCase]) -> list[GoldenCase]:
    """Of cases with the same words the one that was told last, where the first of them stands."""
    kept: dict[str, GoldenCase] = {}
    for case in cases:
        words = " ".join(fold(case.text).split())
        other = kept.get(words)
        if other is None or case.corrected_at > other.corrected_at:
            kept[words] = case
    return list(kept.values())


async def golden_csv(rt: Runtime, project_id: UUID, taxonomy: Taxonomy) -> AsyncGenerator[str]:
    """The cases as CSV with the columns texto and categoria, 500 at a time; no transaction stays open.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    yield _lines([COLUMNS])
    after: UUID | None = None
    while True:
        async with rt.db.read() as session:
            cases = await _some(session, project_id, taxonomy, after)
        if not cases:
            return
        yield _lines([(neutralised(one.text), neutralised(name_of(one.category, taxonomy))) for one in cases])
        after = cases[-1].id


async def _some(
    session: AsyncSession, project_id: UUID, taxonomy: Taxonomy, after: UUID | None
) -> Sequence[GoldenCase]:
    values = {"project": project_id, "codes": list(taxonomy.codes), "after": after, "limit": AT_ONCE}
    return [
        GoldenCase(row.id, row.content, row.category, row.language, row.given, row.blind, row.corrected_at)
        for row in await session.execute(CASES, values)
    ]


def _lines(rows: Sequence[tuple[str, ...]]) -> str:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue()
