"""Imports change what changed, land in whole chunks, and leave postings that are exactly those of the sections."""

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from conftest import MovedClock
from factories import HOTEL, Site, add_sections, build_tenant
from sqlalchemy import select
from sqlalchemy import text as sql

from ouvidor.accounts.models import Project
from ouvidor.errors import NotFound
from ouvidor.knowledge.ingest import SectionInput, read_sections, section_input
from ouvidor.knowledge.models import KnowledgeState, Posting, Section
from ouvidor.knowledge.postings import BLOCK, POSTING
from ouvidor.knowledge.read import list_sections
from ouvidor.knowledge.store import CHUNK, ImportReport, import_sections, remove_section
from ouvidor.runtime import DatabaseAddress, Runtime
from ouvidor.text import terms
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

WORDS = {
    "en": ["refund", "parcel", "courier", "invoice", "password", "voucher", "warranty", "battery", "charger", "window"],
    "pt": ["reembolso", "encomenda", "entrega", "fatura", "senha", "cupom", "garantia", "bateria", "janela", "jardim"],
}


def made(count: int, seed: int = 0, *, start: int = 0) -> list[dict[str, Any]]:
    """Sections of random words in both languages; the same seed makes the same."""
    rng = random.Random(seed)

    def some(language: str, size: int) -> str:
        return " ".join(rng.choices(WORDS[language], k=size))

    rows: list[dict[str, Any]] = []
    for number in range(start, start + count):
        language = rng.choice(["pt", "en"])
        row = {"id": f"s{number}", "language": language, "answer": some(language, rng.randint(1, 12))}
        row[rng.choice(["question", "title"])] = some(language, 3)
        row["phrasings"] = [some(language, 2) for _ in range(rng.choice([0, 0, 2]))]
        rows.append(row)
    return rows


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.removed


async def replaced(rt: Runtime, project: Project, rows: Iterable[dict[str, Any]]) -> ImportReport:
    numbered = [(number, section_input(row)) for number, row in enumerate(rows, start=1)]
    return await import_sections(rt, project, numbered, replace=True)


async def stored_keys(rt: Runtime, project: Project) -> list[str]:
    async with rt.db.read() as session:
        query = select(Section.key).where(Section.project_id == project.id).order_by(Section.key)
        return list((await session.execute(query)).scalars())


Field = Counter[str]


@dataclass(frozen=True)
class Expected:
    """What the tables must hold of a section."""

    language: str
    fields: tuple[Field, Field, Field]

    @classmethod
    def of(cls, section: SectionInput) -> "Expected":
        heading = Counter(terms(section.heading or "", section.language))
        content = Counter(terms(section.content, section.language))
        phrasings = Counter(term for text in section.phrasings for term in terms(text, section.language))
        return cls(section.language, (heading, content, phrasings))

    @property
    def length(self) -> int:
        heading, content, phrasings = (field.total() for field in self.fields)
        return 3 * heading + content + 3 * phrasings


async def assert_index_is_of(rt: Runtime, project_id: UUID, rows: Sequence[dict[str, Any]]) -> None:
    """The postings and statistics of the project are those of these sections, made the plain way."""
    wanted = {section.key: Expected.of(section) for section in map(section_input, rows)}
    async with rt.db.read() as session:
        mine = select(Section.number, Section.key).where(Section.project_id == project_id)
        keys = {row.number: row.key for row in await session.execute(mine)}
        stored = (await session.execute(select(Posting).where(Posting.project_id == project_id))).scalars().all()
        state = await session.get(KnowledgeState, project_id)
    found: dict[tuple[str, str, str], tuple[int, ...]] = {}
    for row in stored:
        assert row.postings
        for offset, length, *counted in np.frombuffer(row.postings, dtype=POSTING).tolist():
            place = (keys[row.block * BLOCK + offset], row.language, row.term)
            assert place not in found
            found[place] = (length, *counted)
    assert found == {
        (key, one.language, term): (one.length, *(field[term] for field in one.fields))
        for key, one in wanted.items()
        for term in set().union(*one.fields)
    }
    assert state is not None
    for language, total in state.statistics.items():
        own = [one.fields for one in wanted.values() if one.language == language]
        sums = [sum(fields[index].total() for fields in own) for index in range(3)]
        assert [total["sections"], total["heading"], total["content"], total["phrasings"]] == [len(own), *sums]


