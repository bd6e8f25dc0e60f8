"""The row-level terms of a means metric on cases, and its linear form: value, influence of each case, exact counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.cases import Cases, Codes, Floats
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.expressions import (
    Mean,
    MetricRef,
    Node,
    Quantile,
    Share,
    Size,
    as_f1,
    as_proportion,
    as_row_proportion,
    atoms,
    evaluate_rows,
    linearise,
    row_columns,
)
from seatrial.metrics.base import Averaged, Formula, Marginal, Metric, PerClass

Valid = NDArray[np.bool_]
ROUNDING = 64 * float(np.finfo(np.float64).eps)
SHARES: tuple[Literal["tp", "fp", "fn", "tn"], ...] = ("tp", "fp", "fn", "tn")
HITS = ((frozenset({"tp"}), frozenset({"tp", "fp"})), (frozenset({"tp"}), frozenset({"tp", "fn"})))
"""Ratios that are the share of rows predicted right once the classes are pooled."""
TARGET_ONLY = (frozenset({"tp", "fn"}), frozenset({"tn", "fp"}), frozenset({"tp", "fp", "fn", "tn"}))
"""Denominators that are the same rows for every version, so that a difference is one of paired outcomes."""

SETTLED = 10
"""Rows from which a class that is predicted, and never true, is taken to be predicted in any such sample."""
JUMPS = (
    "classes that are never true here are predicted on a few rows only, and each such class moves a macro average by "
    "more than its sampling error"
)


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """The exact form of a share: outcome (R,) among the rows within (R,)."""

    outcome: Valid
    within: Valid
    same_rows: bool
    """Whether `within` is the same for every version."""


@dataclass(frozen=True, kw_only=True)
class Linearised:
    """One means metric of one version on S slices."""

    value: Floats
    influence: Floats
    reasons: tuple[str | None, ...]
    proportion: Proportion | None = None
    f1: tuple[Floats, Floats] | None = None
    """Row indicators (hit, false) of an F1 of one class."""
    no_slope: tuple[str | None, ...] | None = None
    """Per slice, why a value has no derivative and so no interval (a root at 0)."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AtomLine:
    """A metric of ranks, or a quantile, inside a formula."""

    value: Floats
    """(S,)."""
    psi: Floats
    """Influence of each case, (R,)."""
    reasons: tuple[str | None, ...]
    """Why a slice has no value."""
    flat: tuple[str | None, ...]
    """Why a slice that has a value has no influences."""


Influences = Mapping[str, AtomLine]
"""Metrics of ranks named by a formula, by the key of their atom."""


def share_terms(cases: Cases, model: int, positive: int) -> tuple[dict[str, Floats], Valid]:
    """tp, fp, fn, tn of one class as 0/1 for every case, and which cases have both labels."""
    if cases.multilabel:
        target = np.asarray(cases.column(f"target_l{positive}", model), dtype=float)
        predicted = np.asarray(cases.column(f"prediction_l{positive}", model), dtype=float)
        valid = np.isfinite(target) & np.isfinite(predicted)
        is_target, is_predicted = target > 0.5, predicted > 0.5
    else:
        codes, guess = _codes(cases, model)
        valid = (codes >= 0) & (guess >= 0)
        is_target, is_predicted = codes == positive, guess == positive
    return {
        "tp": (is_target & is_predicted).astype(float),
        "fp": (~is_target & is_predicted).astype(float),
        "fn": (is_target & ~is_predicted).astype(float),
        "tn": (~is_target & ~is_predicted).astype(float),
    }, valid


def _codes(cases: Cases, model: int) -> tuple[Codes, Codes]:
    if cases.target is None or model not in cases.predictions:
        raise UsageError("tp, fp, fn and tn need class labels, and this table has a numeric target.")
    return cases.target, cases.predictions[model]


def _positive(metric: Metric, cases: Cases, label: str | None) -> int:
    if label is not None and label not in cases.labels:
        raise UsageError(
            f"'{metric.name}': no class '{label}'.{did_you_mean(label, cases.labels)} Classes: {listed(cases.labels)}."
        )
    if label is not None:
        return cases.labels.index(label)
    if isinstance(metric, PerClass):
        return cases.labels.index(metric.label)
    if cases.positive is None:
        raise UsageError(
            f"'{metric.name}' uses tp, fp, fn or tn, which need a class: write tp['CLASS'], or name one with "
            f"--positive."
        )
    return cases.positive


