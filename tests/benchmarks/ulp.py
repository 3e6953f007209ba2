"""How many units in the last place the functions of graphc/lower/vecmath err.

    python -m tests.benchmarks.ulp              all functions, into the tables of docs/vecmath.md (some 20 minutes)
    python -m tests.benchmarks.ulp exp tanh     these rows of it
    python -m tests.benchmarks.ulp --times      how long they take alone

float32: every one of the 2³² inputs, by a compiled loop that runs the float32 function beside the float64 one, whose own error is
10⁻⁸ of what is measured. float64: millions of inputs against the C library's extended precision, the worst of them and their
neighbours against mpmath. Functions of two operands are sampled in both formats.
"""

from __future__ import annotations

import ctypes
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from graphc.lower import vecmath
from graphc.lower.jit import build
from graphc.lower.vecmath.writer import DOUBLE, SINGLE, Value, Writer
from tests.benchmarks.exact import DTYPES, NUMPY_NAMES, OF_OPERANDS, error
from tests.benchmarks.harness import ROOT

PAGE = ROOT / "docs" / "vecmath.md"


# --- a function as a loop over arrays -----------------------------------------------------------------------------------


def loop(name: str, bits: int, within: bool = False) -> Callable[..., np.ndarray]:
    """The function over contiguous arrays, inlined into a loop of its own; `within` its limit, if it has one."""
    kind = "double" if bits == 64 else "float"
    count = vecmath.arity(name, bits)
    made = vecmath.definition(name, bits, inline=True, within=within)
    loads = "\n".join(
        f"  %p{k} = getelementptr {kind}, ptr %a{k}, i64 %i\n  %v{k} = load {kind}, ptr %p{k}"
        for k in range(count)
    )
    call = f"call {kind} @{made.symbol}({', '.join(f'{kind} %v{k}' for k in range(count))})"
    text = _around(
        "\n".join([*made.declarations, made.text]),
        ", ".join(f"ptr noalias %a{k}" for k in range(count)),
        f"{loads}\n  %result = {call}",
        kind,
    )
    function = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * (count + 1))(
        build(text, ("run",)).pointer("run")
    )

    def run(*arrays: np.ndarray) -> np.ndarray:
        given = [np.ascontiguousarray(array, DTYPES[bits]) for array in arrays]
        result = np.empty_like(given[0])
        if result.size:
            function(result.size, *(array.ctypes.data for array in (*given, result)))
        return result

    return run


def _around(definitions: str, parameters: str, body: str, kind: str) -> str:
    return f"""{definitions}
define void @run(i64 %n, {parameters}, ptr noalias %out) nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{body}
  %where = getelementptr {kind}, ptr %out, i64 %i
  store {kind} %result, ptr %where
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %exit, label %loop
exit:
  ret void
}}
"""


# --- float32, exhaustively ----------------------------------------------------------------------------------------------


def comparison(name: str) -> Callable[[int, np.ndarray, int], None]:
    """(first pattern, errors to fill, step): the errors of the float32 function at first, first + step, …, in ULPs.

    Infinity where one is NaN and the other is not, and where the signs differ.
    """
    single, double = (vecmath.definition(name, bits, inline=True) for bits in (32, 64))
    m = Writer(SINGLE)
    wide = m.as_double()
    x = m.from_bits(Value(m, "%pattern", "i32"))
    given = m.instruction(f"call float @{single.symbol}(float {x.text})", "float")
    truth = wide.instruction(f"call double @{double.symbol}(double {wide.widen(x).text})", "double")
    rounded = m.narrow(truth)
    top = 2.0**128
    computed = wide.at_most(wide.at_least(wide.widen(given), -top), top)
    limited = wide.at_most(wide.at_least(truth, -top), top)
    size = wide.at_most(wide.at_least(wide.abs(limited), 2.0**-126), 2.0**127)
    exponent = wide.bits(size) >> 52
    per_ulp = wide.from_bits(((2 * DOUBLE.bias + 23) - exponent) << 52)
    distance = wide.abs(computed - limited) * per_ulp
    signs = (m.bits(given) ^ m.bits(rounded)) < 0
    distance = wide.select(signs, float("inf"), distance)
    either, both = given.is_nan() | truth.is_nan(), given.is_nan() & truth.is_nan()
    distance = wide.select(either, wide.select(both, 0.0, float("inf")), distance)
    result = m.narrow(distance)
    declared = sorted({*single.declarations, *double.declarations, *m.declarations})
    body = "\n".join(
        [
            "  %wide_pattern = mul i64 %i, %step",
            "  %moved = add i64 %wide_pattern, %first",
            "  %pattern = trunc i64 %moved to i32",
            *m.lines,
            f"  %result = fadd float {result.text}, 0.0",
        ]
    )
    text = _around("\n".join([*declared, single.text, double.text]), "i64 %first, i64 %step", body, "float")
    function = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(
        build(text, ("run",)).pointer("run")
    )

    def run(first: int, errors: np.ndarray, step: int = 1) -> None:
        function(errors.size, first, step, errors.ctypes.data)

    return run


