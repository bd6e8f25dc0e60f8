"""Flips: rows whose answer changed between two versions, both ways, by class, and which rows to look at."""

from dataclasses import dataclass

import numpy as np

from seatrial.data.answers.counting import COUNTED, RIGHT
from seatrial.data.frame import Frame
from seatrial.records import ClassFlips, Example, Flips
from seatrial.stats.paired import mcnemar_midp

EXAMPLES = 10
MOST_SAID = 300
"""Characters of a structured answer that an example shows."""
CLASSES = 1_000
"""Classes listed in the forgetting table: those that lost most."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A row to show: its place in the frame, and what both versions say of it."""

    row: int
    example: Example


def flips(frame: Frame, pair: tuple[int, int]) -> Flips:
    """Count rows won, lost and changed; rows that lack a label of either version are left out. Examples are added
    later."""
    right_b, right_c, known, differ = _conditions(frame, pair)
    by_target = frame.task in ("binary", "multiclass")
    label, grouped = ("target", " GROUP BY target ORDER BY target") if by_target else ("0", "")
    result = frame.engine.query(
        f"SELECT {label} AS label, count(*) AS n, "
        f"count(CASE WHEN {right_c} AND NOT ({right_b}) THEN 1 END) AS gained, "
        f"count(CASE WHEN {right_b} AND NOT ({right_c}) THEN 1 END) AS lost, "
        f"count(CASE WHEN {differ} THEN 1 END) AS changed "
        f'FROM "{frame.table}" WHERE {known}{grouped}'
    )
    counts = {
        name: np.asarray(result[name], dtype=float).astype(int) for name in ("label", "n", "gained", "lost", "changed")
    }
    n, gained, lost, changed = (int(counts[name].sum()) for name in ("n", "gained", "lost", "changed"))
    by_class: list[ClassFlips] = []
    if by_target:
        by_class = [
            ClassFlips(label=frame.labels[c], n=int(m), gained=int(g), lost=int(f))
            for c, m, g, f in zip(counts["label"], counts["n"], counts["gained"], counts["lost"], strict=True)
        ]
        by_class = sorted(by_class, key=lambda c: (c.gained - c.lost, c.label))[:CLASSES]
    notes: tuple[str, ...] = {
        "regression": (
            "gained: rows whose prediction came nearer to the target; lost: rows whose prediction moved away",
        ),
        "multilabel": ("a row is right when all its labels are",),
        "entities": ("a row is right when all its entities are found, with their types, and no others",),
        "fields": ("a row is right when all its fields are, in normal form, and no others are given",),
        "boxes": ("a row is right when all its boxes are found at an overlap of half, and no others",),
        "text": ("a row is right when its answer is one of the references, in normal form",),
    }.get(frame.task, ())
    if frame.cluster is not None:
        notes += (f"rows of one {frame.cluster} are not independent, so there is no McNemar test",)
    return Flips(
        baseline=frame.models[pair[0]],
        candidate=frame.models[pair[1]],
        n=n,
        gained=gained,
        lost=lost,
        changed=changed,
        churn=changed / n if n else 0.0,
        mcnemar_p_value=float(mcnemar_midp([gained], [lost])[0]) if n and frame.cluster is None else None,
        by_class=tuple(by_class),
        notes=notes,
    )


def changed_rows(frame: Frame, pair: tuple[int, int], *, lost: bool, limit: int = EXAMPLES) -> list[Changed]:
    """The rows lost (or gained) on which the versions differ most: by score, by error, else in the file's order."""
    right_b, right_c, known, _ = _conditions(frame, pair)
    wanted = f"{right_b} AND NOT ({right_c})" if lost else f"{right_c} AND NOT ({right_b})"
    b, c = pair
    scored = frame.task == "binary" and bool(frame.scored) and frame.scored[b] and frame.scored[c]
    size: str | None
    if frame.task == "regression":
        size = f"abs(abs(prediction_{c} - target) - abs(prediction_{b} - target))"
    else:
        size = f"abs(score_{c} - score_{b})" if scored else None
    labels = ["target", f"prediction_{b}", f"prediction_{c}"]
    if frame.task == "multilabel":
        labels = [f"{name}_l{k}" for name in labels for k in range(len(frame.labels))]
    scores = [f"score_{b}", f"score_{c}"] if scored else []
    columns = ", ".join(["row", *(["id"] if frame.has_id else []), *labels, *scores])
    order = "row" if size is None else f"{size} DESC NULLS LAST, row"
    result = frame.engine.query(
        f'SELECT {columns} FROM "{frame.table}" WHERE {known} AND {wanted} ORDER BY {order} LIMIT {limit}'
    )
    found = []
    for at, row in enumerate(result["row"]):
        said = [_said(frame, result, name, at) for name in ("target", f"prediction_{b}", f"prediction_{c}")]
        found.append(
            Changed(
                row=int(row),
                example=Example(
                    id=str(result["id"][at]) if frame.has_id else f"row {int(row) + 1}",
                    target=said[0],
                    baseline=said[1],
                    candidate=said[2],
                    baseline_score=float(result[f"score_{b}"][at]) if scored else None,
                    candidate_score=float(result[f"score_{c}"][at]) if scored else None,
                ),
            )
        )
    return found


def _conditions(frame: Frame, pair: tuple[int, int]) -> tuple[str, str, str, str]:
    """SQL: baseline right, candidate right, both known, answers differ."""
    b, c = pair
    if frame.task == "multilabel":
        places = range(len(frame.labels))
        right = [" AND ".join(f"prediction_{m}_l{k} = target_l{k}" for k in places) for m in (b, c)]
        known = " AND ".join(
            f"target_l{k} IS NOT NULL AND prediction_{b}_l{k} IS NOT NULL AND prediction_{c}_l{k} IS NOT NULL"
            for k in places
        )
        differ = " OR ".join(f"prediction_{b}_l{k} <> prediction_{c}_l{k}" for k in places)
        return f"({right[0]})", f"({right[1]})", f"({known})", f"({differ})"
    known = f"target IS NOT NULL AND prediction_{b} IS NOT NULL AND prediction_{c} IS NOT NULL"
    differ = f"prediction_{b} <> prediction_{c}"
    if frame.task in COUNTED:
        place = frame.values.index(RIGHT)
        return f"value_{b}_{place} = 1", f"value_{c}_{place} = 1", known, differ
    if frame.task == "regression":
        nearer = f"abs(prediction_{c} - target) < abs(prediction_{b} - target)"
        farther = f"abs(prediction_{c} - target) > abs(prediction_{b} - target)"
        return farther, nearer, known, differ
    return f"prediction_{b} = target", f"prediction_{c} = target", known, differ


def _said(frame: Frame, result: dict[str, np.ndarray], name: str, at: int) -> str:
    if frame.task == "multilabel":
        return ", ".join(label for k, label in enumerate(frame.labels) if result[f"{name}_l{k}"][at] == 1) or "(none)"
    if frame.task == "regression":
        return f"{float(result[name][at]):.6g}"
    if frame.task in COUNTED:
        text = str(result[name][at])
        return text if len(text) <= MOST_SAID else text[: MOST_SAID - 1] + "…"
    return frame.labels[int(result[name][at])]
