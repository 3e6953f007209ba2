"""Gamma functions beside logarithms that they approach: values and derivatives against mpmath, from where the expansion holds."""

import mpmath
import numpy as np
import pytest

import graphc as g

POINTS = (10.5, 12.0, 30.0, 1e2, 1e4, 1e8, 1e15)

GAMMA, LOG, PSI = mpmath.loggamma, mpmath.log, mpmath.digamma

CASES = {
    "lgamma(s + 0.5) - lgamma(s) - 0.5*log(s)": lambda z: GAMMA(z + 0.5) - GAMMA(z) - LOG(z) / 2,
    "lgamma(s + 0.5) - (lgamma(s) + log(s)/2)": lambda z: GAMMA(z + 0.5) - GAMMA(z) - LOG(z) / 2,
    "lgamma(s + 0.5) - 0.5*log(s) - lgamma(s)": lambda z: GAMMA(z + 0.5) - GAMMA(z) - LOG(z) / 2,
    "0.25*log(s) + lgamma(s) - lgamma(s + 0.25)": lambda z: LOG(z) / 4 + GAMMA(z) - GAMMA(z + 0.25),
    "3*lgamma(s + 1.5) - 3*lgamma(s) - 4.5*log(s + 0.5)": lambda z: 3 * (GAMMA(z + 1.5) - GAMMA(z) - 1.5 * LOG(z + 0.5)),
    "lgamma(s + 1) - lgamma(s + 0.5) - 0.5*log(s)": lambda z: GAMMA(z + 1) - GAMMA(z + 0.5) - LOG(z) / 2,
    "lgamma(s + 3) - 3*log(s) - lgamma(s)": lambda z: GAMMA(z + 3) - 3 * LOG(z) - GAMMA(z),
    "digamma(s) - log(s)": lambda z: PSI(z) - LOG(z),
    "2*log(s + 0.5) - 2*digamma(s + 1)": lambda z: 2 * (LOG(z + 0.5) - PSI(z + 1)),
    "digamma(s + 0.25) - log(s - 0.25)": lambda z: PSI(z + 0.25) - LOG(z - 0.25),
}  # fmt: skip


FIRST_ALONE = ("3*lgamma(s + 1.5) - 3*lgamma(s) - 4.5*log(s + 0.5)", "2*log(s + 0.5) - 2*digamma(s + 1)")
"""Beside the logarithm of a sum the second derivative is left as it was written: at infinity its form is none."""


@pytest.mark.sample(3)
@pytest.mark.parametrize("text", CASES)
def test_values_and_derivatives_keep_their_digits(text):
    s = g.symbol("s")
    forms = [g.parse(text, {"s": s})]
    forms += [g.grad(forms[0], s)]
    forms += [g.grad(forms[1], s)] if text not in FIRST_ALONE else []
    for order, form in enumerate(forms):
        f = g.compile(form, [s], cache=False)
        for at in POINTS:
            with mpmath.workdps(120):
                z = mpmath.mpf(at)
                truth = mpmath.diff(CASES[text], z, order, h=z * mpmath.mpf(10) ** -25)
                error = abs(float((mpmath.mpf(float(f(at))) - truth) / truth))
            assert error < 6 * 2.0**-53, (order, at)


def test_other_terms_and_factors_stay():
    s, t = g.symbols("s t")
    f = g.compile(t + t * g.lgamma(s + 0.5) - t * g.lgamma(s) - 0.5 * t * g.log(s), [s, t], cache=False)
    with mpmath.workdps(60):
        z = mpmath.mpf(1e9)
        truth = 1e-12 * (1 + GAMMA(z + 0.5) - GAMMA(z) - LOG(z) / 2)
        assert f(1e9, 1e-12) == pytest.approx(float(truth), rel=1e-15)


def test_small_arguments_and_other_multiples_are_left_alone():
    s = g.symbol("s")
    for text in (
        "lgamma(s + 0.5) - lgamma(s) - 0.25*log(s)",
        "digamma(s) - 2*log(s)",
        "digamma(s) - log(2*s)",
    ):
        assert "gamma-beside-logarithm" not in {step.rule for step in g.rewrites(g.parse(text, {"s": s}))}
    formula = g.digamma(s) - g.log(s)
    points = np.array([0.3, 1.0, 5.0, 9.99])
    written, compiled = (
        g.compile(formula, [s], rewrite=level, cache=False)(points) for level in (None, "stable")
    )
    np.testing.assert_array_equal(written, compiled)
