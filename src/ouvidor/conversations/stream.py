"""Live changes as server-sent events: for the API's listeners and for pages alike."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from fastapi.sse import ServerSentEvent
from pydantic import BaseModel

from ouvidor.accounts.presence import note_presence
from ouvidor.live import Change, Kind
from ouvidor.runtime import Runtime

BEAT_SECONDS = 10.0
SIGN_OF_LIFE = timedelta(seconds=30)


class ChangeOut(BaseModel):
    """A conversation has a new message or status, or is gone. `missed` (no conversation): read everything anew."""

    kind: Kind
    conversation_id: UUID | None
    status: str | None
    holder_id: UUID | None
    messages: int | None


async def stream(
    rt: Runtime,
    project_id: UUID,
    still_allowed: Callable[[], Awaitable[bool]],
    on_beat: Callable[[], Awaitable[None]],
) -> AsyncGenerator[ServerSentEvent]:
    """The project's changes from now on, with a comment at each beat, the first at once.

    At each beat the listener's right is checked again and `on_beat` is called; the stream ends when the right no longer
    holds or the process stops. Between beats it holds no database connection of its own.
    """
    loop = asyncio.get_running_loop()
    async with rt.changes.follow(project_id) as queue:
        while not rt.changes.ended and await still_allowed():
            await on_beat()
            yield ServerSentEvent(comment="beat")
            next_beat = loop.time() + BEAT_SECONDS
            while (change := await _next(queue, next_beat)) is not None:
                yield ServerSentEvent(event=change.kind, data=ChangeOut.model_validate(change, from_attributes=True))


def signs_of_life(rt: Runtime, project_id: UUID, user_id: UUID) -> Callable[[], Awaitable[None]]:
    """What to do at each beat of a person who may answer: they are there, which is noted every 30 seconds."""
    noted: datetime | None = None

    async def note() -> None:
        nonlocal noted
        now = rt.clock()
        if noted is None or now - noted >= SIGN_OF_LIFE:
            async with rt.db.begin() as session:
                await note_presence(session, project_id, user_id, now)
            noted = now

    return note


async def no_sign() -> None:
    """What to do at each beat of a program, or of a person who may not answer: nothing."""


async def _next(queue: asyncio.Queue[Change | None], until: float) -> Change | None:
    """The next change, or None when the beat is due (a moment of the loop's clock) or the process stops."""
    if asyncio.get_running_loop().time() >= until:
        return None
    try:
        async with asyncio.timeout_at(until):
            return await queue.get()
    except TimeoutError:
        return None
