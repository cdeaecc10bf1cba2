"""The SQL of search: candidates by words and by vectors in one round trip, what ranking needs of them in a second."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from ouvidor.knowledge.postings import LANGUAGES, Hits, mean_lengths, search_terms
from ouvidor.knowledge.ranking import Candidates, QueryTerms, inverse_document_frequency
from ouvidor.knowledge.state import Known, known_of
from ouvidor.text import Language

LEXICAL_CANDIDATES = 30  # of each kind: 20 to 200 rank alike up to 100,000 sections
DENSE_CANDIDATES = 30
NEAREST_VECTORS = 100

Vector = NDArray[np.float32]

STATE_AND_HITS = """
select 'state' as row, revision as a, profiled_revision as b, null::bytea as postings, vectors_by as model, statistics
from knowledge_state where project_id = %(project)s
union all
select 'posting', position - 1, block, postings, null, null
from unnest(%(terms)s::text[], %(languages)s::text[]) with ordinality as asked(term, language, position)
join posting p on p.project_id = %(project)s and p.language = asked.language and p.term = asked.term
"""

# The sections of the nearest vectors, if the project's vectors are of this model. `{dimension}` is the model's own.
NEAREST = """
union all
(select 'near', section_number, 0, null, null, null
 from (select section_number, embedding::halfvec({dimension}) <#> %(vector)b::halfvec({dimension}) as distance
       from section_vector
       where project_id = %(project)s
             and (select vectors_by = %(model)s from knowledge_state where project_id = %(project)s)
       order by distance limit %(nearest)s) as nearest
 group by section_number order by min(distance) limit %(dense)s)
"""

CHOSEN = """
select number, language, question is not null as asks, heading_length, content_length, phrasings_length,
       null::float as heading, null::float as whole, null::float as phrasing, null::float as window_
from section where project_id = %(project)s and number = any(%(numbers)s) order by number
"""

CHOSEN_WITH_COSINES = """
select number, language, question is not null as asks, heading_length, content_length, phrasings_length,
       heading, whole, phrasing, window_
