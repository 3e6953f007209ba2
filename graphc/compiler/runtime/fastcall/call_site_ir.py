"""The entry point for calls whose shapes and strides were met before, as LLVM IR.

    ptr planned(ptr self, ptr args, i64 count, ptr names)

is called by `arrays` (`array_entry_ir.py`) with the same arguments. It describes the call in words, the key: the shape and
strides of every array, which arguments are numbers, and for arrays given as `out` which inputs are the very same memory. Where
Python has left a record for that key (`call_site_cache.py`), the results are allocated and the loops run as the record says:
broadcasting, strided and transposed operands, results in place, constants that are arrays. Anything else goes to the Python path.

The key holds all that decides about the loops, so a record is either right or not found. It is copied before anything is run, as
Python may put another record in its place meanwhile.
"""

from __future__ import annotations

from graphc.compiler.engine.numpy_layout import (
    ALIGNED,
    DATA,
    ITEMS,
    TYPE,
    WRITEABLE,
)
from graphc.compiler.runtime.fastcall.call_key_ir import KEYS, MAX_KEY, NUMBER
from graphc.compiler.runtime.fastcall.struct_ir import (
    ARGUMENTS,
    ARRAY,
    CONSTANTS,
    INPUTS,
    MAX_OPERANDS,
    NEW,
    OPERAND,
    OPERAND_TABLE,
    OUTPUTS,
    field,
    word,
)

MAX_RECORD = 1536
"""Words of a record."""

_STEPS = f"""
; Run the loops of a record one after another.
define internal void @steps(i64 %count, ptr %first, i64 %operands, ptr %data) {{
entry:
  %moved = alloca [{MAX_OPERANDS} x ptr], align 8
  br label %next
next:
  %s = phi i64 [ 0, %entry ], [ %s_next, %run ]
  %step = phi ptr [ %first, %entry ], [ %step_next, %run ]
  %done = icmp eq i64 %s, %count
  br i1 %done, label %exit, label %begin
begin:
  %nest = load ptr, ptr %step
  %ndim_at = getelementptr i64, ptr %step, i64 1
  %ndim = load i64, ptr %ndim_at
  %extents = getelementptr i64, ptr %step, i64 2
  %offsets = getelementptr i64, ptr %extents, i64 %ndim
  %strides = getelementptr i64, ptr %offsets, i64 %operands
  br label %move
move:
  %k = phi i64 [ 0, %begin ], [ %k_next, %move ]
  %from_at = getelementptr ptr, ptr %data, i64 %k
  %from = load ptr, ptr %from_at
  %offset_at = getelementptr i64, ptr %offsets, i64 %k
  %offset = load i64, ptr %offset_at
  %to = getelementptr i8, ptr %from, i64 %offset
  %to_at = getelementptr ptr, ptr %moved, i64 %k
  store ptr %to, ptr %to_at
  %k_next = add i64 %k, 1
  %all = icmp eq i64 %k_next, %operands
  br i1 %all, label %run, label %move
run:
  call void %nest(i64 %ndim, ptr %extents, ptr %moved, ptr %strides)
  %rows = mul i64 %ndim, %operands
  %step_next = getelementptr i64, ptr %strides, i64 %rows
  %s_next = add i64 %s, 1
  br label %next
exit:
  ret void
}}
"""

