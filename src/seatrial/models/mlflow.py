"""MLflow model URIs and folders, through `mlflow.pyfunc`."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from seatrial.errors import UsageError
from seatrial.models.answers import OUTPUTS, as_answers
from seatrial.models.artefact import fingerprint_of, library_version, size_of
from seatrial.models.base import Answer, Batch, LocalModel, ModelError
from seatrial.models.opening import Opening, file_name
from seatrial.models.pandas_frame import as_frame
from seatrial.records.run import ModelInfo

OPTIONS = ("output", "classes", "tracking")
_SCHEMES = ("models:", "runs:", "mlflow-artifacts:")


class MlflowModel(LocalModel):
    """`mlflow:models:/name/1`, `mlflow:runs:/...` or `mlflow:folder`: the model's python_function, on data frames.

    `tracking` is the address of the registry (by default MLFLOW_TRACKING_URI). Loading runs the model's own code, so
    `--trust-pickle` is needed.
    """

    adapter: ClassVar[str] = "mlflow"

    def __init__(self, opening: Opening) -> None:
        opening.refuse_unknown(OPTIONS)
        self.name = opening.name
        remote = opening.location.startswith(_SCHEMES)
        self._folder: Path | None = None if remote else opening.path()
        self._uri = opening.location if remote else str(self._folder)
        if self._folder is not None and not (self._folder / "MLmodel").is_file():
            raise ModelError(f"Model '{self.name}': '{self._folder.name}' is no MLflow model: it has no file MLmodel.")
        if not opening.trust_pickle:
            raise UsageError(
                f"Model '{self.name}': loading an MLflow model runs code that comes with it (mostly a pickle); say "
                "--trust-pickle if you know who made it."
            )
        self._tracking = opening.text("tracking")
        self._output = opening.one_of("output", OUTPUTS)
        self._classes = opening.names("classes", from_file=True)
        self._options = {k: v for k, v in opening.options.items() if k != "tracking"}
        if self._classes is not None:
            self._options["classes"] = self._classes
        self._model: Any = None
        self._info: ModelInfo | None = None

    def open(self) -> None:
        if self._model is not None:
            return
        pyfunc = _pyfunc()
        try:
            if self._folder is None:
                self._folder = Path(_download(self._uri, self._tracking))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._model = pyfunc.load_model(str(self._folder))
        except ModuleNotFoundError as error:
            raise ModelError(
                f"Model '{self.name}' needs the package '{error.name}', which is not installed (mlflow-skinny brings "
                "no model libraries)."
            ) from None
        except UsageError:
            raise
        except Exception as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0].replace(str(self._folder), ".")
            raise ModelError(f"Model '{self.name}': MLflow cannot load '{file_name(self._uri)}': {line}") from None

    def close(self) -> None:
        self._model = None

    def predict(self, batch: Batch) -> Sequence[Answer]:
        self.open()
        rows = len(next(iter(batch.values()))) if batch else 0
        found = self._model.predict(as_frame(batch))
        return as_answers(found, rows, model=self.name, classes=self._classes, output=self._output)

    def info(self) -> ModelInfo:
        if self._info is None:
            self.open()
            folder = self._folder or Path(self._uri)
            metadata = getattr(self._model, "metadata", None)
            details = {"flavours": ", ".join(sorted(getattr(metadata, "flavors", {})))}
            self._info = ModelInfo(
                name=self.name,
                adapter=self.adapter,
                location=self._uri if self._uri.startswith(_SCHEMES) else folder.name,
                fingerprint=fingerprint_of([folder], self._options),
                version=self._uri.rsplit("/", 1)[-1] if self._uri.startswith("models:") else None,
                code_version=library_version("mlflow-skinny"),
                size_bytes=size_of([folder]),
                details=details,
            )
        return self._info


def _pyfunc() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow import pyfunc
    except ImportError as error:
        lacking = getattr(error, "name", None)
        if lacking and not lacking.startswith("mlflow"):
            raise UsageError(
                f"MLflow models need the package '{lacking}' beside mlflow-skinny: pip install {lacking}."
            ) from None
        raise UsageError("MLflow models need MLflow: pip install 'seatrial[mlflow]'.") from None
    return pyfunc


def _download(uri: str, tracking: str | None) -> str:
    import mlflow

    if tracking is not None:
        mlflow.set_tracking_uri(tracking)
    return str(mlflow.artifacts.download_artifacts(artifact_uri=uri))
