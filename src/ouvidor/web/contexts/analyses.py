"""What the analyses say: the dashboard with its charts and lists, one conversation beside its analysis, runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode
from uuid import UUID

from ouvidor.analysis.figures import FiguresReport, Names
from ouvidor.analysis.read import AnalysisOut, Order
from ouvidor.analysis.runs import RunOut
from ouvidor.analysis.verdict import Judgement
from ouvidor.web.contexts.frame import Frame

Speaker = Literal["customer", "bot", "person", "system"]


@dataclass(frozen=True)
class Cell:
    """A cell of a table behind a chart; an `address` leads to the rows that it counts."""

    text: str
    address: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class ChartView:
    """A chart: what draws it (a Vega-Lite specification without colours), and the table behind it."""

    name: str
    spec: Mapping[str, Any]
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def title(self) -> str:
        """What it shows, in which unit."""
        return self.spec["title"]

    @property
    def description(self) -> str:
        """What a reader who does not see it is told."""
        return self.spec["description"]


@dataclass(frozen=True)
class AnalysisRow:
    """An analysis in a list; `words` are the first sentence of its summary, `faults` named in the reader's language."""

    address: str
    helpdesk_id: str
    unit: str
    began_at: datetime
    satisfaction: int
    resolved: Judgement
    goal: Judgement
    topics: tuple[str, ...]
    faults: tuple[str, ...]
    words: str
    language: str
    handed_over: bool
    addressed: bool


@dataclass(frozen=True)
class Chip:
    """A filter that stands in no field of the form: what it says, and the address without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True)
class ParkedRow:
    """A conversation that could not be analysed, why, and since when."""

    conversation_id: UUID
    reason: str
    parked_at: datetime


@dataclass(frozen=True)
class WorkView:
    """The analysis at work: the open run, if there is one; provider batches; what is parked and due; if it is paused.

    `budget` is what analyses may cost in a month, in dollars (None: no limit), `spent` what this one has cost so far.
    """

    run: RunOut | None = None
    batches: tuple[RunOut, ...] = ()
    parked: tuple[ParkedRow, ...] = ()
    due: int = 0
    paused: bool = False
    budget: Decimal | None = None
    spent: Decimal = Decimal(0)

    @property
    def share(self) -> int:
        """How much of the run is behind us, in whole per cent."""
        run = self.run
        return round(100 * (run.done + run.parked) / run.total) if run and run.total else 0

    @property
    def left(self) -> timedelta | None:
        """How long the run still takes, where that can be told."""
        seconds = self.run.seconds_left if self.run else None
        return None if seconds is None else timedelta(seconds=seconds)


@dataclass(frozen=True)
class AnalysesPage:
    """The dashboard under a filter; `fields` are the filters as the form shows them, `query` as an address has them.

    `after` is the cursor of what follows in the list (empty: nothing); `look` how charts look in each theme, and in
    which way numbers and dates are written; `code` the address of what draws them.
    """

    template: ClassVar[str] = "analyses.html"
    frame: Frame
    report: FiguresReport
    names: Names
    fields: Mapping[str, str]
    query: str
    chips: tuple[Chip, ...] = ()
    charts: tuple[ChartView, ...] = ()
    worst: tuple[AnalysisRow, ...] = ()
    rows: tuple[AnalysisRow, ...] = ()
    order: Order = "newest"
    after: str = ""
    continued: bool = False
    work: WorkView = WorkView()
    look: Mapping[str, Any] | None = None
    code: str = ""
    period: str = ""
    periods: Mapping[str, str] = field(default_factory=dict[str, str])
    goal: str = ""
    done: str = ""
    trouble: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether an empty dashboard means "nothing found" rather than "nothing there"."""
        return bool(self.query)

    def with_query(self, **changes: str) -> str:
        """The address of this page with these filters changed or added; an empty one is taken away."""
        told = {name: value for name, value in {**self.fields, **changes}.items() if value}
        if told.get("order") == "newest":
            del told["order"]
        base = f"/projects/{self.frame.project.name if self.frame.project else ''}/analyses"
        return f"{base}?{urlencode(told)}" if told else base


@dataclass(frozen=True)
class WorkFragment:
    """The analysis at work by itself, for the dashboard that stands open in the browser."""

    template: ClassVar[str] = "analysis_work.html"
    frame: Frame
    work: WorkView


@dataclass(frozen=True)
class LineView:
    """A message; `marks` are the keys of the verdicts that rest on it, `marked` if the chosen one does."""

    position: int
    speaker: Speaker
    name: str
    text: str
    at: datetime
    marks: tuple[str, ...] = ()
    marked: bool = False


@dataclass(frozen=True)
class VerdictView:
    """A verdict, a bullet or a fault with the messages that it rests on; `key` names it in addresses."""

    key: str
    text: str
    at: tuple[int, ...]
    kind: str = ""


@dataclass(frozen=True)
class AnalysisPage:
    """A conversation beside its analysis; `back` is the dashboard it was found in, `here` its own address to add to.

    `others` are the analyses of the same conversation: earlier ones, or by another version. `mark` is the key of the
    verdict whose lines are marked (empty: none); `unread` counts messages that came after the last one analysed,
    `left_out` those too many to show.
    """

    template: ClassVar[str] = "analysis.html"
    frame: Frame
    analysis: AnalysisOut
    lines: tuple[LineView, ...]
    verdicts: Mapping[str, VerdictView]
    summary: tuple[VerdictView, ...]
    improvements: tuple[VerdictView, ...]
    faults: tuple[VerdictView, ...]
    others: tuple[AnalysisOut, ...]
    back: str
    here: str
    live: bool = True
    mark: str = ""
    unread: int = 0
    left_out: int = 0
    goal: str = ""


@dataclass(frozen=True)
class AgainPage:
    """Going over the past once more: what is wanted, and what it would take (None: not asked yet).

    `dollars` is None where the model's price is not known.
    """

    template: ClassVar[str] = "analysis_again.html"
    frame: Frame
    since: str = ""
    limit: str = ""
    conversations: int = 0
    tokens: int = 0
    dollars: Decimal | None = None
    model: str = ""
    paused: bool = False
    trouble: str = ""
