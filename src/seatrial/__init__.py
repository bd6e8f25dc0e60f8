"""Seatrial: from the first benchmark to the last percent of live traffic: ship, do not ship, or cannot tell yet.

>>> import seatrial as st
>>> rows = {"id": range(400), "y": [0, 1] * 200, "prediction": [0, 1] * 190 + [1, 0] * 10}
>>> st.compare(rows, rows).verdict.status
'pass'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatrial.actions.aa import aa
    from seatrial.actions.analyze import analyze
    from seatrial.actions.audit import audit
    from seatrial.actions.bandit import bandit
    from seatrial.actions.compare import compare
    from seatrial.actions.counterfactual import build_counterfactuals, run_counterfactuals
    from seatrial.actions.decide import decide
    from seatrial.actions.evaluate import evaluate
    from seatrial.actions.init import init
    from seatrial.actions.interleaving import interleaving
    from seatrial.actions.launches import launches
    from seatrial.actions.load import load
    from seatrial.actions.overlap import overlap
    from seatrial.actions.perturb import perturb
    from seatrial.actions.plan import plan
    from seatrial.actions.postmortem import postmortem
    from seatrial.actions.power import power
    from seatrial.actions.report import report
    from seatrial.actions.result import Result
    from seatrial.actions.run import run
    from seatrial.actions.runs import gate_suite, runs, show, tag
    from seatrial.actions.sample import label_agreement, sample
    from seatrial.actions.shadow import shadow
    from seatrial.actions.shift import shift
    from seatrial.actions.switchback import switchback
    from seatrial.data.engines.postgres import PostgresEngine
    from seatrial.data.engines.spark import SparkEngine
    from seatrial.data.engines.table import Table
    from seatrial.data.predictions import read
    from seatrial.errors import DataError, SeatrialError, UsageError
    from seatrial.evaluation.suite_file import read_suite
    from seatrial.models.adapters import open_model
    from seatrial.models.base import Answer, LocalModel, RemoteModel
    from seatrial.records import Effect, Estimate, ExperimentMetric, Plan, Policy, Readout, Scorecard, Verdict
    from seatrial.records.card import ReportCard
    from seatrial.records.run import Run
    from seatrial.records.suite import Suite
    from seatrial.storage.store import open_store

__version__ = "0.1.0"

_PLACES = {
    "overlap": "seatrial.actions.overlap",
    "sample": "seatrial.actions.sample",
    "label_agreement": "seatrial.actions.sample",
    "open_model": "seatrial.models.adapters",
    "perturb": "seatrial.actions.perturb",
    "build_counterfactuals": "seatrial.actions.counterfactual",
    "run_counterfactuals": "seatrial.actions.counterfactual",
    "load": "seatrial.actions.load",
    "init": "seatrial.actions.init",
    "run": "seatrial.actions.run",
    "runs": "seatrial.actions.runs",
    "show": "seatrial.actions.runs",
    "tag": "seatrial.actions.runs",
    "gate_suite": "seatrial.actions.runs",
    "read_suite": "seatrial.evaluation.suite_file",
    "Suite": "seatrial.records.suite",
    "Run": "seatrial.records.run",
    "ReportCard": "seatrial.records.card",
    "Answer": "seatrial.models.base",
    "LocalModel": "seatrial.models.base",
    "RemoteModel": "seatrial.models.base",
    "open_store": "seatrial.storage.store",
    "shift": "seatrial.actions.shift",
    "audit": "seatrial.actions.audit",
    "aa": "seatrial.actions.aa",
    "shadow": "seatrial.actions.shadow",
    "bandit": "seatrial.actions.bandit",
    "interleaving": "seatrial.actions.interleaving",
    "switchback": "seatrial.actions.switchback",
    "analyze": "seatrial.actions.analyze",
    "plan": "seatrial.actions.plan",
    "power": "seatrial.actions.power",
    "postmortem": "seatrial.actions.postmortem",
    "launches": "seatrial.actions.launches",
    "Plan": "seatrial.records",
    "Readout": "seatrial.records",
    "ExperimentMetric": "seatrial.records",
    "read": "seatrial.data.predictions",
    "PostgresEngine": "seatrial.data.engines.postgres",
    "SparkEngine": "seatrial.data.engines.spark",
    "Table": "seatrial.data.engines.table",
    "compare": "seatrial.actions.compare",
    "evaluate": "seatrial.actions.evaluate",
    "decide": "seatrial.actions.decide",
    "report": "seatrial.actions.report",
    "Result": "seatrial.actions.result",
    "Policy": "seatrial.records",
    "Verdict": "seatrial.records",
    "Effect": "seatrial.records",
    "Estimate": "seatrial.records",
    "Scorecard": "seatrial.records",
    "SeatrialError": "seatrial.errors",
    "UsageError": "seatrial.errors",
    "DataError": "seatrial.errors",
}

__all__ = [
    "Answer",
    "DataError",
    "Effect",
    "Estimate",
    "ExperimentMetric",
    "LocalModel",
    "Plan",
    "Policy",
    "PostgresEngine",
    "Readout",
    "RemoteModel",
    "ReportCard",
    "Result",
    "Run",
    "Scorecard",
    "SeatrialError",
    "SparkEngine",
    "Suite",
    "Table",
    "UsageError",
    "Verdict",
    "aa",
    "analyze",
    "audit",
    "bandit",
    "build_counterfactuals",
    "compare",
    "decide",
    "evaluate",
    "gate_suite",
    "init",
    "interleaving",
    "label_agreement",
    "launches",
    "load",
    "open_model",
    "open_store",
    "overlap",
    "perturb",
    "plan",
    "postmortem",
    "power",
    "read",
    "read_suite",
    "report",
    "run",
    "run_counterfactuals",
    "runs",
    "sample",
    "shadow",
    "shift",
    "show",
    "switchback",
    "tag",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import seatrial` is quick."""
    if name not in _PLACES:
        raise AttributeError(f"module 'seatrial' has no attribute '{name}'")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
