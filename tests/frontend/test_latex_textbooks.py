"""Formulas as textbooks of physics, statistics, finance and machine learning set them, against Python written by hand."""

# ruff: noqa: E501  a formula is a line

from __future__ import annotations

import math
from math import cos, erf, exp, gamma, log, sin, sqrt

import numpy as np
import pytest
import scipy.special

import graphc as g
from graphc.errors import ParseError

AT = dict(  # noqa: C408  one column less of quotes
    a=1.1, b=0.6, c=2.2, d=1.4, x=0.7, y=1.3, z=0.4, t=0.9, k=2.0, n=3.0, p=0.3, m=1.5, r=0.05, v=0.45, w=0.55, nu=4.0, mu=0.2,
    sigma=0.7, theta=0.5, omega=1.1, beta=0.9, tau=0.8, S=100.0, K=95.0, T=3.0, x_1=0.5, x_2=2.0, x_dot=0.3, x_ddot=-0.2, y_hat=0.8,
    x_prime=1.7, d_1=0.35, phi=0.25,
)  # fmt: skip

FORMULAS = [
    (r"\frac{\Gamma(\frac{\nu+1}{2})}{\sqrt{\nu\pi}\,\Gamma(\frac{\nu}{2})}\left(1+\frac{t^2}{\nu}\right)^{-\frac{\nu+1}{2}}",
     lambda nu, t, **_: gamma((nu + 1) / 2) / sqrt(nu * math.pi) / gamma(nu / 2) * (1 + t * t / nu) ** (-(nu + 1) / 2)),
    (r"\frac{x^{a-1}(1-x)^{b-1}}{\mathrm{B}(a,b)}", lambda x, a, b, **_: x ** (a - 1) * (1 - x) ** (b - 1) / scipy.special.beta(a, b)),
    (r"S\,\Phi(d_1) - K e^{-rT}\Phi\left(d_1 - \sigma\sqrt{T}\right)",
     lambda S, K, r, T, d_1, sigma, **_: S * scipy.special.ndtr(d_1) - K * exp(-r * T) * scipy.special.ndtr(d_1 - sigma * sqrt(T))),
    (r"\zeta(3)", lambda **_: 1.2020569031595942),
    (r"\tfrac{1}{2} m \dot{x}^2 - m\,\ddot{x}\,x", lambda m, x, x_dot, x_ddot, **_: m * x_dot**2 / 2 - m * x_ddot * x),
    (r"x^{\prime} - x' + x^\prime", lambda x_prime, **_: x_prime),
    (r"x^2_1 + x_{2}^{2}", lambda x_1, x_2, **_: x_1**2 + x_2**2),
    (r"x \bmod 0.5 + a b \bmod 0.4", lambda x, a, b, **_: x % 0.5 + a * b % 0.4),
    (r"\operatorname*{max}(x, y) - \operatorname{ReLU}(x - y)", lambda x, y, **_: max(x, y) - max(0.0, x - y)),
    (r"\operatorname{atan2}(y, x) + \operatorname{erf}\!\left(\frac{x}{\sqrt 2}\right)", lambda x, y, **_: math.atan2(y, x) + erf(x / sqrt(2))),
    (r"12{,}500\,x + 1{,}000{,}000", lambda x, **_: 12500 * x + 1e6),
    (r"\begin{cases} 0 & \text{if } x < 0, \\ x^2, & \text{if } 0 \le x < 1, \\ 1 & \text{otherwise}. \end{cases}", lambda x, **_: x * x),
    (r"\begin{cases} x, & x \ge 1; \\ -y, & x < 1. \end{cases}", lambda y, **_: -y),
    (r"\left\lVert \begin{pmatrix} a \\ -b \end{pmatrix} \right\rVert_1 + \| \begin{pmatrix} a \\ -b \end{pmatrix} \|_{\infty}",
     lambda a, b, **_: a + b + max(a, b)),
    (r"\lVert \begin{pmatrix} a & b \\ c & d \end{pmatrix} \rVert_F + \lVert \begin{pmatrix} a \\ b \end{pmatrix} \rVert_2^2",
     lambda a, b, c, d, **_: sqrt(a * a + b * b + c * c + d * d) + a * a + b * b),
    (r"\frac{1}{\sigma\sqrt{2\pi}}\, e^{-\frac{(x-\mu)^2}{2\sigma^2}}",
     lambda x, mu, sigma, **_: exp(-((x - mu) ** 2) / 2 / sigma**2) / sigma / sqrt(2 * math.pi)),
    (r"\frac{\ln\frac{S}{K}+\left(r+\tfrac{\sigma^2}{2}\right)T}{\sigma\sqrt{T}}",
     lambda S, K, r, sigma, T, **_: (log(S / K) + (r + sigma**2 / 2) * T) / sigma / sqrt(T)),
    (r"-\sum_{i=1}^{2} x_i \log_2 x_i", lambda x_1, x_2, **_: -x_1 * math.log2(x_1) - x_2 * math.log2(x_2)),
    (r"\binom{n}{k} p^k (1-p)^{n-k}", lambda p, **_: 3 * p**2 * (1 - p)),
    (r"e^{-\beta t}\left(\cos\omega t + \frac{\beta}{\omega}\sin\omega t\right)",
     lambda beta, omega, t, **_: exp(-beta * t) * (cos(omega * t) + beta / omega * sin(omega * t))),
    (r"\sqrt[3]{\left\lvert x - y \right\rvert}", lambda x, y, **_: abs(x - y) ** (1 / 3)),
    (r"\frac{d^2}{dx^2} \sin^2 x", lambda x, **_: 2 * cos(2 * x)),
    (r"\prod_{k=1}^{4}\Bigl(1 - \frac{x^2}{k^2\pi^2}\Bigr)", lambda x, **_: math.prod(1 - x * x / (k * math.pi) ** 2 for k in range(1, 5))),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FORMULAS)))
def test_values(number):
    text, by_hand = FORMULAS[number]
    expression = g.parse_latex(text)
    used = {symbol.name: AT[symbol.name] for symbol in g.free_symbols(expression)}
    np.testing.assert_allclose(g.evaluate(expression, used), by_hand(**AT), rtol=4e-15)


def test_declared_names_are_no_functions():
    phi, x = g.symbol("Phi"), g.symbol("x")
    assert g.free_symbols(g.parse_latex(r"\Phi(x+1)", [phi, x])) == (phi, x)
    assert {s.name for s in g.free_symbols(g.parse_latex(r"B(x+1)\beta(y-1)"))} == {"B", "x", "beta", "y"}


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        (r"1 + \operatorname{Var}(x)", 5, "Var is no function that is known here"),
        (r"2\operatorname{sigmod}(x)", 2, "did you mean sigmoid"),
        (r"\operatorname{atan2}(x)", 1, "takes 2 arguments, not 1"),
        (r"\mathrm{B}(a)", 1, "takes 2 arguments"),
        (r"\lVert x \rVert_{3}", 18, "a norm of this order"),
    ],
)
def test_refusals(text, column, words):
    with pytest.raises(ParseError, match=f"(?s){words}") as caught:
        g.parse_latex(text)
    assert f"(column {column})" in str(caught.value)
