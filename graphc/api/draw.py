"""Graphs looked at: drawn, and searched for where their values go wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from graphc.api.functions import rewritten
from graphc.api.graph import Graph, as_graph
from graphc.autodiff.reverse import AdjointRecord
from graphc.compiler.runtime.compiled_function import CompiledFunction
from graphc.errors import GradientError, InputError, brief
from graphc.interpret.numpy_eval import run, to_python
from graphc.ir.expr import Expr, current_site, free_symbols
from graphc.ir.graph import Dag
from graphc.rewrite.engine.normal_form import RuleFiring, Trace
from graphc.search.result import Improvement
from graphc.util.arguments import mapping, truth
from graphc.viz import DEFAULT, MAX_NODES, SLIDES, Diagram, Style, as_style, fold, panels, view
from graphc.viz.annotations import checked_watch
from graphc.viz.compare import compared
from graphc.viz.diagnose import Diagnosis, finding, notes, sources
from graphc.viz.emphasis import emphasized
from graphc.viz.naming import output_names
from graphc.viz.networks.drawing import NetworkDiagram, NetworkSource
from graphc.viz.player.play import player


def draw(
    outputs: Any,
    at: Mapping[Any, Any] | None = None,
    backward: bool = True,
    *,
    seed: Any = None,
    name: str | Sequence[str] | None = None,
    digits: int = 3,
    style: Style | str | Mapping[str, Any] = SLIDES,
    accuracy: Any = None,
    collapse: Any = None,
    max_nodes: int | None = MAX_NODES,
    show: Any = DEFAULT,
    layout: str = "right",
    exercise: bool = False,
    step: int | tuple[int, ...] | None = None,
    decimals: int | None = None,
    watch: Mapping[Any, Any] | None = None,
    page: str | tuple[float, float] | None = None,
    highlight: Any = None,
    note: Mapping[Any, str] | None = None,
) -> Diagram:
    """A diagram of an expression or graph, with the forward value above each edge and the adjoint that flows back below it.

    Parameters
    ----------
    outputs : an expression, a structure of expressions, a `Graph`, or an `nn.Model`, whose parameter values are then used; a
        step of `g.rewrites`, drawn before and after in one picture; or a result of `g.improve`, with both forms side by side
        and the bits that every operation loses
    at : name or symbol → number or array; without it only the structure is drawn
    backward : whether to show the adjoints. At a node that is used more than once, each use shows its contribution and the node
        their sum (Σ). Several outputs, or an output that is not a float scalar, are drawn forward only unless there is a
        `seed`.
    seed : the weight of each output in what is differentiated
    name : the name of the output, or one for each; by default L, or the keys of a dict of outputs
    digits : significant digits; for a matrix, those of its largest element
    style : "slides", "paper", "dark", "mono", or a dict of changes to one of them: {"base": "dark", "size": 18}; "network"
        draws layers as textbooks do: neurons with their weights as lines, or feature maps as blocks with sizes. So does
        {"base": "dark", "drawing": "network"} in other colours. Raises `RenderError` if the graph is not a network.
    accuracy : a report of `g.accuracy`; every operation is coloured by the bits that it loses
    collapse : True draws every block of `g.scope` as one node, a name or names ("layer 1", "encoder/layer 1") those blocks
    max_nodes : if there are more nodes, blocks are collapsed, innermost first, and nodes outside blocks are grouped by
        structure, until there are at most this many; None draws all
    show : what is drawn, among "value", "adjoint", "local" (the local derivative, below the line), "shape", "dtype", "name" (v1,
        v2, … as in `g.explain`), "order" (topological numbers), "cost" (estimated times, and their heat map), "image" and
        "histogram" (of arrays)
    layout : where the arrows lead: "right" or "down"
    exercise : whether the player asks its reader for the values; the picture then has none
    step : the step of loops whose values are shown in the loop body, counted from 0 (the number of the row in `g.scan`); -1 is
        the last one, (3, 0) step 0 of a loop within step 3 of another. None shows the body without values
    decimals : decimal places of every number, instead of significant digits
    page : "slide", "a4", "column", or width and height in inches: the diagram is broken into rows, rotated, drawn with ranges in
        place of matrices or without values, or collapsed, until its smallest text is legible on this page (12 points on a slide,
        8 elsewhere); a `UserWarning` says what was collapsed or left out. Without it a diagram whose text would be smaller than
        8 points is broken into rows where that helps
    highlight : one or more expressions or names of symbols to emphasise
    note : expression or name of a symbol → a note below its label
    watch : name or symbol → indices of elements, {"W": [(0, 1)]}: only these elements of the array are shown

    Vectors of up to six elements and matrices of up to 6×6 are shown as such, larger ones as their shape and range; over those of
    a matrix stands a small image of it, of at most 12 × 12 cells (style={"images": 24} for more, 0 for none).

    A loop is a frame around its body: inputs and outputs are small boxes, and a dashed line leads from each new carry to where
    the next step uses it. A branch has a frame for each side, with values in the one that is taken. A constant operand is part
    of the label of its operation. The first NaN or infinity is marked with its line of code; `g.diagnose` gives more detail.
    `.save("f.svg")`, `.png`, `.pdf` and `.dot` write the diagram, `.html` an interactive player that steps through it, which
    `.play()` shows in a notebook;
    `.source` is its DOT text; notebooks display it. Raises `InputError` when `at` does not fit the symbols.

    >>> from graphc.ir.expr import symbols
    >>> x, y, z = symbols("x y z")
    >>> draw((x + y) * z, at={"x": -2, "y": 5, "z": -4})
    <Diagram of 6 nodes; .save("diagram.svg") writes it>
    """
    style = as_style(style)
    if isinstance(outputs, Trace) or (
        isinstance(outputs, (list, tuple)) and any(isinstance(item, RuleFiring) for item in outputs)
    ):
        raise InputError(
            f"a picture shows one rewrite, not a list of {len(outputs)}",
            site=current_site(),
            hint="draw one of them, g.draw(trace[0]), or what came of them all, g.draw(trace.outputs)",
        )
    if isinstance(outputs, RuleFiring):
        outputs = {"before": outputs.before, "after": outputs.after}
    if isinstance(outputs, Improvement):
        options = {
            "seed": seed, "digits": digits, "style": style, "collapse": collapse, "max_nodes": max_nodes, "show": show,
            "layout": layout, "step": step, "decimals": decimals, "watch": watch,
        }  # fmt: skip
        return _improved(outputs, at, backward, options)
    model: Any = outputs if hasattr(outputs, "training_output") else None
    graph = as_graph(outputs if model is None else model.output)
    if style.drawing == "network":
        graph_only = {
            "exercise": exercise or None, "accuracy": accuracy, "step": step, "watch": watch, "highlight": highlight,
            "note": note,
        }  # fmt: skip
        for option, value in graph_only.items():
            if value is not None:
                raise InputError(
                    f"a network as books draw it has no {option}",
                    site=current_site(),
                    hint=f'draw it as a graph, g.draw(…, {option}=…) without style="network"',
                )
        network = _network(graph, model, at, collapse, name)
        point = at if model is None or at is None else _with_values(model, at)
        play = partial(
            player, graph, point, backward, seed=seed, name=name, digits=digits, style=style, exercise=False
        )
        drawing = NetworkDiagram(network, style, digits, layout, None if at is None else play)
        return drawing if page is None else drawing.fit(page)
    if model is not None and at is not None:
        at = _with_values(model, at)
    losses = None if accuracy is None else getattr(accuracy, "losses", None)
    if accuracy is not None and losses is None:
        raise InputError(
            f"accuracy is a report, not {brief(accuracy)}",
            site=current_site(),
            hint="write g.draw(expr, accuracy=g.accuracy(expr))",
        )
    options: dict[str, Any] = {"seed": seed, "name": name, "digits": digits}
    shown = view(graph, at, backward, **options, losses=losses, show=show, step=step)
    if truth("exercise", exercise):  # the values are what its reader finds
        shown = view(graph, None, backward, **options, show=show)
    watched = checked_watch(graph, watch)
    if watched:
        edges = tuple(
            replace(edge, watch=watched.get(edge.node, ())) if edge.node in watched else edge
            for edge in shown.edges
        )
        shown = replace(shown, edges=edges)
    shown = emphasized(shown, graph, highlight, note)
    options |= {"style": style, "exercise": truth("exercise", exercise)}
    play = partial(player, graph, at, backward, **options)
    folded = fold(shown, collapse, max_nodes)
    diagram = Diagram(folded, style, digits, layout, play, decimals, shown, collapse, options["exercise"])
    return diagram if page is None else diagram.fit(page)


def _with_values(model: Any, at: Any) -> dict[Any, Any]:
    """A point of a model's inputs with the values of its parameters."""
    at = mapping("a point", at, 'write {"x": 2.0, "w": -3.0}')
    return {
        **model.values,
        **{key.name if isinstance(key, Expr) else key: value for key, value in at.items()},
    }


