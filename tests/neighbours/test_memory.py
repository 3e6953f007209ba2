"""Memory of workers in a pass over blocks, by the kernel's account of each process: no more than three blocks at once."""

from __future__ import annotations

import os

import pytest

for package in ("dask", "distributed"):
    pytest.importorskip(package)
from tests.benchmarks import cluster_memory  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(
        not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux tells the most memory of a process"
    ),
]

BLOCKS, MOST = 8, 3


@pytest.mark.parametrize("model", [name for name in cluster_memory.models() if name != "LeNet"])
def test_what_is_made_of_a_block(model):
    assert cluster_memory.most_chunks(model, 2, blocks=BLOCKS) <= MOST


@pytest.mark.parametrize(
    "kind, package", [("npy", "numpy"), ("zarr", "zarr"), ("h5", "h5py"), ("parquet", "pyarrow")]
)
def test_where_a_block_is_read(kind, package, tmp_path):
    pytest.importorskip(package)
    assert cluster_memory.most_chunks("logistic regression", 2, kind, str(tmp_path), BLOCKS) <= MOST
