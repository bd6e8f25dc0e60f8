"""Each check in words: how many test rows, what it means for a score, examples."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from seatrial.evaluation.leakage.columns import Codes, Sides, said
from seatrial.evaluation.leakage.giveaway import ORDERED, Named, Target
from seatrial.evaluation.leakage.matching import Flags, Matches
from seatrial.evaluation.leakage.together import SharedGroups, TimeTravel
from seatrial.records.numbers import format_count, format_interval
from seatrial.records.overlap import OverlapCheck, OverlapColumn, OverlapKind, OverlapPair
from seatrial.stats.proportions import wilson

Status = Literal["pass", "warn", "fail"]
MUCH = 0.05
"""Share of test rows in the training data from which a score says little of new rows."""
SOME = 0.01
"""Share of test rows that repeat another from which that is worth a warning."""
USUAL = 1.25
"""Times the share of training rows near to another one up to which test rows near to one are as usual."""
GROUPED = 0.01
EXAMPLES = 10
SHOWN_COLUMNS = 4


def worst(of: Iterable[Status]) -> Status:
    """The worst of some statuses; none: pass."""
    found = set(of)
    return "fail" if "fail" in found else "warn" if "warn" in found else "pass"


def part(count: int, of: int) -> str:
    """A count of a whole with its share: `12 of 300 (4 %)`.

    >>> part(12, 300), part(0, 300), part(1, 30000)
    ('12 of 300 (4 %)', '0 of 300', '1 of 30,000 (under 0.1 %)')
    """
    text = f"{format_count(count)} of {format_count(of)}"
    if not count or not of:
        return text
    share = 100 * count / of
    shown = "under 0.1" if share < 0.1 else f"{share:.3g}"
    return f"{text} ({shown} %)"


def copies_across(both: Sides, equal: Matches, own: float | None) -> OverlapCheck:
    """Test rows that are in the training data."""
    rows = np.flatnonzero(equal.in_train)
    notes = []
    text = f"{part(len(rows), both.n_test)} test rows are in the training data, equal in every input."
    if len(rows):
        text += " On these a score says what the model remembers."
        if own is not None and own > 0:
            notes.append(
                f"{100 * own:.3g} % of the training rows equal another training row too: "
                + ("copies are a habit of these data" if own >= 0.5 * len(rows) / both.n_test else "fewer than here")
                + "."
            )
    return _check(
        both, "copies in the training data", _by_share(len(rows), both.n_test), text, rows, equal, "train", notes=notes
    )


def near_across(
    both: Sides, near: Matches, *, already: Flags, notes: Sequence[str], sampled: Codes | None, usual: float | None
) -> OverlapCheck:
    """Test rows that are nearly in the training data, equal ones apart.

    `usual` is the share of training rows near to another one: rows of few different values come near by chance.
    """
    rows = np.flatnonzero(near.in_train & ~already)
    of = both.n_test if sampled is None else len(sampled)
    text = f"{part(len(rows), of)} {_looked(sampled)}test rows are nearly in the training data (equal ones apart)."
    status: Status = _by_share(len(rows), of)
    if usual is not None and len(rows):
        more = len(rows) > max(SOME, USUAL * usual) * of
        status = "warn" if more else "pass"
        text += f" Of the training rows {100 * usual:.3g} % are as near to another training row"
        text += ": fewer than here." if more else ": the split did not bring this."
    return _check(
        both, "near copies in the training data", status, text, rows, near, "train", notes=notes, sampled=sampled
    )


def copies_within(both: Sides, equal: Matches) -> OverlapCheck:
    """Test rows that repeat another test row."""
    rows = np.flatnonzero(equal.in_test)
    status: Status = "warn" if len(rows) >= SOME * both.n_test and len(rows) else "pass"
    text = f"{part(len(rows), both.n_test)} test rows equal another test row in every input."
    if len(rows):
        text += " They count twice and are not independent."
    return _check(both, "copies within the test set", status, text, rows, equal, "test")


def near_within(
    both: Sides, near: Matches, *, already: Flags, notes: Sequence[str], sampled: Codes | None
) -> OverlapCheck:
    """Test rows that nearly repeat another test row, equal ones apart."""
    rows = np.flatnonzero(near.in_test & ~already)
    of = both.n_test if sampled is None else len(sampled)
    status: Status = "warn" if len(rows) >= SOME * of and len(rows) and both.of("text", "image") else "pass"
    text = f"{part(len(rows), of)} {_looked(sampled)}test rows nearly equal another test row (equal ones apart)."
    return _check(
        both, "near copies within the test set", status, text, rows, near, "test", notes=notes, sampled=sampled
    )


def contradictory(
    both: Sides, equal: Matches, within: Flags, across: Flags, most: float, labels: tuple[Codes, Codes]
) -> OverlapCheck:
    """Equal inputs with different targets."""
    rows = np.flatnonzero(within | across)
    text = f"{part(len(rows), both.n_test)} test rows have inputs that another row has with another target"
    if len(rows):
        text += f" ({format_count(int(within.sum()))} within the test set"
        text += f", {format_count(int(across.sum()))} only against the training data)." if both.train else ")."
    else:
        text += "."
    if most < 1:
        text += f" No model of these inputs can be right on more than {100 * most:.4g} % of the test rows."
    first, second = labels
    pairs: list[OverlapPair] = []
    for row in rows:
        if len(pairs) >= EXAMPLES:
            break
        for side, places, other in (("test", equal.test, first), ("train", equal.train, second)):
            place = int(places[row])
            if place >= 0 and other[place] != first[row]:
                pairs.append(_pair(both, int(row), place, "train" if side == "train" else "test", 1.0, equal.how))
                break
    return OverlapCheck(
        kind="equal inputs, different targets",
        status="warn" if len(rows) else "pass",
        sentence=text,
        count=len(rows),
        of=both.n_test,
        share=len(rows) / both.n_test,
        ids=_ids(both, rows),
        pairs=tuple(pairs),
        method="groups of rows equal in every input; the bound takes the most frequent target of each group",
    )


def giveaways(both: Sides, columns: Sequence[OverlapColumn], target: Target) -> OverlapCheck:
    """Columns that tell the target alone."""
    plain = [one for one in columns if not one.name_like]
    told = [one for one in plain if one.gives_away]
    ids = [one for one in columns if one.name_like and _ordered(one)]
    if told:
        text = (
            f"{_quoted([one.column for one in told])} alone {'tells' if len(told) == 1 else 'tell'} the target "
            f"({measure(told[0])}): check that it is known before the target is."
        )
    elif plain:
        text = f"No column alone tells the target; '{plain[0].column}' comes nearest ({measure(plain[0])})."
    else:
        text = "There is no number or category among the inputs to hold against the target."
    if ids:
        text += f" {_quoted([one.column for one in ids])}, a name of rows, tells it too ({measure(ids[0])})."
    return OverlapCheck(
        kind="column gives the target away",
        status="warn" if told or ids else "pass",
        sentence=text,
        of=len(target.rows),
        columns=tuple(columns[:20]),
        method="every input column alone against the target, on test rows; limits hold together (Bonferroni)",
    )


def named(both: Sides, found: Named) -> OverlapCheck:
    """Targets that stand in the text."""
    difference = (found.own - found.other) / found.n
    gives = found.own / found.n >= 0.5 and found.low > 0.25
    interval = format_interval(100 * difference, 100 * found.low, 100 * found.high, signed=True)
    text = (
        f"{part(found.own, found.n)} texts hold the words of their own target, against "
        f"{part(found.other, found.n)} for a target drawn from another row (difference {interval} points)"
    )
    text += ": the answer stands in the question." if gives else "."
    return OverlapCheck(
        kind="target named in the text",
        status="warn" if gives else "pass",
        sentence=text,
        count=found.own,
        of=found.n,
        share=found.own / found.n,
        ids=_ids(both, found.rows) if gives else (),
        method="whole words, small letters; targets of at least 3 characters; Tango's interval of the paired shares",
    )


def ordered(found: OverlapColumn) -> OverlapCheck:
    """Whether rows come sorted by target."""
    is_sorted = _ordered(found)
    text = (
        f"The test rows are sorted by target ({measure(found)}): never take the first rows as a sample."
        if is_sorted
        else "The order of the test rows does not tell the target."
    )
    return OverlapCheck(
        kind="order of the rows",
        status="pass",
        sentence=text,
        of=found.n,
        columns=(found,),
        method=found.method,
    )


def grouped(both: Sides, name: str, found: SharedGroups) -> OverlapCheck:
    """Groups that both sides have."""
    many = len(found.rows)
    text = (
        f"{part(found.groups, found.of)} values of '{name}' are on both sides, with {part(many, found.known)} test rows"
    )
    text += ": a score says less of new ones." if many else "."
    pairs = tuple(
        _pair(both, int(row), int(found.partner[row]), "train", None, f"same '{name}'", first=(name,))
        for row in found.rows[:EXAMPLES]
    )
    return OverlapCheck(
        kind="groups on both sides",
        status="fail" if many >= GROUPED * both.n_test and many else "warn" if many else "pass",
        sentence=text,
        count=many,
        of=found.known,
        share=many / max(found.known, 1),
        ids=_ids(both, found.rows),
        pairs=pairs,
        method=f"equal values of '{name}'; rows without one are left out",
    )


def travelled(both: Sides, name: str, found: TimeTravel) -> OverlapCheck:
    """Training rows later than test rows."""
    many = len(found.rows)
    if many:
        text = (
            f"{part(many, found.known)} test rows lie before the last training row, and "
            f"{part(found.later, found.known_train)} training rows after the first test row: the model has seen the "
            f"future of these rows. Training: {found.train[0]} to {found.train[1]}; test: {found.test[0]} to "
            f"{found.test[1]}."
        )
    else:
        text = f"Every training row ({found.train[0]} to {found.train[1]}) lies before the test rows."
    return OverlapCheck(
        kind="time travel",
        status="warn" if many else "pass",
        sentence=text,
        count=many,
        of=found.known,
        share=many / max(found.known, 1),
        ids=_ids(both, found.rows),
        method=f"'{name}' of the test rows against the latest training row",
    )


def measure(one: OverlapColumn) -> str:
    """A column's measure with its limits, and what knowing nothing gives."""
    shown = format_interval(one.value, one.low, one.high)
    nothing = f", {one.base:.2g} without it" if one.measure == "accuracy" else ""
    return f"{one.measure} {shown}{nothing}"


