"""Text to tree. Python's own parser reads the text, a whitelist turns it into nodes, and nothing is ever run."""

import ast
import keyword
import re
import warnings
from dataclasses import dataclass
from typing import Literal, NoReturn

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.expressions import build
from seatrial.expressions.text import number_text
from seatrial.expressions.tree import (
    ARITY,
    MAX_DEPTH,
    SHARES,
    Arithmetic,
    Call,
    Column,
    Comparator,
    Compare,
    Function,
    If,
    Logic,
    Mean,
    MetricRef,
    Name,
    Node,
    Not,
    Number,
    Operator,
    Power,
    Quantile,
    Share,
    Text,
    Total,
    constant,
)

MAX_LENGTH = 2_000

Level = Literal["means", "rows"]

_OPERATORS: dict[type[ast.operator], Operator] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARATORS: dict[type[ast.cmpop], Comparator] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_PERCENTILE = re.compile(r"^p([1-9]?[0-9])$")
_AGGREGATES = ("mean", "sum", "count", "quantile", "p50", "p90", "p95", "p99")
_BY_NAME = ("col", "metric", "share")
_ALLOWED_WORDS = {"and", "or", "not", "if", "else"}
_ADVICE: dict[type[ast.AST], str] = {
    ast.BitXor: "`^` is not an operator here; a power is written `**`",
    ast.Mod: "`%` is not an operator here; write 5 % as 0.05",
    ast.FloorDiv: "`//` is not an operator here; write `/`",
    ast.MatMult: "`@` is not an operator here",
    ast.Invert: "`~` is not an operator in text; write `not`",
    ast.In: "`in` is not an operator here; write x == 'a' or x == 'b'",
    ast.NotIn: "`not in` is not an operator here; write x != 'a' and x != 'b'",
    ast.Is: "`is` is not an operator here; write `==`",
    ast.IsNot: "`is not` is not an operator here; write `!=`",
}


def parse(text: str) -> Node:
    """Read a formula over means, such as `2*tp / (2*tp + fp + fn)`; bare names stay `Name` until `resolve`.

    Raises `UsageError` in one sentence with the position when the text is not a formula.

    >>> parse("120*tp - 15*fp - 0.002*latency_ms")
    <120 * tp - 15 * fp - 0.002 * latency_ms>
    """
    return _parse(text, "means")


def parse_row(text: str) -> Node:
    """Read a row expression, such as `(target - prediction)**2`: what stands inside `mean(...)`.

    >>> parse_row("length > 20 and country == 'DE'")
    <length > 20 and country == 'DE'>
    """
    return _parse(text, "rows")


def _parse(text: str, level: Level) -> Node:
    if not isinstance(text, str):
        raise UsageError(f"A formula is text, not {type(text).__name__}.")
    if len(text) > MAX_LENGTH:
        raise UsageError(f"A formula has at most {MAX_LENGTH:,} characters; this one has {len(text):,}.")
    if not text.strip():
        raise UsageError("The formula is empty; write one such as tp / (tp + fp) or mean(revenue).")
    source = re.sub(r"[\t\r\n\f\v]", " ", text)
    lead = len(source) - len(source.lstrip(" "))
    reader = _Reader(source=source.strip(" "), shown=text, lead=lead)
    return reader.whole(level)


