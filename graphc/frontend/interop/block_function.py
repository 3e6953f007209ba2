"""Compiled functions in Dask's tasks: they travel as graphs, and are compiled once in each process."""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

from graphc.frontend.interop.callee import Callee
from graphc.frontend.interop.split import BlockPass
from graphc.ir.expr import Expr
from graphc.util import fork_safety
from graphc.util.fork_safety import cached_property
from graphc.util.records import dataclass

_MOST_ARRIVED = 64

_arrived: OrderedDict[str, Callee] = OrderedDict()
_arriving = fork_safety.lock()


@fork_safety.once
def dask_itself() -> Any:
    """The module `dask`."""
    import dask

    return dask


@fork_safety.once
def dask_arrays() -> Any:
    """The module `dask.array`."""
    import dask.array  # pyright: ignore[reportMissingImports]

    return dask.array


@fork_safety.once
def lazy_kind() -> Any:
    """The class of Dask's lazy results of tasks."""
    from dask.delayed import Delayed  # pyright: ignore[reportMissingImports]

    return Delayed


def layers_of(name: str, graph: Any) -> Any:
    """A graph of Dask's tasks as one layer of that name."""
    return dask_itself().highlevelgraph.HighLevelGraph.from_collections(name, graph, dependencies=())


class BlockFunction:
    """A compiled function in tasks: pickled as its graph, and compiled in a process when it is first called there.

    What only hands it on, as Dask's scheduler does, keeps the bytes.
    """

    def __init__(self, callee: Callee | None, packed: tuple[str, bytes] | None = None) -> None:
        self._callee, self._bytes = callee, packed

    def __call__(self, *arrays: Any) -> list[np.ndarray]:
        callee = self._callee
        if callee is None:
            callee = self._callee = _unpacked(*self._packed)
        return callee.arrays(arrays)

    @cached_property
    def _packed(self) -> tuple[str, bytes]:
        if self._bytes is not None:
            return self._bytes
        assert self._callee is not None
        packed = pickle.dumps(self._callee.call.__self__)  # type: ignore[attr-defined]
        return hashlib.sha256(packed).hexdigest(), packed

    def __reduce__(self) -> Any:
        return BlockFunction, (None, self._packed)

    def __dask_tokenize__(self) -> str:
        return self._packed[0]


def _unpacked(digest: str, packed: bytes) -> Callee:
    """The function of these bytes, the same one each time; the last used 64 stay compiled."""
    with _arriving:
        known = _arrived.get(digest)
        if known is None:
            known = _arrived[digest] = pickle.loads(packed)._callee()
        _arrived.move_to_end(digest)
        while len(_arrived) > _MOST_ARRIVED:
            _arrived.popitem(last=False)
        return known


@dataclass(frozen=True)
class CompiledPass:
    """A pass over the blocks, compiled.

    before, inputs_before : what is computed once before it, and the symbols that it reads; None where nothing is
    blocks, inputs : what each block computes, and the symbols that it reads
    """

    cut: BlockPass
    before: BlockFunction | None
    inputs_before: tuple[Expr, ...]
    blocks: BlockFunction
    inputs: tuple[Expr, ...]


__all__ = ["BlockFunction", "CompiledPass", "dask_arrays", "dask_itself", "layers_of", "lazy_kind"]
