"""Operations of the user's own with arrays, results, derivatives and bodies: against NumPy and graphc's own operations."""

from __future__ import annotations

import ctypes
import itertools
import pickle

import numba
import numpy as np
import pytest
from numba import types

import graphc as g
from graphc.errors import DefinitionError, DtypeError, FormatError, GradientError, InputError, ShapeError
from graphc.ops import foreign

_count = itertools.count()


@pytest.fixture
def name():
    """A name that nobody has."""
    name = f"own_{next(_count)}"
    yield name
    foreign.KNOWN.pop(name, None)


def close(a, b, tolerance=1e-13):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert np.abs(a - b).max(initial=0) <= tolerance * max(1.0, np.abs(b).max(initial=0)), (a, b)


POINTER = types.CPointer(types.float64)


@numba.cfunc(types.void(POINTER, POINTER, POINTER, POINTER, types.int64, types.int64))
def outer(x, y, product, total, n, m):
    sum_ = 0.0
    for i in range(n):
        for j in range(m):
            product[i * m + j] = np.sin(x[i]) * y[j]
            sum_ += product[i * m + j]
    total[0] = sum_


def by_numpy(x, y):
    product = np.sin(x)[:, None] * y
    return product, product.sum()


def written(x, y):
    product = g.expand_dims(g.sin(x), 1) * y
    return product, g.sum(product)


def vjp(bars, results, x, y):
    whole = bars[0] + bars[1]
    return g.sum(whole * y, axis=1) * g.cos(x), g.sin(x) @ whole


def jvp(tangents, results, x, y):
    dx, dy = tangents
    change = g.expand_dims(g.cos(x) * dx, 1) * y + g.expand_dims(g.sin(x), 1) * dy
    return change, g.sum(change)


SHAPES = {"takes": [("n",), ("m",)], "shape": lambda x, y: [(*x, *y), ()], "outputs": 2, "params": "x y"}
BODIES = {
    "formula": {"formula": written},
    "python": {"reference": by_numpy},
    "numba": {"address": outer, "reference": by_numpy},
    "ctypes": {"address": ctypes.CFUNCTYPE(None)(outer.address)},
    "address": {"address": outer.address},
}


RULES = {"vjp": {"vjp": vjp}, "jvp": {"jvp": jvp}}
FAST = (("formula", "jvp"), ("python", "vjp"), ("numba", "vjp"), ("ctypes", "jvp"))
KINDS = [
    pytest.param(
        body, RULES[rule], marks=() if (body, rule) in FAST else pytest.mark.slow, id=f"{body}-{rule}"
    )
    for body in BODIES
    for rule in RULES
]


@pytest.mark.parametrize(("body", "rule"), KINDS)
def test_values_and_derivatives(body, rule, name, tmp_path):
    op = g.define_op(name, **BODIES[body], **SHAPES, **rule)
    x, y = g.symbol("x", shape=(3,)), g.symbol("y", shape=(4,))
    rng = np.random.default_rng(1)
    point = {"x": rng.normal(size=3), "y": rng.normal(size=4)}

    def derivatives(f):
        product, total = f(x * 2, y)
        L = g.sum(product**2) + g.cos(total)
        return [L, product, *g.grad(L, [x, y]), g.hessian(L, x), g.jvp(L, [x, y], [np.ones(3), np.ones(4)])]

    ours, right = derivatives(op), g.evaluate(derivatives(written), point)
    for values in (g.evaluate(ours, point), g.compile(ours)(**point)):
        for one, other in zip(values, right, strict=True):
            close(one, other, 1e-12)
    L = ours[0]
    assert pickle.loads(pickle.dumps(L)) is L
    g.save(L, tmp_path / "graph.json")
    assert g.load(tmp_path / "graph.json") is L
    assert name in str(L) and name in g.draw(L, at=point).svg() and str(g.explain(L, at=point))
    X = g.symbol("X", shape=("n", 3))
    batch = g.vmap(lambda row: op(row, y)[1])(X)
    close(
        g.compile(batch)(X=np.stack([point["x"]] * 2), y=point["y"]),
        [by_numpy(point["x"], point["y"])[1]] * 2,
    )
    if body != "formula" and "address" in BODIES[body]:
        f = g.compile(L)
        assert "by one function" in repr(f)
        end, _ = g.scan(lambda c, row: (op(row, y)[1] + c * 0.5, None), 0.0, X)
        rows = rng.normal(size=(5, 3))
        wanted = 0.0
        for row in rows:
            wanted = by_numpy(row, point["y"])[1] + wanted * 0.5
        close(g.compile(end)(X=rows, y=point["y"]), wanted)


