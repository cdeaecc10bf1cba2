"""How a batch ends: what has no answer goes back on the list, into another batch or the usual way."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import SYSTEM
from ouvidor.accounts.models import Project
from ouvidor.analysis.claim import charge
from ouvidor.analysis.models import AnalysisBatch, AnalysisRun, BatchState, RunKind, RunState
from ouvidor.analysis.opening import OPEN, begin_run, freeze
from ouvidor.engines.batches import BatchesUnsupported
from ouvidor.runtime import Runtime

UNSUPPORTED = "batches_unsupported"
MISSING = "missing"
LOST = "lost"
WAIT_AFTER_FAILURE = timedelta(minutes=10)

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

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """A batch with what it belongs to, as it is in the database now."""

    batch: AnalysisBatch
    run: AnalysisRun
    project: Project

    @property
    def cancelled(self) -> bool:
        """Whether somebody has ended the run."""
        return self.run.state == RunState.CANCELLED


async def change_batch(rt: Runtime, batch_id: UUID, **values: object) -> None:
    """Write down how far we have come with it: these columns, at once."""
    async with rt.db.begin() as session:
        await session.execute(update(AnalysisBatch).where(AnalysisBatch.id == batch_id).values(**values))


async def close(rt: Runtime, now: Standing, *, reason: str | None, paid: bool = False) -> None:
    """The batch is done with: what has no answer goes back on the list; with `paid` it counts as paid for."""
    at, batch = rt.clock(), now.batch
    values = {"run": batch.run_id, "batch": batch.id, "now": at}
    async with rt.db.begin() as session:
        found = (await session.execute(select(AnalysisBatch).where(AnalysisBatch.id == batch.id))).scalar_one()
        lost = paid or found.reason == LOST
        cost: Decimal = (await session.execute(RESERVED, values)).scalar_one() if lost else Decimal(0)
        waits = WAIT_AFTER_FAILURE if found.status == "failed" or reason in {"refused", "too_large"} else timedelta()
        why = reason or found.reason or MISSING
        await session.execute(RELEASE, values | {"due": at + waits, "reason": why})
        if not now.cancelled:
            await _hand_on(rt, session, now)
        if cost:
            await charge(session, batch.project_id, at, cost=cost)
        unanswered = found.requests - found.answered
        found.state, found.closed_at = BatchState.CLOSED, at
        found.reason = why if unanswered else None


async def refuse(rt: Runtime, now: Standing) -> None:
    """The server has no batches: the run ends, and its conversations are due as if it had never been ordered."""
    log.error("%s", BatchesUnsupported().detail)
    at, run_id = rt.clock(), now.run.id
    async with rt.db.begin() as session:
        await session.execute(HOLD_TALKS, {"run": run_id})
        await session.execute(CANCEL_ALL, {"run": run_id, "now": at})
        await session.execute(AS_NEVER_LISTED, {"run": run_id})
        run = (await session.execute(_locked(run_id))).scalar_one()
        if run.state in OPEN:
            run.state, run.paused_for, run.finished_at = RunState.CANCELLED, UNSUPPORTED, at
            await freeze(session, run)
        closed = {"state": BatchState.CLOSED, "reason": UNSUPPORTED, "closed_at": at}
        await session.execute(update(AnalysisBatch).where(AnalysisBatch.run_id == run_id).values(**closed))


async def _hand_on(rt: Runtime, session: AsyncSession, now: Standing) -> None:
    """Have analysed the usual way what has been in as many batches as it may."""
    values: dict[str, Any] = {"run": now.run.id, "retries": now.run.batch_retries, "now": rt.clock()}
    if not (await session.execute(ANY_LEFT_OVER, values)).scalar_one():
        return
    usual = await begin_run(session, now.project.id, RunKind.SWEEP, SYSTEM.name, rt.clock())
    await session.execute(HAND_ON, values | {"usual": usual.id})


def _locked(run_id: UUID) -> Select[AnalysisRun]:
    return select(AnalysisRun).where(AnalysisRun.id == run_id).with_for_update()
