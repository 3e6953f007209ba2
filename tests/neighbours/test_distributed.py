"""Dask on real worker processes: the same results, workers that are lost, functions that are compiled once a process."""

from __future__ import annotations

import os

import numpy as np
import pytest

import graphc as g

pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
import dask.array as da  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

N = 4000
RNG = np.random.default_rng(3)
DATA, BETA = RNG.normal(size=(N, 5)), RNG.normal(size=5)
TARGET = (RNG.random(N) < 1 / (1 + np.exp(-DATA @ BETA))).astype(float)


@pytest.fixture(scope="module", params=[2, 4])
def client(request):
    options = {"processes": True, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with (
        distributed.LocalCluster(n_workers=request.param, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def regression():
    X, w, y = g.symbol("X", shape=("n", 5)), g.symbol("w", shape=(5,)), g.symbol("y", shape=("n",))
    z = X @ w
    loss = g.mean(g.softplus(z) - y * z)
    return g.compile(g.value_and_grad(loss, w), [X, w, y])


def expected():
    z = DATA @ BETA
    p = 1 / (1 + np.exp(-z))
    return np.mean(np.logaddexp(0, z) - TARGET * z), DATA.T @ (p - TARGET) / N


@pytest.mark.parametrize("chunks", [1000, 333, (1, 3999)], ids=str)
def test_logistic_regression(client, chunks):
    loss, grad = regression()(da.from_array(DATA, (chunks, 5)), BETA, da.from_array(TARGET, chunks))
    found = client.gather(client.compute([loss, grad]))
    for one, other in zip(found, expected(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_one_chunking_gives_one_result(client):
    f = regression()
    runs = []
    for _ in range(3):
        loss, grad = f(da.from_array(DATA, (500, 5)), BETA, da.from_array(TARGET, 500))
        runs.append(client.gather(client.compute([loss, grad])))
    for loss, grad in runs[1:]:
        assert loss == runs[0][0] and np.array_equal(grad, runs[0][1])


def test_a_worker_that_is_lost(client, tmp_path):
    f = regression()
    marked = str(tmp_path / "lost")

    def lost_once(block):
        """The end of the process that gets here first."""
        try:
            os.close(os.open(marked, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return block
        os._exit(1)

    data = da.from_array(DATA, (500, 5)).map_blocks(lost_once, dtype=float, meta=np.empty((0, 0)))
    loss, grad = f(data, BETA, da.from_array(TARGET, 500))
    found = client.gather(client.compute([loss, grad]))
    assert os.path.exists(marked)
    for one, other in zip(found, expected(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_delayed_calls_and_futures(client):
    import dask

    f = regression()
    assert np.isclose(dask.delayed(f)(DATA, BETA, TARGET)[0].compute(), expected()[0], rtol=1e-13)
    assert np.isclose(client.submit(f, DATA, BETA, TARGET).result()[0], expected()[0], rtol=1e-13)
