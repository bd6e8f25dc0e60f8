"""`seatrial bandit`: honest arm values from a bandit's log."""

from typing import Annotated

import typer

from seatrial.app.output import Html, Json, Markdown, hand_over_page


def bandit(
    log: Annotated[str, typer.Argument(metavar="LOG", help="One row a choice, with its chance and its reward.")],
    arm: Annotated[str, typer.Option("--arm", help="Column of the arm that was chosen.")],
    reward: Annotated[str, typer.Option("--reward", help="Column of what came of it.")],
    propensity: Annotated[str, typer.Option("--propensity", help="Column of the chance it was chosen with.")],
    batch: Annotated[
        str | None,
        typer.Option("--batch", help="Column of what was decided together; day takes the day of --time."),
    ] = None,
    time: Annotated[str | None, typer.Option("--time", help="Column of time, to put rows in order.")] = None,
    control: Annotated[str | None, typer.Option("--control", help="The arm the others are compared with.")] = None,
    target_policy: Annotated[
        str | None,
        typer.Option(
            "--target-policy", help="An arm, or a column: the chance with which another policy would choose the same."
        ),
    ] = None,
    clip: Annotated[float | None, typer.Option("--clip", help="Cut the target policy's weights here.")] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="Zone of times without one, and of days.")] = "UTC",
    alpha: Annotated[float, typer.Option("--alpha", help="Error rate over all contrasts.")] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the folds.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Value a bandit's arms by the chances it logged: IPW, SNIPW and AIPW with intervals, never plain means."""
    from seatrial.actions.bandit import bandit as action

    result = action(
        log,
        arm=arm,
        reward=reward,
        propensity=propensity,
        batch=batch,
        time=time,
        control=control,
        target_policy=target_policy,
        clip=clip,
        timezone=timezone,
        alpha=alpha,
        seed=seed,
    )
    hand_over_page(result, report, json, markdown)
    return 0
