"""The local analyst beside words and a logistic regression, in the same folds of unseen tasks.

    python bench/analysis_baseline.py DATA.jsonl GROUP [--folds 10]

DATA as of `ouvidor evals run analysis`, GROUP a field of its rows. The baseline: TF-IDF of the words of both sides
(sublinear, in at least two conversations), and the same with the role before each word; logistic regression with
balanced classes and L2 (what scikit-learn calls C = 1). Standard errors, also those of the difference, are from
resampling groups. Ablations leave features or our own examples out.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ouvidor.analysis.local.examples import LabelledConversation, own_examples
from ouvidor.analysis.local.fit import Flags, Floats, balanced, fit_logistic
from ouvidor.analysis.local.judgement import HEADS, Head, judge
from ouvidor.analysis.local.sheet import Sheet
from ouvidor.analysis.local.train import Example, train
from ouvidor.evals.analysis import folds_of
from ouvidor.evals.decision_metrics import auroc
from ouvidor.evals.files import read_cases

RESAMPLES = 1000
GROUPS_OF_FEATURES = ("customer.", "agent.", "tone.", "end.", "outcome.", "repeats.", "answers.", "opening.", "pace.")


def words_of_both(case: LabelledConversation) -> list[str]:
    return [word for turn in case.turns for word in re.findall(r"\b\w\w+\b", turn.text.lower())]


def words_with_role(case: LabelledConversation) -> list[str]:
    return [f"{turn.role}_{word}" for turn in case.turns for word in turn.text.lower().split()]


def tf_idf(train_on: Sequence[list[str]], score: Sequence[list[str]]) -> tuple[Floats, Floats]:
    held = Counter(word for words in train_on for word in set(words))
    known = {word: place for place, word in enumerate(sorted(word for word in held if held[word] > 1))}
    idf = np.array([np.log((1 + len(train_on)) / (1 + held[word])) + 1 for word in known])

    def rows(texts: Sequence[list[str]]) -> Floats:
        found = np.zeros((len(texts), len(known)))
        for place, words in enumerate(texts):
            for word, count in Counter(words).items():
                if word in known:
                    found[place, known[word]] = 1 + np.log(count)
        found *= idf
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    return rows(train_on), rows(score)


def baseline(texts: list[list[str]], yes: Flags, folds: np.ndarray) -> Floats:
    scores = np.zeros(len(texts))
    for fold in np.unique(folds):
        seen = folds != fold
        known, asked = tf_idf(
            [t for t, s in zip(texts, seen, strict=True) if s], [t for t, s in zip(texts, seen, strict=True) if not s]
        )
        weight = balanced(yes[seen], np.ones(int(seen.sum())))
        model = fit_logistic(known, yes[seen], weight, l2=1 / int(seen.sum()))
        scores[~seen] = model.odds(asked)
    return scores


def ours(examples: list[Example], own: Sequence[Example], folds: np.ndarray) -> dict[Head, Floats]:
    scores: dict[Head, Floats] = {head: np.zeros(len(examples)) for head in HEADS}
    for fold in np.unique(folds):
        model = train([*own, *(one for one, f in zip(examples, folds, strict=True) if f != fold and one.sheet.heard)])
        for place in np.flatnonzero(folds == fold).tolist():
            for head, chance in judge(examples[place].sheet, model).chance.items():
                scores[head][place] = chance
    return scores


def without(example: Example, prefix: str) -> Example:
    kept = {name: value for name, value in example.sheet.values.items() if not name.startswith(prefix)}
    return replace(example, sheet=Sheet({"pace.lines": example.sheet.values["pace.lines"], **kept}, example.sheet.at))


def error_of(measure: Callable[[np.ndarray], float], groups: np.ndarray) -> float:
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    chance = np.random.default_rng(1)
    drawn = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[place] for place in chance.integers(0, len(members), len(members))])
        drawn.append(measure(rows))
    return float(np.nanstd(drawn))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("group")
    arguments.add_argument("--folds", type=int, default=10)
    given = arguments.parse_args()
    cases = read_cases(given.data, LabelledConversation)
    groups = np.array([case.group(given.group) for case in cases])
    folds = np.array(folds_of(groups.tolist(), given.folds))
    examples, own = [case.example() for case in cases], list(own_examples())
    mine = ours(examples, own, folds)
    print(f"{len(cases)} conversations, {len(set(groups))} groups, {given.folds} folds")
    for head in HEADS:
        labels = [one.label(head) for one in examples]
        known = np.flatnonzero([label is not None for label in labels])
        yes = np.array([bool(labels[place]) for place in known])
        scores = mine[head][known]
        own_error = error_of(lambda rows, s=scores, y=yes: auroc(s[rows], y[rows]), groups[known])
        print(f"{head}: {int(yes.sum())} of {len(yes)}; ours {auroc(scores, yes):.3f} (standard error {own_error:.3f})")
        for name, spell in (("words", words_of_both), ("words with roles", words_with_role)):
            theirs = baseline([spell(cases[place]) for place in known], yes, folds[known])

            def lead(rows: np.ndarray, theirs: Floats = theirs, s: Floats = scores, y: Flags = yes) -> float:
                return auroc(s[rows], y[rows]) - auroc(theirs[rows], y[rows])

            everything = np.arange(len(yes))
            error = error_of(lead, groups[known])
            print(f"  {name} {auroc(theirs, yes):.3f}, ours is {lead(everything):+.3f} (standard error {error:.3f})")
    show_ablations(examples, own, folds)


def show_ablations(examples: list[Example], own: Sequence[Example], folds: np.ndarray) -> None:
    def show(name: str, scores: dict[Head, Floats]) -> None:
        found = []
        for head in HEADS:
            labels = [one.label(head) for one in examples]
            known = np.flatnonzero([label is not None for label in labels])
            found.append(auroc(scores[head][known], np.array([bool(labels[place]) for place in known])))
        print(f"without {name}: " + ", ".join(f"{h} {v:.3f}" for h, v in zip(HEADS, found, strict=True)), flush=True)

    show("our own examples", ours(examples, [], folds))
    for prefix in GROUPS_OF_FEATURES:
        fewer, own_fewer = [without(one, prefix) for one in examples], [without(one, prefix) for one in own]
        show(prefix + "*", ours(fewer, own_fewer, folds))


if __name__ == "__main__":
    main()
