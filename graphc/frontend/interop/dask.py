"""Dask: lazy arrays in, lazy arrays out, on Dask's own schedulers.

Functions of numbers are applied block by block. Of array programs at most one named axis may be in several chunks; `split.py`
says what each block computes and what is combined. The tasks hold compiled functions, which travel as graphs and are compiled
once in each process. They run on one thread each: Dask's workers are the threads.
"""

from __future__ import annotations

import hashlib
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.frontend.interop.block_results import combined, of_block
from graphc.frontend.interop.callee import Callee
from graphc.frontend.interop.split import BlockPartial, BlockPass, SplitFormula, split
from graphc.ir.attribute_text import bound
from graphc.ir.expr import Expr, symbol, walk
from graphc.ir.foreign_arrays import package_of
from graphc.ir.inputs import as_value, bind_dimensions, check_shape
from graphc.util import fork_safety
from graphc.util.fork_safety import cached_property

FAN_IN = 8
"""So many partial results are combined by one task."""

_MOST_ARRIVED = 64

_arrived: OrderedDict[str, BlockFunction] = OrderedDict()
_arriving = fork_safety.lock()


@fork_safety.once
def dask_itself() -> Any:
    """The module `dask`."""
    import dask

    return dask


@fork_safety.once
def dask_arrays() -> Any:
    """The module `dask.array`."""
    import dask.array  # pyright: ignore[reportMissingImports]

    return dask.array


class BlockFunction:
    """A compiled function in tasks: pickled as its graph, and compiled once in each process that it comes to."""

    def __init__(self, callee: Callee) -> None:
        self._callee = callee

    def __call__(self, *arrays: Any) -> list[np.ndarray]:
        return self._callee.arrays(arrays)

    @cached_property
    def _packed(self) -> tuple[str, bytes]:
        packed = pickle.dumps(self._callee.call.__self__)  # type: ignore[attr-defined]
        return hashlib.sha256(packed).hexdigest(), packed

    def __reduce__(self) -> Any:
        return arrived, self._packed

    def __dask_tokenize__(self) -> str:
        return self._packed[0]


def arrived(digest: str, packed: bytes) -> BlockFunction:
    """The function of these bytes, the same one each time; the last used 64 stay compiled."""
    with _arriving:
        known = _arrived.get(digest)
        if known is None:
            known = _arrived[digest] = BlockFunction(pickle.loads(packed)._callee())
        _arrived.move_to_end(digest)
        while len(_arrived) > _MOST_ARRIVED:
            _arrived.popitem(last=False)
        return known


@dataclass(frozen=True)
class CompiledPass:
    """A pass over the blocks, compiled.

    before, inputs_before : what is computed once before it, and the symbols that it reads; None where nothing is
    blocks, inputs : what each block computes, and the symbols that it reads
    """

    cut: BlockPass
    before: BlockFunction | None
    inputs_before: tuple[Expr, ...]
    blocks: BlockFunction
    inputs: tuple[Expr, ...]


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
    arrays = [_checked(each, value) for each, value in zip(callee.symbols, values, strict=True)]
    results = _elementwise(callee, arrays) if callee.broadcasts else _declared(callee, arrays)
    return callee.put_together(results)


def _checked(each: Expr, value: Any) -> Any:
    """An argument as a Dask array of the input's type, of known chunks, or as NumPy's array."""
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
        raise InputError(f"the arguments' shapes do not broadcast: {listed}") from None
    ndim = len(shape)
    operands = [part for each in arrays for part in (each, tuple(range(ndim - each.ndim, ndim)))]
    meta = np.empty((0,) * ndim, object)
    blocks = da.blockwise(function, tuple(range(ndim)), *operands, dtype=object, meta=meta)
    return [
        blocks.map_blocks(_item, number, dtype=dtype, meta=np.empty((0,) * ndim, dtype))
        for number, dtype in enumerate(callee.dtypes)
    ]


def _item(results: Sequence[np.ndarray], number: int) -> np.ndarray:
    return results[number]


# --- functions of arrays ----------------------------------------------------------------------------------------------


