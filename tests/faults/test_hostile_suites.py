"""Suites, models and data that mean no good: each ends in a right number or one clear sentence, never in a traceback.

Names and texts with scripts, terminal escapes, formulas and direction marks through to every report; columns called
like roles and measures; data with one class, without labels, with one row; answers nobody asked for; stores that
change between two commands.
"""

import csv
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from seatrial.actions.run import run
from seatrial.actions.runs import show
from seatrial.records.suite import Suite

from ..models.servers import answering_server, chat

HOSTILE = "<script>alert(1)</script>\x1b[31m=cmd|' /C calc'!A0\u202eabc|`x` [a](http://e.x) @all ]]>"
JSON = ("--json", "r.json")
OUTPUTS = ("--report", "r.html", "--markdown", "r.md", "--json", "r.json", "--model-card", "card.md")
MODELS = '''
def first(batch):
    return next(iter(batch.values()))
def odd(batch):
    """Right where the text has an odd length."""
    return [len(str(v)) % 2 for v in first(batch)]
def one(batch):
    return [1 for _ in first(batch)]
def strange(batch):
    return ["never seen" if i % 4 == 0 else len(str(v)) % 2 for i, v in enumerate(first(batch))]
def never(batch):
    return ["never seen" for _ in first(batch)]
def nan(batch):
    return [float("nan") for _ in first(batch)]
def score(batch):
    return [{"score": 0.3} for _ in first(batch)]
def number(batch):
    return [1.5 for _ in first(batch)]
def abc(batch):
    return ["abc"[len(str(v)) % 3] for v in first(batch)]
def tags(batch):
    return [["x"] if len(str(v)) % 2 else ["x", "elsewhere"] for v in first(batch)]
def hostile(batch):
    return ["<script>alert(1)</script>\\x1b[31m=1+1\\u202e" for _ in first(batch)]
def every(batch):
    """Something for each task."""
    return [1 for _ in first(batch)]
'''
Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], name: str = "d.csv") -> None:
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def plain(n: int = 60) -> list[tuple[str, str, int]]:
    """id, text and target; `odd` is right on two thirds."""
    return [(f"r{i}", f"text {'y' * (i % 7)} {i:03d}", (i % 7 + int(i % 3 == 0)) % 2) for i in range(n)]


