"""A comment as somebody tells it: its words, their id of it, whatever else came with it; from values of any kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ouvidor.conversations.imported import BrokenRow, Reading, text_of, time_of

MAX_TEXT_CHARACTERS = 20_000
MAX_ID_CHARACTERS = 200
MAX_AUTHOR_CHARACTERS = 200
MAX_FIELDS = 50
MAX_FIELD_NAME_CHARACTERS = 60
MAX_FIELD_CHARACTERS = 1_000

AS_TOLD = Reading()


@dataclass(frozen=True)
class Told:
    """A comment that can be stored.

    `id` is the caller's, None where they have none, and `numbered` where it came as a number; `fields` are named texts
    that came with it; `author` is who wrote it, `written_at` when, as far as somebody says.
    """

    text: str
    id: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    author: str | None = None
    written_at: datetime | None = None
    numbered: bool = False


@dataclass(frozen=True)
class Unfit:
    """A comment that cannot be stored: its id as far as it has one, and what is wrong with it.

    `status` is that of HTTP: 422 for a value that cannot be accepted, 409 for an id that has other words already.
    `numbered` tells whether the id came as a number.
    """

    id: str | None
    status: int
    reason: str
    numbered: bool = False


def told(
    identifier: object,
    text: object,
    *,
    fields: Mapping[str, object] | None = None,
    author: object = None,
    written_at: object = None,
    reading: Reading = AS_TOLD,
    now: datetime,
) -> Told:
    """The comment of these values; fields that are empty are left out.

    Raises:
        BrokenRow: a value is missing, of the wrong kind, too long, or cannot be stored.
    """
    words = text_of(text, "a text", MAX_TEXT_CHARACTERS)
    if not words:
        raise BrokenRow("has no text")
    given = fields or {}
    if len(given) > MAX_FIELDS:
        raise BrokenRow(f"has more than {MAX_FIELDS} fields")
    kept: dict[str, str] = {}
    for name, value in given.items():
        if value := text_of(value, f"a field {name[:MAX_FIELD_NAME_CHARACTERS]!r}", MAX_FIELD_CHARACTERS):
            kept[text_of(name, "a field's name", MAX_FIELD_NAME_CHARACTERS)] = value
    return Told(
        text=words,
        id=text_of(identifier, "an id", MAX_ID_CHARACTERS) or None,
        fields=kept,
        author=text_of(author, "an author", MAX_AUTHOR_CHARACTERS) or None,
        written_at=time_of(written_at, reading, now),
        numbered=is_number(identifier),
    )


def is_number(identifier: object) -> bool:
    """Whether an id is a whole number, not text."""
    return isinstance(identifier, int) and not isinstance(identifier, bool)
