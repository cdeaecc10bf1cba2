"""How the workers share the comments that wait: each leases groups of one job, and gives back what dead ones held.

Whatever is decided here is decided under one lock of the installation, so that the bounds (calls of a language model at
once, the month's money) hold over all workers together. Leases run by the database's time.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import accumulate, takewhile
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.db import new_id
from ouvidor.engines.limits import callers_fed
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import Spent
from ouvidor.feedback.jobs.progress import count, end_empty
from ouvidor.feedback.llm.costs import Terms
from ouvidor.feedback.llm.fitting import MOST_TOGETHER
from ouvidor.feedback.models import JobKind, JobState
from ouvidor.feedback.month import charge, spent_and_reserved
from ouvidor.feedback.told import Told
from ouvidor.runtime import Runtime
from ouvidor.settings import Settings

LOCAL_TOGETHER = 500
LOCAL_BYTES = 1_000_000
"""A group of long comments is smaller, so that memory stays even."""
LOCAL_AT_ONCE = 2
"""Groups that one process classifies itself at the same time: while one waits for its vectors, the other is read."""
MOST_LOSSES = 10
"""After so many workers that died over it a comment has failed: it may be what kills them."""
SHRINKS = 2
"""Each time that a group was lost, its comments are taken up again a quarter as many together."""

BUDGET = "budget"
PRICE_UNKNOWN = "price_unknown"
WORKER_LOST = "could not be classified: the worker that had it died, again and again"

LOCK = text("select pg_advisory_xact_lock(hashtext('ouvidor comments'))")

GIVE_BACK_LOST = text("""
with lost as (
    select job_id, position, reserved from comment_item
    where state = 'running' and leased_until <= clock_timestamp()
    order by job_id, position for update skip locked
)
update comment_item i set
    state = case when i.losses + 1 >= :most then 'failed' else 'pending' end,
    status = case when i.losses + 1 >= :most then 500 end,
    reason = :reason, losses = i.losses + 1, lease = null, leased_until = null, reserved = 0
from lost where i.job_id = lost.job_id and i.position = lost.position
returning i.job_id, i.project_id, i.state, lost.reserved
""")
"""What they may have cost counts as spent: nobody knows whether it was."""

DROP_CANCELLED = text("""
delete from comment_item i using comment_job j
where j.id = i.job_id and j.state = 'cancelled' and i.state = 'pending'
""")

BUSY = text("""
select project_id, count(distinct lease) as groups from comment_item
where state = 'running' and leased_until is not null group by project_id
""")
"""What is in a provider's batch has no end of its lease, and keeps nobody busy."""

WAITING = text("""
select j.id, j.project_id, j.kind, j.state, j.done + j.failed as behind
from comment_job j
where j.id = any(:jobs)
    and (j.state in ('pending', 'running') or j.state = 'paused' and j.paused_for in ('budget', 'price_unknown'))
    and exists (select from comment_item i where i.job_id = j.id and i.state = 'pending' and i.due_at <= :now)
""")

NEXT = text("""
select i.position, i.losses, i.attempts, octet_length(coalesce(i.content, c.content, '')) as size
from comment_item i left join comment c on c.id = i.comment_id
where i.job_id = :job and i.state = 'pending' and i.due_at <= :now and not exists (
    select from comment_item twin
    where twin.job_id = i.job_id and twin.external_id = i.external_id and twin.position < i.position
        and (twin.state = 'running' or twin.state = 'pending' and twin.reason is not null)
)
order by i.position limit :most
""")
"""Of two with the same id the first one counts: the second waits while the first is under way or tried again.

Nothing is locked yet: jobs are locked before their items, as by whoever cancels them.
"""

LEASE = text("""
update comment_item set
    state = 'running', lease = :lease, leased_until = clock_timestamp() + make_interval(secs => :seconds),
    reserved = :reserved
where job_id = :job and position = any(:positions) and state = 'pending'
returning position, attempts, external_id, content, fields, author, written_at, comment_id
""")

BEGIN = text("""
update comment_job set
    state = 'running', paused_for = null, started_at = coalesce(started_at, :now), counted_at = :now
where id = :job and (state = 'pending' or state = 'paused' and paused_for in ('budget', 'price_unknown'))
""")
PAUSE = text("""
update comment_job set state = 'paused', paused_for = :paused_for
where id = :job and (state in ('pending', 'running') or state = 'paused' and paused_for in ('budget', 'price_unknown'))
""")