def formula_terms(metric: Metric, tree: Node, cases: Cases, model: int) -> tuple[dict[str, Floats], Valid]:
    """Every atom of a formula as a term for each case, by its key, and the cases that have all of them."""
    terms: dict[str, Floats] = {}
    valid = np.ones(len(cases.slice_index), dtype=bool)
    shares: dict[int, dict[str, Floats]] = {}
    for atom in atoms(tree):
        if isinstance(atom, Share):
            positive = _positive(metric, cases, atom.label)
            if positive not in shares:
                shares[positive], labelled = share_terms(cases, model, positive)
                valid &= labelled
            terms[atom.key()] = shares[positive][atom.which]
        elif isinstance(atom, Mean):
            columns = {name: cases.column(name, model) for name in row_columns(atom.row)}
            term = evaluate_rows(atom.row, columns, labels=cases.label_names, size=len(valid))
            valid &= np.isfinite(term)
            terms[atom.key()] = term
    return terms, valid


def validity(metric: Metric, cases: Cases, model: int) -> Valid:
    """The cases that have every input of a means metric for one version."""
    if isinstance(metric, (Formula, PerClass)):
        return formula_terms(metric, metric.tree, cases, model)[1]
    if cases.multilabel:
        every = [share_terms(cases, model, k)[1] for k in range(len(cases.labels))]
        return np.asarray(np.logical_and.reduce(every))
    codes, guess = _codes(cases, model)
    valid: Valid = (codes >= 0) & (guess >= 0)
    return valid


def linearised(metric: Metric, cases: Cases, model: int, valid: Valid, ranked: Influences | None = None) -> Linearised:
    """The value, influences and exact counts of a means metric on the valid cases."""
    if isinstance(metric, Averaged):
        return _averaged(metric, cases, model, valid)
    if isinstance(metric, Marginal):
        return _marginal(metric, cases, model, valid)
    if isinstance(metric, (Formula, PerClass)):
        return _formula(metric, metric.tree, cases, model, valid, ranked or {})
    raise UsageError(f"'{metric.name}' is not arithmetic over means.")


def _formula(metric: Metric, tree: Node, cases: Cases, model: int, valid: Valid, ranked: Influences) -> Linearised:
    terms, _ = formula_terms(metric, tree, cases, model)
    means = {key: cases.mean(term, valid) for key, term in terms.items()}
    values = dict(means)
    reasons: list[str | None] = [None] * cases.size
    flat: list[str | None] = [None] * cases.size
    for atom in atoms(tree):
        if isinstance(atom, Size):
            values[atom.key()] = cases.total(np.where(valid, cases.rows, 0.0))
        elif isinstance(atom, (MetricRef, Quantile)):
            line = ranked[atom.key()]
            values[atom.key()] = line.value
            reasons = [first or second for first, second in zip(reasons, line.reasons, strict=True)]
            flat = [first or second for first, second in zip(flat, line.flat, strict=True)]
    linear = linearise(tree, values)
    reasons = [first or second for first, second in zip(reasons, linear.reason, strict=True)]
    influence = np.zeros(len(cases.slice_index))
    where = cases.slice_index
    for key, slope in linear.gradient.items():
        if key in terms:
            influence += np.broadcast_to(slope, (cases.size,))[where] * (terms[key] - means[key][where])
        elif key in ranked:
            influence += np.broadcast_to(slope, (cases.size,))[where] * ranked[key].psi
    value = np.broadcast_to(linear.value, (cases.size,)).astype(float)
    rows = cases.total(np.where(valid, cases.rows, 0.0))
    reasons = ["no rows with every input" if n == 0 else reason for n, reason in zip(rows, reasons, strict=True)]
    return Linearised(
        value=np.where(rows > 0, value, np.nan),
        influence=np.where(valid, np.nan_to_num(influence), 0.0),
        reasons=tuple(reasons),
        proportion=_proportion(tree, terms, valid),
        f1=_f1(tree, terms),
        no_slope=tuple(first or second for first, second in zip(linear.no_slope, flat, strict=True)),
    )


def reads_target_only(tree: Node) -> bool:
    """Whether a formula of shares is one of the targets alone, as `tp + fn` is: every version has the same."""
    found = as_proportion(tree)
    return found is not None and all(side in TARGET_ONLY for side in found)


