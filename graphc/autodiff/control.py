"""Derivatives of loops and branches, which are loops and branches again.

Forward mode carries each value's rate of change beside it. Reverse mode runs a loop a second time, from its last step to its
first: the first run keeps what each step began with, the second hands the adjoints of the carries from step to step. Both are
loops whose bodies are derivatives of the body, so that those of any order follow. Of a branch, the derivative is a branch.

Source: Griewank and Walther, Evaluating Derivatives (2008), chapters 3 and 12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphc.autodiff.loop_parts import (
    any_of,
    chosen,
    conditions_within,
    loops_within,
    masked,
    outer_factors,
    values_within,
)
from graphc.autodiff.paths import Path, merge
from graphc.errors import GradientError
from graphc.ir.body import Body
from graphc.ir.expr import Expr, constant, substituted, symbol, walk
from graphc.ir.op import Op
from graphc.ir.types import is_float
from graphc.ops.comparison import equal
from graphc.ops.control import SCAN, SWITCH, WHILE, scan_results, switch_results, while_results
from graphc.ops.control_runs import loop_key
from graphc.ops.support.build import broadcast, call, zeros_like

Reverse = Callable[..., Any]
Forward = Callable[..., Any]


_RULES: dict[Op, tuple[Callable[..., dict[int, Expr]], Callable[..., Expr]]] = {}
"""Those of nodes with bodies that are no loops and branches."""


def derivative_rules(op: Op, back: Callable[..., dict[int, Expr]], ahead: Callable[..., Expr]) -> None:
    """Declare what nodes with bodies hand back, as `pulled_back`, and how they change, as `LoopChanges.of`."""
    _RULES[op] = back, ahead


def _stands_for(name: str, place: int, like: Expr) -> Expr:
    return symbol(f"\2{name}{place}", like.shape, like.dtype)


def _floats(xs: Sequence[Expr]) -> list[int]:
    return [place for place, x in enumerate(xs) if is_float(x.dtype)]


class LoopSweep:
    """Loops and branches in the sweep of reverse mode: their results hand back together, when the last of them is visited.

    reverse : reverse mode
    """

    def __init__(self, order: Sequence[Expr], active: set[Expr], reverse: Reverse) -> None:
        self._reverse = reverse
        self._left: dict[Any, int] = {}
        self._adjoints: dict[Any, dict[int, Expr]] = {}
        self._counted: dict[Any, dict[int, Expr]] = {}
        self._paths: dict[Any, list[Path | None]] = {}
        for node in order:
            if node.op.control is not None and node in active:
                key = loop_key(node)
                self._left[key] = self._left.get(key, 0) + 1

    def receives(self, node: Expr, adjoint: Expr, path: Path | None) -> None:
        """What a result was handed, and the condition under which it matters."""
        key = loop_key(node)
        if path is not None and path.mask is None:
            adjoint = chosen(path.expr, adjoint)
        self._adjoints.setdefault(key, {})[node.attrs[-1]] = adjoint
        if path is not None:
            self._counted.setdefault(key, {})[node.attrs[-1]] = broadcast(path.expr, node)
        self._paths.setdefault(key, []).append(_of_any(path, node))

    def handed_back(self, node: Expr, wanted: set[int]) -> list[tuple[int, Expr, Path | None]]:
        """(slot, what goes back to that operand, when it matters), when all results of a node's loop were visited; else nothing.

        Where no element of a result matters, whatever the loop would hand back is left out: 0, and not 0·∞.
        """
        key = loop_key(node)
        self._left[key] -= 1
        if self._left[key] or key not in self._adjoints:
            return []
        path = merge(self._paths[key])
        back = pulled_back(node, self._adjoints[key], wanted, self._reverse, self._counted.get(key, {}))
        handed = []
        for slot, x in back.items():
            own = _in_branches(path, node, slot) if node.op is SWITCH else path
            handed.append((slot, x if own is None else chosen(own.expr, x), own))
        return handed


def _in_branches(path: Path | None, node: Expr, slot: int) -> Path | None:
    """The path of an operand of a branch, given that of its results: it matters to the branches that use it."""
    bodies, _ = node.attrs
    index = node.operands[0]
    users = [k for k, body in enumerate(bodies) if body.inputs[slot - 1] in walk(body.outputs)]
    if len(users) == len(bodies):
        return path
    last = len(bodies) - 1
    taken = constant(False)
    for k in users:
        taken = taken | (index <= 0 if k == 0 else index >= last if k == last else equal(index, k))
    return Path(path, taken)


def _of_any(path: Path | None, node: Expr) -> Path | None:
    """Whether any element of a node matters; None is always."""
    if path is None or (path.mask is not None and not path.never):
        return None
    return path if not path.expr.shape else Path(None, call("any", broadcast(path.expr, node)))


# --- reverse ------------------------------------------------------------------------------------------------------------


def pulled_back(
    node: Expr,
    adjoints: Mapping[int, Expr],
    wanted: set[int],
    reverse: Reverse,
    counted: Mapping[int, Expr] = {},
) -> dict[int, Expr]:
    """What a loop or branch hands back to some of its operands, by slot.

    adjoints : number of a result → its adjoint; reverse : reverse mode
    counted : number of a result → which of its elements matter, where not all do
    """
    if node.op in _RULES:
        return _RULES[node.op][0](node, adjoints, wanted, reverse, counted)
    if node.op is SCAN:
        return _scan_back(node, adjoints, wanted, reverse, counted)
    if node.op is SWITCH:
        return _switch_back(node, adjoints, wanted, reverse)
    return _while_back(node, adjoints, wanted, reverse)


def _any(condition: Expr) -> Expr:
    return call("any", condition) if condition.shape else condition


def _scan_back(
    node: Expr,
    adjoints: Mapping[int, Expr],
    wanted: set[int],
    reverse: Reverse,
    counted: Mapping[int, Expr] = {},
) -> dict[int, Expr]:
    """The loop that runs the other way.

    Where of all results only some elements matter, it carries beside the adjoints whether any that it has met does, and what no
    such element depends on hands back 0, and not 0·∞.
    """
    body, carries, rows, length, backwards, _ = node.attrs
    carry, xs, captured = _parts(node.operands, carries, rows)
    own_carry, own_xs, own_captured = _parts(body.inputs, carries, rows)
    slopes = _floats(own_carry)  # carries that have adjoints
    to_sum = [place for place in _floats(own_captured) if carries + rows + place in wanted]
    to_stack = [place for place in _floats(own_xs) if carries + place in wanted]
    bars = [_stands_for("c", place, own_carry[place]) for place in slopes]
    seeded = [number for number in sorted(adjoints) if number >= carries]
    row_bars = [_stands_for("y", number, body.outputs[number]) for number in seeded]
    partly = [number for number in seeded if number in counted]
    row_counts = {number: symbol(f"\2u{number}", body.outputs[number].shape, "bool") for number in partly}
    met = symbol("\2met", (), "bool")
    guarded = bool(partly) and all(number in counted for number in adjoints)
    record = reverse(
        [body.outputs[place] for place in slopes] + [body.outputs[number] for number in seeded],
        [*bars, *row_bars],
        [own_carry[p] for p in slopes] + [own_xs[p] for p in to_stack] + [own_captured[p] for p in to_sum],
        [met if guarded else None for _ in slopes] + [row_counts.get(number) for number in seeded],
    )
    new_bars = [record.adjoint(own_carry[place]) for place in slopes]
    outer = {p: factors for p in to_sum if (factors := outer_factors(record.adjoint(own_captured[p])))}
    to_sum = [place for place in to_sum if place not in outer]
    sums = [_stands_for("p", place, own_captured[place]) for place in to_sum]
    new_sums = [total + record.adjoint(own_captured[p]) for total, p in zip(sums, to_sum, strict=True)]
    # the factors of products that are summed over the steps, but for those that are rows already
    stacked = [record.adjoint(own_xs[place]) for place in to_stack]
    held = (*own_carry, *own_xs)
    factors = list(dict.fromkeys(x for pair in outer.values() for x in pair if x not in held))
    new_met = any_of([met, *map(_any, row_counts.values())])
    # a loop carries something: where nothing else is carried, that
    flag, new_flag = ([met], [new_met]) if guarded or not (slopes or to_sum) else ([], [])
    outputs = (*new_bars, *new_sums, *new_flag, *stacked, *factors)
    inner = loops_within(outputs, body.inputs)
    inner += conditions_within(outputs, [*body.inputs, *inner])
    inner += values_within(outputs, [*body.inputs, *inner], own_carry, own_xs)
    known = {loop: _stands_for("l", place, loop) for place, loop in enumerate(inner)}
    back = Body(
        (
            *bars,
            *sums,
            *flag,
            *own_carry,
            *known.values(),
            *own_xs,
            *row_bars,
            *row_counts.values(),
            *own_captured,
        ),
        substituted(outputs, known) if known else outputs,
    )
    # the first run, with what each step began with, what loops within it gave and what it decided
    first = Body(body.inputs, (*body.outputs[:carries], *own_carry, *inner))
    kept = scan_results(first, carry, xs, captured, length, backwards)[carries:]
    start = [_adjoint(adjoints, place, carry[place]) for place in slopes]
    start += [zeros_like(captured[place]) for place in to_sum]
    if flag:
        start.append(
            any_of([constant(False), *(_any(counted[k]) for k in adjoints if k < carries and k in counted)])
        )
    given = [*kept, *xs, *(adjoints[number] for number in seeded), *(counted[number] for number in partly)]
    results = scan_results(back, start, given, captured, length, not backwards)
    slots = slopes + [carries + rows + place for place in to_sum] + [-1] * len(flag)
    slots += [carries + place for place in to_stack]
    found = {slot: result for slot, result in zip(slots, results, strict=False) if slot in wanted}
    if outer:
        of_rows = dict(zip(held, (*kept[:carries], *xs), strict=True))
        of_step = dict(zip(factors, results[len(slots) :], strict=True))
        for place, pair in outer.items():
            u, v = (of_step[x] if x in of_step else of_rows[x] for x in pair)
            found[carries + rows + place] = call("matmul", call("permute_dims", u, axes=(1, 0)), v)
    return found


def _adjoint(adjoints: Mapping[int, Expr], number: int, like: Expr) -> Expr:
    """The adjoint of a carry at the end; zeros of the shape that it began with, which nothing inside of the loop is asked for."""
    return adjoints[number] if number in adjoints else zeros_like(like)


def _parts(all_: Sequence[Expr], carries: int, rows: int) -> tuple[Sequence[Expr], ...]:
    return all_[:carries], all_[carries : carries + rows], all_[carries + rows :]


def _switch_back(
    node: Expr, adjoints: Mapping[int, Expr], wanted: set[int], reverse: Reverse
) -> dict[int, Expr]:
    bodies, _ = node.attrs
    index, *arguments = node.operands
    slots = [slot for slot in sorted(wanted) if slot > 0 and is_float(node.operands[slot].dtype)]
    if not slots:
        return {}
    numbers = sorted(adjoints)
    back = []
    for body in bodies:
        bars = [_stands_for("y", number, body.outputs[number]) for number in numbers]
        inputs = [body.inputs[slot - 1] for slot in slots]
        record = reverse([body.outputs[number] for number in numbers], bars, inputs)
        back.append(Body((*body.inputs, *bars), [record.adjoint(x) for x in inputs]))
    results = switch_results(index, tuple(back), [*arguments, *(adjoints[number] for number in numbers)])
    return dict(zip(slots, results, strict=True))


def _while_back(
    node: Expr, adjoints: Mapping[int, Expr], wanted: set[int], reverse: Reverse
) -> dict[int, Expr]:
    """The loop as one of the most steps it may take, of which those behind its end change nothing."""
    body, test, carries, most, _ = node.attrs
    if most is None:
        raise GradientError(
            "a loop that may take any number of steps is differentiated in forward mode alone",
            node=repr(node),
            site=node.site,
            hint="give while_loop max_steps=, or write g.jvp",
        )
    carry, captured = node.operands[:carries], node.operands[carries:]
    whole = masked(body, test, carries)
    first = scan_results(whole, carry, [], captured, most)[0]
    return _scan_back(first, adjoints, wanted, reverse)


# --- forward ------------------------------------------------------------------------------------------------------------


class LoopChanges:
    """Loops and branches in forward mode: how their results change, found once for all that are wanted.

    forward : forward mode
    """

    def __init__(self, order: Sequence[Expr], active: set[Expr], forward: Forward) -> None:
        self._forward = forward
        self._wanted: dict[Any, list[int]] = {}
        self._found: dict[Any, dict[int, Expr]] = {}
        for node in order:
            if node.op in (SCAN, SWITCH, WHILE) and node in active:
                self._wanted.setdefault(loop_key(node), []).append(node.attrs[-1])

    def of(self, node: Expr, known: Mapping[Expr, Expr]) -> Expr:
        """The rate of change of a result, from those of the operands that are known to have one."""
        if node.op in _RULES:
            return _RULES[node.op][1](node, known, self._forward)
        key = loop_key(node)
        if key not in self._found:
            how = {SCAN: _scan_forward, SWITCH: _switch_forward}.get(node.op, _while_forward)
            self._found[key] = how(node, known, self._forward, self._wanted[key])
        return self._found[key][node.attrs[-1]]


def _moving(operands: Sequence[Expr], known: Mapping[Expr, Expr], start: int, stop: int | None) -> list[int]:
    places = range(start, len(operands) if stop is None else stop)
    return [place for place in places if operands[place] in known]


def _tangent(x: Expr, known: Mapping[Expr, Expr]) -> Expr:
    return known[x] if x in known else zeros_like(x)


def _scan_forward(
    node: Expr, known: Mapping[Expr, Expr], forward: Forward, wanted: Sequence[int]
) -> dict[int, Expr]:
    body, carries, rows, length, reverse, _ = node.attrs
    operands, inputs = node.operands, body.inputs
    changing = _floats(inputs[:carries])
    moving_rows = _moving(operands, known, carries, carries + rows)
    moving_rest = _moving(operands, known, carries + rows, None)
    dots = {
        place: _stands_for("t", place, inputs[place]) for place in (*changing, *moving_rows, *moving_rest)
    }
    given = [number for number in sorted(wanted) if number >= carries]
    changes = forward(
        [body.outputs[place] for place in (*changing, *given)],
        {inputs[place]: dot for place, dot in dots.items()},
    )
    wide = Body(
        (
            *inputs[:carries],
            *(dots[p] for p in changing),
            *inputs[carries : carries + rows],
            *(dots[p] for p in moving_rows),
            *inputs[carries + rows :],
            *(dots[p] for p in moving_rest),
        ),
        (*body.outputs[:carries], *changes),
    )
    results = scan_results(
        wide,
        [*operands[:carries], *(_tangent(operands[p], known) for p in changing)],
        [*operands[carries : carries + rows], *(known[operands[p]] for p in moving_rows)],
        [*operands[carries + rows :], *(known[operands[p]] for p in moving_rest)],
        length,
        reverse,
    )
    return dict(zip((*changing, *given), results[carries:], strict=True))


def _switch_forward(
    node: Expr, known: Mapping[Expr, Expr], forward: Forward, wanted: Sequence[int]
) -> dict[int, Expr]:
    bodies, _ = node.attrs
    index, *arguments = node.operands
    moving = [place for place, x in enumerate(arguments) if x in known]
    ahead = []
    for body in bodies:
        dots = {place: _stands_for("t", place, body.inputs[place]) for place in moving}
        directions = {body.inputs[p]: dot for p, dot in dots.items()}
        changes = forward([body.outputs[result] for result in wanted], directions)
        ahead.append(Body((*body.inputs, *dots.values()), changes))
    results = switch_results(index, tuple(ahead), [*arguments, *(known[arguments[p]] for p in moving)])
    return dict(zip(wanted, results, strict=True))


def _while_forward(
    node: Expr, known: Mapping[Expr, Expr], forward: Forward, wanted: Sequence[int]
) -> dict[int, Expr]:
    body, test, carries, most, _ = node.attrs
    operands, inputs = node.operands, body.inputs
    changing = _floats(inputs[:carries])
    moving = _moving(operands, known, carries, None)
    dots = {place: _stands_for("t", place, inputs[place]) for place in (*changing, *moving)}
    changes = forward(
        [body.outputs[place] for place in changing], {inputs[place]: dot for place, dot in dots.items()}
    )
    taken = (
        *inputs[:carries],
        *(dots[p] for p in changing),
        *inputs[carries:],
        *(dots[p] for p in moving),
    )
    results = while_results(
        Body(taken, (*body.outputs, *changes)),
        Body(taken, test.of(inputs)),
        [*operands[:carries], *(_tangent(operands[p], known) for p in changing)],
        [*operands[carries:], *(known[operands[p]] for p in moving)],
        most,
    )
    return dict(zip(changing, results[carries:-1], strict=True))


__all__ = ["LoopChanges", "LoopSweep", "derivative_rules", "pulled_back"]
