"""What a metric is: a name, which way is good, its default margin, and one of three ways to compute it.

Means      arithmetic over means of rows (`Formula`), or over the confusion matrix class by class (`PerClass`,
`Averaged`, `Marginal`)
Ranks      the order of the scores (`Ranked`), or of the values (`Quantile`)
Resampled  any other function of the rows (`Resampled`)
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from seatrial.expressions import Arithmetic, Column, Mean, Name, Node, Number, parse

Floats = NDArray[np.float64]
Kind = Literal["means", "ranks", "resampled"]
Average = Literal["macro", "weighted", "micro"]

CLASSIFICATION = frozenset({"binary", "multiclass"})
ANSWERS = frozenset({"entities", "fields", "boxes", "text"})
EVERY_TASK = frozenset({"binary", "multiclass", "multilabel", "regression"}) | ANSWERS


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What every metric says of itself.

    `margin` is the default non-inferiority margin: absolute, or a share of the baseline's value when
    `margin_is_relative`. `lowest` and `highest` bound the value (None: unbounded). `gated` is False for a metric
    whose difference has no sound interval: it is shown and may be bounded, never gated by difference. `directed` is
    False
    for one of which neither more nor less is good by itself (a selection rate): its difference is never better or
    worse.
    """

    kind: ClassVar[Kind]

    name: str
    summary: str
    formula: str
    tasks: frozenset[str] = CLASSIFICATION
    higher_is_better: bool = True
    margin: float = 0.01
    margin_is_relative: bool = False
    lowest: float | None = 0.0
    highest: float | None = 1.0
    scale: str | None = None
    gated: bool = True
    directed: bool = True
    operational: bool = False
    needs_scores: bool = False

    def named(self, name: str) -> Self:
        """The same metric under the name the user gave it."""
        return replace(self, name=name)

    def lower_is_better(self) -> Self:
        """The same metric with less as the good direction."""
        return replace(self, higher_is_better=False)


@dataclass(frozen=True, kw_only=True)
class Formula(Metric):
    """Arithmetic over means, written as text: `tp / (tp + fp)`, `sqrt(mean((target - prediction)**2))`."""

    kind: ClassVar[Kind] = "means"
    tree: Node = field(repr=False, compare=False, default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.tree is None:
            object.__setattr__(self, "tree", parse(self.formula))


@dataclass(frozen=True, kw_only=True)
class PerClass(Metric):
    """A formula in the `tp fp fn tn` of one class (or one label of several)."""

    kind: ClassVar[Kind] = "means"
    label: str

    @cached_property
    def tree(self) -> Node:
        return parse(self.formula)


@dataclass(frozen=True, kw_only=True)
class Averaged(Metric):
    """A formula in `tp fp fn tn` averaged over classes: macro (each class alike), weighted (by its rows), micro
    (pooled).

    Classes are those met in the targets or the predictions, as in scikit-learn; `present="target"` takes only those
    met in the targets. A class whose formula divides by 0 counts as 0, as in scikit-learn, and the result says so.
    """

    kind: ClassVar[Kind] = "means"
    per_class: str
    average: Average
    present: Literal["either", "target"] = "either"

    @cached_property
    def tree(self) -> Node:
        return parse(self.per_class)


@dataclass(frozen=True, kw_only=True)
class OverLabels(Metric):
    """A formula in the counts of one label, averaged over the labels that the targets name, each alike."""

    kind: ClassVar[Kind] = "means"
    per_label: str

    def over(self, labels: tuple[str, ...]) -> Formula:
        """The formula written out for these labels."""
        return Formula(**_shared(self), tree=mean_of([of_label(parse(self.per_label), label) for label in labels]))


@dataclass(frozen=True, kw_only=True)
class Detected(Metric):
    """Average precision of boxes, by resampling images: a mean over overlaps and over the classes of the targets."""

    kind: ClassVar[Kind] = "resampled"
    overlaps: tuple[float, ...]
    label: str | None = None
    """One class only."""


def of_label(node: Node, label: str) -> Node:
    """A formula over counts, `strict_matches / gold_entities`, with each count taken of one label."""
    if isinstance(node, Name):
        return Mean(Column(f"{node.name}[{label}]"))
    children = node.children
    return node.with_children(tuple(of_label(child, label) for child in children)) if children else node


def mean_of(trees: list[Node]) -> Node:
    """The plain mean of several formulas, nested no deeper than need be."""
    several = list(trees)
    while len(several) > 1:
        pairs = [Arithmetic("+", one, other) for one, other in zip(several[::2], several[1::2], strict=False)]
        several = [*pairs, *(several[-1:] if len(several) % 2 else [])]
    return Arithmetic("/", several[0], Number(float(len(trees))))


def _shared(metric: Metric) -> dict[str, Any]:
    return {one.name: getattr(metric, one.name) for one in fields(Metric)}


@dataclass(frozen=True, kw_only=True)
class MarginalValue:
    """A statistic of S confusion matrices and its derivatives by the shares it was given."""

    value: Floats
    by_hits: Floats
    by_predicted: Floats
    by_actual: Floats
    reason: str
    """Said of the slices whose value is NaN."""


@dataclass(frozen=True, kw_only=True)
class Marginal(Metric):
    """A function of the confusion matrix's diagonal and margins, each (S, K) shares of rows: kappa, MCC."""

    kind: ClassVar[Kind] = "means"
    function: Callable[[Floats, Floats, Floats], MarginalValue]
    """(hits, predicted, actual) -> `MarginalValue` with value (S,) and derivatives (S, K)."""


class Influence(Protocol):
    """(score, label, weight) -> value and the influence of each row, mean zero."""

    def __call__(
        self, score: Floats, label: NDArray[np.bool_], weight: Floats | None = None
    ) -> tuple[float, Floats]: ...


@dataclass(frozen=True, kw_only=True)
class Ranked(Metric):
    """A statistic of the order of scores against a yes/no label; `classes` says whose score and label."""

    kind: ClassVar[Kind] = "ranks"
    statistic: Literal["roc_auc", "average_precision"]
    classes: str | Literal["positive", "macro"] = "positive"
    """`positive`: the positive class; `macro`: the mean over one-vs-rest; else the name of one class."""


@dataclass(frozen=True, kw_only=True)
class Quantile(Metric):
    """A quantile of one numeric column: `latency_ms.p95`."""

    kind: ClassVar[Kind] = "ranks"
    column: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Banded(Metric):
    """A statistic of scores that is not smooth, with an interval of its own and no gate on its difference: ECE, KS."""

    kind: ClassVar[Kind] = "resampled"
    statistic: Literal["expected_calibration_error", "ks"]


@dataclass(frozen=True, kw_only=True)
class Resampled(Metric):
    """Any function with scikit-learn's signature `f(y_true, y_pred, sample_weight=...)`, by seeded bootstrap."""

    kind: ClassVar[Kind] = "resampled"
    function: Callable[..., float]
    input: Literal["prediction", "score"] = "prediction"
    """What is passed as y_pred: labels, or the score of the positive class (one column per class when multiclass)."""
    weighted: bool = True
    """Whether the function takes `sample_weight`; without it rows are drawn instead of weighted."""
