"""Two to twenty versions: alike, without flips, on different rows, every one against every other."""

import math

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests
from tests.contracts.tables import binary, multiclass, regression, take

import seatrial as st
from seatrial.records import Effect


def effect(result: st.Result, metric: str, *, candidate: str | None = None, baseline: str | None = None) -> Effect:
    return next(
        e
        for e in result.effects
        if e.metric == metric and not e.slice and candidate in (None, e.candidate) and baseline in (None, e.baseline)
    )


def test_identical_files_differ_by_nothing_and_pass() -> None:
    a, _ = binary(300)
    result = st.compare(a, dict(a), metrics=["accuracy", "roc_auc", "log_loss", "f1", "latency_ms.p95"], examples=0)
    for e in result.effects:
        assert (e.difference, e.low, e.high, e.p_value, e.method) == (0, 0, 0, 1, "identical")
    assert result.verdict.status == "pass"


@pytest.mark.parametrize("n", [30, 300, 3000])
def test_no_flips_is_tangos_interval_not_nothing(n: int) -> None:
    a, b = binary(n)
    b["prediction"] = a["prediction"]  # the scores differ, so the files are not the same model's
    result = st.compare(a, b, metrics=["accuracy", "recall"], examples=0)
    z2 = stats.norm.isf(0.025) ** 2
    for name, rows in (("accuracy", n), ("recall", int(np.sum(a["target"])))):
        e = effect(result, name)
        assert (e.low, e.high) == pytest.approx((-z2 / (rows + z2), z2 / (rows + z2)), rel=1e-9)
        assert e.difference == 0
        assert e.p_value == 1
        assert e.standard_error > 0


def score_p(x1: int, n1: int, x0: int, n0: int, d: float) -> float:
    """Miettinen and Nurminen's p of a difference d, the restricted estimate found by maximising the likelihood.

    (statsmodels' closed form loses its root on some of these counts.)
    """

    def unlikely(p: float) -> float:
        parts = ((x1, p + d), (n1 - x1, 1 - p - d), (x0, p), (n0 - x0, 1 - p))
        return -sum(count * math.log(max(share, 1e-300)) for count, share in parts)

    bounds = (max(0.0, -d), min(1.0, 1 - d))
    p = float(optimize.minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x)
    variance = ((p + d) * (1 - p - d) / n1 + p * (1 - p) / n0) * (n1 + n0) / (n1 + n0 - 1)
    return float(2 * stats.norm.sf(abs(x1 / n1 - x0 / n0 - d) / math.sqrt(variance)))


def test_unpaired_proportions_are_miettinen_and_nurminens() -> None:
    a, b = binary(500, seed=1)[0], binary(400, seed=2)[1]
    for table in (a, b):
        table.pop("id")
    result = st.compare(a, b, metrics=["accuracy", "recall", "precision"], by=["sex"], unpaired=True, examples=0)
    y, p, z, q = (np.asarray(column) for column in (a["target"], a["prediction"], b["target"], b["prediction"]))
    counts = {
        "accuracy": ((z == q).sum(), len(z), (y == p).sum(), len(y)),
        "recall": ((z & q).sum(), z.sum(), (y & p).sum(), y.sum()),
        "precision": ((z & q).sum(), q.sum(), (y & p).sum(), p.sum()),
    }
    for name, (x1, n1, x0, n0) in counts.items():
        e = effect(result, name)
        assert e.difference == pytest.approx(x1 / n1 - x0 / n0, rel=1e-12)
        for limit in (e.low, e.high):
            assert score_p(x1, n1, x0, n0, limit) == pytest.approx(1 - e.level, rel=1e-6), name
        assert "Miettinen-Nurminen" in str(e.method)
        assert "the versions were measured on different rows" in e.notes


def test_unpaired_means_are_welchs_t() -> None:
    a, b = regression(300, seed=1)[0], regression(200, seed=2)[1]
    for table in (a, b):
        table.pop("id")
    result = st.compare(a, b, metrics=["mean_absolute_error", "latency_ms.mean"], unpaired=True, examples=0)
    losses = [np.abs(table["target"] - table["prediction"]) for table in (a, b)]
    for name, (first, second) in {
        "mean_absolute_error": losses,
        "latency_ms.mean": [a["latency_ms"], b["latency_ms"]],
    }.items():
        test = stats.ttest_ind(second, first, equal_var=False)
        e, limits = effect(result, name), test.confidence_interval(0.95)
        assert e.p_value == pytest.approx(test.pvalue, rel=1e-9)
        assert (e.low, e.high) == pytest.approx((limits.low, limits.high), rel=1e-9)


def test_unpaired_slices_meet_by_name() -> None:
    a, b = binary(600, seed=1)[0], binary(600, seed=2)[1]
    b = take(b, np.flatnonzero(np.asarray(b["region"]) != "north"))
    for table in (a, b):
        table.pop("id")
    result = st.compare(a, b, metrics=["accuracy"], by=["region"], unpaired=True, examples=0)
    found = {e.slice["region"]: e for e in result.effects if e.slice}
    right = [np.asarray(table["target"]) == table["prediction"] for table in (a, b)]
    south = [np.asarray(table["region"]) == "south" for table in (a, b)]
    assert found["south"].difference == pytest.approx(right[1][south[1]].mean() - right[0][south[0]].mean(), rel=1e-12)
    assert found["north"].difference is None
    assert found["north"].reason


