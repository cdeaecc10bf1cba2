"""The inbox: who waits for a person, and the conversation that one of them answers."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ouvidor.web.contexts.conversations import ConversationRow
from ouvidor.web.contexts.frame import Frame
from ouvidor.web.contexts.talk import SourceView, TalkView

Tab = Literal["waiting", "mine", "all"]
Mode = Literal["read", "take", "mine", "held", "closed"]
TABS: tuple[Tab, ...] = ("waiting", "mine", "all")


@dataclass(frozen=True)
class Colleague:
    """Somebody else who may answer: `there` now, or `away` by their own word."""

    name: str
    there: bool
    away: bool
    id: str = ""


@dataclass(frozen=True)
class SuggestionView:
    """What the engine proposes to say and the sections it cites; both empty where the knowledge has nothing."""

    text: str
    sources: tuple[SourceView, ...]


@dataclass(frozen=True)
class DeskTrouble:
    """A deed that was not done: why, and what was written for it, which is kept.

    `kind` is `taken` where `name` holds the conversation now, `changed` where it moved on otherwise, `failed` else.
    """

    kind: Literal["taken", "changed", "failed"]
    status: int
    detail: str
    request_id: str
    name: str = ""


@dataclass(frozen=True)
class Composer:
    """The field to answer in: its text and the resend mark of the next message; what was suggested, if asked."""

    key: str
    text: str = ""
    suggestion: SuggestionView | None = None


@dataclass(frozen=True)
class InboxPage:
    """The inbox as one person sees it.

    `beyond` counts the conversations of this tab that the list leaves out; `mode` says what the reader may do with the
    selected conversation: `read` it, `take` it, answer it as `mine`, see it `held` by another, or `closed`.
    """

    template: ClassVar[str] = "inbox.html"
    frame: Frame
    tab: Tab
    waiting: int
    mine: int
    open: int
    composer: Composer
    rows: tuple[ConversationRow, ...] = ()
    beyond: int = 0
    talk: TalkView | None = None
    mode: Mode = "read"
    trouble: DeskTrouble | None = None
    away: bool = False
    colleagues: tuple[Colleague, ...] = ()

    def count(self, tab: Tab) -> int:
        """How many conversations stand under this tab."""
        return {"waiting": self.waiting, "mine": self.mine, "all": self.open}[tab]

    def receivers(self) -> tuple[Colleague, ...]:
        """To whom the reader may pass the selected conversation on: it is theirs, or they manage the desk."""
        if self.talk is None or self.talk.head is None:
            return ()
        manages = self.mode in {"take", "held"} and self.frame.may("conversations:manage")
        holder = self.talk.head.holder_id
        return tuple(one for one in self.colleagues if one.id != holder) if self.mode == "mine" or manages else ()

    def closable(self) -> bool:
        """Whether the reader may end the selected conversation: it is theirs, nobody's, or they manage the desk."""
        return self.mode in {"take", "mine"} or (self.mode == "held" and self.frame.may("conversations:manage"))
