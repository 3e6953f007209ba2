"""What a kernel is written with: the level of each stage, where every value is, and loops within loops.

A value that a kernel needs is in a register (one number for a row), in a buffer, or in a row of scratch memory that an earlier
level of the same row has written. In a group with products phases take turns for each panel of rows: loops over its rows, whose
stages have levels, and products of the panel; what another phase reads waits in scratch memory for all rows of the panel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

from graphc.compiler.loops.program import Index
from graphc.compiler.schedule.fusion import FLAT, Group
from graphc.compiler.schedule.materialize import Stage
from graphc.compiler.schedule.row_blocks import PANEL
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, memory_type
from graphc.compiler.targets.llvm.kernels.kernel_values import KernelElements, Lengths
from graphc.compiler.targets.llvm.kernels.module import ModuleWriter
from graphc.compiler.targets.llvm.loop_builder import ROLLED
from graphc.ir.dims import Dim, Name
from graphc.ir.expr import Expr
from graphc.ir.types import INT64, DType

FLAT_BLOCK = 2048
"""Elements of a block of a flat group: a few rows of them stay in the fastest cache."""

MOST_WRITTEN_OUT = 256
"""Times that the body of a nest of loops is written out, where their lengths are known."""

Memory = Callable[[Expr], Expr]

Word = Callable[[Hashable], int]
"""The number, among a step's words, of the one that says where in the frame is what a key stands for."""


def accumulates(stage: Stage, walk: int) -> bool:
    """Whether a stage of a group sums over the group's rows."""
    return stage.run is not None and (walk == FLAT or stage.run[0] < walk)


def is_total(node: Expr) -> bool:
    """Whether a node is one number that is a sum of floats."""
    reducer = node.op.reducer
    return reducer is not None and reducer.compensated and node.dtype.kind == "f" and not node.shape


WORTH_COMPENSATING = 64
"""Elements of a row from which the rounding errors of a sum over rows cost next to nothing: 2 ns a row, so 9 % of a logsumexp of
two elements."""


def compensated(stage: Stage, walk: int) -> bool:
    """Whether the rounding errors of a sum over rows are added up beside it: without them 256 rows, added one after the other,
    lose what the rows' own sums gain by their pairs."""
    if not is_total(stage.node):
        return False
    known = [dim for dim in stage.space[walk:] if isinstance(dim, int)] if walk != FLAT else []
    return walk == FLAT or math.prod(known) >= WORTH_COMPENSATING


