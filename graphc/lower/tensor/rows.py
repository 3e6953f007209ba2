"""A group of stages as one function in LLVM IR.

    void kernel(i64 ndim, ptr shape, ptr data, ptr strides)

is the form of every loop that threads share: `data` holds the number of the first chunk, stepped by 1 along the only dimension,
and the address of the program's frame: a table of words with the addresses of buffers and what the lengths of the call decide. A
chunk is a number of rows that the lengths alone decide, so results do not depend on the number of threads.

For each row the stages run level by level: loops over the axes that are left, then the reductions of what those wrote. Stages of
one level and one index space share a loop, in which every element is computed once; what is stored is stored at the end of the
body, so an update in place is read before it is written. Rows that later levels read wait in a slot of scratch memory, one for
each thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from graphc import dims
from graphc.dims import Dim
from graphc.expr import Expr
from graphc.lower.emit import Builder, Value, memory_type, register_type
from graphc.lower.tensor import reducers
from graphc.lower.tensor.elements import Elements, Index, Lengths
from graphc.lower.tensor.groups import FLAT, Group
from graphc.lower.tensor.images import Routine
from graphc.lower.tensor.stages import Stage
from graphc.types import INT64, DType

FLAT_BLOCK = 2048
"""Elements of a block of a flat group: a few rows of them stay in the fastest cache."""

Memory = Callable[[Expr], Expr]

Word = Callable[[Hashable], int]
"""The place in the frame of what a key stands for."""


def accumulates(stage: Stage, walk: int) -> bool:
    """Whether a stage of a group sums over the group's rows."""
    return stage.run is not None and (walk == FLAT or stage.run[0] < walk)


