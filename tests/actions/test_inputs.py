"""Everything that can be handed in gives the same answer; results come back as data frames, text and a page."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seatrial as st

N = 240
FIRST = {"a": [0, 1, 1, 0, 1, 0], "b": [0, 1, 0, 0, 1, 1]}


def _table(flip: int) -> pd.DataFrame:
    rows = np.arange(N)
    target = rows % 2
    prediction = np.where(rows % flip == 0, 1 - target, target)
    return pd.DataFrame({
        "id": [f"e{r}" for r in rows], "y_true": target, "y_pred": prediction,
        "y_score": np.round(np.where(prediction == 1, 0.55, 0.15) + (rows % 37) / 100, 4),
        "sex": np.where(rows % 3 == 0, "f", "m"), "latency_ms": 10.0 + rows % 7 + flip,
    })  # fmt: skip


@pytest.fixture(scope="module")
def wanted() -> tuple[Any, ...]:
    return _said(st.compare(_table(5), _table(8)))


def _said(result: Any) -> tuple[Any, ...]:
    return tuple((e.metric, e.n, e.difference, e.low, e.high, e.word) for e in result.effects)


def _csv(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path, index=False)
    return path


def _squeezed(path: Path, table: pd.DataFrame) -> Path:
    path.write_bytes(gzip.compress(table.to_csv(index=False).encode()))
    return path


def _zstandard(path: Path, table: pd.DataFrame) -> Path:
    import pyarrow as pa

    with pa.output_stream(str(path), compression="zstd") as out:
        out.write(table.to_csv(index=False).encode())
    return path


def _lines(path: Path, table: pd.DataFrame) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_dict("records")))
    return path


def _array(path: Path, table: pd.DataFrame) -> Path:
    path.write_text(json.dumps(table.to_dict("records")))
    return path


def _feather(path: Path, table: pd.DataFrame) -> Path:
    table.to_feather(path)
    return path


def _tabs(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path, index=False, sep="\t")
    return path


def _parquet(path: Path, table: pd.DataFrame) -> Path:
    table.to_parquet(path)
    return path


FILES: dict[str, Callable[[Path, pd.DataFrame], Path]] = {
    "x.csv": _csv,
    "x.csv.gz": _squeezed,
    "x.csv.zst": _zstandard,
    "x.tsv": _tabs,
    "x.json": _array,
    "x.jsonl": _lines,
    "x.parquet": _parquet,
    "x.feather": _feather,
    "x.arrow": _feather,
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file(name: str, tmp_path: Path, wanted: tuple[Any, ...]) -> None:
    one = FILES[name](tmp_path / f"a_{name}", _table(5))
    two = FILES[name](tmp_path / f"b_{name}", _table(8))
    assert _said(st.compare(one, two)) == wanted
    assert _said(st.compare(str(one), _table(8))) == wanted, "a file against a data frame"


def _duckdb(table: pd.DataFrame) -> Any:
    import duckdb

    return duckdb.from_df(table)


def _ibis(table: pd.DataFrame) -> Any:
    ibis = pytest.importorskip("ibis")
    import pyarrow

    return ibis.memtable(pyarrow.Table.from_pandas(table, preserve_index=False))


TABLES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda t: t,
    "polars": lambda t: __import__("polars").from_pandas(t),
    "pyarrow": lambda t: __import__("pyarrow").Table.from_pandas(t, preserve_index=False),
    "numpy arrays": lambda t: {c: t[c].to_numpy() for c in t},
    "lists": lambda t: {c: t[c].tolist() for c in t},
    "duckdb": _duckdb,
    "ibis": _ibis,
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_table(name: str, wanted: tuple[Any, ...]) -> None:
    make = TABLES[name]
    assert _said(st.compare(make(_table(5)), make(_table(8)))) == wanted


SPELLINGS = [
    ("id", "y_true", "y_pred", "y_score"),
    ("ID", "Target", "Prediction", "Score"),
    ("example_id", "ground_truth", "predicted", "probability"),
    ("index", "label", "prediction", "prob"),
    ("sample_id", "actual", "pred", "proba"),
    ("uuid", "gold", "yhat", "confidence"),
    ("Row ID", "True Label", "Predicted Label", "Y Score"),
    ("image", "class", "predicted_class", "p_1"),
]


@pytest.mark.parametrize("names", SPELLINGS)
def test_many_spellings_of_columns_need_no_option(
    names: tuple[str, ...], tmp_path: Path, wanted: tuple[Any, ...]
) -> None:
    new = dict(zip(("id", "y_true", "y_pred", "y_score"), names, strict=True))
    files = []
    for letter, flip in (("a", 5), ("b", 8)):
        files.append(_csv(tmp_path / f"{letter}.csv", _table(flip).rename(columns=new)))
    result = st.compare(*files)
    assert _said(result) == wanted
    roles = result.scorecard.provenance.roles
    assert [roles[r] for r in ("id", "target", "prediction", "score")] == list(names)
    assert all(any(f"'{n}'" in said for said in result.scorecard.assumptions) for n in names)


def test_the_rows_may_come_in_any_order(wanted: tuple[Any, ...]) -> None:
    assert _said(st.compare(_table(5), _table(8).sample(frac=1, random_state=1))) == wanted


def test_several_models_in_one_long_file(tmp_path: Path, wanted: tuple[Any, ...]) -> None:
    both = pd.concat([_table(5).assign(model="old"), _table(8).assign(model="new")])
    file = _csv(tmp_path / "long.csv", both)
    result = st.compare(file)
    assert result.scorecard.models == ("old", "new")
    assert _said(result) == wanted
    assert st.compare(file, models=["new", "old"]).scorecard.models == ("new", "old")
    assert _said(st.compare(f"{file}#old", f"{file}#new")) == wanted


def test_multilabel_by_columns_of_each_label() -> None:
    rows = np.arange(300)

    def side(step: int) -> dict[str, Any]:
        table: dict[str, Any] = {"id": rows}
        for place, label in enumerate(("cat", "dog")):
            table[f"target_{label}"] = (rows + place) % 2
            table[f"prediction_{label}"] = np.where(rows % step == place, 1 - (rows + place) % 2, (rows + place) % 2)
        return table

    result = st.compare(side(5), side(9))
    assert result.scorecard.task == "multilabel"
    exact = next(e for e in result.effects if e.metric == "subset_accuracy")
    assert exact.difference == pytest.approx(
        np.mean((rows % 9 != 0) & (rows % 9 != 1)) - np.mean((rows % 5 != 0) & (rows % 5 != 1))
    )


def test_regression_is_told_from_fractions() -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(size=200)
    one = {"id": range(200), "y": truth, "y_pred": truth + draw.normal(size=200)}
    two = {"id": range(200), "y": truth, "y_pred": truth + 0.5 * draw.normal(size=200)}
    result = st.compare(one, two)
    assert result.scorecard.task == "regression"
    effect = result.effects[0]
    assert effect.metric == "root_mean_squared_error"
    wanted = [np.sqrt(np.mean((np.array(side["y_pred"]) - truth) ** 2)) for side in (one, two)]
    assert effect.difference == pytest.approx(wanted[1] - wanted[0], abs=1e-9)


def test_multiclass_by_one_score_a_class() -> None:
    from sklearn.metrics import log_loss, roc_auc_score

    draw = np.random.default_rng(2)
    truth = draw.integers(0, 3, 400)
    sides = []
    for strength in (1.0, 2.0):
        raw = draw.normal(size=(400, 3)) + strength * np.eye(3)[truth]
        scores = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        sides.append(scores)
    names = ("cat", "dog", "ship")
    tables = [
        {"id": range(400), "label": np.array(names)[truth], **{f"score_{n}": s[:, k] for k, n in enumerate(names)}}
        for s in sides
    ]
    result = st.compare(*tables, metrics=["accuracy", "roc_auc_ovr", "log_loss"])
    found = {(e.model, e.metric): e.value for e in result.estimates}
    for table, scores, model in zip(tables, sides, result.scorecard.models, strict=True):
        assert found[model, "accuracy"] == pytest.approx((scores.argmax(axis=1) == truth).mean())
        assert found[model, "log_loss"] == pytest.approx(log_loss(truth, scores), abs=1e-9)
        wanted = roc_auc_score(truth, scores, multi_class="ovr", average="macro")
        assert found[model, "roc_auc_ovr"] == pytest.approx(wanted, abs=1e-9)
        assert table


def test_a_function_of_scikit_learn_is_a_metric() -> None:
    from sklearn.metrics import cohen_kappa_score, f1_score

    result = st.compare(_table(5), _table(8), metrics=["f1", f1_score, cohen_kappa_score])
    by_name = {e.metric: e for e in result.effects}
    assert by_name["f1_score"].difference == pytest.approx(by_name["f1"].difference, abs=1e-12)
    assert "bootstrap" in (by_name["cohen_kappa_score"].method or "").lower()


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("of", ["effects", "estimates", "checks", "health"])
def test_to_frame_in_three_libraries(library: Any, of: Any) -> None:
    result = st.compare(_table(5), _table(8), by=["sex"])
    frame = result.to_frame(of, library=library)
    assert type(frame).__module__.split(".")[0] == library
    records = {
        "effects": result.effects,
        "estimates": result.estimates,
        "checks": result.verdict.checks,
        "health": result.scorecard.health,
    }[of]
    rows = frame.num_rows if library == "pyarrow" else len(frame)
    assert rows == len(records)
    names = list(frame.column_names if library == "pyarrow" else frame.columns)
    assert names == list(type(records[0]).model_fields)


def test_to_frame_says_what_there_is() -> None:
    result = st.compare(_table(5), _table(8), metrics=["accuracy"])
    with pytest.raises(st.UsageError, match="effects, estimates"):
        result.to_frame("flips")  # type: ignore[arg-type]
    with pytest.raises(st.UsageError, match="pandas"):
        result.to_frame(library="numpy")  # type: ignore[arg-type]


def test_text_and_notebook_form() -> None:
    result = st.compare(_table(5), _table(8))
    assert str(result).startswith("✓ Ship")
    page = result._repr_html_()
    assert page.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-popups"' in page, "nothing in it may run"


def test_five_lines_of_python(tmp_path: Path) -> None:
    baseline, candidate = st.read(_table(5), name="old"), st.read(_table(8), name="new")
    result = st.compare(baseline, candidate)
    verdict = st.decide(result, {"success": ["accuracy"]})
    st.report(result, tmp_path / "card.html", tmp_path / "card.md", tmp_path / "card.xml", tmp_path / "card.json")
    assert verdict.status == "pass"
    assert verdict.sentence.startswith("Ship new")
    assert {path.name for path in tmp_path.iterdir()} == {"card.html", "card.md", "card.xml", "card.json"}
    with pytest.raises(st.UsageError, match=r"\.html"):
        st.report(result, tmp_path / "card.docx")


def test_a_thousand_classes(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    truth = draw.integers(0, 1000, 12_000)
    tables = []
    for right in (0.7, 0.75):
        guess = np.where(draw.random(12_000) < right, truth, draw.integers(0, 1000, 12_000))
        labels = np.array([f"class {k:04d}" for k in range(1000)])
        tables.append({"id": range(12_000), "label": labels[truth], "prediction": labels[guess]})
    result = st.compare(*tables)
    paths = st.report(result, tmp_path / "card.html", tmp_path / "card.md")
    assert paths[0].stat().st_size < 2_000_000
    assert paths[1].stat().st_size < 65_536
    from sklearn.metrics import f1_score

    wanted = f1_score(tables[0]["label"], tables[0]["prediction"], average="macro")
    found = next(e for e in result.estimates if e.metric == "f1_macro")
    assert found.value == pytest.approx(wanted, abs=1e-9)
