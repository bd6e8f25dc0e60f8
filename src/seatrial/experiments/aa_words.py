"""The name of what is wrong with a metric's test, and the sentence that says what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.records.aa import Failure, MetricSplits, SplitBy, SplitSize
from seatrial.records.numbers import format_count, format_percent, format_value
from seatrial.stats.heavy_tails import LARGE_SHARE, rows_for_nominal_coverage

NOT_UNIFORM = 0.001
"""p-values are called not uniform under this p of uniformity."""
FEW_VALUES = 10
"""A metric of at most so many distinct values can have p-values that come in steps."""
MANY_TIED = 0.005
"""From this share of rows exactly at a quantile on, its test is one of ties."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What may explain a test that is off."""

    metric: str
    unit: str
    units: int
    rows: int
    split_by: SplitBy
    alpha: float
    skewness: float
    largest: float
    """Share of the total that the largest unit holds."""
    distinct: int
    """Values that differ."""
    uncommon: int
    """Rows that do not have the most common value."""
    shared: float
    """Share of units in both arms when rows are split."""
    tied: float = 0.0
    """Of a quantile: the share of rows that are exactly there."""
    reason: str | None = None

    @property
    def is_heavy(self) -> bool:
        few = self.units < float(rows_for_nominal_coverage(self.skewness))
        return self.distinct > FEW_VALUES and (few or self.largest > LARGE_SHARE)

    def too_many(self, size: SplitSize) -> bool:
        return size.low > self.alpha

    def suspects(self, size: SplitSize) -> bool:
        """Whether the size is off, or the p-values are not uniform."""
        uniform = size.uniformity_p is not None and size.uniformity_p >= NOT_UNIFORM
        return not (size.low <= self.alpha <= size.high) or not uniform


def named(seen: Seen, analyses: Sequence[SplitSize]) -> tuple[Failure, str]:
    """The failure and the sentence; `analyses` holds the one that `analyze` does first."""
    if seen.reason is not None:
        return "cannot check", f"{seen.metric} cannot be checked: {seen.reason}."
    main, noun = analyses[0], _noun(seen.unit)
    if seen.suspects(main):
        return _off(seen, main, analyses)
    naive = next((one for one in analyses if one.name == "rows as independent"), None)
    if naive is not None and seen.too_many(naive):
        return "clustered", (
            f"{seen.metric}: rows of one {noun} resemble each other. Taken as independent, {said(naive)} A/A tests "
            f"call a difference; added up by {noun}, {said(main)}. Randomise by {noun} and analyse with --cluster "
            f"{seen.unit}."
        )
    if seen.split_by == "row" and seen.rows > seen.units:
        return "clustered", (
            f"{seen.metric}: split by row the p-values are honest ({said(main)}), but "
            f"{format_percent(round(seen.shared, 3))} of units are then in both arms, so an effect on a {noun} cannot "
            f"be seen. Randomise by {noun} and analyse with --cluster {seen.unit}."
        )
    return "fine", f"{seen.metric}: its test is honest here, {said(main)} A/A tests call a difference."


def _off(seen: Seen, main: SplitSize, analyses: Sequence[SplitSize]) -> tuple[Failure, str]:
    if seen.is_heavy:
        capped = next((one for one in analyses if one.name == "capped"), None)
        holds = (
            f"the largest {_noun(seen.unit)} holds {format_percent(round(seen.largest, 3))} of the total"
            if seen.largest > LARGE_SHARE
            else f"the tail is heavy (skewness {format_value(seen.skewness)}, which asks for "
            f"{format_count(float(rows_for_nominal_coverage(seen.skewness)), about=True)} units; there are "
            f"{format_count(seen.units)})"
        )
        start = f"{seen.metric}: {holds}, and {said(main)} A/A tests call a difference"
        start += "" if main.low > seen.alpha or main.high < seen.alpha else ", with p-values far from uniform"
        if capped is None:
            return "outlier", f"{start}. Look at that {_noun(seen.unit)}; cap the values in the plan, or use a share."
        cap = format_value(capped.cap or 0.0).replace(",", "")
        if not seen.suspects(capped):
            return (
                "outlier",
                f"{start}. Capped at {cap} it is {said(capped)}: plan it with --winsorize {seen.metric}={cap}.",
            )
        return "outlier", (
            f"{start}. A cap at {cap} does not mend it ({said(capped)}): cap lower, or use the share of units above "
            "a value."
        )
    if seen.tied > MANY_TIED:
        return "discrete", (
            f"{seen.metric}: {format_percent(round(seen.tied, 3))} of the rows are exactly at the quantile, so it "
            f"seldom moves, p comes in steps and {said(main)} A/A tests call a difference. Use the share of "
            "rows above that value instead."
        )
    if seen.distinct <= FEW_VALUES:
        more = "more often than it should" if seen.too_many(main) else "so the test is safe but blunt"
        return "discrete", (
            f"{seen.metric} has {seen.distinct} distinct values and {format_count(seen.uncommon)} rows off the most "
            f"common one: p comes in steps, {said(main)} A/A tests call a difference, {more}. Wait for more of them, "
            "or use a metric with finer values."
        )
    if main.low <= seen.alpha <= main.high:
        return "fine", (
            f"{seen.metric}: {said(main)} A/A tests call a difference, as they should; its p-values are not quite "
            "uniform, which matters to no interval at this level."
        )
    return "unexplained", (
        f"{seen.metric}: {said(main)} A/A tests call a difference where {format_percent(seen.alpha)} should, and "
        "neither repeated rows, an outlier nor few values explain it. Do not test it before you know why"
        + (f"; {format_count(seen.units)} units are few." if seen.units < 200 else ".")
    )


def said(size: SplitSize) -> str:
    """`5.1 % [3.6 %, 7.2 %] of 1,000`."""
    low, high = (format_percent(round(x, 3)) for x in (size.low, size.high))
    return f"{format_percent(round(size.size, 3))} [{low}, {high}] of {format_count(size.simulations)}"


def all_metrics(found: Sequence[MetricSplits], simulations: int, alpha: float) -> str:
    """The sentence of the page."""
    bad = [one for one in found if one.failure != "fine"]
    if not bad:
        what = "the metric's test is" if len(found) == 1 else f"all {len(found)} metrics' tests are"
        return (
            f"Over {format_count(simulations)} random splits in which nothing differs, {what} honest: about "
            f"{format_percent(alpha)} of them call a difference."
        )
    if len(found) == 1:
        return bad[0].sentence
    names = ", ".join(f"{one.metric} ({one.failure})" for one in bad[:6])
    more = f" and {len(bad) - 6} more" if len(bad) > 6 else ""
    return (
        f"Over {format_count(simulations)} random splits in which nothing differs, {len(found) - len(bad)} of "
        f"{len(found)} metrics' tests are honest; look at {names}{more}."
    )


def _noun(unit: str) -> str:
    """`household` for the column `household_id`; `unit` where every row is one."""
    noun = unit.removesuffix("_id").replace("_", " ").strip() or unit
    return "unit" if unit == "row" else noun
