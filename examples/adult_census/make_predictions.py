"""Train the two models of the demo on the Adult census training split and predict its test split.

    .venv/bin/python examples/adult_census/make_predictions.py [PATH/TO/adult.csv.gz] [--out FOLDER]

Writes `logistic.parquet` and `boosting.parquet`, one row per test person. Predictions are seeded and come out the same
each time; latencies are measured, so they do not: the shipped files are the record of one run.
"""

import argparse
import os
import time
from pathlib import Path

# read when NumPy and scikit-learn are imported
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

ROOT = Path(__file__).resolve().parents[2]
POSITIVE = ">50K"

# What the models see. Left out: sex, race and native_country, which a lender or an employer may not use either;
# fnlwgt, which is a sampling weight; education, which education_num repeats. Leaving sex out does not make a model
# blind to it: relationship says Wife.
NUMBERS = ["age", "education_num", "hours_per_week"]
AMOUNTS = ["capital_gain", "capital_loss"]
WORDS = ["workclass", "marital_status", "occupation", "relationship"]
FEATURES = NUMBERS + AMOUNTS + WORDS
# What the report can be sliced by.
SLICES = ["sex", "race", "age", "education", "workclass"]


def logistic() -> Pipeline:
    """The baseline: logistic regression on scaled numbers, logarithms of amounts and one column per word."""
    columns = make_column_transformer(
        (StandardScaler(), NUMBERS),
        (make_pipeline(FunctionTransformer(np.log1p, feature_names_out="one-to-one"), StandardScaler()), AMOUNTS),
        (OneHotEncoder(handle_unknown="ignore"), WORDS),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def boosting() -> Pipeline:
    """The candidate: gradient-boosted trees, which take words as categories and find interactions by themselves."""
    columns = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), WORDS),
        remainder="passthrough",
    )
    trees = HistGradientBoostingClassifier(
        categorical_features=list(range(len(WORDS))), early_stopping=False, random_state=0
    )
    return make_pipeline(columns, trees)


def predict_one_by_one(models: list[Pipeline], rows: pd.DataFrame, *, warm_up: int) -> tuple[np.ndarray, np.ndarray]:
    """Score every row alone, as a service does, and time each call.

    Both models score a row before the next row comes, in alternating order, so that whatever else the machine does
    falls on both. The first `warm_up` calls are made and thrown away.

    Returns scores and milliseconds, each of shape (models, rows).
    """
    scores = np.empty((len(models), len(rows)))
    milliseconds = np.empty_like(scores)
    for position in [*range(warm_up), *range(len(rows))]:
        row = rows.iloc[position : position + 1]
        order = range(len(models)) if position % 2 else reversed(range(len(models)))
        for model in order:
            start = time.perf_counter_ns()
            probability = models[model].predict_proba(row)
            milliseconds[model, position] = (time.perf_counter_ns() - start) / 1e6
            scores[model, position] = probability[0, 1]
    return scores, milliseconds


def write(path: Path, test: pd.DataFrame, score: np.ndarray, milliseconds: np.ndarray) -> None:
    """Write one model's predictions as Parquet: six decimals of the score, microseconds of the latency."""
    score = score.round(6)
    if score.min() <= 0 or score.max() >= 1:
        raise SystemExit(f"six decimals are too few for these scores: {score.min()} to {score.max()}")
    columns = {
        "id": pa.array(np.arange(1, len(test) + 1), pa.int32()),
        "target": pa.array(test["income"], pa.string()),
        "prediction": pa.array(np.where(score >= 0.5, POSITIVE, "<=50K"), pa.string()),
        "score": pa.array(score, pa.float64()),
        "latency_ms": pa.array(milliseconds.round(3), pa.float64()),
    }
    for name in SLICES:
        kind = pa.int16() if name == "age" else pa.string()
        columns[name] = pa.array([None if value == "?" else value for value in test[name]], kind)
    pq.write_table(pa.table(columns), path, compression="zstd", compression_level=19)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data" / "adult_census" / "adult.csv.gz"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "src" / "seatrial" / "demo")
    arguments = parser.parse_args()

    people = pd.read_csv(arguments.data, keep_default_na=False)
    train, test = (people[people["split"] == split].reset_index(drop=True) for split in ("train", "test"))
    models = [logistic(), boosting()]
    for model in models:
        model.fit(train[FEATURES], (train["income"] == POSITIVE).astype(int))
    print(f"trained on {len(train):,} rows; predicting {len(test):,} rows one by one, a few minutes")
    scores, milliseconds = predict_one_by_one(models, test[FEATURES], warm_up=200)
    for name, score, latency in zip(("logistic", "boosting"), scores, milliseconds, strict=True):
        write(arguments.out / f"{name}.parquet", test, score, latency)


if __name__ == "__main__":
    main()
