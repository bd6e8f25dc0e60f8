"""`seatrial perturb`: perturbed copies of a data set, for a model that runs elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from seatrial.app.output import clean
from seatrial.errors import UsageError


def perturb(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A table, or a folder of images.")],
    probe: Annotated[
        str,
        typer.Option(
            "--probe", help="Probes by name (typos,ocr,noise), or your own as module:object or file.py:object."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="File to write (.csv, .tsv, .jsonl, .parquet); images: a folder.")],
    severity: Annotated[
        str | None, typer.Option("--severity", help="How hard: 0.05,0.1; by default each probe's own ladder.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Columns to work on; by default every one that fits.")
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="One file for each probe and severity.")] = False,
    rows: Annotated[int | None, typer.Option("--rows", help="Take a seeded sample of so many rows.")] = None,
    id: Annotated[str | None, typer.Option("--id", help="Column that names a row.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Column of the truth, which is never touched.")] = None,
    time: Annotated[str | None, typer.Option("--time", help="When a row came to be (probe stale).")] = None,
    group: Annotated[str | None, typer.Option("--group", help="Whose row it is (probe stale).")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything random.")] = 0,
) -> int:
    """Write perturbed copies of a data set: the same ids and labels, inputs with typos, noise, gaps, wrong units."""
    from seatrial.actions.perturb import perturb as action
    from seatrial.app.progress import ProgressBar

    with ProgressBar() as bar:
        found = action(
            data,
            probes=probe,
            severity=_numbers(severity),
            columns=columns or (),
            rows=rows,
            id=id,
            target=target,
            time=time,
            group=group,
            seed=seed,
            progress=bar,
        )
        written = found.write(out, split=split)
    for line in str(found).splitlines():
        typer.echo(clean(line))
    for path in written:
        typer.echo(f"Written: {clean(str(path))}")
    return 0


def _numbers(given: str | None) -> tuple[float, ...]:
    if given is None:
        return ()
    try:
        return tuple(float(one) for one in given.split(","))
    except ValueError:
        raise UsageError(f"--severity '{given:.40}': give numbers, as in 0.05,0.1.") from None
