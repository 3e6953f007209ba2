"""The entry point for arrays of one shape, as LLVM IR: one function for the process, which serves every compiled function.

    ptr arrays(ptr self, ptr args, i64 count, ptr names)

is a CPython function (METH_FASTCALL | METH_KEYWORDS). Its `self` is a tuple: the Python path, which takes whatever is not served
in machine code; a table of words; what puts results into structures other than tuples and lists; what runs loops that are long
enough for several threads. It takes arrays of one shape and any length without gaps, numbers among them, and `out=` arrays like
them. The results are allocated by NumPy's own C function (large ones by the Python path, which has memory for them:
`buffer_pool.py`); the loop nest that fits is run; a long one without Python's lock.
Everything else goes on to `planned` (`call_site_ir.py`).

Arguments are checked before anything is read from them.
"""

from __future__ import annotations

from graphc.compiler.engine.numpy_layout import (
    ALIGNED,
    CONTIGUOUS,
    DATA,
    DTYPE,
    FLAGS,
    ITEMS,
    NDIM,
    SHAPE,
    TYPE,
    WRITEABLE,
)
from graphc.compiler.runtime.fastcall.call_site_ir import PLANNED
from graphc.compiler.runtime.fastcall.struct_ir import (
    ARRAY,
    FREE_FROM,
    INPUTS,
    KEPT,
    LIMIT,
    LOOP_TABLE,
    LOOPS,
    MAX_OPERANDS,
    NEW,
    OPERAND,
    OPERAND_TABLE,
    OUTPUTS,
    PARTS,
    field,
    word,
)

_CHECKS = f"""
define internal i1 @same_shape(ptr %one, ptr %other) {{
entry:
{field("ndim", "%one", NDIM, "i32")}
{field("other_ndim", "%other", NDIM, "i32")}
  %ranks = icmp eq i32 %ndim, %other_ndim
  br i1 %ranks, label %begin, label %no
begin:
{field("shape", "%one", SHAPE, "ptr")}
{field("other_shape", "%other", SHAPE, "ptr")}
  %rank = sext i32 %ndim to i64
  br label %axis
axis:
  %d = phi i64 [ 0, %begin ], [ %d_next, %length ]
  %done = icmp eq i64 %d, %rank
  br i1 %done, label %yes, label %length
length:
  %length_at = getelementptr i64, ptr %shape, i64 %d
  %length_here = load i64, ptr %length_at
  %other_at = getelementptr i64, ptr %other_shape, i64 %d
  %other_length = load i64, ptr %other_at
  %equal = icmp eq i64 %length_here, %other_length
  %d_next = add i64 %d, 1
  br i1 %equal, label %axis, label %no
yes:
  ret i1 true
no:
  ret i1 false
}}

; Whether an array given as `out` can be written: of the dtype, shape and order wanted, and no memory of another operand.
; Returns the flags that all arrays so far have in common, 0 where it cannot.
define internal i32 @fits(ptr %table, ptr %results, i64 %r, ptr %first, i64 %n, ptr %data, i32 %common) noinline {{
entry:
{word("inputs", INPUTS)}
  %object_at = getelementptr ptr, ptr %results, i64 %r
  %object = load ptr, ptr %object_at
  %operand = add i64 %inputs, %r
  %words = mul i64 %operand, {OPERAND}
  %operands = getelementptr i64, ptr %table, i64 {OPERAND_TABLE}
  %dtype_at = getelementptr i64, ptr %operands, i64 %words
  %wanted = load ptr, ptr %dtype_at
{field("descr", "%object", DTYPE, "ptr")}
  %typed = icmp eq ptr %descr, %wanted
  br i1 %typed, label %look, label %no
look:
{field("flags", "%object", FLAGS, "i32")}
  %good = and i32 %flags, {ALIGNED | WRITEABLE}
  %is_good = icmp eq i32 %good, {ALIGNED | WRITEABLE}
  %still = and i32 %common, %flags
  %order = and i32 %still, {CONTIGUOUS}
  %ordered = icmp ne i32 %order, 0
  %shaped = call i1 @same_shape(ptr %object, ptr %first)
  %both = and i1 %is_good, %ordered
  %all = and i1 %both, %shaped
  br i1 %all, label %place, label %no
place:
{field("pointer", "%object", DATA, "ptr")}
  %data_r = getelementptr ptr, ptr %data, i64 %operand
  store ptr %pointer, ptr %data_r
  %low = ptrtoint ptr %pointer to i64
  %size_at = getelementptr i64, ptr %dtype_at, i64 2
  %size = load i64, ptr %size_at
  %bytes = mul i64 %size, %n
  %high = add i64 %low, %bytes
  br label %against
against:
  %k = phi i64 [ 0, %place ], [ %k_next, %apart ]
  %done = icmp eq i64 %k, %operand
  br i1 %done, label %yes, label %other
other:
  %other_at = getelementptr i64, ptr %data, i64 %k
  %other_low = load i64, ptr %other_at
  %other_words = mul i64 %k, {OPERAND}
  %other_place = add i64 %other_words, 2
  %other_size_at = getelementptr i64, ptr %operands, i64 %other_place
  %other_size = load i64, ptr %other_size_at
  %other_bytes = mul i64 %other_size, %n
  %other_high = add i64 %other_low, %other_bytes
  %above = icmp uge i64 %low, %other_high
  %below = icmp uge i64 %other_low, %high
  %is_apart = or i1 %above, %below
  br i1 %is_apart, label %apart, label %no
apart:
  %k_next = add i64 %k, 1
  br label %against
yes:
  ret i32 %still
no:
  ret i32 0
}}
"""

