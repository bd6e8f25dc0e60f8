"""Runs, tags, tables of rows, row logs, the cache of answers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "seatrial_runs",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False, unique=True),
        sa.Column("added", sa.String(32), nullable=False),
        sa.Column("suite", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_seatrial_runs_of", "seatrial_runs", ["suite", "model"])
    op.create_table(
        "seatrial_run_tables",
        sa.Column("digest", sa.String(64), sa.ForeignKey("seatrial_runs.digest"), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
    )
    op.create_table(
        "seatrial_tags",
        sa.Column("tag", sa.String(100), primary_key=True),
        sa.Column("digest", sa.String(64), sa.ForeignKey("seatrial_runs.digest"), nullable=False),
        sa.Column("added", sa.String(32), nullable=False),
    )
    op.create_table(
        "seatrial_tables",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("added", sa.String(32), nullable=False),
        sa.Column("content", sa.LargeBinary),
    )
    op.create_table(
        "seatrial_work",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("used", sa.String(32), nullable=False),
        sa.Column("finished", sa.String(32)),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "seatrial_rows",
        sa.Column("work", sa.Integer, sa.ForeignKey("seatrial_work.id"), primary_key=True, autoincrement=False),
        sa.Column("row_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("repeat_number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("answer", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seatrial_answers",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("added", sa.String(32), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take them away again."""
    for name in ("answers", "rows", "work", "tables", "tags", "run_tables", "runs"):
        op.drop_table(f"seatrial_{name}")
