"""Covariate or label shift: did targets move, did they given the score, did scores given the target?"""

import math

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.shift_joint import Joint
from seatrial.evaluation.shift_rows import ModelRows
from seatrial.records.shift import Nature, NatureWord, ShiftTest
from seatrial.stats import divergence
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.miettinen_nurminen import miettinen_nurminen_interval
from seatrial.stats.off_policy import RELIABLE_SHARE
from seatrial.stats.propensity import FEWEST_COVERED, importance_weights

Floats = NDArray[np.float64]
MOST_BINS = 20
ROWS_PER_BIN = 50
"""Of either table, for the normal law of a bin's mean."""
TARGETS, GIVEN_OUTPUT, GIVEN_TARGET, WEIGHTED = (
    "Did the targets move?",
    "Given the model's output, did the target move?",
    "Given the target, did the model's output move?",
    "Given the output, did the target move beyond what other rows coming in explain?",
)


def nature(rows: ModelRows, joint: Joint, *, inputs_moved: bool, alpha: float) -> Nature:
    """Say what kind of shift it is from four tests, each at alpha/4.

    The last one weights the reference to hold the same kind of rows: the target given the output alone may move only
    because rows of another kind come in, and then no relation has changed.
    """
    known = [_known(rows, at) for at in (0, 1)]
    sides = [side for side, _ in known]
    if min(len(y) for y, _, _ in sides) < 2 * ROWS_PER_BIN:
        few = min(len(y) for y, _, _ in sides)
        reason = f"{few} rows with target and output are too few to tell one kind of shift from another"
        return Nature(word="cannot tell", sentence=f"What kind of shift it is cannot be told: {reason}.")
    level = alpha / 4
    weight, why = _weights(rows, joint, known[0][1])
    weighted = (
        ShiftTest(question=WEIGHTED, reason=why) if weight is None else _given_output(rows, sides, level, weight=weight)
    )
    tests = (
        _targets(rows, sides, level),
        _given_output(rows, sides, level),
        _given_target(rows, sides, level),
        weighted,
    )
    word, sentence = _word(tests, inputs_moved)
    return Nature(word=word, sentence=sentence, tests=tests)


def _weights(rows: ModelRows, joint: Joint, known: NDArray[np.bool_]) -> tuple[Floats | None, str | None]:
    """Weights of the known reference rows (0: not seen by the classifier), or why there are none to rely on."""
    if joint.fitted is None:
        return None, joint.record.reason or "the classifier could not be fitted"
    n, m = len(joint.rows[0]), len(joint.rows[1])
    if rows.frames[0].n <= int(joint.rows[0].max()):
        return None, "rows of the reference were dropped"
    found = importance_weights(joint.fitted.log_odds[:n], n, m)
    if found.unclipped_effective_n < RELIABLE_SHARE * n or found.mean_weight < FEWEST_COVERED:
        return None, "too few reference rows look like the current ones"
    weight = np.zeros(rows.frames[0].n)
    weight[joint.rows[0]] = found.weight
    return weight[known], None


Known = tuple[Floats, Floats, Floats]


def _known(rows: ModelRows, at: int) -> tuple[Known, NDArray[np.bool_]]:
    """Target, predicted label or number, and score (0 without one) of the rows that have them, and which these are."""
    target = np.asarray(rows.read(at, "target"), dtype=np.float64)
    guess = np.asarray(rows.read(at, "prediction_0"), dtype=np.float64)
    score = np.asarray(rows.read(at, "score_0"), dtype=np.float64) if rows.scored else np.zeros(len(target))
    if rows.task != "regression":
        target, guess = np.where(target < 0, np.nan, target), np.where(guess < 0, np.nan, guess)
    known = ~(np.isnan(target) | np.isnan(guess) | np.isnan(score))
    return (target[known], guess[known], score[known]), known


def _targets(rows: ModelRows, sides: list[Known], alpha: float) -> ShiftTest:
    a, b = sides[0][0], sides[1][0]
    n = len(a) + len(b)
    if rows.task == "regression":
        ks = divergence.kolmogorov_smirnov(a, b)
        p = divergence.kolmogorov_p(ks, len(a), len(b))
        z = float(normal_quantile(alpha))
        error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
        shift = float(b.mean() - a.mean())
        return ShiftTest(
            question=TARGETS, moved=p < alpha, size=shift, low=shift - z * error, high=shift + z * error,
            p_value=p, n=n, method="KS; size: difference of the means",
        )  # fmt: skip
    labels = len(rows.frames[0].labels)
    counts = [np.bincount(side.astype(np.int64), minlength=labels).astype(float) for side in (a, b)]
    statistic, df = divergence.chi_square(*counts)
    p = divergence.chi_square_p(statistic, df)
    if rows.task != "binary":
        size = float(np.abs(counts[0] / len(a) - counts[1] / len(b)).sum() / 2)
        return ShiftTest(
            question=TARGETS, moved=p < alpha, size=size, p_value=p, n=n,
            method="chi-square; size: share of the rows that would have to change class",
        )  # fmt: skip
    positive = rows.frames[0].positive or 0
    low, high = miettinen_nurminen_interval(counts[1][positive], len(b), counts[0][positive], len(a), alpha=alpha)
    size = float(counts[1][positive] / len(b) - counts[0][positive] / len(a))
    return ShiftTest(
        question=TARGETS, moved=p < alpha, size=size, low=float(low), high=float(high), p_value=p, n=n,
        method=f"chi-square; size: difference in the share of {rows.frames[0].labels[positive]}, Miettinen-Nurminen",
    )  # fmt: skip


