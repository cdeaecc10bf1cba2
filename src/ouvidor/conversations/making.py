"""A reply in the making: how far it has come, what came of it, and its end where nobody waits for it any more."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from anyio import CancelScope
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ouvidor.accounts.models import Project
from ouvidor.agent.about import Stage
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.wire import KeptCompletion
from ouvidor.errors import OuvidorError
from ouvidor.runtime import Runtime

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class ClientLeft(OuvidorError):
    """The connection was closed before the reply was ready; the messages are kept, the reply was given up."""

    status = 499


class Making:
    """The running deed `complete`. Whoever begins it waits by `settle`, or gives it up."""

    def __init__(self, rt: Runtime, project: Project, ask: Ask) -> None:
        self._stages = asyncio.Queue[Stage | None]()
        self._task = asyncio.create_task(complete(rt, project, ask, self._stages.put_nowait))
        self._task.add_done_callback(lambda _: self._stages.put_nowait(None))

    @property
    def done(self) -> bool:
        """Whether something came of it, be it an error."""
        return self._task.done()

    @property
    def failed(self) -> bool:
        """Whether it ended without a reply."""
        return self.done and (self._task.cancelled() or self._task.exception() is not None)

    async def stage(self, seconds: float) -> Stage | None:
        """The next stage, waited for so long; None where it is done or there is no news."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._stages.get()
        return None

    async def settle(self, request: Request, seconds: float | None = None) -> None:
        """Wait until it is done, at most so many seconds. It is given up where the wait is broken off.

        Raises:
            ClientLeft: the connection was closed first.
        """
        leaving = asyncio.create_task(_left(request))
        try:
            await asyncio.wait({self._task, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not self.done:
                raise ClientLeft
        except BaseException:
            await self.give_up()
            raise
        finally:
            leaving.cancel()

    def outcome(self) -> KeptCompletion:
        """What came of it, once it is done.

        Raises:
            Exception: whatever `complete` raised.
        """
        return self._task.result()

    async def give_up(self) -> None:
        """Cancel it with the call of the engine, and wait until what it leaves behind is in order."""
        self._task.cancel()
        with CancelScope(shield=True):
            await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.exception()


class MakingResponse(StreamingResponse):
    """Server-sent events about a reply in the making, which is given up when the client leaves."""

    def __init__(self, making: Making, events: AsyncGenerator[str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=HEADERS)
        self._making = making

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI)."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._making.give_up()


async def complete_while_there(rt: Runtime, project: Project, ask: Ask, request: Request) -> KeptCompletion:
    """What `complete` gives, as long as the client that sent this request waits for it.

    Raises:
        ClientLeft: it left; the call of the engine is cancelled, the turn has failed, its messages are kept.
        OuvidorError: as of `complete`.
    """
    making = Making(rt, project, ask)
    await making.settle(request)
    return making.outcome()


async def _left(request: Request) -> None:
    """Returns when the client has closed the connection; the request's body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