def truth(rows: Sequence[tuple[str, str, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Targets, and what `odd` answers."""
    return np.array([row[2] for row in rows]), np.array([len(row[1]) % 2 for row in rows])


def suite(*cases: dict[str, Any], **more: Any) -> None:
    base = {"name": "c", "dataset": "d.csv", "roles": {"id": "id", "target": "target", "inputs": ["x"]}}
    given = {"name": "s", "cases": [base | one for one in cases or ({},)]} | more
    Path("suite.yaml").write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")


def models(*names: str) -> list[str]:
    return [part for name in names for part in ("--model", f"{name}=function:models.py:{name}")]


def sound(ran: Any, *codes: int) -> None:
    """One of the codes of a sentence, and nothing of a bug."""
    assert ran.code in (codes or (0,)), ran.err + ran.out
    assert "our bug" not in ran.err
    assert "Traceback" not in ran.err + ran.out


def value(metric: str, model: str, case: int = 0, **where: str) -> Any:
    """The one estimate in what was written last."""
    found = [
        e
        for e in json.loads(Path("r.json").read_text())["cases"][case]["estimates"]
        if (e["metric"], e["model"], e["slice"]) == (metric, model, where)
    ]
    assert len(found) == 1, (metric, model, where)
    return found[0]


# --- names and texts


def test_hostile_names_and_texts_are_only_text_in_every_report(cli: Cli) -> None:
    rows = [
        (a, b + HOSTILE, c, HOSTILE if i % 2 else "o", HOSTILE * 2 if i % 3 else "p")
        for i, (a, b, c) in enumerate(plain())
    ]
    table(["id", "x", "target", HOSTILE, "group"], rows)
    data = {"path": "d.csv", "name": HOSTILE, "version": HOSTILE, "about": {HOSTILE: HOSTILE}}
    known = {
        HOSTILE: {"adapter": "function", "location": "models.py:odd"},
        "=1+1": {"adapter": "function", "location": "models.py:one"},
    }
    typos = {"probe": "typos", "severity": [0.1]}
    suite(
        {"name": HOSTILE, "dataset": data, "slices": ["group", HOSTILE], "protected": ["group"], "probes": [typos]},
        {"name": "=2"},
        name=HOSTILE, version=HOSTILE, description=HOSTILE, models=known,
    )  # fmt: skip
    ran = cli("run", "suite.yaml", *OUTPUTS)
    sound(ran)
    _harmless(ran.out + ran.err)
    for name in ("r.html", "r.md", "card.md"):
        _harmless(Path(name).read_text(encoding="utf-8"), kind=name)
    assert json.loads(Path("r.json").read_text())["models"][0]["name"] == HOSTILE, "JSON keeps the data as they are"
    front = yaml.safe_load(Path("card.md").read_text(encoding="utf-8").split("---")[1])
    assert front["model-index"][0]["name"] == "=1+1"
    for command in (("runs",), ("show", "latest"), ("tag", "latest", HOSTILE), ("show", HOSTILE, "=1+1")):
        said = cli(*command)
        sound(said, 0, 64)
        _harmless(said.out + said.err)


def _harmless(text: str, *, kind: str = "terminal") -> None:
    assert "\x1b" not in text
    assert "\u202e" not in text
    if kind.endswith(".html"):
        assert "<script>alert" not in text
    if kind.endswith(".md"):
        body = text.split("---", 2)[-1] if text.startswith("---") else text
        prose = re.sub(r"`[^`\n]*`", "", body)
        assert not re.search(r"(?<!\\)<script>", prose)
        assert not re.search(r"(?<!\\)\]\(http:", prose)


def test_hostile_slides_open(cli: Cli) -> None:
    pptx = pytest.importorskip("pptx")
    table(["id", "x", "target"], [(a, b + HOSTILE, c) for a, b, c in plain()])
    suite({"name": HOSTILE}, name=HOSTILE, models={HOSTILE: {"adapter": "function", "location": "models.py:odd"}})
    sound(cli("run", "suite.yaml", "--slides", "s.pptx"))
    texts = [
        s.text_frame.text for slide in pptx.Presentation("s.pptx").slides for s in slide.shapes if s.has_text_frame
    ]
    assert texts
    assert not any("\x1b" in text or "\u202e" in text for text in texts)


def test_hostile_answers_are_wrong_labels_and_only_text(cli: Cli) -> None:
    rows = [(a, b, "abc"[i % 3]) for i, (a, b, _) in enumerate(plain())]
    table(["id", "x", "target"], rows)
    suite()
    ran = cli("run", "suite.yaml", *models("abc", "hostile"), *OUTPUTS)
    sound(ran)
    _harmless(ran.out)
    _harmless(Path("r.html").read_text(encoding="utf-8"), kind="r.html")
    hits = np.mean(["abc"[len(b) % 3] == label for _, b, label in rows])
    assert value("accuracy", "abc")["value"] == pytest.approx(hits, abs=1e-12)


def test_prompts_of_a_megabyte_and_answers_with_scripts(cli: Cli) -> None:
    long = "lorem " * 170_000
    table(["id", "x", "target"], [(f"r{i}", long + str(i), ("yes", "no")[i % 2]) for i in range(4)])
    suite({"task": "binary", "roles": {"id": "id", "target": "target", "positive": "yes", "inputs": ["x"]},
           "prompt": "{x}", "choices": ["yes", "no"]})  # fmt: skip
    said = "<script>alert(1)</script>\x1b[31m yes"
    with answering_server(chat(said)) as server:
        ran = cli("run", "suite.yaml", "--model", f"bot=openai:{server.url}/v1#x", *OUTPUTS)
        assert all(len(body["messages"][0]["content"]) > 1_000_000 for body in server.bodies)
    sound(ran)
    assert value("accuracy", "bot")["value"] == 0.5
    assert Path("r.html").stat().st_size < 2_000_000
    _harmless(Path("r.html").read_text(encoding="utf-8"), kind="r.html")


# --- columns called like roles and measures


NAMES = ("prediction", "score", "score_0", "score_1", "reason", "latency_ms", "cost", "example", "text", "repeat",
         "price", "duration", "data_score", "probability")  # fmt: skip


@pytest.mark.parametrize("repeats", [1, 2])
def test_columns_of_the_data_are_never_taken_for_answers_or_measures(cli: Cli, repeats: int) -> None:
    """The data hold what looks like perfect answers, scores, times and costs; the numbers are the model's own."""
    rows = plain()
    own = [
        (row[2], row[2], 1 - row[2], row[2], "why", 5000 + i, 99, f"e{i // 2}", "t", i, 7, 8, 0.5, row[2])
        for i, row in enumerate(rows)
    ]
    table(["id", "x", "target", *NAMES], [(*row, *more) for row, more in zip(rows, own, strict=True)])
    roles = {"id": "id", "target": "target", "positive": "1", "inputs": ["x"]}
    suite({"roles": roles, "task": "binary", "repeats": repeats, "slices": ["score", "example", "latency_ms:halves"]})
    ran = cli("run", "suite.yaml", *models("odd", "one"), *JSON)
    sound(ran)
    y, said = truth(rows)
    assert value("accuracy", "odd")["value"] == pytest.approx(np.mean(y == said), abs=1e-12)
    card = json.loads(Path("r.json").read_text())["cases"][0]
    metrics = {e["metric"] for e in card["estimates"]}
    assert not {"roc_auc", "log_loss"} & metrics, "the model gave no score"
    assert not any(name.startswith(("price", "duration", "cost")) for name in metrics)
    times = [e["value"] for e in card["estimates"] if e["metric"].startswith("latency_ms") and not e["slice"]]
    assert all(time is None or time < 1000 for time in times)
    assert card["verdict"]["status"] != "invalid", "a column the model did not see gives nothing away"
    for level in (0, 1):
        found = [
            e
            for e in card["estimates"]
            if e["metric"] == "accuracy" and e["model"] == "odd" and str(level) in e["slice"].values()
        ]
        assert len(found) == 1
        assert found[0]["value"] == pytest.approx(np.mean((y == said)[y == level]), abs=1e-12)


def test_an_input_that_is_the_target_does_give_it_away(cli: Cli) -> None:
    table(["id", "x", "target", "truth"], [(*row, f"t{row[2]}") for row in plain()])
    suite({"roles": {"id": "id", "target": "target", "inputs": ["x", "truth"]}})
    ran = cli("run", "suite.yaml", *models("odd", "one"), "--exit-code")
    sound(ran, 3)
    assert "'truth' stands one to one for the target" in " ".join(ran.out.split())
    assert "--target" not in ran.out


def test_a_target_beside_a_column_called_target(cli: Cli) -> None:
    rows = plain()
    table(["id", "x", "target", "y"], [(a, b, "decoy", c) for a, b, c in rows])
    suite({"roles": {"id": "id", "target": "y", "inputs": ["x"]}, "slices": ["y"]})
    sound(cli("run", "suite.yaml", *models("odd"), *JSON))
    y, said = truth(rows)
    assert value("accuracy", "odd")["value"] == pytest.approx(np.mean(y == said), abs=1e-12)
    assert value("accuracy", "odd", target="1")["value"] == pytest.approx(np.mean(said[y == 1] == 1), abs=1e-12)


# --- data with little in them


@pytest.mark.parametrize(
    ("columns", "rows", "code", "said"),
    [
        (("id", "x", "target"), [(a, b, 1) for a, b, _ in plain()], 0, "accuracy"),
        (("id", "x", "target"), plain(1), 0, "accuracy"),
        (("id", "x", "target"), [(a, "", c) for a, _, c in plain()], 0, "accuracy"),
        (("id", "x", "target"), [], 3, "has a header but no rows"),
        (("id", "x", "target"), [(a, b, "") for a, b, _ in plain()], 3, "holds no values"),
        (("id", "x"), [(a, b) for a, b, _ in plain()], 64, "has no column 'target'"),
        (("id", "x", "a\nb", "target"), [(a, b, 1, c) for a, b, c in plain()], 3, "line break"),
    ],
    ids=["one class", "one row", "inputs missing", "no rows", "no labels", "no target column", "a column of two lines"],
)
def test_little_data_end_in_a_number_or_a_sentence(
    cli: Cli, columns: Sequence[str], rows: list[Any], code: int, said: str
) -> None:
    table(columns, rows)
    suite()
    ran = cli("run", "suite.yaml", *models("odd", "one"), *JSON)
    sound(ran, code)
    assert said in ran.out + ran.err
    if code:
        assert ran.err.strip().splitlines()[-1].count(". ") <= 2, "one sentence, and what to do"


def test_rows_without_a_label_are_out_of_the_metrics_and_counted(cli: Cli) -> None:
    rows = plain()
    table(["id", "x", "target"], [(a, b, c if i % 3 else "") for i, (a, b, c) in enumerate(rows)])
    suite()
    sound(cli("run", "suite.yaml", *models("odd"), *JSON))
    y, said = truth(rows)
    known = np.arange(len(rows)) % 3 != 0
    found = value("accuracy", "odd")
    assert (found["value"], found["n"]) == (pytest.approx(np.mean((y == said)[known]), abs=1e-12), known.sum())
    assert "20 of 60 rows have no target" in json.loads(Path("r.json").read_text())["not_tested"][-1] or any(
        "20 of 60 rows have no target" in said for said in json.loads(Path("r.json").read_text())["not_tested"]
    )


def test_a_case_without_labels_is_run_and_says_that_nothing_is_measured(cli: Cli) -> None:
    table(["id", "x"], [(a, b) for a, b, _ in plain()])
    suite({"roles": {"id": "id", "inputs": ["x"]}})
    ran = cli("run", "suite.yaml", *models("odd", "one"), *JSON)
    sound(ran)
    assert "nothing that needs the truth can be measured" in " ".join(ran.out.split())
    Path("policy.yaml").write_text("rules:\n  - {metric: accuracy, above: 0.5, role: guardrail}\n")
    sound(cli("gate", "odd", "one", "--suite", "suite.yaml", "--policy", "policy.yaml"), 64)


# --- answers nobody asked for


def test_a_third_label_in_a_binary_task_is_wrong_whatever_the_target(cli: Cli) -> None:
    rows = plain()
    table(["id", "x", "target"], rows)
    roles = {"id": "id", "target": "target", "positive": "1", "inputs": ["x"]}
    suite({"roles": roles, "metrics": ["accuracy", "recall", "specificity"]})
    ran = cli("run", "suite.yaml", *models("odd", "strange"), *JSON)
    sound(ran)
    y, said = truth(rows)
    third = np.arange(len(rows)) % 4 == 0
    right = (y == said) & ~third
    assert value("accuracy", "strange")["value"] == pytest.approx(right.mean(), abs=1e-12)
    assert value("accuracy", "strange")["n"] == len(rows), "wrong, not missing"
    assert value("recall", "strange")["value"] == pytest.approx(right[y == 1].mean(), abs=1e-12)
    assert value("specificity", "strange")["value"] == pytest.approx(right[y == 0].mean(), abs=1e-12)
    assert "neither class and counts as wrong" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("never", "no target is any of these"),
        ("nan", "the model answered NaN"),
        ("score", "cannot tell 3 labels apart"),
    ],
)
def test_answers_that_carry_nothing_make_the_verdict_invalid_and_not_the_tool(cli: Cli, model: str, said: str) -> None:
    table(["id", "x", "target"], [(a, b, "abc"[i % 3]) for i, (a, b, _) in enumerate(plain())])
    suite()
    ran = cli("run", "suite.yaml", *models("abc", model), "--exit-code", *JSON)
    sound(ran, 3)
    assert said in " ".join(ran.out.split())
    assert "--prediction" not in ran.out
    assert value("accuracy", "abc")["value"] is not None, "what the other model did is shown all the same"


def test_multilabel_regression_and_classes_in_one_suite(cli: Cli) -> None:
    rows = plain()
    table(["id", "x", "target"], rows)
    table(["id", "x", "target"], [(a, b, i * 1.5) for i, (a, b, _) in enumerate(rows)], "regression.csv")
    table(["id", "x", "target"], [(a, b, "abc"[i % 3]) for i, (a, b, _) in enumerate(rows)], "classes.csv")
    labels = [(a, b, i % 2, (i // 2) % 2) for i, (a, b, _) in enumerate(rows)]
    table(["id", "x", "target_x", "target_y"], labels, "labels.csv")
    suite(
        {"name": "two"},
        {"name": "number", "dataset": "regression.csv", "metrics": ["mean_absolute_error"]},
        {"name": "many", "dataset": "classes.csv"},
        {
            "name": "several",
            "dataset": "labels.csv",
            "roles": {"id": "id", "inputs": ["x"]},
            "metrics": ["subset_accuracy", "f1_micro"],
        },
    )
    Path("policy.yaml").write_text(
        "rules:\n  - {metric: recall, above: 0.9, role: guardrail}\n"
        "  - {metric: mean_absolute_error, below: 100, role: guardrail}\n"
    )
    ran = cli("run", "suite.yaml", *models("odd", "one"), "--policy", "policy.yaml", *JSON)
    sound(ran)
    card = json.loads(Path("r.json").read_text())
    assert [case["main_metric"] for case in card["cases"]][:2] == ["accuracy", "mean_absolute_error"]
    assert value("recall", "one")["value"] == 1
    errors = np.abs(np.arange(60) * 1.5 - 1)
    assert value("mean_absolute_error", "one", 1)["value"] == pytest.approx(errors.mean(), abs=1e-9)
    assert {check["metric"] for check in card["verdict"]["checks"]} == {"recall", "mean_absolute_error"}
    assert "No rule of the policy decided about many, several" in " ".join(ran.out.split())

    sound(cli("run", "suite.yaml", "--case", "several", *models("tags"), *JSON))
    x, y = np.array([row[2] for row in labels]), np.array([row[3] for row in labels])
    assert value("subset_accuracy", "tags")["value"] == pytest.approx(np.mean((x == 1) & (y == 0)), abs=1e-12)
    tp, fp, fn = x.sum(), (1 - x).sum(), y.sum()
    assert value("f1_micro", "tags")["value"] == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=1e-9)
    health = json.loads(Path("r.json").read_text())["cases"][0]["health"]
    assert any("elsewhere" in one["sentence"] for one in health), "a label the data do not have is said"


def test_free_text_beside_its_references(cli: Cli) -> None:
    """Exact match after normal form, and token F1, by hand; BLEU by sacrebleu."""
    sacrebleu = pytest.importorskip("sacrebleu")
    rows = [
        ("a", "q1", "the quick brown fox jumps over it", "the quick brown fox jumps over it"),
        ("b", "q2", "the quick brown fox sleeps all day", "the quick brown dog sleeps all day long"),
        ("c", "q3", "nothing alike here at all", "completely other words were said"),
    ]
    table(["id", "x", "target"], [row[:3] for row in rows])
    table(["id", "prediction"], [(row[0], row[3]) for row in rows], "said.csv")
    suite({"task": "text", "metrics": ["exact_match", "token_f1", "bleu"]})
    ran = cli("run", "suite.yaml", "--model", "bot=predictions:said.csv", *JSON)
    sound(ran)
    assert value("exact_match", "bot")["value"] == pytest.approx(1 / 3)
    # of the second: articles dropped, 6 and 7 words, 5 shared
    assert value("token_f1", "bot")["value"] == pytest.approx((1 + 2 * 5 / (6 + 7) + 0) / 3)
    bleu = sacrebleu.corpus_bleu([row[3] for row in rows], [[row[2] for row in rows]]).score
    found = value("bleu", "bot")["value"]
    assert found in (pytest.approx(bleu, rel=1e-6), pytest.approx(bleu / 100, rel=1e-6))


# --- two of a name, other suites, stores that are gone


def test_two_models_of_one_name_and_a_run_against_itself(cli: Cli) -> None:
    table(["id", "x", "target"], plain())
    suite()
    twice = cli("run", "suite.yaml", "--model", "a=function:models.py:odd", "--model", "a=function:models.py:one")
    sound(twice, 64)
    assert "Two models are called 'a'" in twice.err
    sound(cli("run", "suite.yaml", "--model", "a=function:models.py:odd", "--tag", "production"))
    sound(cli("run", "suite.yaml", "--model", "a=function:models.py:one"))
    same = cli("gate", "production", "a", "--suite", "suite.yaml", "--json", "gate.json")
    sound(same, 0, 1, 2)
    names = [model["name"] for model in json.loads(Path("gate.json").read_text())["models"]]
    assert len(set(names)) == 2, "told apart by their runs"
    itself = cli("gate", "production", "production", "--json", "gate.json")
    sound(itself, 0)
    assert json.loads(Path("gate.json").read_text())["cases"][0]["effects"][0]["difference"] == 0


def test_runs_that_cannot_be_compared_say_why(cli: Cli) -> None:
    table(["id", "x", "target"], plain())
    table(["id", "x", "target"], plain(50), "other.csv")
    suite()
    sound(cli("run", "suite.yaml", *models("odd"), "--tag", "production"))
    suite({"dataset": "other.csv"})
    changed = cli("gate", "production", "one=function:models.py:one", "--suite", "suite.yaml")
    sound(changed, 3)
    assert "other rows" in changed.err
    suite({"name": "renamed"})
    sound(cli("gate", "production", "one=function:models.py:one", "--suite", "suite.yaml"), 3)
    suite(name="another")
    elsewhere = cli("gate", "production", "one=function:models.py:one", "--suite", "suite.yaml")
    sound(elsewhere, 64)
    assert "is a run of the suite 's', not of 'another'" in elsewhere.err
    sound(cli("run", "suite.yaml", *models("one")))
    both = cli("show", "odd", "one")
    sound(both, 64)
    assert "only runs of one suite can be compared" in both.err
    unknown = cli("gate", "producton", "one=function:models.py:one", "--suite", "suite.yaml")
    sound(unknown, 64)
    assert "producton" in unknown.err


def test_a_suite_whose_metrics_changed_is_compared_on_what_is_shared(cli: Cli) -> None:
    table(["id", "x", "target"], plain())
    suite({"metrics": ["accuracy"]})
    sound(cli("run", "suite.yaml", *models("odd"), "--tag", "production"))
    suite({"metrics": ["accuracy", "recall"]}, {"name": "second"}, version="2")
    ran = cli("gate", "production", "one=function:models.py:one", "--suite", "suite.yaml", "--json", "gate.json")
    sound(ran, 0, 1, 2)
    card = json.loads(Path("gate.json").read_text())
    assert [case["case"] for case in card["cases"]] == ["c"]
    assert len(card["not_shared"]) == 2


def test_a_store_that_is_deleted_or_damaged_between_commands(cli: Cli) -> None:
    table(["id", "x", "target"], plain())
    suite()
    sound(cli("run", "suite.yaml", *models("odd"), "--tag", "production"))
    for rows in Path(".seatrial").rglob("*.parquet"):
        rows.unlink()
    gone = cli("show", "production")
    sound(gone, 0, 3)
    assert "missing" in gone.out + gone.err
    sound(cli("store", "verify"), 3)
    shutil.rmtree(".seatrial")
    for command in (
        ("show", "production"),
        ("gate", "production", "one=function:models.py:one", "--suite", "suite.yaml"),
    ):
        said = cli(*command)
        sound(said, 64)
        assert "production" in said.err or "no runs yet" in said.err
    again = cli("run", "suite.yaml", *models("odd"), "--json", "r.json")
    sound(again)
    assert value("accuracy", "odd")["value"] is not None


def test_a_policy_that_fits_no_case_is_a_sentence(cli: Cli) -> None:
    table(["id", "x", "target"], plain())
    suite()
    for rule, said in (
        ("{metric: bleu, above: 0.2, role: guardrail}", "'bleu', which no case of the suite has"),
        ("{metric: recall, above: 0.2, case: d, role: guardrail}", "names the case 'd'"),
        ("{metric: recall, above: 0.2, slice: {nowhere: a}, role: guardrail}", "'nowhere'"),
    ):
        Path("policy.yaml").write_text(f"rules:\n  - {rule}\n")
        ran = cli("run", "suite.yaml", *models("odd", "one"), "--policy", "policy.yaml")
        sound(ran, 64)
        assert said in ran.err


def test_a_metric_the_data_cannot_carry_is_said_before_the_store_is_touched_twice(cli: Cli) -> None:
    table(["id", "x", "target"], plain())
    suite({"metrics": ["profit = 3 * nowhere"]})
    ran = cli("run", "suite.yaml", *models("odd"))
    sound(ran, 64)
    assert "'nowhere' is neither a metric nor a column" in ran.err


def test_functions_given_from_python_with_hostile_names() -> None:
    table(["id", "x", "target"], plain())
    case = {"name": "c", "dataset": {"path": "d.csv"}, "roles": {"id": "id", "target": "target", "inputs": ["x"]}}

    def model(batch: Any) -> list[int]:
        return [1 for _ in batch["x"]]

    model.__name__ = HOSTILE
    result = run(Suite.parse({"name": HOSTILE, "cases": [case]}, what="suite"), model)
    _harmless(result.render("text"))
    assert show("latest").record.models[0].adapter == "function"
