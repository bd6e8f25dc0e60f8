"""The expression tree: what text and Python operators both build.

Row level: `Column`, `Text`, comparisons, conditions, `If`; one value a row.
Over means: `Mean`, `Share`, `Quantile`, `Size`, `MetricRef` (the atoms), `Total`, `FilteredMean`, `Name` (unresolved).
Both: `Number`, `Negative`, `Arithmetic`, `Power`, `Call`.
"""

import keyword
import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal, NoReturn, Union

from seatrial.errors import UsageError

Operand = Union["Node", float, int]
ShareName = Literal["tp", "fp", "fn", "tn"]
Operator = Literal["+", "-", "*", "/"]
Comparator = Literal["==", "!=", "<", "<=", ">", ">="]
Function = Literal["abs", "min", "max", "sqrt", "log", "exp", "winsorize"]

SHARES: tuple[ShareName, ...] = ("tp", "fp", "fn", "tn")
ARITY: dict[Function, int] = {"abs": 1, "min": 2, "max": 2, "sqrt": 1, "log": 1, "exp": 1, "winsorize": 2}
MAX_DEPTH = 50


class Node:
    """A formula or a part of one. Operators build larger trees: `120*tp - 15*fp`, `target == prediction`.

    `==` builds a comparison; compare trees with `same`. Nodes are hashed by identity, `key()` names their content.

    >>> from seatrial.expressions import tp, fp
    >>> tp / (tp + fp)
    <tp / (tp + fp)>
    """

    __array_ufunc__ = None  # NumPy numbers leave the operator to us
    __hash__ = object.__hash__

    @property
    def children(self) -> tuple["Node", ...]:
        """The nodes directly below this one, in order."""
        return tuple(value for field in fields(self) if isinstance(value := getattr(self, field.name), Node))  # type: ignore[arg-type]

    def with_children(self, children: tuple["Node", ...]) -> "Node":
        """The same node over other children (in the order of `children`)."""
        if not children:
            return self
        names = [field.name for field in fields(self) if isinstance(getattr(self, field.name), Node)]  # type: ignore[arg-type]
        return replace(self, **dict(zip(names, children, strict=True)))  # type: ignore[type-var]

    def walk(self) -> Iterator["Node"]:
        """This node and everything below it, top first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def key(self) -> str:
        """A canonical string: two trees have the same key exactly when they are the same expression."""
        raise NotImplementedError

    def same(self, other: "Node") -> bool:
        """Whether two trees are the same expression (`==` builds a comparison instead)."""
        return self.key() == other.key()

    def __str__(self) -> str:
        from seatrial.expressions.text import to_text

        return to_text(self, rows=not any(isinstance(part, OVER_MEANS) for part in self.walk()))

    def __repr__(self) -> str:
        return f"<{self}>"

    def __bool__(self) -> NoReturn:
        raise UsageError(
            "A formula is neither true nor false: join conditions with & and | in Python, "
            "and ask whether two trees are alike with .same()."
        )

    def __add__(self, other: Operand) -> "Node":
        return Arithmetic("+", self, as_node(other))

    def __radd__(self, other: Operand) -> "Node":
        return Arithmetic("+", as_node(other), self)

    def __sub__(self, other: Operand) -> "Node":
        return Arithmetic("-", self, as_node(other))

    def __rsub__(self, other: Operand) -> "Node":
        return Arithmetic("-", as_node(other), self)

    def __mul__(self, other: Operand) -> "Node":
        return Arithmetic("*", self, as_node(other))

    def __rmul__(self, other: Operand) -> "Node":
        return Arithmetic("*", as_node(other), self)

    def __truediv__(self, other: Operand) -> "Node":
        return Arithmetic("/", self, as_node(other))

    def __rtruediv__(self, other: Operand) -> "Node":
        return Arithmetic("/", as_node(other), self)

    def __pow__(self, other: Operand) -> "Node":
        exponent = constant(as_node(other))
        if exponent is None:
            raise UsageError(f"The power in a formula must be a number, not {other!r}.")
        return Power(self, exponent)

    def __rpow__(self, other: Operand) -> NoReturn:
        raise UsageError(
            f"The power in a formula must be a number; for a number to the power of `{self}` use exp(...)."
        )

    def __neg__(self) -> "Node":
        return Number(-self.value) if isinstance(self, Number) else Negative(self)

    def __pos__(self) -> "Node":
        return self

    def __abs__(self) -> "Node":
        return Call("abs", (self,))

    def __eq__(self, other: object) -> "Compare":  # type: ignore[override]
        return compare("==", self, other)

    def __ne__(self, other: object) -> "Compare":  # type: ignore[override]
        return compare("!=", self, other)

    def __lt__(self, other: Operand | str) -> "Compare":
        return compare("<", self, other)

    def __le__(self, other: Operand | str) -> "Compare":
        return compare("<=", self, other)

    def __gt__(self, other: Operand | str) -> "Compare":
        return compare(">", self, other)

    def __ge__(self, other: Operand | str) -> "Compare":
        return compare(">=", self, other)

    def __and__(self, other: "Node") -> "Logic":
        return Logic("and", self, other)

    def __or__(self, other: "Node") -> "Logic":
        return Logic("or", self, other)

    def __invert__(self) -> "Not":
        return Not(self)


def quoted(name: str) -> str:
    """A column's name as a formula writes it inside `mean(...)`: bare where that is safe, else `col('...')`."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name
    return name if plain else f"col({name!r})"


