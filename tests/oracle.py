"""The oracle: graphs evaluated by mpmath, with a running error bound. It shares no code with the interpreter.

An operation's meaning is its SymPy `formula`, printed for mpmath by `sympy.lambdify`. A graph is walked twice at
different precisions, the precision doubled until they agree far below the bound.

The running error (Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapter 3). A node carries the exact value v
of the formula at the exact inputs and a bound e with |computed − v| ≤ e. For v = f(v₁, …, vₙ) and computed operands cᵢ

    |computed − v| ≤ |computed − f(c)| + |f(c) − f(v)| ≤ ulps·ulp(f(c)) + sup over the box ∏[vᵢ − eᵢ, vᵢ + eᵢ] of |f − v|.

The first term is the operation's declared bound. The supremum is taken over the corners of the box. It is exact there
for functions that are monotone in each operand (`CORNERS`), discontinuities included: where a comparison or `floor` may
go either way the corners show both answers. For the others it is exact to first order, and the box is held so small (10⁻⁶
of the function's scale) that the second-order term is below the first one's: the supremum is doubled to hold both.
What cannot be bounded (a pole in the box, overflow, a point outside the domain) is unknown, None, and so is what depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from mpmath import mp, mpf

from graphc.ir.graph import Dag
from graphc.ir.op import NoPartial, Op

BASE = 106
"""Bits to start with: twice float64's."""

CORNERS = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "floor_divide",
        "negative",
        "abs",
        "sign",
        "reciprocal",
        "square",
        "maximum",
        "minimum",
        "clip",
        "where",
        "relu",
        "hard_tanh",
        "leaky_relu",
        "elu",
        "selu",
        "softsign",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
        "floor",
        "ceil",
        "trunc",
        "round",
        "exp",
        "exp2",
        "expm1",
        "exprel",
        "log",
        "log2",
        "log10",
        "log1p",
        "sqrt",
        "rsqrt",
        "cbrt",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "hypot",
        "sigmoid",
        "softplus",
        "log_sigmoid",
        "logaddexp",
        "erf",
        "erfc",
        "astype",
        "mod",
    ]
)
"""Operations whose extremes over a box lie in its corners: monotone in each operand (or even, or convex).

Quotients join them where the divisor keeps its sign, `mod` where the quotient stays between two whole numbers."""

PADDED = frozenset(
    [
        "sigmoid",
        "softplus",
        "log_sigmoid",
        "logaddexp",
        "silu",
        "gelu",
        "elu",
        "selu",
        "expm1",
        "exprel",
        "log1p",
        "lgamma",
        "softsign",
        "log_ndtr",
    ]
)
"""Operations whose formula cancels: the working precision grows with the exponents of the operands."""

LIMITED = frozenset(["erfc", "gamma", "lgamma", "digamma", "polygamma", "gelu"])
"""Operations whose error is declared on their `domain` alone."""


@dataclass(frozen=True)
class Bound:
    """A value of a node and how far from it a computed one may be. For booleans error 1 means: may be either."""

    value: Any
    error: Any


def refused(op: Op, slot: int) -> bool:
    """Whether an operation says that it has no derivative by an operand."""
    return op.partials is not None and isinstance(op.partials[slot], NoPartial)


def ulp(value: Any, dtype: np.dtype) -> Any:
    """The distance of adjacent floats of `dtype` at `value`, the smallest subnormal below the normal range."""
    bits, least = (53, -1074) if dtype == np.float64 else (24, -149)
    if value == 0:
        return mpf(2) ** least
    exponent = mpmath.frexp(value)[1]
    return mpf(2) ** max(exponent - bits, least)


def ulp_error(computed: Any, truth: Any, dtype: np.dtype) -> float:
    """|computed − truth| in units in the last place of the truth."""
    return float(abs(mpf(float(computed)) - truth) / ulp(truth, dtype))


UNPRINTED = {
    "airyaiprime": lambda x: mpmath.airyai(x, derivative=1),
    "airybiprime": lambda x: mpmath.airybi(x, derivative=1),
}
"""SymPy's functions that it does not print for mpmath."""


def dear(ops: Iterable[Op]) -> list[Any]:
    """Operations as parameters of a test: those whose formula takes mpmath long are in the slow suite."""
    slow = {"beta", "betaln", "binom", "poch"}
    return [pytest.param(op, marks=pytest.mark.slow) if op.library or op.name in slow else op for op in ops]