def _declared(callee: Callee, arrays: list[Any]) -> list[Any]:
    da = dask_arrays()
    for each, array in zip(callee.symbols, arrays, strict=True):
        check_shape(each, array.shape)
    lengths = bind_dimensions(callee.symbols, arrays)
    axis, chunks = _split_axis(callee.symbols, arrays)
    arrays = [_rechunked(each, array, axis) for each, array in zip(callee.symbols, arrays, strict=True)]
    plan = _plan(callee, axis)
    delayed = dask_itself().delayed
    values: dict[Expr, Any] = {plan.cut.length: np.int64(lengths.get(axis, 0))}
    ends = np.cumsum(chunks)
    values[plan.cut.numbers] = [
        delayed(np.arange, pure=False)(int(end) - size, int(end))
        for end, size in zip(ends, chunks, strict=True)
    ]
    for each, array in zip(callee.symbols, arrays, strict=True):
        if axis in each.shape:
            values[each] = _in_blocks(delayed, each, array, axis, chunks)
        elif isinstance(array, da.Array):
            values[each] = array.to_delayed().ravel()[0]
        else:
            values[each] = delayed(array, pure=False, traverse=False) if array.ndim else array
    results: list[Any] = [None] * len(callee.outputs)
    shapes = [bound(output.shape, lengths) for output in callee.outputs]
    for each in plan.passes:
        _run(each, values, axis, chunks, lengths)
        for place, (number, along) in enumerate(each.cut.results, sum(len(p.of) for p in each.cut.partials)):
            parts = []
            for block, size in zip(values["blocks"], chunks, strict=True):  # type: ignore[index]
                shape = (*shapes[number][:along], size, *shapes[number][along + 1 :])
                parts.append(da.from_delayed(_get(delayed, block, place), shape, callee.dtypes[number]))
            results[number] = da.concatenate(parts, along)
    if plan.last is not None:
        found = _called(delayed, plan.last, [values[each] for each in plan.inputs])
        numbers = [number for number, result in enumerate(plan.cut.last) if result is not None]
        for place, number in enumerate(numbers):
            part = _get(delayed, found, place)
            results[number] = da.from_delayed(part, shapes[number], callee.dtypes[number])
    return results


def _split_axis(symbols: Sequence[Expr], arrays: Sequence[Any]) -> tuple[str, tuple[int, ...]]:
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


def _in_blocks(delayed: Any, each: Expr, array: Any, axis: str, chunks: tuple[int, ...]) -> list[Any]:
    """An array cut along its axis as the others are."""
    place = each.shape.index(axis)
    if hasattr(array, "to_delayed"):
        return list(array.rechunk({place: chunks}).to_delayed().ravel())
    ends = np.cumsum(chunks)
    cut = np.split(array, ends[:-1], place)
    return [delayed(np.ascontiguousarray(part), pure=False, traverse=False) for part in cut]


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


def _called(delayed: Any, function: BlockFunction, arguments: list[Any]) -> Any:
    return delayed(function, pure=False, traverse=False)(*arguments)


def _get(delayed: Any, results: Any, place: int) -> Any:
    return delayed(_item, pure=False, traverse=False)(results, place)


def _run(
    each: CompiledPass, values: dict[Any, Any], axis: str, chunks: tuple[int, ...], lengths: Any
) -> None:
    """The tasks of one pass; `values` gets the stand-ins of its partials, and its blocks."""
    delayed = dask_itself().delayed
    if each.before is not None:
        found = _called(delayed, each.before, [values[symbol] for symbol in each.inputs_before])
        for place, stand_in in enumerate(each.cut.whole):
            values[stand_in] = _get(delayed, found, place)
    function = delayed(each.blocks, pure=False, traverse=False)
    kinds = [(partial.kind, len(partial.of), _step(partial, lengths)) for partial in each.cut.partials]
    compute = delayed(of_block, pure=False, traverse=False)
    blocks, start, total = [], 0, sum(chunks)
    for number, size in enumerate(chunks):
        arguments = [
            values[symbol][number] if axis in symbol.shape else values[symbol] for symbol in each.inputs
        ]
        blocks.append(compute(function, kinds, start, size, total, *arguments))
        start += size
    values["blocks"] = blocks
    if not kinds:
        return
    combine: Callable[..., Any] = delayed(combined, pure=False, traverse=False)
    names = [kind for kind, _, _ in kinds]
    level = [combine(names, block) for block, size in zip(blocks, chunks, strict=True) if size]
    while len(level) > 1:
        level = [combine(names, *level[k : k + FAN_IN]) for k in range(0, len(level), FAN_IN)]
    for place, partial in enumerate(each.cut.partials):
        values[partial.stand_in] = delayed(_value_of, pure=False, traverse=False)(level[0], place)


def _value_of(partials: Sequence[tuple[np.ndarray, ...]], place: int) -> np.ndarray:
    return partials[place][-1]


def _step(partial: BlockPartial, lengths: Any) -> int:
    """How far apart rows are where the place of an extreme is counted."""
    return 1 if partial.along is None else math.prod(bound(partial.along, lengths))


__all__ = [
    "FAN_IN",
    "BlockFunction",
    "CompiledPass",
    "DaskPlan",
    "arrived",
    "call",
    "dask_arrays",
    "dask_itself",
]
