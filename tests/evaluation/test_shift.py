"""Shift of two tables: planted shifts are found and named, nothing is found where there is nothing, hard tables too."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seatrial.actions.shift import ShiftResult, shift
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.shift_texts import trigrams
from seatrial.records.shift import ShiftedColumn, ShiftMeasure

WORDS = ["ship", "sail", "mast", "anchor", "harbour", "storm", "deck", "crew", "rope", "tide", "chart", "wind"]


def table(n: int, seed: int, **moved: Any) -> pd.DataFrame:
    """A number, a skewed one, a category, a text, a flag, with whatever is said to differ."""
    rng = np.random.default_rng(seed)
    words = moved.get("words", WORDS)
    return pd.DataFrame(
        {
            "id": [f"{seed}-{k}" for k in range(n)],
            "age": rng.normal(40 + moved.get("age", 0), 10, n).round(2),
            "income": rng.lognormal(10, 1, n).round(2),
            "plan": rng.choice(["a", "b", "c"], n, p=moved.get("plan", [0.5, 0.3, 0.2])),
            "note": [" ".join(rng.choice(words, rng.integers(4, 12))) for _ in range(n)],
            "flag": rng.integers(0, 2, n),
        }
    )


def column(result: ShiftResult, name: str) -> ShiftedColumn:
    return next(one for one in result.record.columns if one.column == name)


def measure(one: ShiftedColumn, name: str) -> ShiftMeasure:
    return next(m for m in one.measures if m.name == name)


@pytest.mark.parametrize(("n", "m"), [(900, 700), (2500, 1500)])
def test_one_population_moves_nothing(n: int, m: int) -> None:
    result = shift(table(n, 1), table(m, 2))
    assert result.record.moved == 0
    assert not result.record.joint.told_apart
    assert result.status == "pass"
    assert result.sentence.startswith("None of 5 columns moved more than chance")
    assert all("not told from chance" in one.sentence for one in result.record.columns)


@pytest.mark.parametrize(
    ("moved", "name"),
    [({"age": 4}, "age"), ({"plan": [0.35, 0.3, 0.35]}, "plan"), ({"words": [*WORDS[:6], "email", "invoice"]}, "note")],
)
@pytest.mark.parametrize(("n", "m"), [(900, 700), (2500, 1500)])
def test_a_planted_shift_is_the_only_one_found(moved: dict[str, Any], name: str, n: int, m: int) -> None:
    result = shift(table(n, 1), table(m, 2, **moved))
    assert [one.column for one in result.record.columns if one.moved] == [name]
    assert result.record.columns[0].column == name
    assert result.record.joint.told_apart
    assert name in list(result.record.joint.by_column)[:1]
    assert name in result.sentence


def test_what_a_column_says_of_itself() -> None:
    old, new = table(2500, 1), table(1500, 2, age=5, plan=[0.3, 0.5, 0.2])
    new.loc[:99, "plan"] = "d"
    new.loc[200:499, "income"] = np.nan
    result = shift(old, new)
    age, plan, income = (column(result, name) for name in ("age", "plan", "income"))
    assert "its mean rose from " in age.sentence
    assert measure(age, "Wasserstein").value == pytest.approx(0.5, abs=0.06)
    assert measure(age, "Wasserstein").unit == "standard deviations of the reference"
    assert measure(plan, "share in new levels").value == pytest.approx(100 / 1500)
    assert "1 level the reference lacks (6.7 % of the rows)" in plan.sentence
    assert income.moved
    assert income.missing_current == pytest.approx(0.2)
    assert "missing in 20 % of the rows after 0 %" in income.sentence
    assert measure(income, "KS").adjusted_p_value > 0.05
    sizes = [one.size for one in result.record.columns if one.moved]
    assert sizes == sorted(sizes, reverse=True)


def test_unseen_words_and_characters_of_any_language() -> None:
    rng = np.random.default_rng(0)
    greek, cyrillic = "αβγδεζηθ", "абвгдежз"
    spoken = [["".join(rng.choice(list(letters), 5)) for _ in range(40)] for letters in (greek, cyrillic)]
    texts = [[" ".join([*rng.choice(words, 8), "the", "end"]) for _ in range(300)] for words in spoken]
    result = shift({"t": texts[0]}, {"t": texts[1]}, text="t")
    found = column(result, "t")
    assert found.moved
    assert measure(found, "characters").value > 20 * measure(found, "characters").by_chance
    assert measure(found, "share of unseen words").value == pytest.approx(0.8)
    assert measure(found, "share of unseen words").by_chance < 0.05
    assert trigrams(["", "x"]).shape[0] == 2


def test_an_embedding_is_one_column() -> None:
    rng = np.random.default_rng(0)
    old, new = ({f"e{k}": rng.normal(shift_by if k == 3 else 0, 1, 300) for k in range(8)} for shift_by in (0.0, 1.0))
    result = shift(old, new, embedding="e*")
    assert [(one.column, one.kind, one.moved) for one in result.record.columns] == [("e0 to e7", "embedding", True)]
    assert measure(result.record.columns[0], "MMD").value > measure(result.record.columns[0], "MMD").by_chance


def model(n: int, seed: int, *, centre: float = 0.0, prior: float = 0.0, turned: bool = False) -> pd.DataFrame:
    """x moves (covariate), the classes' shares move with x following them (label), or the relation turns (concept)."""
    rng = np.random.default_rng(seed)
    if prior:
        y = (rng.random(n) < prior).astype(int)
        x = rng.normal(2.0 * y - 1, 1.0, n)
    else:
        x = rng.normal(centre, 1.2, n)
        y = (rng.random(n) < 1 / (1 + np.exp(-2 * x))).astype(int)
    score = 1 / (1 + np.exp(-2 * x))
    if turned:
        y = np.where(rng.random(n) < 0.25, 1 - y, y)
    group = np.where(x + rng.normal(0, 1, n) > 0.5, "north", "south")
    return pd.DataFrame({"x": x, "group": group, "target": y, "score": score, "prediction": (score >= 0.5).astype(int)})


