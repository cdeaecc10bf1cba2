"""What a line says, by the phrases of cues.toml in its language: thanks, complaints, refusals, confirmations. Pure."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from ouvidor.text import Language, fold

NEGATION_REACH = 3
LONGEST_GAP = 3
_GAP = ".."
# How a pattern ends that stands for more than one word.
_OPEN = "*."
_STOP = "."
_COMMA = ","
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[.!?;…,\n]")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_BREAKS = frozenset(".!?;…\n")
# How people abbreviate while they chat, folded; the right side is what it stands for.
_SHORT: Mapping[str, str] = {
    pair.partition(":")[0]: pair.partition(":")[2]
    for pair in """
        n:nao nn:nao naum:nao num:nao vc:voce vcs:voces ce:voce tb:tambem tbm:tambem obg:obrigado brigadao:obrigado
        obrigadao:obrigado vlw:valeu td:tudo blz:beleza msm:mesmo mt:muito mto:muito pls:please plz:please thx:thanks
        thnx:thanks tks:thanks ty:thanks thankyou:thanks u:you ur:your gonna:will cancelled:canceled
    """.split()  # noqa: SIM905  # as a list it would fill a page
}


@dataclass(frozen=True)
class _Phrase:
    cue: str
    words: tuple[str, ...]
    rest: tuple[str, ...]


@dataclass(frozen=True)
class _Lexicon:
    """Phrases by their first word: whole words, and beginnings of words; what a negation does to a cue."""

    whole: Mapping[str, tuple[_Phrase, ...]]
    begun: Mapping[str, tuple[_Phrase, ...]]
    negated: Mapping[str, str | None]


def words_of(text: str) -> list[str]:
    """The words of `text`, folded, without apostrophes, abbreviations of chats written out; commas stay, and what ends
    a sentence becomes a full stop."""
    found: list[str] = []
    for token in _TOKEN.findall(_STRETCHED.sub(r"\1", fold(text))):
        if token in _BREAKS:
            found.append(_STOP)
        elif token == _COMMA:
            found.append(_COMMA)
        else:
            bare = token.replace("'", "")
            found.append(_SHORT.get(bare, bare))
    return found


def cues_of(text: str, language: Language) -> Mapping[str, int]:
    """How often each cue occurs in `text`; what is absent is left out."""
    return cues_in(words_of(text), language)


def cues_in(words: Sequence[str], language: Language) -> Mapping[str, int]:
    """How often each cue occurs in the `words_of` a text; what is absent is left out."""
    found: Counter[str] = Counter()
    for place, word in enumerate(words):
        phrases = _starting_with(word, language)
        if not phrases:
            continue
        following = words[place + 1] if place + 1 < len(words) else ""
        seen: set[str] = set()
        for phrase in phrases:
            rest = phrase.rest
            if rest and rest[0] != following and rest[0][-1] not in _OPEN:
                continue
            if phrase.cue in seen or (rest and not _matches(words, place + 1, rest)):
                continue
            seen.add(phrase.cue)
            cue = _after_negation(phrase.cue, words[max(0, place - NEGATION_REACH) : place], language)
            if cue is not None:
                found[cue] += 1
    return found


def _after_negation(cue: str, before: Sequence[str], language: Language) -> str | None:
    """The cue itself, or, where the words before it hold a negation in the same clause, what it turns into."""
    negated = _lexicon(language).negated
    if cue not in negated:
        return cue
    for word in reversed(before):
        if word in {_STOP, _COMMA}:
            return cue
        if any(phrase.cue == "negation" and len(phrase.words) == 1 for phrase in _starting_with(word, language)):
            return negated[cue]
    return cue


def _matches(words: Sequence[str], place: int, wanted: tuple[str, ...]) -> bool:
    """Whether `wanted` stands at `place`."""
    for step, pattern in enumerate(wanted):
        if pattern == _GAP:
            return any(_matches(words, place + skipped, wanted[step + 1 :]) for skipped in range(LONGEST_GAP + 1))
        if place >= len(words) or not _fits(words[place], pattern):
            return False
        place += 1
    return True


def _fits(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


@lru_cache(maxsize=65536)
def _starting_with(word: str, language: Language) -> tuple[_Phrase, ...]:
    lexicon = _lexicon(language)
    begun = (phrase for end in range(2, len(word) + 1) for phrase in lexicon.begun.get(word[:end], ()))
    return (*lexicon.whole.get(word, ()), *begun)


@cache
def _lexicon(language: Language) -> _Lexicon:
    whole: dict[str, list[_Phrase]] = {}
    begun: dict[str, list[_Phrase]] = {}
    for cue, entry in _stored().items():
        for line in entry[language].split("\n"):
            words = tuple(line.split())
            if words:
                group, first = (begun, words[0][:-1]) if words[0].endswith("*") else (whole, words[0])
                group.setdefault(first, []).append(_Phrase(cue, words, words[1:]))
    negated = {cue: entry.get("negated") for cue, entry in _stored().items() if entry.get("unless_negated")}
    return _Lexicon(_longest_first(whole), _longest_first(begun), negated)


@cache
def _stored() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files("ouvidor.analysis.local").joinpath("cues.toml").read_text(encoding="utf-8"))


def _longest_first(groups: Mapping[str, list[_Phrase]]) -> Mapping[str, tuple[_Phrase, ...]]:
    return {first: tuple(sorted(phrases, key=lambda p: -len(p.words))) for first, phrases in groups.items()}
