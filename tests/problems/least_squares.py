"""The 35 problems of Moré, Garbow and Hillstrom, "Testing unconstrained optimization software", ACM TOMS 7 (1981).

Residuals are lists of formulas over a namespace (graphc or `MP`) and a list of unknowns, from the standard starts. What is known
are the least sums of squares, to the digits that are published or in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import graphc as g
from tests.problems.fits import MP as Elementary


class MP(Elementary):
    """mpmath under graphc's names."""

    atan2, prod, abs = mpmath.atan2, staticmethod(mpmath.fprod), abs


@dataclass(frozen=True)
class Problem:
    """least : what the sum of squares may be at a minimum, to six digits or exactly; singular : JᵀJ has no inverse there"""

    name: str
    residuals: Callable[[Any, list[Any]], list[Any]]
    start: tuple[float, ...]
    least: tuple[float, ...] = (0.0,)
    singular: bool = False

    def solved(self) -> Any:
        """graphc's result."""
        x = g.symbol("x", shape=len(self.start))
        listed = self.residuals(g, [x[k] for k in range(len(self.start))])
        return g.minimize(g.stack([g.constant(r) * 1.0 for r in listed]), {x: np.array(self.start, float)})

    def exact(self, x: Any) -> tuple[Any, Any]:
        """The sum of squares at floats, and how far Newton's next step goes beside them, by mpmath's differences."""
        with mpmath.workdps(80):
            p = [mpmath.mpf(float(v)) for v in x]
            size = [abs(v) + mpmath.mpf(10) ** -6 for v in p]
            h = mpmath.mpf(10) ** -20

            def squares(*moves: tuple[int, int]) -> Any:
                moved = list(p)
                for k, way in moves:
                    moved[k] += way * h * size[k]
                r = self.residuals(MP, moved)
                return mpmath.fdot(r, r)

            least, count = squares(), len(p)
            if self.singular:
                return least, None
            slope, bent = mpmath.matrix(count, 1), mpmath.matrix(count, count)
            for i in range(count):
                up, down = squares((i, 1)), squares((i, -1))
                slope[i], bent[i, i] = (up - down) / (2 * h), (up - 2 * least + down) / h**2  # by sizes of x
                for j in range(i):
                    mixed = [squares((i, a), (j, b)) * a * b for a in (1, -1) for b in (1, -1)]
                    bent[i, j] = bent[j, i] = sum(mixed) / (4 * h**2)
            step = mpmath.lu_solve(bent, -slope)
            return least, max(abs(moved) for moved in step)


def _helical(m: Any, x: list[Any]) -> list[Any]:
    turn = m.atan2(x[1], x[0]) / (2 * math.pi)
    return [10 * (x[2] - 10 * turn), 10 * (m.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]]


_BARD = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)
_GAUSS = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989)
_GAUSS = (*_GAUSS, *_GAUSS[-2::-1])
_MEYER = (
    34780,
    28610,
    23650,
    19630,
    16370,
    13720,
    11540,
    9744,
    8261,
    7030,
    6005,
    5147,
    4427,
    3820,
    3307,
    2872,
)
_KOWALIK = (0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246)
_DOSES = (4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625)
_OSBORNE1 = (
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603, 0.580,
    0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406,
)  # fmt: skip
_OSBORNE2 = (
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606, 0.602,
    0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375,
    0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591,
    0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054,
)  # fmt: skip


def _gulf(m: Any, x: list[Any]) -> list[Any]:
    rows = []
    for i in range(1, 31):
        t = i / 100
        y = 25 + (-50 * math.log(t)) ** (2 / 3)
        rows.append(m.exp(-(m.abs(y - x[1]) ** x[2]) / x[0]) - t)
    return rows


def _box(m: Any, x: list[Any]) -> list[Any]:
    times = [i / 10 for i in range(1, 11)]
    return [m.exp(-t * x[0]) - m.exp(-t * x[1]) - x[2] * (math.exp(-t) - math.exp(-10 * t)) for t in times]


