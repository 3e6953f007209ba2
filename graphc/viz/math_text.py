"""Formulas in two forms at once: the text of a terminal and LaTeX, put together from the same pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from graphc.ir.formatting import matrix_cells, show_value
from graphc.ir.printer import latex_name, render
from graphc.viz.derivative_names import DerivativeName, read_derivative

_SHORT = 3
"""A vector of so many elements is shown with each of them in as few places as it has."""


class Math(NamedTuple):
    """One formula as text and as LaTeX."""

    text: str
    latex: str


def named(name: str) -> Math:
    """A name, of a derivative as well.

    >>> named("∂²L/∂w∂b").latex
    '\\\\frac{\\\\partial^2 L}{\\\\partial w\\\\,\\\\partial b}'
    """
    derivative = read_derivative(name)
    return Math(name, latex_name(name)) if derivative is None else Math(name, _fraction(derivative))


def _fraction(derivative: DerivativeName) -> str:
    order = len(derivative.under)
    power = f"^{order}" if order > 1 else ""
    below = [
        rf"\partial {latex_name(name)}" + (f"^{{{count}}}" if (count := len(list(same))) > 1 else "")
        for name, same in groupby(derivative.under)
    ]
    under = r"\,".join(below)
    return rf"\frac{{\partial{power} {latex_name(derivative.over)}}}{{{under}}}"


def formula(expr: Any) -> Math:
    """An expression, shortened where it is long."""
    return Math(render(expr, budget=400), render(expr, latex=True, budget=800))


def number(value: Any, digits: int) -> Math:
    """A number or array, rounded for the eye; a small matrix or vector with all its elements.

    >>> number([[1, -2], [0, 0.5]], 3)
    Math(text='[1.0 −2.0; 0.0 0.5]', latex='\\\\begin{bmatrix}1.0 & -2.0 \\\\\\\\ 0.0 & 0.5\\\\end{bmatrix}')
    >>> number([1, 2, 3, 4.5], 3).text
    '[1.0, 2.0, 3.0, 4.5]'
    """
    if np.ndim(value) == 1:
        row = matrix_cells(np.reshape(value, (1, -1)), digits)
        text = show_value(value, digits) if row is None or len(row[0]) <= _SHORT else f"[{', '.join(row[0])}]"
        return Math(text, _latex_value(text))
    cells = matrix_cells(value, digits)
    if cells is not None:
        rows = r" \\ ".join(" & ".join(map(_latex_value, row)) for row in cells)
        text = "; ".join(" ".join(row) for row in cells)
        return Math(f"[{text}]", rf"\begin{{bmatrix}}{rows}\end{{bmatrix}}")
    text = show_value(value, digits)
    return Math(text, _latex_value(text))


def derivative(over: str, under: str) -> Math:
    """∂over/∂under.

    >>> derivative("L", "w1")
    Math(text='∂L/∂w1', latex='\\\\frac{\\\\partial L}{\\\\partial w_{1}}')
    """
    known = (read_derivative(over) or DerivativeName(over, ())).by(under)
    return Math(known.text(), _fraction(known))


def joined(text: str, latex: str, parts: Iterable[Math]) -> Math:
    """Several formulas with a separator in each form."""
    listed = list(parts)
    return Math(text.join(part.text for part in listed), latex.join(part.latex for part in listed))


def equal(*parts: Math) -> Math:
    """A chain of equations."""
    return joined(" = ", " = ", parts)


def noted(line: Math, note: str) -> Math:
    """A line with a remark behind it."""
    return Math(f"{line.text}  ({note})", rf"{line.latex} \quad\text{{({note})}}")


def bracketed(part: Math) -> Math:
    return Math(f"({part.text})", rf"\left({part.latex}\right)")


def _after_sign(part: Math) -> Math:
    return bracketed(part) if part.text.startswith(("−", "-")) else part


def product(left: Math, right: Math) -> Math:
    """left × right; a negative right side in brackets."""
    return joined(" × ", r" \cdot ", [left, _after_sign(right)])


def total(terms: Iterable[Math]) -> Math:
    """The sum of terms; negative ones in brackets."""
    first, *rest = terms
    return joined(" + ", " + ", [first, *map(_after_sign, rest)])


_SIGNS = {"−": "-", "×": r"\times ", "∞": r"\infty ", "…": r"\ldots ", "NaN": r"\mathrm{NaN}"}

_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def _latex_value(text: str) -> str:
    """What `show_value` gives, in LaTeX.

    >>> _latex_value("−1.5×10⁻⁷")
    '-1.5\\\\times 10^{-7}'
    """
    text = re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda match: f"^{{{match[0].translate(_SUPERSCRIPTS)}}}", text)
    for sign, latex in _SIGNS.items():
        text = text.replace(sign, latex)
    return re.sub(r"\b(True|False|empty|all|about)\b", r"\\text{\1 }", text)
