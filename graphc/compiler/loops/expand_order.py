"""Sorting and searching as loops: runs of 1, 2, 4 and so on are merged, which keeps equal elements in their order; bisection.

NaN comes last, as in NumPy. Knuth, The Art of Computer Programming 3 (1998), sections 5.2.4 and 6.2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.compiler.loops.call_writer import CallWriter, Routine
from graphc.compiler.loops.program import (
    Assign,
    Constant,
    Exit,
    IndexValue,
    Ref,
    RoutineCall,
    Scalar,
    While,
    apply,
)
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.types import INT64

_WIDTH, _LOW, _LEFT, _RIGHT = range(4)


def _whole(dim: Dim) -> Scalar:
    """A length or place as a number."""
    return Constant(dim, INT64) if isinstance(dim, int) else IndexValue(dim)


def _before(a: Scalar, b: Scalar) -> Scalar:
    """Whether an element stands before another one."""
    less = apply("less", a, b)
    if a.dtype.kind != "f":
        return less
    last = apply("logical_and", apply("not_equal", b, b), apply("equal", a, a))
    return apply("logical_or", less, last)


def _within(now: _Counters, place: Scalar, length: Dim) -> Dim:
    """A place as one that an axis has."""
    last = _whole(dims.subtract(length, 1))
    return now.place(apply("maximum", apply("minimum", place, last), Constant(0, INT64)))


class _Counters:
    """Whole numbers that loops change, in memory of their own; in machine code they are registers."""

    def __init__(self, w: CallWriter, count: int) -> None:
        self.w = w
        self.buffer = w.private("k", INT64, (count,))

    def __getitem__(self, number: int) -> Scalar:
        return self.w.load(self.buffer, (number,))

    def __setitem__(self, number: int, value: Scalar) -> None:
        self.w.emit(Assign(self.buffer, (number,), value))

    def place(self, value: Scalar) -> Dim:
        """A number that is known by now, as part of an index."""
        return self.w.writer.integer(value)


def _along_rows(w: CallWriter, call: RoutineCall) -> None:
    """Row by row, each in memory of its own."""
    (x,) = w.operands
    axis = call.attrs[0] % len(x.shape)
    length = x.shape[axis]
    with w.loops((*x.shape[:axis], *x.shape[axis + 1 :]), "free", parallel=True) as rest:
        before, behind = rest[:axis], rest[axis:]
        rows = [w.private("k", x.dtype, (length,))]
        with w.loops((length,), "free") as (k,):
            w.emit(Assign(rows[0], (k,), x.load((*before, k, *behind))))
        if call.routine == "argsort":
            rows.append(w.private("k", INT64, (length,)))
            with w.loops((length,), "free") as (k,):
                w.emit(Assign(rows[1], (k,), _whole(k)))
        if length != 1:
            _merge(w, length, rows)
        with w.loops((length,), "free") as (k,):
            w.store((*before, k, *behind), w.load(rows[-1], (k,)))


def _merge(w: CallWriter, length: Dim, rows: Sequence[str]) -> None:
    """Puts the first row in order; the others, as the places that its elements come from, go along."""
    others = [w.private("k", w.types[row], (length,)) for row in rows]
    now, size, one = _Counters(w, 4), _whole(length), Constant(1, INT64)

    def at(place: Scalar) -> list[Ref]:
        """What lies at a place; behind the end, where nothing is left to take, at the last one."""
        inside = _within(now, place, length)
        return [w.let(w.load(row, (inside,))) for row in rows]

    now[_WIDTH] = one
    with w.body() as passes:
        w.emit(Exit(apply("less", now[_WIDTH], size)))
        now[_LOW] = Constant(0, INT64)
        with w.body() as runs:
            w.emit(Exit(apply("less", now[_LOW], size)))
            low = now.place(now[_LOW])
            middle = now.place(apply("minimum", apply("add", now[_LOW], now[_WIDTH]), size))
            high = now.place(apply("minimum", apply("add", _whole(middle), now[_WIDTH]), size))
            now[_LEFT], now[_RIGHT] = _whole(low), _whole(middle)
            count = now.place(apply("subtract", _whole(high), _whole(low)))
            inside = (low, dims.subtract(dims.subtract(length, low), count), dims.subtract(length, 1))
            with w.writer.where(inside), w.loops((count,), "fixed") as (step,):
                left, right = w.let(now[_LEFT]), w.let(now[_RIGHT])
                mine, theirs = at(left), at(right)
                used_up = apply("greater_equal", left, _whole(middle))
                is_right = apply("logical_or", used_up, _before(theirs[0], mine[0]))
                taken = w.let(apply("logical_and", apply("less", right, _whole(high)), is_right))
                for other, one_side, other_side in zip(others, theirs, mine, strict=True):
                    w.emit(Assign(other, (dims.add(low, step),), apply("where", taken, one_side, other_side)))
                now[_LEFT] = apply("where", taken, left, apply("add", left, one))
                now[_RIGHT] = apply("where", taken, apply("add", right, one), right)
            with w.writer.where(inside), w.loops((count,), "free") as (step,):
                for row, other in zip(rows, others, strict=True):
                    w.emit(Assign(row, (dims.add(low, step),), w.load(other, (dims.add(low, step),))))
            now[_LOW] = _whole(high)
        w.emit(While(tuple(runs)))
        now[_WIDTH] = apply("add", now[_WIDTH], now[_WIDTH])
    w.emit(While(tuple(passes)))


def _searchsorted(w: CallWriter, call: RoutineCall) -> None:
    x, values = w.operands
    (side,) = call.attrs
    with w.loops(w.shape, "free", parallel=True) as index:
        low, high = 0, 1
        ends = _Counters(w, 2)
        value = w.let(values.load(index))
        ends[low], ends[high] = Constant(0, INT64), _whole(x.shape[0])
        with w.body() as halves:
            w.emit(Exit(apply("less", ends[low], ends[high])))
            half = apply("floor_divide", apply("add", ends[low], ends[high]), Constant(2, INT64))
            middle = w.writer.let(half, "p")
            key = x.load((_within(ends, middle, x.shape[0]),))
            above = _before(key, value) if side == "left" else apply("logical_not", _before(value, key))
            is_above = w.let(above)
            behind = apply("add", middle, Constant(1, INT64))
            ends[low], ends[high] = (
                apply("where", is_above, behind, ends[low]),
                apply("where", is_above, ends[high], middle),
            )
        w.emit(While(tuple(halves)))
        w.store(index, ends[low])


RULES: dict[str, Callable[[CallWriter, RoutineCall], None]] = {
    "sort": _along_rows,
    "argsort": _along_rows,
    "searchsorted": _searchsorted,
}

__all__ = ["RULES", "Routine"]
