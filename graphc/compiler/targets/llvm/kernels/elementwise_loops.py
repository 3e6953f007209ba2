"""The entry point for arrays, as LLVM IR: one fused pass over all operands.

    void nest(i64 ndim, ptr shape, ptr data, ptr strides)

runs over an index space of `ndim` ≥ 1 dimensions. `data` points to one pointer for each operand, inputs first, then
outputs; `strides` to `ndim` rows of one byte stride for each operand. The innermost dimension is a loop that LLVM may
vectorise; an odometer steps through the others.

A `Pattern` says how each operand moves along the innermost dimension, and the loop is compiled for it: contiguous
operands are indexed, broadcast ones read once, others stepped by their stride. Inputs and outputs do not overlap (the
caller sees to it), which the loads and stores say with alias scopes, unless the pattern says that an operand is the same memory
as an input: then each element is read before it is written.

The order in which elements are computed is nowhere promised, and no element depends on another: any part of the index space can
be computed by any thread, to the same bits.
"""

from __future__ import annotations

from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.emit import SLOT, LlvmBuilder, LlvmValue
from graphc.compiler.targets.llvm.emit import memory_type as _memory
from graphc.compiler.targets.llvm.kernels.blocks import in_blocks, in_place
from graphc.compiler.targets.llvm.kernels.scalar_body import body
from graphc.ir.types import FLOAT64

Pattern = str
"""One letter for each operand: c contiguous, r contiguous and walked backwards, b broadcast (stride 0), s any stride; a
capital is the same memory, with the same strides, as the input of that number, A the first."""

MAX_TIED = 26
"""So many inputs have a capital."""

EXPORTED = ("nest",)

MAX_DIMENSIONS = 64


def generic(kernel: Kernel) -> Pattern:
    """The pattern that serves any strides."""
    return "s" * (len(kernel.inputs) + len(kernel.outputs))


def module(kernel: Kernel, pattern: Pattern, packed: str | None = None) -> str:
    """The module of a kernel's array entry point for one pattern.

    packed : the symbol of the kernel's scalar body, to call it for each element instead of emitting it into the loop
    """
    builder = LlvmBuilder(inline=True)
    if packed is not None and all(dtype == FLOAT64 for dtype in (*kernel.inputs, *kernel.outputs)):
        inner = _gathering(len(kernel.inputs), len(kernel.outputs), packed)
    else:
        inner = _inner(kernel, pattern, builder, packed)
        if packed is None and any(libm.limit(name, bits) is not None for name, bits, *_ in builder.functions):
            builder = LlvmBuilder(inline=True)
            inner = _two_ways(kernel, pattern, builder)
    parts = [inner, _nest(len(pattern)), builder.module_parts(), _scopes(kernel)]
    if packed is not None:
        parts.append(f"declare void @{packed}(ptr, ptr) nounwind\n")
    return "\n".join(parts)


def tie(number: int) -> str:
    """The letter of an operand that is the same memory as an input."""
    return chr(ord("A") + number)


def _tied(letter: str) -> int | None:
    return ord(letter) - ord("A") if letter.isupper() else None


def _scopes(kernel: Kernel) -> str:
    """Alias scopes: one for all inputs, one for each output."""
    if len(kernel.outputs) > MAX_SCOPES:
        return ""
    count = 1 + len(kernel.outputs)
    lines = ['!0 = distinct !{!0, !"operands"}']
    lines += [f'!{n + 1} = distinct !{{!{n + 1}, !0, !"scope {n}"}}' for n in range(count)]
    base = count + 1
    for n in range(count):
        lines.append(f"!{base + 2 * n} = !{{!{n + 1}}}")
        others = ", ".join(f"!{m + 1}" for m in range(count) if m != n)
        lines.append(f"!{base + 2 * n + 1} = !{{{others}}}")
    return "\n".join(lines) + "\n"


MAX_SCOPES = 64
"""The scopes name each other, which is quadratic: with more outputs LLVM is told nothing."""


