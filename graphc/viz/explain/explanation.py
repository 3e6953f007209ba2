"""What an explanation holds, and its three forms: text, Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from graphc.ir.expr import Expr
from graphc.ir.formatting import visible
from graphc.ir.op import SYMBOL
from graphc.viz.math_text import Math


@dataclass(frozen=True)
class Use:
    """What a node returns to one of its operands.

    operand, slot : the operand's node and the argument position
    partial, contribution : the local derivative and the product with what the node received; None without a point
    computes, returns : the same as formulas
    """

    operand: int
    slot: int
    partial: Any
    contribution: Any
    computes: Math
    returns: Math


@dataclass(frozen=True)
class NodeExplanation:
    """The three lines of one node.

    node, name : its number in the graph and its name here
    value, adjoint : its value and what it receives; None without a point
    definition, receives : as formulas
    uses : what it returns, one for each operand that the derivative reaches
    """

    node: int
    name: str
    value: Any
    adjoint: Any
    definition: Math
    receives: Math
    uses: tuple[Use, ...]


@dataclass(frozen=True)
class Explanation:
    """The derivative of a graph, node by node; made by `explain`.

    heading : the formula, and the point
    forward : the definition and value of every operation, in the order of evaluation
    steps : what every operation receives, computes and returns, in backward order
    gradient : ∂L/∂x for every symbol
    loops : what a step of a loop does, where one was asked for: a heading, and the explanation of the body

    `str()`, `.markdown()` and `.latex()` give its three forms; notebooks show Markdown.
    """

    heading: Math
    forward: tuple[Math, ...]
    steps: tuple[NodeExplanation, ...]
    gradient: tuple[Math, ...]
    loops: tuple[tuple[str, Explanation], ...] = ()

    def __str__(self) -> str:
        lines = [self.heading.text]
        if self.forward:
            lines += ["", "Forward", *(f"  {line.text}" for line in self.forward)]
        if self.steps:
            lines += ["", "Backward"]
        for step in self.steps:
            lines.append(f"  {step.definition.text}")
            lines += [f"    {word:<8}  {math.text}" for word, math in _lines(step)]
        if self.gradient:
            lines += ["", "Gradient", *(f"  {line.text}" for line in self.gradient)]
        for heading, inside in self.loops:
            lines += ["", heading, *(f"  {line}".rstrip() for line in str(inside).split("\n"))]
        return "\n".join(lines)

    def __repr__(self) -> str:
        count = len(self.steps)
        return f"<Explanation of {count} node{'s' if count != 1 else ''}; print it, or .markdown(), .latex()>"

    def markdown(self) -> str:
        """The explanation as Markdown with LaTeX formulas between dollar signs."""

        def math(item: Math) -> str:
            return f"${item.latex.replace('<', chr(92) + 'lt ').replace('>', chr(92) + 'gt ')}$"  # no text of a user is HTML

        lines = [math(self.heading)]
        if self.forward:
            lines += ["", "**Forward**", "", *(f"- {math(line)}" for line in self.forward)]
        if self.steps:
            lines += ["", "**Backward**", ""]
        for step in self.steps:
            lines.append(f"- {math(step.definition)}")
            lines += [f"  - *{word}* {math(item)}" for word, item in _lines(step)]
        if self.gradient:
            lines += ["", "**Gradient**", "", *(f"- {math(line)}" for line in self.gradient)]
        for heading, inside in self.loops:
            lines += ["", f"### {heading}", "", inside.markdown().rstrip("\n")]
        return "\n".join(lines) + "\n"

    def latex(self) -> str:
        """The explanation in LaTeX, for a document that loads amsmath."""

        def block(rows: Iterable[str]) -> list[str]:
            return [r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]

        lines = [rf"\[ {self.heading.latex} \]"]
        if self.forward:
            lines += [r"\paragraph{Forward}", *block(f"  & {line.latex}" for line in self.forward)]
        if self.steps:
            lines.append(r"\paragraph{Backward}")
        for step in self.steps:
            rows = [f"  & {step.definition.latex}"]
            rows += [rf"  & \quad \text{{{word}}} \quad {math.latex}" for word, math in _lines(step)]
            lines += block(rows)
        if self.gradient:
            lines += [r"\paragraph{Gradient}", *block(f"  & {line.latex}" for line in self.gradient)]
        for heading, inside in self.loops:
            lines += [rf"\subsubsection*{{{heading}}}", inside.latex().rstrip("\n")]
        return "\n".join(lines) + "\n"

    def _repr_markdown_(self) -> str:
        return self.markdown()


def _lines(step: NodeExplanation) -> list[tuple[str, Math]]:
    """The lines of a step, each with its verb."""
    lines = [("receives", step.receives)]
    lines += [("computes", use.computes) for use in step.uses]
    lines += [("returns", use.returns) for use in step.uses]
    return lines


__all__ = ["Explanation", "NodeExplanation", "Use"]


class Named(Protocol):
    """What naming nodes needs of a graph; every `Dag` has it."""

    exprs: tuple[Expr, ...]
    outputs: tuple[int, ...]

    @property
    def symbols(self) -> tuple[Expr, ...]: ...
    @property
    def names(self) -> Mapping[int, str]: ...


def node_names(graph: Named, name: str, whole: bool = True) -> list[str]:
    """A name for every node: a symbol's own, the output's, the user's, v1, v2, … for the rest.

    whole : whether what is differentiated is the output, where there is one; else it is only a part of it
    """
    taken = {visible(symbol.name, 24) for symbol in graph.symbols}
    letter = next(
        (
            letter
            for letter in "vutnp"
            if not any(
                re.fullmatch(letter + r"_?\d+", used) for used in (*taken, name, *graph.names.values())
            )
        ),
        "node_",
    )
    operations = [node for node, expr in enumerate(graph.exprs) if not expr.op.is_leaf]
    numbered = {node: f"{letter}{number}" for number, node in enumerate(operations, 1)}
    last = graph.outputs[0] if whole and len(graph.outputs) == 1 and name not in taken else None
    if last is not None:
        taken.add(name)
    for node, own in graph.names.items():
        if node != last:
            while own in taken:
                own += "′"
            taken.add(own)
            numbered[node] = visible(own, 24)
    if last is not None:
        numbered[last] = name
    return [
        visible(expr.name, 24) if expr.op is SYMBOL else numbered.get(node, "")
        for node, expr in enumerate(graph.exprs)
    ]
