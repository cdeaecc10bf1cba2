"""Search of the product beside bm25s, and beside bm25s with exact numpy on the same vectors: time and quality.

    python bench/search.py [--small] [--sections sections.jsonl --queries queries.jsonl]

The labelled sections (those of the demo companies, else the given files: `{id, question?, answer?, ...}` and
`{query, relevant_ids}`) are embedded for real. To them comes filler up to 10,000 and (without `--small`) 100,000
sections: sentences of the labelled ones with other words in them, whose frequencies fall as Zipf's law says, and as
vectors noisy copies of real ones, because to embed as many takes an hour. So hit rates at 10,000 and 100,000 tell how
well the labelled sections are found among strangers. In each round each system is asked every query; the times are
medians over the rounds, embedding of the query included. Exit code 1 where a figure is over twice its budget.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import bm25s
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy import text as sql

from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import create_project
from ouvidor.demo.load import COMPANIES
from ouvidor.engines.embeddings import Embedder, NoEmbedder, load_embedder
from ouvidor.evals.metrics import hit_at, mrr_at
from ouvidor.knowledge.embedding import embed_texts, vectors_name
from ouvidor.knowledge.index import index_knowledge
from ouvidor.knowledge.ingest import Row, SectionInput, section_input
from ouvidor.knowledge.models import Section
from ouvidor.knowledge.search import search
from ouvidor.knowledge.store import import_sections
from ouvidor.knowledge.vectors import embed_sections
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import read_settings
from ouvidor.text import Language, detect_language, sentences, terms

DEMO = Path(__file__).parents[1] / "src/ouvidor/demo"
BUDGETS = {  # of the issue, on two quiet cores: milliseconds, and seconds of an import
    "search p50 in 10,000": 8.0,
    "search p50 in 100,000": 30.0,
    "import of 10,000": 60.0,
}
DENSE_WEIGHT = 1.5
DEPTH = 10
ROUNDS = 3
MOST_QUERIES = 150
NOISE = 0.045  # per dimension of 384: a copy's cosine with its model is about .75
VOCABULARY = 200_000

Ask = Callable[[str], Awaitable[list[str]]]


@dataclass(frozen=True)
class Labelled:
    """Sections and the queries that they answer."""

    sections: list[SectionInput]
    queries: list[str]
    relevant: list[set[str]]


@dataclass
class Result:
    """What a system found, by query, and how long each round took."""

    rankings: list[list[str]] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def labelled(sections: Path | None, queries: Path | None) -> Labelled:
    files = [(sections, queries)] if sections and queries else [
        (DEMO / company.name / "knowledge.jsonl", DEMO / company.name / "cases.jsonl") for company in COMPANIES
    ]  # fmt: skip
    rows = [section_input(row) for known, _ in files for row in read_jsonl(known)]
    cases = [case for _, asked in files for case in read_jsonl(asked) if case.get("relevant_ids")]
    random.Random(0).shuffle(cases)
    cases = cases[:MOST_QUERIES]
    return Labelled(rows, [case["query"] for case in cases], [set(case["relevant_ids"]) for case in cases])


class Filler:
    """Sections that nobody asks for, made of the labelled ones' sentences with other words in them."""

    def __init__(self, sections: Sequence[SectionInput]) -> None:
        self._random = random.Random(1)
        self._sentences: dict[Language, list[str]] = {"pt": [], "en": []}
        for section in sections:
            self._sentences[section.language] += sentences(section.content)
        self._sentences = {language: found for language, found in self._sentences.items() if found}
        draw = np.random.default_rng(1)
        rank_weights = 1 / np.arange(10, VOCABULARY + 10)
        chances = rank_weights / rank_weights.sum()
        self._draws = (rank for _ in iter(int, 1) for rank in draw.choice(VOCABULARY, 100_000, p=chances).tolist())
        self._words: dict[int, str] = {}

    def sections(self, start: int, stop: int) -> Iterator[SectionInput]:
        for number in range(start, stop):
            language = self._random.choice(list(self._sentences))
            heading = self._text(language, 6)
            content = self._text(language, self._random.randint(60, 110))
            yield section_input(
                {"id": f"filler-{number}", "language": language, "question": heading, "answer": content}
            )

    def _text(self, language: Language, words: int) -> str:
        parts: list[str] = []
        while len(parts) < words:
            sentence = self._random.choice(self._sentences[language]).split()
            parts += [self._word() if len(word) > 3 and self._random.random() < 0.5 else word for word in sentence]
        return " ".join(parts[: words + 10])

    def _word(self) -> str:
        rank = next(self._draws)
        if rank not in self._words:
            letters = random.Random(rank)
            syllables = letters.randint(2, 4)
            self._words[rank] = "".join(
                letters.choice("bcdfglmnprstvz") + letters.choice("aeiou") for _ in range(syllables)
            )
        return self._words[rank]


