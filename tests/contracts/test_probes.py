"""One suite for every probe of the catalogue: seeded, order-free, nothing else touched."""

import itertools

import numpy as np
import pytest

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.probes import NAMES, open_probe, perturbed, severities
from seatrial.records.suite import ProbeSpec

HOSTILE = (
    "",
    " ",
    '=HYPERLINK("http://x")',
    "<script>alert('rn 0O1l')</script> \x1b[31m",
    "naïve café Ångström e\u0301tude \u202egnihton",
    "👩‍👩‍👧‍👦 家族 שלום مرحبا",
    "ﬁ ß İ ı Ω \x00 \ufeff",
    "a\tb\nc\r\nd",
)
TEXTS = tuple(
    f"The quick brown movie number {k}: a big dog, really happy, didn't wait at 10:{k:02d}!" for k in range(40)
)


def _images() -> list[np.ndarray]:
    """Smooth pictures with an edge, so that every probe has something to change."""
    y, x = np.mgrid[0:24, 0:30]
    out = []
    for k in range(6):
        waves = 127 + 90 * np.sin((x + 2 * k) / 5) * np.cos((y - k) / 4) + 30 * (x > 14)
        out.append(np.clip(np.stack([waves, waves[::-1], 255 - waves], axis=2), 0, 255).astype(np.uint8))
    return out


def rows_for(name: str) -> LoadedDataset:
    kind = open_probe(name).works_on[0]
    if kind == "image":
        columns: dict[str, list] = {"image": [*_images(), None, np.zeros((3, 2, 1), np.uint8)]}
    else:
        texts = [*TEXTS, *HOSTILE, None]
        n = len(texts)
        columns = {
            "text": texts,
            "number": [None if k == 5 else 10.0 + 3.7 * k for k in range(n)],
            "count": [None if k == 6 else 1000 + 7 * k for k in range(n)],
            "colour": [None if k == 7 else ("red", "green", "blue")[k % 3] for k in range(n)],
        }
    n = len(next(iter(columns.values())))
    inputs = tuple(columns)
    columns["when"] = [f"2026-01-{1 + (k * 7) % 28:02d}" for k in range(n)]
    columns["y"] = [str(k % 2) for k in range(n)]
    return LoadedDataset(
        name="rows",
        ids=tuple(f"r{k}" for k in range(n)),
        columns=columns,
        inputs=inputs,
        fingerprint="0",
        target="y",
        time="when",
    )


def cells(rows: LoadedDataset, columns: tuple[str, ...]) -> list[list]:
    return [[rows.columns[name][at] for at in range(len(rows))] for name in columns]


def equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other)
    return type(one) is type(other) and one == other


def same(one: list[list], other: list[list]) -> bool:
    return all(equal(x, y) for a, b in zip(one, other, strict=True) for x, y in zip(a, b, strict=True))


def hardest(name: str) -> float:
    return severities(ProbeSpec(probe=name))[-1]


def needs(name: str) -> None:
    if name == "jpeg":
        pytest.importorskip("PIL")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    needs(request.param)
    return request.param


def test_the_same_seed_gives_the_same_rows_and_another_seed_does_not(name):
    rows, spec = rows_for(name), ProbeSpec(probe=name)
    first, again = (perturbed(rows, spec, hardest(name), seed=3) for _ in range(2))
    assert same(cells(first.dataset, first.columns), cells(again.dataset, again.columns))
    assert first.dataset.fingerprint == again.dataset.fingerprint
    other = perturbed(rows, spec, hardest(name), seed=4)
    assert other.dataset.fingerprint != first.dataset.fingerprint
    seedless = {"truncation", "blur", "jpeg", "stale"}  # nothing is drawn (stale at severity 1 hits every row)
    differs = not same(cells(first.dataset, first.columns), cells(other.dataset, other.columns))
    assert differs or name in seedless


def test_the_order_of_rows_does_not_matter(name):
    rows = rows_for(name)
    turned = rows.taken(tuple(reversed(range(len(rows)))), fingerprint="1")
    straight = perturbed(rows, ProbeSpec(probe=name), hardest(name), seed=1)
    back = perturbed(turned, ProbeSpec(probe=name), hardest(name), seed=1)
    assert straight.columns == back.columns
    assert straight.touched == tuple(reversed(back.touched))
    assert same(
        cells(straight.dataset, straight.columns),
        [list(reversed(column)) for column in cells(back.dataset, back.columns)],
    )


def test_severity_0_changes_nothing(name):
    rows = rows_for(name)
    found = perturbed(rows, ProbeSpec(probe=name), 0.0, seed=1)
    assert not any(found.touched)
    assert same(cells(found.dataset, tuple(rows.columns)), cells(rows, tuple(rows.columns)))


