from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouvidor.knowledge.confidence import Classified, gather, load_model, relevance
from ouvidor.knowledge.intents import Guess, Intents, Phrasings, learnable, train
from ouvidor.knowledge.lbfgs import minimise
from ouvidor.knowledge.ranking import Candidates, Lengths, QueryTerms, Statistics

MODEL = load_model()
STATISTICS = {"en": Statistics(40, Lengths(6, 60, 0)), "pt": Statistics(0, Lengths(0, 0, 0))}
QUERY = QueryTerms(("refund", "deposit", "what"), ("en", "en", "en"), np.array([2, 3, 20]))


def candidates(rows: int, *, cosine: float | None = 0.3) -> Candidates:
    """Questions with answers that hold none of the query's words, all equally near to it."""
    vector = np.full(rows, np.nan if cosine is None else cosine)
    none = np.zeros((rows, len(QUERY.terms)))
    length = np.full(rows, 6.0)
    return Candidates(
        languages=("en",) * rows,
        has_question=np.ones(rows, dtype=bool),
        heading_counts=none,
        content_counts=none,
        phrasings_counts=none,
        heading_length=length,
        content_length=10 * length,
        phrasings_length=0 * length,
        heading_cosine=vector,
        whole_cosine=vector,
        phrasing_cosine=np.full(rows, np.nan),
        window_cosine=np.full(rows, np.nan),
    )


def with_row(found: Candidates, row: int, *, cosine: float | None = None, words: int = 0) -> Candidates:
    """One candidate with the first `words` of the query in its question, as near to it as told."""
    counts, heading, whole = found.heading_counts.copy(), found.heading_cosine.copy(), found.whole_cosine.copy()
    counts[row, :words] = 1
    if cosine is not None:
        heading[row] = whole[row] = cosine
    return replace(found, heading_counts=counts, heading_cosine=heading, whole_cosine=whole)


def confident(found: Candidates, row: int = 0) -> float:
    return float(relevance(gather(QUERY, found, STATISTICS), MODEL)[row])


def test_a_section_that_stands_out_is_answered_from_and_one_of_many_is_not() -> None:
    near = with_row(candidates(30), 0, cosine=0.85, words=3)

    assert confident(near) > 0.9
    assert confident(candidates(30)) < 0.1


def test_confidence_falls_where_another_section_is_as_good() -> None:
    alone = with_row(candidates(30), 0, cosine=0.7, words=2)
    twins = with_row(alone, 1, cosine=0.7, words=2)

    assert confident(twins) < 0.6 * confident(alone)
    found = gather(QUERY, twins, STATISTICS)
    assert relevance(found, MODEL)[0] == pytest.approx(relevance(found, MODEL)[1])


def test_confidence_falls_where_the_whole_knowledge_base_is_near() -> None:
    lone = with_row(candidates(30, cosine=0.1), 0, cosine=0.6, words=1)
    crowded = with_row(candidates(30, cosine=0.55), 0, cosine=0.6, words=1)

    assert confident(crowded) < 0.7 * confident(lone)


def test_rare_words_speak_louder_than_the_words_of_asking() -> None:
    order = ("what", "refund")
    query = QueryTerms(order, ("en", "en"), np.array([2, 2]))
    found = with_row(replace(candidates(30), **_of_two_terms(30)), 0, words=1)
    other = replace(found, heading_counts=found.heading_counts[:, ::-1])

    asking = relevance(gather(query, found, STATISTICS), MODEL)[0]
    telling = relevance(gather(query, other, STATISTICS), MODEL)[0]

    assert telling > asking


def _of_two_terms(rows: int) -> dict[str, np.ndarray]:
    return {name: np.zeros((rows, 2)) for name in ("heading_counts", "content_counts", "phrasings_counts")}


def test_words_alone_decide_while_no_vectors_are_ready() -> None:
    plain = candidates(30, cosine=None)
    found = with_row(plain, 0, words=3)

    assert not gather(QUERY, found, STATISTICS).by_vectors
    assert confident(found) > 0.6 > 0.3 > confident(plain)


def test_a_single_section_can_be_answered_from() -> None:
    assert confident(with_row(candidates(1), 0, cosine=0.85, words=3)) > 0.5
    assert confident(candidates(1, cosine=0.1)) < 0.2


counts = st.lists(st.integers(0, 3), min_size=3, max_size=3)
cosines = st.one_of(st.just(float("nan")), st.floats(-1, 1))


@given(st.lists(st.tuples(counts, counts, cosines, cosines, st.booleans()), min_size=1, max_size=25))
def test_probabilities_stay_between_0_and_1_and_share_one_certainty(
    rows: list[tuple[list[int], list[int], float, float, bool]],
) -> None:
    found = replace(
        candidates(len(rows)),
        heading_counts=np.array([row[0] for row in rows], dtype=float),
        content_counts=np.array([row[1] for row in rows], dtype=float),
        heading_cosine=np.array([row[2] for row in rows]),
        whole_cosine=np.array([row[3] for row in rows]),
        has_question=np.array([row[4] for row in rows]),
    )
    evidence = gather(QUERY, found, STATISTICS)

    each = relevance(evidence, MODEL)

    assert ((each >= 0) & (each <= 1)).all()
    assert each.sum() < 1 + 1e-9


