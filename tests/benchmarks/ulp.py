"""How many units in the last place the functions of graphc/compiler/targets/llvm/libm err.

    python -m tests.benchmarks.ulp              all functions, into the tables of docs/vecmath.md (some 20 minutes)
    python -m tests.benchmarks.ulp exp tanh     these rows of it
    python -m tests.benchmarks.ulp --times      how long they take alone
    python -m tests.benchmarks.ulp --sampled    what is sampled alone: float64, and functions of two operands (some 6 minutes)

float32: every one of the 2³² inputs, by a compiled loop that runs the float32 function beside the float64 one, whose own error is
10⁻⁸ of what is measured. float64: millions of inputs against the C library's extended precision; then, three times over, as many
close around the worst of them; the worst of all and their neighbours against mpmath. Functions of two operands are sampled in
both formats.
"""

from __future__ import annotations

import ctypes
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from graphc.compiler.engine.jit import build
from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.libm.writer import DOUBLE, SINGLE, LibmValue, LibmWriter
from tests.benchmarks.exact import DTYPES, NUMPY_NAMES, OF_OPERANDS, error
from tests.benchmarks.harness import ROOT

PAGE = ROOT / "docs" / "vecmath.md"


# --- a function as a loop over arrays -----------------------------------------------------------------------------------


def loop(name: str, bits: int, within: bool = False) -> Callable[..., np.ndarray]:
    """The function over contiguous arrays, inlined into a loop of its own; `within` its limit, if it has one."""
    kind = "double" if bits == 64 else "float"
    count = libm.arity(name, bits)
    made = libm.definition(name, bits, inline=True, within=within)
    loads = "\n".join(
        f"  %p{k} = getelementptr {kind}, ptr %a{k}, i64 %i\n  %v{k} = load {kind}, ptr %p{k}"
        for k in range(count)
    )
    call = f"call {kind} @{made.symbol}({', '.join(f'{kind} %v{k}' for k in range(count))})"
    text = _looped(
        "\n".join([*made.declarations, made.text]),
        ", ".join(f"ptr noalias %a{k}" for k in range(count)),
        f"{loads}\n  %result = {call}",
        kind,
    )
    function = _machine_code(text, ctypes.c_int64, *[ctypes.c_void_p] * (count + 1))

    def run(*arrays: np.ndarray) -> np.ndarray:
        given = [np.ascontiguousarray(array, DTYPES[bits]) for array in arrays]
        result = np.empty_like(given[0])
        if result.size:
            function(result.size, *(array.ctypes.data for array in (*given, result)))
        return result

    return run


def _machine_code(text: str, *types: Any) -> Callable[..., None]:
    """The function `run` of a module, which takes these types. Its code lasts as long as the module is referred to."""
    library = build(text, ("run",))
    function = ctypes.CFUNCTYPE(None, *types)(library.pointer("run"))
    function.library = library  # type: ignore[attr-defined]
    return function


def _looped(definitions: str, parameters: str, body: str, kind: str) -> str:
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
    single, double = (libm.definition(name, bits, inline=True) for bits in (32, 64))
    m = LibmWriter(SINGLE)
    wide = m.as_double()
    x = m.from_bits(LibmValue(m, "%pattern", "i32"))
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
    text = _looped("\n".join([*declared, single.text, double.text]), "i64 %first, i64 %step", body, "float")
    function = _machine_code(text, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)

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
    dtype, arity = DTYPES[bits], libm.arity(name, bits)
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


