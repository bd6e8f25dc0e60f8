"""The names a formula may use on a row, as columns of the frame: in SQL for the scan, as arrays for row-by-row work."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from seatrial.data.answers.counting import COUNTED
from seatrial.data.frame import Frame
from seatrial.effects.grouping import narrowest
from seatrial.errors import UsageError, did_you_mean, listed

ROW_NAMES = (
    "target",
    "prediction",
    "score",
    "is_positive",
    "score_of_target",
    "sum_of_squared_scores",
    "exact",
    "wrong_labels",
)
"""Row values every formula may name beside the table's own columns; catalogue formulas are written with them."""


def column_sql(frame: Frame, name: str, model: int) -> exp.Expr:
    """SQL of a row value of one version; raises `UsageError` when this table cannot give it."""
    if name in frame.values:
        return exp.column(f"value_{model}_{frame.values.index(name)}")
    if name in frame.texts:
        return exp.column(f"text_{frame.texts.index(name)}")
    if name in ("target", "prediction"):
        return exp.column("target" if name == "target" else f"prediction_{model}")
    _need_scores(frame, name, model)
    if name == "is_positive":
        return _when(exp.column("target"), [(frame.positive or 0, exp.Literal.number(1))], exp.Literal.number(0))
    if name == "score":
        return exp.column(f"score_{model}")
    if frame.task == "binary":
        score = exp.column(f"score_{model}")
        other = exp.paren(exp.Literal.number(1) - score.copy())
        if name == "score_of_target":
            return _when(exp.column("target"), [(frame.positive or 0, score)], other)
        return exp.paren(score.copy() * score.copy() + other.copy() * other.copy())
    every = [(c, exp.column(f"score_{model}_{c}")) for c in range(len(frame.labels))]
    if name == "score_of_target":
        return _when(exp.column("target"), every, exp.null())
    total: exp.Expr = exp.Literal.number(0)
    for _, score in every:
        total = exp.Add(this=total, expression=exp.Mul(this=score.copy(), expression=score.copy()))
    return exp.paren(total)


def label_names(frame: Frame) -> dict[str, tuple[str, ...]]:
    """The row names that hold class codes, each with the labels the codes stand for."""
    if frame.task == "regression" or frame.task in COUNTED:
        return {}
    return {"target": frame.labels, "prediction": frame.labels}


def row_names(frame: Frame) -> tuple[str, ...]:
    """The names beside the table's own columns; a structured answer has none, only what was counted of it."""
    return () if frame.task in COUNTED else ROW_NAMES


def column_array(frame: Frame, name: str, model: int, *, read: "Reader") -> NDArray[Any]:
    """A row value of one version for every row: NaN (None in text, -1 in class codes) where missing."""
    if name in frame.values:
        return read(f"value_{model}_{frame.values.index(name)}")
    if name in frame.texts:
        return read(f"text_{frame.texts.index(name)}")
    if name in ("target", "prediction"):
        return read("target" if name == "target" else f"prediction_{model}")
    if frame.task == "multilabel":
        return _multilabel(frame, name, model, read)
    _need_scores(frame, name, model)
    target = read("target")
    if name == "is_positive":
        return np.where(target < 0, np.nan, (target == frame.positive).astype(float))
    if name == "score":
        return read(f"score_{model}")
    if frame.task == "binary":
        score = read(f"score_{model}")
        if name == "score_of_target":
            return np.where(target < 0, np.nan, np.where(target == frame.positive, score, 1 - score))
        return np.asarray(score**2 + (1 - score) ** 2)
    if name == "score_of_target":
        found = np.full(frame.n, np.nan)
        for c in range(len(frame.labels)):
            found = np.where(target == c, read(f"score_{model}_{c}"), found)
        return found
    total = np.zeros(frame.n)
    for c in range(len(frame.labels)):
        total += read(f"score_{model}_{c}") ** 2
    return total


def equal_columns(frame: Frame, pair: tuple[int, int]) -> frozenset[str]:
    """Which columns two versions have equal on every row: `prediction` and `score` (of all classes), and the values."""
    pairs = {name: [(f"value_{pair[0]}_{k}", f"value_{pair[1]}_{k}")] for k, name in enumerate(frame.values)}
    for name in ("prediction", "score"):
        mine, others = (_outputs(frame, model, name) for model in pair)
        if len(mine) == len(others):
            pairs[name] = list(zip(mine, others, strict=True))
    unlike = [
        f"count(CASE WHEN {' OR '.join(f'{a} IS DISTINCT FROM {b}' for a, b in columns) or 'FALSE'} THEN 1 END) AS u{k}"
        for k, columns in enumerate(pairs.values())
    ]
    found = frame.engine.query(f'SELECT {", ".join(unlike) or "0 AS u0"} FROM "{frame.table}"')
    return frozenset(name for k, name in enumerate(pairs) if int(found[f"u{k}"][0]) == 0)


