"""Elements that a result does not use reach no derivative: where the partial is infinite theirs is 0, never 0·∞.

The sweep is over every operation on arrays. Each operand x becomes x + √z at z = 0, whose partial is infinite everywhere; one
element of the result is differentiated, and NumPy's own function, called at moved operands, says on which elements it does not
depend.
"""

import numpy as np
import pytest

import graphc as g
from tests.ops.array_cases import CASES

INF = np.inf

A_FACTOR_OF_ZERO = {"eye", "arange", "linspace"}
"""The formula of the case multiplies by 0, or adds what cancels: nothing is left out."""

LAST_COLUMN = {"qr_q", "qr_r"}
"""The last column of a square Q is given by the others up to its sign; that its own does not enter is no matter of form."""


def unused(case, arrays, number, place, moves):
    """The elements of an operand that one element of the result does not depend on, by NumPy."""
    base = np.asarray(case.numpy(*arrays))[place]
    result = np.zeros(arrays[number].shape, dtype=bool)
    for element in np.ndindex(*arrays[number].shape):
        values = []
        for move in moves:
            moved = list(arrays)
            moved[number] = arrays[number].copy()
            moved[number][element] += move
            values.append(np.asarray(case.numpy(*moved))[place])
        result[element] = all(value == base for value in values)
    return result


def gradients_left_out(case, choices, moves, evaluate):
    """(operand's number, gradient by what is not used) for some elements of the result."""
    symbols, point = case.symbols(), case.point()
    arrays = [point[symbol.name] for symbol in symbols]
    floats = [number for number, symbol in enumerate(symbols) if symbol.dtype.kind == "f"]
    roots = {number: g.symbol(f"z{number}", shape=symbols[number].shape) for number in floats}
    inner = [s + g.sqrt(roots[n]) if n in roots else s for n, s in enumerate(symbols)]
    y = case.build(*inner)
    shape = np.shape(case.numpy(*arrays))
    if not floats or y.dtype.kind != "f" or 0 in shape:
        return
    for choice in choices:
        place = np.unravel_index(choice % max(int(np.prod(shape)), 1), shape)
        one = y[tuple(int(axis) for axis in place)] if shape else y
        for number in floats:
            left_out = unused(case, arrays, number, place, moves)
            if case.op in LAST_COLUMN:
                left_out[..., min(left_out.shape[-2:]) - 1 :] = False
            if left_out.any():
                gradient = g.grad(one, roots[number])
                known = dict(zip(symbols, arrays, strict=True)) | {
                    roots[n]: np.zeros_like(arrays[n]) for n in floats
                }
                value = evaluate(gradient, {s: known[s] for s in g.Graph(gradient).symbols})
                yield number, np.broadcast_to(value, left_out.shape)[left_out]


SWEPT = [case for case in CASES if case.smooth and case.op not in A_FACTOR_OF_ZERO]


@pytest.mark.parametrize("case", SWEPT, ids=lambda case: case.op)
def test_every_operation_on_arrays_leaves_them_out(case):
    for number, gradient in gradients_left_out(case, (11,), (0.3, -0.3), g.evaluate):
        assert (gradient == 0).all(), (case.op, number)


@pytest.mark.slow
@pytest.mark.parametrize("case", SWEPT, ids=lambda case: case.op)
def test_every_operation_leaves_them_out_of_compiled_gradients(case):
    def compiled(gradient, known):
        return g.compile(gradient, list(known))(*known.values())

    for number, gradient in gradients_left_out(case, (0, 7), (1e-3, 0.3, -0.3), compiled):
        assert (gradient == 0).all(), (case.op, number)


# --- by hand ------------------------------------------------------------------------------------------------------------------

U = g.symbol("U", shape=(3,))
ROOT = g.sqrt(U)
M = g.symbol("M", shape=(3, 3))
ROOTS = g.sqrt(M)
POINT = np.array([1.0, 0.0, 4.0])
SQUARE = np.array([[1.0, 0.0, 0.0], [16.0, 4.0, 0.0], [64.0, 0.25, 0.0625]])

