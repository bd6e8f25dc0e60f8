"""Honest values of a bandit's arms from its log: inverse propensity, self-normalised, and adaptively weighted AIPW."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.estimate import finite
from seatrial.effects.words import word
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.experiments.bandit_words import sentence
from seatrial.experiments.logs import NEVER, Log, days, in_order
from seatrial.records.bandit import Bandit, BanditArm, PolicyEstimate
from seatrial.records.evidence import Finding
from seatrial.records.numbers import format_count
from seatrial.records.results import Effect, Estimate
from seatrial.records.versions import installed
from seatrial.stats.bandits import ArmEstimates, ArmValues, arm_contrast, arm_values
from seatrial.stats.contrasts import Contrast
from seatrial.stats.cupac import assign_folds
from seatrial.stats.distributions import normal_two_sided
from seatrial.stats.multiplicity import holm
from seatrial.stats.off_policy import PolicyValue, PolicyValues, off_policy_values, policy_contrast, policy_values
from seatrial.stats.power import smallest_detectable_effect

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
MOST_CELLS = 50_000_000
"""Rows times arms that are held."""
ALARM = 0.001
FOLDS = 5
UNRELIABLE = "unreliable"
NOT_SHOWN = (
    "What an arm would do if everyone got it: rewards here are those of the log's weeks and users.",
    "Rewards that come after the log ends: a late click counts as none.",
    "Whether the propensities are those the choices were really drawn with; only their average is checked.",
)


@dataclass(frozen=True, kw_only=True)
class BanditAsked:
    """What is asked of a bandit's log."""

    reward: str
    control: str | None = None
    target: str | None = None
    """An arm; a column of the target policy's probabilities is the log's number `target`."""
    clip: float | None = None
    alpha: float = 0.05
    timezone: str = "UTC"
    seed: int = 0


def bandit(log: Log, asked: BanditAsked) -> Bandit:
    """Value every arm, contrast each with the control, and value a target policy if one is asked for.

    `log` has the texts `arm` and perhaps `batch`, the numbers `reward`, `propensity` and perhaps `target`, and
    perhaps the time `time`, by which rows are put in order. Contrasts are of AIPW scores and corrected by Holm; those
    of arms whose value is not reliable are not tested. Raises `UsageError` for an arm that is not there, `DataError`
    for numbers out of range.
    """
    arm, names = in_order(log.need_texts("arm"))
    names, arm = _sorted_arms(names, arm)
    if len(names) < 2:
        raise DataError(f"{log.name}: only one arm ('{names[0]}'); a comparison needs two.")
    if log.rows * len(names) > MOST_CELLS:
        raise DataError(
            f"{log.name}: {format_count(log.rows)} rows x {len(names)} arms are too many to hold; keep the arms in "
            "question and sum up or sample the rest."
        )
    control = _arm(names, asked.control, "--control")
    reward, propensity = log.need_numbers("reward"), log.need_numbers("propensity")
    order, batch, batches = _batches(log, asked)
    values = arm_values(
        arm[order],
        reward[order],
        propensity[order],
        n_arms=len(names),
        batch=None if batch is None else batch[order],
        seed=asked.seed,
    )
    arms = tuple(_arm_record(values, a, name, log.rows, asked.alpha) for a, name in enumerate(names))
    contrasts = () if control is None else _contrasts(values, names, control, asked.alpha)
    policy = _policy(log, asked, arm, names, reward, propensity)
    return Bandit(
        title=f"Arms of {log.name}",
        sentence=sentence(arms, contrasts, None if control is None else names[control], asked.reward, policy),
        reward=asked.reward,
        rows=log.rows,
        batches=batches,
        control=None if control is None else names[control],
        alpha=asked.alpha,
        arms=arms,
        contrasts=contrasts,
        policy=policy,
        health=_health(log, arm, names, propensity, batches),
        notes=_notes(batch),
        not_shown=NOT_SHOWN,
        source=log.source,
        seatrial=installed("seatrial"),
        seed=asked.seed,
    )


def _sorted_arms(names: tuple[str, ...], codes: Codes) -> tuple[tuple[str, ...], Codes]:
    """Arms by name unless they are numbers or times, so that the order of the rows does not matter."""
    numeric = all(_is_number(name) for name in names)
    order = list(range(len(names))) if numeric else sorted(range(len(names)), key=lambda i: names[i])
    place = np.empty(len(names), dtype=np.intp)
    place[order] = np.arange(len(names))
    return tuple(names[i] for i in order), place[codes]


def _is_number(name: str) -> bool:
    try:
        return bool(np.isfinite(float(name)))
    except ValueError:
        return False


def _arm(names: tuple[str, ...], given: str | None, option: str) -> int | None:
    if given is None:
        return None
    if given not in names:
        raise UsageError(f"There is no arm '{given}' ({option}).{did_you_mean(given, names)} Arms: {listed(names)}.")
    return names.index(given)


