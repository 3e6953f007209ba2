"""Arrays cut in blocks for Dask: those of memory-mapped files by name and place, so that each worker maps the file itself.

Pickled, a mapped array is all its numbers; as (file, offset, strides) it is a few bytes. Its file must be there on every worker.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import FileError
from graphc.frontend.interop.block_function import dask_arrays, dask_itself
from graphc.util.records import dataclass


@dataclass(frozen=True)
class MappedBlock:
    """A part of a file as an array: read where it is asked for, and copied, so that a block is in memory as any other.

    path, offset : the file, and where in it the first element stands; strides : in bytes
    """

    path: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype

    def __call__(self) -> np.ndarray:
        size = self.dtype.itemsize
        spans = [stride * (length - 1) for stride, length in zip(self.strides, self.shape, strict=True)]
        first = self.offset + sum(span for span in spans if span < 0)
        last = self.offset + sum(span for span in spans if span > 0) + size
        if not all(self.shape):
            return np.empty(self.shape, self.dtype)
        try:
            raw = np.memmap(self.path, np.uint8, "r", first, (last - first,))
        except (OSError, ValueError) as error:
            raise FileError(
                f"{self.path}: the mapped file cannot be read on this worker: {error}",
                hint="a path that every worker reads, and a file that keeps its length",
            ) from error
        view = np.ndarray(self.shape, self.dtype, raw, self.offset - first, self.strides)
        return np.array(view)


def is_mapped(array: Any) -> bool:
    """Whether an array's elements stand in a mapped file that has a name."""
    return isinstance(array, np.memmap) and array.filename is not None and array._mmap is not None  # type: ignore[attr-defined]


def place_in_file(array: np.memmap) -> int:
    """Where the first element of an array, or of a view of one, stands in its file."""
    begin = (
        array.offset - array.offset % mmap.ALLOCATIONGRANULARITY
    )  # where the map begins: NumPy rounds down to whole pages
    mapped = np.frombuffer(array._mmap, np.uint8)  # type: ignore[attr-defined]
    return begin + array.__array_interface__["data"][0] - mapped.__array_interface__["data"][0]


def in_blocks(array: Any, place: int, chunks: Sequence[int]) -> Any:
    """An array as Dask's, in these chunks along an axis and in one along the others."""
    da = dask_arrays()
    if isinstance(array, da.Array):
        return array.rechunk({place: tuple(chunks)})
    if not is_mapped(array):
        array = np.asarray(array)
        return da.from_array(
            array,
            tuple([tuple(chunks) if k == place else (n,) for k, n in enumerate(array.shape)]),
            name=False,
        )
    delayed = dask_itself().delayed
    parts, start, first = [], 0, place_in_file(array)
    path = os.path.abspath(array.filename)
    for size in chunks:
        shape = (*array.shape[:place], size, *array.shape[place + 1 :])
        offset = first + start * array.strides[place]
        block = MappedBlock(path, offset, shape, array.strides, array.dtype)
        parts.append(da.from_delayed(delayed(block, pure=False, traverse=False)(), shape, array.dtype))
        start += size
    return da.concatenate(parts, place)


__all__ = ["MappedBlock", "in_blocks", "is_mapped", "place_in_file"]