VECTORS = {
    "an index": (ROOT[0], [0.5, 0, 0]),
    "a negative index": (ROOT[-1], [0, 0, 0.25]),
    "a slice": (g.sum(ROOT[::2]), [0.5, 0, 0.25]),
    "a reversed slice": (g.sum(ROOT[2:1:-1]), [0, 0, 0.25]),
    "an array of places": (g.sum(ROOT[[2, 2, 0]]), [0.5, 0, 0.5]),
    "take": (g.sum(g.take(ROOT, np.array([0]))), [0.5, 0, 0]),
    "max": (g.max(ROOT), [0, 0, 0.25]),
    "the norm of the largest": (g.norm(ROOT, INF), [0, 0, 0.25]),
    "sort": (g.sort(ROOT)[2], [0, 0, 0.25]),
    "flip": (g.flip(ROOT)[0], [0, 0, 0.25]),
    "roll": (g.roll(ROOT, 1)[0], [0, 0, 0.25]),
    "stack": (g.sum(g.stack([ROOT, U])[1]), [1, 1, 1]),
    "concat": (g.sum(g.concat([ROOT, U])[2:]), [1, 1, 1.25]),
    "two uses that leave one out": (ROOT[0] * ROOT[2] + ROOT[0], [1.5, 0, 0.25]),
    "set": (g.sum(ROOT.at[1].set(7.0)), [0.5, 0, 0.25]),
    "set between": (g.sum((2 * ROOT).at[1].set(U[0])), [2.0, 0, 0.5]),
    "added to": (ROOT.at[1].add(2.0)[0], [0.5, 0, 0]),
    "pad": (g.sum(g.pad(ROOT, 1)[3:]), [0, 0, 0.25]),
    "a running sum": (g.cumsum(ROOT)[0], [0.5, 0, 0]),
    "a running product": (g.cumprod(ROOT)[0], [0.5, 0, 0]),
    "a dot product with a part": (ROOT[::2] @ np.array([1.0, 2.0]), [0.5, 0, 0.5]),
    "repeat": (g.repeat(ROOT, 2)[1], [0.5, 0, 0]),
    "tile": (g.tile(ROOT, 2)[3], [0.5, 0, 0]),
    "where over a part": (g.where(U[0] > 0, ROOT[0], ROOT[1]), [0.5, 0, 0]),
    "a chain": (g.exp(g.log(ROOT)[0]), [0.5, 0, 0]),
    "reshape": (g.reshape(ROOT, (3, 1))[0, 0], [0.5, 0, 0]),
    "a sum of rows": (g.sum(g.stack([ROOT, ROOT], axis=1), axis=1)[0], [1, 0, 0]),
    "a mean of masked elements": (g.sum(g.where(U > 0, ROOT, 0)), [0.5, 0, 0.25]),
}  # fmt: skip

