"""Hybrid search of one project's knowledge: candidates from PostgreSQL, ranked, with the confidence of answering."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.knowledge.candidates import Query, find_candidates
from ouvidor.knowledge.models import Section
from ouvidor.knowledge.ranking import features, score
from ouvidor.knowledge.state import read_state
from ouvidor.runtime import Runtime
from ouvidor.text import Language

DEFAULT_GATE = 0.5


@dataclass(frozen=True)
class FoundSection:
    """A section that a search found. `score` is the probability that it answers the question, 0 to 1."""

    id: UUID
    key: str
    heading: str | None
    content: str
    phrasings: tuple[str, ...]
    tags: tuple[str, ...]
    tier: Literal["N1", "N2"]
    language: Language
    score: float


@dataclass(frozen=True)
class SearchResult:
    """The best sections, best first. `confidence` (0 to 1) is that of answering from them; above `gate` one may."""

    sections: tuple[FoundSection, ...]
    confidence: float
    gate: float
    by_vectors: bool


async def search(rt: Runtime, project: Project, question: str, *, limit: int = 10) -> SearchResult:
    """The project's sections that answer the question best; by words alone where no vectors are ready."""
    vectors = await rt.embedder.embed([question]) if rt.embedder.dimension else None
    async with rt.db.read() as session:
        state = await read_state(session, project.id)
        usable = vectors is not None and state.vectors_by == rt.embedder.name
        query = Query.of(project.id, question, state.languages, vectors[0] if vectors is not None and usable else None)
        found = await find_candidates(session, query, state.statistics)
        if found is None:
            return SearchResult((), 0.0, DEFAULT_GATE, usable)
        rows = features(found.query, found.rows, state.statistics)
        scores = score(rows)
        order = np.argsort(-scores, kind="stable")[:limit]
        sections = await _sections(session, project.id, [found.numbers[index] for index in order])
    relevance = 1 / (1 + np.exp(-(2.0 * scores[order] - 4.0)))
    shown = tuple(_found(section, float(part)) for section, part in zip(sections, relevance, strict=True))
    return SearchResult(shown, float(relevance[0]), DEFAULT_GATE, usable)


async def _sections(session: AsyncSession, project_id: UUID, numbers: Sequence[int]) -> list[Section]:
    query = select(Section).where(Section.project_id == project_id, Section.number.in_(numbers))
    by_number = {section.number: section for section in (await session.execute(query)).scalars()}
    return [by_number[number] for number in numbers]


def _found(section: Section, relevance: float) -> FoundSection:
    return FoundSection(
        id=section.id,
        key=section.key,
        heading=section.question or section.title,
        content=section.content,
        phrasings=tuple(section.phrasings),
        tags=tuple(section.tags),
        tier="N2" if section.tier == "N2" else "N1",
        language="en" if section.language == "en" else "pt",
        score=relevance,
    )
