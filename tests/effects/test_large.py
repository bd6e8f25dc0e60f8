"""A table too long to hold is measured from streamed counts: the same as in memory, within the bounds it states."""

from functools import cache

import numpy as np
import pytest

import seatrial.data.frame as frame_module
from seatrial.data.align import align
from seatrial.data.frame import Frame
from seatrial.data.predictions import read
from seatrial.effects.curves import curves
from seatrial.effects.estimate import estimates
from seatrial.effects.grouping import Grouping, groupings
from seatrial.effects.large import binning
from seatrial.effects.large.curves import large_curves
from seatrial.effects.large.measure import rarer_of
from seatrial.effects.large.widened import Widened
from seatrial.effects.measure import Measurer, catalogue_of
from seatrial.effects.measured import Measured

ROWS = 50_000
BINARY = ("roc_auc", "average_precision", "expected_calibration_error", "ks")
QUANTILES = ("latency_ms.p50", "latency_ms.p95", "latency_ms.p99")
EXACT_TO = 1e-9
"""Sums of floating point numbers in another order."""


def _rows(kind: str) -> tuple[dict[str, object], dict[str, object]]:
    rng = np.random.default_rng(7)
    share = 0.01 if kind == "fraud" else 0.3
    y = (rng.random(ROWS) < share).astype(int)
    found = []
    for lift in (1.0, 1.15):
        if kind == "fraud":  # nearly all scores next to 0, many of them exactly 0
            score = np.where(rng.random(ROWS) < 0.4, 0.0, rng.beta(0.3, 60 - 50 * y, ROWS))
        elif kind == "tied":
            score = np.round(1 / (1 + np.exp(-(lift * (2 * y - 1) + rng.normal(size=ROWS)))), 1)
        else:
            score = 1 / (1 + np.exp(-(lift * (2 * y - 1) + rng.normal(size=ROWS))))
        latency = rng.lognormal(3, 0.7, ROWS)
        if kind == "tied":
            latency = np.round(latency)
        given: dict[str, object] = {
            "id": np.arange(ROWS),
            "target": y,
            "score": score,
            "latency_ms": latency,
            "size": np.arange(ROWS) % 7 % 3,
            "place": np.arange(ROWS) % 5,
        }
        if kind == "gaps":
            given["score"] = np.where(rng.random(ROWS) < 0.05, np.nan, score)
            given["latency_ms"] = np.where(rng.random(ROWS) < 0.05, np.nan, latency)
        found.append(given)
    return found[0], found[1]


@cache
def _frame(kind: str) -> Frame:
    first, second = _rows(kind)
    both = [read(first, name="a", task="binary"), read(second, name="b", task="binary")]
    return align(both, slices=("size", "place"))


@cache
def _exact(kind: str, names: tuple[str, ...], pair: tuple[int, ...] = (0, 1)) -> dict[tuple[str, Grouping], Measured]:
    return _measured(kind, names, large=False, pair=pair)


