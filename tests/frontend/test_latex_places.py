r"""TeX's \over and \choose, values at places, and formulas of textbooks with what they are in Python."""

# ruff: noqa: E501  a row of a table is a line

import math

import numpy as np
import pytest
import scipy.special as sp

import graphc as g
from graphc.errors import GraphcError

NAMES = (
    "a b c d h k m n p q r s t u v w x y z T L N R V alpha beta gamma theta lambda mu sigma omega rho".split()
)

FORMULAS = {
    r"a \over b": "a/b",
    r"{a + b \over c + d} x": "(a + b)/(c + d)*x",
    r"x^{1 \over 2}": "x**0.5",
    r"\left( 1 + {x \over n} \right)^n": "(1 + x/n)**n",
    r"\sqrt{a \over b + 1}": "sqrt(a/(b + 1))",
    r"{1 \over {1 \over a} + {1 \over b}}": "1/(1/a + 1/b)",
    r"{n \choose k} p^k (1-p)^{n-k}": "sp.binom(n, k)*p**k*(1 - p)**(n - k)",
    r"{n + 1 \choose k}": "sp.binom(n + 1, k)",
    r"\left. x^2 + y \right|_{x=3}": "9 + y",
    r"\left. x^2 y \right|_{x=a, y=b+1}": "a*a*(b + 1)",
    r"\left. \frac{x^3}{3} \right|_0^2": "8/3",
    r"\left. \frac{x^3}{3} y \right|_{x=1}^{x=b}": "(b**3 - 1)*y/3",
    r"\left.\ln t\right\vert_{1}^{4}": "log(4)",
    r"\left. \frac{d}{dx} \sin x \right|_{x=0} + a": "1 + a",
    r"\frac{\left. t^2 \right|_{t=3}}{2} x": "4.5*x",
    r"\left|x - 5\right| \left. y \right|_{y=2}": "abs(x - 5)*2",
    r"\frac{1}{\sigma\sqrt{2\pi}} e^{-\frac12\left(\frac{x-\mu}{\sigma}\right)^2}": "exp(-0.5*((x - mu)/sigma)**2)/(sigma*sqrt(2*pi))",
    r"\frac{\lambda^k e^{-\lambda}}{k!}": "lambda_**k*exp(-lambda_)/sp.gamma(k + 1)",
    r"P \left(1 + \frac{r}{n}\right)^{nt}": "P*(1 + r/n)**(n*t)",
    r"\frac{8\pi h \nu^3}{c^3} \frac{1}{e^{h\nu/k_B T} - 1}": "8*pi*h*nu**3/c**3/(exp(h*nu/k_B*T) - 1)",
    r"\frac{x^{\alpha-1}(1-x)^{\beta-1}}{B(\alpha,\beta)}": "x**(alpha - 1)*(1 - x)**(beta - 1)/sp.beta(alpha, beta)",
    r"\frac{\Gamma\left(\frac{n+1}{2}\right)}{\sqrt{n\pi}\,\Gamma\left(\frac n2\right)}": "sp.gamma((n + 1)/2)/sqrt(n*pi)/sp.gamma(n/2)",
    r"\left(P + \frac{a n^2}{V^2}\right)(V - nb)": "(P + a*n*n/V**2)*(V - n*b)",
    r"4\varepsilon\left[\left(\frac{\sigma}{r}\right)^{12} - \left(\frac{\sigma}{r}\right)^6\right]": "4*varepsilon*((sigma/r)**12 - (sigma/r)**6)",
    r"A e^{-\gamma t}\cos(\omega t + \phi)": "A*exp(-gamma*t)*cos(omega*t + phi)",
    r"2\arcsin\sqrt{\sin^2\frac{a-b}{2} + \cos a\cos b\sin^2\frac{x-y}{2}}": "2*asin(sqrt(sin((a - b)/2)**2 + cos(a)*cos(b)*sin((x - y)/2)**2))",
    r"\frac{R T}{F} \ln\frac{c_1}{c_2}": "R*T/F*log(c_1/c_2)",
    r"\frac{V_{\max} s}{K_m + s}": "V_max*s/(K_m + s)",
    r"k_\infty T_{\parallel} - x_*": "k_infty*T_parallel - x_star",
    r"\frac{1}{1 + \left(\frac{K}{x}\right)^n}": "1/(1 + (K/x)**n)",
    r"-\sum_{i=1}^{3} \frac{i}{6} \log_2 \frac{i}{6}": "-(log2(1/6)/6 + log2(2/6)/3 + log2(3/6)/2)",
    r"x \prod_{k=1}^{4} \left(1 - \frac{x^2}{k^2 \pi^2}\right)": "x*(1 - x*x/pi**2)*(1 - x*x/(4*pi**2))*(1 - x*x/(9*pi**2))*(1 - x*x/(16*pi**2))",
    r"\sqrt{\frac{2}{\pi}} \frac{x^2 e^{-x^2/(2a^2)}}{a^3}": "sqrt(2/pi)*x*x*exp(-x*x/(2*a*a))/a**3",
    r"\frac{\mu_0 N I}{2 R}": "mu_0*N*I/(2*R)",
    r"\frac{Q}{4\pi\varepsilon_0 r^2}": "Q/(4*pi*varepsilon_0*r*r)",
    r"\tanh\left(\frac{J m + h}{k_B T}\right)": "tanh((J*m + h)/(k_B*T))",
    r"\frac{n_1 \sin\theta}{n_2}": "n_1*sin(theta)/n_2",
    r"2 \pi \sqrt{\frac{L}{g}}\left(1 + \frac{1}{16}\theta^2\right)": "2*pi*sqrt(L/g)*(1 + theta**2/16)",
    r"\frac{1}{2}\left(1 + \operatorname{erf}\frac{x - \mu}{\sigma\sqrt2}\right)": "0.5*(1 + sp.erf((x - mu)/(sigma*sqrt(2))))",
    r"\operatorname{arctan2}(y, x) + \arctan\frac ab": "atan2(y, x) + atan(a/b)",
    r"S \Phi(d_1) - K e^{-r t} \Phi(d_2)": "S*sp.ndtr(d_1) - K*exp(-r*t)*sp.ndtr(d_2)",
    r"\frac{\partial^2}{\partial x^2}\left(x^3 y\right).": "6*x*y",
    r"\cosh^2 x - \sinh^2 x,": "1",
    r"\binom{n}{2} \left\lfloor \frac{x}{y} \right\rfloor": "n*(n - 1)/2*floor(x/y)",
    r"\frac{\sin(N\delta/2)}{\sin(\delta/2)}": "sin(N*delta/2)/sin(delta/2)",
    r"w \ln w + (1 - w)\ln(1 - w)": "w*log(w) + (1 - w)*log(1 - w)",
    r"m c^2 \left(\frac{1}{\sqrt{1 - \frac{v^2}{c^2}}} - 1\right)": "m*c*c*(1/sqrt(1 - v*v/c**2) - 1)",
}  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_textbook_formulas(formula):
    expr = g.parse_latex(formula)
    rng = np.random.default_rng(7)
    for _ in range(3):
        names = {node.name: float(rng.uniform(0.2, 0.9)) for node in g.free_symbols(expr)}
        if "c" in names and "v" in names:
            names["c"] += 1.0
        known = {("lambda_" if name == "lambda" else name): value for name, value in names.items()}
        spare = {name: 0.5 for name in NAMES if name not in known}
        with np.errstate(all="ignore"):
            expected = eval(FORMULAS[formula], {**vars(math), "sp": sp, **spare, **known})
        assert float(g.evaluate(expr, names)) == pytest.approx(expected, rel=1e-12, abs=1e-13)


REFUSED = {
    r"{a \over b \over c}": "two of them",
    r"\left. x y \right|_0^1": "has x, y",
    r"\left. x \right|": "a place is missing",
    r"\left. x \right|_{2=x}": "a name stands before",
    r"\left. x \right|_0_1": "two places",
    r"(2n)!!": "double factorial",
    r"\mathbf{x}^T \mathbf{A}": "transpose",
    r"\frac{\partial f}{\partial x}": "depends on nothing",
    r"\sum_{i=1}^\infty \frac{1}{i^2}": "infinite sum",
    r"\forall x": "quantifier",
    r"a \equiv b \pmod n": "congruence",
    r"x \pm y": "± ?",
    r"x \sim y": "not read",
    r"\underbrace{x}_{y}": "brace",
    r"{n \choose }": "operand",
    r"{\over b}": "operand",
    r"\right| x": "operand|\\|",
}


@pytest.mark.parametrize("formula", REFUSED)
def test_refusals_have_a_column_and_a_hint(formula):
    with pytest.raises(GraphcError, match=REFUSED[formula]) as caught:
        g.parse_latex(formula)
    assert "(column " in caught.value.message and caught.value.hint
