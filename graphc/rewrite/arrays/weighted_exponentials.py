"""Sums of exponentials with weights, Σ w·eᵃ along axes: their logarithms, and shares of them.

The density of a mixture, the responsibilities of its components, a posterior mean, a partition function: as they are written every
term underflows, or one overflows, where the logarithm is a plain number and the shares are. Let M be the largest exponent of a
term that is not 0; then log Σ w·eᵃ = M + log Σ w·e^(a − M), and a share of such sums is the same with e^(a − M) in both.

M is a constant of derivatives: what does not change a value does not change its derivatives. As SciPy's `logsumexp(a, b=w)` has
it; P. Blanchard, D. J. Higham, N. J. Higham, Accurately computing the log-sum-exp and softmax functions, IMA Journal of Numerical
Analysis 41 (2021), show that the shift loses nothing.
"""

# ruff: noqa: E501  a row of the table is a line

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply, constant, rebuild
from graphc.ir.types import is_float
from graphc.ops.comparison import logical_and, not_equal, where
from graphc.ops.elementary import exp, log
from graphc.ops.exponentials import BOUNDED_EXPONENT, EXPONENT_SHIFT
from graphc.ops.support.attributes import axes_of
from graphc.ops.support.build import call, count, expanded
from graphc.rewrite.arrays.axis_rule import NM, keeps, reduced, row
from graphc.rewrite.engine.ranges import Ranges
from graphc.util.records import dataclass

MOST_FACTORS = 24

LOGARITHMS = {"softmax": "log_softmax", "sigmoid": "log_sigmoid"}
"""Operations that are exponentials of others: none of them is 0 but by underflow."""


@dataclass(frozen=True)
class Weighted:
    """A product w·eᵃ.

    exponents : the parts that a is the sum of, each with its sign
    shares : those of operations that are exponentials
    above, below : the factors of w and its divisors
    """

    exponents: tuple[tuple[Expr, int], ...]
    shares: tuple[tuple[Expr, int], ...]
    above: tuple[Expr, ...]
    below: tuple[Expr, ...]
    sign: int

    @property
    def exponent(self) -> Expr:
        """a, with the shares' logarithms."""
        parts = [*self.exponents, *[(_logarithm(share), sign) for share, sign in self.shares]]
        return _joined(parts, lambda a, b: a + b, lambda a, b: a - b, lambda a: -a)

    def vanishes_not(self, ranges: Ranges) -> Expr | None:
        """Where no factor of w is 0; None where that is known."""
        above = [not_equal(x, 0) for x in self.above if not _never_zero(x, ranges)]
        return reduce(logical_and, above) if above else None

    @property
    def weight(self) -> Expr | None:
        """w; None where it is 1."""
        parts = [*[(x, 1) for x in self.above], *[(x, -1) for x in self.below]]
        if not parts:
            return None if self.sign > 0 else constant(-1.0, self.exponents[0][0].dtype)
        found = _product(parts)
        return found if self.sign > 0 else -found


def _joined(parts: Iterable[tuple[Expr, int]], both: Any, apart: Any, alone: Any) -> Expr:
    """Parts put together, those with a sign of −1 last."""
    ordered = sorted(parts, key=lambda part: -part[1])
    (first, sign), *rest = ordered
    found = first if sign > 0 else alone(first)
    for part, sign in rest:
        found = both(found, part) if sign > 0 else apart(found, part)
    return found


def _product(parts: Iterable[tuple[Expr, int]]) -> Expr:
    return _joined(parts, lambda a, b: a * b, lambda a, b: a / b, lambda a: 1 / a)


def _logarithm(share: Expr) -> Expr:
    attrs = dict(zip([known.name for known in share.op.attributes], share.attrs, strict=True))
    return call(LOGARITHMS[share.op.name], *share.operands, **attrs)


