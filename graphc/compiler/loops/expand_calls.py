"""Calls of routines as loops: for targets that have no library, and as a second opinion on one that have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from graphc.compiler.loops import expand_cofactors, expand_images, expand_linalg, expand_order
from graphc.compiler.loops.block_writer import BlockWriter, folded
from graphc.compiler.loops.call_writer import CallWriter, Routine
from graphc.compiler.loops.index_maps import zero
from graphc.compiler.loops.program import (
    NESTING,
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
        """The names of memory are a program's: two branches have none in common."""
        writer = BlockWriter(frozenset(taken))
        for statement in body:
            rule = RULES.get(statement.routine) if isinstance(statement, RoutineCall) else None
            if rule is not None and isinstance(statement, RoutineCall):
                rule(CallWriter(writer, statement, types), statement)
            elif isinstance(statement, NESTING) and any(
                isinstance(s, RoutineCall) for s in walk_statements(body_of(statement))
            ):
                taken.update(writer.taken)
                inner = expanded(statement.body)
                writer.taken.update(taken)
                writer.emit(replace(statement, body=inner))
            else:
                writer.emit(statement)
        taken.update(writer.taken)
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


RULES: dict[str, Callable[[CallWriter, RoutineCall], None]] = {
    "matmul": _matmul,
    "einsum": _einsum,
    "logsumexp": _of_nothing,
    "softmax": _of_nothing,
    "log_softmax": _of_nothing,
    "norm": _of_nothing,
    **expand_linalg.RULES,
    **expand_cofactors.RULES,
    **expand_images.RULES,
    **expand_order.RULES,
}

__all__ = ["RULES", "Routine", "expand_calls"]
