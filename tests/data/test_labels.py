"""Labels mean the same in all files; text that only looks like a number stays text."""

import pytest

from seatrial.data.labels import canonical_labels, opposite, positive_label, sorted_labels
from seatrial.errors import UsageError


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "1.0", "0"], {"1": "1", "1.0": "1", "0": "0"}),
        (["True", "1", "0"], {"True": "1", "1": "1", "0": "0"}),
        (["True", "false", "TRUE"], {"True": "true", "false": "false", "TRUE": "true"}),
        (["1", "1.0", "spam"], {"1": "1", "1.0": "1.0", "spam": "spam"}),
        (["01", "1"], {"01": "01", "1": "1"}),
        (["1", "nan", "NaN"], {"1": "1", "nan": None, "NaN": None}),
        (["nan", "cat"], {"nan": "nan", "cat": "cat"}),
        (["1e3", "1000"], {"1e3": "1000", "1000": "1000"}),
        (["0.5", ".50"], {"0.5": "0.5", ".50": "0.5"}),
        (["-1", "+1"], {"-1": "-1", "+1": "1"}),
        (
            ["12345678901234567890", "12345678901234567891"],
            {"12345678901234567890": "12345678901234567890", "12345678901234567891": "12345678901234567891"},
        ),
        (["1_000", "inf"], {"1_000": "1_000", "inf": "inf"}),
    ],
)
def test_canonical_labels(texts: list[str], expected: dict[str, str | None]) -> None:
    assert canonical_labels(texts) == expected


def test_labels_sort_as_numbers_only_when_all_are() -> None:
    assert sorted_labels(["10", "9"]) == ("9", "10")
    assert sorted_labels(["10", "9", "x"]) == ("10", "9", "x")


@pytest.mark.parametrize(
    ("labels", "given", "expected"),
    [
        (("0", "1"), None, 1),
        (("No", "Yes"), None, 1),
        (("POS", "neg"), None, 0),
        (("false", "true"), None, 1),
        (("bad", "good"), "bad", 0),
        (("0", "1"), "0", 0),
        (("0", "1"), "1.0", 1),
        (("<=50K", ">50K"), ">50k", 1),
    ],
)
def test_the_positive_class(labels: tuple[str, ...], given: str | None, expected: int) -> None:
    assert positive_label(labels, given=given, source="f.csv") == expected


def test_an_unknown_positive_class_is_asked_for() -> None:
    with pytest.raises(UsageError, match=r"'<=50K' and '>50K'.*--positive"):
        positive_label(("<=50K", ">50K"), given=None, source="f.csv")
    with pytest.raises(UsageError, match="Did you mean 'good'"):
        positive_label(("bad", "good"), given="goood", source="f.csv")


def test_the_opposite_of_a_label() -> None:
    assert (opposite("1"), opposite("0"), opposite("cat")) == ("0", "1", None)
