"""Overlap: what is planted is found and counted exactly, what is not there is not."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.actions.overlap import overlap
from seatrial.data.dataset import LoadedDataset
from seatrial.errors import UsageError
from seatrial.evaluation.leakage import find_overlap, overlap_findings
from seatrial.evaluation.leakage.images import perceptual_hash, thumbnail
from seatrial.evaluation.leakage.texts import near_texts, normalised, similarity
from seatrial.records.overlap import Overlap, OverlapCheck

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("nt", "ck", "rm", "sh", "lo", "vy")]


def sentences(n: int, *, seed: int, words: int = 14) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, words)) for _ in range(n)]


def dataset(name: str, columns: dict[str, Any], **roles: Any) -> LoadedDataset:
    n = len(next(iter(columns.values())))
    inputs = tuple(column for column in columns if column not in roles.values())
    ids = tuple(f"{name}-{i}" for i in range(n))
    return LoadedDataset(name=name, ids=ids, columns=columns, inputs=inputs, fingerprint="0" * 64, **roles)


def check(of: Overlap, kind: str) -> OverlapCheck:
    return next(one for one in of.checks if one.kind == kind)


def test_planted_copies_and_near_copies_of_texts_are_counted_exactly() -> None:
    test, train = sentences(400, seed=1), sentences(900, seed=2)
    for i in range(30):
        test[i] = train[5 * i]
    for i in range(30, 50):
        test[i] = train[5 * i].upper() + "!"
    found = find_overlap(dataset("test", {"text": test}), dataset("train", {"text": train}))
    exact, near = check(found, "copies in the training data"), check(found, "near copies in the training data")
    assert (exact.count, near.count, exact.status) == (30, 20, "fail")
    assert set(near.ids) == {f"test-{i}" for i in range(30, 50)}
    assert {(pair.test, pair.other) for pair in near.pairs} <= {(f"test-{i}", f"train-{5 * i}") for i in range(30, 50)}
    assert set(found.copied) == {f"test-{i}" for i in range(50)}
    assert check(found, "copies within the test set").count == 0


def test_no_overlap_is_reported_between_independent_texts() -> None:
    found = find_overlap(
        dataset("test", {"text": sentences(500, seed=3)}), dataset("train", {"text": sentences(500, seed=4)})
    )
    assert found.status == "pass"
    assert "500 training rows" in found.sentence
    assert found.copied == ()


def test_near_texts_are_all_pairs_above_the_threshold() -> None:
    """Against every pair compared by brute force, with edits of all sizes."""
    rng = np.random.default_rng(5)
    train = sentences(150, seed=6)
    test = []
    for i in range(150):
        words = train[i].split()
        for _ in range(int(rng.integers(0, 5))):
            words[int(rng.integers(0, len(words)))] = str(rng.choice(WORDS))
        test.append(" ".join(words))
    one, two = dataset("test", {"text": test}), dataset("train", {"text": train})
    from seatrial.evaluation.leakage.columns import sides

    both, _ = sides(one, two)
    found = near_texts(both, threshold=0.8, seed=0)
    assert found is not None
    texts = [normalised(text) for text in (*test, *train)]
    first = np.repeat(np.arange(150), 150)
    second = 150 + np.tile(np.arange(150), 150)
    true = similarity(texts, first, second).reshape(150, 150)

    def grams(text: str) -> set[str]:
        return {text[i : i + 5] for i in range(len(text) - 4)}

    a, b = grams(texts[0]), grams(texts[150])
    assert true[0, 0] == pytest.approx(len(a & b) / len(a | b))
    assert 20 < (true.max(1) >= 0.8).sum() < 130
    assert (found[0].train >= 0).tolist() == (true.max(1) >= 0.8).tolist()
    hit = found[0].train >= 0
    assert found[0].train_alike[hit] == pytest.approx(true.max(1)[hit])


def test_short_texts_are_never_near_copies() -> None:
    rows = {"text": ["yes", "no", "yes!", "of course I do", "of course I did"] * 4}
    found = find_overlap(
        dataset("test", rows), dataset("train", {"text": ["yes?", "no", "of course I doo"] * 4}), text=["text"]
    )
    assert check(found, "near copies in the training data").count == 0
    assert check(found, "copies in the training data").count == 4
    assert any("under 20 characters" in note for note in check(found, "near copies in the training data").notes)


def test_equal_rows_of_a_table_whatever_their_types() -> None:
    test = dataset("test", {"a": [1, 2.0, None, 4], "b": ["x", "y", "", "w"]})
    train = dataset("train", {"a": np.array([1.0, 2.0, np.nan]), "b": ["x", "z", None]})
    found = find_overlap(test, train)
    assert check(found, "copies in the training data").ids == ("test-0", "test-2")


def test_rows_equal_but_for_one_column_or_for_rounding() -> None:
    rng = np.random.default_rng(7)
    train = {name: rng.normal(size=300).round(6).tolist() for name in "abcde"}
    test = {name: rng.normal(size=200).round(6).tolist() for name in "abcde"}
    for i in range(10):
        for name in "abcde":
            test[name][i] = train[name][i]
        test["c"][i] = 9.5
    for name in "abcde":
        test[name][10] = train[name][10] * (1 + 1e-7)
    near = check(find_overlap(dataset("test", test), dataset("train", train)), "near copies in the training data")
    assert near.count == 11
    assert {pair.how for pair in near.pairs} == {"equal but for 'c'", "equal but for rounding"}
    assert near.status == "warn"


def test_rows_of_few_values_come_near_by_chance_and_that_is_said() -> None:
    rng = np.random.default_rng(8)

    def rows(n: int) -> dict[str, Any]:
        return {name: rng.integers(0, 4, n).tolist() for name in "abcdef"}

    near = check(
        find_overlap(dataset("test", rows(400)), dataset("train", rows(600))), "near copies in the training data"
    )
    assert near.share is not None
    assert near.share > 0.5
    assert near.status == "pass"
    assert "the split did not bring this" in near.sentence


def test_contradictory_labels_bound_the_accuracy() -> None:
    columns = {"text": ["a b c d e f g h"] * 3 + sentences(7, seed=9), "y": [1, 1, 0, 0, 1, 0, 1, 0, 1, 1]}
    found = find_overlap(dataset("test", columns, target="y"), None)
    one = check(found, "equal inputs, different targets")
    assert one.count == 3
    assert "90 %" in one.sentence
    assert {pair.targets for pair in one.pairs} <= {("1", "0"), ("0", "1")}
    train = dataset("train", {"text": [columns["text"][5]], "y": [1]}, target="y")
    across = check(find_overlap(dataset("test", columns, target="y"), train), "equal inputs, different targets")
    assert across.count == 4


def test_groups_on_both_sides_and_time_travel() -> None:
    test = {
        "x": list(range(100)),
        "user": [f"u{i}" for i in range(100)],
        "day": ["2024-06-02"] * 90 + ["2024-05-01"] * 10,
    }
    train = {"x": list(range(200, 300)), "user": [f"u{i + 95}" for i in range(100)], "day": ["2024-06-01"] * 100}
    found = find_overlap(
        dataset("test", test, group="user", time="day"), dataset("train", train, group="user", time="day")
    )
    groups, travel = check(found, "groups on both sides"), check(found, "time travel")
    assert (groups.count, groups.status) == (5, "fail")
    assert groups.ids == tuple(f"test-{i}" for i in range(95, 100))
    assert (travel.count, travel.of) == (10, 100)
    assert "100 of 100 (100 %) training rows after the first test row" in travel.sentence
    assert "2024-05-01" in travel.sentence


def test_a_column_that_gives_the_target_away_is_named() -> None:
    rng = np.random.default_rng(10)
    y = rng.integers(0, 2, 500)
    columns = {
        "good": rng.normal(size=500) + y,
        "leak": np.where(y == 1, 3.0, -3.0) + rng.normal(size=500) * 0.4,
        "code": np.where(y == 1, "paid", "open").astype(object).tolist(),
        "y": y.tolist(),
    }
    one = check(find_overlap(dataset("test", columns, target="y"), None), "column gives the target away")
    assert {column.column for column in one.columns if column.gives_away} == {"leak", "code"}
    assert one.status == "warn"
    leak = next(column for column in one.columns if column.column == "code")
    assert (leak.measure, leak.value, leak.high) == ("accuracy", 1.0, 1.0)
    assert leak.low is not None
    assert leak.low < 1
    good = next(column for column in one.columns if column.column == "good")
    from scipy.stats import mannwhitneyu

    auc = mannwhitneyu(columns["good"][y == 1], columns["good"][y == 0]).statistic / (y.sum() * (1 - y).sum())
    assert good.measure == "AUC"
    assert good.value == pytest.approx(auc)


def test_chance_columns_are_not_called_giveaways() -> None:
    """Sixty columns of noise, most of which must not come near, with limits that hold together."""
    rng = np.random.default_rng(11)
    columns: dict[str, Any] = {f"n{i}": rng.normal(size=120) for i in range(40)}
    columns |= {f"c{i}": rng.integers(0, 40, 120).astype(str).tolist() for i in range(20)}
    columns["y"] = rng.integers(0, 2, 120).tolist()
    one = check(find_overlap(dataset("test", columns, target="y"), None), "column gives the target away")
    assert one.status == "pass"
    assert not any(column.gives_away for column in one.columns)


def test_an_id_that_follows_the_target_is_called_a_name_and_not_a_feature() -> None:
    columns = {"row": [f"case_{i}" for i in range(200)], "x": sentences(200, seed=12), "y": [0] * 100 + [1] * 100}
    found = find_overlap(dataset("test", columns, target="y"), None)
    one = check(found, "column gives the target away")
    assert one.columns[0].name_like
    assert "a name of rows" in one.sentence
    assert "sorted by target" in check(found, "order of the rows").sentence


def test_a_number_target_told_by_a_column() -> None:
    rng = np.random.default_rng(13)
    y = rng.lognormal(size=300)
    columns = {"price": y * 1.2 + rng.normal(size=300) * 0.001, "size": y + rng.normal(size=300), "y": y}
    one = check(find_overlap(dataset("test", columns, target="y"), None), "column gives the target away")
    assert [column.column for column in one.columns if column.gives_away] == ["price"]


def test_targets_named_in_the_text_against_those_of_other_rows() -> None:
    topics = ["football", "cooking", "gardening"]
    base = sentences(300, seed=14)
    labels = [topics[i % 3] for i in range(300)]
    leaky = {"text": [f"{text} [{label}]" for text, label in zip(base, labels, strict=True)], "y": labels}
    one = check(find_overlap(dataset("test", leaky, target="y"), None), "target named in the text")
    assert (one.count, one.status, len(one.ids)) == (300, "warn", 300)
    every = {"text": [f"{text} football cooking gardening" for text in base], "y": labels}
    plain = check(find_overlap(dataset("test", every, target="y"), None), "target named in the text")
    assert plain.status == "pass"


def test_images_brightened_scaled_and_others() -> None:
    rng = np.random.default_rng(15)

    def scene(seed: int) -> np.ndarray:
        own = np.random.default_rng(seed)
        grid = own.normal(size=(6, 6, 3))
        image = np.kron(grid, np.ones((12, 12, 1)))
        return np.clip(128 + 50 * image + own.normal(size=image.shape), 0, 255).astype(np.uint8)

    train = [scene(i) for i in range(60)]
    test = [scene(1000 + i) for i in range(40)]
    for i in range(5):
        test[i] = train[i].copy()
    for i in range(5, 10):
        test[i] = np.clip(train[i] * 0.9 + 6 + rng.normal(size=train[i].shape) * 3, 0, 255).astype(np.uint8)
    test[10] = train[10][::2, ::2]
    test[11] = np.full((72, 72, 3), 90, dtype=np.uint8)
    found = find_overlap(dataset("test", {"image": test}), dataset("train", {"image": train}))
    assert check(found, "copies in the training data").ids == tuple(f"test-{i}" for i in range(5))
    near = check(found, "near copies in the training data")
    assert near.ids == tuple(f"test-{i}" for i in range(5, 11))
    assert any("one colour" in note for note in near.notes)
    assert bin(perceptual_hash(thumbnail(test[5])) ^ perceptual_hash(thumbnail(train[5]))).count("1") <= 10


def test_training_data_may_lack_columns_and_it_is_said() -> None:
    found = overlap({"a": [1, 2, 3], "b": [1, 1, 2], "y": [0, 1, 0]}, {"a": [1, 5, 6]}, target="y").record
    assert check(found, "copies in the training data").count == 1
    assert any("lack b" in note for note in found.notes)


def test_findings_name_every_check() -> None:
    test = dataset("test", {"text": sentences(50, seed=16)})
    findings = overlap_findings(test, dataset("train", {"text": sentences(50, seed=17)}))
    assert [one.name for one in findings][:2] == ["copies in the training data", "near copies in the training data"]
    assert all(one.status == "pass" for one in findings)


def test_same_input_and_seed_give_the_same_bytes() -> None:
    test, train = {"text": sentences(80, seed=18)}, {"text": sentences(80, seed=18)[:9] + sentences(90, seed=19)}
    assert overlap(test, train).to_json() == overlap(test, train).to_json()


def test_hostile_texts_reach_no_page_as_markup(tmp_path: Path) -> None:
    bad = '<script>alert("x")</script> \x1b[31mred =HYPERLINK("http://x") | pipes and more words to be long'
    page = overlap({"text": [bad, *sentences(5, seed=20)]}, {"text": [bad]})
    html, markdown = page.render("html"), page.render("markdown")
    assert "<script>alert" not in html
    assert "\x1b" not in html + markdown + page.render("text")
    assert "<script>" not in re.sub(r"`[^`\n]*`", "", markdown)  # only inside code spans, where it is no markup


def test_the_command_line_writes_a_page_and_exits_by_the_finding(
    tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seatrial.app import cli as place
    from seatrial.app.overlap_command import overlap as command

    if "overlap" not in {one.callback.__name__ for one in place.app.registered_commands if one.callback}:
        place.app.command()(command)
    rows = sentences(40, seed=21)
    for name, texts in (("test.jsonl", rows), ("train.jsonl", rows[:10] + sentences(50, seed=22))):
        (tmp_path / name).write_text("\n".join(json.dumps({"id": i, "text": t}) for i, t in enumerate(texts)))
    ran = cli("overlap", tmp_path / "test.jsonl", tmp_path / "train.jsonl", "--json", "-", "--exit-code")
    assert ran.code == 1
    assert ran.json["kind"] == "overlap"
    assert ran.json["copied"] == [str(i) for i in range(10)]
    assert cli("overlap", tmp_path / "test.jsonl", "--target", "txet").code == 64


def test_a_threshold_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match=r"between 0\.5 and 1"):
        overlap({"text": ["a"]}, threshold=0.2)


def test_thirty_thousand_texts_against_as_many_take_seconds() -> None:
    test, train = sentences(30_000, seed=23, words=10), sentences(30_000, seed=24, words=10)
    test[:300] = [f"{text} x" for text in train[:300]]
    began = time.process_time()
    found = find_overlap(dataset("test", {"text": test}), dataset("train", {"text": train}))
    assert check(found, "near copies in the training data").count == 300
    assert time.process_time() - began < 20


def test_real_duplicates_of_cifar_are_found(shared_data: Path) -> None:
    """Pairs that a reader of the pictures sees at once."""
    found = overlap(shared_data / "images_cifar10" / "cifar10_test_jpeg.zip").record
    near = check(found, "near copies within the test set")
    assert {"03045_dog.jpg", "04259_dog.jpg", "01712_airplane.jpg", "05164_airplane.jpg"} <= set(near.ids)
    assert near.count is not None
    assert near.count < 100


def test_real_contradictions_of_clinc_are_found(shared_data: Path) -> None:
    folder = shared_data / "customer_support"
    found = overlap(folder / "clinc150_test.csv", folder / "clinc150_train.csv", target="intent").record
    one = check(found, "equal inputs, different targets")
    assert one.count == 2
    assert {pair.columns["text"][0] for pair in one.pairs} == {"where did you grow up", "what's your designation"}
