"""What every detector of faults hands in, worded in the customer's language. Pure."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from ouvidor.analysis.local.talk import Message, Talk
from ouvidor.analysis.verdict import BotFault, FaultKind
from ouvidor.text import Language

Finder: TypeAlias = Callable[[Talk], list[BotFault]]
"""A detector of one kind of fault."""
_LONGEST_QUOTE = 80


def fault(kind: FaultKind, talk: Talk, at: Iterable[Message], *, pt: str, en: str) -> BotFault:
    """A fault at those messages, in the customer's language."""
    said = pt if talk.language == "pt" else en
    return BotFault(kind=kind, what=said[:400], at=[message.position for message in at])


def quoted(text: str, longest: int = _LONGEST_QUOTE) -> str:
    """A text in quotation marks, cut between words where it is long."""
    shown = " ".join(text.split())
    if len(shown) > longest:
        shown = shown[:longest].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"
    return f"“{shown}”"


def language_name(code: str, language: Language) -> str:
    """The name of a language, in Portuguese or English; its code where it is none of those that are told apart."""
    return _NAMES[language].get(code, code)


_NAMES: dict[Language, dict[str, str]] = {
    "pt": {"pt": "português", "en": "inglês", "es": "espanhol", "fr": "francês", "it": "italiano", "de": "alemão"},
    "en": {"pt": "Portuguese", "en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "de": "German"},
}
