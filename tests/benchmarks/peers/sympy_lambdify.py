"""SymPy's lambdify with common subexpressions eliminated: derivative and code by SymPy."""

from __future__ import annotations

import numpy as np
import sympy

from tests.benchmarks.formulas import POINT
from tests.benchmarks.worker import serve


def log_sigmoid(modules):
    x, w, b = sympy.symbols("x w b")
    loss = sympy.log(1 / (sympy.exp(-(x * w + b)) + 1))
    gradient = tuple(sympy.diff(loss, symbol) for symbol in (x, w, b))
    return sympy.lambdify((x, w, b), (loss, gradient), modules=modules, cse=True)


def log_sigmoid_scalar():
    f = log_sigmoid("math")
    x, w, b = POINT
    return lambda: f(x, w, b)


def log_sigmoid_array():
    f = log_sigmoid("numpy")
    x, b = np.linspace(-2, 2, 1_000_000), np.linspace(-1, 1, 1_000_000)
    return lambda: f(x, -3.0, b)


if __name__ == "__main__":
    serve({"log_sigmoid_scalar": log_sigmoid_scalar, "log_sigmoid_array": log_sigmoid_array})
