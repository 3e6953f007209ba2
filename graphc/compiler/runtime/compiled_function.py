"""The callable that a user gets: the ways into its machine code, broadcasting, `out=`, pickling.

There are three ways in. Exact Python floats go straight into a C function that lives in the module of machine code; arrays of
one shape into another, and so do calls whose shapes and strides were met before. Everything else takes the Python path below,
which checks, casts and broadcasts, and ends in the same machine code.
"""

from __future__ import annotations

import ctypes
import operator
import os
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.compiler.engine import buffer_pool, guard_words, loop_layout
from graphc.compiler.engine.jit import Library, build, pin
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.pipeline import Options
from graphc.compiler.runtime import numba_type
from graphc.compiler.runtime.compile_report import Performance, performance
from graphc.compiler.runtime.fastcall.builtin import builtin
from graphc.compiler.runtime.loop_dispatch import Nests
from graphc.compiler.runtime.loop_dispatch import ties as overlaps
from graphc.compiler.runtime.tiered_compilation import Native, Source, Tiers
from graphc.compiler.schedule.rewriting_report import Rewriting
from graphc.compiler.targets import export
from graphc.compiler.targets.llvm.emit import SLOT
from graphc.compiler.targets.llvm.kernels import scalar_entry
from graphc.errors import CompileError, GraphcError
from graphc.interpret.call_binding import arguments, declared_shapes, joint_shape, signature
from graphc.interpret.numpy_eval import run_arrays
from graphc.interpret.vector_packing import Packed
from graphc.ir.expr import current_site
from graphc.ir.formatting import visible
from graphc.ir.graph import Dag
from graphc.ir.inputs import as_out, as_value
from graphc.ir.printer import render
from graphc.ir.types import DType
from graphc.util.fork_safety import cached_property
from graphc.util.pytree import Structure, unflatten

DEFAULT = Options()


