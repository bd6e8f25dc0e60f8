"""Bad input at the command line: one clear sentence on standard error, the right exit code, nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

USAGE, DATA = 64, 3
ROWS = [(i, "01"[i % 2], "01"[(i + (i % 9 == 0)) % 2]) for i in range(200)]
GOOD = "id,y,prediction\n" + "".join(f"{i},{y},{p}\n" for i, y, p in ROWS)
OUTPUTS = ("--json", "--report", "--markdown", "--junit")
HOSTILE = (
    "<script>alert(1)</script>",
    '"; DROP TABLE t; --',
    "'); DELETE FROM x; --",
    "\x1b[31mred\x1b]0;owned\x07",
    "‮gnp.exe",
    "{{7*7}}${7*7}",
    "=cmd|' /C calc'!A0",
    "naïve ﷽ 😀",
    "%s%n{0}",
    "a\tb",
)


def _refused(ran: Any, code: int, *words: str) -> None:
    """One line on standard error, nothing on standard output, no trace of Python."""
    assert ran.code == code, ran.err
    assert ran.out == ""
    lines = ran.err.splitlines()
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("seatrial: ")
    assert len(lines[0]) > 20
    assert "Traceback" not in ran.err
    assert "this is our bug" not in ran.err
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.csv"
    path.write_text(GOOD, encoding="utf-8")
    return path


FILES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", DATA, "empty"),
    "blank lines": (b"\n\n", DATA, "blank"),
    "header only": (b"id,y,prediction\n", DATA, "no rows"),
    "ragged": (GOOD.encode().replace(b"\n50,", b"\n50,9,9,", 1), DATA, "line 52"),
    "short line": (GOOD.encode().replace(b"\n60,0,0\n", b"\n60,0\n", 1), DATA, "line 62"),
    "binary rubbish": (np.random.default_rng(0).bytes(4096), DATA, "not"),
    "zero bytes": (b"\x00" * 5000, DATA, "not"),
    "latin-1": (GOOD.replace(",0,0\n", ",né,né\n").encode("latin-1"), DATA, "UTF-8"),
    "utf-16": (GOOD.encode("utf-16"), DATA, "UTF-16"),
    "one huge cell": (GOOD.encode() + b'999,1,"' + b"x" * 20_000_000 + b'"\n', DATA, "line 202"),
    "open quote": (GOOD.encode() + b'999,1,"1\n', DATA, "quote"),
    "a column name twice": (GOOD.encode().replace(b"id,y,prediction", b"id,y,y", 1), DATA, "twice"),
    "other columns": (b"foo,bar\n" + b"".join(b"%dx,%d.5\n" % (i, i) for i in range(99)), USAGE, "--prediction"),
    "other examples": (GOOD.replace("\n", "\nx").removesuffix("x").encode(), DATA, "--id"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["compare", "gate"])
def test_a_bad_candidate(name: str, command: str, good: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    content, code, word = FILES[name]
    bad = tmp_path / "bad.csv"
    bad.write_bytes(content)
    ran = cli(command, good, bad, "--json", tmp_path / "out.json", "--report", tmp_path / "out.html")
    _refused(ran, code, word, "bad.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.csv", "good.csv"]


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("broken.parquet", b"PAR1 no", "Parquet"),
        ("broken.csv.gz", b"not gzip", "gzip"),
        ("broken.csv.zst", b"not zstd", "zst"),
        ("broken.json", b'{"a": [1', "JSON"),
        ("broken.jsonl", b'{"id":1,"y":1,"prediction":1}\nno\n', "JSON"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(99), "png"),
    ],
)
def test_a_broken_file_of_each_kind(
    name: str, content: bytes, word: str, good: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    (tmp_path / name).write_bytes(content)
    ran = cli("compare", good, tmp_path / name)
    assert ran.code in (DATA, USAGE)
    _refused(ran, ran.code, word)


def test_no_file_a_folder_and_a_near_name(good: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    _refused(cli("compare", good, tmp_path / "goood.csv"), USAGE, "Did you mean", "good.csv'")
    _refused(cli("compare", good, tmp_path), USAGE, "folder")
    _refused(cli("compare", good), USAGE, "evaluate")
    _refused(cli("evaluate", f"{good}#nosuch"), USAGE, "nosuch")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(good: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    closed = tmp_path / "closed.csv"
    closed.write_text(GOOD)
    closed.chmod(0)
    ran = cli("compare", good, closed)
    _refused(ran, ran.code, "closed.csv")
    assert ran.code in (DATA, USAGE)


def test_missing_ids_are_counted_and_left_out(good: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    holes = tmp_path / "holes.csv"
    holes.write_text(GOOD.replace("\n50,", "\nNaN,").replace("\n51,", "\n,"))
    ran = cli("compare", good, holes, "--json", "-")
    assert ran.code == 0
    found = [f for f in ran.json["health"] if f["name"] == "missing ids"]
    assert [f["count"] for f in found] == [2]
    assert ran.json["estimates"][0]["n"] == 198


def test_duplicate_ids_are_invalid(good: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    twice = tmp_path / "twice.csv"
    twice.write_text(GOOD + "5,1,1\n6,0,0\n")
    ran = cli("gate", good, twice, "--json", tmp_path / "out.json")
    assert ran.code == DATA
    assert ran.out.startswith("INVALID")
    assert "id" in ran.out
    assert '"status": "invalid"' in (tmp_path / "out.json").read_text()


def test_one_class_has_reasons_not_numbers(tmp_path: Path, cli: Callable[..., Any]) -> None:
    for name, wrong in (("a.csv", 5), ("b.csv", 9)):
        lines = [f"{i},1,{0 if i < wrong else 1},{0.3 if i < wrong else 0.9}" for i in range(200)]
        (tmp_path / name).write_text("id,y,prediction,score\n" + "\n".join(lines) + "\n")
    ran = cli("compare", tmp_path / "a.csv", tmp_path / "b.csv", "--positive", "1", "--json", "-")
    if ran.code:
        _refused(ran, ran.code, "class")
        return
    auc = [e for e in ran.json["estimates"] if e["metric"] == "roc_auc"]
    assert all(e["value"] is None and e["reason"] for e in auc)
    assert all(e["value"] is None and e["reason"] for e in ran.json["estimates"] if e["metric"] == "specificity")


def test_ten_thousand_columns(tmp_path: Path, cli: Callable[..., Any]) -> None:
    wide = tmp_path / "wide.csv"
    head = ",".join(["id", "y", "prediction", *(f"c{i}" for i in range(10_000))])
    body = "".join(f"{i},{y},{p}" + ",7" * 10_000 + "\n" for i, y, p in ROWS[:60])
    wide.write_text(f"{head}\n{body}")
    began = time.monotonic()
    ran = cli("compare", wide, wide, "--json", "-")
    assert ran.code == 0, ran.err
    assert ran.json["verdict"]["status"] == "pass"
    assert time.monotonic() - began < 60


def test_mixed_spellings_of_the_target_are_said(good: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    mixed = tmp_path / "mixed.csv"
    mixed.write_text(GOOD.replace("\n7,1", "\n7,yes").replace("\n8,0", "\n8,no"))
    ran = cli("gate", good, mixed)
    assert ran.code == DATA
    assert "INVALID" in ran.out


def test_scores_outside_0_to_1_are_invalid_with_a_page(tmp_path: Path, cli: Callable[..., Any]) -> None:
    text = "id,y,score\n" + "".join(f"{i},{y},{(i % 13) / 8:.3f}\n" for i, y, _ in ROWS)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(text)
    ran = cli("gate", tmp_path / "a.csv", tmp_path / "b.csv", "--report", tmp_path / "out.html")
    assert ran.code == DATA
    assert "outside 0 to 1" in ran.out
    assert "outside 0 to 1" in (tmp_path / "out.html").read_text(encoding="utf-8")


def _hostile_file(path: Path, flip: int) -> None:
    import csv

    labels = HOSTILE[:3]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "y", "prediction", "<b>col</b>", 'say "x"; --', *HOSTILE[3:]])
        for i in range(300):
            y = labels[i % 3]
            answer = labels[(i + (i % flip == 0)) % 3]
            said = HOSTILE[i % len(HOSTILE)]
            writer.writerow([f"{i}{said}", y, answer, said, "line1\nline2", *([said] * len(HOSTILE[3:]))])


def test_hostile_text_in_labels_columns_and_cells(tmp_path: Path, cli: Callable[..., Any]) -> None:
    _hostile_file(tmp_path / "a.csv", 7)
    _hostile_file(tmp_path / "b.csv", 5)
    outputs = [part for name in OUTPUTS for part in (name, tmp_path / f"out{name}")]
    by = ["--by", "<b>col</b>"]
    ran = cli("compare", tmp_path / "a.csv", tmp_path / "b.csv", *by, *outputs)
    assert ran.code == 0, ran.err
    page = (tmp_path / "out--report").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "<b>col" not in page
    for text in (ran.out, page, (tmp_path / "out--markdown").read_text(encoding="utf-8")):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "‮" not in text
    from xml.etree import ElementTree

    ElementTree.fromstring((tmp_path / "out--junit").read_text(encoding="utf-8"))


def test_hostile_text_in_an_error(tmp_path: Path, good: Path, cli: Callable[..., Any]) -> None:
    ran = cli("compare", good, good, "--target", "\x1b[31m\x1b]0;t\x07")
    _refused(ran, USAGE)
    assert "\x1b" not in ran.err
    assert "\x07" not in ran.err
    _refused(cli("compare", good, good, "--target", "a\nb\nc"), USAGE)


FORMULAS = [
    "__import__('os').system('touch owned')",
    "().__class__.__bases__",
    "open('owned','w')",
    "mean(lambda: 1)",
    "[x for x in (1,2)]",
    "exec('1')",
    "accuracy; import os",
    "f'{accuracy}'",
    "accuracy if accuracy else 0",
    "x := 1",
    "mean(target == prediction",
    "9**9**9**9",
    "(" * 900 + "accuracy" + ")" * 900,
    "accuracy" + "+accuracy" * 3000,
    "1/0",
    "",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_never_run_as_code(
    formula: str, good: Path, cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _refused(cli("compare", good, good, "--metric", f"profit={formula}"), USAGE)
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"metrics:\n  profit: {formula!r}\nsuccess: [profit]\n")
    ran = cli("gate", good, good, "--policy", policy)
    _refused(ran, USAGE)
    assert not (tmp_path / "owned").exists()


POLICIES: dict[str, tuple[str, str]] = {
    "unknown metric": ("success: [acuracy]\n", "Did you mean 'accuracy'"),
    "unknown key": ("sucess: [accuracy]\n", "Did you mean 'success'"),
    "unknown rule key": ("success: [{metric: accuracy, margn: 1}]\n", "Did you mean 'margin'"),
    "a key twice": ("success: [accuracy]\nsuccess: [f1]\n", "twice"),
    "empty": ("", "empty"),
    "a list": ("- accuracy\n", "mapping"),
    "broken": ("success: [accuracy\n", "YAML"),
    "deep": ("[" * 4000, "nested"),
    "negative margin": ("guardrails: [{metric: accuracy, margin: -1}]\n", "negative"),
    "no number": ("guardrails: [{metric: accuracy, margin: .nan}]\n", "number"),
    "a column that is not there": ("guardrails: [{metric: accuracy, slice: sex=F}]\n", "sex"),
    "a bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "success: *i\n",
        "",
    ),
    "a tag that would run": ('success: !!python/object/apply:os.system ["touch owned"]\n', ""),
    "rules with no baseline question": ("guardrails: [{metric: accuracy, below: 1, margin: 1}]\n", "margin"),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_bad_policy(
    name: str, good: Path, tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, word = POLICIES[name]
    (tmp_path / "policy.yaml").write_text(text)
    began = time.monotonic()
    _refused(cli("gate", good, good, "--policy", tmp_path / "policy.yaml"), USAGE, word)
    assert time.monotonic() - began < 20
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--metric", "acuracy"], "Did you mean 'accuracy'"),
        (["--metric", "os:system"], "function"),
        (["--metric", "nosuch.module:f"], "nosuch"),
        (["--by", "sexx"], "sexx"),
        (["--cluster", "nosuch"], "nosuch"),
        (["--weight", "nosuch"], "nosuch"),
        (["--target", "nosuch"], "nosuch"),
        (["--id", "nosuch"], "nosuch"),
        (["--positive", "7"], "7"),
        (["--task", "ranking"], "task"),
        (["--weights", "some"], "sampling"),
        (["--level", "95"], "0.95"),
        (["--cross", "3"], "1 or 2"),
        (["--threshold", "nan"], "finite"),
        (["--threshold", "high"], "number"),
        (["--seed", "-1"], "seed"),
        (["--nosuch"], "--nosuch"),
        (["--targt", "y"], "--target"),
        (["--policy", "nosuch.yaml"], "nosuch.yaml"),
        (["--models", "a,b"], "--models"),
    ],
)
def test_a_bad_option(options: list[str], word: str, good: Path, cli: Callable[..., Any]) -> None:
    _refused(cli("compare", good, good, *options), USAGE, word)


def test_a_bad_command(cli: Callable[..., Any]) -> None:
    _refused(cli("compar"), USAGE, "Did you mean 'compare'")
    _refused(cli("metrics", "acuracy"), USAGE, "Did you mean 'accuracy'")
    assert cli("compare").code == USAGE


@pytest.mark.parametrize("option", OUTPUTS)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    option: str, good: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    _refused(cli("compare", good, good, option, tmp_path / "no" / "out"), USAGE, "no folder")
    _refused(cli("compare", good, good, option, tmp_path), USAGE, "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["good.csv"]


def test_two_formats_into_one_file(good: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    place = tmp_path / "out"
    _refused(cli("compare", good, good, "--json", place, "--report", place), USAGE, "two formats")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(good: Path, cli: Callable[..., Any]) -> None:
    ran = cli("gate", good, good, "--json", "/dev/full")
    _refused(ran, USAGE, "/dev/full")


def test_a_device_and_a_link_are_written_through(good: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "target.json")
    assert cli("gate", good, good, "--json", link).code == 0
    assert link.is_symlink()
    assert (tmp_path / "target.json").exists()
    if Path(os.devnull).exists():
        assert cli("gate", good, good, "--json", os.devnull).code == 0
        assert not Path(os.devnull).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    y, p = draw.integers(0, 2, 400_000), draw.integers(0, 2, 400_000)
    lines = "".join(f"{i},{a},{b},{(i * 7919 % 1000) / 1000}\n" for i, (a, b) in enumerate(zip(y, p, strict=True)))
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id,y,prediction,score\n" + lines)
    command = [
        sys.executable,
        "-m",
        "seatrial",
        "compare",
        "a.csv",
        "b.csv",
        "--report",
        "out.html",
        "--json",
        "o.json",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for wait in (0.1, 1.2, 2.5):
        began = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        time.sleep(wait)
        began.send_signal(signal.SIGINT)
        out, err = began.communicate(timeout=60)
        if began.returncode == 0:
            continue  # done before the signal came
        assert began.returncode in (130, -signal.SIGINT), err
        left = sorted(path.name for path in tmp_path.iterdir())
        assert left == ["a.csv", "b.csv"], left
        if began.returncode == 130:
            assert "Traceback" not in err
            assert out == ""