def held_apart(op: Op) -> bool:
    """Whether a special function is held by tests/ops/test_special.py: what SciPy computes, and long formulas."""
    return op.category == "special" and (bool(op.library) or op.emit is None) and op.name != "erfcx"


def few(op: Op, count: int, least: int = 3) -> int:
    """So many samples; few of a function for which mpmath takes milliseconds."""
    return max(count // 12, least) if op.library else count


@cache
def formula(op: Op) -> Callable[..., Any]:
    """The operation's formula as a function of mpmath numbers, at the precision that holds when it is called."""
    if op.formula is None:
        return {"isnan": lambda x: False, "isinf": lambda x: False, "isfinite": lambda x: True}[op.name]
    if op.name == "sinc":
        return mpmath.sincpi  # exactly 0 at whole numbers, where sin(π·x) is what π lacks at any precision
    boolean = {"where": (0,)}.get(op.name, range(op.arity) if op.category == "logic" else ())
    symbols = [
        sympy.Symbol(name) if slot in boolean else sympy.Symbol(name, real=True)
        for slot, name in enumerate(op.params)
    ]
    return sympy.lambdify(symbols, op.formula(sympy, *symbols), [UNPRINTED, "mpmath"])


def exact(op: Op, *operands: Any) -> Any:
    """f(operands) by the formula; None where it has no finite real value."""
    if op.name == "round" and 2 * operands[0] == mpmath.floor(2 * operands[0]):
        return mpf(round(float(operands[0]))) if abs(operands[0]) < 2**53 else operands[0]  # ties go to even
    if op.name in ("mod", "floor_divide") and operands[1] == 0:
        return None  # mpmath's remainder by 0 is the dividend
    if op.name == "polygamma":
        operands = (int(operands[0]), operands[1])
    extra = 0
    if op.name in PADDED:
        for operand in operands:
            if operand and mpmath.isfinite(operand):
                extra += int(min(3 * abs(operand) ** (2 if op.name in ("gelu", "log_ndtr") else 1), 5000))
                extra += 2 * max(0, -int(mpmath.frexp(operand)[1]))
        if extra > 10_000:
            return None
    try:
        with mp.extraprec(extra):
            value = formula(op)(*operands)
    except (ZeroDivisionError, ValueError, OverflowError, mpmath.libmp.NoConvergence):
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, mpmath.mpc):
        if value.imag != 0:
            return None
        value = value.real
    value = +mpf(value)
    return value if mpmath.isfinite(value) else None


def _signs(*values: Any) -> set[int]:
    return {int(mpmath.sign(value)) for value in values}


def _tame(op: Op, boxes: Sequence[Sequence[Any]], operands: Sequence[Bound]) -> bool:
    """Whether the corners of the box bound the function inside it (see the module's text)."""
    name = op.name
    if name in ("divide", "floor_divide", "mod", "reciprocal"):
        if _signs(*boxes[-1]) not in ({1}, {-1}):
            return False
        return name != "mod" or len({mpmath.floor(x / y) for x, y in product(*boxes)}) == 1
    if name in ("equal", "not_equal"):
        (x, y) = operands
        return x.error == y.error == 0 or abs(x.value - y.value) > x.error + y.error
    if name == "atan2" and min(abs(y) for y in boxes[0]) == 0 and min(boxes[1]) <= 0:
        return False  # on the branch cut the sign of zero decides, and exact numbers have none
    if name in CORNERS or all(len(box) == 1 for box in boxes):
        return True
    if name == "pow" and min(boxes[0]) > 0:
        return True
    entire = name in ("sin", "cos", "silu")
    return all(o.error <= mpf("1e-6") * (1 if entire else min(1, abs(o.value))) for o in operands)


def step(
    op: Op, operands: Sequence[Bound | None], types: Sequence[np.dtype], result: np.dtype, ulps: float
) -> Bound | None:
    """The bound of one node from those of its operands; `types` are the dtypes it computes in."""
    if op.name == "where":
        return _chosen(*operands)
    if op.name in ("logical_and", "logical_or"):
        for operand in operands:
            if operand is not None and operand.error == 0 and operand.value == (op.name == "logical_or"):
                return operand
    known = [operand for operand in operands if operand is not None]
    if len(known) < len(operands):
        return None
    rounds = op.name != "astype" and bool(ulps)
    brought = [_brought(o, dtype, rounds) for o, dtype in zip(known, types, strict=True)]
    if op.name in LIMITED and not all(
        low <= o.value <= high for o, (low, high) in zip(brought, op.domain, strict=True)
    ):
        return None
    function = (lambda x: _converted(x, result)) if op.name == "astype" else lambda *args: exact(op, *args)
    value = function(*[operand.value for operand in brought])
    if value is None:
        return None
    boxes = [_box(o, dtype) for o, dtype in zip(brought, types, strict=True)]
    moved = any(len(box) > 1 for box in boxes)
    if (moved or op.name in ("atan2", "equal", "not_equal")) and not _tame(op, boxes, brought):
        return Bound(value, 1) if result.kind == "b" else None
    if result.kind == "b":
        value = bool(value)
        corners = {bool(function(*corner)) for corner in product(*boxes)} if moved else {value}
        return Bound(value, 0 if corners == {value} else 1)
    spread = _spread(op.name, function, boxes, value) if moved else mpf(0)
    return None if spread is None else _rounded(op, brought, value, spread, result, ulps)


