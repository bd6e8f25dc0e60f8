"""The samples, scorecards and readouts: `card` is each of them in turn; `sample` and `readouts` are the modules."""

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from seatrial.records import Readout, Scorecard


@cache
def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"report_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def _card(module: str, name: str) -> Scorecard | Readout:
    built: Scorecard | Readout = _module(module).EVERY[name]()
    return built


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = [(module, name) for module in ("sample", "readouts") for name in _module(module).EVERY]
    if "card" in metafunc.fixturenames:
        metafunc.parametrize("card", every, indirect=True, ids=[name for _, name in every])
    if "readout" in metafunc.fixturenames:
        own = [one for one in every if one[0] == "readouts"]
        metafunc.parametrize("readout", own, indirect=True, ids=[name for _, name in own])


@pytest.fixture
def sample() -> ModuleType:
    return _module("sample")


@pytest.fixture
def readouts() -> ModuleType:
    return _module("readouts")


@pytest.fixture
def card(request: pytest.FixtureRequest) -> Scorecard | Readout:
    return _card(*request.param)


@pytest.fixture
def readout(request: pytest.FixtureRequest) -> Scorecard | Readout:
    return _card(*request.param)


@pytest.fixture
def adult() -> Scorecard | Readout:
    return _card("sample", "adult")


@pytest.fixture(params=["sample", "readouts"])
def hostile(request: pytest.FixtureRequest) -> Scorecard | Readout:
    return _card(request.param, "hostile")


CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
HOW = "install Debian's package: apt-get install chromium; and: pip install playwright axe-playwright-python"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason=f"playwright is not installed; {HOW}")
    if CHROMIUM is None:
        pytest.skip(f"no Chromium on this machine; {HOW}")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield launched
        launched.close()


@pytest.fixture
def axe() -> Any:
    return pytest.importorskip("axe_playwright_python.sync_playwright", reason=f"axe is not installed; {HOW}")
