"""Suites on the command line: what a run leaves behind, and the truths that hold of every report card."""

import contextlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seatrial.app.cli import run
from seatrial.storage.store import open_store

WORDS = {"better", "worse", "no meaningful difference", "cannot tell"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """One report card in every format, and the tables of rows behind it."""

    code: int
    out: str
    err: str
    record: dict[str, Any]
    html: str
    markdown: str
    store: Path

    def case(self, name: str) -> dict[str, Any]:
        return dict(next(case for case in self.record["cases"] if case["case"] == name))

    def estimate(self, case: str, model: str, metric: str, **where: str) -> dict[str, Any]:
        """The one estimate of a metric of a model on a slice."""
        found = [
            e for e in self.case(case)["estimates"] if (e["model"], e["metric"], e["slice"]) == (model, metric, where)
        ]
        assert len(found) == 1, (case, model, metric, where, len(found))
        return dict(found[0])

    def effect(self, case: str, metric: str, candidate: str, **where: str) -> dict[str, Any]:
        """The one effect of a metric of a candidate on a slice."""
        found = [
            e
            for e in self.case(case)["effects"]
            if (e["candidate"], e["metric"], e["slice"]) == (candidate, metric, where)
        ]
        assert len(found) == 1, (case, candidate, metric, where, len(found))
        return dict(found[0])

    def rows(self, case: str, model: str) -> pd.DataFrame:
        """The stored rows of a model on a case."""
        store = open_store(self.store)
        names = [one["name"] for one in self.record["models"]]
        run = store.run(self.record["runs"][names.index(model)]).run
        return pd.read_parquet(store.table(next(one.table for one in run.cases if one.case == case)))


def said(*arguments: object) -> tuple[int, str, str]:
    """The exit code and both streams of one command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(one) for one in arguments])
    return code, out.getvalue(), err.getvalue()


def card_of(*arguments: object, folder: Path) -> Card:
    """Run `run`, `show` or `gate` with every output and the store of a folder; check what is true of every card."""
    places = {name: folder / f"card.{name}" for name in ("json", "html", "md")}
    for place in places.values():
        place.unlink(missing_ok=True)
    store = folder / ".seatrial"
    options = ("--json", places["json"], "--report", places["html"], "--markdown", places["md"], "--store", store)
    code, out, err = said(*arguments, *options)
    assert places["json"].exists(), (code, out, err)
    text = places["json"].read_text(encoding="utf-8")
    card = Card(
        code=code,
        out=out,
        err=err,
        record=json.loads(text),
        html=places["html"].read_text(encoding="utf-8"),
        markdown=places["md"].read_text(encoding="utf-8"),
        store=store,
    )
    _true_of_every_card(card, text, folder)
    return card


def _true_of_every_card(card: Card, text: str, folder: Path) -> None:
    for case in card.record["cases"]:
        assert case["dataset"]["fingerprint"]
        _estimates([*case["estimates"], *case["latency"], *case["cost"]])
        for effect in case["effects"]:
            assert effect["word"] in WORDS
            assert effect["unit"]
            assert effect["difference"] is not None or effect["reason"]
            if effect["low"] is not None:
                assert effect["method"]
                assert effect["low"] <= effect["difference"] <= effect["high"]
        for timing in case["timing"].values():
            assert timing["n"] > 0
            assert timing["device"]
            assert timing["batch_size"] >= 1
            values = [timing[name]["value"] for name in ("p50", "p95", "p99") if timing[name]["value"] is not None]
            assert values
            assert values == sorted(values)
    for said in card.record["not_tested"]:
        assert said.split(":")[0] in card.html
    for page in (card.html, card.markdown):
        assert "What this suite does not test" in page
        for model in card.record["models"]:
            assert model["name"] in page
    for page in (text, card.html, card.markdown):
        assert str(folder) not in page, "a path leaked"
    assert all(re.fullmatch("[0-9a-f]{64}", run) for run in card.record["runs"])
    assert len(card.html.encode()) < 2_000_000
    assert not re.search(r"""(src|href)=["']https?:""", card.html), "the page loads from elsewhere"
    first = " ".join(card.record["sentence"].split()[:4])
    for page in (card.html, card.markdown):
        assert first in " ".join(page.split())


def _estimates(estimates: Sequence[dict[str, Any]]) -> None:
    for one in estimates:
        assert one["unit"]
        assert (one["value"] is None) == (one["reason"] is not None)
        if one["low"] is not None:
            assert one["method"]
            assert 0 < one["level"] < 1
            assert one["low"] <= one["value"] <= one["high"], one
