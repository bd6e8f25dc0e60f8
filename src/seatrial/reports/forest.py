"""The forest: effects as bars against the zero line and the margin, on axes they can share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from seatrial.records import Effect
from seatrial.reports import numbers, words
from seatrial.reports.charts import specification
from seatrial.reports.document import Spec
from seatrial.reports.hostile import visible
from seatrial.reports.reading import is_directed
from seatrial.reports.svg import TOKENS

KEY = (
    "How to read it: right of the solid zero line is better, whichever way the metric counts; the figures keep their "
    "own sign. The shaded band is the margin, each bar an interval. ▲ better, ▼ worse, ≈ no meaningful difference, "
    "? cannot tell."
)
MINIMUM = "The thick tick is the smallest effect the plan wants to find."
CLIPPED = "« and »: the bar goes on beyond the axis."
_WIDTH = 330
_ROW = 26
_WORDS = 455
"""Room for the figures and the word at the right, in pixels."""
_LABEL = 40
"""Characters of a label."""
_FAR = 6.0
"""A bar this many times wider than the usual one is cut, so that the others can be seen."""
_SHAPES = {
    "better": "triangle-up",
    "worse": "triangle-down",
    "no meaningful difference": "diamond",
    "cannot tell": "circle",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One bar of a forest in the units of its panel, oriented so that more is better."""

    label: str
    effect: Effect
    value: float
    low: float
    high: float
    margin: float | None
    minimum: float | None = None
    """The smallest effect the plan wants to find, on the good side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Effects that can share an axis."""

    title: str
    unit: str
    """`%` where differences are shares of the baseline's value, else empty or the scale."""
    effects: tuple[Row, ...]

    @property
    def rows(self) -> tuple[tuple[str, Effect], ...]:
        return tuple((row.label, row.effect) for row in self.effects)


def panels(
    labelled: Sequence[tuple[str, Effect]],
    *,
    of_control: bool = False,
    minimum: Callable[[Effect], float | None] = lambda _: None,
) -> list[Panel]:
    """Sort effects into panels that share an axis: shares, parts of the baseline's value, each other metric alone.

    With `of_control` whatever can be is drawn in parts of the control's value, on one axis; `minimum` gives the
    smallest effect wanted of a metric in its own unit, where there is one.
    """
    panels: dict[str, list[Row]] = {}
    units: dict[str, str] = {}
    for label, effect in labelled:
        if effect.difference is None or effect.low is None or effect.high is None or not is_directed(effect):
            continue
        title, unit, factor = _of_control(effect) if of_control else _panel(effect)
        sign = factor if effect.higher_is_better else -factor
        ends = sorted((effect.low * sign, effect.high * sign))
        margin = effect.margin
        if margin is not None:
            margin = margin * (100.0 if effect.margin_is_relative and unit == "%" else factor)
        if of_control and margin is not None and effect.margin_is_relative and unit != "%":
            margin = (effect.margin or 0.0) * abs(effect.baseline_value or 0.0)
        wanted = minimum(effect)
        units[title] = unit
        panels.setdefault(title, []).append(
            Row(
                label=label,
                effect=effect,
                value=effect.difference * sign,
                low=ends[0],
                high=ends[1],
                margin=margin,
                minimum=None if wanted is None else wanted * factor,
            )
        )
    return [Panel(title=title, unit=units[title], effects=tuple(rows)) for title, rows in panels.items()]


def _panel(effect: Effect) -> tuple[str, str, float]:
    base, other = effect.baseline_value, effect.candidate_value
    relative = effect.margin_is_relative or effect.scale is not None
    if relative and base is not None and base != 0:
        return "Differences in % of the baseline's value", "%", 100.0 / abs(base)
    if effect.scale is None and all(side is None or abs(side) <= 1 for side in (base, other)) and not relative:
        return "Differences of metrics between 0 and 1", "", 1.0
    return f"Difference of {effect.metric}", effect.scale or "", 1.0


def _of_control(effect: Effect) -> tuple[str, str, float]:
    """Scale by the control's value, unless the interval is wider than that: then the metric stands alone."""
    base = abs(effect.baseline_value or 0.0)
    widest = max(abs(effect.low or 0.0), abs(effect.high or 0.0))
    if base > 0 and widest <= base:
        return "Differences in % of the control's value", "%", 100.0 / base
    return f"Difference of {effect.metric}", effect.scale or "", 1.0


def key(panels: Sequence[Panel]) -> str:
    """Say how to read the forests."""
    wanted = any(row.minimum is not None for panel in panels for row in panel.effects)
    return f"{KEY} {MINIMUM}" if wanted else KEY


def _reach(rows: Sequence[Row]) -> float:
    """Return where the axis ends: at the widest bar, unless it is far wider than the usual one."""
    reaches = [max(abs(row.low), abs(row.high), row.margin or 0.0, row.minimum or 0.0) for row in rows]
    widest, usual = max(reaches), median(reaches)
    reach = usual * _FAR if usual > 0 and widest > usual * _FAR else widest
    return reach * 1.08 or 1.0


def is_clipped(panel: Panel) -> bool:
    """Tell whether a bar goes on beyond the axis."""
    reach = _reach(panel.effects)
    return any(row.low < -reach or row.high > reach for row in panel.effects)


def label_width(labels: Sequence[str]) -> int:
    """Return the room for labels in pixels, whatever the reader's font; forests that share it share their zero line."""
    return round(7.9 * max((min(len(label), _LABEL) for label in labels), default=10)) + 14


