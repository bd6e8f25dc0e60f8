"""Charts: what is drawn, how much of it, and in the colours of the page."""

import re

import pytest

from seatrial.records import Curve, Effect, Estimate, Scorecard
from seatrial.reports import charts, forest, svg


def effect(metric: str, difference: float, half: float, **more: object) -> Effect:
    given = {
        "baseline": "a", "candidate": "b", "metric": metric, "n": 100, "difference": difference, "baseline_value": 0.8,
        "candidate_value": 0.8 + difference, "low": difference - half, "high": difference + half, "word": "cannot tell",
        "margin": 0.01,
    }  # fmt: skip
    return Effect.model_validate({**given, **more})


def labelled(*effects: Effect) -> list[tuple[str, Effect]]:
    return [(one.metric, one) for one in effects]


def test_right_is_better_whichever_way_a_metric_counts() -> None:
    (panel,) = forest.panels(
        labelled(effect("recall", 0.02, 0.01), effect("errors", -0.02, 0.01, higher_is_better=False))
    )
    up, down = panel.effects
    assert (up.value, up.low, up.high) == pytest.approx((0.02, 0.01, 0.03))
    assert (down.value, down.low, down.high) == pytest.approx((0.02, 0.01, 0.03))


def test_relative_margins_share_a_percent_axis() -> None:
    loss = effect("log_loss", -0.04, 0.01, margin=0.02, margin_is_relative=True, higher_is_better=False)
    slow = effect(
        "latency", 4.0, 1.0, scale="ms", baseline_value=8.0, candidate_value=12.0, margin=2.0, higher_is_better=False
    )
    (panel,) = forest.panels(labelled(loss, slow))
    assert panel.unit == "%"
    assert panel.effects[0].value == pytest.approx(5.0)
    assert panel.effects[0].margin == pytest.approx(2.0)
    assert panel.effects[1].value == pytest.approx(-50.0)
    assert panel.effects[1].margin == pytest.approx(25.0)


def test_what_cannot_share_an_axis_stands_alone_and_no_result_is_not_drawn() -> None:
    profit = effect("profit", 100.0, 20.0, baseline_value=900.0, candidate_value=1000.0, margin=None)
    nothing = Effect(baseline="a", candidate="b", metric="auc", n=3, reason="one class only")
    titles = [panel.title for panel in forest.panels(labelled(effect("recall", 0.0, 0.1), profit, nothing))]
    assert titles == ["Differences of metrics between 0 and 1", "Difference of profit"]


def test_one_wild_bar_does_not_flatten_the_others() -> None:
    usual = [effect(f"m{place}", 0.01, 0.01) for place in range(9)]
    (panel,) = forest.panels(labelled(*usual, effect("wild", 0.15, 0.1)))
    assert forest.is_clipped(panel)
    spec = forest.chart(panel, rows=40, left=100)
    wild = spec["data"]["values"][-1]
    assert wild["over"]
    assert wild["high"] < 0.15


def test_a_forest_has_zero_margins_and_at_most_its_rows() -> None:
    (panel,) = forest.panels(labelled(*(effect(f"m{place}", 0.01, 0.02) for place in range(100))))
    spec = forest.chart(panel, rows=40, left=100)
    assert len(spec["data"]["values"]) == 40
    drawn = svg.render(spec, identity="x", title="t", description="d")
    assert drawn.count("m-band") + drawn.count("f-band") == 40
    assert len(drawn) < 60_000


def test_an_effect_of_exactly_zero_can_be_drawn() -> None:
    same = effect("recall", 0.0, 0.0, margin=None)
    (panel,) = forest.panels(labelled(same))
    assert "<svg" in svg.render(forest.chart(panel, rows=5, left=60), identity="x", title="t", description="d")


def test_long_curves_are_thinned_with_both_ends() -> None:
    many = tuple(place / 10_000 for place in range(10_001))
    spec = charts.curve([Curve(model="a", kind="roc", x=many, y=many)], points=200)
    points = spec["data"]["values"]
    assert 190 <= len(points) <= 200
    assert (points[0]["x"], points[-1]["x"]) == (0.0, 1.0)


def test_a_steep_curve_keeps_its_corner() -> None:
    x = (*[0.0] * 500, *(place / 500 for place in range(501)))
    y = (*(place / 500 for place in range(500)), *[1.0] * 501)
    spec = charts.curve([Curve(model="a", kind="roc", x=x, y=y)], points=50)
    assert min(abs(one["x"]) + abs(1 - one["y"]) for one in spec["data"]["values"]) < 0.05


def test_two_versions_of_one_name_are_told_apart() -> None:
    line = {"x": (0.0, 1.0), "y": (0.0, 1.0)}
    spec = charts.curve(
        [Curve(model="a\u200b", kind="roc", **line), Curve(model="a\u200b", kind="roc", **line)], points=9
    )
    assert len({one["name"] for one in spec["data"]["values"]}) == 2


def test_colour_never_speaks_alone() -> None:
    line = {"x": (0.0, 1.0), "y": (0.0, 1.0)}
    spec = charts.curve([Curve(model=name, kind="roc", **line) for name in "abcdef"], points=9)
    layer = spec["layer"][-1]["encoding"]
    dashes = layer["strokeDash"]["scale"]["range"]
    assert len({tuple(dash) for dash in dashes}) == 6
    drawn = svg.render(spec, identity="x", title="t", description="d")
    assert all(f"s-series{place}" in drawn for place in range(6))


def test_svg_takes_its_colours_from_the_page_and_says_what_it_is() -> None:
    items = [
        ("p50", Estimate(model=one, metric="latency_ms.p50", n=9, value=2.0, low=1.0, high=3.0, scale="ms"))
        for one in "ab"
    ]
    spec = charts.quantiles(items, models=["a", "b"], column="latency <ms>\u202e")
    drawn = svg.render(spec, identity="fig-1", title="Title <b>", description="Words & numbers")
    assert not re.search(r"(fill|stroke)=\"(#|black|white|rgb)", drawn)
    assert 'role="img"' in drawn
    assert 'aria-labelledby="fig-1-title fig-1-desc"' in drawn
    assert "Title &lt;b&gt;" in drawn
    assert "\u202e" not in drawn
    assert 'style="' not in drawn


def test_a_number_that_is_not_finite_is_refused() -> None:
    curve = Curve.model_construct(
        model="a", kind="roc", label=None, x=(0.0, float("nan")), y=(0.0, 1.0), low=(), high=(), count=()
    )
    with pytest.raises(ValueError, match="not finite"):
        charts.curve([curve], points=9)


def test_every_chart_of_every_card_is_small(card: Scorecard) -> None:
    from seatrial.reports import render

    for drawn in re.findall(r"<svg\b.*?</svg>", render(card, "html"), flags=re.DOTALL):
        assert len(drawn) < 80_000
