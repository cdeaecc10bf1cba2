"""How runs are begun, joined, taken up again and ended: one at most is open in a project."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.analysis.models import AnalysisItem, AnalysisRun, ItemState, RunKind, RunState
from ouvidor.db import new_id

OPEN = (RunState.RUNNING, RunState.PAUSED)


def still_open(project_id: UUID) -> Select[AnalysisRun]:
    """The project's run that is running or paused, provider batches aside: there is one at most."""
    return select(AnalysisRun).where(
        AnalysisRun.project_id == project_id, AnalysisRun.state.in_(OPEN), AnalysisRun.kind != RunKind.BATCH
    )


async def begin_run(
    session: AsyncSession,
    project_id: UUID,
    kind: RunKind,
    ordered_by: str,
    now: datetime,
    *,
    since: datetime | None = None,
) -> AnalysisRun:
    """The project's open run, locked; else the day's sweep, taken up again, where a sweep is wanted; else a new one."""
    for _ in range(2):
        found = (await session.execute(still_open(project_id).with_for_update())).scalar_one_or_none()
        if found is None and kind is RunKind.SWEEP:
            found = await _taken_up(session, project_id, now)
        if found is not None:
            return found
        values = {"id": new_id(), "project_id": project_id, "kind": kind, "ordered_by": ordered_by, "since": since}
        await session.execute(insert(AnalysisRun).values(**values, created_at=now).on_conflict_do_nothing())
    return (await session.execute(still_open(project_id).with_for_update())).scalar_one()


async def freeze(session: AsyncSession, run: AnalysisRun) -> None:
    """Write down how many of the run's conversations are parked, and how many they were in all."""
    mine = AnalysisItem.run_id == run.id
    counted = select(func.count()).where(mine, AnalysisItem.state == ItemState.PARKED)
    run.parked = (await session.execute(counted)).scalar_one()
    others = select(func.count()).where(mine, AnalysisItem.state.not_in((ItemState.PARKED, ItemState.DONE)))
    run.total = run.done + run.parked + (await session.execute(others)).scalar_one()
    await session.flush()


async def end_if_empty(session: AsyncSession, run: AnalysisRun, now: datetime) -> None:
    """End the run, unless something of it waits or is under way."""
    busy = select(AnalysisItem.conversation_id).where(
        AnalysisItem.run_id == run.id, AnalysisItem.state.in_((ItemState.PENDING, ItemState.RUNNING))
    )
    if run.state == RunState.RUNNING and (await session.execute(busy.limit(1))).first() is None:
        run.state, run.finished_at = RunState.DONE, now
        await freeze(session, run)


async def _taken_up(session: AsyncSession, project_id: UUID, now: datetime) -> AnalysisRun | None:
    """The day's last sweep, running again, so that a busy day is one run and not a thousand."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ended = (AnalysisRun.kind == RunKind.SWEEP, AnalysisRun.state == RunState.DONE, AnalysisRun.created_at >= midnight)
    query = select(AnalysisRun).where(AnalysisRun.project_id == project_id, *ended)
    found = (
        await session.execute(query.order_by(AnalysisRun.id.desc()).limit(1).with_for_update())
    ).scalar_one_or_none()
    if found is not None:
        found.state, found.finished_at = RunState.RUNNING, None
        await session.flush()
    return found
