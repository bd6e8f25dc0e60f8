"""Charts over time: what could have been seen on each day, and the effect by days since the first exposure."""

import math
from collections.abc import Iterator
from collections.abc import Sequence as Many
from typing import Any

from seatrial.records import Look, Sequence, Trend
from seatrial.reports.charts import specification
from seatrial.reports.document import Spec
from seatrial.reports.hostile import visible
from seatrial.reports.svg import TOKENS

CUT = "Limits beyond the axis are cut at it."
_WIDTH = 640
_HEIGHT = 240
_LABELS = 7
_BARS = 12
"""So many always-valid intervals are drawn as bars; more become a band."""
_FAR = 3.0
"""The axis ends at so many times what the later looks need, and earlier limits are cut."""
_ESTIMATE = "difference"
_VALID = "limits that hold on every day"
_PLANNED = "limits at the planned looks"
_FIXED = "limits if this were the only look"
_MARGIN = "margin"
_MINIMUM = "smallest effect the plan wants to find"
_STEADY = "steady state"
_LINES: dict[str, tuple[str, list[int], float]] = {
    _ESTIMATE: ("series1", [1, 0], 2.6),
    _VALID: ("series4", [1, 0], 1.2),
    _PLANNED: ("series4", [1, 0], 5.0),
    _FIXED: ("series0", [4, 3], 1.4),
    _MARGIN: ("margin", [2, 3], 2.4),
    _MINIMUM: ("series2", [8, 3, 2, 3], 1.6),
    _STEADY: ("series4", [8, 4], 1.8),
}
"""Colour, dashes and width of every line by its name; the legend shows those that are there."""

_Point = tuple[float, float | None]


def kept(looks: Many[Look], most: int, *, always: str | None = None) -> list[Look]:
    """Keep at most `most` looks, evenly, the first, the last and the day `always` among them.

    >>> days = [Look(day=f"day {place}", units=place) for place in range(9)]
    >>> [look.day for look in kept(days, 3, always="day 2")]
    ['day 0', 'day 2', 'day 4', 'day 8']
    """
    if len(looks) <= most:
        return list(looks)
    last = len(looks) - 1
    places = {round(place * last / (most - 1)) for place in range(most)} if most > 1 else {last}
    places |= {place for place, look in enumerate(looks) if look.day == always}
    return [looks[place] for place in sorted(places)]


def sequence(
    of: Sequence, *, looks: int, scale: str | None = None, margin: float | None = None, minimum: float | None = None
) -> Spec:
    """Return one metric over time: the difference, the band for every day, the one for a single look, the decision.

    `margin` and `minimum` are signed lines in the metric's own unit. Limits beyond the axis are cut at it.
    """
    shown = kept(of.looks, looks, always=of.decided_on)
    place = {look.day: number for number, look in enumerate(of.looks)}
    last = max(len(of.looks) - 1, 1)
    levels = [(name, level) for name, level in ((_MARGIN, margin), (_MINIMUM, minimum)) if level is not None]
    bottom, top = reach(shown, [level for _, level in levels])
    valid, bars = _valid(shown), has_bars(shown)
    lines = [*_runs(_ESTIMATE, [(place[look.day], look.difference) for look in shown])]
    if not bars:
        lines += _runs(_VALID, [(place[look.day], look.low) for look in shown])
        lines += _runs(_VALID, [(place[look.day], look.high) for look in shown])
    lines += _runs(_FIXED, [(place[look.day], look.fixed_low) for look in shown])
    lines += _runs(_FIXED, [(place[look.day], look.fixed_high) for look in shown])
    lines += [(name, [(0.0, level), (float(last), level)]) for name, level in levels]
    if bars:
        lines += [
            (_PLANNED, [(place[look.day], _or(look.low, bottom)), (place[look.day], _or(look.high, top))])
            for look in valid
        ]
    band = [
        {"x": place[look.day], "low": _or(look.low, bottom), "high": _or(look.high, top)}
        for look in ([] if bars else valid)
    ]
    axes = _Axes(last=last, bottom=bottom, top=top, title=f"treatment − control{_unit(scale)}")
    layers = [axes.area(band)] if len(band) > 1 else []
    layers += [axes.zero(), *axes.lines(lines)]
    if of.decided_on in place:
        layers += axes.mark(place[of.decided_on], f"decided on {visible(of.decided_on or '', limit=24)}")
    layers += axes.days([(place[look.day], look.day) for look in shown])
    return specification({"width": _WIDTH, "height": _HEIGHT, "layer": layers})


