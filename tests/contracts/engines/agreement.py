"""What every engine has to agree on with DuckDB, and how far."""

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.testing import assert_array_equal

import seatrial as st
from seatrial.experiments.measure import measure
from seatrial.experiments.table import Grouping, UnitTable
from seatrial.experiments.units import units_from_events

from .experiment import AS_OF, COLUMNS, PLAN

GROUPINGS: Sequence[Grouping] = ((), ("country",), ("tier", "country"))
NEAR = 1e-9
"""Standard errors."""


class Ran:
    """An analysis on one engine: its readout, and the unit table it was made of."""

    def __init__(self, exposures: Any, events: Any, pre: Any) -> None:
        made: list[UnitTable] = []

        def units(*tables: Any, **options: Any) -> UnitTable:
            made.append(units_from_events(*tables, **options))
            return made[-1]

        with patch("seatrial.actions.analyze.units_from_events", units):
            found = st.analyze(exposures, events, pre=pre, plan=PLAN, columns=COLUMNS, as_of=AS_OF)
        self.readout = found.readout
        self.units = made[0]

    @property
    def measured(self) -> dict[str, Any]:
        return measure(self.units, self.readout_metrics, GROUPINGS)

    @property
    def readout_metrics(self) -> Any:
        from seatrial.experiments.plan_file import parse_plan

        return parse_plan(PLAN).metrics


def same_verdict(one: Ran, other: Ran) -> None:
    assert one.readout.verdict.status == other.readout.verdict.status
    assert one.readout.verdict.sentence == other.readout.verdict.sentence
    assert [check.status for check in one.readout.verdict.checks] == [
        check.status for check in other.readout.verdict.checks
    ]


def same_health(one: Ran, other: Ran) -> None:
    assert one.readout.health == other.readout.health
    assert one.units.counts == other.units.counts


def same_effects(one: Ran, other: Ran) -> None:
    """Differences and limits within 1e-9 standard errors, for every metric, adjustment, segment and day."""
    assert len(one.readout.effects) == len(other.readout.effects) > 20
    for a, b in zip(one.readout.effects, other.readout.effects, strict=True):
        assert (a.metric, a.slice, a.adjustment, a.n, a.word) == (b.metric, b.slice, b.adjustment, b.n, b.word)
        if a.difference is None:
            assert a.reason == b.reason
            continue
        error = a.standard_error
        assert error is not None
        assert error > 0
        for name in ("difference", "low", "high", "standard_error"):
            assert abs(getattr(a, name) - getattr(b, name)) <= NEAR * error, (a.metric, a.slice, name)
    for what in ("sequences", "trends", "beliefs", "segment_tests"):
        assert len(getattr(one.readout, what)) > 0, what
    alike(readable(one), readable(other), "readout")


def readable(ran: Ran) -> dict[str, Any]:
    """Everything in a readout but the names and digests of its inputs."""
    dumped = ran.readout.model_dump()
    for source in dumped["provenance"]["sources"]:
        source.pop("name")
        source.pop("sha256")
    return dumped


def alike(a: Any, b: Any, where: str) -> None:
    """The same words and whole numbers, and reals that agree in nine digits."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            alike(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for at, (x, y) in enumerate(zip(a, b, strict=True)):
            alike(x, y, f"{where}[{at}]")
    elif isinstance(a, float) and isinstance(b, float):
        assert np.isclose(a, b, rtol=1e-9, atol=1e-12), f"{where}: {a} and {b}"
    else:
        assert a == b, f"{where}: {a} and {b}"


def same_moments(one: dict[str, Any], other: dict[str, Any]) -> None:
    """n, value, variance and covariances of every metric in every arm, phase and slice, to the last bit.

    A logarithm is the engine's own, and may differ in its last bit.
    """
    for name, measured in one.items():
        for grouping, means in measured.by.items():
            found = other[name].by[grouping]
            assert means.reasons == found.reasons
            assert_array_equal(means.n, found.n)
            for part in ("value", "variance", "covariates", "with_covariates", "between_covariates"):
                a, b = getattr(means, part), getattr(found, part)
                if name == "log_revenue":
                    np.testing.assert_allclose(a, b, rtol=1e-13)
                else:
                    assert_array_equal(a, b, err_msg=f"{name} by {grouping}: {part}")


def same_units(one: UnitTable, other: UnitTable) -> None:
    """Every unit's arm, phase, day, segments and values, to the last bit."""
    assert (one.arms, one.phases, one.segments, dict(one.columns)) == (
        other.arms,
        other.phases,
        other.segments,
        dict(other.columns),
    )
    assert (one.first_day, one.as_of, one.days) == (other.first_day, other.as_of, other.days)
    a, b = rows(one), rows(other)
    assert a.keys() == b.keys()
    for name in a:
        assert_array_equal(a[name], b[name], err_msg=name)


def rows(table: UnitTable) -> dict[str, Any]:
    """The unit table, by the units' names."""
    names = ["unit", "arm", "phase", "day", *(f"s{at}" for at in range(len(table.segments)))]
    names += list(dict.fromkeys(table.columns.values()))
    found = table.engine.query(f"SELECT {', '.join(names)} FROM {table.table}")
    order = np.argsort(np.asarray(found["unit"], dtype=str))
    return {name: np.asarray(values)[order] for name, values in found.items()}
