"""Our own routes of comments coming in: a few at once, many or a file as a job; their rules; one taken out."""

import asyncio
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.idempotency import clean_key
from ouvidor.accounts.issued_once import MarkedRequest
from ouvidor.accounts.paging import After, Limit
from ouvidor.accounts.permissions import Permission
from ouvidor.feedback.intake.sending import send, send_file
from ouvidor.feedback.intake.wire import CommentsIn, FileIn, ResultOut, ResultsOut, told_of
from ouvidor.feedback.jobs.batches import CommentBatchPage, batch_job, list_batches
from ouvidor.feedback.jobs.control import JobOut, cancel_job, go_on, list_jobs, pause_job, read_job, retry_failed
from ouvidor.feedback.jobs.items import AfterPosition, ItemPage, Place, list_items
from ouvidor.feedback.remove import remove_comment
from ouvidor.feedback.rules import Rules, change_rules, read_rules
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/comments", tags=["comments"])

ROUTE = "POST /api/v1/comments"
ACCEPTED = 202
JOB_ERRORS = problem_responses(401, 403, 404, 409, 422)

Reader = Annotated[Caller, requires(Permission.COMMENTS_READ)]
Writer = Annotated[Caller, requires(Permission.COMMENTS_WRITE)]
Manager = Annotated[Caller, requires(Permission.COMMENTS_MANAGE)]
ResendKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=300)]


class JobPage(BaseModel):
    """One page of jobs, the newest first."""

    object: Literal["list"] = "list"
    data: list[JobOut]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool


class RulesBody(BaseModel):
    """How comments are dealt with.

    Those of less confidence than `unsure_below`, and a random `blind_share` of all, wait for a person. `budget` bounds
    what a language model may cost in a month, in US dollars (null: no bound); without `by_model` the local classifier
    does the work though there is one.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"unsure_below": 0.6, "blind_share": 0.02, "budget": 20, "by_model": True}},
    )

    unsure_below: float = Field(ge=0, le=1)
    blind_share: float = Field(ge=0, le=1)
    budget: Decimal | None = Field(ge=0, le=1_000_000, max_digits=12, decimal_places=6)
    by_model: bool

    @classmethod
    def of(cls, rules: Rules) -> "RulesBody":
        """From the domain's."""
        return cls.model_construct(**vars(rules))

    def rules(self) -> Rules:
        """As the deed takes them."""
        return Rules(self.unsure_below, self.blind_share, self.budget, self.by_model)


@router.post(
    "",
    status_code=201,
    summary="Classify comments",
    responses={ACCEPTED: {"model": JobOut, "description": "Over 100: a job; `Location` tells where to ask for it."}}
    | problem_responses(400, 401, 403, 409, 413, 422, 503),
)
async def post_comments(
    request: Request, response: Response, rt: RuntimeDep, caller: Writer, sent: CommentsIn, key: ResendKey = None
) -> ResultsOut | JobOut:
    """Classify and store comments; each has its own result or error.

    An id with the same text gives the comment as it is stored, with another text an error (409) of that comment alone.
    """
    now = rt.clock()
    items = await asyncio.to_thread(lambda: [told_of(one, now) for one in sent.comments])
    marked = MarkedRequest(ROUTE, clean_key(key), await request.body())
    came = await send(rt, caller.project, items, marked, caller.actor)
    if came.job is None:
        return ResultsOut(data=[ResultOut.of(result) for result in came.results])
    response.status_code = ACCEPTED
    return await _accepted(response, rt, caller, came.job)


@router.post(
    "/import", status_code=ACCEPTED, summary="Import a file", responses=problem_responses(400, 401, 403, 409, 413, 422)
)
async def post_import(
    response: Response,
    rt: RuntimeDep,
    caller: Writer,
    sent: Annotated[FileIn, Form(media_type="multipart/form-data")],
    key: ResendKey = None,
) -> JobOut:
    """Put the comments of a file (CSV with a header, JSON or JSONL) on the workers' list.

    Columns are found by their names; those that are no text, id, author or time are kept as fields. The same file again
    doubles nothing.
    """
    job_id = await send_file(rt, caller.project, sent.opened(), clean_key(key), caller.actor)
    return await _accepted(response, rt, caller, job_id)


@router.get("/jobs", summary="List jobs", responses=problem_responses(401, 403, 422))
async def get_jobs(rt: RuntimeDep, caller: Reader, after: After = None, limit: Limit = 20) -> JobPage:
    """The project's jobs with their progress, the newest first."""
    async with rt.db.read() as session:
        jobs = await list_jobs(session, caller.project.id, rt.clock(), after=after, limit=limit + 1)
    shown = jobs[:limit]
    first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
    return JobPage(data=shown, first_id=first, last_id=last, has_more=len(jobs) > limit)


