"""What each probe does to a cell, in numbers that can be checked by hand."""

from pathlib import Path

import numpy as np
import pytest

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.probes import open_probe, perturbed, sampled_rows
from seatrial.evaluation.probes.base import kind_of
from seatrial.evaluation.probes.typing_slips import neighbours
from seatrial.evaluation.probes.wording import article_for, with_case_of, word_pattern
from seatrial.records.suite import ProbeSpec


def rows(columns: dict[str, list], **roles: str) -> LoadedDataset:
    n = len(next(iter(columns.values())))
    return LoadedDataset(
        name="rows",
        ids=tuple(f"r{k}" for k in range(n)),
        columns=columns,
        inputs=tuple(name for name in columns if name not in roles.values()),
        fingerprint="0",
        **roles,
    )


def after(probe: str, severity: float, columns: dict[str, list], seed: int = 0, **options: object) -> list:
    found = perturbed(rows(columns), ProbeSpec(probe=probe, options=options), severity, seed=seed)
    return list(found.dataset.columns[found.columns[0]])


def test_neighbours_on_a_keyboard():
    assert set(neighbours("qwerty")["s"]) == set("awedxz")
    assert set(neighbours("qwerty")["p"]) == set("ol")
    assert "y" in neighbours("qwertz")["x"]
    assert "z" in neighbours("qwertz")["t"]
    assert all(key in neighbours("azerty")[near] for key, found in neighbours("azerty").items() for near in found)


def test_typos_hit_about_the_share_of_letters_asked_for():
    texts = [f"{'abcdefghij' * 20}" for _ in range(200)]
    for severity in (0.05, 0.2):
        changed = after("typos", severity, {"text": texts})
        # replaced and dropped letters: at 0.7 of all slips, each counted once where the texts stay aligned
        dropped = sum(len(t) - len(c) for t, c in zip(texts, changed, strict=True))
        assert abs(dropped / (200 * 200)) < severity  # drops and doublings nearly cancel
        assert all(c.lower() == c for c in changed)
    kept = after("typos", 0.1, {"text": texts})
    share = np.mean(
        [sum(a == b for a, b in zip(t, k, strict=False)) / len(t) for t, k in zip(texts, kept, strict=True)]
    )
    assert share < 0.95


def test_case_upper_touches_every_word_at_1():
    assert after("case", 1.0, {"text": ["A don't-care Case", "x y"]}, to="upper") == ["A DON'T-CARE CASE", "X Y"]
    assert all(
        new != old
        for old, new in zip(
            ["one", "Two", "THREE"], after("case", 1.0, {"text": ["one Two THREE", "b c"]})[0].split(), strict=True
        )
    )


def test_punctuation_dropped_and_whitespace_removed():
    assert after("punctuation", 1.0, {"text": ["Well, it's (10:30)!", "a b."]}, how="drop") == ["Well its 1030", "a b"]
    assert after("whitespace", 1.0, {"text": ["a b\nc", "d e"]}, how="remove") == ["abc", "de"]
    assert after("whitespace", 1.0, {"text": ["a b", "d\te"]}, how="add") != ["a b", "d\te"]


def test_accents_stripped_composed_or_not():
    assert after("accents", 1.0, {"text": ["Ångström e\u0301tude naïve", "b a"]}, how="strip") == [
        "Angstrom etude naive",
        "b a",
    ]


def test_ocr_keeps_to_look_alikes():
    assert after("ocr", 1.0, {"text": ["0", "xyz x", "vv kk"]})[1:] == ["xyz x", "w kk"]
    assert after("ocr", 1.0, {"text": ["0", "kk pp"]})[0] in ("O", "o")


def test_synonyms_keep_case_and_article_and_take_a_users_list(tmp_path):
    texts = ["An EASY test", "A quick quick one"]
    assert after("synonyms", 1.0, {"text": texts}, words={"easy": "hard", "quick": ["odd"]}) == [
        "A HARD test",
        "An odd odd one",
    ]
    (tmp_path / "words.yaml").write_text("easy: [hard]\n")
    spec = ProbeSpec(probe="synonyms", options={"words": "words.yaml"})
    found = perturbed(rows({"text": texts}), spec, 1.0, seed=0, folder=tmp_path)
    assert found.dataset.columns["text"] == ["A HARD test", "A quick quick one"]
    assert found.touched == (True, False)
    with pytest.raises(UsageError, match="cannot be read"):
        after("synonyms", 1.0, {"text": texts}, words=str(tmp_path / "none.yaml"))


def test_truncation_keeps_whole_words_of_either_end():
    text = "one two  three four"
    assert after("truncation", 0.5, {"text": [text, "x"]}) == ["one two", "x"]
    assert after("truncation", 0.5, {"text": [text, "x"]}, side="start") == ["three four", "x"]
    assert after("truncation", 1.0, {"text": [text, "x"]}) == ["one", "x"]


def test_suffix_adds_as_many_sentences():
    assert after("suffix", 2.0, {"text": ["a b", "", "c d"]}, texts=["X."]) == ["a b X. X.", "X. X.", "c d X. X."]


