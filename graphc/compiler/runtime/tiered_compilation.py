"""The machine code of a function, and what answers until it is there.

A large graph takes seconds to compile. Meanwhile an interpreter can answer: the machine code is made on a thread of its own, and
calls go to it from the moment it is there. That thread rewrites the graph too, which the first answers wait for. What was
compiled before is found on disk, and needs no interpreter.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.compiler import pipeline
from graphc.compiler.engine import execution_engine
from graphc.compiler.engine.background import Job
from graphc.compiler.engine.jit import Library
from graphc.compiler.pipeline import Options, Unit, unit_of
from graphc.compiler.runtime import build, graph_cache
from graphc.compiler.runtime.build import Code
from graphc.compiler.runtime.fast_path_dispatch import Served
from graphc.compiler.runtime.interpreted import Interpreter
from graphc.compiler.runtime.loop_dispatch import Nests
from graphc.compiler.schedule.rewriting_report import Rewriting
from graphc.ir.expr import on_line_of
from graphc.ir.graph import Dag
from graphc.ir.types import DType
from graphc.util.fork_safety import cached_property
from graphc.util.progress import Progress
from graphc.util.pytree import Structure
from graphc.util.records import dataclass

INTERPRETED_FROM = 20_000
"""Operations from which `tier="auto"` answers by an interpreter at first: their machine code takes seconds."""

_PACKED = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


@dataclass(frozen=True)
class Native:
    """The machine code of a function in this process, and what calls of it need.

    packed : the entry point for values in slots; constants : arrays that the loops take after the arguments
    """

    code: Code
    packed: Any
    constants: tuple[np.ndarray, ...]
    nests: Nests
    served: Served

    @property
    def libraries(self) -> list[Library]:
        """All modules made so far."""
        return [*self.code.libraries, *self.nests.libraries.values()]


@dataclass(frozen=True)
class Source:
    """What is compiled.

    graph : as it was written; structure : of the results
    record : the key under which what becomes of the graph is recorded and found again: see `known`
    takes_out : whether a call's `out` are the arrays for its results, and no argument of that name
    """

    graph: Dag
    structure: Structure
    options: Options
    record: bytes | None
    takes_out: bool


class Tiers:
    """What answers the calls of one function.

    code : the machine code; None as long as it is not there
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.code: Native | None = None
        self._job: Job[Native] | None = None
        self._unit: Unit | None = None
        self._rewriting = os.getpid(), threading.Lock()

    def begin(self, entered: Callable[[Native], None]) -> None:
        """Find or make the machine code; `entered` is told when it is there, which may be later and on another thread."""
        source = self.source

        def arrived(native: Native) -> None:
            self.code = native
            entered(native)

        known_code = None
        if source.record is not None:
            known_code = graph_cache.find(
                source.record, source.graph, source.structure, lambda: self._rewritten
            )
        if known_code is not None:
            arrived(self._native(known_code, ()))
        elif self._is_interpreted_first():
            execution_engine.binding()  # a library that is loaded while the process ends is not told that it does
            self._job = Job(lambda pause: self._make(pause, source.options.progress is True), arrived)
        else:
            arrived(self._make(lambda: None, source.options.progress))

    def _is_interpreted_first(self) -> bool:
        tier, graph = self.source.options.tier, self.source.graph
        if tier in ("native", "quick") or any(node.shape for node in graph.exprs):
            return False
        return tier == "interpreted" or sum(map(bool, graph.operands)) >= INTERPRETED_FROM

    def _make(self, pause: Callable[[], None], shown: bool | None) -> Native:
        """The machine code, from the graph; `pause` is called between its modules."""
        source = self.source
        with on_line_of(
            source.graph.exprs[source.graph.outputs[0]]
        ):  # on a thread of its own no line is running
            self._rewritten  # noqa: B018
        pause()
        with Progress(sum(map(bool, self.graph.operands)), shown) as bar:

            def step(operations: int) -> None:
                bar.step(operations)
                pause()

            unit = pipeline.run(self._rewritten, pipeline.LOWERING)
            code = build.make(unit, source.structure, step)
        if source.record is not None:
            graph_cache.keep(source.record, code)
        return self._native(code, unit.constants)

    def _native(self, code: Code, constants: tuple[np.ndarray, ...]) -> Native:
        options = self.source.options
        packed = _PACKED(code.library.pointer("packed"))
        nests = Nests(code.kernel, code.library, options.cache, options.parallel)
        served = Served(code.kernel, self.source.structure, nests, constants, self.source.takes_out)
        return Native(code, packed, constants, nests, served)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the machine code, so many seconds at most; whether it is there. Raises what made compiling fail."""
        return self.code is not None or (self._job is not None and self._job.wait(timeout))

    @property
    def native(self) -> Native:
        """The machine code, waited for."""
        if self.code is None:
            assert self._job is not None
            return self._job.result()
        return self.code

    @property
    def _rewritten(self) -> Unit:
        """The graph behind rewriting, which of a large one takes seconds: who asks first does it, others wait."""
        if self._unit is None:
            if (
                self._rewriting[0] != os.getpid()
            ):  # what another thread held is held for good in the child of a fork
                self._rewriting = os.getpid(), threading.Lock()
            with self._rewriting[1]:
                if self._unit is None:
                    unit = unit_of(self.source.graph, self.source.options)
                    self._unit = pipeline.run(unit, pipeline.REWRITING)
        return self._unit

    @cached_property
    def _interpreter(self) -> Interpreter:
        return Interpreter(self.graph)

    @property
    def graph(self) -> Dag:
        """The graph that is compiled."""
        return self._rewritten.graph

    @property
    def history(self) -> Rewriting | None:
        """What rewriting did."""
        return pipeline.history(self.source.graph, self._rewritten)

    @property
    def dtypes(self) -> tuple[DType, ...]:
        """Of the results."""
        if self.code is not None:
            return self.code.code.kernel.outputs
        graph = self.source.graph  # rewriting keeps them
        return tuple(graph.exprs[output].dtype for output in graph.outputs)

    def interpreted(
        self, arrays: list[np.ndarray], shape: tuple[int, ...], out: list[np.ndarray] | None
    ) -> list[Any]:
        """The results by NumPy, as the machine code will give them.

        shape : of the results; out : the arrays for them
        """
        values = self._interpreter(arrays)
        if out is None and not shape:
            return [value.item() for value in values]
        results = [np.empty(shape, dtype) for dtype in self.dtypes] if out is None else out
        for result, value in zip(results, values, strict=True):
            result[...] = value
        return results
