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
from graphc.search.result import Improvement
from graphc.util import arguments
from graphc.util.progress import Progress
from graphc.util.pytree import unflatten

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
    progress: bool | None = None,
) -> Improvement:
    """A form of a formula that loses fewer digits, found by search, with the report of how it was held to account.

    Parameters
    ----------
    expr : a scalar float64 expression, a structure of them (a value and its gradient), or a `Graph` or traced function
    ranges : name or symbol → (low, high), where its values lie; by default all finite ones. What is found is meant
        for these alone
    focus : name or symbol → (low, high), the part of its range in which most values lie: half of the points are drawn evenly from
        these parts, and what is found is right there first
    budget : seconds. The search stops earlier where nothing better is found, and with the best so far when they are over; with 0
        the formula comes back as it is
    goal : "accurate" is the form of the fewest wrong bits, of forms alike the cheapest; "fast" the cheapest that is not worse
        than as written; "pareto" the one that trades both best. The others are in `.alternatives` whatever the goal
    seed : of the random numbers: with the same seed a search that is not ended by its budget finds the same
    digits : how many decimal digits are enough, on average: of the forms that have them the cheapest is chosen
    progress : whether a bar on standard error shows how much of the budget is spent; None shows it on a terminal, after a second

    Forms are proposed by rules, by equality saturation over identities of real functions, by polynomials near points where
    digits cancel, and by adding back what rounding takes from sums and products; piecewise forms of these are made where one is
    good here and another there. All are measured at points drawn from the ranges, uniformly over the floats and evenly, against
    values in as many digits as decide them. What is offered was held
    against the formula at points that the search has not seen, where it
    is nowhere worse by more than 0.1 bits on average over neighbouring points, and over the real numbers by ball arithmetic.

    Returns an `Improvement`: `.expr` in the structure of `expr`, `.alternatives`, `.report`, `.to_latex()`, `.plot(path)`;
    `g.draw` shows both forms side by side. Compile `.expr` with rewrite=None, or let `g.compile(expr, rewrite="search")` do both.

    Raises `InputError` for ranges that fit no input and for a focus outside of them, `DtypeError` for what is no float64,
    `ShapeError` for arrays.

    Source: Panchekha et al., Automatically improving accuracy for floating point expressions (PLDI 2015).

    >>> from graphc.frontend.parse import parse
    >>> found = improve(parse("(exp(x) - 1)/x"), {"x": (-1, 1)}, budget=5)
    >>> found.expr, found.bits[0] > 10, found.bits[1] < 1
    (expm1(x)/x, True, True)
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
    if len(graph) > LARGEST:
        raise InputError(
            f"a graph of {len(graph)} nodes is too large to be searched",
            site=current_site(),
            hint=f"take a part of at most {LARGEST} nodes",
        )
    outputs = written_out(outputs)  # what a function computes is part of the formula
    for output in outputs:
        _check(output)
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
    found = unflatten(graph.structure, iter([part.chosen.expr for part in parts]))
    return Improvement(found, parts, question.ranges, goal, seed, budget, time.perf_counter() - started)


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
