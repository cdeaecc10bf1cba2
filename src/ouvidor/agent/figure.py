"""What a figure in a text may mean. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

Reading: TypeAlias = tuple[str, str | int | Decimal]
"""What a figure may mean: ("n", number), ("t", minutes after midnight), ("d", minutes), ("day", 0 to 6)…"""


@dataclass(frozen=True)
class Figure:
    """A figure as `written`, what it may mean, its unit where it names one, and its place in the folded text."""

    written: str
    readings: frozenset[Reading]
    unit: str | None
    start: int
    end: int
