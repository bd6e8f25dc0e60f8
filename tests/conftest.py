"""Fixtures shared by all tests: the real data sets, and contrasts small enough to check by hand."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the project, or a skip that says why."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data sets (../shared/data) are not on this machine")
    return SHARED_DATA


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What one command line left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """cli("compare", baseline, candidate, ...): the command line in this process."""
    from seatrial.app.cli import run

    def go(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(one) for one in arguments])
        said = capsys.readouterr()
        return Ran(code=code, out=said.out, err=said.err)

    return go


@dataclass(frozen=True, kw_only=True)
class NormalContrast:
    """candidate - factor * baseline, normal with the given variances of the two values and their covariance."""

    candidate: np.ndarray
    baseline: np.ndarray
    var_candidate: np.ndarray
    var_baseline: np.ndarray
    covariance: np.ndarray
    reasons: tuple[str | None, ...]
    factor: float = 1.0

    @property
    def difference(self) -> np.ndarray:
        return self.candidate - self.factor * self.baseline

    @property
    def standard_error(self) -> np.ndarray:
        f = self.factor
        return np.sqrt(self.var_candidate + f * f * self.var_baseline - 2 * f * self.covariance)

    @property
    def methods(self) -> tuple[str, ...]:
        return ("normal",) * len(self.reasons)

    def interval(self, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        half = stats.norm.isf(alpha / 2) * self.standard_error
        return self.difference - half, self.difference + half

    def p_value(self, null: float = 0.0) -> np.ndarray:
        return 2 * stats.norm.sf(np.abs(self.difference - null) / self.standard_error)

    def against(self, factor: float) -> "NormalContrast":
        return replace(self, factor=factor)

    def at(self, index: int) -> "NormalContrast":
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class FixedContrast:
    """A contrast whose limits are whatever the test says, at any level."""

    low: np.ndarray
    high: np.ndarray
    p: float = 0.5
    reasons: tuple[str | None, ...] = (None,)
    error: float = 0.01

    @property
    def difference(self) -> np.ndarray:
        return (self.low + self.high) / 2

    @property
    def standard_error(self) -> np.ndarray:
        return np.full(self.low.shape, self.error)

    @property
    def methods(self) -> tuple[str, ...]:
        return ("fixed",) * len(self.low)

    def interval(self, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        return self.low, self.high

    def p_value(self, null: float = 0.0) -> np.ndarray:
        return np.full(self.low.shape, self.p)

    def against(self, factor: float) -> "FixedContrast":
        raise NotImplementedError

    def at(self, index: int) -> "FixedContrast":
        raise NotImplementedError


@pytest.fixture(scope="session")
def normal() -> Callable[..., NormalContrast]:
    """normal(difference, error, baseline=..., var_baseline=...) for one slice, or arrays for several.

    `error` is the standard error of the plain difference; the baseline's value is independent of it.
    """

    def make(difference: Any, error: Any, *, baseline: Any = 1.0, var_baseline: Any = 0.0) -> NormalContrast:
        d, e, b, v = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(x, float)) for x in (difference, error, baseline, var_baseline))
        )
        # candidate = baseline + D with D independent of the baseline: var(C) = e^2 + v, cov(C, B) = v
        return NormalContrast(
            candidate=b + d, baseline=b, var_candidate=e * e + v, var_baseline=v, covariance=v, reasons=(None,) * d.size
        )

    return make


@pytest.fixture(scope="session")
def fixed() -> Callable[..., FixedContrast]:
    """fixed(low, high, p=..., error=...): limits as given."""

    def make(
        low: Any, high: Any, *, p: float = 0.5, error: float = 0.01, reasons: tuple[str | None, ...] | None = None
    ) -> FixedContrast:
        lows, highs = np.atleast_1d(np.asarray(low, float)), np.atleast_1d(np.asarray(high, float))
        return FixedContrast(low=lows, high=highs, p=p, error=error, reasons=reasons or (None,) * lows.size)

    return make
