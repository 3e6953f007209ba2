"""Layers made of layers: one after the other, beside a shortcut, side by side, and one cell for every step of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphc.errors import ExpressionError, NameClashError, ShapeError, brief
from graphc.ir.expr import Expr
from graphc.ir.inputs import as_count
from graphc.ir.types import format_shape
from graphc.nn import initial
from graphc.nn.initial import Initialiser
from graphc.nn.layer import Layer, Scope, as_layer
from graphc.ops.elementary import tanh
from graphc.ops.shape import concat, stack
from graphc.util.arguments import function, truth


class Sequential(Layer):
    """Layers one after the other, each built on what the one before gives.

    Written `Sequential(Conv2d(20, 5), MaxPool2d(2), …)`, where names are made of kinds and numbers (`conv1`, `pool1`), or with
    names of one's own, `Sequential(first=Affine(3), bend=g.relu)`. Functions of an expression are layers.
    Raises `ExpressionError` for what is no layer.
    """

    kind = "block"

    def __init__(self, *layers: Any, **named: Any) -> None:
        listed = [as_layer(layer) for layer in layers]
        counts: dict[str, int] = {}
        self.layers: dict[str, Layer] = {}
        for layer in listed:
            counts[layer.kind] = counts.get(layer.kind, 0) + 1
            self.layers[f"{layer.kind}{counts[layer.kind]}"] = layer
        for name, layer in named.items():
            if name in self.layers:
                raise NameClashError(f"two layers are called {name!r}", hint="give one another name")
            self.layers[name] = as_layer(layer)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers.values())

    def __len__(self) -> int:
        return len(self.layers)

    def build(self, x: Expr, scope: Scope) -> Expr:
        for name, layer in self.layers.items():
            x = scope.apply(name, layer, x)
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {len(self.layers)}"


class Residual(Sequential):
    """x + f(x), f being layers one after the other: He et al. (2016).

    shortcut : a layer for x where f changes the shape, such as a convolution of 1×1

    Raises `ShapeError` where f(x) has another shape than x and there is no shortcut.
    """

    kind = "residual"

    def __init__(self, *layers: Any, shortcut: Any = None, **named: Any) -> None:
        super().__init__(*layers, **named)
        self.shortcut = None if shortcut is None else as_layer(shortcut)

    def build(self, x: Expr, scope: Scope) -> Expr:
        past = x if self.shortcut is None else scope.apply("shortcut", self.shortcut, x)
        through = super().build(x, scope)
        if past.shape != through.shape:
            raise ShapeError(
                f"a residual block adds {format_shape(past.shape)} to {format_shape(through.shape)}",
                hint="shortcut=nn.Conv2d(channels, 1) or nn.Affine(units) brings x to the other shape",
            )
        return past + through


class Inception(Layer):
    """Branches side by side on one expression, their channels put together: Szegedy et al. (2015).

    Each branch is a layer, or a list of layers one after the other. `axis` is that of the channels.
    """

    kind = "inception"

    def __init__(self, *branches: Any, axis: int = 1) -> None:
        if not branches:
            raise ExpressionError("an inception block has one branch at least")
        self.branches = [
            Sequential(*branch) if isinstance(branch, (list, tuple)) else as_layer(branch)
            for branch in branches
        ]
        self.axis = axis

    def build(self, x: Expr, scope: Scope) -> Expr:
        ends = [scope.apply(f"branch{place}", layer, x) for place, layer in enumerate(self.branches, 1)]
        return concat(*ends, axis=self.axis)

    def __repr__(self) -> str:
        return f"Inception of {len(self.branches)}"


class Recurrent(Layer):
    """A cell for every step of sequences (n, steps, features), unrolled: hₜ = f(W·xₜ + U·hₜ₋₁ + b), h₀ = 0.

    units : the length of the state h
    activation : f
    last : whether the result is the last state (n, units), or all of them (n, steps, units)

    The number of steps must be known. Source: Elman (1990).
    """

    kind = "recurrent"

    def __init__(
        self,
        units: int,
        activation: Callable[[Expr], Expr] = tanh,
        last: bool = True,
        init: Initialiser = initial.uniform,
    ) -> None:
        self.units, self.init, self.last = units, init, truth("last", last)
        self.activation = function("activation", activation, 1, "activation=g.tanh")

    def build(self, x: Expr, scope: Scope) -> Expr:
        if x.ndim != 3 or not isinstance(x.shape[1], int) or x.shape[1] < 1:
            raise ShapeError(
                f"{self!r} takes sequences (n, steps, features) of a known number of steps, not {format_shape(x.shape)}",
                hint='g.symbol("x", shape=("n", 10, 3))',
            )
        as_count(self.units, "a state of length {}", "nn.Recurrent(10)")
        inward = scope.parameter("input", (self.units, x.shape[2]), x, self.init)
        onward = scope.parameter("state", (self.units, self.units), x, self.init)
        bias = scope.parameter("bias", (self.units,), x, initial.zeros)
        states: list[Expr] = []
        for step in range(x.shape[1]):
            total = x[:, step] @ inward.T
            if states:
                total = total + states[-1] @ onward.T
            states.append(self.activation(total + bias))
        return states[-1] if self.last else stack(*states, axis=1)

    def __repr__(self) -> str:
        return f"Recurrent({brief(self.units)})"


__all__ = ["Inception", "Recurrent", "Residual", "Sequential"]
