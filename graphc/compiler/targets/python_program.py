"""A program of the loop IR as a function of Python that Numba compiles: loops over arrays, with numbers as variables.

`python_module.py` makes a module of it. Arrays are indexed as they are declared; what has no axes is a variable, but for inputs
that are updated.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable

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
    Program,
    Reduce,
    Require,
    RoutineCall,
    Scalar,
    Statement,
    While,
    walk_statements,
)
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.compiler.targets.python import RESERVED, literal
from graphc.compiler.targets.python_elements import ElementText, PythonIndex, as_tuple, typed
from graphc.errors import CompileError
from graphc.ir.op import Reducer, lookup
from graphc.ir.types import DType

_TAKEN = re.compile(r"t\d+|_\w*|own\d+|placeholder_\w*|\w*_(?:error|next|best|any|total|place)", re.ASCII)


def own_names(names: list[str], function: str) -> dict[str, str]:
    """For each name of a program that of Python: its own, where that is an identifier that the module uses for nothing else."""
    result = {}
    for number, name in enumerate(names):
        plain = name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and len(name) <= 60
        free = plain and name not in RESERVED and name != function and not _TAKEN.fullmatch(name)
        result[name] = name if free else f"own{number}"
    return result


class PythonFunction:
    """Writes one function.

    name : in the module; lines : of its body
    """

    def __init__(self, program: Program, name: str, module: str) -> None:
        self.program: Program = program
        self.name: str = name
        inner = [each.buffer for each in walk_statements(program.body) if isinstance(each, Private)]
        self.workspace: list[Buffer] = [*program.of_role("workspace"), *inner]
        names = [*program.lengths, *(buffer.name for buffer in (*program.buffers, *inner))]
        self.index: PythonIndex = PythonIndex(own_names(names, module))
        for buffer in (*program.buffers, *inner):
            self.index.buffers[buffer.name] = buffer
            if buffer.role not in ("state", "constant") and not buffer.shape:
                self.index.by_value.add(buffer.name)
        for number, buffer in enumerate(program.of_role("constant")):
            self.index.names[buffer.name] = f"_constant{number}_{name}"
        self.builder: ElementText = ElementText(self.index)
        self.lines: list[str] = []
        self.builder.lines = self.lines
        self.depth = 1
        self.reductions: dict[str, tuple[Reduce, Reducer]] = {}

    def function(self) -> list[str]:
        """The function: lengths and inputs go in, the results come out, in a tuple."""
        program = self.program
        parameters = [self.index.name(name) for name in program.lengths]
        parameters += [self.index.name(each.name) for each in program.of_role("input", "state")]
        results = program.of_role("result")
        for buffer in (*results, *self.workspace):
            self.put(f"{self.index.name(buffer.name)} = {self._empty(buffer)}")
        self.block(program.body)
        self.put(f"return {as_tuple([self.index.name(each.name) for each in results])}")
        return ["@compiled", f"def {self.name}({', '.join(parameters)}):", *self.lines]

    def _empty(self, buffer: Buffer) -> str:
        if not buffer.shape:
            return literal(0, buffer.dtype)
        return f"np.empty({self.index.shape(buffer.shape)}, np.{numpy_type(buffer.dtype)})"

    # --- expressions ----------------------------------------------------------------------------------------------------

    def put(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def value(self, x: Scalar) -> LlvmValue:
        """An expression; the lines of what got a name stand before."""
        return self._indented(lambda: self.builder.value(x))

    def text(self, x: Scalar) -> str:
        return bare(self.value(x).text)

    def _indented(self, write: Callable[[], LlvmValue]) -> LlvmValue:
        begun = len(self.lines)
        value = write()
        self.lines[begun:] = ["    " * self.depth + line for line in self.lines[begun:]]
        return value

    # --- statements -------------------------------------------------------------------------------------------------------

    def block(self, body: tuple[Statement, ...]) -> None:
        for statement in body:
            _STATEMENTS[type(statement)](self, statement)

    def inner(self, head: str, body: tuple[Statement, ...]) -> None:
        self.put(head)
        self.depth += 1
        begun = len(self.lines)
        self.block(body)
        if len(self.lines) == begun:
            self.put("pass")
        self.depth -= 1

    def let(self, s: Let) -> None:
        value = self.value(s.value)
        self.put(f"{self.index.name(s.name)} = {bare(value.text)}")
        self._place(s.name, value.dtype)

    def _place(self, name: str, dtype: DType) -> None:
        """An integer that may stand in places, as int64."""
        if dtype.kind in "iu":
            place = f"{self.index.name(name)}_place"
            self.put(f"{place} = np.int64({self.index.name(name)})")
            self.index.places[name] = place

    def store(self, s: Assign) -> None:
        dtype = self.index.buffers[s.buffer].dtype
        text = self.text(s.value)
        self.put(
            f"{self.index.element(s.buffer, s.index)} = {text if dtype.kind == 'f' else typed(text, dtype)}"
        )

    def loop(self, s: For) -> None:
        self.inner(f"for {self.index.name(s.index)} in range({self.index.dim(s.extent)}):", s.body)

    def branch(self, s: If) -> None:
        self.inner(f"if {self.text(s.condition)}:", s.body)

    def repeat(self, s: While) -> None:
        self.inner("while True:", s.body)

    def exit(self, s: Exit) -> None:
        self.put(f"if not ({self.text(s.condition)}):")
        self.put("    break")

    def require(self, s: Require) -> None:
        self.put(f"if not ({self.text(s.condition)}):")
        self.put(f"    raise ValueError({plain_text(s.message)})")

    def reduce(self, s: Reduce) -> None:
        reducer = lookup(s.reducer).reducer
        assert reducer is not None
        self.reductions[s.target] = s, reducer
        start = literal(0 if reducer.of_places else reducer.identity(s.dtype), s.dtype)
        name = self.index.name(s.target)
        errors = [s.error] if s.error is not None else []
        array = s.target in self.index.buffers and s.target not in self.index.by_value
        for each, first in ((s.target, start), *((error, literal(0, s.dtype)) for error in errors)):
            self.put(f"{self.index.name(each)}{'[...]' if array else ''} = {first}")
        if s.summation == "compensated" and not errors:
            self.put(f"{name}_error = {literal(0, s.dtype)}")
        if reducer.of_places:
            self.put(f"{name}_any = False")
            for each in walk_statements(s.body):
                if isinstance(each, Combine) and each.target == s.target:
                    self.put(f"{name}_best = {literal(0, each.value.dtype)}")
        self.block(s.body)
        if s.summation == "compensated":
            self._finish(s, array)
        if s.target not in self.index.buffers:
            self._place(s.target, s.dtype)

    def _finish(self, s: Reduce, array: bool) -> None:
        """What rounding took is added, where it is finite."""
        name = self.index.name(s.target)
        error = f"{name}_error" if s.error is None else self.index.name(s.error)
        if array:
            self.put(f"for each in range({name}.size):")
            self.depth += 1
            name, error = f"{name}.flat[each]", f"{error}.flat[each]"
        self.put(f"if math.isfinite({error}) and {error} != 0:")
        self.put(f"    {name} = {typed(f'{name} + {error}', s.dtype)}")
        self.depth -= array

    def combine(self, s: Combine) -> None:
        reduction, reducer = self.reductions[s.target]
        if reducer.of_places:
            self._combine_place(s)
            return
        name, buffer = self.index.name(s.target), s.target in self.index.buffers
        target = self.index.element(s.target, s.index) if buffer else name
        value = self.value(s.value)
        if reduction.summation == "compensated":
            self.put(f"{name}_next = {bare(value.text)}")
            error = self.index.element(reduction.error, s.index) if reduction.error else f"{name}_error"
            new, dtype = LlvmValue(f"{name}_next", value.dtype), reduction.dtype
            self.put(f"{name}_total = {typed(f'{target} + {new.text}', dtype)}")
            self.put(f"if abs({target}) >= abs({new.text}):")
            self.put(f"    {error} += ({target} - {name}_total) + {new.text}")
            self.put("else:")
            self.put(f"    {error} += ({new.text} - {name}_total) + {target}")
            self.put(f"{target} = {name}_total")
            return
        if not value.text.isidentifier():
            self.put(f"{name}_next = {bare(value.text)}")
            value = LlvmValue(f"{name}_next", value.dtype)
        old = LlvmValue(target, reduction.dtype)
        new = self._indented(lambda: self._combined(reducer, old, value))
        self.put(f"{target} = {bare(new.text)}")

    def _combined(self, reducer: Reducer, old: LlvmValue, new: LlvmValue) -> LlvmValue:
        if reducer.emit is not None:
            return self.builder.emitted(reducer.emit, [old, new])
        return self.builder.applied(reducer.combine, [old, new], ())

    def _combine_place(self, s: Combine) -> None:
        """The first that no other one is preferred to, or the first NaN."""
        assert s.place is not None
        name = self.index.name(s.target)
        _, reducer = self.reductions[s.target]
        self.put(f"{name}_next = {self.text(s.value)}")
        sign = ">" if reducer.combine == "maximum" else "<"
        better = f"{name}_next {sign} {name}_best"
        if s.value.dtype.kind == "f":
            better = f"{name}_best == {name}_best and ({better} or {name}_next != {name}_next)"
        self.put(f"if not {name}_any or ({better}):")
        self.put(f"    {name} = np.int64({self.index.dim(s.place)})")
        self.put(f"    {name}_best = {name}_next")
        self.put(f"    {name}_any = True")

    def call(self, s: RoutineCall) -> None:
        if s.routine != "function":
            raise CompileError(
                f"{s.routine} has no form in a Python module",
                hint="write what it is used for without it, or keep graphc there",
            )
        arguments = [self.index.name(name) for name in self.program.lengths]
        for view in s.operands:
            whole = self.index.buffers[view.buffer].shape
            arguments.append(self.index.name(view.buffer) if whole else self.index.element(view.buffer, ()))
        results = [self.index.name(view.buffer) for view in s.results]
        self.put(f"{', '.join(results)}, = _{s.attrs[0]}({', '.join(arguments)})")


def numpy_type(dtype: DType) -> str:
    """NumPy's name of a type."""
    return "bool_" if dtype.kind == "b" else dtype.name


def plain_text(message: str) -> str:
    """A text as a literal."""
    return ascii(message)


def bare(text: str) -> str:
    """A text without the brackets around all of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return text[1:-1] if place == len(text) - 1 else text
    return text


_STATEMENTS: dict[type, Callable] = {
    Let: PythonFunction.let,
    Assign: PythonFunction.store,
    For: PythonFunction.loop,
    If: PythonFunction.branch,
    While: PythonFunction.repeat,
    Exit: PythonFunction.exit,
    Require: PythonFunction.require,
    Reduce: PythonFunction.reduce,
    Combine: PythonFunction.combine,
    RoutineCall: PythonFunction.call,
    Private: lambda writer, s: None,  # it has memory of the workspace
    Barrier: lambda writer, s: None,  # one thread alone runs
}

__all__ = ["PythonFunction", "numpy_type", "plain_text"]
