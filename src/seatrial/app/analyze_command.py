"""`seatrial analyze`: an experiment from tables to a verdict."""

from pathlib import Path
from typing import Annotated

import typer

from seatrial.app import options
from seatrial.app.output import EXIT, ExitCode, Html, Json, Junit, Markdown, hand_over, outputs
from seatrial.app.progress import ProgressBar


def analyze(
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
    cupac: options.Cupac = None,
    post_stratify: options.PostStratify = None,
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
    experiment: options.Experiment = None,
    new_units: options.NewUnits = False,
    no_adjust: options.NoAdjust = False,
    seed: options.Seed = 0,
    moments_out: Annotated[
        Path | None, typer.Option("--moments-out", help="Write n, mean and variance per arm and day here (CSV).")
    ] = None,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    junit: Junit = None,
    exit_code: ExitCode = False,
) -> int:
    """Analyse an experiment from its tables: health first, then effects, then ship or do not ship."""
    from seatrial.actions.analyze import analyze as action
    from seatrial.actions.report import check_writable

    given = options.tables(locals())
    wanted = outputs(report, json, markdown, junit)
    if moments_out is not None:
        check_writable(moments_out)
    with ProgressBar() as bar:
        result = action(**given, progress=bar)
    if moments_out is not None:
        result.write_moments(moments_out)
    hand_over(result, wanted)
    return EXIT[result.verdict.status] if exit_code else 0
