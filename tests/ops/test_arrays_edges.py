"""Operations on arrays where they are special: nothing, ties, zeros, infinities, branches, weak types; and what they refuse."""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import (
    ArityError,
    DtypeError,
    ExpressionError,
    GradientError,
    GraphcError,
    InputError,
    ShapeError,
)
from graphc.ir.expr import apply
from graphc.ir.op import array_ops

INF = np.inf
b = g.symbol("b", shape=(4,))
M = g.symbol("M", shape=(2, 3))
X = g.symbol("X", shape=("n", 3))
i = g.symbol("i", shape=(2,), dtype="int64")
c = g.symbol("c")


def grad_at(expr, target, **values):
    return np.asarray(g.evaluate(g.grad(g.sum(expr), target), values))


def test_reductions_of_nothing():
    a, nothing = g.symbol("a", shape=(0, 3)), {"a": np.zeros((0, 3))}
    assert g.evaluate(g.sum(a), nothing) == 0 and g.evaluate(g.prod(a), nothing) == 1
    assert g.evaluate(g.logsumexp(a), nothing) == -INF and g.evaluate(g.norm(a), nothing) == 0
    assert np.isnan(g.evaluate([g.mean(a), g.var(a)], nothing)).all()
    for reduction in (g.sum, g.prod, g.mean, g.var, g.std, g.logsumexp, g.norm):
        assert grad_at(reduction(a), a, **nothing).shape == (0, 3)
        assert np.shape(g.evaluate(reduction(a, axis=0), nothing)) == (3,)
    for extremum in (g.max, g.min, g.argmax, g.argmin):
        with pytest.raises(ShapeError, match="no elements"):
            extremum(a)
        with pytest.raises(InputError, match=extremum.__name__):
            g.evaluate(extremum(X), {"X": np.zeros((0, 3))})


@pytest.mark.parametrize("n", [0, 1, 5])
def test_one_formula_serves_every_length(n):
    w = g.symbol("w", shape=(3,))
    cost = g.sum((X @ w - X[:, 0]) ** 2)
    x, v = np.arange(3.0 * n).reshape(n, 3), np.array([1.0, -1.0, 2.0])
    rest = x @ v - x[:, 0]
    assert g.evaluate(cost, {"X": x, "w": v}) == rest @ rest
    np.testing.assert_array_equal(g.evaluate(g.grad(cost, w), {"X": x, "w": v}), 2 * x.T @ rest)
    assert g.evaluate(g.grad(cost, X), {"X": x, "w": v}).shape == (n, 3)


def test_scalars_are_arrays_without_axes():
    for reduction in (g.sum, g.prod, g.mean, g.max, g.min, g.logsumexp, g.norm):
        assert g.evaluate(reduction(c), {"c": 2.0}) == 2
        assert g.evaluate(g.grad(reduction(c * c), c), {"c": 2.0}) == 4
    assert g.evaluate(g.reshape(c, (1, 1)), {"c": 2.0}).shape == (1, 1)


def test_ties_are_shared():
    point = np.array([1.0, 3.0, 3.0, 0.0])
    assert grad_at(g.max(b), b, b=point).tolist() == [0, 0.5, 0.5, 0]
    assert grad_at(g.norm(b, INF), b, b=-point).tolist() == [0, -0.5, -0.5, 0]
    assert g.evaluate(g.argmax(b), {"b": point}) == 1
    assert grad_at(g.sort(b)[2:3], b, b=point).tolist() == [0, 1, 0, 0]


def test_products_with_zeros():
    def others(point):
        return [np.prod(np.delete(point, place)) for place in range(len(point))]

    for point in ([2.0, 0.0, 3.0, 5.0], [2.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 5.0]):
        assert grad_at(g.prod(b), b, b=np.array(point)).tolist() == others(point)
    second = g.evaluate(g.hessian(g.prod(b), b), {"b": np.array([2.0, 0.0, 0.0, 5.0])})
    assert second.tolist() == [[0, 0, 0, 0], [0, 0, 10, 0], [0, 10, 0, 0], [0, 0, 0, 0]]
    running = g.evaluate(g.jacobian(g.cumprod(b), b), {"b": np.array([2.0, 0.0, 3.0, 5.0])})
    assert running.tolist() == [[1, 0, 0, 0], [0, 2, 0, 0], [0, 6, 0, 0], [0, 30, 0, 0]]


