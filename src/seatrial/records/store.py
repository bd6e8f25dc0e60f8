"""What looking after a store finds: `LedgerCheck`, `StoreCheck`, `Garbage`, and the ledger as it is shown."""

from seatrial.records.base import Record
from seatrial.records.evidence import Finding
from seatrial.records.ledger import LedgerEntry


class LedgerCheck(Record):
    """Whether the chain of the ledger is unbroken."""

    intact: bool
    entries: int
    head: str
    """Digest of the last entry: noted elsewhere, it proves later that nothing before it was changed."""
    first_altered: int | None = None
    """Number of the first entry that is not what was entered."""
    problem: str | None = None
    sentence: str


class LedgerPage(Record):
    """The ledger as shown: its entries and whether they are whole."""

    store: str
    """Without folders or a password."""
    entries: tuple[LedgerEntry, ...]
    check: LedgerCheck
    seatrial: str


class StoreCheck(Record):
    """Every digest of a store recomputed."""

    store: str
    intact: bool
    sentence: str
    findings: tuple[Finding, ...]
    runs: int
    tables: int
    entries: int
    """Of the ledger."""
    seatrial: str


class Garbage(Record):
    """What garbage collection dropped, or would."""

    store: str
    dry_run: bool
    sentence: str
    tables: tuple[str, ...] = ()
    """SHA-256 of tables no run refers to."""
    row_logs: tuple[str, ...] = ()
    """Keys of logs whose run is stored, or that nobody has touched for long."""
    temporary: int = 0
    """Files a killed process left half-written."""
    bytes: int = 0
    """Of the tables and the temporary files."""
    seatrial: str
