"""Mitigations through fairlearn, where the user has it: its threshold optimiser on the scores, cross-fitted."""

import importlib
import importlib.util
import warnings
from typing import Any

import numpy as np

from seatrial.evaluation.fairness.thresholds import EVERYONE, FOLDS, Codes, Decisions, Flags, best_common, measured
from seatrial.records.audit import DecisionRule

CONSTRAINTS = (("demographic parity", "demographic_parity"), ("equalised odds", "equalized_odds"))
NOT_INSTALLED = "fairlearn is not installed: pip install 'seatrial[fair]'"
NOT_WANTED = "left out by --no-mitigations"
GRID = 200
MOST_LEARNT = 10_000


def mitigations(
    of: Decisions, fold: Codes, best: Flags | None, *, wanted: bool, alpha: float, seed: int
) -> tuple[DecisionRule, ...]:
    """What fairlearn's threshold optimiser (Hardt, Price and Srebro, NeurIPS 2016) gives under each constraint.

    It is fitted on one half of the rows and decides on the other, both ways; its rules are randomised by `seed`.
    `best` are the decisions of the best single threshold, which the price is counted from.
    """
    found = []
    for words, constraint in CONSTRAINTS:
        name = f"threshold optimiser, {words}"
        chosen: Flags | str
        if not wanted:
            chosen = NOT_WANTED
        elif importlib.util.find_spec("fairlearn") is None:
            chosen = NOT_INSTALLED
        else:
            chosen = _chosen(of, fold, constraint, seed)
        if isinstance(chosen, str):
            found.append(DecisionRule(name=name, source="fairlearn", per_group=True, reason=chosen))
        else:
            found.append(measured(of, chosen, name, "fairlearn", per_group=True, best=best, alpha=alpha))
    return tuple(found)


def _some(rows: Flags) -> Codes:
    """Positions of at most about `MOST_LEARNT` of the rows, evenly spaced."""
    places = np.flatnonzero(rows)
    return np.asarray(places[:: max(1, len(places) // MOST_LEARNT)], dtype=np.intp)


def _as_they_are() -> Any:
    """An estimator that hands the scores back, in the shape fairlearn asks for."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Scores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> "Scores":
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: Any) -> Any:
            return np.asarray(X)[:, 0]

    return Scores().fit(None, [0, 1])


def _chosen(of: Decisions, fold: Codes, constraint: str, seed: int) -> Flags | str:
    """The decisions, or why there are none; people of no ranked group keep the best common threshold."""
    if (of.weight != 1).any():
        return "fairlearn's threshold optimiser takes no weights"
    chosen = np.zeros(of.n, dtype=bool)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimisers = importlib.import_module("fairlearn.postprocessing")

            for f in range(FOLDS):
                learn, answer = _some((fold != f) & (of.group >= 0)), (fold == f) & (of.group >= 0)
                optimiser = optimisers.ThresholdOptimizer(
                    estimator=_as_they_are(),
                    constraints=constraint,
                    objective="accuracy_score",
                    grid_size=GRID,
                    prefit=True,
                    predict_method="predict",
                )
                optimiser.fit(of.score[learn, None], of.label[learn].astype(int), sensitive_features=of.group[learn])
                decided = optimiser.predict(
                    of.score[answer, None], sensitive_features=of.group[answer], random_state=seed + f
                )
                chosen[answer] = np.asarray(decided) == 1
                others = (fold == f) & (of.group < 0)
                if others.any():
                    common = best_common(of, fold != f) or {EVERYONE: np.inf}
                    chosen[others] = of.score[others] >= common[EVERYONE]
    except (ValueError, TypeError, AttributeError, ImportError) as error:
        return f"fairlearn could not do it: {str(error).splitlines()[0][:160] if str(error) else type(error).__name__}"
    return chosen
