"""The verb compile: from expressions to a fast callable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphc.api.graph import Graph, as_graph
from graphc.api.sparse import SparseDerivative
from graphc.api.sparse_function import SparseFunction, SparseTree, has_sparse
from graphc.compiler import dump as dumps
from graphc.compiler import pipeline
from graphc.compiler.engine.thread_pool import Parallel
from graphc.compiler.loops.printer import text as program_text
from graphc.compiler.pipeline import Options, Tier, unit_of
from graphc.compiler.runtime import graph_cache
from graphc.compiler.runtime.compiled_function import CompiledFunction
from graphc.compiler.runtime.make import make
from graphc.compiler.runtime.updates import new_values
from graphc.errors import DtypeError, GraphcError, InputError, brief
from graphc.ir.body import Body
from graphc.ir.expr import (
    Derivation,
    Expr,
    apply,
    cast,
    constant,
    current_site,
    derivation,
    derived,
    rebuild,
    symbol,
    walk_sources,
)
from graphc.ir.inputs import refuse_inner
from graphc.ir.types import DType, as_dtype, is_float
from graphc.rewrite import tables
from graphc.util.arguments import mapping, number
from graphc.util.pytree import Structure, flatten, unflatten


def compile(
    outputs: Any,
    inputs: Any = None,
    *,
    dtype: Any = None,
    rewrite: str | None = "stable",
    without: Iterable[str] = (),
    cache: bool = True,
    parallel: Parallel = "auto",
    updates: Mapping[Expr, Any] | None = None,
    tier: Tier = "auto",
    progress: bool | None = None,
    dump: str | Iterable[str] | None = None,
    ranges: Mapping[Any, Any] | None = None,
    budget: float | None = None,
) -> CompiledFunction:
    """Machine code for a graph: a fast callable.

    Parameters
    ----------
    outputs : an expression, a structure of expressions, a `Graph`, or a traced function; sparse derivatives are returned as
        `scipy.sparse` arrays
    inputs : the symbols in the order of the arguments; by default in the order in which they occur
    dtype : another float type for all float symbols and literals, such as "float32"
    rewrite : "stable" rewrites the formula for smaller rounding errors and a wider range (`g.rewrites` lists the rules
        applied), "exact" applies only the rules that keep every bit, None compiles the formula as written; "search" compiles
        what `g.improve` finds for all outputs together, such as a value and its gradient (outputs that are not formulas of
        float64 scalars are rewritten as for "stable")
    without : the name or names of rules to switch off
    cache : reuse machine code from this process or an earlier one, and store new code; the environment variables
        GRAPHC_CACHE_DIR and GRAPHC_CACHE_SIZE set the directory and the maximum size, `graphc cache info` shows them
    parallel : "auto" runs array loops on several threads if they are long enough to benefit, True runs all of them in parallel,
        False none; `set_num_threads` sets the number of threads. Results are bit-identical in all cases
    updates : symbol → its new value. The arrays passed for these inputs are updated in place after all results are computed, as
        for a training step: updates={W: W - 0.1*dW}
    tier : "native" returns when the machine code is ready. "interpreted" returns at once: as soon as the graph is rewritten,
        NumPy evaluates it, slowly, while the machine code is generated in a background thread; `f.tier` says which one is in
        use, `f.wait()` waits for the machine code. "auto" does that from 20,000 operations on, which take seconds to compile.
        Interpreted results are identical for + − × ÷ and √, and within the bounds of docs/ops.md for other functions. "quick"
        generates machine code for scalars in a tenth of the time, with LLVM's fastest code generator; it runs about 1.3 times
        as long and gives the same bits; loops over arrays are generated as usual, when first needed. Graphs with arrays are
        always native
    progress : whether to show a progress bar on standard error; None shows it only on a terminal, after a second
    dump : the name of a compiler pass, several, or "all": prints the result of each of these passes on standard error, as does
        the environment variable GRAPHC_DUMP. `graphc compile FORMULA --show passes` lists them
    ranges, budget : with rewrite="search": the intervals of the inputs, and the time limit of the search in seconds, as for
        `improve`. The result is cached with the machine code, so each search runs only once

    Returns a `CompiledFunction` (with sparse derivatives a `SparseFunction`, which is used in the same way): numbers give
    numbers; arrays broadcast. With operations on whole arrays, or `updates`, it takes exactly the declared shapes, in which
    named axes may have any length.

    >>> import graphc as g
    >>> x, y = g.symbols("x y")
    >>> f = g.compile(x * y + 1, [x, y])
    >>> f(3.0, 4.0), f(y=3, x=2)
    (13.0, 7.0)
    """
    if has_sparse(outputs):
        if dtype is not None:
            outputs, inputs = _retyped_tree(outputs, inputs, dtype)
        tree = SparseTree(outputs)
        entries = compile(
            tree.exprs, inputs, rewrite=rewrite, without=without, cache=cache, parallel=parallel,
            updates=updates, tier=tier, progress=progress, dump=dump, ranges=ranges, budget=budget,
        )  # fmt: skip
        return SparseFunction(entries, tree)  # type: ignore[return-value]  # is called and asked as one
    if updates is not None:
        updates = mapping("updates", updates, "write updates={W: W - 0.1*dW}")
    graph = as_graph(outputs, inputs)
    refuse_inner(graph.symbols)
    structure, updated = graph.structure, ()
    if updates is not None:
        graph, updated = _with_updates(graph, updates, inputs is not None)
    if dtype is not None:
        graph = retype(graph, dtype)
    searched = isinstance(rewrite, str) and rewrite == "search"
    for word, value in (("ranges", ranges), ("budget", budget)):
        if value is not None and not searched:
            raise InputError(
                f"compile({word}=…) is of a search",
                site=current_site(),
                hint='write rewrite="search" beside it',
            )
    level = "stable" if searched else rewrite
    options = _options(level, without, cache, parallel, tier, progress, updated, dump)
    if searched:
        graph, options = (
            _searched(graph, options, ranges, 10.0 if budget is None else budget),
            replace(options, rewrite=None),
        )
    return make(graph, structure, options, lambda: _record(graph, structure, options))


def _searched(graph: Graph, options: Options, ranges: Any, budget: Any) -> Graph:
    """The graph with what a search finds for its outputs; those that cannot be searched are rewritten by the rules."""
    from graphc.search.improve import Question, is_searched
    from graphc.search.kept import found

    budget = number("budget", budget, lambda value: 0 <= value < math.inf, "seconds, from 0 on")
    outputs = [graph.exprs[output] for output in graph.outputs]
    sought = [output for output in dict.fromkeys(outputs) if is_searched(output)]
    forms: dict[Expr, Expr] = {}
    if sought:
        question = Question.of(sought, ranges, budget, "accurate", 0, None, graph.symbols)
        forms = dict(zip(sought, found(question, options.cache), strict=True))
    others = [output for output in dict.fromkeys(outputs) if output not in forms]
    if others:
        forms.update(zip(others, tables.run(others, "stable", options.without).outputs, strict=True))
    return graph.with_outputs([forms[output] for output in outputs])


def _options(
    rewrite: Any,
    without: Any,
    cache: Any,
    parallel: Any,
    tier: Any,
    progress: Any,
    updates: tuple[int, ...],
    dump: Any,
) -> Options:
    """The options of `compile`, checked."""
    _among("parallel", parallel, (True, False, "auto"))
    _among("cache", cache, (True, False))
    _among("tier", tier, ("auto", "native", "interpreted", "quick"))
    _among("progress", progress, (None, True, False))
    off = tuple(sorted(tables.named(without)))
    if rewrite is not None:
        tables.engine(rewrite, off)  # refuses what is no level or no rule
    further = tuple([each.name for each in pipeline.ON_REQUEST])
    shown = () if dump is None else dumps.named(dump, pipeline.NAMES, further)
    shown = (*shown, *dumps.asked(pipeline.NAMES, further))
    return Options(rewrite, off, cache, parallel, tier, progress, updates, shown)


def _record(graph: Graph, structure: Structure, options: Options) -> bytes | None:
    """The key under which what becomes of a graph is recorded; None where it is not, or passes are to be seen at work."""
    if options.rewrite is None or not options.cache or options.dump or tables.has_own():
        return None
    sources = walk_sources([graph.exprs[output] for output in graph.outputs])[0]
    # what the derivatives among them are the derivatives of decides as well
    origin = () if len(sources) <= len(graph) else (Graph(sources).digest,)
    quick = ("quick",) if options.tier == "quick" else ()
    return graph_cache.key(graph, structure, (options.rewrite, *options.without, *quick, *origin))


def _with_updates(graph: Graph, updates: Mapping[Expr, Any], declared: bool) -> tuple[Graph, tuple[int, ...]]:
    """The graph with the new values of some inputs as further results, and the numbers of those inputs."""
    values = new_values(updates, graph.symbols, declared)
    leaves = [*(graph.exprs[output] for output in graph.outputs), *values]
    needed = [*graph.symbols, *Graph([*leaves, *updates]).symbols]
    graph = Graph(leaves, graph.symbols if declared else list(dict.fromkeys(needed)))
    return graph, tuple([graph.symbols.index(symbol) for symbol in updates])


def _retyped_tree(outputs: Any, inputs: Any, dtype: Any) -> tuple[Any, Any]:
    """A structure with sparse derivatives, and the inputs, in another float type."""

    def change(exprs: list[Expr]) -> list[Expr]:
        graph = retype(Graph(exprs), dtype) if exprs else None
        return [graph.exprs[output] for output in graph.outputs] if graph is not None else []

    leaves, structure = flatten(outputs)
    plain = iter(change([constant(leaf) for leaf in leaves if not isinstance(leaf, SparseDerivative)]))
    changed = [leaf.changed(change) if isinstance(leaf, SparseDerivative) else next(plain) for leaf in leaves]
    if inputs is not None:
        inputs = change([inputs] if isinstance(inputs, Expr) else list(inputs))
    return unflatten(structure, iter(changed)), inputs


def _among(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Refuse an option of `compile` that is none of the allowed values themselves: "no" is true, and 1 is no text."""
    if not any(value is known or (isinstance(value, str) and value == known) for known in allowed):
        raise InputError(
            f"compile({name}=…) takes {', '.join(map(repr, allowed[:-1]))} or {allowed[-1]!r}, not {brief(value)}",
            site=current_site(),
            hint=f"leave {name} out for what is usual",
        )


