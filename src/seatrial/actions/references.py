"""What a user may call a run: a run, a tag, a model of the suite, a model to run, a predictions file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.data.predictions import Predictions
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.records.run import Run

if TYPE_CHECKING:
    from seatrial.records.suite import Suite
    from seatrial.storage.store import Store


def stored_run(reference: str, store: "Store") -> Run | None:
    """The run of a reference (digest, tag, model, `latest`), or None when the store knows none."""
    try:
        return store.run(reference).run
    except UsageError:
        return None


def are_runs(references: Sequence[str], store: "Store | str | Path | None" = None) -> bool:
    """Whether texts name stored runs: none of them is a file, there is a store, and it knows the first."""
    from seatrial.storage.location import store_there

    if any(Path(text).exists() or Path(text.rpartition("#")[0] or text).exists() for text in references):
        return False
    if isinstance(store, (str, Path)) or store is None:
        if not store_there(store):
            return False
        from seatrial.storage.store import open_store

        store = open_store(store)
    return stored_run(references[0], store) is not None


def is_model(reference: str, suite: "Suite") -> bool:
    """Whether a text is a model to run: of the suite, `ADAPTER:LOCATION`, or a file."""
    from seatrial.models.adapters import parse_model

    if reference in suite.models:
        return True
    if Path(reference).exists():
        return True
    try:
        parse_model(reference)
    except UsageError:
        return False
    return ":" in reference or "=" in reference


def runs_of(references: Sequence[str], *, suite: "Suite", store: "Store", run_model: Callable[[str], Run]) -> list[Run]:
    """A run for every reference: the tagged or stored one, else the model is run on the suite now."""
    found: list[Run] = []
    for reference in references:
        held = None if Path(reference).exists() or reference in suite.models else stored_run(reference, store)
        if held is not None and held.suite == suite.name:
            found.append(held)
        elif is_model(reference, suite):
            found.append(run_model(reference))
        else:
            store.run(reference)  # says what the store knows instead
            raise UsageError(
                f"'{reference}' is a run of the suite '{held.suite if held else '?'}', not of '{suite.name}'; name a "
                "model to run it now: NAME=ADAPTER:LOCATION."
            )
    return found


def predictions_of(
    reference: str, store: "Store | str | Path | None" = None, *, case: str | None = None
) -> Predictions:
    """The stored rows of a run on one case (its only one, or the one named) as predictions."""
    from seatrial.actions.suites.case import case_predictions
    from seatrial.storage.store import Store, open_store

    held = store if isinstance(store, Store) else open_store(store)
    found = held.run(reference).run
    names = [one.case for one in found.cases]
    if case is None and len(names) > 1:
        raise UsageError(f"The run of '{found.model.name}' has {len(names)} cases: name one, --case {names[0]}.")
    if case is not None and case not in names:
        raise UsageError(f"The run has no case '{case}'.{did_you_mean(case, names)} Cases: {listed(names)}.")
    chosen = found.cases[0 if case is None else names.index(case)]
    return case_predictions(chosen, held, model=found.model.name)
