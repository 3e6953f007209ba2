"""Dask: results in blocks against NumPy's of the whole data; what travels; what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp, softmax

import graphc as g
from graphc import nn
from graphc.errors import DtypeError, InputError, ShapeError

dask = pytest.importorskip("dask")
import dask.array as da  # noqa: E402

N = 23

RNG = np.random.default_rng(7)
POINT = {
    "X": RNG.normal(size=(N, 3)), "t": RNG.normal(size=N), "w": RNG.normal(size=3), "B": RNG.normal(size=(3, 4)),
    "m": RNG.normal(size=(4, 3)), "labels": RNG.integers(0, 4, N), "v": RNG.normal(size=4),
    "images": RNG.normal(size=(N, 1, 6, 6)), "K": RNG.normal(size=(2, 1, 3, 3)),
}  # fmt: skip
ROWS = ("X", "t", "labels", "images")


@pytest.fixture(autouse=True)
def _here():
    with dask.config.set(scheduler="sync"):
        yield


def symbols():
    X, t = g.symbol("X", shape=("n", 3)), g.symbol("t", shape=("n",))
    w, B, m = g.symbol("w", shape=(3,)), g.symbol("B", shape=(3, 4)), g.symbol("m", shape=("k", 3))
    labels, v = g.symbol("labels", shape=("n",), dtype="int64"), g.symbol("v", shape=(4,))
    images, K = g.symbol("images", shape=("n", 1, 6, 6)), g.symbol("K", shape=(2, 1, 3, 3))
    return X, t, w, B, m, labels, v, images, K


X, t, w, B, m, labels, v, images, K = symbols()
RESIDUAL = X @ w - t
LOSS = g.mean(RESIDUAL**2)
DISTANCES = g.sum((X[:, None, :] - m[None]) ** 2, axis=2)
NLL = -g.mean(g.log_softmax(X @ B, axis=1)[g.arange("n"), labels])


def one_hot(p):
    return np.eye(4)[p["labels"]]


def distances(p):
    return ((p["X"][:, None] - p["m"]) ** 2).sum(2)


def residual(p):
    return p["X"] @ p["w"] - p["t"]


def clusters(p):
    shares = np.eye(4)[distances(p).argmin(1)]
    return -2 * (shares[:, :, None] * (p["X"][:, None] - p["m"])).sum(0)


def mixture(p):
    shares = softmax(-distances(p) / 2, axis=1)
    return (shares[:, :, None] * (p["X"][:, None] - p["m"])).sum(0)


def convolved(p):
    windows = np.lib.stride_tricks.sliding_window_view(p["images"][:, 0], (3, 3), (1, 2))
    return np.einsum("nabij,kij->nkab", windows, p["K"][:, 0])


def kernels(p):
    windows = np.lib.stride_tricks.sliding_window_view(p["images"][:, 0], (3, 3), (1, 2))
    return np.einsum("nkab,nabij->kij", 2 * convolved(p), windows)[:, None]


PROGRAMS = {
    "residual": (RESIDUAL, residual),
    "loss": (LOSS, lambda p: np.mean(residual(p) ** 2)),
    "gradient": (g.grad(LOSS, w), lambda p: 2 * p["X"].T @ residual(p) / N),
    "hessian": (g.hessian(LOSS, w), lambda p: 2 * p["X"].T @ p["X"] / N),
    "logistic": (NLL, lambda p: -np.mean((one_hot(p) * log_softmax(p["X"] @ p["B"], axis=1)).sum(1))),
    "its gradient": (g.grad(NLL, B), lambda p: p["X"].T @ (softmax(p["X"] @ p["B"], axis=1) - one_hot(p)) / N),
    "k-means": (g.argmin(DISTANCES, axis=1), lambda p: distances(p).argmin(1)),
    "its sum": (g.sum(g.min(DISTANCES, axis=1)), lambda p: distances(p).min(1).sum()),
    "k-means' step": (g.grad(g.sum(g.min(DISTANCES, axis=1)), m), clusters),
    "mixture": (g.grad(g.sum(g.logsumexp(-DISTANCES / 2, axis=1)), m), mixture),
    "mean": (g.mean(X, axis=0), lambda p: p["X"].mean(0)),
    "mean of all": (g.mean(X), lambda p: p["X"].mean()),
    "var": (g.var(X, axis=0, correction=1), lambda p: p["X"].var(0, ddof=1)),
    "std": (g.std(t), lambda p: p["t"].std()),
    "standardised": ((X - g.mean(X, axis=0)) / g.std(X, axis=0), lambda p: (p["X"] - p["X"].mean(0)) / p["X"].std(0)),
    "max": (g.max(X, axis=0), lambda p: p["X"].max(0)),
    "min": (g.min(X), lambda p: p["X"].min()),
    "argmax": (g.argmax(t), lambda p: p["t"].argmax()),
    "argmin of columns": (g.argmin(X, axis=0), lambda p: p["X"].argmin(0)),
    "argmax of all": (g.argmax(X), lambda p: p["X"].argmax()),
    "logsumexp": (g.logsumexp(X, axis=0), lambda p: logsumexp(p["X"], axis=0)),
    "prod": (g.prod(t), lambda p: p["t"].prod()),
    "any": (g.any(t > 2), lambda p: (p["t"] > 2).any()),
    "all": (g.all(X > -1, axis=0), lambda p: (p["X"] > -1).all(0)),
    "products": (X.T @ X, lambda p: p["X"].T @ p["X"]),
    "einsum": (g.einsum("ni,n,nj->ij", X, t, X), lambda p: (p["X"] * p["t"][:, None]).T @ p["X"]),
    "calls": (g.sum(g.checkpoint(lambda X, w: g.tanh(X @ w))(X, w)), lambda p: np.tanh(p["X"] @ p["w"]).sum()),
    "equations": (g.solve(X.T @ X, X.T @ t), lambda p: np.linalg.lstsq(p["X"], p["t"])[0]),
    "softmax": (g.softmax(t), lambda p: softmax(p["t"])),
    "norm": (g.norm(t), lambda p: np.linalg.norm(p["t"])),
    "norms of rows": (g.norm(X, axis=1), lambda p: np.linalg.norm(p["X"], axis=1)),
    "sorted rows": (g.sort(X, axis=1), lambda p: np.sort(p["X"], 1)),
    "running sums of rows": (g.cumsum(X, axis=1), lambda p: p["X"].cumsum(1)),
    "columns": (X.T[1:] * 2, lambda p: p["X"].T[1:] * 2),
    "shapes": (g.reshape(X, ("n", 3, 1))[:, ::-1, 0], lambda p: p["X"][:, ::-1]),
    "lookup": (v[labels] * t, lambda p: p["v"][p["labels"]] * p["t"]),
    "cross-entropy": (
        nn.cross_entropy(X @ B, labels),
        lambda p: -np.mean((one_hot(p) * log_softmax(p["X"] @ p["B"], axis=1)).sum(1)),
    ),
    "its slope": (
        g.grad(nn.cross_entropy(X @ B, labels), B),
        lambda p: p["X"].T @ (softmax(p["X"] @ p["B"], axis=1) - one_hot(p)) / N,
    ),
    "one of each row": (
        g.take_along_axis(X, g.reshape(labels % 3, ("n", 1)), axis=1),
        lambda p: p["X"][np.arange(N), p["labels"] % 3][:, None],
    ),
    "scattered": (g.grad(g.sum(v[labels] * t), v), lambda p: np.bincount(p["labels"], p["t"], 4)),
    "row numbers": (g.sum(g.arange("n") * t), lambda p: np.arange(N) @ p["t"]),
    "gradient by rows": (g.grad(LOSS, X), lambda p: 2 * np.outer(residual(p), p["w"]) / N),
    "convolution": (g.sum(g.conv2d(images, K) ** 2), lambda p: (convolved(p) ** 2).sum()),
    "its kernels": (g.grad(g.sum(g.conv2d(images, K) ** 2), K), kernels),
}  # fmt: skip


def called(f, chunks, point=POINT):
    """The function with what has rows in chunks of so many."""
    values = {
        name: da.from_array(point[name], (chunks, *point[name].shape[1:]))
        for name in ROWS
        if name in f.inputs
    }
    return f(**{name: values.get(name, point[name]) for name in f.inputs})


@pytest.mark.sample(5)
@pytest.mark.parametrize("chunks", [5, (1, 9, 13), N], ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_blocks_give_what_the_whole_gives(name, chunks):
    expr, oracle = PROGRAMS[name]
    found = called(g.compile(expr), chunks)
    assert isinstance(found, da.Array)
    expected = np.asarray(oracle(POINT))
    assert found.shape == expected.shape and found.dtype == expr.dtype
    # sums of 23 products in another order, through a few operations, and a solution of equations
    np.testing.assert_allclose(found.compute(), expected, rtol=1e-12, atol=1e-13)


def test_value_and_gradient_are_one_pass():
    f = g.compile(g.value_and_grad(LOSS, w))
    loss, grad = called(f, 5)
    reads = []
    counted = {
        name: da.from_array(POINT[name], (5, *POINT[name].shape[1:])).map_blocks(
            lambda block: (reads.append(1), block)[1], dtype=float, meta=np.empty((0,) * POINT[name].ndim)
        )
        for name in ("X", "t")
    }
    dask.compute(*f(**{name: counted.get(name, POINT[name]) for name in f.inputs}))
    assert len(reads) == 2 * 5
    np.testing.assert_allclose(loss.compute(), np.mean(residual(POINT) ** 2), rtol=1e-14)
    np.testing.assert_allclose(grad.compute(), 2 * POINT["X"].T @ residual(POINT) / N, rtol=1e-13)


@pytest.mark.parametrize("where", [0, 7, 22])
def test_not_a_number_is_found_where_numpy_finds_it(where):
    values = POINT["t"].copy()
    values[where:] = np.nan
    for expr, oracle in ((g.argmax(t), np.argmax), (g.argmin(t), np.argmin), (g.max(t), np.max)):
        found = g.compile(expr)(da.from_array(values, 5)).compute()
        np.testing.assert_array_equal(found, oracle(values))
    ties = np.array([1.0, 3.0, 3.0, 0.0, 3.0, 0.0])
    assert g.compile(g.argmax(t))(da.from_array(ties, 2)).compute() == 1
    assert g.compile(g.argmin(t))(da.from_array(ties, 2)).compute() == 3


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_elements(scheduler):
    x, y = g.symbols("x y")
    f = g.compile({"a": g.sin(x) * y, "b": [x > y]}, [x, y])
    A, b = RNG.normal(size=(20, 3)), RNG.normal(size=3)
    for one, other in (
        (da.from_array(A, (6, 2)), b),
        (A, da.from_array(b, 2)),
        (da.from_array(A, 7), da.from_array(b, 1)),
    ):
        found = f(one, other)
        assert found["a"].dtype == float and found["b"][0].dtype == bool and found["a"].shape == (20, 3)
        with dask.config.set(scheduler=scheduler):
            np.testing.assert_allclose(found["a"].compute(), np.sin(A) * b, rtol=1e-15)
            np.testing.assert_array_equal(found["b"][0].compute(), b < A)
    lazy = f(da.from_array(A, 6), b)["a"].sum(axis=0)  # goes on as any Dask array
    np.testing.assert_allclose(lazy.compute(), (np.sin(A) * b).sum(0), rtol=1e-13)


def numbered(name, reads):
    """The rows of a point in chunks of five, each made by a function that asks for its number, from a shared table."""
    table = da.from_array(np.column_stack([POINT["t"], POINT["X"]]), (5, 4))
    table = table.map_blocks(
        lambda block, block_info=None: (reads.append(name), block)[1], dtype=float, meta=np.empty((0, 0))
    )
    return (table + 1)[:, 1:] - 1, table[:, 0] * 1


def test_what_one_block_needs_is_one_task_with_it():
    reads = []
    rows, column = numbered("table", reads)
    parts = [
        da.from_delayed(dask.delayed(np.ascontiguousarray)(part), part.shape, float) for part in rows.blocks
    ]
    for X_given in (rows, da.concatenate(parts)):
        reads.clear()
        loss = g.compile(LOSS, [X, t, w])(X_given, column, POINT["w"])
        tasks = dict(loss.__dask_graph__())
        computed = {key for key, task in tasks.items() if type(task).__name__ != "DataNode"}
        needed = [tasks[key].dependencies & computed for key in tasks if str(key).startswith("('of_block")]
        assert len(needed) == 5 and needed[1:] == needed[:-1], "a block's reading is a task of its own"
        np.testing.assert_allclose(loss.compute(), np.mean(residual(POINT) ** 2), rtol=1e-14)
        if X_given is rows:
            assert reads == ["table"] * 5, "X and t of a block are made of one reading"


def test_what_several_blocks_need_stays_apart():
    rows = da.from_array(POINT["X"], (7, 3)).map_blocks(
        lambda block: block * 1, dtype=float, meta=np.empty((0, 0))
    )
    mean = rows.mean(axis=0)
    found = g.compile(LOSS, [X, t, w])((rows - mean).rechunk((5, 3)), POINT["t"], POINT["w"])
    centred = {**POINT, "X": POINT["X"] - POINT["X"].mean(0)}
    np.testing.assert_allclose(found.compute(), np.mean(residual(centred) ** 2), rtol=1e-13)


@pytest.mark.parametrize("chunks", [5, (1, 9, 13), N], ids=str)
def test_a_block_in_pieces_gives_what_it_gives_whole(chunks, monkeypatch):
    monkeypatch.setattr("graphc.frontend.interop.block_tasks.LEAST_WORKSPACE", 1)
    for name in ("loss", "gradient", "k-means' step", "mixture", "var", "max", "argmax", "argmin of columns", "argmax of all",
                 "logsumexp", "any", "all", "equations", "row numbers", "its kernels", "scattered", "its slope"):  # fmt: skip
        expr, oracle = PROGRAMS[name]
        f = g.compile(expr)
        found = called(f, chunks).compute()
        np.testing.assert_allclose(found, oracle(POINT), rtol=1e-12, atol=1e-13, err_msg=name)


def test_rows_are_taken_at_once_as_far_as_what_is_made_of_them_fits():
    from graphc.frontend.interop.block_results import BlockTask

    calls = []

    def counted(rows):
        calls.append(len(rows))
        return [rows.sum(), np.float64(rows.mean()), rows.max(), np.int64(rows.argmax())]

    task = BlockTask(counted, (("sum", 1, 1), ("mean", 1, 1), ("argmax", 2, 1)), (0,), 20, (0,), 0, at_once=4)
    (total,), (mean,), (largest, place) = task([], [np.arange(10.0)])
    assert calls == [3, 3, 4]
    assert (total, mean, largest, place) == (45.0, 45.0 / 20, 9.0, 9.0)


def test_nothing_is_computed_before_it_is_asked_for():
    x = g.symbol("x")

    def never(block):
        raise AssertionError("read")

    data = da.from_array(np.ones(4), 2).map_blocks(never, dtype=float, meta=np.empty(0))
    g.compile(x * 2, [x])(data)
    g.compile(g.mean(t), [t])(data)


def test_functions_travel_small_and_are_compiled_once():
    from graphc.frontend.interop.block_function import BlockFunction

    f = g.compile(g.value_and_grad(LOSS, w))
    packed = pickle.dumps(BlockFunction(f._callee()))
    assert len(packed) < 20_000
    first, second = pickle.loads(packed), pickle.loads(packed)
    assert first._callee is None, "what hands a function on compiled it"
    arguments = [POINT[name] for name in f.inputs]
    for found in (first(*arguments), second(*arguments)):
        assert np.isclose(found[0], np.mean(residual(POINT) ** 2), rtol=1e-13)
    assert first._callee is second._callee


@pytest.mark.parametrize(
    ("expr", "node"),
    [
        (g.cumsum(t), "cumsum"),
        (g.sort(t), "sort"),
        (g.flip(t), "flip"),
        (t[1:] - t[:-1], "index"),
        (X @ X.T, "matmul"),
    ],
    ids=str,
)
def test_what_cannot_be_split(expr, node):
    f = g.compile(expr)
    with pytest.raises(
        InputError, match=f"{node} cannot be computed block by block along the axis 'n'"
    ) as caught:
        called(f, 5)
    assert caught.value.node and "test_dask.py" in str(caught.value.site) and "rechunk" in caught.value.hint
    np.testing.assert_allclose(called(f, N).compute(), f(*[POINT[name] for name in f.inputs]), rtol=1e-14)


def test_chunks_that_do_not_fit():
    f = g.compile(LOSS, [X, t, w])
    wide, column = da.from_array(POINT["X"], (5, 3)), da.from_array(POINT["t"], 5)
    with pytest.raises(InputError, match=r"do not line up.*\n(.*\n)*.*rechunk\({0: X\.chunks\[0\]}\)"):
        f(wide, column.rechunk(6), POINT["w"])
    unknown = wide[da.from_array(POINT["t"], 5) > 0]
    with pytest.raises(InputError, match="compute_chunk_sizes"):
        f(unknown, column, POINT["w"])
    with pytest.raises(ShapeError):
        f(wide, column[:20], POINT["w"])
    with pytest.raises(DtypeError, match="complex"):
        f(wide.astype(complex), column, POINT["w"])
    mixed = wide.map_blocks(np.ma.masked_array, meta=np.ma.masked_array(np.empty((0, 0))))
    assert isinstance(f(mixed, column, POINT["w"]), da.Array)
    with pytest.raises(InputError, match="from_delayed"):
        f(dask.delayed(POINT["X"]), column, POINT["w"])
    Y = g.symbol("Y", shape=("n", "m"))
    with pytest.raises(InputError, match="both in several chunks"):
        g.compile(g.sum(Y), [Y])(da.from_array(POINT["X"], (5, 2)))
    with pytest.raises(InputError, match=r"\.compute\(\)"):
        g.evaluate(LOSS, {X: wide, t: POINT["t"], w: POINT["w"]})
    # axes of known lengths may be in chunks: they are put together
    np.testing.assert_allclose(
        f(wide.rechunk((5, 2)), POINT["t"], POINT["w"]).compute(), np.mean(residual(POINT) ** 2), rtol=1e-14
    )


def test_chunks_without_rows():
    f = g.compile([g.max(t), g.mean(t), t * 2], [t])
    column = da.concatenate(
        [da.from_array(POINT["t"][:9], 9), da.zeros(0, chunks=1), da.from_array(POINT["t"][9:], 20)]
    )
    largest, mean, twice = f(column)
    assert largest.compute() == POINT["t"].max()
    np.testing.assert_allclose(mean.compute(), POINT["t"].mean(), atol=N * 2.0**-53 * abs(POINT["t"]).mean())
    np.testing.assert_array_equal(twice.compute(), POINT["t"] * 2)


def test_labelled_arrays_of_blocks():
    xr = pytest.importorskip("xarray")
    x = g.symbol("x")
    lazy = xr.DataArray(da.from_array(POINT["X"], (5, 3)), dims=("n", "feature"), attrs={"units": "m"})
    found = g.compile(x * 2, [x])(lazy)
    assert isinstance(found.data, da.Array) and found.attrs == {"units": "m"}
    found = g.compile(g.mean(X, axis=0), [X])(lazy)
    assert isinstance(found.data, da.Array)
    np.testing.assert_allclose(found.values, POINT["X"].mean(0), rtol=1e-14)