def test_infinite_and_vanishing_powers():
    assert g.evaluate(g.logsumexp(b), {"b": np.full(4, 1e4)}) == pytest.approx(1e4 + np.log(4), rel=1e-15)
    assert g.evaluate(g.logsumexp(b), {"b": np.full(4, -INF)}) == -INF
    assert g.evaluate(g.softmax(b), {"b": np.array([-INF, 0.0, 0.0, -1e5])}).tolist() == [0, 0.5, 0.5, 0]
    assert g.evaluate(g.log_softmax(b), {"b": np.array([0.0, 0.0, -1e5, 1e5])})[0] == -1e5
    assert g.evaluate(g.norm(b), {"b": np.array([3e300, 4e300, 0, 0])}) == pytest.approx(5e300, rel=1e-15)
    assert g.evaluate(g.norm(b), {"b": np.array([3e-300, 4e-300, 0, 0])}) == pytest.approx(5e-300, rel=1e-15)
    assert g.evaluate(g.norm(b), {"b": np.array([INF, 1, 0, 0])}) == INF
    assert grad_at(g.norm(b), b, b=np.zeros(4)).tolist() == [0, 0, 0, 0]


# --- branches and broadcasting -------------------------------------------------------------------------------------------------


def test_what_a_branch_does_not_take_reaches_no_gradient():
    """Through broadcasting, through operations that move elements, and through sums along an axis."""
    point = np.array([-1.0, 0.0, 1.0, 2.0])
    assert grad_at(g.where(b > 0, g.log(b), 0), b, b=point).tolist() == [0, 0, 1, 0.5]
    scaled = g.where(b > 0, g.log(b * c), 0)
    assert grad_at(scaled, c, b=point, c=2.0) == 1
    moved = g.where(b > 0, g.log(g.flip(g.sqrt(b))), 0)
    found = grad_at(moved, b, b=np.array([1.0, 0.0, -1.0, 2.0]))
    np.testing.assert_allclose(found, [0.5, 0, 0, 0.25], rtol=1e-15)
    rows = g.where(g.sum(M, axis=1) > 1, g.log(g.sum(g.sqrt(M), axis=1)), 0)
    found = grad_at(rows, M, M=np.array([[0.0, 0.0, 0.0], [1.0, 4.0, 9.0]]))
    np.testing.assert_allclose(found, [[0, 0, 0], [1 / 12, 1 / 24, 1 / 36]], rtol=1e-15)
    second = g.hessian(g.sum(g.where(b > 0, g.log(g.reshape(g.sqrt(g.reshape(b, (2, 2))), 4)), 0)), b)
    np.testing.assert_allclose(np.diag(g.evaluate(second, {"b": point})), [0, 0, -0.5, -0.125], rtol=1e-15)


@pytest.mark.parametrize(
    "shapes", [((3, 1), (1, 4)), ((4,), (3, 4)), ((), (3, 4)), ((1,), (3, 4)), ((2, 1, 4), (3, 1)), ((0, 4), (4,)), ((1, 1), (0, 4))]
)  # fmt: skip
@pytest.mark.parametrize("operation", [np.add, np.multiply, np.divide, np.maximum, np.hypot, np.power])
def test_operands_that_broadcast_get_sums(shapes, operation):
    """Against the same on operands that were broadcast beforehand."""
    rng = np.random.default_rng(3)
    points = [rng.uniform(0.5, 2, shape) for shape in shapes]
    x, y = (g.symbol(name, shape=shape) for name, shape in zip("xy", shapes, strict=True))
    whole = np.broadcast_shapes(*shapes)
    p, q = (g.symbol(name, shape=whole) for name in "pq")
    wide = dict(zip("pq", (np.broadcast_to(point, whole) for point in points), strict=True))
    weights = rng.normal(size=whole)
    narrow = g.grad(operation(x, y), [x, y], seed=weights)
    full = g.evaluate(g.grad(operation(p, q), [p, q], seed=weights), wide)
    found = g.evaluate(narrow, dict(zip("xy", points, strict=True)))
    for got, of, shape in zip(found, full, shapes, strict=True):
        extra = len(whole) - len(shape)
        axes = (
            *range(extra),
            *(extra + axis for axis, length in enumerate(shape) if length == 1 != whole[extra + axis]),
        )
        wanted = of.sum(axes).reshape(shape)
        np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-13)


def test_an_operand_twice_and_an_operand_below_an_operand():
    A = g.symbol("A", shape=(3, 3))
    a = np.array([[2.0, 1.0, 0.0], [0.5, 3.0, 1.0], [0.0, 1.0, 4.0]])
    found = grad_at(A @ A, A, A=a)
    np.testing.assert_allclose(found, np.ones((3, 3)) @ a.T + a.T @ np.ones((3, 3)), rtol=1e-15)
    nested = g.tensordot(A, g.tensordot(A, A, 1), 1)  # differentiated as what they stand for
    ones = np.ones((3, 3))
    wanted = ones @ (a @ a).T + a.T @ ones @ a.T + (a @ a).T @ ones
    np.testing.assert_allclose(grad_at(nested, A, A=a), wanted, rtol=1e-14)


