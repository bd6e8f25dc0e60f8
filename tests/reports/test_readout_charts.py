"""Charts of a readout: the lines a reader needs are there, limits are cut rather than hiding the rest."""

import json
from types import ModuleType
from typing import Any

import pytest

from seatrial.records import Look
from seatrial.reports import forest, over_time
from seatrial.reports.compose import compose
from seatrial.reports.document import Document, Figure, Limits


def figures(document: Document) -> dict[str, Figure]:
    return {block.id: block for section in document.sections for block in section.blocks if isinstance(block, Figure)}


def values(spec: Any, field: str) -> list[Any]:
    """Every value of a field in the data of a chart."""
    if isinstance(spec, dict):
        own = [spec[field]] if field in spec and not isinstance(spec[field], dict | list) else []
        return own + [found for inner in spec.values() for found in values(inner, field)]
    return [found for inner in spec for found in values(inner, field)] if isinstance(spec, list) else []


def test_the_interval_plot_has_margin_and_the_smallest_effect_wanted(readouts: ModuleType) -> None:
    made = figures(compose(readouts.passing(), limits=Limits()))["forest-own-1"]
    data = made.spec["data"]["values"]
    assert [row["label"] for row in data] == ["revenue_per_user, raw", "revenue_per_user, CUPED", "conversion",
                                              "latency_p95", "sessions"]  # fmt: skip
    assert [row.get("minimum") for row in data] == [pytest.approx(3.0), pytest.approx(3.0), None, None, None]
    assert data[0]["margin"] == pytest.approx(2.0)
    assert data[2]["margin"] == pytest.approx(100 * 0.005 / 0.10212)
    assert data[3]["value"] == pytest.approx(-100 * 2.5 / 131.4)
    assert forest.MINIMUM in made.caption
    assert "conversion: +0.002 [-0.002, +0.006], cannot tell" in made.alternative


def test_without_a_plan_there_is_no_smallest_effect(readouts: ModuleType) -> None:
    made = figures(compose(readouts.unplanned(), limits=Limits()))["forest-own-1"]
    assert values(made.spec, "minimum") == []
    assert forest.MINIMUM not in made.caption


def test_an_effect_wider_than_its_control_stands_alone(readouts: ModuleType) -> None:
    wide = readouts.effect("profit", 0.4, 1.9, 2.2, margin=0.1)
    usual = readouts.effect("sessions", 3.1, 3.2, 0.1)
    panels = forest.panels([("profit", wide), ("sessions", usual)], of_control=True)
    assert [(panel.title, panel.unit) for panel in panels] == [
        ("Difference of profit", ""),
        ("Differences in % of the control's value", "%"),
    ]
    assert panels[0].effects[0].margin == pytest.approx(0.1 * 0.4)  # fmt: skip


def test_the_sequence_shows_both_bands_and_the_decision(readouts: ModuleType) -> None:
    made = figures(compose(readouts.passing(), limits=Limits()))
    names = set(values(made["sequence-1"].spec, "what"))
    assert names == {"difference", "limits that hold on every day", "limits if this were the only look",
                     "smallest effect the plan wants to find"}  # fmt: skip
    assert "decided on 2026-03-14" in values(made["sequence-1"].spec, "said")
    guardrail = made["sequence-2"].spec
    assert "margin" in set(values(guardrail, "what"))
    assert not any(str(said).startswith("decided") for said in values(guardrail, "said"))
    assert "2026-03-14: " in made["sequence-1"].alternative


def test_planned_looks_are_bars(readouts: ModuleType) -> None:
    made = figures(compose(readouts.looks_of_a_group(), limits=Limits()))["sequence-1"]
    assert values(made.spec, "what").count("limits at the planned looks") == 2 * 4
    assert made.caption.startswith("More is better. Bars:")


def test_an_early_band_does_not_hide_the_late_one(readouts: ModuleType) -> None:
    looks = readouts.looks(400, difference=0.46, error=0.149)
    bottom, top = over_time.reach(looks)
    later = max(abs(value) for look in looks[133:] for value in (look.low, look.high))
    assert max(-bottom, top) < 3.5 * later
    assert over_time.is_cut(looks)
    assert not over_time.is_cut(looks[200:])


def test_the_day_of_decision_is_kept_however_few_are_drawn(readouts: ModuleType) -> None:
    looks = readouts.looks(100, difference=0.46, error=0.149)
    few = over_time.kept(looks, 5, always=looks[37].day)
    assert len(few) == 6
    assert {looks[0], looks[37], looks[-1]} <= set(few)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_looks_draw(readouts: ModuleType, count: int) -> None:
    one = readouts.sequences()[0]
    spec = over_time.sequence(one.model_copy(update={"looks": one.looks[:count]}), looks=120)
    json.dumps(spec, allow_nan=False)


def test_looks_without_a_number_leave_a_gap() -> None:
    looks = tuple(
        Look(day=f"day {day}", units=10, difference=None if day == 2 else 0.1 * day, fixed_low=-1.0, fixed_high=1.0)
        for day in range(5)
    )
    assert over_time.reach(looks)[0] < -1.0
    runs = list(over_time._runs("x", [(place, look.difference) for place, look in enumerate(looks)]))
    assert [[x for x, _ in points] for _, points in runs] == [[0.0, 1.0], [3.0, 4.0]]
