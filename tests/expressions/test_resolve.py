"""What names stand for."""

import pytest

from seatrial.errors import UsageError
from seatrial.expressions import (
    MetricRef,
    Node,
    col,
    columns,
    depends_only_on,
    mean,
    metric,
    parse,
    resolve,
    share,
    target,
)

METRICS: dict[str, object] = {
    "precision": parse("tp / (tp + fp)"),
    "accuracy": parse("mean(target == prediction)"),
    "roc_auc": object(),
    "twice": parse("2 * roc_auc"),
    "better": parse("twice + precision"),
    "loop": parse("pool + 1"),
    "pool": parse("loop + 1"),
}
COLUMNS = ["target", "prediction", "score", "latency_ms", "revenue", "tn", "any name"]


def _resolved(text: str, **given: object) -> Node:
    return resolve(parse(text), **{"columns": COLUMNS, "metrics": METRICS, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("precision", "tp / (tp + fp)"),
        ("latency_ms", "mean(latency_ms)"),
        ("score", "mean(score)"),
        ("col('any name') / 2", "mean(col('any name')) / 2"),
        ("better", "2 * metric('roc_auc') + tp / (tp + fp)"),
        ("precision['a']", "tp['a'] / (tp['a'] + fp['a'])"),
        ("twice['a']", "2 * metric('roc_auc')['a']"),
        ("share('tn')", "tn"),
        ("metric('accuracy') - tp", "mean(target == prediction) - tp"),
        ("sum(revenue) / count()", "sum(revenue) / count()"),
    ],
)
def test_names(text: str, meaning: str) -> None:
    assert _resolved(text).same(parse(meaning))


def test_metrics_that_are_no_formulas_stay_references() -> None:
    assert isinstance(_resolved("roc_auc"), MetricRef)
    assert _resolved("roc_auc['cat']").same(metric("roc_auc", "cat"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("precison", "Did you mean 'precision'"),
        ("mean(latency)", "no column 'latency'. Did you mean 'latency_ms'"),
        ("col('revenu')", "Did you mean 'revenue'"),
        ("latency.p95", "Did you mean 'latency_ms'"),
        ("mean(x, where=y > 1)", "no column 'x'"),
        ("mean(revenue, where=y > 1)", "no column 'y'"),
        ("metric('acuracy')", "Did you mean 'accuracy'"),
        ("tn", "col('tn')"),
        ("loop", "defined by itself: loop -> pool -> loop"),
        ("accuracy['a']", "no value for one class"),
        ("latency_ms['a']", "only a metric has a value for one class"),
        ("1 + 1", "nothing to measure"),
        ("'tp'", "inside mean"),
    ],
)
def test_refusals(text: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        _resolved(text)
    assert says in str(refused.value)


def test_a_name_that_is_metric_and_column_is_refused_and_the_fix_works() -> None:
    both = [*COLUMNS, "accuracy"]
    with pytest.raises(UsageError, match=r"col\('accuracy'\)"):
        _resolved("accuracy", columns=both)
    assert _resolved("col('accuracy')", columns=both).same(mean(col("accuracy")))
    assert _resolved("metric('accuracy')", columns=both).same(parse("mean(target == prediction)"))
    assert _resolved("mean(accuracy)", columns=both).same(mean(col("accuracy")))


def test_the_catalogues_own_formulas_do_not_collide() -> None:
    assert _resolved("tn + precision", columns=[*COLUMNS, "precision"], collisions=False).same(
        parse("tn + tp / (tp + fp)")
    )
    # nor does a formula met by name
    assert resolve(parse("s"), columns=["tp"], metrics={"s": parse("tp + fp")}).same(parse("tp + fp"))


def test_python_trees_are_checked_alike() -> None:
    with pytest.raises(UsageError, match="inside mean"):
        resolve(target == "a", columns=COLUMNS, metrics={})
    assert resolve(120 * share("tp") - col("revenue"), columns=["tp", "revenue"], metrics={}).same(
        parse("120*tp - mean(revenue)")
    )
    deep: Node = share("tp")
    for _ in range(300):
        deep = deep + 1
    with pytest.raises(UsageError, match="deep"):
        resolve(deep, columns=[], metrics={})


def test_what_a_formula_reads() -> None:
    tree = _resolved("tp + mean(revenue, where=score > 0.5) + latency_ms.p95")
    assert columns(tree) == ("target", "prediction", "score", "revenue", "latency_ms")
    roles = {"target", "prediction"}
    assert depends_only_on(_resolved("accuracy + precision"), roles)
    assert not depends_only_on(tree, roles)
    assert not depends_only_on(_resolved("roc_auc"), roles)
