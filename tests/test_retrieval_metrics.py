import pytest

from ouvidor.evals.metrics import hit_at, mrr_at

RANKINGS = [["a", "b", "c"], ["b", "a", "c"], ["c", "b", "a"], []]
RELEVANT = [{"a"}, {"a", "x"}, {"a"}, {"a"}]


def test_hits_are_counted_within_the_cut() -> None:
    assert hit_at(1, RANKINGS, RELEVANT) == 0.25
    assert hit_at(2, RANKINGS, RELEVANT) == 0.5
    assert hit_at(10, RANKINGS, RELEVANT) == 0.75


def test_the_first_relevant_section_counts_by_its_rank() -> None:
    assert mrr_at(10, RANKINGS, RELEVANT) == pytest.approx((1 + 1 / 2 + 1 / 3 + 0) / 4)
    assert mrr_at(2, RANKINGS, RELEVANT) == pytest.approx((1 + 1 / 2) / 4)


def test_of_no_queries_both_are_zero_and_unequal_lists_are_refused() -> None:
    assert hit_at(1, [], []) == mrr_at(1, [], []) == 0.0
    with pytest.raises(ValueError, match="argument"):
        hit_at(1, RANKINGS, RELEVANT[:1])
