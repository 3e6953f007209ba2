"""What a player's page recomputes, as JavaScript: numbers by one function over numbers, arrays by a program of the loop IR.

The lengths of arrays are those of the point. Arrays travel as the bytes of their elements, and become typed arrays in the page.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.compiler.pipeline import REWRITING, Options, loop_program, run, unit_of
from graphc.compiler.targets.javascript import expanded, program
from graphc.compiler.targets.javascript_module import module
from graphc.errors import CompileError, GraphcError
from graphc.interpret.scalarize.program import specialised
from graphc.ir.graph import Dag

_LARGEST = 400_000
"""A program of more characters is not sent along: the values then stand as they were computed."""


SENT = 150_000
"""So many bytes of arrays travel with a page."""

_TURNS = 20_000
"""While loops of a page take no more turns than these: nobody waits for a page, and a value that is typed must not stop it."""


def recomputation(dag: Dag, values: Sequence[Any]) -> str | None:
    """A JavaScript expression, the function from the inputs to the outputs of a graph; None where it has no form there.

    values : of the symbols of the graph, in their order; with more than `SENT` bytes of them nothing is computed

    Numbers are numbers, truth values booleans, integers BigInts and arrays typed arrays in the order of rows, in and out.
    """
    if sum(getattr(value, "nbytes", 0) for value in values) > SENT:
        return None
    try:
        if not any(getattr(value, "ndim", 0) for value in values) and not any(
            node.shape for node in dag.exprs
        ):
            try:
                return program(dag)
            except CompileError:
                pass  # loops have no form in a function of numbers alone, but as a program
        text = _of_arrays(dag, values)
    except GraphcError:
        return None
    return text if len(text) <= _LARGEST else None


def _of_arrays(dag: Dag, values: Sequence[Any]) -> str:
    known = dict(zip(dag.symbols, map(np.asarray, values), strict=True))
    fixed = specialised(
        [*(dag.exprs[place] for place in dag.outputs), *dag.symbols], known, broadcasting=True
    )[0]
    outputs, symbols = fixed[: len(dag.outputs)], fixed[len(dag.outputs) :]
    unit = unit_of(expanded(Dag(outputs, symbols)), Options(rewrite=None))
    written = module(replace(loop_program(run(unit, REWRITING)), name="values"), "", _TURNS)
    body = "\n".join(line for line in written.splitlines() if not line.startswith("//"))
    return f"(() => {{\n{body}\nreturn input => values(...input);\n}})()"


def as_data(value: Any) -> dict[str, Any]:
    """An array as plain data: its type, its shape and its bytes."""
    array = np.ascontiguousarray(value)
    return {
        "type": array.dtype.name,
        "shape": list(array.shape),
        "bytes": base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode(),
    }


def some_as_data(arrays: Mapping[int, Any]) -> dict[int, dict[str, Any]]:
    """Arrays as plain data, small ones before large ones, as many as travel with a page."""
    sent, told = 0, {}
    for key, array in sorted(arrays.items(), key=lambda item: item[1].nbytes):
        sent += array.nbytes
        if sent <= SENT:
            told[key] = as_data(array)
    return told


__all__ = ["SENT", "as_data", "recomputation", "some_as_data"]