def distance(before: object, after: object) -> float:
    """How far a cell has moved: characters that differ, numbers by ratio, pixels by mean difference."""
    if equal(before, after):
        return 0.0
    if isinstance(before, np.ndarray):
        return float(np.abs(before.astype(float) - after.astype(float)).mean())
    if isinstance(before, str) and isinstance(after, str):
        import difflib

        matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
        kept = sum(block.size for block in matcher.get_matching_blocks())
        return len(before) + len(after) - 2 * kept
    if isinstance(before, (int, float)) and isinstance(after, (int, float)):
        return abs(after - before)
    return 1.0


def test_a_higher_severity_changes_more_and_never_fewer_rows(name):
    rows = rows_for(name)
    found = [perturbed(rows, ProbeSpec(probe=name), one, seed=2) for one in severities(ProbeSpec(probe=name))]
    clean = cells(rows, found[0].columns)
    moved = []
    for one in found:
        after = cells(one.dataset, one.columns)
        moved.append(sum(distance(x, y) for a, b in zip(clean, after, strict=True) for x, y in zip(a, b, strict=True)))
    counts = [sum(one.touched) for one in found]
    assert moved == sorted(moved)
    assert moved[0] < moved[-1]
    assert moved[0] > 0
    assert counts == sorted(counts)
    for milder, harder in itertools.pairwise(found):
        if name != "noise":  # integers may round back to themselves
            assert not any(a and not b for a, b in zip(milder.touched, harder.touched, strict=True))


def test_missing_stays_missing_and_types_are_kept(name):
    rows = rows_for(name)
    found = perturbed(rows, ProbeSpec(probe=name), hardest(name), seed=5)
    for before, after in zip(cells(rows, found.columns), cells(found.dataset, found.columns), strict=True):
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            if old is None:
                assert new is None
            elif new is None:
                assert name == "missing"
            elif isinstance(old, np.ndarray):
                assert new.dtype == np.uint8
                assert new.shape == old.shape
            else:
                assert type(new) is type(old)
                if isinstance(new, str):
                    assert name == "stale" or name == "suffix" or old or not new  # an empty text stays empty


def test_target_and_other_columns_are_untouched(name):
    rows = rows_for(name)
    found = perturbed(rows, ProbeSpec(probe=name), hardest(name), seed=5)
    assert found.dataset.ids == rows.ids
    others = tuple(column for column in rows.columns if column not in found.columns)
    assert "y" in others
    assert same(cells(found.dataset, others), cells(rows, others))
    with pytest.raises(UsageError, match="target"):
        perturbed(rows, ProbeSpec(probe=name, columns=("y",)), hardest(name), seed=5)


def test_touched_says_which_rows_changed(name):
    rows = rows_for(name)
    found = perturbed(rows, ProbeSpec(probe=name), hardest(name), seed=5)
    before, after = cells(rows, found.columns), cells(found.dataset, found.columns)
    if open_probe(name).works_on == ("image",):
        assert found.touched == tuple(image is not None for image in before[0])
        return
    truly = tuple(any(not equal(b[at], a[at]) for b, a in zip(before, after, strict=True)) for at in range(len(rows)))
    assert found.touched == truly


def test_off_the_scale_unknown_options_and_no_fitting_column_are_refused(name):
    rows = rows_for(name)
    for wrong in (-0.1, open_probe(name).top * 1.01, float("nan")):
        with pytest.raises(UsageError, match="off its scale"):
            perturbed(rows, ProbeSpec(probe=name), wrong, seed=1)
    with pytest.raises(UsageError, match=r"label_preservin'.*Did you mean 'label_preserving'"):
        open_probe(name, {"label_preservin": True})
    nothing = LoadedDataset(name="n", ids=("a",), columns={"x": [[1, 2]]}, inputs=("x",), fingerprint="0")
    with pytest.raises(DataError, match=f"Probe {name} works on"):
        perturbed(nothing, ProbeSpec(probe=name), hardest(name), seed=1)


def test_label_preserving_is_declared_and_can_be_overruled(name):
    rows = rows_for(name)
    usual = perturbed(rows, ProbeSpec(probe=name), hardest(name), seed=1)
    assert usual.label_preserving is (name != "truncation")
    assert usual.direction == ("same" if usual.label_preserving else None)
    other = ProbeSpec(probe=name, options={"label_preserving": not usual.label_preserving}, direction="down")
    overruled = perturbed(rows, other, hardest(name), seed=1)
    assert overruled.label_preserving is not usual.label_preserving
    assert overruled.direction == "down"
    assert overruled.dataset.fingerprint != usual.dataset.fingerprint
