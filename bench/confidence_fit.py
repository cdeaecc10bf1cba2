"""Fitting the weights of the confidence of answering: the conditional logit, and the classifier's share in it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from confidence_cases import (
    QUERY_NAMES,
    SECTION_NAMES,
    SHOWN,
    Base,
    Case,
    Encoder,
    Floats,
    Index,
    Utterance,
    read_utterances,
)
from numpy.typing import NDArray

from ouvidor.knowledge import confidence, intents
from ouvidor.knowledge.ingest import section_input
from ouvidor.knowledge.lbfgs import minimise
from ouvidor.knowledge.ranking import rank

PENALTY = 1e-2
SHARE_OF_WHOLE = 2 / 3
OPINION_NAMES = ("constant", "odds", "log_probability", "best_logit", "cosine")
ASKED = 1_200

Names = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class Table:
    """Cases as arrays, rows padded to SHOWN sections; each base weighs the same, SHARE_OF_WHOLE of it its whole."""

    sections: Floats
    missing: NDArray[np.bool_]
    query: Floats
    place: NDArray[np.int64]
    weight: Floats

    @classmethod
    def of(cls, cases: Sequence[Case], names: Names) -> "Table":
        columns = [SECTION_NAMES.index(name) for name in names[0]]
        sections = np.zeros((len(cases), SHOWN, len(columns)))
        missing = np.ones((len(cases), SHOWN), dtype=bool)
        for row, case in enumerate(cases):
            sections[row, : len(case.sections)] = case.sections[:, columns]
            missing[row, : len(case.sections)] = False
        query = np.array([[case.query[QUERY_NAMES.index(name)] for name in names[1]] for case in cases])
        group = [(case.base, case.seed < 0) for case in cases]
        size = Counter(group)
        share = {True: SHARE_OF_WHOLE, False: 1 - SHARE_OF_WHOLE}
        weight = np.array([share[key[1]] / size[key] for key in group])
        place = np.array([case.place if case.place >= 0 else SHOWN for case in cases])
        return cls(sections, missing, query, place, weight / weight.sum())


def probabilities(table: Table, weights: Floats) -> Floats:
    """(n, SHOWN + 1), the last for "none"."""
    width = table.sections.shape[2]
    utility = np.concatenate([table.sections @ weights[:width], (table.query @ weights[width:])[:, None]], axis=1)
    utility[:, :SHOWN][table.missing] = -np.inf
    likelihood = np.exp(utility - utility.max(axis=1, keepdims=True))
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def fit_logit(table: Table) -> Floats:
    """Weights of sections' and of the query's evidence; the penalty is on standardised evidence, the constant free."""
    rows = table.sections[~table.missing]
    deviation = np.concatenate([rows.std(axis=0), table.query.std(axis=0)]) + 1e-9
    width = rows.shape[1]
    penalty = PENALTY * deviation**2
    penalty[width] = 0
    each = np.arange(len(table.place))

    def loss(scaled: Floats) -> tuple[float, Floats]:
        weights = scaled / deviation
        share = probabilities(table, weights)
        value = -float(table.weight @ np.log(share[each, table.place] + 1e-12)) + float(penalty @ weights**2)
        share[each, table.place] -= 1
        share *= table.weight[:, None]
        slope = [np.einsum("ns,nsf->f", share[:, :SHOWN], table.sections), table.query.T @ share[:, SHOWN]]
        return value, (np.concatenate(slope) + 2 * penalty * weights) / deviation

    deviation[width] = 1
    return minimise(loss, np.zeros(deviation.size), iterations=300, tolerance=1e-7) / deviation


@dataclass(frozen=True)
class Sample:
    """Some labels, `shots` utterances of each: the first ones, which resemble each other, or any."""

    labels: int
    shots: int
    first: bool


SAMPLES = (
    Sample(150, 100, first=True),
    Sample(150, 30, first=False),
    Sample(150, 10, first=False),
    Sample(150, 12, first=True),
    Sample(150, 5, first=True),
    Sample(75, 100, first=True),
    Sample(75, 20, first=True),
    Sample(75, 5, first=False),
    Sample(40, 100, first=True),
    Sample(40, 30, first=False),
    Sample(40, 10, first=False),
    Sample(40, 5, first=True),
)


@dataclass(frozen=True)
class Opinions:
    """What classifiers of `group` sections said of utterances, (n, len(OPINION_NAMES)).

    `right` is whether the section ranked first is the one; `weight` makes known, near and far utterances even.
    """

    group: NDArray[np.int64]
    rows: Floats
    right: NDArray[np.bool_]
    answerable: NDArray[np.bool_]
    weight: Floats


def gather_opinions(train: Path, cases: Path, encoder: Encoder, model: confidence.Model) -> Opinions:
    """Classifiers over samples of the labels; the other labels' utterances are unanswerable."""
    known: dict[str, list[str]] = defaultdict(list)
    strange: list[Utterance] = []
    for utterance in read_utterances(train):
        if utterance.label:
            known[utterance.label].append(utterance.text)
        else:
            strange.append(utterance)
    asked = read_utterances(cases)
    parts = [_opinions_of(sample, known, asked, strange, encoder, model) for sample in SAMPLES]
    return Opinions(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Opinions.__dataclass_fields__)
    )


