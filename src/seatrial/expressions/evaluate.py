"""A formula over means evaluated on arrays, with its gradient by forward differentiation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seatrial.expressions.reasons import about_zero, no_value
from seatrial.expressions.text import to_text
from seatrial.expressions.tree import (
    Arithmetic,
    Atom,
    Call,
    FilteredMean,
    Mean,
    Negative,
    Node,
    Number,
    Power,
    Total,
)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Problem = tuple[Mask, str]

_ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A formula's value on S slices and its derivatives by every atom.

    Arrays are (S,), or (S, K) where the atoms were. `value` is NaN exactly where `problems` say why. `kinks` are places
    with a value but no slope (a root at 0, the tip of `abs`): there the gradient is NaN, so no standard error.
    """

    value: Floats
    gradient: dict[str, Floats]
    problems: list[Problem]
    kinks: list[Problem] = field(default_factory=list)

    @property
    def reason(self) -> tuple[str | None, ...]:
        """For every slice why it has no value (in any of its K columns), or None."""
        return reasons(self.problems, self.value.shape)

    @property
    def no_slope(self) -> tuple[str | None, ...]:
        """For every slice why it has no slope though it has a value, or None."""
        return reasons(self.kinks, self.value.shape)


def reasons(problems: list[Problem], shape: tuple[int, ...]) -> tuple[str | None, ...]:
    """The first problem of each slice, in words."""
    slices = shape[0] if shape else 1
    said: list[str | None] = [None] * slices
    for mask, sentence in problems:
        for index in np.flatnonzero(np.broadcast_to(mask, shape).reshape(slices, -1).any(axis=1)):
            if said[index] is None:
                said[index] = sentence
    return tuple(said)


def atoms(node: Node) -> tuple[Atom, ...]:
    """The distinct atoms of a resolved formula, in the order they are met.

    >>> from seatrial.expressions import parse
    >>> atoms(parse("tp / (tp + fp)"))
    (<tp>, <fp>)
    """
    found: dict[str, Atom] = {}
    _collect(node, found)
    return tuple(found.values())


def _collect(node: Node, found: dict[str, Atom]) -> None:
    if isinstance(node, Total | FilteredMean):
        node = node.expanded()
    if isinstance(node, Atom):
        found.setdefault(node.key(), node)
        return
    for child in node.children:
        _collect(child, found)


def evaluate(node: Node, values: Mapping[str, Floats]) -> tuple[Floats, list[Problem]]:
    """The value of a resolved formula where its atoms have `values` (by `key()`), and why it has none where it is NaN.

    >>> from seatrial.expressions import parse
    >>> value, problems = evaluate(parse("tp / (tp + fp)"), {"tp": np.array([0.3, 0.0]), "fp": np.array([0.1, 0.0])})
    >>> value.round(4).tolist(), problems[0][1]
    ([0.75, nan], '`tp + fp` is 0: nothing was predicted positive')
    """
    linear = linearise(node, values)
    return linear.value, linear.problems


def linearise(node: Node, values: Mapping[str, Floats]) -> Linear:
    """Value and gradient of a resolved formula: g(m) and dg/dm, the two inputs of the delta method.

    `values` maps `atom.key()` to an array of shape (S,) or (S, K); every atom of the formula must be there (KeyError).
    A denominator that is 0 within the rounding of its parts counts as 0.

    >>> from seatrial.expressions import parse
    >>> linear = linearise(parse("tp / (tp + fn)"), {"tp": np.array([0.2]), "fn": np.array([0.2])})
    >>> linear.value.tolist(), {key: slope.tolist() for key, slope in linear.gradient.items()}
    ([0.5], {'tp': [1.25], 'fn': [-1.25]})
    """
    found = atoms(node)
    given = {atom.key(): np.asarray(values[atom.key()], dtype=np.float64) for atom in found}
    shape = np.broadcast_shapes(*(array.shape for array in given.values()))
    run = _Run(values={key: np.broadcast_to(array, shape) for key, array in given.items()}, shape=shape)
    with np.errstate(all="ignore"):
        result = run.forward(node)
        value = np.array(np.broadcast_to(result.value, shape))
        unexplained = ~np.isfinite(value)
        for mask, _ in run.problems:
            unexplained &= ~mask
        run.report(unexplained, f"`{to_text(node)}` is not a finite number here")
        bad = np.zeros(shape, dtype=np.bool_)
        for mask, _ in run.problems:
            bad |= mask
        value[bad] = np.nan
        gradient = {
            key: np.array(np.broadcast_to(result.gradient.get(key, 0.0), shape), dtype=np.float64) for key in given
        }
        flat = np.zeros(shape, dtype=np.bool_)
        for slope in gradient.values():
            flat |= ~np.isfinite(slope)
        for mask, _ in run.kinks:
            flat &= ~mask
        run.kink(flat & ~bad, f"`{to_text(node)}` has no finite slope here")
        for mask, _ in run.kinks:
            for slope in gradient.values():
                slope[mask] = np.nan
        for slope in gradient.values():
            slope[bad] = np.nan
    kinks = [(left, sentence) for mask, sentence in run.kinks if (left := mask & ~bad).any()]
    return Linear(value=value, gradient=gradient, problems=run.problems, kinks=kinks)


@dataclass(frozen=True)
class _Dual:
    value: Floats
    gradient: dict[str, Floats]

    def chain(self, value: Floats, slope: Floats) -> "_Dual":
        """A function of this: its value, and its slope times the gradient."""
        return _Dual(value, {key: slope * part for key, part in self.gradient.items()})


