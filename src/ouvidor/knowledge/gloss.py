"""Word-by-word English gloss of Portuguese: what an English embedding model is given instead of it. Pure.

all-MiniLM-L6-v2 knows next to no Portuguese; of the gloss ("onde vejo minha encomenda", "where see my order") it
makes as good a vector as of clumsy English, and queries and sections of both languages meet.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from ouvidor.text import fold, stem

_WORD = re.compile(r"[^\W\d_]+")
_CLITIC = re.compile(r"-(?:se|me|te|lhes?|nos|[lns]?[oa]s?)\b", re.IGNORECASE)
_LONGEST_PHRASE = 4

_COGNATES = tuple(
    pair.split(":")
    for pair in (
        "coes:tion cao:tion soes:sion sao:sion dades:ty dade:ty mente:ly logias:logy logia:logy grafia:graphy nomia:nomy "
        "encias:ence encia:ence ancias:ance ancia:ance aveis:able avel:able iveis:ible ivel:ible osos:ous osas:ous oso:ous "
        "osa:ous ismos:ism ismo:ism istas:ist ista:ist ivos:ive ivas:ive ivo:ive iva:ive arios:ary arias:ary ario:ary "
        "aria:ary orios:ory orio:ory oria:ory icos:ic icas:ic ico:ic ica:ic mentos:ment mento:ment entes:ent ente:ent "
        "antes:ant ante:ant ados:ated adas:ated ado:ated ada:ated ais:al ores:or zar:ze icio:ice ulos:ule ulo:ule"
    ).split()
)


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


@dataclass(frozen=True)
class _Glosses:
    """English by Portuguese: by the form as written, by the folded form, by the stem."""

    written: dict[str, str]
    folded: dict[str, str]
    stems: dict[str, str]


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
    if long and stem(folded, "pt") in glosses.stems:
        return glosses.stems[stem(folded, "pt")]
    return word if word[0].isupper() else _cognate(folded) or word


def _cognate(folded: str) -> str | None:
    """The English form that a learned Portuguese word most likely has: "relevancia" gives "relevance"."""
    if len(folded) < 6:
        return None
    for ending, english in _COGNATES:
        if folded.endswith(ending):
            return folded.removesuffix(ending) + english
    return None


@lru_cache(maxsize=1)
def _glosses() -> _Glosses:
    """The word list beside this module. A line is "english: portuguese, portuguese"; "=" excludes inflections."""
    glosses = _Glosses({}, {}, {})
    for line in Path(__file__).with_name("gloss_pt.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        english, _, forms = line.partition(":")
        for form in forms.split(","):
            word = form.strip()
            glosses.written.setdefault(word, english.lstrip("= "))
            glosses.folded.setdefault(fold(word), english.lstrip("= "))
            if not line.startswith("=") and " " not in word:
                glosses.stems.setdefault(stem(fold(word), "pt"), english)
    return glosses
