"""What changes, told to every process at once: PostgreSQL's NOTIFY on one channel, fanned out to those who listen."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import UUID

from psycopg import AsyncConnection, Error
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CHANNEL = "ouvidor_changes"
MOST_WAITING = 1000
RECONNECT_SECONDS = 1.0

log = logging.getLogger(__name__)

Kind = Literal["message", "status", "erased", "missed"]


@dataclass(frozen=True)
class Change:
    """A conversation has a new message or status, or is gone. `missed` (no conversation): read everything anew."""

    kind: Kind
    conversation_id: UUID | None = None
    status: str | None = None
    holder_id: UUID | None = None
    messages: int | None = None


MISSED = Change("missed")


async def announce(session: AsyncSession, project_id: UUID, change: Change) -> None:
    """Tell every listener of the project, when and if this transaction commits."""
    told = payload(project_id, change)
    await session.execute(text("select pg_notify(:channel, :told)"), {"channel": CHANNEL, "told": told})


def payload(project_id: UUID, change: Change) -> str:
    """A change of the project as it goes through the channel."""
    return json.dumps({"project_id": project_id, **asdict(change)}, default=str)


class Changes:
    """The listener of one process: a connection of its own, from the first who follows until the process ends.

    A follower that falls behind, or that a lost connection may have left uninformed, is told `MISSED`; None in a queue
    means that the process stops.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._queues: dict[UUID, set[asyncio.Queue[Change | None]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self.ended = False

    @asynccontextmanager
    async def follow(self, project_id: UUID) -> AsyncGenerator[asyncio.Queue[Change | None]]:
        """A queue of this project's changes, complete from the moment the block begins."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(MOST_WAITING)
        self._queues[project_id].add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        try:
            await self._listening.wait()
            yield queue
        finally:
            self._queues[project_id].discard(queue)
            if not self._queues[project_id]:
                del self._queues[project_id]

    def end(self) -> None:
        """Let everybody who follows come to an end: the process stops, and would wait for them."""
        self.ended = True
        self._listening.set()
        self._tell_all(None)

    async def close(self) -> None:
        """Stop listening."""
        self.end()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            try:
                async with await AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    self._tell_all(MISSED) if self._listening.is_set() else self._listening.set()
                    async for notice in connection.notifies():
                        self._pass_on(notice.payload)
            except Error:
                log.warning("The connection that listens for changes was lost; it is opened anew.")
            await asyncio.sleep(RECONNECT_SECONDS)

    def _pass_on(self, payload: str) -> None:
        told = json.loads(payload)
        queues = self._queues.get(UUID(told.pop("project_id")), ())
        change = Change(
            kind=told["kind"],
            conversation_id=_id(told["conversation_id"]),
            status=told["status"],
            holder_id=_id(told["holder_id"]),
            messages=told["messages"],
        )
        for queue in queues:
            _put(queue, change)

    def _tell_all(self, change: Change | None) -> None:
        for queues in self._queues.values():
            for queue in queues:
                _put(queue, change)


def _put(queue: asyncio.Queue[Change | None], change: Change | None) -> None:
    """Add the change; where the follower has fallen behind, all that waits gives way to one `MISSED`."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        change = None if change is None else MISSED
    queue.put_nowait(change)


def _id(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)
