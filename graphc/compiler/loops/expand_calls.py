"""Calls of routines as loops: for targets that have no library, and as a second opinion on one that have.

What is left are calls along one axis of arrays in rows: sorting and searching, which targets have routines for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from graphc.compiler.loops import expand_cofactors, expand_images, expand_linalg
from graphc.compiler.loops.block_writer import BlockWriter, folded
from graphc.compiler.loops.call_writer import CallWriter, Routine
from graphc.compiler.loops.index_maps import reshaped, zero
from graphc.compiler.loops.program import (
    NESTING,
    Assign,
    Combine,
    Constant,
    Private,
    Program,
    Reduce,
    Ref,
    RoutineCall,
    Statement,
    apply,
    body_of,
    cast,
    walk_statements,
)
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ops.einsum import parts
from graphc.ops.support.attributes import axes_of


def expand_calls(program: Program) -> Program:
    """The program with its calls as loops, but for those that are no loops of a known form."""
    taken = {buffer.name for buffer in program.buffers} | set(program.lengths)
    for statement in walk_statements(program.body):
        taken |= {
            getattr(statement, field, "")
            for field in ("index", "name", "target")
            if not isinstance(getattr(statement, field, ""), tuple)
        }
        if isinstance(statement, Private):
            taken.add(statement.buffer.name)
    types = {buffer.name: buffer.dtype for buffer in program.buffers}
    types |= {s.buffer.name: s.buffer.dtype for s in walk_statements(program.body) if isinstance(s, Private)}

    def expanded(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        writer = BlockWriter(frozenset(taken))
        for statement in body:
            rule = RULES.get(statement.routine) if isinstance(statement, RoutineCall) else None
            if rule is not None and isinstance(statement, RoutineCall):
                rule(CallWriter(writer, statement, types), statement)
            elif isinstance(statement, NESTING) and any(
                isinstance(s, RoutineCall) for s in walk_statements(body_of(statement))
            ):
                writer.emit(replace(statement, body=expanded(statement.body)))
            else:
                writer.emit(statement)
        return tuple(writer.blocks[0])

    functions = tuple(map(expand_calls, program.functions))
    program = program if functions == program.functions else replace(program, functions=functions)
    if not any(isinstance(statement, RoutineCall) for statement in walk_statements(program.body)):
        return program
    return replace(program, body=folded(expanded(program.body), [buffer.name for buffer in program.buffers]))


def _matmul(w: CallWriter, call: RoutineCall) -> None:
    """Row by row: each element of the left side times a row of the right one, which is read as it lies."""
    a, b = w.operands
    left, right = len(a.shape) > 1, len(b.shape) > 1
    shape = w.shape
    batch = shape[: len(shape) - left - right]
    rows = (a.shape[-2],) if left else ()
    columns = (b.shape[-1],) if right else ()
    with w.loops(batch, "free", parallel=True) as outer, w.loops(rows, "free", parallel=not batch) as row:
        with w.loops(columns, "free") as column:
            w.store((*outer, *row, *column), zero(w.dtype))
        with w.loops((a.shape[-1],), "fixed") as k:
            factor = w.let(a.at(outer, (*row, *k)))
            with w.loops(columns, "free") as column:
                place = (*outer, *row, *column)
                product = apply("multiply", factor, b.at(outer, (*k, *column)))
                w.store(place, apply("add", w.result(place), product))


def _einsum(w: CallWriter, call: RoutineCall) -> None:
    letters, output = parts(call.attrs[0])
    lengths: dict[str, Dim] = {}
    for term, operand in zip(letters, w.operands, strict=True):
        for letter, length in zip(term, operand.shape, strict=True):
            if lengths.get(letter, 1) == 1:
                lengths[letter] = length
    inner = [letter for letter in lengths if letter not in output]
    with w.loops(tuple([lengths[c] for c in output]), "free", parallel=True) as kept:
        target = w.name("s")
        with w.body() as body, w.loops(tuple([lengths[c] for c in inner]), "fixed") as along:
            place = dict(zip((*output, *inner), (*kept, *along), strict=True))
            value = None
            for term, operand in zip(letters, w.operands, strict=True):
                index = tuple([0 if n == 1 else place[c] for c, n in zip(term, operand.shape, strict=True)])
                factor = cast(operand.load(index), w.dtype)
                value = factor if value is None else apply("multiply", value, factor)
            assert value is not None
            w.emit(Combine(target, (), value))
        w.emit(Reduce(target, w.dtype, "sum", "serial", tuple(body)))
        w.store(kept, Ref(target, w.dtype))


def _of_nothing(w: CallWriter, call: RoutineCall) -> None:
    """What composite reductions are along no axis, and along axes of no elements."""
    axis = call.attrs[0] if call.routine != "norm" else call.attrs[1]
    (x,) = w.operands
    axes = axes_of(axis, len(x.shape))
    with w.loops(w.shape, "free", parallel=True) as index:
        if axes:
            w.store(index, Constant(float("-inf") if call.routine == "logsumexp" else 0.0, w.dtype))
        else:
            value = x.load(index)
            w.store(index, apply("abs", value) if call.routine == "norm" else value)


def _along_rows(w: CallWriter, call: RoutineCall) -> None:
    """Sorted row by row, each in memory of its own."""
    (x,) = w.operands
    axis = call.attrs[0] % len(x.shape)
    length = x.shape[axis]
    if len(x.shape) == 1 and w.is_in_rows:
        w.emit(call)
        return
    others = (*x.shape[:axis], *x.shape[axis + 1 :])
    with w.loops(others, "free", parallel=True) as rest:
        row, result = w.private("k", x.dtype, (length,)), w.private("k", w.dtype, (length,))
        with w.loops((length,), "free") as (k,):
            w.emit(Assign(row, (k,), x.load((*rest[:axis], k, *rest[axis:]))))
        w.emit(RoutineCall(call.routine, w.whole(result, (length,)), (w.whole(row, (length,)),), (0,)))
        with w.loops((length,), "free") as (k,):
            w.store((*rest[:axis], k, *rest[axis:]), w.load(result, (k,)))


def _searchsorted(w: CallWriter, call: RoutineCall) -> None:
    x, values = w.operands
    if w.is_in_rows and len(values.shape) == 1:
        w.emit(call)
        return
    size = dims.product(values.shape)
    flat = [w.private("k", each.dtype, (length,)) for each, length in ((x, x.shape[0]), (values, size))]
    with w.loops(x.shape, "free") as (k,):
        w.emit(Assign(flat[0], (k,), x.load((k,))))
    for buffer, operand in ((flat[1], values),):
        with w.loops((size,), "free") as (k,):
            w.emit(Assign(buffer, (k,), operand.load(reshaped((k,), (size,), operand.shape))))
    result = w.private("k", w.dtype, (size,))
    views = (w.whole(flat[0], x.shape), w.whole(flat[1], (size,)))
    w.emit(RoutineCall(call.routine, w.whole(result, (size,)), views, call.attrs))
    with w.loops(w.shape, "free") as index:
        w.store(index, w.load(result, reshaped(index, w.shape, (size,))))


RULES: dict[str, Callable[[CallWriter, RoutineCall], None]] = {
    "matmul": _matmul,
    "einsum": _einsum,
    "logsumexp": _of_nothing,
    "softmax": _of_nothing,
    "log_softmax": _of_nothing,
    "norm": _of_nothing,
    "sort": _along_rows,
    "argsort": _along_rows,
    "searchsorted": _searchsorted,
    **expand_linalg.RULES,
    **expand_cofactors.RULES,
    **expand_images.RULES,
}

ROUTINES = ("sort", "argsort", "searchsorted")
"""Calls that are left: of arrays of one axis, in rows."""

__all__ = ["ROUTINES", "RULES", "Routine", "expand_calls"]