def sentence(found: Sequence[OverlapCheck], both: Sides) -> str:
    """The answer in one sentence or two."""
    bad = [one for one in found if one.status == "fail"]
    odd = [one for one in found if one.status == "warn"]
    if bad:
        return f"A score on this test set says little of new rows. {bad[0].sentence}" + _more(len(bad) + len(odd) - 1)
    if odd:
        first = max(odd, key=lambda one: 1.0 if one.share is None else one.share)
        return first.sentence + _more(len(odd) - 1)
    if both.train is None:
        return f"Nothing was found among {format_count(both.n_test)} test rows that should not be there."
    return (
        f"Nothing was found that {format_count(both.n_test)} test rows share with {format_count(both.n_train)} "
        "training rows and should not."
    )


def not_shown(both: Sides) -> tuple[str, ...]:
    """What these checks cannot see."""
    found = []
    if both.train is None:
        found.append("No training data were given: whether test rows were trained on is not known.")
    else:
        found.append("What the model was trained on besides these training data, such as a pretraining corpus.")
    if both.test.group is None and both.test.cluster is None:
        found.append("Whether people, documents or sites are on both sides: no group column was named (--group).")
    if both.test.time is None:
        found.append("Whether training rows are later than test rows: no time column was named (--time).")
    if both.test.target is None:
        found.append("Whether a column gives the target away: no target was named (--target).")
    if both.of("text"):
        found.append("Paraphrases and translations: near copies share most of their characters.")
    if both.of("image"):
        found.append("Cropped, mirrored or turned copies of an image: near copies show the same scene the same way.")
    if both.of("number", "category"):
        found.append("Two or more columns that tell the target only together.")
    return tuple(found)


