"""Recurrent layers: a cell that goes through sequences as a loop of the graph, whatever their number of steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from graphc.errors import DtypeError, ExpressionError, ShapeError, brief
from graphc.frontend.control import scan
from graphc.ir.expr import Expr, constant
from graphc.ir.inputs import as_count
from graphc.ir.types import format_shape
from graphc.nn import initial
from graphc.nn.initial import Initialiser
from graphc.nn.layer import Layer, Scope
from graphc.ops.comparison import where
from graphc.ops.create import arange, zeros
from graphc.ops.elementary import tanh
from graphc.ops.logistic import sigmoid
from graphc.ops.shape import concat, expand_dims, permute_dims, stack
from graphc.util.arguments import function, truth

States = list[Expr]
"""What a cell carries from step to step: arrays (n, units)."""


class Recurrence(Layer):
    """What recurrent layers have in common: sequences (n, steps, features) go through a cell, one step after the other.

    units : the length of a state
    last : whether the result is the last state (n, units), or all of them (n, steps, units)
    layers : how many lie on one another, each on all states of the one below
    bidirectional : whether each layer also goes through the sequences from their ends, with weights of its own; both states stand
        beside each other, so that results have 2·units features
    lengths : how many steps of each sequence count, an integer expression (n,); the state stops there, and what is given for the
        steps behind is 0, as for PyTorch's packed sequences
    carried : whether the states at the end of a batch begin the next one, in training with `updates`: back-propagation through
        time, truncated where a batch ends. They are buffers of the model; the number of sequences must be known
    checkpoint, truncate : as for `g.scan`

    The states begin at 0 unless `run` is given others. The number of steps may have a name.
    """

    units: int
    init: Initialiser
    last: bool
    layers: int
    bidirectional: bool
    carried: bool
    checkpoint: Any
    truncate: int | None

    cells = 1
    """How many arrays a cell carries; the first is what it gives."""
    gates = 1
    """How many units are computed for each unit of the state."""

    def __init__(
        self,
        units: int,
        last: bool = True,
        init: Initialiser = initial.uniform,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        lengths: Expr | None = None,
        carried: bool = False,
        checkpoint: Any = "none",
        truncate: int | None = None,
    ) -> None:
        self.units, self.init, self.last = units, init, truth("last", last)
        self.layers, self.bidirectional = layers, truth("bidirectional", bidirectional)
        self.carried, self.checkpoint, self.truncate = truth("carried", carried), checkpoint, truncate
        if lengths is not None and not isinstance(lengths, Expr):
            raise ExpressionError(
                f"lengths are an expression, not {brief(lengths)}",
                hint='g.symbol("lengths", shape=("n",), dtype="int64")',
            )
        self.lengths = lengths

    @abstractmethod
    def step(self, states: States, given: Expr, onward: Expr, extra: Sequence[Expr]) -> States:
        """The states after a step. given : (n, gates·units), what the inputs contribute; onward : (gates·units, units)"""

    def more(self, scope: Scope, like: Expr) -> list[Expr]:
        """Parameters of a cell beside its weights and biases."""
        return []

    def build(self, x: Expr, scope: Scope) -> Expr:
        outputs, states = self.run(x, scope)
        if not self.last:
            return outputs
        top = states[0][-2:] if self.bidirectional else states[0][-1:]
        return concat(*top, axis=1) if len(top) > 1 else top[0]

    def run(self, x: Expr, scope: Scope, start: Any = None) -> tuple[Expr, list[States]]:
        """What each step gives, (n, steps, units), and the states at the end.

        start : the states before the first step, as they are returned: for each of the cell's arrays a list of (n, units), one
            for each layer and direction in their order, forward before backward

        Raises `ShapeError` for what are no sequences, and for states that do not fit.
        """
        if x.ndim != 3 or not isinstance(x.shape[2], int):
            raise ShapeError(
                f"{self!r} takes sequences (n, steps, features), not an array of shape {format_shape(x.shape)}",
                hint='g.symbol("x", shape=("n", "steps", 3))',
            )
        units = as_count(self.units, "a state of length {}", f"nn.{type(self).__name__}(10)")
        layers = as_count(self.layers, "{} layers", f"nn.{type(self).__name__}(10, layers=2)")
        ways = (False, True) if self.bidirectional else (False,)
        begins = self._start(x, scope, units, layers * len(ways), start)
        counted = self._counted(x)
        ends: list[States] = [[] for _ in range(self.cells)]
        for number in range(layers):
            inner = scope.inside(f"layer{number + 1}") if layers > 1 else scope
            given: list[Expr] = []
            for reverse in ways:
                own = inner.inside("backward" if reverse else "forward") if self.bidirectional else inner
                place = number * len(ways) + reverse
                outputs, states = self._through(x, own, [each[place] for each in begins], counted, reverse)
                given.append(outputs)
                for each, state in zip(ends, states, strict=True):
                    each.append(state)
            x = concat(*given, axis=2) if len(given) > 1 else given[0]
        if self.carried:
            for name, each in zip(_NAMES, ends, strict=False):
                scope.update(name, stack(*each, axis=0))
        return x, ends

    def _through(
        self, x: Expr, scope: Scope, start: States, counted: Expr | None, reverse: bool
    ) -> tuple[Expr, States]:
        """One layer in one direction."""
        width = self.gates * self.units
        inward = scope.parameter("input", (width, x.shape[2]), x, self.init)
        onward = scope.parameter("state", (width, self.units), x, self.init)
        bias = scope.parameter("bias", (width,), x, initial.zeros)
        extra = self.more(scope, x)
        rows = permute_dims(x @ inward.T + bias, (1, 0, 2))  # of all steps at once

        def step(states: Any, row: Any) -> tuple[Any, Expr]:
            given, counts = row if counted is not None else (row, None)
            after = self.step(list(states), given, onward, extra)
            if counts is None:
                return tuple(after), after[0]
            kept = [where(counts, new, old) for new, old in zip(after, states, strict=True)]
            return tuple(kept), where(counts, after[0], constant(0.0, x.dtype))

        over = rows if counted is None else (rows, counted)
        options = {"checkpoint": self.checkpoint, "truncate": self.truncate}
        ends, given = scan(step, tuple(start), over, reverse=reverse, **options)
        return permute_dims(given, (1, 0, 2)), list(ends)

    def _start(self, x: Expr, scope: Scope, units: int, count: int, start: Any) -> list[States]:
        shape = (x.shape[0], units)
        if start is None and self.carried:
            kept = [
                scope.buffer(name, (count, *shape), x, initial.zeros)
                for name, _ in zip(_NAMES, range(self.cells), strict=False)
            ]
            return [[each[place] for place in range(count)] for each in kept]
        if start is None:
            return [[zeros(shape, dtype=x.dtype.name)] * count for _ in range(self.cells)]
        listed = [list(each) if isinstance(each, (list, tuple)) else each for each in start]
        if len(listed) != self.cells or any(
            not isinstance(each, list) or len(each) != count for each in listed
        ):
            raise ShapeError(
                f"{self!r} begins with {self.cells} × {count} states, not {brief(start, 60)}",
                hint="give the states as run returns them",
            )
        begins = [
            [constant(state, None if isinstance(state, Expr) else x.dtype) for state in each]
            for each in listed
        ]
        for state in (state for each in begins for state in each):
            if state.shape != shape or state.dtype != x.dtype:
                raise ShapeError(
                    f"a state of {self!r} is {x.dtype}{format_shape(shape)}, not {state.dtype}{format_shape(state.shape)}",
                    node=repr(state),
                    site=state.site,
                )
        return begins

    def _counted(self, x: Expr) -> Expr | None:
        """Which steps count, (steps, n, 1)."""
        lengths = self.lengths
        if lengths is None:
            return None
        if lengths.dtype.kind not in "iu":
            raise DtypeError(f"lengths are whole numbers, not {lengths.dtype}", node=repr(lengths))
        if lengths.shape != x.shape[:1]:
            raise ShapeError(
                f"lengths of shape {format_shape(lengths.shape)} for sequences {format_shape(x.shape)}",
                hint=f"one for each sequence, {format_shape(x.shape[:1])}",
            )
        steps = expand_dims(arange(x.shape[1]), 0)
        return permute_dims(expand_dims(steps < expand_dims(lengths, 1), 2), (1, 0, 2))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({brief(self.units)}{f', layers={self.layers}' if self.layers != 1 else ''})"


_NAMES = ("hidden", "cell")
"""What the arrays of a cell are called."""


class Recurrent(Recurrence):
    """hₜ = f(W·xₜ + U·hₜ₋₁ + b) for every step of sequences (n, steps, features): Elman (1990).

    units : the length of the state h
    activation : f
    last : whether the result is the last state (n, units), or all of them (n, steps, units)

    The other arguments are those of `nn.LSTM`.
    """

    activation: Callable[..., Any]

    kind = "recurrent"

    def __init__(
        self,
        units: int,
        activation: Callable[[Expr], Expr] = tanh,
        last: bool = True,
        init: Initialiser = initial.uniform,
        **options: Any,
    ) -> None:
        super().__init__(units, last, init, **options)
        self.activation = function("activation", activation, 1, "activation=g.tanh")

    def step(self, states: States, given: Expr, onward: Expr, extra: Sequence[Expr]) -> States:
        return [self.activation(given + states[0] @ onward.T)]


class LSTM(Recurrence):
    """Long short-term memory over sequences (n, steps, features): Hochreiter and Schmidhuber (1997), Gers et al. (2000).

    i, f, o = σ(…), g = tanh(…), each of W·xₜ + U·hₜ₋₁ + b; cₜ = f·cₜ₋₁ + i·g and hₜ = o·tanh(cₜ). The rows of W, U and b are in
    PyTorch's order: i, f, g, o.

    units : the length of the states h and c
    last : whether the result is the last h (n, units), or all of them (n, steps, units)
    layers : how many lie on one another, each on all states of the one below
    bidirectional : whether each layer also goes through the sequences from their ends; results then have 2·units features
    lengths : how many steps of each sequence count, an integer expression (n,): the state stops there, results behind are 0
    carried : whether the states at the end of a batch begin the next one: back-propagation through time, truncated where a batch
        ends. The states are buffers of the model, and the number of sequences must be known
    checkpoint : as for `g.scan`: how many states reverse mode keeps
    truncate : as for `g.scan`: back-propagation through time, truncated every so many steps; None for all

    `run(x, scope, start)` gives all results and the states at the end, from given states. The number of steps may have a
    name.
    Raises `ShapeError` for what are no sequences.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Model
    >>> Model(LSTM(14, layers=2), symbol("x", shape=("n", "steps", 3)))
    <Model LSTM(14, layers=2): (n, steps, 3) → (n, 14), 2,632 parameters>
    """

    cells: int
    gates: int

    kind = "lstm"
    cells, gates = 2, 4

    def step(self, states: States, given: Expr, onward: Expr, extra: Sequence[Expr]) -> States:
        hidden, cell = states
        enter, forget, new, out = _gates(given + hidden @ onward.T, 4, self.units)
        cell = sigmoid(forget) * cell + sigmoid(enter) * tanh(new)
        return [sigmoid(out) * tanh(cell), cell]


class GRU(Recurrence):
    """Gated recurrent units over sequences (n, steps, features): Cho et al. (2014), the reset behind the product as in PyTorch.

    r, z = σ(W·xₜ + U·hₜ₋₁ + b), n = tanh(W·xₜ + b + r·(U·hₜ₋₁ + b′)), hₜ = (1 − z)·n + z·hₜ₋₁. The rows of W, U and b are in
    PyTorch's order: r, z, n. The arguments are those of `nn.LSTM`.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Model
    >>> Model(GRU(4, last=False), symbol("x", shape=("n", "steps", 3))).output.shape
    ('n', 'steps', 4)
    """

    kind = "gru"
    gates = 3

    def more(self, scope: Scope, like: Expr) -> list[Expr]:
        return [scope.parameter("new_bias", (self.units,), like, initial.zeros)]

    def step(self, states: States, given: Expr, onward: Expr, extra: Sequence[Expr]) -> States:
        (hidden,) = states
        from_state = _gates(hidden @ onward.T, 3, self.units)
        reset, keep, new = _gates(given, 3, self.units)
        keep = sigmoid(keep + from_state[1])
        new = tanh(new + sigmoid(reset + from_state[0]) * (from_state[2] + extra[0]))
        return [(1 - keep) * new + keep * hidden]


def _gates(total: Expr, count: int, units: int) -> list[Expr]:
    return [total[:, place * units : (place + 1) * units] for place in range(count)]


__all__ = ["GRU", "LSTM", "Recurrence", "Recurrent", "States"]
