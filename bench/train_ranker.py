"""Trains the ranking (src/ouvidor/knowledge/ranker.json) and tells how well it carries over to other knowledge bases.

    python bench/train_ranker.py --faq SECTIONS QUERIES … --phrasings SECTIONS … --intents TRAIN CASES [--write]

Options as in train_confidence.py. From each family (one option) come further bases: FAQs without their questions, and
pairs of families thrown together, so that sections with and without questions learn to stand beside each other. Each
base is judged by weights trained on other families alone ("unseen"), by those trained on these and on the questions to
other sections of its own ("folds", five), by those trained on everything ("all"; that is what ships), beside BM25, the
nearest vector, and the sum BM25/best + 1.5 × nearest vector.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from pathlib import Path

import numpy as np
from confidence_cases import Base, Encoder, Floats, Index, faq_bases, phrasing_bases, utterance_bases
from numpy.typing import NDArray

from ouvidor.knowledge import ranking
from ouvidor.knowledge.lbfgs import minimise
from ouvidor.knowledge.ranking import FEATURES, Candidates, features
from ouvidor.settings import default_data_dir
from ouvidor.text import Language

WEIGHTS = Path(ranking.__file__).with_name("ranker.json")
CANDIDATES = 75
QUERIES = 400
FOLDS = 5
REAL_WEIGHT = 4.0
PENALTY = 1e-3
BASELINES = ("BM25", "cosine", "sum")
NOT_WEIGHED = ("bm25",)
WORDS = [FEATURES.index("bm25")]
ALL = [index for index, name in enumerate(FEATURES) if name not in NOT_WEIGHED]


class RememberingEncoder(Encoder):
    """Encodes a text once, however many bases hold it."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self._known: dict[tuple[str, Language], Floats] = {}

    def encode(self, texts: Sequence[str], languages: Sequence[Language]) -> Floats:
        pairs = list(zip(texts, languages, strict=True))
        if new := [pair for pair in dict.fromkeys(pairs) if pair not in self._known]:
            vectors = super().encode([text for text, _ in new], [language for _, language in new])
            self._known |= dict(zip(new, vectors, strict=True))
        return np.array([self._known[pair] for pair in pairs])


@dataclass(frozen=True)
class Question:
    """A query's candidates: their features, which of them answer, the nearest vector; `fold` is that of its section."""

    fold: int
    rows: Floats
    right: NDArray[np.bool_]
    nearest: Floats

    def baselines(self) -> dict[str, Floats]:
        bm25 = self.rows[:, FEATURES.index("bm25")]
        best = max(float(bm25.max()), 1e-9)
        return {"BM25": bm25, "cosine": self.nearest, "sum": bm25 / best + 1.5 * self.nearest}


@dataclass(frozen=True)
class Source:
    """A base and the families it is of; `weight` in training; `first`, how many queries are of the first of two."""

    base: Base
    families: frozenset[str]
    weight: float = 1.0
    first: int = 0


@dataclass(frozen=True)
class Measured:
    """A base with its questions."""

    source: Source
    questions: Sequence[Question]


