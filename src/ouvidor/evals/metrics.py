"""Measures of retrieval, pure. A ranking is a query's section ids, best first; `relevant` the ids that answer it."""

from collections.abc import Collection, Sequence


def hit_at(rank: int, rankings: Sequence[Sequence[str]], relevant: Sequence[Collection[str]]) -> float:
    """Share of queries with a relevant section among their first `rank`, 0 to 1; 0 where there is no query."""
    hits = [first <= rank for first in _first_relevant(rankings, relevant)]
    return sum(hits) / len(hits) if hits else 0.0


def mrr_at(rank: int, rankings: Sequence[Sequence[str]], relevant: Sequence[Collection[str]]) -> float:
    """Mean reciprocal rank of the first relevant section, counted as 0 below `rank`; 0 where there is no query.

    Voorhees, "The TREC-8 Question Answering Track Report" (1999), with a cut-off.
    """
    gains = [1 / first if first <= rank else 0.0 for first in _first_relevant(rankings, relevant)]
    return sum(gains) / len(gains) if gains else 0.0


def _first_relevant(rankings: Sequence[Sequence[str]], relevant: Sequence[Collection[str]]) -> list[float]:
    """Rank of each query's first relevant section, from 1; infinity where it was not found."""
    pairs = zip(rankings, relevant, strict=True)
    return [
        next((float(place) for place, section in enumerate(ranking, 1) if section in ids), float("inf"))
        for ranking, ids in pairs
    ]
