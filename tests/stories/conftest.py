"""What every story needs: files kept small, and the truths that hold in every one of them."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seatrial.app.cli import run

SMALL = Path(__file__).resolve().parents[1] / "data" / "small"
WORDS = {"better", "worse", "no meaningful difference", "cannot tell"}
STATUSES = {"pass", "fail", "inconclusive", "invalid"}


@pytest.fixture
def small() -> Path:
    """Invented files that come with the project, so that each path is walked without the real data."""
    return SMALL


@dataclass(frozen=True, kw_only=True)
class Told:
    """One question answered on the command line: the exit code, and every format of the answer."""

    code: int
    out: str
    err: str
    card: dict[str, Any]
    html: str
    markdown: str
    junit: str

    @property
    def verdict(self) -> dict[str, Any]:
        return dict(self.card["verdict"])

    def effect(self, metric: str, candidate: str | None = None, baseline: str | None = None, **where: str) -> Any:
        """The one effect of a metric on a slice."""
        found = [
            e
            for e in self.card["effects"]
            if e["metric"] == metric
            and e["slice"] == where
            and candidate in (None, e["candidate"])
            and baseline in (None, e["baseline"])
        ]
        assert len(found) == 1, (metric, where, len(found))
        return found[0]

    def estimate(self, metric: str, model: str | None = None, **where: str) -> Any:
        """The one estimate of a metric of a model on a slice."""
        found = [
            e
            for e in self.card["estimates"]
            if e["metric"] == metric and e["slice"] == where and model in (None, e["model"])
        ]
        assert len(found) == 1, (metric, where, len(found))
        return found[0]


@pytest.fixture
def tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """tell("compare", a, b, ...): run the command line with every output, and check what is true in every story."""

    def go(*arguments: object, policy: str | None = None) -> Told:
        said = [str(one) for one in arguments]
        if policy is not None:
            (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
            said += ["--policy", str(tmp_path / "policy.yaml")]
        places = {name: tmp_path / f"out.{name}" for name in ("json", "html", "markdown", "junit")}
        given = ["--json", "--report", "--markdown", "--junit"]
        for option, place in zip(given, places.values(), strict=True):
            said += [option, str(place)]
        capsys.readouterr()
        code = run(said)
        printed = capsys.readouterr()
        assert places["json"].exists(), printed.err
        pages = {name: place.read_text(encoding="utf-8") for name, place in places.items()}
        told = Told(
            code=code,
            out=printed.out,
            err=printed.err,
            card=json.loads(pages["json"]),
            html=pages["html"],
            markdown=pages["markdown"],
            junit=pages["junit"],
        )
        _true_in_every_story(told, tmp_path)
        return told

    return go


def _true_in_every_story(told: Told, folder: Path) -> None:
    card = told.card
    assert card["verdict"]["status"] in STATUSES
    for estimate in card["estimates"]:
        assert estimate["n"] >= 0
        assert estimate["unit"]
        assert (estimate["value"] is None) == (estimate["reason"] is not None)
        if estimate["low"] is not None:
            assert estimate["method"]
            assert 0 < estimate["level"] < 1
    for effect in card["effects"]:
        assert effect["word"] in WORDS
        assert effect["unit"]
        if effect["low"] is not None:
            assert effect["method"]
    assert card["not_shown"]
    provenance = card["provenance"]
    assert all(re.fullmatch("[0-9a-f]{64}", source["sha256"]) for source in provenance["sources"])
    assert re.fullmatch("[0-9a-f]{64}", provenance["policy_digest"])
    assert provenance["seatrial"]
    for page in (json.dumps(card), told.html, told.markdown, told.junit):
        assert str(folder) not in page, "a path leaked"
    assert len(told.html.encode()) < 2_000_000
    assert "What this does not show" in told.html
    assert "What this does not show" in told.markdown
    assert not re.search(r"""(src|href)=["']https?:""", told.html), "the page loads from elsewhere"
    sentence = card["verdict"]["sentence"]
    first = " ".join(sentence.split()[:4])
    assert first in " ".join(told.html.split())
