"""IDX files, the format of MNIST: a head of the element's type and the lengths of the axes, then the elements, big-endian."""

from __future__ import annotations

import gzip
import math
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from graphc.errors import FormatError, InputError, brief
from graphc.ir.types import MAX_DIMENSIONS
from graphc.util.files import as_text, check_unpacked, decoding, opened

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The third byte of the head → the elements' type."""


def read_idx(path: str | os.PathLike[str], mmap: bool = False) -> np.ndarray:
    """The array in an IDX file, which may be packed by gzip.

    mmap : leave the elements in the file and read them as they are used; for a file that is not packed

    Raises `FileError` for a file that cannot be read, `FormatError` for one that is none of IDX, or is shorter or longer than its
    head says.
    """
    name = as_text(path)
    shown = brief(name, 200)
    with opened(name) as raw, decoding(f"{shown} is packed and damaged"):
        length = os.fstat(raw.fileno()).st_size
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if mmap and packed:
            raise FormatError(f"{shown} is packed and cannot be mapped", hint="gunzip it, or mmap=False")
        with gzip.GzipFile(fileobj=raw) if packed else nullcontext(raw) as file:
            dtype, shape, start = _head(file, shown)
            size = math.prod(shape) * dtype.itemsize
            if mmap:
                _check(length - start, size, shape, shown)
                return (
                    np.memmap(name, dtype=dtype, mode="r", offset=start, shape=shape)
                    if size
                    else np.empty(shape, dtype)
                )
            if packed:
                check_unpacked(length, size)
            data = _at_most(file, size + 1)
            _check(len(data), size, shape, shown)
    return np.frombuffer(data, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _head(file: BinaryIO | Any, shown: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """(type, shape, where the elements begin)."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not magic[3]:
        raise FormatError(
            f"{shown} is no IDX file: it begins with {magic.hex(' ') or 'nothing'}",
            hint="an IDX file begins with 00 00, the type of its elements and the number of its axes",
        )
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise FormatError(f"{shown} is truncated: it ends before the lengths of its {magic[3]} axes")
    if magic[3] > MAX_DIMENSIONS:
        raise FormatError(f"{shown} has {magic[3]} axes, and an array has {MAX_DIMENSIONS} at most")
    shape = tuple(int(length) for length in np.frombuffer(lengths, dtype=">u4"))
    # NumPy counts the elements around an empty axis, too
    if 0 in shape and math.prod(max(length, 1) for length in shape) >= 2**60:
        raise FormatError(f"{shown} is truncated: no file holds {brief(shape)} elements")
    return np.dtype(TYPES[magic[2]]), shape, 4 + len(lengths)


def _at_most(file: BinaryIO | Any, size: int) -> bytes:
    """So many bytes, or all that there are: memory is taken as they come, whatever the head claims."""
    parts, left = [], size
    while left:
        part = file.read(min(left, 1 << 22))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _check(count: int, size: int, shape: tuple[int, ...], shown: str) -> None:
    if count < size:
        raise FormatError(f"{shown} is truncated: {count:,} bytes of elements, not {size:,} for {shape}")
    if count > size:
        raise FormatError(f"{shown} goes on after its {size:,} bytes of elements for {shape}")


def find_idx(directory: str | os.PathLike[str], stem: str) -> Path | None:
    """The file of a data set by its standard name, as `t10k-images-idx3-ubyte`, or a variant, packed or not; None without one."""
    if not isinstance(stem, str):
        raise InputError(
            f"a data set's name is a text, not {brief(stem)}", hint='write "t10k-images-idx3-ubyte"'
        )
    place, (head, _, tail) = as_text(directory), stem.rpartition("-idx")
    for name in (stem, f"{head}.idx{tail}"):
        for suffix in ("", ".gz"):
            path = Path(place) / f"{name}{suffix}"
            if os.path.isfile(path):
                return path
    return None


__all__ = ["find_idx", "read_idx"]
