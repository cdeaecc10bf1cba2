"""How long it takes to find comments among 100,000, and how quickly they are exported.

    python bench/find_comments.py [--comments 100000] [--rounds 15] [--folder F]

The texts are put together from the sentences of the demo's 1,500 comments; a second project has as many, so that
nothing is fast because the tables are empty otherwise. 8,000 have vectors of the model itself, the others the mean of
those of their parts with some noise. Prints one JSON: for each search the median and the 95th percentile in
milliseconds of the deed itself (filter, vector of the query, list, count, rows of a page of 25), the mean processor
time that it took us and PostgreSQL, and how many there are; the same for pages far down, and of a few over HTTP; the
rows a second of the exports; `slowest_median_ms`, which is to stay under 100. On a busy machine look at the processor
times. With --folder the database is kept there, and used again where there is one.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
from pgvector import HalfVector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from sqlalchemy import select, text

from ouvidor.accounts.keys import issue_key
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import KEY_SCOPES
from ouvidor.accounts.projects import create_project
from ouvidor.app import create_app
from ouvidor.db import driver_of, new_id
from ouvidor.demo.comments import past_comments, planted
from ouvidor.engines.embeddings import Embedder, load_embedder
from ouvidor.feedback.finding.export import Form, export_comments
from ouvidor.feedback.finding.find import find
from ouvidor.feedback.finding.menus import read_menus
from ouvidor.feedback.finding.vector_index import index_if_large
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.local.language import cue_language, language_of
from ouvidor.feedback.taxonomy import DEFAULT
from ouvidor.feedback.terms import terms_of
from ouvidor.knowledge.embedding import embed_texts, vectors_name
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings
from ouvidor.text import sentences

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAYS = 365
REAL = 8_000
NOISE = 0.35
COLUMNS = """id, project_id, external_id, content, fields, author, language, sentiment, category, given_category, tags,
    tag_codes, confidence, taxonomy, waits, corrected_at, terms, written_at, received_at, updated_at"""
COPY = f"copy comment ({COLUMNS}) from stdin"
COPY_VECTORS = "copy comment_vector (comment_id, project_id, made_by, embedding) from stdin with (format binary)"
COPY_ITEMS = """
copy comment_item (job_id, position, project_id, numbered, comment_id, state, fields, attempts, losses, due_at,
    reserved)
from stdin
"""
REST = COLUMNS.removeprefix("id, project_id, ")
NEIGHBOUR = f"""
create temporary table twin as select id as old, gen_random_uuid() as new from comment;
insert into comment ({COLUMNS})
select twin.new, '{{project}}', {REST}
from comment join twin on twin.old = comment.id;
insert into comment_vector select twin.new, '{{project}}', made_by, embedding
from comment_vector join twin on twin.old = comment_id
"""
JOB = """
insert into comment_job (id, project_id, kind, source, name, state, ordered_by, total, done, failed, input_tokens,
    output_tokens, cost, batched, created_at)