def test_one_result_of_one_operand(name):
    op = g.define_op(name, reference=lambda v: np.sort(v), params="v")
    v = g.symbol("v", shape=("n",))
    close(g.compile(op(v) * 2)(np.array([3.0, 1.0, 2.0])), [2.0, 4.0, 6.0])
    close(g.evaluate(op(np.array([2, 1])), {}), [1.0, 2.0])
    with pytest.raises(GradientError, match="no derivative"):
        g.grad(g.sum(op(v)), v)
    close(g.compile(g.grad(g.sum(op(g.stop_gradient(v)) * v), v))(np.array([3.0, 1.0])), [1.0, 3.0])


def test_what_is_refused(name):
    with pytest.raises(DefinitionError, match=r"by x is .* where differences"):
        g.define_op(name, reference=np.sin, params="x", vjp=lambda v, out, x: (v * g.sin(x),))
    assert name not in foreign.KNOWN
    with pytest.raises(DefinitionError, match="machine code is"):
        g.define_op(name, address=outer, **{**SHAPES, "reference": lambda x, y: (by_numpy(x, y)[0] * 2, 0.0)})
    for arguments in (
        {},
        {"formula": written, "reference": by_numpy},
        {"address": outer, "params": "x y"},
        {"reference": np.sin, "params": "x", "outputs": 0},
        {"reference": np.sin, "params": "x", "dtype": "complex64"},
        {"reference": np.sin, "params": "x", "takes": [(), ()]},
        {"address": -3, "params": "x", "takes": [()]},
        {"address": outer, **SHAPES, "dtype": ["float64", "float32"]},
        {"formula": written, "vjp": vjp, "jvp": jvp, **SHAPES},
    ):
        with pytest.raises((DefinitionError, DtypeError)):
            g.define_op(name, **arguments)
    with pytest.raises(DefinitionError, match="graphc's own"):
        g.define_op("sin", reference=np.sin, params="x")
    op = g.define_op(name, address=outer, reference=by_numpy, **SHAPES)
    x, A = g.symbol("x", shape=(3,)), g.symbol("A", shape=(3, 3))
    with pytest.raises(ShapeError, match="takes="):
        op(x, A)
    with pytest.raises(DtypeError, match="takes float64"):
        g.compile(op(x, x)[1], dtype="float32")
    with pytest.raises(DefinitionError, match="already defined"):
        g.define_op(name, reference=np.sin, params="x")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: 1 // 0, "raised ZeroDivisionError"),
        (lambda x: np.zeros(3), r"is float64\[3\] instead of"),
        (lambda x: "no", "instead of"),
    ],
)  # fmt: skip
def test_what_a_python_function_may_do(function, said, name):
    op = g.define_op(name, reference=function, params="x")
    x = g.symbol("x")
    for call in (lambda: g.evaluate(op(x), {"x": 1.0}), lambda: g.compile(op(x))(1.0)):
        with pytest.raises(InputError, match=said):
            call()


def test_a_file_of_a_function_that_nobody_defines(name, tmp_path):
    op = g.define_op(name, reference=np.sin, params="x")
    g.save(op(g.symbol("x")), tmp_path / "graph.json")
    del foreign.KNOWN[name]
    with pytest.raises(FormatError, match="not defined in this process"):
        g.load(tmp_path / "graph.json")
