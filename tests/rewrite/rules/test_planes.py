"""Angles of triangles and of vectors, real parts of complex roots: values and derivatives against mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g

RNG = np.random.default_rng(5)


def _angle(*parts: Any) -> Any:
    n = len(parts) // 2
    u, v = parts[:n], parts[n:]
    dot, sizes = sum(map(mpmath.fmul, u, v)), [mpmath.sqrt(sum(x * x for x in w)) for w in (u, v)]
    return mpmath.acos(dot / (sizes[0] * sizes[1]))


NEEDLES = [(x := RNG.uniform(0.5, 2), x * (1 + 2.0**-n), x * 2.0 ** -(n - 1)) for n in range(3, 40, 3)]
PLANE = [
    (a := RNG.uniform(-2, 2), b := RNG.uniform(-2, 2), 3 * a, 3 * b * (1 + 2.0**-n)) for n in range(1, 50, 4)
]
SPACE = [
    (*(u := RNG.uniform(-2, 2, 3)), 2 * u[0], 2 * u[1] * (1 - 2.0**-n), -2 * u[2] if n == 1 else 2 * u[2])
    for n in range(1, 50, 4)
]
HALF = [(-RNG.uniform(1, 2), 2.0**-n) for n in range(0, 40, 4)] + [(1.0, 0.5), (-3.0, -4.0)]

CASES: dict[str, tuple[str, str, Callable[..., Any], list[tuple[float, ...]]]] = {
    "triangle": ("a b c", "acos((a*a + b*b - c*c)/(2*a*b))",
                 lambda a, b, c: mpmath.acos((a * a + b * b - c * c) / (2 * a * b)), NEEDLES),
    "plane": ("a b c d", "acos((a*c + b*d)/(sqrt(a*a + b*b)*sqrt(c*c + d*d)))", _angle, PLANE),
    "space": ("a b c d e f", "acos((a*d + b*e + c*f)/(sqrt(a*a + b*b + c*c)*sqrt(d*d + e*e + f*f)))", _angle, SPACE),
    "root": ("a b", "sqrt((sqrt(a*a + b*b) + a)/2)", lambda a, b: mpmath.sqrt((mpmath.hypot(a, b) + a) / 2), HALF),
    "whole root": ("a b", "sqrt(a + hypot(b, a))", lambda a, b: mpmath.sqrt(mpmath.hypot(a, b) + a), HALF),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_values_and_slopes(name: str) -> None:
    names, text, exact, points = CASES[name]
    symbols = g.symbols(names)
    formula = g.parse(text, symbols)
    assert any("angle" in step.rule or "complex" in step.rule for step in g.rewrites(formula))
    f = g.compile([formula, *(g.grad(formula, s) for s in symbols)], symbols, cache=False)
    for at in points:
        inputs = tuple(map(mpmath.mpf, map(float, at)))
        with mpmath.workdps(90):
            true = exact(*inputs)
            slopes = [
                mpmath.diff(exact, inputs, tuple(int(k == place) for k in range(len(at))))
                for place in range(len(at))
            ]
        value, *found = f(*map(float, at))
        assert abs(float(value) - float(true)) <= 8 * math.ulp(float(true)), at
        largest = max(abs(float(slope)) for slope in slopes)
        for one, other in zip(found, slopes, strict=True):
            if name != "triangle":  # whose slopes are written from the cosine
                assert abs(float(one) - float(other)) <= 1e-14 * largest, at


def test_what_is_no_triangle_has_no_angle() -> None:
    a, b, c = g.symbols("a b c")
    f = g.compile(g.parse("acos((a*a + b*b - c*c)/(2*a*b))", [a, b, c]), [a, b, c], cache=False)
    assert math.isnan(float(f(1.0, 1.0, 2.5)))
    assert float(f(1.0, 1.0, 2.0)) == pytest.approx(math.pi)
    assert float(f(2.0, 1.0, 1.0)) == 0.0
    assert float(f(-1.0, 1.0, 1.0)) == pytest.approx(math.acos(-0.5))


def test_vectors_along_each_other() -> None:
    symbols = g.symbols("a b c d")
    f = g.compile(g.parse(CASES["plane"][1], symbols), symbols, cache=False)
    for u in RNG.uniform(-3, 3, (40, 2)):
        assert float(f(u[0], u[1], 2 * u[0], 2 * u[1])) == 0.0
        assert float(f(u[0], u[1], -u[0], -u[1])) == math.pi
