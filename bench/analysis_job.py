"""How fast conversations are analysed in the background, by how many workers, in how much memory.

    python bench/analysis_job.py [--conversations 2000] [--only stub|quick|local]

Three measurements, each with workers of their own processes (`ouvidor worker`) on a fresh database:

- `stub`: a language model with 1 s latency, 2 % 429 (`Retry-After: 1`) and 1 % 500, 64 conversations at once. Prints
  the wall time against the ideal (the latency of the calls, repeats and waits that the faults force included, over 64)
  and the worker's peak memory.
- `quick`: the same with 50 ms and no faults, by one worker and by two: what we cost beside the model.
- `local`: the local analyst on the demo's conversations, by one worker and by two.
"""

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from analyses import TALK, add_talks, verdict
from sqlalchemy import text
from stub_llm import counts, stub

from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import create_project
from ouvidor.analysis.jobs import sweep
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

AT_ONCE = 64
SPEAKERS = {"customer": "customer", "user": "customer", "USER": "customer", "bot": "bot", "person": "person"}
LEFT = text("select count(*) from analysis_item where state in ('pending', 'running')")
WORKERS = text("select count(*) from analysis_worker")
Lines = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Measured:
    """Seconds from the order to the last verdict, and the workers' peak memory in megabytes."""

    seconds: float
    peaks: tuple[int, ...]


@contextmanager
def workers(url: str, count: int, **settings: Any) -> Generator[list["subprocess.Popen[bytes]"]]:
    """So many workers, each in a process of its own."""
    told = {f"OUVIDOR_{name.upper()}": str(value) for name, value in settings.items()}
    environment = (
        os.environ | told | {"OUVIDOR_DATABASE_URL": url, "OUVIDOR_LOG_LEVEL": "error", "OMP_NUM_THREADS": "1"}
    )
    program = [sys.executable, "-c", "from ouvidor.cli import main; main()", "worker"]
    running = [subprocess.Popen(program, env=environment) for _ in range(count)]
    try:
        yield running
    finally:
        for one in running:
            one.kill()
            one.wait()


def peak(process: "subprocess.Popen[bytes]") -> int:
    """Most memory that this process held, in megabytes."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def demo_talks() -> list[Lines]:
    """The demo's conversations."""
    rows = [
        json.loads(line)
        for name in ("maresia", "ventara")
        for line in files("ouvidor.demo").joinpath(name, "history.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return [tuple((SPEAKERS.get(turn["role"], "bot"), turn["text"]) for turn in row["turns"]) for row in rows]


async def measure(server: EmbeddedPostgres, count: int, talks: Sequence[Lines], **settings: Any) -> Measured:
    """Analyse the talks by so many workers, which run and wait when the order comes."""
    name = f"bench_{time.time_ns()}"
    server.create_database(name)
    url = server.url(name)
    upgrade(url)
    address = DatabaseAddress(url, server.conninfo(name))
    with tempfile.TemporaryDirectory() as folder:
        plain = Settings(data_dir=Path(folder), _env_file=None)  # pyright: ignore[reportCallIssue]
        async with open_runtime(plain, address, embedder=NoEmbedder("bench")) as rt:
            project = await new_project(rt)
            for lines, group in itertools.groupby(sorted(talks)):
                await add_talks(rt, project, len(list(group)), lines=lines)
            with workers(url, count, **settings) as running:
                await until(rt, WORKERS, count)
                begun = time.perf_counter()
                await sweep(rt)
                await until(rt, LEFT, 0)
                assert all(one.poll() is None for one in running), "a worker died"
                measured = Measured(time.perf_counter() - begun, tuple(map(peak, running)))
            async with rt.db.read() as session:
                stored = (await session.execute(text("select count(*) from analysis"))).scalar_one()
            assert stored == len(talks), stored
    server.drop_database(name)
    return measured


async def new_project(rt: Runtime) -> Project:
    async with rt.db.begin() as session:
        return await create_project(session, "shop", title="Shop", now=rt.clock())


async def until(rt: Runtime, query: Any, wanted: int) -> None:
    while True:
        async with rt.db.read() as session:
            if (await session.execute(query)).scalar_one() == wanted:
                return
        await asyncio.sleep(0.1)


async def with_faults(server: EmbeddedPostgres, folder: Path, conversations: int) -> None:
    with stub(folder, verdict(), latency=1, too_many=0.02, broken=0.01) as llm:
        settings = {"llm_base_url": f"{llm}/v1", "llm_model": "gpt-4o-mini", "analysis_concurrency": AT_ONCE}
        measured = await measure(server, 1, [TALK] * conversations, **settings)
        seen = counts(llm)
    ideal = (seen["answered"] + seen["broken"] + seen["too_many"]) / AT_ONCE
    print(
        f"stub: {conversations} conversations, {seen['received']} calls ({seen['too_many']} times 429, "
        f"{seen['broken']} times 500), {seen['at_once']} at once: {measured.seconds:.1f} s, ideal {ideal:.1f} s, ratio "
        f"{measured.seconds / ideal:.2f}; peak memory {measured.peaks[0]} MB"
    )


async def quick(server: EmbeddedPostgres, folder: Path, conversations: int) -> None:
    for count in (1, 2):
        with stub(folder, verdict(), latency=0.05) as llm:
            settings = {"llm_base_url": f"{llm}/v1", "llm_model": "gpt-4o-mini", "analysis_concurrency": AT_ONCE}
            measured = await measure(server, count, [TALK] * conversations, **settings)
        print(f"quick: {count} workers: {conversations / measured.seconds:.0f} conversations/s, {measured.peaks} MB")


async def locally(server: EmbeddedPostgres, _: Path, conversations: int) -> None:
    talks = list(itertools.islice(itertools.cycle(demo_talks()), conversations))
    for count in (1, 2):
        measured = await measure(server, count, talks)
        print(f"local: {count} workers: {conversations / measured.seconds:.0f} conversations/s, {measured.peaks} MB")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--only", choices=["stub", "quick", "local"])
    told = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M}, load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o711)
        server = stack.enter_context(EmbeddedPostgres(folder / "server"))
        for name, deed in (("stub", with_faults), ("quick", quick), ("local", locally)):
            if told.only in {None, name}:
                await deed(server, folder, told.conversations)


if __name__ == "__main__":
    asyncio.run(main())
