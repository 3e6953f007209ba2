"""The verb improve: a search for the form of a formula that keeps its digits."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from graphc.api.graph import as_graph
from graphc.errors import DtypeError, InputError, ShapeError, brief
from graphc.ir.expr import Expr, constant, current_site
from graphc.ir.types import FLOAT64
from graphc.ops.function_calls import written_out
from graphc.search.improve import Question, answered, is_searched
from graphc.search.lineage import gradient, second_derivatives
from graphc.search.result import Improvement
from graphc.util import arguments
from graphc.util.progress import Progress
from graphc.util.pytree import flatten, unflatten

GOALS = ("accurate", "fast", "pareto")

LARGEST = 20_000
"""Graphs of more nodes are refused."""


def improve(
    expr: Any,
    ranges: Mapping[Any, Any] | None = None,
    *,
    focus: Mapping[Any, Any] | None = None,
    budget: float = 10.0,
    goal: str = "accurate",
    seed: int = 0,
    digits: float | None = None,
    derivatives: int = 0,
    progress: bool | None = None,
) -> Improvement:
    """A more accurate form of a formula, found by search, with a report of how it was checked.

    Parameters
    ----------
    expr : a scalar float64 expression, a structure of them (a value and its gradient), or a `Graph` or traced function
    ranges : name or symbol → (low, high), where its values lie; by default all finite values. The result is valid only for
        these ranges
    focus : name or symbol → (low, high), the part of its range in which most values lie: half of the points are drawn uniformly
        from these parts, so the search favours accuracy there
    budget : time limit in seconds. The search stops earlier if nothing better is found, and returns the best form so far at the
        limit; with 0 the formula is returned unchanged
    goal : "accurate" selects the form with the fewest wrong bits, and the cheapest of equally accurate forms; "fast" the
        cheapest form that is no less accurate than the formula as written and faster, by the cost model and by machine code
        timed side by side (`.parts[0].fast` in any case); "pareto" the best trade-off. The others are in `.alternatives`
    seed : seed of the random numbers: with the same seed, a search that is not ended by its budget gives the same result; the
        goal "fast" asks the clock as well, where a form takes nearly as long as the formula
    digits : how many decimal digits are sufficient, on average: the cheapest form with this accuracy is chosen
    derivatives : of one expression, 1 searches it together with its gradient, 2 with its Hessian as well; the budget is for all.
        The result is then (value, gradient) or (value, gradient, Hessian), as lists in the order of the inputs
    progress : whether to show a progress bar on standard error; None shows it only on a terminal, after a second

    Of outputs of which some are derivatives of others (`g.value_and_grad`), the value is searched first, and the derivatives of
    the forms found for it are candidates for its gradient.

    Candidates come from rules, from equality saturation over identities of real functions, from polynomials near points of
    cancellation, and from compensated sums and products; they are combined into piecewise forms where different candidates are
    best in different regions. All are measured at points drawn from the ranges, both uniformly over the floats and uniformly
    over the ranges, against values with as many digits as necessary. The result was compared with the formula at points that
    were not used in the search, where it is nowhere worse by more than 0.1 bits on average over neighbouring points, and over
    the real numbers by ball arithmetic.

    Returns an `Improvement`: `.expr` in the structure of `expr`, `.alternatives`, `.report`, `.to_latex()`, `.plot(path)`;
    `g.draw` shows both forms side by side. Compile `.expr` with rewrite=None, or let `g.compile(expr, rewrite="search")` do both.

    Raises `InputError` for ranges that match no input and for a focus outside them, `DtypeError` for anything but float64,
    `ShapeError` for arrays.

    Source: Panchekha et al., Automatically improving accuracy for floating point expressions (PLDI 2015).

    >>> from graphc.frontend.parse import parse
    >>> found = improve(parse("(exp(x) - 1)/x"), {"x": (-1, 1)}, budget=5)
    >>> found.bits[0] > 10, found.bits[1] < 1
    (True, True)
    """
    budget = arguments.number("budget", budget, lambda value: 0 <= value < math.inf, "seconds, from 0 on")
    goal = arguments.choice("goal", goal, GOALS)
    if digits is not None:
        digits = arguments.number(
            "digits", digits, lambda value: 0 < value <= 17, "a number of digits up to 17, or None"
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"seed is {brief(seed)}", site=current_site(), hint="a whole number from 0 on")
    started = time.perf_counter()
    graph = as_graph(expr)
    outputs = [constant(graph.exprs[output]) for output in graph.outputs]
    structure = graph.structure
    if isinstance(derivatives, bool) or not isinstance(derivatives, int) or derivatives not in (0, 1, 2):
        raise InputError(
            f"derivatives is {brief(derivatives)}",
            site=current_site(),
            hint="0 for the value, 1 with its gradient, 2 with its Hessian as well",
        )
    if len(graph) > LARGEST:
        raise InputError(
            f"a graph of {len(graph)} nodes is too large to be searched",
            site=current_site(),
            hint=f"take a part of at most {LARGEST} nodes",
        )
    outputs = written_out(outputs)  # what a function computes is part of the formula
    for output in outputs:
        _check(output)
    if derivatives:
        outputs, structure = _with_derivatives(outputs, graph.symbols, derivatives)
    question = Question.of(outputs, ranges, budget, goal, seed, digits, focus=focus)
    if not any(progress is known for known in (None, True, False)):
        raise InputError(f"progress is {brief(progress)}", site=current_site(), hint="True, False or None")
    told = 0
    with Progress(100, progress, "searching", "%", many=0) as bar:

        def tell(share: float) -> None:
            nonlocal told
            bar.step(int(100 * share) - told)
            told = int(100 * share)

        parts = answered(question, tell)
    found = unflatten(structure, iter([part.chosen.expr for part in parts]))
    return Improvement(found, parts, question.ranges, goal, seed, budget, time.perf_counter() - started)


def _with_derivatives(outputs: list[Expr], symbols: Any, order: int) -> tuple[list[Expr], Any]:
    """The outputs and the structure of a value with its gradient, and with its Hessian."""
    if len(outputs) != 1:
        raise InputError(
            f"derivatives={order} is for one expression, not for {len(outputs)}",
            site=current_site(),
            hint="write the structure of values and derivatives yourself: g.improve([f, g.grad(f, x)])",
        )
    wrt = [symbol for symbol in symbols if symbol.dtype == FLOAT64]
    firsts = gradient(outputs[0], wrt)
    tree: tuple[Any, ...] = (outputs[0], firsts)
    if order == 2:
        tree = (*tree, second_derivatives(firsts, wrt))
    return flatten(tree)


def _check(output: Expr) -> None:
    """Refuse what cannot be searched."""
    if is_searched(output):
        return
    if output.dtype != FLOAT64:
        raise DtypeError(
            f"{output.dtype} results are not searched",
            node=repr(output),
            site=output.site,
            hint='improve the formula in float64, and compile what is found with dtype="float32"',
        )
    raise ShapeError(
        "a search is of formulas of numbers, without arrays, loops and solvers",
        node=repr(output),
        site=output.site,
        hint="improve the formula of one element, and compile it: a compiled function maps over arrays",
    )


__all__ = ["improve"]
