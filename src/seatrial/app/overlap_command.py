"""`seatrial overlap`: what a test set shares with itself and with the training data."""

from typing import Annotated

import typer

from seatrial.app.output import Html, Json, Markdown, hand_over_page, outputs
from seatrial.app.progress import ProgressBar

CODES = {"pass": 0, "warn": 0, "fail": 1}


def overlap(
    test: Annotated[
        str, typer.Argument(metavar="TEST", help="The test set: a table, a folder or zip of images, an .npz.")
    ],
    train: Annotated[
        str | None, typer.Argument(metavar="[TRAIN]", help="What the model was trained on, of the same kind.")
    ] = None,
    target: Annotated[str | None, typer.Option("--target", help="Column of the truth.")] = None,
    inputs: Annotated[
        str | None, typer.Option("--inputs", help="Columns the model sees: a,b,c (else all without a role).")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Columns that hold texts, where the guess is wrong.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Column of what must not be on both sides: user, patient, site.")
    ] = None,
    time: Annotated[str | None, typer.Option("--time", help="Column of when a row came to be.")] = None,
    id: Annotated[str | None, typer.Option("--id", help="Column that names a row.")] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="binary, multiclass, regression, ..., where the guess is wrong.")
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Jaccard similarity from which texts are near copies.")
    ] = 0.8,
    seed: Annotated[int, typer.Option("--seed", help="Seed of whatever is drawn.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 when a check fails, 0 when none does.")
    ] = False,
) -> int:
    """Find copies, near copies, shared groups, time travel and giveaways between a test set and the training data."""
    from seatrial.actions.overlap import overlap as action

    outputs(report, json, markdown, None)
    with ProgressBar() as bar:
        result = action(
            test,
            train,
            target=target,
            inputs=inputs or (),
            text=text or (),
            group=group,
            time=time,
            id=id,
            task=task,
            threshold=threshold,
            seed=seed,
            progress=bar,
        )
    hand_over_page(result, report, json, markdown)
    return CODES[result.status] if exit_code else 0
