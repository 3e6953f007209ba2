"""What a layer is: a description that, built on an expression, gives an expression and declares its parameters.

A layer holds no arrays and no symbols. `Layer.build(x, scope)` writes the formula; the scope names what it declares by the path
in the model, so that `conv1.weight` is a symbol of that name. Any function of an expression is a layer too.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any

from graphc.errors import DtypeError, ExpressionError, NameClashError, ShapeError, brief
from graphc.ir.expr import Expr, symbol
from graphc.ir.scopes import scope
from graphc.ir.types import Shape, format_shape, is_float
from graphc.nn.initial import Initialiser
from graphc.util import arguments


@dataclass(frozen=True)
class Parameter:
    """An array that belongs to a model: its symbol and how it begins."""

    symbol: Expr
    init: Initialiser


@dataclass(frozen=True)
class SummaryLine:
    """A line of the summary: a layer, what it gives, and how many parameters are its own."""

    path: str
    layer: str
    shape: Shape
    count: int


@dataclass
class Declared:
    """What the layers of a model declare while they are built.

    parameters : path → what is learned
    buffers : path → what is kept beside, such as running means; `updates` their next values in training
    masks : path → (symbol, probability with which an element is kept)
    """

    training: bool
    parameters: dict[str, Parameter] = field(default_factory=dict)
    buffers: dict[str, Parameter] = field(default_factory=dict)
    updates: dict[str, Expr] = field(default_factory=dict)
    masks: dict[str, tuple[Expr, float]] = field(default_factory=dict)
    rows: list[SummaryLine] = field(default_factory=list)


class Scope:
    """Where in a model a layer is built."""

    def __init__(self, declared: Declared, path: str = "") -> None:
        self._declared = declared
        self.path = path

    @property
    def training(self) -> bool:
        """Whether the form for training is built, where that differs (dropout, batch normalisation)."""
        return self._declared.training

    def _name(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _declare(
        self, table: dict[str, Parameter], name: str, shape: Any, like: Expr, init: Initialiser
    ) -> Expr:
        full = self._name(name)
        if not is_float(like.dtype):
            raise DtypeError(
                f"parameter {full!r} would be {like.dtype}, the type of what the layer is built on",
                hint=f'declare the input with dtype="float32", or build on x.astype("float32"): {brief(like, 40)}',
            )
        if not callable(init):
            raise ExpressionError(
                f"parameter {full!r} begins as {brief(init)}, which is no initialiser",
                hint="init=nn.he_normal, or a function of a generator and a shape",
            )
        arguments.function("init", init, 2, "init=nn.he_normal, or a function of a generator and a shape")
        for dim in shape:
            if not isinstance(dim, int):
                raise ShapeError(
                    f"parameter {full!r} would have shape {format_shape(tuple(shape))}: its lengths must be known",
                    hint=f"declare the input with a number in place of {dim}",
                )
        if math.prod(shape) * like.dtype.itemsize >= 2**46:
            raise ShapeError(f"parameter {full!r} of shape {brief(tuple(shape))} fits into no memory")
        if full in table:
            raise NameClashError(f"two parameters are called {full!r}", hint="give the layers other names")
        table[full] = Parameter(symbol(full, shape=tuple(shape), dtype=like.dtype), init)
        return table[full].symbol

    def parameter(self, name: str, shape: Any, like: Expr, init: Initialiser) -> Expr:
        """The symbol of an array that is learned, of the type of an expression.

        Raises `ShapeError` when a length has a name instead of a number, `NameClashError` for a second one of that name.
        """
        return self._declare(self._declared.parameters, name, shape, like, init)

    def buffer(self, name: str, shape: Any, like: Expr, init: Initialiser) -> Expr:
        """The symbol of an array that is kept beside the parameters and not learned."""
        return self._declare(self._declared.buffers, name, shape, like, init)

    def update(self, name: str, value: Expr) -> None:
        """What a buffer becomes in a step of training."""
        self._declared.updates[self._name(name)] = value

    def mask(self, name: str, like: Expr, keep: float) -> Expr:
        """The symbol of booleans of an expression's shape, each true with probability `keep`."""
        full = self._name(name)
        mask = symbol(full, shape=like.shape, dtype="bool")
        self._declared.masks[full] = (mask, keep)
        return mask

    def inside(self, name: str) -> Scope:
        """A scope within this one: what it declares has a longer name."""
        return Scope(self._declared, self._name(name))

    def apply(self, name: str, layer: Any, x: Expr) -> Expr:
        """A layer inside this one, under a name of its own."""
        layer = as_layer(layer)
        inner = Scope(self._declared, self._name(name))
        before, place = len(self._declared.parameters), len(self._declared.rows)
        with scope(name):  # diagrams frame it as a block
            out = layer.build(x, inner)
        if not isinstance(out, Expr):
            raise ExpressionError(f"layer {inner.path!r} gives {type(out).__name__}, not an expression")
        own = list(self._declared.parameters.values())[before:]
        inside = self._declared.rows[place:]
        count = sum(_size(p.symbol.shape) for p in own) - sum(row.count for row in inside)
        self._declared.rows.insert(place, SummaryLine(inner.path, repr(layer), out.shape, count))
        return out


