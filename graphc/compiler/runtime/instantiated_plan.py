"""A plan for given lengths: memory laid out, rows cut into chunks, jobs made; called with arrays it computes.

One of these serves one call at a time: it owns the workspace, which stays from call to call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.compiler.engine import blas, buffer_pool, thread_pool
from graphc.compiler.engine.jit import Library as Code
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.engine.thread_pool import Parallel
from graphc.compiler.lowering.gather_scatter import casts_of, holds, range_of
from graphc.compiler.lowering.length_checks import refuse, told
from graphc.compiler.runtime import library_calls, operand_views
from graphc.compiler.runtime.fastcall.program_entry import RELEASE, Kernels
from graphc.compiler.runtime.kernel_calls import Call, FrameFunction, sequence_address, together
from graphc.compiler.schedule import nontemporal_stores
from graphc.compiler.schedule.fusion import FLAT, Group
from graphc.compiler.schedule.memory_plan import Check, MemoryPlan, Operand
from graphc.compiler.schedule.row_blocks import ADDED_ROWS as ADDED_IN_PANELS
from graphc.compiler.schedule.row_blocks import PANEL
from graphc.compiler.targets.llvm.kernels.loop_writer import FLAT_BLOCK, accumulates
from graphc.errors import InputError, ShapeError
from graphc.ir import dims
from graphc.ir.attribute_text import bound as with_lengths
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ops.support.errors import misplaced, refusal

ALIGNED = 64

CHUNK = 25_000.0
"""Nanoseconds of estimated work in a chunk of rows."""

MOST_CHUNKS = 4096

FEW_CHUNKS = 8
"""So many chunks are enough where every one of them ends in matrices."""

ADDED_ROWS = 256
"""The most rows that are added up one after the other before their sums are added in pairs."""


class Bound:
    """A plan for given lengths.

    lengths : name → length; parallel : as for `g.compile`

    margin : bytes on each side of what stands in the workspace

    Raises `ShapeError` where an operation makes no sense for these lengths.
    """

    margin = 0

    def __init__(
        self,
        plan: MemoryPlan,
        code: Code | None,
        lengths: Mapping[str, int],
        parallel: Parallel,
    ) -> None:
        self.plan = plan
        self._code = code  # the steps hold addresses in it
        self.lengths = lengths
        self.parallel: Parallel = parallel
        refuse(plan.dag, lengths)
        self.shapes: list[tuple[int, ...]] = [
            self._shape(plan.dag.exprs[output].shape) for output in plan.dag.outputs
        ]
        self.slots: int = max(thread_pool.get_num_threads(), 1)
        self._arrays: dict[Expr, np.ndarray] = {}
        self._runs: library_calls.Runs = {}
        self._frame = np.zeros(max(1, len(plan.words)), dtype=np.int64)
        self._flags = np.zeros(8 * self.slots, dtype=np.int64)
        self._partials: list[tuple[int, Expr]] = []
        self._lay_out()
        self._steps: list[list[Callable[[], None]]] = [[] for _ in range(len(plan.steps) + 1)]
        for step, checks in plan.checks.items():
            self._steps[step] += [check for check in map(self._check, checks) if check is not None]
        for number, step in enumerate(plan.steps):
            if isinstance(step, Group):
                assert code is not None
                self._steps[number].append(self._loop(number, step, code))
            else:
                self._steps[number].append(self._call(step.node))
        self._todo = self._sequence()
        self._copies = [(number, self._value(node)) for number, node in plan.copies]
        self._updates = [(number, self._next(node)) for number, node in plan.updates]
        self._symbols = [(symbol, plan.words.get(("buffer", symbol))) for symbol in plan.dag.symbols]
        self._made = [
            (node, number, plan.words.get(("buffer", node))) for node, number in plan.targets.items()
        ]

    def _sequence(self) -> list[Callable[[], None]]:
        """What a call does, one after the other."""
        return together([do for step in self._steps for do in step])

    # --- lengths ---------------------------------------------------------------------------------------------------------------

    def _shape(self, shape: Sequence[Dim]) -> tuple[int, ...]:
        return tuple([dims.evaluate(dim, self.lengths) for dim in shape])

    def _size(self, shape: Sequence[Dim]) -> int:
        return math.prod(self._shape(shape))

    # --- memory ----------------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Gives every kept node its memory: those that are never needed at the same time may share it."""
        plan = self.plan
        spans: list[tuple[int, int, int, Hashable]] = []  # first and last step, bytes, key
        for node, (first, last) in plan.lives.items():
            spans.append((first, last, self._size(node.shape) * node.dtype.itemsize, node))
        self._chunks: dict[int, tuple[int, int, int, float]] = {}
        slot = 0
        for number, step in enumerate(plan.steps):
            if not isinstance(step, Group):
                continue
            rows, per, chunks, work = self._cut(step)
            self._chunks[number] = rows, per, chunks, work
            for stage in step.stages:
                if accumulates(stage, step.walk):
                    node = stage.node
                    if chunks == 1:
                        self._partials.append((plan.words["partial", number, node], plan.memory(node)))
                    else:
                        size = chunks * self._size(node.shape) * node.dtype.itemsize
                        spans.append((number, number, size, ("partial", number, node)))
            offset = 0
            for key, (shape, dtype) in plan.rows[number].items():
                self._set(("offset", number, key), offset)
                offset += _rounded(self._size(shape) * dtype.itemsize) + 5 * ALIGNED
            slot = max(slot, offset)
            touched = nontemporal_stores.reads_and_writes(step.stages)
            size = sum(self._size(node.shape) * node.dtype.itemsize for node in touched)
            self._set(("streams", number), int(size >= nontemporal_stores.large()))
            self._set(("rows", number), rows)
            self._set(("total", number), self._size(step.rows))
            self._set(("per", number), per)
            self._set(("chunks", number), chunks)
        margin = self.margin
        places, total = _places([(first, last, size + 2 * margin, key) for first, last, size, key in spans])
        slot = _rounded(slot)
        self.workspace: np.ndarray = self._memory(total + slot * self.slots + ALIGNED)
        base = -data_address(self.workspace) % ALIGNED
        self._spans = [
            (first, last, base + places[key] + margin, size, key) for first, last, size, key in spans
        ]
        self._scratch = base + total
        for key, place in places.items():
            start = base + place + margin
            if isinstance(key, Expr):
                shape = self._shape(key.shape)
                end = start + math.prod(shape) * key.dtype.itemsize
                array = self.workspace[start:end].view(key.dtype).reshape(shape)
                self._arrays[key] = array
                self._set(("buffer", key), data_address(self.workspace) + start)
            else:
                self._set(key, data_address(self.workspace) + start)
        self._set(("scratch",), data_address(self.workspace) + base + total)
        self._set(("slot size",), slot)
        self._set(("slots",), self.slots)
        self._set(("flags",), data_address(self._flags))
        for key in plan.words:
            if isinstance(key, tuple) and key[0] == "length":
                self._set(key, dims.evaluate(key[1], self.lengths))
            elif isinstance(key, tuple) and key[0] == "gemm":
                self._set(key, blas.function("gemm", key[1]))

    def _memory(self, size: int) -> np.ndarray:
        """So many bytes for the workspace."""
        return buffer_pool.room(size)

    def _set(self, key: Hashable, value: int) -> None:
        place = self.plan.words.get(key)
        if place is not None:
            self._frame[place] = value

    def _cut(self, group: Group) -> tuple[int, int, int, float]:
        """Rows, rows in a chunk, chunks, and the work in nanoseconds: by the lengths alone, not by the number of threads."""
        work = sum(stage.nanoseconds * self._size(stage.space) for stage in group.stages)
        if group.walk == FLAT:
            rows = -(-self._size(group.rows) // FLAT_BLOCK)
        elif group.in_panels:
            rows = -(-self._size(group.rows) // PANEL)
        else:
            rows = self._size(group.rows)
        per = max(1, math.ceil(rows * CHUNK / max(work, 1.0)), -(-rows // MOST_CHUNKS))
        added = [stage for stage in group.stages if accumulates(stage, group.walk)]
        if added:
            least = max(stage.added_to_one(self._size, rows) for stage in added)
            most = ADDED_ROWS
            if group.in_panels:  # partial sums are matrices here: rather few of them
                per, most = max(per, rows // FEW_CHUNKS), ADDED_IN_PANELS // PANEL
            per = max(min(per, most), least)
        per = min(per, rows)
        return rows, per, -(-rows // per), work

    # --- steps -----------------------------------------------------------------------------------------------------------------

    def _loop(self, number: int, group: Group, code: Code) -> Call:
        """Runs a group over its chunks."""
        _, _, chunks, work = self._chunks[number]
        summed = chunks > 1 and any(accumulates(stage, group.walk) for stage in group.stages)
        shared = chunks > 1 and (
            self.parallel is True or (self.parallel == "auto" and work >= thread_pool.WORTH)
        )
        multiplies = any(stage.multiplies for stage in group.stages)
        made = self.plan.kernels[number]
        kernel = FrameFunction(code.pointer(made.kernel), made.words)
        last = FrameFunction(code.pointer(made.last), made.last_words) if summed else None
        return Call(
            kernel, last, data_address(self._frame), chunks, work, shared, self.slots, multiplies, self
        )

    def _reader(self, operand: Operand) -> Callable[[], Any]:
        """What gives the array that a library call reads."""
        base = operand.base
        views = [operand_views.view(node, self.lengths) for node in operand.views]
        if base.is_constant:
            return operand_views.stays(np.asarray(base.value), views)
        arrays, source, shape = self._arrays, self.plan.memory(base), self._shape(base.shape)
        if source in arrays:  # in the workspace, where it stays
            return operand_views.stays(arrays[source].reshape(shape), views)

        def read() -> Any:
            array = arrays[source]
            return operand_views.viewed(array if array.shape == shape else array.reshape(shape), views)

        return read

    def _call(self, node: Expr) -> Callable[[], None]:
        """Runs a library call; its refusals name the node and its line."""
        readers = [self._reader(operand) for operand in self.plan.operands[node]]
        compute = library_calls.prepare(
            node, with_lengths(node.attrs, self.lengths), self.parallel, self._runs
        )
        arrays, target, shape = self._arrays, self.plan.memory(node), self._shape(node.shape)

        def run() -> None:
            out = arrays[target]
            try:
                compute(out if out.shape == shape else out.reshape(shape), *[read() for read in readers])
            except (ValueError, IndexError, OverflowError, MemoryError, np.linalg.LinAlgError) as error:
                raise refusal(node, error) from None

        return run

    def _check(self, check: Check) -> Callable[[], None] | None:
        """Holds an array of places against the length of the axis they name."""
        node, array = check.node, check.array
        length = dims.evaluate(node.operands[0].shape[check.axis], self.lengths)

        def refuse(place: int) -> None:
            what, hint = misplaced(place, check.axis, length)
            raise InputError(what, node=told(node), site=node.site, hint=hint)

        counted = range_of(array)
        if counted is not None:
            start, stop, step, _ = with_lengths(counted.attrs, self.lengths)
            places = range(start, stop, step)
            for dtype in casts_of(array):
                if not holds(dtype, places):
                    raise ShapeError(
                        f"index: a range from {start} to {stop} does not fit {dtype}",
                        node=told(node),
                        site=node.site,
                        hint='places are int64: g.arange(…, dtype="int64")',
                    )
            for place in (places[0], places[-1]) if places else ():
                if not -length <= place < length:
                    refuse(place)
            return None
        assert check.operand is not None
        read = self._reader(check.operand)

        def run() -> None:
            places = read()
            if places.dtype.kind == "u" and places.dtype.itemsize == 8:
                places = places.astype(np.int64)  # as indexing takes them
            low, high = int(places.min()), int(places.max())
            if low < -length or high >= length:
                refuse(low if low < -length else high)

        return run

    @property
    def is_plain(self) -> bool:
        """Whether a call runs kernels alone, one after the other in one thread: machine code may call them without Python."""
        steps = [do for step in self._steps for do in step]
        plain = all(isinstance(do, Call) and do.is_plain for do in steps)
        return bool(steps) and plain and not self._copies and not self._updates

    def kernels(self, arguments: int, constants: Sequence[np.ndarray]) -> Kernels:
        """What a call runs, where `is_plain` holds.

        arguments : how many of the inputs a call brings; constants : the others
        """
        calls = [do for step in self._steps for do in step if isinstance(do, Call)]
        writes: list[tuple[int, int]] = []
        for number, (_, place) in enumerate(self._symbols):
            if place is not None and number < arguments:
                writes.append((place, number))
            elif place is not None:
                self._frame[place] = data_address(constants[number - arguments])
        results = {node: number for node, number, _ in self._made}
        writes += [(place, arguments + number) for _, number, place in self._made if place is not None]
        for place, node in self._partials:
            if node in results:
                writes.append((place, arguments + results[node]))
            else:
                self._frame[place] = data_address(self._arrays[node])
        table = np.array([call.row for call in calls], dtype=np.int64)
        return Kernels(
            data_address(self._frame), sequence_address(), len(calls), data_address(table),
            sum(call.work for call in calls) > RELEASE, writes, (self, table, calls),
        )  # fmt: skip

    # --- calls -----------------------------------------------------------------------------------------------------------------

    def __call__(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], addresses: Sequence[int]
    ) -> None:
        """Compute: the inputs in the order of the graph's, in rows and of their dtypes, the outputs likewise.

        addresses : of the inputs
        """
        arrays, frame = self._arrays, self._frame
        for (symbol, word), array, address in zip(self._symbols, inputs, addresses, strict=True):
            arrays[symbol] = array
            if word is not None:
                frame[word] = address
        for node, number, word in self._made:
            arrays[node] = outputs[number]
            if word is not None:
                frame[word] = data_address(outputs[number])
        for word, node in self._partials:
            frame[word] = data_address(arrays[node])
        try:
            for do in self._todo:
                do()
            for number, value in self._copies:
                outputs[number][...] = value()
            fresh = [(number, value()) for number, value in self._updates]
            for number, new in fresh:
                inputs[number][...] = new
        finally:
            for symbol, _ in self._symbols:
                del arrays[symbol]
            for node, _, _ in self._made:
                del arrays[node]

    def _value(self, node: Expr) -> Callable[[], Any]:
        """What gives the value of a node at the end of a call."""
        if node.is_constant:
            return lambda: node.value
        arrays, source, shape = self._arrays, self.plan.memory(node), self._shape(node.shape)
        return lambda: arrays[source].reshape(shape)

    def _next(self, node: Expr) -> Callable[[], Any]:
        """The new value of an input; apart from the inputs where several are written, as two may change places."""
        value = self._value(node)
        apart = len(self.plan.updates) > 1 and self.plan.memory(node).is_symbol
        return (lambda: np.array(value())) if apart else value


def _rounded(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def _places(spans: list[tuple[int, int, int, Hashable]]) -> tuple[dict[Hashable, int], int]:
    """Places for memory that is needed from one step to another: the largest first, each at the lowest place that is free
    whenever it is needed. Returns the places and the size of all."""
    placed: list[tuple[int, int, int, int]] = []  # first and last step, start, end
    places: dict[Hashable, int] = {}
    total = 0
    for first, last, size, key in sorted(spans, key=lambda span: -span[2]):
        size = max(ALIGNED, _rounded(size))
        start = 0
        for _, _, low, high in sorted(
            [other for other in placed if other[0] <= last and first <= other[1]], key=lambda other: other[2]
        ):
            if start + size <= low:
                break
            start = max(start, high)
        places[key] = start
        placed.append((first, last, start, start + size))
        total = max(total, start + size)
    return places, total
