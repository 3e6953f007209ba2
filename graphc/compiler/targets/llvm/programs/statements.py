"""Statements of the loop IR as LLVM IR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

from graphc.compiler.loops.guessed_choices import Waits, late_last, waits_of
from graphc.compiler.loops.program import (
    Assign,
    Barrier,
    Buffer,
    Combine,
    Exit,
    For,
    If,
    Let,
    Private,
    Reduce,
    Require,
    RoutineCall,
    Statement,
    While,
)
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, memory_type
from graphc.compiler.targets.llvm.loop_builder import ASKED, ROLLED
from graphc.compiler.targets.llvm.programs.reductions import Reductions
from graphc.compiler.targets.llvm.programs.values import ValueWriter
from graphc.errors import CompileError
from graphc.ir.types import BOOL, DTYPES, INT64
from graphc.ops.foreign import packed

ON_STACK = 512
"""Elements of a buffer of known size that lies on the stack, or in registers."""


def on_stack(buffer: Buffer) -> bool:
    """Whether a buffer of the workspace is the function's own."""
    return all(isinstance(dim, int) for dim in buffer.shape) and prod(buffer.shape) <= ON_STACK  # type: ignore[arg-type]


FEWEST_LANES = 8
"""Passes of an inner loop of known length from which it, and not the loop around it, runs in vectors."""


def _fills_vectors(loop: For) -> bool:
    """Whether a loop is to run in vectors: LLVM writes short ones out first, and would then have vectors across the rows."""
    return loop.vector and isinstance(loop.extent, int) and loop.extent >= FEWEST_LANES


CALLS = "@graphc_"
"""What calls of mathematical functions have in their lines."""

MOST_BEHIND = 4
"""Calls that the passes behind the last vector of a loop of known length may have together, if LLVM is to write it out: each
would have the function's code, which was a third of what a step of an LSTM became, with rows of 14."""

WRITTEN_OUT = 32
"""Statements that a nest of loops comes to which LLVM may write out, as one over a matrix of 2 × 2 or 3 × 3: what it hands on
is in registers then, where as a loop it waits for memory."""


def _is_small(loop: For) -> bool:
    """Whether a nest is as good as straight-line code."""
    count = _statements(loop)
    return count is not None and count <= WRITTEN_OUT


def _statements(s: Statement) -> int | None:
    """How many statements run; None of what has more than assignments in loops of known length."""
    if isinstance(s, (Let, Assign)):
        return 1
    if isinstance(s, Private):
        return 0
    if not isinstance(s, For) or not isinstance(s.extent, int):
        return None
    counts = [_statements(each) for each in s.body]
    return None if None in counts else s.extent * sum(map(int, counts))  # type: ignore[arg-type]


PASSES = 2**16
"""Passes of a loop of no known length after which Python is asked whether there was a Ctrl-C."""

CALLED = {
    "PyErr_CheckSignals": "declare i32 @PyErr_CheckSignals()",
    "PyEval_RestoreThread": "declare void @PyEval_RestoreThread(ptr)",
    "PyEval_SaveThread": "declare ptr @PyEval_SaveThread()",
    "stopped": """; Lets others run, and says whether there was a Ctrl-C: apart, and no loop keeps registers for its sake.
define internal i1 @stopped() cold noinline nounwind {
  %thread = call ptr @PyEval_SaveThread()
  call void @PyEval_RestoreThread(ptr %thread)
  %answer = call i32 @PyErr_CheckSignals()
  %stops = icmp slt i32 %answer, 0
  ret i1 %stops
}
""",
}


