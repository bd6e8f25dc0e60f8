"""Formulas recognised by their form, which have better methods than the delta method; and what a formula reads."""

from collections.abc import Collection

from seatrial.expressions.evaluate import atoms
from seatrial.expressions.shares import share_sum
from seatrial.expressions.tree import (
    SHARES,
    Arithmetic,
    Column,
    Mean,
    Node,
    Number,
    Quantile,
    Share,
    Size,
    is_condition,
)

Shares = frozenset[str]


def _ratio(node: Node) -> tuple[dict[str, float], dict[str, float]] | None:
    """Numerator and denominator of a ratio of share sums, over the denominator's unit."""
    if not any(isinstance(part, Share) for part in node.walk()):
        return None
    if len({part.label for part in node.walk() if isinstance(part, Share)}) > 1:
        return None
    match node:
        case Arithmetic("/", left, right) if not isinstance(right, Number):
            above, below = share_sum(left), share_sum(right)
        case _:
            above, below = share_sum(node), dict.fromkeys(SHARES, 1.0)
    return None if above is None or below is None else (above, below)


def as_proportion(node: Node) -> tuple[Shares, Shares] | None:
    """Numerator and denominator of a proportion of rows: `tp / (tp + fp)`, `tp + tn`, `1 - tp / (tp + fn)`; else None.

    The denominator of a plain sum of shares is all four. All shares belong to one class; which, the atoms say.

    >>> from seatrial.expressions import parse
    >>> [sorted(side) for side in as_proportion(parse("fp / (fp + tn)"))]
    [['fp'], ['fp', 'tn']]
    """
    match node:
        case Arithmetic("-", Number(1.0), Arithmetic("/") as inner):
            found = as_proportion(inner)
            return None if found is None else (found[1] - found[0], found[1])
    ratio = _ratio(node)
    if ratio is None:
        return None
    above, below = ratio
    weights = {weight for weight in (*above.values(), *below.values()) if weight != 0}
    numerator = frozenset(which for which in SHARES if above[which] != 0)
    denominator = frozenset(which for which in SHARES if below[which] != 0)
    if len(weights) != 1 or min(weights) < 0 or not numerator or not numerator < denominator:
        return None
    return numerator, denominator


def as_f1(node: Node) -> bool:
    """Whether a formula is F1 of one class: 2 tp / (2 tp + fp + fn), or a multiple of both sides."""
    ratio = _ratio(node)
    if ratio is None:
        return False
    above, below = ratio
    unit = below["fp"]
    return (
        unit > 0
        and below == {"tp": 2 * unit, "fp": unit, "fn": unit, "tn": 0.0}
        and above == {"tp": 2 * unit, "fp": 0.0, "fn": 0.0, "tn": 0.0}
    )


def as_row_proportion(node: Node) -> Node | None:
    """The condition whose share of rows a formula is: `mean(target == prediction)`; else None."""
    return node.row if isinstance(node, Mean) and is_condition(node.row) else None


def columns(node: Node) -> tuple[str, ...]:
    """The columns and roles a resolved formula reads, in the order they are met; shares read target and prediction."""
    found: dict[str, None] = {}
    for atom in atoms(node):
        if isinstance(atom, Share):
            found |= {"target": None, "prediction": None}
        for part in atom.walk():
            if isinstance(part, Column):
                found[part.name] = None
    return tuple(found)


def depends_only_on(node: Node, names: Collection[str]) -> bool:
    """Whether a resolved formula reads only these columns and roles; one with a `MetricRef` never does."""
    known = all(isinstance(atom, Mean | Share | Quantile | Size) for atom in atoms(node))
    return known and set(columns(node)) <= set(names)
