"""`seatrial postmortem`: why an experiment showed nothing, from its readout or from its tables."""

from typing import Annotated

import typer

from seatrial.app import options
from seatrial.app.output import Html, Json, Markdown, hand_over_page, outputs
from seatrial.app.progress import ProgressBar
from seatrial.errors import UsageError


def postmortem(
    readout: Annotated[
        str | None,
        typer.Argument(
            metavar="[READOUT.json]", help="What `analyze --json` wrote; or give the tables as to `analyze`."
        ),
    ] = None,
    trigger: Annotated[
        str | None, typer.Option("--trigger", help="Column that says which units met the change (true, 1, yes).")
    ] = None,
    about: Annotated[str | None, typer.Option("--about", help="The metric to look into; else the leading one.")] = None,
    candidate: Annotated[
        str | None, typer.Option("--candidate", help="The arm to look into; else the one the verdict speaks of.")
    ] = None,
    plan: options.Plan = None,
    exposures: options.Exposures = None,
    events: options.Events = None,
    pre: options.Pre = None,
    units: options.Units = None,
    moments: options.Moments = None,
    metric: options.Metric = None,
    primary: options.Primary = None,
    guardrail: options.Guardrail = None,
    policy: options.Policy = None,
    covariate: options.Covariate = None,
    segment: options.Segment = None,
    control: options.Control = None,
    lower_is_better: options.LowerIsBetter = None,
    zero: options.Zero = None,
    winsorize: options.Winsorize = None,
    weight: options.Weight = None,
    as_of: options.AsOf = None,
    timezone: options.Timezone = None,
    crossovers: options.Crossovers = "exclude",
    cluster: options.Cluster = None,
    unit: options.Unit = None,
    arm: options.Arm = None,
    time: options.Time = None,
    event_time: options.EventTime = None,
    event: options.Event = None,
    value: options.Value = None,
    event_id: options.EventId = None,
    arrived: options.Arrived = None,
    phase: options.Phase = None,
    past_effects: options.PastEffects = None,
    cupac: options.Cupac = None,
    post_stratify: options.PostStratify = None,
    experiment: options.Experiment = None,
    new_units: options.NewUnits = False,
    no_adjust: options.NoAdjust = False,
    seed: options.Seed = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Ask why an experiment showed nothing: nine questions in order, then the next test and its units."""
    from seatrial.actions.postmortem import postmortem as action

    given = options.tables(locals())
    outputs(report, json, markdown, None)  # refused before the work when a file cannot be written
    tables = [one for one in (exposures, events, units, moments) if one is not None]
    if readout is not None and tables:
        raise UsageError("Give either the readout's JSON or the tables, not both.")
    if readout is None and not tables:
        raise UsageError(
            "There is nothing to look into: give the JSON that `seatrial analyze --json` wrote, or --exposures and "
            "--events, or --units."
        )
    if readout is not None:
        found = action(readout, trigger=trigger, metric=about, candidate=candidate)
        hand_over_page(found, report, json, markdown)
        return 0
    from seatrial.actions.analyze import analyze

    if trigger is not None and trigger not in given["segments"]:
        given["segments"] = [*given["segments"], trigger]
    with ProgressBar() as bar:
        analysed = analyze(**given, progress=bar)
    hand_over_page(action(analysed, trigger=trigger, metric=about, candidate=candidate), report, json, markdown)
    return 0
