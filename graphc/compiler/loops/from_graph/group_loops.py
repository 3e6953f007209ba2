"""Fusion groups as loops: one nest over the rows that all stages share, and inside of it a loop for each stage."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from graphc.compiler.loops.from_graph.memory import Memory
from graphc.compiler.loops.program import (
    Assign,
    Buffer,
    Combine,
    Index,
    Private,
    Reduce,
    Ref,
    Scalar,
    Summation,
    cast,
)
from graphc.compiler.schedule.fusion import Group
from graphc.compiler.schedule.materialize import Stage
from graphc.ir.expr import Expr
from graphc.ir.op import lookup
from graphc.ir.types import DType


def summation_of(reducer: str, dtype: DType) -> Summation:
    """How a reduction adds up: with what rounding takes beside it, where the declaration asks for that."""
    declared = lookup(reducer).reducer
    assert declared is not None
    return "compensated" if declared.compensated and dtype.kind == "f" else "serial"


def lower_group(memory: Memory, group: Group) -> None:
    """The loops of a group without routines of images and panels of products."""
    _GroupLoops(memory, group).write()


@dataclass
class _Accumulator:
    """What a reduction over rows is added up in: a value, or a buffer."""

    stage: Stage
    target: str
    is_buffer: bool
    error: str | None


class _GroupLoops:
    """Writes the loops of one group.

    local : the nodes that are read in the row that makes them, and are in no buffer of the program
    """

    def __init__(self, memory: Memory, group: Group) -> None:
        self.memory = memory
        self.writer = memory.writer
        self.group = group
        self.rows = group.rows
        self.width = len(self.rows)
        self.local: dict[Expr, tuple[str, int] | Scalar] = {}
        self.accumulators = {
            stage.node: self._accumulator(stage)
            for stage in group.stages
            if stage.run is not None and stage.run[0] < self.width
        }

    def _accumulator(self, stage: Stage) -> _Accumulator:
        node = stage.node
        error = None
        if not node.shape:
            return _Accumulator(stage, self.writer.name("s"), False, None)
        if summation_of(node.op.name, node.dtype) == "compensated":
            error = self.memory.declare("k", node.dtype, node.shape, "workspace")
        return _Accumulator(stage, self.memory.workspace(node), True, error)

    def write(self) -> None:
        with ExitStack() as stack:
            for accumulator in self.accumulators.values():
                stack.enter_context(_reducing(self, accumulator))
            order = "fixed" if self.accumulators else "free"
            with self.writer.loops(self.rows, order, parallel=True) as row:
                elements = self.memory.elements(self.local)
                for stage in self.group.stages:
                    self._stage(stage, row, elements)

    def _stage(self, stage: Stage, row: Index, elements) -> None:
        rest = stage.space[self.width :]
        if stage.node in self.accumulators:
            self._accumulate(self.accumulators[stage.node], row, elements)
        elif stage.run is not None:
            self._reduce(stage, row)
        elif all(dim == 1 for dim in rest):
            index = (*row, *(0 for _ in rest))
            value = self._named(elements.compute(stage.node, index))
            if stage.node not in self.memory.held:
                self.local[stage.node] = value
            else:
                self.writer.emit(Assign(self.memory.held[stage.node], index, value))
                elements.set(stage.node, index, value)
        else:
            keep = self._place(stage.node)
            with self.writer.loops(rest, "free", parallel=not self.width) as inner:
                index = (*row, *inner)
                value = self.memory.elements(self.local).compute(stage.node, index)
                self._store(stage.node, keep, index, value)

    def _named(self, value: Scalar) -> Scalar:
        return value if isinstance(value, Ref) else self.writer.let(value)

    def _place(self, node: Expr) -> tuple[str, int]:
        """Where a node of several elements a row is stored, and how many first axes that leaves out."""
        if node in self.memory.held:
            return self.memory.held[node], 0
        if not self.width:
            return self.memory.workspace(node), 0
        name = self.writer.name("k")
        self.writer.emit(Private(Buffer(name, node.dtype, node.shape[self.width :], "workspace")))
        self.local[node] = (name, self.width)
        return name, self.width

    def _store(self, node: Expr, place: tuple[str, int], index: Index, value: Scalar) -> None:
        self.writer.emit(Assign(place[0], index[place[1] :], cast(value, node.dtype)))

    def _reduce(self, stage: Stage, row: Index) -> None:
        """A reduction of what is in one row."""
        node, run = stage.node, stage.run
        assert run is not None
        kept = stage.space[run[1] :]
        keep = self._place(node) if kept or node in self.memory.held else None
        with self.writer.loops(kept, "free", parallel=not self.width) as after:
            target = self.writer.name("s")
            with (
                self.writer.body() as body,
                self.writer.loops(stage.space[run[0] : run[1]], "fixed") as inner,
            ):
                value = self.memory.elements(self.local).operand(node, 0, (*row, *inner, *after))
                place = inner[0] if node.op.reducer is not None and node.op.reducer.of_places else None
                self.writer.emit(Combine(target, (), value, place))
            summation = summation_of(node.op.name, node.dtype)
            self.writer.emit(Reduce(target, node.dtype, node.op.name, summation, tuple(body)))
            result = Ref(target, node.dtype)
            if keep is None:
                self.local[node] = result
            else:
                self._store(node, keep, (*row, *after), result)

    def _accumulate(self, accumulator: _Accumulator, row: Index, elements) -> None:
        """What one row gives to a reduction over rows."""
        stage = accumulator.stage
        rest = stage.space[self.width :]
        assert stage.run is not None
        with self.writer.loops(rest, "fixed") as inner:
            inside = self.memory.elements(self.local) if rest else elements
            index = (*row, *inner)
            value = inside.operand(stage.node, 0, index)
            at = index[stage.run[1] :] if accumulator.is_buffer else ()
            self.writer.emit(Combine(accumulator.target, at, value))


class _reducing:
    """The body of a reduction over rows; behind it a value is stored where it is to lie."""

    def __init__(self, loops: _GroupLoops, accumulator: _Accumulator) -> None:
        self.loops, self.accumulator = loops, accumulator
        self.body = loops.writer.body()

    def __enter__(self) -> None:
        self.block = self.body.__enter__()

    def __exit__(self, *error) -> None:
        self.body.__exit__(*error)
        accumulator, node = self.accumulator, self.accumulator.stage.node
        self.loops.writer.emit(
            Reduce(
                accumulator.target,
                node.dtype,
                node.op.name,
                summation_of(node.op.name, node.dtype),
                tuple(self.block),
                accumulator.error,
            )
        )
        if not accumulator.is_buffer:
            buffer = self.loops.memory.workspace(node)
            self.loops.writer.emit(Assign(buffer, (), Ref(accumulator.target, node.dtype)))


__all__ = ["lower_group", "summation_of"]
