"""The loop IR as data: frozen, without behaviour.

A `Program` has lengths (its named dimensions), buffers, checks of lengths, and statements. An index is a dimension polynomial
over lengths, loop indices and integers that a `Let` has named, one for each axis of a buffer. Scalar expressions apply the
operations of graphc's table (`graphc.ir.op`) to loads, constants and named values; all of them are strict, and a load that must
not always happen has a guard: conditions, each a polynomial that is to be at least 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any, Literal, TypeAlias

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.op import lookup
from graphc.ir.types import BOOL, INT64, DType, Shape
from graphc.util.records import dataclass

Index: TypeAlias = tuple[Dim, ...]
"""The place of an element: a polynomial for each axis."""

Conditions: TypeAlias = tuple[Dim, ...]
"""Polynomials that are all at least 0."""

Role = Literal["input", "result", "state", "workspace", "constant"]
Order = Literal["free", "fixed"]
Summation = Literal["serial", "compensated"]

# --- scalar expressions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Constant:
    """A number."""

    value: Any
    dtype: DType


@dataclass(frozen=True)
class IndexValue:
    """The value of an index polynomial, an int64."""

    dim: Dim

    @property
    def dtype(self) -> DType:
        return INT64


@dataclass(frozen=True)
class Holds:
    """Whether conditions hold, all of them."""

    conditions: Conditions

    @property
    def dtype(self) -> DType:
        return BOOL


@dataclass(frozen=True)
class Ref:
    """What a `Let` has named, or the result of a `Reduce` that is no buffer."""

    name: str
    dtype: DType


@dataclass(frozen=True)
class Load:
    """An element of a buffer; where the guard does not hold nothing is read, and it is 0."""

    buffer: str
    index: Index
    dtype: DType
    guard: Conditions = ()


@dataclass(frozen=True)
class Apply:
    """An operation that works element by element, on operands of the types that it computes in."""

    op: str
    operands: tuple[Scalar, ...]
    attrs: tuple[Any, ...]
    dtype: DType


Scalar: TypeAlias = "Constant | IndexValue | Holds | Ref | Load | Apply"


def apply(op: str, *operands: Scalar, attrs: tuple[Any, ...] = ()) -> Apply:
    """An operation applied, with the result's type by its declaration."""
    if op == "astype":
        return Apply(op, operands, attrs, np.dtype(attrs[0]))
    return Apply(op, operands, attrs, lookup(op).types(tuple([x.dtype for x in operands]))[1])


def cast(x: Scalar, dtype: DType) -> Scalar:
    """A value as another type."""
    return x if x.dtype == dtype else apply("astype", x, attrs=(dtype.name,))


# --- statements ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Buffer:
    """Memory in the order of rows.

    role : "state" is an input that gets a new value; "constant" has its values here
    """

    name: str
    dtype: DType
    shape: Shape
    role: Role
    values: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class BufferView:
    """ElementWriter of a buffer as an array of other axes: its element (a, b, …) is that of the buffer at `index`."""

    axes: tuple[tuple[str, Dim], ...]
    buffer: str
    index: Index

    @property
    def shape(self) -> Shape:
        return tuple([extent for _, extent in self.axes])


@dataclass(frozen=True)
class Let:
    """A name for a value; one of an integer may stand in indices."""

    name: str
    value: Scalar


@dataclass(frozen=True)
class Assign:
    """An element is written."""

    buffer: str
    index: Index
    value: Scalar


@dataclass(frozen=True)
class For:
    """The index goes from 0 up to the extent.

    order : "free" where the passes may run in any order, as none reads or writes what another one writes; else "fixed"
    parallel : whether threads are to share the passes; vector : whether they are to become vectors. Hints, for free ones alone.
    """

    index: str
    extent: Dim
    order: Order
    body: tuple[Statement, ...]
    parallel: bool = False
    vector: bool = False


@dataclass(frozen=True)
class Reduce:
    """What the `Combine`s in the body hand over becomes one value, or one for each element of a buffer.

    target : the name of the value, or of the buffer; before the first it is the reducer's identity
    reducer : the name of the operation that declares identity and combination
    summation : "serial" combines one after the other; "compensated" adds up what rounding takes from a sum beside it (Neumaier),
        and adds that at the end
    error : the buffer in which that is added up, where the target is one
    """

    target: str
    dtype: DType
    reducer: str
    summation: Summation
    body: tuple[Statement, ...]
    error: str | None = None


