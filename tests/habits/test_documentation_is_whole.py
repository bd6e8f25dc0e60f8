"""What the pages list is what there is: metrics, fields of the JSON, keys of a policy, methods, options, exit codes."""

import pkgutil
import re
import runpy
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import typer
from pydantic import BaseModel

import seatrial as st
import seatrial.records as room
from seatrial.actions.counterfactual import build_counterfactuals, run_counterfactuals
from seatrial.actions.load import load
from seatrial.actions.overlap import overlap
from seatrial.actions.sample import label_agreement
from seatrial.actions.suites.histories import METHOD as CHANGES
from seatrial.app.cli import EXIT, app
from seatrial.decisions.policy import ITEM_KEYS, KEYS
from seatrial.experiments.freeze import freeze
from seatrial.experiments.plan_file import parse_plan
from seatrial.metrics.catalogue import every_metric
from seatrial.records import Readout, Record, Scorecard
from seatrial.records.aa import AaTest
from seatrial.records.audit import Audit
from seatrial.records.bandit import Bandit
from seatrial.records.card import ReportCard
from seatrial.records.counterfactual import CounterfactualReading
from seatrial.records.interleaving import Interleaving
from seatrial.records.launches import Launches
from seatrial.records.load import Load
from seatrial.records.overlap import Overlap
from seatrial.records.postmortem import PostMortem
from seatrial.records.run import Run
from seatrial.records.runs import RunList
from seatrial.records.sample import LabelAgreement, Sample
from seatrial.records.shadow import Shadow
from seatrial.records.shift import Shift
from seatrial.records.store import Garbage, LedgerPage, StoreCheck
from seatrial.records.suite import Budgets, Case, CaseRoles, DatasetSource, ModelSpec, Price, ProbeSpec, Suite
from seatrial.records.switchback import Switchback

