"""Formulas that the other rules are known to mend near 0, in value and derivatives: these need no trial at every compilation.

A test holds each of them to what a trial finds.
"""

from __future__ import annotations

WELL_KNOWN = frozenset((
    "(1 - cos(x))/(x*x)", "(1 - cos(x))/x", "(1 - cos(x))/x**2", "(1 - exp(-x))/x", "(cosh(x) - 1)/x**2",
    "(exp(2*x) - 1)/(exp(2*x) + 1)", "(exp(x) - 1)/x", "(exp(x) - exp(-x))/(exp(x) + exp(-x))", "(exp(x) - exp(-x))/2",
    "(sin(x)/x)**2", "(sqrt(1 + x) - 1)/x", "(x - sin(x))/x**3", "-log(1 - x)", "0.5*log((1 + x)/(1 - x))", "1 - cos(x)",
    "1 - cosh(x)", "1 - exp(-x)", "1 - exp(-x**2)", "1 - exp(x)", "1 - sqrt(1 - x)", "1/(1 - exp(-x))", "1/(1 - exp(x))",
    "1/(exp(x) - 1)", "1/sin(x) - 1/x", "1/tan(x) - 1/x", "1/tanh(x) - 1/x", "1/x - 1/(exp(x) - 1)", "1/x - 1/sin(x)",
    "1/x - 1/sinh(x)", "1/x - 1/tan(x)", "asin(x) - x", "asin(x)/x", "asinh(x) - x", "asinh(x)/x", "atan(x)/x", "atanh(x) - x",
    "atanh(x)/x", "cos(x) - 1", "cosh(x) - 1", "erf(x)/x", "exp(-x) - 1", "exp(-x) - exp(x)", "exp(-x**2) - 1", "exp(x) - 1",
    "exp(x) - 1 - x", "exp(x) - exp(-x)", "exp(x)*(1 - cos(x))", "exp(x)/(exp(x) - 1)", "expm1(x) - x", "expm1(x)/x",
    "log((1 + x)/(1 - x))", "log(1 + x)", "log(1 + x)/x", "log(1 + x**2)", "log(1 + x*x)", "log(1 - exp(-x))", "log(1 - exp(x))",
    "log(1 - x)", "log(cos(x))", "log(cosh(x))", "log(exp(x) - 1)", "log(sin(x)/x)", "log(sinh(x)/x)", "log(x + 1)",
    "log(x + 1)/x", "log(x + sqrt(1 + x**2))", "log(x + sqrt(x**2 + 1))", "log(x + sqrt(x*x + 1))", "log(x**2 + 1)",
    "log(x*x + 1)", "log(x/sin(x))", "log1p(x) - x", "log1p(x)/x", "sin(x) - x", "sin(x)**2/x**2", "sin(x)/x", "sinh(x) - x",
    "sinh(x)/x", "sqrt(1 + x) - 1", "sqrt(1 + x**2) - 1", "sqrt(1 + x*x) - 1", "sqrt(1 - cos(x))", "sqrt(x + 1) - 1",
    "sqrt(x**2 + 1) - 1", "sqrt(x*x + 1) - 1", "tan(x) - x", "tan(x)/x", "tanh(x)/x", "tanh(x/2)/x", "x - asinh(x)",
    "x - atan(x)", "x - log1p(x)", "x - sin(x)", "x - tan(x)", "x - tanh(x)", "x**2*exp(x)/(exp(x) - 1)**2", "x**2/(exp(x) - 1)",
    "x**3/(exp(x) - 1)", "x**4*exp(x)/(exp(x) - 1)**2", "x*log(x) - x + 1", "x/(exp(x) - 1)", "x/(sqrt(1 + x) - 1)", "x/asin(x)",
    "x/atan(x)", "x/expm1(x)", "x/log(1 + x)", "x/log(x + 1)", "x/log1p(x)", "x/sin(x)", "x/sinh(x)", "x/tan(x)", "x/tanh(x)",
))  # fmt: skip
"""As they are printed, of x"""

__all__ = ["WELL_KNOWN"]
