"""Switchback experiments over periods: values of each period, burn-in after switches, permutation of what was "
"switched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.decisions.phrases import said
from seatrial.effects.estimate import finite
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.experiments.columns import Reads
from seatrial.experiments.logs import Log, in_order
from seatrial.expressions import Mean, Size, atoms, evaluate_rows, linearise, row_columns
from seatrial.records.evidence import Finding
from seatrial.records.numbers import format_count, format_interval, format_p
from seatrial.records.results import Effect, Word
from seatrial.records.switchback import Switchback, SwitchbackMetric, SwitchbackPeriod
from seatrial.records.versions import installed
from seatrial.stats.switchback import SwitchbackEffect, switchback_effect

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Mask = NDArray[np.bool_]
FEW_SWITCHES = 3.3
"""Standard errors under the expected number of switches from which arms were held over several periods."""
NOT_SHOWN = (
    "Effects that last longer than the burn-in: what one arm leaves behind counts for the next.",
    "Single users: a period is one observation, however many orders it holds.",
    "Times that were never tried in both arms.",
)


@dataclass(frozen=True, kw_only=True)
class SwitchbackAsked:
    """What is asked of a switchback's log."""

    control: str | None = None
    burn_in: int = 0
    held: bool | None = None
    """None: where there is a burn-in, or far fewer switches than periods drawn one by one would have."""
    lower_is_better: frozenset[str] = frozenset()
    alpha: float = 0.05
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class _Periods:
    """The periods in their order."""

    names: tuple[str, ...]
    of_row: Codes
    treated: Codes
    block: Codes
    blocks: tuple[str, ...] | None
    after_switch: Codes
    """How many periods ago the arm was switched; a large number where it never was."""
    stretch: Codes
    """Consecutive periods of one arm and block share a number."""

    @property
    def count(self) -> int:
        return len(self.names)


def switchback(log: Log, reads: Sequence[Reads], asked: SwitchbackAsked) -> Switchback:
    """Compare two arms over the periods of a market that was switched between them.

    `log` has the texts `period`, `arm` and perhaps `block`, and the columns that the metrics read. Each metric is
    computed in every period over its rows; the first `burn_in` periods after a switch are left out. Permuted are the
    periods; or the stretches of one arm where arms were held over several periods, which a burn-in implies and too few
    switches show; within blocks where given. Raises `DataError` for a period in two arms and for designs without both.
    """
    arms, control = _arms(log, asked.control)
    periods = _periods(log, arms, control)
    switches = int((np.diff(periods.treated) != 0).sum())
    few = _few_switches(periods, switches)
    held = asked.held if asked.held is not None else asked.burn_in > 0 or few
    metrics = tuple(_metric(log, one, periods, arms, control, asked, held) for one in reads)
    treatment = next(arm for arm in arms if arm != control)
    return Switchback(
        title=f"{treatment} against {control}, switched",
        sentence=_sentence(metrics, treatment, control),
        control=control,
        treatment=treatment,
        rows=log.rows,
        periods=periods.count,
        switches=switches,
        burn_in=asked.burn_in,
        held=held,
        block=log.columns.get("block"),
        alpha=asked.alpha,
        metrics=metrics,
        health=_health(periods, switches, held, few),
        not_shown=NOT_SHOWN,
        source=log.source,
        seatrial=installed("seatrial"),
        seed=asked.seed,
    )


def _arms(log: Log, control: str | None) -> tuple[tuple[str, ...], str]:
    arms = tuple(sorted(set(log.need_texts("arm").tolist())))
    if len(arms) != 2:
        raise DataError(
            f"{log.name}: '{log.columns['arm']}' holds {len(arms)} arms ({listed(arms)}); two are compared."
        )
    if control is None:
        usual = [arm for arm in arms if arm.casefold() in {"control", "a", "off", "0", "baseline", "old", "false"}]
        if len(usual) != 1:
            raise UsageError(f"Which arm is the control? Say --control {arms[0]} or --control {arms[1]}.")
        return arms, usual[0]
    if control not in arms:
        raise UsageError(f"There is no arm '{control}' (--control).{did_you_mean(control, arms)} Arms: {listed(arms)}.")
    return arms, control


