"""A program of the loop IR as the text of a C99 file and of its header."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod

import numpy as np

from graphc.compiler.loops.expand_calls import ROUTINES, expand_calls
from graphc.compiler.loops.program import (
    Barrier,
    Buffer,
    Call,
    Combine,
    For,
    If,
    Let,
    Load,
    Private,
    Program,
    Reduce,
    Require,
    Statement,
    Store,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.targets.c import functions
from graphc.compiler.targets.c.builder import CALLED, CBuilder, c_type, is_closed, literal, memory_type
from graphc.compiler.targets.c.index_text import IndexText
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.errors import CompileError
from graphc.ir.op import Reducer, lookup
from graphc.ir.types import BOOL
from graphc.version import __version__

_TAKEN = re.compile(r"t\d+|each|status|done|graphc_\w*|\w*_(?:t|error|next|best|any)|[A-Z][A-Z0-9_]+")
"""Names that the file has for itself, and those that the C library's macros are like."""

MOST_CONSTANTS = 10_000
"""Elements of array constants, which stand in the text."""

ON_STACK = 64
"""Elements of a buffer of known size that lies on the stack."""

LARGEST = 2**31 - 1
"""The largest length that a function takes."""


@dataclass(frozen=True)
class CText:
    """A file and its header."""

    source: str
    header: str


def write(program: Program, reserved: frozenset[str], formula: str, header: str) -> CText:
    """A program as C99; the function has the program's name.

    reserved : names that C keeps for itself; formula : as it may stand in a comment; header : the name of the header's file
    """
    return _Writer(expand_calls(program), reserved).write(formula, header)