@dataclass(frozen=True)
class _Reader:
    source: str
    shown: str
    lead: int

    def whole(self, level: Level) -> Node:
        if "\0" in self.source:
            self.fail("a formula cannot hold the character NUL", self.source.index("\0"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(self.source, mode="eval")
        except SyntaxError as error:
            self.syntax(error)
        except (ValueError, RecursionError, MemoryError):
            self.fail("this cannot be read as a formula", 0)
        return self.read(tree.body, level, 1)

    def fail(self, reason: str, place: ast.AST | int) -> NoReturn:
        if isinstance(place, ast.AST):
            row = self.source.encode()[: getattr(place, "col_offset", 0)]
            place = len(row.decode(errors="ignore"))
        at = place + self.lead
        start, end = max(0, at - 40), at + 40
        cut = "".join(letter if letter.isprintable() else " " for letter in self.shown[start:end])
        around = f"{'...' if start else ''}{cut}{'...' if end < len(self.shown) else ''}"
        raise UsageError(f"Formula `{around}`, character {at + 1}: {reason}")

    def syntax(self, error: SyntaxError) -> NoReturn:
        place = max(0, min((error.offset or 1) - 1, len(self.source)))
        outside = re.sub(r"'[^']*'|\"[^\"]*\"", lambda found: " " * len(found.group()), self.source)
        for word in re.finditer(r"\w+", outside):
            if keyword.iskeyword(word.group()) and word.group() not in _ALLOWED_WORDS:
                name = word.group()
                self.fail(f"`{name}` is a reserved word; a column of that name is written col('{name}').", word.start())
        if re.search(r"%\s*($|[-+*/),])", outside):
            self.fail("`%` is not an operator here; write 5 % as 0.05.", outside.index("%"))
        single = re.search(r"(?<![=!<>])=(?!=)", outside)
        if single and "where" not in outside[: single.start()].rsplit(",", 1)[-1]:
            self.fail("`=` assigns nothing here; a comparison is written `==`.", single.start())
        if re.search(r"[-+*/(,=<>&|]\s*$", outside):
            self.fail("something is missing at the end.", len(self.source))
        self.fail(f"not a formula ({(error.msg or 'invalid syntax').split('.')[0].split(' (<')[0]}).", place)

    def read(self, node: ast.expr, level: Level, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self.fail(
                f"nested more than {MAX_DEPTH} deep (a sum of many terms nests too); name parts of it as metrics.", node
            )
        try:
            return self.form(node, level, depth + 1)
        except UsageError as error:
            if str(error).startswith("Formula `"):
                raise
            self.fail(str(error), node)

    def form(self, node: ast.expr, level: Level, depth: int) -> Node:
        match node:
            case ast.Constant():
                return self.constant(node)
            case ast.Name(id=name):
                return Column(name) if level == "rows" else _over_means(name)
            case ast.UnaryOp():
                return self.unary(node, level, depth)
            case ast.BinOp():
                return self.binary(node, level, depth)
            case ast.Compare() | ast.BoolOp() | ast.IfExp():
                return self.condition(node, level, depth)
            case ast.Attribute():
                return self.attribute(node, level)
            case ast.Subscript():
                return self.labelled(node, level)
            case ast.Call():
                return self.call(node, level, depth)
        self.fail(f"`{self.piece(node)}` is not part of the formula language, in which nothing is run as code.", node)

    def piece(self, node: ast.AST) -> str:
        found = ast.get_source_segment(self.source, node) or type(node).__name__
        return found if len(found) <= 60 else found[:57] + "..."

    def constant(self, node: ast.Constant) -> Node:
        value = node.value
        if isinstance(value, str):
            return Text(value)
        if isinstance(value, bool) or value is None:
            self.fail(f"`{value}` is not a number; compare with the text '{value}' or with 1 or 0.", node)
        if isinstance(value, int | float):
            try:
                return Number(float(value))
            except OverflowError:
                self.fail("this number is too large.", node)
        self.fail(f"`{self.piece(node)}` is neither a number nor text.", node)

    def unary(self, node: ast.UnaryOp, level: Level, depth: int) -> Node:
        if isinstance(node.op, ast.Not):
            self.rows_only(level, node)
            return Not(self.read(node.operand, level, depth))
        if type(node.op) in _ADVICE:
            self.fail(_ADVICE[type(node.op)] + ".", node)
        inner = self.read(node.operand, level, depth)
        if isinstance(node.op, ast.UAdd):
            return inner
        return -inner

    def binary(self, node: ast.BinOp, level: Level, depth: int) -> Node:
        if type(node.op) in _ADVICE:
            self.fail(_ADVICE[type(node.op)] + ".", node)
        if isinstance(node.op, ast.BitAnd | ast.BitOr):
            self.rows_only(level, node)
            word: Literal["and", "or"] = "and" if isinstance(node.op, ast.BitAnd) else "or"
            return Logic(word, self.read(node.left, level, depth), self.read(node.right, level, depth))
        if isinstance(node.op, ast.Pow):
            exponent = constant(self.read(node.right, level, depth))
            if exponent is None:
                self.fail(
                    "the power must be a number; for a number to the power of something use exp(...).", node.right
                )
            return Power(self.read(node.left, level, depth), exponent)
        if type(node.op) not in _OPERATORS:
            self.fail(f"`{self.piece(node)}` uses an operator that formulas do not have; there are + - * / **.", node)
        return Arithmetic(
            _OPERATORS[type(node.op)], self.read(node.left, level, depth), self.read(node.right, level, depth)
        )

    def condition(self, node: ast.Compare | ast.BoolOp | ast.IfExp, level: Level, depth: int) -> Node:
        self.rows_only(level, node)
        if isinstance(node, ast.IfExp):
            test, then, otherwise = (self.read(part, level, depth) for part in (node.test, node.body, node.orelse))
            return If(test, then, otherwise)
        if isinstance(node, ast.BoolOp):
            parts = [self.read(part, level, depth) for part in node.values]
            return _joined("and" if isinstance(node.op, ast.And) else "or", parts)
        for operator in node.ops:
            if type(operator) in _ADVICE:
                self.fail(_ADVICE[type(operator)] + ".", node)
        sides = [self.read(part, level, depth) for part in (node.left, *node.comparators)]
        links: list[Node] = [
            Compare(_COMPARATORS[type(operator)], left, right)
            for operator, left, right in zip(node.ops, sides, sides[1:], strict=False)
        ]
        return _joined("and", links)

    def rows_only(self, level: Level, node: ast.AST) -> None:
        if level == "means":
            self.fail(
                f"a comparison or condition belongs inside mean(...) or count(...): mean({self.piece(node)}).", node
            )

    def attribute(self, node: ast.Attribute, level: Level) -> Node:
        column = self.column(node.value)
        if column is None:
            self.fail(f"`.{node.attr}` is not known here; only a column has .mean, .p50, .p90, .p95, .p99.", node)
        if level == "rows":
            self.fail(
                f"`{self.piece(node)}` is over all rows and cannot stand inside mean(...); "
                f"a column of that name is written col('{self.piece(node)}').", node
            )  # fmt: skip
        if node.attr == "mean":
            return Mean(column)
        if _PERCENTILE.match(node.attr):
            return self.percentile(column, node.attr)
        hint = (
            did_you_mean(node.attr, ("mean", "p50", "p90", "p95", "p99")) or " There are .mean, .p50, .p90, .p95, .p99."
        )
        self.fail(f"`.{node.attr}` is not known here.{hint}", node)

    def percentile(self, row: Node, name: str) -> Node:
        return Quantile(row, int(name[1:]) / 100)

    def column(self, node: ast.expr) -> Column | None:
        """The column a name or `col('...')` stands for, else None."""
        match node:
            case ast.Name(id=name):
                return Column(name)
            case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))], keywords=[]):
                return build.col(name)
        return None

    def labelled(self, node: ast.Subscript, level: Level) -> Node:
        if level == "rows":
            self.fail("square brackets name a class of a metric, outside mean(...): recall['cat'].", node)
        label = self.label(node.slice)
        match node.value:
            case ast.Name(id=name):
                return _over_means(name, label)
            case ast.Call(func=ast.Name(id="metric"), args=[ast.Constant(value=str(name))], keywords=[]):
                return MetricRef(name, label)
        self.fail("square brackets name a class of a metric: recall['cat'].", node)

    def label(self, node: ast.expr) -> str:
        inner = self.read(node, "rows", 1) if isinstance(node, ast.Constant | ast.UnaryOp) else None
        if isinstance(inner, Text):
            return inner.value
        if isinstance(inner, Number):
            return number_text(inner.value)
        self.fail("square brackets hold the name of a class in quotes: recall['cat'].", node)

    def call(self, node: ast.Call, level: Level, depth: int) -> Node:
        if not isinstance(node.func, ast.Name):
            self.fail(
                f"`{self.piece(node.func)}` cannot be called: a formula has only its own functions, "
                "and nothing in it is run as code.", node
            )  # fmt: skip
        name = node.func.id
        for keyword_argument in node.keywords:
            if keyword_argument.arg != "where" or name not in ("mean", "sum"):
                given = keyword_argument.arg or "**"
                self.fail(f"`{given}` is not an argument of {name}(...); only mean and sum take where=.", node)
        if name in _BY_NAME:
            return self.by_name(node, name, level)
        if name in ARITY:
            return self.function(node, name, level, depth)
        if name in _AGGREGATES or _PERCENTILE.match(name):
            if level == "rows":
                self.fail(f"{name}(...) is over all rows and cannot stand inside another mean, sum or count.", node)
            return self.aggregate(node, name, depth)
        known = (*_AGGREGATES, *ARITY, *_BY_NAME)
        hint = did_you_mean(name, known) or f" There are {listed(known, limit=20)}."
        self.fail(f"there is no function `{name}`.{hint}", node)

    def by_name(self, node: ast.Call, function: str, level: Level) -> Node:
        match node.args:
            case [ast.Constant(value=str(name))] if name:
                if function == "col":
                    return Column(name)
                if level == "rows":
                    self.fail(f"{function}(...) is over all rows and cannot stand inside mean(...).", node)
                if function == "metric":
                    return MetricRef(name)
                return build.share(name)  # type: ignore[arg-type]
        self.fail(f"{function}(...) takes one name in quotes: {function}('a name').", node)

    def function(self, node: ast.Call, name: Function, level: Level, depth: int) -> Node:
        if name == "winsorize" and level == "means":
            self.fail(
                "winsorize(x, cap) cuts off row values and belongs inside mean(...): mean(winsorize(x, cap)).", node
            )
        if len(node.args) != ARITY[name]:
            raise UsageError(f"{name}(...) takes {_values(ARITY[name])}, and {len(node.args)} were given.")
        return Call(name, tuple(self.read(argument, level, depth) for argument in node.args))

    def aggregate(self, node: ast.Call, name: str, depth: int) -> Node:
        wanted = 2 if name == "quantile" else 1
        if len(node.args) != wanted and not (name == "count" and not node.args):
            raise UsageError(f"{name}(...) takes {_values(wanted)}, and {len(node.args)} were given.")
        rows = [self.read(argument, "rows", depth) for argument in node.args]
        where = self.read(node.keywords[0].value, "rows", depth) if node.keywords else None
        if name == "mean":
            return build.mean(rows[0], where=where)
        if name == "count":
            return build.count(*rows)
        if name == "sum":
            return Total(rows[0] if where is None else If(where, rows[0], Number(0.0)))
        if name == "quantile":
            probability = constant(rows[1])
            if probability is None:
                raise UsageError(
                    "quantile(x, probability) takes a number between 0 and 1, as in quantile(latency_ms, 0.95)."
                )
            return Quantile(rows[0], probability)
        return self.percentile(rows[0], name)


def _over_means(name: str, label: str | None = None) -> Node:
    """A bare name outside `mean(...)`."""
    return Share(name, label, bare=True) if name in SHARES else Name(name, label)


def _joined(word: Literal["and", "or"], parts: list[Node]) -> Node:
    whole = parts[0]
    for part in parts[1:]:
        whole = Logic(word, whole, part)
    return whole


def _values(number: int) -> str:
    return "one value" if number == 1 else f"{number} values"
