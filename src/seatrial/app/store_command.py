"""`seatrial store`: where the store is, whether it is whole, what can go."""

from typing import Annotated

import typer

from seatrial.app.output import EXIT, Html, Json, Markdown, hand_over_page

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="SEATRIAL_STORE",
        show_envvar=False,
        help="Folder or postgresql:// URL of the store; else SEATRIAL_STORE, else .seatrial here or above.",
    ),
]

store_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Look after the store: path, verify, gc.",
    add_completion=False,
)


def help_without_command(context: typer.Context) -> None:
    """Show what there is when only the group was named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


store_app.callback()(help_without_command)


@store_app.command()
def path(store: StoreOption = None) -> int:
    """Say where the store is (or would be made)."""
    from seatrial.actions.store import store_path

    typer.echo(store_path(store))
    return 0


@store_app.command()
def verify(store: StoreOption = None, report: Html = None, json: Json = None, markdown: Markdown = None) -> int:
    """Recompute every digest of runs, tables, tags and the ledger; exits 3 where something was altered."""
    from seatrial.actions.store import verify_store
    from seatrial.app.output import outputs

    outputs(report, json, markdown, None)
    result = verify_store(store)
    hand_over_page(result, report, json, markdown)
    return 0 if result.intact else EXIT["invalid"]


@store_app.command()
def gc(
    store: StoreOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    unfinished_days: Annotated[
        float, typer.Option("--unfinished-days", help="Row logs of unfinished runs go after so many days untouched.")
    ] = 30.0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """Drop tables no run refers to, row logs of finished runs and what killed processes left."""
    from seatrial.actions.store import collect_garbage
    from seatrial.app.output import outputs

    outputs(report, json, markdown, None)
    hand_over_page(collect_garbage(store, dry_run=dry_run, unfinished_days=unfinished_days), report, json, markdown)
    return 0
