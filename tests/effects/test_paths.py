"""One number, however it is reached: by the scan or row by row, at any centre and scale, on any number of threads."""

import hashlib
import math

import numpy as np
import pytest
from scipy import stats
from tests.contracts.tables import MAKERS, Table, binary, multiclass, regression

import seatrial as st
from seatrial.data.engine import DuckDBEngine
from seatrial.effects import measure
from seatrial.records import Effect, Estimate

FORMULAS = {
    "binary": [
        "accuracy",
        "balanced_accuracy",
        "f1",
        "f2",
        "recall",
        "precision",
        "matthews_corrcoef",
        "cohen_kappa",
        "f1_macro",
        "f1_weighted",
        "f1_micro",
        "log_loss",
        "brier_score",
        "latency_ms.mean",
        "tokens_per_cost",
        "profit=120*tp - 15*fp - 0.002*latency_ms",
    ],
    "multiclass": [
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "precision_weighted",
        "recall[bee]",
        "matthews_corrcoef",
        "cohen_kappa",
        "log_loss",
        "brier_score",
    ],
    "regression": [
        "mean_absolute_error",
        "root_mean_squared_error",
        "r2",
        "mean_pinball_loss[0.9]",
        "late=mean(latency_ms, where=target > 20)",
    ],
}


def rows(result: st.Result) -> dict[tuple[object, ...], Estimate | Effect]:
    found: dict[tuple[object, ...], Estimate | Effect] = {}
    for e in result.estimates:
        found["estimate", e.model, e.metric, tuple(e.slice.items())] = e
    for f in result.effects:
        found["effect", f.candidate, f.metric, tuple(f.slice.items())] = f
    return found


def assert_same(first: st.Result, second: st.Result, fields: tuple[str, ...], *, to: float = 1e-9) -> None:
    one, other = rows(first), rows(second)
    assert one.keys() == other.keys()
    for key, record in one.items():
        scale = abs(getattr(record, "value", None) or getattr(record, "baseline_value", None) or 0)
        for field in fields:
            a, b = getattr(record, field, None), getattr(other[key], field, None)
            if isinstance(a, float) and isinstance(b, float):
                assert math.isclose(a, b, rel_tol=to, abs_tol=to * max(scale, 1e-3)), (key, field, a, b)
            else:
                assert a == b, (key, field)


@pytest.mark.parametrize("task", FORMULAS)
def test_the_scan_equals_the_rows(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = MAKERS[task](700)
    options = {"metrics": FORMULAS[task], "by": ["sex", "region"], "cross": 2, "examples": 0}
    scanned = st.compare(a, b, **options)
    monkeypatch.setattr(measure, "_adds_up", lambda metric: False)
    monkeypatch.setattr(measure, "MAX_CELL_CLASSES", 1)
    by_row = st.compare(a, b, **options)
    every = ("value", "reason", "n", "missing", "low", "high", "standard_error", "difference", "p_value", "word")
    assert_same(scanned, by_row, every)


@pytest.mark.parametrize("task", FORMULAS)
def test_weights_of_one_and_clusters_of_one_row_change_no_standard_error(task: str) -> None:
    a, b = ({**table, "ones": np.ones(400), "own": np.arange(400)} for table in MAKERS[task](400))
    options = {"metrics": FORMULAS[task], "by": ["sex"], "examples": 0}
    plain = st.compare(a, b, **options)
    for other in (st.compare(a, b, weight="ones", **options), st.compare(a, b, cluster="own", **options)):
        assert_same(plain, other, ("value", "difference", "n", "missing"), to=1e-10)
        for key, record in rows(plain).items():
            error = record.standard_error
            # Tango's error of a paired proportion is (b + c - (b - c)^2/n)/n^2, not over n - 1
            loose = 0.01 if "Tango" in str(record.method) else 1e-9
            assert rows(other)[key].standard_error == pytest.approx(error, rel=loose), key


def test_a_mean_of_a_billion_with_a_deviation_of_one() -> None:
    rng = np.random.default_rng(1)
    a, b = binary(4000)
    a["cost_usd"] = 1e9 + rng.normal(size=4000)
    b["cost_usd"] = a["cost_usd"] + 1e-3 + 1e-4 * rng.normal(size=4000)
    result = st.compare(a, b, metrics=["cost_usd.mean"], by=["sex"], examples=0)
    for where in ({}, {"sex": "F"}):
        held = np.ones(4000, dtype=bool) if not where else np.asarray(a["sex"]) == "F"
        x, y = a["cost_usd"][held], b["cost_usd"][held]
        e = next(e for e in result.estimates if e.slice == where and e.model == "table")
        f = next(f for f in result.effects if f.slice == where)
        assert e.standard_error == pytest.approx(stats.sem(x - 1e9), rel=1e-8)
        assert f.difference == pytest.approx((y - x).mean(), rel=1e-9)
        assert f.standard_error == pytest.approx(stats.sem(y - x), rel=1e-7)
        assert f.p_value == pytest.approx(stats.ttest_rel(y, x).pvalue, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("outlier", [1e9, 1e12, 1e15])
def test_one_huge_row_does_not_blur_the_others(outlier: float) -> None:
    rng = np.random.default_rng(2)
    a, b = binary(3000)
    a["latency_ms"], b["latency_ms"] = (rng.lognormal(3, 1, 3000) for _ in range(2))
    place = int(np.flatnonzero(np.asarray(a["sex"]) == "F")[0])
    a["latency_ms"][place] = b["latency_ms"][place] = outlier
    result = st.compare(a, b, metrics=["latency_ms.mean"], by=["sex"], examples=0)
    for where in ({}, {"sex": "F"}, {"sex": "M"}):
        held = np.ones(3000, dtype=bool) if not where else np.asarray(a["sex"]) == where["sex"]
        for side, table in (("table", a), ("table (2)", b)):
            e = next(e for e in result.estimates if e.slice == where and e.model == side)
            assert e.value == pytest.approx(table["latency_ms"][held].mean(), rel=1e-12)
            assert e.standard_error == pytest.approx(
                stats.sem(table["latency_ms"][held]), rel=1e-4 if outlier > 1e13 else 1e-8
            )
        if where == {"sex": "M"}:
            f = next(f for f in result.effects if f.slice == where)
            change = (b["latency_ms"] - a["latency_ms"])[held]
            assert f.difference == pytest.approx(change.mean(), rel=1e-9)
            assert f.standard_error == pytest.approx(stats.sem(change), rel=1e-7)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e30, 1e200])
