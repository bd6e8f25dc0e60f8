"""`seatrial init` and `seatrial suite`: a first suite next to the data; a suite checked; the schema for editors."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from seatrial.app.output import clean
from seatrial.errors import UsageError

suite = typer.Typer(name="suite", no_args_is_help=True, help="Suite files: check one, print the schema for editors.")


def init(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]", help="A data file, a folder or zip of images, an .npz, a saved folder, sklearn:iris."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option("--target", help="Column of the truth.")] = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="No column is the truth.")] = False,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="binary, multiclass, multilabel, regression, entities, fields, boxes, text: where the guess is wrong.",
        ),
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="Column that names a row; @row for its position.")] = None,
    positive: Annotated[str | None, typer.Option("--positive", help="The positive class.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The suite file to write.")] = Path("suite.yaml"),
) -> int:
    """Write a commented suite next to your data, asking the data for their columns."""
    from seatrial.actions.init import init as action

    written = action(
        data,
        target=target,
        unlabelled=unlabelled,
        task=_task(task),  # type: ignore[arg-type]
        id=id,
        positive=positive,
        out=out,
    )
    for path in written.files:
        typer.echo(f"wrote {clean(str(path))}")
    for line in written.guesses:
        typer.echo(f"  guessed: {clean(line)}")
    if written.dataset is None:
        typer.echo("No data file was found, so this is a template: fill in its capital words.")
    typer.echo(f"Next: {clean(written.next)}")
    return 0


def _task(given: str | None) -> str | None:
    from typing import get_args

    from seatrial.errors import did_you_mean
    from seatrial.records.suite import SuiteTask

    tasks = get_args(SuiteTask)
    if given is not None and given not in tasks:
        raise UsageError(f"There is no task '{given}'.{did_you_mean(given, tasks)} Tasks: {', '.join(tasks)}.")
    return given


@suite.command()
def schema() -> int:
    """Print the JSON schema of the suite file, for editors."""
    from seatrial.actions.suite_schema import schema_text

    sys.stdout.write(schema_text())
    return 0


@suite.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="SUITE", help="A suite file.")],
) -> int:
    """Read a suite and its data, and say what each case holds; no model is run."""
    from seatrial.actions.suite_check import check_suite_file

    for line in check_suite_file(file):
        typer.echo(clean(line))
    return 0
