"""Search by words: BM25 as the plain formula gives it, for one tenant at a time, whatever a customer types."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from factories import HOTEL, Site, add_sections, build_tenant
from sqlalchemy import select

from ouvidor.accounts.models import Project
from ouvidor.db import driver_of
from ouvidor.knowledge.candidates import LEXICAL_CANDIDATES, CandidateSet, Query, find_candidates
from ouvidor.knowledge.ingest import SectionInput, section_input
from ouvidor.knowledge.models import Section
from ouvidor.knowledge.ranking import HEADING_WEIGHT, K1, PHRASING_WEIGHT, B
from ouvidor.knowledge.search import search
from ouvidor.knowledge.store import remove_section
from ouvidor.runtime import Runtime
from ouvidor.text import terms

pytestmark = pytest.mark.anyio

BEACH = (
    {"id": "agua", "question": "A água é quente?", "answer": "A água do mar fica a 24 graus em janeiro."},
    {"id": "salva-vidas", "question": "Há salva-vidas?", "answer": "Sim, das 8 às 18 horas, todos os dias."},
    {"id": "cancelar", "question": "Como cancelo a reserva?", "answer": "Pelo site, até dois dias antes da chegada."},
    {"id": "nota", "question": "Onde vejo a nota fiscal?", "answer": "O código NF-4821 vai por e-mail em PDF."},
)


async def found_keys(client: httpx.AsyncClient, site: Site, query: str, *, limit: int = 10) -> list[str]:
    body = {"query": query, "limit": limit}
    done = await client.post("/api/v1/sections/search", json=body, headers=site.own.headers)
    assert done.status_code == 200, done.text
    scores = [hit["score"] for hit in done.json()["data"]]
    assert all(0 <= score <= 1 for score in scores)
    assert 0 <= done.json()["confidence"] <= 1
    return [hit["key"] for hit in done.json()["data"]]


@pytest.fixture
async def beach(rt: Runtime, site: Site) -> Site:
    """English sections and Portuguese ones in one project."""
    await add_sections(rt, site.own.project, BEACH)
    return site


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("What time is breakfast?", "breakfast"),
        ("BREAKFASTS", "breakfast"),
        ("may I bring a dog", "pets"),
        ("charged twice", "double-charge"),
        ("água quente", "agua"),
        ("AGUA QUENTE", "agua"),
        ("temperatura da agua do mar", "agua"),
        ("quero cancelar minha reserva", "cancelar"),
        ("cancelamento de reservas", "cancelar"),
        ("salva vidas", "salva-vidas"),
        ("NF 4821", "nota"),
        ("nf4821", "nota"),
    ],
)
async def test_words_find_the_section(client: httpx.AsyncClient, beach: Site, query: str, key: str) -> None:
    assert (await found_keys(client, beach, query))[0] == key


async def test_a_typo_in_one_word_leaves_the_others(client: httpx.AsyncClient, beach: Site) -> None:
    assert (await found_keys(client, beach, "when is the brekfast served on sundays"))[0] == "breakfast"
    assert (await found_keys(client, beach, "como cancelo a rezerva"))[0] == "cancelar"


@pytest.mark.parametrize("query", ["the of and", "o que é de para", "?!", "   ", "xyzzy", "\U0001f600", "a\u0301"])
async def test_a_query_without_a_known_word_finds_nothing(client: httpx.AsyncClient, beach: Site, query: str) -> None:
    assert await found_keys(client, beach, query) == []


@pytest.mark.parametrize(
    "query",
    [
        "breakfast'; drop table section; --",
        'breakfast" or 1=1',
        "breakfast %s %(project)s :project $1",
        "breakfast \\ \\' % _ {} [] () <> | & ! * ~",
        "breakfast\n\t\r\x0b\x1f",
        "breakfast " + "x" * 3000,
        "breakfast " + "pool " * 790,
    ],
)
async def test_marks_mean_nothing(client: httpx.AsyncClient, beach: Site, query: str) -> None:
    assert "breakfast" in (await found_keys(client, beach, query))[:2]


async def test_the_longest_query(client: httpx.AsyncClient, beach: Site) -> None:
    rng = random.Random(0)
    query = "breakfast hours " + " ".join("".join(rng.choices("abcdefgh", k=5)) for _ in range(700))
    assert (await found_keys(client, beach, query[:4000]))[0] == "breakfast"
    body = {"query": "x" * 4001}
    assert (await client.post("/api/v1/sections/search", json=body, headers=beach.own.headers)).status_code == 422


@pytest.mark.parametrize("query", ["", "break\0fast", "break\ud800fast"])
async def test_what_cannot_be_stored_is_refused(client: httpx.AsyncClient, beach: Site, query: str) -> None:
    content = b'{"query": "' + query.encode("unicode-escape").replace(b"\\x", b"\\u00") + b'"}'
    headers = beach.own.headers | {"content-type": "application/json"}
    assert (await client.post("/api/v1/sections/search", content=content, headers=headers)).status_code == 422


async def test_the_deed_itself_bears_any_text(rt: Runtime, beach: Site) -> None:
    for question in ("", "break\0fast", "break\ud800fast", "\x00", "\ufeff"):
        assert (await search(rt, beach.own.project, question)).sections == ()
    assert (await search(rt, beach.own.project, "breakfast\0")).sections[0].key == "breakfast"


async def test_limit(client: httpx.AsyncClient, beach: Site) -> None:
    query = "is there a pool, parking, breakfast, and do you accept pets"
    assert len(await found_keys(client, beach, query, limit=2)) == 2
    assert len(await found_keys(client, beach, query, limit=50)) > 2


async def test_a_tenant_finds_its_own_sections_only(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    await add_sections(rt, site.other.project, [{**row, "answer": f"{row['answer']} Secret."} for row in HOTEL])
    assert await found_keys(client, site, "secret") == []
    body = {"query": "breakfast"}
    others = (await client.post("/api/v1/sections/search", json=body, headers=site.other.headers)).json()["data"]
    assert "Secret" in others[0]["content"]
    mine = (await client.post("/api/v1/sections/search", json=body, headers=site.own.headers)).json()["data"]
    assert {hit["id"] for hit in mine}.isdisjoint(hit["id"] for hit in others)
    assert not any("Secret" in hit["content"] for hit in mine)


async def test_an_empty_project_finds_nothing(rt: Runtime) -> None:
    project = (await build_tenant(rt, "new")).project
    result = await search(rt, project, "breakfast")
    assert (result.sections, result.confidence, result.by_vectors) == ((), 0.0, False)


async def test_a_removed_section_is_not_found(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    found = (await search(rt, site.own.project, "pool")).sections[0]
    await remove_section(rt, site.own.project, found.id)
    assert found.key not in await found_keys(client, site, "pool hours")


async def test_a_changed_section_is_found_by_its_new_words_only(
    rt: Runtime, client: httpx.AsyncClient, site: Site
) -> None:
    await add_sections(rt, site.own.project, [{"id": "pool", "question": "Where is the sauna?", "answer": "Upstairs."}])
    assert (await found_keys(client, site, "sauna upstairs"))[0] == "pool"
    assert await found_keys(client, site, "pool") == []


WORDS = [f"{first}{rest}" for first in "bcdfgklmnprstv" for rest in ("amo", "elo", "irr", "onda", "usk")]


def corpus(count: int, seed: int) -> list[dict[str, Any]]:
    """Sections of words of very unequal frequency."""
    rng = random.Random(seed)
    weights = [1 / rank for rank in range(1, len(WORDS) + 1)]

    def some(most: int) -> str:
        return " ".join(rng.choices(WORDS, weights, k=rng.randint(1, most)))

    return [
        {
            "id": f"s{number}",
            "language": rng.choice(["pt", "en"]),
            rng.choice(["question", "title"]): some(5),
            "answer": some(60),
            "phrasings": [some(4) for _ in range(rng.choice([0, 0, 1, 5]))],
        }
        for number in range(count)
    ]


class PlainBm25:
    """BM25 over weighted fields, written down plainly: counts and lengths are added with the fields' weights."""

    def __init__(self, sections: Sequence[SectionInput]) -> None:
        self.fields = {section.key: (section.language, self._counts(section)) for section in sections}

    @staticmethod
    def _counts(section: SectionInput) -> Counter[str]:
        counts: Counter[str] = Counter()
        for text, weight in (
            (section.heading or "", HEADING_WEIGHT),
            (section.content, 1),
            *((phrasing, PHRASING_WEIGHT) for phrasing in section.phrasings),
        ):
            for term in terms(text, section.language):
                counts[term] += weight
        return counts

    def frequency(self, term: str, language: str) -> int:
        return sum(term in counts for own, counts in self.fields.values() if own == language)

    def score(self, query: str, key: str) -> float:
        language, counts = self.fields[key]
        own = [one for tongue, one in self.fields.values() if tongue == language]
        relative = counts.total() / (sum(one.total() for one in own) / len(own))
        total = 0.0
        for term in set(terms(query, language)):
            n = self.frequency(term, language)
            idf = math.log(1 + (len(own) - n + 0.5) / (n + 0.5))
            total += idf * counts[term] * (K1 + 1) / (counts[term] + K1 * (1 - B + B * relative))
        return total


