"""How the answering goes: charts over time, and what stands behind them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from ouvidor.monitoring.usage import Period, UsageReport
from ouvidor.web.contexts.bars import Place
from ouvidor.web.contexts.frame import Frame

Unit = Literal["count", "seconds", "dollars"]
ChartName = Literal["decisions", "times", "calls", "cost"]


@dataclass(frozen=True)
class Bar:
    """A part of a column: its series, and where it stands, in per cent of the drawing from the top."""

    series: str
    top: float
    height: float


@dataclass(frozen=True)
class Column:
    """One hour or day: where it stands, its bars, and its values (None: unknown)."""

    at: datetime
    place: Place
    bars: tuple[Bar, ...]
    values: tuple[float | None, ...]
    last: bool


@dataclass(frozen=True)
class Chart:
    """Columns from a zero base; the highest, `peak`, takes the whole height. `series` are stacked in this order."""

    name: ChartName
    unit: Unit
    series: tuple[str, ...]
    columns: tuple[Column, ...]
    peak: float


@dataclass(frozen=True)
class Share:
    """How often something was the case; `share` of the most frequent, in whole per cent."""

    name: str
    count: int
    share: int


@dataclass(frozen=True)
class MonitoringPage:
    """A project's calls and decisions over a period; `connected` names the language model that is set, if one is.

    `model` and `prompt` are what it is narrowed to (empty: all) of `models` and `prompts`.
    """

    template: ClassVar[str] = "monitoring.html"
    frame: Frame
    report: UsageReport
    charts: tuple[Chart, ...]
    faults: tuple[Share, ...]
    reasons: tuple[Share, ...]
    findings: tuple[Share, ...]
    models: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    model: str = ""
    prompt: str = ""
    connected: str = ""
    periods: tuple[Period, ...] = ("24h", "7d", "30d")

    @property
    def empty(self) -> bool:
        """Whether nothing was done in the period."""
        return not self.report.calls.calls and not self.report.turns.total

    @property
    def narrowed(self) -> bool:
        """Whether a model or a prompt is chosen."""
        return bool(self.model or self.prompt)
