"""The text of a first suite and its policy: every part with the comment that explains it."""

import re
import shlex
from pathlib import Path

import yaml

from seatrial.actions.suite_schema import SCHEMA_FILE
from seatrial.data.dataset import LoadedDataset
from seatrial.data.datasets.content import Digested
from seatrial.errors import listed
from seatrial.evaluation.suite_draft import Draft
from seatrial.records.suite import DatasetSource

_ROWS = 500
"""Rows that a proposed probe is tried on."""


def suite_page(
    suite: Path, policy: Path, source: DatasetSource, data: LoadedDataset, draft: Draft, *, id: str | None
) -> str:
    """Return the suite as YAML, each part with its comment; `id` is the id column as the user named it."""
    classes = data.task in ("binary", "multiclass")
    lines = [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        "# What every version of the model is held against. Run it:",
        f"#   seatrial run {shell(suite.name)} --model new=ADAPTER:LOCATION",
        "#   (base=sklearn:old.skops, new=onnx:new.onnx, f=function:models.py:predict, log=predictions:p.parquet)",
        "# Changing what is tested makes a new version of the suite; editing the policy does not.",
        "",
        f"name: {_scalar(_name_of(suite, data))}",
        'version: "1"',
        "seed: 0                  # of samples and probes",
        f"policy: {_scalar(policy.name)}   # what must hold to ship",
        "",
        "cases:",
        f"  - name: {_scalar(data.name)}",
        *_dataset_lines(source),
        f"    # {len(data):,} rows",
    ]
    if data.task is not None:
        lines.append(f"    task: {data.task}")
    lines += ["    roles:"]
    said = {line.partition(" = ")[0] for line in data.guesses}
    if data.has_id or id is not None:
        lines.append(_role("id", id or _id_column(data), "names a row", guessed="id" in said))
    else:
        lines.append("      id: '@row'           # no column of distinct ids: a row is named by its position")
    if data.target is not None:
        lines.append(_role("target", data.target, "the truth", guessed="target" in said))
    if data.targets:
        lines.append(f"      # the labels: {_comment(listed(data.targets.values(), limit=8))}")
    if data.positive is not None and data.task == "binary":
        lines.append(_role("positive", data.positive, "the class that scores are of", guessed=True))
    lines.append("      inputs:              # what the model is given, in this order; take out what it is not")
    lines += [f"        - {_scalar(name)}" for name in data.inputs]
    if data.cluster is not None:
        lines.append(_role("cluster", data.cluster, "rows that belong together", guessed=True))
    else:
        lines.append(
            "      # cluster: user_id   # rows that belong together (user, document): intervals count them once"
        )
    lines.append("      # time: created_at   # when a row came to be")
    lines += ["    metrics:               # the first one leads the report"]
    lines += [f"      - {name}" for name in draft.metrics] or ["      []"]
    lines += [f"      # - {name}   # for models that give scores" for name in draft.scored_metrics]
    if classes:
        lines.append("      # - profit = 120*tp - 15*fp   # a formula of your own")
    if draft.slices:
        lines += ["    slices:                # where it is measured apart from all rows"]
        lines += [f"      - {_scalar(name)}" for name in draft.slices]
    else:
        lines += ["    # slices: [column, age:quartiles, length(text)]"]
    if draft.protected:
        lines += ["    # protected:           # columns of a fairness audit; you know which are (take the '#' away)"]
        lines += [f"    #   - {_comment(_scalar(name))}" for name in draft.protected]
        if classes:
            lines += [
                f"    # favourable: {_comment(_scalar(data.positive or 'yes'))}   # the outcome good for the person"
            ]
    if draft.probes:
        lines += [f"    probes:                # the model is asked again on {_ROWS} changed rows for each severity"]
        lines += [f"      - {{probe: {name}, rows: {_ROWS}}}   # {what}" for name, what in draft.probes]
    lines += [
        "    # train: train.csv       # what the model was trained on: overlap and leaks are looked for",
        "    # counterfactuals: pairs.csv   # made by `seatrial counterfactual build`",
        "    # repeats: 5             # ask each row so often (models that sample)",
        "",
        "budgets:",
        "  failures: 5%             # above this share of rows without an answer a run is invalid",
        "  # minutes: 30            # a run stops here and can be taken up again",
        "  # cost: 5",
        "",
        "# prices:                  # what calls cost, by model name (any: every other model)",
        "#   any: {currency: USD, per_million_input_tokens: 0.15, per_million_output_tokens: 0.60}",
    ]
    return "\n".join(lines) + "\n"


