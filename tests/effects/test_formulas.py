"""Formulas of any mixture: shares with columns, ranks with means, quantiles, sums, counts, filters; their errors."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as sk
from tests.contracts.tables import Table, binary, multiclass, multilabel, regression

import seatrial as st
from seatrial.expressions import col, mean, prediction, target, tp
from seatrial.records import Effect, Estimate

N = 70
Statistic = Callable[[Table, np.ndarray], float]


def share(table: Table, w: np.ndarray, truth: int, said: int) -> float:
    held = (np.asarray(table["target"]) == truth) & (np.asarray(table["prediction"]) == said)
    return float(w[held].sum() / w.sum())


def averaged(values: np.ndarray, w: np.ndarray) -> float:
    return float(np.average(values, weights=w))


FORMULAS: dict[str, tuple[str, Statistic]] = {
    "profit": (
        "120*tp - 15*fp - 0.002*latency_ms",
        lambda t, w: 120 * share(t, w, 1, 1) - 15 * share(t, w, 0, 1) - 0.002 * averaged(t["latency_ms"], w),
    ),
    "ranked": (
        "roc_auc - 0.1*log_loss",
        lambda t, w: (
            sk.roc_auc_score(t["target"], t["score"], sample_weight=w)
            - 0.1 * sk.log_loss(t["target"], t["score"], sample_weight=w)
        ),
    ),
    "both_ranks": (
        "roc_auc * average_precision",
        lambda t, w: (
            sk.roc_auc_score(t["target"], t["score"], sample_weight=w)
            * sk.average_precision_score(t["target"], t["score"], sample_weight=w)
        ),
    ),
    "ratio": (
        "recall / latency_ms",
        lambda t, w: sk.recall_score(t["target"], t["prediction"], sample_weight=w) / averaged(t["latency_ms"], w),
    ),
    "filtered": (
        "mean(latency_ms, where=prediction != target)",
        lambda t, w: averaged(
            np.asarray(t["latency_ms"])[np.asarray(t["target"]) != t["prediction"]],
            w[np.asarray(t["target"]) != t["prediction"]],
        ),
    ),
    "of_text": (
        "mean(target == prediction, where=region == 'south')",
        lambda t, w: averaged(
            (np.asarray(t["target"]) == t["prediction"])[np.asarray(t["region"]) == "south"],
            w[np.asarray(t["region"]) == "south"],
        ),
    ),
    "geometric": ("exp(mean(log(latency_ms)))", lambda t, w: math.exp(averaged(np.log(t["latency_ms"]), w))),
    "capped": ("mean(winsorize(latency_ms, 60))", lambda t, w: averaged(np.minimum(t["latency_ms"], 60), w)),
    "either": (
        "max(recall, 0.9*precision) + min(recall, 0.8*specificity)",
        lambda t, w: (
            max(
                sk.recall_score(t["target"], t["prediction"], sample_weight=w),
                0.9 * sk.precision_score(t["target"], t["prediction"], sample_weight=w),
            )
            + min(
                sk.recall_score(t["target"], t["prediction"], sample_weight=w),
                0.8 * sk.recall_score(t["target"], t["prediction"], pos_label=0, sample_weight=w),
            )
        ),
    ),
    "of_class": (
        "recall['0'] + f1",
        lambda t, w: (
            sk.recall_score(t["target"], t["prediction"], pos_label=0, sample_weight=w)
            + sk.f1_score(t["target"], t["prediction"], sample_weight=w)
        ),
    ),
    "squares": (
        "mean(latency_ms**2) - mean(latency_ms)**2",
        lambda t, w: averaged(np.asarray(t["latency_ms"]) ** 2, w) - averaged(t["latency_ms"], w) ** 2,
    ),
}


def influence(statistic: Statistic, table: Table, n: int = N) -> np.ndarray:
    """Infinitesimal jackknife: n times the derivative by each row's weight."""
    psi, step = np.empty(n), 1e-4
    for row in range(n):
        moved = [np.ones(n), np.ones(n)]
        moved[0][row] += step
        moved[1][row] -= step
        psi[row] = n * (statistic(table, moved[0]) - statistic(table, moved[1])) / (2 * step)
    return psi