# Leaves of either level


@dataclass(frozen=True, eq=False, repr=False)
class Number(Node):
    """A constant; finite."""

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise UsageError(f"A number in a formula must be finite, not {self.value}.")

    def key(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, eq=False, repr=False)
class Text(Node):
    """A word a column is compared with."""

    value: str

    def key(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, eq=False, repr=False)
class Column(Node):
    """A row's value of a column or role (`target`, `prediction`, `score`). Outside `mean(...)` it is its mean."""

    name: str

    def key(self) -> str:
        return f"col({self.name!r})"

    def mean(self) -> "Mean":
        """The column's mean."""
        return Mean(self)

    def quantile(self, probability: float) -> "Quantile":
        """The column's quantile at a probability between 0 and 1."""
        return Quantile(self, probability)

    def p50(self) -> "Quantile":
        """The median."""
        return Quantile(self, 0.5)

    def p90(self) -> "Quantile":
        """The 90th percentile."""
        return Quantile(self, 0.9)

    def p95(self) -> "Quantile":
        """The 95th percentile."""
        return Quantile(self, 0.95)

    def p99(self) -> "Quantile":
        """The 99th percentile."""
        return Quantile(self, 0.99)


# Arithmetic, at either level


@dataclass(frozen=True, eq=False, repr=False)
class Negative(Node):
    """Minus a value."""

    value: Node

    def __post_init__(self) -> None:
        _refuse_text(self)

    def key(self) -> str:
        return f"(-{self.value.key()})"


@dataclass(frozen=True, eq=False, repr=False)
class Arithmetic(Node):
    """`left + right`, `-`, `*` or `/`."""

    operator: Operator
    left: Node
    right: Node

    def __post_init__(self) -> None:
        _refuse_text(self)

    def key(self) -> str:
        return f"({self.left.key()} {self.operator} {self.right.key()})"


@dataclass(frozen=True, eq=False, repr=False)
class Power(Node):
    """`base ** exponent` with a constant exponent."""

    base: Node
    exponent: float

    def __post_init__(self) -> None:
        _refuse_text(self)
        if not math.isfinite(self.exponent):
            raise UsageError(f"A power in a formula must be finite, not {self.exponent}.")

    def key(self) -> str:
        return f"({self.base.key()} ** {self.exponent!r})"


