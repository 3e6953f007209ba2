"""Dask: lazy arrays in, lazy arrays out, on Dask's own schedulers.

Functions of numbers are applied block by block. Of array programs at most one named axis may be in several chunks; `split.py`
says what each block computes and what is combined. The tasks hold compiled functions, which travel as graphs and are compiled
once in each process. They run on one thread each: Dask's workers are the threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.frontend.interop.block_function import BlockFunction, CompiledPass, dask_arrays, dask_itself
from graphc.frontend.interop.block_results import BlockTask
from graphc.frontend.interop.block_tasks import CARRIED, Blocks, called, item, item_of
from graphc.frontend.interop.callee import Callee
from graphc.frontend.interop.mapped_files import is_mapped
from graphc.frontend.interop.split import SplitFormula, split
from graphc.ir.attribute_text import bound
from graphc.ir.expr import Expr, symbol, walk
from graphc.ir.foreign_arrays import package_of
from graphc.ir.inputs import as_value, bind_dimensions, check_shape
from graphc.ir.types import BROADCASTING
from graphc.util.records import dataclass


@dataclass(frozen=True)
class DaskPlan:
    """A formula cut along an axis, compiled."""

    cut: SplitFormula
    passes: list[CompiledPass]
    last: BlockFunction | None
    inputs: tuple[Expr, ...]


def call(callee: Callee, values: Sequence[Any]) -> Any:
    """A function of which some arguments are Dask arrays: lazy Dask arrays.

    Raises `InputError` for chunks that are not known, do not line up or are on other devices, and for what cannot be computed
    block by block, with the node and its line.
    """
    if callee.writes:
        raise InputError("a function that updates its inputs takes no Dask arrays", hint="pass x.compute()")
    arrays = [checked(each, value) for each, value in zip(callee.symbols, values, strict=True)]
    results = _elementwise(callee, arrays) if callee.broadcasts else _declared(callee, arrays)
    return callee.put_together(results)


def checked(each: Expr, value: Any) -> Any:
    """An argument as a Dask array of the input's type, of known chunks, or as NumPy's array."""
    if is_mapped(value):
        as_value(symbol(each.name, (), each.dtype), np.zeros((), value.dtype))
        return value
    if package_of(value) != "dask":
        return as_value(each, value)
    kind = type(value).__name__
    if not isinstance(value, dask_arrays().Array):
        hint = "to_dask_array(lengths=True)" if hasattr(value, "to_dask_array") else "compute()"
        raise InputError(
            f"input {each.name!r} got a {kind} of Dask, which is no array",
            hint=f"pass {each.name}.{hint}, or da.from_delayed(…) with its shape and dtype",
        )
    if any(math.isnan(length) for chunks in value.chunks for length in chunks):
        raise InputError(
            f"input {each.name!r} got a Dask array whose chunks have unknown sizes",
            hint=f"pass {each.name}.compute_chunk_sizes()",
        )
    meta = getattr(value, "_meta", None)
    if meta is not None and not isinstance(meta, np.ndarray):
        raise InputError(
            f"input {each.name!r} got a Dask array of {type(meta).__name__} blocks of {package_of(meta)}",
            hint=f"pass {each.name}.map_blocks(…) that makes NumPy's arrays of the blocks",
        )
    as_value(symbol(each.name, (), each.dtype), np.zeros((), value.dtype))  # whether the type fits
    return value.astype(each.dtype)


# --- functions of numbers ---------------------------------------------------------------------------------------------


def _elementwise(callee: Callee, arrays: list[Any]) -> list[Any]:
    da = dask_arrays()
    function = callee.memory.get("dask")
    if function is None:
        function = callee.memory["dask"] = BlockFunction(
            callee.compiled(callee.outputs, callee.symbols, True)
        )
    arrays = [np.zeros((), each.dtype) if k in callee.unused else each for k, each in enumerate(arrays)]
    try:
        shape = np.broadcast_shapes(*[each.shape for each in arrays])
    except ValueError:
        listed = ", ".join(f"{name}: {each.shape}" for name, each in zip(callee.inputs, arrays, strict=True))
        raise InputError(f"the arguments' shapes do not broadcast: {listed}", hint=BROADCASTING) from None
    ndim = len(shape)
    operands = [part for each in arrays for part in (each, tuple(range(ndim - each.ndim, ndim)))]
    meta = np.empty((0,) * ndim, object)
    blocks = da.blockwise(function, tuple(range(ndim)), *operands, dtype=object, meta=meta)
    return [
        blocks.map_blocks(item, number, dtype=dtype, meta=np.empty((0,) * ndim, dtype))
        for number, dtype in enumerate(callee.dtypes)
    ]


# --- functions of arrays ----------------------------------------------------------------------------------------------


def _declared(callee: Callee, arrays: list[Any]) -> list[Any]:
    da = dask_arrays()
    plan, blocks, whole = _placed(callee, arrays)
    results: list[Any] = [None] * len(callee.outputs)
    shapes = [bound(output.shape, blocks.lengths) for output in callee.outputs]
    for each in plan.passes:
        found = blocks.run(each, whole)
        for place, (number, along) in enumerate(each.cut.results, sum(len(p.of) for p in each.cut.partials)):
            parts = []
            for block, size in zip(found, blocks.chunks, strict=True):
                shape = (*shapes[number][:along], size, *shapes[number][along + 1 :])
                parts.append(da.from_delayed(item_of(block, place), shape, callee.dtypes[number]))
            results[number] = da.concatenate(parts, along)
    if plan.last is not None:
        found = called(plan.last, [whole[each] for each in plan.inputs])
        numbers = [number for number, result in enumerate(plan.cut.last) if result is not None]
        for place, number in enumerate(numbers):
            part = item_of(found, place)
            results[number] = da.from_delayed(part, shapes[number], callee.dtypes[number])
    return results


def results_without_rows(
    callee: Callee, values: Sequence[Any], placed: Callable[[BlockTask], Any] | None = None
) -> Any:
    """The list of a function's results in one lazy task: less for the scheduler to do than arrays of their own.

    placed : what gives the function of the blocks as it is where they are (`Blocks`)

    Raises `InputError` for a result with the axis that is in several chunks.
    """
    arrays = [checked(each, value) for each, value in zip(callee.symbols, values, strict=True)]
    plan, blocks, whole = _placed(callee, arrays, placed)
    for output, result in zip(callee.outputs, plan.cut.last, strict=True):
        if result is None:
            raise InputError(
                f"a result has the axis {blocks.axis!r} of the data, which stays on the cluster",
                node=repr(output),
                site=output.site,
                hint="call the compiled function with the Dask arrays: its results are Dask arrays",
            )
    for each in plan.passes:
        blocks.run(each, whole)
    return blocks.one_task(called(plan.last, [whole[each] for each in plan.inputs]), last=True)


def _placed(
    callee: Callee, arrays: list[Any], placed: Callable[[BlockTask], Any] | None = None
) -> tuple[DaskPlan, Blocks, dict[Expr, Any]]:
    """A call's plan, its data in blocks, and its values without rows."""
    for each, array in zip(callee.symbols, arrays, strict=True):
        check_shape(each, array.shape)
    lengths = bind_dimensions(callee.symbols, arrays)
    axis, chunks = split_axis(callee.symbols, arrays)
    arrays = [_rechunked(each, array, axis) for each, array in zip(callee.symbols, arrays, strict=True)]
    plan = _plan(callee, axis)
    delayed = dask_itself().delayed
    whole: dict[Expr, Any] = {plan.cut.length: np.int64(lengths.get(axis, 0))}
    blocks = Blocks(axis, chunks, lengths, plan.cut.numbers, placed)
    for each, array in zip(callee.symbols, arrays, strict=True):
        if axis in each.shape:
            blocks.add(each, array)
        elif isinstance(array, dask_arrays().Array):
            whole[each] = array.to_delayed().ravel()[0]
        else:
            array = np.asarray(array, each.dtype)
            small = array.nbytes * len(chunks) <= CARRIED
            whole[each] = array if small else delayed(array, pure=False, traverse=False)
    return plan, blocks, whole