values (:id, :project, 'intake', 'csv', 'a.csv', 'done', 'bench', :total, :total, 0, 0, 0, 0, false, :now)
"""
SENTIMENTS = {"praise": "positive", "criticism": "negative", "suggestion": "neutral", "question": "neutral"}
RARE_ARTIST, RARE_TAG, RARE_CATEGORY = "Banda Rara", "feat_raro", "partnership"

Search = dict[str, Any]


def searches(half_year: datetime, job: UUID, small: UUID) -> dict[str, Search]:
    """Everything that is measured, as arguments of `find`."""

    def under(**filters: Any) -> Search:
        return {"wanted": CommentFilter(**filters)}

    return {
        "newest": {},
        "oldest": {"order": "oldest"},
        "least sure": {"order": "unsure"},
        "category": under(category="praise"),
        "rare category": under(category=RARE_CATEGORY),
        "given category": under(given_category="question"),
        "tag": under(tag="som"),
        "rare tag": under(tag=RARE_TAG),
        "artist": under(artist="Lia Serpa"),
        "rare artist": under(artist=RARE_ARTIST),
        "album and channel": under(album="Maré de Concreto", fields=(("canal", "vídeo"),)),
        "sentiment": under(sentiment="negative"),
        "language": under(language="en"),
        "rare language": under(language="es"),
        "until half a year ago": under(until=half_year),
        "confidence 0.2 to 0.3": under(least=0.2, most=0.3),
        "corrected": under(corrected=True),
        "waiting, least sure": under(waiting=True) | {"order": "unsure"},
        "job of 50,000": under(job=job),
        "job of 500": under(job=small),
        "category, artist, month": under(category="praise", artist="Lia Serpa", since=NOW - timedelta(days=30)),
        "nothing under the filter": under(artist="Ninguém"),
        "common word": {"q": "app", "mode": "words"},
        "common word, newest": {"q": "app", "mode": "words", "order": "newest"},
        "common word, oldest": {"q": "app", "mode": "words", "order": "oldest"},
        "common word, category": under(category="question") | {"q": "app", "mode": "words"},
        "common word, rare artist": under(artist=RARE_ARTIST) | {"q": "app", "mode": "words"},
        "rare word": {"q": "compassos", "mode": "words"},
        "two words": {"q": "letra trava", "mode": "words"},
        "two common words": {"q": "app funciona", "mode": "words"},
        "word going on": {"q": "cance", "mode": "words", "typing": True},
        "phrase": {"q": '"tela de letras"', "mode": "words"},
        "phrase of common words": {"q": '"o app"', "mode": "words"},
        "phrase that nobody says": {"q": '"app bonito demais o"', "mode": "words"},
        "no such word": {"q": "xilofone", "mode": "words"},
        "meaning": {"q": "cobraram duas vezes no cartão", "mode": "meaning"},
        "meaning, English": {"q": "the app stopped working", "mode": "meaning"},
        "meaning, newest": {"q": "cobraram duas vezes no cartão", "mode": "meaning", "order": "newest"},
        "meaning, category": under(category="praise") | {"q": "voz da cantora", "mode": "meaning"},
        "meaning, rare category": under(category=RARE_CATEGORY) | {"q": "voz da cantora", "mode": "meaning"},
        "meaning, rare artist": under(artist=RARE_ARTIST) | {"q": "voz da cantora", "mode": "meaning"},
        "meaning, language": under(language="en") | {"q": "refund my money", "mode": "meaning"},
        "auto": {"q": "letra trava"},
        "auto, common word": {"q": "app"},
        "auto, category": under(category="criticism") | {"q": "app trava"},
        "auto, rare artist": under(artist=RARE_ARTIST) | {"q": "show"},
        "auto, no such word": {"q": "xilofone desafinado"},
        "auto, newest": {"q": "letra trava", "order": "newest"},
    }


@dataclass(frozen=True)
class Made:
    """A text of two comments of the demo, or one as it is."""

    text: str
    parts: tuple[int, ...]


def texts(count: int, chance: random.Random) -> list[Made]:
    """The demo's comments, then sentences of two of a language put together, each text once."""
    told = [one["texto"] for one in past_comments(NOW)]
    by_language: dict[str, list[int]] = {}
    for number, one in enumerate(told):
        by_language.setdefault(language_of(one, "pt"), []).append(number)
    made = [Made(one, (number,)) for number, one in enumerate(told)][:count]
    seen = {one.text for one in made}
    while len(made) < count:
        first = chance.randrange(len(told))
        second = chance.choice(by_language[language_of(told[first], "pt")])
        picked = [chance.choice(sentences(told[number])) for number in (first, second)]
        said = " ".join(picked) + chance.choice(["", "", "!", " 😀", " rs", " kkk", " :(", "..."])
        if said not in seen:
            seen.add(said)
            made.append(Made(said, (first, second)))
    return made


async def vectors_for(embedder: Embedder, made: Sequence[Made]) -> np.ndarray:
    """Vectors of the first by the model, of the others by their parts."""
    real = [one.text for one in made[: max(REAL, 1500)]]
    tongues = [cue_language(language_of(one, "pt"), "pt") for one in real]
    known = np.concatenate(
        [await embed_texts(embedder, real[n : n + 500], tongues[n : n + 500]) for n in range(0, len(real), 500)]
    )
    dice = np.random.default_rng(7)
    found = np.empty((len(made), known.shape[1]), np.float32)
    found[: len(known)] = known
    for number, one in enumerate(made[len(known) :], start=len(known)):
        mean = known[list(one.parts)].mean(axis=0)
        noise = dice.standard_normal(known.shape[1]).astype(np.float32)
        mixed = mean / np.linalg.norm(mean) + NOISE * noise / np.linalg.norm(noise)
        found[number] = mixed / np.linalg.norm(mixed)
    return found


