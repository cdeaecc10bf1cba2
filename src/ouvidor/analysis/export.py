"""All current analyses under a filter as one file: CSV or JSON, one row for each conversation, streamed."""

import csv
import io
from collections.abc import AsyncGenerator, Callable
from typing import Literal
from uuid import UUID

from ouvidor.analysis.read import AnalysisOut, Order, analyses_behind
from ouvidor.analysis.wanted import AnalysisFilter
from ouvidor.csv_cells import neutralised
from ouvidor.runtime import Runtime

Form = Literal["csv", "json"]

MEDIA_TYPES: dict[Form, str] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
PAGE_LENGTH = 500
COLUMNS: dict[str, Callable[[AnalysisOut], object]] = {
    "conversation_id": lambda row: row.conversation_id,
    "helpdesk_id": lambda row: row.helpdesk_id,
    "unit": lambda row: row.unit,
    "began_at": lambda row: row.began_at.isoformat(),
    "ended_at": lambda row: row.ended_at.isoformat(),
    "language": lambda row: row.language,
    "satisfaction": lambda row: row.satisfaction,
    "sentiment": lambda row: row.sentiment,
    "resolved": lambda row: row.resolved,
    "goal_reached": lambda row: row.goal_reached,
    "effort": lambda row: row.effort,
    "confidence": lambda row: row.confidence,
    "handed_over": lambda row: "yes" if row.handed_over else "no",
    "topics": lambda row: "; ".join(row.topics),
    "faults": lambda row: "; ".join(fault.kind for fault in row.faults),
    "summary": lambda row: "\n".join(point.text for point in row.summary),
    "improvements": lambda row: "\n".join(point.text for point in row.improvements),
    "version": lambda row: row.version,
    "model": lambda row: row.model,
    "addressed": lambda row: "yes" if row.addressed else "no",
    "trimmed_messages": lambda row: row.trimmed_messages,
    "covers": lambda row: row.covers,
    "input_tokens": lambda row: row.input_tokens,
    "output_tokens": lambda row: row.output_tokens,
    "input_price": lambda row: row.input_price,
    "output_price": lambda row: row.output_price,
    "cost": lambda row: row.cost,
    "analysis_id": lambda row: row.id,
    "created_at": lambda row: row.created_at.isoformat(),
}
"""The columns of the CSV file; an unknown cost is an empty cell, never 0."""


async def export_analyses(
    rt: Runtime, project_id: UUID, wanted: AnalysisFilter, form: Form, *, order: Order = "newest"
) -> AsyncGenerator[str]:
    """The file in pieces, each page of it read in a transaction of its own.

    An analysis that is replaced while the file is written may be missed or come twice.
    """
    yield _line(list(COLUMNS)) if form == "csv" else "["
    last: AnalysisOut | None = None
    while True:
        async with rt.db.read() as session:
            page = await analyses_behind(session, project_id, wanted, last, limit=PAGE_LENGTH, order=order)
        if form == "csv":
            yield "".join(_line([_cell(take(row)) for take in COLUMNS.values()]) for row in page.data)
        else:
            yield ("," if last and page.data else "") + "\n" + ",\n".join(row.model_dump_json() for row in page.data)
        if not page.has_more:
            break
        last = page.data[-1]
    if form == "json":
        yield "\n]\n"


def _cell(value: object) -> str:
    """Text that a spreadsheet would run is neutralised; numbers are as they are."""
    if isinstance(value, int | float):
        return repr(value)
    return neutralised("" if value is None else str(value))


def _line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
