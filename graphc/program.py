"""The callable for graphs with operations on whole arrays: kernels and library calls, bound to the lengths of each call.

One function serves all lengths: what they decide (memory, chunks of rows) is worked out at the first call with them and kept.
"""

from __future__ import annotations

import inspect
import keyword
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc import dims
from graphc.compiled import Compiled
from graphc.dag import Dag
from graphc.errors import CompileError, DtypeError, GraphcError, InputError, ShapeError
from graphc.evaluate import run_arrays
from graphc.expr import Expr, constant, current_site
from graphc.inputs import as_value, bind_dimensions
from graphc.lower.jit import Library, build
from graphc.lower.kernels import lift
from graphc.lower.nests import Parallel
from graphc.lower.performance import Rewriting
from graphc.lower.tensor.bound import Bound
from graphc.lower.tensor.groups import Group
from graphc.lower.tensor.plan import plan
from graphc.ops.calls import broadcast
from graphc.tree import Structure, unflatten
from graphc.types import broadcast_shapes, format_shape

MOST_SHAPES = 32
"""So many shapes of arguments keep their memory; those that were not used for longest give theirs back."""


class Program(Compiled):
    """A compiled function of arrays of declared shapes.

    It is called as every compiled function: f(X, W), f(X=…, W=…), f(X, W, out=array). The arguments have exactly the declared
    shapes; named axes may have another length in each call. Results are new arrays, or those of `out`. What lies between is
    computed in a workspace that is kept from call to call.

    With `updates` some inputs are written: each gets its new value when all results are computed. Those arguments must be
    writable arrays of the symbol's dtype.
    """

    def __init__(
        self,
        graph: Dag,
        structure: Structure,
        cache: bool = True,
        parallel: Parallel = "auto",
        rewriting: Rewriting | None = None,
        updated: tuple[int, ...] = (),
    ) -> None:
        started = time.perf_counter()
        self.__dict__["_rewritten"] = graph, rewriting
        self._cache = cache
        self._parallel: Parallel = parallel
        self._structure = structure
        self._symbols = graph.symbols
        self._updated = updated
        self.inputs = tuple(symbol.name for symbol in self._symbols)
        self._results = len(graph.outputs) - len(updated)
        self._dtypes = tuple(graph.exprs[output].dtype for output in graph.outputs[: self._results])
        lifted, self._constants = lift(graph)
        self._plan = plan(lifted, updated)
        planned = time.perf_counter()
        self._library: Library | None = None  # type: ignore[assignment]
        if self._plan.exported:
            self._library = build(self._plan.text, self._plan.exported, cache)  # type: ignore[assignment]
        self._seconds = {"plan": planned - started, "build": time.perf_counter() - planned}
        self._bounds: OrderedDict[Any, list[Bound]] = OrderedDict()
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(
                    name if name.isidentifier() and not keyword.iskeyword(name) else f"_{number}",
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                )
                for number, name in enumerate(self.inputs)
            ]
        )

    def __repr__(self) -> str:
        loops = sum(isinstance(step, Group) for step in self._plan.steps)
        return (
            f"<compiled ({', '.join(self.inputs)}) → {self._results} of {loops} kernels and "
            f"{len(self._plan.steps) - loops} library calls>"
        )

    def __reduce__(self) -> Any:
        return Program, (self.graph, self._structure, self._cache, self._parallel, None, self._updated)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    @property
    def tier(self) -> str:
        """Functions of whole arrays are made when they are compiled: "native"."""
        return "native"

    def wait(self, timeout: float | None = None) -> bool:
        return True

    @property
    def llvm(self) -> str:
        """LLVM IR of the kernels after optimisation."""
        return self._library.llvm if self._library is not None else ""

    @property
    def asm(self) -> str:
        """The kernels as assembly of this machine."""
        return self._library.asm if self._library is not None else ""

    @property
    def address(self) -> int:
        raise CompileError("a function of whole arrays has no address", hint="call it from Python")

    @property
    def lowlevel(self) -> Any:  # type: ignore[override]
        raise CompileError(
            "SciPy calls functions of numbers, and this one has arrays",
            hint="declare scalars: g.symbol(name)",
        )

    def export(self, path: Any, **options: Any) -> None:
        """Functions of whole arrays are not exported: raises `CompileError`."""
        raise CompileError(
            "operations on whole arrays are not exported so far", hint="g.save keeps the graph itself"
        )

    def report(self) -> Any:
        """What was made of the function: its kernels and library calls in order, and the time that compiling took."""
        return ProgramReport(self)

    def call(self, /, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None) if "out" not in self.inputs else None
        try:
            values = self._bind(args, kwargs)
            arrays = [as_value(symbol, value) for symbol, value in zip(self._symbols, values, strict=True)]
            for number in self._updated:
                self._check_updated(number, values[number], arrays[number])
            for symbol, array in zip(self._symbols, arrays, strict=True):
                if array.ndim and not symbol.shape:
                    raise ShapeError(
                        f"input {symbol.name!r} is a scalar and got an array of shape {format_shape(array.shape)}",
                        hint=f"declare it with g.symbol({symbol.name!r}, shape=…), or g.vmap the function over it",
                    )
            lengths = bind_dimensions(self._symbols, arrays)
            results = self._run(arrays, lengths, out)
        except GraphcError as error:
            error.site = error.site or current_site()
            raise
        return unflatten(
            self._structure, iter([array.item() if not array.ndim else array for array in results])
        )

    def _check_updated(self, number: int, value: Any, array: np.ndarray) -> None:
        name = self._symbols[number].name
        if value is not array:
            raise InputError(
                f"input {name!r} is updated, and got a {type(value).__name__} that is no array of {array.dtype}",
                hint=f"pass a NumPy array: np.asarray({name}, dtype={array.dtype.name!r})",
            )
        if not array.flags.writeable:
            raise InputError(f"input {name!r} is updated, and read-only", hint="pass a copy")

    def _run(self, arrays: list[np.ndarray], lengths: Mapping[str, int], out: Any) -> list[np.ndarray]:
        key = tuple([array.shape for array in arrays])
        pool = self._bounds.get(key)
        if pool is None:
            pool = self._bounds[key] = []
            while len(self._bounds) > MOST_SHAPES:
                self._bounds.popitem(last=False)
        shapes = [
            tuple([dims.evaluate(dim, lengths) for dim in self.graph.exprs[output].shape])
            for output in self.graph.outputs[: self._results]
        ]
        given = self._outputs(out, shapes)
        if any(0 in array.shape for array in arrays) or any(0 in shape for shape in shapes):
            return self._by_hand(arrays, given)
        whole = [_in_rows(array) for array in (*arrays, *self._constants)]
        targets = [np.empty(shape, dtype) for shape, dtype in zip(shapes, self._dtypes, strict=True)]
        if given is not None:
            targets = [
                array
                if array.flags.c_contiguous
                and array.flags.aligned
                and not any(np.may_share_memory(array, other) for other in whole)
                else target
                for array, target in zip(given, targets, strict=True)
            ]
        bound = pool.pop() if pool else Bound(self._plan, self._library, lengths, self._parallel)
        try:
            bound(whole, targets)
        finally:
            pool.append(bound)
        for number in self._updated:
            if whole[number] is not arrays[number]:
                arrays[number][...] = whole[number]
        if given is None:
            return targets
        for array, target in zip(given, targets, strict=True):
            if array is not target:
                array[...] = target
        return given

    def _by_hand(self, arrays: list[np.ndarray], given: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        """The interpreter's results, where an axis is empty."""
        values = run_arrays(self.graph, arrays)
        results = [np.asarray(values[output]) for output in self.graph.outputs]
        for number, value in zip(self._updated, results[self._results :], strict=True):
            arrays[number][...] = value
        results = results[: self._results]
        if given is None:
            return [np.array(result) for result in results]
        for array, result in zip(given, results, strict=True):
            array[...] = result
        return list(given)


def new_values(updates: Mapping[Expr, Any], symbols: Sequence[Expr], declared: bool) -> list[Expr]:
    """The new values of some inputs, of their shapes and dtypes.

    symbols : the inputs so far; declared : whether there may be no others

    Raises `InputError` for what is no input, `ShapeError` and `DtypeError` for a value that does not fit it.
    """
    values: list[Expr] = []
    for symbol, value in updates.items():
        if not isinstance(symbol, Expr) or not symbol.is_symbol:
            raise InputError(
                f"updates has {symbol!r:.60}, which is no symbol", hint="write updates={W: W - 0.1*dW}"
            )
        value = value if isinstance(value, Expr) else constant(value, symbol.dtype)
        if value.shape != symbol.shape:
            if value.shape and broadcast_shapes([value.shape, symbol.shape]) != symbol.shape:
                raise ShapeError(
                    f"the new value of {symbol.name!r} has shape {format_shape(value.shape)}, not {format_shape(symbol.shape)}",
                    node=repr(value),
                    site=value.site,
                )
            value = broadcast(value, symbol)
        if value.dtype != symbol.dtype:
            raise DtypeError(
                f"the new value of {symbol.name!r} is {value.dtype}, not {symbol.dtype}",
                node=repr(value),
                site=value.site,
                hint=f"write g.astype(value, {symbol.dtype.name!r})",
            )
        values.append(value)
    for symbol in updates:
        if declared and symbol not in symbols:
            raise InputError(f"{symbol.name!r} is updated and not among the inputs", hint="list it in inputs")
    return values


def _in_rows(array: np.ndarray) -> np.ndarray:
    """An array as machine code reads it: row by row, without gaps, aligned."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.array(array, order="C", copy=True)


class ProgramReport:
    """What was made of a function of arrays; `print` shows it."""

    def __init__(self, program: Program) -> None:
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
        if program._library is not None:
            lines.append(f"  cache: {program._library.cached}")
        return "\n".join(lines)

    __repr__ = __str__
