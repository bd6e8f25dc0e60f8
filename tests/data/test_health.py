"""The facts of the data, counted by hand."""

from typing import Any

import pandas as pd
import pytest

from seatrial.data.align import align
from seatrial.data.health import DataFacts, data_facts
from seatrial.data.predictions import read_models

Rows = dict[str, Any]


def _facts(*tables: Rows, **options: Any) -> DataFacts:
    predictions = read_models(list(tables), **options)
    return data_facts(align(predictions), predictions)


def _rows(n: int = 40) -> Rows:
    return {
        "id": [f"e{at}" for at in range(n)],
        "y": [1 if at % 4 == 0 else 0 for at in range(n)],
        "pred": [1 if at % 5 == 0 else 0 for at in range(n)],
        "score": [(at % 10) / 10 for at in range(n)],
    }


def test_counts() -> None:
    other = _rows()
    other["id"] = [*other["id"][:38], "e0", None]
    other["y"] = [1, *other["y"][1:]]
    other["y"][1] = 1
    other["score"] = [1.5, -0.1, float("nan"), *other["score"][3:]]
    other["pred"] = [None, *other["pred"][1:]]
    facts = _facts(_rows(), other)
    first, second = facts.sides
    assert facts.n == 38
    assert facts.matched_share == pytest.approx(38 / 40)
    assert (first.unmatched, second.unmatched) == (2, 1)
    assert (second.duplicate_ids, second.missing_ids) == (1, 1)
    assert (second.target_disagreements, second.disagreeing_ids) == (1, ("e1",))
    assert (first.scores_out_of_range, second.scores_out_of_range) == (0, 2)
    assert (second.missing_scores, second.missing_predictions) == (1, 1)
    assert (first.identical, second.identical) == (True, False)
    assert second.target_labels == ("0", "1")
    assert facts.class_counts == (("0", 28), ("1", 10))
    assert facts.rarest_class == ("1", pytest.approx(10 / 38))
    assert facts.majority_class == ("0", pytest.approx(28 / 38))


def test_identical_outputs_are_seen() -> None:
    facts = _facts({**_rows(), "latency_ms": [1] * 40}, {**_rows(), "latency_ms": [2] * 40})
    assert facts.sides[1].identical
    assert facts.sides[1].identical_values == ()
    changed = _rows()
    changed["score"][7] += 1e-12
    assert not _facts(_rows(), changed).sides[1].identical
    without = _rows()
    del without["score"]
    assert not _facts(_rows(), without).sides[1].identical


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (lambda rows: list(rows["y"]), "equal"),
        (lambda rows: [float(one) for one in rows["y"]], "equal"),
        (lambda rows: ["high" if one else "low" for one in rows["y"]], "one-to-one"),
        (lambda rows: [3 + one for one in rows["y"]], "one-to-one"),
    ],
)
def test_a_feature_that_tells_the_target_is_a_leak(column: Any, kind: str) -> None:
    rows = _rows(400)
    facts = _facts({**rows, "income_band": column(rows), "age": list(range(400))})
    assert [(leak.column, leak.kind) for leak in facts.leaks] == [("income_band", kind)]


def test_what_only_nearly_tells_the_target_is_none() -> None:
    rows = _rows(5000)
    nearly = list(rows["y"])
    nearly[4999] = 1 - nearly[4999]
    missing = [None if at % 50 == 0 else one for at, one in enumerate(rows["y"])]
    finer = [f"{one}{at % 2}" for at, one in enumerate(rows["y"])]
    facts = _facts(
        {**rows, "nearly": nearly, "missing": missing, "finer": finer, "constant": [1] * 5000, "label": rows["y"]},
        target="y",
    )
    assert facts.leaks == ()


def test_outputs_and_models_are_no_leaks() -> None:
    rows = _rows(60)
    table = {"id": rows["id"], "label": rows["y"], "perfect": rows["y"], "other": rows["pred"], "third": rows["y"]}
    predictions = read_models([pd.DataFrame(table)], models=["perfect", "other"])
    assert data_facts(align(predictions), predictions).leaks == ()
    assert _facts({**rows, "pred": rows["y"]}).leaks == ()


def test_a_leak_among_one_models_rows_of_a_long_file() -> None:
    rows = pd.DataFrame(_rows(50))
    long = pd.concat([rows.assign(model="a", leak=rows["y"]), rows.assign(model="b", leak=0)])
    predictions = read_models([long])
    found = data_facts(align(predictions), predictions)
    assert found.leaks == ()


def test_multilabel_and_regression_counts() -> None:
    labels = {
        "id": [1, 2, 3],
        "target_a": [0, 1, 1],
        "prediction_a": [0, 1, 0],
        "target_b": [0, 0, None],
        "prediction_b": [0, 0, 0],
    }
    facts = _facts(labels)
    assert facts.class_counts == (("a", 2), ("b", 0))
    assert facts.missing_targets == 1
    numbers = _facts({"id": [1, 2, 3], "y": [0.5, None, 1.5], "pred": [1, 2, 3]})
    assert (numbers.class_counts, numbers.missing_targets, numbers.rarest_class) == ((), 1, None)