class LoopWriter:
    """What the text of one group's function is written with: where its values are, and its loops.

    number : of the group, in the keys of the frame's words
    waiting : the rows in scratch memory, with shape and dtype; reducers : the reductions that are called
    buffered : the nodes that have a buffer: others live within a row
    memory : a node → the node whose memory its own is
    word : the number of the word that says where in the frame a key's is; module : takes what kernels call
    """

    def __init__(
        self, number: int, group: Group, buffered: set[Expr], memory: Memory, word: Word, module: ModuleWriter
    ) -> None:
        self.number = number
        self.group = group
        self.walk: int = group.walk
        self.buffered = buffered
        self.memory = memory
        self.word = word
        self.module = module
        self.lengths: Lengths = Lengths()
        self.builder: LlvmBuilder = LlvmBuilder(inline=True)
        self.reducers: set[tuple[str, DType]] = set()
        self.waiting: dict[Hashable, tuple[tuple[Dim, ...], DType]] = {}
        self._bases: dict[tuple[Any, ...], str] = {}
        self._labels = 0
        self._block = "row"
        self._stored = {memory(stage.node) for stage in group.stages}
        self._scopes: dict[Hashable, int] = {}
        self._scalars: dict[Expr, LlvmValue] = {}
        self._level: dict[Expr, int] = {}
        self.phase: dict[Expr, int] = {}
        self.row_index: Index = ()
        self._within: Dim = 0
        self._find_phases()
        self._panel = self._panels()
        self._here: dict[Expr, str] = {}
        self._flat_name, self._flat_step = Name("%first"), "0"
        self._from_memory = self._read_later()

    # --- what goes where -------------------------------------------------------------------------------------------------------

    def _inner(self, stage: Stage) -> tuple[Dim, ...]:
        """The axes of a stage's space within a row; of a flat group the block stands for them."""
        return ("block",) if self.walk == FLAT else stage.space[self.walk :]

    def _is_scalar(self, stage: Stage) -> bool:
        """Whether a stage has one element in each row."""
        return stage.image is None and self.walk != FLAT and all(dim == 1 for dim in self._inner(stage))

    def _read_later(self) -> set[Expr]:
        """Sets the level of every stage in its phase; returns the nodes that are read from memory within the group."""
        later: set[Expr] = set(self._panel)
        stages = {stage.node: stage for stage in self.group.stages}
        for stage in self.group.stages:
            level = 0
            for node, index in stage.accesses:
                other = stages.get(node)
                if other is None or self.phase[node] != self.phase[stage.node]:
                    continue
                level = max(level, self._level[node])
                if other.run is not None:
                    level = max(level, self._level[node] + 1)
                    if not self._is_one(other):
                        later.add(node)
                elif not self._is_scalar(other) and (
                    self._is_scalar(stage)
                    or index != stage.identity
                    or other.space != stage.space
                    or other.image is not None
                ):
                    level = max(level, self._level[node] + 1)
                    later.add(node)
            self._level[stage.node] = level
        for stage in self.group.stages:  # read by loops of later levels
            for node, _ in stage.accesses:
                other = stages.get(node)
                if (
                    other is not None
                    and other.run is None
                    and not self._is_scalar(other)
                    and not self._together(node, stage.node)
                ):
                    later.add(node)
        return later

    def _together(self, a: Expr, b: Expr) -> bool:
        """Whether the stages of two nodes are on one level of one phase."""
        return self.phase[a] == self.phase[b] and self._level[a] == self._level[b]

    def _find_phases(self) -> None:
        """Loops over rows have even numbers, products odd ones: each the first that is behind what its stages read."""
        for stage in self.group.stages:
            product = stage.product is not None
            phase = int(product)
            for node, _ in stage.accesses:
                if node in self.phase:
                    phase = max(phase, self.phase[node] + (self.phase[node] % 2 != product))
            self.phase[stage.node] = phase

    def _panels(self) -> dict[Expr, Expr]:
        """The nodes that wait for another phase in scratch memory, and the node in whose memory: it is no longer read by then."""
        first = {stage.node: self.phase[stage.node] for stage in self.group.stages}
        last = dict(first)
        apart = {stage.node for stage in self.group.stages if stage.product is not None}
        for stage in self.group.stages:
            for node, _ in stage.accesses:
                if node in first:
                    last[node] = max(last[node], first[stage.node])
                    if first[node] != first[stage.node]:
                        apart.add(node)
        shared: dict[Expr, Expr] = {}
        until: dict[Expr, int] = {}
        waiting = [s.node for s in self.group.stages if s.node in apart and not accumulates(s, self.walk)]
        for node in sorted(waiting, key=first.__getitem__):
            if node in self.buffered:
                continue
            alike = (node.shape, node.dtype)
            free = (
                other for other in until if (other.shape, other.dtype) == alike and until[other] < first[node]
            )
            shared[node] = taken = next(free, node)
            until[taken] = last[node]
        return shared

    def _is_one(self, stage: Stage) -> bool:
        """Whether a reduction leaves one number in each row."""
        return self.walk == FLAT or (stage.run is not None and stage.run[1] == stage.rank)

    @property
    def scopes(self) -> int:
        """How many alias scopes the text marks."""
        return len(self._scopes)

    # --- memory ----------------------------------------------------------------------------------------------------------------

    def _base(self, key: tuple[Any, ...]) -> str:
        return self._bases.setdefault(key, f"%{key[0]}{len(self._bases)}")

    def _buffer(self, source: Expr) -> str:
        """Where the rows of a node with a buffer are counted from."""
        return self._here.get(source) or self._base(("buffer", source))

    def _partial(self, node: Expr) -> str:
        return self._base(("partial", node))

    def _scope(self, key: Hashable) -> int:
        return self._scopes.setdefault(key, len(self._scopes))

    def _place(self, elements: KernelElements, node: Expr, index: Index) -> str:
        """The place of an element in the order of rows."""
        if self.walk == FLAT and node.shape and index == self._flat_index(len(node.shape)):
            return self._flat_name
        return elements.values.linear(index, node.shape)

    def _flat_index(self, rank: int) -> Index:
        """The index within a flat loop: the place itself where there is one axis, else names that are never computed with."""
        return (self._flat_name,) if rank == 1 else tuple([Name(f"%x{axis}") for axis in range(rank)])

    def _address(self, elements: KernelElements, node: Expr, index: Index) -> tuple[str, str]:
        """Where an element of a node with a buffer is, and the note of its scope."""
        source = self.memory(node)
        base = self._buffer(source)
        place = self._place(elements, node, index)
        at = self.builder.instruction(
            f"getelementptr {memory_type(node.dtype)}, ptr {base}, i64 {place}", INT64
        )
        return at.text, self._mark(("buffer", source), source in self._stored)

    def _mark(self, key: Hashable, stored: bool) -> str:
        return f"§{self._scope(key if stored else 'read')}§"

    def _row_address(self, elements: KernelElements, node: Expr, index: Index) -> tuple[str, str]:
        """Where an element of a row in scratch memory is."""
        source = self._panel.get(node, node)
        key = ("row", source)
        base = self._base(key)
        if self.walk == FLAT:
            self.waiting[node] = (FLAT_BLOCK,), node.dtype
            place = self._flat_step
        elif node in self._panel:
            shape = (PANEL, *node.shape[1:])
            self.waiting[source] = shape, node.dtype
            place = elements.values.linear((self._within, *index[1:]), shape)
        else:
            shape = node.shape[self.walk :]
            self.waiting[node] = shape, node.dtype
            place = elements.values.linear(index[self.walk :], shape)
        at = self.builder.instruction(
            f"getelementptr {memory_type(node.dtype)}, ptr {base}, i64 {place}", INT64
        )
        return at.text, self._mark(key, True)

    def _elements(self) -> KernelElements:
        stages = {stage.node: stage for stage in self.group.stages}

        def read(node: Expr, index: Index) -> LlvmValue | None:
            if node in self._scalars:
                return self._scalars[node]
            stage = stages.get(node)
            if stage is not None and node not in self.buffered:
                at, note = self._row_address(elements, node, index)
            elif node in self.buffered or node.is_symbol:
                at, note = self._address(elements, node, index)
            else:
                return None
            return self.builder.load(at, node.dtype, note)

        elements: KernelElements = KernelElements(self.builder, self.lengths, read)
        return elements

    # --- loops -----------------------------------------------------------------------------------------------------------------

    def _nest(self, counts: list[str], body: Callable[[list[Dim]], None]) -> None:
        """Loops within loops around a body that gets their indices."""
        lines = self.builder.lines
        opened: list[tuple[int, int, str]] = []
        places: list[Dim] = []
        for count in counts:
            if count == "1":
                places.append(0)
                continue
            number = self._labels
            self._labels += 1
            lines.append(f"  br label %l{number}")
            lines.append(f"l{number}:")
            lines.append("")
            opened.append((number, len(lines) - 1, self._block))
            places.append(Name(f"%i{number}"))
            self._block = f"l{number}"
        body(places)
        lengths = [count for count in counts if count != "1"]
        once = 1
        for (number, line, before), count in zip(reversed(opened), reversed(lengths), strict=True):
            lines.append(f"  %n{number} = add nuw nsw i64 %i{number}, 1")
            lines.append(f"  %d{number} = icmp sge i64 %n{number}, {count}")
            once = int(count) * once if count[0] != "%" else MOST_WRITTEN_OUT + 1
            rolled = ROLLED if count[0] != "%" and once > MOST_WRITTEN_OUT else ""
            lines.append(f"  br i1 %d{number}, label %e{number}, label %l{number}{rolled}")
            lines.append(f"e{number}:")
            lines[line] = f"  %i{number} = phi i64 [ 0, %{before} ], [ %n{number}, %{self._block} ]"
            self._block = f"e{number}"
