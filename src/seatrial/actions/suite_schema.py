"""The JSON schema of the suite file, for editors: from the records, and what the reader takes beside them."""

import ast
import inspect
import json
from typing import Any

from seatrial.records import suite as records

SCHEMA_FILE = "suite.schema.json"
"""What `init` calls it beside a suite."""
_SHARES = ("failures", "threshold")


def suite_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12): key names, types, what each key means."""
    schema = records.Suite.model_json_schema()
    notes = _notes()
    definitions: dict[str, Any] = schema.pop("$defs", {})
    for name, one in definitions.items():
        _explained(one, notes.get(name, {}))
        _opened(one)
    _explained(schema, notes.get("Suite", {}))
    _opened(schema)
    case = definitions["Case"]["properties"]
    source = {"$ref": "#/$defs/DatasetSource"}
    path = {"type": "string", "description": "A file, from the suite's folder."}
    case["dataset"] = {"anyOf": [path, source], "description": "The rows: a file, or a mapping of another kind."}
    case["train"] = {"anyOf": [path, source, {"type": "null"}], "description": case["train"].get("description", "")}
    probe = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/ProbeSpec"}]}
    case["probes"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": probe}, {"type": "null"}],
        "description": "Robustness probes: a name, or a mapping.",
    }
    formula = {"type": "object", "additionalProperties": {"type": "string"}}
    text = {"type": "string"}
    case["metrics"]["anyOf"] = [text, formula, {"type": "array", "items": {"anyOf": [text, formula]}}, {"type": "null"}]
    definitions["Case"]["required"] = ["name"]
    properties = schema["properties"]
    properties["extends"] = {"type": "string", "description": "A suite file this one adds to; see docs/suite.md."}
    properties["remove"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "Names of cases of the extended suite that this one leaves out.",
    }
    schema.pop("required", None)
    schema["anyOf"] = [{"required": ["cases"]}, {"required": ["extends"]}]
    schema["title"] = "Seatrial suite"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": definitions}


def schema_text() -> str:
    """The schema as JSON, the same bytes each time."""
    return json.dumps(suite_schema(), indent=1, ensure_ascii=False) + "\n"


def _notes() -> dict[str, dict[str, str]]:
    """Record to field to the text that stands under it."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(records)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        fields = found.setdefault(node.name, {})
        for before, after in zip(node.body, node.body[1:], strict=False):
            text = after.value if isinstance(after, ast.Expr) else None
            if (
                isinstance(before, ast.AnnAssign)
                and isinstance(before.target, ast.Name)
                and isinstance(text, ast.Constant)
            ):
                fields[before.target.id] = " ".join(str(text.value).split())
    return found


def _explained(one: dict[str, Any], notes: dict[str, str]) -> None:
    for name, value in one.get("properties", {}).items():
        value.pop("title", None)
        if name in notes:
            value["description"] = notes[name]


def _opened(one: dict[str, Any]) -> None:
    """Take what the reader takes: any scalar for a text, one word for a list of one, a percentage for a share, null."""
    for name, value in one.get("properties", {}).items():
        described = {key: value[key] for key in ("description", "default") if key in value}
        kinds = [inner for inner in value.get("anyOf", [value]) if inner.get("type") != "null"]
        wanted: list[dict[str, Any]] = []
        for inner in kinds:
            bare = {key: item for key, item in inner.items() if key not in described}
            if inner.get("type") == "string" and "enum" not in inner:
                bare["type"] = ["string", "number", "boolean"]
            elif inner.get("type") == "array":
                bare["items"] = _entry(bare["items"])
                wanted.append({"type": ["string", "number", "boolean"]})
            elif inner.get("type") == "object" and inner.get("additionalProperties") == {"type": "string"}:
                bare["additionalProperties"] = {"type": ["string", "number", "boolean"]}
            elif inner.get("type") == "number" and name in _SHARES:
                wanted.append({"type": "string", "pattern": "^[0-9.]+ *%$"})
            wanted.append(bare)
        one["properties"][name] = {"anyOf": [*wanted, {"type": "null"}], **described}


def _entry(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": ["string", "number", "boolean"]} if items.get("type") == "string" else items
