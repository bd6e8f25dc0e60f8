"""A quick calculation: how many units find an effect, or how many rows a paired comparison needs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.decisions.yaml_fields import amount
from seatrial.errors import UsageError
from seatrial.experiments.assumptions import Base, parse_traffic
from seatrial.experiments.plan_file import parse_plan
from seatrial.experiments.sizing import size
from seatrial.records.numbers import format_count, format_percent, format_value
from seatrial.records.plan import Plan, Sizing
from seatrial.stats.sample_size import paired_proportion_units

MULTIPLES = (0.5, 1.0, 2.0)
"""Of the effect, in the table of a calculation without traffic."""


@dataclass(frozen=True, kw_only=True)
class PowerResult:
    """One sentence and a table; `units` per arm, or `pairs` of a paired comparison."""

    sentence: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    units: dict[str, int]
    pairs: int | None = None
    days: int | None = None
    sizing: Sizing | None = None

    def to_json(self) -> str:
        """The numbers as JSON."""
        sizing = None if self.sizing is None else self.sizing.model_dump(mode="json")
        found = {
            "sentence": self.sentence, "units": self.units, "pairs": self.pairs, "days": self.days, "sizing": sizing,
        }  # fmt: skip
        return json.dumps(found, ensure_ascii=False, indent=2) + "\n"

    def __str__(self) -> str:
        table = [self.header, *self.rows]
        widths = [max(len(row[place]) for row in table) for place in range(len(self.header))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join([self.sentence, "", *lines, *self._notes()]) + "\n"

    def _notes(self) -> list[str]:
        notes = () if self.sizing is None else (*self.sizing.notes, *self.sizing.advice)
        return ["", *(f"- {note}" for note in notes)] if notes else []


def power(
    *,
    base: float | None = None,
    minimum_effect: float | str | None = None,
    standard_deviation: float | None = None,
    margin: float | str | None = None,
    arms: int = 2,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    lower_is_better: bool = False,
    stopping: str = "fixed",
    looks: int | None = None,
    new_units_per_day: Any = None,
    paired_discordance: float | None = None,
) -> PowerResult:
    """Count the units that find `minimum_effect` (a number, or a share of `base` as `"5%"`), or that keep a `margin`.

    `base` is the metric today: a share of units where no `standard_deviation` (of one unit) is given. `guardrails` is
    how many share the power. With `paired_discordance` it is the rows of a paired yes/no comparison, from the share of
    rows on which the versions differ; effect and margin are then absolute (`0.5%` is half a point). Raises
    `UsageError`.

    >>> power(base=0.10, minimum_effect=0.01).units
    {'control': 14748, 'treatment': 14748}
    >>> power(paired_discordance=0.06, margin="0.5%").pairs
    18838
    """
    if paired_discordance is not None:
        return _paired(paired_discordance, minimum_effect, margin, alpha=alpha, power=power, guardrails=guardrails)
    if base is None:
        raise UsageError(
            "Give the metric's value today (--base 0.05), or --paired-discordance for a paired comparison."
        )
    if (minimum_effect is None) == (margin is None):
        raise UsageError(
            "Give --minimum-effect (what has to be found) or --margin (what loss must be excluded), one of them."
        )
    if arms < 2:
        raise UsageError(f"An experiment has at least two arms, not {arms}.")
    if guardrails < 0:
        raise UsageError(f"The number of guardrails cannot be negative, and {guardrails} was given.")
    names = ["control", "treatment"] if arms == 2 else ["control", *(f"treatment {k}" for k in range(1, arms))]
    plan = _plan(names, minimum_effect, margin, alpha, power, guardrails, lower_is_better, stopping, looks)
    known = {"metric": Base(value=float(base), standard_deviation=standard_deviation)}
    sized = size(plan, base=known, new_units_per_day=new_units_per_day)
    sizing = sized.sizing
    if sizing is None:
        raise UsageError("Nothing could be sized from what was given.")
    sentence = _sentence(sized, sizing, float(base), minimum_effect, margin)
    units = dict(sizing.units)
    if parse_traffic(new_units_per_day, "--new-units-per-day") is None:
        header, rows = _by_effect(plan, known, float(base), minimum_effect, margin)
    else:
        header, rows = _by_duration(sizing)
    kept = tuple(note for note in sizing.notes if not note.startswith("not sized"))
    return PowerResult(
        sentence=sentence,
        header=header,
        rows=rows,
        units=units,
        days=sizing.days,
        sizing=sizing.model_copy(update={"notes": kept}),
    )


def _plan(
    names: Sequence[str],
    minimum_effect: float | str | None,
    margin: float | str | None,
    alpha: float,
    power: float,
    guardrails: int,
    lower_is_better: bool,
    stopping: str,
    looks: int | None,
) -> Plan:
    """The plan that asks the same question: guardrails beside the metric only share its power."""
    metrics: dict[str, Any] = {"metric": {"formula": "mean(x)", "lower_is_better": lower_is_better}}
    others = [f"guardrail {k}" for k in range(1, guardrails + 1)]
    metrics |= {name: "mean(y)" for name in others}
    given: dict[str, Any] = {
        "arms": dict.fromkeys(names, 1),
        "control": names[0],
        "metrics": metrics,
        "alpha": alpha,
        "power": power,
        "stopping": stopping if looks is None else {"rule": stopping, "looks": looks},
    }
    if margin is None:
        given |= {"primary": "metric", "minimum_effect": minimum_effect, "guardrails": others}
    else:
        given["guardrails"] = [{"metric": "metric", "margin": margin}, *others]
    return parse_plan(given, name="power")


def _sentence(
    plan: Plan, sizing: Sizing, base: float, minimum_effect: float | str | None, margin: float | str | None
) -> str:
    each = next(iter(sizing.units.values()))
    total = sum(sizing.units.values())
    chance = f"with {format_percent(plan.policy.power)} power at alpha {plan.policy.alpha:g}"
    if minimum_effect is not None:
        effect, relative = amount(minimum_effect, None, "--minimum-effect")
        absolute = effect * abs(base) if relative else effect
        better = plan.metrics[0].higher_is_better
        reached = base + absolute if better else base - absolute
        lift = format_percent(absolute / abs(base)) if base else format_value(absolute)
        what = f"find a change from {format_value(base)} to {format_value(reached)} ({lift}) {chance}"
    else:
        loss, relative = amount(margin, None, "--margin")
        shown = f"{format_percent(loss)} of {format_value(base)}" if relative else format_value(loss)
        what = f"show that no more than {shown} is lost, if nothing is, {chance}"
    said = f"{format_count(each)} units in each of {len(sizing.units)} arms ({format_count(total)} in all) {what}."
    if sizing.new_units_per_day:
        takes = "never, with this traffic" if sizing.days is None else f"{sizing.days} days"
        said += f" Days: {takes}."
    return said


def _by_duration(sizing: Sizing) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows = tuple(
        (
            str(row.days),
            format_count(row.units_per_arm),
            format_value(row.minimum_detectable_effect),
            "" if row.minimum_detectable_lift is None else f"{100 * row.minimum_detectable_lift:.1f} %",
        )
        for row in sizing.by_duration
    )
    return ("days", "units per arm", "finds", "as a lift"), rows


def _by_effect(
    plan: Plan,
    known: dict[str, Base],
    base: float,
    minimum_effect: float | str | None,
    margin: float | str | None,
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Units for half, the whole and twice the effect (or margin)."""
    given = minimum_effect if minimum_effect is not None else margin
    value, relative = amount(given, None, "the effect")
    rows = []
    for multiple in MULTIPLES:
        at = value * multiple
        if minimum_effect is not None:
            asked = plan.model_copy(update={"minimum_effect": at})
        else:
            rule = plan.policy.rules[0].model_copy(update={"margin": at})
            asked = plan.model_copy(
                update={"policy": plan.policy.model_copy(update={"rules": (rule, *plan.policy.rules[1:])})}
            )
        try:
            sizing = size(asked, base=known).sizing
        except UsageError:
            continue  # twice the effect can leave 0..1
        if sizing is not None and sizing.units:
            shown = format_percent(at) if relative else format_value(at)
            units = sizing.units.values()
            rows.append((shown, format_count(next(iter(units))), format_count(sum(units))))
    return ("effect" if minimum_effect is not None else "margin", "units per arm", "in all"), tuple(rows)