def test_every_metric_of_an_unpaired_comparison_is_the_difference_of_the_two_alone() -> None:
    a, b = multiclass(500, seed=1)[0], multiclass(400, seed=2)[1]
    for table in (a, b):
        table.pop("id")
    names = ["f1_macro", "log_loss", "roc_auc_ovr", "matthews_corrcoef", "latency_ms.p90", "roc_auc[bee]"]
    result = st.compare(a, b, metrics=names, unpaired=True, examples=0)
    alone = [{e.metric: e for e in st.evaluate(table, metrics=names).estimates} for table in (a, b)]
    for name in names:
        e, (first, second) = effect(result, name), (side[name] for side in alone)
        assert e.difference == pytest.approx(second.value - first.value, rel=1e-9)
        assert e.standard_error == pytest.approx(math.hypot(first.standard_error, second.standard_error), rel=1e-9)
        assert e.low < e.difference < e.high


def test_all_pairs_are_read_by_holm_over_the_pairs_and_copies_are_identical() -> None:
    a, b = binary(700)
    c = {**b, "prediction": np.where(np.arange(700) % 9 == 0, 1 - np.asarray(b["prediction"]), b["prediction"])}
    result = st.compare(a, b, dict(b), c, metrics=["accuracy", "log_loss"], all_pairs=True, examples=0)
    models = result.scorecard.models
    assert effect(result, "log_loss", baseline=models[1], candidate=models[3]).method == "identical"  # the same scores
    for name in ("accuracy", "log_loss"):
        pairs = [e for e in result.effects if e.metric == name]
        assert [(e.baseline, e.candidate) for e in pairs] == [
            (models[i], models[j]) for i in range(4) for j in range(i + 1, 4)
        ]
        p_values = [e.p_value for e in pairs]
        assert [e.adjusted_p_value for e in pairs] == pytest.approx(multipletests(p_values, method="holm")[1])
        for e in pairs:
            assert (e.adjusted_p_value < 0.05) == (e.low > 0 or e.high < 0)
        twins = effect(result, name, baseline=models[1], candidate=models[2])
        assert (twins.method, twins.low, twins.high) == ("identical", 0, 0)
        last = effect(result, name, baseline=models[1], candidate=models[3])
        first = st.compare(b, c, metrics=[name], examples=0).effects[0]
        assert last.difference == pytest.approx(first.difference, rel=1e-9)
        assert last.p_value == pytest.approx(first.p_value, rel=1e-6)


def test_twenty_versions_and_no_more() -> None:
    rng = np.random.default_rng(0)
    base = binary(200)[1]
    versions = [
        {
            **base,
            "prediction": np.where(rng.random(200) < k / 100, 1 - np.asarray(base["prediction"]), base["prediction"]),
        }
        for k in range(20)
    ]
    result = st.compare(*versions, metrics=["accuracy"], examples=0)
    assert len(result.effects) == 19
    right = [(np.asarray(v["prediction"]) == base["target"]).mean() for v in versions]
    assert [e.difference for e in result.effects] == pytest.approx([r - right[0] for r in right[1:]], abs=1e-12)
    assert [e.value for e in result.estimates] == pytest.approx(right, abs=1e-12)
    with pytest.raises(st.UsageError, match="two to twenty"):
        st.compare(*versions, base, metrics=["accuracy"])


def test_a_row_that_one_of_many_versions_lacks_is_out_for_all() -> None:
    a, b = binary(400)
    third = dict(b)
    column = np.array(b["prediction"], dtype=object)
    column[:50] = None
    third["prediction"] = column
    result = st.compare(a, b, third, metrics=["accuracy"], examples=0)
    assert {(e.n, e.missing) for e in result.estimates} == {(350, 50)}
    right = (np.asarray(b["target"]) == b["prediction"])[50:].mean()
    assert next(e.value for e in result.estimates if e.model == "table (2)") == pytest.approx(right, abs=1e-12)


def test_flips_are_counted_both_ways() -> None:
    a, b = multiclass(500)
    y, p, q = (np.asarray(column) for column in (a["target"], a["prediction"], b["prediction"]))
    found = st.compare(a, b, metrics=["accuracy"]).scorecard.flips[0]
    gained, lost = int(((p != y) & (q == y)).sum()), int(((p == y) & (q != y)).sum())
    assert (found.n, found.gained, found.lost, found.changed) == (500, gained, lost, int((p != q).sum()))
    assert found.churn == (p != q).mean()
    assert found.mcnemar_p_value == pytest.approx(
        2 * stats.binom.cdf(min(gained, lost), gained + lost, 0.5)
        - stats.binom.pmf(min(gained, lost), gained + lost, 0.5)
    )
    for one in found.by_class:
        held = y == one.label
        assert (one.n, one.gained, one.lost) == (
            held.sum(),
            ((p != y) & (q == y))[held].sum(),
            ((p == y) & (q != y))[held].sum(),
        )
    for e in found.lost_examples:
        row = int(e.id)
        assert (e.target, e.baseline, e.candidate) == (y[row], p[row], q[row])
        assert p[row] == y[row] != q[row]


def test_a_thousand_classes() -> None:
    rng = np.random.default_rng(0)
    n, names = 8000, np.array([f"c{k}" for k in range(1000)])
    truth = rng.integers(0, 1000, n)
    tables = []
    for share in (0.6, 0.7):
        said = np.where(rng.random(n) < share, truth, rng.integers(0, 1000, n))
        tables.append({"id": np.arange(n), "target": names[truth], "prediction": names[said], "half": np.arange(n) % 2})
    result = st.compare(*tables, metrics=["accuracy", "f1_macro", "recall[c7]"], by=["half"], examples=0)
    right = [np.asarray(table["target"]) == table["prediction"] for table in tables]
    assert effect(result, "accuracy").difference == pytest.approx(right[1].mean() - right[0].mean(), abs=1e-12)
    assert effect(result, "f1_macro").word == "better"
    assert len(result.to_json()) < 2_000_000
