"""The time before the exposure: covariates and segments of units, added up for each."""

from dataclasses import dataclass

from seatrial.experiments.answers import one, sum_if
from seatrial.experiments.recipes import exact_scale
from seatrial.experiments.tables import Base
from seatrial.experiments.warehouse import Warehouse


@dataclass(frozen=True, kw_only=True)
class BeforeExposure:
    table: str | None
    rows: int = 0
    after: int = 0


def before_exposure(house: Warehouse, pre: Base | None, firsts: str) -> BeforeExposure:
    """Add up the rows of the pre-period for each unit, those at or after its first exposure left out."""
    if pre is None:
        return BeforeExposure(table=None)
    numbers = range(len(pre.uses.numbers))
    looks = ["COUNT(*) AS n"]
    for at in numbers:
        looks += [f"MAX(ABS(e.v{at})) AS m{at}", f"{sum_if(f'e.v{at} <> FLOOR(e.v{at})')} AS w{at}"]
    found = one(house, f"SELECT {', '.join(looks)} FROM {pre.table} AS e")
    sums = []
    for at in numbers:
        scale = exact_scale(found[1 + 2 * at], int(found[2 + 2 * at] or 0), found[0])
        if scale is None:
            sums.append(f"SUM(e.v{at}) AS b{at}")
        else:
            shift = f"CAST({scale!r} AS DOUBLE)"
            whole = f"SUM(CAST(ROUND(e.v{at} * {shift}) AS DECIMAL(38, 0)))"
            sums.append(f"CAST({whole} AS DOUBLE) / {shift} AS b{at}")
    sums += [f"MIN(e.t{at}) AS d{at}" for at in range(len(pre.uses.texts))]
    sums += [f"MIN(e.s{at}) AS s{at}" for at in range(len(pre.uses.segments))]
    timed = pre.time is not None
    early = "WHERE (f.time IS NULL OR e.time < f.time)" if timed else ""
    source = f"{pre.table} AS e JOIN {firsts} AS f ON f.unit = e.unit"
    table = house.fresh("before")
    house.create(
        table, f"SELECT e.unit AS unit{''.join(f', {sql}' for sql in sums)} FROM {source} {early} GROUP BY e.unit"
    )
    after = one(house, f"SELECT {sum_if('e.time >= f.time')} AS n FROM {source}")[0] if timed else 0
    return BeforeExposure(table=table, rows=found[0], after=int(after or 0))
