"""Which kind of compiled function a graph becomes: of numbers, applied to arrays element by element, or of whole arrays."""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.pipeline import Options, unit_of
from graphc.compiler.runtime import array_function, elementwise_function
from graphc.compiler.runtime.compiled_function import CompiledFunction
from graphc.ir.graph import Dag
from graphc.util.pytree import Structure


def make(
    graph: Dag, structure: Structure, options: Options, record: Callable[[], bytes | None] | None = None
) -> CompiledFunction:
    """Compile a graph whose results come back in `structure`.

    record : gives the key under which what becomes of the graph is recorded and found again: see `graph_cache`
    """
    if unit_of(graph, options).is_program:
        return array_function.make(graph, structure, options)
    return elementwise_function.make(graph, structure, options, None if record is None else record())


CompiledFunction._make = staticmethod(make)

__all__ = ["make"]
