"""Statements in an engine's own dialect: SQLGlot writes them, after what it cannot know has been said in the tree.

What differs between engines is not spelling but arithmetic, and each difference has one function here:

- `DECIMAL(38, 0)` of a double. DuckDB converts it exactly; PostgreSQL keeps 15 digits and Spark the shortest ones, so
  for them it is put together from two whole numbers of 64 bits, which is exact.
- `0.5` is a double in our SQL. PostgreSQL and Spark read it as a decimal, whose sums are others than those of doubles.
- FLOOR and ROUND of a double are doubles. In Spark FLOOR is a BIGINT and ROUND goes through decimal text.
- EXP of less than -708 is 0. PostgreSQL raises an error.
- A text is what it says. Spark replaces `${name}` in a statement by a setting, in texts too.
"""

from collections.abc import Callable
from typing import Literal

import sqlglot
import sqlglot.expressions as exp

Dialect = Literal["postgres", "spark"]

_LIMB = 2.0**63


def compiled(sql: str | exp.Expr, dialect: str) -> str:
    """A statement as an engine runs it; text is DuckDB's spelling of the common SQL.

    >>> compiled("SELECT CAST(x AS DOUBLE) * 0.5 AS y FROM t WHERE a IS DISTINCT FROM b", "postgres")
    "SELECT CAST(x AS DOUBLE PRECISION) * CAST('0.5' AS DOUBLE PRECISION) AS y FROM t WHERE a IS DISTINCT FROM b"
    """
    tree = sqlglot.parse_one(sql, read="duckdb") if isinstance(sql, str) else sql.copy()
    if dialect == "duckdb":
        return tree.sql(dialect="duckdb")
    for kind, rewrite in _REWRITES[dialect].items():
        for node in reversed(list(tree.find_all(kind))):  # the innermost first
            made = rewrite(node)
            if made is not node:
                node.replace(made)
    return tree.sql(dialect=dialect)


def double(value: float) -> exp.Expr:
    """A double as SQL, to the last bit."""
    return exp.cast(exp.Literal.string(repr(value)), "double")


def finite(value: exp.Expr) -> exp.Expr:
    """SQL condition: a double is neither infinite nor NaN (which all engines here sort above everything)."""
    return exp.LTE(this=exp.Abs(this=value.copy()), expression=double(1.7976931348623157e308))


