"""What actions hand back whose result is one page: a text, a notebook page, files, the public JSON."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from seatrial.actions.report import check_writable, replace_file
from seatrial.errors import UsageError
from seatrial.records import Record
from seatrial.reports import render_document, to_json
from seatrial.reports.document import Document

Kind = Literal["html", "markdown", "text", "json", "junit"]
ENDINGS: dict[str, Kind] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".txt": "text",
    ".json": "json",
    ".xml": "junit",
}


class PageResult(ABC):
    """Base of results that are one page."""

    record: Record

    @abstractmethod
    def document(self) -> Document:
        """The page."""

    def brief(self) -> Document:
        """The page as a terminal shows it; all of it, unless a result says what can be left to the files."""
        return self.document()

    def render(self, kind: Kind) -> str:
        """One format of the page; the same record gives the same bytes."""
        if kind == "junit":
            return self.junit()
        return to_json(self.record) if kind == "json" else render_document(self.document(), kind)

    def junit(self) -> str:
        """JUnit XML of the verdict; raises `UsageError` where the page has none."""
        raise UsageError("There is no JUnit XML of this page: it has no checks.")

    def to_json(self) -> str:
        """The public JSON: the record's own dump, without rounding."""
        return to_json(self.record)

    def report(self, *paths: str | Path) -> tuple[Path, ...]:
        """Write the page to each path, the format told by its ending (.html, .md, .txt, .json)."""
        wanted: dict[Path, Kind] = {}
        for path in map(Path, paths):
            kind = ENDINGS.get(path.suffix.lower())
            if kind is None:
                raise UsageError(f"'{path.name}': no format for it; end it in {', '.join(ENDINGS)}.")
            wanted[path] = kind
        return self.write(wanted)

    def write(self, wanted: Mapping[Path, Kind]) -> tuple[Path, ...]:
        """Render every format, then write every file, each replaced whole or not at all."""
        for path in wanted:
            check_writable(path)
        pages = {path: self.render(kind) for path, kind in wanted.items()}
        for path, page in pages.items():
            replace_file(path, page)
        return tuple(pages)

    def __str__(self) -> str:
        return self.render("text")

    def _repr_html_(self) -> str:
        page = self.render("html").replace("&", "&amp;").replace('"', "&quot;")
        style = "width:100%;height:40rem;border:0"
        return f'<iframe srcdoc="{page}" title="Seatrial" style="{style}" sandbox="allow-popups"></iframe>'
