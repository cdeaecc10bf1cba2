from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouvidor.knowledge.ranking import (
    FEATURES,
    K1,
    Candidates,
    Lengths,
    QueryTerms,
    Statistics,
    bm25_weight,
    features,
    inverse_document_frequency,
    load_weights,
    rank,
)
from ouvidor.text import Language

MEAN = Lengths(6, 40, 2)
STATISTICS: dict[Language, Statistics] = {"en": Statistics(200, MEAN), "pt": Statistics(100, MEAN)}
NONE = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Row:
    """A candidate: counts of each query term by field, and cosines (NaN where it has no such vector)."""

    heading: tuple[float, ...] = NONE
    content: tuple[float, ...] = NONE
    phrasings: tuple[float, ...] = NONE
    question: bool = True
    language: Language = "en"
    heading_cosine: float = np.nan
    whole_cosine: float = np.nan
    phrasing_cosine: float = np.nan
    window_cosine: float = np.nan
    lengths: Lengths = MEAN


def candidates(rows: Sequence[Row]) -> Candidates:
    return Candidates(
        languages=tuple(row.language for row in rows),
        has_question=np.array([row.question for row in rows]),
        heading_counts=np.array([row.heading for row in rows]),
        content_counts=np.array([row.content for row in rows]),
        phrasings_counts=np.array([row.phrasings for row in rows]),
        heading_length=np.array([row.lengths.heading for row in rows]),
        content_length=np.array([row.lengths.content for row in rows]),
        phrasings_length=np.array([row.lengths.phrasings for row in rows]),
        heading_cosine=np.array([row.heading_cosine for row in rows]),
        whole_cosine=np.array([row.whole_cosine for row in rows]),
        phrasing_cosine=np.array([row.phrasing_cosine for row in rows]),
        window_cosine=np.array([row.window_cosine for row in rows]),
    )


QUERY = QueryTerms(("refund", "deposit", "car"), ("en", "en", "en"), np.array([3, 10, 120]))
PASSAGE = Lengths(2, 40, 0)


def scores(*rows: Row, query: QueryTerms = QUERY) -> list[float]:
    return rank(query, candidates(rows), STATISTICS).tolist()


def column(name: str, *rows: Row, query: QueryTerms = QUERY) -> list[float]:
    return features(query, candidates(rows), STATISTICS)[:, FEATURES.index(name)].tolist()


def test_idf_is_that_of_the_book() -> None:
    found = inverse_document_frequency(np.array([0, 10, 200]), np.array([200, 200, 200]))

    assert found == pytest.approx([np.log(1 + 200.5 / 0.5), np.log(1 + 190.5 / 10.5), np.log(1 + 0.5 / 200.5)])


def test_bm25_saturates_and_long_sections_count_less() -> None:
    once = bm25_weight(Lengths(0, 1, 0), MEAN, MEAN)

    assert once == pytest.approx(1.0)
    assert once < bm25_weight(Lengths(0, 2, 0), MEAN, MEAN) < 2 * once
    assert bm25_weight(Lengths(0, 1000, 0), MEAN, MEAN) < K1 + 1
    assert bm25_weight(Lengths(0, 1, 0), Lengths(6, 400, 2), MEAN) < once
    assert bm25_weight(Lengths(1, 0, 0), MEAN, MEAN) > once
    assert bm25_weight(Lengths(0, 0, 0), Lengths(0, 0, 0), Lengths(0, 0, 0)) == 0.0


def test_the_weight_that_is_stored_and_the_feature_agree() -> None:
    row = Row(heading=(1, 0, 0), content=(2, 1, 0), phrasings=(0, 0, 1))
    idf = inverse_document_frequency(QUERY.document_frequency, np.array([200, 200, 200]))
    counts = [Lengths(row.heading[term], row.content[term], row.phrasings[term]) for term in range(3)]

    stored = sum(float(idf[term]) * bm25_weight(counts[term], MEAN, MEAN) for term in range(3))

    assert column("bm25", row) == pytest.approx([stored])


def test_of_equal_vectors_the_section_with_more_of_the_words_wins() -> None:
    rare, common, none = scores(
        Row(content=(1, 0, 0), question=False, lengths=PASSAGE, whole_cosine=0.4),
        Row(content=(0, 0, 1), question=False, lengths=PASSAGE, whole_cosine=0.4),
        Row(question=False, lengths=PASSAGE, whole_cosine=0.4),
    )

    assert rare > common > none


