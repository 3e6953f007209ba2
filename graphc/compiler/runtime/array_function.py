"""The callable for graphs with operations on whole arrays: one native function for calls with little to compute, kernels and
library calls for others, bound to the lengths of each call.

One function serves all lengths: what they decide (memory, chunks of rows) is worked out at the first call with them and kept.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from graphc.compiler import pipeline
from graphc.compiler.engine import guard_words
from graphc.compiler.engine.buffer_pool import empty
from graphc.compiler.engine.jit import Library, build
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.engine.vectorcall import lead
from graphc.compiler.loops.from_graph.one_function import is_little, routine_without_loops
from graphc.compiler.pipeline import Options, unit_of
from graphc.compiler.runtime import numba_arrays
from graphc.compiler.runtime.c_callable import CCallable
from graphc.compiler.runtime.compiled_function import CompiledFunction, ScalarEntry
from graphc.compiler.runtime.fastcall import program_entry
from graphc.compiler.runtime.guarded_plan import Guarded
from graphc.compiler.runtime.instantiated_plan import Bound
from graphc.compiler.runtime.native_program import BoundProgram, NativeProgram
from graphc.compiler.schedule.fusion import Group
from graphc.errors import CompileError, GraphcError, InputError, ShapeError
from graphc.interpret.call_binding import arguments
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.attribute_text import bound
from graphc.ir.expr import current_site
from graphc.ir.graph import Dag
from graphc.ir.inputs import as_value, bind_dimensions, check_apart, check_shape, share_memory
from graphc.ir.types import DType, format_shape
from graphc.util import fork_safety
from graphc.util.fork_safety import cached_property
from graphc.util.pytree import Structure, unflatten

_serving = fork_safety.lock()
"""Held while machine code is told of a call."""

MOST_SHAPES = 32
"""So many shapes of arguments keep their memory; those that were not used for longest give theirs back."""


class _Known(NamedTuple):
    """What the shapes of arguments decide.

    shapes : of the results; empty : whether an axis has no elements; pool : the plan for these lengths, once for each call that
        went on at the same time
    apart : the addresses of the last arguments, where none that is updated shared memory with another and each lay in rows
    """

    lengths: Mapping[str, int]
    shapes: list[tuple[int, ...]]
    empty: bool
    pool: list[Bound | BoundProgram]
    apart: list[int]


class ArrayFunction(CompiledFunction):
    """A compiled function of arrays of declared shapes.

    It is called as every compiled function: f(X, W), f(X=…, W=…), f(X, W, out=array). The arguments have exactly the declared
    shapes; named axes may have another length in each call. Results are new arrays, or those of `out`. What lies between is
    computed in a workspace that is kept from call to call.

    With `updates` some inputs are written: each gets its new value when all results are computed. Those arguments must be
    writable arrays of the symbol's dtype, and no two of them, nor one of them and an array of `out`, may share memory.
    """

    def __init__(self, graph: Dag, structure: Structure, options: Options) -> None:
        super().__init__(graph, structure, options)
        started = time.perf_counter()
        # a pickled program may have no operation on arrays left after it was rewritten
        self._rewritten = pipeline.run(replace(unit_of(graph, options), is_program=True), pipeline.REWRITING)
        outputs = [self.graph.exprs[output] for output in self.graph.outputs]
        self._declared = [(symbol, symbol.dtype) for symbol in self._symbols]
        self._updated = options.updates
        self._results = len(outputs) - len(options.updates)
        self._result_dtypes = tuple([output.dtype for output in outputs[: self._results]])
        lowered = pipeline.run(self._rewritten, pipeline.LOWERING)
        if lowered.plan is None:
            raise CompileError("internal error: a graph of whole arrays was left without a plan")
        self._plan, self._constants = lowered.plan, lowered.constants
        planned = time.perf_counter()
        self._library: Library | None = None
        self._native: NativeProgram | None = None
        if lowered.whole is not None:
            self._native = NativeProgram(lowered.whole, options.cache, interruptible=True)
        elif self._plan.exported:
            self._library = build(self._plan.text, self._plan.exported, options.cache)
        self._seconds = {"plan": planned - started, "build": time.perf_counter() - planned}
        self._known: OrderedDict[Any, _Known] = OrderedDict()
        self._table: program_entry.ProgramTable | None = None
        lead(self, self.dispatch)

    def __repr__(self) -> str:
        if self._native is not None and not self._native.text.lengths:
            count = f"{self._results} result{'s' if self._results != 1 else ''}"
            return f"<compiled ({', '.join(self.inputs)}) → {count} by one function>"
        kernels = sum(isinstance(step, Group) for step in self._plan.steps)
        parts = (
            (self._results, "result"),
            (kernels, "kernel"),
            (len(self._plan.steps) - kernels, "library call"),
        )
        results, loops, calls = [f"{count} {word}{'s' if count != 1 else ''}" for count, word in parts]
        return f"<compiled ({', '.join(self.inputs)}) → {results} by {loops} and {calls}>"

    def __reduce__(self) -> Any:
        # what is pickled is the rewritten graph
        return make, (self.graph, self._structure, replace(self._options, rewrite=None, dump=()))

    @property
    def graph(self) -> Dag:
        """The graph as it was compiled."""
        return self._rewritten.graph

    @property
    def tier(self) -> str:
        """Functions of whole arrays are made when they are compiled: "native"."""
        return "native"

    def wait(self, timeout: float | None = None) -> bool:
        """The machine code is there: True."""
        return True

    def report(self) -> ProgramReport:
        """What was made of the function: its kernels and library calls in order, and the time that compiling took."""
        return ProgramReport(self)

    @property
    def _libraries(self) -> Sequence[Library]:
        native = [] if self._native is None else [self._native.library]
        return native if self._library is None else [*native, self._library]

    @cached_property
    def _numba_type_(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return numba_arrays.numba_type(self._whole, self._structure)

    @cached_property
    def _whole(self) -> NativeProgram:
        """The function as one native function, made when something asks for it; `CompileError` where it calls a library."""
        if self._native is not None and not self._native.interruptible:
            return self._native
        program = pipeline.loop_program(self._rewritten, native=True)
        called = routine_without_loops(program)
        if called is not None:
            raise CompileError(
                f"{called} is a routine of a library, which code compiled by Numba cannot call",
                hint="call the function from Python",
            )
        return NativeProgram(program, self._options.cache)

    @cached_property
    def c_callable(self) -> CCallable:
        """The function as one that C calls, made when something asks for it; `CompileError` where it calls a library."""
        return CCallable(pipeline.loop_program(self._rewritten, native=True), self._options.cache)

    @property
    def address(self) -> int:
        """The address of the C function `c_signature`; raises `CompileError` where the function calls a library."""
        return self.c_callable.address

    @property
    def c_signature(self) -> str:
        return self.c_callable.signature

    @property
    def _entry(self) -> ScalarEntry | None:
        return None

    @property
    def _dtypes(self) -> tuple[DType, ...]:
        return self._result_dtypes

    def call(self, /, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None) if "out" not in self.inputs else None
        try:
            values = arguments(self.inputs, args, kwargs)
            arrays = [
                value if type(value) is np.ndarray and value.dtype is dtype else as_value(symbol, value)
                for (symbol, dtype), value in zip(self._declared, values, strict=True)
            ]
            key = tuple([array.shape for array in arrays])
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = self._first_time(arrays)
                self._serve(key, known)
                while len(self._known) > MOST_SHAPES:
                    self._known.popitem(last=False)
            for number in self._updated:
                self._check_updated(number, values[number], arrays[number])
            results = self._run(arrays, known, None if out is None else self._outputs(out, known.shapes))
        except GraphcError as error:
            error.site = error.site or current_site()
            raise
        return unflatten(self._structure, iter([array if array.ndim else array.item() for array in results]))

    def _first_time(self, arrays: list[np.ndarray]) -> _Known:
        """What the shapes of arguments decide; raises where they do not fit."""
        for symbol, array in zip(self._symbols, arrays, strict=True):
            if symbol.shape:
                check_shape(symbol, array.shape)
            if array.ndim and not symbol.shape:
                raise ShapeError(
                    f"input {symbol.name!r} is a scalar and got an array of shape {format_shape(array.shape)}",
                    hint=f"declare it with g.symbol({symbol.name!r}, shape=…), or g.vmap the function over it",
                )
        lengths = bind_dimensions(self._symbols, arrays)
        exprs = [self.graph.exprs[output] for output in self.graph.outputs[: self._results]]
        if self._plan.is_empty(lengths):
            return _Known(lengths, [bound(expr.shape, lengths) for expr in exprs], True, [], [])
        first = self._bound(lengths)
        return _Known(lengths, first.shapes[: self._results], False, [first], [])

    def _serve(self, shapes: tuple[tuple[int, ...], ...], known: _Known) -> None:
        """From here on calls with arguments of these shapes go to machine code, where it takes them."""
        if self._guarded or known.empty or self._updated or not known.pool[0].is_plain:
            return
        dtypes = [dtype for _, dtype in self._declared]
        if not program_entry.serves(dtypes, self._dtypes, known.shapes, self._structure):
            return
        with _serving:
            table = self._table
            if table is None:
                table = program_entry.ProgramTable(
                    dtypes, self._dtypes, self._structure, "out" not in self.inputs
                )
            if table.wants(shapes):
                own = self._bound(known.lengths)  # its workspace is that of the calls in machine code alone
                table.add(shapes, known.shapes, own.kernels(len(shapes), self._constants))
            if self._table is None:
                self._table = table
                lead(self, table.entry(self.dispatch))

    def _bound(self, lengths: Mapping[str, int]) -> Bound | BoundProgram:
        """The plan for given lengths."""
        native, steps = self._native, self._plan.steps
        if native and (not native.text.lengths or is_little(steps, lengths, native.text.leaves_out)):
            return BoundProgram(native, self.graph, lengths, self._guarded, self._plan.dag)
        if self._library is None and self._plan.exported:  # the first call with many elements
            self._library = build(self._plan.text, self._plan.exported, self._options.cache)
        kind = Guarded if self._guarded else Bound
        return kind(self._plan, self._library, lengths, self._options.parallel)

    def _check_updated(self, number: int, value: Any, array: np.ndarray) -> None:
        name = self._symbols[number].name
        if value is not array:
            raise InputError(
                f"input {name!r} is updated, and got a {type(value).__name__} that is no array of {array.dtype}",
                hint=f"pass a NumPy array: np.asarray({name}, dtype={array.dtype.name!r})",
            )
        if not array.flags.writeable:
            raise InputError(f"input {name!r} is updated, and read-only", hint="pass a copy")

    def _run(
        self, arrays: list[np.ndarray], known: _Known, given: list[np.ndarray] | None
    ) -> list[np.ndarray]:
        if given is not None and self._updated:
            self._check_out(arrays, given)
        if known.empty:
            self._check_apart(arrays)
            return self._by_hand(arrays, given)
        in_rows = guard_words.copied if self._guarded else _in_rows
        whole = [in_rows(array) for array in arrays]
        whole += map(guard_words.copied, self._constants) if self._guarded else self._constants
        addresses = [data_address(array) for array in whole]
        if self._updated and addresses != known.apart:
            self._check_apart(arrays)
            whole_rows = all(whole[number] is arrays[number] for number in self._updated)
            before = list(addresses)
            for number in self._shared_updates(whole, addresses):
                whole[number] = whole[number].copy()  # what is written in place is read by nobody else
                addresses[number] = data_address(whole[number])
            known.apart[:] = before if whole_rows and before == addresses else []
        if self._guarded:
            targets = [
                guard_words.empty(shape, dtype)
                for shape, dtype in zip(known.shapes, self._dtypes, strict=True)
            ]
        elif given is None:
            targets = [empty(shape, dtype) for shape, dtype in zip(known.shapes, self._dtypes, strict=True)]
        else:
            targets = [
                array
                if array.flags.c_contiguous
                and array.flags.aligned
                and not any(np.may_share_memory(array, other) for other in whole)
                else np.empty(array.shape, array.dtype)
                for array in given
            ]
        pool = known.pool
        ready = pool.pop() if pool else self._bound(known.lengths)
        try:
            ready(whole, targets, addresses)
        finally:
            pool.append(ready)
        for number in self._updated:
            if whole[number] is not arrays[number]:
                arrays[number][...] = whole[number]
        if given is None:
            return targets
        for array, target in zip(given, targets, strict=True):
            if array is not target:
                array[...] = target
        return given

    def _check_apart(self, arrays: list[np.ndarray]) -> None:
        check_apart(
            [self.inputs[number] for number in self._updated], [arrays[number] for number in self._updated]
        )

    def _check_out(self, arrays: list[np.ndarray], given: list[np.ndarray]) -> None:
        for number in self._updated:
            if any(array.size and share_memory(arrays[number], array) for array in given):
                raise InputError(
                    f"out shares memory with input {self.inputs[number]!r}, which is updated",
                    hint="pass a separate array",
                )

    def _shared_updates(self, arrays: list[np.ndarray], addresses: list[int]) -> list[int]:
        """The numbers of updated arguments that share memory with another."""
        order = sorted(range(len(arrays)), key=lambda k: (addresses[k], arrays[k].nbytes))
        found: set[int] = set()
        last, end = -1, 0  # of those so far, the one that reaches furthest
        for k in order:
            if last >= 0 and addresses[k] < end:
                found |= {k, last}
            if addresses[k] + arrays[k].nbytes > end or last < 0:
                last, end = k, addresses[k] + arrays[k].nbytes
        return sorted(found.intersection(self._updated))

    def _by_hand(self, arrays: list[np.ndarray], given: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        """The interpreter's results, where an axis is empty."""
        values = run_arrays(self.graph, arrays)
        results = [np.asarray(values[output]) for output in self.graph.outputs]
        fresh = [np.array(value) for value in results[self._results :]]
        results = [
            np.array(result) for result in results[: self._results]
        ]  # may be inputs, which are written next
        for number, value in zip(self._updated, fresh, strict=True):
            arrays[number][...] = value
        if given is None:
            return results
        for array, result in zip(given, results, strict=True):
            array[...] = result
        return list(given)


