"""All comments that a search selects as one CSV file, streamed."""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.csv_cells import neutralised
from ouvidor.feedback.finding.find import Mode, ask, selected
from ouvidor.feedback.finding.wanted import CommentFilter, Condition
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.read import name_of
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.runtime import Runtime

Form = Literal["contract", "full"]
Column = Callable[[Row[Any], Taxonomy], object]

AT_ONCE = 1_000
PREFIX = "field."

CHUNK = "select {read} from comment where {chosen} order by written_at desc, id desc limit :limit"
READ: Mapping[Form, str] = {
    "contract": "id, external_id, content, category, tag_codes, confidence, written_at, received_at, updated_at",
    "full": "id, external_id, content, category, given_category, tags, tag_codes, confidence, sentiment, language, "
    "fields, author, waits, corrected_at, taxonomy, written_at, received_at, updated_at",
}
BEHIND = "(comment.written_at, comment.id) < (cast(:last_at as timestamptz), cast(:last_id as uuid))"
NAMES = "select distinct jsonb_object_keys(comment.fields) from comment where {chosen} order by 1"

CONTRACT: Mapping[str, Column] = {
    "id": lambda row, _: row.external_id,
    "texto": lambda row, _: row.content,
    "categoria": lambda row, taxonomy: name_of(row.category, taxonomy),
    "tags": lambda row, _: "; ".join(row.tag_codes),
    "confianca": lambda row, _: row.confidence,
    "created_at": lambda row, _: row.received_at,
    "updated_at": lambda row, _: row.updated_at,
}
"""The columns that CONTRACTS 1c names."""

FULL: Mapping[str, Column] = {
    "id": lambda row, _: row.id,
    "external_id": lambda row, _: row.external_id,
    "text": lambda row, _: row.content,
    "category": lambda row, _: row.category,
    "category_name": lambda row, taxonomy: name_of(row.category, taxonomy),
    "given_category": lambda row, _: row.given_category,
    "tags": lambda row, _: "; ".join(row.tag_codes),
    "explanations": lambda row, _: "; ".join(f"{tag['code']}: {tag['explanation']}" for tag in row.tags),
    "confidence": lambda row, _: row.confidence,
    "sentiment": lambda row, _: row.sentiment,
    "language": lambda row, _: row.language,
    "author": lambda row, _: row.author,
    "waits": lambda row, _: row.waits,
    "corrected_at": lambda row, _: row.corrected_at,
    "taxonomy": lambda row, _: row.taxonomy,
    "written_at": lambda row, _: row.written_at,
    "received_at": lambda row, _: row.received_at,
    "updated_at": lambda row, _: row.updated_at,
}
"""Our own, before a column `field.…` for each field that a comment of the file has."""


async def export_comments(
    rt: Runtime, project: Project, wanted: CommentFilter, q: str = "", *, mode: Mode = "auto", form: Form = "full"
) -> AsyncGenerator[str]:
    """The file in pieces of 1,000 rows, each read in a transaction of its own; newest written first.

    A comment that changes while the file is written may be missed where it leaves or enters what is selected.
    """
    asked = await ask(rt, project, wanted, q, mode=mode)
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
        chosen = await selected(session, asked)
        names = await _names(session, chosen) if form == "full" else ()
    columns = CONTRACT if form == "contract" else FULL
    yield _lines([[*columns, *(neutralised(PREFIX + name) for name in names)]])
    last: Row[Any] | None = None
    while True:
        async with rt.db.read() as session:
            rows = await _chunk(session, form, chosen, last)
        if rows:
            yield _lines(_cells(row, columns, names, taxonomy) for row in rows)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1]


async def _names(session: AsyncSession, chosen: Condition) -> Sequence[str]:
    """The names of the fields of these comments."""
    return (await session.execute(text(NAMES.format(chosen=chosen.text)), chosen.values)).scalars().all()


async def _chunk(session: AsyncSession, form: Form, chosen: Condition, last: Row[Any] | None) -> Sequence[Row[Any]]:
    if last is not None:
        chosen = chosen.also(BEHIND, last_at=last.written_at, last_id=last.id)
    query = CHUNK.format(read=READ[form], chosen=chosen.text)
    return (await session.execute(text(query), {**chosen.values, "limit": AT_ONCE})).all()


def _cells(row: Row[Any], columns: Mapping[str, Column], names: Sequence[str], taxonomy: Taxonomy) -> list[str]:
    return [_cell(take(row, taxonomy)) for take in columns.values()] + [_cell(row.fields.get(name)) for name in names]


def _cell(value: object) -> str:
    """Text that a spreadsheet would run is neutralised; numbers are as they are, what is missing is empty."""
    match value:
        case str():
            return neutralised(value)
        case None:
            return ""
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return repr(value)


def _lines(rows: Iterable[Sequence[str]]) -> str:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue()
