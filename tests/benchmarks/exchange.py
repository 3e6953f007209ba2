"""Coefficients of the polynomials in graphc/compiler/targets/llvm/libm/tables.py, computed from scratch.

    python -m tests.benchmarks.exchange            all tables as they stand there, with the error of each
    python -m tests.benchmarks.exchange ATAN       those whose names begin so

Minimax polynomials of the weighted error by Remez' exchange at 40 digits (Muller, Elementary Functions, 3rd ed., 2016).
The first coefficients are rounded to float64 one after the other, the rest fitted anew after each; the last are rounded together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
from mpmath import mp, mpf

Function = Callable[[Any], Any]


class Table(NamedTuple):
    """`terms` coefficients of f on [low, high], the error weighted; so many `rounded` on their own."""

    f: Function
    weight: Function
    low: Any
    high: Any
    terms: int
    rounded: int = 0


def exchange(f: Function, weight: Function, low: Any, high: Any, terms: int) -> list[Any]:
    """The coefficients with the least greatest |weight·(p − f)| on [low, high]."""
    count = 24 * terms
    centre, half = (low + high) / 2, (high - low) / 2
    grid = [centre - half * mpmath.cos(mp.pi * k / count) for k in range(count + 1)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    points = [round(count * k / terms) for k in range(terms + 1)]
    best: tuple[Any, list[Any]] | None = None
    for _ in range(12):
        system = mpmath.matrix(terms + 1, terms + 1)
        right = mpmath.matrix(terms + 1, 1)
        for row, point in enumerate(points):
            for k in range(terms):
                system[row, k] = grid[point] ** k
            system[row, terms] = (-1) ** row / weights[point]
            right[row] = values[point]
        solution = mpmath.lu_solve(system, right)
        found = [solution[k] for k in range(terms)]
        errors = [
            w * (mpmath.polyval(found[::-1], x) - y) for x, y, w in zip(grid, values, weights, strict=True)
        ]
        worst = max(abs(e) for e in errors)
        if best is None or worst < best[0]:
            best = worst, found
        points = _alternating(errors, terms + 1)
        if len(points) <= terms or worst < min(abs(errors[point]) for point in points) * mpf("1.02"):
            break
    assert best is not None
    return best[1]


def _alternating(errors: list[Any], wanted: int) -> list[int]:
    """The places of extrema of alternating sign, the largest of each run, no more than wanted."""
    places: list[int] = []
    for place, e in enumerate(errors):
        if places and (errors[places[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[places[-1]]):
                places[-1] = place
        else:
            places.append(place)
    while len(places) > wanted:
        if len(places) == wanted + 1:
            del places[0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1]
        else:
            pairs = range(len(places) - 1)
            least = min(pairs, key=lambda j: max(abs(errors[places[j]]), abs(errors[places[j + 1]])))
            del places[least : least + 2]
    return places


def fit(table: Table) -> tuple[list[float], Any]:
    """The rounded coefficients and log₂ of the greatest weighted error that is left."""
    done: list[float] = []
    low, high = mpf(table.low), mpf(table.high)

    def remaining(x: Any) -> Any:
        value = table.f(x)
        for coefficient in done:
            value = (value - coefficient) / x
        return value

    for _ in range(table.rounded):
        order = len(done)
        found = exchange(
            remaining, lambda x, order=order: table.weight(x) * x**order, low, high, table.terms - order
        )
        done.append(float(found[0]))
    order = len(done)
    done += [
        float(c)
        for c in exchange(remaining, lambda x: table.weight(x) * x**order, low, high, table.terms - order)
    ]
    grid = [low + (high - low) * k / 600 for k in range(601)]
    worst = max(
        abs(table.weight(x) * (mpmath.polyval([mpf(c) for c in done[::-1]], x) - table.f(x))) for x in grid
    )
    return done, mpmath.log(worst, 2)


def _odd(f: Function) -> tuple[Function, Function]:
    """((f(√z)/√z − 1)/z, the weight that makes its error f's relative one)."""

    def beyond(z: Any) -> Any:
        r = mpmath.sqrt(z)
        return (f(r) / r - 1) / z

    return beyond, lambda z: z * mpmath.sqrt(z) / f(mpmath.sqrt(z))


def _cos(z: Any) -> Any:
    return mpmath.cos(mpmath.sqrt(z))


def _ratio(f: Function) -> tuple[Function, Function]:
    """(f(√z)/√z − 1, the weight that makes its error f's relative one)."""
    return (
        lambda z: f(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1,
        lambda z: mpmath.sqrt(z) / f(mpmath.sqrt(z)),
    )


def _erfcx(k: str, low: str, high: str, terms: int) -> Table:
    c = mpf(k)

    def value(t: Any) -> Any:
        x = 2 * c / (1 - t) - c
        return (x + mpf(1) / 2) * mpmath.exp(x * x) * mpmath.erfc(x)

    def mapped(x: str) -> Any:
        return (mpf(x) - c) / (mpf(x) + c)

    return Table(lambda t: value(t) - mpf(5) / 8, lambda t: 1 / value(t), mapped(low), mapped(high), terms)


def _log_erfc(start: int, low: Any, high: Any, terms: int) -> Table:
    return Table(
        lambda v: mpmath.log(mpmath.erfc(v + start)), lambda v: mpmath.erfc(v + start), low, high, terms
    )


def _exp(r: Any) -> Any:
    if abs(r) < mpf(10) ** -9:
        return mpf(1) / 2 + r / 6 + r * r / 24
    return (mpmath.exp(r) - 1 - r) / r**2


def tables() -> dict[str, Table]:
    """name → what is fitted, in the order of tables.py."""
    margin = mpf("1.0001")
    angle, quarter = (mp.pi / 4 * margin) ** 2, mpf("0.25") * margin
    sin, atan, asin, erf = (_odd(mpmath.sin), _odd(mpmath.atan), _odd(mpmath.asin), _ratio(mpmath.erf))
    log2 = mpf("0.3467")
    return {
        "SIN": Table(*sin, angle / 200, angle, 6, 3),
        "COS": Table(
            lambda z: (_cos(z) - 1 + z / 2) / z**2, lambda z: z * z / _cos(z), angle / 200, angle, 6, 3
        ),
        "SIN_SINGLE": Table(*sin, angle / 200, angle, 3, 1),
        "COS_SINGLE": Table(lambda z: (_cos(z) - 1) / z, lambda z: z / _cos(z), angle / 200, angle, 4, 2),
        "ATAN": Table(*atan, mpf("0.25") / 200, quarter, 13, 3),
        "ATAN_SINGLE": Table(*atan, mpf("0.25") / 200, quarter, 6, 1),
        "ASIN": Table(*asin, mpf("0.25") / 200, quarter, 12, 3),
        "ASIN_SINGLE": Table(*asin, mpf("0.25") / 200, quarter, 6, 1),
        "ERF": Table(*erf, mpf(1) / 400, margin, 12, 3),
        "ERF_SINGLE": Table(*erf, mpf(1) / 400, margin, 7, 1),
        "LOG_ERFC": _log_erfc(1, 0, 5, 18),
        "LOG_ERFC_SINGLE": _log_erfc(0, 1, mpf("4.1"), 8),
        "ERFCX": _erfcx("3.5", "0.79", "27.31", 22),
        "ERFCX_SINGLE": _erfcx("2", "0.79", "10.4", 9),
        "EXP_SINGLE": Table(_exp, lambda r: (r * r + mpf(10) ** -9) / mpmath.exp(r), -log2, log2, 5),
    }


def main() -> None:
    mp.dps = 40
    for name, table in tables().items():
        if len(sys.argv) > 1 and not any(name.startswith(start.upper()) for start in sys.argv[1:]):
            continue
        coefficients, error = fit(table)
        print(f"{name} = _floats(  # 2^{float(error):.1f}")
        for start in range(0, len(coefficients), 4):
            print(f'    "{" ".join(c.hex() for c in coefficients[start : start + 4])} "')
        print(")")


if __name__ == "__main__":
    main()
