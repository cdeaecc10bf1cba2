"""Vectors follow an import in the background: all of them, once, of the present model, whatever happens meanwhile."""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from factories import HOTEL, Site, add_sections, build_tenant
from numpy.typing import NDArray
from sqlalchemy import delete, select
from sqlalchemy import text as sql
from tiny_model import HIDDEN, WORDS, write_model

from ouvidor.accounts.models import Project
from ouvidor.db import driver_of
from ouvidor.engines.embeddings import Embedder, LocalEmbedder, NoEmbedder, load_embedder
from ouvidor.knowledge.candidates import DENSE_CANDIDATES, Query, find_candidates
from ouvidor.knowledge.embedding import vectors_name
from ouvidor.knowledge.models import Section, SectionVector
from ouvidor.knowledge.search import search
from ouvidor.knowledge.store import remove_section
from ouvidor.knowledge.vector_index import LARGE
from ouvidor.knowledge.vectors import Progress, embed_sections, vector_progress
from ouvidor.runtime import DatabaseAddress, Runtime
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

LONG = (
    "Guests may use the sauna from noon until eight in the evening. Towels lie ready at the door. "
    "Children under twelve need the company of an adult. Please shower before you enter the room. "
    "Drinks are sold at the bar next door. On Mondays the sauna is closed because it is cleaned then."
)


@pytest.fixture(scope="module")
def minilm(test_folder: Path) -> LocalEmbedder:
    loaded = load_embedder(test_folder, None, threads=1)
    assert isinstance(loaded, LocalEmbedder), loaded
    return loaded


@pytest.fixture
def embedder(minilm: LocalEmbedder) -> Embedder:
    return minilm


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LocalEmbedder:
    """A model of another dimension, and of no wisdom at all."""
    folder = tmp_path_factory.mktemp("tiny")
    write_model(folder / "model")
    loaded = load_embedder(folder, folder / "model", threads=1)
    assert isinstance(loaded, LocalEmbedder)
    return loaded


class Interrupted:
    """An embedder in whose work something else happens, once; it counts what it is asked for."""

    def __init__(self, inner: Embedder, deed: Callable[[], Awaitable[object]] | None = None) -> None:
        self._inner, self._deed = inner, deed
        self.asked: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def dimension(self) -> int:
        return self._inner.dimension

    @property
    def available(self) -> bool:
        return True

    @property
    def english_only(self) -> bool:
        return self._inner.english_only

    @property
    def remote(self) -> bool:
        return self._inner.remote

    async def embed(self, texts: Sequence[str], *, project_id: UUID | None = None) -> NDArray[np.float32]:
        self.asked.update(texts)
        vectors = await self._inner.embed(texts, project_id=project_id)
        deed, self._deed = self._deed, None
        if deed is not None:
            await deed()
        return vectors


async def vectors_of(rt: Runtime, project: Project) -> dict[tuple[str, str, int], NDArray[np.float32]]:
    """By key of the section, kind and ordinal."""
    query = (
        select(Section.key, SectionVector.kind, SectionVector.ordinal, SectionVector.embedding)
        .join(SectionVector, SectionVector.section_number == Section.number)
        .where(Section.project_id == project.id, SectionVector.project_id == project.id)
    )
    async with rt.db.read() as session:
        rows = await session.execute(query)
        return {(row.key, row.kind, row.ordinal): np.array(row.embedding, np.float32) for row in rows}


async def vectors_of_text(rt: Runtime, text: str) -> NDArray[np.float32]:
    return (await rt.embedder.embed([text]))[0]


async def count_vectors(rt: Runtime, project_id: UUID) -> int:
    async with rt.db.read() as session:
        query = sql("select count(*) from section_vector where project_id = :project")
        return await session.scalar(query, {"project": project_id}) or 0


async def test_meaning_is_found_without_a_common_word(rt: Runtime, site: Site) -> None:
    project = site.own.project
    question = "somewhere to swim"
    assert (await search(rt, project, question)).sections == ()
    await embed_sections(rt, project.id)
    result = await search(rt, project, question)
    assert result.by_vectors
    assert result.sections[0].key == "pool"


