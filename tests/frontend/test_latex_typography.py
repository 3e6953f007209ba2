r"""Formulas as papers set them, with spaces, groups of digits and upright letters; slips that TeX takes and nobody means."""

# ruff: noqa: E501  a row of a table is a line

import math

import numpy as np
import pytest
import scipy.special as sp

import graphc as g
from graphc.errors import GraphcError

FORMULAS = {
    r"P\left(1 + \frac{r}{n}\right)^{n t}": "P*(1 + r/n)**(n*t)",
    r"\frac{-b + \sqrt{b^2 + 4ac}}{2a}": "(-b + sqrt(b**2 + 4*a*c))/(2*a)",
    r"\frac{1}{\sigma\sqrt{2\pi}} \exp\left(-\frac{(x-\mu)^2}{2\sigma^2}\right)": "exp(-(x - mu)**2/(2*sigma**2))/(sigma*sqrt(2*pi))",
    r"\frac{G m_1 m_2}{r^2}": "G*m_1*m_2/r**2",
    r"\sqrt{\frac{\hbar G}{c^3}}": "sqrt(hbar*G/c**3)",
    r"\frac{8\pi h \nu^3}{c^3}\,\frac{1}{e^{h\nu/(k_B T)} - 1}": "8*pi*h*nu**3/c**3/(exp(h*nu/(k_B*T)) - 1)",
    r"\left\{1 + \left(\frac{v}{c}\right)^2\right\}^{-1/2}": "(1 + (v/c)**2)**-0.5",
    r"-\sum_{i=1}^{4} \frac{1}{i} \ln \frac{1}{i}": "sum(log(i)/i for i in range(1, 5))",
    r"\prod_{k=1}^{5} (1 - q^k)": "math.prod(1 - q**k for k in range(1, 6))",
    r"B \log_{2} \left( 1 + \frac{S}{N} \right)": "B*log2(1 + S/N)",
    r"\log_2(1 + \mathrm{SNR})": "log2(1 + SNR)",
    r"2 \sin\left(\frac{\alpha+\beta}{2}\right)\cos\left(\frac{\alpha-\beta}{2}\right)": "2*sin((alpha + beta)/2)*cos((alpha - beta)/2)",
    r"\sin^2\theta + \cos^2 \theta": "1.0",
    r"\arctan \frac{y}{x}": "arctan(y/x)",
    r"\tan^2 \frac{\theta}{2}": "tan(theta/2)**2",
    r"\frac{\Gamma(\alpha+\beta)}{\Gamma(\alpha)\,\Gamma(\beta)} x^{\alpha-1} (1-x)^{\beta-1}": "x**(alpha - 1)*(1 - x)**(beta - 1)/sp.beta(alpha, beta)",
    r"\binom{n}{k} p^k (1-p)^{n-k}": "sp.binom(n, k)*p**k*(1 - p)**(n - k)",
    r"V_0 e^{-t/\tau} \cos(\omega t + \varphi)": "V_0*exp(-t/tau)*cos(omega*t + varphi)",
    r"\tfrac12 m v^2 + m g h": "m*v**2/2 + m*g_*h",
    r"\lfloor x \rfloor + \lceil y \rceil": "floor(x) + ceil(y)",
    r"\max(0, 1 - y x)": "max(0, 1 - y*x)",
    r"\sqrt[3]{x^2 + y^2}": "cbrt(x**2 + y**2)",
    r"\operatorname{erf}\left(\frac{x}{\sqrt 2}\right)": "sp.erf(x/sqrt(2))",
    r"\frac{a}{b} \div \frac{c}{d}": "a/b/(c/d)",
    r"\frac{1}{2}\left[1 + \tanh\frac{x}{2}\right]": "(1 + tanh(x/2))/2",
    r"x^{1/3} \cdot y^{-2/3}": "x**(1/3)*y**(-2/3)",
    r"\frac{R T}{V - b} - \frac{a}{V^2}": "R*T/(V - b) - a/V**2",
    r"\frac{V_{\max} [S]}{K_M + [S]}": "V_max*S/(K_M + S)",
    r"4 \varepsilon \left[ \left(\frac{\sigma}{r}\right)^{12} - \left(\frac{\sigma}{r}\right)^{6} \right]": "4*varepsilon*((sigma/r)**12 - (sigma/r)**6)",
    r"1.5\times10^{-3} x": "1.5e-3*x",
    r"\left(\sum_{j=0}^{3} a^j\right)^2": "(1 + a + a**2 + a**3)**2",
    r"\frac{2GM}{c^2 r}\Bigl(1 - \frac{r}{R}\Bigr)": "2*G*M/(c**2*r)*(1 - r/R)",
    r"\sec\theta\,\csc\theta": "1/cos(theta)/sin(theta)",
    r"x!\, y": "sp.gamma(x + 1)*y",
    r"\sin 2x \cos 3y": "sin(2*x)*cos(3*y)",
    # groups of digits are one number
    r"10\,000 x": "10000*x",
    r"299\,792\,458\, t": "299792458*t",
    r"12~345.5 y": "12345.5*y",
    r"1{,}000{,}000 / n": "1e6/n",
    r"5\,x + 2\;y": "5*x + 2*y",
    r"\frac12 3 x": "1.5*x",
    # an upright e is e
    r"\mathrm{e}^{-x} + \text{e}^{y}": "exp(-x) + exp(y)",
    r"\operatorname{sinc}(x)": "np.sinc(x)",
}  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text):
    expr = g.parse_latex(text)
    graph = g.Graph(expr)
    names = [graph.exprs[number].name for number in graph.inputs]
    rng = np.random.default_rng(len(text))
    values = {name: float(rng.uniform(0.2, 0.9)) for name in sorted(names)}
    here = {
        name: getattr(np, name)
        for name in "exp log log2 sqrt sin cos tan tanh arctan floor ceil cbrt pi".split()
    }
    known = {
        **here,
        "sp": sp,
        "np": np,
        "math": math,
        **{("g_" if n == "g" else n): v for n, v in values.items()},
    }
    wanted = eval(FORMULAS[text], known)
    assert g.evaluate(expr, values) == pytest.approx(wanted, rel=1e-13), expr


def test_an_upright_e_is_the_exponential():
    assert str(g.parse_latex(r"\mathrm{e}^{x}")) == str(g.parse_latex("e^x")) == "exp(x)"
    declared = g.symbol("e")
    assert str(g.parse_latex(r"\mathrm{e}^{2}", symbols=[declared])) == "e**2"


SLIPS = {
    "x^10": (4, "^{10}"),
    "2^10 x": (4, "^{10}"),
    r"\frac123": (8, "{10}"),
    r"\log_10 x": (7, r"\log_{10}"),
    r"\sin^23": (7, "{10}"),
    "2 3": (3, r"\cdot"),
    r"x + 2\,30": (8, r"\cdot"),
    r"1.5\,2 y": (6, r"\cdot"),
    r"\operatorname{sinc} x": (1, r"\operatorname{sinc}(x)"),
    r"\operatorname{Re} z": (1, "known are"),
    r"\operatorname{erff} x": (1, "erf"),
}  # fmt: skip


@pytest.mark.parametrize("text", SLIPS)
def test_slips_are_refused(text):
    """What TeX typesets and would silently be another formula: x¹0 for x^10."""
    column, hint = SLIPS[text]
    with pytest.raises(GraphcError) as caught:
        g.parse_latex(text)
    assert f"(column {column})" in str(caught.value) and hint in caught.value.hint
