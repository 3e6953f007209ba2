"""Data on a cluster of worker processes, against one machine, against its own limits, and against Dask's arrays by hand.

    python -m tests.benchmarks.cluster              everything, with 2 and with 4 workers
    python -m tests.benchmarks.cluster equal 2      one of: equal, memory, lost, overhead, by_hand, scaling, and how many workers
    python -m tests.benchmarks.cluster page         measures blocks and messages, and writes the figures into docs/scaling.md

Needs the extra `dask`. The workers are processes of this machine, on the loopback interface, with one thread each.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc import nn, train
from graphc.frontend.interop.cluster import ClusterData, ClusterFunction
from tests.benchmarks import cluster_memory
from tests.benchmarks.cluster_models import lenet_layers, workers
from tests.benchmarks.cluster_simulation import Times, page_table, simulated
from tests.benchmarks.harness import ROOT

RNG = np.random.default_rng(8)


def said(name: str, value: float, limit: float, unit: str = "") -> None:
    print(
        f"  {'reached' if value <= limit else 'MISSED '}  {name}: {value:.3g} {unit} (target ≤ {limit:g})",
        flush=True,
    )


def programs() -> dict[str, tuple[list[Any], list[Any], dict[Any, Any], dict[Any, Any]]]:
    """Name → results, inputs, data with rows, other values."""
    n, d, k = 960, 6, 3
    X, y, w = g.symbol("X", shape=("n", d)), g.symbol("y", shape=("n",)), g.symbol("w", shape=(d,))
    means, shares, scales = g.symbol("m", shape=(k, d)), g.symbol("p", shape=(k,)), g.symbol("s", shape=(k,))
    A, b = RNG.normal(size=(n, d)), RNG.normal(size=n)
    labels = (b > 0).astype(float)
    squares = g.mean((X @ w - y) ** 2)
    logistic = g.mean(g.softplus(X @ w) - y * (X @ w))
    distances = g.sum((X[:, None, :] - means[None]) ** 2, axis=2)
    logs = g.log_softmax(shares) - d * g.log(scales) - distances / (2 * scales**2)
    mixture = -g.mean(g.logsumexp(logs, axis=1))
    nearest = g.mean(g.min(distances, axis=1))
    at = {
        w: RNG.normal(size=d),
        means: RNG.normal(size=(k, d)),
        shares: RNG.normal(size=k),
        scales: 1 + RNG.random(k),
    }
    of = {name: {key: at[key] for key in keys} for name, keys in
          (("w", [w]), ("mixture", [means, shares, scales]), ("means", [means]))}  # fmt: skip

    def slopes(loss: Any, keys: Any) -> list[Any]:
        return [loss, *g.grad(loss, list(keys))]

    return {
        "least squares": (slopes(squares, of["w"]), [X, y, w], {X: A, y: b}, of["w"]),
        "logistic regression": (slopes(logistic, of["w"]), [X, y, w], {X: A, y: labels}, of["w"]),
        "Gaussian mixture": (
            slopes(mixture, of["mixture"]),
            [X, means, shares, scales],
            {X: A},
            of["mixture"],
        ),
        "k-means": (slopes(nearest, of["means"]), [X, means], {X: A}, of["means"]),
    }


def equal(count: int) -> None:
    """The same as on one machine, for three chunkings, and LeNet's step."""
    import dask.array as da

    print(f"\nEqual to one machine, {count} workers")
    with workers(count) as client:
        for name, (outputs, inputs, data, values) in programs().items():
            function = g.compile(outputs, inputs)
            expected = function(*[{**data, **values}[key] for key in inputs])
            worst = 0.0
            for chunks in (240, 101, (1, 500, 459)):
                arrays = {key: da.from_array(a, (chunks, *a.shape[1:])) for key, a in data.items()}
                found = ClusterFunction(function._callee(), ClusterData(client, arrays)).at(values)
                worst = max(
                    worst, *[_relative(one, other) for one, other in zip(found, expected, strict=True)]
                )
            said(f"{name}, value and gradient", worst, 1e-12, "relative")
        said("LeNet's step, the parameters after it", _lenet(client), 1e-12, "relative")


def _relative(found: Any, expected: Any) -> float:
    found, expected = np.asarray(found), np.asarray(expected)
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-300))


def _lenet(client: Any) -> float:
    import dask.array as da

    images = g.symbol("images", shape=("n", 1, 28, 28), dtype="float64")
    labels = g.symbol("labels", shape=("n",), dtype="int64")
    pixels, digits = RNG.normal(size=(48, 1, 28, 28)), RNG.integers(0, 10, 48)
    values = []
    for chunks in (None, 16, (1, 30, 17)):
        model = nn.Model(lenet_layers(), images, seed=1)
        loss = nn.cross_entropy(model.training_output, labels)
        options: dict[str, Any] = {"optimiser": train.SGD(0.1), "epochs": 1, "batch": None, "progress": False}
        data: dict[Any, Any] = {images: pixels, labels: digits}
        if chunks is not None:
            data[images] = da.from_array(pixels, (chunks, 1, 28, 28))
            options["client"] = client
        train.fit(model, loss, data, **options)
        values.append(model.values)
    return max(_relative(v[key], values[0][key]) for v in values[1:] for key in v)


