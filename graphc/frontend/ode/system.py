"""The right-hand side of an equation, traced once, and arithmetic on states that are structures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, ShapeError, brief_text
from graphc.frontend.body_trace import TracedBody, body_function, leaves_of
from graphc.ir.expr import Expr, apply, cast, constant, current_site, rebuild, symbol, walk
from graphc.ir.op import lookup
from graphc.ir.types import FLOAT64, DType, format_shape, is_float
from graphc.ops.comparison import maximum, where
from graphc.ops.elementary import sqrt
from graphc.ops.rounding import add_error
from graphc.ops.support.build import count, summed
from graphc.util.pytree import LEAF, Structure, flatten, unflatten

State = list[Expr]


class System:
    """y' = f(t, y) with the state as a list of its parts.

    start : the state at the beginning; tree : the structure that users see; dtype : that of time
    """

    tree: Structure
    time: Expr
    state: list[Expr]

    def __init__(self, f: Callable[[Any, Any], Any], y0: Any) -> None:
        body_function("odeint", f, 2)
        parts, self.tree = leaves_of("the state of odeint", y0)
        self.start: State = [_as_float(part, place) for place, part in enumerate(parts)]
        self.dtype: DType = np.result_type(*(part.dtype for part in self.start))
        time = symbol("t", (), self.dtype)
        traced = TracedBody("odeint", f, [[time], self.start], [LEAF, self.tree], ("t", "y"))
        self.time, *self.state = traced.own
        self.slopes: State = self._checked(traced.returned)

    def _checked(self, returned: Any) -> State:
        leaves, structure = flatten(returned)
        if len(leaves) != len(self.start):
            raise ExpressionError(
                f"the right-hand side of odeint returns another structure than the state: {brief_text(returned, 80)}",
                site=current_site(),
                hint=_of_structure(self.tree, structure),
            )
        slopes = []
        for place, (part, slope) in enumerate(zip(self.state, leaves, strict=True)):
            if not isinstance(slope, Expr):
                slope = constant(slope, part.dtype) if np.ndim(slope) == 0 else constant(slope)
            if slope.dtype != part.dtype:
                raise DtypeError(
                    f"odeint: part {place} of the state is {part.dtype} and its rate of change {slope.dtype}",
                    node=repr(slope),
                    site=slope.site or current_site(),
                    hint=f'write g.astype(…, "{part.dtype}")',
                )
            if slope.shape != part.shape:
                raise ShapeError(
                    f"odeint: part {place} of the state has shape {format_shape(part.shape)} and its rate of change "
                    f"{format_shape(slope.shape)}",
                    node=repr(slope),
                    site=slope.site or current_site(),
                    hint="f(t, y) returns what y changes by in a unit of time, in the shape of y",
                )
            slopes.append(slope)
        return slopes

    def where(self, places: Mapping[Expr, Expr], start: Sequence[Expr]) -> System:
        """The same equation with other expressions in place of some, from another state on."""
        return self.like(self.state, written_for(self.slopes, places), start)

    def like(self, state: Sequence[Expr], slopes: Sequence[Expr], start: Sequence[Expr]) -> System:
        """Another equation of the same time: symbols of a state, what they change by, and the state at the beginning."""
        other = object.__new__(System)
        other.time, other.dtype = self.time, self.dtype
        other.tree = self.tree if len(state) == len(self.state) else LEAF
        other.state, other.slopes, other.start = list(state), list(slopes), list(start)
        return other

    def rate(self, t: Expr, y: Sequence[Expr]) -> State:
        """f(t, y)."""
        return written_for(self.slopes, dict(zip((self.time, *self.state), (t, *y), strict=True)))

    def seen(self, y: Sequence[Expr]) -> Any:
        """A state in the user's structure."""
        return unflatten(self.tree, iter(y))


def _of_structure(tree: Structure, other: Structure) -> str:
    if tree == LEAF:
        return "the state is one array: write g.stack([…])"
    return "return what y changes by in the same tuples, lists and dicts as y"


