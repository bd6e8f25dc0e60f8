"""`seatrial launches`: what offline gains have been worth online."""

from typing import Annotated

import typer

from seatrial.app.output import Html, Json, Markdown, hand_over_page


def launches(
    table: Annotated[
        str,
        typer.Argument(metavar="LAUNCHES", help="One row a launch: launch, offline, offline_se, online, online_se."),
    ],
    online: Annotated[
        str, typer.Option("--online", help="What was measured online, for the words.")
    ] = "the online metric",
    next_offline: Annotated[
        float | None, typer.Option("--next", help="The offline difference of the next launch: what will it bring?")
    ] = None,
    next_error: Annotated[float, typer.Option("--next-se", help="Its standard error.")] = 0.0,
    level: Annotated[float, typer.Option("--level", help="Level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Seed of whatever is drawn.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Hold offline against online differences of past launches: what a gain is worth, what to gate on."""
    from seatrial.actions.launches import launches as action

    result = action(
        table, online=online, next_offline=next_offline, next_offline_error=next_error, level=level, seed=seed
    )
    hand_over_page(result, report, json, markdown)
    return 0
