"""The way in for calls with arrays that needs no Python: what the machine code of `array_entry_ir.py` and `call_site_ir.py`
knows of a compiled function.

Calls that Python would spend 20 µs on before the first element take less than a microsecond: arrays of one shape, of any length,
and numbers among them; and of other calls those whose shapes and strides were met before.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache

import numpy as np

from graphc.compiler.engine import buffer_pool
from graphc.compiler.engine.jit import Library, resident
from graphc.compiler.engine.numpy_layout import NEW_FROM_DESCR, c_function, layout_is_known
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.runtime.fastcall import struct_ir as code
from graphc.compiler.runtime.fastcall.array_entry_ir import MODULE
from graphc.compiler.runtime.fastcall.call_site_cache import Plans
from graphc.errors import CompileError
from graphc.util.pytree import Leaf, Mapping, Stack, Structure

RELEASE = 20_000.0
"""Nanoseconds of estimated work from which other Python threads may run meanwhile."""


OUT = sys.intern("out")
"""The keyword, which Python interns wherever it is written in a call."""


class EntryTable:
    """What `arrays` knows of one compiled function.

    limit : the number of elements from which the loop is shared among threads
    constants : arrays that are operands of the loops after the arguments
    takes_out : whether a call's `out` are the arrays for its results, and no argument of that name
    """

    def __init__(
        self,
        kernel: Kernel,
        structure: Structure,
        nanoseconds: float,
        limit: int,
        constants: Sequence[np.ndarray] = (),
        takes_out: bool = True,
    ) -> None:
        codes = structure_codes(structure)
        if codes is not None and len(codes) > code.MAX_CODES:
            raise CompileError(
                f"{len(codes)} results in one structure are more than the table of a call holds"
            )
        finished = codes is not None
        if codes is None:  # a flat tuple of all results, which Python puts together
            codes = [0] * len(kernel.outputs) + [4 * len(kernel.outputs) + 1]
        dtypes = (*kernel.inputs, *kernel.outputs)
        self._dtypes = [np.dtype(dtype.name) for dtype in dtypes]  # their addresses are kept
        self.plans: Plans = Plans()
        self._constants = np.array([array.ctypes.data for array in constants], dtype=np.int64)
        words = np.zeros(code.CODE_TABLE + len(codes), dtype=np.int64)
        words[: code.HEAD] = (
            len(kernel.inputs),
            len(kernel.outputs),
            limit,
            int(RELEASE / max(nanoseconds, 0.01)),
            id(np.ndarray),
            id(np.float64),
            new_from_descr(),
            0,
            len(codes),
            not finished,
            len(kernel.inputs) - len(constants),
            id(OUT) if takes_out else 0,
            self.plans.address,
            self._constants.ctypes.data,
            -(-buffer_pool.LARGE // max(dtype.itemsize for dtype in kernel.outputs)),
        )
        for number, dtype in enumerate(self._dtypes):
            takes_floats = dtype.itemsize if dtype.kind == "f" else 0
            place = code.OPERAND_TABLE + code.OPERAND * number
            words[place : place + code.OPERAND] = id(dtype), takes_floats, dtype.itemsize
        words[code.CODE_TABLE :] = codes
        self.words = words

    def add(self, mask: int, nest: int) -> None:
        """Serve calls in which the arguments of the mask's bits are arrays and the others numbers."""
        count = int(self.words[code.LOOPS])
        known = self.words[code.LOOP_TABLE : code.LOOP_TABLE + 2 * count : 2]
        if count < code.MAX_LOOPS and mask not in known:
            self.words[code.LOOP_TABLE + 2 * count : code.LOOP_TABLE + 2 * count + 2] = mask, nest
            self.words[code.LOOPS] = count + 1  # last: from here on it is looked at


def serves(kernel: Kernel, structure: Structure) -> bool:
    """Whether a function's calls can be taken here."""
    return (
        bool(kernel.inputs and kernel.outputs)
        and len(kernel.inputs) + len(kernel.outputs) <= code.MAX_OPERANDS
        and len(structure_codes(structure) or ()) <= code.MAX_CODES
        and layout_is_known()
    )


def structure_codes(structure: Structure) -> list[int] | None:
    """How results are put together on a stack: 0 takes the next one, 4n + 1 makes a tuple of the last n, 4n + 2 a list."""
    if isinstance(structure, Leaf):
        return [0]
    if isinstance(structure, (Mapping, Stack)) or structure.kind not in (tuple, list):
        return None
    codes: list[int] = []
    for item in structure.items:
        inner = structure_codes(item)
        if inner is None:
            return None
        codes += inner
    return [*codes, 4 * len(structure.items) + (1 if structure.kind is tuple else 2)]


def new_from_descr() -> int:
    """The address of `PyArray_NewFromDescr`."""
    return c_function(NEW_FROM_DESCR)


@cache
def library() -> Library:
    """The module of `arrays`."""
    return resident(MODULE, ("arrays",))
