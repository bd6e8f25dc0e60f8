"""Looking after a store: where it is, whether it is whole, what can go."""

from dataclasses import dataclass
from pathlib import Path

from seatrial.actions.page import PageResult
from seatrial.records.store import Garbage, StoreCheck
from seatrial.reports.document import Document


@dataclass(frozen=True)
class StoreCheckResult(PageResult):
    """What `verify_store` hands back."""

    record: StoreCheck

    @property
    def intact(self) -> bool:
        return self.record.intact

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.store_page import store_check_document

        return store_check_document(self.record)


@dataclass(frozen=True)
class GarbageResult(PageResult):
    """What `collect_garbage` hands back."""

    record: Garbage

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.store_page import garbage_document

        return garbage_document(self.record)


def verify_store(store: str | Path | None = None) -> StoreCheckResult:
    """Recompute every digest of a store (runs, tables, tags, ledger) and name what was altered; changes nothing.

    Raises `UsageError` for a place without a store.
    """
    from seatrial.storage.location import existing
    from seatrial.storage.store import open_store

    with open_store(existing(store)) as opened:
        return StoreCheckResult(opened.verify())


def collect_garbage(
    store: str | Path | None = None, *, dry_run: bool = False, unfinished_days: float = 30.0
) -> GarbageResult:
    """Drop tables no run refers to, row logs of finished runs and files of killed processes.

    Row logs of runs that never finished hold answers that were paid for; they go when nobody touched them for
    `unfinished_days`. `dry_run` only says what would go. Raises `UsageError` for a place without a store.
    """
    from seatrial.storage.location import existing
    from seatrial.storage.store import open_store

    with open_store(existing(store)) as opened:
        return GarbageResult(opened.gc(dry_run=dry_run, unfinished_days=unfinished_days))


def store_path(store: str | Path | None = None) -> str:
    """Return where the store is (or would be made), without a password; makes nothing."""
    from seatrial.storage.location import whereabouts

    return whereabouts(store)
