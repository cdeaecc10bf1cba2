"""What search must know of a knowledge base as a whole, read and renewed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.knowledge.models import KnowledgeState
from ouvidor.knowledge.postings import LANGUAGES, measure
from ouvidor.knowledge.ranking import Lengths, Statistics
from ouvidor.text import Language


@dataclass(frozen=True)
class Known:
    """A knowledge base as search sees it."""

    revision: int
    statistics: Mapping[Language, Statistics]
    vectors_by: str | None
    profiled_revision: int | None

    @property
    def languages(self) -> tuple[Language, ...]:
        """Those that have sections."""
        return tuple(language for language in LANGUAGES if self.statistics[language].sections)

    @property
    def sections(self) -> int:
        """How many there are in all."""
        return sum(known.sections for known in self.statistics.values())


async def read_state(session: AsyncSession, project_id: UUID) -> Known:
    """The state of a project's knowledge; that of an empty one where nothing was imported yet."""
    columns = (
        KnowledgeState.revision,
        KnowledgeState.statistics,
        KnowledgeState.vectors_by,
        KnowledgeState.profiled_revision,
    )
    row = (await session.execute(select(*columns).where(KnowledgeState.project_id == project_id))).one_or_none()
    if row is None:
        return known_of(0, {}, None, None)
    return known_of(row.revision, row.statistics, row.vectors_by, row.profiled_revision)


def known_of(
    revision: int, statistics: Mapping[str, Any], vectors_by: str | None, profiled_revision: int | None
) -> Known:
    """The state from the columns of its row."""
    return Known(revision, statistics_from_json(statistics), vectors_by, profiled_revision)


async def lock_state(session: AsyncSession, project_id: UUID) -> KnowledgeState:
    """The state's row, locked: one writer of a project's knowledge at a time."""
    begun = insert(KnowledgeState).values(project_id=project_id, statistics={}, revision=0)
    await session.execute(begun.on_conflict_do_nothing())
    query = select(KnowledgeState).where(KnowledgeState.project_id == project_id).with_for_update()
    return (await session.execute(query)).scalar_one()


async def renew_state(session: AsyncSession, state: KnowledgeState) -> dict[Language, Statistics]:
    """Measure the knowledge base anew and count one revision on."""
    statistics = await measure(session, state.project_id)
    state.statistics = statistics_to_json(statistics)
    state.revision += 1
    return statistics


def statistics_to_json(statistics: Mapping[Language, Statistics]) -> dict[str, Any]:
    """For the table's JSON column."""
    return {
        language: {
            "sections": known.sections,
            "heading": known.mean.heading,
            "content": known.mean.content,
            "phrasings": known.mean.phrasings,
        }
        for language, known in statistics.items()
    }


def statistics_from_json(stored: Mapping[str, Any]) -> dict[Language, Statistics]:
    """From the table's JSON column; a language without sections counts none."""
    empty = {"sections": 0, "heading": 0.0, "content": 0.0, "phrasings": 0.0}
    found: dict[Language, Statistics] = {}
    for language in LANGUAGES:
        part = stored.get(language, empty)
        found[language] = Statistics(part["sections"], Lengths(part["heading"], part["content"], part["phrasings"]))
    return found
