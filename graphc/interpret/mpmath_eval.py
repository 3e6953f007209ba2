"""Graphs evaluated in mpmath, to any number of digits.

Each node is computed by its operation's formula in ball arithmetic (see `balls`), arrays element by element, so every value
comes with a bound on its error; the precision is doubled until the bound is as small as was asked for. The
answer is that of the formula over the real numbers: the float constants and the values passed in are taken
exactly, integers do not wrap around, float32 is not rounded to, zeros have no sign.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Set
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from graphc.errors import InputError, PrecisionError, ShapeError, brief
from graphc.interpret.ball_arithmetic import Ball, Undecided
from graphc.interpret.ball_functions import Arithmetic
from graphc.interpret.formula_interpreter import apply_formula, is_short, through_formulas
from graphc.interpret.scalarize import elements, named, specialised
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.inputs import bind_names
from graphc.ir.types import BROADCASTING
from graphc.util.pytree import flatten, unflatten
from graphc.util.records import dataclass

LARGEST_BITS = 4096
"""The last precision tried unless more digits are asked for: it holds float64's smallest number beside 1,
and three times more."""

MOST_DIGITS = 10_000

BITS_PER_DIGIT = 3.33

TIES = 1e-6
"""In `enclose` a comparison that the rounding of the constants leaves open is a tie below this size."""

_local = threading.local()


def _arithmetic(bits: int, ties: float | None) -> Arithmetic:
    """One arithmetic for each thread and precision: making one takes longer than a small graph."""
    known = _local.__dict__.setdefault("arithmetics", {})
    if (bits, ties) not in known:
        known[bits, ties] = Arithmetic(bits, ties)
    return known[bits, ties]


@dataclass(frozen=True)
class Enclosure:
    """A value and a bound on its error, both mpmath numbers."""

    value: Any
    error: Any


def evaluate(tree: Any, at: Mapping[Any, Any], digits: int = 50, first_bits: int = 0) -> Any:
    """The value of an expression, or of a structure of expressions, to `digits` significant digits.

    Parameters
    ----------
    tree : an expression, or a tuple, list, dict or named tuple of expressions
    at : name or symbol → number or array; besides what `graphc.interpret.numpy_eval` takes, scalars that are mpmath
        numbers, fractions and decimals, exactly
    digits : how many digits are right, from 1 to 10,000
    first_bits : binary digits to compute with at first, where it is known that `digits` alone will not do

    Programs over arrays are evaluated element by element: an array of a hundred numbers takes a hundred times as long.

    Returns mpmath numbers for floats, Python's for integers and booleans, and for arrays object arrays of
    them. A value whose error bound includes 0 at the last precision is 0.

    Raises `InputError` for missing or unknown names, and `PrecisionError` when the value depends on more
    digits of what is computed on the way than the last precision has.

    >>> from graphc.ir.expr import symbols
    >>> x = symbols("x")
    >>> evaluate((1 + x) - 1, {"x": 1e-30}) == 1e-30
    True
    """
    leaves, structure = flatten(tree)
    dag = Dag(leaves)
    _bits(digits)
    inputs = _bound(dag, at)
    if any(node.op.on_arrays for node in dag.exprs):
        return unflatten(structure, iter(_of_arrays(leaves, dag, inputs, digits, first_bits)))
    shape = _shape(dag, inputs)
    if not shape:
        return unflatten(structure, iter(_rising(dag, inputs, (), digits, first_bits)))
    results = [np.empty(shape, dtype=object) for _ in dag.outputs]
    for index in np.ndindex(shape):
        for result, value in zip(
            results, _rising(dag, inputs, (shape, index), digits, first_bits), strict=True
        ):
            result[index] = value
    return unflatten(structure, iter(results))


def _of_arrays(leaves: list[Expr], dag: Dag, inputs: list[Any], digits: int, first_bits: int) -> list[Any]:
    """The values of a program over arrays, element by element."""
    arrays = {
        symbol: value if isinstance(value, np.ndarray) else np.asarray(float(value), symbol.dtype)
        for symbol, value in zip(dag.symbols, inputs, strict=True)
    }
    outputs, stand_ins = specialised(leaves, arrays)
    arrays_of_scalars = elements(outputs, {stand_ins[symbol]: array for symbol, array in arrays.items()})
    known: dict[str, Any] = {}
    for symbol, value in zip(dag.symbols, inputs, strict=True):
        for place, scalar in np.ndenumerate(named(stand_ins[symbol])):
            known[scalar.name] = value[place] if isinstance(value, np.ndarray) else value
    scalars = [scalar for array in arrays_of_scalars for scalar in array.reshape(-1)]
    flat = Dag(scalars) if scalars else None
    numbers = iter(
        _rising(flat, [_scalar(known[s.name]) for s in flat.symbols], (), digits, first_bits) if flat else []
    )
    results = []
    for array in arrays_of_scalars:
        result = np.empty(array.shape, dtype=object)
        for place in np.ndindex(*array.shape):
            result[place] = next(numbers)
        results.append(result if array.shape else result[()])
    return results


def _scalar(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, np.generic) else value


def enclose(expr: Expr, at: Mapping[Any, Any], digits: int = 50) -> Enclosure:
    """The value of a scalar float expression whose float constants stand for numbers that were rounded to
    them.

    A partial derivative is written with log 2 as a float: the enclosure holds the value for the exact
    number as well, and its error is what the rounding of the constants can do. A constant is taken as
    rounded, by up to two units in its last place, when it is neither whole nor a short binary fraction.

    Parameters
    ----------
    at : name or symbol → scalar, as for `evaluate`
    digits : digits carried

    Raises `InputError` as `evaluate` does, and `PrecisionError` when the constants' rounding decides a
    branch.
    """
    dag = Dag([expr])
    inputs = _bound(dag, at)
    if _shape(dag, inputs):
        raise InputError("an enclosure is taken at one point: pass scalars", node=repr(expr))
    ball = _run(dag, inputs, (), _arithmetic(_bits(digits), TIES), rounded=True)
    if ball is None:
        raise PrecisionError(
            "the rounding of the constants decides a branch", node=repr(expr), site=expr.site
        )
    return Enclosure(Arithmetic.exported(ball[0].mid), Arithmetic.exported(ball[0].rad))


def context(digits: int) -> Any:
    """An mpmath context of this thread with so many digits, to compute with results; leave its precision
    alone."""
    return _arithmetic(_bits(digits), None).mp


def _bits(digits: int) -> int:
    if isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= MOST_DIGITS:
        raise InputError(f"digits is {brief(digits)}", hint=f"a whole number from 1 to {MOST_DIGITS}")
    return int(digits * BITS_PER_DIGIT) + 64


# --- values of the inputs -----------------------------------------------------------------------------------


def _is_exotic(value: Any) -> bool:
    return isinstance(value, (Fraction, Decimal)) or hasattr(value, "_mpf_")


def _bound(dag: Dag, at: Mapping[Any, Any]) -> list[Any]:
    """The inputs' values in order: arrays as the interpreter takes them, or exact numbers."""
    exotic = {key: value for key, value in at.items() if _is_exotic(value)} if isinstance(at, Mapping) else {}
    arrays = bind_names(dag.symbols, {**at, **dict.fromkeys(exotic, 0.0)} if exotic else at)
    exact = {key.name if isinstance(key, Expr) else key: value for key, value in exotic.items()}
    return [
        _exact(exact[s.name]) if s.name in exact else array
        for s, array in zip(dag.symbols, arrays, strict=True)
    ]


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return Fraction(value) if value.is_finite() else float(value)
    return value


