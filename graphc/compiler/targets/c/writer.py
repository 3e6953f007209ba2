"""A program of the loop IR as the text of a C99 file and of its header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from math import prod

import numpy as np

from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.length_conditions import LARGEST, MOST_ELEMENTS
from graphc.compiler.loops.program import (
    Buffer,
    Load,
    Private,
    Program,
    Reduce,
    RoutineCall,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.targets.c import functions
from graphc.compiler.targets.c.builder import CALLED, CBuilder, literal, memory_type
from graphc.compiler.targets.c.index_text import IndexText
from graphc.compiler.targets.c.statements import StatementWriter, function_name
from graphc.errors import CompileError
from graphc.util.records import dataclass
from graphc.version import __version__

_TAKEN = re.compile(r"t\d+|each|status|done|graphc_\w*|\w*_(?:t|error|next|best|any)|[A-Z][A-Z0-9_]+")
"""Names that the file has for itself, and those that the C library's macros are like."""

MOST_CONSTANTS = 10_000
"""Elements of array constants, which stand in the text."""

ON_STACK = 64
"""Elements of a buffer of known size that lies on the stack."""


@dataclass(frozen=True)
class CText:
    """A file and its header."""

    source: str
    header: str


def write(program: Program, reserved: frozenset[str], formula: str, header: str) -> CText:
    """A program as C99; the function has the program's name.

    reserved : names that C keeps for itself; formula : as it may stand in a comment; header : the name of the header's file
    """
    return _FileWriter(expand_calls(program), reserved).write(formula, header)


def declaration(program: Program, reserved: frozenset[str]) -> str:
    """The declaration of a program's function, as its header has it."""
    return f"int {program.name}({_FileWriter(program, reserved).signature()});"


