"""The provider's batches on their way: those under way are taken further, and new ones begun for runs that wait."""

import logging
from uuid import UUID

from sqlalchemy import select, text

from ouvidor.analysis.batch_filling import new_batch, waiting_run
from ouvidor.analysis.batch_steps import BatchWork
from ouvidor.analysis.claim import LOCK
from ouvidor.analysis.models import AnalysisBatch, AnalysisRun, BatchState, RunKind, RunState
from ouvidor.analysis.opening import OPEN, end_if_empty
from ouvidor.engines.batches import BatchLimits, open_batches
from ouvidor.runtime import Runtime

OPENAI_LIMITS = BatchLimits()

DUE_BATCHES = text("select id from analysis_batch where state <> 'closed' and next_at <= :now order by created_at, id")
READY_RUNS = text("""
select r.id from analysis_run r join project p on p.id = r.project_id
where r.kind = 'batch' and not p.analysis_paused
    and (r.state = 'running' or r.state = 'paused' and r.paused_for in ('budget', 'price_unknown'))
    and exists (select from analysis_item i where i.run_id = r.id and i.state = 'pending' and i.due_at <= :now)
    and not exists (select from analysis_batch b where b.run_id = r.id and b.state in ('filling', 'uploaded'))
order by r.id
""")
"""With a batch that is not under way yet, a second one would meet the same trouble."""

CLEAR_UP = text("""
delete from analysis_batch_request q using analysis_batch b, analysis_run r
where b.id = q.batch_id and r.id = b.run_id and b.state = 'closed' and r.state in ('done', 'cancelled')
""")
"""How often a conversation went into a batch matters while its run is open."""

log = logging.getLogger(__name__)


async def advance_batches(rt: Runtime, limits: BatchLimits = OPENAI_LIMITS) -> None:
    """Take every batch as far as it goes now, and begin those that runs wait for; to be called again and again.

    Any number of processes may do so at once, and each may die at any point.
    """
    if rt.settings.llm_model is None or not await _anything_open(rt):
        return
    async with open_batches(rt.settings) as provider:
        for batch_id in await _to_advance(rt):
            await _advance(BatchWork(rt, provider, limits, batch_id))
        for run_id in await _ready_runs(rt):
            while (batch_id := await _begin(rt, run_id)) is not None:
                await _advance(BatchWork(rt, provider, limits, batch_id))
                if await _still_there(rt, batch_id) not in {BatchState.SUBMITTED, BatchState.CLOSED}:
                    break
    await _end_empty(rt)


async def _advance(work: BatchWork) -> None:
    """What goes wrong with one batch keeps no other from going on."""
    try:
        await work.advance()
    except Exception:
        log.exception("A batch could not be taken further; it is tried again.")


async def _anything_open(rt: Runtime) -> bool:
    waiting = select(AnalysisRun.id).where(AnalysisRun.kind == RunKind.BATCH, AnalysisRun.state.in_(OPEN)).limit(1)
    unclosed = select(AnalysisBatch.id).where(AnalysisBatch.state != BatchState.CLOSED).limit(1)
    async with rt.db.read() as session:
        return (await session.execute(waiting)).first() is not None or (
            await session.execute(unclosed)
        ).first() is not None


async def _to_advance(rt: Runtime) -> list[UUID]:
    async with rt.db.read() as session:
        return list((await session.execute(DUE_BATCHES, {"now": rt.clock()})).scalars())


async def _ready_runs(rt: Runtime) -> list[UUID]:
    async with rt.db.read() as session:
        return list((await session.execute(READY_RUNS, {"now": rt.clock()})).scalars())


async def _begin(rt: Runtime, run_id: UUID) -> UUID | None:
    """A new batch of this run, if it still waits for one."""
    async with rt.db.begin() as session:
        await session.execute(LOCK)
        ready = list((await session.execute(READY_RUNS, {"now": rt.clock()})).scalars())
        run = await waiting_run(session, run_id) if run_id in ready else None
        if run is None:
            return None
        batch = new_batch(rt, run)
        session.add(batch)
        await session.flush()
        return batch.id


async def _still_there(rt: Runtime, batch_id: UUID) -> str | None:
    """The batch's state, or None where there was nothing for it."""
    async with rt.db.read() as session:
        query = select(AnalysisBatch.state).where(AnalysisBatch.id == batch_id)
        return (await session.execute(query)).scalar_one_or_none()


async def _end_empty(rt: Runtime) -> None:
    """End the runs of which nothing waits or is under way, and forget what their batches held."""
    query = select(AnalysisRun).where(AnalysisRun.kind == RunKind.BATCH, AnalysisRun.state == RunState.RUNNING)
    async with rt.db.begin() as session:
        await session.execute(LOCK)
        locked = query.order_by(AnalysisRun.id).with_for_update(skip_locked=True)
        for run in (await session.execute(locked)).scalars().all():
            await end_if_empty(session, run, rt.clock())
        await session.execute(CLEAR_UP)
