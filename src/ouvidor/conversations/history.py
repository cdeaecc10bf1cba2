"""What a request says was said before, held against what is stored; and how much of it fits the engine."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

CHARACTERS_PER_TOKEN = 4
COMPARED = 200

Role = Literal["USER", "AGENT"]


@dataclass(frozen=True)
class Line:
    """One message: who said what."""

    role: Role
    content: str


@dataclass(frozen=True)
class Alignment:
    """The request's messages, told apart.

    `unverified` are earlier ones the store does not know, in order; `new` is the trailing run of USER messages.
    """

    unverified: tuple[Line, ...]
    new: tuple[Line, ...]


def align(stored: Sequence[Line], told: Sequence[Line], sent: Sequence[Line]) -> Alignment:
    """Hold the sent messages against the stored ones and those only `told` (unverified) in earlier requests.

    The trailing run of USER messages is always new, even where the same words are stored. The 200 messages before it
    are matched with the stored ones in order, by longest common runs (Ratcliff & Metzener 1988); of the rest, those
    told before are known; what then remains is unverified. Still earlier ones say nothing new and are left alone.
    """
    first_new = len(sent)
    while first_new and sent[first_new - 1].role == "USER":
        first_new -= 1
    earlier = sent[max(first_new - COMPARED, 0) : first_new]
    matcher = SequenceMatcher(None, list(stored), list(earlier), autojunk=False)
    known = {block.b + offset for block in matcher.get_matching_blocks() for offset in range(block.size)}
    told_left = Counter(told)
    unverified: list[Line] = []
    for index, line in enumerate(earlier):
        if index in known:
            continue
        if told_left[line] > 0:
            told_left[line] -= 1
        else:
            unverified.append(line)
    return Alignment(unverified=tuple(unverified), new=tuple(sent[first_new:]))


def newest_that_fit(lines: Sequence[Line], tokens: int) -> int:
    """How many of the last lines fit into that many tokens (estimated at four characters each)."""
    left = tokens * CHARACTERS_PER_TOKEN
    for kept, line in enumerate(reversed(lines)):
        left -= len(line.content) + CHARACTERS_PER_TOKEN
        if left < 0:
            return kept
    return len(lines)
