"""Derivatives checked against differences.

Every first partial that reverse mode builds is evaluated to many digits and held against difference
quotients of the function alone, at steps so small and a precision so high that what is left of their error
is far below float64's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from graphc.autodiff.reverse import reverse
from graphc.errors import ExpressionError, ShapeError, UnknownNameError, brief_text
from graphc.interpret import mpmath_eval
from graphc.interpret.scalarize import elements, named, specialised
from graphc.ir.expr import Expr, constant, current_site, free_symbols, substitute, symbol
from graphc.ir.graph import Dag
from graphc.ir.inputs import bind_names
from graphc.ir.types import BROADCASTING, is_float
from graphc.util.fork_safety import cached_property
from graphc.util.notebook import ShownAsText
from graphc.util.pytree import flatten

FIRST_STEP, NEXT_STEP, STEPS = 10, 8, 5
"""Decimal digits of the first step, how many more each following one has, and how many are tried at most."""

SPARE = 40
"""Decimal digits of the function carried beyond what a difference cancels."""

STABLE = 20
"""Two differences that agree to so many digits end the search."""


@dataclass(frozen=True)
class Partial:
    """One partial derivative, checked.

    output : number of the output
    symbol : name of the symbol, with the index of the element where arrays were passed, and with that of the output's element
        where it is an array
    gradient : what reverse mode's expression gives
    difference : what differences of the function give; at a kink the nearest point between the two sides'
        derivatives
    error : how far they are apart
    tolerance : how far they may be: the differences' own error, and what the rounding of the float
        constants in the derivative's formula can do
    ok : whether they agree
    note : what is special at the point: a kink, a jump, the end of the domain
    """

    output: int
    symbol: str
    gradient: Any
    difference: Any
    error: Any
    tolerance: Any
    ok: bool
    note: str = ""

    def __str__(self) -> str:
        mp = mpmath_eval.context(20)
        gradient, difference = mp.nstr(mp.mpf(self.gradient), 17), mp.nstr(mp.mpf(self.difference), 17)
        error, tolerance = mp.nstr(mp.mpf(self.error), 3), mp.nstr(mp.mpf(self.tolerance), 3)
        text = f"∂/∂{self.symbol}: gradient {gradient}, differences {difference}, error {error}, tolerance {tolerance}"
        return f"{text} ({self.note})" if self.note else text


@dataclass(frozen=True)
class GradientReport(ShownAsText):
    """The result of `check_grad`: true when every partial agrees.

    partials : every partial that was checked, in order
    """

    partials: tuple[Partial, ...]

    def __bool__(self) -> bool:
        return all(partial.ok for partial in self.partials)

    @property
    def worst(self) -> Partial | None:
        """The partial with the largest error, those that fail first; None when there is nothing to check."""
        return max(self.partials, key=_badness, default=None)

    def __str__(self) -> str:
        if not self.partials:
            return "nothing to check: no output depends on a float symbol"
        failed = sum(not partial.ok for partial in self.partials)
        many = len(self.partials) != 1
        head = (
            f"{failed} of {len(self.partials)} partial{'s differ' if many else ' differs'} from differences"
            if failed
            else f"{len(self.partials)} partial{'s agree' if many else ' agrees'} with differences"
        )
        several = len({partial.output for partial in self.partials}) > 1
        assert self.worst is not None
        where = f"output {self.worst.output}, " if several else ""
        return f"{head}; worst {where}{self.worst}"

    def __repr__(self) -> str:
        return f"<GradientReport: {str(self).split(';')[0]}; print it, or .partials>"


def _badness(partial: Partial) -> tuple[bool, bool, Any]:
    error = partial.error
    return not partial.ok, bool(error != error), error if error == error else 0


def check_grad(f: Any, at: Mapping[Any, Any], wrt: Any = None) -> GradientReport:
    """Every first partial derivative of `f` at a point, compared with central differences.

    Parameters
    ----------
    f : an expression, a structure of expressions, or a graph
    at : name or symbol → number or array; every element of an array is checked, for every element of the output, so the check
        is fast for ten numbers and slow for a thousand
    wrt : the symbols, or names of symbols, to differentiate with respect to; by default all float symbols

    The function is evaluated in mpmath, with decreasing step and increasing precision until two successive differences agree.
    The tolerance is their remaining difference plus the effect of rounding the constants in the formula of the derivative, so
    there is nothing to tune. At a kink any value between the left and right derivatives passes; at the end of the domain the
    one-sided derivative is used; both are noted in the report. Where the function has no finite value, the check fails.

    Returns a report that is true when all partial derivatives agree; it prints the worst one and contains all of them.

    Raises `InputError` for a wrong point, `GradientError` for a function or symbol that is not a float, and `ConversionError`
    for an operation on arrays that has no elementwise formula, such as singular values.

    >>> import graphc as g
    >>> x, y = g.symbols("x y")
    >>> report = g.check_grad(x * y, {"x": 3.0, "y": 4.0})
    >>> bool(report), len(report.partials)
    (True, 2)
    """
    outputs = [f.exprs[output] for output in f.outputs] if isinstance(f, Dag) else flatten(f)[0]
    for output in outputs:
        if not isinstance(output, Expr):
            raise ExpressionError(
                f"a gradient is checked of an expression, not of {brief_text(output, 60)!r}",
                site=current_site(),
                hint='write g.check_grad(L, {"x": 2.0})',
            )
    dag = f if isinstance(f, Dag) else Dag(outputs)
    arrays = dict(zip(dag.symbols, bind_names(dag.symbols, at), strict=True))
    targets = _targets(dag, wrt)
    if any(node.op.on_arrays for node in dag.exprs):
        return GradientReport(tuple(_of_arrays(outputs, arrays, targets)))
    shape = _shape(dag, list(arrays.values()))
    partials: list[Partial] = []
    for index in np.ndindex(shape):
        swap = _scalars(dag, shape, index)
        point = {swap.get(s, s): np.broadcast_to(array, shape)[index].item() for s, array in arrays.items()}
        for number, output in enumerate(outputs):
            scalar = substitute(output, swap)
            f = _MovedFunction(scalar, point)
            record = reverse([scalar], None, [swap.get(target, target) for target in targets])
            for target in targets:
                moved = swap.get(target, target)
                name = target.name + (str(list(index)) if index else "")
                partials.append(_partial(number, name, f, record.adjoint(moved), moved))
    return GradientReport(tuple(partials))


def _of_arrays(outputs: list[Expr], arrays: dict[Expr, np.ndarray], targets: list[Expr]) -> Iterator[Partial]:
    """Every partial of a program over arrays: of each element of an output by each element of a symbol."""
    outputs, stand_ins = specialised(outputs, arrays)
    known = {stand_ins[s]: array for s, array in arrays.items()}
    point = {scalar: known[s][place].item() for s in known for place, scalar in np.ndenumerate(named(s))}
    for number, output in enumerate(outputs):
        (scalars,) = elements([output], known)
        for place, scalar in np.ndenumerate(scalars):
            f = _MovedFunction(scalar, point)
            unit = np.zeros(output.shape, dtype=output.dtype)  # type: ignore[arg-type]  # lengths are known here
            unit[place] = 1
            record = reverse(
                [output],
                [constant(unit)],
                [stand_ins[target] for target in targets],
                where_seeded=[constant(unit != 0)],
            )
            for target in (stand_ins[target] for target in targets):
                adjoints: Any = elements([record.adjoint(target)], known)[0]
                for where, moved in np.ndenumerate(named(target)):
                    of = f"{moved.name} of element {list(place)}" if place else moved.name
                    yield _partial(number, of, f, adjoints[where], moved)


def _targets(dag: Dag, wrt: Any) -> list[Expr]:
    if wrt is None:
        return [s for s in dag.symbols if is_float(s.dtype)]
    named = {s.name: s for s in dag.symbols}
    targets = []
    for target in flatten(wrt)[0]:
        name = target.name if isinstance(target, Expr) and target.is_symbol else target
        if not isinstance(name, str) or name not in named:
            raise UnknownNameError(
                f"there is no input {brief_text(name, 60)!r} to differentiate by",
                site=current_site(),
                hint=f"the inputs are {', '.join(map(repr, sorted(named)))}",
            )
        targets.append(named[name])
    return targets


def _shape(dag: Dag, arrays: list[np.ndarray]) -> tuple[int, ...]:
    shapes = [array.shape for array in arrays] + [
        np.shape(node.value) for node in dag.exprs if node.is_constant
    ]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = ", ".join(str(shape) for shape in shapes if shape)
        raise ShapeError(
            f"the inputs' shapes do not broadcast: {shown}", site=current_site(), hint=BROADCASTING
        ) from None


def _scalars(dag: Dag, shape: tuple[int, ...], index: tuple[int, ...]) -> dict[Expr, Any]:
    """What stands in the place of tensors at one element: scalar symbols, elements of constants."""
    swap: dict[Expr, Any] = {}
    for node in dag.exprs:
        if node.is_symbol and node.shape:
            swap[node] = symbol(node.name, dtype=node.dtype, range=node.bounds)
        elif node.is_constant and node.shape:
            swap[node] = constant(np.broadcast_to(node.value, shape)[index])
    return swap


# --- one partial ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slopes:
    """Difference quotients at one step: central, from the left, from the right; and the change across the
    point."""

    central: Any
    left: Any
    right: Any
    change: Any


class _MovedFunction:
    """A scalar function at a point, any input of which may be moved: it is asked thousands of times, so all else stands ready."""

    def __init__(self, f: Expr, point: dict[Expr, Any]) -> None:
        self.point = point
        self._dag = Dag([f])
        self._inputs = [point[s] for s in self._dag.symbols]
        self._places = {s: k for k, s in enumerate(self._dag.symbols)}
        self._reused = mpmath_eval.Reused()
        self._below: dict[Expr, set[Expr]] = {}

    @cached_property
    def here(self) -> Any:
        """Its value at the point."""
        return self._value(self._inputs, SPARE)

    def depends_on(self, x: Expr) -> bool:
        return x in self._places

    def at(self, x: Expr, value: Fraction, digits: int) -> Any:
        """Its value where one input has another value, to so many digits."""
        inputs = list(self._inputs)
        inputs[self._places[x]] = value
        return self._value(inputs, digits, self._depending_on(x))

    def _depending_on(self, x: Expr) -> set[Expr]:
        """The nodes that another value of an input changes."""
        if x not in self._below:
            self._below = {x: {x}}  # inputs are moved one after the other
            for node in self._dag.exprs:
                if not self._below[x].isdisjoint(node.operands):
                    self._below[x].add(node)
        return self._below[x]

    def _value(self, inputs: list[Any], digits: int, moved: Set[Expr] = frozenset()) -> Any:
        self._reused.moved = moved
        return mpmath_eval.decided(self._dag, inputs, digits, reused=self._reused)[0][0]


def _partial(output: int, name: str, f: _MovedFunction, adjoint: Expr, x: Expr) -> Partial:
    mp = mpmath_eval.context(2 * (FIRST_STEP + NEXT_STEP * STEPS) + SPARE)
    gradient = mpmath_eval.enclose(adjoint, {s: f.point[s] for s in free_symbols(adjoint)}, SPARE)
    value = mp.mpf(gradient.value)
    here = mp.mpf(f.here)
    if not mp.isfinite(here):
        return Partial(
            output, name, value, mp.nan, mp.nan, mp.zero, ok=False, note=f"the function is {here} here"
        )
    if not np.isfinite(float(f.point[x])):
        note = f"there are no differences at {f.point[x]}"
        return Partial(output, name, value, mp.nan, mp.nan, mp.zero, ok=False, note=note)
    taken: list[_Slopes] = []
    for step in range(STEPS):
        taken.append(_slopes(mp, f, x, FIRST_STEP + NEXT_STEP * step))
        if step and _distance(mp, taken[-1].central, taken[-2].central) <= mp.mpf(10) ** -STABLE * abs(
            taken[-1].central
        ):
            break
    low, high, error, note = _limits(mp, taken)
    tolerance = error + mp.mpf(gradient.error)
    if not mp.isfinite(value) and value in (low, high):
        distance, nearest = mp.zero, value
    else:
        nearest = min(max(value, low), high) if value == value and low == low else low
        distance = _distance(mp, value, nearest)
    return Partial(
        output, name, value, nearest, distance, tolerance, ok=bool(distance <= tolerance), note=note
    )


def _slopes(mp: Any, f: _MovedFunction, x: Expr, digits: int) -> _Slopes:
    if not f.depends_on(x):
        return _Slopes(mp.zero, mp.zero, mp.zero, mp.zero)
    centre = Fraction(f.point[x])
    step = (abs(centre) or Fraction(1)) / 10**digits
    digits_carried = 2 * digits + SPARE

    def at(multiple: int) -> Any:
        return mp.mpf(f.at(x, centre + multiple * step, digits_carried))

    h = mp.mpf(step.numerator) / step.denominator
    two_left, one_left, one_right, two_right = at(-2), at(-1), at(1), at(2)
    # from either side alone, so that a jump at the point does not enter
    return _Slopes(
        central=(one_right - one_left) / (2 * h),
        left=(one_left - two_left) / h,
        right=(two_right - one_right) / h,
        change=one_right - one_left,
    )


def _limits(mp: Any, taken: list[_Slopes]) -> tuple[Any, Any, Any, str]:
    """(lowest, highest derivative that the differences allow, their error, what is special about the
    point)."""
    before, last = taken[-2], taken[-1]
    left, left_error = _limit(mp, before.left, last.left)
    right, right_error = _limit(mp, before.right, last.right)
    if mp.isnan(left) or mp.isnan(right):
        side, other, error = (right, "left", right_error) if mp.isnan(left) else (left, "right", left_error)
        return side, side, error, f"not defined to the {other}: the derivative from the other side"
    if last.change and abs(last.change) > abs(before.change) / 2:
        return (
            min(left, right),
            max(left, right),
            max(left_error, right_error),
            "a jump: the slopes on either side",
        )
    apart, apart_before = _distance(mp, left, right), _distance(mp, before.left, before.right)
    if apart and not apart < apart_before / 1000:
        error = max(left_error, right_error)
        shown = f"a kink: {mp.nstr(left, 6)} from the left, {mp.nstr(right, 6)} from the right"
        return min(left, right), max(left, right), error, shown
    central, error = _limit(mp, before.central, last.central)
    return central, central, error, "" if mp.isfinite(central) else "a vertical tangent"


def _limit(mp: Any, before: Any, last: Any) -> tuple[Any, Any]:
    """The limit of two successive quotients, and its error: infinite when they grow without bound."""
    if abs(last) > 100 * abs(before) > 0:
        return (mp.inf if last > 0 else -mp.inf), mp.zero
    # an error that falls with the step is smaller at the last step than what separates the two; what was carried bounds the rest
    return last, _distance(mp, before, last) + abs(last) * mp.mpf(10) ** (1 - SPARE)


def _distance(mp: Any, a: Any, b: Any) -> Any:
    return mp.zero if a == b else abs(a - b)