def _periods(log: Log, arms: Sequence[str], control: str) -> _Periods:
    of_row, names = in_order(log.need_texts("period"))
    treated_row = np.array([arm != control for arm in log.need_texts("arm").tolist()], dtype=np.intp)
    count = len(names)
    rows = np.bincount(of_row, minlength=count)
    treated = np.bincount(of_row, treated_row, count)
    mixed = np.flatnonzero((treated > 0) & (treated < rows))
    if len(mixed):
        raise DataError(
            f"{log.name}: period {names[mixed[0]]} has rows of both arms ({format_count(len(mixed))} such periods): in "
            "a switchback the whole market is in one arm at a time. Name the column of the period that was switched."
        )
    arm = (treated > 0).astype(np.intp)
    block, blocks = np.zeros(count, dtype=np.intp), None
    if "block" in log.texts:
        row_block, blocks = in_order(log.need_texts("block"))
        block[of_row] = row_block
        split = np.flatnonzero(block[of_row] != row_block)
        if len(split):
            raise DataError(
                f"{log.name}: period {names[of_row[split[0]]]} lies in two blocks of '{log.columns['block']}'."
            )
    switched = np.flatnonzero(np.diff(arm) != 0) + 1
    since = np.full(count, count)
    for start, stop in zip(switched, [*switched[1:], count], strict=True):
        since[start:stop] = np.arange(stop - start)
    fresh = np.append(True, (np.diff(arm) != 0) | (np.diff(block) != 0))
    return _Periods(
        names=names,
        of_row=of_row,
        treated=arm,
        block=block,
        blocks=blocks,
        after_switch=since,
        stretch=np.cumsum(fresh) - 1,
    )


def _metric(
    log: Log,
    one: Reads,
    periods: _Periods,
    arms: Sequence[str],
    control: str,
    asked: SwitchbackAsked,
    held: bool,
) -> SwitchbackMetric:
    value, rows = _values(log, one, periods)
    keep = periods.after_switch >= asked.burn_in
    if not keep.any() or len(set(periods.treated[keep].tolist())) < 2:
        raise DataError(
            f"{log.name}: with a burn-in of {asked.burn_in} no periods of both arms are left: every arm is held for at "
            f"most {int(np.bincount(periods.stretch).max())} periods. Give finer periods, or a shorter --burn-in."
        )
    if held:
        y, z, block, weight = _stretches(periods, value, keep)
        found = switchback_effect(y, z, blocks=block, weights=weight, alpha=asked.alpha, seed=asked.seed)
    else:
        found = switchback_effect(
            value, periods.treated, blocks=periods.block, keep=keep, alpha=asked.alpha, seed=asked.seed
        )
    used = keep & np.isfinite(value) & _both_arms(periods, keep & np.isfinite(value))
    treatment = next(arm for arm in arms if arm != control)
    notes = list(found.notes)
    lost = int((keep & ~np.isfinite(value)).sum())
    if lost:
        notes.append(f"{lost} periods have no value and are left out")
    return SwitchbackMetric(
        metric=one.metric.name,
        formula=one.metric.formula,
        effect=_effect(one.metric.name, found, value, used, periods, (control, treatment), asked, held),
        permuted=found.periods,
        blocks=found.blocks,
        assignments=min(found.assignments, 2**63 - 1),
        periods=tuple(
            SwitchbackPeriod(
                period=name[:100],
                arm=treatment if periods.treated[i] else control,
                block=None if periods.blocks is None else periods.blocks[periods.block[i]][:100],
                value=finite(value[i]),
                rows=int(rows[i]),
                used=bool(used[i]),
            )
            for i, name in enumerate(periods.names)
        ),
        notes=tuple(notes),
    )


def _values(log: Log, one: Reads, periods: _Periods) -> tuple[Floats, Codes]:
    """The metric in every period over the rows that have it, NaN where it has no value, and those rows."""
    columns: Mapping[str, NDArray[np.generic]] = {
        name: log.texts[f"column_{name}"] if name in one.texts else log.numbers[f"column_{name}"]
        for name in one.columns
    }
    found: dict[str, Floats] = {}
    for atom in atoms(one.formula):
        if isinstance(atom, Mean):
            wanted = {name: columns[name] for name in row_columns(atom.row)}
            found[atom.key()] = evaluate_rows(atom.row, wanted, size=log.rows)
        elif not isinstance(atom, Size):
            raise UsageError(f"Metric '{one.metric.name}': a switchback computes arithmetic over means, not `{atom}`.")
    valid = np.logical_and.reduce([np.isfinite(x) for x in found.values()], initial=True) & np.ones(log.rows, np.bool_)
    at = periods.of_row[valid]
    rows = np.bincount(at, minlength=periods.count)
    size = np.where(rows > 0, rows, np.nan).astype(np.float64)
    given = {key: np.bincount(at, x[valid], periods.count) / size for key, x in found.items()}
    given |= {atom.key(): size for atom in atoms(one.formula) if isinstance(atom, Size)}
    with np.errstate(invalid="ignore", divide="ignore"):
        linear = linearise(one.formula, given)
    value = np.array(np.broadcast_to(linear.value, (periods.count,)), dtype=np.float64)
    return np.where(np.isfinite(value), value, np.nan), rows


