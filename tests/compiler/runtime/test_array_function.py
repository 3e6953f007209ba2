"""Operations on whole arrays as machine code: the same values as the interpreter, whatever the way they are fused.

The interpreter is held against NumPy elsewhere; here its values are the oracle, to a bound on what another order of rounding
does.
"""

from __future__ import annotations

import ctypes
import pickle
import threading
import tracemalloc

import numpy as np
import pytest

import graphc as g
from graphc.compiler.runtime.compiled_function import CompiledFunction
from graphc.errors import CompileError, DtypeError, InputError, ShapeError
from tests.ops.array_cases import CASES

EACH = pytest.mark.parametrize("case", CASES, ids=[f"{case.op}{number}" for number, case in enumerate(CASES)])


def agree(found, wanted, dtype, ulps=400):
    """Sums in another order, functions of other libraries: some hundred units of the largest element."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    if wanted.dtype.kind in "biu":
        return bool(np.array_equal(found, wanted))
    both = np.isfinite(wanted)
    if not np.array_equal(np.isfinite(found), both):
        return False
    scale = max(1.0, np.abs(wanted[both]).max(initial=0))
    return bool(np.abs(found[both] - wanted[both]).max(initial=0) <= ulps * np.finfo(dtype).eps * scale)


def value_and_gradients(case, named, dtype):
    symbols = case.symbols(named=named, dtype=dtype)
    expr = case.build(*symbols)
    outputs = [expr]
    if case.smooth and expr.dtype.kind == "f":
        outputs += g.grad(g.sum(expr * 1.5), [symbol for symbol in symbols if symbol.dtype.kind == "f"])
    return symbols, outputs


@pytest.mark.sample(3)
@EACH
def test_every_operation_and_its_gradients_are_the_interpreters(case):
    symbols, outputs = value_and_gradients(case, case.named, "float64")
    point = case.point()
    f = g.compile(outputs, symbols, rewrite=None)
    for found, wanted in zip(f(*point.values()), g.evaluate(outputs, point), strict=True):
        assert agree(found, wanted, "float64")


@pytest.mark.slow
@pytest.mark.parametrize("named", [False, True])
@EACH
def test_every_operation_in_float32_and_rewritten(case, named):
    if named and not case.named:
        return
    symbols, outputs = value_and_gradients(case, named, "float32")
    point = case.point(dtype="float32")
    f = g.compile(outputs, symbols)
    for found, wanted in zip(f(*point.values()), g.evaluate(outputs, point), strict=True):
        assert agree(found, wanted, "float32")


X = g.symbol("X", shape=("n", "d"))
V = g.symbol("V", shape="d")
U = g.symbol("U", shape="n")
T = g.symbol("T", shape=("n", "d", "k"))

FUSED = {
    "softmax": lambda: g.softmax(X),
    "softmax by columns": lambda: g.softmax(X, axis=0),
    "layer norm": lambda: (
        (X - g.mean(X, axis=1, keepdims=True)) / g.sqrt(g.var(X, axis=1, keepdims=True) + 1e-5)
    ),
    "batch norm": lambda: (X - g.mean(X, axis=0)) / g.sqrt(g.var(X, axis=0) + 1e-5) * V,
    "mean squared error": lambda: g.mean((g.tanh(X) - V) ** 2),
    "sum of rows and all": lambda: (g.sum(X, axis=1), g.sum(X), g.max(X, axis=0), X * 2),
    "three axes": lambda: (g.sum(T, axis=1), g.sum(T, axis=(0, 2)), g.max(T, axis=2), g.sum(T, axis=0)),
    "logsumexp over all": lambda: g.logsumexp(X),
    "outer": lambda: g.exp(g.expand_dims(U, 1) * V),
    "row number": lambda: X * g.expand_dims(g.arange("n", dtype="float64"), 1),
    "rows picked": lambda: X[:, 0] * g.sum(X, axis=1),
    "argmax": lambda: (g.argmax(X, axis=1), g.argmax(X, axis=0), g.argmin(X)),
    "flipped and padded": lambda: g.pad(g.flip(g.exp(X), axis=0), ((1, 0), (0, 2))) + 1,
    "reshaped": lambda: g.sum(g.reshape(g.exp(X), (-1,)) * 2),
    "product": lambda: (g.prod(X, axis=1), g.prod(V)),
    "norms": lambda: (g.norm(X), g.norm(X, axis=1), g.norm(V, ord=1), g.norm(V, ord=np.inf)),
}


def point(n, d, k=3):
    rng = np.random.default_rng(n + 100 * d)
    shapes = {"X": (n, d), "V": (d,), "U": (n,), "T": (n, d, k)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", FUSED)
def test_fused_loops_at_many_lengths(name):
    built = FUSED[name]()
    outputs = list(built) if isinstance(built, tuple) else [built]
    scalar = sum((g.sum(output) for output in outputs if output.dtype.kind == "f"), g.constant(0.0))
    graph = g.Graph([*outputs, *(g.grad(scalar, [X]) if scalar.operands else [])])
    f = g.compile(graph, rewrite=None)
    names = [symbol.name for symbol in graph.symbols]
    for n, d in [(1, 1), (3, 5), (7, 1), (1, 70), (40, 33), (300, 100), (5, 3000), (2500, 3)]:
        at = {name: value for name, value in point(n, d).items() if name in names}
        wanted = g.evaluate([graph.exprs[output] for output in graph.outputs], at)
        for found, right in zip(f(**at), wanted, strict=True):
            assert agree(found, right, "float64", ulps=40 * (n + d))


def test_results_do_not_depend_on_the_number_of_threads():
    at = point(3000, 200)
    outputs = [g.softmax(X), g.sum(X), g.sum(X, axis=0), g.grad(g.sum(g.softmax(X) * V), X)]
    f = g.compile(outputs, [X, V], parallel=True)
    one = g.compile(outputs, [X, V], parallel=False)
    wanted = one(at["X"], at["V"])
    for _ in range(5):
        for found, right in zip(f(at["X"], at["V"]), wanted, strict=True):
            assert np.array_equal(found, right)


def test_many_python_threads_at_once():
    f = g.compile([g.softmax(X), g.sum(X @ g.permute_dims(X))], [X])
    points = [point(20 + k, 30)["X"] for k in range(8)]
    wanted = [f(x) for x in points]
    failures = []

    def work(x, right):
        for _ in range(30):
            a, b = f(x)
            if not np.array_equal(a, right[0]) or b != right[1]:
                failures.append(x.shape)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(points, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_sums_are_accurate():
    """Pairwise within blocks, compensated between them: within 4 units of the exact sum of the rounded terms' magnitudes."""
    rng = np.random.default_rng(3)
    x = (rng.random((1000, 999)) + 0.5).astype(np.float32)
    S = g.symbol("S", shape=("n", "d"), dtype="float32")
    total, rows, columns = g.compile([g.sum(S), g.sum(S, axis=1), g.sum(S, axis=0)], [S])(x)
    exact = x.astype(np.float64)
    eps = np.finfo(np.float32).eps
    assert abs(total - exact.sum()) <= 4 * eps * exact.sum()
    assert np.all(np.abs(rows - exact.sum(1)) <= 4 * eps * exact.sum(1))
    assert np.all(
        np.abs(columns - exact.sum(0)) <= 80 * eps * exact.sum(0)
    )  # up to 256 rows one after the other


