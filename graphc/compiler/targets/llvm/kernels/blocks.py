"""The inner loop in blocks, each of which goes one of two ways.

A function such as the sine needs another, rare way for large operands, and a loop that chooses for each element cannot be
packed. So a block of elements goes through the packed loop, which also tells whether any operand was too large; then the block
is computed again by the loop that chooses. In place, where results overwrite operands, the operands are looked at first.
"""

from __future__ import annotations

from collections.abc import Sequence

AT_A_TIME = 1024
"""Elements of a block."""


def in_place(pattern: str) -> bool:
    """Whether a result is the same memory as an operand."""
    return any(letter.isupper() for letter in pattern)


_LOOK = """  %large = call i1 @look(i64 %count, ptr %pointers, ptr %strides)
  br i1 %large, label %far, label %near
near:
  %ignored = call i1 @inner_near(i64 %count, ptr %pointers, ptr %strides)
  br label %next"""

_TRY = """  %large = call i1 @inner_near(i64 %count, ptr %pointers, ptr %strides)
  br i1 %large, label %far, label %next"""


def in_blocks(pattern: str, sizes: Sequence[int]) -> str:
    """`@inner`, over `@inner_near`, `@inner_far` and, in place, `@look`.

    pattern : how each operand moves, as for `loops`; sizes : of the operands' elements, in bytes
    """
    moves: list[str] = []
    for number, (letter, size) in enumerate(zip(pattern, sizes, strict=True)):
        place = f"%moved{number}"
        moves.append(f"  {place}_from = getelementptr ptr, ptr %data, i64 {number}")
        moves.append(f"  {place}_base = load ptr, ptr {place}_from")
        if letter == "s":
            moves.append(f"  {place}_where = getelementptr i64, ptr %strides, i64 {number}")
            moves.append(f"  {place}_stride = load i64, ptr {place}_where")
        else:  # what is the same memory as an input is addressed through that one
            step = {"c": size, "r": -size}.get(letter, 0)
            moves.append(f"  {place}_stride = add i64 0, {step}")
        moves.append(f"  {place}_offset = mul i64 %start, {place}_stride")
        moves.append(f"  {place} = getelementptr i8, ptr {place}_base, i64 {place}_offset")
        moves.append(f"  {place}_to = getelementptr ptr, ptr %pointers, i64 {number}")
        moves.append(f"  store ptr {place}, ptr {place}_to")
    each = "\n".join(moves)
    return f"""define internal void @inner(i64 %n, ptr %data, ptr %strides) nounwind {{
entry:
  %pointers = alloca [{len(pattern)} x ptr], align 8
  br label %block
block:
  %start = phi i64 [ 0, %entry ], [ %end, %next ]
{each}
  %left = sub i64 %n, %start
  %more = icmp sgt i64 %left, {AT_A_TIME}
  %count = select i1 %more, i64 {AT_A_TIME}, i64 %left
{_LOOK if in_place(pattern) else _TRY}
far:
  call void @inner_far(i64 %count, ptr %pointers, ptr %strides)
  br label %next
next:
  %end = add i64 %start, %count
  %finished = icmp eq i64 %end, %n
  br i1 %finished, label %exit, label %block
exit:
  ret void
}}
"""