@dataclass
class _Writer:
    """Writes one file."""

    program: Program
    reserved: frozenset[str]
    lines: list[str] = field(default_factory=list)
    depth: int = 1

    def __post_init__(self) -> None:
        names = [*self.program.lengths, *(buffer.name for buffer in self.program.buffers)]
        own = {name: self._own(name, names) for name in names}
        self.index = IndexText(own)
        self.builder = CBuilder(self.index)
        self.builder.lines = self.lines
        self.reductions: dict[str, tuple[Reduce, Reducer]] = {}
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
        program = self.program
        self.block(program.body)
        body, self.lines = self.lines, []
        self.builder.lines = self.lines
        checks = list(self._checks())
        if self.index.divides:
            self.builder.take("floor_div")
        code = program.name.upper()
        kept = [buffer for buffer in self.workspace if not self._on_stack(buffer)]
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
            "",
            *(self._constant(each) for each in program.of_role("constant") if each.name in self._read()),
            f"int {program.name}({self.signature()}) {{",
            f"    int status = {code}_OK;",
        ]
        for buffer in self.workspace:
            lines.append(f"    {self._declared(buffer)}")
        read = self._read()
        for buffer in program.of_role("input", "state", "result"):
            if buffer.name not in read:
                lines.append(f"    (void){self.index.name(buffer.name)};")
        lines += [f"    if (!({check})) return {code}_BAD_LENGTHS;" for check in checks]
        for buffer in kept:
            name = self.index.name(buffer.name)
            size = f"(size_t)({self.index.size(buffer)} + 1)"
            lines.append(f"    {name} = malloc({size} * sizeof *{name});")
        if kept:
            missing = " || ".join(f"{self.index.name(buffer.name)} == NULL" for buffer in kept)
            lines += [
                f"    if ({missing}) {{",
                f"        status = {code}_NO_MEMORY;",
                "        goto done;",
                "    }",
            ]
        jumps = kept or any("goto done;" in line for line in body)
        lines += [*body, *(["done:"] if jumps else [])]
        lines += [f"    free({self.index.name(buffer.name)});" for buffer in kept]
        lines += ["    return status;", "}", ""]
        return CText("\n".join(lines), self.header(formula))

    def _read(self) -> set[str]:
        """The names of the buffers that something reads or writes."""
        used: set[str] = set()
        for statement in walk_statements(self.program.body):
            for name in ("buffer", "target"):
                used.add(str(getattr(statement, name, "")))
            if isinstance(statement, Call):
                used |= {view.buffer for view in (statement.result, *statement.operands)}
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
        yield from (f"{size} <= 1.0e15" for size in dict.fromkeys(sizes))
        for check in self.program.checks:
            if any(check.conditions == (name,) for name in self.program.lengths):
                continue
            conditions = self.index.conditions(check.conditions)
            yield f"!({self.index.conditions(check.given)}) || ({conditions})" if check.given else conditions

    # --- statements ---------------------------------------------------------------------------------------------------

    def put(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def text(self, x) -> str:
        """An expression; the lines of what got a name stand before."""
        return _bare(self.valued(x).text)

    def valued(self, x) -> LlvmValue:
        return self._indented(lambda: self.builder.value(x))

    def _indented(self, write: Callable[[], LlvmValue]) -> LlvmValue:
        begun = len(self.lines)
        value = write()
        self.lines[begun:] = ["    " * self.depth + line for line in self.lines[begun:]]
        return value

    def block(self, body: tuple[Statement, ...]) -> None:
        for statement in body:
            _STATEMENTS[type(statement)](self, statement)

    def let(self, s: Let) -> None:
        self.put_named(s.name, self.valued(s.value))

    def put_named(self, name: str, value: LlvmValue) -> None:
        self.put(f"const {c_type(value.dtype)} {self.index.name(name)} = {_bare(value.text)};")

    def store(self, s: Store) -> None:
        value = self.text(s.value)
        self.put(f"{self.index.element(s.buffer, s.index)} = {value};")

    def loop(self, s: For) -> None:
        index = self.index.name(s.index)
        self.put(f"for (int64_t {index} = 0; {index} < {self.index.dim(s.extent)}; {index}++) {{")
        self.inner(s.body)

    def inner(self, body: tuple[Statement, ...]) -> None:
        self.depth += 1
        self.block(body)
        self.depth -= 1
        self.put("}")

    def branch(self, s: If) -> None:
        self.put(f"if ({self.text(s.condition)}) {{")
        self.inner(s.body)

    def require(self, s: Require) -> None:
        condition = self.valued(s.condition).text
        self.put(f"if (!{condition if is_closed(condition) else f'({condition})'}) {{ /* {s.message} */")
        self.depth += 1
        self.put(f"status = {self.program.name.upper()}_BAD_VALUE;")
        self.put("goto done;")
        self.depth -= 1
        self.put("}")

    def reduce(self, s: Reduce) -> None:
        reducer = lookup(s.reducer).reducer
        assert reducer is not None
        self.reductions[s.target] = s, reducer
        kind, compensated = c_type(s.dtype), s.summation == "compensated"
        start = "0" if reducer.of_places else literal(reducer.identity(s.dtype), s.dtype)
        if s.target in self.index.buffers:
            self._reduce_buffer(s, start)
            return
        error = f", {s.target}_error = 0" if compensated else ""
        self.put(f"{kind} {s.target} = {start}{error};")
        if reducer.of_places:
            self.put(f"bool {s.target}_any = false;")
            for each in walk_statements(s.body):
                if isinstance(each, Combine) and each.target == s.target:
                    self.put(f"{c_type(each.value.dtype)} {s.target}_best = 0;")
        self.block(s.body)
        if compensated:
            self.put(f"{s.target} = {self._finish(s)}({s.target}, {s.target}_error);")

    def _finish(self, s: Reduce) -> str:
        name, text = functions.finished(c_type(s.dtype), s.dtype.name)
        self.builder.taken[name] = text
        return name

    def _reduce_buffer(self, s: Reduce, start: str) -> None:
        size, name = self.index.size(self.index.buffers[s.target]), self.index.name(s.target)
        each = f"for (int64_t each = 0; each < {size}; each++)"
        self.put(f"{each} {name}[each] = {start};")
        if s.error is not None:
            error = self.index.name(s.error)
            self.put(f"{each} {error}[each] = 0;")
        self.block(s.body)
        if s.error is not None:
            self.put(
                f"{each} {name}[each] = {self._finish(s)}({name}[each], {self.index.name(s.error)}[each]);"
            )

    def combine(self, s: Combine) -> None:
        reduction, reducer = self.reductions[s.target]
        if reducer.of_places:
            self._combine_place(s, reducer)
            return
        whole = s.target in self.index.buffers
        target = self.index.element(s.target, s.index) if whole else s.target
        if reduction.summation == "compensated":
            name, text = functions.compensated(c_type(reduction.dtype), reduction.dtype.name)
            self.builder.taken[name] = text
            error = self.index.element(reduction.error, s.index) if reduction.error else f"{s.target}_error"
            self.put(f"{name}(&{target}, &{error}, {self.text(s.value)});")
            return
        value = self.valued(s.value)
        plain = value.text if _is_name(value.text) else f"{s.target}_next"
        self.put("{")
        self.depth += 1
        if plain != value.text:
            self.put(f"const {c_type(value.dtype)} {plain} = {_bare(value.text)};")
        old = LlvmValue(f"({target} != 0)" if whole and value.dtype == BOOL else target, value.dtype)
        new = self._indented(lambda: self._combined(reducer, old, LlvmValue(plain, value.dtype)))
        self.put(f"{target} = {_bare(new.text)};")
        self.depth -= 1
        self.put("}")

    def _combined(self, reducer: Reducer, old: LlvmValue, new: LlvmValue) -> LlvmValue:
        if reducer.emit is not None:
            return reducer.emit(self.builder, old, new)
        return self.builder.applied(reducer.combine, [old, new], ())

    def _combine_place(self, s: Combine, reducer: Reducer) -> None:
        """The first that no other one is preferred to, or the first NaN."""
        assert s.place is not None
        value = self.valued(s.value)
        name, best = f"{s.target}_next", f"{s.target}_best"
        self.put("{")
        self.depth += 1
        self.put(f"const {c_type(value.dtype)} {name} = {_bare(value.text)};")
        sign = ">" if reducer.combine == "maximum" else "<"
        better = f"{name} {sign} {best}"
        if value.dtype.kind == "f":
            better = f"{better} || ({name} != {name} && {best} == {best})"
            better = f"({best} == {best} && ({better}))"
        self.put(f"if (!{s.target}_any || {better}) {{")
        self.depth += 1
        self.put(f"{s.target} = {self.index.dim(s.place)};")
        self.put(f"{best} = {name};")
        self.put(f"{s.target}_any = true;")
        for _ in range(2):
            self.depth -= 1
            self.put("}")

    def call(self, s: Call) -> None:
        if s.routine not in ROUTINES:
            raise CompileError(
                f"{s.routine} has no form in C",
                hint="write what it is used for without it, or keep the function in Python",
            )
        first = self.index.buffers[s.operands[0].buffer]
        side = s.attrs[0] if s.routine == "searchsorted" else ""
        name, text = functions.routine(s.routine, memory_type(first.dtype), first.dtype, side)
        self.builder.taken[name] = text
        lengths = [self.index.dim(view.shape[0]) for view in s.operands]
        names = [self.index.name(view.buffer) for view in (*s.operands, s.result)]
        self.put(f"if ({name}({', '.join([*lengths, *names])})) {{")
        self.depth += 1
        self.put(f"status = {self.program.name.upper()}_NO_MEMORY;")
        self.put("goto done;")
        self.depth -= 1
        self.put("}")


_ROLES = {"input": "read", "state": "read, and written at the end", "result": "written"}

_STATEMENTS: dict[type, Callable] = {
    Let: _Writer.let,
    Store: _Writer.store,
    For: _Writer.loop,
    If: _Writer.branch,
    Require: _Writer.require,
    Reduce: _Writer.reduce,
    Combine: _Writer.combine,
    Call: _Writer.call,
    Private: lambda writer, s: None,  # it has memory of the workspace
    Barrier: lambda writer, s: None,  # one thread alone runs
}


def _is_name(text: str) -> bool:
    return text.isidentifier()


def _bare(text: str) -> str:
    """A text without the brackets around all of it."""
    return text[1:-1] if is_closed(text) else text


__all__ = ["CText", "write"]
