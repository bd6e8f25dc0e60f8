"""Vega-Lite to SVG that follows the page: colours become classes; light, dark and print are the page's business."""

import re
from typing import Any
from xml.etree import ElementTree

from seatrial.reports.document import Spec
from seatrial.reports.hostile import visible

TOKENS: dict[str, str] = {
    "ink": "#1d2733",
    "muted": "#566270",
    "axis": "#8e99a5",
    "grid": "#e4e8ec",
    "band": "#edf1f6",
    "margin": "#8a94a3",
    "good": "#10713b",
    "bad": "#b3261e",
    "unsure": "#8a5600",
    "neutral": "#4f5b68",
    "series0": "#5a6675",
    "series1": "#0b5cad",
    "series2": "#b04a0c",
    "series3": "#6d3aa8",
    "series4": "#0c6f61",
    "series5": "#9c2460",
}
"""Colours by their part in a chart; each is used once, so that the SVG can be read back."""

_NAMESPACE = "http://www.w3.org/2000/svg"
_BY_COLOUR = {colour: token for token, colour in TOKENS.items()}
_DROPPED = ("aria-hidden", "aria-label", "aria-roledescription", "role", "pointer-events", "class", "font-family")
_LOCALE = {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["$", ""], "minus": "-"}


def render(spec: Spec, *, identity: str, title: str, description: str) -> str:
    """Render a specification to an inline SVG with a title and a description for who cannot see it.

    Deterministic; no network and no browser. `identity` makes ids unique on the page.
    """
    import vl_convert

    raw = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[], format_locale=_LOCALE)
    ElementTree.register_namespace("", _NAMESPACE)
    root = ElementTree.fromstring(_readable(raw))
    _clean(root)
    _name_colours(root)
    _unique_ids(root, identity)
    name, words = (
        ElementTree.Element("title", id=f"{identity}-title"),
        ElementTree.Element("desc", id=f"{identity}-desc"),
    )
    name.text, words.text = visible(title), visible(description, limit=6000)
    root.insert(0, name)
    root.insert(1, words)
    size = [(key, root.attrib[key]) for key in ("viewBox", "width", "height") if key in root.attrib]
    root.attrib.clear()
    for key, value in size:
        root.set(key, value)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-labelledby", f"{identity}-title {identity}-desc")
    shown = ElementTree.tostring(root, encoding="unicode")
    return re.sub(r'xmlns(:\w+)?="[^"]*" ?', "", shown).replace("<svg ", f'<svg xmlns="{_NAMESPACE}" ', 1)


def _readable(raw: str) -> str:
    """Drop what XML 1.0 cannot hold."""
    return re.sub(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", raw)


def _clean(root: ElementTree.Element) -> None:
    """Drop empty frames and attributes that say nothing, deepest first."""
    for parent in list(root.iter()):
        parent.tag = parent.tag.removeprefix(f"{{{_NAMESPACE}}}")
        for name in _DROPPED:
            parent.attrib.pop(name, None)
        if parent.get("opacity") == "1":
            del parent.attrib["opacity"]
        for child in list(parent):
            if child.tag.endswith("path") and (child.get("d") in ("", "M0,0h0v0h0Z") or child.get("display") == "none"):
                parent.remove(child)


def _name_colours(root: ElementTree.Element) -> None:
    for element in root.iter():
        classes = []
        for attribute, prefix in (("fill", "f"), ("stroke", "s")):
            colour: Any = element.get(attribute)
            if colour in _BY_COLOUR:
                classes.append(f"{prefix}-{_BY_COLOUR[colour]}")
                del element.attrib[attribute]
        if classes:
            element.set("class", " ".join(classes))


def _unique_ids(root: ElementTree.Element, identity: str) -> None:
    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", f"{identity}-{element.attrib['id']}")
        for name, value in list(element.attrib.items()):
            if "url(#" in value:
                element.set(name, value.replace("url(#", f"url(#{identity}-"))
