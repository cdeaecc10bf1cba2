"""What was asked of engines and what it took: gathered in memory, written in batches, never in a reply's way."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.db import Database, new_id
from ouvidor.engines.base import FaultKind, Usage
from ouvidor.engines.prices import cost_of

MOST_KEPT = 10_000
FLUSH_SECONDS = 1.0
BATCH = 500
TOKENS = ("input", "cache_read", "cache_write", "output", "reasoning")

Ending = FaultKind | Literal["cancelled", "error"]
"""How a call ended without an answer; `cancelled`: who asked had left; `error`: a fault of our own."""

COLUMNS = (
    "id",
    "project_id",
    "conversation_id",
    "turn_id",
    "task",
    "model",
    "prompt_version",
    "prompt_label",
    "at",
    "latency",
    "first_token",
    "retries",
    "fault",
    "degraded",
    *(f"{name}_tokens" for name in TOKENS),
    "cost",
    "prompt",
    "answer",
)
INSERT = text(
    f"insert into engine_call ({', '.join(COLUMNS)}) values ({', '.join(f':{name}' for name in COLUMNS)}) "  # noqa: S608 - our own names
    "on conflict do nothing"
)
STILL_THERE = {
    name: text(f"select id from {name} where id = any(:ids) order by id for key share")  # noqa: S608 - our own names
    for name in ("project", "conversation")
}
"""Held until the records are written, so that nothing is erased between the look and the writing."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CallRecord:
    """One run of an engine.

    `model` is the one that was asked, also where the local rule answered in its place (`degraded`). `latency` and
    `first_token` are seconds; `fault` is why it gave nothing usable. `prompt` and `answer` are content, given only
    where the operator asked for it; it is kept as long as its conversation, and not at all outside of one. A call
    within a provider's `batch` has another price, and a latency of 0: nobody knows it.
    """

    project_id: UUID
    conversation_id: UUID | None
    turn_id: UUID | None
    task: str
    model: str
    prompt_version: UUID | None
    prompt_label: str
    at: datetime
    latency: float
    first_token: float | None = None
    retries: int = 0
    fault: Ending | None = None
    degraded: bool = False
    usage: Usage | None = None
    prompt: str | None = None
    answer: str | None = None
    batch: bool = False
    id: UUID = field(default_factory=new_id)


class CallWatcher(Protocol):
    """Whoever counts calls as they happen."""

    def note_call(self, record: CallRecord) -> None:
        """A call has ended; be quick."""
        ...

    def note_cost(self, record: CallRecord, dollars: Decimal) -> None:
        """What it cost is known now."""
        ...


class CallLog:
    """The records of one process on their way to the database.

    Adding is instant and never fails; beyond 10,000 waiting records the oldest are dropped and counted.
    """

    def __init__(self, db: Database, base_url: str | None = None) -> None:
        self._db = db
        self._base_url = base_url
        self._waiting: deque[CallRecord] = deque()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._away = False
        self._watchers: list[CallWatcher] = []
        self.dropped = 0

    def watch(self, watcher: CallWatcher) -> None:
        """Tell `watcher` of each call from now on."""
        self._watchers.append(watcher)

    @property
    def waiting(self) -> int:
        """How many records are not yet written."""
        return len(self._waiting)

    def add(self, record: CallRecord) -> None:
        """Keep this record; it is written within about a second."""
        for watcher in self._watchers:
            watcher.note_call(record)
        self._waiting.append(record)
        self._keep_to_the_cap()
        if self._task is None or self._task.done():
            writing = self._write_soon()
            self._task = asyncio.get_running_loop().create_task(writing, context=Context())

    async def flush(self) -> None:
        """Write what waits, now; what cannot be written waits on."""
        async with self._writing:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                written = False
                try:
                    written = await self._write(batch)
                finally:
                    if not written:
                        self._waiting.extendleft(reversed(batch))
                        self._keep_to_the_cap()
                if not written:
                    return

    async def close(self) -> None:
        """Write what waits and stop."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.flush()
        if self._waiting:
            log.error("%s records of engine calls are lost: the database is away.", len(self._waiting))

    async def _write_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(FLUSH_SECONDS)
            await asyncio.shield(self.flush())

    def _keep_to_the_cap(self) -> None:
        while len(self._waiting) > MOST_KEPT:
            self._waiting.popleft()
            self.dropped += 1

    async def _write(self, batch: Sequence[CallRecord]) -> bool:
        """Whether these records are out of our hands: in the database, or not fit for it."""
        costs = await asyncio.to_thread(self._costs, batch)
        try:
            await self._insert(batch, costs)
        except (DataError, IntegrityError, ValueError) as error:
            if len(batch) > 1:
                return all([await self._write([record]) for record in batch])
            self.dropped += 1
            log.warning("A record of an engine call cannot be stored and is dropped.", exc_info=error)
            return True
        except (SQLAlchemyError, OSError):
            if not self._away:
                log.warning("Records of engine calls could not be written; they are kept and tried again.")
            self._away = True
            return False
        self._away = False
        self._tell_costs(batch, costs)
        return True

    def _costs(self, batch: Sequence[CallRecord]) -> list[Decimal | None]:
        return [cost_of(record.model, record.usage, self._base_url, batch=record.batch) for record in batch]

    def _tell_costs(self, batch: Sequence[CallRecord], costs: Sequence[Decimal | None]) -> None:
        for record, dollars in zip(batch, costs, strict=True):
            for watcher in self._watchers:
                if dollars is not None:
                    watcher.note_cost(record, dollars)

    async def _insert(self, batch: Sequence[CallRecord], costs: Sequence[Decimal | None]) -> None:
        async with self._db.begin() as session:
            projects = await _still_there(session, "project", {record.project_id for record in batch})
            talks = await _still_there(session, "conversation", {record.conversation_id for record in batch})
            rows = [
                _row(record, dollars, known=record.conversation_id in talks)
                for record, dollars in zip(batch, costs, strict=True)
                if record.project_id in projects
            ]
            if rows:
                await session.execute(INSERT, rows)


async def _still_there(session: AsyncSession, table: str, ids: set[UUID] | set[UUID | None]) -> set[UUID]:
    wanted = sorted(one for one in ids if one is not None)
    return set((await session.execute(STILL_THERE[table], {"ids": wanted})).scalars()) if wanted else set()


def _row(record: CallRecord, dollars: Decimal | None, *, known: bool) -> dict[str, Any]:
    """The record as a row; of a conversation that is not there (any more) neither name nor words."""
    usage: Mapping[str, int] = asdict(record.usage) if record.usage else {}
    row = {name: getattr(record, name) for name in COLUMNS if hasattr(record, name)}
    row |= {f"{name}_tokens": usage.get(name) for name in TOKENS}
    about = {name: getattr(record, name) if known else None for name in ("conversation_id", "turn_id")}
    content = {name: _storable(getattr(record, name)) if known else None for name in ("prompt", "answer")}
    return {**row, "model": _storable(record.model), "cost": dollars, **about, **content}


def _storable(content: str | None) -> str | None:
    """Without what PostgreSQL's text cannot hold: NUL and halves of surrogate pairs."""
    return None if content is None else content.replace("\0", "").encode("utf-8", "replace").decode()
