"""Routes by which people correct comments, and the classifier learns from it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.paging import After, Limit
from ouvidor.accounts.permissions import Permission
from ouvidor.errors import Unprocessable
from ouvidor.feedback.classification import MOST_TAGS, Sentiment, TagGiven
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.learning.agreement import AgreementOut, agreement
from ouvidor.feedback.learning.correcting import confirm, correct, list_again, skip, take_back
from ouvidor.feedback.learning.correcting_many import MOST, ManyCorrected, ManyTakenBack, correct_many, take_back_many
from ouvidor.feedback.learning.golden_answer import golden_file
from ouvidor.feedback.learning.train import order_training
from ouvidor.feedback.learning.trainings import activate_model, active_model, learning_of, list_models
from ouvidor.feedback.learning.waiting import WaitingPage, list_waiting
from ouvidor.feedback.models import CommentModel
from ouvidor.feedback.read import CommentOut
from ouvidor.inputs import Moment, StorableText
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/comments", tags=["comments"])

Reader = Annotated[Caller, requires(Permission.COMMENTS_READ)]
Corrector = Annotated[Caller, requires(Permission.COMMENTS_CORRECT)]
Manager = Annotated[Caller, requires(Permission.COMMENTS_MANAGE)]
ONE = problem_responses(401, 403, 404, 422)
CHANGED = problem_responses(400, 401, 403, 404, 409, 422)

MOST_DAYS = 3_650
MOST_MODELS = 2_147_483_647
EXAMPLE: JsonDict = {"category": "criticism", "sentiment": "negative"}
MANY_EXAMPLE: JsonDict = {"category": "spam", "filter": {"given_category": "praise", "artist": "Marina Sol"}}


class NothingChosen(Unprocessable):
    """Say which comments: by their ids, or by a filter that leaves something out."""


class CorrectionIn(BaseModel):
    """What a comment is: the AI's own category confirms it; tags and sentiment that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    category: StorableText = Field(max_length=60, description="A code or name of the taxonomy.")
    tags: list[TagGiven] | None = Field(default=None, max_length=MOST_TAGS)
    sentiment: Sentiment | None = None
    seen: bool = Field(
        default=False, description="Whether the AI's value was seen of a comment that was to be judged blindly."
    )
    instead_of: Annotated[StorableText, Field(max_length=60)] | None = Field(
        default=None, description="The category that somebody else has told, where this is to replace it."
    )


class FilterIn(BaseModel):
    """Which comments: what is left out leaves a thing open, and all else must hold; the names are those of the list."""

    model_config = ConfigDict(extra="forbid")

    category: StorableText | None = None
    given_category: StorableText | None = None
    tag: StorableText | None = None
    fields: dict[StorableText, StorableText] = Field(default={}, max_length=10)
    artist: StorableText | None = None
    album: StorableText | None = None
    sentiment: Sentiment | None = None
    language: StorableText | None = None
    since: Moment | None = None
    until: Moment | None = None
    least: float | None = Field(default=None, ge=0, le=1)
    most: float | None = Field(default=None, ge=0, le=1)
    corrected: bool | None = None
    waiting: bool | None = None
    job: UUID | None = None


class CorrectionsIn(BaseModel):
    """What many comments are, chosen by our ids or by a filter; at most 10,000."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": MANY_EXAMPLE})

    category: StorableText = Field(max_length=60, description="A code or name of the taxonomy.")
    tags: list[TagGiven] | None = Field(default=None, max_length=MOST_TAGS)
    sentiment: Sentiment | None = None
    ids: list[UUID] = Field(default=[], max_length=MOST)
    filter: FilterIn = FilterIn()
    over_people: bool = Field(default=False, description="Whether this replaces what people have said already.")

    def wanted(self) -> CommentFilter:
        """Which comments.

        Raises:
            NothingChosen: all of them.
        """
        plain = {name: getattr(self.filter, name) for name in FilterIn.model_fields if name != "fields"}
        chosen = CommentFilter(**plain, fields=tuple(self.filter.fields.items()), ids=tuple(self.ids))
        if not chosen.narrows:
            raise NothingChosen
        return chosen


class ModelOut(BaseModel):
    """A training of the project's own classifier, and what came of it.

    `measured` tells macro-F1, accuracy, log-loss (calibrated and raw) and the debiased calibration error on folds not
    trained on, of what was in use `before` and of the model (`after`).
    """

    number: int
    state: Literal["training", "promoted", "kept_out", "failed"]
    active: bool
    taxonomy: int
    corrections: int
    measured: dict[str, Any]
    reason: str | None
    ordered_by: str
    created_at: datetime
    finished_at: datetime | None


class ModelsOut(BaseModel):
    """The trainings, the newest first; `active` is the number of the model in use (0: the one that ships).

    `new` counts corrections that it has not learnt; `suggested` tells whether a training is worth it.
    """

    object: Literal["list"] = "list"
    data: list[ModelOut]
    active: int
    corrections: int
    new: int
    suggested: bool


class ActiveOut(BaseModel):
    """The number of the model in use (0: the one that ships)."""

    active: int


@router.get("/waiting", summary="List what waits for a person", responses=ONE)
async def get_waiting(rt: RuntimeDep, caller: Corrector, after: After = None, limit: Limit = 20) -> WaitingPage:
    """Comments of little confidence, the least first, and among them the random share that is judged blindly.

    Of blind ones the AI's value is not told.
    """
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, caller.project)
        return await list_waiting(session, caller.project.id, taxonomy, after=after, limit=limit)


@router.post("/correct", summary="Correct many", responses=problem_responses(400, 401, 403, 422))
async def post_corrections(rt: RuntimeDep, caller: Corrector, said: CorrectionsIn) -> ManyCorrected:
    """Say what many comments are. What people have said stays, unless `over_people`; `deed` takes it back."""
    return await correct_many(
        rt,
        caller.project,
        said.wanted(),
        said.category,
        tags=said.tags,
        sentiment=said.sentiment,
        actor=caller.actor,
        over_people=said.over_people,
    )


@router.delete("/corrections/{correction_id}", summary="Take back many corrections", responses=CHANGED)
async def delete_corrections(rt: RuntimeDep, caller: Corrector, correction_id: UUID) -> ManyTakenBack:
    """Take back what was said of many comments at once: your own word, or anybody's for who may manage comments."""
    anyones = caller.may(Permission.COMMENTS_MANAGE)
    return await take_back_many(rt, caller.project, correction_id, actor=caller.actor, anyones=anyones)


