"""Statements of the loop IR as lines of C."""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.loops.program import (
    Assign,
    Barrier,
    Combine,
    Exit,
    For,
    If,
    Let,
    Private,
    Reduce,
    Require,
    RoutineCall,
    Scalar,
    Statement,
    While,
    walk_statements,
)
from graphc.compiler.targets.c import functions
from graphc.compiler.targets.c.builder import CBuilder, c_type, is_closed, literal
from graphc.compiler.targets.c.index_text import IndexText
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.errors import CompileError
from graphc.ir.op import Reducer, lookup
from graphc.ir.types import BOOL


class StatementWriter:
    """Writes the body of a function.

    code : what the names of its error codes begin with; lengths : the program's; lines : what was written
    """

    index: IndexText
    builder: CBuilder
    code: str
    depth: int

    def __init__(self, index: IndexText, builder: CBuilder, code: str, lengths: tuple[str, ...] = ()) -> None:
        self.index, self.builder, self.code, self.lengths = index, builder, code, lengths
        self.lines: list[str] = []
        self.builder.lines = self.lines
        self.depth = 1
        self.reductions: dict[str, tuple[Reduce, Reducer]] = {}

    def put(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def text(self, x: Scalar) -> str:
        """An expression; the lines of what got a name stand before."""
        return _bare(self.valued(x).text)

    def valued(self, x: Scalar) -> LlvmValue:
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

    def store(self, s: Assign) -> None:
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

    def repeat(self, s: While) -> None:
        self.put("for (;;) {")
        self.inner(s.body)

    def exit(self, s: Exit) -> None:
        condition = self.valued(s.condition).text
        self.put(f"if (!{condition if is_closed(condition) else f'({condition})'}) break;")

    def require(self, s: Require) -> None:
        condition = self.valued(s.condition).text
        self.put(f"if (!{condition if is_closed(condition) else f'({condition})'}) {{ /* {s.message} */")
        self.depth += 1
        self.put(f"status = {self.code}_BAD_VALUE;")
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

    def function(self, s: RoutineCall) -> None:
        """A function of the file's own; what is wrong in there ends this one too."""
        lengths = [self.index.name(name) for name in self.lengths]
        inputs = [
            self.index.element(view.buffer, ()) if not view.shape else self.index.name(view.buffer)
            for view in s.operands
        ]
        results = [self.index.name(view.buffer) for view in s.results]
        self.put(f"status = {function_name(s.attrs[0])}({', '.join([*lengths, *inputs, *results])});")
        self.put("if (status) goto done;")

    def call(self, s: RoutineCall) -> None:
        if s.routine == "function":
            self.function(s)
            return
        raise CompileError(
            f"{s.routine} has no form in C",
            hint="write what it is used for without it, or keep the function in Python",
        )


_STATEMENTS: dict[type, Callable] = {
    Let: StatementWriter.let,
    Assign: StatementWriter.store,
    For: StatementWriter.loop,
    If: StatementWriter.branch,
    While: StatementWriter.repeat,
    Exit: StatementWriter.exit,
    Require: StatementWriter.require,
    Reduce: StatementWriter.reduce,
    Combine: StatementWriter.combine,
    RoutineCall: StatementWriter.call,
    Private: lambda writer, s: None,  # it has memory of the workspace
    Barrier: lambda writer, s: None,  # one thread alone runs
}


def function_name(name: str) -> str:
    """What a function of the program's own is called in C: nothing of a user's is called so."""
    return f"graphc_{name}"


def _is_name(text: str) -> bool:
    return text.isidentifier()


def _bare(text: str) -> str:
    """A text without the brackets around all of it."""
    return text[1:-1] if is_closed(text) else text
