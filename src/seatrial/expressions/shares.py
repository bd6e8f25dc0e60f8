"""Weighted sums of tp, fp, fn, tn."""

from seatrial.expressions.tree import SHARES, Arithmetic, Negative, Node, Number, Share


def share_sum(node: Node) -> dict[str, float] | None:
    """A formula that is a weighted sum of shares, as weight by share; a constant c is c times all four. Else None.

    Shares of one class only: a mixture of classes, or of a class with the positive class, is None.
    """
    if len({part.label for part in node.walk() if isinstance(part, Share)}) > 1:
        return None
    return _weights(node)


def _weights(node: Node) -> dict[str, float] | None:
    match node:
        case Number(value):
            return dict.fromkeys(SHARES, value)
        case Share(which):
            return {**dict.fromkeys(SHARES, 0.0), which: 1.0}
        case Negative(inner):
            below = _weights(inner)
            return None if below is None else {which: -weight for which, weight in below.items()}
        case Arithmetic(operator, left, right):
            a, b = _weights(left), _weights(right)
            if a is None or b is None:
                return None
            if operator == "+":
                return {which: a[which] + b[which] for which in SHARES}
            if operator == "-":
                return {which: a[which] - b[which] for which in SHARES}
            if operator == "*" and isinstance(left, Number):
                return {which: left.value * b[which] for which in SHARES}
            if isinstance(right, Number) and (operator == "*" or right.value != 0):
                return {
                    which: a[which] * right.value if operator == "*" else a[which] / right.value for which in SHARES
                }
    return None