def _outputs(frame: Frame, model: int, name: str) -> list[str]:
    """The frame's columns of the predictions, or of the scores, of one version."""
    if name == "score" and not (frame.scored and frame.scored[model]):
        return []
    places = range(len(frame.labels))
    if frame.task == "multilabel":
        return [f"{name}_{model}_l{k}" for k in places]
    if name == "score" and frame.task == "multiclass":
        return [f"score_{model}_{k}" for k in places]
    return [f"{name}_{model}"]


class Reader:
    """Reads columns of a frame once each, in row order."""

    def __init__(self, frame: Frame, *, rows: NDArray[np.intp] | None = None) -> None:
        """`rows` (n,): the rows to give, some of them several times; all once when there are none."""
        self._frame, self._rows = frame, rows
        self._held: dict[str, NDArray[Any]] = {}

    def __call__(self, column: str) -> NDArray[Any]:
        if column not in self._held:
            self._keep(column, self._frame.arrays([column])[column])
        return self._held[column]

    def _keep(self, column: str, values: NDArray[Any]) -> None:
        """Codes of slices as the narrowest integers that hold them: there are many groupings of many rows."""
        if column.startswith("slice_"):
            values = values.astype(narrowest(len(self._frame.slices[int(column.removeprefix("slice_"))].levels)))
        self._held[column] = values if self._rows is None else values[self._rows]

    def load(self, columns: Sequence[str]) -> None:
        """Read several columns in one pass."""
        missing = [c for c in dict.fromkeys(columns) if c not in self._held]
        if missing:
            for column, values in self._frame.arrays(missing).items():
                self._keep(column, values)


def check_names(frame: Frame, names: Sequence[str], *, metric: str) -> None:
    """Raise `UsageError` for a row name this table does not have."""
    known = {*frame.values, *frame.texts, *row_names(frame)}
    for name in names:
        if name not in known:
            raise UsageError(
                f"'{metric}' names the column '{name}', which is not there.{did_you_mean(name, known)} "
                f"Columns: {listed(sorted({*frame.values, *frame.texts}) or ['(no numeric columns)'])}."
            )


def _when(code: exp.Expr, branches: Sequence[tuple[int, exp.Expr]], otherwise: exp.Expr) -> exp.Expr:
    case = exp.Case().when(exp.Is(this=code.copy(), expression=exp.null()), exp.null())
    for value, result in branches:
        case = case.when(exp.EQ(this=code.copy(), expression=exp.Literal.number(value)), result.copy())
    return case.else_(otherwise.copy())


def _need_scores(frame: Frame, name: str, model: int) -> None:
    if name == "is_positive" and frame.positive is not None:
        return
    if not (frame.scored and frame.scored[model]):
        raise UsageError(f"'{name}' needs scores, and {frame.models[model]} has none; name the column with --score.")


def _multilabel(frame: Frame, name: str, model: int, read: Reader) -> NDArray[Any]:
    if name.startswith("target_l"):
        codes = read(name).astype(float)
        return np.where(codes < 0, np.nan, codes)
    if name.startswith("prediction_l"):
        codes = read(f"prediction_{model}_{name.removeprefix('prediction_')}").astype(float)
        return np.where(codes < 0, np.nan, codes)
    if name not in ("exact", "wrong_labels"):
        raise UsageError(
            f"'{name}' is not known in a multilabel table; use mean over 'exact' or 'wrong_labels', or per-label "
            f"metrics."
        )
    wrong = np.zeros(frame.n)
    for c in range(len(frame.labels)):
        target, guess = (
            _multilabel(frame, f"target_l{c}", model, read),
            _multilabel(frame, f"prediction_l{c}", model, read),
        )
        wrong = wrong + np.where(np.isnan(target) | np.isnan(guess), np.nan, (target != guess).astype(float))
    return (
        wrong / len(frame.labels)
        if name == "wrong_labels"
        else np.where(np.isnan(wrong), np.nan, (wrong == 0).astype(float))
    )
