"""Why a comment of a file could not be stored, in the reader's language."""

import re
from collections.abc import Callable, Mapping

from ouvidor.conversations.text_files import UnreadableText
from ouvidor.errors import OuvidorError
from ouvidor.feedback.intake.columns import UnknownColumn
from ouvidor.feedback.intake.reading_json import NoList
from ouvidor.feedback.intake.receive import NoComments
from ouvidor.web.words import Words

PLACED = re.compile(r"(line|object|value|comment|item) (\d+) (.*)", re.DOTALL)
"""How reasons of files begin: with the place, which the page tells in its own way."""
COUNTED = re.compile(r"has (.+) of ([\d,]+) characters; at most ([\d,]+)")
COULD_NOT = "could not be classified"


def unreadable_words(words: Words, error: OuvidorError) -> str:
    """Why a file as a whole cannot be read as it was chosen."""
    _ = words.text
    match error:
        case NoComments():
            return _("There is no comment in it.")
        case NoList():
            return _("The JSON holds no list of objects. Put the comments into a list, or write one object a line.")
        case UnknownColumn():
            return _("A column that was chosen is not in the file. Look at it again.")
        case UnreadableText():
            return _(
                "Its letters are written in another way than was chosen. Choose the other one, or save it as UTF-8."
            )
        case _:
            return _("Use CSV whose first line names the columns, a JSON list of objects, or one JSON object a line.")


def place_of(reason: str) -> tuple[str, int] | None:
    """Which line or object of the file it was, where the reason tells."""
    found = PLACED.fullmatch(reason)
    return (found[1], int(found[2])) if found else None


def place_words(words: Words, place: tuple[str, int] | None, position: int) -> str:
    """Where the comment stands: in its file, else in its list."""
    _ = words.text
    if place is None:
        return _("no. %(number)s", number=words.number(position))
    number = words.number(place[1])
    return _("line %(number)s", number=number) if place[0] == "line" else _("no. %(number)s", number=number)


def reason_words(words: Words, reason: str) -> str:
    """The sentence without its place; what we have no words for stays as it was told."""
    _ = words.text
    plain = found[3] if (found := PLACED.fullmatch(reason)) else reason
    known: Mapping[str, Callable[[], str]] = {
        "has no text": lambda: _("has no text"),
        "has more cells than the header": lambda: _("has more cells than the first line has names"),
        "is not a JSON object": lambda: _("is not a JSON object"),
        "is not JSON": lambda: _("is not JSON"),
        "has more than 50 fields": lambda: _("has more than 50 fields"),
        "has a time before 1970 or in the future": lambda: _("has a time before 1970 or in the future"),
        "has an id under which another text is stored; give it another id": lambda: _(
            "has an id under which another text is stored; give it another id"
        ),
    }
    if plain in known:
        return known[plain]()
    if plain.startswith("has a time that cannot be read"):
        return _("has a time that cannot be read; write it as 2026-11-21T14:05:00-03:00")
    if plain.startswith(COULD_NOT):
        return _("could not be classified; try again later")
    if plain.endswith("that is not UTF-8 text, or holds half a character"):
        return _("is in another encoding than the file")
    if long := COUNTED.fullmatch(plain):
        length, most = (words.number(int(number.replace(",", ""))) for number in long.groups()[1:])
        return _("is too long: %(length)s characters, at most %(most)s", length=length, most=most)
    return plain
