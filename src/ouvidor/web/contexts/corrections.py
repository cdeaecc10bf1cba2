"""Correcting comments: one at a time, from those that wait for a person."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from ouvidor.feedback.learning.waiting import Progress, WaitingOut
from ouvidor.web.categories import CategoryView
from ouvidor.web.contexts.comments import HistoryRow
from ouvidor.web.contexts.frame import Frame

FEW = 9
"""So many categories have a key of their own; of more, a list can be narrowed."""


@dataclass(frozen=True)
class Just:
    """What was done last: a comment said to be of a category, or skipped (None); it can be undone."""

    id: UUID
    category: CategoryView | None


@dataclass(frozen=True)
class Dispute:
    """What somebody else has said of a comment meanwhile."""

    id: UUID
    person: str
    category: CategoryView


@dataclass(frozen=True)
class CorrectionsPage:
    """The comment to look at (None: nothing waits), what it may be, and how far the list is worked off.

    `given` is what the AI made of it, which is not told of those judged blindly; nor is their `history`. `before` and
    `behind` are its neighbours in the list. `suggested` tells how many new corrections are worth a training (0: too
    few).
    """

    template: ClassVar[str] = "corrections.html"
    frame: Frame
    categories: tuple[CategoryView, ...]
    progress: Progress
    comment: WaitingOut | None = None
    given: CategoryView | None = None
    history: tuple[HistoryRow, ...] = ()
    before: UUID | None = None
    behind: UUID | None = None
    just: Just | None = None
    dispute: Dispute | None = None
    trouble: str = ""
    suggested: int = 0

    @property
    def many(self) -> bool:
        """Whether there are more categories than keys."""
        return len(self.categories) > FEW

    @property
    def tags(self) -> str:
        """The codes of the AI's tags, as the form shows them."""
        given = self.comment.given if self.comment else None
        return ", ".join(tag.code for tag in given.tags) if given else ""


@dataclass(frozen=True)
class CorrectionFragment(CorrectionsPage):
    """The same by itself, for a page that stands open in the browser."""

    template: ClassVar[str] = "correction.html"
