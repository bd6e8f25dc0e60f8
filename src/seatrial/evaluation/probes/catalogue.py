"""The probes by name, loaded when asked for; a stranger's own by `module:object` or `file.py:object`."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError, did_you_mean
from seatrial.evaluation.probes.base import Probe
from seatrial.models.base import ModelError
from seatrial.models.code import load_object
from seatrial.records.suite import ProbeSpec

CATALOGUE: tuple[tuple[str, str], ...] = (
    ("typos", "typing_slips:Typos"),
    ("case", "typing_slips:Case"),
    ("punctuation", "typing_slips:Punctuation"),
    ("whitespace", "typing_slips:Whitespace"),
    ("ocr", "characters:Ocr"),
    ("accents", "characters:Accents"),
    ("synonyms", "synonyms:Synonyms"),
    ("truncation", "length:Truncation"),
    ("suffix", "length:Suffix"),
    ("noise", "cells:Noise"),
    ("missing", "cells:Missing"),
    ("units", "cells:Units"),
    ("categories", "cells:Categories"),
    ("stale", "cells:Stale"),
    ("image_noise", "pixels:ImageNoise"),
    ("blur", "pixels:Blur"),
    ("jpeg", "pixels:Jpeg"),
    ("brightness", "pixels:Brightness"),
    ("crop", "geometry:Crop"),
    ("rotation", "geometry:Rotation"),
)
NAMES: tuple[str, ...] = tuple(name for name, _ in CATALOGUE)


def open_probe(name: str, options: Mapping[str, Any] | None = None, *, folder: str | Path | None = None) -> Probe:
    """Return a probe of the catalogue, or a stranger's by `module:object` or `file.py:object`, with its options.

    A stranger's object is a `Probe` class or a function `f(value, severity, rng) -> value`; a file is looked for in
    `folder` (the suite's) first. Raises `UsageError` for a name nobody has and for an option the probe has not.

    >>> open_probe("typos").ladder
    (0.02, 0.05, 0.1, 0.2)
    """
    places = dict(CATALOGUE)
    if name in places:
        module, _, attribute = places[name].partition(":")
        kind = getattr(importlib.import_module(f"seatrial.evaluation.probes.{module}"), attribute)
    elif ":" in name:
        try:
            kind = load_object(name, folder=Path.cwd() if folder is None else Path(folder))
        except ModelError as error:
            raise UsageError(str(error)) from None
    else:
        raise UsageError(
            f"There is no probe '{name}'.{did_you_mean(name, NAMES)} Probes: {', '.join(NAMES)}; or your own as "
            "module:object or file.py:object."
        )
    if isinstance(kind, Probe):
        kind = type(kind)
    if isinstance(kind, type) and issubclass(kind, Probe):
        given = dict(options or {})
        if folder is not None:
            given = _paths_from(kind, given, Path(folder))
        found: Probe = kind.parse(given, what=f"probe {name}")
        return found
    if callable(kind) and not isinstance(kind, type):
        from seatrial.evaluation.probes.function import function_probe

        return function_probe(kind, name=name, options=options or {})
    raise UsageError(
        f"Probe '{name}' is a {type(kind).__name__}: it must be a Probe class or a function f(value, severity, rng)."
    )


def severities(spec: ProbeSpec, *, folder: str | Path | None = None) -> tuple[float, ...]:
    """Severities to try: those named, else the probe's own ladder; each checked against the probe's scale.

    >>> severities(ProbeSpec(probe="ocr")), severities(ProbeSpec(probe="ocr", severity=(0.3,)))
    ((0.02, 0.05, 0.1, 0.2), (0.3,))
    """
    probe = open_probe(spec.probe, spec.options, folder=folder)
    for severity in spec.severity:
        check_severity(probe, severity)
    return spec.severity or probe.ladder


def check_severity(probe: Probe, severity: float) -> None:
    """Raise `UsageError` for a severity that is off the probe's scale."""
    if not 0.0 <= severity <= probe.top:
        raise UsageError(
            f"Probe {probe.name}: severity {severity:g} is off its scale; give 0 to {probe.top:g} ({probe.means})."
        )


def _paths_from(kind: type[Probe], given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Options that name a file are relative to the suite's folder."""
    for name in getattr(kind, "files", ()):
        path = given.get(name)
        if isinstance(path, str) and (folder / path).is_file():
            given[name] = str(folder / path)
    return given
