"""Cues: words and phrases of each language that tell what a comment is (cues.toml). Pure."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias

from ouvidor.text import Language

Phrase: TypeAlias = tuple[str, ...]

_ALTERNATIVES = re.compile(r"\[(\w+)\]")
_LONGEST_REMEMBERED = 24
_MOST_REMEMBERED = 50_000
_ANY = "*"

# Spam of either language is full of words of the other; so these groups are looked for in both.
SHARED = ("self_promotion", "money", "chain")


@dataclass(frozen=True)
class Cue:
    """An occurrence: of which group, from which word on, and how many words it takes."""

    group: str
    start: int
    size: int


class Cues:
    """The cues of one language.

    Args:
        groups: phrases by group, each at least one word; the last word may end in `*` for any ending.
    """

    def __init__(self, groups: Mapping[str, Sequence[Phrase]]) -> None:
        self._singles: dict[str, tuple[str, ...]] = {}
        self._phrases: dict[str, dict[str, list[tuple[Phrase, str]]]] = {}
        self._beginnings: dict[str, list[str]] = {}
        for group, phrases in groups.items():
            for phrase in phrases:
                self._add(group, phrase)
        for by_second in self._phrases.values():
            for known in by_second.values():
                known.sort(key=lambda one: -len(one[0]))
        self._known: dict[str, tuple[str, ...]] = {}

    def find(self, words: Sequence[str]) -> Iterator[Cue]:
        """All occurrences among folded words; what begins inside a phrase does not count, but for another phrase."""
        taken: dict[str, int] = {}
        hidden = 0
        for place, word in enumerate(words):
            by_second = self._phrases.get(word)
            if by_second and place + 1 < len(words):
                for phrase, group in (*by_second.get(words[place + 1], ()), *by_second.get(_ANY, ())):
                    if place >= taken.get(group, 0) and _fits(phrase, words, place):
                        taken[group] = place + len(phrase)
                        hidden = max(hidden, taken[group])
                        yield Cue(group, place, len(phrase))
            if place >= hidden:
                groups = self._known.get(word)
                for group in self._groups(word) if groups is None else groups:
                    yield Cue(group, place, 1)

    def _add(self, group: str, phrase: Phrase) -> None:
        first, *others = phrase
        if others:
            second = _ANY if others[0].endswith("*") else others[0]
            self._phrases.setdefault(first, {}).setdefault(second, []).append((phrase, group))
        elif first.endswith("*"):
            self._beginnings.setdefault(first[:-1], []).append(group)
        else:
            self._singles[first] = (*self._singles.get(first, ()), group)

    def _groups(self, word: str) -> tuple[str, ...]:
        """The groups of which the word is a cue by itself; remembered, since few words make most of all text."""
        beginnings = (self._beginnings.get(word[:size], ()) for size in range(2, len(word) + 1))
        found = tuple(
            dict.fromkeys([*self._singles.get(word, ()), *(group for groups in beginnings for group in groups)])
        )
        if len(word) <= _LONGEST_REMEMBERED and len(self._known) < _MOST_REMEMBERED:
            self._known[word] = found
        return found


def _fits(phrase: Phrase, words: Sequence[str], place: int) -> bool:
    if place + len(phrase) > len(words):
        return False
    *firm, last = phrase
    there = words[place + len(phrase) - 1]
    same = there.startswith(last[:-1]) if last.endswith("*") else there == last
    return same and all(words[place + step] == word for step, word in enumerate(firm))


@cache
def groups() -> tuple[str, ...]:
    """The names of all groups, in the order of the file."""
    return tuple(_file())


@cache
def cues_of(language: Language) -> Cues:
    """Those of the language; the SHARED groups hold the phrases of both."""
    return Cues(
        {
            group: list(
                dict.fromkeys(
                    phrase
                    for tongue, text in by_language.items()
                    if tongue == language or group in SHARED
                    for phrase in _phrases(text)
                )
            )
            for group, by_language in _file().items()
        }
    )


def _phrases(text: str) -> Iterator[Phrase]:
    for written in text.replace("\n", " ").split(","):
        for phrase in _alternatives(written.strip().replace("'", "")):
            words = tuple(re.findall(r"\w+\*?", phrase))
            if words:
                yield words


def _alternatives(phrase: str) -> Iterator[str]:
    """ "car[oa]" gives "caro" and "cara"."""
    found = _ALTERNATIVES.search(phrase)
    if found is None:
        yield phrase
        return
    for letter in found[1]:
        yield from _alternatives(phrase[: found.start()] + letter + phrase[found.end() :])


@cache
def _file() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("ouvidor.feedback.local").joinpath("cues.toml").read_text(encoding="utf-8"))
