"""Digits of fits, of the problems of Moré, Garbow and Hillstrom, and of constrained optima, by `g.minimize` alone.

    python -m tests.benchmarks.fits [fits] [problems] [constrained]

Of fits: the fewest right digits of a parameter and of a standard error, against mpmath.
"""

from __future__ import annotations

import sys
import time

from tests.problems.constrained import CONSTRAINED
from tests.problems.fits import FITS, digits
from tests.problems.least_squares import PROBLEMS

STARTS = {"linearly": ", from the best linear unknowns", "other values": ", from other values"}
"""What `why` says → how the table says it."""


def fits() -> None:
    print(f"{'fit':32} {'points':>6} {'unknowns':>8} {'digits':>7} {'of errors':>9} {'s':>6}  method")
    least = [16.0, 16.0]
    for name, fit in FITS.items():
        start = time.perf_counter()
        result = fit.solved()
        took = time.perf_counter() - start
        values, errors, _ = fit.truth
        right = min(digits(v, t) for v, t in zip(result.unknowns.values(), values, strict=True))
        sure = min(digits(v, t) for v, t in zip(result.standard_errors.values(), errors, strict=True))
        least = [min(least[0], right), min(least[1], sure)]
        how = next((text for word, text in STARTS.items() if word in result.why), "")
        line = f"{name:32} {len(fit.x):6} {len(fit.start):8} {right:7.1f} {sure:9.1f} {took:6.2f}"
        print(f"{line}  {result.method}{how}")
    print(
        f"{len(FITS)} fits: at least {least[0]:.1f} digits of parameters, {least[1]:.1f} of standard errors"
    )


def problems() -> None:
    print(f"{'problem':28} {'sum of squares':>15} {'published':>12} {'next step':>10} {'s':>6}")
    for name, problem in PROBLEMS.items():
        start = time.perf_counter()
        result = problem.solved()
        took = time.perf_counter() - start
        squares, step = problem.exact(result.unknowns["x"])
        nearest = min(problem.least, key=lambda known: abs(float(squares) - known))
        left = "singular" if step is None else f"{float(step):.0e}"
        print(f"{name:28} {float(squares):15.6g} {nearest:12.6g} {left:>10} {took:6.2f}")


def constrained() -> None:
    print(f"{'problem':28} {'of unknowns':>12} {'multipliers':>12} {'s':>6}  method")
    for name, problem in CONSTRAINED.items():
        start = time.perf_counter()
        result = problem.solved()
        took = time.perf_counter() - start
        wrong = problem.errors(result)
        print(f"{name:28} {wrong[0]:12.0e} {wrong[1]:12.0e} {took:6.2f}  {result.method}")


def main() -> None:
    parts = {"fits": fits, "problems": problems, "constrained": constrained}
    for name in sys.argv[1:] or list(parts):
        parts[name]()


if __name__ == "__main__":
    main()
