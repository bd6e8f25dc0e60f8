"""Which metrics are wanted, and which columns of the files they need: read before anything is loaded."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from seatrial.comparison.request import Request
from seatrial.data.predictions import Predictions
from seatrial.data.slicing import slice_spec
from seatrial.data.values import is_operational
from seatrial.effects.measure import named_columns
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.expressions import text_columns
from seatrial.metrics.base import Formula, Metric, Quantile
from seatrial.metrics.catalogue import (
    Catalogue,
    default_metrics,
    formula_metric,
    from_python,
    function_metric,
    load_dotted,
)
from seatrial.records import Policy

_DEFINITION = re.compile(r"^\s*(?P<name>[^=<>!]+?)\s*=(?!=)\s*(?P<formula>.+)$", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Metrics named, formulas defined, columns and slices needed."""

    names: tuple[str, ...]
    """Metrics asked for by name, in order; empty: the usual ones."""
    objects: tuple[Metric, ...]
    formulas: dict[str, Formula]
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    operational: tuple[str, ...]
    slices: tuple[str, ...]
    """Slice specifications for the frame: those to explore, then those only the policy names."""
    explored: int
    """How many of `slices` are explored."""


def wanted(predictions: Sequence[Predictions], request: Request, policy: Policy | None) -> Wanted:
    """Read names, formulas and the policy; raises `UsageError` for a formula that cannot be read or a column not
    there."""
    lower = {*request.lower_is_better, *(policy.lower_is_better if policy else ())}
    formulas = {
        n: formula_metric(n, text, lower_is_better=n in lower) for n, text in (policy.metrics if policy else {}).items()
    }
    names: list[str] = []
    objects: list[Metric] = []
    for given in request.metrics:
        if not isinstance(given, str):
            metric = from_python(given)
            if isinstance(metric, Formula):
                formulas[metric.name] = metric
            objects.append(metric.lower_is_better() if metric.name in lower else metric)
            names.append(metric.name)
            continue
        if (match := _DEFINITION.match(given)) and "[" not in match["name"]:
            name = match["name"].strip()
            if ":" in match["formula"] and "(" not in match["formula"]:
                objects.append(
                    function_metric(name, load_dotted(match["formula"].strip()), lower_is_better=name in lower)
                )
            else:
                formulas[name] = formula_metric(name, match["formula"], lower_is_better=name in lower)
            names.append(name)
        elif ":" in given and "[" not in given and "'" not in given:
            loaded = from_python(load_dotted(given.strip()))
            objects.append(loaded.lower_is_better() if loaded.name in lower else loaded)
            names.append(loaded.name)
        else:
            names.append(given.strip())
    available = _available(predictions)
    described = {c for p in predictions for c in p.described}
    operational = tuple(c for c in available if is_operational(c) and c not in described)
    asked = [*names, *(rule.metric for rule in (policy.rules if policy else ()))]
    columns = _columns(asked, formulas, objects, available)
    texts = {t for formula in formulas.values() for t in text_columns(formula.tree) if t in available}
    slices, explored = _slices(predictions, request, policy)
    return Wanted(
        names=tuple(dict.fromkeys(names)),
        objects=tuple(objects),
        formulas=formulas,
        operational=operational,
        slices=slices,
        columns=tuple(c for c in dict.fromkeys([*operational, *columns]) if c not in texts),
        texts=tuple(sorted(texts)),
        explored=explored,
    )


def _available(predictions: Sequence[Predictions]) -> list[str]:
    """Columns of any version's file that have no role."""
    taken = {c for p in predictions for c in p.roles.columns}
    return list(dict.fromkeys(c for p in predictions for c in p.columns if c not in taken))


def _columns(
    asked: Iterable[str], formulas: dict[str, Formula], objects: Sequence[Metric], available: Collection[str]
) -> list[str]:
    found = [c for formula in formulas.values() for c in named_columns(formula.tree) if c in available]
    found += [m.column for m in objects if isinstance(m, Quantile)]
    for name in asked:
        found += [c for c in available if name == c or (name.startswith(f"{c}.") and name not in formulas)]
    return found


def _slices(predictions: Sequence[Predictions], request: Request, policy: Policy | None) -> tuple[tuple[str, ...], int]:
    source = predictions[0].source
    specs = list(dict.fromkeys(request.by))
    named = {slice_spec(spec, source).name for spec in specs}
    explored = len(specs)
    for rule in policy.rules if policy else ():
        for column in rule.slice:
            if column not in named:
                _check_column(column, predictions)
                specs.append(column)
                named.add(column)
    return tuple(specs), explored


def _check_column(column: str, predictions: Sequence[Predictions]) -> None:
    """Raise `UsageError` for a policy slice on a column that no file has; `length(x)` is checked where it is read."""
    if "(" in column or any(one.source.find(column) is not None for one in predictions):
        return
    known = predictions[0].source.columns
    raise UsageError(
        f"The policy has a slice on the column '{column}', which is not there.{did_you_mean(column, known)} "
        f"Columns: {listed(known)}."
    )


def metrics_of(
    want: Wanted, catalogue: Catalogue, policy: Policy | None, *, rarest_share: float | None
) -> list[Metric]:
    """The metrics to measure: those asked for (or the usual ones), then what the policy needs."""
    by_object = {metric.name: metric for metric in want.objects}
    usual = not want.names and not want.objects
    names = list(want.names) if not usual else default_metrics(catalogue, rarest_share=rarest_share)
    if usual:
        names += list(want.formulas)
    names += [rule.metric for rule in (policy.rules if policy else ())]
    found: list[Metric] = []
    for name in dict.fromkeys(names):
        metric = by_object.get(name) or catalogue.get(name)
        if metric.needs_scores and not catalogue.scored and usual:
            continue
        found.append(metric)
    for rule in policy.rules if policy else ():
        metric = next(m for m in found if m.name == rule.metric)
        if not metric.gated and not rule.is_bound and rule.role != "secondary":
            raise UsageError(
                f"'{metric.name}' cannot be gated by its difference, which has no sound interval; gate on log_loss, "
                f"brier_score "
                f"or roc_auc, or give it an absolute bound (below, above)."
            )
    return found
