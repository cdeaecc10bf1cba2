"""What a list, a figure or an export of analyses is narrowed to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ouvidor.analysis.verdict import FaultKind, Judgement


@dataclass(frozen=True)
class Condition:
    """A condition in SQL on the table `analysis`, and the values of its parameters."""

    text: str
    values: dict[str, Any]


@dataclass(frozen=True)
class AnalysisFilter:
    """The current analyses that count; None leaves a thing open.

    `since` (inclusive) and `until` (exclusive) bound the beginning of the conversation; `least` and `most` the
    satisfaction, both included. `without_unit` wants conversations of no unit, `unpriced` analyses whose cost nobody
    knows.
    """

    unit: str | None = None
    without_unit: bool = False
    since: datetime | None = None
    until: datetime | None = None
    language: str | None = None
    version: str | None = None
    model: str | None = None
    topic: str | None = None
    fault: FaultKind | None = None
    least: int | None = None
    most: int | None = None
    resolved: Judgement | None = None
    goal: Judgement | None = None
    handed_over: bool | None = None
    unpriced: bool = False

    def condition(self) -> Condition:
        """What an analysis of the project `:project` must meet; all of it stands in the index of the figures."""
        values = {name: getattr(self, name) for name in CONDITIONS if getattr(self, name) is not None}
        parts = [CONDITIONS[name] for name in values]
        parts += ["analysis.unit is null"] * self.without_unit + ["analysis.cost is null"] * self.unpriced
        return Condition(" and ".join(["analysis.project_id = :project", "analysis.current", *parts]), values)


CONDITIONS = {
    "unit": "analysis.unit = :unit",
    "since": "analysis.began_at >= :since",
    "until": "analysis.began_at < :until",
    "language": "analysis.language = :language",
    "version": "analysis.version = :version",
    "model": "analysis.model = :model",
    "topic": ":topic = any(analysis.topics)",
    "fault": ":fault = any(analysis.fault_kinds)",
    "least": "analysis.satisfaction >= :least",
    "most": "analysis.satisfaction <= :most",
    "resolved": "analysis.resolved = :resolved",
    "goal": "analysis.goal_reached = :goal",
    "handed_over": "analysis.handed_over = :handed_over",
}
