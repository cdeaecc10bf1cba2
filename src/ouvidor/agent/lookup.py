"""Searching for a customer's message: without its courtesies, and once for each question in it."""

from collections.abc import Sequence
from dataclasses import replace

from ouvidor.accounts.models import Project
from ouvidor.agent.asks import split_asks
from ouvidor.knowledge.search import FoundSection, SearchResult, search
from ouvidor.runtime import Runtime
from ouvidor.text import Language


async def look_up(rt: Runtime, project: Project, message: str, language: Language) -> SearchResult:
    """The sections that answer the message, best first; the confidence is that of its surest question."""
    found = [await search(rt, project, ask, limit=project.sections_shown) for ask in split_asks(message, language)]
    surest = max(found, key=lambda result: result.confidence)
    if len(found) == 1:
        return surest
    return replace(surest, sections=merge([surest, *found], project.sections_shown))


def merge(results: Sequence[SearchResult], limit: int) -> tuple[FoundSection, ...]:
    """The sections of all results by rank, those of equal rank by score; each once, with its best score."""
    best: dict[object, FoundSection] = {}
    rank: dict[object, int] = {}
    for result in results:
        for place, section in enumerate(result.sections):
            known = best.get(section.id)
            best[section.id] = section if known is None or section.score > known.score else known
            rank[section.id] = min(place, rank.get(section.id, place))
    first = results[0].sections[0].id if results[0].sections else None
    order = sorted(best.values(), key=lambda section: (section.id != first, rank[section.id], -section.score))
    return tuple(order[:limit])