@dataclass(frozen=True)
class Combine:
    """A value for the `Reduce` around it whose target is so called.

    index : of the element, where the target is a buffer; place : of the value, for reducers whose result is a place
    """

    target: str
    index: Index
    value: Scalar
    place: Dim | None = None


@dataclass(frozen=True)
class If:
    """The body where the condition holds."""

    condition: Scalar
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class While:
    """The body again and again, until an `Exit` in it ends that."""

    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Exit:
    """The innermost `While` around it ends where the condition does not hold."""

    condition: Scalar


@dataclass(frozen=True)
class Private:
    """A buffer that each pass of the loop around it has for itself."""

    buffer: Buffer


@dataclass(frozen=True)
class RoutineCall:
    """A routine: what an operation on whole arrays is of its operands, written to views that share no memory with them.

    routine : the operation; "function" one of the program's own, whose name is the attribute, of whole buffers
    more : where a function has several results, those behind the first
    """

    routine: str
    result: BufferView
    operands: tuple[BufferView, ...]
    attrs: tuple[Any, ...]
    more: tuple[BufferView, ...] = ()

    @property
    def results(self) -> tuple[BufferView, ...]:
        """What is written."""
        return (self.result, *self.more)

    @property
    def views(self) -> tuple[BufferView, ...]:
        """All that is read and written."""
        return (*self.results, *self.operands)


@dataclass(frozen=True)
class Require:
    """The program ends with an error where a value is false: before it has written to any state."""

    condition: Scalar
    message: str


@dataclass(frozen=True)
class Barrier:
    """What comes after it reads what other threads have written before it."""


Statement: TypeAlias = (
    "Let | Assign | For | Reduce | Combine | If | While | Exit | Private | RoutineCall | Require | Barrier"
)


@dataclass(frozen=True)
class LengthCheck:
    """What lengths must be: the conditions, wherever those of `given` hold."""

    conditions: Conditions
    message: str
    given: Conditions = ()


@dataclass(frozen=True)
class Program:
    """A function of buffers.

    lengths : the names of its dimensions, in order of their parameters
    buffers : inputs first, in the order of the parameters
    functions : programs that this one calls, each behind those that it calls itself; they take all of the lengths
    """

    name: str
    lengths: tuple[str, ...]
    buffers: tuple[Buffer, ...]
    checks: tuple[LengthCheck, ...]
    body: tuple[Statement, ...]
    functions: tuple[Program, ...] = ()

    def of_role(self, *roles: Role) -> tuple[Buffer, ...]:
        """The buffers of some roles, in order."""
        return tuple([buffer for buffer in self.buffers if buffer.role in roles])

    def called(self, call: RoutineCall) -> Program:
        """The function that a call is of."""
        return next(each for each in self.functions if each.name == call.attrs[0])


NESTING = (For, Reduce, If, While)
"""The statements that have others inside."""


def body_of(statement: Statement) -> tuple[Statement, ...]:
    """The statements inside of one."""
    return statement.body if isinstance(statement, NESTING) else ()


def scalars_of(statement: Statement) -> tuple[Scalar, ...]:
    """The expressions that a statement itself holds."""
    if isinstance(statement, (Let, Assign, Combine)):
        return (statement.value,)
    return (statement.condition,) if isinstance(statement, (If, Require, Exit)) else ()


def walk_scalar(x: Scalar) -> Iterator[Scalar]:
    """An expression and all that it is made of."""
    waiting = [x]
    while waiting:
        x = waiting.pop()
        yield x
        if isinstance(x, Apply):
            waiting += x.operands


def walk_statements(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Statements and all inside of them, in order."""
    for statement in body:
        yield statement
        yield from walk_statements(body_of(statement))


def dims_of(statement: Statement) -> Iterator[Dim]:
    """The polynomials that a statement itself holds, those in its expressions included."""
    if isinstance(statement, (Assign, Combine)):
        yield from statement.index
    if isinstance(statement, Combine) and statement.place is not None:
        yield statement.place
    if isinstance(statement, For):
        yield statement.extent
    if isinstance(statement, Private):
        yield from statement.buffer.shape
    if isinstance(statement, RoutineCall):
        for view in statement.views:
            yield from view.shape
            yield from view.index
    for scalar in scalars_of(statement):
        for x in walk_scalar(scalar):
            if isinstance(x, Load):
                yield from (*x.index, *x.guard)
            elif isinstance(x, IndexValue):
                yield x.dim
            elif isinstance(x, Holds):
                yield from x.conditions
