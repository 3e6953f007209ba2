"""Matrices written as nested lists of expressions and numbers, and constants as lists of numbers: against NumPy's arrays."""

import numpy as np
import pytest

import graphc as g
from graphc.errors import ExpressionError, GraphcError, ShapeError

x, y = g.symbols("x y")
v = g.symbol("v", shape=(2,))
POINT = {"x": 2.0, "y": 3.0, "v": np.array([5.0, 7.0])}


def of_numbers(nested):
    """The same lists with the values of their expressions."""
    if isinstance(nested, (list, tuple)):
        return [of_numbers(each) for each in nested]
    return g.evaluate(nested, POINT) if isinstance(nested, g.Expr) else nested


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize(
    "nested",
    [[[x, 0], [1, y]], [[x, y]], [[1.5], [x * y]], [(x, 2), [3, y]], [v, [x, y]], [[v, [0, x]], [[y, 1], v]]],
    ids=str,
)
def test_nested_lists_are_numpys(nested, axis):
    made = g.stack(nested, axis=axis)
    wanted = np.stack([np.array(each, dtype=float) for each in of_numbers(nested)], axis=axis)
    np.testing.assert_array_equal(g.evaluate(made, POINT), wanted)
    symbols = list(g.free_symbols(made))
    found = g.compile(made, symbols)(*[POINT[each.name] for each in symbols])
    np.testing.assert_array_equal(found, wanted)


def test_lists_among_what_is_joined():
    joined = g.concat([[x, y], v, [1, 2, 3]])
    np.testing.assert_array_equal(g.evaluate(joined, POINT), [2, 3, 5, 7, 1, 2, 3])


def test_numbers_take_the_type_of_what_stands_beside_them():
    single = g.symbol("s", dtype="float32")
    assert g.stack([[single, 0], [1, 2.5]]).dtype == np.float32
    assert g.stack([[1, 2], [3, 4]]).dtype == np.int64
    assert g.stack([[1, 2], [3, 0.5]]).dtype == np.float64


def test_a_matrix_of_elements_is_differentiated():
    turned = g.stack([[g.cos(x), -g.sin(x)], [g.sin(x), g.cos(x)]]) @ v
    slope = g.evaluate(g.grad(turned[0], x), POINT)
    np.testing.assert_allclose(slope, -np.sin(2) * 5 - np.cos(2) * 7, rtol=1e-15)


endless = [x]
endless.append(endless)


@pytest.mark.parametrize(
    "nested", [[[x], [1, 2]], [[]], [[x], []], endless, [[x, "a"]], [[x, None]], [[[x]], [y]]], ids=range(7)
)
def test_what_is_no_array_is_refused(nested):
    with pytest.raises(GraphcError) as caught:
        g.stack(nested)
    assert caught.value.site is not None
    with pytest.raises((ShapeError, ExpressionError)):
        g.stack(nested)


@pytest.mark.parametrize(
    "value", [[1, 2, 3], [[1.5], [2]], (True, False), [], [[], []], [np.float32(1), 2], [np.ones(2), [3, 4]], [2**63]],
    ids=str,
)  # fmt: skip
def test_constants_of_lists_are_numpys(value):
    made, wanted = g.constant(value), np.array(value)
    assert (made.shape, made.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_array_equal(g.evaluate(made, {}), wanted)
    assert g.constant(value, dtype="float32").dtype == np.float32


@pytest.mark.parametrize("value", [[[1], [2, 3]], ["a"], [1j], [None], [x, 1], [10**30], [[x]]], ids=str)
def test_lists_of_no_numbers_are_refused(value):
    with pytest.raises(ExpressionError, match="no array of numbers") as caught:
        g.constant(value)
    assert "g.stack" in caught.value.hint


def test_masked_elements_are_refused():
    with pytest.raises(ExpressionError, match="masked"):
        g.constant([1.0, np.ma.array([1.0, 2.0], mask=[0, 1])])


def test_a_list_is_no_operand():
    for wrong in (lambda: x - [1, 2], lambda: g.exp([1.0]), lambda: [1, 2] * v):
        with pytest.raises(ExpressionError, match=r"g\.constant"):
            wrong()
