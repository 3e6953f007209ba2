"""Functions of whole arrays called by code that Numba compiles."""

from __future__ import annotations

import gc

import numba
import numpy as np
import pytest

import graphc as g
from graphc.errors import CompileError, GraphcError
from graphc.ir.expr import apply
from graphc.ir.op import all_ops
from tests.compiler.loops.support import assert_close
from tests.ops.array_cases import CASES

EPS = float(np.finfo(np.float64).eps)


def rosenbrock():
    x, s = g.symbol("x", shape=("n",)), g.symbol("s")
    loss = g.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2) * s
    return g.compile([loss, [g.grad(loss, x)]], [x, s])


@pytest.mark.parametrize("use", ["global", "argument"])
def test_a_loop_of_calls(use):
    f = rosenbrock()

    def descend(function, x, steps):
        value = 0.0
        for _ in range(steps):
            value, (gradient,) = function(x, 1)
            x = x - 1e-3 * gradient
        return value, x

    if use == "global":
        inner = numba.njit(lambda x: f(x, 1.0))

        def step(x, _):
            return inner(x)

        function = step
        value, x = descend(function, np.array([-1.0, 1.0, 0.5]), 20)
    else:
        value, x = numba.njit(descend)(f, np.array([-1.0, 1.0, 0.5]), 20)
    right, wanted = descend(f, np.array([-1.0, 1.0, 0.5]), 20)
    assert value == pytest.approx(right, rel=1e-14) and np.allclose(x, wanted, rtol=1e-14)


def test_it_lives_as_long_as_what_was_compiled_with_it():
    def caller():
        f = rosenbrock()
        return numba.njit(lambda x: f(x, 2.0)[0])

    call = caller()
    before = call(np.array([0.0, 1.0]))
    gc.collect()
    rosenbrock()
    assert call(np.array([0.0, 1.0])) == before == 202.0


@pytest.mark.parametrize(
    "op",
    ["matmul", "solve", "concat", "argmax", "softmax", "cumsum", "at_add", "one_hot", "reshape", "conv2d"],
)
def test_operations(op):
    case = next(case for case in CASES if case.op == op)
    symbols, point = case.symbols(case.named), case.point()
    f = g.compile(case.build(*symbols), list(symbols))
    arguments = [np.ascontiguousarray(point[symbol.name]) for symbol in symbols]
    values = tuple(value if value.ndim else value.item() for value in arguments)
    result = numba.njit(lambda values: f(*values))(values)
    assert_close(result, np.asarray(f(*arguments)), EPS)


ELEMENTS = [
    op for op in all_ops() if not op.on_arrays and not op.is_leaf and op.name not in ("astype", "polygamma")
]
"""Those that take operands alone."""


@pytest.mark.sample(12)
@pytest.mark.parametrize("op", ELEMENTS, ids=lambda op: op.name)
def test_operations_on_elements_take_arrays(op):
    count = next(k for k in (2, 1, 3, 4, 5) if op.takes(k))
    symbols = [g.symbol(f"numba_{k}", shape=("n",)) for k in range(count)]
    try:
        made = apply(op, *symbols)
    except GraphcError:  # of truth values, of which the first operand may be one
        made = apply(op, *(symbol > 0.5 for symbol in symbols))
    f = g.compile([made, [sum(symbols) * 2.0]], symbols)
    point = [np.linspace(0.2, 0.9, 7) + 0.1 * k for k in range(count)]
    wanted = f(*point)
    values = tuple(point)
    result, (twice,) = numba.njit(lambda values: f(*values))(values)
    np.testing.assert_array_equal(result, wanted[0])
    np.testing.assert_array_equal(twice, wanted[1][0])


