"""Which buffer holds which node while a program is lowered, and the loads and stores of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from graphc.compiler.loops.block_writer import BlockWriter
from graphc.compiler.loops.elements import ElementWriter
from graphc.compiler.loops.elements import Load as LoadRule
from graphc.compiler.loops.program import (
    Assign,
    Buffer,
    BufferView,
    Conditions,
    Index,
    Load,
    Program,
    Role,
    Scalar,
    cast,
)
from graphc.compiler.lowering.gather_scatter import is_range
from graphc.ir.body import Body
from graphc.ir.dims import Dim, Name
from graphc.ir.expr import Expr
from graphc.ir.types import DType, Shape

Local = Mapping[Expr, "tuple[str, int] | Scalar"]
"""Node of the loop at hand → its private buffer and how many first axes that leaves out, or its value."""


class Row(NamedTuple):
    """What an input of a body is in memory: one place along the first axis of a buffer."""

    buffer: str
    place: Dim


class Memory:
    """The buffers of a program.

    held : node → the name of its buffer; rows : node → the row that it is
    functions : the functions of the program so far, by the bodies that they are made of
    """

    def __init__(self, writer: BlockWriter, buffers: list[Buffer] | None = None) -> None:
        self.writer = writer
        self.buffers: list[Buffer] = [] if buffers is None else buffers
        self.functions: dict[Body, Program] = {}
        self.held: dict[Expr, str] = {}
        self.rows: dict[Expr, Row] = {}

    def inside(self) -> Memory:
        """The memory of a body: the same buffers, with nodes of its own in them."""
        memory = Memory(self.writer, self.buffers)
        memory.functions = self.functions
        return memory

    def declare(self, prefix: str, dtype: DType, shape: Shape, role: Role) -> str:
        """A new buffer, by its name."""
        name = self.writer.name(prefix)
        self.buffers.append(Buffer(name, dtype, shape, role))
        return name

    def workspace(self, node: Expr) -> str:
        """The buffer of a node; a new one of the workspace where it has none."""
        if node not in self.held:
            self.held[node] = self.declare("k", node.dtype, node.shape, "workspace")
        return self.held[node]

    def load(self, local: Local | None = None) -> LoadRule:
        """The rule by which elements are loaded, inside of a loop that has nodes of its own."""
        own = local if local is not None else {}

        def rule(node: Expr, index: Index, guard: Conditions) -> Scalar | None:
            here = own.get(node)
            if isinstance(here, tuple):
                return Load(here[0], index[here[1] :], node.dtype, guard)
            if here is not None:
                return here
            row = self.rows.get(node)
            if row is not None:
                return Load(row.buffer, (row.place, *index), node.dtype, guard)
            if node not in self.held or is_range(node):  # a range is known by its place alone
                return None
            return Load(self.held[node], index, node.dtype, guard)

        return rule

    def elements(self, local: Local | None = None) -> ElementWriter:
        """What writes elements into the body at hand."""
        return ElementWriter(self.writer, self.load(local))

    def copy(self, node: Expr, buffer: str, dtype: DType | None = None) -> None:
        """A node's elements into a buffer."""
        with self.writer.loops(node.shape, "free", parallel=True) as index:
            value = self.elements().at(node, index)
            self.writer.emit(Assign(buffer, index, cast(value, dtype or node.dtype)))

    def view(self, node: Expr, dtype: DType) -> BufferView:
        """A node as an operand of a call, in the type that this computes in: a view of what is in memory, else a copy."""
        if node.dtype == dtype:
            names = [self.writer.name("a") for _ in node.shape]
            index: tuple[Dim, ...] = tuple(
                [0 if dim == 1 else Name(name) for name, dim in zip(names, node.shape, strict=True)]
            )
            with self.writer.body() as block:
                value = self.elements().at(node, index)
            self.writer.taken.difference_update(names)
            if isinstance(value, Load) and not value.guard and not block:
                return BufferView(tuple(zip(names, node.shape, strict=True)), value.buffer, value.index)
        buffer = self.declare("k", dtype, node.shape, "workspace")
        self.copy(node, buffer, dtype)
        return self.whole(buffer, node.shape)

    def whole(self, buffer: str, shape: Shape) -> BufferView:
        """All of a buffer as a view."""
        names = [f"a{axis}" for axis in range(len(shape))]
        index = tuple([0 if dim == 1 else Name(name) for name, dim in zip(names, shape, strict=True)])
        return BufferView(tuple(zip(names, shape, strict=True)), buffer, index)
