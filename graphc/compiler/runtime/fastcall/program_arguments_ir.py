"""What the entry point for programs finds out about the arguments of a call, as LLVM IR: whether their shapes are those of a
record, which of them have to be copied, and whether `out` arrays can be written.

A record describes calls with some shapes; `program_entry.py` has how it is laid out.
"""

from __future__ import annotations

from graphc.compiler.engine.numpy_layout import ALIGNED, DATA, DTYPE, FLAGS, NDIM, SHAPE, STRIDES, WRITEABLE
from graphc.compiler.runtime.fastcall.struct_ir import OPERAND, OPERAND_TABLE, field

RECORD_HEAD = 8
(FRAME, SEQUENCE, KERNELS, ROWS, WRITES, COPIES, FREE, BUSY) = range(RECORD_HEAD)

COPY_ALIGNED = 64
"""Bytes to which the copy of each argument begins, one behind the other."""

IN_ROWS = 1
WRITTEN_IN_ROWS = IN_ROWS | ALIGNED | WRITEABLE
"""Flags of an array that is written as it is."""


def record(name: str, place: int, kind: str = "i64") -> str:
    """%name, the word of a record at a place."""
    return f"""  %{name}_at = getelementptr i64, ptr %record, i64 {place}
  %{name} = load {kind}, ptr %{name}_at"""


