"""Products in which what falls as an exponential vanishes before another factor overflows: 0·∞ where nothing is left.

The density of Gumbel's distribution, e^(−x − e⁻ˣ), has the slope (e⁻ˣ − 1)·e^(−x − e⁻ˣ), which is 0 and NaN from −710 on; so have
1 − e^(−eˣ), Weibull's 1 − e^(−xᵏ) and x²·e^(−x²) at 10¹⁶⁰. Where the exponent is so low that the other factors, which are powers
of numbers that are floats, cannot make up for it, the product is 0. A product that came out as 0 by itself keeps its sign.

This comes after all other rules: nothing is derived from it, and no rule has to look through it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from graphc.ir.expr import Expr, constant, rebuild, walk
from graphc.ops.comparison import isnan, where
from graphc.rewrite.engine.normal_form import RuleMemory
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import Sums
from graphc.rewrite.rules.factors import all_factors_of
from graphc.rewrite.rules.falling import MAY_FALL, falling_exponent
from graphc.util.records import dataclass

LOWEST = -16000.0
"""Of an exponent: e^−745 is the last that is no 0, and twenty factors of 10³⁰⁸ are e^14200."""

MOST_DEGREE = 20
MOST_LOOKED = 40
"""Nodes of the other factors, and of an exponent's inputs, that are looked at."""

MOST_FACTORS = 16

NEAR = 2.0
"""Of exponents: xⁿ⁻² stands beside xⁿ in its second derivative."""

BOUNDED = frozenset(("tanh", "sigmoid", "sin", "cos", "erf", "atan", "sign"))
PRODUCTS = frozenset(("multiply", "divide", "square", "negative", "reciprocal"))
SUMS = frozenset(("add", "subtract"))
OF_EXPONENT = frozenset(("exp", "sigmoid"))
GROWING = frozenset(("exp", "expm1", "pow"))


