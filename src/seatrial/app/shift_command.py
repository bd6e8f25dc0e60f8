"""`seatrial shift`: what moved between two tables, by how much, and whether it matters to the model."""

from typing import Annotated

import typer

from seatrial.app.output import EXIT, Html, Json, Markdown, hand_over_page
from seatrial.app.progress import ProgressBar


def shift(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="What the model was proved on: a table, or a folder of images.")
    ],
    current: Annotated[str, typer.Argument(metavar="CURRENT", help="What comes in now.")],
    columns: Annotated[str | None, typer.Option("--columns", help="Only these columns: a,b,c.")] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Columns that hold texts, where the guess is wrong.")
    ] = None,
    category: Annotated[
        str | None, typer.Option("--category", help="Columns of codes that are no quantities: zip,region.")
    ] = None,
    embedding: Annotated[
        str | None, typer.Option("--embedding", help="Columns of numbers that are one vector: e0,e1 or e*.")
    ] = None,
    embed: Annotated[
        str | None,
        typer.Option("--embed", help="Function that makes vectors of images or texts: module:function."),
    ] = None,
    target: Annotated[str | None, typer.Option("--target", help="Column of the truth.")] = None,
    prediction: Annotated[
        str | None, typer.Option("--prediction", help="Column of the predicted label or number.")
    ] = None,
    score: Annotated[str | None, typer.Option("--score", help="Column of the positive class's score.")] = None,
    positive: Annotated[str | None, typer.Option("--positive", help="The positive class.")] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="binary, multiclass or regression, where the guess is wrong.")
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Score from which a row is positive, without a prediction column.")
    ] = 0.5,
    metric: Annotated[
        str | None, typer.Option("--metric", "-m", help="The metric to follow: a catalogue name or NAME=FORMULA.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Decompose the metric's change by these: domain,age:quartiles.")
    ] = None,
    level: Annotated[
        float, typer.Option("--level", help="Level of the intervals; 1 - level is the tests' alpha.")
    ] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Seed of whatever is drawn.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 when the metric fell, 2 when that is open, 0 when it did not.")
    ] = False,
) -> int:
    """Say what moved between two tables, by how much, and whether it matters to the model."""
    from seatrial.actions.shift import shift as action

    with ProgressBar() as bar:
        result = action(
            reference,
            current,
            columns=columns or (),
            text=text or (),
            category=category or (),
            embedding=embedding or (),
            embed=embed,
            target=target,
            prediction=prediction,
            score=score,
            positive=positive,
            task=task,
            threshold=threshold,
            metric=metric,
            by=by or (),
            level=level,
            seed=seed,
            progress=bar,
        )
    hand_over_page(result, report, json, markdown)
    return EXIT[result.status] if exit_code else 0
