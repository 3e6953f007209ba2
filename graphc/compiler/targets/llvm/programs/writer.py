"""A program of the loop IR as an LLVM module with the functions that other code calls.

    i64 run(ptr frame)      computes; 0, or the number of the requirement that does not hold, from 1 on
    i64 bytes(ptr frame)    how much workspace that takes, for lengths that stand in the frame
    i64 serve(i64, ptr frame)    the same for callers that hand a count over

A frame is words of 8 bytes: the lengths in the program's order, the addresses of the buffers that `operands` lists, that of the
workspace, aligned to 64 bytes. What is written shares no memory with anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from graphc.compiler.engine.code_generator import PACKED
from graphc.compiler.loops.computed_again import computed_again
from graphc.compiler.loops.conditional_sums import conditional_sums
from graphc.compiler.loops.exact_sums import exact_sums
from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.few_passes import FewPasses, few_passes
from graphc.compiler.loops.program import (
    Buffer,
    For,
    Private,
    Program,
    RoutineCall,
    Statement,
    While,
    walk_statements,
)
from graphc.compiler.loops.rows_together import rows_together
from graphc.compiler.loops.split_ranges import split_ranges
from graphc.compiler.loops.turned_copies import turned_copies
from graphc.compiler.loops.unroll import unroll
from graphc.compiler.loops.vector_stages import is_dear, vector_stages
from graphc.compiler.targets.llvm import reducers
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue
from graphc.compiler.targets.llvm.loop_builder import INTRINSICS
from graphc.compiler.targets.llvm.programs.statements import NativeStatements, on_stack
from graphc.ir.dims import Dim, Name
from graphc.ir.types import BOOL, INT64
from graphc.util.records import dataclass

BODY, MANY = "body", "many"
"""The function that computes, of lengths and addresses; what it calls where another program is for small lengths."""

RUN, BYTES, SERVE = EXPORTED = ("run", "bytes", "serve")

MOST_INLINED = 300
"""Lines of a body that is inlined where it is called. LLVM takes a function through its passes before and after it is inlined,
which of a longer one is a third of its time; the call takes some 5 ns."""

VECTORS = range(5, 65)
"""Passes of loops over small vectors: LLVM writes them out."""

TINY = range(3, 5)
"""Passes of loops that are vectors once they are written out, where functions make it worth it."""

ALIGNED = 64
"""Bytes that what is in the workspace is aligned to."""


@dataclass(frozen=True)
class NativeText:
    """A module.

    text : the function of lengths and addresses, `body`, and the three above; body : without those three
    sizes : instructions that compute where each buffer of the workspace begins, from the lengths; the places; the size
    operands : the buffers whose addresses stand in the frame, in order: inputs and states, results, constants
    workspace : the buffers that lie in the workspace
    messages : of the requirements, by their number less 1
    leaves_out : whether it leaves out what kernels compute, since its sums ask what they add before that is computed, or all
        memory of named lengths, since it computes elements again where they are read
    """

    text: str
    body: str
    sizes: tuple[list[str], list[str], str]
    lengths: tuple[str, ...]
    operands: tuple[Buffer, ...]
    workspace: tuple[Buffer, ...]
    messages: tuple[str, ...]
    leaves_out: bool = False

    @property
    def words(self) -> int:
        """Of the frame."""
        return len(self.lengths) + len(self.operands) + 1

    def places(self, *roles: str) -> list[tuple[int, int]]:
        """For each operand of some roles the word of the frame that has its address, and its number among them."""
        words = [len(self.lengths) + k for k, buffer in enumerate(self.operands) if buffer.role in roles]
        return [(word, number) for number, word in enumerate(words)]


def write(program: Program, interruptible: bool = False, few: bool = False) -> NativeText:
    """The module of a program. Raises `CompileError` for what has no loops.

    interruptible : whether loops of no known length look for a Ctrl-C; whoever calls the functions then holds Python's lock
    few : whether small lengths may have a program of their own: a fifth more to compile for some nanoseconds, of which a call
        from Python takes two hundred
    """
    expanded = expand_calls(program)
    ready = _ready(expanded, few)
    functions = [_ready(each).program for each in expanded.functions]
    whole = replace(ready.program, functions=tuple(functions))
    text = _ModuleWriter(whole, interruptible, ready.few).write()
    return replace(text, leaves_out=ready.leaves_out)


class _Ready(NamedTuple):
    """A program behind the passes that machine code is written from; `leaves_out` as in `NativeText`.

    few : what small lengths have in its place
    """

    program: Program
    leaves_out: bool
    few: FewPasses | None


def _ready(program: Program, few: bool = False) -> _Ready:
    written_out = unroll(program)
    chosen = conditional_sums(written_out)
    again = computed_again(exact := exact_sums(chosen))
    ready = turned_copies(vector_stages(exact_sums(split_ranges(rows_together(again)))))
    memory = [bool(_of_named_lengths(each)) for each in (chosen, again)]
    leaves_out = chosen is not written_out or memory == [True, False]
    return _Ready(ready, leaves_out, few_passes(exact) if few else None)


def _of_named_lengths(program: Program) -> list[Buffer]:
    """The workspace that grows with the lengths."""
    return [x for x in program.of_role("workspace") if not all(isinstance(dim, int) for dim in x.shape)]


class _BodyWriter:
    """Writes the function of lengths and addresses that a program is.

    functions : those that it may call, by their names; few : whether it is for few passes
    operands, workspace : the buffers whose addresses it takes, those of the functions that it calls included
    """

    def __init__(
        self,
        program: Program,
        interruptible: bool,
        functions: Mapping[str, _BodyWriter],
        few: bool = False,
    ) -> None:
        self.program, self.functions = program, functions
        self.builder = LlvmBuilder(inline=True)
        self.statements = NativeStatements(self.builder, interruptible, self._call, few)
        values = self.statements.values
        called = [functions[name] for name in dict.fromkeys(_called(program))]
        constants = [each for f in called for each in f.operands if each.role == "constant"]
        self.operands: tuple[Buffer, ...] = (
            *program.of_role("input", "state"), *program.of_role("result"), *program.of_role("constant"),
            *dict.fromkeys(constants),
        )  # fmt: skip
        inner = [each.buffer for each in walk_statements(program.body) if isinstance(each, Private)]
        further = tuple(dict.fromkeys(each for f in called for each in f.workspace))
        for buffer in (*program.buffers, *inner, *constants, *further):
            values.buffers[buffer.name] = buffer
        for number, name in enumerate(program.lengths):
            values.name(name, LlvmValue(f"%l{number}", INT64))
        for number, buffer in enumerate(self.operands):
            values.pointers[buffer.name] = f"%b{number}"
        self.workspace: list[Buffer] = []
        for buffer in (*program.of_role("workspace"), *inner, *further):
            if buffer not in further and on_stack(buffer):
                self.statements.own(buffer)
            else:
                values.pointers[buffer.name] = f"%w{len(self.workspace)}"
                self.workspace.append(buffer)

    @property
    def extra(self) -> list[Buffer]:
        """What a call hands over besides operands and results: arrays that it reads from itself, its workspace."""
        return [*(each for each in self.operands if each.role == "constant"), *self.workspace]

    @property
    def fails(self) -> bool:
        """Whether it may return anything but 0."""
        return any(line.startswith("  ret ") for line in self.builder.lines)

    def _call(self, s: RoutineCall) -> None:
        """A call of another function; what is wrong in there is the answer here too."""
        function, values = self.functions[s.attrs[0]], self.statements.values
        arguments = [f"i64 {values.dim(Name(length)).text}" for length in self.program.lengths]
        arguments += [f"ptr {values.pointers[view.buffer]}" for view in (*s.operands, *s.results)]
        arguments += [f"ptr {values.pointers[buffer.name]}" for buffer in function.extra]
        call = f"call i64 @{s.attrs[0]}({', '.join(arguments)})"
        status = self.builder.instruction(call, INT64)
        if function.fails:
            good = self.builder.instruction(f"icmp eq i64 {status.text}, 0", BOOL)
            wrong, on = values.label("wrong"), values.label("on")
            values.line(f"br i1 {good.text}, label %{on}, label %{wrong}")
            values.begin(wrong)
            values.line(f"ret i64 {status.text}")
            values.begin(on)

    def write(self, name: str, apart: bool = False) -> str:
        """The function: what is written is told apart by its parameters.

        apart : whether it is never inlined
        """
        self.statements.block(self.program.body)
        return self._function(name, apart)

    def write_few(self, name: str, where: Dim, many: _BodyWriter) -> str:
        """The function of a program for small lengths: `MANY`, which another one writes, is called for all others."""
        self.workspace = many.workspace  # its own is on the stack
        values = self.statements.values
        few = values.conditions((where,))
        values.line(f"br i1 {few.text}, label %little, label %much")
        values.begin("much")
        arguments = ", ".join(
            each.replace("noalias ", "").replace("readonly ", "") for each in self._parameters()
        )
        values.line(f"%status = tail call i64 @{MANY}({arguments})")
        values.line("ret i64 %status")
        values.begin("little")
        self.statements.block(self.program.body)
        return self._function(name, False)

    def _parameters(self) -> list[str]:
        parameters = [f"i64 %l{number}" for number in range(len(self.program.lengths))]
        for number, buffer in enumerate(self.operands):
            reads = " readonly" if buffer.role in ("input", "constant") else ""
            parameters.append(f"ptr noalias{reads} %b{number}")
        return [*parameters, *(f"ptr noalias align {ALIGNED} %w{k}" for k in range(len(self.workspace)))]

    def _function(self, name: str, apart: bool) -> str:
        attributes = "nounwind noinline" if apart or len(self.builder.lines) > MOST_INLINED else "nounwind"
        return "\n".join(
            [
                f"define internal i64 @{name}({', '.join(self._parameters())}) {attributes} {{",
                "entry:",
                *self.statements.allocas,
                *self.statements.starts,
                *self.builder.lines,
                "  ret i64 0",
                "}",
                "",
            ]
        )


def _called(program: Program) -> list[str]:
    """The names of the functions that a program calls itself."""
    calls = (each for each in walk_statements(program.body) if isinstance(each, RoutineCall))
    return [each.attrs[0] for each in calls if each.routine == "function"]


class _ModuleWriter:
    """Writes one module."""

    def __init__(self, program: Program, interruptible: bool, few: FewPasses | None) -> None:
        self.program, self.few = program, few
        self.functions: dict[str, _BodyWriter] = {}
        self.texts: list[str] = []
        messages: list[str] = []
        for function in program.functions:
            writer = _BodyWriter(function, interruptible, self.functions)
            writer.statements.messages = messages
            self.texts.append(writer.write(function.name, apart=True))
            self.functions[function.name] = writer
        self.main = _BodyWriter(program, interruptible, self.functions)
        self.main.statements.messages = messages
        self.operands, self.workspace = self.main.operands, self.main.workspace

    def write(self) -> NativeText:
        writers = [*self.functions.values(), self.main]
        if self.few is None:
            self.texts.append(self.main.write(BODY))
        else:
            self.texts.append(self.main.write(MANY, apart=True))
            writers.append(_BodyWriter(self.few.program, False, {}, few=True))
            self.texts.append(writers[-1].write_few(BODY, self.few.where, self.main))
        builder, reducing = self.main.builder, []
        for writer in writers:
            _take(builder, writer.builder)
        needed = {each for writer in writers for each in writer.statements.reductions.needed}
        for name, dtype in sorted(needed, key=str):
            text, other = reducers.definition(name, dtype)
            reducing.append(text)
            _take(builder, other)
        mark = PACKED if _packs(self.program.body) else ""
        head, parts = mark + "\n".join([INTRINSICS, *reducing, *self.texts]), builder.module_parts()
        return NativeText(
            text="\n".join([head, self._bytes(), self._run(), parts]),
            body="\n".join([head, parts]),
            sizes=self._sizes(),
            lengths=self.program.lengths,
            operands=self.operands,
            workspace=tuple(self.workspace),
            messages=tuple(self.main.statements.messages),
        )

    def _lengths(self) -> list[str]:
        return [f"i64 %l{number}" for number in range(len(self.program.lengths))]

    def _sizes(self) -> tuple[list[str], list[str], str]:
        """Instructions that compute where each buffer of the workspace begins; the places; the size of all."""
        builder = LlvmBuilder()
        values = NativeStatements(builder).values
        builder._count = 1_000_000
        for number, name in enumerate(self.program.lengths):
            values.name(name, LlvmValue(f"%l{number}", INT64))
        offset, places = LlvmValue("0", INT64), []
        for buffer in self.workspace:
            places.append(offset.text)
            size = builder.instruction(f"mul i64 {values.size(buffer).text}, {buffer.dtype.itemsize}", INT64)
            size = builder.instruction(f"add i64 {size.text}, {ALIGNED - 1}", INT64)
            size = builder.instruction(f"and i64 {size.text}, {-ALIGNED}", INT64)
            offset = builder.instruction(f"add i64 {offset.text}, {size.text}", INT64)
        return builder.lines, places, offset.text

    def _loaded(self) -> list[str]:
        """The lengths from the frame."""
        return [
            line
            for number in range(len(self.program.lengths))
            for line in (
                f"  %l{number}.at = getelementptr i64, ptr %frame, i64 {number}",
                f"  %l{number} = load i64, ptr %l{number}.at",
            )
        ]

    def _bytes(self) -> str:
        lines, _, total = self._sizes()
        head = f"define i64 @{BYTES}(ptr %frame) nounwind {{"
        return "\n".join([head, *self._loaded(), *lines, f"  ret i64 {total}", "}", ""])

    def _run(self) -> str:
        lines = [f"define i64 @{RUN}(ptr %frame) nounwind {{", *self._loaded()]
        given = len(self.program.lengths)
        for number in range(len(self.operands)):
            lines += [
                f"  %b{number}.at = getelementptr i64, ptr %frame, i64 {given + number}",
                f"  %b{number} = load ptr, ptr %b{number}.at",
            ]
        sizes, places, _ = self._sizes()
        if self.workspace:
            lines += [
                f"  %w.at = getelementptr i64, ptr %frame, i64 {given + len(self.operands)}",
                "  %w = load ptr, ptr %w.at",
                *sizes,
            ]
        for number, place in enumerate(places):
            lines.append(f"  %w{number} = getelementptr i8, ptr %w, i64 {place}")
        arguments = self._lengths()
        arguments += [f"ptr %b{number}" for number in range(len(self.operands))]
        arguments += [f"ptr %w{number}" for number in range(len(self.workspace))]
        lines += [f"  %status = call i64 @{BODY}({', '.join(arguments)})", "  ret i64 %status", "}", ""]
        lines += [
            f"define i64 @{SERVE}(i64 %count, ptr %frame) nounwind {{",
            f"  %status = call i64 @{RUN}(ptr %frame)",
            "  ret i64 %status",
            "}",
            "",
        ]
        return "\n".join(lines)


def _packs(body: tuple[Statement, ...]) -> bool:
    """Whether there are loops over small vectors, with no loops in them, within loops of steps or few passes; or of three or four
    passes that each wait for a mathematical function, which LLVM writes out as well and does not look at as a loop.

    Loops over many rows become vectors across the rows; where there are such, products of 4 × 4 matrices lose a tenth by it.
    """
    around = [
        loop for loop in walk_statements(body)
        if isinstance(loop, While)
        or (isinstance(loop, For) and (loop.order == "fixed" or (loop in body and loop.extent in VECTORS)))
    ]  # fmt: skip
    loops = [each for each in walk_statements(body) if isinstance(each, For)]
    few = all(isinstance(each.extent, int) and each.extent < VECTORS.stop for each in loops)
    if few and any(each.extent in TINY and any(map(is_dear, each.body)) for each in loops):
        return True
    return any(
        isinstance(each, For)
        and each.extent in VECTORS
        and not any(isinstance(inner, (For, While)) for inner in each.body)
        for loop in around
        for each in walk_statements(loop.body)
    )


def _take(builder: LlvmBuilder, other: LlvmBuilder) -> None:
    """What another builder's instructions refer to."""
    builder.functions |= other.functions
    builder.helpers |= other.helpers
    builder.declarations |= other.declarations


__all__ = ["BODY", "BYTES", "EXPORTED", "RUN", "SERVE", "NativeText", "write"]