MATRICES = {
    "tril": (g.sum(g.tril(ROOTS)), [[0.5, 0, 0], [0.125, 0.25, 0], [0.0625, 1, 2]]),
    "triu, transposed": (g.sum(g.triu(ROOTS.T)), [[0.5, 0, 0], [0.125, 0.25, 0], [0.0625, 1, 2]]),
    "trace": (g.trace(ROOTS), np.diag([0.5, 0.25, 2])),
    "diagonal": (g.sum(g.diagonal(ROOTS, -1)), [[0, 0, 0], [0.125, 0, 0], [0, 1, 0]]),
    "einsum of a diagonal": (g.einsum("ii", ROOTS), np.diag([0.5, 0.25, 2])),
    "max along an axis": (g.sum(g.max(ROOTS, axis=1)), [[0.5, 0, 0], [0.125, 0, 0], [0.0625, 0, 0]]),
    "pool": (g.sum(g.max_pool2d(g.reshape(ROOTS, (1, 1, 3, 3)), 2)), [[0, 0, 0], [0.125, 0, 0], [0, 0, 0]]),
    "pool of means": (g.sum(g.avg_pool2d(g.reshape(ROOTS, (1, 1, 3, 3)), 1, 2)), [[0.5, 0, INF], [0, 0, 0], [0.0625, 0, 2]]),
    "a product's column": ((np.eye(3) @ ROOTS)[0, 0], [[0.5, 0, 0], [0, 0, 0], [0, 0, 0]]),
    "softmax of a row": (g.softmax(ROOTS)[2, 0], None),
    "a determinant of a part": (g.det(ROOTS[1:, :2]), None),
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_elements_of_vectors_that_are_left_out(name):
    output, wanted = VECTORS[name]
    gradient = g.grad(output, U)
    np.testing.assert_array_equal(g.evaluate(gradient, {"U": POINT}), wanted)
    np.testing.assert_array_equal(g.compile(gradient, [U])(POINT), g.evaluate(gradient, {"U": POINT}))
    along = g.evaluate(g.jvp(output, U, np.ones(3)), {"U": POINT})
    np.testing.assert_allclose(along, np.sum(wanted), rtol=1e-15)


@pytest.mark.parametrize("name", MATRICES)
def test_elements_of_matrices_that_are_left_out(name):
    output, wanted = MATRICES[name]
    gradient = g.evaluate(g.grad(output, M), {"M": SQUARE})
    if wanted is not None:
        np.testing.assert_array_equal(gradient, wanted)
    else:
        assert not np.isnan(gradient).any() and (gradient[0] == 0).all()


def test_what_is_used_keeps_its_infinity_and_a_users_zero_is_a_factor():
    assert g.evaluate(g.grad(g.sum(ROOT), U), {"U": POINT}).tolist() == [0.5, INF, 0.25]
    assert g.evaluate(g.grad(ROOT[1], U), {"U": POINT}).tolist() == [0, INF, 0]
    by_zero = g.evaluate(g.grad(g.sum(np.array([1.0, 0.0, 0.0]) * ROOT), U), {"U": POINT})
    assert np.isnan(by_zero[1]) and by_zero[[0, 2]].tolist() == [0.5, 0]
    seeded = g.evaluate(g.grad(ROOT, U, seed=np.array([1.0, 0.0, 0.0])), {"U": POINT})
    assert np.isnan(seeded[1])
    assert np.isnan(g.evaluate(g.grad(0 * ROOT[1], U), {"U": POINT})[1])


@pytest.mark.parametrize("size", [2, 3, 4])
def test_jacobians_by_rows_and_by_columns_are_diagonal(size):
    x = g.symbol("x", shape=(3,))
    outputs = g.sqrt(x)[:size] if size < 4 else g.concat([g.sqrt(x), x[:1]])
    value = g.evaluate(g.jacobian(outputs, x), {"x": POINT})
    wanted = np.zeros((size, 3))
    wanted[: min(size, 3)] = np.diag([0.5, INF, 0.25])[:size]
    if size == 4:
        wanted[3, 0] = 1
    np.testing.assert_array_equal(value, wanted)


def test_hessians_leave_them_out():
    def hessian(output):
        return g.evaluate(g.hessian(output, U), {"U": POINT})

    np.testing.assert_array_equal(hessian(ROOT[0]), np.diag([-0.25, 0, 0]))
    np.testing.assert_array_equal(hessian(g.sum(ROOT)), np.diag([-0.25, -INF, -0.03125]))
    np.testing.assert_array_equal(hessian(g.max(ROOT) ** 3), np.diag([0, 0, 0.375]))
    np.testing.assert_array_equal(hessian(g.sum(g.sort(ROOT)[1:])), np.diag([-0.25, 0, -0.03125]))


CONSTANT = np.array([0.0, 1.0])


@pytest.mark.parametrize(
    "build",
    [
        lambda x: g.concat([x, g.constant(CONSTANT)]), lambda x: g.pad(x, 1), lambda x: g.diag(x),
        lambda x: x.at[1].set(0.0), lambda x: g.tril(g.outer(x, x), -1), lambda x: g.stack([x, g.constant(np.zeros(3))]),
        lambda x: g.sort(g.concat([x, g.constant(CONSTANT)])), lambda x: g.roll(g.pad(x, 1), 2),
    ],
    ids=["concat", "pad", "diag", "set", "tril", "stack", "sort", "roll"],
)  # fmt: skip
def test_forward_mode_leaves_out_what_does_not_change(build):
    x, t = g.symbol("x", shape=(3,)), g.symbol("t", shape=(3,))
    output = g.sum(g.sqrt(build(x)))
    point, direction = np.array([1.0, 2.0, 4.0]), np.array([0.5, -1.0, 2.0])
    along = g.evaluate(g.jvp(output, x, t), {"x": point, "t": direction})
    back = g.evaluate(g.grad(output, x), {"x": point}) @ direction
    assert np.isfinite(along) and along == pytest.approx(back, rel=1e-14)


def test_named_lengths_and_places_that_a_call_tells():
    rows, places = g.symbol("rows", shape=("n", 2)), g.symbol("places", shape=("m",), dtype="int64")
    point = np.array([[1.0, 4.0], [0.0, 0.0], [16.0, 1.0]])
    gradient = g.grad(g.sum(g.sqrt(rows)[places]), rows)
    np.testing.assert_array_equal(
        g.compile(gradient, [rows, places])(point, np.array([2, 0, 2])), [[0.5, 0.25], [0, 0], [0.25, 1]]
    )
    twice = g.sqrt(rows)
    gradient = g.grad(g.sum(twice[places]) + g.sum(twice[0]), rows)
    np.testing.assert_array_equal(
        g.compile(gradient, [rows, places])(point, np.array([2])), [[0.5, 0.25], [0, 0], [0.125, 0.5]]
    )
    np.testing.assert_array_equal(
        g.evaluate(g.grad(g.sum(g.sqrt(rows)[:, 1]), rows), {"rows": point[::2]}), [[0, 0.25], [0, 0.5]]
    )


def test_a_likelihood_gathered_by_label_keeps_its_gradient():
    z, labels = g.symbol("z", shape=("n", 3)), g.symbol("labels", shape=("n",), dtype="int64")
    loss = -g.mean(g.log(g.softmax(z))[g.arange("n"), labels])
    gradient = g.evaluate(g.grad(loss, z), {"z": np.array([[1000.0, 0.0, -1000.0]]), "labels": np.array([0])})
    np.testing.assert_array_equal(gradient, [[0, 0, 0]])


def test_a_factor_of_what_is_left_out_does_not_reach_the_other():
    a, b = g.symbol("a", shape=(2, 3)), g.symbol("b", shape=(3, 2))
    point = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([[1, INF], [2, np.nan], [3, 0]])}
    for product in (a @ b, g.einsum("ij,jk->ik", a, b)):
        np.testing.assert_array_equal(g.evaluate(g.grad(g.sum(product[:, 0]), a), point), [[1, 2, 3]] * 2)


