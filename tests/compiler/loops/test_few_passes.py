"""Loops that run in step where lengths are small, against NumPy and complex steps, and against the loops one after the other."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops.exact_sums import exact_sums
from graphc.compiler.loops.few_passes import FEW, few_passes
from graphc.compiler.loops.parser import parse
from graphc.compiler.loops.program import For, walk_statements
from tests.compiler.loops.support import program_of, run_loops


class Shifted:
    """A random polynomial of slices of x and y that are shifted against each other, summed; the formula takes any arrays."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.reach = int(self.rng.integers(1, 4))
        self.terms = [self._term() for _ in range(self.rng.integers(1, 4))]

    def _term(self):
        factors = [
            (int(self.rng.integers(2)), int(self.rng.integers(self.reach + 1)), int(self.rng.integers(1, 3)))
            for _ in range(self.rng.integers(1, 4))
        ]
        return float(self.rng.normal()), float(self.rng.normal()), factors

    def inner(self, x, y):
        """What is added up: n − reach numbers."""
        total = None
        for scale, offset, factors in self.terms:
            term = None
            for which, start, power in factors:
                taken = (y if which else x)[start : start - self.reach or None] - offset
                taken = taken * taken if power == 2 else taken
                term = taken if term is None else term * taken
            term = scale * term
            total = term if total is None else total + term
        return total

    def __call__(self, module, x, y):
        return module.sum(self.inner(x, y))


def complex_step(formula, point, number):
    """The slopes of a formula by one of its arguments."""
    result = np.zeros(len(point[number]))
    for k in range(len(result)):
        moved = [each.astype(complex) for each in point]
        moved[number][k] += 1e-200j
        result[k] = formula(np, *moved).imag / 1e-200
    return result


def sizes(formula, point):
    """What the terms of a formula come to without signs: rounding errors are parts of that."""
    return max(1.0, float(np.sum(np.abs(formula.inner(*point)))), *(np.max(np.abs(each)) for each in point))


@pytest.mark.parametrize(
    "seed", [*range(8), *(pytest.param(k, marks=pytest.mark.slow) for k in range(8, 60))]
)
def test_random_sums_of_shifted_arrays_with_slopes(seed):
    formula = Shifted(seed)
    x, y = g.symbol("x", shape=("n",)), g.symbol("y", shape=("n",))
    value = formula(g, x, y)
    outputs = [value, *g.grad(value, [x, y])]
    few = few_passes(exact_sums(program_of(outputs, [x, y])))
    f = g.compile(outputs, [x, y], cache=False)
    assert f.address  # the C function runs below
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, *[ctypes.c_void_p] * 5)(f.address)
    for n in {formula.reach + 1, 3 + formula.reach, 11, FEW - 1, FEW, FEW + 1, FEW + 2, 70}:
        point = [np.random.default_rng(n + k).normal(size=n) for k in range(2)]
        right = [formula(np, *point), complex_step(formula, point, 0), complex_step(formula, point, 1)]
        bound = 200 * 2.0**-53 * sizes(formula, point) * max(1.0, *(np.max(np.abs(each)) for each in right))
        for mine, wanted in zip(f(*point), right, strict=True):
            assert np.max(np.abs(mine - wanted)) <= bound, n
        made = [np.zeros(()), np.zeros(n), np.zeros(n)]
        assert call(n, *(each.ctypes.data for each in (*point, *made))) == 0
        for mine, wanted in zip(made, right, strict=True):
            assert np.max(np.abs(mine - wanted)) <= bound, n
        if few is not None and n <= FEW:
            results = run_loops(few.program, {"x": point[0], "y": point[1]}, {"n": n})
            for mine, wanted in zip(results, right, strict=True):
                assert np.max(np.abs(mine - wanted)) <= bound, n


def rosenbrock(x):
    return g.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, FEW])
