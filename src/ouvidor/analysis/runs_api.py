"""Our own routes of runs: ordered, watched, held up, tried again."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.paging import After, Limit
from ouvidor.accounts.permissions import Permission
from ouvidor.analysis.batches import BatchOut, estimate_batches, list_batches, order_batches
from ouvidor.analysis.order import Estimate, Order, estimate_run, order_run
from ouvidor.analysis.runs import (
    ParkedOut,
    RunOut,
    cancel_run,
    list_parked,
    list_runs,
    pause_run,
    read_run,
    resume_run,
    retry_parked,
)
from ouvidor.inputs import Moment
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/analyses", tags=["analyses"])

Reader = Annotated[Caller, requires(Permission.ANALYSES_READ)]
Runner = Annotated[Caller, requires(Permission.ANALYSES_RUN)]
MOST = 1_000_000
EXAMPLE: JsonDict = {"again": True, "since": "2026-11-01T00:00:00Z", "limit": 500, "confirmed": 500}


class OrderIn(BaseModel):
    """What to analyse: what is due, or with `again` what was analysed before as well.

    `since` bounds the beginning of the conversations, `limit` their number, the newest first. With `again` an order
    needs the number of conversations that the estimate told, as `confirmed`. With `batch` it goes by the provider's
    batches, at about half the price and within a day.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    again: bool = False
    since: Moment | None = None
    limit: int | None = Field(default=None, ge=1, le=MOST)
    confirmed: int | None = Field(default=None, ge=0, le=MOST)
    batch: bool = False

    def order(self) -> Order:
        """As the deed takes it."""
        return Order(again=self.again, since=self.since, limit=self.limit, confirmed=self.confirmed)


class RunsOut(BaseModel):
    """One page of runs, the newest first."""

    object: Literal["list"] = "list"
    data: list[RunOut]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool


class ParkedPage(BaseModel):
    """The conversations that were parked last, at most 100."""

    object: Literal["list"] = "list"
    data: list[ParkedOut]


class RetryIn(BaseModel):
    """Which parked conversation to try again; without an id all of them."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"conversation_id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6"}}
    )

    conversation_id: UUID | None = None


@router.post("/runs/estimate", summary="What it would take", responses=problem_responses(400, 401, 403, 409, 422, 503))
async def post_estimate(rt: RuntimeDep, caller: Runner, wanted: OrderIn) -> Estimate:
    """How many conversations an order would analyse now, for how many tokens and dollars. Nothing is ordered."""
    estimate = estimate_batches if wanted.batch else estimate_run
    return await estimate(rt, caller.project, wanted.order())


@router.post("/runs", summary="Analyse", status_code=202, responses=problem_responses(400, 401, 403, 409, 422, 503))
async def post_run(rt: RuntimeDep, caller: Runner, wanted: OrderIn) -> RunOut:
    """Put what is due on the list of what is to be analysed, in the order of the newest words.

    Workers do the rest; ask for the run to see how far it is. Where a run is open already, the order joins it.
    """
    order = order_batches if wanted.batch else order_run
    return await order(rt, caller.project, wanted.order(), caller.actor)


@router.get("/runs", summary="List runs", responses=problem_responses(401, 403, 422))
async def get_runs(rt: RuntimeDep, caller: Reader, after: After = None, limit: Limit = 20) -> RunsOut:
    """The project's runs with their progress, the newest first."""
    async with rt.db.read() as session:
        runs = await list_runs(session, caller.project.id, rt.clock(), after=after, limit=limit + 1)
    shown = runs[:limit]
    first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
    return RunsOut(data=shown, first_id=first, last_id=last, has_more=len(runs) > limit)


@router.get("/runs/{run_id}", summary="Read a run", responses=problem_responses(401, 403, 404, 422))
async def get_run(rt: RuntimeDep, caller: Reader, run_id: UUID) -> RunOut:
    """One run: done, failed, left, how fast, how long it will take, and what it has cost."""
    async with rt.db.read() as session:
        return await read_run(session, caller.project.id, run_id, rt.clock())


@router.get("/runs/{run_id}/batches", summary="Its batches", responses=problem_responses(401, 403, 404, 422))
async def get_batches(rt: RuntimeDep, caller: Reader, run_id: UUID) -> list[BatchOut]:
    """The provider's batches of a run, the newest 100 first: how far each has come, and why it brought less."""
    async with rt.db.read() as session:
        run = await read_run(session, caller.project.id, run_id, rt.clock())
        return await list_batches(session, caller.project.id, run_id=run.id)


@router.post("/runs/{run_id}/pause", summary="Pause", responses=problem_responses(401, 403, 404, 409, 422))
async def post_pause(rt: RuntimeDep, caller: Runner, run_id: UUID) -> RunOut:
    """Begin nothing new of this run; what is being analysed is finished."""
    return await pause_run(rt, caller.project, run_id, caller.actor)


@router.post("/runs/{run_id}/resume", summary="Resume", responses=problem_responses(401, 403, 404, 409, 422))
async def post_resume(rt: RuntimeDep, caller: Runner, run_id: UUID) -> RunOut:
    """Go on with this run. Where the month's budget is spent it pauses again, and goes on by itself in the next."""
    return await resume_run(rt, caller.project, run_id, caller.actor)


@router.post("/runs/{run_id}/cancel", summary="Cancel", responses=problem_responses(401, 403, 404, 409, 422))
async def post_cancel(rt: RuntimeDep, caller: Runner, run_id: UUID) -> RunOut:
    """End this run: what waits is taken off the list, what is being analysed is finished, what is done stays."""
    return await cancel_run(rt, caller.project, run_id, caller.actor)


@router.post("/runs/{run_id}/retry", summary="Try again", responses=problem_responses(401, 403, 404, 409, 422))
async def post_retry(rt: RuntimeDep, caller: Runner, run_id: UUID) -> RunOut:
    """Try again what this run has parked, in the open run or in a new one, which is returned."""
    return await retry_parked(rt, caller.project, caller.actor, run_id=run_id)


@router.get("/parked", summary="List what is parked", responses=problem_responses(401, 403))
async def get_parked(rt: RuntimeDep, caller: Reader) -> ParkedPage:
    """Conversations that could not be analysed in five attempts, and why."""
    async with rt.db.read() as session:
        return ParkedPage(data=await list_parked(session, caller.project.id))


@router.post(
    "/parked/retry", summary="Try again what is parked", responses=problem_responses(400, 401, 403, 404, 409, 422)
)
async def post_parked_retry(rt: RuntimeDep, caller: Runner, which: RetryIn) -> RunOut:
    """Try again one parked conversation, or all of the project; the run that they are in now is returned."""
    return await retry_parked(rt, caller.project, caller.actor, conversation_id=which.conversation_id)