def test_covariate_shift_is_told() -> None:
    result = shift(model(6000, 1), model(5000, 2, centre=-0.8))
    assert result.record.nature is not None
    assert result.record.nature.word == "covariate shift"
    expected, seen = result.record.expected[0], result.record.metric_change
    assert seen is not None
    assert expected.reliable
    assert expected.low <= seen.difference <= expected.high


def test_label_shift_is_told() -> None:
    result = shift(model(6000, 1, prior=0.5), model(5000, 2, prior=0.8))
    assert result.record.nature is not None
    assert result.record.nature.word == "label shift"


def test_concept_shift_is_told_and_fails() -> None:
    result = shift(model(6000, 1), model(5000, 2, turned=True))
    assert result.record.nature is not None
    assert result.record.nature.word == "concept shift"
    assert result.status == "fail"
    assert "ccuracy fell from" in result.sentence


def test_no_shift_of_the_model_passes() -> None:
    result = shift(model(120_000, 1), model(100_000, 2), metric="accuracy")
    assert result.record.nature is not None
    assert result.record.nature.word == "no shift told"
    assert result.record.metric_change is not None
    assert result.record.metric_change.word == "no meaningful difference"
    assert result.status == "pass"


def test_without_targets_the_metric_is_foretold() -> None:
    """Both ways agree with the truth that is held back; nothing about it is called seen."""
    old, new = model(6000, 1), model(5000, 2, centre=-0.8)
    truth = (new.target == new.prediction).mean() - (old.target == old.prediction).mean()
    result = shift(old, new.drop(columns="target"))
    weighted, scored = result.record.expected
    assert result.record.metric_change is None
    assert weighted.low <= truth <= weighted.high
    assert scored.low - 0.02 <= truth <= scored.high + 0.02
    assert scored.reliable
    assert "Without targets" in result.sentence
    assert result.status == "inconclusive"
    assert any("Label some current rows" in text for text in result.record.not_shown)
    assert result.record.metric == "accuracy"
    by_hand = np.maximum(new.score, 1 - new.score).mean()
    assert scored.expected == pytest.approx(by_hand, abs=1e-9)


def test_weights_that_cannot_be_relied_on_are_refused_in_words() -> None:
    result = shift(model(800, 1, centre=-3), model(800, 2, centre=3).drop(columns="target"), metric="accuracy")
    weighted = result.record.expected[0]
    assert not weighted.reliable
    assert any("not reliable" in note for note in weighted.notes)
    assert "if only the inputs moved" not in result.sentence


def test_a_rare_class_is_followed_by_f1() -> None:
    old, new = model(3000, 1, centre=-3), model(3000, 2, centre=-2.5)
    assert shift(old, new).record.metric == "f1"


def test_a_rank_metric_is_seen_but_not_weighted() -> None:
    result = shift(model(600, 1), model(600, 2), metric="roc_auc", by="group")
    assert result.record.metric_change is not None
    assert result.record.metric_change.difference is not None
    assert "roc_auc is not arithmetic" in (result.record.expected[0].reason or "")
    assert "do not add up" in (result.record.decompositions[0].reason or "")


def test_scores_that_are_off_are_not_relied_on() -> None:
    old, new = model(4000, 1), model(4000, 2)
    for one in (old, new):
        one["score"] = np.where(one["score"] > 0.5, 0.99, 0.01)
    scored = shift(old, new.drop(columns="target")).record.expected[1]
    assert not scored.reliable
    assert any("do not trust it" in note for note in scored.notes)


