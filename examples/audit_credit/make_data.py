"""Write 400 applicants and what two scorecards learned from the others (Statlog German Credit, Hofmann 1994, CC BY 4.0).

It needs the table in the data folder of the project's tests and scikit-learn; the files it writes are all the example
needs.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).parent
KEPT = ["status", "duration", "credit_amount", "savings", "housing", "age", "sex", "credit"]
USED = {"plain": ["status", "duration", "credit_amount", "savings"]}
USED["personal"] = [*USED["plain"], "housing", "age"]


def main(table: str) -> None:
    people = pd.read_csv(table)[KEPT]
    people.insert(0, "applicant", [f"a{row:04d}" for row in range(len(people))])
    tested = np.random.default_rng(1).permutation(len(people)) < 400
    people[tested].to_csv(HERE / "applicants.csv", index=False)
    learned = people[~tested]
    cards = {}
    for name, columns in USED.items():
        wide = pd.get_dummies(learned[columns]).astype(float)
        spread = wide.std().replace(0, 1)
        model = LogisticRegression(max_iter=2000).fit(wide / spread, learned["credit"] == "good")
        points = dict(zip(wide.columns, (model.coef_[0] / spread).round(6), strict=True))
        cards[name] = {"base": round(float(model.intercept_[0]), 6), "points": points}
    (HERE / "scorecards.json").write_text(json.dumps(cards, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
