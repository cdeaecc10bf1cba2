"""How content each line of a customer sounds in its context: irony, "but", the trouble that brought them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from ouvidor.analysis.local.outcome import kind_of
from ouvidor.analysis.local.reading import ALIKE, Reading, Said, alike

GLAD_CUES = ("thanks", "praise", "resolved", "relief")
SORE_CUES = ("complaint", "insult", "irony", "threat", "unresolved", "disappointed", "give_up")
_BITTER = ("complaint", "insult", "threat", "unresolved")
_TROUBLED = ("trouble", "impatience", "repeats", *_BITTER)
_LOUD = 0.5
_HALF = 0.5


@dataclass(frozen=True)
class Toned:
    """A line of the customer: how content it sounds, about -3 to 3, and whether its praise is meant the other way."""

    said: Said
    value: float
    ironic: bool


def tones_of(reading: Reading) -> tuple[Toned, ...]:
    """The tone of every line of the customer, in order."""
    found: list[Toned] = []
    answered: list[Said] = []
    for said in reading.said:
        if not said.by_customer:
            answered.append(said)
            continue
        sore_before = any(toned.value < 0 for toned in found)
        ironic = _ironic(said, sore_before=sore_before, unhelpful=unhelpful(answered))
        found.append(Toned(said, _value(said, ironic=ironic), ironic))
    return tuple(found)


def unhelpful(answered: Sequence[Said]) -> bool:
    """Whether the last answer refused, did not understand, or repeated the one before."""
    if not answered:
        return False
    repeated = len(answered) > 1 and alike(answered[-1], answered[-2]) >= ALIKE
    return repeated or kind_of(answered[-1]) in {"refused", "lost"}


def is_loud(said: Said) -> bool:
    """Whether a line of more than one word is written in capitals."""
    return said.loud > _LOUD and len(said.words) > 1


def _ironic(said: Said, *, sore_before: bool, unhelpful: bool) -> bool:
    """Praise that stands beside a trouble, or that a sore customer utters after an answer that did not help."""
    if said.has("irony"):
        return True
    if not said.has("mock") or said.has("resolved", "turn"):
        return False
    return said.has(*_TROUBLED) or (sore_before and unhelpful and not said.has("thanks"))


def _value(said: Said, *, ironic: bool) -> float:
    telling = any(cue in said.turned for cue in (*GLAD_CUES, *SORE_CUES))
    cues = said.turned if telling else said.cues
    glad = sum(cue in cues for cue in GLAD_CUES) + (said.mood > 0)
    sore = sum(cue in cues for cue in SORE_CUES) + (said.mood < 0) + _HALF * said.pressed + _HALF * is_loud(said)
    if ironic:
        return -float(max(sore, 1.0)) - _HALF * glad
    # Politeness does not sweeten what is bitter: "terrible, thanks".
    return float(glad - sore) if not any(cue in cues for cue in _BITTER) else min(-_HALF, glad * _HALF - sore)
