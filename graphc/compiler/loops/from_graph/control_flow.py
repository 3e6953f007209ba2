"""Loops and branches of a graph as those of the loop IR: their bodies become the statements inside.

What is carried has a buffer, which a step reads and, when all of its results are there, writes; small ones become registers in
machine code. A row of an array that lies in memory is read where it is, another is copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from graphc.compiler.loops.from_graph.memory import Memory, Row
from graphc.compiler.loops.index_maps import aligned
from graphc.compiler.loops.program import (
    Assign,
    Constant,
    Exit,
    If,
    Load,
    Require,
    RoutineCall,
    Scalar,
    While,
    apply,
    cast,
)
from graphc.ir import dims
from graphc.ir.body import Body
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import BOOL, DTYPES, INT64
from graphc.ops.closures import REQUIRED
from graphc.ops.control import SCAN, SWITCH
from graphc.ops.foreign import FOREIGN, foreign, packed
from graphc.ops.function_calls import FUNCTION


class Bodies(Protocol):
    """What knows how bodies are lowered."""

    def write(self, body: Body, inputs: Mapping[Expr, str | Row], places: Sequence[str]) -> None:
        """Writes a body's statements: its inputs by the names of their buffers or as rows, the buffers of its outputs."""
        ...

    def function(self, name: str, body: Body) -> str:
        """The name of the function of the program that a body is."""
        ...

    def adds_to(self, body: Body, number: int) -> bool:
        """Whether an output is the input of that number with something added to each element, and nothing else reads that."""
        ...


def lower_control(
    memory: Memory, nodes: Mapping[int, Expr], places: Mapping[int, str], bodies: Bodies
) -> None:
    """What makes the results of a loop or branch.

    nodes : number of a result → its node, of those that are asked for; places : the names of their buffers
    """
    _Control(memory, nodes, places, bodies).write()


