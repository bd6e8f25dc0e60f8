"""`seatrial shadow`: a challenger in the shadow of a champion."""

from typing import Annotated

import typer

from seatrial.app.output import EXIT, ExitCode, Html, Json, Markdown, hand_over_page


def shadow(
    log: Annotated[str, typer.Argument(metavar="LOG", help="One row a request that both models scored.")],
    champion: Annotated[str, typer.Option("--champion", help="Column of the champion's score.")],
    challenger: Annotated[str, typer.Option("--challenger", help="Column of the challenger's score.")],
    label: Annotated[str, typer.Option("--label", help="Column of the truth: 1, 0, or empty while it is not known.")],
    capacity: Annotated[
        str, typer.Option("--capacity", help="How many requests can be reviewed: 500, 2%, 500/day or 2%/day.")
    ],
    time: Annotated[str | None, typer.Option("--time", help="Column of the request's time.")] = None,
    labelled_at: Annotated[
        str | None, typer.Option("--labelled-at", help="Column of the time the label became known.")
    ] = None,
    maturity: Annotated[
        str | None, typer.Option("--maturity", help="Age from which a request's label is final, such as 30d.")
    ] = None,
    positive: Annotated[str | None, typer.Option("--positive", help="The word of a positive label.")] = None,
    id: Annotated[str | None, typer.Option("--id", help="Column that names a request.")] = None,
    amount: Annotated[str | None, typer.Option("--amount", help="Column of the amount at stake.")] = None,
    latency_champion: Annotated[
        str | None, typer.Option("--latency-champion", help="Column of the champion's latency in ms.")
    ] = None,
    latency_challenger: Annotated[
        str | None, typer.Option("--latency-challenger", help="Column of the challenger's latency in ms.")
    ] = None,
    latency_below: Annotated[
        float | None, typer.Option("--latency-below", help="The challenger's p99 latency must lie below this (ms).")
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option("--margin", help="Recall it may lose: 0.005 is half a point, 0.5% a share of the champion's."),
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Read nothing after this time (ISO 8601).")] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="Zone of times without one, and of days.")] = "UTC",
    alpha: Annotated[float, typer.Option("--alpha", help="Error rate of the verdict.")] = 0.05,
    power: Annotated[float, typer.Option("--power", help="Power of the positives needed.")] = 0.8,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the lot between equal scores.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    exit_code: ExitCode = False,
) -> int:
    """Compare champion and challenger on the same requests: matured labels, as many alerts each, a margin."""
    from seatrial.actions.shadow import shadow as action

    result = action(
        log,
        champion=champion,
        challenger=challenger,
        label=label,
        capacity=capacity,
        time=time,
        labelled_at=labelled_at,
        maturity=maturity,
        positive=positive,
        id=id,
        amount=amount,
        latency_champion=latency_champion,
        latency_challenger=latency_challenger,
        latency_below=latency_below,
        margin=margin,
        as_of=as_of,
        timezone=timezone,
        alpha=alpha,
        power=power,
        seed=seed,
    )
    hand_over_page(result, report, json, markdown)
    return EXIT[result.verdict.status] if exit_code else 0
