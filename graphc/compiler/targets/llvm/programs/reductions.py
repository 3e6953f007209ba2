"""Reductions of the loop IR as LLVM IR.

Where a loop hands one number after the other to reductions of floats, it fills blocks of them instead, and each block is reduced
in vectors (`targets/llvm/reducers.py`): sums within a block are plain, those of blocks are added with compensation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.compiler.loops.program import (
    Combine,
    For,
    Reduce,
    walk_statements,
)
from graphc.compiler.targets.llvm import reducers
from graphc.compiler.targets.llvm.emit import LlvmValue, literal, memory_type, register_type
from graphc.compiler.targets.llvm.programs.reduction_sizes import (
    PLAIN,
    OpenReduction,
    SerialBlock,
    is_cheap,
    is_one_block,
    is_short,
    is_written_out,
)
from graphc.compiler.targets.llvm.programs.values import ValueWriter
from graphc.ir.op import lookup
from graphc.ir.types import BOOL, INT64, DType

if TYPE_CHECKING:
    from graphc.compiler.targets.llvm.programs.statements import NativeStatements


class Reductions:
    """Writes reductions.

    needed : the functions for blocks that the text calls, by reducer and type
    """

    def __init__(self, values: ValueWriter, statements: NativeStatements) -> None:
        self.values = values
        self.builder = values.builder
        self.statements = statements
        self.open: dict[str, OpenReduction] = {}
        self.needed: set[tuple[str, DType]] = set()
        self._blocks: dict[str, str | list[LlvmValue] | SerialBlock] = {}
        self._strips: dict[str, str] = {}

    def reduce(self, s: Reduce) -> None:
        """A reduction: what its body hands over, as one number or as the elements of a buffer."""
        self._reduce(s)
        del self.open[s.target]

    def _reduce(self, s: Reduce) -> None:
        reducer = lookup(s.reducer).reducer
        assert reducer is not None
        start = LlvmValue(literal(0 if reducer.of_places else reducer.identity(s.dtype), s.dtype), s.dtype)
        if s.target in self.values.buffers:
            self.open[s.target] = OpenReduction(s, reducer)
            self._reduce_buffer(s, start)
            return
        kind, slot = memory_type(s.dtype), self.statements.slot
        few = self.statements.few
        now = self.open[s.target] = OpenReduction(s, reducer, at_once=not few and is_one_block(s), few=few)
        if now.at_once and now.is_packed:
            self.statements.block(s.body)
            assert now.result is not None
            self.values.bind(s.target, now.result)
            return
        now.at_once = False
        now.total = slot(kind)
        self.builder.store(start, now.total)
        if s.summation == "compensated" and not is_short(s):
            now.error = slot(kind)
            self.builder.store(LlvmValue(literal(0, s.dtype), s.dtype), now.error)
        if reducer.of_places:
            now.some = slot("i8")
            self.builder.store(LlvmValue("false", BOOL), now.some)
        self.statements.block(s.body)
        result = self.builder.load(now.total, s.dtype)
        if now.error is not None:
            result = self._finished(result, self.builder.load(now.error, s.dtype))
        self.values.bind(s.target, result)

    def _finished(self, total: LlvmValue, error: LlvmValue) -> LlvmValue:
        """The sum with what rounding took from it, where that is finite."""
        b = self.builder
        some = b.compare("ne", error, b.number(0, error))  # none of a single block: nothing waits for that

        def corrected() -> LlvmValue:
            size = b.intrinsic("fabs", error)
            return b.select(b.compare("lt", size, b.number(float("inf"), size)), b.add(total, error), total)

        return self.values.choose(some, corrected, total, register_type(total.dtype))

    def _reduce_buffer(self, s: Reduce, start: LlvmValue) -> None:
        values, kind = self.values, memory_type(s.dtype)
        if s.error is not None and is_short(s):
            s = replace(s, error=None)
            self.open[s.target] = replace(self.open[s.target], statement=s)
        count = values.size(values.buffers[s.target])
        target = values.pointers[s.target]

        def begin(k: LlvmValue) -> None:
            self.builder.store(start, values.at(target, k.text, kind))
            if s.error is not None:
                zero = LlvmValue(literal(0, s.dtype), s.dtype)
                self.builder.store(zero, values.at(values.pointers[s.error], k.text, kind))

        def end(k: LlvmValue) -> None:
            at = values.at(target, k.text, kind)
            error = self.builder.load(values.at(values.pointers[s.error or ""], k.text, kind), s.dtype)
            self.builder.store(self._finished(self.builder.load(at, s.dtype), error), at)

        self.statements.passes(count, begin)
        self.statements.block(s.body)
        if s.error is not None:
            self.statements.passes(count, end)

    # --- one number ---------------------------------------------------------------------------------------------------

    def combine(self, s: Combine) -> None:
        block = self._blocks.get(s.target)
        if isinstance(block, list):
            block.append(self.values.scalar(s.value))
            return
        now = self.open[s.target]
        if isinstance(block, SerialBlock):
            old = self.builder.load(block.slot, now.statement.dtype)
            value = self.values.scalar(s.value)
            self.builder.store(reducers.combine(self.builder, now.statement.reducer, old, value), block.slot)
            return
        if block is not None:
            self.builder.store(self.values.scalar(s.value), block)
            return
        value = self.values.scalar(s.value)
        if now.reducer.of_places:
            self._place(s, now, value)
        elif now.total is not None:
            self._join(now, value, now.total, now.error)
        else:
            error = None if s.target in self._strips else now.statement.error
            self._join(
                now,
                value,
                self.values.address(s.target, s.index),
                None if error is None else self.values.address(error, s.index),
            )

    def _join(
        self, now: OpenReduction, value: LlvmValue, total: str, error: str | None, block: bool = False
    ) -> None:
        """A number joins what has been combined so far; block : whether it is a block's, the first one mostly."""
        b, dtype = self.builder, now.statement.dtype
        old = b.load(total, dtype)
        if error is None:
            new = b.convert(reducers.combine(b, now.statement.reducer, old, b.convert(value, dtype)), dtype)
            b.store(new, total)
            return
        new = b.add(old, value)
        b.store(new, total)

        def lose() -> None:
            lost = b.load(error, dtype)
            larger = b.compare("ge", b.intrinsic("fabs", old), b.intrinsic("fabs", value))
            big, small = b.select(larger, old, value), b.select(larger, value, old)
            b.store(b.add(lost, b.add(b.sub(big, new), small)), error)

        if block:  # nothing is lost where there was nothing before
            self.statements.where(b.compare("ne", old, b.number(0, old)), lose)
        else:
            lose()

    def _place(self, s: Combine, now: OpenReduction, value: LlvmValue) -> None:
        """The first that no other one is preferred to, or the first NaN."""
        b = self.builder
        assert s.place is not None and now.total is not None and now.some is not None
        if now.best is None:
            now.best = self.statements.slot(memory_type(value.dtype))
        some = b.load(now.some, BOOL)
        best = b.select(some, b.load(now.best, value.dtype), value)
        assert now.reducer.prefers is not None
        better = now.reducer.prefers(b, value, best)
        if value.dtype.kind == "f":
            better = b.and_(b.or_(better, b.isnan(value)), b.not_(b.isnan(best)))
        chosen = b.or_(better, b.not_(some))
        b.store(b.select(better, value, best), now.best)
        place = self.values.dim(s.place)
        b.store(b.select(chosen, place, b.load(now.total, INT64)), now.total)
        b.store(LlvmValue("true", BOOL), now.some)

    # --- blocks of numbers --------------------------------------------------------------------------------------------

    def by_strips(self, s: For) -> bool:
        """Writes a long loop whose sums go into small buffers by strips of it: within one they are plain. Else says so."""
        inside = {each.target for each in walk_statements(s.body) if isinstance(each, Combine)}
        targets = [
            target
            for target in sorted(inside)
            if target in self.open
            and target not in self._strips
            and self.open[target].statement.error is not None
        ]
        if not targets or (isinstance(s.extent, int) and s.extent <= PLAIN):
            return False
        buffers = [self.values.buffers[target] for target in targets]
        if not all(map(self.statements.fits_on_stack, buffers)):
            return False
        values, builder = self.values, self.builder
        kinds = [memory_type(buffer.dtype) for buffer in buffers]
        sizes = [values.size(buffer) for buffer in buffers]
        memory = [self.statements.slot(k, int(size.text)) for k, size in zip(kinds, sizes, strict=True)]

        def strip(start: LlvmValue, count: LlvmValue) -> None:
            for target, at, kind, size in zip(targets, memory, kinds, sizes, strict=True):
                dtype = values.buffers[target].dtype
                first = LlvmValue(literal(self.open[target].reducer.identity(dtype), dtype), dtype)
                self.statements.passes(
                    size, lambda k, *o: builder.store(o[0], values.at(o[1], k.text, o[2])), first, at, kind
                )
                self._strips[target] = values.pointers[target]
                values.pointers[target] = at
            if not self.blocked(s, start, count):
                self.statements.passes(count, lambda k: self.statements.body_at(s, self._sum(start, k)))
            for target, at, kind, size in zip(targets, memory, kinds, sizes, strict=True):
                values.pointers[target] = self._strips.pop(target)
                self.statements.passes(size, self._join_element, target, at, kind)

        self._by(s, PLAIN, strip)
        return True

    def _join_element(self, k: LlvmValue, target: str, at: str, kind: str) -> None:
        """What a strip has summed for one element of a buffer, to what is there."""
        values, now = self.values, self.open[target]
        value = self.builder.load(values.at(at, k.text, kind), now.statement.dtype)
        total = values.at(values.pointers[target], k.text, kind)
        self._join(now, value, total, values.at(values.pointers[now.statement.error or ""], k.text, kind))

    def _by(self, s: For, length: int, write: Callable[[LlvmValue, LlvmValue], None]) -> None:
        """write(first place, how many) for parts of a loop that are at most so long."""
        stop = self.values.dim(s.extent)
        blocks = self._whole(
            f"sdiv i64 {self._whole(f'add nsw i64 {stop.text}, {length - 1}').text}, {length}"
        )

        def part(number: LlvmValue) -> None:
            start = self._whole(f"mul nsw i64 {number.text}, {length}")
            left = self._whole(f"sub nsw i64 {stop.text}, {start.text}")
            few = self.builder.instruction(f"icmp slt i64 {left.text}, {length}", BOOL)
            write(start, self._whole(f"select i1 {few.text}, i64 {left.text}, i64 {length}"))

        self.statements.passes(blocks, part)

    def _sum(self, start: LlvmValue, k: LlvmValue) -> LlvmValue:
        return k if start.text == "0" else self._whole(f"add nsw i64 {start.text}, {k.text}")

    def blocked(self, s: For, start: LlvmValue | None = None, count: LlvmValue | None = None) -> bool:
        """Writes a loop by blocks, where all that it hands to reductions of numbers is reduced in vectors; else says so.

        start, count : the part of the loop that is to be written; else all of it
        """
        combined = [each for each in s.body if isinstance(each, Combine) and each.target not in self._strips]
        targets = [each.target for each in combined]
        if (
            not combined
            or len(set(targets)) < len(targets)
            or any(target in self._blocks for target in targets)
        ):
            return False
        if s.extent == 0 or not all(self.open[target].is_packed for target in targets):
            return False
        inner = tuple([each for each in s.body if each not in combined])
        if any(isinstance(each, Combine) and each.target in targets for each in walk_statements(inner)):
            return False
        if count is None and is_written_out(s):
            self._written_out(s, targets)
            return True
        length = reducers.BLOCK if not isinstance(s.extent, int) else min(s.extent, reducers.BLOCK)
        kinds = [self.open[target].statement.dtype for target in targets]
        memory = [self.statements.slot(memory_type(dtype), length) for dtype in kinds]
        if start is not None and count is not None:
            self._block(s, targets, memory, start, count)
        elif isinstance(s.extent, int) and s.extent <= reducers.BLOCK:
            self._block(s, targets, memory, LlvmValue("0", INT64), LlvmValue(str(s.extent), INT64))
        elif not isinstance(s.extent, int) and is_cheap(s):
            stop = self.values.dim(s.extent)
            few = self.builder.instruction(f"icmp slt i64 {stop.text}, {reducers.FEW}", BOOL)
            self.statements.where(few, lambda: self._few(s, targets, stop))
            many = self.builder.not_(few)
            self.statements.where(
                many,
                lambda: self._by(
                    s, length, lambda first, count: self._block(s, targets, memory, first, count)
                ),
            )
        else:
            self._by(s, length, lambda first, many: self._block(s, targets, memory, first, many))
        return True

    def _few(self, s: For, targets: list[str], count: LlvmValue) -> None:
        """A block of fewer numbers than a vector's accumulators take: one after the other, and nothing between in memory."""
        for target in targets:
            dtype = self.open[target].statement.dtype
            self._blocks[target] = SerialBlock(self.statements.slot(memory_type(dtype)))
            start = LlvmValue(literal(self.open[target].reducer.identity(dtype), dtype), dtype)
            self.builder.store(start, self._blocks[target].slot)  # type: ignore[union-attr]

        def body(k: LlvmValue) -> None:
            self.statements.body_at(s, k)
            self.statements.asked = True  # no vectors

        self.statements.passes(count, body)
        for target in targets:
            block = self._blocks.pop(target)
            self._part(self.open[target], self.builder.load(block.slot, self.open[target].statement.dtype))  # type: ignore[union-attr]

    def _written_out(self, s: For, targets: list[str]) -> None:
        """A short loop without the loop."""
        assert isinstance(s.extent, int)
        numbers: list[list[LlvmValue]] = [[] for _ in targets]
        for target, each in zip(targets, numbers, strict=True):
            self._blocks[target] = each
        for k in range(s.extent):
            with self.values.scope():
                self.values.name(s.index, LlvmValue(str(k), INT64))
                self.statements.block(s.body)
        for target, each in zip(targets, numbers, strict=True):
            del self._blocks[target]
            reducer = self.open[target].statement.reducer
            while len(each) > 1:
                pairs = [
                    reducers.combine(self.builder, reducer, *each[k : k + 2])
                    for k in range(0, len(each) - 1, 2)
                ]
                each = [*pairs, *each[len(each) - len(each) % 2 :]]
            self._part(self.open[target], each[0])

    def _part(self, now: OpenReduction, value: LlvmValue) -> None:
        """What a block is, to what those before it are."""
        if now.at_once:
            now.result = value
        else:
            assert now.total is not None
            self._join(now, value, now.total, now.error, block=True)

    def _whole(self, text: str) -> LlvmValue:
        return self.builder.instruction(text, INT64)

    def _block(
        self, s: For, targets: list[str], memory: list[str], start: LlvmValue, count: LlvmValue
    ) -> None:
        """One block: its numbers, then what they are together."""
        values = self.values

        def fill(k: LlvmValue) -> None:
            values.name(s.index, self._sum(start, k))
            for target, at in zip(targets, memory, strict=True):
                kind = memory_type(self.open[target].statement.dtype)
                self._blocks[target] = values.at(at, k.text, kind)
            self.statements.block(s.body)
            for target in targets:
                del self._blocks[target]

        self.statements.passes(count, fill)
        for target, at in zip(targets, memory, strict=True):
            now = self.open[target]
            reducer, dtype = now.statement.reducer, now.statement.dtype
            self.needed.add((reducer, dtype))
            call = (
                f"call {register_type(dtype)} @{reducers.symbol(reducer, dtype)}(ptr {at}, i64 {count.text})"
            )
            self._part(now, self.builder.instruction(call, dtype))


__all__ = ["Reductions"]
