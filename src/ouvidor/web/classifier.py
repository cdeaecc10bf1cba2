"""The classifier of a project's comments: how good it is, what it has learnt, training it, going back."""

from datetime import datetime, timedelta
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response

from ouvidor.accounts.permissions import Permission
from ouvidor.engines.embeddings import EmbeddingFailed
from ouvidor.errors import Conflict, NotFound
from ouvidor.feedback.again import begin_again
from ouvidor.feedback.in_use import DEFAULT_NUMBER, InUse, in_use
from ouvidor.feedback.learning.agreement import agreement
from ouvidor.feedback.learning.charts import reliability_chart
from ouvidor.feedback.learning.golden_answer import golden_file
from ouvidor.feedback.learning.train import ATTEMPTS, NothingToLearn, order_training
from ouvidor.feedback.learning.trainings import SHIPPED, Learning, activate_model, learning_of, list_models
from ouvidor.feedback.learning.waiting import progress_of
from ouvidor.feedback.local.model import Measured
from ouvidor.feedback.models import CommentModel
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.categories import category_view, category_views
from ouvidor.web.charted import look
from ouvidor.web.contexts.analyses import Cell, ChartView
from ouvidor.web.contexts.classifier import ClassifierPage, LearningFragment, LearningView, MistakeView, ModelView
from ouvidor.web.frames import frame_of
from ouvidor.web.render import Renderer
from ouvidor.web.vega import ADDRESS
from ouvidor.web.visits import Member, member_with
from ouvidor.web.words import Words

DAYS = 90
MOST_MODELS = 30
PATIENCE = timedelta(minutes=10)

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.COMMENTS_READ)]
Manager = Annotated[Member, member_with(Permission.COMMENTS_MANAGE)]
Short = Annotated[str, Query(max_length=20)]
Number = Annotated[int, Form(ge=0, le=2_147_483_647)]


@router.get("/projects/{project}/comments/classifier")
async def get_classifier(
    request: Request, rt: RuntimeDep, member: Reader, done: Short = "", trouble: Short = ""
) -> Response:
    """What classifies now, how far its confidence can be trusted, and every training so far."""
    project, frame = member.project, frame_of(request, rt, member, "comments")
    renderer: Renderer = request.app.state.renderer
    words, now = renderer.words[frame.language], rt.clock()
    use = await _in_use(rt, member)
    async with rt.db.read() as session:
        learning = await learning_of(session, project)
        models = await list_models(session, project.id, limit=MOST_MODELS)
        agreed = await agreement(session, project.id, now - timedelta(days=DAYS))
        waiting = (await progress_of(session, project.id, now)).waiting
    measured = use.classifier.trained.model_for(rt.embedder).measured if use else None
    views = category_views(use.taxonomy, frame.language) if use else {}
    base = f"/projects/{project.name}/comments"
    page = ClassifierPage(
        frame=frame,
        learning=_learning(learning, now),
        active=learning.active.number if learning.active else SHIPPED,
        measured=measured,
        own=use is not None and use.number != DEFAULT_NUMBER,
        llm=rt.engine.name if use and use.by_model else "",
        chart=_chart(measured, words) if measured and measured.bins else None,
        blind=agreed.blind,
        unsure=agreed.unsure,
        mistakes=tuple(
            MistakeView(
                category_view(views, one.given),
                category_view(views, one.said),
                one.comments,
                f"{base}?{urlencode({'given_category': one.given, 'category': one.said, 'corrected': 'true'})}",
            )
            for one in agreed.mistakes
        ),
        days=DAYS,
        models=tuple(_view(model) for model in models),
        waiting=waiting,
        done=done,
        trouble="" if use or trouble else "no-vectors",
        look=look(frame.language),
        code=ADDRESS,
    )
    return show(request, page)


