"""Hybrid ranking: lexical and dense evidence of each candidate section, weighed into one score. Pure.

A section that asks (it has a question or phrasings) is judged by how near its question is, a passage by the terms found
and its nearest window. The weights are in ranker.json, trained by bench/train_ranker.py as a conditional logit
(McFadden 1974) over the candidates of each query. The English model sees the gloss (gloss.py) of Portuguese texts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

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
    "asks",
    "asks_bm25",
    "asks_heading_bm25",
    "asks_found",
    "asks_cosine",
    "asks_heading_cosine",
    "asks_whole_cosine",
    "asks_found_by_cosine",
    "passage_bm25",
    "passage_portuguese_bm25",
    "passage_cosine",
    "passage_whole_cosine",
    "passage_log_length",
)


@dataclass(frozen=True)
class Weights:
    """Of a linear score over FEATURES, (len(FEATURES),): where there are vectors, and for words alone."""

    by_vectors: Floats
    by_words: Floats


def load_weights() -> Weights:
    """The trained weights that ship with the package; a feature that the file does not name weighs nothing."""
    stored = json.loads(files("ouvidor.knowledge").joinpath("ranker.json").read_text(encoding="utf-8"))
    by_vectors, by_words = (
        np.array([stored[kind].get(name, 0.0) for name in FEATURES]) for kind in ("by_vectors", "by_words")
    )
    return Weights(by_vectors, by_words)


def features(query: QueryTerms, candidates: Candidates, statistics: Mapping[Language, Statistics]) -> Floats:
    """One row of FEATURES for each candidate: (n, len(FEATURES)); all finite, 0 where there is no evidence.

    `asks` is 1 for a section with a question or phrasings; every `asks_` feature is 0 for the other sections, every
    `passage_` feature for these. BM25 is divided by the sum of the query's idf, except `bm25` itself (not
    weighed beside vectors); `found` is the share of the query's terms in the section, by idf. `asks_heading_cosine` is
    that of the nearest of heading and phrasings, `asks_cosine` of these and the whole, `passage_cosine` of the nearest
    of whole and windows.
    """
    lexical = _LexicalEvidence.of(query, candidates, statistics)
    whole = _fill(candidates.whole_cosine, np.full(len(candidates.languages), np.nan))
    asked = _fill(np.fmax(candidates.heading_cosine, candidates.phrasing_cosine), whole)
    nearest = np.maximum(asked, whole)
    answer = np.maximum(_fill(candidates.window_cosine, whole), whole)
    portuguese = np.array([language == "pt" for language in candidates.languages])
    asks = candidates.has_question | (candidates.phrasings_length > 0)
    passage = ~asks
    columns = (
        lexical.bm25 * lexical.idf,
        asks,
        asks * lexical.bm25,
        asks * lexical.heading_bm25,
        asks * lexical.found,
        asks * nearest,
        asks * asked,
        asks * whole,
        asks * lexical.found * nearest,
        passage * lexical.bm25,
        passage * portuguese * lexical.bm25,
        passage * answer,
        passage * whole,
        passage * np.log1p(candidates.content_length),
    )
    return np.column_stack(columns).astype(np.float64)


def rank(query: QueryTerms, candidates: Candidates, statistics: Mapping[Language, Statistics]) -> Floats:
    """Score of each candidate (n,), the higher the better; comparable within one query only."""
    return score(features(query, candidates, statistics))


def score(rows: Floats) -> Floats:
    """Score (n,) of rows made by `features`: log-odds, up to a constant of the query, of being its best section."""
    weights = _weights()
    return rows @ (weights.by_vectors if rows[:, _COSINES].any() else weights.by_words)


_COSINES = [index for index, name in enumerate(FEATURES) if "cosine" in name]


@cache
def _weights() -> Weights:
    return load_weights()


@dataclass(frozen=True)
class _LexicalEvidence:
    """Each (n,): `idf` is the sum over the query's terms of the section's language; the rest is in shares of it."""

    idf: Floats
    bm25: Floats
    heading_bm25: Floats
    found: Floats

    @classmethod
    def of(
        cls, query: QueryTerms, candidates: Candidates, statistics: Mapping[Language, Statistics]
    ) -> "_LexicalEvidence":
        own = np.array(candidates.languages)[:, None] == np.array(query.languages)[None, :]
        sections = np.array([statistics[language].sections for language in query.languages], dtype=np.int64)
        idf = own * inverse_document_frequency(query.document_frequency, sections)
        total = idf.sum(axis=1)
        share = idf / np.maximum(total, 1e-9)[:, None]
        heading = candidates.heading_counts + candidates.phrasings_counts
        means = [statistics[language].mean for language in candidates.languages]
        return cls(
            idf=total,
            bm25=(share * bm25_weights(candidates, statistics)).sum(axis=1),
            heading_bm25=(share * _heading_bm25(candidates, means)).sum(axis=1),
            found=(share * ((heading + candidates.content_counts) > 0)).sum(axis=1),
        )


def bm25_weights(candidates: Candidates, statistics: Mapping[Language, Statistics]) -> Floats:
    """`bm25_weight` of every candidate and term, (n, t)."""
    mean = np.array([statistics[language].mean.weighted() for language in candidates.languages])
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
    return _saturate(frequency, length, mean)


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


def _fill(cosine: Floats, substitute: Floats) -> Floats:
    """`cosine` with gaps taken from `substitute`, then from the mean of what there is, then 0."""
    filled = np.where(np.isnan(cosine), substitute, cosine)
    present = filled[~np.isnan(filled)]
    return np.nan_to_num(filled, nan=float(present.mean()) if present.size else 0.0)
