"""What a run of an engine is about, and who hears how far it has come."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

Stage = Literal["searching", "drafting", "checking"]
"""How far a reply has come: its sections are looked for, an engine writes it, what was written is checked."""

Tell: TypeAlias = Callable[[Stage], None]


def tell_nobody(_: Stage) -> None:
    """Nobody waits to hear how far the reply has come."""


@dataclass(frozen=True)
class About:
    """The conversation and turn that an engine is asked for; neither where something is tried out.

    `tell` is called at each stage; it must be quick and never fail.
    """

    conversation_id: UUID | None = None
    turn_id: UUID | None = None
    tell: Tell = tell_nobody


NOTHING = About()