def _shape(dag: Dag, inputs: list[Any]) -> tuple[int, ...]:
    arrays = [value for value in inputs if isinstance(value, np.ndarray)]
    constants = [node.value for node in dag.exprs if node.is_constant and node.shape]
    try:
        return np.broadcast_shapes(*(array.shape for array in (*arrays, *constants)))
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in (*arrays, *constants) if array.shape)
        raise ShapeError(f"the inputs' shapes do not broadcast: {shapes}", hint=BROADCASTING) from None


# --- evaluation ---------------------------------------------------------------------------------------------


class Reused:
    """What evaluations of one graph at neighbouring points share: the balls of nodes that do not depend on what was moved.

    moved : the nodes whose values are others than at the point where nothing was
    """

    def __init__(self) -> None:
        self.moved: Set[Expr] = frozenset()
        self._balls: dict[Arithmetic, dict[Expr, Any]] = {}

    def balls(self, field: Arithmetic) -> dict[Expr, Any]:
        """Those of a precision."""
        return self._balls.setdefault(field, {})


def _rising(dag: Dag, inputs: list[Any], where: tuple[Any, ...], digits: int, first_bits: int) -> list[Any]:
    """The outputs at one point, the precision doubled until each has its digits."""
    return decided(dag, inputs, digits, where, first_bits=first_bits)[0]


