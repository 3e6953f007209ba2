"""Divergences of distributions that are close to each other: what is left of their logarithms is of second order."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g

TEXTS = [
    "a*log(a/b) + (1 - a)*log((1 - a)/(1 - b))",
    "b*log(b/a) + (2 - b)*log((2 - b)/(2 - a))",
    "(a*log(2*a/(a + b)) + b*log(2*b/(a + b)))/2",
    "3*a*log(a/b) + 3*b*log(b/c) + 3*c*log(c/a)",
    "a*log(a/b) + c*log(c/b) + 2*b - a - c",
    "-a*log(a/b) - (1 - a)*log((1 - a)/(1 - b))",
]

POINTS = [
    (0.3, 1e-12, -3e-9),
    (0.9, -1e-5, 2e-4),
    (1e-9, 1e-10, 0.5),
    (0.5, 0.0, 1e-15),
    (0.2, 0.6, 3.0),
    (0.999, 5e-4, 1e-3),
]
"""a, and how far b and c are from it, as a part of a"""


def of(text: str, at: dict[str, mpmath.mpf]) -> mpmath.mpf:
    return eval(text, {"__builtins__": {}}, {"log": mpmath.log, **at})


def close(value: float, exact: mpmath.mpf, moved: mpmath.mpf) -> bool:
    """To four spacings of floats, and what roundings of the inputs make."""
    allowed = 4 * (float(np.spacing(abs(float(exact)))) + float(moved) * 1.2e-16)
    return abs(mpmath.mpf(value) - exact) <= allowed


@pytest.mark.parametrize("text", TEXTS)
def test_values_and_first_derivatives(text: str) -> None:
    symbols = g.symbols("a b c")
    formula = g.parse(text, {s.name: s for s in symbols})
    f = g.compile([formula, *g.grad(formula, symbols[:2])], symbols, cache=False)
    for a, b, c in POINTS:
        at = dict(zip("abc", (a, a * (1 + b), a * (1 + c)), strict=True))
        value, *slopes = f(*at.values())
        with mpmath.workdps(90):
            exact = {name: mpmath.mpf(x) for name, x in at.items()}
            step = mpmath.mpf(10) ** -30 * exact["a"]

            def moved(exact: dict[str, mpmath.mpf] = exact, step: mpmath.mpf = step, **by: int) -> mpmath.mpf:
                return of(text, {n: x + by.get(n, 0) * step for n, x in exact.items()})

            true = moved()
            first = {n: (moved(**{n: 1}) - moved(**{n: -1})) / (2 * step) for n in "abc"}
            effect = sum(abs(first[n] * exact[n]) for n in "abc")
            assert close(value, true, effect), (at, value, true)
            for n, slope in zip("ab", slopes, strict=True):
                second = [
                    (
                        moved(**{n: 1, m: 1})
                        - moved(**{n: 1, m: -1})
                        - moved(**{n: -1, m: 1})
                        + moved(**{n: -1, m: -1})
                    )
                    / (4 * step**2)
                    if m != n
                    else (moved(**{n: 1}) - 2 * true + moved(**{n: -1})) / step**2
                    for m in "abc"
                ]
                effect = sum(abs(d * exact[m]) for d, m in zip(second, "abc", strict=True))
                assert close(slope, first[n], effect), (n, at, slope, first[n])


def test_other_sums_of_logarithms_stay() -> None:
    for text in ("a*log(a/b) + c*log(c/b)", "a*log(a/b) - b*log(b/a)", "a*log(b/c) + b*log(c/a)"):
        assert not [s for s in g.rewrites(g.parse(text)) if s.rule == "divergences"], text


def test_zeros_and_infinities_are_as_written() -> None:
    a, b = g.symbols("a b")
    formula = a * g.log(a / b) + (1 - a) * g.log((1 - a) / (1 - b))
    f, written = (g.compile(formula, [a, b], rewrite=level, cache=False) for level in ("stable", None))
    for x in (0.0, 1.0, np.inf, np.nan, 0.25):
        for y in (0.0, 1.0, np.inf, np.nan, 0.25):
            np.testing.assert_equal(f(x, y), written(x, y))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", ["a*log(a/b) - a + b", "b*log(b/a) - b + a", "b - a + a*log(a/b)"])
def test_divergences_of_the_largest_numbers(text: str, dtype: str) -> None:
    """Their sum overflows, the divergence does not."""
    a, b = g.symbol("a", dtype=dtype), g.symbol("b", dtype=dtype)
    outputs = [(e := g.parse(text, {"a": a, "b": b})), *g.grad(e, [a, b])]
    written, changed = (g.compile(outputs, [a, b], rewrite=level, cache=False) for level in (None, "stable"))
    largest = np.finfo(dtype).max
    for one, other in ((0.6, 0.6), (0.9, 0.85), (0.4, 0.7)):
        at = [np.dtype(dtype).type(largest * part) for part in (one, other)]
        for old, new in zip(written(*at), changed(*at), strict=True):
            assert np.isfinite(old) and abs(new - old) <= 8 * np.finfo(dtype).eps * largest
            assert np.isfinite(new)
