"""A history table: how large a metric is today and how much one unit moves it, before any experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from seatrial.data.engine import DuckDBEngine
from seatrial.data.predictions import open_source
from seatrial.data.source import Source
from seatrial.errors import DataError, UsageError
from seatrial.experiments.column_roles import find_column
from seatrial.experiments.columns import Reads, reads
from seatrial.experiments.formulas import metric_formula
from seatrial.experiments.reading import number_sql, text_sql, unit_sql
from seatrial.expressions import Mean, Node, Quantile, Size, atoms, evaluate_rows, linearise, row_columns
from seatrial.records.numbers import format_count
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.quantiles import quantile_influence

Floats = NDArray[np.float64]
FEWEST = 30
"""Units below which a history says too little of a variance."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A metric before the experiment: its value, and the variance of one unit's influence on it."""

    value: float
    variance: float
    """Before any covariate adjustment."""
    variance_factor: float = 1.0
    """1 - R squared of the covariates."""
    is_share: bool = False
    """A share of units: the variance moves with the value."""
    skewness: float = 0.0
    """Of one unit's influence."""
    units: int | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    @property
    def adjusted(self) -> float:
        """The variance after covariate adjustment."""
        return self.variance * self.variance_factor


@dataclass(frozen=True, kw_only=True)
class History:
    """The columns that metrics read of a table with one row a unit (or several, where its unit repeats)."""

    name: str
    numbers: Mapping[str, Floats]
    """NaN where missing."""
    texts: Mapping[str, NDArray[Any]]
    unreadable: Mapping[str, str]
    """Columns with entries that should be numbers and are none: an example."""
    reads: Mapping[str, Reads]
    refused: Mapping[str, UsageError]
    """Metrics that this table cannot give, and why."""
    columns: tuple[str, ...]
    units: NDArray[np.intp] | None = None
    """A code of each row's unit, where the table has its column."""

    def spread(self, metric: ExperimentMetric) -> Spread:
        """Measure a metric: value, variance per unit, and what its covariates take away.

        The influence of a row is gradient' (terms - means), of a quantile (mean(I) - I)/density (delta method). Rows of
        one unit are added up, so the variance is that of independent units: sum T_u^2/(G - 1), T_u = G/rows sum psi.

        Raises `UsageError` for a column that is not there, `DataError` for one that cannot carry the metric.
        """
        what = f"{self.name}: metric '{metric.name}'"
        if metric.name in self.refused:
            raise UsageError(f"{self.name}: {self.refused[metric.name]}")
        known = self.reads[metric.name]
        value, influence, valid, is_share = self._influence(known.formula, known.texts, metric, what)
        rows = int(valid.sum())
        total = self._by_unit(influence, valid)
        if len(total) < FEWEST:
            raise DataError(f"{what}: only {len(total)} units have it; a sizing needs {FEWEST} at least.")
        variance = float(total @ total) / (len(total) - 1)
        if variance <= 0:
            raise DataError(f"{what}: every unit has the same value ({value:g}), so nothing says how units differ.")
        notes = []
        if metric.where is not None:
            notes.append(f"{metric.name}: `where` is for events; the history's columns are taken as they are")
        if rows < len(valid):
            notes.append(
                f"{metric.name}: {format_count(len(valid) - rows)} rows of the history lack it and are left out"
            )
        if len(total) < rows:
            notes.append(
                f"{metric.name}: {format_count(rows)} rows are of {format_count(len(total))} units; those count"
            )
        return Spread(
            value=value,
            variance=variance,
            variance_factor=self._left_by_covariates(metric, total, valid, what),
            is_share=is_share and len(total) == rows,
            skewness=float((total**3).mean() / variance**1.5),
            units=len(total),
            source=f"{self.name}: {format_count(len(total))} units",
            notes=tuple(notes),
        )

    def _influence(
        self, node: Node, texts: frozenset[str], metric: ExperimentMetric, what: str
    ) -> tuple[float, Floats, NDArray[np.bool_], bool]:
        """Value, influence of every row (0 where it is missing), which rows have it, and whether it is 0 or 1."""
        size = len(next(iter((*self.numbers.values(), *self.texts.values()))))
        rows: dict[str, Floats] = {}
        parts = atoms(node)
        for atom in parts:
            if isinstance(atom, Mean | Quantile):
                columns = {name: self._column(name, texts, metric, what) for name in row_columns(atom.row)}
                rows[atom.key()] = evaluate_rows(atom.row, columns, size=size)
        valid = np.logical_and.reduce([np.isfinite(values) for values in rows.values()])
        n = int(valid.sum())
        if n < FEWEST:
            raise DataError(f"{what}: only {n} rows have it; a sizing needs {FEWEST} at least.")
        psi: dict[str, Floats] = {}
        values_at: dict[str, Floats] = {}
        for atom in parts:
            key = atom.key()
            if isinstance(atom, Size):
                values_at[key] = np.array([float(n)])
                continue
            if isinstance(atom, Quantile):
                found = quantile_influence(rows[key][valid], atom.probability)
                at, own = found.value, found.psi
            elif isinstance(atom, Mean):
                at = float(rows[key][valid].mean())
                own = rows[key][valid] - at
            else:
                raise UsageError(f"{what}: `{atom}` cannot be measured on units.")
            values_at[key] = np.array([at])
            psi[key] = own
        line = linearise(node, values_at)
        reason = line.reason[0] or line.no_slope[0]
        if reason is not None:
            raise DataError(f"{what}: {reason}.")
        value = float(line.value[0])
        for atom in parts:
            if isinstance(atom, Size) and abs(float(line.gradient[atom.key()][0])) * n > 1e-9 * max(abs(value), 1e-300):
                raise UsageError(f"{what}: a total grows with the number of units; write the mean per unit: mean(...).")
        influence = np.zeros(len(valid))
        for key, own in psi.items():
            influence[valid] += float(line.gradient[key][0]) * own
        single = rows[parts[0].key()][valid] if len(parts) == 1 and isinstance(node, Mean) else None
        is_share = single is not None and bool(np.isin(single, (0.0, 1.0)).all())
        return value, influence, valid, is_share

    def _column(self, name: str, texts: frozenset[str], metric: ExperimentMetric, what: str) -> NDArray[Any]:
        """A column as a metric reads it: capped, and 0 where missing if the metric says so."""
        if name in texts:
            return self.texts[name]
        if name in self.unreadable:
            raise DataError(
                f"{what}: the column '{name}' holds '{self.unreadable[name]:.40}', which is no number; clean it, or "
                f"compare it with a text in quotes."
            )
        values = self.numbers[name]
        if metric.winsorize is not None:
            values = np.where(values > metric.winsorize, metric.winsorize, values)
        return np.where(np.isnan(values), 0.0, values) if metric.missing == "zero" else values

    def _left_by_covariates(
        self, metric: ExperimentMetric, total: Floats, valid: NDArray[np.bool_], what: str
    ) -> float:
        """1 - R squared of units' influences on those of the covariates, a missing one at its mean and flagged."""
        if not metric.covariates:
            return 1.0
        design: list[Floats] = []
        for formula in metric.covariates:
            node = metric_formula(formula, what=f"{what}, covariate '{formula}'")
            plain = ExperimentMetric(name=formula, formula=formula)
            _, influence, known, _ = self._influence(node, frozenset(), plain, f"{what}, covariate '{formula}'")
            design.append(self._by_unit(influence, valid))
            missing = (~known).astype(np.float64)
            if missing[valid].any():
                design.append(self._by_unit(np.where(valid, missing - missing[valid].mean(), 0.0), valid))
        x = np.column_stack([one - one.mean() for one in design])
        centred = total - total.mean()
        solved, *_ = np.linalg.lstsq(x, centred, rcond=None)
        left = centred - x @ solved
        lost = (len(total) - 1) / max(len(total) - 1 - x.shape[1], 1)
        return float(min(1.0, lost * float(left @ left) / float(centred @ centred)))

    def _by_unit(self, influence: Floats, valid: NDArray[np.bool_]) -> Floats:
        """Totals of each unit that has a valid row, scaled so that their mean is that of the rows."""
        if self.units is None:
            return influence[valid]
        present, own = np.unique(self.units[valid], return_inverse=True)
        rows = int(valid.sum())
        if len(present) == rows:
            return influence[valid]
        summed = np.bincount(own, weights=influence[valid], minlength=len(present))
        return np.asarray(summed * (len(present) / rows))


