"""Formulas of experiment metrics: arithmetic over means of units, from text or from a tree built in Python."""

from seatrial.errors import UsageError
from seatrial.expressions import (
    Column,
    MetricRef,
    Name,
    Node,
    Share,
    as_row_proportion,
    atoms,
    is_condition,
    parse,
    parse_row,
    resolve,
    row_columns,
    to_text,
)
from seatrial.expressions import columns as columns_read


def metric_formula(formula: str | Node, *, what: str = "The metric") -> Node:
    """Return the resolved tree of a formula over units: every name is a column, and a bare one stands for its mean.

    Raises `UsageError`, beginning with `what`, for text that is no formula and for names that only an offline
    comparison knows (tp, fp, fn, tn, catalogue metrics).

    >>> metric_formula("revenue / orders")
    <mean(revenue) / mean(orders)>
    """
    try:
        node = parse(formula) if isinstance(formula, str) else formula
        for part in node.walk():
            named = part if isinstance(part, Name | MetricRef) else None
            if isinstance(part, Share) or (named is not None and (named.label or isinstance(named, MetricRef))):
                raise UsageError(
                    f"`{to_text(part)}` is for offline comparisons, where rows have a target; a metric of an "
                    f"experiment reads columns of units or events: mean(revenue), clicks / views, mean(retained == 1)."
                )
        known = {part.name for part in node.walk() if isinstance(part, Name | Column)}
        return resolve(node, columns=known, metrics={})
    except UsageError as error:
        raise UsageError(f"{what}: {error}") from None


def formula_text(formula: str | Node) -> str:
    """Return a formula as text: a tree is written out, text stays as it is."""
    return formula.strip() if isinstance(formula, str) else to_text(formula)


def formula_columns(formula: str | Node) -> tuple[str, ...]:
    """Return the columns a formula reads, in the order they are met.

    >>> formula_columns("mean(revenue, where=country == 'DE') / views")
    ('country', 'revenue', 'views')
    """
    return columns_read(metric_formula(formula))


def event_condition(text: str, *, what: str = "'where'") -> Node:
    """Return the tree of a row condition such as `event == 'purchase'`; raises `UsageError` for anything else."""
    try:
        row = parse_row(text)
    except UsageError as error:
        raise UsageError(f"{what}: {error}") from None
    if not is_condition(row):
        raise UsageError(f"{what} must be a condition on events such as event == 'purchase', not `{text}`.")
    if not row_columns(row):
        raise UsageError(f"{what}: `{text}` names no column of the events.")
    return row


def is_share_by_form(node: Node) -> bool:
    """Whether a resolved formula is a share of units by its form: `mean(retained == 1)`."""
    return as_row_proportion(node) is not None


def is_ratio(node: Node) -> bool:
    """Whether a resolved formula combines several means: its variance needs more than its value."""
    return len(atoms(node)) > 1
