"""What search must know of a knowledge base as a whole, read and kept up to date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.knowledge.models import KnowledgeState
from ouvidor.knowledge.postings import LANGUAGES, NumberedTerms
from ouvidor.knowledge.ranking import Lengths, Statistics
from ouvidor.text import Language

_NONE = {"sections": 0, "heading": 0, "content": 0, "phrasings": 0}


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
    means: dict[Language, Statistics] = {language: _mean(statistics.get(language, _NONE)) for language in LANGUAGES}
    return Known(revision, means, vectors_by, profiled_revision)


async def lock_state(session: AsyncSession, project_id: UUID) -> KnowledgeState:
    """The state's row, locked: one writer of a project's knowledge at a time."""
    begun = insert(KnowledgeState).values(project_id=project_id, statistics={}, newest_number=0, revision=0)
    await session.execute(begun.on_conflict_do_nothing())
    state = await lock_known_state(session, project_id)
    assert state is not None
    return state


async def lock_known_state(session: AsyncSession, project_id: UUID) -> KnowledgeState | None:
    """The same, None where nothing was imported yet or the project is gone."""
    query = select(KnowledgeState).where(KnowledgeState.project_id == project_id).with_for_update()
    return (await session.execute(query)).scalar_one_or_none()


def count_change(state: KnowledgeState, *, gone: Iterable[NumberedTerms], come: Iterable[NumberedTerms]) -> None:
    """Count sections out of and into the statistics, and one revision on."""
    totals: dict[str, dict[str, int]] = {
        language: dict(state.statistics.get(language, _NONE)) for language in LANGUAGES
    }
    for sign, sections in ((-1, gone), (1, come)):
        for section in sections:
            total, lengths = totals[section.language], section.fields.lengths()
            total["sections"] += sign
            total["heading"] += sign * int(lengths.heading)
            total["content"] += sign * int(lengths.content)
            total["phrasings"] += sign * int(lengths.phrasings)
    state.statistics = totals
    state.revision += 1


def _mean(total: Mapping[str, int]) -> Statistics:
    sections = total["sections"]
    of = max(sections, 1)
    return Statistics(sections, Lengths(total["heading"] / of, total["content"] / of, total["phrasings"] / of))
