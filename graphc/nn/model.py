"""A model: the expression that layers write on an input, and the tree of its named parameters with their values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.api.graph import Graph
from graphc.errors import ExpressionError, InputError, brief
from graphc.ir.expr import Expr, free_symbols
from graphc.ir.scopes import scope
from graphc.ir.types import format_shape
from graphc.nn.blocks import Sequential
from graphc.nn.layer import Declared, Layer, Scope, SummaryLine, as_layer
from graphc.ops.create import dim
from graphc.util import arguments
from graphc.util.archive import fitting, read_arrays, write_arrays
from graphc.util.arguments import MASKED, filled, is_masked
from graphc.util.fork_safety import cached_property
from graphc.util.notebook import preformatted


class Model:
    """Layers built on an input.

    Parameters
    ----------
    layers : a layer, often a `Sequential`, or a function of an expression
    input : a symbol with its shape, or what is computed from one (pixels divided by 255, say)
    seed : of the parameters' initial values, or a `numpy.random.Generator`
    name : put before the names of all parameters, for graphs that hold several models

    Attributes
    ----------
    output : the expression in the form for inference
    training_output : the same where dropout and batch normalisation are at work; else the same expression
    parameters : name → symbol of what is learned
    buffers : name → symbol of what is kept beside it; `buffer_updates` their next values in training
    masks : name → (symbol of booleans, probability of being true), inputs of `training_output`
    values : name → array of each parameter and buffer, which training writes to

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Affine, Sequential, Tanh
    >>> model = Model(Sequential(Affine(3), Tanh, Affine(1)), symbol("x", shape=("n", 2)))
    >>> model.count
    13
    >>> list(model.parameters)
    ['affine1.weight', 'affine1.bias', 'affine2.weight', 'affine2.bias']
    """

    def __init__(self, layers: Any, input: Expr, *, seed: Any = 0, name: str = "") -> None:
        if not isinstance(input, Expr):
            raise ExpressionError(
                f"a model is built on an expression, not on {type(input).__name__}",
                hint='g.symbol("x", shape=("n", 784))',
            )
        self.input = input
        self.layers: Layer = as_layer(layers)
        self.name: str = arguments.text("a model's name", name, 'name="encoder"')
        inference, training = Declared(False), Declared(True)
        self.output: Expr = self._build(inference, input)
        self.training_output: Expr = self._build(training, input)
        self.parameters: dict[str, Expr] = {key: p.symbol for key, p in inference.parameters.items()}
        self.buffers: dict[str, Expr] = {key: p.symbol for key, p in inference.buffers.items()}
        self.buffer_updates: dict[str, Expr] = training.updates
        self.masks: dict[str, tuple[Expr, float]] = training.masks
        self._declared = inference
        self.values: dict[str, np.ndarray] = {}
        self.initialise(seed)

    def _build(self, declared: Declared, x: Expr) -> Expr:
        with scope(self.name) if self.name else nullcontext():
            root = Scope(declared, self.name)
            if type(self.layers) is Sequential:  # its parts are named without it
                return self.layers.build(x, root)
            return root.apply(self.layers.kind + "1", self.layers, x)

    def __call__(self, x: Expr, training: bool = False) -> Expr:
        """The model on another input of the same features: the expression, with the same parameters."""
        if not isinstance(x, Expr):
            raise ExpressionError(
                f"a model is built on an expression, not on {brief(x)}", hint="model.predict(array)"
            )
        return self._build(Declared(arguments.truth("training", training)), x)

    def initialise(self, seed: Any = 0) -> None:
        """Draw the parameters' values anew, in the order of their declaration; buffers begin again."""
        try:
            rng = np.random.default_rng(seed)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"a seed of {brief(seed, 40)}", hint="seed=0, or a numpy.random.Generator"
            ) from error
        for key, parameter in (*self._declared.parameters.items(), *self._declared.buffers.items()):
            shape: Any = parameter.symbol.shape
            drawn = parameter.init(rng, shape)
            if is_masked(drawn):
                raise InputError(f"the initialiser of {key!r} gives {MASKED}", hint=filled())
            drawn = np.asarray(drawn)
            if drawn.shape != shape:
                raise InputError(
                    f"the initialiser of {key!r} gives an array of shape {drawn.shape}, not {shape}"
                )
            self.values[key] = np.ascontiguousarray(drawn, dtype=parameter.symbol.dtype)

    @property
    def count(self) -> int:
        """How many numbers are learned."""
        return sum(self.values[key].size for key in self.parameters)

    @property
    def inputs(self) -> tuple[Expr, ...]:
        """The symbols that the input is computed from, then others that the layers read, such as lengths of sequences."""
        own = {*self.parameters.values(), *self.buffers.values()}
        first = free_symbols(self.input)
        return (*first, *(x for x in free_symbols(self.output) if x not in own and x not in first))

    def draw_masks(self, rng: np.random.Generator, batch: Mapping[Expr, Any]) -> dict[str, np.ndarray]:
        """Booleans for the masks of the training form, of the lengths that a batch of inputs has."""
        if not isinstance(rng, np.random.Generator):
            raise InputError(f"{brief(rng)} is no generator", hint="numpy.random.default_rng(0)")
        batch = arguments.mapping("a batch", batch, "{x: array}, symbols as the keys")
        if not self.masks:
            return {}
        symbols = list(batch)
        wanted = {
            key: [dim(length) if not isinstance(length, int) else length for length in mask.shape]
            for key, (mask, _) in self.masks.items()
        }
        named = {key: [d for d in lengths if isinstance(d, Expr)] for key, lengths in wanted.items()}
        flat = [d for lengths in named.values() for d in lengths]
        numbers: Iterator[int] = iter(())
        if flat:
            graph = Graph(flat, symbols)
            values = graph.forward(batch)
            numbers = iter([int(values[output]) for output in graph.outputs])
        drawn = {}
        for key, (_, keep) in self.masks.items():
            shape = tuple(next(numbers) if isinstance(d, Expr) else d for d in wanted[key])
            drawn[key] = rng.random(shape) < keep
        return drawn

    def predict(self, *arrays: Any) -> Any:
        """The output for arrays, one for each symbol of the input, in the form for inference."""
        symbols = self.inputs
        if len(arrays) != len(symbols):
            raise InputError(
                f"the model reads {', '.join(s.name for s in symbols) or 'nothing'}: "
                f"{len(symbols)} array{'s' if len(symbols) != 1 else ''}, not {len(arrays)}"
            )
        return self._compiled(*arrays, *(self.values[key] for key, _ in self._stored()))

    @cached_property
    def _compiled(self) -> Any:
        return compile(self.output, [*self.inputs, *(symbol for _, symbol in self._stored())])

    def _stored(self) -> list[tuple[str, Expr]]:
        return [*self.parameters.items(), *self.buffers.items()]

    def summary(self) -> str:
        """A table of the layers: what each gives, and how many parameters are its own.

        >>> from graphc.ir.expr import symbol
        >>> from graphc.nn import Affine
        >>> print(Model(Affine(2), symbol("x", shape=("n", 3))).summary())
        layer    written    output  parameters
        affine1  Affine(2)  (n, 2)           8
        total                                8
        """
        rows = [("layer", "written", "output", "parameters")]
        rows += [(row.path, row.layer, format_shape(row.shape), _count(row)) for row in self._declared.rows]
        rows.append(("total", "", "", f"{self.count:,}"))
        widths = [max(len(row[place]) for row in rows) for place in range(4)]
        lines = []
        for row in rows:
            left = "  ".join(text.ljust(width) for text, width in zip(row[:3], widths, strict=False))
            lines.append(f"{left}  {row[3].rjust(widths[3])}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return preformatted(self.summary())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the values to a file of .npz or .safetensors, whole or not at all.

        Raises `InputError` for another suffix and `FileError` where it cannot be written.
        """
        write_arrays(path, self.values)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read the values from a file that `save` wrote.

        Raises `FormatError` for a file that is damaged or of another model; the values are then as they were.
        """
        for key, array in fitting(read_arrays(path), self.values, path).items():
            self.values[key] = np.ascontiguousarray(array)

    def __repr__(self) -> str:
        ends = f"{format_shape(self.input.shape)} → {format_shape(self.output.shape)}"
        return f"<Model {self.layers!r}: {ends}, {self.count:,} parameters>"


def _count(row: SummaryLine) -> str:
    return f"{row.count:,}" if row.count else "–"


__all__ = ["Model"]
