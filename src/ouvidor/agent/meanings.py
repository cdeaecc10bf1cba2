"""What words mean to the check of a draft: the same in other words, weighty, neutral, denying. Pure."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from ouvidor.agent.figures import names_figure
from ouvidor.knowledge.gloss import gloss
from ouvidor.text import Language, fold, stem, terms

_WORD = re.compile(r"[a-z0-9]+")
_LANGUAGES: tuple[Language, ...] = ("pt", "en")
_LONGEST = 5
_PREFIX = 5
_ANSWER = re.compile(r"^(?:no|nao)\b\s?[,.;:!–—-]")


@dataclass(frozen=True)
class Word:
    """A word or phrase of a text in plain letters; it stands in another text that shares one of its `keys`.

    `weighty` names what it promises, "" where nothing; `neutral` words say nothing of the company.
    """

    written: str
    keys: frozenset[str]
    weighty: str = ""
    neutral: bool = False


@dataclass(frozen=True)
class _Meanings:
    """Groups by stem and by phrase, the phrases' first words; what of the weighty claims, and all that bears it out."""

    stems: Mapping[str, frozenset[str]]
    phrases: Mapping[tuple[str, ...], frozenset[str]]
    openings: frozenset[str]
    weighty: frozenset[str]
    claims: frozenset[str]
    neutral: frozenset[str]
    deny_once: Mapping[Language, frozenset[str]]
    deny_each: Mapping[Language, frozenset[str]]
    idle: re.Pattern[str]
    opposites: Mapping[str, frozenset[str]]


@cache
def _meanings() -> _Meanings:
    """The lists of meanings.toml."""
    told: dict[str, dict[str, str]] = tomllib.loads(
        files("ouvidor.agent").joinpath("meanings.toml").read_text(encoding="utf-8")
    )
    stems: defaultdict[str, set[str]] = defaultdict(set)
    phrases: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    claims: set[str] = set()
    for name, forms in [*told["same"].items(), *told["weighty"].items()]:
        claiming, _, bearing = forms.partition(";")
        if name in told["weighty"]:
            claims |= {key for form in claiming.split("|") for key in _form(form)}
        for form in [*claiming.split("|"), *(bearing.split("|") if bearing else [])]:
            words = tuple(form.split())
            if len(words) > 1:
                phrases[words].add(name)
            else:
                for one in _form(form):
                    stems[one].add(name)
    opposites: defaultdict[str, set[str]] = defaultdict(set)
    for pair in told["opposite"]["pairs"].split("|"):
        one, other = pair.split()
        opposites[one].add(other)
    idle = sorted(told["idle"]["words"].split("|"), key=len, reverse=True)
    return _Meanings(
        stems={key: frozenset(names) for key, names in stems.items()},
        phrases={key: frozenset(names) for key, names in phrases.items()},
        openings=frozenset(words[0] for words in phrases),
        weighty=frozenset(told["weighty"]),
        claims=frozenset(claims),
        neutral=frozenset(told["neutral"]["words"].split()),
        deny_once={language: frozenset(told["deny"][f"once_{language}"].split("|")) for language in _LANGUAGES},
        deny_each={language: frozenset(told["deny"][f"each_{language}"].split("|")) for language in _LANGUAGES},
        idle=re.compile(rf"\b(?:{'|'.join(idle)})\b"),
        opposites={one: frozenset(others) for one, others in opposites.items()},
    )


def opposites_of(word: Word) -> frozenset[str]:
    """Keys of what means the contrary."""
    opposites = _meanings().opposites
    return frozenset(f"={other}" for key in word.keys for other in opposites.get(key.removeprefix("="), ()))


def words_of(text: str, language: Language) -> list[Word]:
    """The words of a text with what they mean; numbers and function words are left out."""
    meanings = _meanings()
    plain = _WORD.findall(meanings.idle.sub(" ", _spaced(text)))
    found: list[Word] = []
    place = 0
    while place < len(plain):
        size, names = _phrase(plain[place : place + _LONGEST], meanings)
        if size:
            written = plain[place : place + size]
            found.append(_phrase_word(tuple(written), names, language))
        elif plain[place].isalpha() and len(plain[place]) > 1 and not names_figure(plain[place]):
            found.append(_word(plain[place], language))
        place += size or 1
    return [word for word in found if word.keys]


def denies(text: str, language: Language) -> bool:
    """Whether a stretch of text denies what it speaks of; what is denied twice is affirmed."""
    meanings = _meanings()
    words = _WORD.findall(meanings.idle.sub(" ", _ANSWER.sub("", _spaced(text))))
    once = any(word in meanings.deny_once[language] for word in words)
    return bool((once + sum(word in meanings.deny_each[language] for word in words)) % 2)


def _spaced(text: str) -> str:
    return " ".join(fold(text).replace("'", " ").split())


def _phrase(ahead: list[str], meanings: _Meanings) -> tuple[int, frozenset[str]]:
    if ahead[0] not in meanings.openings:
        return 0, frozenset()
    for size in range(len(ahead), 1, -1):
        names = meanings.phrases.get(tuple(ahead[:size]))
        if names:
            return size, names
    return 0, frozenset()


def _phrase_word(written: tuple[str, ...], names: frozenset[str], language: Language) -> Word:
    meanings = _meanings()
    claimed = next((name for name in names if " ".join(written) in meanings.claims), "")
    single = frozenset(key for word in written for key in _word(word, language).keys)
    return Word(" ".join(written), frozenset(f"={name}" for name in names) | single, claimed)


@lru_cache(maxsize=65536)
def _word(word: str, language: Language) -> Word:
    meanings = _meanings()
    neutral = word in meanings.neutral
    if not terms(word, language):
        return Word(word, frozenset())
    own = stem(word, language)
    keys = {own, word}
    if language == "pt":
        keys |= {stem(part, "en") for part in _WORD.findall(fold(gloss(word)))}
    names = {name for key in (*keys, stem(word, "en"), stem(word, "pt")) for name in meanings.stems.get(key, ())}
    claimed = next((name for name in sorted(names) if keys & meanings.claims and name in meanings.weighty), "")
    prefixes = {f"~{key[:_PREFIX]}" for key in keys if len(key) > _PREFIX}
    return Word(word, frozenset({*keys, *prefixes, *(f"={name}" for name in names)}), claimed, neutral and not claimed)


def _form(form: str) -> frozenset[str]:
    words = form.split()
    if len(words) > 1:
        return frozenset({" ".join(words)})
    return frozenset({form, stem(form, "en"), stem(form, "pt")})
