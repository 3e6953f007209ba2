"""The machine code behind `arrays.py`, as LLVM IR: one function for the process, which serves every compiled function.

    ptr arrays(ptr self, ptr args, i64 count, ptr names)

is a CPython function (METH_FASTCALL | METH_KEYWORDS). Its `self` is a tuple: the Python path, which takes whatever is not served
here; a table of words; what puts results into structures other than tuples and lists; what runs loops that are long enough for
several threads. The results are allocated by NumPy's own C function; the loop nest that fits is run; a long one without Python's
lock.

Arguments are checked before anything is read from them. NumPy's addresses stand in the table, so the machine code holds none.
"""

from __future__ import annotations

MAX_OPERANDS = 32
"""Functions with more arguments and results than this are served by the Python path alone."""

MAX_CODES = 64
"""So many steps may put the results together."""

MAX_LOOPS = 16

HEADER = object.__basicsize__
TYPE = HEADER - 8
FLOAT = float.__basicsize__ - 8
ITEMS = tuple.__basicsize__
DATA, NDIM, SHAPE, DTYPE, FLAGS = (HEADER + offset for offset in (0, 8, 16, 40, 48))
"""Where NumPy keeps what it knows of an array: `PyArrayObject_fields` of its C headers, part of its ABI."""

NEW_FROM_DESCR = 94
"""The place of `PyArray_NewFromDescr` in NumPy's table of C functions, part of its ABI."""

HEAD = 10
INPUTS, OUTPUTS, LIMIT, FREE_FROM, ARRAY, DOUBLE, NEW, LOOPS, CODES, FINISH = range(HEAD)
LOOP_TABLE = HEAD
OPERAND_TABLE = LOOP_TABLE + 2 * MAX_LOOPS
CODE_TABLE = OPERAND_TABLE + 2 * MAX_OPERANDS


def _word(name: str, place: int, kind: str = "i64") -> str:
    return f"""  %{name}_at = getelementptr i64, ptr %table, i64 {place}
  %{name} = load {kind}, ptr %{name}_at"""


