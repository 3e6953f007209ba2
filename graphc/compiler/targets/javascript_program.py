"""A program of the loop IR as a function of JavaScript, over typed arrays; `javascript_module.py` makes a module of it.

Elements are written by the operations' `emit` rules, as in `javascript.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.loops.length_conditions import LARGEST
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Barrier,
    Buffer,
    Combine,
    Constant,
    Exit,
    For,
    Holds,
    If,
    IndexValue,
    Let,
    Load,
    Private,
    Program,
    Reduce,
    Ref,
    Require,
    RoutineCall,
    Scalar,
    Statement,
    While,
    walk_statements,
)
from graphc.compiler.targets.c.index_text import IndexText
from graphc.compiler.targets.javascript import JavaScriptBuilder, _held, literal
from graphc.compiler.targets.javascript_names import ARRAYS, own_name, quoted
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.errors import CompileError
from graphc.ir.op import Reducer, lookup
from graphc.ir.types import BOOL, INT64, DType


class _ElementBuilder(JavaScriptBuilder):
    """Elements, under names that no other value has."""

    def instruction(self, text: str, dtype: DType) -> LlvmValue:
        name = f"t{self._count}"
        self._count += 1
        self.lines.append(f"const {name} = {_held(text, dtype)};")
        return LlvmValue(name, dtype)


class JavaScriptFunction:
    """Writes one function.

    turns : after so many its while loops together throw a `RangeError`; 0 for never
    whole : the named values that are integers: numbers, as places ask for, and BigInts under the same name with `_big`
    """

    def __init__(self, program: Program, turns: int = 0) -> None:
        self.program: Program = program
        self.turns: int = turns
        inner = [each.buffer for each in walk_statements(program.body) if isinstance(each, Private)]
        self.workspace: list[Buffer] = [*program.of_role("workspace"), *inner]
        names = [*program.lengths, *(buffer.name for buffer in (*program.buffers, *inner))]
        self.index: IndexText = IndexText({name: own_name(name, names, program.name) for name in names})
        for buffer in (*program.buffers, *inner):
            self.index.buffers[buffer.name] = buffer
            if buffer.role == "input" and not buffer.shape:
                self.index.by_value.add(buffer.name)
        self.builder: _ElementBuilder = _ElementBuilder()
        self.whole: set[str] = set()
        self.lines: list[str] = []
        self.depth = 1
        self.reductions: dict[str, tuple[Reduce, Reducer]] = {}

    # --- the module ---------------------------------------------------------------------------------------------------

    def function(self) -> list[str]:
        """The function itself."""
        program = self.program
        parameters = [self.index.name(name) for name in program.lengths]
        parameters += [self.index.name(each.name) for each in program.of_role("input", "state")]
        for check in self._checks():
            self.put(check)
        for buffer in (*program.of_role("result"), *self.workspace):
            self.put(
                f"const {self.index.name(buffer.name)} = new {ARRAYS[buffer.dtype.name]}({self.index.size(buffer)});"
            )
        self.block(program.body)
        results = [self._result(buffer) for buffer in program.of_role("result")]
        self.put(f"return [{', '.join(results)}];")
        counter = ["  let turns_next = 0;"] if self.turns else []
        return [f"function {program.name}({', '.join(parameters)}) {{", *counter, *self.lines, "}"]

    def _result(self, buffer: Buffer) -> str:
        return self.index.name(buffer.name) if buffer.shape else self._read(buffer, "0")

    def _checks(self) -> list[str]:
        program, lines = self.program, []
        for name in program.lengths:
            own = self.index.name(name)
            lines.append(
                f"if (!Number.isInteger({own}) || {own} < 0 || {own} > {LARGEST}) throw new RangeError('{own}');"
            )
        for check in program.checks:
            if any(check.conditions == (name,) for name in program.lengths):
                continue
            holds = self.index.conditions(check.conditions)
            if check.given:
                holds = f"!({self.index.conditions(check.given)}) || ({holds})"
            lines.append(f"if (!({holds})) throw new RangeError({quoted(check.message)});")
        for buffer in program.of_role("input", "state"):
            if buffer.shape:
                own = self.index.name(buffer.name)
                lines.append(
                    f"if ({own}.length !== {self.index.size(buffer)}) throw new RangeError('the length of {own}');"
                )
        return lines

    def put(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    # --- elements -----------------------------------------------------------------------------------------------------

    def _read(self, buffer: Buffer, place: str) -> str:
        """An element as a value."""
        name = self.index.name(buffer.name)
        if buffer.name in self.index.by_value:
            return name
        text = f"{name}[{place}]"
        if buffer.dtype.kind == "b":
            return f"({text} !== 0)"
        return f"BigInt({text})" if buffer.dtype.kind in "iu" and buffer.dtype.itemsize < 8 else text

    def _element(self, name: str, index: tuple) -> str:
        """The place of an element, as the text in its brackets."""
        text = self.index.element(name, index)
        return text[text.index("[") + 1 : -1] if "[" in text else "0"

    def _write(self, name: str, place: str, value: LlvmValue) -> None:
        buffer, text = self.index.buffers[name], value.text
        if buffer.dtype.kind in "biu" and buffer.dtype.itemsize < 8:
            text = f"Number({text})"
        self.put(f"{self.index.name(name)}[{place}] = {text};")

    def value(self, x: Scalar) -> LlvmValue:
        """An expression; the lines of what got a name stand before."""
        begun = len(self.lines)
        self.builder.lines = self.lines
        result = self._value(x)
        self.lines[begun:] = [
            line if line.startswith(" ") else "  " * self.depth + line for line in self.lines[begun:]
        ]
        return result

    def _value(self, x: Scalar) -> LlvmValue:
        match x:
            case Constant(value, dtype):
                return LlvmValue(literal(value, dtype), dtype)
            case IndexValue(dim):
                return LlvmValue(f"BigInt({self.index.dim(dim)})", INT64)
            case Holds(conditions):
                return LlvmValue(f"({self.index.conditions(conditions)})", BOOL)
            case Ref(name, dtype):
                return LlvmValue(f"{name}_big" if name in self.whole else self.index.name(name), dtype)
            case Load(buffer, index, dtype, guard):
                text = self._read(self.index.buffers[buffer], self._element(buffer, index))
                if guard:
                    text = f"({self.index.conditions(guard)} ? {text} : {literal(0, dtype)})"
                return LlvmValue(text, dtype)
            case Apply(op, operands, attrs):
                return self._applied(op, [self._value(each) for each in operands], attrs)
        raise AssertionError(x)

    def _applied(self, op: str, operands: list[LlvmValue], attrs: tuple) -> LlvmValue:
        declared = lookup(op)
        if declared.emit is None:
            raise CompileError(f"{op} has no form in JavaScript", hint="declare the operation by a formula")
        self.builder.op = declared
        return declared.emit(self.builder, *operands, *attrs)

    # --- statements ---------------------------------------------------------------------------------------------------

    def block(self, body: tuple[Statement, ...]) -> None:
        for statement in body:
            _STATEMENTS[type(statement)](self, statement)

    def inner(self, body: tuple[Statement, ...]) -> None:
        self.depth += 1
        self.block(body)
        self.depth -= 1
        self.put("}")

    def let(self, s: Let) -> None:
        value = self.value(s.value)
        self._name(s.name, value.text, value.dtype)

    def _name(self, name: str, text: str, dtype: DType) -> None:
        if dtype.kind in "iu":
            self.whole.add(name)
            self.put(f"const {name}_big = {text}, {self.index.name(name)} = Number({name}_big);")
        else:
            self.put(f"const {self.index.name(name)} = {text};")

    def store(self, s: Assign) -> None:
        self._write(s.buffer, self._element(s.buffer, s.index), self.value(s.value))

    def loop(self, s: For) -> None:
        index = self.index.name(s.index)
        self.put(f"for (let {index} = 0; {index} < {self.index.dim(s.extent)}; {index}++) {{")
        self.inner(s.body)

    def branch(self, s: If) -> None:
        self.put(f"if ({self.value(s.condition).text}) {{")
        self.inner(s.body)

    def repeat(self, s: While) -> None:
        self.put("for (;;) {")
        if self.turns:
            self.put(f"  if (turns_next++ > {self.turns}) throw new RangeError('steps > {self.turns}');")
        self.inner(s.body)

    def exit(self, s: Exit) -> None:
        self.put(f"if (!({self.value(s.condition).text})) break;")

    def require(self, s: Require) -> None:
        self.put(f"if (!({self.value(s.condition).text})) throw new RangeError({quoted(s.message)});")

    def reduce(self, s: Reduce) -> None:
        reducer = lookup(s.reducer).reducer
        assert reducer is not None
        self.reductions[s.target] = s, reducer
        start = literal(0 if reducer.of_places else reducer.identity(s.dtype), s.dtype)
        compensated = s.summation == "compensated"
        if s.target in self.index.buffers:
            name = self.index.name(s.target)
            number = LlvmValue(start, s.dtype)
            self.put(
                f"{name}.fill({f'Number({start})' if s.dtype.kind in 'biu' and s.dtype.itemsize < 8 else number.text});"
            )
            if s.error is not None:
                self.put(f"{self.index.name(s.error)}.fill(0);")
            self.block(s.body)
            if s.error is not None:
                error = self.index.name(s.error)
                self.put(
                    f"for (let each = 0; each < {self.index.size(self.index.buffers[s.target])}; each++) {{"
                )
                self.put(
                    f"  if (Number.isFinite({error}[each]) && {error}[each] !== 0) {name}[each] += {error}[each];"
                )
                self.put("}")
            return
        old = f"{s.target}_old"
        self.put(f"let {old} = {start};")
        if compensated:
            self.put(f"let {s.target}_error = 0;")
        if reducer.of_places:
            self.put(f"let {s.target}_any = false, {s.target}_best;")
        self.block(s.body)
        result = old
        if compensated:
            error = f"{s.target}_error"
            total = _held(f"{old} + {error}", s.dtype)
            result = f"Number.isFinite({error}) && {error} !== 0 ? {total} : {old}"
        self._name(s.target, result, s.dtype)

    def combine(self, s: Combine) -> None:
        reduction, reducer = self.reductions[s.target]
        if reducer.of_places:
            self._combine_place(s, reducer)
            return
        into = s.target in self.index.buffers
        self.put("{")
        self.depth += 1
        place = self._element(s.target, s.index) if into else ""
        buffer = self.index.buffers.get(s.target)
        old = self._read(buffer, place) if buffer is not None else f"{s.target}_old"
        value = self.value(s.value)
        self.put(f"const {s.target}_next = {value.text};")
        value = LlvmValue(f"{s.target}_next", value.dtype)
        if reduction.summation == "compensated":
            self._compensated(s, reduction, old, value, place)
        else:
            begun = len(self.lines)
            self.builder.lines = self.lines
            before = LlvmValue(old, reduction.dtype)
            if reducer.emit is not None:
                new = reducer.emit(self.builder, before, value)
            else:
                new = self._applied(reducer.combine, [before, value], ())
            self.lines[begun:] = ["  " * self.depth + line for line in self.lines[begun:]]
            if into:
                self._write(s.target, place, new)
            else:
                self.put(f"{s.target}_old = {new.text};")
        self.depth -= 1
        self.put("}")

    def _compensated(self, s: Combine, reduction: Reduce, old: str, value: LlvmValue, place: str) -> None:
        """Neumaier's sum: what rounding takes is added up beside it."""
        dtype, into = reduction.dtype, s.target in self.index.buffers
        error = f"{self.index.name(reduction.error or '')}[{place}]" if into else f"{s.target}_error"
        big = f"Math.abs({old}) >= Math.abs({value.text})"

        def lost(a: str, b: str) -> str:
            return _held(f"{_held(f'{a} - total', dtype)} + {b}", dtype)

        self.put(f"const total = {_held(f'{old} + {value.text}', dtype)};")
        first, second = lost(old, value.text), lost(value.text, old)
        self.put(f"{error} = {_held(f'{error} + ({big} ? {first} : {second})', dtype)};")
        if into:
            self._write(s.target, place, LlvmValue("total", dtype))
        else:
            self.put(f"{s.target}_old = total;")

    def _combine_place(self, s: Combine, reducer: Reducer) -> None:
        """The first that no other one is preferred to, or the first NaN."""
        assert s.place is not None
        self.put("{")
        self.depth += 1
        name, best = f"{s.target}_next", f"{s.target}_best"
        self.put(f"const {name} = {self.value(s.value).text};")
        sign = ">" if reducer.combine == "maximum" else "<"
        better = f"{best} === {best} && ({name} {sign} {best} || {name} !== {name})"
        self.put(f"if (!{s.target}_any || ({better})) {{")
        self.put(f"  {s.target}_old = BigInt({self.index.dim(s.place)});")
        self.put(f"  {best} = {name};")
        self.put(f"  {s.target}_any = true;")
        self.put("}")
        self.depth -= 1
        self.put("}")

    def call(self, s: RoutineCall) -> None:
        if s.routine == "function":
            self._function(s)
            return
        raise CompileError(
            f"{s.routine} has no form in JavaScript",
            hint="write what it is used for without it, or keep the function in Python",
        )

    def _function(self, s: RoutineCall) -> None:
        """A function of the module's own: what it returns goes into the memory that it is called for."""
        names = [self.index.name(name) for name in self.program.lengths]
        for view in s.operands:
            buffer = self.index.buffers[view.buffer]
            names.append(self.index.name(buffer.name) if buffer.shape else self._read(buffer, "0"))
        self.put("{")
        self.depth += 1
        self.put(f"const given = {function_name(s.attrs[0])}({', '.join(names)});")
        for number, view in enumerate(s.results):
            buffer = self.index.buffers[view.buffer]
            if buffer.shape:
                self.put(f"{self.index.name(buffer.name)}.set(given[{number}]);")
            else:
                self._write(buffer.name, "0", LlvmValue(f"given[{number}]", buffer.dtype))
        self.depth -= 1
        self.put("}")


def function_name(name: str) -> str:
    """What a function of the program's own is called in JavaScript."""
    return f"graphc_{name}"


_STATEMENTS: dict[type, Callable] = {
    Let: JavaScriptFunction.let,
    Assign: JavaScriptFunction.store,
    For: JavaScriptFunction.loop,
    If: JavaScriptFunction.branch,
    While: JavaScriptFunction.repeat,
    Exit: JavaScriptFunction.exit,
    Require: JavaScriptFunction.require,
    Reduce: JavaScriptFunction.reduce,
    Combine: JavaScriptFunction.combine,
    RoutineCall: JavaScriptFunction.call,
    Private: lambda writer, s: None,  # it has memory of the workspace
    Barrier: lambda writer, s: None,  # one thread alone runs
}

__all__ = ["JavaScriptFunction", "function_name"]