PLANNED = f"""{KEYS}{_STEPS}
define internal ptr @planned(ptr %self, ptr %args, i64 %count, ptr %names) noinline {{
entry:
  %data = alloca [{MAX_OPERANDS} x ptr], align 8
  %slots = alloca [{MAX_OPERANDS} x i64], align 8
  %results = alloca [{MAX_OPERANDS} x ptr], align 8
  %bounds = alloca [{2 * MAX_OPERANDS} x i64], align 8
  %starts = alloca [{MAX_OPERANDS} x i64], align 8
  %key = alloca [{MAX_KEY} x i64], align 8
  %record = alloca [{MAX_RECORD} x i64], align 8
  %fallback_at = getelementptr i8, ptr %self, i64 {ITEMS}
  %fallback = load ptr, ptr %fallback_at
  %holder_at = getelementptr i8, ptr %self, i64 {ITEMS + 8}
  %holder = load ptr, ptr %holder_at
{field("table", "%holder", DATA, "ptr")}
{word("arguments", ARGUMENTS)}
{word("inputs", INPUTS)}
{word("outputs", OUTPUTS)}
{word("array_type", ARRAY, "ptr")}
{word("constants", CONSTANTS, "ptr")}
  %operands = add i64 %inputs, %outputs
  %complete = icmp eq i64 %count, %arguments
  %some = icmp ne i64 %arguments, 0
  %fits = and i1 %complete, %some
  br i1 %fits, label %named, label %slow
named:
  %given = call i64 @given(ptr %table, ptr %args, i64 %count, ptr %names, ptr %results)
  store i64 %given, ptr %key
  %here = icmp sge i64 %given, 0
  br i1 %here, label %argument, label %slow

argument:
  %k = phi i64 [ 0, %named ], [ %k_next, %next ]
  %used = phi i64 [ 1, %named ], [ %used_next, %next ]
  %start_at = getelementptr i64, ptr %starts, i64 %k
  store i64 %used, ptr %start_at
  %two_k = mul i64 %k, 2
  %bounds_k = getelementptr i64, ptr %bounds, i64 %two_k
  %object_at = getelementptr ptr, ptr %args, i64 %k
  %object = load ptr, ptr %object_at
{field("type", "%object", TYPE, "ptr")}
  %is_array = icmp eq ptr %type, %array_type
  br i1 %is_array, label %array, label %number
number:
  %slot = getelementptr i64, ptr %slots, i64 %k
  %data_k = getelementptr ptr, ptr %data, i64 %k
  store ptr %slot, ptr %data_k
  call void @llvm.memset.p0.i64(ptr %bounds_k, i8 0, i64 16, i1 false)
  %key_at = getelementptr i64, ptr %key, i64 %used
  store i64 {NUMBER}, ptr %key_at
  %used_number = add i64 %used, 1
  %room = icmp ult i64 %used_number, {MAX_KEY - 2}
  %is_number = call i1 @number(ptr %table, ptr %object, i64 %k, ptr %slot)
  %taken = and i1 %is_number, %room
  br i1 %taken, label %next, label %slow
array:
  %used_array = call i64 @measured(ptr %table, ptr %object, i64 %k, i32 {ALIGNED}, ptr %key, i64 %used, ptr %bounds_k, ptr %data)
  %is_measured = icmp sgt i64 %used_array, 0
  br i1 %is_measured, label %next, label %slow
next:
  %used_next = phi i64 [ %used_number, %number ], [ %used_array, %array ]
  %k_next = add i64 %k, 1
  %k_done = icmp eq i64 %k_next, %arguments
  br i1 %k_done, label %constant, label %argument

constant:
  %c = phi i64 [ %arguments, %next ], [ %c_next, %constant_one ]
  %c_done = icmp eq i64 %c, %inputs
  br i1 %c_done, label %out, label %constant_one
constant_one:
  %c_from = sub i64 %c, %arguments
  %constant_at = getelementptr ptr, ptr %constants, i64 %c_from
  %constant_data = load ptr, ptr %constant_at
  %constant_to = getelementptr ptr, ptr %data, i64 %c
  store ptr %constant_data, ptr %constant_to
  %c_next = add i64 %c, 1
  br label %constant

out:
  %o = phi i64 [ 0, %constant ], [ %o_next, %out_tied ]
  %o_used = phi i64 [ %used_next, %constant ], [ %o_used_next, %out_tied ]
  %o_done = icmp eq i64 %o, %given
  br i1 %o_done, label %look, label %out_one
out_one:
  %o_operand = add i64 %inputs, %o
  %o_start_at = getelementptr i64, ptr %starts, i64 %o_operand
  store i64 %o_used, ptr %o_start_at
  %o_two = mul i64 %o_operand, 2
  %o_bounds = getelementptr i64, ptr %bounds, i64 %o_two
  %o_at = getelementptr ptr, ptr %results, i64 %o
  %o_object = load ptr, ptr %o_at
  %o_measured = call i64 @measured(
      ptr %table, ptr %o_object, i64 %o_operand, i32 {ALIGNED | WRITEABLE}, ptr %key, i64 %o_used, ptr %o_bounds, ptr %data)
  %o_good = icmp sgt i64 %o_measured, 0
  br i1 %o_good, label %out_measured, label %slow
out_measured:
  %ties = call i64 @tied(
      ptr %table, ptr %data, ptr %bounds, ptr %starts, ptr %key, i64 %arguments, i64 %inputs, i64 %o_operand)
  %o_apart = icmp sge i64 %ties, 0
  br i1 %o_apart, label %out_tied, label %slow
out_tied:
  %ties_at = getelementptr i64, ptr %key, i64 %o_measured
  store i64 %ties, ptr %ties_at
  %o_used_next = add i64 %o_measured, 1
  %o_next = add i64 %o, 1
  br label %out

look:
  %there = call ptr @found(ptr %table, ptr %key, i64 %o_used)
  %unknown = icmp eq ptr %there, null
  br i1 %unknown, label %slow, label %known
known:
  %length_at = getelementptr i64, ptr %there, i64 1
  %length = load i64, ptr %length_at
  %bytes = mul i64 %length, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %record, ptr %there, i64 %bytes, i1 false)
  %plan_place = add i64 %o_used, 2
  %plan = getelementptr i64, ptr %record, i64 %plan_place
  %free = load i64, ptr %plan
  %steps_at = getelementptr i64, ptr %plan, i64 1
  %steps = load i64, ptr %steps_at
  %layouts = getelementptr i64, ptr %plan, i64 2
  %into = icmp sgt i64 %given, 0
  br i1 %into, label %kept, label %fresh
kept:
  call void @keep(ptr %results, i64 %outputs)
  br label %run

fresh:
{word("new", NEW, "ptr")}
  %dtypes = getelementptr i64, ptr %table, i64 {OPERAND_TABLE}
  br label %allocate
allocate:
  %r = phi i64 [ 0, %fresh ], [ %r_next, %allocated ]
  %layout = phi ptr [ %layouts, %fresh ], [ %layout_next, %allocated ]
  %r_done = icmp eq i64 %r, %outputs
  br i1 %r_done, label %run, label %allocate_one
allocate_one:
  %ndim = load i64, ptr %layout
  %shape = getelementptr i64, ptr %layout, i64 1
  %strides = getelementptr i64, ptr %shape, i64 %ndim
  %layout_next = getelementptr i64, ptr %strides, i64 %ndim
  %rank = trunc i64 %ndim to i32
  %operand = add i64 %inputs, %r
  %operand_words = mul i64 %operand, {OPERAND}
  %dtype_at = getelementptr i64, ptr %dtypes, i64 %operand_words
  %dtype = load ptr, ptr %dtype_at
  call void @Py_IncRef(ptr %dtype)
  %result = call ptr %new(ptr %array_type, ptr %dtype, i32 %rank, ptr %shape, ptr %strides, ptr null, i32 0, ptr null)
  %refused = icmp eq ptr %result, null
  br i1 %refused, label %undo, label %allocated
allocated:
  %result_at = getelementptr ptr, ptr %results, i64 %r
  store ptr %result, ptr %result_at
{field("result_data", "%result", DATA, "ptr")}
  %data_r = getelementptr ptr, ptr %data, i64 %operand
  store ptr %result_data, ptr %data_r
  %r_next = add i64 %r, 1
  br label %allocate

run:
  %first_step = phi ptr [ %layouts, %kept ], [ %layout, %allocate ]
  %lets_go = icmp ne i64 %free, 0
  br i1 %lets_go, label %run_free, label %run_held
run_free:
  %thread = call ptr @PyEval_SaveThread()
  call void @steps(i64 %steps, ptr %first_step, i64 %operands, ptr %data)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %done
run_held:
  call void @steps(i64 %steps, ptr %first_step, i64 %operands, ptr %data)
  br label %done
done:
  %answer = call ptr @pack(ptr %self, ptr %table, ptr %results)
  ret ptr %answer
undo:
  call void @drop(ptr %results, i64 %r)
  ret ptr null
slow:
  %elsewhere = call ptr @PyObject_Vectorcall(ptr %fallback, ptr %args, i64 %count, ptr %names)
  ret ptr %elsewhere
}}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""
