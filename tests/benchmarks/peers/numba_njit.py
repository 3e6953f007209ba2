"""The same straight-line code through Numba's own front end."""

from __future__ import annotations

import math

import numba

from tests.benchmarks.formulas import random_program, source
from tests.benchmarks.worker import serve


def random_3000():
    space = {"math": math}
    exec(source(*random_program(3000), module="math."), space)  # the benchmark's own text
    f = numba.njit(space["f"])
    return lambda: f(0.1, 0.2, 0.3, 0.4, 0.5)


if __name__ == "__main__":
    serve({"random_3000": random_3000})
