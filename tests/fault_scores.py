"""How many planted faults the detectors find, and how many they see where there are none."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ouvidor.analysis.local.faults import faults_in
from ouvidor.analysis.transcript import Line, Transcript
from ouvidor.analysis.verdict import BotFault

CASES = Path(__file__).parent / "analysis_faults.jsonl"


@dataclass(frozen=True)
class Case:
    """A conversation with the kind of its planted fault (None: a control) and the positions that show it."""

    id: str
    transcript: Transcript
    fault: str | None
    at: frozenset[int]


@dataclass
class Scores:
    """Counts by kind. `placed` faults are found at one of their positions; `extra` ones of other kinds beside them."""

    planted: Counter[str] = field(default_factory=Counter[str])
    found: Counter[str] = field(default_factory=Counter[str])
    placed: Counter[str] = field(default_factory=Counter[str])
    false_alarms: Counter[str] = field(default_factory=Counter[str])
    extra: Counter[str] = field(default_factory=Counter[str])
    controls: int = 0
    alarmed: int = 0

    @property
    def shown(self) -> dict[str, Any]:
        """The figures as they are printed."""
        return {
            "planted": self.planted.total(),
            "found": self.found.total(),
            "at_the_place": self.placed.total(),
            "controls": self.controls,
            "controls_with_an_alarm": self.alarmed,
            "kinds": {
                kind: {
                    "planted": self.planted[kind],
                    "found": self.found[kind],
                    "false_alarms": self.false_alarms[kind],
                    "extra": self.extra[kind],
                }
                for kind in sorted({*self.planted, *self.false_alarms, *self.extra})
            },
        }


def cases_of(path: Path) -> list[Case]:
    """The conversations of a file, one a line."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        Case(row["id"], transcript_of(row["turns"]), row.get("fault"), frozenset(row.get("at") or ())) for row in rows
    ]


def transcript_of(turns: Iterable[dict[str, Any]]) -> Transcript:
    """The turns as a transcript, numbered from 1."""
    return Transcript(tuple(Line(number, turn["role"], turn["text"]) for number, turn in enumerate(turns, 1)))


def scores_of(cases: Iterable[Case]) -> Scores:
    """What the detectors find in the cases."""
    scores = Scores()
    for case in cases:
        _count(case, faults_in(case.transcript), scores)
    return scores


def _count(case: Case, faults: list[BotFault], scores: Scores) -> None:
    if case.fault is None:
        scores.controls += 1
        scores.alarmed += bool(faults)
        scores.false_alarms.update(fault.kind for fault in faults)
        return
    scores.planted[case.fault] += 1
    same = [fault for fault in faults if fault.kind == case.fault]
    scores.found[case.fault] += bool(same)
    scores.placed[case.fault] += any(case.at & {*fault.at} for fault in same)
    scores.extra.update(fault.kind for fault in faults if fault.kind != case.fault)
