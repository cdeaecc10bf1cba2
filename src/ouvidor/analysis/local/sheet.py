"""The features of a conversation by name, and the lines that each was read from. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ouvidor.analysis.local.reading import Said, positions
from ouvidor.analysis.local.tone import GLAD_CUES, SORE_CUES

# What can only speak for a content customer, and what only against one: a trained weight of the other sign is an
# accident of the examples and is left out (train.py). The names stand for themselves and for their ".late".
SPEAKS_FOR = frozenset(
    {
        *(f"customer.{cue}" for cue in (*GLAD_CUES, "closed")),
        *("tone.mean", "tone.last", "tone.worst", "tone.late", "tone.opening", "tone.exclaims_gladly", "tone.mood"),
        *("end.thanked", "outcome.last_granted", "outcome.granted", "outcome.granted_after_refused"),
        *("answers.acted", "outcome.balance", "outcome.accepted_then_granted", "outcome.reference"),
    }
)
SPEAKS_AGAINST = frozenset(
    {
        *(f"customer.{cue}" for cue in SORE_CUES),
        *(f"customer.{cue}" for cue in ("impatience", "repeats", "correction", "confusion", "wants_person")),
        *(f"agent.{cue}" for cue in ("refusal", "not_understood", "limited", "apology", "rates")),
        *(
            "opening.sore",
            "customer.irony",
            "tone.sore_lines",
            "tone.loud",
            "tone.pressed",
            "tone.trails",
            "tone.exclaims_sorely",
        ),
        *("end.left_a_question", "end.not_answered", "outcome.last_refused", "outcome.last_lost", "outcome.refused"),
        *("outcome.lost", "outcome.refused_after_granted", "outcome.never_granted", "outcome.refused_last_two"),
        *(
            "repeats.agent",
            "repeats.agent_running",
            "repeats.agent_share",
            "repeats.agent_frozen",
            "repeats.asked_again",
            "repeats.refused_again",
        ),
        *(
            "repeats.customer",
            "repeats.customer_share",
            "answers.missed",
            "answers.tone_deaf",
            "answers.customer_twice",
            "pace.waited",
        ),
    }
)


@dataclass
class Sheet:
    """Features by name, and for each the positions of the lines that it was read from."""

    values: dict[str, float] = field(default_factory=dict[str, float])
    at: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])

    @property
    def heard(self) -> bool:
        """Whether anybody said anything."""
        return self.values["pace.lines"] > 0

    def note(self, name: str, value: float, said: Iterable[Said] = ()) -> None:
        """Set a feature, with the lines that it was read from."""
        self.values[name] = float(value)
        self.at[name] = positions(said)


def direction(name: str) -> int:
    """1 where a feature can only speak for a content customer, -1 where only against one, else 0."""
    plain = name.removesuffix(".late")
    return (plain in SPEAKS_FOR) - (plain in SPEAKS_AGAINST)
