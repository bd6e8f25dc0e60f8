"""New models under a constraint: fairlearn's reductions on the other columns of the table, and what they cost."""

import importlib
import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.fairness.mitigations import NOT_INSTALLED
from seatrial.evaluation.fairness.thresholds import FOLDS, Codes, Decisions, Flags, Floats, measured
from seatrial.records.audit import DecisionRule

CONSTRAINTS = (("demographic parity", "DemographicParity"), ("equalised odds", "EqualizedOdds"))
PLAIN = "new model, no constraint"
MOST_ROWS = 20_000
"""Rows that a new model is learnt and measured on."""
MOST_LEARNT = 2_500
"""Rows that one half gives to learn from."""
MOST_LEVELS = 10
"""Levels of a category, the most frequent ones; the others together are one."""
MOST_FEATURES = 120
FEWEST_LEARNT = 100
ITERATIONS, SLACK = 12, 0.01


def reductions(
    of: Decisions, fold: Codes, columns: Sequence[NDArray[Any]], best: Flags | None, *, alpha: float, seed: int
) -> tuple[DecisionRule, ...]:
    """What a new model of the other columns gives: without a constraint, and under each by exponentiated gradient.

    fairlearn's reduction (Agarwal and others, ICML 2018) turns a constraint into a game between a learner, here a
    ridge logistic regression, and weights of the rows; the answer is a randomised mix of models, drawn by `seed`. It
    is learnt on one half of the rows and decides on the other, both ways, and does not see the group when it decides.
    `columns` (n,) each are values as text or None. `best` are the decisions of the best single threshold.
    """
    if importlib.util.find_spec("fairlearn") is None:
        return tuple(
            DecisionRule(name=f"reductions, {words}", source="fairlearn", per_group=False, reason=NOT_INSTALLED)
            for words, _ in CONSTRAINTS
        )
    features = encoded(columns)
    if features is None:
        return ()
    found = []
    for name, source, constraint in (
        (PLAIN, "seatrial", None),
        *((f"reductions, {words}", "fairlearn", moment) for words, moment in CONSTRAINTS),
    ):
        chosen = _chosen(of, features, fold, constraint, seed)
        if isinstance(chosen, str):
            found.append(DecisionRule(name=name, source=source, per_group=False, reason=chosen))  # type: ignore[arg-type]
        else:
            found.append(measured(of, chosen, name, source, per_group=False, best=best, alpha=alpha))  # type: ignore[arg-type]
    return tuple(found)


def encoded(columns: Sequence[NDArray[Any]]) -> Floats | None:
    """Numbers standardised with a flag where missing, categories as flags of their levels, (n, features); None without.

    >>> encoded([np.array(["1", "2", None], dtype=object), np.array(["a", "b", "a"], dtype=object)]).shape
    (3, 4)
    """
    parts: list[Floats] = []
    for values in columns:
        parts += _numbers(values) or _levels(values)
        if len(parts) >= MOST_FEATURES:
            break
    kept = [part for part in parts if part.std() > 0]
    return np.column_stack(kept) if kept else None


def _numbers(values: NDArray[Any]) -> list[Floats]:
    known = np.array([value is not None for value in values])
    try:
        numbers = values[known].astype(np.float64)
    except (ValueError, TypeError):
        return []
    if not len(numbers) or not np.isfinite(numbers).all() or numbers.std() == 0:
        return []
    found = np.zeros(len(values))
    found[known] = np.clip((numbers - numbers.mean()) / numbers.std(), -5, 5)
    return [found, *([(~known).astype(float)] if not known.all() else [])]


def _levels(values: NDArray[Any]) -> list[Floats]:
    texts = np.array(["" if value is None else str(value) for value in values])
    levels, counts = np.unique(texts, return_counts=True)
    if len(levels) > max(50, len(texts) // 5):
        return []
    often = levels[np.argsort(-counts, kind="stable")][:MOST_LEVELS]
    return [(texts == level).astype(float) for level in often]


def _chosen(of: Decisions, features: Floats, fold: Codes, constraint: str | None, seed: int) -> Flags | str:
    """The decisions of both halves, or why there are none."""
    if (of.weight != 1).any():
        return "fairlearn's reductions are not asked with weights"
    chosen = np.zeros(of.n, dtype=bool)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for f in range(FOLDS):
                places = np.flatnonzero((fold != f) & (of.group >= 0))
                learn = places[:: max(1, -(-len(places) // MOST_LEARNT))]
                label = of.label[learn]
                if len(learn) < FEWEST_LEARNT or label.all() or not label.any():
                    return f"under {FEWEST_LEARNT} rows, or one outcome only, to learn from"
                answer = fold == f
                if constraint is None:
                    model = _learner().fit(features[learn], label.astype(int))
                    chosen[answer] = model.predict(features[answer]) == 1
                    continue
                library = importlib.import_module("fairlearn.reductions")
                game = library.ExponentiatedGradient(
                    _learner(),
                    getattr(library, constraint)(difference_bound=SLACK),
                    max_iter=ITERATIONS,
                    eps=SLACK,
                )
                game.fit(features[learn], label.astype(int), sensitive_features=of.group[learn])
                chosen[answer] = np.asarray(game.predict(features[answer], random_state=seed + f)) == 1
    except (ValueError, TypeError, AttributeError, ImportError, KeyError) as error:
        return f"fairlearn could not do it: {str(error).splitlines()[0][:160] if str(error) else type(error).__name__}"
    return chosen


def _learner() -> Any:
    """A ridge logistic regression by Newton's method that takes weights, in the shape fairlearn asks for."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Ridge(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Ridge":
            x = np.column_stack([np.ones(len(X)), np.asarray(X, dtype=np.float64)])
            label = np.asarray(y, dtype=np.float64).ravel()
            weight = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64).ravel()
            self.classes_ = np.array([0, 1])
            self.coefficients_ = _newton(x, label, weight / max(weight.mean(), 1e-12))
            return self

        def predict(self, X: Any) -> Any:
            x = np.column_stack([np.ones(len(X)), np.asarray(X, dtype=np.float64)])
            return (x @ self.coefficients_ > 0).astype(int)

    return Ridge()


def _newton(x: Floats, label: Floats, weight: Floats, *, ridge: float = 1.0, steps: int = 8) -> Floats:
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-3
    beta = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        spread = np.maximum(weight * p * (1 - p), 1e-9)
        gradient = x.T @ (weight * (label - p)) - penalty * beta
        move = np.linalg.solve((x * spread[:, None]).T @ x + np.diag(penalty), gradient)
        beta = beta + np.clip(move, -4, 4)
        if np.abs(move).max() < 1e-3:
            break
    return beta