def _dataset_lines(source: DatasetSource) -> list[str]:
    if source.path is not None and not source.where:
        return [f"    dataset: {_scalar(source.path)}"]
    given = source.model_dump(exclude_defaults=True)
    where = given.pop("where", {})
    lines = ["    dataset:", *(f"      {key}: {_scalar(str(value))}" for key, value in given.items())]
    for column, level in where.items():
        lines += ["      where:", f"        {_scalar(column)}: {_scalar(level)}   # these rows only"]
    return lines


def _role(role: str, column: str, what: str, *, guessed: bool) -> str:
    return f"      {role}: {_scalar(column)}   # {what}{' (guessed)' if guessed else ''}"


def _id_column(data: LoadedDataset) -> str:
    """The column whose values are the ids."""
    from seatrial.data.labels import label_text

    for name, values in data.columns.items():
        if isinstance(values, Digested) or values[0] is None or not isinstance(values[0], str | int | float):
            continue
        if all(
            value is not None and label_text(value).strip() == id for value, id in zip(values, data.ids, strict=True)
        ):
            return name
    return "@row"


def _name_of(suite: Path, data: LoadedDataset) -> str:
    stem = suite.stem.removesuffix(".suite")
    return data.name if stem == "suite" else stem


def policy_page(lead: str, guarded: str | None = None) -> str:
    """Return a policy as YAML: one metric that must be better, one that must not be worse."""
    lines = [
        "# What a new version must show to ship: seatrial gate BASELINE CANDIDATE --suite SUITE",
        "# Editing this file does not change the suite.",
        "",
        f"success: [{lead}]          # what it is for: must be better",
    ]
    if guarded is not None:
        lines += [
            "",
            "guardrails:                # what it must not break, and how much may be lost",
            f"  - {{metric: {guarded}, margin: 2%}}",
            "  # - {metric: recall, slice: sex=Female, margin: 0.02}",
        ]
    lines += [
        "",
        "# bounds:                  # absolute, whatever the old version does",
        "#   - latency_ms.p95 below 200",
    ]
    return "\n".join(lines) + "\n"


def template(policy: Path) -> str:
    """Return a suite to be filled in by hand."""
    return f"""# yaml-language-server: $schema={SCHEMA_FILE}
# A template: no data file was found here. Fill in the capital words, or run `seatrial init DATA` on your data.

name: my-suite
version: "1"
seed: 0
policy: {_scalar(policy.name)}

cases:
  - name: my-case
    dataset: DATA.csv        # CSV, TSV, JSON, JSONL, Parquet, Arrow; or a mapping:
    # dataset: {{images: photos.zip}}   arrays: x.npz   huggingface: folder   sklearn: iris   sql: SELECT ... with url:
    task: binary             # binary, multiclass, multilabel, regression, entities, fields, boxes, text
    roles:
      target: TARGET         # the truth
      # id: ID               # names a row
      # inputs: [A, B]       # what the model is given; by default every column without another role
    metrics: [accuracy, balanced_accuracy, f1]
    # slices: [COLUMN, age:quartiles, length(text)]
    # protected: [sex, race]
    # probes: [typos]

budgets:
  failures: 5%
"""


_PLAIN = re.compile(r"[A-Za-z_][\w./()-]*( [\w./()-]+)*")
_WORDS = {"yes", "no", "true", "false", "on", "off", "null", "y", "n", "~"}


def _scalar(text: str) -> str:
    """A text as YAML reads it back, on one line."""
    if _PLAIN.fullmatch(text) and text.isascii() and text.casefold() not in _WORDS:
        return text
    return str(yaml.dump(text, default_style='"', allow_unicode=True, width=10**9)).strip()


def _comment(text: str) -> str:
    """A text that stays in its comment."""
    return " ".join(text.split())


def shell(text: str) -> str:
    """Return a text as one word of a command line."""
    return shlex.quote(text)
