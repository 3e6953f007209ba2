"""What compiling a formula gains: the same mathematics by graphc, SymPy's lambdify and NumPy, side by side.

The contenders take turns in every round and medians are compared, so that a machine that speeds up or slows
down does so for all of them. The report says how far graphc's results are from NumPy's.
"""

from __future__ import annotations

import math
import statistics
import time
import timeit
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.api.compile import compile as compile_
from graphc.api.functions import grad
from graphc.errors import InputError
from graphc.frontend.interop.lambdify import lambdify
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, constant, free_symbols
from graphc.ir.graph import Dag
from graphc.ir.inputs import bind_names
from graphc.ir.types import is_float
from graphc.util.notebook import ShownAsText

SYMPY = "sympy.lambdify(cse=True)"
NUMPY = "NumPy, one call an operation"


@dataclass(frozen=True)
class Timing:
    """One contender of a table: its median time in seconds, or why it has none."""

    name: str
    seconds: float | None
    why_not: str = ""


@dataclass(frozen=True)
class Table:
    """Contenders for one task, graphc first; `elements` is the length of the arrays, 0 for scalars."""

    title: str
    rows: tuple[Timing, ...]
    elements: int = 0

    def __str__(self) -> str:
        first = self.rows[0].seconds or float("nan")
        lines = [self.title]
        for row in self.rows:
            if row.seconds is None:
                lines.append(f"  {row.name:<32} –  {row.why_not}")
                continue
            line = f"  {row.name:<32} {format_time(row.seconds):>9}  × {row.seconds / first:.2f}"
            if self.elements:
                line += f"  {self.elements / row.seconds / 1e6:8.1f} M elements/s"
            lines.append(line)
        return "\n".join(lines)


@dataclass(frozen=True)
class Report(ShownAsText):
    """What `bench` measured; `str()` is the page that the command line prints."""

    tables: tuple[Table, ...]
    first_seconds: float
    difference: float
    gradient: bool

    def __str__(self) -> str:
        what = "value and gradient" if self.gradient else "the value alone"
        head = f"{what}; × is the ratio to graphc, of medians of runs that take turns"
        agree = f"largest difference between graphc and NumPy: {self.difference:.1e} of the largest result"
        start = f"the first compilation of the process, with LLVM: {format_time(self.first_seconds)}"
        return "\n\n".join([head, *map(str, self.tables), f"{agree}\n{start}"])


