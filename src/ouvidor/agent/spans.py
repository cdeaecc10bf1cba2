"""Scores every span of a passage as the answer to a question: a log-linear model over readable features.

A span's score is the sum of what speaks for its start, its end, the words inside and its length; the probability of a
span is its share among all spans of the passage (soft-max). `bench/extract.py` learns the weights in spans.json.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ouvidor.agent.lexicon import PREPOSITIONS
from ouvidor.agent.reading import Reading, Token

Features: TypeAlias = dict[str, float]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MAX_SPAN = 40
"""Tokens in the longest span."""
_WINDOW = 8
_DECAY = 0.85
_LIKELIEST = 80
_PAIRED = (("bracket_open", "bracket_close"), ("quote_open", "quote_close"))


@dataclass(frozen=True)
class Span:
    """Tokens `first` to `last` of a reading; `expected_f1` is the token-F1 that the model expects of it, 0 to 1."""

    first: int
    last: int
    expected_f1: float


def start_features(reading: Reading, index: int) -> Features:
    """What speaks for or against an answer that begins at this token."""
    asked, sentence = reading.asked.kind, reading.tokens[index].sentence
    kind, before = reading.tokens[index].kind, reading.kind(index - 1, sentence)
    found = {
        f"s {before} {kind}": 1.0,
        f"s {kind}": 1.0,
        f"s {before} _": 1.0,
        f"s {kind} {asked}": 1.0,
        f"s {before} _ {asked}": 1.0,
        f"s {reading.kind(index - 2, sentence)} {before} _": 1.0,
    }
    found |= _sentence_features(reading, sentence)
    found |= _context(reading, index, -1, "s")
    found |= _start_matches(reading, index, sentence)
    if reading.asked.preposition in PREPOSITIONS:
        found["s preposition"] = float(kind == reading.asked.preposition)
        found["s preposition before"] = float(before == reading.asked.preposition)
    return found


def _sentence_features(reading: Reading, sentence: int) -> Features:
    asked, coverage, pairs = reading.asked.kind, reading.coverage, reading.pairs
    return {
        "coverage": coverage[sentence],
        f"coverage {asked}": coverage[sentence],
        "coverage short of best": coverage[sentence] - max(coverage),
        "coverage of previous": coverage[sentence - 1] if sentence else 0.0,
        "pairs": pairs[sentence],
        "pairs short of best": pairs[sentence] - max(pairs),
        f"rank {min(reading.rank[sentence], 2)}": 1.0,
        f"rank {min(reading.rank[sentence], 2)} {asked}": 1.0,
        "position": min(sentence, 4) / 4,
        "last sentence": float(sentence == len(coverage) - 1),
    }


def _context(reading: Reading, index: int, step: int, side: str) -> Features:
    """The question's stems within eight tokens on one side, each once, fading with distance."""
    asked, sentence = reading.asked.kind, reading.tokens[index].sentence
    seen: set[str] = set()
    total, nearest = 0.0, None
    for distance in range(_WINDOW):
        match = reading.match(index + step * (distance + 1), sentence)
        if match and match not in seen:
            seen.add(match)
            total += reading.weight[match] * _DECAY**distance
            nearest = distance if nearest is None else nearest
    found = {f"{side} context": total, f"{side} context {asked}": total}
    if nearest is None:
        return found | {f"{side} no context {asked}": 1.0}
    return found | {f"{side} near {min(nearest, 4)}": 1.0, f"{side} near {min(nearest, 4)} {asked}": 1.0}


def _start_matches(reading: Reading, index: int, sentence: int) -> Features:
    asked, found = reading.asked, Features()
    own, one, two = (reading.match(index - back, sentence) for back in (0, 1, 2))
    for name, stem in (("first", asked.stems[:1]), ("last", asked.stems[-1:])):
        if one and (one,) == stem:
            found |= {f"s after {name}": 1.0, f"s after {name} {asked.kind}": 1.0}
        if two and (two,) == stem:
            found[f"s two after {name} {reading.kind(index - 1, sentence)}"] = 1.0
    if own:
        found |= {"s match": 1.0, f"s match {asked.kind}": 1.0}
    if asked.head and asked.head in (own, one, two):
        place = (own, one, two).index(asked.head)
        found |= {f"s head {place}": 1.0, f"s head {place} {asked.kind}": 1.0}
    return found


