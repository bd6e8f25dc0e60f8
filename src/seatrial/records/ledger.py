"""`LedgerEntry`: who decided what, when, on which evidence; each entry holds the hash of the one before."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record

GENESIS = "0" * 64
"""`previous` of the first entry."""


class LedgerEntry(Record):
    """One decision; its own `digest()` is `previous` of the next entry."""

    number: int = Field(ge=1)
    kind: Literal["verdict", "override", "sign-off", "tag", "note"]
    when: str
    """ISO 8601, UTC."""
    who: str
    what: str
    """The sentence that was decided."""
    reason: str | None = None
    """Why; an override must give one."""
    status: Literal["pass", "fail", "inconclusive", "invalid"] | None = None
    digests: dict[str, str] = Field(default_factory=dict)
    """What it rests on, by name; of a verdict `{"run NAME": ..., "suite": ..., "policy": ..., "evidence": ...}`."""
    previous: str
