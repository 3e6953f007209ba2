"""The levels of a row: what has one element, then loops, then the reductions of what those wrote."""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.loops.program import Index
from graphc.compiler.schedule.fusion import FLAT
from graphc.compiler.schedule.loop_collapse import merged
from graphc.compiler.schedule.materialize import Stage
from graphc.compiler.schedule.row_blocks import Product
from graphc.compiler.targets.llvm import reducers
from graphc.compiler.targets.llvm.emit import LlvmValue, memory_type, register_type
from graphc.compiler.targets.llvm.kernels.kernel_values import KernelElements
from graphc.compiler.targets.llvm.kernels.loop_writer import FLAT_BLOCK, LoopWriter, accumulates, compensated
from graphc.compiler.targets.llvm.microkernels.images import ImageRoutine
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.ir.expr import Expr
from graphc.ir.types import INT64, DType


class Levels(LoopWriter):
    """Writes the stages of a group level by level."""

    def _write_level(self, stages: list[Stage]) -> None:
        """One level of a row: what has one element, then loops, then the reductions of rows."""
        self._flat_name, self._flat_step = Name("%first"), "0"
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

    def _write_scalar(self, stage: Stage, elements: KernelElements) -> None:
        """A stage with one element in each row."""
        index = (*self.row_index, *(0 for _ in self._inner(stage)))
        if stage.run is None:
            value = elements.computed(stage.node, index)
            self._scalars[stage.node] = value
            self._store(elements, stage.node, index, value)
            return
        value = elements.given(stage.node, 0, index)
        if reducers.reducer_of(stage.node.op.name).of_places:
            value = LlvmValue("0", INT64)
        self._reduced(stage, elements, index, value)

    def _reduced(self, stage: Stage, elements: KernelElements, index: Index, value: LlvmValue) -> None:
        """What a reduction makes of the row at an index: a number for the row, or a contribution to the partial result."""
        node = stage.node
        assert stage.run is not None
        left = (*index[: stage.run[0]], *index[stage.run[1] :])
        if accumulates(stage, self.walk):
            self._accumulate(elements, stage, left, value)
            return
        self._scalars[node] = value
        self._store(elements, node, left, value)

    def _accumulate(self, elements: KernelElements, stage: Stage, index: Index, value: LlvmValue) -> None:
        node = stage.node
        key = ("partial", node)
        base = self._base(key)
        place = elements.values.linear(index, node.shape)
        at = self.builder.instruction(
            f"getelementptr {memory_type(node.dtype)}, ptr {base}, i64 {place}", INT64
        )
        note = self._mark(key, True)
        old = self.builder.load(at.text, node.dtype, note)
        result = reducers.combine(self.builder, node.op.name, old, value)
        if compensated(stage, self.walk):
            lost = self._base(("lost", node))
            error = reducers.rounding_error(self.builder, old, value, result)
            self.builder.store(self.builder.add(self.builder.load(lost, node.dtype), error), lost)
        self.builder.store(result, at.text, note)

    def _store(self, elements: KernelElements, node: Expr, index: Index, value: LlvmValue) -> None:
        if node in self.buffered:
            at, note = self._address(elements, node, index)
            self.builder.store(value, at, note)
        elif node in self._panel:
            at, note = self._row_address(elements, node, index)
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

        def body(places: list[Dim]) -> None:
            elements = self._elements()
            if self.walk == FLAT:
                self._flat_step = elements.values.register(places[0])
                self._flat_name = Name(elements.values.register(dims.add(Name("%first"), places[0])))
            stores: list[Callable[[], None]] = []
            for stage in looping:
                node = stage.node
                index = self._flat_index(stage.rank) if self.walk == FLAT else (*self.row_index, *places)
                if stage.run is None:
                    value = elements.computed(node, index)
                    if node in self.buffered:
                        at, note = self._address(elements, node, index)
                    elif node in self._from_memory:
                        at, note = self._row_address(elements, node, index)
                    else:
                        continue
                    stores.append(lambda v=value, at=at, note=note: self.builder.store(v, at, note))
                    continue
                value = elements.given(node, 0, index)
                if accumulates(stage, self.walk) and not self._is_one(stage):
                    assert stage.run is not None
                    left = index[stage.run[1] :]
                    stores.append(lambda s=stage, k=left, v=value: self._accumulate(elements, s, k, v))
                    continue
                at, note = self._operand_row(elements, stage, index, value.dtype)
                stores.append(lambda v=value, at=at, note=note: self.builder.store(v, at, note))
            for store in stores:
                store()

        counts = ["%block"] if self.walk == FLAT else self._merged(looping, inner)
        self._nest(counts, body)
        self._flat_name, self._flat_step = Name("%first"), "0"
        for stage in looping:
            if stage.run is not None and (not accumulates(stage, self.walk) or self._is_one(stage)):
                finished.append((stage, self._base(("row", ("of", stage.node)))))
        return finished

    def _merged(self, stages: list[Stage], inner: tuple[Dim, ...]) -> list[str]:
        """The lengths of a nest's loops: of axes that are one loop, the last has them all and the others have 1."""
        lengths = list(inner)
        for axis in merged(stages, stages[0].space, self.walk):
            k = axis - self.walk
            lengths[k - 1 : k + 1] = 1, dims.product(lengths[k - 1 : k + 1])
        return [self.lengths(length) for length in lengths]

    def _operand_row(
        self, elements: KernelElements, stage: Stage, index: Index, dtype: DType
    ) -> tuple[str, str]:
        """Where an element waits that a reduction will read."""
        key = ("row", ("of", stage.node))
        base = self._base(key)
        if self.walk == FLAT:
            shape: tuple[Dim, ...] = (FLAT_BLOCK,)
            place = self._flat_step
        else:
            shape = self._inner(stage)
            place = elements.values.linear(index[self.walk :], shape)
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
        if own is not None and self._together(operand, stage.node) and own.run is not None:
            return None
        elements = self._elements()
        index = (*self.row_index, *(0 for _ in self._inner(stage))) if self.walk != FLAT else ()
        if operand in self.buffered or operand.is_symbol:
            base = self._buffer(self.memory(operand))
            place = "%first" if self.walk == FLAT else elements.values.linear(index, operand.shape)
            at = self.builder.instruction(
                f"getelementptr {memory_type(operand.dtype)}, ptr {base}, i64 {place}", INT64
            )
            return at.text
        if operand in self._panel:
            return self._row_address(elements, operand, index)[0]
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
        count = "%block" if self.walk == FLAT else elements.values.register(dims.product(self._inner(stage)))
        result = INT64 if reducers.reducer_of(node.op.name).of_places else dtype
        value = self.builder.instruction(
            f"call {register_type(result)} @{reducers.symbol(node.op.name, dtype)}(ptr {pointer}, i64 {count})",
            result,
        )
        index = () if self.walk == FLAT else (*self.row_index, *(0 for _ in self._inner(stage)))
        self._reduced(stage, elements, index, value)

    def _write_middle(self, stage: Stage) -> None:
        """A reduction along axes within the row with others behind them: a row of results, added to."""
        node = stage.node
        assert stage.run is not None
        shape = node.shape[self.walk :]
        counts = [self.lengths(dim) for dim in shape]

        def address(elements: KernelElements, left: list[Dim]) -> tuple[str, str]:
            index = (*self.row_index, *left)
            if node in self.buffered:
                return self._address(elements, node, index)
            return self._row_address(elements, node, index)

        def clear(places: list[Dim]) -> None:
            at, note = address(self._elements(), places)
            self.builder.store(reducers.identity_of(node.op.name, node.dtype), at, note)

        self._nest(counts, clear)
        gone = stage.run[1] - stage.run[0]

        def add(places: list[Dim]) -> None:
            elements = self._elements()
            value = elements.given(node, 0, (*self.row_index, *places))
            at, note = address(elements, places[gone:])
            old = self.builder.load(at, node.dtype, note)
            self.builder.store(reducers.combine(self.builder, node.op.name, old, value), at, note)

        self._nest([self.lengths(dim) for dim in self._inner(stage)], add)

    def _write_image(self, stage: Stage, routine: ImageRoutine, times: int) -> None:
        """The calls of a routine that make an image of a node, or add one to a sum over them."""
        node, suffix = stage.node, self.module.routine(routine)
        elements = self._elements()
        places = [
            self._image(elements, operand, stage, self.row_index[0] if step else 0)
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
        gemm = self._gemm(node.dtype) if routine.multiplies else "null"
        kind = memory_type(node.dtype)

        def call(indices: list[Dim]) -> None:
            moved = self._elements()
            arguments = []
            for place, step in zip([*places, out], (*routine.steps, routine.step), strict=True):
                away = moved.values.register(dims.multiply(indices[0], step))
                arguments.append(
                    self.builder.instruction(f"getelementptr {kind}, ptr {place}, i64 {away}", INT64).text
                )
            if len(places) == 1:
                arguments.insert(1, "null")
            pointers = ", ".join(f"ptr {argument}" for argument in [*arguments, scratch, gemm])
            self.builder.lines.append(f"  call void @image{suffix}({pointers}, i64 0, i64 {routine.pieces})")

        self._nest([str(times)], call)

    def _write_product(self, stage: Stage, product: Product) -> None:
        """The rows of a panel that a product makes, or what it adds to a sum over them."""
        node, suffix = stage.node, self.module.routine(product)
        elements = self._elements()
        rows = self._panel_at(elements, product.rows)
        if product.summed:
            other, out = self._panel_at(elements, product.other), self._partial(node)
        else:
            other, out = self._address(elements, product.other, (0, 0))[0], self._panel_at(elements, node)
        gemm = self._gemm(node.dtype)
        self.builder.lines.append(
            f"  call void @product{suffix}(ptr {rows}, ptr {other}, ptr {out}, i64 %block, ptr {gemm})"
        )

    def _panel_at(self, elements: KernelElements, node: Expr) -> str:
        """The address of a panel's first row."""
        if node in self.buffered or node.is_symbol:
            return self._address(elements, node, (Name("%first"), 0))[0]
        self._within = 0
        return self._row_address(elements, node, (Name("%first"), 0))[0]

    def _gemm(self, dtype: DType) -> str:
        """The address of BLAS' product."""
        key = ("gemm", dtype)
        self._base(key)
        return self._bases[key]

    def _image(self, elements: KernelElements, node: Expr, stage: Stage, place: Dim) -> str:
        """The address of an image of a node with a buffer or a row in scratch memory."""
        index = (place, *(0 for _ in node.shape[1:]))
        if node in self.buffered or node.is_symbol:
            return self._address(elements, node, index)[0]
        return self._row_address(elements, node, index)[0]
