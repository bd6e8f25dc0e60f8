"""S7: the fine-tune must not break the old task: non-inferiority overall and per class, flips, churn, CI outputs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from scipy import optimize, stats

import seatrial as st

OLD, NEW = "resnet_basic_32", "resnet_basic_110"


def _tango(gained: int, lost: int, n: int, alpha: float) -> tuple[float, float]:
    """Tango's limits by brute inversion of the score test, independent of ours."""
    z = stats.norm.isf(alpha / 2)
    difference = (gained - lost) / n

    def excess(value: float) -> float:
        a = 2 * n
        b = -gained - lost + (2 * n - gained + lost) * value
        c = -lost * value * (1 - value)
        q = ((b * b - 4 * a * c) ** 0.5 - b) / (2 * a)
        variance = max(n * (2 * q + value * (1 - value)), 1e-300)
        return float((gained - lost - n * value) / variance**0.5)

    low = optimize.brentq(lambda d: excess(d) - z, -1 + 1e-12, difference)
    high = optimize.brentq(lambda d: excess(d) + z, difference, 1 - 1e-12)
    return float(low), float(high)


def _policy(margin: float, classes: range, class_margin: float) -> str:
    lines = ["guardrails:", f"  - {{metric: accuracy, margin: {margin}}}"]
    lines += [f"  - {{metric: 'recall[{k}]', margin: {class_margin}}}" for k in classes]
    return "\n".join(lines) + "\n"


def test_non_inferior_overall_and_per_class(shared_data: Path, tell: Callable[..., Any]) -> None:
    file = shared_data / "predictions_cifar10" / "cifar10_test.csv"
    told = tell("gate", file, "--models", f"{OLD},{NEW}", policy=_policy(0.01, range(10), 0.03))
    frame = pd.read_csv(file)
    statuses = {}
    for metric, rows in (("accuracy", frame), *((f"recall[{k}]", frame[frame["label"] == k]) for k in range(10))):
        old, new = rows[OLD] == rows["label"], rows[NEW] == rows["label"]
        gained, lost = int((~old & new).sum()), int((old & ~new).sum())
        low, high = _tango(gained, lost, len(rows), 0.05)
        effect = told.effect(metric)
        assert effect["low"] == pytest.approx(low, abs=1e-7)
        assert effect["high"] == pytest.approx(high, abs=1e-7)
        assert effect["method"].startswith("Tango")
        margin = 0.01 if metric == "accuracy" else 0.03
        statuses[metric] = "pass" if low > -margin else "fail" if high <= -margin else "inconclusive"
    assert {check["metric"]: check["status"] for check in told.verdict["checks"]} == statuses
    every = set(statuses.values())
    wanted = "fail" if "fail" in every else "inconclusive" if "inconclusive" in every else "pass"
    assert told.verdict["status"] == wanted
    assert told.code == {"pass": 0, "fail": 1, "inconclusive": 2}[wanted]


def test_the_reverse_fails_with_exit_1(shared_data: Path, tell: Callable[..., Any]) -> None:
    file = shared_data / "predictions_cifar10" / "cifar10_test.csv"
    told = tell("gate", file, "--models", f"{NEW},random_features_32k_no_aug", policy=_policy(0.01, range(0), 0))
    assert told.code == 1
    assert told.verdict["status"] == "fail"
    assert told.verdict["sentence"].startswith("Do not ship")
    suite = ElementTree.fromstring(told.junit)
    assert suite.attrib["failures"] == "1"
    assert "❌" in told.markdown
    assert told.out.startswith("FAIL")


def test_flips_both_ways_and_forgetting(shared_data: Path, tell: Callable[..., Any]) -> None:
    file = shared_data / "predictions_cifar10" / "cifar10_test.csv"
    told = tell("compare", file, "--models", f"{OLD},{NEW}")
    frame = pd.read_csv(file)
    old, new = frame[OLD] == frame["label"], frame[NEW] == frame["label"]
    flips = told.card["flips"][0]
    assert flips["gained"] == int((~old & new).sum()) > 0
    assert flips["lost"] == int((old & ~new).sum()) > 0
    assert flips["churn"] == pytest.approx((frame[OLD] != frame[NEW]).mean())
    for one in flips["by_class"]:
        rows = frame["label"] == int(one["label"])
        assert one["n"] == rows.sum()
        assert one["gained"] == int((~old & new & rows).sum())
        assert one["lost"] == int((old & ~new & rows).sum())
    shown = {int(example["id"]) for example in flips["lost_examples"]}
    assert shown
    assert shown <= set(frame.loc[old & ~new, "image"])


