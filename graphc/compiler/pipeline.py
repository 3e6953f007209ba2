"""The compiler as one list of passes.

`PASSES` is the table of contents: each line is a step from the graph as it was written to the text of its machine code, named
by what it does, with the function that does it in a file of its own. What stands between two passes is a `Unit`; `dump=` of
`g.compile` and the environment's GRAPHC_DUMP print what a pass made of it, and `GRAPHC_CHECK=passes` verifies it after every one.

Making machine code of the text, and calling it, is the business of `runtime/`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from graphc.compiler import dump
from graphc.compiler.engine import checks
from graphc.compiler.engine.thread_pool import Parallel
from graphc.compiler.loops.from_graph.one_function import one_function
from graphc.compiler.loops.from_graph.to_loops import Prepare, to_loops
from graphc.compiler.loops.program import Program
from graphc.compiler.lowering.branch_loops import branch_loops
from graphc.compiler.lowering.decompose import decompose
from graphc.compiler.lowering.distribute_loops import distribute_loops
from graphc.compiler.lowering.expand_ops import expand_ops
from graphc.compiler.lowering.fuse_products import fuse_products
from graphc.compiler.lowering.lift_constants import lift_constants
from graphc.compiler.lowering.scalar_kernel import Kernel, kernel_of
from graphc.compiler.lowering.unfold import unfold
from graphc.compiler.schedule.fusion import Step, fuse
from graphc.compiler.schedule.materialize import materialize
from graphc.compiler.schedule.memory_plan import MemoryPlan, plan_memory
from graphc.compiler.schedule.rewriting_report import Rewriting, rewriting
from graphc.compiler.targets.llvm.kernels.program_module import write_kernels
from graphc.compiler.targets.llvm.kernels.split_body import SplitBody
from graphc.compiler.verify import verify
from graphc.errors import CompileError, ShapeError
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.types import broadcast_shapes
from graphc.rewrite import tables

Tier = Literal["auto", "native", "interpreted", "quick"]


@dataclass(frozen=True)
class Options:
    """How a function is compiled: the arguments of `g.compile` by their names.

    updates : the numbers of the inputs that the last outputs are new values of
    fused : whether products are rounded together with the sums that they go into
    """

    rewrite: str | None = None
    without: tuple[str, ...] = ()
    cache: bool = True
    parallel: Parallel = "auto"
    tier: Tier = "native"
    progress: bool | None = None
    updates: tuple[int, ...] = ()
    dump: tuple[str, ...] = ()
    fused: bool = False


@dataclass(frozen=True)
class Unit:
    """What is compiled, as the passes so far have left it.

    graph : the graph; options : how it is compiled
    is_program : whether it works on whole arrays; else element by element
    fired : the steps of rewriting; seconds : how long rewriting took; lowered : how long the other passes
    memory : what the phases of rewriting have found of nodes, until the last of them
    constants : arrays that became inputs, behind those of the graph
    kernel, body : of a graph of operations element by element: its scalar body, and that cut into functions
    materialized, steps, plan : of a program over arrays: the nodes kept in memory, what makes them, and where
    written : the graph with its composite operations, before they were taken apart
    whole : the program of the loop IR that becomes one native function, for calls with little to compute
    loops : the program of the loop IR, where it was asked for
    """

    graph: Dag
    options: Options
    is_program: bool
    fired: tuple[tables.RuleFiring, ...] = ()
    seconds: float = 0.0
    lowered: float = 0.0
    memory: tables.RuleMemory | None = None
    constants: tuple[np.ndarray, ...] = ()
    kernel: Kernel | None = None
    body: SplitBody | None = None
    materialized: frozenset[Expr] = frozenset()
    steps: tuple[Step, ...] = ()
    plan: MemoryPlan | None = None
    written: Dag | None = None
    whole: Program | None = None
    loops: Program | None = None

    @property
    def kind(self) -> Literal["elements", "arrays"]:
        """Which passes work on it."""
        return "arrays" if self.is_program else "elements"


def unit_of(graph: Dag, options: Options = Options()) -> Unit:
    """A graph before the first pass, calls and solvers unfolded.

    What is a program stays one, also where rewriting leaves no operation on arrays in it.
    """
    graph = unfold(graph)
    whole = bool(options.updates) or any(node.op.on_arrays for node in graph.exprs) or not _in_one_loop(graph)
    return Unit(graph, options, whole)


def _in_one_loop(graph: Dag) -> bool:
    """Whether all declared shapes broadcast: formulas of arrays of different lengths are no loop over elements."""
    unused = set(graph.unused)
    shapes = {node.shape for number, node in enumerate(graph.exprs) if node.shape and number not in unused}
    if len(shapes) < 2:
        return True
    try:
        broadcast_shapes(shapes)
    except ShapeError:
        return False
    return True


class Pass(NamedTuple):
    """One line of the table of contents.

    works_on : units of which kind it changes: "all", "elements" or "arrays"
    """

    name: str
    does: str
    works_on: Literal["all", "elements", "arrays"]
    run: Callable[[Unit], Unit]


def _rewritten(phase: Callable[..., tables.Trace]) -> Callable[[Unit], Unit]:
    def run(unit: Unit) -> Unit:
        if unit.options.rewrite is None:
            return unit
        started = time.perf_counter()
        outputs = [unit.graph.exprs[output] for output in unit.graph.outputs]
        memory = tables.RuleMemory() if unit.memory is None else unit.memory
        trace = phase(outputs, unit.options.rewrite, unit.options.without, unit.fired, memory)
        return replace(
            unit,
            graph=unit.graph.with_outputs(trace.outputs) if len(trace) else unit.graph,
            fired=(*unit.fired, *trace),
            seconds=unit.seconds + time.perf_counter() - started,
            memory=None if phase is tables.PHASES[-1] else memory,
        )

    return run


def _lift_constants(unit: Unit) -> Unit:
    graph, constants = lift_constants(unit.graph)
    return replace(unit, graph=graph, constants=constants)


def _expand_ops(unit: Unit) -> Unit:
    graph = expand_ops(unit.graph)
    return replace(unit, graph=graph, kernel=kernel_of(graph))


def _split_body(unit: Unit) -> Unit:
    assert unit.kernel is not None
    return replace(unit, body=SplitBody(unit.kernel))


def _distribute_loops(unit: Unit) -> Unit:
    return replace(unit, graph=distribute_loops(unit.graph))


def _branch_loops(unit: Unit) -> Unit:
    return replace(unit, graph=branch_loops(unit.graph))


def _decompose(unit: Unit) -> Unit:
    return replace(unit, graph=decompose(unit.graph), written=unit.graph)


def _fuse_products(unit: Unit) -> Unit:
    return replace(unit, graph=fuse_products(unit.graph)) if unit.options.fused else unit


def _materialize(unit: Unit) -> Unit:
    return replace(unit, materialized=frozenset(materialize(unit.graph)))


def _fuse(unit: Unit) -> Unit:
    return replace(unit, steps=tuple(fuse(unit.graph, unit.materialized)))


def _plan_memory(unit: Unit) -> Unit:
    return replace(unit, plan=plan_memory(unit.graph, unit.steps, unit.materialized, unit.options.updates))


def _one_function(unit: Unit) -> Unit:
    return replace(unit, whole=one_function(unit, _native_body))


def _write_kernels(unit: Unit) -> Unit:
    assert unit.plan is not None
    if unit.whole is not None and not unit.whole.lengths:  # every call is one of that function
        return unit
    plan = replace(unit.plan, words={}, rows={}, kernels={})
    write_kernels(plan)
    return replace(unit, plan=plan)


def _to_loops(unit: Unit, prepare: Prepare | None = None) -> Unit:
    lowered = unit
    if not unit.is_program:  # on every processor alike: what has code in any language stays
        lowered = replace(unit, graph=expand_ops(unit.graph, lambda op: op.emit is not None))
    return replace(unit, loops=to_loops(lowered, prepare or _body))


def _body(graph: Dag, around: Unit) -> Unit:
    """A body of a loop or branch, ready to become part of a program of the loop IR."""
    options = Options(around.options.rewrite, around.options.without, fused=around.options.fused)
    unit = run(run(unit_of(graph, options), REWRITING), TO_LOOPS[:-1])
    if (
        not unit.is_program
    ):  # what this processor has no code for would be called in a library that has none either
        unit = replace(unit, graph=expand_ops(unit.graph))
    return unit


def _native_body(graph: Dag, around: Unit) -> Unit:
    """The same for machine code, which has products and sums in one instruction."""
    options = around.options
    return _body(graph, replace(around, options=replace(options, fused=options.rewrite is not None)))


PASSES: tuple[Pass, ...] = (
    Pass(
        "derivatives",
        "derivatives of what is stabilised",
        "all",
        _rewritten(tables.derivatives_of_normal_forms),
    ),
    Pass("normal_form", "rules that keep digits, until none fires", "all", _rewritten(tables.normal_form)),
    Pass(
        "matmul_order",
        "products in the order of fewest multiplications",
        "all",
        _rewritten(tables.matmul_order),
    ),
    Pass(
        "compensate",
        "rounding errors of sums handed to the function of them",
        "all",
        _rewritten(tables.compensate),
    ),
    Pass("lift_constants", "array constants become inputs", "all", _lift_constants),
    Pass("expand_ops", "operations without machine code become what they stand for", "elements", _expand_ops),
    Pass("split_body", "a long scalar body becomes several functions", "elements", _split_body),
    Pass(
        "distribute_loops",
        "what steps compute of their rows alone is computed for all at once",
        "arrays",
        _distribute_loops,
    ),
    Pass("branch_loops", "steps that choose by their row compute one side", "arrays", _branch_loops),
    Pass("decompose", "composite operations become simple ones", "arrays", _decompose),
    Pass("fuse_products", "within loops a product and a sum are rounded once", "all", _fuse_products),
    Pass("materialize", "which nodes are kept in memory", "arrays", _materialize),
    Pass("fuse", "loops over the same rows become one kernel", "arrays", _fuse),
    Pass("plan_memory", "buffers, their lifetimes, updates in place", "arrays", _plan_memory),
    Pass("one_function", "programs become loops alone, for calls with little to do", "arrays", _one_function),
    Pass("write_kernels", "each kernel as LLVM text", "arrays", _write_kernels),
)

NAMES = tuple([each.name for each in PASSES])

ON_REQUEST = (
    Pass(
        "to_loops",
        "loops over buffers: the loop IR",
        "all",
        _to_loops,
    ),
)
"""Passes that run where something asks for what they make: the loop IR of every unit, for printing and for C. Of units that may
become one function `one_function` has it already."""

REWRITING = PASSES[:4]
LOWERING = PASSES[4:]
TO_LOOPS = (
    *(
        each
        for each in LOWERING
        if each.name not in ("expand_ops", "split_body", "one_function", "write_kernels")
    ),
    *ON_REQUEST,
)
"""The passes from what rewriting made to the loop IR."""


def run(unit: Unit, chosen: Sequence[Pass] = PASSES) -> Unit:
    """A unit after some of the passes; those for units of another kind leave it as it is."""
    kind = unit.kind
    verified = checks.asked("passes")
    for each in chosen:
        if each.works_on not in ("all", kind):
            continue
        started, before, unit = time.perf_counter(), unit, each.run(unit)
        if each in LOWERING:
            unit = replace(unit, lowered=unit.lowered + time.perf_counter() - started)
        if verified:
            verify(each.name, before, unit)
        if each.name in unit.options.dump:
            print(dump.changed(each.name, dump.text(before), dump.text(unit)), file=sys.stderr)
    if LOWERING[-1] in chosen:
        for each in ON_REQUEST:
            if each.name in unit.options.dump:
                print(dump.changed(each.name, "", dump.text(each.run(unit))), file=sys.stderr)
    return unit


def loop_program(unit: Unit, native: bool = False) -> Program:
    """The program of the loop IR of a unit that was rewritten, or that is not to be; `native` for machine code alone."""
    program = _to_loops(run(unit, TO_LOOPS[:-1]), _native_body if native else _body).loops
    if program is None:
        raise CompileError("internal error: a unit was left without loops")
    return program


def told(unit: Unit) -> str:
    """The passes that work on a unit, each with what it does and what it changed, as text."""
    kind = unit.kind
    old = dump.text(unit)
    lines = [old]
    for each in PASSES:
        if each.works_on in ("all", kind):
            unit = each.run(unit)
            new = dump.text(unit)
            lines.append(dump.changed(each.name, old, new, each.does))
            old = new
    return "\n".join(lines)


def history(before: Dag, unit: Unit) -> Rewriting | None:
    """What rewriting did, for a function's report; None where it was switched off."""
    if unit.options.rewrite is None:
        return None
    steps = [(step.rule, step.kind) for step in unit.fired]
    return rewriting(before.exprs, unit.graph.exprs, steps, unit.seconds)
