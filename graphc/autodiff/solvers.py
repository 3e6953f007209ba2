"""What an equation stands for when it is computed: a loop of steps that ends at its solution.

Roots are found by Newton's method with a line search on the largest residual, minima by Newton's method with a line search on
the value, fixed points by Anderson's mixing of the last steps and one step of Newton's at the end. Each loop says how it ended.

Sources: Nocedal and Wright, Numerical Optimization (2006), chapters 3 and 11; Hager and Zhang, A new conjugate gradient method
with guaranteed descent (2005), for the line search near a minimum; Walker and Ni, Anderson acceleration for fixed-point
iterations (2011).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.autodiff.equations import Equations, dot
from graphc.autodiff.hessians import is_positive, shift_of, shifted
from graphc.ir.body import Body
from graphc.ir.expr import Expr, constant, symbol
from graphc.ir.op import Op
from graphc.ops.closures import required
from graphc.ops.comparison import where
from graphc.ops.control import switch_results, while_results
from graphc.ops.implicit import FIXED_POINT, MINIMIZER, ROOT, regular_solve
from graphc.ops.support.build import call, expanded
from graphc.ops.unfold import near, unfolded_values, unfolds

RUNNING, FOUND, SINGULAR, NOT_FINITE, STUCK, TOO_LONG, NO_MINIMUM = range(7)

REASONS = {
    SINGULAR: "the Jacobian is singular at a step, so that Newton's method has no direction",
    NOT_FINITE: "the function is not finite at the start, or at a step",
    STUCK: "no step lowers what is to become 0: the search ended beside a solution, where there may be none",
    TOO_LONG: "it was not found within max_steps",
    NO_MINIMUM: "where the search ended the gradient is 0, and the function has no minimum: the Hessian is not positive",
}
"""How a search ended, in words."""

NAMES = {ROOT: "root", FIXED_POINT: "fixed_point", MINIMIZER: "argmin"}
"""What users call the search."""

HISTORY = 5
"""Steps that Anderson's method mixes."""

MOST_POLISHED = 64
"""Unknowns up to which a fixed point gets a step of Newton's at the end."""

DESCENT = 1e-4
"""The part of the promised decrease that a step has to keep."""


def _largest(x: Expr) -> Expr:
    """The largest size of an element; NaN where one is."""
    return abs(x) if not x.shape else call("max", abs(x))


def _all(x: Expr) -> Expr:
    return x if not x.shape else call("all", x)


def _number(value: float, like: Expr) -> Expr:
    return constant(value, like.dtype)


def _status(value: int) -> Expr:
    return constant(value, "int64")


def _finite(x: Expr) -> Expr:
    return _all(call("isfinite", x))


def _tolerance(tol: float | None, like: Expr) -> float:
    return float(np.finfo(like.dtype).eps) ** (2 / 3) if tol is None else tol


def _divided(system: Equations, matrix: Expr, right: Expr) -> Expr:
    """The solution of matrix · d = right; not finite where there is none."""
    return right / matrix if system.scalar else regular_solve(matrix, right)


class _Line:
    """Part of the way along a direction: halved until a condition holds, or until that is no way at all.

    at : (t, what is used) → the condition
    used : the point, the direction, and what else the condition is made of
    """

    def __init__(self, at: Callable[[Expr, Sequence[Expr]], Expr], used: Sequence[Expr]) -> None:
        self.used = used
        own = [symbol(f"\2used{k}", x.shape, x.dtype) for k, x in enumerate(used)]
        t = symbol("\2t", (), used[0].dtype)
        accepted = symbol("\2accepted", (), "bool")
        shorter = t * _number(0.5, t)
        body = Body([t, accepted, *own], [shorter, at(shorter, own)])
        moves = call("not_equal", own[0] + t * own[1], own[0])
        goes_on = Body([t, accepted, *own], [~accepted & (moves if not moves.shape else call("any", moves))])
        first = _number(1.0, t)
        self.part, self.accepted, *_ = while_results(body, goes_on, [first, at(first, used)], used, None)