def _brown_dennis(m: Any, x: list[Any]) -> list[Any]:
    times = [i / 5 for i in range(1, 21)]
    return [
        (x[0] + t * x[1] - math.exp(t)) ** 2 + (x[2] + x[3] * math.sin(t) - math.cos(t)) ** 2 for t in times
    ]


def _osborne2(m: Any, x: list[Any]) -> list[Any]:
    rows = []
    for k, y in enumerate(_OSBORNE2):
        t = k / 10
        peaks = [x[j] * m.exp(-((t - x[7 + j]) ** 2) * x[4 + j]) for j in (1, 2, 3)]
        rows.append(x[0] * m.exp(-t * x[4]) + peaks[0] + peaks[1] + peaks[2] - y)
    return rows


def _biggs(m: Any, x: list[Any]) -> list[Any]:
    rows = []
    for i in range(1, 14):
        t = i / 10
        y = math.exp(-t) - 5 * math.exp(-10 * t) + 3 * math.exp(-4 * t)
        rows.append(x[2] * m.exp(-t * x[0]) - x[3] * m.exp(-t * x[1]) + x[5] * m.exp(-t * x[4]) - y)
    return rows


def _watson(m: Any, x: list[Any]) -> list[Any]:
    rows = []
    for i in range(1, 30):
        t = i / 29
        slope = sum(j * x[j] * t ** (j - 1) for j in range(1, len(x)))
        rows.append(slope - sum(x[j] * t**j for j in range(len(x))) ** 2 - 1)
    return [*rows, x[0], x[1] - x[0] ** 2 - 1]


def _penalty2(m: Any, x: list[Any]) -> list[Any]:
    n, root = len(x), math.sqrt(1e-5)
    rows = [x[0] - 0.2]
    for i in range(2, n + 1):
        y = math.exp(i / 10) + math.exp((i - 1) / 10)
        rows.append(root * (m.exp(x[i - 1] / 10) + m.exp(x[i - 2] / 10) - y))
    rows += [root * (m.exp(x[i - n] / 10) - math.exp(-0.1)) for i in range(n + 1, 2 * n)]
    return [*rows, sum((n - j) * x[j] ** 2 for j in range(n)) - 1]


def _variable(m: Any, x: list[Any]) -> list[Any]:
    total = sum((j + 1) * (v - 1) for j, v in enumerate(x))
    return [*[v - 1 for v in x], total, total**2]


def _trigonometric(m: Any, x: list[Any]) -> list[Any]:
    total = len(x) - sum(m.cos(v) for v in x)
    return [total + (i + 1) * (1 - m.cos(v)) - m.sin(v) for i, v in enumerate(x)]


def _boundary(m: Any, x: list[Any]) -> list[Any]:
    h, padded = 1 / (len(x) + 1), [0.0, *x, 0.0]
    return [
        2 * padded[i] - padded[i - 1] - padded[i + 1] + h**2 * (padded[i] + i * h + 1) ** 3 / 2
        for i in range(1, len(x) + 1)
    ]


def _integral(m: Any, x: list[Any]) -> list[Any]:
    n, h = len(x), 1 / (len(x) + 1)
    t = [(i + 1) * h for i in range(n)]
    cubes = [(v + s + 1) ** 3 for v, s in zip(x, t, strict=True)]
    rows = []
    for i in range(n):
        below = sum(t[j] * cubes[j] for j in range(i + 1))
        above = sum(((1 - t[j]) * cubes[j] for j in range(i + 1, n)), 0.0)
        rows.append(x[i] + h * ((1 - t[i]) * below + t[i] * above) / 2)
    return rows


def _banded(m: Any, x: list[Any]) -> list[Any]:
    rows = []
    for i, v in enumerate(x):
        near = [j for j in range(max(0, i - 5), min(len(x), i + 2)) if j != i]
        rows.append(v * (2 + 5 * v**2) + 1 - sum(x[j] * (1 + x[j]) for j in near))
    return rows


