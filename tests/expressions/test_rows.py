"""Row expressions: NumPy and SQL say the same, on random trees and data with missing values."""

import math
import operator
from functools import cache

import duckdb
import numpy as np
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp as sql

from seatrial.errors import UsageError
from seatrial.expressions import (
    If,
    Node,
    Number,
    col,
    evaluate_rows,
    exp,
    log,
    maximum,
    minimum,
    parse,
    parse_row,
    row_columns,
    row_sql,
    sqrt,
    text_columns,
    to_text,
    winsorize,
)

WORDS = ("", "a", "it's", 'b"; DROP TABLE t; --', "é漢", "1")
CLASSES = ("cat", "dog", "it's")
GRADES = ("1", "2", "5")
NAMES = {
    "x": "c0",
    "y'; DROP TABLE t; --": "c1",
    "z": "c2",
    "w": "c3",
    "v": "c4",
    "target": "c5",
    "prediction": "c6",
    "grade": "c7",
}
LABELS = {"target": CLASSES, "prediction": CLASSES, "grade": GRADES}
REAL = ("x", "y'; DROP TABLE t; --", "z")
COMPARATORS = ("==", "!=", "<", "<=", ">", ">=")


def _compare(comparator: str, left: Node, right: object) -> Node:
    functions = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
    return dict(zip(COMPARATORS, functions, strict=True))[comparator](left, right)


ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
ROUGH_POWERS = (2.0, 3.0, 0.5, -1.0, 1.5, -2.5, 0.0)


@st.composite
def numbers(draw: st.DrawFn, *, depth: int = 3, rough: bool = False) -> Node:
    """A row expression; without `rough` only arithmetic whose floats are the same everywhere, to the last bit."""
    forms = ["column", "number"]
    if depth:
        forms += ["arithmetic", "arithmetic", "negative", "abs", "sqrt", "min", "max", "winsorize", "if", "condition"]
        forms += ["log", "exp", "power"] * rough

    def part() -> Node:
        return draw(numbers(depth=depth - 1, rough=rough))

    match draw(st.sampled_from(forms)):
        case "column":
            return col(draw(st.sampled_from([*REAL, "grade"])))
        case "number":
            return Number(draw(st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 1e200, -3.0])))
        case "arithmetic":
            return ARITHMETIC[draw(st.sampled_from("+-*/"))](part(), part())
        case "negative":
            return -part()
        case "abs":
            return abs(part())
        case "min":
            return minimum(draw(numbers(depth=depth - 1)), draw(numbers(depth=depth - 1)))
        case "max":
            return maximum(draw(numbers(depth=depth - 1)), draw(numbers(depth=depth - 1)))
        case "winsorize":
            return winsorize(part(), 2)
        case "if":
            return If(draw(conditions(depth=depth - 1)), part(), part())
        case "condition":
            return draw(conditions(depth=depth - 1))
        case "power":
            return part() ** draw(st.sampled_from(ROUGH_POWERS))
        case "sqrt":
            return sqrt(part())
        case "log":
            return log(part())
        case _:
            return exp(part())


@st.composite
def conditions(draw: st.DrawFn, *, depth: int = 2) -> Node:
    """A condition on exact numbers, words and labels."""
    forms = ["numbers", "word", "words", "label", "labels", "grade", "grade label"]
    if depth:
        forms += ["not", "and", "or", "conditions"]
    comparator = draw(st.sampled_from(COMPARATORS))
    equality = draw(st.sampled_from(["==", "!="]))

    def part() -> Node:
        return draw(conditions(depth=depth - 1))

    match draw(st.sampled_from(forms)):
        case "numbers":
            below = max(depth - 1, 0)
            return _compare(comparator, draw(numbers(depth=below)), draw(numbers(depth=below)))
        case "word":
            return _compare(comparator, col(draw(st.sampled_from("wv"))), draw(st.sampled_from(WORDS)))
        case "words":
            return _compare(comparator, col("w"), col("v"))
        case "label":
            return _compare(equality, col("target"), draw(st.sampled_from([*CLASSES, "cow", "7"])))
        case "labels":
            return _compare(equality, col("target"), col("prediction"))
        case "grade":
            return _compare(comparator, col("grade"), draw(st.sampled_from([1, 2, 5, 7, 1.5])))
        case "grade label":
            return _compare(equality, col("grade"), draw(st.sampled_from(["1", "2.0", "x"])))
        case "not":
            return ~part()
        case "and":
            return part() & part()
        case "or":
            return part() | part()
        case _:
            return _compare(comparator, part(), part())