_FITS = f"""
; The bytes of an operand whose rank and lengths stand at %line.
define internal i64 @bytes(ptr %table, i64 %operand, ptr %line) {{
entry:
  %words = mul i64 %operand, {OPERAND}
  %size_place = add i64 %words, {OPERAND_TABLE + 2}
  %size_at = getelementptr i64, ptr %table, i64 %size_place
  %size = load i64, ptr %size_at
  %ndim = load i64, ptr %line
  %lengths = getelementptr i64, ptr %line, i64 1
  br label %axis
axis:
  %d = phi i64 [ 0, %entry ], [ %d_next, %length ]
  %total = phi i64 [ %size, %entry ], [ %longer, %length ]
  %done = icmp eq i64 %d, %ndim
  br i1 %done, label %exit, label %length
length:
  %length_at = getelementptr i64, ptr %lengths, i64 %d
  %here = load i64, ptr %length_at
  %longer = mul i64 %total, %here
  %d_next = add i64 %d, 1
  br label %axis
exit:
  ret i64 %total
}}

; Whether an array has the rank and the lengths that stand at %line.
define internal i1 @has_shape(ptr %object, ptr %line) {{
entry:
{field("rank", "%object", NDIM, "i32")}
{field("shape", "%object", SHAPE, "ptr")}
  %ndim = sext i32 %rank to i64
  %wanted = load i64, ptr %line
  %lengths = getelementptr i64, ptr %line, i64 1
  %ranks = icmp eq i64 %ndim, %wanted
  br i1 %ranks, label %axis, label %no
axis:
  %d = phi i64 [ 0, %entry ], [ %d_next, %length ]
  %done = icmp eq i64 %d, %wanted
  br i1 %done, label %yes, label %length
length:
  %length_at = getelementptr i64, ptr %shape, i64 %d
  %here = load i64, ptr %length_at
  %there_at = getelementptr i64, ptr %lengths, i64 %d
  %there = load i64, ptr %there_at
  %equal = icmp eq i64 %here, %there
  %d_next = add i64 %d, 1
  br i1 %equal, label %axis, label %no
yes:
  ret i1 true
no:
  ret i1 false
}}

; Whether an array given as `out` can be written: of the dtype and the shape at %line, in rows, apart from every operand before.
define internal i1 @takes(ptr %table, ptr %object, i64 %operand, ptr %line, ptr %data, ptr %sizes) {{
entry:
  %words = mul i64 %operand, {OPERAND}
  %dtype_place = add i64 %words, {OPERAND_TABLE}
  %dtype_at = getelementptr i64, ptr %table, i64 %dtype_place
  %wanted = load ptr, ptr %dtype_at
{field("descr", "%object", DTYPE, "ptr")}
  %typed = icmp eq ptr %descr, %wanted
{field("flags", "%object", FLAGS, "i32")}
  %good = and i32 %flags, {WRITTEN_IN_ROWS}
  %in_rows = icmp eq i32 %good, {WRITTEN_IN_ROWS}
  %shaped = call i1 @has_shape(ptr %object, ptr %line)
  %both = and i1 %typed, %in_rows
  %all = and i1 %both, %shaped
  br i1 %all, label %place, label %no
place:
{field("pointer", "%object", DATA, "ptr")}
  %data_at = getelementptr ptr, ptr %data, i64 %operand
  store ptr %pointer, ptr %data_at
  %bytes = call i64 @bytes(ptr %table, i64 %operand, ptr %line)
  %size_at = getelementptr i64, ptr %sizes, i64 %operand
  store i64 %bytes, ptr %size_at
  %low = ptrtoint ptr %pointer to i64
  %high = add i64 %low, %bytes
  br label %against
against:
  %k = phi i64 [ 0, %place ], [ %k_next, %apart ]
  %last = icmp eq i64 %k, %operand
  br i1 %last, label %yes, label %other
other:
  %other_at = getelementptr i64, ptr %data, i64 %k
  %other_low = load i64, ptr %other_at
  %other_size_at = getelementptr i64, ptr %sizes, i64 %k
  %other_bytes = load i64, ptr %other_size_at
  %other_high = add i64 %other_low, %other_bytes
  %above = icmp uge i64 %low, %other_high
  %below = icmp uge i64 %other_low, %high
  %is_apart = or i1 %above, %below
  br i1 %is_apart, label %apart, label %no
apart:
  %k_next = add i64 %k, 1
  br label %against
yes:
  ret i1 true
no:
  ret i1 false
}}

; Where a record's lines about results begin, after those about arguments; null where an argument has another shape.
; %sizes gets the bytes of each argument.
define internal ptr @shapes_fit(ptr %table, ptr %record, ptr %objects, i64 %inputs, ptr %sizes) {{
entry:
  %first = getelementptr i64, ptr %record, i64 {RECORD_HEAD}
  br label %argument
argument:
  %k = phi i64 [ 0, %entry ], [ %k_next, %fits ]
  %line = phi ptr [ %first, %entry ], [ %line_next, %fits ]
  %all = icmp eq i64 %k, %inputs
  br i1 %all, label %yes, label %look
look:
  %wanted = load i64, ptr %line
  %lengths = getelementptr i64, ptr %line, i64 1
  %object_at = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %object_at
  %is_number = icmp eq ptr %object, null
  br i1 %is_number, label %number, label %array
number:
  %scalar = icmp eq i64 %wanted, 0
  br i1 %scalar, label %measured, label %no
array:
  %shaped = call i1 @has_shape(ptr %object, ptr %line)
  br i1 %shaped, label %measured, label %no
measured:
  %bytes = call i64 @bytes(ptr %table, i64 %k, ptr %line)
  %size_at = getelementptr i64, ptr %sizes, i64 %k
  store i64 %bytes, ptr %size_at
  br label %fits
fits:
  %line_next = getelementptr i64, ptr %lengths, i64 %wanted
  %k_next = add i64 %k, 1
  br label %argument
yes:
  ret ptr %line
no:
  ret ptr null
}}
"""

