"""What changed between two texts: by line, and within a line by word."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

CONTEXT = 3
LONGEST_LINE = 1000
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Stretch:
    """A part of a line; `changed` where it differs from the line that it took the place of."""

    text: str
    changed: bool = False


@dataclass(frozen=True)
class DiffLine:
    """A line of a comparison with its number in either text (from 1, 0 where it is not there).

    A `gap` stands for `before` lines that are the same in both and are left out.
    """

    kind: Literal["same", "removed", "added", "gap"]
    before: int
    after: int
    parts: tuple[Stretch, ...] = ()

    @property
    def text(self) -> str:
        """The line's text."""
        return "".join(part.text for part in self.parts)


def compare(before: str, after: str, context: int | None = CONTEXT) -> tuple[DiffLine, ...]:
    """The lines of both texts, those removed before those added; of the same ones only `context` round a change.

    Without a `context` all of them; nothing where the texts are the same.
    """
    old, new = (text.removesuffix("\n").split("\n") for text in (before, after))
    if old == new:
        return ()
    lines: list[DiffLine] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            begins, ends = not lines, new_end == len(new) and old_end == len(old)
            same = zip(range(old_start, old_end), range(new_start, new_end), strict=True)
            shown = [DiffLine("same", one + 1, other + 1, (Stretch(old[one]),)) for one, other in same]
            lines += shown if context is None else _folded(shown, context, begins=begins, ends=ends)
        else:
            lines += _changed(old, new, range(old_start, old_end), range(new_start, new_end))
    return tuple(lines)


def _changed(old: Sequence[str], new: Sequence[str], gone: range, come: range) -> Iterator[DiffLine]:
    """The lines that went, then those that came; paired by their order, so that the words that differ can be told."""
    pairs = [
        _by_words(old[one], new[other]) if one is not None and other is not None else None
        for one, other in zip_longest(gone, come)
    ]
    for place, number in enumerate(gone):
        pair = pairs[place]
        yield DiffLine("removed", number + 1, 0, pair[0] if pair else (Stretch(old[number]),))
    for place, number in enumerate(come):
        pair = pairs[place]
        yield DiffLine("added", 0, number + 1, pair[1] if pair else (Stretch(new[number]),))


def _by_words(old: str, new: str) -> tuple[tuple[Stretch, ...], tuple[Stretch, ...]] | None:
    """Both lines in stretches, or None where they have too little in common for that to be of use."""
    if max(len(old), len(new)) > LONGEST_LINE:
        return None
    one, other = _WORDS.findall(old), _WORDS.findall(new)
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.ratio() < 0.4:
        return None
    codes = matcher.get_opcodes()
    left = tuple(Stretch("".join(one[a:b]), kind != "equal") for kind, a, b, _, _ in codes if b > a)
    return left, tuple(Stretch("".join(other[a:b]), kind != "equal") for kind, _, _, a, b in codes if b > a)


def _folded(same: list[DiffLine], context: int, *, begins: bool, ends: bool) -> list[DiffLine]:
    head = [] if begins else same[:context]
    rest = same[len(head) :]
    tail = [] if ends or not context else rest[-context:]
    hidden = len(rest) - len(tail)
    return same if hidden <= 1 else [*head, DiffLine("gap", hidden, hidden), *tail]