def test_of_equal_words_the_nearer_section_wins() -> None:
    by_question, by_phrasing, far = scores(
        Row(heading_cosine=0.8, whole_cosine=0.5),
        Row(heading_cosine=0.3, whole_cosine=0.5, phrasing_cosine=0.7),
        Row(heading_cosine=0.3, whole_cosine=0.5),
    )

    assert by_question > by_phrasing > far


def test_a_passage_is_as_near_as_its_nearest_window() -> None:
    hidden, plain = scores(
        Row(question=False, lengths=PASSAGE, whole_cosine=0.4, window_cosine=0.8),
        Row(question=False, lengths=PASSAGE, whole_cosine=0.4, window_cosine=0.4),
    )

    assert hidden > plain


def test_a_title_is_no_question() -> None:
    titled = Row(question=False, lengths=PASSAGE, heading_cosine=0.9, whole_cosine=0.4)

    assert scores(titled, Row(question=False, lengths=PASSAGE, whole_cosine=0.4)) == pytest.approx(
        scores(Row(question=False, lengths=PASSAGE, whole_cosine=0.4), titled)[::-1]
    )
    assert column("asks", titled, Row(), Row(question=False)) == [0.0, 1.0, 1.0]


def test_terms_of_the_other_language_count_nothing() -> None:
    mixed = QueryTerms(("car", "carr"), ("en", "pt"), np.array([5, 5]))
    rows = [
        Row(heading=(1, 0), content=(0, 0), phrasings=(0, 0)),
        Row(heading=(0, 1), content=(0, 0), phrasings=(0, 0), language="pt"),
        Row(heading=(0, 1), content=(0, 0), phrasings=(0, 0)),
    ]

    assert column("asks_found", *rows, query=mixed) == [1.0, 1.0, 0.0]


def test_without_vectors_the_order_is_that_of_bm25() -> None:
    rows = [
        Row(content=(0, 1, 0)),
        Row(heading=(1, 1, 0), question=False, lengths=PASSAGE),
        Row(content=(1, 0, 3), question=False, lengths=PASSAGE),
        Row(),
    ]

    assert np.argsort(scores(*rows)).tolist() == np.argsort(column("bm25", *rows)).tolist()


def test_a_section_that_waits_for_its_vectors_is_neither_first_nor_last_for_it() -> None:
    near, waiting, far = scores(
        Row(heading_cosine=0.9, whole_cosine=0.9), Row(), Row(heading_cosine=0.1, whole_cosine=0.1)
    )

    assert near > waiting > far


def test_a_query_without_terms_is_ranked_by_vectors() -> None:
    empty = QueryTerms((), (), np.array([], dtype=np.int64))
    near = Row(heading=(), content=(), phrasings=(), heading_cosine=0.8, whole_cosine=0.8)
    far = Row(heading=(), content=(), phrasings=(), heading_cosine=0.2, whole_cosine=0.2)

    first, second = scores(near, far, query=empty)

    assert first > second


counts = st.tuples(*[st.integers(0, 50).map(float)] * 3)
cosines = st.one_of(st.just(np.nan), st.floats(-1, 1))
lengths = st.builds(Lengths, *[st.integers(0, 5000).map(float)] * 3)
rows_of_any_kind = st.lists(
    st.builds(
        Row, counts, counts, counts, st.booleans(), st.sampled_from(["en", "pt"]), *[cosines] * 4, lengths=lengths
    ),
    min_size=1,
    max_size=8,
)


@given(rows_of_any_kind)
def test_features_are_finite_and_know_no_order(rows: list[Row]) -> None:
    found = features(QUERY, candidates(rows), STATISTICS)

    assert found.shape == (len(rows), len(FEATURES))
    assert np.isfinite(found).all()
    assert features(QUERY, candidates(rows[::-1]), STATISTICS) == pytest.approx(found[::-1])


def test_the_weights_are_of_features() -> None:
    weights = load_weights()

    assert all(np.isfinite(getattr(weights, part.name)).all() for part in fields(weights))
    assert weights.by_vectors[FEATURES.index("asks_cosine")] > 0
    assert weights.by_vectors[FEATURES.index("passage_cosine")] > 0
    assert np.flatnonzero(weights.by_words).tolist() == [FEATURES.index("bm25")]