def passes(outputs: Any, inputs: Any = None, *, dtype: Any = None, rewrite: str | None = "stable") -> str:
    """What each pass of the compiler makes of a formula, as text; arguments as for `compile`.

    >>> from graphc.ir.expr import symbols
    >>> x = symbols("x")
    >>> print(passes(x * 2 / 2).splitlines()[1])
      → float64()  x*2/2
    """
    graph = as_graph(outputs, inputs)
    graph = graph if dtype is None else retype(graph, dtype)
    return pipeline.told(unit_of(graph, _options(rewrite, (), False, False, "native", False, (), None)))


def loops(outputs: Any, inputs: Any = None, *, dtype: Any = None, rewrite: str | None = "stable") -> str:
    """The loops that a formula becomes, as the text of the loop IR; arguments as for `compile`.

    >>> from graphc.ir.expr import symbols
    >>> x = symbols("x")
    >>> print(loops(x * 2).splitlines()[-1])
      r0[] = x[] * 2.0
    """
    graph = as_graph(outputs, inputs)
    graph = graph if dtype is None else retype(graph, dtype)
    unit = unit_of(graph, _options(rewrite, (), False, False, "native", False, (), None))
    return program_text(pipeline.loop_program(pipeline.run(unit, pipeline.REWRITING)))