# --- derivatives of several shapes ------------------------------------------------------------------------------------------------


def test_jacobians_of_the_lectures():
    """Of an elementwise function a diagonal, of wᵀx + b the row (wᵀ, xᵀ, 1), of Wx by W block-diagonal in xᵀ."""
    x, w, W = g.symbol("x", shape=3), g.symbol("w", shape=3), g.symbol("W", shape=(2, 3))
    p, q = np.array([0.5, -1.0, 2.0]), np.array([3.0, 1.0, -2.0])
    s = 1 / (1 + np.exp(-p))
    np.testing.assert_allclose(
        g.evaluate(g.jacobian(g.sigmoid(x), x), {"x": p}), np.diag(s * (1 - s)), rtol=1e-14
    )
    row = g.evaluate(g.jacobian(w @ x + c, (x, w, c)), {"x": p, "w": q, "c": 1.0})
    assert row[0].tolist() == q.tolist() and row[1].tolist() == p.tolist() and row[2] == 1
    blocks = g.evaluate(g.jacobian(W @ x, W), {"W": np.ones((2, 3)), "x": p})
    assert blocks.reshape(2, 6).tolist() == [[*p, 0, 0, 0], [0, 0, 0, *p]]


def test_jacobians_by_rows_and_by_columns_are_the_same():
    W, x = g.symbol("W", shape=(5, 3)), g.symbol("x", shape=3)
    tall, flat = g.tanh(W @ x), g.tanh(x @ W.T @ W)
    point = {"W": np.random.default_rng(1).normal(size=(5, 3)), "x": np.array([0.1, 0.2, -0.3])}
    slope = 1 - np.tanh(point["W"] @ point["x"]) ** 2
    np.testing.assert_allclose(
        g.evaluate(g.jacobian(tall, x), point), slope[:, None] * point["W"], rtol=1e-14
    )
    rows = [g.grad(flat[k], x) for k in range(3)]
    np.testing.assert_allclose(
        g.evaluate(g.jacobian(flat, x), point), g.evaluate(g.stack(rows), point), rtol=1e-13
    )
    second = g.evaluate(g.hessian(g.sum(tall), x), point)
    u = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(second @ u, g.evaluate(g.hvp(g.sum(tall), x, u), point), rtol=1e-12)
    np.testing.assert_allclose(second, second.T, rtol=1e-12)
    assert g.evaluate(g.jacobian(c * 2, c), {"c": 1.0}) == 2
    both = g.hessian(c * c * g.sum(x), (c, x))
    assert both[1][0].shape == (3,) and both[0][1].shape == (3,) and both[1][1].shape == (3, 3)


def test_what_does_not_depend_has_a_derivative_of_zeros_of_its_shape():
    assert (
        g.evaluate(g.grad(g.sum(b), M), {"b": np.ones(4), "M": np.ones((2, 3))}).tolist() == [[0.0] * 3] * 2
    )
    assert g.evaluate(g.jvp(M * 2, b, 1.0), {"M": np.ones((2, 3)), "b": np.ones(4)}).shape == (2, 3)
    assert g.evaluate(g.grad(g.sum(X * 0 + 1), X), {"X": np.ones((2, 3))}).tolist() == [[0.0] * 3] * 2
    assert g.evaluate(g.grad(g.sum(X), X), {"X": np.ones((2, 3))}).tolist() == [[1.0] * 3] * 2
    column = g.evaluate(g.jacobian(X[:, 0], X), {"X": np.ones((2, 3))})
    assert np.array_equal(column, np.einsum("ij,k->ijk", np.eye(2), [1, 0, 0]))


# --- types and NumPy's functions ----------------------------------------------------------------------------------------------------


def test_types_follow_numpy():
    f, h, k = (
        g.symbol("f", shape=3, dtype="float32"),
        g.symbol("h", shape=3),
        g.symbol("k", shape=3, dtype="int8"),
    )
    assert (f @ f * 2.0).dtype == np.float32 and (f @ h).dtype == np.float64 and g.mean(f).dtype == np.float32
    assert g.sum(k).dtype == np.int64 and g.mean(k).dtype == np.float64 and g.max(k).dtype == np.int8
    assert g.stack([1.0, f[0]]).dtype == np.float32 and g.concat([f, np.zeros(2)]).dtype == np.float64
    assert g.full(3, 2).dtype == np.int64 and g.zeros(3, "float32").dtype == np.float32
    assert f.at[0].set(2.0).dtype == np.float32 and g.one_hot(k, 4, dtype="float32").dtype == np.float32


