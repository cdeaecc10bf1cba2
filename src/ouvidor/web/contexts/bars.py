"""Where the bars of a chart stand, for pages that draw one."""

from dataclasses import dataclass

BAR_SHARE = 2 / 3
"""Of a bar's place; the rest is gap, half of it on each side."""
LABELS = 8


@dataclass(frozen=True)
class Place:
    """The place of one hour's or day's bar, with the gap about it, in per cent of the drawing from the left."""

    begin: float
    size: float
    labelled: bool

    @property
    def left(self) -> float:
        """Where the bar begins."""
        return self.begin + self.size * (1 - BAR_SHARE) / 2

    @property
    def width(self) -> float:
        """How wide the bar is."""
        return self.size * BAR_SHARE

    @property
    def middle(self) -> float:
        """Where the label stands."""
        return self.begin + self.size / 2


def side_by_side(count: int) -> tuple[Place, ...]:
    """So many places of one size; eight of them at most, the last among them, carry a label."""
    size = 100 / max(count, 1)
    every = -(-count // LABELS)
    return tuple(Place(number * size, size, (count - 1 - number) % every == 0) for number in range(count))