def test_slopes_have_the_bits_of_loops_one_after_the_other(n):
    x = g.symbol("x", shape=("n",))
    program = exact_sums(program_of([rosenbrock(x), g.grad(rosenbrock(x), x)], [x], rewrite="stable"))
    few = few_passes(program)
    assert few is not None
    whole = [each for each in few.program.body if isinstance(each, For)]
    assert not whole and not few.program.of_role("workspace")[1:]
    point = {"x": np.random.default_rng(n).normal(size=n)}
    value, slope = run_loops(program, point, {"n": n})
    sum_in_step, slope_in_step = run_loops(few.program, point, {"n": n})
    assert np.array_equal(slope, slope_in_step) and np.array_equal(
        np.signbit(slope), np.signbit(slope_in_step)
    )
    assert abs(value - sum_in_step) <= n * 2.0**-53 * abs(value)


def test_special_values():
    x = g.symbol("x", shape=("n",))
    f = g.compile([rosenbrock(x), g.grad(rosenbrock(x), x)], [x], cache=False)
    for special in (np.nan, np.inf, -np.inf, -0.0, 1e200):
        for place in (0, 2, 4):
            point = np.ones(5)
            point[place] = special
            with np.errstate(all="ignore"):
                total = np.sum(100 * (point[1:] - point[:-1] ** 2) ** 2 + (1 - point[:-1]) ** 2)
            assert np.array_equal(f(point)[0], total, equal_nan=True)


APART = {
    "reads ahead": """
  result r: float64[n]
  workspace k: float64[n + 1]
  for i < n + 1 free:
    k[i] = x[i] * x[i]
  for j < n free:
    r[j] = k[j + 1] - k[j]
""",
    "waits for the sum": """
  result r: float64[n]
  reduce s: float64 = sum compensated:
    for i < n + 1 fixed:
      s <- x[i]
  for j < n free:
    r[j] = x[j] * s
""",
    "waits for what is made of the sum": """
  result r: float64[n]
  workspace k: float64[]
  reduce s: float64 = sum compensated:
    for i < n + 1 fixed:
      s <- x[i]
  k[] = s * s
  for j < n free:
    r[j] = x[j] * k[]
""",
    "writes again": """
  result r: float64[n]
  workspace k: float64[n]
  for i < n free:
    k[i] = x[i] * x[i]
  for j < n free:
    r[j] = k[j]
    k[j] = 2.0 * x[j + 1]
""",
    "dear": """
  result r: float64[n]
  result s: float64[n + 1]
  for i < n + 1 free:
    s[i] = exp(x[i])
  for j < n free:
    r[j] = s[j]
""",
    "turned": """
  result r: float64[n + 1]
  workspace k: float64[n + 1]
  for i < n + 1 free:
    k[i] = x[i] * x[i]
  for j < n + 1 free:
    r[j] = k[-j + n]
""",
}


@pytest.mark.parametrize("name", APART)
def test_what_may_not_run_in_step_does_not(name):
    assert few_passes(parse("program f(n):\n  input x: float64[n + 1]" + APART[name])) is None


def test_what_is_long_for_every_length_has_no_such_program():
    body = """
  result r: float64[n + 40]
  result s: float64[n]
  for i < n + 40 free:
    r[i] = x[i] * x[i]
  for j < n free:
    s[j] = r[j] - x[j + 1]
"""
    assert few_passes(parse("program f(n):\n  input x: float64[n + 40]" + body)) is None
    assert (
        few_passes(parse(("program f(n):\n  input x: float64[n + 40]" + body).replace("40", "4"))) is not None
    )


def test_what_is_behind_a_pass_is_read_in_step():
    program = parse(
        """program f(n):
  input x: float64[n + 1]
  result r: float64[n + 1]
  result s: float64[n]
  workspace k: float64[n + 1]
  for i < n + 1 free:
    k[i] = x[i] * x[i]
  for j < n free:
    s[j] = k[j] - x[j + 1]
  for m < n + 1 free:
    r[m] = (k[m - 1] if m - 1 >= 0) + k[m]
"""
    )
    few = few_passes(program)
    assert few is not None
    assert all(each.role != "workspace" or each.shape == (FEW,) for each in few.program.buffers)
    assert max(len(each.body) for each in walk_statements(few.program.body) if isinstance(each, For)) >= 3
    for n in (1, 2, 5, FEW - 1):
        point = {"x": np.random.default_rng(n).normal(size=n + 1)}
        for mine, right in zip(
            run_loops(few.program, point, {"n": n}), run_loops(program, point, {"n": n}), strict=True
        ):
            assert np.array_equal(mine, right)
