"""How fast comments come in from a CSV, are classified and stored, by how many workers, in how much memory.

    python bench/comment_intake.py [--comments 100000] [--only classify|import|kill]

Makes its own file: the texts of the labelled examples, put together anew, with an id, an artist and a channel. Prints
one JSON object:

- `classify`: the local classifier alone, comments a second, with vectors and by words alone, in one process; of these
  comments (100 characters in the mean) and of short ones (49).
- `import`: the file read and put on the list by a process of its own (seconds, megabytes); then worked off by one
  `ouvidor worker` and by two, with vectors and without: seconds, comments a second, megabytes of each worker; what
  storing costs is the difference from `classify`.
- `kill`: a worker with vectors is killed (SIGKILL) when half is done, and another goes on; what is stored is counted.

On the embedded PostgreSQL with fsync.
"""

import argparse
import asyncio
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import create_project, project_named
from ouvidor.engines.embeddings import Embedder, NoEmbedder
from ouvidor.feedback.classifier import classifier_for, classify
from ouvidor.feedback.examples import own_examples
from ouvidor.feedback.intake.columns import CommentReading
from ouvidor.feedback.intake.reading import open_comments
from ouvidor.feedback.intake.receive import begin_job
from ouvidor.feedback.jobs.control import read_job
from ouvidor.feedback.taxonomy import DEFAULT
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings
from ouvidor.worker import work

SHORT = 70
ARTISTS = ("Marina Sol", "Os Navegantes", "Trio Laje", "Clara Dias")
CHANNELS = ("app", "site", "loja", "e-mail")
JOB, SHOP = "ready", "shop"

STORED = text("""
select (select count(*) from comment) as comments, (select count(distinct external_id) from comment) as distinct,
    (select count(*) from comment_item where state = 'done') as items,
    (select count(*) from comment_classification) as entries
""")


def texts(count: int) -> Generator[str]:
    """Comments of one or two sentences of the examples, no two alike."""
    chance, examples = random.Random(6), [example.text for example in own_examples()]
    for number in range(count):
        words = chance.choice(examples)
        yield f"{words} {chance.choice(examples)} {number}" if chance.random() < 0.2 else f"{words} {number}"


def short_examples(count: int) -> list[str]:
    """Examples as short as what people type into a box on a phone."""
    chance, examples = random.Random(8), [example.text for example in own_examples()]
    return chance.choices([text for text in examples if len(text) <= SHORT], k=count)


def write_csv(path: Path, count: int) -> None:
    chance = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "texto", "artista", "canal"))
        for number, words in enumerate(texts(count)):
            writer.writerow((f"c{number}", words, chance.choice(ARTISTS), chance.choice(CHANNELS)))


