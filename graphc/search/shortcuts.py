"""Cheaper ways to write one place of a form: what over real numbers is the same, and may lose a digit or a range in float64.

Quotients of quotients become one, square roots of factors one square root, a side of a choice the whole, what rounding took is
not added back, a function follows from another one that is there already, and a polynomial ends where the numbers it is asked for
let it. Nothing here knows whether digits are lost: `graphc.search.cheaper` measures each.

Sources: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 4.3.24 to 4.3.26, 4.5.20 to 4.5.33; Lanczos, Applied
Analysis (1956), 7.4, for the economization of power series.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from graphc.interpret.mpmath_eval import context
from graphc.ir.expr import Expr, apply, constant, substitute, walk
from graphc.ir.types import FLOAT64
from graphc.ops.comparison import maximum, where
from graphc.ops.elementary import exp, expm1, log, sqrt
from graphc.ops.exact_product import multiply_error
from graphc.search.columns import Columns
from graphc.search.economize import economized
from graphc.search.products import PRODUCTS, is_close, products, reciprocals

FAR = 2.0**256
"""Numbers whose square is in range and by far larger than that of one, or the other way about."""

ERRORS = frozenset(("add_error", "multiply_error"))


def shorter(form: Expr, columns: Columns) -> Iterator[Expr]:
    """A form with one of its places written in a way that may take less time."""
    order = walk([form])
    above: dict[Expr, list[Expr]] = {}
    for node in order:
        for operand in node.operands:
            above.setdefault(operand, []).append(node)
    bare = _without_barriers(form)
    if bare is not form:
        yield bare
    yield from (substitute(form, {root: short}) for root, short in economized(form, order, above, columns))
    for node in reversed(order):
        ways: list[Expr] = []
        if node.op.name == "where":
            ways += _sides(node, order, columns)
        elif node.op.name in ("logical_and", "logical_or"):
            ways += node.operands
        elif node.op.name in PRODUCTS and (
            node is form or not all(parent.op.name in PRODUCTS for parent in above[node])
        ):
            ways += products(node, columns)
        if node.op.name in ("add", "subtract"):
            ways += _without_errors(node)
        ways += _single(node)
        for way in ways:
            if way is not node and way.dtype is node.dtype and way.shape == node.shape:
                yield way if node is form else substitute(form, {node: way})
    yield from reciprocals(form, order)
    for node, way in _followed(order, columns):
        yield way if node is form else substitute(form, {node: way})


def _number(value: float) -> Expr:
    return constant(value, FLOAT64)


def _without_barriers(form: Expr) -> Expr:
    """A form without `held`; as it is where there are rounding errors, which `held` is there for."""
    if _has_errors(form):
        return form
    held = {node: node.operands[0] for node in walk([form]) if node.op.name == "held"}
    while held:
        form = substitute(form, held)
        held = {node: node.operands[0] for node in walk([form]) if node.op.name == "held"}
    return form


# --- choices ------------------------------------------------------------------------------------------------------------


def _sides(node: Expr, order: Sequence[Expr], columns: Columns) -> Iterator[Expr]:
    """A choice with one side taken everywhere; eᵛ·(e^d − 1) from the larger of the two exponents, which is right for each d."""
    condition, one, other = node.operands
    yield from (one, other)
    if one.op is other.op and len(one.operands) == 2 and not one.attrs and one.op.control is None:
        pairs = list(zip(one.operands, other.operands, strict=True))
        if all(a.dtype is b.dtype is node.dtype for a, b in pairs):
            yield apply(one.op, *[a if a is b else where(condition, a, b) for a, b in pairs])
    for side in (one, other):
        apart = _squares_apart(side)
        if apart is not side:
            yield apart
    for side in (one, other):
        for product in walk([side]):
            if product.op.name == "multiply":
                for first, second in (product.operands, product.operands[::-1]):
                    if first.op.name == "exp" and second.op.name == "expm1":
                        way = _from_the_larger(first.operands[0], second.operands[0], order, columns)
                        yield substitute(side, {product: way}) if product is not side else way


def _squares_apart(form: Expr) -> Expr:
    """A form with the differences of squares in it as products."""
    found: dict[Expr, Expr] = {}
    for node in walk([form]):
        if node.op.name == "subtract" and not node.shape:
            a, b = (_root(operand) for operand in node.operands)
            if a is not None and b is not None and not (a.is_constant and b.is_constant):
                found[node] = (a - b) * (a + b)
    return substitute(form, found) if found else form


def _root(node: Expr) -> Expr | None:
    """What a node is the square of; None where it is none."""
    if node.is_constant:
        return _number(math.sqrt(float(node.value))) if float(node.value) in (1.0, 4.0, 0.25) else None
    if node.op.name == "square" or (node.op.name == "multiply" and node.operands[0] is node.operands[1]):
        return node.operands[0]
    return None


def _from_the_larger(v: Expr, d: Expr, order: Sequence[Expr], columns: Columns) -> Expr:
    """eᵛ·(e^d − 1) as ±e^max(v, v + d)·(1 − e^−|d|): neither factor overflows where the product does not."""
    one, step = columns(v), columns(d)
    with np.errstate(all="ignore"):
        target, size = one + step, np.maximum(np.abs(one), np.abs(step))
    u = next(
        (
            node.operands[0]
            for node in order
            if node.op.name == "exp" and node.operands[0] is not v
            and is_close(columns(node.operands[0]), target, size)
        ),
        v + d,
    )  # fmt: skip
    down = d < 0
    step = expm1(where(down, d, -d))  # not of |d|, whose derivative is 0 where u is v
    return exp(maximum(v, u)) * where(down, step, -step)


# --- sums ---------------------------------------------------------------------------------------------------------------


def _without_errors(node: Expr) -> Iterator[Expr]:
    """A sum without an operand that is made of rounding errors."""
    left, right = node.operands
    if _has_errors(right):
        yield left
    if _has_errors(left):
        yield right if node.op.name == "add" else -right


def _has_errors(node: Expr) -> bool:
    return any(each.op.name in ERRORS for each in walk([node]))


# --- single operations --------------------------------------------------------------------------------------------------


def _single(node: Expr) -> Iterator[Expr]:
    """Another operation for one."""
    name = node.op.name
    if name == "hypot":
        a, b = node.operands
        yield sqrt(a * a + b * b)
        for number, other in ((a, b), (b, a)):
            if number.is_constant and 1 / FAR < abs(float(number.value)) < FAR:
                square = _number(float(number.value) ** 2)
                yield where(abs(other) < FAR**2, sqrt(square + other * other), abs(other))
    elif name in ("less", "less_equal", "greater", "greater_equal"):
        yield from _compared(node)
    elif name == "expm1":
        yield exp(node.operands[0]) - 1
    elif name == "log1p":
        yield log(1 + node.operands[0])
    elif name == "pow":
        base, power = node.operands
        if base.is_constant and not base.shape and float(base.value) > 0:
            yield exp(power * _number(math.log(float(base.value))))
            yield _power_of(float(base.value), power)
        elif power.is_constant and not power.shape and float(power.value) % 1 == 0.5:
            whole = math.floor(float(power.value))
            if 0 <= whole <= 8:
                yield sqrt(base) * base**whole if whole else sqrt(base)
    elif name == "divide" and node.operands[1].is_constant and not node.shape:
        value = float(node.operands[1].value)
        if value and math.isfinite(1 / value):
            yield node.operands[0] * _number(1 / value)


def _power_of(base: float, power: Expr) -> Expr:
    """A number to a power as an exponential, with what the product of power and logarithm loses added back."""
    exact = context(40).log(base)
    high = float(exact)
    low = float(exact - high)
    product = power * _number(high)
    result = exp(product)
    return result + result * (multiply_error(power, _number(high)) + power * _number(low))


def _compared(node: Expr) -> Iterator[Expr]:
    """A comparison of a quotient or a square without it."""
    left, right = node.operands
    if not right.is_constant or right.shape:
        return
    number = float(right.value)
    size = left.op.name == "abs"
    inner = left.operands[0] if size else left
    root = _root(inner) if not inner.is_constant else None
    if root is not None and number > 0:
        yield apply(node.op, abs(root), _number(math.sqrt(number)))
    if inner.op.name == "divide":
        above, below = inner.operands
        yield apply(node.op, abs(above) if size else above, _number(number) * (abs(below) if size else below))


# --- functions that follow from others ------------------------------------------------------------------------------------

FOLLOWS: dict[tuple[str, str, float], Callable[[Expr], Expr]] = {
    ("exp", "expm1", 1): lambda y: 1 + y,
    ("exp", "expm1", -1): lambda y: 1 / (1 + y),
    ("exp", "expm1", 2): lambda y: (1 + y) * (1 + y),
    ("exp", "expm1", 0.5): lambda y: sqrt(1 + y),
    ("exp", "expm1", -0.5): lambda y: 1 / sqrt(1 + y),
    ("exp", "exp", -1): lambda y: 1 / y,
    ("exp", "exp", 2): lambda y: y * y,
    ("exp", "exp", -2): lambda y: 1 / (y * y),
    ("exp", "exp", 0.5): sqrt,
    ("exp", "exp", -0.5): lambda y: 1 / sqrt(y),
    ("expm1", "exp", 1): lambda y: y - 1,
    ("expm1", "expm1", -1): lambda y: -y / (1 + y),
    ("expm1", "expm1", 2): lambda y: y * (y + 2),
    ("cos", "sin", 2): lambda y: 1 - 2 * (y * y),
    ("cos", "cos", 2): lambda y: 2 * (y * y) - 1,
    ("cosh", "sinh", 2): lambda y: 1 + 2 * (y * y),
    ("cosh", "exp", 1): lambda y: (y + 1 / y) / 2,
    ("sinh", "expm1", 1): lambda y: (y + y / (1 + y)) / 2,
    ("sinh", "exp", 1): lambda y: (y - 1 / y) / 2,
    ("tanh", "expm1", 0.5): lambda y: y / (y + 2),
    ("tanh", "expm1", 1): lambda y: y * (y + 2) / (y * (y + 2) + 2),
}
"""(function of k·x, function of x, k) → the first from the value of the second."""

FUNCTIONS = frozenset(name for first, second, _ in FOLLOWS for name in (first, second))


def _followed(order: Sequence[Expr], columns: Columns) -> Iterator[tuple[Expr, Expr]]:
    """A function's value from that of another one in the form, whose argument is a multiple of its own."""
    nodes = [node for node in order if node.op.name in FUNCTIONS and not node.shape]
    below = {node: set(walk([node])) for node in nodes}
    for one, other in itertools.permutations(nodes, 2):
        if one in below[other]:
            continue
        for (first, second, factor), way in FOLLOWS.items():
            if (one.op.name, other.op.name) == (first, second) and (
                (factor == 1 and one.operands[0] is other.operands[0])
                or is_close(columns(one.operands[0]), factor * columns(other.operands[0]))
            ):
                yield one, way(other)
    sines = {node.operands[0]: node for node in order if node.op.name == "sin"}
    cosines = {node.operands[0]: node for node in order if node.op.name == "cos"}
    for node in order:
        if node.op.name == "tan" and node.operands[0] in sines and node.operands[0] in cosines:
            yield node, sines[node.operands[0]] / cosines[node.operands[0]]
        if node.op.name == "sin":
            for half, sine in sines.items():
                if half in cosines and is_close(columns(node.operands[0]), 2 * columns(half)):
                    yield node, 2 * sine * cosines[half]


__all__ = ["shorter"]
