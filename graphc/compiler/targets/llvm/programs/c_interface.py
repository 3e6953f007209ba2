"""The C function of a program, for object files: the interface that `targets/c` declares, around the native function.

    int32_t NAME(int64_t lengths…, scalars by value and arrays by address…)

It checks the lengths, takes the workspace by malloc where it is large, computes, and gives 0 or the code of an error. Constants
are part of the module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graphc.compiler.loops.length_conditions import LARGEST, MOST_ELEMENTS
from graphc.compiler.loops.program import Buffer, Conditions, LengthCheck, Program
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, literal, memory_type
from graphc.compiler.targets.llvm.programs.values import ValueWriter
from graphc.compiler.targets.llvm.programs.writer import ALIGNED, BODY, NativeText
from graphc.ir.dims import Dim, subtract
from graphc.ir.types import BOOL, FLOAT64, INT64

ON_STACK = 16_384
"""Bytes of a workspace that lies on the stack."""

NO_MEMORY, BAD_LENGTHS, BAD_VALUE = 1, 2, 3


def c_function(program: Program, native: NativeText, name: str) -> str:
    """The module's text with a function of that name beside the native ones."""
    return "\n".join([native.body, *_constants(native), _CInterface(program, native).text(name)])


def _constants(native: NativeText) -> list[str]:
    """The arrays that a program reads from itself."""
    lines = []
    for number, buffer in enumerate(each for each in native.operands if each.role == "constant"):
        values, kind = np.ravel(np.asarray(buffer.values)), memory_type(buffer.dtype)
        texts = [str(int(v)) if buffer.dtype.kind == "b" else literal(v, buffer.dtype) for v in values]
        listed = ", ".join(f"{kind} {text}" for text in texts or ["0" if buffer.dtype.kind != "f" else "0.0"])
        count = max(len(values), 1)
        lines.append(f"@constant{number} = private constant [{count} x {kind}] [{listed}], align {ALIGNED}")
    return lines


def needed(checks: Sequence[LengthCheck], lengths: Sequence[str]) -> list[LengthCheck]:
    """Checks that decide what all of them do together, where lengths are at least 0: none that follows from others."""
    always = [each.conditions for each in checks if not each.given]
    alone = {condition for conditions in always for condition in conditions}
    strongest = [
        one
        for one in sorted(alone, key=str)
        if not any(_follows(one, other) and one != other for other in (*alone, *lengths))
    ]
    result = [replace(checks[0], conditions=(one,), given=()) for one in strongest if one not in lengths]
    for each in checks:
        if each.given:
            known = (*strongest, *lengths, *each.given)
            rest = tuple([one for one in each.conditions if not any(_follows(one, other) for other in known)])
            given = tuple(
                [one for one in each.given if not any(_follows(one, k) for k in (*strongest, *lengths))]
            )
            if rest:
                result.append(replace(each, conditions=rest, given=given))
    return result


def _follows(one: Dim, other: Dim) -> bool:
    """Whether a polynomial is at least 0 wherever another one is."""
    more = subtract(one, other)
    return isinstance(more, int) and more >= 0


