"""What is installed is whole: built from this tree, the wheel has every file that is not code as well."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "seatrial"

HEAVY = (
    "duckdb", "sqlalchemy", "alembic", "aiohttp", "scipy.stats", "pandas", "polars", "pyarrow", "sklearn", "vl_convert",
    "ibis",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
                   cwd=ROOT, check=True, capture_output=True)  # fmt: skip
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_package(wheel: set[str]) -> None:
    wanted = {
        path.relative_to(ROOT / "src").as_posix()
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert wanted - wheel == set()
    assert {"seatrial/py.typed", "seatrial/demo/policy.yaml", "seatrial/demo/SOURCE.md"} <= wheel


def test_the_wheel_carries_its_licence_and_its_command(wheel: set[str]) -> None:
    names = {Path(name).name for name in wheel if ".dist-info/" in name}
    assert {"LICENSE", "NOTICE", "entry_points.txt"} <= names


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"seatrial"}


def test_importing_the_package_loads_no_library_that_is_heavy_or_optional() -> None:
    code = f"import sys, seatrial; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_folder_of_code_is_a_package() -> None:
    """A folder without `__init__.py` is skipped by import-linter and goes by another name in doctests."""
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_module_is_a_drawer_for_the_rest() -> None:
    drawers = {"utils", "util", "helpers", "common", "manager", "core", "misc"}
    assert [path.name for path in SOURCE.rglob("*") if path.stem in drawers] == []


def test_source_imports_only_what_the_package_requires() -> None:
    """Nothing that only the development environment has is imported at the top of a module."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    distributions = {name.split(">")[0].strip() for name in project["dependencies"]}
    modules = {"pyyaml": "yaml", "vl-convert-python": "vl_convert"}
    allowed = {modules.get(name, name) for name in distributions} | set(sys.stdlib_module_names) | {"seatrial"}
    stray = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            match node:
                case ast.Import(names=names):
                    tops = [alias.name.split(".")[0] for alias in names]
                case ast.ImportFrom(module=str(module), level=0):
                    tops = [module.split(".")[0]]
                case _:
                    continue
            stray += [f"{path.relative_to(ROOT)}: {top}" for top in tops if top not in allowed]
    assert stray == []
