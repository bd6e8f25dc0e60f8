"""`seatrial plan` and `seatrial power`: options in, one action called, files and an exit code out."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from seatrial.app.output import Html, Json, Markdown, hand_over_page, outputs
from seatrial.errors import UsageError, did_you_mean

PlanFile = Annotated[Path | None, typer.Argument(metavar="[PLAN.yaml]", help="A plan file; options override its keys.")]
Name = Annotated[str | None, typer.Option("--name", help="Name of the experiment.")]
Hypothesis = Annotated[str | None, typer.Option("--hypothesis", help="What is expected, in a sentence.")]
Unit = Annotated[str | None, typer.Option("--unit", help="What is randomised, as the column is named: user_id.")]
Arms = Annotated[
    list[str] | None, typer.Option("--arm", help="NAME=WEIGHT, or NAME=WEIGHT,model,verdict.json; repeat for more.")
]
Control = Annotated[str | None, typer.Option("--control", help="The arm the others are compared with.")]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", "-m", help="NAME=FORMULA, such as ctr=clicks/views; repeat for more.")
]
Lower = Annotated[
    list[str] | None, typer.Option("--lower-is-better", help="A metric of which less is better; repeat for more.")
]
Covariates = Annotated[
    list[str] | None,
    typer.Option("--covariate", help="METRIC=COLUMN known before the exposure, for CUPED; repeat for more."),
]
Primary = Annotated[
    list[str] | None, typer.Option("--primary", help="The metric that has to be better; repeat for more.")
]
Guardrails = Annotated[
    list[str] | None,
    typer.Option("--guardrail", help="METRIC or METRIC:MARGIN, such as latency_p95:5%; repeat for more."),
]
Secondary = Annotated[list[str] | None, typer.Option("--secondary", help="A metric that is shown and never decides.")]
Effect = Annotated[
    str | None, typer.Option("--minimum-effect", help="Smallest effect that matters: 2% of the control, or a number.")
]
Alpha = Annotated[float | None, typer.Option("--alpha", help="Error rate, two-sided (0.05).")]
Power = Annotated[float | None, typer.Option("--power", help="Chance to find the minimum effect (0.8).")]
Stopping = Annotated[
    str | None, typer.Option("--stopping", help="fixed, group-sequential, anytime or hybrid (the default).")
]
Looks = Annotated[
    str | None, typer.Option("--looks", help="Planned looks of group-sequential: 5, or shares 0.2,0.5,1.")
]
Segments = Annotated[list[str] | None, typer.Option("--segment", help="A column registered for segments.")]
Start = Annotated[str | None, typer.Option("--start", help="First day, such as 2026-12-01.")]
Days = Annotated[int | None, typer.Option("--days", help="Days the experiment runs.")]
Zone = Annotated[str | None, typer.Option("--timezone", help="Of days and of times without one: Europe/Berlin.")]
History = Annotated[
    Path | None, typer.Option("--history", help="Table with one row a unit: what the metrics are today.")
]
Base = Annotated[
    list[str] | None,
    typer.Option("--base", help="Value today without a history: 0.05 (of the primary), or METRIC=VALUE:DEVIATION."),
]
NewUnits = Annotated[
    str | None,
    typer.Option("--new-units-per-day", help="Units first seen each day: 12000, or a list 12000,11500,... per day."),
]
Freeze = Annotated[
    Path | None, typer.Option("--freeze", help="Write the frozen plan here; a file that exists is never overwritten.")
]
Amends = Annotated[Path | None, typer.Option("--amends", help="The frozen plan that this one replaces.")]


def plan(
    file: PlanFile = None,
    name: Name = None,
    hypothesis: Hypothesis = None,
    unit: Unit = None,
    arm: Arms = None,
    control: Control = None,
    metric: Metrics = None,
    lower_is_better: Lower = None,
    covariate: Covariates = None,
    primary: Primary = None,
    guardrail: Guardrails = None,
    secondary: Secondary = None,
    minimum_effect: Effect = None,
    alpha: Alpha = None,
    power: Power = None,
    stopping: Stopping = None,
    looks: Looks = None,
    segment: Segments = None,
    start: Start = None,
    days: Days = None,
    timezone: Zone = None,
    history: History = None,
    base: Base = None,
    new_units_per_day: NewUnits = None,
    freeze: Freeze = None,
    amends: Amends = None,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Plan an experiment: what decides, how many units and days it takes; freeze it before the start."""
    from seatrial.actions.plan import plan as action

    outputs(report, json, markdown, None)
    _refuse_existing(freeze)
    given: dict[str, Any] = {
        "name": name,
        "hypothesis": hypothesis,
        "unit": unit,
        "arms": arms_of(arm),
        "control": control,
        "metrics": metrics_of(metric, lower_is_better, covariate),
        "primary": primary,
        "guardrails": None if guardrail is None else [guardrail_of(one) for one in guardrail],
        "secondary": secondary,
        "minimum_effect": minimum_effect,
        "alpha": alpha,
        "power": power,
        "stopping": stopping_of(stopping, looks),
        "segments": segment,
        "start": start,
        "days": days,
        "timezone": timezone,
        "base": base_of(base),
        "new_units_per_day": traffic_of(new_units_per_day),
    }
    asked = {key: value for key, value in given.items() if value is not None and value != []}
    if file is None and not asked:
        if not sys.stdin.isatty():
            raise UsageError(
                "Nothing to plan: give a plan file, or options such as --metric 'ctr=clicks/views' --minimum-effect 2%."
                " On a terminal `seatrial plan` asks."
            )
        asked = questions()
        history = asked.pop("history", history)
    result = action(file, history=history, amends=amends, **asked)
    if freeze is not None:
        result = result.freeze(freeze)
    hand_over_page(result, report, json, markdown)
    if freeze is not None:
        typer.echo(f"frozen: {freeze}", err=any(str(path) == "-" for path in (report, json, markdown)))
    return 0


