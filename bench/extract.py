"""Token-F1 of extracted answers by cross-validation, and the training of spans.json.

    python bench/extract.py --sections sections.jsonl --queries queries.jsonl [--language pt] [--write]

Sections are `{id, text}`, queries `{query, relevant_ids, answers}`. The folds keep the questions of one passage
together. `--write` learns from everything and stores the weights in the package.
"""

import argparse
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ouvidor.agent import spans
from ouvidor.agent.extract import extract
from ouvidor.agent.reading import Reading, read
from ouvidor.text import Language, sentences, terms

WEIGHTS = Path(spans.__file__).with_name("spans.json")
L2, EPOCHS, RATE, BATCH, SHARPNESS = 3e-3, 15, 0.05, 16, 2.0
SMALLEST_WEIGHT = 0.05


@dataclass(frozen=True)
class Query:
    text: str
    passage: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """Features as (token, feature, value) triples in three arrays each; `gain` is each candidate's F1."""

    start: tuple[np.ndarray, np.ndarray, np.ndarray]
    end: tuple[np.ndarray, np.ndarray, np.ndarray]
    inside: tuple[np.ndarray, np.ndarray, np.ndarray]
    length: tuple[np.ndarray, np.ndarray, np.ndarray]
    firsts: np.ndarray
    lasts: np.ndarray
    gain: np.ndarray
    size: int


def normalise(text: str) -> list[str]:
    """SQuAD's normalisation without its list of English articles."""
    return re.sub(r"[^\w\s]", "", text.lower()).split()


def token_f1(text: str, answers: Sequence[str]) -> float:
    found = Counter(normalise(text))
    best = 0.0
    for answer in answers:
        wanted = Counter(normalise(answer))
        shared = (found & wanted).total()
        if shared:
            best = max(best, 2 * shared / (found.total() + wanted.total()))
    return best


def gains(reading: Reading, firsts: np.ndarray, lasts: np.ndarray, answers: Sequence[str]) -> np.ndarray:
    words = [normalise(token.text) for token in reading.tokens]
    gain = np.zeros(len(firsts))
    for answer in answers:
        wanted = Counter(normalise(answer))
        first_before, held, shared, upto = -1, Counter[str](), 0, 0
        for place, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
            if first != first_before:
                first_before, held, shared, upto = first, Counter(), 0, first
            for index in range(upto, last + 1):
                for word in words[index]:
                    held[word] += 1
                    shared += held[word] <= wanted[word]
            upto = last + 1
            gain[place] = max(gain[place], 2 * shared / max(1, held.total() + wanted.total()))
    return gain


def triples(rows: Sequence[spans.Features], vocabulary: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flat = [
        (row, vocabulary.setdefault(name, len(vocabulary)), value)
        for row, features in enumerate(rows)
        for name, value in features.items()
        if value
    ]
    return (
        np.array([row for row, _, _ in flat]),
        np.array([name for _, name, _ in flat]),
        np.array([value for _, _, value in flat]),
    )


def example(query: Query, text: str, language: Language, vocabulary: dict[str, int]) -> Example:
    reading = read(query.text, sentences(text), language)
    firsts, lasts = spans.candidates(reading.tokens)
    tokens = range(len(reading.tokens))
    return Example(
        triples([spans.start_features(reading, index) for index in tokens], vocabulary),
        triples([spans.end_features(reading, index) for index in tokens], vocabulary),
        triples([spans.inside_features(reading, index) for index in tokens], vocabulary),
        triples([spans.length_features(reading, size) for size in range(1, spans.MAX_SPAN + 1)], vocabulary),
        firsts,
        lasts,
        gains(reading, firsts, lasts, query.answers),
        len(reading.tokens),
    )


def add_gradient(one: Example, weights: np.ndarray, gradient: np.ndarray) -> None:
    """Adds the gradient of -log(sum of probability x gain²), the chance to pick a good span."""

    def totals(part: tuple[np.ndarray, np.ndarray, np.ndarray], size: int) -> np.ndarray:
        return np.bincount(part[0], weights=weights[part[1]] * part[2], minlength=size)

    inside = np.concatenate([[0.0], np.cumsum(totals(one.inside, one.size))])
    score = totals(one.start, one.size)[one.firsts] + totals(one.end, one.size)[one.lasts]
    score += inside[one.lasts + 1] - inside[one.firsts]
    score += totals(one.length, spans.MAX_SPAN)[one.lasts - one.firsts]
    share = np.exp(score - score.max())
    share /= share.sum()
    good = share * one.gain**SHARPNESS
    if good.sum() < 1e-12:
        return
    error = share - good / good.sum()
    starts = np.bincount(one.firsts, weights=error, minlength=one.size)
    ends = np.bincount(one.lasts, weights=error, minlength=one.size)
    covering = np.cumsum(starts) - np.concatenate([[0.0], np.cumsum(ends)[:-1]])
    lengths = np.bincount(one.lasts - one.firsts, weights=error, minlength=spans.MAX_SPAN)
    for part, values in ((one.start, starts), (one.end, ends), (one.inside, covering), (one.length, lengths)):
        np.add.at(gradient, part[1], values[part[0]] * part[2])


def learn(examples: Sequence[Example], size: int) -> np.ndarray:
    """Adam with a falling rate and L2."""
    weights, mean, square = np.zeros(size), np.zeros(size), np.zeros(size)
    order, step = np.random.default_rng(0), 0
    for epoch in range(EPOCHS):
        shuffled = order.permutation(len(examples))
        for batch in np.array_split(shuffled, math.ceil(len(shuffled) / BATCH)):
            gradient = np.zeros(size)
            for index in batch:
                add_gradient(examples[index], weights, gradient)
            gradient = gradient / len(batch) + L2 * weights
            step += 1
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.99 * square + 0.01 * gradient**2
            rate = RATE * (1 - epoch / EPOCHS)
            weights -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-6)
    return weights