@cache
def _table() -> tuple[duckdb.DuckDBPyConnection, dict[str, np.ndarray]]:
    rng = np.random.default_rng(7)
    rows = 400
    values = np.array([np.nan, 0.0, 1.0, -1.0, 2.0, 0.5, 3.0, -2.5, 1e200, -1e200, 1e-200])
    columns: dict[str, np.ndarray] = {name: rng.choice(values, rows) for name in REAL}
    words = np.array([None, *WORDS], dtype=object)
    columns |= {name: rng.choice(words, rows) for name in ("w", "v")}
    columns |= {name: rng.integers(-1, len(LABELS[name]), rows) for name in LABELS}
    connection = duckdb.connect()
    types = {name: "DOUBLE" if name in REAL else "INTEGER" if name in LABELS else "VARCHAR" for name in NAMES}
    fields = ", ".join(f"{code} {types[name]}" for name, code in NAMES.items())
    connection.execute(f"CREATE TABLE t (n INTEGER, {fields})")

    def cell(value: object) -> object:
        if isinstance(value, float | np.floating):
            return None if math.isnan(value) else float(value)
        if isinstance(value, int | np.integer):
            return None if value < 0 else int(value)
        return value

    table = [[row, *(cell(columns[name][row]) for name in NAMES)] for row in range(rows)]
    connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * (len(NAMES) + 1))})", table)
    return connection, columns


def _by_duckdb(row: Node) -> np.ndarray:
    connection, _ = _table()
    expression = row_sql(row, lambda name: sql.column(NAMES[name], quoted=True), labels=LABELS).sql("duckdb")
    found = connection.execute(f"SELECT {expression} FROM t ORDER BY n").fetchall()
    return np.array([math.nan if value is None else float(value) for (value,) in found])


def _agree(row: Node, *, tolerance: float) -> None:
    _, columns = _table()
    ours = evaluate_rows(row, columns, labels=LABELS, size=400)
    theirs = _by_duckdb(row)
    assert not np.isinf(ours).any()
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=0, err_msg=to_text(row, rows=True))


@settings(max_examples=200, deadline=None)
@given(numbers())
def test_numpy_and_duckdb_agree_to_the_bit(row: Node) -> None:
    _agree(row, tolerance=0)


@settings(max_examples=150, deadline=None)
@given(conditions())
def test_conditions_agree_and_are_one_zero_or_missing(row: Node) -> None:
    _agree(row, tolerance=0)
    assert set(np.nan_to_num(_by_duckdb(row), nan=0.0)) <= {0.0, 1.0}


@settings(max_examples=200, deadline=None)
@given(numbers(rough=True))
def test_functions_agree(row: Node) -> None:
    _, columns = _table()
    ours = evaluate_rows(row, columns, labels=LABELS, size=400)
    theirs = _by_duckdb(row)
    # sums of functions may cancel: compare relative to the largest part
    finite = np.isfinite(ours) & np.isfinite(theirs)
    scale = np.zeros(400)
    for part in row.walk():
        if not isinstance(part, Node) or part.children == ():
            continue
        scale = np.fmax(scale, np.abs(evaluate_rows(part, columns, labels=LABELS, size=400)))
    assert (np.isnan(ours) == np.isnan(theirs)).all(), to_text(row, rows=True)
    assert (np.abs(ours - theirs)[finite] <= 1e-12 * scale[finite]).all()


@settings(max_examples=100, deadline=None)
@given(numbers(rough=True), st.sampled_from(["duckdb", "postgres", "spark", "snowflake", "bigquery", "mysql"]))
def test_sql_can_be_written_in_every_dialect_and_names_no_users_column(row: Node, dialect: str) -> None:
    text = row_sql(row, lambda name: sql.column(NAMES[name]), labels=LABELS).sql(dialect)
    tree = sqlglot.parse_one(text, dialect=dialect)
    assert {column.name for column in tree.find_all(sql.Column)} <= set(NAMES.values())
    # booleans only as conditions of CASE: no TRUE, no FALSE
    assert not list(tree.find_all(sql.Boolean))


@settings(max_examples=200, deadline=None)
@given(st.one_of(numbers(rough=True), conditions()))
def test_row_text_and_back(row: Node) -> None:
    assert parse_row(to_text(row, rows=True)).same(row)
    assert parse(f"mean({to_text(row, rows=True)})").same(parse(to_text(parse(f"mean({to_text(row, rows=True)})"))))


@given(st.text(min_size=1, max_size=20))
def test_hostile_column_names(name: str) -> None:
    row = parse_row(to_text(col(name) + 1, rows=True))
    assert row_columns(row) == (name,)
    assert evaluate_rows(row, {name: np.array([1.0])}).tolist() == [2.0]


