"""Which share of the units each arm should hold in each allocation phase."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seatrial.errors import UsageError, did_you_mean
from seatrial.records.plan import Plan
from seatrial.stats.contrasts import Floats

NEAR_EQUAL = 0.05
"""Without planned shares, arms that all lie within this of equal ones are taken to have been meant equal."""
Basis = Literal["planned", "given", "near equal", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Weights (P, A) and where they come from.

    `near equal`: nobody said, and the split is so close to equal that equal was meant. `unknown`: nobody said, and it
    is
    not; the weights are then equal ones, to be named as an assumption.
    """

    weights: Floats
    basis: Basis

    @property
    def known(self) -> bool:
        """Whether somebody said the shares."""
        return self.basis in ("planned", "given")


def allocation(
    units: Floats,
    arms: Sequence[str],
    phases: Sequence[str],
    *,
    plan: Plan | None = None,
    weights: Mapping[str, float] | None = None,
) -> Allocation:
    """Find the planned weights of the arms in each phase; `units` (A, P) tell whether equal ones can be assumed.

    `weights` (arm to weight, all phases alike) goes before the plan's. A phase of the table takes the weights of the
    plan's
    phase of that name, else of the plan's last phase that starts no later, else the arms' own weights.

    >>> allocation(np.array([[700.0], [300.0]]), ["A", "B"], [""]).basis
    'unknown'
    """
    if weights is not None:
        return Allocation(weights=np.tile(_given(weights, arms), (len(phases), 1)), basis="given")
    if plan is not None:
        return Allocation(
            weights=np.array([_planned(plan, name, arms, len(phases)) for name in phases]), basis="planned"
        )
    equal = np.full((len(phases), len(arms)), 1.0 / len(arms))
    whole = units.sum()
    near = whole > 0 and bool((np.abs(units.sum(axis=1) * len(arms) / whole - 1) < NEAR_EQUAL).all())
    return Allocation(weights=equal, basis="near equal" if near else "unknown")


def _given(weights: Mapping[str, float], arms: Sequence[str]) -> list[float]:
    for name in weights:
        if name not in arms:
            raise UsageError(f"weights: '{name}' is no arm of the data.{did_you_mean(name, arms)}")
    return [float(weights.get(arm, 0.0)) for arm in arms]


def _planned(plan: Plan, phase: str, arms: Sequence[str], phases: int) -> list[float]:
    own = {arm.name: arm.weight for arm in plan.arms}
    named = next((one.weights for one in plan.phases if one.start == phase), None)
    if named is None and plan.phases and phases > 1:
        before = [one for one in plan.phases if one.start <= phase]
        named = max(before, key=lambda one: one.start).weights if before else None
    if named is None and len(plan.phases) == 1:
        named = plan.phases[0].weights
    chosen = own if named is None else named
    found = [float(chosen.get(arm, 0.0)) for arm in arms]
    return found if any(found) else [float(own.get(arm, 0.0)) for arm in arms]
