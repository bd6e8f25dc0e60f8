"""`Suite`: what a model is tested on and how, written by hand in YAML; its digest names the version."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from seatrial.records.base import Record

SuiteTask = Literal["binary", "multiclass", "multilabel", "regression", "entities", "fields", "boxes", "text"]
"""`entities`: named-entity labelling; `fields`: key fields of documents; `boxes`: object detection; `text`: free."""


class DatasetSource(Record):
    """Where rows come from: exactly one of `path`, `images`, `arrays`, `huggingface`, `sklearn`, `sql`.

    A bare text in the suite file is a `path`. Paths are relative to the suite file.
    """

    path: str | None = None
    """A file as in `compare`: CSV, TSV, JSON, JSONL, Parquet, Arrow (.gz, .zst); CoNLL or COCO JSON for its task."""
    images: str | None = None
    """A folder (or .zip) of images: one folder a class, or `labels` names a table of file name and columns."""
    labels: str | None = None
    """With `images` or `arrays`: a table whose first column (or `file`, `image`, `filename`) is the file name."""
    label_pattern: str | None = None
    """With `images`: a regular expression on the file name whose group `label` (or first group) is the class."""
    arrays: str | None = None
    """An .npz or .npy file: arrays of one length, by name."""
    huggingface: str | None = None
    """A local folder or file that the `datasets` library reads, or a name on the hub."""
    split: str | None = None
    """Split of a Hugging Face or scikit-learn data set."""
    sklearn: str | None = None
    """A bundled data set: iris, wine, breast_cancer, digits, diabetes, linnerud."""
    sql: str | None = None
    """A query, run on `url` (a SQLAlchemy URL; `$NAME` in it is read from the environment)."""
    url: str | None = None
    name: str | None = None
    """What it is called in reports; by default the file's name without folders."""
    version: str | None = None
    where: dict[str, str] = Field(default_factory=dict)
    """Take only rows with these values: `{split: test}`."""
    limit: int | None = Field(default=None, ge=1)
    """Take only so many rows: a seeded random sample, not the first ones."""
    about: dict[str, str] = Field(default_factory=dict)
    """What is known of it, for reports: licence, collected, language, population."""

    @field_validator("where", mode="before")
    @classmethod
    def _levels_as_text(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {k: str(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for k, v in given.items()}

    @model_validator(mode="after")
    def _one_place(self) -> "DatasetSource":
        given = [
            n for n in ("path", "images", "arrays", "huggingface", "sklearn", "sql") if getattr(self, n) is not None
        ]
        if len(given) != 1:
            said = " and ".join(given) or "none"
            raise ValueError(f"name one of path, images, arrays, huggingface, sklearn, sql ({said} was given)")
        if (self.sql is None) != (self.url is None):
            raise ValueError("sql and url go together")
        return self


class CaseRoles(Record):
    """Which column is what; None is guessed by name and said, as in `compare`."""

    id: str | None = None
    target: str | None = None
    inputs: tuple[str, ...] = ()
    """Columns handed to the model, in this order; by default every column without another role."""
    positive: str | None = None
    cluster: str | None = None
    weight: str | None = None
    time: str | None = None
    """When a row came to be: for checks of time travel."""
    group: str | None = None
    """What must not be on both sides of a split: patient, user, document."""


class ProbeSpec(Record):
    """One robustness probe: its name in the catalogue (or `module:object`), how hard, on what."""

    probe: str
    severity: tuple[float, ...] = ()
    """Empty: the probe's own ladder."""
    columns: tuple[str, ...] = ()
    """Empty: every input column the probe can work on."""
    rows: int | None = Field(default=None, ge=1)
    """Try so many rows (a seeded sample) instead of all."""
    direction: Literal["same", "up", "down"] | None = None
    """What must hold: the answer stays the same (the default of a label-preserving probe), the score rises or falls."""
    options: dict[str, Any] = Field(default_factory=dict)


class Price(Record):
    """What calls cost, per model name."""

    currency: str = "USD"
    per_call: float = Field(default=0.0, ge=0)
    per_million_input_tokens: float = Field(default=0.0, ge=0)
    per_million_output_tokens: float = Field(default=0.0, ge=0)
    per_hour: float = Field(default=0.0, ge=0)
    """Of the machine, charged by service time."""


class Budgets(Record):
    """Where a run stops (time, cost) and where it is invalid (failures)."""

    failures: float = Field(default=0.05, ge=0, le=1)
    """Share of rows without an answer above which the run is invalid."""
    minutes: float | None = Field(default=None, gt=0)
    cost: float | None = Field(default=None, gt=0)


class ModelSpec(Record):
    """A model by adapter and location: `onnx:new.onnx`; `options` are the adapter's own."""

    adapter: str
    location: str
    options: dict[str, Any] = Field(default_factory=dict)


class Case(Record):
    """One data set with a task: what is asked of it, along which slices, under which probes."""

    name: str
    dataset: DatasetSource
    task: SuiteTask | None = None
    """None is guessed, as in `compare`."""
    roles: CaseRoles = CaseRoles()
    metrics: tuple[str, ...] = ()
    """Catalogue names, `NAME = FORMULA`, or `module:function`; empty takes the task's usual ones."""
    lower_is_better: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    """`sex`, `age:quartiles`, `length(text)`, `NAME = module:predicate` (a function of a row, yes or no or a level)."""
    cross: Literal[1, 2] = 1
    threshold: float = 0.5
    probes: tuple[ProbeSpec, ...] = ()
    counterfactuals: str | None = None
    """A table made by `seatrial counterfactual build`: pairs whose answers must agree."""
    protected: tuple[str, ...] = ()
    """Columns of a fairness audit of this case."""
    favourable: str | None = None
    train: DatasetSource | None = None
    """What the model was trained on, for checks of overlap and leakage."""
    repeats: int = Field(default=1, ge=1, le=1000)
    """Ask each row so often (sampling models); the answers of one row are one cluster."""
    prompt: str | None = None
    """Language models: the text sent, with `{column}` for a row's values (and `{{` for a brace)."""
    system: str | None = None
    answer: str | None = None
    """Regular expression that takes the answer out of a text (group `answer`, or the first group, or all of it)."""
    choices: tuple[str, ...] = ()
    """Labels a text may name; an answer that names none is a wrong answer `(no label)`, not a failure."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Sent with every call: temperature, max_tokens, stop."""

    @field_validator("dataset", "train", mode="before")
    @classmethod
    def _path(cls, given: Any) -> Any:
        return {"path": given} if isinstance(given, str) else given

    @field_validator("probes", mode="before")
    @classmethod
    def _probe_names(cls, given: Any) -> Any:
        if not isinstance(given, (list, tuple)):
            return given
        return [{"probe": one} if isinstance(one, str) else one for one in given]


class Suite(Record):
    """What versions of a model are held against, again and again."""

    name: str
    version: str = "1"
    seed: int = Field(default=0, ge=0)
    description: str = ""
    cases: tuple[Case, ...] = Field(min_length=1)
    budgets: Budgets = Budgets()
    prices: dict[str, Price] = Field(default_factory=dict)
    """Model name to price; `any` is every other model's."""
    policy: str | None = None
    """File of the policy; not part of the digest, so that editing a margin does not change the suite."""
    models: dict[str, ModelSpec] = Field(default_factory=dict)
    """Models known by name, for their options; not part of the digest either."""

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, given: Any) -> Any:
        return str(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else given

    @model_validator(mode="after")
    def _names_differ(self) -> "Suite":
        seen: set[str] = set()
        for case in self.cases:
            if case.name in seen:
                raise ValueError(f"two cases are called '{case.name}'")
            seen.add(case.name)
        return self

    def digest(self) -> str:
        """SHA-256 of what is tested: policy, prices and models are left out."""
        tested = self.model_copy(update={"policy": None, "models": {}, "prices": {}})
        return super(Suite, tested).digest()