_COPIES = f"""
; The elements of an array, whatever its strides, one after the other at %to.
define internal void @gathered(ptr %object, i64 %size, i64 %bytes, ptr %to) {{
entry:
  %counts = alloca [64 x i64], align 8
{field("rank", "%object", NDIM, "i32")}
{field("shape", "%object", SHAPE, "ptr")}
{field("strides", "%object", STRIDES, "ptr")}
{field("pointer", "%object", DATA, "ptr")}
  %ndim = sext i32 %rank to i64
  call void @llvm.memset.p0.i64(ptr %counts, i8 0, i64 512, i1 false)
  br label %element
element:
  %done = phi i64 [ 0, %entry ], [ %done_next, %advanced ]
  %from = phi ptr [ %pointer, %entry ], [ %from_next, %advanced ]
  %full = icmp uge i64 %done, %bytes
  br i1 %full, label %exit, label %copy
copy:
  %here = getelementptr i8, ptr %to, i64 %done
  switch i64 %size, label %any [ i64 8, label %eight
                                 i64 4, label %four ]
eight:
  %double = load i64, ptr %from, align 1
  store i64 %double, ptr %here, align 1
  br label %copied
four:
  %single = load i32, ptr %from, align 1
  store i32 %single, ptr %here, align 1
  br label %copied
any:
  call void @llvm.memcpy.p0.p0.i64(ptr %here, ptr %from, i64 %size, i1 false)
  br label %copied
copied:
  %done_next = add i64 %done, %size
  br label %axis
axis:
  %d = phi i64 [ %ndim, %copied ], [ %axis_here, %carry ]
  %at = phi ptr [ %from, %copied ], [ %back, %carry ]
  %none = icmp eq i64 %d, 0
  br i1 %none, label %advanced, label %step
step:
  %axis_here = sub i64 %d, 1
  %count_at = getelementptr i64, ptr %counts, i64 %axis_here
  %count = load i64, ptr %count_at
  %count_next = add i64 %count, 1
  %stride_at = getelementptr i64, ptr %strides, i64 %axis_here
  %stride = load i64, ptr %stride_at
  %ahead = getelementptr i8, ptr %at, i64 %stride
  %length_at = getelementptr i64, ptr %shape, i64 %axis_here
  %length = load i64, ptr %length_at
  %over = icmp eq i64 %count_next, %length
  br i1 %over, label %carry, label %stay
carry:
  store i64 0, ptr %count_at
  %whole = mul i64 %stride, %length
  %less = sub i64 0, %whole
  %back = getelementptr i8, ptr %ahead, i64 %less
  br label %axis
stay:
  store i64 %count_next, ptr %count_at
  br label %advanced
advanced:
  %from_next = phi ptr [ %at, %axis ], [ %ahead, %stay ]
  br label %element
exit:
  ret void
}}

; Copies of the arguments that do not lie in rows take their place.
define internal void @in_rows(ptr %record, ptr %objects, i64 %inputs, ptr %sizes, ptr %data, ptr %dtypes) {{
entry:
{record("copies", COPIES, "ptr")}
  br label %argument
argument:
  %k = phi i64 [ 0, %entry ], [ %k_next, %next ]
  %to = phi ptr [ %copies, %entry ], [ %to_next, %next ]
  %done = icmp eq i64 %k, %inputs
  br i1 %done, label %exit, label %look
look:
  %bytes_at = getelementptr i64, ptr %sizes, i64 %k
  %bytes = load i64, ptr %bytes_at
  %object_at = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %object_at
  %is_number = icmp eq ptr %object, null
  br i1 %is_number, label %next, label %array
array:
{field("flags", "%object", FLAGS, "i32")}
  %good = and i32 %flags, {IN_ROWS}
  %stays = icmp ne i32 %good, 0
  br i1 %stays, label %next, label %copy
copy:
  %words = mul i64 %k, {OPERAND}
  %size_place = add i64 %words, 2
  %size_at = getelementptr i64, ptr %dtypes, i64 %size_place
  %size = load i64, ptr %size_at
  call void @gathered(ptr %object, i64 %size, i64 %bytes, ptr %to)
  %data_at = getelementptr ptr, ptr %data, i64 %k
  store ptr %to, ptr %data_at
  br label %next
next:
  %up = add i64 %bytes, {COPY_ALIGNED - 1}
  %rounded = and i64 %up, {-COPY_ALIGNED}
  %to_next = getelementptr i8, ptr %to, i64 %rounded
  %k_next = add i64 %k, 1
  br label %argument
exit:
  ret void
}}
"""

PARTS = (
    """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""
    + _FITS
    + _COPIES
)
