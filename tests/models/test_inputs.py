"""What goes into a tensor model: columns by name, numbers together, images, texts by a vocabulary."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.models.base import ModelError
from seatrial.models.opening import Opening
from seatrial.models.tensors import Inputs, Wanted
from seatrial.models.tokens import Vocabulary


def made(batch: dict[str, list[Any]], *wanted: Wanted, folder: Path | None = None, **options: Any) -> dict[str, Any]:
    return Inputs(Opening(name="m", location="x", options=options, folder=folder or Path())).feed(batch, wanted)


NUMBERS = {"a": [1, 2, None], "b": [0.5, 1.5, 2.5]}


def test_numbers_go_together_into_one_input() -> None:
    found = made(NUMBERS, Wanted(name="x", shape=(None, 2), dtype="float32"))["x"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([[1, 0.5], [2, 1.5], [np.nan, 2.5]], np.float32))


def test_columns_are_chosen_and_ordered() -> None:
    found = made(NUMBERS, Wanted(name="x", shape=(None, 2)), columns="b,a")["x"]
    assert found[0].tolist() == [0.5, 1]
    assert made(NUMBERS, Wanted(name="x", shape=(None, 1)), columns=["b"])["x"].tolist() == [[0.5], [1.5], [2.5]]


def test_several_inputs_take_columns_by_name_or_in_order() -> None:
    wanted = (Wanted(name="b", shape=(None, 1)), Wanted(name="a", shape=(None,)))
    found = made(NUMBERS, *wanted)
    assert found["b"].shape == (3, 1)
    assert found["a"].shape == (3,)
    renamed = made(NUMBERS, Wanted(name="p"), Wanted(name="q"), columns="b,a")
    assert renamed["p"][:, 0].tolist() == [0.5, 1.5, 2.5]


def test_an_input_of_a_columns_name_takes_it_among_others() -> None:
    found = made({"text": ["a"], "x": [[1, 2, 3]]}, Wanted(name="x", shape=(None, 3), dtype="int64"), columns="x")
    assert found["x"].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("batch", "wanted", "options", "message"),
    [
        (NUMBERS, (Wanted(name="x", shape=(None, 3)),), {}, "wants 'x' [N, 3], and 2 columns gives [N, 2]"),
        (NUMBERS, (Wanted(name="x"),), {"columns": "c"}, "no input column 'c'"),
        (NUMBERS, (Wanted(name="a"), Wanted(name="bb")), {}, "no input column has that name. Did you mean 'b'?"),
        ({"a": ["red"]}, (Wanted(name="x"),), {}, "column 'a' holds text ('red')"),
        ({"a": [None, 1]}, (Wanted(name="x", dtype="int64"),), {}, "column 'a' is missing here"),
        ({"a": [object()]}, (Wanted(name="x"),), {}, "holds something else"),
        ({"a": [[1, 2], [3]]}, (Wanted(name="x"),), {}, "arrays of several shapes"),
        ({"a": [1.0], "i": [[1, 2]]}, (Wanted(name="x", shape=(None, 3)),), {}, "more than one number a row"),
        (NUMBERS, (Wanted(name="x", shape=(None, 2)),), {"mean": "1,2,3"}, "one for each of the 2"),
        ({}, (Wanted(name="x"),), {}, "handed no columns"),
    ],
)
def test_what_does_not_fit_is_one_clear_sentence(
    batch: dict[str, list[Any]], wanted: tuple[Wanted, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError) as error:
        made(batch, *wanted, **options)
    assert message in str(error.value)


def picture(height: int = 4, width: int = 6, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_an_image_is_scaled_and_its_channels_go_where_the_model_wants_them() -> None:
    image = picture()
    first = made(
        {"image": [image]},
        Wanted(name="x", shape=(None, 3, 4, 6), dtype="float32"),
        scale="1/255",
        mean="0.5,0.4,0.3",
        std="0.1,0.2,0.3",
    )["x"]
    expected = (image / 255 - np.array([0.5, 0.4, 0.3])) / np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(first[0], expected.transpose(2, 0, 1), rtol=1e-4, atol=1e-5)
    last = made({"image": [image]}, Wanted(name="x", shape=(None, 4, 6, 3), dtype="float32"))["x"]
    np.testing.assert_array_equal(last[0], image.astype(np.float32))
    swapped = made({"image": [image]}, Wanted(name="x", shape=(None, 4, 6, 3)), channels="bgr")["x"]
    np.testing.assert_array_equal(swapped[0], image[:, :, ::-1].astype(np.float32))


def test_grey_colour_and_transparent_images() -> None:
    grey = picture(channels=1)[:, :, 0]
    assert made({"i": [grey]}, Wanted(name="x", shape=(None, 1, 4, 6)))["x"].shape == (1, 1, 4, 6)
    three = made({"i": [grey]}, Wanted(name="x", shape=(None, 3, 4, 6)))["x"]
    np.testing.assert_array_equal(three[0, 0], three[0, 2])
    assert made({"i": [picture(channels=4)]}, Wanted(name="x", shape=(None, 3, 4, 6)))["x"].shape == (1, 3, 4, 6)
    flat = made({"i": [grey]}, Wanted(name="x", shape=(None, 24)))["x"]
    np.testing.assert_array_equal(flat[0], grey.reshape(-1).astype(np.float32))
    assert made({"i": [picture()]}, Wanted(name="x", dtype="uint8"), layout="nhwc")["x"].dtype == np.uint8


def test_images_are_resized_only_when_asked() -> None:
    pil = pytest.importorskip("PIL.Image")
    image = picture(8, 10)
    found = made({"i": [image]}, Wanted(name="x", shape=(None, 5, 4, 3)), size="5,4")["x"]
    expected = np.asarray(pil.fromarray(image).resize((4, 5), pil.Resampling.BILINEAR))
    np.testing.assert_array_equal(found[0], expected.astype(np.float32))
    with pytest.raises(ModelError, match=r"gives \[N, 8, 10, 3\]. size=HEIGHT,WIDTH resizes"):
        made({"i": [image]}, Wanted(name="x", shape=(None, 5, 4, 3)))
    with pytest.raises(ModelError, match="images of several sizes"):
        made({"i": [image, picture()]}, Wanted(name="x"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"std": "0"}, "cannot be 0"),
        ({"size": "0"}, "size is pixels"),
        ({"scale": "1,2"}, "scale is one number"),
        ({"layout": "chw"}, "Choose one of nchw, nhwc"),
        ({"dtype": "flaot32"}, "Did you mean 'float32'"),
    ],
)
def test_wrong_options_are_refused_at_once(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Inputs(Opening(name="m", location="x", options=options))


def vocabulary(tmp_path: Path, **rules: Any) -> Path:
    file = tmp_path / "vocab.json"
    file.write_text(json.dumps({"words_by_index_from_1": ["the", "cat", "sat", "don't"], "maxlen": 4} | rules))
    return file


def test_ids_follow_the_rules_of_keras(tmp_path: Path) -> None:
    """By hand from the documentation of Tokenizer and pad_sequences (both pad and cut before by default)."""
    read = Vocabulary.read(vocabulary(tmp_path, filters=".,!", num_words=4))
    assert read.encoded(["The cat, sat! zebra don't.", "", None, "the the cat cat sat"]).tolist() == [
        [0, 1, 2, 3],  # the unknown word is dropped, and id 4 is not below num_words
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [1, 2, 2, 3],  # cut before
    ]
    after = Vocabulary.read(vocabulary(tmp_path, padding="post", truncating="post"))
    assert after.encoded(["cat don't", "the the cat cat sat"]).tolist() == [[2, 4, 0, 0], [1, 1, 2, 2]]
    unknown = Vocabulary.read(vocabulary(tmp_path, oov_token="the", lower=False))
    assert unknown.encoded(["The cat"]).tolist() == [[0, 0, 1, 2]]
    letters = Vocabulary.read(vocabulary(tmp_path, char_level=True, words_by_index_from_1=["a", "b", " "], filters="-"))
    assert letters.encoded(["a-b a"]).tolist() == [[1, 2, 3, 1]]


def test_texts_are_cleaned_step_by_step(tmp_path: Path) -> None:
    read = Vocabulary.read(
        vocabulary(
            tmp_path,
            preprocess=["lowercase", "remove <[^>]+>", "[^a-z'] -> space", r"remove \b(stopwords)\b\s*"],
            stopwords_removed=["the"],
        )
    )
    assert read.encoded(["<b>THE</b> cat-sat"]).tolist() == [[0, 0, 2, 3]]


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"maxlen": 3}',
        '{"words_by_index_from_1": ["a"], "maxlen": 3, "padding": "middle"}',
        '{"words_by_index_from_1": ["a"], "maxlen": 3, "preprocess": ["shout"]}',
        '{"words_by_index_from_1": ["a"], "maxlen": 3, "preprocess": ["remove ("]}',
    ],
)
def test_a_bad_vocabulary_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "v.json").write_text(content)
    with pytest.raises(ModelError, match=r"'v.json' is no vocabulary \("):
        Vocabulary.read(tmp_path / "v.json")


def test_a_vocabulary_finds_the_text_among_columns(tmp_path: Path) -> None:
    vocabulary(tmp_path)
    ids = Wanted(name="ids", shape=(None, 4), dtype="int64")
    mask = Wanted(name="attention_mask", shape=(None, 4), dtype="int64")
    found = made({"n": [1], "t": ["cat sat"]}, ids, mask, folder=tmp_path, vocabulary="vocab.json")
    assert found["ids"].tolist() == [[0, 0, 2, 3]]
    assert found["attention_mask"].tolist() == [[0, 0, 1, 1]]
    with pytest.raises(ModelError, match="the text columns are t, u; name it with columns=NAME"):
        made({"t": ["a"], "u": ["b"]}, ids, folder=tmp_path, vocabulary="vocab.json")
    with pytest.raises(ModelError, match="takes a text, and column 'n' holds none"):
        made({"n": [1]}, ids, folder=tmp_path, vocabulary="vocab.json")
    with pytest.raises(ModelError, match=r"wants 'ids' \[N, 9\]"):
        made({"t": ["b"]}, Wanted(name="ids", shape=(None, 9)), folder=tmp_path, vocabulary="vocab.json")