@router.get("/projects/{project}/comments/classifier/learning")
async def get_learning(request: Request, rt: RuntimeDep, member: Reader) -> Response:
    """The training under way by itself, for a page that stands open."""
    async with rt.db.read() as session:
        learning = await learning_of(session, member.project)
    frame = frame_of(request, rt, member, "comments")
    return show(request, LearningFragment(frame, _learning(learning, rt.clock())))


@router.get("/projects/{project}/comments/golden.csv")
async def get_golden(rt: RuntimeDep, member: Reader) -> Response:
    """Every corrected comment with its category, streamed."""
    return await golden_file(rt, member.project)


@router.post("/projects/{project}/comments/classifier/retrain")
async def post_retrain(rt: RuntimeDep, member: Manager) -> Response:
    """Have the classifier learn all corrections."""
    try:
        await order_training(rt, member.project, member.person.actor)
    except NothingToLearn:
        return go_to(f"{_base(member)}?trouble=nothing")
    return go_to(f"{_base(member)}?done=ordered")


@router.post("/projects/{project}/comments/classifier/activate")
async def post_activation(rt: RuntimeDep, member: Manager, number: Number) -> Response:
    """Classify with another model from now on."""
    try:
        await activate_model(rt, member.project, number, member.person.actor)
    except (Conflict, NotFound):
        return go_to(f"{_base(member)}?trouble=gone")
    return go_to(f"{_base(member)}?done=activated")


@router.post("/projects/{project}/comments/classifier/again")
async def post_again(rt: RuntimeDep, member: Manager) -> Response:
    """Classify all comments anew with the model in use; what people have said stays."""
    async with rt.db.begin() as session:
        actor, now = member.person.actor, rt.clock()
        job = await begin_again(session, member.project, source="model", actor=actor, now=now)
    if job is None:
        return go_to(f"{_base(member)}?trouble=none")
    return go_to(f"/projects/{member.project.name}/comments/files/{job}")


async def _in_use(rt: Runtime, member: Member) -> InUse | None:
    """What classifies now; None where its vectors cannot be had."""
    try:
        return await in_use(rt, member.project)
    except EmbeddingFailed:
        return None


def _learning(learning: Learning, now: datetime) -> LearningView:
    training = _view(learning.training) if learning.training else None
    slow = training is not None and now - training.created_at > PATIENCE
    return LearningView(learning.corrections, learning.new, learning.suggested, training, slow)


def _view(model: CommentModel) -> ModelView:
    told = model.measured

    def figure(of: str, name: str) -> float | None:
        found = told.get(of)
        return cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None

    return ModelView(
        number=model.number,
        state=model.state,  # pyright: ignore[reportArgumentType] - the table allows no other
        active=model.active,
        ordered_by=model.ordered_by,
        created_at=model.created_at,
        corrections=model.corrections,
        learnt=told.get("new", 0),
        before=figure("before", "macro_f1"),
        after=figure("after", "macro_f1"),
        noise=told.get("noise", 0.0),
        new_before=told.get("new_before"),
        new_after=told.get("new_after"),
        calibration_error=figure("after", "calibration_error"),
        seconds=told.get("seconds"),
        attempts=told.get(ATTEMPTS, 0),
        reason=model.reason or "",
    )


def _chart(measured: Measured, words: Words) -> ChartView:
    """The reliability chart, and the table behind it."""
    _ = words.text
    error = words.number(100 * measured.calibration_error, 1)
    title = _("Confidence and share of right ones; calibration error %(error)s points", error=error)
    spec = reliability_chart(measured.bins, title, words.text)
    headings = (_("Confidence"), _("Right"), _("Comments"))
    rows = tuple(
        (
            Cell(f"{words.number(100 * one.confidence)} %", numeric=True),
            Cell(f"{words.number(100 * one.accuracy)} %"),
            Cell(words.number(one.count)),
        )
        for one in reversed(measured.bins)
    )
    return ChartView("reliability", spec, headings, rows)


def _base(member: Member) -> str:
    return f"/projects/{member.project.name}/comments/classifier"