def _note(kernel: Kernel, scope: int) -> str:
    if len(kernel.outputs) > MAX_SCOPES:
        return ""
    base = len(kernel.outputs) + 2
    return f", !alias.scope !{base + 2 * scope}, !noalias !{base + 2 * scope + 1}"


def _call_packed(
    kernel: Kernel, builder: LlvmBuilder, packed: str, inputs: list[LlvmValue]
) -> list[LlvmValue]:
    """One element through the scalar body, its values in slots on the stack."""
    for number, value in enumerate(inputs):
        builder.lines.append(f"  %given{number} = getelementptr i8, ptr %in, i64 {SLOT * number}")
        builder.store(value, f"%given{number}")
    builder.lines.append(f"  call void @{packed}(ptr %in, ptr %out)")
    outputs = []
    for number, dtype in enumerate(kernel.outputs):
        builder.lines.append(f"  %taken{number} = getelementptr i8, ptr %out, i64 {SLOT * number}")
        outputs.append(builder.load(f"%taken{number}", dtype))
    return outputs


def _two_ways(kernel: Kernel, pattern: Pattern, builder: LlvmBuilder) -> str:
    """The inner loop where functions need another way for large operands, which a packed loop cannot take element by element: a
    block of elements goes through the loop that does without, and through the other where one of their operands is too large."""
    near = LlvmBuilder(inline=True, within=True)
    parts = [
        _inner(kernel, pattern, builder, None, "inner_far"),
        _inner(kernel, pattern, near, None, "inner_near"),
    ]
    if in_place(pattern):
        parts.append(
            _inner(kernel, pattern, LlvmBuilder(inline=True, within=True), None, "look", store=False)
        )
    builder.functions |= near.functions
    builder.declarations |= near.declarations
    sizes = [dtype.itemsize for dtype in (*kernel.inputs, *kernel.outputs)]
    return "\n".join([*parts, in_blocks(pattern, sizes)])


def _inner(
    kernel: Kernel,
    pattern: Pattern,
    builder: LlvmBuilder,
    packed: str | None,
    name: str = "inner",
    store: bool = True,
) -> str:
    """The loop over the innermost dimension; that of a builder `within` limits returns whether any operand was beyond one."""
    dtypes = (*kernel.inputs, *kernel.outputs)
    result = "i1" if builder.within else "void"
    head = [f"define internal {result} @{name}(i64 %n, ptr %data, ptr %strides) nounwind {{", "entry:"]
    if packed is not None:
        head.append(f"  %in = alloca [{max(1, len(kernel.inputs))} x i64], align 8")
        head.append(f"  %out = alloca [{max(1, len(kernel.outputs))} x i64], align 8")
    for number, letter in enumerate(pattern):
        if letter.isupper():
            continue
        head.append(f"  %slot{number} = getelementptr ptr, ptr %data, i64 {number}")
        head.append(f"  %base{number} = load ptr, ptr %slot{number}")
        if letter == "s":
            head.append(f"  %where{number} = getelementptr i64, ptr %strides, i64 {number}")
            head.append(f"  %stride{number} = load i64, ptr %where{number}")
    if "r" in pattern:
        builder.lines.append("  %back = sub i64 0, %i")
    scopes = [0] * len(kernel.inputs) + [1 + number for number in range(len(kernel.outputs))]
    for number, letter in enumerate(pattern):  # what is one memory is in one scope
        first = _tied(letter)
        if first is not None:
            scopes[first] = max(scopes[first], scopes[number])
    addresses: dict[int, str] = {}

    def address(number: int) -> str:
        letter, name, line = pattern[number], f"%address{number}", builder.lines.append
        if letter.isupper():
            number = ord(letter) - ord("A")
            return addresses.get(number, f"%base{number}")  # an array of one number stays where it is
        if letter == "b":
            return f"%base{number}"
        if letter == "s":
            line(f"  %offset{number} = mul i64 %i, %stride{number}")
            line(f"  {name} = getelementptr i8, ptr %base{number}, i64 %offset{number}")
        else:
            index = "%i" if letter == "c" else "%back"
            line(f"  {name} = getelementptr {_memory(dtypes[number])}, ptr %base{number}, i64 {index}")
        addresses[number] = name
        return name

    inputs: list[LlvmValue] = []
    hoisted: list[str] = []
    for number, dtype in enumerate(kernel.inputs):
        first = _tied(pattern[number])
        if first is not None:
            inputs.append(inputs[first])
            continue
        body_lines = builder.lines
        if pattern[number] == "b":
            builder.lines = hoisted
        inputs.append(builder.load(address(number), dtype, _note(kernel, scopes[number])))
        builder.lines = body_lines
    if packed is None:
        outputs = body(builder, kernel, inputs)
    else:
        outputs = _call_packed(kernel, builder, packed, inputs)
    if store:
        for number, value in enumerate(outputs, start=len(kernel.inputs)):
            builder.store(value, address(number), _note(kernel, scopes[number]))
    if builder.within:
        return _watching([*head, *hoisted], builder)
    return "\n".join(
        [
            *head,
            *hoisted,
            "  br label %loop",
            "loop:",
            "  %i = phi i64 [ 0, %entry ], [ %next, %loop ]",
            *builder.lines,
            "  %next = add nuw nsw i64 %i, 1",
            "  %done = icmp eq i64 %next, %n",
            "  br i1 %done, label %exit, label %loop",
            "exit:",
            "  ret void",
            "}",
            "",
        ]
    )


