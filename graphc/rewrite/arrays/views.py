"""Rules see through views: log(reshape(σ(x))) is reshape(log(σ(x))), so that log meets σ.

An operation that moves elements changes none of them, so a function of elements may be taken before it as well as after it, to
the bit. It is taken before where the function and what stands below the view are a pair that rules speak of; a maximum by a
number, or a clip, lets the logarithm through as well, which is monotone.
"""

from __future__ import annotations

import math

import numpy as np

from graphc.ir.expr import Expr, apply, constant, rebuild
from graphc.ops.elementary import exp, log
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.promotion import FLOATS
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import is_number
from graphc.rewrite.rules.like_terms import PAIRS
from graphc.util.records import dataclass

VIEWS = frozenset(
    "reshape permute_dims matrix_transpose expand_dims squeeze broadcast_to flip roll index diagonal tile repeat"
    " concat stack".split()
)

_IN_SUMS = frozenset((*PAIRS, "square", "softmax"))

MEETS: dict[str, frozenset[str]] = {
    "log": frozenset(
        "exp exp2 expm1 sigmoid softmax cosh sinh tanh erf erfc cos gamma sqrt reciprocal add subtract divide multiply".split()
    ),
    "log2": frozenset(("exp2",)),
    "log1p": frozenset(("exp", "expm1", "square", "multiply", "negative")),
    "exp": frozenset(("log", "log1p", "log_sigmoid", "log_softmax")),
    "expm1": frozenset(("log1p",)),
    "sqrt": frozenset(("add", "subtract", "multiply", "square")),
    "add": _IN_SUMS,
    "subtract": _IN_SUMS,
    "divide": frozenset((*PAIRS, "add", "expm1", "sigmoid")),
    "reciprocal": frozenset(("add", "sigmoid")),
}
"""function → what it is a pair with"""

_DIFFERENCES = frozenset(("add", "subtract"))


@dataclass(frozen=True, eq=False)
class ThroughView:
    """log(view(exp(x))) → view(log(exp(x))), for functions that rules speak of together; also beside a number or the same view"""

    name: str = "through-view"
    kind: Kind = "exact"
    over: str = FLOATS
    examples: tuple[tuple[str, dict[str, tuple[object, ...]]], ...] = (
        ("log(reshape(sigmoid(x), (-1,)))", {"x": ("n", "m")}),
        ("1 - permute_dims(cos(x), (1, 0))", {"x": ("n", "m")}),
        ("log(flip(exp(x), 0))", {"x": ("n", "m")}),
        ("reshape(sin(x), (-1,)) - reshape(x, (-1,))", {"x": ("n", "m")}),
        ("log(exp(x)[:, 0])", {"x": ("n", 3)}),
        ("log(expand_dims(1 + exp(x), 0))", {"x": ("n", "m")}),
    )

    def roots(self) -> tuple[str, ...]:
        return tuple(MEETS)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not VIEWS.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        view = next((operand for operand in node.operands if operand.op.name in VIEWS), None)
        if view is None or view.dtype != node.dtype:
            return None
        meets = MEETS[node.op.name]
        if view.op.name in ("concat", "stack"):
            return self._joined(node, view, meets)
        inner: list[Expr] = []
        for operand in node.operands:
            if is_number(operand):
                inner.append(operand)
            elif _same_view(operand, view):
                inner.append(operand.operands[0])
            else:
                return _inside(node)
        beside_number = any(map(is_number, node.operands)) and node.op.name in _DIFFERENCES
        if not any(
            part.op.name in meets or (beside_number and part.op.name in _DIFFERENCES) for part in inner
        ):
            return None
        if len({part.shape for part in inner if not is_number(part)}) != 1:
            return None
        result = rebuild(view, (apply(node.op, *inner), *view.operands[1:]))
        return result if result.shape == node.shape and result.dtype == node.dtype else None

    def _joined(self, node: Expr, view: Expr, meets: frozenset[str]) -> Expr | None:
        """A function of arrays joined, of each by itself."""
        if not any(part.op.name in meets for part in view.operands):
            return None
        if any(operand is not view and not is_number(operand) for operand in node.operands):
            return None
        parts = [
            apply(node.op, *[part if operand is view else operand for operand in node.operands])
            for part in view.operands
        ]
        result = rebuild(view, tuple(parts))
        return result if result.shape == node.shape and result.dtype == node.dtype else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _inside(node: Expr) -> Expr | None:
    """exp(x)[0] + exp(x)[1] as exp(x[0]) + exp(x[1]), and quotients of such: rules meet the exponents."""
    if node.op.name not in ("add", "subtract", "divide"):
        return None
    moved: list[Expr] = []
    for operand in node.operands:
        inner = operand.operands[0] if operand.op.name in VIEWS - {"concat", "stack"} else operand
        if inner.op.name == "exp" and inner is not operand:
            moved.append(exp(rebuild(operand, (inner.operands[0], *operand.operands[1:]))))
        elif operand.op.name in ("exp", "add") or is_number(operand):
            moved.append(operand)
        else:
            return None
    result = apply(node.op, *moved)
    return result if result.shape == node.shape and result.dtype == node.dtype else None


def _same_view(one: Expr, other: Expr) -> bool:
    return one.op is other.op and one.attrs == other.attrs and one.operands[1:] == other.operands[1:]


@dataclass(frozen=True)
class LogOfClip:
    """log(clip(x, a, b)) → clip(log(x), log a, log b), log(maximum(x, a)) → maximum(log(x), log a), where rules know log x"""

    name: str = "log-of-clip"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("log(clip(sigmoid(x), 1e-300, 1))", "log(maximum(sigmoid(x), 1e-12))")

    def roots(self) -> tuple[str, ...]:
        return ("log",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (inner,) = node.operands
        if inner.op.name not in ("clip", "maximum", "minimum") or inner.dtype != node.dtype:
            return None
        operands = list(inner.operands)
        numbers = [place for place, operand in enumerate(operands) if _is_positive(operand)]
        others = [place for place in range(len(operands)) if place not in numbers]
        if len(others) != 1 or operands[others[0]].op.name not in ("sigmoid", "softmax", "exp"):
            return None
        for place in numbers:
            value = float(operands[place].value)
            operands[place] = constant(np.log(value) if math.isfinite(value) else value, node.dtype)
        operands[others[0]] = log(operands[others[0]])
        result = apply(inner.op, *operands)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _is_positive(node: Expr) -> bool:
    return node.is_constant and not node.shape and node.dtype.kind == "f" and node.value > 0


RULES = (ThroughView(),)
SCALAR_RULES = (LogOfClip(),)

__all__ = ["RULES", "SCALAR_RULES"]
