"""A program of the loop IR as an LLVM module with the functions that other code calls.

    i64 run(ptr frame)      computes; 0, or the number of the requirement that does not hold, from 1 on
    i64 bytes(ptr frame)    how much workspace that takes, for lengths that stand in the frame
    i64 serve(i64, ptr frame)    the same for callers that hand a count over

A frame is words of 8 bytes: the lengths in the program's order, the addresses of the buffers that `operands` lists, that of the
workspace, aligned to 64 bytes. What is written shares no memory with anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphc.compiler.loops.computed_again import computed_again
from graphc.compiler.loops.conditional_sums import conditional_sums
from graphc.compiler.loops.exact_sums import exact_sums
from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.program import Buffer, Private, Program, walk_statements
from graphc.compiler.loops.split_ranges import split_ranges
from graphc.compiler.loops.turned_copies import turned_copies
from graphc.compiler.loops.unroll import unroll
from graphc.compiler.loops.vector_stages import vector_stages
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue
from graphc.compiler.targets.llvm.kernels import reducers
from graphc.compiler.targets.llvm.loop_builder import INTRINSICS
from graphc.compiler.targets.llvm.programs.statements import NativeStatements, on_stack
from graphc.ir.types import INT64

BODY = "body"
"""The function that computes, of lengths and addresses."""

RUN, BYTES, SERVE = EXPORTED = ("run", "bytes", "serve")

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


def write(program: Program, interruptible: bool = False) -> NativeText:
    """The module of a program. Raises `CompileError` for what has no loops.

    interruptible : whether loops of no known length look for a Ctrl-C; whoever calls the functions then holds Python's lock
    """
    written_out = unroll(expand_calls(program))
    chosen = conditional_sums(written_out)
    again = computed_again(exact_sums(chosen))
    ready = turned_copies(vector_stages(exact_sums(split_ranges(again))))
    text = _ModuleWriter(ready, interruptible).write()
    memory = [bool(_of_named_lengths(each)) for each in (chosen, again)]
    return replace(text, leaves_out=chosen is not written_out or memory == [True, False])


def _of_named_lengths(program: Program) -> list[Buffer]:
    """The workspace that grows with the lengths."""
    return [x for x in program.of_role("workspace") if not all(isinstance(dim, int) for dim in x.shape)]


class _ModuleWriter:
    """Writes one module."""

    def __init__(self, program: Program, interruptible: bool) -> None:
        self.program = program
        self.builder = LlvmBuilder(inline=True)
        self.statements = NativeStatements(self.builder, interruptible)
        values = self.statements.values
        self.operands = (
            *program.of_role("input", "state"), *program.of_role("result"), *program.of_role("constant"),
        )  # fmt: skip
        inner = [each.buffer for each in walk_statements(program.body) if isinstance(each, Private)]
        for buffer in (*program.buffers, *inner):
            values.buffers[buffer.name] = buffer
        for number, name in enumerate(program.lengths):
            values.name(name, LlvmValue(f"%l{number}", INT64))
        for number, buffer in enumerate(self.operands):
            values.pointers[buffer.name] = f"%b{number}"
        self.workspace: list[Buffer] = []
        for buffer in (*program.of_role("workspace"), *inner):
            if on_stack(buffer):
                self.statements.own(buffer)
            else:
                values.pointers[buffer.name] = f"%w{len(self.workspace)}"
                self.workspace.append(buffer)

    def write(self) -> NativeText:
        self.statements.block(self.program.body)
        reducing = []
        for name, dtype in sorted(self.statements.reductions.needed, key=str):
            text, builder = reducers.definition(name, dtype)
            reducing.append(text)
            self.builder.functions |= builder.functions
            self.builder.helpers |= builder.helpers
            self.builder.declarations |= builder.declarations
        head, parts = "\n".join([INTRINSICS, *reducing, self._body()]), self.builder.module_parts()
        return NativeText(
            text="\n".join([head, self._bytes(), self._run(), parts]),
            body="\n".join([head, parts]),
            sizes=self._sizes(),
            lengths=self.program.lengths,
            operands=self.operands,
            workspace=tuple(self.workspace),
            messages=tuple(self.statements.messages),
        )

    def _lengths(self) -> list[str]:
        return [f"i64 %l{number}" for number in range(len(self.program.lengths))]

    def _body(self) -> str:
        """The function of lengths and addresses: what is written is told apart by its parameters."""
        parameters = self._lengths()
        for number, buffer in enumerate(self.operands):
            reads = " readonly" if buffer.role in ("input", "constant") else ""
            parameters.append(f"ptr noalias{reads} %b{number}")
        parameters += [f"ptr noalias align {ALIGNED} %w{number}" for number in range(len(self.workspace))]
        return "\n".join(
            [
                f"define internal i64 @{BODY}({', '.join(parameters)}) nounwind {{",
                "entry:",
                *self.statements.allocas,
                *self.statements.starts,
                *self.builder.lines,
                "  ret i64 0",
                "}",
                "",
            ]
        )

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


__all__ = ["BODY", "BYTES", "EXPORTED", "RUN", "SERVE", "NativeText", "write"]