def _as_float(part: Expr, place: int) -> Expr:
    if part.dtype.kind in "iu":
        return cast(part, FLOAT64)
    if not is_float(part.dtype):
        raise DtypeError(
            f"part {place} of the state of odeint is {part.dtype}",
            node=repr(part),
            site=part.site or current_site(),
            hint="a state is made of floats",
        )
    return part


def written_for(outputs: Sequence[Expr], places: Mapping[Expr, Expr]) -> State:
    """Some expressions with others in place of symbols."""
    known: dict[Expr, Expr] = dict(places)
    for node in walk(outputs, list(places)):
        if node in known:
            continue
        operands = tuple([known.get(operand, operand) for operand in node.operands])
        if operands != node.operands:
            known[node] = rebuild(node, operands)
    return [known.get(output, output) for output in outputs]


def fitting(factor: Any, part: Expr) -> Any:
    """A factor of time's type as one of a part of the state."""
    return cast(factor, part.dtype) if isinstance(factor, Expr) and factor.dtype != part.dtype else factor


def combined(weights: Sequence[float], slopes: Sequence[State]) -> State | None:
    """Σ wᵢ kᵢ, part by part, without what has the weight 0; None where nothing is left."""
    result: State | None = None
    for weight, slope in zip(weights, slopes, strict=False):
        if weight:
            terms = [weight * k if weight != 1 else k for k in slope]
            result = terms if result is None else [a + b for a, b in zip(result, terms, strict=True)]
    return result


def moved_by(y: Sequence[Expr], h: Any, change: State | None) -> State:
    """y + h·change."""
    if change is None:
        return list(y)
    return [a + fitting(h, a) * k for a, k in zip(y, change, strict=True)]


def chosen_state(condition: Any, a: Sequence[Expr], b: Sequence[Expr]) -> State:
    return [where(condition, x, y) for x, y in zip(a, b, strict=True)]


def scales(rtol: float, atol: float, *states: Sequence[Expr]) -> State:
    """What an error is measured by: atol + rtol·|y|, with the larger |y| of some states."""
    result = []
    for parts in zip(*states, strict=True):
        size = abs(parts[0])
        for part in parts[1:]:
            size = maximum(size, abs(part))
        result.append(atol + rtol * size)
    return result


def rms(parts: Sequence[Expr], scale: Sequence[Expr], dtype: DType) -> Expr:
    """The root of the mean square of all elements of a state, each divided by its scale."""
    total: Any = None
    number: Any = 0
    for part, own in zip(parts, scale, strict=True):
        ratio = part / own
        square = ratio * ratio
        square = summed(square) if square.shape else square
        square = cast(square, dtype)
        total = square if total is None else total + square
        number = number + (count(part.shape, tuple(range(part.ndim)), dtype) if part.shape else 1)
    return sqrt(total / number)


def held(x: Expr) -> Expr:
    """x without a derivative: steps are chosen, not differentiated.

    The derivative of a numerical solution is that of its steps at the lengths that they have: how errors of a step change with
    the state is noise of the size of the tolerance. What rounding takes from the sum of x and a number beside which it is nothing
    is x itself, and its derivative is 0.
    """
    return add_error(constant(1e200 if x.dtype.itemsize == 8 else 1e30, x.dtype), x)


def unit_roundoff(dtype: DType) -> float:
    return float(np.finfo(dtype).eps)


def any_not_finite(parts: Sequence[Expr]) -> Any:
    """Whether a state has an element that is NaN or infinite."""
    found: Any = None
    for part in parts:
        bad = ~apply(lookup("isfinite"), part)
        if bad.shape:
            bad = apply(lookup("any"), bad, attrs=(None, False))
        found = bad if found is None else found | bad
    return found


__all__ = [
    "State",
    "System",
    "any_not_finite",
    "chosen_state",
    "combined",
    "fitting",
    "held",
    "moved_by",
    "rms",
    "scales",
    "unit_roundoff",
    "written_for",
]
