"""What came of a leased group of comments, stored in one transaction: comments, history, items, the job, the month.

Rows are locked in one order (comments that are there by id, items by position, new comments by the caller's id, then
jobs and months), so that nobody waits for somebody who waits for them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.engines.spending import Spent
from ouvidor.feedback.in_use import InUse
from ouvidor.feedback.jobs.claim import Group, Item
from ouvidor.feedback.jobs.progress import count
from ouvidor.feedback.judge import Judged
from ouvidor.feedback.models import ItemState, JobKind
from ouvidor.feedback.month import charge
from ouvidor.feedback.store import Fresh, Stored, store_again, store_new
from ouvidor.feedback.told import Told, Unfit

MOST_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=10)
WAIT_GROWS = 3
PUT_OFF = timedelta(seconds=20)
UNAVAILABLE = 503
NOT_FOUND = 404
GONE = "was deleted before its turn came"

HOLD = text("select id from comment where project_id = :project and id = any(:ids) order by id for no key update")
MINE = text("""
select position from comment_item
where job_id = :job and position = any(:positions) and state = 'running' and lease = :lease
order by position for no key update
""")
"""Whose lease was given to somebody else meanwhile is not among them, and stores nothing."""

TWINS = text("""
select external_id, min(position) as position from comment_item
where job_id = :job and external_id = any(:names) and lease is distinct from :lease
    and (state = 'running' or state = 'pending' and reason is not null)
group by external_id
""")
"""Under way elsewhere, or tried again: also what this group has lost a moment ago, the rest of it being ours still."""

WRITE = text("""
update comment_item i set
    state = new.state, comment_id = new.comment_id, status = new.status, reason = new.reason,
    attempts = i.attempts + new.failures, due_at = coalesce(new.due_at, i.due_at),
    lease = null, leased_until = null, reserved = 0,
    content = case when new.state = 'done' then null else i.content end,
    fields = case when new.state = 'done' then '{}' else i.fields end,
    author = case when new.state = 'done' then null else i.author end