def _stretches(periods: _Periods, value: Floats, keep: Mask) -> tuple[Floats, Floats, Codes, Floats]:
    """Stretches of one arm and block: the mean of the periods kept, the arm, the block, how many periods."""
    some = keep & np.isfinite(value)
    count = int(periods.stretch.max()) + 1
    weight = np.bincount(periods.stretch[some], minlength=count).astype(np.float64)
    total = np.bincount(periods.stretch[some], value[some], count)
    first = np.unique(periods.stretch, return_index=True)[1]
    mean = np.full(count, np.nan)
    np.divide(total, weight, out=mean, where=weight > 0)
    return mean, periods.treated[first].astype(np.float64), periods.block[first], weight


def _both_arms(periods: _Periods, some: Mask) -> Mask:
    """Periods in blocks that saw both arms."""
    size = int(periods.block.max()) + 1
    n = np.bincount(periods.block[some], minlength=size)
    treated = np.bincount(periods.block[some], periods.treated[some], size)
    return np.asarray(((treated > 0) & (treated < n))[periods.block])


def _effect(
    name: str,
    found: SwitchbackEffect,
    value: Floats,
    used: Mask,
    periods: _Periods,
    arms: tuple[str, str],
    asked: SwitchbackAsked,
    held: bool,
) -> Effect:
    base = value[used & (periods.treated == 0)]
    baseline = float(base.mean()) if len(base) else None
    difference = finite(found.effect)
    higher = name not in asked.lower_is_better
    low, high = finite(found.low), finite(found.high)
    said_word: Word = "cannot tell"
    if found.reason is None and low is not None and high is not None and (low > 0 or high < 0):
        said_word = "better" if (low > 0) == higher else "worse"
    return Effect(
        baseline=arms[0],
        candidate=arms[1],
        metric=name,
        n=int(used.sum()),
        baseline_value=baseline,
        candidate_value=None if baseline is None or difference is None else baseline + difference,
        difference=difference,
        low=low,
        high=high,
        level=1 - asked.alpha,
        p_value=finite(found.p_value),
        word=said_word,
        method=found.method.replace("periods", "stretches of one arm") if held else found.method,
        reason=found.reason,
        unit="period",
        higher_is_better=higher,
    )


def _sentence(metrics: Sequence[SwitchbackMetric], treatment: str, control: str) -> str:
    parts = []
    for one in metrics[:3]:
        effect = one.effect
        if effect.reason is not None or effect.difference is None:
            parts.append(f"{said(one.metric)} cannot be told: {effect.reason}")
            continue
        numbers = format_interval(effect.difference, effect.low, effect.high, signed=True, thresholds=(0.0,))
        p = "" if effect.p_value is None else f", {format_p(effect.p_value)}"
        verb = f"is {effect.word}" if effect.word != "cannot tell" else "may or may not differ"
        parts.append(f"{said(one.metric)} {verb} under {said(treatment)} than {said(control)} ({numbers}{p})")
    text = "; ".join(parts)
    text = text.replace("may or may not differ under", "may or may not differ between")
    more = f" {len(metrics) - 3} more metrics below." if len(metrics) > 3 else ""
    return f"{text[0].upper()}{text[1:]}.{more}"


def _few_switches(periods: _Periods, switches: int) -> bool:
    """Far fewer switches than if each period's arm were drawn by itself (Wald and Wolfowitz 1940)."""
    n, one = periods.count, int(periods.treated.sum())
    expected = 2 * one * (n - one) / n
    spread = np.sqrt(max(expected * (expected - 1) / max(n - 1, 1), 1e-12))
    return bool((switches - expected) / spread < -FEW_SWITCHES)


def _health(periods: _Periods, switches: int, held: bool, few: bool) -> tuple[Finding, ...]:
    n, one = periods.count, int(periods.treated.sum())
    text = f"{format_count(switches)} switches over {format_count(n)} periods ({one} treated, {n - one} control)"
    if few and not held:
        text += (
            ": arms were held over several periods, so these were not randomised one by one, and the p-values below "
            "are too small. Leave out --not-held."
        )
        return (Finding(name="switching", status="fail", sentence=text, count=switches),)
    if few:
        text += ": arms were held over several periods, so the stretches of one arm are permuted, not the periods"
    elif held:
        text += "; the stretches of one arm are permuted"
    return (Finding(name="switching", status="pass", sentence=f"{text}.", count=switches),)