def test_formulas_have_the_value_and_the_error_of_the_infinitesimal_jackknife() -> None:
    a, b = binary(N, seed=22)
    result = st.compare(a, b, metrics=[f"{name}={text}" for name, (text, _) in FORMULAS.items()], examples=0)
    for name, (_, statistic) in FORMULAS.items():
        e = next(e for e in result.estimates if e.metric == name and e.model == "table (2)")
        f = next(f for f in result.effects if f.metric == name)
        values = [statistic(table, np.ones(N)) for table in (a, b)]
        psi = [influence(statistic, table) for table in (a, b)]
        assert e.value == pytest.approx(values[1], rel=1e-9), name
        assert f.difference == pytest.approx(values[1] - values[0], rel=1e-9), name
        assert e.standard_error == pytest.approx(math.sqrt(psi[1] @ psi[1] / (N * (N - 1))), rel=1e-4), name
        change = psi[1] - psi[0]
        assert f.standard_error == pytest.approx(math.sqrt(change @ change / (N * (N - 1))), rel=1e-4), name


def test_sums_and_counts_are_of_rows() -> None:
    _, b = binary(300)
    texts = ["s=sum(cost_usd)", "c=count(score > 0.5)", "n=count()", "per=sum(cost_usd)/count(prediction == 1)"]
    found = {e.metric: e for e in st.evaluate(b, metrics=texts).estimates}
    cost, flagged = np.asarray(b["cost_usd"]), np.asarray(b["prediction"]) == 1
    assert found["s"].value == pytest.approx(cost.sum(), rel=1e-12)
    assert found["s"].standard_error == pytest.approx(300 * cost.std(ddof=1) / math.sqrt(300), rel=1e-9)
    assert found["c"].value == pytest.approx((np.asarray(b["score"]) > 0.5).sum(), rel=1e-14)
    assert found["n"].value == 300
    assert found["n"].low is None
    assert found["per"].value == pytest.approx(cost.sum() / flagged.sum(), rel=1e-12)


def test_a_formula_with_a_quantile_takes_its_error_along() -> None:
    a, b = binary(900)
    result = st.compare(
        a,
        b,
        metrics=["p=latency_ms.p90", "latency_ms.p90", "twice=2*p90(latency_ms)", "mix=recall - 0.001*p90(latency_ms)"],
        examples=0,
    )
    found = {(e.metric, e.model): e for e in result.estimates}
    latency = np.asarray(b["latency_ms"])
    whole, twice, mix = (found[name, "table (2)"] for name in ("latency_ms.p90", "twice", "mix"))
    assert found["p", "table (2)"].value == whole.value == pytest.approx(np.quantile(latency, 0.9), rel=1e-12)
    assert twice.standard_error == pytest.approx(2 * whole.standard_error, rel=1e-9)
    y, p = np.asarray(b["target"]), np.asarray(b["prediction"])
    density = (
        math.sqrt(0.9 * 0.1 / 900)
        / whole.standard_error
        * math.sqrt(((latency <= whole.value).mean() * (latency > whole.value).mean()) * 900 / 899 / (0.9 * 0.1))
    )
    below = latency <= whole.value
    psi = y * (p - p[y == 1].mean()) / y.mean() - 0.001 * (below.mean() - below) / density
    assert mix.value == pytest.approx(p[y == 1].mean() - 0.001 * whole.value, rel=1e-12)
    assert mix.standard_error == pytest.approx(math.sqrt(psi @ psi / (900 * 899)), rel=1e-9)


def test_a_formula_with_a_quantile_that_has_no_density_has_no_interval() -> None:
    a, b = binary(400)
    a["latency_ms"] = b["latency_ms"] = np.repeat([10.0, 20.0], [350, 50])
    e = st.evaluate(b, metrics=["mix=recall - 0.001*p50(latency_ms)"]).estimates[0]
    assert e.value is not None
    assert (e.low, e.high) == (None, None)
    assert any("so many rows equal 10" in note for note in e.notes)