def test_noise_is_normal_in_units_of_the_columns_own_deviation():
    rng = np.random.default_rng(0)
    values = (50 + 8 * rng.standard_normal(4000)).tolist()
    moved = np.array(after("noise", 0.5, {"x": values}, seed=7)) - values
    spread = np.std(values, ddof=1)
    # the mean of 4,000 draws within 4 standard errors, the deviation within 4 of its own
    assert abs(moved.mean()) < 4 * 0.5 * spread / np.sqrt(4000)
    assert abs(moved.std(ddof=1) / (0.5 * spread) - 1) < 4 / np.sqrt(2 * 4000)
    assert all(isinstance(x, int) for x in after("noise", 2.0, {"x": [1, 5, 9, 2]}))
    assert after("noise", 1.0, {"x": [3.0, 3.0, 3.0]}) == [3.0, 3.0, 3.0]


def test_noise_at_twice_the_severity_moves_twice_as_far():
    values = [float(k) for k in range(50)]
    one, two = (np.array(after("noise", s, {"x": values})) - values for s in (0.4, 0.8))
    assert np.allclose(two, 2 * one)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("thousandfold", 1000),
        ("thousandth", 1 / 1000),
        ("inch_as_cm", 1 / 2.54),
        ("cm_as_inch", 2.54),
        ("percent_as_fraction", 1 / 100),
        ("fraction_as_percent", 100),
    ],
)
def test_units(unit, factor):
    assert after("units", 1.0, {"x": [254.0, 0.0, -1.5]}, unit=unit) == pytest.approx([254 * factor, 0, -1.5 * factor])


def test_missing_and_units_hit_about_the_share_asked_for():
    values = [float(k + 1) for k in range(4000)]
    lost = sum(x is None for x in after("missing", 0.25, {"x": values}))
    assert abs(lost - 1000) < 4 * np.sqrt(4000 * 0.25 * 0.75)
    hit = sum(x != y for x, y in zip(after("units", 0.1, {"x": values}), values, strict=True))
    assert abs(hit - 400) < 4 * np.sqrt(4000 * 0.1 * 0.9)


def test_categories_take_each_other_level_alike_or_the_one_named():
    values = ["a", "b", "c", "d"] * 500
    found = after("categories", 1.0, {"c": values})
    assert all(x != y for x, y in zip(found, values, strict=True))
    of_a = [y for x, y in zip(values, found, strict=True) if x == "a"]
    counts = [of_a.count(level) for level in "bcd"]
    assert all(abs(count - 500 / 3) < 4 * np.sqrt(500 * 2 / 9) for count in counts)
    assert after("categories", 1.0, {"c": ["a", "b", "c"] * 5}, swaps={"a": "b"}) == ["b", "b", "c"] * 5
    assert after("categories", 1.0, {"c": [True, False] * 4}) == [False, True] * 4


def test_stale_takes_the_value_before_within_the_group():
    data = rows(
        {
            "x": [10.0, 20.0, None, 40.0, 50.0],
            "when": [1, 3, 2, 2, 4],
            "who": ["a", "a", "a", "b", "b"],
        },
        time="when",
        group="who",
    )
    found = perturbed(data, ProbeSpec(probe="stale", columns=("x",)), 1.0, seed=0)
    assert found.dataset.columns["x"] == [10.0, 10.0, None, 40.0, 40.0]
    assert found.touched == (False, True, False, False, True)
    lagged = perturbed(data, ProbeSpec(probe="stale", columns=("x",), options={"lag": 2}), 1.0, seed=0)
    assert lagged.touched == (False,) * 5


def test_images_keep_a_flat_picture_and_turn_a_marked_one():
    flat = np.full((8, 8, 3), 100, np.uint8)
    for probe in ("blur", "crop", "rotation"):
        assert np.array_equal(after(probe, open_probe(probe).ladder[-1], {"image": [flat]})[0], flat)
    assert set(np.unique(after("brightness", 0.5, {"image": [flat]}, how="brighter")[0])) == {150}
    assert set(np.unique(after("brightness", 0.5, {"image": [flat]}, how="darker")[0])) == {50}
    marked = np.zeros((9, 9), np.uint8)
    marked[0, 4] = 255
    turned = after("rotation", 90.0, {"image": [marked]})[0]
    assert turned[4, 0] == 255 or turned[4, 8] == 255
    noise = after("image_noise", 0.1, {"image": [np.full((100, 100, 1), 128, np.uint8)]})[0].astype(float)
    assert abs(noise.std() - 25.5) < 0.5


def test_a_wrong_image_is_refused():
    with pytest.raises(DataError, match="uint8 images"):
        perturbed(
            rows({"image": [np.zeros((2, 2, 3))]}), ProbeSpec(probe="blur", columns=("image",)), 1.0, seed=0
        ).dataset.columns["image"][0]


def test_images_are_changed_when_read():
    class Counted(list):
        reads = 0

        def __getitem__(self, at):
            Counted.reads += 1
            return super().__getitem__(at)

    images = Counted([np.zeros((4, 4, 3), np.uint8)] * 5)
    found = perturbed(rows({"image": images}), ProbeSpec(probe="brightness"), 0.5, seed=0)
    before = Counted.reads
    assert found.dataset.columns["image"][3].shape == (4, 4, 3)
    assert Counted.reads == before + 1


