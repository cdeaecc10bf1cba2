"""Training of the local analyst from labelled conversations. Pure.

Our own examples (examples.jsonl, written for this) take part in every training: they alone are in Portuguese, and they
alone have a satisfaction of 0 to 10. Rows that say only whether the customer was satisfied, whether the goal was
reached, or whether the customer was annoyed, teach the three heads, and nothing of 0 to 10.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ouvidor.analysis.local.fit import (
    LEVELS,
    Flags,
    Floats,
    Logistic,
    Ordinal,
    Whole,
    balanced,
    fit_logistic,
    fit_ordinal,
)
from ouvidor.analysis.local.judgement import FARTHEST, HEADS, Head, Model
from ouvidor.analysis.local.sheet import Sheet, direction

HEAD_L2 = 1.0
SATISFACTION_L2 = 0.03
CALIBRATION_L2 = 1e-4
CALIBRATION_FOLDS = 8
MOST_ROUNDS = 12
SMALLEST_SCALE = 0.05
# What share of the weight our own examples have beside the rows of a file.
OWN_SHARE: Mapping[Head, float] = {"dissatisfied": 0.1, "goal_failed": 0.4, "annoyed": 0.3}


Fitted = TypeVar("Fitted")


@dataclass(frozen=True)
class Example:
    """The features of a labelled conversation; None where a label is missing. `own` marks those of examples.jsonl."""

    sheet: Sheet
    satisfaction: int | None = None
    satisfied: bool | None = None
    goal_done: bool | None = None
    annoyed: bool | None = None
    own: bool = False

    def label(self, head: Head) -> bool | None:
        """What a head is to say of it."""
        if head == "annoyed":
            return self.annoyed
        kept = self.satisfied if head == "dissatisfied" else self.goal_done
        return None if kept is None else not kept


def train(examples: Sequence[Example]) -> Model:
    """The model of at least one example; a head without both answers among them is even about everything."""
    names = tuple(examples[0].sheet.values)
    values = np.array([[one.sheet.values[name] for name in names] for one in examples])
    own = np.array([one.own for one in examples])
    mean, scale = _typical(values, _shared(own, 0.3))
    rows = ((values - mean) / scale).clip(-FARTHEST, FARTHEST)
    good = np.array([direction(name) for name in names])
    heads: dict[Head, Logistic] = {head: _head(rows, own, examples, head, -good) for head in HEADS}
    return Model(names, mean, scale, heads, _satisfaction(rows, examples, good))


def _typical(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    mean = weight @ values / weight.sum()
    deviation = np.sqrt(weight @ (values - mean) ** 2 / weight.sum())
    return mean, deviation + SMALLEST_SCALE


def _head(rows: Floats, own: Flags, examples: Sequence[Example], head: Head, signs: Whole) -> Logistic:
    """One logistic regression, its odds stretched to what they are worth on examples it has not seen (Platt 1999)."""
    labels = [one.label(head) for one in examples]
    known = np.array([label is not None for label in labels])
    yes = np.array([bool(label) for label in labels])[known]
    if not (yes.any() and (~yes).any()):
        return Logistic(np.zeros(len(rows[0])), 0.0)
    seen, ours = rows[known], own[known]
    weight = _head_weight(yes, ours, OWN_SHARE[head])

    def fitted(chosen: Flags) -> Logistic:
        def fit(columns: Flags) -> tuple[Floats, Logistic]:
            found = fit_logistic(seen[chosen] * columns, yes[chosen], weight[chosen], l2=HEAD_L2)
            return found.weights, found

        return _with_signs(fit, signs)

    plain = fitted(np.ones(len(seen), dtype=np.bool_))
    folds = np.arange(len(seen)) % CALIBRATION_FOLDS
    unseen = np.zeros(len(seen))
    for fold in range(min(CALIBRATION_FOLDS, len(seen))):
        rest = folds != fold
        if yes[rest].any() and (~yes[rest]).any():
            unseen[~rest] = fitted(rest).odds(seen[~rest])
    stretch = fit_logistic(unseen[:, None], yes, weight, l2=CALIBRATION_L2)
    slope = max(float(stretch.weights[0]), 0.1)
    return Logistic(plain.weights * slope, plain.constant * slope + stretch.constant)


def _head_weight(yes: Flags, own: Flags, share: float) -> Floats:
    """Both answers weigh the same among our own examples, and among the others."""
    weight = np.zeros(len(yes))
    for mine, part in ((True, share), (False, 1 - share)):
        chosen = own == mine
        if chosen.any():
            even = balanced(yes[chosen], np.ones(int(chosen.sum())))
            weight[chosen] = part * even / even.sum()
    return weight


def _satisfaction(rows: Floats, examples: Sequence[Example], signs: Whole) -> Ordinal:
    known = np.array([one.satisfaction is not None for one in examples])
    if not known.any():
        return Ordinal(np.zeros(len(rows[0])), np.linspace(-2.0, 2.0, LEVELS - 1))
    levels = np.array([one.satisfaction for one in examples if one.satisfaction is not None])

    def fit(columns: Flags) -> tuple[Floats, Ordinal]:
        found = fit_ordinal(rows[known] * columns, levels, l2=SATISFACTION_L2)
        return found.weights, found

    return _with_signs(fit, signs)


def _with_signs(fit: Callable[[Flags], tuple[Floats, Fitted]], signs: Whole) -> Fitted:
    """The fit without the features whose weight says the opposite of `signs` (1, -1; 0: anything goes)."""
    columns = np.ones(len(signs), dtype=np.bool_)
    for _ in range(MOST_ROUNDS):
        weights, found = fit(columns)
        wrong = weights * signs < 0
        if not wrong.any():
            break
        columns &= ~wrong
    else:
        _, found = fit(columns)
    return found


def _shared(chosen: Flags, share: float) -> Floats:
    """A weight for each, so that the chosen have this share of it."""
    count = int(chosen.sum())
    if count in {0, len(chosen)}:
        return np.ones(len(chosen))
    return np.where(chosen, share / count, (1 - share) / (len(chosen) - count))
