"""The demo label's comments: 1,500 over nine weeks, with a release and an outage. Written by us, the same each time.

The sixth week brings an album (praise and suggestions, with words unheard before: feat, autotune, the clip of Laje);
in the eighth week the app is down for two days (criticism and questions).
"""

import math
import random
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import accumulate
from typing import Any

from ouvidor.demo.phrases import Composed, Composer, Planted

LABEL = "Selo Aurora"
WEEKS = 9
NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
"""A Monday noon in São Paulo: the present, where none is told."""
_SEED = "aurora-1"
_HERE = timezone(timedelta(hours=-3))
"""São Paulo, without summer time since 2019: no time zone data needed."""
_BY_HOUR = (5, 3, 2, 1, 1, 2, 5, 9, 11, 12, 12, 13, 16, 14, 12, 11, 12, 14, 18, 21, 23, 22, 17, 10)
_BY_WEEKDAY = (0.95, 0.9, 0.95, 1.0, 1.2, 1.3, 1.1)

SHARES = {
    (None, "praise"): {"pt": 363, "en": 62, "es": 16},
    (None, "criticism"): {"pt": 205, "en": 30, "es": 7},
    (None, "suggestion"): {"pt": 138, "en": 18, "es": 4},
    (None, "question"): {"pt": 153, "en": 26, "es": 8},
    (None, "spam"): {"pt": 134, "en": 14, "es": 2},
    ("release", "praise"): {"pt": 106, "en": 16, "es": 3},
    ("release", "suggestion"): {"pt": 46, "en": 4},
    ("release", "criticism"): {"pt": 20},
    ("release", "question"): {"pt": 15},
    ("outage", "criticism"): {"pt": 62, "en": 6},
    ("outage", "question"): {"pt": 34, "en": 4},
    ("outage", "praise"): {"pt": 4},
}
"""How many comments of each event, category and language: 1,500."""


@dataclass(frozen=True)
class _Window:
    """When comments of one kind come: from `start` to `end` days ago; `shape` weighs the days since the start."""

    start: float
    end: float
    shape: Callable[[float], float]


_WINDOWS = {
    None: _Window(7 * WEEKS, 0, lambda days: 1 + days / 250),
    "release": _Window(27.4, 7, lambda days: math.exp(-days / 3.2)),
    "outage": _Window(12, 10, lambda _: 1),
    "after": _Window(9.9, 7.5, lambda _: 1),
}


@dataclass(frozen=True)
class _Comment:
    """A comment, and its place in its window: 0 the first to come, 1 the last."""

    id: str
    composed: Composed
    window: str | None
    place: float


def past_comments(now: datetime = NOON) -> Iterator[dict[str, Any]]:
    """The comments, oldest first: id, texto, artista, album, canal, and `days_ago` before `now` (a fraction counts).

    Identifiers and texts are the same for each `now`; the moments follow the hours and weekdays of São Paulo.
    """
    clocks = {name: _clock(window, now) for name, window in _WINDOWS.items()}
    moments = {comment.id: clocks[comment.window](comment.place) for comment in _comments()}
    for comment in sorted(_comments(), key=lambda comment: -moments[comment.id]):
        said = comment.composed
        yield {
            "id": comment.id,
            "texto": said.text,
            "artista": said.artist,
            "album": said.album,
            "canal": said.channel,
            "days_ago": round(moments[comment.id], 5),
        }


def planted() -> dict[str, Planted]:
    """What each comment was written to be, by id: for tests, and for the analyst of the demo, who looks at some."""
    return {comment.id: comment.composed.planted for comment in _comments()}


@cache
def _comments() -> tuple[_Comment, ...]:
    composer = Composer(_SEED)
    chance = random.Random(_SEED)  # noqa: S311 - comments are no secrets
    placed: list[tuple[str | None, float, Composed]] = []
    for (event, category), by_language in SHARES.items():
        window = "after" if (event, category) == ("outage", "praise") else event
        for language, count in by_language.items():
            composed = composer.compose(event, category, language, count)
            chance.shuffle(composed)
            for turn, said in enumerate(composed):
                place = (turn + chance.random()) / count
                placed.append((window, (1 + place) / 2 if said.late else place, said))
    placed.sort(key=lambda one: _nominal(one[0], one[1]), reverse=True)
    return tuple(
        _Comment(f"aurora-{n:04}", said, window, place) for n, (window, place, said) in enumerate(placed, start=1)
    )


def _nominal(window: str | None, place: float) -> float:
    """About how many days ago: as if nobody slept."""
    span = _WINDOWS[window]
    return span.start + place * (span.end - span.start)


def _clock(window: _Window, now: datetime) -> Callable[[float], float]:
    """From a place in the window to days ago, so that more people write on a Saturday evening than at dawn."""
    hours = round((window.start - window.end) * 24)
    begin = now - timedelta(days=window.start)
    totals = list(accumulate(_weight(window, begin + timedelta(hours=n), n / 24) for n in range(hours)))

    def days_ago(place: float) -> float:
        sought = place * totals[-1]
        hour = min(bisect(totals, sought), hours - 1)
        before = totals[hour - 1] if hour else 0.0
        return window.start - (hour + (sought - before) / (totals[hour] - before)) / 24

    return days_ago


def _weight(window: _Window, moment: datetime, days: float) -> float:
    here = moment.astimezone(_HERE)
    return _BY_HOUR[here.hour] * _BY_WEEKDAY[here.weekday()] * window.shape(days)
