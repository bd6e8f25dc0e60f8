"""The tree of files: true links, commands that exist, a lock that agrees with itself, no machine or registry named."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written in two halves, so that this file does not name them either.
REGISTRIES = ["pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "deb.deb" + "ian"]
MACHINES = ["/work" + "/", "/root" + "/", "/home" + "/", "/opt/" + "pypi"]


def files_of_the_project() -> list[Path]:
    """Files in git, and new ones that it does not ignore; of a tree without git, all that is not made by a command."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return sorted(ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file())
    made = re.compile(r"\.git$|\.venv$|site$|dist$|.*cache.*|\.hypothesis$")
    paths = (path for path in ROOT.rglob("*") if path.is_file())
    return sorted(path for path in paths if not any(map(made.match, path.relative_to(ROOT).parts)))


FILES = files_of_the_project()
MARKDOWN = [path for path in FILES if path.suffix == ".md"]


def test_no_file_names_a_package_registry_or_somebodys_machine() -> None:
    found = []
    for path in FILES:
        data = path.read_bytes()
        found += [f"{path.relative_to(ROOT)}: {word}" for word in REGISTRIES + MACHINES if word.encode() in data]
    assert found == []


def test_every_requirement_of_the_lock_is_exact_and_hashed() -> None:
    for name in ("runtime", "build", "dev"):
        entries = re.sub(r"\\\n\s*", "", (ROOT / "requirements" / f"{name}.txt").read_text()).splitlines()
        for entry in (line for line in entries if line and not line.startswith("#")):
            assert re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry[:80]


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE))


def test_the_lock_covers_what_the_project_asks_for_and_agrees_with_itself() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime, build, dev = locked("runtime"), locked("build"), locked("dev")

    def asked(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=!~ ;]", one)[0].lower() for one in requirements}

    assert asked(project["project"]["dependencies"]) <= set(runtime)
    assert asked(project["dependency-groups"]["build"]) <= set(build)
    assert asked(project["dependency-groups"]["dev"]) <= set(dev)
    for name, version in {**runtime, **build}.items():
        assert dev.get(name, version) == version, f"{name} differs between the files of the lock"
    assert runtime.items() <= dev.items()


def test_the_runtime_stays_small() -> None:
    assert len(locked("runtime")) < 38


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_tree_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    missing = [target for target in targets if "://" not in target and not (path.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/index.md"])
def test_every_make_command_that_is_named_exists(name: str) -> None:
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / name).read_text(), re.MULTILINE))
    assert named, f"{name} names no command"
    assert named <= rules


def test_continuous_integration_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111, "must be executable"
    assert re.search(r"^make .*\bcheck\b.*\btest\b", script.read_text(), re.MULTILINE)
    subprocess.run(["bash", "-n", str(script)], check=True)
