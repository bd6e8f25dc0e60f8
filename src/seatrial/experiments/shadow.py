"""A challenger in the shadow of a champion: matured labels only, the same number of alerts, an explicit margin."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.decisions.checks import Evidence
from seatrial.decisions.verdict import decide
from seatrial.errors import DataError
from seatrial.experiments.capacity import Capacity, top_scored
from seatrial.experiments.logs import NEVER, Log, days
from seatrial.experiments.shadow_effects import RECALL, Sides, measure
from seatrial.experiments.shadow_health import health
from seatrial.experiments.times import DAY, iso, zone
from seatrial.records.decision import Policy, Rule
from seatrial.records.numbers import format_count
from seatrial.records.shadow import Caught, Shadow, ShadowCounts, ShadowExample
from seatrial.records.versions import installed
from seatrial.stats.sample_size import paired_proportion_units

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
EXAMPLES = 5
NOT_SHOWN = (
    "What the challenger would do to the world: in the shadow nobody acted on its alerts, so fraudsters did not adapt, "
    "and a caught one did not change the next.",
    "Positives that never get a label: what nobody finds or reports counts as negative, for both models.",
    "The chance in the cut itself: the two alert sets are taken as given. In simulations this made the interval of the "
    "difference in recall too wide, never too narrow (it covered 97 to 100 % at 95 %).",
    "Speed and failures under the challenger's own traffic: its latencies here are those of the shadow.",
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a shadow log."""

    champion: str
    challenger: str
    capacity: Capacity
    policy: Policy
    maturity: str | None
    maturity_hours: float | None
    as_of: int | None
    """Microseconds; None: the latest time in the log."""
    timezone: str = "UTC"
    seed: int = 0


def shadow(log: Log, asked: Asked) -> Shadow:
    """Compare two models on the matured, labelled requests of one log, and decide by the policy.

    `log` has the numbers `champion`, `challenger`, `label` (0, 1, NaN: none) and perhaps `amount`,
    `latency_champion`, `latency_challenger`; the times `time` and `labelled_at` perhaps, and the text `id` perhaps.
    Both models alert on the same number of requests, the highest scores first. Raises `DataError` where no request has
    a matured label.
    """
    as_of = _as_of(log, asked)
    old, labelled, counts = _count(log, asked, as_of)
    lot = _lot(log, asked.seed)
    day = _day(log, asked)
    _enough(log, asked, as_of, old, labelled)
    sides = _sides(log, asked, labelled, lot, day)
    if sides.champion.all():
        raise DataError(
            f"{log.name}: a capacity of {asked.capacity} covers all {format_count(len(sides.rows))} matured requests; "
            "at that both models catch everything. Give the capacity of so many requests."
        )
    findings = health(log, asked, counts, old, labelled, lot, day)
    found = measure(log, sides, asked.policy, (asked.champion, asked.challenger))
    counts = counts.model_copy(update={"evaluated": len(sides.rows), "positives": int(sides.positive.sum())})

    def evidence(rule: Rule, _candidate: str) -> Evidence:
        if rule.metric == RECALL:
            return Evidence(
                n=counts.positives,
                contrast=found.recall,
                counted="positives",
                label=f"recall at {asked.capacity.words}",
                reason=None if found.recall is not None else "there are no positives",
            )
        one = next((e for e in found.estimates if e.metric == rule.metric and e.model == asked.challenger), None)
        reason = None if one is not None else f"there is no {rule.metric} in the log"
        return Evidence(estimate=one, scale="ms", reason=reason, n=0 if one is None else one.n)

    decision = decide(
        asked.policy, findings=findings, evidence=evidence, candidates=[asked.challenger], baseline=asked.champion
    )
    caught = _caught(log, sides)
    discordance, needed = _needed(asked.policy, sides)
    up_to = counts.requests - counts.without_score - counts.without_time - counts.after_as_of
    return Shadow(
        title=f"{asked.challenger} in the shadow of {asked.champion}",
        champion=asked.champion,
        challenger=asked.challenger,
        verdict=decision.verdict,
        policy=asked.policy,
        as_of=None if as_of is None else iso(as_of, zone(asked.timezone)),
        maturity=asked.maturity,
        counts=counts,
        matured_share=1 - counts.immature / up_to if up_to else 0.0,
        health=findings,
        capacity=str(asked.capacity),
        alerts=int(sides.champion.sum()),
        tied=sides.tied,
        estimates=found.estimates,
        effects=found.effects,
        caught=caught,
        discordance=discordance,
        positives_needed=needed,
        notes=found.notes,
        not_shown=NOT_SHOWN,
        source=log.source,
        seatrial=installed("seatrial"),
        seed=asked.seed,
    )


def _as_of(log: Log, asked: Asked) -> int | None:
    if asked.as_of is not None or "time" not in log.times:
        return asked.as_of
    known = np.concatenate([log.times[part] for part in ("time", "labelled_at") if part in log.times])
    known = known[known != NEVER]
    if not len(known):
        raise DataError(f"{log.name}: no value of '{log.columns['time']}' can be read as a time.")
    return int(known.max())


