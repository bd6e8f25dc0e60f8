"""`seatrial audit`: how a model's decisions treat groups of people."""

from typing import Annotated

import typer

from seatrial.app.output import Html, Json, Markdown, hand_over_page
from seatrial.app.store_command import StoreOption


def audit(
    predictions: Annotated[
        str, typer.Argument(metavar="PREDICTIONS", help="A prediction file, FILE#COLUMN, or a stored run.")
    ],
    protected: Annotated[
        str, typer.Option("--protected", help="Protected columns: sex,race,age:0,25,60 (numbers are cut).")
    ],
    label: Annotated[str | None, typer.Option("--label", "--target", help="Column of the truth.")] = None,
    prediction: Annotated[str | None, typer.Option("--prediction", help="Column of the decision.")] = None,
    score: Annotated[str | None, typer.Option("--score", help="Column of the positive class's score.")] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Score from which it is decided, where there is no decision column.")
    ] = 0.5,
    positive: Annotated[str | None, typer.Option("--positive", help="The class the score is of.")] = None,
    favourable: Annotated[
        str | None, typer.Option("--favourable", help="The outcome that is good for the person; else the positive.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="Group to hold others against: 'sex=Male & race=White'.")
    ] = None,
    cross: Annotated[int, typer.Option("--cross", help="Cross protected columns to depth 1 or 2.")] = 2,
    smallest: Annotated[
        float, typer.Option("--smallest", help="Share of rows under which a group is shown, not compared.")
    ] = 0.02,
    weight: Annotated[str | None, typer.Option("--weight", help="Column of row weights.")] = None,
    weights: Annotated[str, typer.Option("--weights", help="What a weight is: sampling or counts.")] = "sampling",
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Column naming rows that belong together (household, person).")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="Column that names a row.")] = None,
    proxies: Annotated[
        bool, typer.Option("--proxies/--no-proxies", help="Search other columns for stand-ins of a protected one.")
    ] = True,
    mitigations: Annotated[
        bool, typer.Option("--mitigations/--no-mitigations", help="Ask fairlearn for fairer rules, where installed.")
    ] = True,
    reductions: Annotated[
        bool, typer.Option("--reductions", help="Learn new models under parity too (fairlearn's reductions; slower).")
    ] = False,
    benefit: Annotated[
        float | None, typer.Option("--benefit", help="What a favourable decision brings where the label agrees.")
    ] = None,
    cost: Annotated[float | None, typer.Option("--cost", help="What it loses where the label does not.")] = None,
    level: Annotated[float, typer.Option("--level", help="Level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the folds.")] = 0,
    case: Annotated[str | None, typer.Option("--case", help="Of a run: which of its cases.")] = None,
    store: StoreOption = None,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Audit decisions with two outcomes for differences between groups: rates, gaps, stand-ins, what parity costs."""
    from seatrial.actions.audit import audit as action
    from seatrial.app.output import outputs

    outputs(report, json, markdown, None)
    result = action(
        predictions,
        protected=protected,
        label=label,
        prediction=prediction,
        score=score,
        threshold=threshold,
        positive=positive,
        favourable=favourable,
        reference=reference,
        cross=cross,
        smallest=smallest,
        weight=weight,
        weights=weights,
        cluster=cluster,
        id=id,
        proxies=proxies,
        mitigations=mitigations,
        reductions=reductions,
        benefit=benefit,
        cost=cost,
        level=level,
        seed=seed,
        case=case,
        store=store,
    )
    hand_over_page(result, report, json, markdown)
    return 0
