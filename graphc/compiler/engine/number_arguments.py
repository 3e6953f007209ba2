"""Arguments of a CPython function over machine code that are not all exact floats: taken by one function of the process.

Nearly every call passes exact floats, which each function takes itself. What else is a number costs a call of this one, so that
no function carries code for it: LLVM took a tenth of a small function's time for what is rarely run.
"""

from __future__ import annotations

from graphc.compiler.engine.code_generator import QUICK
from graphc.compiler.engine.numpy_layout import FLOAT, TYPE

NAME = "numbers"

SYMBOL = "graphc_take_numbers"
"""What other modules call it by."""

MODULE = f"""{QUICK}@PyFloat_Type = external global i8
@PyLong_Type = external global i8
@graphc_numpy_float64 = external global i8
declare double @PyLong_AsDouble(ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_Clear()

define i1 @{NAME}(ptr %args, ptr %in, i64 %count, i64 %narrow) {{
  br label %take
take:
  %n = phi i64 [ 0, %0 ], [ %next, %taken ]
  %place = getelementptr ptr, ptr %args, i64 %n
  %object = load ptr, ptr %place
  %head = getelementptr i8, ptr %object, i64 {TYPE}
  %type = load ptr, ptr %head
  %slot = getelementptr i64, ptr %in, i64 %n
  %at = getelementptr i8, ptr %object, i64 {FLOAT}
  %bit = and i64 %n, 63
  %shifted = lshr i64 %narrow, %bit
  %single = trunc i64 %shifted to i1
  %exact = icmp eq ptr %type, @PyFloat_Type
  br i1 %exact, label %float, label %other
float:
  %value = load double, ptr %at
  br i1 %single, label %short, label %wide
short:
  %rounded = fptrunc double %value to float
  store float %rounded, ptr %slot
  br label %taken
wide:
  store double %value, ptr %slot
  br label %taken
other:
  br i1 %single, label %no, label %kind
kind:
  %numpy = icmp eq ptr %type, @graphc_numpy_float64
  br i1 %numpy, label %float, label %integer
integer:
  %whole = icmp eq ptr %type, @PyLong_Type
  br i1 %whole, label %long, label %no
long:
  %converted = call double @PyLong_AsDouble(ptr %object)
  store double %converted, ptr %slot
  %doubt = fcmp oeq double %converted, -1.0
  br i1 %doubt, label %check, label %taken
check:
  %error = call ptr @PyErr_Occurred()
  %failed = icmp ne ptr %error, null
  br i1 %failed, label %clear, label %taken
clear:
  call void @PyErr_Clear()
  br label %no
taken:
  %next = add i64 %n, 1
  %all = icmp eq i64 %next, %count
  br i1 %all, label %yes, label %take
yes:
  ret i1 true
no:
  ret i1 false
}}
"""
"""Numbers into slots of 8 bytes, those of `narrow`'s bits as float32: exact floats, NumPy's float64, which keeps its value where
Python's does, and exact ints, rounded once as Python rounds them; those that are too large are the Python path's to refuse, as
whatever else there is. No more than 64 slots where `narrow` has bits."""

__all__ = ["MODULE", "NAME", "SYMBOL"]
