"""Stores to try: a fresh folder, and the emptied database of a PostgreSQL that only this test run has."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.storage.store import Store, open_store


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The connection string of a server of this test run."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: no store in PostgreSQL")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: no store in PostgreSQL")
    from ..contracts.engines.postgres_server import programs, server

    place = programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine (Debian: apt-get install postgresql): no store in it")
    with server(place) as where:
        yield where


@pytest.fixture
def postgres_url(postgres_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The URL of a database that is empty when a test begins."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "copies"))
    host = dict(part.split("=") for part in postgres_server.split())["host"]
    return f"postgresql://postgres@/postgres?host={host}"


@pytest.fixture(params=["folder", "postgres", "postgres with a folder"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be: each test that asks for it runs on all."""
    if request.param == "folder":
        return str(tmp_path / "store")
    url = request.getfixturevalue("postgres_url")
    return url if request.param == "postgres" else f"{url}&tables={tmp_path / 'shared tables'}"


@pytest.fixture(params=["folder", "postgres"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The two databases, without the third place for tables."""
    return str(tmp_path / "store") if request.param == "folder" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(location: str) -> Iterator[Store]:
    with open_store(location) as opened:
        yield opened


@pytest.fixture
def folder_store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def make() -> Iterator[Callable[[str], Store]]:
    """make(location): a store that is closed in the end."""
    opened: list[Store] = []

    def go(location: str) -> Store:
        opened.append(open_store(location))
        return opened[-1]

    yield go
    for one in opened:
        one.close()
