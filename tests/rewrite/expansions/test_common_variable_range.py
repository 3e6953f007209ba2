"""Derivatives of functions of one product or quotient w, where w is moderate and its parts are tiny and huge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.ulp import bits_of_error, rounded

u, v = g.symbols("u v")

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sigmoid of tanh": (lambda w: g.sigmoid(g.tanh(w)), lambda w: 1 / (1 + mpmath.exp(-mpmath.tanh(w)))),
    "rest of sigmoid of tanh": (lambda w: 1 - g.sigmoid(g.tanh(w)), lambda w: 1 / (1 + mpmath.exp(mpmath.tanh(w)))),
    "log of cosh": (lambda w: g.log(g.cosh(w)), lambda w: mpmath.log(mpmath.cosh(w))),
    "sine of tanh": (lambda w: g.sin(g.tanh(w)), lambda w: mpmath.sin(mpmath.tanh(w))),
    "Planck": (lambda w: w / g.expm1(w), lambda w: w / mpmath.expm1(w)),
    "exp of sine": (lambda w: g.exp(g.sin(w)) - 1, lambda w: mpmath.expm1(mpmath.sin(w))),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("quotient", [False, True], ids=["product", "quotient"])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.sample(3)
def test_second_derivatives_keep_their_range(name: str, quotient: bool, dtype: type) -> None:
    write, function = FUNCTIONS[name]
    f = write(u / v if quotient else u * v)
    slopes = [g.grad(g.grad(f, u), u), g.grad(g.grad(f, v), v)]
    rewritten, written = (g.compile(slopes, [u, v], dtype=dtype, rewrite=level) for level in ("stable", None))
    rng = np.random.default_rng(0)
    reach = 18.5 if dtype == np.float32 else 153
    wrong = []
    for size in np.linspace(-reach, reach, 24):
        a = dtype(rng.uniform(1, 9) * 10.0**size)
        b = dtype(a / rng.uniform(0.05, 0.95)) if quotient else dtype(rng.uniform(0.05, 0.95) / a)
        with mpmath.workdps(60):
            x, y = mpmath.mpf(float(a)), mpmath.mpf(float(b))
            w = x / y if quotient else x * y
            _, first, second = (mpmath.diff(function, w, n) for n in range(3))
            by_v = (2 * w * first + w * w * second) / y**2 if quotient else second * x**2
            exact = [second / y**2 if quotient else second * y**2, by_v]
        for value, before, true in zip(rewritten(a, b), written(a, b), exact, strict=True):
            correct = rounded(true, np.dtype(dtype))
            lost, lost_before = (
                float(bits_of_error(each, correct, np.dtype(dtype))[0]) for each in (value, before)
            )
            if lost > 4 and lost > lost_before + 2:
                wrong.append((float(a), float(b), value, before, correct))
    assert not wrong


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beside", [lambda x: g.cosh(x) - 1, lambda x: x**3, lambda x: 1 - g.cos(x)])
def test_factors_that_vanish_meet_no_product_that_overflowed(
    beside: Callable[[Any], Any], dtype: type
) -> None:
    t = g.tanh(u * v)
    f = beside(u) * (g.exp(t) - g.exp(-t)) * (1 - t * t) * v
    outputs = [f, g.grad(f, u), g.grad(f, v)]
    rewritten, written = (
        g.compile(outputs, [u, v], dtype=dtype, rewrite=level) for level in ("stable", None)
    )
    info = np.finfo(dtype)
    wrong = []
    for huge in (info.max, -info.max, info.max / 8, dtype(1 / info.tiny)):
        for tiny in (info.smallest_subnormal, info.tiny, info.tiny / 16, info.eps / info.max):
            for at in ((dtype(tiny), dtype(huge)), (dtype(huge), dtype(tiny)), (dtype(tiny), dtype(-tiny))):
                for before, after in zip(written(*at), rewritten(*at), strict=True):
                    if np.isfinite(before) and not np.isfinite(after):
                        wrong.append((at, before, after))
    assert not wrong
