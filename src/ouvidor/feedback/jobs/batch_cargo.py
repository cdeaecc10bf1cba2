"""What a provider's batch of comments carries: leased ones of a job, their classifications, what becomes of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.engines.batch_cargo import UNSUPPORTED
from ouvidor.engines.batch_rows import BatchState
from ouvidor.engines.batches import BatchRow, RequestFile
from ouvidor.engines.spending import Spent
from ouvidor.feedback.jobs.batch_filling import Filling, waiting_job
from ouvidor.feedback.jobs.batch_results import store_rows
from ouvidor.feedback.jobs.claim import LOCK
from ouvidor.feedback.jobs.progress import count
from ouvidor.feedback.models import CommentBatch, CommentJob, JobState
from ouvidor.feedback.month import charge
from ouvidor.runtime import Runtime

READY_JOBS = text("""
select j.id from comment_job j left join comment_rules r on r.project_id = j.project_id
where j.batched and coalesce(r.by_model, true)
    and (j.state in ('pending', 'running') or j.state = 'paused' and j.paused_for in ('budget', 'price_unknown'))
    and exists (select from comment_item i where i.job_id = j.id and i.state = 'pending' and i.due_at <= :now)
    and not exists (select from comment_batch b where b.job_id = j.id and b.state in ('filling', 'uploaded'))
order by j.id
""")
"""With a batch that is not under way yet, a second one would meet the same trouble."""

RESERVED = text("""
select coalesce(sum(reserved), 0) from comment_item where job_id = :job and state = 'running' and lease = :batch
""")
RELEASE = text("""
update comment_item set
    state = 'pending', lease = null, leased_until = null, reserved = 0, due_at = :due, reason = null
where job_id = :job and state = 'running' and lease = :batch
""")
FORGET = text("delete from comment_item where job_id = :job and state = 'running' and lease = :batch")


class CommentsInBatches:
    """Comments as what is carried in batches; an order is a job."""

    table = CommentBatch

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    async def load(self, batch_id: UUID) -> "BatchedComments | None":
        """The comments of this batch; None where there is no such batch."""
        query = (
            select(CommentBatch, CommentJob, Project)
            .join(CommentJob, CommentJob.id == CommentBatch.job_id)
            .join(Project, Project.id == CommentBatch.project_id)
            .where(CommentBatch.id == batch_id)
        )
        async with self._rt.db.read() as session:
            found = (await session.execute(query)).one_or_none()
        return None if found is None else BatchedComments(self._rt, *found)

    async def ready(self) -> list[UUID]:
        """The jobs that wait for a batch now."""
        async with self._rt.db.read() as session:
            return list((await session.execute(READY_JOBS, {"now": self._rt.clock()})).scalars())

    async def begin(self, order_id: UUID) -> UUID | None:
        """A new batch of this job, if it still waits for one."""
        now = self._rt.clock()
        async with self._rt.db.begin() as session:
            await session.execute(LOCK)
            if order_id not in set((await session.execute(READY_JOBS, {"now": now})).scalars()):
                return None
            job = await waiting_job(session, order_id)
            if job is None:
                return None
            batch = CommentBatch(
                project_id=job.project_id,
                job_id=job.id,
                model=self._rt.engine.name,
                version="",
                taxonomy=0,
                next_at=now,
                created_at=now,
            )
            session.add(batch)
            await session.flush()
            return batch.id


@dataclass(frozen=True)
class BatchedComments:
    """What a batch of comments carries, as it is in the database now."""

    rt: Runtime
    batch: CommentBatch
    job: CommentJob
    project: Project

    @property
    def cancelled(self) -> bool:
        """Whether somebody has ended the job."""
        return self.job.state == JobState.CANCELLED

    async def fill(self, file: RequestFile) -> None:
        """Lease comments of the job and write requests about them, as far as file and budget go."""
        await Filling(self.rt, self.batch, self.job, self.project, file).fill()

    async def store(self, rows: Sequence[BatchRow]) -> int:
        """Store the classifications that these rows hold; how many answer no request that waits."""
        return await store_rows(self.rt, self.batch, self.job, self.project, rows)

    async def release(self, session: AsyncSession, reason: str, due_at: datetime, *, paid: bool) -> None:  # noqa: ARG002 - the batch keeps the reason
        """What has no answer goes back on the list of its job; of a job that was cancelled it is forgotten."""
        mine = {"job": self.job.id, "batch": self.batch.id}
        cost: Decimal = (await session.execute(RESERVED, mine)).scalar_one() if paid else Decimal(0)
        if self.cancelled:
            await session.execute(FORGET, mine)
        else:
            await session.execute(RELEASE, mine | {"due": due_at})
        if cost:
            spent, now = Spent(cost=cost), self.rt.clock()
            await charge(session, self.project.id, now, calls=0, spent=spent)
            await count(session, self.job.id, now, spent=spent)

    async def refuse(self) -> None:
        """The job is done the usual way."""
        now = self.rt.clock()
        async with self.rt.db.begin() as session:
            await self.release(session, UNSUPPORTED, now, paid=False)
            await session.execute(update(CommentJob).where(CommentJob.id == self.job.id).values(batched=False))
            closed = {"state": BatchState.CLOSED, "reason": UNSUPPORTED, "closed_at": now}
            await session.execute(update(CommentBatch).where(CommentBatch.id == self.batch.id).values(**closed))
