"""Routes that read analyses: the figures, their charts, the list, one of them, and all as a file."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.paging import After, Limit
from ouvidor.accounts.permissions import Permission
from ouvidor.analysis.charts import ChartName, Drawing, Theme, charts_of, themed
from ouvidor.analysis.export_answer import analyses_file
from ouvidor.analysis.figures import FiguresReport, Step, known_figures
from ouvidor.analysis.read import AnalysisOut, AnalysisPage, Order, list_analyses, read_analysis
from ouvidor.analysis.verdict import FaultKind, Judgement
from ouvidor.analysis.wanted import AnalysisFilter
from ouvidor.errors import NotFound
from ouvidor.inputs import Moment, StorableText
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/analyses", tags=["analyses"])

Reader = Annotated[Caller, requires(Permission.ANALYSES_READ)]
Name = Annotated[StorableText | None, Query(max_length=300)]
Rating = Annotated[int | None, Query(ge=0, le=10)]
ERRORS = problem_responses(401, 403, 422)


class EmptyChart(NotFound):
    """There is nothing to draw under these filters."""


@dataclass(frozen=True)
class Filters:
    """What is wanted, from the query: the names are those of `AnalysisFilter`."""

    unit: Name = None
    without_unit: bool = False
    since: Annotated[Moment | None, Query(description="Conversations begun then or later.")] = None
    until: Annotated[Moment | None, Query(description="Conversations begun before then.")] = None
    language: Name = None
    version: Annotated[
        StorableText | None, Query(max_length=300, description="The prompt's label or the local analyst's version.")
    ] = None
    model: Name = None
    topic: Name = None
    fault: FaultKind | None = None
    least: Annotated[int | None, Query(ge=0, le=10, description="Least satisfaction.")] = None
    most: Annotated[int | None, Query(ge=0, le=10, description="Most satisfaction.")] = None
    resolved: Judgement | None = None
    goal: Judgement | None = None
    handed_over: bool | None = None
    unpriced: Annotated[bool, Query(description="Only those whose cost is unknown.")] = False

    def wanted(self) -> AnalysisFilter:
        """The filters as figures, lists and exports take them."""
        return AnalysisFilter(**asdict(self))


FiltersDep = Annotated[Filters, Depends(Filters)]


@router.get("", summary="List", responses=problem_responses(401, 403, 404, 422))
async def get_analyses(
    rt: RuntimeDep,
    caller: Reader,
    filters: FiltersDep,
    after: After = None,
    limit: Limit = 20,
    order: Order = "newest",
) -> AnalysisPage:
    """The current analysis of each conversation, the newest conversation or the least satisfied customer first."""
    async with rt.db.read() as session:
        return await list_analyses(session, caller.project.id, filters.wanted(), after=after, limit=limit, order=order)


@router.get("/figures", summary="Figures of the dashboard", responses=ERRORS)
async def get_figures(rt: RuntimeDep, caller: Reader, filters: FiltersDep, step: Step | None = None) -> FiguresReport:
    """What the current analyses add up to: in all, over time (by UTC), by topic, unit, satisfaction and fault.

    Rates leave out what could not be told, and say how much that is; the cost leaves out what is unknown.
    """
    async with rt.db.read() as session:
        return await known_figures(rt, session, caller.project.id, filters.wanted(), step=step)


@router.get("/charts/{name}", summary="A chart", responses=problem_responses(401, 403, 404, 422))
async def get_chart(
    rt: RuntimeDep, caller: Reader, filters: FiltersDep, name: ChartName, theme: Theme = "light"
) -> dict[str, Any]:
    """A chart of the dashboard as a Vega-Lite specification with its data, in English."""
    async with rt.db.read() as session:
        report = await known_figures(rt, session, caller.project.id, filters.wanted())
    spec = charts_of(Drawing(report)).get(name)
    if spec is None:
        raise EmptyChart
    return themed(spec, theme)


@router.get(
    "/export.csv",
    summary="Export as CSV",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}, **ERRORS},
)
async def get_csv(rt: RuntimeDep, caller: Reader, filters: FiltersDep, order: Order = "newest") -> StreamingResponse:
    """All current analyses under the filters, a row for each conversation, streamed.

    Cells that a spreadsheet would run as a formula begin with an apostrophe, which our import takes away.
    """
    return analyses_file(rt, caller.project, filters.wanted(), "csv", order)


@router.get(
    "/export.json",
    summary="Export as JSON",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/json": {}}}, **ERRORS},
)
async def get_json(rt: RuntimeDep, caller: Reader, filters: FiltersDep, order: Order = "newest") -> StreamingResponse:
    """All current analyses under the filters, an object for each conversation, streamed."""
    return analyses_file(rt, caller.project, filters.wanted(), "json", order)


@router.get("/{analysis_id}", summary="Read one", responses=problem_responses(401, 403, 404, 422))
async def get_analysis(rt: RuntimeDep, caller: Reader, analysis_id: UUID) -> AnalysisOut:
    """One analysis with its evidence: the positions of the messages that each verdict rests on."""
    async with rt.db.read() as session:
        return await read_analysis(session, caller.project.id, analysis_id)
