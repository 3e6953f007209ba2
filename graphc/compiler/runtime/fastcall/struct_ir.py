"""What the two entry points for arrays share, `array_entry_ir.py` and `call_site_ir.py`: the table of words that tells machine
code of a compiled function, and small functions in LLVM IR.

NumPy's and Python's addresses stand in the table, so that the machine code holds none.
"""

from __future__ import annotations

from graphc.compiler.engine.numpy_layout import FLOAT, ITEMS, TYPE

MAX_OPERANDS = 32
"""Functions with more arguments and results than this are served by the Python path alone."""

MAX_CODES = 64
"""So many steps may put the results together."""

MOST_POPPED = 4 * MAX_CODES
"""So many arrays, lists and tuples of an `out` are looked at: a list may hold itself; Python's path says so."""

MAX_LOOPS = 16

HEAD = 15
(
    INPUTS, OUTPUTS, LIMIT, FREE_FROM, ARRAY, DOUBLE, NEW, LOOPS, CODES, FINISH, ARGUMENTS, OUT, PLANS, CONSTANTS, KEPT,
) = range(HEAD)  # fmt: skip
LOOP_TABLE = HEAD
OPERAND = 3
"""Words for an operand: its dtype's address, the width of the floats it takes as numbers or 0, the bytes of an element."""
OPERAND_TABLE = LOOP_TABLE + 2 * MAX_LOOPS
CODE_TABLE = OPERAND_TABLE + OPERAND * MAX_OPERANDS


def word(name: str, place: int, kind: str = "i64") -> str:
    """%name, the word of the table at a place."""
    return f"""  %{name}_at = getelementptr i64, ptr %table, i64 {place}
  %{name} = load {kind}, ptr %{name}_at"""


def field(name: str, base: str, offset: int, kind: str) -> str:
    """%name, read at a distance in bytes from a pointer."""
    return f"""  %{name}_at = getelementptr i8, ptr {base}, i64 {offset}
  %{name} = load {kind}, ptr %{name}_at"""


DECLARED = """
@PyFloat_Type = external global i8
@PyLong_Type = external global i8
@PyTuple_Type = external global i8
@PyList_Type = external global i8
declare i64 @PyTuple_Size(ptr)
declare ptr @PyTuple_GetItem(ptr, i64)
declare ptr @PyTuple_New(i64)
declare i64 @PyList_Size(ptr)
declare ptr @PyList_GetItem(ptr, i64)
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyObject_CallObject(ptr, ptr)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""

_NUMBER = f"""
; A Python number into a slot: a float, NumPy's float64, or an int that float64 holds. False for anything else.
define internal i1 @number(ptr %table, ptr %object, i64 %place, ptr %slot) alwaysinline {{
entry:
  %overflow = alloca i32, align 4
{field("type", "%object", TYPE, "ptr")}
  %words = mul i64 %place, {OPERAND}
  %size_place = add i64 %words, {OPERAND_TABLE + 1}
  %size_at = getelementptr i64, ptr %table, i64 %size_place
  %size = load i64, ptr %size_at
  %takes = icmp ne i64 %size, 0
  br i1 %takes, label %kind, label %no
kind:
  %is_float = icmp eq ptr %type, @PyFloat_Type
  br i1 %is_float, label %float, label %other
other:
{word("double_type", DOUBLE, "ptr")}
  %is_double = icmp eq ptr %type, %double_type
  %wide = icmp eq i64 %size, 8
  %as_double = and i1 %is_double, %wide
  br i1 %as_double, label %float, label %whole
whole:
  %is_int = icmp eq ptr %type, @PyLong_Type
  %as_int = and i1 %is_int, %wide
  br i1 %as_int, label %int, label %no
int:
  %taken = call i64 @PyLong_AsLongLongAndOverflow(ptr %object, ptr %overflow)
  %over = load i32, ptr %overflow
  %fits = icmp eq i32 %over, 0
  %shifted = add i64 %taken, {2**53}
  %exact = icmp ule i64 %shifted, {2**54}
  %held = and i1 %fits, %exact
  br i1 %held, label %put_int, label %no
put_int:
  %from_int = sitofp i64 %taken to double
  store double %from_int, ptr %slot
  ret i1 true
float:
{field("value", "%object", FLOAT, "double")}
  %narrow = icmp eq i64 %size, 4
  br i1 %narrow, label %put_single, label %put_double
put_single:
  %single = fptrunc double %value to float
  store float %single, ptr %slot
  ret i1 true
put_double:
  store double %value, ptr %slot
  ret i1 true
no:
  ret i1 false
}}
"""

_GIVEN = f"""
; The arrays that a call gives as `out`, in order; their number, 0 where there is no keyword, −1 for what Python has to look at.
define internal i64 @given(ptr %table, ptr %args, i64 %count, ptr %names, ptr %results) alwaysinline {{
entry:
  %positional = icmp eq ptr %names, null
  br i1 %positional, label %none, label %keyword
none:
  ret i64 0
keyword:
  %given = call i64 @collected(ptr %table, ptr %args, i64 %count, ptr %names, ptr %results)
  ret i64 %given
}}