def _proportion(tree: Node, terms: dict[str, Floats], valid: Valid) -> Proportion | None:
    if isinstance(tree, Mean) and as_row_proportion(tree) is not None:
        return Proportion(outcome=terms[tree.key()] > 0.5, within=valid, same_rows=True)
    found = as_proportion(tree)
    if found is None:
        return None
    top, bottom = found
    by_name: dict[str, Floats] = {atom.which: terms[atom.key()] for atom in atoms(tree) if isinstance(atom, Share)}
    outcome = sum((by_name[name] for name in top), np.zeros(len(valid))) > 0.5
    everything = bottom == TARGET_ONLY[2]
    within = valid if everything else valid & (sum((by_name[name] for name in bottom), np.zeros(len(valid))) > 0.5)
    return Proportion(outcome=outcome & within, within=within, same_rows=bottom in TARGET_ONLY)


def _f1(tree: Node, terms: dict[str, Floats]) -> tuple[Floats, Floats] | None:
    if not as_f1(tree):
        return None
    by_name: dict[str, Floats] = {atom.which: terms[atom.key()] for atom in atoms(tree) if isinstance(atom, Share)}
    return by_name["tp"], by_name["fp"] + by_name["fn"]


def _averaged(metric: Averaged, cases: Cases, model: int, valid: Valid) -> Linearised:
    if metric.average == "micro":
        return _micro(metric, cases, model, valid)
    many, size, where = len(cases.labels), cases.size, cases.slice_index
    shares, scatter = _class_shares(cases, model, valid)
    linear = linearise(metric.tree, {Share(name).key(): share for name, share in shares.items()})
    actual = shares["tp"] + shares["fn"]
    present = actual > 0 if metric.present == "target" else (actual + shares["fp"]) > 0
    if cases.multilabel:  # every label is a column of its own, met or not, as in scikit-learn
        present = np.broadcast_to((cases.total(np.where(valid, cases.rows, 0.0)) > 0)[:, None], present.shape)
    undefined = present & ~np.isfinite(linear.value)
    each = np.where(present & ~undefined, linear.value, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = (
            present / present.sum(axis=1, keepdims=True)
            if metric.average == "macro"
            else actual / actual.sum(axis=1, keepdims=True)
        )
    value = (weight * each).sum(axis=1)
    slopes = {
        name: np.where(
            present & ~undefined,
            np.nan_to_num(
                np.broadcast_to(linear.gradient.get(Share(name).key(), 0.0), (size, many)), posinf=0.0, neginf=0.0
            ),
            0.0,
        )
        * np.nan_to_num(weight)
        for name in SHARES
    }
    if metric.average == "weighted":
        towards = np.where(present, each - value[:, None], 0.0)
        slopes["tp"], slopes["fn"] = slopes["tp"] + towards, slopes["fn"] + towards
    influence = scatter(slopes)
    centred = _settled(influence - cases.mean(influence, valid)[where])
    rows = cases.total(np.where(valid, cases.rows, 0.0))
    zeroed = int(undefined.any(axis=0).sum())
    notes = (
        (f"a class for which {metric.per_class} divides by 0 counts as 0, as in scikit-learn ({zeroed} classes)",)
        if zeroed
        else ()
    )
    reasons = tuple("no rows with every input" if n == 0 else None for n in rows)
    jumps = np.zeros(size, dtype=bool)
    if metric.average == "macro" and metric.present == "either" and not cases.multilabel:
        guessed = np.round(shares["fp"] * rows[:, None])
        unsettled = ((actual == 0) & (guessed > 0) & (guessed < SETTLED)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(cases.total(np.where(valid, centred, 0.0) ** 2)) / rows
            jumps = unsettled * value / present.sum(axis=1) > error
    return Linearised(
        value=np.where(rows > 0, value, np.nan),
        influence=np.where(valid, centred, 0.0),
        reasons=reasons,
        notes=notes,
        no_slope=tuple(JUMPS if jump else None for jump in jumps),
    )


def _class_shares(cases: Cases, model: int, valid: Valid):  # type: ignore[no-untyped-def]
    """Shares tp, fp, fn, tn of every class, (S, K), and how to spread their slopes back over cases as influences."""
    many, size, where = len(cases.labels), cases.size, cases.slice_index
    mass = np.where(valid, cases.mass, 0.0)
    total = cases.total(mass)
    with np.errstate(invalid="ignore", divide="ignore"):
        if cases.multilabel:
            terms = [share_terms(cases, model, k)[0] for k in range(many)]
            shares = {
                name: np.stack([cases.total(mass * term[name]) / total for term in terms], axis=1) for name in SHARES
            }

            def scatter_labels(slopes: dict[str, Floats]) -> Floats:
                found = np.zeros(len(where))
                for k, term in enumerate(terms):
                    for name in SHARES:
                        found += slopes[name][where, k] * term[name]
                return found

            return shares, scatter_labels
        target, guess = _codes(cases, model)
        t, p = np.where(valid, target, 0), np.where(valid, guess, 0)

        def by_class(codes: Codes, amounts: Floats) -> Floats:
            return np.bincount(where * np.intp(many) + codes, amounts, size * many).reshape(size, many) / total[:, None]

        hits = by_class(t, np.where(t == p, mass, 0.0))
        actual, predicted = by_class(t, mass), by_class(p, mass)
    shares = {"tp": hits, "fp": predicted - hits, "fn": actual - hits, "tn": 1 - predicted - actual + hits}
    shares = {name: np.where(np.abs(share) < 1e-15, 0.0, share) for name, share in shares.items()}

    def scatter(slopes: dict[str, Floats]) -> Floats:
        rest = slopes["tn"].sum(axis=1)[where]
        hit = slopes["tp"][where, t] - slopes["tn"][where, t]
        miss = slopes["fn"][where, t] + slopes["fp"][where, p] - slopes["tn"][where, t] - slopes["tn"][where, p]
        spread: Floats = rest + np.where(t == p, hit, miss)
        return spread

    return shares, scatter


def _settled(influence: Floats) -> Floats:
    """Influences of shares without the rounding of those that are exactly 0."""
    return np.where(np.abs(influence) <= ROUNDING, 0.0, influence)


def _micro(metric: Averaged, cases: Cases, model: int, valid: Valid) -> Linearised:
    if cases.multilabel:
        pooled: dict[str, Floats] = {name: np.zeros(len(valid)) for name in SHARES}
        for k in range(len(cases.labels)):
            for name, term in share_terms(cases, model, k)[0].items():
                pooled[name] += term / len(cases.labels)
    else:
        target, guess = _codes(cases, model)
        hit = (target == guess).astype(float)
        pooled = {"tp": hit, "fp": 1 - hit, "fn": 1 - hit, "tn": np.zeros(len(hit))}
    keyed = {Share(which).key(): pooled[which] for which in SHARES}
    means = {key: cases.mean(term, valid) for key, term in keyed.items()}
    linear = linearise(metric.tree, means)
    where = cases.slice_index
    influence = np.zeros(len(where))
    for key, slope in linear.gradient.items():
        influence += np.broadcast_to(slope, (cases.size,))[where] * (keyed[key] - means[key][where])
    rows = cases.total(np.where(valid, cases.rows, 0.0))
    exact = not cases.multilabel and (as_f1(metric.tree) or as_proportion(metric.tree) in HITS)
    return Linearised(
        value=np.broadcast_to(linear.value, (cases.size,)).astype(float),
        influence=np.where(valid, influence, 0.0),
        reasons=tuple(
            "no rows with every input" if n == 0 else reason for n, reason in zip(rows, linear.reason, strict=True)
        ),
        proportion=Proportion(outcome=(pooled["tp"] > 0.5) & valid, within=valid, same_rows=True) if exact else None,
    )


def _marginal(metric: Marginal, cases: Cases, model: int, valid: Valid) -> Linearised:
    shares, _ = _class_shares(cases, model, valid)
    target, guess = _codes(cases, model)
    where = cases.slice_index
    with np.errstate(invalid="ignore", divide="ignore"):
        found = metric.function(shares["tp"], shares["tp"] + shares["fp"], shares["tp"] + shares["fn"])
    t, p = np.where(valid, target, 0), np.where(valid, guess, 0)
    influence = (
        np.where(t == p, found.by_hits[where, t], 0.0) + found.by_predicted[where, p] + found.by_actual[where, t]
    )
    influence = _settled(influence - cases.mean(influence, valid)[where])
    rows = cases.total(np.where(valid, cases.rows, 0.0))
    reasons = tuple(
        "no rows with every input" if n == 0 else (None if np.isfinite(v) else found.reason)
        for n, v in zip(rows, found.value, strict=True)
    )
    return Linearised(value=found.value, influence=np.where(valid, influence, 0.0), reasons=reasons)
