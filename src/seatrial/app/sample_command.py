"""`seatrial sample`: rows worth labelling; `seatrial sample agreement`: what annotators made of them."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seatrial.app.output import Html, Json, Markdown, hand_over_page, outputs


class _DrawUnlessNamed(TyperGroup):
    """`seatrial sample DATA` is `seatrial sample draw DATA`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["draw", *args]
        return super().parse_args(ctx, args)


sample = typer.Typer(
    cls=_DrawUnlessNamed,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Draw rows worth labelling (`sample DATA`), and measure how far annotators agree (`sample agreement`).",
)


@sample.command()
def draw(
    data: Annotated[str, typer.Argument(metavar="DATA", help="The rows to draw from: a table.")],
    out: Annotated[Path, typer.Option("--out", help="The sheet for annotators (.csv, .tsv, .jsonl, .parquet).")] = Path(
        "sample.csv"
    ),
    by: Annotated[str | None, typer.Option("--by", help="Strata: segment,channel,age:quartiles.")] = None,
    precision: Annotated[
        float | None, typer.Option("--precision", help="Half width wanted of the 95 % interval: 0.02.")
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", help="So many rows, instead of a precision.")] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="What is to be measured: accuracy, or the rate of a label.")
    ] = "accuracy",
    rate: Annotated[
        float | None, typer.Option("--rate", help="The rate or accuracy you expect; else a half, the worst case.")
    ] = None,
    score: Annotated[str | None, typer.Option("--score", help="Column of scores that guess it row by row.")] = None,
    per: Annotated[str, typer.Option("--per", help="The precision is of all rows (overall) or of each stratum.")] = (
        "overall"
    ),
    allocation: Annotated[
        str | None,
        typer.Option("--allocation", help="proportional; neyman (more where unsure, with --score); rare."),
    ] = None,
    oversample: Annotated[
        str | None, typer.Option("--oversample", help="rare: rare strata give more rows than their share.")
    ] = None,
    least: Annotated[int, typer.Option("--least", help="Rows of every stratum, where it has so many.")] = 5,
    double: Annotated[float, typer.Option("--double", help="Share of the rows that all annotators label.")] = 1.0,
    annotators: Annotated[int, typer.Option("--annotators", help="How many annotators.")] = 2,
    classes: Annotated[str | None, typer.Option("--classes", help="Classes to name in the guideline: a,b,c.")] = None,
    hide: Annotated[
        str | None, typer.Option("--hide", help="Columns that annotators must not see: prediction,score.")
    ] = None,
    level: Annotated[float, typer.Option("--level", help="Level of the interval.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draw.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Draw rows worth labelling, with weights, empty label columns, a guideline to fill in and a datasheet."""
    from seatrial.actions.sample import sample as action
    from seatrial.actions.tables import table_ending
    from seatrial.errors import UsageError

    outputs(report, json, markdown, None)
    table_ending(out)
    if oversample is not None and (oversample != "rare" or allocation not in (None, "rare")):
        raise UsageError("--oversample takes 'rare', and goes with no other --allocation.")
    result = action(
        data,
        by=by or (),
        precision=precision,
        rows=rows,
        metric=metric,
        rate=rate,
        score=score,
        per=per,
        allocation=oversample or allocation,
        least=least,
        double=double,
        annotators=annotators,
        classes=classes or (),
        hide=hide or (),
        level=level,
        seed=seed,
    )
    written = result.write_sheet(out, when=date.today().isoformat())
    hand_over_page(result, report, json, markdown)
    typer.echo("Wrote " + ", ".join(path.name for path in written), err=True)
    return 0


@sample.command()
def agreement(
    labelled: Annotated[str, typer.Argument(metavar="LABELLED", help="The labelled sheet, or any table of labels.")],
    labels: Annotated[
        str, typer.Option("--labels", help="Columns of the annotators: label_1,label_2,label_3.")
    ] = "label_1,label_2",
    scale: Annotated[
        str, typer.Option("--scale", help="How far labels are apart: nominal, ordinal, interval or ratio.")
    ] = "nominal",
    classes: Annotated[
        str | None, typer.Option("--classes", help="The classes, in their order: low,middle,high.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="Column that names a row (else source_row or id).")] = None,
    weight: Annotated[str | None, typer.Option("--weight", help="Column of sampling weights.")] = None,
    unsure: Annotated[
        str, typer.Option("--unsure", help="What an annotator writes who cannot tell; counts as no label.")
    ] = "?",
    level: Annotated[float, typer.Option("--level", help="Level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Measure how far annotators agree, name the rows to settle, and say what the labels allow to measure."""
    from seatrial.actions.sample import label_agreement as action

    outputs(report, json, markdown, None)
    result = action(
        labelled,
        labels=labels,
        scale=scale,
        classes=classes or (),
        id=id,
        weight=weight,
        unsure=unsure,
        level=level,
        seed=seed,
    )
    hand_over_page(result, report, json, markdown)
    return 0
