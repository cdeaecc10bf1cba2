"""Samples of the pages of the analyses, with hostile text in every place that people or models fill."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ouvidor.analysis.figures import (
    FiguresReport,
    Interval,
    Judged,
    Measures,
    Moment,
    Names,
    OfFault,
    OfTopic,
    OfUnit,
)
from ouvidor.analysis.read import AnalysisOut
from ouvidor.analysis.runs import RunOut
from ouvidor.analysis.verdict import FAULT_KINDS
from ouvidor.web.charted import chart_views, look
from ouvidor.web.contexts.analyses import (
    AgainPage,
    AnalysesPage,
    AnalysisPage,
    AnalysisRow,
    Chip,
    LineView,
    ParkedRow,
    VerdictView,
    WorkFragment,
    WorkView,
)
from ouvidor.web.contexts.frame import Frame, Page
from ouvidor.web.words import load_words

ID = UUID(int=7)
MEASURES = Measures(
    sessions=12,
    satisfaction=5.25,
    interval=Interval(low=4.1, high=6.4),
    resolved=Judged(yes=6, no=4, unknown=2),
    goal=Judged(yes=1, no=1, unknown=10),
    handed_over=3,
    input_tokens=1_200_000,
    output_tokens=20_000,
    cost=0.0421,
    unpriced=2,
)
REASONS = ("timeout", "bad_output", "worker_lost", "empty", "error")


def analysis_pages(frame: Frame, hostile: str, now: datetime) -> list[Page]:
    """The dashboard, one analysis, going over the past, and the analysis at work in each state."""
    may = replace(frame, permissions=frozenset(("analyses:run", "analyses:read", "conversations:read")))
    return [*_dashboards(frame, may, hostile, now), *_readings(frame, hostile, now), *_agains(may, hostile)]


def _report(hostile: str, now: datetime) -> FiguresReport:
    return FiguresReport(
        step="week",
        total=MEASURES,
        moments=[Moment(at=now.date(), measures=MEASURES), Moment(at=now.date() + timedelta(days=7))],
        units=[
            OfUnit(unit=hostile, measures=MEASURES),
            OfUnit(unit=None, measures=Measures(sessions=1, satisfaction=2)),
        ],
        topics=[OfTopic(topic=hostile, measures=MEASURES)],
        ratings=list(range(11)),
        faults=[OfFault(kind=kind, sessions=3, satisfaction=2.5) for kind in (*FAULT_KINDS, hostile)],
    )


def _dashboards(frame: Frame, may: Frame, hostile: str, now: datetime) -> list[Page]:
    words, report = load_words()[frame.language], _report(hostile, now)
    row = AnalysisRow(
        address="/x?a=b&c=d",
        helpdesk_id=hostile,
        unit=hostile,
        began_at=now,
        satisfaction=2,
        resolved="no",
        goal="unknown",
        topics=(hostile, "price"),
        faults=(hostile,),
        words=hostile,
        language="pt",
        handed_over=True,
        addressed=True,
    )
    rows = (row, replace(row, satisfaction=9, resolved="yes", goal="yes", topics=(), faults=(), unit="", words=hostile))
    full = AnalysesPage(
        frame=may,
        report=report,
        names=Names(
            (hostile, "Centro"), ("en", "pt"), (hostile, "local 1"), (hostile, "local"), some_without_unit=True
        ),
        fields=_fields() | {"unit": "not listed", "since": "2026-11-01", "topic": hostile},
        query="topic=x&since=2026-11-01",
        chips=(Chip(hostile, hostile, "/x?a=b&c=d"),),
        charts=chart_views(report, words, lambda **changes: f"/x?{'&'.join(changes)}#rows"),
        worst=rows,
        rows=rows,
        order="worst",
        after="018f",
        work=_work(hostile, now, "running"),
        look=look(frame.language),
        code="/static/charts/x.js",
        period="30d",
        periods={"7d": "/x", "30d": "/x", "": "/x"},
        goal=hostile,
    )
    nothing = AnalysesPage(
        may,
        FiguresReport(step="day", total=Measures(), moments=[], units=[], topics=[], ratings=[0] * 11, faults=[]),
        Names(),
        _fields(),
        "",
    )
    plain = replace(
        full,
        frame=frame,
        report=report.model_copy(update={"total": Measures(sessions=1), "step": "month"}),
        names=Names(),
        fields=_fields(),
        query="",
        continued=True,
        work=WorkView(),
        period="",
        goal="",
    )
    return [
        full,
        plain,
        replace(plain, report=report.model_copy(update={"step": "day"}), work=WorkView(paused=True)),
        nothing,
        replace(nothing, query="unit=x"),
        replace(nothing, work=WorkView(due=3)),
        replace(nothing, frame=frame, work=WorkView(due=1)),
        *[replace(nothing, done=done) for done in ("ordered", "pause", "resume", "cancel", "retried", hostile)],
        *[replace(nothing, trouble=trouble) for trouble in ("paused", "ended", "nothing-parked", hostile)],
        *[WorkFragment(who, _work(hostile, now, state)) for who in (frame, may) for state in ("running", "paused")],
        *[WorkFragment(may, replace(_work(hostile, now, "paused", why))) for why in ("budget", "price_unknown", None)],
        WorkFragment(may, WorkView(due=7, budget=Decimal(20), spent=Decimal("3.1"))),
    ]


def _fields() -> dict[str, str]:
    names = (
        "since",
        "until",
        "unit",
        "without_unit",
        "language",
        "version",
        "model",
        "topic",
        "fault",
        "least",
        "most",
    )
    return dict.fromkeys((*names, "resolved", "goal", "handed_over", "unpriced", "order"), "")


def _work(hostile: str, now: datetime, state: Any, why: str | None = "") -> WorkView:
    run = RunOut(
        id=ID,
        kind="again",
        state=state,
        paused_for=hostile if why == "" else why,
        ordered_by=hostile,
        since=None,
        total=100,
        done=40,
        left=57,
        running=4,
        retrying=2,
        parked=3,
        rate=12.5,
        seconds_left=273.6,
        input_tokens=1000,
        output_tokens=100,
        cost=Decimal("0.0123"),
        created_at=now,
        finished_at=None,
    )
    parked = tuple(ParkedRow(ID, reason, now) for reason in (*REASONS, hostile))
    batches = (run.model_copy(update={"kind": "batch", "state": "running"}),)
    return WorkView(run, batches, parked, budget=Decimal(20), spent=Decimal("0.5"))


def _readings(frame: Frame, hostile: str, now: datetime) -> list[Page]:
    point = {"text": hostile, "at": [1, 2]}
    analysis = AnalysisOut.model_validate(
        {
            "id": ID,
            "conversation_id": ID,
            "helpdesk_id": hostile,
            "unit": hostile,
            "began_at": now,
            "ended_at": now,
            "satisfaction": 3,
            "sentiment": "negative",
            "resolved": "no",
            "goal_reached": "yes",
            "effort": 8,
            "language": "pt",
            "topics": [hostile],
            "handed_over": True,
            "summary": [point],
            "improvements": [point],
            "faults": [{"kind": "loop", "what": hostile, "at": [2]}],
            "evidence": {"satisfaction": [1]},
            "confidence": 0.5,
            "covers": 3,
            "current": False,
            "version": hostile,
            "prompt_version": None,
            "model": hostile,
            "degraded": "timeout",
            "addressed": True,
            "trimmed_messages": 3,
            "input_tokens": 1,
            "output_tokens": 1,
            "input_price": None,
            "output_price": None,
            "cost": None,
            "created_at": now,
        }
    )
    verdicts = {
        key: VerdictView(key, hostile, (1, 2) if key == "satisfaction" else ())
        for key in ("satisfaction", "sentiment", "resolved", "goal", "effort")
    }
    lines = tuple(
        LineView(
            position, speaker, hostile if position > 2 else "", hostile, now, ("satisfaction",), marked=position == 1
        )
        for position, speaker in enumerate(("customer", "bot", "person", "system"), start=1)
    )
    page = AnalysisPage(
        frame=frame,
        analysis=analysis,
        lines=lines,
        verdicts=verdicts,
        summary=(VerdictView("summary-1", hostile, (1,)),),
        improvements=(VerdictView("improvement-1", hostile, ()),),
        faults=(VerdictView("fault-1", hostile, (2,), hostile),),
        others=(analysis,),
        back="/x?a=b&c=d",
        here="/x?a=b&",
        mark="satisfaction",
        unread=2,
        left_out=3,
        goal=hostile,
    )
    good = {
        "satisfaction": 10,
        "sentiment": "positive",
        "resolved": "unknown",
        "goal_reached": "unknown",
        "current": True,
    }
    good |= {
        "cost": 0.001,
        "topics": [],
        "addressed": False,
        "degraded": None,
        "model": "local",
        "unit": None,
        "trimmed_messages": 0,
    }
    return [
        page,
        replace(
            page,
            analysis=analysis.model_copy(update=good),
            improvements=(),
            faults=(),
            others=(),
            live=False,
            mark="",
            unread=0,
            left_out=0,
            goal="",
        ),
        replace(page, analysis=analysis.model_copy(update={"sentiment": "neutral"})),
    ]


def _agains(frame: Frame, hostile: str) -> list[Page]:
    page = AgainPage(frame, "2026-11-01", "100", 120, 130_000, Decimal("1.25"), hostile)
    return [
        page,
        replace(page, dollars=None, trouble="more"),
        replace(page, conversations=0),
        replace(page, paused=True),
    ]
