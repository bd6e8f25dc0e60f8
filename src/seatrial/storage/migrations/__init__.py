"""The schema, step by step: one file a revision, never changed once it was released."""

from pathlib import Path

FOLDER = Path(__file__).parent
VERSION_TABLE = "seatrial_version"
REVISIONS = ("0001", "0002")
"""Every revision this package knows, the newest last."""
