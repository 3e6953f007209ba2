"""Values for symbols: what is accepted, what is refused, and what the message says."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import DtypeError, InputError, NameClashError, ShapeError
from graphc.ir.inputs import as_value, bind_dimensions, bind_names, check_names
from graphc.ir.types import DTYPES

x = g.symbol("x")
n = g.symbol("n", dtype="int64")


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
def test_arrays_are_cast_as_far_as_numpy_calls_it_safe(target, source):
    symbol = g.symbol("v", dtype=target)
    value = np.ones(3, source)
    if np.can_cast(source, target, "safe"):
        result = as_value(symbol, value)
        assert result.dtype == np.dtype(target)
        assert result.tolist() == value.tolist()
    else:
        with pytest.raises(DtypeError, match="astype"):
            as_value(symbol, value)
        with pytest.raises(DtypeError):
            as_value(symbol, value[0])


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("scalar", [True, 1, 1.5])
def test_python_scalars_are_weak(target, scalar):
    symbol = g.symbol("v", dtype=target)
    order = "biuf"
    kind = {bool: 0, int: 1, float: 3}[type(scalar)]
    if kind <= order.index(np.dtype(target).kind) or (kind == 1 and np.dtype(target).kind == "u"):
        result = as_value(symbol, scalar)
        assert result.dtype == np.dtype(target)
        assert result.shape == ()
        assert result == scalar
    else:
        with pytest.raises(DtypeError, match="'v'"):
            as_value(symbol, scalar)


def test_numbers_that_do_not_fit():
    with pytest.raises(DtypeError, match="does not fit int8"):
        as_value(g.symbol("v", dtype="int8"), 1000)
    with pytest.raises(DtypeError, match="uint8"):
        as_value(g.symbol("v", dtype="uint8"), -1)
    with pytest.raises(DtypeError):
        as_value(x, 10**400)
    assert as_value(g.symbol("v", dtype="float32"), 0.1) == np.float32(0.1)


def test_lists_of_python_numbers_are_weak_too():
    assert as_value(x, [1, 2]).tolist() == [1.0, 2.0]
    assert as_value(g.symbol("s", dtype="float32"), [0.1, 2]).dtype == np.float32
    assert as_value(g.symbol("v", dtype="int8"), [1, 2]).dtype == np.int8
    with pytest.raises(DtypeError):
        as_value(n, [1.5])
    with pytest.raises(DtypeError):
        as_value(g.symbol("v", dtype="int8"), [1, 1000])


@pytest.mark.parametrize(
    "value",
    [1j, np.complex64(1), "text", b"bytes", None, object(), [None], np.array([1, None], dtype=object), [1j], ["a"], {"a": 1},
     np.datetime64("2020-01-01"), [[1, 2], [3]], x, set()],
    ids=lambda value: "object" if type(value) is object else str(value),  # the address of an object is no name for a test
)  # fmt: skip
def test_what_is_no_real_number_is_refused(value):
    with pytest.raises((DtypeError, InputError), match="'x'"):
        as_value(x, value)


def test_declared_shapes_are_held():
    A = g.symbol("A", shape=("n", 3))
    assert as_value(A, np.ones((5, 3))).shape == (5, 3)
    for wrong in (1.0, np.ones(3), np.ones((5, 4)), np.ones((5, 3, 1))):
        with pytest.raises(ShapeError, match=r"\(n, 3\)"):
            as_value(A, wrong)


def test_named_dimensions_agree():
    A, B = g.symbol("A", shape=("n", 3)), g.symbol("B", shape=("n",))
    arrays = [np.ones((5, 3)), np.ones(5)]
    assert bind_dimensions([A, B], arrays) == {"n": 5}
    with pytest.raises(ShapeError, match="'n' is 5 in input 'A' and 4 in input 'B'"):
        bind_dimensions([A, B], [np.ones((5, 3)), np.ones(4)])


def test_one_name_one_symbol():
    check_names([x, n, x])
    with pytest.raises(NameClashError, match="float64 and float32"):
        check_names([x, g.symbol("x", dtype="float32")])
    with pytest.raises(NameClashError, match=r"float64\(3,\)"):
        check_names([g.symbol("x", shape=(3,)), x])


def test_points():
    y = g.symbol("y")
    assert [v.item() for v in bind_names((x, y), {"y": 2, x: 1})] == [1.0, 2.0]
    for at, message in [
        ({"x": 1}, "no value for input 'y'"),
        ({}, "no value for inputs 'x', 'y'"),
        ({"x": 1, "y": 2, "z": 3}, "there is no input 'z'"),
        ({"x": 1, x: 1, "y": 2}, "given twice"),
        ({x + y: 1}, "keys are names or symbols"),
        ({1: 1}, "keys are names or symbols"),
        ([1, 2], "is a dict"),
        (None, "is a dict"),
    ]:
        with pytest.raises(InputError, match=message):
            bind_names((x, y), at)
    with pytest.raises(InputError, match="did you mean 'learning_rate'"):
        bind_names((g.symbol("learning_rate"),), {"learning_rat": 1})
