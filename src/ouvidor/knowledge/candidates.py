"""The SQL of search: one round trip that finds candidates by words and by vectors, with all that ranking needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.knowledge.postings import LANGUAGES
from ouvidor.knowledge.ranking import Candidates, QueryTerms
from ouvidor.knowledge.state import Known, known_of
from ouvidor.text import Language, terms

LEXICAL_CANDIDATES = 50
DENSE_CANDIDATES = 50
NEAREST_VECTORS = 200
KINDS = ("heading", "whole", "phrasing", "window")

Vector = NDArray[np.float32]

# Every section that holds a query term, by BM25 with the idf of this moment.
LEXICAL = """
with state as (
    select * from knowledge_state where project_id = %(project)s
), asked as (
    select term, language, position, (state.statistics -> language ->> 'sections')::float as total
    from unnest(%(terms)s::text[], %(languages)s::text[]) with ordinality as asked(term, language, position), state
), hits as materialized (
    select asked.position, asked.total, p.section_number, p.weight, p.in_heading, p.in_content, p.in_phrasings
    from asked join posting p on p.project_id = %(project)s and p.language = asked.language and p.term = asked.term
), frequency as materialized (
    select position, count(*) as sections, ln(1 + (max(total) - count(*) + 0.5) / (count(*) + 0.5)) as idf
    from hits group by position
), lexical as (
    select section_number from hits join frequency using (position)
    group by section_number order by sum(weight * idf) desc, section_number limit %(lexical)s
)
"""

# The sections of the nearest vectors, if the project's vectors are of this model. `{dimension}` is the model's own.
DENSE = """
, nearest as (
    select section_number from section_vector
    where project_id = %(project)s and (select vectors_by = %(model)s from state)
    order by (embedding::halfvec({dimension})) <#> %(vector)s::halfvec({dimension}) limit %(nearest)s
), dense as (
    select section_number from nearest group by section_number limit %(dense)s
), chosen as materialized (
    select section_number from lexical union select section_number from dense
), cosines as (
    select section_number, kind,
           max(-((embedding::halfvec({dimension})) <#> %(vector)s::halfvec({dimension}))) as cosine
    from section_vector join chosen using (section_number) where project_id = %(project)s
    group by section_number, kind
)
"""

WITHOUT_VECTORS = """
, chosen as materialized (select section_number from lexical),
cosines as (select 0::bigint as section_number, ''::text as kind, 0::float as cosine where false)
"""

ROWS = """
select 'state' as row, revision as number, 0 as a, 0 as b, 0 as c, vectors_by as name,
       coalesce(profiled_revision, -1)::float as x, statistics as j
from state
union all
select 'term', position, sections, 0, 0, null, 0, null from frequency
union all
select 'section', number, heading_length, content_length, phrasings_length, language,
       (question is not null)::int, null
from section join chosen on number = section_number where project_id = %(project)s
union all
select 'count', section_number, in_heading, in_content, in_phrasings, null, position, null
from hits join chosen using (section_number)
union all
select 'cosine', section_number, 0, 0, 0, kind, cosine, null from cosines
"""


class _Row(NamedTuple):
    """A row of ROWS; what the fields hold depends on `row`."""

    row: str
    number: int
    a: int
    b: int
    c: int
    name: str | None
    x: float
    j: dict[str, Any] | None


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
        pairs = [(term, language) for language in LANGUAGES for term in dict.fromkeys(terms(question, language))]
        languages = tuple(language for _, language in pairs)
        return cls(project_id, tuple(term for term, _ in pairs), languages, model, vector)


async def find_candidates(session: AsyncSession, query: Query) -> CandidateSet | None:
    """The union of the best by words and by vectors; None where nothing is found."""
    bound: dict[str, Any] = {
        "project": query.project_id,
        "terms": list(query.terms),
        "languages": list(query.languages),
        "lexical": LEXICAL_CANDIDATES,
    }
    statement = LEXICAL + WITHOUT_VECTORS + ROWS
    if query.vector is not None:
        statement = LEXICAL + DENSE.format(dimension=query.vector.size) + ROWS
        bound |= {"model": query.model, "vector": HalfVector(query.vector).to_text()}
        bound |= {"nearest": NEAREST_VECTORS, "dense": DENSE_CANDIDATES}
    raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    async with raw.cursor(binary=True) as cursor:
        await cursor.execute(statement, bound)
        rows = [_Row(*row) for row in await cursor.fetchall()]
    return _assemble(query, rows)


def _assemble(query: Query, rows: Sequence[_Row]) -> CandidateSet | None:
    sections = [row for row in rows if row.row == "section"]
    state = next((row for row in rows if row.row == "state"), None)
    if not sections or state is None:
        return None
    known = known_of(state.number, state.j or {}, state.name, None if state.x < 0 else int(state.x))
    row_of = {section.number: index for index, section in enumerate(sections)}
    frequency = np.zeros(len(query.terms), dtype=np.int64)
    counts = np.zeros((3, len(sections), len(query.terms)))
    cosines = np.full((len(KINDS), len(sections)), np.nan)
    for row in rows:
        if row.row == "term":
            frequency[row.number - 1] = row.a
        elif row.row == "count":
            counts[:, row_of[row.number], int(row.x) - 1] = row.a, row.b, row.c
        elif row.row == "cosine":
            cosines[KINDS.index(str(row.name)), row_of[row.number]] = row.x
    present = [index for index, language in enumerate(query.languages) if language in known.languages]
    asked = QueryTerms(
        terms=tuple(query.terms[index] for index in present),
        languages=tuple(query.languages[index] for index in present),
        document_frequency=frequency[present],
    )
    return CandidateSet(known, tuple(row_of), asked, _candidates(sections, counts[:, :, present], cosines))


def _candidates(sections: Sequence[_Row], counts: NDArray[np.float64], cosines: NDArray[np.float64]) -> Candidates:
    lengths = np.array([(section.a, section.b, section.c) for section in sections], dtype=np.float64)
    return Candidates(
        languages=tuple("en" if section.name == "en" else "pt" for section in sections),
        has_question=np.array([section.x > 0 for section in sections]),
        heading_counts=counts[0],
        content_counts=counts[1],
        phrasings_counts=counts[2],
        heading_length=lengths[:, 0],
        content_length=lengths[:, 1],
        phrasings_length=lengths[:, 2],
        heading_cosine=cosines[0],
        whole_cosine=cosines[1],
        phrasing_cosine=cosines[2],
        window_cosine=cosines[3],
    )
