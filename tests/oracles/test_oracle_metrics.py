"""Every value of the catalogue is scikit-learn's, on all rows and on every slice; intervals are those of other code.

Oracles: scikit-learn (metrics and its `sample_weight`), statsmodels (Wilson, Clopper-Pearson), SciPy (paired t), NumPy
(quantiles), fairlearn (values by group), and, for delta-method limits, an infinitesimal jackknife written here.
"""

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from scipy import optimize, stats
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint
from tests.contracts.tables import LABELS, Table, binary, multiclass, multilabel, regression

import seatrial as st
from seatrial.records import Effect, Estimate

Oracle = Callable[..., float]
EPS = 1e-9
NONE = {"zero_division": np.nan}


def groups(table: Table, by: tuple[str, ...]) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Every slice of the columns and of their crosses, with its rows."""
    rows = pd.DataFrame({name: table[name] for name in by})
    yield {}, np.arange(len(rows))
    for names in [*([b] for b in by), *([list(by)] if len(by) > 1 else [])]:
        for key, held in rows.groupby(names):
            yield {n: str(k) for n, k in zip(names, key, strict=True)}, held.index.to_numpy()


def found(result: st.Result, metric: str, where: dict[str, str], model: int = 1) -> Estimate:
    name = result.scorecard.models[model]
    return next(e for e in result.estimates if e.metric == metric and e.slice == where and e.model == name)


def effect(result: st.Result, metric: str, where: dict[str, str] | None = None) -> Effect:
    return next(e for e in result.effects if e.metric == metric and e.slice == (where or {}))


def agrees(
    result: st.Result, table: Table, by: tuple[str, ...], oracles: dict[str, Oracle], columns: Any, weights: Any
) -> list[str]:
    """Where a value of the candidate is not the oracle's: `columns` gives (y_true, y_pred, score) of some rows."""
    wrong = []
    for (where, rows), (metric, oracle) in product(list(groups(table, by)), oracles.items()):
        e = found(result, metric, where)
        weight = None if weights is None else weights[rows]
        value = oracle(*columns(rows), weight)
        missing = value is None or np.isnan(value)
        if missing != (e.value is None) or (not missing and not math.isclose(e.value, value, rel_tol=EPS, abs_tol=EPS)):
            wrong.append(f"{metric} {where}: {e.value} ({e.reason}), oracle {value}")
    return wrong


