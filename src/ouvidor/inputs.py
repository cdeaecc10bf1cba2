"""What inputs are made of: text and moments that can be stored and sent on."""

from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(3000, 1, 1, tzinfo=UTC)
"""Far beyond them a moment that PostgreSQL keeps has no form in Python in the zone of the database."""


def storable(text: str) -> str:
    """The text itself.

    Raises:
        ValueError: it holds a NUL character or half a surrogate pair, which neither PostgreSQL nor UTF-8 can hold.
    """
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("Text must not hold NUL characters or lone surrogates")
    return text


def day_of(text: str) -> datetime | None:
    """The beginning of a day (UTC) as a form sends it; None for what is no day of our time."""
    try:
        day = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None
    return day if EARLIEST <= day < LATEST else None


StorableText = Annotated[str, AfterValidator(storable)]
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]
"""A moment with its zone, from 1970 to the year 3000."""
