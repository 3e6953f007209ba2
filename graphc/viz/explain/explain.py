"""The derivative, node by node, as on the lecture slides: what a node receives, what it computes, what it returns.

Every operation of the graph gets a short name (v1, v2, …). In backward order each receives ∂L/∂v, computes its local derivatives
∂v/∂u in terms of its operands, and returns the products ∂L/∂v · ∂v/∂u to them; what a node receives from several uses is summed.

What an array receives is its delta, δ1 = ∂L/∂v1, of its own shape. Of an operation on whole arrays the local derivative would
be a matrix of all pairs of elements; told is the product of the delta with it, the vector–Jacobian product, and its shape.
Source: Griewank and Walther, Evaluating Derivatives (2008), chapter 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from graphc.autodiff.reverse import AdjointRecord, pulled
from graphc.errors import InputError, brief
from graphc.interpret.numpy_eval import run
from graphc.ir.expr import Expr, constant, rebuild, substitute, symbol
from graphc.ir.formatting import check_digits, visible
from graphc.ir.graph import Dag
from graphc.ir.op import CONSTANT
from graphc.ir.printer import latex_name
from graphc.ir.types import format_shape, is_float
from graphc.ops.comparison import where
from graphc.ops.control_runs import loop_key
from graphc.viz.explain.explanation import Explanation, Named, NodeExplanation, Use, node_names
from graphc.viz.explain.loop_step import BACKWARDS, bodies_at
from graphc.viz.loop_names import checked_step
from graphc.viz.math_text import (
    Math,
    bracketed,
    derivative,
    equal,
    formula,
    joined,
    named,
    noted,
    number,
    product,
    total,
)
from graphc.viz.naming import output_names

_TERMS = 8
"""At most so many terms of a sum are written out."""


class Explainable(Named, Protocol):
    """What an explanation needs of a graph; the public `Graph` has it."""

    operands: tuple[tuple[int, ...], ...]

    @property
    def users(self) -> Any: ...
    def backward(self, at: Mapping[Any, Any], seed: Any = None) -> Any: ...
    def differentiate(self, seed: Any = None) -> AdjointRecord: ...


def explain_graph(
    graph: Explainable,
    at: Mapping[Any, Any] | None = None,
    *,
    seed: Any = None,
    name: str | None = None,
    digits: int = 3,
    step: Any = None,
    whole: bool = True,
) -> Explanation:
    """The explanation of a graph's derivative.

    Parameters
    ----------
    graph : a `Graph`
    at : name or symbol → value; None explains in symbols alone
    seed : the weight of each output in what is differentiated; needed unless there is one float scalar output
    name : of what is differentiated; by default the user's own name for it, or what it is the derivative of, or L
    digits : significant digits
    step : the step of loops that is explained too, a number or one for each depth of nesting
    whole : whether what is differentiated is the output, where there is one, and not a multiple of it beside other things

    Raises `GradientError` for outputs that have no derivative and `InputError` for a point that does not fit.
    """
    check_digits(digits)
    if name is None:
        name = output_names(graph, None)[0] if whole and len(graph.outputs) == 1 else "L"
    if not isinstance(name, str):
        raise InputError(f"a name is a text, not {brief(name)}", hint='write name="L"')
    steps = checked_step(step, at)
    told = _Teller(graph, at, seed, visible(name, 24), digits, whole).tell()
    if not steps or at is None:
        return told
    values = graph.backward(at, seed=seed)
    rest = {"name": name, "digits": digits, "step": steps[1:] or None, "whole": False}
    inside = [
        (heading, explain_graph(body, point, seed=seeds, **rest))
        for heading, body, point, seeds in bodies_at(graph, values.forward, values, steps[0])
    ]
    return replace(told, loops=tuple(inside))


class _Teller:
    """Names the nodes and writes the lines."""

    def __init__(
        self,
        graph: Explainable,
        at: Mapping[Any, Any] | None,
        seed: Any,
        name: str,
        digits: int,
        whole: bool,
    ) -> None:
        self.graph = graph
        self._number = partial(number, digits=digits)
        self.outputs = frozenset(graph.outputs)
        self.record = graph.differentiate(seed)
        self.result = None if at is None else graph.backward(at, seed=seed)
        self.seeds = _seeds(graph, self.record, at)
        self.name = name
        # in the order in which they give: the last user first
        self.givers = [
            sorted(
                [use for use in users if (graph.exprs[use[0]], use[1]) in self.record.contributions],
                key=lambda use: (-use[0], use[1]),
            )
            for users in graph.users
        ]
        self.whole = whole
        self.names = node_names(graph, name, whole)
        self.aliases = [
            expr if expr.op is CONSTANT else symbol(alias, expr.shape, expr.dtype)
            for expr, alias in zip(graph.exprs, self.names, strict=True)
        ]

    def tell(self) -> Explanation:
        graph = self.graph
        operations = [node for node, expr in enumerate(graph.exprs) if not expr.op.is_leaf]
        reached = [node for node in reversed(operations) if graph.exprs[node] in self.record.adjoints]
        return Explanation(
            self._heading(),
            tuple(self._valued(node) for node in operations),
            tuple(self._step(node) for node in reached),
            self._gradient(),
        )

    def _name(self, node: int) -> Math:
        return named(self.names[node])

    def _adjoint(self, node: int) -> Math:
        return derivative(self.name, self.names[node])

    def _delta(self, node: int) -> Math:
        """What a node receives, by a name of its own where it is an array: δ1 for ∂L/∂v1."""
        if not self.graph.exprs[node].shape:
            return self._adjoint(node)
        name = self.names[node]
        short = name[1:] if name[:1] == "v" and name[1:].isdecimal() else f"_{name}"
        return Math(f"δ{short}", rf"\delta_{{{short if short.isdecimal() else self._name(node).latex}}}")

    def _shaped(self, line: Math, expr: Expr) -> Math:
        """A line with the shape of what it gives, where no value shows it."""
        if not expr.shape or self.result is not None:
            return line
        return noted(line, f"shape {format_shape(expr.shape)}")

    def _definition(self, node: int) -> Math:
        operands = tuple(self.aliases[operand] for operand in self.graph.operands[node])
        return equal(self._name(node), formula(rebuild(self.graph.exprs[node], operands)))

    def _valued(self, node: int) -> Math:
        line = self._definition(node)
        if self.result is None:
            return self._shaped(line, self.graph.exprs[node])
        return equal(line, self._number(self.result.forward[node]))

    def _heading(self) -> Math:
        graph, result = self.graph, self.result
        # what is printed as a whole has the names that can be shown
        shown = {old: new for old, new in zip(graph.symbols, self.aliases, strict=False) if old is not new}

        def whole(expr: Expr) -> Math:
            return formula(substitute(expr, shown) if shown else expr)

        heads = []
        for output in graph.outputs:
            text = whole(graph.exprs[output])
            heads.append(equal(self._name(output), text) if graph.exprs[output].operands else text)
        if len(graph.outputs) > 1 or not self.whole:
            weights = [
                bracketed(whole(seed))
                if seed.operands
                else self._number(seed.value)
                if seed.is_constant and not seed.shape
                else whole(seed)
                for seed in self.record.seeds
            ]
            terms = [
                product(weight, self._name(node)) for weight, node in zip(weights, graph.outputs, strict=True)
            ]
            heads.append(equal(named(self.name), total(terms)))
        heading = joined(",  ", r",\quad ", heads)
        if result is None or not graph.symbols:
            return heading
        point = [
            equal(self._name(node), self._number(result.forward[node])) for node in range(len(graph.symbols))
        ]
        return joined("  at  ", r"\quad\text{at}\quad ", [heading, joined(", ", r",\; ", point)])

    # --- the three lines --------------------------------------------------------------------------------------

    def _step(self, node: int) -> NodeExplanation:
        expr, result = self.graph.exprs[node], self.result
        return NodeExplanation(
            node,
            self.names[node],
            None if result is None else result.forward[node],
            None if result is None else result[node],
            self._definition(node),
            self._received(node),
            tuple(
                self._use(node, slot, operand)
                for slot, operand in enumerate(self.graph.operands[node])
                if (expr, slot) in self.record.contributions
            ),
        )

    def _received(self, node: int) -> Math:
        """What a node receives; with a word where another result of its loop hands back for both."""
        line = self._receives(node)
        others = [each for each in self._together(node) if each != node]
        if not others or any(
            (self.graph.exprs[node], slot) in self.record.contributions
            for slot in range(len(self.graph.operands[node]))
        ):
            return line
        last = min(others)  # the one that the sweep visits last
        note = joined(
            " ", r"\text{ }", [Math("handed back with", r"\text{handed back with}"), self._name(last)]
        )
        return Math(f"{line.text}  ({note.text})", rf"{line.latex} \quad({note.latex})")

    def _receives(self, node: int, told: bool = False) -> Math:
        """∂L/∂v; as a sum of what its uses return where there are several, or where symbols alone must tell it."""
        givers = self.givers[node]
        seeds = [place for place, output in enumerate(self.graph.outputs) if output == node]
        count = len(givers) + len(seeds)
        parts = [self._adjoint(node)]
        if self.graph.exprs[node].shape and not told:
            parts.insert(0, self._delta(node))
        if self.result is None:
            if count > 1 or told or seeds:
                terms = [
                    product(self._delta(user), self._local(user, slot)) for user, slot in givers[:_TERMS]
                ]
                parts.append(self._sum(terms, givers, [formula(self.record.seeds[place]) for place in seeds]))
        else:
            if count > 1:
                terms = [self._number(self.result.contributions[use]) for use in givers[:_TERMS]]
                parts.append(self._sum(terms, givers, [self._number(self.seeds[place]) for place in seeds]))
            parts.append(self._number(self.result[node]))
        line = self._shaped(equal(*parts), self.graph.exprs[node])
        if count <= 1:
            return line
        users = ", ".join(dict.fromkeys(self.names[user] for user, _ in givers[:_TERMS]))
        inside = f" in {users}" if users and len(givers) <= _TERMS else ""
        note = f"the sum over its {count} uses"
        return Math(f"{line.text}  ({note}{inside})", noted(line, note).latex)

    def _sum(self, terms: list[Math], givers: list[tuple[int, int]], seeds: list[Math]) -> Math:
        more = [Math("…", r"\ldots")] if len(givers) > _TERMS else []
        return total([*terms, *more, *seeds])

    def _local(self, user: int, slot: int) -> Math:
        """∂v/∂u; where one operand stands in several places, with the place."""
        operands = self.graph.operands[user]
        local = derivative(self.names[user], self.names[operands[slot]])
        if operands.count(operands[slot]) == 1:
            return local
        return Math(f"{local.text} (operand {slot + 1})", rf"{local.latex}\Big|_{{{slot + 1}}}")

    def _use(self, node: int, slot: int, operand: int) -> Use:
        if self.graph.exprs[node].op.on_arrays:
            return self._use_of_array(node, slot, operand)
        rule = self._local_derivative(node, slot)
        written, local = formula(rule), self._local(node, slot)
        if self.result is None:
            value = contribution = None
            computes = equal(local, written)
            returns = product(self._delta(node), bracketed(written) if rule.operands else written)
        else:
            value = self.result.partials[node, slot]
            contribution = self.result.contributions[node, slot]
            factor = self._number(value)
            computes = equal(local, factor) if rule.is_constant else equal(local, written, factor)
            returns = equal(product(self._number(self.result[node]), factor), self._number(contribution))
        if self.graph.exprs[operand].shape != self.graph.exprs[node].shape:
            returns = noted(returns, "summed over what it was broadcast to")
        return self._returned(Use(operand, slot, value, contribution, computes, returns))

    def _use_of_array(self, node: int, slot: int, operand: int) -> Use:
        """Of an operation on arrays the local derivative would be a matrix: what is told is the product with it."""
        expr = self.graph.exprs[node]
        if expr.op.control is not None:
            return self._use_of_loop(node, slot, operand)
        received = symbol(self._delta(node).text, expr.shape, expr.dtype)
        handed = pulled(
            rebuild(expr, tuple(self.aliases[of] for of in self.graph.operands[node])),
            slot,
            received,
            self.aliases[node],
        )
        assert handed is not None  # it is in the record
        written = formula(handed)
        written = Math(
            written.text,
            written.latex.replace(latex_name(received.name), self._delta(node).latex),
        )
        contribution = None if self.result is None else self.result.contributions[node, slot]
        returns = written if contribution is None else self._number(contribution)
        to = self.graph.exprs[operand].shape
        what = "vector–Jacobian product" if expr.shape or to else "product"
        computes = noted(
            equal(product(self._delta(node), self._local(node, slot)), written),
            f"{what}, {format_shape(expr.shape)} → {format_shape(to)}",
        )
        return self._returned(Use(operand, slot, None, contribution, computes, returns))

    def _together(self, node: int) -> list[int]:
        """The results of a node's loop or branch that receive something: they hand back together."""
        exprs = self.graph.exprs
        if exprs[node].op.control is None:
            return [node]
        key = loop_key(exprs[node])
        return [
            other
            for other, expr in enumerate(exprs)
            if expr.op.control is not None and expr in self.record.adjoints and loop_key(expr) == key
        ]

    def _use_of_loop(self, node: int, slot: int, operand: int) -> Use:
        """Of a loop or branch: that its own derivative runs, for all of its results at once, and what that gives."""
        what = BACKWARDS.get(self.graph.exprs[node].op.name, "the loop run backwards")
        computes = Math(what, rf"\text{{{what}}}")
        together = [self._name(each) for each in self._together(node)]
        if len(together) > 1:
            computes = joined(
                ", for ", r"\text{, for }", [computes, joined(" and ", r"\text{ and }", together)]
            )
        contribution = None if self.result is None else self.result.contributions[node, slot]
        returns = computes if contribution is None else self._number(contribution)
        return self._returned(Use(operand, slot, None, contribution, computes, returns))

    def _returned(self, use: Use) -> Use:
        """A use whose product says whose adjoint it is, or a part of."""
        operand, returns = use.operand, use.returns
        if len(self.givers[operand]) > 1 or operand in self.outputs:  # only a part of the operand's adjoint
            to = Math(f"to {self.names[operand]}: ", rf"\text{{to }}{self._name(operand).latex}:\quad ")
            returns = joined("", "", [to, returns])
        else:
            returns = equal(self._adjoint(operand), returns)
        return replace(use, returns=returns)

    def _local_derivative(self, node: int, slot: int) -> Expr:
        """∂v/∂u in the names of the node and its operands, as the operation declares it."""
        expr = self.graph.exprs[node]
        arguments = [self.aliases[node], *(self.aliases[operand] for operand in self.graph.operands[node])]
        rule = (expr.op.partials or ())[slot]
        assert rule is not None  # it is in the record
        derivative = rule(*arguments)
        local = derivative if isinstance(derivative, Expr) else constant(float(derivative), expr.dtype)
        live = expr.op.live[slot] if expr.op.live is not None else None
        return local if live is None else where(live(*arguments), local, constant(0.0, local.dtype))

    def _gradient(self) -> tuple[Math, ...]:
        graph = self.graph
        floats = [node for node, expr in enumerate(graph.symbols) if is_float(expr.dtype)]
        lines = [
            self._receives(node, told=True)
            if graph.exprs[node] in self.record.adjoints
            else equal(self._adjoint(node), Math("0", "0"))
            for node in floats
        ]
        if self.result is not None and floats:
            inner = joined(", ", r",\; ", [self._number(self.result[node]) for node in floats])
            name = Math(f"∇{self.name}", rf"\nabla {named(self.name).latex}")
            lines.append(equal(name, Math(f"[{inner.text}]", rf"\left[{inner.latex}\right]")))
        return tuple(lines)


def _seeds(graph: Explainable, record: AdjointRecord, at: Mapping[Any, Any] | None) -> list[Any]:
    if at is None:
        return []
    dag = Dag(record.seeds, graph.symbols)
    values = run(dag, at)
    return [values[output] for output in dag.outputs]
