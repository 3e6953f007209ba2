"""Calls with arrays that machine code takes: the way to it opens when a function is first called with such, and the Python path
tells of the calls that it has served."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.compiler.engine import buffer_pool
from graphc.compiler.engine.thread_pool import from_elements
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.runtime.fastcall import array_entry
from graphc.compiler.runtime.fastcall.builtin import builtin
from graphc.compiler.runtime.fastcall.call_site_cache import LoopCall, key
from graphc.compiler.runtime.loop_dispatch import Nests
from graphc.util import fork_safety
from graphc.util.pytree import Structure, unflatten

_opening = fork_safety.lock()
"""Held while a function's table is made: threads that call it for the first time have one in common."""

NEVER = 1 << 62
"""More elements than any array has."""


class Served:
    """What machine code knows of the calls of one function.

    constants : arrays that are operands of the loops after the arguments
    takes_out : whether a call's `out` are the arrays for its results, and no argument of that name
    """

    def __init__(
        self,
        kernel: Kernel,
        structure: Structure,
        nests: Nests,
        constants: Sequence[np.ndarray],
        takes_out: bool,
    ) -> None:
        self._kernel = kernel
        self._structure = structure
        self._nests = nests
        self._constants = constants
        self._takes_out = takes_out
        self._masks: set[int] = set()
        self._table: array_entry.EntryTable | None = None
        self._enter: Callable[[Any], None] | None = None
        self._python: Any = None

    def opens(self, python: Any, enter: Callable[[Any], None]) -> None:
        """Say what calls go to that are not served, and how calls are led elsewhere; from here on they go to `python`."""
        self._python, self._enter = python, enter
        enter(python)

    def alike(
        self, inputs: Sequence[np.ndarray], shape: tuple[int, ...], arguments: Sequence[np.ndarray]
    ) -> None:
        """Take calls with contiguous arrays of one shape among the arguments, and numbers where these have such.

        inputs : the arrays, with a single value in place of each that is not used
        arguments : the arrays as they were passed
        """
        mask = sum(1 << number for number, array in enumerate(arguments) if array.ndim)
        if self._constants or mask in self._masks or any(a.shape not in ((), shape) for a in inputs):
            return
        address = self._nests.served(sum(1 << number for number, array in enumerate(inputs) if array.ndim))
        table = None if address is None else self._opened()
        if table is not None and address is not None:
            self._masks.add(mask)
            table.add(mask, address)

    def remember(
        self,
        values: Sequence[Any],
        inputs: Sequence[np.ndarray],
        out: list[np.ndarray] | None,
        results: list[np.ndarray],
        steps: list[LoopCall],
    ) -> None:
        """Take calls with these shapes and strides.

        values : the arguments as they were given; inputs : the same as arrays
        out, results : the arrays given for the results, and the results
        steps : how they were computed
        """
        if out is None and any(result.nbytes >= buffer_pool.LARGE for result in results):
            return  # their memory is Python's to find
        if any(not array.size for array in inputs):
            return  # one that is not used: there is no element that a loop could read in passing
        taken = all(
            value is array or type(value) in (float, int, np.float64)
            for value, array in zip(values, inputs, strict=True)
        )
        table = self._opened() if taken else None
        words = None if table is None else key(values, out or ())
        if table is None or words is None:
            return
        elements = sum(math.prod(step.extents) for step in steps)
        free = elements * self._nests.nanoseconds >= array_entry.RELEASE
        table.plans.add(words, None if out is not None else results, steps, free)

    def _opened(self) -> array_entry.EntryTable | None:
        """What the machine code reads, with calls led to it; None where it cannot take any."""
        with _opening:
            if (
                self._table is None
                and self._enter is not None
                and array_entry.serves(self._kernel, self._structure)
            ):
                self._table = self._new_table(self._enter)
            return self._table

    def _new_table(self, enter: Callable[[Any], None]) -> array_entry.EntryTable:
        nests, structure = self._nests, self._structure
        limit = 1 if nests.parallel is True else from_elements(nests.nanoseconds) if nests.parallel else NEVER
        table = array_entry.EntryTable(
            self._kernel, structure, nests.nanoseconds, limit, self._constants, self._takes_out
        )

        def put_together(*results: Any) -> Any:
            return unflatten(structure, iter(results))

        enter(
            builtin(array_entry.library(), "arrays", (self._python, table.words, put_together, nests.share))
        )
        return table
