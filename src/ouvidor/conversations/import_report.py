"""What an import has done: what became of each conversation, and all of it in figures."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from ouvidor.conversations.imported import ConversationRow
from ouvidor.errors import Fault

LISTED = 1000
"""How many broken rows a report names; the others are counted."""

State = Literal["added", "grown", "unchanged", "empty", "differs"]


@dataclass(frozen=True)
class Outcome:
    """What became of a row: how many `messages` came in; where it differs from what is stored, from which one on."""

    row: ConversationRow
    state: State
    conversation_id: UUID | None = None
    messages: int = 0
    differs_from: int = 0

    def fault(self) -> Fault | None:
        """Why it did not land, where it did not."""
        if self.state != "differs":
            return None
        told = f"is not what was imported before, from message {self.differs_from} on; that was left as it is"
        return Fault(self.row.where, told)


@dataclass
class ImportReport:
    """What an import did so far: conversations by what became of them, and new messages.

    `empty` ones hold no message with words and are not kept. `broken` names the first 1,000 of the `failed` rows: those
    that cannot be read, and those that differ from what is stored in other ways than having grown.
    """

    added: int = 0
    grown: int = 0
    unchanged: int = 0
    empty: int = 0
    failed: int = 0
    messages: int = 0
    broken: list[Fault] = field(default_factory=list[Fault])

    @property
    def rows(self) -> int:
        """All rows read."""
        return self.added + self.grown + self.unchanged + self.empty + self.failed

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Add these."""
        for outcome in outcomes:
            self.messages += outcome.messages
            fault = outcome.fault()
            if fault is not None:
                self.refuse(fault)
            elif outcome.state == "added":
                self.added += 1
            elif outcome.state == "grown":
                self.grown += 1
            elif outcome.state == "empty":
                self.empty += 1
            else:
                self.unchanged += 1

    def refuse(self, fault: Fault) -> None:
        """Add a row that did not land."""
        self.failed += 1
        if len(self.broken) < LISTED:
            self.broken.append(fault)
