"""Memory of a worker beside what it has at rest, in chunks, over data of three times its limit: models, and where data is read.

    python -m tests.benchmarks.cluster_memory           every model over rows that workers make, one over files
    python -m tests.benchmarks.cluster_memory LeNet 4   one model or kind of file, and how many workers

At rest is a worker that has computed the same of a few rows. The most that it had since is read from the kernel's own account of
the process (Linux), so what reads a file, copies, or is kept too long counts as well.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc import nn
from graphc.frontend.interop.cluster import ClusterData, ClusterFunction
from tests.benchmarks.cluster_models import lenet_layers, workers

CHUNK, LIMIT = 32 * 2**20, 700 * 2**20
BLOCKS = -(-3 * LIMIT // CHUNK)
FILES = ("npy", "zarr", "h5", "parquet")


def models() -> dict[str, tuple[Any, list[Any], Any, dict[Any, Any]]]:
    """Name → loss, unknowns, the symbol of the rows, values of the unknowns."""
    d, k = 64, 8
    X, w = g.symbol("X", shape=("n", d)), g.symbol("w", shape=(d - 1,))
    means, shares, scales = g.symbol("m", shape=(k, d)), g.symbol("p", shape=(k,)), g.symbol("s", shape=(k,))
    images = g.symbol("images", shape=("n", 1, 28, 28))
    rng = np.random.default_rng(4)
    z, y = X[:, 1:] @ w, X[:, 0]
    distances = g.sum((X[:, None, :] - means[None]) ** 2, axis=2)
    logs = g.log_softmax(shares) - d * g.log(scales) - distances / (2 * scales**2)
    model = nn.Model(lenet_layers(), images, seed=1)
    labels = (images[:, 0, 0, 0] * 10).astype("int64")
    lenet = nn.cross_entropy(model.training_output, labels)
    layers = {each: model.values[each.name] for each in g.free_symbols(lenet) if each is not images}
    centres = {means: rng.random((k, d)), shares: rng.random(k), scales: 1 + rng.random(k)}
    return {
        "least squares": (g.mean((z - y) ** 2), [w], X, {w: rng.random(d - 1)}),
        "logistic regression": (g.mean(g.softplus(z) - y * z), [w], X, {w: rng.random(d - 1)}),
        "Gaussian mixture": (-g.mean(g.logsumexp(logs, axis=1)), list(centres), X, centres),
        "k-means": (g.mean(g.min(distances, axis=1)), [means], X, {means: centres[means]}),
        "LeNet": (lenet, list(layers), images, layers),
    }


def most_chunks(name: str, count: int, source: str = "", folder: str = "", blocks: int = BLOCKS) -> float:
    """The most memory of a worker beside that at rest, in chunks."""
    loss, unknowns, rows, values = models()[name]
    function = g.compile([loss, *g.grad(loss, unknowns)], [rows, *unknowns])._callee()
    shape = tuple(map(int, rows.shape[1:]))
    size = CHUNK // (8 * int(np.prod(shape)))
    with workers(count, LIMIT) as client:
        few = made_rows((16,) * (4 * count), shape)
        few = stored(few, source, f"{folder}/few") if source else few
        ClusterFunction(function, ClusterData(client, {rows: few})).at(values)
        rest = max(client.run(peak, True).values())
        data = made_rows((size,) * blocks, shape)
        data = stored(data, source, f"{folder}/rows") if source else data
        placed = ClusterData(client, {rows: data})  # a mapped file is cut in blocks of its own choice
        ClusterFunction(function, placed).at(values)
        chunk = placed.chunks[0] * 8 * int(np.prod(shape))
        return (max(client.run(peak, False).values()) - rest) / chunk


def made_rows(chunks: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Rows that workers make, other ones in every block."""
    import dask.array as da

    whole = (chunks, *[(length,) for length in shape])
    return da.map_blocks(_block, shape, dtype=float, chunks=whole, meta=np.empty((0,) * len(whole)))


def _block(shape: tuple[int, ...], block_info: Any = None) -> np.ndarray:
    rows, *_ = block_info[None]["chunk-shape"]
    made = np.empty((rows, *shape))
    np.random.default_rng(block_info[None]["chunk-location"][0]).random(out=made)
    return made


def stored(rows: Any, kind: str, path: str) -> Any:
    """The same rows in a file of this kind, read by Dask or mapped."""
    import dask.array as da

    chunk = tuple([part[0] for part in rows.chunks])
    if kind == "npy":
        file = np.lib.format.open_memmap(f"{path}.npy", "w+", rows.dtype, rows.shape)
        _each(rows, file)
        mapped = np.load(f"{path}.npy", mmap_mode="r")
        return mapped
    if kind == "zarr":
        import zarr

        file = zarr.create_array(f"{path}.zarr", shape=rows.shape, chunks=chunk, dtype="f8", compressors=None)
        _each(rows, file)
        return da.from_zarr(f"{path}.zarr")
    if kind == "h5":
        import h5py

        with h5py.File(f"{path}.h5", "w") as file:
            _each(rows, file.create_dataset("rows", rows.shape, rows.dtype))
        return da.from_array(h5py.File(f"{path}.h5")["rows"], chunk)
    import dask.dataframe as tables
    import pandas as pd

    Path(path).mkdir()
    for number, block in enumerate(rows.blocks):
        columns = [f"c{k}" for k in range(rows.shape[1])]
        table = pd.DataFrame(block.compute(scheduler="sync"), columns=columns)
        table.to_parquet(f"{path}/part{number:04}.parquet", compression=None)
    return tables.read_parquet(f"{path}/part*.parquet").to_dask_array(lengths=rows.chunks[0])


def _each(rows: Any, file: Any) -> None:
    start = 0
    for number, size in enumerate(rows.chunks[0]):
        file[start : start + size] = rows.blocks[number].compute(scheduler="sync")
        start += size


def peak(begin: bool) -> int:
    """The most memory that this process has had since the last beginning, in bytes."""
    status = Path("/proc/self/status").read_text()
    if begin:
        Path("/proc/self/clear_refs").write_text("5")
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]


def main(asked: list[str]) -> None:
    counts = [int(each) for each in asked if each.isdigit()] or [2, 4]
    names = [each for each in asked if not each.isdigit()] or [*models(), *FILES]
    for count in counts:
        print(
            f"\n{BLOCKS} chunks of {CHUNK >> 20} MiB through {count} workers of {LIMIT >> 20} MiB", flush=True
        )
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                blocks = (
                    BLOCKS if name != "LeNet" else 6 * count
                )  # its derivatives take minutes for all of them
                model, source = ("logistic regression", name) if name in FILES else (name, "")
                most = most_chunks(model, count, source, folder, blocks)
            print(
                f"  {'reached' if most <= 3 else 'MISSED '}  {name}: {most:.2f} chunks (target ≤ 3)",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
