"""The unit table: one row a unit, in an engine; what it holds, and what was counted while it was made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from seatrial.data.engine import Engine
from seatrial.records.evidence import Source
from seatrial.stats.arms import ArmMeans
from seatrial.stats.contrasts import Floats


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A column that splits the units: `levels[i]` is what code i stands for; `(missing)` is a level."""

    name: str
    levels: tuple[str, ...]
    planned: bool = False


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was counted while exposures and events became units; None: the tables do not say."""

    exposures: int = 0
    units: int = 0
    """That are in exactly one arm."""
    crossovers: int = 0
    """Units seen in more than one arm, left out unless asked."""
    crossovers_by_arm: dict[str, int] = field(default_factory=dict)
    """By the arm first seen."""
    unknown_arm: dict[str, int] = field(default_factory=dict)
    """Units in an arm the plan does not name."""
    missing_unit: int = 0
    """Exposures without a unit: left out."""
    missing_arm: int = 0
    """Exposures without an arm: left out."""
    exposures_after_as_of: int = 0
    bad_times: int = 0
    events: int | None = None
    duplicate_events: int = 0
    events_before_exposure: int = 0
    events_without_unit: int = 0
    events_after_as_of: int = 0
    late_events: int = 0
    """Arrived after the as-of time."""
    units_without_events: int | None = None
    """Analysed units without any event from their first exposure on."""
    units_without_events_by_arm: dict[str, int] = field(default_factory=dict)
    pre_after_exposure: int = 0
    """Rows of the pre-period table at or after the unit's first exposure: left out."""
    not_numbers: dict[str, int] = field(default_factory=dict)
    """Column to values that are no finite number (infinite, NaN, text): missing, and counted."""


@dataclass(frozen=True, kw_only=True)
class AsIs:
    """The unit table without the test of every number whether it is finite, which is quicker to scan.

    Sums over it are those of the unit table wherever they turn out finite. Where they do not, or a formula makes
    anything else of a guarded column than its mean, the unit table is scanned.
    """

    table: str
    guarded: frozenset[str]
    """SQL columns of the unit table that are tested."""
    complete: frozenset[str] = frozenset()
    """SQL columns of which it is known that no row lacks them."""


@dataclass(frozen=True, kw_only=True)
class UnitTable:
    """Units in `table` of `engine`.

    Columns: `unit` (text), `arm` (integer code in `arms`), `phase` (code in `phases`), `day` (integer: days from
    `first_day` to the first exposure; NULL without times), `s0..` segment codes, and a DOUBLE column for every name in
    `columns`, NULL where missing.
    """

    engine: Engine
    table: str
    arms: tuple[str, ...]
    """The control first."""
    phases: tuple[str, ...]
    """Named by their start; one when there is no ramp."""
    segments: tuple[Segment, ...]
    columns: Mapping[str, str]
    """(metric name, formula column) joined as `metric/column` -> SQL column of `table`; `column` alone for those that
    every metric reads alike (covariates, columns of a ready unit table)."""
    unit: str
    counts: Counts
    sources: tuple[Source, ...]
    first_day: str | None = None
    """ISO date of day 0 in the plan's time zone."""
    as_of: str | None = None
    """ISO time; nothing after it was read."""
    days: float | None = None
    """From the first exposure to `as_of`."""
    rows: int | None = None
    """Of `table`, where they have been counted."""
    as_is: AsIs | None = None
    bounds: Callable[[Sequence[str]], Mapping[str, tuple[float, float]]] | None = None
    """bounds(SQL columns): for those of which it is known without a scan, two numbers between which all values lie."""
    clustered: bool = False
    """Whether rows of the input are finer than the unit of randomisation: then `table` has one row an input row and
    `unit` repeats, and a mean over rows is a ratio of sums over units."""
    states: Callable[[], str] | None = None
    """Make the table of states and return its name: one row a unit and day on which any of its values changed, with
    `unit`, `arm`, `phase`, `s0..`, `day` (when), and for every SQL column `c` of `columns` the value `c` at the end of
    that day and `p_c` before it; NULL: not in the metric (yet). None where the input has no times."""
    since: Callable[[int], str] | None = None
    """since(D): make a table of the units with complete follow-up of D days, one row a unit: `unit`, `arm`, `phase`,
    and for every SQL column `c` of `columns` the values `c_d0` .. `c_d{D-1}` of each day since its first exposure."""
    occurrences: Callable[[str, str], str] | None = None
    """occurrences(metric, column): SQL of a table of single events with `unit`, `arm`, `phase`, `s0..`, `value`: what a
    quantile is taken over."""


Grouping = tuple[str, ...]
"""Segment columns: `()` is all units, `("country",)` each level of country."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A metric measured on every grouping asked for."""

    name: str
    arms: tuple[str, ...]
    phases: tuple[str, ...]
    by: Mapping[Grouping, ArmMeans]
    levels: Mapping[Grouping, tuple[str, ...]]
    """Levels of each grouping's column, in the order of its slices; `("",)` for all units."""
    sums: Mapping[str, Floats] = field(default_factory=dict)
    """SQL column -> (A, P) its sum over the units that have the metric, where the formula takes its plain mean."""


@dataclass(frozen=True, kw_only=True)
class Daily:
    """A metric as it stood at the end of each day: `means` has one slice a day."""

    name: str
    days: tuple[str, ...]
    """ISO dates, or `day 3`."""
    means: ArmMeans
