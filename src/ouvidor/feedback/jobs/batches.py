"""Comments in batches of the provider, at about half the price and within a day: ordered, taken further, watched."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.engines.batch_cargo import Shipping
from ouvidor.engines.batch_rows import BatchState
from ouvidor.engines.batch_work import advance_all
from ouvidor.engines.batches import BATCH_JOB, BatchLimits, open_batches, require_batches
from ouvidor.errors import Conflict
from ouvidor.feedback.jobs.batch_cargo import CommentsInBatches
from ouvidor.feedback.jobs.claim import LOCK
from ouvidor.feedback.jobs.control import OPEN, JobEnded, JobOut, job_out, own_job
from ouvidor.feedback.jobs.progress import end_empty
from ouvidor.feedback.models import CommentBatch, CommentJob
from ouvidor.feedback.rules import read_rules
from ouvidor.jobs import enqueue
from ouvidor.runtime import Runtime

OPENAI_LIMITS = BatchLimits()
NEWEST = 100

ORDERED = select(CommentJob.id).where(CommentJob.batched, CommentJob.state.in_(OPEN))
CLEAR_UP = text("""
delete from comment_batch_item q using comment_batch b, comment_job j
where b.id = q.batch_id and j.id = b.job_id and b.state = 'closed' and j.state in ('done', 'failed', 'cancelled')
""")
"""How often a comment went into a batch matters while its job is open."""


class ByNoModel(Conflict):
    """This project's comments are classified without the language model; choose it in the comments' settings first."""


class CommentBatchOut(BaseModel):
    """A batch of a job, and how far it has come.

    `state` is ours (filling, uploaded, submitted, ended, closed), `status` the provider's word. A request is about
    several comments; `answered` counts requests with an answer or an error, `stored` comments with a classification.
    `reason` is why it brought less than was asked.
    """

    id: UUID
    job_id: UUID
    state: str
    status: str | None
    model: str
    requests: int
    answered: int
    stored: int
    reason: str | None
    created_at: datetime
    submitted_at: datetime | None
    closed_at: datetime | None


async def advance_comment_batches(rt: Runtime, limits: BatchLimits = OPENAI_LIMITS) -> None:
    """Take every batch of comments as far as it goes now, and begin those that jobs wait for; to be called repeatedly.

    Any number of processes may do so at once, and each may die at any point.
    """
    if rt.settings.llm_model is None or not await _anything_open(rt):
        return
    carrier = CommentsInBatches(rt)
    async with open_batches(rt.settings) as provider:
        await advance_all(Shipping(rt.db, rt.clock, rt.settings.stalled_seconds, provider, limits, carrier))
    await _end_empty(rt)


class CommentBatchPage(BaseModel):
    """The newest batches of a job."""

    object: Literal["list"] = "list"
    data: list[CommentBatchOut]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool

    @classmethod
    def of(cls, batches: list[CommentBatchOut]) -> "CommentBatchPage":
        """All that there are to show."""
        ids = [one.id for one in batches] or [None]
        return cls(data=batches, first_id=ids[0], last_id=ids[-1], has_more=len(batches) == NEWEST)


async def require_batching(rt: Runtime, project: Project) -> None:
    """Find out whether the project's comments can be classified in batches.

    Raises:
        NoProvider: the settings name no model.
        BatchesUnsupported: its server has no batches.
        ProviderUnreachable: its server does not say.
        ByNoModel: the project's rules say that no language model classifies.
    """
    await require_batches(rt.settings)
    async with rt.db.read() as session:
        if not (await read_rules(session, project.id)).by_model:
            raise ByNoModel


async def batch_job(rt: Runtime, project: Project, job_id: UUID, actor: Actor) -> JobOut:
    """Have what waits of this job classified in batches; the job that begins them is left at once.

    What a batch brings no answer to is classified the usual way.

    Raises:
        UnknownJob: the project has none of this id.
        JobEnded: it has ended.
        NoProvider, BatchesUnsupported, ProviderUnreachable, ByNoModel: see `require_batching`.
    """
    async with rt.db.read() as session:
        await own_job(session, project.id, job_id)
    await require_batching(rt, project)
    now = rt.clock()
    async with rt.db.begin() as session:
        job = await own_job(session, project.id, job_id, lock=True)
        if job.state not in OPEN:
            raise JobEnded
        if not job.batched:
            job.batched = True
            about = Subject("comment_job", job.id)
            await note(session, actor, "comment_job.batched", at=now, project_id=project.id, subject=about)
        await enqueue(session, rt.jobs, BATCH_JOB, once=BATCH_JOB, timestamp=int(now.timestamp()))
        return job_out(job, now)


async def list_batches(session: AsyncSession, project_id: UUID, job_id: UUID) -> list[CommentBatchOut]:
    """The newest 100 batches of a job of the project."""
    mine = (CommentBatch.project_id == project_id, CommentBatch.job_id == job_id)
    query = select(CommentBatch).where(*mine).order_by(CommentBatch.id.desc()).limit(NEWEST)
    return [
        CommentBatchOut.model_validate(row, from_attributes=True) for row in (await session.execute(query)).scalars()
    ]


async def _anything_open(rt: Runtime) -> bool:
    unclosed = select(CommentBatch.id).where(CommentBatch.state != BatchState.CLOSED).limit(1)
    async with rt.db.read() as session:
        return (await session.execute(unclosed)).first() is not None or (
            await session.execute(ORDERED.limit(1))
        ).first() is not None


async def _end_empty(rt: Runtime) -> None:
    """End the jobs of which nothing waits or is under way, and forget what their batches held."""
    async with rt.db.begin() as session:
        await session.execute(LOCK)
        await end_empty(session, sorted((await session.execute(ORDERED)).scalars()), rt.clock())
        await session.execute(CLEAR_UP)