def rows(project: Project, made: Sequence[Made], chance: random.Random) -> Iterator[tuple[Any, ...]]:
    """The rows of the comments, with the fields and kinds of the demo's."""
    demo = list(past_comments(NOW))
    kinds = planted()
    tags = ("som", "letra", "clipe", "show", "preco", "login", "playlist", "download", "video", "suporte")
    weights = (30, 20, 15, 10, 8, 6, 5, 3, 2, 1)
    for number, one in enumerate(made):
        source = demo[one.parts[0]]
        category = kinds[source["id"]].category if number % 1000 else RARE_CATEGORY
        at = NOW - timedelta(days=DAYS * chance.random())
        fields = {"artista": source["artista"], "album": source["album"], "canal": source["canal"]}
        if number % 1700 == 3:
            fields["artista"] = RARE_ARTIST
        codes = list(dict.fromkeys(chance.choices(tags, weights, k=chance.randrange(3))))
        codes += [RARE_TAG] * (number % 1200 == 5)
        language = language_of(one.text, "pt")
        confidence = round(chance.betavariate(5, 1.6), 4)
        corrected = at + timedelta(days=1) if number % 50 == 7 else None
        waits = "unsure" if confidence < 0.5 and corrected is None else "blind" if number % 50 == 9 else None
        words = terms_of([one.text], [language], DEFAULT)[0]
        yield (
            new_id(),
            project.id,
            f"n-{number}",
            one.text,
            json.dumps({name: value for name, value in fields.items() if value}),
            f"person {number % 9000}",
            language,
            SENTIMENTS.get(category, "neutral"),
            category,
            category,
            json.dumps([{"code": code, "explanation": f"It is about {code}."} for code in codes]),
            codes,
            confidence,
            0,
            waits,
            corrected,
            " ".join("'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words),
            at,
            at,
            at,
        )


async def load(rt: Runtime, count: int) -> None:
    """Both projects, with the indexes over their vectors."""
    chance = random.Random(6)
    async with rt.db.begin() as session:
        own = await create_project(session, "own", title="Own", now=rt.clock())
        other = await create_project(session, "other", title="Other", now=rt.clock())
    made = texts(count, chance)
    vectors = await vectors_for(rt.embedder, made)
    note(f"{len(made):,} texts and vectors")
    stored = list(rows(own, made, chance))
    async with rt.db.begin() as session:
        connection = driver_of(session)
        async with connection.cursor() as cursor:
            cursor.adapters.register_dumper(HalfVector, HalfVectorBinaryDumper)
            async with cursor.copy(COPY) as copy:
                for row in stored:
                    await copy.write_row(row)
            async with cursor.copy(COPY_VECTORS) as copy:
                for row, vector in zip(stored, vectors, strict=True):
                    await copy.write_row((row[0], own.id, vectors_name(rt.embedder), HalfVector(vector)))
            for total in (count // 2, count // 200):
                job = new_id()
                await session.execute(text(JOB), {"id": job, "project": own.id, "total": total, "now": rt.clock()})
                async with cursor.copy(COPY_ITEMS) as copy:
                    for position, row in enumerate(stored[-total:], start=1):
                        await copy.write_row((job, position, own.id, False, row[0], "done", "{}", 1, 0, rt.clock(), 0))
        for statement in NEIGHBOUR.format(project=other.id).split(";"):
            await session.execute(text(statement.replace(":", "\\:")))
    note("stored twice")
    for project in (own, other):
        begun = time.perf_counter()
        await index_if_large(rt, project.id)
        note(f"index of {project.name}: {time.perf_counter() - begun:.0f} s")
    async with rt.db.engine.connect() as connection:
        direct = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await direct.execute(text("vacuum analyze"))


def note(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


SERVERS: set[int] = set()
"""The process of the server, whose children do the work."""


def processor_seconds() -> float:
    """Our processor time so far, and that of PostgreSQL with all its processes."""
    found = time.process_time()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) in SERVERS or int(stat.parent.name) in SERVERS:
                found += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return found


async def took(deed: Callable[[], Awaitable[object]], rounds: int) -> dict[str, float]:
    """Median and 95th percentile in milliseconds, after two that do not count; the mean processor time."""
    times: list[float] = []
    processor = 0.0
    for number in range(rounds + 2):
        if number == 2:
            processor = processor_seconds()
        begun = time.perf_counter()
        await deed()
        if number > 1:
            times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    return {
        "median_ms": round(statistics.median(times), 1),
        "p95_ms": round(times[int(0.95 * (len(times) - 1))], 1),
        "processor_ms": round(1000 * (processor_seconds() - processor) / rounds, 1),
    }


async def measure(rt: Runtime, own: Project, rounds: int, only: str) -> dict[str, Any]:
    """Each search through the deed."""
    async with rt.db.read() as session:
        jobs = (await session.execute(text("select id from comment_job order by total desc"))).scalars().all()
    found: dict[str, Any] = {}
    for name, search in searches(NOW - timedelta(days=180), *jobs).items():
        if only and only not in name:
            continue
        told = {"wanted": CommentFilter()} | search

        async def deed(told: Search = told) -> object:
            return await find(rt, own, limit=25, **told)

        page = await find(rt, own, limit=25, **told)
        total = f"{page.total}+" if page.total_is_least else str(page.total)
        found[name] = await took(deed, rounds) | {"total": total, "by": page.by}
        note(f"{name:28} {found[name]}")
    return found


async def deep(rt: Runtime, own: Project, rounds: int) -> dict[str, Any]:
    """Pages far down: reached once, then asked for again and again."""
    found: dict[str, Any] = {}
    for name, pages, told in (
        ("newest, after 50,000", 500, {}),
        ("category, after 5,000", 50, {"wanted": CommentFilter(category="praise")}),
        ("auto, after 500", 5, {"q": "app"}),
        ("meaning, after 500", 5, {"q": "cobraram duas vezes no cartão", "mode": "meaning"}),
    ):
        last, given = None, {"wanted": CommentFilter()} | told
        for _ in range(pages):
            last = (await find(rt, own, limit=100, after=last, **given)).last_id or last

        async def deed(given: Search = given, last: UUID | None = last) -> object:
            return await find(rt, own, limit=25, after=last, **given)

        found[name] = await took(deed, rounds)
        note(f"{name:28} {found[name]}")
    return found


async def over_http(rt: Runtime, own: Project, rounds: int) -> dict[str, Any]:
    """The same with the key, the answer as JSON and all."""
    async with rt.db.begin() as session:
        key = await issue_key(session, own, label="bench", now=rt.clock(), scopes=KEY_SCOPES)
    transport = httpx.ASGITransport(create_app(rt), client=("127.0.0.1", 50000))
    found: dict[str, Any] = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        for name, sent in (
            ("newest", {}),
            ("auto", {"q": "letra trava"}),
            ("meaning, category", {"q": "voz da cantora", "mode": "meaning", "category": "praise"}),
        ):

            async def deed(sent: Any = sent) -> object:
                headers = {"Authorization": f"Bearer {key.text}"}
                return (await http.get("/api/v1/comments", params=sent, headers=headers)).raise_for_status()

            found[name] = await took(deed, rounds)
    return found


async def menus(rt: Runtime, own: Project, rounds: int) -> dict[str, float]:
    """What there is to filter by."""

    async def deed() -> object:
        async with rt.db.read() as session:
            return await read_menus(session, own.id)

    return await took(deed, rounds)


async def exports(rt: Runtime, own: Project) -> dict[str, Any]:
    """Rows a second of both forms."""
    found: dict[str, Any] = {}
    forms: tuple[Form, ...] = ("contract", "full")
    for form in forms:
        begun, lines = time.perf_counter(), 0
        async for piece in export_comments(rt, own, CommentFilter(), form=form):
            lines += piece.count("\r\n")
        found[form] = {"rows": lines - 1, "per_second": round((lines - 1) / (time.perf_counter() - begun))}
    return found


async def run(args: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(args.folder or stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)
        server = stack.enter_context(EmbeddedPostgres(folder / "server"))
        server.create_database("bench") if not (folder / "loaded").exists() else None
        upgrade(server.url("bench"))
        SERVERS.add(int(next(folder.rglob("postmaster.pid")).read_text().split()[0]))
        settings = Settings(data_dir=folder, _env_file=None)  # pyright: ignore[reportCallIssue]
        address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
        embedder = load_embedder(folder, None, threads=1)
        rt = await stack.enter_async_context(open_runtime(settings, address, embedder=embedder))
        if not (folder / "loaded").exists():
            await load(rt, args.comments)
            (folder / "loaded").touch()
        async with rt.db.read() as session:
            own = (await session.execute(select(Project).where(Project.name == "own"))).scalar_one()
        found = await measure(rt, own, args.rounds, args.only)
        report: dict[str, Any] = {"comments": args.comments, "searches": found}
        if not args.only:
            report["deep"] = await deep(rt, own, args.rounds)
            report["http"] = await over_http(rt, own, args.rounds)
            report["menus"] = await menus(rt, own, args.rounds)
            report["export"] = await exports(rt, own)
        for figure in ("median_ms", "processor_ms"):
            figures = {name: one[figure] for name, one in {**found, **report.get("deep", {})}.items()}
            slowest = max(figures, key=lambda name: figures[name])
            report |= {f"slowest_{figure}": figures[slowest], f"slowest_by_{figure}": slowest}
        print(json.dumps(report, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comments", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", help="where the database is kept")
    parser.add_argument("--only", default="", help="only searches whose name holds this")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
