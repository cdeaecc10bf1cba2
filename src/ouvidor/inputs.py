"""What inputs are made of: text that can be stored and sent on."""

from typing import Annotated

from pydantic import AfterValidator


def storable(text: str) -> str:
    """The text itself.

    Raises:
        ValueError: it holds a NUL character or half a surrogate pair, which neither PostgreSQL nor UTF-8 can hold.
    """
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("Text must not hold NUL characters or lone surrogates")
    return text


StorableText = Annotated[str, AfterValidator(storable)]