class NoisyCopies:
    """Stands in for the model while filler is embedded: noisy copies of the vectors given."""

    english_only = False
    available = True
    remote = False

    def __init__(self, name: str, models: NDArray[np.float32]) -> None:
        self.name, self._models, self._draw = name, models, np.random.default_rng(2)

    @property
    def dimension(self) -> int:
        return self._models.shape[1]

    async def embed(self, texts: Sequence[str], *, project_id: UUID | None = None) -> NDArray[np.float32]:  # noqa: ARG002 - no server's work
        chosen = self._models[self._draw.integers(len(self._models), size=len(texts))]
        vectors = chosen + NOISE * self._draw.standard_normal(chosen.shape, dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def stored_vectors(rt: Runtime, project: Project) -> tuple[list[str], NDArray[np.float32]]:
    """The key of the section of each vector, sections together, and the vectors."""
    numbers = select(Section.number, Section.key).where(Section.project_id == project.id)
    query = "select section_number, embedding from section_vector where project_id = %s order by section_number"
    async with rt.db.read() as session:
        keys = {row.number: row.key for row in await session.execute(numbers)}
        connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        async with connection.cursor(binary=True) as cursor:
            rows = await (await cursor.execute(query, (project.id,))).fetchall()
    vectors = np.frombuffer(b"".join(packed[4:] for _, packed in rows), dtype=">f2")
    return [keys[number] for number, _ in rows], vectors.reshape(len(rows), -1).astype(np.float32)


class Peers:
    """bm25s over the product's own terms, alone and added to the nearest vector's cosine, both in memory."""

    def __init__(
        self, rt: Runtime, sections: Sequence[SectionInput], keys: list[str], vectors: NDArray[np.float32]
    ) -> None:
        self._rt = rt
        self._keys = [section.key for section in sections]
        self._usual = max(("pt", "en"), key=[section.language for section in sections].count)
        corpus = [
            terms(" ".join([section.heading or "", section.content, *section.phrasings]), section.language)
            for section in sections
        ]
        self._index = bm25s.BM25()
        self._index.index(corpus, show_progress=False)
        self._vocabulary = self._index.vocab_dict
        place = {key: row for row, key in enumerate(self._keys)}
        rows = np.array([place[key] for key in keys], dtype=np.int64)
        self._first = np.flatnonzero(np.diff(rows, prepend=-1))
        self._rows, self._vectors = rows[self._first], vectors

    async def words(self, query: str) -> list[str]:
        return self._best(self._bm25(query))

    async def words_and_vectors(self, query: str) -> list[str]:
        language = detect_language(query, self._usual)
        vector = (await embed_texts(self._rt.embedder, [query], [language]))[0]
        cosines = np.zeros(len(self._keys))
        cosines[self._rows] = np.maximum.reduceat(self._vectors @ vector, self._first)
        words = self._bm25(query)
        return self._best(words / max(float(words.max()), 1e-9) + DENSE_WEIGHT * cosines)

    def _bm25(self, query: str) -> NDArray[np.float32]:
        asked = terms(query, detect_language(query, self._usual))
        known = [term for term in asked if term in self._vocabulary]
        return self._index.get_scores(known) if known else np.zeros(len(self._keys), np.float32)

    def _best(self, scores: NDArray[Any]) -> list[str]:
        depth = min(DEPTH, scores.size - 1)
        best = np.argpartition(-scores, depth)[:DEPTH]
        return [self._keys[row] for row in best[np.argsort(-scores[best])]]


async def timed_rounds(systems: dict[str, Ask], queries: Sequence[str]) -> dict[str, Result]:
    """Every query by one system after the other, ROUNDS times after one round that warms up."""
    results = {name: Result() for name in systems}
    for turn in range(ROUNDS + 1):
        for name, ask in systems.items():
            times: list[float] = []
            rankings: list[list[str]] = []
            for query in queries:
                start = time.perf_counter()
                rankings.append(await ask(query))
                times.append(1000 * (time.perf_counter() - start))
            if turn:
                results[name].p50.append(float(np.percentile(times, 50)))
                results[name].p95.append(float(np.percentile(times, 95)))
            results[name].rankings = rankings
    return results


@dataclass
class Bench:
    """What is measured, and the table that it goes into."""

    rt: Runtime
    known: Labelled
    table: Table
    figures: dict[str, float] = field(default_factory=dict)

    async def measure(self, size: int) -> None:
        """Import, embed and ask a project of that many sections."""
        async with self.rt.db.begin() as session:
            project = await create_project(session, f"bench-{size}", title="Bench", now=self.rt.clock())
        filler = list(Filler(self.known.sections).sections(0, size - len(self.known.sections)))
        seconds = await self._imported(project, self.known.sections)
        await index_knowledge(self.rt, project.id)
        keys, models = await stored_vectors(self.rt, project)
        if filler:
            seconds += await self._imported(project, filler)
            copies = NoisyCopies(vectors_name(self.rt.embedder), models)
            start = time.perf_counter()
            await embed_sections(replace(self.rt, embedder=copies), project.id)
            print(f"{size:,} sections: vectors stored and indexed in {time.perf_counter() - start:.0f} s", flush=True)
            keys, models = await stored_vectors(self.rt, project)
        await self._settle()
        self.figures[f"import of {size:,}"] = seconds
        start = time.perf_counter()
        peers = Peers(self.rt, [*self.known.sections, *filler], keys, models)
        building = time.perf_counter() - start
        gc.freeze()  # what stands here of 100,000 sections is the bench's own and would be walked in our searches

        async def ours(query: str) -> list[str]:
            return [found.key for found in (await search(self.rt, project, query, limit=DEPTH)).sections]

        systems: dict[str, Ask] = {"Ouvidor": ours, "bm25s": peers.words, "bm25s + numpy": peers.words_and_vectors}
        for name, result in (await timed_rounds(systems, self.known.queries)).items():
            self._add(size, len(models), name, result, seconds if name == "Ouvidor" else building)
        gc.unfreeze()
        async with self.rt.db.begin() as session:
            await session.delete(project)

    async def _settle(self) -> None:
        """What PostgreSQL does by itself in the minutes after a large import, done before the clock runs."""
        async with self.rt.db.engine.connect() as connection:
            settled = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await settled.execute(sql("vacuum analyze"))
            await settled.execute(sql("checkpoint"))

    async def _imported(self, project: Project, sections: Iterable[SectionInput]) -> float:
        """Seconds until all are stored and found by their words."""
        rows: list[Row] = list(enumerate(sections, start=1))
        start = time.perf_counter()
        await import_sections(self.rt, project, rows)
        return time.perf_counter() - start

    def _add(self, size: int, vectors: int, name: str, result: Result, building: float) -> None:
        p50, p95 = statistics.median(result.p50), statistics.median(result.p95)
        if name == "Ouvidor":
            self.figures[f"search p50 in {size:,}"] = p50
        quality = [hit_at(1, result.rankings, self.known.relevant), hit_at(DEPTH, result.rankings, self.known.relevant)]
        quality.append(mrr_at(DEPTH, result.rankings, self.known.relevant))
        times = (f"{p50:.2f}", f"{p95:.2f}", f"{building:.1f}")
        shown = (f"{size:,}", f"{vectors:,}", name, *times, *(f"{part:.3f}" for part in quality))
        self.table.add_row(*shown, end_section=name == "bm25s + numpy")

    def over_budget(self) -> list[str]:
        """What took over twice its budget."""
        return [
            f"{name}: {self.figures[name]:.1f}, budget {budget:g}"
            for name, budget in BUDGETS.items()
            if self.figures.get(name, 0.0) > 2 * budget
        ]


async def conditions(rt: Runtime) -> str:
    async with rt.db.read() as session:
        version = await session.scalar(sql("show server_version"))
        pgvector = await session.scalar(sql("select extversion from pg_extension where extname = 'vector'"))
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, load {load}, PostgreSQL {version}, pgvector {pgvector}, "
        f"Python {sys.version.split()[0]}, bm25s {bm25s.__version__}, {vectors_name(rt.embedder)}"
    )


