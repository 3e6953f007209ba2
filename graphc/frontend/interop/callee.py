"""A compiled function as neighbours see it: what it takes and gives, how it is called on NumPy's arrays, and its derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from graphc.autodiff.remembered import directional, gradient
from graphc.errors import InputError
from graphc.interpret.call_binding import arguments
from graphc.ir.expr import Expr, substitute, symbol, walk
from graphc.ir.types import DType, is_float
from graphc.util.pytree import LEAF, Structure, flatten, unflatten
from graphc.util.records import dataclass


class Compiles(Protocol):
    """Makes another function with the same options, or one for a single thread."""

    def __call__(self, outputs: Sequence[Expr], inputs: Sequence[Expr], serial: bool = False) -> Callee: ...


@dataclass(frozen=True)
class Callee:
    """A compiled function.

    call : the function on NumPy's arrays; compiled : makes another function with the same options, of outputs and inputs
    symbols, outputs : of the formula as it was written; structure, dtypes : of the results
    broadcasts : whether arrays of any shapes are taken, element by element; else exactly those that are declared
    unused : the numbers of the inputs that no result depends on
    writes : whether inputs are written
    take : the function on arrays of any library; memory : what neighbours keep with the function
    unfolded : gives the outputs with calls and solvers as the operations that they stand for
    """

    call: Callable[..., Any]
    compiled: Compiles
    symbols: tuple[Expr, ...]
    outputs: tuple[Expr, ...]
    structure: Structure
    dtypes: tuple[DType, ...]
    broadcasts: bool
    unused: tuple[int, ...]
    writes: bool
    take: Callable[..., Any]
    memory: dict[Any, Any]
    unfolded: Callable[[], tuple[Expr, ...]]

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple([symbol.name for symbol in self.symbols])

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """The arguments of a call in the order of the inputs."""
        return arguments(self.inputs, args, kwargs)

    def arrays(self, values: Sequence[Any]) -> list[np.ndarray]:
        """The results on arrays of NumPy's, one after the other; numbers are arrays without axes."""
        leaves, _ = flatten(self.call(*values))
        return [np.asarray(leaf, dtype) for leaf, dtype in zip(leaves, self.dtypes, strict=True)]

    def leaves(self, values: Sequence[Any]) -> list[Any]:
        """The results on arrays of any one library, one after the other, as that library's."""
        return flatten(self.take(*values))[0]

    def put_together(self, results: Sequence[Any]) -> Any:
        """Results in their structure."""
        return results[0] if self.structure == LEAF else unflatten(self.structure, iter(results))

    def without_arrays(self) -> tuple[Callee, list[np.ndarray]]:
        """The function with its constant arrays as further arguments, and these, where shapes are broadcast.

        Of what is taken element by element all is then an argument: a batch may stand before all axes of each.
        """
        arrays = (
            [node for node in walk(self.outputs) if node.is_constant and node.shape]
            if self.broadcasts
            else []
        )
        if not arrays:
            return self, []
        numbers = self._beside("constant", [symbol("_", dtype=node.dtype) for node in arrays])
        instead = dict(zip(arrays, numbers, strict=True))
        outputs = [substitute(output, instead) for output in self.outputs]
        return self.compiled(outputs, [*self.symbols, *numbers]), [np.asarray(node.value) for node in arrays]

    @property
    def float_inputs(self) -> list[int]:
        """The numbers of the inputs that results may be differentiated by."""
        return [
            number
            for number, each in enumerate(self.symbols)
            if is_float(each.dtype) and number not in self.unused
        ]

    @property
    def float_outputs(self) -> list[int]:
        return [number for number, dtype in enumerate(self.dtypes) if is_float(dtype)]

    def pullback(self) -> Callee:
        """The function of the inputs and of an adjoint for each of `float_outputs` that gives what goes back to `float_inputs`.

        Raises `GradientError` for a formula that has no derivative, and `InputError` for a function that writes its inputs.
        """
        self._check_derivative()
        outputs = [self.outputs[number] for number in self.float_outputs]
        adjoints = self._beside("adjoint", outputs)
        targets = [self.symbols[number] for number in self.float_inputs]
        record = gradient(outputs, adjoints, targets)
        back = [record.adjoint(target) for target in targets]
        return self.compiled(back, [*self.symbols, *adjoints])

    def pushforward(self) -> Callee:
        """The function of the inputs and of a tangent for each of `float_inputs` that gives the tangents of `float_outputs`.

        Raises as `pullback` does.
        """
        self._check_derivative()
        targets = [self.symbols[number] for number in self.float_inputs]
        tangents = self._beside("tangent", targets)
        outputs = [self.outputs[number] for number in self.float_outputs]
        along = directional(outputs, dict(zip(targets, tangents, strict=True)))
        return self.compiled(along, [*self.symbols, *tangents])

    def _check_derivative(self) -> None:
        if self.writes:
            raise InputError(
                "a function that updates its inputs has no derivative",
                hint="compile the formula without updates=, and differentiate that",
            )

    def _beside(self, kind: str, like: Sequence[Expr]) -> list[Expr]:
        """A symbol for each node, of its shape and type and with a name that no input has."""
        taken = set(self.inputs)
        made: list[Expr] = []
        for number, node in enumerate(like):
            name = f"{kind} {number}"
            while name in taken:
                name += "'"
            taken.add(name)
            made.append(symbol(name, shape=node.shape, dtype=node.dtype))
        return made


__all__ = ["Callee", "Compiles"]
