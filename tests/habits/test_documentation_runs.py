"""The documentation cannot drift: every Python block runs, and every line of a shell block that calls `seatrial`.

Python blocks of one page run in order and share names; lines of one shell block run in order in one folder. A block
with a title (```python title="a.py") is a file of that name, which the commands of its page can use. A page in
`examples/` runs in a copy of its folder; every other page finds the files that `documentation_files` makes. A block
marked `text` is not run.
"""

import re
import shlex
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seatrial as st
from seatrial.app.cli import run
from seatrial.demo.experiment import write_experiment

from .log_tables import log_tables

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(EXAMPLES.rglob("*.md")),
]
DEMO = Path(str(files("seatrial"))) / "demo"
TITLED = re.compile(r'^```\w+ title="([\w.-]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[tuple[str, ...]]:
    """Calls of `seatrial` in each shell block (after `$ ` or `&& ` too), continued lines joined, comments dropped."""
    found = []
    for block in blocks(page, "(?:sh|bash|console)"):
        here = []
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\|", line.removeprefix("$ ")):
                words = shlex.split(re.sub(r"(^|\s)#.*", "", part)) if "seatrial" in part else []
                if words[:1] == ["seatrial"]:
                    here.append(shlex.join(words[1:]))
        found += [tuple(here)] if here else []
    return found


def demo_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every eighth row of the demo, as a user's two files would hold it: targets and predictions in 1 and 0."""
    tables = []
    for name in ("logistic", "boosting"):
        table = pd.read_parquet(DEMO / f"{name}.parquet").iloc[::8].reset_index(drop=True)
        numbers = {column: (table[column] == ">50K").astype(int) for column in ("target", "prediction")}
        tables.append(table.assign(**numbers, household=table.index // 3, survey_weight=1 + table["age"] / 100))
    return tables[0], tables[1]


def intents(right: float, rng: np.random.Generator, target: np.ndarray) -> pd.DataFrame:
    """Three classes, a score for each, the text and what an answer cost."""
    labels = np.array(["cancel", "refund", "other"])
    guess = np.where(rng.random(len(target)) < right, target, rng.integers(0, 3, len(target)))
    scores = rng.dirichlet([1, 1, 1], len(target)) + np.eye(3)[guess]
    scores /= scores.sum(axis=1, keepdims=True)
    columns = {f"score_{label}": scores[:, place] for place, label in enumerate(labels)}
    texts = ["please " * (1 + place % 9) + "help" for place in range(len(target))]
    return pd.DataFrame({"id": range(len(target)), "text": texts, "target": labels[target],
                         "prediction": labels[scores.argmax(axis=1)], **columns, "cost_usd": rng.random(len(target)),
                         "output_tokens": rng.integers(20, 200, len(target))})  # fmt: skip


@pytest.fixture(scope="module")
def documentation_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small inputs of every shape the pages speak of, written once."""
    folder = tmp_path_factory.mktemp("documentation")
    old, new = demo_tables()
    rng = np.random.default_rng(0)
    tables = {"old": old, "new": new, "newer": new.assign(score=(new["score"] + old["score"]) / 2)}
    tables["newer"]["prediction"] = (tables["newer"]["score"] >= 0.5).astype(int)
    shared = old[["id", "target", "sex", "age"]]
    tables["models"] = shared.assign(a=old["prediction"], b=new["prediction"])
    tables["models"] = tables["models"].assign(a_score=old["score"], b_score=new["score"])
    tables["runs"] = pd.concat([old.assign(model="a"), new.assign(model="b")])
    tables["last_week"], tables["this_week"] = old.iloc[:1000], new.iloc[1000:]
    target = rng.integers(0, 3, 900)
    tables["intents_old"], tables["intents_new"] = (intents(right, rng, target) for right in (0.7, 0.8))
    truth = {label: rng.integers(0, 2, 600) for label in ("sport", "politics")}
    prices = rng.lognormal(12, 0.4, 600).round(2)
    for name, right in (("old", 0.8), ("new", 0.9)):
        tables[f"tags_{name}"] = pd.DataFrame(
            {"id": range(600)}
            | {f"target_{label}": values for label, values in truth.items()}
            | {f"prediction_{k}": np.where(rng.random(600) < right, v, 1 - v) for k, v in truth.items()}
        )
        noise = rng.normal(0, 1 - right, 600)
        tables[f"prices_{name}"] = pd.DataFrame(
            {"id": range(600), "target": prices, "prediction": (prices * np.exp(noise)).round(2)}
        )
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    shutil.copy(DEMO / "policy.yaml", folder)
    experiment(folder, rng)
    return folder


def experiment(folder: Path, rng: np.random.Generator) -> None:
    """A simulated A/B test in every shape that `analyze` reads, its readout, and a table of past launches."""
    made = write_experiment(folder, users=1500)
    exposures, events, pre = (pd.read_csv(made[f"{name}.csv"]) for name in ("exposures", "events", "pre"))
    per_user = events.groupby("user_id")[["revenue", "orders"]].sum().reset_index()
    units = exposures.merge(per_user, how="left").merge(pre, how="left").fillna(0)
    units["variant"] = units["variant"].map({"ranker-2.0": "A", "ranker-2.1": "B"})
    tables = {"units": units.assign(visits=rng.poisson(5, len(units)) + units["orders"].astype(int))}
    tables["sessions"] = events[["user_id", "revenue", "orders"]].merge(units[["user_id", "variant"]])
    reached = pd.Series(rng.random(len(units)) < 0.4)
    tables["users"] = pd.DataFrame(
        {"user": units["user_id"], "arm": np.where(units["variant"] == "A", "old", "new"),
         "amount": units["revenue"], "reached_page": reached.map({True: "yes", False: "no"})}
    )  # fmt: skip
    tables["long_events"] = events.melt(["event_id", "user_id", "time"], ["revenue", "page_ms"], "event")
    tables["long_events"]["event_id"] += tables["long_events"]["event"]
    day = pd.to_datetime(units["exposed_at"]).dt.strftime("%Y-%m-%d")
    so_far = [units[day <= until].assign(day=until) for until in sorted(set(day))]
    grouped = pd.concat(so_far).groupby(["day", "variant"])["revenue"].agg(n="size", mean="mean", variance="var")
    tables["moments"] = grouped.reset_index().rename(columns={"variant": "arm"}).assign(metric="revenue_per_user")
    truth = rng.normal(0, 0.01, 12)
    tables["launches"] = pd.DataFrame(
        {"launch": [f"2.{k}" for k in range(12)],
         "offline": (truth + rng.normal(0, 0.002, 12)).round(4), "offline_se": 0.002,
         "online": (0.2 * truth + rng.normal(0, 0.0008, 12)).round(5), "online_se": 0.0008}
    )  # fmt: skip
    tables["past_tests"] = pd.DataFrame({"lift": rng.normal(0.005, 0.02, 12).round(4), "standard_error": 0.01})
    for name, table in (tables | log_tables()).items():
        table.to_csv(folder / f"{name}.csv", index=False)
    readout = st.analyze(units=units, metrics={"revenue_per_user": "mean(revenue)"}, control="A")
    (folder / "readout.json").write_text(readout.to_json())


@pytest.fixture
def folder(page: Path, tmp_path: Path, documentation_files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a page's blocks run."""
    example = EXAMPLES in page.parents
    shutil.copytree(page.parent if example else documentation_files, tmp_path, dirs_exist_ok=True)
    (tmp_path / "src").symlink_to(ROOT / "src")
    for name, text in TITLED.findall(page.read_text()):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def called(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=called)
def test_python_blocks_run(page: Path, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "__documentation__"}
    for number, block in enumerate(blocks(page, "python"), start=1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        pytest.param(page, lines, id=f"{called(page)}: seatrial {lines[0]}")
        for page in PAGES
        for lines in commands(page)
    ],
)
def test_command_lines_are_understood(
    page: Path, lines: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines of one block run in order, as typed. Exit codes 0 to 2 are verdicts; 3 would be our example's data, 64 a
    wrong flag, 70 a bug."""
    for line in lines:
        assert run(shlex.split(line)) in (0, 1, 2), f"seatrial {line}: {capsys.readouterr().err}"