@dataclass(frozen=True)
class Means:
    """What a project's comments are classified with: a language model under a budget, at these `terms`, or none."""

    project: Project
    terms: Terms | None = None
    budget: Decimal | None = None

    @property
    def by_model(self) -> bool:
        """Whether a language model is asked."""
        return self.terms is not None


@dataclass(frozen=True)
class Item:
    """A comment of a leased group: `told` as it came in, None where it is there (`comment_id`) or its words are gone.

    `attempts` are those that failed before.
    """

    position: int
    attempts: int
    told: Told | None
    comment_id: UUID | None


@dataclass(frozen=True)
class Group:
    """Comments of one job that this process has leased together, in the order of their positions."""

    lease: UUID
    job_id: UUID
    kind: JobKind
    project: Project
    by_model: bool
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Held:
    """What this process holds: groups that a model is asked about, that it classifies itself, that wait to be stored.

    Of those that wait `model_finished` came from a model.
    """

    asked: int = 0
    local: int = 0
    finished: int = 0
    model_finished: int = 0


def slots(settings: Settings) -> int:
    """How many calls may be made at once, over all workers: no more than the model's limits feed."""
    return callers_fed(settings, settings.comments_concurrency)


async def claim(
    rt: Runtime, jobs: Mapping[UUID, Means], held: Held, *, most: int, give_back: bool = True
) -> list[Group]:
    """Lease what is next to this process, at most so many groups.

    `jobs` are those that may go on. Those without money are paused, and go on when there is some; those of which
    nothing is left are ended. With `give_back` the leases of dead workers are ended first.
    """
    now = rt.clock()
    if give_back:
        async with rt.db.begin() as session:
            await session.execute(LOCK)
            await give_back_lost(session, now)
    async with rt.db.begin() as session:
        await session.execute(LOCK)
        busy = {row.project_id: row.groups for row in await session.execute(BUSY)}
        free = _free(rt, jobs, busy, held)
        if max(free.asked, free.local) < 1:
            return []
        waiting = (await session.execute(WAITING, {"jobs": list(jobs), "now": now})).all()
        choosing = _Choosing(rt, session, jobs, Counter(busy), free, now)
        groups = await choosing.groups(waiting, most)
        if len(groups) < most:
            await end_empty(session, sorted(jobs), now)
        return groups


async def tidy(session: AsyncSession, now: datetime) -> None:
    """Give back what dead workers held, also where nothing goes on, and take off the list what was cancelled."""
    await session.execute(LOCK)
    await give_back_lost(session, now)
    await session.execute(DROP_CANCELLED)


async def give_back_lost(session: AsyncSession, now: datetime) -> None:
    """End the leases that have run out; the caller holds the lock. Jobs are locked before months, as by `settle`."""
    lost: dict[tuple[UUID, UUID], list[Any]] = defaultdict(list)
    for row in await session.execute(GIVE_BACK_LOST, {"most": MOST_LOSSES, "reason": WORKER_LOST}):
        lost[row.job_id, row.project_id].append(row)
    costs: dict[UUID, Decimal] = defaultdict(Decimal)
    for (job_id, project_id), rows in sorted(lost.items()):
        cost = sum((row.reserved for row in rows), Decimal(0))
        failed = sum(row.state == "failed" for row in rows)
        if failed or cost:
            await count(session, job_id, now, failed=failed, spent=Spent(cost=cost))
        costs[project_id] += cost
    for project_id, cost in sorted(costs.items()):
        if cost:
            await charge(session, project_id, now, calls=0, spent=Spent(cost=cost))


@dataclass(frozen=True)
class _Free:
    """How many more groups this process may take of either kind."""

    asked: int
    local: int


def _free(rt: Runtime, jobs: Mapping[UUID, Means], busy: Mapping[UUID, int], held: Held) -> _Free:
    """Of the free slots, and of what one process does at once; what it has yet to store counts as under way."""
    local = LOCAL_AT_ONCE - held.local - held.finished
    if rt.engine.name == LOCAL:
        return _Free(0, local)
    by_words = {one.project.id for one in jobs.values() if not one.by_model}
    under_way = sum(groups for project_id, groups in busy.items() if project_id not in by_words)
    every = slots(rt.settings)
    return _Free(min(every - held.finished, every - under_way + held.model_finished), local)