def _paired(
    discordance: float,
    effect: float | str | None,
    margin: float | str | None,
    *,
    alpha: float,
    power: float,
    guardrails: int,
) -> PowerResult:
    """Rows of a paired yes/no comparison."""
    if effect is None and margin is None:
        raise UsageError(
            "Give --margin (what loss must be excluded) or --minimum-effect, such as 0.5% for half a point."
        )
    gain = 0.0 if effect is None else amount(effect, None, "--minimum-effect")[0]
    loss = 0.0 if margin is None else amount(margin, None, "--margin")[0]

    def rows_at(share: float) -> int:
        return paired_proportion_units(share, effect=gain, margin=loss, alpha=alpha, power=power, guardrails=guardrails)

    pairs = rows_at(discordance)
    what = f"show that no more than {format_percent(loss)} is lost"
    if effect is not None:
        against = f" against a margin of {format_percent(loss)}" if loss else ""
        what = f"find a difference of {format_percent(gain)}{against}"
    sentence = (
        f"{format_count(pairs)} rows of the class that matters {what}, where both versions answer the same rows and "
        f"differ on {format_percent(discordance)} of them, with {format_percent(power)} power at alpha {alpha:g}."
    )
    table = []
    for multiple in MULTIPLES:
        share = discordance * multiple
        if gain <= share <= 1:
            table.append((format_percent(share), format_count(rows_at(share))))
    return PowerResult(sentence=sentence, header=("differ on", "rows"), rows=tuple(table), units={}, pairs=pairs)
