import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouvidor.evals.decision_metrics import auroc, best_threshold, coverage_at, wrong_answer_rate_at

cases = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), st.booleans()), min_size=1, max_size=40
)


def split(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in rows]), np.array([flag for _, flag in rows], dtype=bool)


@given(cases)
def test_auroc_is_the_share_of_pairs_in_order(rows: list[tuple[float, bool]]) -> None:
    scores, positive = split(rows)
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]

    area = auroc(scores, positive)

    assert np.isnan(area) if not pairs else area == pytest.approx(np.mean(pairs))


@given(cases, st.sampled_from([0.0, 0.05, 0.2, 0.5]))
def test_best_threshold_covers_most_within_the_limit(rows: list[tuple[float, bool]], allowed: float) -> None:
    scores, right = split(rows)
    fitting = [
        threshold
        for threshold in sorted({score for score, _ in rows})
        if sum(not flag for score, flag in rows if score >= threshold)
        <= allowed * sum(score >= threshold for score, _ in rows)
    ]

    assert best_threshold(scores, right, allowed) == (fitting[0] if fitting else None)


@given(cases, st.sampled_from([0.0, 0.3, 0.5, 2.0]))
def test_coverage_and_wrong_answer_rate_count_what_is_answered(
    rows: list[tuple[float, bool]], threshold: float
) -> None:
    scores, right = split(rows)
    answered = [flag for score, flag in rows if score >= threshold]

    assert coverage_at(scores, threshold) == pytest.approx(len(answered) / len(rows))
    rate = wrong_answer_rate_at(scores, right, threshold)
    assert np.isnan(rate) if not answered else rate == pytest.approx(answered.count(False) / len(answered))


def test_equal_scores_are_answered_together() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1])
    right = np.array([True, True, False, True])

    assert best_threshold(scores, right, 0.0) == 0.9
    assert best_threshold(scores, right, 0.34) == 0.1
    assert auroc(scores, right) == pytest.approx(0.5)


def test_nothing_to_measure_is_not_a_number() -> None:
    nothing = np.array([])
    nobody = np.array([], dtype=bool)

    assert np.isnan(coverage_at(nothing, 0.5))
    assert np.isnan(auroc(nothing, nobody))
    assert best_threshold(nothing, nobody, 0.05) is None
