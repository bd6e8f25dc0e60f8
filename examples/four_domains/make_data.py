"""Draw 400 rated texts of four domains (Hutto and Gilbert, ICWSM 2014; repository of vaderSentiment, MIT).

It needs the table in the data folder of the project's tests; the file it writes is all the example needs.
"""

import csv
import gzip
import random
import sys
from pathlib import Path

EACH = 100


def main(table: str) -> None:
    with gzip.open(table, "rt", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if abs(float(row["mean_rating"])) > 0.5]
    draw = random.Random(0)
    with (Path(__file__).parent / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["id", "domain", "text", "sentiment"])
        for domain in sorted({row["domain"] for row in rows}):
            for row in draw.sample([row for row in rows if row["domain"] == domain], EACH):
                sentiment = "positive" if float(row["mean_rating"]) > 0 else "negative"
                lines.writerow([f"{domain}-{row['id']}", domain, row["text"], sentiment])


if __name__ == "__main__":
    main(sys.argv[1])
