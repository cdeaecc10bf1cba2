"""Jobs of comments: how far they have come, and how people hold them up."""

from datetime import datetime
from decimal import Decimal
from math import exp
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.errors import Conflict
from ouvidor.feedback.jobs.items import UnknownJob
from ouvidor.feedback.jobs.progress import RATE_SECONDS
from ouvidor.feedback.models import CommentJob, JobState
from ouvidor.runtime import Runtime

OPEN = frozenset({JobState.PENDING, JobState.RUNNING, JobState.PAUSED})

RETRY = text("""
update comment_item set state = 'pending', attempts = 0, losses = 0, due_at = :now, status = null, reason = null
where job_id = :job and state = 'failed' and status >= 500
""")
"""What is wrong with a comment itself is wrong the next time as well."""
FORGET = text("delete from comment_item where job_id = :job and state = 'pending'")

Kind = Literal["intake", "again"]
State = Literal["pending", "running", "paused", "done", "failed", "cancelled"]


class JobEnded(Conflict):
    """This job has ended; send the comments again, or order another one."""


class NothingFailed(Conflict):
    """Nothing of this job has failed that could be tried again."""


class JobOut(BaseModel):
    """Comments that are classified in the background, and how far they have come.

    `kind` is `intake` (they come in) or `again` (those that are there are gone over once more); `source` tells where
    they came from, `name` is the file's. Of `total` comments `done` have their result and `failed` cannot be stored,
    each for a reason of its own; `left` wait or are under way. `rate` is comments a second of late; `seconds_left` what
    remains at that rate, null where it cannot be told. `cost` is dollars, failed attempts included. `batched`: a
    provider classifies them within a day. `paused_for` is a person's name, `budget` (the month's is spent) or
    `price_unknown` (there is a budget, and nobody lists the model's price). `reason` tells why a job `failed` as a
    whole.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "kind": "intake",
                "source": "csv",
                "name": "comments-november.csv",
                "state": "running",
                "paused_for": None,
                "reason": None,
                "ordered_by": "ana",
                "batched": False,
                "total": 12000,
                "done": 8400,
                "failed": 3,
                "left": 3597,
                "rate": 612.4,
                "seconds_left": 5.9,
                "input_tokens": 0,
                "output_tokens": 0,
                "cost": "0",
                "created_at": "2026-11-21T09:00:00Z",
                "started_at": "2026-11-21T09:00:01Z",
                "finished_at": None,
            }
        }
    )

    id: UUID
    kind: Kind
    source: str
    name: str
    state: State
    paused_for: str | None
    reason: str | None
    ordered_by: str
    batched: bool
    total: int
    done: int
    failed: int
    left: int
    rate: float | None = Field(description="Comments a second of late; null where none of late is known.")
    seconds_left: float | None
    input_tokens: int
    output_tokens: int
    cost: Decimal
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


async def list_jobs(
    session: AsyncSession, project_id: UUID, now: datetime, *, after: UUID | None = None, limit: int = 20
) -> list[JobOut]:
    """The project's jobs with their progress, the newest first, from the one after `after`; at most `limit`."""
    query = select(CommentJob).where(CommentJob.project_id == project_id)
    if after is not None:
        query = query.where(CommentJob.id < after)
    rows = (await session.execute(query.order_by(CommentJob.id.desc()).limit(limit))).scalars()
    return [job_out(row, now) for row in rows]


async def read_job(session: AsyncSession, project_id: UUID, job_id: UUID, now: datetime) -> JobOut:
    """One job of the project with its progress.

    Raises:
        UnknownJob: the project has none of this id.
    """
    return job_out(await own_job(session, project_id, job_id), now)


