"""Data on a cluster: minima, steps of training, files; the workers are threads of this process. Against one machine and NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import InputError

pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
import dask.array as da  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

N, D = 600, 4
RNG = np.random.default_rng(21)
DATA = RNG.normal(size=(N, D))
LABELS = (RNG.random(N) < 1 / (1 + np.exp(-DATA @ RNG.normal(size=D)))).astype(float)
TARGET = DATA @ RNG.normal(size=D) + 0.1 * RNG.normal(size=N)

X, y = g.symbol("X of a cluster", shape=("n", D)), g.symbol("y of a cluster", shape=("n",))
w, c = g.symbol("w of a cluster", shape=(D,)), g.symbol("c of a cluster")
SQUARES = g.mean((X @ w + c - y) ** 2)
LOGISTIC = g.mean(g.softplus(X @ w + c) - y * (X @ w + c))
BEGIN = {w: np.zeros(D), c: 0.0}


@pytest.fixture(scope="module")
def client():
    options = {"processes": False, "dashboard_address": None, "threads_per_worker": 1}
    with distributed.LocalCluster(n_workers=2, **options) as cluster, distributed.Client(cluster) as client:
        yield client


def chunked(array, rows):
    return da.from_array(array, (rows, *array.shape[1:]))


@pytest.mark.parametrize("rows", [100, 77, (1, 599)], ids=str)
def test_least_squares(client, rows):
    result = g.minimize(
        SQUARES, BEGIN, data={X: chunked(DATA, rows), y: chunked(TARGET, rows)}, client=client
    )
    exact = np.linalg.lstsq(np.column_stack([DATA, np.ones(N)]), TARGET)[0]
    assert result.method == "Newton-CG" and result.success
    np.testing.assert_allclose(result.unknowns[w.name], exact[:-1], rtol=1e-12)
    np.testing.assert_allclose(result.unknowns[c.name], exact[-1], rtol=1e-11)


@pytest.mark.parametrize("method", [None, "L-BFGS-B", "trust-ncg"])
def test_logistic_regression(client, method):
    data = {X: chunked(DATA, 150), y: LABELS}
    result = g.minimize(LOGISTIC, BEGIN, data=data, client=client, method=method)
    one = g.minimize(LOGISTIC, BEGIN, data={X: DATA, y: LABELS})
    np.testing.assert_allclose(result.unknowns[w.name], one.unknowns[w.name], rtol=1e-12)
    np.testing.assert_allclose(result.fun, one.fun, rtol=1e-14)


def test_bounds(client):
    bounds = {c: (0.5, 1.0)}
    result = g.minimize(LOGISTIC, BEGIN, bounds=bounds, data={X: chunked(DATA, 99), y: LABELS}, client=client)
    one = g.minimize(LOGISTIC, BEGIN, bounds=bounds, data={X: DATA, y: LABELS})
    assert result.method == "L-BFGS-B" and result.unknowns[c.name] == 0.5
    np.testing.assert_allclose(
        result.unknowns[w.name], one.unknowns[w.name], rtol=1e-7
    )  # without Newton's last steps


def test_one_chunking_gives_one_result(client):
    data = {X: chunked(DATA, 64), y: chunked(LABELS, 64)}
    one, other = (g.minimize(LOGISTIC, BEGIN, data=data, client=client) for _ in range(2))
    assert one.fun == other.fun and np.array_equal(one.x, other.x)


def test_mapped_files_and_views_of_them(client, tmp_path):
    np.save(tmp_path / "rows.npy", np.column_stack([TARGET, DATA]))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    f = g.compile(g.value_and_grad(SQUARES, [w, c]))
    for part in (slice(None), slice(None, None, -1), slice(10, 500, 3)):
        rows = mapped[part]
        loss, (slope, _) = f(
            **{
                X.name: rows[:, 1:],
                y.name: chunked(np.array(rows[:, 0]), 50),
                w.name: np.ones(D),
                c.name: 0.5,
            }
        )
        residual = rows[:, 1:].sum(1) + 0.5 - rows[:, 0]
        np.testing.assert_allclose(client.compute(loss).result(), np.mean(residual**2), rtol=1e-13)
        np.testing.assert_allclose(
            client.compute(slope).result(), 2 * rows[:, 1:].T @ residual / len(rows), rtol=1e-11, atol=1e-13
        )
    result = g.minimize(SQUARES, BEGIN, data={X: mapped[:, 1:], y: mapped[:, 0]}, client=client)
    exact = np.linalg.lstsq(np.column_stack([DATA, np.ones(N)]), TARGET)[0]
    np.testing.assert_allclose(result.unknowns[w.name], exact[:-1], rtol=1e-12)


@pytest.mark.parametrize("kind", ["zarr", "h5py", "pyarrow"])
def test_data_from_files(client, tmp_path, kind):
    package = pytest.importorskip(kind)
    rows = np.column_stack([TARGET, DATA])
    if kind == "zarr":
        stored = package.open(
            str(tmp_path / "rows.zarr"), mode="w", shape=rows.shape, chunks=(100, D + 1), dtype="f8"
        )
        stored[:] = rows
        table = da.from_zarr(str(tmp_path / "rows.zarr"))
    elif kind == "h5py":
        with package.File(tmp_path / "rows.h5", "w") as file:
            file["rows"] = rows
        opened = package.File(tmp_path / "rows.h5")
        table = da.from_array(opened["rows"], (100, D + 1))
    else:
        frames, pandas = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
        for number, part in enumerate(np.split(rows, 3)):
            columns = [f"c{k}" for k in range(D + 1)]
            pandas.DataFrame(part, columns=columns).to_parquet(tmp_path / f"part{number}.parquet")
        table = frames.read_parquet(str(tmp_path / "part*.parquet")).to_dask_array(lengths=True)
    result = g.minimize(SQUARES, BEGIN, data={X: table[:, 1:], y: table[:, 0]}, client=client)
    exact = np.linalg.lstsq(np.column_stack([DATA, np.ones(N)]), TARGET)[0]
    np.testing.assert_allclose(result.unknowns[w.name], exact[:-1], rtol=1e-12)


def test_what_is_refused(client):
    data = {X: chunked(DATA, 100), y: chunked(LABELS, 100)}
    for change, message in (
        ({"client": 3}, "takes a client of dask.distributed, not int"),
        ({"data": {X: chunked(DATA, 100), y: chunked(LABELS, 50)}}, "do not line up"),
        ({"data": {X: data[X][data[X][:, 0] > 0], y: LABELS}}, "unknown sizes"),
        ({"method": "trust-exact"}, "asks for more than a pass"),
        ({"subject_to": [c <= 1]}, "no other constraints"),
        ({"objective": X @ w - y}, "is a scalar"),
        ({"objective": g.sum(g.cumsum(X @ w)), "data": {X: data[X]}}, "cumsum cannot be computed block by block"),
        ({"data": {X: data[X]}}, "is no unknown and has no value"),
        ({"options": {"no_such": 1}, "method": "dogleg"}, "asks for more"),
    ):  # fmt: skip
        arguments = {"objective": LOGISTIC, "unknowns": BEGIN, "data": data, "client": client, **change}
        with pytest.raises(InputError, match=message):
            g.minimize(
                arguments.pop("objective"),
                arguments.pop("unknowns"),
                arguments.pop("subject_to", ()),
                **arguments,
            )