class _Choosing:
    """The choice of groups within one transaction, under the lock."""

    def __init__(
        self,
        rt: Runtime,
        session: AsyncSession,
        jobs: Mapping[UUID, Means],
        busy: "Counter[UUID]",
        free: _Free,
        now: datetime,
    ) -> None:
        self._settings = rt.settings
        self._session = session
        self._jobs = jobs
        self._busy = busy
        self._asked, self._local = free.asked, free.local
        self._now = now
        self._left: dict[UUID, Decimal] = {}

    async def groups(self, waiting: Sequence[Any], most: int) -> list[Group]:
        """Lease groups of these jobs: of the project that has the fewest under way, of its job that is least far.

        So a large file keeps nobody waiting, neither other projects nor a small file of the same one.
        """
        behind = {row.id: row.behind for row in waiting}
        open_jobs = {row.id: row for row in waiting}
        groups: list[Group] = []
        while open_jobs and len(groups) < most:
            job = min(open_jobs.values(), key=lambda row: (self._busy[row.project_id], behind[row.id], row.id))
            group = await self._group(job)
            if group is None:
                del open_jobs[job.id]
                continue
            groups.append(group)
            self._busy[job.project_id] += 1
            behind[job.id] += len(group.items)
            self._asked -= group.by_model
            self._local -= not group.by_model
        return groups

    async def _group(self, job: Any) -> Group | None:
        """The next group of the job; None where there is no slot, no money or nothing due."""
        means = self._jobs[job.id]
        if (self._asked if means.by_model else self._local) < 1:
            return None
        values = {"job": job.id, "now": self._now, "most": MOST_TOGETHER if means.by_model else LOCAL_TOGETHER}
        rows = _together((await self._session.execute(NEXT, values)).all(), means.terms)
        if not rows:
            return None
        reserve, paused_for = await self._reserve(means, [row.size for row in rows])
        if paused_for is not None:
            if paused_for != WAITS:
                await self._session.execute(PAUSE, {"job": job.id, "paused_for": paused_for})
            return None
        if job.state != JobState.RUNNING:
            await self._session.execute(BEGIN, {"job": job.id, "now": self._now})
        return await self._lease(job, means, [row.position for row in rows], reserve)

    async def _reserve(self, means: Means, sizes: Sequence[int]) -> tuple[Decimal, str | None]:
        """What a call about comments of these sizes may cost, and what holds it up where there is no money for it."""
        if means.terms is None or means.budget is None:
            return Decimal(0), None
        cost = means.terms.dollars(sizes)
        if cost is None:
            return Decimal(0), PRICE_UNKNOWN
        project_id = means.project.id
        if project_id not in self._left:
            self._left[project_id] = means.budget - await spent_and_reserved(self._session, project_id, self._now)
        if self._left[project_id] < cost:
            return cost, WAITS if self._busy[project_id] else BUDGET
        self._left[project_id] -= cost
        return cost, None

    async def _lease(self, job: Any, means: Means, positions: Sequence[int], reserve: Decimal) -> Group | None:
        """The group of these, as far as they still wait."""
        lease = new_id()
        values = {
            "job": job.id,
            "positions": list(positions),
            "lease": lease,
            "reserved": reserve / len(positions),
            "seconds": self._settings.stalled_seconds,
        }
        rows = sorted((await self._session.execute(LEASE, values)).all(), key=lambda row: row.position)
        items = tuple(Item(row.position, row.attempts, _told(row), row.comment_id) for row in rows)
        return Group(lease, job.id, JobKind(job.kind), means.project, means.by_model, items) if items else None


WAITS = "waits"
"""Calls that are under way may turn out cheaper than was reserved for them."""


def _together(rows: Sequence[Any], terms: Terms | None) -> Sequence[Any]:
    """The first of these that make one group; those that workers died over are kept apart and in small groups.

    So are those that the local classifier failed over: it may be one of them. None is passed over, so that of two with
    the same id the first comes first.
    """
    if not rows:
        return rows
    first = (rows[0].losses, rows[0].attempts)
    alike = list(takewhile(lambda row: (row.losses, row.attempts) == first, rows))
    if terms is not None:
        alike = alike[: terms.group_sizes([row.size for row in alike])[0]]
        trouble = rows[0].losses
    else:
        sizes = list(accumulate(row.size for row in alike))
        alike = alike[: max(1, len(list(takewhile(lambda size: size <= LOCAL_BYTES, sizes))))]
        trouble = rows[0].losses + rows[0].attempts
    most = LOCAL_TOGETHER if terms is None else MOST_TOGETHER
    return alike[: max(1, most >> SHRINKS * trouble)]


def _told(row: Any) -> Told | None:
    if row.content is None:
        return None
    return Told(row.content, row.external_id, row.fields, row.author, row.written_at)