def test_numbers_of_any_size(scale: float) -> None:
    a, b = binary(500)
    for table in (a, b):
        table["cost_usd"] = np.asarray(table["cost_usd"]) * scale
    result = st.compare(a, b, metrics=["cost_usd.mean", "accuracy"], examples=0)
    found = {(e.model, e.metric): e for e in result.estimates}
    for side, table in (("table", a), ("table (2)", b)):
        e = found[side, "cost_usd.mean"]
        assert e.value == pytest.approx(table["cost_usd"].mean(), rel=1e-12, abs=0)
        if scale in (1e-9, 1e30):
            assert e.standard_error == pytest.approx(stats.sem(table["cost_usd"]), rel=1e-9, abs=0)
        else:  # a variance of it is no number a computer holds
            assert (e.low, e.high) == (None, None)
            assert any(note.startswith("no interval: ") for note in e.notes)
        assert found[side, "accuracy"].low is not None


def test_a_slice_of_equal_values_has_no_interval() -> None:
    a, b = binary(600)
    price = np.where(np.asarray(a["sex"]) == "F", 3.1, 5.3)
    a["cost_usd"], b["cost_usd"] = price, price * 1.1
    result = st.compare(a, b, metrics=["cost_usd.mean"], by=["sex"], examples=0)
    for e in result.estimates:
        if e.slice:
            assert e.value == pytest.approx(
                {"F": 3.1, "M": 5.3}[e.slice["sex"]] * (1.1 if e.model == "table (2)" else 1), rel=1e-15
            )
            assert (e.low, e.high, e.method) == (None, None, "none")


def test_a_small_candidate_does_not_drown_in_a_large_baseline() -> None:
    rng = np.random.default_rng(3)
    a, b = regression(800)
    a["prediction"] = a["target"] + 100 * rng.normal(size=800)
    b["prediction"] = b["target"] * (1 + 1e-10 * rng.normal(size=800))
    result = st.compare(a, b, metrics=["mean_squared_error", "root_mean_squared_error"], by=["sex"], examples=0)
    for e in result.estimates:
        if e.model == "table (2)":
            held = np.ones(800, dtype=bool) if not e.slice else np.asarray(a["sex"]) == e.slice["sex"]
            square = ((b["prediction"] - b["target"]) ** 2)[held]
            root = e.metric == "root_mean_squared_error"
            assert e.value == pytest.approx(math.sqrt(square.mean()) if root else square.mean(), rel=1e-9, abs=0)
            error = stats.sem(square) / (2 * math.sqrt(square.mean()) if root else 1)
            assert e.standard_error == pytest.approx(error, rel=1e-6, abs=0)


def on_threads(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    made = DuckDBEngine.__init__
    monkeypatch.setattr(DuckDBEngine, "__init__", lambda self, **options: made(self, **{**options, "threads": threads}))


def table_of(n: int, seed: int) -> tuple[Table, Table]:
    rng = np.random.default_rng(seed)
    a, b = multiclass(n) if seed else binary(n)
    for table in (a, b):
        table["latency_ms"] = rng.lognormal(3, 2, n)
    return a, b


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_bytes_on_any_number_of_threads_and_in_any_run(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 150_000 if seed == 0 else 30_000  # several row groups, so that several threads have work
    a, b = table_of(n, seed)
    metrics = [
        "accuracy",
        "f1_macro",
        "log_loss",
        "latency_ms.mean",
        "latency_ms.p95",
        "ratio=latency_ms/cost_usd",
        "roc_auc_ovr" if seed else "roc_auc",
    ]
    digests = set()
    for threads in (1, 2, 4, 4):
        with monkeypatch.context() as patched:
            on_threads(patched, threads)
            text = st.compare(a, b, metrics=metrics, by=["sex", "region"], cross=2).to_json()
        digests.add(hashlib.sha256(text.encode()).hexdigest())
    assert len(digests) == 1
