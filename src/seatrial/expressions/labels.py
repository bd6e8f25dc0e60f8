"""Columns held as codes into a tuple of label names, and which columns hold words."""

from collections.abc import Mapping, Sequence

from seatrial.errors import UsageError
from seatrial.expressions.tree import Column, Compare, Node, Number, Text

Labels = Mapping[str, Sequence[str]]
"""Column name to its labels: the column holds positions in that sequence."""


def as_number(text: str) -> float | None:
    """The number a label says, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def code_of(labels: Sequence[str], wanted: Text | Number) -> int | None:
    """The position of a label given as text or number (`1` is also the label `1.0`), or None when there is none."""
    if isinstance(wanted, Text):
        if wanted.value in labels:
            return list(labels).index(wanted.value)
        number = as_number(wanted.value)
    else:
        number = wanted.value
    if number is None:
        return None
    return next((code for code, label in enumerate(labels) if as_number(label) == number), None)


def label_numbers(name: str, labels: Sequence[str]) -> list[float]:
    """The numbers the labels of a column say; a `UsageError` when one is a word."""
    numbers = [as_number(label) for label in labels]
    for label, number in zip(labels, numbers, strict=True):
        if number is None or number - number != 0:
            raise UsageError(
                f"'{name}' holds labels such as {label!r}, which are no numbers; compare it with a label in quotes "
                f"({name} == {label!r}) or with another column of labels."
            )
    return [number for number in numbers if number is not None]


def coded_sides(node: Compare, labels: Labels) -> tuple[Column, Node] | None:
    """The coded column and what it is compared with by `==` or `!=`, when codes can be compared; else None."""
    if node.operator not in ("==", "!="):
        return None
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if not isinstance(side, Column) or side.name not in labels:
            continue
        if isinstance(other, Text | Number):
            return side, other
        if isinstance(other, Column) and other.name in labels and tuple(labels[other.name]) == tuple(labels[side.name]):
            return side, other
    return None


def refuse_ordered_labels(node: Compare, labels: Labels) -> None:
    """A coded column has no order against a word."""
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(side, Text) and isinstance(other, Column) and other.name in labels:
            raise UsageError(f"Labels have no order: `{node}` can only use == and !=.")


def text_columns(node: Node) -> tuple[str, ...]:
    """The columns a formula uses as text: those compared with words, and those compared with these.

    >>> from seatrial.expressions import parse
    >>> text_columns(parse("mean(country == 'DE' and age > 30)"))
    ('country',)
    """
    comparisons = [part for part in node.walk() if isinstance(part, Compare)]
    found: dict[str, None] = {}
    while True:
        before = len(found)
        for comparison in comparisons:
            for side, other in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
                word = isinstance(other, Text) or (isinstance(other, Column) and other.name in found)
                if isinstance(side, Column) and word:
                    found[side.name] = None
        if len(found) == before:
            return tuple(found)