def _network(graph: Graph, model: Any, at: Any, collapse: Any, name: Any) -> NetworkSource:
    """What a network is drawn from: its graph, and what is known of its weights."""
    known = {} if at is None else mapping("a point", at, 'write {"x": 2.0, "w": -3.0}')
    names = {symbol.name for symbol in graph.symbols} | set(() if model is None else model.values)
    for key in known:
        if (key.name if isinstance(key, Expr) else key) not in names:
            raise InputError(
                f"there is no input {brief(key)} in this network",
                site=current_site(),
                hint=f"its inputs are {brief(', '.join(symbol.name for symbol in graph.symbols))}",
            )
    if model is not None:
        known = _with_values(model, known)
    named = {key.name if isinstance(key, Expr) else key: value for key, value in known.items()}
    values = {symbol: np.asarray(named[symbol.name]) for symbol in graph.symbols if symbol.name in named}
    learned = () if model is None else tuple(model.parameters.values())
    kept = () if model is None else tuple(model.buffers.values())
    outputs = [graph.exprs[output] for output in graph.outputs]
    names = output_names(graph, name) if name is not None or len(outputs) > 1 else ()
    return NetworkSource(graph.exprs, outputs, values, learned, kept, collapse, names)


def _improved(found: Improvement, at: Any, backward: bool, options: dict[str, Any]) -> Diagram:
    """What a search found beside what it was given."""
    parts: dict[str, Diagram] = {}
    for number, part in enumerate(found.parts):
        which = f" {number}" if len(found.parts) > 1 else ""
        for name, form in ((f"as written{which}", part.written), (f"found{which}", part.chosen)):
            parts[f"{name}: {form.bits:.2f} bits"] = draw(
                form.expr, _of_needed(form.expr, at), backward, accuracy=part, **options
            )
    return side_by_side(parts)