async def test_counts_of_a_first_and_a_second_import(rt: Runtime, clock: MovedClock) -> None:
    project = (await build_tenant(rt, "shop")).project
    rows = made(30)
    assert counts(await add_sections(rt, project, rows)) == (30, 0, 0, 0)
    first = await sections_by_key(rt, project)
    clock.advance(days=1)
    rows[3]["answer"] = "Something else"
    rows[7]["type"] = "N2"
    assert counts(await add_sections(rt, project, [*rows, {"id": "new", "answer": "New."}])) == (1, 2, 28, 0)
    second = await sections_by_key(rt, project)
    assert second["s3"].content == "Something else"
    assert second["s7"].tier == "N2"
    assert {key for key, section in second.items() if section.updated_at == clock()} == {"s3", "s7", "new"}
    assert {key: section.id for key, section in second.items() if key in first} == {
        key: section.id for key, section in first.items()
    }


async def sections_by_key(rt: Runtime, project: Project) -> dict[str, Section]:
    async with rt.db.read() as session:
        rows = (await session.execute(select(Section).where(Section.project_id == project.id))).scalars()
        return {row.key: row for row in rows}


async def test_nothing_is_written_where_nothing_changed(rt: Runtime) -> None:
    project = (await build_tenant(rt, "shop")).project
    await add_sections(rt, project, made(5))
    await work(rt, once=True)
    before = await revision_and_jobs(rt, project)
    assert counts(await add_sections(rt, project, made(5))) == (0, 0, 5, 0)
    assert await revision_and_jobs(rt, project) == before
    assert before[1] == 0


async def revision_and_jobs(rt: Runtime, project: Project) -> tuple[int, int]:
    async with rt.db.read() as session:
        state = await session.get(KnowledgeState, project.id)
        assert state is not None
        return state.revision, await session.scalar(sql("select count(*) from procrastinate_jobs")) or 0


async def test_replace_removes_what_the_file_does_not_name(rt: Runtime) -> None:
    project = (await build_tenant(rt, "shop")).project
    other = (await build_tenant(rt, "elsewhere")).project
    for one in (project, other):
        await add_sections(rt, one, made(CHUNK + 40))
    kept = [*made(CHUNK + 40)[5:15], *made(3, seed=9, start=9000)]
    assert counts(await replaced(rt, project, kept)) == (3, 0, 10, CHUNK + 30)
    assert await stored_keys(rt, project) == sorted(row["id"] for row in kept)
    await assert_index_is_of(rt, project.id, kept)
    await assert_index_is_of(rt, other.id, made(CHUNK + 40))
    assert counts(await replaced(rt, project, [])) == (0, 0, 0, 13)
    await assert_index_is_of(rt, project.id, [])


async def test_without_replace_nothing_is_removed(rt: Runtime) -> None:
    project = (await build_tenant(rt, "shop")).project
    await add_sections(rt, project, made(10))
    assert counts(await add_sections(rt, project, made(3))) == (0, 0, 3, 0)
    assert len(await stored_keys(rt, project)) == 10