def _ended(
    system: Equations, small: Expr, near: Expr, line: _Line, zero: Expr, checks: Sequence[Any]
) -> Expr:
    """The status behind a step.

    zero : whether the residual is 0; small : whether the step was; near : whether it would have been, and nothing is lower
    checks : (condition, status) of what ends the search
    """
    status = where(
        line.accepted,
        where(small, _status(FOUND), _status(RUNNING)),
        where(near, _status(FOUND), _status(STUCK)),
    )
    for condition, said in reversed(checks):
        status = where(condition, _status(said), status)
    return where(zero, _status(FOUND), status)


def _slow(status: Expr, near: Expr) -> Expr:
    """The status of a search that took all its steps, the last of them small: it nears one where the Jacobian is singular."""
    return where(call("equal", status, RUNNING) & near, _status(FOUND), status)


class Search:
    """The loop of a search, as the body that it stands for."""

    system: Equations
    most: int
    strict: bool

    def __init__(self, op: Op, body: Body, leaves: int, tol: float | None, most: int, strict: bool) -> None:
        self.op = op
        self.system = system = Equations(op, body, leaves)
        self.start: list[Expr] = [
            symbol(f"\2start{k}", x.shape, x.dtype) for k, x in enumerate(body.inputs[:leaves])
        ]
        self.most, self.strict = most, strict
        self.first: Expr = system.pack(self.start)
        self.tol: float = _tolerance(tol, self.first)
        self.used: tuple[Expr, ...] = system.captured

    def unfold(self) -> Body:
        """The search written out: all results."""
        loop = {ROOT: self._root, FIXED_POINT: self._fixed_point, MINIMIZER: self._minimizer}[self.op]
        x, steps, status, residual = loop()
        status = where(call("equal", status, RUNNING), _status(TOO_LONG), status)
        found = call("equal", status, FOUND)
        if self.strict:
            for ended, reason in REASONS.items():
                if (ended == NO_MINIMUM) == (self.op is MINIMIZER) or ended != NO_MINIMUM:
                    holds = call("not_equal", status, ended)
                    x = required(x, holds, f"{NAMES[self.op]}: {reason}")
        else:
            x = where(found, x, _number(np.nan, x))
        return Body([*self.start, *self.used], [*self.system.unpack(x), steps, status, residual])

    # --- loops --------------------------------------------------------------------------------------------------------

    def _loop(self, step: Callable[..., list[Expr]], carry: Sequence[Expr]) -> list[Expr]:
        """The loop that goes on while the status, the first that is carried, is that of a search that runs."""
        uses = [*self.used, self.first]
        own = [symbol(f"\2carry{k}", x.shape, x.dtype) for k, x in enumerate(carry)]
        outside = [symbol(f"\2use{k}", x.shape, x.dtype) for k, x in enumerate(uses)]
        new = step(outside[-1], outside[:-1], *own)
        body = Body([*own, *outside], new)
        goes_on = Body([*own, *outside], [call("equal", own[0], RUNNING)])
        return while_results(body, goes_on, carry, uses, self.most)

    def _small(self, step: Expr, x: Expr, new: Expr) -> Expr:
        return _all(abs(step) <= (abs(x) + abs(new)) * _number(self.tol, x))

    def _near(self, step: Expr, scale: Expr) -> Expr:
        return _all(abs(step) <= scale * _number(self.tol**0.5, scale))

    def _is_rounding(self, value: Expr, matrix: Expr, x: Expr) -> Expr:
        """Whether a residual is one that the rounding of x leaves."""
        reach = abs(matrix) * abs(x) if self.system.scalar else abs(matrix) @ abs(x)
        return _all(abs(value) <= reach * _number(16 * float(np.finfo(x.dtype).eps), x))

    def _scale(self, x: Expr, first: Expr) -> Expr:
        return call("maximum", _largest(x), _largest(first))

    def _root(self) -> list[Expr]:
        system = self.system

        def at(t: Expr, used: Sequence[Expr]) -> Expr:
            x, d, size, *outside = used
            new = _largest(system.residual(x + t * d, outside))
            return new <= size * (1 - _number(DESCENT, t) * t)

        def step(first: Expr, outside: Sequence[Expr], status: Expr, x: Expr, _: Expr) -> list[Expr]:
            value, matrix = system.residual(x, outside), system.slope(x, outside)
            d = -_divided(system, matrix, value)
            size, right = _largest(value), _finite(d)
            line = _Line(at, [x, where(right, d, _number(0.0, d)), size, *outside])
            new = x + line.part * d
            near = self._near(d, self._scale(x, first))
            status = _ended(
                system,
                self._small(new - x, x, new),
                near | self._is_rounding(value, matrix, x),
                line,
                call("equal", size, 0),
                [(~call("isfinite", size), NOT_FINITE), (~right, SINGULAR)],
            )
            keep = line.accepted & right & call("not_equal", size, 0)
            return [status, where(keep, new, x), near]

        status, x, near, steps = self._loop(step, [_status(RUNNING), self.first, constant(False)])
        status = _slow(status, near)
        return [x, steps, status, _largest(system.residual(x, self.used))]

    def _minimizer(self) -> list[Expr]:
        system = self.system
        value_of = system.body
        eps = float(np.finfo(system.dtype).eps)

        def value(x: Expr, outside: Sequence[Expr]) -> Expr:
            return value_of.of([*system.unpack(x), *outside])[0]

        def at(t: Expr, used: Sequence[Expr]) -> Expr:
            x, d, old, slope, steep, *outside = used
            point = x + t * d
            new, part = value(point, outside), _number(DESCENT, t) * t
            lower = new <= old + part * slope
            level = new <= old + abs(old) * _number(8 * eps, t)
            flatter = _largest(system.residual(point, outside)) <= steep * (1 - part)
            return lower | (level & flatter)

        def step(first: Expr, outside: Sequence[Expr], status: Expr, x: Expr, _: Expr) -> list[Expr]:
            gradient, old = system.residual(x, outside), value(x, outside)
            matrix, steep = system.slope(x, outside), _largest(gradient)
            shift, downhill = shift_of(system, matrix)
            newton = -_divided(system, shifted(system, matrix, shift), gradient)
            usable = _finite(newton)
            d = where(usable, newton, -gradient)
            slope = dot(d, gradient)
            line = _Line(at, [x, d, old, slope, steep, *outside])
            new = x + line.part * d
            near = usable & self._near(d, self._scale(x, first))
            status = _ended(
                system,
                downhill & self._small(new - x, x, new),
                near | self._is_rounding(gradient, matrix, x),
                line,
                call("equal", steep, 0),
                [(~(call("isfinite", old) & call("isfinite", steep)), NOT_FINITE)],
            )
            keep = line.accepted & call("not_equal", steep, 0)
            return [status, where(keep, new, x), near]

        status, x, near, steps = self._loop(step, [_status(RUNNING), self.first, constant(False)])
        status = _slow(status, near)
        positive = is_positive(system, system.slope(x, self.used), strict=False)
        status = where(call("equal", status, FOUND) & ~positive, _status(NO_MINIMUM), status)
        return [x, steps, status, _largest(system.residual(x, self.used))]

    def _fixed_point(self) -> list[Expr]:
        system = self.system
        polished = isinstance(system.size, int) and system.size <= MOST_POLISHED
        tol = self.tol if polished else min(self.tol, self.tol**1.5 * 256)

        def step(first: Expr, outside: Sequence[Expr], status: Expr, *state: Expr) -> list[Expr]:
            x, before, last, best, good, ahead, stale, *history = state
            r = -system.residual(x, outside)
            size = _largest(r)
            new, history = self._mixed(x, r, before, last, history)
            better = size < best
            wild = ~_finite(new) | ~(size <= best * 10)  # from the best point again, without what was mixed
            ahead = where(better, x + r, ahead)
            new = where(wild, ahead, new)
            history[0] = where(wild, _status(0), history[0])
            good = where(better, x, good)
            stale = where(better, _status(0), stale + 1)
            small = _all(abs(r) <= (abs(x) + abs(x + r)) * _number(tol, x))
            near = self._near(ahead - good, self._scale(good, first))
            over = (stale > STALE) & near
            status = where(small | call("equal", size, 0) | over, _status(FOUND), _status(RUNNING))
            status = where(call("isfinite", best) | call("isfinite", size), status, _status(NOT_FINITE))
            new = where(call("equal", status, RUNNING), new, where(over, good, x))
            return [
                status,
                new,
                x,
                r,
                call("minimum", best, where(better, size, best)),
                good,
                ahead,
                stale,
                *history,
            ]

        none = self.first * _number(0.0, self.first)
        carry = [
            self.first,
            none,
            none,
            _number(np.inf, self.first),
            none,
            none,
            _status(0),
            *self._no_history(),
        ]
        status, x, *rest = self._loop(step, [_status(RUNNING), *carry])
        steps, r = rest[-1], -system.residual(x, self.used)
        if polished:
            x, r = self._polished(x, status)
        return [x, steps, status, _largest(r)]

    def _no_history(self) -> list[Expr]:
        if self.system.scalar:
            return [_status(0)]
        row = expanded(self.first * _number(0.0, self.first), 0)
        rows = call("concat", *[row] * self._depth, axis=0) if self._depth > 1 else row
        return [_status(0), rows, rows]

    @property
    def _depth(self) -> int:
        size = self.system.size
        return min(HISTORY, size) if isinstance(size, int) else HISTORY

    def _mixed(
        self, x: Expr, r: Expr, before: Expr, last: Expr, history: Sequence[Expr]
    ) -> tuple[Expr, list[Expr]]:
        """The next point, and the history with this one in it; of one number Anderson's method is the secant."""
        count = history[0]
        moved, changed = x - before, r - last
        if self.system.scalar:
            share = r / changed
            return where(count > 0, x + r - share * (moved + changed), x + r), [count + 1]
        _, points, changes = history
        known = count > 0
        rows = []
        for old, new in ((points, moved), (changes, changed)):
            row = where(known, expanded(new, 0), expanded(new, 0) * _number(0.0, new))
            rest = call("index", old, key=(("slice", None, -1, None),)) if self._depth > 1 else None
            rows.append(row if rest is None else call("concat", row, rest, axis=0))
        points, changes = rows
        square = changes @ changes.mT
        eye = call("eye", n_rows=self._depth, dtype=x.dtype.name)
        trace = call("sum", square * eye)
        ridge = (
            float(np.finfo(x.dtype).eps) ** 0.75
        )  # of steps that depend on each other, as those of one unknown do
        share = regular_solve(square + eye * (trace * _number(ridge, x)), changes @ r)
        share = where(call("isfinite", share), share, _number(0.0, share))
        return x + r - share @ (points + changes), [count + 1, points, changes]

    def _polished(self, x: Expr, status: Expr) -> tuple[Expr, Expr]:
        """A step of Newton's from where the mixing ended, where that makes it better."""
        system = self.system
        own = [symbol(f"\2at{k}", y.shape, y.dtype) for k, y in enumerate((x, *self.used))]
        here, outside = own[0], own[1:]
        r = -system.residual(here, outside)
        new = here + _divided(system, system.slope(here, outside), r)
        left = -system.residual(new, outside)
        better = _finite(new) & (_largest(left) <= _largest(r))
        yes = Body(own, [where(better, new, here), where(better, left, r)])
        no = Body(own, [here, r])
        index = call("equal", status, FOUND).astype("int64")
        point, rest = switch_results(index, (no, yes), [x, *self.used])
        return point, rest


STALE = 30
"""Steps without a smaller residual that end the search for a fixed point, where what is left is small."""


def _unfold(op: Op) -> Callable[..., Body]:
    return lambda *attrs: Search(op, *attrs).unfold()


REFINED = 5
"""Steps of Newton's method from a solution in floats: each doubles the digits, so that there are hundreds."""


def _refined(node: Expr, operands: Sequence[Expr], values: Sequence[Any]) -> Expr:
    """A solution near a point, as steps of Newton's method from where it lies at the point."""
    body, *method, number = node.attrs
    leaves = method[0]
    results = unfolded_values(node.op, values, node.attrs[:-1])
    if number >= leaves:
        return constant(results[number])
    system = Equations(node.op, body, leaves)
    x, outside = system.pack([constant(value) for value in results[:leaves]]), operands[leaves:]
    for _ in range(REFINED):
        x = x - _divided(system, system.slope(x, outside), system.residual(x, outside))
    return system.unpack(x)[number]


for _op in (ROOT, FIXED_POINT, MINIMIZER):
    unfolds(_op, _unfold(_op))
    near(_op, _refined)

__all__ = ["FOUND", "NO_MINIMUM", "REASONS", "TOO_LONG", "Search"]