def _tridiagonal(m: Any, x: list[Any]) -> list[Any]:
    padded = [0.0, *x, 0.0]
    return [
        (3 - 2 * padded[i]) * padded[i] - padded[i - 1] - 2 * padded[i + 1] + 1 for i in range(1, len(x) + 1)
    ]


def _chebyquad(m: Any, x: list[Any]) -> list[Any]:
    n = len(x)
    before, now = [1.0] * n, [2 * v - 1 for v in x]
    rows = []
    for i in range(1, n + 1):
        rows.append(sum(now) / n + (0.0 if i % 2 else 1 / (i**2 - 1)))
        before, now = now, [2 * (2 * v - 1) * a - b for v, a, b in zip(x, now, before, strict=True)]
    return rows


def _weighted(x: list[Any], first: int, last: int) -> Any:
    return sum((j + 1) * x[j] for j in range(first, last))


_LIST = [
    Problem("Rosenbrock", lambda m, x: [10 * (x[1] - x[0] ** 2), 1 - x[0]], (-1.2, 1.0)),
    Problem("Freudenstein and Roth", lambda m, x: [
        -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]], (0.5, -2.0), (0.0, 48.9842)),
    Problem("Powell badly scaled", lambda m, x: [1e4 * x[0] * x[1] - 1, m.exp(-x[0]) + m.exp(-x[1]) - 1.0001], (0.0, 1.0)),
    Problem("Brown badly scaled", lambda m, x: [x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2], (1.0, 1.0)),
    Problem("Beale", lambda m, x: [c - x[0] * (1 - x[1] ** k) for k, c in ((1, 1.5), (2, 2.25), (3, 2.625))], (1.0, 1.0)),
    Problem("Jennrich and Sampson", lambda m, x: [
        2 + 2 * i - (m.exp(i * x[0]) + m.exp(i * x[1])) for i in range(1, 11)], (0.3, 0.4), (124.362,)),
    Problem("helical valley", _helical, (-1.0, 0.0, 0.0)),
    Problem("Bard", lambda m, x: [
        y - (x[0] + u / ((16 - u) * x[1] + min(u, 16 - u) * x[2])) for u, y in enumerate(_BARD, 1)],
        (1.0, 1.0, 1.0), (8.21487e-3,)),
    Problem("Gaussian", lambda m, x: [
        x[0] * m.exp(-x[1] * ((8 - i) / 2 - x[2]) ** 2 / 2) - y for i, y in enumerate(_GAUSS, 1)],
        (0.4, 1.0, 0.0), (1.12793e-8,)),
    Problem("Meyer", lambda m, x: [
        x[0] * m.exp(x[1] / (45 + 5 * i + x[2])) - y for i, y in enumerate(_MEYER, 1)], (0.02, 4000.0, 250.0), (87.9458,)),
    Problem("Gulf research", _gulf, (5.0, 2.5, 0.15)),
    Problem("Box, three dimensions", _box, (0.0, 10.0, 20.0)),
    Problem("Powell singular", lambda m, x: [
        x[0] + 10 * x[1], math.sqrt(5) * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, math.sqrt(10) * (x[0] - x[3]) ** 2],
        (3.0, -1.0, 0.0, 1.0), singular=True),
    Problem("Wood", lambda m, x: [
        10 * (x[1] - x[0] ** 2), 1 - x[0], math.sqrt(90) * (x[3] - x[2] ** 2), 1 - x[2],
        math.sqrt(10) * (x[1] + x[3] - 2), (x[1] - x[3]) / math.sqrt(10)], (-3.0, -1.0, -3.0, -1.0)),
    Problem("Kowalik and Osborne", lambda m, x: [
        y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3]) for u, y in zip(_DOSES, _KOWALIK, strict=True)],
        (0.25, 0.39, 0.415, 0.39), (3.07505e-4,)),
    Problem("Brown and Dennis", _brown_dennis, (25.0, 5.0, -5.0, -1.0), (85822.2,)),
    Problem("Osborne 1", lambda m, x: [
        y - (x[0] + x[1] * m.exp(-10.0 * k * x[3]) + x[2] * m.exp(-10.0 * k * x[4])) for k, y in enumerate(_OSBORNE1)],
        (0.5, 1.5, -1.0, 0.01, 0.02), (5.46489e-5,)),
    Problem("Biggs, six exponentials", _biggs, (1.0, 2.0, 1.0, 1.0, 1.0, 1.0), (0.0, 5.65565e-3)),
    Problem("Osborne 2", _osborne2, (1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5), (4.01377e-2,)),
    Problem("Watson, 6", _watson, (0.0,) * 6, (2.28767e-3,)),
    Problem("Watson, 9", _watson, (0.0,) * 9, (1.39976e-6,)),
    Problem("Watson, 12", _watson, (0.0,) * 12, (4.72238e-10,)),
    Problem("extended Rosenbrock", lambda m, x: [
        r for i in range(0, len(x), 2) for r in (10 * (x[i + 1] - x[i] ** 2), 1 - x[i])], (-1.2, 1.0) * 5),
    Problem("extended Powell singular", lambda m, x: [
        r for i in range(0, len(x), 4) for r in (
            x[i] + 10 * x[i + 1], math.sqrt(5) * (x[i + 2] - x[i + 3]), (x[i + 1] - 2 * x[i + 2]) ** 2,
            math.sqrt(10) * (x[i] - x[i + 3]) ** 2)], (3.0, -1.0, 0.0, 1.0) * 2, singular=True),
    Problem("penalty I", lambda m, x: [
        *[math.sqrt(1e-5) * (v - 1) for v in x], sum(v**2 for v in x) - 0.25], (1.0, 2.0, 3.0, 4.0), (2.24997e-5,)),
    Problem("penalty II", _penalty2, (0.5,) * 4, (9.37629e-6,)),
    Problem("variably dimensioned", _variable, tuple(1 - j / 10 for j in range(1, 11))),
    Problem("trigonometric", _trigonometric, (0.1,) * 10, (0.0, 2.79506e-5)),
    Problem("Brown almost linear", lambda m, x: [
        *[v + sum(x) - (len(x) + 1) for v in x[:-1]], _product(x) - 1], (0.5,) * 10, (0.0, 1.0)),
    Problem("discrete boundary value", _boundary, tuple(t / 11 * (t / 11 - 1) for t in range(1, 11))),
    Problem("discrete integral equation", _integral, tuple(t / 11 * (t / 11 - 1) for t in range(1, 11))),
    Problem("Broyden tridiagonal", _tridiagonal, (-1.0,) * 10),
    Problem("Broyden banded", _banded, (-1.0,) * 10),
    Problem("linear, full rank", lambda m, x: [
        *[v - 2 * sum(x) / 20 - 1 for v in x], *[-2 * sum(x) / 20 - 1] * 10], (1.0,) * 10, (10.0,)),
    Problem("linear, rank 1", lambda m, x: [
        i * _weighted(x, 0, len(x)) - 1 for i in range(1, 21)], (1.0,) * 10, (20 * 19 / 82,), singular=True),
    Problem("linear, rank 1 with zeros", lambda m, x: [
        *[(i - 1) * _weighted(x, 1, len(x) - 1) - 1 for i in range(1, 20)], -1.0 + 0 * x[0]], (1.0,) * 10,
        ((400 + 60 - 6) / 74,), singular=True),
    Problem("Chebyquad", _chebyquad, tuple(j / 9 for j in range(1, 9)), (3.51687e-3,)),
]  # fmt: skip


def _product(x: list[Any]) -> Any:
    total = x[0]
    for v in x[1:]:
        total = total * v
    return total


PROBLEMS = {problem.name: problem for problem in _LIST}
