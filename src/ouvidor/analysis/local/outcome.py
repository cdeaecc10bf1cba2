"""What the customer got: each answer of bot or person as granted, told, offered, asked, refused or lost. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from ouvidor.analysis.local.reading import Reading, Said

OutcomeKind: TypeAlias = Literal["granted", "told", "offered", "asked", "refused", "lost"]
FEWEST_WORDS_TOLD = 6
_NO = (("nao",), ("no",), ("nope",))
_WORTH: Mapping[OutcomeKind, float] = {
    "granted": 1.0,
    "told": 0.5,
    "offered": 0.2,
    "asked": 0.0,
    "refused": -1.0,
    "lost": -0.5,
}


@dataclass(frozen=True)
class Outcome:
    """The lines of the agent that say something, by kind; `last` is the last of them.

    `mended` tells that something was granted after the last refusal, `spoiled` that something was refused after the
    last grant, `accepted` that a grant followed on the customer's yes. `balance`, -1 to 1, weighs late lines more.
    """

    granted: Sequence[Said]
    told: Sequence[Said]
    refused: Sequence[Said]
    lost: Sequence[Said]
    last: Said | None
    last_kind: OutcomeKind | None
    mended: bool
    spoiled: bool
    refused_late: bool
    accepted: bool
    balance: float


def kind_of(said: Said) -> OutcomeKind:
    """What a line of bot or person gives the customer."""
    if said.has("not_understood", "limited"):
        return "lost"
    if said.has("refusal") or said.words[:1] in _NO:
        return "refused"
    if said.acts or (said.has("success") and not said.asks):
        return "granted"
    if said.has("asks_detail"):
        return "asked"
    if said.has("offer"):
        return "offered"
    if said.asks:
        return "asked"
    return "told" if len(said.words) >= FEWEST_WORDS_TOLD else "asked"


def follow(reading: Reading) -> Outcome:
    """What came of the conversation, read from the agent's side."""
    telling = [one for one in reading.agent if not one.closes]
    kinds: list[OutcomeKind] = [kind_of(one) for one in telling]

    def having(kind: OutcomeKind) -> list[Said]:
        return [one for one, own in zip(telling, kinds, strict=True) if own == kind]

    granted, refused = having("granted"), having("refused")
    last_granted = granted[-1].position if granted else -1
    last_refused = refused[-1].position if refused else -1
    weights = [0.6**back for back in range(len(kinds))][::-1]
    total = sum(weights) or 1.0
    last_kind: OutcomeKind | None = kinds[-1] if kinds else None
    return Outcome(
        granted=granted,
        told=having("told"),
        refused=refused,
        lost=having("lost"),
        last=telling[-1] if telling else None,
        last_kind=last_kind,
        mended=-1 < last_refused < last_granted,
        spoiled=-1 < last_granted < last_refused,
        refused_late=len(kinds) > 1 and all(kind in {"refused", "lost"} for kind in kinds[-2:]),
        accepted=_accepted(reading, granted),
        balance=sum(weight * _WORTH[kind] for weight, kind in zip(weights, kinds, strict=True)) / total,
    )


def _accepted(reading: Reading, granted: Sequence[Said]) -> bool:
    at = {one.position for one in granted}
    return any(
        earlier.by_customer and earlier.has("accept") and later.position in at
        for earlier, later in pairwise(reading.said)
    )