_ARRAYS = f"""
@four_words = private unnamed_addr constant [5 x i8] c"KKKK\\00"
define ptr @arrays(ptr %self, ptr %args, i64 %count, ptr %names) {{
entry:
  %data = alloca [{MAX_OPERANDS} x ptr], align 8
  %slots = alloca [{MAX_OPERANDS} x i64], align 8
  %results = alloca [{MAX_OPERANDS} x ptr], align 8
  %total = alloca i64, align 8
  %fallback_at = getelementptr i8, ptr %self, i64 {ITEMS}
  %fallback = load ptr, ptr %fallback_at
  %holder_at = getelementptr i8, ptr %self, i64 {ITEMS + 8}
  %holder = load ptr, ptr %holder_at
  %table_at = getelementptr i8, ptr %holder, i64 {DATA}
  %table = load ptr, ptr %table_at
{word("inputs", INPUTS)}
{word("outputs", OUTPUTS)}
{word("array_type", ARRAY, "ptr")}
  %dtypes = getelementptr i64, ptr %table, i64 {OPERAND_TABLE}
  %complete = icmp eq i64 %count, %inputs
  br i1 %complete, label %named, label %slow
named:
  %given = call i64 @given(ptr %table, ptr %args, i64 %count, ptr %names, ptr %results)
  %here = icmp sge i64 %given, 0
  br i1 %here, label %argument, label %slow

argument:
  %k = phi i64 [ 0, %named ], [ %k_next, %next ]
  %first = phi ptr [ null, %named ], [ %first_next, %next ]
  %mask = phi i64 [ 0, %named ], [ %mask_next, %next ]
  %common = phi i32 [ -1, %named ], [ %common_next, %next ]
  %object_at = getelementptr ptr, ptr %args, i64 %k
  %object = load ptr, ptr %object_at
  %type_at = getelementptr i8, ptr %object, i64 {TYPE}
  %type = load ptr, ptr %type_at
  %data_k = getelementptr ptr, ptr %data, i64 %k
  %words_k = mul i64 %k, {OPERAND}
  %dtype_at = getelementptr i64, ptr %dtypes, i64 %words_k
  %is_array = icmp eq ptr %type, %array_type
  br i1 %is_array, label %array, label %number

number:
  %slot = getelementptr i64, ptr %slots, i64 %k
  store ptr %slot, ptr %data_k
  %is_number = call i1 @number(ptr %table, ptr %object, i64 %k, ptr %slot)
  br i1 %is_number, label %next, label %slow

array:
  %wanted = load ptr, ptr %dtype_at
  %descr_at = getelementptr i8, ptr %object, i64 {DTYPE}
  %descr = load ptr, ptr %descr_at
  %fits = icmp eq ptr %descr, %wanted
  br i1 %fits, label %shaped, label %slow
shaped:
  %flags_at = getelementptr i8, ptr %object, i64 {FLAGS}
  %flags = load i32, ptr %flags_at
  %common_here = and i32 %common, %flags
  %pointer_at = getelementptr i8, ptr %object, i64 {DATA}
  %pointer = load ptr, ptr %pointer_at
  store ptr %pointer, ptr %data_k
  %bit = shl i64 1, %k
  %mask_here = or i64 %mask, %bit
  %none = icmp eq ptr %first, null
  br i1 %none, label %next, label %compare
compare:
  %alike = call i1 @same_shape(ptr %object, ptr %first)
  br i1 %alike, label %next, label %slow

next:
  %first_next = phi ptr [ %first, %number ], [ %object, %shaped ], [ %first, %compare ]
  %mask_next = phi i64 [ %mask, %number ], [ %mask_here, %shaped ], [ %mask_here, %compare ]
  %common_next = phi i32 [ %common, %number ], [ %common_here, %shaped ], [ %common_here, %compare ]
  %k_next = add i64 %k, 1
  %k_done = icmp eq i64 %k_next, %inputs
  br i1 %k_done, label %checked, label %argument

checked:
  %aligned = and i32 %common_next, 256
  %contiguous = and i32 %common_next, 3
  %is_aligned = icmp ne i32 %aligned, 0
  %is_contiguous = icmp ne i32 %contiguous, 0
  %some = icmp ne ptr %first_next, null
  %regular_0 = and i1 %is_aligned, %is_contiguous
  %regular = and i1 %regular_0, %some
  br i1 %regular, label %measure, label %slow
measure:
  %ndim_at = getelementptr i8, ptr %first_next, i64 {NDIM}
  %ndim = load i32, ptr %ndim_at
  %shape_at = getelementptr i8, ptr %first_next, i64 {SHAPE}
  %shape = load ptr, ptr %shape_at
  %ndim_wide = sext i32 %ndim to i64
  %zero_d = icmp eq i32 %ndim, 0
  br i1 %zero_d, label %slow, label %product
product:
  %p = phi i64 [ 0, %measure ], [ %p_next, %product ]
  %n_so_far = phi i64 [ 1, %measure ], [ %n, %product ]
  %p_at = getelementptr i64, ptr %shape, i64 %p
  %p_length = load i64, ptr %p_at
  %n = mul i64 %n_so_far, %p_length
  %p_next = add i64 %p, 1
  %p_done = icmp eq i64 %p_next, %ndim_wide
  br i1 %p_done, label %size_known, label %product
size_known:
{word("limit", LIMIT)}
  %empty = icmp eq i64 %n, 0
{word("kept", KEPT)}
  %large = icmp sge i64 %n, %kept
  %makes = icmp eq i64 %given, 0
  %by_python = and i1 %large, %makes
  %elsewhere_better = or i1 %empty, %by_python
  br i1 %elsewhere_better, label %slow, label %search_begin
search_begin:
{word("loops", LOOPS)}
  br label %search
search:
  %s = phi i64 [ 0, %search_begin ], [ %s_next, %search_more ]
  %s_done = icmp eq i64 %s, %loops
  br i1 %s_done, label %slow, label %search_more
search_more:
  %s_two = mul i64 %s, 2
  %s_place = add i64 %s_two, {LOOP_TABLE}
  %mask_at = getelementptr i64, ptr %table, i64 %s_place
  %mask_there = load i64, ptr %mask_at
  %s_next = add i64 %s, 1
  %hit = icmp eq i64 %mask_there, %mask_next
  br i1 %hit, label %found, label %search
found:
  %nest_at = getelementptr i64, ptr %mask_at, i64 1
  %nest = load ptr, ptr %nest_at
{word("new", NEW, "ptr")}
  %into = icmp sgt i64 %given, 0
  br i1 %into, label %given_out, label %fresh

given_out:
  %g = phi i64 [ 0, %found ], [ %g_next, %given_good ]
  %g_common = phi i32 [ %common_next, %found ], [ %g_fits, %given_good ]
  %g_done = icmp eq i64 %g, %outputs
  br i1 %g_done, label %given_all, label %given_one
given_one:
  %g_fits = call i32 @fits(ptr %table, ptr %results, i64 %g, ptr %first_next, i64 %n, ptr %data, i32 %g_common)
  %g_bad = icmp eq i32 %g_fits, 0
  br i1 %g_bad, label %slow, label %given_good
given_good:
  %g_next = add i64 %g, 1
  br label %given_out
given_all:
  call void @keep(ptr %results, i64 %outputs)
  br label %run

fresh:
  %c_order = and i32 %common_next, 1
  %fortran_bit = sub i32 1, %c_order
  %fortran = shl i32 %fortran_bit, 1
  br label %allocate
allocate:
  %r = phi i64 [ 0, %fresh ], [ %r_next, %allocated ]
  %operand = add i64 %inputs, %r
  %operand_words = mul i64 %operand, {OPERAND}
  %result_dtype_at = getelementptr i64, ptr %dtypes, i64 %operand_words
  %result_dtype = load ptr, ptr %result_dtype_at
  call void @Py_IncRef(ptr %result_dtype)
  %result = call ptr %new(ptr %array_type, ptr %result_dtype, i32 %ndim, ptr %shape, ptr null, ptr null, i32 %fortran, ptr null)
  %refused = icmp eq ptr %result, null
  br i1 %refused, label %undo, label %allocated
allocated:
  %result_at = getelementptr ptr, ptr %results, i64 %r
  store ptr %result, ptr %result_at
  %result_data_at = getelementptr i8, ptr %result, i64 {DATA}
  %result_data = load ptr, ptr %result_data_at
  %operand_data = getelementptr ptr, ptr %data, i64 %operand
  store ptr %result_data, ptr %operand_data
  %r_next = add i64 %r, 1
  %r_done = icmp eq i64 %r_next, %outputs
  br i1 %r_done, label %run, label %allocate
run:
  store i64 %n, ptr %total
  %long = icmp sge i64 %n, %limit
  br i1 %long, label %run_shared, label %run_here
run_shared:
  %share_at = getelementptr i8, ptr %self, i64 {ITEMS + 24}
  %share = load ptr, ptr %share_at
  %shared = call ptr (ptr, ptr, ...) @PyObject_CallFunction(
      ptr %share, ptr @four_words, ptr %nest, i64 %mask_next, i64 %n, ptr %data)
  %interrupted = icmp eq ptr %shared, null
  br i1 %interrupted, label %undo, label %shared_well
shared_well:
  call void @Py_DecRef(ptr %shared)
  br label %pack
run_here:
{word("release", FREE_FROM)}
  %lets_go = icmp sge i64 %n, %release
  br i1 %lets_go, label %run_free, label %run_held
run_free:
  %thread = call ptr @PyEval_SaveThread()
  call void %nest(i64 1, ptr %total, ptr %data, ptr %slots)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %pack
run_held:
  call void %nest(i64 1, ptr %total, ptr %data, ptr %slots)
  br label %pack

pack:
  %answer = call ptr @pack(ptr %self, ptr %table, ptr %results)
  ret ptr %answer

undo:
  %made = phi i64 [ %r, %allocate ], [ %outputs, %run_shared ]
  call void @drop(ptr %results, i64 %made)
  ret ptr null
slow:
  %elsewhere = call ptr @planned(ptr %self, ptr %args, i64 %count, ptr %names)
  ret ptr %elsewhere
}}
"""

MODULE = PARTS + _CHECKS + PLANNED + _ARRAYS