class Kernel:
    """Writes the function of one group.

    name : of the function; number : of the group, in the keys of the frame's words
    waiting : the rows in scratch memory, with shape and dtype; reducers : the functions that are called;
        routines : the texts of others
    buffered : the nodes that have a buffer: others live within a row
    memory : a node → the node whose memory its own is
    word : the place of a key in the frame
    """

    def __init__(
        self, name: str, number: int, group: Group, buffered: set[Expr], memory: Memory, word: Word
    ) -> None:
        self.name = name
        self.number = number
        self.group = group
        self.walk = group.walk
        self.buffered = buffered
        self.memory = memory
        self.word = word
        self.lengths = Lengths()
        self.builder = Builder(inline=True)
        self.reducers: set[tuple[str, DType]] = set()
        self.routines: list[str] = []
        self.waiting: dict[Hashable, tuple[tuple[Dim, ...], DType]] = {}
        self._bases: dict[Hashable, str] = {}
        self._labels = 0
        self._block = "row"
        self._stored = {memory(stage.node) for stage in group.stages}
        self._scopes: dict[Hashable, int] = {}
        self._scalars: dict[Expr, Value] = {}
        self._level: dict[Expr, int] = {}
        self._loop: dict[Expr, tuple[int, tuple[Dim, ...]]] = {}
        self._from_memory = self._read_later()

    # --- what goes where -------------------------------------------------------------------------------------------------------

    def _inner(self, stage: Stage) -> tuple[Dim, ...]:
        """The axes of a stage's space within a row; of a flat group the block stands for them."""
        return ("block",) if self.walk == FLAT else stage.space[self.walk :]

    def _is_scalar(self, stage: Stage) -> bool:
        """Whether a stage has one element in each row."""
        return stage.image is None and self.walk != FLAT and all(dim == 1 for dim in self._inner(stage))

    def _read_later(self) -> set[Expr]:
        """Sets the level of every stage; returns the nodes that are read from memory within the group."""
        later: set[Expr] = set()
        stages = {stage.node: stage for stage in self.group.stages}
        for stage in self.group.stages:
            level = 0
            for node, index in stage.accesses:
                other = stages.get(node)
                if other is None:
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
                    and self._level[node] != self._level[stage.node]
                ):
                    later.add(node)
        return later

    def _is_one(self, stage: Stage) -> bool:
        """Whether a reduction leaves one number in each row."""
        return self.walk == FLAT or (stage.run is not None and stage.run[1] == stage.rank)

    @property
    def scopes(self) -> int:
        """How many alias scopes the text marks."""
        return len(self._scopes)

    # --- text ------------------------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The function."""
        add = self.builder.lines.append
        rows = self.group.rows
        partials = [stage for stage in self.group.stages if accumulates(stage, self.walk)]
        add("row:")
        add("  %r = phi i64 [ %lo, %begin ], [ %r_next, %row_done ]")
        row_index: list[str] = []
        if self.walk == FLAT:
            total = self.lengths(dims.product(rows))
            add(f"  %first = mul nsw i64 %r, {FLAT_BLOCK}")
            add(f"  %beyond = sub nsw i64 {total}, %first")
            add(f"  %partly = icmp slt i64 %beyond, {FLAT_BLOCK}")
            add(f"  %block = select i1 %partly, i64 %beyond, i64 {FLAT_BLOCK}")
        elif len(rows) == 1:
            row_index = ["%r"]
        else:
            elements = Elements(self.builder, self.lengths, lambda node, index: None)
            place = "%r"
            for dim in reversed(rows[1:]):
                row_index.insert(0, "0" if dim == 1 else elements.whole("srem", place, self.lengths(dim)))
                place = elements.whole("sdiv", place, self.lengths(dim))
            if rows:
                row_index.insert(0, place)
        self.row_index = tuple(row_index)
        for level in range(1 + max(self._level.values())):
            self._write_level([stage for stage in self.group.stages if self._level[stage.node] == level])
        body = self.builder.lines
        self.builder.lines = []
        begin = self._begin(partials)
        head = self._head(partials)
        return "\n".join(
            [
                f"define void @{self.name}(i64 %ndim, ptr %shape, ptr %data, ptr %strides) nounwind {{",
                *head,
                "chunk:",
                "  %c = phi i64 [ %start, %ready ], [ %c_next, %chunk_done ]",
                "  %lo = mul nsw i64 %c, %per",
                "  %to = add nsw i64 %lo, %per",
                "  %short = icmp slt i64 %to, %rows",
                "  %hi = select i1 %short, i64 %to, i64 %rows",
                *begin,
                "  br label %begin",
                "begin:",
                "  br label %row",
                *body,
                "  br label %row_done",
                "row_done:",
                "  %r_next = add nsw i64 %r, 1",
                "  %last = icmp sge i64 %r_next, %hi",
                "  br i1 %last, label %chunk_done, label %row",
                "chunk_done:",
                "  %c_next = add nsw i64 %c, 1",
                "  %all = icmp sge i64 %c_next, %stop",
                "  br i1 %all, label %release, label %chunk",
                "release:",
                "  store atomic i64 0, ptr %flag release, align 8",
                "  ret void",
                "}",
                "",
            ]
        )

    def _head(self, partials: list[Stage]) -> list[str]:
        """Everything that is loaded once; the slot of scratch memory that is taken."""
        lines = ["entry:"]

        def load(name: str, key: Hashable, kind: str = "i64") -> None:
            lines.append(f"  {name}.at = getelementptr i64, ptr %frame, i64 {self.word(key)}")
            lines.append(f"  {name} = load {kind}, ptr {name}.at")

        lines += [
            "  %start = load i64, ptr %data",
            "  %count = load i64, ptr %shape",
            "  %stop = add nsw i64 %start, %count",
            "  %frame.slot = getelementptr i64, ptr %data, i64 1",
            "  %frame = load ptr, ptr %frame.slot",
        ]
        load("%rows", ("rows", self.number))
        load("%per", ("per", self.number))
        load("%flags", ("flags",), "ptr")
        load("%slots", ("slots",))
        load("%slot_size", ("slot size",))
        load("%scratch_base", ("scratch",), "ptr")
        for dim, register in self.lengths.names.items():
            load(register, ("length", dim))
        for key, register in self._bases.items():
            if key[0] == "buffer":  # type: ignore[index]
                load(register, key, "ptr")
        lines += [
            "  br label %take",
            "take:",
            "  %t = phi i64 [ 0, %entry ], [ %t_next, %other ]",
            "  %flag = getelementptr i64, ptr %flags, i64 %t",
            "  %got = cmpxchg ptr %flag, i64 0, i64 1 acquire monotonic",
            "  %mine = extractvalue { i64, i1 } %got, 1",
            "  br i1 %mine, label %ready, label %other",
            "other:",
            "  %t_more = add nsw i64 %t, 1",
            "  %t_wraps = icmp sge i64 %t_more, %slots",
            "  %t_next = select i1 %t_wraps, i64 0, i64 %t_more",
            "  br label %take",
            "ready:",
            "  %mine_at = mul nsw i64 %t, %slot_size",
            "  %scratch = getelementptr i8, ptr %scratch_base, i64 %mine_at",
        ]
        for key, register in self._bases.items():
            if key[0] == "row":  # type: ignore[index]
                load(f"{register}.offset", ("offset", self.number, key[1]))  # type: ignore[index]
                lines.append(f"  {register} = getelementptr i8, ptr %scratch, i64 {register}.offset")
        lines.append("  br label %chunk")
        return lines

    def _begin(self, partials: list[Stage]) -> list[str]:
        """The start of a chunk: partial results hold what changes nothing."""
        lines: list[str] = []
        for k, stage in enumerate(partials):
            node = stage.node
            dtype = node.dtype
            size = self.lengths(dims.product(node.shape))
            register = self._partial(node)
            start = reducers.identity_of(node.op.name, dtype)
            text = (
                {"true": "1", "false": "0"}.get(start.text, start.text) if dtype.kind == "b" else start.text
            )
            kind = memory_type(dtype)
            before = "%chunk" if k == 0 else f"%filled{k - 1}"
            lines += [
                f"  {register}.base.at = getelementptr i64, ptr %frame, i64 {self.word(('partial', self.number, node))}",
                f"  {register}.base = load ptr, ptr {register}.base.at",
                f"  {register}.skip = mul nsw i64 %c, {size}",
                f"  {register} = getelementptr {kind}, ptr {register}.base, i64 {register}.skip",
                f"  br label %fill{k}",
                f"fill{k}:",
                f"  %fill{k}.i = phi i64 [ 0, {before} ], [ %fill{k}.next, %fill{k} ]",
                f"  %fill{k}.at = getelementptr {kind}, ptr {register}, i64 %fill{k}.i",
                f"  store {kind} {text}, ptr %fill{k}.at",
                f"  %fill{k}.next = add nuw nsw i64 %fill{k}.i, 1",
                f"  %fill{k}.done = icmp sge i64 %fill{k}.next, {size}",
                f"  br i1 %fill{k}.done, label %filled{k}, label %fill{k}",
                f"filled{k}:",
            ]
        return lines

    # --- memory ----------------------------------------------------------------------------------------------------------------

    def _base(self, key: tuple[Any, ...]) -> str:
        return self._bases.setdefault(key, f"%{key[0]}{len(self._bases)}")

    def _partial(self, node: Expr) -> str:
        return self._base(("partial", node))

    def _scope(self, key: Hashable) -> int:
        return self._scopes.setdefault(key, len(self._scopes))

    def _place(self, elements: Elements, node: Expr, index: Index) -> str:
        """The place of an element in the order of rows."""
        if self.walk == FLAT and node.shape and index == self._flat_index(len(node.shape)):
            return self._flat_place(elements)
        return elements.linear(index, node.shape)

    def _flat_index(self, rank: int) -> Index:
        """The index within a flat loop: the place itself where there is one axis, else names that are never computed with."""
        return (self._flat_name,) if rank == 1 else tuple([f"%x{axis}" for axis in range(rank)])

    def _flat_place(self, elements: Elements) -> str:
        return self._flat_name

    def _address(self, elements: Elements, node: Expr, index: Index) -> tuple[str, str]:
        """Where an element of a node with a buffer is, and the note of its scope."""
        source = self.memory(node)
        base = self._base(("buffer", source))
        place = self._place(elements, node, index)
        at = self.builder.instruction(
            f"getelementptr {memory_type(node.dtype)}, ptr {base}, i64 {place}", INT64
        )
        return at.text, self._mark(("buffer", source), source in self._stored)

    def _mark(self, key: Hashable, stored: bool) -> str:
        return f"§{self._scope(key if stored else 'read')}§"

    def _row_address(self, elements: Elements, node: Expr, stage: Stage, index: Index) -> tuple[str, str]:
        """Where an element of a row in scratch memory is."""
        key = ("row", node)
        base = self._base(key)
        if self.walk == FLAT:
            self.waiting[node] = (FLAT_BLOCK,), node.dtype
            place = self._flat_step
        else:
            shape = node.shape[self.walk :]
            self.waiting[node] = shape, node.dtype
            place = elements.linear(index[self.walk :], shape)
        at = self.builder.instruction(
            f"getelementptr {memory_type(node.dtype)}, ptr {base}, i64 {place}", INT64
        )
        return at.text, self._mark(key, True)

    def _load(self, elements: Elements) -> Callable[[Expr, Index], Value | None]:
        stages = {stage.node: stage for stage in self.group.stages}

        def load(node: Expr, index: Index) -> Value | None:
            if node in self._scalars:
                return self._scalars[node]
            stage = stages.get(node)
            if stage is not None and node not in self.buffered:
                at, note = self._row_address(elements, node, stage, index)
            elif node in self.buffered or node.is_symbol:
                at, note = self._address(elements, node, index)
            else:
                return None
            return self.builder.load(at, node.dtype, note)

        return load

    def _elements(self) -> Elements:
        elements = Elements(self.builder, self.lengths, lambda node, index: None)
        elements.load = self._load(elements)
        return elements

    # --- levels ----------------------------------------------------------------------------------------------------------------

    def _write_level(self, stages: list[Stage]) -> None:
        """One level of a row: what has one element, then loops, then the reductions of rows."""
        self._flat_name, self._flat_step = "%first", "0"
        top = self._elements()
        loops: dict[tuple[Dim, ...], list[Stage]] = {}
        alone: list[Stage] = []
        for stage in stages:
            if stage.image is not None:
                alone.append(stage)
            elif self._is_scalar(stage):
                self._write_scalar(stage, top)
            elif stage.run is not None and not accumulates(stage, self.walk) and not self._is_one(stage):
                alone.append(stage)
            else:
                loops.setdefault(self._inner(stage), []).append(stage)
        finished: list[tuple[Stage, str]] = []
        for inner, members in loops.items():
            finished += self._write_loop(inner, members)
        for stage in alone:
            if stage.image is not None:
                self._write_image(stage, *stage.image)
            else:
                self._write_middle(stage)
        for stage, pointer in finished:
            self._finish_row(stage, pointer)

    def _write_scalar(self, stage: Stage, elements: Elements) -> None:
        """A stage with one element in each row."""
        index = (*self.row_index, *("0" for _ in self._inner(stage)))
        if stage.run is None:
            value = elements.compute(stage.node, index)
            elements.set(stage.node, index, value)
            self._scalars[stage.node] = value
            self._store(elements, stage.node, index, value)
            return
        value = elements.operand(stage.node, 0, index)
        if stage.node.op.name.startswith("arg"):
            value = Value("0", INT64)
        self._reduced(stage, elements, index, value)

    def _reduced(self, stage: Stage, elements: Elements, index: Index, value: Value) -> None:
        """What a reduction makes of the row at an index: a number for the row, or a contribution to the partial result."""
        node = stage.node
        assert stage.run is not None
        left = (*index[: stage.run[0]], *index[stage.run[1] :])
        if accumulates(stage, self.walk):
            self._accumulate(elements, node, left, value)
            return
        self._scalars[node] = value
        self._store(elements, node, left, value)

    def _accumulate(self, elements: Elements, node: Expr, index: Index, value: Value) -> None:
        key = ("partial", node)
        base = self._base(key)
        place = elements.linear(index, node.shape)
        at = self.builder.instruction(
            f"getelementptr {memory_type(node.dtype)}, ptr {base}, i64 {place}", INT64
        )
        note = self._mark(key, True)
        old = self.builder.load(at.text, node.dtype, note)
        self.builder.store(reducers.combine(self.builder, node.op.name, old, value), at.text, note)

    def _store(self, elements: Elements, node: Expr, index: Index, value: Value) -> None:
        if node in self.buffered:
            at, note = self._address(elements, node, index)
            self.builder.store(value, at, note)

    def _write_loop(self, inner: tuple[Dim, ...], stages: list[Stage]) -> list[tuple[Stage, str]]:
        """A loop over the axes within a row; returns the reductions that wait for it, with the address of what they reduce."""
        finished: list[tuple[Stage, str]] = []
        looping: list[Stage] = []
        for stage in stages:
            pointer = self._row_in_memory(stage)
            if pointer is not None:
                finished.append((stage, pointer))
            else:
                looping.append(stage)
        if not looping:
            return finished

        def body(places: list[str]) -> None:
            elements = self._elements()
            if self.walk == FLAT:
                self._flat_step = places[0]
                self._flat_name = elements.whole("add", "%first", places[0])
            stores: list[Callable[[], None]] = []
            for stage in looping:
                node = stage.node
                index = self._flat_index(stage.rank) if self.walk == FLAT else (*self.row_index, *places)
                if stage.run is None:
                    value = elements.compute(node, index)
                    elements.set(node, index, value)
                    if node in self.buffered:
                        at, note = self._address(elements, node, index)
                    elif node in self._from_memory:
                        at, note = self._row_address(elements, node, stage, index)
                    else:
                        continue
                    stores.append(lambda v=value, at=at, note=note: self.builder.store(v, at, note))
                    continue
                value = elements.operand(node, 0, index)
                if accumulates(stage, self.walk) and not self._is_one(stage):
                    assert stage.run is not None
                    kept = index[stage.run[1] :]
                    stores.append(lambda n=node, k=kept, v=value: self._accumulate(elements, n, k, v))
                    continue
                at, note = self._operand_row(elements, stage, index, value.dtype)
                stores.append(lambda v=value, at=at, note=note: self.builder.store(v, at, note))
            for store in stores:
                store()

        counts = ["%block"] if self.walk == FLAT else [self.lengths(dim) for dim in inner]
        self._nest(counts, body)
        self._flat_name, self._flat_step = "%first", "0"
        for stage in looping:
            if stage.run is not None and (not accumulates(stage, self.walk) or self._is_one(stage)):
                finished.append((stage, self._base(("row", ("of", stage.node)))))
        return finished

    def _operand_row(self, elements: Elements, stage: Stage, index: Index, dtype: DType) -> tuple[str, str]:
        """Where an element waits that a reduction will read."""
        key = ("row", ("of", stage.node))
        base = self._base(key)
        if self.walk == FLAT:
            shape: tuple[Dim, ...] = (FLAT_BLOCK,)
            place = self._flat_step
        else:
            shape = self._inner(stage)
            place = elements.linear(index[self.walk :], shape)
        self.waiting["of", stage.node] = shape, dtype
        at = self.builder.instruction(f"getelementptr {memory_type(dtype)}, ptr {base}, i64 {place}", INT64)
        return at.text, self._mark(key, True)

    def _row_in_memory(self, stage: Stage) -> str | None:
        """The address of the row that a reduction reads, where it lies in memory as it is."""
        if stage.run is None or (accumulates(stage, self.walk) and not self._is_one(stage)):
            return None
        operand = stage.node.operands[0]
        wanted = stage.node.op.types((operand.dtype,))[0][0]
        if operand.dtype != wanted or operand in self._scalars:
            return None
        own = next((other for other in self.group.stages if other.node is operand), None)
        if own is not None and self._level[operand] == self._level[stage.node] and own.run is not None:
            return None
        elements = self._elements()
        index = (*self.row_index, *("0" for _ in self._inner(stage))) if self.walk != FLAT else ()
        if operand in self.buffered or operand.is_symbol:
            base = self._base(("buffer", self.memory(operand)))
            place = "%first" if self.walk == FLAT else elements.linear(index, operand.shape)
            at = self.builder.instruction(
                f"getelementptr {memory_type(operand.dtype)}, ptr {base}, i64 {place}", INT64
            )
            return at.text
        if own is not None and operand in self._from_memory:
            shape = (FLAT_BLOCK,) if self.walk == FLAT else operand.shape[self.walk :]
            self.waiting[operand] = shape, operand.dtype
            return self._base(("row", operand))
        return None

    def _finish_row(self, stage: Stage, pointer: str) -> None:
        """The reduction of a row that lies in memory."""
        node = stage.node
        dtype = node.op.types((node.operands[0].dtype,))[0][0]
        self.reducers.add((node.op.name, dtype))
        elements = self._elements()
        count = "1"
        if self.walk == FLAT:
            count = "%block"
        else:
            for dim in self._inner(stage):
                count = elements.whole("mul", count, self.lengths(dim))
        result = INT64 if node.op.name.startswith("arg") else dtype
        value = self.builder.instruction(
            f"call {register_type(result)} @{reducers.symbol(node.op.name, dtype)}(ptr {pointer}, i64 {count})",
            result,
        )
        index = () if self.walk == FLAT else (*self.row_index, *("0" for _ in self._inner(stage)))
        self._reduced(stage, elements, index, value)

    def _write_middle(self, stage: Stage) -> None:
        """A reduction along axes within the row with others behind them: a row of results, added to."""
        node = stage.node
        assert stage.run is not None
        shape = node.shape[self.walk :]
        counts = [self.lengths(dim) for dim in shape]

        def address(elements: Elements, kept: list[str]) -> tuple[str, str]:
            index = (*self.row_index, *kept)
            if node in self.buffered:
                return self._address(elements, node, index)
            return self._row_address(elements, node, stage, index)

        def clear(places: list[str]) -> None:
            at, note = address(self._elements(), places)
            self.builder.store(reducers.identity_of(node.op.name, node.dtype), at, note)

        self._nest(counts, clear)
        gone = stage.run[1] - stage.run[0]

        def add(places: list[str]) -> None:
            elements = self._elements()
            value = elements.operand(node, 0, (*self.row_index, *places))
            at, note = address(elements, places[gone:])
            old = self.builder.load(at, node.dtype, note)
            self.builder.store(reducers.combine(self.builder, node.op.name, old, value), at, note)

        self._nest([self.lengths(dim) for dim in self._inner(stage)], add)

    def _write_image(self, stage: Stage, routine: Routine, times: int) -> None:
        """The calls of a routine that make an image of a node, or add one to a sum over them."""
        node, suffix = stage.node, f"_{self.number}_{len(self.routines)}"
        self.routines.append(routine.named(suffix))
        elements = self._elements()
        places = [
            self._image(elements, operand, stage, self.row_index[0] if step else "0")
            for operand, step in zip(node.operands, routine.steps, strict=True)
        ]
        if accumulates(stage, self.walk):
            out = self._partial(node)
        else:
            out = self._image(elements, node, stage, self.row_index[0])
        scratch = "null"
        if routine.scratch:
            scratch = self._base(("row", ("beside", node)))
            self.waiting["beside", node] = (routine.scratch,), node.dtype
        gemm = "null"
        if routine.multiplies:
            word = self.word(("gemm", node.dtype))
            at = self.builder.instruction(f"getelementptr i64, ptr %frame, i64 {word}", INT64).text
            gemm = self.builder.instruction(f"load ptr, ptr {at}", INT64).text
        kind = memory_type(node.dtype)

        def call(indices: list[str]) -> None:
            moved = self._elements()
            arguments = []
            for place, step in zip([*places, out], (*routine.steps, routine.step), strict=True):
                away = moved.whole("mul", indices[0], str(step))
                arguments.append(
                    self.builder.instruction(f"getelementptr {kind}, ptr {place}, i64 {away}", INT64).text
                )
            if len(places) == 1:
                arguments.insert(1, "null")
            given = ", ".join(f"ptr {argument}" for argument in [*arguments, scratch, gemm])
            self.builder.lines.append(f"  call void @image{suffix}({given}, i64 0, i64 {routine.pieces})")

        self._nest([str(times)], call)

    def _image(self, elements: Elements, node: Expr, stage: Stage, place: str) -> str:
        """The address of an image of a node with a buffer or a row in scratch memory."""
        index = (place, *("0" for _ in node.shape[1:]))
        if node in self.buffered or node.is_symbol:
            return self._address(elements, node, index)[0]
        return self._row_address(elements, node, stage, index)[0]

    def _nest(self, counts: list[str], body: Callable[[list[str]], None]) -> None:
        """Loops within loops around a body that gets their indices."""
        lines = self.builder.lines
        opened: list[tuple[int, int, str]] = []
        places: list[str] = []
        for count in counts:
            if count == "1":
                places.append("0")
                continue
            number = self._labels
            self._labels += 1
            lines.append(f"  br label %l{number}")
            lines.append(f"l{number}:")
            lines.append("")
            opened.append((number, len(lines) - 1, self._block))
            places.append(f"%i{number}")
            self._block = f"l{number}"
        body(places)
        lengths = [count for count in counts if count != "1"]
        for (number, line, before), count in zip(reversed(opened), reversed(lengths), strict=True):
            lines.append(f"  %n{number} = add nuw nsw i64 %i{number}, 1")
            lines.append(f"  %d{number} = icmp sge i64 %n{number}, {count}")
            lines.append(f"  br i1 %d{number}, label %e{number}, label %l{number}")
            lines.append(f"e{number}:")
            lines[line] = f"  %i{number} = phi i64 [ 0, %{before} ], [ %n{number}, %{self._block} ]"
            self._block = f"e{number}"