@dataclass(frozen=True)
class VanishingProduct:
    """u·eᵛ → where(v < −16000 and u·eᵛ is NaN, 0, u·eᵛ), where powers or exponentials in u may overflow, of which v falls faster
    than u grows; the same for sigmoid(v), 1/cosh(v), 1/(exp(−v) − 1) and whatever else falls as eᵛ does"""

    name: str = "vanishing-product"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "exp(x)*exp(-exp(x))", "exp(-x*x)*(x*x - 1)", "y/x*x**y*exp(-x**y)", "x*x/cosh(x)", "x*x*sigmoid(-x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def may_concern(self, node: Expr) -> bool:
        """Whether something that falls may be a factor."""
        return any(operand.op.name in MAY_FALL for operand in node.operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        exponents = self.vanishes_with(node, ranges)
        result = _guard(exponents, node, ranges) if exponents else None
        return result if result is not None and result.shape == node.shape else None

    def vanishes_with(self, node: Expr, ranges: Ranges) -> list[Expr]:
        """The exponents of a product that is 0 where one of them is low, as that of a bell is on both sides."""
        if node.op.name not in PRODUCTS or node.dtype.kind != "f":
            return []
        factors = list(all_factors_of(node))
        if len(factors) > MOST_FACTORS or any(factor.dtype is not node.dtype for factor, _ in factors):
            return []
        exponents: list[Expr] = []
        for place, (factor, exponent) in enumerate(factors):
            found = _exponent(factor, exponent, ranges)
            if found is None:
                continue
            v, beside = found
            others = [other for n, (other, _) in enumerate(factors) if n != place and not other.is_constant]
            if v in exponents or not others or ranges(v).lo >= LOWEST:
                continue
            if _vanishes(others, beside, v, ranges):
                exponents.append(v)
        return exponents

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _exponent(factor: Expr, power: int, ranges: Ranges) -> tuple[Expr, list[list[Expr]]] | None:
    """v of eᵛ and of what falls as it does, and of a sum whose terms all have the factor eᵛ, with the other factors of each."""
    v = falling_exponent(factor, power, ranges)
    if v is not None:
        return v, []
    if factor.op.name not in SUMS or power < 0:
        return None
    terms: list[list[Expr]] = []
    pending, looked = [factor], 0
    while pending:
        part = pending.pop()
        looked += 1
        if looked > MOST_LOOKED:
            return None
        if part.op.name in SUMS or part.op.name == "negative":
            pending += part.operands
        elif not (part.is_constant and not part.shape and part.value == 0):
            terms.append([f for f, n in all_factors_of(part) if n > 0 or f.op.name not in OF_EXPONENT])
    known = [f for f in terms[0] if f.op.name in OF_EXPONENT] if terms else []
    common = [f for f in known if all(f in term for term in terms)]
    if not common:
        return None
    # of several the one in whose exponent the others stand
    low = max(common, key=lambda f: len(walk([f])))
    return low.operands[0], [[f for f in term if f is not low] for term in terms]


def _vanishes(others: list[Expr], beside: list[list[Expr]], v: Expr, ranges: Ranges) -> bool:
    """Whether some factors may overflow, and are no more than powers of floats and of what v falls by.

    beside : factors of terms of a sum, which is a factor as well
    """
    terms = ranges.table(Sums)[v] or ()
    falls = {factor for term in terms if term.coefficient < 0 for factor in term.factors}
    looks = [_of_product(each, falls) for each in (others, *beside)]
    found = [look for look in looks if look is not None]
    if len(found) != len(looks):
        return False
    degree = found[0][0] + max((size for size, _ in found[1:]), default=0.0)
    if degree > MOST_DEGREE or not (any(infinite for _, infinite in found) or degree > 1):
        return False
    return _inputs([*others, *(factor for each in beside for factor in each)]) <= _inputs(
        [v]
    )  # no NaN is lost


def _of_product(factors: Iterable[Expr], falls: set[Expr]) -> tuple[float, bool] | None:
    """`_degree` of a product."""
    found = [_degree(factor, falls, [MOST_LOOKED]) for factor in factors]
    known = [each for each in found if each is not None]
    if len(known) != len(found):
        return None
    return sum([size for size, _ in known]), any(infinite for _, infinite in known)


def _degree(node: Expr, falls: set[Expr], left: list[int]) -> tuple[float, bool] | None:
    """The power of the largest float that a node is at most, and whether it may be infinite where its inputs are not."""
    left[0] -= 1
    name = node.op.name
    if left[0] < 0 or node.op.on_arrays or node.dtype.kind != "f":
        return None
    if node.is_constant:
        return 0.0, False
    if not node.operands:
        return 1.0, False
    if name in BOUNDED:
        return 0.0, False
    if name in GROWING and not (name == "pow" and node.operands[1].is_constant):
        if node in falls:
            return 1.0, True
        if any(_is_near(each, node) for each in falls):
            return 1.0 + NEAR, True
        return None
    operands = node.operands[1:] if name == "where" else node.operands
    parts = [_degree(operand, falls, left) for operand in operands]
    found = [part for part in parts if part is not None]
    if len(found) != len(parts):
        return None
    infinite = any(part[1] for part in found)
    sizes = [part[0] for part in found]
    if name in ("multiply", "divide"):
        return sum(sizes), infinite or sum(sizes) > 1
    if name == "square":
        return 2 * sizes[0], True
    if name == "pow":
        power = node.operands[1].value
        if node.operands[1].shape or not math.isfinite(power):
            return None
        return abs(float(power)) * sizes[0], True
    if name in SUMS or name in (
        "add_error",
        "where",
        "negative",
        "reciprocal",
        "abs",
        "sqrt",
        "log",
        "hypot",
    ):
        return max(sizes), infinite
    return None


def _is_near(node: Expr, other: Expr) -> bool:
    """Whether eᵃ − 1 stands beside eᵃ, xⁿ⁻¹ beside xⁿ: no more than that times other floats."""
    if other.op.name == "expm1":
        return node.op.name == "exp" and node.operands[0] is other.operands[0]
    if node.op.name != "pow" or other.op.name != "pow" or node.operands[0] is not other.operands[0]:
        return False
    wanted, step, by = node.operands[1], other.operands[1], 0.0
    while step is not wanted and step.op.name in SUMS and step.operands[1].is_constant:
        if step.operands[1].shape:
            return False
        by += abs(float(step.operands[1].value))
        step = step.operands[0]
    return step is wanted and by <= NEAR


def _inputs(nodes: Iterable[Expr]) -> set[Expr]:
    """What some nodes are computed from: those without operands that are no constants."""
    return {node for node in walk(nodes) if not node.operands and not node.is_constant}


def _guard(exponents: Sequence[Expr], product: Expr, ranges: Ranges) -> Expr:
    """The inputs of the product are those of each exponent, so that it is no NaN of theirs where that is a number; nor is it one
    of a root or a logarithm of what is negative."""
    low = exponents[0] < LOWEST
    for v in exponents[1:]:
        low = low | (v < LOWEST)
    guard = low & isnan(product)
    for each in _asked_of(product, exponents, ranges):
        guard = guard & (each >= 0)
    return where(guard, constant(0.0, product.dtype), product)


def _asked_of(product: Expr, exponents: Sequence[Expr], ranges: Ranges) -> list[Expr]:
    """What has to be positive for a product to be a number and is not known to be where each of the exponents is low."""
    asked = _under_roots([product])
    if not asked:
        return []
    in_all = [_under_roots([v]) for v in exponents]  # there the exponent is NaN itself
    return [
        each
        for each in asked
        if ranges(each).lo < 0
        and not all(
            each in known or _falls_by(v, each, ranges) for v, known in zip(exponents, in_all, strict=True)
        )
    ]


def _under_roots(nodes: Iterable[Expr]) -> dict[Expr, None]:
    """What logarithms, roots and powers that are not whole are taken of."""
    return {
        node.operands[0]: None
        for node in walk(nodes)
        if node.op.name in ("log", "sqrt") or (node.op.name == "pow" and not _is_whole(node.operands[1]))
    }


def _is_whole(exponent: Expr) -> bool:
    return exponent.is_constant and not exponent.shape and float(exponent.value).is_integer()


def _falls_by(v: Expr, x: Expr, ranges: Ranges) -> bool:
    """Whether v is a number less a multiple of x: then x is positive where v is low."""
    terms = [term for term in ranges.table(Sums)[v] or () if term.factors]
    return len(terms) == 1 and terms[0].factors == (x,) and terms[0].coefficient < 0


def _is_guard(node: Expr) -> bool:
    """Whether a branch is one that this writes."""
    if node.op.name != "where" or node.operands[0].op.name != "logical_and":
        return False
    low = node.operands[0].operands[0]
    while low.op.name in ("logical_and", "logical_or"):
        low = low.operands[0]
    if low.op.name != "less":
        return False
    bound = low.operands[1]
    return bound.is_constant and not bound.shape and bound.value == LOWEST


RULES = (VanishingProduct(),)


def guarded(
    outputs: Iterable[Expr], rules: Sequence[VanishingProduct], memory: RuleMemory | None = None
) -> tuple[list[tuple[VanishingProduct, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with products that are factors of no other guarded, and what was replaced: (rule, before, after)."""
    outputs, ranges = tuple(outputs), Ranges()
    (rule,) = rules
    nodes = walk(outputs) if memory is None else memory.nodes(outputs)
    whole = set(outputs)  # products that something else than a product needs
    for node in nodes:
        if node.op.name not in PRODUCTS and node.op.name != "isnan":  # which stands in the guard
            whole.update(node.operands[:2] if _is_guard(node) else node.operands)
    steps: list[tuple[VanishingProduct, Expr, Expr]] = []
    falling: set[Expr] = set()  # what may have a factor that falls: a cheap look
    made: dict[Expr, Expr] = {}
    inner: dict[
        Expr, Expr
    ] = {}  # without the guard of the product itself, for products that it is a factor of
    for node in nodes:
        name, now = node.op.name, node
        all_fall = name in SUMS and all(part in falling or part.is_constant for part in node.operands)
        branch = name == "where" and not falling.isdisjoint(node.operands[1:])
        if (
            name in MAY_FALL
            or all_fall
            or branch
            or (name in PRODUCTS and not falling.isdisjoint(node.operands))
        ):
            falling.add(node)
        of = inner if name in PRODUCTS else made
        if of and not of.keys().isdisjoint(node.operands):
            now = rebuild(node, tuple([of.get(operand, operand) for operand in node.operands]))
        if now is not node:
            inner[node] = made[node] = now
        may = name in PRODUCTS and node in falling and node in whole
        exponents = rule.vanishes_with(node, ranges) if may else []
        after = _guard(exponents, now, ranges) if exponents else None
        if after is not None and after.shape == node.shape:
            steps.append((rule, now, after))
            made[node] = after
    return steps, tuple([made.get(output, output) for output in outputs])


__all__ = ["RULES", "VanishingProduct", "guarded"]