def memory(count: int) -> None:
    """Memory of a worker, in chunks, over data of three times its limit."""
    cluster_memory.main([str(count)])


def lost(count: int) -> None:
    """A worker ends in the middle of training: the parameters are those of one without it."""
    import dask.array as da

    print(f"\nA worker that is lost, {count} workers")
    X, y, w = g.symbol("X", shape=("n", 5)), g.symbol("y", shape=("n",)), g.symbol("w", shape=(5,))
    A, b = RNG.normal(size=(800, 5)), RNG.normal(size=800)
    loss = g.mean((X @ w - y) ** 2)
    with workers(count) as client, tempfile.TemporaryDirectory() as folder:
        found = []
        for mark in (None, os.path.join(folder, "lost")):
            rows = da.from_array(A, (100, 5)).map_blocks(_ends_once, mark, dtype=float, meta=np.empty((0, 0)))
            model = train.Parameters({w: np.zeros(5)})
            options: dict[str, Any] = {
                "optimiser": train.Adam(0.1),
                "epochs": 6,
                "batch": 400,
                "progress": False,
            }
            train.fit(model, loss, {X: rows, y: b}, client=client, **options)
            found.append(model.values["w"].copy())
            assert mark is None or os.path.exists(mark)
    said("difference of the parameters", float(np.abs(found[0] - found[1]).max()), 0.0)


def _ends_once(block: np.ndarray, mark: str | None) -> np.ndarray:
    if mark is None or block.size == 0:
        return block
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return block
    os._exit(1)


def overhead(count: int, waits: bool = True) -> float:
    """An evaluation's time beside the blocks' own, at 0.2 s a block, as the workers measure them while all of them are busy.

    waits : blocks that wait, so that cores do not matter; else blocks that compute, and share cores where there are more workers
    """
    import dask.array as da
    from distributed import get_task_stream

    print(f"\nOverhead at 0.2 s a block that {'waits' if waits else 'computes'}, {count} workers")
    X, w = g.symbol("X", shape=("n", 10)), g.symbol("w", shape=(10,))
    function = g.compile(g.value_and_grad(g.mean((X @ w) ** 2), w), [X, w])._callee()
    data = da.ones((8 * count * 100, 10), chunks=(100, 10)).map_blocks(
        _waits if waits else _computes, dtype=float, meta=np.empty((0, 0))
    )
    beyond, times = [], []
    with workers(count) as client:
        one = ClusterFunction(function, ClusterData(client, {X: data}))
        one.at({w: np.zeros(10)})
        for k in range(5):
            with get_task_stream(client) as stream:
                times.append(_timed(lambda k=k: one.at({w: np.full(10, float(k))})))
            spent = [
                part["stop"] - part["start"]
                for task in stream.data
                if str(task["key"]).startswith(("of_block", "('of_block"))
                for part in task["startstops"]
                if part["action"] == "compute"
            ]
            assert len(spent) == 8 * count
            beyond.append(100 * (times[-1] * count / sum(spent) - 1))
            print(
                f"    {sum(spent) / len(spent):.3f} s a block, {times[-1]:.3f} s in all: {beyond[-1]:.1f} % beyond"
            )
    said("beyond the sum of the blocks' times, median", float(np.median(beyond)), 10, "%")
    return min(times)


def _computes(block: np.ndarray) -> np.ndarray:
    began, total = time.thread_time(), 0.0
    while time.thread_time() - began < 0.2:
        total += float(np.sin(np.arange(1000.0)).sum())
    return block + 0 * total