class Compiled:
    """A compiled function.

    f(2.0, -3.0, 6.0), f(x=2.0, w=-3.0, b=6.0), f(array, array, 0.5), f(array, array, 0.5, out=array)

    Numbers in, Python numbers out. Arrays broadcast by NumPy's rules and may have any strides; the result has NumPy's shape.
    Safe casts are made, narrowing ones are refused with `DtypeError`. A function of symbols with declared shapes takes exactly
    those shapes. `out` is an array, or arrays in the structure of the results, of the results' shape and dtype.

    inputs : the names of the arguments
    llvm, asm : what was made, as LLVM IR after optimisation and as assembly
    lowlevel : the function for SciPy's integrators
    address : the address of `void f(const void *in, void *out)` on values in slots of 8 bytes; valid as long as the function

    Machine code is unloaded with the function, or with the last `lowlevel` callable of it. Only what has become part of code
    that Numba compiled stays for good.

    Compiled functions are thread-safe, pickle as graph and options, and can be called from `@numba.njit` code, where they take
    numbers and return numbers or (nested) tuples.
    """

    inputs: tuple[str, ...]

    if TYPE_CHECKING:  # each function's own class has it

        def __call__(self, /, *args: Any, **kwargs: Any) -> Any: ...

    def __init__(
        self,
        graph: Dag,
        structure: Structure,
        options: Options = DEFAULT,
        record: bytes | None = None,
        unused: tuple[int, ...] | None = None,
    ) -> None:
        self._structure = structure
        self._symbols = graph.symbols
        self.inputs = tuple(symbol.name for symbol in self._symbols)
        self._tensor = any(symbol.shape for symbol in self._symbols)
        self.__signature__ = signature(self.inputs)
        self._constants: tuple[np.ndarray, ...] = ()
        self._unused = graph.unused if unused is None else unused
        self._guarded = guard_words.wanted()
        kind = type(self)
        kind.__call__ = self.call  # type: ignore[method-assign]
        source = Source(graph, structure, options, record, "out" not in self.inputs)
        self._tiers = Tiers(source)
        self._tiers.begin(self._enter)

    def _enter(self, made: Native) -> None:
        """From here on calls go to the machine code."""
        numba_type.register(Compiled)
        self._constants = made.constants
        kind = type(self)

        def enter(way: Any) -> None:
            numbers = scalar_entry.has_call(made.code.kernel, self._structure) and not made.constants
            kind.__call__ = builtin(made.code.library, "call", way) if numbers else way  # type: ignore[method-assign]

        made.served.opens(self.call, enter)

    @cached_property
    def _rewritten(self) -> tuple[Dag, Rewriting | None]:
        return self._tiers.graph, self._tiers.history

    @property
    def graph(self) -> Dag:
        """The graph as it was compiled."""
        return self._rewritten[0]

    @property
    def tier(self) -> str:
        """What answers calls now: "native", or "interpreted" while the machine code is made."""
        return "interpreted" if self._tiers.code is None else "native"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the machine code is there, so many seconds at most; returns whether it is.

        Raises what made compiling fail.
        """
        return self._tiers.wait(timeout)

    @cached_property
    def _kernel(self) -> Kernel:
        return self._tiers.native.code.kernel

    @cached_property
    def _library(self) -> Library:
        return self._tiers.native.code.library

    @cached_property
    def _nests(self) -> Nests:
        return self._tiers.native.nests

    @cached_property
    def _dtypes(self) -> tuple[DType, ...]:
        """Of the results."""
        return self._tiers.dtypes

    def __repr__(self) -> str:
        names = ", ".join(self.inputs)
        if self._tiers.code is None:
            return f"<compiling ({names}) → {len(self._dtypes)}>"
        return f"<compiled ({names}) → {len(self._dtypes)} of {self._kernel.operations} operations>"

    def _repr_html_(self) -> str:
        """For notebooks: what it is, and the first of its results as formulas."""
        graph = self.graph
        rows = [render(graph.exprs[output], budget=300) for output in graph.outputs[:4]]
        rows += ["…"] if len(graph.outputs) > 4 else []
        items = "".join(f"<li><code>{escape(visible(row, 400))}</code></li>" for row in rows)
        return f"<div><code>{escape(visible(repr(self), 400))}</code><ul>{items}</ul></div>"

    def __reduce__(self):
        options = replace(self._tiers.source.options, rewrite=None)  # what is pickled is the rewritten graph
        return make, (self.graph, self._structure, options, None, self._unused)

    @property
    def llvm(self) -> str:
        """LLVM IR of the scalar entry points after optimisation, and of the array loops made so far."""
        return "\n".join(library.llvm for library in self._tiers.native.libraries)

    @property
    def asm(self) -> str:
        """Assembly of the scalar entry points, and of the array loops made so far."""
        return "\n".join(library.asm for library in self._tiers.native.libraries)

    def report(self) -> Performance:
        """What was made of the function and what it costs: operations and bytes for each element, what was fused, the width of
        vectors and the calls in the machine code, threads, which rules of rewriting fired, time in each phase, the cache.

        Loops over arrays are made when first needed, so the report tells more after calls with arrays. Reading the assembly of
        code that came from the cache takes as long as making it.
        """
        return performance(self._tiers.native.code, self._nests, self._rewritten[1])

    @property
    def address(self) -> int:
        """The address of the C function `void (const void *in, void *out)`; one slot of 8 bytes for each value."""
        return self._library.pointer("packed")

    @cached_property
    def lowlevel(self) -> Any:
        """The function as a `scipy.LowLevelCallable`, `double (int, double *)`: for `scipy.integrate.quad` and `nquad`.

        Raises `CompileError` unless all inputs and the one result are float64 numbers.
        """
        if self._constants or self._tensor:
            raise CompileError(
                "SciPy calls functions of numbers, and this one has arrays",
                hint="declare scalars: g.symbol(name)",
            )
        return export.lowlevel(self._kernel, self._library, self._tiers.source.options.cache)

    def scipy(self, start: Any, /, **fixed: Any) -> Packed:
        """The function of several inputs as one of a vector, for `scipy.optimize`.

        start : the inputs to vary, by name, with the values to begin with; the results are the value and their gradients, in this
            order, as `g.value_and_grad` gives them
        fixed : the other inputs

            p = f.scipy({"w": w0, "b": 0.0}, X=X, y=y)
            found = scipy.optimize.minimize(p, p.start, jac=True)
            p.unpack(found.x)

        Raises `InputError` for names that are no inputs, `ArityError` and `ShapeError` where results do not fit them.
        """
        return Packed(self.call, start, fixed, self.inputs)

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        header: str | os.PathLike[str] | None = None,
        name: str | None = None,
    ) -> None:
        """Write the function for programs that have no graphc.

        Parameters
        ----------
        path : "module.py" is a Python module that needs NumPy and Numba alone, up to 2,000 operations; "kernel.o" an object file
            with a C interface for processors like this one, ".so" a shared library, made by the C compiler
        header : where the C header goes; it documents the interface
        name : of the function; by default made of the file's name

        Raises `InputError` for another suffix or a name that is none, `CompileError` for what cannot be exported so.
        """
        formula = "; ".join(str(self.graph.exprs[output]) for output in self.graph.outputs[:8])
        source = export.ExportSource(
            self._kernel, self.inputs, self._structure, self._constants, self._tensor, formula, self._unused
        )
        export.write(source, path, header, name)

    @cached_property
    def _direct(self) -> Library:
        """The module of the entry point for Numba's compiled code, made when that asks for it."""
        if self._constants:
            raise CompileError(
                "a function with array constants cannot be called from Numba's compiled code",
                hint="declare a symbol in the constant's place",
            )
        text = scalar_entry.direct_module(self._kernel, self._structure, self._library.symbol("packed"))
        return build(text, ("direct",), self._tiers.source.options.cache, (self._library,))

    @property
    def _direct_address(self) -> int:
        pin(self._direct)
        return self._direct.pointer("direct")

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
            if self._unused:  # of these only the type counts
                arrays = list(arrays)
                for number in self._unused:
                    arrays[number] = np.zeros((), self._symbols[number].dtype)
            if self._tensor:
                shape, shapes = declared_shapes(self.graph, checked, self._unused)
            else:
                shape = joint_shape(self.inputs, arrays, self._constants, self._unused)
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

    def _outputs(self, out: Any, shapes: list[tuple[int, ...]]) -> list[np.ndarray] | None:
        """The arrays given as `out`, checked."""
        return None if out is None else as_out(out, self._structure, shapes, self._dtypes)

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
            if not self._tensor:
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
    options: Options = DEFAULT,
    record: bytes | None = None,
    unused: tuple[int, ...] | None = None,
) -> Compiled:
    """Compile a graph whose results come back in `structure`.

    record : the key under which what becomes of the graph is recorded and found again: see `graph_cache`
    unused : the numbers of the inputs that the formula as written does not use; by default those that `graph` does not use

    The callable is of a class of its own, whose `__call__` is the builtin over the machine code: Python then calls it without a
    Python frame in between.
    """
    function = object.__new__(
        type("compiled", (Compiled,), {"__module__": __name__, "__doc__": Compiled.__doc__})
    )
    Compiled.__init__(function, graph, structure, options, record, unused)
    return function