def split_axis(symbols: Sequence[Expr], arrays: Sequence[Any]) -> tuple[str, tuple[int, ...]]:
    """The one named axis that is in several chunks, and these; "" where none is."""
    found: dict[str, tuple[tuple[int, ...], Expr]] = {}
    for each, array in zip(symbols, arrays, strict=True):
        for dim, chunks in zip(each.shape, getattr(array, "chunks", ()), strict=False):
            if not isinstance(dim, str) or len(chunks) < 2:
                continue
            known, first = found.setdefault(dim, (chunks, each))
            if known != chunks:
                raise InputError(
                    f"the chunks along the axis {dim!r} do not line up: {_shown(known)} of input {first.name!r} and "
                    f"{_shown(chunks)} of input {each.name!r}",
                    hint=f"pass {each.name}.rechunk({{{each.shape.index(dim)}: {first.name}.chunks[{first.shape.index(dim)}]}})",
                )
    if len(found) > 1:
        (one, _), (other, (_, each)) = list(found.items())[:2]
        raise InputError(
            f"the axes {one!r} and {other!r} are both in several chunks, and one can be computed block by block",
            hint=f"pass {each.name}.rechunk({{{each.shape.index(other)}: -1}})",
        )
    return next(((dim, chunks) for dim, (chunks, _) in found.items()), ("", ()))


def _shown(chunks: tuple[int, ...]) -> str:
    return str(chunks) if len(chunks) <= 6 else f"({', '.join(map(str, chunks[:5]))}, …)"


def _rechunked(each: Expr, array: Any, axis: str) -> Any:
    """A Dask array in one chunk along all axes but the one that is split; of an array with one chunk along that, its own."""
    if not hasattr(array, "rechunk"):
        return array
    return array.rechunk({k: -1 for k, dim in enumerate(each.shape) if dim != axis})


def _plan(callee: Callee, axis: str) -> DaskPlan:
    plan = callee.memory.get(("dask", axis))
    if plan is not None:
        return plan
    if axis:
        cut = split(callee.unfolded(), axis)
    else:
        cut = SplitFormula(
            "", symbol("length", (), "int64"), symbol("rows", (), "int64"), [], list(callee.outputs)
        )
    passes = []
    for each in cut.passes:
        before, before_inputs = _compiled(callee, list(each.whole.values()))
        blocks, inputs = _compiled(callee, each.outputs)
        if blocks is not None:
            passes.append(CompiledPass(each, before, before_inputs, blocks, inputs))
    last, inputs = _compiled(callee, [result for result in cut.last if result is not None])
    plan = callee.memory["dask", axis] = DaskPlan(cut, passes, last, inputs)
    return plan


def _compiled(callee: Callee, outputs: list[Expr]) -> tuple[BlockFunction | None, tuple[Expr, ...]]:
    if not outputs:
        return None, ()
    inputs = tuple([node for node in walk(outputs) if node.is_symbol])
    return BlockFunction(callee.compiled(outputs, inputs, True)), inputs


__all__ = ["DaskPlan", "call", "checked", "results_without_rows", "split_axis"]