def _of_needed(expr: Expr, at: Any) -> Any:
    """A point without the inputs that one form does not need."""
    if not isinstance(at, Mapping):
        return at
    known = {symbol.name for symbol in free_symbols(expr)}
    return {key: value for key, value in at.items() if (key.name if isinstance(key, Expr) else key) in known}


def side_by_side(parts: Mapping[str, Any], at: Mapping[Any, Any] | None = None, **options: Any) -> Diagram:
    """Several graphs in one picture, each in a frame with its name: before and after a rewrite, forward and backward.

    Parameters
    ----------
    parts : name → what to draw: an expression, a structure of expressions, a `Graph`, a compiled function (its graph as it was
        compiled), or an existing diagram
    at : name or symbol → value, for all of them
    options : those of `draw`, for all parts that are not diagrams yet

    Raises `InputError` unless `parts` is a dict of names, and as `draw` does.

    >>> from graphc.ir.expr import symbols
    >>> x, y = symbols("x y")
    >>> side_by_side({"as written": x * y + x * y, "after": 2 * (x * y)})
    <Diagram of 10 nodes; .save("diagram.svg") writes it>
    """
    if (
        not isinstance(parts, Mapping)
        or not parts
        or not all(isinstance(name, str) and name for name in parts)
    ):
        raise InputError(
            f"the parts of a picture are a dict of names, not {brief(parts)}",
            site=current_site(),
            hint='write g.side_by_side({"before": a, "after": b})',
        )
    if at is not None:
        at = mapping("a point", at, 'write {"x": 2.0, "w": -3.0}')
    drawn: dict[str, Diagram] = {}
    for name, part in parts.items():
        if isinstance(part, Diagram):
            drawn[name] = part
            continue
        if isinstance(part, CompiledFunction):
            part = Graph([part.graph.exprs[output] for output in part.graph.outputs], part.graph.symbols)
        graph = as_graph(part)
        known = {symbol.name for symbol in graph.symbols}
        point = (
            None
            if at is None
            else {
                key: value
                for key, value in at.items()
                if (key.name if isinstance(key, Expr) else key) in known
            }
        )
        drawn[name] = draw(graph, point, **options)
    first = next(iter(drawn.values()))
    views = {name: diagram.view for name, diagram in drawn.items()}
    return Diagram(panels(views), first.style, first.digits, first.layout, decimals=first.decimals)


