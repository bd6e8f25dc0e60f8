"""`seatrial ledger`: decisions in an unbroken chain, shown, checked and entered."""

from typing import Annotated, Literal

import typer

from seatrial.app.output import EXIT, Html, Json, Markdown, clean, hand_over_page
from seatrial.app.store_command import StoreOption, help_without_command

ledger_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="The ledger of decisions: show, verify, note, sign-off, override.",
    add_completion=False,
)

What = Annotated[str, typer.Argument(metavar="SENTENCE", help="What was decided, in a sentence.")]
On = Annotated[
    list[str] | None,
    typer.Option("--on", help="What it rests on: a run (digest, tag, model@suite, latest) or NAME=RUN; repeat."),
]
Who = Annotated[str | None, typer.Option("--who", help="Who decided; else SEATRIAL_USER, else the system's user name.")]
Status = Annotated[str | None, typer.Option("--status", help="pass, fail, inconclusive or invalid.")]
Expect = Annotated[
    str | None, typer.Option("--expect", help="A head noted earlier: one of the entries must have this digest.")
]

ledger_app.callback()(help_without_command)


@ledger_app.command()
def show(store: StoreOption = None, report: Html = None, json: Json = None, markdown: Markdown = None) -> int:
    """Show every decision with the head of the chain, the newest first."""
    from seatrial.actions.ledger import show_ledger
    from seatrial.app.output import outputs

    outputs(report, json, markdown, None)
    hand_over_page(show_ledger(store), report, json, markdown)
    return 0


@ledger_app.command()
def verify(store: StoreOption = None, expect: Expect = None, json: Json = None) -> int:
    """Check the chain and name the first altered entry; exits 3 where there is one."""
    from seatrial.actions.ledger import show_ledger
    from seatrial.app.output import outputs

    outputs(None, json, None, None)
    result = show_ledger(store, expect=expect, entries=json is not None)
    if json is not None:
        hand_over_page(result, None, json, None)
    else:
        typer.echo(clean(result.sentence))
        if result.record.check.intact and result.record.check.entries:
            typer.echo(f"Head: {result.record.check.head} (note it elsewhere; --expect finds it again)")
    return 0 if result.intact else EXIT["invalid"]


@ledger_app.command()
def note(what: What, on: On = None, who: Who = None, store: StoreOption = None) -> int:
    """Enter a note."""
    return _enter("note", what, on=on, who=who, store=store)


@ledger_app.command("sign-off")
def sign_off(what: What, on: On = None, status: Status = None, who: Who = None, store: StoreOption = None) -> int:
    """Sign off what was run."""
    return _enter("sign-off", what, on=on, status=status, who=who, store=store)


@ledger_app.command()
def override(
    what: What,
    reason: Annotated[str, typer.Option("--reason", help="Why the verdict is set aside; required.")],
    on: On = None,
    status: Status = None,
    who: Who = None,
    store: StoreOption = None,
) -> int:
    """Set a verdict aside, with the reason."""
    return _enter("override", what, on=on, reason=reason, status=status, who=who, store=store)


def _enter(
    kind: Literal["note", "sign-off", "override"],
    what: str,
    *,
    on: list[str] | None,
    reason: str | None = None,
    status: str | None = None,
    who: str | None,
    store: str | None,
) -> int:
    from seatrial.actions.ledger import enter_in_ledger

    entry = enter_in_ledger(kind, what, on=on or (), reason=reason, status=status, who=who, store=store)
    typer.echo(f"Entry {entry.number}, {entry.kind} by {clean(entry.who)}: {clean(entry.what)}")
    return 0
