"""Smooth functions put together from two kinked ones: compiled derivatives are those of the function, at the kink as well.

As written each part has its convention at 0 and their sum need not be the derivative of anything: that of relu(x) − relu(−x),
which is x, comes out as 0 there. `g.evaluate` and pictures follow what is written.
"""

import pytest

import graphc as g

SAME_AS = {
    "relu(s) - relu(-s)": (1.0, 0.0), "3*(relu(s) - relu(-s))": (3.0, 0.0), "maximum(s, 0) + minimum(s, 0)": (1.0, 0.0),
    "maximum(s, 0) - maximum(-s, 0)": (1.0, 0.0), "sign(s)*abs(s)": (1.0, 0.0), "exp(relu(s) - relu(-s))": (1.0, 1.0),
    "relu(s)**2 + relu(-s)**2": (0.0, 2.0), "cos(abs(s))": (0.0, -1.0), "cosh(abs(s))": (0.0, 1.0), "abs(s)**2": (0.0, 2.0),
}  # fmt: skip
"""formula → its first and second derivatives at 0"""


@pytest.mark.parametrize("text", SAME_AS)
def test_derivatives_at_the_kink_are_those_of_the_function(text):
    s = g.symbol("s")
    first = g.grad(g.parse(text, {"s": s}), s)
    second = g.grad(first, s)
    for form, expected in zip((first, second), SAME_AS[text], strict=True):
        assert g.compile(form, [s], cache=False)(0.0) == pytest.approx(expected, abs=1e-15)


def test_a_real_kink_keeps_its_convention():
    s = g.symbol("s")
    for text in ("relu(s) + relu(-s)", "relu(s)", "abs(s)", "maximum(s, 0) - minimum(s, 0)"):
        slope = g.grad(g.parse(text, {"s": s}), s)
        assert g.compile(slope, [s], cache=False)(0.0) == g.evaluate(slope, {"s": 0.0})
