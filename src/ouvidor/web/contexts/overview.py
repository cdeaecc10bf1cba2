"""The state of a project at a glance."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from ouvidor.web.contexts.bars import Place
from ouvidor.web.contexts.frame import Frame
from ouvidor.web.contexts.inbox import Colleague


@dataclass(frozen=True)
class DayBar:
    """One day (UTC) of the chart: where its bar stands, and how high it is, in per cent of the drawing."""

    day: date
    conversations: int
    messages: int
    handovers: int
    place: Place
    height: float


@dataclass(frozen=True)
class ReasonRow:
    """How many hand-overs had this reason; `share` of the most frequent one, in whole per cent."""

    reason: str
    turns: int
    share: int


@dataclass(frozen=True)
class HolderRow:
    """Somebody who answers conversations now, and how many."""

    name: str
    conversations: int


@dataclass(frozen=True)
class Steps:
    """What is still missing before the project does its work."""

    knowledge: bool = False
    conversations: bool = False
    members: bool = False

    @property
    def open(self) -> bool:
        """Whether anything is missing."""
        return self.knowledge or self.conversations or self.members


@dataclass(frozen=True)
class OverviewPage:
    """How the answering goes over the last `days` days, from `since` to today, and who waits and answers now.

    `share_alone` is a whole percentage, None where there was no conversation; times are None where nobody replied;
    `top` is the highest bar's number of conversations.
    """

    template: ClassVar[str] = "overview.html"
    frame: Frame
    days: int
    since: date
    waiting: int
    longest_wait: timedelta | None
    conversations: int
    alone: int
    share_alone: int | None
    handovers: int
    replies: int
    median: timedelta | None
    ninetieth: timedelta | None
    bars: tuple[DayBar, ...]
    top: int
    reasons: tuple[ReasonRow, ...] = ()
    holders: tuple[HolderRow, ...] = ()
    members: tuple[Colleague, ...] = ()
    steps: Steps = Steps()

    @property
    def there(self) -> int:
        """How many of those who may answer are there."""
        return sum(member.there for member in self.members)