def decided(
    dag: Dag,
    inputs: list[Any],
    digits: int,
    where: tuple[Any, ...] = (),
    stop: Callable[[], bool] | None = None,
    first_bits: int = 0,
    reused: Reused | None = None,
) -> tuple[list[Any], int]:
    """The outputs of a graph at one point, each to `digits` digits, and the binary digits that this took.

    inputs : exact numbers in the order of the graph's symbols: NumPy's or Python's floats and truths
    where : (shape, index) where they are arrays, of which one element is meant
    stop : asked at each node whether to give up, which is a `PrecisionError`
    reused : what earlier calls for this graph computed of nodes that have not moved

    Raises `PrecisionError` as `evaluate` does.
    """
    bits = max(_bits(digits), first_bits)
    last = max(LARGEST_BITS, 4 * bits)
    while True:
        at_end = bits >= last
        # in the last attempt a difference of a quarter of the digits' size or less is a tie
        field = _arithmetic(bits, 2.0 ** (-bits // 4) if at_end else None)
        balls = _run(dag, inputs, where, field, rounded=False, stop=stop, reused=None if at_end else reused)
        if balls is not None and all(_has_digits(ball, digits) for ball in balls):
            values = [_value(dag, output, ball) for output, ball in zip(dag.outputs, balls, strict=True)]
            return values, bits
        if at_end:
            break
        bits = min(2 * bits, last)
    if balls is not None and all(_has_digits(ball, digits) or _is_nothing(ball, bits) for ball in balls):
        settled = [ball if _has_digits(ball, digits) else ball.field.ball(0) for ball in balls]
        values = [_value(dag, output, ball) for output, ball in zip(dag.outputs, settled, strict=True)]
        return values, bits
    raise PrecisionError(
        f"{last} binary digits do not determine {digits} decimal digits of the value",
        node=repr(dag.exprs[dag.outputs[0]]),
        hint="rounding decides the value: a long iteration that amplifies errors, or a point on a discontinuity",
    )


def _has_digits(ball: Any, digits: int) -> bool:
    if not isinstance(ball, Ball) or not ball.rad:
        return True
    mp = ball.field.mp
    return bool(mp.isfinite(ball.rad) and ball.rad * mp.mpf(10) ** digits <= abs(ball.mid))


def _is_nothing(ball: Ball, bits: int) -> bool:
    """Whether a ball holds 0 and little else."""
    return bool(abs(ball.mid) <= ball.rad <= 2.0 ** (-bits // 4))


def _value(dag: Dag, output: int, ball: Any) -> Any:
    kind = dag.exprs[output].dtype.kind
    if kind == "b":  # truths, but what is larger of two truths is a number
        return bool(getattr(ball, "mid", ball))
    return (
        int(ball.mid) if kind in "iu" and ball.field.mp.isfinite(ball.mid) else Arithmetic.exported(ball.mid)
    )


def _run(
    dag: Dag,
    inputs: list[Any],
    where: tuple[Any, ...],
    field: Arithmetic,
    *,
    rounded: bool,
    stop: Callable[[], bool] | None = None,
    reused: Reused | None = None,
) -> list[Any] | None:
    """The balls of the outputs at one point; None where a branch is not decided.

    where : (shape, index) of the element, or () for scalars
    rounded : whether long float constants are taken as rounded
    """
    values = dict(zip(dag.symbols, inputs, strict=True))

    def leaf(node: Expr) -> Any:
        value = values[node] if node.is_symbol else node.value
        if isinstance(value, np.ndarray):
            value = np.broadcast_to(value, where[0])[where[1]] if where else value[()]
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool):
            return value
        ball = field.ball(value)
        if (
            rounded
            and node.is_constant
            and isinstance(value, float)
            and np.isfinite(value)
            and not is_short(value)
        ):
            return field.widened(ball, 2 * float(np.finfo(node.dtype).eps))
        return ball

    def apply(node: Expr, operands: Any) -> Any:
        if stop is not None and stop():
            raise PrecisionError("the time in which a value was to be decided is up", node=repr(node))
        special = _SPECIAL.get(node.op.name)
        return special(field, operands[0]) if special else apply_formula(node, field, operands)

    outputs = [dag.exprs[output] for output in dag.outputs]
    kept, moved = (None, frozenset[Expr]()) if reused is None else (reused.balls(field), reused.moved)
    try:
        return through_formulas(outputs, field, leaf, apply, kept, moved)
    except (Undecided, ZeroDivisionError):  # the latter where an interval has narrowed to 0 on the way
        return None


def _test(name: str) -> Any:
    def test(field: Arithmetic, ball: Ball) -> bool:
        if not field.mp.isfinite(ball.rad):
            raise Undecided
        return bool(getattr(field.mp, name)(ball.mid))

    return test


_SPECIAL = {
    "isnan": _test("isnan"),
    "isinf": _test("isinf"),
    "isfinite": _test("isfinite"),
    "multiply_error": lambda field, ball: field.ball(0),  # nothing is rounded here
    "held": lambda field, ball: ball,
    "bounded_exponent": lambda field, ball: ball,  # nothing overflows here
    "round": lambda field, ball: field.round_half_even(ball),  # one decision where the formula takes two
}
"""What no formula over the real numbers says."""
