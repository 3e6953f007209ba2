"""From a graph as it was written straight to its machine code on disk, past rewriting and emission.

Machine code is found by the text of its module (`jit.build`), and for a large graph making that text takes longer than all else
in a second process. So what became of a large graph is recorded under a key of all that decides about it: the graph to the bit,
the structure of its results, the options of rewriting, the versions of everything that computes with numbers on the way, the
processor, and graphc's own source code, all of it. What a user has added, rules or operations, has no contents that could be
hashed: with such in play nothing is recorded and nothing found.

A record leads to an entry of machine code and says what a caller needs to know without the graph. The graph after rewriting is
made when something asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from graphc.dag import Dag
from graphc.lower import cost, jit
from graphc.lower.cache import digest, store
from graphc.lower.kernels import Kernel, Recalled
from graphc.tree import Structure, to_plain
from graphc.types import DTYPES, DType

FROM = 1000
"""Graphs with fewer nodes are rewritten and emitted in less time than a user notices."""

_LIBRARIES = ("numpy", "scipy", "mpmath", "sympy", "numba", "llvmlite")
"""What may compute a number while a graph is rewritten or emitted."""


@dataclass(frozen=True)
class Record:
    """What became of a graph.

    code : the key of its machine code; exported : the functions of that
    operations, nanoseconds : of the kernel, and the estimate for an element
    outputs : the dtypes of the results
    digamma : whether the code calls SciPy's function
    """

    code: str
    exported: tuple[str, ...]
    operations: int
    nanoseconds: float
    outputs: tuple[str, ...]
    digamma: bool


def key(graph: Dag, structure: Structure, options: Iterable[str]) -> bytes | None:
    """The key of a graph's record; None where none is kept.

    options : all else that decides what is made of the graph
    """
    if len(graph) < FROM or any(node.shape or node.op.user_defined for node in graph.exprs):
        return None
    source = _source()
    if source is None:
        return None
    return digest(
        "a graph's record", *jit.environment(), *_versions(), source, graph.digest, repr(to_plain(structure)), *options
    )  # fmt: skip


@cache
def _versions() -> tuple[str, ...]:
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} is missing")
    return tuple(found)


@cache
def _source() -> bytes | None:
    """A digest of graphc's source code; None where it cannot be read."""
    root = Path(__file__).parents[1]
    try:
        files = sorted(root.rglob("*.py"))
        parts = [part for file in files for part in (file.relative_to(root).as_posix(), file.read_bytes())]
    except OSError:
        return None
    return digest(*parts) if parts else None


def keep(key: bytes, kernel: Kernel, library: jit.Library) -> None:
    """Record what became of a graph."""
    if library.key is None:
        return
    record = {
        "code": library.key.hex(), "exported": list(library.exported), "operations": kernel.operations,
        "nanoseconds": cost.nanoseconds(kernel), "outputs": [dtype.name for dtype in kernel.outputs],
        "digamma": library.digamma,
    }  # fmt: skip
    store().put(key, json.dumps(record).encode())


def find(
    key: bytes, inputs: tuple[DType, ...], dag: Callable[[], Dag], text: Callable[[], str]
) -> tuple[Kernel, jit.Library] | None:
    """The kernel and the machine code of a graph that was compiled before; None where either is not there.

    inputs : the dtypes of its symbols
    dag, text : make the graph as it is emitted and the module's text, for whoever wants to look at them
    """
    content, _ = store().get(key)
    record = None if content is None else _read(content)
    if record is None:
        return None
    library = jit.recall(bytes.fromhex(record.code), record.exported, record.digamma, text)
    if library is None:
        return None
    outputs = tuple(np.dtype(name) for name in record.outputs)
    return Recalled(dag, inputs, outputs, record.operations, record.nanoseconds), library


def _read(content: bytes) -> Record | None:
    """A record that says what one must; None for anything else."""
    try:
        found = json.loads(content)
        record = Record(
            code=found["code"], exported=tuple(found["exported"]), operations=found["operations"],
            nanoseconds=float(found["nanoseconds"]), outputs=tuple(found["outputs"]), digamma=found["digamma"],
        )  # fmt: skip
        names = set(DTYPES)
        whole = len(bytes.fromhex(record.code)) == 32 and isinstance(record.operations, int)
        good = whole and isinstance(record.digamma, bool) and all(name in names for name in record.outputs)
        return record if good and all(isinstance(name, str) for name in record.exported) else None
    except (ValueError, TypeError, KeyError, UnicodeDecodeError):
        return None
