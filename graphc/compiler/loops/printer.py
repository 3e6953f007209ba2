"""Programs of the loop IR as text that one can read, and `parser.py` can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graphc.compiler.loops.program import (
    Apply,
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
)
from graphc.ir.dims import Name, Polynomial
from graphc.ir.types import FLOAT64, DType

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=", "equal": "==", "not_equal": "!=", "logical_and": "&", "logical_or": "|",
}  # fmt: skip
"""Operations that stand between their operands; in brackets, but for the outermost."""


def text(program: Program) -> str:
    """A program as text, the functions that it calls first."""
    parts = [_function(each, "function") for each in program.functions]
    return "\n".join([*parts, _function(program, "program")])


def _function(program: Program, kind: str) -> str:
    lines = [f"{kind} {program.name}({', '.join(program.lengths)}):"]
    lines += [f"  {each.role} {_buffer(each)}" for each in program.buffers]
    lines += [f"  {_check(check)}" for check in program.checks]
    return "\n".join([*lines, *_block(program.body, "  ")])


def _buffer(buffer: Buffer) -> str:
    held = ""
    if buffer.role == "constant":
        values = np.asarray(buffer.values).reshape(-1)
        held = f" = {', '.join(_number(value, buffer.dtype) for value in values)}"
    return f"{buffer.name}: {buffer.dtype}[{_dims(buffer.shape)}]{held}"


def _check(check: LengthCheck) -> str:
    given = f" if {conditions(check.given)}" if check.given else ""
    return f"check {conditions(check.conditions)}{given}: {check.message}"


def _dims(shape: Index) -> str:
    return ", ".join(map(str, shape))


def conditions(dims: Conditions) -> str:
    """Conditions as text."""
    return " and ".join(f"{dim} >= 0" for dim in dims)


def _block(body: tuple[Statement, ...], indent: str) -> Iterator[str]:
    for statement in body:
        match statement:
            case For(index, extent, order, inner, parallel, vector):
                hints = f"{' parallel' if parallel else ''}{' vector' if vector else ''}"
                yield f"{indent}for {index} < {extent} {order}{hints}:"
                yield from _block(inner, indent + "  ")
            case Reduce(target, dtype, reducer, summation, inner, error):
                beside = f" with {error}" if error else ""
                yield f"{indent}reduce {target}: {dtype} = {reducer} {summation}{beside}:"
                yield from _block(inner, indent + "  ")
            case While(inner):
                yield f"{indent}while:"
                yield from _block(inner, indent + "  ")
            case If(condition, inner):
                yield f"{indent}if {scalar(condition)}:"
                yield from _block(inner, indent + "  ")
            case _:
                yield indent + _line(statement)


def _line(statement: Statement) -> str:
    match statement:
        case Let(name, value):
            return f"let {name}: {value.dtype} = {scalar(value)}"
        case Assign(buffer, index, value):
            return f"{buffer}[{_dims(index)}] = {scalar(value)}"
        case Combine(target, index, value, place):
            at = "" if place is None else f" at {place}"
            element = f"{target}[{_dims(index)}]" if index else target
            return f"{element} <- {scalar(value)}{at}"
        case Private(buffer):
            return f"private {_buffer(buffer)}"
        case Require(condition, message):
            return f"require {scalar(condition)}: {message}"
        case Exit(condition):
            return f"exit unless {scalar(condition)}"
        case Barrier():
            return "barrier"
        case RoutineCall(routine, _, operands, attrs):
            listed = ", ".join([*map(view, operands), *map(attribute, attrs)])
            return f"call {', '.join(map(view, statement.results))} = {routine}({listed})"
    raise AssertionError(statement)


def view(x: BufferView) -> str:
    """A view as text: the whole of a buffer is its name, and the axes of other views are declared."""
    axes = ", ".join(f"{name} < {extent}" for name, extent in x.axes)
    return f"{{{axes}: {x.buffer}[{_dims(x.index)}]}}"


def attribute(value: Any) -> str:
    """A static argument as text; lengths in braces."""
    if isinstance(value, tuple):
        return f"({''.join(attribute(item) + ', ' for item in value)})"
    if isinstance(value, (Name, Polynomial)):
        return f"<{value}>"
    return repr(value)


def scalar(x: Scalar, outermost: bool = True) -> str:
    """An expression as text."""
    match x:
        case Constant(value, dtype):
            return _number(value, dtype)
        case IndexValue(dim):
            return f"<{dim}>"
        case Holds(held):
            return f"holds({conditions(held)})"
        case Ref(name):
            return name
        case Load(buffer, index, _, guard):
            element = f"{buffer}[{_dims(index)}]"
            return f"({element} if {conditions(guard)})" if guard else element
        case Apply(op, operands, attrs):
            if op in INFIX:
                a, b = (scalar(operand, False) for operand in operands)
                return f"{a} {INFIX[op]} {b}" if outermost else f"({a} {INFIX[op]} {b})"
            if op == "astype":
                return f"{attrs[0]}({scalar(operands[0])})"
            return f"{op}({', '.join([scalar(operand) for operand in operands])})"
    raise AssertionError(x)


def _number(value: Any, dtype: DType) -> str:
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind == "f":
        number = repr(float(value))
        return number if dtype == FLOAT64 else f"{number}:{dtype.name}"
    return f"{int(value)}:{dtype.name}"