def test_extremes_hand_nan_on():
    x = point(40, 70)["X"]
    x[3, 50] = np.nan
    x[7, 2] = np.inf
    f = g.compile([g.max(X, axis=1), g.min(X, axis=0), g.max(X), g.sum(X, axis=1), g.argmax(X, axis=1)], [X])
    got = f(x)
    for found, wanted in zip(got, [x.max(1), x.min(0), x.max(), x.sum(1), x.argmax(1)], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)


# --- calls -------------------------------------------------------------------------------------------------------------------


def test_strides_and_read_only_arguments():
    f = g.compile(g.softmax(X @ g.permute_dims(X)), [X])
    x = point(6, 8)["X"]
    wanted = f(x)
    wide = np.zeros((12, 16))
    wide[::2, 1::2] = x
    for other in (np.asfortranarray(x), wide[::2, 1::2], x[::-1][::-1]):
        assert np.array_equal(f(other), wanted)
    frozen = x.copy()
    frozen.flags.writeable = False
    assert np.array_equal(f(frozen), wanted)


def test_out_is_written_even_where_it_overlaps_the_arguments():
    f = g.compile([g.flip(X, axis=0), g.sum(X, axis=1)], [X])
    x = point(5, 4)["X"]
    flipped, sums = f(x)
    a, b = np.empty((5, 4)), np.empty(5)
    result = f(x, out=[a, b])
    assert result[0] is a and result[1] is b
    assert np.array_equal(a, flipped) and np.array_equal(b, sums)
    own = x.copy()
    f(own, out=[own, b])
    assert np.array_equal(own, flipped) and np.array_equal(b, sums)
    spread = np.zeros((5, 8))[:, ::2]
    f(x, out=[spread, b])
    assert np.array_equal(spread, flipped)