from json_to_recordset(cast(:rows as json)) as new (
    position int, state text, comment_id uuid, status int, reason text, failures int, due_at timestamptz
)
where i.job_id = :job and i.position = new.position
""")


@dataclass(frozen=True)
class Troubled:
    """A comment that was not classified, and why, told of it (`could not be …`).

    It is tried again after ten seconds, then thirty, and so on, and has failed after five attempts. What does not
    `count` (no model was called, a limit of ours is used up) is put off.
    """

    reason: str
    counts: bool = True


@dataclass(frozen=True)
class Later:
    """A comment that waits for another one of the same id, which stands earlier in the job: the first one counts."""


Result: TypeAlias = Judged | Stored | Unfit | Troubled | Later


@dataclass(frozen=True)
class Settled:
    """A group and what came of each of its comments, in order; `use` is what they were classified with.

    `spent` and `calls` are what a language model took for it.
    """

    group: Group
    results: tuple[Result, ...]
    use: InUse | None = None
    spent: Spent = field(default_factory=Spent)
    calls: int = 0


async def settle(session: AsyncSession, settled: Settled, now: datetime) -> int:
    """Store what came of the group's comments, as far as its lease holds; what was spent counts in any case.

    Of how many comments of the job that was the last; 0 where more are to come.
    """
    group = settled.group
    await _hold(session, settled)
    values = {"job": group.job_id, "lease": group.lease, "positions": [item.position for item in group.items]}
    mine = set((await session.execute(MINE, values)).scalars())
    ours = [(item, one) for item, one in zip(group.items, settled.results, strict=True) if item.position in mine]
    ours = await _in_turn(session, group, ours)
    results = await _stored(session, settled, ours, now)
    rows = [_row(item, result, now) for (item, _), result in zip(ours, results, strict=True)]
    if rows:
        await session.execute(WRITE, {"job": group.job_id, "rows": _json(rows)})
    done = sum(row.state == ItemState.DONE for row in rows)
    failed = sum(row.state == ItemState.FAILED for row in rows)
    if not (rows or settled.calls):
        return 0
    ended = await count(session, group.job_id, now, done=done, failed=failed, spent=settled.spent)
    if settled.calls:
        await charge(session, group.project.id, now, calls=settled.calls, spent=settled.spent)
    return ended


async def _hold(session: AsyncSession, settled: Settled) -> None:
    """Lock the comments that are there, before any row that hangs on them, as whoever deletes them does."""
    there = {item.comment_id for item in settled.group.items if item.comment_id}
    there |= {one.id for one in settled.results if isinstance(one, Stored)}
    if there:
        await session.execute(HOLD, {"project": settled.group.project.id, "ids": sorted(there)})


async def _in_turn(
    session: AsyncSession, group: Group, ours: Sequence[tuple[Item, Result]]
) -> Sequence[tuple[Item, Result]]:
    """The same, with those put off that stand behind one of the same id that is not stored yet."""
    names = {item.told.id for item, _ in ours if item.told and item.told.id}
    if not names:
        return ours
    values = {"job": group.job_id, "lease": group.lease, "names": sorted(names)}
    open_at = {row.external_id: row.position for row in await session.execute(TWINS, values)}
    turns: list[tuple[Item, Result]] = []
    for item, result in ours:
        name = item.told.id if item.told else None
        if name is not None and open_at.get(name, item.position) < item.position:
            turns.append((item, Later()))
            continue
        turns.append((item, result))
        if name is not None and isinstance(result, Troubled):
            open_at[name] = item.position
    return turns


async def _stored(
    session: AsyncSession, settled: Settled, ours: Sequence[tuple[Item, Result]], now: datetime
) -> list[Result]:
    """The results, with what was judged stored: a comment, or an error of its own."""
    group, use = settled.group, settled.use
    judged = [(item, one) for item, one in ours if isinstance(one, Judged)]
    if not judged or use is None:
        return [one for _, one in ours]
    stored: dict[int, Result] = {}
    if group.kind == JobKind.AGAIN:
        again = {item.comment_id: one for item, one in judged if item.comment_id}
        there = await store_again(session, group.project.id, list(again.items()), use.taxonomy, use.rules, now)
        for item, _ in judged:
            found = item.comment_id if item.comment_id in there else None
            stored[item.position] = Stored(found, new=False) if found else gone(None)
    else:
        fresh = [Fresh(item.told or Told(""), one) for item, one in judged]
        came = await store_new(session, group.project.id, fresh, use.rules, now)
        stored = {item.position: one for (item, _), one in zip(judged, came, strict=True)}
    return [stored.get(item.position, one) for item, one in ours]


def gone(id_: str | None) -> Unfit:
    """What becomes of a comment that was deleted while it waited."""
    return Unfit(id_, NOT_FOUND, GONE)


@dataclass(frozen=True)
class _Row:
    """What is written into the row of an item."""

    position: int
    state: ItemState
    comment_id: UUID | None = None
    status: int | None = None
    reason: str | None = None
    failures: int = 0
    due_at: datetime | None = None


def _row(item: Item, result: Result, now: datetime) -> _Row:
    if isinstance(result, Stored):
        return _Row(item.position, ItemState.DONE, result.id)
    if isinstance(result, Unfit):
        return _Row(item.position, ItemState.FAILED, None, result.status, result.reason)
    if isinstance(result, Judged):
        raise TypeError("a classification that was not stored")
    if isinstance(result, Later):
        return _Row(item.position, ItemState.PENDING, item.comment_id)
    if result.counts and item.attempts + 1 >= MOST_ATTEMPTS:
        return _Row(item.position, ItemState.FAILED, item.comment_id, UNAVAILABLE, result.reason, 1)
    due = now + (FIRST_WAIT * WAIT_GROWS**item.attempts if result.counts else PUT_OFF)
    return _Row(item.position, ItemState.PENDING, item.comment_id, None, result.reason, int(result.counts), due)


def _json(rows: Sequence[_Row]) -> str:
    return json.dumps([vars(row) for row in rows], ensure_ascii=False, default=str)
