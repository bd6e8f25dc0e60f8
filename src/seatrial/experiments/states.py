"""Values of units over time: as they stood at the end of each day, and on each day since the first exposure.

Both come from one pass over the events, grouped by unit and day into parts that add; what a unit's value was on a day
is then a running total of its own few rows, never another pass.
"""

from dataclasses import dataclass
from functools import cached_property

from seatrial.errors import UsageError
from seatrial.experiments.first_exposures import Units
from seatrial.experiments.recipes import Parts, Recipe
from seatrial.experiments.times import DAY
from seatrial.experiments.warehouse import Warehouse

MOST_DAYS = 400


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the columns of a unit table are made of: enough to make them again for any day."""

    house: Warehouse
    events: str
    """Table of events, duplicates left out."""
    valid: str
    """SQL of whether an event (`e`) counts at all."""
    units: Units
    parts: Parts
    recipes: tuple[Recipe, ...]
    static: dict[str, str]
    """Key to SQL over `u`: what a unit has from the start."""
    end: int | None
    """The as-of time."""
    timed: bool

    @cached_property
    def columns(self) -> dict[str, str]:
        """Key to SQL column; keys that stand for the same values share one."""
        names: dict[str, str] = {}
        by_sql: dict[str, str] = {}
        for key in (*(one.key for one in self.recipes), *self.static):
            names[key] = by_sql.setdefault(self.final(key), f"c{len(by_sql)}")
        return names

    @cached_property
    def distinct(self) -> dict[str, str]:
        """SQL column to one of the keys it stands for."""
        return {name: key for key, name in reversed(self.columns.items())}

    def recipe(self, key: str) -> Recipe | None:
        return next((one for one in self.recipes if one.key == key), None)

    def final(self, key: str) -> str:
        """SQL of a value over a unit (`u`) and the parts of all its events (`p`)."""
        recipe = self.recipe(key)
        if recipe is None:
            return self.static[key]
        value = recipe.value(lambda part: f"p.{part}")
        closed = self.closed(recipe)
        return value if closed is None else f"CASE WHEN {closed} THEN {value} END"

    def closed(self, recipe: Recipe) -> str | None:
        """SQL of whether a recipe's window has closed for a unit as of the time."""
        if recipe.window is None or self.end is None:
            return None
        return f"u.time <= {self.end - recipe.window}"

    @property
    def _segments(self) -> list[str]:
        return [f"s{at}" for at in range(len(self.units.segments))]

    @property
    def after_exposure(self) -> str:
        """SQL behind FROM: events (`e`) of analysed units (`u`) from their first exposure on."""
        return (
            f"{self.events} AS e JOIN {self.units.table} AS u ON u.unit = e.unit"
            f" WHERE u.arm IS NOT NULL AND {self.valid} AND e.time >= u.time"
        )

    def carried(self, alias: str) -> str:
        return "".join(f", {alias}.{name} AS {name}" for name in ("arm", "phase", *self._segments))


