"""A conversation as an analyst reads it: its lines in order, and what the project wants to come of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Speaker = Literal["customer", "bot", "person"]


@dataclass(frozen=True)
class Line:
    """One message: its position in the conversation (1 is the first), who wrote it, when (None: unknown)."""

    position: int
    speaker: Speaker
    text: str
    at: datetime | None = None


@dataclass(frozen=True)
class Transcript:
    """The lines of one conversation, the earliest first; notices of the system are left out.

    `goal` is what the project wants to come of a conversation ("the reservation was closed"), empty where it named
    nothing. `handed_over` tells whether a person was called.
    """

    lines: tuple[Line, ...]
    goal: str = ""
    handed_over: bool = False

    @property
    def positions(self) -> frozenset[int]:
        """The positions that a verdict may point to."""
        return frozenset(line.position for line in self.lines)
