"""Whether to answer, to clarify or to hand over: decided here from typed facts, never by a model."""

from dataclasses import dataclass
from enum import StrEnum

from ouvidor.accounts.rules import Mode


class Move(StrEnum):
    """What the bot does in a turn."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    HANDOVER = "handover"


class Reason(StrEnum):
    """Why a turn ended in a clarification or a hand-over; `None` stands beside a plain answer."""

    UNCERTAIN = "uncertain"
    SPECIALIST_CONTENT = "specialist_content"
    OUTSIDE_CONTENT = "outside_content"
    CLARIFICATIONS_EXHAUSTED = "clarifications_exhausted"
    CUSTOMER_ASKED = "customer_asked"
    HELD_BY_PERSON = "held_by_person"
    DRAFT_WITHHELD = "draft_withheld"
    ENGINE_DOWN = "engine_down"


@dataclass(frozen=True)
class Policy:
    """A project's rules. `max_clarifications` counts per conversation and episode."""

    mode: Mode
    max_clarifications: int

    @property
    def clarifies(self) -> bool:
        """Whether this project asks back before it hands over."""
        return self.mode in {Mode.CLARIFICATION, Mode.BOTH}

    @property
    def hands_over_specialist(self) -> bool:
        """Whether N2 content calls a person."""
        return self.mode in {Mode.HANDOVER, Mode.BOTH}


@dataclass(frozen=True)
class Facts:
    """What is known of a draft.

    `grounded`: every statement is cited from retrieved sections and the confidence passes the gate.
    `conversational`: it needs no section (a greeting, something the customer said before).
    `withheld`: a model drafted an answer that its sources do not bear out.
    `specialist`: it cites N2 content, or N2 content passes the relevance gate.
    """

    grounded: bool
    conversational: bool = False
    specialist: bool = False
    wants_person: bool = False
    withheld: bool = False


@dataclass(frozen=True)
class Decision:
    """The move of a turn and its reason."""

    move: Move
    reason: Reason | None = None


def decide(facts: Facts, policy: Policy, clarifications: int) -> Decision:
    """The move of this turn; `clarifications` counts those already asked in this episode."""
    if facts.wants_person:
        return Decision(Move.HANDOVER, Reason.CUSTOMER_ASKED)
    if facts.conversational:
        return Decision(Move.ANSWER)
    if facts.specialist and policy.hands_over_specialist:
        return Decision(Move.HANDOVER, Reason.SPECIALIST_CONTENT)
    if facts.grounded:
        return Decision(Move.ANSWER)
    if not policy.clarifies:
        return Decision(Move.HANDOVER, Reason.DRAFT_WITHHELD if facts.withheld else Reason.OUTSIDE_CONTENT)
    if clarifications < policy.max_clarifications:
        return Decision(Move.CLARIFY, Reason.DRAFT_WITHHELD if facts.withheld else Reason.UNCERTAIN)
    return Decision(Move.HANDOVER, Reason.CLARIFICATIONS_EXHAUSTED)