def _chosen(condition: Bound | None, x: Bound | None, y: Bound | None) -> Bound | None:
    """The bound of `where`."""
    if condition is None:
        return None
    if condition.error == 0:  # what the other branch yields does not matter
        return x if condition.value else y
    if x is None or y is None:
        return None
    chosen, other = (x, y) if condition.value else (y, x)
    return Bound(chosen.value, max(chosen.error, other.error + abs(other.value - chosen.value)))


def _brought(operand: Bound, dtype: np.dtype, rounds: bool) -> Bound:
    """An operand in the dtype that the operation computes in."""
    value, error = operand.value, operand.error
    if dtype.kind != "b":
        value = mpf(value)
    if dtype.kind == "f" and rounds and error == 0:
        lost = ulp(value, dtype) / 2
        if mpmath.floor(value / lost / 2) * lost * 2 != value:
            error = error + lost
    return Bound(value, error)


def _box(operand: Bound, dtype: np.dtype) -> tuple[Any, ...]:
    """The ends of what an operand may be; one number where it is exact."""
    if operand.error == 0:
        return (operand.value,)
    if dtype.kind == "b":
        return (False, True)
    return (operand.value - operand.error, operand.value + operand.error)


def _spread(name: str, function: Callable[..., Any], boxes: Sequence[Sequence[Any]], value: Any) -> Any:
    """How far the results at the corners of the box are from the value; None where that tells nothing."""
    spread = mpf(0)
    for corner in product(*boxes):
        there = function(*corner)
        if there is None:
            return None
        spread = max(spread, abs(there - value))
    if name not in CORNERS and name not in ("sin", "cos", "silu", "atan2") and spread > abs(value) / 1000:
        return None
    return 2 * spread


def _rounded(
    op: Op, operands: Sequence[Bound], value: Any, spread: Any, result: np.dtype, ulps: float
) -> Bound | None:
    """The bound of a number in the dtype of the result, with the error that the operation itself may make."""
    if result.kind in "iu":
        ends = np.iinfo(result)
        fits = ends.min <= value - spread and value + spread <= ends.max and value == mpmath.floor(value)
        return Bound(value, spread) if fits else None
    if ulps == 0:
        return Bound(value, spread)
    largest = abs(value) + spread
    if largest > float(np.finfo(result).max) * 0.999 or 0 < abs(value) < mpf(2) ** -1100:
        return None
    if op.ulps_of_operands:
        largest = max(largest, *(abs(o.value) + o.error for o in operands))
    return Bound(value, spread + ulps * ulp(largest, result))


def _converted(x: Any, dtype: np.dtype) -> Any:
    """`astype` as its documentation states it."""
    if dtype.kind == "b":
        return x != 0
    if dtype.kind == "f":
        return mpf(x)
    ends = np.iinfo(dtype)
    whole = mpmath.floor(abs(x)) * mpmath.sign(x)
    return min(max(whole, mpf(ends.min)), mpf(ends.max))


def as_exact(value: Any) -> Any:
    """A NumPy or Python number as an exact mpmath number; a boolean stays one; None for NaN and infinities."""
    value = np.asarray(value)[()]
    if value.dtype.kind == "b":
        return bool(value)
    if value.dtype.kind in "iu":
        return mpf(int(value))
    return mpf(float(value)) if np.isfinite(value) else None


def _leaf(node: Any, inexact_constants: bool) -> Bound | None:
    value = as_exact(node.value)
    if value is None:
        return None
    short = node.dtype.kind != "f" or (
        np.float64(np.float32(value)) == value and math.frexp(value)[0] * 2**16 % 1 == 0
    )
    # a constant with a long mantissa, such as log 2, stands for a real number that it was rounded from
    return Bound(value, ulp(value, node.dtype) / 2 if inexact_constants and not short else mpf(0))


