"""What holds the chunks of a kernel together: sums of their partial results."""

from __future__ import annotations

from graphc.compiler.schedule.fusion import Group
from graphc.compiler.targets.llvm import reducers
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, memory_type
from graphc.compiler.targets.llvm.kernels.kernel_values import Lengths
from graphc.compiler.targets.llvm.kernels.loop_writer import Memory, Word, accumulates, is_total
from graphc.compiler.targets.llvm.kernels.module import NAME, ModuleWriter, loaded
from graphc.ir import dims
from graphc.ir.types import DType


def finish(
    number: int, group: Group, memory: Memory, word: Word, module: ModuleWriter
) -> tuple[str, LlvmBuilder] | None:
    """The function `void name(ptr frame, ptr words)` that makes results of the partial results of a group's chunks;
    None where there are none."""
    stages = [stage for stage in group.stages if accumulates(stage, group.walk)]
    if not stages:
        return None
    lengths = Lengths()
    builder = LlvmBuilder(inline=True)
    lines: list[str] = []
    for k, stage in enumerate(stages):
        node = stage.node
        size = lengths(dims.product(node.shape))
        lines += loaded(f"%part{k}", word(("partial", number, node)), "ptr")
        lines += loaded(f"%result{k}", word(("buffer", memory(node))), "ptr")
        added = module.function(
            *(_in_turn(node.dtype) if is_total(node) else _pairs(node.op.name, node.dtype))
        )
        lines.append(f"  call void @{added}(ptr %part{k}, ptr %result{k}, i64 {size}, i64 %chunks)")
    head = [f"define void @{NAME}(ptr %frame, ptr %words) nounwind {{", "entry:"]
    head += loaded("%chunks", word(("chunks", number)))
    for dim, register in lengths.names.items():
        head += loaded(register, word(("length", dim)))
    return "\n".join([*head, *lines, "  ret void", "}", ""]), builder


def _in_turn(dtype: DType) -> tuple[str, int, LlvmBuilder]:
    """A function that adds partial sums of one number up, one after the other, with their rounding errors beside them."""
    builder = LlvmBuilder(inline=True)
    lines, kind = builder.lines, memory_type(dtype)
    lines += [
        f"define internal void @{NAME}(ptr %part, ptr %result, i64 %size, i64 %chunks) noinline nounwind {{",
        "entry:",
        "  br label %add",
        "add:",
        "  %c = phi i64 [ 0, %entry ], [ %c.next, %add ]",
        f"  %total = phi {kind} [ -0.0, %entry ], [ %total.next, %add ]",
        f"  %lost = phi {kind} [ 0.0, %entry ], [ %lost.next, %add ]",
        f"  %at = getelementptr {kind}, ptr %part, i64 %c",
    ]
    total, value = LlvmValue("%total", dtype), builder.load("%at", dtype)
    lines.append(f"  %total.next = fadd {kind} %total, {value.text}")
    error = reducers.rounding_error(builder, total, value, LlvmValue("%total.next", dtype))
    lines += [
        f"  %lost.next = fadd {kind} %lost, {error.text}",
        "  %c.next = add nuw nsw i64 %c, 1",
        "  %c.done = icmp sge i64 %c.next, %chunks",
        "  br i1 %c.done, label %done, label %add",
        "done:",
        f"  %usable = fcmp one {kind} %lost.next, 0.0",
        f"  %fixed = fadd {kind} %total.next, %lost.next",
        f"  %sum = select i1 %usable, {kind} %fixed, {kind} %total.next",
        f"  store {kind} %sum, ptr %result",
        "  ret void",
        "}",
        "",
    ]
    return "\n".join(lines), 0, builder


def _pairs(name: str, dtype: DType) -> tuple[str, int, LlvmBuilder]:
    """A function that adds partial results of one size up, in pairs, pairs of pairs and so on, and copies what is left."""
    builder = LlvmBuilder(inline=True)
    lines, kind = builder.lines, memory_type(dtype)
    lines += [
        f"define internal void @{NAME}(ptr %part, ptr %result, i64 %size, i64 %chunks) noinline nounwind {{",
        "entry:",
        "  br label %steps",
        "steps:",
        "  %step = phi i64 [ 1, %entry ], [ %step.next, %step.done ]",
        "  %step.next = mul nsw i64 %step, 2",
        "  %step.some = icmp slt i64 %step, %chunks",
        "  br i1 %step.some, label %pairs, label %copy",
        "pairs:",
        "  %c = phi i64 [ 0, %steps ], [ %c.next, %pair.done ]",
        "  %other = add nsw i64 %c, %step",
        "  %pair = icmp slt i64 %other, %chunks",
        "  br i1 %pair, label %pair.begin, label %step.done",
        "pair.begin:",
        "  %to.skip = mul nsw i64 %c, %size",
        "  %from.skip = mul nsw i64 %other, %size",
        f"  %to = getelementptr {kind}, ptr %part, i64 %to.skip",
        f"  %from = getelementptr {kind}, ptr %part, i64 %from.skip",
        "  br label %add",
        "add:",
        "  %j = phi i64 [ 0, %pair.begin ], [ %j.next, %add ]",
        f"  %to.at = getelementptr {kind}, ptr %to, i64 %j",
        f"  %from.at = getelementptr {kind}, ptr %from, i64 %j",
    ]
    x, y = builder.load("%to.at", dtype), builder.load("%from.at", dtype)
    builder.store(reducers.combine(builder, name, x, y), "%to.at")
    lines += [
        "  %j.next = add nuw nsw i64 %j, 1",
        "  %j.done = icmp sge i64 %j.next, %size",
        "  br i1 %j.done, label %pair.done, label %add",
        "pair.done:",
        "  %c.next = add nsw i64 %c, %step.next",
        "  br label %pairs",
        "step.done:",
        "  br label %steps",
        "copy:",
        f"  %bytes = mul nsw i64 %size, {dtype.itemsize}",
        "  call void @llvm.memmove.p0.p0.i64(ptr %result, ptr %part, i64 %bytes, i1 false)",
        "  ret void",
        "}",
        "",
    ]
    builder.declarations["llvm.memmove"] = "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)"
    return "\n".join(lines), 0, builder
