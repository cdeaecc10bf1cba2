"""Conversations as a list, and one of them to read."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from ouvidor.web.contexts.frame import Frame
from ouvidor.web.contexts.talk import ConversationStatus, TalkView

REASONS = (
    "clarifications_exhausted",
    "customer_asked",
    "specialist_content",
    "outside_content",
)
"""Why a conversation may have been handed over, in the order in which lists name the reasons."""


@dataclass(frozen=True)
class ConversationRow:
    """A conversation in a list; `words` are the customer's last, `mine` tells that the reader holds it."""

    id: str
    address: str
    helpdesk_id: str
    customer_id: str
    status: ConversationStatus
    holder: str
    mine: bool
    words: str
    reason: str
    language: str
    messages: int
    waiting_since: datetime | None
    last_message_at: datetime
    imported: bool = False
    unit: str = ""


@dataclass(frozen=True)
class ListFilters:
    """What the list of conversations is narrowed to, as the form shows it; empty fields narrow nothing."""

    status: str = ""
    q: str = ""
    language: str = ""
    reason: str = ""
    since: str = ""
    until: str = ""
    order: str = "newest"
    customer: str = ""
    unit: str = ""
    origin: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether an empty list means "nothing found" rather than "nothing there"."""
        return any(value for name, value in vars(self).items() if name != "order")


@dataclass(frozen=True)
class ConversationsPage:
    """The project's conversations under these filters; `query` is the filters as an address has them.

    `after` is the cursor of what follows (empty: nothing).
    """

    template: ClassVar[str] = "conversations.html"
    frame: Frame
    filters: ListFilters
    query: str
    rows: tuple[ConversationRow, ...] = ()
    after: str = ""
    continued: bool = False
    languages: tuple[str, ...] = ("pt", "en")
    reasons: tuple[str, ...] = REASONS


@dataclass(frozen=True)
class ConversationPage:
    """One conversation to read; `back` is the list it was found in, `analysis` its analysis, if it has one."""

    template: ClassVar[str] = "conversation.html"
    frame: Frame
    talk: TalkView
    back: str
    analysis: UUID | None = None
