"""Storage: runs, rows, read counts and the ledger, in one folder or in PostgreSQL."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.storage.store import Store


def open_store(location: str | Path | None = None) -> "Store":
    """Open a store: `seatrial.storage.store.open_store`, loaded when it is asked for."""
    from seatrial.storage.store import open_store as opened

    return opened(location)
