"""What a CPython function over machine code does with its arguments: numbers as the values of inputs, as LLVM IR."""

from __future__ import annotations

from graphc.compiler.engine.number_arguments import SYMBOL
from graphc.compiler.engine.numpy_layout import FLOAT, TYPE
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.targets.llvm.emit import SLOT, memory_type


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
        "  br i1 %exact, label %keep, label %mixed",
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
        lines += [
            f"check{number}:",
            f"  %place{number} = getelementptr ptr, ptr %args, i64 {number}",
            f"  %object{number} = load ptr, ptr %place{number}",
            f"  %head{number} = getelementptr i8, ptr %object{number}, i64 {TYPE}",
            f"  %type{number} = load ptr, ptr %head{number}",
            f"  %exact{number} = icmp eq ptr %type{number}, @PyFloat_Type",
            f"  %slot{number} = getelementptr i8, ptr %in, i64 {SLOT * number}",
            f"  br i1 %exact{number}, label %take{number}, label %mixed",
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


def take_mixed(kernel: Kernel) -> list[str]:
    """All inputs anew where one is no exact float, by a function of the process; the Python path where that cannot either."""
    count = len(kernel.inputs)
    narrow = sum(1 << number for number, dtype in enumerate(kernel.inputs) if dtype.itemsize == 4)
    if not count:
        return []
    if narrow == (1 << count) - 1 or (narrow and count > 64):
        return ["mixed:", "  br label %slow"]
    signed = narrow - (1 << 64) if narrow >> 63 else narrow
    return [
        "mixed:",
        f"  %taken = call i1 @{SYMBOL}(ptr %args, ptr %in, i64 {count}, i64 {signed})",
        f"  br i1 %taken, label %check{count}, label %slow",
    ]


__all__ = ["take_each", "take_many", "take_mixed"]
