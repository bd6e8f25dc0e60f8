"""HTML: one file with everything in it, no network, readable without JavaScript."""

import base64
import hashlib
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from seatrial.reports import svg, words
from seatrial.reports.compose import compose
from seatrial.reports.document import Cell, Document, Figure, Limits
from seatrial.reports.hostile import visible
from seatrial.reports.lookup import Card

MOST_BYTES = 2_000_000
_SENTENCE = 1200
_TIGHTEST = 6
_TITLE = 60


def to_html(card: Card) -> str:
    """Return one self-contained page of under 2 MB, whatever the number of rows, classes, slices or days."""
    limits = Limits()
    for _ in range(_TIGHTEST):
        page = _page(compose(card, limits=limits), limits)
        if len(page.encode()) < MOST_BYTES:
            return page
        limits = _tighter(limits)
    return page


def document_to_html(document: Document, *, limits: Limits | None = None) -> str:
    """Return one self-contained page of a document that was made elsewhere; `limits` cut its texts only."""
    return _page(document, limits or Limits())


def _tighter(limits: Limits) -> Limits:
    """Halve what a page shows."""
    return replace(
        limits,
        rows=max(3, limits.rows // 2),
        slices=max(3, limits.slices // 2),
        examples=max(1, limits.examples // 2),
        classes=max(3, limits.classes // 2),
        characters=max(40, limits.characters // 2),
        sentence=max(200, limits.sentence // 2),
        curve_points=max(50, limits.curve_points // 2),
        looks=max(20, limits.looks // 2),
        sequences=max(1, limits.sequences // 2),
    )


def _page(document: Document, limits: Limits) -> str:
    style, script = _part("style.css"), _part("print.js")

    def text(of: str) -> str:
        return visible(of, limit=limits.sentence)

    def cell(of: Cell) -> str:
        return visible(of.text, limit=limits.characters if of.verbatim else limits.sentence)

    def title(of: str) -> str:
        return visible(of, limit=_TITLE)

    def cut(of: str) -> str:
        return visible(of, limit=2 * _TITLE)

    def name(of: Cell) -> Markup:
        return Markup(re.sub(r"(?<=\w)([_.])(?=\w)", r"\1<wbr>", str(escape(cell(of)))))

    template = _environment().get_template("page.html.j2")
    return template.render(
        document=document,
        style=Markup(style),
        script=Markup(script),
        text=text,
        cell=cell,
        title=title,
        cut=cut,
        name=name,
        figure=_figure,
        kind=_kind,
        policy=(
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
            "base-uri 'none'; form-action 'none'"
        ),
        check_symbol=words.STATUS_SYMBOLS,
        check_tone=words.STATUS_TONES,
        on_slice=words.on_slice,
    )


@cache
def _environment() -> Environment:
    """Return the template engine: everything printed is escaped, and its hidden characters are written out."""
    return Environment(
        loader=PackageLoader("seatrial.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalize,
    )


def _finalize(value: Any) -> Any:
    return visible(value, limit=4 * _SENTENCE) if isinstance(value, str) and not isinstance(value, Markup) else value


def _figure(figure: Figure) -> Markup:
    return Markup(svg.render(figure.spec, identity=figure.id, title=figure.title, description=figure.alternative))


def _kind(block: Any) -> str:
    return type(block).__name__.lower()


@cache
def _part(name: str) -> str:
    return files("seatrial.reports").joinpath("templates", name).read_text(encoding="utf-8").strip()


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"sha256-{digest}"
