"""A group of stages as one function in LLVM IR.

    void kernel(i64 ndim, ptr shape, ptr data, ptr strides)

is the form of every loop that threads share: `data` holds the number of the first chunk, stepped by 1 along the only dimension,
and the address of the program's frame: a table of words with the addresses of buffers and what the lengths of the call decide. A
chunk is a number of rows that the lengths alone decide, so results do not depend on the number of threads.

For each row the stages run level by level: loops over the axes that are left, then the reductions of what those wrote. Stages of
one level and one index space share a loop, in which every element is computed once; what is stored is stored at the end of the
body, so an update in place is read before it is written. Rows that later levels read wait in a slot of scratch memory, one for
each thread. A group with products counts its rows in panels.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from math import prod
from typing import Any

from graphc.compiler.loops.index_maps import remainder
from graphc.compiler.schedule import nontemporal_stores
from graphc.compiler.schedule.fusion import FLAT
from graphc.compiler.schedule.materialize import Stage, identity
from graphc.compiler.schedule.row_blocks import PANEL
from graphc.compiler.targets.llvm import reducers
from graphc.compiler.targets.llvm.emit import memory_type
from graphc.compiler.targets.llvm.kernels.barrier_levels import Levels
from graphc.compiler.targets.llvm.kernels.kernel_values import KernelValues
from graphc.compiler.targets.llvm.kernels.loop_writer import FLAT_BLOCK, accumulates, compensated
from graphc.compiler.targets.llvm.kernels.module import NAME, loaded
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.ir.expr import Expr
from graphc.ir.types import INT64

LINE = 64
"""Bytes that memory gives at once."""

FEWEST_LINES = 16
"""Lines of a row that are worth asking for ahead."""


class Phase(Levels):
    """Writes loops over the rows of a panel as a function of what they read and write: layers of one shape share it."""

    @property
    def keys(self) -> list[tuple[Any, ...]]:
        """What it takes the addresses of."""
        return list(self._bases)

    def text(self, stages: list[Stage]) -> str:
        """The function."""

        def row(places: list[Dim]) -> None:
            self._within = places[0]
            row = dims.add(Name("%first"), self._within)
            self.row_index = (Name(self._elements().values.register(row)),)
            for level in range(1 + max(self._level[stage.node] for stage in stages)):
                self._write_level([stage for stage in stages if self._level[stage.node] == level])

        self._nest(["%block"], row)
        parameters = ["i64 %first", "i64 %block", *[f"ptr {register}" for register in self._bases.values()]]
        parameters += [f"i64 {register}" for register in self.lengths.names.values()]
        start = f"define internal void @{NAME}({', '.join(parameters)}) noinline nounwind {{"
        return "\n".join([start, "row:", *self.builder.lines, "  ret void", "}", ""])


class KernelWriter(Levels):
    """Writes the function of one group."""

    def text(self, results: Collection[Expr] = ()) -> str:
        """The function.

        results : the nodes that are made in the memory of results
        """
        add = self.builder.lines.append
        rows = self.group.rows
        partials = [stage for stage in self.group.stages if accumulates(stage, self.walk)]
        add("row:")
        add("  %r = phi i64 [ %lo, %begin ], [ %r_next, %row_done ]")
        row_index: list[Dim] = []
        if self.walk == FLAT or self.group.in_panels:
            most = FLAT_BLOCK if self.walk == FLAT else PANEL
            add(f"  %first = mul nsw i64 %r, {most}")
            add("  %beyond = sub nsw i64 %total, %first")
            add(f"  %partly = icmp slt i64 %beyond, {most}")
            add(f"  %block = select i1 %partly, i64 %beyond, i64 {most}")
        elif len(rows) == 1:
            row_index = [Name("%r")]
        else:
            values, place = KernelValues(self.builder, self.lengths), Name("%r")
            for dim in reversed([dim or 1 for dim in rows[1:]]):  # of no rows none is asked for
                row_index.insert(0, 0 if dim == 1 else Name(values.register(remainder(place, dim))))
                place = Name(values.register(dims.floor_divide(place, dim)))
            if rows:
                row_index.insert(0, place)
        self.row_index = tuple(row_index)
        streamed = self._streamed(results)
        self._divert(streamed)
        for phase in sorted(set(self.phase.values())):
            self._write_phase([stage for stage in self.group.stages if self.phase[stage.node] == phase])
        self._stream(streamed)
        body = self.builder.lines
        self.builder.lines = []
        begin = self._begin(partials)
        head = self._head(partials)
        end = self._end(partials)
        return "\n".join(
            [
                f"define void @{NAME}(i64 %ndim, ptr %shape, ptr %data, ptr %strides) nounwind {{",
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
                *end,
                "  %c_next = add nsw i64 %c, 1",
                "  %all = icmp sge i64 %c_next, %stop",
                "  br i1 %all, label %release, label %chunk",
                "release:",
                *([f"  call void @{nontemporal_stores.FENCE}()"] if streamed else []),
                "  store atomic i64 0, ptr %flag release, align 8",
                "  ret void",
                "}",
                "",
            ]
        )

    def _write_phase(self, stages: list[Stage]) -> None:
        """The levels of a row, of every row of a panel, or products of a panel."""
        if not self.group.in_panels:
            count = 1 + max(self._level[stage.node] for stage in stages)
            for level in range(count):
                self._fetch_ahead(level, count)
                self._write_level([stage for stage in stages if self._level[stage.node] == level])
            return
        if stages[0].product is not None:
            for stage in stages:
                assert stage.product is not None
                self._write_product(stage, stage.product)
            return
        part = Phase(self.number, self.group, self.buffered, self.memory, self.word, self.module)
        name = self.module.function(part.text(stages), part.scopes, part.builder)
        self.waiting |= part.waiting
        self.reducers |= part.reducers
        arguments = ["i64 %first", "i64 %block", *[f"ptr {self._base(key)}" for key in part.keys]]
        arguments += [f"i64 {self.lengths(dim)}" for dim in part.lengths.names]
        self.builder.lines.append(f"  call void @{name}({', '.join(arguments)})")

    def _streamed(self, results: Collection[Expr]) -> dict[Expr, int]:
        """The results whose rows may go past the caches, with the bytes of a row."""
        row_bytes: dict[Expr, int] = {}
        images = any(stage.image is not None for stage in self.group.stages)
        if self.walk < 1 or self.group.in_panels or images or not nontemporal_stores.available():
            return row_bytes
        for stage in self.group.stages:
            size = nontemporal_stores.row_bytes(stage, self.walk)
            if size is not None and stage.node in results and self.memory(stage.node) is stage.node:
                row_bytes[stage.node] = size
        return row_bytes

    def _divert(self, streamed: Mapping[Expr, int]) -> None:
        """A row that goes past the caches is made in scratch memory, as if its buffer began so far before that."""
        for k, (node, size) in enumerate(streamed.items()):
            base, row = self._base(("buffer", node)), self._base(("row", ("out", node)))
            self.waiting["out", node] = node.shape[self.walk :], node.dtype
            self.builder.lines += [
                f"  %away{k} = mul nsw i64 %r, {size}",
                f"  %before{k} = sub nsw i64 0, %away{k}",
                f"  %diverted{k} = getelementptr i8, ptr {row}, i64 %before{k}",
                f"  %here{k} = select i1 %streaming, ptr %diverted{k}, ptr {base}",
            ]
            self._here[node] = f"%here{k}"

    def _stream(self, streamed: Mapping[Expr, int]) -> None:
        """Copies such rows to where they belong."""
        if not streamed:
            return
        suffix = self.module.routine(nontemporal_stores.Stream())
        lines = self.builder.lines
        lines += ["  br i1 %streaming, label %stream, label %streamed", "stream:"]
        for k, (node, size) in enumerate(streamed.items()):
            base, row = self._base(("buffer", node)), self._base(("row", ("out", node)))
            lines += [
                f"  %there{k} = getelementptr i8, ptr {base}, i64 %away{k}",
                f"  call void @stream{suffix}(ptr %there{k}, ptr {row}, i64 {size})",
            ]
        lines += ["  br label %streamed", "streamed:"]

    def _fetch_ahead(self, level: int, levels: int) -> None:
        """Asks for what the next row reads of memory, a part of it before each level: for all of it at once the processor waits.

        The processor's own guesses end with a page of memory, and long rows are pages.
        """
        if self.walk < 1 or any(stage.image is not None for stage in self.group.stages):
            return
        elements = self._elements()
        start = identity(self.walk)
        read = dict.fromkeys(
            node
            for stage in self.group.stages
            for node, index in stage.accesses
            if (node in self.buffered or node.is_symbol)
            and index[: self.walk] == start
            and index == stage.identity
        )
        for node in read:
            inner = node.shape[self.walk :]
            known = [dim for dim in inner if isinstance(dim, int)]
            lines = prod(known) * node.dtype.itemsize // LINE
            if len(known) < len(inner) or lines < FEWEST_LINES:
                continue
            first, last = lines * level // levels, lines * (level + 1) // levels
            row = Name(elements.values.linear(self.row_index, node.shape[: self.walk]))
            base = self._base(("buffer", self.memory(node)))
            place = dims.multiply(dims.add(row, 1), prod(known) * node.dtype.itemsize)

            def ask(places: list[Dim], base: str = base, place: Dim = place, first: int = first) -> None:
                line = dims.multiply(dims.add(places[0], first), LINE)
                away = self._elements().values.register(dims.add(place, line))
                at = self.builder.instruction(f"getelementptr i8, ptr {base}, i64 {away}", INT64).text
                self.builder.lines.append(f"  call void @llvm.prefetch.p0(ptr {at}, i32 0, i32 2, i32 1)")

            self.builder.declarations["llvm.prefetch"] = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
            if last > first:
                self._nest([str(last - first)], ask)

    def _head(self, partials: list[Stage]) -> list[str]:
        """Everything that is loaded once; the slot of scratch memory that is taken."""
        lines = ["entry:"]
        lines += [
            f"  {self._base(('lost', stage.node))} = alloca {memory_type(stage.node.dtype)}"
            for stage in partials
            if compensated(stage, self.walk)
        ]

        def load(name: str, key: Hashable, kind: str = "i64") -> None:
            lines.extend(loaded(name, self.word(key), kind))

        lines += [
            "  %start = load i64, ptr %data",
            "  %count = load i64, ptr %shape",
            "  %stop = add nsw i64 %start, %count",
            "  %frame.slot = getelementptr i64, ptr %data, i64 1",
            "  %frame = load ptr, ptr %frame.slot",
            "  %words.slot = getelementptr i64, ptr %data, i64 2",
            "  %words = load ptr, ptr %words.slot",
        ]
        load("%rows", ("rows", self.number))
        load("%per", ("per", self.number))
        if self.walk == FLAT or self.group.in_panels:
            load("%total", ("total", self.number))
        if self._here:
            load("%streams", ("streams", self.number))
            lines.append("  %streaming = icmp ne i64 %streams, 0")
        load("%flags", ("flags",), "ptr")
        load("%slots", ("slots",))
        load("%slot_size", ("slot size",))
        load("%scratch_base", ("scratch",), "ptr")
        for dim, register in self.lengths.names.items():
            load(register, ("length", dim))
        for key, register in self._bases.items():
            if key[0] in ("buffer", "gemm"):
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
            if key[0] == "row":
                load(f"{register}.offset", ("offset", self.number, key[1]))
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
                *loaded(f"{register}.base", self.word(("partial", self.number, node)), "ptr"),
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
            if compensated(stage, self.walk):
                lines.append(f"  store {kind} 0.0, ptr {self._base(('lost', node))}")
        return lines

    def _end(self, partials: list[Stage]) -> list[str]:
        """The end of a chunk: what rounding took from its sums is added; none where a sum is not finite."""
        lines: list[str] = []
        for k, stage in enumerate(partials):
            node = stage.node
            if not compensated(stage, self.walk):
                continue
            kind, at = memory_type(node.dtype), self._partial(node)
            lines += [
                f"  %sum{k}.rounded = load {kind}, ptr {at}",
                f"  %sum{k}.lost = load {kind}, ptr {self._base(('lost', node))}",
                f"  %sum{k}.usable = fcmp one {kind} %sum{k}.lost, 0.0",
                f"  %sum{k}.fixed = fadd {kind} %sum{k}.rounded, %sum{k}.lost",
                f"  %sum{k}.result = select i1 %sum{k}.usable, {kind} %sum{k}.fixed, {kind} %sum{k}.rounded",
                f"  store {kind} %sum{k}.result, ptr {at}",
            ]
        return lines
