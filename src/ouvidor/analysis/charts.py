"""The figures as charts: Vega-Lite specifications, the same for the page and the API.

A specification carries its data and names its colours by their meaning in `usermeta.series`; `themed` puts the colours
of a theme in. Titles and labels come from `_`, which says an English text in the reader's language.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal, TypeAlias, get_args

from ouvidor.analysis.figures import FiguresReport, Judged, Measures, following

ChartName = Literal["satisfaction", "outcomes", "ratings", "topics", "units", "faults", "cost"]
Theme = Literal["light", "dark"]
Spec: TypeAlias = dict[str, Any]
NAMES: Spec = {
    "field": "name",
    "type": "nominal",
    "sort": None,  # as the rows stand; a list of names is compiled into an expression, which breaks on some of them
    "title": None,
    "axis": {"domain": False, "ticks": False},
}
"""The names down the side, in the order of the rows."""
Say: TypeAlias = Callable[[str], str]
Link: TypeAlias = Callable[..., str]

CHARTS: tuple[ChartName, ...] = get_args(ChartName)
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
MOST_BARS = 12
LONGEST_LABEL = 160
BAR_SHARE = 0.85
COLOURS: Mapping[Theme, Mapping[str, str]] = {
    "light": {
        "accent": "#0b6666",
        "good": "#1b6b34",
        "bad": "#a8231c",
        "warning": "#7d5000",
        "text": "#141b1b",
        "text-soft": "#465252",
        "text-faint": "#5d6968",
        "control-line": "#848f8e",
        "line": "#dde4e3",
        "surface": "#ffffff",
    },
    "dark": {
        "accent": "#55c4bd",
        "good": "#6fcf8c",
        "bad": "#ff9a90",
        "warning": "#e3b458",
        "text": "#e8eeed",
        "text-soft": "#b1bcbb",
        "text-faint": "#919d9c",
        "control-line": "#6f7c7b",
        "line": "#293131",
        "surface": "#151a1a",
    },
}
"""The tokens of the style sheet that charts use."""


def english(text: str) -> str:
    """The text as it is: what charts say where nobody asked for another language."""
    return text


def no_link(**_: object) -> str:
    """No address: charts outside the pages lead nowhere."""
    return ""


@dataclass(frozen=True)
class Drawing:
    """What charts are drawn from: the figures, the reader's words, and where a mark leads to.

    `day` writes the day, week or month that begins so, `day_form` is how an axis writes days (d3-time-format).
    """

    report: FiguresReport
    say: Say = english
    link: Link = no_link
    name_of_fault: Say = english
    day: Callable[[date], str] = date.isoformat
    day_form: str = "%b %d"


def charts_of(drawing: Drawing) -> dict[ChartName, Spec]:
    """Every chart that has something to show, without colours."""
    report, found = drawing.report, dict[ChartName, Spec]()
    if not report.total.sessions:
        return found
    found["satisfaction"] = satisfaction_over_time(drawing)
    found["outcomes"] = outcomes_over_time(drawing)
    found["ratings"] = ratings(drawing)
    if report.topics:
        found["topics"] = topics(drawing)
    if any(each.unit is not None for each in report.units):
        found["units"] = units(drawing)
    if report.faults:
        found["faults"] = faults(drawing)
    if report.total.cost:
        found["cost"] = cost_over_time(drawing)
    return found


def themed(spec: Spec, theme: Theme) -> Spec:
    """The specification with the colours of a theme: what a program or a picture needs."""
    colours = COLOURS[theme]
    series = [colours[name] for name in spec["usermeta"]["series"]]
    return {**spec, "config": {**config(theme), "mark": {"color": series[0]}, "range": {"category": series}}}


def config(theme: Theme) -> Spec:
    """How all charts look in a theme."""
    colours = COLOURS[theme]
    quiet = {"labelColor": colours["text-soft"], "titleColor": colours["text-faint"], "titleFontWeight": "normal"}
    return {
        "background": "transparent",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {
            **quiet,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "domainColor": colours["control-line"],
            "tickColor": colours["control-line"],
            "gridColor": colours["line"],
            "labelLimit": LONGEST_LABEL,
        },
        "legend": {**quiet, "labelFontSize": 12, "orient": "top", "title": None, "symbolType": "square"},
        "title": {"color": colours["text"], "anchor": "start", "fontSize": 14, "fontWeight": 600},
        "text": {"color": colours["text-soft"]},
        "rule": {"color": colours["text-soft"]},
    }


def satisfaction_over_time(drawing: Drawing) -> Spec:
    """The mean of each step with its interval."""
    _ = drawing.say
    x = _time(drawing)
    scale = {"domain": [0, 10]}
    mean = {"field": "mean", "type": "quantitative", "title": _("Satisfaction, 0 to 10"), "scale": scale}
    return _spec(
        _("Mean satisfaction, 0 to 10"),
        _("A line of the mean satisfaction over time; the band holds the mean in 95 of 100 cases."),
        [
            _moment(drawing, each.at) | _satisfaction(each.measures) | {"sessions": each.measures.sessions}
            for each in drawing.report.moments
            if each.measures.sessions
        ],
        ["accent"],
        layer=[
            {
                "mark": {"type": "area", "opacity": 0.18},
                "encoding": {"x": x, "y": {**mean, "field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": mean}},
            {
                "mark": {"type": "point", "filled": True, "size": 36},
                "encoding": {
                    "x": x,
                    "y": mean,
                    "href": {"field": "href"},
                    "tooltip": [
                        _when(drawing),
                        _tip("mean", _("Satisfaction"), ".1f"),
                        _tip("sessions", _("Conversations")),
                    ],
                },
            },
        ],
    )


def outcomes_over_time(drawing: Drawing) -> Spec:
    """Conversations of each step by whether they were resolved, stacked from zero."""
    _ = drawing.say
    values = [
        {**_moment(drawing, each.at), **row}
        for each in drawing.report.moments
        for row in _judged(drawing, each.measures.resolved, at=each.at)
        if row["count"]
    ]
    return _spec(
        _("Conversations, by whether they were resolved"),
        _("Stacked bars of the conversations over time: resolved, not resolved, unknown."),
        values,
        JUDGED_COLOURS,
        mark={"type": "rect"},
        encoding={
            **_slot(drawing),
            "y": _count(_("Conversations")) | {"field": "above"},
            "y2": {"field": "below"},
            "color": _judgement(drawing),
            "href": {"field": "href"},
            "tooltip": [
                _when(drawing),
                _tip("judged", _("Resolved"), kind="nominal"),
                _tip("count", _("Conversations")),
            ],
        },
    )


def ratings(drawing: Drawing) -> Spec:
    """How many conversations have each satisfaction."""
    _ = drawing.say
    values = [
        {"rating": rating, "count": count, "href": drawing.link(least=rating, most=rating)}
        for rating, count in enumerate(drawing.report.ratings)
    ]
    return _spec(
        _("Conversations, by satisfaction from 0 to 10"),
        _("Bars of how many conversations have each satisfaction from 0 to 10."),
        values,
        ["accent"],
        mark={"type": "bar"},
        encoding={
            "x": {"field": "rating", "type": "ordinal", "title": _("Satisfaction"), "axis": {"labelAngle": 0}},
            "y": _count(_("Conversations")),
            "href": {"field": "href"},
            "tooltip": [_tip("rating", _("Satisfaction"), kind="ordinal"), _tip("count", _("Conversations"))],
        },
    )


def topics(drawing: Drawing) -> Spec:
    """The most frequent topics, each by whether it was resolved."""
    _ = drawing.say
    values = [
        {"name": _printable(each.topic), "sessions": each.measures.sessions, **row}
        for each in drawing.report.topics[:MOST_BARS]
        for row in _judged(drawing, each.measures.resolved, topic=each.topic)
    ]
    return _spec(
        _("Conversations, by topic"),
        _("Stacked bars of the conversations of each topic: resolved, not resolved, unknown."),
        values,
        JUDGED_COLOURS,
        mark={"type": "bar"},
        encoding={
            "y": NAMES,
            "x": _count(_("Conversations")) | {"field": "above"},
            "x2": {"field": "below"},
            "color": _judgement(drawing),
            "href": {"field": "href"},
            "tooltip": [
                _tip("name", _("Topic"), kind="nominal"),
                _tip("judged", _("Resolved"), kind="nominal"),
                _tip("count", _("Conversations")),
            ],
        },
    )


def units(drawing: Drawing) -> Spec:
    """The mean satisfaction of the units with the most conversations, with its interval."""
    _ = drawing.say
    values = [
        {
            "name": _printable(each.unit) if each.unit is not None else _("no unit"),
            "sessions": each.measures.sessions,
            "href": drawing.link(without_unit="true") if each.unit is None else drawing.link(unit=each.unit),
            **_satisfaction(each.measures),
        }
        for each in drawing.report.units[:MOST_BARS]
    ]
    y, scale = NAMES, {"domain": [0, 10]}
    x = {"field": "mean", "type": "quantitative", "title": _("Satisfaction, 0 to 10"), "scale": scale}
    return _spec(
        _("Mean satisfaction, 0 to 10, by unit"),
        _("A point for the mean satisfaction of each unit; the line holds the mean in 95 of 100 cases."),
        values,
        ["accent"],
        layer=[
            {"mark": {"type": "rule"}, "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}}},
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {
                    "y": y,
                    "x": x,
                    "href": {"field": "href"},
                    "tooltip": [
                        _tip("name", _("Unit"), kind="nominal"),
                        _tip("mean", _("Satisfaction"), ".1f"),
                        _tip("sessions", _("Conversations")),
                    ],
                },
            },
        ],
    )


def faults(drawing: Drawing) -> Spec:
    """In how many conversations the bot made each kind of fault."""
    _ = drawing.say
    values = [
        {
            "name": drawing.name_of_fault(each.kind),
            "count": each.sessions,
            "mean": each.satisfaction,
            "href": drawing.link(fault=each.kind),
        }
        for each in drawing.report.faults
    ]
    return _spec(
        _("Conversations with a fault of the bot, by kind"),
        _("Bars of how many conversations have each kind of fault."),
        values,
        ["warning"],
        mark={"type": "bar"},
        encoding={
            "y": NAMES,
            "x": _count(_("Conversations")),
            "href": {"field": "href"},
            "tooltip": [
                _tip("name", _("Fault"), kind="nominal"),
                _tip("count", _("Conversations")),
                _tip("mean", _("Satisfaction"), ".1f"),
            ],
        },
    )


def cost_over_time(drawing: Drawing) -> Spec:
    """What the analyses of each step cost, where it is known."""
    _ = drawing.say
    values = [
        _moment(drawing, each.at) | {"cost": each.measures.cost, "base": 0}
        for each in drawing.report.moments
        if each.measures.cost
    ]
    return _spec(
        _("Cost of the analyses in US dollars"),
        _("Bars of what the analyses of each time cost, where it is known."),
        values,
        ["accent"],
        mark={"type": "rect"},
        encoding={
            **_slot(drawing),
            "y": {"field": "cost", "type": "quantitative", "title": "US$"},
            "y2": {"field": "base"},
            "href": {"field": "href"},
            "tooltip": [_when(drawing), _tip("cost", "US$", ".4f")],
        },
    )


JUDGED_COLOURS = ("good", "bad", "control-line")
"""Yes, no, unknown: the same in every chart."""


def _spec(
    title: str, description: str, values: Sequence[Mapping[str, Any]], series: Sequence[str], **marks: Any
) -> Spec:
    """A specification; its height follows the number of names where there are any."""
    names = {row["name"] for row in values if "name" in row}
    return {
        "$schema": SCHEMA,
        "title": title,
        "description": description,
        "width": "container",
        "height": 24 * len(names) + 4 if names else 180,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "usermeta": {"series": list(series)},
        "data": {"values": list(values)},
        **marks,
    }


def _judged_words(drawing: Drawing) -> tuple[str, str, str]:
    _ = drawing.say
    return _("Resolved"), _("Not resolved"), _("Unknown")


def _judged(drawing: Drawing, judged: Judged, **chosen: object) -> list[dict[str, Any]]:
    """A row for yes, no and unknown each, one upon the other: how many, and from where to where."""
    rows: list[dict[str, Any]] = []
    height = 0
    counts = (("yes", judged.yes), ("no", judged.no), ("unknown", judged.unknown))
    for (answer, count), word in zip(counts, _judged_words(drawing), strict=True):
        stands = {"below": height, "above": height + count}
        rows.append({"judged": word, "count": count, **stands, "href": drawing.link(resolved=answer, **chosen)})
        height += count
    return rows


def _printable(name: str) -> str:
    """The name without control characters, which the drawing as SVG does not survive."""
    return "".join(letter if letter.isprintable() else " " for letter in name)


def _judgement(drawing: Drawing) -> Spec:
    return {"field": "judged", "type": "nominal", "scale": {"domain": list(_judged_words(drawing))}, "title": None}


def _satisfaction(measures: Measures) -> dict[str, Any]:
    interval = measures.interval
    return {
        "mean": measures.satisfaction,
        "low": interval.low if interval else measures.satisfaction,
        "high": interval.high if interval else measures.satisfaction,
    }


def _count(title: str) -> Spec:
    return {"field": "count", "type": "quantitative", "title": title, "axis": {"tickMinStep": 1, "format": ",.0f"}}


def _tip(field: str, title: str, form: str = ",.0f", kind: str = "quantitative") -> Spec:
    plain = {"field": field, "type": kind, "title": title}
    return plain if kind != "quantitative" else {**plain, "format": form}


def _when(drawing: Drawing) -> Spec:
    _, step = drawing.say, drawing.report.step
    title = _("Day") if step == "day" else _("Week from") if step == "week" else _("Month from")
    return {"field": "label", "type": "nominal", "title": title}


def _moment(drawing: Drawing, at: date) -> dict[str, Any]:
    """Where a step stands on the axis of time: a bar takes most of it, a point its beginning."""
    begins = datetime.combine(at, time(), UTC)
    ends = begins + BAR_SHARE * (datetime.combine(following(at, drawing.report.step), time(), UTC) - begins)
    told = {"at": begins.isoformat(), "to": ends.isoformat()}
    return told | {"label": drawing.day(at), "href": drawing.link(at=at)}


def _time(drawing: Drawing) -> Spec:
    form = "%b %Y" if drawing.report.step == "month" else drawing.day_form
    axis = {"grid": False, "format": form, "labelOverlap": True, "tickCount": 6}
    return {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "title": None, "axis": axis}


def _slot(drawing: Drawing) -> Spec:
    """The place of a bar on the axis of time."""
    return {"x": _time(drawing), "x2": {"field": "to"}}
