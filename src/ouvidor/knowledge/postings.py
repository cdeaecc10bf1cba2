"""The terms of sections, packed into the postings table, and what BM25 reads back from it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from struct import Struct
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.knowledge.ranking import HEADING_WEIGHT, K1, PHRASING_WEIGHT, B, Lengths, Statistics
from ouvidor.text import Language, terms

LANGUAGES: tuple[Language, ...] = ("pt", "en")
BLOCK = 8192
LONGEST_TERM = 64

# A section within its block, its weighted length (see Lengths), and how often the term stands in each of its fields.
POSTING = np.dtype([("offset", "<u2"), ("length", "<u2"), ("heading", "u1"), ("content", "u1"), ("phrasings", "<u2")])
_PACK = Struct("<HHBBH").pack
_BYTE, _SHORT = 255, 65_535

ADD = """
insert into posting (project_id, language, term, block, postings)
select %(project)s, * from unnest(%(languages)b::text[], %(terms)b::text[], %(blocks)b::int[], %(postings)b::bytea[])
on conflict (project_id, language, term, block) do update set postings = posting.postings || excluded.postings
"""

READ = """
select p.language, p.term, p.block, p.postings
from unnest(%(languages)b::text[], %(terms)b::text[], %(blocks)b::int[]) as wanted(language, term, block)
join posting p on p.project_id = %(project)s
     and (p.language, p.term, p.block) = (wanted.language, wanted.term, wanted.block)
"""

REPLACE = """
update posting p set postings = changed.postings
from unnest(%(languages)b::text[], %(terms)b::text[], %(blocks)b::int[], %(postings)b::bytea[])
     as changed(language, term, block, postings)
where p.project_id = %(project)s
      and (p.language, p.term, p.block) = (changed.language, changed.term, changed.block)
"""

SWEEP = """
delete from posting p using unnest(%(languages)b::text[], %(terms)b::text[], %(blocks)b::int[])
     as emptied(language, term, block)
where p.project_id = %(project)s
      and (p.language, p.term, p.block) = (emptied.language, emptied.term, emptied.block)
"""

Place = tuple[Language, str, int]


def search_terms(text: str, language: Language) -> list[str]:
    """`text.terms`, none longer than the index can hold; sections and queries must be cut alike."""
    return [term[:LONGEST_TERM] for term in terms(text, language)]


class Worded(Protocol):
    """The words of a section, as its source gives them or as they are stored."""

    @property
    def language(self) -> Language:
        """Decides how words become terms."""
        ...

    @property
    def question(self) -> str | None:
        """The heading, where it is one."""
        ...

    @property
    def title(self) -> str | None:
        """The heading of a section without a question."""
        ...

    @property
    def content(self) -> str:
        """The answer or passage."""
        ...

    @property
    def phrasings(self) -> Sequence[str]:
        """Other ways to ask for it."""
        ...


@dataclass(frozen=True)
class FieldTerms:
    """How often each term stands in each field of a section."""

    heading: Counter[str]
    content: Counter[str]
    phrasings: Counter[str]

    @classmethod
    def of(cls, section: Worded) -> "FieldTerms":
        """The terms of a section, stemmed in its own language."""
        language = section.language
        return cls(
            heading=Counter(search_terms(section.question or section.title or "", language)),
            content=Counter(search_terms(section.content, language)),
            phrasings=Counter(chain.from_iterable(search_terms(text, language) for text in section.phrasings)),
        )

    def lengths(self) -> Lengths:
        """The number of terms in each field."""
        return Lengths(self.heading.total(), self.content.total(), self.phrasings.total())


@dataclass(frozen=True)
class NumberedTerms:
    """The terms of a stored section."""

    number: int
    language: Language
    fields: FieldTerms

    def places(self) -> Iterator[Place]:
        """Where in the table its postings are."""
        block = self.number // BLOCK
        fields = self.fields
        for term in fields.heading.keys() | fields.content.keys() | fields.phrasings.keys():
            yield self.language, term, block


@dataclass(frozen=True)
class Hits:
    """The m postings of a query's terms: the section's number and the position of the term in the query, (m,) each."""

    number: NDArray[np.int64]
    term: NDArray[np.int64]
    postings: NDArray[Any]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, bytes]]) -> "Hits":
        """From the position of a term, a block, and its packed postings, one of each a row."""
        postings = np.frombuffer(b"".join(packed for _, _, packed in rows), dtype=POSTING)
        sizes = [len(packed) // POSTING.itemsize for _, _, packed in rows]
        first = np.array([block * BLOCK for _, block, _ in rows], dtype=np.int64)
        term = np.repeat(np.array([position for position, _, _ in rows], dtype=np.int64), sizes)
        return cls(np.repeat(first, sizes) + postings["offset"], term, postings)

    def weights(self, mean_length: NDArray[np.float64]) -> NDArray[np.float64]:
        """`ranking.bm25_weight` of each, (m,); `mean_length` (t,) is that of the sections in each term's language."""
        counts = self.postings
        frequency = HEADING_WEIGHT * counts["heading"] + counts["content"] + PHRASING_WEIGHT * counts["phrasings"]
        relative = counts["length"] / np.maximum(mean_length, 1.0)[self.term]
        return frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * relative))


