"""Numbers in sentences: the digits an uncertainty allows, and never a rounding that contradicts a decision."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records.numbers import (
    decimals,
    format_count,
    format_interval,
    format_p,
    format_percent,
    format_share,
    format_value,
)


@pytest.mark.parametrize(
    ("half_width", "places"),
    [
        (0.0012, 4),
        (0.0035, 4),
        (0.0036, 3),
        (0.009, 3),
        (0.012, 3),
        (0.05, 2),
        (0.3, 2),
        (1.0, 1),
        (4.0, 0),
        (12.0, 0),
        (600.0, -2),
        (0.0, 3),
        (math.nan, 3),
        (math.inf, 3),
    ],
)
def test_one_or_two_digits_of_the_uncertainty(half_width, places):
    assert decimals(half_width) == places


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (format_value(0.0), "0"),
        (format_value(0.02), "0.02"),
        (format_value(0.123456), "0.1235"),
        (format_value(99999.0), "100,000"),
        (format_value(1234.5678), "1,235"),
        (format_value(-1234.5678), "-1,235"),
        (format_value(1.5e-9), "1.5e-09"),
        (format_value(0.021, 0.009, signed=True), "+0.021"),
        (format_value(-0.00001, 0.009, signed=True), "0.000"),
        (format_value(123456.0, 600.0, "USD"), "123,500 USD"),
        (format_interval(0.0, -0.01, 0.01, signed=True), "0.000 [-0.010, +0.010]"),
        (format_interval(0.005, 0.0004, 0.0096, signed=True, thresholds=[0.0]), "+0.0050 [+0.0004, +0.0096]"),
        (format_interval(None, 0.0, 0.0122), "[0.000, 0.012]"),
        (format_interval(3.0, -math.inf, 5.0), "3.0 [unbounded, 5.0]"),
        (format_interval(3.0, None, None, scale="ms"), "3.000 ms"),
        (format_count(999), "999"),
        (format_count(1234567, about=True), "1,230,000"),
        (format_percent(0.95), "95 %"),
        (format_percent(0.9975), "99.75 %"),
        (format_share(0.9899), "98.9 %"),
        (format_share(0.99), "99 %"),
        (format_p(0.5), "p = 0.500"),
        (format_p(0.0499999), "p = 0.0499999"),
        (format_p(0.05), "p = 0.050"),
        (format_p(0.0012), "p = 0.0012"),
        (format_p(1e-300), "p < 0.0001"),
    ],
)
def test_written(said, expected):
    assert said == expected


@given(
    low=st.floats(-1e3, 1e3),
    width=st.floats(1e-3, 1e3),
    threshold=st.sampled_from([0.0, 0.01, -0.01, 5.0]),
)
def test_a_limit_never_reads_as_the_threshold_it_is_not(low, width, threshold):
    high = low + width
    # four more decimals than the uncertainty needs are all a sentence can bear: nearer than that it may read as equal
    if min(abs(low - threshold), abs(high - threshold)) < width * 1e-4:
        return
    said = format_interval((low + high) / 2, low, high, thresholds=[threshold])
    numbers = [float(part.replace(",", "")) for part in said[said.index("[") + 1 : -1].split(", ")]
    assert all(
        (read > threshold) == (limit > threshold) and read != threshold
        for read, limit in zip(numbers, (low, high), strict=True)
    )


@given(st.floats(-1e12, 1e12))
def test_four_digits_are_kept(value):
    read = float(format_value(value).replace(",", ""))
    assert read == pytest.approx(value, rel=5.1e-4, abs=1e-300)