def _ticks(reach: float) -> str:
    """Return the Vega expression that writes a tick: a sign, no needless zeros, a plain zero."""
    places = max(0, 2 - math.floor(math.log10(reach)))
    return f"datum.value == 0 ? '0' : format(datum.value, '+,.{places}~f')"


def chart(panel: Panel, *, rows: int, left: int) -> Spec:
    """Return the forest of a panel: bars, zero line, margin band, and the figures in words at the right.

    `left` is the room for labels in pixels.
    """
    shown = panel.effects[:rows]
    reach = _reach(shown)
    data = []
    for place, row in enumerate(shown):
        word = row.effect.word
        data.append(
            {
                "row": place,
                "label": visible(row.label, limit=120)[:_LABEL] + ("…" if len(row.label) > _LABEL else ""),
                "value": _clip(row.value, reach),
                "low": _clip(row.low, reach),
                "high": _clip(row.high, reach),
                "margin": None if row.margin is None else min(row.margin, reach),
                "loss": None if row.margin is None else max(-row.margin, -reach),
                **({} if row.minimum is None or row.minimum > reach else {"minimum": row.minimum}),
                "figures": visible(numbers.effect(row.effect), limit=120),
                "word": word,
                "symbol": words.WORD_SYMBOLS[word],
                "inside": abs(row.value) <= reach,
                "over": row.high > reach,
                "under": row.low < -reach,
            }
        )
    y: dict[str, Any] = {"field": "row", "type": "ordinal", "axis": None, "sort": None}
    x_scale = {"domain": [-reach, reach], "nice": False, "zero": False}
    axis = {
        "title": f"← worse{'  (' + visible(panel.unit, limit=24) + ')' if panel.unit else ''}   ·   better →",
        "tickCount": 5,
        "labelExpr": _ticks(reach),
        "grid": True,
        "labelFlush": False,
        "titlePadding": 6,
    }
    colour = {
        "field": "word",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(_SHAPES), "range": [TOKENS[token] for token in ("good", "bad", "neutral", "unsure")]},
    }
    shape = {
        "field": "word",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(_SHAPES), "range": list(_SHAPES.values())},
    }

    def x(field: str) -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": x_scale, "axis": axis}

    def text(field: str, *, at: float, align: str, **more: Any) -> dict[str, Any]:
        mark = {
            "type": "text",
            "align": align,
            "baseline": "middle",
            "fontSize": 13,
            "color": TOKENS["ink"],
            "limit": 400,
            **more,
        }
        return {"mark": mark, "encoding": {"y": y, "x": {"value": at}, "text": {"field": field}}}

    has_margin = {"filter": "isValid(datum.margin)"}
    layers: list[dict[str, Any]] = [
        {
            "transform": [has_margin],
            "mark": {"type": "rect", "color": TOKENS["band"]},
            "encoding": {"y": y, "x": x("loss"), "x2": {"field": "margin"}},
        },
        *(
            {
                "transform": [has_margin],
                "mark": {"type": "tick", "color": TOKENS["margin"], "thickness": 1.5, "size": _ROW},
                "encoding": {"y": y, "x": x(field)},
            }
            for field in ("loss", "margin")
        ),
        *([_minimum(x("minimum"), y)] if any("minimum" in one for one in data) else []),
        {
            "data": {"values": [{}]},
            "mark": {"type": "rule", "color": TOKENS["ink"], "strokeWidth": 1.5},
            "encoding": {"x": {"datum": 0, "type": "quantitative", "scale": x_scale, "axis": axis}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2.5},
            "encoding": {"y": y, "x": x("low"), "x2": {"field": "high"}, "color": colour},
        },
        {
            "transform": [{"filter": "datum.inside"}],
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": {"y": y, "x": x("value"), "color": colour, "shape": shape},
        },
        *(
            {
                "transform": [{"filter": f"datum.{end}"}],
                "mark": {
                    "type": "text",
                    "text": arrow,
                    "fontSize": 15,
                    "fontWeight": "bold",
                    "baseline": "middle",
                    "color": TOKENS["ink"],
                },
                "encoding": {"y": y, "x": {"value": at}},
            }
            for end, arrow, at in (("over", "»", _WIDTH - 4), ("under", "«", 4))
        ),
        *(
            {
                "data": {"values": [{}]},
                "mark": {"type": "text", "text": ".", "opacity": 0},
                "encoding": {"x": {"value": at}},
            }
            for at in (-left, _WIDTH + _WORDS)
        ),
        text("label", at=-10, align="right"),
        text("figures", at=_WIDTH + 14, align="left"),
        {
            "mark": {"type": "text", "align": "right", "baseline": "middle", "fontSize": 12, "fontWeight": "bold"},
            "encoding": {"y": y, "x": {"value": _WIDTH + 262}, "text": {"field": "symbol"}, "color": colour},
        },
        text("word", at=_WIDTH + 268, align="left"),
    ]
    return specification({"width": _WIDTH, "height": {"step": _ROW}, "data": {"values": data}, "layer": layers})


def _minimum(x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    """Return the layer of the smallest effect wanted: a coloured tick over the whole row."""
    return {
        "transform": [{"filter": "isValid(datum.minimum)"}],
        "mark": {"type": "tick", "color": TOKENS["series1"], "thickness": 3, "size": _ROW},
        "encoding": {"y": y, "x": x},
    }


def _clip(number: float, reach: float) -> float:
    return max(-reach, min(reach, number))