def power(
    base: Annotated[float | None, typer.Option("--base", help="The metric today: 0.05, or 40 with --sd.")] = None,
    minimum_effect: Annotated[
        str | None, typer.Option("--minimum-effect", help="What has to be found: 5% of the base, or a number.")
    ] = None,
    standard_deviation: Annotated[
        float | None,
        typer.Option("--sd", help="Standard deviation of one unit; without it the base is a share of units."),
    ] = None,
    margin: Annotated[
        str | None, typer.Option("--margin", help="Loss that must be excluded when nothing changed: 2%, or a number.")
    ] = None,
    arms: Annotated[int, typer.Option("--arms", help="Arms, the control included.")] = 2,
    alpha: Annotated[float, typer.Option("--alpha", help="Error rate, two-sided.")] = 0.05,
    power: Annotated[float, typer.Option("--power", help="Chance to find the effect.")] = 0.8,
    guardrails: Annotated[int, typer.Option("--guardrails", help="Guardrails that share the power.")] = 0,
    lower_is_better: Annotated[bool, typer.Option("--lower-is-better", help="Less of the metric is better.")] = False,
    stopping: Annotated[str, typer.Option("--stopping", help="fixed, group-sequential, anytime or hybrid.")] = "fixed",
    looks: Annotated[int | None, typer.Option("--looks", help="Planned looks of group-sequential.")] = None,
    new_units_per_day: NewUnits = None,
    paired_discordance: Annotated[
        float | None,
        typer.Option("--paired-discordance", help="Share of rows on which two versions differ: a paired comparison."),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write JSON here (- for standard output).")] = None,
) -> int:
    """Count the units that find an effect, or the rows a paired comparison needs: one sentence and a table."""
    from seatrial.actions.power import power as action
    from seatrial.actions.report import replace_file

    outputs(None, json, None, None)
    found = action(
        base=base,
        minimum_effect=minimum_effect,
        standard_deviation=standard_deviation,
        margin=margin,
        arms=arms,
        alpha=alpha,
        power=power,
        guardrails=guardrails,
        lower_is_better=lower_is_better,
        stopping=stopping,
        looks=looks,
        new_units_per_day=traffic_of(new_units_per_day),
        paired_discordance=paired_discordance,
    )
    if json is not None and str(json) == "-":
        typer.echo(found.to_json(), nl=False)
        return 0
    if json is not None:
        replace_file(json, found.to_json())
    typer.echo(str(found), nl=False)
    return 0


def _refuse_existing(freeze: Path | None) -> None:
    """Refuse before the work what could not be written after it."""
    from seatrial.actions.report import check_writable

    if freeze is None:
        return
    if freeze.exists():
        raise UsageError(
            f"'{freeze}' exists already, and a frozen plan is never overwritten; give the new version another name."
        )
    check_writable(freeze)


def arms_of(given: list[str] | None) -> dict[str, Any] | None:
    """Arms from `NAME=WEIGHT`, with the model and a verdict file behind commas."""
    if not given:
        return None
    found: dict[str, Any] = {}
    for one in given:
        name, equals, rest = one.partition("=")
        parts = [part.strip() for part in rest.split(",")] if equals else []
        if not name.strip() or not equals or not 1 <= len(parts) <= 3:
            raise UsageError(f"--arm '{one}': write NAME=WEIGHT, such as --arm A=50, with NAME=50,model,verdict.json.")
        if name.strip() in found:
            raise UsageError(f"--arm '{name.strip()}' is given twice.")
        keys = dict(zip(("weight", "model", "verdict"), parts, strict=False))
        if keys.get("verdict"):
            keys["verdict"] = str(Path(keys["verdict"]).resolve())
        found[name.strip()] = {key: value for key, value in keys.items() if value}
    return found


def metrics_of(given: list[str] | None, lower: list[str] | None, covariates: list[str] | None) -> dict[str, Any] | None:
    """Metrics from `NAME=FORMULA`, with their direction and covariates."""
    found: dict[str, Any] = {}
    for one in given or ():
        parts = re.match(r"\s*([\w.\- ]+?)\s*=(?!=)\s*(\S.*)$", one, re.DOTALL)
        if parts is None:
            raise UsageError(f"--metric '{one}': write NAME=FORMULA, such as --metric 'ctr=clicks/views'.")
        if parts[1] in found:
            raise UsageError(f"--metric '{parts[1]}' is given twice.")
        found[parts[1]] = {"formula": parts[2]}
    for name in lower or ():
        _known(found, name, "--lower-is-better")["lower_is_better"] = True
    for one in covariates or ():
        name, equals, formula = (part.strip() for part in one.partition("="))
        if not equals or not formula:
            raise UsageError(f"--covariate '{one}': write METRIC=COLUMN, such as revenue=pre_revenue.")
        _known(found, name, "--covariate").setdefault("covariates", []).append(formula)
    return found or None


def _known(found: dict[str, Any], name: str, option: str) -> dict[str, Any]:
    if name not in found:
        raise UsageError(
            f"{option} names '{name}', which no --metric defines.{did_you_mean(name, found)} In a plan file it stands "
            f"with the metric."
        )
    known: dict[str, Any] = found[name]
    return known


def guardrail_of(text: str) -> Any:
    """`latency_p95:5%` as a metric with a margin; `latency_p95 below 300` stays a line."""
    name, colon, margin = (part.strip() for part in text.rpartition(":"))
    return {"metric": name, "margin": margin} if colon and name and margin else text


def stopping_of(rule: str | None, looks: str | None) -> Any:
    """The stopping rule; looks alone mean a group-sequential one."""
    if looks is None:
        return rule
    shares = [one.strip() for one in looks.split(",") if one.strip()]
    return {"rule": rule or "group-sequential", "looks": shares if len(shares) > 1 else looks}


def base_of(given: list[str] | None) -> Any:
    """The base from `0.05`, `40:80` (value and standard deviation), or `METRIC=...` for each metric."""
    if not given:
        return None

    def one(text: str) -> dict[str, str]:
        value, _, deviation = (part.strip() for part in text.partition(":"))
        return {"value": value} | ({"standard_deviation": deviation} if deviation else {})

    if len(given) == 1 and "=" not in given[0]:
        return one(given[0])
    found: dict[str, Any] = {}
    for text in given:
        name, equals, rest = (part.strip() for part in text.partition("="))
        if not equals:
            raise UsageError(f"--base '{text}': of several metrics each needs its name, METRIC=VALUE:DEVIATION.")
        found[name] = one(rest)
    return found


def traffic_of(given: str | None) -> Any:
    """One number, or the list of the last days."""
    if given is None:
        return None
    many = [one.strip() for one in given.split(",") if one.strip()]
    return many if len(many) > 1 else given


def questions() -> dict[str, Any]:
    """Ask for a plan on a terminal, one thing after the other; an empty answer leaves a thing out."""

    def ask(text: str, default: str = "") -> str:
        return str(typer.prompt(text, default=default, show_default=bool(default))).strip()

    typer.echo("An experiment in ten questions; Enter takes what stands in brackets, or leaves it out.", err=True)
    found: dict[str, Any] = {"name": ask("Name", "experiment"), "hypothesis": ask("Hypothesis, in a sentence")}
    found["unit"] = ask("What is randomised (a column)", "user_id")
    found["arms"] = arms_of([one for one in ask("Arms with weights", "control=50 treatment=50").split() if one])
    names = list(found["arms"] or {})
    found["control"] = ask("Which arm is the control", names[0] if names else "")
    metrics = metrics_of([ask("Primary metric, NAME=FORMULA", "revenue_per_user=mean(revenue)")], None, None) or {}
    found["primary"] = list(metrics)
    found["minimum_effect"] = ask("Smallest effect that matters (2% of the control, or a number)", "2%")
    guardrails = []
    while one := ask("Guardrail, NAME=FORMULA (Enter: no more)"):
        extra = metrics_of([one], None, None) or {}
        name = next(iter(extra))
        if typer.confirm(f"Is less of {name} better?", default=False):
            extra[name]["lower_is_better"] = True
        metrics |= extra
        guardrails.append({"metric": name, "margin": ask(f"Largest acceptable loss of {name}", "2%")})
    found["metrics"], found["guardrails"] = metrics, guardrails
    history = ask("History table, one row a unit (Enter: none)")
    if history:
        found["history"] = Path(history)
    else:
        found["base"] = base_of(
            [one for one in [ask("Its value today, VALUE or VALUE:DEVIATION (Enter: not sized)")] if one]
        )
    found["new_units_per_day"] = traffic_of(ask("New units per day (a number, or the last days)") or None)
    return {key: value for key, value in found.items() if value}
