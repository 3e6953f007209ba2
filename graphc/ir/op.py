"""Operations: one frozen declaration each, and the registry of them.

Everything graphc knows of an operation stands on its `Op`: how it is written, typed, differentiated, computed by
NumPy, lowered to machine code, drawn and printed, and which algebraic facts hold of it. This module is pure
data: it imports no expression and no other package.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Literal

import numpy as np

from graphc.errors import DefinitionError
from graphc.ir.declared import declare_all as declare_all
from graphc.ir.no_partial import NoPartial as NoPartial
from graphc.ir.ranges import Range
from graphc.ir.types import DType, TypeRule
from graphc.util.records import dataclass

Partial = Callable[..., Any]
"""(output, *operands) → ∂output/∂operand, in user syntax; a Python number stands for a constant derivative."""

Pullback = Callable[..., Any]
"""(adjoint, output, *operands, *attributes) → what goes back to one operand, in user syntax and of its shape."""

ATOM, POWER, UNARY, PRODUCT, SUM, AND, XOR, OR, COMPARISON = 100, 90, 80, 70, 60, 58, 56, 54, 50
"""How tightly printed forms bind. In Python & binds tighter than <, so the logicals ask ATOM of their operands."""


@dataclass(frozen=True)
class Notation:
    """How an operation is printed.

    In the templates `[0]` stands for operand 0, bracketed where its own form binds less tightly than needed, and
    `<0>` for operand 0 where nothing can be misread, as inside the braces of a fraction.

    label : in a diagram's node
    text : template in the grammar of `parse`; None prints a call, `name(a, b)`
    latex : template in LaTeX; None prints an upright name and a bracket
    precedence : how tightly the text binds; `latex_precedence` where LaTeX differs
    left, right : the least precedence that the first and the later operands may have without brackets
    """

    label: str
    text: str | None = None
    latex: str | None = None
    precedence: int = ATOM
    left: int = 0
    right: int = 0
    latex_precedence: int | None = None


@dataclass(frozen=True)
class Facts:
    """Algebraic facts about a real function. Each is property-tested at 0, ±inf, NaN and the ends of the range.

    commutative : f(x, y) = f(y, x), to the bit
    associative : over the reals (rounding breaks it in floating point)
    identity : the value e with f(x, e) = x, and f(e, x) = x when commutative, to the bit
    idempotent : f(f(x)) = f(x), or f(x, x) = x for two operands, to the bit
    involution : f(f(x)) = x, to the bit
    inverse : name of the operation g with g(f(x)) = x over the reals
    parity : f(−x) = −f(x) or f(−x) = f(x), to the bit
    monotone : f is nondecreasing (+1) or nonincreasing (−1) on its domain
    bounded_slope : whether its partials are finite for all operands but NaN, infinite ones included
    range : the interval that holds every result but NaN
    nan : where it is NaN of operands that are not: "never"; "infinite", for infinite operands at most; (low, high), where its one
        operand lies outside of that interval. What says nothing must be taken to be NaN "anywhere".
    bounds : (*ranges of the operands) → the range of the results, NaN included, where that follows neither from `monotone` nor
        from `range` and `nan`; an operation on arrays gets the ranges of its float operands' elements
    """

    commutative: bool = False
    associative: bool = False
    identity: float | None = None
    idempotent: bool = False
    involution: bool = False
    inverse: str | None = None
    parity: Literal["odd", "even"] | None = None
    monotone: Literal[-1, 0, 1] = 0
    bounded_slope: bool = False
    range: tuple[float, float] = (-np.inf, np.inf)
    nan: Literal["anywhere", "never", "infinite"] | tuple[float, float] = "anywhere"
    bounds: Callable[..., Range] | None = None


@dataclass(frozen=True)
class Kink:
    """A point where the function is not smooth, and what graphc answers for its partials there."""

    at: tuple[float, ...]
    partials: tuple[float, ...]
    why: str


@dataclass(frozen=True)
class Reducer:
    """How a reduction is put together from elements: what its loops, and those that add up partial results, are written from.

    identity : dtype → the value that changes nothing
    combine : name of the operation of elements that makes one of two results
    emit : (builder, x, y) → the machine code of that, where it is not the operation's own
    packed : whether that code works on vectors of floats as well: +, ×, −x, comparisons, ∧, ∨ and choices alone. Floats are then
        reduced in a fixed number of accumulators; else one after the other.
    compensated : whether what rounding takes from blocks of floats is added up beside them, as for a sum
    prefers : (builder, x, y) → whether x is to be chosen rather than y that stands before it: the result is a place, the first
        that no other is preferred to, or that of the first NaN
    along_axes : whether the operation reduces its one operand along its first attribute, `axis`; else it is one whose partial
        results, of parts of a batch, are put together so
    """

    identity: Callable[[DType], Any]
    combine: str
    emit: Callable[..., Any] | None = None
    packed: bool = False
    compensated: bool = False
    prefers: Callable[..., Any] | None = None
    along_axes: bool = True

    @property
    def of_places(self) -> bool:
        """Whether the result is a place rather than an element or what became of all of them."""
        return self.prefers is not None


NO_DEFAULT: Any = object()
"""Stands for the default of an attribute that must be given."""


@dataclass(frozen=True)
class Attribute:
    """A static argument of an operation on arrays: part of the node, not an operand.

    name : of the keyword
    check : (name, value, operands) → the value in its one form, hashable; raises a `GraphcError` that names the attribute
    default : where it may be left out
    text : whether it is a text, which is printed in quotes and before the operands
    shown : whether it is printed: what follows from the operands, or would fill pages, is not
    """

    name: str
    check: Callable[[str, Any, tuple[Any, ...]], Any]
    default: Any = NO_DEFAULT
    text: bool = False
    shown: bool = True

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is NO_DEFAULT


@dataclass(frozen=True, eq=False)
class Op:
    """The declaration of one operation.

    name : the public name, NumPy's or the array API's where those have it
    params : the operands' names; `defaults` gives values to the last of them
    summary : the first line of the documentation; `notes` the rest: conventions, sources
    types : operand dtypes → the dtypes computed in and the result's dtype
    reference : the NumPy function: the interpreter's meaning of the operation, and an oracle of the tests
    formula : (sympy, *symbols) → SymPy expression: the definition on the smooth real `domain`
    domain : for each operand the interval in which the formula is real and smooth and tests draw their samples
    partials : for each operand a `Partial`, or None where the derivative is zero everywhere it exists;
        None as a whole where the operation is not differentiable (its result is a boolean, say)
    live : for each operand None, or (output, *operands) → the condition under which the result depends on it:
        what makes an operation a branch. The partial is then the derivative where the condition holds; elsewhere
        it is 0, and differentiation ignores whatever the branch not taken yields.
    emit : (builder, *values) → value: the machine code of one element
    expand : (*operands) → expression in user syntax that is lowered in its place, when there is no `emit`; beside an `emit` it
        serves processors that cannot run graphc's own functions
    ulps : bound on the error of the machine code for float64, in units in the last place of the exact result
    ulps_of_operands : whether `ulps` counts units of the largest operand where that exceeds the result: its formula is a
        sum that may cancel, so no bound in units of the result holds for all operands
    reference_ulps : bound on the error of the reference, where a library is less exact than ulps + 1; for float64
    ufuncs : the NumPy ufuncs that build this operation when they meet an expression
    sympy : the names of the SymPy functions that become this operation
    operator : the Python operator, for the reference page
    smooth_at : (*values) → whether a sample inside `domain` is a smooth point (None: all are)

    Operations on arrays, as `sum` and `matmul`, are those with a rule for shapes. Theirs are:

    shape : (operands, *attributes) → the result's shape; raises `ShapeError` where the expression is written
    attributes : static arguments, in the order in which they are written
    dtype : (operands, *attributes) → the result's dtype, where it is not what `types` says
    variadic : whether there may be any number of operands, one at least; `params` then names them all
    pullbacks : for each operand a `Pullback`, or None where the derivative is zero; of a variadic operation one function
        (adjoint, output, operands, slot, *attributes). Without them the derivative is that of `expand`.
    linear : "jointly" where the operation is a linear map of all its float operands together (`concat`), "each" where it is
        one of each alone (`matmul`): the derivative along a direction is then the operation itself. Else it is the pullback,
        transposed.
    moves : whether each element of the result is a sum of some elements of the operands, so that it knows of them what it
        depends on; for branches
    leaves_out : whether there may be elements of an operand that the result does not depend on, or (operands, slot, *attributes)
        → that. What goes back for an adjoint of ones is then 0 there, and more than 0 elsewhere.
    fills : whether there may be elements of the result that depend on no operand
    picks : whether what goes back is such a sum too, if one of shares above 0, of elements that are chosen by their values
    reads : (used, output, operands, slot, *attributes) → the condition under which the used elements of the result depend on an
        element of an operand; None where they all may. `used` is a condition of the result's shape, or None for all.
    keeps : (operands, slot, *attributes) → for each axis of an operand the axis of the result that it becomes, None for one that
        is mixed (ops/support/kept_axes.py); for what does more than move elements
    batch : what `vmap` makes of it where it does not follow from `axis` or `expand`: "stacks" where axes in front of the last are
        batches already, or (batch, operands, batched, *attributes) → expression, with the batch's axis in front
        (ops/support/vmap_rules.py)
    numpy : the NumPy functions that build this operation when they meet an expression

    What the compiler knows of it besides its machine code:

    nanoseconds : what one element of float64 takes on one core, in vectors and in cache; the default is that of an instruction
        or two
    texts : language ("python", "javascript") → the function that computes it there: a name that the language or the target's
        own functions have, as `Math.exp`, or the definition of a function. Without one it is its `expand`, or its `emit` where
        that is made of instructions alone.
    library : what its machine code calls a compiled function of, "scipy": text in other languages and object files refuse it
    scipy : the functions of `scipy.special` that build it when they meet an expression, by name
    reducer : of a reduction that is a loop of its own, and of what adds up partial results: how two results become one
    refuses : of an operation on arrays that is a call of a library, whether that may refuse operands for their values, as a
        solver does a singular matrix; what says nothing must be taken to
    control : of a loop or branch that owns bodies, (values of the operands, *attributes but the last) → the values of all
        its results; a node is the one that its last attribute, `result`, is the number of
    """

    name: str
    params: tuple[str, ...]
    summary: str
    types: TypeRule
    reference: Callable[..., Any]
    notation: Notation
    formula: Callable[..., Any] | None = None
    domain: tuple[tuple[float, float], ...] = ()
    partials: tuple[Partial | None, ...] | None = None
    live: tuple[Partial | None, ...] | None = None
    emit: Callable[..., Any] | None = None
    expand: Callable[..., Any] | None = None
    defaults: tuple[float, ...] = ()
    facts: Facts = field(default_factory=Facts)
    specials: tuple[tuple[tuple[float, ...], float], ...] = ()
    kinks: tuple[Kink, ...] = ()
    ulps: float = 1.0
    ulps_of_operands: bool = False
    reference_ulps: float | None = None
    ufuncs: tuple[np.ufunc, ...] = ()
    sympy: tuple[str, ...] = ()
    operator: str | None = None
    smooth_at: Callable[..., bool] | None = None
    notes: str = ""
    category: str = "elementwise"
    user_defined: bool = False
    shape: Callable[..., Any] | None = None
    attributes: tuple[Attribute, ...] = ()
    dtype: Callable[..., Any] | None = None
    variadic: bool = False
    pullbacks: tuple[Pullback | None, ...] | Pullback | None = None
    linear: Literal["jointly", "each"] | None = None
    moves: bool = False
    leaves_out: bool | Callable[..., bool] = False
    fills: bool = False
    picks: bool = False
    reads: Callable[..., Any] | None = None
    keeps: Callable[..., Any] | None = None
    batch: Literal["stacks"] | Callable[..., Any] | None = None
    numpy: tuple[Callable[..., Any], ...] = ()
    nanoseconds: float = 0.12
    texts: Mapping[str, str] = field(default_factory=dict)
    library: str = ""
    scipy: tuple[str, ...] = ()
    reducer: Reducer | None = None
    refuses: bool = True
    control: Callable[..., Any] | None = None
    number: int = field(default_factory=itertools.count().__next__, init=False)
    """Which declaration this is, for the table of nodes."""

    @property
    def arity(self) -> int:
        return len(self.params)

    @property
    def label(self) -> str:
        return self.notation.label

    @property
    def is_leaf(self) -> bool:
        return not self.params and self.shape is None

    @property
    def on_arrays(self) -> bool:
        """Whether it is an operation on whole arrays; the others work element by element."""
        return self.shape is not None

    @property
    def differentiable(self) -> bool:
        """Whether it has derivatives; where it is constant they are 0."""
        if self.shape is None:
            return self.partials is not None
        return self.pullbacks is not None or self.expand is not None

    @property
    def reduces(self) -> Reducer | None:
        """How it reduces its operand along axes in a loop of its own; None where it does not."""
        return self.reducer if self.reducer is not None and self.reducer.along_axes else None

    def takes(self, count: int) -> bool:
        """Whether it is applied to so many operands."""
        return count >= 1 if self.variadic else count == len(self.params)

    def __repr__(self) -> str:
        return f"<Op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # a declaration holds functions: what travels is the name, looked up where it arrives
        return (lookup, (self.name,))


_REGISTRY: dict[str, Op] = {}

_CONTROL: dict[str, Op] = {}
"""Loops and branches: they are made of operations, and are none that a formula applies by name."""


def register(op: Op) -> Op:
    """Add a declaration to the registry; raises `DefinitionError` when it contradicts itself or one that is there."""
    if op.name in _REGISTRY or op.name in _CONTROL:
        raise DefinitionError(f"operation {op.name!r} is already declared", hint="choose another name")
    if not op.name.isidentifier():
        raise DefinitionError(f"operation name {op.name!r} is not an identifier")
    for what, value in (("partials", op.partials), ("live", op.live)):
        if value is not None and len(value) != op.arity:
            raise DefinitionError(f"operation {op.name!r} has {op.arity} operands but {len(value)} {what}")
    if not op.is_leaf and op.emit is None and op.expand is None and op.shape is None:
        raise DefinitionError(f"operation {op.name!r} has neither machine code nor an expansion")
    _REGISTRY[op.name] = op
    return op


def register_control(op: Op) -> Op:
    """Add the declaration of a loop or branch."""
    if op.name in _CONTROL or op.name in _REGISTRY:
        raise DefinitionError(f"operation {op.name!r} is already declared", hint="choose another name")
    _CONTROL[op.name] = op
    return op


def lookup(name: str) -> Op:
    """The declaration called `name`; KeyError when there is none."""
    op = find(name)
    if op is None:
        raise KeyError(name)
    return op


def find(name: str) -> Op | None:
    """The declaration called `name`, or None."""
    op = _REGISTRY.get(name) or _CONTROL.get(name)
    if op is None and declare_all():
        op = _REGISTRY.get(name) or _CONTROL.get(name)
    return op


def all_ops() -> Iterator[Op]:
    """Every declared operation that works element by element, in the order of declaration."""
    declare_all()
    return (op for op in tuple(_REGISTRY.values()) if op.params and op.shape is None)


def array_ops() -> Iterator[Op]:
    """Every declared operation on whole arrays, in the order of declaration."""
    declare_all()
    return (op for op in tuple(_REGISTRY.values()) if op.shape is not None)


def _no_types(dtypes):  # leaves carry their own type
    raise DefinitionError("a leaf has no type rule")


CONSTANT = Op(
    name="constant",
    params=(),
    summary="A value known when the expression is written.",
    types=TypeRule(_no_types),
    reference=lambda: None,
    notation=Notation("constant"),
)

SYMBOL = Op(
    name="symbol",
    params=(),
    summary="A named input.",
    types=TypeRule(_no_types),
    reference=lambda: None,
    notation=Notation("symbol"),
)
_REGISTRY["constant"] = CONSTANT
_REGISTRY["symbol"] = SYMBOL
