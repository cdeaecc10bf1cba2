"""Samples of the pages of comments, with hostile text in every place that people or models fill."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

from ouvidor.feedback.classification import TagGiven
from ouvidor.feedback.finding.find import Order
from ouvidor.feedback.finding.menus import Choice, FieldMenu, Menus
from ouvidor.feedback.intake.uploads import TIME_FORMATS
from ouvidor.feedback.jobs.control import JobOut, State
from ouvidor.feedback.read import ClassificationOut, CommentOut
from ouvidor.web.categories import CategoryView
from ouvidor.web.comment_files import ZONES
from ouvidor.web.comment_filters import CommentFilters
from ouvidor.web.contexts.comments import (
    AskedField,
    BrokenRow,
    ColumnsPage,
    CommentPage,
    CommentRow,
    CommentsPage,
    FieldLink,
    FilesPage,
    FilterChip,
    HistoryRow,
    JobFragment,
    JobPage,
    JobView,
    Link,
    SampleRow,
    SavedView,
)
from ouvidor.web.contexts.frame import Frame, Page

ID = UUID(int=7)
EVERYTHING = ("comments:read", "comments:correct", "comments:write", "comments:manage")
LONG = "Gostei muito do clipe novo, mas a letra na descrição está errada e o áudio estoura no refrão. " * 60


def comment_pages(frame: Frame, hostile: str, now: datetime) -> list[Page]:
    """The list, one comment, files, columns and jobs, as a manager and as somebody who may only read sees them."""
    manager = replace(frame, place="comments", permissions=frozenset(EVERYTHING))
    reader = replace(frame, place="comments", permissions=frozenset(("comments:read",)))
    return [
        *_lists(manager, reader, hostile, now),
        *_ones(manager, reader, hostile, now),
        *_files(manager, reader, hostile, now),
        *_columns(manager, hostile, now),
        *_jobs(manager, reader, hostile, now),
    ]


def _comment(hostile: str, now: datetime, **changes: Any) -> CommentOut:
    usual: dict[str, Any] = {
        "id": ID,
        "external_id": hostile,
        "text": hostile,
        "category": "criticism",
        "category_name": hostile,
        "given_category": "praise",
        "tags": [TagGiven(code="feat_autotune", explanation=hostile[:600])],
        "confidence": 0.583,
        "sentiment": "negative",
        "language": "pt",
        "fields": {hostile: hostile},
        "author": hostile,
        "waits": None,
        "corrected_at": now,
        "taxonomy": 2,
        "written_at": now - timedelta(hours=5),
        "received_at": now,
        "updated_at": now,
    }
    return CommentOut.model_validate(usual | changes)


def _row(hostile: str, now: datetime, **changes: Any) -> CommentRow:
    category = CategoryView("criticism", hostile, 2)
    fields = tuple(FieldLink(hostile, hostile, "/x?a=b&c=d") for _ in range(5))
    tags = (Link("feat_autotune", "/x?a=b&c=d", hostile),)
    return CommentRow("/x?a=b&c=d", _comment(hostile, now, **changes), category, tags, fields, 83)


def _lists(manager: Frame, reader: Frame, hostile: str, now: datetime) -> list[Page]:
    open_ = {"corrected_at": None}
    rows = (
        _row(hostile, now),
        _row(LONG, now, **open_, waits="unsure", language="xx", sentiment="positive"),
        _row(hostile, now, **open_, waits="blind", sentiment="neutral"),
        replace(_row("ok", now, **open_), tags=(), fields=(), similarity=None),
        replace(_row(hostile, now), category=CategoryView(hostile, hostile, 0, gone=True)),
    )
    categories = tuple(CategoryView(f"code_{place}", hostile, place) for place in range(1, 13))
    addresses = {f"order={order}": "/x?a=b&c=d" for order in (*get_args(Order), "")} | {
        "rows=": "/x",
        "rows=dense": "/x?rows=dense",
        "category=criticism": "/x",
        f"category={hostile}": "/x",
    }
    choices = [Choice(value=hostile, comments=3), Choice(value="pt", comments=2)]
    menus = Menus(fields=[FieldMenu(name=hostile, values=choices)], tags=choices, languages=choices)
    told = CommentFilters({"q": hostile, "tag": hostile, "language": "es", "artist": hostile, "job": hostile})
    full = CommentsPage(
        frame=manager,
        told=told.shown(),
        query=told.address(),
        addresses=addresses,
        categories=categories,
        menus=menus,
        asked=(AskedField(hostile, hostile, (hostile, "web")), AskedField("canal", "", ())),
        others=(hostile, "loja"),
        chips=(FilterChip(hostile, hostile, "/x?a=b&c=d"), FilterChip("a", "b", "/x")),
        views=(SavedView(ID, hostile, "/x?a=b&c=d", current=True), SavedView(UUID(int=8), LONG[:80], "/x")),
        rows=rows * 10,
        total=10_000,
        least=True,
        order="unsure",
        by="both",
        after="018f",
        continued=True,
        waiting=1234,
    )
    plain = replace(
        full,
        frame=reader,
        told=CommentFilters({"rows": "dense"}).shown(),
        query="",
        asked=(),
        others=(),
        chips=(),
        views=(),
        total=1,
        least=False,
        order="newest",
        by=None,
        after="",
        waiting=None,
        rows=rows,
    )
    nothing = replace(plain, rows=(), total=0)
    done = ("corrected", "taken-back", "saved", "deleted", "removed", hostile)
    troubles = ("none-ticked", "no-category", "view", "views", "gone", "too-many", hostile)
    return [
        full,
        plain,
        *[replace(plain, order=order, frame=manager) for order in get_args(Order)],
        replace(full, no_words=True, by="meaning"),
        nothing,
        replace(full, rows=(), chips=()),
        replace(full, rows=()),
        replace(nothing, bare=True),
        replace(nothing, bare=True, frame=manager),
        *[replace(plain, frame=manager, done=each, count=3, kept=2, deed=hostile) for each in done],
        *[replace(plain, trouble=each) for each in troubles],
    ]


def _ones(manager: Frame, reader: Frame, hostile: str, now: datetime) -> list[Page]:
    said: dict[str, Any] = {
        "by": "local",
        "model": hostile,
        "version": hostile,
        "prompt_version": None,
        "person": None,
        "taxonomy": 2,
        "category": "praise",
        "tags": [TagGiven(code="clip", explanation=hostile[:600])],
        "sentiment": "neutral",
        "language": "pt",
        "confidence": 0.5,
        "withdrawn_at": None,
        "created_at": now,
    }
    by_person = {"by": "person", "model": "", "version": "", "confidence": None, "tags": []}
    category = CategoryView("praise", hostile, 1)
    each = (
        said,
        said | {"by": "model", "taxonomy": 0},
        said | by_person | {"person": hostile},
        said | by_person | {"withdrawn_at": now},
    )
    history = tuple(HistoryRow(ClassificationOut.model_validate(one), category) for one in each)
    page = CommentPage(
        frame=manager,
        row=_row(hostile, now),
        given=category,
        categories=tuple(CategoryView(f"code_{place}", hostile, place) for place in range(1, 13)),
        history=history,
        similar=(_row(hostile, now), _row(LONG, now)),
        back="/x?a=b&c=d",
        query="a=b&c=d",
        waiting=3,
    )
    return [
        page,
        replace(page, frame=reader, row=_row(LONG, now, corrected_at=None, author=None), similar=(), waiting=None),
        replace(page, row=_row(hostile, now, given_category="criticism")),
        *[replace(page, done=done) for done in ("corrected", "taken-back", hostile)],
        *[replace(page, trouble=one) for one in ("meanwhile", "no-category", "not-yours", "not-typed", hostile)],
    ]


def _job(hostile: str, now: datetime, **changes: Any) -> JobView:
    usual: dict[str, Any] = {
        "id": ID,
        "kind": "intake",
        "source": "csv",
        "name": hostile,
        "state": "running",
        "paused_for": None,
        "reason": None,
        "ordered_by": hostile,
        "batched": True,
        "total": 100_000,
        "done": 41_000,
        "failed": 3,
        "left": 58_997,
        "rate": 612.4,
        "seconds_left": 96.3,
        "input_tokens": 1,
        "output_tokens": 1,
        "cost": Decimal("0.12"),
        "created_at": now,
        "started_at": now,
        "finished_at": None,
    }
    return JobView(JobOut.model_validate(usual | changes), "/x/y")


def _files(manager: Frame, reader: Frame, hostile: str, now: datetime) -> list[Page]:
    sources = (
        {"name": "", "source": "pasted"},
        {"name": "", "source": "api"},
        {"name": "", "source": "command"},
        {"name": "", "source": hostile},
        {"name": "", "kind": "again", "source": "taxonomy"},
        {"name": "", "kind": "again", "source": "model"},
    )
    jobs = (
        *(_job(hostile, now, state=state, failed=place % 2) for place, state in enumerate(get_args(State))),
        *(_job(hostile, now, **source) for source in sources),
    )
    page = FilesPage(manager, jobs, 33_554_432, 1_000, after="018f", continued=True, waiting=2)
    troubles = ("empty", "no-text", "nothing", "too-many", "broken", hostile)
    return [
        page,
        replace(page, frame=reader, after="", continued=False),
        replace(page, jobs=()),
        replace(page, jobs=(), frame=reader),
        *[replace(page, trouble=one, pasted=f"\n{hostile}\n</textarea>", reason=hostile) for one in troubles],
    ]


def _columns(manager: Frame, hostile: str, now: datetime) -> list[Page]:
    rows = (
        SampleRow(hostile, hostile, hostile, now, ((hostile, hostile), ("b", LONG))),
        SampleRow(LONG[:300]),
        SampleRow(wrong=hostile),
    )
    page = ColumnsPage(
        frame=manager,
        id=ID,
        name=hostile,
        columns=(hostile, "", "texto"),
        chosen={"text": hostile, "id": "texto", "author": "", "written_at": ""},
        rows=rows,
        expires_at=now + timedelta(minutes=50),
        encoding="cp1252",
        times=TIME_FORMATS[1],
        zone=ZONES[0],
        zones=ZONES,
        time_formats=TIME_FORMATS,
        broken=2,
        looked_at=50,
        batches=True,
    )
    return [
        page,
        replace(page, nameless=True, chosen=dict.fromkeys(page.chosen, ""), broken=0, encoding="utf-8", name=""),
        replace(page, wrong=hostile, rows=(), columns=(), batches=False),
    ]


def _jobs(manager: Frame, reader: Frame, hostile: str, now: datetime) -> list[Page]:
    broken = (BrokenRow(hostile, hostile, hostile, hostile), BrokenRow("line 3", "", "", LONG[:200]))
    every = [_job(hostile, now, state=state, reason=hostile, finished_at=now) for state in get_args(State)]
    paused = [_job(hostile, now, state="paused", paused_for=why) for why in ("budget", "price_unknown", hostile, None)]
    again = _job(hostile, now, kind="again", state="done", rate=None, seconds_left=None)
    slow = _job(hostile, now, rate=0.31, failed=0, cost=Decimal(0), batched=False, name="", source="pasted")
    return [
        *[JobPage(manager, view, broken, retriable=True, waiting=3) for view in (*every, again)],
        *[JobFragment(who, view) for view in (*every, *paused, slow) for who in (manager, reader)],
        JobFragment(manager, _job(hostile, now, kind="again", seconds_left=None, rate=None)),
        JobPage(reader, slow),
        *[JobPage(manager, slow, done=done) for done in ("pause", "resume", "cancel", "retry", hostile)],
        JobPage(manager, slow, trouble="ended"),
    ]