def named(weights: np.ndarray, vocabulary: Mapping[str, int]) -> dict[str, float]:
    return {
        name: round(float(weights[index]), 3)
        for name, index in sorted(vocabulary.items())
        if abs(weights[index]) >= SMALLEST_WEIGHT
    }


def bm25_best(queries: Sequence[Query], passages: Mapping[str, str], language: Language) -> list[str]:
    """The best passage of plain BM25 (k1 = 1.5, b = 0.75) for each query."""
    bags = {name: Counter(terms(text, language)) for name, text in passages.items()}
    mean = sum(bag.total() for bag in bags.values()) / len(bags)
    frequency = Counter(term for bag in bags.values() for term in bag)

    def score(query: frozenset[str], bag: Counter[str]) -> float:
        norm = 1.5 * (0.25 + 0.75 * bag.total() / mean)
        return sum(
            math.log(1 + (len(bags) - frequency[term] + 0.5) / (frequency[term] + 0.5))
            * bag[term] * 2.5 / (bag[term] + norm)
            for term in query & bag.keys()
        )  # fmt: skip

    wanted = [frozenset(terms(query.text, language)) for query in queries]
    return [max(bags, key=lambda name: score(query, bags[name])) for query in wanted]


def folds_of(queries: Sequence[Query], count: int) -> list[int]:
    passages = sorted({query.passage for query in queries})
    random.Random(0).shuffle(passages)
    fold = {passage: index % count for index, passage in enumerate(passages)}
    return [fold[query.passage] for query in queries]


def evaluate(
    queries: Sequence[Query], passages: Mapping[str, str], given: Sequence[str], models: Sequence[Mapping[str, float]],
    folds: Sequence[int], language: Language,
) -> dict[str, float]:  # fmt: skip
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for query, passage, fold in zip(queries, given, folds, strict=True):
        text = passages[passage]
        found = extract(query.text, text, language, weights=models[fold])
        split = sentences(text)
        scores["passage is right"].append(passage == query.passage)
        scores["first sentence"].append(token_f1(split[0], query.answers))
        scores["best possible sentence"].append(max(token_f1(sentence, query.answers) for sentence in split))
        scores["shown"].append(token_f1(found.text, query.answers))
        scores["span"].append(token_f1(found.span, query.answers))
        scores["words shown"].append(len(found.text.split()))
    return {name: float(np.mean(values)) for name, values in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--language", choices=["pt", "en"], default="pt")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="learn from everything and store the weights")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.sections.read_text("utf-8").splitlines()]
    passages: dict[str, str] = {row["id"]: row["text"] for row in rows}
    rows = [json.loads(line) for line in options.queries.read_text("utf-8").splitlines()]
    queries = [Query(row["query"], row["relevant_ids"][0], tuple(row["answers"])) for row in rows]
    vocabulary: dict[str, int] = {}
    examples = [example(query, passages[query.passage], options.language, vocabulary) for query in queries]
    folds = folds_of(queries, options.folds)
    models = [
        named(learn([one for one, at in zip(examples, folds, strict=True) if at != fold], len(vocabulary)), vocabulary)
        for fold in range(options.folds)
    ]
    for title, given in (
        ("right passage", [query.passage for query in queries]),
        ("best passage of BM25", bm25_best(queries, passages, options.language)),
    ):
        print(f"{title} ({len(queries)} questions, {options.folds}-fold cross-validation)")
        for name, value in evaluate(queries, passages, given, models, folds, options.language).items():
            print(f"  {name:24} {value:.3f}")
    if options.write:
        trained = named(learn(examples, len(vocabulary)), vocabulary)
        WEIGHTS.write_text(json.dumps(trained, indent=0, ensure_ascii=False) + "\n", "utf-8")
        print(f"{len(trained)} weights written")


if __name__ == "__main__":
    main()
