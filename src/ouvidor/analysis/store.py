"""What came of leased conversations, stored in short transactions: the verdict, the list, the run, the month.

Each transaction locks the conversations before any row that hangs on them, as an erasure does, then the list, then runs
and months: in one order nobody waits for somebody who waits for them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.analysis.analyse import Judged
from ouvidor.analysis.claim import Taken, charge
from ouvidor.db import new_id
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import Spent

MOST_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=10)
WAIT_GROWS = 3
PUT_OFF = timedelta(seconds=20)
EMPTY = "empty"

HOLD = text("select id from conversation where id = any(:ids) order by id for no key update")
TAKE_NOTE = text("""
update conversation c set analysed_messages = greatest(c.analysed_messages, seen.messages)
from unnest(cast(:ids as uuid[]), cast(:messages as int[])) as seen (id, messages)
where c.id = seen.id and c.analysed_messages < seen.messages
""")
FINISH = text("""
update analysis_item i set
    state = 'done', lease = null, leased_until = null, reserved = 0, reason = null, attempts = 0, losses = 0,
    updated_at = :now
from unnest(cast(:ids as uuid[]), cast(:leases as uuid[])) as mine (id, lease)
where i.conversation_id = mine.id and i.lease = mine.lease
returning i.conversation_id
""")
"""Whose lease was given to somebody else meanwhile is not among those returned, and stores nothing."""

GIVE_BACK = text("""
update analysis_item i set
    state = case when r.state = 'cancelled' and mine.state = 'pending' then 'cancelled' else mine.state end,
    attempts = i.attempts + mine.failures, due_at = mine.due_at, reason = coalesce(mine.reason, i.reason),
    lease = null, leased_until = null, reserved = 0, updated_at = :now
from unnest(
    cast(:ids as uuid[]), cast(:leases as uuid[]), cast(:states as text[]), cast(:failures as int[]),
    cast(:due as timestamptz[]), cast(:reasons as text[])
) as mine (id, lease, state, failures, due_at, reason), analysis_run r
where i.conversation_id = mine.id and i.lease = mine.lease and r.id = i.run_id
""")
NO_LONGER_CURRENT = text("update analysis set current = false where conversation_id = any(:ids) and current")
COLUMNS = (
    "id",
    "project_id",
    "conversation_id",
    "run_id",
    "covers",
    "current",
    "version",
    "prompt_version",
    "model",
    "satisfaction",
    "sentiment",
    "resolved",
    "goal_reached",
    "effort",
    "language",
    "topics",
    "fault_kinds",
    "faults",
    "summary",
    "improvements",
    "evidence",
    "confidence",
    "addressed",
    "trimmed_messages",
    "handed_over",
    "unit",
    "input_tokens",
    "output_tokens",
    "input_price",
    "output_price",
    "cost",
    "began_at",
    "ended_at",
    "created_at",
)
JSON = ("faults", "summary", "improvements", "evidence")
KEY = ("id", "project_id", "conversation_id", "covers", "version")
_VALUES = ", ".join(f"cast(:{name} as jsonb)" if name in JSON else f":{name}" for name in COLUMNS)
_RENEWED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in KEY)
WRITE = text(
    f"insert into analysis ({', '.join(COLUMNS)}) values ({_VALUES}) "  # noqa: S608 - our own names
    f"on conflict (conversation_id, covers, version) do update set {_RENEWED}"
)
COUNT = text("""
update analysis_run set done = done + :done, input_tokens = input_tokens + :input,
    output_tokens = output_tokens + :output, cost = cost + :cost
