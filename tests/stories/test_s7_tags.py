"""S7, the running part: a fine-tune is gated on the old task by tags; identical passes at 0, too little data is 2."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .suites import card_of, said

OLD, TUNED = "resnet_basic_110", "resnet_basic_32"
SUITE = """
name: old-task
policy: keep.yaml
cases:
  - name: cifar
    dataset: {{path: {file}, limit: {limit}}}
    task: multiclass
    roles: {{id: image, target: label}}
    metrics: [accuracy, {classes}]
"""


def _folder(place: Path, file: Path, limit: int, classes: list[str]) -> Path:
    recalls = ", ".join(f"'recall[{label}]'" for label in classes)
    (place / "suite.yaml").write_text(SUITE.format(file=file, limit=limit, classes=recalls))
    rules = "\n".join(f"  - {{metric: 'recall[{label}]', margin: 0.05}}" for label in classes)
    (place / "keep.yaml").write_text(f"guardrails:\n  - {{metric: accuracy, margin: 0.01}}\n{rules}\n")
    return place


def _gated(place: Path, candidate: str, *more: object) -> tuple[int, str, dict[str, object]]:
    code, out, err = said(
        "gate", "production", candidate, "--suite", place / "suite.yaml", "--store", place / ".seatrial",
        "--json", place / "gate.json", "--junit", place / "gate.xml", "--markdown", place / "gate.md", *more,
    )  # fmt: skip
    assert (place / "gate.json").exists(), err
    return code, out, json.loads((place / "gate.json").read_text())


def test_a_fine_tune_that_forgets_is_stopped_and_the_same_model_passes(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "predictions_cifar10" / "cifar10_test.csv"
    place = _folder(tmp_path, file, 4000, ["3", "5"])
    card_of("run", place / "suite.yaml", "--model", f"old=predictions:{file}#{OLD}", folder=place)
    assert said("tag", "old", "production", "--store", place / ".seatrial")[0] == 0

    code, out, told = _gated(place, f"tuned=predictions:{file}#{TUNED}")
    case = told["cases"][0]  # type: ignore[index]
    table = pd.read_csv(file)
    rows = card_of("show", "tuned", folder=place).rows("cifar", "tuned")
    here = table.set_index("image").loc[rows["id"].astype(int)]
    assert len(here) == 4000
    right = {name: (here[name] == here["label"]).to_numpy() for name in (OLD, TUNED)}
    effect = next(e for e in case["effects"] if e["metric"] == "accuracy" and not e["slice"])
    assert effect["difference"] == pytest.approx(right[TUNED].mean() - right[OLD].mean(), abs=1e-12)
    flips = case["flips"][0]
    assert flips["gained"] == (right[TUNED] & ~right[OLD]).sum()
    assert flips["lost"] == (~right[TUNED] & right[OLD]).sum()
    assert flips["churn"] == pytest.approx((here[OLD] != here[TUNED]).mean())
    for label in ("3", "5"):
        own = (here["label"] == int(label)).to_numpy()
        found = next(e for e in case["effects"] if e["metric"] == f"recall[{label}]" and not e["slice"])
        assert found["difference"] == pytest.approx(np.mean(right[TUNED][own]) - np.mean(right[OLD][own]), abs=1e-12)
    assert code == {"pass": 0, "fail": 1, "inconclusive": 2}[told["verdict"]["status"]]  # type: ignore[index]
    assert code in (1, 2)
    assert "Newly wrong" in (place / "gate.md").read_text()
    assert "<failure" in (place / "gate.xml").read_text() or "<skipped" in (place / "gate.xml").read_text()

    code, out, told = _gated(place, f"same=predictions:{file}#{OLD}")
    assert code == 0, out
    differences = {e["difference"] for e in told["cases"][0]["effects"]}  # type: ignore[index]
    assert differences == {0}


def test_too_little_data_is_neither_yes_nor_no(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "predictions_cifar10" / "cifar10_test.csv"
    labels = tmp_path / "labels.csv"
    pd.read_csv(file)[["image", "label"]].to_csv(labels, index=False)
    place = _folder(tmp_path, labels, 60, [])
    (place / "suite.yaml").write_text((place / "suite.yaml").read_text().replace("[accuracy, ]", "[accuracy]"))
    card_of(
        "run", place / "suite.yaml", "--model", f"old=predictions:{file}#{OLD}", "--tag", "production", folder=place
    )
    code, out, _ = _gated(place, f"tuned=predictions:{file}#{TUNED}")
    assert code == 2, out
    assert "rows" in out


def test_digits_learned_again_without_the_real_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier of digits trained on all ten, then taught 0 to 4 only: it forgets the rest, and the gate says so."""
    sklearn = pytest.importorskip("sklearn.datasets")
    io = pytest.importorskip("skops.io")
    from sklearn.linear_model import SGDClassifier

    monkeypatch.chdir(tmp_path)
    data, target = sklearn.load_digits(return_X_y=True)
    train = np.arange(len(target)) % 2 == 0
    model = SGDClassifier(random_state=0, max_iter=500, tol=1e-2, loss="log_loss").fit(data[train] / 16, target[train])
    io.dump(model, tmp_path / "base.skops")
    first = train & (target < 5)
    for _ in range(40):
        model.partial_fit(data[first] / 16, target[first])
    io.dump(model, tmp_path / "tuned.skops")
    table = pd.DataFrame({f"p{k}": column for k, column in enumerate((data[~train] / 16).T)})
    table.insert(0, "id", np.flatnonzero(~train))
    table["digit"] = target[~train]
    table.to_csv("digits.csv", index=False)
    Path("suite.yaml").write_text(
        "name: digits\npolicy: keep.yaml\ncases:\n  - name: test\n    dataset: digits.csv\n    task: multiclass\n"
        "    roles: {id: id, target: digit}\n    metrics: [accuracy, 'recall[8]']\n"
    )
    Path("keep.yaml").write_text(
        "guardrails: [{metric: accuracy, margin: 0.01}, {metric: 'recall[8]', margin: 0.05}]\n"
    )
    assert said("run", "suite.yaml", "--model", "base=sklearn:base.skops", "--tag", "production")[0] == 0
    code, out, _ = said("gate", "production", "tuned=sklearn:tuned.skops", "--suite", "suite.yaml")
    assert code == 1
    assert out.startswith("FAIL")
    code, out, _ = said("gate", "production", "again=sklearn:base.skops", "--suite", "suite.yaml")
    assert (code, out[:4]) == (0, "PASS")