def end_features(reading: Reading, index: int) -> Features:
    """What speaks for or against an answer that ends at this token."""
    asked, sentence = reading.asked, reading.tokens[index].sentence
    kind, after = reading.tokens[index].kind, reading.kind(index + 1, sentence)
    own, following = reading.match(index, sentence), reading.match(index + 1, sentence)
    found = {
        f"e {kind} {after}": 1.0,
        f"e {kind}": 1.0,
        f"e _ {after}": 1.0,
        f"e {kind} {asked.kind}": 1.0,
        f"e _ {after} {asked.kind}": 1.0,
        f"e _ {after} {reading.kind(index + 2, sentence)}": 1.0,
        "e match": float(bool(own)),
    }
    found |= _context(reading, index, +1, "e")
    if following and (following,) == asked.stems[:1]:
        found |= {"e before first": 1.0, f"e before first {asked.kind}": 1.0}
    if following and (following,) == asked.stems[-1:]:
        found["e before last"] = 1.0
    if asked.head:
        found[f"e head {asked.kind}"] = float(own == asked.head)
        found[f"e before head {asked.kind}"] = float(following == asked.head)
    return found


def inside_features(reading: Reading, index: int) -> Features:
    """What speaks for or against an answer that holds this token."""
    token, match, asked = reading.tokens[index], reading.matched[index], reading.asked.kind
    found = {f"i {token.kind}": 1.0, f"i {token.kind} {asked}": 1.0}
    if match:
        found |= {"i match": 1.0, "i weight": reading.weight[match], f"i weight {asked}": reading.weight[match]}
    return found


def length_features(reading: Reading, length: int) -> Features:
    """What speaks for or against an answer of so many tokens."""
    bin_ = next((top for top in (1, 2, 3, 4, 5, 6, 8, 11, 15, 20, 30) if length <= top), MAX_SPAN)
    return {f"l {bin_}": 1.0, f"l {bin_} {reading.asked.kind}": 1.0}


def candidates(tokens: Sequence[Token]) -> tuple[Ints, Ints]:
    """First and last token of every span within a sentence that begins and ends in a word and closes what it opens."""
    worded = [token.text[0].isalnum() or token.kind == "number" for token in tokens]
    depth = [(0, 0)]
    for token in tokens:
        rounds, quotes = ((token.kind == opened) - (token.kind == closed) for opened, closed in _PAIRED)
        depth.append((depth[-1][0] + rounds, depth[-1][1] + quotes))
    firsts: list[int] = []
    lasts: list[int] = []
    for first, token in enumerate(tokens):
        if not worded[first]:
            continue
        for last in range(first, min(first + MAX_SPAN, len(tokens))):
            if tokens[last].sentence != token.sentence:
                break
            if worded[last] and depth[last + 1] == depth[first]:
                firsts.append(first)
                lasts.append(last)
    return np.array(firsts, dtype=np.int64), np.array(lasts, dtype=np.int64)


@cache
def trained_weights() -> Mapping[str, float]:
    """The weights that ship with the package, by feature."""
    return json.loads(files("ouvidor.agent").joinpath("spans.json").read_text(encoding="utf-8"))


def _total(features: Features, weights: Mapping[str, float]) -> float:
    return sum(weights.get(name, 0.0) * value for name, value in features.items())


def probabilities(reading: Reading, firsts: Ints, lasts: Ints, weights: Mapping[str, float]) -> Floats:
    """The probability of each candidate, summing to 1."""
    indexes = range(len(reading.tokens))
    start = np.array([_total(start_features(reading, index), weights) for index in indexes])
    end = np.array([_total(end_features(reading, index), weights) for index in indexes])
    inside = np.cumsum([0.0] + [_total(inside_features(reading, index), weights) for index in indexes])
    length = np.array([_total(length_features(reading, size), weights) for size in range(1, MAX_SPAN + 1)])
    score = start[firsts] + end[lasts] + inside[lasts + 1] - inside[firsts] + length[lasts - firsts]
    share = np.exp(score - score.max())
    return share / share.sum()


def best_span(firsts: Ints, lasts: Ints, probability: Floats) -> Span:
    """The span of the highest expected token-F1 against the eighty likeliest (minimum Bayes risk)."""
    top = np.argsort(-probability, kind="stable")[:_LIKELIEST]
    first, last, share = firsts[top], lasts[top], probability[top]
    shared = np.minimum(last[:, None], last) - np.maximum(first[:, None], first) + 1
    sizes = last - first + 1
    expected = (2 * np.maximum(shared, 0) / (sizes[:, None] + sizes)) @ share
    best = int(expected.argmax())
    return Span(int(first[best]), int(last[best]), float(expected[best]))
