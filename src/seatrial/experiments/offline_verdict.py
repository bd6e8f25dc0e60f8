"""What `compare` or `gate` said of a model before it was put into an arm, read from their JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial.decisions.yaml_fields import kind_of
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.records.plan import OfflineEffect, OfflineVerdict

NOT_OURS = "is not the JSON of `seatrial compare` or `seatrial gate` (--json)"


def read_verdict(given: Any, model: str | None, folder: Path | None, place: str) -> OfflineVerdict:
    """Return an arm's offline verdict: a JSON file of `compare` or `gate`, or what a frozen plan keeps of one.

    `model` picks a candidate where the file holds several; relative paths are looked for in `folder`. Raises
    `UsageError` in one sentence.
    """
    if isinstance(given, OfflineVerdict):
        return given
    if isinstance(given, Mapping):
        return OfflineVerdict.parse(given, what=place)
    if not isinstance(given, str | Path):
        raise UsageError(f"{place} must name a JSON file of `seatrial compare`, not {kind_of(given)}.")
    path = Path(given).expanduser()
    path = path if path.is_absolute() or folder is None else folder / path
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"{place}: there is no file '{given}'.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise UsageError(f"{place}: '{path.name}' {NOT_OURS}.") from None
    except OSError as error:
        raise UsageError(f"{place}: '{given}' cannot be read: {error.strerror or error}.") from None
    try:
        return _of(found, path.name, model, place)
    except (KeyError, TypeError, AttributeError):
        raise UsageError(f"{place}: '{path.name}' {NOT_OURS}.") from None


def _of(card: Any, name: str, model: str | None, place: str) -> OfflineVerdict:
    verdict, effects = card["verdict"], card["effects"]
    candidates = list(dict.fromkeys(effect["candidate"] for effect in effects))
    if model in candidates:
        chosen = model
    elif len(candidates) <= 1:
        chosen = candidates[0] if candidates else None
    elif model is None and verdict.get("candidate") in candidates:
        chosen = verdict["candidate"]
    else:
        hint = did_you_mean(model or "", candidates)
        raise UsageError(
            f"{place}: '{name}' compares several models ({listed(candidates)}); say which one the arm serves with "
            f"'model:'.{hint}"
        )
    return OfflineVerdict.parse(
        {
            "name": name,
            "status": verdict["status"],
            "sentence": verdict["sentence"],
            "policy_digest": verdict.get("policy_digest"),
            "evidence_digest": verdict.get("evidence_digest"),
            "effects": tuple(
                OfflineEffect(
                    metric=effect["metric"],
                    difference=effect["difference"],
                    low=effect.get("low"),
                    high=effect.get("high"),
                    higher_is_better=effect.get("higher_is_better", True),
                )
                for effect in effects
                if effect["candidate"] == chosen and not effect["slice"] and effect.get("difference") is not None
            ),
        },
        what=place,
    )