def _given_output(rows: ModelRows, sides: list[Known], alpha: float, *, weight: Floats | None = None) -> ShiftTest:
    """Bins of the output; in each the mean error (target - score, target - prediction, wrong) of either table."""
    if rows.scored:
        positive = rows.frames[0].positive or 0
        by = [score for _, _, score in sides]
        probability = min(float(s.min()) for s in by) >= 0 and max(float(s.max()) for s in by) <= 1
        error = [(y == positive) - (s if probability else 0.0) for y, _, s in sides]
        what = "target - score" if probability else "the target"
    elif rows.task == "regression":
        by, error, what = [g for _, g, _ in sides], [y - g for y, g, _ in sides], "target - prediction"
    else:
        by, error, what = [g for _, g, _ in sides], [(y == g).astype(float) for y, g, _ in sides], "right or wrong"
    categories = not rows.scored and rows.task != "regression"
    question = GIVEN_OUTPUT if weight is None else WEIGHTED
    return _by_bins(question, by, error, what, alpha, categories=categories, weight=weight)


def _given_target(rows: ModelRows, sides: list[Known], alpha: float) -> ShiftTest:
    """The output within each class, or within bins of a target that is a number."""
    by = [y for y, _, _ in sides]
    if rows.scored:
        output, what = [s for _, _, s in sides], "the score"
    elif rows.task == "regression":
        output, what = [g - y for y, g, _ in sides], "prediction - target"
    else:
        output, what = [(y == g).astype(float) for y, g, _ in sides], "right or wrong"
    return _by_bins(GIVEN_TARGET, by, output, what, alpha, categories=rows.task != "regression")


def _by_bins(
    question: str,
    by: list[Floats],
    value: list[Floats],
    what: str,
    alpha: float,
    *,
    categories: bool,
    weight: Floats | None = None,
) -> ShiftTest:
    """sum over bins of ((mean current - mean reference)/se)^2 against chi-square; size: bins weighted as current."""
    mass = [np.ones(len(by[0])) if weight is None else weight, np.ones(len(by[1]))]
    if categories:
        edges = np.unique(np.concatenate(by))[:-1]
    else:
        smaller = min(float(w.sum() ** 2 / (w**2).sum()) for w in mass)
        many = int(min(MOST_BINS, max(smaller // (2 * ROWS_PER_BIN), 1)))
        pooled = np.concatenate(by)
        edges = divergence.reference_edges(pooled, bins=many) if many > 1 else np.empty(0)
    codes = [np.searchsorted(edges, side, side="left") for side in by]
    size = len(edges) + 1
    count, mean, squares = [], [], np.zeros(size)
    for code, of, w in zip(codes, value, mass, strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            total = np.bincount(code, w, size)
            centre = np.bincount(code, w * of, size) / total
            held = np.nan_to_num(total**2 / np.bincount(code, w**2, size))
            squares += np.nan_to_num(np.bincount(code, w * (of - centre[code]) ** 2, size) / total * held)
        count.append(held)
        mean.append(centre)
    with np.errstate(invalid="ignore", divide="ignore"):
        # one variance a bin for both tables: with rare events each table's own goes with its mean and rejects too often
        variance = squares / (count[0] + count[1] - 2) * (1 / count[0] + 1 / count[1])
    usable = (count[0] >= ROWS_PER_BIN) & (count[1] >= ROWS_PER_BIN) & (np.nan_to_num(variance) > 0)
    n = int(count[0][usable].sum() + count[1][usable].sum())
    if not usable.any():
        return ShiftTest(question=question, n=n, reason=f"no bin has {ROWS_PER_BIN} rows of both tables")
    gap, error2 = (mean[1] - mean[0])[usable], variance[usable]
    statistic, df = float((gap**2 / error2).sum()), int(usable.sum())
    share = count[1][usable] / count[1][usable].sum()
    shift, half = float(share @ gap), float(normal_quantile(alpha)) * math.sqrt(float(share**2 @ error2))
    p = divergence.chi_square_p(statistic, df)
    kind = "classes" if categories else "bins"
    return ShiftTest(
        question=question, moved=p < alpha, size=shift, low=shift - half, high=shift + half, p_value=p, n=n,
        method=f"{what} in {df} {kind}: sum of z² against chi-square; size: mean difference, weighted as current",
    )  # fmt: skip


def _word(tests: tuple[ShiftTest, ...], inputs_moved: bool) -> tuple[NatureWord, str]:
    targets, given_output, given_target, weighted = (test.moved for test in tests)
    if given_output is None:
        return "cannot tell", "What kind of shift it is cannot be told: the outputs of the two tables do not overlap."
    if not given_output:
        if not (inputs_moved or targets):
            return (
                "no shift told",
                "Neither the inputs, nor the targets, nor the targets given the output moved beyond chance.",
            )
        also = ", and the targets' shares moved with the inputs" if targets else ""
        return (
            "covariate shift",
            f"These data fit covariate shift: other rows come in{also}, but for the same output of the model the "
            "target is as before.",
        )
    if given_target is False:
        return (
            "label shift",
            "These data fit label shift: the targets come in other shares, and for the same target the model's output "
            "is as before. Correct the scores for the new shares before retraining.",
        )  # fmt: skip
    if weighted is None:
        return (
            "cannot tell",
            "For the same output of the model the target is another than before: either the relation itself moved, or "
            "rows come in that the reference has too few of. Labels of such rows decide.",
        )
    if weighted:
        return (
            "concept shift",
            "The relation itself moved: for the same output of the model, and with the reference weighted to hold the "
            "same kind of rows, the target is another than before. That needs new labels.",
        )
    return (
        "covariate shift",
        "These data fit covariate shift: for the same output of the model the target is another than before, but other "
        "rows coming in explain that: with the reference weighted to hold the same kind of rows it is gone.",
    )
