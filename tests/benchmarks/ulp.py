"""How many units in the last place the functions of graphc/lower/vecmath err.

    python -m tests.benchmarks.ulp              all functions, into the table of docs/vecmath.md (some 20 minutes)
    python -m tests.benchmarks.ulp exp tanh     these rows of it

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

import mpmath
import numpy as np
from mpmath import mp, mpf

from graphc.lower import vecmath
from graphc.lower.jit import build
from graphc.lower.vecmath.writer import DOUBLE, SINGLE, Value, Writer
from tests.benchmarks.harness import ROOT
from tests.oracle import ulp

PAGE = ROOT / "docs" / "vecmath.md"
DTYPES = {64: np.dtype(np.float64), 32: np.dtype(np.float32)}


def _log1p_exp(x: Any) -> Any:
    """log(1 + eˣ)."""
    with mp.extraprec(20 + int(3 * abs(x)) if abs(x) < 2000 else 0):
        return mpmath.log1p(mpmath.exp(x))


def _padded(f: Callable[..., Any]) -> Callable[..., Any]:
    """f with bits enough for what cancels at tiny operands and between exponentials."""

    def padded(*operands: Any) -> Any:
        extra = sum(3 * min(abs(int(mpmath.mag(x))), 1100) for x in operands if x)
        with mp.extraprec(extra):
            return f(*operands)

    return padded


def _pow(x: Any, y: Any) -> Any:
    if x > 0:
        return mpmath.power(x, y)
    sign = -1 if y == mpmath.floor(y) and mpmath.floor(y / 2) * 2 != y else 1
    return sign * mpmath.power(-x, y) if y == mpmath.floor(y) else mpmath.nan


ORACLES: dict[str, Callable[..., Any]] = {
    "exp": mpmath.exp,
    "exp2": lambda x: mpf(2) ** x,
    "expm1": _padded(mpmath.expm1),
    "log": mpmath.log,
    "log2": _padded(lambda x: mpmath.log(x, 2)),
    "log10": _padded(mpmath.log10),
    "log1p": _padded(mpmath.log1p),
    "sinh": _padded(mpmath.sinh),
    "cosh": mpmath.cosh,
    "tanh": _padded(mpmath.tanh),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": _log1p_exp,
    "log_sigmoid": lambda x: -_log1p_exp(-x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "pow": _pow,
    "hypot": mpmath.hypot,
    "logaddexp": lambda x, y: max(x, y) + _log1p_exp(-abs(x - y)),
    "sin": _padded(mpmath.sin),
    "cos": _padded(mpmath.cos),
    "tan": _padded(mpmath.tan),
    "asin": _padded(mpmath.asin),
    "acos": _padded(mpmath.acos),
    "atan": _padded(mpmath.atan),
    "atan2": mpmath.atan2,
    "asinh": _padded(mpmath.asinh),
    "acosh": _padded(mpmath.acosh),
    "atanh": _padded(mpmath.atanh),
    "erf": _padded(mpmath.erf),
    "erfc": mpmath.erfc,
}
"""name → the function at mpmath's precision, for finite operands inside its domain"""

OF_OPERANDS = frozenset(["logaddexp"])
"""Functions whose error counts in units of the largest operand where that exceeds the result."""


def error(name: str, computed: Any, operands: tuple[Any, ...], bits: int) -> float | None:
    """The error in ULPs; None where mpmath has no finite real value to compare with.

    Beyond the greatest float infinity stands for the next power of two.
    """
    dtype = DTYPES[bits]
    exact_operands = [mpf(float(x)) for x in operands]
    with mp.workprec(160):
        try:
            truth = ORACLES[name](*exact_operands)
        except (ValueError, ZeroDivisionError, mpmath.libmp.NoConvergence):
            return None
        if isinstance(truth, mpmath.mpc):
            return None
        if not mpmath.isfinite(truth):
            return None
        top = mpf(2) ** (1024 if bits == 64 else 128)
        truth = min(max(truth, -top), top)
        value = min(max(mpf(float(computed)), -top), top)
        scale = max([abs(truth), *map(abs, exact_operands)]) if name in OF_OPERANDS else truth
        return float(abs(value - truth) / ulp(min(abs(scale), top * mpf("0.75")), dtype))


