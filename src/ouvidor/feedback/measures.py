"""Measures of classification and of its confidence. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Chances = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS = 15
FEWEST_IN_BIN = 5


@dataclass(frozen=True)
class OfCategory:
    """Recall, precision and F1 of a category, 0 to 1 (0 where they are shares of nothing), and its true cases."""

    recall: float
    precision: float
    f1: float
    support: int


@dataclass(frozen=True)
class Bin:
    """Comments of like confidence: its mean, the share of right ones, how many there are."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Share:
    """So many of so many, and between what the share in all cases like these lies in 95 of 100 cases, 0 to 1."""

    hits: int
    count: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of nothing."""
        return self.hits / self.count if self.count else None


def share(hits: int, count: int, z: float = 1.96) -> Share:
    """The share with its score interval (Wilson 1927); 0 to 1 of nothing."""
    if not count:
        return Share(0, 0, 0.0, 1.0)
    seen, slack = hits / count, z * z / count
    middle = (seen + slack / 2) / (1 + slack)
    reach = z * math.sqrt(seen * (1 - seen) / count + slack / (4 * count)) / (1 + slack)
    return Share(hits, count, max(0.0, middle - reach), min(1.0, middle + reach))


def confusion(truth: Numbers, given: Numbers, categories: int) -> Numbers:
    """How often what is truly the row's category was given the column's, (categories, categories)."""
    counts = np.bincount(truth * categories + given, minlength=categories * categories)
    return counts.reshape(categories, categories).astype(np.int64)


def of_categories(counts: Numbers) -> list[OfCategory]:
    """The measures of each category of a confusion matrix."""
    found: list[OfCategory] = []
    for place in range(len(counts)):
        hits, true, given = int(counts[place, place]), int(counts[place].sum()), int(counts[:, place].sum())
        f1 = 2 * hits / (true + given) if true + given else 0.0
        found.append(OfCategory(hits / true if true else 0.0, hits / given if given else 0.0, f1, true))
    return found


def macro_f1(counts: Numbers) -> float:
    """Mean F1 of the categories that have true cases; NaN where none has."""
    scores = [one.f1 for one in of_categories(counts) if one.support]
    return float(np.mean(scores)) if scores else float("nan")


def accuracy(counts: Numbers) -> float:
    """Share of right ones; NaN where there is no case."""
    return float(np.trace(counts) / counts.sum()) if counts.sum() else float("nan")


def reliability(confidences: Chances, right: Flags, bins: int = BINS) -> list[Bin]:
    """Bins of as many cases each, in the order of confidence; fewer bins where they would hold under FEWEST_IN_BIN."""
    if not confidences.size:
        return []
    order = np.argsort(confidences, kind="stable")
    parts = np.array_split(order, max(1, min(bins, confidences.size // FEWEST_IN_BIN)))
    return [Bin(float(confidences[part].mean()), float(right[part].mean()), len(part)) for part in parts]


def calibration_error(confidences: Chances, right: Flags, bins: int = BINS) -> float:
    """How far confidence and share of right ones lie apart, root mean square over bins of as many cases each, 0 to 1.

    Debiased (Kumar, Liang & Ma 2019, definition 5.1): what chance alone makes of the difference within a bin is taken
    off, so that many bins and few cases do not read as bad calibration. NaN where there is no case.
    """
    found = reliability(confidences, right, bins)
    if not found:
        return float("nan")
    squares = [
        one.count * ((one.confidence - one.accuracy) ** 2 - one.accuracy * (1 - one.accuracy) / max(one.count - 1, 1))
        for one in found
    ]
    return float(np.sqrt(max(0.0, sum(squares) / sum(one.count for one in found))))


def places(codes: Sequence[str], names: Sequence[str]) -> Numbers:
    """The place of each name among the codes.

    Raises:
        KeyError: a name is none of them.
    """
    known = {code: place for place, code in enumerate(codes)}
    return np.array([known[name] for name in names], np.int64)
