"""The interpreter: the formula as written, by NumPy, node by node."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import graphc as g
from graphc.errors import DtypeError, ExpressionError, InputError, ShapeError

x, y, z = g.symbols("x y z")


def test_scalars_are_python_numbers():
    for expr, kind in [
        (x * 2, float),
        (g.floor(x).astype("int64"), int),
        (x > 0, bool),
        (x.astype("float32"), float),
    ]:
        value = g.evaluate(expr, {"x": 1.5})
        assert type(value) is kind


def test_arrays_broadcast_as_numpys():
    a, b = np.arange(3.0)[:, None], np.arange(4.0)
    np.testing.assert_array_equal(g.evaluate(x * y + 1, {"x": a, "y": b}), a * b + 1)
    assert g.evaluate(x + y, {"x": np.zeros((0, 3)), "y": 1.0}).shape == (0, 3)
    assert g.evaluate(x + 1, {"x": np.array(2.0)}) == 3.0
    strided = np.arange(12.0).reshape(3, 4)[::-1, ::2].T
    np.testing.assert_array_equal(g.evaluate(-x, {"x": strided}), -strided)
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(g.evaluate(x - y, {"x": fortran, "y": fortran}), np.zeros((2, 3)))


def test_inputs_are_never_written_to():
    a = np.arange(4.0)
    kept = a.copy()
    g.evaluate([x * 2, x + y, x], {"x": a, "y": a})
    np.testing.assert_array_equal(a, kept)


def test_structures():
    Pair = namedtuple("Pair", "loss grad")
    result = g.evaluate(Pair(x * y, {"x": y, "all": [x, (y, 3)]}), {"x": 2, "y": 5})
    assert result == Pair(10.0, {"x": 5.0, "all": [2.0, (5.0, 3)]})
    assert isinstance(result, Pair)
    assert g.evaluate(g.constant(3.0), {}) == 3.0


def test_as_written():
    """(x + 1) - 1 loses the low bits of x; x*y − x*z is not x*(y − z)."""
    assert g.evaluate((x + 1) - 1, {"x": 1e-17}) == 0.0
    assert g.evaluate(x + (y - z), {"x": 1e-17, "y": 1, "z": 1}) == 1e-17
    assert g.evaluate((x + y) - z, {"x": 1e-17, "y": 1, "z": 1}) == 0.0
    assert g.evaluate(x * 0, {"x": np.inf}) != 0


def test_float32_is_computed_in_float32():
    s = g.symbol("s", dtype="float32")
    rng = np.random.default_rng(0)
    a = rng.standard_normal(1000).astype(np.float32)
    result = g.evaluate(s * s * 0.1 + 1 / s, {"s": a})
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, a * a * np.float32(0.1) + np.float32(1) / a)


def test_integers_wrap_as_numpys_arrays_do():
    i = g.symbol("i", dtype="int8")
    a = np.array([127, -128, 100], np.int8)
    assert g.evaluate(i + 1, {"i": a}).tolist() == [-128, -127, 101]
    assert g.evaluate(i * i, {"i": 100}) == np.int8(100 * 100 - 39 * 256)
    assert g.evaluate(-i, {"i": -128}) == -128
    assert g.evaluate(abs(i), {"i": -128}) == -128


def test_casts_saturate():
    for target in ("int8", "uint8", "int32", "int64", "uint64"):
        ends = np.iinfo(target)
        values = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 2.9, -0.9, 2.0**63, -(2.0**63), 2.0**64])
        wanted = [
            0
            if np.isnan(v)
            else max(ends.min, min(ends.max, int(v) if np.isfinite(v) else ends.max if v > 0 else ends.min))
            for v in values
        ]
        assert g.evaluate(x.astype(target), {"x": values}).tolist() == wanted
    assert g.evaluate(x.astype("bool"), {"x": np.array([0.0, -0.0, np.nan, 1e-300])}).tolist() == [
        False,
        False,
        True,
        True,
    ]


def test_special_values_pass_through_without_warnings():
    a = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e308])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(g.evaluate(1 / x, {"x": a}), 1 / a)
        np.testing.assert_array_equal(g.evaluate(g.log(x) - x * 10, {"x": a}), np.log(a) - a * 10)


def test_errors():
    for tree, at, kind, message in [
        (x * y, {"x": 1}, InputError, "'y'"),
        (x, {"q": 1}, InputError, "'q'"),
        (x, {"x": "1"}, DtypeError, "text"),
        (x, {"x": 1j}, DtypeError, "complex"),
        (x + y, {"x": np.ones(3), "y": np.ones(4)}, ShapeError, r"x: \(3,\), y: \(4,\)"),
        ("x", {"x": 1}, ExpressionError, "g.parse"),
        (x, None, InputError, "dict"),
    ]:
        with pytest.raises(kind, match=message):
            g.evaluate(tree, at)


def test_declared_shapes():
    A, B = g.symbol("A", shape=("n", 3)), g.symbol("B", shape=(3,))
    a, b = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    np.testing.assert_array_equal(g.evaluate(A * B, {"A": a, "B": b}), a * b)
    with pytest.raises(ShapeError, match="A"):
        g.evaluate(A * B, {"A": a.T, "B": b})


def test_maxout():
    assert g.evaluate(g.maxout(x, y, z), {"x": 1, "y": 3, "z": 2}) == 3.0
    assert np.isnan(g.evaluate(g.maxout(x, y, z), {"x": 1, "y": np.nan, "z": 2}))
    assert g.maxout(x) is x


def test_a_point_may_hold_more_than_the_expression_needs():
    x, w = g.symbols("x w")
    at = {"x": 2.0, w: 3.0}
    assert g.evaluate(g.grad(x * w, [x, w]), at) == [3.0, 2.0]
    assert g.evaluate(g.grad(x * w, x), at) == 3.0
    with pytest.raises(g.GraphcError, match="'w'"):
        g.evaluate(x * w, {"x": 2.0, "v": 3.0})