define internal i64 @collected(ptr %table, ptr %args, i64 %count, ptr %names, ptr %results) noinline {{
entry:
  %stack = alloca [{MAX_CODES} x ptr], align 8
{word("array_type", ARRAY, "ptr")}
{word("wanted", OUTPUTS)}
{word("out", OUT, "ptr")}
  %keywords = call i64 @PyTuple_Size(ptr %names)
  %one = icmp eq i64 %keywords, 1
  br i1 %one, label %name, label %no
name:
  %first_name = call ptr @PyTuple_GetItem(ptr %names, i64 0)
  %is_out = icmp eq ptr %first_name, %out
  br i1 %is_out, label %begin, label %no
begin:
  %object_at = getelementptr ptr, ptr %args, i64 %count
  %object_0 = load ptr, ptr %object_at
  store ptr %object_0, ptr %stack
  br label %pop
pop:
  %height = phi i64 [ 1, %begin ], [ %below, %array ], [ %filled, %items ]
  %found = phi i64 [ 0, %begin ], [ %found_more, %array ], [ %found, %items ]
  %popped = phi i64 [ 0, %begin ], [ %popped_next, %array ], [ %popped_next, %items ]
  %popped_next = add i64 %popped, 1
  %empty = icmp eq i64 %height, 0
  br i1 %empty, label %done, label %counted
counted:
  %endless = icmp ugt i64 %popped, {MOST_POPPED}
  br i1 %endless, label %no, label %take
take:
  %below = sub i64 %height, 1
  %top = getelementptr ptr, ptr %stack, i64 %below
  %object = load ptr, ptr %top
{field("type", "%object", TYPE, "ptr")}
  %is_array = icmp eq ptr %type, %array_type
  br i1 %is_array, label %array_room, label %container
array_room:
  %full = icmp eq i64 %found, %wanted
  br i1 %full, label %no, label %array
array:
  %result_at = getelementptr ptr, ptr %results, i64 %found
  store ptr %object, ptr %result_at
  %found_more = add i64 %found, 1
  br label %pop
container:
  %is_tuple = icmp eq ptr %type, @PyTuple_Type
  br i1 %is_tuple, label %tuple, label %maybe_list
maybe_list:
  %is_list = icmp eq ptr %type, @PyList_Type
  br i1 %is_list, label %list, label %no
tuple:
  %tuple_size = call i64 @PyTuple_Size(ptr %object)
  br label %sized
list:
  %list_size = call i64 @PyList_Size(ptr %object)
  br label %sized
sized:
  %size = phi i64 [ %tuple_size, %tuple ], [ %list_size, %list ]
  %filled = add i64 %below, %size
  %too_high = icmp ugt i64 %filled, {MAX_CODES}
  br i1 %too_high, label %no, label %items
items:
  %i = phi i64 [ 0, %sized ], [ %i_next, %pushed ]
  %i_done = icmp eq i64 %i, %size
  br i1 %i_done, label %pop, label %item
item:
  br i1 %is_tuple, label %tuple_item, label %list_item
tuple_item:
  %from_tuple = call ptr @PyTuple_GetItem(ptr %object, i64 %i)
  br label %pushed
list_item:
  %from_list = call ptr @PyList_GetItem(ptr %object, i64 %i)
  br label %pushed
pushed:
  %inner = phi ptr [ %from_tuple, %tuple_item ], [ %from_list, %list_item ]
  %i_next = add i64 %i, 1
  %place = sub i64 %filled, %i_next
  %to = getelementptr ptr, ptr %stack, i64 %place
  store ptr %inner, ptr %to
  br label %items
done:
  %all = icmp eq i64 %found, %wanted
  %answer = select i1 %all, i64 %found, i64 -1
  ret i64 %answer
no:
  ret i64 -1
}}
"""

_PACK = f"""
; The results in the structure that the function has, or null.
define internal ptr @pack(ptr %self, ptr %table, ptr %results) {{
entry:
  %stack = alloca [{MAX_CODES + 1} x ptr], align 8
{word("codes", CODES)}
{word("finish", FINISH)}
  br label %code
code:
  %c = phi i64 [ 0, %entry ], [ %c_next, %push ]
  %taken = phi i64 [ 0, %entry ], [ %taken_next, %push ]
  %height = phi i64 [ 0, %entry ], [ %height_next, %push ]
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
failed:
  ret ptr null
}}

define internal void @drop(ptr %results, i64 %count) {{
entry:
  br label %one
one:
  %left = phi i64 [ %count, %entry ], [ %less, %next ]
  %done = icmp eq i64 %left, 0
  br i1 %done, label %exit, label %next
next:
  %less = sub i64 %left, 1
  %at = getelementptr ptr, ptr %results, i64 %less
  %result = load ptr, ptr %at
  call void @Py_DecRef(ptr %result)
  br label %one
exit:
  ret void
}}

define internal void @keep(ptr %results, i64 %count) {{
entry:
  br label %one
one:
  %k = phi i64 [ 0, %entry ], [ %k_next, %next ]
  %done = icmp eq i64 %k, %count
  br i1 %done, label %exit, label %next
next:
  %at = getelementptr ptr, ptr %results, i64 %k
  %result = load ptr, ptr %at
  call void @Py_IncRef(ptr %result)
  %k_next = add i64 %k, 1
  br label %one
exit:
  ret void
}}
"""

PARTS = DECLARED + _NUMBER + _GIVEN + _PACK