@dataclass(frozen=True, eq=False, repr=False)
class Call(Node):
    """abs, min, max, sqrt, log, exp; winsorize(x, cap) = min(x, cap) at row level only."""

    function: Function
    arguments: tuple[Node, ...]

    def __post_init__(self) -> None:
        _refuse_text(self)
        if self.function == "winsorize" and constant(self.arguments[1]) is None:
            raise UsageError("The cap in winsorize(x, cap) must be a number, as in winsorize(revenue, 500).")

    @property
    def children(self) -> tuple[Node, ...]:
        return self.arguments

    def with_children(self, children: tuple[Node, ...]) -> Node:
        return Call(self.function, children)

    def key(self) -> str:
        return f"{self.function}({', '.join(argument.key() for argument in self.arguments)})"


# Row level


@dataclass(frozen=True, eq=False, repr=False)
class Compare(Node):
    """`left == right`, `!=`, `<`, `<=`, `>`, `>=`: 1 or 0 a row, missing where either side is."""

    operator: Comparator
    left: Node
    right: Node

    def __post_init__(self) -> None:
        for side, other in ((self.left, self.right), (self.right, self.left)):
            if isinstance(side, Text) and not isinstance(other, Column):
                raise UsageError(f"The text {side.value!r} can only be compared with a column, as in country == 'DE'.")

    def key(self) -> str:
        return f"({self.left.key()} {self.operator} {self.right.key()})"


@dataclass(frozen=True, eq=False, repr=False)
class Logic(Node):
    """`left and right`, `left or right`; missing where either side is, whatever the other side says."""

    operator: Literal["and", "or"]
    left: Node
    right: Node

    def __post_init__(self) -> None:
        _need_condition(self.left, self.operator)
        _need_condition(self.right, self.operator)

    def key(self) -> str:
        return f"({self.left.key()} {self.operator} {self.right.key()})"


@dataclass(frozen=True, eq=False, repr=False)
class Not(Node):
    """`not condition`."""

    condition: Node

    def __post_init__(self) -> None:
        _need_condition(self.condition, "not")

    def key(self) -> str:
        return f"(not {self.condition.key()})"


@dataclass(frozen=True, eq=False, repr=False)
class If(Node):
    """`then if condition else otherwise`: only the chosen side's missing values count."""

    condition: Node
    then: Node
    otherwise: Node

    def __post_init__(self) -> None:
        _need_condition(self.condition, "if")
        _refuse_text(self)

    def key(self) -> str:
        return f"({self.then.key()} if {self.condition.key()} else {self.otherwise.key()})"


# Over means


class Atom(Node):
    """A leaf over means: what the engine measures and formulas combine."""


@dataclass(frozen=True, eq=False, repr=False)
class Mean(Atom):
    """The mean of a row expression over the rows that have it."""

    row: Node

    def __post_init__(self) -> None:
        _need_row(self.row, "mean")

    def key(self) -> str:
        return f"mean({self.row.key()})"


@dataclass(frozen=True, eq=False, repr=False)
class Share(Atom):
    """tp, fp, fn or tn as a share of all rows; of one class against the rest when `label` is given.

    `bare` says that it came from a bare name in a text, which `resolve` refuses where a column has that name.
    """

    which: ShareName
    label: str | None = None
    bare: bool = False

    def key(self) -> str:
        return self.which if self.label is None else f"{self.which}[{self.label!r}]"


@dataclass(frozen=True, eq=False, repr=False)
class Quantile(Atom):
    """A quantile of a row expression."""

    row: Node
    probability: float

    def __post_init__(self) -> None:
        _need_row(self.row, "quantile")
        if not 0 < self.probability < 1:
            raise UsageError(f"The probability of a quantile lies between 0 and 1; {self.probability} was given.")

    def key(self) -> str:
        return f"quantile({self.row.key()}, {self.probability!r})"


@dataclass(frozen=True, eq=False, repr=False)
class MetricRef(Atom):
    """A catalogue metric that is no arithmetic over means (a rank metric, say), of one class when `label` is given."""

    name: str
    label: str | None = None

    def key(self) -> str:
        name = self.name if quoted(self.name) == self.name else f"metric({self.name!r})"
        return name if self.label is None else f"{name}[{self.label!r}]"


@dataclass(frozen=True, eq=False, repr=False)
class Size(Atom):
    """The number of rows, n."""

    def key(self) -> str:
        return "count()"


