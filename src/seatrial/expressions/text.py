"""A tree back to text: `parse(to_text(tree)).same(tree)`."""

from seatrial.expressions.tree import (
    Arithmetic,
    Call,
    Column,
    Compare,
    FilteredMean,
    If,
    Logic,
    Mean,
    MetricRef,
    Name,
    Negative,
    Node,
    Not,
    Number,
    Power,
    Quantile,
    Share,
    Size,
    Text,
    Total,
    is_condition,
    quoted,
)

# How tightly each form binds, as in Python.
_IF, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _WHOLE = range(10)


def to_text(node: Node, *, rows: bool = False) -> str:
    """Write a tree as a formula, with no more parentheses than needed.

    `rows` says that the tree is a row expression (the inside of a mean), where columns are written bare.

    >>> from seatrial.expressions import parse
    >>> to_text(parse("(2 * tp)/(2*tp + (fp + fn))"))
    '2 * tp / (2 * tp + (fp + fn))'
    """
    return _write(node, rows)[0]


def number_text(value: float) -> str:
    """A number as a formula shows it: `120`, `0.002`, `1e-06`."""
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 and str(value) != "-0.0" else repr(value)


def _write(node: Node, rows: bool) -> tuple[str, int]:
    def part(child: Node, least: int) -> str:
        text, binding = _write(child, rows)
        return text if binding >= least else f"({text})"

    def row(child: Node) -> str:
        return _write(child, True)[0]

    match node:
        case Number(value):
            return number_text(value), _SIGN if str(value).startswith("-") else _WHOLE
        case Text(value):
            return repr(value), _WHOLE
        case Column(name):
            return quoted(name) if rows else f"col({name!r})", _WHOLE
        case Negative(value):
            return f"-{part(value, _SIGN)}", _SIGN
        case Arithmetic(operator, left, right):
            level = _SUM if operator in "+-" else _PRODUCT
            return f"{part(left, level)} {operator} {part(right, level + 1)}", level
        case Power(base, exponent):
            return f"{part(base, _WHOLE)} ** {number_text(exponent)}", _POWER
        case Call(function, arguments):
            return f"{function}({', '.join(part(argument, _IF) for argument in arguments)})", _WHOLE
        case Compare(operator, left, right):
            return f"{part(left, _COMPARE + 1)} {operator} {part(right, _COMPARE + 1)}", _COMPARE
        case Logic(operator, left, right):
            level = _OR if operator == "or" else _AND
            return f"{part(left, level)} {operator} {part(right, level + 1)}", level
        case Not(condition):
            return f"not {part(condition, _NOT)}", _NOT
        case If(condition, then, otherwise):
            return f"{part(then, _OR)} if {part(condition, _OR)} else {part(otherwise, _IF)}", _IF
        case Mean(inner):
            return f"mean({row(inner)})", _WHOLE
        case FilteredMean(inner, condition):
            return f"mean({row(inner)}, where={row(condition)})", _WHOLE
        case Total(inner):
            return f"{'count' if is_condition(inner) else 'sum'}({row(inner)})", _WHOLE
        case Quantile(inner, probability):
            percent = round(probability * 100)
            if 1 <= percent <= 99 and percent / 100 == probability:
                return f"p{percent:02d}({row(inner)})", _WHOLE
            return f"quantile({row(inner)}, {probability!r})", _WHOLE
        case Share() | MetricRef() | Name() | Size():
            return node.key(), _WHOLE
    raise TypeError(f"not a node of a formula: {type(node).__name__}")