def read(node: Expr) -> Weighted | None:
    """A product with the exponentials in it apart; None for one that has none, or is too long."""
    exponents: list[tuple[Expr, int]] = []
    shares: list[tuple[Expr, int]] = []
    above: list[Expr] = []
    below: list[Expr] = []
    sign, looked = 1, 0
    pending = [(node, 1)]
    while pending:
        part, power = pending.pop()
        looked += 1
        if looked > MOST_FACTORS or part.dtype != node.dtype:
            return None
        name = part.op.name
        if name in ("multiply", "divide"):
            left, right = part.operands
            pending += [(right, power if name == "multiply" else -power), (left, power)]
        elif name == "negative":
            sign = -sign
            pending.append((part.operands[0], power))
        elif name == "exp":
            exponents.append((part.operands[0], power))
        elif name in LOGARITHMS and part.shape:
            shares.append((part, power))
        else:
            (above if power > 0 else below).append(part)
    if not (exponents or shares):
        return None
    return Weighted(tuple(exponents), tuple(shares), tuple(above), tuple(below), sign)


@dataclass(frozen=True)
class SummedProduct:
    """Σ w·eᵃ along axes of a product, or its mean, or a product of vectors."""

    product: Expr
    axes: tuple[int, ...]
    keepdims: bool
    mean: bool


def total_of(node: Expr) -> SummedProduct | None:
    """What a sum is of; None for what is none of a product in its type."""
    if node.op.name in ("sum", "mean"):
        (product,) = node.operands
        found = SummedProduct(product, reduced(node), keeps(node), node.op.name == "mean")
    elif node.op.name == "matmul":
        product, axis = _terms_of_product(node)
        if product is None:
            return None
        found = SummedProduct(product, (axis,), False, False)
    else:
        return None
    fits = found.axes and is_float(found.product.dtype) and found.product.dtype == node.dtype
    return found if fits else None


def _terms_of_product(node: Expr) -> tuple[Expr | None, int]:
    """What the product of a vector and a matrix, or of two vectors, is a sum of, and along which axis."""
    a, b = node.operands
    if a.ndim == 1 and b.ndim == 1:
        return a * b, 0
    if a.ndim == 2 and b.ndim == 1:
        return a * b, 1
    if a.ndim == 1 and b.ndim == 2:
        return expanded(a, 1) * b, 0
    return None, 0


def _runs_along(exponents: Iterable[tuple[Expr, int]], shape: tuple[Dim, ...], axes: Sequence[int]) -> bool:
    """Whether any exponent differs along axes of what it is a factor of."""
    return any(
        axis >= len(shape) - x.ndim and x.shape[axis - len(shape) + x.ndim] != 1
        for x, _ in exponents
        for axis in axes
    )


_THROUGH = frozenset(
    ("add", "subtract", "negative", "where", "minimum", "broadcast_to", "broadcast_like", "expand_dims")
)


def _is_shifted(weighted: Weighted) -> bool:
    """Whether something was taken from an exponent already so that none is large: here, or by who wrote it."""
    pending = [x for x, _ in weighted.exponents]
    while pending:
        node = pending.pop()
        if node.op.name in _THROUGH:
            pending += node.operands
        elif node.op.name in ("bounded_exponent", "exponent_shift", "max", "logsumexp"):
            return True
    return False


def _shift(weighted: Weighted, shape: tuple[Dim, ...], axes: tuple[int, ...], ranges: Ranges) -> Expr:
    """The largest exponent of the terms that are not 0, with axes of length 1; 0 where it is infinite or there is none."""
    exponent, there = weighted.exponent, weighted.vanishes_not(ranges)
    if there is not None:
        exponent = where(there, exponent, constant(-math.inf, exponent.dtype))
    if exponent.shape != shape:
        exponent = call("broadcast_to", exponent, shape=shape)
    return apply(EXPONENT_SHIFT, exponent, attrs=(_axis(axes, len(shape)),))


def _axis(axes: tuple[int, ...], ndim: int) -> Any:
    """Axes as `axis=` writes them."""
    return None if axes == tuple(range(ndim)) else axes


def _never_zero(weight: Expr, ranges: Ranges) -> bool:
    found = ranges(weight)
    return found.lo > 0 or found.hi < 0  # NaN is no 0


