"""What somebody types to find comments, as a condition on the words that they hold. Pure."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import get_args

from ouvidor.feedback.terms import LONGEST_TERM
from ouvidor.text import Language, fold, terms

LANGUAGES: tuple[Language, ...] = get_args(Language)
FEWEST_LETTERS = 3
"""So many letters must stand before a word counts as begun: fewer are in almost every comment."""
_PHRASE = re.compile(r'["“”«»]([^"“”«»]+)["“”«»]')
_SPACE = r"\s+"
_NO_LETTER = "[^0-9A-Za-zÀ-\u024f\u0370-\u052f]"
_ACCENT = "[\u0300-\u036f]*"
_LAST = re.compile(r"\w+$")


@dataclass(frozen=True)
class Words:
    """`query` is a `tsquery` that a comment must meet, empty without words; `phrases` are regular expressions."""

    query: str = ""
    phrases: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is something that a comment can hold."""
        return bool(self.query or self.phrases)


def words_of(text: str, *, typing: bool = False) -> Words:
    """The words of the text: all must stand in a comment, in whatever form, and what is in quotes to the letter.

    A comment is stemmed in its own language, so that it must have all Portuguese stems or all English ones. While
    somebody is `typing`, the last word may go on.
    """
    phrases = tuple(_expression(phrase) for phrase in _PHRASE.findall(text) if phrase.strip())
    begun = _begun(text) if typing else ""
    sides = dict.fromkeys(filter(None, (_all(text, language, begun) for language in LANGUAGES)))
    return Words(" | ".join(f"({side})" for side in sides), phrases)


def without_quotes(text: str) -> str:
    """The text as it would be said."""
    return " ".join(re.sub(r'["“”«»]', " ", text).split())


def _expression(phrase: str) -> str:
    """A regular expression of PostgreSQL for a phrase in whatever case, with or without accents, between other words.

    Each letter stands for all that fold to it, so that nothing hangs on the locale of the database.
    """
    folded = " ".join(fold(phrase).split())
    inside = "".join(_SPACE if letter == " " else _letter(letter) for letter in folded)
    before = f"(?:^|{_NO_LETTER})" if folded[0].isalnum() else ""
    behind = f"(?:$|{_NO_LETTER})" if folded[-1].isalnum() else ""
    return f"{before}{inside}{behind}"


def _letter(letter: str) -> str:
    """What matches the letter in every form, a combining accent behind it included."""
    forms = _forms().get(letter, letter)
    if not letter.isalnum():
        return "[" + "".join(f"\\{form}" for form in forms) + "]"
    return f"[{forms}]{_ACCENT}" if len(forms) > 1 else forms


@cache
def _forms() -> Mapping[str, str]:
    """All letters and signs of the alphabets of Europe that fold to one of them."""
    forms: defaultdict[str, str] = defaultdict(str)
    for code in (*range(0x21, 0x530), *range(0x1E00, 0x2000), *map(ord, "’‘´`")):
        letter = chr(code)
        if len(folded := fold(letter)) == 1 and letter not in forms[folded]:
            forms[folded] += letter
    return forms


def _begun(text: str) -> str:
    """The last word, folded, where it may go on."""
    last = _LAST.search(fold(text))
    return last[0] if last and len(last[0]) >= FEWEST_LETTERS else ""


def _all(text: str, language: Language, begun: str) -> str:
    """All terms of the text in the language; of a word that may go on, those that begin as it or as its stem."""
    whole = fold(text).removesuffix(begun)
    parts = [_quoted(term) for term in dict.fromkeys(terms(whole, language))]
    if begun:
        beginnings = dict.fromkeys([begun, *terms(begun, language)])
        parts.append("(" + " | ".join(f"{_quoted(term)}:*" for term in beginnings) + ")")
    return " & ".join(parts)


def _quoted(term: str) -> str:
    """A lexeme as the text form of a `tsquery` has it."""
    escaped = term[:LONGEST_TERM].replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
