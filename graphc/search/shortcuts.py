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

import mpmath
import numpy as np

from graphc.ir.expr import Expr, constant, substitute, walk
from graphc.ir.types import FLOAT64
from graphc.ops.arithmetic import sign
from graphc.ops.comparison import maximum
from graphc.ops.elementary import exp, expm1, log, sqrt
from graphc.ops.exact_product import multiply_error
from graphc.search.columns import Columns
from graphc.search.economize import economized

FACTORS = 8
"""Factors of a product that is written anew."""

PRODUCTS = ("multiply", "divide", "negative", "reciprocal", "square")
ERRORS = frozenset(("add_error", "multiply_error"))
CLOSE = 4 * 2.0**-52
"""Of two arguments: the relative distance up to which one is taken for a multiple of the other."""


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
            ways += _products(node)
        if node.op.name in ("add", "subtract"):
            ways += _without_errors(node)
        ways += _single(node)
        for way in ways:
            if way is not node and way.dtype is node.dtype and way.shape == node.shape:
                yield way if node is form else substitute(form, {node: way})
    yield from _reciprocals(form, order)
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
    _, one, other = node.operands
    yield from (one, other)
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
            and _is_close(columns(node.operands[0]), target, size)
        ),
        v + d,
    )  # fmt: skip
    return exp(maximum(v, u)) * (expm1(-abs(d)) * -sign(d))


