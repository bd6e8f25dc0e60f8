"""Why a part of a formula has no value, in words."""

from seatrial.expressions.shares import share_sum
from seatrial.expressions.text import to_text
from seatrial.expressions.tree import Atom, Mean, MetricRef, Node, Quantile, Share, is_condition

_EMPTY = {
    frozenset({"tp", "fp"}): ("nothing was predicted positive", "nothing was predicted {0}"),
    frozenset({"tp", "fn"}): ("there are no positive labels", "there are no labels {0}"),
    frozenset({"fp", "tn"}): ("there are no negative labels", "there are no labels other than {0}"),
    frozenset({"fn", "tn"}): ("nothing was predicted negative", "nothing was predicted other than {0}"),
    frozenset({"tp", "fp", "fn"}): (
        "there are no positive labels, and nothing was predicted positive",
        "there are no labels {0}, and nothing was predicted {0}",
    ),
}


def about_zero(node: Node) -> str:
    """A denominator that is 0: what that means where its form is well known."""
    sentence = f"`{to_text(node)}` is 0"
    if isinstance(node, Mean) and is_condition(node.row):
        return f"{sentence}: no row has it"
    weights = share_sum(node)
    if weights is None or min(weights.values()) < 0:
        return sentence
    meaning = _EMPTY.get(frozenset(which for which, weight in weights.items() if weight > 0))
    if meaning is None:
        return sentence
    label = next(part.label for part in node.walk() if isinstance(part, Share))
    return f"{sentence}: {meaning[0] if label is None else meaning[1].format(repr(label))}"


def no_value(atom: Atom) -> str:
    """An atom without a value."""
    match atom:
        case Mean(row) | Quantile(row):
            return f"no row has a value of `{to_text(row, rows=True)}`"
        case MetricRef():
            return f"`{to_text(atom)}` has no value here"
    return f"`{to_text(atom)}` has no value here: there are no rows"
