"""Reductions of numbers that lie one after the other, as LLVM IR: T name(ptr p, i64 n).

Sums and products of floats go by blocks: within a block a fixed number of accumulators, in vectors that are written out, so that
the bits do not depend on the width of the processor's own; the blocks' sums are added with compensation (Neumaier's). No flag
lets LLVM reorder anything. Extremes hand NaN on.
"""

from __future__ import annotations

from typing import Any

from graphc.compiler.targets.llvm.emit import (
    FLOAT_PREDICATES,
    LlvmBuilder,
    LlvmValue,
    literal,
    memory_type,
    register_type,
)
from graphc.errors import CompileError
from graphc.ir.op import Reducer, lookup
from graphc.ir.types import BOOL, INT64, DType

BLOCK = 1024
"""Elements that are added up before compensation."""

_VECTORS = 4
"""Vectors of accumulators."""

_WIDTH = 64
"""Bytes of a vector."""

FEW = 32
"""Floats of a block below which there are no vectors: they join one after the other."""


def reducer_of(name: str) -> Reducer:
    """What the operation of that name declares of how it reduces."""
    reducer = lookup(name).reducer
    assert reducer is not None  # only such operations are given loops
    return reducer


def identity_of(name: str, dtype: DType) -> LlvmValue:
    """What changes nothing."""
    return LlvmValue(literal(reducer_of(name).identity(dtype), dtype), dtype)


