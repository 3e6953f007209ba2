"""The array loops of a kernel in this process: which machine code runs over which operands, and on how many threads.

A loop is compiled when its pattern is first met. How to walk over operands of the same shapes and strides is worked out once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphc.compiler.engine import loop_layout, thread_pool
from graphc.compiler.engine.jit import Library, build
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.engine.thread_pool import Parallel
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.runtime.fastcall.call_site_cache import LoopCall
from graphc.compiler.schedule import cost_model
from graphc.compiler.targets.llvm.kernels import elementwise_loops
from graphc.util import fork_safety

SPECIALISE_UP_TO = 500
"""Bodies with more operations get one array loop for any strides, which calls the scalar body: compiling them again for each
pattern costs more than it saves."""

MAX_OPERANDS = 64
"""With more arrays than this the loop calls the scalar body too."""

MAX_PATTERNS = 16

MAX_PLANS = 128

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


_lock = fork_safety.lock()


class LoopNest(NamedTuple):
    """A loop nest in machine code: how ctypes calls it, and where it is."""

    call: Any
    address: int


class _Step(NamedTuple):
    """A run of a loop nest, and what does not change from call to call."""

    run: loop_layout.Run
    nest: LoopNest
    words: Any
    strides: tuple[int, ...]
    nanoseconds: float


class Nests:
    """The array loops of one kernel.

    scalar : the module of the scalar body, "packed"
    cached : whether machine code is kept, as for `jit.build`
    parallel : True uses threads for any size, False never, "auto" where they are worth it
    libraries : pattern → module, of the loops made so far
    """

    def __init__(self, kernel: Kernel, scalar: Library, cached: bool, parallel: Parallel) -> None:
        self.kernel = kernel
        self.parallel = parallel
        self.libraries: dict[elementwise_loops.Pattern, Library] = {}
        self._scalar = scalar
        self._cached = cached
        operands = len(kernel.inputs) + len(kernel.outputs)
        self.large: bool = kernel.operations > SPECIALISE_UP_TO or operands > MAX_OPERANDS
        self.nanoseconds: float = cost_model.nanoseconds(kernel)
        self._made: dict[elementwise_loops.Pattern, LoopNest] = {}
        self._plans: dict[Any, list[_Step]] = {}

    def run(
        self, operands: Sequence[np.ndarray], shape: tuple[int, ...], ties: dict[int, int]
    ) -> list[LoopCall] | None:
        """Compute all elements.

        operands : aligned arrays of the kernel's dtypes, inputs before outputs, that broadcast to `shape`
        shape : of the loop, without a 0
        ties : operand → the input that is the very same memory; apart from these no output overlaps an operand

        Returns how that was done, for calls like this one, where it was done before and takes no threads; else None.
        """
        ndim = len(shape)
        strides = tuple([loop_layout.strides_over(operand, ndim) for operand in operands])
        key = (shape, strides, *ties.items()) if ties else (shape, strides)
        plan = self._plans.get(key)
        again = plan is not None
        if plan is None:
            plan = self._plan(operands, shape, strides, ties)
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[key] = plan
        addresses = [data_address(operand) for operand in operands]
        for step in plan:
            self._step(step, addresses, operands)
        if not again or any(self._shared(step) for step in plan):
            return None
        return [
            LoopCall(step.nest.address, step.run.extents, step.run.offsets, step.strides) for step in plan
        ]

    def _plan(
        self,
        operands: Sequence[np.ndarray],
        shape: tuple[int, ...],
        strides: tuple[tuple[int, ...], ...],
        ties: dict[int, int],
    ) -> list[_Step]:
        itemsizes = [operand.itemsize for operand in operands]
        plan = []
        for run in loop_layout.runs(shape, strides, len(self.kernel.outputs)):
            letters = list(loop_layout.pattern(run, itemsizes))
            if run.elements == 1:  # any pattern will do: that of longer arrays
                letters = ["c" if operand.ndim else "b" for operand in operands]
            for number in range(len(self.kernel.inputs), len(letters)):
                if letters[number] == "b":  # along a dimension of length 1
                    letters[number] = "s"
            for number, first in ties.items():
                letters[number] = elementwise_loops.tie(first)
            flat = tuple([stride for row in run.rows for stride in row])
            words = ctypes.c_int64 * (len(run.extents) + len(operands) + len(flat))
            plan.append(_Step(run, self.nest("".join(letters)), words, flat, run.elements * self.nanoseconds))
        return plan

    def _step(self, step: _Step, addresses: list[int], operands: Sequence[np.ndarray]) -> None:
        run = step.run
        if any(run.offsets):
            addresses = [a + offset for a, offset in zip(addresses, run.offsets, strict=True)]
        if self._shared(step):
            count = thread_pool.get_num_threads()
            if count > 1:
                least = count if self.parallel is True else 1
                job = thread_pool.ParallelLoop(
                    step.nest.address, run, addresses, step.nanoseconds, operands, least
                )
                thread_pool.run(job, count)
                return
        words = step.words(*run.extents, *addresses, *step.strides)
        base = ctypes.addressof(words)
        data = base + 8 * len(run.extents)
        step.nest.call(len(run.extents), base, data, data + 8 * len(addresses))

    def _shared(self, step: _Step) -> bool:
        """Whether a step is worth several threads."""
        return self.parallel is True or (self.parallel == "auto" and step.nanoseconds >= thread_pool.WORTH)

    def nest(self, pattern: elementwise_loops.Pattern) -> LoopNest:
        """The loop for a pattern, compiled when it is first needed."""
        nest = self._made.get(pattern)
        if nest is not None:
            return nest
        with _lock:
            if (
                self.large
            ):  # all that is loaded for an element is loaded before the body is called: no need of ties
                pattern = elementwise_loops.generic(self.kernel)
            elif len(self._made) >= MAX_PATTERNS and pattern not in self._made:
                pattern = "".join([letter if letter.isupper() else "s" for letter in pattern])
            if pattern not in self._made:
                uses = (self._scalar,) if self.large else ()
                packed = self._scalar.symbol("packed") if self.large else None
                text = elementwise_loops.module(self.kernel, pattern, packed)
                library = build(text, elementwise_loops.EXPORTED, self._cached, uses)
                self.libraries[pattern] = library
                address = library.pointer("nest")
                self._made[pattern] = LoopNest(_CALL(address), address)
            return self._made[pattern]

    def share(self, nest: int, mask: int, n: int, data: int) -> None:
        """Run a loop over n elements of contiguous arrays and numbers on several threads.

        nest : its address
        mask : bit k says that input k is an array
        data : where the operands' addresses stand one after another
        """
        inputs = len(self.kernel.inputs)
        row = [
            dtype.itemsize if number >= inputs or mask >> number & 1 else 0
            for number, dtype in enumerate((*self.kernel.inputs, *self.kernel.outputs))
        ]
        addresses = list((ctypes.c_int64 * len(row)).from_address(data))
        count = thread_pool.get_num_threads()
        run = loop_layout.Run((n,), (tuple(row),), ())
        least = count if self.parallel is True else 1
        thread_pool.run(
            thread_pool.ParallelLoop(nest, run, addresses, n * self.nanoseconds, None, least), count
        )

    def served(self, mask: int) -> int | None:
        """The address of the loop over contiguous arrays and numbers, bit n of the mask saying that input n is an array; None
        where no loop has been made for exactly that."""
        letters = ["c" if mask >> number & 1 else "b" for number in range(len(self.kernel.inputs))]
        pattern = "".join(letters) + "c" * len(self.kernel.outputs)
        nest = self._made.get(pattern)
        return None if nest is None else nest.address


def ties(inputs: list[np.ndarray], outputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> dict[int, int]:
    """Operand → input for the operands of a loop over `shape` that are the very same memory as an input and are written to.

    An input that overlaps an output in any other way is replaced in the list by a copy.
    """
    firsts: dict[int, int] = {}
    for place, output in enumerate(outputs, start=len(inputs)):
        first = None
        for number, array in enumerate(inputs):
            # bounds are looked at, which NumPy does fast: a copy too many does no harm
            if not np.may_share_memory(array, output):
                continue
            same = (
                array.shape == output.shape == shape
                and array.strides == output.strides
                and array.itemsize == output.itemsize
                and data_address(array) == data_address(output)
            )
            if same and first is not None:
                firsts[number] = first
            elif same and number < elementwise_loops.MAX_TIED and number not in firsts:
                first = firsts[place] = number
            else:
                inputs[number] = array.copy()
    return firsts
