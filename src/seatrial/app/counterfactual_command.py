"""`seatrial counterfactual build` and `run`: the same text about another identity, and what a model makes of it."""

from pathlib import Path
from typing import Annotated

import typer

from seatrial.app.output import EXIT, ExitCode, Html, Json, Markdown, clean, hand_over_page
from seatrial.app.store_command import help_without_command
from seatrial.errors import UsageError

counterfactual_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Counterfactual pairs: build them from data and a term list, run a model on them.",
    add_completion=False,
)
counterfactual_app.callback()(help_without_command)


@counterfactual_app.command()
def build(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A table with a column of texts.")],
    out: Annotated[Path, typer.Option("--out", help="Table of pairs to write; its record goes beside it.")],
    swap: Annotated[str | None, typer.Option("--swap", help="Term list (YAML): identities and their words.")] = None,
    column: Annotated[str | None, typer.Option("--column", help="Column of texts to edit.")] = None,
    inputs: Annotated[
        str | None, typer.Option("--inputs", help="Other columns the model needs, kept as they are.")
    ] = None,
    edited: Annotated[
        str | None, typer.Option("--edited", help="A second file with the same ids: texts edited by somebody else.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="Column that names a row.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Column of the label.")] = None,
    positive: Annotated[str | None, typer.Option("--positive", help="The class the score is of.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="What the data set is called.")] = None,
    version: Annotated[str, typer.Option("--version", help="Its version.")] = "1",
    most: Annotated[
        int | None, typer.Option("--most", help="Keep at most so many swaps of one row, drawn by seed.")
    ] = None,
    unedited: Annotated[
        bool, typer.Option("--unedited/--no-unedited", help="Keep rows without a pair, for AUCs and label rates.")
    ] = True,
    reviewed: Annotated[
        Path | None, typer.Option("--reviewed", help="An earlier table: carry over what was decided in it.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option("--rows", help="Also write every text to be answered, by id, for a model elsewhere.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of --most.")] = 0,
) -> int:
    """Build pairs by minimal edits: terms exchanged at word boundaries, with case, plural and article kept right."""
    from seatrial.actions.counterfactual import build_counterfactuals
    from seatrial.actions.tables import table_ending
    from seatrial.app.progress import ProgressBar

    for path in (out, *([rows] if rows else [])):
        table_ending(path)
    with ProgressBar() as bar:
        found = build_counterfactuals(
            data,
            swap=swap,
            column=column,
            inputs=[one.strip() for one in inputs.split(",")] if inputs else (),
            edited=edited,
            id=id,
            target=target,
            positive=positive,
            name=name,
            version=version,
            most=most,
            unedited=unedited,
            reviewed=reviewed,
            seed=seed,
            progress=bar,
        )
    written = [*found.write(out), *([found.write_rows(rows)] if rows else [])]
    for line in str(found).splitlines():
        typer.echo(clean(line))
    for path in written:
        typer.echo(f"Written: {clean(str(path))}")
    return 0


@counterfactual_app.command("run")
def run_pairs(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="A table of pairs, reviewed or not.")],
    model: Annotated[
        str | None, typer.Option("--model", help="NAME=ADAPTER:LOCATION, as in tox=onnx:tox.onnx.")
    ] = None,
    predictions: Annotated[
        str | None, typer.Option("--predictions", help="Answers for the ids of both halves, in place of a model.")
    ] = None,
    max_flip_rate: Annotated[
        float | None, typer.Option("--max-flip-rate", help="Share of answers that may change: asks for a verdict.")
    ] = None,
    threshold: Annotated[float, typer.Option("--threshold", help="Score from which a row is positive.")] = 0.5,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Numbers nearer than this are the same answer (regression).")
    ] = 0.0,
    positive: Annotated[str | None, typer.Option("--positive", help="The class the score is of.")] = None,
    id: Annotated[str | None, typer.Option("--id", help="Column of ids in the predictions.")] = None,
    prediction: Annotated[str | None, typer.Option("--prediction", help="Column of answers in them.")] = None,
    score: Annotated[str | None, typer.Option("--score", help="Column of scores in them.")] = None,
    level: Annotated[float, typer.Option("--level", help="Level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Seed handed to the model's runner.")] = 0,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Load pickled models: a pickle can run any code, so only your own.")
    ] = False,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    exit_code: ExitCode = False,
) -> int:
    """Run a model on both halves of every pair: flip rates, score changes, AUCs by identity, an audit of the labels."""
    from seatrial.actions.counterfactual import run_counterfactuals
    from seatrial.app.output import outputs
    from seatrial.app.progress import ProgressBar

    outputs(report, json, markdown, None)
    if exit_code and max_flip_rate is None:
        raise UsageError("--exit-code needs a limit to exit by: --max-flip-rate 0.02.")
    with ProgressBar() as bar:
        result = run_counterfactuals(
            pairs,
            model=model,
            predictions=predictions,
            max_flip_rate=max_flip_rate,
            threshold=threshold,
            tolerance=tolerance,
            positive=positive,
            id=id,
            prediction=prediction,
            score=score,
            level=level,
            seed=seed,
            trust_pickle=trust_pickle,
            progress=bar,
        )
    hand_over_page(result, report, json, markdown)
    return EXIT[result.status] if exit_code and result.status is not None else 0
