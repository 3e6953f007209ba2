"""The way in for programs over small arrays that needs no Python: what the machine code of `program_entry_ir.py` knows of a
compiled function.

Python spends 10 to 20 µs on a call before the first element, which for vectors of three numbers is all there is. What it finds
out about a call with some shapes is kept in a record of words; a call with the same shapes then takes a fraction of a
microsecond. A record is: the addresses of the program's frame and of what runs its kernels, their number and their rows
(`kernel_calls`); how many words of the frame are written at each call; where arguments that do not lie in rows are copied to;
whether Python's lock is let go, and whether a call is under way; for each argument its rank and lengths, for each result
likewise; and each word of the frame that is written, with the argument or result whose address it gets.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from graphc.compiler.engine import buffer_pool
from graphc.compiler.engine.jit import Library, resident
from graphc.compiler.engine.numpy_layout import data_address, layout_is_known
from graphc.compiler.runtime.fastcall import struct_ir as code
from graphc.compiler.runtime.fastcall.array_entry import OUT, RELEASE, new_from_descr, structure_codes
from graphc.compiler.runtime.fastcall.builtin import builtin
from graphc.compiler.runtime.fastcall.program_arguments_ir import COPY_ALIGNED
from graphc.compiler.runtime.fastcall.program_entry_ir import MODULE
from graphc.ir.types import DType
from graphc.util.pytree import Structure, unflatten

MOST_RECORDS = 16
"""Shapes of arguments that machine code knows of a function; calls with others take the Python path."""


class Kernels(NamedTuple):
    """What a call runs, one after the other without Python.

    frame, sequence, rows : addresses; kernels : how many
    free : whether they take so long that other Python threads should run meanwhile
    writes : (word of the frame, the number of the argument, or of the result behind those, whose address it gets)
    owner : what keeps all of it
    """

    frame: int
    sequence: int
    kernels: int
    rows: int
    free: bool
    writes: Sequence[tuple[int, int]]
    owner: Any


class ProgramTable:
    """What machine code knows of one compiled function.

    inputs, outputs : dtypes of the arguments and of the results; structure : of the results
    takes_out : whether a call's `out` are the arrays for its results, and no argument of that name
    """

    def __init__(
        self, inputs: Sequence[DType], outputs: Sequence[DType], structure: Structure, takes_out: bool
    ) -> None:
        self._dtypes = [np.dtype(dtype.name) for dtype in (*inputs, *outputs)]  # their addresses are kept
        codes = structure_codes(structure)
        self._finished = codes is not None
        self._structure = structure
        if codes is None:  # a flat tuple of all results, which Python puts together
            codes = [0] * len(outputs) + [4 * len(outputs) + 1]
        self._records = np.zeros(MOST_RECORDS, dtype=np.int64)
        self._owners: list[Any] = []
        self._shapes: set[tuple[tuple[int, ...], ...]] = set()
        words = np.zeros(code.CODE_TABLE + len(codes), dtype=np.int64)
        words[code.INPUTS], words[code.OUTPUTS] = len(inputs), len(outputs)
        words[code.ARRAY], words[code.DOUBLE] = id(np.ndarray), id(np.float64)
        words[code.NEW], words[code.PLANS] = new_from_descr(), data_address(self._records)
        words[code.CODES], words[code.FINISH] = len(codes), not self._finished
        words[code.OUT] = id(OUT) if takes_out else 0
        for number, dtype in enumerate(self._dtypes):
            place = code.OPERAND_TABLE + code.OPERAND * number
            words[place : place + code.OPERAND] = (
                id(dtype),
                dtype.itemsize if dtype.kind == "f" else 0,
                dtype.itemsize,
            )
        words[code.CODE_TABLE :] = codes
        self.words = words

    def wants(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether there is room for a record of arguments of these shapes, and none yet."""
        return len(self._shapes) < MOST_RECORDS and tuple(shapes) not in self._shapes

    def add(
        self, arguments: Sequence[tuple[int, ...]], results: Sequence[tuple[int, ...]], kernels: Kernels
    ) -> None:
        """Serve calls with arguments of these shapes."""
        copies = _room_for(arguments, self._dtypes)
        record = [kernels.frame, kernels.sequence, kernels.kernels, kernels.rows, len(kernels.writes)]
        record += [data_address(copies), int(kernels.free), 0]
        for shape in (*arguments, *results):
            record += [len(shape), *shape]
        for pair in kernels.writes:
            record += pair
        array = np.array(record, dtype=np.int64)
        count = len(self._owners)
        self._shapes.add(tuple(arguments))
        self._owners.append((array, copies, kernels.owner))
        self._records[count] = data_address(array)
        self.words[code.LOOPS] = count + 1  # last: from here on it is looked at

    def entry(self, python: Callable[..., Any]) -> Any:
        """The builtin that takes calls; `python` takes those that it does not serve."""
        structure = self._structure

        def put_together(*results: Any) -> Any:
            return unflatten(structure, iter(results))

        return builtin(_library(), "program", (python, self.words, put_together, self))


def serves(
    inputs: Sequence[DType],
    outputs: Sequence[DType],
    results: Sequence[tuple[int, ...]],
    structure: Structure,
) -> bool:
    """Whether calls with such results can be taken here."""
    sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in zip(results, outputs, strict=True)]
    return (
        bool(inputs and outputs)
        and len(inputs) + len(outputs) <= code.MAX_OPERANDS
        and len(structure_codes(structure) or ()) <= code.MAX_CODES
        and all(size < buffer_pool.LARGE for size in sizes)
        and all(shape or dtype.kind == "f" for shape, dtype in zip(results, outputs, strict=True))
        and layout_is_known()
        and sys.byteorder == "little"
    )


def _room_for(shapes: Sequence[tuple[int, ...]], dtypes: Sequence[DType]) -> np.ndarray:
    """Memory for copies of arguments, one behind the other."""
    sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in zip(shapes, dtypes, strict=False)]
    return np.empty(sum(-(-size // COPY_ALIGNED) * COPY_ALIGNED for size in sizes) + 1, dtype=np.uint8)


@cache
def _library() -> Library:
    """The module of `program`."""
    return resident(MODULE, ("program",))


__all__ = ["RELEASE", "Kernels", "ProgramTable", "serves"]