# --- a function as a loop over arrays -----------------------------------------------------------------------------------


def loop(name: str, bits: int) -> Callable[..., np.ndarray]:
    """The function over contiguous arrays, inlined into a loop of its own."""
    kind = "double" if bits == 64 else "float"
    count = vecmath.arity(name, bits)
    made = vecmath.definition(name, bits, inline=True)
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
    numpys = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh"}
    numpys |= {"acosh": "arccosh", "atanh": "arctanh", "pow": "power"}
    wide = [x.astype(np.longdouble) for x in operands]
    (x, *_) = wide
    if name in ("sigmoid", "softplus", "log_sigmoid"):
        t = np.exp(-np.abs(x))
        if name == "sigmoid":
            return np.where(x >= 0, 1, t) / (1 + t)
        return np.maximum(x, 0) + np.log1p(t) if name == "softplus" else np.minimum(x, 0) - np.log1p(t)
    if name == "rsqrt":
        return 1 / np.sqrt(x)
    function = getattr(np, numpys.get(name, name), None)
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


def nanoseconds(name: str, bits: int) -> float:
    """Time for each element, operands and result in the first caches: the best of many runs over 2,000 elements."""
    count = vecmath.arity(name, bits)
    rng = np.random.default_rng(3)
    run = loop(name, bits)
    sizes = (2_000, 4_000)
    best = []
    for size in sizes:
        arrays = [rng.uniform(0.1, 0.9, size).astype(DTYPES[bits]) for _ in range(count)]
        times = []
        for _ in range(400):
            start = time.perf_counter()
            run(*arrays)
            times.append(time.perf_counter() - start)
        best.append(min(times))
    return (best[1] - best[0]) / (sizes[1] - sizes[0]) * 1e9  # the call's own cost drops out


# --- the page -----------------------------------------------------------------------------------------------------------

HEAD = (
    "| function | float32 worst | at | above 0.5 | above 0.6 | float64 worst | at | ns float32 | ns float64 |"
)


def row(name: str) -> str:
    """A line of the table."""
    found = [bits for n, bits in vecmath.names() if n == name]
    cells = [name]
    if 32 not in found:
        cells += ["–"] * 4
    elif vecmath.arity(name, 32) == 1:
        spread = exhaustive(name)
        share = [f"{100 * spread.above[LEVELS.index(level)] / spread.total:.3g} %" for level in (0.5, 0.6)]
        cells += [f"{spread.worst:.3f}", f"{spread.at:.9g}", *share]
    else:
        worst, at = searched(name, 32)
        cells += [f"{worst:.3f} (sampled)", ", ".join(f"{x:.9g}" for x in at), "–", "–"]
    worst, at = searched(name, 64)
    cells += [f"{worst:.3f}", ", ".join(f"{x:.17g}" for x in at)]
    cells += [f"{nanoseconds(name, bits):.2f}" if bits in found else "–" for bits in (32, 64)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    every = list(dict.fromkeys(name for name, _ in vecmath.names()))
    wanted = sys.argv[1:] or every
    for name in wanted:
        made = row(name)
        print(made, flush=True)
        text = PAGE.read_text(encoding="utf-8")
        rows = dict(re.findall(r"^\| (\w+) (\|.*)$", text[text.index(HEAD) + len(HEAD) :], re.M))
        rows[name] = made.split(" ", 2)[2]
        table = "\n".join(f"| {n} {rows[n]}" for n in every if n in rows)
        before = text[: text.index(HEAD)]
        PAGE.write_text(f"{before}{HEAD}\n|{' --- |' * 9}\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