def combine(builder: LlvmBuilder, name: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
    """Two results as one."""
    reducer = reducer_of(name)
    emit = reducer.emit or lookup(reducer.combine).emit
    assert emit is not None  # a test holds that
    return emit(builder, x, y)


def rounding_error(builder: LlvmBuilder, x: LlvmValue, y: LlvmValue, total: LlvmValue) -> LlvmValue:
    """What x + y is more than its rounded value `total`, to the bit (Knuth's two-sum); NaN where that is not finite."""
    part = builder.sub(total, x)
    return builder.add(builder.sub(x, builder.sub(total, part)), builder.sub(y, part))


def symbol(name: str, dtype: DType) -> str:
    """The function's name."""
    return f"reduce_{name}_{dtype.name}"


def definition(name: str, dtype: DType) -> tuple[str, LlvmBuilder]:
    """The function's text, and a builder that knows what it calls."""
    reducer = reducer_of(name)
    if reducer.of_places:
        return _place(name, dtype)
    if dtype.kind == "f" and reducer.packed:
        return _packed(name, dtype)
    return _plain(name, dtype)


def _plain(name: str, dtype: DType) -> tuple[str, LlvmBuilder]:
    """One after the other: LLVM may reorder whole numbers by itself."""
    builder = LlvmBuilder(inline=True)
    kind, stored = register_type(dtype), memory_type(dtype)
    builder.lines.append(f"  %at = getelementptr {stored}, ptr %p, i64 %i")
    value = builder.load("%at", dtype)
    result = combine(builder, name, LlvmValue("%sum", dtype), value)
    body = "\n".join(builder.lines)
    text = f"""define internal {kind} @{symbol(name, dtype)}(ptr %p, i64 %n) nounwind {{
entry:
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %loop, label %exit
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %sum = phi {kind} [ {identity_of(name, dtype).text}, %entry ], [ {result.text}, %loop ]
{body}
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %exit, label %loop
exit:
  %result = phi {kind} [ {identity_of(name, dtype).text}, %entry ], [ {result.text}, %loop ]
  ret {kind} %result
}}
"""
    return text, builder


def _place(name: str, dtype: DType) -> tuple[str, LlvmBuilder]:
    """The place of the first extreme; of the first NaN where there is one."""
    builder = LlvmBuilder(inline=True)
    builder.lines.append(f"  %at = getelementptr {memory_type(dtype)}, ptr %p, i64 %i")
    value = builder.load("%at", dtype)
    best = LlvmValue("%best", dtype)
    prefers = reducer_of(name).prefers
    assert prefers is not None  # it is one of places
    better = prefers(builder, value, best)
    if dtype.kind == "f":
        better = builder.or_(better, builder.isnan(value))
        better = builder.and_(better, builder.not_(builder.isnan(best)))
    chosen = builder.select(better, value, best)
    place = builder.select(better, LlvmValue("%i", INT64), LlvmValue("%place", INT64))
    body = "\n".join(builder.lines)
    kind = register_type(dtype)
    first = LlvmBuilder(inline=True)
    first._count = 10_000
    start = first.load("%p", dtype)
    head = "\n".join(first.lines)
    text = f"""define internal i64 @{symbol(name, dtype)}(ptr %p, i64 %n) nounwind {{
entry:
{head}
  %some = icmp sgt i64 %n, 1
  br i1 %some, label %loop, label %exit
loop:
  %i = phi i64 [ 1, %entry ], [ %next, %loop ]
  %best = phi {kind} [ {start.text}, %entry ], [ {chosen.text}, %loop ]
  %place = phi i64 [ 0, %entry ], [ {place.text}, %loop ]
{body}
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %exit, label %loop
exit:
  %result = phi i64 [ 0, %entry ], [ {place.text}, %loop ]
  ret i64 %result
}}
"""
    return text, builder


class _Lanes(LlvmBuilder):
    """Writes a combination of numbers, or of vectors of them, under names that begin as the result's.

    kind, flag : LLVM's types of what is combined and of a condition on it; lanes : how many numbers, 0 of no vector
    """

    def __init__(self, result: str, kind: str, lanes: int) -> None:
        super().__init__()
        self.result, self.kind, self.lanes = result, kind, lanes
        self.flag = f"<{lanes} x i1>" if lanes else "i1"
        self.names: list[str] = []

    def instruction(self, text: str, dtype: DType) -> LlvmValue:
        raise CompileError(f"{text.split()[0]} has no form for vectors", hint="declare packed=False")

    def _line(self, suffix: str, text: str, dtype: DType) -> LlvmValue:
        name = f"{self.result}.{suffix}"
        if name in self.names:
            name += str(len(self.names))
        self.names.append(name)
        self.lines.append(f"  {name} = {text}")
        return LlvmValue(name, dtype)

    def number(self, value: Any, like: LlvmValue) -> LlvmValue:
        text = literal(value, like.dtype)
        scalar = self.kind.split()[-1].rstrip(">")
        splat = f"<{', '.join([f'{scalar} {text}'] * self.lanes)}>"
        return LlvmValue(splat if self.lanes else text, like.dtype)

    def _binary(self, floating: str, integer: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self._line(floating, f"{floating} {self.kind} {x.text}, {y.text}", x.dtype)

    def neg(self, x: LlvmValue) -> LlvmValue:
        return self._line("neg", f"fneg {self.kind} {x.text}", x.dtype)

    def compare(self, predicate: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self._line(
            "better", f"fcmp {FLOAT_PREDICATES[predicate]} {self.kind} {x.text}, {y.text}", BOOL
        )

    def isnan(self, x: LlvmValue) -> LlvmValue:
        return self._line("nan", f"fcmp uno {self.kind} {x.text}, {x.text}", BOOL)

    def and_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self._line("both", f"and {self.flag} {x.text}, {y.text}", BOOL)

    def or_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self._line("keep", f"or {self.flag} {x.text}, {y.text}", BOOL)

    def select(self, condition: LlvmValue, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        text = f"select {self.flag} {condition.text}, {self.kind} {x.text}, {self.kind} {y.text}"
        return self._line("chosen", text, x.dtype)

    def text(self, value: LlvmValue) -> str:
        """The instructions, with the value under the result's name."""
        if self.names and value.text == self.names[-1]:
            self.lines[-1] = self.lines[-1].replace(f"  {value.text} =", f"  {self.result} =", 1)
        else:
            self.lines.append(f"  {self.result} = freeze {self.kind} {value.text}")
        return "\n".join(self.lines)


def _packed(name: str, dtype: DType) -> tuple[str, LlvmBuilder]:
    """Floats: vectors of accumulators over a block, then their lanes in pairs; what is left one by one, in a sum of its own."""
    kind = register_type(dtype)
    size = dtype.itemsize
    lanes = _WIDTH // size

    def join(kind: str, result: str, x: str, y: str, lanes: int = 0) -> str:
        """The instructions that make `result` of x and y, numbers or vectors."""
        writer = _Lanes(result, kind, lanes)
        return writer.text(combine(writer, name, LlvmValue(x, dtype), LlvmValue(y, dtype)))

    step = lanes * _VECTORS  # at least `FEW`
    vector = f"<{lanes} x {kind}>"
    zero = identity_of(name, dtype).text
    splat = f"<{', '.join([f'{kind} {zero}'] * lanes)}>"
    lines: list[str] = []
    add = lines.append
    for k in range(_VECTORS):
        add(f"  %a{k} = phi {vector} [ {splat}, %block ], [ %b{k}, %wide ]")
    for k in range(_VECTORS):
        add(f"  %o{k} = add i64 %i, {k * lanes}")
        add(f"  %p{k} = getelementptr {kind}, ptr %p, i64 %o{k}")
        add(f"  %v{k} = load {vector}, ptr %p{k}, align {size}")
        add(join(vector, f"%b{k}", f"%a{k}", f"%v{k}", lanes))
    wide = "\n".join(lines)
    lines = []
    add = lines.append
    for k in range(_VECTORS):
        add(f"  %w{k} = phi {vector} [ %b{k}, %wide ]")
    level, number = [f"%w{k}" for k in range(_VECTORS)], 0
    while len(level) > 1:
        joined = []
        for x, y in zip(level[::2], level[1::2], strict=True):
            add(join(vector, f"%t{number}", x, y, lanes))
            joined.append(f"%t{number}")
            number += 1
        level = joined
    width, current = lanes, level[0]
    while width > 1:
        half = width // 2
        low = ", ".join(f"i32 {k}" for k in range(half))
        high = ", ".join(f"i32 {k + half}" for k in range(half))
        here, part = f"<{width} x {kind}>", f"<{half} x {kind}>"
        add(f"  %low{width} = shufflevector {here} {current}, {here} poison, <{half} x i32> <{low}>")
        add(f"  %high{width} = shufflevector {here} {current}, {here} poison, <{half} x i32> <{high}>")
        add(join(part, f"%f{width}", f"%low{width}", f"%high{width}", half))
        current, width = f"%f{width}", half
    add(f"  %all_lanes = extractelement <1 x {kind}> {current}, i32 0")
    fold = "\n".join(lines)
    builder = LlvmBuilder(inline=True)
    if reducer_of(name).compensated:  # Neumaier's compensation; none where a sum is not finite
        intrinsic = f"llvm.fabs.f{8 * size}"
        builder.declarations[intrinsic] = f"declare {kind} @{intrinsic}({kind})"
        joined = f"""  %total_next = fadd {kind} %total, %part
  %size_t = call {kind} @llvm.fabs.f{8 * size}({kind} %total)
  %size_p = call {kind} @llvm.fabs.f{8 * size}({kind} %part)
  %larger = fcmp oge {kind} %size_t, %size_p
  %big = select i1 %larger, {kind} %total, {kind} %part
  %small = select i1 %larger, {kind} %part, {kind} %total
  %lost_0 = fsub {kind} %big, %total_next
  %lost_1 = fadd {kind} %lost_0, %small
  %lost_next = fadd {kind} %lost, %lost_1"""
        final = f"""  %fixed = fadd {kind} %total_end, %lost_end
  %usable = fcmp ord {kind} %lost_end, %lost_end
  %some_lost = fcmp une {kind} %lost_end, 0.0
  %fix = and i1 %usable, %some_lost
  %result = select i1 %fix, {kind} %fixed, {kind} %total_end"""
    else:
        joined = join(kind, "%total_next", "%total", "%part") + f"\n  %lost_next = fadd {kind} 0.0, %lost"
        final = f"  %result = select i1 true, {kind} %total_end, {kind} %lost_end"
    text = f"""define internal {kind} @{symbol(name, dtype)}(ptr %p, i64 %n) nounwind {{
entry:
  br label %block
block:
  %start = phi i64 [ 0, %entry ], [ %end, %joining ]
  %total = phi {kind} [ {zero}, %entry ], [ %total_next, %joining ]
  %lost = phi {kind} [ 0.0, %entry ], [ %lost_next, %joining ]
  %left = sub i64 %n, %start
  %more = icmp sgt i64 %left, {BLOCK}
  %count = select i1 %more, i64 {BLOCK}, i64 %left
  %end = add i64 %start, %count
  %rest = srem i64 %count, {step}
  %whole = sub i64 %end, %rest
  %any = icmp slt i64 %start, %whole
  br i1 %any, label %wide, label %few
wide:
  %i = phi i64 [ %start, %block ], [ %i_next, %wide ]
{wide}
  %i_next = add i64 %i, {step}
  %wide_done = icmp eq i64 %i_next, %whole
  br i1 %wide_done, label %folded, label %wide
folded:
{fold}
  br label %few
few:
  %lane = phi {kind} [ {zero}, %block ], [ %all_lanes, %folded ]
  %single = icmp slt i64 %whole, %end
  br i1 %single, label %tail, label %joined
tail:
  %j = phi i64 [ %whole, %few ], [ %j_next, %tail ]
  %s = phi {kind} [ {zero}, %few ], [ %s_next, %tail ]
  %at = getelementptr {kind}, ptr %p, i64 %j
  %x = load {kind}, ptr %at
{join(kind, "%s_next", "%s", "%x")}
  %j_next = add i64 %j, 1
  %tail_done = icmp eq i64 %j_next, %end
  br i1 %tail_done, label %tailed, label %tail
tailed:
{join(kind, "%with_tail", "%lane", "%s_next")}
  br label %joined
joined:
  %part = phi {kind} [ %lane, %few ], [ %with_tail, %tailed ]
  %alone = icmp sle i64 %n, {BLOCK}
  br i1 %alone, label %one, label %joining
one:
  ret {kind} %part
joining:
{joined}
  %finished = icmp sge i64 %end, %n
  br i1 %finished, label %exit, label %block
exit:
  %total_end = phi {kind} [ %total_next, %joining ]
  %lost_end = phi {kind} [ %lost_next, %joining ]
{final}
  ret {kind} %result
}}
"""
    return text, builder