async def add_postings(session: AsyncSession, project_id: UUID, sections: Collection[NumberedTerms]) -> None:
    """Write the postings of sections that have none. One writer of a project at a time (see `lock_state`)."""
    blocks = _packed(sections)
    places = sorted(blocks)
    await _run(session, ADD, project_id, places, [bytes(blocks[place]) for place in places])


async def remove_postings(session: AsyncSession, project_id: UUID, sections: Collection[NumberedTerms]) -> None:
    """Take out the postings of sections. One writer of a project at a time (see `lock_state`)."""
    gone: defaultdict[int, list[int]] = defaultdict(list)
    for section in sections:
        gone[section.number // BLOCK].append(section.number % BLOCK)
    places = sorted({place for section in sections for place in section.places()})
    kept: dict[Place, bytes] = {}
    for language, term, block, packed in await _run(session, READ, project_id, places):
        postings = np.frombuffer(packed, dtype=POSTING)
        kept[language, term, block] = postings[~np.isin(postings["offset"], gone[block])].tobytes()
    rest = [place for place, postings in kept.items() if postings]
    await _run(session, REPLACE, project_id, rest, [kept[place] for place in rest])
    await _run(session, SWEEP, project_id, [place for place, postings in kept.items() if not postings])


def mean_lengths(languages: Sequence[Language], statistics: Mapping[Language, Statistics]) -> NDArray[np.float64]:
    """The mean weighted length of the sections in each of the languages."""
    return np.array([statistics[language].mean.weighted() for language in languages], dtype=np.float64)


def _packed(sections: Collection[NumberedTerms]) -> dict[Place, bytearray]:
    blocks: defaultdict[Place, bytearray] = defaultdict(bytearray)
    for section in sections:
        offset = section.number % BLOCK
        fields = section.fields
        length = min(int(fields.lengths().weighted()), _SHORT)
        heading, content, phrasings = fields.heading, fields.content, fields.phrasings
        for place in section.places():
            term = place[1]
            in_heading, in_content = min(heading[term], _BYTE), min(content[term], _BYTE)
            blocks[place] += _PACK(offset, length, in_heading, in_content, min(phrasings[term], _SHORT))
    return blocks


async def _run(
    session: AsyncSession, statement: str, project_id: UUID, places: Sequence[Place], postings: Sequence[bytes] = ()
) -> list[tuple[Language, str, int, bytes]]:
    """Run one of the statements above for these places; the rows of READ."""
    if not places:
        return []
    bound: dict[str, Any] = {
        "project": project_id,
        "languages": [language for language, _, _ in places],
        "terms": [term for _, term, _ in places],
        "blocks": [block for _, _, block in places],
        "postings": list(postings),
    }
    connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(statement, bound)
        return await cursor.fetchall() if cursor.description else []
