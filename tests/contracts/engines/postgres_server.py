"""A private PostgreSQL of this test run: Debian's package, a cluster in a folder of its own, a socket and no port."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from .experiment import SCHEMAS, Tables, rows_of

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "32MB",
    "max_connections": "10",
    # not ours, so that nothing depends on them
    "timezone": "America/New_York",
    "datestyle": "SQL, DMY",
}


def programs() -> Path | None:
    """The folder of the newest PostgreSQL on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    places = [path.parent for path in reversed(found)] + ([Path(on_path).parent] if on_path else [])
    return next((place for place in places if (place / "postgres").exists()), None)


def somebody() -> str | None:
    """Whom to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


@contextmanager
def server(place: Path) -> Iterator[str]:
    """Start a server and give its connection string; it is stopped and its folder removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="st-pg-"))
    user = somebody()
    if user is not None:
        shutil.chown(folder, user)
    try:
        _initialise(place, folder / "data", user)
        settings = SETTINGS | {"unix_socket_directories": str(folder)}
        command: list[str | Path] = [
            place / "postgres",
            "-D",
            folder / "data",
            *(f"--{name}={value}" for name, value in settings.items()),
        ]
        with (folder / "log").open("w") as log:
            started = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
            try:
                where = f"host={folder} user=postgres dbname=postgres"
                _await(where, started, folder / "log")
                yield where
            finally:
                started.terminate()
                try:
                    started.wait(20)
                except subprocess.TimeoutExpired:
                    started.kill()
                    started.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(place: Path, data: Path, user: str | None) -> None:
    plain: list[str | Path] = [
        place / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-sync",
    ]
    # words in the order of a dictionary, where the package has ICU: results may not depend on that either
    for locale in (["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"], ["--locale=C"]):
        done = subprocess.run([*plain, *locale], user=user, cwd=data.parent, capture_output=True, text=True)
        if done.returncode == 0:
            return
        shutil.rmtree(data, ignore_errors=True)
    raise RuntimeError(f"initdb: {done.stderr}")


def _await(where: str, started: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(150):
        if started.poll() is not None:
            break
        try:
            psycopg.connect(where).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")


def load(where: str, tables: Tables) -> None:
    """Make the experiment's tables, in a schema with a name that needs quotes."""
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "Shop"')
        for name, columns in SCHEMAS.items():
            declared = ", ".join(
                f"{column} {kind.replace('DOUBLE', 'DOUBLE PRECISION')}" for column, kind in columns.items()
            )
            connection.execute(f'CREATE TABLE "Shop".{name} ({declared})')
            with connection.cursor().copy(f'COPY "Shop".{name} FROM STDIN') as copy:
                for row in rows_of(tables[name]):
                    copy.write_row(row)
