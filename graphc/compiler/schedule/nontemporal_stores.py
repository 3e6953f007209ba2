"""Large results past the caches: rows are written in scratch memory and from there straight to memory, without reading it first.

A processor reads the lines that it writes into, which for results that no cache holds is a third of the traffic. Where arrays
are larger than caches, a row of a result is made in scratch memory, which stays in cache, and copied by stores that leave lines
whole. Which it is a call decides by its lengths.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

from graphc.compiler.schedule.materialize import Stage
from graphc.ir.expr import Expr

USUAL = 32 << 20
"""Bytes of the largest cache, where the system does not say."""

MORE = 1.5
"""What a kernel reads and writes, in largest caches, from which its results go past them. Of once as much some still stays there:
past a cache of 32 MB softmax cross-entropy with gradient, 33 MB, took a fifth longer, layer norm, 67 MB, a fifth less."""

SHORTEST = 1024
"""Bytes of a row that is worth a copy."""

FENCE = "llvm.x86.sse.sfence"
"""Makes such stores visible to other threads before what follows."""


def available() -> bool:
    """Whether this processor has such stores as they are used here."""
    return platform.machine().lower() in ("x86_64", "amd64")


@cache
def large() -> float:
    """Bytes that a kernel reads and writes, from which its results go past the caches."""
    try:
        cache_size = (
            Path("/sys/devices/system/cpu/cpu0/cache/index3/size").read_text(encoding="ascii").strip()
        )
        largest = int(cache_size.removesuffix("K")) << 10
    except (OSError, ValueError):
        largest = USUAL
    return MORE * largest


def row_bytes(stage: Stage, walk: int) -> int | None:
    """The bytes of a row of what a stage makes, where its rows may go past the caches; else None."""
    node = stage.node
    if stage.run is not None or stage.image is not None or stage.product is not None:
        return None
    size = node.dtype.itemsize
    for dim in node.shape[walk:]:
        if not isinstance(dim, int):
            return None
        size *= dim
    return size if size >= SHORTEST else None


def reads_and_writes(stages: list[Stage]) -> set[Expr]:
    """The arrays that a kernel's work goes through."""
    return {stage.node for stage in stages} | {node for stage in stages for node, _ in stage.accesses}


class Stream:
    """The copy: whole lines by stores past the caches, what is before the first and behind the last as usual."""

    @property
    def declarations(self) -> tuple[tuple[str, str], ...]:
        """What it calls."""
        return ((FENCE, f"declare void @{FENCE}()"),)

    def named(self, suffix: str) -> str:
        """void stream(to, from, size), its name with a suffix."""
        return _TEXT.replace("@stream", f"@stream{suffix}")


_TEXT = """define internal void @stream(ptr noalias %to, ptr noalias %from, i64 %size) noinline nounwind {
entry:
  %address = ptrtoint ptr %to to i64
  %back = sub i64 0, %address
  %odd = and i64 %back, 63
  %short = icmp ult i64 %size, %odd
  %first = select i1 %short, i64 %size, i64 %odd
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %first, i1 false)
  %rest = sub i64 %size, %first
  %whole = and i64 %rest, -64
  %end = add i64 %first, %whole
  %some = icmp ne i64 %whole, 0
  br i1 %some, label %line, label %tail
line:
  %i = phi i64 [ %first, %entry ], [ %next, %line ]
  %a = getelementptr i8, ptr %from, i64 %i
  %b = getelementptr i8, ptr %to, i64 %i
  %v = load <8 x i64>, ptr %a, align 1
  store <8 x i64> %v, ptr %b, align 64, !nontemporal !{i32 1}
  %next = add nuw nsw i64 %i, 64
  %done = icmp uge i64 %next, %end
  br i1 %done, label %tail, label %line
tail:
  %left = sub i64 %size, %end
  %c = getelementptr i8, ptr %from, i64 %end
  %d = getelementptr i8, ptr %to, i64 %end
  call void @llvm.memcpy.p0.p0.i64(ptr %d, ptr %c, i64 %left, i1 false)
  ret void
}
"""
