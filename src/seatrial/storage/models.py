"""The tables of a store, the same in SQLite and in PostgreSQL; `migrations/` makes them."""

import sqlalchemy as sa

PREFIX = "seatrial_"
"""A team's database may hold other tables too."""

metadata = sa.MetaData()

runs = sa.Table(
    f"{PREFIX}runs",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False, unique=True),
    sa.Column("added", sa.String(32), nullable=False),
    sa.Column("suite", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Index(f"ix_{PREFIX}runs_of", "suite", "model"),
)
"""The record's canonical JSON: its SHA-256 is the digest. `position` counts up, so that `latest` needs no clock."""

run_tables = sa.Table(
    f"{PREFIX}run_tables",
    metadata,
    sa.Column("digest", sa.String(64), sa.ForeignKey(runs.c.digest), primary_key=True),
    sa.Column("sha256", sa.String(64), primary_key=True),
)

tags = sa.Table(
    f"{PREFIX}tags",
    metadata,
    sa.Column("tag", sa.String(100), primary_key=True),
    sa.Column("digest", sa.String(64), sa.ForeignKey(runs.c.digest), nullable=False),
    sa.Column("added", sa.String(32), nullable=False),
)

tables = sa.Table(
    f"{PREFIX}tables",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("added", sa.String(32), nullable=False),
    sa.Column("content", sa.LargeBinary),
)
"""`content` is NULL where the Parquet file lies in a folder."""

work = sa.Table(
    f"{PREFIX}work",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("used", sa.String(32), nullable=False),
    sa.Column("finished", sa.String(32)),
    sqlite_autoincrement=True,
)
"""Row logs. An id is never given twice."""

rows = sa.Table(
    f"{PREFIX}rows",
    metadata,
    sa.Column("work", sa.Integer, sa.ForeignKey(work.c.id), primary_key=True, autoincrement=False),
    sa.Column("row_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("repeat_number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("answer", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

answers = sa.Table(
    f"{PREFIX}answers",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("added", sa.String(32), nullable=False),
    sqlite_with_rowid=False,
)

reads = sa.Table(
    f"{PREFIX}reads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("suite", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("run", sa.Text),
    sa.Column("added", sa.String(32), nullable=False),
    sa.Index(f"ix_{PREFIX}reads_fingerprint", "fingerprint"),
)

ledger = sa.Table(
    f"{PREFIX}ledger",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("entry", sa.Text, nullable=False),
)
"""`entry`, canonical JSON, is the truth; `digest`, its SHA-256, tells which of two broken links broke."""

ledger_head = sa.Table(
    f"{PREFIX}ledger_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
"""One row, apart from the ledger: without it nobody would miss entries cut off at the end."""
