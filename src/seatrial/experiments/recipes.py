"""How a unit's events become its values: partial sums that add over any cut of the events, and values made of them.

A *part* is one aggregate over a unit's events (a sum, a count, a maximum); parts of disjoint sets of events combine
into the part of all of them, so the same recipe gives the value of a unit, of a unit up to a day, and of one day.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from seatrial.data.engine import literal
from seatrial.errors import UsageError
from seatrial.experiments.columns import EVENTS, Reads, cap_of, condition_sql, window_of

Kind = Literal["sum", "count", "max", "min"]
_COMBINE: dict[Kind, str] = {"sum": "SUM", "count": "SUM", "max": "MAX", "min": "MIN"}
_SUM_BITS = 116
"""Of a fixed-point sum. DECIMAL(38, 0) holds 126, but DuckDB makes a double of its two halves apart, and the upper one
is exact up to 64 + 53 bits; so every engine rounds a sum alike."""


@dataclass(frozen=True, kw_only=True)
class ValueColumn:
    """A column of numbers of the events: what its sums need to be exact, and whether it holds what is no number."""

    sql: str
    flaw: str | None
    scale: float | None
    """Power of 2 by which values are shifted before they are summed as whole numbers; None: they are whole already."""
    whole: str = ""
    """The column of the shifted values, where there is a scale."""


def exact_scale(largest: float | None, fractions: int, rows: int) -> float | None:
    """The power of 2 that makes a sum of `rows` values exact in 116 bits; None where plain sums are exact already.

    >>> exact_scale(3.0, 0, 1000) is None, math.log2(exact_scale(3.5, 1, 1000))
    (True, 104.0)
    """
    top = largest or 0.0
    if fractions == 0 and top * max(rows, 1) < 2**53:
        return None
    bits = _SUM_BITS - math.ceil(math.log2(top)) - math.ceil(math.log2(rows + 1)) if top > 0 else 0
    return 2.0 ** min(1000, bits)


@dataclass
class Parts:
    """The distinct aggregates that all metrics together need, named p0, p1, ..."""

    names: dict[tuple[Kind, str], str] = field(default_factory=dict)

    def add(self, kind: Kind, sql: str) -> str:
        """Name an aggregate of an expression over `e` (the event) and `u` (its unit)."""
        return self.names.setdefault((kind, sql), f"p{len(self.names)}")

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.names.values())

    def aggregates(self) -> str:
        """SQL of every part of a group of events, with a comma before each."""
        return "".join(f", {kind.upper()}({sql}) AS {name}" for (kind, sql), name in self.names.items())

    def arguments(self) -> str:
        """SQL of what each part aggregates, for a single event, with a comma before each."""
        return "".join(f", {sql} AS {name}" for (_, sql), name in self.names.items())

    def nothing(self) -> str:
        """SQL of the same for no event."""
        return "".join(f", NULL AS {name}" for name in self.names.values())

    def grouped(self, prefix: str) -> str:
        """SQL of every part over the rows of `arguments`."""
        return "".join(f", {kind.upper()}({prefix}.{name}) AS {name}" for (kind, _), name in self.names.items())

    def running(self, by: str, prefix: str) -> str:
        """SQL of the parts of all groups up to this one in a window, and what `before` needs of those before it."""
        found = []
        for (kind, _), name in self.names.items():
            total = f"{_COMBINE[kind]}({prefix}.{name}) OVER ({by} ROWS BETWEEN UNBOUNDED PRECEDING AND"
            found.append(f", {total} CURRENT ROW) AS {name}")
            found.append(f", {prefix}.{name} AS o{name}")
            if kind in ("max", "min"):
                found.append(f", {total} 1 PRECEDING) AS b{name}")
        return "".join(found)

    def touched(self, prefix: str) -> list[str]:
        """SQL conditions on what `running` gives: one holds where this group brought anything."""
        return [
            f"{prefix}.o{name} {'> 0' if kind == 'count' else 'IS NOT NULL'}" for (kind, _), name in self.names.items()
        ]

    def before(self, name: str, prefix: str) -> str:
        """SQL of a part before this group, from what `running` gives; nothing is 0 where it adds."""
        kind = next(kind for (kind, _), found in self.names.items() if found == name)
        if kind in ("max", "min"):
            return f"{prefix}.b{name}"
        return f"(COALESCE({prefix}.{name}, 0) - COALESCE({prefix}.o{name}, 0))"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One column of the unit table that is made of events."""

    key: str
    """`metric/column`."""
    metric: str
    column: str
    window: int | None
    """Microseconds from the first exposure; the value counts once it has closed."""
    value: Callable[[Callable[[str], str]], str]
    """SQL of the value from the SQL of each part."""
    starts_at_exposure: bool
    """Whether a unit has a value before its first event."""
    occurrence: str | None
    """SQL of a single event's value, NULL where it does not count."""


@dataclass(frozen=True, kw_only=True)
class EventColumns:
    """What the events offer formulas: columns of numbers and texts, and names of events."""

    numbers: Mapping[str, ValueColumn]
    texts: Mapping[str, str]
    value: ValueColumn | None = None
    """Of the column that holds each event's value."""
    counted: frozenset[str] = frozenset()
    """Names of events that carry no values: they are counted."""
    named: frozenset[str] = frozenset()
    """Names of events that formulas use."""
    timed: bool = True


