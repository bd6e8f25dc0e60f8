"""What every command ends with: files written in the formats asked for, and the verdict said."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.actions.page import PageResult
    from seatrial.actions.report import Rendered

EXIT = {"pass": 0, "fail": 1, "inconclusive": 2, "invalid": 3}

Html = Annotated[Path | None, typer.Option("--report", help="Write the HTML report here.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the JSON here (- for standard output).")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write Markdown for a pull request here.")]
Junit = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML here, one test case a check.")]
ExitCode = Annotated[
    bool, typer.Option("--exit-code", help="Exit by the verdict: 0 pass, 1 fail, 2 inconclusive, 3 invalid.")
]


def outputs(report: Path | None, json: Path | None, markdown: Path | None, junit: Path | None) -> dict[Path, Any]:
    """Where each format goes; refused here, before the work, when it cannot be written."""
    from seatrial.actions.report import check_writable

    wanted: dict[Path, Any] = {}
    for path, kind in ((report, "html"), (json, "json"), (markdown, "markdown"), (junit, "junit")):
        if path is None:
            continue
        if path in wanted:
            raise UsageError(f"'{path}' is named for two formats; give each its own file.")
        if str(path) != "-":
            check_writable(path)
        wanted[path] = kind
    return wanted


def hand_over(result: "Rendered", outputs: dict[Path, Any], *, quiet: bool = False) -> None:
    """Write the files, then say the verdict; `-` prints one format alone."""
    from seatrial.actions.report import write_reports
    from seatrial.reports import render
    from seatrial.reports.text import to_text

    written = write_reports(result, {path: kind for path, kind in outputs.items() if str(path) != "-"})
    printed = [render(result.scorecard, kind) for path, kind in outputs.items() if str(path) == "-"]
    if printed:
        typer.echo("".join(printed), nl=False)
        return
    if quiet:
        verdict = result.verdict
        typer.echo(f"{verdict.status.upper()}: {clean(verdict.sentence)}")
        open_or_failed = [check for check in verdict.checks if check.status != "pass"]
        for check in open_or_failed:
            reason = f": {clean(check.reason)}" if len(open_or_failed) > 1 else ""
            typer.echo(f"  {check.status}: {clean(check.name)}{reason}")
        return
    console = _console()
    typer.echo(
        to_text(
            result.scorecard,
            width=console.width,
            colour=console.is_terminal and not console.no_color,
            unicode=_unicode(),
            written=[str(path) for path in written],
        ),
        nl=False,
    )


def clean(text: str) -> str:
    from seatrial.reports.hostile import visible

    return str(visible(text, limit=2000))


def _unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def _console() -> Any:
    from rich.console import Console

    return Console()


def hand_over_page(result: "PageResult", report: Path | None, json: Path | None, markdown: Path | None) -> None:
    """Write the files of a result that is one page, then print it; `-` prints one format alone."""
    wanted = outputs(report, json, markdown, None)
    written = result.write({path: kind for path, kind in wanted.items() if str(path) != "-"})
    printed = [result.render(kind) for path, kind in wanted.items() if str(path) == "-"]
    if printed:
        typer.echo("".join(printed), nl=False)
        return
    from seatrial.reports.text import document_to_text

    console = _console()
    typer.echo(
        document_to_text(
            result.brief(),
            width=console.width,
            colour=console.is_terminal and not console.no_color,
            unicode=_unicode(),
            written=[str(path) for path in written],
        ),
        nl=False,
    )
