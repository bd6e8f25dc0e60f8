"""A query with more columns than an engine takes, as several with fewer."""

from collections.abc import Iterator

import sqlglot.expressions as exp


def narrower(sql: str | exp.Expr, most: int) -> Iterator[str | exp.Expr]:
    """Queries of at most so many columns each, which together have those of a grouped query, in the same order of rows.

    Every part has the columns grouped by, and is sorted by them; a query that is narrow enough is handed back as it is.
    """
    if isinstance(sql, str) or not isinstance(sql, exp.Select) or len(sql.expressions) <= most:
        yield sql
        return
    keys = [one for one in sql.expressions if not _aggregates(one)]
    sums = [one for one in sql.expressions if _aggregates(one)]
    room = most - len(keys)
    for start in range(0, len(sums), room):
        part = sql.copy()
        part.set("expressions", [one.copy() for one in (*keys, *sums[start : start + room])])
        _prune(part)
        yield part.order_by(*[exp.Literal.number(at + 1) for at in range(len(keys))]) if keys else part


def _aggregates(one: exp.Expr) -> bool:
    return one.find(exp.AggFunc) is not None


def _prune(select: exp.Select) -> None:
    """Leave out columns of subqueries that nothing above them reads."""
    source = select.args["from_"].this if select.args.get("from_") is not None else None
    if not isinstance(source, exp.Subquery) or not isinstance(source.this, exp.Select) or select.args.get("joins"):
        return
    inner = source.this
    used = {
        column.name
        for key, value in select.args.items()
        if key != "from_"
        for node in (value if isinstance(value, list) else [value])
        if isinstance(node, exp.Expr)
        for column in node.find_all(exp.Column)
    }
    kept = [one for one in inner.expressions if one.is_star or one.alias_or_name in used]
    inner.set("expressions", kept or inner.expressions[:1])
    _prune(inner)