def trend(of: Trend, *, days: int, scale: str | None = None) -> Spec:
    """Return the effect by days since the first exposure, each day with its interval, and the steady state."""
    points = [
        (day, difference, low, high)
        for day, difference, low, high in zip(of.days, of.differences, of.lows, of.highs, strict=True)
        if difference is not None
    ]
    step = max(1, math.ceil(len(points) / days))
    points = points[::step]
    found = [value for _, *values in points for value in values if value is not None]
    levels = [value for value in (of.steady, 0.0) if value is not None]
    low, high = min([*found, *levels]), max([*found, *levels])
    room = (high - low) * 0.08 or 1.0
    first, last = (points[0][0], points[-1][0]) if points else (1, 2)
    axes = _Axes(
        first=first,
        last=max(last, first + 1),
        bottom=low - room,
        top=high + room,
        title=f"treatment − control{_unit(scale)}",
    )
    lines: list[tuple[str, list[tuple[float, float]]]] = []
    if of.steady is not None:
        lines.append((_STEADY, [(float(first), of.steady), (axes.last, of.steady)]))
    layers = [axes.zero()]
    layers += axes.lines(lines, legend=False)
    layers += axes.points(points)
    layers += axes.days([(float(day), str(day)) for day, *_ in points], title="days since the first exposure")
    return specification({"width": _WIDTH, "height": _HEIGHT, "layer": layers})


def _valid(looks: Many[Look]) -> list[Look]:
    return [look for look in looks if look.low is not None or look.high is not None]


def has_bars(looks: Many[Look]) -> bool:
    """Tell whether the looks that may be read are so few among the others that each is drawn as a bar."""
    return len(_valid(looks)) <= _BARS and 2 * len(_valid(looks)) < len(looks)


