"""A transcript read once for all that the local analyst looks for: words, stems, sentences, language. Pure."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ouvidor.agent.contacts import plain_signs
from ouvidor.agent.person import wants_person
from ouvidor.analysis.local.tongues import Tongue, tongue_of
from ouvidor.analysis.transcript import Line, Speaker, Transcript
from ouvidor.text import Language, fold, sentences, terms

LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'“”)\]]+", re.IGNORECASE)
"""An address as it stands in a message."""
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_QUOTED = re.compile(r"[\"“«][^\"”»]{1,300}[\"”»]")
_HEARD = 4.0
_TALKS_KEPT = 16
_TEXTS_KEPT = 1024


@dataclass(frozen=True)
class Message:
    """A line as the analyst reads it; `place` counts from 0 in the talk."""

    place: int
    line: Line
    language: Language

    @property
    def position(self) -> int:
        """Its position in the conversation."""
        return self.line.position

    @property
    def speaker(self) -> Speaker:
        """Who wrote it."""
        return self.line.speaker

    @cached_property
    def text(self) -> str:
        """What a person reads: without unseen characters."""
        return plain_signs(self.line.text).strip()

    @cached_property
    def bare(self) -> str:
        """The text without links and e-mail addresses."""
        return _MAIL.sub(" ", LINK.sub(" ", self.text))

    @cached_property
    def plain(self) -> str:
        """The bare text in lower case, without accents and with single spaces."""
        return folded(self.bare)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its words in plain letters, numbers among them."""
        return tuple(_WORD.findall(self.plain))

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Its sentences without links."""
        return tuple(sentences(self.bare))

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of the words that carry something."""
        return stems_of(self.bare, self.language)

    @cached_property
    def figures(self) -> frozenset[str]:
        """The numbers of the message as they stand there."""
        return frozenset(word for word in self.words if any(sign.isdigit() for sign in word))

    @cached_property
    def calls_person(self) -> bool:
        """Whether it asks for a person."""
        return wants_person(self.text)

    @cached_property
    def links(self) -> tuple[str, ...]:
        """The addresses that it gives."""
        return tuple(found.rstrip(".,;:!?") for found in LINK.findall(self.text))

    @cached_property
    def tongue(self) -> Tongue:
        """Its language, quotations left out."""
        unquoted = _QUOTED.sub(" ", self.bare)
        words = self.words if unquoted == self.bare else tuple(_WORD.findall(fold(unquoted)))
        return tongue_of(unquoted, words)


@dataclass(frozen=True)
class Talk:
    """The messages of a transcript in order, in the customer's `language`; `tongue` is its ISO 639-1 code."""

    transcript: Transcript
    messages: tuple[Message, ...]
    language: Language
    tongue: str

    @cached_property
    def customer(self) -> tuple[Message, ...]:
        """What the customer wrote."""
        return tuple(message for message in self.messages if message.speaker == "customer")

    @cached_property
    def bot(self) -> tuple[Message, ...]:
        """What the bot wrote."""
        return tuple(message for message in self.messages if message.speaker == "bot")

    def before(self, message: Message, *, count: int | None = None) -> tuple[Message, ...]:
        """The messages before one, the last `count` of them."""
        first = 0 if count is None else max(0, message.place - count)
        return self.messages[first : message.place]

    def after(self, message: Message) -> tuple[Message, ...]:
        """The messages after one."""
        return self.messages[message.place + 1 :]

    def said_before(self, message: Message) -> Message | None:
        """The last message of somebody else before this one."""
        return next((one for one in reversed(self.before(message)) if one.speaker != message.speaker), None)


@lru_cache(maxsize=_TEXTS_KEPT)
def folded(text: str) -> str:
    """The text in lower case without accents and with single spaces; several readers ask for the same sentences."""
    return " ".join(fold(text).split())


@lru_cache(maxsize=_TEXTS_KEPT)
def stems_of(text: str, language: Language) -> frozenset[str]:
    """The stems of the words that carry something."""
    return frozenset(terms(text, language))


@lru_cache(maxsize=_TALKS_KEPT)
def read(transcript: Transcript) -> Talk:
    """The transcript as the analyst reads it; the last few are kept, since several readers ask for the same one."""
    tongue = customer_tongue(transcript)
    language: Language = "pt" if tongue in {"pt", "es", "it", "fr"} else "en"
    messages = tuple(Message(place, line, language) for place, line in enumerate(transcript.lines))
    return Talk(transcript, messages, language, tongue)


def customer_tongue(transcript: Transcript) -> str:
    """The language that the customer writes, as ISO 639-1; that of the others where the customer's words are silent."""
    for speakers in ({"customer"}, {"bot", "person"}):
        text = " ".join(line.text for line in transcript.lines if line.speaker in speakers)
        heard = tongue_of(text, _WORD.findall(fold(LINK.sub(" ", text))))
        if heard.evidence >= _HEARD or heard.clearly(2.0):
            return heard.language
    return "pt"
