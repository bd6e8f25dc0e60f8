"""A stranger's metric in one file: functions of any kind by the bootstrap, and metric objects of every kind."""

import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk
from tests.contracts.tables import binary, multiclass, multilabel, regression

import seatrial as st
from seatrial.effects import resampled
from seatrial.metrics.base import Averaged, Formula, Marginal, MarginalValue, PerClass, Ranked, Resampled
from seatrial.metrics.base import Quantile as QuantileMetric


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampled, "DRAWS", 300)


def error_rate(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Share of rows predicted wrong."""
    return float(np.mean(y_true != y_pred))


def score_gap(y_true: np.ndarray, y_score: np.ndarray) -> float:
    return float(y_score[y_true == 1].mean() - y_score[y_true == 0].mean())


def fails(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    raise ValueError("not today")


def value(result: st.Result, metric: str, model: int = 1, **where: str) -> float | None:
    name = result.scorecard.models[model]
    return next(e.value for e in result.estimates if e.metric == metric and e.model == name and e.slice == where)


def test_functions_have_their_values_and_bootstrap_intervals() -> None:
    a, b = binary(300)
    result = st.compare(a, b, metrics=[error_rate, score_gap, sk.fowlkes_mallows_score], by=["sex"], examples=0)
    y, p, s = (np.asarray(b[name]) for name in ("target", "prediction", "score"))
    held = np.asarray(b["sex"]) == "F"
    assert value(result, "error_rate") == (y != p).mean()
    assert value(result, "error_rate", sex="F") == (y != p)[held].mean()
    assert value(result, "score_gap") == pytest.approx(s[y == 1].mean() - s[y == 0].mean())
    assert value(result, "fowlkes_mallows_score") == pytest.approx(sk.fowlkes_mallows_score(y, p))
    e = next(e for e in result.estimates if e.metric == "error_rate" and e.model == "table (2)" and not e.slice)
    assert e.standard_error == pytest.approx(stats.sem(y != p), rel=0.15)
    assert e.low < e.value < e.high
    f = next(f for f in result.effects if f.metric == "error_rate" and not f.slice)
    each = [(np.asarray(table["prediction"]) != y).astype(float) for table in (a, b)]
    assert f.difference == pytest.approx((each[1] - each[0]).mean())
    assert f.standard_error == pytest.approx(stats.sem(each[1] - each[0]), rel=0.15)
    assert (f.p_value < 0.05) == (f.low > 0 or f.high < 0)
    assert "bootstrap" in f.method


def test_a_function_that_takes_weights_is_given_them() -> None:
    a, b = binary(300)
    result = st.compare(a, b, metrics=[sk.hinge_loss, sk.zero_one_loss, error_rate], weight="copies", examples=0)
    y, p, w = (np.asarray(b[name]) for name in ("target", "prediction", "copies"))
    assert value(result, "zero_one_loss") == pytest.approx(sk.zero_one_loss(y, p, sample_weight=w))
    refused = next(e for e in result.estimates if e.metric == "error_rate")
    assert refused.value is None
    assert "sample_weight" in str(refused.reason)
    counted = st.compare(a, b, metrics=[error_rate], weight="copies", weights="counts", examples=0)
    assert value(counted, "error_rate") == pytest.approx(np.average(y != p, weights=w))


def test_a_function_that_fails_says_why_and_the_others_stay() -> None:
    a, b = binary(200)

    def none_of_a_class(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        if len(y_true) < 150:
            raise RuntimeError("too short")
        return float(np.mean(y_true == y_pred))

    result = st.compare(a, b, metrics=[fails, none_of_a_class, "accuracy"], by=["sex"], examples=0)
    broken = next(e for e in result.estimates if e.metric == "fails")
    assert broken.reason == "the function raised ValueError: not today"
    assert value(result, "none_of_a_class") == value(result, "accuracy")
    sliced = [e for e in result.estimates if e.metric == "none_of_a_class" and e.slice]
    assert all(e.reason == "the function raised RuntimeError: too short" for e in sliced)
    assert all(f.word == "cannot tell" and f.reason for f in result.effects if f.metric == "fails")


def test_a_function_that_fails_for_one_version_keeps_the_other() -> None:
    a, b = binary(200)
    a["prediction"] = np.ones(200, dtype=int)

    def spread(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return float(y_pred.std()) if y_pred.std() > 0 else float("nan")

    result = st.compare(a, b, metrics=[spread], examples=0)
    first, second = result.estimates
    assert (first.value, first.reason) == (None, "the function returned nan")
    assert second.value == pytest.approx(np.std(b["prediction"]))
    assert second.low < second.value < second.high
    assert result.effects[0].reason == "the function returned nan"


def test_a_functions_warnings_are_notes() -> None:
    _, b = binary(200)

    def loud(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        warnings.warn("careful", stacklevel=1)
        return float(y_pred.mean())

    e = st.evaluate(b, metrics=[loud]).estimates[0]
    assert e.value == np.mean(b["prediction"])
    assert "the function warned: careful" in e.notes
    assert e.low is not None


def test_clusters_are_drawn_whole() -> None:
    a, b = binary(400)
    household = np.arange(400) // 20
    shift = np.random.default_rng(0).integers(0, 2, 20)[household]
    for table in (a, b):
        table["household"] = household
        table["prediction"] = np.where(shift == 1, table["target"], 1 - np.asarray(table["target"]))
    apart = st.evaluate(b, metrics=[error_rate]).estimates[0]
    together = st.evaluate(b, metrics=[error_rate], cluster="household").estimates[0]
    assert together.value == apart.value
    assert together.standard_error > 3 * apart.standard_error
    assert together.unit == "household"


def test_classes_are_what_the_file_says() -> None:
    rng = np.random.default_rng(0)
    stars = rng.integers(1, 13, 300)  # as text, "10" would come before "2"
    table = {"target": stars, "prediction": np.clip(stars + rng.integers(-2, 3, 300), 1, 12)}

    def ordinal(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return float(sk.cohen_kappa_score(y_true, y_pred, weights="quadratic"))

    e = st.evaluate(table, metrics=[ordinal, sk.mean_absolute_error], task="multiclass").estimates
    assert e[0].value == pytest.approx(sk.cohen_kappa_score(table["target"], table["prediction"], weights="quadratic"))
    assert e[1].value == pytest.approx(np.abs(table["target"] - table["prediction"]).mean())
    _, b = multiclass(200)
    words: list[set[str]] = []

    def seen(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        words.append({str(label) for label in y_true})
        return float(np.mean(y_true == y_pred))

    assert st.evaluate(b, metrics=[seen]).estimates[0].value == pytest.approx(np.mean(b["target"] == b["prediction"]))
    assert words[0] == {"ant", "bee", "cat", "dog"}


def test_functions_of_class_scores_and_of_numbers() -> None:
    _, b = multiclass(200)

    def top_two(y_true: np.ndarray, y_score: np.ndarray) -> float:
        return float(sk.top_k_accuracy_score(y_true, y_score, k=2, labels=["ant", "bee", "cat", "dog"]))

    scores = np.stack([b[f"score_{name}"] for name in ("ant", "bee", "cat", "dog")], axis=1)
    expected = sk.top_k_accuracy_score(b["target"], scores, k=2, labels=["ant", "bee", "cat", "dog"])
    assert st.evaluate(b, metrics=[top_two]).estimates[0].value == pytest.approx(expected)
    _, b = regression(200)
    found = st.evaluate(b, metrics=[sk.median_absolute_error, sk.max_error]).estimates
    assert [e.value for e in found] == [
        pytest.approx(f(b["target"], b["prediction"])) for f in (sk.median_absolute_error, sk.max_error)
    ]
    _, b = multilabel(100)
    with pytest.raises(st.UsageError, match="one target a row"):
        st.evaluate(b, metrics=[error_rate], task="multilabel").estimates  # noqa: B018


def test_functions_by_dotted_path_and_from_a_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(
        textwrap.dedent("""
        from seatrial.metrics.base import Formula

        def wrong(y_true, y_pred):
            return float((y_true != y_pred).mean())

        net = Formula(name="net", summary="gain less loss", formula="10*tp - fp", margin=0.5, lowest=None, highest=None)
        """)
    )
    a, b = binary(200)
    asked = [
        "sklearn.metrics:hamming_loss",
        "own=sklearn.metrics:zero_one_loss",
        f"{mine}:wrong",
        f"w={mine}:wrong",
        f"{mine}:net",
    ]
    result = st.compare(a, b, metrics=asked, examples=0)
    y, p = np.asarray(b["target"]), np.asarray(b["prediction"])
    for name in ("hamming_loss", "own", "wrong", "w"):
        assert value(result, name) == pytest.approx((y != p).mean())
    assert value(result, "net") == pytest.approx(10 * (y & p).mean() - ((1 - y) & p).mean())
    assert next(e for e in result.effects if e.metric == "net").margin == 0.5
    for wrong, says in (
        (f"{mine}:nothing", "has no 'nothing'"),
        (f"{tmp_path / 'none.py'}:f", "there is no file"),
        ("sklearn.metrics:acuracy_score", "Did you mean"),
        ("no.such.module:f", "cannot be loaded"),
    ):
        with pytest.raises(st.UsageError, match=says):
            st.compare(a, b, metrics=[wrong], examples=0)
    assert "mine" not in sys.modules


def _hits(hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> MarginalValue:
    """Accuracy once more, as a stranger would write it."""
    ones = np.ones_like(hits)
    return MarginalValue(
        value=hits.sum(axis=1), by_hits=ones, by_predicted=0 * ones, by_actual=0 * ones, reason="never"
    )


def test_metric_objects_of_a_stranger() -> None:
    a, b = multiclass(400)
    metrics = [
        Formula(name="right", summary="share right", formula="mean(target == prediction)"),
        PerClass(name="found", summary="recall of bees", formula="tp / (tp + fn)", label="bee"),
        Averaged(
            name="mean_recall",
            summary="mean recall",
            formula="mean recall",
            per_class="tp / (tp + fn)",
            average="macro",
        ),
        Averaged(
            name="precision_like", summary="pooled odds", formula="pooled", per_class="tp / (fp + fn)", average="micro"
        ),
        Marginal(name="hits", summary="share right", formula="sum of hits", function=_hits),
        Ranked(name="bees", summary="AUC of bees", formula="auc", statistic="roc_auc", classes="bee"),
        QuantileMetric(
            name="slow",
            summary="p75",
            formula="p75",
            column="latency_ms",
            probability=0.75,
            higher_is_better=False,
            margin_is_relative=True,
            margin=0.05,
            lowest=None,
            highest=None,
        ),
        Resampled(name="own", summary="error", formula="error", function=error_rate, higher_is_better=False),
    ]
    result = st.compare(a, b, metrics=metrics, by=["sex"], examples=0)
    y, p = np.asarray(b["target"]), np.asarray(b["prediction"])
    right = (y == p).mean()
    expected = {
        "right": right,
        "found": (p[y == "bee"] == "bee").mean(),
        "mean_recall": sk.balanced_accuracy_score(y, p),
        "precision_like": right / (2 * (1 - right)),
        "hits": right,
        "bees": sk.roc_auc_score(y == "bee", b["score_bee"]),
        "slow": np.quantile(b["latency_ms"], 0.75),
        "own": 1 - right,
    }
    for name, number in expected.items():
        assert value(result, name) == pytest.approx(number, rel=1e-12), name
    errors = {e.metric: e.standard_error for e in result.estimates if e.model == "table (2)" and not e.slice}
    assert errors["hits"] == pytest.approx(errors["right"], rel=1e-9)
    pooled = next(
        e for e in result.estimates if e.metric == "precision_like" and e.model == "table (2)" and not e.slice
    )
    slope = (1 + right / (1 - right)) / (2 * (1 - right))
    assert pooled.standard_error == pytest.approx(slope * errors["right"], rel=1e-9)
    assert pooled.method == "delta method, t"


def test_less_is_better_where_it_is_said() -> None:
    a, b = binary(900)
    for options, word in (({}, "worse"), ({"lower_is_better": ["error_rate"]}, "better")):
        f = st.compare(a, b, metrics=[error_rate], examples=0, **options).effects[0]
        assert f.difference < 0
        assert f.word == word


def test_the_same_seed_gives_the_same_draws() -> None:
    a, b = binary(200)
    one, other, third = (st.compare(a, b, metrics=[error_rate], seed=seed, examples=0).effects[0] for seed in (1, 1, 2))
    assert one == other
    assert (one.low, one.high) != (third.low, third.high)
