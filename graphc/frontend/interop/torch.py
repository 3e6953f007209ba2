"""PyTorch: tensors in and out without copies, and compiled functions as differentiable functions of tensors.

One operation of PyTorch's, `graphc::call`, stands for all compiled functions; its argument says which. `torch.compile` sees it as
one opaque node whose shapes it knows, and its derivative is the same operation with the function that graphc derives, so that
derivatives of any order are derivatives of graphs.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import DtypeError, InputError
from graphc.frontend.interop.callee import Callee
from graphc.ir import dims
from graphc.ir.expr import Expr, current_site
from graphc.ir.foreign_arrays import as_numpy, is_differentiated, package_of
from graphc.util import fork_safety
from graphc.util.fork_safety import cached_property

_functions: weakref.WeakValueDictionary[str, TorchFunction] = weakref.WeakValueDictionary()
"""By the name that the operation is called with; each lives as long as somebody holds it."""

_numbers = itertools.count()


@fork_safety.once
def pytorch() -> Any:
    """The module `torch`."""
    try:
        import torch
    except ImportError as error:
        raise InputError(
            "f.torch() needs the package torch", site=current_site(), hint="pip install torch"
        ) from error
    return torch


class TorchFunction:
    """A compiled function as a differentiable function of PyTorch's tensors.

    It takes tensors on the processor, by position and by name, and gives tensors in the structure of the results. Derivatives of
    every order are graphs that graphc derives and compiles when they are first asked for. Memory is shared in both directions.
    """

    def __init__(self, callee: Callee) -> None:
        self._torch = pytorch()
        self._operation = operation()
        self._written = callee
        self._callee, constants = callee.without_arrays()
        callee = self._callee
        self._constants = [self._torch.from_numpy(each.copy()) for each in constants]
        self._inputs = self._written.inputs
        self._dtypes = [_dtype_of(self._torch, each) for each in callee.symbols]
        self._broadcast = [
            k for k in range(len(callee.inputs)) if callee.broadcasts and k not in callee.unused
        ]
        self._name = str(next(_numbers))
        _functions[self._name] = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = self._written.bound(args, kwargs) if kwargs or len(args) != len(self._inputs) else args
        tensors = [self._tensor(number, value) for number, value in enumerate(values)]
        tensors += self._constants
        self._widen(tensors)
        if is_transformed():
            return self._written.put_together(list(transformed().apply(self._name, *tensors)))
        return self._written.put_together(self._operation(tensors, self._name))

    def _widen(self, tensors: list[Any]) -> None:
        """Broadcast what stands element by element. `broadcast_tensors` would do so, but not all of PyTorch's batches have it."""
        if len(self._broadcast) > 1:
            shape = self._torch.broadcast_shapes(*[tensors[k].shape for k in self._broadcast])
            for k in self._broadcast:
                if tensors[k].shape != shape:
                    tensors[k] = tensors[k].expand(shape)

    def __repr__(self) -> str:
        return f"<compiled ({', '.join(self._inputs)}) for torch>"

    def __reduce__(self) -> Any:
        return _of_compiled, (self._written.call.__self__,)  # type: ignore[attr-defined]

    def __deepcopy__(self, memo: Any) -> TorchFunction:
        return self

    def _tensor(self, number: int, value: Any) -> Any:
        """An argument as a tensor of the input's type, by a cast that loses nothing."""
        torch, dtype = self._torch, self._dtypes[number]
        if not isinstance(value, torch.Tensor):
            if isinstance(value, (bool, int, float)):
                return torch.tensor(value, dtype=dtype)
            value = torch.as_tensor(value)
        if value.dtype != dtype:
            if torch.promote_types(value.dtype, dtype) != dtype:
                raise DtypeError(
                    f"input {self._inputs[number]!r} is {dtype} and got a tensor of {value.dtype}: the cast could lose "
                    "information",
                    hint=f"pass {self._inputs[number]}.to({dtype}), or declare the symbol with that dtype",
                )
            value = value.to(dtype)
        return value

    @cached_property
    def pullback(self) -> TorchFunction:
        """What goes back to the inputs that are floats."""
        return TorchFunction(self._callee.pullback())

    def run(self, tensors: Sequence[Any]) -> list[Any]:
        """The results on tensors that hold values."""
        arrays = [_array(tensor.detach()) for tensor in tensors]
        results = self._callee.arrays(arrays)
        return [_own(self._torch, result, arrays) for result in results]

    def shapes(self, tensors: Sequence[Any]) -> list[Any]:
        """Tensors without values, of the shapes and types of the results."""
        callee, torch = self._callee, self._torch
        dtypes = [getattr(torch, dtype.name) for dtype in callee.dtypes]
        if callee.broadcasts:
            used = [tensors[k].shape for k in self._broadcast]
            shapes = [torch.broadcast_shapes(*used) if used else ()] * len(dtypes)
        else:
            lengths: dict[str, Any] = {}
            for symbol, tensor in zip(callee.symbols, tensors, strict=True):
                for dim, length in zip(symbol.shape, tensor.shape, strict=True):
                    if isinstance(dim, str):
                        lengths[dim] = length
            shapes = [_evaluated(output, lengths) for output in callee.outputs]
        like = tensors[0] if tensors else torch.empty(0)
        return [like.new_empty(shape, dtype=dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]

    def back(self, tensors: Sequence[Any], adjoints: Sequence[Any], shapes: Sequence[Any]) -> list[Any]:
        """What goes back to each input, None to those that have no derivative."""
        callee, torch = self._callee, self._torch
        seeds = [
            torch.zeros(shapes[k], dtype=getattr(torch, callee.dtypes[k].name))
            if adjoints[k] is None
            else adjoints[k]
            for k in callee.float_outputs
        ]
        back: list[Any] = [None] * len(tensors)
        numbers = callee.float_inputs
        if not numbers or not seeds:
            return back
        given = self.pullback(*tensors, *seeds)
        for number, adjoint in zip(numbers, given, strict=True):
            back[number] = (
                adjoint if adjoint.shape == tensors[number].shape else adjoint.expand(tensors[number].shape)
            )
        return back

    def forward(self, tensors: Sequence[Any], tangents: Sequence[Any], shapes: Sequence[Any]) -> list[Any]:
        """How the results change along tangents, None of those that are no floats: what goes back through what goes back.

        The pullback is linear in its seeds, so its own pullback by them is its transpose, the derivative itself.
        """
        callee, torch = self._callee, self._torch
        changes: list[Any] = [None] * len(shapes)
        if not callee.float_inputs or not callee.float_outputs:
            return changes
        seeds = [
            torch.zeros(shapes[k], dtype=getattr(torch, callee.dtypes[k].name)) for k in callee.float_outputs
        ]
        given = self.pullback(*tensors, *seeds)
        along = [
            (torch.zeros_like(tensors[k]) if tangents[k] is None else tangents[k]).sum_to_size(back.shape)
            for k, back in zip(callee.float_inputs, given, strict=True)
        ]
        back = self.pullback.back([*tensors, *seeds], along, [each.shape for each in given])
        for k, change in zip(callee.float_outputs, back[len(tensors) :], strict=True):
            changes[k] = change
        return changes

    def in_batch(
        self, size: int, places: Sequence[int | None], tensors: Sequence[Any], call: Callable[..., Any]
    ) -> tuple[tuple[Any, ...], Any]:
        """The results of a batch of arguments, whose axis stands at these places of them, and where it is in the results.

        call : the function of tensors without that axis, given its name and them
        """
        torch = self._torch
        front = [
            each if place is None else each.movedim(place, 0)
            for place, each in zip(places, tensors, strict=True)
        ]
        if self._callee.broadcasts:
            for k in self._callee.unused:
                if places[k] is not None:
                    front[k] = front[k].new_zeros(front[k].shape[1:])
            ranks = {k: front[k].ndim - (places[k] is not None) for k in self._broadcast}
            for (
                k,
                rank,
            ) in ranks.items():  # aligned at their last axis, and the batch stands before all of them
                if places[k] is not None:
                    ones = (1,) * (max(ranks.values()) - rank)
                    front[k] = front[k].reshape(size, *ones, *front[k].shape[1:])
            self._widen(front)
            results = call(self._name, *front)
            there = any(places[k] is not None for k in self._broadcast)
            return tuple(results), (0 if there else None,) * len(results)
        rows = [
            call(self._name, *[each if place is None else each[k] for place, each in zip(places, front, strict=True)])
            for k in range(size)
        ]  # fmt: skip
        stacked = [torch.stack(each) for each in zip(*rows, strict=True)]
        return tuple(stacked), (0,) * len(stacked)


def _evaluated(output: Expr, lengths: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple([dims.evaluate(dim, lengths) for dim in output.shape])


def _dtype_of(torch: Any, each: Expr) -> Any:
    dtype = getattr(torch, each.dtype.name, None)
    if dtype is None:
        raise DtypeError(f"input {each.name!r} is {each.dtype}, which PyTorch does not have")
    return dtype


def _array(tensor: Any) -> np.ndarray:
    return tensor.resolve_conj().resolve_neg().numpy()


def _own(torch: Any, result: np.ndarray, arrays: Sequence[np.ndarray]) -> Any:
    """A result as a tensor over the same memory, or over its own where that is an argument's or cannot be written."""
    if not result.flags.writeable or any(np.may_share_memory(result, array) for array in arrays):
        result = result.copy()
    return torch.from_numpy(result)


@fork_safety.once
def operation() -> Any:
    """The operation `graphc::call`, declared to PyTorch when it is first needed."""
    torch = pytorch()

    def call(inputs: Sequence[Any], function: str) -> list[Any]:
        return _functions[function].run(inputs)

    made = torch.library.custom_op(
        "graphc::call",
        call,
        mutates_args=(),
        schema="(Tensor[] inputs, str function) -> Tensor[]",
        device_types="cpu",
    )
    made.register_fake(lambda inputs, function: _functions[function].shapes(inputs))

    def remember(ctx: Any, inputs: tuple[Any, ...], output: Sequence[Any]) -> None:
        tensors, function = inputs
        ctx.save_for_backward(*tensors)
        ctx.function = _functions[function]
        ctx.shapes = [result.shape for result in output]

    def backward(ctx: Any, adjoints: Sequence[Any]) -> tuple[Any, None]:
        return ctx.function.back(ctx.saved_tensors, adjoints, ctx.shapes), None

    made.register_autograd(backward, setup_context=remember)
    rules = torch.library.Library("graphc", "IMPL")
    rules.impl("call", _in_older_batch, "Batched")
    made._rules = rules  # they hold as long as this lives
    return torch.ops.graphc.call


def _in_older_batch(inputs: Sequence[Any], function: str) -> list[Any]:
    """The operation in the batches of `torch.autograd`: `is_grads_batched=True`, `jacobian(…, vectorize=True)`, `gradcheck`.

    These are not `torch.func.vmap`'s: their tensors hide an axis at a level, of which the innermost is taken off here.
    """
    torch = pytorch()
    level = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    fronts = [torch._remove_batch_dim(each, level, 1, 0) for each in inputs]  # length 1: not of this batch
    size = max([front.shape[0] for front in fronts], default=1)
    places = [0 if front.shape[0] == size else None for front in fronts]
    tensors = [front if place == 0 else front[0] for front, place in zip(fronts, places, strict=True)]
    results, where = _functions[function].in_batch(size, places, tensors, _operation_on)
    return [
        result if place is None else torch._add_batch_dim(result, place, level)
        for result, place in zip(results, where, strict=True)
    ]


def _operation_on(function: str, *tensors: Any) -> list[Any]:
    return operation()(list(tensors), function)


def is_transformed() -> bool:
    """Whether this is within `torch.func`'s transformations or at a level of forward derivatives, unknown to operations."""
    torch = pytorch()
    if torch.compiler.is_compiling():
        return False
    return torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0


@fork_safety.once
def transformed() -> Any:
    """The operation as a function that `torch.func` transforms: with both derivatives, and over batches."""
    torch = pytorch()

    class TransformedCall(torch.autograd.Function):
        @staticmethod
        def forward(function: str, *tensors: Any) -> Any:
            return tuple(operation()(list(tensors), function))

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            function, *tensors = inputs
            ctx.function = _functions[function]
            ctx.shapes = [result.shape for result in output]
            ctx.save_for_backward(*tensors)
            ctx.save_for_forward(*tensors)
            ctx.set_materialize_grads(False)

        @staticmethod
        def backward(ctx: Any, *adjoints: Any) -> Any:
            return None, *ctx.function.back(ctx.saved_tensors, adjoints, ctx.shapes)

        @staticmethod
        def jvp(ctx: Any, _: Any, *tangents: Any) -> Any:
            return tuple(ctx.function.forward(ctx.saved_tensors, tangents, ctx.shapes))

        @staticmethod
        def vmap(info: Any, places: Any, function: str, *tensors: Any) -> Any:
            return _functions[function].in_batch(info.batch_size, places[1:], tensors, TransformedCall.apply)

    return TransformedCall


def function_of(callee: Callee) -> TorchFunction:
    """The function as one of tensors, the same one each time."""
    made = callee.memory.get("torch")
    if made is None:
        made = callee.memory["torch"] = TorchFunction(callee)
    return made


def _of_compiled(compiled: Any) -> TorchFunction:
    return function_of(compiled._callee())


def call(callee: Callee, values: Sequence[Any]) -> Any:
    """A function on tensors: tensors over the results' memory; differentiable ones where a gradient is asked for."""
    torch = pytorch()
    if not torch.is_grad_enabled():
        values = [value.detach() if package_of(value) == "torch" else value for value in values]
    elif any(map(is_differentiated, values)) or is_transformed():
        return function_of(callee)(*values)
    arrays = [
        as_numpy(symbol.name, value) if package_of(value) == "torch" else value
        for symbol, value in zip(callee.symbols, values, strict=True)
    ]
    return callee.put_together([_own(torch, array, ()) for array in callee.arrays(arrays)])


__all__ = ["TorchFunction", "call", "function_of", "operation", "pytorch"]