def _rows(text: str, **columns: list[object]) -> list[float | None]:
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return [None if math.isnan(value) else value for value in evaluate_rows(parse_row(text), arrays).tolist()]


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("x == 'a'", {"x": ["a", "b", None]}, [1, 0, None]),
        ("x != 'a'", {"x": ["a", "b", None]}, [0, 1, None]),
        ("x < 'b'", {"x": ["a", "b", "c"]}, [1, 0, 0]),
        ("x == y", {"x": ["a", "b", None], "y": ["a", "a", "a"]}, [1, 0, None]),
        ("x > 1", {"x": [1, 2, None]}, [0, 1, None]),
        ("x > 1 and y > 1", {"x": [0, 2, 0, 2], "y": [0, 2, None, None]}, [0, 1, None, None]),
        ("x > 1 or y > 1", {"x": [0, 2, 0, 2], "y": [0, 2, None, None]}, [0, 1, None, None]),
        ("not x > 1", {"x": [1, 2, None]}, [1, 0, None]),
        ("1 < x <= 3", {"x": [1, 2, 3, 4]}, [0, 1, 1, 0]),
        ("x / y", {"x": [1, 1, 0], "y": [2, 0, 0]}, [0.5, None, None]),
        ("log(x)", {"x": [1, 0, -1, None]}, [0, None, None, None]),
        ("sqrt(x)", {"x": [4, 0, -1]}, [2, 0, None]),
        ("x ** -1", {"x": [4, 0]}, [0.25, None]),
        ("x ** 0.5", {"x": [4, -4]}, [2, None]),
        ("x ** 0", {"x": [4, None]}, [1, None]),
        ("exp(x)", {"x": [0, 1e6]}, [1, None]),
        ("x * x", {"x": [2, 1e200]}, [4, None]),
        ("x * x > 1", {"x": [2, 1e200]}, [1, None]),
        ("max(x, 0)", {"x": [-1, 1, None]}, [0, 1, None]),
        ("winsorize(x, 2)", {"x": [1, 3, None]}, [1, 2, None]),
        ("x if y > 0 else 0", {"x": [1, None, None, 5], "y": [1, 0, 1, None]}, [1, 0, None, None]),
        ("(x > 1) * y + 1", {"x": [2, 0], "y": [3, 3]}, [4, 1]),
    ],
)
def test_row_values_by_hand(text: str, columns: dict[str, list[object]], expected: list[float | None]) -> None:
    assert _rows(text, **columns) == expected


def test_labels_are_compared_as_labels() -> None:
    # classes 5 and 9 are held as codes 0 and 1: `target == 1` asks for class 1, of which there is none
    coded = {"target": np.array([0, 1, -1]), "prediction": np.array([1, 1, 1])}
    labels = {"target": ("5", "9"), "prediction": ("5", "9")}

    def value(text: str) -> list[float]:
        return np.nan_to_num(evaluate_rows(parse_row(text), coded, labels=labels), nan=-7).tolist()

    assert value("target == 1") == [0, 0, -7]
    assert value("target == 9") == [0, 1, -7]
    assert value("target == '9.0'") == [0, 1, -7]
    assert value("target != 'x'") == [1, 1, -7]
    assert value("target == prediction") == [0, 1, -7]
    assert value("prediction - target") == [4, 0, -7]
    assert value("target > 6") == [0, 1, -7]


def test_words_are_not_numbers() -> None:
    labels = {"target": ("cat", "dog")}
    coded = {"target": np.array([0, 1])}
    for text in ("target + 1", "target > 'cat'", "target > 1"):
        with pytest.raises(UsageError, match=r"[lL]abel"):
            evaluate_rows(parse_row(text), coded, labels=labels)
        with pytest.raises(UsageError, match=r"[lL]abel"):
            row_sql(parse_row(text), sql.column, labels=labels)
    text_column = {"x": np.array(["a", "b"], dtype=object), "y": np.array([1.0, 2.0])}
    for text in ("x + 1", "x > 1", "x == y", "y == 'a'"):
        with pytest.raises(UsageError, match="text"):
            evaluate_rows(parse_row(text), text_column)
    with pytest.raises(UsageError, match="no column 'q'"):
        evaluate_rows(parse_row("q + 1"), text_column)


def test_deep_nesting_cannot_blow_up_the_sql() -> None:
    deep = parse_row("max(" * 40 + "x" + ", 1)" * 40)
    with pytest.raises(UsageError, match="nested too deeply"):
        row_sql(deep, sql.column)


def test_text_columns_are_found_by_use() -> None:
    assert text_columns(parse("mean(a == 'x' and b == a and c > 1) + mean(d)")) == ("a", "b")


def test_row_columns_are_distinct_and_in_order() -> None:
    assert row_columns(parse_row("b + a * b + col('a b')")) == ("b", "a", "a b")
