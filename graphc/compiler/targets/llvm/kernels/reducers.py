"""Reductions of numbers that lie one after the other, as LLVM IR: T name(ptr p, i64 n).

Sums and products of floats go by blocks: within a block a fixed number of accumulators, in vectors that are written out, so that
the bits do not depend on the width of the processor's own; the blocks' sums are added with compensation (Neumaier's). No flag
lets LLVM reorder anything. Extremes hand NaN on.
"""

from __future__ import annotations

import numpy as np

from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, literal, memory_type, register_type
from graphc.ir.types import BOOL, INT64, DType

BLOCK = 1024
"""Elements that are added up before compensation."""

_VECTORS = 4
"""Vectors of accumulators."""

_WIDTH = 64
"""Bytes of a vector."""

SUMS = ("sum", "conv2d_kernel_grad", "matmul")
"""What adds up."""


def identity_of(name: str, dtype: DType) -> LlvmValue:
    """What changes nothing: −0.0 for sums of floats, as 0.0 would lose its sign."""
    if name in SUMS:
        return LlvmValue(literal(-0.0 if dtype.kind == "f" else 0, dtype), dtype)
    if name == "prod":
        return LlvmValue(literal(1, dtype), dtype)
    if name in ("any", "all"):
        return LlvmValue(literal(name == "all", BOOL), BOOL)
    low = name in ("max", "argmax")
    if dtype.kind == "f":
        return LlvmValue(literal(-np.inf if low else np.inf, dtype), dtype)
    if dtype.kind == "b":
        return LlvmValue(literal(not low, dtype), dtype)
    ends = np.iinfo(dtype)
    return LlvmValue(literal(ends.min if low else ends.max, dtype), dtype)


