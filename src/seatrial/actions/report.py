"""Write a result for its readers."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, get_args

from seatrial.actions.policies import as_policy
from seatrial.actions.result import Result
from seatrial.errors import UsageError
from seatrial.records import Policy, Readout, Scorecard, Verdict
from seatrial.reports import Format, render

ENDINGS: dict[str, Format] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".json": "json",
    ".xml": "junit",
    ".txt": "text",
}


class Rendered(Protocol):
    """A result that can be written: what `compare`, `evaluate` and `analyze` hand back."""

    @property
    def scorecard(self) -> Scorecard | Readout: ...

    @property
    def verdict(self) -> Verdict: ...


def report(
    result: Rendered,
    *paths: str | Path,
    policy: Policy | str | Path | dict[str, Any] | None = None,
    format: Format | None = None,
) -> tuple[Path, ...]:
    """Write a report to each path, the format told by its ending (.html, .md, .json, .xml for JUnit, .txt).

    Every page is made before any file is written, and a file is replaced whole or not at all. Raises `UsageError` for
    an
    ending without a format and for a path that cannot be written.
    """
    given = as_policy(policy)
    chosen = result
    if given is not None:
        if not isinstance(result, Result):
            raise UsageError("An experiment is decided by its plan: analyze it by another policy, or amend the plan.")
        chosen = result.under(given)
    return write_reports(chosen, {Path(path): format or _format(Path(path)) for path in paths})


def write_reports(result: Rendered, wanted: Mapping[Path, Format]) -> tuple[Path, ...]:
    """Render every format, then write every file."""
    for path in wanted:
        check_writable(path)
    pages = {path: render(result.scorecard, kind) for path, kind in wanted.items()}
    for path, page in pages.items():
        replace_file(path, page)
    return tuple(pages)


def check_writable(path: Path) -> None:
    """Raise `UsageError` when a file cannot be written there; asked before the work begins."""
    folder = path.parent if str(path.parent) else Path()
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder; name a file to write.")
    if not folder.is_dir():
        raise UsageError(f"'{path}' cannot be written: there is no folder '{folder}'; make it first.")
    device = path.exists() and not path.is_file()
    if not (device or os.access(folder, os.W_OK)) or (path.exists() and not os.access(path, os.W_OK)):
        raise UsageError(f"'{path}' cannot be written: permission is denied; choose another place.")


def _format(path: Path) -> Format:
    found = ENDINGS.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"'{path.name}': no format for '{path.suffix or 'no ending'}'; end it in {', '.join(ENDINGS)}, or give "
            f"format= "
            f"({', '.join(get_args(Format))})."
        )
    return found


def replace_file(path: Path, page: str) -> None:
    """Replace a file whole or not at all; a pipe or a device takes the text."""
    if path.exists() and not path.is_file():  # a pipe or a device takes text; it is never replaced
        try:
            path.write_text(page, encoding="utf-8", newline="\n")
        except OSError as error:
            raise UsageError(f"'{path}' cannot be written: {error.strerror}.") from None
        return
    path = path.resolve()  # a link keeps pointing where it points
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise UsageError(f"'{path}' cannot be written: {error.strerror}.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
