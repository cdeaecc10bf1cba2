"""How far confidence can be trusted, as a chart: a Vega-Lite specification, the same for pages and programs.

It carries its data and names its colours by their meaning in `usermeta.series`. Titles and labels come from `say`,
which says an English text in the reader's language.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ouvidor.feedback.measures import Bin, share

Spec: TypeAlias = dict[str, Any]
Say: TypeAlias = Callable[[str], str]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
HEIGHT = 300
WHOLE = {"domain": [0, 1]}
SHARES = {"format": ".0%", "values": [0, 0.2, 0.4, 0.6, 0.8, 1]}


def reliability_chart(bins: Sequence[Bin], title: str, say: Say) -> Spec:
    """The share of right ones over the mean confidence of each bin, with its interval; the diagonal is honesty."""
    _ = say
    x = {"field": "confidence", "type": "quantitative", "title": _("Confidence"), "scale": WHOLE, "axis": SHARES}
    y = {"type": "quantitative", "title": _("Share of right ones"), "scale": WHOLE, "axis": SHARES}
    values = [_row(one) for one in bins]
    tips = [_tip("confidence", _("Confidence")), _tip("accuracy", _("Right")), _tip("low", _("at least"))]
    tips += [_tip("high", _("at most")), _tip("count", _("Comments"), ",.0f")]
    diagonal = [{"confidence": end, "accuracy": end} for end in (0, 1)]
    return {
        "$schema": SCHEMA,
        "title": title,
        "description": _(
            "Points of the share of right ones over the confidence; on the diagonal both are the same, "
            "and the lines hold the true share in 95 of 100 cases."
        ),
        "width": "container",
        "height": HEIGHT,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "usermeta": {"series": ["accent"]},
        "data": {"values": values},
        "layer": [
            {
                "data": {"values": diagonal},
                "mark": {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1, "opacity": 0.7},
                "encoding": {"x": x, "y": {**y, "field": "accuracy"}},
            },
            {
                "mark": {"type": "rule", "opacity": 0.6},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 64, "opacity": 1},
                "encoding": {"x": x, "y": {**y, "field": "accuracy"}, "tooltip": tips},
            },
        ],
    }


def _row(one: Bin) -> dict[str, float]:
    held = share(round(one.accuracy * one.count), one.count)
    told = {"confidence": one.confidence, "accuracy": one.accuracy, "low": held.low, "high": held.high}
    return {name: round(value, 4) for name, value in told.items()} | {"count": one.count}


def _tip(field: str, title: str, form: str = ".0%") -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "format": form}