def reach(looks: Many[Look], levels: Many[float] = ()) -> tuple[float, float]:
    """Return the ends of the axis: all of the later looks, zero and the levels, and so much of the earlier ones."""
    later = looks[len(looks) // 3 :]
    needed = [value for look in later for value in _values(look)] + [*levels, 0.0]
    every = [value for look in looks for value in _values(look)] + needed
    size = max(abs(value) for value in needed) or max((abs(value) for value in every), default=0.0) or 1.0
    bottom, top = max(min(every), -_FAR * size), min(max(every), _FAR * size)
    room = (top - bottom) * 0.06 or 0.06 * size
    return bottom - room, top + room


def is_cut(looks: Many[Look], levels: Many[float] = ()) -> bool:
    """Tell whether a limit lies beyond the axis."""
    bottom, top = reach(looks, levels)
    return any(not bottom <= value <= top for look in looks for value in _values(look))


def _values(look: Look) -> list[float]:
    return [
        value for value in (look.difference, look.low, look.high, look.fixed_low, look.fixed_high) if value is not None
    ]


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _unit(scale: str | None) -> str:
    return f" ({visible(scale, limit=12)})" if scale else ""


def _runs(name: str, points: Many[_Point]) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Break a line where a value is missing."""
    run: list[tuple[float, float]] = []
    for x, y in points:
        if y is not None:
            run.append((float(x), y))
        elif run:
            yield name, run
            run = []
    if run:
        yield name, run


class _Axes:
    """The frame both charts share: x is a day, y a difference; everything is cut at the frame."""

    def __init__(self, *, last: float, bottom: float, top: float, title: str, first: float = 0.0) -> None:
        self.first, self.last, self.bottom, self.top, self.title = float(first), float(last), bottom, top, title

    def x(self, field: str = "x") -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": self._x_scale(), "axis": None}

    def y(self, field: str = "y") -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": self._y_scale(), "axis": self._y_axis()}

    def _x_scale(self) -> dict[str, Any]:
        return {"domain": [self.first, self.last], "nice": False, "zero": False, "padding": 8}

    def _y_scale(self) -> dict[str, Any]:
        return {"domain": [self.bottom, self.top], "nice": False, "zero": False}

    def _y_axis(self) -> dict[str, Any]:
        places = max(0, 2 - math.floor(math.log10(max(abs(self.bottom), abs(self.top)))))
        shown = f"datum.value == 0 ? '0' : format(datum.value, '+,.{places}~f')"
        return {"title": self.title, "titlePadding": 18, "tickCount": 5, "labelExpr": shown, "grid": True}

    def _clip(self, value: float) -> float:
        return max(self.bottom, min(self.top, value))

    def zero(self) -> dict[str, Any]:
        encoding = {"y": {"datum": 0, "type": "quantitative", "scale": self._y_scale(), "axis": self._y_axis()}}
        mark = {"type": "rule", "color": TOKENS["ink"], "strokeWidth": 1.5}
        return {"data": {"values": [{}]}, "mark": mark, "encoding": encoding}

    def area(self, band: Many[dict[str, float]]) -> dict[str, Any]:
        data = [{"x": one["x"], "low": self._clip(one["low"]), "high": self._clip(one["high"])} for one in band]
        return {
            "data": {"values": data},
            "mark": {"type": "area", "color": TOKENS["series4"], "opacity": 0.14},
            "encoding": {"x": self.x(), "y": self.y("low"), "y2": {"field": "high"}},
        }

    def lines(self, lines: Many[tuple[str, Many[tuple[float, float]]]], *, legend: bool = True) -> list[dict[str, Any]]:
        """Draw each kind of line in its own layer, so that it keeps its width; one legend names them all."""
        there = {name for name, _ in lines}
        names = [name for name in _LINES if name in there]
        key = {
            "orient": "bottom",
            "title": None,
            "columns": 2,
            "columnPadding": 70,
            "symbolType": "stroke",
            "symbolSize": 500,
            "symbolStrokeWidth": 2.2,
            "labelLimit": 300,
            "offset": 30,
        }

        def by_name(values: list[Any]) -> dict[str, Any]:
            return {
                "field": "what",
                "type": "nominal",
                "sort": None,
                "legend": key if legend else None,
                "scale": {"domain": names, "range": values},
            }

        return [
            {
                "data": {
                    "values": [
                        {"x": x, "y": self._clip(y), "what": name, "part": part}
                        for part, (what, points) in enumerate(lines)
                        if what == name
                        for x, y in points
                    ]
                },
                "mark": {"type": "line", "strokeWidth": _LINES[name][2]},
                "encoding": {
                    "x": self.x(), "y": self.y(), "detail": {"field": "part", "type": "nominal"},
                    "color": by_name([TOKENS[_LINES[one][0]] for one in names]),
                    "strokeDash": by_name([_LINES[one][1] for one in names]),
                },
            }
            for name in names
        ]  # fmt: skip

    def points(self, points: Many[tuple[int, float, float | None, float | None]]) -> list[dict[str, Any]]:
        data = [
            {"x": day, "y": self._clip(y), "low": self._clip(_or(low, y)), "high": self._clip(_or(high, y))}
            for day, y, low, high in points
        ]
        colour = TOKENS["series1"]
        return [
            {
                "data": {"values": data},
                "mark": {"type": "rule", "strokeWidth": 2, "color": colour},
                "encoding": {"x": self.x(), "y": self.y("low"), "y2": {"field": "high"}},
            },
            {
                "data": {"values": data},
                "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1, "color": colour},
                "encoding": {"x": self.x(), "y": self.y()},
            },
        ]

    def mark(self, x: float, said: str) -> list[dict[str, Any]]:
        """Mark one day with a line and words, on the side where there is room."""
        right = x > (self.first + self.last) / 2
        data = {"values": [{"x": x, "said": said}]}
        return [
            {
                "data": data,
                "mark": {"type": "rule", "color": TOKENS["ink"], "strokeWidth": 1.2, "strokeDash": [3, 3]},
                "encoding": {"x": self.x()},
            },
            {
                "data": data,
                "mark": {
                    "type": "text",
                    "align": "right" if right else "left",
                    "dx": -6 if right else 6,
                    "baseline": "top",
                    "fontSize": 12,
                    "fontWeight": "bold",
                    "color": TOKENS["ink"],
                },
                "encoding": {"x": self.x(), "y": {"value": 4}, "text": {"field": "said"}},
            },
        ]

    def days(self, days: Many[tuple[float, str]], *, title: str = "") -> list[dict[str, Any]]:
        """Write some of the days under the frame."""
        last, most = len(days) - 1, min(len(days), _LABELS)
        places = {round(place * last / (most - 1)) for place in range(most)} if most > 1 else {0}
        data = [{"x": days[place][0], "said": visible(days[place][1], limit=14)} for place in sorted(places)]
        middle = [{"x": (self.first + self.last) / 2, "said": title}] if title else []
        return [
            {
                "data": {"values": values},
                "mark": {"type": "text", "baseline": "top", "fontSize": 12, "color": TOKENS["muted"]},
                "encoding": {"x": self.x(), "y": {"value": _HEIGHT + down}, "text": {"field": "said"}},
            }
            for values, down in ((data, 8), (middle, 24))
            if values
        ]