def _waits(block: np.ndarray) -> np.ndarray:
    time.sleep(0.2)
    return block


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def by_hand(count: int) -> None:
    """Value and gradient of logistic regression over persisted blocks, beside the same in Dask's arrays; interleaved."""
    import dask
    import dask.array as da

    print(f"\nLogistic regression against Dask's arrays by hand and dask-ml, {count} workers")
    n, d, rows = 1_600_000, 16, 100_000
    X, y, w = g.symbol("X", shape=("n", d)), g.symbol("y", shape=("n",)), g.symbol("w", shape=(d,))
    z = X @ w
    loss = g.mean(g.softplus(z) - y * z)
    function = g.compile(g.value_and_grad(loss, w), [X, y, w])._callee()
    with workers(count) as client:
        A = client.persist(da.random.default_rng(1).normal(size=(n, d), chunks=(rows, d)))
        truth = np.random.default_rng(2).normal(size=d)
        chance = da.random.default_rng(3).uniform(size=n, chunks=rows)
        b = client.persist((chance < 1 / (1 + da.exp(-(A @ truth)))).astype(float))
        client.gather(client.compute([A.sum(), b.sum()]))
        own = ClusterFunction(function, ClusterData(client, {X: A, y: b}))

        def hand(point: np.ndarray) -> Any:
            score = A @ point
            value = (da.logaddexp(0, score) - b * score).mean()
            slope = A.T @ (1 / (1 + da.exp(-score)) - b) / n
            return client.gather(client.compute(dask.optimize(value, slope)))

        points = [RNG.normal(size=d) for _ in range(8)]
        for one, other in zip(own.at({w: points[0]}), hand(points[0]), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10)
        pairs = [(_timed(lambda p=p: own.at({w: p})), _timed(lambda p=p: hand(p))) for p in points]
        _said_ratio("an evaluation by hand", pairs, 0.7)
        try:
            from dask_ml.linear_model import LogisticRegression
        except ImportError:
            print("  dask-ml is not installed")
            return
        penalised = loss + g.sum(w**2) / (
            2 * n
        )  # as dask-ml's with C = 1; its Newton's method takes no penalty
        found: dict[str, np.ndarray] = {}

        for solver, objective in (("lbfgs", penalised), ("newton", loss)):

            def ours(objective: Any = objective) -> None:
                result = g.minimize(objective, {w: np.zeros(d)}, data={X: A, y: b}, client=client)
                found["own"] = result.unknowns["w"]

            model = LogisticRegression(solver=solver, fit_intercept=False, C=1.0, tol=1e-6)

            def theirs(model: Any = model) -> None:
                found["other"] = model.fit(A, b).coef_.ravel()

            pairs = [(_timed(ours), _timed(theirs)) for _ in range(3)]
            apart = float(np.abs(found["own"] - found["other"]).max())
            print(f"  dask-ml's {solver}: its coefficients are {apart:.1e} from those of g.minimize")
            _said_ratio(f"a fit by dask-ml's {solver}", pairs, 0.7)


def _said_ratio(name: str, pairs: list[tuple[float, float]], limit: float) -> None:
    mine, theirs = np.median(pairs, axis=0)
    print(f"  {1e3 * mine:.0f} ms and {1e3 * theirs:.0f} ms {name}, medians of {len(pairs)}")
    said(f"ratio to {name}", float(np.median([one / other for one, other in pairs])), limit)


def measured_times(count: int = 2) -> Times:
    """What the simulation needs: a task's cost to the scheduler, a message's time, its time for a megabyte."""
    import dask

    with workers(count) as client:
        client.gather(client.compute([dask.delayed(int)(0)]))
        several = [dask.delayed(int, pure=False)(k) for k in range(400)]
        task = min(_timed(lambda: client.gather(client.compute(several))) for _ in range(3)) / len(several)
        trip = min(_timed(lambda: client.submit(int, 1, pure=False).result()) for _ in range(20))
        ends = list(client.scheduler_info()["workers"])
        held = client.submit(np.ones, 4_000_000, workers=ends[0], pure=False)
        client.gather(client.submit(len, held, workers=ends[0], pure=False))
        passed = [
            _timed(lambda: client.submit(len, client.submit(np.ones, 4_000_000, workers=ends[0], pure=False),
                                         workers=ends[-1], pure=False).result())
            - _timed(lambda: client.submit(len, client.submit(np.ones, 4_000_000, workers=ends[0], pure=False),
                                           workers=ends[0], pure=False).result())
            for _ in range(5)
        ]  # fmt: skip
    return Times(task, trip / 2, max(float(np.median(passed)), 1e-4) / 32e6)


def scaling(count: int) -> None:
    """The simulation against what this machine measures, and the way to 1,000 workers."""
    times = measured_times(count)
    print(f"\nScaling: a task {1e3 * times.task:.2f} ms, a message {1e3 * times.message:.2f} ms, "
          f"{times.byte * 1e9:.2f} s a gigabyte")  # fmt: skip
    took = overhead(count)
    expected = simulated(times, count, 8 * count, 0.2, 80)
    print(f"  simulated {expected:.3f} s, measured {took:.3f} s")
    print(page_table(times))


def page() -> None:
    """docs/scaling.md with the figures of this machine."""
    path = Path(ROOT) / "docs" / "scaling.md"
    text, times = path.read_text(encoding="utf-8"), measured_times()
    begin, end = "<!-- figures -->\n", "<!-- end of figures -->"
    before, rest = text.split(begin)
    held = []
    for count in (2, 4):
        expected, took = simulated(times, count, 8 * count, 0.2, 80), overhead(count)
        held.append(f"{count} workers: {expected:.2f} s simulated, {took:.2f} s measured")
    figures = (
        f"Measured: a task costs the scheduler {1e3 * times.task:.2f} ms, a message takes {1e3 * times.message:.2f} ms, "
        f"a gigabyte {times.byte * 1e9:.1f} s.\n"
        f"An evaluation of eight blocks of 0.2 s for each worker, {'; '.join(held)}.\n\n{page_table(times)}\n"
    )
    path.write_text(before + begin + figures + end + rest.split(end)[1], encoding="utf-8")


KINDS = {each.__name__: each for each in (equal, memory, lost, overhead, by_hand, scaling)}

if __name__ == "__main__":
    asked = sys.argv[1:]
    if asked[:1] == ["page"]:
        page()
    else:
        for number in [int(asked[1])] if len(asked) > 1 else [2, 4]:
            for kind in asked[:1] or KINDS:
                KINDS[kind](number)
