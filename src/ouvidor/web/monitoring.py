"""Monitoring: how much was asked of the engines, what it cost and took, what went wrong and what was decided."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ouvidor.accounts.permissions import Permission
from ouvidor.inputs import StorableText
from ouvidor.monitoring.usage import Counted, Moment, Period, UsageReport, names_in, read_usage
from ouvidor.runtime import RuntimeDep
from ouvidor.web.answers import show
from ouvidor.web.contexts.bars import side_by_side
from ouvidor.web.contexts.monitoring import Bar, Chart, ChartName, Column, MonitoringPage, Share, Unit
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import Member, member_with

router = APIRouter(include_in_schema=False)

Watcher = Annotated[Member, member_with(Permission.USAGE_READ)]
Values = Callable[[Moment], tuple[float | None, ...]]
Name = Annotated[StorableText, Query(max_length=200)]


@router.get("/projects/{project}/monitoring")
async def get_monitoring(
    request: Request, rt: RuntimeDep, member: Watcher, period: Period = "24h", model: Name = "", prompt: Name = ""
) -> Response:
    """Calls, cost, times, errors and decisions of a day, a week or a month."""
    project, now = member.project, rt.clock()
    async with rt.db.read() as session:
        names = await names_in(session, project.id, now, period)
        report = await read_usage(session, project.id, now, period=period, model=model or None, prompt=prompt or None)
    page = MonitoringPage(
        frame=frame_of(request, rt, member, "monitoring"),
        report=report,
        charts=charts_of(report),
        faults=shares(report.faults),
        reasons=shares(report.reasons),
        findings=shares(report.findings),
        models=names.models,
        prompts=names.prompts,
        model=model,
        prompt=prompt,
        connected=rt.settings.llm_model or "",
    )
    return show(request, page)


def charts_of(report: UsageReport) -> tuple[Chart, ...]:
    """Decisions, times, calls and, where any is known, cost."""
    found = [
        _chart("decisions", "count", ("answer", "clarify", "handover", "failed"), report.moments, _decided),
        _chart("times", "seconds", ("p50", "p95", "p99"), report.moments, _times, nested=True),
        _chart("calls", "count", ("done", "degraded", "fault"), report.moments, _called),
        _chart("cost", "dollars", ("cost",), report.moments, lambda moment: (moment.calls.cost,)),
    ]
    return tuple(chart for chart in found if chart.peak)


def shares(counted: Sequence[Counted]) -> tuple[Share, ...]:
    """Each beside the most frequent."""
    most = max((each.count for each in counted), default=1)
    return tuple(Share(each.name, each.count, round(100 * each.count / most)) for each in counted)


def _decided(moment: Moment) -> tuple[float | None, ...]:
    turns = moment.turns
    return turns.answer, turns.clarify, turns.handover, turns.failed


def _times(moment: Moment) -> tuple[float | None, ...]:
    latency = moment.calls.latency
    return latency.p50, latency.p95, latency.p99


def _called(moment: Moment) -> tuple[float | None, ...]:
    calls = moment.calls
    return calls.calls - calls.faults, calls.degraded, calls.faults - calls.degraded


def _chart(
    name: ChartName,
    unit: Unit,
    series: tuple[str, ...],
    moments: Sequence[Moment],
    values: Values,
    *,
    nested: bool = False,
) -> Chart:
    """The chart; the values of one moment are stacked, or `nested` (each holds the one before it)."""
    told = [values(moment) for moment in moments]
    parts = [_differences(each) if nested else [value or 0.0 for value in each] for each in told]
    peak = max((sum(each) for each in parts), default=0.0)
    columns = (
        Column(
            at=moment.at,
            place=place,
            bars=_bars(series, parts[number], peak),
            values=told[number],
            last=number == len(moments) - 1,
        )
        for number, (moment, place) in enumerate(zip(moments, side_by_side(len(moments)), strict=True))
    )
    return Chart(name, unit, series, tuple(columns), peak)


def _differences(values: Sequence[float | None]) -> list[float]:
    known = [value or 0.0 for value in values]
    return [max(0.0, value - before) for before, value in zip([0.0, *known], known, strict=False)]


def _bars(series: Sequence[str], parts: Sequence[float], peak: float) -> tuple[Bar, ...]:
    bars: list[Bar] = []
    stacked = 0.0
    for name, part in zip(series, parts, strict=True):
        stacked += part
        if part:
            bars.append(Bar(name, 100 * (1 - stacked / peak), 100 * part / peak))
    return tuple(bars)
