"""Post-mortem of a null result: from a readout, its JSON, or what `analyze` handed back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from seatrial.actions.page import PageResult
from seatrial.errors import UsageError
from seatrial.experiments.postmortem import postmortem as ask
from seatrial.records.postmortem import NextTest, PostMortem, Step
from seatrial.records.readout import Readout
from seatrial.reports.document import Document


@runtime_checkable
class HasReadout(Protocol):
    """What `analyze` hands back."""

    @property
    def readout(self) -> Readout: ...


@dataclass(frozen=True)
class PostMortemResult(PageResult):
    """What `postmortem` hands back."""

    record: PostMortem

    @property
    def sentence(self) -> str:
        return self.record.sentence

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.record.steps

    @property
    def next_test(self) -> NextTest:
        return self.record.next_test

    def document(self) -> Document:
        from seatrial.reports.postmortem_page import postmortem_document

        return postmortem_document(self.record)


def postmortem(
    readout: Readout | HasReadout | Mapping[str, Any] | str | Path,
    *,
    trigger: str | None = None,
    metric: str | None = None,
    candidate: str | None = None,
) -> PostMortemResult:
    """Ask why an experiment showed nothing, in order, and name the next test and its units.

    `readout` is what `analyze` handed back, a `Readout`, or the JSON it wrote (a path, or already parsed). `trigger`
    names the segment column that says which units met the change. Raises `UsageError` for a file that is no readout and
    for names that are not in it.
    """
    return PostMortemResult(ask(_readout(readout), trigger=trigger, metric=metric, candidate=candidate))


def _readout(given: Readout | HasReadout | Mapping[str, Any] | str | Path) -> Readout:
    if isinstance(given, Readout):
        return given
    if isinstance(given, Mapping):
        return Readout.parse(dict(given), what="The readout")
    if isinstance(given, str | Path):
        return _from_file(Path(given))
    return given.readout


def _from_file(path: Path) -> Readout:
    if not path.is_file():
        raise UsageError(f"'{path}' is not there; give the JSON that `seatrial analyze --json` wrote.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        raise UsageError(f"'{path}' is no JSON; give the file that `seatrial analyze --json` wrote.") from None
    if not isinstance(found, dict) or found.get("kind") != "experiment":
        raise UsageError(
            f"'{path}' is no readout of an experiment; give the file that `seatrial analyze --json` wrote."
        )
    return Readout.parse(found, what=f"'{path.name}'")
