"""Hybrid ranking: lexical and dense evidence of each candidate section, weighed into one score. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ouvidor.text import Language

Floats = NDArray[np.float64]

K1 = 1.2
B = 0.75
HEADING_WEIGHT = 3.0
PHRASING_WEIGHT = 3.0


@dataclass(frozen=True)
class Lengths:
    """Numbers of terms in a section's fields, or their means over a language's sections."""

    heading: float
    content: float
    phrasings: float

    def weighted(self) -> float:
        """Length of the section as one field, each field counted as often as its terms weigh."""
        return HEADING_WEIGHT * self.heading + self.content + PHRASING_WEIGHT * self.phrasings


@dataclass(frozen=True)
class Statistics:
    """What ranking needs to know of a project's sections in one language."""

    sections: int
    mean: Lengths


@dataclass(frozen=True)
class QueryTerms:
    """The distinct terms of a query: `text.terms` under each language that the project has sections in.

    `languages` names for each term the language under which it was made: it counts only in sections of that
    language. `document_frequency` (t,) counts the sections of that language that hold the term.
    """

    terms: tuple[str, ...]
    languages: tuple[Language, ...]
    document_frequency: NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """What is stored of the n candidate sections, one row each; t is the number of query terms.

    `*_counts` (n, t): how often each query term stands in the field (0 where the term's language is not the
    section's). `*_length` (n,): terms in the field. `has_question` (n,): the heading is a question, not a
    title. `*_cosine` (n,): cosine of the query's vector with the section's nearest of that kind, NaN where it
    has none.
    """

    languages: tuple[Language, ...]
    has_question: NDArray[np.bool_]
    heading_counts: Floats
    content_counts: Floats
    phrasings_counts: Floats
    heading_length: Floats
    content_length: Floats
    phrasings_length: Floats
    heading_cosine: Floats
    whole_cosine: Floats
    phrasing_cosine: Floats
    window_cosine: Floats


def inverse_document_frequency(document_frequency: NDArray[np.int64], sections: NDArray[np.int64]) -> Floats:
    """BM25 idf that stays positive, ln(1 + (N - n + 0.5) / (n + 0.5)) (Robertson & Zaragoza 2009, eq. 3.3)."""
    return np.log1p((sections - document_frequency + 0.5) / (document_frequency + 0.5))


def bm25_weight(count: Lengths, length: Lengths, mean: Lengths) -> float:
    """Weight of a term in a section without its idf, 0 to K1 + 1.

    Simple BM25F (Robertson, Zaragoza & Taylor 2004, section 4): the fields' counts and lengths are added with the
    fields' weights, then saturate together as in Okapi BM25 (Robertson & Zaragoza 2009, eq. 3.15).
    """
    frequency = count.weighted()
    relative = length.weighted() / max(mean.weighted(), 1.0)
    return frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * relative))


FEATURES = (
    "bm25",
    "bm25_of_best",
    "heading_bm25_of_best",
    "terms_found",
    "terms_found_in_heading",
    "question_cosine",
    "whole_cosine",
    "window_cosine",
    "passage_cosine",
    "has_question",
)

_WEIGHTS = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.9, 1.0, -1.5])


def features(query: QueryTerms, candidates: Candidates, statistics: Mapping[Language, Statistics]) -> Floats:
    """One row of FEATURES for each candidate: (n, len(FEATURES)); all finite, 0 where there is no evidence.

    The `_of_best` features are shares of the candidates' best; `question_cosine` to `window_cosine` are 0 for
    sections without a question, `passage_cosine` for those with one.
    """
    lexical = _LexicalEvidence.of(query, candidates, statistics)
    whole = _fill(candidates.whole_cosine, np.full(len(candidates.languages), np.nan))
    heading = _fill(np.fmax(candidates.heading_cosine, candidates.phrasing_cosine), whole)
    window = _fill(candidates.window_cosine, whole)
    asks = candidates.has_question | (candidates.phrasings_length > 0)
    columns = (
        lexical.bm25,
        _share_of_best(lexical.bm25),
        _share_of_best(lexical.heading_bm25),
        lexical.found,
        lexical.found_in_heading,
        np.where(asks, np.maximum(heading, whole), 0.0),
        np.where(asks, whole, 0.0),
        np.where(asks, window, 0.0),
        np.where(asks, 0.0, np.maximum(whole, window)),
        asks.astype(np.float64),
    )
    return np.column_stack(columns)