def test_numpys_functions_build_the_same():
    A = g.symbol("A", shape=(3, 3))
    assert np.sum(b) is g.sum(b) and np.mean(M, axis=0, keepdims=True) is g.mean(M, 0, True)
    assert np.concatenate([b, b]) is g.concat(b, b) and np.stack((b, b), axis=1) is g.stack([b, b], axis=1)
    assert np.einsum("i,i", b, b) is g.einsum("i,i->", b, b) and np.matmul(A, A) is A @ A
    assert np.linalg.det(A) is g.det(A) and np.linalg.solve(A, A) is g.solve(A, A)
    assert np.transpose(M) is M.T and np.reshape(M, (3, 2)) is g.reshape(M, (3, 2)) and M.mT is M.T
    assert np.dot(A, A) is A @ A and np.zeros_like(b) is g.zeros_like(b) and np.linalg.qr(A).Q is g.qr(A).Q
    assert (np.ones(4) @ b).op.name == "matmul"
    assert np.where(b > 0, b, 0) is g.where(b > 0, b, 0) and np.clip(b, 0, 1) is g.clip(b, 0, 1)
    assert np.round(b) is g.round(b) and np.fix(b) is g.trunc(b)
    assert np.shape(M) == (2, 3) and np.ndim(M) == 2 and np.result_type(M, np.float32) == np.float64
    with pytest.raises(ExpressionError, match=r"np\.median"):
        np.median(b)


# --- refusals -------------------------------------------------------------------------------------------------------------------------