@router.get("/jobs/{job_id}", summary="Read a job", responses=problem_responses(401, 403, 404, 422))
async def get_job(rt: RuntimeDep, caller: Reader, job_id: UUID) -> JobOut:
    """One job: done, failed, left, and what it has cost."""
    async with rt.db.read() as session:
        return await read_job(session, caller.project.id, job_id, rt.clock())


@router.get("/jobs/{job_id}/items", summary="Its comments", responses=problem_responses(401, 403, 404, 422))
async def get_items(
    rt: RuntimeDep,
    caller: Reader,
    job_id: UUID,
    after: AfterPosition = 0,
    limit: Limit = 20,
) -> ItemPage:
    """What became of each comment of a job, in the order in which they came, duplicates included."""
    async with rt.db.read() as session:
        return await list_items(session, caller.project, job_id, Place(after, limit))


@router.post("/jobs/{job_id}/pause", summary="Pause a job", responses=JOB_ERRORS)
async def post_pause(rt: RuntimeDep, caller: Writer, job_id: UUID) -> JobOut:
    """Begin nothing new of this job; what is being classified is finished."""
    return await pause_job(rt, caller.project, job_id, caller.actor)


@router.post("/jobs/{job_id}/resume", summary="Go on with a job", responses=JOB_ERRORS)
async def post_resume(rt: RuntimeDep, caller: Writer, job_id: UUID) -> JobOut:
    """Go on with this job. Where the month's budget is spent it pauses again."""
    return await go_on(rt, caller.project, job_id, caller.actor)


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job", responses=JOB_ERRORS)
async def post_cancel(rt: RuntimeDep, caller: Writer, job_id: UUID) -> JobOut:
    """End this job: what waits is taken off the list, what is done stays."""
    return await cancel_job(rt, caller.project, job_id, caller.actor)


@router.post("/jobs/{job_id}/batch", summary="Have the provider do it in batches", responses=JOB_ERRORS)
async def post_batch(rt: RuntimeDep, caller: Writer, job_id: UUID) -> JobOut:
    """Have what waits of this job classified in batches of the model's provider: at half the price, within a day."""
    return await batch_job(rt, caller.project, job_id, caller.actor)


@router.get("/jobs/{job_id}/batches", summary="Batches of a job", responses=problem_responses(401, 403, 404, 422))
async def get_batches(rt: RuntimeDep, caller: Reader, job_id: UUID) -> CommentBatchPage:
    """The newest 100 batches of this job, and how far each has come at the provider."""
    async with rt.db.read() as session:
        await read_job(session, caller.project.id, job_id, rt.clock())
        return CommentBatchPage.of(await list_batches(session, caller.project.id, job_id))


@router.post("/jobs/{job_id}/retry", summary="Try again", responses=JOB_ERRORS)
async def post_retry(rt: RuntimeDep, caller: Writer, job_id: UUID) -> JobOut:
    """Try again what has failed in this job and can be tried."""
    return await retry_failed(rt, caller.project, job_id, caller.actor)


@router.get("/rules", summary="Read the rules", responses=problem_responses(401, 403))
async def get_rules(rt: RuntimeDep, caller: Reader) -> RulesBody:
    """What waits for a person, what a month may cost, who classifies."""
    async with rt.db.read() as session:
        return RulesBody.of(await read_rules(session, caller.project.id))


@router.put("/rules", summary="Change the rules", responses=problem_responses(400, 401, 403, 422))
async def put_rules(rt: RuntimeDep, caller: Manager, wanted: RulesBody) -> RulesBody:
    """Have these rules from now on; comments that wait already go on waiting."""
    async with rt.db.begin() as session:
        await change_rules(session, caller.project.id, wanted.rules(), caller.actor, rt.clock())
    return wanted


@router.delete("/{comment_id}", summary="Delete", status_code=204, responses=problem_responses(401, 403, 404, 422))
async def delete_comment(rt: RuntimeDep, caller: Manager, comment_id: UUID) -> Response:
    """Delete a comment with its vector and its history, for good."""
    await remove_comment(rt, caller.project, comment_id, caller.actor)
    return Response(status_code=204)


async def _accepted(response: Response, rt: RuntimeDep, caller: Caller, job_id: UUID) -> JobOut:
    response.headers["Location"] = f"{router.prefix}/jobs/{job_id}"
    async with rt.db.read() as session:
        return await read_job(session, caller.project.id, job_id, rt.clock())