def as_text(column: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """SQL of a column as text, whole reals without a fraction, compared by bytes as DuckDB does."""
    if kind == "BOOLEAN":
        no = exp.Not(this=column.copy())
        made: exp.Expr = (
            exp.Case().when(column.copy(), exp.Literal.string("true")).when(no, exp.Literal.string("false"))
        )
    elif kind in {"DOUBLE", "FLOAT"} or kind.startswith("DECIMAL"):
        real = exp.cast(column.copy(), "double")
        whole = exp.and_(
            exp.LT(this=exp.Abs(this=real), expression=double(9e15)),
            exp.EQ(this=real.copy(), expression=exp.Floor(this=real.copy())),
        )
        made = (
            exp.Case()
            .when(whole, exp.cast(exp.cast(real.copy(), "bigint"), "varchar"))
            .when(finite(real), exp.cast(column.copy(), "varchar"))
        )
    else:
        made = exp.cast(column.copy(), "varchar")
    if dialect == "postgres":
        return exp.Collate(this=exp.paren(made), expression=exp.to_identifier("C", quoted=True))
    return made


def microseconds(column: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """SQL of microseconds since 1970 of a DATE or a TIMESTAMP on its own clock, or of an instant in UTC."""
    if dialect == "postgres":
        since = exp.Extract(this=exp.var("EPOCH"), expression=column.copy())
        scaled = exp.Mul(this=since, expression=exp.Literal.number(1_000_000))
        there = exp.Anonymous(this="ISFINITE", expressions=[column.copy()])
        return exp.Case().when(there, exp.cast(scaled, "bigint"))
    if kind == "TIMESTAMP WITH TIME ZONE":
        return exp.Anonymous(this="UNIX_MICROS", expressions=[column.copy()])
    if kind == "DATE":
        days = exp.cast(exp.Anonymous(this="UNIX_DATE", expressions=[column.copy()]), "bigint")
        return exp.paren(exp.Mul(this=days, expression=exp.Literal.number(86_400_000_000)))
    start = exp.cast(exp.Literal.string("1970-01-01 00:00:00"), exp.DataType.Type.TIMESTAMPNTZ)
    return exp.TimestampDiff(this=column.copy(), expression=start, unit=exp.var("MICROSECOND"))


def _double_literal(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Literal) or node.is_string or node.this.isdigit():
        return node
    above = node.parent
    if isinstance(above, exp.Cast) and above.this is node:
        return exp.Literal.string(node.this)  # CAST(0.5 AS DOUBLE): of the text, so that no decimal is in between
    return double(float(node.this))


def _spark_literal(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Literal) or not node.is_string or "${" not in node.this:
        return _double_literal(node)
    start, *rest = str(node.this).split("${")
    made: exp.Expr = exp.Literal.string(f"{start}$")
    for at, part in enumerate(rest):
        last = "" if at == len(rest) - 1 else "$"
        made = exp.DPipe(this=made, expression=exp.Literal.string(f"{{{part}{last}"))
    return exp.paren(made)


def _exact_decimal(node: exp.Expr) -> exp.Expr:
    """CAST(x AS DECIMAL(38, 0)) of a whole double below 2^126: hi 2^63 + lo, each exact in 64 bits."""
    if not isinstance(node, exp.Cast) or not _is_wide(node.to) or isinstance(node.this, exp.Literal):
        return node
    x = exp.paren(node.this.copy())
    high = exp.cast(exp.Mul(this=x.copy(), expression=double(1 / _LIMB)), "bigint")
    low = exp.cast(
        exp.paren(
            exp.Sub(
                this=x.copy(),
                expression=exp.Mul(this=exp.cast(high.copy(), "double"), expression=double(_LIMB)),
            )
        ),
        "bigint",
    )
    limb: exp.Expr = exp.cast(exp.Literal.string(str(2**63)), node.to.copy())
    upper = exp.Mul(this=exp.cast(high, node.to.copy()), expression=limb)
    return exp.paren(exp.Add(this=upper, expression=exp.cast(low, node.to.copy())))


def _is_wide(kind: exp.DataType) -> bool:
    return kind.is_type("decimal") and [one.name for one in kind.expressions] == ["38", "0"]


def _floor_of_double(node: exp.Expr) -> exp.Expr:
    nearest = exp.Anonymous(this="RINT", expressions=[node.this.copy()])
    above = exp.GT(this=nearest.copy(), expression=exp.paren(node.this.copy()))
    return exp.Case().when(above, exp.Sub(this=nearest.copy(), expression=double(1.0))).else_(nearest)


def _round_of_double(node: exp.Expr) -> exp.Expr:
    if node.args.get("decimals") is not None:
        return node
    return exp.Anonymous(this="RINT", expressions=[node.this.copy()])


def _quiet_exp(node: exp.Expr) -> exp.Expr:
    x, edge = exp.paren(node.this.copy()), double(-708.0)
    small = exp.LT(this=x.copy(), expression=edge.copy())
    return exp.Case().when(small, double(0.0)).when(exp.GTE(this=x, expression=edge), exp.Exp(this=node.this.copy()))


_REWRITES: dict[str, dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]]] = {
    "postgres": {exp.Literal: _double_literal, exp.Cast: _exact_decimal, exp.Exp: _quiet_exp},
    "spark": {
        exp.Literal: _spark_literal,
        exp.Floor: _floor_of_double,
        exp.Round: _round_of_double,
        exp.Cast: _exact_decimal,
    },
}
