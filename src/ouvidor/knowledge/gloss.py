"""Word-by-word English gloss of Portuguese: what an English embedding model is given instead of it. Pure.

all-MiniLM-L6-v2 knows next to no Portuguese; of the gloss ("onde vejo minha encomenda", "where see my order") it
makes as good a vector as of clumsy English, and queries and sections of both languages meet.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

from ouvidor.text import fold, stem

_WORD = re.compile(r"[^\W\d_]+")
_CLITIC = re.compile(r"-(?:se|me|te|lhes?|nos|[lns]?[oa]s?)\b", re.IGNORECASE)
_PLURALS = (
    ("oes", "ao"),
    ("aes", "ao"),
    ("ais", "al"),
    ("eis", "el"),
    ("ns", "m"),
    ("res", "r"),
    ("zes", "z"),
    ("s", ""),
)
_LONGEST_PHRASE = 4


def gloss(text: str) -> str:
    """`text` with its Portuguese words and phrases replaced by English ones; names and unknown words stay."""
    glosses = _glosses()
    plain = _CLITIC.sub("", text)
    words = list(_WORD.finditer(plain))
    parts: list[str] = []
    position = index = 0
    while index < len(words):
        size, english = _match(plain, words[index : index + _LONGEST_PHRASE], glosses)
        last = words[index + size - 1]
        parts += [plain[position : words[index].start()], english]
        position, index = last.end(), index + size
    return "".join(parts) + plain[position:]


def is_common(word: str) -> bool:
    """Whether a folded word is one of the common words of Portuguese or English that the word list holds."""
    return word in _common_words()


@dataclass(frozen=True)
class _Glosses:
    """English by Portuguese: by the form as written, by the folded form, by the stem, by the ending."""

    written: dict[str, str]
    folded: dict[str, str]
    stems: dict[str, str]
    endings: dict[str, str]


def _match(text: str, words: list[re.Match[str]], glosses: _Glosses) -> tuple[int, str]:
    """How many of `words` the longest known phrase at their beginning takes, and its English."""
    for size in range(len(words), 1, -1):
        gaps = (text[a.end() : b.start()] for a, b in pairwise(words[:size]))
        phrase = fold(" ".join(word[0] for word in words[:size]))
        if phrase in glosses.folded and all(gap in {" ", "-"} for gap in gaps):
            return size, glosses.folded[phrase]
    return 1, _gloss_word(words[0][0], glosses)


def _gloss_word(word: str, glosses: _Glosses) -> str:
    written = word.lower()
    folded = fold(word)
    long = len(folded) > 3
    if written in glosses.written:
        return glosses.written[written]
    if folded in glosses.folded and (long or folded == written):
        return glosses.folded[folded]
    if long:
        for found in (glosses.folded.get(_singular(folded)), glosses.stems.get(stem(folded, "pt"))):
            if found:
                return found
    return word if word[0].isupper() else _cognate(folded, glosses) or word


def _singular(folded: str) -> str:
    for plural, singular in _PLURALS:
        if folded.endswith(plural):
            return folded.removesuffix(plural) + singular
    return folded


def _cognate(folded: str, glosses: _Glosses) -> str | None:
    """The English form that a learned Portuguese word most likely has: "relevancia" gives "relevance"."""
    if len(folded) < 6:
        return None
    for ending, english in glosses.endings.items():
        if folded.endswith(ending):
            return folded.removesuffix(ending) + english
    return None


@lru_cache(maxsize=1)
def _glosses() -> _Glosses:
    """The word list beside this module. A line is "english: portuguese, portuguese".

    "=" before it excludes inflections; with "-" on both sides it tells endings of cognates, the first that fits counts.
    """
    glosses = _Glosses({}, {}, {}, {})
    for line in files("ouvidor.knowledge").joinpath("gloss_pt.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        english, _, forms = line.partition(":")
        for form in forms.split(","):
            _add(glosses, english, form.strip())
    return glosses


def _add(glosses: _Glosses, english: str, form: str) -> None:
    if form.startswith("-"):
        glosses.endings[form.lstrip("-")] = english.lstrip("-")
        return
    glosses.written.setdefault(form, english.lstrip("= "))
    glosses.folded.setdefault(fold(form), english.lstrip("= "))
    if not english.startswith("=") and " " not in form:
        glosses.stems.setdefault(stem(fold(form), "pt"), english)


@lru_cache(maxsize=1)
def _common_words() -> frozenset[str]:
    glosses = _glosses()
    phrases = [*glosses.folded, *(fold(english) for english in glosses.folded.values())]
    words = {word for phrase in phrases for word in _WORD.findall(phrase)}
    return frozenset(words | {stem(word, "en") for word in words} | {stem(word, "pt") for word in words})
