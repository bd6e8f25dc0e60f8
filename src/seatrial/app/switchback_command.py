"""`seatrial switchback`: two arms over the periods of one market."""

from typing import Annotated

import typer

from seatrial.app.output import Html, Json, Markdown, hand_over_page


def switchback(
    log: Annotated[str, typer.Argument(metavar="LOG", help="One row an order (or ride, or session), with its period.")],
    period: Annotated[str, typer.Option("--period", help="Column of the period; the whole market is in one arm.")],
    arm: Annotated[str, typer.Option("--arm", help="Column of the arm.")],
    metric: Annotated[
        list[str], typer.Option("--metric", "-m", help="NAME=FORMULA over the rows of a period; repeat.")
    ],
    block: Annotated[
        str | None, typer.Option("--block", help="Column within which periods were randomised, such as the day.")
    ] = None,
    control: Annotated[str | None, typer.Option("--control", help="Which arm is the control.")] = None,
    burn_in: Annotated[
        int, typer.Option("--burn-in", help="Periods left out after each switch, where carry-over fades.")
    ] = 0,
    held: Annotated[
        bool | None,
        typer.Option("--held/--not-held", help="Arms were held over several periods: permute stretches (else told)."),
    ] = None,
    lower_is_better: Annotated[
        list[str] | None, typer.Option("--lower-is-better", help="A metric of which less is better; repeat.")
    ] = None,
    alpha: Annotated[float, typer.Option("--alpha", help="Error rate.")] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the permutations.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Compare two arms that a whole market was switched between: periods are what is counted and permuted."""
    from seatrial.actions.switchback import switchback as action

    result = action(
        log,
        period=period,
        arm=arm,
        metrics=metric,
        block=block,
        control=control,
        burn_in=burn_in,
        held=held,
        lower_is_better=lower_is_better or (),
        alpha=alpha,
        seed=seed,
    )
    hand_over_page(result, report, json, markdown)
    return 0