def test_a_query_without_words_is_judged_by_vectors() -> None:
    nothing = QueryTerms((), (), np.array([], dtype=np.int64))
    empty = {name: np.zeros((8, 0)) for name in ("heading_counts", "content_counts", "phrasings_counts")}
    found = with_row(replace(candidates(8), **empty), 0, cosine=0.9)

    assert 0 < relevance(gather(nothing, found, STATISTICS), MODEL)[0] < 1


TOPICS = ("parking garage", "breakfast buffet", "late checkout", "swimming pool", "airport shuttle", "lost luggage")
WAYS = ("how about {}", "tell me of the {}", "is there {} today", "{} please", "i have a question on {}", "need {} now")


def phrasings(draw: np.random.Generator, *, shuffled: bool = False) -> Phrasings:
    """Six ways to ask for each of six topics, with vectors near their topic's own."""
    texts = [way.format(topic) for topic in TOPICS for way in WAYS]
    sections = np.repeat(np.arange(len(TOPICS)) * 10 + 5, len(WAYS))
    centres = np.repeat(np.eye(len(TOPICS), 16, dtype=np.float32), len(WAYS), axis=0)
    vectors = centres + draw.normal(0, 0.1, centres.shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Phrasings(texts, vectors, draw.permutation(sections) if shuffled else sections)


@pytest.fixture(scope="module")
def intents() -> Intents:
    return train(phrasings(np.random.default_rng(0)))


def guess(intents: Intents, text: str, vector: np.ndarray) -> Guess:
    return intents.guess(text, (vector / np.linalg.norm(vector)).astype(np.float32))


def test_a_classifier_finds_the_section_and_knows_what_is_strange(intents: Intents) -> None:
    asked = guess(intents, "do you have a swimming pool", np.eye(6, 16)[3])
    strange = guess(intents, "quantum chromodynamics", -np.eye(6, 16).sum(axis=0))

    assert intents.strength == 1
    assert asked.sections[asked.log_probability.argmax()] == 35
    assert np.exp(asked.log_probability).sum() == pytest.approx(1, abs=1e-3)
    assert strange.best_logit < asked.best_logit - 3


def test_a_classifier_survives_storage(intents: Intents) -> None:
    stored = intents.to_bytes()
    again = Intents.from_bytes(stored)
    vector = np.eye(6, 16)[1]

    before, after = guess(intents, "breakfast when", vector), guess(again, "breakfast when", vector)

    assert (again.sections == intents.sections).all()
    assert again.accuracy == intents.accuracy
    assert after.log_probability == pytest.approx(before.log_probability, abs=0.1)
    assert len(stored) < 2_000 * len(TOPICS)


def test_a_classifier_that_cannot_learn_counts_for_nothing() -> None:
    useless = train(phrasings(np.random.default_rng(1), shuffled=True))
    found = with_row(candidates(2), 0, cosine=0.7, words=2)
    evidence = gather(QUERY, found, STATISTICS)
    said = guess(useless, "swimming pool", np.eye(6, 16)[3])
    classified = Classified.of(useless, said, np.array([5, 15]))

    assert useless.strength == 0
    assert relevance(evidence, MODEL, classified) == pytest.approx(relevance(evidence, MODEL))


def test_a_classifier_speaks_of_the_sections_that_it_knows(intents: Intents) -> None:
    numbers = np.array([35, 7, 5])
    found = with_row(candidates(3), 0, cosine=0.95)
    evidence = gather(QUERY, found, STATISTICS)
    classified = Classified.of(intents, guess(intents, "is there a swimming pool", np.eye(6, 16)[3]), numbers)

    assert classified.columns.tolist() == [3, -1, 0]
    assert classified.log_probability().argmax() == 0
    assert classified.log_probability()[1] == pytest.approx(-np.log(len(TOPICS)))
    said = relevance(evidence, MODEL, classified)
    assert said[0] > 0.8 > 0.2 > said[2]
    assert said[1] == pytest.approx(relevance(evidence, MODEL)[1])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([3] * 8 + [0] * 2, True), ([3] * 7 + [0] * 3, False), ([50], False), ([], False), ([400] * 1_000, False)],
)
def test_a_classifier_is_trained_where_phrasings_are_many(counts: list[int], expected: bool) -> None:
    assert learnable(counts) is expected


def test_every_weight_has_its_evidence() -> None:
    evidence = gather(QUERY, candidates(4), STATISTICS)

    for weights in (MODEL.by_vectors, MODEL.by_words):
        assert set(weights.section) <= set(evidence.sections)
        assert set(weights.query) <= set(evidence.query)
    assert not [
        field.name for field in fields(MODEL.classifier) if not np.isfinite(getattr(MODEL.classifier, field.name))
    ]
    assert 0 < MODEL.threshold < 1


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_minimise_finds_the_bottom_of_a_bowl(size: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(size, size))
    bowl = root @ root.T + np.eye(size)
    bottom = draw.normal(size=size)

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        away = point - bottom
        return float(away @ bowl @ away) / 2, bowl @ away

    assert minimise(objective, np.zeros(size), iterations=200, tolerance=1e-14) == pytest.approx(bottom, abs=1e-4)