def test_formulas_of_elements_with_constants_numbers_and_two_axes():
    x, y, s = g.symbol("x", shape=(3,)), g.symbol("y", shape=("m", 3)), g.symbol("s")
    f = g.compile((s * x + np.array([1.0, 2.0, 3.0]), y - x, s + 1), [x, y, s])
    point = (np.array([4.0, 5.0, 6.0]), np.arange(6.0).reshape(2, 3), 0.5)
    for result, wanted in zip(numba.njit(lambda x, y, s: f(x, y, s))(*point), f(*point), strict=True):
        np.testing.assert_array_equal(result, wanted)
    row = g.compile(s * g.constant(np.array([1.0, 2.0])), [s])
    assert numba.njit(lambda s: row(s))(3.0).tolist() == [3.0, 6.0]
    with pytest.raises(ValueError, match="has the shape"):
        numba.njit(lambda x, y, s: f(x, y, s))(np.ones(4), point[1], 0.5)


def test_a_function_of_numbers_says_that_it_got_an_array():
    x = g.symbol("x")
    f = g.compile(g.exp(x) * 2, [x])
    assert numba.njit(lambda x: f(x))(0.0) == 2.0
    with pytest.raises(CompileError, match="takes numbers"):
        numba.njit(lambda x: f(x))(np.ones(3))


def test_types_and_constants():
    k, p = g.symbol("k", shape=("n",), dtype="int32"), g.symbol("p", dtype="bool")
    table = g.constant(np.array([1.5, 2.5]))
    f = g.compile((g.sum(k), g.sum(table) * g.astype(p, "float64"), k > 1), [k, p])
    total, number, mask = numba.njit(lambda k, p: f(k, p))(np.array([1, 2, 3], np.int32), True)
    assert total == 6 and number == 4.0 and mask.dtype == bool and mask.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("shape", "vector"), [((3, 3), 4), ((3, 2), 3), ((2, 3), 2)], ids=["vector", "narrow", "wide"]
)
def test_lengths_that_do_not_fit_raise(shape, vector):
    S, b = g.symbol("S", shape=("n", "n")), g.symbol("b", shape=("n",))
    f = g.compile(g.solve(S, b), [S, b])
    call = numba.njit(lambda S, b: f(S, b))
    assert call(2 * np.eye(3), np.ones(3)).tolist() == [0.5] * 3
    with pytest.raises(ValueError, match="has the shape"):
        call(np.ones(shape), np.ones(vector))
    with pytest.raises(ValueError, match="singular"):
        call(np.ones((3, 3)), np.ones(3))


def test_places_outside_of_an_axis_raise():
    x, i = g.symbol("x", shape=("n",)), g.symbol("i", shape=("m",), dtype="int64")
    f = g.compile(x[i], [x, i])
    call = numba.njit(lambda x, i: f(x, i))
    assert call(np.arange(3.0), np.array([2, -3])).tolist() == [2.0, 0.0]
    with pytest.raises(ValueError, match="outside of axis 0"):
        call(np.arange(3.0), np.array([3]))


def test_what_does_not_fit_is_said_where_numba_compiles():
    f = rosenbrock()
    call = numba.njit(lambda x: f(x, 1.0))
    for bad, words in (
        (np.ones(3, np.float32), "array of float64"),
        (np.ones((2, 2)), "with 1 axes"),
        (1.0, "with 1 axes"),
        (np.ones(6)[::2], "contiguous"),
    ):
        with pytest.raises(CompileError, match=words) as caught:
            call(bad)
        assert __file__ in str(caught.value)  # the line of the script, not Numba's
        assert ("astype" in str(caught.value)) == (np.asarray(bad).dtype != np.float64)
    with pytest.raises(CompileError, match="takes 2 arguments"):
        numba.njit(lambda x: f(x))(np.ones(3))
    x, w = g.symbol("x", shape=("n",)), g.symbol("w", shape=("n",))
    update = g.compile(g.sum(x), [x, w], updates={w: w + x})
    with pytest.raises(CompileError, match="updates its inputs"):
        numba.njit(lambda x: update(x, x))(np.ones(3))
    spread = g.compile(g.eigvalsh(g.symbol("square", shape=(3, 3))))
    with pytest.raises(CompileError, match="eigvalsh is a routine"):
        numba.njit(lambda x: spread(x))(np.eye(3))
    odd = g.compile(g.sum(g.symbol("y", shape=("2*n + 1",)) * 2))
    with pytest.raises(CompileError, match="plain names"):
        numba.njit(lambda x: odd(x))(np.ones(3))