def test_rows_without_an_input_of_any_part_are_out_of_every_part() -> None:
    a, b = binary(500)
    hidden = np.arange(500) % 5 == 0
    for table in (a, b):
        table["latency_ms"] = np.where(hidden, np.nan, table["latency_ms"])
    texts = ["mix=roc_auc - 0.001*p90(latency_ms)", "profit=tp - 0.001*latency_ms", "sum=recall + mean(latency_ms)"]
    result = st.compare(a, b, metrics=texts, examples=0)
    kept = ~hidden
    y, p, s = (np.asarray(b[name])[kept] for name in ("target", "prediction", "score"))
    latency = np.asarray(b["latency_ms"])[kept]
    expected = {
        "mix": sk.roc_auc_score(y, s) - 0.001 * np.quantile(latency, 0.9),
        "profit": (y & p).mean() - 0.001 * latency.mean(),
        "sum": sk.recall_score(y, p) + latency.mean(),
    }
    for name, value in expected.items():
        e = next(e for e in result.estimates if e.metric == name and e.model == "table (2)")
        assert e.value == pytest.approx(value, rel=1e-12), name
        assert (e.n, e.missing) == (400, 100)


def test_a_share_is_missing_where_a_label_is() -> None:
    """`tp` of a negative row without a prediction is not 0 but unknown, in the scan as row by row."""
    a, b = binary(300)
    column = np.array(b["prediction"], dtype=object)
    gone = np.arange(300) % 3 == 0
    column[gone] = None
    b["prediction"] = column
    b.pop("score")
    a.pop("score")
    e = next(
        e
        for e in st.compare(a, b, metrics=["x=tp - 0.001*latency_ms"], positive="1", examples=0).estimates
        if e.model == "table (2)"
    )
    kept = ~gone
    expected = ((np.asarray(b["target"])[kept] == 1) & (column[kept] == 1)).mean() - 0.001 * np.asarray(
        b["latency_ms"]
    )[kept].mean()
    assert (e.n, e.missing) == (200, 100)
    assert e.value == pytest.approx(expected, rel=1e-12)


def test_aliases_f_betas_and_metrics_of_a_class_are_known_in_formulas() -> None:
    a, b = binary(300)
    for table in (a, b):
        table["kappa"] = np.arange(300) / 300  # a column that bears an alias's name stays a column
    texts = ["x=auc - 0.5*f2", "y=mean(kappa)", "z=kappa"]
    found = {e.metric: e.value for e in st.evaluate(b, metrics=texts).estimates}
    y, p, s = (np.asarray(b[name]) for name in ("target", "prediction", "score"))
    assert found["x"] == pytest.approx(sk.roc_auc_score(y, s) - 0.5 * sk.fbeta_score(y, p, beta=2), rel=1e-12)
    assert found["y"] == found["z"] == pytest.approx(np.mean(b["kappa"]), rel=1e-12)
    a, b = multiclass(300)
    found = {e.metric: e.value for e in st.evaluate(b, metrics=["x=auc['bee'] + f1['cat']"]).estimates}
    y, p = np.asarray(b["target"]), np.asarray(b["prediction"])
    expected = sk.roc_auc_score(y == "bee", b["score_bee"]) + sk.f1_score(y == "cat", p == "cat")
    assert found["x"] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(st.UsageError, match="class"):
        st.evaluate(b, metrics=["x=recall - 0.1"]).estimates  # noqa: B018


def test_a_column_may_be_called_centre() -> None:
    _, b = regression(300)
    b["centre"] = np.asarray(b["target"]) + 1
    found = {e.metric: e.value for e in st.evaluate(b, metrics=["r2", "x=mean(centre)"]).estimates}
    assert found["r2"] == pytest.approx(sk.r2_score(b["target"], b["prediction"]), rel=1e-12)
    assert found["x"] == pytest.approx(b["centre"].mean(), rel=1e-12)


def test_a_value_without_a_slope_has_no_standard_error() -> None:
    y = np.tile([0, 0, 1, 1], 50)
    table = {"target": y, "prediction": np.tile([0, 1, 0, 1], 50)}  # recall equals precision
    e = st.evaluate(table, metrics=["x=max(recall, precision)"]).estimates[0]
    assert (e.value, e.standard_error, e.low) == (0.5, None, None)
    assert any("no slope" in note for note in e.notes)


