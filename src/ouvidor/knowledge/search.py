"""Hybrid search of one project's knowledge: candidates from PostgreSQL, ranked, with the confidence of answering."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection

from ouvidor.accounts.models import Project
from ouvidor.knowledge.candidates import CandidateSet, Query, Vector, find_candidates, read_shown
from ouvidor.knowledge.confidence import Classified, gather, load_model, relevance
from ouvidor.knowledge.embedding import vector_of_query, vectors_name
from ouvidor.knowledge.intents import Intents
from ouvidor.knowledge.profile import classifier_of
from ouvidor.knowledge.ranking import rank
from ouvidor.runtime import Runtime
from ouvidor.text import Language

MODEL = load_model()
PHRASINGS_SHOWN = 5


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
    with rt.tracing.span("search") as span:
        found = await _search(rt, project, question, limit)
        span.tell({"ouvidor.sections": len(found.sections), "ouvidor.by_vectors": found.by_vectors})
        return found


async def _search(rt: Runtime, project: Project, question: str, limit: int) -> SearchResult:
    vector = await vector_of_query(rt, project, question)
    query = Query.of(project.id, question, vectors_name(rt.embedder), vector)
    async with rt.db.statements() as connection:
        found = await find_candidates(connection, query)
        if found is None:
            return SearchResult((), 0.0, MODEL.threshold, by_vectors=False)
        of_model = found.known.vectors_by == query.model
        intents = await classifier_of(rt, connection, project.id, found.known) if of_model else None
        judged = judge(found, question, query.vector, intents)
        order = judged.order[:limit]
        numbers = [found.numbers[int(row)] for row in order]
        shown = await _sections(connection, project.id, numbers, judged.relevance[order].tolist())
    return SearchResult(shown, judged.confidence, MODEL.threshold, by_vectors=query.vector is not None and of_model)


@dataclass(frozen=True)
class Judged:
    """The rows of the candidates, best first; the relevance of each row (n,), 0 to 1; the confidence in the best.

    No section is more relevant than one that ranks before it.
    """

    order: NDArray[np.int64]
    relevance: NDArray[np.float64]
    confidence: float


def judge(found: CandidateSet, question: str, vector: Vector | None, intents: Intents | None) -> Judged:
    """Rank the candidates and tell how probable it is that they answer.

    Where the project has a classifier, its log-probability joins the ranking by its strength.
    """
    statistics = found.known.statistics
    scores = rank(found.query, found.rows, statistics)
    evidence = gather(found.query, found.rows, statistics)
    classified = None
    if intents is not None and vector is not None:
        guess = intents.guess(question, vector)
        classified = Classified.of(intents, guess, np.array(found.numbers))
        scores = (1 - intents.strength) * scores + intents.strength * classified.log_probability()
    order = np.argsort(-scores, kind="stable")
    relevant = relevance(evidence, MODEL, classified)
    relevant[order] = np.minimum.accumulate(relevant[order])
    return Judged(order, relevant, float(relevant[order[0]]))


async def _sections(
    connection: AsyncConnection, project_id: UUID, numbers: Sequence[int], relevance: Sequence[float]
) -> tuple[FoundSection, ...]:
    """What is shown of the sections, in the order of the numbers."""
    stored = await read_shown(connection, project_id, numbers, PHRASINGS_SHOWN)
    return tuple(_found_section(stored[number], score) for number, score in zip(numbers, relevance, strict=True))


def _found_section(row: dict[str, Any], score: float) -> FoundSection:
    shown: dict[str, Any] = {**row, "phrasings": tuple(row["phrasings"]), "tags": tuple(row["tags"]), "score": score}
    return FoundSection(**shown)