def test_empty_axes():
    f = g.compile([g.sum(X, axis=0), g.exp(X), X @ V], [X, V])
    total, powers, product = f(np.zeros((0, 3)), np.zeros(3))
    assert np.array_equal(total, np.zeros(3)) and powers.shape == (0, 3) and product.shape == (0,)


def test_a_name_has_one_length_and_scalars_are_scalars():
    f = g.compile(g.sum(X, axis=1) * U, [X, U])
    with pytest.raises(ShapeError, match="dimension 'n' is 3 in input 'X' and 4 in input 'U'"):
        f(np.zeros((3, 2)), np.zeros(4))
    s = g.symbol("s")
    h = g.compile(g.sum(X) * s, [X, s])
    assert h(np.ones((2, 3)), 2.0) == 12.0
    with pytest.raises(ShapeError, match="'s' is a scalar"):
        h(np.ones((2, 3)), np.ones(2))


def test_places_out_of_range_are_refused_at_the_call():
    i = g.symbol("i", shape="m", dtype="int64")
    f = g.compile(X[i], [X, i])
    x = point(4, 2)["X"]
    assert np.array_equal(f(x, np.array([0, -1, 3])), x[[0, -1, 3]])
    for bad in ([0, 4], [-5, 0]):
        with pytest.raises(InputError, match="out of range for axis 0 of length 4"):
            f(x, np.array(bad))
    h = g.compile(X[:5], [X])
    with pytest.raises(ShapeError, match="too short"):
        h(x)


def test_pickled_functions_compute_the_same():
    f = g.compile(g.softmax(X), [X])
    x = point(4, 3)["X"]
    assert np.array_equal(pickle.loads(pickle.dumps(f))(x), f(x))