def format_time(seconds: float) -> str:
    """A time with three digits and the unit that suits it.

    >>> format_time(2.1e-7), format_time(0.0331), format_time(2.5)
    ('210 ns', '33.1 ms', '2.5 s')
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def interleaved(
    calls: Mapping[str, tuple[Callable[..., Any], Sequence[Any]]], *, rounds: int = 15, slice_: float = 2e-3
) -> dict[str, float]:
    """{name: median seconds of one call}; in every round each contender runs for about `slice_` seconds.

    calls : name → (function, positional arguments)
    """
    # the statement holds fixed names alone; it spares the interpreter the unpacking of an argument tuple
    timers = {
        name: timeit.Timer(
            f"f({', '.join(f'a{i}' for i in range(len(args)))})",
            globals={"f": function, **{f"a{i}": arg for i, arg in enumerate(args)}},
        )
        for name, (function, args) in calls.items()
    }
    numbers = {}
    for name, timer in timers.items():
        number, spent = 1, timer.timeit(1)
        while spent < slice_:
            number = max(2 * number, int(number * slice_ / max(spent, 1e-9)) + 1)
            spent = timer.timeit(number)
        numbers[name] = number
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            times[name].append(timer.timeit(numbers[name]) / numbers[name])
    return {name: statistics.median(samples) for name, samples in times.items()}


def _scalar(symbol: Expr, value: Any) -> float:
    if np.ndim(value):
        raise InputError(
            f"{symbol.name} is an array of shape {np.shape(value)}",
            hint="name a number: the arrays that are measured are drawn around it",
        )
    return float(value)


def bench(
    expr: Expr, at: Mapping[Any, Any] | None = None, *, size: int = 1_000_000, rounds: int = 15
) -> Report:
    """Measure a formula of float64 scalars, with its gradient where it has one.

    Parameters
    ----------
    expr : an expression
    at : where the scalar call is timed; by default numbers from 0.5 to 1.5. The arrays spread 5 % around it.
    size : length of the arrays; 0 leaves them out
    rounds : how often the contenders take turns

    Raises `InputError` for a point with missing or unknown names, or with arrays.
    """
    inputs = free_symbols(expr)
    rng = np.random.default_rng(0)
    point = {symbol: float(rng.uniform(0.5, 1.5)) for symbol in inputs} if at is None else at
    scalars = [
        _scalar(symbol, array) for symbol, array in zip(inputs, bind_names(inputs, point), strict=True)
    ]
    first_seconds = _seconds(lambda: compile_(constant(0.0), []))

    def by_graphc() -> Any:
        return compile_(_outputs(expr, inputs), list(inputs))

    def by_sympy(modules: str) -> Callable[[], Callable[..., Any]]:
        return lambda: lambdify(expr, inputs, modules, gradient=len(dag.outputs) > 1)

    def by_numpy(*values: Any) -> list[Any]:
        nodes = run_arrays(dag, [np.asarray(value) for value in values])
        return [nodes[output] for output in dag.outputs]

    dag = Dag(_outputs(expr, inputs), inputs)
    compiled = by_graphc()
    makers = {"graphc": (by_graphc, ()), SYMPY: (by_sympy("math"), ())}
    tables = [_table("differentiate and compile", makers, rounds=5)]
    contenders = {"graphc": compiled, f"{SYMPY}, math": _or_refusal(by_sympy("math")), NUMPY: by_numpy}
    tables.append(_table("one scalar call", {name: (f, scalars) for name, f in contenders.items()}, rounds))
    arrays: list[Any] = scalars
    if size and inputs:
        arrays = [value * rng.uniform(0.95, 1.05, size) for value in scalars]
        contenders = {"graphc": compiled, f"{SYMPY}, numpy": _or_refusal(by_sympy("numpy")), NUMPY: by_numpy}
        calls = {name: (f, arrays) for name, f in contenders.items()}
        tables.append(_table(f"a call with arrays of {size:,} elements", calls, rounds, size))
    difference = _difference(compiled(*arrays), by_numpy(*arrays))
    return Report(tuple(tables), first_seconds, difference, len(dag.outputs) > 1)


def _outputs(expr: Expr, inputs: Sequence[Expr]) -> list[Expr]:
    """The value and, unless it has none (a boolean, say), its gradient."""
    return [expr, *grad(expr, list(inputs))] if is_float(expr.dtype) else [expr]


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _or_refusal(make: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    """What `make` returns; where another library refuses, a function that raises what it raised."""
    try:
        return make()
    except Exception as error:
        refusal = error

    def refuse(*args: Any) -> Any:
        raise refusal

    return refuse


def _table(
    title: str, calls: Mapping[str, tuple[Callable[..., Any], Sequence[Any]]], rounds: int, elements: int = 0
) -> Table:
    """Measure the contenders that work; the others say why they do not."""
    why_not: dict[str, str] = {}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy and SymPy, at points outside of a function's domain
        for name, (function, args) in calls.items():
            try:
                function(*args)
            except Exception as error:  # whatever a peer raises is a line of the report, not the end of it
                if name == "graphc":
                    raise
                why_not[name] = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:70]}"
        working = {name: call for name, call in calls.items() if name not in why_not}
        medians = interleaved(working, rounds=rounds)
    rows = (Timing(name, medians.get(name), why_not.get(name, "")) for name in calls)
    return Table(title, tuple(rows), elements)


def _difference(ours: Sequence[Any], theirs: Sequence[Any]) -> float:
    """The largest difference of two lists of results, relative to the largest in each; NaN equals NaN alone."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        a, b = np.broadcast_arrays(a, b)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if not same.all():
            scale = np.abs(b[np.isfinite(b)]).max(initial=np.finfo(float).tiny)
            gap = float(np.abs(a[~same] - b[~same]).max() / scale)
            worst = max(worst, math.inf if math.isnan(gap) else gap)
    return worst