Slack = Callable[[Op, np.dtype], float]
"""(operation, dtype computed in) → the error of one operation, in ULPs; 0 for the exact value alone"""


def declared(op: Op, dtype: np.dtype) -> float:
    """What the interpreter is held to: the declared bound and one ULP, and NumPy's 4 ULP for float32's SIMD loops."""
    if op.ulps == 0.5 and op.category != "activation":
        return 0.5
    if op.reference_ulps is not None and dtype == np.float64:
        return op.reference_ulps
    return op.ulps + (1 if dtype == np.float64 else 4)


def propagate(
    dag: Dag, at: Mapping[str, Any], *, slack: Slack = declared, inexact_constants: bool = False
) -> list[Bound | None]:
    """The bound of every node of a graph, at the precision that holds now; `at` holds floats or mpmath numbers."""
    bounds: list[Bound | None] = []
    for node, operands in zip(dag.exprs, dag.operands, strict=True):
        if node.is_symbol:
            value = at[node.name]
            bounds.append(Bound(value if isinstance(value, mpf) else as_exact(value), mpf(0)))
        elif node.is_constant:
            bounds.append(_leaf(node, inexact_constants))
        else:
            types = node.op.types(tuple(operand.dtype for operand in node.operands))[0]
            bounds.append(
                step(node.op, [bounds[i] for i in operands], types, node.dtype, slack(node.op, node.dtype))
            )
    return bounds


def stable(dag: Dag, at: Mapping[str, Any], **options: Any) -> list[Bound | None]:
    """`propagate` with the precision doubled until every known value is settled far below its bound."""
    precision = BASE
    with mp.workprec(precision):
        last = propagate(dag, at, **options)
    while True:
        precision *= 2
        with mp.workprec(precision):
            again = propagate(dag, at, **options)
            if all(_settled(a, b) for a, b in zip(last, again, strict=True)) or precision > 8 * BASE:
                return again
        last = again


def _settled(a: Bound | None, b: Bound | None) -> bool:
    if a is None or b is None or isinstance(a.value, bool):
        return (a is None) == (b is None) and (a is None or a == b)
    return abs(a.value - b.value) <= max(b.error, ulp(b.value, np.dtype(np.float64))) / 1024


def within(computed: Any, bound: Bound | None, dtype: np.dtype) -> bool:
    """Whether a computed value keeps its bound; an unknown one is kept by anything."""
    if bound is None:
        return True
    if dtype.kind == "b":
        return bound.error != 0 or bool(computed) == bound.value
    value = as_exact(np.asarray(computed)[()])
    return value is not None and abs(value - bound.value) <= bound.error


def derivative(dag: Dag, at: Mapping[str, Any], name: str, precision: int = 400) -> Bound | None:
    """∂output/∂name by central differences at high precision; None at kinks, jumps and where it does not exist.

    The step is h = 2^(−precision/3). Where the function is smooth the slopes on either side differ by f″·h, far less than
    they differ at a kink, and the derivative lies within that difference, or f‴·h²/6 < h where f″ is 0, of their mean.
    """
    exactly: Slack = lambda op, dtype: 0
    with mp.workprec(precision):
        h = mpf(2) ** (-precision // 3)
        here = {key: as_exact(value) for key, value in at.items()}
        left, middle, right = (
            propagate(dag, {**here, name: x}, slack=exactly)
            for x in (here[name] - h, here[name], here[name] + h)
        )
        output = dag.outputs[0]
        if left[output] is None or middle[output] is None or right[output] is None:
            return None
        for node, operands in zip(dag.exprs, dag.operands, strict=True):
            points = [middle[i] for i in operands]
            smooth = node.op.smooth_at
            if smooth is None or all(p is None for p in points):  # in a branch not taken, perhaps
                continue
            with np.errstate(all="ignore"):  # a quotient by 0 is not smooth
                if any(p is None for p in points) or not smooth(*[np.float64(p.value) for p in points]):
                    return None
        if abs(middle[output].value) > mpf(2) ** (precision // 4):
            return None  # what changes by h is below its last digit
        before = (middle[output].value - left[output].value) / h
        after = (right[output].value - middle[output].value) / h
        slope, bend = (before + after) / 2, abs(after - before)
        return Bound(slope, bend + h) if bend <= mpf(2) ** -100 * max(abs(slope), mpf(2) ** -60) else None
