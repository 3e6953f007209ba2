"""Coefficients of the polynomials in graphc/compiler/targets/llvm/libm, computed from scratch.

    python -m tests.benchmarks.minimax            all tables, with the error of each
    python -m tests.benchmarks.minimax exp        those whose names begin so

Near-minimax polynomials of the weighted error (Muller, Elementary Functions, 3rd ed., 2016, chapter 3) at 60 digits. Coefficients
are rounded to their format from the constant term on, the others fitted anew after each: what rounding one costs is taken
up by those after it (after Brisebarre and Chevillard's observation that rounding all at once loses several bits).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

Function = Callable[[Any], Any]


def minimax(f: Function, low: Any, high: Any, powers: range, weight: Function) -> list[Any]:
    """Coefficients of the given powers with a small greatest |weight·(f − p)| on [low, high].

    Least squares on Chebyshev nodes, reweighted by the error that is left (Lawson's algorithm): the reweighting tends to the best
    polynomial, and unlike Remez' exchange it needs neither a sign change between extrema nor a weight without zeros.
    """
    count = 12 * len(powers) + 1
    nodes = [
        (low + high) / 2 - (high - low) / 2 * mpmath.cos(mp.pi * mpf(2 * k + 1) / (2 * count))
        for k in range(count)
    ]
    known = [(weight(x), f(x)) for x in nodes]
    basis = [[w * x**power for power in powers] for x, (w, _) in zip(nodes, known, strict=True)]
    shares = [mpf(1)] * count
    best: tuple[Any, list[Any]] | None = None
    for _ in range(12):
        size = len(powers)
        matrix, right = mpmath.zeros(size, size), mpmath.zeros(size, 1)
        for share, row, (w, fx) in zip(shares, basis, known, strict=True):
            for i in range(size):
                scaled = share * row[i]
                right[i] += scaled * w * fx
                for j in range(i, size):
                    matrix[i, j] += scaled * row[j]
        for i in range(size):
            for j in range(i):
                matrix[i, j] = matrix[j, i]
        found = list(mpmath.lu_solve(matrix, right))
        errors = [
            abs(w * fx - mpmath.fdot(zip(row, found, strict=True)))
            for row, (w, fx) in zip(basis, known, strict=True)
        ]
        if best is None or max(errors) < best[0]:
            best = (max(errors), found)
        mean = mpmath.fsum(share * error for share, error in zip(shares, errors, strict=True)) or mpf(1)
        shares = [share * error / mean + mpf(10) ** -12 for share, error in zip(shares, errors, strict=True)]
    assert best is not None
    return best[1]


def rounded(value: Any, bits: int) -> float:
    """The nearest float of the format."""
    if bits == 64:
        return float(value)
    return float(np.float32(float(mpmath.mpf(value)))) if value else 0.0


@dataclass(frozen=True)
class Table:
    """A polynomial: f on [low, high] with the error weighted by `weight`; `fixed` leading coefficients are given."""

    name: str
    f: Function
    low: Any
    high: Any
    weight: Function
    terms: dict[int, int]
    fixed: tuple[float, ...] = ()


def fit(table: Table, bits: int) -> tuple[list[float], Any]:
    """The rounded coefficients and log₂ of the greatest weighted error that is left."""
    low, high = mpf(table.low), mpf(table.high)
    done: list[float] = [float(c) for c in table.fixed]

    def rest(x: Any) -> Any:
        return table.f(x) - (mpmath.polyval([mpf(c) for c in done[::-1]], x) if done else 0)

    while len(done) < table.terms[bits]:
        found = minimax(rest, low, high, range(len(done), table.terms[bits]), table.weight)
        done.append(rounded(found[0], bits))
    grid = [low + (high - low) * mpf(k) / 1000 + mpf(10) ** -9 for k in range(1000)]
    worst = max(
        abs(table.weight(x) * (table.f(x) - mpmath.polyval([mpf(c) for c in done[::-1]], x))) for x in grid
    )
    return done, mpmath.log(worst, 2)


TINY = mpf(10) ** -12


def _exp(r):
    return (mpmath.exp(r) - 1 - r) / r**2


def _exp_cubic(r):
    return (mpmath.exp(r) - 1 - r - r**2 / 2) / r**3


def _sinh(z):
    r = mpmath.sqrt(z)
    return (mpmath.sinh(r) - r) / r**3


def _cosh(z):
    return (mpmath.cosh(mpmath.sqrt(z)) - 1) / z


def _log(z):
    """(log((1 + s)/(1 − s)) − 2s)/s³ in z = s²."""
    s = mpmath.sqrt(z)
    return (2 * mpmath.atanh(s) - 2 * s) / s**3


def _log_tail(z):
    """What follows 2/3 in `_log`, over z."""
    return (_log(z) - mpf(2) / 3) / z


def _log2_over_s(z):
    """log₂((1 + s)/(1 − s))/s in z = s²."""
    s = mpmath.sqrt(z)
    return 2 * mpmath.atanh(s) / s / mpmath.log(2)


HALF_LOG2 = mpmath.log(2) / 2 * mpf("1.0001")
S_MAX = (mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1) * mpf("1.0001")

TABLES = [
    Table("EXP", _exp, -HALF_LOG2, HALF_LOG2, lambda r: r**2 / mpmath.exp(r), {64: 10, 32: 5}),
    Table("EXP_CUBIC", _exp_cubic, -HALF_LOG2, HALF_LOG2, lambda r: r**2, {64: 10, 32: 4}),
    Table("SINH", _sinh, TINY, HALF_LOG2**2, lambda z: z, {64: 5, 32: 3}),
    Table("COSH", _cosh, TINY, HALF_LOG2**2, lambda z: z, {64: 6, 32: 3}),
    Table("LOG", _log, TINY, S_MAX**2, lambda z: z, {64: 7, 32: 3}),
    Table("LOG_TAIL", _log_tail, TINY, S_MAX**2, lambda z: z**2, {64: 8}),
    Table("LOG_WIDE", _log, TINY, mpf("0.2001") ** 2, lambda z: z, {64: 8, 32: 3}),
    Table("LOG2_SHORT", _log2_over_s, TINY, S_MAX**2, lambda z: mpf(1) / 3, {64: 5}),
    Table(
        "EXP2_SHORT", lambda r: mpf(2) ** r, mpf("-0.5001"), mpf("0.5001"), lambda r: mpf(2) ** -r, {64: 8}
    ),
    Table("CBRT", lambda t: mpmath.cbrt(1 + t) ** -1, TINY, 1, lambda t: mpf(1), {64: 6, 32: 4}),
]


def main() -> None:
    mp.dps = 60
    wanted = [name.upper() for name in sys.argv[1:]]
    for table in TABLES:
        if wanted and not any(table.name.startswith(name) for name in wanted):
            continue
        print(f"\n{table.name}: Table = {{")
        for bits in table.terms:
            coefficients, error = fit(table, bits)
            listed = [f'"{coefficient.hex()}"' for coefficient in coefficients]
            print(f"    {bits}: _exact(  # 2^{float(error):.1f}")
            for start in range(0, len(listed), 4):
                print(f"        {', '.join(listed[start : start + 4])},")
            print("    ),")
        print("}")


if __name__ == "__main__":
    main()