def _scaled(product: Expr, weighted: Weighted, shift: Expr, ranges: Ranges) -> Expr:
    """w·e^(a − M)"""
    apart, there = weighted.exponent - shift, weighted.vanishes_not(ranges)
    if there is not None:  # nothing else overflows: 0·∞ is NaN, and 0·(nearly ∞) has the slope of w
        apart = apply(BOUNDED_EXPONENT, apart, there)
    power, weight = exp(apart), weighted.weight
    if not weighted.shares and [sign for _, sign in weighted.exponents] == [1]:
        return _in_its_place(product, power)  # where w would overflow by itself
    return power if weight is None else weight * power


def _in_its_place(product: Expr, power: Expr) -> Expr:
    """A product with another power in the place of its exponential."""
    if product.op.name == "exp":
        return power
    if product.op.name in ("multiply", "divide", "negative"):
        return rebuild(product, tuple([_in_its_place(operand, power) for operand in product.operands]))
    return product


def _log(node: Expr, ranges: Ranges) -> Expr | None:
    total, outer = _total_among_factors(node.operands[0])
    weighted = None if total is None else read(total.product)
    if total is None or weighted is None or _is_shifted(weighted):
        return None
    shape, axes = total.product.shape, total.axes
    if not _runs_along((*weighted.exponents, *weighted.shares), shape, axes):
        return None
    if outer is None and total.product.op.name == "exp":
        return None  # there is a rule for these alone
    axis = _axis(axes, len(shape))
    if weighted.weight is None and (outer is None or _is_positive(outer)):
        exponent = weighted.exponent
        if exponent.shape != shape:
            exponent = call("broadcast_to", exponent, shape=shape)
        found = call("logsumexp", exponent, axis=axis, keepdims=total.keepdims)
        found = found if outer is None else found + log(outer)
    else:
        shift = _shift(weighted, shape, axes, ranges)
        found = call("sum", _scaled(total.product, weighted, shift, ranges), axis=axis, keepdims=True)
        if not total.keepdims:
            found, shift = (call("squeeze", x, axis=axes) for x in (found, shift))
        found = log(found if outer is None else outer * found) + shift
    if not total.mean:
        return found
    number = count(shape, axes, node.dtype)
    if isinstance(number, Expr):
        return found - log(number)
    return found - math.log(number) if number else None


def _total_among_factors(node: Expr) -> tuple[SummedProduct | None, Expr | None]:
    """The one sum in a product of it and of numbers, and what it is multiplied by; None where that is 1."""
    outer: list[tuple[Expr, int]] = []
    totals: list[SummedProduct] = []
    pending = [(node, 1)]
    while pending:
        part, power = pending.pop()
        total = total_of(part) if power > 0 and part.shape == node.shape else None
        if total is not None:
            totals.append(total)
        elif part.op.name in ("multiply", "divide"):
            left, right = part.operands
            pending += [(right, power if part.op.name == "multiply" else -power), (left, power)]
        else:
            outer.append((part, power))
        if len(outer) + len(totals) > MOST_FACTORS or any(x.dtype != node.dtype for x, _ in outer):
            return None, None
    if len(totals) != 1 or any(x.op.on_arrays for x, _ in outer):
        return None, None
    if not outer:
        return totals[0], None
    return totals[0], _product(outer)


def _is_positive(node: Expr) -> bool:
    return node.is_constant and not node.shape and 0 < float(node.value) < math.inf


