"""The scan: moments of all terms in all cells (arm, phase, segments) from one GROUP BY, rolled up to every grouping.

Where the cube of all segments is small, only its cells leave the engine, and every grouping is a sum over them; else
the finest groupings are asked for together by GROUPING SETS. All sums are exact (see `sums`), so neither choice shows.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from seatrial.experiments.cell_query import CellQuery
from seatrial.experiments.cells import Cells, Group, Grouping, Looked, Rows
from seatrial.experiments.sums import BITS, half_log
from seatrial.stats.moments import ROUNDING

FEW_ROWS = 2**18
"""Up to so many rows every sum is kept in two parts, to the last digit; above it rounding averages out far below any
standard error."""
NEAR = 2.0**-30
"""A variance below this share of the mean square lost too many digits: the term is centred again."""
TRIES = 4


def scan(
    rows: Rows, groups: Sequence[Group], groupings: Sequence[Grouping], *, facts: Looked | None = None
) -> dict[str, dict[Grouping, Cells]]:
    """Moments of every group on every grouping of the keys.

    What was assumed of a column (that it has no NULL, its scale, its centre) is checked against what came back; a group
    of which it was wrong is scanned again.
    """
    seen = facts if facts is not None else Looked(rows)
    seen.add(term for group in groups for term in group.terms)
    done: dict[str, dict[Grouping, Cells]] = {}
    pending, fine = list(groups), set[str]()
    for _ in range(TRIES):
        usual = 2 if rows.count <= FEW_ROWS else 1
        run = [CellQuery(rows, part, groupings, seen, folds=folds) for part, folds in _parts(pending, fine, usual)]
        wrong: set[str] = set()
        for one in run:
            one.execute()
            surprises = one.surprises()
            seen.whole(surprises)
            wrong |= {term.key for term in surprises}
            done |= one.unpacked()
        again = [g for g in pending if any(t.key in wrong for t in g.terms)]
        names = {g.name for g in again}
        rest = [g for g in pending if g.name not in names and g.name not in fine]
        for group in rest:
            centres = _troubled(group, done[group.name], seen, rows.count)
            if centres is not None:
                seen.centre(group, centres)
                fine.add(group.name)
                again.append(group)
        if not again:
            return done
        pending = again
    return done


def _parts(pending: Sequence[Group], fine: set[str], usual: int) -> list[tuple[list[Group], int]]:
    """Groups by the number of parts their sums are kept in."""
    parts = [([g for g in pending if g.name not in fine], usual), ([g for g in pending if g.name in fine], 3)]
    return [(part, folds) for part, folds in parts if part]


def _troubled(group: Group, by: Mapping[Grouping, Cells], seen: Looked, rows: int) -> list[float] | None:
    """Centres for the terms of a group of which a cell lost too many digits; None where none did."""
    if not group.terms:
        return None
    facts = [seen.of(group, term) for term in group.terms]
    grids = np.array([0.0 if f.exact else math.ldexp(1.0, -2 * f.shift) for f in facts])
    steps = np.array([0.0 if f.exact else math.ldexp(1.0, half_log(rows) - BITS - f.shift) for f in facts])
    bad = np.zeros(len(facts), dtype=bool)
    for cells in by.values():
        m = cells.moments
        there = m.n >= 2
        if not there.any():
            continue
        n = m.n[there, None]
        square = np.einsum("stt->st", m.products[there]) / n
        mean = m.sums[there] / n
        variance = np.maximum(square - mean * mean, 0.0)
        lost = (variance < NEAR * square) & (square > 0)
        # a whole number that never varies has n sum x^2 = (sum x)^2 to the last digit
        constant = (
            np.array([f.exact for f in facts], dtype=bool) & (variance <= ROUNDING * square) & (square * n < 2.0**44)
        )
        varies = variance > 0
        coarse = varies & ((grids * 2.0**8 > variance) | (grids * 2.0**16 > variance * np.sqrt(n)))
        coarse |= varies & (steps * steps * 2.0**28 > variance)
        coarse |= (square == 0) & (mean != 0)
        bad |= ((lost & ~constant) | coarse).any(axis=0)
    if not bad.any():
        return None
    m = max(by.values(), key=lambda c: c.shape[2]).moments
    some = m.n >= 2
    means = m.sums[some] / m.n[some, None]
    spread = np.einsum("stt->st", m.products[some]) / m.n[some, None] - means * means
    tight = np.argmin(spread, axis=0)  # the cell that lost most: not one with a huge unit in it
    centres = []
    for i, f in enumerate(facts):
        at = f.centre + float(means[tight[i], i])
        chosen = float(np.round(at)) if f.whole else float(np.float32(at))
        centres.append(chosen if bad[i] and math.isfinite(chosen) else f.centre)
    return centres