def test_a_tree_built_with_operators_is_the_formula() -> None:
    a, b = binary(300)
    tree = 120 * tp - 0.002 * mean(col("latency_ms"))
    text = "formula=120*tp - 0.002*latency_ms"
    accuracy = mean(target == prediction)
    found = [st.compare(a, b, metrics=[metric], examples=0).estimates for metric in (tree, text)]
    assert [e.value for e in found[0]] == [e.value for e in found[1]]
    right = st.compare(a, b, metrics=[accuracy], examples=0)
    assert right.estimates[1].value == (np.asarray(b["target"]) == b["prediction"]).mean()
    assert "Tango" in str(right.effects[0].method)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x=recal", "Did you mean 'recall'"),
        ("x=roc_auc + ks", "only means and metrics of ranks"),
        ("x=1 + 1", "nothing to measure"),
        ("x=__import__('os').system('true')", "nothing in it is run as code"),
        ("x=tp['7']", "No class '7'|no class '7'"),
        ("x=mean(nothing)", "no column 'nothing'|nothing"),
    ],
)
def test_a_formula_that_means_nothing_is_an_error_in_words(text: str, says: str) -> None:
    a, b = binary(100)
    with pytest.raises(st.UsageError, match=says):
        st.compare(a, b, metrics=[text], examples=0).estimates  # noqa: B018


def test_multiclass_and_regression_formulas() -> None:
    _, b = multiclass(400)
    texts = ["x=recall['ant'] - fp['bee']", "y=mean(target == 'cat')", "z=accuracy - 0.001*latency_ms"]
    found = {e.metric: e for e in st.evaluate(b, metrics=texts).estimates}
    y, p = np.asarray(b["target"]), np.asarray(b["prediction"])
    assert found["x"].value == pytest.approx(
        (p[y == "ant"] == "ant").mean() - ((y != "bee") & (p == "bee")).mean(), rel=1e-12
    )
    assert found["y"].value == pytest.approx((y == "cat").mean(), rel=1e-12)
    assert found["z"].value == pytest.approx((y == p).mean() - 0.001 * np.asarray(b["latency_ms"]).mean(), rel=1e-12)
    with pytest.raises(st.UsageError, match="class"):
        st.evaluate(b, metrics=["x=tp"]).estimates  # noqa: B018
    _, b = regression(400)
    e = st.evaluate(b, metrics=["big=mean(abs(target - prediction) > 1)"]).estimates[0]
    wrong = np.abs(b["target"] - b["prediction"]) > 1
    assert e.value == wrong.mean()
    assert e.method == "Wilson score interval"
    _, b = multilabel(300)
    e = st.evaluate(b, metrics=["x=recall['red'] + 0.01*mean(wrong_labels)"], task="multilabel").estimates[0]
    labels = [np.asarray(b[f"target_{name}"]) != b[f"prediction_{name}"] for name in ("red", "green", "blue")]
    red = np.asarray(b["prediction_red"])[np.asarray(b["target_red"]) == 1].mean()
    assert e.value == pytest.approx(red + 0.01 * np.mean(labels), rel=1e-12)


def test_a_policys_formula_decides_and_less_may_be_better() -> None:
    a, b = binary(900)
    policy = {
        "metrics": {"waste": "15*fp + 120*fn"},
        "lower_is_better": ["waste"],
        "rules": [
            {"metric": "waste", "role": "success"},
            {"metric": "waste", "role": "guardrail", "slice": {"sex": "F"}, "margin": 1.0},
            {"metric": "latency_ms.p95", "role": "guardrail", "below": 500},
        ],
    }
    result = st.compare(a, b, policy=policy, metrics=["accuracy"], examples=0)
    waste = next(e for e in result.effects if e.metric == "waste" and not e.slice)
    assert not waste.higher_is_better
    assert waste.difference < 0
    assert waste.word == "better"
    assert result.verdict.status == "pass"
    sliced = next(e for e in result.effects if e.metric == "waste" and e.slice == {"sex": "F"})
    held = np.asarray(a["sex"]) == "F"
    y, p, q = (np.asarray(column)[held] for column in (a["target"], a["prediction"], b["prediction"]))
    each = [15 * ((y == 0) & (x == 1)) + 120 * ((y == 1) & (x == 0)) for x in (p, q)]
    assert sliced.difference == pytest.approx((each[1] - each[0]).mean(), rel=1e-12)
    assert [type(r) for r in (sliced, result.estimates[0])] == [Effect, Estimate]