def test_a_program_that_rewriting_leaves_no_operation_on_arrays_in_is_pickled():
    v, n = g.symbol("direction pickled", shape=(3,)), g.symbol("length pickled")
    f = g.compile([1 / n, g.broadcast_to(g.constant(1.0), (3,)) * v], [n, v])
    direction = np.array([1.0, -2.0, 3.0])
    for found, expected in zip(pickle.loads(pickle.dumps(f))(4.0, direction), (0.25, direction), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_long_chain_and_a_wide_graph():
    y = X
    for k in range(1500):
        y = y * 0.5 + 1.0 / (k + 1) if k % 100 else g.tanh(y)  # a body of many dear functions takes LLVM long
    f = g.compile(g.sum(y, axis=1), [X])
    x = point(3, 4)["X"]
    assert agree(f(x), g.evaluate(g.sum(y, axis=1), {"X": x}), "float64", ulps=4000)


@pytest.mark.slow
def test_a_long_chain_of_dear_functions_is_one_kernel_many_times():
    y = X
    for _ in range(1500):
        y = g.tanh(y)
    f = g.compile(g.sum(y, axis=1), [X])
    x = point(3, 4)["X"]
    assert agree(f(x), g.evaluate(g.sum(y, axis=1), {"X": x}), "float64", ulps=4000)
    kernels = str(f.report()).count("  kernel ")
    assert kernels > 20 and f._plan.text.count("\ndefine void") <= 4  # type: ignore[attr-defined]


# --- updates -----------------------------------------------------------------------------------------------------------------


def test_updates_are_written_in_place_after_all_results():
    W = g.symbol("W", shape=("d", 2))
    c = g.symbol("c", shape=2)
    Y = X @ W + c
    loss = g.mean(Y**2)
    dW, dc = g.grad(loss, [W, c])
    step = g.compile([loss, W], [X, W, c], updates={W: W - 0.1 * dW, c: c * 0.5 + dc})
    rng = np.random.default_rng(2)
    x, w, b = rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    for _ in range(3):
        at = {"X": x, "W": w.copy(), "c": b.copy()}
        wanted = g.evaluate([loss, W, W - 0.1 * dW, c * 0.5 + dc], at)
        found, before = step(x, w, b)
        assert agree(found, wanted[0], "float64") and np.array_equal(before, at["W"])
        assert agree(w, wanted[2], "float64") and agree(b, wanted[3], "float64")


def test_updates_that_read_each_other_see_the_old_values():
    p, q = g.symbols("p", shape="n"), g.symbols("q", shape="n")
    swap = g.compile(g.sum(p), [p, q], updates={p: q, q: p + q})
    a, b = np.arange(3.0), np.ones(3)
    assert swap(a, b) == 3.0
    assert np.array_equal(a, np.ones(3)) and np.array_equal(b, np.arange(3.0) + 1)
    swap = g.compile([p, g.sum(p * q)], [p, q], updates={p: q, q: p})
    shown, total = swap(a, b)
    assert total == 6.0 and np.array_equal(shown, np.ones(3))
    assert np.array_equal(a, np.arange(3.0) + 1) and np.array_equal(b, np.ones(3))
    r = g.symbol("r", shape="m")
    swap = g.compile(
        [p, g.sum(r)], [p, q, r], updates={p: q, q: p}
    )  # the interpreter's, where an axis is empty
    shown, total = swap(a, b, np.empty(0))
    assert total == 0 and np.array_equal(shown, np.arange(3.0) + 1)
    assert np.array_equal(a, np.ones(3)) and np.array_equal(b, np.arange(3.0) + 1)


def test_a_call_that_is_refused_has_written_nothing():
    """A running variance is there before the place out of range, or the singular matrix, is met."""
    x, q = g.symbol("x", shape=("n", 3)), g.symbol("q", shape=3)
    places, A = g.symbol("places", shape=("n",), dtype="int64"), g.symbol("A", shape=(3, 3))
    spread = g.var(x, axis=0)
    scaled = (x - g.mean(x, axis=0)) / g.sqrt(spread + 1e-5)
    for total, other, wrong in (
        (
            g.sum(
                g.take_along_axis(g.tanh(scaled @ g.reshape(q, (3, 1))), g.expand_dims(places, -1), axis=1)
            ),
            places,
            np.array([0, 1]),
        ),
        (g.sum(g.solve(A, spread)), A, np.zeros((3, 3))),
    ):
        step = g.compile(total, [x, q, other], updates={q: 0.9 * q + 0.1 * spread})
        held = np.arange(3.0)
        with pytest.raises(InputError):
            step(np.eye(2, 3), held, wrong)
        assert held.tolist() == [0, 1, 2]


def test_updated_arguments_may_share_memory_with_one_that_is_not_in_one_call_and_not_in_the_next():
    p, q, r = (g.symbol(name, shape=("n",)) for name in "pqr")
    f = g.compile(g.sum(p), [p, q, r], updates={p: p + g.flip(q), q: 2 * r})
    rng = np.random.default_rng(4)

    def arrays(overlap):
        base = rng.normal(size=60)
        if overlap == "none":
            return base[:20], base[20:40], base[40:]
        if overlap == "in the middle":
            return base[:40], base[30:50].repeat(2), base[10:50]
        return (
            (base[:20], base[20:40], base[10:30]) if overlap == "chain" else (base[:30], base[30:], base[:30])
        )

    for overlap in ("none", "chain", "none", "in the middle", "same", "none", "chain"):
        given = arrays(overlap)
        old = [array.copy() for array in given]
        assert f(*given) == pytest.approx(old[0].sum(), abs=1e-12)
        assert np.array_equal(given[0], old[0] + old[1][::-1])
        assert np.array_equal(given[1], 2 * old[2])


def test_updates_need_arrays_that_can_be_written():
    W = g.symbol("W", shape=3)
    step = g.compile(g.sum(W), [W], updates={W: W * 0.5})
    frozen = np.ones(3)
    frozen.flags.writeable = False
    with pytest.raises(InputError, match="read-only"):
        step(frozen)
    with pytest.raises(InputError, match="no array of float64"):
        step([1.0, 2.0, 3.0])
    strided = np.ones(6)[::2]
    step(strided)
    assert np.array_equal(strided, np.full(3, 0.5))
    with pytest.raises(InputError, match="no symbol"):
        g.compile(g.sum(W), [W], updates={W * 2: W})
    with pytest.raises(ShapeError, match="shape"):
        g.compile(g.sum(W), [W], updates={W: g.ones((2, 3))})
    with pytest.raises(DtypeError, match="float32"):
        g.compile(g.sum(W), [W], updates={W: g.astype(W, "float32")})
    with pytest.raises(InputError, match="not among the inputs"):
        g.compile(g.sum(V), [V], updates={W: W})


# --- updates of elements -----------------------------------------------------------------------------------------------------

M = g.symbol("M", shape=("n", 6))
ROWS = g.symbol("rows", shape="n", dtype="int64")

CHANGED = {
    "slice": lambda: M.at[1:3, ::2].add(2.0),
    "backwards": lambda: M.at[::-1, 4:0:-2].set(g.arange(2, dtype="float64")),
    "one": lambda: M.at[-1, 2].set(7.0),
    "new axis": lambda: M.at[None, :, 3].add(g.reshape(g.sum(M, axis=1), (1, -1))),
    "an element of each row": lambda: M.at[g.arange("n"), ROWS].add(g.sum(M, axis=1)),
    "set in each row": lambda: M.at[g.arange("n"), ROWS].set(g.sum(M, axis=1)),
    "rows named twice": lambda: M.at[g.minimum(ROWS, 2)].add(M),
    "columns": lambda: M.at[:, ROWS].add(1.0),
}


@pytest.mark.parametrize("name", CHANGED)
def test_updates_of_elements_are_the_interpreters(name):
    expr = CHANGED[name]()
    f = g.compile([expr, g.grad(g.sum(expr**2), M)], [M, ROWS], rewrite=None)
    rng = np.random.default_rng(4)
    at = {"M": rng.normal(size=(5, 6)), "rows": rng.integers(-5, 5, 5)}
    for found, wanted in zip(f(**at), g.evaluate([expr, g.grad(g.sum(expr**2), M)], at), strict=True):
        assert agree(found, wanted, "float64")


def test_places_of_updates_are_checked():
    f = g.compile(M.at[g.arange("n"), ROWS].add(1.0), [M, ROWS])
    with pytest.raises(InputError, match="index 6 is out of range for axis 1 of length 6"):
        f(np.zeros((2, 6)), np.array([0, 6]))


def test_empty_parts_of_what_is_not_empty():
    f = g.compile([g.sum(M[:, :0]), g.concat([M[:0], M], axis=0), g.prod(M[:, 6:], axis=1)], [M])
    total, joined, products = f(np.ones((2, 6)))
    assert total == 0.0 and joined.shape == (2, 6) and np.array_equal(products, np.ones(2))


def test_an_updated_argument_may_be_another_argument_too():
    p, q = g.symbols("p", shape="n"), g.symbols("q", shape="n")
    f = g.compile(g.sum(p), [p, q], updates={p: p + g.flip(q)})
    a = np.arange(5.0)
    f(a, a)
    assert np.array_equal(a, np.arange(5.0) + np.arange(5.0)[::-1])


def test_steady_calls_allocate_their_results_alone():
    f = g.compile([g.softmax(X @ g.permute_dims(X) * 0.01), g.sum(g.exp(X * 0.1), axis=0)], [X])
    x = point(300, 200)["X"]
    out = [np.empty((300, 300)), np.empty(200)]
    for _ in range(3):
        f(x, out=out)
    tracemalloc.start()
    try:
        f(x, out=out)
        inside = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        f(x)
        fresh = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert inside < 20_000  # Python's own objects; one row of X has 1,600 bytes, the product 720,000
    assert fresh < 300 * 300 * 8 + 200 * 8 + 20_000


# --- what shares a loop with what ---------------------------------------------------------------------------------------------


def steps(outputs, inputs, **options):
    """(kernels, library calls) of a program; kernels of single numbers are not counted."""
    f = g.compile(outputs, inputs, **options)
    told = [line.split() for line in str(f.report()).splitlines()]
    kernels = [line for line in told if line[:3] != ["kernel", "rows", "():"] and line[0] == "kernel"]
    return len(kernels), sum(line[0] == "library" for line in told)


def test_rows_are_read_once():
    labels = g.symbol("labels", shape="n", dtype="int64")
    w, t, c = g.symbol("w", shape="d"), g.symbol("t", shape="n"), g.symbol("c")
    entropy = g.mean(g.logsumexp(X, axis=1) - g.squeeze(g.take_along_axis(X, g.expand_dims(labels, 1)), 1))
    assert steps([entropy, g.grad(entropy, X)], [X, labels]) == (1, 0)
    assert steps(g.softmax(X), [X]) == (1, 0)
    logistic = g.mean(g.softplus(-t * (X @ w + c)))
    assert steps([logistic, *g.grad(logistic, [w, c])], [X, w, t, c]) == (1, 0)
    away = X - g.mean(X, axis=1, keepdims=True)
    normed = away / g.sqrt(g.mean(away**2, axis=1, keepdims=True) + 1e-5) * V
    assert steps([normed, *g.grad(normed, [X, V], X * 0.5)], [X, V]) == (1, 0)


def test_products_take_transposed_operands_as_they_are():
    A, B = g.symbol("A", shape=("n", "k")), g.symbol("B", shape=("n", "m"))
    assert steps(A.T @ B, [A, B]) == (0, 1)
    loss = g.sum(g.sigmoid(A @ (A.T @ B)))
    assert steps(loss, [A, B]) == (1, 2)


def test_training_writes_weights_where_they_are():
    W1, W2 = g.symbol("W1", shape=("d", 100)), g.symbol("W2", shape=(100, 10))
    Y = g.symbol("Y", shape=("n", 10))
    loss = g.sum((g.sigmoid(X @ W1) @ W2 - Y) ** 2)
    d1, d2 = g.grad(loss, [W1, W2])
    f = g.compile(loss, [X, Y, W1, W2], updates={W1: W1 - 0.1 * d1, W2: W2 - 0.1 * d2})
    assert len(f._plan.inplace) == 2 and not f._plan.updates


@pytest.mark.parametrize(
    "expr",
    [
        lambda i: X[:5],
        lambda i: X[2:6, i],
        lambda i: X[i, 1:5],
        lambda i: X.at[:5].add(g.expand_dims(g.arange(5, dtype="float64"), 1)),
        lambda i: X[5],
        lambda i: X[-6, i],
        lambda i: X.at[4].set(0.0),
    ],
)
def test_nothing_outside_of_an_argument_is_read(expr):
    i = g.symbol("i", shape="m", dtype="int64")
    made = expr(i)
    f = g.compile(made, [X, i])
    at = {"X": np.zeros((4, 4)), "i": np.array([0, 1])}
    with pytest.raises((ShapeError, InputError), match=r"too short|out of range"):
        f(**at)
    with pytest.raises((ShapeError, InputError)):
        g.evaluate(made, at)


def test_an_update_by_one_number_may_name_more_than_there_is():
    f = g.compile(X.at[:5].add(1.0), [X])
    assert np.array_equal(f(np.zeros((4, 2))), np.ones((4, 2)))


def test_what_only_lends_its_shape_is_not_computed():
    x, k, v = (
        g.symbol(n, shape=s) for n, s in (("x", ("n", 3, 6, 6)), ("k", (4, 3, 3, 3)), ("v", ("n", 4, 4, 4)))
    )
    gradient = g.grad(g.sum(g.conv2d(x, k) * v), k)
    f = g.compile(gradient, [x, k, v])
    assert "conv2d(n" not in str(f.report())
    rng = np.random.default_rng(8)
    at = {
        symbol.name: rng.normal(size=shape)
        for symbol, shape in ((x, (5, 3, 6, 6)), (k, (4, 3, 3, 3)), (v, (5, 4, 4, 4)))
    }
    assert agree(f(**at), g.evaluate(gradient, at), "float64")


def test_the_address_of_a_function_of_arrays_is_that_of_a_c_function():
    x, c = g.symbol("x", shape=("n",)), g.symbol("c")
    f = g.compile([g.sum(c * x**2), c * x], [x, c])
    assert f.c_signature == (
        "int function(int64_t n, const double *restrict x, double c, double *restrict r0, double *restrict r1);"
    )
    kinds = [ctypes.c_int64, ctypes.c_void_p, ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p]
    call = ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(f.address)
    at, value, rows = np.arange(4.0), np.zeros(1), np.zeros(4)
    assert call(4, at.ctypes.data, 2.0, value.ctypes.data, rows.ctypes.data) == 0
    assert value[0] == 28 and rows.tolist() == [0, 2, 4, 6]
    assert call(-1, at.ctypes.data, 2.0, value.ctypes.data, rows.ctypes.data) == 2
    with pytest.raises(CompileError, match="eigvalsh"):
        _ = g.compile(g.eigvalsh(g.symbol("square", shape=(3, 3)))).address


@pytest.mark.parametrize("ask", [lambda f: f.lowlevel])
def test_what_only_functions_of_numbers_have_is_refused(ask):
    with pytest.raises(CompileError, match="one float64 vector"):
        ask(g.compile(g.sum(g.symbol("X", shape=("n", "m")))))


def test_both_kinds_of_functions_are_compiled_functions():
    scalar, whole = g.compile(g.symbol("x") * 2), g.compile(g.sum(g.symbol("X", shape=("n",))))
    assert isinstance(scalar, CompiledFunction) and isinstance(whole, CompiledFunction)
    for function in (scalar, whole):
        assert function.tier == "native" and function.wait() and str(function.report())


def test_arrays_of_different_lengths_are_no_loop_over_elements():
    w, y = g.symbol("w", shape=(3,)), g.symbol("y", shape=("n",))
    for f in (g.compile([2 * w, g.exp(y)], [w, y]), g.compile([w, y], [w, y])):
        one, other = f(np.ones(3), np.zeros(5))
        assert one.shape == (3,) and other.shape == (5,)
