"""Subgroup, BPSN and BNSP AUC of each identity (Borkan, Dixon, Sorensen, Thain and Vasserman 2019)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from seatrial.records.counterfactual import IdentityAuc
from seatrial.records.results import Estimate
from seatrial.stats.auc_small import auc_bound_at_edge, few_rows_interval
from seatrial.stats.ranks import grouped_auc
from seatrial.stats.sorted_scores import SortedScores

DELONG = "DeLong variance, logit t limits, no narrower than Newcombe's"
EDGE = "exact limit from independent pairs"


def identity_aucs(
    scores: Sequence[float | None],
    labels: Sequence[bool | None],
    identities: Sequence[Sequence[str]],
    *,
    names: Sequence[str],
    model: str,
    level: float = 0.95,
) -> tuple[Estimate, tuple[IdentityAuc, ...]]:
    """The AUC of all rows, and three of each identity, from rows as written.

    Subgroup: rows that mention it. BPSN: background positives with the subgroup's negatives; BNSP: background
    negatives with its positives. Background are rows that do not mention the identity. `labels` are whether a row is
    positive; rows without a score or a label are missing. Intervals by DeLong; an AUC of 0 or 1 has an exact limit.
    """
    score = np.array([np.nan if one is None else one for one in scores], dtype=np.float64)
    label = np.array([-1 if one is None else int(one) for one in labels], dtype=np.int64)

    def auc(rows: NDArray[np.bool_], metric: str, slices: Mapping[str, str]) -> Estimate:
        return _estimate(score[rows], label[rows], metric=metric, slices=slices, model=model, level=level)

    found = []
    for name in names:
        inside = np.array([name in mentioned for mentioned in identities], dtype=np.bool_)
        slices = {"identity": name}
        found.append(
            IdentityAuc(
                identity=name,
                rows=int(inside.sum()),
                positives=int((inside & (label == 1)).sum()),
                subgroup=auc(inside, "subgroup_auc", slices),
                bpsn=auc((inside & (label == 0)) | (~inside & (label == 1)), "bpsn_auc", slices),
                bnsp=auc((inside & (label == 1)) | (~inside & (label == 0)), "bnsp_auc", slices),
            )
        )
    return auc(np.ones(len(score), dtype=np.bool_), "roc_auc", {}), tuple(found)


def _estimate(
    score: NDArray[np.float64],
    label: NDArray[np.int64],
    *,
    metric: str,
    slices: Mapping[str, str],
    model: str,
    level: float,
) -> Estimate:
    rows = SortedScores(score, label)
    table = grouped_auc(rows.whole())
    head = {
        "model": model,
        "metric": metric,
        "slice": dict(slices),
        "n": rows.n,
        "missing": rows.missing,
        "level": level,
    }
    if len(table.value) == 0 or np.isnan(table.value[0]):
        reason = table.reasons[0] if len(table.reasons) else "no rows"
        return Estimate.model_validate({**head, "reason": reason or "no rows"})
    value = float(table.value[0])
    n_pos, n_neg = int(table.n_pos[0]), int(table.n_neg[0])
    if value in (0.0, 1.0):
        bound = auc_bound_at_edge(value, n_pos, n_neg, alpha=1 - level)
        return Estimate.model_validate(
            {**head, "value": value, "low": bound.low, "high": bound.high, "method": EDGE, "notes": (bound.reason,)}
        )
    low, high = (float(x[0]) for x in few_rows_interval(table, 1 - level))
    if np.isnan(low):
        return Estimate.model_validate(
            {**head, "value": value, "notes": (f"no interval: {table.reasons[0] or 'one row of a class'}",)}
        )
    error = float(np.sqrt(table.variance[0]))
    return Estimate.model_validate(
        {**head, "value": value, "low": low, "high": high, "standard_error": error, "method": DELONG}
    )
