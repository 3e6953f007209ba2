"""Sparse derivatives: patterns against dense derivatives and by hand, colourings by their definition, what functions return."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import graphc as g
from graphc.autodiff.sparse.colouring import columns_apart, star
from graphc.errors import ExpressionError, GradientError, InputError
from graphc.ir.expr import walk
from graphc.ops.support.sparse_arrays import scipy_sparse
from tests.ops.array_cases import CASES
from tests.strategies import Sample, forests
from tests.tensor_programs import Program, programs

X = g.symbol("x", shape=8)
M = g.symbol("m", shape=(4, 5))


def dense(outputs, variables, at):
    """The dense Jacobian by the interpreter: rows of all outputs, columns of all variables."""
    blocks = [
        [
            np.reshape(g.evaluate(g.jacobian(y, x), at), (int(np.prod(y.shape)), int(np.prod(x.shape))))
            for x in variables
        ]
        for y in outputs
    ]
    return np.block(blocks)


def agree(sparse, whole, tolerance=1e-12):
    """Equal where both are finite, within some roundings of the largest entry; the same places elsewhere."""
    table = sparse.toarray()
    finite = np.isfinite(whole)
    np.testing.assert_array_equal(np.isfinite(table), finite)
    scale = np.abs(whole[finite]).max(initial=1.0)
    np.testing.assert_allclose(table[finite], whole[finite], rtol=0, atol=tolerance * scale)


def banded(rows, columns, *offsets):
    return sum(np.eye(rows, columns, k=offset, dtype=bool) for offset in offsets).astype(bool)


def stencil(m):
    return 4 * m[1:-1, 1:-1] - m[:-2, 1:-1] - m[2:, 1:-1] - m[1:-1, :-2] - m[1:-1, 2:]


def of_stencil():
    table = np.zeros((2, 3, 4, 5), bool)
    for i in range(2):
        for j in range(3):
            for di, dj in ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2)):
                table[i, j, i + di, j + dj] = True
    return table.reshape(6, 20)


# each formula with its pattern, written by hand, and the number of colours that is known to be least
PATTERNS = {
    "differences": (X[1:] - X[:-1] ** 2, X, banded(7, 8, 0, 1), 2),
    "strides": (X[::2] * 3, X, np.eye(8, dtype=bool)[::2], 1),
    "backwards": (g.sin(X[::-1]), X, np.eye(8, dtype=bool)[::-1], 1),
    "recurrence": (X[2:] * X[1:-1] + X[:-2], X, banded(6, 8, 0, 1, 2), 3),
    "constant indices": (X[np.array([3, 3, 0])] ** 2, X, np.eye(8, dtype=bool)[[3, 3, 0]], 1),
    "stencil": (stencil(M), M, of_stencil(), 5),
    "periodic": (g.roll(X, 1) * X, X, banded(8, 8, 0, -1, 7), 2),
    "blocks": (g.concat([X[:4] * 2, X[:4] * X[4:]]), X, np.block([[np.eye(4), np.zeros((4, 4))], [np.eye(4)] * 2]) > 0, 2),
    "stacked": (g.stack([X, X**2]), X, np.vstack([np.eye(8)] * 2) > 0, 1),
    "reshaped": (g.sum(g.reshape(X, (2, 4)), axis=1), X, np.kron(np.eye(2), np.ones((1, 4))) > 0, 1),
    "running sums": (g.cumsum(X), X, np.tril(np.ones((8, 8))) > 0, 8),
    "a constant matrix": (np.diag([1.0, 0, 2.0, 0, 0, 0, 0, 3.0]) @ X, X, np.diag([1, 0, 1, 0, 0, 0, 0, 1]) > 0, 1),
    "a mask": (X * np.array([1.0, 0.0] * 4), X, np.diag([1, 0] * 4) > 0, 1),
    "a chosen half": (g.where(np.arange(8) < 3, X, X[::-1]), X, np.vstack([np.eye(8)[:3], np.eye(8)[::-1][3:]]) > 0, 1),
    "updated": (X.at[2:4].set(X[:2] * 2), X, np.eye(8, dtype=bool)[[0, 1, 0, 1, 4, 5, 6, 7]], 1),
    "padded": (g.pad(X[:2], ((1, 1),), value=7.0), X, banded(4, 8, -1) & (np.arange(4) < 3)[:, None], 1),
    "rows of a product": (M @ g.constant(np.array([1.0, 0, 0, 2.0, 0])), M, np.kron(np.eye(4), [1, 0, 0, 1, 0]) > 0, 1),
    "of nothing": (g.constant(np.ones(3)) * 2.0, X, np.zeros((3, 8), bool), 0),
    "one row": (g.sum(X**2), X, np.ones((1, 8), bool), 1),
    "whole numbers alone": (g.floor(X) + g.sign(X), X, np.zeros((8, 8), bool), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_by_hand(name):
    output, by, table, colours = PATTERNS[name]
    np.testing.assert_array_equal(g.sparsity(output, by).toarray(), table)
    found = g.jacobian(output, by, sparse=True)
    assert found.nnz == table.sum()
    assert found.colours <= max(colours, 2 * colours - 2)  # greedy colourings are near the least
    at = {by: np.linspace(0.3, 1.7, np.prod(by.shape)).reshape(by.shape)}
    agree(g.evaluate(found, at), dense([output], [by], at))


@pytest.mark.parametrize("case", CASES, ids=[f"{case.op}{number}" for number, case in enumerate(CASES)])
def test_patterns_of_every_operation_on_arrays(case):
    """No derivative that is not zero at some point is left out, and the entries are those of the dense Jacobian."""
    symbols, at = case.symbols(), case.point()
    output = case.build(*symbols)
    floats = [s for s in symbols if s.dtype.kind == "f" and s in g.free_symbols(output)]
    if not floats or output.dtype.kind != "f" or not int(np.prod(output.shape)):
        return
    try:
        whole = dense([output], floats, at)
    except GradientError:
        return
    table = g.sparsity(output, floats).toarray()
    assert not np.any((whole != 0) & ~np.isnan(whole) & ~table)
    agree(g.evaluate(g.jacobian(output, floats, sparse=True), at), np.where(table, whole, 0.0), 1e-5)


def tolerance_of(program: Program) -> float:
    return 4000 * program.steps * float(np.finfo(program.dtype).eps)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs(most=6, names=False))
def test_random_programs(program):
    variables = [s for s in program.inputs if int(np.prod(s.shape)) <= 12]
    outputs = [y for y in program.outputs if int(np.prod(y.shape)) <= 40 and y.dtype.kind == "f"]
    if not variables or not outputs:
        return
    at = program.arrays
    try:
        whole = dense(outputs, variables, at)
    except GradientError:
        return
    found = g.jacobian(outputs, variables, sparse=True)
    agree(g.evaluate(found, at), whole, tolerance_of(program))
    assert not np.any((whole != 0) & ~found.pattern.toarray())


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(forests(3, mixed=False, most=8))
def test_random_graphs_of_numbers(sample: Sample):
    variables = list(sample.symbols)
    if not variables:
        return
    found = g.jacobian(sample.output, variables, sparse=True, format="coo")
    assert found.mode in ("forward", "reverse")
    with np.errstate(all="ignore"):
        whole = np.array(
            [[g.evaluate(g.grad(y, x), sample.at) for x in variables] for y in sample.output], dtype=float
        )
        table = g.evaluate(found, sample.at).toarray()
    missing = ~found.pattern.toarray()
    assert not np.any(missing & (whole != 0) & np.isfinite(whole))
    finite = np.isfinite(whole) & np.isfinite(table) & ~missing
    # forward against reverse mode of formulas that may cancel: which entry is where, not its last digits
    single = any(node.dtype == np.float32 for node in walk(sample.output))
    scale = np.abs(whole[finite]).max(initial=1.0)
    np.testing.assert_allclose(table[finite], whole[finite], rtol=0, atol=(1e-2 if single else 1e-9) * scale)


# --- Hessians ----------------------------------------------------------------------------------------------------------------

OBJECTIVES = {
    "Rosenbrock": (g.sum(100 * (X[1:] - X[:-1] ** 2) ** 2 + (1 - X[:-1]) ** 2), banded(8, 8, -1, 0, 1), 3),
    "arrow": (g.sum(X[1:] ** 2) * X[0], np.eye(8) + np.eye(8)[:, :1] + np.eye(8)[:1] > 0, 2),
    "separable": (g.sum(g.exp(X)), np.eye(8) > 0, 1),
    "linear": (g.sum(3 * X), np.zeros((8, 8)), 0),
    "pairs": (g.sum(X[:4] * X[4:]), np.eye(8, k=4) + np.eye(8, k=-4) > 0, 2),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_hessians(name):
    objective, table, colours = OBJECTIVES[name]
    if name == "arrow":
        table = table & ~np.diag([1] + [0] * 7).astype(bool)  # x₀ stands in no square
    found = g.hessian(objective, X, sparse=True)
    np.testing.assert_array_equal(found.pattern.toarray(), table)
    assert found.colours <= colours
    at = {X: np.linspace(-1, 2, 8)}
    agree(g.evaluate(found, at), g.evaluate(g.hessian(objective, X), at))


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
def test_scalars_and_arrays_have_one_hessian(format):
    """x[i] as symbols of their own and as elements of one array."""
    xs = [g.symbol(f"x{i}") for i in range(8)]
    of_numbers = sum((xs[i + 1] - xs[i] ** 2) ** 2 * g.cos(xs[i]) for i in range(7))
    of_arrays = g.sum((X[1:] - X[:-1] ** 2) ** 2 * g.cos(X[:-1]))
    a = g.compile(g.hessian(of_numbers, xs, sparse=True, format=format), xs)
    b = g.compile(g.hessian(of_arrays, X, sparse=True, format=format), [X])
    point = np.linspace(-1, 1, 8)
    assert a(*point).format == b(point).format == format
    np.testing.assert_array_equal(a(*point).toarray() != 0, b(point).toarray() != 0)
    np.testing.assert_allclose(a(*point).toarray(), b(point).toarray(), rtol=0, atol=1e-13)


# --- colourings --------------------------------------------------------------------------------------------------------------


def random_patterns():
    rng = np.random.default_rng(11)
    for rows, columns in ((1, 1), (5, 9), (9, 5), (20, 20), (40, 25), *[(12, 12)] * 30):
        for density in (0.0, 0.05, 0.2, 0.6):
            yield rng.random((rows, columns)) < density


def test_columns_of_one_colour_share_no_row():
    for table in random_patterns():
        colours = columns_apart(scipy_sparse().csr_array(table))
        for row in table:
            own = colours[row]
            assert len(set(own)) == len(own)
        bound = max(int(table[table[:, j]].sum()) for j in range(table.shape[1]))
        assert colours.max(initial=-1) + 1 <= 1 + bound


def test_star_colourings_by_their_definition():
    """Each entry or its mirror image is alone in its row among the columns of its colour."""
    for table in random_patterns():
        if table.shape[0] != table.shape[1]:
            table = table[: min(table.shape), : min(table.shape)]
        table = table | table.T
        colours = star(scipy_sparse().csr_array(table))
        for i, j in zip(*np.nonzero(table), strict=True):
            alone = [np.sum(table[r] & (colours == colours[c])) == 1 for r, c in ((i, j), (j, i))]
            assert any(alone), (i, j)
        assert colours.max(initial=-1) <= columns_apart(scipy_sparse().csr_array(table)).max(initial=-1)


def test_a_wheel_has_few_colours():
    """A hub, its spokes and a rim: rows apart would take a colour for each."""
    n = 30
    table = np.eye(n, dtype=bool) | np.eye(n, k=1, dtype=bool) | np.eye(n, k=-1, dtype=bool)
    table[0, :] = table[:, 0] = True
    pattern = scipy_sparse().csr_array(table)
    assert columns_apart(pattern).max() + 1 == n
    colours = star(pattern)
    assert colours.max() + 1 <= 5
    for i, j in zip(*np.nonzero(table), strict=True):
        assert any(np.sum(table[r] & (colours == colours[c])) == 1 for r, c in ((i, j), (j, i)))


# --- what functions return ---------------------------------------------------------------------------------------------------


def test_one_function_of_value_gradient_and_hessian():
    objective = OBJECTIVES["Rosenbrock"][0]
    slopes = g.grad(objective, X)
    tree = {"value": objective, "slopes": slopes, "curvature": g.hessian(objective, X, sparse=True)}
    f = g.compile(tree, [X])
    point = np.linspace(-1, 1, 8)
    found = f(point)
    assert found["value"] == g.compile(objective, [X])(point)
    agree(found["curvature"], g.evaluate(g.hessian(objective, X), {X: point}))
    again = pickle.loads(pickle.dumps(f))(x=point)
    np.testing.assert_array_equal(again["curvature"].toarray(), found["curvature"].toarray())
    assert f.inputs == ("x",)


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
def test_out_reuses_the_structure(format):
    f = g.compile(g.jacobian(X[1:] * X[:-1], X, sparse=True, format=format))
    first, point = f(np.ones(8)), np.linspace(1, 2, 8)
    data = first.data
    assert f(point, out=first) is first and first.data is data
    np.testing.assert_array_equal(first.toarray(), f(point).toarray())
    other = f(point)
    other.data[:] = 0  # what one call returned is not what the next returns
    np.testing.assert_array_equal(f(point).toarray(), first.toarray())
    with pytest.raises(InputError, match="entries"):
        f(point, out=scipy_sparse().csr_array((7, 8)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_another_float_type(dtype):
    point = np.linspace(1, 2, 8).astype(dtype)
    for sparse, whole in (
        (g.jacobian(g.exp(X[1:]) * X[:-1], X, sparse=True), g.jacobian(g.exp(X[1:]) * X[:-1], X)),
        (g.hessian(OBJECTIVES["Rosenbrock"][0], X, sparse=True), g.hessian(OBJECTIVES["Rosenbrock"][0], X)),
    ):
        f = g.compile({"sparse": sparse, "value": g.sum(X)}, [X], dtype=dtype)
        found = f(point)["sparse"]
        assert found.dtype == dtype
        agree(found, g.evaluate(whole, {X: point.astype(float)}), 100 * np.finfo(dtype).eps)
        alone = g.compile(sparse, [X], dtype=dtype)
        assert alone(point, out=found) is found and alone.inputs == ("x",)


def test_a_pattern_without_entries():
    s = g.symbol("s")
    assert g.evaluate(g.jacobian([g.floor(s)], [s], sparse=True), {}).shape == (1, 1)
    assert g.compile(g.hessian(3 * s, [s], sparse=True), [s])(1.0).nnz == 0
    assert g.compile(g.jacobian(X[:0] * 2, X, sparse=True), [X])(np.ones(8)).shape == (0, 8)


def test_infinite_derivatives_stay_in_their_entries():
    found = g.evaluate(g.jacobian(g.sqrt(X[:-1]) + X[1:], X, sparse=True), {X: np.zeros(8)})
    table = found.toarray()
    assert np.all(np.isinf(np.diagonal(table))) and np.all(np.diagonal(table, 1) == 1)


def test_refusals_say_what_to_write():
    named = g.symbol("v", shape="n")
    with pytest.raises(GradientError, match="axis 0 of symbol 'v' has length n"):
        g.jacobian(named[1:] * 2, named, sparse=True)
    with pytest.raises(InputError, match="format"):
        g.jacobian(X * X, X, sparse=True, format="dia")
    with pytest.raises(GradientError, match="int64"):
        g.sparsity(X, g.symbol("i", shape=3, dtype="int64"))


def test_a_picture():
    pattern = g.sparsity(X[1:] * X[:-1], X)
    assert str(pattern).splitlines()[1] == "××······"
    assert pattern.svg().count("h1v1h-1z") == pattern.nnz == 14
    large = g.symbol("u", shape=3000)
    assert g.sparsity(large[1:] - large[:-1], large).svg().count("h1v1h-1z") < 1000


@pytest.mark.parametrize(
    "use",
    [
        lambda J: J + 1,
        lambda J: 1 - J,
        lambda J: 2.0 * J,
        lambda J: np.ones(3) @ J,
        lambda J: np.ones((3, 3)) + J,
        lambda J: J @ np.ones(3),
        lambda J: J[0],
        lambda J: -J,
        lambda J: J < 1,
        lambda J: list(J),
    ],
)
def test_a_sparse_derivative_is_no_operand(use):
    x = g.symbol("x", shape=3)
    with pytest.raises(ExpressionError, match=r"(?s)no operand of a formula.*compiled function returns"):
        use(g.jacobian(x * x, x, sparse=True))
