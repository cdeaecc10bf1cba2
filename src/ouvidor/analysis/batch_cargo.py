"""What a provider's batch of analyses carries: leased conversations, their verdicts, what becomes of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import SYSTEM
from ouvidor.accounts.models import Project
from ouvidor.analysis.batch_filling import Filling, new_batch, waiting_run
from ouvidor.analysis.batch_results import store_rows
from ouvidor.analysis.claim import LOCK, charge
from ouvidor.analysis.models import AnalysisBatch, AnalysisRun, RunKind, RunState
from ouvidor.analysis.opening import OPEN, begin_run, freeze
from ouvidor.engines.batch_cargo import UNSUPPORTED
from ouvidor.engines.batch_rows import BatchState
from ouvidor.engines.batches import BatchRow, RequestFile
from ouvidor.runtime import Runtime

READY_RUNS = text("""
select r.id from analysis_run r join project p on p.id = r.project_id
where r.kind = 'batch' and not p.analysis_paused
    and (r.state = 'running' or r.state = 'paused' and r.paused_for in ('budget', 'price_unknown'))
    and exists (select from analysis_item i where i.run_id = r.id and i.state = 'pending' and i.due_at <= :now)
    and not exists (select from analysis_batch b where b.run_id = r.id and b.state in ('filling', 'uploaded'))
order by r.id
""")
"""With a batch that is not under way yet, a second one would meet the same trouble."""

HOLD_TALKS = text("""
select id from conversation
where id in (select conversation_id from analysis_item where run_id = :run) order by id for no key update
""")
RESERVED = text("""
select coalesce(sum(reserved), 0) from analysis_item where run_id = :run and state = 'running' and lease = :batch
""")
RELEASE = text("""
update analysis_item i set
    state = case when r.state = 'cancelled' then 'cancelled' else 'pending' end, due_at = :due, reason = :reason,
    lease = null, leased_until = null, reserved = 0, updated_at = :now
from analysis_run r
where r.id = i.run_id and i.run_id = :run and i.state = 'running' and i.lease = :batch
""")
OFTEN_ENOUGH = """
i.run_id = :run and i.state = 'pending' and (
    select count(*) from analysis_batch_request q join analysis_batch b on b.id = q.batch_id
    where q.conversation_id = i.conversation_id and b.run_id = :run
) > :retries
"""
ANY_LEFT_OVER = text(f"select exists (select from analysis_item i where {OFTEN_ENOUGH})")  # noqa: S608 - our own words
HAND_ON = text(f"""
update analysis_item i set run_id = :usual, updated_at = :now where {OFTEN_ENOUGH}
""")  # noqa: S608 - our own words
CANCEL_ALL = text("""
update analysis_item set state = 'cancelled', lease = null, leased_until = null, reserved = 0, updated_at = :now
where run_id = :run and state in ('pending', 'running')
""")
AS_NEVER_LISTED = text("""
update conversation set analysed_messages = 0
where id in (select conversation_id from analysis_item where run_id = :run and state = 'cancelled')
""")
"""The next sweep looks at them again, and takes those that no analysis covers."""


class Analyses:
    """Analyses as what is carried in batches; an order is a run."""

    table = AnalysisBatch

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    async def load(self, batch_id: UUID) -> "Conversations | None":
        """The conversations of this batch; None where there is no such batch."""
        query = (
            select(AnalysisBatch, AnalysisRun, Project)
            .join(AnalysisRun, AnalysisRun.id == AnalysisBatch.run_id)
            .join(Project, Project.id == AnalysisBatch.project_id)
            .where(AnalysisBatch.id == batch_id)
        )
        async with self._rt.db.read() as session:
            found = (await session.execute(query)).one_or_none()
        return None if found is None else Conversations(self._rt, *found)

    async def ready(self) -> list[UUID]:
        """The runs that wait for a batch now."""
        async with self._rt.db.read() as session:
            return list((await session.execute(READY_RUNS, {"now": self._rt.clock()})).scalars())

    async def begin(self, order_id: UUID) -> UUID | None:
        """A new batch of this run, if it still waits for one."""
        async with self._rt.db.begin() as session:
            await session.execute(LOCK)
            ready = list((await session.execute(READY_RUNS, {"now": self._rt.clock()})).scalars())
            run = await waiting_run(session, order_id) if order_id in ready else None
            if run is None:
                return None
            batch = new_batch(self._rt, run)
            session.add(batch)
            await session.flush()
            return batch.id


@dataclass(frozen=True)
class Conversations:
    """What a batch of analyses carries, as it is in the database now."""

    rt: Runtime
    batch: AnalysisBatch
    run: AnalysisRun
    project: Project

    @property
    def cancelled(self) -> bool:
        """Whether somebody has ended the run."""
        return self.run.state == RunState.CANCELLED

    async def fill(self, file: RequestFile) -> None:
        """Lease conversations of the run and write a request for each, as far as file and budget go."""
        await Filling(self.rt, self.batch, self.project, file).fill()

    async def store(self, rows: Sequence[BatchRow]) -> int:
        """Store the verdicts that these rows hold; how many answer no request that waits."""
        return await store_rows(self.rt, self.batch, self.project, rows)

    async def release(self, session: AsyncSession, reason: str, due_at: datetime, *, paid: bool) -> None:
        """What has no answer goes back on the list, into another batch or the usual way."""
        now, batch = self.rt.clock(), self.batch
        values = {"run": batch.run_id, "batch": batch.id, "now": now}
        cost: Decimal = (await session.execute(RESERVED, values)).scalar_one() if paid else Decimal(0)
        await session.execute(RELEASE, values | {"due": due_at, "reason": reason})
        if not self.cancelled:
            await self._hand_on(session)
        if cost:
            await charge(session, batch.project_id, now, cost=cost)

    async def refuse(self) -> None:
        """The run ends, and its conversations are due as if it had never been ordered."""
        at, run_id = self.rt.clock(), self.run.id
        async with self.rt.db.begin() as session:
            await session.execute(HOLD_TALKS, {"run": run_id})
            await session.execute(CANCEL_ALL, {"run": run_id, "now": at})
            await session.execute(AS_NEVER_LISTED, {"run": run_id})
            run = (await session.execute(_locked(run_id))).scalar_one()
            if run.state in OPEN:
                run.state, run.paused_for, run.finished_at = RunState.CANCELLED, UNSUPPORTED, at
                await freeze(session, run)
            closed = {"state": BatchState.CLOSED, "reason": UNSUPPORTED, "closed_at": at}
            await session.execute(update(AnalysisBatch).where(AnalysisBatch.run_id == run_id).values(**closed))

    async def _hand_on(self, session: AsyncSession) -> None:
        """Have analysed the usual way what has been in as many batches as it may."""
        now = self.rt.clock()
        values: dict[str, Any] = {"run": self.run.id, "retries": self.run.batch_retries, "now": now}
        if not (await session.execute(ANY_LEFT_OVER, values)).scalar_one():
            return
        usual = await begin_run(session, self.project.id, RunKind.SWEEP, SYSTEM.name, now)
        await session.execute(HAND_ON, values | {"usual": usual.id})


def _locked(run_id: UUID) -> Select[AnalysisRun]:
    return select(AnalysisRun).where(AnalysisRun.id == run_id).with_for_update()