class _CInterface:
    """Writes the function."""

    def __init__(self, program: Program, native: NativeText) -> None:
        self.program, self.native = program, native
        self.builder = LlvmBuilder()
        self.values = ValueWriter(self.builder)
        self.values.begin("begin")
        for number, length in enumerate(program.lengths):
            self.values.name(length, LlvmValue(f"%l{number}", INT64))

    def text(self, name: str) -> str:
        parameters = [f"i64 %l{number}" for number in range(len(self.program.lengths))]
        arguments, frame, stores = list(parameters), [], []
        if self.native.workspace:
            frame.append(f"  %stack = alloca [{ON_STACK} x i8], align {ALIGNED}")
        constants = 0
        for number, buffer in enumerate(self.native.operands):
            kind = memory_type(buffer.dtype)
            if buffer.role == "constant":
                arguments.append(f"ptr @constant{constants}")
                constants += 1
            elif buffer.role == "input" and not buffer.shape:
                parameters.append(f"{kind} %b{number}")
                frame.append(f"  %s{number} = alloca {kind}, align 8")
                stores.append(f"  store {kind} %b{number}, ptr %s{number}")
                arguments.append(f"ptr %s{number}")
            else:
                parameters.append(f"ptr %b{number}")
                arguments.append(f"ptr %b{number}")
        self._checks()
        return "\n".join(
            [
                "declare ptr @malloc(i64)",
                "declare void @free(ptr)",
                f"define i32 @{name}({', '.join(parameters)}) nounwind {{",
                *frame,
                "  br label %begin",
                *self.builder.lines,
                *stores,
                *self._compute(arguments),
                "bad.lengths:",
                f"  ret i32 {BAD_LENGTHS}",
                "}",
                "",
            ]
        )

    def _compute(self, arguments: list[str]) -> list[str]:
        """The call of the native function, around it memory for the workspace where there is any."""
        lines, places, total = self.native.sizes
        arguments = [*arguments, *(f"ptr %w{number}" for number in range(len(places)))]
        code = [
            "  %good = icmp eq i64 %status, 0",
            f"  %code = select i1 %good, i32 0, i32 {BAD_VALUE}",
        ]
        run = f"  %status = call i64 @{BODY}({', '.join(arguments)})"
        if not places:
            return [run, *code, "  ret i32 %code"]
        return [
            *lines,
            f"  %little = icmp ule i64 {total}, {ON_STACK}",
            "  br i1 %little, label %compute, label %more",
            "more:",
            f"  %room = add i64 {total}, {2 * ALIGNED}",
            "  %memory = call ptr @malloc(i64 %room)",
            "  %none = icmp eq ptr %memory, null",
            "  br i1 %none, label %no.memory, label %aligning",
            "aligning:",
            "  %address = ptrtoint ptr %memory to i64",
            f"  %above = add i64 %address, {ALIGNED - 1}",
            f"  %aligned = and i64 %above, {-ALIGNED}",
            "  %heap = inttoptr i64 %aligned to ptr",
            "  br label %compute",
            "compute:",
            f"  %taken = phi ptr [ null, %{self.values.block} ], [ %memory, %aligning ]",
            f"  %w = phi ptr [ %stack, %{self.values.block} ], [ %heap, %aligning ]",
            *(f"  %w{number} = getelementptr i8, ptr %w, i64 {place}" for number, place in enumerate(places)),
            run,
            *code,
            "  br i1 %little, label %end, label %give.back",
            "give.back:",
            "  call void @free(ptr %taken)",
            "  br label %end",
            "end:",
            "  ret i32 %code",
            "no.memory:",
            f"  ret i32 {NO_MEMORY}",
        ]

    # --- lengths ------------------------------------------------------------------------------------------------------

    def _checks(self) -> None:
        """What lengths must be, sizes first: in floating point, where nothing overflows; nothing that follows from others."""
        for number in range(len(self.program.lengths)):
            self._must(self._compare(f"icmp ule i64 %l{number}, {LARGEST}"))
        for buffer in (*self.program.buffers, *self.native.workspace):
            if sum(not isinstance(dim, int) for dim in buffer.shape) > 1:
                self._must(self._fits(buffer))
        for check in needed(self.program.checks, self.program.lengths):
            self._must(self._holds(check))

    def _must(self, condition: LlvmValue) -> None:
        if condition.text != "true":
            good = self.values.label("good")
            self.values.line(f"br i1 {condition.text}, label %{good}, label %bad.lengths")
            self.values.begin(good)

    def _compare(self, text: str) -> LlvmValue:
        return self.builder.instruction(text, BOOL)

    def _fits(self, buffer: Buffer) -> LlvmValue:
        total = LlvmValue(literal(1.0, FLOAT64), FLOAT64)
        for length in buffer.shape:
            total = self.builder.mul(total, self.builder.convert(self.values.dim(length), FLOAT64))
        return self.builder.compare("le", total, self.builder.number(MOST_ELEMENTS, total))

    def _holds(self, check: LengthCheck) -> LlvmValue:
        """The conditions, wherever those that are given hold; later ones are asked only where earlier ones hold."""
        if not check.given:
            return self._all(check.conditions)
        return self.values.choose(
            self._all(check.given),
            lambda: self._all(check.conditions),
            LlvmValue("true", BOOL),
            "i1",
        )

    def _all(self, conditions: Conditions) -> LlvmValue:
        if len(conditions) <= 1:
            return self.values.conditions(conditions)
        first = self.values.conditions(conditions[:1])
        if first.text == "true":
            return self._all(conditions[1:])
        return self.values.choose(first, lambda: self._all(conditions[1:]), LlvmValue("false", BOOL), "i1")


__all__ = ["c_function"]
