"""Reads a passage with a question in mind: tokens, their classes, and which of them repeat the question's words."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from ouvidor.agent.lexicon import QuestionKind, question_kind, word_class
from ouvidor.text import Language, fold, terms

_TOKEN = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|n\.?º|[A-Z]{1,2}\$|\d+(?:[.,:/]\d+)*(?:[ºª%]|h\d*)?|\w+(?:[-’']\w+)*|[^\w\s]"
)
_HEAD = re.compile(
    r"\b(?:qual|quais|que|which|what|quant[oa]s?|how many|how much)\b"
    r"(?: (?:e|sao|foi|era|eram|foram|is|are|was|were|o|a|os|as|um|uma|the|principa\w+|main))* (\w+)"
)
_ASKING = frozenset(
    [
        *terms("qual quais quem quando onde como quanto quantos quantas que por", "pt"),
        *terms("what which who whom whose when where how why many much", "en"),
    ]
)


@dataclass(frozen=True)
class Token:
    """A word or mark: its place in the sentence's text, the sentence's index, its class, its stem (may be empty)."""

    text: str
    start: int
    end: int
    sentence: int
    kind: str
    stem: str


@dataclass(frozen=True)
class Asked:
    """What a question asks: kind, its stems in order, the stem after the interrogative, the preposition before it."""

    kind: QuestionKind
    stems: tuple[str, ...]
    head: str
    preposition: str


@dataclass(frozen=True)
class Reading:
    """A passage read with a question in mind.

    `matched` holds, for each token, the question's stem that it repeats (or ""); `weight` the stems' idf over the
    sentences as shares of their sum; `coverage` and `pairs`, for each sentence, the weight of the question's stems
    and the share of its neighbouring stems found there; `rank` the sentence's place by coverage.
    """

    asked: Asked
    tokens: tuple[Token, ...]
    matched: tuple[str, ...]
    weight: Mapping[str, float]
    coverage: tuple[float, ...]
    pairs: tuple[float, ...]
    rank: tuple[int, ...]

    def kind(self, index: int, sentence: int) -> str:
        """The class of a token, or "edge" outside of the sentence."""
        inside = 0 <= index < len(self.tokens) and self.tokens[index].sentence == sentence
        return self.tokens[index].kind if inside else "edge"

    def match(self, index: int, sentence: int) -> str:
        """The question's stem that a token repeats, or "" (also outside of the sentence)."""
        inside = 0 <= index < len(self.tokens) and self.tokens[index].sentence == sentence
        return self.matched[index] if inside else ""


@lru_cache(maxsize=65536)
def _stem(word: str, language: Language) -> str:
    found = terms(word, language)
    return found[0] if found else ""


def content_stems(text: str, language: Language) -> frozenset[str]:
    """The stems of `text` that name something: search terms without the words of asking."""
    return frozenset(terms(text, language)) - _ASKING


def parse_question(question: str, language: Language) -> Asked:
    """Kind, stems, head and preposition of a question."""
    folded = fold(question).strip(" \"'“”¿")
    head = _HEAD.search(folded)
    first = word_class(folded.split(maxsplit=1)[0], opens_sentence=True) if folded else ""
    stems = tuple(term for term in terms(question, language) if term not in _ASKING)
    return Asked(question_kind(question), stems, _stem(head[1], language) if head else "", first)


def tokenize(sentences: Sequence[str], language: Language) -> tuple[Token, ...]:
    """The tokens of all sentences in order."""
    return tuple(
        Token(
            found[0],
            found.start(),
            found.end(),
            index,
            word_class(found[0], opens_sentence=found.start() == 0),
            _stem(found[0], language),
        )
        for index, sentence in enumerate(sentences)
        for found in _TOKEN.finditer(sentence)
    )


def read(question: str, sentences: Sequence[str], language: Language) -> Reading:
    """The sentences (at least one) read with the question in mind; `language` is theirs."""
    asked = parse_question(question, language)
    tokens = tokenize(sentences, language)
    wanted = frozenset(asked.stems)
    by_prefix = {stem[:5]: stem for stem in wanted if len(stem) >= 5 and stem.isalpha()}
    matched = tuple(token.stem if token.stem in wanted else by_prefix.get(token.stem[:5], "") for token in tokens)
    held: list[list[str]] = [[] for _ in sentences]
    order: list[list[str]] = [[] for _ in sentences]
    for token, match in zip(tokens, matched, strict=True):
        if match:
            held[token.sentence].append(match)
        if token.stem:
            order[token.sentence].append(match or token.stem)
    weight = _weights(wanted, held)
    coverage = tuple(sum(weight[stem] for stem in set(found)) for found in held)
    by_coverage = sorted(range(len(sentences)), key=lambda index: -coverage[index])
    rank = tuple(by_coverage.index(index) for index in range(len(sentences)))
    return Reading(asked, tokens, matched, weight, coverage, _shared_pairs(asked.stems, order), rank)


def _weights(wanted: frozenset[str], held: Sequence[Sequence[str]]) -> dict[str, float]:
    frequency = Counter(stem for found in held for stem in set(found))
    idf = {stem: math.log(1 + len(held) / (frequency[stem] + 0.5)) + 0.5 for stem in wanted}
    total = sum(idf.values())
    return {stem: value / total for stem, value in idf.items()}


def _shared_pairs(stems: Sequence[str], order: Sequence[Sequence[str]]) -> tuple[float, ...]:
    wanted = set(pairwise(stems))
    return tuple(len(wanted & set(pairwise(found))) / max(1, len(wanted)) for found in order)
