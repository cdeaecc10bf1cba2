"""How the workers share the list: each takes what is free, leases it, and gives back what dead ones held.

Whatever is decided here is decided under one lock of the installation, so that the bounds (conversations under analysis
at once, the month's money) hold over all workers together. Leases run by the database's time.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.analysis.budget import BUDGET, PRICE_UNKNOWN, Affordable, Terms, affordable
from ouvidor.analysis.models import AnalysisRun, RunKind, RunState
from ouvidor.analysis.opening import end_if_empty
from ouvidor.db import new_id
from ouvidor.engines.limits import callers_fed
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import month_of
from ouvidor.runtime import Runtime
from ouvidor.settings import Settings

MOST_LOSSES = 10
"""After so many workers that died over it a conversation is parked: it may be what kills them."""

LOCK = text("select pg_advisory_xact_lock(hashtext('ouvidor analysis'))")

GIVE_BACK_LOST = text("""
with lost as (
    select i.conversation_id, i.project_id, i.reserved, r.state as run_state
    from analysis_item i join analysis_run r on r.id = i.run_id
    where i.state = 'running' and i.leased_until <= clock_timestamp() and r.kind <> 'batch'
    for update of i skip locked
)
update analysis_item i set
    state = case
        when lost.run_state = 'cancelled' then 'cancelled' when i.losses + 1 >= :most then 'parked' else 'pending'
    end,
    losses = i.losses + 1, reason = 'worker_lost', due_at = :now, lease = null, leased_until = null, reserved = 0,
    updated_at = :now
from lost where lost.conversation_id = i.conversation_id
returning lost.project_id, lost.reserved
""")
"""They go to the end of the list. What they may have cost counts as spent: nobody knows whether it was."""

CANCEL_LEFT = text("""
update analysis_item i set state = 'cancelled', updated_at = :now
from analysis_run r where r.id = i.run_id and r.state = 'cancelled' and i.state = 'pending'
""")

CHARGE = text("""
insert into analysis_month as spent (project_id, month, calls, input_tokens, output_tokens, cost)
select p.id, cast(:month as date), cast(:calls as int), cast(:input as bigint), cast(:output as bigint),
    cast(:cost as numeric)
from project p where p.id = :project
on conflict (project_id, month) do update set
    calls = spent.calls + excluded.calls, input_tokens = spent.input_tokens + excluded.input_tokens,
    output_tokens = spent.output_tokens + excluded.output_tokens, cost = spent.cost + excluded.cost
""")

ALIVE = "seen_at > clock_timestamp() - make_interval(secs => :seconds)"
WORKERS = text(f"select count(*) from analysis_worker where {ALIVE}")  # noqa: S608 - our own words
BUSY = text(f"""
select
    (
        select count(*) from analysis_item i join analysis_run r on r.id = i.run_id
        where i.state = 'running' and r.kind <> 'batch'
    ) as items,
    (select count(*) from analysis_worker where id <> :me and {ALIVE}) as others
""")  # noqa: S608 - our own words

NEXT = text("""
with busy as (select project_id, count(*) as items from analysis_item where state = 'running' group by project_id)
select next.* from (
    select r.id as run_id, r.state as run_state, r.project_id, i.conversation_id, i.attempts,
        coalesce(busy.items, 0) + row_number() over (partition by r.project_id order by i.due_at) as turn
    from analysis_run r
    join project p on p.id = r.project_id
    left join busy on busy.project_id = r.project_id
    cross join lateral (
        select conversation_id, attempts, due_at from analysis_item
        where run_id = r.id and state = 'pending' and due_at <= :now order by due_at limit :free
    ) as i
    where r.id = any(:runs) and not p.analysis_paused and (
        r.state = 'running' or r.state = 'paused' and r.paused_for in ('budget', 'price_unknown')
    )
) as next
order by next.turn, next.project_id limit :free
""")
"""Each project's first comes before any project's second, and so on: a large import keeps nobody else waiting."""

LEASE = text("""
update analysis_item i set
    state = 'running', lease = taken.lease, reserved = taken.reserved, updated_at = :now,
    leased_until = clock_timestamp() + make_interval(secs => :seconds)
from unnest(cast(:ids as uuid[]), cast(:leases as uuid[]), cast(:reserved as numeric[])) as taken (id, lease, reserved)
where i.conversation_id = taken.id and i.state = 'pending'
returning i.conversation_id
""")


@dataclass(frozen=True)
class Taken:
    """A conversation that this process has leased; `attempts` are those that failed before."""

    conversation_id: UUID
    project_id: UUID
    run_id: UUID
    lease: UUID
    attempts: int


def slots(settings: Settings, engine: str) -> int:
    """How many conversations may be under analysis at once, over all workers: no more than the model's limits feed."""
    most = settings.analysis_concurrency
    return most if engine == LOCAL else callers_fed(settings, most)


@dataclass(frozen=True)
class Held:
    """What a process (by its id as a worker) holds: so many under way, so many finished and not yet stored."""

    by: UUID
    under_way: int
    finished: int