async def run(address: DatabaseAddress, embedder: Embedder, known: Labelled, *, small: bool) -> int:
    columns = ("sections", "vectors", "system", "p50 ms", "p95 ms", "import s", "hit@1", "hit@10", "MRR@10")
    async with open_runtime(read_settings(), address, embedder=embedder) as rt:
        bench = Bench(rt, known, Table(*columns))
        print(await conditions(rt), flush=True)
        for size in (len(known.sections), 10_000) if small else (len(known.sections), 10_000, 100_000):
            await bench.measure(size)
        print(await conditions(rt))
    Console(width=110).print(bench.table)
    print(
        f"{len(known.queries)} queries, medians of {ROUNDS} rounds; beyond the first {len(known.sections)} sections "
        "the vectors are noisy copies of real ones."
    )
    for line in bench.over_budget():
        print(f"Over twice the budget: {line}")
    return 1 if bench.over_budget() else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="up to 10,000 sections only")
    parser.add_argument("--sections", type=Path)
    parser.add_argument("--queries", type=Path)
    options = parser.parse_args()
    settings = read_settings()
    embedder = load_embedder(settings.data_dir, settings.model_dir, settings.embedding_threads)
    if isinstance(embedder, NoEmbedder):
        print(embedder.reason)
        return 1
    with tempfile.TemporaryDirectory(prefix="ouvidor-bench-") as folder:
        Path(folder).chmod(0o711)  # as root the server runs as another user, who must pass through
        with EmbeddedPostgres(Path(folder) / "data") as server:
            server.create_database("bench")
            upgrade(server.url("bench"))
            address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
            known = labelled(options.sections, options.queries)
            return asyncio.run(run(address, embedder, known, small=options.small))


if __name__ == "__main__":
    sys.exit(main())