def _share(node: Expr, ranges: Ranges) -> Expr | None:
    """w·eᵃ·x over Σ w·eᵃ, term by term or as a sum of the same axes."""
    above, below = node.operands
    spread, inner = _unwrapped(below, node)
    total = total_of(inner)
    weighted = None if total is None else read(total.product)
    if total is None or weighted is None or not weighted.exponents or _is_shifted(weighted):
        return None
    shape, axes = total.product.shape, total.axes
    if not _runs_along(weighted.exponents, shape, axes):
        return None
    if not _stands_right(below, inner, total, node):
        return None
    summed = total_of(above)
    own = above if summed is None else summed.product
    terms = read(own)
    if (
        terms is None
        or set(terms.exponents) != set(weighted.exponents)
        or set(terms.shares) != set(weighted.shares)
    ):
        return None
    if len(terms.exponents) != len(weighted.exponents):
        return None
    if summed is not None:
        if spread or (summed.product.shape, summed.axes, summed.keepdims, summed.mean) != (
            shape, axes, total.keepdims, total.mean,
        ):  # fmt: skip
            return None
    elif above.shape != shape or total.mean or node.shape != shape:
        return None
    if weighted.weight is None and terms.weight is None and summed is None:
        return None  # a softmax
    shift = _shift(weighted, shape, axes, ranges)
    axis = _axis(axes, len(shape))
    denominator = call(
        "sum",
        _scaled(total.product, weighted, shift, ranges),
        axis=axis,
        keepdims=summed is None or total.keepdims,
    )
    if summed is None:
        return _scaled(own, terms, shift, ranges) / denominator
    return call("sum", _scaled(own, terms, shift, ranges), axis=axis, keepdims=total.keepdims) / denominator


def _unwrapped(node: Expr, above: Expr) -> tuple[bool, Expr]:
    """A sum without the axes and the repetitions that it stands beside its terms with."""
    spread = False
    if node.op.name in ("broadcast_to", "broadcast_like") and node.shape == above.shape:
        spread, node = True, node.operands[0]
    if node.op.name == "expand_dims":
        spread, node = True, node.operands[0]
    return spread, node


def _stands_right(below: Expr, inner: Expr, total: SummedProduct, node: Expr) -> bool:
    """Whether each sum stands beside the terms that it is of."""
    if below is inner and inner.shape == node.shape and not total.keepdims:
        return True  # of sums over sums
    if total.keepdims:
        return below.op.name != "expand_dims"
    outer = below.operands[0] if below.op.name in ("broadcast_to", "broadcast_like") else below
    if outer.op.name == "expand_dims":
        return set(total.axes) == set(axes_of(outer.attrs[0], 0))
    return total.axes == tuple(range(len(total.axes)))  # axes in front come back by themselves


W = {"w": ("n", "m"), "x": ("n", "m")}
ONE = {"w": ("m",), "x": ("n", "m")}

RULES = (
    row("log-sum-exp-weighted", "log", "log(sum(w*exp(x), axis=a)) → log(sum(w*exp(x - M), axis=a)) + M, M = max(x where w ≠ 0)",
        _log, "stable", "without over- and underflow",
        ("log(sum((w*w + 1)*exp(x), axis=1))", W), ("log(sum((w*w + 1)*exp(x)))", W),
        ("log(mean(exp(x)*(w*w + 1), axis=0, keepdims=True))", {"w": (1, 3), "x": (2, 3)}),
        ("log(sum(softmax(w)*exp(-x*x), axis=1))", ONE), ("log(2*sum(exp(x)/(w*w + 1), axis=1))", ONE), ("log(exp(x) @ (w*w + 1))", ONE),
        ("log(sum(exp(x)*exp(w)))", W), ("log(sum((w*w + 1)*softmax(x, axis=1), axis=1))", W), ("log(0.5*sum(exp(x)))", NM),
        ("log(sum((w*w + 1)*exp(x))/(c*c + 1))", {**W, "c": ()}), below=("multiply", "divide")),
    row("weighted-share", "divide", "w*exp(x)/sum(v*exp(x), axis=a) → w*exp(x - M)/sum(v*exp(x - M), axis=a), M = max(x where v ≠ 0)",
        _share, "stable", "without over- and underflow",
        ("(w*w + 1)*exp(x)/sum((w*w + 1)*exp(x), axis=1, keepdims=True)", ONE), ("sum(w*exp(x), axis=1)/sum(exp(x), axis=1)", ONE),
        ("w*exp(x)/sum((w*w + 1)*exp(x))", W), ("mean(w*exp(x))/mean(exp(x))", W)),
)  # fmt: skip

__all__ = ["RULES", "SummedProduct", "Weighted", "read", "total_of"]