def rate(top: str, bottom: str) -> Oracle:
    """A ratio of cells of the confusion matrix, named as in `tn / (tn fp)`."""

    def of(y: np.ndarray, p: np.ndarray, s: np.ndarray, w: np.ndarray | None) -> float:
        tn, fp, fn, tp = sk.confusion_matrix(y, p, labels=[0, 1], sample_weight=w).ravel()
        cells = {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
        below = sum(cells[name] for name in bottom.split())
        return sum(cells[name] for name in top.split()) / below if below else np.nan

    return of


def ece(y: np.ndarray, p: np.ndarray, s: np.ndarray, w: np.ndarray | None) -> float:
    """Equal-mass bins written once more: min(15, n // 50) bins of rows by rank of the score, ties together."""
    n, bins = len(y), min(15, len(y) // 50)
    order = np.argsort(s, kind="stable")
    score, label = s[order], y[order]
    weight = np.ones(n) if w is None else w[order]
    ends = np.append(np.flatnonzero(score[1:] != score[:-1]) + 1, n)
    starts = np.concatenate([[0], ends])
    cuts = sorted(
        {int(min(starts, key=lambda at, c=c: (abs(at - c), at))) for c in (k * n // bins for k in range(1, bins))}
    )
    total = 0.0
    for rows in np.split(np.arange(n), cuts):
        if len(rows):
            share = weight[rows].sum() / weight.sum()
            total += share * abs(
                np.average(label[rows], weights=weight[rows]) - np.average(score[rows], weights=weight[rows])
            )
    return total


BINARY: dict[str, Oracle] = {
    "accuracy": lambda y, p, s, w: sk.accuracy_score(y, p, sample_weight=w),
    "balanced_accuracy": lambda y, p, s, w: sk.balanced_accuracy_score(y, p, sample_weight=w),
    "precision": lambda y, p, s, w: sk.precision_score(y, p, sample_weight=w, **NONE),
    "recall": lambda y, p, s, w: sk.recall_score(y, p, sample_weight=w, **NONE),
    "specificity": lambda y, p, s, w: sk.recall_score(y, p, pos_label=0, sample_weight=w, **NONE),
    "false_positive_rate": rate("fp", "fp tn"),
    "false_negative_rate": rate("fn", "fn tp"),
    "negative_predictive_value": rate("tn", "tn fn"),
    "f1": lambda y, p, s, w: sk.f1_score(y, p, sample_weight=w, **NONE),
    "f2": lambda y, p, s, w: sk.fbeta_score(y, p, beta=2, sample_weight=w, **NONE),
    "f0.3333": lambda y, p, s, w: sk.fbeta_score(y, p, beta=0.3333, sample_weight=w, **NONE),
    "jaccard": lambda y, p, s, w: sk.jaccard_score(y, p, sample_weight=w, zero_division=0),
    "selection_rate": rate("tp fp", "tp fp tn fn"),
    "prevalence": rate("tp fn", "tp fp tn fn"),
    "f1_macro": lambda y, p, s, w: sk.f1_score(y, p, average="macro", sample_weight=w),
    "f1_weighted": lambda y, p, s, w: sk.f1_score(y, p, average="weighted", sample_weight=w),
    "f1_micro": lambda y, p, s, w: sk.f1_score(y, p, average="micro", sample_weight=w),
    "matthews_corrcoef": lambda y, p, s, w: sk.matthews_corrcoef(y, p, sample_weight=w),
    "cohen_kappa": lambda y, p, s, w: sk.cohen_kappa_score(y, p, sample_weight=w),
    "roc_auc": lambda y, p, s, w: sk.roc_auc_score(y, s, sample_weight=w),
    "average_precision": lambda y, p, s, w: sk.average_precision_score(y, s, sample_weight=w),
    "log_loss": lambda y, p, s, w: sk.log_loss(y, s, sample_weight=w),
    "brier_score": lambda y, p, s, w: sk.brier_score_loss(y, s, sample_weight=w),
    "expected_calibration_error": ece,
    "ks": lambda y, p, s, w: np.abs(np.subtract(*sk.roc_curve(y, s, sample_weight=w)[:2])).max(),
}


@pytest.mark.parametrize(("labels", "weighted"), [((0, 1), False), (("ham", "spam"), True), ((True, False), False)])
def test_binary_values_are_those_of_scikit_learn(labels: tuple[Any, Any], weighted: bool) -> None:
    pair = [{**table} for table in binary(1200, seed=3)]
    truth, said, score = (np.asarray(pair[1][name]) for name in ("target", "prediction", "score"))
    for table in pair:
        table["target"], table["prediction"] = (
            np.where(table[name] == 1, labels[1], labels[0]) for name in ("target", "prediction")
        )
        table["copies"] = np.random.default_rng(8).gamma(2, 1, len(truth))
    options = {"weight": "copies"} if weighted else {}
    by = ("sex", "region")
    measured = [name for name in BINARY if not (weighted and name == "expected_calibration_error")]
    result = st.compare(*pair, metrics=measured, by=by, cross=2, positive=str(labels[1]), examples=0, **options)
    weights = pair[0]["copies"] if weighted else None
    oracles = {name: BINARY[name] for name in measured}
    assert agrees(result, pair[1], by, oracles, lambda rows: (truth[rows], said[rows], score[rows]), weights) == []


def averaged(average: str) -> dict[str, Oracle]:
    options = {"average": average, "zero_division": 0}
    return {
        f"precision_{average}": lambda y, p, s, w: sk.precision_score(y, p, sample_weight=w, **options),
        f"recall_{average}": lambda y, p, s, w: sk.recall_score(y, p, sample_weight=w, **options),
        f"f1_{average}": lambda y, p, s, w: sk.f1_score(y, p, sample_weight=w, **options),
        f"f2_{average}": lambda y, p, s, w: sk.fbeta_score(y, p, beta=2, sample_weight=w, **options),
        f"jaccard_{average}": lambda y, p, s, w: sk.jaccard_score(y, p, sample_weight=w, **options),
    }


AVERAGED = averaged("macro") | averaged("weighted") | averaged("micro")
MULTICLASS: dict[str, Oracle] = {
    "accuracy": BINARY["accuracy"],
    "balanced_accuracy": BINARY["balanced_accuracy"],
    "matthews_corrcoef": BINARY["matthews_corrcoef"],
    "cohen_kappa": BINARY["cohen_kappa"],
    **AVERAGED,
}


def of_class(label: Any, at: int) -> dict[str, Oracle]:
    """One class against the rest; `at` is its column of scores."""

    def alone(oracle: Oracle) -> Oracle:
        return lambda y, p, s, w: oracle(
            (y == label).astype(int), (p == label).astype(int), None if s is None else s[:, at], w
        )

    names = ("precision", "recall", "specificity", "false_positive_rate", "negative_predictive_value", "f1", "f2")
    return {f"{name}[{label}]": alone(BINARY[name]) for name in names}


def per_label(
    y: np.ndarray, s: np.ndarray, w: np.ndarray | None, oracle: Callable[..., float], labels: np.ndarray
) -> float:
    values = [
        oracle(y == label, s[:, at], sample_weight=w)
        for at, label in enumerate(labels)
        if 0 < (y == label).sum() < len(y)
    ]
    return float(np.mean(values))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize(
    ("k", "n", "weighted"), [(3, 900, False), (3, 900, True), (20, 3000, False), (60, 3000, True), (300, 4000, False)]
)
def test_multiclass_values_are_those_of_scikit_learn(k: int, n: int, weighted: bool) -> None:
    names = tuple(f"c{at:03d}" for at in range(k))
    pair = multiclass(n, seed=k, classes=names)
    if k > 20:
        pair = tuple(
            {name: column for name, column in table.items() if not name.startswith("score_")} for table in pair
        )  # type: ignore[assignment]
    candidate, labels = pair[1], np.array(names)
    truth, said = candidate["target"], candidate["prediction"]
    scores = np.stack([candidate[f"score_{name}"] for name in names], axis=1) if k <= 20 else None
    oracles = MULTICLASS | of_class(names[0], 0) | of_class(names[k // 2], k // 2)
    if scores is not None:
        oracles |= {
            "log_loss": lambda y, p, s, w: sk.log_loss(y, s, labels=labels, sample_weight=w),
            "brier_score": lambda y, p, s, w: float(
                np.average(((s - (y[:, None] == labels)) ** 2).sum(axis=1), weights=w)
            ),
            "roc_auc_ovr": lambda y, p, s, w: per_label(y, s, w, sk.roc_auc_score, labels),
            "average_precision_macro": lambda y, p, s, w: per_label(y, s, w, sk.average_precision_score, labels),
            f"roc_auc[{names[1]}]": lambda y, p, s, w: sk.roc_auc_score(y == names[1], s[:, 1], sample_weight=w),
        }
        if k == 3 and not weighted:
            whole = sk.roc_auc_score(truth, scores, multi_class="ovr", average="macro")
            assert per_label(truth, scores, None, sk.roc_auc_score, labels) == pytest.approx(whole, rel=EPS)
            assert sk.brier_score_loss(truth, scores, scale_by_half=False) == pytest.approx(
                oracles["brier_score"](truth, said, scores, None), rel=EPS
            )
    by = ("sex", "region") if k == 3 else ("sex",)
    options = {"weight": "copies"} if weighted else {}
    result = st.compare(*pair, metrics=list(oracles), by=by, cross=len(by), examples=0, **options)
    weights = candidate["copies"].astype(float) if weighted else None

    def columns(rows: np.ndarray) -> tuple[Any, Any, Any]:
        return truth[rows], said[rows], None if scores is None else scores[rows]

    with np.errstate(all="ignore"):
        assert agrees(result, candidate, by, oracles, columns, weights) == []


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_multilabel_values_are_those_of_scikit_learn(weighted: bool) -> None:
    pair = multilabel(700, seed=1)
    for table in pair:  # a label that no row of one slice has, and that is not predicted there either
        quiet = table["region"] == "west"
        table["target_red"] = np.where(quiet, 0, table["target_red"])
        table["prediction_red"] = np.where(quiet, 0, table["prediction_red"])
    candidate = pair[1]
    truth, said, score = (
        np.stack([candidate[f"{role}_{name}"] for name in LABELS], axis=1) for role in ("target", "prediction", "score")
    )
    oracles: dict[str, Oracle] = {
        **AVERAGED,
        "subset_accuracy": lambda y, p, s, w: sk.accuracy_score(y, p, sample_weight=w),
        "hamming_loss": lambda y, p, s, w: sk.hamming_loss(y, p, sample_weight=w),
        "recall[blue]": lambda y, p, s, w: sk.recall_score(y[:, 2], p[:, 2], sample_weight=w),
        "f1[green]": lambda y, p, s, w: sk.f1_score(y[:, 1], p[:, 1], sample_weight=w),
        "roc_auc[green]": lambda y, p, s, w: sk.roc_auc_score(y[:, 1], s[:, 1], sample_weight=w),
        "average_precision[blue]": lambda y, p, s, w: sk.average_precision_score(y[:, 2], s[:, 2], sample_weight=w),
    }
    options = {"weight": "copies"} if weighted else {}
    result = st.compare(*pair, metrics=list(oracles), by=["region"], task="multilabel", examples=0, **options)
    weights = candidate["copies"].astype(float) if weighted else None
    assert (
        agrees(result, candidate, ("region",), oracles, lambda rows: (truth[rows], said[rows], score[rows]), weights)
        == []
    )


REGRESSION: dict[str, Oracle] = {
    "mean_absolute_error": lambda y, p, s, w: sk.mean_absolute_error(y, p, sample_weight=w),
    "mean_squared_error": lambda y, p, s, w: sk.mean_squared_error(y, p, sample_weight=w),
    "root_mean_squared_error": lambda y, p, s, w: sk.root_mean_squared_error(y, p, sample_weight=w),
    "mean_absolute_percentage_error": lambda y, p, s, w: sk.mean_absolute_percentage_error(y, p, sample_weight=w),
    "r2": lambda y, p, s, w: sk.r2_score(y, p, sample_weight=w),
    "mean_pinball_loss": lambda y, p, s, w: sk.mean_pinball_loss(y, p, sample_weight=w),
    "mean_pinball_loss[0.9]": lambda y, p, s, w: sk.mean_pinball_loss(y, p, alpha=0.9, sample_weight=w),
    "mean_pinball_loss[0.123456789]": lambda y, p, s, w: sk.mean_pinball_loss(y, p, alpha=0.123456789, sample_weight=w),
    "mean_error": lambda y, p, s, w: float(np.average(p - y, weights=w)),
}


@pytest.mark.parametrize(
    ("shift", "zeros", "weighted"), [(0.0, 0, False), (0.0, 5, True), (1e6, 0, False), (-3e4, 0, True)]
)
def test_regression_values_are_those_of_scikit_learn(shift: float, zeros: int, weighted: bool) -> None:
    pair = regression(800, seed=2)
    for table in pair:
        table["target"], table["prediction"] = table["target"] + shift, table["prediction"] + shift
        table["target"][:zeros] = 0.0
    truth, said = pair[1]["target"], pair[1]["prediction"]
    options = {"weight": "copies"} if weighted else {}
    by = ("sex", "region")
    result = st.compare(*pair, metrics=list(REGRESSION), by=by, cross=2, examples=0, **options)
    weights = pair[0]["copies"].astype(float) if weighted else None
    assert agrees(result, pair[1], by, REGRESSION, lambda rows: (truth[rows], said[rows], None), weights) == []


def test_operational_values_are_those_of_numpy() -> None:
    pair = binary(1500, seed=4)
    names = [
        "latency_ms.mean",
        *(f"latency_ms.p{p}" for p in (50, 90, 95, 99)),
        "cost_per_1000",
        "throughput",
        "tokens_per_cost",
    ]
    result = st.compare(*pair, metrics=names, by=["sex"], examples=0)
    for where, rows in groups(pair[1], ("sex",)):
        latency, cost, tokens = (np.asarray(pair[1][name])[rows] for name in ("latency_ms", "cost_usd", "tokens"))
        values = [
            latency.mean(),
            *np.quantile(latency, [0.5, 0.9, 0.95, 0.99]),
            1000 * cost.mean(),
            1000 / latency.mean(),
            tokens.mean() / cost.mean(),
        ]
        for name, value in zip(names, values, strict=True):
            assert found(result, name, where).value == pytest.approx(value, rel=EPS), (name, where)


# Intervals


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_proportions_have_wilson_intervals(level: float) -> None:
    a, b = binary(500, seed=6)
    result = st.compare(
        a,
        b,
        metrics=["accuracy", "precision", "recall", "specificity", "false_positive_rate", "selection_rate"],
        by=["region"],
        level=level,
        examples=0,
    )
    for where, rows in groups(b, ("region",)):
        y, p = np.asarray(b["target"])[rows], np.asarray(b["prediction"])[rows]
        counts = {
            "accuracy": ((y == p).sum(), len(y)),
            "precision": ((y & p).sum(), p.sum()),
            "recall": ((y & p).sum(), y.sum()),
            "specificity": (((1 - y) & (1 - p)).sum(), (1 - y).sum()),
            "false_positive_rate": (((1 - y) & p).sum(), (1 - y).sum()),
            "selection_rate": (p.sum(), len(p)),
        }
        for name, (count, n) in counts.items():
            e = found(result, name, where)
            assert (e.low, e.high) == pytest.approx(
                proportion_confint(count, n, alpha=1 - level, method="wilson"), rel=EPS
            )
            assert e.n == n
            assert e.standard_error == pytest.approx(math.sqrt(count / n * (1 - count / n) / (n - 1)), rel=1e-9)
    f1 = found(result := st.evaluate(b, metrics=["f1"], level=level), "f1", {}, model=0)
    y, p = np.asarray(b["target"]), np.asarray(b["prediction"])
    low, high = proportion_confint((y & p).sum(), (y | p).sum(), alpha=1 - level, method="wilson")
    assert (f1.low, f1.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)), rel=EPS)


def test_no_event_has_the_clopper_pearson_interval() -> None:
    y = np.repeat([0, 1], [300, 40])
    result = st.evaluate({"target": y, "prediction": y}, metrics=["false_positive_rate", "recall"])
    never, always = (found(result, name, {}, model=0) for name in ("false_positive_rate", "recall"))
    assert (never.low, never.high) == pytest.approx(proportion_confint(0, 300, method="beta"), rel=EPS)
    assert never.high == pytest.approx(0.0122, abs=5e-5)
    assert (always.low, always.high) == pytest.approx(proportion_confint(40, 40, method="beta"), rel=EPS)
    assert "Clopper-Pearson" in str(never.method)


def jackknifed(statistic: Callable[[np.ndarray], float], n: int) -> np.ndarray:
    """Infinitesimal jackknife: the derivative of a weighted statistic by each row's weight, times n."""
    step = 1e-4
    psi = np.empty(n)
    for row in range(n):
        up, down = np.ones(n), np.ones(n)
        up[row] += step
        down[row] -= step
        psi[row] = n * (statistic(up) - statistic(down)) / (2 * step)
    return psi


SMOOTH = [
    "balanced_accuracy",
    "f2",
    "f1_macro",
    "f1_weighted",
    "precision_macro",
    "jaccard_micro",
    "matthews_corrcoef",
    "cohen_kappa",
    "precision",
]


def smooth(name: str) -> Oracle:
    return BINARY.get(name) or MULTICLASS[name]


def test_delta_intervals_are_those_of_the_infinitesimal_jackknife() -> None:
    n = 80
    a, b = binary(n, seed=7)
    result = st.compare(a, b, metrics=SMOOTH, examples=0)
    y, (p, q) = np.asarray(a["target"]), (np.asarray(table["prediction"]) for table in (a, b))
    t = stats.t.ppf(0.975, n - 1)
    for name in SMOOTH:
        oracle = smooth(name)
        psi = jackknifed(lambda w, said=q, of=oracle: of(y, said, None, w), n)
        base = jackknifed(lambda w, said=p, of=oracle: of(y, said, None, w), n)
        error, apart = (math.sqrt((x @ x) / (n * (n - 1))) for x in (psi, psi - base))
        e, change = found(result, name, {}), effect(result, name)
        if name != "precision":  # Wilson
            assert e.standard_error == pytest.approx(error, rel=1e-5), name
            assert (e.low, e.high) == pytest.approx((e.value - t * error, e.value + t * error), rel=1e-5), name
        assert change.standard_error == pytest.approx(apart, rel=1e-5), name
        assert (change.low, change.high) == pytest.approx(
            (change.difference - t * apart, change.difference + t * apart), rel=1e-4
        ), name
        assert change.p_value == pytest.approx(2 * stats.t.sf(abs(change.difference) / apart, n - 1), rel=1e-3), name


def test_multiclass_delta_intervals_are_those_of_the_infinitesimal_jackknife() -> None:
    n = 70
    a, b = multiclass(n, seed=9)
    names = [
        "balanced_accuracy",
        "f1_macro",
        "f1_weighted",
        "precision_macro",
        "recall_weighted",
        "matthews_corrcoef",
        "cohen_kappa",
        "jaccard_macro",
    ]
    result = st.compare(a, b, metrics=names, examples=0)
    for name in names:
        psi = [
            jackknifed(lambda w, said=side["prediction"], of=MULTICLASS[name]: of(a["target"], said, None, w), n)
            for side in (a, b)
        ]
        assert found(result, name, {}).standard_error == pytest.approx(
            math.sqrt(psi[1] @ psi[1] / (n * (n - 1))), rel=1e-5
        ), name
        change = psi[1] - psi[0]
        assert effect(result, name).standard_error == pytest.approx(
            math.sqrt(change @ change / (n * (n - 1))), rel=1e-5
        ), name


def test_regression_delta_intervals_are_those_of_the_infinitesimal_jackknife() -> None:
    n = 120
    a, b = regression(n, seed=9)
    result = st.compare(a, b, metrics=["root_mean_squared_error", "r2"], examples=0)
    for name in ("root_mean_squared_error", "r2"):
        psi = [
            jackknifed(lambda w, said=side["prediction"], of=REGRESSION[name]: of(a["target"], said, None, w), n)
            for side in (a, b)
        ]
        assert found(result, name, {}).standard_error == pytest.approx(
            math.sqrt(psi[1] @ psi[1] / (n * (n - 1))), rel=1e-5
        ), name
        change = psi[1] - psi[0]
        assert effect(result, name).standard_error == pytest.approx(
            math.sqrt(change @ change / (n * (n - 1))), rel=1e-5
        ), name


def test_differences_of_losses_are_paired_t_tests() -> None:
    a, b = binary(600, seed=11)
    result = st.compare(a, b, metrics=["log_loss", "brier_score", "latency_ms.mean"], by=["sex"], examples=0)
    for where, rows in groups(a, ("sex",)):
        y = np.asarray(a["target"])[rows]
        s, r = (np.clip(np.asarray(table["score"])[rows], 2.220446049250313e-16, 1) for table in (a, b))
        each = {
            "log_loss": [-np.log(np.clip(np.where(y == 1, x, 1 - x), 2.220446049250313e-16, None)) for x in (s, r)],
            "brier_score": [(x - y) ** 2 for x in (s, r)],
            "latency_ms.mean": [np.asarray(table["latency_ms"])[rows] for table in (a, b)],
        }
        for name, (first, second) in each.items():
            test = stats.ttest_rel(second, first)
            e = effect(result, name, where)
            assert e.difference == pytest.approx((second - first).mean(), rel=1e-8)
            assert e.p_value == pytest.approx(test.pvalue, rel=1e-6), name
            if not where:
                limits = test.confidence_interval(0.95)
                assert (e.low, e.high) == pytest.approx((limits.low, limits.high), rel=1e-7), name


def tango(gained: int, lost: int, n: int, z: float) -> tuple[float, float]:
    """Tango's limits as roots of his score, the restricted estimate found by maximising the likelihood itself."""

    def score(d: float) -> float:
        def unlikely(q: float) -> float:  # q: share lost, q + d: share gained
            rest = 1 - 2 * q - d
            parts = ((gained, q + d), (lost, q), (n - gained - lost, rest))
            return -sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

        low, high = max(0.0, -d), (1 - d) / 2
        q = float(optimize.minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-14}).x)
        return (gained - lost - n * d) / math.sqrt(n * (2 * q + d - d * d))

    middle = (gained - lost) / n
    return (
        optimize.brentq(lambda d: score(d) - z, -1 + 1e-9, middle - 1e-9),
        optimize.brentq(lambda d: score(d) + z, middle + 1e-9, 1 - 1e-9),
    )


def test_paired_proportions_have_tangos_interval() -> None:
    a, b = binary(300, seed=12)
    result = st.compare(a, b, metrics=["accuracy", "recall", "specificity"], by=["sex"], examples=0)
    for where, rows in groups(a, ("sex",)):
        y, p, q = (np.asarray(column)[rows] for column in (a["target"], a["prediction"], b["prediction"]))
        for name, kept in (("accuracy", y >= 0), ("recall", y == 1), ("specificity", y == 0)):
            right, now = (p == y)[kept], (q == y)[kept]
            gained, lost, n = (now & ~right).sum(), (right & ~now).sum(), len(now)
            e = effect(result, name, where)
            assert e.n == n
            assert e.difference == pytest.approx((gained - lost) / n, abs=1e-12)
            assert (e.low, e.high) == pytest.approx(
                tango(gained, lost, n, stats.norm.isf((1 - e.level) / 2)), abs=1e-6
            ), name
            assert e.p_value == pytest.approx(
                2 * stats.norm.sf(abs(gained - lost) / math.sqrt(gained + lost)), rel=1e-9
            )


def placements(score: np.ndarray, label: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """DeLong's structural components, by comparing every positive with every negative."""
    positive, negative = score[label == 1], score[label == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return wins.mean(), wins.mean(axis=1), wins.mean(axis=0)


def test_auc_has_delongs_interval_and_difference() -> None:
    a, b = binary(500, seed=13)
    y = np.asarray(a["target"])
    result = st.compare(a, b, metrics=["roc_auc"], examples=0)
    (first, p1, n1), (second, p2, n2) = (placements(np.asarray(table["score"]), y) for table in (a, b))
    parts = p2.var(ddof=1) / len(p2), n2.var(ddof=1) / len(n2)
    error = math.sqrt(sum(parts))
    df = sum(parts) ** 2 / (parts[0] ** 2 / (len(p2) - 1) + parts[1] ** 2 / (len(n2) - 1))
    # placements of Hanley and McNeil's model are Beta(a, 1): a variance of theirs has fewer degrees of freedom
    df *= 2 / (2 + max(float(stats.beta(second / (1 - second), 1).stats("k")), 0.0))
    e, change = found(result, "roc_auc", {}), effect(result, "roc_auc")
    assert e.value == pytest.approx(second, abs=1e-12)
    assert e.standard_error == pytest.approx(error, rel=1e-9)
    reach = stats.t.isf(0.025, df) * error / (second * (1 - second))
    logit = math.log(second / (1 - second))
    assert (e.low, e.high) == pytest.approx([1 / (1 + math.exp(-(logit + side * reach))) for side in (-1, 1)], rel=1e-9)
    apart = (p2 - p1).var(ddof=1) / len(p1) + (n2 - n1).var(ddof=1) / len(n1)
    assert change.difference == pytest.approx(second - first, abs=1e-12)
    assert change.standard_error == pytest.approx(math.sqrt(apart), rel=1e-9)


def cr2(y: np.ndarray, cluster: np.ndarray) -> tuple[float, float]:
    """CR2 variance of a mean and Bell and McCaffrey's degrees of freedom, by the matrices of the definition."""
    names, n = np.unique(cluster), len(y)
    x = np.ones((n, 1))
    bread = np.linalg.inv(x.T @ x)
    residual = y - y.mean()
    hat = np.eye(n) - x @ bread @ x.T
    total, columns = 0.0, []
    for name in names:
        rows = cluster == name
        block = np.eye(rows.sum()) - x[rows] @ bread @ x[rows].T
        values, vectors = np.linalg.eigh(block)
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        total += float((bread @ x[rows].T @ root @ residual[rows])[0]) ** 2
        columns.append(hat[rows].T @ root @ x[rows] @ bread)
    g = np.concatenate(columns, axis=1)
    gram = g.T @ g
    return total, float(np.trace(gram) ** 2 / np.trace(gram @ gram))


def test_clusters_have_cr2_variance_and_bell_mccaffrey_degrees_of_freedom() -> None:
    a, b = binary(240, seed=14)
    household = np.random.default_rng(3).integers(0, 40, 240) ** 2 // 40
    for table in (a, b):
        table["household"] = household
    result = st.compare(a, b, metrics=["accuracy", "brier_score", "latency_ms.mean"], cluster="household", examples=0)
    y = np.asarray(a["target"])
    each = {
        "accuracy": [(np.asarray(table["prediction"]) == y).astype(float) for table in (a, b)],
        "brier_score": [(np.asarray(table["score"]) - y) ** 2 for table in (a, b)],
        "latency_ms.mean": [np.asarray(table["latency_ms"]) for table in (a, b)],
    }
    for name, (first, second) in each.items():
        variance, df = cr2(second - first, household)
        e = effect(result, name)
        reach = stats.t.ppf(0.975, df) * math.sqrt(variance)
        assert e.standard_error == pytest.approx(math.sqrt(variance), rel=EPS), name
        assert (e.low, e.high) == pytest.approx((e.difference - reach, e.difference + reach), rel=1e-8), name
        assert e.unit == "household"
        own, its = cr2(second, household)
        value = found(result, name, {})
        assert value.standard_error == pytest.approx(math.sqrt(own), rel=EPS), name
        if name != "accuracy":
            half = stats.t.ppf(0.975, its) * math.sqrt(own)
            assert (value.low, value.high) == pytest.approx((value.value - half, value.value + half), rel=1e-8)


def test_sampling_weights_have_the_design_based_variance() -> None:
    a, b = binary(400, seed=15)
    w = np.random.default_rng(1).gamma(2, 1, 400)
    for table in (a, b):
        table["copies"] = w
    result = st.compare(a, b, metrics=["accuracy", "brier_score"], weight="copies", examples=0)
    y, n = np.asarray(a["target"]), 400
    each = {
        "accuracy": [(np.asarray(table["prediction"]) == y).astype(float) for table in (a, b)],
        "brier_score": [(np.asarray(table["score"]) - y) ** 2 for table in (a, b)],
    }
    for name, (first, second) in each.items():
        for values, e in ((second, found(result, name, {})), (second - first, effect(result, name))):
            mean = np.average(values, weights=w)
            error = math.sqrt(n / (n - 1) * (w**2 @ (values - mean) ** 2)) / w.sum()
            assert e.standard_error == pytest.approx(error, rel=EPS)
            if name == "brier_score":
                reach = stats.t.ppf(0.975, n - 1) * error
                assert (e.low, e.high) == pytest.approx((mean - reach, mean + reach), rel=1e-8)
    e = found(result, "accuracy", {})
    values = each["accuracy"][1]
    variance = n / (n - 1) * (w**2 @ (values - e.value) ** 2) / w.sum() ** 2
    worth = 1 + e.value * (1 - e.value) / variance
    assert (e.low, e.high) == pytest.approx(proportion_confint(e.value * worth, worth, method="wilson"), rel=EPS)


def test_quantiles_have_limits_by_order_statistics() -> None:
    table = binary(700, seed=16)[1]
    result = st.evaluate(table, metrics=["latency_ms.p50", "latency_ms.p95"])
    ordered = np.sort(table["latency_ms"])
    for share in (0.5, 0.95):
        e = found(result, f"latency_ms.p{share * 100:.0f}", {}, model=0)
        below = [k for k in range(700) if stats.binom.cdf(k, 700, share) <= 0.025]
        above = [k for k in range(701) if stats.binom.sf(k - 1, 700, share) <= 0.025]
        assert (e.low, e.high) == (ordered[below[-1]], ordered[above[0] - 1])


def test_slices_are_the_groups_of_fairlearn() -> None:
    a, b = binary(800, seed=17)
    y, p = np.asarray(b["target"]), np.asarray(b["prediction"])
    result = st.compare(
        a, b, metrics=["accuracy", "recall", "selection_rate"], by=["sex", "region"], cross=2, examples=0
    )
    frame = MetricFrame(
        metrics={"accuracy": sk.accuracy_score, "recall": sk.recall_score, "selection_rate": lambda y, p: p.mean()},
        y_true=y,
        y_pred=p,
        sensitive_features=pd.DataFrame({"sex": b["sex"], "region": b["region"]}),
    )
    for (sex, region), row in frame.by_group.iterrows():
        for name, value in row.items():
            assert found(result, str(name), {"sex": sex, "region": region}).value == pytest.approx(value, rel=EPS)


def test_weighted_quantiles_are_the_mean_of_the_weighted_quantile_function() -> None:
    table = binary(500, seed=18)[1]
    w = np.random.default_rng(2).gamma(2, 1, 500)
    table["copies"] = w
    e = found(st.evaluate(table, metrics=["latency_ms.p90"], weight="copies"), "latency_ms.p90", {}, model=0)
    order = np.argsort(table["latency_ms"])
    upto = np.cumsum(w[order]) / w.sum()
    kish = w.sum() ** 2 / (w @ w)
    h = (kish - 1) * 0.9 + 1
    at = np.linspace((h - 1) / kish, h / kish, 400_001)[1:] - 0.5 / kish / 400_000
    mean = np.asarray(table["latency_ms"])[order][np.searchsorted(upto, at)].mean()
    assert e.value == pytest.approx(mean, rel=1e-5)
