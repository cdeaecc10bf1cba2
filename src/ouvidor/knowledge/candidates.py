"""The SQL of search: candidates by words and by vectors in one round trip, then what is stored of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.knowledge.ranking import Candidates, QueryTerms, Statistics
from ouvidor.text import Language, terms

LEXICAL_CANDIDATES = 50
DENSE_CANDIDATES = 50
NEAREST_VECTORS = 200

# Every section that holds a query term, by BM25 with the idf of this moment; beside it how many hold each term.
LEXICAL = """
with asked as (
    select * from unnest(cast(:terms as text[]), cast(:languages as text[]), cast(:totals as bigint[]))
        as asked(term, language, total)
), hits as materialized (
    select p.section_number, p.language, p.term, p.weight, asked.total
    from asked join posting p on p.project_id = :project and p.language = asked.language and p.term = asked.term
), frequency as (
    select language, term, count(*) as sections, ln(1 + (max(total) - count(*) + 0.5) / (count(*) + 0.5)) as idf
    from hits group by language, term
), scored as (
    select h.section_number, sum(h.weight * f.idf) as score
    from hits h join frequency f using (language, term)
    group by h.section_number order by score desc, section_number limit :lexical
)
"""

# The nearest vectors of this model, and the sections they belong to. `{dimension}` is the model's, never input.
DENSE = """
, nearest as (
    select section_number from section_vector
    where project_id = :project
    order by (embedding::halfvec({dimension})) <#> cast(:vector as halfvec({dimension})) limit :vectors
), dense as (
    select section_number from nearest group by section_number limit :dense
)
"""

FOUND_LEXICAL = """
select 'section' as kind, section_number, null as language, null as term, 0 as sections from scored
union all select 'term', 0, language, term, sections from frequency
"""

FOUND_DENSE = " union all select 'section', section_number, null, null, 0 from dense"

STORED = """
select number, language, question is not null as has_question, heading_length, content_length, phrasings_length
from section where project_id = :project and number = any(:numbers) order by number
"""

COUNTS = """
select section_number, language, term, in_heading, in_content, in_phrasings
from posting
where project_id = :project and language = any(:languages) and term = any(:terms) and section_number = any(:numbers)
"""

COSINES = """
select section_number, kind,
       max(-((embedding::halfvec({dimension})) <#> cast(:vector as halfvec({dimension})))) as cosine
from section_vector where project_id = :project and section_number = any(:numbers)
group by section_number, kind
"""

KINDS = ("heading", "whole", "phrasing", "window")
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class CandidateSet:
    """The candidates of a query: the numbers of the sections, in the order of the rows of `rows`."""

    numbers: tuple[int, ...]
    query: QueryTerms
    rows: Candidates


@dataclass(frozen=True)
class Query:
    """What is looked for: the query's terms under each language of the project, and its vector where a model is."""

    project_id: UUID
    terms: tuple[str, ...]
    languages: tuple[Language, ...]
    vector: Vector | None

    @classmethod
    def of(cls, project_id: UUID, question: str, languages: Sequence[Language], vector: Vector | None) -> "Query":
        """The distinct terms of the question under each of the languages."""
        pairs = [(term, language) for language in languages for term in dict.fromkeys(terms(question, language))]
        return cls(project_id, tuple(t for t, _ in pairs), tuple(part for _, part in pairs), vector)


async def find_candidates(
    session: AsyncSession, query: Query, statistics: Mapping[Language, Statistics]
) -> CandidateSet | None:
    """The union of the best by words and by vectors with all that ranking needs; None where nothing is found."""
    totals = [statistics[language].sections for language in query.languages]
    bound: dict[str, Any] = {
        "project": query.project_id,
        "terms": list(query.terms),
        "languages": list(query.languages),
        "totals": totals,
        "lexical": LEXICAL_CANDIDATES,
    }
    statement = LEXICAL + FOUND_LEXICAL
    if query.vector is not None:
        statement = LEXICAL + DENSE.format(dimension=query.vector.size) + FOUND_LEXICAL + FOUND_DENSE
        bound |= {"vector": _halfvec(query.vector), "vectors": NEAREST_VECTORS, "dense": DENSE_CANDIDATES}
    numbers: set[int] = set()
    frequency: dict[tuple[str, str], int] = {}
    for row in await session.execute(sql(statement), bound):
        if row.kind == "section":
            numbers.add(row.section_number)
        else:
            frequency[row.term, row.language] = row.sections
    if not numbers:
        return None
    asked = QueryTerms(
        terms=query.terms,
        languages=query.languages,
        document_frequency=np.array([frequency.get(pair, 0) for pair in _pairs(query)], dtype=np.int64),
    )
    return await _stored(session, query, asked, sorted(numbers))


async def _stored(session: AsyncSession, query: Query, asked: QueryTerms, numbers: list[int]) -> CandidateSet | None:
    bound: dict[str, Any] = {"project": query.project_id, "numbers": numbers}
    sections = (await session.execute(sql(STORED), bound)).all()
    if not sections:
        return None
    row_of = {section.number: index for index, section in enumerate(sections)}
    column_of = {pair: index for index, pair in enumerate(_pairs(query))}
    counts = np.zeros((3, len(sections), len(query.terms)))
    wanted = {**bound, "terms": list(query.terms), "languages": sorted(set(query.languages))}
    for hit in await session.execute(sql(COUNTS), wanted):
        column = column_of.get((hit.term, hit.language))
        if column is not None and hit.section_number in row_of:
            counts[:, row_of[hit.section_number], column] = hit.in_heading, hit.in_content, hit.in_phrasings
    cosines = np.full((len(KINDS), len(sections)), np.nan)
    if query.vector is not None:
        statement = COSINES.format(dimension=query.vector.size)
        for near in await session.execute(sql(statement), {**bound, "vector": _halfvec(query.vector)}):
            if near.section_number in row_of:
                cosines[KINDS.index(near.kind), row_of[near.section_number]] = near.cosine
    rows = Candidates(
        languages=tuple(section.language for section in sections),
        has_question=np.array([section.has_question for section in sections]),
        heading_counts=counts[0],
        content_counts=counts[1],
        phrasings_counts=counts[2],
        heading_length=np.array([section.heading_length for section in sections], dtype=np.float64),
        content_length=np.array([section.content_length for section in sections], dtype=np.float64),
        phrasings_length=np.array([section.phrasings_length for section in sections], dtype=np.float64),
        heading_cosine=cosines[0],
        whole_cosine=cosines[1],
        phrasing_cosine=cosines[2],
        window_cosine=cosines[3],
    )
    return CandidateSet(numbers=tuple(section.number for section in sections), query=asked, rows=rows)


def _pairs(query: Query) -> list[tuple[str, str]]:
    return list(zip(query.terms, query.languages, strict=True))


def _halfvec(vector: Vector) -> str:
    return HalfVector(vector).to_text()
