"""S2: entities in text of two kinds, the answers of a tagger made worse in known ways; documents belong together.

S12: key fields read from receipts by two versions of a rule-based extractor.
"""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seatrial as st
from seatrial.data.answers.conll import conll_table

Table = dict[str, list[Any]]


def worsened(tags: list[str], rng: np.random.Generator, share: float) -> list[str]:
    """Entities dropped, cut short or given another type."""
    found = list(tags)
    at = 0
    while at < len(found):
        end = at + 1
        while end < len(found) and found[at] != "O" and found[end] == found[at]:
            end += 1
        if found[at] != "O" and rng.random() < share:
            chance = rng.random()
            if chance < 0.4:
                found[at:end] = ["O"] * (end - at)
            elif chance < 0.7:
                found[end - 1] = "O"
            else:
                found[at:end] = ["I-MISC" if found[at] != "I-MISC" else "I-ORG"] * (end - at)
        at = end
    return found


@pytest.fixture(scope="module")
def wikigold(shared_data: Path) -> Table:
    return conll_table(shared_data / "ner_conll_style" / "wikigold.conll")


def answered(table: Table, share: float, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    return {**table, "prediction": [json.dumps(worsened(json.loads(tags), rng, share)) for tags in table["target"]]}


def test_a_better_tagger_is_told_from_a_worse_one_by_document(
    wikigold: Table, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    for name, share, seed in (("old", 0.3, 1), ("new", 0.15, 2)):
        table = answered(wikigold, share, seed)
        rows = (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    ran = cli(
        "compare", str(tmp_path / "old.jsonl"), str(tmp_path / "new.jsonl"), "--task", "entities",
        "--cluster", "document", "--json", str(tmp_path / "card.json"), "--report", str(tmp_path / "card.html"),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["verdict"]["status"] == "pass"
    found = {e["metric"]: e for e in card["effects"]}
    assert found["entity_f1"]["word"] == "better"
    assert "CR2" in found["entity_f1"]["method"]
    values = {(e["model"], e["metric"]): e for e in card["estimates"]}
    for model in ("old", "new"):
        strict, partial = values[model, "entity_f1"]["value"], values[model, "entity_f1_partial"]["value"]
        assert strict < values[model, "entity_f1_boundary"]["value"] < partial
        assert values[model, "entity_f1[PER]"]["value"] is not None
    html = (tmp_path / "card.html").read_text()
    assert "entity_f1_macro" in html
    assert "with their types, and no others" in html


def test_strict_f1_is_seqevals(wikigold: Table) -> None:
    metrics = pytest.importorskip("seqeval.metrics")
    table = answered(wikigold, 0.25, 3)
    gold, guess = ([json.loads(tags) for tags in table[name]] for name in ("target", "prediction"))
    result = st.evaluate(table, task="entities", cluster="document", metrics=["f1", "f1_macro"])
    value = {e.metric: e.value for e in result.estimates}
    assert value["f1"] == pytest.approx(metrics.f1_score(gold, guess), abs=1e-12)
    assert value["f1_macro"] == pytest.approx(metrics.f1_score(gold, guess, average="macro"), abs=1e-12)


AMOUNT = re.compile(r"(?<![\d.])\d{1,4}[.,]\d{2}(?!\d)")
DAY = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{4}[-/]\d{2}[-/]\d{2}")


def extracted(lines: list[str], *, careful: bool) -> dict[str, str | None]:
    """The first line as the company, the first date, and the largest amount; the careful one looks beside `total`."""
    text = "\n".join(lines)
    amounts = [float(one.replace(",", ".")) for one in AMOUNT.findall(text)]
    total = max(amounts, default=None)
    if careful:
        for at, line in enumerate(lines):
            if re.search(r"total", line, re.IGNORECASE) and not re.search(r"sub|qty|item|gst|tax", line, re.IGNORECASE):
                near = AMOUNT.findall(" ".join(lines[at : at + 2]))
                total = float(near[-1].replace(",", ".")) if near else total
    day = DAY.search(text)
    company = next((line for line in lines if not careful or "tan" not in line.casefold()), None)
    return {"company": company, "date": day[0] if day else None, "total": None if total is None else f"{total:.2f}"}


def test_key_fields_of_receipts(shared_data: Path) -> None:
    with gzip.open(shared_data / "invoices_sroie" / "receipts.jsonl.gz", "rt") as opened:
        receipts = [json.loads(line) for line in opened]
    lines = [[line["text"] for line in receipt["lines"]] for receipt in receipts]
    target = [{name: receipt["key"].get(name) for name in ("company", "date", "total")} for receipt in receipts]
    tables = [
        {
            "id": [r["id"] for r in receipts],
            "target": target,
            "prediction": [extracted(one, careful=c) for one in lines],
        }
        for c in (False, True)
    ]
    result = st.compare(*tables, task="fields")
    value = {(e.model, e.metric): e.value for e in result.estimates}
    model = result.scorecard.models[1]
    for name in ("date", "total", "company"):
        share = np.mean(
            [
                json.dumps(t[name]) == json.dumps(p[name])
                for t, p in zip(target, tables[1]["prediction"], strict=True)
                if t[name]
            ]
        )
        assert value[model, f"field_accuracy_exact[{name}]"] == pytest.approx(share)
        assert value[model, f"field_accuracy[{name}]"] >= share
    assert value[model, "field_accuracy[date]"] > 0.8
    exact, normal = value[model, "document_accuracy_exact"], value[model, "document_accuracy"]
    assert exact <= normal <= min(value[model, f"field_accuracy[{name}]"] for name in ("date", "total", "company"))
    effect = next(e for e in result.effects if e.metric == "field_accuracy")
    assert effect.low < effect.difference < effect.high