def rank(query: QueryTerms, candidates: Candidates, statistics: Mapping[Language, Statistics]) -> Floats:
    """Score of each candidate (n,), the higher the better; comparable within one query only."""
    return score(features(query, candidates, statistics))


def score(rows: Floats) -> Floats:
    """Score (n,) of rows made by `features`."""
    return rows @ _WEIGHTS


@dataclass(frozen=True)
class _LexicalEvidence:
    bm25: Floats
    heading_bm25: Floats
    found: Floats
    found_in_heading: Floats

    @classmethod
    def of(
        cls, query: QueryTerms, candidates: Candidates, statistics: Mapping[Language, Statistics]
    ) -> "_LexicalEvidence":
        own = _same_language(candidates.languages, query.languages)
        sections = np.array([statistics[language].sections for language in query.languages], dtype=np.int64)
        idf = own * inverse_document_frequency(query.document_frequency, sections)
        total = np.maximum(idf.sum(axis=1), 1e-9)
        heading = candidates.heading_counts + candidates.phrasings_counts
        anywhere = heading + candidates.content_counts
        means = [statistics[language].mean for language in candidates.languages]
        return cls(
            bm25=(idf * _bm25f(candidates, means)).sum(axis=1),
            heading_bm25=(idf * _heading_bm25(candidates, means)).sum(axis=1),
            found=(idf * (anywhere > 0)).sum(axis=1) / total,
            found_in_heading=(idf * (heading > 0)).sum(axis=1) / total,
        )


def _bm25f(candidates: Candidates, means: Sequence[Lengths]) -> Floats:
    """`bm25_weight` of every candidate and term, (n, t)."""
    frequency = (
        HEADING_WEIGHT * candidates.heading_counts
        + candidates.content_counts
        + PHRASING_WEIGHT * candidates.phrasings_counts
    )
    length = (
        HEADING_WEIGHT * candidates.heading_length
        + candidates.content_length
        + PHRASING_WEIGHT * candidates.phrasings_length
    )
    return _saturate(frequency, length, np.array([mean.weighted() for mean in means]))


def _heading_bm25(candidates: Candidates, means: Sequence[Lengths]) -> Floats:
    """BM25 weights over heading and phrasings alone, (n, t)."""
    return _saturate(
        candidates.heading_counts + candidates.phrasings_counts,
        candidates.heading_length + candidates.phrasings_length,
        np.array([mean.heading + mean.phrasings for mean in means]),
    )


def _saturate(frequency: Floats, length: Floats, mean: Floats) -> Floats:
    relative = length / np.maximum(mean, 1.0)
    return frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * relative)[:, None])


def _same_language(rows: Sequence[Language], columns: Sequence[Language]) -> Floats:
    return (np.array(rows)[:, None] == np.array(columns)[None, :]).astype(np.float64)


def _fill(cosine: Floats, substitute: Floats) -> Floats:
    """`cosine` with gaps taken from `substitute`, then from the mean of what there is, then 0."""
    filled = np.where(np.isnan(cosine), substitute, cosine)
    present = filled[~np.isnan(filled)]
    return np.nan_to_num(filled, nan=float(present.mean()) if present.size else 0.0)


def _share_of_best(values: Floats) -> Floats:
    best = values.max(initial=0.0)
    return values / best if best > 0 else np.zeros_like(values)