LEVELS = (0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0)


class Spread(NamedTuple):
    """worst : the greatest error, at the input `at`; above : how many errors exceed each of LEVELS; total : of inputs"""

    worst: float
    at: float
    above: tuple[int, ...]
    total: int


def exhaustive(name: str, step: int = 1, first: int = 0) -> Spread:
    """The spread of the float32 function's errors over every input, or every `step`-th from `first` on."""
    run = comparison(name)
    total = (2**32 - 1 - first) // step + 1
    chunk = 1 << 18
    worst, at, above = -1.0, 0, np.zeros(len(LEVELS), np.int64)
    buffer = np.empty(chunk, np.float32)
    for start in range(0, total, chunk):
        errors = buffer[: min(chunk, total - start)]
        run(first + start * step, errors, step)
        top = float(errors.max())
        if top > worst:
            worst, at = top, first + (start + int(errors.argmax())) * step
        for k, level in enumerate(LEVELS):
            if top > level:
                above[k] += np.count_nonzero(errors > np.float32(level))
    return Spread(worst, float(np.array([at], np.uint32).view(np.float32)[0]), tuple(map(int, above)), total)


# --- float64, and two operands ------------------------------------------------------------------------------------------


def inputs(name: str, bits: int, count: int, rng: np.random.Generator) -> list[tuple[np.ndarray, ...]]:
    """Operands of several kinds: random bits, dense where the function bends, near 1, tiny, at the ends of the range."""
    dtype, arity = DTYPES[bits], vecmath.arity(name, bits)
    patterns, far = (np.uint64, 750.0) if bits == 64 else (np.uint32, 105.0)
    digits = 53 if bits == 64 else 24

    def draw(kind: int) -> np.ndarray:
        if kind == 0:
            return rng.integers(0, np.iinfo(patterns).max, count, dtype=patterns, endpoint=True).view(dtype)
        if kind == 1:
            return rng.uniform(-far, far, count).astype(dtype)
        if kind == 2:
            return rng.uniform(-4, 4, count).astype(dtype)
        if kind == 3:
            return (1 + rng.uniform(-1, 1, count) * 2.0 ** rng.integers(-digits, 0, count)).astype(dtype)
        return (rng.uniform(-1, 1, count) * 2.0 ** rng.integers(-2 * digits, 3, count)).astype(dtype)

    sets = [tuple(draw(kind) for _ in range(arity)) for kind in range(5)]
    if arity == 2:
        sets += [(draw(0), draw(2)), (draw(2), draw(0)), (draw(3), draw(1)), (np.abs(draw(2)), draw(1))]
    if name == "pow":  # results in range, of every size
        with np.errstate(all="ignore"):
            base = np.exp(rng.uniform(-far, far, count)).astype(dtype)
            power = (rng.uniform(-far, far, count) / np.log(base.astype(np.float64))).astype(dtype)
        sets.append((base, power))
    return sets


def _extended(name: str, *operands: np.ndarray) -> np.ndarray | None:
    """The function in the C library's extended precision, where it has one."""
    wide = [x.astype(np.longdouble) for x in operands]
    (x, *_) = wide
    if name in ("sigmoid", "softplus", "log_sigmoid"):
        t = np.exp(-np.abs(x))
        if name == "sigmoid":
            return np.where(x >= 0, 1, t) / (1 + t)
        return np.maximum(x, 0) + np.log1p(t) if name == "softplus" else np.minimum(x, 0) - np.log1p(t)
    if name == "rsqrt":
        return 1 / np.sqrt(x)
    function = getattr(np, NUMPY_NAMES.get(name, name), None)
    return None if function is None or name in OF_OPERANDS else function(*wide)


def candidates(
    name: str, bits: int, count: int, keep: int, seed: int = 1
) -> Iterator[tuple[np.ndarray, ...]]:
    """From each set of inputs those where the function seems to err most, and the floats beside them."""
    run, rng = loop(name, bits), np.random.default_rng(seed)
    dtype = DTYPES[bits]
    for operands in inputs(name, bits, count, rng):
        with np.errstate(all="ignore"):
            wide = _extended(name, *operands)
            if wide is None:
                chosen = rng.integers(0, count, keep)
            else:
                rounded = wide.astype(dtype)
                spacing = np.spacing(np.abs(rounded)).astype(np.longdouble)
                distance = np.abs(run(*operands).astype(np.longdouble) - wide) / spacing
                usual = np.isfinite(distance) & np.isfinite(rounded)
                chosen = np.argsort(np.where(usual, distance, -1))[-keep:]
            picked = [x[chosen] for x in operands]
            beside = [
                np.concatenate([x] + [np.nextafter(x, dtype.type(s * np.inf)) for s in (-1, 1)])
                for x in picked
            ]
        yield tuple(beside)


