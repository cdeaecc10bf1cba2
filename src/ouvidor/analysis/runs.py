"""Runs: orders to analyse, how far they have come, and how people hold them up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.analysis.models import AnalysisItem, AnalysisRun, ItemState, RunKind, RunState
from ouvidor.analysis.opening import OPEN, begin_run, freeze, still_open
from ouvidor.conversations.read import own_conversation
from ouvidor.errors import Conflict, NotFound
from ouvidor.runtime import Runtime

LOOKED_BACK = timedelta(minutes=2)

COUNTS = text("""
select run_id, state, count(*) as items, count(*) filter (where attempts > 0) as tried
from analysis_item where run_id = any(:runs) group by run_id, state
""")
STORED = text("""
select run_id, count(*) as stored from analysis
where project_id = :project and created_at > :after and run_id = any(:runs) group by run_id
""")
RETRY = text("""
update analysis_item set run_id = :run, state = 'pending', attempts = 0, losses = 0, due_at = :now, updated_at = :now
where project_id = :project and state = 'parked'
    and (cast(:of as uuid) is null or run_id = :of)
    and (cast(:conversation as uuid) is null or conversation_id = :conversation)
returning conversation_id
""")
CANCEL = text(
    "update analysis_item set state = 'cancelled', updated_at = :now where run_id = :run and state = 'pending'"
)

Kind = Literal["sweep", "manual", "again", "batch"]
State = Literal["running", "paused", "cancelled", "done"]


class UnknownRun(NotFound):
    """This project has no run of analyses with that id."""


class RunEnded(Conflict):
    """This run has ended; order another one."""


class NothingParked(Conflict):
    """Nothing is parked there that could be tried again."""


class RunOut(BaseModel):
    """A run and how far it has come.

    `total` is made of what is done, left and parked; `left` of what waits, what is being analysed (`running`) and what
    has failed and is tried again (`retrying`). `rate` is analyses a minute over the last two minutes; `seconds_left`
    what remains at that rate, null where it cannot be told. `cost` is dollars, failed attempts included. `paused_for`
    is a person's name, `budget` (the month's is spent) or `price_unknown` (there is a budget, and nobody lists the
    model's price).
    """

    id: UUID
    kind: Kind
    state: State
    paused_for: str | None
    ordered_by: str
    since: datetime | None
    total: int
    done: int
    left: int
    running: int
    retrying: int
    parked: int
    rate: float = Field(examples=[120.0])
    seconds_left: float | None
    input_tokens: int
    output_tokens: int
    cost: Decimal
    created_at: datetime
    finished_at: datetime | None


class ParkedOut(BaseModel):
    """A conversation that could not be analysed, and why: an engine's fault, `worker_lost`, `empty` or `error`."""

    conversation_id: UUID
    run_id: UUID
    reason: str
    parked_at: datetime


async def list_runs(
    session: AsyncSession, project_id: UUID, now: datetime, *, after: UUID | None = None, limit: int = 20
) -> list[RunOut]:
    """The project's runs with their progress, the newest first, from the one after `after`; at most `limit`."""
    query = select(AnalysisRun).where(AnalysisRun.project_id == project_id)
    if after is not None:
        query = query.where(AnalysisRun.id < after)
    rows = (await session.execute(query.order_by(AnalysisRun.id.desc()).limit(limit))).scalars().all()
    return await shown(session, project_id, list(rows), now)


async def read_run(session: AsyncSession, project_id: UUID, run_id: UUID, now: datetime) -> RunOut:
    """One run of the project with its progress.

    Raises:
        UnknownRun: the project has none of this id.
    """
    return (await shown(session, project_id, [await own_run(session, project_id, run_id)], now))[0]


async def open_run(session: AsyncSession, project_id: UUID, now: datetime) -> RunOut | None:
    """The project's run that is running or paused, if there is one (provider batches aside)."""
    found = (await session.execute(still_open(project_id))).scalar_one_or_none()
    return None if found is None else (await shown(session, project_id, [found], now))[0]


async def list_parked(
    session: AsyncSession, project_id: UUID, *, run_id: UUID | None = None, limit: int = 100
) -> list[ParkedOut]:
    """Conversations of the project (or of one run) that are parked, the last to be parked first."""
    query = select(AnalysisItem).where(AnalysisItem.project_id == project_id, AnalysisItem.state == ItemState.PARKED)
    if run_id is not None:
        query = query.where(AnalysisItem.run_id == run_id)
    rows = (await session.execute(query.order_by(AnalysisItem.updated_at.desc()).limit(limit))).scalars()
    return [
        ParkedOut(
            conversation_id=row.conversation_id, run_id=row.run_id, reason=row.reason or "", parked_at=row.updated_at
        )
        for row in rows
    ]


async def pause_run(rt: Runtime, project: Project, run_id: UUID, actor: Actor) -> RunOut:
    """Begin nothing new of this run; what is being analysed is finished.

    Raises:
        UnknownRun: the project has none of this id.
        RunEnded: it has ended.
    """
    return await _change(rt, project, run_id, actor, "analysis_run.paused", RunState.PAUSED, paused_for=actor.name)


async def resume_run(rt: Runtime, project: Project, run_id: UUID, actor: Actor) -> RunOut:
    """Go on with this run; without money left it pauses again.

    Raises:
        UnknownRun: the project has none of this id.
        RunEnded: it has ended.
    """
    return await _change(rt, project, run_id, actor, "analysis_run.resumed", RunState.RUNNING, paused_for=None)


async def cancel_run(rt: Runtime, project: Project, run_id: UUID, actor: Actor) -> RunOut:
    """End this run: what waits is taken off the list, what is being analysed is finished, what is done stays.

    What was due is due again once the conversation grows, or by another order with `again`.

    Raises:
        UnknownRun: the project has none of this id.
        RunEnded: it has ended.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        run = await own_run(session, project.id, run_id, lock=True)
        if run.state not in OPEN:
            raise RunEnded
        await session.execute(CANCEL, {"run": run.id, "now": now})
        run.state, run.paused_for, run.finished_at = RunState.CANCELLED, None, now
        await freeze(session, run)
        await note_run(session, actor, "analysis_run.cancelled", run, now)
        return (await shown(session, project.id, [run], now))[0]


async def retry_parked(
    rt: Runtime, project: Project, actor: Actor, *, run_id: UUID | None = None, conversation_id: UUID | None = None
) -> RunOut:
    """Try again what is parked: all of the project, of one run, or one conversation; in the open run or a new one.

    Raises:
        UnknownRun, UnknownConversation: the project has no run, or no conversation, of this id.
        NothingParked: nothing of that is parked.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        if run_id is not None:
            await own_run(session, project.id, run_id)
        if conversation_id is not None:
            await own_conversation(session, project.id, conversation_id)
        run = await begin_run(session, project.id, RunKind.MANUAL, actor.name, now)
        values = {"run": run.id, "project": project.id, "of": run_id, "conversation": conversation_id, "now": now}
        count = len((await session.execute(RETRY, values)).all())
        if not count:
            raise NothingParked
        await note_run(session, actor, "analysis_run.retried", run, now, conversations=count)
        return (await shown(session, project.id, [run], now))[0]


async def own_run(session: AsyncSession, project_id: UUID, run_id: UUID, *, lock: bool = False) -> AnalysisRun:
    """One run of the project; locked, if wanted, until the transaction ends.

    Raises:
        UnknownRun: the project has none of this id.
    """
    query = select(AnalysisRun).where(AnalysisRun.project_id == project_id, AnalysisRun.id == run_id)
    found = (await session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
    if found is None:
        raise UnknownRun
    return found


async def shown(session: AsyncSession, project_id: UUID, runs: list[AnalysisRun], now: datetime) -> list[RunOut]:
    """These runs of the project with their progress."""
    ids = [run.id for run in runs]
    counts = {(row.run_id, row.state): row for row in await session.execute(COUNTS, {"runs": ids})}
    after = {"project": project_id, "after": now - LOOKED_BACK, "runs": ids}
    stored = {row.run_id: row.stored for row in await session.execute(STORED, after)}

    def count(run: AnalysisRun, state: ItemState, column: str = "items") -> int:
        row = counts.get((run.id, state))
        return 0 if row is None else getattr(row, column)

    return [
        _shown(
            run,
            _Counted(
                waiting=count(run, ItemState.PENDING),
                running=count(run, ItemState.RUNNING),
                retrying=count(run, ItemState.PENDING, "tried"),
                parked=count(run, ItemState.PARKED),
                stored=stored.get(run.id, 0),
            ),
            now,
        )
        for run in runs
    ]


@dataclass(frozen=True)
class _Counted:
    """The items of a run by their state, and how many analyses were stored of late."""

    waiting: int
    running: int
    retrying: int
    parked: int
    stored: int


def _shown(run: AnalysisRun, counted: _Counted, now: datetime) -> RunOut:
    is_open = run.state in OPEN
    left = counted.waiting + counted.running if is_open else 0
    parked = counted.parked if is_open else run.parked
    minutes = max(min(LOOKED_BACK, now - run.created_at).total_seconds(), 1.0) / 60
    rate = counted.stored / minutes if run.state == RunState.RUNNING else 0.0
    return RunOut.model_validate(
        {
            "id": run.id,
            "kind": run.kind,
            "state": run.state,
            "paused_for": run.paused_for,
            "ordered_by": run.ordered_by,
            "since": run.since,
            "total": run.done + left + parked if is_open else run.total,
            "done": run.done,
            "left": left,
            "running": counted.running,
            "retrying": counted.retrying if is_open else 0,
            "parked": parked,
            "rate": round(rate, 1),
            "seconds_left": round(left / rate * 60, 1) if rate else None,
            "input_tokens": run.input_tokens,
            "output_tokens": run.output_tokens,
            "cost": run.cost,
            "created_at": run.created_at,
            "finished_at": run.finished_at,
        }
    )


async def _change(
    rt: Runtime, project: Project, run_id: UUID, actor: Actor, action: str, state: RunState, *, paused_for: str | None
) -> RunOut:
    now = rt.clock()
    async with rt.db.begin() as session:
        run = await own_run(session, project.id, run_id, lock=True)
        if run.state not in OPEN:
            raise RunEnded
        run.state, run.paused_for = state, paused_for
        await note_run(session, actor, action, run, now)
        return (await shown(session, project.id, [run], now))[0]


async def note_run(
    session: AsyncSession, actor: Actor, action: str, run: AnalysisRun, now: datetime, **details: Any
) -> None:
    """Write into the audit log what somebody did with this run."""
    about = Subject("analysis_run", run.id)
    await note(session, actor, action, at=now, project_id=run.project_id, subject=about, **details)
