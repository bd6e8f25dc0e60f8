"""Functions and names for building formulas in Python; text builds the same tree."""

from seatrial.errors import UsageError
from seatrial.expressions.tree import (
    SHARES,
    Call,
    Column,
    FilteredMean,
    Mean,
    MetricRef,
    Node,
    Operand,
    Quantile,
    Share,
    ShareName,
    Size,
    Total,
    as_node,
    is_condition,
)

target = Column("target")
prediction = Column("prediction")
score = Column("score")
tp, fp, fn, tn = (Share(which) for which in SHARES)


def col(name: str) -> Column:
    """The row values of a column, whatever its name.

    >>> col("any name").p95()
    <p95(col('any name'))>
    """
    if not name:
        raise UsageError(f"col(...) takes the name of a column, not {name!r}.")
    return Column(name)


def mean(row: Node | str, *, where: Node | None = None) -> Node:
    """The mean of a row expression, or of a column by its name, over the rows where a condition holds.

    >>> mean("revenue"), mean(col("revenue"), where=col("country") == "DE")
    (<mean(revenue)>, <mean(revenue, where=country == 'DE')>)
    """
    return Mean(_row(row)) if where is None else FilteredMean(_row(row), where)


def total(row: Node | str) -> Node:
    """`sum(x)`: the total over rows, n times the mean."""
    return Total(_row(row))


def count(condition: Node | None = None) -> Node:
    """The number of rows, or of those where a condition holds."""
    if condition is None:
        return Size()
    if not is_condition(condition):
        raise UsageError(
            f"count(...) takes a condition such as count(score > 0.5), not `{condition}`; "
            "count() is the number of rows."
        )
    return Total(condition)


def share(which: ShareName, label: str | None = None) -> Share:
    """tp, fp, fn or tn as a share of all rows, of one class against the rest when `label` is given."""
    if which not in SHARES:
        raise UsageError(f"share(...) takes tp, fp, fn or tn, not {which!r}.")
    return Share(which, label)


def metric(name: str, label: str | None = None) -> MetricRef:
    """A catalogue metric by name, also where a column has the same name."""
    return MetricRef(name, label)


def quantile(row: Node | str, probability: float) -> Quantile:
    """A quantile of a row expression or column, `quantile("latency_ms", 0.95)`."""
    return Quantile(_row(row), probability)


def p50(row: Node | str) -> Quantile:
    """The median."""
    return quantile(row, 0.5)


def p90(row: Node | str) -> Quantile:
    """The value that 90 % stay under."""
    return quantile(row, 0.9)


def p95(row: Node | str) -> Quantile:
    """The value that 95 % stay under.

    >>> p95("latency_ms")
    <p95(latency_ms)>
    """
    return quantile(row, 0.95)


def p99(row: Node | str) -> Quantile:
    """The value that 99 % stay under."""
    return quantile(row, 0.99)


def sqrt(value: Operand) -> Node:
    """Square root."""
    return Call("sqrt", (as_node(value),))


def log(value: Operand) -> Node:
    """Natural logarithm."""
    return Call("log", (as_node(value),))


def exp(value: Operand) -> Node:
    """Exponential."""
    return Call("exp", (as_node(value),))


def minimum(left: Operand, right: Operand) -> Node:
    """The smaller of two values (`min` in text)."""
    return Call("min", (as_node(left), as_node(right)))


def maximum(left: Operand, right: Operand) -> Node:
    """The larger of two values (`max` in text)."""
    return Call("max", (as_node(left), as_node(right)))


def winsorize(value: Node | str, cap: float) -> Node:
    """A row value cut off at a cap: min(x, cap)."""
    return Call("winsorize", (_row(value), as_node(cap)))


def _row(value: Node | str) -> Node:
    """A row expression as it is, a text as the column of that name."""
    return col(value) if isinstance(value, str) else value
