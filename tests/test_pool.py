import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.pool import Holding, Pool
from ouvidor.runtime import Runtime

Numbers = tuple[int, ...]
TOO_BIG = 40_000
"""For a smallint, which the database says only when it is stored."""
REFUSED, FAILED = -1, -2
TOLD = text("select number from told order by number")


class Telling:
    """Groups of numbers that are written down; zero takes until all others are done."""

    def __init__(self, groups: Sequence[Numbers], *, fails: Sequence[Numbers] = ()) -> None:
        self._left = list(groups)
        self._fails = fails
        self.most_at_once = 0
        self.lost = 0
        self._others = sum(0 not in group for group in groups)
        self._others_done = asyncio.Event()

    async def take(self, holding: Holding[Numbers, Numbers], most: int) -> list[Numbers]:
        taken, self._left = self._left[:most], self._left[most:]
        self.most_at_once = max(self.most_at_once, len(holding.under_way) + len(taken))
        return taken

    async def carry_out(self, unit: Numbers) -> Numbers:
        if unit in self._fails:
            raise LookupError
        if 0 in unit:
            await self._others_done.wait()
        self._others -= 0 not in unit
        if not self._others:
            self._others_done.set()
        return unit

    def failed(self, unit: Numbers) -> Numbers:
        return tuple(FAILED for _ in unit)

    async def store(self, session: AsyncSession, finished: Sequence[Numbers]) -> None:
        if self.lost:
            self.lost -= 1
            raise ConnectionResetError
        for number in (number for group in finished for number in group):
            await session.execute(text("insert into told values (:number)"), {"number": number})

    def apart(self, finished: Numbers) -> list[Numbers]:
        return [(number,) for number in finished]

    def refused(self, part: Numbers) -> Numbers:
        return tuple(REFUSED for _ in part)

    async def renew(self, session: AsyncSession, holding: Holding[Numbers, Numbers]) -> None:
        pass

    async def leave(self, session: AsyncSession, given_up: Sequence[Numbers]) -> None:  # noqa: ARG002 - the pool gives it
        assert not given_up


async def told(rt: Runtime, telling: Telling) -> list[int]:
    """What is written down once all is done."""
    async with rt.db.begin() as session:
        await session.execute(text("create table told (number smallint)"))
    await Pool(rt.db, telling, name="numbers", at_once=3, stalled_seconds=20).work(once=True)
    async with rt.db.read() as session:
        return list((await session.execute(TOLD)).scalars())


async def test_what_the_database_refuses_harms_no_other_not_even_of_its_own_group(rt: Runtime) -> None:
    assert await told(rt, Telling([(1, 2), (3, TOO_BIG, 4), (5,)])) == [REFUSED, 1, 2, 3, 4, 5]


async def test_an_error_of_ours_concerns_one_group(rt: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    assert await told(rt, Telling([(1, 2), (3, 4), (5,)], fails=[(3, 4)])) == [FAILED, FAILED, 1, 2, 5]
    assert "One of the numbers failed: LookupError at test_pool.py" in caplog.text


async def test_no_more_than_its_slots_are_under_way(rt: Runtime) -> None:
    telling = Telling([(number,) for number in range(10)])
    assert await told(rt, telling) == list(range(10))
    assert telling.most_at_once == 3


async def test_what_is_finished_outlives_a_database_that_is_lost(rt: Runtime) -> None:
    telling = Telling([(1, 2), (3,)])
    telling.lost = 1
    assert await told(rt, telling) == [1, 2, 3]
