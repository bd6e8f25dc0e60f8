"""Options of the commands that read an experiment's tables: `analyze` and `postmortem`."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seatrial.errors import UsageError

Column = str | None


def _column(flag: str, what: str) -> object:
    return typer.Option(flag, help=what, rich_help_panel="Columns")


Plan = Annotated[Path | None, typer.Option("--plan", help="The plan file; without one everything is exploratory.")]
Exposures = Annotated[str | None, typer.Option("--exposures", help="Who was exposed to which arm, and when.")]
Events = Annotated[str | None, typer.Option("--events", help="What the units did, and when.")]
Pre = Annotated[str | None, typer.Option("--pre", help="What was known of the units before: covariates.")]
Units = Annotated[
    str | None, typer.Option("--units", help="Instead of exposures and events: one row a unit, arm and values.")
]
Moments = Annotated[
    str | None,
    typer.Option("--moments", help="Instead: n, mean and variance per arm and time, already aggregated."),
]
Metric = Annotated[
    list[str] | None,
    typer.Option("--metric", "-m", help="NAME=FORMULA over what a unit did: 'aov=revenue / orders'; repeat."),
]
Primary = Annotated[list[str] | None, typer.Option("--primary", help="The metric that must be better (the first).")]
Guardrail = Annotated[
    list[str] | None,
    typer.Option("--guardrail", help="METRIC:MARGIN it may lose at most, such as latency:5%; repeat."),
]
Policy = Annotated[Path | None, typer.Option("--policy", help="YAML policy, where there is no plan.")]
Covariate = Annotated[
    list[str] | None, typer.Option("--covariate", help="METRIC=FORMULA known before the exposure (CUPED); repeat.")
]
Cupac = Annotated[
    list[str] | None, typer.Option("--cupac", help="A metric whose covariates become one prediction; repeat.")
]
PostStratify = Annotated[
    str | None, typer.Option("--post-stratify", help="A column known before, whose mix is held equal in the arms.")
]
Segment = Annotated[list[str] | None, typer.Option("--segment", help="A column that splits the units; repeat.")]
Control = Annotated[str | None, typer.Option("--control", help="Which arm is the control.")]
LowerIsBetter = Annotated[
    list[str] | None, typer.Option("--lower-is-better", help="A metric of which less is better; repeat.")
]
Zero = Annotated[
    list[str] | None, typer.Option("--zero", help="A metric that counts a unit without events as 0; repeat.")
]
Winsorize = Annotated[list[str] | None, typer.Option("--winsorize", help="METRIC=CAP of each unit's value; repeat.")]
Weight = Annotated[
    list[str] | None,
    typer.Option("--weight", help="ARM=SHARE of the traffic that was meant, without a plan; repeat."),
]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Read nothing after this time (ISO 8601).")]
Timezone = Annotated[str | None, typer.Option("--timezone", help="Zone of times without one, and of days.")]
Crossovers = Annotated[
    str, typer.Option("--crossovers", help="Units seen in two arms: exclude, or first (keep the first arm).")
]
Cluster = Annotated[
    str | None, typer.Option("--cluster", help="The randomised unit, where rows of --units are finer (sessions).")
]
Unit = Annotated[Column, _column("--unit", "The unit.")]
Arm = Annotated[Column, _column("--arm", "The arm.")]
Time = Annotated[Column, _column("--time", "The time of exposure.")]
EventTime = Annotated[Column, _column("--event-time", "The time of an event.")]
Event = Annotated[Column, _column("--event", "The name of an event.")]
Value = Annotated[Column, _column("--value", "The value of an event.")]
EventId = Annotated[Column, _column("--event-id", "What names an event, to drop duplicates.")]
Arrived = Annotated[Column, _column("--arrived", "When a row became known.")]
Phase = Annotated[Column, _column("--phase", "The allocation phase.")]
PastEffects = Annotated[
    str | None,
    typer.Option("--past-effects", help="Lifts of earlier tests with standard errors: an informative prior."),
]
Experiment = Annotated[
    str | None, typer.Option("--experiment", help="Which experiment of --moments, where it holds several.")
]
NewUnits = Annotated[
    bool,
    typer.Option("--new-units", help="Rows of --moments hold only the units new at that time, not all so far."),
]
NoAdjust = Annotated[bool, typer.Option("--no-adjust", help="Decide by the raw effects, covariates or not.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of whatever is resampled.")]

TAKEN_AS_THEY_ARE = (
    "exposures", "events", "units", "moments", "experiment", "pre", "plan", "primary", "policy", "control", "cluster",
    "as_of", "crossovers", "timezone", "post_stratify", "past_effects", "seed",
)  # fmt: skip
COLUMNS = ("unit", "arm", "time", "event_time", "event", "value", "event_id", "arrived", "phase")


def tables(given: Mapping[str, Any]) -> dict[str, Any]:
    """What `actions.analyze` is called with, from the options of a command by their names."""
    if given["crossovers"] not in {"exclude", "first"}:
        raise UsageError(f"--crossovers {given['crossovers']}: it is exclude or first.")
    return {name: given[name] for name in TAKEN_AS_THEY_ARE} | {
        "cumulative": not given["new_units"],
        "metrics": given["metric"] or (),
        "guardrails": given["guardrail"] or (),
        "covariates": _pairs(given["covariate"], "--covariate"),
        "segments": given["segment"] or (),
        "columns": {name: given[name] for name in COLUMNS if given[name] is not None},
        "weights": numbers(given["weight"], "--weight") or None,
        "zero": given["zero"] or (),
        "lower_is_better": given["lower_is_better"] or (),
        "winsorize": numbers(given["winsorize"], "--winsorize"),
        "adjust": not given["no_adjust"],
        "cupac": given["cupac"] or (),
    }


def _pairs(given: list[str] | None, option: str) -> dict[str, list[str]]:
    """`NAME=TEXT` options, several of one name together."""
    found: dict[str, list[str]] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"{option} {text}: write NAME=VALUE.")
        found.setdefault(name.strip(), []).append(value.strip())
    return found


def numbers(given: list[str] | None, option: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, values in _pairs(given, option).items():
        try:
            number = float(values[-1])
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(f"{option} {name}={values[-1]}: the value must be a number.")
        found[name] = number
    return found
