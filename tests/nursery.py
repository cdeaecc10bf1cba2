"""Where worker processes come from that tests kill, without a second of imports each."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text as sql

from ouvidor.runtime import DatabaseAddress, Runtime

WORKERS = 2

PROGRAM = """
import asyncio, json, os, sys
import ouvidor.engines.llm
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings
from ouvidor.worker import work

async def main(url, conninfo, told):
    settings = Settings(**json.loads(told), _env_file=None)
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
    """Gives workers, as long as its process lives."""

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
def nursery(database: DatabaseAddress, folder: Path, **settings: Any) -> Generator[Nursery]:
    """Workers with these settings, which count as dead after a second without a sign of life."""
    known = {"data_dir": str(folder), "database_pool": 6, "stalled_seconds": 1, "log_level": "error"}
    told = json.dumps(known | settings)
    program = [sys.executable, "-c", PROGRAM, database.url, database.conninfo, told]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Nursery(process)
        finally:
            process.kill()


async def kill_at_random(
    workers: Nursery,
    chance: random.Random,
    kills: int,
    left: Callable[[], Awaitable[int]],
    *,
    longest: float = 1.0,
    killed: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Two workers, of which one dies and is replaced at random moments while anything is left; how many died.

    Returns when nothing is left. `killed` is called after each death.
    """
    died, alive = 0, [workers.bear() for _ in range(WORKERS)]
    try:
        while died < kills and await left():
            await asyncio.sleep(chance.uniform(0.05, longest))
            os.kill(alive.pop(chance.randrange(WORKERS)), signal.SIGKILL)
            died += 1
            if killed is not None:
                await killed()
            alive.append(workers.bear())
        while await left():  # noqa: ASYNC110 - other processes do it
            await asyncio.sleep(0.1)
    finally:
        for worker in alive:
            os.kill(worker, signal.SIGKILL)
    return died


async def number(rt: Runtime, query: str) -> int:
    """What the query counts."""
    async with rt.db.read() as session:
        return (await session.execute(sql(query))).scalar_one()