def _batches(log: Log, asked: BanditAsked) -> tuple[Codes, Codes | None, int | None]:
    """The order of the rows in time, the batch of each row, and how many there are."""
    order = np.arange(log.rows)
    codes: Codes | None = None
    if "batch" in log.texts:
        codes, names = in_order(log.need_texts("batch"))
        return np.argsort(codes, kind="stable"), codes, len(names)
    if "time" not in log.times:
        return order, None, None
    time = log.times["time"]
    if (time == NEVER).any():
        raise DataError(f"{log.name}: {int((time == NEVER).sum()):,} rows have no readable '{log.columns['time']}'.")
    order = np.argsort(time, kind="stable")
    if log.columns.get("batch") != "day":
        return order, None, None
    codes = np.unique(days(time, asked.timezone), return_inverse=True)[1].astype(np.intp)
    return order, codes, int(codes.max()) + 1


def _arm_record(values: ArmValues, a: int, name: str, rows: int, alpha: float) -> BanditArm:
    methods = [values.aipw, values.snipw, values.ipw, values.naive]
    if values.by_batch is not None:
        methods.insert(1, values.by_batch)
    if values.odds is not None:
        methods.insert(1, values.aipw_equal)
    said = values.notes[a]
    smallest = finite(values.smallest_propensity[a])
    return BanditArm(
        arm=name,
        rows=int(values.n[a]),
        share=float(values.n[a]) / rows,
        smallest_propensity=smallest,
        effective_rows=float(values.effective_n[a]),
        reliable=bool(values.reliable[a]),
        notes=() if said is None else tuple(said.split("; ")),
        values=tuple(_estimate(one, a, name, int(values.n[a]), alpha) for one in methods),
    )


def _estimate(of: ArmEstimates, a: int, name: str, n: int, alpha: float) -> Estimate:
    low, high = of.interval(alpha)
    value, reason = finite(of.value[a]), of.reasons[a]
    return Estimate(
        model=name,
        metric="value",
        n=n,
        value=value,
        reason=(reason or "no value") if value is None else None,
        standard_error=finite(of.standard_error[a]),
        low=finite(low[a]),
        high=finite(high[a]),
        level=1 - alpha,
        method=of.method,
        notes=(reason,) if reason is not None and value is not None else (),
    )


def _contrasts(values: ArmValues, names: tuple[str, ...], control: int, alpha: float) -> tuple[Effect, ...]:
    """Each other arm against the control from AIPW scores; Holm over all of them, unreliable ones untested."""
    found = arm_contrast(values, control=control)
    others = [a for a in range(len(names)) if a != control]
    reasons = [_untested(values, names, a, control) or found.reasons[s] for s, a in enumerate(others)]
    tested = np.array([reason is None for reason in reasons])
    p = np.where(tested, found.p_value(0.0), np.nan)
    adjusted, alphas = holm(p, alpha=alpha)
    effects = []
    for s, a in enumerate(others):
        one = found.at(s)
        effects.append(
            _effect(
                one,
                baseline=names[control],
                candidate=names[a],
                metric="value",
                n=int(values.n[a] + values.n[control]),
                alpha=float(alphas[s]),
                adjusted=finite(adjusted[s]),
                reason=reasons[s],
            )
        )
    return tuple(effects)


def _untested(values: ArmValues, names: tuple[str, ...], a: int, control: int) -> str | None:
    for side in (a, control):
        if not values.reliable[side]:
            said = values.notes[side] or UNRELIABLE
            return f"arm {names[side]} is {said}" if said.startswith(UNRELIABLE) else f"arm {names[side]}: {said}"
    return None


def _effect(
    contrast: Contrast,
    *,
    baseline: str,
    candidate: str,
    metric: str,
    n: int,
    alpha: float,
    adjusted: float | None,
    reason: str | None,
) -> Effect:
    low, high = contrast.interval(alpha)
    words, _ = word(contrast, alpha=alpha, margin=0.0, margin_is_relative=False, higher_is_better=True)
    difference = finite(contrast.difference[0])
    reason = reason or contrast.reasons[0]
    first = finite(getattr(contrast, "baseline", np.array([np.nan]))[0])
    error = contrast.standard_error
    return Effect(
        baseline=baseline,
        candidate=candidate,
        metric=metric,
        n=n,
        baseline_value=first,
        candidate_value=None if first is None or difference is None else first + difference,
        difference=difference,
        low=finite(low[0]),
        high=finite(high[0]),
        level=1 - alpha,
        p_value=None if reason else finite(contrast.p_value(0.0)[0]),
        adjusted_p_value=adjusted,
        word="cannot tell" if reason else words[0],
        standard_error=finite(error[0]),
        smallest_detectable_effect=finite(smallest_detectable_effect(error, alpha=alpha)[0]),
        method=contrast.methods[0],
        reason=reason,
    )