@pytest.mark.parametrize("newest", [0, BLOCK - 30], ids=["one block", "two blocks"])
async def test_postings_follow_every_change(rt: Runtime, newest: int) -> None:
    project = (await build_tenant(rt, "shop")).project
    async with rt.db.begin() as session:
        session.add(KnowledgeState(project_id=project.id, newest_number=newest))
    rows = made(60)
    await add_sections(rt, project, rows)
    await assert_index_is_of(rt, project.id, rows)
    rng = random.Random(newest)
    for turn in range(1, 4):
        changed = {row["id"]: row for row in made(60, seed=turn) if rng.random() < 0.4}
        gone = set(rng.sample([row["id"] for row in rows], 5))
        rows = [changed.get(row["id"], row) for row in rows if row["id"] not in gone]
        rows += made(6, seed=turn, start=1000 * turn)
        await replaced(rt, project, rows)
        await assert_index_is_of(rt, project.id, rows)


async def test_long_sections_and_long_words_are_indexed(rt: Runtime) -> None:
    project = (await build_tenant(rt, "shop")).project
    word = "x" * 5000
    rows = [
        {"id": "many", "answer": "refund " * 7000, "language": "en"},
        {
            "id": "phrasings",
            "answer": "ok",
            "phrasings": [f"refund {number}" for number in range(1000)],
            "language": "en",
        },
        {"id": "word", "answer": f"{word} {word}y refund", "language": "en"},
    ]
    await add_sections(rt, project, rows)
    async with rt.db.read() as session:
        query = select(Posting.term, Posting.postings).where(Posting.project_id == project.id)
        found = {row.term: np.frombuffer(row.postings, dtype=POSTING) for row in await session.execute(query)}
    assert max(map(len, found)) == 64
    assert found["x" * 64]["content"].tolist() == [2]
    counted = {int(one["offset"]): one for one in found["refund"]}
    assert [int(counted[number]["content"]) for number in (1, 3)] == [255, 1]
    assert int(counted[2]["phrasings"]) == 1000
    for row in rows:
        row["answer"] = "nothing more"
        row["phrasings"] = []
    await add_sections(rt, project, rows)
    await assert_index_is_of(rt, project.id, rows)


async def test_a_removed_section_leaves_nothing(rt: Runtime, site: Site) -> None:
    rows = list(HOTEL)
    async with rt.db.read() as session:
        page = await list_sections(session, site.own.project.id)
    for section in page.data:
        await remove_section(rt, site.own.project, section.id)
        rows = [row for row in rows if row["id"] != section.key]
        await assert_index_is_of(rt, site.own.project.id, rows)


async def test_a_section_of_another_project_cannot_be_removed(rt: Runtime, site: Site) -> None:
    async with rt.db.read() as session:
        page = await list_sections(session, site.own.project.id)
    with pytest.raises(NotFound):
        await remove_section(rt, site.other.project, page.data[0].id)
    await assert_index_is_of(rt, site.own.project.id, list(HOTEL))


async def test_of_rows_with_one_id_the_last_counts(rt: Runtime) -> None:
    project = (await build_tenant(rt, "shop")).project
    rows = [{"id": "a", "answer": "refund one"}, {"id": "a", "answer": "refund two"}]
    assert counts(await add_sections(rt, project, rows)) == (1, 0, 0, 0)
    await assert_index_is_of(rt, project.id, rows[1:])


async def test_two_imports_at_once_neither_block_nor_double(rt: Runtime) -> None:
    project = (await build_tenant(rt, "shop")).project
    rows = made(2 * CHUNK + 100)
    reports = await asyncio.gather(add_sections(rt, project, rows), add_sections(rt, project, rows[::-1]))
    assert sum(report.added for report in reports) == len(rows)
    assert sum(report.unchanged for report in reports) == len(rows)
    await assert_index_is_of(rt, project.id, rows)
    changed = made(2 * CHUNK + 100, seed=1)
    await asyncio.gather(add_sections(rt, project, changed), replaced(rt, project, changed[::-1]))
    await assert_index_is_of(rt, project.id, changed)
    async with rt.db.read() as session:
        numbers = select(Section.number).where(Section.project_id == project.id).order_by(Section.number)
        assert list((await session.execute(numbers)).scalars()) == list(range(1, len(rows) + 1))