def _opinions_of(
    sample: Sample,
    known: dict[str, list[str]],
    asked: Sequence[Utterance],
    strange: Sequence[Utterance],
    encoder: Encoder,
    model: confidence.Model,
) -> Opinions:
    draw = np.random.default_rng([sample.labels, sample.shots])
    labels = [str(label) for label in draw.permutation(sorted(known))[: sample.labels]]
    shown = [known[label] if sample.first else draw.permutation(known[label]).tolist() for label in labels]
    cases = [asked[place] for place in draw.permutation(len(asked))[:ASKED]] + list(strange)
    rows = [
        section_input({"title": label, "content": label, "phrasings": texts[: sample.shots], "language": "en"})
        for label, texts in zip(labels, shown, strict=True)
    ]
    gold = np.array([labels.index(u.label) if u.label in labels else -1 for u in cases])
    base = Base("", "", rows, [u.text for u in cases], [frozenset([place]) for place in gold.tolist()])
    index, everything = Index(base, encoder), np.arange(len(rows))
    flat = [(text, place) for place, row in enumerate(rows) for text in row.phrasings]
    vectors = encoder.encode([text for text, _ in flat], ["en"] * len(flat)).astype(np.float32)
    owners = np.array([place for _, place in flat])
    classifier = intents.train(intents.Phrasings([text for text, _ in flat], vectors, owners))
    statistics = index.statistics(everything)
    found, right = [], []
    for number, case in enumerate(cases):
        query, candidates = index.candidates(number, everything)
        evidence = confidence.gather(query, candidates, statistics)
        guess = classifier.guess(case.text, index.queries[number].astype(np.float32))
        classified = confidence.Classified.of(classifier, guess, everything)
        strength = classifier.strength
        opinion = classified.log_probability()
        best = int(((1 - strength) * rank(query, candidates, statistics) + strength * opinion).argmax())
        plain = confidence.relevance(evidence, model)[best]
        cosine = classifier.cosine.standardise(evidence.sections["question_cosine"][best])
        odds = np.log(plain / (1 - plain))
        found.append((1.0, odds, opinion[best], guess.best_logit, cosine))
        right.append(best == gold[number])
    kind = np.array([0 if place >= 0 else 2 if case.label else 1 for place, case in zip(gold, cases, strict=True)])
    weight = np.array([2.0, 1.0, 1.0])[kind] / np.bincount(kind, minlength=3)[kind]
    print(f"classifier of {sample}: {classifier.accuracy:.3f} of unseen phrasings right")
    return Opinions(np.full(len(cases), sample.labels), np.array(found), np.array(right), gold >= 0, weight)


def fit_opinions(opinions: Opinions, chosen: NDArray[np.bool_]) -> Floats:
    """Weights of the logistic regression for "right", (len(OPINION_NAMES),)."""
    rows, sign = opinions.rows[chosen], np.where(opinions.right[chosen], 1.0, -1.0)
    weight = opinions.weight[chosen] / opinions.weight[chosen].sum()

    def loss(weights: Floats) -> tuple[float, Floats]:
        agreed = sign * (rows @ weights)
        value = float(weight @ np.logaddexp(0, -agreed)) + 1e-4 * float(weights @ weights)
        return value, -rows.T @ (weight * sign / (1 + np.exp(agreed))) + 2e-4 * weights

    return minimise(loss, np.zeros(rows.shape[1]), iterations=200, tolerance=1e-8)
