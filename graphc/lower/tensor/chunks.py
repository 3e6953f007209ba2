"""What holds the chunks of a kernel together: sums of their partial results; and the metadata of all functions of a module."""

from __future__ import annotations

from graphc import dims
from graphc.lower.emit import Builder, memory_type
from graphc.lower.tensor import reducers
from graphc.lower.tensor.body import Memory, Word, accumulates
from graphc.lower.tensor.elements import Lengths
from graphc.lower.tensor.groups import Group


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
