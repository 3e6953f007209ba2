"""Slopes of the roots of quadratic equations by their first coefficient, where what roots lose by cancelling is all there is."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g

ROOTS = {
    "(-b + sqrt(b*b - a*c))/a": (1, 1, 1),
    "(-b - sqrt(b*b - 4*a*c))/(2*a)": (-1, 4, 2),
}
"""Formula → s, m and q of (−b + s·√(b² − m·a·c))/(q·a)"""

SIZES = (
    (1e60, 1e42, 1e-187), (1e-192, 1e130, 1e-176), (1e49, 0.25, 1e-186), (1e-28, 1e110, 1e-39), (1e-17, 1e174, 1e16),
    (1e-123, 1e129, 1e31), (1e97, 1e159, 1e-17),
)  # fmt: skip


@pytest.mark.parametrize("text", ROOTS)
def test_slopes_where_the_root_is_nearly_b(text):
    s, m, q = ROOTS[text]
    formula = g.parse(text)
    a, b, c = sorted(g.free_symbols(formula), key=lambda symbol: symbol.name)
    slope = g.compile(g.grad(formula, a), [a, b, c])
    rng = np.random.default_rng(len(text))
    for sizes in SIZES:
        at = [float(x) for x in np.array(sizes) * rng.uniform(1, 9, 3)]
        at[1] *= s  # b of the sign that cancels
        with mpmath.workdps(900):
            A, B, C = map(mpmath.mpf, at)
            root = mpmath.sqrt(B * B - m * A * C)
            # each of the two terms is known to some units: what they leave of each other is not
            terms = (B - s * root) / (q * A * A), -s * m * C / (2 * root) / (q * A)
            truth, size = float(sum(terms)), float(max(map(abs, terms)))
        assert abs(slope(*at) - truth) <= 16 * 2**-53 * size + 5e-324, (at, slope(*at), truth)