def questions_of(index: Index) -> Iterator[Question]:
    """The questions that have an answer; candidates are the best by words and the nearest, as in the product."""
    everything = np.arange(len(index.base.sections))
    statistics = index.statistics(everything)
    for number, relevant in enumerate(index.base.relevant):
        if not relevant:
            continue
        query, found = index.candidates(number, everything)
        rows = features(query, found, statistics)
        nearest = nearest_vector(found)
        by_words, by_vectors = (np.argsort(-v, kind="stable")[: CANDIDATES // 2 + 13] for v in (rows[:, 0], nearest))
        kept = np.union1d(by_words, by_vectors)
        yield Question(min(relevant) % FOLDS, rows[kept], np.isin(kept, list(relevant)), nearest[kept])


def nearest_vector(found: Candidates) -> Floats:
    """Cosine of each section's nearest vector of any kind."""
    kinds = (found.heading_cosine, found.whole_cosine, found.phrasing_cosine, found.window_cosine)
    return np.nan_to_num(np.fmax.reduce(kinds), nan=-1.0)


def sources_of(arguments: argparse.Namespace) -> Iterator[Source]:
    """Every base: real questions to a base as it is weigh more than what is made of it."""
    faqs = [list(faq_bases(sections, queries)) for sections, queries in arguments.faq]
    phrasings = [list(phrasing_bases(path)) for path in arguments.phrasings]
    whole = [bases[0] for bases in [*faqs, *phrasings]]
    for first, *rest in faqs:
        yield Source(first, frozenset([first.family]), weight=REAL_WEIGHT)
        yield from (Source(base, frozenset([base.family])) for base in rest)
    for base in chain.from_iterable(phrasings):
        yield Source(base, frozenset([base.family]))
    for base in chain.from_iterable(utterance_bases(train, cases) for train, cases in arguments.intents):
        yield Source(base, frozenset([base.family]))
    for base in whole:
        if bare := without_questions(base):
            yield Source(bare, frozenset([base.family]))
    for one, other in combinations(whole, 2):
        for second in filter(None, (other, without_questions(other))):
            families = frozenset([one.family, other.family])
            yield Source(together(one, second), families, first=len(one.queries))


def without_questions(base: Base) -> Base | None:
    """The same queries to the answers alone."""
    if not all(section.question and section.content for section in base.sections):
        return None
    bare = [replace(section, question=None) for section in base.sections]
    return replace(base, name=f"{base.name}, bare", sections=bare)


def together(first: Base, second: Base) -> Base:
    """Both thrown into one knowledge base."""
    moved = [frozenset(len(first.sections) + place for place in places) for places in second.relevant]
    return Base(
        f"{first.name} + {second.name}",
        first.family,
        [*first.sections, *second.sections],
        [*first.queries, *second.queries],
        [*first.relevant, *moved],
    )


def fit(measured: Sequence[Measured], columns: Sequence[int]) -> Floats:
    """Weights of FEATURES (0 outside of `columns`) that make the right candidates likeliest; L2 on standardised ones.

    At most QUERIES questions of each base, drawn by a fixed seed; each base weighs its own weight however many it has.
    """
    drawn = [(base, draw(base.questions)) for base in measured]
    questions = [question for _, own in drawn for question in own]
    weight = np.array([base.source.weight / len(own) for base, own in drawn for _ in own])
    weight /= weight.sum()
    rows = np.concatenate([question.rows[:, columns] for question in questions])
    deviation = rows.std(axis=0) + 1e-9
    rows = rows / deviation
    starts = np.cumsum([0] + [len(question.right) for question in questions[:-1]])
    owner = np.repeat(np.arange(len(questions)), [len(question.right) for question in questions])
    target = np.concatenate([question.right / question.right.sum() for question in questions])

    def loss(weights: Floats) -> tuple[float, Floats]:
        utility = rows @ weights
        utility -= np.maximum.reduceat(utility, starts)[owner]
        likelihood = np.exp(utility)
        total = np.add.reduceat(likelihood, starts)
        value = -float((weight[owner] * target) @ (utility - np.log(total)[owner]))
        slope = (weight[owner] * (likelihood / total[owner] - target)) @ rows
        return value + PENALTY * float(weights @ weights), slope + 2 * PENALTY * weights

    found = np.zeros(len(FEATURES))
    found[columns] = minimise(loss, np.zeros(len(columns)), iterations=500, tolerance=1e-8) / deviation
    return found


def draw(questions: Sequence[Question]) -> list[Question]:
    usable = [question for question in questions if question.right.any()]
    chosen = np.random.default_rng(0).permutation(len(usable))[:QUERIES]
    return [usable[place] for place in chosen]


def measures(questions: Sequence[Question], scores: Sequence[Floats]) -> str:
    """Hit@1, hit@5, hit@10 and MRR@10 as text; the rank is that of the best right candidate."""
    ranks = np.array([rank_of_right(q.right, s) for q, s in zip(questions, scores, strict=True)])
    reciprocal = np.where(ranks <= 10, 1 / ranks, 0.0)
    return "".join(f"{np.mean(ranks <= depth):7.3f}" for depth in (1, 5, 10)) + f"{reciprocal.mean():7.3f}"


def rank_of_right(right: NDArray[np.bool_], scores: Floats) -> float:
    """From 1; infinity where no right section is among the candidates."""
    order = np.argsort(-scores, kind="stable")
    return float(np.argmax(right[order])) + 1 if right.any() else float("inf")


def without_fold(base: Measured, fold: int) -> Measured:
    return replace(base, questions=[question for question in base.questions if question.fold != fold])


def print_table(measured: Sequence[Measured], shipped: Floats, words: Floats) -> None:
    print(f"{'knowledge base':52s} {'ranking':9s}{'hit@1':>7s}{'hit@5':>7s}{'hit@10':>7s}{'mrr@10':>7s}")
    for base in measured:
        others = [other for other in measured if not other.source.families & base.source.families]
        scores = {name: [question.baselines()[name] for question in base.questions] for name in BASELINES}
        scores["words"] = [question.rows @ words for question in base.questions]
        unseen = fit(others, ALL)
        scores["unseen"] = [question.rows @ unseen for question in base.questions]
        by_fold = [fit([*others, without_fold(base, fold)], ALL) for fold in range(FOLDS)]
        scores["folds"] = [question.rows @ by_fold[question.fold] for question in base.questions]
        scores["all"] = [question.rows @ shipped for question in base.questions]
        for name, values in scores.items():
            print(f"{base.source.base.name[:52]:52s} {name:9s}{measures(base.questions, values)}")
        if base.source.first:
            for part in (slice(base.source.first), slice(base.source.first, None)):
                print(f"{'  of it':52s} {'all':9s}{measures(base.questions[part], scores['all'][part])}")


def as_json(by_vectors: Floats, by_words: Floats) -> str:
    named = {
        kind: {FEATURES[index]: round(float(weights[index]), 3) for index in columns}
        for kind, weights, columns in (("by_vectors", by_vectors, ALL), ("by_words", by_words, WORDS))
    }
    return json.dumps(named, indent=2) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faq", nargs=2, action="append", type=Path, default=[], metavar=("SECTIONS", "QUERIES"))
    parser.add_argument("--phrasings", action="append", type=Path, default=[], metavar="SECTIONS")
    parser.add_argument("--intents", nargs=2, action="append", type=Path, default=[], metavar=("TRAIN", "CASES"))
    parser.add_argument("--data", type=Path, default=default_data_dir(), help="folder of the model and kept vectors")
    parser.add_argument("--write", action="store_true", help="write the weights into the package")
    arguments = parser.parse_args()
    encoder = RememberingEncoder(arguments.data)
    measured = [Measured(source, list(questions_of(Index(source.base, encoder)))) for source in sources_of(arguments)]
    by_vectors, by_words = fit(measured, ALL), fit(measured, WORDS)
    print_table(measured, by_vectors, by_words)
    if arguments.write:
        WEIGHTS.write_text(as_json(by_vectors, by_words), encoding="utf-8")
    print(as_json(by_vectors, by_words))


if __name__ == "__main__":
    main()