def _is_close(one: np.ndarray, other: np.ndarray, size: np.ndarray | None = None) -> bool:
    """Whether two columns are the same up to rounding, of which those of a larger size have more."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() * 2 < len(known) or not len(known):
        return False
    one, other = one[known], other[known]
    scale = np.maximum(np.abs(one), np.abs(other) if size is None else size[known])
    return bool((np.abs(one - other) <= CLOSE * scale).all())


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


# --- products -----------------------------------------------------------------------------------------------------------


def _factors(node: Expr, up: list[Expr], down: list[Expr], numbers: list[float]) -> None:
    """The factors above and below the line of a product; numbers and signs in one number."""
    name = node.op.name
    if node.is_constant and not node.shape and float(node.value) and math.isfinite(float(node.value)):
        numbers[0] *= float(node.value)
    elif name == "negative":
        numbers[0] = -numbers[0]
        _factors(node.operands[0], up, down, numbers)
    elif name == "multiply" or name == "square":
        for operand in node.operands * (2 if name == "square" else 1):
            _factors(operand, up, down, numbers)
    elif name in ("divide", "reciprocal"):
        if name == "divide":
            _factors(node.operands[0], up, down, numbers)
        below = [1.0]
        _factors(node.operands[-1], down, up, below)
        numbers[0] /= below[0]
    else:
        up.append(node)


def _products(node: Expr) -> Iterator[Expr]:
    """A product with fewer divisions and square roots."""
    up: list[Expr] = []
    down: list[Expr] = []
    numbers = [1.0]
    _factors(node, up, down, numbers)
    if not numbers[0] or not math.isfinite(numbers[0]) or not 1 < len(up) + len(down) <= FACTORS:
        return
    for factor in list(up):
        if factor in down and factor in up:
            up.remove(factor)
            down.remove(factor)
    for above, below in _roots(up, down):
        for way in _quotients(above, below):
            yield _scaled(way, numbers[0])


def _scaled(value: Expr, number: float) -> Expr:
    return value if number == 1.0 else -value if number == -1.0 else value * _number(number)


def _roots(up: list[Expr], down: list[Expr]) -> Iterator[tuple[list[Expr], list[Expr]]]:
    """Factors with their square roots as they are; those of the same number as that number; all in one."""
    yield up, down
    (above, roots), (below, under) = (
        ([f for f in each if f.op.name != "sqrt"], [f.operands[0] for f in each if f.op.name == "sqrt"])
        for each in (up, down)
    )
    for numbers, whole in ((roots, above), (under, below)):
        for number in list(dict.fromkeys(numbers)):
            while numbers.count(number) > 1:
                numbers.remove(number)
                numbers.remove(number)
                whole.append(number)
    if len(roots) + len(under) > 1:
        yield [*above, *([sqrt(_product(roots))] if roots else [])], [
            *below, *([sqrt(_product(under))] if under else []),
        ]  # fmt: skip
        if roots and under:
            yield [*above, sqrt(_product(roots) / _product(under))], below
            for place, first in enumerate(roots):
                for divisors in (under, under[::-1]):
                    inside = first
                    for each in divisors:
                        inside = inside / each
                    yield [*above, sqrt(inside), *map(sqrt, roots[:place] + roots[place + 1 :])], below
    elif len(above) + len(roots) != len(up) or len(below) + len(under) != len(down):
        yield [*above, *map(sqrt, roots)], [*below, *map(sqrt, under)]


def _product(factors: Sequence[Expr]) -> Expr:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _quotients(up: list[Expr], down: list[Expr]) -> Iterator[Expr]:
    """Ways to write a quotient of products, with one division or two: which of them stays in range is for the points to say."""
    if not down:
        if up:
            yield _product(up)
        return
    if not up:
        yield _number(1.0) / _product(down)
        return
    yield _product(up) / _product(down)
    if len(up) > 1:
        for place, first in enumerate(up):
            yield _product([first / _product(down), *up[:place], *up[place + 1 :]])
    if len(down) > 1 and len(set(down)) < len(down):  # one reciprocal for all
        inverse = {each: _number(1.0) / each for each in dict.fromkeys(down)}
        result = up[0]
        for above, below in itertools.zip_longest(up[1:], down):
            result = result if below is None else result * inverse[below]
            result = result if above is None else result * above
        yield result
    if len(up) == 2 and len(down) == 2:
        for first, second in (up, up[::-1]):
            yield first / down[0] * (second / down[1])
    if len(up) > 2 and len(down) == 2:
        for one, other in itertools.permutations(range(len(up)), 2):
            rest = [each for place, each in enumerate(up) if place not in (one, other)]
            yield up[one] / down[0] * (_product(rest) * (up[other] / down[1]))
    if len(up) == 3 and len(down) == 2:
        for place in range(3):
            for first, second in (down, down[::-1]):
                others = [*up[:place], *up[place + 1 :]]
                yield up[place] / first * (_product(others) / second)


def _reciprocals(form: Expr, order: Sequence[Expr]) -> Iterator[Expr]:
    """A form with the divisions by one and the same value made products by its reciprocal."""
    divisions: dict[Expr, list[Expr]] = {}
    for node in order:
        if node.op.name == "divide" and not node.shape and not node.operands[1].is_constant:
            divisions.setdefault(node.operands[1], []).append(node)
    for below, nodes in divisions.items():
        if len(nodes) > 1:
            inverse = _number(1.0) / below
            yield substitute(
                form,
                {
                    node: inverse
                    if node.operands[0].is_constant and float(node.operands[0].value) == 1.0
                    else node.operands[0] * inverse
                    for node in nodes
                },
            )


# --- single operations --------------------------------------------------------------------------------------------------


def _single(node: Expr) -> Iterator[Expr]:
    """Another operation for one."""
    name = node.op.name
    if name == "hypot":
        a, b = node.operands
        yield sqrt(a * a + b * b)
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
    with mpmath.mp.workdps(40):
        exact = mpmath.log(base)
        high = float(exact)
        low = float(exact - high)
    product = power * _number(high)
    result = exp(product)
    return result + result * (multiply_error(power, _number(high)) + power * _number(low))


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
    ("tanh", "expm1", 2): lambda y: y / (y + 2),
    ("tanh", "expm1", 0.5): lambda y: y * (y + 2) / (y * (y + 2) + 2),
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
                or _is_close(columns(one.operands[0]), factor * columns(other.operands[0]))
            ):
                yield one, way(other)
    sines = {node.operands[0]: node for node in order if node.op.name == "sin"}
    cosines = {node.operands[0]: node for node in order if node.op.name == "cos"}
    for node in order:
        if node.op.name == "tan" and node.operands[0] in sines and node.operands[0] in cosines:
            yield node, sines[node.operands[0]] / cosines[node.operands[0]]
        if node.op.name == "sin":
            for half, sine in sines.items():
                if half in cosines and _is_close(columns(node.operands[0]), 2 * columns(half)):
                    yield node, 2 * sine * cosines[half]


__all__ = ["shorter"]
