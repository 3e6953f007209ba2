"""Data on a cluster: minima, steps of training, files; the workers are threads of this process. Against one machine and NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc import nn, train
from graphc.errors import FormatError, InputError, TrainingError

pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
import dask.array as da  # noqa: E402

from graphc.frontend.interop.cluster import ClusterData, ClusterFunction  # noqa: E402
from graphc.train.cluster import ClusterBatches  # noqa: E402

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
    assert result.method == "trust-exact" and result.success
    np.testing.assert_allclose(result.unknowns[w.name], exact[:-1], rtol=1e-12)
    np.testing.assert_allclose(result.unknowns[c.name], exact[-1], rtol=1e-11)


@pytest.mark.parametrize("method", [None, "L-BFGS-B", "trust-ncg", "trust-exact", "Newton-CG", "dogleg"])
def test_logistic_regression(client, method):
    data = {X: chunked(DATA, 150), y: LABELS}
    result = g.minimize(LOGISTIC, BEGIN, data=data, client=client, method=method)
    one = g.minimize(LOGISTIC, BEGIN, data={X: DATA, y: LABELS})
    np.testing.assert_allclose(result.unknowns[w.name], one.unknowns[w.name], rtol=1e-12)
    np.testing.assert_allclose(result.fun, one.fun, rtol=1e-14)


@pytest.fixture
def passes(monkeypatch):
    """How many passes over the data were made."""
    counted = []
    at = ClusterFunction.at
    monkeypatch.setattr(ClusterFunction, "at", lambda self, *a: counted.append(1) or at(self, *a))
    return counted


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9], ids=str)
def test_value_slope_and_hessian_of_few_unknowns_are_one_pass(client, passes, scale):
    """Newton's method: of a quadratic one step, of logistic regression six or seven, whatever the objective's unit."""
    data = {X: chunked(DATA, 150), y: chunked(TARGET, 150)}
    result = g.minimize(scale * SQUARES, BEGIN, data=data, client=client)
    exact = np.linalg.lstsq(np.column_stack([DATA, np.ones(N)]), TARGET)[0]
    np.testing.assert_allclose(result.unknowns[w.name], exact[:-1], rtol=1e-11)
    assert result.method == "trust-exact" and len(passes) <= 4
    passes.clear()
    g.minimize(scale * LOGISTIC, BEGIN, data={X: DATA, y: LABELS}, client=client)
    assert len(passes) <= 12


def test_many_unknowns_and_what_has_no_hessian_by_blocks(client, monkeypatch):
    from graphc.api import cluster_minimize

    data = {X: chunked(DATA, 150), y: chunked(TARGET, 150)}
    monkeypatch.setattr(cluster_minimize, "WHOLE", D)
    result = g.minimize(SQUARES, BEGIN, data=data, client=client)
    exact = np.linalg.lstsq(np.column_stack([DATA, np.ones(N)]), TARGET)[0]
    assert result.method == "Newton-CG"
    np.testing.assert_allclose(result.unknowns[w.name], exact[:-1], rtol=1e-11)
    with pytest.raises(InputError, match="at most 4 unknowns, here 5"):
        g.minimize(SQUARES, BEGIN, data=data, client=client, method="trust-exact")


def test_what_curves_downwards_and_what_is_flat(client):
    """Not convex where it begins, and unknowns that the data say nothing of: the same value as on one machine."""
    waves = g.mean(g.cos(X @ w) + 0.1 * (X @ w - y) ** 2)
    begin = {w: np.full(D, 0.1)}
    one = g.minimize(waves, begin, data={X: DATA, y: TARGET})
    result = g.minimize(waves, begin, data={X: chunked(DATA, 100), y: chunked(TARGET, 100)}, client=client)
    assert result.success and result.fun <= one.fun + 1e-9
    twice = g.mean((X @ w + X @ w * c - y) ** 2)
    result = g.minimize(
        twice, {w: np.ones(D), c: 1.0}, data={X: chunked(DATA, 100), y: TARGET}, client=client
    )
    exact = np.linalg.lstsq(DATA, TARGET)[0]
    np.testing.assert_allclose(result.unknowns[w.name] * (1 + result.unknowns[c.name]), exact, rtol=1e-8)


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
        ({"method": "COBYLA"}, "asks for more than a pass"),
        ({"subject_to": [c <= 1]}, "no other constraints"),
        ({"objective": X @ w - y}, "is a scalar"),
        ({"objective": g.sum(g.cumsum(X @ w)), "data": {X: data[X]}}, "cumsum cannot be computed block by block"),
        ({"data": {X: data[X]}}, "is no unknown and has no value"),
        ({"options": {"no_such": 1}, "method": "SLSQP"}, "asks for more"),
    ):  # fmt: skip
        arguments = {"objective": LOGISTIC, "unknowns": BEGIN, "data": data, "client": client, **change}
        with pytest.raises(InputError, match=message):
            g.minimize(
                arguments.pop("objective"),
                arguments.pop("unknowns"),
                arguments.pop("subject_to", ()),
                **arguments,
            )


def line(**options):
    model = train.Parameters({w: np.zeros(D), c: 0.0})
    return model, {"optimiser": train.Adam(0.05), "epochs": 3, "progress": False, **options}


@pytest.mark.parametrize("batch", [None, 128], ids=str)
@pytest.mark.parametrize("rows", [100, (1, 250, 349)], ids=str)
def test_training_is_that_of_one_machine(client, rows, batch):
    one, options = line(batch=batch, shuffle=False)
    expected = train.fit(one, LOGISTIC, {X: DATA, y: LABELS}, metrics={"loss here": LOGISTIC}, **options)
    other, _ = line()
    data = {X: chunked(DATA, rows), y: LABELS}
    history = train.fit(other, LOGISTIC, data, metrics={"loss here": LOGISTIC}, client=client, **options)
    for record, wanted in zip(history.records, expected.records, strict=True):
        assert record["loss"] == pytest.approx(wanted["loss"], rel=1e-12)
        assert record["loss here"] == pytest.approx(wanted["loss here"], rel=1e-12)
    np.testing.assert_allclose(other.values[w.name], one.values[w.name], rtol=1e-12)


def test_shuffled_batches_hold_each_row_once_and_go_on_from_a_checkpoint(client, tmp_path):
    numbers = np.arange(N, dtype=float)
    data = ClusterData(client, {y: chunked(numbers, (7, 200, 393))})
    batches = ClusterBatches(data, 64, seed=5, shuffle=True)
    epochs = [np.concatenate([batch[y].now().compute() for batch in batches.epoch(k)]) for k in range(2)]
    for rows in epochs:
        np.testing.assert_array_equal(np.sort(rows), numbers)
    assert not np.array_equal(*epochs) and not np.array_equal(epochs[0], numbers)
    np.testing.assert_array_equal(next(iter(batches.epoch(1, 3)))[y].now().compute(), epochs[1][192:256])

    data = {X: chunked(DATA, 150), y: chunked(LABELS, 150)}
    whole, options = line(batch=64, epochs=4)
    train.fit(whole, LOGISTIC, data, client=client, **options)
    first, _ = line()
    path = tmp_path / "run.npz"
    train.fit(first, LOGISTIC, data, client=client, checkpoint=path, **{**options, "epochs": 2})
    second, _ = line()
    train.fit(second, LOGISTIC, data, client=client, checkpoint=path, resume=True, **options)
    np.testing.assert_array_equal(second.values[w.name], whole.values[w.name])
    for other in ({X: chunked(DATA, 100), y: LABELS}, None):
        third, _ = line()
        given = {"client": client} if other else {}
        with pytest.raises(FormatError, match="its chunks is"):
            train.fit(
                third,
                LOGISTIC,
                other or {X: DATA, y: LABELS},
                checkpoint=path,
                resume=True,
                **given,
                **options,
            )


def test_dropout_and_normalisation_are_those_of_one_machine(client):
    x, labels = (
        g.symbol("x of a cluster", shape=("n", D)),
        g.symbol("labels of a cluster", shape=("n",), dtype="int64"),
    )

    def network():
        layers = nn.Sequential(nn.Affine(6), nn.BatchNorm(), g.tanh, nn.Dropout(0.7), nn.Affine(2))
        return nn.Model(layers, x, seed=4)

    options = {"optimiser": train.SGD(0.2), "epochs": 2, "batch": 200, "shuffle": False, "progress": False}
    results = []
    for given in ({}, {"client": client}):
        model = network()
        data = (
            {x: chunked(DATA, 90), labels: LABELS.astype(int)}
            if given
            else {x: DATA, labels: LABELS.astype(int)}
        )
        train.fit(model, nn.cross_entropy(model.training_output, labels), data, **options, **given)
        results.append(model.values)
    for key, value in results[0].items():
        np.testing.assert_allclose(results[1][key], value, rtol=1e-10, atol=1e-13)


def test_what_training_on_a_cluster_refuses(client):
    model, options = line(batch=100)
    spoilt = DATA.copy()
    spoilt[450, 2] = np.nan
    with pytest.raises(TrainingError, match=r"the data for 'X of a cluster' holds nan .*block"):
        train.fit(model, LOGISTIC, {X: chunked(spoilt, 200), y: LABELS}, client=client, **options)
    assert np.isfinite(model.values[w.name]).all()
    with pytest.raises(InputError, match="is a Dask array"):
        train.fit(model, LOGISTIC, {X: chunked(DATA, 200), y: LABELS}, **options)
