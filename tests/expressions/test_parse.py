"""Text to tree: what the language says, what it refuses, and that nothing runs."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seatrial.expressions as ex
from seatrial.errors import UsageError
from seatrial.expressions import col, fn, fp, mean, parse, parse_row, prediction, target, to_text, total, tp

GRAMMAR = Path(ex.__file__).with_name("grammar.md").read_text(encoding="utf-8")
EXAMPLES = [line for block in re.findall(r"```formula\n(.*?)```", GRAMMAR, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("formula", EXAMPLES)
def test_every_formula_of_the_grammar_page_is_read_and_written_back(formula: str) -> None:
    tree = parse(formula)
    assert parse(to_text(tree)).same(tree)


def test_the_grammar_page_has_examples() -> None:
    assert len(EXAMPLES) >= 15


@pytest.mark.parametrize(
    ("text", "built"),
    [
        ("mean(target == prediction)", mean(target == prediction)),
        ("2*tp/(2*tp+fp+fn)", 2 * tp / (2 * tp + fp + fn)),
        ("sqrt(mean((target - prediction)**2))", ex.sqrt(mean((target - prediction) ** 2))),
        ("col('latency ms').p95", col("latency ms").p95()),
        ("p95(latency)", col("latency").p95()),
        ("latency.mean", col("latency").mean()),
        ("quantile(latency, 0.999)", ex.quantile(col("latency"), 0.999)),
        ("mean(revenue, where=country == 'DE')", mean(col("revenue"), where=col("country") == "DE")),
        ("sum(clicks)", total(col("clicks"))),
        ("count(x > 1 and not y < 2)", ex.count((col("x") > 1) & ~(col("y") < 2))),
        ("count(x > 1) / count()", ex.count(col("x") > 1) / ex.count()),
        ("count((x > 1) | (y < 2))", ex.count((col("x") > 1) | (col("y") < 2))),
        ("mean(1 < x <= 3)", mean((ex.Number(1.0) < col("x")) & (col("x") <= 3))),
        ("mean(winsorize(x, 1e3))", mean(ex.winsorize(col("x"), 1000))),
        ("min(tp, 1) + max(fp, abs(fn))", ex.minimum(tp, 1) + ex.maximum(fp, abs(fn))),
        ("metric('accuracy') - share('tp')", ex.metric("accuracy") - ex.share("tp")),
        ("f1['cat'] * tp['cat']", ex.Name("f1", "cat") * ex.share("tp", "cat")),
        ("recall[3]", ex.Name("recall", "3")),
        ("tp ** -1", tp**-1),
        ("tp ** (1/2)", tp**0.5),
        ("mean(x if y > 0 else 0)", mean(ex.If(col("y") > 0, col("x"), ex.Number(0.0)))),
        ("  tp\n + fp ", tp + fp),
        ("1.5e-3*tp", 0.0015 * tp),
    ],
)
def test_text_and_python_build_the_same_tree(text: str, built: ex.Node) -> None:
    assert parse(text).same(built)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("-tp ** 2", -(tp**2)),
        ("(-tp) ** 2", (-tp) ** 2),
        ("tp - fp - fn", (tp - fp) - fn),
        ("tp - (fp - fn)", tp - (fp - fn)),
        ("tp / fp * fn", (tp / fp) * fn),
        ("tp + fp * fn", tp + (fp * fn)),
        ("2 * -3 * tp", 2 * ex.Number(-3.0) * tp),
        ("tp ** 2 ** 3", tp**8),
    ],
)
def test_precedence_is_that_of_arithmetic(text: str, meaning: ex.Node) -> None:
    assert parse(text).same(meaning)
    assert not parse(text).same(meaning + 1)


def test_different_trees_are_not_the_same() -> None:
    assert not parse("tp - (fp - fn)").same(parse("tp - fp - fn"))
    assert not parse("mean(x)").same(parse("mean(col('X'))"))
    assert not parse("mean(x == 1)").same(parse("mean(x == '1')"))


HOSTILE = [
    "__import__('os').system('touch seatrial_was_here')",
    "().__class__.__bases__[0].__subclasses__()",
    "[x for x in (1, 2)]",
    "(lambda: tp)()",
    "open('seatrial_was_here', 'w')",
    "eval('tp')",
    "f'{tp}'",
    "(tp := 3)",
    "tp.__class__",
    "mean(x.__class__)",
    "globals()['x']",
    "{'a': tp}",
    "tp if fp else fn",
    "await tp",
    "print(tp)",
    "mean(*x)",
    "mean(**x)",
    "tp; fp",
    "import os",
    "tp\x00",
    "`tp`",
    "b'x'",
    "1j * tp",
    "...",
    "mean(x)('y')",
    "col('x').__init__",
    "recall[tp]",
    "recall[1:2]",
    "mean(x)[0]",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_code_is_refused_and_never_run(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"^Formula `.*character \d+: "):
        parse(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("tp ^ 2", 1, "written `**`"),
        ("0.1 + 5 % 2", 7, "0.05"),
        ("5% * tp", 2, "0.05"),
        ("tp // 2", 1, "write `/`"),
        ("tp + mena(x)", 6, "Did you mean 'mean'"),
        ("roc(x)", 1, "There are mean, sum"),
        ("latency.p955", 1, "Did you mean 'p95'"),
        ("latency.system", 1, ".p95"),
        ("tp = fp", 4, "`==`"),
        ("class + 1", 1, "col('class')"),
        ("tp > fp", 1, "inside mean(...)"),
        ("not tp", 1, "inside mean(...)"),
        ("mean(mean(x))", 6, "inside another mean"),
        ("mean(x.p95)", 6, "col('x.p95')"),
        ("mean(x in ('a', 'b'))", 6, "x == 'a' or x == 'b'"),
        ("mean(~x)", 6, "write `not`"),
        ("mean(x > 1 & y > 2)", 10, "parentheses"),
        ("mean(x and y > 2)", 6, "condition"),
        ("mean('x')", 1, "col('x')"),
        ("tp + 'x'", 1, "column"),
        ("mean(abs(x) == 'a')", 6, "compared with a column"),
        ("mean(x, y)", 1, "one value"),
        ("mean()", 1, "one value"),
        ("max(tp)", 1, "2 values"),
        ("mean(x, wher=y > 1)", 1, "where="),
        ("p95(x, where=y > 1)", 1, "where="),
        ("count(x)", 1, "count(score > 0.5)"),
        ("winsorize(tp, 2)", 1, "inside mean"),
        ("mean(winsorize(x, y))", 6, "must be a number"),
        ("2 ** tp", 6, "exp"),
        ("tp ** fp", 7, "power must be a number"),
        ("quantile(x, 2)", 1, "between 0 and 1"),
        ("quantile(x, y)", 1, "between 0 and 1"),
        ("share('xp')", 1, "tp, fp, fn or tn"),
        ("col(3)", 1, "col('a name')"),
        ("1e999 * tp", 1, "finite"),
        ("True", 1, "not a number"),
        ("tp +", 5, "missing at the end"),
        ("tp fp", 4, "not a formula"),
        ("é + 'x'", 1, "compared with a column"),
        ("é ** fp", 6, "power must be"),
        ("   tp ^ 2", 4, "written `**`"),
        ("9" * 400 + "*tp", 1, "too large"),
    ],
)
def test_a_refusal_says_where_and_what_to_do(text: str, position: int, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    message = str(refused.value)
    assert f"character {position}: " in message
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_formula_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        parse(text)


def test_a_formula_that_is_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="is text, not float"):
        parse(3.0)  # type: ignore[arg-type]


def test_length_and_depth_are_limited() -> None:
    with pytest.raises(UsageError, match="2,000 characters"):
        parse("tp" + " " * 2000)
    assert to_text(parse("+".join(["tp"] * 45))).count("tp") == 45
    for deep in (
        "+".join(["tp"] * 60),
        "-" * 1900 + "x",
        "(" * 150 + "tp" + "+1)" * 150,
        "abs(" * 100 + "tp" + ")" * 100,
    ):
        with pytest.raises(UsageError, match=r"nested|cannot be read|too many"):
            parse(deep)
    with pytest.raises(UsageError):
        parse("(" * 1000 + "tp" + ")" * 999)


def _read_or_refused(text: str) -> None:
    refusal = ""
    try:
        tree = parse(text)
    except UsageError as error:
        refusal = str(error)
    else:
        assert parse(to_text(tree)).same(tree)
    assert "\n" not in refusal


@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    _read_or_refused(text)


WORDS = [
    "tp",
    "fp",
    "mean(",
    "sum(",
    "count(",
    "x",
    "'a'",
    "col('é')",
    "==",
    "<",
    "and",
    "not",
    "+",
    "-",
    "*",
    "/",
    "**",
]
WORDS += [
    "(",
    ")",
    ")",
    "2",
    "1e-3",
    ".p95",
    "[",
    "]",
    ",",
    "where=",
    "if",
    "else",
    "abs(",
    "max(",
    "&",
    "\n",
    "metric('m')",
]


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_words_of_the_language_are_read_or_refused_in_one_line(text: str) -> None:
    _read_or_refused(text)


def test_python_refuses_what_text_refuses() -> None:
    x = col("x")
    for build in (
        lambda: bool(x == 1),
        lambda: x + "a",
        lambda: x ** col("y"),
        lambda: 2**x,
        lambda: mean(3.0),  # type: ignore[arg-type]
        lambda: mean(""),
        lambda: mean(tp),
        lambda: mean(mean(x)),
        lambda: ex.count(x),
        lambda: x & (x > 1),
        lambda: ~x,
        lambda: x + float("nan"),
        lambda: x + {1},
        lambda: x.quantile(1.5),
        lambda: ex.share("xx"),
        lambda: col(""),
        lambda: (x + 1) == "a",
    ):
        with pytest.raises(UsageError):
            build()


def test_a_text_is_the_column_of_that_name() -> None:
    assert mean("revenue").same(mean(col("revenue")))
    assert ex.p95("latency ms").same(col("latency ms").p95())
    assert mean(ex.winsorize("revenue", 500)).same(ex.parse("mean(winsorize(revenue, 500))"))


def test_numpy_numbers_leave_the_operator_to_the_tree() -> None:
    import numpy as np

    assert (np.float64(3) * tp).same(3 * tp)
    assert (tp / np.int64(2)).same(tp / 2)


def test_row_expressions_are_read_alone() -> None:
    assert parse_row("target == 'a'").same(target == "a")
    with pytest.raises(UsageError, match="over all rows"):
        parse_row("x.mean")
    with pytest.raises(UsageError, match="another mean"):
        parse_row("mean(x)")


def test_refusals_hold_no_control_characters() -> None:
    with pytest.raises(UsageError) as refused:
        parse("tp + \x1b[31m'")
    assert str(refused.value).isprintable()


def test_trees_can_be_members_of_sets_by_identity() -> None:
    assert len({tp, fp, tp}) == 2