class NativeStatements:
    """Writes the body of a function.

    interruptible : whether loops of no known length look for a Ctrl-C; the caller then holds Python's lock
    function : what writes a call of a function of the program's own
    few : whether it is for few passes: no loop becomes vectors, and what is reduced joins one after the other
    starts : instructions before all others
    messages : what the requirements say, in order; where one does not hold the function returns its number, from 1 on
    """

    def __init__(
        self,
        builder: LlvmBuilder,
        interruptible: bool = False,
        function: Callable[[RoutineCall], None] | None = None,
        few: bool = False,
    ) -> None:
        self.interruptible, self.function, self.few = interruptible, function, few
        self.starts: list[str] = []
        self.values: ValueWriter = ValueWriter(builder)
        self.builder = builder
        self.reductions: Reductions = Reductions(self.values, self)
        self.messages: list[str] = []
        self.allocas: list[str] = []
        self.exits: list[str] = []
        self.asked = self.small = False

    def slot(self, kind: str, count: int = 1) -> str:
        """Memory of the function's own, by its register."""
        name = f"%s{len(self.allocas)}"
        aligned = ", align 64" if count > 8 and not self.few else ""
        self.allocas.append(f"  {name} = alloca [{max(count, 1)} x {kind}]{aligned}")
        return name

    def fits_on_stack(self, buffer: Buffer) -> bool:
        """Whether there may be another one of its size on the stack."""
        return on_stack(buffer)

    def own(self, buffer: Buffer) -> None:
        """A buffer of known size gets its place on the stack."""
        self.values.pointers[buffer.name] = self.slot(memory_type(buffer.dtype), prod(buffer.shape))  # type: ignore[arg-type]

    def block(self, body: tuple[Statement, ...]) -> None:
        for statement in body:
            rule = _STATEMENTS.get(type(statement))
            if rule is None:
                raise CompileError(f"{type(statement).__name__} has no form in LLVM IR")
            rule(self, statement)

    def let(self, s: Let) -> None:
        self.values.bind(s.name, self.values.scalar(s.value))

    def store(self, s: Assign) -> None:
        value = self.values.scalar(s.value)
        self.builder.store(value, self.values.address(s.buffer, s.index))

    def loop(self, s: For) -> None:
        if self.reductions.by_strips(s) or self.reductions.blocked(s):
            return
        self.passes(s.extent, lambda index: self.body_at(s, index))

    def body_at(self, s: For, index: LlvmValue) -> None:
        """One pass of a loop, by its index."""
        self.values.name(s.index, index)
        self._pass(s)
        self.small = _is_small(s)
        across = any(isinstance(each, For) and _fills_vectors(each) for each in s.body)
        few = s.order == "free" and not s.vector and all(isinstance(each, (Let, Assign)) for each in s.body)
        self.asked = (
            across
            or few
            or (
                isinstance(s.body[-1] if s.body else None, If)
                and all(isinstance(each, Let) for each in s.body[:-1])
            )
        )

    def _pass(self, s: For | While) -> None:
        s = replace(s, body=late_last(s))
        outer, own = self.values.waits, waits_of(s)
        self.values.waits = Waits(outer.choices | own.choices, outer.calls | own.calls)
        self.block(s.body)
        self.values.waits = outer

    def passes(self, extent: object, body: Callable[..., None], *more: object) -> None:
        """body(i, *more) for i from 0 up to an end."""
        values = self.values
        stop = extent if isinstance(extent, LlvmValue) else values.dim(extent)  # type: ignore[arg-type]
        if stop.text == "1":
            with values.scope():
                body(LlvmValue("0", INT64), *more)
            return
        head, inside, behind, before = (
            values.label("for"),
            values.label("do"),
            values.label("rof"),
            values.block,
        )
        values.line(f"br label %{head}")
        values.begin(head)
        place = len(self.builder.lines)
        self.builder.lines.append("")
        index = LlvmValue(f"%i.{head}", INT64)
        values.line(f"%c.{head} = icmp slt i64 {index.text}, {stop.text}")
        values.line(f"br i1 %c.{head}, label %{inside}, label %{behind}")
        values.begin(inside)
        with values.scope():
            body(index, *more)
        values.line(f"%n.{head} = add nuw nsw i64 {index.text}, 1")
        written = self.builder.lines[place:]
        rolled = any(line.startswith("for") for line in written) and not self.small
        if stop.text.isdigit() and int(stop.text) >= FEWEST_LANES:
            calls = sum(CALLS in line for line in written)
            rolled = rolled or calls * (int(stop.text) % FEWEST_LANES) > MOST_BEHIND
        values.line(f"br label %{head}{ASKED if self.asked or self.few else ROLLED if rolled else ''}")
        self.asked: bool = False
        self.small: bool = False
        self.builder.lines[place] = (
            f"  {index.text} = phi i64 [ 0, %{before} ], [ %n.{head}, %{values.block} ]"
        )
        values.begin(behind)

    def repeat(self, s: While) -> None:
        values = self.values
        head, behind = values.label("while"), values.label("elihw")
        values.line(f"br label %{head}")
        values.begin(head)
        if self.interruptible:
            self._look_for_signals()
        self.exits.append(behind)
        with values.scope():
            self._pass(s)
        self.exits.pop()
        values.line(f"br label %{head}{ROLLED}")
        values.begin(behind)

    def _look_for_signals(self) -> None:
        """Every so many passes Python is asked for a Ctrl-C, which ends the function."""
        values, builder = self.values, self.builder
        count = self.slot("i64")
        self.starts.append(f"  store i64 1, ptr {count}")
        passes = builder.instruction(f"load i64, ptr {count}", INT64)
        builder.lines.append(
            f"  store i64 {builder.instruction(f'add i64 {passes.text}, 1', INT64).text}, ptr {count}"
        )
        low = builder.instruction(f"and i64 {passes.text}, {PASSES - 1}", INT64)
        now = builder.instruction(f"icmp eq i64 {low.text}, 0", BOOL)
        ask, stop, on = values.label("ask"), values.label("stop"), values.label("on")
        values.line(f"br i1 {now.text}, label %{ask}, label %{on}")
        values.begin(ask)
        builder.declarations |= CALLED
        ended = builder.instruction("call i1 @stopped()", BOOL)
        values.line(f"br i1 {ended.text}, label %{stop}, label %{on}")
        values.begin(stop)
        values.line("ret i64 -1")
        values.begin(on)

    def exit(self, s: Exit) -> None:
        condition, on = self.values.scalar(s.condition), self.values.label("on")
        self.values.line(f"br i1 {condition.text}, label %{on}, label %{self.exits[-1]}")
        self.values.begin(on)

    def branch(self, s: If) -> None:
        condition = self.values.scalar(s.condition)
        self.where(condition, lambda: self.block(s.body))

    def where(self, condition: LlvmValue, write: Callable[[], None]) -> None:
        """A body for where a condition holds."""
        inside, behind = self.values.label("if"), self.values.label("fi")
        self.values.line(f"br i1 {condition.text}, label %{inside}, label %{behind}")
        self.values.begin(inside)
        with self.values.scope():
            write()
        self.values.line(f"br label %{behind}")
        self.values.begin(behind)

    def require(self, s: Require) -> None:
        condition = self.values.scalar(s.condition)
        if s.message not in self.messages:
            self.messages.append(s.message)
        fails, holds = self.values.label("fail"), self.values.label("ok")
        self.values.line(f"br i1 {condition.text}, label %{holds}, label %{fails}")
        self.values.begin(fails)
        self.values.line(f"ret i64 {1 + self.messages.index(s.message)}")
        self.values.begin(holds)

    def private(self, s: Private) -> None:
        if s.buffer.name not in self.values.pointers:
            self.own(s.buffer)

    def call(self, s: RoutineCall) -> None:
        if s.routine == "foreign" and s.attrs[1]:
            self._by_address(s)
            return
        if s.routine == "function" and self.function is not None:
            self.function(s)
            return
        raise CompileError(
            f"{s.routine} is a routine of a library, and no loops that could be part of this code",
            hint="write what it is used for without it, or keep the function in Python",
        )

    def _by_address(self, s: RoutineCall) -> None:
        """A C function: pointers to the operands and to the results, then the lengths of the operands' axes."""
        _, address, _, shapes, gives = s.attrs
        starts, _ = packed(shapes)
        kind = memory_type(DTYPES[gives[0]])
        whole = self.values.pointers[s.result.buffer]
        pointers = [self.values.pointers[view.buffer] for view in s.operands]
        pointers += [self.values.at(whole, self.values.dim(start).text, kind) for start in starts]
        lengths = [self.values.dim(length).text for view in s.operands for _, length in view.axes]
        arguments = ", ".join([*(f"ptr {p}" for p in pointers), *(f"i64 {n}" for n in lengths)])
        self.values.line(f"call void inttoptr (i64 {address} to ptr)({arguments})")


_STATEMENTS: dict[type, Callable] = {
    Let: NativeStatements.let,
    Assign: NativeStatements.store,
    For: NativeStatements.loop,
    If: NativeStatements.branch,
    While: NativeStatements.repeat,
    Exit: NativeStatements.exit,
    Require: NativeStatements.require,
    Reduce: lambda writer, s: writer.reductions.reduce(s),
    Combine: lambda writer, s: writer.reductions.combine(s),
    RoutineCall: NativeStatements.call,
    Private: NativeStatements.private,
    Barrier: lambda writer, s: None,  # one thread alone runs
}

__all__ = ["NativeStatements", "on_stack"]
