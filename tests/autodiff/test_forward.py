"""Forward mode over the elementwise operations, structures of outputs, branches, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
from graphc.errors import GradientError, ShapeError
from graphc.ir.expr import apply
from graphc.ir.op import all_ops
from tests.oracle import held_apart

x, y, t = g.symbols("x y t")
DIFFERENTIABLE = [
    op
    for op in all_ops()
    if op.partials is not None
    and op.domain
    and op.name not in ("astype", "where", "polygamma")
    and not op.user_defined
    and not held_apart(op)
]


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=lambda op: op.name)
def test_the_derivative_along_a_direction_is_the_sum_of_partials(op):
    """To the bit for one operand: the same partial times the tangent."""
    rng = np.random.default_rng(len(op.name))
    symbols = [g.symbol(name) for name in op.params]
    node = apply(op, *symbols)
    directions = [g.symbol(f"d_{name}") for name in op.params]
    along = g.jvp(node, symbols, directions)
    gradient = g.grad(node, symbols)
    for _ in range(5):
        point = {s.name: rng.uniform(low, high) for s, (low, high) in zip(symbols, op.domain, strict=True)}
        moved = {d.name: rng.normal() for d in directions}
        terms = [
            g.evaluate(partial, point) * moved[d.name]
            for partial, d in zip(gradient, directions, strict=True)
        ]
        found = g.evaluate(along, {**point, **moved})
        assert abs(found - sum(terms)) <= 4e-16 * len(terms) * max(map(abs, [*terms, 1e-300]))


def test_outputs_keep_their_structure():
    found = g.jvp({"a": x * y, "b": (x, g.floor(x))}, [x, y], [1.0, t])
    assert g.evaluate(found, {"x": 2.0, "y": 3.0, "t": 5.0}) == {"a": 13.0, "b": (1.0, 0.0)}
    assert g.jvp(y, x, t).value == 0
    assert g.jvp(g.astype(x, "int64"), x, t).value == 0


def test_what_a_branch_does_not_take_reaches_no_tangent():
    safe = g.where(x > 0, g.log(x), x)
    for at in (0.0, -1.0, math.nan):
        assert g.evaluate(g.jvp(safe, x, t), {"x": at, "t": 3.0}) == 3
    assert g.evaluate(g.hvp(safe, x, t), {"x": 0.0, "t": 1.0}) == 0
    assert g.evaluate(g.hvp(safe, x, t), {"x": 2.0, "t": 1.0}) == -0.25


def test_nodes_are_differentiated_by_as_well_as_symbols():
    inner = x * y
    found = g.jvp(g.sin(inner) + x, inner, t)
    assert found is t * g.cos(inner)


def test_second_order_of_three_kinds():
    f = g.exp(x * y) + x**3
    point = {"x": 0.5, "y": 2.0}
    second = g.evaluate(g.hessian(f, (x, y)), point)
    e = math.exp(1.0)
    wanted = np.array([[4 * e + 3, e + e], [e + e, 0.25 * e]])
    np.testing.assert_allclose(np.array(second), wanted, rtol=1e-15)
    along = g.evaluate(g.hvp(f, (x, y), (1.0, -2.0)), point)
    np.testing.assert_allclose(along, wanted @ [1.0, -2.0], rtol=1e-14)
    again = g.grad(g.jvp(f, (x, y), (1.0, -2.0)), (x, y))  # reverse over forward
    np.testing.assert_allclose(g.evaluate(again, point), along, rtol=1e-14)


def test_what_is_refused():
    n = g.symbol("n", dtype="int64")
    with pytest.raises(GradientError, match="floats"):
        g.jvp(n * 2.0, n, 1.0)
    with pytest.raises(GradientError, match="2 symbols but 1 tangents"):
        g.jvp(x * y, [x, y], [1.0])
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        g.jvp(x, x, np.ones(3))
    with pytest.raises(GradientError, match="cannot differentiate by"):
        g.jvp(x, "x", 1.0)


def test_no_stand_in_is_left_where_lengths_are_named():
    """The transposed rule of softmax broadcasts to the shape of its adjoint, which has a name."""
    x, u = g.symbol("x", shape=("n", 3)), g.symbol("u", shape=("n", 3))
    along = g.jvp(g.softmax(x), x, u)
    assert {symbol.name for symbol in g.free_symbols(along)} == {"x", "u"}
    point = np.array([[0.1, 0.5, -1.0]])
    p = np.exp(point) / np.exp(point).sum()
    wanted = p * (1 - p[0, 0]) * np.array([1, 0, 0]) - p * p[0, 0] * np.array([0, 1, 1])
    found = g.evaluate(along, {"x": point, "u": np.array([[1.0, 0, 0]])})
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-15)


def test_a_jacobian_is_one_sweep_with_a_batch():
    """Its graph is as large for 2 rows as for 50, and its columns are those of differences."""
    sizes = set()
    for rows in (2, 50):
        A, u = g.symbol("A", shape=(rows, 60)), g.symbol("u", shape=60)
        sizes.add(len(g.Graph(g.jacobian(g.tanh(A @ u), u))))
    assert len(sizes) == 1
    A, u = g.symbol("A", shape=(4, 2)), g.symbol("u", shape=2)
    at = {"A": np.arange(8.0).reshape(4, 2) / 9, "u": np.array([0.3, -0.2])}
    found = g.evaluate(g.jacobian(g.tanh(A @ u), u), at)
    slope = 1 - np.tanh(at["A"] @ at["u"]) ** 2
    np.testing.assert_allclose(found, slope[:, None] * at["A"], rtol=0, atol=1e-15)
