"""What a diagram shows: the graph with constants folded into labels and values on its edges, as plain data.

The graph keeps every node; the view is for the eye. A constant operand becomes part of the label of the operation it belongs
to (`×2`, `1−`, `1/x`), an operation used twice is still one node, and `x*x` has two edges. Every edge carries the forward value
of its tail and the contribution that this use hands back; a node that is used more than once carries their sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.errors import GradientError
from graphc.interpret.numpy_eval import run, to_python
from graphc.ir.expr import Expr
from graphc.ir.formatting import check_digits
from graphc.ir.graph import Dag
from graphc.util.arguments import truth
from graphc.viz.annotations import DEFAULT, check_show
from graphc.viz.loop_names import checked_step
from graphc.viz.loop_view import BodyViewBuilder
from graphc.viz.model import View, ViewEdge, ViewNode
from graphc.viz.naming import output_names, title
from graphc.viz.view_builder import Drawable, Values, ViewBuilder


def view(
    graph: Drawable,
    at: Mapping[Any, Any] | None = None,
    backward: bool = True,
    *,
    seed: Any = None,
    name: str | Sequence[str] | None = None,
    digits: int = 3,
    losses: Mapping[Expr, tuple[float, float]] | None = None,
    show: Any = DEFAULT,
    step: Any = None,
    bodies: bool = True,
) -> View:
    """The view of a graph.

    Parameters
    ----------
    graph : a `Graph`
    at : name or symbol → value; None shows the structure alone
    backward : whether to show what flows back. Without a seed an output that is no single float scalar is shown forward only.
    seed : the adjoint of each output, as in `Graph.backward`
    name : the name of the output, or one for each; by default the keys of a dict of outputs, L for one, y₁, y₂, … for several
    digits : significant digits of constants in labels
    losses : operation → bits of error that it adds, mean and worst
    show : what is drawn of it, names among `annotations.SHOW`
    step : the step of loops whose values are shown, a number or one for each depth of nesting; None shows none
    bodies : whether what is inside of loops and branches is drawn, or each of them is one box

    Raises `InputError` for a point that does not fit, and `GradientError` when a seed is given that does not.
    """
    check_digits(digits)
    shown = check_show(show)
    names = output_names(graph, name)
    values = _values(graph, at, backward, seed)
    steps = checked_step(step, at)
    builder: ViewBuilder
    if bodies:
        builder = BodyViewBuilder(graph, values, digits, losses or {}, shown)
        builder.steps = steps
    else:
        builder = ViewBuilder(graph, values, digits, losses or {}, shown)
    for node in range(len(graph.exprs)):
        builder.add(node)
    for number, (node, label) in enumerate(zip(graph.outputs, names, strict=True)):
        builder.add_output(number, node, label)
    return View(
        tuple(builder.nodes),
        tuple(builder.edges),
        values.note,
        shown,
        builder.caption(),
        title(graph, names),
        builder.sides,
    )


def _values(graph: Drawable, at: Mapping[Any, Any] | None, backward: bool, seed: Any) -> Values:
    backward = truth("backward", backward)
    if at is None:
        return Values({}, {}, {}, ())
    if (
        not backward or graph.record is not None
    ):  # a graph that holds its derivative already is shown as it is
        return Values(graph.forward(at), {}, {}, ())
    try:
        result = graph.backward(at, seed=seed)
        seeds = graph.differentiate(seed).seeds
    except GradientError as error:
        if seed is not None:
            raise
        return Values(graph.forward(at), {}, {}, (), f"forward values only: {error.message}")
    dag = Dag(seeds, graph.symbols)
    of_nodes = run(dag, at)
    shown = [
        to_python(of_nodes[seed_node]) if output in result else None
        for seed_node, output in zip(dag.outputs, graph.outputs, strict=True)
    ]
    return Values(result.forward, result, result.contributions, shown, "", result.partials)


__all__ = ["Drawable", "View", "ViewEdge", "ViewNode", "view"]