async def test_each_part_of_a_section_has_its_vector(rt: Runtime) -> None:
    project = (await build_tenant(rt, "hotel")).project
    rows = [
        {
            "id": "asked",
            "question": "When is the sauna open?",
            "answer": LONG,
            "phrasings": ["sauna hours", "hot room"],
        },
        {"id": "titled", "title": "Sauna", "content": "From noon until eight."},
        {"id": "bare", "content": "The bar sells drinks."},
    ]
    await add_sections(rt, project, rows)
    await embed_sections(rt, project.id)
    found = await vectors_of(rt, project)
    windows = [place for place in found if place[1] == "window"]
    assert len(windows) >= 2
    texts = {
        ("asked", "whole", 0): f"When is the sauna open?\n{LONG}",
        ("asked", "heading", 0): "When is the sauna open?",
        ("asked", "phrasing", 0): "sauna hours",
        ("asked", "phrasing", 1): "hot room",
        ("titled", "whole", 0): "Sauna\nFrom noon until eight.",
        ("titled", "heading", 0): "Sauna",
        ("bare", "whole", 0): "The bar sells drinks.",
    }
    assert found.keys() == {*texts, *(("asked", "window", ordinal) for ordinal in range(len(windows)))}
    for place, text in texts.items():
        assert float(found[place] @ await vectors_of_text(rt, text)) > 0.999
    closed = await vectors_of_text(rt, "closed on Mondays for cleaning")
    assert max(windows, key=lambda place: float(found[place] @ closed)) == windows[-1]


async def test_cosines_of_a_candidate_are_those_of_its_nearest_vectors(rt: Runtime) -> None:
    project = (await build_tenant(rt, "hotel")).project
    row = {"id": "a", "question": "When is the sauna open?", "answer": LONG, "phrasings": ["sauna hours", "hot room"]}
    await add_sections(rt, project, [row, {"id": "b", "content": "The bar sells drinks."}])
    await embed_sections(rt, project.id)
    vector = await vectors_of_text(rt, "sauna times")
    async with rt.db.read() as session:
        found = await find_candidates(
            driver_of(session), Query.of(project.id, "sauna times", vectors_name(rt.embedder), vector)
        )
    assert found is not None
    stored = await vectors_of(rt, project)
    for kind, cosines in (
        ("heading", found.rows.heading_cosine),
        ("whole", found.rows.whole_cosine),
        ("phrasing", found.rows.phrasing_cosine),
        ("window", found.rows.window_cosine),
    ):
        nearest = [
            max((float(stored[place] @ vector) for place in stored if place[:2] == (key, kind)), default=np.nan)
            for key in ("a", "b")
        ]
        assert cosines == pytest.approx(nearest, abs=2e-3, nan_ok=True)


async def test_candidates_are_the_nearest(rt: Runtime, tiny: LocalEmbedder) -> None:
    rt = replace(rt, embedder=tiny)
    rng = random.Random(0)
    rows = [
        {"id": f"s{number}", "question": " ".join(rng.choices(WORDS, k=5)), "answer": " ".join(rng.choices(WORDS, k=9))}
        for number in range(80)
    ]
    question = "my room was late where is the hotel"
    noise = (await build_tenant(rt, "noise")).project
    project = (await build_tenant(rt, "hotel")).project
    await add_sections(rt, noise, [{"id": f"n{number}", "answer": question} for number in range(80)])
    await add_sections(rt, project, rows)
    for one in (noise, project):
        await embed_sections(rt, one.id)
    vector = await vectors_of_text(rt, question)
    nearest: dict[str, float] = {}
    for (key, _, _), stored in (await vectors_of(rt, project)).items():
        nearest[key] = max(nearest.get(key, -1.0), float(stored @ vector))
    async with rt.db.read() as session:
        found = await find_candidates(
            driver_of(session), Query.of(project.id, "xyzzy", vectors_name(rt.embedder), vector)
        )
        mine = select(Section.number, Section.key).where(Section.project_id == project.id)
        keys = {row.number: row.key for row in await session.execute(mine)}
    assert found is not None
    best = sorted(nearest.values(), reverse=True)[:DENSE_CANDIDATES]
    assert sorted((nearest[keys[number]] for number in found.numbers), reverse=True) == pytest.approx(best, abs=1e-6)


