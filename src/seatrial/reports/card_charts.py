"""Charts of a report card: quality against an expense, severity curves, the metric over the runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.records.card import FrontPoint, History, HistoryPoint
from seatrial.records.run import ProbeOutcome
from seatrial.reports.charts import series, specification
from seatrial.reports.document import Spec
from seatrial.reports.hostile import visible
from seatrial.reports.svg import TOKENS

_SHAPES = {"on the front": "circle", "beaten": "cross", "cannot tell": "diamond"}


def front(points: Sequence[FrontPoint], metric: str, axis: str) -> Spec:
    """Return one mark a model, with the limits of both: up and left is better where more of the metric is good."""
    data = [
        {
            "name": visible(point.model, limit=28),
            "x": point.expense,
            "xl": point.expense_low,
            "xh": point.expense_high,
            "y": point.quality,
            "yl": point.quality_low,
            "yh": point.quality_high,
            "place": point.place,
        }
        for point in points
    ]
    scale = next((point.scale for point in points if point.scale), None)
    positive = all(point.expense > 0 for point in points)
    spread = positive and max(p.expense for p in points) > 20 * min(p.expense for p in points)
    x_scale: dict[str, Any] = {"type": "log"} if spread else {"zero": False, "nice": True}
    x_axis = {"title": f"{axis}{f' ({scale})' if scale else ''}", "tickCount": 5, "format": "~s"}

    def x(field: str) -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": x_scale, "axis": x_axis}

    def y(field: str) -> dict[str, Any]:
        axis = {"title": visible(metric, limit=40), "tickCount": 6, "format": "~g"}
        return {"field": field, "type": "quantitative", "scale": {"zero": False}, "axis": axis}

    colour = TOKENS["series1"]
    shape = {
        "field": "place",
        "type": "nominal",
        "legend": {"orient": "bottom", "title": None, "symbolSize": 90},
        "scale": {"domain": list(_SHAPES), "range": list(_SHAPES.values())},
    }
    return specification(
        {
            "width": 300,
            "height": 230,
            "padding": {"left": 8, "right": 40, "top": 14, "bottom": 5},
            "data": {"values": data},
            "layer": [
                {
                    "mark": {"type": "rule", "strokeWidth": 1.5, "color": colour},
                    "encoding": {"x": x("x"), "y": y("yl"), "y2": {"field": "yh"}},
                },
                {
                    "mark": {"type": "rule", "strokeWidth": 1.5, "color": colour},
                    "encoding": {"x": x("xl"), "x2": {"field": "xh"}, "y": y("y")},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1, "color": colour},
                    "encoding": {"x": x("x"), "y": y("y"), "shape": shape},
                },
                {
                    "mark": {"type": "text", "dy": -13, "color": TOKENS["ink"], "fontSize": 11},
                    "encoding": {"x": x("x"), "y": y("y"), "text": {"field": "name"}},
                },
            ],
        }
    )


def severity(probes: Mapping[str, Sequence[ProbeOutcome]], probe: str, metric: str) -> Spec:
    """Return a line a model of the metric over the severity of one probe, with its limits; 0 is the clean rows."""
    data: list[dict[str, Any]] = []
    names: list[str] = []
    for model, outcomes in probes.items():
        name = visible(model, limit=28)
        names.append(name)
        for one in sorted(outcomes, key=lambda o: o.severity):
            effect = next((e for e in one.effects if one.probe == probe and e.metric == metric), None)
            if effect is None or effect.difference is None:
                continue
            row = {"name": name, "x": one.severity, "y": effect.difference}
            data.append(row | {"low": effect.low, "high": effect.high})
        if any(row["name"] == name for row in data):
            data.append({"name": name, "x": 0, "y": 0, "low": 0, "high": 0})
    data.sort(key=lambda row: (row["name"], row["x"]))

    def y(field: str) -> dict[str, Any]:
        axis = {"title": f"Change of {visible(metric, limit=30)}", "tickCount": 5, "format": "+~g"}
        return {"field": field, "type": "quantitative", "axis": axis}

    x = {"field": "x", "type": "quantitative", "axis": {"title": "Severity", "tickCount": 5, "format": "~g"}}
    look = series(names)
    return specification(
        {
            "width": 300,
            "height": 210,
            "data": {"values": data},
            "layer": [
                {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": y("y"), **look}},
                {
                    "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
                    "mark": {"type": "rule", "strokeWidth": 1.5},
                    "encoding": {"x": x, "y": y("low"), "y2": {"field": "high"}, "color": look["color"]},
                },
            ],
        }
    )


def history(of: History, points: Sequence[HistoryPoint]) -> Spec:
    """Return the metric of every run with its limits, in order; a rule where the level changes."""
    first = len(of.points) - len(points)
    data = [
        {"x": first + at + 1, "y": point.value, "low": point.low, "high": point.high} for at, point in enumerate(points)
    ]
    changes = [{"x": change.at + 0.5} for change in of.changes if change.at > first]
    x = {"field": "x", "type": "quantitative", "scale": {"nice": False, "zero": False}}
    x |= {"axis": {"title": "Run", "tickMinStep": 1, "format": "d"}}

    def y(field: str) -> dict[str, Any]:
        axis = {"title": visible(of.metric, limit=40), "tickCount": 5, "format": "~g"}
        return {"field": field, "type": "quantitative", "scale": {"zero": False}, "axis": axis}

    return specification(
        {
            "width": 560,
            "height": 200,
            "data": {"values": data},
            "layer": [
                {
                    "data": {"values": changes},
                    "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5, "color": TOKENS["unsure"]},
                    "encoding": {"x": x},
                },
                {
                    "mark": {"type": "rule", "strokeWidth": 2, "color": TOKENS["series1"]},
                    "encoding": {"x": x, "y": y("low"), "y2": {"field": "high"}},
                },
                {
                    "mark": {"type": "line", "strokeWidth": 1, "color": TOKENS["series1"]},
                    "encoding": {"x": x, "y": y("y")},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 50, "opacity": 1, "color": TOKENS["series1"]},
                    "encoding": {"x": x, "y": y("y")},
                },
            ],
        }
    )
