"""Workers are killed at random moments over a batch: every conversation has exactly one result, and few are paid twice.

`make torture` does it 200 times over 5,000 conversations.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from analyses import add_talks, verdict
from conftest import OpenRuntime
from factories import build_tenant
from sqlalchemy import text as sql
from stub_llm import counts, stub

from ouvidor.analysis.jobs import sweep
from ouvidor.runtime import DatabaseAddress, Runtime

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TORTURE = bool(os.environ.get("OUVIDOR_TORTURE"))
KILLS, TALKS = (200, 5000) if TORTURE else (20, 1000)
LATENCY = 0.25
WORKERS = 2

NURSERY = """
import asyncio, os, sys
from pathlib import Path
import ouvidor.engines.llm
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings
from ouvidor.worker import work

async def main(url, conninfo, folder, llm):
    settings = Settings(
        data_dir=Path(folder), database_pool=6, llm_base_url=f"{llm}/v1", llm_model="gpt-4o-mini", stalled_seconds=1,
        analysis_concurrency=16, log_level="error", _env_file=None,
    )
    async with open_runtime(settings, DatabaseAddress(url, conninfo), embedder=NoEmbedder("test")) as rt:
        await work(rt)

for _ in sys.stdin:
    born = os.fork()
    if not born:
        sys.stdin.close()
        asyncio.run(main(*sys.argv[1:]))
        os._exit(0)
    print(born, flush=True)
"""
"""Has imported everything and forks a worker for each line that it reads."""


class Nursery:
    """Where workers come from, without a second of imports each."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def bear(self) -> int:
        """A new worker's process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery(database: DatabaseAddress, folder: Path, llm: str) -> Generator[Nursery]:
    program = [sys.executable, "-c", NURSERY, database.url, database.conninfo, str(folder), llm]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Nursery(process)
        finally:
            process.kill()


async def number(rt: Runtime, query: str) -> int:
    async with rt.db.read() as session:
        return (await session.execute(sql(query))).scalar_one()


LEFT = "select count(*) from analysis_item where state in ('pending', 'running')"
UNDER_WAY = "select count(*) from analysis_item where state = 'running'"


async def test_workers_that_are_killed_lose_nothing_and_repeat_little(
    opened: OpenRuntime, database: DatabaseAddress, tmp_path: Path
) -> None:
    chance, kills, in_flight = random.Random(20), 0, 0
    async with opened() as rt:
        tenant = await build_tenant(rt, "shop")
        await add_talks(rt, tenant.project, TALKS)
        await sweep(rt)
        with stub(tmp_path, verdict(), latency=LATENCY) as llm, nursery(database, tmp_path, llm) as workers:
            alive = [workers.bear() for _ in range(WORKERS)]
            try:
                while kills < KILLS and await number(rt, LEFT):
                    await asyncio.sleep(chance.uniform(0.05, 1.0))
                    victim = alive.pop(chance.randrange(WORKERS))
                    os.kill(victim, signal.SIGKILL)
                    kills += 1
                    in_flight += await number(rt, UNDER_WAY)
                    alive.append(workers.bear())
                while await number(rt, LEFT):  # noqa: ASYNC110 - other processes do it
                    await asyncio.sleep(0.1)
            finally:
                for worker in alive:
                    os.kill(worker, signal.SIGKILL)
            calls = counts(llm)["received"]
        assert kills == KILLS
        assert await number(rt, "select count(*) from analysis") == TALKS
        assert await number(rt, "select count(distinct conversation_id) from analysis where current") == TALKS
        assert await number(rt, "select count(*) from analysis_item where state = 'done'") == TALKS
        assert await number(rt, "select sum(done) from analysis_run") == TALKS
    print(f"{kills} kills, {calls} calls for {TALKS} conversations, at most {in_flight} in flight at the kills")
    assert TALKS <= calls <= TALKS + in_flight