@dataclass(frozen=True, eq=False, repr=False)
class Total(Node):
    """`sum(x)` and `count(condition)`: n times the mean."""

    row: Node

    def __post_init__(self) -> None:
        _need_row(self.row, "sum")

    def expanded(self) -> Node:
        return Arithmetic("*", Size(), Mean(self.row))

    def key(self) -> str:
        return f"sum({self.row.key()})"


@dataclass(frozen=True, eq=False, repr=False)
class FilteredMean(Node):
    """`mean(x, where=condition)`: the mean of (x if condition else 0) over that of the condition."""

    row: Node
    condition: Node

    def __post_init__(self) -> None:
        _need_row(self.row, "mean")
        _need_row(self.condition, "mean")
        _need_condition(self.condition, "where=")

    def expanded(self) -> Node:
        return Arithmetic("/", Mean(If(self.condition, self.row, Number(0.0))), Mean(self.condition))

    def key(self) -> str:
        return f"mean({self.row.key()}, where={self.condition.key()})"


@dataclass(frozen=True, eq=False, repr=False)
class Name(Node):
    """A bare name outside `mean(...)`, before `resolve` decides what it is."""

    name: str
    label: str | None = None

    def key(self) -> str:
        return self.name if self.label is None else f"{self.name}[{self.label!r}]"


ROW_LEVEL: tuple[type[Node], ...] = (Column, Text, Compare, Logic, Not, If)
OVER_MEANS: tuple[type[Node], ...] = (Atom, Total, FilteredMean, Name)
CONDITIONS: tuple[type[Node], ...] = (Compare, Logic, Not)


def is_condition(node: Node) -> bool:
    """Whether a row expression is 1 or 0 by its form: a comparison, `and`, `or`, `not`."""
    return isinstance(node, CONDITIONS)


def as_node(value: object) -> Node:
    """A number as a `Number`, a node as itself; anything else is a `UsageError`."""
    if isinstance(value, Node):
        return value
    if isinstance(value, str):
        raise UsageError(f"The text {value!r} stands where a number is needed; a column is written col({value!r}).")
    try:
        return Number(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{value!r} cannot be part of a formula; use numbers, columns and means.") from None


def compare(operator: Comparator, left: Node, right: object) -> Compare:
    """A comparison node; a plain string is text."""
    return Compare(operator, left, Text(right) if isinstance(right, str) else as_node(right))


def constant(node: Node) -> float | None:
    """The value of an expression of numbers only, else None."""
    if any(not isinstance(part, Number | Negative | Arithmetic | Power) for part in node.walk()):
        return None
    try:
        return _constant(node)
    except (ArithmeticError, ValueError):
        return None


def _constant(node: Node) -> float:
    match node:
        case Number(value):
            return value
        case Negative(value):
            return -_constant(value)
        case Power(base, exponent):
            return math.pow(_constant(base), exponent)
        case Arithmetic(operator, left, right):
            a, b = _constant(left), _constant(right)
            return a + b if operator == "+" else a - b if operator == "-" else a * b if operator == "*" else a / b
    raise ValueError(node)


def _refuse_text(node: Node) -> None:
    for child in node.children:
        if isinstance(child, Text):
            raise UsageError(f"The text {child.value!r} can only be compared with a column, as in country == 'DE'.")


def _need_condition(node: object, where: str) -> None:
    if not isinstance(node, CONDITIONS):
        raise UsageError(
            f"`{where}` needs a condition such as country == 'DE' or score > 0.5, not `{node}`; "
            "with & and | put each comparison in parentheses."
        )


def _need_row(node: object, function: str) -> None:
    if not isinstance(node, Node):
        raise UsageError(f"{function}(...) takes a row expression such as col('revenue'), not {node!r}.")
    if isinstance(node, Text):
        raise UsageError(
            f"{function}(...) takes a column, not the text {node.value!r}; write {function}(col({node.value!r}))."
        )
    for part in node.walk():
        if isinstance(part, OVER_MEANS):
            raise UsageError(
                f"`{part}` is over all rows and cannot stand inside {function}(...), where names are row values."
            )