async def candidates_of(rt: Runtime, project: Project, question: str) -> tuple[CandidateSet, list[str]]:
    async with rt.db.read() as session:
        found = await find_candidates(driver_of(session), Query.of(project.id, question, "none", None))
        assert found is not None
        mine = select(Section.number, Section.key).where(Section.project_id == project.id)
        keys = {row.number: row.key for row in await session.execute(mine)}
    return found, [keys[number] for number in found.numbers]


async def test_candidates_are_the_best_of_bm25(rt: Runtime) -> None:
    project = (await build_tenant(rt, "shop")).project
    await add_sections(rt, (await build_tenant(rt, "noise")).project, corpus(80, seed=7))
    await add_sections(rt, project, corpus(300, seed=1))
    rows = corpus(300, seed=1)[:250] + corpus(300, seed=2)[250:]
    await add_sections(rt, project, rows)
    sections = [section_input(row) for row in rows]
    plain = PlainBm25(sections)
    rng = random.Random(3)
    for _ in range(12):
        question = " ".join(rng.sample(WORDS, 3))
        scores = {section.key: plain.score(question, section.key) for section in sections}
        best = sorted((score for score in scores.values() if score > 0), reverse=True)[:LEXICAL_CANDIDATES]
        found, keys = await candidates_of(rt, project, question)
        assert sorted((scores[key] for key in keys), reverse=True) == pytest.approx(best, rel=1e-9)
        assert_evidence_is_of(found, keys, sections, plain)


def assert_evidence_is_of(
    found: CandidateSet, keys: list[str], sections: Sequence[SectionInput], plain: PlainBm25
) -> None:
    by_key = {section.key: section for section in sections}
    asked = list(zip(found.query.terms, found.query.languages, strict=True))
    assert found.query.document_frequency.tolist() == [plain.frequency(term, tongue) for term, tongue in asked]
    for row, key in enumerate(keys):
        section = by_key[key]
        parts = (section.heading or "", section.content, " ".join(section.phrasings))
        for part, counts, length in zip(
            parts,
            (found.rows.heading_counts, found.rows.content_counts, found.rows.phrasings_counts),
            (found.rows.heading_length, found.rows.content_length, found.rows.phrasings_length),
            strict=True,
        ):
            held = Counter(terms(part, section.language))
            wanted = [held[term] if tongue == section.language else 0 for term, tongue in asked]
            assert counts[row].tolist() == wanted
            assert length[row] == held.total()
        assert found.rows.languages[row] == section.language
        assert bool(found.rows.has_question[row]) == (section.question is not None)
