"""Row expressions evaluated on columns in NumPy; `sql.py` says the same in SQL, and a test holds them together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import UsageError
from seatrial.expressions.labels import Labels, code_of, coded_sides, label_numbers, refuse_ordered_labels
from seatrial.expressions.text import to_text
from seatrial.expressions.tree import (
    Arithmetic,
    Call,
    Column,
    Comparator,
    Compare,
    If,
    Logic,
    Negative,
    Node,
    Not,
    Number,
    Power,
    Text,
)

Floats = NDArray[np.float64]
Values = NDArray[np.generic]

MISSING = np.nan
_COMPARE = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip


def row_columns(row: Node) -> tuple[str, ...]:
    """The columns and roles a row expression reads, in the order they are met."""
    return tuple({part.name: None for part in row.walk() if isinstance(part, Column)})


def evaluate_rows(
    row: Node, columns: Mapping[str, Values], *, labels: Labels | None = None, size: int | None = None
) -> Floats:
    """A row expression on columns of (n,), as (n,) floats; NaN is missing.

    Conditions are 1 or 0. A row that lacks an input, or whose value is not a finite real number (a division by 0, a
    logarithm of 0, an overflow), is missing. Text columns hold strings, None where missing. Columns named in `labels`
    hold integer codes into their labels, negative where missing. `size` is n, for an expression without
    columns.

    Raises `UsageError` for a column that is not there, and for text used as a number.

    >>> from seatrial.expressions import parse_row
    >>> evaluate_rows(parse_row("target == 'yes'"), {"target": np.array(["yes", "no", None], dtype=object)}).tolist()
    [1.0, 0.0, nan]
    """
    used = row_columns(row)
    for name in used:
        if name not in columns:
            raise UsageError(f"There is no column '{name}', which `{to_text(row, rows=True)}` reads.")
    rows = len(columns[used[0]]) if used else (size or 0)
    run = _Rows(columns, labels or {}, rows)
    with np.errstate(all="ignore"):
        return run.finite(run.value(row))


class _Rows:
    def __init__(self, columns: Mapping[str, Values], labels: Labels, rows: int) -> None:
        self.columns, self.labels, self.rows = columns, labels, rows

    @staticmethod
    def finite(values: Floats) -> Floats:
        return np.where(np.isfinite(values), values, MISSING)

    def value(self, node: Node) -> Floats:
        match node:
            case Number(number):
                return np.full(self.rows, number)
            case Column(name):
                return self.number_column(name)
            case Negative(inner):
                return -self.value(inner)
            case Arithmetic(operator, left, right):
                return self.arithmetic(operator, self.value(left), self.value(right))
            case Power(base, exponent):
                return self.power(self.value(base), exponent)
            case Call(function, arguments):
                return self.call(function, [self.value(argument) for argument in arguments])
            case Compare():
                return self.compare(node)
            case Logic(operator, left, right):
                a, b = self.value(left), self.value(right)
                return a * b if operator == "and" else 1 - (1 - a) * (1 - b)
            case Not(condition):
                return 1 - self.value(condition)
            case If(condition, then, otherwise):
                chosen = self.value(condition)
                value = np.where(chosen == 1, self.value(then), self.value(otherwise))
                return np.where(np.isnan(chosen), MISSING, value)
        raise UsageError(f"`{node}` is not a row expression.")

    def arithmetic(self, operator: str, left: Floats, right: Floats) -> Floats:
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
        return left / np.where(right == 0, MISSING, right)

    def power(self, base: Floats, exponent: float) -> Floats:
        if exponent != int(exponent):
            base = np.where(base < 0, MISSING, base)
        if exponent < 0:
            base = np.where(base == 0, MISSING, base)
        return np.where(np.isnan(base), MISSING, base**exponent)

    def call(self, function: str, arguments: list[Floats]) -> Floats:
        first = arguments[0]
        match function:
            case "abs":
                return np.abs(first)
            case "sqrt":
                return np.sqrt(np.where(first < 0, MISSING, first))
            case "log":
                return np.log(np.where(first <= 0, MISSING, first))
            case "exp":
                return np.exp(np.where(first > 709, MISSING, first))
        left, right = self.finite(first), self.finite(arguments[1])
        return np.maximum(left, right) if function == "max" else np.minimum(left, right)

    def compare(self, node: Compare) -> Floats:
        coded = coded_sides(node, self.labels)
        if coded is not None:
            return self.compare_codes(node.operator, *coded)
        refuse_ordered_labels(node, self.labels)
        if self.is_text(node.left) or self.is_text(node.right):
            return self.compare_text(node)
        left, right = self.finite(self.value(node.left)), self.finite(self.value(node.right))
        return self.truth(_COMPARE[node.operator](left, right), np.isnan(left) | np.isnan(right))

    @staticmethod
    def truth(holds: NDArray[Any], missing: NDArray[np.bool_]) -> Floats:
        return np.where(missing, MISSING, holds.astype(np.float64))

    def compare_codes(self, operator: Comparator, column: Column, other: Node) -> Floats:
        codes = self.codes(column)
        if isinstance(other, Column):
            against = self.codes(other)
            return self.truth(_COMPARE[operator](codes, against), (codes < 0) | (against < 0))
        code = code_of(self.labels[column.name], other)  # type: ignore[arg-type]
        holds = codes == (-1 if code is None else code)
        return self.truth(holds if operator == "==" else ~holds, codes < 0)

    def compare_text(self, node: Compare) -> Floats:
        left, right = self.text(node.left, node), self.text(node.right, node)
        missing = np.zeros(self.rows, dtype=np.bool_)
        for side in (left, right):
            if not isinstance(side, str):
                missing |= np.array([value is None for value in side], dtype=np.bool_)
        holds = np.zeros(self.rows, dtype=np.bool_)
        present = ~missing
        first, second = (side if isinstance(side, str) else side[present] for side in (left, right))
        compare: Any = _COMPARE[node.operator]
        holds[present] = np.asarray(compare(first, second), dtype=np.bool_)
        return self.truth(holds, missing)

    def is_text(self, node: Node) -> bool:
        return isinstance(node, Text) or (
            isinstance(node, Column) and node.name not in self.labels and _is_text(np.asarray(self.columns[node.name]))
        )

    def text(self, node: Node, comparison: Compare) -> "str | NDArray[np.object_]":
        if isinstance(node, Text):
            return node.value
        if isinstance(node, Column) and self.is_text(node):
            return np.array(
                [value if isinstance(value, str) else None for value in self.columns[node.name]], dtype=object
            )
        raise UsageError(f"`{comparison}` compares text with something that is no text.")

    def codes(self, column: Column) -> NDArray[np.int64]:
        return np.asarray(self.columns[column.name]).astype(np.int64)

    def number_column(self, name: str) -> Floats:
        if name in self.labels:
            numbers = np.array([*label_numbers(name, self.labels[name]), MISSING])
            codes = self.codes(Column(name))
            return numbers[np.where(codes < 0, len(numbers) - 1, codes)]
        column = np.asarray(self.columns[name])
        if _is_text(column):
            raise UsageError(f"The column '{name}' holds text and cannot be used as a number.")
        if column.dtype.kind == "O":
            column = np.array([MISSING if value is None else value for value in column])
        try:
            return column.astype(np.float64)
        except (TypeError, ValueError):
            raise UsageError(f"The column '{name}' does not hold numbers.") from None


def _is_text(column: Values) -> bool:
    return column.dtype.kind in "UST" or (column.dtype.kind == "O" and any(isinstance(value, str) for value in column))
