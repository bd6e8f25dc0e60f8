"""Charts as Vega-Lite specifications: plain dicts, text made visible, colours by the tokens of `svg.TOKENS`."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from seatrial.records import Curve, Estimate
from seatrial.reports.document import Spec
from seatrial.reports.hostile import visible
from seatrial.reports.svg import TOKENS

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_SQUARE = 330
_SERIES = ("series0", "series1", "series2", "series3", "series4", "series5")
_DASHES = ([7, 3], [1, 0], [2, 2], [8, 3, 2, 3], [12, 4], [4, 2, 1, 2])


def curve_name(curve: Curve) -> str:
    """Name a curve: its model, and the class it is of."""
    return f"{curve.model} ({curve.label})" if curve.label is not None else curve.model


def curve(curves: Sequence[Curve], *, points: int, base_rate: float | None = None) -> Spec:
    """Return ROC or precision-recall curves on one square; the first is the baseline.

    With the share of positives, a line at the precision of a model that looks at nothing.
    """
    roc = curves[0].kind == "roc"
    names = _names(curves)
    data = [
        {"name": name, "x": x, "y": y, "place": place}
        for name, one in zip(names, curves, strict=True)
        for place, (x, y) in enumerate(_thinned(one.x, one.y, points))
    ]
    titles = ("False positive rate", "True positive rate") if roc else ("Recall", "Precision")
    scale = {"domain": [0, 1]}
    line = {
        "mark": {"type": "line", "strokeWidth": 2.2, "interpolate": "linear" if roc else "step-before"},
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "scale": scale,
                "axis": {"title": titles[0], "tickCount": 5, "format": ".1f"},
            },
            "y": {
                "field": "y",
                "type": "quantitative",
                "scale": scale,
                "axis": {"title": titles[1], "tickCount": 5, "format": ".1f"},
            },
            "order": {"field": "place", "type": "quantitative"},
            **series(names),
        },
    }
    layers: list[dict[str, Any]] = [_diagonal()] if roc else []
    if not roc and base_rate is not None:
        layers.append(_base_rate(base_rate))
    return specification({"width": _SQUARE, "height": _SQUARE, "data": {"values": data}, "layer": [*layers, line]})


def _names(curves: Sequence[Curve]) -> list[str]:
    """Return distinct, visible names."""
    names: list[str] = []
    for one in curves:
        name = visible(curve_name(one), limit=32)
        names.append(name if name not in names else f"{name} #{len(names) + 1}")
    return names


def series(names: Sequence[str]) -> dict[str, Any]:
    """Return colour and dash by name, in one legend: colour never speaks alone."""
    legend = {
        "orient": "bottom",
        "title": None,
        "columns": 2,
        "symbolType": "stroke",
        "symbolSize": 500,
        "symbolStrokeWidth": 2.5,
        "labelLimit": 240,
    }
    domain = list(names)
    first = 0 if len(domain) > 1 else 1  # the baseline is grey and dashed; one curve alone is not a baseline
    return {
        "color": {
            "field": "name",
            "type": "nominal",
            "sort": None,
            "legend": legend,
            "scale": {"domain": domain, "range": [TOKENS[token] for token in _SERIES[first : first + len(domain)]]},
        },
        "strokeDash": {
            "field": "name",
            "type": "nominal",
            "sort": None,
            "legend": legend,
            "scale": {"domain": domain, "range": list(_DASHES[first : first + len(domain)])},
        },
    }


def _thinned(x: Sequence[float], y: Sequence[float], most: int) -> list[tuple[float, float]]:
    """Keep at most `most` points, evenly along the path, both ends included."""
    points = list(zip(x, y, strict=False))
    if len(points) <= most:
        return points
    way = [0.0]
    for (x0, y0), (x1, y1) in pairwise(points):
        way.append(way[-1] + abs(x1 - x0) + abs(y1 - y0))
    kept: list[tuple[float, float]] = []
    step, wanted = (way[-1] or 1.0) / (most - 1), 0.0
    for place, point in enumerate(points):
        if way[place] >= wanted or place == len(points) - 1:
            kept.append(point)
            wanted = way[place] + step
    return kept


def _diagonal() -> dict[str, Any]:
    return {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "color": TOKENS["axis"], "strokeWidth": 1, "strokeDash": [4, 4]},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def _base_rate(share: float) -> dict[str, Any]:
    return {
        "data": {"values": [{"x": 0, "y": share}, {"x": 1, "y": share}]},
        "mark": {"type": "line", "color": TOKENS["axis"], "strokeWidth": 1.5, "strokeDash": [2, 3]},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def reliability(of: Curve) -> Spec:
    """Return a reliability diagram: mean score against the observed share of each bin, with its interval."""
    data = []
    for place, (score, share) in enumerate(zip(of.x, of.y, strict=True)):
        row: dict[str, float] = {"x": score, "y": share}
        if place < len(of.low) and place < len(of.high):
            row |= {"low": of.low[place], "high": of.high[place]}
        data.append(row)
    scale = {"domain": [0, 1]}
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": "Mean score of the bin", "tickCount": 5, "format": ".1f"},
    }
    y_axis = {"title": "Observed share", "tickCount": 5, "format": ".1f"}

    def y(field: str) -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": scale, "axis": y_axis}

    layers: list[dict[str, Any]] = [_diagonal()]
    if of.low:
        layers.append(
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": TOKENS["series1"]},
                "encoding": {"x": x, "y": y("low"), "y2": {"field": "high"}},
            }
        )
    layers += [
        {"mark": {"type": "line", "strokeWidth": 1, "color": TOKENS["series1"]}, "encoding": {"x": x, "y": y("y")}},
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1, "color": TOKENS["series1"]},
            "encoding": {"x": x, "y": y("y")},
        },
    ]
    return specification({"width": _SQUARE, "height": _SQUARE, "data": {"values": data}, "layer": layers})


def quantiles(items: Sequence[tuple[str, Estimate]], *, models: Sequence[str], column: str) -> Spec:
    """Return the quantiles of an operational column: one band a statistic, one bar a version."""
    names = {model: visible(model, limit=32) for model in models}
    distinct = list(dict.fromkeys(names.values()))
    data = [
        {"statistic": statistic, "name": names[item.model], "value": item.value, "low": item.low, "high": item.high}
        for statistic, item in items
    ]
    scale = next((item.scale for _, item in items if item.scale), None)
    title = f"{visible(column, limit=40)}{f' ({visible(scale, limit=12)})' if scale else ''}"
    order = list(dict.fromkeys(statistic for statistic, _ in items))
    y = {
        "field": "statistic",
        "type": "nominal",
        "sort": order,
        "axis": {"title": None, "ticks": False, "domain": False},
    }
    offset = {"field": "name", "type": "nominal", "sort": distinct}
    axis = {"title": title, "tickCount": 6, "format": "~g"}
    legend = {"orient": "bottom", "title": None, "columns": 3, "labelLimit": 240, "symbolSize": 90}
    domain: dict[str, Any] = {"domain": distinct}
    first = 0 if len(distinct) > 1 else 1
    colour = {
        "field": "name",
        "type": "nominal",
        "legend": legend,
        "scale": {**domain, "range": [TOKENS[token] for token in _SERIES[first : first + len(distinct)]]},
    }
    shape = {
        "field": "name",
        "type": "nominal",
        "legend": legend,
        "scale": {
            **domain,
            "range": ["circle", "diamond", "square", "triangle-up", "triangle-down", "cross"][: len(distinct)],
        },
    }

    def x(field: str) -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": {"zero": True}, "axis": axis}

    layers = [
        {
            "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
            "mark": {"type": "rule", "strokeWidth": 2.5},
            "encoding": {"y": y, "yOffset": offset, "x": x("low"), "x2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
            "encoding": {"y": y, "yOffset": offset, "x": x("value"), "color": colour, "shape": shape},
        },
    ]
    step = max(34, 14 * len(distinct))
    return specification(
        {"width": 520, "height": {"step": step, "for": "position"}, "data": {"values": data}, "layer": layers}
    )


def specification(body: Spec) -> Spec:
    """Return a whole specification with the house's look."""
    _refuse_infinite(body)
    axis = {
        "domainColor": TOKENS["axis"],
        "tickColor": TOKENS["axis"],
        "gridColor": TOKENS["grid"],
        "labelColor": TOKENS["muted"],
        "titleColor": TOKENS["muted"],
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    config = {
        "background": None,
        "font": "Helvetica, Arial, sans-serif",
        "aria": False,
        "view": {"stroke": None},
        "axis": axis,
        "legend": {"labelColor": TOKENS["ink"], "titleColor": TOKENS["muted"], "labelFontSize": 12},
        "text": {"font": "Helvetica, Arial, sans-serif"},
    }
    return {"$schema": _SCHEMA, **body, "config": config}


def _refuse_infinite(value: Any) -> None:
    """Raise `ValueError` on a number JSON cannot carry."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a chart was given a number that is not finite")
    if isinstance(value, dict):
        for inner in value.values():
            _refuse_infinite(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_infinite(inner)
