"""The charts of the dashboard with the tables behind them; every mark and every row leads to the rows it counts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import vl_convert

from ouvidor.analysis.charts import COLOURS, ChartName, Drawing, Link, charts_of, config
from ouvidor.analysis.figures import FiguresReport, Judged, Measures
from ouvidor.web.analysis_words import dollars, fault_name, share
from ouvidor.web.contexts.analyses import Cell, ChartView
from ouvidor.web.words import Words

Rows = Iterable[tuple[Cell, ...]]


def chart_views(report: FiguresReport, words: Words, link: Link) -> tuple[ChartView, ...]:
    """Each chart that has something to show, in the reader's language."""

    def day(at: date) -> str:
        return words.day(at, "yMMM" if report.step == "month" else "MMMd")

    day_form = "%d %b" if words.language == "pt-BR" else "%b %d"
    drawing = Drawing(report, words.text, link, partial(fault_name, words), day, day_form)
    tables = _Tables(report, words, link, drawing)
    return tuple(ChartView(name, spec, *tables.of(name)) for name, spec in charts_of(drawing).items())


def look(language: str) -> Mapping[str, Any]:
    """How charts look in each theme, and how they write numbers and dates; what the page's script hands to Vega."""
    locale = "pt-BR" if language == "pt-BR" else "en-US"
    return {
        "themes": {theme: {"config": config(theme), "colours": dict(COLOURS[theme])} for theme in COLOURS},
        "formatLocale": vl_convert.get_format_locale(locale),
        "timeFormatLocale": vl_convert.get_time_format_locale(locale),
    }


class _Tables:
    """The tables behind the charts."""

    def __init__(self, report: FiguresReport, words: Words, link: Link, drawing: Drawing) -> None:
        self.report = report
        self.words = words
        self.link = link
        self.drawing = drawing

    def of(self, name: ChartName) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
        """Headings and rows of the chart of this name."""
        _, step = self.words.text, self.report.step
        when = _("Day") if step == "day" else _("Week from") if step == "week" else _("Month from")
        judged = (_("Conversations"), _("Satisfaction"), _("Resolved"), _("Goal reached"), _("Handed over"))
        tables: dict[ChartName, tuple[tuple[str, ...], Rows]] = {
            "satisfaction": ((when, _("Satisfaction"), _("Interval"), _("Conversations")), self.means()),
            "outcomes": (
                (when, _("Conversations"), _("Resolved"), _("Not resolved"), _("Unknown"), _("Handed over")),
                self.outcomes(),
            ),
            "ratings": ((_("Satisfaction"), _("Conversations"), _("Share")), self.ratings()),
            "topics": ((_("Topic"), *judged), self.topics()),
            "units": ((_("Unit"), *judged), self.units()),
            "faults": ((_("Fault"), _("Conversations"), _("Share"), _("Satisfaction")), self.faults()),
            "cost": ((when, _("Cost"), _("Of unknown cost"), _("Tokens")), self.costs()),
        }
        headings, rows = tables[name]
        return headings, tuple(rows)

    def means(self) -> Rows:
        """By time: the mean satisfaction with its interval."""
        for each in reversed(self.report.moments):
            if each.measures.sessions:
                yield (
                    self.at(each.at),
                    self.mean(each.measures),
                    self.interval(each.measures),
                    self.count(each.measures),
                )

    def outcomes(self) -> Rows:
        """By time: what came of the conversations."""
        for each in reversed(self.report.moments):
            judged = each.measures.resolved
            counts = (each.measures.sessions, judged.yes, judged.no, judged.unknown, each.measures.handed_over)
            yield self.at(each.at), *(Cell(self.words.number(count)) for count in counts)

    def ratings(self) -> Rows:
        """By satisfaction: how many."""
        for rating, count in enumerate(self.report.ratings):
            where = self.link(least=rating, most=rating)
            yield Cell(str(rating), where, numeric=False), Cell(self.words.number(count)), self.part(count)

    def topics(self) -> Rows:
        """By topic."""
        for each in self.report.topics:
            yield Cell(each.topic, self.link(topic=each.topic), numeric=False), *self.judged(each.measures)

    def units(self) -> Rows:
        """By unit."""
        for each in self.report.units:
            none = each.unit is None
            where = self.link(without_unit="true") if none else self.link(unit=each.unit)
            yield Cell(each.unit or self.words.text("no unit"), where, numeric=False), *self.judged(each.measures)

    def faults(self) -> Rows:
        """By kind of fault."""
        for each in self.report.faults:
            name = Cell(fault_name(self.words, each.kind), self.link(fault=each.kind), numeric=False)
            count = Cell(self.words.number(each.sessions))
            yield name, count, self.part(each.sessions), Cell(self.words.number(each.satisfaction, 1))

    def costs(self) -> Rows:
        """By time: what the analyses cost."""
        for each in reversed(self.report.moments):
            measures = each.measures
            tokens = self.words.number(measures.input_tokens + measures.output_tokens)
            cost = Cell(dollars(self.words, measures.cost))
            yield self.at(each.at), cost, Cell(self.words.number(measures.unpriced)), Cell(tokens)

    def at(self, at: date) -> Cell:
        """A day, week or month, leading to its conversations."""
        return Cell(self.drawing.day(at), self.link(at=at), numeric=False)

    def judged(self, measures: Measures) -> Sequence[Cell]:
        """How many, how satisfied, and the three rates."""
        return (
            self.count(measures),
            self.mean(measures),
            self.rate(measures.resolved),
            self.rate(measures.goal),
            Cell(share(self.words, measures.handover_rate)),
        )

    def count(self, measures: Measures) -> Cell:
        """The sessions."""
        return Cell(self.words.number(measures.sessions))

    def mean(self, measures: Measures) -> Cell:
        """The mean satisfaction."""
        return Cell("–" if measures.satisfaction is None else self.words.number(measures.satisfaction, 1))

    def interval(self, measures: Measures) -> Cell:
        """Where the mean lies in 95 of 100 cases."""
        known = measures.interval
        return Cell(f"{self.words.number(known.low, 1)}–{self.words.number(known.high, 1)}" if known else "–")

    def rate(self, judged: Judged) -> Cell:
        """The share of those of which it could be told."""
        return Cell(share(self.words, judged.rate))

    def part(self, count: int) -> Cell:
        """The share of all sessions."""
        return Cell(share(self.words, count / self.report.total.sessions if self.report.total.sessions else None))