def read_history(
    table: Any, metrics: Sequence[ExperimentMetric], *, unit: str | None = None, name: str = "history"
) -> History:
    """Read what `metrics` need of a table, in one pass; `unit` is the column of what is randomised, else one with a
    usual name for it, if there is any.

    Raises `UsageError` and `DataError` for a table that cannot be read; a metric it cannot give says so when asked for.
    """
    source, inner = open_source(table, name=name)
    if inner is not None:
        raise UsageError(f"A history is a whole table; leave out '#{inner}'.")
    known: dict[str, Reads] = {}
    refused: dict[str, UsageError] = {}
    for metric in metrics:
        plain = metric.model_copy(update={"where": None})
        try:
            known[metric.name] = reads(plain, known=source.columns, before=source.columns, rows=source.columns)
        except UsageError as error:
            refused[metric.name] = error
    texts = {name for one in known.values() for name in one.texts}
    numbers = {name for one in known.values() for name in (*one.columns, *one.covariates) if name not in one.texts}
    named = unit if unit is not None and source.find(unit) is not None else find_column(source, "unit", None)
    place = None if named is None else source.find(named)
    return _read(source, tuple(sorted(numbers)), tuple(sorted(texts)), place, known, refused)


def _read(
    source: Source,
    numbers: tuple[str, ...],
    texts: tuple[str, ...],
    unit: int | None,
    known: Mapping[str, Reads],
    refused: Mapping[str, UsageError],
) -> History:
    wanted: dict[str, str] = {}
    for name in numbers:
        place = source.places[name]
        value, bad = number_sql(f"c{place}", source.kinds[place])
        wanted |= {f"v{place}": value, f"b{place}": f"CAST({bad} AS TINYINT)"}
    for place in {*(source.places[name] for name in (*texts, *numbers))}:
        if source.columns[place] in texts or not wanted.get(f"b{place}", "0").startswith("CAST(0 "):
            wanted[f"t{place}"] = text_sql(f"c{place}", source.kinds[place])
    if unit is not None:
        wanted["u"] = f"CAST({unit_sql(f'c{unit}', source.kinds[unit])} AS VARCHAR)"
    if not wanted:
        wanted["nothing"] = "1"
    places = sorted({*(source.places[name] for name in (*numbers, *texts)), *(() if unit is None else (unit,))})
    with DuckDBEngine() as engine:
        try:
            found = engine.query(
                f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in wanted.items())} "
                f"FROM {source.scan(engine, places)} AS s"
            )
        except duckdb.Error as error:
            raise source.fails(error) from None
    unreadable = {}
    for name in numbers:
        place = source.places[name]
        bad = np.asarray(found[f"b{place}"]) == 1
        words = found.get(f"t{place}")
        if words is not None and bad.any():
            word = next((str(one) for one in words[bad] if one is not None and not _not_finite(str(one))), None)
            if word is not None:
                unreadable[name] = word
    units = None
    if unit is not None:
        units = np.unique(np.array([str(one) for one in found["u"]]), return_inverse=True)[1].astype(np.intp)
    return History(
        name=source.name,
        numbers={name: _floats(found[f"v{source.places[name]}"]) for name in numbers},
        texts={name: _texts(found[f"t{source.places[name]}"]) for name in texts},
        unreadable=unreadable,
        reads=known,
        refused=refused,
        columns=source.columns,
        units=units,
    )


def _floats(column: NDArray[Any]) -> Floats:
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)


def _texts(column: NDArray[Any]) -> NDArray[Any]:
    return np.array([None if one is None or one is np.ma.masked else str(one) for one in column], dtype=object)


def _not_finite(word: str) -> bool:
    """Whether a word is a number that is none: `NaN`, `inf`; those rows lack the metric."""
    try:
        return not np.isfinite(float(word))
    except ValueError:
        return False