@cache
def _in_c(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function of the C library's in extended precision that NumPy does not have, over arrays of `longdouble`."""
    kind = {63: "x86_fp80", 112: "fp128", 52: "double"}[np.finfo(np.longdouble).nmant]
    text = f"""declare {kind} @{name}l({kind})
define void @run(i64 %n, ptr %in, ptr %out) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %from = getelementptr {kind}, ptr %in, i64 %i
  %x = load {kind}, ptr %from
  %y = call {kind} @{name}l({kind} %x)
  %to = getelementptr {kind}, ptr %out, i64 %i
  store {kind} %y, ptr %to
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %exit, label %loop
exit:
  ret void
}}
"""
    function = _machine_code(text, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)

    def run(x: np.ndarray) -> np.ndarray:
        given, result = np.ascontiguousarray(x, np.longdouble), np.zeros(x.shape, np.longdouble)
        if given.size:
            function(given.size, given.ctypes.data, result.ctypes.data)
        return result

    return run


def _extended(name: str, *operands: np.ndarray) -> np.ndarray:
    """The function in the C library's extended precision."""
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
    return _in_c(name)(*wide) if function is None else function(*wide)


Chosen = tuple[np.ndarray, ...]
"""Operands, and last how far the function seems to be off at them."""


def _worst(run: Callable[..., np.ndarray], name: str, bits: int, operands: Chosen, keep: int) -> Chosen:
    """The `keep` of the operands where the function seems to err most."""
    dtype = DTYPES[bits]
    with np.errstate(all="ignore"):
        wide = _extended(name, *operands)
        rounded = wide.astype(dtype)
        scale = np.abs(rounded)
        if name in OF_OPERANDS:
            scale = np.maximum(scale, np.max(np.abs(operands), axis=0))
        distance = np.abs(run(*operands).astype(np.longdouble) - wide) / np.spacing(scale)
        usual = np.isfinite(distance) & np.isfinite(rounded)
        distance = np.where(usual, distance, -1).astype(np.float64)
    chosen = np.argsort(distance)[-keep:]
    return *(x[chosen] for x in operands), distance[chosen]


def _around(operands: Chosen, count: int, rng: np.random.Generator) -> Chosen:
    """So many points about each of the operands in turn, from next to it to a tenth of its size away."""
    return tuple(
        [
            (x * (1 + rng.uniform(-1, 1, (count, x.size)) * 10.0 ** rng.uniform(-9, -1, (count, x.size))))
            .astype(x.dtype)
            .reshape(-1)
            for x in operands
        ]
    )


def candidates(name: str, bits: int, count: int, keep: int, seed: int = 1) -> Iterator[Chosen]:
    """Where the function seems to err most, of each set of inputs and of those around the worst; and the floats beside them."""
    run, rng, dtype = loop(name, bits), np.random.default_rng(seed), DTYPES[bits]
    found = [_worst(run, name, bits, operands, keep) for operands in inputs(name, bits, count, rng)]
    for _ in range(3):
        every = tuple([np.concatenate(column) for column in zip(*found, strict=True)])
        *centres, _ = (column[np.argsort(every[-1])[-2 * keep :]] for column in every)
        found.append(
            _worst(run, name, bits, _around(tuple(centres), count // (2 * keep), rng), keep),
        )
    for *operands, _ in found:
        with np.errstate(all="ignore"):
            yield tuple(
                [
                    np.concatenate([x] + [np.nextafter(x, dtype.type(s * np.inf)) for s in (-1, 1)])
                    for x in operands
                ]
            )


def searched(
    name: str, bits: int, count: int = 2_000_000, keep: int = 100
) -> tuple[float, tuple[float, ...]]:
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
        if not libm.exists(name, bits):
            cells += ["–", "–"]
            continue
        operands = libm.arity(name, bits)
        cells.append(f"{nanoseconds(loop(name, bits, within=True), operands, bits):.2f}")
        cells.append(f"{nanoseconds(numpys, operands, bits):.2f}" if numpys else "–")
    return cells


# --- the page -----------------------------------------------------------------------------------------------------------

ERRORS = "| function | float32 worst | at | above 0.5 | above 0.6 | float64 worst | at |"
TIMES = "| function | float32 | NumPy | float64 | NumPy |"


def errors(name: str, known: Sequence[str] = ()) -> list[str]:
    """The cells of the table of errors; those of every float32 input are taken from `known`, where it has them."""
    found = [bits for n, bits in libm.names() if n == name]
    if 32 not in found:
        cells = ["–"] * 4
    elif libm.arity(name, 32) == 1 and known:
        cells = list(known[:4])
    elif libm.arity(name, 32) == 1:
        spread = exhaustive(name)
        share = [f"{100 * spread.above[LEVELS.index(level)] / spread.total:.3g} %" for level in (0.5, 0.6)]
        cells = [f"{spread.worst:.3f}", f"{spread.at:.9g}", *share]
    else:
        worst, at = searched(name, 32)
        cells = [f"{worst:.3f} (sampled)", ", ".join(f"{x:.9g}" for x in at), "–", "–"]
    worst, at = searched(name, 64)
    return [*cells, f"{worst:.3f}", ", ".join(f"{x:.17g}" for x in at)]


def written(head: str) -> tuple[int, int, dict[str, str]]:
    """Where the table of the page that begins with `head` stands: start, end, and its rows by name."""
    text = PAGE.read_text(encoding="utf-8")
    start = text.index(head)
    table = re.match(r"(?:\|.*\n)*", text[start:])
    assert table is not None
    return (
        start,
        start + table.end(),
        dict(re.findall(r"^\| (\w+) (\|.*)$", table[0].split("\n", 2)[2], re.M)),
    )


def enter(head: str, name: str, cells: list[str]) -> None:
    """Put a row into the table of the page that begins with `head`."""
    text = PAGE.read_text(encoding="utf-8")
    start, end, rows = written(head)
    rows[name] = f"| {' | '.join(cells)} |"
    every = dict.fromkeys(n for n, _ in libm.names())
    lines = [head, "|" + " --- |" * (len(cells) + 1), *(f"| {n} {rows[n]}" for n in every if n in rows)]
    PAGE.write_text(text[:start] + "\n".join(lines) + "\n" + text[end:], encoding="utf-8")


def main() -> None:
    wanted = [name for name in sys.argv[1:] if not name.startswith("--")]
    for name in wanted or list(dict.fromkeys(name for name, _ in libm.names())):
        kinds: list[tuple[str, Callable[[str], list[str]]]] = [(ERRORS, errors), (TIMES, times)]
        if "--times" in sys.argv:
            kinds = [(TIMES, times)]
        elif "--sampled" in sys.argv:
            known = [cell.strip() for cell in written(ERRORS)[2].get(name, "").split("|")[1:-1]]
            kinds = [(ERRORS, partial(errors, known=known))]
        for head, measure in kinds:
            cells = measure(name)
            enter(head, name, cells)
            print(name, *cells, flush=True)


if __name__ == "__main__":
    main()
