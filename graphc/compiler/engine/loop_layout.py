"""How a loop walks over arrays: memory order of the results, order and merging of dimensions, blocks.

Pure arithmetic on shapes and byte strides, which `elementwise_loops.py` has machine code for. Strides are rows: one for each
dimension of the loop, with an entry for each operand, 0 where the operand is broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from graphc.compiler.engine import buffer_pool
from graphc.ir.types import DType

SHORT = 8
"""An innermost dimension below this length, a vector or less, changes places with a longer one."""

BLOCK = 512
"""Elements of the longer dimension that are stepped through at once then: they stay in the fastest cache."""

FAR = 1024
"""An operand that moves by as many bytes or more from one element to the next takes a cache line for each."""

TILE = 32
"""Elements of the innermost dimension that are stepped through at once beside such an operand, which finds its lines in cache
again with the next step of the dimension around it."""

LARGE = 2 << 20
"""Elements from which that pays: fewer stay in the last cache anyway. x + y.T of 4,000 × 1,000 takes 15 ms so and 54 without, of
1,000 × 1,000 2.0 and 1.7."""


class Run(NamedTuple):
    """One call of the loop nest.

    extents : the lengths of the dimensions, outermost first
    rows : for each dimension the byte stride of each operand
    offsets : for each operand the bytes from its first element to where the run begins
    """

    extents: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]
    offsets: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many elements the run computes."""
        return int(np.prod(self.extents, dtype=np.int64))


def strides_over(array: np.ndarray, ndim: int) -> tuple[int, ...]:
    """Byte strides over a space of `ndim` dimensions; 0 where the array is broadcast."""
    shape = array.shape
    if 1 not in shape:
        return (0,) * (ndim - len(shape)) + array.strides
    own = [0 if length == 1 else stride for length, stride in zip(shape, array.strides, strict=True)]
    return (0,) * (ndim - len(shape)) + tuple(own)


def memory_order(ndim: int, strides: Sequence[Sequence[int]]) -> list[int]:
    """The dimensions from the outermost to the innermost of a result in memory: NumPy's order "K".

    strides : for each operand its strides over the space

    A dimension comes inside another when every operand that moves along both says so; where operands disagree, or say nothing,
    the dimensions keep their places. This is an insertion sort, as NumPy's is, because the relation is not transitive.

    >>> memory_order(2, [(8, 32)]), memory_order(2, [(8, 32), (40, 8)])
    ([1, 0], [0, 1])
    """
    if ndim < 2:
        return list(range(ndim))
    inside_out: list[int] = []
    for axis in reversed(range(ndim)):
        place = len(inside_out)
        for earlier in range(len(inside_out) - 1, -1, -1):
            other = inside_out[earlier]
            votes = [
                abs(s[other]) > abs(s[axis]) for s in strides if s[axis] and s[other]
            ]  # whether `axis` belongs inside
            if votes and not all(votes):
                break
            if votes:
                place = earlier
        inside_out.insert(place, axis)
    return inside_out[::-1]


def empty(
    shape: tuple[int, ...],
    dtype: DType,
    order: Sequence[int],
    new: Callable[[tuple[int, ...], DType], np.ndarray] = buffer_pool.empty,
) -> np.ndarray:
    """A new array of `new` with its dimensions in memory as `order` says, outermost first."""
    if list(order) == list(range(len(shape))):
        return new(shape, dtype)
    places = [0] * len(order)
    for place, axis in enumerate(order):
        places[axis] = place
    return new(tuple([shape[axis] for axis in order]), dtype).transpose(places)


def runs(shape: tuple[int, ...], strides: Sequence[Sequence[int]], outputs: int) -> list[Run]:
    """The walk over all elements of a space: one run, or two where a dimension is cut into blocks that leave a rest.

    shape : the lengths of the space's dimensions, none of them 0
    strides : for each operand, the inputs before the outputs, its strides over the space
    outputs : how many of the operands are outputs
    """
    whole = _collapsed(shape, strides, outputs)
    if len(whole.extents) < 2:
        return [whole]
    inner = whole.extents[-1]
    longest = max(range(len(whole.extents)), key=lambda axis: whole.extents[axis])
    if inner < SHORT and whole.extents[longest] >= 4 * inner:
        order = [axis for axis in range(len(whole.extents)) if axis != longest] + [longest]
        return _blocks(_permuted(whole, order), BLOCK)
    if whole.elements >= LARGE and inner >= 4 * TILE and max(map(abs, whole.rows[-1])) >= FAR:
        return _blocks(whole, TILE)
    return [whole]


def pattern(run: Run, itemsizes: Sequence[int]) -> str:
    """How each operand moves along the innermost dimension, a letter for each: see `elementwise_loops.Pattern`."""
    return "".join(
        [
            "c" if stride == size else "b" if not stride else "r" if stride == -size else "s"
            for stride, size in zip(run.rows[-1], itemsizes, strict=True)
        ]
    )


def _collapsed(shape: tuple[int, ...], strides: Sequence[Sequence[int]], outputs: int) -> Run:
    """The space with as few dimensions as possible.

    Dimensions of length 1 go. The dimension with the smallest strides comes innermost, an output's counting twice. One along
    which no operand moves forwards is walked backwards. Neighbours are merged where every operand steps through both as through
    one.
    """
    inputs = len(strides) - outputs
    columns = list(zip(*strides, strict=True)) if strides else []
    axes = [axis for axis, length in enumerate(shape) if length != 1]
    weight = {axis: sum(map(abs, columns[axis])) + sum(map(abs, columns[axis][inputs:])) for axis in axes}
    axes.sort(key=weight.__getitem__, reverse=True)
    extents: list[int] = []
    rows: list[tuple[int, ...]] = []
    offsets = [0] * len(strides)
    for axis in axes:
        length, row = shape[axis], columns[axis]
        if max(row) <= 0 and min(row) < 0:
            offsets = [offset + (length - 1) * stride for offset, stride in zip(offsets, row, strict=True)]
            row = tuple([-stride for stride in row])
        if rows and all(outer == inner * length for outer, inner in zip(rows[-1], row, strict=True)):
            extents[-1] *= length
            rows[-1] = row
        else:
            extents.append(length)
            rows.append(row)
    if not extents:
        return Run((1,), ((0,) * len(strides),), tuple(offsets))
    return Run(tuple(extents), tuple(rows), tuple(offsets))


def _permuted(run: Run, order: Sequence[int]) -> Run:
    return Run(
        tuple([run.extents[axis] for axis in order]), tuple([run.rows[axis] for axis in order]), run.offsets
    )


def _blocks(run: Run, size: int) -> list[Run]:
    """The innermost dimension in blocks, a loop over which comes outermost, and what is left over."""
    count, rest = divmod(run.extents[-1], size)
    if count < 2:
        return [run]
    step = run.rows[-1]
    between = tuple([size * stride for stride in step])
    cut = [Run((count, *run.extents[:-1], size), (between, *run.rows), run.offsets)]
    if rest:
        offsets = [offset + count * distance for offset, distance in zip(run.offsets, between, strict=True)]
        cut.append(Run((*run.extents[:-1], rest), run.rows, tuple(offsets)))
    return cut