@router.get("/agreement", summary="How often people agree with the AI", responses=problem_responses(401, 403, 422))
async def get_agreement(
    rt: RuntimeDep, caller: Reader, days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 90
) -> AgreementOut:
    """On comments judged blindly, which tells the AI's accuracy, and on those it was unsure of, in the last days."""
    async with rt.db.read() as session:
        return await agreement(session, caller.project.id, rt.clock() - timedelta(days=days))


@router.get(
    "/golden.csv",
    summary="Export golden cases",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}, **problem_responses(401, 403)},
)
async def get_golden(rt: RuntimeDep, caller: Reader) -> StreamingResponse:
    """Every corrected comment with its category (columns texto, categoria), streamed: cases for evaluations."""
    return await golden_file(rt, caller.project)


@router.get("/models", summary="List models", responses=problem_responses(401, 403))
async def get_models(rt: RuntimeDep, caller: Reader) -> ModelsOut:
    """The trainings of the project's own classifier, the newest 100 first, and what there is to learn."""
    async with rt.db.read() as session:
        models = await list_models(session, caller.project.id)
        learning = await learning_of(session, caller.project)
    return ModelsOut(
        data=[model_out(model) for model in models],
        active=learning.active.number if learning.active else 0,
        corrections=learning.corrections,
        new=learning.new,
        suggested=learning.suggested,
    )


@router.post("/models/retrain", summary="Train a model", status_code=202, responses=CHANGED)
async def post_retrain(rt: RuntimeDep, caller: Manager) -> ModelOut:
    """Have the classifier learn all corrections so far, in the background.

    The model is used only if neither its macro-F1 nor its log-loss is worse than before, in cross-validation.
    """
    return model_out(await order_training(rt, caller.project, caller.actor))


@router.post("/models/{number}/activate", summary="Use a model", responses=CHANGED)
async def post_activation(
    rt: RuntimeDep, caller: Manager, number: Annotated[int, Path(ge=0, le=MOST_MODELS)]
) -> ActiveOut:
    """Go back to a model that was promoted earlier, or (0) to the one that ships; comments stay as they are."""
    await activate_model(rt, caller.project, number, caller.actor)
    async with rt.db.read() as session:
        active = await active_model(session, caller.project.id)
    return ActiveOut(active=active.number if active else 0)


@router.post("/{comment_id}/correct", summary="Correct one", responses=CHANGED)
async def post_correction(rt: RuntimeDep, caller: Corrector, comment_id: UUID, said: CorrectionIn) -> CommentOut:
    """Say what a comment is. The AI's value stays beside it, in `given_category` and in the history.

    Where somebody else has said something different meanwhile, that stays and the answer is 409.
    """
    return await correct(
        rt,
        caller.project,
        comment_id,
        said.category,
        tags=said.tags,
        sentiment=said.sentiment,
        actor=caller.actor,
        seen=said.seen,
        instead_of=said.instead_of,
    )


@router.post("/{comment_id}/confirm", summary="Confirm one", responses=CHANGED)
async def post_confirmation(rt: RuntimeDep, caller: Corrector, comment_id: UUID) -> CommentOut:
    """Say that the AI's category is right. Of a comment that was to be judged blindly this counts as seen."""
    return await confirm(rt, caller.project, comment_id, actor=caller.actor)


@router.delete("/{comment_id}/correction", summary="Take a correction back", responses=CHANGED)
async def delete_correction(rt: RuntimeDep, caller: Corrector, comment_id: UUID) -> CommentOut:
    """Take back what was said last: your own word, or anybody's for who may manage comments."""
    anyones = caller.may(Permission.COMMENTS_MANAGE)
    return await take_back(rt, caller.project, comment_id, actor=caller.actor, anyones=anyones)


@router.post("/{comment_id}/skip", summary="Skip one", status_code=204, responses=ONE)
async def post_skip(rt: RuntimeDep, caller: Corrector, comment_id: UUID) -> Response:
    """Take a comment off the list of what waits without a word: nobody can tell what it is."""
    await skip(rt, caller.project, comment_id, actor=caller.actor)
    return Response(status_code=204)


@router.post("/{comment_id}/list", summary="Put one back on the list", status_code=204, responses=ONE)
async def post_list(rt: RuntimeDep, caller: Corrector, comment_id: UUID) -> Response:
    """Have a comment wait for a person: one that was skipped, or any that nobody has corrected."""
    await list_again(rt, caller.project, comment_id, actor=caller.actor)
    return Response(status_code=204)


def model_out(model: CommentModel) -> ModelOut:
    """A training as clients read it."""
    return ModelOut.model_validate(model, from_attributes=True)
