"""Versions of what computed a result, for its provenance."""

from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("numpy", "scipy", "duckdb", "sqlglot")


def library_versions() -> dict[str, str]:
    """The version of every library that a number may depend on."""
    return {name: installed(name) for name in LIBRARIES}


def installed(name: str) -> str:
    """The installed version of a distribution, or `unknown`."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
