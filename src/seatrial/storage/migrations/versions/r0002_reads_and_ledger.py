"""How often a data set was read, and the ledger of decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the reads and the ledger."""
    op.create_table(
        "seatrial_reads",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("suite", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("run", sa.Text),
        sa.Column("added", sa.String(32), nullable=False),
    )
    op.create_index("ix_seatrial_reads_fingerprint", "seatrial_reads", ["fingerprint"])
    op.create_table(
        "seatrial_ledger",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
    )
    op.create_table(
        "seatrial_ledger_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Take them away again."""
    for name in ("ledger_head", "ledger", "reads"):
        op.drop_table(f"seatrial_{name}")
