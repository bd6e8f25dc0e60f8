"""One experiment, and the engines it is run on: DuckDB, a PostgreSQL of this test run, a Spark with two workers."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .agreement import Ran
from .experiment import Tables, make_tables, write_parquet

SPARK = {
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # not ours, so that nothing depends on it
    "spark.sql.session.timeZone": "America/New_York",
    # a few thousand rows: compiling a query costs more than running it
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


@pytest.fixture(scope="session")
def tables() -> Tables:
    return make_tables()


@pytest.fixture(scope="session")
def parquet_files(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_parquet(tables, tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="session")
def on_duckdb(parquet_files: dict[str, Path]) -> Ran:
    return Ran(*(parquet_files[name] for name in ("exposures", "events", "pre")))


@pytest.fixture(scope="session")
def postgres(tables: Tables) -> Iterator[str]:
    """The connection string of a server that holds the experiment's tables."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: no test on PostgreSQL")
    from .postgres_server import load, programs, server

    place = programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine (Debian: apt-get install postgresql): no test on it")
    with server(place) as where:
        load(where, tables)
        yield where


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session in `local-cluster` mode: two workers in processes of their own."""
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("no Java on this machine: no test on Spark")
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed (make test does it): no test on Spark")
    folder = tmp_path_factory.mktemp("spark")
    quiet = folder / "log4j2.properties"
    quiet.write_text("rootLogger.level = off\n")
    builder = sql.SparkSession.builder.master("local-cluster[2,1,1024]").appName("seatrial")
    options = SPARK | {"spark.sql.warehouse.dir": str(folder / "warehouse"), "spark.local.dir": str(folder)}
    options["spark.driver.extraJavaOptions"] += f" -Dlog4j2.configurationFile={quiet}"
    for name, value in options.items():
        builder = builder.config(name, value)
    here = Path.cwd()
    os.chdir(folder)  # where the workers keep their files
    try:
        session = builder.getOrCreate()
    finally:
        os.chdir(here)
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
