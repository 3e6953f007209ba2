"""What expansions of calls write with: elements of their operands and of their result, by index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from graphc.compiler.loops.block_writer import Block, BlockWriter
from graphc.compiler.loops.index_maps import aligned, never, zero
from graphc.compiler.loops.program import (
    Assign,
    Buffer,
    BufferView,
    Conditions,
    Index,
    Load,
    Order,
    Private,
    Ref,
    RoutineCall,
    Scalar,
    Statement,
)
from graphc.compiler.loops.prover import substitute
from graphc.ir.dims import Dim, Name
from graphc.ir.types import DType, Shape
from graphc.util.records import dataclass


def placed(view: BufferView, index: Index) -> Index:
    """The place in its buffer of a view's element."""
    result: list[Dim] = []
    for dim in view.index:
        for number, (name, _) in enumerate(view.axes):  # first to names that no index has
            dim = substitute(dim, name, Name(f"\0{number}"))
        for number, place in enumerate(index):
            dim = substitute(dim, f"\0{number}", place)
        result.append(dim)
    return tuple(result)


@dataclass(frozen=True)
class OperandElements:
    """An operand of a call."""

    view: BufferView
    dtype: DType

    @property
    def shape(self) -> Shape:
        return self.view.shape

    def load(self, index: Index, guard: Conditions = ()) -> Scalar:
        if never(guard):
            return zero(self.dtype)
        guard = tuple([dim for dim in guard if not isinstance(dim, int)])
        return Load(self.view.buffer, placed(self.view, index), self.dtype, guard)

    def at(self, batch: Index, index: Index) -> Scalar:
        """An element of one of a batch of vectors or matrices, which is broadcast."""
        return self.load((*aligned(batch, self.shape[: len(self.shape) - len(index)]), *index))


class CallWriter:
    """Writes the loops of one call."""

    def __init__(self, writer: BlockWriter, call: RoutineCall, types: Mapping[str, DType]) -> None:
        self.writer = writer
        self.view: BufferView = call.result
        self.operands: tuple[OperandElements, ...] = tuple(
            [OperandElements(view, types[view.buffer]) for view in call.operands]
        )
        self.dtype: DType = types[call.result.buffer]
        self.shape: Shape = call.result.shape
        self.types: dict[str, DType] = dict(types)
        views = (call.result, *call.operands)
        names = [tuple([0 if n == 1 else Name(name) for name, n in view.axes]) for view in views]
        # the whole of a buffer: a view that names its axes in order
        self.is_in_rows: bool = all(view.index == own for view, own in zip(views, names, strict=True))

    def name(self, prefix: str) -> str:
        return self.writer.name(prefix)

    def emit(self, statement: Statement) -> None:
        self.writer.emit(statement)

    def body(self) -> AbstractContextManager[Block]:
        return self.writer.body()

    def loops(self, extents: Shape, order: Order, parallel: bool = False) -> AbstractContextManager[Index]:
        return self.writer.loops(extents, order, parallel)

    def let(self, value: Scalar) -> Ref:
        return self.writer.let(value)

    def private(self, prefix: str, dtype: DType, shape: Shape) -> str:
        """A buffer for the loop at hand."""
        name = self.writer.name(prefix)
        self.types[name] = dtype
        self.emit(Private(Buffer(name, dtype, shape, "workspace")))
        return name

    def load(self, buffer: str, index: Index) -> Scalar:
        return Load(buffer, index, self.types[buffer])

    def result(self, index: Index) -> Scalar:
        return Load(self.view.buffer, placed(self.view, index), self.dtype)

    def store(self, index: Index, value: Scalar) -> None:
        """An element of the result."""
        self.emit(Assign(self.view.buffer, placed(self.view, index), value))

    def whole(self, buffer: str, shape: Shape) -> BufferView:
        names = [f"a{axis}" for axis in range(len(shape))]
        index = tuple([0 if dim == 1 else Name(name) for name, dim in zip(names, shape, strict=True)])
        return BufferView(tuple(zip(names, shape, strict=True)), buffer, index)


Routine = Callable[[CallWriter, RoutineCall], None]

__all__ = ["CallWriter", "OperandElements", "Routine", "placed"]