X, W, V = (g.symbol(name, shape=shape) for name, shape in (("X", ("n", 4)), ("W", (4, 6)), ("V", (6, 2))))
GATES = g.tanh(X @ W)
IMAGES, KERNEL = g.symbol("images", shape=("n", 1, 8, 8)), g.symbol("kernel", shape=(2, 1, 3, 3))


@pytest.mark.parametrize(
    ("loss", "node"),
    [
        (g.sum(g.sqrt(U)), U), (g.sum((g.tanh(X @ W) @ V) ** 2), W), (g.sum(g.sigmoid(GATES[:, :3]) * GATES[:, 3:]), W),
        (g.sum((g.exp(U)[1:] - g.exp(U)[:-1]) ** 2), U), (g.sum(g.concat([g.exp(U), g.tanh(U)]) ** 2), U),
        (g.sum(g.log_softmax(GATES @ V)[g.arange("n"), g.symbol("y", shape=("n",), dtype="int64")]), W),
        (g.sum(g.max_pool2d(g.relu(g.conv2d(IMAGES, KERNEL)), 2) ** 2), KERNEL),
        (g.sum(g.max_pool2d(g.tanh(g.conv2d(IMAGES, KERNEL)), 2) ** 2), KERNEL),
    ],
    ids=["roots", "network", "gates", "differences", "concat", "labels", "relu and pool", "tanh and pool"],
)  # fmt: skip
def test_what_uses_all_elements_is_guarded_by_nothing(loss, node):
    gradient = g.grad(loss, node)
    guards = [n for n in g.Graph(gradient).exprs if n.op.name == "where" and "relu" not in str(loss)]
    assert not guards


def test_a_bounded_slope_is_finite_for_all_operands():
    for name in g.operations():
        function = getattr(g, name, None)
        op = getattr(function, "op", None)
        if op is None or op.on_arrays or not op.facts.bounded_slope:
            continue
        x = g.symbol("x", shape=("n",))
        points = np.concatenate([np.geomspace(1e-308, 1e308, 500), [0, INF]])
        slopes = g.evaluate(g.grad(g.sum(function(x)), x), {"x": np.concatenate([points, -points])})
        assert np.isfinite(slopes).all(), name
