"""Charts of a fairness audit: selection rates of groups with their limits, rates over thresholds."""

from collections.abc import Sequence
from typing import Any

from seatrial.records.audit import AuditCut, AuditGroup, Explorer, ThresholdPoint
from seatrial.reports.charts import specification
from seatrial.reports.document import Spec
from seatrial.reports.hostile import visible
from seatrial.reports.svg import TOKENS

PANELS = (
    ("selection_rate", "Share selected"),
    ("true_positive_rate", "True positive rate"),
    ("false_positive_rate", "False positive rate"),
)
_NAME = 48
_MOST_LINES = 6
_COLOURS = ("series1", "series2", "series3", "series4", "series5", "series0")
_DASHES = ([1, 0], [7, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 2, 1, 2])


def selection(groups: Sequence[AuditGroup], cut: AuditCut) -> Spec:
    """Return one row a group: its selection rate with limits, and the line of four fifths."""
    data: list[dict[str, Any]] = []
    names: list[str] = []
    for group in groups:
        found = next((one for one in group.estimates if one.metric == "selection_rate"), None)
        if found is None or found.value is None:
            continue
        name = visible(", ".join(group.slice.values()), limit=_NAME)
        name = name if name not in names else f"{name} #{len(names) + 1}"
        names.append(name)
        data.append({"name": name, "value": found.value, "low": found.low, "high": found.high, "ranked": group.ranked})
    y = {"field": "name", "type": "nominal", "sort": names, "axis": {"title": None, "labelLimit": 260}}
    axis = {"title": "Share selected", "tickCount": 6, "format": ".0%"}

    def x(field: str) -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": {"domainMin": 0}, "axis": axis}

    layers: list[dict[str, Any]] = []
    line = _four_fifths(cut)
    if line is not None:
        layers.append(
            {
                "data": {"values": [{"line": line}]},
                "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5, "color": TOKENS["unsure"]},
                "encoding": {"x": x("line")},
            }
        )
    layers += [
        {
            "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
            "mark": {"type": "rule", "strokeWidth": 2.5, "color": TOKENS["series1"]},
            "encoding": {"y": y, "x": x("low"), "x2": {"field": "high"}},
        },
        {
            "transform": [{"filter": "datum.ranked"}],
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": TOKENS["series1"]},
            "encoding": {"y": y, "x": x("value")},
        },
        {
            "transform": [{"filter": "!datum.ranked"}],
            "mark": {"type": "point", "filled": False, "size": 60, "opacity": 1, "color": TOKENS["series1"]},
            "encoding": {"y": y, "x": x("value")},
        },
    ]
    padding = {"left": 28, "right": 8, "top": 5, "bottom": 5}
    return specification(
        {"width": 560, "height": {"step": 26}, "padding": padding, "data": {"values": data}, "layer": layers}
    )


def _four_fifths(cut: AuditCut) -> float | None:
    """Four fifths of the rate of the group that others are held against."""
    for group in cut.groups:
        if group.slice == cut.reference:
            found = next((one for one in group.estimates if one.metric == "selection_rate"), None)
            return None if found is None or found.value is None else 0.8 * found.value
    return None


def thresholds(of: Explorer, measure: str, title: str) -> Spec:
    """Return a line a group of one rate over thresholds; at most six groups, the JSON has all."""
    every = list(of.points[0].selection_rate)[:_MOST_LINES]
    names = {group: f"{visible(group, limit=30)}" for group in every}
    distinct = [f"{name}" for name in names.values()]
    data = [
        {"x": point.threshold, "y": value, "name": names[group]}
        for point in of.points
        for group in every
        if (value := _rates(point, measure).get(group)) is not None
    ]
    legend = {"orient": "bottom", "title": None, "columns": 2, "symbolType": "stroke", "symbolSize": 400}
    return specification(
        {
            "width": 300,
            "height": 220,
            "data": {"values": data},
            "mark": {"type": "line", "strokeWidth": 2},
            "encoding": {
                "x": _threshold_axis(),
                "y": {
                    "field": "y",
                    "type": "quantitative",
                    "scale": {"domain": [0, 1]},
                    "axis": {"title": title, "tickCount": 5, "format": ".0%"},
                },
                "color": {
                    "field": "name",
                    "type": "nominal",
                    "legend": legend,
                    "scale": {"domain": distinct, "range": [TOKENS[token] for token in _COLOURS[: len(distinct)]]},
                },
                "strokeDash": {
                    "field": "name",
                    "type": "nominal",
                    "legend": legend,
                    "scale": {"domain": distinct, "range": list(_DASHES[: len(distinct)])},
                },
            },
        }
    )


def worth(of: Explorer, *, money: bool) -> Spec:
    """Return what one threshold for everyone is worth."""
    data = [{"x": point.threshold, "y": point.money if money else point.accuracy} for point in of.points]
    axis = {"title": "Money per row" if money else "Accuracy", "tickCount": 5, "format": ",~f" if money else ".0%"}
    return specification(
        {
            "width": 300,
            "height": 220,
            "data": {"values": data},
            "mark": {"type": "line", "strokeWidth": 2, "color": TOKENS["series1"]},
            "encoding": {
                "x": _threshold_axis(),
                "y": {"field": "y", "type": "quantitative", "scale": {"zero": False}, "axis": axis},
            },
        }
    )


def _rates(point: ThresholdPoint, measure: str) -> dict[str, float | None]:
    if measure == "selection_rate":
        return point.selection_rate
    return point.true_positive_rate if measure == "true_positive_rate" else point.false_positive_rate


def _threshold_axis() -> dict[str, Any]:
    return {"field": "x", "type": "quantitative", "axis": {"title": "Threshold of the score", "tickCount": 6}}
