"""Every case of the policy, as a table."""

import pytest

from ouvidor.accounts.rules import Mode
from ouvidor.agent.policy import Facts, Move, Policy, Reason, decide

GROUNDED = Facts(grounded=True)
DOUBT = Facts(grounded=False)
SPECIALIST = Facts(grounded=True, specialist=True)
DOUBT_NEAR_SPECIALIST = Facts(grounded=False, specialist=True)
GREETING = Facts(grounded=False, conversational=True)
WANTS_PERSON = Facts(grounded=False, wants_person=True)

CASES = [
    (GROUNDED, Mode.CLARIFICATION, 0, Move.ANSWER, None),
    (GROUNDED, Mode.HANDOVER, 0, Move.ANSWER, None),
    (GROUNDED, Mode.BOTH, 2, Move.ANSWER, None),
    (SPECIALIST, Mode.CLARIFICATION, 0, Move.ANSWER, None),
    (SPECIALIST, Mode.HANDOVER, 0, Move.HANDOVER, Reason.SPECIALIST_CONTENT),
    (SPECIALIST, Mode.BOTH, 0, Move.HANDOVER, Reason.SPECIALIST_CONTENT),
    (DOUBT_NEAR_SPECIALIST, Mode.BOTH, 0, Move.HANDOVER, Reason.SPECIALIST_CONTENT),
    (DOUBT_NEAR_SPECIALIST, Mode.CLARIFICATION, 0, Move.CLARIFY, Reason.UNCERTAIN),
    (DOUBT, Mode.CLARIFICATION, 0, Move.CLARIFY, Reason.UNCERTAIN),
    (DOUBT, Mode.CLARIFICATION, 1, Move.CLARIFY, Reason.UNCERTAIN),
    (DOUBT, Mode.CLARIFICATION, 2, Move.HANDOVER, Reason.CLARIFICATIONS_EXHAUSTED),
    (DOUBT, Mode.BOTH, 2, Move.HANDOVER, Reason.CLARIFICATIONS_EXHAUSTED),
    (DOUBT, Mode.BOTH, 3, Move.HANDOVER, Reason.CLARIFICATIONS_EXHAUSTED),
    (DOUBT, Mode.HANDOVER, 0, Move.HANDOVER, Reason.OUTSIDE_CONTENT),
    (GREETING, Mode.HANDOVER, 0, Move.ANSWER, None),
    (GREETING, Mode.BOTH, 2, Move.ANSWER, None),
    (WANTS_PERSON, Mode.CLARIFICATION, 0, Move.HANDOVER, Reason.CUSTOMER_ASKED),
    (WANTS_PERSON, Mode.BOTH, 0, Move.HANDOVER, Reason.CUSTOMER_ASKED),
]


@pytest.mark.parametrize(("facts", "mode", "asked", "move", "reason"), CASES)
def test_decisions(facts: Facts, mode: Mode, asked: int, move: Move, reason: Reason | None) -> None:
    decision = decide(facts, Policy(mode, max_clarifications=2), asked)
    assert (decision.move, decision.reason) == (move, reason)


def test_a_cap_of_none_hands_over_at_once() -> None:
    assert decide(DOUBT, Policy(Mode.BOTH, max_clarifications=0), 0).move is Move.HANDOVER