def compare(
    before: Any,
    after: Any,
    *,
    name: str | Sequence[str] | None = None,
    digits: int = 3,
    style: Style | str | Mapping[str, Any] = SLIDES,
    layout: str = "right",
    max_nodes: int | None = MAX_NODES,
    page: str | tuple[float, float] | None = None,
) -> Diagram:
    """A diagram of the differences between two graphs: what was added, removed and changed from `before` to `after`.

    Parameters
    ----------
    before, after : expressions, structures of expressions, graphs, or models
    name : the name of the outputs, as in `draw`
    digits, style, layout, max_nodes, page : as in `draw`

    Added nodes have a thick line and the word "new", removed nodes a dashed line and the word "gone"; an operation with other
    constants shows the old ones, and one with other operands or another body says so. `.view.note` counts the changes. Raises
    `InputError` and `ExpressionError` as `draw` does.

    >>> from graphc.ir.expr import symbols
    >>> x, w, b = symbols("x w b")
    >>> compare(x * w * 2, x * w * 3 + b).view.note
    '2 added, 1 changed'
    """
    style = as_style(style)
    one, other = (
        as_graph(each.output if hasattr(each, "training_output") else each) for each in (before, after)
    )
    first, second = (view(graph, None, name=name, digits=digits, bodies=False) for graph in (one, other))
    both = compared(first, second, one.exprs, other.exprs)
    diagram = Diagram(fold(both, None, max_nodes), style, digits, layout, whole=both)
    return diagram if page is None else diagram.fit(page)


def diagnose(outputs: Any, at: Mapping[Any, Any], backward: bool = True, *, seed: Any = None) -> Diagnosis:
    """Where NaN and infinity arise at a point: the operation, its operands, the line of code, and where they spread.

    Parameters
    ----------
    outputs : an expression, a structure of expressions, or a `Graph`
    at : name or symbol → number or array
    backward : whether to examine the derivative as well, if the outputs have one
    seed : the weight of each output in what is differentiated

    Returns a `Diagnosis`, which is true if anything was found; `print` shows the report. `g.draw` marks the same places. Raises
    `InputError` when `at` does not fit the symbols.

    >>> from graphc.ir.expr import symbols
    >>> x = symbols("x")
    >>> [(found.what, found.happens) for found in diagnose(x * (x - x) / (x - x), {"x": 2}, backward=False).findings]
    [('NaN', '0 ÷ 0 = NaN')]
    >>> bool(diagnose(x * x, {"x": 2}))
    False
    """
    backward = truth("backward", backward)
    graph = as_graph(outputs)
    values = graph.forward(at)
    findings = [finding(graph, values, source) for source in sources(graph, values)]
    checked = len(graph)
    record = _derivative(graph, seed) if backward else None
    if record is not None:
        owners = _owners(graph, record)
        both = Dag([*graph.exprs, *owners], graph.symbols)
        all_values = [to_python(value) for value in run(both, at)]
        for source in sources(both, all_values):
            owner = owners.get(both.exprs[source.node])
            if owner is not None:
                findings.append(finding(both, all_values, source, owner))
        checked = len(both)
    remedy = _remedy(graph, values, at) if findings else ""
    return Diagnosis(tuple(findings), checked, remedy, notes(graph, values) if backward else ())


def _derivative(graph: Graph, seed: Any) -> AdjointRecord | None:
    try:
        return graph.differentiate(seed)
    except GradientError:
        if seed is not None:
            raise
        return None


def _owners(graph: Graph, record: AdjointRecord) -> dict[Expr, Expr]:
    """Node of the derivative → the operation of the graph in whose derivative it comes first, in backward order."""
    owners: dict[Expr, Expr] = {}
    for table in (record.partials, record.contributions):
        for (user, _), expr in table.items():
            waiting = [expr]
            while waiting:
                node = waiting.pop()
                if node not in owners and node not in graph:
                    owners[node] = user
                    waiting += node.operands
    return owners


def _remedy(graph: Graph, values: Mapping[int, Any], at: Mapping[Any, Any]) -> str:
    """What rewriting makes of it: compiled code often stays finite where the formula as written does not."""
    if all(np.all(np.isfinite(values[output])) for output in graph.outputs):
        return ""
    after = rewritten(graph, "stable")
    stable = after.forward(at)
    if not all(np.all(np.isfinite(stable[output])) for output in after.outputs):
        return ""
    return "g.stabilize rewrites the formula so that its value is finite here; g.compile does that unless rewrite=None"
