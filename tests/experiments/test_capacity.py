import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.experiments.capacity import Capacity, read_capacity, top_scored


@pytest.mark.parametrize(
    ("text", "count", "share", "per_day"),
    [("500", 500, None, False), ("2%", None, 0.02, False), (" 2 % / day ", None, 0.02, True),
     ("500/day", 500, None, True), (0.02, None, 0.02, False), (500, 500, None, False), ("12 per day", 12, None, True)],
)  # fmt: skip
def test_written(text: str | float, count: int | None, share: float | None, per_day: bool) -> None:
    found = read_capacity(text)
    assert (found.count, found.share, found.per_day) == (count, pytest.approx(share) if share else share, per_day)


@pytest.mark.parametrize("text", ["0", "100%", "0%", "-3", "many", "2.5", "500/week", ""])
def test_refused(text: str) -> None:
    with pytest.raises(UsageError, match="capacity"):
        read_capacity(text)


def test_a_share_is_rounded_down_but_never_to_nothing() -> None:
    assert [Capacity(share=0.02).of(n) for n in (1000, 149, 10)] == [20, 2, 1]
    assert Capacity(count=5).of(3) == 3


def test_highest_scores_and_ties_by_lot() -> None:
    rng = np.random.default_rng(0)
    score, lot = rng.integers(0, 5, 200).astype(float), rng.permutation(200)
    picked, tied = top_scored(score, lot, Capacity(count=60), None)
    assert picked.sum() == 60
    cut = score[picked].min()
    assert score[~picked].max() <= cut
    assert tied == (score == cut).sum()
    assert lot[picked & (score == cut)].max() < lot[~picked & (score == cut)].min()


def test_no_ties_at_the_cut_are_none() -> None:
    assert top_scored(np.array([3.0, 2.0, 1.0, 1.0]), np.arange(4), Capacity(count=2), None)[1] == 0


def test_per_day_fills_each_day() -> None:
    rng = np.random.default_rng(0)
    day = rng.integers(0, 7, 300)
    picked, _ = top_scored(rng.normal(size=300), rng.permutation(300), Capacity(count=10, per_day=True), day)
    assert np.bincount(day[picked]).tolist() == [10] * 7


def test_the_same_lot_whatever_the_order() -> None:
    score, lot = np.array([1.0, 1.0, 1.0, 1.0]), np.array([3, 1, 0, 2])
    picked, _ = top_scored(score, lot, Capacity(count=2), None)
    order = np.array([2, 0, 3, 1])
    again, _ = top_scored(score[order], lot[order], Capacity(count=2), None)
    assert again.tolist() == picked[order].tolist()