def finish(name: str, number: int, group: Group, memory: Memory, word: Word) -> tuple[str, Builder] | None:
    """The function `void name(ptr frame)` that makes results of the partial results of a group's chunks, in pairs, pairs of pairs
    and so on; None where there are none."""
    stages = [stage for stage in group.stages if accumulates(stage, group.walk)]
    if not stages:
        return None
    lengths = Lengths()
    builder = Builder(inline=True)
    lines = builder.lines
    add = lines.append
    for k, stage in enumerate(stages):
        node = stage.node
        kind = memory_type(node.dtype)
        size = lengths(dims.product(node.shape))
        for register, key, what in (
            (f"%part{k}", ("partial", number, node), "ptr"),
            (f"%result{k}", ("buffer", memory(node)), "ptr"),
        ):
            add(f"  {register}.at = getelementptr i64, ptr %frame, i64 {word(key)}")
            add(f"  {register} = load {what}, ptr {register}.at")
        add(f"  br label %steps{k}")
        add(f"steps{k}:")
        add(
            f"  %step{k} = phi i64 [ 1, %{'entry' if k == 0 else f'done{k - 1}'} ], [ %step{k}.next, %step{k}.done ]"
        )
        add(f"  %step{k}.next = mul nsw i64 %step{k}, 2")
        add(f"  %step{k}.some = icmp slt i64 %step{k}, %chunks")
        add(f"  br i1 %step{k}.some, label %pairs{k}, label %copy{k}")
        add(f"pairs{k}:")
        add(f"  %c{k} = phi i64 [ 0, %steps{k} ], [ %c{k}.next, %pair{k}.done ]")
        add(f"  %other{k} = add nsw i64 %c{k}, %step{k}")
        add(f"  %pair{k} = icmp slt i64 %other{k}, %chunks")
        add(f"  br i1 %pair{k}, label %pair{k}.begin, label %step{k}.done")
        add(f"pair{k}.begin:")
        add(f"  %to{k}.skip = mul nsw i64 %c{k}, {size}")
        add(f"  %from{k}.skip = mul nsw i64 %other{k}, {size}")
        add(f"  %to{k} = getelementptr {kind}, ptr %part{k}, i64 %to{k}.skip")
        add(f"  %from{k} = getelementptr {kind}, ptr %part{k}, i64 %from{k}.skip")
        add(f"  br label %add{k}")
        add(f"add{k}:")
        add(f"  %j{k} = phi i64 [ 0, %pair{k}.begin ], [ %j{k}.next, %add{k} ]")
        add(f"  %to{k}.at = getelementptr {kind}, ptr %to{k}, i64 %j{k}")
        add(f"  %from{k}.at = getelementptr {kind}, ptr %from{k}, i64 %j{k}")
        x, y = builder.load(f"%to{k}.at", node.dtype), builder.load(f"%from{k}.at", node.dtype)
        builder.store(reducers.combine(builder, node.op.name, x, y), f"%to{k}.at")
        add(f"  %j{k}.next = add nuw nsw i64 %j{k}, 1")
        add(f"  %j{k}.done = icmp sge i64 %j{k}.next, {size}")
        add(f"  br i1 %j{k}.done, label %pair{k}.done, label %add{k}")
        add(f"pair{k}.done:")
        add(f"  %c{k}.next = add nsw i64 %c{k}, %step{k}.next")
        add(f"  br label %pairs{k}")
        add(f"step{k}.done:")
        add(f"  br label %steps{k}")
        add(f"copy{k}:")
        add(f"  %bytes{k} = mul nsw i64 {size}, {node.dtype.itemsize}")
        add(f"  call void @llvm.memmove.p0.p0.i64(ptr %result{k}, ptr %part{k}, i64 %bytes{k}, i1 false)")
        add(f"  br label %done{k}")
        add(f"done{k}:")
    add("  ret void")
    head = [f"define void @{name}(ptr %frame) nounwind {{", "entry:"]
    for register, key in (
        ("%chunks", ("chunks", number)),
        *((register, ("length", dim)) for dim, register in lengths.names.items()),
    ):
        head.append(f"  {register}.at = getelementptr i64, ptr %frame, i64 {word(key)}")
        head.append(f"  {register} = load i64, ptr {register}.at")
    builder.declarations["llvm.memmove"] = "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)"
    return "\n".join([*head, *lines, "}", ""]), builder


def with_scopes(texts: list[tuple[str, int]]) -> str:
    """The functions with their marks as alias metadata.

    texts : for each function its text and how many scopes it has
    """
    lines: list[str] = []
    number = 0
    results: list[str] = []
    for text, count in texts:
        domain, first = number, number + 1
        lines.append(f'!{domain} = distinct !{{!{domain}, !"rows"}}')
        for k in range(count):
            lines.append(f'!{first + k} = distinct !{{!{first + k}, !{domain}, !"array {k}"}}')
        own, others = first + count, first + 2 * count
        for k in range(count):
            lines.append(f"!{own + k} = !{{!{first + k}}}")
        for k in range(count):
            rest = ", ".join(f"!{first + m}" for m in range(count) if m != k)
            lines.append(f"!{others + k} = !{{{rest}}}")
        for k in range(count):
            text = text.replace(f"§{k}§", f", !alias.scope !{own + k}, !noalias !{others + k}")
        results.append(text)
        number = first + 3 * count
    return "\n".join([*results, *lines]) + "\n"