def peak(pid: int | str = "self") -> int:
    """Most memory that this process held, in megabytes (Linux)."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(told.partition("VmHWM:")[2].split()[0]) // 1024


def settings_in(folder: Path) -> Settings:
    return Settings(data_dir=folder, log_level="error", _env_file=None)  # pyright: ignore[reportCallIssue]


def embedder_for(*, vectors: bool) -> Embedder | None:
    """None is the one that the settings choose."""
    return None if vectors else NoEmbedder("left out by the bench")


async def classify_alone(rt: Runtime, count: int) -> dict[str, float]:
    found: dict[str, float] = {}
    usual, short = list(texts(count)), [f"{one} {number}" for number, one in enumerate(short_examples(count))]
    for name, embedder, share in (("with_vectors", rt.embedder, 0.1), ("by_words", NoEmbedder("bench"), 1.0)):
        classifier = await classifier_for(DEFAULT, embedder)
        for kind, comments in (("", usual), ("_short", short)):
            given = comments[: int(count * share)]
            await classify(given[:500], classifier, embedder)
            begun = time.perf_counter()
            for start in range(0, len(given), 500):
                await classify(given[start : start + 500], classifier, embedder)
            found[f"{name}{kind}_per_second"] = round(len(given) / (time.perf_counter() - begun))
    return found


class Bench:
    """A server, a folder and a file to measure with."""

    def __init__(self, server: EmbeddedPostgres, folder: Path, count: int) -> None:
        self.server, self.folder, self.count = server, folder, count
        self.file = folder / "comments.csv"

    @contextmanager
    def process(self, role: str, database: str, *, vectors: bool) -> Generator["subprocess.Popen[str]"]:
        """This program in another role."""
        words = ["--role", role, "--folder", str(self.folder), "--database", database, *(["--vectors"] * vectors)]
        with subprocess.Popen([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def address(self, database: str) -> DatabaseAddress:
        return DatabaseAddress(self.server.url(database), self.server.conninfo(database))

    async def prepared(self, stack: ExitStack) -> str:
        """A fresh database with a project."""
        name = f"bench_{time.time_ns()}"
        self.server.create_database(name)
        stack.callback(self.server.drop_database, name)
        await asyncio.to_thread(upgrade, self.server.url(name))
        opening = open_runtime(settings_in(self.folder), self.address(name), embedder=NoEmbedder("bench"))
        async with opening as rt, rt.db.begin() as session:
            await create_project(session, SHOP, title="Shop", now=rt.clock())
        return name

    async def measure(self, workers: int, *, vectors: bool, kill: bool = False) -> dict[str, Any]:
        """The whole way of the file; workers stand ready when it comes."""
        with ExitStack() as stack:
            name = await self.prepared(stack)
            running = [stack.enter_context(self.process("work", name, vectors=vectors)) for _ in range(workers)]
            for one in running:
                assert one.stdout is not None
                assert one.stdout.readline().strip() == JOB
            with self.process("import", name, vectors=False) as importing:
                assert importing.stdout is not None
                imported = json.loads(importing.stdout.readline())
            begun = time.perf_counter()
            async with open_runtime(settings_in(self.folder), self.address(name), embedder=NoEmbedder("bench")) as rt:
                async with rt.db.read() as session:
                    project = await project_named(session, SHOP)
                if kill:
                    await until(rt, project, UUID(imported["job"]), self.count // 2)
                    os.kill(running.pop().pid, signal.SIGKILL)
                    running.append(stack.enter_context(self.process("work", name, vectors=vectors)))
                await until(rt, project, UUID(imported["job"]), self.count)
                seconds = time.perf_counter() - begun
                async with rt.db.read() as session:
                    stored = (await session.execute(STORED)).one()
            assert tuple(stored) == (self.count,) * 4, stored
            return {
                "workers": workers,
                "vectors": vectors,
                "import_seconds": imported["seconds"],
                "import_megabytes": imported["megabytes"],
                "seconds": round(seconds, 1),
                "per_second": round(self.count / seconds),
                "worker_megabytes": [peak(one.pid) for one in running],
            }


async def until(rt: Runtime, project: Project, job: UUID, wanted: int) -> None:
    while True:
        async with rt.db.read() as session:
            if (await read_job(session, project.id, job, rt.clock())).done >= wanted:
                return
        await asyncio.sleep(0.2)


async def import_here(rt: Runtime, file: Path) -> None:
    """The role of the importing process."""
    begun = time.perf_counter()
    async with rt.db.read() as session:
        project = await project_named(session, SHOP)
    with open_comments(file, CommentReading(), rt.clock()) as comments:
        job = await begin_job(rt, project, comments.comments, source="csv", name=file.name, actor=COMMAND)
    seconds = round(time.perf_counter() - begun, 1)
    print(json.dumps({"job": str(job), "seconds": seconds, "megabytes": peak()}), flush=True)


async def play(told: argparse.Namespace) -> None:
    """A role in a process of its own."""
    with EmbeddedPostgres(told.folder / "server") as server:
        address = DatabaseAddress(server.url(told.database), server.conninfo(told.database))
        async with open_runtime(settings_in(told.folder), address, embedder=embedder_for(vectors=told.vectors)) as rt:
            if told.role == "import":
                await import_here(rt, told.folder / "comments.csv")
                return
            print(JOB, flush=True)
            await work(rt)


async def measured(told: argparse.Namespace, wanted: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"comments": told.comments, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o711)
        bench = Bench(stack.enter_context(EmbeddedPostgres(folder / "server")), folder, told.comments)
        write_csv(bench.file, told.comments)
        if "classify" in wanted:
            name = await bench.prepared(stack)
            async with open_runtime(settings_in(folder), bench.address(name)) as rt:
                found["classify"] = await classify_alone(rt, told.comments)
        if "import" in wanted:
            cases = [(workers, vectors) for vectors in (True, False) for workers in (1, 2)]
            found["import"] = [await bench.measure(workers, vectors=vectors) for workers, vectors in cases]
        if "kill" in wanted:
            found["kill"] = await bench.measure(1, vectors=True, kill=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comments", type=int, default=100_000)
    parser.add_argument("--only", choices=["classify", "import", "kill"])
    parser.add_argument("--role", choices=["import", "work"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    parser.add_argument("--vectors", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.role:
        asyncio.run(play(told))
        return
    wanted = [told.only] if told.only else ["classify", "import", "kill"]
    print(json.dumps(asyncio.run(measured(told, wanted)), indent=2))


main()
