"""Cuts a sentence down to the clause that answers, where what remains stands on its own and means the same."""

import re
from itertools import product

from ouvidor.agent.lexicon import FINITE, PREPOSITIONS
from ouvidor.agent.reading import Reading, Token
from ouvidor.agent.spans import Span
from ouvidor.text import fold

_BREAKS = frozenset({"comma", "semicolon", "colon", "dash"})
_OPENERS = frozenset({"article", "capital", "acronym", "pronoun", "quantity"})
_ADJUNCTS = frozenset({"gerund", "relative", "because"})
# What limits or reverses the rest of a sentence; without it the remainder would promise more than the section does.
_RESTRICTIVE = frozenset(
    fold(
        """
        exceto salvo desde se caso somente apenas só mas porém contudo entretanto não nunca nem sem menos até quando
        enquanto mais incluindo mediante conforme dependendo respeitado embora nesse neste
        except unless only if but however provided not never nor without until when while plus excluding including
        depending although though subject otherwise minus
        """
    ).split()
)
_CONNECTIVE = re.compile(
    r"^(?:além disso|entretanto|no entanto|contudo|todavia|porém|portanto|assim|por exemplo|ou seja|também|logo|"
    r"however|moreover|in addition|therefore|thus|for example|also|additionally|furthermore),\s+",
    re.IGNORECASE,
)


def readable_clause(sentence: str, reading: Reading, span: Span) -> str:
    """The shortest stretch of the span's sentence with the span, a verb and all that the sentence has of the question.

    It begins and ends at a clause's edge; a part that restricts the rest ("except …", "desde que …") is never cut off.
    """
    number = reading.tokens[span.first].sentence
    inside = [index for index, token in enumerate(reading.tokens) if token.sentence == number]
    tokens = [reading.tokens[index] for index in inside]
    if reading.asked.kind == "yes_no":
        return _finished(sentence)
    offset = inside[0]
    asked = [reading.matched[index] for index in inside]
    best = (0, len(tokens) - 1)
    edges = product(_starts(tokens, span.first - offset), _ends(tokens, span.last - offset))
    for first, last in sorted(edges, key=lambda edge: edge[1] - edge[0]):
        keeps_what_was_asked = set(asked) - {""} <= set(asked[first : last + 1])
        if keeps_what_was_asked and _stands_alone(tokens, first, last):
            best = (first, last)
            break
    return _finished(sentence[tokens[best[0]].start : tokens[best[1]].end])


def _starts(tokens: list[Token], at_most: int) -> list[int]:
    """Places where a clause may begin: the sentence's own start, or after a break with a word that can open one."""
    return [
        index
        for index in range(at_most + 1)
        if index == 0 or (tokens[index - 1].kind in _BREAKS and tokens[index].kind in _OPENERS)
    ]


def _ends(tokens: list[Token], at_least: int) -> list[int]:
    """Places where a clause may end: before a coordinate clause, before an adjunct, or at the sentence's own end."""
    final = len(tokens) - 1
    return [
        index
        for index in range(at_least, final + 1)
        if index == final or _opens_coordinate(tokens, index + 1) or _opens_adjunct(tokens, index + 1)
    ]


def _opens_coordinate(tokens: list[Token], index: int) -> bool:
    """Whether a clause of its own is coordinated here: "… and the garden opens at six"."""
    following = [token.kind for token in tokens[index + 1 : index + 9]]
    return tokens[index].kind == "and" and following[:1] not in ([], ["and"]) and bool(FINITE & set(following[1:]))


def _opens_adjunct(tokens: list[Token], index: int) -> bool:
    """Whether a break here opens something that can go: never the rest of an enumeration.

    After a comma or dash a gerund, a relative clause, a reason, or a phrase with a preposition and no "and";
    after a semicolon a clause with a verb.
    """
    following = [token.kind for token in tokens[index + 1 :]]
    if tokens[index].kind == "semicolon":
        return bool(FINITE & set(following[:8]))
    if tokens[index].kind not in {"comma", "dash"} or not following:
        return False
    return following[0] in _ADJUNCTS or (following[0] in PREPOSITIONS and "and" not in following)


def _stands_alone(tokens: list[Token], first: int, last: int) -> bool:
    kept = tokens[first : last + 1]
    if kept[0].kind in {"participle", "gerund"}:
        return last == len(tokens) - 1
    depth = 0
    for token in kept:
        depth += (token.kind in {"bracket_open", "quote_open"}) - (token.kind in {"bracket_close", "quote_close"})
        if depth < 0:
            return False
    has_verb = any(token.kind in FINITE for token in kept[1 if first else 0 :])
    return (
        depth == 0 and has_verb and not _restricts(tokens, 0, first) and not _restricts(tokens, last + 1, len(tokens))
    )


def _restricts(tokens: list[Token], start: int, stop: int) -> bool:
    """Whether a part that would be cut holds a restriction at a clause's start or just behind "and"."""
    return any(
        fold(tokens[index].text) in _RESTRICTIVE
        for index in range(start, stop)
        if index == 0 or tokens[index - 1].kind in _BREAKS or tokens[index - 1].kind == "and"
    )


def _finished(text: str) -> str:
    """A capital first letter and a full stop, without a leading connective."""
    clean = _CONNECTIVE.sub("", text.strip()).rstrip(" ,;:–—")
    if not clean:
        return text.strip()
    ended = clean if clean.endswith((".", "!", "?", "…", ".”", '."')) else clean + "."
    return ended[0].upper() + ended[1:]
