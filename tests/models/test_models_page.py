"""The page on models names every adapter and every option of the local ones, and its example adapter works."""

import importlib
import re
from pathlib import Path

import pytest

from seatrial.models.adapters import ADAPTERS, open_model
from seatrial.models.base import LocalModel

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
REMOTE = ("http", "openai")


@pytest.mark.parametrize("adapter", [name for name, _ in ADAPTERS])
def test_every_adapter_and_its_options_are_on_the_page(adapter: str) -> None:
    code = " ".join(re.findall(r"`([^`\n]+)`", PAGE))
    assert re.search(rf"\b{adapter}\b", code)
    if adapter not in REMOTE:
        module = importlib.import_module(dict(ADAPTERS)[adapter].partition(":")[0])
        lacking = [option for option in module.OPTIONS if not re.search(rf"\b{option}\b", code)]
        assert lacking == []


def test_the_adapter_on_the_page_works(tmp_path: Path) -> None:
    written = re.search(r'```python title="constant.py"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL)
    assert written
    (tmp_path / "constant.py").write_text(written[1])
    model = open_model("always=constant.py:Constant:-?label=no", folder=tmp_path)
    assert isinstance(model, LocalModel)
    assert [one.prediction for one in model.predict({"x": [1, 2]})] == ["no", "no"]
    assert model.info().name == "always"


def test_the_functions_on_the_page_answer(tmp_path: Path) -> None:
    written = re.search(r'```python title="models.py"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL)
    assert written
    (tmp_path / "models.py").write_text(written[1])
    for spec in ("models.py:predict", "models.py:by_columns", "models.py:by_row?per=row"):
        model = open_model(spec, folder=tmp_path)
        assert isinstance(model, LocalModel)
        assert [one.prediction for one in model.predict({"age": [30, 50], "sex": ["F", "M"]})] == [0, 1]
