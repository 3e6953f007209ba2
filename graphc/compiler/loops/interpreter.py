"""The loop IR interpreted, element by element, over NumPy's buffers: the oracle between graph and machine code.

Every element is written before it is read, and every index is within its axis, or this interpreter says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
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
from graphc.errors import InputError, InternalError, ShapeError
from graphc.ir import dims
from graphc.ir.attribute_text import bound
from graphc.ir.op import lookup


def run(program: Program, arguments: Mapping[str, Any], lengths: Mapping[str, int]) -> list[np.ndarray]:
    """The results of a program, in order; buffers of the role "state" among the arguments are written.

    arguments : the name of an input or a state → its array

    Raises `ShapeError` for lengths that its checks refuse, `InputError` for values that it refuses itself, and `InternalError`
    for an index outside of its axis, or an element that is read and was never written.
    """
    for check in program.checks:
        if _all(check.given, lengths) and not _all(check.conditions, lengths):
            raise ShapeError(check.message)
    machine = _Machine(dict(lengths), program)
    for buffer in program.buffers:
        machine.declare(buffer)
        if buffer.role in ("input", "state"):
            machine.memory[buffer.name] = arguments[buffer.name]
        elif buffer.role == "constant":
            machine.memory[buffer.name] = np.asarray(buffer.values)
        if buffer.role in ("input", "state", "constant"):
            machine.written[buffer.name][...] = True
    with np.errstate(all="ignore"):
        machine.run(program.body)
    results = program.of_role("result")
    for buffer in results:
        if not machine.written[buffer.name].all():
            raise InternalError(f"{buffer.name} has elements that were never written")
    return [machine.memory[buffer.name] for buffer in results]


def _all(conditions: Conditions, names: Mapping[str, int]) -> bool:
    # one after the other: a later one may divide by what an earlier one excludes
    return all(dims.evaluate(dim, names) >= 0 for dim in conditions)


class _Left(Exception):
    """The innermost loop of no known length ends."""


class _Machine:
    """Memory, names, and what was written.

    names : lengths, indices and integers that were named; values : all that was named
    best : of a reduction to a place, the value there
    """

    def __init__(self, names: dict[str, int], program: Program) -> None:
        self.names, self.program = names, program
        self.values: dict[str, Any] = {}
        self.memory: dict[str, np.ndarray] = {}
        self.written: dict[str, np.ndarray] = {}
        self.reductions: dict[str, Reduce] = {}
        self.errors: dict[str, Any] = {}
        self.best: dict[str, Any] = {}

    def declare(self, buffer: Buffer) -> None:
        shape = bound(buffer.shape, self.names)
        self.memory[buffer.name] = np.zeros(shape, buffer.dtype)
        self.written[buffer.name] = np.zeros(shape, bool)

    def place(self, buffer: str, index: Index) -> tuple[int, ...]:
        place = tuple([dims.evaluate(dim, self.names) for dim in index])
        shape = self.memory[buffer].shape
        if len(place) != len(shape) or not all(0 <= k < n for k, n in zip(place, shape, strict=True)):
            raise InternalError(f"{buffer}{list(index)} is {place}, outside of {shape}")
        return place

    # --- statements -----------------------------------------------------------------------------------------------------------

    def run(self, body: tuple[Statement, ...]) -> None:
        for statement in body:
            self.step(statement)

    def step(self, statement: Statement) -> None:
        match statement:
            case Let(name, value):
                self.bind(name, self.scalar(value))
            case Assign(buffer, index, value):
                self.store(buffer, self.place(buffer, index), self.scalar(value))
            case For(index, extent, _, body):
                for k in range(dims.evaluate(extent, self.names)):
                    self.names[index] = k
                    self.run(body)
            case Reduce():
                self.reduce(statement)
            case Combine():
                self.combine(statement)
            case If(condition, body):
                if self.scalar(condition):
                    self.run(body)
            case While(body):
                try:
                    while True:
                        self.run(body)
                except _Left:
                    pass
            case Exit(condition):
                if not self.scalar(condition):
                    raise _Left
            case Private(buffer):
                self.declare(buffer)
            case RoutineCall():
                self.call(statement)
            case Require(condition, message):
                if not self.scalar(condition):
                    raise InputError(message)
            case Barrier():
                pass

    def bind(self, name: str, value: Any) -> None:
        self.values[name] = value
        if value.dtype.kind in "iu":
            self.names[name] = int(value)

    def store(self, buffer: str, place: tuple[int, ...], value: Any) -> None:
        self.memory[buffer][place] = value
        self.written[buffer][place] = True

    def reduce(self, statement: Reduce) -> None:
        target, reducer = statement.target, lookup(statement.reducer).reducer
        assert reducer is not None
        whole = target in self.memory
        start = np.array(0 if reducer.of_places else reducer.identity(statement.dtype), statement.dtype)
        shape = self.memory[target].shape if whole else ()
        saved = self.reductions.get(target)
        self.reductions[target] = statement
        self.errors[target] = np.zeros(shape, statement.dtype)
        self.best.pop(target, None)
        if whole:
            self.memory[target][...] = start
            self.written[target][...] = True
        else:
            self.bind(target, start[()])
        self.run(statement.body)
        if statement.summation == "compensated":
            total = self.memory[target] if whole else self.values[target]
            error = self.errors[target]
            total = np.where(np.isfinite(error) & (error != 0), total + error, total)[()]
            if whole:
                self.memory[target][...] = total
            else:
                self.bind(target, total)
        if saved is not None:
            self.reductions[target] = saved

    def combine(self, statement: Combine) -> None:
        target, reduction = statement.target, self.reductions[statement.target]
        reducer = lookup(reduction.reducer).reducer
        assert reducer is not None
        value = self.scalar(statement.value)
        if reducer.of_places:
            assert statement.place is not None
            best = self.best.get(target)
            if best is None or _preferred(reducer, value, best):
                self.best[target] = value
                self.bind(target, np.int64(dims.evaluate(statement.place, self.names)))
            return
        whole = target in self.memory
        place = self.place(target, statement.index) if whole else ()
        old = self.memory[target][place] if whole else self.values[target]
        new = lookup(reducer.combine).reference(old, value)
        new = np.asarray(new).astype(reduction.dtype)[()]
        if reduction.summation == "compensated":
            large, small = (old, value) if abs(old) >= abs(value) else (value, old)
            self.errors[target][place] += (large - new) + small
        if whole:
            self.store(target, place, new)
        else:
            self.bind(target, new)

    def function(self, statement: RoutineCall) -> None:
        """A function of the program's own, in memory of its own."""
        own = self.program.called(statement)
        place = self.program.functions.index(own)
        inputs = [each.name for each in own.of_role("input")]
        given = {
            name: np.asarray(self.gathered(view))
            for name, view in zip(inputs, statement.operands, strict=True)
        }
        lengths = {name: self.names[name] for name in own.lengths}
        values = run(replace(own, functions=self.program.functions[:place]), given, lengths)
        for view, value in zip(statement.results, values, strict=True):
            for key in self.indices(view):
                self.store(view.buffer, self.place(view.buffer, view.index), value[key])

    def call(self, statement: RoutineCall) -> None:
        if statement.routine == "function":
            self.function(statement)
            return
        reference = lookup(statement.routine).reference
        operands = [self.gathered(view) for view in statement.operands]
        value = np.asarray(reference(*operands, *bound(statement.attrs, self.names)))
        shape = bound(statement.result.shape, self.names)
        if value.shape != shape:
            raise InternalError(f"{statement.routine} gave {value.shape}, not {shape}")
        for key in self.indices(statement.result):
            self.store(
                statement.result.buffer,
                self.place(statement.result.buffer, statement.result.index),
                value[key],
            )

    def indices(self, view: BufferView):
        """Every index of a view, its axes' names bound to it."""
        shape = bound(view.shape, self.names)
        for key in product(*map(range, shape)):
            self.names.update(zip([name for name, _ in view.axes], key, strict=True))
            yield key

    def gathered(self, view: BufferView) -> Any:
        shape = bound(view.shape, self.names)
        result = np.empty(shape, self.memory[view.buffer].dtype)
        for key in self.indices(view):
            result[key] = self.element(view.buffer, view.index)
        return result[()]

    # --- values ---------------------------------------------------------------------------------------------------------------

    def element(self, buffer: str, index: Index) -> Any:
        place = self.place(buffer, index)
        if not self.written[buffer][place]:
            raise InternalError(f"{buffer}{list(place)} is read and was never written")
        return self.memory[buffer][place]

    def scalar(self, x: Scalar) -> Any:
        match x:
            case Constant(value, dtype):
                return dtype.type(value)
            case IndexValue(dim):
                return np.int64(dims.evaluate(dim, self.names))
            case Holds(conditions):
                return np.bool_(_all(conditions, self.names))
            case Ref(name):
                return self.values[name]
            case Load(buffer, index, dtype, guard):
                return self.element(buffer, index) if _all(guard, self.names) else dtype.type(0)
            case Apply(op, operands, attrs, dtype):
                # of vectors: of numbers NumPy may compute another thing, as √x for x ** 0.5
                rows = [np.reshape(self.scalar(operand), 1) for operand in operands]
                return np.asarray(lookup(op).reference(*rows, *attrs)).astype(dtype)[0]
        raise AssertionError(x)


def _preferred(reducer: Any, new: Any, best: Any) -> bool:
    """Whether a value is chosen rather than the best before it: the first NaN, else the first that no other one exceeds."""
    if new.dtype.kind == "f" and np.isnan(new):
        return not np.isnan(best)
    return bool(new > best if reducer.combine == "maximum" else new < best)
