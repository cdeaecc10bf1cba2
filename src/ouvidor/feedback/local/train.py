"""Training, cross-validation and calibration of the local classifier; whether a new model replaces the old. Pure.

Folds are whole domains where the examples have domains (what is measured is then a trade never seen), and every fifth
example of a category where they have none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ouvidor.feedback.classification import Sentiment
from ouvidor.feedback.examples import Example
from ouvidor.feedback.local.features import Features, Rows, Scaling
from ouvidor.feedback.local.fit import best_temperature, fit, log_loss, probabilities
from ouvidor.feedback.local.grams import Floats, Numbers
from ouvidor.feedback.local.model import Chances, Head, Measured, Model
from ouvidor.feedback.measures import accuracy, calibration_error, confusion, macro_f1, places, reliability

SENTIMENTS: tuple[Sentiment, ...] = ("positive", "neutral", "negative")
FOLDS = 5
EVEN = 0.5  # 0 leaves categories of many examples their weight, 1 makes all weigh the same
FEW = 20
FEWEST_TO_CALIBRATE = 50
WORSE_ALLOWED = 1e-9

_FEELING: dict[str, Sentiment] = {"praise": "positive", "criticism": "negative"}


@dataclass(frozen=True)
class Task:
    """What a head learns: rows made by `scaling`, the class of each (n,), its weight (n,), its fold (n,)."""

    scaling: Scaling
    rows: Rows
    classes: tuple[str, ...]
    labels: Numbers
    weights: Floats
    folds: Numbers


def train(examples: Sequence[Example], features: Features, codes: Sequence[str], *, base: Model | None = None) -> Model:
    """The model of the categories `codes` from labelled comments and their features, calibrated and measured.

    `base`, a model of ours for vectors of the same kind, lends its scaling and its sentiment; without it the examples
    must be ours, or hold ours. Every category needs an example. The same input gives the same model.
    """
    scaling = scaling_for(examples, features, codes, base)
    task = category_task(examples, scaling, features, codes)
    unseen = cross_validate(task)
    sentiment = base.sentiment if base else _learnt(sentiment_task(examples, scaling, features))
    return Model(features.vectors.shape[1], _calibrated(task, unseen), sentiment, measure(task, unseen))


def scaling_for(examples: Sequence[Example], features: Features, codes: Sequence[str], base: Model | None) -> Scaling:
    """That of the base, or what fits the features; for few examples a category (under FEW, of the median) its like."""
    counts = sorted(sum(example.category == code for example in examples) for code in codes)
    scaling = base.sentiment.scaling if base else Scaling.of(features)
    return scaling.for_few() if counts[len(counts) // 2] < FEW else scaling


def category_task(examples: Sequence[Example], scaling: Scaling, features: Features, codes: Sequence[str]) -> Task:
    """Learning the categories from these examples."""
    labels = places(codes, [example.category for example in examples])
    weights = np.array([example.weight for example in examples], np.float32)
    weights, folds = _evened(weights, labels, len(codes)), folds_of(examples, labels)
    return Task(scaling, scaling.rows(features), tuple(codes), labels, weights, folds)


def sentiment_task(examples: Sequence[Example], scaling: Scaling, features: Features) -> Task:
    """Learning the sentiment from our examples."""
    labels = places(SENTIMENTS, [feeling_of(example) for example in examples])
    weights = _evened(np.ones(labels.size, np.float32), labels, len(SENTIMENTS))
    return Task(scaling, scaling.rows(features), SENTIMENTS, labels, weights, folds_of(examples, labels))


def cross_validate(task: Task, taught: Numbers | None = None) -> Floats:
    """Logits of every example, (n, k), by a model that saw no example of its fold; `taught` are those it may see."""
    logits = np.zeros((task.labels.size, len(task.classes)), np.float32)
    may = np.ones(task.labels.size, bool)
    if taught is not None:
        may[:] = False
        may[taught] = True
    for fold in np.unique(task.folds):
        held = task.folds == fold
        seen = np.flatnonzero(~held & may)
        if seen.size:
            weights = fit(_part(task.rows, seen), task.labels[seen], task.weights[seen], len(task.classes))
            logits[held] = _part(task.rows, np.flatnonzero(held)).times(weights)
    return logits


def measure(task: Task, unseen: Floats) -> Measured:
    """How good the logits of examples not trained on are, calibrated fold by fold by the other folds."""
    chances = _cross_calibrated(task, unseen)
    given = chances.argmax(axis=1)
    right, confidences = given == task.labels, chances.max(axis=1)
    counts = confusion(task.labels, given, len(task.classes))
    return Measured(
        examples=task.labels.size,
        macro_f1=round(macro_f1(counts), 4),
        accuracy=round(accuracy(counts), 4),
        log_loss=round(log_loss(chances, task.labels), 4),
        raw_log_loss=round(log_loss(probabilities(unseen), task.labels), 4),
        calibration_error=round(calibration_error(confidences, right), 4),
        bins=tuple(reliability(confidences, right)),
    )


@dataclass(frozen=True)
class Comparison:
    """The old and the new training set, measured on the same examples in the same folds.

    `noise` is one standard error of the difference between their shares of right ones; `new_before` and `new_after` are
    the shares of right ones among the new examples alone (0 without any).
    """

    before: Measured
    after: Measured
    noise: float
    new_before: float
    new_after: float

    @property
    def promoted(self) -> bool:
        """Whether the new one replaces the old: log-loss is no worse, macro-F1 not beyond noise, new ones no worse.

        Macro-F1 jumps where one of two near categories wins by a hair: of two sets that teach alike half would be kept
        out without the noise.
        """
        return (
            self.after.log_loss <= self.before.log_loss + WORSE_ALLOWED
            and self.after.macro_f1 >= self.before.macro_f1 - max(self.noise, WORSE_ALLOWED)
            and self.new_after >= self.new_before
        )


def compare(
    examples: Sequence[Example], features: Features, codes: Sequence[str], known: int, *, scaling: Scaling
) -> Comparison:
    """What the examples behind the first `known` add: models with and without them judge all examples, fold by fold."""
    task = category_task(examples, scaling, features, codes)
    before, after = cross_validate(task, np.arange(known)), cross_validate(task)
    right_before, right_after = (logits.argmax(axis=1) == task.labels for logits in (before, after))
    shares = [float(right[known:].mean()) if known < right.size else 0.0 for right in (right_before, right_after)]
    return Comparison(measure(task, before), measure(task, after), _noise(right_before, right_after), *shares)


def _noise(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """One standard error of the difference of two shares of the same cases (McNemar 1947)."""
    gains, losses = int((after & ~before).sum()), int((before & ~after).sum())
    return float(np.sqrt(gains + losses - (gains - losses) ** 2 / before.size) / before.size)


def folds_of(examples: Sequence[Example], labels: Numbers) -> Numbers:
    """The fold of each example: its domain, and without one its turn among those of its category."""
    domains = sorted({example.domain for example in examples if example.domain})
    turn = Counter[int]()
    folds: list[int] = []
    places_of_labels: list[int] = labels.tolist()
    for example, label in zip(examples, places_of_labels, strict=True):
        if example.domain:
            folds.append(domains.index(example.domain) if len(domains) > 1 else len(folds) % FOLDS)
        else:
            folds.append(turn[label] % max(len(domains), FOLDS))
            turn[label] += 1
    return np.array(folds, np.int64)


def feeling_of(example: Example) -> Sentiment:
    """The sentiment of one of our examples, by its category and by what it holds besides."""
    also = _FEELING.get(example.also or "")
    if example.category in _FEELING and also not in {None, _FEELING[example.category]}:
        return "neutral"
    return _FEELING.get(example.category) or (also if also and example.category != "spam" else None) or "neutral"


def _learnt(task: Task) -> Head:
    return _calibrated(task, cross_validate(task))


def _calibrated(task: Task, unseen: Floats) -> Head:
    weights = fit(task.rows, task.labels, task.weights, len(task.classes))
    enough = task.labels.size >= FEWEST_TO_CALIBRATE
    return Head(task.scaling, task.classes, weights, best_temperature(unseen, task.labels) if enough else 1.0)


def _cross_calibrated(task: Task, unseen: Floats) -> Chances:
    if task.labels.size < FEWEST_TO_CALIBRATE:
        return probabilities(unseen)
    chances = np.zeros(unseen.shape)
    for fold in np.unique(task.folds):
        held = task.folds == fold
        chances[held] = probabilities(unseen[held], best_temperature(unseen[~held], task.labels[~held]))
    return chances


def _evened(weights: Floats, labels: Numbers, classes: int) -> Floats:
    """The weights, so that a category of many examples does not drown one of few."""
    totals = np.bincount(labels, weights, minlength=classes)
    return (weights * (totals[labels] / totals.max()) ** -EVEN).astype(np.float32)


def _part(rows: Rows, chosen: Numbers) -> Rows:
    return Rows(rows.dense[chosen], rows.sparse.of(chosen))
