"""The dashboard of the analyses, its exports, and one conversation beside its analysis."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from ouvidor.accounts.permissions import Permission
from ouvidor.analysis.analyse import READ_AT_BEGINNING, READ_AT_END
from ouvidor.analysis.charts import Link
from ouvidor.analysis.export_answer import analyses_file
from ouvidor.analysis.figures import FiguresReport, following, known_figures, read_names
from ouvidor.analysis.read import AnalysisOut, Order, analyses_of, list_analyses, read_analysis
from ouvidor.analysis.verdict import FAULT_KINDS
from ouvidor.analysis.wanted import AnalysisFilter
from ouvidor.conversations.models import Origin
from ouvidor.conversations.read import MessageOut, own_conversation, read_conversation
from ouvidor.inputs import StorableText, day_of
from ouvidor.runtime import RuntimeDep
from ouvidor.web.analysis_words import fault_name, judgement_name
from ouvidor.web.answers import show
from ouvidor.web.charted import chart_views, look
from ouvidor.web.contexts.analyses import (
    AnalysesPage,
    AnalysisPage,
    AnalysisRow,
    Chip,
    LineView,
    VerdictView,
)
from ouvidor.web.frames import frame_of
from ouvidor.web.render import Renderer
from ouvidor.web.vega import ADDRESS
from ouvidor.web.visits import Member, member_with
from ouvidor.web.words import Words
from ouvidor.web.working import read_work

PAGE_LENGTH = 25
WORST = 6
PERIODS: dict[str, int] = {"7d": 7, "30d": 30, "90d": 90}

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.ANALYSES_READ)]
Name = Annotated[StorableText, Query(max_length=300)]
Short = Annotated[str, Query(max_length=20)]
Rating = Annotated[str, Query(max_length=3)]


@dataclass(frozen=True)
class Filters:
    """What the dashboard is narrowed to, from the address; FastAPI reads each field from the query."""

    since: Short = ""
    until: Short = ""
    unit: Name = ""
    without_unit: Literal["", "true"] = ""
    language: Name = ""
    version: Name = ""
    model: Name = ""
    topic: Name = ""
    fault: Short = ""
    least: Rating = ""
    most: Rating = ""
    resolved: Literal["", "yes", "no", "unknown"] = ""
    goal: Literal["", "yes", "no", "unknown"] = ""
    handed_over: Literal["", "yes", "no"] = ""
    unpriced: Literal["", "true"] = ""
    order: Order = "newest"

    @cached_property
    def sound(self) -> dict[str, str]:
        """The filters that mean something, by name; a day, number or fault that does not exist is left out."""
        found = {field.name: str(getattr(self, field.name)) for field in fields(self)}
        for name in ("since", "until"):
            found[name] = found[name] if day_of(found[name]) else ""
        for name in ("least", "most"):
            found[name] = found[name] if _rating(found[name]) is not None else ""
        found["fault"] = self.fault if self.fault in FAULT_KINDS else ""
        found["order"] = "" if self.order == "newest" else self.order
        return {name: value for name, value in found.items() if value}

    def address(self, **changes: str) -> str:
        """The filters with these changes, as an address has them; an empty one is taken away."""
        return urlencode({name: value for name, value in {**self.sound, **changes}.items() if value})

    def wanted(self) -> AnalysisFilter:
        """The filters as figures, lists and exports take them; days are whole, in UTC, both included."""
        sound = self.sound
        until = day_of(self.until)
        return AnalysisFilter(
            unit=self.unit or None,
            without_unit=bool(self.without_unit),
            since=day_of(self.since),
            until=until + timedelta(days=1) if until else None,
            language=self.language or None,
            version=self.version or None,
            model=self.model or None,
            topic=self.topic or None,
            fault=next((kind for kind in FAULT_KINDS if kind == sound.get("fault")), None),
            least=_rating(self.least),
            most=_rating(self.most),
            resolved=self.resolved or None,
            goal=self.goal or None,
            handed_over=None if not self.handed_over else self.handed_over == "yes",
            unpriced=bool(self.unpriced),
        )


FiltersDep = Annotated[Filters, Depends(Filters)]


@router.get("/projects/{project}/analyses")
async def get_analyses(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    filters: FiltersDep,
    after: UUID | None = None,
    done: Short = "",
    trouble: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """Figures, charts, the least satisfied conversations and all of them, under the filters."""
    project, wanted, now = member.project, filters.wanted(), rt.clock()
    frame = frame_of(request, rt, member, "analyses")
    renderer: Renderer = request.app.state.renderer
    words, base = renderer.words[frame.language], f"/projects/{project.name}/analyses"
    async with rt.db.read() as session:
        names = await read_names(rt, session, project.id)
        report = await known_figures(rt, session, project.id, wanted)
        found = await list_analyses(session, project.id, wanted, after=after, limit=PAGE_LENGTH, order=filters.order)
        worst = found.data[:WORST]
        if filters.order != "worst" and worst and not after:
            worst = (await list_analyses(session, project.id, wanted, limit=WORST, order="worst")).data
        work = await read_work(session, project, now)
    kept = filters.address()
    rows, least = (_rows(words, base, kept, each) for each in (found.data, worst))
    page = AnalysesPage(
        frame=frame,
        report=report,
        names=names,
        fields={field.name: "" for field in fields(Filters)} | filters.sound | {"order": filters.order},
        query=kept,
        chips=_chips(words, base, filters),
        charts=chart_views(report, words, _link(base, filters, report)),
        worst=least,
        rows=rows,
        order=filters.order,
        after=str(found.last_id) if found.has_more else "",
        continued=after is not None,
        work=work,
        look=look(frame.language),
        code=ADDRESS,
        period=_period(filters, now.date()),
        periods=_periods(base, filters, now.date()),
        goal=project.analysis_goal,
        done=done,
        trouble=trouble,
    )
    return show(request, page)


@router.get("/projects/{project}/analyses/export.csv")
async def get_csv(rt: RuntimeDep, member: Reader, filters: FiltersDep) -> Response:
    """The filtered analyses as CSV, one row for each conversation, streamed."""
    return analyses_file(rt, member.project, filters.wanted(), "csv", filters.order)


@router.get("/projects/{project}/analyses/export.json")
async def get_json(rt: RuntimeDep, member: Reader, filters: FiltersDep) -> Response:
    """The filtered analyses as JSON, one object for each conversation, streamed."""
    return analyses_file(rt, member.project, filters.wanted(), "json", filters.order)


@router.get("/projects/{project}/analyses/{analysis_id}")
async def get_analysis(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    analysis_id: UUID,
    filters: FiltersDep,
    mark: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """A conversation beside its analysis; the lines of the verdict `mark` are marked."""
    project, kept = member.project, filters.address()
    base = f"/projects/{project.name}/analyses"
    frame = frame_of(request, rt, member, "analyses")
    renderer: Renderer = request.app.state.renderer
    words = renderer.words[frame.language]
    async with rt.db.read() as session:
        analysis = await read_analysis(session, project.id, analysis_id)
        conversation = await own_conversation(session, project.id, analysis.conversation_id)
        history = (await read_conversation(session, project.id, analysis.conversation_id)).history
        every = await analyses_of(session, project.id, analysis.conversation_id)
    verdicts = _verdicts(words, analysis)
    shown = [*history[:READ_AT_BEGINNING], *history[max(READ_AT_BEGINNING, len(history) - READ_AT_END) :]]
    page = AnalysisPage(
        frame=frame,
        analysis=analysis,
        lines=tuple(_line(message, verdicts, mark) for message in shown),
        verdicts={each.key: each for each in verdicts},
        summary=tuple(each for each in verdicts if each.key.startswith("summary-")),
        improvements=tuple(each for each in verdicts if each.key.startswith("improvement-")),
        faults=tuple(each for each in verdicts if each.key.startswith("fault-")),
        others=tuple(other for other in every if other.id != analysis.id),
        back=f"{base}?{kept}" if kept else base,
        here=f"{base}/{analysis.id}?{kept}&" if kept else f"{base}/{analysis.id}?",
        live=conversation.origin == Origin.LIVE,
        mark=mark if any(mark == each.key for each in verdicts) else "",
        unread=sum(message.position > analysis.covers and message.author != "system" for message in history),
        left_out=len(history) - len(shown),
        goal=project.analysis_goal,
    )
    return show(request, page)


def _verdicts(words: Words, analysis: AnalysisOut) -> list[VerdictView]:
    """Everything that the analysis says, each with the messages that it rests on."""
    evidence = analysis.evidence
    plain = {
        "satisfaction": (str(analysis.satisfaction), evidence.satisfaction),
        "sentiment": (analysis.sentiment, evidence.sentiment),
        "resolved": (analysis.resolved, evidence.resolved),
        "goal": (analysis.goal_reached, evidence.goal),
        "effort": (str(analysis.effort), evidence.effort),
    }
    found = [VerdictView(key, text, tuple(at)) for key, (text, at) in plain.items()]
    for name, points in (("summary", analysis.summary), ("improvement", analysis.improvements)):
        found += [VerdictView(f"{name}-{number}", each.text, tuple(each.at)) for number, each in enumerate(points, 1)]
    for number, each in enumerate(analysis.faults, 1):
        found.append(VerdictView(f"fault-{number}", each.what, tuple(each.at), fault_name(words, each.kind)))
    return found


def _line(message: MessageOut, verdicts: Sequence[VerdictView], mark: str) -> LineView:
    marks = tuple(each.key for each in verdicts if message.position in each.at)
    return LineView(
        position=message.position,
        speaker=message.author,
        name=message.author_name or "",
        text=message.content,
        at=message.created_at,
        marks=marks,
        marked=mark in marks,
    )


def _rows(words: Words, base: str, kept: str, found: Sequence[AnalysisOut]) -> tuple[AnalysisRow, ...]:
    return tuple(
        AnalysisRow(
            address=f"{base}/{each.id}?{kept}" if kept else f"{base}/{each.id}",
            helpdesk_id=each.helpdesk_id,
            unit=each.unit or "",
            began_at=each.began_at,
            satisfaction=each.satisfaction,
            resolved=each.resolved,
            goal=each.goal_reached,
            topics=tuple(each.topics),
            faults=tuple(fault_name(words, kind) for kind in dict.fromkeys(fault.kind for fault in each.faults)),
            words=each.summary[0].text,
            language=each.language,
            handed_over=each.handed_over,
            addressed=each.addressed,
        )
        for each in found
    )


def _link(base: str, filters: Filters, report: FiguresReport) -> Link:
    """Where marks of charts and rows of tables lead: to the list under one filter more."""

    def link(*, at: date | None = None, **changes: object) -> str:
        told = {name: str(value) for name, value in changes.items()}
        if at is not None:
            told |= {"since": at.isoformat(), "until": (following(at, report.step) - timedelta(days=1)).isoformat()}
        return f"{base}?{filters.address(**told)}#rows"

    return link


def _chips(words: Words, base: str, filters: Filters) -> tuple[Chip, ...]:
    """The filters that drilling down sets, each with the address without it."""
    _, sound = words.text, filters.sound
    least, most = sound.get("least", "0"), sound.get("most", "10")
    known = (
        (("topic",), _("Topic"), sound.get("topic", "")),
        (("fault",), _("Fault"), fault_name(words, sound["fault"]) if "fault" in sound else ""),
        (("least", "most"), _("Satisfaction"), least if least == most else f"{least}–{most}"),
        (("resolved",), _("Resolved"), judgement_name(words, sound.get("resolved", ""))),
        (("goal",), _("Goal reached"), judgement_name(words, sound.get("goal", ""))),
        (("handed_over",), _("Handed over"), judgement_name(words, sound.get("handed_over", ""))),
        (("unpriced",), _("Cost"), _("unknown")),
        (("without_unit",), _("Unit"), _("none")),
    )
    return tuple(
        Chip(label, value, f"{base}?{filters.address(**dict.fromkeys(keys, ''))}")
        for keys, label, value in known
        if any(key in sound for key in keys)
    )


def _period(filters: Filters, today: date) -> str:
    """Which of the usual stretches of time is chosen, if one is."""
    since = {name: (today - timedelta(days=days - 1)).isoformat() for name, days in PERIODS.items()}
    return "" if filters.until else next((name for name, day in since.items() if day == filters.since), "")


def _periods(base: str, filters: Filters, today: date) -> dict[str, str]:
    """The addresses of the usual stretches of time, up to today; an empty one is all of it."""
    since = {name: (today - timedelta(days=days - 1)).isoformat() for name, days in PERIODS.items()}
    return {name: f"{base}?{filters.address(since=day, until='')}" for name, day in [*since.items(), ("", "")]}


def _rating(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) <= 10 else None
