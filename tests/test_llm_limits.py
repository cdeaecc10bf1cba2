"""Requests and tokens a minute hold over all processes, by the database's clock."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from llm_server import LlmServer, Says, Usage
from pydantic import BaseModel
from sqlalchemy import text

from ouvidor.db import Database
from ouvidor.engines.base import EngineFailed, Task
from ouvidor.engines.faults import CallFault
from ouvidor.engines.limits import Limits, Rate
from ouvidor.engines.llm import LlmEngine
from ouvidor.runtime import DatabaseAddress
from ouvidor.settings import Settings

pytestmark = pytest.mark.anyio

REQUESTS = Rate("requests", 60)
RESERVERS = """
import asyncio, sys
from ouvidor.db import Database
from ouvidor.engines.faults import CallFault
from ouvidor.engines.limits import Limits, Rate

async def main(url, tries, patience):
    db = Database(url, pool_size=5)
    limits = Limits(requests=Rate("requests", 60), tokens=None)
    async with db.read():
        pass
    print("ready", flush=True)
    sys.stdin.readline()
    deeds = (limits.reserve(db, 1, float(patience)) for _ in range(int(tries)))
    came = await asyncio.gather(*deeds, return_exceptions=True)
    waits = [wait for wait in came if not isinstance(wait, BaseException)]
    assert all(isinstance(refused, (float, CallFault)) for refused in came), came
    print(*waits, flush=True)
    await db.close()

asyncio.run(main(*sys.argv[1:]))
"""


class Answered(BaseModel):
    fine: bool


ASK: Task[str, Answered] = Task(name="ask", output=Answered, local=lambda _: Answered(fine=False), present=str)


@dataclass
class Paused:
    """Seconds that were to be waited for; nobody waits here."""

    seconds: list[float]

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
async def db(anyio_backend: str, database: DatabaseAddress) -> AsyncGenerator[Database]:  # noqa: ARG001 - async fixtures need it
    opened = Database(database.url, pool_size=4)
    yield opened
    await opened.close()


@pytest.fixture
def paused() -> Paused:
    return Paused([])


@asynccontextmanager
async def engine_of(upstream: LlmServer, db: Database, paused: Paused, **changed: Any) -> AsyncGenerator[LlmEngine]:
    values = {"llm_base_url": upstream.url, "llm_model": "m", **changed}
    settings = Settings(_env_file=None, **values)  # pyright: ignore[reportCallIssue]
    engine = LlmEngine(settings, db, pause=paused, chance=lambda: 0.0)
    yield engine
    await engine.close()


async def ready_in(db: Database, name: str) -> float:
    """Seconds from now until the next may be sent."""
    query = text("select extract(epoch from ready_at - clock_timestamp()) from rate_allowance where name = :name")
    async with db.read() as session:
        return float((await session.execute(query, {"name": name})).scalar_one())


async def test_three_processes_together_keep_to_the_limit(db: Database, database: DatabaseAddress) -> None:
    """Of 300 that want to be sent within 20 seconds, as many are let through as the limit allows in that time."""
    before = await now(db)
    waits = sorted(await asyncio.to_thread(reserve_at_once, database.url, 100, 20))
    elapsed = await now(db) - before
    allowed = REQUESTS.burst + (20 + elapsed) / REQUESTS.interval + 1
    assert REQUESTS.burst + 20 / REQUESTS.interval - 1 <= len(waits) <= allowed
    assert max(waits) <= 20
    spent = (len(waits) - REQUESTS.burst + 1) * REQUESTS.interval
    assert spent - elapsed - 1 <= await ready_in(db, "requests") <= spent + 1


def reserve_at_once(url: str, tries: int, patience: float) -> list[float]:
    """The waits that three processes are told; all begin when all are ready."""
    program = [sys.executable, "-c", RESERVERS, url, str(tries), str(patience)]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.communicate(timeout=120)[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.communicate()
    return [float(wait) for line in told for wait in line.split()]


async def now(db: Database) -> float:
    async with db.read() as session:
        return float((await session.execute(text("select extract(epoch from clock_timestamp())"))).scalar_one())


@pytest.mark.parametrize("a_minute", [1, 2, 9, 10, 60, 1000])
def test_no_minute_holds_more_than_the_limit(a_minute: int) -> None:
    """The burst at once, then one each interval: those that begin before the minute is over."""
    rate = Rate("x", a_minute)
    moments = [0.0] * rate.burst + [n * rate.interval for n in range(1, 2 * a_minute)]
    for first in range(a_minute):
        within = [moment for moment in moments[first:] if moment < moments[first] + 60 - 1e-6]
        assert len(within) <= a_minute


async def test_both_limits_are_reserved_or_neither(db: Database) -> None:
    limits = Limits(requests=Rate("requests", 10), tokens=Rate("tokens", 1000))
    assert await limits.reserve(db, 5000, 0) == 0
    with pytest.raises(CallFault) as refused:
        await limits.reserve(db, 1, 30)
    assert (refused.value.kind, refused.value.retryable) == ("rate_limited", False)
    assert await ready_in(db, "requests") < Rate("requests", 10).interval


async def test_a_call_waits_for_its_turn_and_not_longer_than_the_deadline(db: Database, paused: Paused) -> None:
    with LlmServer() as upstream:
        upstream.always(Answered(fine=True))
        changed = {"llm_requests_per_minute": 2, "llm_deadline_seconds": 40}
        async with engine_of(upstream, db, paused, **changed) as engine:
            await engine.run(ASK, "x")
            await engine.run(ASK, "x")
            with pytest.raises(EngineFailed) as failed:
                await engine.run(ASK, "x")
    assert [20 < wait <= 30 for wait in paused.seconds] == [True]
    assert failed.value.kind == "rate_limited"
    assert len(upstream.requests) == 2


async def test_tokens_are_reserved_before_and_put_right_after(db: Database, paused: Paused) -> None:
    with LlmServer() as upstream:
        upstream.always(Says('{"fine": true}', usage=Usage(prompt=7000, completion=1000, cached=500, reasoning=400)))
        async with engine_of(upstream, db, paused, llm_tokens_per_minute=10_000) as engine:
            await engine.run(ASK, "word " * 600)
    rate = Rate("llm tokens", 10_000)
    expected = (8000 - rate.burst + 1) * rate.interval
    assert expected - 10 < await ready_in(db, "llm tokens") <= expected


async def test_without_limits_the_database_is_not_asked(paused: Paused) -> None:
    nowhere = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with LlmServer() as upstream:
        upstream.always(Answered(fine=True))
        async with engine_of(upstream, nowhere, paused) as engine:
            assert (await engine.run(ASK, "x")).output.fine
