"""`seatrial interleaving`: which of two rankings users prefer."""

from typing import Annotated

import typer

from seatrial.app.output import Html, Json, Markdown, hand_over_page


def interleaving(
    log: Annotated[str, typer.Argument(metavar="LOG", help="One row a query of interleaved lists.")],
    winner: Annotated[
        str | None, typer.Option("--winner", help="Column of the ranking that won; 'tie', or empty without a click.")
    ] = None,
    credit_baseline: Annotated[
        str | None, typer.Option("--credit-baseline", help="Instead: column of clicks on the baseline's items.")
    ] = None,
    credit_candidate: Annotated[
        str | None, typer.Option("--credit-candidate", help="And of clicks on the candidate's.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="Column of the user: one vote each.")] = None,
    query: Annotated[str | None, typer.Option("--query", help="Column that names a query, to count each once.")] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Which of the two rankings is the baseline.")
    ] = None,
    alpha: Annotated[float, typer.Option("--alpha", help="Error rate.")] = 0.05,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Say which of two rankings users prefer when both are drafted into one list."""
    from seatrial.actions.interleaving import interleaving as action

    result = action(
        log,
        winner=winner,
        credit_baseline=credit_baseline,
        credit_candidate=credit_candidate,
        user=user,
        query=query,
        baseline=baseline,
        alpha=alpha,
    )
    hand_over_page(result, report, json, markdown)
    return 0
