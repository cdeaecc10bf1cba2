"""What recording an engine call costs the reply that it belongs to, and what writing the records costs the process.

    python bench/recording.py [--calls 5000]

The same empty engine is run with and without the recorder in front of it, on a real PostgreSQL, content recorded,
counters and a watcher on. Prints the processor time that a run takes longer (median, 99th of 100,
slowest) and, for writing, wall and processor time of a record in batches of 500, prices looked up.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ouvidor.accounts.projects import create_project
from ouvidor.conversations.models import Conversation
from ouvidor.engines.base import NO_BRIEF, Brief, Effort, Engine, Outcome, Task, Usage
from ouvidor.engines.calls import MOST_KEPT
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.engines.recorded import RecordedEngine
from ouvidor.migrations.run import upgrade
from ouvidor.monitoring.metrics import Metrics
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

MODEL = "gpt-4o-mini"


class Word(BaseModel):
    """An answer."""

    value: str = "Breakfast is served from 6:30 to 10:00. " * 5


class Empty:
    """Answers at once."""

    name = MODEL

    async def run(self, task: Task[Any, Any], given: Any, brief: Brief = NO_BRIEF) -> Outcome[Any]:  # noqa: ARG002 - the engine's form
        """One answer."""
        return Outcome(Word(), MODEL, Effort(usage=Usage(1200, 400, 0, 90, 30), first_token=0.3))


SAY = Task(name="reply", output=Word, local=lambda _: Word(), present=str)


async def times(engine: Engine, brief: Brief, calls: int) -> list[float]:
    """Microseconds of processor time of each run; nothing in it waits."""
    taken: list[float] = []
    for _ in range(calls):
        begun = time.thread_time()
        await engine.run(SAY, "What time is breakfast?", brief)
        taken.append((time.thread_time() - begun) * 1e6)
    return taken


async def measure(rt: Runtime, calls: int) -> None:
    """Run both, then write."""
    now = rt.clock()
    async with rt.db.begin() as session:
        project = await create_project(session, "bench", title="Bench", now=now)
        talk = Conversation(project_id=project.id, helpdesk_id="1", created_at=now, last_message_at=now)
        session.add(talk)
        await session.flush()
        brief = Brief(project_id=project.id, prompt="Be brief. " * 100, conversation_id=talk.id)
    rt.calls.watch(Metrics(rt.calls))
    bare, recorded = Empty(), RecordedEngine(Empty(), rt.calls, rt.clock, content=True)
    await times(recorded, brief, 50)
    await rt.calls.flush()
    without, with_it = await times(bare, brief, calls), sorted(await times(recorded, brief, calls))
    base = statistics.median(without)
    median, slow, slowest = statistics.median(with_it), with_it[len(with_it) * 99 // 100], with_it[-1]
    print(f"recording adds to a call   median {median - base:7.1f} µs   99 % {slow - base:7.1f} µs", end="")
    print(f"   slowest {slowest - base:7.1f} µs   ({calls} calls)")
    waiting, wall, processor = rt.calls.waiting, time.perf_counter(), time.process_time()
    await rt.calls.flush()
    each = (time.perf_counter() - wall) / waiting * 1e6, (time.process_time() - processor) / waiting * 1e6
    print(f"writing takes of a record  {each[0]:7.1f} µs, of these {each[1]:.1f} µs of our processor time", end="")
    print(f"   ({waiting} records)")


async def main(calls: int) -> None:
    """A database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "server") as server:
            server.create_database("bench")
            upgrade(server.url("bench"))
            settings = Settings(data_dir=Path(folder), _env_file=None)  # pyright: ignore[reportCallIssue]
            address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
            async with open_runtime(settings, address, embedder=NoEmbedder()) as rt:
                await measure(rt, calls)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5000, help=f"at most {MOST_KEPT}")
    asyncio.run(main(parser.parse_args().calls))
