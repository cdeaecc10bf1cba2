"""A process's part in work that all share: it takes units as slots come free, does them, stores what came of them.

What a unit is (a conversation, a group of comments) only its trade knows. The trade leases units to this process; while
the process lives it renews the leases, and when it dies they run out and others take over.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Generic, Protocol, TypeVar

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.db import Database

IDLE_SECONDS = 1.0
GRACE_SECONDS = 3.0
SIGNS_OF_LIFE = 4
"""So many within the time after which a worker counts as dead."""

LOST = (SQLAlchemyError, OSError)
REFUSED = (DataError, IntegrityError, ValueError)
"""What the database says to a value that it does not take."""

Unit = TypeVar("Unit")
Finished = TypeVar("Finished")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Holding(Generic[Unit, Finished]):
    """What a process holds the leases of: units under way, and what came of others and is not yet stored."""

    under_way: tuple[Unit, ...] = ()
    finished: tuple[Finished, ...] = ()


class Trade(Protocol[Unit, Finished]):
    """What a pool works at. Where a method is given a session the pool holds the transaction, which should be short."""

    async def take(self, holding: Holding[Unit, Finished], most: int) -> Sequence[Unit]:
        """Lease what is free, at most so many units, in transactions of its own."""
        ...

    async def carry_out(self, unit: Unit) -> Finished:
        """What comes of the unit; never called inside a transaction. What it raises is an error of ours."""
        ...

    def failed(self, unit: Unit) -> Finished:
        """What is stored of a unit over which an error of ours was raised."""
        ...

    async def store(self, session: AsyncSession, finished: Sequence[Finished]) -> None:
        """Store what came of these, as far as their leases still hold."""
        ...

    def apart(self, finished: Finished) -> Sequence[Finished]:
        """The parts that are stored each alone where the database refused the whole."""
        ...

    def refused(self, part: Finished) -> Finished:
        """What is stored in place of a part that the database refused."""
        ...

    async def renew(self, session: AsyncSession, holding: Holding[Unit, Finished]) -> None:
        """Tell the others that this process takes part, and renew the leases of what it holds."""
        ...

    async def leave(self, session: AsyncSession, given_up: Sequence[Unit]) -> None:
        """Hand these units back for others to take at once, and take part no more."""
        ...


class Pool(Generic[Unit, Finished]):
    """One process that takes part in a trade, with at most `at_once` units under way.

    `name` is what the log calls the work, in the plural. The others count this process as dead after `stalled_seconds`
    without a sign of life. `together` is how many finished units a transaction stores.
    """

    def __init__(
        self,
        db: Database,
        trade: Trade[Unit, Finished],
        *,
        name: str,
        at_once: int,
        stalled_seconds: int,
        together: int = 32,
    ) -> None:
        self._db = db
        self._trade = trade
        self._name = name
        self._at_once = at_once
        self._stalled_seconds = stalled_seconds
        self._together = together
        self._under_way: dict[asyncio.Task[Finished], Unit] = {}
        self._finished: list[Finished] = []
        self._given_up: list[Unit] = []
        self._news = asyncio.Event()
        self._storing: asyncio.Task[None] | None = None

    async def work(self, *, once: bool = False) -> None:
        """Work until cancelled, with `once` until nothing is to be taken now; a lost database is waited for."""
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                try:
                    busy = await self._turn()
                except LOST as error:  # whose message may hold a customer's words
                    lost = type(error).__name__
                    log.warning("The %s lost their database and go on when it is there: %s.", self._name, lost)
                    busy = False
                if once and not busy:
                    return
                if not busy:
                    await asyncio.sleep(IDLE_SECONDS)
        finally:
            beating.cancel()
            await asyncio.shield(self._leave())

    async def show_life(self) -> None:
        """Tell the others that this process takes part, and renew what it has leased."""
        holding = self._holding()
        async with self._db.begin() as session:
            await self._trade.renew(session, holding)

    async def _turn(self) -> bool:
        """Take what is free, meanwhile store what is finished, wait for the next to finish; whether there was any."""
        self._news.clear()
        storing = bool(self._finished)
        if storing and (self._storing is None or self._storing.done()):
            self._storing = asyncio.create_task(self._store())
        await self._take()
        if not (self._under_way or storing or self._finished):
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), IDLE_SECONDS)
        return True

    async def _take(self) -> None:
        """Lease what is free and begin with it."""
        free = self._at_once - len(self._under_way)
        if free < 1:
            return
        for unit in await self._trade.take(self._holding(), free):
            task = asyncio.create_task(self._carried_out(unit))
            self._under_way[task] = unit
            task.add_done_callback(self._ended)

    async def _carried_out(self, unit: Unit) -> Finished:
        """What comes of it; whatever goes wrong concerns this unit alone."""
        try:
            return await self._trade.carry_out(unit)
        except Exception as error:  # noqa: BLE001 - one failure touches one unit; its message may hold words of it
            log.warning("One of the %s failed: %s at %s.", self._name, type(error).__name__, _place_of(error))
            return self._trade.failed(unit)

    def _ended(self, task: asyncio.Task[Finished]) -> None:
        unit = self._under_way.pop(task)
        if task.cancelled():
            self._given_up.append(unit)
        else:
            self._finished.append(task.result())
        self._news.set()

    async def _store(self) -> None:
        """Store what is finished, some in each transaction; one that the database refuses harms no other.

        Where the database is lost it waits and is tried again.
        """
        try:
            while self._finished:
                group = self._finished[: self._together]
                try:
                    await self._store_together(group)
                    del self._finished[: len(group)]
                except REFUSED:
                    await self._store_apart(group)
        except LOST as error:
            lost = type(error).__name__
            log.warning("Finished %s could not be stored; they are kept and tried again: %s.", self._name, lost)
            await asyncio.sleep(IDLE_SECONDS)
        self._news.set()

    async def _store_apart(self, group: Sequence[Finished]) -> None:
        """Store the parts of this group, the first of what is finished, each alone; what is stored leaves the list."""
        parts = [part for one in group for part in self._trade.apart(one)]
        self._finished[: len(group)] = parts
        for part in parts:
            await self._store_alone(part)
            del self._finished[0]

    async def _store_alone(self, part: Finished) -> None:
        try:
            await self._store_together([part])
        except REFUSED as error:
            log.warning("One of the %s could not be stored: %s.", self._name, type(error).__name__)
            await self._store_together([self._trade.refused(part)])

    async def _store_together(self, group: Sequence[Finished]) -> None:
        async with self._db.begin() as session:
            await self._trade.store(session, group)

    async def _beat(self) -> None:
        """Show life again and again, also while the database is away for a moment."""
        while True:
            with suppress(*LOST):
                await self.show_life()
            await asyncio.sleep(self._stalled_seconds / SIGNS_OF_LIFE)

    async def _leave(self) -> None:
        """End what is under way within three seconds, store it, and hand the rest back for others to take at once."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=GRACE_SECONDS)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._storing is not None:
            await self._storing
        await self._store()
        with suppress(*LOST):
            async with self._db.begin() as session:
                await self._trade.leave(session, self._given_up)

    def _holding(self) -> Holding[Unit, Finished]:
        return Holding(tuple(self._under_way.values()), tuple(self._finished))


def _place_of(error: BaseException) -> str:
    """File and line that raised it."""
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
