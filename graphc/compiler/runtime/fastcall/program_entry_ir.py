"""The entry point for programs over small arrays, as LLVM IR: one function for the process, which serves every compiled function.

    ptr program(ptr self, ptr args, i64 count, ptr names)

is a CPython function (METH_FASTCALL | METH_KEYWORDS). Its `self` is a tuple: the Python path, which takes whatever is not served
in machine code; a table of words; what puts results into structures other than tuples and lists. It takes arrays of the declared
dtypes, with any strides, and numbers for scalars, whose shapes some record has (`program_entry.py` has how it is laid out), and
`out=` arrays of the results' shapes that share memory with nothing else: it allocates the other results, tells the program's
frame where everything is, runs the kernels and returns; where these refuse the arguments, the Python path says why, and where
they were ended by a Ctrl-C, its exception is passed on. The frame and the workspace serve one call at a time: a record is busy
meanwhile, and calls of other threads, where Python's lock is let go, and of signals' handlers take the Python path.

Arguments are checked before anything is read from them.
"""

from __future__ import annotations

from graphc.compiler.engine.numpy_layout import ALIGNED, DATA, DTYPE, FLAGS, ITEMS, TYPE
from graphc.compiler.runtime.fastcall.program_arguments_ir import (
    BUSY,
    FRAME,
    FREE,
    KERNELS,
    ROWS,
    SEQUENCE,
    WRITES,
    record,
)
from graphc.compiler.runtime.fastcall.program_arguments_ir import PARTS as ARGUMENTS
from graphc.compiler.runtime.fastcall.struct_ir import (
    ARRAY,
    INPUTS,
    LOOPS,
    MAX_OPERANDS,
    NEW,
    OPERAND,
    OPERAND_TABLE,
    OUTPUTS,
    PARTS,
    PLANS,
    field,
    word,
)