def _more(others: int) -> str:
    return "" if others <= 0 else f" {others} other {'check' if others == 1 else 'checks'} found something too."


def _ordered(one: OverlapColumn) -> bool:
    limit = one.value if one.low is None else one.low
    if one.measure == "accuracy":
        return limit >= 0.95 and (limit - one.base) / max(1 - one.base, 1e-9) >= ORDERED
    return limit >= ORDERED


def _by_share(count: int, of: int) -> Status:
    return "pass" if not count else "fail" if count >= MUCH * of else "warn"


def _looked(sampled: Codes | None) -> str:
    return "" if sampled is None else "sampled "


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _ids(both: Sides, rows: Codes) -> tuple[str, ...]:
    return tuple(both.test.ids[i] for i in rows)


def _check(
    both: Sides,
    kind: OverlapKind,
    status: Status,
    text: str,
    rows: Codes,
    matches: Matches,
    side: Literal["test", "train"],
    *,
    notes: Sequence[str] = (),
    sampled: Codes | None = None,
) -> OverlapCheck:
    places = matches.train if side == "train" else matches.test
    alike = matches.train_alike if side == "train" else matches.test_alike
    of = both.n_test if sampled is None else len(sampled)
    low, high = wilson(len(rows), of)
    order = rows[np.argsort(-alike[rows], kind="stable")]
    pairs: list[OverlapPair] = []
    seen: set[int] = set()
    for row in order:
        if len(pairs) == EXAMPLES:
            break
        if side == "test" and int(places[row]) in seen:
            continue
        seen.add(int(row))
        how = matches.how
        first: tuple[str, ...] = ()
        if side == "train" and int(row) in matches.differs:
            what = matches.differs[int(row)]
            how = f"equal but for {what}"
            first = (what.strip("'"),) if what.startswith("'") else ()
        pairs.append(_pair(both, int(row), int(places[row]), side, float(alike[row]), how, first=first))
    return OverlapCheck(
        kind=kind,
        status=status,
        sentence=text,
        count=len(rows),
        of=of,
        share=len(rows) / of,
        low=None if sampled is None else float(low),
        high=None if sampled is None else float(high),
        ids=_ids(both, rows),
        pairs=tuple(pairs),
        method=matches.method,
        notes=tuple(notes),
    )


def _pair(
    both: Sides,
    row: int,
    other: int,
    side: Literal["test", "train"],
    alike: float | None,
    how: str,
    *,
    first: Sequence[str] = (),
) -> OverlapPair:
    there = both.test if side == "test" or both.train is None else both.train
    names = list(dict.fromkeys([*first, *both.of("text"), *both.of("image"), *both.kinds]))[:SHOWN_COLUMNS]
    target = both.test.target
    targets = None
    if target is not None and target in both.test.columns and target in there.columns:
        targets = said(both.test.columns[target][row], limit=80), said(there.columns[target][other], limit=80)
    return OverlapPair(
        test=both.test.ids[row],
        other=there.ids[other],
        side=side,
        similarity=alike,
        how=how,
        columns={name: (said(both.test.columns[name][row]), said(there.columns[name][other])) for name in names},
        targets=targets,
    )