from .log_tables import log_tables

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def in_code(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def first_column(text: str) -> list[str]:
    """What stands in code in the first cell of every row of a page's tables."""
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_catalogue_on_its_page_is_the_catalogue() -> None:
    make = runpy.run_path(str(ROOT / "tests" / "habits" / "make_catalogue.py"))
    text = page("metrics.md")
    assert make["page"](text) == text, "run `python tests/habits/make_catalogue.py`"
    assert {metric.name for metric in every_metric()} <= set(first_column(text))


Records = dict[str, type[BaseModel]]
PAGES: dict[str, tuple[type[BaseModel], ...]] = {
    "json.md": (Scorecard,),
    "json-experiments.md": (Readout, PostMortem, Launches, AaTest, Shadow, Bandit, Interleaving, Switchback),
    "json-suites.md": (ReportCard, RunList, Run, Load, LedgerPage, StoreCheck, Garbage),
    "json-audits.md": (Audit, Shift, Overlap, Sample, LabelAgreement, CounterfactualReading),
}
"""The records that commands write, and the page that explains each with all that it holds."""
TOPS = frozenset(top for tops in PAGES.values() for top in tops)
SUITE = frozenset({Suite, Case, DatasetSource, CaseRoles, ProbeSpec, Price, Budgets, ModelSpec})
"""What is written by hand; its keys are explained on the page of the suite file."""


def explained_records() -> dict[str, Records]:
    """Each page's records: its own ones and all that their fields hold, without what an earlier page explains."""
    seen: set[type[BaseModel]] = set()
    found: dict[str, Records] = {}

    def visit(annotation: Any, of: Records) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in seen | TOPS | SUITE:
                add(annotation, of)
        else:
            for inner in get_args(annotation):
                visit(inner, of)

    def add(record: type[BaseModel], of: Records) -> None:
        assert record.__name__ not in of, "two records of one name on one page"
        seen.add(record)
        of[record.__name__] = record
        for field in record.model_fields.values():
            visit(field.annotation, of)

    for name, tops in PAGES.items():
        found[name] = {}
        for top in tops:
            add(top, found[name])
    return found


EXPLAINED = explained_records()
RECORDS = [(name, record) for name, records in EXPLAINED.items() for record in records]


def place_of(record: type[BaseModel]) -> str | None:
    """The page that explains a record."""
    return next((name for name, records in EXPLAINED.items() if record in records.values()), None)


def own_fields(record: type[BaseModel]) -> list[str]:
    """Its fields without those of a record that it extends and that has a section itself."""
    inherited = {name for base in record.__bases__ if place_of(base) for name in base.model_fields}
    return [name for name in record.model_fields if name not in inherited]


def sections(name: str) -> dict[str, str]:
    found: list[tuple[str, str]] = re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", page(name), re.MULTILINE | re.DOTALL)
    assert len({one for one, _ in found}) == len(found)
    return dict(found)


@pytest.mark.parametrize(("name", "record"), RECORDS)
def test_every_field_of_the_json_is_explained_and_no_other(name: str, record: str) -> None:
    found = EXPLAINED[name][record]
    text = sections(name)[record]
    assert first_column(text) == own_fields(found)
    for base in found.__bases__:
        place = place_of(base)
        anchor = f"#{base.__name__.lower()}" if place == name else f"{place}#{base.__name__.lower()}"
        assert place is None or f"[`{base.__name__}`]({anchor})" in text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_json_has_a_section_for_each_of_its_records_and_no_other(name: str) -> None:
    assert set(sections(name)) == set(EXPLAINED[name])


@pytest.mark.parametrize("name", PAGES)
def test_a_link_to_a_record_leads_to_its_section(name: str) -> None:
    links = re.findall(r"\[`(\w+)`s?\]\(([\w-]+\.md)?#(\w+)\)", page(name))
    assert len(links) > 10
    for record, place, anchor in links:
        assert anchor == record.lower()
        assert record in sections(place or name)


def test_every_record_there_is_is_explained_somewhere() -> None:
    names = [f"{room.__name__}.{module.name}" for module in pkgutil.iter_modules(room.__path__)]
    every = {one for name in names for one in vars(import_module(name)).values() if isinstance(one, type)}
    missing = {one.__name__ for one in every - SUITE - {Record} if issubclass(one, Record) and place_of(one) is None}
    assert missing == set()


def test_every_key_of_a_suite_is_explained() -> None:
    text = page("suite.md")
    words = {word for code in in_code(text) for word in re.findall(r"\w+", code)}
    assert {key for record in SUITE for key in record.model_fields} <= words
    assert {key for record in (Suite, Case, CaseRoles) for key in record.model_fields} <= set(first_column(text))


@pytest.mark.parametrize(("name", "tops"), PAGES.items())
def test_a_page_names_the_schema_version_that_is_written(name: str, tops: tuple[type[BaseModel], ...]) -> None:
    written = {top.model_fields["schema_version"].default for top in tops if "schema_version" in top.model_fields}
    assert set(re.findall(r'\["schema_version"\] == "([\d.]+)"', page(name))) == written


def test_every_key_of_a_policy_is_explained() -> None:
    listed = first_column(page("policy.md"))
    assert set(KEYS) <= set(listed)
    assert set(ITEM_KEYS) <= set(listed)


@pytest.mark.parametrize("name", ["README.md", "docs/policy.md"])
def test_every_exit_code_is_listed(name: str) -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.*?) \|", (ROOT / name).read_text(), re.MULTILINE))
    assert set(table) == {str(code) for code in (*EXIT.values(), 64, 70, 130)}
    for status, code in EXIT.items():
        assert status in table[str(code)]


COMMANDS: dict[str, tuple[str, ...]] = {
    "compare": ("compare.md", "run.md"),
    "evaluate": ("compare.md",),
    "gate": ("policy.md", "compare.md", "run.md"),
    "init": ("suite.md",),
    "suite": ("suite.md",),
    **dict.fromkeys(("run", "runs", "show", "tag", "report"), ("run.md",)),
    "store": ("store.md",),
    "ledger": ("store.md",),
    "analyze": ("experiments.md",),
    "plan": ("plan.md",),
    "power": ("plan.md",),
    "launches": ("launches.md",),
    "postmortem": ("postmortem.md", "experiments.md"),
    "aa": ("aa.md",),
    "audit": ("audit.md",),
    "shift": ("shift.md",),
    "shadow": ("shadow.md",),
    **dict.fromkeys(("bandit", "interleaving", "switchback"), ("bandits.md",)),
    "load": ("load.md",),
    "perturb": ("probes.md",),
    "counterfactual": ("counterfactuals.md",),
    "sample": ("sample.md",),
    "overlap": ("overlap.md",),
    "demo": ("index.md", "experiments.md"),
    "metrics": ("metrics.md",),
}
"""Where the options of each command are explained."""


