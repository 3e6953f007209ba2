"""Functions of numbers and their loops over arrays: the ways into the machine code, broadcasting, `out=`, pickling.

There are three ways in. Exact Python floats go straight into a C function that lives in the module of machine code; arrays of
one shape into another, and so do calls whose shapes and strides were met before. Everything else takes the Python path below,
which checks, casts and broadcasts, and ends in the same machine code.

Calls go to the machine code by `engine.vectorcall`: without a frame or a tuple in between.
"""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.compiler.engine import buffer_pool, guard_words, loop_layout
from graphc.compiler.engine.jit import Library
from graphc.compiler.engine.vectorcall import lead
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.pipeline import Options, loop_program, unit_of
from graphc.compiler.runtime import numba_arrays, numba_type
from graphc.compiler.runtime.compile_report import Performance, performance
from graphc.compiler.runtime.compiled_function import CompiledFunction, ScalarEntry
from graphc.compiler.runtime.loop_dispatch import Nests
from graphc.compiler.runtime.loop_dispatch import ties as overlaps
from graphc.compiler.runtime.native_program import NativeProgram
from graphc.compiler.runtime.tiered_compilation import Native, Source, Tiers
from graphc.compiler.targets.llvm.emit import SLOT
from graphc.compiler.targets.llvm.kernels import scalar_entry
from graphc.errors import GraphcError
from graphc.interpret.call_binding import arguments, declared_shapes, joint_shape
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import current_site
from graphc.ir.graph import Dag
from graphc.ir.inputs import as_value
from graphc.ir.types import DType
from graphc.util.fork_safety import cached_property
from graphc.util.pytree import Structure, unflatten


