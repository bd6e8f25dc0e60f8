"""Pipelines of transformers, with tiny random models made here: generation, entities, images, errors, no downloads."""

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.models.adapters import open_model
from seatrial.models.base import LocalModel, ModelError
from seatrial.records.suite import Case

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
tokenizers = pytest.importorskip("tokenizers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "Anna", "Berlin", "lives", "in", "yes", "no", "is", "it"]
SMALL = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "initializer_range": 1.0,
}


def opened(spec: Any, folder: Path) -> LocalModel:
    model = open_model(spec, folder=folder)
    assert isinstance(model, LocalModel)
    return model


def tokenizer() -> Any:
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", eos_token="[SEP]"
    )


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writer")
    torch.manual_seed(4)
    config = transformers.LlamaConfig(
        **SMALL, num_key_value_heads=2, max_position_embeddings=64, eos_token_id=3, pad_token_id=0, bos_token_id=2
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder / "writer")
    tokenizer().save_pretrained(folder / "writer")
    return folder


def test_generation_is_greedy_and_does_not_depend_on_the_batch(writer: Path) -> None:
    model = opened("transformers:writer?max_new_tokens=5", writer)
    batch = {"text": ["Anna lives in", "is it", "Berlin is in it yes no"]}
    together = model.predict(batch)
    alone = [one for text in batch["text"] for one in model.predict({"text": [text]})]
    assert [one.text for one in together] == [one.text for one in alone]
    assert together[1].input_tokens == 2
    assert all(one.output_tokens is not None and one.output_tokens <= 5 for one in together)
    assert all(one.prediction is None for one in together)


def test_a_case_prompts_and_its_choices_are_found_in_the_text(writer: Path) -> None:
    model = opened("transformers:writer?max_new_tokens=8", writer)
    case = Case(name="c", dataset="x.csv", prompt="{who} lives in {where}", choices=("yes", "no"))  # type: ignore[arg-type]
    fitted: Any = model.for_case(case)  # type: ignore[attr-defined]
    answers = fitted.predict({"who": ["Anna"], "where": ["Berlin"]})
    direct = model.predict({"text": ["Anna lives in Berlin"]})
    assert answers[0].text == direct[0].text
    assert answers[0].prediction in ("yes", "no", "(no label)")
    assert fitted.info() == model.info()


def test_entities_are_spans_of_the_text(tmp_path: Path) -> None:
    torch.manual_seed(1)
    labels = {0: "O", 1: "B-PER", 2: "B-LOC"}
    config = transformers.BertConfig(**SMALL, max_position_embeddings=32, id2label=labels)
    transformers.BertForTokenClassification(config).save_pretrained(tmp_path / "ner")
    tokenizer().save_pretrained(tmp_path / "ner")
    model = opened("transformers:ner", tmp_path)
    texts = ["Anna lives in Berlin", "is it", "no Berlin"]
    answers = model.predict({"text": texts})
    found = [(text, one) for text, answer in zip(texts, answers, strict=True) for one in answer.prediction]
    assert found
    for text, one in found:
        assert text[one["start"] : one["end"]] == one["text"]
        assert one["label"] in ("PER", "LOC")
    assert model.info().details["task"] == "token-classification"


def test_images_are_classified(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")
    torch.manual_seed(1)
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=16,
        patch_size=8,
        id2label={0: "cat", 1: "dog", 2: "ship"},
        initializer_range=1.0,
    )
    network = transformers.ViTForImageClassification(config).eval()
    network.save_pretrained(tmp_path / "vit")
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "vit")
    images = [np.random.default_rng(at).integers(0, 256, (16, 16, 3), dtype=np.uint8) for at in range(3)]
    answers = opened("transformers:vit", tmp_path).predict({"image": images, "note": ["a", "b", "c"]})
    pixels = torch.tensor(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        expected = torch.softmax(network(pixel_values=(pixels - 0.5) / 0.5).logits, -1).numpy()
    np.testing.assert_allclose([list(one.scores.values()) for one in answers], expected, atol=1e-4)
    assert [one.prediction for one in answers] == [("cat", "dog", "ship")[at] for at in expected.argmax(axis=1)]


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ModelError, match=r"no model of that name is on this machine \(online=true downloads it\)"):
        opened("transformers:nobody/no-such-model", tmp_path).open()


def test_what_cannot_be_used_says_why(writer: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"it has no config.json"):
        opened("transformers:empty", tmp_path)
    (tmp_path / "empty" / "config.json").write_text("{")
    with pytest.raises(ModelError, match="'empty' cannot be loaded") as error:
        opened("transformers:empty", tmp_path).open()
    assert str(tmp_path) not in str(error.value)
    with pytest.raises(UsageError, match="Did you mean 'text-classification'"):
        opened("transformers:writer?task=text-clasification", writer)
    model = opened("transformers:writer", writer)
    with pytest.raises(ModelError, match="one column of text, and the inputs are a, b; name it with column=NAME"):
        model.predict({"a": ["x"], "b": ["y"]})
    with pytest.raises(ModelError, match="no input column 'c'"):
        opened("transformers:writer?column=c", writer).predict({"a": ["x"]})
