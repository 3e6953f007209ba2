"""Compiled functions as operations that JAX itself knows: evaluated, compiled, batched, differentiated in both modes.

Two primitives of JAX's. `graphc_call` is a function; its derivative along tangents is `graphc_linear`, linear in its last
arguments, whose transpose is `graphc_linear` with the function that goes back. Both carry an `Operation`, which says what is
called back from XLA's program and which functions graphc derives for it, when they are first asked for.

`jax.custom_vjp` and `jax.custom_jvp` have one rule each, and JAX refuses the other mode; two primitives have all
(*Autodidax* in JAX's documentation shows the four rules of a primitive).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from graphc.frontend.interop.callee import Callee
from graphc.ir.attribute_text import bound
from graphc.ir.inputs import bind_dimensions, check_shape
from graphc.util import fork_safety
from graphc.util.fork_safety import cached_property


class Operation(ABC):
    """What the primitives carry: a function of arrays, the places of its floats, and its derivatives."""

    def __init__(self) -> None:
        self._batched: dict[Any, Operation] = {}

    @property
    @abstractmethod
    def float_inputs(self) -> Sequence[int]:
        """The numbers of the arguments that results may be differentiated by."""

    @property
    @abstractmethod
    def float_outputs(self) -> Sequence[int]:
        """The numbers of the results that are floats."""

    @abstractmethod
    def results(self, arrays: Sequence[Any]) -> list[Any]:
        """The shapes and types of the results on arrays of these shapes and types."""

    @abstractmethod
    def called_back(self, arrays: Sequence[Any]) -> list[Any]:
        """The results, by a callback, which JAX does not differentiate."""

    @abstractmethod
    def forward(self) -> Operation:
        """What `pushforward` is, made when it is first asked for."""

    @abstractmethod
    def backward(self) -> Operation:
        """What `pullback` is, made when it is first asked for."""

    @cached_property
    def pushforward(self) -> Operation:
        """Of the arguments and a tangent for each of `float_inputs`: the tangents of `float_outputs`."""
        return self.forward()

    @cached_property
    def pullback(self) -> Operation:
        """Of the arguments and an adjoint for each of `float_outputs`: the adjoints of `float_inputs`."""
        return self.backward()

    @cached_property
    def linear(self) -> Linear:
        return Linear(self.pushforward, self.pullback)

    def batched(self, axes: tuple[int | None, ...], summed: tuple[bool, ...]) -> Operation:
        """The operation over a batch along the first axis of each argument where `axes` is 0; results are stacked or summed."""
        found = self._batched.get((axes, summed))
        if found is None:
            found = self._batched.setdefault((axes, summed), BatchedOperation(self, axes, summed))
        return found


class Linear(NamedTuple):
    """A function that is linear in its last arguments, and its transpose with respect to them: two operations that are hashed by
    what they are."""

    operation: Operation
    transpose: Operation

    def batched(self, axes: tuple[int | None, ...], residuals: int, outputs: int) -> Linear:
        """Over a batch: an argument that is the same for all of it gets the sum of what goes back."""
        back = tuple([axis is None for axis in axes[residuals:]])
        return Linear(
            self.operation.batched(axes, (False,) * outputs),
            self.transpose.batched((*axes[:residuals], *(0,) * outputs), back),
        )


class HostOperation(Operation):
    """A compiled function on the host. It is made when it is first called; until then only its shapes are known."""

    def __init__(
        self, make: Callable[[], Callee], shapes: Callable[[Sequence[Any]], list[Any]] | None = None
    ) -> None:
        super().__init__()
        self._make, self._shapes = make, shapes

    @cached_property
    def callee(self) -> Callee:
        return self._make()

    @property
    def float_inputs(self) -> Sequence[int]:
        return self.callee.float_inputs

    @property
    def float_outputs(self) -> Sequence[int]:
        return self.callee.float_outputs

    @property
    def broadcast(self) -> list[int]:
        """The numbers of the arguments that are broadcast against each other."""
        callee = self.callee
        return [k for k in range(len(callee.inputs)) if callee.broadcasts and k not in callee.unused]

    def results(self, arrays: Sequence[Any]) -> list[Any]:
        if self._shapes is not None:
            return self._shapes(arrays)
        callee, jax = self.callee, _jax()
        if callee.broadcasts:
            used = [arrays[k].shape for k in self.broadcast]
            shapes = [np.broadcast_shapes(*used)] * len(callee.dtypes)
        else:
            for symbol, array in zip(callee.symbols, arrays, strict=True):
                check_shape(symbol, array.shape)
            lengths = bind_dimensions(callee.symbols, arrays)
            shapes = [bound(output.shape, lengths) for output in callee.outputs]
        kinds = map(jax.dtypes.canonicalize_dtype, callee.dtypes)
        return [jax.ShapeDtypeStruct(shape, kind) for shape, kind in zip(shapes, kinds, strict=True)]

    def called_back(self, arrays: Sequence[Any]) -> list[Any]:
        results, callee = self.results(arrays), self.callee
        if not results:
            return []

        def host(*values: Any) -> list[np.ndarray]:
            given = [np.asarray(value) for value in values]
            batch = given[0].shape[: given[0].ndim - arrays[0].ndim] if given else ()
            return [
                np.broadcast_to(np.asarray(array, result.dtype), (*batch, *result.shape))
                for array, result in zip(callee.arrays(given), results, strict=True)
            ]

        method = "broadcast_all" if callee.broadcasts else "sequential"
        return list(_jax().pure_callback(host, results, *arrays, vmap_method=method))

    def forward(self) -> Operation:
        def shapes(arrays: Sequence[Any]) -> list[Any]:
            results = self.results(arrays[: len(self.callee.inputs)])
            return [results[k] for k in self.float_outputs]

        return HostOperation(self.callee.pushforward, shapes)

    def backward(self) -> Operation:
        def shapes(arrays: Sequence[Any]) -> list[Any]:
            given = [arrays[k] for k in self.float_inputs]
            return [_jax().ShapeDtypeStruct(array.shape, array.dtype) for array in given]

        return HostOperation(self.callee.pullback, shapes)


class BatchedOperation(Operation):
    """An operation over a batch. What it calls back is batched as JAX batches a callback."""

    def __init__(self, inner: Operation, axes: tuple[int | None, ...], summed: tuple[bool, ...]) -> None:
        super().__init__()
        self._inner, self._axes, self._summed = inner, axes, summed

    @property
    def float_inputs(self) -> Sequence[int]:
        return self._inner.float_inputs

    @property
    def float_outputs(self) -> Sequence[int]:
        return self._inner.float_outputs

    def results(self, arrays: Sequence[Any]) -> list[Any]:
        made = _jax().ShapeDtypeStruct
        (size, *_) = [
            array.shape[0] for array, axis in zip(arrays, self._axes, strict=True) if axis is not None
        ]
        each = [
            array if axis is None else made(array.shape[1:], array.dtype)
            for array, axis in zip(arrays, self._axes, strict=True)
        ]
        return [
            made(result.shape if summed else (size, *result.shape), result.dtype)
            for result, summed in zip(self._inner.results(each), self._summed, strict=True)
        ]

    def called_back(self, arrays: Sequence[Any]) -> list[Any]:
        jax = _jax()
        stacked = jax.vmap(lambda *each: tuple(self._inner.called_back(each)), self._axes)(*arrays)
        return [
            jax.numpy.sum(found, 0) if summed else found
            for found, summed in zip(stacked, self._summed, strict=True)
        ]

    def forward(self) -> Operation:
        axes = (*self._axes, *[self._axes[k] for k in self.float_inputs])
        return self._inner.pushforward.batched(axes, tuple([self._summed[k] for k in self.float_outputs]))

    def backward(self) -> Operation:
        axes = (*self._axes, *[None if self._summed[k] else 0 for k in self.float_outputs])
        return self._inner.pullback.batched(axes, tuple([self._axes[k] is None for k in self.float_inputs]))


_MODULES = (
    "jax.core",
    "jax.extend.core",
    "jax.interpreters.ad",
    "jax.interpreters.batching",
    "jax.interpreters.mlir",
)


class Primitives(NamedTuple):
    """The two primitives."""

    call: Any
    linear: Any


def _jax() -> Any:
    import jax

    return jax


@fork_safety.once
def primitives() -> Primitives:
    """The two primitives, declared to JAX when they are first needed."""
    core, extend, ad, batching, mlir = map(import_module, _MODULES)
    call, linear = extend.Primitive("graphc_call"), extend.Primitive("graphc_linear")

    def derived(operation: Operation, primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """The tangents of all results of an operation."""
        results = operation.results(primals)
        places = operation.float_inputs
        out = [_zero(ad, result) for result in results]
        if any(type(tangents[k]) is not ad.Zero for k in places) and operation.float_outputs:
            along = [ad.instantiate_zeros(tangents[k]) for k in places]
            found = linear.bind(*primals, *along, linear=operation.linear, residuals=len(primals))
            for k, tangent in zip(operation.float_outputs, found, strict=True):
                out[k] = tangent
        return out

    def call_jvp(primals: Any, tangents: Any, *, operation: Operation) -> Any:
        return call.bind(*primals, operation=operation), derived(operation, primals, tangents)

    def linear_jvp(primals: Any, tangents: Any, **parameters: Any) -> Any:
        residuals, operation = parameters["residuals"], parameters["linear"].operation
        results = linear.bind(*primals, **parameters)
        if any(type(tangent) is not ad.Zero for tangent in tangents[:residuals]):
            return results, derived(operation, primals, tangents)
        along = map(ad.instantiate_zeros, tangents[residuals:])
        return results, linear.bind(*primals[:residuals], *along, **parameters)

    def linear_transpose(adjoints: Any, *arguments: Any, linear: Linear, residuals: int) -> Any:
        given = map(ad.instantiate_zeros, adjoints)
        swapped = Linear(linear.transpose, linear.operation)
        found = primitive.bind(*arguments[:residuals], *given, linear=swapped, residuals=residuals)
        wanted = map(ad.is_undefined_primal, arguments[residuals:])
        return [None] * residuals + [
            each if asked else None for each, asked in zip(found, wanted, strict=True)
        ]

    def call_batched(arrays: Any, places: Any, *, operation: Operation) -> Any:
        arrays, axes = _first(arrays, places)
        outputs = len(operation.results(_elements(arrays, axes)))
        return call.bind(*arrays, operation=operation.batched(axes, (False,) * outputs)), [0] * outputs

    def linear_batched(arrays: Any, places: Any, *, linear: Linear, residuals: int) -> Any:
        arrays, axes = _first(arrays, places)
        outputs = len(linear.operation.results(_elements(arrays, axes)))
        over = linear.batched(axes, residuals, outputs)
        return primitive.bind(*arrays, linear=over, residuals=residuals), [0] * outputs

    def shaped(results: Sequence[Any]) -> list[Any]:
        return [core.ShapedArray(result.shape, result.dtype) for result in results]

    def call_impl(*arrays: Any, operation: Operation) -> list[Any]:
        return operation.called_back(arrays)

    def linear_impl(*arrays: Any, linear: Linear, residuals: int) -> list[Any]:
        return linear.operation.called_back(arrays)

    primitive = linear
    for each, run in ((call, call_impl), (linear, linear_impl)):
        each.multiple_results = True
        each.def_impl(run)
        mlir.register_lowering(each, mlir.lower_fun(run, multiple_results=True))
    call.def_abstract_eval(lambda *arrays, operation: shaped(operation.results(arrays)))
    linear.def_abstract_eval(lambda *arrays, linear, residuals: shaped(linear.operation.results(arrays)))
    ad.primitive_jvps[call], ad.primitive_jvps[linear] = call_jvp, linear_jvp
    ad.primitive_transposes[linear] = linear_transpose
    batching.primitive_batchers[call] = call_batched
    batching.primitive_batchers[linear] = linear_batched
    return Primitives(call, linear)


def _zero(ad: Any, result: Any) -> Any:
    """The tangent of a result that does not move."""
    jax = _jax()
    kind = result.dtype if jax.numpy.issubdtype(result.dtype, jax.numpy.floating) else jax.dtypes.float0
    return ad.Zero(jax.core.ShapedArray(result.shape, kind))


def _first(arrays: Sequence[Any], places: Sequence[Any]) -> tuple[list[Any], tuple[int | None, ...]]:
    """Arrays with the batch along their first axis, where they have one."""
    moved = [
        array if place is None else _jax().numpy.moveaxis(array, place, 0)
        for array, place in zip(arrays, places, strict=True)
    ]
    return moved, tuple([None if place is None else 0 for place in places])


def _elements(arrays: Sequence[Any], axes: Sequence[int | None]) -> list[Any]:
    """The shapes of what one of the batch is called with."""
    return [
        array if axis is None else _jax().ShapeDtypeStruct(array.shape[1:], array.dtype)
        for array, axis in zip(arrays, axes, strict=True)
    ]


__all__ = ["HostOperation", "Operation", "primitives"]
