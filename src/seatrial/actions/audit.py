"""A fairness audit of one model's decisions, from its predictions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.actions.compare import as_predictions
from seatrial.actions.page import PageResult
from seatrial.actions.references import are_runs, predictions_of
from seatrial.data.slicing import parse_slice, parse_slices
from seatrial.errors import UsageError, listed
from seatrial.evaluation.fairness import Asked, audit_decisions
from seatrial.records.audit import Audit
from seatrial.reports.document import Document


@dataclass(frozen=True)
class AuditResult(PageResult):
    """What `audit` hands back."""

    record: Audit

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.audit_page import audit_document

        return audit_document(self.record)


def audit(
    predictions: Any,
    *,
    protected: Sequence[str] | str,
    label: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    threshold: float = 0.5,
    positive: str | None = None,
    favourable: str | None = None,
    reference: Mapping[str, str] | str | None = None,
    cross: int = 2,
    smallest: float = 0.02,
    weight: str | None = None,
    weights: str = "sampling",
    cluster: str | None = None,
    id: str | None = None,
    proxies: bool = True,
    mitigations: bool = True,
    reductions: bool = False,
    benefit: float | None = None,
    cost: float | None = None,
    level: float = 0.95,
    seed: int = 0,
    case: str | None = None,
    store: Any = None,
) -> AuditResult:
    """Audit decisions with two outcomes for differences between groups of people.

    `predictions` is what `read` takes, or a run of the store (`case` names one of its cases); `protected` names columns
    (`age:0,25,60` cuts numbers) that are crossed to depth `cross`. `favourable` is the outcome that is good for the
    person (by default the positive class): selection, true and false positive rates are of it. `reference` names the
    group that others are held against (`sex=Male`), else
    the one selected most. Groups under `smallest` of all rows are shown and not compared. `benefit` and `cost` are what
    one favourable decision brings where the label agrees, and loses where it does not. `proxies` searches the other
    columns for stand-ins; `mitigations` asks fairlearn, where it is installed;
    `reductions` learns new models under a constraint too, which takes seconds a column.

    >>> rows = {"sex": ["f", "m"] * 200, "y": [0, 0, 1, 1] * 100, "prediction": [0, 0, 1, 1, 0, 1, 0, 1] * 50}
    >>> found = audit(rows, protected="sex").record
    >>> [gap.value for gap in found.cuts[0].gaps if gap.notion == "demographic parity"]
    [0.5, 0.3333333333333333]

    Raises `UsageError` for an option that does not fit, `DataError` for data that cannot carry an audit.
    """
    asked_for = parse_slices(protected) if isinstance(protected, str) else tuple(protected)
    if not asked_for:
        raise UsageError("Name the protected columns: --protected sex,race.")
    if len(set(asked_for)) < len(asked_for):
        raise UsageError(f"--protected names a column twice: {listed(asked_for)}.")
    if not 1 <= cross <= 2:
        raise UsageError(f"--cross {cross}: protected columns can be crossed to depth 2 at most.")
    if not 0.5 <= level < 1:
        raise UsageError(f"The level of intervals lies between 0.5 and 1, not {level:g}.")
    if not 0 <= smallest < 0.5:
        raise UsageError(f"--smallest {smallest:g}: give the share of rows under which a group is not compared.")
    if (benefit is None) != (cost is None):
        raise UsageError("--benefit and --cost go together: what a right favourable decision brings, a wrong loses.")
    if any(amount is not None and not math.isfinite(amount) for amount in (benefit, cost)):
        raise UsageError("--benefit and --cost are finite numbers.")
    if isinstance(predictions, str) and are_runs([predictions], store):
        predictions = predictions_of(predictions, store, case=case)
    elif case is not None:
        raise UsageError(f"--case {case} goes with a run of the store, and '{predictions!s:.60}' is none.")
    found = as_predictions(
        [predictions],
        models=None,
        options={
            "target": label,
            "prediction": prediction,
            "score": score,
            "id": id,
            "positive": positive,
            "weight": weight,
            "weights": weights,
            "threshold": threshold,
            "task": None,
        },
    )
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} versions were found ({listed([one.name for one in found], limit=6)}); an audit is of one: "
            "name it as FILE#COLUMN."
        )
    return AuditResult(
        audit_decisions(
            found[0],
            Asked(
                protected=asked_for,
                favourable=None if favourable is None else str(favourable),
                reference=_reference(reference),
                cross=cross,
                cluster=cluster,
                smallest=smallest,
                proxies=proxies,
                mitigations=mitigations,
                reductions=reductions,
                benefit=benefit,
                cost=cost,
                level=level,
                seed=seed,
            ),
        )
    )


def _reference(given: Mapping[str, str] | str | None) -> dict[str, str]:
    if given is None:
        return {}
    return parse_slice(given) if isinstance(given, str) else {str(k): str(v) for k, v in given.items()}
