"""`g.parse_latex`: formulas as textbooks print them against the same written in Python, and what is refused where."""

# ruff: noqa: E501  a row of a table is a line

import numpy as np
import pytest
from numpy import cos, exp, log, pi, sin, sqrt, tan

import graphc as g
from graphc.errors import GraphcError, ParseError, UnknownNameError

X = {"x": 0.7, "y": 1.3, "z": 0.4, "t": 0.9, "a": 1.7, "b": 2.3, "c": 0.6, "n": 3.0, "k": 2.0, "m": 1.1, "r": 1.9, "alpha": 0.8, "beta": 1.2, "mu": 0.3,
     "sigma": 1.4, "theta": 0.5, "lambda": 0.35, "omega": 2.1, "x_1": 0.2, "x_2": 1.5, "x_3": 2.5, "x_0": 0.1, "x_ij": 3.5, "E_0": 1.6, "v": 0.45, "T": 1.25,
     "p": 0.3, "q": 0.65, "phi": 1.05, "hbar": 1.15, "gamma": 0.55, "w_1": 0.15, "w_2": 0.25, "w_3": 0.6, "h": 0.77, "u": 0.33, "d": 2.2, "g": 9.81, "R": 1.35}  # fmt: skip
x, y, z, t, a, b, c, n, k, m, r = (X[v] for v in "x y z t a b c n k m r".split())
mu, s, th, lam, om, al, be, v, T, p, q, u, h = (
    X[w] for w in "mu sigma theta lambda omega alpha beta v T p q u h".split()
)

