"""The simulations read experiments as `read_out` does, one at a time, on every day."""

import dataclasses

import numpy as np
import pytest
from tests.experiments.by_hand import ask, observe, readout
from tests.validity.experiment_decision import RULES, Day, claims, normals, rates, the_plan

from seatrial.experiments.table import Daily
from seatrial.stats.arms import ArmMeans

MANY, DAYS = 8, 6


def one_of(arms: ArmMeans, s: int) -> ArmMeans:
    return arms.at(s)


def joined(parts: list[ArmMeans]) -> ArmMeans:
    """The same arms on several days, one slice a day."""
    made = {}
    for field in dataclasses.fields(ArmMeans):
        values = [getattr(part, field.name) for part in parts]
        made[field.name] = np.concatenate(values, axis=2) if isinstance(values[0], np.ndarray) else values[0]
    return ArmMeans(**made)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", ["means", "rates"])
def test_a_claim_is_made_where_a_readout_makes_it(rule: str, kind: str) -> None:
    rng = np.random.default_rng(4)
    plan = the_plan(rule, guardrails=1, days=DAYS)
    gain = 0.35 if rule == "anytime" else 0.2
    if kind == "rates":
        plan = plan.model_copy(update={"minimum_effect": 0.1})
        first = list(rates(rng, MANY, (90, 90), base=0.3, gain=gain, days=DAYS))
    else:
        first = list(normals(rng, MANY, (160, 160), gain=gain, days=DAYS))
    units = 1200 if rule == "anytime" else 160  # its guardrail has to pass at every look's width
    second = list(normals(rng, MANY, (units, units), gain=-0.02, days=DAYS))
    ever, failed, _ = claims(plan, [("y", iter(first), 0.1, True), ("g0", iter(second), 0.1, False)], MANY)
    for s in range(MANY):
        seen = set()
        for day in range(1, DAYS + 1):
            held = {name: [one_of(one.arms, s) for one in days[:day]] for name, days in (("y", first), ("g0", second))}
            labels = tuple(f"2026-03-{k + 1:02d}" for k in range(day))
            daily = {name: Daily(name=name, days=labels, means=joined(parts)) for name, parts in held.items()}
            observed = observe({name: parts[-1] for name, parts in held.items()}, daily=daily, days=float(day))
            verdict = readout(observed, ask(plan)).verdict
            seen.add(verdict.status)
            lost = [one for one in verdict.checks if one.worse or (one.role, one.status) == ("guardrail", "fail")]
            seen |= {"harm"} if lost else set()
        assert ("pass" in seen, "harm" in seen) == (bool(ever[s]), bool(failed[s])), (s, seen)
    assert (ever | failed).sum() > 0


def test_days_are_those_of_the_streams() -> None:
    found: list[Day] = list(normals(np.random.default_rng(0), 3, (10, 20), days=4))
    assert [one.number for one in found] == [1, 2, 3, 4]
    assert found[-1].arms.n[:, 0, 0].tolist() == [40, 80]
