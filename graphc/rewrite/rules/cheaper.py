"""The last touch for speed: what is computed twice in forms that keep their digits.

Stable forms cost operations that the formula as written has not. Three of them are spared here, after everything else:

- of two branches that are quotients one is thrown away, and both are divided: the operands are chosen before one division;
- tanh a beside cosh a takes an exponential of its own, where sinh a shares that of cosh a: tanh a/cosh a is sinh a/cosh² a, where
  that does not overflow, and ±1/cosh a further out;
- the derivative of z/x is −(1/x/x)·z, which overflows where z/x/x does not, and multiplies once more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from graphc.ir.expr import Expr, constant, rebuild, walk
from graphc.ops.arithmetic import sign
from graphc.ops.comparison import where
from graphc.ops.elementary import sinh
from graphc.rewrite.engine.normal_form import RuleMemory
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.partial_products import keeps_range
from graphc.rewrite.rules.factors import all_factors_of, replaced
from graphc.util.records import dataclass


@dataclass(frozen=True)
class OneDivision:
    """where(p, a/b, c/d) → where(p, a, c)/where(p, b, d), the same but for one division"""

    name: str = "one-division"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "where(x > 1, y/x, z/y)", "where(x > 1, 2*(1/x)*y + 0, 2*(1/y) + 0)", "where(x > 1, y/(1 + x), 1/x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("where",)

    def may_concern(self, node: Expr) -> bool:
        """Whether both branches are no leaves: a cheap look."""
        return node.dtype.kind == "f" and all(branch.op.name in _PRODUCTS for branch in node.operands[1:])

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        condition, one, other = node.operands
        if not self.may_concern(node) or one.dtype is not node.dtype or other.dtype is not node.dtype:
            return None
        left, right = _quotient(one), _quotient(other)
        if left is None or right is None or left.number != right.number:
            return None
        if left.plus_zero != right.plus_zero:
            with_zero = left if left.plus_zero else right
            if not (with_zero.above.is_constant or with_zero.above.op.name == "sign"):
                return None  # a number or a sign over b is 0 where b is infinite alone: the 0 gets the sign of the quotient
            left, right = replace(left, plus_zero=False), replace(right, plus_zero=False)
        if right.below.op.name == "abs" and _is_sign_beyond(condition, right):
            (z,) = right.below.operands  # sign z/|z| is 1/z but at 0, which is on the other side
            right = replace(right, above=constant(1.0, node.dtype), below=z)
        same = left.above is right.above
        above = left.above if same else where(condition, left.above, right.above)
        result = above / where(condition, left.below, right.below)
        if left.number != 1:
            result = constant(left.number, node.dtype) * result
        result = result + 0.0 if left.plus_zero else result
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


_PRODUCTS = frozenset(("add", "subtract", "multiply", "divide", "negative"))


@dataclass(frozen=True)
class _BranchQuotient:
    """number·above/below, with 0 added that makes −0 to 0 or not"""

    number: float
    above: Expr
    below: Expr
    plus_zero: bool


def _quotient(node: Expr) -> _BranchQuotient | None:
    """What is a quotient of two factors but for powers of 2."""
    number, plus_zero = 1.0, False
    if node.op.name in ("add", "subtract"):
        x, y = node.operands
        if node.op.name == "add" and _is_zero(y):
            node, plus_zero = x, True
        elif _is_zero(x):
            node, plus_zero, number = y, True, 1.0 if node.op.name == "add" else -1.0
    if node.op.name == "add" and node.operands[0] is node.operands[1]:
        node, number = node.operands[0], 2 * number
    above, below = [], []
    for factor, exponent in all_factors_of(node):
        if factor.is_constant and not factor.shape:
            number *= float(factor.value) ** exponent if factor.value else math.nan
        else:
            (above if exponent > 0 else below).append(factor)
    if len(above) > 1 or len(below) != 1 or math.frexp(abs(number))[0] != 0.5:
        return None
    if any(factor.dtype is not node.dtype for factor in (*above, *below)):
        return None
    return _BranchQuotient(number, above[0] if above else constant(1.0, node.dtype), below[0], plus_zero)


def _is_sign_beyond(condition: Expr, quotient: _BranchQuotient) -> bool:
    """Whether a quotient is sign z/|z|, where |z| < c does not hold for a c above 0."""
    if condition.op.name != "less" or condition.operands[0] is not quotient.below:
        return False
    bound = condition.operands[1]
    above = quotient.above
    return (
        bound.is_constant
        and not bound.shape
        and bound.value > 0
        and above.op.name == "sign"
        and above.operands[0] is quotient.below.operands[0]
    )


def _is_zero(node: Expr) -> bool:
    return node.is_constant and not node.shape and node.value == 0 and math.copysign(1, node.value) > 0


@dataclass(frozen=True)
class SharedExponential:
    """tanh(a)/cosh(a) → sinh(a)/cosh(a)² up to where that overflows: of one exponential, not of two"""

    name: str = "shared-exponential"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("tanh(x)/cosh(x)", "y*(tanh(2*x)/cosh(2*x))")

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def may_concern(self, node: Expr) -> bool:
        """Whether a hyperbolic tangent is a factor."""
        return any(operand.op.name == "tanh" for operand in node.operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not self.may_concern(node):
            return None
        factors = list(all_factors_of(node))
        above = next((f for f, exponent in factors if f.op.name == "tanh" and exponent > 0), None)
        if above is None:
            return None
        (a,) = above.operands
        below = next((f for f, n in factors if f.op.name == "cosh" and n < 0 and f.operands[0] is a), None)
        if below is None or not above.dtype is node.dtype is below.dtype:
            return None
        near = abs(a) < ONE
        quotient = where(near, sinh(a), sign(a)) / where(near, below * below, below)
        result = replaced(node, above, below, 1, (quotient, 1))
        return result if result is not None and result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


@dataclass(frozen=True)
class DividedLast:
    """z·(1/x/x) → z/x/x and z·(p/x) → z·p/x, where no step overflows that did not

    Of a whole graph, products that are no terms of sums and p/x that is needed for nothing else: nothing is computed more often.
    """

    name: str = "divided-last"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("1/x/x*y", "1/(x*y)*(1/x/x)", "y*(1/x/x/x)")

    def roots(self) -> tuple[str, ...]:
        return ("multiply",)

    def may_concern(self, node: Expr) -> bool:
        """Whether a factor is divided twice."""
        return any(
            operand.op.name == "divide" and operand.operands[0].op.name == "divide"
            for operand in node.operands
        )

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        return self.among(node, ranges, Counter())

    def among(self, node: Expr, ranges: Ranges, uses: Counter[Expr]) -> Expr | None:
        """What stands for a product where each node is needed so often."""
        for z, quotient in (node.operands, node.operands[::-1]):
            divisors: list[Expr] = []
            found: Expr | None = None
            while quotient.op.name == "divide" and uses[quotient] < 2:
                quotient, divisor = quotient.operands
                # a divisor of fewer elements divides once, before the loop
                if (
                    divisor.shape != node.shape
                    or not quotient.dtype is divisor.dtype is z.dtype is node.dtype
                ):
                    break
                divisors.append(divisor)
                if quotient.op.name != "divide" and not _is_one(quotient):
                    continue
                result = z if _is_one(quotient) else z * quotient
                for divisor in reversed(divisors):
                    result = result / divisor
                if result.shape == node.shape and keeps_range(result, node, ranges):
                    found = result
            if found is not None:
                return found
        return None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _is_one(node: Expr) -> bool:
    return node.is_constant and not node.shape and node.value == 1


ONE = 20.0
"""From here on tanh is 1 in every type."""

RULES = (OneDivision(), SharedExponential(), DividedLast())

Rule = OneDivision | SharedExponential | DividedLast


def spared(
    outputs: Iterable[Expr], rules: Sequence[Rule], memory: RuleMemory | None = None
) -> tuple[list[tuple[Rule, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with what the rules match replaced, operands first, and what was replaced: (rule, before, after)."""
    outputs, ranges = tuple(outputs), Ranges()
    by_root = {
        root: [rule for rule in rules if root in rule.roots()] for rule in rules for root in rule.roots()
    }
    nodes = walk(outputs) if memory is None else memory.nodes(outputs)
    uses: Counter[Expr] | None = None
    summed: set[Expr] | None = None
    steps: list[tuple[Rule, Expr, Expr]] = []
    made: dict[Expr, Expr] = {}  # what has changed
    for node in nodes:
        now = node
        if made and not made.keys().isdisjoint(node.operands):
            now = rebuild(node, tuple([made.get(operand, operand) for operand in node.operands]))
        for rule in by_root.get(now.op.name, ()):
            if not rule.may_concern(now):
                continue
            if rule.name == "shared-exponential":
                uses = _uses(nodes, outputs) if uses is None else uses
                if any(uses[operand] > 1 for operand in node.operands if operand.op.name == "tanh"):
                    continue  # the hyperbolic tangent is needed elsewhere
            if isinstance(rule, DividedLast):
                summed = _summed(nodes) if summed is None else summed
                if node in summed:
                    continue
                uses = _uses(nodes, outputs) if uses is None else uses
                after = rule.among(now, ranges, uses)
            else:
                after = rule.apply(now, ranges)
            if after is not None and after is not now:
                steps.append((rule, now, after))
                now = after
                break
        if now is not node:
            made[node] = now
            if uses is not None:
                uses[now] += uses[node]
    return steps, tuple([made.get(output, output) for output in outputs])


def _summed(nodes: Sequence[Expr]) -> set[Expr]:
    """What stands in sums: terms that cancel are equal floats while all of them are divided alike."""
    found: set[Expr] = set()
    for node in reversed(nodes):
        if node.op.name in ("add", "subtract") or (node.op.name == "negative" and node in found):
            found.update(node.operands)
    return found


def _uses(nodes: Iterable[Expr], outputs: Iterable[Expr]) -> Counter[Expr]:
    """How often each node is needed: what is handed out is needed as it is."""
    uses = Counter(outputs)
    for node in nodes:
        for operand in node.operands:
            uses[operand] += 1
    return uses


__all__ = ["RULES", "DividedLast", "OneDivision", "SharedExponential", "spared"]