@dataclass
class _Run:
    values: dict[str, Floats]
    shape: tuple[int, ...]
    problems: list[Problem] = field(default_factory=list)
    kinks: list[Problem] = field(default_factory=list)

    def report(self, mask: Mask, sentence: str) -> None:
        self._note(self.problems, mask, sentence)

    def kink(self, mask: Mask, sentence: str) -> None:
        self._note(self.kinks, mask, sentence)

    def _note(self, notes: list[Problem], mask: Mask, sentence: str) -> None:
        if mask.any() and sentence not in (said for _, said in notes):
            notes.append((np.broadcast_to(mask, self.shape), sentence))

    def rounding(self, dual: _Dual) -> Floats:
        """How far from its exact value rounding may have carried a value: 8 eps sum |slope x atom|."""
        total = np.zeros(self.shape)
        for key, slope in dual.gradient.items():
            total = total + np.abs(slope * self.values[key])
        return np.where(np.isfinite(total), _ROUNDING * total, 0.0)

    def forward(self, node: Node) -> _Dual:
        if isinstance(node, Atom):
            value = self.values[node.key()]
            self.report(~np.isfinite(value), no_value(node))
            return _Dual(value, {node.key(): np.ones(self.shape)})
        match node:
            case Number(number):
                return _Dual(np.full(self.shape, number), {})
            case Total() | FilteredMean():
                return self.forward(node.expanded())
            case Negative(inner):
                dual = self.forward(inner)
                return dual.chain(-dual.value, np.full(self.shape, -1.0))
            case Arithmetic():
                return self.arithmetic(node)
            case Power(base, exponent):
                return self.power(node, self.forward(base), exponent)
            case Call("min" | "max"):
                return self.extreme(node)
            case Call():
                return self.function(node, self.forward(node.arguments[0]))
        raise TypeError(f"`{node}` has to be resolved before it is evaluated")

    def arithmetic(self, node: Arithmetic) -> _Dual:
        left, right = self.forward(node.left), self.forward(node.right)
        if node.operator in "+-":
            sign = 1.0 if node.operator == "+" else -1.0
            value = left.value + sign * right.value
            return _Dual(value, _weighted(left, np.ones(self.shape), right, np.full(self.shape, sign)))
        if node.operator == "*":
            return _Dual(left.value * right.value, _weighted(left, right.value, right, left.value))
        zero = np.abs(right.value) <= self.rounding(right)
        self.report(zero, about_zero(node.right))
        below = np.where(zero, np.nan, right.value)
        value = left.value / below
        return _Dual(value, _weighted(left, 1 / below, right, -value / below))

    def power(self, node: Power, base: _Dual, exponent: float) -> _Dual:
        shown = to_text(node.base)
        x = base.value
        if exponent == 0:
            return base.chain(np.where(np.isfinite(x), 1.0, np.nan), np.zeros(self.shape))
        if exponent != int(exponent):
            rounding = self.rounding(base)
            x = np.where((x < 0) & (x >= -rounding), 0.0, x)
            self.report(x < 0, f"`{shown}` is negative, and has no power of {exponent:g}")
        if exponent < 0:
            zero = np.abs(x) <= self.rounding(base)
            self.report(zero, about_zero(node.base))
            x = np.where(zero, np.nan, x)
        if 0 < exponent < 1:
            self.kink(x == 0, f"`{to_text(node)}` has no slope where `{shown}` is 0")
        return base.chain(x**exponent, exponent * x ** (exponent - 1))

    def extreme(self, node: Call) -> _Dual:
        left, right = (self.forward(argument) for argument in node.arguments)
        choose = np.minimum if node.function == "min" else np.maximum
        value = choose(left.value, right.value)
        self.kink(left.value == right.value, f"the two sides of `{to_text(node)}` are equal, and it has no slope there")
        first = (value == left.value).astype(np.float64)
        return _Dual(value, _weighted(left, first, right, 1 - first))

    def function(self, node: Call, inner: _Dual) -> _Dual:
        x, shown = inner.value, to_text(node.arguments[0])
        match node.function:
            case "abs":
                self.kink(x == 0, f"`{to_text(node)}` has no slope at 0")
                return inner.chain(np.abs(x), np.sign(x))
            case "sqrt":
                x = np.where((x < 0) & (x >= -self.rounding(inner)), 0.0, x)
                self.report(x < 0, f"`{shown}` is negative, and has no square root")
                self.kink(x == 0, f"`{to_text(node)}` has no slope where `{shown}` is 0")
                return inner.chain(np.sqrt(x), 0.5 / np.sqrt(x))
            case "log":
                zero = np.abs(x) <= self.rounding(inner)
                self.report(zero, f"`{shown}` is 0, and has no logarithm")
                self.report((x < 0) & ~zero, f"`{shown}` is negative, and has no logarithm")
                x = np.where(zero, np.nan, x)
                return inner.chain(np.log(x), 1 / x)
            case "exp":
                grown = np.exp(x)
                self.report(np.isinf(grown) & np.isfinite(x), f"`{to_text(node)}` is too large a number")
                return inner.chain(grown, grown)
        raise TypeError(f"`{node.function}` is for row values, inside mean(...)")


def _weighted(left: _Dual, by_left: Floats, right: _Dual, by_right: Floats) -> dict[str, Floats]:
    """Sum of two gradients, each times its slope."""
    gradient = {key: by_left * part for key, part in left.gradient.items()}
    for key, part in right.gradient.items():
        gradient[key] = gradient[key] + by_right * part if key in gradient else by_right * part
    return gradient


def means(node: Node) -> tuple[Mean, ...]:
    """The distinct means among the atoms of a resolved formula."""
    return tuple(atom for atom in atoms(node) if isinstance(atom, Mean))
