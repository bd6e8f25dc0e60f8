"""Row expressions as SQL, built with SQLGlot; `rows.py` says the same in NumPy, and a test holds them together.

No name of a user enters the SQL here: the caller says which column stands for a name. Booleans are numbers (1, 0, NULL)
made by CASE, so that dialects without a boolean type take them; what is out of a function's domain is NULL, so that
dialects which raise do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seatrial.errors import UsageError
from seatrial.expressions.labels import Labels, code_of, coded_sides, label_numbers, refuse_ordered_labels
from seatrial.expressions.tree import (
    Arithmetic,
    Call,
    Column,
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

if TYPE_CHECKING:
    from sqlglot import exp

MAX_COPIES = 20_000
"""Most nodes one expression may grow to (guards repeat what they guard, so deep nesting multiplies)."""

_LARGEST = "1.7976931348623157e308"


def row_sql(row: Node, column: Callable[[str], exp.Expr], *, labels: Labels | None = None) -> exp.Expr:
    """A row expression as SQL: a number, or NULL where a row lacks an input or the value is not a finite real number.

    `column` gives the SQL column for a name: DOUBLE with NULL (never NaN or infinity) for missing; VARCHAR where the
    formula compares it with words (`text_columns`). Columns named in `labels` are integer codes into their labels, NULL
    where missing.

    Raises `UsageError` when labels are used as numbers and are none, or the expression is nested too deeply for SQL.

    >>> from sqlglot import exp
    >>> from seatrial.expressions import parse_row
    >>> sql = row_sql(parse_row("target == 'yes'"), lambda name: exp.column("c0"), labels={"target": ["no", "yes"]})
    >>> sql.sql("duckdb")
    'CASE WHEN c0 = 1 THEN 1 WHEN c0 <> 1 THEN 0 END'
    """
    writer = _Writer(column, labels or {})
    if _copies(row) > MAX_COPIES:
        raise UsageError(
            f"The formula `{str(row)[:60]}...` is nested too deeply to be run as SQL; name parts of it as columns."
        )
    return writer.finite(row)


def _copies(node: Node) -> int:
    """An upper bound of how many nodes the SQL of a node has."""
    match node:
        case Compare():
            factor = 4
        case Call("min" | "max" | "winsorize"):
            factor = 6
        case Call():
            factor = 2
        case Power():
            factor = 3
        case _:
            factor = 1
    return 2 + factor * sum(_copies(child) for child in node.children)


def _can_overflow(node: Node) -> bool:
    """Whether finite inputs may give a value that is not finite."""
    match node:
        case Arithmetic() | Power():
            return True
        case Negative(inner) | Call("abs" | "sqrt" | "log", (inner,)):
            return _can_overflow(inner)
        case If(_, then, otherwise):
            return _can_overflow(then) or _can_overflow(otherwise)
    return False  # a column or number, a condition, an extreme of guarded values, an exponential under its cap


class _Writer:
    def __init__(self, column: Callable[[str], exp.Expr], labels: Labels) -> None:
        from sqlglot import exp

        self.column, self.labels, self.exp = column, labels, exp

    # Small pieces

    def number(self, value: float) -> exp.Expr:
        text = self.exp.Literal.number(repr(abs(value)))
        cast = self.exp.cast(text, "DOUBLE")
        return self.exp.Paren(this=self.exp.Neg(this=cast)) if value < 0 else cast

    def integer(self, value: int) -> exp.Expr:
        return self.exp.Literal.number(str(value))

    def case(self, *branches: tuple[exp.Expr, exp.Expr]) -> exp.Expr:
        return self.exp.Case(ifs=[self.exp.If(this=when, true=then) for when, then in branches])

    def paren(self, value: exp.Expr) -> exp.Expr:
        return self.exp.Paren(this=value)

    def finite(self, node: Node) -> exp.Expr:
        """The value of a node, NULL where it overflowed."""
        value = self.value(node)
        if not _can_overflow(node):
            return value
        bounded = self.exp.LTE(
            this=self.exp.Abs(this=value.copy()), expression=self.exp.cast(self.exp.Literal.number(_LARGEST), "DOUBLE")
        )
        return self.case((bounded, value))

    # The tree

    def value(self, node: Node) -> exp.Expr:
        match node:
            case Number(number):
                return self.number(number)
            case Column(name):
                return self.number_column(name)
            case Negative(inner):
                return self.paren(self.exp.Neg(this=self.value(inner)))
            case Arithmetic(operator, left, right):
                return self.arithmetic(operator, self.value(left), self.value(right))
            case Power(base, exponent):
                return self.power(self.value(base), exponent)
            case Call():
                return self.call(node)
            case Compare():
                return self.compare(node)
            case Logic(operator, left, right):
                a, b = self.value(left), self.value(right)
                if operator == "and":
                    return self.arithmetic("*", a, b)
                neither = self.arithmetic("*", self.complement(a), self.complement(b))
                return self.complement(neither)
            case Not(condition):
                return self.complement(self.value(condition))
            case If(condition, then, otherwise):
                branches = [
                    self.exp.If(this=self.integer(1), true=self.value(then)),
                    self.exp.If(this=self.integer(0), true=self.value(otherwise)),
                ]
                return self.exp.Case(this=self.value(condition), ifs=branches)
        raise UsageError(f"`{node}` is not a row expression.")

    def complement(self, value: exp.Expr) -> exp.Expr:
        return self.paren(self.exp.Sub(this=self.integer(1), expression=value))

    def arithmetic(self, operator: str, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        if operator == "/":
            above = self.exp.cast(left, "DOUBLE")
            below = self.exp.Nullif(this=right, expression=self.integer(0))
            return self.paren(self.exp.Div(this=above, expression=below))
        kinds: dict[str, type[exp.Expr]] = {"+": self.exp.Add, "-": self.exp.Sub, "*": self.exp.Mul}
        return self.paren(kinds[operator](this=left, expression=right))

    def power(self, base: exp.Expr, exponent: float) -> exp.Expr:
        power = self.exp.Pow(this=self.exp.cast(base, "DOUBLE"), expression=self.number(exponent))
        zero = self.integer(0)
        if exponent != int(exponent):
            kind = self.exp.GT if exponent < 0 else self.exp.GTE
            return self.case((kind(this=base.copy(), expression=zero), power))
        if exponent < 0:
            return self.case((self.exp.NEQ(this=base.copy(), expression=zero), power))
        if exponent == 0:
            return self.case((self.exp.Not(this=self.exp.Is(this=base, expression=self.exp.Null())), self.number(1.0)))
        return power

    def call(self, node: Call) -> exp.Expr:
        if len(node.arguments) == 2:
            left, right = (self.finite(argument) for argument in node.arguments)
            first, second = (self.exp.LTE, self.exp.GT) if node.function != "max" else (self.exp.GTE, self.exp.LT)
            return self.case(
                (first(this=left, expression=right), left.copy()),
                (second(this=left.copy(), expression=right.copy()), right.copy()),
            )
        x = self.value(node.arguments[0])
        if node.function == "abs":
            return self.exp.Abs(this=x)
        x = self.exp.cast(x, "DOUBLE")
        inside: exp.Expr
        value: exp.Expr
        match node.function:
            case "sqrt":
                inside, value = self.exp.GTE(this=x, expression=self.integer(0)), self.exp.Sqrt(this=x.copy())
            case "log":
                inside, value = self.exp.GT(this=x, expression=self.integer(0)), self.exp.Ln(this=x.copy())
            case _:
                inside, value = self.exp.LTE(this=x, expression=self.integer(709)), self.exp.Exp(this=x.copy())
        return self.case((inside, value))

    def compare(self, node: Compare) -> exp.Expr:
        coded = coded_sides(node, self.labels)
        if coded is not None:
            column, other = coded
            left = self.column(column.name)
            if isinstance(other, Column):
                return self.truth(node.operator, left, self.column(other.name))
            code = code_of(self.labels[column.name], other)  # type: ignore[arg-type]
            if code is None:
                known = self.exp.Not(this=self.exp.Is(this=left, expression=self.exp.Null()))
                return self.case((known, self.integer(0 if node.operator == "==" else 1)))
            return self.truth(node.operator, left, self.integer(code))
        refuse_ordered_labels(node, self.labels)
        return self.truth(node.operator, self.side(node.left, node.right), self.side(node.right, node.left))

    def side(self, node: Node, other: Node) -> exp.Expr:
        """One side of a comparison: text as it is, a plain column as it is (it may hold text), else a finite number."""
        if isinstance(node, Text):
            return self.exp.Literal.string(node.value)
        if isinstance(node, Column) and node.name not in self.labels and isinstance(other, Column | Text):
            return self.column(node.name)
        return self.finite(node)

    def truth(self, operator: str, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        kinds: dict[str, type[exp.Expr]] = {
            "==": self.exp.EQ,
            "!=": self.exp.NEQ,
            "<": self.exp.LT,
            "<=": self.exp.LTE,
            ">": self.exp.GT,
            ">=": self.exp.GTE,
        }
        negated = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
        return self.case(
            (kinds[operator](this=left, expression=right), self.integer(1)),
            (kinds[negated[operator]](this=left.copy(), expression=right.copy()), self.integer(0)),
        )

    def number_column(self, name: str) -> exp.Expr:
        if name not in self.labels:
            return self.column(name)
        numbers = label_numbers(name, self.labels[name])
        codes = self.column(name)
        if numbers == list(range(len(numbers))):
            return self.exp.cast(codes, "DOUBLE")
        branches = [self.exp.If(this=self.integer(code), true=self.number(value)) for code, value in enumerate(numbers)]
        return self.exp.Case(this=codes, ifs=branches)
