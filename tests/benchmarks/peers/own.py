"""graphc's side of the benchmarks."""

from __future__ import annotations

import numpy as np

import graphc as g
from tests.benchmarks.formulas import POINT, random_program
from tests.benchmarks.worker import serve


def log_sigmoid():
    x, w, b = g.symbols("x w b")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    return g.compile(g.value_and_grad(loss, (x, w, b)), [x, w, b], cache=False)


def log_sigmoid_scalar():
    f = log_sigmoid()
    x, w, b = POINT
    return lambda: f(x, w, b)


def log_sigmoid_array():
    f = log_sigmoid()
    x, b = np.linspace(-2, 2, 1_000_000), np.linspace(-1, 1, 1_000_000)
    return lambda: f(x, -3.0, b)


def program(operations):
    names, rows = random_program(operations)
    values = dict(zip(names, g.symbols(names), strict=True))
    build = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "neg": lambda a: -a, "abs": g.abs,
        "square": lambda a: a * a, "add1": lambda a: 1.0 + a, "sin": g.sin, "cos": g.cos, "tanh": g.tanh, "atan": g.atan,
        "exp": g.exp, "sqrt": g.sqrt,
    }  # fmt: skip
    inputs = list(values.values())
    for target, operation, *operands in rows:
        values[target] = build[operation](*(values[operand] for operand in operands))
    return values[rows[-1][0]], inputs


def random_3000():
    f = g.compile(*program(3000), rewrite=None, cache=False)  # the code that the competitor runs
    return lambda: f(0.1, 0.2, 0.3, 0.4, 0.5)


if __name__ == "__main__":
    serve(
        {
            "log_sigmoid_scalar": log_sigmoid_scalar,
            "log_sigmoid_array": log_sigmoid_array,
            "random_3000": random_3000,
        }
    )
