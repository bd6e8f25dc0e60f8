"""The sample scorecards: `sample` is the module, `card` each of them in turn."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from seatrial.records import Scorecard


@cache
def _sample() -> ModuleType:
    spec = importlib.util.spec_from_file_location("report_sample", Path(__file__).with_name("sample.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def _card(name: str) -> Scorecard:
    built: Scorecard = _sample().EVERY[name]()
    return built


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "card" in metafunc.fixturenames:
        metafunc.parametrize("card", list(_sample().EVERY), indirect=True)


@pytest.fixture
def sample() -> ModuleType:
    return _sample()


@pytest.fixture
def card(request: pytest.FixtureRequest) -> Scorecard:
    return _card(request.param)


@pytest.fixture
def adult() -> Scorecard:
    return _card("adult")


@pytest.fixture
def hostile() -> Scorecard:
    return _card("hostile")
