"""What a CPython function over machine code does with its arguments: numbers as the values of inputs, as LLVM IR."""

from __future__ import annotations

from graphc.compiler.engine.numpy_layout import FLOAT, TYPE
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.targets.llvm.emit import SLOT, memory_type

TAKE = f"""define internal i1 @take_number(ptr %object, ptr %type, ptr %slot) noinline {{
  %numpy = icmp eq ptr %type, @graphc_numpy_float64
  br i1 %numpy, label %float, label %other
float:
  %at = getelementptr i8, ptr %object, i64 {FLOAT}
  %value = load double, ptr %at
  store double %value, ptr %slot
  ret i1 true
other:
  %whole = icmp eq ptr %type, @PyLong_Type
  br i1 %whole, label %long, label %no
long:
  %converted = call double @PyLong_AsDouble(ptr %object)
  store double %converted, ptr %slot
  %doubt = fcmp oeq double %converted, -1.0
  br i1 %doubt, label %check, label %yes
check:
  %error = call ptr @PyErr_Occurred()
  %failed = icmp ne ptr %error, null
  br i1 %failed, label %clear, label %yes
clear:
  call void @PyErr_Clear()
  ret i1 false
yes:
  ret i1 true
no:
  ret i1 false
}}
"""
"""What is no exact float but a number all the same: NumPy's float64, which keeps its value where Python's does, and exact ints,
rounded once as Python rounds them; those that are too large are the Python path's to refuse."""


def take_many(count: int) -> list[str]:
    """Exact floats for a long list of float64 inputs, by a loop."""
    return [
        "check0:",
        "  br label %take",
        "take:",
        "  %n = phi i64 [ 0, %check0 ], [ %n_next, %next ]",
        "  %place = getelementptr ptr, ptr %args, i64 %n",
        "  %object = load ptr, ptr %place",
        f"  %head = getelementptr i8, ptr %object, i64 {TYPE}",
        "  %type = load ptr, ptr %head",
        "  %exact = icmp eq ptr %type, @PyFloat_Type",
        "  %slot = getelementptr i64, ptr %in, i64 %n",
        "  br i1 %exact, label %keep, label %number",
        "number:",
        "  %taken = call i1 @take_number(ptr %object, ptr %type, ptr %slot)",
        "  br i1 %taken, label %next, label %slow",
        "keep:",
        f"  %at = getelementptr i8, ptr %object, i64 {FLOAT}",
        "  %value = load double, ptr %at",
        "  store double %value, ptr %slot",
        "  br label %next",
        "next:",
        "  %n_next = add i64 %n, 1",
        f"  %n_all = icmp eq i64 %n_next, {count}",
        f"  br i1 %n_all, label %check{count}, label %take",
    ]


def take_each(kernel: Kernel) -> list[str]:
    """Exact floats for the inputs, one after another."""
    lines: list[str] = []
    for number, dtype in enumerate(kernel.inputs):
        other = f"number{number}" if dtype.itemsize == 8 else "slow"
        lines += [
            f"check{number}:",
            f"  %place{number} = getelementptr ptr, ptr %args, i64 {number}",
            f"  %object{number} = load ptr, ptr %place{number}",
            f"  %head{number} = getelementptr i8, ptr %object{number}, i64 {TYPE}",
            f"  %type{number} = load ptr, ptr %head{number}",
            f"  %exact{number} = icmp eq ptr %type{number}, @PyFloat_Type",
            f"  %slot{number} = getelementptr i8, ptr %in, i64 {SLOT * number}",
            f"  br i1 %exact{number}, label %take{number}, label %{other}",
        ]
        if dtype.itemsize == 8:
            lines += [
                f"number{number}:",
                f"  %taken{number} = call i1 @take_number(ptr %object{number}, ptr %type{number}, ptr %slot{number})",
                f"  br i1 %taken{number}, label %check{number + 1}, label %slow",
            ]
        lines += [
            f"take{number}:",
            f"  %at{number} = getelementptr i8, ptr %object{number}, i64 {FLOAT}",
            f"  %value{number} = load double, ptr %at{number}",
        ]
        text = f"%value{number}"
        if dtype.itemsize == 4:
            lines.append(f"  %narrow{number} = fptrunc double {text} to float")
            text = f"%narrow{number}"
        lines.append(f"  store {memory_type(dtype)} {text}, ptr %slot{number}")
        lines.append(f"  br label %check{number + 1}")
    return lines


__all__ = ["TAKE", "take_each", "take_many"]
