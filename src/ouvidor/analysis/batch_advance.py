"""The provider's batches of analyses on their way: those under way are taken further, new ones begun for runs."""

from sqlalchemy import select, text

from ouvidor.analysis.batch_cargo import Analyses
from ouvidor.analysis.claim import LOCK
from ouvidor.analysis.models import AnalysisBatch, AnalysisRun, RunKind, RunState
from ouvidor.analysis.opening import OPEN, end_if_empty
from ouvidor.engines.batch_cargo import Shipping
from ouvidor.engines.batch_rows import BatchState
from ouvidor.engines.batch_work import advance_all
from ouvidor.engines.batches import BatchLimits, open_batches
from ouvidor.runtime import Runtime

OPENAI_LIMITS = BatchLimits()

CLEAR_UP = text("""
delete from analysis_batch_request q using analysis_batch b, analysis_run r
where b.id = q.batch_id and r.id = b.run_id and b.state = 'closed' and r.state in ('done', 'cancelled')
""")
"""How often a conversation went into a batch matters while its run is open."""


async def advance_batches(rt: Runtime, limits: BatchLimits = OPENAI_LIMITS) -> None:
    """Take every batch of analyses as far as it goes now, and begin those that runs wait for; to be called repeatedly.

    Any number of processes may do so at once, and each may die at any point.
    """
    if rt.settings.llm_model is None or not await _anything_open(rt):
        return
    async with open_batches(rt.settings) as provider:
        await advance_all(Shipping(rt.db, rt.clock, rt.settings.stalled_seconds, provider, limits, Analyses(rt)))
    await _end_empty(rt)


async def _anything_open(rt: Runtime) -> bool:
    waiting = select(AnalysisRun.id).where(AnalysisRun.kind == RunKind.BATCH, AnalysisRun.state.in_(OPEN)).limit(1)
    unclosed = select(AnalysisBatch.id).where(AnalysisBatch.state != BatchState.CLOSED).limit(1)
    async with rt.db.read() as session:
        return (await session.execute(waiting)).first() is not None or (
            await session.execute(unclosed)
        ).first() is not None


async def _end_empty(rt: Runtime) -> None:
    """End the runs of which nothing waits or is under way, and forget what their batches held."""
    query = select(AnalysisRun).where(AnalysisRun.kind == RunKind.BATCH, AnalysisRun.state == RunState.RUNNING)
    async with rt.db.begin() as session:
        await session.execute(LOCK)
        locked = query.order_by(AnalysisRun.id).with_for_update(skip_locked=True)
        for run in (await session.execute(locked)).scalars().all():
            await end_if_empty(session, run, rt.clock())
        await session.execute(CLEAR_UP)