@pytest.mark.parametrize("command", ["compare", "gate"])
def test_identical_inputs_pass_at_exactly_0(command: str, small: Path, tell: Callable[..., Any]) -> None:
    policy = _policy(0.01, range(0), 0) + "  - {metric: 'recall[cat]', margin: 0.01}\n"
    told = tell(command, small / "images.csv", "--models", "small,twin", policy=policy)
    assert told.code == 0
    assert told.verdict["status"] == "pass"
    for effect in told.card["effects"]:
        assert (effect["difference"], effect["low"], effect["high"]) == (0.0, 0.0, 0.0)
        assert effect["method"] == "identical"
    flips = told.card["flips"][0]
    assert (flips["gained"], flips["lost"], flips["changed"], flips["churn"]) == (0, 0, 0, 0.0)


def test_identical_real_inputs_pass_at_exactly_0(shared_data: Path, tell: Callable[..., Any]) -> None:
    file = shared_data / "predictions_cifar10" / "cifar10_1_v6.csv"
    told = tell("gate", f"{file}#{OLD}", f"{file}#{OLD}", policy=_policy(0.0001, range(10), 0.0001))
    assert told.code == 0
    assert all(e["difference"] == e["low"] == e["high"] == 0.0 for e in told.card["effects"])


def test_too_little_data_exits_2_not_0(shared_data: Path, tmp_path: Path, tell: Callable[..., Any]) -> None:
    frame = pd.read_csv(shared_data / "predictions_cifar10" / "cifar10_test.csv")[:60]
    frame.to_csv(tmp_path / "few.csv", index=False)
    told = tell("gate", tmp_path / "few.csv", "--models", f"{OLD},{NEW}", policy=_policy(0.01, range(0), 0))
    assert told.code == 2
    assert told.verdict["status"] == "inconclusive"
    assert "rows" in told.verdict["sentence"]


def test_too_little_small_data_exits_2_not_0(small: Path, tmp_path: Path, tell: Callable[..., Any]) -> None:
    pd.read_csv(small / "images.csv")[:40].to_csv(tmp_path / "few.csv", index=False)
    told = tell("gate", tmp_path / "few.csv", "--models", "small,medium", policy=_policy(0.01, range(0), 0))
    assert told.code == 2
    effect = told.effect("accuracy")
    assert effect["rows_needed"] > 40
    # no flips seen does not mean no loss: 40 rows without one would still allow z^2/(n+z^2)
    assert effect["low"] < -0.01


def test_no_flips_on_few_rows_is_not_a_pass(tmp_path: Path) -> None:
    """Different answers, both wrong: the difference is 0, and Tango's limits are +-z^2/(n+z^2)."""
    rows = {"id": list(range(50)), "target": ["a"] * 25 + ["b"] * 25}
    old = {**rows, "prediction": ["a"] * 24 + ["c"] + ["b"] * 24 + ["c"]}
    new = {**rows, "prediction": ["a"] * 24 + ["b"] + ["b"] * 24 + ["a"]}
    result = st.compare(old, new, metrics=["accuracy"], policy={"guardrails": [{"metric": "accuracy", "margin": 0.02}]})
    z2 = stats.norm.isf(0.025) ** 2
    effect = result.effects[0]
    assert effect.difference == 0
    assert (effect.low, effect.high) == pytest.approx((-z2 / (50 + z2), z2 / (50 + z2)), abs=1e-9)
    assert result.verdict.status == "inconclusive"


def test_junit_has_one_case_a_check_and_markdown_fits_a_comment(small: Path, tell: Callable[..., Any]) -> None:
    policy = _policy(0.01, range(0), 0) + "  - {metric: 'recall[cat]', margin: 0.05}\nsuccess: [f1_macro]\n"
    told = tell("gate", small / "images.csv", "--models", "small,large", policy=policy)
    cases = ElementTree.fromstring(told.junit).findall(".//testcase")
    assert len(cases) == len(told.verdict["checks"])
    assert len(told.markdown) < 65_536
    assert told.verdict["sentence"].split("(")[0] in told.markdown