async def test_each_chunk_is_landed_when_it_is_told(rt: Runtime) -> None:
    project = (await build_tenant(rt, "shop")).project
    seen: list[int] = []
    rows = [(number, section_input(row)) for number, row in enumerate(made(CHUNK + 20), start=1)]
    await import_sections(rt, project, rows, progress=seen.append)
    assert seen == [CHUNK, 20]


DYING = """
import asyncio, sys
from pathlib import Path
from ouvidor.accounts.projects import project_named
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.knowledge.ingest import read_sections
from ouvidor.knowledge.store import import_sections
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings

async def main(url, conninfo, folder, file):
    address = DatabaseAddress(url, conninfo)
    async with open_runtime(Settings(data_dir=Path(folder)), address, embedder=NoEmbedder("test")) as rt:
        async with rt.db.read() as session:
            project = await project_named(session, "shop")
        await import_sections(rt, project, read_sections(Path(file)), progress=lambda rows: print(rows, flush=True))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_a_killed_import_leaves_whole_chunks_and_is_completed(
    rt: Runtime, database: DatabaseAddress, tmp_path: Path
) -> None:
    project = (await build_tenant(rt, "shop")).project
    rows = made(12 * CHUNK)
    file = tmp_path / "knowledge.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    words = [sys.executable, "-c", DYING, database.url, database.conninfo, str(tmp_path), str(file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as importer:
        assert importer.stdout is not None
        for _ in range(2):
            assert await asyncio.to_thread(importer.stdout.readline) == f"{CHUNK}\n"
        importer.kill()
    assert importer.returncode == -signal.SIGKILL
    landed = set(await stored_keys(rt, project))
    assert 2 * CHUNK <= len(landed) < len(rows)
    assert len(landed) % CHUNK == 0
    await assert_index_is_of(rt, project.id, [row for row in rows if row["id"] in landed])
    report = await import_sections(rt, project, read_sections(file))
    assert counts(report) == (len(rows) - len(landed), 0, len(landed), 0)
    await assert_index_is_of(rt, project.id, rows)


async def test_a_file_over_http(client: httpx.AsyncClient, site: Site, rt: Runtime) -> None:
    text = "\ufeffid;pergunta;resposta\npool;Tem piscina?;Sim, aquecida.\nbad;Sem resposta?;\n"
    done = await client.post(
        "/api/v1/sections/import", files={"file": ("hotel.csv", text.encode())}, headers=site.own.headers
    )
    assert done.status_code == 200
    assert done.json() == {
        "added": 0,
        "changed": 1,
        "unchanged": 0,
        "removed": 0,
        "broken": [{"where": "line 3", "message": done.json()["broken"][0]["message"]}],
    }
    assert "no text to answer with" in done.json()["broken"][0]["message"]
    assert (await sections_by_key(rt, site.own.project))["pool"].language == "pt"
    assert await stored_keys(rt, site.other.project) == []


async def test_replacing_over_http(client: httpx.AsyncClient, site: Site, rt: Runtime) -> None:
    done = await client.post(
        "/api/v1/sections/import",
        params={"replace": "true"},
        files={"file": ("a.jsonl", b'{"id": "only", "answer": "This."}')},
        headers=site.own.headers,
    )
    assert done.status_code == 200
    assert done.json()["removed"] == len(HOTEL)
    assert await stored_keys(rt, site.own.project) == ["only"]


@pytest.mark.parametrize(
    ("name", "content"), [("a.xlsx", b"PK"), ("a.csv", b"colour\nred\n"), ("a.jsonl", b"\xff\xfe{")]
)
async def test_an_unreadable_file_over_http(client: httpx.AsyncClient, site: Site, name: str, content: bytes) -> None:
    done = await client.post("/api/v1/sections/import", files={"file": (name, content)}, headers=site.own.headers)
    assert done.status_code == 422
    assert done.json()["detail"]
