"""The loop IR's own text, read: what `printer.text` writes, for tests and for programs written by hand. Nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.compiler.loops.printer import INFIX
from graphc.compiler.loops.program import (
    Assign,
    Barrier,
    Buffer,
    BufferView,
    Combine,
    Conditions,
    Constant,
    Exit,
    For,
    Holds,
    If,
    Index,
    IndexValue,
    LengthCheck,
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
    apply,
)
from graphc.errors import ParseError
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.types import FLOAT64, DType

_OPERATIONS = {sign: op for op, sign in INFIX.items()}
_TYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
)
_NUMBER = re.compile(r"-?(?:inf|nan|\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?![\w])")
_NAME = re.compile(r"[A-Za-z_]\w*")
_TYPED = re.compile(r":(?=[a-z])")
_SIGN = re.compile(r" (<=|>=|==|!=|[-+*/<>&|]) ")


def parse(text: str) -> Program:
    """The program that a text means; raises `ParseError` with the line."""
    return _ProgramReader([line for line in text.splitlines() if line.strip()]).whole()


class _Cursor:
    """One line, read from the left."""

    def __init__(self, text: str, reader: _ProgramReader) -> None:
        self.text, self.at, self.reader = text, 0, reader

    def refuse(self, what: str) -> ParseError:
        return ParseError(f"{what} at {self.text[self.at :][:40]!r} in {self.text!r:.200}")

    def skip(self, token: str) -> bool:
        here = self.text.startswith(token, self.at)
        self.at += len(token) * here
        return here

    def need(self, token: str) -> None:
        if not self.skip(token):
            raise self.refuse(f"{token!r} is missing")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def name(self) -> str:
        word = self.match(_NAME)
        if word is None:
            raise self.refuse("a name is missing")
        return word

    def until(self, *ends: str) -> str:
        """The text up to one of some ends, brackets skipped."""
        depth, start = 0, self.at
        while self.at < len(self.text):
            if depth == 0 and any(self.text.startswith(end, self.at) for end in ends):
                break
            depth += (self.text[self.at] in "([") - (self.text[self.at] in ")]")
            self.at += 1
        return self.text[start : self.at]

    def dim(self, *ends: str) -> Dim:
        try:
            return dims.parse(self.until(*ends).strip())
        except ValueError as error:
            raise self.refuse(str(error)) from None

    def index(self) -> Index:
        """What stands in square brackets."""
        self.need("[")
        result: list[Dim] = []
        while not self.skip("]"):
            result.append(self.dim(",", "]"))
            self.skip(", ")
        return tuple(result)

    def conditions(self) -> Conditions:
        result = [self.dim(" >= 0")]
        self.need(" >= 0")
        while self.skip(" and "):
            result.append(self.dim(" >= 0"))
            self.need(" >= 0")
        return tuple(result)

    def dtype(self) -> DType:
        word = self.name()
        if word not in _TYPES:
            raise self.refuse(f"{word} is no type")
        return np.dtype(word)

    def view(self) -> BufferView:
        self.need("{")
        axes: list[tuple[str, Dim]] = []
        while not self.skip(": "):
            name = self.name()
            self.need(" < ")
            axes.append((name, self.dim(",", ":")))
            self.skip(", ")
        buffer, index = self.name(), self.index()
        self.need("}")
        return BufferView(tuple(axes), buffer, index)

    def attribute(self) -> Any:
        if self.skip("("):
            items: list[Any] = []
            while not self.skip(")"):
                items.append(self.attribute())
                self.need(", ")
            return tuple(items)
        if self.skip("<"):
            dim = self.dim(">")
            self.need(">")
            return dim
        if self.skip("'"):
            word = self.until("'")
            self.need("'")
            return word
        for word, value in (("None", None), ("True", True), ("False", False)):
            if self.skip(word):
                return value
        number = self.match(_NUMBER)
        if number is None:
            raise self.refuse("no static argument")
        return float(number) if set(number) & set(".einf") else int(number)

    # --- expressions ----------------------------------------------------------------------------------------------------------

    def scalar(self) -> Scalar:
        left = self.operand()
        sign = self.match(_SIGN)
        return left if sign is None else apply(_OPERATIONS[sign.strip()], left, self.operand())

    def operand(self) -> Scalar:
        if self.skip("<"):
            dim = self.dim(">")
            self.need(">")
            return IndexValue(dim)
        if self.skip("("):
            value = self.scalar()
            if self.skip(" if "):
                if not isinstance(value, Load):
                    raise self.refuse("a guard of what is no load")
                value = Load(value.buffer, value.index, value.dtype, self.conditions())
            self.need(")")
            return value
        number = self.match(_NUMBER)
        if number is not None:
            dtype = self.dtype() if self.match(_TYPED) else FLOAT64
            return Constant(float(number) if dtype.kind == "f" else int(number), dtype)
        word = self.name()
        if word in ("true", "false"):
            return Constant(word == "true", np.dtype(bool))
        if self.text.startswith("[", self.at):
            return Load(word, self.index(), self.reader.dtype_of(word, self))
        if not self.skip("("):
            return Ref(word, self.reader.dtype_of(word, self))
        if word == "holds":
            value: Scalar = Holds(self.conditions())
            self.need(")")
            return value
        operands: list[Scalar] = []
        while not self.skip(")"):
            operands.append(self.scalar())
            self.skip(", ")
        if word in _TYPES:
            return apply("astype", *operands, attrs=(word,))
        try:
            return apply(word, *operands)
        except KeyError:
            raise self.refuse(f"{word} is no operation") from None


class _ProgramReader:
    """The lines of a program."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.number = 0
        self.types: dict[str, DType] = {}

    def dtype_of(self, name: str, cursor: _Cursor) -> DType:
        if name not in self.types:
            raise cursor.refuse(f"{name} is not declared")
        return self.types[name]

    def next(self, indent: int) -> _Cursor | None:
        """The next line, where it stands at an indent of two blanks each."""
        if self.number == len(self.lines):
            return None
        line = self.lines[self.number]
        if len(line) - len(line.lstrip()) != 2 * indent:
            return None
        self.number += 1
        return _Cursor(line.strip(), self)

    def whole(self) -> Program:
        """A program behind the functions that it calls."""
        functions: list[Program] = []
        while self.number < len(self.lines) and self.lines[self.number].startswith("function "):
            functions.append(self.program("function"))
        program = self.program("program")
        if self.number != len(self.lines):
            raise ParseError(f"{self.lines[self.number]!r:.200} stands at no indent that is open")
        return replace(program, functions=tuple(functions))

    def program(self, kind: str) -> Program:
        head = self.next(0)
        if head is None:
            raise ParseError("no program")
        head.need(f"{kind} ")
        name = head.name()
        head.need("(")
        lengths: list[str] = []
        while not head.skip("):"):
            lengths.append(head.name())
            head.skip(", ")
        buffers: list[Buffer] = []
        checks: list[LengthCheck] = []
        while (line := self.next(1)) is not None:
            word = line.text.split(" ")[0].removesuffix(":")
            if word in ("input", "result", "state", "workspace", "constant"):
                line.need(f"{word} ")
                buffers.append(self.buffer(line, word))
            elif word == "check":
                checks.append(self.check(line))
            else:
                self.number -= 1
                break
        return Program(name, tuple(lengths), tuple(buffers), tuple(checks), self.body(1))

    def buffer(self, line: _Cursor, role: Any) -> Buffer:
        name = line.name()
        line.need(": ")
        dtype = line.dtype()
        self.types[name] = dtype
        shape = line.index()
        if role != "constant":
            return Buffer(name, dtype, shape, role)
        line.need(" =")
        listed = line.text[line.at :].strip()
        numbers = listed.split(", ") if listed else []
        values = [_Cursor(number, self).operand().value for number in numbers]  # type: ignore[union-attr]
        return Buffer(name, dtype, shape, role, np.array(values, dtype).reshape(shape))  # type: ignore[arg-type]

    def check(self, line: _Cursor) -> LengthCheck:
        line.need("check ")
        conditions = line.conditions()
        given = line.conditions() if line.skip(" if ") else ()
        line.need(": ")
        return LengthCheck(conditions, line.text[line.at :], given)

    def body(self, indent: int) -> tuple[Statement, ...]:
        result: list[Statement] = []
        while (line := self.next(indent)) is not None:
            word = line.text.split(" ")[0].removesuffix(":")
            rule = _STATEMENTS.get(word)
            if rule is not None:
                line.need(f"{word} " if line.text.startswith(f"{word} ") else line.text)
                result.append(rule(self, line, indent))
            else:
                result.append(self.assignment(line))
        return tuple(result)

    def assignment(self, line: _Cursor) -> Statement:
        name = line.name()
        index = line.index() if line.text.startswith("[", line.at) else ()
        if line.skip(" = "):
            return Assign(name, index, line.scalar())
        line.need(" <- ")
        value = line.scalar()
        place = line.dim("\n") if line.skip(" at ") else None
        return Combine(name, index, value, place)

    def loop(self, line: _Cursor, indent: int) -> For:
        index = line.name()
        line.need(" < ")
        extent = line.dim(" free", " fixed")
        order: Any = "free" if line.skip(" free") else "fixed"
        line.skip(" fixed")
        parallel, vector = line.skip(" parallel"), line.skip(" vector")
        line.need(":")
        return For(index, extent, order, self.body(indent + 1), parallel, vector)

    def reduce(self, line: _Cursor, indent: int) -> Reduce:
        target = line.name()
        line.need(": ")
        dtype = line.dtype()
        line.need(" = ")
        reducer = line.name()
        summation: Any = "compensated" if line.skip(" compensated") else "serial"
        line.skip(" serial")
        error = line.name() if line.skip(" with ") else None
        line.need(":")
        self.types.setdefault(target, dtype)
        return Reduce(target, dtype, reducer, summation, self.body(indent + 1), error)

    def let(self, line: _Cursor, indent: int) -> Let:
        name = line.name()
        line.need(": ")
        self.types[name] = line.dtype()
        line.need(" = ")
        return Let(name, line.scalar())

    def branch(self, line: _Cursor, indent: int) -> If:
        condition = line.scalar()
        line.need(":")
        return If(condition, self.body(indent + 1))

    def repeat(self, line: _Cursor, indent: int) -> While:
        return While(self.body(indent + 1))

    def exit(self, line: _Cursor, indent: int) -> Exit:
        line.need("unless ")
        return Exit(line.scalar())

    def require(self, line: _Cursor, indent: int) -> Require:
        condition = line.scalar()
        line.need(": ")
        return Require(condition, line.text[line.at :])

    def call(self, line: _Cursor, indent: int) -> RoutineCall:
        results = [line.view()]
        while line.skip(", "):
            results.append(line.view())
        line.need(" = ")
        routine = line.name()
        line.need("(")
        operands: list[BufferView] = []
        attrs: list[Any] = []
        while not line.skip(")"):
            if line.text.startswith("{", line.at):
                operands.append(line.view())
            else:
                attrs.append(line.attribute())
            line.skip(", ")
        return RoutineCall(routine, results[0], tuple(operands), tuple(attrs), tuple(results[1:]))


_STATEMENTS: dict[str, Callable[[_ProgramReader, _Cursor, int], Statement]] = {
    "for": _ProgramReader.loop,
    "reduce": _ProgramReader.reduce,
    "let": _ProgramReader.let,
    "if": _ProgramReader.branch,
    "require": _ProgramReader.require,
    "call": _ProgramReader.call,
    "private": lambda reader, line, indent: Private(reader.buffer(line, "workspace")),
    "while": _ProgramReader.repeat,
    "exit": _ProgramReader.exit,
    "barrier": lambda reader, line, indent: Barrier(),
}