def _watching(head: list[str], builder: LlvmBuilder) -> str:
    """The loop that collects whether any of the builder's `beyond` holds for any element."""
    any_of = builder.beyond[0]
    for condition in builder.beyond[1:]:
        any_of = builder.or_(any_of, condition)
    return "\n".join(
        [
            *head,
            "  br label %loop",
            "loop:",
            "  %i = phi i64 [ 0, %entry ], [ %next, %loop ]",
            "  %seen = phi i64 [ 0, %entry ], [ %seen_next, %loop ]",
            *builder.lines,
            f"  %here = zext i1 {any_of.text} to i64",
            "  %seen_next = or i64 %seen, %here",
            "  %next = add nuw nsw i64 %i, 1",
            "  %done = icmp eq i64 %next, %n",
            "  br i1 %done, label %exit, label %loop",
            "exit:",
            "  %found = icmp ne i64 %seen_next, 0",
            "  ret i1 %found",
            "}",
            "",
        ]
    )


def _gathering(inputs: int, outputs: int, packed: str) -> str:
    """The inner loop around the scalar body for float64 operands of any strides: they are gathered into slots and scattered from
    them by loops of their own, so that the code is as short for a thousand operands as for one."""

    def move(name: str, first: int, count: int, slots: str, gather: bool) -> str:
        if gather:
            body = f"""  %{name}_value = load double, ptr %{name}_element
  store double %{name}_value, ptr %{name}_slot"""
        else:
            body = f"""  %{name}_value = load double, ptr %{name}_slot
  store double %{name}_value, ptr %{name}_element"""
        return f"""{name}:
  %{name}_k = phi i64 [ 0, %{name}_before ], [ %{name}_next, %{name} ]
  %{name}_operand = add i64 %{name}_k, {first}
  %{name}_pointer_at = getelementptr ptr, ptr %data, i64 %{name}_operand
  %{name}_pointer = load ptr, ptr %{name}_pointer_at
  %{name}_stride_at = getelementptr i64, ptr %strides, i64 %{name}_operand
  %{name}_stride = load i64, ptr %{name}_stride_at
  %{name}_offset = mul i64 %i, %{name}_stride
  %{name}_element = getelementptr i8, ptr %{name}_pointer, i64 %{name}_offset
  %{name}_slot = getelementptr i64, ptr {slots}, i64 %{name}_k
{body}
  %{name}_next = add i64 %{name}_k, 1
  %{name}_done = icmp eq i64 %{name}_next, {count}
  br i1 %{name}_done, label %{name}_after, label %{name}
{name}_after:
"""

    lines = [
        "define internal void @inner(i64 %n, ptr %data, ptr %strides) nounwind {",
        "entry:",
        f"  %in = alloca [{max(1, inputs)} x i64], align 8",
        f"  %out = alloca [{max(1, outputs)} x i64], align 8",
        "  br label %loop",
        "loop:",
        "  %i = phi i64 [ 0, %entry ], [ %next, %put_after ]",
        "  br label %take_before",
        "take_before:",
    ]
    if inputs:
        lines += ["  br label %take", move("take", 0, inputs, "%in", gather=True)]
    return "\n".join(
        [
            *lines,
            f"  call void @{packed}(ptr %in, ptr %out)",
            "  br label %put_before",
            "put_before:",
            "  br label %put",
            move("put", inputs, outputs, "%out", gather=False),
            "  %next = add i64 %i, 1",
            "  %done = icmp eq i64 %next, %n",
            "  br i1 %done, label %exit, label %loop",
            "exit:",
            "  ret void",
            "}",
            "",
        ]
    )


