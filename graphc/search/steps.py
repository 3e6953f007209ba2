"""Differences f(u) − f(v) of one function at two places, by the step from v to u: the chain rule for differences.

eᵘ − eᵛ is eᵛ·(e^(u − v) − 1), log u − log v is log(1 + (u − v)/v), and u·w − v·z is (u − v)·w + v·(w − z): each operation hands
the difference of its results on to the differences of its operands, down to inputs, whose difference is exact where they are
close, or to what is known by form, (x + h) − x. So whatever is built of such operations has its difference written without a
cancellation, and over the real numbers it is the same everywhere.

Sources: Boole, A Treatise on the Calculus of Finite Differences (1860); Abramowitz and Stegun, Handbook of Mathematical Functions
(1964), 4.3.34 to 4.3.37, 4.4.32 to 4.4.34, 4.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from graphc.ir.expr import Expr, constant, substitute, walk
from graphc.ir.types import FLOAT64
from graphc.ops.elementary import (
    asin,
    atan2,
    cos,
    cosh,
    exp,
    expm1,
    log,
    log1p,
    sin,
    sinh,
    sqrt,
)
from graphc.ops.logistic import sigmoid
from graphc.rewrite.rules.differences import difference

NODES = 200
"""Formulas of more nodes are left alone."""

PLACES = 6
"""Differences of a formula that are written anew, those nearest to the result first."""

Step = Expr | None
"""u − v; None where u is v."""


class _Unknown(Exception):
    """The difference of two formulas has no form that keeps its digits."""


def stepped(formula: Expr) -> Iterator[Expr]:
    """The formula with one of its differences written by the step, for each that can be, in both directions."""
    order = walk([formula])
    if len(order) > NODES:
        return
    places = 0
    for node in reversed(order):
        if node.dtype != FLOAT64 or places >= PLACES:
            continue
        found = list(dict.fromkeys(_forms(node)))
        places += bool(found)
        for form in found:
            yield form if node is formula else substitute(formula, {node: form})


def _forms(node: Expr) -> Iterator[Expr]:
    """Other ways to write a difference, or the logarithm of a quotient."""
    if node.op.name in ("add", "subtract"):
        yield from _of_sum(node)
    elif node.op.name == "log" and node.operands[0].op.name == "divide":
        u, v = node.operands[0].operands
        for one, other, sign in ((u, v, 1), (v, u, -1)):
            step = _known(one, other)
            if step is not None:
                yield _signed(log1p(step / other), sign)


def _of_sum(node: Expr) -> Iterator[Expr]:
    """The terms of a sum with their negative twins by their steps, and the other terms added."""
    terms = _terms(node)
    for sign in (1, -1):
        steps: list[Expr] = []
        rest = dict(enumerate(terms))
        told = False  # whether there is a step besides x − y, which is there as it is
        for place, (u, up) in enumerate(terms):
            for other, (v, down) in enumerate(terms):
                if not up or down or place not in rest or other not in rest or u.is_constant or v.is_constant:
                    continue
                step = _known(u, v) if sign > 0 else _known(v, u)
                if step is not None:
                    steps.append(_signed(step, sign))
                    told |= not (u.is_symbol and v.is_symbol)
                    del rest[place], rest[other]
        if told:
            first, *others = steps
            yield _total(first, [*[(step, True) for step in others], *rest.values()])


def _terms(node: Expr, positive: bool = True) -> list[tuple[Expr, bool]]:
    """(term, whether it is added) of a sum."""
    name = node.op.name
    if name == "negative":
        return _terms(node.operands[0], not positive)
    if name not in ("add", "subtract"):
        return [(node, positive)]
    left, right = node.operands
    return _terms(left, positive) + _terms(right, positive == (name == "add"))


def _total(first: Expr, rest: list[tuple[Expr, bool]]) -> Expr:
    for term, positive in rest:
        first = first + term if positive else first - term
    return first


def _signed(value: Expr, sign: int) -> Expr:
    return value if sign > 0 else -value


def _known(u: Expr, v: Expr) -> Expr | None:
    """u − v by the step; None where it is not known, or 0."""
    try:
        return _step(u, v)
    except _Unknown:
        return None


def _step(u: Expr, v: Expr) -> Step:
    """u − v. Raises `_Unknown`."""
    if u is v:
        return None
    known = difference(u, v)
    if known is not None:
        return known
    if _is_leaf(u) and _is_leaf(v) and not (u.is_constant and v.is_constant):
        return u - v
    if u.op is not v.op or u.attrs != v.attrs or u.dtype != FLOAT64 or v.dtype != FLOAT64:
        raise _Unknown
    several = _SEVERAL.get(u.op.name)
    if several is not None:
        return several(u, v)
    of_one = _OF_ONE.get(u.op.name)
    if of_one is None:
        raise _Unknown
    (a,), (b,) = u.operands, v.operands
    step = _step(a, b)
    return None if step is None else of_one(u, v, a, b, step)


def _is_leaf(node: Expr) -> bool:
    return node.is_symbol or (node.is_constant and math.isfinite(float(node.value)))


def _added(one: Step, other: Step) -> Step:
    return other if one is None else one if other is None else one + other


# --- operations of two operands ---------------------------------------------------------------------------------------------


def _sum(u: Expr, v: Expr) -> Step:
    (a, b), (c, d) = u.operands, v.operands
    try:
        return _added(_step(a, c), _step(b, d))
    except _Unknown:
        return _added(_step(a, d), _step(b, c))


def _minus(u: Expr, v: Expr) -> Step:
    (a, b), (c, d) = u.operands, v.operands
    one, other = _step(a, c), _step(b, d)
    return one if other is None else -other if one is None else one - other


def _product(u: Expr, v: Expr) -> Step:
    """ab − cd = (a − c)·b + c·(b − d)"""

    def written(a: Expr, b: Expr, c: Expr, d: Expr) -> Step:
        one, other = _step(a, c), _step(b, d)
        return _added(None if one is None else one * b, None if other is None else c * other)

    (a, b), (c, d) = u.operands, v.operands
    try:
        return written(a, b, c, d)
    except _Unknown:
        return written(a, b, d, c)


def _quotient(u: Expr, v: Expr) -> Step:
    """a/b − c/d = ((a − c) − (c/d)·(b − d))/b"""
    (a, b), (c, d) = u.operands, v.operands
    one, other = _step(a, c), _step(b, d)
    if other is None:
        return None if one is None else one / b
    if one is None:
        return -(v * (other / b))
    return (one - v * other) / b


def _power(u: Expr, v: Expr) -> Step:
    """aᵖ − bᵖ = bᵖ·(e^(p·log(1 + (a − b)/b)) − 1), and of two exponents by theirs"""
    (a, p), (b, q) = u.operands, v.operands
    base, exponent = _step(a, b), _step(p, q)
    if base is None:
        return None if exponent is None else v * expm1(exponent * _log(a))
    if exponent is None:
        return v * expm1(p * _log_of_quotient(base, b))
    return v * expm1(p * _log_of_quotient(base, b) + exponent * _log(b))


def _log(x: Expr) -> Expr:
    """The logarithm, of 1 + x by log1p."""
    rest = _beside_one(x)
    return log(x) if rest is None else log1p(rest)


def _log_of_quotient(step: Expr, b: Expr) -> Expr:
    return log1p(step / b)


def _beside_one(x: Expr) -> Expr | None:
    """x − 1 where it can be read off."""
    if x.op.name == "add":
        for one, other in (x.operands, x.operands[::-1]):
            if one.is_constant and one.value == 1:
                return other
    if x.op.name == "subtract" and x.operands[0].is_constant and x.operands[0].value == 1:
        return -x.operands[1]
    return None


def _angle(u: Expr, v: Expr) -> Step:
    """The angle from one direction to another: the cross product of both beside their scalar product."""
    (y, x), (t, s) = u.operands, v.operands
    up, along = _step(y, t), _step(x, s)
    cross = _added(None if up is None else up * s, None if along is None else -(t * along))
    return None if cross is None else atan2(cross, x * s + y * t)


def _norm(u: Expr, v: Expr) -> Step:
    (a, b), (c, d) = u.operands, v.operands
    one, other = _step(a, c), _step(b, d)
    sum_ = u + v
    return _added(
        None if one is None else one * ((a + c) / sum_), None if other is None else other * ((b + d) / sum_)
    )


_SEVERAL: dict[str, Callable[[Expr, Expr], Step]] = {
    "add": _sum, "subtract": _minus, "multiply": _product, "divide": _quotient, "pow": _power, "atan2": _angle, "hypot": _norm,
}  # fmt: skip


# --- functions of one value: of u = f(a), v = f(b) and the step a − b -------------------------------------------------------


def _middle(a: Expr, b: Expr) -> Expr:
    return a * 0.5 + b * 0.5


def _of_asinh(u: Expr, v: Expr, a: Expr, b: Expr, h: Expr, sign: float = 1.0) -> Expr:
    """By the logarithm of the quotient of x + √(x² ± 1), whose step is known"""
    one, other = (sqrt(x * x + constant(sign, FLOAT64)) for x in (a, b))
    return log1p(h * (1 + (a + b) / (one + other)) / (b + other))


def _of_asin(u: Expr, v: Expr, a: Expr, b: Expr, h: Expr) -> Expr:
    """By the sine of the difference, a√(1 − b²) − b√(1 − a²), and its conjugate"""
    return asin(h * ((a + b) / (a * sqrt((1 - b) * (1 + b)) + b * sqrt((1 - a) * (1 + a)))))


_OF_ONE: dict[str, Callable[[Expr, Expr, Expr, Expr, Expr], Expr]] = {
    "negative": lambda u, v, a, b, h: -h,
    "square": lambda u, v, a, b, h: h * (a + b),
    "reciprocal": lambda u, v, a, b, h: -(h / a / b),
    "sqrt": lambda u, v, a, b, h: h / (u + v),
    "cbrt": lambda u, v, a, b, h: h / (u * u + u * v + v * v),
    "exp": lambda u, v, a, b, h: v * expm1(h),
    "expm1": lambda u, v, a, b, h: exp(b) * expm1(h),
    "log": lambda u, v, a, b, h: log1p(h / b),
    "log1p": lambda u, v, a, b, h: log1p(h / (1 + b)),
    "sin": lambda u, v, a, b, h: 2 * (cos(_middle(a, b)) * sin(0.5 * h)),
    "cos": lambda u, v, a, b, h: -2 * (sin(_middle(a, b)) * sin(0.5 * h)),
    "tan": lambda u, v, a, b, h: sin(h) / cos(a) / cos(b),
    "sinh": lambda u, v, a, b, h: 2 * (cosh(_middle(a, b)) * sinh(0.5 * h)),
    "cosh": lambda u, v, a, b, h: 2 * (sinh(_middle(a, b)) * sinh(0.5 * h)),
    "tanh": lambda u, v, a, b, h: sinh(h) / cosh(a) / cosh(b),
    "asinh": _of_asinh,
    "acosh": lambda u, v, a, b, h: _of_asinh(u, v, a, b, h, -1.0),
    "atanh": lambda u, v, a, b, h: 0.5 * log1p(2 * h / ((1 - a) * (1 + b))),
    "asin": _of_asin,
    "acos": lambda u, v, a, b, h: -_of_asin(u, v, a, b, h),
    "atan": lambda u, v, a, b, h: atan2(h, 1 + a * b),
    "sigmoid": lambda u, v, a, b, h: -(sigmoid(a) * sigmoid(-b) * expm1(-h)),
    "softplus": lambda u, v, a, b, h: log1p(sigmoid(b) * expm1(h)),
    "log_sigmoid": lambda u, v, a, b, h: -log1p(sigmoid(-b) * expm1(-h)),
}

__all__ = ["stepped"]