def test_rows_are_sampled_by_seed_and_id_whatever_their_order():
    data = rows({"x": [float(k) for k in range(100)]})
    spec = ProbeSpec(probe="noise", rows=10)
    chosen = sampled_rows(data, spec, seed=1)
    assert len(chosen) == 10
    assert list(chosen) == sorted(chosen)
    turned = data.taken(tuple(reversed(range(100))), fingerprint="1")
    assert {data.ids[at] for at in chosen} == {turned.ids[at] for at in sampled_rows(turned, spec, seed=1)}
    assert sampled_rows(data, spec, seed=2) != chosen


def test_kinds_of_columns():
    assert kind_of([1, None, 2.5]) == "number"
    assert kind_of([True, False]) == "category"
    assert kind_of(["a", "b"] * 5) == "category"
    assert kind_of([f"text {k}" for k in range(60)]) == "text"
    assert kind_of([None, None]) == "other"
    assert kind_of([["a"], ["b"]]) == "other"


def test_only_fitting_columns_are_taken_and_a_named_misfit_is_refused():
    data = rows(
        {"text": [f"words of row {k}" for k in range(9)], "x": [float(k) for k in range(9)], "c": ["a", "b", "c"] * 3}
    )
    assert perturbed(data, ProbeSpec(probe="typos"), 0.1, seed=0).columns == ("text",)
    assert perturbed(data, ProbeSpec(probe="missing"), 0.1, seed=0).columns == ("text", "x", "c")
    with pytest.raises(UsageError, match="column 'x' holds number"):
        perturbed(data, ProbeSpec(probe="typos", columns=("x",)), 0.1, seed=0)
    with pytest.raises(UsageError, match="Did you mean 'text'"):
        perturbed(data, ProbeSpec(probe="typos", columns=("texts",)), 0.1, seed=0)


STRANGER = '''
from seatrial.evaluation.probes import CellProbe

class Shout(CellProbe):
    """Marks at the end."""
    name = "shout"
    works_on = ("text",)
    ladder = (1.0, 3.0)
    top = 10.0
    means = "exclamation marks"
    mark: str = "!"

    def change(self, value, severity, rng):
        return value + self.mark * int(severity)

def reverse(value: str, severity, rng, *, every: int = 1):
    return value[::-1] if rng.random() < severity else value

def broken(value: str, severity, rng):
    raise KeyError("lost")

def wrong(value: str, severity, rng):
    return 7

def short(value):
    return value
'''


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(STRANGER)
    return tmp_path


def test_a_strangers_class_in_one_file(stranger):
    data = rows({"text": ["one two", "three"]})
    spec = ProbeSpec(probe="mine.py:Shout", options={"mark": "?"})
    found = perturbed(data, spec, 2.0, seed=0, folder=stranger)
    assert found.dataset.columns["text"] == ["one two??", "three??"]
    assert found.probe == "shout"
    with pytest.raises(UsageError, match=r"unknown key 'marks'.*Did you mean 'mark'"):
        open_probe("mine.py:Shout", {"marks": "?"}, folder=stranger)


def test_a_plain_function_in_one_file(stranger):
    data = rows({"text": ["one two", "three"], "x": [1.0, 2.0]})
    found = perturbed(data, ProbeSpec(probe=f"{stranger}/mine.py:reverse"), 1.0, seed=0)
    assert found.columns == ("text",)
    assert found.dataset.columns["text"] == ["owt eno", "eerht"]
    with pytest.raises(UsageError, match="Did you mean 'every'"):
        open_probe("mine.py:reverse", {"evry": 2}, folder=stranger)
    with pytest.raises(DataError, match="failed on row 'r0', column 'text': KeyError"):
        perturbed(data, ProbeSpec(probe="mine.py:broken"), 0.5, seed=0, folder=stranger)
    with pytest.raises(DataError, match="made int of str"):
        perturbed(data, ProbeSpec(probe="mine.py:wrong"), 0.5, seed=0, folder=stranger)
    with pytest.raises(UsageError, match="takes 1 parameters"):
        open_probe("mine.py:short", folder=stranger)
    with pytest.raises(UsageError, match="there is no 'nothing'"):
        open_probe("mine.py:nothing", folder=stranger)
    with pytest.raises(UsageError, match="no file"):
        open_probe("other.py:nothing", folder=stranger)


def test_a_wrong_name_says_what_was_meant():
    with pytest.raises(UsageError, match="Did you mean 'typos'"):
        open_probe("typo")


def test_words_and_articles():
    assert with_case_of("Big Dog", "small cat") == "Small Cat"
    assert word_pattern(["he"]).findall("The he-man, he's here; HE") == ["he", "he", "HE"]
    assert [article_for(w) for w in ("apple", "unicorn", "honest", "one", "X", "University")] == [
        "an",
        "a",
        "an",
        "a",
        "a",
        "a",
    ]
