"""Types, shapes, broadcasting and promotion, held against NumPy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.errors import DtypeError, ShapeError
from graphc.ir.types import (
    DTYPES,
    as_dtype,
    as_shape,
    broadcast_shapes,
    floating,
    format_shape,
    promoted,
    weak_dtype,
)


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes_by_every_name(name):
    dtype = np.dtype(name)
    for value in (name, dtype, dtype.type, dtype.str, dtype.newbyteorder("S")):
        assert as_dtype(value) == DTYPES[name]
        assert as_dtype(value).isnative


def test_python_types_are_dtypes():
    assert as_dtype(float) == np.float64
    assert as_dtype(int) == np.dtype(int)
    assert as_dtype(bool) == np.bool_


@pytest.mark.parametrize(
    "value", ["float16", "complex64", complex, "longdouble", object, "U5", "S", "M8[s]", "m8", "i4,i4"]
)
def test_other_dtypes_are_refused_with_the_list_of_those_there_are(value):
    if value == "longdouble" and np.dtype(value) == np.float64:
        pytest.skip("long double is double here")
    with pytest.raises(DtypeError, match="float64"):
        as_dtype(value)


@pytest.mark.parametrize("value", ["nonsense", 3, b"\xff", [1], {"a": 1}])
def test_what_is_no_dtype_is_refused(value):
    with pytest.raises(DtypeError, match="float64"):
        as_dtype(value)


def test_shapes():
    assert as_shape(()) == ()
    assert as_shape(3) == (3,)
    assert as_shape("n") == ("n",)
    assert as_shape([2, "n", np.int8(4)]) == (2, "n", 4)
    assert all(type(dim) is int for dim in as_shape((np.int8(4), np.int64(5))))
    assert as_shape((0,)) == (0,)


@pytest.mark.parametrize(
    "shape", [(-1,), ("2n",), ("a b",), ("",), (2.0,), (True,), (None,), ((2,),), 2.5, None]
)
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ShapeError):
        as_shape(shape)


shapes = st.lists(st.sampled_from([0, 1, 2, 3]), max_size=4).map(tuple)


@given(st.lists(shapes, max_size=4))
def test_broadcasting_is_numpys(listed):
    try:
        wanted = np.broadcast_shapes(*listed)
    except ValueError:
        with pytest.raises(ShapeError, match="do not broadcast"):
            broadcast_shapes(listed)
    else:
        assert broadcast_shapes(listed) == wanted


def test_names_broadcast_with_themselves_and_with_one():
    assert broadcast_shapes([("n",), ("n",), (1,), ()]) == ("n",)
    assert broadcast_shapes([(3, 1), ("n",)]) == (3, "n")
    assert broadcast_shapes([]) == ()
    for other in (("m",), (3,), (0,)):
        with pytest.raises(ShapeError, match=r"n against|against n"):
            broadcast_shapes([("n",), other])


def test_printed_shapes():
    assert format_shape(()) == "()"
    assert format_shape((3,)) == "(3,)"
    assert format_shape(("n", 3)) == "(n, 3)"


@pytest.mark.parametrize(("a", "b"), list(product(DTYPES.values(), repeat=2)), ids=str)
def test_promotion_is_numpys(a, b):
    wanted = np.result_type(a, b)
    assert promoted((a, b)) == ((wanted, wanted), wanted)
    real = np.exp(np.ones(1, wanted)).dtype
    real = np.dtype(np.float32) if real == np.float16 else real
    assert floating((a, b)) == ((real, real), real)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("scalar", [True, 2, 2.5])
def test_python_scalars_are_weak_as_in_numpy(dtype, scalar):
    wanted = np.result_type(dtype, scalar)
    wanted = np.dtype(np.float32) if wanted == np.float16 else wanted
    found = weak_dtype(scalar, [dtype])
    assert np.result_type(found, dtype) == wanted
    assert found == np.bool_ if scalar is True else found == wanted