FORMULAS = [
    (r"\frac{1}{1+e^{-x}}", 1 / (1 + exp(-x))), (r"x^2 + y^2", x**2 + y**2), (r"\sqrt{x^2+y^2}", sqrt(x**2 + y**2)), (r"\frac{a+b}{c}", (a + b) / c),
    (r"\frac12", 0.5), (r"\frac ab", a / b), (r"\tfrac{1}{2}mv^2", m * v**2 / 2), (r"2xy", 2 * x * y), (r"2\cdot 3", 6), (r"a \times b", a * b),
    (r"a/b/c", a / b / c), (r"a \div b", a / b), (r"-x", -x), (r"-x^2", -(x**2)), (r"(-x)^2", x**2), (r"x^{-1}", 1 / x), (r"x^{y+1}", x ** (y + 1)),
    (r"x^{y^z}", x ** (y**z)), (r"2^{10}", 1024), (r"1.5x", 1.5 * x), (r"x - y - z", x - y - z), (r"x-(y-z)", x - (y - z)), (r"\sqrt[3]{x}", x ** (1 / 3)),
    (r"\sqrt[4]{x}", x**0.25), (r"\sqrt 2", sqrt(2)), (r"\sin x", sin(x)), (r"\sin(x)", sin(x)), (r"\sin^2 x", sin(x) ** 2), (r"\sin x y", sin(x * y)),
    (r"\sin 2x", sin(2 * x)), (r"\sin(x) y", sin(x) * y), (r"\sin x \cos y", sin(x) * cos(y)), (r"\sin x + y", sin(x) + y), (r"\cos^{2}(\theta)", cos(th) ** 2),
    (r"\tan\frac{x}{2}", tan(x / 2)), (r"\sin^{-1} x", np.arcsin(x)), (r"\arctan x", np.arctan(x)), (r"\sec x", 1 / cos(x)), (r"\sinh x \cosh x", np.sinh(x) * np.cosh(x)),
    (r"\ln x", log(x)), (r"\ln(1+x)", log(1 + x)), (r"\log_2 n", np.log2(n)), (r"\log_{10} n", np.log10(n)), (r"\log_b a", log(a) / log(b)), (r"\ln x^2", log(x**2)),
    (r"\ln\sin x", log(sin(x))), (r"e^x", exp(x)), (r"e^{x+y}", exp(x + y)), (r"\exp(-x)", exp(-x)), (r"e", np.e), (r"2\pi r", 2 * pi * r),
    (r"\pi r^2", pi * r**2), (r"|x-y|", abs(x - y)), (r"\left|x-y\right|", abs(x - y)), (r"\lvert x - y\rvert", abs(x - y)), (r"|x-|y||", abs(x - abs(y))),
    (r"\lfloor 3x \rfloor", np.floor(3 * x)), (r"\lceil 3x\rceil", np.ceil(3 * x)), (r"n!", 6), (r"\frac{x^n}{n!}", x**n / 6), (r"\binom{n}{k}", 3), (r"\max(x, y)", max(x, y)),
    (r"\min(x,y,z)", min(x, y, z)), (r"x_1 + x_2", X["x_1"] + X["x_2"]), (r"x_{ij}^2", 3.5**2), (r"\alpha\beta", al * be), (r"E_0", 1.6), (r"\mathbf{x}y", x * y),
    (r"\mathrm{x} + 1", x + 1), (r"\operatorname{erf}(0)", 0), (r"\operatorname{sech} x", 1 / np.cosh(x)), (r"\mathrm{sgn}(x)", 1), (r"\left(\frac{x}{y}\right)^2", (x / y) ** 2),
    (r"\left[ x + y \right] z", (x + y) * z), (r"\{x+y\}z", (x + y) * z), (r"\sum_{i=1}^{3} i", 6), (r"\sum_{i=1}^{3} x_i", 4.2), (r"\sum_{i=1}^{3} w_i x_i", 0.15 * 0.2 + 0.25 * 1.5 + 0.6 * 2.5),
    (r"\sum_{k=0}^{4} \frac{x^k}{k!}", sum(x**j / [1, 1, 2, 6, 24][j] for j in range(5))), (r"\prod_{k=1}^{4} (x+k)", np.prod([x + j for j in range(1, 5)])),
    (r"\sum_{i=1}^2 \sum_{j=1}^3 i j", 18), (r"\sum_{n=1}^{3} n^2 + 1", 15), (r"\frac{d}{dx} x^3", 3 * x**2), (r"\frac{d}{dx} \sin(x)", cos(x)), (r"\frac{d^2}{dx^2} x^3", 6 * x),
    (r"\frac{\partial}{\partial x} (x^2 y)", 2 * x * y), (r"\frac{\partial^2}{\partial x \partial y} (x^2 y^2)", 4 * x * y), (r"\frac{\mathrm{d}}{\mathrm{d}x} e^{2x}", 2 * exp(2 * x)),
    (r"\frac{\partial (x^2+y)}{\partial x}", 2 * x), (r"\begin{cases} x & x > 0 \\ -x & \text{otherwise} \end{cases}", x), (r"\begin{cases} x^2, & x < 0 \\ y, & 0 \le x < 1 \\ z, & x \ge 1 \end{cases}", y),
    (r"\begin{cases} 1 & \text{if } x = y \\ 2 & \text{else}\end{cases}", 2), (r"\frac{1}{\sigma\sqrt{2\pi}} e^{-\frac{(x-\mu)^2}{2\sigma^2}}", exp(-((x - mu) ** 2) / (2 * s**2)) / (s * sqrt(2 * pi))),
    (r"\frac{-b + \sqrt{b^2 - 4ac}}{2a}", (-b + sqrt(b * b - 4 * a * c)) / (2 * a)),
    (r"\lambda e^{-\lambda x}", lam * exp(-lam * x)), (r"\frac{\lambda^k e^{-\lambda}}{k!}", lam**2 * exp(-lam) / 2), (r"\binom{n}{k} p^k (1-p)^{n-k}", 3 * p**2 * (1 - p)),
    (r"A \cos(\omega t + \varphi)".replace("A", "a").replace(r"\varphi", r"\phi"), a * cos(om * t + X["phi"])), (r"e^{-\gamma t}\sin \omega t", exp(-0.55 * t) * sin(om * t)),
    (r"\frac{\hbar^2 k^2}{2m}", 1.15**2 * k**2 / (2 * m)), (r"\frac{1}{e^{\hbar\omega/T} - 1}", 1 / (exp(1.15 * om / T) - 1)), (r"\frac{1}{\sqrt{1 - v^2/c^2}}", 1 / sqrt(1 - v**2 / c**2)),
    (r"4a\left[\left(\frac{b}{r}\right)^{12} - \left(\frac{b}{r}\right)^6\right]", 4 * a * ((b / r) ** 12 - (b / r) ** 6)), (r"-p\ln p - q\ln q", -p * log(p) - q * log(q)),
    (r"\ln\frac{p}{1-p}", log(p / (1 - p))), (r"\frac{e^x - e^{-x}}{e^x + e^{-x}}", np.tanh(x)), (r"x_0 + vt + \frac12 a t^2", 0.1 + v * t + a * t**2 / 2), (r"\sqrt{a^2 + b^2 - 2ab\cos\gamma}", sqrt(a * a + b * b - 2 * a * b * cos(0.55))),
    (r"2\pi\sqrt{\frac{a}{g}}", 2 * pi * sqrt(a / 9.81)), (r"\frac{\sin x}{x}", sin(x) / x), (r"\frac{1}{1 + \frac{1}{1 + x}}", 1 / (1 + 1 / (1 + x))), (r"90^\circ", pi / 2), (r"\sin 30^{\circ}", 0.5),
    (r"x'", 4.25), (r"x \, y \; z \quad a", x * y * z * a), (r"\displaystyle\frac{x}{y}", x / y), (r"\dfrac{x}{y}", x / y), (r"x(y+z)", x * (y + z)), (r"(x+y)(x-y)", (x + y) * (x - y)),
    (r"\frac{n(n+1)}{2}", 6), (r"{x}^{2}", x**2), (r"x^2y^3", x**2 * y**3), (r"x^2 3", x**2 * 3), (r"\cos^2\theta - \sin^2\theta", cos(2 * th)), (r"a\cdot -b", -a * b), (r"+x", x), (r"\sqrt{\sqrt{x}}", x**0.25),
]  # fmt: skip
X["x_prime"] = 4.25