from section left join (
    select section_number,
           max(cosine) filter (where kind = 'heading') as heading,
           max(cosine) filter (where kind = 'whole') as whole,
           max(cosine) filter (where kind = 'phrasing') as phrasing,
           max(cosine) filter (where kind = 'window') as window_
    from (select section_number, kind, -(embedding <#> %(vector)b::halfvec) as cosine
          from section_vector where project_id = %(project)s and section_number = any(%(numbers)s)) as vectors
    group by section_number
) as nearest on section_number = number
where project_id = %(project)s and number = any(%(numbers)s) order by number
"""

# Of many phrasings the first few.
SHOWN = """
select number, id, key, coalesce(question, title) as heading, content, tier, language, tags,
       trim_array(phrasings, greatest(cardinality(phrasings) - %(phrasings)s, 0)) as phrasings
from section where project_id = %(project)s and number = any(%(numbers)s)
"""


@dataclass(frozen=True)
class CandidateSet:
    """The candidates of a query: the numbers of the sections, in the order of `rows`, and the state they are of."""

    known: Known
    numbers: tuple[int, ...]
    query: QueryTerms
    rows: Candidates


@dataclass(frozen=True)
class Query:
    """What is looked for: the query's terms under each language, and its vector with the model that made it."""

    project_id: UUID
    terms: tuple[str, ...]
    languages: tuple[Language, ...]
    model: str
    vector: Vector | None

    @classmethod
    def of(cls, project_id: UUID, question: str, model: str, vector: Vector | None) -> "Query":
        """The distinct terms of the question under each of the languages."""
        pairs: list[tuple[str, Language]] = [
            (term, language) for language in LANGUAGES for term in dict.fromkeys(search_terms(question, language))
        ]
        return cls(project_id, tuple(term for term, _ in pairs), tuple(part for _, part in pairs), model, vector)


@dataclass(frozen=True)
class _Found:
    """What the first round trip brings: the postings of the query's terms, the sections with the nearest vectors."""

    known: Known
    hits: Hits
    near: tuple[int, ...]


async def find_candidates(connection: AsyncConnection, query: Query) -> CandidateSet | None:
    """The union of the best by words and by vectors; None where nothing is found."""
    bound: dict[str, Any] = {
        "project": query.project_id,
        "terms": list(query.terms),
        "languages": list(query.languages),
    }
    find, look = STATE_AND_HITS, CHOSEN
    if query.vector is not None:
        find, look = STATE_AND_HITS + NEAREST.format(dimension=query.vector.size), CHOSEN_WITH_COSINES
        bound |= {"vector": HalfVector(query.vector), "model": query.model}
        bound |= {"nearest": NEAREST_VECTORS, "dense": DENSE_CANDIDATES}
    async with connection.cursor(binary=True) as cursor:
        cursor.adapters.register_dumper(HalfVector, HalfVectorBinaryDumper)
        found = _found(await (await cursor.execute(find.encode(), bound)).fetchall())
        if found is None:
            return None
        asked = _asked(query, found)
        if found.known.vectors_by != query.model:
            look = CHOSEN
        chosen = bound | {"numbers": sorted({*_best_by_words(found, asked), *found.near})}
        rows = await (await cursor.execute(look, chosen)).fetchall()
    return _assemble(asked, found, rows) if rows else None


async def read_shown(
    connection: AsyncConnection, project_id: UUID, numbers: Sequence[int], phrasings: int
) -> dict[int, dict[str, Any]]:
    """What is shown of these sections, by their numbers; of each at most so many phrasings."""
    bound = {"project": project_id, "numbers": numbers, "phrasings": phrasings}
    async with connection.cursor(binary=True, row_factory=dict_row) as cursor:
        return {row.pop("number"): row for row in await (await cursor.execute(SHOWN, bound)).fetchall()}


def _found(rows: Sequence[tuple[str, int, Any, bytes | None, str | None, Any]]) -> _Found | None:
    """Rows of STATE_AND_HITS and NEAREST; None where the project has no knowledge."""
    state = next((row for row in rows if row[0] == "state"), None)
    if state is None:
        return None
    _, revision, profiled_revision, _, vectors_by, statistics = state
    hits = Hits.of([(term, block, packed) for _, term, block, packed, _, _ in rows if packed is not None])
    near = tuple(number for row, number, *_ in rows if row == "near")
    return _Found(known_of(revision, statistics, vectors_by, profiled_revision), hits, near)


def _asked(query: Query, found: _Found) -> QueryTerms:
    frequency = np.bincount(found.hits.term, minlength=len(query.terms))
    return QueryTerms(query.terms, query.languages, frequency)


def _best_by_words(found: _Found, asked: QueryTerms) -> list[int]:
    """The numbers of the sections with the best BM25, in no order."""
    hits, statistics = found.hits, found.known.statistics
    if not hits.number.size:
        return []
    sections = np.array([statistics[language].sections for language in asked.languages], dtype=np.int64)
    idf = inverse_document_frequency(asked.document_frequency, sections)
    weights = hits.weights(mean_lengths(asked.languages, statistics)) * idf[hits.term]
    first = int(hits.number.min())
    sums = np.bincount(hits.number - first, weights)
    last = max(sums.size - LEXICAL_CANDIDATES, 0)
    best = np.argpartition(sums, last)[last:] if last else np.arange(sums.size)
    return [first + int(index) for index in best if sums[index] > 0]


def _assemble(asked: QueryTerms, found: _Found, rows: Sequence[tuple[Any, ...]]) -> CandidateSet:
    """Rows of CHOSEN with the counts of the query's terms; only terms of languages that have sections remain."""
    numbers, languages, asks, *figures = zip(*rows, strict=True)
    present = [index for index, language in enumerate(asked.languages) if language in found.known.languages]
    counts = _counts(found.hits, np.array(numbers), len(asked.terms))[:, :, present]
    lengths = np.array(figures[:3], dtype=np.float64)
    cosines = np.array(figures[3:], dtype=np.float64)
    candidates = Candidates(
        languages=languages,
        has_question=np.array(asks),
        heading_counts=counts[0],
        content_counts=counts[1],
        phrasings_counts=counts[2],
        heading_length=lengths[0],
        content_length=lengths[1],
        phrasings_length=lengths[2],
        heading_cosine=cosines[0],
        whole_cosine=cosines[1],
        phrasing_cosine=cosines[2],
        window_cosine=cosines[3],
    )
    kept = QueryTerms(
        terms=tuple(asked.terms[index] for index in present),
        languages=tuple(asked.languages[index] for index in present),
        document_frequency=asked.document_frequency[present],
    )
    return CandidateSet(found.known, numbers, kept, candidates)


def _counts(hits: Hits, numbers: NDArray[np.int64], terms: int) -> NDArray[np.float64]:
    """How often each term stands in heading, content and phrasings of these n sections: (3, n, terms)."""
    counts = np.zeros((3, numbers.size, terms))
    row_of = np.full(max(numbers.max(), hits.number.max(initial=0)) + 1, -1)
    row_of[numbers] = np.arange(numbers.size)
    row = row_of[hits.number]
    chosen = row >= 0
    row, term, postings = row[chosen], hits.term[chosen], hits.postings[chosen]
    for field, name in enumerate(("heading", "content", "phrasings")):
        counts[field, row, term] = postings[name]
    return counts
