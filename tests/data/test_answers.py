"""Structured answers: how cells are read, what is counted of them, and what is said of those that cannot be read."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import seatrial as st
from seatrial.data.answers import boxes, entities, fields, text
from seatrial.data.answers.canonical import canonical
from seatrial.data.answers.coco import coco_table
from seatrial.data.answers.conll import conll_table
from seatrial.errors import DataError, UsageError

DATES = ["25/12/2018", "2018-12-25", "25.12.18", "25 Dec 2018", "December 25, 2018", "25-DEC-2018", "12/25/2018"]
AMOUNTS = ["1250.50", "1,250.50", "1.250,50", "$1250.5", "RM 1,250.50", "1250,5 EUR", "1'250.50"]


@pytest.mark.parametrize("many", [DATES, AMOUNTS, ["ACME  Ltd.", "acme ltd", "Acmé, Ltd"]])
def test_ways_to_write_one_value_have_one_form(many: list[str]) -> None:
    assert len({canonical(one) for one in many}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("01/02/2019", "2019-01-02"),  # day first
        ("12.50", "125.0"),
        ("1,250", "1.250"),  # a comma before three digits groups them, a point does not
        ("007", "7"),
        ("-5.00", "5.00"),
        ("30/02/2019", "2019-02-28"),
        ("ab c", "a bc"),
    ],
)
def test_values_that_differ_stay_apart(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_brackets_and_a_trailing_minus_are_a_negative_amount() -> None:
    assert canonical("(12.50)") == canonical("12.50-") == canonical("-$12.5") == "-12.5"


@given(some.text(max_size=40))
def test_every_text_has_a_normal_form_whatever_stands_around_it(value: str) -> None:
    assert canonical(f" \t{value}\n") == canonical(value)


@pytest.mark.parametrize(("one", "other"), [("ＲＭ １２.５０", "12.5"), ("ﬁne", "FINE"), ("Straße", "STRASSE")])
def test_letters_and_digits_of_other_widths_are_the_same(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


def test_tags_of_every_scheme_give_the_same_entities() -> None:
    wanted = ((0, 2, "PER"), (2, 3, "PER"), (4, 5, "LOC"))
    schemes = ("I-PER I-PER B-PER O I-LOC", "B-PER I-PER B-PER O B-LOC", "B-PER E-PER S-PER O S-LOC")
    for tags in (*schemes, "B-PER L-PER U-PER O U-LOC", json.dumps(schemes[0].split())):
        assert entities.read(tags, is_target=True).spans == wanted


def test_a_row_without_entities_is_an_answer() -> None:
    for cell in ("[]", "O O O", '["O"]'):
        assert entities.read(cell, is_target=False).spans == ()


BAD = {
    "entities": [
        ('[{"start": 1', "cannot be read as entities"),
        ('[{"start": 4, "end": 4, "label": "PER"}]', "'end' is the first place behind it"),
        ('[{"start": "1", "end": 4, "label": "PER"}]', "whole numbers"),
        ("B-PER X-LOC", "a tag 'X-LOC'"),
        ('{"start": 1}', "cannot be read as entities"),
    ],
    "fields": [("[1, 2]", "cannot be read as fields"), ('{"a": NaN}', "cannot be read as fields"), ("total", "fields")],
    "boxes": [
        ('[{"box": [1, 2, 3], "label": "a", "score": 1}]', "four numbers"),
        ('[{"box": [1, 2, 3, 4], "label": "a"}]', "without a 'score'"),
        ('[{"box": [1, 2, -3, 4], "label": "a", "score": 1}]', "negative"),
        ('[{"box": [1, 2, 3, 4], "score": 1}]', "without a 'label'"),
        ('{"box": []}', "cannot be read as boxes"),
    ],
}
GOOD = {
    "entities": '[{"start": 0, "end": 2, "label": "PER"}]',
    "fields": '{"total": "1.00"}',
    "boxes": '[{"box": [0, 0, 2, 2], "label": "a", "score": 0.9}]',
    "text": "yes it is",
}


@pytest.mark.parametrize(("task", "cell", "said"), [(task, *one) for task, many in BAD.items() for one in many])
def test_a_cell_that_cannot_be_read_is_named_by_its_row(task: str, cell: str, said: str) -> None:
    table = {"id": ["a1", "b2"], "target": [GOOD[task]] * 2, "prediction": [GOOD[task], cell]}
    with pytest.raises(DataError, match="row 2: the prediction") as caught:
        st.evaluate(table, task=task)
    assert said in str(caught.value)


def test_tags_of_another_length_name_the_row() -> None:
    table = {"id": ["a1", "b2"], "target": ["O O", "B-PER O"], "prediction": ["O O", "B-PER O O"]}
    with pytest.raises(DataError, match="id b2: the target has 2 tags and the prediction 3"):
        st.evaluate(table, task="entities")


@pytest.mark.parametrize("task", list(GOOD))
@pytest.mark.parametrize("missing", [None, "", "null"])
def test_a_missing_prediction_is_missing_data_with_bounds_and_never_wrong(task: str, missing: str | None) -> None:
    if task == "text" and missing == "null":
        pytest.skip("a text may be 'null'")
    wrong = {"entities": "[]", "fields": '{"total": "2"}', "boxes": "[]", "text": "no"}[task]
    predictions = [GOOD[task]] * 60 + [wrong] * 20 + [missing] * 20
    table = {"id": list(range(100)), "target": [GOOD[task]] * 100, "prediction": predictions}
    metric = {"entities": "entities_all_right", "fields": "document_accuracy", "boxes": "images_all_right"}
    (found,) = st.evaluate(table, task=task, metrics=[metric.get(task, "exact_match")]).estimates
    assert (found.value, found.n, found.missing) == (0.75, 80, 20)
    assert (found.bound_low, found.bound_high) == (pytest.approx(0.6), pytest.approx(0.8))


def test_every_answer_missing_has_a_reason() -> None:
    for task, good in GOOD.items():
        for e in st.evaluate({"target": [good] * 3, "prediction": [None, None, None]}, task=task).estimates:
            assert e.value is None
            assert e.reason


def test_a_type_that_the_targets_do_not_have_has_a_reason_and_not_zero() -> None:
    table = {"target": ["B-PER O", "O O"] * 20, "prediction": ["B-PER B-LOC", "O O"] * 20}
    result = st.evaluate(table, task="entities", metrics=["entity_f1[LOC]", "entity_precision[LOC]", "entity_f1[PER]"])
    found = {e.metric: e for e in result.estimates}
    assert found["entity_f1[LOC]"].value is None
    assert "gold_entities[LOC]" in (found["entity_f1[LOC]"].reason or "")
    assert found["entity_precision[LOC]"].value == 0.0
    assert found["entity_f1[PER]"].value == 1.0


def test_a_type_nobody_has_is_a_usage_error_that_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no class 'PRE'\. Did you mean 'PER'"):
        st.evaluate({"target": ["B-PER O"], "prediction": ["B-PER O"]}, task="entities", metrics=["f1[PRE]"])


def test_counts_are_columns_of_formulas() -> None:
    table = {"target": ["B-PER O", "B-LOC O"] * 20, "prediction": ["B-PER B-LOC", "O O"] * 20}
    metrics = {"found": "strict_matches / gold_entities", "locs": "col('gold_entities[LOC]') / gold_entities"}
    result = st.evaluate(table, task="entities", metrics=metrics)
    assert {e.metric: e.value for e in result.estimates} == {"found": 0.5, "locs": 0.5}


def test_a_function_of_ones_own_gets_the_cells() -> None:
    def shorter(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return float(np.mean([len(b) < len(a) for a, b in zip(y_true, y_pred, strict=True)]))

    table = {"target": ["a longer text", "b"] * 20, "prediction": ["short", "as long"] * 20}
    (found,) = st.evaluate(table, task="text", metrics=[shorter]).estimates
    assert found.value == 0.5


def test_a_short_name_means_the_metric_of_its_task() -> None:
    for task, name in (("entities", "entity_f1"), ("fields", "field_f1"), ("boxes", "box_f1"), ("text", "token_f1")):
        wrong = {"entities": "[]", "fields": "{}", "boxes": "[]", "text": "no"}[task]
        table = {"target": [GOOD[task]] * 20, "prediction": [GOOD[task], wrong] * 10}
        one, other = (st.evaluate(table, task=task, metrics=[given]).estimates[0].value for given in ("f1", name))
        assert one == other is not None


@pytest.mark.parametrize("task", list(GOOD))
def test_lists_and_mappings_in_memory_are_read_as_their_json(task: str) -> None:
    wrong = {"entities": "[]", "fields": '{"total": "2"}', "boxes": "[]", "text": "no"}[task]
    plain = {"target": [GOOD[task]] * 20, "prediction": [GOOD[task], wrong] * 10}
    nested = {name: [one if task == "text" else json.loads(one) for one in column] for name, column in plain.items()}
    records = [dict(zip(nested, row, strict=True)) for row in zip(*nested.values(), strict=True)]
    values = [[e.value for e in st.evaluate(one, task=task).estimates] for one in (plain, nested, records)]
    pandas = pytest.importorskip("pandas")
    values.append([e.value for e in st.evaluate(pandas.DataFrame(nested), task=task).estimates])
    assert values[0] == values[1] == values[2] == values[3]


@pytest.mark.parametrize("task", list(GOOD))
def test_files_of_every_kind_hold_answers(task: str, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    wrong = {"entities": "[]", "fields": '{"total": "2"}', "boxes": "[]", "text": "no"}[task]
    cells = [GOOD[task], wrong] * 10
    rows = [{"id": at, "target": GOOD[task], "prediction": cell} for at, cell in enumerate(cells)]
    (tmp_path / "text.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    nested = [{key: json.loads(v) if key != "id" and task != "text" else v for key, v in row.items()} for row in rows]
    (tmp_path / "nested.jsonl").write_text("\n".join(json.dumps(row) for row in nested))
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "text.parquet")
    parquet.write_table(arrow.Table.from_pylist(nested), tmp_path / "nested.parquet")
    found = [[e.value for e in st.evaluate(str(path), task=task).estimates] for path in sorted(tmp_path.iterdir())]
    assert len(found) == 4
    assert found[0] == found[1] == found[2] == found[3]


def test_a_file_of_another_order_is_joined_on_the_id() -> None:
    target, answers = ["B-PER O", "O B-LOC", "O O"] * 10, ["B-PER O", "O B-PER", "O B-LOC"] * 10
    first = {"id": list(range(30)), "target": target, "prediction": answers}
    second = {"id": list(range(29, -1, -1)), "prediction": answers[::-1]}
    for e in st.compare(first, second, task="entities").effects:
        assert (e.difference, e.method) == (0, "identical")


def test_unpaired_versions_share_their_labels() -> None:
    first = {"target": ["B-PER O", "O O"] * 20, "prediction": ["B-PER O", "O O"] * 20}
    second = {"target": ["B-PER O", "O O"] * 20, "prediction": ["B-PER B-LOC", "O O"] * 20}
    result = st.compare(first, second, task="entities", unpaired=True, metrics=["entity_f1", "entity_precision"])
    assert [round(e.difference, 3) for e in result.effects] == [-0.333, -0.5]


def test_a_change_of_answers_that_counts_alike_is_not_called_identical() -> None:
    target = ["B-PER O", "O B-LOC"] * 20
    first = {"id": list(range(40)), "target": target, "prediction": ["B-LOC O", "O B-LOC"] * 20}
    second = {"id": list(range(40)), "target": target, "prediction": ["B-ORG O", "O B-LOC"] * 20}
    for e in st.compare(first, second, task="entities", metrics=["entity_f1", "entities_all_right"]).effects:
        assert e.method != "identical"


CONLL = "-DOCSTART- O\n\nAnn B-PER B-PER\nran O O\n\nin O O\nRome I-LOC O\n\n-DOCSTART- O\n\nBob I-PER I-PER\n"


def test_a_conll_file_with_gold_and_predicted_tags(tmp_path: Path) -> None:
    (tmp_path / "tagged.conll").write_text(CONLL)
    table = conll_table(tmp_path / "tagged.conll")
    assert table["document"] == ["1", "1", "2"]
    assert table["text"][1] == "in Rome"
    result = st.evaluate(str(tmp_path / "tagged.conll"), task="entities", metrics=["entity_recall", "entity_precision"])
    assert [e.value for e in result.estimates] == [pytest.approx(2 / 3), 1.0]


def test_two_conll_files_one_of_gold_and_one_of_predicted_tags(tmp_path: Path) -> None:
    (tmp_path / "gold.conll").write_text("Ann B-PER\nran O\n\nRome B-LOC\n")
    (tmp_path / "guess.conll").write_text("Ann B-PER\nran O\n\nRome O\n")
    table = conll_table(tmp_path / "gold.conll", tmp_path / "guess.conll")
    assert table["prediction"] == ['["B-PER", "O"]', '["O"]']
    (tmp_path / "guess.conll").write_text("Ann B-PER\nruns O\n\nRome O\n")
    with pytest.raises(DataError, match=r"guess.conll, line 1: the sentence has other tokens"):
        conll_table(tmp_path / "gold.conll", tmp_path / "guess.conll")
    (tmp_path / "guess.conll").write_text("Ann B-PER\nran\n")
    with pytest.raises(DataError, match="line 2: 1 columns where there were 2"):
        conll_table(tmp_path / "gold.conll", tmp_path / "guess.conll")


def test_coco_files_are_a_table_of_images(tmp_path: Path) -> None:
    truth = {
        "images": [{"id": 7}, {"id": 3}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 4, 4], "area": 16, "iscrowd": 0}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(
        json.dumps([{"image_id": 7, "category_id": 1, "bbox": [0, 0, 4, 4], "score": 1}])
    )
    table = coco_table(tmp_path / "truth.json", tmp_path / "found.json")
    assert table["id"] == ["3", "7"]
    (found,) = st.evaluate(table, task="boxes", metrics=["map"]).estimates
    assert found.value == 1.0
    (tmp_path / "found.json").write_text(
        json.dumps([{"image_id": 8, "category_id": 1, "bbox": [0, 0, 4, 4], "score": 1}])
    )
    with pytest.raises(DataError, match="result 1 is of image 8"):
        coco_table(tmp_path / "truth.json", tmp_path / "found.json")


def test_what_is_counted_of_one_row() -> None:
    counts, _ = fields.count({"a": "1", "b": "x"}, {"a": "1.0", "c": "y"})
    assert counts["matched_fields"] == 1
    assert counts["exact_fields"] == 0
    assert counts["missing_fields[b]"] == counts["spurious_fields[c]"] == 1
    found, _ = text.count(("The answer.", "no"), ("answer",))
    assert found["row_right"] == 1.0
    place = boxes.read('[{"box": [0, 0, 2, 2], "label": "a", "score": 0.9}]', is_target=False)
    assert boxes.count(place, place, threshold=0.95)[0]["predicted_boxes"] == 0
