"""Printed forms: exact text, exact LaTeX, bounded length, and text that reads back as the same expression."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.ir.printer import format_number, latex_escape, latex_name, latex_number, render
from tests.strategies import expressions

x, y, z = g.symbols("x y z")
p, q, r = g.symbols("p q r", dtype="bool")

TEXTS = {
    "x + y + z": x + y + z,
    "x + (y + z)": x + (y + z),
    "x - (y - z)": x - (y - z),
    "x - y - z": x - y - z,
    "x*y*z": x * y * z,
    "x*(y*z)": x * (y * z),
    "x/y/z": x / y / z,
    "x/(y*z)": x / (y * z),
    "x*y + z": x * y + z,
    "x*(y + z)": x * (y + z),
    "-x": -x,
    "--x": -(-x),
    "-(x + y)": -(x + y),
    "-x**2": -(x**2),
    "(-x)**2": (-x) ** 2,
    "x**y**z": x ** (y**z),
    "(x**y)**z": (x**y) ** z,
    "x**-y": x ** (-y),
    "2**x": 2**x,
    "(-2)**x": (-2) ** x,
    "x*-2": x * -2,
    "x - -2": x - (-2),
    "-2*x": -2 * x,
    "x // y % z": x // y % z,
    "x < y": x < y,
    "(x < y) & (y < z)": (x < y) & (y < z),
    "p | q & r": p | (q & r),
    "(p | q) & r": (p | q) & r,
    "p ^ q": p ^ q,
    "~p": ~p,
    "~(p & q)": ~(p & q),
    "x == y": g.equal(x, y),
    "(x < y) == p": g.equal(x < y, p),
    "where(x > 0, log(x), 0)": g.where(x > 0, g.log(x), 0),
    "astype(x, float32)": x.astype("float32"),
    "sin(cos(x))": g.sin(g.cos(x)),
    "exp(-(x*y + z))": g.exp(-(x * y + z)),
    "x + 0.1": x + 0.1,
    "x + 2": x + 2.0,
    "x + -0.0": x + -0.0,
    "x + inf": x + math.inf,
    "x + nan": x + math.nan,
    "x + 1e+300": x + 1e300,
}


@pytest.mark.parametrize("text", TEXTS)
def test_text(text):
    assert str(TEXTS[text]) == text


LATEX = {
    r"x \cdot y + z": x * y + z,
    r"x \cdot \left(y + z\right)": x * (y + z),
    r"\frac{x + 1}{y}": (x + 1) / y,
    r"{x}^{2}": x**2,
    r"{\left(x + 1\right)}^{y + 1}": (x + 1) ** (y + 1),
    r"{\left(\frac{x}{y}\right)}^{2}": (x / y) ** 2,
    r"\sqrt{x}": g.sqrt(x),
    r"\sqrt[{3}]{x}": g.cbrt(x),
    r"e^{x + y}": g.exp(x + y),
    r"-\left(x + y\right)": -(x + y),
    r"\left|x\right|": abs(x),
    r"\sin\left(x\right)": g.sin(x),
    r"x \le y": x <= y,
    r"1.5 \cdot 10^{300} \cdot x": 1.5e300 * x,
}


@pytest.mark.parametrize("latex", LATEX)
def test_latex(latex):
    assert render(LATEX[latex], latex=True) == latex


def test_latex_of_a_branch():
    latex = g.where(x > 0, x, 0)._repr_latex_()
    assert latex.startswith(r"$\displaystyle \begin{cases}")
    assert r"x & x > 0" in latex
    assert latex.endswith(r"\end{cases}$")


@given(st.floats())
def test_numbers_read_back(value):
    text = format_number(value)
    again = float(text)
    assert again == value or (math.isnan(again) and math.isnan(value))
    assert math.copysign(1, again) == math.copysign(1, value) or math.isnan(value)
    assert len(text) <= 25


@given(st.floats(width=32))
def test_single_precision_numbers_are_as_short_as_their_type_allows(value):
    text = format_number(np.float32(value))
    again = np.float32(text)
    assert again == np.float32(value) or np.isnan(again)
    assert len(text) <= len("-1000000050000000.0")  # written out in full below 1e16


def test_numbers():
    for value, text in [
        (2.0, "2"), (0.1, "0.1"), (np.float32(0.1), "0.1"), (-0.0, "-0.0"), (True, "True"), (np.bool_(False), "False"),
        (7, "7"), (np.int8(-7), "-7"), (1e15, "1000000000000000.0"), (1e16, "1e+16"), (123456789.0, "123456789"),
        (5e-324, "5e-324"),
    ]:  # fmt: skip
        assert format_number(value) == text
    assert latex_number(1e-7) == r"1 \cdot 10^{-7}" or latex_number(1e-7) == r"1.0 \cdot 10^{-7}"
    assert latex_number(-math.inf) == r"-\infty"


def test_names_in_latex():
    for name, latex in [
        ("x", "x"), ("theta", r"\theta"), ("theta_12", r"\theta_{12}"), ("w1", "w_{1}"), ("w_in", "w_{in}"),
        ("rate", r"\mathrm{rate}"), ("a b", r"\mathrm{a b}"), ("a_b_c", "a_{b,c}"), ("Omega2", r"\Omega_{2}"),
        ("β_1", r"\beta_{1}"), ("δ₁", r"\delta_{1}"), ("x_max_i", r"x_{\mathrm{max},i}"), ("w1_2", "w_{1,2}"),
        ("x_alpha", r"x_{\alpha}"), ("ש_1", "ש_{1}"), ("é1", "é_{1}"), ("x'", "x'"), ("rate_of_x_1", r"\mathrm{rate\_of\_x\_1}"),
    ]:  # fmt: skip
        assert latex_name(name) == latex


def test_hostile_names_are_escaped():
    text = latex_escape(r"\input{x}$&#_%^~")
    for character in "$&#%":
        assert text.count("\\" + character) == text.count(character)
    assert "\\input" not in text
    hostile = g.symbol(r"\end{document} $x$ _ % & #")
    assert r"\end{" not in hostile._repr_latex_()
    assert str(g.symbol('<b>"x')) == '<b>"x'


def test_length_is_bounded_where_sharing_would_explode():
    shared = x
    for _ in range(200):
        shared = shared * shared
    for text in (str(shared), repr(shared), render(shared, latex=True, budget=500)):
        assert len(text) < 20_000
    assert "…" in repr(shared)
    assert len(repr(shared)) < 2000
    assert r"\ldots" in render(shared, latex=True, budget=500)


def test_a_long_sum_is_shortened():
    total = x
    for _ in range(5000):
        total = total + y
    assert "…" in str(total)
    assert len(str(total)) < 40_000


def test_arrays_are_summarised():
    assert str(x * np.ones((2, 3))) == "x*array<2×3>"
    assert "array<2x3>" in (x * np.ones((2, 3)))._repr_latex_()


def test_text_reads_back_as_the_same_expression():
    """Of float64 and bool graphs: other dtypes are not part of the text."""

    def check(drawn):
        output, _ = drawn
        nodes = g.Graph(output).exprs
        if any(node.dtype.name not in ("float64", "bool", "int64") or node.shape for node in nodes):
            return
        if any(node.is_symbol and node.dtype.name != "float64" for node in nodes):
            return
        if any(node.op.name == "astype" or (node.is_constant and not plain(node.value)) for node in nodes):
            return
        text = render(output, budget=3000)
        if "…" in text:
            return
        seen.append(text)
        assert g.parse(text) is output

    def plain(value):
        return value.dtype.name == "float64" and np.isfinite(value)

    seen: list[str] = []
    settings(max_examples=300)(given(expressions(mixed=False, most=6))(check))()
    assert len(seen) > 100