@dataclass
class _FileWriter:
    """Writes one file."""

    program: Program
    reserved: frozenset[str]
    code: str = ""

    def __post_init__(self) -> None:
        self.code: str = self.code or self.program.name.upper()
        names = [*self.program.lengths, *(buffer.name for buffer in self.program.buffers)]
        own = {name: self._own(name, names) for name in names}
        self.index = IndexText(own)
        self.builder = CBuilder(self.index)
        self.statements = StatementWriter(self.index, self.builder, self.code, self.program.lengths)
        inner = [s.buffer for s in walk_statements(self.program.body) if isinstance(s, Private)]
        for buffer in (*self.program.buffers, *inner):
            self.index.buffers[buffer.name] = buffer
            if buffer.role == "input" and not buffer.shape:
                self.index.by_value.add(buffer.name)
        used = self._read()
        self.workspace = [each for each in (*self.program.of_role("workspace"), *inner) if each.name in used]

    def _own(self, name: str, names: list[str]) -> str:
        """A name that C does not keep for itself, and that nothing else in the file has."""
        if name in self.reserved or name in CALLED or name == self.program.name or _TAKEN.fullmatch(name):
            name = f"own_{name}_"
            while name in names:
                name += "_"
        return name

    # --- the file -----------------------------------------------------------------------------------------------------

    def write(self, formula: str, header: str) -> CText:
        functions: list[str] = []
        for function in self.program.functions:
            own = replace(function, name=function_name(function.name))
            writer = _FileWriter(own, self.reserved, self.code)
            functions += ["", *writer.function("static int")]
            self.builder.taken |= writer.builder.taken
        body = self.function("int")
        lines = [
            f"/* Written by graphc {__version__}. Link with -lm.",
            f"   {formula} */",
            "#include <math.h>",
            "#include <stdbool.h>",
            "#include <stdint.h>",
            "#include <stdlib.h>",
            "",
            f'#include "{header}"',
            *(text.rstrip() for text in self._ordered()),
            *functions,
            "",
            *body,
            "",
        ]
        return CText("\n".join(lines), self.header(formula))

    def function(self, kind: str) -> list[str]:
        """The function itself, behind the arrays that it reads from the file."""
        program = self.program
        self.statements.block(program.body)
        body = self.statements.lines
        checks = list(self._checks())
        if self.index.divides:
            self.builder.take("floor_div")
        kept = [buffer for buffer in self.workspace if not self._on_stack(buffer)]
        read = self._read()
        lines = [
            *(self._constant(each) for each in program.of_role("constant") if each.name in read),
            f"{kind} {program.name}({self.signature()}) {{",
            f"    int status = {self.code}_OK;",
        ]
        for buffer in self.workspace:
            lines.append(f"    {self._declared(buffer)}")
        for buffer in program.of_role("input", "state", "result"):
            if buffer.name not in read:
                lines.append(f"    (void){self.index.name(buffer.name)};")
        if kind != "int":  # what takes all lengths may need few
            lines += [f"    (void){self.index.name(name)};" for name in program.lengths]
        else:
            lines += [f"    if (!({check})) return {self.code}_BAD_LENGTHS;" for check in checks]
        for buffer in kept:
            name = self.index.name(buffer.name)
            size = f"(size_t)({self.index.size(buffer)} + 1)"
            lines.append(f"    {name} = malloc({size} * sizeof *{name});")
        if kept:
            missing = " || ".join(f"{self.index.name(buffer.name)} == NULL" for buffer in kept)
            lines += [
                f"    if ({missing}) {{",
                f"        status = {self.code}_NO_MEMORY;",
                "        goto done;",
                "    }",
            ]
        jumps = kept or any("goto done;" in line for line in body)
        lines += [*body, *(["done:"] if jumps else [])]
        lines += [f"    free({self.index.name(buffer.name)});" for buffer in kept]
        return [*lines, "    return status;", "}"]

    def _read(self) -> set[str]:
        """The names of the buffers that something reads or writes."""
        used: set[str] = set()
        for statement in walk_statements(self.program.body):
            for name in ("buffer", "target"):
                used.add(str(getattr(statement, name, "")))
            if isinstance(statement, RoutineCall):
                used |= {view.buffer for view in statement.views}
            if isinstance(statement, Reduce) and statement.error is not None:
                used.add(statement.error)
            for value in scalars_of(statement):
                used |= {x.buffer for x in walk_scalar(value) if isinstance(x, Load)}
        return used

    def _ordered(self) -> Iterator[str]:
        """The functions that the file takes along, those that others use first."""
        taken = self.builder.taken
        for name in functions.FUNCTIONS:
            if name in taken:
                yield taken[name]
        for name, text in taken.items():
            if name not in functions.FUNCTIONS:
                yield text

    def signature(self) -> str:
        """The parameters: lengths, inputs, results."""
        parts = [f"int64_t {self.index.name(name)}" for name in self.program.lengths]
        for buffer in self.program.of_role("input", "state", "result"):
            kind, name = memory_type(buffer.dtype), self.index.name(buffer.name)
            if buffer.name in self.index.by_value:
                parts.append(f"{kind} {name}")
            else:
                const = "const " if buffer.role == "input" else ""
                parts.append(f"{const}{kind} *restrict {name}")
        return ", ".join(parts) or "void"

    def header(self, formula: str) -> str:
        program = self.program
        code, guard = program.name.upper(), f"GRAPHC_{program.name.upper()}_H"
        shapes = [
            f"   {self.index.name(each.name)}: {_ROLES[each.role]}, {self._shape(each)}"
            for each in program.of_role("input", "state", "result")
        ]
        return "\n".join(
            [
                f"/* Written by graphc {__version__}. Link with -lm.",
                f"   {formula}",
                "",
                "   Arrays are contiguous, in the order of rows; what is written overlaps nothing else. Truth values are 0 or 1.",
                f"   Lengths are at most {LARGEST}. Any thread may call the function, which takes its workspace by malloc.",
                "",
                *shapes,
                "*/",
                f"#ifndef {guard}",
                f"#define {guard}",
                "",
                "#include <stdint.h>",
                "",
                f"#define {code}_OK 0",
                f"#define {code}_NO_MEMORY 1   /* results are not to be used */",
                f"#define {code}_BAD_LENGTHS 2 /* nothing was written */",
                f"#define {code}_BAD_VALUE 3   /* an index outside of its axis, a singular matrix; no input was changed */",
                "",
                "#ifdef __cplusplus",
                'extern "C" {',
                "#define restrict",
                "#endif",
                "",
                f"int {program.name}({self.signature()});",
                "",
                "#ifdef __cplusplus",
                "#undef restrict",
                "}",
                "#endif",
                "",
                "#endif",
                "",
            ]
        )

    def _shape(self, buffer: Buffer) -> str:
        kind = memory_type(buffer.dtype)
        if not buffer.shape:
            return f"one {kind}"
        return f"{kind} [{', '.join(self.index.dim(dim) for dim in buffer.shape)}]"

    def _constant(self, buffer: Buffer) -> str:
        values = np.asarray(buffer.values).reshape(-1)
        if values.size > MOST_CONSTANTS:
            raise CompileError(
                f"an array constant has more than {MOST_CONSTANTS:,} elements",
                hint="declare a symbol in the constant's place",
            )
        listed = ", ".join(literal(value, buffer.dtype) for value in values) or "0"
        return f"static const {memory_type(buffer.dtype)} {self.index.name(buffer.name)}[] = {{{listed}}};\n"

    def _on_stack(self, buffer: Buffer) -> bool:
        return all(isinstance(dim, int) for dim in buffer.shape) and prod(buffer.shape) <= ON_STACK  # type: ignore[arg-type]

    def _declared(self, buffer: Buffer) -> str:
        name, kind = self.index.name(buffer.name), memory_type(buffer.dtype)
        if self._on_stack(buffer):
            return f"{kind} {name}[{max(1, prod(buffer.shape))}];"  # type: ignore[arg-type]
        return f"{kind} *{name} = NULL;"

    def _checks(self) -> Iterator[str]:
        """What lengths must be, sizes first: in floating point, where nothing overflows."""
        for name in self.program.lengths:
            own = self.index.name(name)
            yield f"{own} >= 0 && {own} <= {LARGEST}"
        sizes = [
            self.index.size(buffer, "(double)")
            for buffer in (*self.program.buffers, *self.workspace)
            if buffer.role != "constant" and sum(not isinstance(dim, int) for dim in buffer.shape) > 1
        ]
        yield from (f"{size} <= {MOST_ELEMENTS:.1e}".replace("e+", "e") for size in dict.fromkeys(sizes))
        for check in self.program.checks:
            if any(check.conditions == (name,) for name in self.program.lengths):
                continue
            conditions = self.index.conditions(check.conditions)
            yield f"!({self.index.conditions(check.given)}) || ({conditions})" if check.given else conditions


_ROLES = {"input": "read", "state": "read, and written at the end", "result": "written"}

__all__ = ["CText", "declaration", "write"]