@pytest.mark.parametrize("text, value", FORMULAS, ids=[row[0] for row in FORMULAS])
def test_textbook_formulas(text, value):
    expr = g.parse_latex(text)
    at = {symbol.name: X[symbol.name] for symbol in g.free_symbols(expr)}
    result = float(g.evaluate(expr, at))
    if np.isnan(value):
        assert np.isnan(result)
    else:
        np.testing.assert_allclose(result, value, rtol=1e-13, atol=1e-15)


def test_there_are_as_many_as_promised():
    assert len({row[0] for row in FORMULAS}) >= 120


def test_arrays():
    A, x3 = g.symbol("A", shape=(2, 2)), g.symbol("x", shape=(3,))
    a = np.array([[1.0, 2.0], [3.0, 5.0]])
    w = np.array([1.0, 2.0, 2.0])
    np.testing.assert_allclose(g.evaluate(g.parse_latex(r"A^T A", [A]), {A: a}), a.T @ a)
    np.testing.assert_allclose(
        g.evaluate(g.parse_latex(r"A^{-1}", [A]), {A: a}), np.linalg.inv(a), rtol=1e-13
    )
    assert g.evaluate(g.parse_latex(r"\lVert x \rVert", [x3]), {x3: w}) == 3.0
    assert g.evaluate(g.parse_latex(r"\sum_{i=1}^{3} i x_i", [x3]), {x3: w}) == 1 + 4 + 6
    matrix = g.parse_latex(r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}^T")
    assert np.asarray(g.evaluate(matrix, {"a": 1, "b": 2, "c": 3, "d": 4})).tolist() == [[1, 3], [2, 4]]
    assert g.evaluate(
        g.parse_latex(r"\det\begin{bmatrix} a & 2 \\ 3 & 4 \end{bmatrix}"), {"a": 2}
    ) == pytest.approx(2, rel=1e-15)