class ElementwiseFunction(CompiledFunction):
    __doc__ = CompiledFunction.__doc__

    def __init__(
        self,
        graph: Dag,
        structure: Structure,
        options: Options,
        record: bytes | None = None,
        unused: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(graph, structure, options)
        self._has_shapes = any(symbol.shape for symbol in self._symbols)
        self._constants: tuple[np.ndarray, ...] = ()
        self._not_used = graph.unused if unused is None else unused
        lead(self, self.dispatch)
        self._tiers = Tiers(Source(graph, structure, options, record, "out" not in self.inputs))
        self._tiers.begin(self._enter)

    def _enter(self, made: Native) -> None:
        """From here on calls go to the machine code."""
        self._constants = made.constants

        def enter(way: Any) -> None:
            numbers = self._takes_numbers(made)
            if numbers:
                scalar_entry.check_layout()
            lead(self, way, made.code.library if numbers else None)

        made.served.opens(self.dispatch, enter)

    @property
    def graph(self) -> Dag:
        """The graph as it was compiled."""
        return self._tiers.graph

    @property
    def tier(self) -> str:
        """What answers calls now: "native", or "interpreted" while the machine code is made."""
        return "interpreted" if self._tiers.code is None else "native"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the machine code is there, so many seconds at most; returns whether it is.

        Raises what made compiling fail.
        """
        return self._tiers.wait(timeout)

    def report(self) -> Performance:
        """What was made of the function and what it costs: operations and bytes for each element, what was fused, the width of
        vectors and the calls in the machine code, threads, which rules of rewriting fired, time in each phase, the cache.

        Loops over arrays are made when first needed, so the report tells more after calls with arrays. Reading the assembly of
        code that came from the cache takes as long as making it.
        """
        return performance(self._tiers.native.code, self._nests, self._tiers.history)

    @property
    def _libraries(self) -> Sequence[Library]:
        return self._tiers.native.libraries

    @property
    def _entry(self) -> ScalarEntry:
        native = self._tiers.native
        return ScalarEntry(native.code.kernel, native.code.library, native.constants)

    @property
    def _broadcasts(self) -> bool:
        return not self._has_shapes

    @property
    def _unused(self) -> tuple[int, ...]:
        return self._not_used

    @cached_property
    def _kernel(self) -> Kernel:
        return self._tiers.native.code.kernel

    @cached_property
    def _nests(self) -> Nests:
        return self._tiers.native.nests

    @property
    def _dtypes(self) -> tuple[DType, ...]:
        return self._tiers.dtypes

    def __repr__(self) -> str:
        names = ", ".join(self.inputs)
        if self._tiers.code is None:
            return f"<compiling ({names}) → {len(self._dtypes)}>"
        return f"<compiled ({names}) → {len(self._dtypes)} of {self._kernel.operations} operations>"

    def __reduce__(self) -> Any:
        options = replace(self._options, rewrite=None, dump=())  # what is pickled is the rewritten graph
        return make, (self.graph, self._structure, options, None, self._not_used)

    @property
    def of_numbers(self) -> Library | None:
        """The module whose `call` takes exact numbers; None where the results need Python, or the code is not there yet."""
        code = self._tiers.code
        return code.code.library if code is not None and self._takes_numbers(code) else None

    def _takes_numbers(self, made: Native) -> bool:
        """Whether numbers alone are a call of machine code: a number is no array of a declared shape."""
        if self._has_shapes or made.constants:
            return False
        return scalar_entry.has_call(made.code.kernel, self._structure)

    @property
    def _numba_type_(self) -> Any:
        if self._has_shapes or self._tiers.native.constants:
            return numba_arrays.numba_type(self._whole, self._structure)
        return numba_type.type_of_numbers(self._kernel, self._structure)

    @cached_property
    def _whole(self) -> NativeProgram:
        """The function of arrays of declared shapes as one native function, made when Numba's compiled code calls it."""
        unit = replace(unit_of(self.graph, Options()), is_program=True)
        return NativeProgram(loop_program(unit, native=True), self._options.cache)

    # --- the Python path ---------------------------------------------------------------------------------------------------

    def call(self, /, *args: Any, **kwargs: Any) -> Any:
        """The function on anything that is not exact floats; the same results, with every check."""
        out = kwargs.pop("out", None) if "out" not in self.inputs else None
        try:
            values = arguments(self.inputs, args, kwargs)
            arrays = [
                value
                if type(value) is np.ndarray and value.dtype == symbol.dtype and not symbol.shape
                else as_value(symbol, value)
                for symbol, value in zip(self._symbols, values, strict=True)
            ]
            checked = arrays
            if self._not_used:  # of these only the type counts
                arrays = list(arrays)
                for number in self._not_used:
                    arrays[number] = np.zeros((), self._symbols[number].dtype)
            if self._has_shapes:
                shape, shapes = declared_shapes(self.graph, checked, self._not_used)
            else:
                shape = joint_shape(self.inputs, arrays, self._constants, self._not_used)
                shapes = [shape] * len(self._dtypes)
            if not self._tiers.wait(0):
                results = self._tiers.interpreted(arrays, shape, self._outputs(out, shapes))
            elif out is None and not shape and not self._constants:
                results = self._scalars(arrays)
            else:
                results = self._arrays(arrays, shape, shapes, self._outputs(out, shapes), values, checked)
        except GraphcError as error:
            error.site = error.site or current_site()
            raise
        return unflatten(self._structure, iter(results))

    def _scalars(self, arrays: list[np.ndarray]) -> list[Any]:
        """Single values through the packed entry point."""
        packed = bytearray(SLOT * max(1, len(arrays)))
        for number, array in enumerate(arrays):
            packed[SLOT * number : SLOT * number + array.itemsize] = array.tobytes()
        results = bytearray(SLOT * max(1, len(self._kernel.outputs)))
        given = (ctypes.c_char * len(packed)).from_buffer(packed)
        taken = (ctypes.c_char * len(results)).from_buffer(results)
        self._tiers.native.packed(ctypes.addressof(given), ctypes.addressof(taken))
        return [
            np.frombuffer(results, dtype, count=1, offset=SLOT * number)[0].item()
            for number, dtype in enumerate(self._kernel.outputs)
        ]

    def _arrays(
        self,
        arrays: list[np.ndarray],
        shape: tuple[int, ...],
        shapes: list[tuple[int, ...]],
        out: list[np.ndarray] | None,
        values: Sequence[Any],
        checked: list[np.ndarray],
    ) -> list[np.ndarray]:
        """Arrays through the fused loop.

        values : the arguments as they were given; checked : the same as arrays, with those that are not used
        """
        given = arrays
        arrays = [array if array.flags.aligned else array.copy() for array in (*arrays, *self._constants)]
        ndim = len(shape)
        ties = {}
        if out is None:
            order = loop_layout.memory_order(
                ndim, [loop_layout.strides_over(array, ndim) for array in arrays]
            )
            new = guard_words.empty if self._guarded else buffer_pool.empty
            results = [
                loop_layout.empty(s, dtype, order, new) if len(s) == ndim else new(s, dtype)
                for s, dtype in zip(shapes, self._kernel.outputs, strict=True)
            ]
            targets = results
        else:
            results = out
            targets = [array if array.flags.aligned else np.empty_like(array) for array in out]
            ties = overlaps(arrays, targets, shape)
        if 0 not in shape:
            steps = self._nests.run([*arrays, *targets], shape, ties)
            if self._guarded:  # each call comes here, and its results are looked at
                for number, result in enumerate(results if out is None else ()):
                    guard_words.check(result, f"result {number}", "the kernel")
                return self._copied_to(results, targets)
            if not self._has_shapes:
                self._tiers.native.served.alike(arrays, shape, checked)
            if steps and all(map(operator.is_, (*arrays, *targets), (*given, *self._constants, *results))):
                self._tiers.native.served.remember(values, checked, out, results, steps)
        elif any(0 not in s for s in shapes):  # results that do not have the empty dimension
            values = run_arrays(self.graph, checked)
            for target, output in zip(targets, self.graph.outputs, strict=True):
                target[...] = values[output]
        return self._copied_to(results, targets)

    def _copied_to(self, results: list[np.ndarray], targets: list[np.ndarray]) -> list[np.ndarray]:
        """The results, with what was computed elsewhere."""
        for result, target in zip(results, targets, strict=True):
            if result is not target:
                result[...] = target
        return results


def make(
    graph: Dag,
    structure: Structure,
    options: Options,
    record: bytes | None = None,
    unused: tuple[int, ...] | None = None,
) -> ElementwiseFunction:
    """Compile a graph of operations element by element whose results come back in `structure`.

    record : the key under which what becomes of the graph is recorded and found again: see `graph_cache`
    unused : the numbers of the inputs that the formula as written does not use; by default those that `graph` does not use
    """
    return ElementwiseFunction(graph, structure, options, record, unused)
