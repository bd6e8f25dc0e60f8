"""`seatrial aa`: A/A tests on one's own history."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from seatrial.app.options import numbers
from seatrial.app.output import Html, Json, Markdown, hand_over_page

if TYPE_CHECKING:
    from seatrial.records.aa import SplitBy


def aa(
    history: Annotated[
        str, typer.Argument(metavar="HISTORY", help="What units did before any test: one row a unit, or several.")
    ],
    metric: Annotated[
        list[str], typer.Option("--metric", "-m", help="NAME=FORMULA over columns: 'spend=mean(spend)'; repeat.")
    ],
    unit: Annotated[str | None, typer.Option("--unit", help="Column of what is randomised.")] = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="The randomised unit, where --unit is finer (sessions of a user).")
    ] = None,
    split_by: Annotated[
        str, typer.Option("--split-by", help="Split by unit, or by row (to see what goes wrong then).")
    ] = "unit",
    winsorize: Annotated[
        list[str] | None, typer.Option("--winsorize", help="METRIC=CAP of each value; repeat.")
    ] = None,
    zero: Annotated[
        list[str] | None, typer.Option("--zero", help="A metric that counts a missing value as 0; repeat.")
    ] = None,
    simulations: Annotated[int, typer.Option("--simulations", help="How many random splits.")] = 1000,
    alpha: Annotated[float, typer.Option("--alpha", help="The error rate of the tests.")] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the splits.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Split a history in two at random, a thousand times: are 5 % of the tests wrong, as they should be?"""
    from seatrial.actions.aa import aa as action

    result = action(
        history,
        metrics=metric,
        unit=unit,
        cluster=cluster,
        split_by=cast("SplitBy", split_by),
        winsorize=numbers(winsorize, "--winsorize"),
        zero=zero or (),
        simulations=simulations,
        alpha=alpha,
        seed=seed,
    )
    hand_over_page(result, report, json, markdown)
    return 0