def options_of(command: Any) -> set[str]:
    """Its options and those of its own commands."""
    own = {name for option in command.params for name in option.opts if name.startswith("--")}
    return own.union(*map(options_of, getattr(command, "commands", {}).values()))


def test_every_command_has_a_page() -> None:
    assert set(typer.main.get_command(app).commands) <= set(COMMANDS)


@pytest.mark.parametrize("command", sorted(set(typer.main.get_command(app).commands) & set(COMMANDS)))
def test_every_option_of_a_command_is_explained(command: str) -> None:
    options = options_of(typer.main.get_command(app).commands[command])
    text = "".join(map(page, COMMANDS[command]))
    assert {option for option in options if not re.search(rf"{option}\b(?!-)", text)} == set()


def share(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """A metric of somebody's own."""
    return float(np.mean(y_true == y_pred))


@pytest.fixture(scope="module")
def results() -> list[st.Result]:
    """Two versions in every way there is to compare them, small."""
    rng = np.random.default_rng(0)
    n = 400
    truth = rng.integers(0, 2, n)

    def version(right: float) -> dict[str, Any]:
        score = np.clip(0.5 + (truth - 0.5) * right + rng.normal(0, 0.35, n), 0.001, 0.999)
        return {"id": range(n), "y": truth, "prediction": (score > 0.5).astype(int), "score": score,
                "latency_ms": rng.lognormal(1, 0.5, n), "user": np.arange(n) // 4, "w": 1 + truth}  # fmt: skip

    old, new = version(0.3), version(0.5)
    names = ["accuracy", "precision", "f1", "balanced_accuracy", "roc_auc", "average_precision", "brier_score",
             "expected_calibration_error", "ks", "latency_ms.mean", "latency_ms.p50"]  # fmt: skip
    few = [{key: list(values)[:30] for key, values in table.items()} for table in (old, new)]
    perfect = [
        {"id": range(60), "y": [0, 1] * 30, "prediction": [0, 1] * 30, "score": [0.1 + k, 0.9 - k] * 30}
        for k in (0.0, 0.05)
    ]
    labels = np.array(["a", "b", "c"])
    third = rng.integers(0, 3, n)
    several = [{"id": range(n), "y": labels[third],
                "prediction": labels[np.where(rng.random(n) < right, third, rng.integers(0, 3, n))]}
               for right in (0.6, 0.7)]  # fmt: skip
    price = rng.normal(100, 10, n)
    numbers = [{"id": range(n), "y": price, "prediction": price + rng.normal(0, sd, n)} for sd in (3, 2.5)]
    return [
        st.compare(old, new, metrics=names),
        st.compare(old, new, metrics=names, cluster="user"),
        st.compare(old, new, metrics=names, weight="w"),
        st.compare(old, new, metrics=names, unpaired=True),
        st.compare(old, old, metrics=names),
        st.compare(*few, metrics=names[:8]),
        st.compare(*perfect, metrics=["accuracy", "roc_auc", "recall"]),
        st.compare(old, new, metrics=[share]),
        st.compare(*several),
        st.compare(*numbers),
        st.evaluate(old, metrics=["recall"]),
    ]


PLAN = """
unit: user
control: A
arms: {A: 50, B: 50}
metrics:
  spent: {formula: mean(spent), covariates: [before]}
  bought: mean(bought == 1)
  price: spent / items
primary: spent
guardrails: [{metric: bought, margin: 5%}]
minimum_effect: 5%
start: 2026-03-02
days: 10
stopping: """


@pytest.fixture(scope="module")
def readouts() -> list[st.Readout]:
    """An experiment in every shape that `analyze` reads, under every stopping rule."""
    rng = np.random.default_rng(0)
    n = 2000
    before = rng.gamma(2, 10, n)
    spent = before * rng.gamma(2, 0.5, n) + 1
    days = [f"2026-03-{2 + k % 10:02d}" for k in range(n)]
    users: dict[str, Any] = {
        "user": range(n), "arm": rng.choice(["A", "B"], n), "before": before, "spent": spent,
        "bought": (spent > 15).astype(int), "items": rng.poisson(3, n) + 1, "time": days,
        "country": ["DE", "FR"] * (n // 2),
    }  # fmt: skip
    rules = ["fixed", "hybrid", "anytime", "{rule: group-sequential, looks: 2}"]
    plans = [freeze(parse_plan(PLAN + rule)) for rule in rules]
    ramp = freeze(parse_plan(f"{PLAN}fixed\nramp: [{{from: 2026-03-02, weights: {{A: 1, B: 1}}}}, "
                             "{from: 2026-03-06, weights: {A: 1, B: 1}}]"))  # fmt: skip
    visits = {"user": np.arange(n) // 4, "arm": np.where(np.arange(n) // 4 % 2, "B", "A"), "ms": rng.gamma(2, 50, n)}
    daily = {"arm": ["A", "B"] * 2, "day": [1, 1, 2, 2], "metric": ["x"] * 4, "n": [500, 500, 990, 1000],
             "mean": [1.0, 1.1, 1.0, 1.1], "variance": [2.0] * 4}  # fmt: skip
    mean = {"spent": {"formula": "mean(spent)", "covariates": ["before"]}}
    exposures = {key: users[key] for key in ("user", "arm", "time", "country")}
    made = [
        *(st.analyze(units=users, plan=one) for one in (*plans, ramp)),
        st.analyze(units=visits, metrics={"ms": "mean(ms)", "p95": "p95(ms)"}, control="A", cluster="user"),
        st.analyze(moments=daily),
        st.analyze(units=users, metrics=mean, cupac=["spent"], control="A"),
        st.analyze(units=users, metrics=mean, post_stratify="country", control="A"),
        st.analyze(
            exposures, {key: users[key] for key in ("user", "time", "spent")}, metrics=["s=mean(spent)"], control="A"
        ),
    ]
    return [one.readout for one in made]


def test_every_method_of_an_experiment_is_explained(readouts: list[st.Readout]) -> None:
    named = {one.method for r in readouts for one in (*r.estimates, *r.effects, *r.sequences) if one.method}
    explained = {name for name in in_code(page("methods.md")) if len(name) > 4}
    parts = {part for method in named for part in re.split(r", (?=Welch|Miettinen|hybrid|group)", method)}
    assert len(parts) > 8
    assert {part for part in parts if not any(part.startswith(name) for name in explained)} == set()
    qualified = ("adjusted for covariates (CUPED)", "stratified by allocation phase")
    for said in qualified:
        assert any(said in method for method in named)
        assert said in explained


def test_every_method_that_is_named_in_a_result_is_explained(results: list[st.Result]) -> None:
    named = {one.method for result in results for one in (*result.estimates, *result.effects) if one.method}
    cards = [result.scorecard for result in results]
    named |= {one.method for card in cards for one in (*card.reference, *card.tradeoffs) if one.method}
    explained = in_code(page("methods.md"))
    assert len(named) > 15
    assert {method for method in named if not any(method.startswith(name) for name in explained)} == set()


def methods_of(dumped: Any) -> set[str]:
    """Every method that is named anywhere in a record's dump."""
    if isinstance(dumped, dict):
        own = dumped.get("method")
        return {own for own in [own] if own and isinstance(own, str)}.union(*map(methods_of, dumped.values()))
    return set().union(*map(methods_of, dumped)) if isinstance(dumped, list | tuple) else set()


@pytest.fixture(scope="module")
def other_records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """What the other commands find in small data, each in the ways it has."""
    folder = tmp_path_factory.mktemp("methods")
    for name, table in log_tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    rng = np.random.default_rng(0)
    n = 1_200
    sex, truth, noted = rng.integers(0, 2, n), rng.integers(0, 2, n), ["please", "help", "now", "soon", "card", "fee"]
    score = np.clip(0.5 * truth + 0.25 + 0.1 * sex + rng.normal(0, 0.2, n), 0.001, 0.999)
    decided: dict[str, Any] = {
        "id": range(n), "sex": sex.astype(str), "age": 30 + 10 * sex + rng.normal(0, 5, n),
        "job": rng.choice(list("abc"), n), "note": [" ".join(rng.choice(noted, 5)) for _ in range(n)],
        "target": truth, "prediction": (score > 0.5).astype(int), "score": score,
    }  # fmt: skip
    moved = {**decided, "age": decided["age"] + 4, "note": [text.replace("card", "bill") for text in decided["note"]]}
    unlabelled = {name: values[:600] for name, values in moved.items() if name != "target"}
    few = {name: values[:600] for name, values in decided.items()}
    vectors = {f"e{k}": rng.normal(size=200) for k in range(3)}
    labels = {"id": range(80), "a": rng.choice(list("xyz"), 80)}
    labels |= {name: np.where(rng.random(80) < 0.7, labels["a"], "x") for name in "bc"}
    texts = {"id": range(60), "text": [f"A {('gay', 'straight')[k % 2]} man sang {k}." for k in range(60)],
             "rude": ["yes" if k % 3 else "no" for k in range(60)]}  # fmt: skip
    terms = {"groups": {"sexuality": {"gay": ["gay"], "straight": ["straight"], "bi": ["bisexual"]}}}
    pairs = build_counterfactuals(texts, swap=terms, column="text", target="rude", positive="yes", id="id").pairs
    bandit = {"arm": "banner", "reward": "click", "propensity": "p", "control": "plain"}
    hours = {"period": "hour", "arm": "arm", "metrics": {"minutes": "mean(minutes)"}, "control": "control"}
    named = {"label": "target", "prediction": "prediction", "score": "score"}
    made: list[Any] = [
        st.audit(decided, protected=["sex"], mitigations=False, benefit=3, cost=1, **named),
        st.audit(decided, protected=["sex"], mitigations=False, proxies=False, reference="sex=1", **named),
        st.shift(decided, moved, by="sex"),
        st.shift(few, unlabelled),
        st.shift(vectors, {name: values + 0.3 for name, values in vectors.items()}, embedding="e*"),
        st.aa(folder / "history.csv", metrics={"spend": "mean(spend)", "tail": "p95(spend)"}, unit="user",
              simulations=100),
        st.shadow(folder / "requests.csv", champion="score_a", challenger="score_b", label="fraud", id="id",
                  labelled_at="label_time", time="time", maturity="30d", capacity="5/day", amount="amount",
                  margin=0.02, latency_champion="ms_a", latency_challenger="ms_b"),
        st.bandit(folder / "choices.csv", batch="day", target_policy="photo", **bandit),
        st.bandit(folder / "choices.csv", **bandit),
        st.interleaving(folder / "searches.csv", winner="winner", user="user", query="query", baseline="old"),
        st.switchback(folder / "orders.csv", block="day", burn_in=1, **hours),
        st.switchback(folder / "orders.csv", held=False, **hours),
        label_agreement(labels, labels=["a", "b"]),
        label_agreement(labels, labels=["a", "b", "c"]),
        overlap(decided, moved, target="target"),
        run_counterfactuals(pairs, model=lambda batch: {"score": [len(text) % 7 / 7 for text in batch["text"]]}),
        load(lambda batch: [1 for _ in batch["x"]], {"x": [1, 2, 3]}, rates=[200], seconds=0.5, sla="p50=200"),
    ]  # fmt: skip
    return [one.record for one in made]


def test_every_method_of_the_other_commands_is_explained(other_records: list[Record]) -> None:
    named = set().union(*(methods_of(record.model_dump()) for record in other_records), {CHANGES})
    explained = in_code(page("methods.md"))
    parts = {name for name in explained if len(name) > 7}
    unexplained = {one for one in named - explained if not any(part in one for part in parts)}
    assert len(named) > 50
    assert unexplained == set()
