"""A model card: Markdown for people, with Hugging Face's model-index metadata for machines."""

from typing import Any

import yaml

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.records.card import CaseCard, ReportCard
from seatrial.records.run import ModelInfo
from seatrial.reports import numbers
from seatrial.reports.hostile import visible

_TASKS = {
    "binary": "text-classification",
    "multiclass": "text-classification",
    "multilabel": "text-classification",
    "regression": "tabular-regression",
    "entities": "token-classification",
    "fields": "document-question-answering",
    "boxes": "object-detection",
    "text": "text-generation",
}
_MOST = 12


def to_model_card(of: ReportCard, *, model: str | None = None) -> str:
    """Return the card of one model (the last of the report card, or the one named).

    The front matter is Hugging Face's `model-index`: one result a case, one metric a value; the interval goes into the
    metric's name, since the format has no field for it. Raises `UsageError` for a model that is not on the card.
    """
    names = [one.name for one in of.models]
    chosen = model or names[-1]
    if chosen not in names:
        raise UsageError(f"There is no model '{chosen}' here.{did_you_mean(chosen, names)} Models: {listed(names)}.")
    info = of.models[names.index(chosen)]
    matter = yaml.safe_dump(_index(of, info), sort_keys=False, allow_unicode=True, width=1000)
    return "\n".join(["---", matter.strip(), "---", "", *_body(of, info), ""])


def _index(of: ReportCard, info: ModelInfo) -> dict[str, Any]:
    results = []
    for case in of.cases:
        found = [
            {
                "type": visible(e.metric),
                "value": e.value,
                "name": visible(f"{e.metric} ({numbers.estimate(e)}, n = {e.n})"),
            }
            for e in case.estimates
            if e.model == info.name and not e.slice and e.value is not None
        ]
        if found:
            name = visible(case.dataset.name)
            dataset = {"type": name, "name": name, "revision": case.dataset.fingerprint}
            results.append(
                {
                    "task": {"type": _task(case), "name": case.task},
                    "dataset": dataset,
                    "metrics": found[:_MOST],
                    "source": {
                        "name": visible(f"Seatrial {of.seatrial}, suite {of.suite} {of.suite_version}"),
                        "url": "",
                    },
                }
            )
    return {"tags": ["seatrial"], "model-index": [{"name": visible(info.name), "results": results}]}


def _task(case: CaseCard) -> str:
    return _TASKS.get(case.task, case.task)


def _body(of: ReportCard, info: ModelInfo) -> list[str]:
    name = _text(info.name)
    lines = [f"# {name}", "", _text(of.sentence), "", "## The model", ""]
    lines += [f"- Fingerprint: `{info.fingerprint}`", f"- Runs by: {_text(info.adapter)}, on {_text(info.device)}"]
    if info.parameters is not None:
        lines.append(f"- Parameters: {numbers.integer(info.parameters)}")
    if info.size_bytes is not None:
        lines.append(f"- Size: {numbers.integer(info.size_bytes)} bytes")
    if info.flops is not None:
        lines.append(f"- Floating-point operations of one row: {numbers.plain(info.flops)}")
    lines += ["", "## Evaluation", ""]
    for case in of.cases:
        lines += [f"### {_text(case.case)}", ""]
        lines += [f"{case.task} on {_text(case.dataset.name)}, {numbers.integer(case.rows)} rows.", ""]
        lines += ["| metric | value | n |", "|---|---|---|"]
        lines += [
            f"| {_text(e.metric)} | {_text(numbers.estimate(e))} | {numbers.integer(e.n)} |"
            for e in (*case.estimates, *case.latency, *case.cost)
            if e.model == info.name and not e.slice
        ][: 2 * _MOST]
        lines.append("")
        for one in case.fairness:
            if one.model == info.name:
                lines += [f"Fairness: {_text(one.sentence)}", ""]
        worst = [p for p in case.probes.get(info.name, ()) if p.effects]
        if worst:
            lines += ["| probe | change | word |", "|---|---|---|"]
            for probe in worst:
                effect = next((e for e in probe.effects if e.metric == case.main_metric), None)
                if effect is not None:
                    label = f"{_text(probe.probe)} {numbers.plain(probe.severity)}"
                    lines.append(f"| {label} | {_text(numbers.effect(effect))} | {effect.word} |")
            lines.append("")
    lines += ["## What was not tested", "", *(f"- {_text(said)}" for said in (*of.not_shared, *of.not_tested)), ""]
    lines += [
        "## Where this comes from",
        "",
        f"- Suite {_text(of.suite)} {_text(of.suite_version)}: `{of.suite_digest}`",
    ]
    lines += [f"- Rows of {_text(case.case)}: `{case.dataset.fingerprint}`" for case in of.cases]
    lines.append(f"- Seatrial {of.seatrial}, seed {of.seed}")
    return lines


def _text(given: str) -> str:
    """Text that means nothing to Markdown or HTML."""
    shown = visible(given, limit=1200)
    for sign in "\\`*_[]<>|":
        shown = shown.replace(sign, f"\\{sign}")
    return shown
