"""The last touch: functions of a difference, with the rounding error of the difference taken into account.

A rounded difference s = x − y errs by e, half a unit in its last place at most, and e itself is a float that can be computed
(Knuth's TwoSum; The Art of Computer Programming 2, section 4.2.2). Functions that decay like eˢ turn it into a relative error
of |s|·2⁻⁵³, hundreds of units in the last place: f(s + e) = f(s) + e·f′(s) gives those digits back.

These rules are applied once, after the normal form. They fire where the operands of the difference are leaves: beside an
operand that is itself rounded, the error of the difference is not worth its price. They also fire where a rule wrote the
difference, of exponents in a sum of exponentials: what the user wrote has no such difference, and none of its error. In what
they write, the difference stands as the sum s + e, which rounds to s: so they do not match their own results.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from functools import reduce

from graphc.ir.expr import Expr, constant, rebuild, walk
from graphc.ops.comparison import equal, maximum, where
from graphc.ops.elementary import exp, expm1, log, log1p
from graphc.ops.logistic import sigmoid, softplus
from graphc.ops.rounding import LARGE, add_error
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.rules.close_inputs import RelativeChange
from graphc.rewrite.rules.compensated_products import PolishLogarithm, lost_beside_one
from graphc.rewrite.rules.differences import is_leaf
from graphc.rewrite.rules.sums import is_zero, log_terms
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

SMALL = 2.0**20
"""Up to this the rounding error e of a difference is so small that e² is nothing beside 1."""


def like(value: float, other: Expr) -> Expr:
    return constant(value, other.dtype)


def two_sum(x: Expr, y: Expr) -> tuple[Expr, Expr]:
    """x + y rounded, and what the rounding left out, exactly; 0 where the sum is huge, infinite or NaN."""
    return x + y, add_error(x, y)


def two_difference(x: Expr, y: Expr) -> tuple[Expr, Expr]:
    """x − y rounded, and what the rounding left out."""
    return x - y, add_error(x, -y)


def _parts(argument: Expr, exponents: Set[Expr] = frozenset()) -> tuple[Expr, Expr] | None:
    """(s, e) of a sum or difference that is rounded, of leaves or of some exponents."""
    negated = argument.op.name == "negative" and not argument.operands[0].op.is_leaf
    inner = argument.operands[0] if negated else argument
    if (
        inner.op.name not in ("add", "subtract")
        or inner.dtype.kind != "f"
        or inner.dtype.itemsize not in LARGE
    ):
        return None
    x, y = inner.operands
    if any(part.dtype != inner.dtype for part in (x, y)):
        return None
    if not (is_leaf(x) and is_leaf(y)) and not all(is_leaf(part) or part in exponents for part in (x, y)):
        return None
    s, e = two_sum(x, y) if inner.op.name == "add" else two_difference(x, y)
    return (-s, -e) if negated else (s, e)


@dataclass(frozen=True)
class Polish:
    """f(x − y) → f(s + e) with the rounding error e of s = x − y, for one of the logistic functions"""

    name: str
    function: str
    examples: tuple[str, ...] = ()
    kind: Kind = "stable"

    def roots(self) -> tuple[str, ...]:
        return (self.function,)

    def __str__(self) -> str:
        f = self.function
        return f"{self.name}: {f}(x - y) → {f}(s) + e*{f}'(s), where s + e = x - y exactly ({self.kind})"

    def may_concern(self, node: Expr) -> bool:
        """Whether the function is of a sum, by itself or in a logarithm: a cheap look."""
        argument = node.operands[0]
        argument = argument.operands[0] if argument.op.name == "negative" else argument
        return argument.op.name in ("add", "subtract", "softplus", "logaddexp")

    def apply(self, node: Expr, ranges: Ranges, known: Set[Expr] = frozenset()) -> Expr | None:
        argument = node.operands[0]
        parts = _parts(argument, known)
        if parts is None:
            return self._of_sum(node, argument, known)
        s, e = parts
        high = s + e
        if self.function == "softplus":
            return softplus(high) + e * sigmoid(high)
        if self.function == "log_sigmoid":
            return -(softplus(-high) - e * sigmoid(-high))  # so that it underflows to −0
        return sigmoid(high) + e * (sigmoid(high) * sigmoid(-high))

    def _of_sum(self, node: Expr, argument: Expr, known: Set[Expr]) -> Expr | None:
        """f(± log Σ e^(tⱼ)) by the sum itself, shifted by its largest exponent."""
        negated = argument.op.name == "negative"
        exponents = log_terms(argument.operands[0] if negated else argument)
        if exponents is None or any(
            t.dtype != node.dtype or t.dtype.itemsize not in LARGE for t in exponents
        ):
            return None
        total = Total(exponents, known)
        if self.function == "sigmoid":
            return total.rest() if negated else total.share()
        if self.function == "softplus" and not negated:
            return total.logarithm()
        if self.function == "log_sigmoid" and negated:
            return -total.logarithm()
        return None


class Total:
    """1 + Σ e^(tⱼ) as eᵐ·(own + others), with m = max(0, t₁, …) and all exponents to twice the digits."""

    zero: Expr
    others: Expr
    others_lost: Expr
    all: Expr

    def __init__(self, exponents: Sequence[Expr], known: Set[Expr] = frozenset()) -> None:
        self.known = known
        self.zero = zero = like(0.0, exponents[0])
        parts = [(zero, zero) if is_zero(t) else self._exponent(t) for t in exponents]
        self.shift: Expr = reduce(maximum, [s for s, _ in parts], zero)
        self.own = exp(-self.shift)
        left_out = next((t.operands[1] for t in exponents if t.op.name == "subtract"), None)
        if (
            left_out is not None
        ):  # it may be −∞ itself: a share of 0 beside others, undefined where all are −∞
            undefined = where(zero < self.shift, zero, like(math.nan, zero))
            self.own: Expr = where(left_out > like(-math.inf, zero), self.own, undefined)
        powers: list[Expr] = []
        lost: list[Expr] = []
        for s, e in parts:
            d, f = two_difference(s, self.shift)
            power = exp(where(equal(s, self.shift), zero, d))  # ∞ − ∞ is 0 here
            powers.append(power)
            lost.append(power * (self._small(s, e) + self._small(d, f)))
        total = powers[0]
        for power in powers[1:]:
            total, error = two_sum(total, power)
            lost.append(error)
        self.others, self.others_lost = total, reduce(lambda a, b: a + b, lost)
        self.all, error = two_sum(self.own, total)
        self.all_lost: Expr = self.others_lost + error

    def _exponent(self, t: Expr) -> tuple[Expr, Expr]:
        """(s, e) of tⱼ = b − a; an exponential that is left out by b = −∞ is 0, also beside a = −∞."""
        s, e = _parts(t, self.known) or (t, self.zero)
        if t.op.name != "subtract":
            return s, e
        nothing = like(-math.inf, s)
        return where(equal(t.operands[0], nothing), nothing, s), e

    def _small(self, s: Expr, e: Expr) -> Expr:
        """e where eˢ⁺ᵉ is eˢ(1 + e); where s is so large that it is not, e is of no account beside s."""
        return where(abs(s) < like(SMALL, s), e, self.zero)

    def _fraction(self, part: Expr, lost: Expr) -> Expr:
        quotient = part / self.all
        return quotient + (lost - quotient * self.all_lost) / self.all

    def share(self) -> Expr:
        """Σ e^(tⱼ)/(1 + Σ e^(tⱼ))"""
        return self._fraction(self.others, self.others_lost)

    def rest(self) -> Expr:
        """1/(1 + Σ e^(tⱼ))"""
        return self._fraction(self.own, self.zero)

    def logarithm(self) -> Expr:
        """log(1 + Σ e^(tⱼ))"""
        above = self.shift + log(self.all + self.all_lost)
        return where(
            self.shift > 0, above, log1p(self.others + self.others_lost) * self.own
        )  # own is 1 here, or NaN


@dataclass(frozen=True)
class PolishPower:
    """(x + y)**p → sᵖ(1 + p·e/s + …) with the rounding error e of s = x + y, or of 1 ± x/y and 1 ± xy, which a large p makes
    p times as large"""

    name: str = "compensated-power"
    function: str = "pow"
    examples: tuple[str, ...] = (
        "(1 + x)**360",
        "(1 + x)**y",
        "(1 - x)**-12",
        "(1 + x/y)**z",
        "(1 - x/y)**y",
        "(x*y + 1)**360",
    )
    kind: Kind = "stable"

    def roots(self) -> tuple[str, ...]:
        return (self.function,)

    def __str__(self) -> str:
        return f"{self.name}: {' '.join((self.__doc__ or '').split())} ({self.kind})"

    def apply(self, node: Expr, ranges: Ranges, known: Set[Expr] = frozenset()) -> Expr | None:
        base, p = node.operands
        if p.dtype != node.dtype or base.dtype != node.dtype:
            return None
        if p.is_constant and (p.shape or not LEAST_POWER <= abs(p.value) < math.inf):
            return None
        parts = _parts(base)
        beside_one = lost_beside_one(base) if parts is None else None
        if parts is None and beside_one is None:
            return None
        s, e = parts or (base, beside_one)
        change = p * (e / s)  # NaN where s is 0
        rounded = node if parts is None else (s + e) ** p
        whole = rounded + rounded * (change * (1 + 0.5 * change))
        small = (abs(change) < like(LARGEST_CHANGE, s)) & (abs(rounded) < like(math.inf, s))
        return where(small, whole, rounded)


@dataclass(frozen=True)
class PolishQuotient:
    """1/(eˣ⁻ʸ − 1) → 1/(eˢ − 1 + e·eˢ) with the rounding error e of s = x − y, where log(eˣ − eʸ) was written by x − y"""

    name: str = "compensated-quotient"
    function: str = "divide"
    examples: tuple[str, ...] = ("1/expm1(x - y)", "-1/expm1(-(x - y))")
    kind: Kind = "stable"

    def roots(self) -> tuple[str, ...]:
        return (self.function,)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"

    def may_concern(self, node: Expr) -> bool:
        top, below = node.operands
        return below.op.name == "expm1" and top.is_constant and not top.shape

    def apply(self, node: Expr, ranges: Ranges, known: Set[Expr] | None = None) -> Expr | None:
        """`known` are the exponents of such logarithms; without it those of any difference of leaves."""
        top, below = node.operands
        if not self.may_concern(node) or any(part.dtype != node.dtype for part in (top, below)):
            return None
        difference = below.operands[0]
        from_zero = difference.op.name == "add" and is_zero(difference.operands[0])  # for its sign at x = y
        if from_zero:
            difference = difference.operands[1]
        inner = difference.operands[0] if difference.op.name == "negative" else difference
        if inner.op.name != "subtract" or (known is not None and not set(inner.operands) <= known):
            return None
        parts = _parts(difference, known or frozenset())
        if parts is None:
            return None
        s, e = parts
        near = expm1(0.0 + (s + e) if from_zero else s + e)  # as a sum, which no rule here matches again
        whole = near + e * (1 + near)
        lost = ~equal(e, 0) & (near < like(math.inf, s))  # else a zero keeps its sign, and infinity is one
        return top / where(lost, whole, near)


ERRORS = ("add_error", "multiply_error")
"""What compensation is made of."""

LEAST_POWER = 4.0
"""Of smaller powers the error of a sum is no more than their own."""

LARGEST_CHANGE = 2.0**-13
"""Up to this the third term of the series is nothing."""

RULES = (
    PolishPower(),
    PolishQuotient(),
    PolishLogarithm(),
    RelativeChange(),
    Polish("compensated-softplus", "softplus", ("softplus(x - y)", "softplus(x + y)", "softplus(logaddexp(y - x, z - x))")),
    Polish("compensated-log-sigmoid", "log_sigmoid", ("log_sigmoid(x - y)", "log_sigmoid(-logaddexp(y - x, z - x))")),
    Polish(
        "compensated-sigmoid",
        "sigmoid",
        ("sigmoid(x - y)", "sigmoid(logaddexp(y - x, z - x))", "sigmoid(-logaddexp(y - x, z - x))"),
    ),
)  # fmt: skip


AnyPolish = Polish | PolishPower | PolishQuotient | PolishLogarithm | RelativeChange


@paused()
def polish(
    outputs: Iterable[Expr],
    rules: Iterable[AnyPolish],
    known: Set[Expr] = frozenset(),
    apart: Set[Expr] = frozenset(),
) -> tuple[list[tuple[AnyPolish, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with each node that a rule matches replaced, users before operands, and what was replaced:
    (rule, before, after). `known` are the exponents whose differences other rules wrote, `apart` those of log(eˣ − eʸ)."""
    outputs = tuple(outputs)
    by_root = {rule.function: rule for rule in rules}
    steps: list[tuple[AnyPolish, Expr, Expr]] = []
    ranges, standing = Ranges(), set(walk(outputs))
    target: dict[Expr, Expr] = {}
    made: dict[Expr, Expr] = {}
    stack = list(reversed(outputs))
    while stack:
        node = stack[-1]
        if node in made:
            stack.pop()
            continue
        if node not in target:
            rule = by_root.get(node.op.name)
            exponents = apart if node.op.name == "divide" else known
            after = None if rule is None else rule.apply(node, ranges, exponents)
            parts = () if after is None or rule is None or after.shape != node.shape else walk([after])
            keeps = any(part is node for part in parts)  # it itself stands in that, of inputs
            if keeps and any(part.op.name in ERRORS and part in standing for part in parts):
                parts = ()  # it has been compensated before
            if rule is not None and after is not None and parts:
                steps.append((rule, node, after))
                if keeps:
                    made[node] = after
                    stack.pop()
                    continue
                target[node] = after
            else:
                target[node] = node
        after = target[node]
        if after is not node:
            waiting = [after] if after not in made else []
        else:
            waiting = [operand for operand in node.operands if operand not in made]
        if waiting:
            stack += reversed(waiting)
            continue
        stack.pop()
        if after is not node:
            made[node] = made[after]
        else:
            operands = tuple([made[operand] for operand in node.operands])
            made[node] = rebuild(node, operands) if operands != node.operands else node
    return steps, tuple(made[output] for output in outputs)
