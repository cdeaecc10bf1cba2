"""What a conversation was about, in words that are the same from one conversation to the next. Pure.

Charts by topic need one name for one matter, so topics.toml holds a lexicon of matters with one canonical label per
language and the stems or phrases that speak of it. A matter counts by the messages that name it: the customer's words
twice those of the others, the customer's first message most. Where fewer than two matters are named, what the customer
said most often fills up: the word or pair of words with the highest frequency against how common it is, never a name of
a person, a number or a word of the stop lists. Labels are lower case, one to three words, in the customer's language.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ouvidor.analysis.local.talk import Message, Talk, read
from ouvidor.analysis.transcript import Transcript
from ouvidor.analysis.verdict import MOST_TOPICS
from ouvidor.knowledge.gloss import is_common
from ouvidor.text import Language

_MOST_MATTERS = 4
_OPENING = 2
_WORD = re.compile(r"\b[a-z]{2}", re.ASCII)
_ENOUGH = 2.0
_SHARE_OF_BEST = 0.3
_FIRST_WEIGHS = 2.5
_CUSTOMER_WEIGHS = 2.0
_SHORTEST = 4
_LONGEST = 22


@dataclass(frozen=True)
class _Opening:
    """Expressions that begin alike, with the number of their matter; `any_of` matches where one of them does."""

    any_of: re.Pattern[str]
    each: tuple[tuple[int, re.Pattern[str]], ...]


@dataclass(frozen=True)
class _Lexicon:
    """The labels of each matter, and by the first letters of a word the expressions that may match there."""

    labels: tuple[dict[Language, str], ...]
    by_opening: Mapping[str, _Opening]


@cache
def _lexicon() -> _Lexicon:
    written = tomllib.loads(files("ouvidor.analysis.local").joinpath("topics.toml").read_text(encoding="utf-8"))
    by_opening: dict[str, list[tuple[int, str]]] = {}
    for number, matter in enumerate(written["matter"]):
        for words in matter["words"]:
            by_opening.setdefault(words[:_OPENING], []).append((number, words))
    openings = {opening: _opening(told) for opening, told in by_opening.items()}
    return _Lexicon(tuple({"pt": one["pt"], "en": one["en"]} for one in written["matter"]), openings)


def _opening(told: Sequence[tuple[int, str]]) -> _Opening:
    any_of = "|".join(f"(?:{words})" for _, words in told)
    each = tuple((number, re.compile(words, re.ASCII)) for number, words in told)
    return _Opening(re.compile(any_of, re.ASCII), each)


def _matters_in(message: Message) -> set[int]:
    """The matters that a message names, by their place in the lexicon."""
    by_opening, plain = _lexicon().by_opening, message.plain
    found: set[int] = set()
    for word in _WORD.finditer(plain):
        opening, start = by_opening.get(word[0]), word.start()
        if opening is not None and opening.any_of.match(plain, start):
            found.update(number for number, words in opening.each if words.match(plain, start))
    return found


@cache
def _stop_words() -> frozenset[str]:
    written = tomllib.loads(files("ouvidor.analysis.local").joinpath("topics.toml").read_text(encoding="utf-8"))
    return frozenset(word for language in ("pt", "en") for word in written["stop"][language].split())


def topics_of(transcript: Transcript) -> list[str]:
    """At most five topics, what weighs most first."""
    talk = read(transcript)
    weights: dict[str, float] = {}
    for message in talk.messages:
        for number in sorted(_matters_in(message)):
            label = _lexicon().labels[number][talk.language]
            weights[label] = weights.get(label, 0.0) + _weight(message, talk)
    least = max(_ENOUGH, _SHARE_OF_BEST * max(weights.values(), default=0.0))
    ranked = sorted(weights, key=lambda label: -weights[label])
    named = [label for label in ranked if weights[label] >= least][:_MOST_MATTERS]
    return (named if len(named) > 1 else [*named, *_own_words(talk, named)])[:MOST_TOPICS]


def _weight(message: Message, talk: Talk) -> float:
    if message.speaker != "customer":
        return 1.0
    return _FIRST_WEIGHS if message is talk.customer[0] else _CUSTOMER_WEIGHS


def _own_words(talk: Talk, named: list[str]) -> list[str]:
    """The customer's word that comes up most, where it comes up more than once in the conversation."""
    counts: Counter[str] = Counter()
    for message in talk.messages:
        for word in dict.fromkeys(message.words):
            fits = _SHORTEST <= len(word) <= _LONGEST and word.isalpha() and word.isascii()
            if fits and word not in _stop_words() and is_common(word):
                counts[word] += 2 if message.speaker == "customer" else 1
    said = {word for message in talk.customer for word in message.words}
    label = " ".join(named)
    return [word for word, count in counts.most_common(6) if word in said and count >= 3 and word not in label][:1]