_PROGRAM = f"""
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyErr_Occurred()

define ptr @program(ptr %self, ptr %args, i64 %count, ptr %names) {{
entry:
  %slots = alloca [{MAX_OPERANDS} x i64], align 16
  %objects = alloca [{MAX_OPERANDS} x ptr], align 8
  %data = alloca [{MAX_OPERANDS} x ptr], align 8
  %results = alloca [{MAX_OPERANDS} x ptr], align 8
  %sizes = alloca [{MAX_OPERANDS} x i64], align 8
  %fallback_at = getelementptr i8, ptr %self, i64 {ITEMS}
  %fallback = load ptr, ptr %fallback_at
  %holder_at = getelementptr i8, ptr %self, i64 {ITEMS + 8}
  %holder = load ptr, ptr %holder_at
  %table_at = getelementptr i8, ptr %holder, i64 {DATA}
  %table = load ptr, ptr %table_at
{word("inputs", INPUTS)}
{word("outputs", OUTPUTS)}
{word("array_type", ARRAY, "ptr")}
{word("new", NEW, "ptr")}
{word("records", PLANS, "ptr")}
{word("kept", LOOPS)}
  %dtypes = getelementptr i64, ptr %table, i64 {OPERAND_TABLE}
  %complete = icmp eq i64 %count, %inputs
  br i1 %complete, label %named, label %slow
named:
  %given = call i64 @given(ptr %table, ptr %args, i64 %count, ptr %names, ptr %results)
  %into = icmp sgt i64 %given, 0
  %here = icmp sge i64 %given, 0
  br i1 %here, label %argument, label %slow

argument:
  %k = phi i64 [ 0, %named ], [ %k_next, %next ]
  %object_at = getelementptr ptr, ptr %args, i64 %k
  %object = load ptr, ptr %object_at
{field("type", "%object", TYPE, "ptr")}
  %data_k = getelementptr ptr, ptr %data, i64 %k
  %object_k = getelementptr ptr, ptr %objects, i64 %k
  %is_array = icmp eq ptr %type, %array_type
  br i1 %is_array, label %array, label %number
number:
  %slot = getelementptr i64, ptr %slots, i64 %k
  store ptr %slot, ptr %data_k
  store ptr null, ptr %object_k
  %is_number = call i1 @number(ptr %table, ptr %object, i64 %k, ptr %slot)
  br i1 %is_number, label %next, label %slow
array:
  %words_k = mul i64 %k, {OPERAND}
  %dtype_at = getelementptr i64, ptr %dtypes, i64 %words_k
  %wanted = load ptr, ptr %dtype_at
{field("descr", "%object", DTYPE, "ptr")}
  %typed = icmp eq ptr %descr, %wanted
{field("flags", "%object", FLAGS, "i32")}
  %aligned = and i32 %flags, {ALIGNED}
  %is_aligned = icmp ne i32 %aligned, 0
{field("pointer", "%object", DATA, "ptr")}
  store ptr %pointer, ptr %data_k
  store ptr %object, ptr %object_k
  %fits = and i1 %typed, %is_aligned
  br i1 %fits, label %next, label %slow
next:
  %k_next = add i64 %k, 1
  %k_done = icmp eq i64 %k_next, %inputs
  br i1 %k_done, label %search, label %argument

search:
  %s = phi i64 [ 0, %next ], [ %s_next, %try ]
  %s_done = icmp eq i64 %s, %kept
  br i1 %s_done, label %slow, label %try
try:
  %record_at = getelementptr ptr, ptr %records, i64 %s
  %record = load ptr, ptr %record_at
  %result_lines = call ptr @shapes_fit(ptr %table, ptr %record, ptr %objects, i64 %inputs, ptr %sizes)
  %other = icmp eq ptr %result_lines, null
  %s_next = add i64 %s, 1
  br i1 %other, label %search, label %matched
matched:
{record("busy", BUSY)}
  %is_busy = icmp ne i64 %busy, 0
  br i1 %is_busy, label %slow, label %ready
ready:
  call void @in_rows(ptr %record, ptr %objects, i64 %inputs, ptr %sizes, ptr %data, ptr %dtypes)
  br label %allocate

allocate:
  %r = phi i64 [ 0, %ready ], [ %r_next, %allocated ]
  %line = phi ptr [ %result_lines, %ready ], [ %line_next, %allocated ]
  %r_done = icmp eq i64 %r, %outputs
  br i1 %r_done, label %tell, label %result
result:
  %operand = add i64 %inputs, %r
  %data_r = getelementptr ptr, ptr %data, i64 %operand
  %result_at = getelementptr ptr, ptr %results, i64 %r
  %ndim = load i64, ptr %line
  %shape = getelementptr i64, ptr %line, i64 1
  %line_end = getelementptr i64, ptr %shape, i64 %ndim
  %is_scalar = icmp eq i64 %ndim, 0
  br i1 %into, label %out, label %new_one
out:
  %out_object = load ptr, ptr %result_at
  %taken = call i1 @takes(ptr %table, ptr %out_object, i64 %operand, ptr %line, ptr %data, ptr %sizes)
  %no_scalar = xor i1 %is_scalar, true
  %as_out = and i1 %taken, %no_scalar
  br i1 %as_out, label %allocated, label %slow
new_one:
  br i1 %is_scalar, label %scalar, label %fresh
scalar:
  %result_slot = getelementptr i64, ptr %slots, i64 %operand
  store ptr %result_slot, ptr %data_r
  store ptr null, ptr %result_at
  br label %allocated
fresh:
  %result_words = mul i64 %operand, {OPERAND}
  %result_dtype_at = getelementptr i64, ptr %dtypes, i64 %result_words
  %result_dtype = load ptr, ptr %result_dtype_at
  call void @Py_IncRef(ptr %result_dtype)
  %rank = trunc i64 %ndim to i32
  %made = call ptr %new(ptr %array_type, ptr %result_dtype, i32 %rank, ptr %shape, ptr null, ptr null, i32 0, ptr null)
  %refused = icmp eq ptr %made, null
  br i1 %refused, label %undo, label %place
place:
  store ptr %made, ptr %result_at
{field("made_data", "%made", DATA, "ptr")}
  store ptr %made_data, ptr %data_r
  br label %allocated
allocated:
  %line_next = phi ptr [ %line_end, %scalar ], [ %line_end, %place ], [ %line_end, %out ]
  %r_next = add i64 %r, 1
  br label %allocate

tell:
{record("frame", FRAME, "ptr")}
{record("writes", WRITES)}
  br label %write
write:
  %w = phi i64 [ 0, %tell ], [ %w_next, %write_one ]
  %w_done = icmp eq i64 %w, %writes
  br i1 %w_done, label %run, label %write_one
write_one:
  %w_two = mul i64 %w, 2
  %word_at = getelementptr i64, ptr %line, i64 %w_two
  %frame_word = load i64, ptr %word_at
  %source_at = getelementptr i64, ptr %word_at, i64 1
  %source = load i64, ptr %source_at
  %address_at = getelementptr ptr, ptr %data, i64 %source
  %address = load ptr, ptr %address_at
  %to_at = getelementptr ptr, ptr %frame, i64 %frame_word
  store ptr %address, ptr %to_at
  %w_next = add i64 %w, 1
  br label %write
run:
{record("sequence", SEQUENCE, "ptr")}
{record("kernels", KERNELS)}
{record("rows", ROWS, "ptr")}
{record("free", FREE)}
  %lets_go = icmp ne i64 %free, 0
  store i64 1, ptr %busy_at
  br i1 %lets_go, label %run_free, label %run_held
run_free:
  %thread = call ptr @PyEval_SaveThread()
  %status_free = call i64 %sequence(i64 %kernels, ptr %rows)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %ran
run_held:
  %status_held = call i64 %sequence(i64 %kernels, ptr %rows)
  br label %ran
ran:
  %status = phi i64 [ %status_free, %run_free ], [ %status_held, %run_held ]
  store i64 0, ptr %busy_at
  %computed = icmp eq i64 %status, 0
  br i1 %computed, label %box, label %refused_arguments
refused_arguments:
  %raised = call ptr @PyErr_Occurred()
  %is_over = icmp ne ptr %raised, null
  br i1 %into, label %ended, label %give_back
give_back:
  call void @drop(ptr %results, i64 %outputs)
  br label %ended
ended:
  br i1 %is_over, label %over, label %slow
over:
  ret ptr null

box:
  %b = phi i64 [ 0, %ran ], [ %b_next, %boxed ]
  %b_done = icmp eq i64 %b, %outputs
  br i1 %b_done, label %pack, label %box_one
box_one:
  %boxed_at = getelementptr ptr, ptr %results, i64 %b
  %there = load ptr, ptr %boxed_at
  %is_there = icmp ne ptr %there, null
  br i1 %is_there, label %boxed, label %of_number
of_number:
  %b_operand = add i64 %inputs, %b
  %b_words = mul i64 %b_operand, {OPERAND}
  %b_place = add i64 %b_words, 1
  %b_size_at = getelementptr i64, ptr %dtypes, i64 %b_place
  %b_size = load i64, ptr %b_size_at
  %b_slot = getelementptr i64, ptr %slots, i64 %b_operand
  %narrow = icmp eq i64 %b_size, 4
  br i1 %narrow, label %from_single, label %from_double
from_single:
  %single = load float, ptr %b_slot
  %widened = fpext float %single to double
  br label %to_float
from_double:
  %double = load double, ptr %b_slot
  br label %to_float
to_float:
  %value = phi double [ %widened, %from_single ], [ %double, %from_double ]
  %float = call ptr @PyFloat_FromDouble(double %value)
  store ptr %float, ptr %boxed_at
  %no_float = icmp eq ptr %float, null
  br i1 %no_float, label %undo_all, label %boxed
boxed:
  %b_next = add i64 %b, 1
  br label %box

pack:
  br i1 %into, label %own, label %put
own:
  call void @keep(ptr %results, i64 %outputs)
  br label %put
put:
  %answer = call ptr @pack(ptr %self, ptr %table, ptr %results)
  ret ptr %answer

undo_all:
  br label %undo
undo:
  %count_made = phi i64 [ %r, %fresh ], [ %outputs, %undo_all ]
  call void @drop(ptr %results, i64 %count_made)
  ret ptr null
slow:
  %elsewhere = call ptr @PyObject_Vectorcall(ptr %fallback, ptr %args, i64 %count, ptr %names)
  ret ptr %elsewhere
}}
"""

MODULE = PARTS + ARGUMENTS + _PROGRAM
