"""Searching for a customer's message: without its courtesies, and once for each question in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ouvidor.accounts.models import Project
from ouvidor.agent.asks import split_asks, without_courtesies
from ouvidor.knowledge.search import FoundSection, SearchResult, search
from ouvidor.runtime import Runtime
from ouvidor.text import Language


@dataclass(frozen=True)
class LookedUp:
    """What was found, and the reading of the message by which it was found best."""

    found: SearchResult
    reading: str


async def look_up_all(rt: Runtime, project: Project, readings: Sequence[str], language: Language) -> LookedUp:
    """The sections that answer any of the readings (at least one) of a message, those of the surest reading first."""
    found = [(await look_up(rt, project, reading, language), reading) for reading in readings]
    if len(found) == 1:
        return LookedUp(*found[0])
    order = sorted(found, key=lambda one: -one[0].confidence)
    best, reading = order[0]
    sections = merge([result for result, _ in order], project.sections_shown)
    return LookedUp(replace(best, sections=sections), reading)


async def look_up(rt: Runtime, project: Project, message: str, language: Language) -> SearchResult:
    """The sections that answer the message, best first.

    Of several questions each is searched for alone and all together; one may answer where the whole is sure, or where
    each of the questions is.
    """
    asks = split_asks(message, language)
    if len(asks) == 1:
        return await search(rt, project, asks[0], limit=project.sections_shown)
    whole = await search(rt, project, without_courtesies(message, language), limit=project.sections_shown)
    each = [await search(rt, project, ask, limit=project.sections_shown) for ask in asks]
    confidence = max(whole.confidence, min(result.confidence for result in each))
    order = sorted(each, key=lambda result: -result.confidence)
    return replace(whole, sections=merge([*order, whole], project.sections_shown), confidence=confidence)


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
