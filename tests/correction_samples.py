"""Samples of the pages of correcting and of the classifier, with hostile text wherever somebody fills a place."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from ouvidor.feedback.classification import TagGiven
from ouvidor.feedback.learning.agreement import ShareOut
from ouvidor.feedback.learning.charts import reliability_chart
from ouvidor.feedback.learning.waiting import GivenOut, Progress, WaitingOut
from ouvidor.feedback.local.model import Measured
from ouvidor.feedback.measures import Bin
from ouvidor.feedback.read import ClassificationOut
from ouvidor.web.categories import CategoryView
from ouvidor.web.contexts.analyses import Cell, ChartView
from ouvidor.web.contexts.classifier import (
    ClassifierPage,
    LearningFragment,
    LearningView,
    MistakeView,
    ModelView,
)
from ouvidor.web.contexts.comments import HistoryRow
from ouvidor.web.contexts.corrections import CorrectionFragment, CorrectionsPage, Dispute, Just
from ouvidor.web.contexts.frame import Frame, Page

ID = UUID(int=9)
MAY = frozenset(("comments:read", "comments:correct", "comments:write", "comments:manage"))
READS = frozenset(("comments:read",))


def correction_pages(frame: Frame, hostile: str, now: datetime) -> list[Page]:
    """Correcting in every state, and the classifier as a manager and as a reader see it."""
    manager, reader = (replace(frame, place="comments", permissions=may) for may in (MAY, READS))
    return [*_corrections(manager, hostile, now), *_classifiers(manager, reader, hostile, now)]


def _corrections(frame: Frame, hostile: str, now: datetime) -> list[Page]:
    one, gone = CategoryView("x", hostile, 1), CategoryView("y", hostile, 0, gone=True)
    given = GivenOut(
        category="x",
        category_name=hostile,
        confidence=0.41,
        tags=[TagGiven(code="clip", explanation=hostile)],
        sentiment="negative",
    )
    comment = WaitingOut(
        id=ID,
        external_id=hostile,
        text=hostile,
        language="pt",
        fields={hostile: hostile},
        author=hostile,
        waits="unsure",
        given=given,
        written_at=now,
    )
    said = ClassificationOut(
        by="person",
        model="",
        version=hostile,
        prompt_version=None,
        person=hostile,
        taxonomy=1,
        category="x",
        tags=[],
        sentiment="neutral",
        language="pt",
        confidence=None,
        withdrawn_at=now,
        created_at=now,
    )
    by_ai = said.model_copy(update={"by": "model", "model": hostile, "confidence": 0.41, "withdrawn_at": None})
    page = CorrectionsPage(
        frame=frame,
        categories=(one, gone),
        progress=Progress(3, 9, 2),
        comment=comment,
        given=one,
        history=(HistoryRow(said, one), HistoryRow(by_ai, gone)),
        before=ID,
        behind=ID,
        just=Just(ID, one),
        suggested=23,
    )
    blind = comment.model_copy(update={"waits": "blind", "given": None})
    return [
        page,
        replace(page, comment=blind, given=None, history=(), just=Just(ID, None), before=None, behind=None),
        replace(page, just=None, categories=tuple(replace(one, code=f"c{n}") for n in range(12))),
        *[
            replace(page, just=None, dispute=Dispute(ID, hostile, gone), trouble=trouble)
            for trouble in ("meanwhile", "category", "tags", "undone", "else")
        ],
        replace(page, comment=None, given=None, history=(), progress=Progress(0, 9, 2)),
        replace(page, comment=None, given=None, history=(), progress=Progress(0, 0, 0, bare=True), just=None),
        CorrectionFragment(frame, (one,), Progress(3, 9, 2), comment, one),
    ]


def _classifiers(manager: Frame, reader: Frame, hostile: str, now: datetime) -> list[Page]:
    bins = tuple(Bin(0.3 + 0.1 * place, 0.25 + 0.1 * place, 40) for place in range(6))
    drawn = reliability_chart(bins, hostile, str)
    chart = ChartView("reliability", drawn, (hostile,), ((Cell(hostile), Cell("1")),))
    model = ModelView(4, "promoted", True, hostile, now, 120, 37, 0.812, 0.83, 0.002, 0.4, 0.9, 0.013, 61.2, 1)
    models = (
        replace(model, number=6, state="training", active=False, reason="interrupted"),
        *[
            replace(model, number=5, state="kept_out", active=False, reason=reason)
            for reason in ("worse", "other_taxonomy", "other_model")
        ],
        model,
        *[ModelView(3, "failed", False, hostile, now, reason=reason) for reason in ("no_vectors", hostile)],
        ModelView(2, "promoted", False, hostile, now),
    )
    one = CategoryView("x", hostile, 2)
    learning = LearningView(157, 37, suggested=True)
    training = replace(learning, training=models[0], slow=True)
    page = ClassifierPage(
        frame=manager,
        learning=learning,
        active=4,
        measured=Measured(1700, 0.81, 0.82, 0.5, 0.6, 0.012, bins),
        own=True,
        llm=hostile,
        chart=chart,
        blind=ShareOut(agreed=41, looked_at=45, share=0.911, low=0.79, high=0.965),
        mistakes=(MistakeView(one, one, 7, "/x?a=%22"),),
        models=models,
        waiting=3,
        done="ordered",
        look={"themes": {}},
        code="/static/x.js",
    )
    return [
        page,
        replace(page, frame=reader, learning=training, llm="", done="activated"),
        replace(page, learning=training, llm=""),
        replace(page, learning=LearningView(), active=0, own=False, models=(), mistakes=(), chart=None, measured=None),
        *[replace(page, trouble=trouble) for trouble in ("nothing", "gone", "none", "no-vectors", "else")],
        LearningFragment(manager, training),
    ]
