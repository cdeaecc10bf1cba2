"""Measures of the decision to answer, pure.

One case is one query: its score (the higher, the likelier it is answered), whether the knowledge base can answer it,
and whether an answer from the best section is right. A case is answered where its score reaches the threshold.
"""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


def auroc(scores: Scores, positive: Flags) -> float:
    """Area under the ROC curve: how often a positive case scores above a negative one, ties counted half.

    Mann & Whitney (1947) by mid-ranks. NaN where there are no positive or no negative cases.
    """
    positives = int(positive.sum())
    negatives = positive.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    above = mid_ranks[place][positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def coverage_at(scores: Scores, threshold: float) -> float:
    """Share of all cases that are answered, 0 to 1; NaN where there is no case."""
    return float(np.mean(scores >= threshold)) if scores.size else float("nan")


def wrong_answer_rate_at(scores: Scores, right: Flags, threshold: float) -> float:
    """Share of the answered cases whose answer is wrong, 0 to 1; NaN where none is answered."""
    answered = scores >= threshold
    return float(1 - np.mean(right[answered])) if answered.any() else float("nan")


def best_threshold(scores: Scores, right: Flags, wrong_allowed: float) -> float | None:
    """The lowest threshold at which at most `wrong_allowed` (0 to 1) of the answers are wrong; None where none is.

    It is one of the scores, and no threshold that keeps to `wrong_allowed` covers more.
    """
    order = np.argsort(-scores, kind="stable")
    answered = np.arange(1, scores.size + 1)
    wrong = np.cumsum(~right[order])
    falling = scores[order]
    last_of_ties = np.append(falling[1:] != falling[:-1], True)[: scores.size]
    kept = np.flatnonzero(last_of_ties & (wrong / answered <= wrong_allowed))
    return float(falling[kept[-1]]) if kept.size else None