async def claim(
    rt: Runtime, terms: Mapping[UUID, Terms], held: Held, *, most: int, give_back: bool = True
) -> list[Taken]:
    """Lease what is next to this process, at most so many.

    `terms` are those of each run that may go on, by the run's id. Runs that have come to their end are ended; those
    without money are paused, and go on when there is some. With `give_back` the leases of dead workers are ended first.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        await session.execute(LOCK)
        if give_back:
            await _give_back_lost(session, now)
        free = await _free(session, rt, held, most)
        if free < 1:
            return []
        rows = (await session.execute(NEXT, {"runs": list(terms), "now": now, "free": free})).all()
        taken = await _lease(session, rt, terms, rows, now)
        if len(rows) < free:
            await _end_empty(session, list(terms), now)
        return taken


async def tidy(session: AsyncSession, now: datetime) -> None:
    """Give back what dead workers held, also where nothing goes on, and take off the list what was cancelled."""
    await session.execute(LOCK)
    await _give_back_lost(session, now)
    await session.execute(CANCEL_LEFT, {"now": now})


async def workers_alive(session: AsyncSession, seconds: int) -> int:
    """How many processes have shown within so many seconds that they take part."""
    return (await session.execute(WORKERS, {"seconds": seconds})).scalar_one()


async def _free(session: AsyncSession, rt: Runtime, held: Held, most: int) -> int:
    """How many more this process may take: of the free slots, and of its share among the workers that are alive."""
    every = slots(rt.settings, rt.engine.name)
    values = {"me": held.by, "seconds": rt.settings.stalled_seconds}
    busy = (await session.execute(BUSY, values)).one()
    share = -(-every // (busy.others + 1))
    return min(most, every - busy.items + held.finished, share - held.under_way)


async def _give_back_lost(session: AsyncSession, now: datetime) -> None:
    costs: dict[UUID, Decimal] = defaultdict(Decimal)
    for row in await session.execute(GIVE_BACK_LOST, {"now": now, "most": MOST_LOSSES}):
        costs[row.project_id] += row.reserved
    for project_id, cost in sorted(costs.items()):
        if cost:
            await charge(session, project_id, now, cost=cost)


async def charge(
    session: AsyncSession,
    project_id: UUID,
    now: datetime,
    *,
    calls: int = 0,
    input_tokens: int = 0,
    output_tokens: int = 0,
    cost: Decimal = Decimal(0),
) -> None:
    """Add to what the project's analyses took this month; nothing where the project is gone."""
    values = {"project": project_id, "month": month_of(now), "calls": calls, "cost": cost}
    await session.execute(CHARGE, values | {"input": input_tokens, "output": output_tokens})


async def _lease(
    session: AsyncSession, rt: Runtime, terms: Mapping[UUID, Terms], rows: Sequence[Any], now: datetime
) -> list[Taken]:
    by_run: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for row in rows:
        by_run[row.run_id, row.run_state].append(row.conversation_id)
    reserves: dict[UUID, Decimal] = {}
    for (run_id, state), ids in sorted(by_run.items()):
        affordable = await _affordable(session, terms[run_id], ids, now)
        reserves |= affordable.reserves
        if (affordable.paused_for is None) is (state == RunState.PAUSED):
            await _pause_or_go_on(session, run_id, affordable.paused_for)
    wanted = [
        Taken(row.conversation_id, row.project_id, row.run_id, new_id(), row.attempts)
        for row in rows
        if row.conversation_id in reserves
    ]
    values = {
        "ids": [one.conversation_id for one in wanted],
        "leases": [one.lease for one in wanted],
        "reserved": [reserves[one.conversation_id] for one in wanted],
        "seconds": rt.settings.stalled_seconds,
        "now": now,
    }
    leased = set((await session.execute(LEASE, values)).scalars()) if wanted else set[UUID]()
    return [one for one in wanted if one.conversation_id in leased]


async def _affordable(session: AsyncSession, terms: Terms, ids: Sequence[UUID], now: datetime) -> Affordable:
    """Those that the month's budget allows; without a budget all, and nothing is reckoned."""
    if terms.project.analysis_budget is None or terms.free:
        return Affordable(dict.fromkeys(ids, Decimal(0)))
    return await affordable(session, terms, ids, now)


async def _pause_or_go_on(session: AsyncSession, run_id: UUID, paused_for: str | None) -> None:
    run = (await session.execute(select(AnalysisRun).where(AnalysisRun.id == run_id).with_for_update())).scalar_one()
    if paused_for is not None and run.state == RunState.RUNNING:
        run.state, run.paused_for = RunState.PAUSED, paused_for
    elif paused_for is None and run.state == RunState.PAUSED and run.paused_for in {BUDGET, PRICE_UNKNOWN}:
        run.state, run.paused_for = RunState.RUNNING, None


async def _end_empty(session: AsyncSession, run_ids: Sequence[UUID], now: datetime) -> None:
    """End the runs of which nothing waits or is under way; the lock sees to it that nobody adds to them meanwhile."""
    mine = (AnalysisRun.id.in_(run_ids), AnalysisRun.state == RunState.RUNNING, AnalysisRun.kind != RunKind.BATCH)
    query = select(AnalysisRun).where(*mine).order_by(AnalysisRun.id).with_for_update(skip_locked=True)
    for run in (await session.execute(query)).scalars().all():
        await end_if_empty(session, run, now)
