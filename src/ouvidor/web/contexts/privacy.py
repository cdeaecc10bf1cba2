"""The privacy page: exports, erasures and their receipts."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from ouvidor.web.contexts.frame import Frame

Kind = Literal["conversation", "customer"]
State = Literal["pending", "running", "done", "failed"]
Panel = Literal["", "export", "erase", "check"]


@dataclass(frozen=True)
class ExportView:
    """An export; `size` in bytes once it is ready."""

    id: str
    kind: Kind
    subject: str
    state: State
    size: int | None
    requested_by: str
    requested_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class ReceiptView:
    """What was erased, or is about to be; it names nobody."""

    id: str
    kind: Literal["conversation", "customer", "retention"]
    state: State
    conversations: int
    messages: int
    comments: int
    requested_by: str
    requested_at: datetime
    done_at: datetime | None


@dataclass(frozen=True)
class Whose:
    """What was typed into a form; `wrong` tells why it was refused, if it was."""

    kind: Kind = "customer"
    id: str = ""
    wrong: Literal["", "missing", "unknown"] = ""


@dataclass(frozen=True)
class Loss:
    """What an erasure would take; `typed` is what was typed to confirm it, if that was something else."""

    conversations: int
    messages: int
    comments: int
    typed: str | None = None


@dataclass(frozen=True)
class PrivacyPage:
    """What is kept of customers and for how long; one form, if any, stands open in the panel.

    `found` are the receipts that a check has found (None: nothing was checked); `more` tells that lists are cut off.
    """

    template: ClassVar[str] = "privacy.html"
    frame: Frame
    exports: tuple[ExportView, ...]
    receipts: tuple[ReceiptView, ...]
    retention_days: int | None
    panel: Panel = ""
    whose: Whose = Whose()
    loss: Loss | None = None
    found: tuple[ReceiptView, ...] | None = None
    done: str = ""
    more: bool = False

    @property
    def pending(self) -> bool:
        """Whether a job is under way, so that the page is worth another look."""
        return any(row.state in {"pending", "running"} for row in (*self.exports, *self.receipts))
