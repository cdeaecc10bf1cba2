"""How well the local analyst tells content customers from others, on labelled conversations."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ouvidor.analysis.local.examples import LabelledConversation, own_examples
from ouvidor.analysis.local.fit import Whole
from ouvidor.analysis.local.judgement import Judgement, judge
from ouvidor.analysis.local.rate import rate_locally
from ouvidor.analysis.local.train import Example, train
from ouvidor.errors import Unprocessable
from ouvidor.evals.decision_metrics import Flags, Scores, auroc
from ouvidor.evals.files import read_cases

FOLDS = 10
RESAMPLES = 500
SEED = 20261121
TIMED_AT_MOST = 1000


@dataclass(frozen=True)
class Measured:
    """A measure over some rows, and of the rows that it was taken over their groups."""

    value: float | None
    standard_error: float | None


def run_analysis(cases_file: Path, cross_validate: str | None = None) -> dict[str, Any]:
    """AUROC of satisfied, goal_done, user_annoyed; mean error and rank correlation of satisfaction; verdicts a second.

    With `cross_validate`, a field of the rows, each row is judged by a model that saw no row of its group, and standard
    errors are given, from resampling groups. A figure is null where the labels are missing.

    Raises:
        Unprocessable: the file holds no cases, a row is wrong, or the field makes fewer than two groups.
    """
    cases = read_cases(cases_file, LabelledConversation)
    transcripts = [case.transcript() for case in cases]
    examples = [case.example() for case in cases]
    if cross_validate is None:
        judged, groups = [judge(example.sheet) for example in examples], [str(place) for place in range(len(cases))]
    else:
        groups = [case.group(cross_validate) for case in cases]
        judged = judge_unseen(examples, groups)
    timed = transcripts[:TIMED_AT_MOST]
    began = time.perf_counter()
    for transcript in timed:
        if transcript.lines:
            rate_locally(transcript)
    taken = time.perf_counter() - began
    measured = _measures(examples, judged, np.array(groups))
    figures: dict[str, Any] = {
        "cases": len(cases),
        "auroc": {name: measured[name].value for name in ("satisfied", "goal_done", "user_annoyed")},
        "mae": measured["mae"].value,
        "spearman": measured["spearman"].value,
        "per_second": round(len(timed) / max(taken, 1e-9), 1),
    }
    if cross_validate is not None:
        figures["groups"] = len(set(groups))
        figures["standard_errors"] = {name: one.standard_error for name, one in measured.items()}
    return figures


def judge_unseen(examples: Sequence[Example], groups: Sequence[str], folds: int = FOLDS) -> list[Judgement]:
    """Each example, judged by a model that was trained on the other folds; no group is in two folds.

    Our own examples take part in every training.

    Raises:
        Unprocessable: there are fewer than two groups.
    """
    fold_of = folds_of(groups, folds)
    own = own_examples()
    judged: dict[int, Judgement] = {}
    for fold in sorted(set(fold_of)):
        rest = [one for one, other in zip(examples, fold_of, strict=True) if other != fold and one.sheet.heard]
        model = train([*own, *rest])
        judged |= {place: judge(examples[place].sheet, model) for place, own in enumerate(fold_of) if own == fold}
    return [judged[place] for place in range(len(examples))]


def folds_of(groups: Sequence[str], folds: int = FOLDS) -> list[int]:
    """The fold of each row: groups go, the largest first, into the fold that holds the least.

    Raises:
        Unprocessable: there are fewer than two groups.
    """
    names, counts = np.unique(np.array(groups), return_counts=True)
    if len(names) < 2:
        raise Unprocessable("Cross-validation needs at least two groups: name a field whose values differ.")
    load = [0] * min(folds, len(names))
    fold_of: dict[str, int] = {}
    for place in np.argsort(-counts, kind="stable").tolist():
        fold = load.index(min(load))
        fold_of[str(names[place])] = fold
        load[fold] += int(counts[place])
    return [fold_of[group] for group in groups]


def _measures(
    examples: Sequence[Example], judged: Sequence[Judgement], groups: np.ndarray[Any, Any]
) -> Mapping[str, Measured]:
    def scores(head: Any, sign: float) -> Scores:
        return np.array([sign * one.chance[head] for one in judged])

    def known(labels: Sequence[bool | int | None]) -> Flags:
        return np.array([label is not None for label in labels])

    def rank(head: Any, sign: float, labels: Sequence[bool | None]) -> Measured:
        flags, seen = np.array([bool(label) for label in labels]), known(labels)
        return _measured(auroc, scores(head, sign)[seen], flags[seen], groups[seen])

    satisfaction = [one.satisfaction for one in examples]
    rated = known(satisfaction)
    truth = np.array([value or 0 for value in satisfaction])[rated]
    whole = np.array([one.satisfaction for one in judged], dtype=np.float64)[rated]
    exact = np.array([one.expected for one in judged])[rated]
    return {
        "satisfied": rank("dissatisfied", -1.0, [one.satisfied for one in examples]),
        "goal_done": rank("goal_failed", -1.0, [one.goal_done for one in examples]),
        "user_annoyed": rank("annoyed", 1.0, [one.annoyed for one in examples]),
        "mae": _measured(mean_error, whole, truth, groups[rated]),
        "spearman": _measured(spearman, exact, truth, groups[rated]),
    }


def _measured(measure: Any, scores: Scores, truth: np.ndarray[Any, Any], groups: np.ndarray[Any, Any]) -> Measured:
    """The measure, and its standard error by resampling whole groups (Efron & Tibshirani 1993)."""
    if not scores.size or not np.isfinite(measure(scores, truth)):
        return Measured(None, None)
    members: list[Whole] = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    chance = np.random.default_rng(SEED)
    drawn: list[float] = []
    for _ in range(RESAMPLES):
        places: list[int] = chance.integers(0, len(members), len(members)).tolist()
        rows = np.concatenate([members[place] for place in places])
        value = measure(scores[rows], truth[rows])
        if np.isfinite(value):
            drawn.append(value)
    error = round(float(np.std(drawn)), 4) if len(drawn) > 1 else None
    return Measured(round(float(measure(scores, truth)), 4), error)


def mean_error(scores: Scores, truth: np.ndarray[Any, Any]) -> float:
    """Mean absolute difference."""
    return float(np.mean(np.abs(scores - truth)))


def spearman(scores: Scores, truth: np.ndarray[Any, Any]) -> float:
    """Correlation of the ranks, ties by mid-ranks; NaN where either side is constant."""
    one, other = _mid_ranks(scores), _mid_ranks(truth)
    if one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _mid_ranks(values: np.ndarray[Any, Any]) -> Scores:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
