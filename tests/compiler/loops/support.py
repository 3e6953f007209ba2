"""Programs of the loop IR from expressions, and what they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import graphc as g
from graphc.compiler.loops import interpreter
from graphc.compiler.loops.parser import parse
from graphc.compiler.loops.printer import text
from graphc.compiler.loops.program import Program
from graphc.compiler.loops.verifier import verify
from graphc.compiler.pipeline import REWRITING, Options, loop_program, run, unit_of
from graphc.ir.dims import Dim


def program_of(
    outputs: Sequence[g.Expr],
    inputs: Sequence[g.Expr] | None = None,
    updates: Mapping[str, g.Expr] | None = None,
    rewrite: str | None = None,
) -> Program:
    """The program of some formulas; `updates` by the names of inputs."""
    new = dict(updates or {})
    graph = g.Graph([*outputs, *new.values()], list(inputs) if inputs is not None else None)
    numbers = tuple([[symbol.name for symbol in graph.symbols].index(name) for name in new])
    unit = unit_of(graph, Options(rewrite=rewrite, updates=numbers))
    return loop_program(run(unit, REWRITING))


def checked(program: Program) -> tuple[str, ...]:
    """Verified, and the same again when its text is read; gives the accesses that were not proved to be within their axes."""
    unproved = verify(program)
    again = parse(text(program))
    assert again == program and text(again) == text(program)
    return unproved


def run_loops(
    program: Program, point: Mapping[str, np.ndarray], lengths: Mapping[str, int]
) -> list[np.ndarray]:
    """The results of a program by its interpreter; states among the arguments are written."""
    return interpreter.run(program, point, {name: lengths[name] for name in program.lengths})


def lengths_at(inputs: Sequence[g.Expr], point: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The lengths of plain names, as the arguments' shapes say."""
    pairs: list[tuple[Dim, int]] = [
        pair for x in inputs for pair in zip(x.shape, point[x.name].shape, strict=True)
    ]
    return {str(dim): length for dim, length in pairs if isinstance(dim, str)}


def assert_close(result: np.ndarray, wanted: np.ndarray, eps: float) -> None:
    """As near as another order of summation is: the scale is that of the largest element."""
    result, wanted = np.asarray(result), np.asarray(wanted)
    assert result.shape == wanted.shape
    if wanted.dtype.kind in "iub":
        assert np.array_equal(result, wanted)
        return
    finite = np.isfinite(wanted)
    assert np.array_equal(np.isfinite(result), finite)
    scale = max(1.0, np.abs(wanted[finite]).max(initial=0))
    assert np.abs(result[finite] - wanted[finite]).max(initial=0) <= 20_000 * eps * scale


__all__ = ["assert_close", "checked", "lengths_at", "program_of", "run_loops"]