async def pause_job(rt: Runtime, project: Project, job_id: UUID, actor: Actor) -> JobOut:
    """Begin nothing new of this job; what is under way is finished.

    Raises:
        UnknownJob: the project has none of this id.
        JobEnded: it has ended.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        job = await _open_job(session, project.id, job_id)
        job.state, job.paused_for = JobState.PAUSED, actor.name
        await _note(session, actor, "comment_job.paused", job, now)
        return job_out(job, now)


async def go_on(rt: Runtime, project: Project, job_id: UUID, actor: Actor) -> JobOut:
    """Go on with this job; without money left it pauses again.

    Raises:
        UnknownJob: the project has none of this id.
        JobEnded: it has ended.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        job = await _open_job(session, project.id, job_id)
        job.state, job.paused_for, job.counted_at = JobState.RUNNING, None, now
        job.started_at = job.started_at or now
        await _note(session, actor, "comment_job.resumed", job, now)
        return job_out(job, now)


async def cancel_job(rt: Runtime, project: Project, job_id: UUID, actor: Actor) -> JobOut:
    """End this job: what waits is forgotten, what is under way is finished, what is done stays.

    Raises:
        UnknownJob: the project has none of this id.
        JobEnded: it has ended.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        job = await _open_job(session, project.id, job_id)
        await session.execute(FORGET, {"job": job.id})
        job.state, job.paused_for, job.finished_at = JobState.CANCELLED, None, now
        await _note(session, actor, "comment_job.cancelled", job, now)
        return job_out(job, now)


async def retry_failed(rt: Runtime, project: Project, job_id: UUID, actor: Actor) -> JobOut:
    """Try those again that failed for no fault of their own: the model gave no answer, a worker died.

    Raises:
        UnknownJob: the project has none of this id.
        JobEnded: it was cancelled.
        NothingFailed: there are none.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        job = await own_job(session, project.id, job_id, lock=True)
        if job.state == JobState.CANCELLED:
            raise JobEnded
        result: Any = await session.execute(RETRY, {"job": job.id, "now": now})
        if not result.rowcount:
            raise NothingFailed
        job.failed -= result.rowcount
        if job.state not in OPEN:
            job.state, job.finished_at, job.counted_at = JobState.PENDING, None, None
        await _note(session, actor, "comment_job.retried", job, now, comments=result.rowcount)
        return job_out(job, now)


async def own_job(session: AsyncSession, project_id: UUID, job_id: UUID, *, lock: bool = False) -> CommentJob:
    """One job of the project; locked, if wanted, until the transaction ends.

    Raises:
        UnknownJob: the project has none of this id.
    """
    query = select(CommentJob).where(CommentJob.project_id == project_id, CommentJob.id == job_id)
    found = (await session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
    if found is None:
        raise UnknownJob
    return found


def job_out(job: CommentJob, now: datetime) -> JobOut:
    """The job as clients read it."""
    left = max(0, job.total - job.done - job.failed) if job.state in OPEN else 0
    rate = _rate(job, now)
    return JobOut.model_validate(
        {
            **{name: getattr(job, name) for name in JobOut.model_fields if hasattr(job, name)},
            "left": left,
            "rate": rate,
            "seconds_left": round(left / rate, 1) if rate else None,
        }
    )


def _rate(job: CommentJob, now: datetime) -> float | None:
    """The rate of about the last minute; what nothing has come of since is less by now."""
    if job.state != JobState.RUNNING or job.rate is None or job.counted_at is None:
        return None
    since = max(0.0, (now - job.counted_at).total_seconds())
    return round(job.rate * exp(-since / RATE_SECONDS), 1)


async def _open_job(session: AsyncSession, project_id: UUID, job_id: UUID) -> CommentJob:
    job = await own_job(session, project_id, job_id, lock=True)
    if job.state not in OPEN:
        raise JobEnded
    return job


async def _note(session: AsyncSession, actor: Actor, action: str, job: CommentJob, now: datetime, **told: Any) -> None:
    about = Subject("comment_job", job.id)
    await note(session, actor, action, at=now, project_id=job.project_id, subject=about, **told)
