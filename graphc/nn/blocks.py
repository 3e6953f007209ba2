"""Layers made of layers: one after the other, beside a shortcut, side by side, and one cell for every step of a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphc.errors import ExpressionError, NameClashError, ShapeError
from graphc.ir.expr import Expr
from graphc.ir.types import format_shape
from graphc.nn.layer import Layer, Scope, as_layer
from graphc.ops.shape import concat


class Sequential(Layer):
    """Layers one after the other, each built on what the one before gives.

    Written `Sequential(Conv2d(20, 5), MaxPool2d(2), …)`, where names are made of kinds and numbers (`conv1`, `pool1`), or with
    your own names, `Sequential(first=Affine(3), bend=g.relu)`. Functions of an expression are layers.
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
        self.shortcut: Layer | None = None if shortcut is None else as_layer(shortcut)

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
        self.branches: list[Sequential | Layer] = [
            Sequential(*branch) if isinstance(branch, (list, tuple)) else as_layer(branch)
            for branch in branches
        ]
        self.axis = axis

    def build(self, x: Expr, scope: Scope) -> Expr:
        ends = [scope.apply(f"branch{place}", layer, x) for place, layer in enumerate(self.branches, 1)]
        return concat(*ends, axis=self.axis)

    def __repr__(self) -> str:
        return f"Inception of {len(self.branches)}"


__all__ = ["Inception", "Residual", "Sequential"]