where id = :run
""")

T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """A leased conversation and its verdict."""

    taken: Taken
    judged: Judged

    @property
    def spent(self) -> Spent:
        """What it took."""
        return self.judged.spent

    @property
    def called(self) -> bool:
        """Whether a model was called."""
        return self.judged.model != LOCAL


@dataclass(frozen=True)
class Failed:
    """A leased conversation that was not analysed, and why.

    It is tried again after ten seconds, then thirty, and so on, and parked after five attempts; at once where
    `hopeless`. What was not even `called` for (the circuit breaker is open, a limit of ours is used up) is put off and
    not counted.
    """

    taken: Taken
    reason: str
    spent: Spent
    called: bool = True
    counts: bool = True
    hopeless: bool = False

    @property
    def parked(self) -> bool:
        """Whether nobody tries it again by themselves."""
        return self.hopeless or (self.counts and self.taken.attempts + 1 >= MOST_ATTEMPTS)

    def due_at(self, now: datetime) -> datetime:
        """When it is due again."""
        return now + (FIRST_WAIT * WAIT_GROWS**self.taken.attempts if self.counts else PUT_OFF)


Finished = Done | Failed


async def store(session: AsyncSession, finished: Sequence[Finished], now: datetime) -> int:
    """Store what came of these; how many verdicts were stored.

    A verdict is stored while its lease is this worker's, and never twice; what was spent counts in any case. What was
    erased meanwhile is left alone.
    """
    done = sorted((one for one in finished if isinstance(one, Done)), key=lambda one: one.taken.conversation_id)
    failed = [one for one in finished if isinstance(one, Failed)]
    kept = await _finish(session, done, now)
    await write_verdicts(session, [(one.judged, one.taken.run_id) for one in kept], now)
    await _give_back(session, failed, now)
    await _count(session, finished, {one.taken.conversation_id for one in kept}, now)
    return len(kept)


async def write_verdicts(session: AsyncSession, judged: Sequence[tuple[Judged, UUID]], now: datetime) -> None:
    """Write these verdicts (each with its run's id) as the current ones of their conversations, which the caller holds.

    One of the same version on the same message is replaced.
    """
    if not judged:
        return
    ids = [one.conversation.id for one, _ in judged]
    messages = [one.conversation.messages for one, _ in judged]
    await session.execute(TAKE_NOTE, {"ids": ids, "messages": messages})
    await session.execute(NO_LONGER_CURRENT, {"ids": ids})
    await session.execute(WRITE, [_row(one, run_id, now) for one, run_id in judged])


async def hand_back(session: AsyncSession, taken: Iterable[Taken], now: datetime) -> None:
    """Give up these leases, as if they had never been taken."""
    nothing = (Failed(one, "", Spent(), called=False, counts=False) for one in taken)
    await _give_back(session, list(nothing), now, at_once=True)


async def _finish(session: AsyncSession, done: Sequence[Done], now: datetime) -> list[Done]:
    """Those that are still there and still ours."""
    if not done:
        return []
    ids = [one.taken.conversation_id for one in done]
    await session.execute(HOLD, {"ids": ids})
    values = {"ids": ids, "leases": [one.taken.lease for one in done], "now": now}
    ours = set((await session.execute(FINISH, values)).scalars())
    return [one for one in done if one.taken.conversation_id in ours]


async def _give_back(session: AsyncSession, failed: Sequence[Failed], now: datetime, *, at_once: bool = False) -> None:
    if not failed:
        return
    failed = sorted(failed, key=lambda one: one.taken.conversation_id)
    values: dict[str, Any] = {
        "ids": [one.taken.conversation_id for one in failed],
        "leases": [one.taken.lease for one in failed],
        "states": ["parked" if one.parked else "pending" for one in failed],
        "failures": [int(one.counts) for one in failed],
        "due": [now if at_once else one.due_at(now) for one in failed],
        "reasons": [one.reason or None for one in failed],
        "now": now,
    }
    await session.execute(GIVE_BACK, values)


async def _count(session: AsyncSession, finished: Sequence[Finished], kept: set[UUID], now: datetime) -> None:
    for run_id, group in _grouped((one.taken.run_id, one) for one in finished):
        done = sum(one.taken.conversation_id in kept for one in group)
        await session.execute(COUNT, _sums(group) | {"run": run_id, "done": done})
    for project_id, group in _grouped((one.taken.project_id, one) for one in finished if one.called):
        sums = _sums(group)
        tokens = {"input_tokens": sums["input"], "output_tokens": sums["output"]}
        await charge(session, project_id, now, calls=len(group), **tokens, cost=sums["cost"])


def _grouped(pairs: Iterable[tuple[UUID, T]]) -> list[tuple[UUID, list[T]]]:
    groups: dict[UUID, list[T]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return sorted(groups.items(), key=lambda group: group[0])


def _sums(group: Sequence[Finished]) -> dict[str, Any]:
    return {
        "input": sum(one.spent.input_tokens for one in group),
        "output": sum(one.spent.output_tokens for one in group),
        "cost": sum((one.spent.cost or Decimal(0) for one in group), Decimal(0)),
    }


def _row(judged: Judged, run_id: UUID, now: datetime) -> dict[str, Any]:
    talk, verdict, spent = judged.conversation, judged.verdict, judged.spent
    told = verdict.model_dump(mode="json")
    return {
        **{name: told[name] for name in COLUMNS if name in told},
        **{name: json.dumps(told[name], ensure_ascii=False) for name in JSON},
        "id": new_id(),
        "project_id": talk.project_id,
        "conversation_id": talk.id,
        "run_id": run_id,
        "covers": talk.covers,
        "current": True,
        "version": judged.version,
        "prompt_version": judged.prompt_version,
        "model": judged.model,
        "fault_kinds": sorted({fault.kind for fault in verdict.faults}),
        "addressed": judged.addressed,
        "trimmed_messages": judged.trimmed,
        "handed_over": talk.transcript.handed_over,
        "unit": talk.unit,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "input_price": spent.prices.input if spent.prices else None,
        "output_price": spent.prices.output if spent.prices else None,
        "cost": spent.cost,
        "began_at": talk.began_at,
        "ended_at": talk.ended_at,
        "created_at": now,
    }
