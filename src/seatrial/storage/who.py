"""Who is at the keyboard, for the ledger."""

import getpass
import os

from seatrial.errors import UsageError


def current_user() -> str:
    """Return `SEATRIAL_USER`, else the name the system knows; raises `UsageError` when neither says."""
    named = os.environ.get("SEATRIAL_USER", "").strip()
    if named:
        return named
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise UsageError("The system does not know who you are; set SEATRIAL_USER, or give --who.") from None