def _nest(operands: int) -> str:
    """Calls the inner loop for every index of the outer dimensions, stepping the operands' pointers like an odometer."""
    return f"""define void @nest(i64 %ndim, ptr %shape, ptr %data, ptr %strides) nounwind {{
entry:
  %index = alloca [{MAX_DIMENSIONS} x i64], align 8
  %pointers = alloca [{operands} x ptr], align 8
  call void @llvm.memset.p0.i64(ptr %index, i8 0, i64 {8 * MAX_DIMENSIONS}, i1 false)
  call void @llvm.memcpy.p0.p0.i64(ptr %pointers, ptr %data, i64 {8 * operands}, i1 false)
  %last = sub i64 %ndim, 1
  %length_at = getelementptr i64, ptr %shape, i64 %last
  %length = load i64, ptr %length_at
  %last_row = mul i64 %last, {operands}
  %inner_strides = getelementptr i64, ptr %strides, i64 %last_row
  br label %run
run:
  call void @inner(i64 %length, ptr %pointers, ptr %inner_strides)
  br label %carry
carry:
  %axis_after = phi i64 [ %last, %run ], [ %axis, %reset_done ]
  %finished = icmp eq i64 %axis_after, 0
  br i1 %finished, label %exit, label %step
step:
  %axis = sub i64 %axis_after, 1
  %row = mul i64 %axis, {operands}
  %strides_here = getelementptr i64, ptr %strides, i64 %row
  %index_at = getelementptr i64, ptr %index, i64 %axis
  %old = load i64, ptr %index_at
  %new = add i64 %old, 1
  %extent_at = getelementptr i64, ptr %shape, i64 %axis
  %extent = load i64, ptr %extent_at
  %wraps = icmp eq i64 %new, %extent
  %kept = select i1 %wraps, i64 0, i64 %new
  store i64 %kept, ptr %index_at
  %moves = sub i64 %kept, %old
  br label %move
move:
  %k = phi i64 [ 0, %step ], [ %k_next, %move ]
  %pointer_at = getelementptr ptr, ptr %pointers, i64 %k
  %pointer = load ptr, ptr %pointer_at
  %stride_at = getelementptr i64, ptr %strides_here, i64 %k
  %stride = load i64, ptr %stride_at
  %distance = mul i64 %stride, %moves
  %moved = getelementptr i8, ptr %pointer, i64 %distance
  store ptr %moved, ptr %pointer_at
  %k_next = add i64 %k, 1
  %k_done = icmp eq i64 %k_next, {operands}
  br i1 %k_done, label %reset_done, label %move
reset_done:
  br i1 %wraps, label %carry, label %run
exit:
  ret void
}}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""