class _Control:
    """Writes one loop or branch."""

    def __init__(
        self, memory: Memory, nodes: Mapping[int, Expr], places: Mapping[int, str], bodies: Bodies
    ) -> None:
        self.memory, self.writer = memory, memory.writer
        self.nodes, self.places, self.bodies = nodes, places, bodies
        self.node = next(iter(nodes.values()))

    def write(self) -> None:
        if self.node.op is SCAN:
            self._scan()
        elif self.node.op is SWITCH:
            self._switch()
        elif self.node.op is REQUIRED:
            self._required()
        elif self.node.op is FUNCTION:
            self._function()
        elif self.node.op is FOREIGN:
            self._foreign()
        else:
            self._while()

    # --- memory -------------------------------------------------------------------------------------------------------

    def _own(self, node: Expr, prefix: str = "k") -> str:
        return self.memory.declare(prefix, node.dtype, node.shape, "workspace")

    def _buffer(self, operand: Expr) -> str:
        """Where an operand lies."""
        if operand in self.memory.held:
            return self.memory.held[operand]
        buffer = self._own(operand)
        self.memory.copy(operand, buffer)
        return buffer

    def _move(self, source: str, target: str, like: Expr, place: Dim | None = None) -> None:
        copy_buffer(self.memory, source, target, like, place)

    def _start(self, operands: Sequence[Expr]) -> list[str]:
        """Buffers of what is carried, with what the first step begins with."""
        carry = []
        for operand in operands:
            buffer = self._own(operand)
            self.memory.copy(operand, buffer)
            carry.append(buffer)
        return carry

    # --- loops --------------------------------------------------------------------------------------------------------

    def _scan(self) -> None:
        body, carries, rows, length, reverse, _ = self.node.attrs
        operands = self.node.operands
        carry = self._start(operands[:carries])
        captured = [self._buffer(operand) for operand in operands[carries + rows :]]
        sources = [self._buffer(operand) for operand in operands[carries : carries + rows]]
        sums = {number for number in range(carries) if self.bodies.adds_to(body, number)}
        new = [
            carry[number] if number in sums else self._own(output)  # a sum over steps grows where it is
            for number, output in enumerate(body.outputs)
        ]
        inputs: dict[Expr, Any] = dict(zip(body.inputs, carry, strict=False))
        inputs.update(zip(body.inputs[carries + rows :], captured, strict=True))
        with self.writer.loops((length,), "fixed") as (step,):
            place = dims.subtract(dims.subtract(length, 1), step) if reverse else step
            inputs.update(
                {x: Row(source, place) for x, source in zip(body.inputs[carries:], sources, strict=False)}
            )
            self.bodies.write(body, inputs, new)
            for number, output in enumerate(body.outputs):
                if number >= carries and number in self.places:
                    self._move(new[number], self.places[number], output, place)
            for number, output in enumerate(body.outputs[:carries]):
                if output is not body.inputs[number] and number not in sums:
                    self._move(new[number], carry[number], output)
        self._end(carry)

    def _end(self, carry: Sequence[str]) -> None:
        for number, buffer in enumerate(carry):
            if number in self.places:
                self._move(buffer, self.places[number], self.nodes[number])

    def _while(self) -> None:
        body, test, carries, most, _ = self.node.attrs
        operands = self.node.operands
        carry = self._start(operands[:carries])
        captured = [self._buffer(operand) for operand in operands[carries:]]
        inputs = dict(zip(body.inputs, (*carry, *captured), strict=True))
        asked = self.memory.declare("k", BOOL, (), "workspace")
        count = self.memory.declare("k", INT64, (), "workspace")
        new = [self._own(output) for output in body.outputs]
        self.writer.emit(Assign(count, (), Constant(0, INT64)))
        with self.writer.body() as inside:
            if most is not None:
                self.writer.emit(Exit(apply("less", Load(count, (), INT64), Constant(most, INT64))))
            self.bodies.write(test, dict(zip(test.inputs, (*carry, *captured), strict=True)), [asked])
            self.writer.emit(Exit(Load(asked, (), BOOL)))
            self.bodies.write(body, inputs, new)
            for number, output in enumerate(body.outputs):
                self._move(new[number], carry[number], output)
            self.writer.emit(Assign(count, (), apply("add", Load(count, (), INT64), Constant(1, INT64))))
        self.writer.emit(While(tuple(inside)))
        self._end(carry)
        if carries in self.places:
            self.writer.emit(Assign(self.places[carries], (), Load(count, (), INT64)))

    def _required(self) -> None:
        value, condition = self.node.operands
        asked = self._buffer(condition)
        self.writer.emit(Require(Load(asked, (), BOOL), self.node.attrs[0]))
        self.memory.copy(value, self.places[0])

    def _function(self) -> None:
        """A call: what it is of stands in memory, as its results do."""
        name, body, _ = self.node.attrs
        operands = [self.memory.whole(self._buffer(x), x.shape) for x in self.node.operands]
        first, *more = [
            self.memory.whole(self.places.get(number) or self._own(output), output.shape)
            for number, output in enumerate(body.outputs)
        ]
        attrs = (self.bodies.function(name, body),)
        self.writer.emit(RoutineCall("function", first, tuple(operands), attrs, tuple(more)))

    def _foreign(self) -> None:
        """A call by address: the results lie behind each other in memory of their own."""
        name, takes, shapes, gives, _ = self.node.attrs
        views = []
        for operand in self.node.operands:
            buffer = self._own(operand)  # a C function reads whole arrays, as they lie in memory
            self.memory.copy(operand, buffer)
            views.append(self.memory.whole(buffer, operand.shape))
        starts, total = packed(shapes)
        dtype = DTYPES[gives[0]]
        kept = self.memory.declare("k", dtype, (total,), "workspace")
        attrs = (name, foreign(name).address, takes, shapes, gives)
        self.writer.emit(RoutineCall("foreign", self.memory.whole(kept, (total,)), tuple(views), attrs))
        for number, place in self.places.items():
            shape = shapes[number]
            with self.writer.loops(shape, "free") as index:
                flat = starts[number]
                for axis, i in enumerate(index):
                    flat = dims.add(flat, dims.multiply(i, dims.product(shape[axis + 1 :])))
                self.writer.emit(Assign(place, index, Load(kept, (flat,), dtype)))

    # --- branches -----------------------------------------------------------------------------------------------------

    def _switch(self) -> None:
        bodies, _ = self.node.attrs
        index, *arguments = self.node.operands
        captured = [self._buffer(operand) for operand in arguments]
        chosen: Scalar = self.writer.let(
            cast(self.memory.elements().at(index, aligned((), index.shape)), INT64)
        )
        outputs = bodies[0].outputs
        new = [self.places.get(number) or self._own(output) for number, output in enumerate(outputs)]
        for buffer, output in zip(
            new, outputs, strict=True
        ):  # for whoever reads this: one of the branches is taken
            with self.writer.loops(output.shape, "free") as at:
                zero = Constant(False if output.dtype.kind == "b" else 0, output.dtype)
                self.writer.emit(Assign(buffer, at, zero))
        for number, body in enumerate(bodies):
            with self.writer.body() as inside:
                self.bodies.write(body, dict(zip(body.inputs, captured, strict=True)), new)
            self.writer.emit(If(_is_branch(chosen, number, len(bodies)), tuple(inside)))


def copy_buffer(memory: Memory, source: str, target: str, like: Expr, place: Dim | None = None) -> None:
    """All of a buffer into another one, or into a row of it."""
    first = () if place is None else (place,)
    with memory.writer.loops(like.shape, "free") as index:
        memory.writer.emit(Assign(target, (*first, *index), Load(source, index, like.dtype)))


def _is_branch(chosen: Scalar, number: int, count: int) -> Scalar:
    """Whether a number names a branch: the nearest where there is none of that number."""
    own = Constant(number, INT64)
    if count == 1:
        return Constant(True, BOOL)
    if number == 0:
        return apply("less_equal", chosen, own)
    return apply("greater_equal" if number == count - 1 else "equal", chosen, own)


__all__ = ["Bodies", "copy_buffer", "lower_control"]
