"""Sampling: sizes by the book, weights that undo the strata, a sheet to fill, agreement of the filled one."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seatrial as st
from seatrial.actions.sample import label_agreement, sample
from seatrial.data.tables import open_table
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.sampling import Wanted, draw_sample
from seatrial.evaluation.sampling.strata import find_strata
from seatrial.stats.stratified import allocate, half_width, rows_for, stratified_mean, total_for

SIZES = np.array([6000, 3000, 900, 100])
RATES = np.array([0.95, 0.8, 0.6, 0.3])


def population(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    segment = np.repeat(["a", "b", "c", "d"], SIZES)
    right = rng.random(len(segment)) < np.repeat(RATES, SIZES)
    order = rng.permutation(len(segment))
    return {
        "text": [f"row {i}" for i in range(len(segment))],
        "segment": segment[order].astype(object),
        "right": right[order].astype(int),
        "score": np.repeat(RATES, SIZES)[order],
    }


def test_sizes_are_those_of_the_book() -> None:
    """Cochran (1977), equations 4.2 and 4.4: p = 0.5 within 5 points needs 385 rows, of a population of 4,000 351."""
    assert rows_for(0.05, 0.25, [4000]).tolist() == [351]
    assert rows_for(0.05, 0.25, [1e12]).tolist() == [385]
    assert rows_for(0.05, 0.09, [1e12]).tolist() == [139]


def test_the_total_is_the_fewest_rows_that_are_exact_enough() -> None:
    spread = RATES * (1 - RATES)
    for how in ("proportional", "neyman", "rare"):
        total = total_for(0.02, SIZES, spread, how=how, least=5)  # type: ignore[arg-type]
        for rows, exact in ((total, True), (total - 2, False)):
            got = allocate(rows, SIZES, sd=np.sqrt(spread), how=how, least=5)  # type: ignore[arg-type]
            assert (half_width(got, SIZES, spread) <= 0.02) == exact


def test_neymans_allocation_is_the_most_exact() -> None:
    spread = RATES * (1 - RATES)
    by = {
        how: half_width(allocate(500, SIZES, sd=np.sqrt(spread), how=how, least=2), SIZES, spread)  # type: ignore[arg-type]
        for how in ("proportional", "neyman", "rare")
    }
    assert by["neyman"] < by["proportional"]
    assert by["neyman"] < by["rare"]


@pytest.mark.parametrize("how", ["proportional", "neyman", "rare"])
def test_allocation_keeps_sums_and_limits(how: Any) -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        size = rng.integers(0, 400, rng.integers(1, 12))
        if not size.sum():
            continue
        least = int(rng.integers(0, 9))
        low = int(np.minimum(least, size).sum())
        total = int(rng.integers(low, size.sum() + 1))
        found = allocate(total, size, sd=rng.random(len(size)) + 0.01, how=how, least=least)
        assert found.sum() == total
        assert (found >= np.minimum(least, size)).all()
        assert (found <= size).all()


@pytest.mark.parametrize(
    "options", [{"rows": 400}, {"rows": 400, "allocation": "rare"}, {"rows": 400, "score": "score", "metric": "rate"}]
)
def test_weighted_estimates_are_unbiased_and_both_intervals_cover(options: dict[str, Any]) -> None:
    table = population()
    truth = float(np.mean(table["right"]))
    values, exact, wide = [], 0, 0
    draws = 300
    source = open_table(table, name="rows")
    strata = find_strata(source, ["segment"], score=options.get("score"))
    for seed in range(draws):
        drawn = draw_sample(source, Wanted(by=("segment",), seed=seed, **options), strata=strata)
        y = np.asarray(table["right"])[drawn.positions]
        w = np.array([stratum.weight for stratum in drawn.record.strata])[drawn.stratum]
        assert w.sum() == pytest.approx(10_000)
        mean = float((w * y).sum() / w.sum())
        values.append(mean)
        own = stratified_mean(y, drawn.stratum, [one.population for one in drawn.record.strata], proportion=True)
        assert own.value == pytest.approx(mean)
        assert own.low is not None
        assert own.high is not None
        exact += own.low <= truth <= own.high
        error = np.sqrt(len(y) / (len(y) - 1) * (w**2 * (y - mean) ** 2).sum()) / w.sum()
        wide += abs(mean - truth) <= 1.96 * error
    assert np.mean(values) == pytest.approx(truth, abs=3.5 * np.std(values) / np.sqrt(draws))
    assert 0.92 <= exact / draws <= 0.985
    assert wide / draws >= 0.93
    if "score" in options:  # these scores are true: the half width that was promised is the one that is seen
        assert 1.96 * np.std(values) == pytest.approx(drawn.record.half_width, rel=0.12)


def test_evaluate_takes_the_weights() -> None:
    """Its weighted accuracy is the stratified mean, its interval at least as wide; without weights it is far off."""
    table = population()
    table["prediction"] = table["right"]
    drawn = sample(table, by="segment", rows=800, allocation="rare", seed=3)
    found = drawn.columns()
    at = np.array(found["source_row"]) - 1
    rows = {
        "target": ["1"] * len(at),
        "prediction": [str(table["right"][i]) for i in at],
        "sample_weight": found["sample_weight"],
    }
    result = st.evaluate(rows, metrics=["accuracy"], weight="sample_weight", positive="1")
    plain = st.evaluate({k: v for k, v in rows.items() if k != "sample_weight"}, metrics=["accuracy"], positive="1")
    y = np.asarray(table["right"])[at]
    own = stratified_mean(y, drawn.drawn.stratum, [one.population for one in drawn.record.strata], proportion=True)
    one, without = result.estimates[0], plain.estimates[0]
    assert one.value == pytest.approx(own.value)
    assert without.value == pytest.approx(y.mean())
    assert own.value - y.mean() > 0.05
    assert one.low is not None
    assert own.low is not None
    assert one.low < own.low < own.value  # at least as wide as the design's own interval


def test_per_stratum_precision_sizes_each_stratum_by_itself() -> None:
    found = sample(population(), by="segment", precision=0.05, per="stratum", rate=0.5).record
    assert [one.rows for one in found.strata] == rows_for(0.05, 0.25 * SIZES / (SIZES - 1), SIZES).tolist()
    assert all(one.half_width is not None and one.half_width <= 0.05 for one in found.strata)


def test_the_same_seed_draws_the_same_sheet_and_another_another() -> None:
    one, two, other = (sample(population(), by="segment", rows=100, seed=seed) for seed in (1, 1, 2))
    assert one.to_json() == two.to_json()
    assert one.columns() == two.columns()
    assert one.record.sheet_sha256 != other.record.sheet_sha256


def test_no_row_is_drawn_twice_and_order_tells_nothing_of_the_stratum() -> None:
    found = sample(population(), by="segment", rows=2000, seed=4)
    assert len(set(found.drawn.positions.tolist())) == 2000
    half = found.drawn.stratum[:1000], found.drawn.stratum[1000:]
    shares = [np.bincount(part, minlength=4) / 1000 for part in half]
    assert np.abs(shares[0] - shares[1]).max() < 0.08


def test_the_sheet_is_guarded_against_formulas_and_hides_what_it_should(tmp_path: Path) -> None:
    table = {
        "text": ['=HYPERLINK("http://x";"y")', "@cmd", "-3.5", "plain, with comma", "+1 good"] * 20,
        "prediction": ["a", "b", "a", "b", "a"] * 20,
        "g": ["x", "y"] * 50,
    }
    found = sample(table, by="g", rows=60, double=0.25, classes="yes,no", hide="prediction")
    sheet, guide, data = found.write_sheet(tmp_path / "out.csv", when="2024-05-06")
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert "prediction" not in rows[0]
    assert {row["text"] for row in rows} == {
        "'=HYPERLINK(\"http://x\";\"y\")", "'@cmd", "-3.5", "plain, with comma", "'+1 good"
    }  # fmt: skip
    assert sum(row["labels_wanted"] == "2" for row in rows) == 15
    assert all(row["label_1"] == row["label_2"] == "" for row in rows)
    for row in rows:
        assert float(row["inclusion_probability"]) * float(row["sample_weight"]) == pytest.approx(1)
        assert table["g"][int(row["source_row"]) - 1] == row["stratum"].removeprefix("g=")
    assert "`yes`" in guide.read_text()
    text = data.read_text()
    for heading in ("Motivation", "Composition", "Collection process", "Uses", "Distribution", "Maintenance"):
        assert f"## {heading}" in text
    assert found.record.source.sha256 in text
    assert "2024-05-06" in text
    assert "- [ ] Who made it" in text
    assert found.columns()["text"][0] in table["text"]  # in Python the texts stay as they are


def test_a_models_answers_in_the_sheet_are_pointed_out() -> None:
    found = sample({"x": list(range(50)), "y_pred": ["a", "b"] * 25}, rows=10)
    assert any("--hide y_pred" in note for note in found.record.notes)
    assert "`y_pred`" in found.guideline()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "--precision 0.02"),
        ({"rows": 5, "precision": 0.1}, "--precision 0.02"),
        ({"rows": 100_000}, "10,000 rows"),
        ({"rows": 10, "by": "segment"}, "cannot give 5 rows"),
        ({"rows": 50, "by": "sgement"}, "Did you mean 'segment'"),
        ({"rows": 50, "metric": "recall"}, "--metric recall"),
        ({"rows": 50, "allocation": "neyman"}, "needs --score"),
        ({"rows": 50, "score": "text"}, "no number"),
        ({"precision": 0.02, "rate": 1.4}, "between 0 and 1"),
        ({"rows": 50, "double": 2}, "between 0 and 1"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises((UsageError, DataError), match=said):
        sample(population(), **options)


def test_a_name_the_sheet_needs_is_refused() -> None:
    with pytest.raises(UsageError, match="label_1"):
        sample({"x": [1, 2, 3], "label_1": [1, 2, 3]}, rows=2)


def labelled(n: int = 200, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(["no", "yes"], n, p=[0.7, 0.3])
    other = np.where(truth == "yes", "no", "yes")
    first = np.where(rng.random(n) < 0.9, truth, other)
    second = np.where(rng.random(n) < 0.9, truth, other).astype(object)
    second[: n // 2] = ""
    second[n // 2] = "?"
    return {"source_row": list(range(1, n + 1)), "label_1": first.astype(object), "label_2": second}


def test_agreement_names_the_rows_to_settle_and_what_can_be_measured() -> None:
    rows = labelled()
    found = label_agreement(rows).record
    both = [
        (a, b, i)
        for a, b, i in zip(rows["label_1"], rows["label_2"], rows["source_row"], strict=True)
        if b in ("no", "yes")
    ]
    assert (found.rows, found.items, found.single) == (200, len(both), 200 - len(both))
    assert [one.id for one in found.disagreements] == [str(i) for a, b, i in both if a != b]
    percent = found.coefficients[0]
    assert percent.value == pytest.approx(np.mean([a == b for a, b, _ in both]))
    assert percent.method == "Wilson score interval"
    assert any("'?'" in note for note in found.notes)
    assert found.ceiling.value == pytest.approx((1 + np.sqrt(2 * percent.value - 1)) / 2)
    assert found.ceiling.low is not None
    assert found.ceiling.low < 0.9 < (found.ceiling.high or 1)
    counts = found.confusions[0].counts
    assert counts is not None
    assert sum(map(sum, counts)) == len(both)


def test_three_annotators_have_fleiss_and_a_kappa_a_pair() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(1, 6, 120)
    rows = {f"r{k}": np.clip(truth + rng.integers(-1, 2, 120), 1, 5) for k in range(3)}
    found = label_agreement(rows, labels="r0,r1,r2", scale="ordinal").record
    names = [one.name for one in found.coefficients]
    assert names[:4] == ["percent agreement", "Krippendorff's alpha (ordinal)", "Gwet's AC1", "Fleiss' kappa"]
    assert [one.between for one in found.coefficients if one.name == "Cohen's kappa"] == [
        ("r0", "r1"), ("r0", "r2"), ("r1", "r2")
    ]  # fmt: skip
    spans = [np.ptp([int(label) for label in one.labels]) for one in found.disagreements]
    assert spans == sorted(spans, reverse=True)
    nominal = label_agreement(rows, labels="r0,r1,r2").record
    assert (found.coefficients[1].value or 0) > (nominal.coefficients[1].value or 0) + 0.2


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ({"label_1": ["a"] * 5, "label_2": [""] * 5}, {}, "no row has labels in two"),
        ({"label_1": [""] * 5, "label_2": [""] * 5}, {}, "nothing was labelled"),
        ({"label_1": ["a"] * 5, "label_2": ["b"] * 5}, {"scale": "interval"}, "needs numbers"),
        ({"label_1": ["a"] * 5, "label_2": ["b"] * 5}, {"scale": "ordinal"}, "order of the classes"),
        ({"label_1": ["a"] * 5, "label_2": ["bb"] * 5}, {"classes": "a,b"}, "none of --classes"),
        ({"label_1": ["a"] * 5, "label_2": ["b"] * 5}, {"labels": "label_1"}, "two annotators or more"),
    ],
)
def test_labels_that_do_not_fit_are_refused(rows: dict[str, Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises((UsageError, DataError), match=said):
        label_agreement(rows, **options)


def test_the_job_from_the_command_line(
    tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draw, label (here by a simulated pair of annotators), measure agreement, evaluate with the weights."""
    from seatrial.app import cli as place
    from seatrial.app.sample_command import sample as group

    if "sample" not in {one.name for one in place.app.registered_groups}:
        place.app.add_typer(group, name="sample")
    monkeypatch.chdir(tmp_path)
    table = population()
    with open("rows.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "segment", "right"])
        writer.writerows(zip(table["text"], table["segment"], table["right"], strict=True))
    ran = cli("sample", "rows.csv", "--by", "segment", "--precision", "0.03", "--rate", "0.85", "--double", "0.3",
              "--hide", "right", "--out", "s.csv", "--json", "s.json")  # fmt: skip
    assert ran.code == 0, ran.err
    drawn = json.loads(Path("s.json").read_text())
    assert drawn["half_width"] <= 0.03
    assert {path.name for path in tmp_path.iterdir()} >= {"s.csv", "s.guideline.md", "s.datasheet.md"}
    with open("s.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(6)
    for row in rows:
        truth = table["right"][int(row["source_row"]) - 1]
        for name in ("label_1", "label_2")[: int(row["labels_wanted"])]:
            row[name] = str(truth if rng.random() < 0.95 else 1 - truth)
        row["prediction"] = "1"
    with open("done.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    ran = cli("sample", "agreement", "done.csv", "--json", "-")
    assert ran.code == 0, ran.err
    assert ran.json["items"] == drawn["doubled"]
    assert ran.json["coefficients"][0]["value"] == pytest.approx(0.905, abs=0.04)
    ran = cli("evaluate", "done.csv", "--target", "label_1", "--prediction", "prediction", "--weight", "sample_weight",
              "--positive", "1", "--metric", "accuracy", "--json", "-")  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["estimates"][0]["value"] == pytest.approx(0.86 * 0.95 + 0.14 * 0.05, abs=0.06)
    assert cli("sample", "rows.csv").code == 64


def test_pages_hold_what_the_records_hold() -> None:
    page = sample(population(), by="segment", precision=0.05)
    assert "segment = d" in page.render("html")
    labels = label_agreement(labelled())
    for kind in ("html", "markdown", "text"):
        assert "Krippendorff" in labels.render(kind)  # type: ignore[arg-type]
    hostile = {"label_1": ["<script>alert(1)</script>", "b"] * 20, "label_2": ["b", "b"] * 20}
    assert "<script>alert" not in label_agreement(hostile).render("html")