def _measured(
    kind: str, names: tuple[str, ...], *, large: bool, pair: tuple[int, ...] = (0, 1)
) -> dict[tuple[str, Grouping], Measured]:
    frame = _frame(kind)
    catalogue = catalogue_of(frame, operational=("latency_ms",), formulas={})
    measurer = Measurer(frame=frame, catalogue=catalogue, rows_in_memory=1_000 if large else 10**9)
    assert measurer.large is large
    cuts = groupings(frame, explored=(0, 1), cross=2)
    return measurer.measure([catalogue.get(name) for name in names], cuts, [pair])


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several stretches of rows, and bins that are few enough to matter."""
    original = Frame.stretches
    monkeypatch.setattr(Frame, "stretches", lambda self, columns: original(self, columns, rows=7_001))
    monkeypatch.setattr("seatrial.effects.large.ranking.SAMPLE", 10_000)
    monkeypatch.setattr("seatrial.effects.large.quantiles.SAMPLE", 10_000)


def _bound(contrast: Widened) -> np.ndarray:
    return np.asarray(contrast.bound_baseline + contrast.bound_candidate)


def _no_narrower(got: np.ndarray, want: np.ndarray, bound: np.ndarray, bins: int) -> None:
    """Errors are those of the whole columns; what few bins hide makes them larger, or the bound does."""
    assert (got + bound >= 0.995 * want).all(), (got / want).min()
    assert (got <= (1.5 if bins == 256 else 1.02) * want).all(), (got / want).max()


@pytest.mark.parametrize("kind", ["plain", "fraud", "tied", "gaps"])
@pytest.mark.parametrize("bins", [256, binning.MOST_BINS])
def test_ranks_agree_with_the_whole_columns_within_the_bound(
    kind: str, bins: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binning.resolution, "__kwdefaults__", {"cells": binning.CELLS, "most": bins})
    exact, binned = _exact(kind, BINARY[:2]), _measured(kind, BINARY[:2], large=True)
    assert exact.keys() == binned.keys()
    for key, whole in exact.items():
        part = binned[key]
        np.testing.assert_array_equal(part.n, whole.n)
        np.testing.assert_array_equal(part.missing, whole.missing)
        contrast = part.contrasts[0, 1]
        assert isinstance(contrast, Widened)
        for model, bound in ((0, contrast.bound_baseline), (1, contrast.bound_candidate)):
            got, want = part.values[model], whole.values[model]
            assert got.reasons == want.reasons
            gap = np.abs(got.value - want.value)
            assert (gap <= bound + EXACT_TO).all(), (key, gap.max(), bound.max())
            if kind == "tied":
                assert (bound == 0).all()
            if bins > 256 and kind != "fraud":
                assert bound.max() < 0.003
            _no_narrower(got.standard_error, want.standard_error, bound, bins)
            np.testing.assert_allclose(got.df, want.df, rtol=0.05)
            (low, high, _), (inner, outer, _) = got.limits(0.05), want.limits(0.05)
            shrunk = 0.05 * (outer - inner if bins == 256 else got.standard_error)
            assert (low <= inner + shrunk).all()
            assert (high >= outer - shrunk).all()
        both = whole.contrasts[0, 1]
        assert contrast.reasons == both.reasons
        assert (np.abs(contrast.difference - both.difference) <= _bound(contrast) + EXACT_TO).all()
        _no_narrower(contrast.standard_error, both.standard_error, _bound(contrast), bins)
        for factor in (1.0, 0.95, 1.05):
            got_to, want_to = contrast.against(factor), both.against(factor)
            _no_narrower(got_to.standard_error, want_to.standard_error, _bound(contrast), bins)


def test_equal_scores_need_no_bound_at_all() -> None:
    exact, binned = _exact("tied", BINARY[:2]), _measured("tied", BINARY[:2], large=True)
    for key, whole in exact.items():
        for model in (0, 1):
            np.testing.assert_allclose(binned[key].values[model].value, whole.values[model].value, rtol=1e-12)
            for got, want in zip(
                binned[key].values[model].limits(0.05)[:2], whole.values[model].limits(0.05)[:2], strict=True
            ):
                np.testing.assert_allclose(got, want, rtol=1e-6)
        np.testing.assert_allclose(
            binned[key].contrasts[0, 1].standard_error, whole.contrasts[0, 1].standard_error, rtol=1e-6
        )


@pytest.mark.parametrize("kind", ["plain", "fraud", "tied", "gaps"])
def test_calibration_error_and_ks_agree_within_the_bound(kind: str) -> None:
    exact, binned = _exact(kind, BINARY[2:]), _measured(kind, BINARY[2:], large=True)
    for key, whole in exact.items():
        part = binned[key]
        for model in (0, 1):
            got, want = part.values[model], whole.values[model]
            assert got.reasons == want.reasons
            gap = float(np.abs(got.value - want.value).max())
            stated = [note for note in got.notes if "within" in note]
            allowed = float(stated[0].split("within ")[1].split()[0]) if stated else EXACT_TO
            assert gap <= allowed
            assert allowed < 0.02 or kind == "fraud"
            if key[0] == "expected_calibration_error":
                (low, high, _), (inner, outer, _) = got.limits(0.05), want.limits(0.05)
                assert (low <= inner + allowed).all()
                assert (high >= outer - allowed).all()
        assert part.contrasts[0, 1].reasons == whole.contrasts[0, 1].reasons


@pytest.mark.parametrize("kind", ["plain", "tied", "gaps"])
@pytest.mark.parametrize("cells", [binning.CELLS, 4_000])
def test_quantiles_are_equal_to_the_last_digit(kind: str, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binning.resolution, "__kwdefaults__", {"cells": cells, "most": binning.MOST_BINS})
    exact, binned = _exact(kind, QUANTILES), _measured(kind, QUANTILES, large=True)
    assert exact.keys() == binned.keys()
    for key, whole in exact.items():
        part = binned[key]
        np.testing.assert_array_equal(part.n, whole.n)
        np.testing.assert_array_equal(part.missing, whole.missing)
        for model in (0, 1):
            got, want = part.values[model], whole.values[model]
            assert got.reasons == want.reasons
            np.testing.assert_array_equal(got.value, want.value)
            np.testing.assert_allclose(got.standard_error, want.standard_error, rtol=1e-9)
            for alpha in (0.2, 0.05, 0.001, 1e-5):
                for one, other in zip(got.limits(alpha), want.limits(alpha), strict=True):
                    np.testing.assert_array_equal(one, other)
        got_to, want_to = part.contrasts[0, 1], whole.contrasts[0, 1]
        assert got_to.reasons == want_to.reasons
        np.testing.assert_array_equal(got_to.difference, want_to.difference)
        np.testing.assert_allclose(got_to.standard_error, want_to.standard_error, rtol=1e-9)
        np.testing.assert_allclose(got_to.against(1.05).standard_error, want_to.against(1.05).standard_error, rtol=1e-9)


def test_limits_beyond_what_was_collected_move_outwards() -> None:
    exact, binned = _exact("plain", QUANTILES), _measured("plain", QUANTILES, large=True)
    for key, whole in exact.items():
        for model in (0, 1):
            (low, high, _), (inner, outer, _) = (
                measured.values[model].limits(1e-12) for measured in (binned[key], whole)
            )
            there = np.isfinite(inner)
            assert (low[there] <= inner[there]).all()
            assert (high[there] >= outer[there]).all()


def test_one_version_alone() -> None:
    names = (*BINARY[:3], *QUANTILES)
    exact, binned = _exact("plain", names, (1,)), _measured("plain", names, large=True, pair=(1,))
    for key, whole in exact.items():
        assert binned[key].values.keys() == whole.values.keys() == {1}
        np.testing.assert_allclose(binned[key].values[1].value, whole.values[1].value, atol=0.004)


def test_the_same_bytes_every_time_and_in_stretches_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> list[object]:
        measured = _measured("plain", (*BINARY[:3], *QUANTILES), large=True)
        return [estimate for one in measured.values() for estimate in estimates(one, ("a", "b"))]

    first = shown()
    assert shown() == first
    _frame("plain").engine.execute("SET threads = 1")
    assert shown() == first
    _frame("plain").engine.execute("SET threads = 2")
    original = Frame.stretches
    monkeypatch.setattr(Frame, "stretches", lambda self, columns: original(self, columns))
    assert [e.value for e in shown()] == pytest.approx([e.value for e in first], rel=1e-12)  # type: ignore[attr-defined]


def test_small_batches_give_what_one_batch_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _measured("tied", BINARY[:2], large=True)
    monkeypatch.setattr("seatrial.effects.large.measure.batches", lambda all_, columns: ([one] for one in all_))
    split = _measured("tied", BINARY[:2], large=True)
    for key in whole:
        np.testing.assert_array_equal(split[key].values[1].value, whole[key].values[1].value)


def test_the_bound_is_said_and_widens_the_interval() -> None:
    auc = _measured("plain", ("roc_auc",), large=True)[("roc_auc", _cut(()))]
    contrast = auc.contrasts[0, 1]
    assert isinstance(contrast, Widened)
    assert "bins: the value is within" in auc.values[0].notes[0]
    low, high = contrast.interval(0.05)
    inner, outer = contrast.base.interval(0.05)
    np.testing.assert_allclose(inner - low, _bound(contrast))
    np.testing.assert_allclose(high - outer, _bound(contrast))
    # the p is that of the limit: at the null that the interval just reaches it is alpha
    assert contrast.p_value(float(low[0]))[0] == pytest.approx(0.05, rel=1e-6)
    assert contrast.p_value(float(contrast.difference[0] + _bound(contrast)[0] / 2))[0] == 1.0


def _cut(columns: tuple[int, ...]) -> Grouping:
    return next(g for g in groupings(_frame("plain"), explored=(0, 1), cross=2) if g.columns == columns)


def test_rarer_class_by_slices() -> None:
    y, size, place = (np.asarray(_rows("plain")[0][name]) for name in ("target", "size", "place"))
    found = rarer_of(_frame("plain"), _cut((0, 1)))
    want = [min((mine := y[(size == s) & (place == p)]).sum(), (1 - mine).sum()) for s in range(3) for p in range(5)]
    assert found.tolist() == want
    assert rarer_of(_frame("plain"), _cut(())).tolist() == [y.sum()]


def test_curves_lie_on_the_exact_ones() -> None:
    frame = _frame("plain")
    measurer = Measurer(frame=frame, catalogue=catalogue_of(frame, operational=(), formulas={}))
    exact = [curve for model in (0, 1) for curve in curves(measurer.ranker, model)]
    streamed = large_curves(frame)
    assert [(c.model, c.kind) for c in streamed] == [(c.model, c.kind) for c in exact]
    for got, want in zip(streamed, exact, strict=True):
        if got.kind == "roc":
            # read along x + y, which rises strictly; np.interp cannot tell the points of an upright stretch apart
            along, x, y = np.add(got.x, got.y), np.array(want.x), np.array(want.y)
            assert np.abs(np.interp(along, x + y, x) - got.x).max() < 0.002
            assert np.abs(np.interp(along, x + y, y) - got.y).max() < 0.002
        if got.kind == "reliability":
            np.testing.assert_allclose(got.x, want.x, atol=0.002)
            np.testing.assert_allclose(got.count, want.count, rtol=0.02)


def test_what_needs_the_rows_is_refused_in_words() -> None:
    rows = {**_rows("plain")[0], "user": np.arange(ROWS) // 3}
    frame = align([read(rows, name="a", task="binary")], slices=("size",), cluster="user")
    catalogue = catalogue_of(frame, operational=("latency_ms",), formulas={})
    measurer = Measurer(frame=frame, catalogue=catalogue, rows_in_memory=1_000)
    plain = _measured("plain", ("roc_auc", "accuracy"), large=True, pair=(0,))
    found = measurer.measure([catalogue.get(n) for n in ("accuracy", "roc_auc")], [_cut(())], [(0,)])
    for name in ("accuracy", "roc_auc"):
        value = found[name, _cut(())].values[0]
        np.testing.assert_allclose(value.value, plain[name, _cut(())].values[0].value)
        low, _, methods = value.limits(0.05)
        assert np.isnan(low).all()
        assert "clusters is formed in memory" in methods[0]
        assert "1,000" in methods[0]


def test_every_stretch_is_read_once() -> None:
    frame = _frame("plain")
    rows = np.concatenate([np.asarray(part["row"]) for part in frame.stretches(["row"])])
    np.testing.assert_array_equal(rows, np.arange(ROWS))
    assert frame_module.ROWS_AT_ONCE >= 100_000