REFUSED = {
    "broadcast": (lambda: b * M, ShapeError, "do not broadcast"),
    "named": (lambda: X + g.symbol("Y", shape=("m", 3)), ShapeError, "n against m"),
    "float index": (lambda: b[1.5], ExpressionError, "index"),
    "too many": (lambda: b[1, 2], ShapeError, "2 indices for 1 dimension"),
    "range": (lambda: b[4], ShapeError, "out of range"),
    "index type": (lambda: b[c], DtypeError, "index"),
    "mask": (lambda: b[b > 0], ExpressionError, "g.where"),
    "mask array": (lambda: b[np.array([True] * 4)], ExpressionError, "g.where"),
    "True": (lambda: b[True], ExpressionError, "g.where"),
    "ellipses": (lambda: M[..., ...], ShapeError, "more than once"),
    "step": (lambda: b[::0], ShapeError, "step"),
    "axis": (lambda: g.sum(b, axis=1), ShapeError, "axes run from -1 to 0"),
    "axis type": (lambda: g.sum(b, axis=0.0), ExpressionError, "whole number"),
    "axis twice": (lambda: g.sum(M, axis=(0, -2)), ShapeError, "twice"),
    "keepdims": (lambda: g.sum(b, keepdims=1), ExpressionError, "True or False"),
    "reshape": (lambda: g.reshape(b, (3, -1)), ShapeError, "4 elements"),
    "two open": (lambda: g.reshape(b, (-1, -1)), ShapeError, "at most one"),
    "named reshape": (lambda: g.reshape(X, ("m", 3)), ShapeError, "3*n elements"),
    "negative": (lambda: g.zeros((-1,)), ShapeError, "negative"),
    "pad": (lambda: g.pad(b, -1), ShapeError, "pad_width"),
    "concat": (lambda: g.concat(M, X, axis=1), ShapeError, "every other axis"),
    "nothing": (lambda: g.concat([]), ArityError, "one operand or more"),
    "stack": (lambda: g.stack(M, b), ShapeError, "one shape"),
    "squeeze": (lambda: g.squeeze(b, 0), ShapeError, "length 1"),
    "permutation": (lambda: g.permute_dims(M, (0, 0)), ShapeError, "twice"),
    "matmul": (lambda: X @ g.symbol("K", shape=(4, "k")), ShapeError, r"X has shape \(n, 3\), from line"),
    "matmul scalar": (lambda: c @ b, ShapeError, "write \\*"),
    "einsum count": (lambda: g.einsum("ij,jk", M), ExpressionError, "2 operands and there are 1"),
    "einsum rank": (lambda: g.einsum("ijk", M), ShapeError, "3 axes of operand 0"),
    "einsum length": (lambda: g.einsum("ii", M), ShapeError, "'i' is 2"),
    "einsum result": (lambda: g.einsum("ij->k", M), ExpressionError, "'k' stands in no operand"),
    "einsum twice": (lambda: g.einsum("ij->ii", M), ExpressionError, "twice"),
    "einsum text": (lambda: g.einsum("i;j", M), ExpressionError, "no subscripts"),
    "einsum no text": (lambda: g.einsum(M, "ij"), ExpressionError, "str"),
    "tensordot": (lambda: g.tensordot(M, M, axes=1), ShapeError, "pairs axis 1 of length 3"),
    "square": (lambda: g.inv(M), ShapeError, "2×3"),
    "square named": (lambda: g.det(X), ShapeError, "n×3"),
    "solve": (lambda: g.solve(g.eye(3), b), ShapeError, "as many rows"),
    "svd": (lambda: g.svd(X), ShapeError, "not known before the call"),
    "update": (lambda: b.at[0].set(b), ShapeError, "does not fit"),
    "update type": (lambda: i.at[0].set(1.5), DtypeError, "cannot hold"),
    "assignment": (lambda: b.__setitem__(0, 1.0), ExpressionError, r"x\.at\[i\]\.set"),
    "update no index": (lambda: b.at.set(1), ExpressionError, "needs an index"),
    "one_hot": (lambda: g.one_hot(b, 3), DtypeError, "whole numbers"),
    "any": (lambda: g.any(b), DtypeError, "compare first"),
    "norm": (lambda: g.norm(b, 0.5), ExpressionError, "1 or more"),
    "arange": (lambda: g.arange(1.5), ShapeError, "dimension"),
    "no step": (lambda: g.arange(3, step=0), ShapeError, "step"),
    "cumsum": (lambda: g.cumsum(M), ShapeError, "must be named"),
    "split": (lambda: g.split(M, 2, axis=1), ShapeError, "no 2 equal parts"),
    "seed": (lambda: g.grad(b * 2, b), GradientError, "seed"),
    "adjoint": (lambda: g.vjp(b, b, np.zeros(3)), ShapeError, r"\(3,\)"),
    "tangent": (lambda: g.jvp(b, b, np.zeros(3)), ShapeError, r"\(3,\)"),
    "to_sympy": (lambda: g.to_sympy(g.sum(c)), GraphcError, "sum"),
    "singular": (lambda: g.evaluate(g.inv(M @ M.T), {"M": np.zeros((2, 3))}), InputError, "Singular"),
    "not definite": (lambda: g.evaluate(g.cholesky(-M @ M.T), {"M": np.eye(2, 3)}), InputError, "positive definite"),
    "call range": (lambda: g.evaluate(b[i], {"b": np.ones(4), "i": [0, 4]}), InputError, "out of range"),
    "short axis": (lambda: g.evaluate(X[:5], {"X": np.ones((3, 3))}), ShapeError, r"\(3, 3\), not \(5, 3\)"),
    "scalar symbol": (lambda: g.evaluate(g.sum(b * c), {"b": np.ones(4), "c": np.ones(4)}), ShapeError, "is a scalar"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_name_the_line(what):
    action, error, says = REFUSED[what]
    with pytest.raises(error, match=says) as caught:
        action()
    assert caught.value.site is not None and caught.value.site.filename == __file__


def test_the_declaration_refuses_attributes_from_files():
    """What a file could hold: none of it builds a node, and none of it is another exception."""
    odd = [
        None,
        True,
        -1,
        10**20,
        2.5,
        "x",
        "n",
        (),
        ((),),
        ("slice",),
        ("slice", "a", None, None),
        ((0, 0),),
        "array",
        (None,),
    ]
    for op in array_ops():
        operands = [M if op.name not in ("vecdot", "outer") else b] * (len(op.params) or 0)
        for attr in odd:
            attrs = (attr,) * len(op.attributes)
            try:
                node = apply(op, *operands, attrs=attrs)
            except GraphcError:
                continue
            except (TypeError, ValueError) as error:  # as graphc.rows expects them
                assert not isinstance(error, (AssertionError, RecursionError))
                continue
            assert node is apply(op, *operands, attrs=node.attrs)


def test_a_number_has_no_axis_to_pad():
    """As in NumPy, where it stays a number."""
    s = g.symbol("s")
    assert (
        g.evaluate(g.pad(s, 2), {"s": 3.0})
        == g.compile(g.pad(s, 2), [s])(3.0)
        == np.pad(np.array(3.0), 2)
        == 3.0
    )
