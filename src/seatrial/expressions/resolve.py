"""What each name of a formula stands for: a catalogue metric, a share of the confusion matrix, a column."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.expressions.text import to_text
from seatrial.expressions.tree import (
    MAX_DEPTH,
    ROW_LEVEL,
    SHARES,
    Atom,
    Call,
    Column,
    FilteredMean,
    Mean,
    MetricRef,
    Name,
    Node,
    Quantile,
    Share,
    Text,
    Total,
)


def resolve(node: Node, *, columns: Collection[str], metrics: Mapping[str, object], collisions: bool = True) -> Node:
    """Replace names by what they mean, so that only atoms, numbers and arithmetic are left.

    A bare name is a metric of `metrics`, else tp, fp, fn, tn, else the mean of a column; one that is both a metric (or
    share) and a column is refused. `metrics` maps a name to its formula (a `Node`), which takes its place, or to
    anything else, which leaves a `MetricRef`. `columns` are the names row expressions may use, roles included.
    With `collisions=False` (for formulas of the catalogue itself) metrics and shares go before columns.

    Raises `UsageError` for an unknown name, a collision, a metric defined by itself, a comparison outside a mean.

    >>> from seatrial.expressions import parse
    >>> resolve(parse("recall - 0.1*latency_ms"), columns=["latency_ms"], metrics={"recall": parse("tp / (tp + fn)")})
    <tp / (tp + fn) - 0.1 * mean(latency_ms)>
    """
    _check_depth(node)
    resolved = _Resolver(frozenset(columns), metrics).resolve(node, (), own=collisions)
    _check_depth(resolved)
    if not any(isinstance(part, Atom) for part in _over_means(resolved)):
        raise UsageError(
            f"The formula `{to_text(node)}` names no metric and no column, so there is nothing to measure."
        )
    return resolved


@dataclass(frozen=True)
class _Resolver:
    columns: frozenset[str]
    metrics: Mapping[str, object]

    def resolve(self, node: Node, inside: tuple[str, ...], *, own: bool) -> Node:
        """`inside` are the metrics whose formulas lead here; `own` says that the user wrote this part."""
        match node:
            case Name(name, label):
                return self.name(name, label, inside, own=own)
            case MetricRef(name, label):
                return self.metric(name, label, inside)
            case Share(which, label, bare):
                if own and bare and label is None and which in self.columns:
                    raise UsageError(_collision(which, "the share of rows", f"share('{which}')"))
                return node
            case Column(name):
                self.check_rows(node)
                return Mean(node)
            case Mean(row) | Total(row) | Quantile(row):
                self.check_rows(row)
                return node
            case FilteredMean(row, condition):
                self.check_rows(row)
                self.check_rows(condition)
                return node
            case Call("winsorize"):
                raise UsageError(
                    "winsorize(x, cap) cuts off row values and belongs inside mean(...): mean(winsorize(x, cap))."
                )
        if isinstance(node, ROW_LEVEL):
            text = repr(node.value) if isinstance(node, Text) else to_text(node, rows=True)
            raise UsageError(f"A comparison or condition belongs inside mean(...): write mean({text}).")
        return node.with_children(tuple(self.resolve(child, inside, own=own) for child in node.children))

    def name(self, name: str, label: str | None, inside: tuple[str, ...], *, own: bool) -> Node:
        is_column = name in self.columns
        if name in self.metrics:
            if own and is_column and label is None:
                raise UsageError(_collision(name, "a metric", f"metric('{name}')"))
            return self.metric(name, label, inside)
        if name in SHARES:
            return Share(name, label)
        if is_column and label is None:
            return Mean(Column(name))
        if is_column:
            raise UsageError(f"'{name}' is a column, and only a metric has a value for one class: {name}[{label!r}].")
        known = [*self.metrics, *SHARES, *self.columns]
        hint = did_you_mean(name, known) or f" Columns: {listed(sorted(self.columns))}."
        raise UsageError(f"'{name}' is neither a metric nor a column here.{hint}")

    def metric(self, name: str, label: str | None, inside: tuple[str, ...]) -> Node:
        if name not in self.metrics:
            hint = did_you_mean(name, self.metrics) or f" There are {listed(sorted(self.metrics))}."
            raise UsageError(f"There is no metric '{name}'.{hint}")
        if name in inside:
            raise UsageError(f"The metric '{name}' is defined by itself: {' -> '.join((*inside, name))}.")
        if len(inside) >= MAX_DEPTH:
            raise UsageError(f"Metrics are defined by one another more than {MAX_DEPTH} deep.")
        formula = self.metrics[name]
        if not isinstance(formula, Node):
            return MetricRef(name, label)
        resolved = self.resolve(formula, (*inside, name), own=False)
        return resolved if label is None else _of_class(resolved, name, label)

    def check_rows(self, row: Node) -> None:
        for part in row.walk():
            if isinstance(part, Column) and part.name not in self.columns:
                hint = did_you_mean(part.name, self.columns) or f" Columns: {listed(sorted(self.columns))}."
                raise UsageError(f"There is no column '{part.name}'.{hint}")


def _collision(name: str, meaning: str, explicit: str) -> str:
    return f"'{name}' is both {meaning} and a column; write col('{name}') for the column or {explicit} for the other."


def _of_class(node: Node, metric: str, label: str) -> Node:
    """A formula of shares, for one class against the rest."""
    if isinstance(node, Share):
        return Share(node.which, label)
    if isinstance(node, MetricRef):
        return MetricRef(node.name, label)
    if isinstance(node, Atom | Total | FilteredMean):
        raise UsageError(
            f"'{metric}' has no value for one class, as {metric}[{label!r}] asks: it is not made of tp, fp, fn, tn."
        )
    return node.with_children(tuple(_of_class(child, metric, label) for child in node.children))


def _over_means(node: Node) -> list[Node]:
    """The nodes over means, row expressions left out."""
    if isinstance(node, Total | FilteredMean):
        return _over_means(node.expanded())
    return (
        [node] if isinstance(node, Atom) else [node, *(part for child in node.children for part in _over_means(child))]
    )


def _check_depth(node: Node) -> None:
    layer, depth = [node], 0
    while layer:
        layer, depth = [child for part in layer for child in part.children], depth + 1
        if depth > 4 * MAX_DEPTH:
            raise UsageError(f"The formula is nested more than {4 * MAX_DEPTH} deep; name parts of it as metrics.")