def _policy(
    log: Log, asked: BanditAsked, arm: Codes, names: tuple[str, ...], reward: Floats, propensity: Floats
) -> PolicyEstimate | None:
    """The value of the target policy, and how much more it is than that of the policy that wrote the log."""
    target = _arm(names, asked.target, "--target-policy")
    if target is None and "target" not in log.numbers:
        return None
    mean = _outside(reward, asked.seed)
    found: PolicyValues
    if target is not None:
        chosen = np.zeros(len(names))
        chosen[target] = 1.0
        found = policy_values(arm, reward, propensity, chosen, clip=asked.clip, seed=asked.seed)
        name = f"always {names[target]}"
    else:
        found = off_policy_values(
            reward,
            propensity,
            log.need_numbers("target"),
            logged_prediction=mean,
            target_prediction=mean,
            clip=asked.clip,
        )
        name = log.columns["target"]
    own = off_policy_values(reward, propensity, propensity, logged_prediction=mean, target_prediction=mean).ips
    best = found.dr
    return PolicyEstimate(
        policy=name,
        values=tuple(_policy_estimate(one, name, asked.alpha) for one in (found.dr, found.snips, found.ips)),
        effective_rows=best.unclipped_effective_n,
        mean_weight=best.mean_weight,
        largest_weight=best.largest_weight,
        clip=asked.clip,
        clipped_share=best.clipped_share,
        clipped_weight=best.clipped_weight,
        reliable=best.reliable,
        logged=_policy_estimate(own, "the log", asked.alpha).model_copy(update={"method": "mean reward", "notes": ()}),
        difference=_effect(
            policy_contrast(best, own),
            baseline="the log",
            candidate=name,
            metric="value",
            n=best.n,
            alpha=asked.alpha,
            adjusted=None,
            reason=None if best.reliable else "; ".join(best.notes) or UNRELIABLE,
        ),
    )


def _outside(reward: Floats, seed: int) -> Floats:
    """The mean reward of the other folds, for each row."""
    fold = assign_folds(np.arange(len(reward)), FOLDS, seed=seed)
    n, total = np.bincount(fold, minlength=FOLDS), np.bincount(fold, reward, FOLDS)
    means = (total.sum() - total) / np.maximum(n.sum() - n, 1)
    return np.asarray(means[fold], dtype=np.float64)


def _policy_estimate(of: PolicyValue, name: str, alpha: float) -> Estimate:
    low, high = of.interval(alpha)
    value = finite(of.value)
    return Estimate(
        model=name,
        metric="value",
        n=of.n,
        value=value,
        reason=(of.reason or "no value") if value is None else None,
        standard_error=finite(of.standard_error),
        low=finite(low),
        high=finite(high),
        level=1 - alpha,
        method=of.method,
        notes=of.notes if value is None or of.reason is None else (*of.notes, of.reason),
    )


def _health(
    log: Log, arm: Codes, names: tuple[str, ...], propensity: Floats, batches: int | None
) -> tuple[Finding, ...]:
    """Do the propensities fit the log? Over all rows 1/propensity of an arm's rows averages 1."""
    n = log.rows
    weight = 1 / np.where(propensity > 0, propensity, np.nan)
    means = np.bincount(arm, weight, len(names)) / n
    squares = np.bincount(arm, weight**2, len(names)) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (means - 1) / np.sqrt((squares - means**2) / n)
    p = np.where(np.isfinite(z), normal_two_sided(np.where(np.isfinite(z), z, 0.0)), 1.0) * len(names)
    worst = int(np.argmin(p))
    if p[worst] < ALARM:
        text = (
            f"The propensities do not fit the log: the weights of arm {names[worst]} average {means[worst]:.2f} where "
            "1 is expected. Either they are not the chances the choices were drawn with, or some rows could not get "
            "the arm; all values below lean on them."
        )
        found = [Finding(name="propensities", status="warn", sentence=text, count=int((p < ALARM).sum()))]
    else:
        text = "The weights of every arm average 1 within chance, as they do when the propensities are true."
        found = [Finding(name="propensities", status="pass", sentence=text, count=0)]
    if batches is not None:
        text = f"{format_count(batches)} batches; within a batch the chances were the same for like rows."
        found.append(Finding(name="batches", status="pass", sentence=text, count=batches))
    return tuple(found)


def _notes(batch: Codes | None) -> tuple[str, ...]:
    if batch is not None:
        return ()
    return (
        "Without batches AIPW scores are averaged with equal weights, which is wider where an arm's chance became "
        "small; --batch names what was decided together (a day).",
    )