def _in_rows(array: np.ndarray) -> np.ndarray:
    """An array as machine code reads it: row by row, without gaps, aligned."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.array(array, order="C", copy=True)


def make(graph: Dag, structure: Structure, options: Options) -> ArrayFunction:
    """Compile a graph with operations on whole arrays whose results come back in `structure`."""
    return ArrayFunction(graph, structure, options)


class ProgramReport:
    """What was made of a function of arrays; `print` shows it."""

    def __init__(self, program: ArrayFunction) -> None:
        self._program = program

    def __str__(self) -> str:
        program = self._program
        lines = [repr(program)]
        for step in program._plan.steps:
            if isinstance(step, Group):
                made = ", ".join(
                    f"{stage.node.op.name}{format_shape(stage.node.shape)}" for stage in step.stages
                )
                how = "all elements in one" if step.walk == -1 else f"rows {format_shape(step.rows)}"
                lines.append(f"  kernel   {how}: {made}")
            else:
                lines.append(f"  library  {step.node.op.name}{format_shape(step.node.shape)}")
        for phase, seconds in program._seconds.items():
            lines.append(f"  {phase} {1e3 * seconds:.1f} ms")
        lines += [f"  cache: {library.cached}" for library in program._libraries]
        return "\n".join(lines)

    __repr__ = __str__
