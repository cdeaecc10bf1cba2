"""The terms of a section as rows of the postings table, written by COPY, and the means they are weighed with."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.knowledge.ingest import SectionInput
from ouvidor.knowledge.ranking import HEADING_WEIGHT, K1, PHRASING_WEIGHT, B, Lengths, Statistics, bm25_weight
from ouvidor.text import Language, terms

LANGUAGES: tuple[Language, ...] = ("pt", "en")
DRIFT = 0.25

COPY_POSTINGS = """
copy posting (project_id, language, term, section_number, weight, in_heading, in_content, in_phrasings)
from stdin with (format binary)
"""
COPY_TYPES = ("uuid", "text", "text", "int8", "float8", "int2", "int2", "int2")

MEASURE = """
select language, count(*) as sections, avg(heading_length)::float as heading, avg(content_length)::float as content,
       avg(phrasings_length)::float as phrasings
from section where project_id = :project group by language
"""

# The same formula as ranking.bm25_weight, for all postings of one language of a project at once.
REWEIGH = """
update posting p set weight = f.frequency * (:k1 + 1) / (f.frequency + :k1 * (1 - :b + :b * f.length / :mean))
from (
    select q.language, q.term, q.section_number,
           :heading * q.in_heading + q.in_content + :phrasing * q.in_phrasings as frequency,
           :heading * s.heading_length + s.content_length + :phrasing * s.phrasings_length as length
    from posting q join section s on s.project_id = q.project_id and s.number = q.section_number
    where q.project_id = :project and q.language = :language
) f
where p.project_id = :project and p.language = f.language and p.term = f.term and p.section_number = f.section_number
"""


@dataclass(frozen=True)
class FieldTerms:
    """How often each term stands in each field of a section."""

    heading: Counter[str]
    content: Counter[str]
    phrasings: Counter[str]

    @classmethod
    def of(cls, section: SectionInput) -> "FieldTerms":
        """The terms of a section, stemmed in its own language."""
        language = section.language
        return cls(
            heading=Counter(terms(section.heading or "", language)),
            content=Counter(terms(section.content, language)),
            phrasings=Counter(chain.from_iterable(terms(phrasing, language) for phrasing in section.phrasings)),
        )

    def lengths(self) -> Lengths:
        """The number of terms in each field."""
        return Lengths(self.heading.total(), self.content.total(), self.phrasings.total())

    def counts(self) -> Iterable[tuple[str, Lengths]]:
        """Each distinct term with its count in each field."""
        for term in self.heading.keys() | self.content.keys() | self.phrasings.keys():
            yield term, Lengths(self.heading[term], self.content[term], self.phrasings[term])


@dataclass(frozen=True)
class NumberedTerms:
    """The terms of a stored section."""

    number: int
    language: Language
    fields: FieldTerms


async def write_postings(
    session: AsyncSession, project_id: UUID, sections: Sequence[NumberedTerms], means: Mapping[Language, Lengths]
) -> None:
    """Write the postings of sections that have none yet."""
    connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    async with connection.cursor() as cursor, cursor.copy(COPY_POSTINGS) as copy:
        copy.set_types(COPY_TYPES)
        for section in sections:
            length, mean = section.fields.lengths(), means[section.language]
            for term, count in section.fields.counts():
                weight = bm25_weight(count, length, mean)
                counts = (_small(count.heading), _small(count.content), _small(count.phrasings))
                await copy.write_row((project_id, section.language, term, section.number, weight, *counts))


async def measure(session: AsyncSession, project_id: UUID) -> dict[Language, Statistics]:
    """Count a project's sections and measure the mean lengths of their fields, by language."""
    found = {language: Statistics(0, Lengths(0, 0, 0)) for language in LANGUAGES}
    for row in (await session.execute(sql(MEASURE), {"project": project_id})).mappings():
        mean = Lengths(row["heading"], row["content"], row["phrasings"])
        found[row["language"]] = Statistics(row["sections"], mean)
    return found


async def reweigh(session: AsyncSession, project_id: UUID, statistics: Mapping[Language, Statistics]) -> None:
    """Weigh all postings of a project anew, after the mean length of its sections has drifted."""
    constants = {"k1": K1, "b": B, "heading": HEADING_WEIGHT, "phrasing": PHRASING_WEIGHT, "project": project_id}
    for language, known in statistics.items():
        mean = max(known.mean.weighted(), 1.0)
        await session.execute(sql(REWEIGH), {**constants, "language": language, "mean": mean})


def drifted(weighed_with: float, mean: float) -> bool:
    """Whether weights made with one mean length are too far off for another (by over a quarter)."""
    return abs(weighed_with - mean) > DRIFT * max(mean, 1.0)


def _small(count: float) -> int:
    return min(int(count), 32_767)