def retype(graph: Graph, dtype: Any) -> Graph:
    """The graph with every float symbol and float literal in another float type; casts that are written stay.

    Derivatives are those of the retyped formula: the casts in them follow its types.
    """
    target = as_dtype(dtype)
    if not is_float(target):
        raise DtypeError(
            f"compile(dtype=…) takes a float type, not {target}", site=current_site(), hint='write "float32"'
        )
    outputs = [graph.exprs[output] for output in graph.outputs]
    retyped = _retyped([*graph.symbols, *outputs], target)
    leaves = [retyped[output] for output in outputs]
    return Graph(unflatten(graph.structure, iter(leaves)), [retyped[node] for node in graph.symbols])


def _retyped(exprs: Sequence[Expr], target: DType) -> dict[Expr, Expr]:
    """What becomes of some expressions and of all below them."""
    retyped: dict[Expr, Expr] = {}
    order, circular = walk_sources(exprs)
    for node in order:
        if node.is_symbol and is_float(node.dtype):
            retyped[node] = symbol(node.name, node.shape, target, range=node.bounds)
        elif node.is_constant and is_float(node.dtype):
            retyped[node] = constant(node.value, target)
        else:
            known = None if node in circular else derivation(node)
            again = None if known is None else _derived_anew(*known, retyped)
            if again is None:
                operands = tuple(retyped[operand] for operand in node.operands)
                if node.op.control is None:
                    again = rebuild(node, operands)
                else:
                    again = apply(
                        node.op, *operands, attrs=tuple(_with_bodies(x, target) for x in node.attrs)
                    )
            retyped[node] = again
    return retyped


def _with_bodies(attr: Any, target: DType) -> Any:
    """A static argument with its bodies retyped. They give what they gave in `target`: a carry keeps its type."""
    if isinstance(attr, tuple):
        return tuple([_with_bodies(item, target) for item in attr])
    if not isinstance(attr, Body):
        return attr
    retyped = _retyped([*attr.inputs, *attr.outputs], target)
    outputs = [retyped[output] for output in attr.outputs]
    return attr.mapped(
        retyped, [cast(x, target) if is_float(x.dtype) and x.dtype != target else x for x in outputs]
    )


def _derived_anew(made: Derivation, number: int, retyped: Mapping[Expr, Expr]) -> Expr | None:
    """A derivative of formulas that were retyped; None where they have none."""
    of = made.mapped(retyped.__getitem__)
    try:
        (again,) = of.write(of.outputs, of.others, of.targets, (number,))
    except GraphcError:
        return None
    derived({number: again}, of)
    return again