def searched(name: str, bits: int, count: int = 400_000, keep: int = 100) -> tuple[float, tuple[float, ...]]:
    """The greatest error found, by mpmath, and where."""
    run = loop(name, bits)
    worst, at = 0.0, ()
    for operands in candidates(name, bits, count, keep):
        for computed, *given in zip(run(*operands), *operands, strict=True):
            if np.all(np.isfinite(given)):
                found = error(name, computed, tuple(given), bits)
                if found is not None and found > worst:
                    worst, at = found, tuple(map(float, given))
    return worst, at


# --- speed --------------------------------------------------------------------------------------------------------------


def nanoseconds(run: Callable[..., Any], operands: int, bits: int) -> float:
    """Time for each element, operands and result in the fastest caches: the best of many runs."""
    rng = np.random.default_rng(3)
    sizes = (2_000, 4_000)
    best = []
    for size in sizes:
        arrays = [rng.uniform(0.1, 0.9, size).astype(DTYPES[bits]) for _ in range(operands)]
        times = []
        for _ in range(400):
            start = time.perf_counter()
            run(*arrays)
            times.append(time.perf_counter() - start)
        best.append(min(times))
    return (best[1] - best[0]) / (sizes[1] - sizes[0]) * 1e9  # the call's own cost drops out


def times(name: str) -> list[str]:
    """The cells of the table of times: graphc's and NumPy's, for each format."""
    cells = []
    numpys = getattr(np, NUMPY_NAMES.get(name, name), None)
    for bits in (32, 64):
        if not vecmath.exists(name, bits):
            cells += ["–", "–"]
            continue
        operands = vecmath.arity(name, bits)
        cells.append(f"{nanoseconds(loop(name, bits, within=True), operands, bits):.2f}")
        cells.append(f"{nanoseconds(numpys, operands, bits):.2f}" if numpys else "–")
    return cells


# --- the page -----------------------------------------------------------------------------------------------------------

ERRORS = "| function | float32 worst | at | above 0.5 | above 0.6 | float64 worst | at |"
TIMES = "| function | float32 | NumPy | float64 | NumPy |"


def errors(name: str) -> list[str]:
    """The cells of the table of errors."""
    found = [bits for n, bits in vecmath.names() if n == name]
    if 32 not in found:
        cells = ["–"] * 4
    elif vecmath.arity(name, 32) == 1:
        spread = exhaustive(name)
        share = [f"{100 * spread.above[LEVELS.index(level)] / spread.total:.3g} %" for level in (0.5, 0.6)]
        cells = [f"{spread.worst:.3f}", f"{spread.at:.9g}", *share]
    else:
        worst, at = searched(name, 32)
        cells = [f"{worst:.3f} (sampled)", ", ".join(f"{x:.9g}" for x in at), "–", "–"]
    worst, at = searched(name, 64)
    return [*cells, f"{worst:.3f}", ", ".join(f"{x:.17g}" for x in at)]


def enter(head: str, name: str, cells: list[str]) -> None:
    """Put a row into the table of the page that begins with `head`."""
    text = PAGE.read_text(encoding="utf-8")
    start = text.index(head)
    table = re.match(r"(?:\|.*\n)*", text[start:])
    assert table is not None
    rows = dict(re.findall(r"^\| (\w+) (\|.*)$", table[0].split("\n", 2)[2], re.M))
    rows[name] = f"| {' | '.join(cells)} |"
    every = dict.fromkeys(n for n, _ in vecmath.names())
    lines = [head, "|" + " --- |" * (len(cells) + 1), *(f"| {n} {rows[n]}" for n in every if n in rows)]
    PAGE.write_text(text[:start] + "\n".join(lines) + "\n" + text[start + table.end() :], encoding="utf-8")


def main() -> None:
    wanted = [name for name in sys.argv[1:] if name != "--times"]
    for name in wanted or list(dict.fromkeys(name for name, _ in vecmath.names())):
        kinds = [(TIMES, times)] if "--times" in sys.argv else [(ERRORS, errors), (TIMES, times)]
        for head, measure in kinds:
            cells = measure(name)
            enter(head, name, cells)
            print(name, *cells, flush=True)


if __name__ == "__main__":
    main()
