"""The demo's data are in the package, small, complete, attributed, and what they say they are."""

import runpy
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEMO = Path(str(files("seatrial"))) / "demo"
MODELS = ("logistic", "boosting")


@pytest.fixture(scope="module")
def predictions() -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(DEMO / f"{name}.parquet") for name in MODELS}


def test_the_demo_is_under_a_megabyte_and_says_where_it_comes_from() -> None:
    assert sum(path.stat().st_size for path in DEMO.iterdir() if path.is_file()) < 1_000_000
    source = (DEMO / "SOURCE.md").read_text()
    assert "CC BY 4.0" in source
    assert "Becker" in source
    assert "make_predictions.py" in source


@pytest.mark.parametrize("name", MODELS)
def test_every_test_person_is_predicted_once(predictions: dict[str, pd.DataFrame], name: str) -> None:
    table = predictions[name]
    assert list(table["id"]) == list(range(1, 16_282))
    assert set(table["target"]) == set(table["prediction"]) == {"<=50K", ">50K"}
    assert table["score"].between(0, 1, inclusive="neither").all()
    assert ((table["score"] >= 0.5) == (table["prediction"] == ">50K")).all()
    assert (table["latency_ms"] > 0).all()
    assert table["latency_ms"].nunique() > 1000, "measured row by row, not a batch's time divided by its rows"


def test_both_models_were_asked_about_the_same_people(predictions: dict[str, pd.DataFrame]) -> None:
    same = ["id", "target", "sex", "race", "age", "education", "workclass"]
    pd.testing.assert_frame_equal(predictions["logistic"][same], predictions["boosting"][same])
    assert (predictions["logistic"]["score"] != predictions["boosting"]["score"]).any()


def test_the_people_are_those_of_the_census(predictions: dict[str, pd.DataFrame], shared_data: Path) -> None:
    census = pd.read_csv(shared_data / "adult_census" / "adult.csv.gz", keep_default_na=False)
    test = census[census["split"] == "test"].reset_index(drop=True)
    table = predictions["logistic"]
    assert list(table["target"]) == list(test["income"])
    for column in ("sex", "race", "education", "workclass"):
        assert list(table[column].fillna("?")) == list(test[column])
    assert list(table["age"]) == list(test["age"])


def test_the_script_in_examples_makes_these_predictions(
    predictions: dict[str, pd.DataFrame], shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained again and asked about everybody at once; the script asks one by one. 1e-4 leaves room for other CPUs."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    script = runpy.run_path(str(ROOT / "examples" / "adult_census" / "make_predictions.py"))
    census = pd.read_csv(shared_data / "adult_census" / "adult.csv.gz", keep_default_na=False)
    train, test = census[census["split"] == "train"], census[census["split"] == "test"]
    for name in MODELS:
        model = script[name]().fit(train[script["FEATURES"]], (train["income"] == script["POSITIVE"]).astype(int))
        scores = model.predict_proba(test[script["FEATURES"]])[:, 1]
        assert abs(scores - predictions[name]["score"]).max() < 1e-4


def test_the_policy_has_what_makes_the_demo_honest() -> None:
    policy = yaml.safe_load((DEMO / "policy.yaml").read_text())
    assert policy["success"], "something the new version must be better at"
    guardrails = policy["guardrails"]
    assert any(rule["metric"] == "recall" and "slice" not in rule for rule in guardrails)
    assert any("slice" in rule for rule in guardrails)
    assert any("below" in rule for rule in guardrails)
