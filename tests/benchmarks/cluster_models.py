"""What the measurements of a cluster share: worker processes on the loopback interface, and LeNet's layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import graphc as g
from graphc import nn


@contextmanager
def workers(count: int, memory: Any = 0) -> Iterator[Any]:
    """A client of so many worker processes, with one thread each."""
    from distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "host": "127.0.0.1"}
    with LocalCluster(n_workers=count, memory_limit=memory, **options) as cluster, Client(cluster) as client:
        yield client


def lenet_layers() -> Any:
    return nn.Sequential(
        nn.Conv2d(6, 5, padding=2), g.tanh, nn.MaxPool2d(2), nn.Conv2d(16, 5), g.tanh, nn.MaxPool2d(2), nn.Flatten(),
        nn.Affine(120), g.tanh, nn.Affine(84), g.tanh, nn.Affine(10),
    )  # fmt: skip