NONSENSE = [
    ("", 1), ("x^", 3), ("{x", 3), ("x}", 2), (r"\frac{1}", 9), ("x)", 2), ("(x", 3), (r"\foo", 1), (r"\int x dx", 1), (r"\lim_{x\to 0} x", 1), ("x^2^3", 4), ("x__1", 3), ("2+*3", 3), ("x = y", 3),
    (r"\left( x \right]", 16), (r"\begin{cases} x \end{cases}", 17), (r"\begin{foo} x \end{foo}", 1), (r"\begin{pmatrix} a & b \\ c \end{pmatrix}", 1), (r"\sum_{i=1}^{1.5} i", 12), (r"\sum x", 6), (r"\sum_{i=3}^{1} i", 1),
    (r"\pm x", 1), ("$x$", 1), ("x @ y", 3), (r"\sin", 5), (r"\sin -x", 6), (r"\frac{d^{2}}{dx} x", 1), ("é", 1), (r"\exp^{-1} x", 1), ("|x", 3), (r"\sqrt", 6), ("1" * 500, 1), (r"x_{+}", 4), (r"\nabla f", 1), ("a, b", 2),
]  # fmt: skip


@pytest.mark.parametrize("text, column", NONSENSE)
def test_nonsense_gives_a_column_and_a_hint(text, column):
    with pytest.raises(ParseError, match=rf"\(column {column}\)") as caught:
        g.parse_latex(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "{",
        r"\sqrt{",
        r"\frac{1}{",
        "|",
        r"\sin(",
        "x^{",
        "-",
        r"\left(",
        r"\ln ",
        "x_{",
        r"\sum_{i=1}^{9}",
    ],
)
@pytest.mark.parametrize("times", [50, 6000])
def test_depth_and_length_are_bounded(piece, times):
    with pytest.raises(ParseError):
        g.parse_latex(piece * times)


def test_names():
    with pytest.raises(UnknownNameError, match="column 5"):
        g.parse_latex("x + y", "x")
    assert g.parse_latex("e + x", "e x").operands[0].name == "e"
    with pytest.raises(GraphcError):
        g.parse_latex(3)


def long(text, at, **arrays):
    """The value of a formula with a loop in it, by machine code."""
    symbols = [g.symbol(name, shape=np.shape(value)) for name, value in arrays.items()]
    names = [g.symbol(name) for name in at]
    return g.compile(g.parse_latex(text, [*symbols, *names]), [*symbols, *names])(
        *arrays.values(), *at.values()
    )


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        (r"\sum_{i=1}^{n} x^i", {"x": 0.5, "n": 6.0}, sum(0.5**k for k in range(1, 7))),
        (r"\prod_{k=1}^n (1+\frac{x}{k})", {"x": 0.5, "n": 4.0}, np.prod(1 + 0.5 / np.arange(1, 5))),
        (r"\sum_{i=m}^{2n-1} i", {"m": 3.0, "n": 4.0}, 3 + 4 + 5 + 6 + 7),
        (r"\sum_{i=0}^{3000} \cos(i x)", {"x": 0.1}, np.cos(0.1 * np.arange(3001)).sum()),
        (r"\sum_{i=1}^{n}\sum_{j=1}^{i} x^j", {"x": 0.5, "n": 5.0}, sum(0.5**b for a in range(6) for b in range(1, a + 1))),
        (r"\sum_{i=1}^{n} i + i", {"n": 3.0, "i": 10.0}, 16.0),
        (r"\sum_{i=1}^{n} x", {"x": 2.0, "n": 0.0}, 0.0),
    ],
)  # fmt: skip
def test_sums_up_to_symbols_and_long_ones_are_loops(text, at, wanted):
    assert long(text, at) == pytest.approx(wanted, rel=1e-12)


def test_elements_of_declared_arrays_in_loops():
    a, A = np.arange(6.0) + 1, np.arange(12.0).reshape(3, 4)
    assert long(r"\sum_{i=1}^{n} a_i x^i", {"x": 0.5, "n": 6.0}, a=a) == pytest.approx(
        sum(a[k] * 0.5 ** (k + 1) for k in range(6))
    )
    assert long(r"\sum_{i=1}^{n}\sum_{j=1}^{m} A_{ij}", {"n": 3.0, "m": 4.0}, A=A) == A.sum()


@pytest.mark.parametrize(
    ("text", "said"), [(r"\sum_{i=1}^{n} a_i", "a has an element for each step"), (r"\sum_{i=1}^{1.5} x", "no whole number")]
)  # fmt: skip
def test_loops_that_say_nothing(text, said):
    with pytest.raises(ParseError, match=said) as caught:
        g.parse_latex(text)
    assert caught.value.hint