MODULE = f"""
@PyFloat_Type = external global i8
declare ptr @PyTuple_New(i64)
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyObject_CallObject(ptr, ptr)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
@four_words = private unnamed_addr constant [5 x i8] c"KKKK\\00"
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)

define ptr @arrays(ptr %self, ptr %args, i64 %count, ptr %names) {{
entry:
  %data = alloca [{MAX_OPERANDS} x ptr], align 8
  %slots = alloca [{MAX_OPERANDS} x i64], align 8
  %results = alloca [{MAX_OPERANDS} x ptr], align 8
  %stack = alloca [{MAX_CODES + 1} x ptr], align 8
  %total = alloca i64, align 8
  %fallback_at = getelementptr i8, ptr %self, i64 {ITEMS}
  %fallback = load ptr, ptr %fallback_at
  %holder_at = getelementptr i8, ptr %self, i64 {ITEMS + 8}
  %holder = load ptr, ptr %holder_at
  %table_at = getelementptr i8, ptr %holder, i64 {DATA}
  %table = load ptr, ptr %table_at
{_word("inputs", INPUTS)}
{_word("outputs", OUTPUTS)}
{_word("array_type", ARRAY, "ptr")}
{_word("double_type", DOUBLE, "ptr")}
  %dtypes = getelementptr i64, ptr %table, i64 {OPERAND_TABLE}
  %positional = icmp eq ptr %names, null
  %complete = icmp eq i64 %count, %inputs
  %plain = and i1 %positional, %complete
  br i1 %plain, label %argument, label %slow

argument:
  %k = phi i64 [ 0, %entry ], [ %k_next, %next ]
  %first = phi ptr [ null, %entry ], [ %first_next, %next ]
  %mask = phi i64 [ 0, %entry ], [ %mask_next, %next ]
  %common = phi i32 [ -1, %entry ], [ %common_next, %next ]
  %object_at = getelementptr ptr, ptr %args, i64 %k
  %object = load ptr, ptr %object_at
  %type_at = getelementptr i8, ptr %object, i64 {TYPE}
  %type = load ptr, ptr %type_at
  %data_k = getelementptr ptr, ptr %data, i64 %k
  %two_k = mul i64 %k, 2
  %dtype_at = getelementptr i64, ptr %dtypes, i64 %two_k
  %is_array = icmp eq ptr %type, %array_type
  br i1 %is_array, label %array, label %number

number:
  %is_float = icmp eq ptr %type, @PyFloat_Type
  %is_double = icmp eq ptr %type, %double_type
  %value_at = getelementptr i8, ptr %object, i64 {FLOAT}
  %size_at = getelementptr i64, ptr %dtype_at, i64 1
  %size = load i64, ptr %size_at
  %slot = getelementptr i64, ptr %slots, i64 %k
  store ptr %slot, ptr %data_k
  %wide = icmp eq i64 %size, 8
  %either = or i1 %is_float, %is_double
  %as_double = and i1 %either, %wide
  br i1 %as_double, label %double, label %maybe_single
double:
  %value = load double, ptr %value_at
  store double %value, ptr %slot
  br label %next
maybe_single:
  %narrow = icmp eq i64 %size, 4
  %as_single = and i1 %is_float, %narrow
  br i1 %as_single, label %single, label %slow
single:
  %long_value = load double, ptr %value_at
  %short_value = fptrunc double %long_value to float
  store float %short_value, ptr %slot
  br label %next

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
  br i1 %none, label %next, label %same_rank
same_rank:
  %ndim_k_at = getelementptr i8, ptr %object, i64 {NDIM}
  %ndim_k = load i32, ptr %ndim_k_at
  %ndim_0_at = getelementptr i8, ptr %first, i64 {NDIM}
  %ndim_0 = load i32, ptr %ndim_0_at
  %ranks = icmp eq i32 %ndim_k, %ndim_0
  br i1 %ranks, label %lengths_begin, label %slow
lengths_begin:
  %shape_k_at = getelementptr i8, ptr %object, i64 {SHAPE}
  %shape_k = load ptr, ptr %shape_k_at
  %shape_0_at = getelementptr i8, ptr %first, i64 {SHAPE}
  %shape_0 = load ptr, ptr %shape_0_at
  %rank = sext i32 %ndim_k to i64
  br label %lengths
lengths:
  %d = phi i64 [ 0, %lengths_begin ], [ %d_next, %same_length ]
  %d_done = icmp eq i64 %d, %rank
  br i1 %d_done, label %next, label %length
length:
  %length_k_at = getelementptr i64, ptr %shape_k, i64 %d
  %length_k = load i64, ptr %length_k_at
  %length_0_at = getelementptr i64, ptr %shape_0, i64 %d
  %length_0 = load i64, ptr %length_0_at
  %equal = icmp eq i64 %length_k, %length_0
  br i1 %equal, label %same_length, label %slow
same_length:
  %d_next = add i64 %d, 1
  br label %lengths

next:
  %first_next = phi ptr [ %first, %double ], [ %first, %single ], [ %object, %shaped ], [ %first, %lengths ]
  %mask_next = phi i64 [ %mask, %double ], [ %mask, %single ], [ %mask_here, %shaped ], [ %mask_here, %lengths ]
  %common_next = phi i32 [ %common, %double ], [ %common, %single ], [ %common_here, %shaped ], [ %common_here, %lengths ]
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
{_word("limit", LIMIT)}
  %empty = icmp eq i64 %n, 0
  br i1 %empty, label %slow, label %search_begin
search_begin:
{_word("loops", LOOPS)}
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
{_word("new", NEW, "ptr")}
  %c_order = and i32 %common_next, 1
  %fortran_bit = sub i32 1, %c_order
  %fortran = shl i32 %fortran_bit, 1
  br label %allocate
allocate:
  %r = phi i64 [ 0, %found ], [ %r_next, %allocated ]
  %operand = add i64 %inputs, %r
  %operand_two = mul i64 %operand, 2
  %result_dtype_at = getelementptr i64, ptr %dtypes, i64 %operand_two
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
{_word("release", FREE_FROM)}
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
{_word("codes", CODES)}
{_word("finish", FINISH)}
  br label %code
code:
  %c = phi i64 [ 0, %pack ], [ %c_next, %push ]
  %taken = phi i64 [ 0, %pack ], [ %taken_next, %push ]
  %height = phi i64 [ 0, %pack ], [ %height_next, %push ]
  %c_done = icmp eq i64 %c, %codes
  br i1 %c_done, label %packed, label %interpret
interpret:
  %c_next = add i64 %c, 1
  %c_place = add i64 %c, {CODE_TABLE}
  %code_at = getelementptr i64, ptr %table, i64 %c_place
  %code_word = load i64, ptr %code_at
  %items = lshr i64 %code_word, 2
  %kind = and i64 %code_word, 3
  %base = sub i64 %height, %items
  %below = getelementptr ptr, ptr %stack, i64 %base
  switch i64 %kind, label %take [ i64 1, label %tuple
                                  i64 2, label %list ]
take:
  %taken_at = getelementptr ptr, ptr %results, i64 %taken
  %taken_result = load ptr, ptr %taken_at
  %taken_more = add i64 %taken, 1
  br label %push
tuple:
  %made_tuple = call ptr @PyTuple_New(i64 %items)
  %no_tuple = icmp eq ptr %made_tuple, null
  br i1 %no_tuple, label %failed, label %tuple_fill
tuple_fill:
  %t = phi i64 [ 0, %tuple ], [ %t_next, %tuple_item ]
  %t_done = icmp eq i64 %t, %items
  br i1 %t_done, label %push, label %tuple_item
tuple_item:
  %t_from = getelementptr ptr, ptr %below, i64 %t
  %t_value = load ptr, ptr %t_from
  %t_items = getelementptr i8, ptr %made_tuple, i64 {ITEMS}
  %t_to = getelementptr ptr, ptr %t_items, i64 %t
  store ptr %t_value, ptr %t_to
  %t_next = add i64 %t, 1
  br label %tuple_fill
list:
  %made_list = call ptr @PyList_New(i64 %items)
  %no_list = icmp eq ptr %made_list, null
  br i1 %no_list, label %failed, label %list_fill
list_fill:
  %l = phi i64 [ 0, %list ], [ %l_next, %list_item ]
  %l_done = icmp eq i64 %l, %items
  br i1 %l_done, label %push, label %list_item
list_item:
  %l_from = getelementptr ptr, ptr %below, i64 %l
  %l_value = load ptr, ptr %l_from
  %l_set = call i32 @PyList_SetItem(ptr %made_list, i64 %l, ptr %l_value)
  %l_next = add i64 %l, 1
  br label %list_fill
push:
  %made = phi ptr [ %taken_result, %take ], [ %made_tuple, %tuple_fill ], [ %made_list, %list_fill ]
  %taken_next = phi i64 [ %taken_more, %take ], [ %taken, %tuple_fill ], [ %taken, %list_fill ]
  store ptr %made, ptr %below
  %height_next = add i64 %base, 1
  br label %code
packed:
  %answer = load ptr, ptr %stack
  %unfinished = icmp ne i64 %finish, 0
  br i1 %unfinished, label %to_python, label %return
to_python:
  %finisher_at = getelementptr i8, ptr %self, i64 {ITEMS + 16}
  %finisher = load ptr, ptr %finisher_at
  %structured = call ptr @PyObject_CallObject(ptr %finisher, ptr %answer)
  call void @Py_DecRef(ptr %answer)
  br label %return
return:
  %returned = phi ptr [ %answer, %packed ], [ %structured, %to_python ]
  ret ptr %returned

undo:
  %u = phi i64 [ %r, %allocate ], [ %outputs, %run_shared ], [ %u_next, %undo_one ]
  %u_done = icmp eq i64 %u, 0
  br i1 %u_done, label %failed, label %undo_one
undo_one:
  %u_next = sub i64 %u, 1
  %u_at = getelementptr ptr, ptr %results, i64 %u_next
  %u_result = load ptr, ptr %u_at
  call void @Py_DecRef(ptr %u_result)
  br label %undo
failed:
  ret ptr null
slow:
  %elsewhere = call ptr @PyObject_Vectorcall(ptr %fallback, ptr %args, i64 %count, ptr %names)
  ret ptr %elsewhere
}}
"""
