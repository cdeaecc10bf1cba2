"""A conversation as every page shows it: turns, what persons wrote between them, reasons and sources; the chat page."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from urllib.parse import urlencode

from ouvidor.monitoring.of_turn import TurnCalls
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
class FindingView:
    """What was wrong with a draft: the kind, and the words that it is about (empty: the whole draft)."""

    kind: str
    what: str


@dataclass(frozen=True)
class TurnView:
    """What the customer said, what came back, and why.

    `reason` is a code of the policy, empty beside a plain answer; `clarifications` of at most `cap` were asked by
    then; `milliseconds` is the time the reply took; an answer needs `confidence` of at least `gate` (both 0 to 1).
    `searched_for` is the question where it had to be completed; `withheld` a model's draft that was not sent, because
    of `findings`; `degraded` the model's fault where the local engine answered. `calls` is what the model took, known
    for the selected turn only, within about a second.
    `retrieved` counts the sections; `sources` holds them for the selected turn only. `position` is that of its first
    message; `opens_episode` tells that the turn before belongs to another episode.
    """

    kind: ClassVar[str] = "turn"
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
    position: int = 0
    episode: int = 1
    opens_episode: bool = False
    prompt: str = ""
    searched_for: str = ""
    withheld: str = ""
    findings: tuple[FindingView, ...] = ()
    degraded: str = ""
    calls: TurnCalls | None = None

    @property
    def cites(self) -> bool:
        """Whether the reply rests on sections."""
        return any(part.rank for part in self.reply)


@dataclass(frozen=True)
class PersonView:
    """A message of a person to the customer."""

    kind: ClassVar[str] = "person"
    position: int
    at: datetime
    name: str
    text: str


@dataclass(frozen=True)
class NoticeView:
    """What the customer was told when the conversation changed hands."""

    kind: ClassVar[str] = "notice"
    position: int
    at: datetime
    text: str


@dataclass(frozen=True)
class SaidView:
    """A message of an imported conversation, by the customer or else the bot that served them elsewhere."""

    kind: ClassVar[str] = "said"
    position: int
    at: datetime
    text: str
    customer: bool


Item = TurnView | PersonView | NoticeView | SaidView


@dataclass(frozen=True)
class ConversationView:
    """The facts of a conversation beside its messages; ids are text, what is unknown is empty.

    `waiting_since` is set while the customer waits for a person's word; `reason` says why it was handed over.
    """

    id: str
    helpdesk_id: str
    customer_id: str
    status: ConversationStatus
    episode: int
    clarifications: int
    cap: int
    messages: int
    language: str
    holder_id: str
    holder: str
    waiting_since: datetime | None
    reason: str
    created_at: datetime
    last_message_at: datetime
    imported: bool = False
    unit: str = ""


@dataclass(frozen=True)
class TalkView:
    """A window of a conversation in the order of its messages, at the address `here` of the page that shows it.

    `last` is the number of the newest turn; `earlier` and `later` are turns outside the window (0: none); `left_out` is
    how many first messages of a long imported conversation are not shown; `opened` tells that the selected turn was
    asked for (on a phone the panel is a sheet); `source` is the rank of the section shown in full.
    """

    here: str
    head: ConversationView | None = None
    items: tuple[Item, ...] = ()
    selected: TurnView | None = None
    last: int = 0
    earlier: int = 0
    later: int = 0
    left_out: int = 0
    opened: bool = False
    source: int = 0

    @property
    def status(self) -> ConversationStatus:
        """Who has it; one that has not begun is the bot's."""
        return self.head.status if self.head else "bot"

    @property
    def holder(self) -> str:
        """The name of the person who answers, where one does."""
        return self.head.holder if self.head else ""

    def at_turn(self, number: int, source: int = 0) -> str:
        """The address with this turn laid open, at one of its sections where `source` is its rank."""
        chosen = {"turn": number, **({"source": source} if source else {})}
        return f"{self.here}{'&' if '?' in self.here else '?'}{urlencode(chosen)}"


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

    `key` is the resend mark of the next message; a real customer's conversation is not `playable`.
    """

    template: ClassVar[str] = "chat.html"
    frame: Frame
    helpdesk: str
    key: str
    talk: TalkView
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
    talk: TalkView
    selected: TurnView
