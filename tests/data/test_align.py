"""The frame fulfils its contract: rows, order, codes, types, counts."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.data.align import align, align_apart
from seatrial.data.frame import Frame
from seatrial.data.predictions import read, read_models
from seatrial.errors import DataError, UsageError

Rows = dict[str, Any]


def _pair(baseline: Rows, candidate: Rows, **options: Any) -> Frame:
    named = {
        name: options.pop(name) for name in list(options) if name in ("positive", "task", "threshold", "weight", "id")
    }
    return align(read_models([baseline, candidate], names=["a", "b"], **named), **options)


def _columns(frame: Frame) -> dict[str, str]:
    return {row[0]: row[1] for row in frame.engine.rows(f"DESCRIBE SELECT * FROM {frame.table}")}  # type: ignore[attr-defined]


def test_the_frame_has_the_columns_of_its_contract(binary: Rows) -> None:
    other = {**binary, "prediction": 1 - binary["prediction"]}
    frame = _pair(binary, other, slices=["sex", "age:4"], columns=["age"], texts=["sex"], cluster="age")
    assert _columns(frame) == {
        "row": "BIGINT",
        "id": "VARCHAR",
        "target": "INTEGER",
        "prediction_0": "INTEGER",
        "prediction_1": "INTEGER",
        "score_0": "DOUBLE",
        "score_1": "DOUBLE",
        "value_0_0": "DOUBLE",
        "value_1_0": "DOUBLE",
        "value_0_1": "DOUBLE",
        "value_1_1": "DOUBLE",
        "text_0": "VARCHAR",
        "slice_0": "INTEGER",
        "slice_1": "INTEGER",
        "cluster": "INTEGER",
    }
    assert (frame.task, frame.labels, frame.positive, frame.scored) == ("binary", ("0", "1"), 1, (True, True))
    assert frame.values == ("age", "latency_ms")
    assert frame.present == (frozenset({0, 1}), frozenset({0, 1}))
    found = frame.arrays(["row", "target", "prediction_0", "prediction_1", "score_1", "value_1_0", "text_0", "cluster"])
    assert found["row"].tolist() == list(range(60))
    assert found["target"].tolist() == binary["target"].tolist()
    assert found["prediction_1"].tolist() == (1 - binary["prediction"]).tolist()
    assert found["score_1"].tolist() == binary["score"].tolist()
    assert found["value_1_0"].tolist() == binary["age"].tolist()
    assert found["text_0"].tolist() == binary["sex"].tolist()
    assert (
        set(found["cluster"].tolist()) == set(range(frame.n_clusters)) == set(range(len(set(binary["age"].tolist()))))
    )
    by_age = dict(zip(binary["age"].tolist(), found["cluster"].tolist(), strict=True))
    assert [by_age[age] for age in binary["age"].tolist()] == found["cluster"].tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-50, 10**12), min_size=8, max_size=40, unique=True),
    st.randoms(use_true_random=False),
    st.sampled_from(["int", "float", "text", "padded"]),
)
def test_the_join_is_that_of_a_dictionary(ids: list[int], random: Any, form: str) -> None:
    write = {"int": int, "float": float, "text": str, "padded": lambda one: f"x{one}"}[form]
    other = list(ids[: max(6, len(ids) * 3 // 4)])
    random.shuffle(other)
    target = {one: random.randrange(3) for one in ids}
    first = {one: random.randrange(3) for one in ids}
    second = {one: random.randrange(3) for one in other}
    baseline = {
        "id": [write(one) for one in ids],
        "y": [f"c{target[one]}" for one in ids],
        "pred": [f"c{first[one]}" for one in ids],
    }
    exact = (lambda one: one) if form == "float" else write
    candidate = {
        "id": [exact(one) for one in other],
        "y": [f"c{target[one]}" for one in other],
        "pred": [f"c{second[one]}" for one in other],
    }
    frame = _pair(baseline, candidate, task="multiclass")
    expected = [one for one in ids if one in second]
    shown = [f"x{one}" if form == "padded" else str(one) for one in expected]
    found = frame.arrays(["id", "target", "prediction_0", "prediction_1"])
    assert found["id"].tolist() == shown
    assert [frame.labels[code] for code in found["target"]] == [f"c{target[one]}" for one in expected]
    assert [frame.labels[code] for code in found["prediction_1"]] == [f"c{second[one]}" for one in expected]
    assert frame.unmatched == (len(ids) - len(expected), 0)


@pytest.mark.parametrize(
    ("left", "right", "matched"),
    [
        ([1, 2, 3, 4], ["1", "2", "3", "4"], 4),
        ([1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4], 4),
        (["1.0", "2.0", "3.0", "4.0"], [1, 2, 3, 4], 4),
        (["01", "2", "3", "4"], ["1", "2", "3", "4"], 3),
        (["a", "b", "1.0", "d"], ["a", "b", "1", "d"], 3),
        ([1.5, 2.5, 3.0, 4.0], ["1.5", "2.5", "3", "4"], 4),
        ([2**60, 2**60 + 1, 3, 4], [str(2**60), str(2**60 + 1), "3", "4"], 4),
        (["99999999999999999999", "2", "3", "4"], ["99999999999999999999", "2", "3", "4"], 4),
        ([" a", "b", "c", "d"], ["a", "b", "c", "d"], 3),
    ],
)
def test_ids_are_equal_when_they_say_the_same(left: list[Any], right: list[Any], matched: int) -> None:
    rows = {"y": [0, 1, 0, 1], "pred": [0, 1, 1, 1]}
    assert _pair({"id": left, **rows}, {"id": right, **rows}).n == matched


def test_missing_and_duplicate_ids_are_counted_and_the_first_kept() -> None:
    baseline = {"id": ["a", "b", "b", None, "", "c", "d", "e"], "y": ["0"] * 4 + ["1"] * 4, "pred": ["0", "1"] * 4}
    candidate = {"id": ["e", "d", "c", "b", "a"], "y": ["1", "1", "1", "0", "0"], "pred": ["1"] * 5}
    frame = _pair(baseline, candidate)
    assert frame.arrays(["id", "prediction_0"])["id"].tolist() == ["a", "b", "c", "d", "e"]
    assert frame.arrays(["prediction_0"])["prediction_0"].tolist() == [0, 1, 1, 0, 1]
    side = frame.sides[0]
    assert (side.rows, side.duplicate_ids, side.missing_ids, side.matched) == (8, 1, 2, 5)
    assert frame.unmatched == (2, 0)
    assert frame.matched_share == pytest.approx(5 / 7)


def test_fewer_than_half_matched_is_refused_with_the_ids() -> None:
    rows = {"y": [0, 1] * 5, "pred": [0, 1] * 5}
    with pytest.raises(DataError, match=r"Only 4 of 10 examples.*'id' of a \(such as '0', '1'\).*--id"):
        _pair({"id": range(10), **rows}, {"id": range(6, 16), **rows})
    assert _pair({"id": range(10), **rows}, {"id": range(5, 15), **rows}).n == 5


def test_without_an_id_the_ways_out_are_named() -> None:
    rows = {"y": [0, 1] * 5, "pred": [0, 1] * 5}
    with pytest.raises(UsageError, match=r"--id.*--id @row.*--unpaired"):
        _pair(dict(rows), dict(rows))
    frame = _pair(dict(rows), {**rows, "pred": [1, 1] * 5}, id="@row")
    assert (frame.n, frame.has_id) == (10, False)
    assert frame.arrays(["id", "prediction_1"])["id"].tolist() == [None] * 10
    assert frame.arrays(["prediction_1"])["prediction_1"].tolist() == [1] * 10
    assert _pair(dict(rows), dict(rows), pair_by_row=True).n == 10
    with pytest.raises(DataError, match="different numbers"):
        _pair(dict(rows), {"y": [0, 1], "pred": [0, 1]}, id="@row")


def test_models_of_one_file_need_no_id() -> None:
    rows = {"y": [0, 1, 1], "a": [0, 1, 0], "b": [1, 1, 1]}
    frame = align(read_models([rows], models=["a", "b"]))
    found = frame.arrays(["prediction_0", "prediction_1"])
    assert (found["prediction_0"].tolist(), found["prediction_1"].tolist()) == ([0, 1, 0], [1, 1, 1])


def test_models_one_below_the_other_are_paired_by_id() -> None:
    rows = pd.DataFrame(
        {
            "model": ["n", "n", "o", "o", "o"],
            "id": [2, 1, 1, 2, 3],
            "y": [1, 0, 0, 1, 1],
            "pred": [1, 1, 0, 0, 0],
            "cost": [1, 2, 3, 4, 5],
        }
    )
    frame = align(read_models([rows]))
    found = frame.arrays(["id", "prediction_0", "prediction_1", "value_0_0", "value_1_0"])
    assert found["id"].tolist() == ["2", "1"]
    assert found["prediction_0"].tolist() == [1, 1]
    assert found["prediction_1"].tolist() == [0, 0]
    assert found["value_0_0"].tolist() == [1, 2]
    assert found["value_1_0"].tolist() == [4, 3]
    assert frame.unmatched == (0, 1)


def test_labels_are_one_list_for_all_files() -> None:
    baseline = {"id": [1, 2, 3], "y": [1, 0, 1], "pred": [True, False, True]}
    candidate = {"id": [1, 2, 3], "y": [1.0, 0.0, 1.0], "pred": ["1", "0.0", "0"]}
    frame = _pair(baseline, candidate)
    assert frame.labels == ("0", "1")
    found = frame.arrays(["target", "prediction_0", "prediction_1"])
    assert [column.tolist() for column in found.values()] == [[1, 0, 1], [1, 0, 1], [1, 0, 0]]
    assert frame.facts.target_disagreements == (0, 0)


def test_a_label_only_predicted_counts() -> None:
    frame = align([read({"id": [1, 2], "y": ["a", "b"], "pred": ["a", "refused"]})])
    assert (frame.task, frame.labels) == ("multiclass", ("a", "b", "refused"))


def test_more_labels_than_a_map_holds_are_joined() -> None:
    labels = [f"class {at:03d}" for at in range(300)]
    rows = {"id": range(600), "y": labels * 2, "pred": labels[::-1] * 2}
    frame = _pair(rows, {**rows, "pred": labels * 2})
    found = frame.arrays(["row", "target", "prediction_0", "prediction_1"])
    assert frame.labels == tuple(labels)
    assert found["row"].tolist() == list(range(600))
    assert found["target"].tolist() == list(range(300)) * 2
    assert found["prediction_0"].tolist() == list(range(299, -1, -1)) * 2
    assert found["prediction_1"].tolist() == list(range(300)) * 2


def test_disagreeing_targets_are_counted_and_shown() -> None:
    rows = {"id": ["p", "q", "r", "s"], "y": [0, 1, 0, None], "pred": [0, 1, 1, 1]}
    frame = _pair(rows, {**rows, "y": [1, 1, 1, 1]})
    assert frame.facts.target_disagreements == (0, 2)
    assert frame.facts.disagreeing_ids == ((), ("p", "r"))
    assert frame.arrays(["target"])["target"].tolist() == [0, 1, 0, -1]


def test_scores_alone_are_cut_at_the_threshold() -> None:
    rows = {"id": [1, 2, 3, 4], "y": [0, 1, 1, 0], "score": [0.5, 0.49, None, 0.9]}
    assert align([read(rows)]).arrays(["prediction_0"])["prediction_0"].tolist() == [1, 0, -1, 1]
    assert align([read(rows, threshold=0.6)]).arrays(["prediction_0"])["prediction_0"].tolist() == [0, 0, -1, 1]


def test_scores_per_class_give_the_largest_and_the_first_of_equal_ones() -> None:
    rows = {
        "id": [1, 2, 3],
        "y": ["a", "b", "c"],
        "score_a": [0.2, 0.4, None],
        "score_b": [0.5, 0.4, None],
        "score_c": [0.3, 0.2, None],
    }
    frame = align([read(rows)])
    assert (frame.task, frame.scored) == ("multiclass", (True,))
    assert frame.arrays(["prediction_0"])["prediction_0"].tolist() == [1, 0, -1]
    assert frame.arrays(["score_0_1"])["score_0_1"][:2].tolist() == [0.5, 0.4]


def test_two_scores_of_a_binary_task_are_one() -> None:
    rows = {"id": [1, 2], "y": ["no", "yes"], "prob_no": [0.9, 0.2], "prob_yes": [0.1, 0.8]}
    assert align([read(rows)]).arrays(["score_0"])["score_0"].tolist() == [0.1, 0.8]


def test_unreadable_and_infinite_scores_are_missing_and_counted() -> None:
    rows = {"id": range(6), "y": [0, 1] * 3, "pred": [0, 1] * 3, "score": ["0.5", "x", "NaN", "inf", "NA", None]}
    frame = align([read(rows)])
    facts = next(one for one in frame.facts.columns if one.role == "score")
    assert (facts.missing, facts.unreadable, facts.not_finite) == (2, 1, 2)
    assert np.isnan(frame.arrays(["score_0"])["score_0"]).tolist() == [False] + [True] * 5


@pytest.mark.parametrize(
    ("target", "prediction", "task"),
    [
        ([0.5, 1.5, 2.5], [1, 2, 3], "regression"),
        (list(range(60)), list(range(60)), "regression"),
        (list(range(50)), list(range(50)), "multiclass"),
        ([1, 2, 3, 4, 5], [1.2, 2.2, 3.1, 4.7, 5.0], "regression"),
        ([f"{at}x" for at in range(60)], [f"{at}x" for at in range(60)], "multiclass"),
        ([0, 1, 1], [1, 1, 1], "binary"),
        ([1, 1, 1], [1, 1, 1], "binary"),
        (["cat", "cat"], ["cat", "cat"], "multiclass"),
    ],
)
def test_the_task_comes_from_the_data(target: list[Any], prediction: list[Any], task: str) -> None:
    frame = align([read({"id": range(len(target)), "target": target, "prediction": prediction})])
    assert frame.task == task


def test_the_task_can_be_said() -> None:
    rows = {"id": range(60), "target": list(range(60)), "prediction": list(range(60))}
    assert align([read(rows, task="multiclass")]).task == "multiclass"
    with pytest.raises(UsageError, match=r"--task binary.*60 labels"):
        align([read(rows, task="binary")])
    with pytest.raises(DataError, match=r"holds no numbers"):
        align([read({"id": [1], "target": ["a"], "prediction": ["b"]}, task="regression")])


def test_one_label_knows_its_opposite_or_is_asked_for() -> None:
    assert align([read({"id": [1, 2], "y": [0, 0], "pred": [0, 0]})]).labels == ("0", "1")
    rows = {"id": [1, 2], "y": ["ok", "ok"], "score": [0.1, 0.9]}
    with pytest.raises(DataError, match=r"only label is 'ok'.*--positive"):
        align([read(rows)])
    frame = align([read(rows, positive="fraud")])
    assert (frame.labels, frame.positive) == (("fraud", "ok"), 0)


def test_a_number_of_many_distinct_labels_is_refused() -> None:
    rows = {"id": range(6000), "y": [f"t{at}" for at in range(6000)], "pred": [f"t{at}" for at in range(6000)]}
    with pytest.raises(DataError, match=r"more than 5,000 different labels.*--target"):
        align([read(rows)])


def test_regression_keeps_numbers() -> None:
    rows = {"id": [1, 2, 3], "y": [0.5, None, 2.5], "pred": [1, 2, 3]}
    frame = _pair(rows, {**rows, "y": [0.5 + 1e-12, 1, 2.6]})
    assert frame.task == "regression"
    assert frame.facts.target_disagreements == (0, 1)
    assert frame.arrays(["target"])["target"][[0, 2]].tolist() == [0.5, 2.5]


def test_multilabel() -> None:
    rows = {
        "id": [1, 2, 3],
        "target_a": [0, 1, 1],
        "target_b": [True, False, None],
        "score_a": [0.1, 0.6, 0.5],
        "prediction_b": ["1", "0", "1"],
    }
    frame = align([read(rows)])
    assert (frame.task, frame.labels) == ("multilabel", ("a", "b"))
    found = frame.arrays(["target_l0", "target_l1", "prediction_0_l0", "prediction_0_l1", "score_0_l0"])
    assert found["target_l1"].tolist() == [1, 0, -1]
    assert found["prediction_0_l0"].tolist() == [0, 1, 1]
    assert found["prediction_0_l1"].tolist() == [1, 0, 1]
    with pytest.raises(DataError, match="must hold 0 and 1"):
        align([read({**rows, "target_a": [0, 1, 2]})])


def test_operational_columns_are_each_versions_own() -> None:
    rows = {"id": [1, 2], "y": [0, 1], "pred": [0, 1]}
    frame = _pair(
        {**rows, "latency_ms": [5, 6], "amount": [10, 20]},
        {**rows, "latency_ms": [1, 2], "cost": [3, 4]},
        columns=["amount"],
    )
    assert frame.values == ("amount", "latency_ms", "cost")
    assert frame.present == (frozenset({0, 1}), frozenset({0, 1}), frozenset({1}))
    found = frame.arrays(["value_0_0", "value_1_0", "value_0_1", "value_1_1", "value_0_2", "value_1_2"])
    assert [column.tolist() for column in found.values()][:4] == [[10, 20], [10, 20], [5, 6], [1, 2]]
    assert np.isnan(found["value_0_2"]).all()
    assert found["value_1_2"].tolist() == [3, 4]
    with pytest.raises(UsageError, match=r"no column 'amont'.*Did you mean 'amount'"):
        _pair({**rows, "amount": [1, 2]}, rows, columns=["amont"])


def test_weights() -> None:
    rows = {"id": [1, 2, 3], "y": [0, 1, 1], "pred": [0, 1, 0], "w": [1, 2.5, 0]}
    frame = align([read(rows, weight="w")])
    assert (frame.weight, frame.arrays(["weight"])["weight"].tolist()) == ("w", [1, 2.5, 0])
    for bad in ([1, -1, 1], [1, None, 1], [1, "x", 1], [0, 0, 0]):
        with pytest.raises(DataError, match=r"weight"):
            align([read({**rows, "w": bad}, weight="w")])


def test_rows_without_a_cluster_are_clusters_of_their_own() -> None:
    rows = {"id": range(5), "y": [0, 1, 1, 0, 1], "pred": [0, 1, 0, 0, 1], "home": ["b", None, "a", "b", None]}
    frame = align([read(rows)], cluster="home")
    assert frame.n_clusters == 4
    assert frame.arrays(["cluster"])["cluster"].tolist() == [1, 2, 0, 1, 3]


def test_candidates_may_lack_the_target() -> None:
    frame = _pair({"id": [1, 2], "y": [0, 1], "pred": [0, 1]}, {"id": [2, 1], "pred": [0, 0]})
    assert frame.arrays(["prediction_1"])["prediction_1"].tolist() == [0, 0]


def test_apart_frames_share_labels_levels_and_bins() -> None:
    a = {"y": ["x", "y"] * 4, "pred": ["x"] * 8, "age": list(range(8)), "g": ["p"] * 8}
    b = {"y": ["y", "z"] * 4, "pred": ["z"] * 8, "age": list(range(8, 16)), "g": ["p", "q"] * 4}
    frames = align_apart(read_models([a, b]), slices=["age:2", "g"])
    assert [frame.labels for frame in frames] == [("x", "y", "z")] * 2
    assert [frame.slices for frame in frames] == [frames[0].slices] * 2
    assert frames[0].slices[0].levels[:2] == ("0 to 7", "8 to 15")
    assert frames[1].arrays(["slice_0"])["slice_0"].tolist() == [1] * 8
    assert frames[1].arrays(["slice_1"])["slice_1"].tolist() == [0, 1] * 4
    assert [frame.n for frame in frames] == [8, 8]
    assert frames[1].models == ("table (2)",)
    assert "prediction_0" in _columns(frames[1])


def test_many_models_at_once(binary: Rows) -> None:
    files = [
        {
            **binary,
            "prediction": np.roll(binary["prediction"], at),
            "id": binary["id"][::-1] if at % 2 else binary["id"],
        }
        for at in range(12)
    ]
    frame = align(read_models(files))
    for at in range(12):
        expected = np.roll(binary["prediction"], at)
        expected = expected[::-1] if at % 2 else expected
        assert frame.arrays([f"prediction_{at}"])[f"prediction_{at}"].tolist() == expected.tolist()


def test_the_same_input_gives_the_same_frame_at_any_thread_count(tmp_path: Path) -> None:
    from seatrial.data.engine import DuckDBEngine

    rng = np.random.default_rng(5)
    n = 300_000
    target = rng.integers(0, 2, n)
    table = pd.DataFrame(
        {"id": rng.permutation(n), "y": target, "pred": rng.integers(0, 2, n), "g": rng.integers(0, 15, n)}
    )
    table.to_csv(tmp_path / "a.csv", index=False)
    table.sample(frac=0.9, random_state=1).to_parquet(tmp_path / "b.parquet", index=False)
    found = []
    for threads in (1, 4):
        with DuckDBEngine(threads=threads) as engine:
            frame = align(read_models([tmp_path / "a.csv", tmp_path / "b.parquet"]), slices=["g"], engine=engine)
            found.append(
                {
                    name: column.tobytes()
                    for name, column in frame.arrays(["row", "target", "prediction_1", "slice_0"]).items()
                }
            )
            ids = frame.arrays(["id"])["id"]
    assert found[0] == found[1]
    kept = set(table.sample(frac=0.9, random_state=1)["id"])
    assert ids.tolist() == [str(one) for one in table["id"] if one in kept]


def test_guards() -> None:
    with pytest.raises(UsageError, match="at least one"):
        align([])
    with pytest.raises(UsageError, match="depth 2"):
        align([read({"id": [1], "y": [0], "pred": [1]})], cross=3)
    assert re.fullmatch(r"[0-9a-f]{64}", read({"id": [1], "y": [0], "pred": [1]}).sha256)


def test_the_rows_of_a_large_text_file_keep_their_order(tmp_path: Path) -> None:
    """Parallel reading must not shuffle: row, id and the pairing by row all stand on the order of the file."""
    from seatrial.data.engine import DuckDBEngine

    path = str(tmp_path / "large.csv")
    with DuckDBEngine() as engine:
        rows = (
            "SELECT i AS id, i % 2 AS y, hash(i) % 2 AS pred, (hash(i) % 1000) / 1000.0 AS score, hash(i + 1) % 9 AS g"
        )
        engine.execute(f"COPY ({rows} FROM range(1200000) t(i)) TO '{path}' (HEADER)")
    for threads in (2, 4):
        with DuckDBEngine(threads=threads) as engine:
            frame = align([read(path)], slices=["g"], engine=engine)
            assert (frame.arrays(["id"])["id"].astype(np.int64) == np.arange(1_200_000)).all()
            by_row = align(read_models([path], models=["pred", "score"], id="@row"), engine=engine)
            assert (by_row.arrays(["target"])["target"] == np.arange(1_200_000) % 2).all()
