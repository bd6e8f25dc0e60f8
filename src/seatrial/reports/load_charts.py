"""Charts of a load: percentiles against the rate, and over the time of a trace."""

from collections.abc import Sequence
from typing import Any

from seatrial.records.load import LoadStep, ServiceLevel
from seatrial.reports.charts import specification
from seatrial.reports.document import Spec
from seatrial.reports.svg import TOKENS

_LINES: dict[str, tuple[str, list[int]]] = {
    "p50": ("series1", [1, 0]),
    "p95": ("series2", [7, 3]),
    "p99": ("series3", [2, 2]),
}
_MOST_LOG = 20.0
"""Above this ratio of slowest to fastest the axis is logarithmic."""


def against_load(steps: Sequence[LoadStep], levels: Sequence[ServiceLevel], *, joined: bool) -> Spec:
    """Return percentiles against the requests offered a second with their limits, bounds as dashed lines.

    `joined` points are a ladder of rates; those of a trace's windows are not, since each still feels the one before.
    """
    ordered = sorted(steps, key=lambda one: one.offered)
    data = [
        {"x": step.offered, "y": one.value, "low": one.low, "high": one.high, "name": one.metric}
        for step in ordered
        for one in step.response
        if one.metric in _LINES and one.value is not None
    ]
    return _chart(
        data, levels, x={"field": "x", "type": "quantitative", "title": "requests offered per second"}, joined=joined
    )


def over_time(steps: Sequence[LoadStep], levels: Sequence[ServiceLevel]) -> Spec:
    """Return percentiles over the windows of a trace."""
    data = [
        {
            "x": step.start + step.seconds / 2,
            "y": one.value,
            "low": one.low,
            "high": one.high,
            "name": one.metric,
        }
        for step in steps
        for one in step.response
        if one.metric in _LINES and one.value is not None
    ]
    return _chart(data, levels, x={"field": "x", "type": "quantitative", "title": "seconds since the first arrival"})


def arrivals(steps: Sequence[LoadStep]) -> Spec:
    """Return requests offered and answered per second over the windows of a trace."""
    names = ("offered", "answered")
    data = [
        {"x": step.start + step.seconds / 2, "y": value, "name": name}
        for step in steps
        for name, value in zip(names, (step.offered, step.achieved), strict=True)
    ]
    return specification(
        {
            "width": 560,
            "height": 160,
            "data": {"values": data},
            "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 36}},
            "encoding": {
                "x": {
                    "field": "x",
                    "type": "quantitative",
                    "axis": {"title": "seconds since the first arrival", "tickCount": 8},
                },
                "y": {
                    "field": "y",
                    "type": "quantitative",
                    "scale": {"domainMin": 0},
                    "axis": {"title": "requests per second", "tickCount": 5},
                },
                **_named({"offered": ("series0", [7, 3]), "answered": ("series1", [1, 0])}, names),
            },
        }
    )


def _named(looks: dict[str, tuple[str, list[int]]], names: Sequence[str]) -> dict[str, Any]:
    legend = {"orient": "bottom", "title": None, "symbolType": "stroke", "symbolSize": 400}
    return {
        "color": {
            "field": "name",
            "type": "nominal",
            "legend": legend,
            "scale": {"domain": list(names), "range": [TOKENS[looks[name][0]] for name in names]},
        },
        "strokeDash": {
            "field": "name",
            "type": "nominal",
            "legend": legend,
            "scale": {"domain": list(names), "range": [looks[name][1] for name in names]},
        },
    }


def _shaped(looks: dict[str, tuple[str, list[int]]], names: Sequence[str]) -> dict[str, Any]:
    """Colour and shape by name, where nothing is joined."""
    legend = {"orient": "bottom", "title": None}
    shapes = ["circle", "square", "triangle-up"]
    colour = _named(looks, names)["color"]
    return {
        "color": {**colour, "legend": legend},
        "shape": {
            "field": "name",
            "type": "nominal",
            "legend": legend,
            "scale": {"domain": list(names), "range": shapes[: len(names)]},
        },
    }


def _chart(
    data: list[dict[str, Any]], levels: Sequence[ServiceLevel], *, x: dict[str, Any], joined: bool = True
) -> Spec:
    bounds = [{"bound": one.below, "said": one.measure} for one in levels if one.measure.startswith("p")]
    numbers = [one["y"] for one in data] + [one["bound"] for one in bounds]
    wide = bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) > _MOST_LOG
    scale: dict[str, Any] = {"type": "log"} if wide else {"domainMin": 0}
    axis = {"title": "response time (ms)", "tickCount": 6, "format": ",~r" if wide else ",~f"}
    y = {"field": "y", "type": "quantitative", "scale": scale, "axis": axis}
    place = {"field": x["field"], "type": x["type"], "axis": {"title": x["title"], "tickCount": 8}}
    names = [name for name in _LINES if any(one["name"] == name for one in data)]
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
            "mark": {"type": "rule", "strokeWidth": 1.6},
            "encoding": {
                "x": place,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": _named(_LINES, names)["color"],
            },
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.2, "point": {"size": 44, "filled": True}}
            if joined
            else {"type": "point", "size": 56, "filled": True, "opacity": 1},
            "encoding": {"x": place, "y": y, **(_named if joined else _shaped)(_LINES, names)},
        },
    ]
    if bounds:
        layers += [
            {
                "data": {"values": bounds},
                "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5, "color": TOKENS["unsure"]},
                "encoding": {"y": {**y, "field": "bound"}},
            },
            {
                "data": {"values": [{**one, "said": f"{one['said']} bound"} for one in bounds]},
                "mark": {
                    "type": "text",
                    "align": "left",
                    "baseline": "bottom",
                    "dx": 4,
                    "dy": -3,
                    "fontSize": 12,
                    "color": TOKENS["unsure"],
                },
                "encoding": {"x": {"value": 0}, "y": {**y, "field": "bound"}, "text": {"field": "said"}},
            },
        ]
    return specification({"width": 560, "height": 280, "data": {"values": data}, "layer": layers})