def recipes(one: Reads, names: Sequence[str], events: EventColumns, parts: Parts) -> list[Recipe]:
    """The columns a metric makes of events, for `names` of its formula."""
    metric = one.metric
    window = window_of(metric)
    if window is not None and not events.timed:
        raise UsageError(
            f"Metric '{metric.name}' has a window, so exposures and events need times: --time and --event-time."
        )
    tests = ["e.time >= u.time"] if events.timed else []
    if one.where is not None:
        holds = condition_sql(
            one.where,
            lambda name: f"e.{events.texts[name] if name in one.where_texts else events.numbers[name].sql}",
        )
        tests.append(f"{holds} = 1")
    if window is not None:
        tests.append(f"e.time < u.time + {window}")
    made = _Metric(one=one, events=events, parts=parts, tests=tuple(tests), window=window)
    return [made.recipe(name, names) for name in names]


@dataclass(frozen=True, kw_only=True)
class _Metric:
    one: Reads
    events: EventColumns
    parts: Parts
    tests: tuple[str, ...]
    window: int | None

    def when(self, then: str, *more: str) -> str:
        tests = [*self.tests, *more]
        return f"CASE WHEN {' AND '.join(tests)} THEN {then} END" if tests else then

    def source(self, name: str) -> tuple[ValueColumn | None, tuple[str, ...], str]:
        """The column a name's values come from, the tests that pick its events, and SQL of whether one is there."""
        if name in self.events.numbers and name not in self.events.named:
            column = self.events.numbers[name]
            return column, (), f"e.{column.sql} IS NOT NULL"
        is_named = f"e.name = {literal(name)}"
        return None if name in self.events.counted else self.events.value, (is_named,), is_named

    def is_number(self, name: str) -> bool:
        """Whether a name stands for how many events there are, not for a column called so."""
        return name == EVENTS and name not in self.events.numbers

    def recipe(self, name: str, names: Sequence[str]) -> Recipe:
        metric = self.one.metric
        if self.is_number(name):
            counted = self.parts.add("count", self.when("1"))
            return self.made(name, lambda at: f"CAST(COALESCE({at(counted)}, 0) AS DOUBLE)", starts=True, single=None)
        column, picks, _ = self.source(name)
        number = "1.0" if column is None else f"e.{column.sql}"
        single = self.when(number, *picks)
        zero = metric.missing == "zero"
        value = self.aggregate(column, picks, single)
        flaws, good = "", ""
        if column is not None and column.flaw is not None:
            flaws = self.parts.add("sum", self.when(f"e.{column.flaw}", *picks))
            good = self.parts.add("count", single)
        here = None
        if metric.aggregate in ("sum", "count") and not zero:
            there = [self.source(other)[2] for other in names if not self.is_number(other)]
            here = self.parts.add("count", self.when("1", f"({' OR '.join(dict.fromkeys(there))})"))

        def finished(at: Callable[[str], str]) -> str:
            found = value(at)
            if zero or here is not None:
                found = f"COALESCE({found}, 0.0)"
                tests = [f"{at(here)} > 0"] if here is not None else []
                # A unit with nothing but values that are no numbers has no value, not 0.
                tests += [f"(COALESCE({at(flaws)}, 0) = 0 OR {at(good)} > 0)"] if flaws else []
                found = f"CASE WHEN {' AND '.join(tests)} THEN {found} END" if tests else found
            if metric.winsorize is not None:
                cap = cap_of(metric)
                found = f"CASE WHEN {found} > {cap} THEN {cap} ELSE {found} END"
            return found

        return self.made(name, finished, starts=zero, single=single)

    def aggregate(self, column: ValueColumn | None, picks: tuple[str, ...], single: str) -> Callable[..., str]:
        """SQL of a unit's aggregate from its parts; NULL where it has no values."""
        kind = self.one.metric.aggregate
        if kind in ("max", "min"):
            extreme = self.parts.add("max" if kind == "max" else "min", single)
            return lambda at: at(extreme)
        if kind == "count" or column is None:
            n = self.parts.add("count", single)
            if kind == "mean":
                return lambda at: f"CASE WHEN {at(n)} > 0 THEN 1.0 END"
            return lambda at: f"CAST(CASE WHEN {at(n)} > 0 THEN {at(n)} END AS DOUBLE)"
        if column.scale is None:
            total = self.parts.add("sum", single)
            added: Callable[[Callable[[str], str]], str] = lambda at: at(total)  # noqa: E731
        else:
            scale = f"CAST({column.scale!r} AS DOUBLE)"
            total = self.parts.add("sum", self.when(f"e.{column.whole}", *picks))
            added = lambda at: f"(CAST({at(total)} AS DOUBLE) / {scale})"  # noqa: E731
        if kind == "sum":
            return added
        n = self.parts.add("count", single)
        return lambda at: f"({added(at)} / NULLIF({at(n)}, 0))"

    def made(
        self, name: str, value: Callable[[Callable[[str], str]], str], *, starts: bool, single: str | None
    ) -> Recipe:
        metric = self.one.metric.name
        return Recipe(
            key=f"{metric}/{name}",
            metric=metric,
            column=name,
            window=self.window,
            value=value,
            starts_at_exposure=starts,
            occurrence=single,
        )
