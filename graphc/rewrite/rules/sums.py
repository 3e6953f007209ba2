"""Sums of exponentials: log-sum-exp, softmax and cross-entropy of any number of scalar terms.

A sum S = Σ e^(aⱼ) overflows long before its logarithm or a quotient e^(aᵢ)/S does. Seen whole, log S is a chain of
`logaddexp`, which shifts by the larger; a share of S is a sigmoid of differences,
e^(aᵢ)/S = σ(−log Σ_{j≠i} e^(aⱼ − aᵢ)), which keeps its digits at both ends; and the logarithm of a share is the
log-sigmoid of the same argument.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.expr import Expr, constant
from graphc.ops.logistic import log_sigmoid, logaddexp, sigmoid, softplus
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.util.records import dataclass

MOST_TERMS = 64
"""Longer sums are left alone."""


def terms(node: Expr) -> list[Expr] | None:
    """The exponents aⱼ of a sum of at least two exponentials, a 1 among them as e⁰; None for anything else."""
    if node.op.name != "add" or node.dtype.kind != "f":
        return None
    found: list[Expr] = []
    pending = [node]
    while pending:
        term = pending.pop()
        if term.op.name == "add":
            pending += (term.operands[1], term.operands[0])
        elif term.op.name == "exp":
            found.append(term.operands[0])
        elif term.is_constant and not term.shape and term.value == 1:
            found.append(constant(0.0, node.dtype))
        else:
            return None
        if len(found) + len(pending) > MOST_TERMS:
            return None
    return found if len(found) >= 2 and any(not a.is_constant for a in found) else None


_AROUND = frozenset(
    ("add", "subtract", "multiply", "divide", "negative", "reciprocal", "square", "log", "log1p")
)


def exponents_near(node: Expr) -> set[Expr]:
    """The exponents of all exponentials in a formula of sums and products, without their signs, as far as a bounded look goes."""
    found: set[Expr] = set()
    pending, looked = [node], 0
    while pending and looked < 4 * MOST_TERMS:
        part = pending.pop()
        looked += 1
        name = part.op.name
        if name in ("exp", "logaddexp", "softplus", "sigmoid", "log_sigmoid"):
            found |= {minus(a) if a.op.name == "negative" else a for a in part.operands}
        if name in _AROUND or name == "logaddexp":
            pending += part.operands
    return found


def log_terms(node: Expr) -> list[Expr] | None:
    """The exponents aⱼ of log Σ e^(aⱼ) as the rules here write it."""
    if node.op.name == "softplus":
        return [constant(0.0, node.dtype), node.operands[0]]
    if node.op.name != "logaddexp":
        return None
    found: list[Expr] = []
    pending = [node]
    while pending:
        term = pending.pop()
        if term.op.name == "logaddexp":
            pending += (term.operands[1], term.operands[0])
        elif term.op.name == "softplus":
            found += (constant(0.0, node.dtype), term.operands[0])
        else:
            found.append(term)
        if len(found) + len(pending) > MOST_TERMS:
            return None
    return found


def is_zero(a: Expr) -> bool:
    return a.is_constant and not a.shape and a.value == 0


def log_sum_exp(exponents: Sequence[Expr]) -> Expr:
    """log Σ e^(aⱼ), shifted by the larger at every step."""
    zeros = [a for a in exponents if is_zero(a)]
    others = [a for a in exponents if not is_zero(a)]
    result: Expr | None = None
    if len(zeros) == 1 and others:
        result, others = softplus(others[0]), others[1:]
    else:
        others = [*zeros, *others]
    for a in others:
        result = a if result is None else logaddexp(result, a)
    assert result is not None
    return result


def against(a: Expr, others: Sequence[Expr]) -> Expr:
    """a − log Σ e^(bⱼ), by the differences bⱼ − a, which lose less than the difference of the whole."""
    if len(others) == 1:
        b = others[0]
        return a if is_zero(b) else -b if is_zero(a) else a - b
    return -log_sum_exp([_less(b, a) for b in others])


def _less(b: Expr, a: Expr) -> Expr:
    """b − a, 0 where both are one: ∞ − ∞ would be NaN, and the share of one of two that are equal is ½."""
    if b is a:
        return constant(0.0, a.dtype) if not a.shape else b - a
    return b if is_zero(a) else -a if is_zero(b) else b - a


def without(exponents: Sequence[Expr], a: Expr) -> list[Expr] | None:
    """The exponents but one that is a; None when there is none."""
    for number, b in enumerate(exponents):
        if b is a or (is_zero(a) and is_zero(b)):
            return [*exponents[:number], *exponents[number + 1 :]]
    return None


def share(a: Expr, exponents: Sequence[Expr]) -> Expr | None:
    """e^a/Σ e^(aⱼ) for an a that is one of the aⱼ."""
    others = without(exponents, a)
    return None if not others else sigmoid(against(a, others))


def exponent_of(node: Expr) -> Expr | None:
    """a where a node is e^a, 1 being e⁰."""
    if node.op.name == "exp":
        return node.operands[0]
    if node.is_constant and not node.shape and node.dtype.kind == "f" and node.value == 1:
        return constant(0.0, node.dtype)
    return None


@dataclass(frozen=True)
class _SumRule:
    name: str
    examples: tuple[str, ...] = ()
    kind: Kind = "stable"

    def roots(self) -> tuple[str, ...]:
        raise NotImplementedError

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


class LogSumExp(_SumRule):
    """log(e^a + e^b + …) → logaddexp(logaddexp(a, b), …)"""

    def roots(self) -> tuple[str, ...]:
        return ("log", "log1p")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("add",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        exponents = terms(node.operands[0])
        if exponents is None:
            return None
        if node.op.name == "log1p":
            exponents = [constant(0.0, node.dtype), *exponents]
        return log_sum_exp(exponents)


class SoftmaxTerm(_SumRule):
    """e^a/(e^a + e^b + …) → σ(a − log(e^b + …))"""

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[1] == "add" and operands[0] in ("exp", "constant")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        above, below = node.operands
        a, exponents = exponent_of(above), terms(below)
        return None if a is None or exponents is None else share(a, exponents)


class LogShare(_SumRule):
    """a − log(e^a + e^b + …) → log σ(a − log(e^b + …)), and its negative"""

    def roots(self) -> tuple[str, ...]:
        return ("subtract",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "softplus" in operands or "logaddexp" in operands

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        for a, total, positive in ((left, right, True), (right, left, False)):
            exponents = log_terms(total)
            others = None if exponents is None else without(exponents, a)
            if others:
                argument = against(a, others)
                return log_sigmoid(argument) if positive else softplus(minus(argument))
        return None


def minus(x: Expr) -> Expr:
    """−x, without a double sign."""
    return x.operands[0] if x.op.name == "negative" else -x


class ExpShare(_SumRule):
    """exp(a − log(e^a + e^b + …)) → σ(a − log(e^b + …)): exp undoes what log σ did"""

    def roots(self) -> tuple[str, ...]:
        return ("exp",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("log_sigmoid",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        inner = node.operands[0]
        return sigmoid(inner.operands[0]) if inner.op.name == "log_sigmoid" else None


RULES = (
    LogSumExp(
        "log-sum-exp", ("log(exp(x) + exp(y))", "log(exp(x) + exp(y) + exp(z))", "log(exp(x) + 1 + exp(y))")
    ),
    SoftmaxTerm("softmax-term", ("exp(x)/(exp(x) + exp(y))", "exp(y)/(exp(x) + exp(y) + exp(z))")),
    LogShare(
        "log-share",
        (
            "x - logaddexp(x, y)",
            "logaddexp(x, y) - y",
            "x - logaddexp(logaddexp(x, y), z)",
            "x - softplus(x)",
        ),
    ),
    ExpShare("exp-log-sigmoid", ("exp(log_sigmoid(x))",)),
)
