"""Smooth functions written through a kink, before they are differentiated.

|x|² has the derivatives 2x and 2; through |x|, whose derivative at 0 is a convention, the second comes out as 0 there. So roots
of squares that only occur squared are written without the root. As values both forms are the same: only derivatives are
written from these.
"""

from __future__ import annotations

from collections import Counter

from graphc.ir.expr import Expr, constant
from graphc.ops.powers import pow as power
from graphc.ops.powers import square
from graphc.ops.support.build import call
from graphc.rewrite.engine.pattern import Kind, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.rules.factors import MOST_FACTORS, ONE, Place, factors_of, rebuilt
from graphc.util.records import dataclass


def squared(node: Expr) -> Expr | None:
    """The square of a root, without the root; None of anything else."""
    name = node.op.name
    if node.dtype.kind != "f" or any(operand.dtype != node.dtype for operand in node.operands):
        return None
    if name == "abs":
        return square(node.operands[0])
    if name == "sqrt" or (name == "pow" and _number(node.operands[1]) == 0.5):
        return node.operands[0]
    if name == "hypot":
        return square(node.operands[0]) + square(node.operands[1])
    if name == "norm" and node.attrs[0] == 2.0:
        return call("sum", square(node.operands[0]), axis=node.attrs[1], keepdims=node.attrs[2])
    return None


def _number(node: Expr) -> float | None:
    return float(node.value) if node.is_constant and not node.shape else None


@dataclass(frozen=True)
class EvenPower:
    """square(√u) → u and (√u)ⁿ → u^(n/2) for even n, where √ stands for abs, sqrt, hypot and norm as well"""

    name: str = "even-power-of-root"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("abs(x)**2", "hypot(x, y)**4", "square(sqrt(x))")

    def roots(self) -> tuple[str, ...]:
        return ("square", "pow")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        exponent = 2.0 if node.op.name == "square" else _number(node.operands[1])
        if exponent is None or exponent < 2 or exponent % 2 or exponent > 64:
            return None
        inner = squared(node.operands[0])
        if inner is None or exponent == 2:
            return inner
        half = exponent / 2
        return square(inner) if half == 2 else power(inner, constant(half, inner.dtype))

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


@dataclass(frozen=True)
class RootTwice:
    """√u·v·√u → u·v in products"""

    name: str = "root-twice"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("abs(x)*y*abs(x)", "0.5*hypot(x, y)*hypot(x, y)", "sqrt(x)*sqrt(x)")

    def roots(self) -> tuple[str, ...]:
        return ("multiply",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        factors = []
        for count, (factor, exponent) in enumerate(factors_of(node)):
            if count > 2 * MOST_FACTORS:
                return None
            if exponent and _is_root(factor, exponent):
                factors.append((factor, exponent))
        times = Counter(factor for factor, exponent in factors if exponent > 0)
        twice = next((factor for factor, count in times.items() if count > 1), None)
        inner = None if twice is None else squared(twice)
        if twice is None or inner is None:
            return None
        puts: list[tuple[Expr, int] | None] = [None, (inner, 1)]
        if twice.op.name == "abs":  # x·x and not x²: of large numbers the one has no 2x in its derivative
            puts = [(twice.operands[0], 1)] * 2
        places = []
        for factor, exponent in factors:
            replaces = factor is twice and exponent > 0 and bool(puts)
            places.append(Place(factor, ONE, exponent, puts.pop() if replaces else (factor, exponent)))
        return rebuilt(node, places, _is_root)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _is_root(factor: Expr, exponent: int) -> bool:
    if factor.op.name == "pow":
        return _number(factor.operands[1]) == 0.5
    return factor.op.name in ("abs", "sqrt", "hypot", "norm")


RULES: tuple[EvenPower | RootTwice | Rule, ...] = (
    EvenPower(),
    RootTwice(),
    Rule("sign-times-abs", "sign(x)*abs(x)", "x", "stable", "x = sign(x)·|x|"),
    Rule("both-rectified", "relu(x) - relu(-x)", "x", "stable", "x = x₊ − (−x)₊"),
    Rule("both-rectified-squares", "relu(x)**2 + relu(-x)**2", "square(x)", "stable", "x² = x₊² + (−x)₊²"),
    Rule("both-parts", "maximum(x, 0) + minimum(x, 0)", "x", "stable", "x = max(x, 0) + min(x, 0)"),
    Rule("both-parts-squares", "maximum(x, 0)**2 + minimum(x, 0)**2", "square(x)", "stable", "x² = max(x, 0)² + min(x, 0)²"),
    Rule("both-parts-negated", "maximum(x, 0) - maximum(-x, 0)", "x", "stable", "x = max(x, 0) − max(−x, 0)"),
    Rule("both-parts-negated-squares", "maximum(x, 0)**2 + maximum(-x, 0)**2", "square(x)", "stable",
         "x² = max(x, 0)² + max(−x, 0)²"),
    Rule("cosine-of-abs", "cos(abs(x))", "cos(x)", "stable", "cos is even"),
    Rule("cosh-of-abs", "cosh(abs(x))", "cosh(x)", "stable", "cosh is even"),
)  # fmt: skip
