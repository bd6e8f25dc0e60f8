"""Contrasts that are looked at more than once: wrappers that widen an inner contrast, so that decisions need not know.

Each keeps the contract of `Contrast`: the p-value is below alpha exactly when the tested value is outside the interval
at that alpha. `not_ready` holds, per slice, why the sequence may not be read yet (a burn-in not reached), or None; such
a slice has no interval and no p. The standard error stays that of the inner contrast.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.confidence_sequences import sequence_boundary, sequence_log_e_value, sequence_p_value
from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.distributions import normal_two_sided
from seatrial.stats.group_sequential import Family, RepeatedTest, boundaries, repeated_test, stagewise

ANYTIME = "anytime-valid (asymptotic confidence sequence)"
GROUP_SEQUENTIAL = "group-sequential"
HYBRID = "hybrid: harm anytime-valid (asymptotic confidence sequence)"
NO_ERROR = "no standard error, so nothing can be monitored"
NO_CLOCK = "it is not known how much information was planned, so nothing can be monitored"
SPENDING_NAMES = {
    "obrien-fleming": "O'Brien-Fleming spending",
    "pocock": "Pocock spending",
    "kim-demets": "Kim-DeMets spending",
    "hwang-shih-decani": "Hwang-Shih-DeCani spending",
}


@dataclass(frozen=True, kw_only=True)
class Anytime:
    """difference +- z se with z the boundary of a confidence sequence: valid at every look, also the worst one.

    `fraction` (S,) is the information so far over that planned, I/I*; `tuned_for` the plan's alpha, which keeps the
    tuning when a family changes the level. The centre and standard error are the inner contrast's.
    """

    inner: Contrast
    fraction: Floats
    tuned_for: float = 0.05
    higher_is_better: bool = True
    not_ready: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fraction", _per_slice(self.inner, self.fraction))

    @property
    def difference(self) -> Floats:
        return self.inner.difference

    @cached_property
    def standard_error(self) -> Floats:
        return self.inner.standard_error

    @cached_property
    def reasons(self) -> tuple[str | None, ...]:
        return _reasons(self.inner, self.standard_error, self.fraction, self.not_ready)

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(f"{ANYTIME}, {name}" for name in self.inner.methods)

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        half = self._error() * sequence_boundary(self.fraction, alpha=alpha, tuned_for=self.tuned_for)
        return self.difference - half, self.difference + half

    def p_value(self, null: float = 0.0) -> Floats:
        return sequence_p_value(self._z(null), self.fraction, tuned_for=self.tuned_for)

    def log_e_value(self, null: float = 0.0) -> Floats:
        """Log of the evidence at this look against `difference == null`, (S,), as e-BH takes it; -log p where p < 1."""
        return sequence_log_e_value(self._z(null), self.fraction, tuned_for=self.tuned_for)

    def harm_limit(self, alpha: float) -> Floats:
        """The one-sided limit towards good, at level alpha: the difference is surely no better than this, (S,)."""
        bound = sequence_boundary(self.fraction, alpha=alpha, tuned_for=self.tuned_for, one_sided=True)
        return np.asarray(self.difference + _good(self.higher_is_better) * self._error() * bound)

    def harm_p_value(self, null: float = 0.0) -> Floats:
        """One-sided p of "no worse than `null`", (S,): below alpha exactly when `harm_limit(alpha)` is worse."""
        z = -_good(self.higher_is_better) * self._z(null)
        return sequence_p_value(z, self.fraction, tuned_for=self.tuned_for, one_sided=True)

    def against(self, factor: float) -> "Anytime":
        """Candidate - factor * baseline, on its own clock: its information over the same planned information."""
        other = self.inner.against(factor)
        return replace(self, inner=other, fraction=_reclocked(self.fraction, self.standard_error, other.standard_error))

    def at(self, index: int) -> "Anytime":
        """The same contrast on one slice only (S = 1)."""
        one = _one(index)
        return replace(self, inner=self.inner.at(index), fraction=self.fraction[one], not_ready=self.not_ready[one])

    def _error(self) -> Floats:
        return np.where(_ready(self.reasons), self.standard_error, np.nan)

    def _z(self, null: float) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.difference - null) / self._error())


@dataclass(frozen=True, kw_only=True)
class GroupSequential:
    """Repeated intervals at planned looks: the inner contrast at the nominal level of the boundary of this look.

    `fractions` are the looks so far on the information clock, the last one now; `final` says that none will follow.
    By nominal levels (Jennison and Turnbull 2000, section 3.3) the inner method's small-sample form is kept: Student's
    t, score tests, exact ones. At the only look of a plan it is the inner contrast itself.
    """

    inner: Contrast
    fractions: tuple[float, ...]
    family: Family = "obrien-fleming"
    parameter: float | None = None
    final: bool = False
    not_ready: tuple[str | None, ...] = ()

    @property
    def difference(self) -> Floats:
        return self.inner.difference

    @cached_property
    def standard_error(self) -> Floats:
        return self.inner.standard_error

    @cached_property
    def reasons(self) -> tuple[str | None, ...]:
        return _merged(self.inner.reasons, self.not_ready)

    @property
    def methods(self) -> tuple[str, ...]:
        look = f"look {len(self.fractions)}, {SPENDING_NAMES[self.family]}"
        return tuple(f"{GROUP_SEQUENTIAL} ({look}), {name}" for name in self.inner.methods)

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        ready = _ready(self.reasons)
        nominal = float(normal_two_sided(self._test().critical(alpha)))
        if nominal == 0.0:
            known = ready & ~np.isnan(self.difference)
            return np.where(known, -np.inf, np.nan), np.where(known, np.inf, np.nan)
        low, high = self.inner.interval(nominal)
        return np.where(ready, low, np.nan), np.where(ready, high, np.nan)

    def p_value(self, null: float = 0.0) -> Floats:
        z = -special.ndtri(self.inner.p_value(null) / 2)
        return np.where(_ready(self.reasons), self._test().p_value(z), np.nan)

    def stopped(self, *, alpha: float = 0.05, used: Floats | None = None) -> tuple[Floats, Floats, Floats, Floats]:
        """After stopping at this look: median-unbiased difference, its limits at 1 - alpha, and p, each (S,).

        By stage-wise ordering; `used` (K,) if other boundaries were used than those of the family at `alpha`.
        """
        if used is None:
            used = boundaries(
                self.fractions, alpha=alpha, family=self.family, parameter=self.parameter, final=self.final
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            zs = self.difference / self.standard_error
        scale = self.standard_error * np.sqrt(self.fractions[-1])
        found = np.full((4, zs.size), np.nan)
        for s in np.flatnonzero(_ready(self.reasons) & np.isfinite(zs)).tolist():
            one = stagewise(float(zs[s]), self.fractions, used, alpha=alpha)
            found[:, s] = one.drift * scale[s], one.low * scale[s], one.high * scale[s], one.p
        return found[0], found[1], found[2], found[3]

    def against(self, factor: float) -> "GroupSequential":
        """Candidate - factor * baseline at the same looks: information grows with the units alike."""
        return replace(self, inner=self.inner.against(factor))

    def at(self, index: int) -> "GroupSequential":
        """The same contrast on one slice only (S = 1)."""
        return replace(self, inner=self.inner.at(index), not_ready=self.not_ready[_one(index)])

    def _test(self) -> RepeatedTest:
        return repeated_test(self.fractions, family=self.family, parameter=self.parameter, final=self.final)


@dataclass(frozen=True, kw_only=True)
class Hybrid:
    """Harm may stop the experiment on any day, benefit is read once, at the planned end: alpha/2 for each.

    The limit towards good (the upper one where higher is better) is that of a one-sided confidence sequence; the limit
    towards bad is the inner contrast's own at the end, and infinite before. With `higher_is_better` the interval below
    0 means harm, shown at any time; above 0 benefit, shown once `finished`.
    """

    inner: Contrast
    fraction: Floats
    finished: bool
    tuned_for: float = 0.05
    higher_is_better: bool = True
    not_ready: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fraction", _per_slice(self.inner, self.fraction))

    @property
    def difference(self) -> Floats:
        return self.inner.difference

    @cached_property
    def standard_error(self) -> Floats:
        return self.inner.standard_error

    @cached_property
    def reasons(self) -> tuple[str | None, ...]:
        return _reasons(self.inner, self.standard_error, self.fraction, self.not_ready)

    @property
    def methods(self) -> tuple[str, ...]:
        benefit = "benefit at the planned end" if self.finished else "benefit only at the planned end"
        return tuple(f"{HYBRID}, {benefit}, {name}" for name in self.inner.methods)

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        sign = _good(self.higher_is_better)
        harm = self._harm().harm_limit(alpha / 2)
        known = ~np.isnan(harm)
        if self.finished:
            benefit = self.inner.interval(alpha)[0 if self.higher_is_better else 1]
        else:
            benefit = np.full_like(harm, -sign * np.inf)
        benefit = np.where(known, benefit, np.nan)
        return (benefit, harm) if self.higher_is_better else (harm, benefit)

    def p_value(self, null: float = 0.0) -> Floats:
        """Twice the smaller of the two one-sided p-values, at most 1."""
        harm = self._harm().harm_p_value(null)
        if not self.finished:
            return np.minimum(2 * harm, 1.0)
        better = _good(self.higher_is_better) * (self.difference - null) > 0
        benefit = np.where(better, self.inner.p_value(null), 1.0)
        return np.where(np.isnan(harm), np.nan, np.minimum(2 * harm, benefit))

    def against(self, factor: float) -> "Hybrid":
        """Candidate - factor * baseline: the same direction is good, and each side keeps its own error.

        A margin m is passed where this contrast with factor 1 - m lies above 0 (lower is better: 1 + m, below 0), which
        is a benefit and waits for the end; it is failed on the other side, which is harm and may be seen at any time.
        """
        other = self.inner.against(factor)
        return replace(self, inner=other, fraction=_reclocked(self.fraction, self.standard_error, other.standard_error))

    def at(self, index: int) -> "Hybrid":
        """The same contrast on one slice only (S = 1)."""
        return replace(
            self,
            inner=self.inner.at(index),
            fraction=self.fraction[_one(index)],
            not_ready=self.not_ready[_one(index)],
        )

    def _harm(self) -> Anytime:
        return Anytime(
            inner=self.inner,
            fraction=self.fraction,
            tuned_for=self.tuned_for,
            higher_is_better=self.higher_is_better,
            not_ready=self.not_ready,
        )


def _good(higher_is_better: bool) -> float:
    return 1.0 if higher_is_better else -1.0


def _per_slice(inner: Contrast, fraction: Floats) -> Floats:
    shape = np.shape(inner.difference)
    try:
        return np.broadcast_to(np.asarray(fraction, dtype=np.float64), shape)
    except ValueError:
        raise UsageError(f"Give one information fraction per slice: {shape}, got {np.shape(fraction)}.") from None


def _reclocked(fraction: Floats, error: Floats, other_error: Floats) -> Floats:
    """I/I* of another contrast of the same data: its own I; I*, a tuning, may stay (any fixed one is valid)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(fraction * (error / other_error) ** 2)


def _reasons(
    inner: Contrast, error: Floats, fraction: Floats, not_ready: tuple[str | None, ...]
) -> tuple[str | None, ...]:
    """Those of the inner contrast, those given, and one where the standard error is unknown or 0, or the clock is."""
    merged = _merged(inner.reasons, not_ready)
    flat, timeless = ~(error > 0), np.isnan(fraction)
    return tuple(
        reason or (NO_ERROR if none else NO_CLOCK if lost else None)
        for reason, none, lost in zip(merged, flat.tolist(), timeless.tolist(), strict=True)
    )


def _merged(reasons: tuple[str | None, ...], not_ready: tuple[str | None, ...]) -> tuple[str | None, ...]:
    if not not_ready:
        return reasons
    if len(not_ready) != len(reasons):
        raise UsageError(f"Give `not_ready` for each of the {len(reasons)} slices, or not at all.")
    return tuple(one or two for one, two in zip(reasons, not_ready, strict=True))


def _ready(reasons: tuple[str | None, ...]) -> NDArray[np.bool_]:
    return np.fromiter((reason is None for reason in reasons), dtype=np.bool_, count=len(reasons))


def _one(index: int) -> slice:
    return slice(index, index + 1) if index != -1 else slice(-1, None)
