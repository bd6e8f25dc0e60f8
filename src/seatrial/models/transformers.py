"""Hugging Face pipelines from a local folder, or by a hub name that is already on this machine."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.models.answers import as_answers
from seatrial.models.artefact import fingerprint_of, library_version, size_of
from seatrial.models.base import Answer, Batch, LocalModel, ModelError
from seatrial.models.extraction import extracted
from seatrial.models.function import of_object
from seatrial.models.opening import Opening, resolved
from seatrial.models.prompts import rendered
from seatrial.records.run import ModelInfo
from seatrial.records.suite import Case

OPTIONS = ("task", "column", "online", "device", "max_new_tokens", "max_length", "revision", "activation", "chat")
_HEADS = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForImageClassification": "image-classification",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
}
_CLASSES = {
    "text-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "image-classification": "AutoModelForImageClassification",
    "text-generation": "AutoModelForCausalLM",
}
TASKS = tuple(_CLASSES)


class TransformersModel(LocalModel):
    """`transformers:folder` or `transformers:org/name`: text-classification, token-classification (entities as spans),
    image-classification, text-generation (greedy).

    Nothing is downloaded unless `online=true`, and no code of the model's is run. `task` is told by the model's
    configuration; `column` names the input where there are several. Texts longer than the model takes are cut
    (`max_length` cuts earlier). Generation: the case's prompt, else the column as it is, as a chat where the model has
    a template for one (`chat=false`: never); `max_new_tokens` (64, or `max_tokens` among the case's parameters).
    """

    adapter: ClassVar[str] = "transformers"
    batch_size = 16
    _folder: Path | None = None

    def __init__(self, opening: Opening, *, case: Case | None = None) -> None:
        opening.refuse_unknown(OPTIONS)
        self._start(opening, case)
        path = resolved(opening.location, opening.folder)
        if path.is_dir():
            self._folder = path
            if not (path / "config.json").is_file():
                raise ModelError(
                    f"Model '{self.name}': '{path.name}' is no transformers model: it has no config.json; save one "
                    "with save_pretrained."
                )
        elif path.is_file() or opening.location.startswith((".", "/", "~")) or opening.location.count("/") > 1:
            raise ModelError(f"Model '{self.name}': there is no folder '{opening.location}'.")

    @classmethod
    def of(cls, given: Any, *, name: str) -> Self:
        """Return the model of a pipeline in memory."""
        made = cls.__new__(cls)
        made._start(Opening(name=name, location=name), None)
        made._pipeline, made._is_given = given, True
        made._task = str(getattr(given, "task", ""))
        if made._task not in TASKS:
            raise UsageError(f"Pipelines of the task '{made._task}' are not known; these are: {listed(TASKS)}.")
        return made

    def _start(self, opening: Opening, case: Case | None) -> None:
        self.name = opening.name
        self._opening, self._case = opening, case
        self._task = opening.one_of("task", TASKS)
        self._column = opening.text("column")
        self._online = opening.switch("online")
        self._device = opening.text("device", "cpu") or "cpu"
        self._max_new_tokens = opening.whole("max_new_tokens", 64)
        self._max_length = opening.whole("max_length")
        self._revision = opening.text("revision")
        self._chat = opening.switch("chat", True)
        self._activation = opening.one_of("activation", ("softmax", "sigmoid", "none"))
        self._pipeline: Any = None
        self._is_given = False
        self._info: ModelInfo | None = None

    def for_case(self, case: Case) -> "TransformersModel":
        """Return a copy that prompts and takes its answers as the case says; it shares what is loaded."""
        if self._is_given:
            made = TransformersModel.of(self._pipeline, name=self.name)
            made._case = case
            return made
        made = TransformersModel(self._opening, case=case)
        made.name, made._pipeline, made._info, made._task = self.name, self._pipeline, self._info, self._task
        return made

    def open(self) -> None:
        if self._pipeline is not None:
            return
        library = _library()
        place = str(self._folder) if self._folder is not None else self._opening.location
        shared = {
            "local_files_only": not self._online,
            "revision": self._revision or "main",
            "trust_remote_code": False,
        }
        bars = library.utils.logging
        shown = bars.is_progress_bar_enabled()
        bars.disable_progress_bar()
        try:
            config = library.AutoConfig.from_pretrained(place, **shared)
            task = self._task = self._task or self._told(config)
            model = getattr(library, _CLASSES[task]).from_pretrained(place, config=config, **shared).eval()
            kind = "AutoImageProcessor" if task == "image-classification" else "AutoTokenizer"
            reader = getattr(library, kind).from_pretrained(place, **shared)
        except (ModelError, UsageError):
            raise
        except ImportError as error:
            raise UsageError(f"Model '{self.name}' needs another package: {_line(error)}.") from None
        except Exception as error:
            raise ModelError(self._why(error)) from None
        finally:
            if shown:
                bars.enable_progress_bar()
        part = {"image_processor": reader} if task == "image-classification" else {"tokenizer": reader}
        if task != "image-classification" and reader.pad_token is None and reader.eos_token is not None:
            reader.pad_token = reader.eos_token
        if task == "text-generation":
            reader.padding_side = "left"
        self._pipeline = library.pipeline(task, model=model, device=self._device, **part)

    def close(self) -> None:
        if not self._is_given:
            self._pipeline = None

    def predict(self, batch: Batch) -> Sequence[Answer]:
        self.open()
        rows = len(next(iter(batch.values()))) if batch else 0
        run: dict[str, Callable[[Batch, int], Sequence[Answer]]] = {
            "text-classification": self._classify,
            "token-classification": self._label,
            "image-classification": self._classify_images,
            "text-generation": self._generate,
        }
        return run[self._task or ""](batch, rows)

    def info(self) -> ModelInfo:
        if self._info is None:
            self.open()
            model = self._pipeline.model
            details = {"task": self._task or "", "architecture": type(model).__name__}
            labels = getattr(model.config, "id2label", None)
            if labels and "classification" in details["task"] and len(labels) <= 50:
                details["classes"] = ", ".join(str(one) for one in labels.values())
            size = None
            if self._folder is not None:
                options = {k: v for k, v in self._opening.options.items() if k not in ("online", "device")}
                fingerprint = fingerprint_of([self._folder], options)
                size = size_of([self._folder])
            else:
                fingerprint = self._hub_fingerprint(details)
            self._info = ModelInfo(
                name=self.name,
                adapter=self.adapter,
                location=self._folder.name if self._folder is not None else self._opening.location,
                fingerprint=fingerprint,
                version=getattr(model.config, "_commit_hash", None),
                code_version=library_version("transformers"),
                parameters=int(model.num_parameters()),
                size_bytes=size,
                device=self._device,
                details=details,
            )
        return self._info

    def _hub_fingerprint(self, details: dict[str, str]) -> str:
        from seatrial.models.torch import Weights

        options = sorted((k, str(v)) for k, v in self._opening.options.items() if k not in ("online", "device"))
        commit = getattr(self._pipeline.model.config, "_commit_hash", None)
        what = [self._opening.location, commit] if commit and not self._is_given else Weights(self._pipeline.model)
        fingerprint, known = of_object([what, options])
        if not known:
            details["fingerprint"] = "of this process only"
        return fingerprint

    def _told(self, config: Any) -> str:
        for head in getattr(config, "architectures", None) or ():
            for ending, task in _HEADS.items():
                if str(head).endswith(ending):
                    return task
        raise ModelError(
            f"Model '{self.name}': its configuration does not say what it is for; say task=... ({listed(TASKS)})."
        )

    def _why(self, error: Exception) -> str:
        if self._folder is None:
            return (
                f"Model '{self.name}': '{self._opening.location}' is no folder here, and no model of that name is on "
                f"this machine{'' if self._online else ' (online=true downloads it)'}."
            )
        said = _line(error).replace(str(self._folder), self._folder.name)
        return f"Model '{self.name}': '{self._folder.name}' cannot be loaded: {type(error).__name__}: {said}."

    def _values(self, batch: Batch, what: str, fits: Callable[[Any], bool]) -> Sequence[Any]:
        if self._column is not None:
            if self._column not in batch:
                near = did_you_mean(self._column, batch)
                raise ModelError(
                    f"Model '{self.name}': there is no input column '{self._column}'.{near} The inputs are "
                    f"{listed(batch)}."
                )
            return batch[self._column]
        found = [name for name, values in batch.items() if any(fits(one) for one in values if one is not None)]
        if len(batch) == 1:
            found = list(batch) if found or all(one is None for values in batch.values() for one in values) else []
        if len(found) != 1:
            raise ModelError(
                f"Model '{self.name}' takes one column of {what}, and the inputs are {listed(batch)}; name it with "
                "column=NAME."
            )
        return batch[found[0]]

    def _texts(self, batch: Batch) -> list[str]:
        return [
            "" if one is None else str(one) for one in self._values(batch, "text", lambda one: isinstance(one, str))
        ]

    def _cut(self) -> dict[str, Any]:
        tokenizer = self._pipeline.tokenizer
        longest = self._max_length or tokenizer.model_max_length
        most = getattr(self._pipeline.model.config, "max_position_embeddings", None) or 512
        return {"truncation": True, "max_length": int(min(longest, most)), "padding": True}

    def _classify(self, batch: Batch, rows: int) -> Sequence[Answer]:
        extra = {} if self._activation is None else {"function_to_apply": self._activation}
        found = self._pipeline(self._texts(batch), top_k=None, batch_size=rows, **self._cut(), **extra)
        return self._of_labels(found, rows)

    def _classify_images(self, batch: Batch, rows: int) -> Sequence[Answer]:
        from PIL import Image

        images = [
            Image.fromarray(one) if hasattr(one, "shape") else one
            for one in self._values(batch, "images", lambda one: hasattr(one, "shape") or hasattr(one, "convert"))
        ]
        images = [one.convert("RGB") for one in images]
        classes = int(self._pipeline.model.config.num_labels)
        return self._of_labels(self._pipeline(images, top_k=classes, batch_size=rows), rows)

    def _of_labels(self, found: Any, rows: int) -> Sequence[Answer]:
        order = [str(one) for _, one in sorted(self._pipeline.model.config.id2label.items())]
        records = []
        for one in found:
            scores = {entry["label"]: entry["score"] for entry in one}
            records.append({"prediction": one[0]["label"], "scores": {name: scores[name] for name in order}})
        return as_answers(records, rows, model=self.name)

    def _label(self, batch: Batch, rows: int) -> Sequence[Answer]:
        texts = self._texts(batch)
        found = self._pipeline(texts, batch_size=rows, aggregation_strategy="simple") if texts else []
        answers: list[Answer] = []
        for text, spans in zip(texts, found, strict=True):
            entities = [
                {
                    "start": int(one["start"]),
                    "end": int(one["end"]),
                    "label": str(one["entity_group"]),
                    "text": text[int(one["start"]) : int(one["end"])],
                    "score": float(one["score"]),
                }
                for one in spans
            ]
            answers.append(Answer(prediction=entities))
        return as_answers(answers, rows, model=self.name)

    def _generate(self, batch: Batch, rows: int) -> Sequence[Answer]:
        case, tokenizer, model = self._case, self._pipeline.tokenizer, self._pipeline.model
        given = tokenizer(
            self._prompts(batch, rows), return_tensors="pt", padding=True, add_special_tokens=not self._chats
        )
        given = {name: given[name].to(model.device) for name in ("input_ids", "attention_mask")}
        made = model.generate(
            **given, max_new_tokens=self._most_tokens(), do_sample=False, pad_token_id=tokenizer.pad_token_id
        )
        answers: list[Answer] = []
        for mask, ids in zip(given["attention_mask"], made[:, given["input_ids"].shape[1] :].tolist(), strict=True):
            ends = [at for at, one in enumerate(ids) if one == tokenizer.eos_token_id]
            ids = ids[: ends[0] + 1] if ends else ids
            text = tokenizer.decode(ids, skip_special_tokens=True)
            answers.append(
                Answer(
                    text=text,
                    prediction=None if case is None else extracted(text, case),
                    input_tokens=int(mask.sum()),
                    output_tokens=len(ids),
                )
            )
        return answers

    def _prompts(self, batch: Batch, rows: int) -> list[str]:
        case, tokenizer = self._case, self._pipeline.tokenizer
        if case is not None and case.prompt is not None:
            asked = [{name: values[at] for name, values in batch.items()} for at in range(rows)]
            prompts = [rendered(case.prompt, one) for one in asked]
        else:
            prompts = self._texts(batch)
        if not self._chats:
            return prompts
        system = [] if case is None or case.system is None else [{"role": "system", "content": case.system}]
        return [
            str(
                tokenizer.apply_chat_template(
                    [*system, {"role": "user", "content": one}], tokenize=False, add_generation_prompt=True
                )
            )
            for one in prompts
        ]

    @property
    def _chats(self) -> bool:
        return bool(getattr(self._pipeline.tokenizer, "chat_template", None)) and self._chat

    def _most_tokens(self) -> int:
        told = {} if self._case is None else self._case.parameters
        if told.get("temperature") not in (None, 0, 0.0):
            raise UsageError(
                f"Model '{self.name}' writes the likeliest text and takes no temperature; leave it out of parameters."
            )
        return int(told.get("max_tokens") or self._max_new_tokens or 64)


def _library() -> Any:
    try:
        import transformers
    except ImportError:
        raise UsageError("Hugging Face models need transformers: pip install 'seatrial[hf]'.") from None
    try:
        import torch  # noqa: F401
    except ImportError:
        raise UsageError("Hugging Face models need PyTorch too: pip install torch.") from None
    return transformers


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".")[:200] if text else type(error).__name__
