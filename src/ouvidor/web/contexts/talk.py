"""The chat page: turns with their reasons and sources."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from ouvidor.web.citations import ReplyPart
from ouvidor.web.contexts.frame import Frame

Outcome = Literal["answer", "clarify", "handover", "silent", "running", "lost", "failed"]
ConversationStatus = Literal["bot", "waiting", "person", "closed"]


@dataclass(frozen=True)
class SourceView:
    """A retrieved section as the turn saw it: `rank` from 1, `score` the probability that it answers, 0 to 1.

    `relevant` tells whether the score passed the turn's gate; `section_id` is empty once the section is gone.
    """

    rank: int
    section_id: str
    title: str
    content: str
    tier: str
    score: float
    cited: bool
    relevant: bool

    @property
    def share(self) -> int:
        """The score as a whole percentage, for the bar."""
        return round(100 * min(max(self.score, 0.0), 1.0))


@dataclass(frozen=True)
class TurnView:
    """What the customer said, what came back, and why.

    `reason` is a code of the policy, empty beside a plain answer; `clarifications` of at most `cap` were asked by
    then; `milliseconds` is the time the reply took; an answer needs `confidence` of at least `gate` (both 0 to 1).
    `retrieved` counts the sections; `sources` holds them for the selected turn only.
    """

    number: int
    at: datetime
    said: str
    reply: tuple[ReplyPart, ...]
    outcome: Outcome
    reason: str
    clarifications: int
    cap: int
    language: str
    milliseconds: float | None
    confidence: float | None
    gate: float | None
    model: str
    message_id: str
    retrieved: int = 0
    sources: tuple[SourceView, ...] = ()

    @property
    def cites(self) -> bool:
        """Whether the reply rests on sections."""
        return any(part.rank for part in self.reply)


@dataclass(frozen=True)
class Trouble:
    """A message that got no reply: its text, why, and the mark under which it can be sent again."""

    status: int
    detail: str
    request_id: str
    text: str
    key: str


@dataclass(frozen=True)
class ChatPage:
    """A conversation with the bot, played by a person of the project.

    `key` is the resend mark of the next message; `last` the number of the newest turn; `earlier` and `later` are turns
    outside the shown window (0: none); `opened` tells that the selected turn was asked for (on a phone the panel is a
    sheet); `source` the rank of the section shown in full; a real customer's conversation is not `playable`.
    """

    template: ClassVar[str] = "chat.html"
    frame: Frame
    helpdesk: str
    key: str
    status: ConversationStatus = "bot"
    turns: tuple[TurnView, ...] = ()
    selected: TurnView | None = None
    last: int = 0
    earlier: int = 0
    later: int = 0
    opened: bool = False
    source: int = 0
    sections: int = 0
    suggestions: tuple[str, ...] = ()
    trouble: Trouble | None = None
    playable: bool = True


@dataclass(frozen=True)
class TurnFragment:
    """One new turn with its panel, for the chat page that stands open in the browser."""

    template: ClassVar[str] = "turn_fragment.html"
    frame: Frame
    helpdesk: str
    key: str
    status: ConversationStatus
    selected: TurnView
    last: int