async def test_progress_is_told(rt: Runtime, client: httpx.AsyncClient) -> None:
    tenant = await build_tenant(rt, "hotel")
    rows = [
        {"id": f"s{number}", "content": f"Room {number} has a view.", "phrasings": ["x"] * 2} for number in range(90)
    ]
    await add_sections(rt, tenant.project, rows)
    route = "/api/v1/sections/vectors"
    assert (await client.get(route, headers=tenant.headers)).json() == {
        "model": rt.embedder.name,
        "done": 0,
        "total": 90,
    }
    told: list[Progress] = []
    assert await embed_sections(rt, tenant.project.id, told.append) == 90
    assert [progress.total for progress in told] == [90] * len(told)
    done = [progress.done for progress in told]
    assert len(done) > 1
    assert done == sorted(done)
    assert done[-1] == 90
    assert (await client.get(route, headers=tenant.headers)).json()["done"] == 90
    assert await embed_sections(rt, tenant.project.id) == 0


async def test_the_job_of_an_import_makes_them(rt: Runtime, site: Site) -> None:
    await work(rt, once=True)
    assert await vector_progress(rt, site.own.project.id) == Progress(len(HOTEL), len(HOTEL))


async def test_new_sections_are_found_by_words_until_theirs_are_there(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await embed_sections(rt, project.id)
    await add_sections(rt, project, [{"id": "sauna", "question": "Is there a sauna?", "answer": "Yes, with steam."}])
    result = await search(rt, project, "sauna")
    assert result.sections[0].key == "sauna"
    assert (await search(rt, project, "somewhere to swim")).sections[0].key == "pool"
    assert await embed_sections(rt, project.id) == 1
    assert (await search(rt, project, "sweating in a hot chamber")).sections[0].key == "sauna"


async def test_a_changed_section_gets_new_vectors(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await embed_sections(rt, project.id)
    await add_sections(rt, project, [{"id": "pool", "question": "Is there wine?", "answer": "Yes, red and white."}])
    assert {key for key, _, _ in await vectors_of(rt, project)} == {row["id"] for row in HOTEL} - {"pool"}
    assert await embed_sections(rt, project.id) == 1
    found = await vectors_of(rt, project)
    assert float(found["pool", "heading", 0] @ await vectors_of_text(rt, "Is there wine?")) > 0.999
    assert ("pool", "phrasing", 0) not in found


async def test_a_section_changed_while_it_is_embedded(rt: Runtime, site: Site, minilm: LocalEmbedder) -> None:
    project = site.own.project
    new = {"id": "pool", "question": "Is there wine?", "answer": "Yes, red and white."}
    interrupted = Interrupted(minilm, lambda: add_sections(rt, project, [new]))
    assert await embed_sections(replace(rt, embedder=interrupted), project.id) == len(HOTEL)
    found = await vectors_of(rt, project)
    assert float(found["pool", "heading", 0] @ await vectors_of_text(rt, "Is there wine?")) > 0.999
    assert interrupted.asked["When is the pool open?"] == interrupted.asked["Is there wine?"] == 1
    assert interrupted.asked["Do you accept pets?"] == 1


async def test_a_section_removed_while_it_is_embedded(rt: Runtime, site: Site, minilm: LocalEmbedder) -> None:
    project = site.own.project
    gone = (await search(rt, project, "pool")).sections[0]
    interrupted = Interrupted(minilm, lambda: remove_section(rt, project, gone.id))
    assert await embed_sections(replace(rt, embedder=interrupted), project.id) == len(HOTEL) - 1
    assert {key for key, _, _ in await vectors_of(rt, project)} == {row["id"] for row in HOTEL} - {"pool"}


async def test_a_project_deleted_while_it_is_embedded(rt: Runtime, site: Site, minilm: LocalEmbedder) -> None:
    project = site.own.project
    interrupted = Interrupted(minilm, lambda: delete_project(rt, project))
    assert await embed_sections(replace(rt, embedder=interrupted), project.id) == 0
    assert await count_vectors(rt, project.id) == 0
    assert await embed_sections(rt, project.id) == 0


async def delete_project(rt: Runtime, project: Project) -> None:
    async with rt.db.begin() as session:
        await session.execute(delete(Project).where(Project.id == project.id))


async def test_two_workers_share_no_section(rt: Runtime, site: Site, minilm: LocalEmbedder) -> None:
    first, second = Interrupted(minilm), Interrupted(minilm)
    done = await asyncio.gather(
        *(embed_sections(replace(rt, embedder=one), site.own.project.id) for one in (first, second))
    )
    assert sum(done) == len(HOTEL)
    asked = first.asked + second.asked
    assert max(asked.values()) == 1


async def test_imports_and_vectors_at_once(rt: Runtime, tiny: LocalEmbedder) -> None:
    project = (await build_tenant(rt, "hotel")).project
    rt = replace(rt, embedder=tiny)

    def rows(edition: int) -> list[dict[str, Any]]:
        return [{"id": f"s{number}", "answer": f"room {number} edition {edition}"} for number in range(150)]

    await add_sections(rt, project, rows(0))
    for edition in range(1, 6):
        await asyncio.gather(
            embed_sections(rt, project.id), add_sections(rt, project, rows(edition)[:: -1 if edition % 2 else 1])
        )
    await embed_sections(rt, project.id)
    found = await vectors_of(rt, project)
    assert len(found) == 150
    vector = (await tiny.embed(["room 7 edition 5"]))[0]
    assert float(found["s7", "whole", 0] @ vector) > 0.99


async def test_without_a_model_there_are_none(rt: Runtime, site: Site) -> None:
    wordy = replace(rt, embedder=NoEmbedder("test"))
    assert await embed_sections(wordy, site.own.project.id) == 0
    assert await count_vectors(rt, site.own.project.id) == 0
    result = await search(wordy, site.own.project, "breakfast")
    assert (result.sections[0].key, result.by_vectors) == ("breakfast", False)


async def test_another_model_makes_all_anew(rt: Runtime, site: Site, tiny: LocalEmbedder) -> None:
    project = site.own.project
    await embed_sections(rt, project.id)
    other = replace(rt, embedder=tiny)
    before = await search(other, project, "breakfast")
    assert (before.sections[0].key, before.by_vectors) == ("breakfast", False)
    assert await vector_progress(other, project.id) == Progress(0, len(HOTEL))
    assert await embed_sections(other, project.id) == len(HOTEL)
    assert {vector.size for vector in (await vectors_of(rt, project)).values()} == {HIDDEN}
    assert (await search(other, project, "breakfast")).by_vectors
    assert not (await search(rt, project, "breakfast")).by_vectors
    assert await embed_sections(rt, project.id) == len(HOTEL)
    assert (await search(rt, project, "somewhere to swim")).sections[0].key == "pool"


async def test_a_tenant_is_near_to_its_own_sections_only(rt: Runtime, site: Site) -> None:
    await add_sections(
        rt, site.other.project, [{"id": "sea", "question": "Where can I swim?", "answer": "In the sea."}]
    )
    for tenant in (site.own, site.other):
        await embed_sections(rt, tenant.project.id)
    assert "sea" not in {found.key for found in (await search(rt, site.own.project, "somewhere to swim")).sections}
    assert [found.key for found in (await search(rt, site.other.project, "somewhere to swim")).sections] == ["sea"]


def many(count: int) -> list[dict[str, Any]]:
    """Sections that have this many vectors in all, of texts that differ."""
    rng = random.Random(0)
    texts = {" ".join(rng.choices(WORDS, k=12)) for _ in range(count)}
    sections = -(-count // 900)
    return [
        {"id": f"s{one}", "answer": f"room {one}", "phrasings": sorted(texts)[one::sections]} for one in range(sections)
    ]


async def indexes(rt: Runtime) -> dict[str, tuple[int, bool]]:
    """Object number and validity of each HNSW index."""
    query = """
        select c.relname, c.oid::bigint as oid, i.indisvalid
        from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
        where a.amname = 'hnsw'
    """
    async with rt.db.read() as session:
        return {row.relname: (row.oid, row.indisvalid) for row in await session.execute(sql(query))}


@pytest.fixture
async def large(rt: Runtime, tiny: LocalEmbedder) -> tuple[Runtime, Project]:
    """A project with an index of its own, by the tiny model."""
    rt = replace(rt, embedder=tiny)
    project = (await build_tenant(rt, "large")).project
    await add_sections(rt, project, many(LARGE + 10))
    await embed_sections(rt, project.id)
    return rt, project


async def test_a_large_project_gets_an_index_once(large: tuple[Runtime, Project]) -> None:
    rt, project = large
    made = await indexes(rt)
    assert [valid for _, valid in made.values()] == [True]
    assert project.id.hex in next(iter(made))
    await embed_sections(rt, project.id)
    await add_sections(rt, project, [{"id": "new", "answer": "early breakfast"}])
    await embed_sections(rt, project.id)
    assert await indexes(rt) == made
    vector = (await rt.embedder.embed(["early breakfast"]))[0]
    async with rt.db.begin() as session:
        await session.execute(sql("analyze section_vector"))
        found = await find_candidates(
            driver_of(session), Query.of(project.id, "nothing", vectors_name(rt.embedder), vector)
        )
    assert found is not None
    assert np.nanmax(found.rows.whole_cosine) == pytest.approx(1, abs=2e-3)


async def test_a_small_project_has_no_index(rt: Runtime, site: Site) -> None:
    await embed_sections(rt, site.own.project.id)
    assert await indexes(rt) == {}


async def test_the_rest_of_a_killed_build_is_replaced(large: tuple[Runtime, Project]) -> None:
    rt, project = large
    (before,) = (await indexes(rt)).items()
    async with rt.db.begin() as session:
        broken = sql("update pg_index set indisvalid = false where indexrelid = :number")
        await session.execute(broken, {"number": before[1][0]})
    await embed_sections(rt, project.id)
    (after,) = (await indexes(rt)).items()
    assert after[0] == before[0]
    assert after[1][0] != before[1][0]
    assert after[1][1]


async def test_two_workers_build_one_index(rt: Runtime, tiny: LocalEmbedder) -> None:
    rt = replace(rt, embedder=tiny)
    project = (await build_tenant(rt, "large")).project
    await add_sections(rt, project, many(LARGE + 10))
    await asyncio.gather(*(embed_sections(rt, project.id) for _ in range(3)))
    assert [valid for _, valid in (await indexes(rt)).values()] == [True]


async def test_the_index_of_a_deleted_project_is_dropped(large: tuple[Runtime, Project], site: Site) -> None:
    rt, project = large
    await delete_project(rt, project)
    await embed_sections(rt, site.own.project.id)
    assert await indexes(rt) == {}


async def test_another_model_takes_the_index_along(large: tuple[Runtime, Project], tmp_path: Path) -> None:
    rt, project = large
    before = await indexes(rt)
    write_model(tmp_path / "model", seed=2)
    other = load_embedder(tmp_path, tmp_path / "model", threads=1)
    assert other.name != rt.embedder.name
    await embed_sections(replace(rt, embedder=other), project.id)
    after = await indexes(rt)
    assert after.keys() == before.keys()
    assert after != before
    progress = await vector_progress(replace(rt, embedder=other), project.id)
    assert progress.done == progress.total


DYING = """
import asyncio, sys
from pathlib import Path
from ouvidor.accounts.projects import project_named
from ouvidor.engines.embeddings import load_embedder
from ouvidor.knowledge.vectors import embed_sections
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings

async def main(url, conninfo, folder, model):
    embedder = load_embedder(Path(folder), Path(model), 1)
    address = DatabaseAddress(url, conninfo)
    async with open_runtime(Settings(data_dir=Path(folder)), address, embedder=embedder) as rt:
        async with rt.db.read() as session:
            project = await project_named(session, "large")
        await embed_sections(rt, project.id, lambda progress: print(progress.done, flush=True))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_a_killed_worker_is_followed_by_another(rt: Runtime, database: DatabaseAddress, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    tiny = load_embedder(tmp_path, tmp_path / "model", threads=1)
    rt = replace(rt, embedder=tiny)
    project = (await build_tenant(rt, "large")).project
    rows = [{"id": f"s{number}", "answer": f"room {number} is late"} for number in range(4000)]
    await add_sections(rt, project, rows)
    words = [sys.executable, "-c", DYING, database.url, database.conninfo, str(tmp_path), str(tmp_path / "model")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert await asyncio.to_thread(worker.stdout.readline)
        worker.kill()
    landed = await vector_progress(rt, project.id)
    assert 0 < landed.done < len(rows)
    assert await count_vectors(rt, project.id) == landed.done
    assert await embed_sections(rt, project.id) == len(rows) - landed.done
    assert await count_vectors(rt, project.id) == len(rows)
