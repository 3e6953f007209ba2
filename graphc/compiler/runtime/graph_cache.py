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
import time
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import numpy as np

from graphc.compiler import pipeline
from graphc.compiler.engine import jit
from graphc.compiler.engine.object_cache import digest, store
from graphc.compiler.engine.scipy_functions import is_symbol
from graphc.compiler.lowering.scalar_kernel import Kernel, Recalled
from graphc.compiler.pipeline import Unit
from graphc.compiler.runtime.build import Code, marked
from graphc.compiler.schedule import cost_model
from graphc.compiler.targets.llvm import shared_functions
from graphc.compiler.targets.llvm.kernels import scalar_entry
from graphc.compiler.targets.llvm.kernels.split_body import SplitBody
from graphc.ir.graph import Dag
from graphc.ir.types import DTYPES
from graphc.util.pytree import Structure, to_plain
from graphc.util.records import dataclass

FROM = 1000
"""Graphs with fewer nodes are rewritten and emitted in less time than a user notices."""

_LIBRARIES = ("numpy", "scipy", "mpmath", "sympy", "numba", "llvmlite")
"""What may compute a number while a graph is rewritten or emitted."""


@dataclass(frozen=True)
class CachedModule:
    """A module of machine code: its key, the functions that it exports, and the symbols of SciPy's and of shared functions that
    it calls."""

    key: bytes
    exported: tuple[str, ...]
    scipy: tuple[str, ...]
    shared: tuple[str, ...]


@dataclass(frozen=True)
class CachedGraph:
    """What became of a graph.

    modules : of its machine code, the one of the entry points last
    operations, nanoseconds : of the kernel, and the estimate for an element
    outputs : the dtypes of the results
    """

    modules: tuple[CachedModule, ...]
    operations: int
    nanoseconds: float
    outputs: tuple[str, ...]


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
    from importlib.metadata import PackageNotFoundError, version

    versions = []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} is missing")
    return tuple(versions)


@cache
def _source() -> bytes | None:
    """A digest of graphc's source code; None where it cannot be read."""
    root = Path(__file__).parents[2]
    try:
        files = sorted(root.rglob("*.py"))
        parts = [part for file in files for part in (file.relative_to(root).as_posix(), file.read_bytes())]
    except OSError:
        return None
    return digest(*parts) if parts else None


def keep(key: bytes, code: Code) -> None:
    """Record what became of a graph."""
    modules = []
    for library in code.libraries:
        if library.key is None:
            return
        called = [symbol for used in library.uses for symbol in used.exported]
        shared = [symbol for symbol in called if shared_functions.is_symbol(symbol)]
        modules.append([library.key.hex(), library.exported, library.scipy, shared])
    record = {
        "modules": modules, "operations": code.kernel.operations, "nanoseconds": cost_model.nanoseconds(code.kernel),
        "outputs": [dtype.name for dtype in code.kernel.outputs],
    }  # fmt: skip
    store().put(key, json.dumps(record).encode())


def find(key: bytes, graph: Dag, structure: Structure, rewritten: Callable[[], Unit]) -> Code | None:
    """The code of a graph that was compiled before; None where any of it is not there.

    rewritten : makes the unit with the graph that was compiled, for whoever wants to look at it
    """
    started = time.perf_counter()
    content, _ = store().get(key)
    record = None if content is None else _read(content)
    if record is None:
        return None
    lowered = cache(lambda: pipeline.run(rewritten(), pipeline.LOWERING))

    def kernel() -> Kernel:
        kernel = lowered().kernel
        assert kernel is not None  # of a graph of operations element by element, as those on record are
        return kernel

    def body() -> SplitBody:
        body = lowered().body
        assert body is not None
        return body

    libraries: list[jit.Library] = []

    def text(number: int) -> str:
        if number < len(record.modules) - 1:
            return marked(lowered().options, body().module(number))
        symbols = tuple(part.symbol("part") for part in libraries[:-1])
        return marked(lowered().options, scalar_entry.module(kernel(), structure, body(), symbols))

    for number, module in enumerate(record.modules):
        last = number == len(record.modules) - 1
        library = jit.recall(
            module.key,
            module.exported,
            module.scipy,
            partial(text, number),
            (*(libraries if last else ()), *shared_functions.libraries(module.shared)),
        )
        if library is None:
            return None
        libraries.append(library)
    recalled = Recalled(
        lambda: kernel().dag,
        tuple(symbol.dtype for symbol in graph.symbols),
        tuple(np.dtype(name) for name in record.outputs),
        record.operations,
        record.nanoseconds,
    )
    return Code(recalled, libraries[-1], tuple(libraries[:-1]), {"find": time.perf_counter() - started})


def _read(content: bytes) -> CachedGraph | None:
    """A record that says what one must; None for anything else."""
    try:
        fields = json.loads(content)
        record = CachedGraph(
            tuple([_module(*module) for module in fields["modules"]]),
            fields["operations"], float(fields["nanoseconds"]), tuple(fields["outputs"]),
        )  # fmt: skip
        whole = bool(record.modules) and isinstance(record.operations, int)
        return record if whole and all(name in DTYPES for name in record.outputs) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _module(key: str, exported: list[str], scipy: list[str], shared: list[str]) -> CachedModule:
    whole = len(bytes.fromhex(key)) == 32 and all(isinstance(name, str) for name in exported)
    if not whole or not isinstance(scipy, list) or not all(map(is_symbol, scipy)):
        raise ValueError(key)
    if not isinstance(shared, list) or not all(map(shared_functions.is_symbol, shared)):
        raise ValueError(key)
    return CachedModule(bytes.fromhex(key), tuple(exported), tuple(scipy), tuple(shared))
