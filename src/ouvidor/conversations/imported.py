"""A conversation as another system tells it: who said what and when, read from values of any kind; and what is new."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from ouvidor.conversations.models import Author
from ouvidor.inputs import EARLIEST, storable
from ouvidor.text import fold

MAX_ID_CHARACTERS = 200
MAX_UNIT_CHARACTERS = 200
MAX_TEXT_CHARACTERS = 20_000
MAX_MESSAGES = 5000
MINUTE = timedelta(minutes=1)
MILLISECONDS_FROM = 1e11
"""A number below this is seconds since 1970 (until the year 5138), one above it milliseconds (since 1973)."""
WIDEST_ZONES = timedelta(hours=26)
QUARTER = timedelta(minutes=15)

ROLES: Mapping[Author | None, str] = {
    Author.CUSTOMER: "customer user client cliente usuario consumidor consumer visitor visitante guest hospede contact "
    "contato remote inbound incoming received recebida entrada true t 1",
    Author.BOT: "bot agent assistant agente assistente ai ia chatbot robo robot virtual model outbound outgoing sent "
    "enviada saida false f 0",
    Author.PERSON: "person human pessoa humano attendant atendente operator operador staff",
    None: "system sistema developer tool function",
}
_AUTHOR_OF: dict[str, Author | None] = {word: author for author, words in ROLES.items() for word in words.split()}
_DAY = re.compile(r"\d{8}")


class BrokenRow(Exception):
    """A conversation that cannot be brought in; the message says why."""


@dataclass(frozen=True)
class Told:
    """One message; `at` is None where the source does not say."""

    author: Author
    text: str
    at: datetime | None = None

    @property
    def words(self) -> tuple[Author, str]:
        """Who said what."""
        return self.author, self.text


@dataclass(frozen=True)
class ConversationRow:
    """A conversation to bring in: its id elsewhere, its messages in order, and where it stands in its source."""

    where: str
    id: str
    said: tuple[Told, ...]
    unit: str | None = None


@dataclass(frozen=True)
class RawMessage:
    """A message with the values of its source, whatever they are."""

    role: object
    text: object
    at: object = None


@dataclass(frozen=True)
class Reading:
    """How the values of a source are read.

    `roles` are further words of the source for who spoke. A time without a zone is one of `zone`; `time_format` (as of
    strptime) reads times that are neither ISO 8601 nor a number of seconds or milliseconds since 1970.
    """

    roles: Mapping[str, Author] = field(default_factory=dict[str, Author])
    zone: tzinfo = UTC
    time_format: str | None = None


def conversation_row(
    where: str, identifier: object, unit: object, messages: Sequence[RawMessage], reading: Reading, now: datetime
) -> ConversationRow:
    """The conversation of these values; messages without words, and those of a system or tool, are left out.

    Where every message has a time they are put in order by it; else the order of the source stands.

    Raises:
        BrokenRow: a value is missing, of the wrong kind, too long, or cannot be stored.
    """
    name = text_of(identifier, "an id", MAX_ID_CHARACTERS)
    if not name:
        raise BrokenRow("has no id")
    if len(messages) > MAX_MESSAGES:
        raise BrokenRow(f"has more than {MAX_MESSAGES:,} messages")
    said: list[Told] = []
    for number, message in enumerate(messages, start=1):
        try:
            told = _told(message, reading, now)
        except BrokenRow as broken:
            raise BrokenRow(f"has a message ({number}) that {broken}") from None
        if told is not None:
            said.append(told)
    if all(told.at is not None for told in said):
        said.sort(key=lambda told: told.at or EARLIEST)
    return ConversationRow(where, name, tuple(said), text_of(unit, "a unit", MAX_UNIT_CHARACTERS) or None)


def _told(message: RawMessage, reading: Reading, now: datetime) -> Told | None:
    text = text_of(message.text, "a text", MAX_TEXT_CHARACTERS)
    if not text:
        return None
    author = author_of(message.role, reading)
    return None if author is None else Told(author, text, time_of(message.at, reading, now))


def text_of(value: object, what: str, longest: int) -> str:
    """Text or a whole number as text, without NUL characters and white space around it; None is empty.

    `what` names it in the error, with its article.

    Raises:
        BrokenRow: another kind of value, over `longest` characters, or not storable.
    """
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < 512:
        value = str(value)
    if not isinstance(value, str):
        raise BrokenRow(f"has {what} that is not text")
    text = value.replace("\0", "").strip()
    if len(text) > longest:
        raise BrokenRow(f"has {what} of {len(text):,} characters; at most {longest:,}")
    try:
        return storable(text)
    except ValueError:
        raise BrokenRow(f"has {what} that is not UTF-8 text, or holds half a character") from None


def author_of(value: object, reading: Reading) -> Author | None:
    """Who spoke; True is the customer. None is a system or a tool, whose messages no customer read.

    Raises:
        BrokenRow: the word is not known.
    """
    if not isinstance(value, str | int):
        raise BrokenRow("does not tell who wrote it")
    word = str(value).strip()
    if word in reading.roles:
        return reading.roles[word]
    known = _plain(word) if len(word) <= MAX_ID_CHARACTERS else ""
    if known not in _AUTHOR_OF:
        raise BrokenRow(f"has the role {shown(word)!r}; known are customer, bot, person and their like")
    return _AUTHOR_OF[known]


def time_of(value: object, reading: Reading, now: datetime) -> datetime | None:
    """The moment, with its zone; nothing (None, empty text) is None.

    Raises:
        BrokenRow: it cannot be read, or is before 1970 or more than a day ahead.
    """
    if value is None or value == "":
        return None
    try:
        at = _moment(value, reading)
        possible = at is None or EARLIEST <= at <= now + timedelta(days=1)
    except (ValueError, OverflowError, OSError):
        raise BrokenRow("has a time that cannot be read; use ISO 8601, such as 2026-11-21T14:05:00-03:00") from None
    if not possible:
        raise BrokenRow("has a time before 1970 or in the future")
    return at


def _moment(value: object, reading: Reading) -> datetime | None:
    if isinstance(value, datetime):
        at = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        at = _since_1970(float(value))
    elif isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        at = _written(text, reading.time_format)
    else:
        raise ValueError("is no time")  # noqa: TRY004 - one of the ways in which a stranger's value is wrong
    return at if at.tzinfo is not None else at.replace(tzinfo=reading.zone)


def _written(text: str, time_format: str | None) -> datetime:
    if time_format:
        return datetime.strptime(text, time_format)  # noqa: DTZ007 - the caller gives a zone to what has none
    if text.replace(".", "", 1).isdecimal() and not _DAY.fullmatch(text):
        return _since_1970(float(text))
    return datetime.fromisoformat(text)


def _since_1970(number: float) -> datetime:
    return datetime.fromtimestamp(number / 1000 if abs(number) >= MILLISECONDS_FROM else number, UTC)


def shown(text: str) -> str:
    """Text of a stranger as a report may show it: short, one line, without signs that a terminal obeys."""
    plain = "".join(letter if letter.isprintable() else "�" for letter in text[:60])
    return plain if len(text) <= 60 else f"{plain[:59]}…"


@lru_cache(maxsize=1024)
def _plain(word: str) -> str:
    return fold(word)


def dated(said: Sequence[Told], now: datetime, not_before: datetime | None = None) -> list[datetime]:
    """A time for each message, never before that of the message before it, nor before `not_before`.

    Where none has one, the last was said now and the others a minute apart before it. A gap is filled in steps of a
    minute from the message before it (those at the beginning: back from the first known), and not past the next known.
    """
    known = [index for index, told in enumerate(said) if told.at is not None]
    times: list[datetime] = []
    before = not_before or EARLIEST
    for index, told in enumerate(said):
        if told.at is not None:
            at = told.at
        elif not known:
            at = now - (len(said) - 1 - index) * MINUTE
        elif index < known[0]:
            at = (said[known[0]].at or now) - (known[0] - index) * MINUTE
        else:
            following = next((said[later].at for later in known if later > index), None)
            at = min(before + MINUTE, following or max(now, before))
        before = max(at, before)
        times.append(before)
    return times


def first_new(stored: Sequence[Told], told: Sequence[Told]) -> int | None:
    """From which of the told messages on they are new (all of them: 0; none: how many they are).

    None where the two cannot be brought together: a message between those that agree was changed, added or taken away.
    What is told may be the whole conversation, or, where every message has its time, a part that overlaps with the end
    of what is stored or follows it.
    """
    if not stored:
        return 0
    timed = all(one.at is not None for one in told)
    last = stored[-1].at
    follows = timed and told[0].at is not None and last is not None and told[0].at > last
    if follows and not _same_with_another_zone(stored, told):
        return 0
    overlap = _overlap(stored, told) if timed else None
    if overlap is not None:
        return overlap
    length = min(len(stored), len(told))
    if [one.words for one in stored[:length]] == [one.words for one in told[:length]]:
        return length
    return None


def difference(stored: Sequence[Told], told: Sequence[Told]) -> int:
    """The number (from 1) of the first message that is not the same in both."""
    pairs = zip(stored, told, strict=False)
    return next(
        (number for number, (one, other) in enumerate(pairs, start=1) if one.words != other.words),
        min(len(stored), len(told)) + 1,
    )


def _overlap(stored: Sequence[Told], told: Sequence[Told]) -> int | None:
    """How many told messages are the end of the stored ones, or all where they stand in their midst."""
    for begin, one in enumerate(stored):
        length = min(len(stored) - begin, len(told))
        if one == told[0] and list(stored[begin : begin + length]) == list(told[:length]):
            return length
    return None


def _same_with_another_zone(stored: Sequence[Told], told: Sequence[Told]) -> bool:
    """Whether these are the stored messages, told a whole number of quarters of an hour later: a zone was mistaken."""
    if [one.words for one in stored] != [one.words for one in told[: len(stored)]]:
        return False
    pairs = zip(stored, told, strict=False)
    shifts = {other.at - one.at for one, other in pairs if one.at is not None and other.at is not None}
    return len(shifts) == 1 and all(not shift % QUARTER and shift <= WIDEST_ZONES for shift in shifts)