def _size(shape: Shape) -> int:
    size = 1
    for dim in shape:
        assert isinstance(dim, int)  # parameters have no other
        size *= dim
    return size


class Layer(ABC):
    """A part of a network. A layer of your own is a frozen dataclass with `kind` and `build`."""

    kind: str = "layer"
    """How it is called in a model where it has no name: `conv1`, `conv2`, …"""

    @abstractmethod
    def build(self, x: Expr, scope: Scope) -> Expr:
        """The formula on an expression; `scope` gives the symbols of its parameters."""

    def __repr__(self) -> str:
        """As it is written, without what is left at its default."""
        parts = []
        for known in fields(self) if is_dataclass(self) else ():
            value = getattr(self, known.name)
            if value is known.default or (type(value) is type(known.default) and value == known.default):
                continue
            text = str(getattr(value, "__name__", "")) or brief(value, 200)
            parts.append(text if known.default is MISSING else f"{known.name}={text}")
        return f"{type(self).__name__}({', '.join(parts)})"


@dataclass(frozen=True, repr=False)
class Function(Layer):
    """A function of an expression as a layer: an activation, say.

    >>> Function(lambda x: 2 * x).build(symbol("x"), Scope(Declared(False)))
    2*x
    """

    function: Callable[[Expr], Expr]
    name: str = ""

    def __post_init__(self) -> None:
        arguments.function("a layer", self.function, 1, "a function of one expression, as g.tanh")
        arguments.text("a layer's name", self.name, 'nn.Function(g.tanh, "bend")')

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The function's name."""
        name = self.name or getattr(self.function, "__name__", "function")
        return name.lower() if name.isidentifier() else "function"

    def build(self, x: Expr, scope: Scope) -> Expr:
        return self.function(x)

    def __repr__(self) -> str:
        return self.name or getattr(self.function, "__name__", "function")


def as_layer(value: Any) -> Layer:
    """A layer as it is, a function as one; raises `ExpressionError` for anything else."""
    if isinstance(value, Layer):
        return value
    if isinstance(value, type) or not callable(value):
        what = f"the class {value.__name__}" if isinstance(value, type) else f"{type(value).__name__}"
        raise ExpressionError(
            f"{what} is no layer",
            hint=f"write {value.__name__}(…)"
            if isinstance(value, type)
            else "a layer, or a function as g.tanh",
        )
    return Function(value)  # pyright: ignore[reportArgumentType]


__all__ = ["Declared", "Function", "Layer", "Parameter", "Scope", "SummaryLine", "as_layer"]