def make_states(made: Made) -> str:
    """Make the table of states described in `table.py` and return its name."""
    house, units = made.house, made.units
    first = units.first or 0

    def day(time: str) -> str:
        return f"{units.clocks.day(time)} - {first}"

    # A window's last moment is before its end, so it is complete at the end of the day that moment lies in.
    closes = {one.window: day(f"(u.time + {one.window - 1})") for one in made.recipes if one.window is not None}
    daily = [f"SELECT u.unit AS unit, {day('e.time')} AS day{made.parts.arguments()} FROM {made.after_exposure}"]
    brought = made.parts.touched("p")
    if made.static or any(one.starts_at_exposure for one in made.recipes):
        brought.append("p.day = u.day")
        daily.append(
            f"SELECT u.unit AS unit, u.day AS day{made.parts.nothing()} FROM {units.table} AS u WHERE u.arm IS NOT NULL"
        )
    for window, closing in closes.items():
        if made.end is not None:
            brought.append(f"p.day = {closing}")
            daily.append(
                f"SELECT u.unit AS unit, {closing} AS day{made.parts.nothing()} FROM {units.table} AS u"
                f" WHERE u.arm IS NOT NULL AND u.time <= {made.end - window}"
            )
    grouped = (
        f"SELECT a.unit AS unit, a.day AS day{made.parts.grouped('a')} FROM ({' UNION ALL '.join(daily)}) AS a"
        " GROUP BY a.unit, a.day"
    )
    by = "PARTITION BY d.unit ORDER BY d.day"
    running = f"SELECT d.unit AS unit, d.day AS day{made.parts.running(by, 'd')} FROM ({grouped}) AS d"
    values = []
    for name, key in made.distinct.items():
        recipe = made.recipe(key)
        after, before, since = made.static.get(key, ""), made.static.get(key, ""), "u.day"
        if recipe is not None:
            after = recipe.value(lambda part: f"p.{part}")
            before = recipe.value(lambda part: made.parts.before(part, "p"))
            if recipe.window is not None:
                since = f"({closes[recipe.window]})"
                after = f"CASE WHEN {made.closed(recipe)} AND p.day >= {since} THEN {after} END"
                before = f"CASE WHEN {made.closed(recipe)} THEN {before} END"
        values.append(f"{after} AS {name}, CASE WHEN p.day > {since} THEN {before} END AS p_{name}")
    table = house.fresh("states")
    house.create(
        table,
        f"SELECT u.unit AS unit{made.carried('u')}, p.day AS day, {', '.join(values) or '0 AS nothing'}"
        f" FROM ({running}) AS p JOIN {units.table} AS u ON u.unit = p.unit WHERE {' OR '.join(brought) or '1 = 0'}",
    )
    return table


def make_since(made: Made, days: int) -> str:
    """Make the table of values on each of the first `days` days since exposure, and return its name.

    A day is 24 hours from the first exposure; only units whose `days` days are over by the as-of time are in it. Days
    that begin after a metric's window has closed are NULL.
    """
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"Days since the first exposure are 1 to {MOST_DAYS}, not {days}.")
    house, units = made.house, made.units
    length = days * DAY
    complete = f"u.time <= {(made.end or 0) - length}"
    number = f"CAST(FLOOR(CAST(e.time - u.time AS DOUBLE) / {DAY}) AS INTEGER) AS d"
    by_day = house.fresh("by_day")
    values = "".join(
        f", {recipe.value(lambda part: f'p.{part}')} AS {name}"
        for name, key in made.distinct.items()
        if (recipe := made.recipe(key)) is not None
    )
    source = f"{made.after_exposure} AND e.time < u.time + {length} AND {complete}"
    grouped = f"SELECT u.unit AS unit, {number}{made.parts.aggregates()} FROM {source} GROUP BY 1, 2"
    house.create(by_day, f"SELECT p.unit AS unit, p.d AS d{values} FROM ({grouped}) AS p")
    wanted = []
    for name, key in made.distinct.items():
        recipe = made.recipe(key)
        for d in range(days):
            if recipe is None:
                sql = f"MIN({made.static[key]})"
            elif recipe.window is not None and d * DAY >= recipe.window:
                sql = "CAST(NULL AS DOUBLE)"
            else:
                sql = f"MAX(CASE WHEN v.d = {d} THEN v.{name} END)"
                if recipe.starts_at_exposure:
                    sql = f"CASE WHEN COUNT(CASE WHEN v.d = {d} THEN 1 END) = 0 THEN 0.0 ELSE {sql} END"
            wanted.append(f"{sql} AS {name}_d{d}")
    table = house.fresh("since")
    by = "".join(f", u.{name}" for name in ("arm", "phase", *(f"s{at}" for at in range(len(units.segments)))))
    house.create(
        table,
        f"SELECT CAST(u.unit AS VARCHAR) AS unit{made.carried('u')}{''.join(f', {one}' for one in wanted)}"
        f" FROM {units.table} AS u LEFT JOIN {by_day} AS v ON v.unit = u.unit"
        f" WHERE u.arm IS NOT NULL AND {complete} GROUP BY u.unit{by}",
    )
    house.drop(by_day)
    return table
