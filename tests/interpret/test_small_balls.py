"""Functions of tiny numbers that are not known exactly: what is left when their values at 0 or 1 are taken away."""

import mpmath
import pytest

import graphc as g

X, Y = g.symbols("ball_x ball_y")

FUNCTIONS = {
    "expm1": (lambda t: g.expm1(t), mpmath.expm1),
    "exp": (lambda t: g.exp(t) - 1, mpmath.expm1),
    "exp2": (lambda t: g.exp2(t) - 1, lambda t: mpmath.expm1(t * mpmath.log(2))),
    "log1p": (lambda t: g.log1p(t), mpmath.log1p),
    "log": (lambda t: g.log(1 + t), mpmath.log1p),
    "log2": (lambda t: g.log2(2 + t) - 1, lambda t: mpmath.log(1 + t / 2, 2)),
    "cosh": (lambda t: g.cosh(t) - 1, lambda t: mpmath.cosh(t) - 1),
    "cos": (lambda t: 1 - g.cos(t), lambda t: 1 - mpmath.cos(t)),
    "sin": (lambda t: g.sin(t), mpmath.sin),
    "tanh": (lambda t: g.tanh(t), mpmath.tanh),
    "acosh": (lambda t: g.acosh(1 + abs(t)), lambda t: mpmath.acosh(1 + abs(t))),
    "acos": (lambda t: g.acos(1 - abs(t)), lambda t: mpmath.acos(1 - abs(t))),
    "sqrt": (lambda t: g.sqrt(1 + t) - 1, lambda t: mpmath.sqrt(1 + t) - 1),
    "atan": (lambda t: g.atan(1 + t) - g.atan(1.0 + 0 * t), lambda t: mpmath.atan(1 + t) - mpmath.atan(1)),
    "sigmoid": (lambda t: g.sigmoid(t) - 0.5, lambda t: 1 / (1 + mpmath.exp(-t)) - mpmath.mpf(1) / 2),
    "erf": (lambda t: g.erf(t), mpmath.erf),
    "erfc": (lambda t: 1 - g.erfc(t), mpmath.erf),
    "gamma": (lambda t: g.gamma(2 + t) - 1, lambda t: mpmath.gamma(2 + t) - 1),
    "lgamma": (lambda t: g.lgamma(1 + t), lambda t: mpmath.loggamma(1 + t)),
    "power": (lambda t: (1 + t) ** 3.5 - 1, lambda t: (1 + t) ** mpmath.mpf(3.5) - 1),
}

POINTS = [(-2.5e-178, -6.5e-189), (3e-100, 7e-120), (1.5e-30, 2e-9), (2e-300, 3e-5), (-4e-20, 5e-250)]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_digits_of_what_is_left(name, point):
    ours, theirs = FUNCTIONS[name]
    x, y = point
    found = g.evaluate(ours(Y * g.log1p(X)), {X.name: x, Y.name: y}, digits=25)
    with mpmath.workprec(8000):
        right = theirs(mpmath.mpf(y) * mpmath.log1p(mpmath.mpf(x)))
        assert right != 0 and abs(found / right - 1) < mpmath.mpf(10) ** -24