def combine(builder: LlvmBuilder, name: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
    """Two results as one."""
    if name in (*SUMS, "prod"):
        return builder.add(x, y) if name in SUMS else builder.mul(x, y)
    if name in ("any", "all"):
        return builder.or_(x, y) if name == "any" else builder.and_(x, y)
    if x.dtype == BOOL:
        return builder.or_(x, y) if name == "max" else builder.and_(x, y)
    # of zeros any comes out, as with NumPy: `maximum`, which looks at their signs, takes a fifth longer on rows in cache
    better = builder.compare("ge" if name == "max" else "le", x, y)
    return builder.select(builder.or_(better, builder.isnan(x)), x, y)


def rounding_error(builder: LlvmBuilder, x: LlvmValue, y: LlvmValue, total: LlvmValue) -> LlvmValue:
    """What x + y is more than its rounded value `total`, to the bit (Knuth's two-sum); NaN where that is not finite."""
    part = builder.sub(total, x)
    return builder.add(builder.sub(x, builder.sub(total, part)), builder.sub(y, part))


def symbol(name: str, dtype: DType) -> str:
    """The function's name."""
    return f"reduce_{name}_{dtype.name}"


def declarations(name: str, dtype: DType) -> dict[str, str]:
    """LLVM's own functions that the text refers to."""
    if name != "sum" or dtype.kind != "f":
        return {}
    kind, intrinsic = register_type(dtype), f"llvm.fabs.f{8 * dtype.itemsize}"
    return {intrinsic: f"declare {kind} @{intrinsic}({kind})"}


def definition(name: str, dtype: DType) -> str:
    """The function's text; `argmax` and `argmin` return a place."""
    if name.startswith("arg"):
        return _place(name, dtype)
    if dtype.kind == "f":
        return _packed(name, dtype)
    return _plain(name, dtype)


def _plain(name: str, dtype: DType) -> str:
    """One after the other: LLVM may reorder whole numbers by itself."""
    builder = LlvmBuilder(inline=True)
    kind, stored = register_type(dtype), memory_type(dtype)
    builder.lines.append(f"  %at = getelementptr {stored}, ptr %p, i64 %i")
    value = builder.load("%at", dtype)
    result = combine(builder, name, LlvmValue("%sum", dtype), value)
    body = "\n".join(builder.lines)
    return f"""define internal {kind} @{symbol(name, dtype)}(ptr %p, i64 %n) nounwind {{
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


def _place(name: str, dtype: DType) -> str:
    """The place of the first extreme; of the first NaN where there is one."""
    builder = LlvmBuilder(inline=True)
    builder.lines.append(f"  %at = getelementptr {memory_type(dtype)}, ptr %p, i64 %i")
    value = builder.load("%at", dtype)
    best = LlvmValue("%best", dtype)
    if dtype == BOOL:
        better = (
            builder.and_(value, builder.not_(best))
            if name == "argmax"
            else builder.and_(best, builder.not_(value))
        )
    else:
        better = builder.compare("gt" if name == "argmax" else "lt", value, best)
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
    return f"""define internal i64 @{symbol(name, dtype)}(ptr %p, i64 %n) nounwind {{
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


def _join(name: str, kind: str, result: str, x: str, y: str, vector: str = "") -> str:
    """The instructions that make `result` of x and y, numbers or vectors."""
    if name in ("sum", "prod"):
        return f"  {result} = {'fadd' if name == 'sum' else 'fmul'} {kind} {x}, {y}"
    flag = f"<{vector} x i1>" if vector else "i1"
    predicate = "oge" if name == "max" else "ole"
    return f"""  {result}.better = fcmp {predicate} {kind} {x}, {y}
  {result}.nan = fcmp uno {kind} {x}, {x}
  {result}.keep = or {flag} {result}.better, {result}.nan
  {result} = select {flag} {result}.keep, {kind} {x}, {kind} {y}"""


def _packed(name: str, dtype: DType) -> str:
    """Floats: vectors of accumulators over a block, then their lanes in pairs; what is left one by one, in a sum of its own."""
    kind = register_type(dtype)
    size = dtype.itemsize
    lanes = _WIDTH // size
    step = lanes * _VECTORS
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
        add(_join(name, vector, f"%b{k}", f"%a{k}", f"%v{k}", str(lanes)))
    wide = "\n".join(lines)
    lines = []
    add = lines.append
    for k in range(_VECTORS):
        add(f"  %w{k} = phi {vector} [ {splat}, %block ], [ %b{k}, %wide ]")
    level, number = [f"%w{k}" for k in range(_VECTORS)], 0
    while len(level) > 1:
        joined = []
        for x, y in zip(level[::2], level[1::2], strict=True):
            add(_join(name, vector, f"%t{number}", x, y, str(lanes)))
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
        add(_join(name, part, f"%f{width}", f"%low{width}", f"%high{width}", str(half)))
        current, width = f"%f{width}", half
    add(f"  %lane = extractelement <1 x {kind}> {current}, i32 0")
    fold = "\n".join(lines)
    if name == "sum":  # Neumaier's compensation; none where a sum is not finite
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
        joined = (
            _join(name, kind, "%total_next", "%total", "%part") + f"\n  %lost_next = fadd {kind} 0.0, %lost"
        )
        final = f"  %result = select i1 true, {kind} %total_end, {kind} %lost_end"
    return f"""define internal {kind} @{symbol(name, dtype)}(ptr %p, i64 %n) nounwind {{
entry:
  br label %block
block:
  %start = phi i64 [ 0, %entry ], [ %end, %joined ]
  %total = phi {kind} [ {zero}, %entry ], [ %total_next, %joined ]
  %lost = phi {kind} [ 0.0, %entry ], [ %lost_next, %joined ]
  %left = sub i64 %n, %start
  %more = icmp sgt i64 %left, {BLOCK}
  %count = select i1 %more, i64 {BLOCK}, i64 %left
  %end = add i64 %start, %count
  %rest = srem i64 %count, {step}
  %whole = sub i64 %end, %rest
  %any = icmp slt i64 %start, %whole
  br i1 %any, label %wide, label %folded
wide:
  %i = phi i64 [ %start, %block ], [ %i_next, %wide ]
{wide}
  %i_next = add i64 %i, {step}
  %wide_done = icmp eq i64 %i_next, %whole
  br i1 %wide_done, label %folded, label %wide
folded:
{fold}
  %single = icmp slt i64 %whole, %end
  br i1 %single, label %tail, label %joined
tail:
  %j = phi i64 [ %whole, %folded ], [ %j_next, %tail ]
  %s = phi {kind} [ {zero}, %folded ], [ %s_next, %tail ]
  %at = getelementptr {kind}, ptr %p, i64 %j
  %x = load {kind}, ptr %at
{_join(name, kind, "%s_next", "%s", "%x")}
  %j_next = add i64 %j, 1
  %tail_done = icmp eq i64 %j_next, %end
  br i1 %tail_done, label %tailed, label %tail
tailed:
{_join(name, kind, "%with_tail", "%lane", "%s_next")}
  br label %joined
joined:
  %part = phi {kind} [ %lane, %folded ], [ %with_tail, %tailed ]
{joined}
  %finished = icmp sge i64 %end, %n
  br i1 %finished, label %exit, label %block
exit:
  %total_end = phi {kind} [ %total_next, %joined ]
  %lost_end = phi {kind} [ %lost_next, %joined ]
{final}
  ret {kind} %result
}}
"""