def test_mix_and_within_of_slices() -> None:
    rng = np.random.default_rng(0)

    def side(n: int, share: float, worse: float) -> pd.DataFrame:
        domain = np.where(rng.random(n) < share, "tweets", "films")
        y = rng.integers(0, 2, n)
        right = rng.random(n) < np.where(domain == "tweets", 0.7 - worse, 0.95)
        return pd.DataFrame({"domain": domain, "y": y, "prediction": np.where(right, y, 1 - y)})

    old, new = side(4000, 0.2, 0.0), side(3000, 0.7, 0.1)
    found = shift(old, new, by="domain").record.decompositions[0]
    assert found.total == pytest.approx(found.mix + found.within)
    p, q = ({d: float((one.domain == d).mean()) for d in ("tweets", "films")} for one in (old, new))
    a, b = ({d: float((g.y == g.prediction).mean()) for d, g in one.groupby("domain")} for one in (old, new))
    assert found.mix == pytest.approx(sum((q[d] - p[d]) * (a[d] + b[d]) / 2 for d in p))
    assert found.within == pytest.approx(sum((q[d] + p[d]) / 2 * (b[d] - a[d]) for d in p))
    first = found.slices[0]
    assert first.slice == {"domain": "tweets"}
    assert first.impact == pytest.approx(first.n_current * (b["tweets"] - a["tweets"]))
    assert found.mix_high < 0
    assert sum(one.mix for one in found.slices) == pytest.approx(found.mix)


def test_a_regression_and_a_formula() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3000))
    old, new = (
        pd.DataFrame({"x": v, "target": v + rng.normal(0, 1 + k, 3000), "prediction": v}) for k, v in enumerate(x)
    )
    result = shift(old, new, task="regression", metric="root_mean_squared_error")
    assert result.status == "fail"
    assert result.record.metric_change.difference == pytest.approx(1.0, abs=0.1)
    profit = shift(model(500, 1), model(500, 2), metric="profit=10*tp - 4*fp")
    assert profit.record.metric == "profit"


HOSTILE = ["", " ", "a,b", 'quo"te', "'; DROP TABLE x; --", "<script>alert(1)</script>", "Ünïcode ☃", "c0", "k", "t0"]


def test_hostile_names_and_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame({name: rng.normal(size=300) for name in HOSTILE}) for _ in range(2)]
    for frame in frames:
        frame["=cmd()"] = rng.choice(["<b>x</b>", "\x1b[31mred", "=1+1", "‮abc"], 300)
    result = shift(*frames)
    assert len(result.record.columns) == len(HOSTILE) + 1
    page = result.render("html")
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
    assert "\x1b" not in page + str(result)


def test_columns_of_one_table_only_are_said() -> None:
    old, new = table(200, 1), table(200, 2).rename(columns={"income": "salary"})
    left = {one.column: one.reason for one in shift(old, new).record.left_out}
    assert left["income"] == "only in reference"
    assert left["salary"] == "only in current"
    assert "a name" in left["id"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"a": [1.0] * 50}, {"a": [1.0] * 80}, "every row is '1' in both"),
        ({"a": [None, None, 3.0]}, {"a": [float("nan")] * 4}, "it has no values in the current table"),
        ({"a": [1.5]}, {"a": [2.5]}, "not told from chance"),
        ({"a": ["x"] * 30}, {"a": ["y"] * 30}, "1 level the reference lacks"),
        ({"a": [""] * 30}, {"a": ["y"] * 30}, "it has no values in the reference table"),
    ],
)
def test_columns_that_say_little(old: dict[str, Any], new: dict[str, Any], said: str) -> None:
    result = shift(old, new)
    assert said in result.record.columns[0].sentence
    assert result.render("html")
    json.loads(result.to_json())


def test_few_rows_where_nothing_moved_do_not_pass() -> None:
    result = shift({"a": [1.0, 2.0, 3.0]}, {"a": [2.0, 3.0, 4.0]})
    assert result.status == "inconclusive"
    assert "3 rows can hide a lot" in result.sentence
    assert result.record.joint.reason


def test_numbers_on_one_side_only_are_compared_as_words() -> None:
    result = shift({"a": [str(k % 3) for k in range(90)]}, {"a": ["low", "mid", "high"] * 30})
    found = result.record.columns[0]
    assert found.kind == "category"
    assert any("compared as words" in note for note in found.notes)


def test_text_numbers_that_cannot_be_read_are_counted() -> None:
    old = {"a": [str(k) for k in range(200)]}
    new = {"a": [*(str(k) for k in range(196)), "?", "oops", "x", "y"]}
    assert "4 values of current are no numbers: taken as missing" in shift(old, new).record.columns[0].notes


def test_times_are_left_out() -> None:
    old = {"day": [f"2026-01-{1 + k % 28:02d}" for k in range(90)], "a": range(90)}
    assert [one.reason for one in shift(old, old).record.left_out] == ["a time moves by itself"]