def _count(log: Log, asked: Asked, as_of: int | None) -> tuple[Mask, Mask, ShadowCounts]:
    """Which requests are old enough, which of them have a label, and what became of the others."""
    label = log.numbers["label"]
    odd = label[~np.isnan(label) & ~np.isin(label, (0.0, 1.0))]
    if len(odd):
        raise DataError(
            f"{log.name}: '{log.columns['label']}' holds {odd[0]:g}; a label is 1 (fraud) or 0, or say --positive WORD."
        )
    there = ~(np.isnan(log.numbers["champion"]) | np.isnan(log.numbers["challenger"]))
    without_score = int((~there).sum())
    known = ~np.isnan(label)
    at = log.times.get("labelled_at")
    if at is not None and as_of is not None:
        known &= at <= as_of  # a label without a time is taken as known: NEVER lies before every time
    without_time = after = immature = 0
    young = np.zeros(log.rows, dtype=np.bool_)
    late = 0
    if as_of is not None and "time" in log.times:
        time = log.times["time"]
        timed = time != NEVER
        without_time = int((there & ~timed).sum())
        after = int((there & timed & (time > as_of)).sum())
        there &= timed & (time <= as_of)
        span = 0 if asked.maturity_hours is None else round(asked.maturity_hours / 24 * DAY)
        young = there & (time > as_of - span)
        immature = int(young.sum())
        if at is not None and span:
            late = int((there & ~young & known & (label == 1) & (at != NEVER) & (at - time > span)).sum())
    old = there & ~young
    return (
        old,
        old & known,
        ShadowCounts(
            requests=log.rows,
            without_score=without_score,
            without_time=without_time,
            after_as_of=after,
            immature=immature,
            immature_labelled=int((young & known).sum()),
            immature_positive=int((young & known & (label == 1)).sum()),
            unlabelled=int((old & ~known).sum()),
            late_positives=late,
        ),
    )


def _enough(log: Log, asked: Asked, as_of: int | None, old: Mask, labelled: Mask) -> None:
    """Raise `DataError` where nothing can be compared."""
    if not old.any():
        when = "" if as_of is None else f" as of {iso(as_of, zone(asked.timezone))}"
        raise DataError(
            f"{log.name}: no request is {asked.maturity or 'there'} old{when}; wait, or give a later --as-of."
        )
    if not labelled.any():
        raise DataError(
            f"{log.name}: none of the {format_count(int(old.sum()))} requests that are old enough has a label."
        )


def _lot(log: Log, seed: int) -> NDArray[np.int64]:
    """A lot for every request, the same whatever the order of the rows where they have ids."""
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(log.rows)
    ids = log.texts.get("id")
    if ids is None:
        return drawn
    lot = np.empty(log.rows, dtype=np.int64)
    lot[np.argsort(np.array([one or "" for one in ids]), kind="stable")] = drawn
    return lot


def _day(log: Log, asked: Asked) -> NDArray[np.int64] | None:
    if not asked.capacity.per_day:
        return None
    if "time" not in log.times:
        raise DataError(f"{log.name}: a capacity per day needs the time of each request; name its column with --time.")
    return days(log.times["time"], asked.timezone)


def _sides(log: Log, asked: Asked, labelled: Mask, lot: NDArray[np.int64], day: NDArray[np.int64] | None) -> Sides:
    rows = np.flatnonzero(labelled)
    on = None if day is None else day[rows]
    champion, tied_champion = top_scored(log.numbers["champion"][rows], lot[rows], asked.capacity, on)
    challenger, tied_challenger = top_scored(log.numbers["challenger"][rows], lot[rows], asked.capacity, on)
    return Sides(
        rows=rows,
        positive=log.numbers["label"][rows] == 1,
        champion=champion,
        challenger=challenger,
        tied=(tied_champion, tied_challenger),
    )


def _needed(policy: Policy, sides: Sides) -> tuple[float | None, int | None]:
    """The share of positives that one model alone catches, and the positives that the margin asks for at it."""
    positives = int(sides.positive.sum())
    if not positives:
        return None, None
    one = float((sides.champion != sides.challenger)[sides.positive].sum() / positives)
    rule = next(rule for rule in policy.rules if rule.metric == RECALL)
    margin = rule.margin or 0.0
    if rule.margin_is_relative:
        margin *= float(sides.champion[sides.positive].mean())
    if not (one > 0 and margin > 0):
        return one, None
    return one, paired_proportion_units(one, margin=margin, alpha=rule.alpha or policy.alpha, power=policy.power)


def _caught(log: Log, sides: Sides) -> tuple[Caught, ...]:
    rows, a, b = sides.rows[sides.positive], sides.champion[sides.positive], sides.challenger[sides.positive]
    amount = log.numbers.get("amount")
    found = []
    for who, mask in (("both", a & b), ("only champion", a & ~b), ("only challenger", ~a & b), ("neither", ~a & ~b)):
        own = rows[mask]
        sums = None if amount is None else math.fsum(amount[own][~np.isnan(amount[own])].tolist())
        found.append(
            Caught.model_validate(
                {
                    "who": who,
                    "positives": len(own),
                    "amount": sums,
                    "examples": () if who == "both" else _examples(log, own),
                }
            )
        )
    return tuple(found)


def _examples(log: Log, rows: NDArray[np.intp]) -> tuple[ShadowExample, ...]:
    ids = log.texts.get("id")
    amount = log.numbers.get("amount")

    def name(row: int) -> str:
        return f"row {row + 1}" if ids is None or ids[row] is None else str(ids[row])

    def size(row: int) -> float:
        return 0.0 if amount is None or np.isnan(amount[row]) else float(amount[row])

    ordered: Sequence[int] = sorted(rows.tolist(), key=lambda row: (-size(row), name(row)))
    return tuple(
        ShadowExample(
            id=name(row)[:200],
            amount=None if amount is None or np.isnan(amount[row]) else float(amount[row]),
            champion_score=float(log.numbers["champion"][row]),
            challenger_score=float(log.numbers["challenger"][row]),
        )
        for row in ordered[:EXAMPLES]
    )