def test_the_same_input_and_seed_give_the_same_bytes() -> None:
    old, new = table(400, 1), table(300, 2, age=2)
    assert shift(old, new, seed=3).to_json() == shift(old, new, seed=3).to_json()
    assert shift(old, old).record.moved == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": "agee"}, "Did you mean 'age'"),
        ({"text": "nope"}, "no column 'nope'"),
        ({"embedding": "e*"}, "no column 'e"),
        ({"metric": "accuracy"}, "a metric needs a target"),
        ({"by": "plan"}, "a metric needs a target"),
        ({"level": 1.2}, "level"),
        ({"seed": -1}, "whole number"),
        ({"embedding": "plan"}, "does not hold numbers"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("*", r"\*").replace("(", r"\(")):
        shift(table(60, 1), table(60, 2), **options)


def test_tables_without_a_common_column() -> None:
    with pytest.raises(DataError, match="no column to compare"):
        shift({"a": [1, 2]}, {"b": [1, 2]})


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="accuracy"):
        shift(model(200, 1), model(200, 2), metric="acuracy")


def test_the_command_line(tmp_path: Path, cli: Callable[..., Any]) -> None:
    pytest.importorskip("seatrial.app.shift_command")
    from seatrial.app.cli import app

    if not any(one.callback.__name__ == "shift" for one in app.registered_commands if one.callback):
        pytest.skip("the command is not registered yet")
    model(600, 1).to_csv(tmp_path / "old.csv", index=False)
    model(600, 2, turned=True).to_csv(tmp_path / "new.csv", index=False)
    ran = cli("shift", tmp_path / "old.csv", tmp_path / "new.csv", "--by", "group", "--json", "-", "--exit-code")
    assert ran.code == 1, ran.err
    assert ran.json["kind"] == "shift"
    assert ran.json["metric_change"]["word"] == "worse"
    assert str(tmp_path) not in ran.out
    assert cli("shift", tmp_path / "old.csv", tmp_path / "none.csv").code == 64


def test_every_kind_of_page_says_the_same() -> None:
    result = shift(model(900, 1), model(900, 2, centre=-0.8), by="group")
    sentence = result.sentence
    for kind in ("html", "markdown", "text"):
        page = " ".join(result.render(kind).replace("&#39;", "'").split())
        assert " ".join(sentence.split()[:6]) in page
        assert "What this does not show" in page
    assert len(result.render("html").encode()) < 2_000_000


def image_folder(place: Path, seed: int, *, lighter: int = 0) -> Path:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(seed)
    for k in range(80):
        pixels = rng.integers(0, 180, (12, 16, 3)) + lighter
        (place / "ab"[k % 2]).mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels.astype(np.uint8)).save(place / "ab"[k % 2] / f"{k:03d}.png")
    return place


def channel_means(images: list[Any]) -> np.ndarray:
    return np.array([np.asarray(one, float).mean(axis=(0, 1)) for one in images])


def test_images_are_compared_by_what_they_look_like(tmp_path: Path) -> None:
    old, same, light = (
        image_folder(tmp_path / name, seed, lighter=by)
        for seed, (name, by) in enumerate([("old", 0), ("same", 0), ("light", 40)])
    )
    nothing = shift(str(old), str(same), embed=channel_means)
    assert nothing.record.moved == 0
    found = shift(old, light, embed=channel_means)
    moved = {one.column for one in found.record.columns if one.moved}
    assert {"brightness", "red", "green", "blue", "image embedding"} <= moved
    assert {"contrast", "width", "height", "class"}.isdisjoint(moved)
    assert "its mean rose from 0.35" in column(found, "brightness").sentence
    assert found.record.sources[1].name == "light"
    assert found.render("html")
    with pytest.raises(UsageError, match="like with like"):
        shift(old, {"a": [1, 2]})


def test_texts_are_embedded_by_a_function(tmp_path: Path) -> None:
    (tmp_path / "embedder.py").write_text(
        "def letters(texts):\n    return [[text.count(one) / len(text) for one in 'aeiou'] for text in texts]\n"
        "def broken(texts):\n    return [1, 2]\n"
    )
    old, new = table(300, 1), table(300, 2, words=[*WORDS[:6], "email", "invoice"])
    found = shift(old[["note"]], new[["note"]], embed=f"{tmp_path / 'embedder.py'}:letters")
    one = column(found, "note (embedding)")
    assert one.moved
    assert "embedder.py:letters" in one.notes[0]
    assert str(tmp_path) not in found.to_json()
    with pytest.raises(UsageError, match="one vector of the same length"):
        shift(old[["note"]], new[["note"]], embed=f"{tmp_path / 'embedder.py'}:broken")
    with pytest.raises(UsageError, match="there are none here"):
        shift(old[["age"]], new[["age"]], embed=channel_means)
