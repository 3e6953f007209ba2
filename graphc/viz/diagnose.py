"""Where NaN and infinity begin: the first operation that gives one from finite operands, and how it spreads from there.

Nothing is computed here: the values of a graph come from the interpreter, so that what is told is what was written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from graphc.autodiff.search_report import digits_lost, reason
from graphc.errors import Site
from graphc.interpret.loop_replay import LoopReplay
from graphc.ir.expr import Expr
from graphc.ir.formatting import show_number, show_value, visible
from graphc.ir.graph import Dag
from graphc.ir.op import CONSTANT, SYMBOL
from graphc.ir.printer import render
from graphc.ops.control_runs import loop_key
from graphc.ops.function_calls import OPENED, STEPLESS
from graphc.ops.implicit import EQUATIONS
from graphc.util.notebook import ShownAsText
from graphc.viz.loop_names import binder_names, named_body

_SHOWN = 12
"""So many findings, and so many nodes of a way, are printed."""


class Numbered(Protocol):
    """What is needed of a graph: its nodes, how they read each other, and its outputs."""

    exprs: tuple[Expr, ...]
    operands: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]

    @property
    def users(self) -> Any: ...


@dataclass(frozen=True)
class NonFiniteSource:
    """A node at which NaN or infinity begins.

    node : its number
    index : of the first element that is not finite, () for a scalar
    way : the nodes that carry it on, from this one to an output, or to where it is discarded
    arrives : whether the way ends at an output
    """

    node: int
    index: tuple[int, ...]
    way: tuple[int, ...]
    arrives: bool


def sources(dag: Numbered, values: Mapping[int, Any] | Sequence[Any]) -> tuple[NonFiniteSource, ...]:
    """Where NaN and infinity begin among the values of all nodes of a graph, in topological order."""
    bad: list[np.ndarray | None] = []
    begins: list[tuple[int, tuple[int, ...]]] = []
    loops: set[Any] = set()
    for node, expr in enumerate(dag.exprs):
        mask = not_finite(values[node])
        bad.append(mask)
        if mask is None:
            continue
        new = mask
        for operand in dag.operands[node]:
            before = bad[operand]
            if before is not None:
                elementwise = not expr.op.on_arrays
                new = new & ~np.broadcast_to(before, mask.shape) if elementwise else np.zeros_like(mask)
        if new.any() and expr.op.control is not None:  # the results of one loop begin in one place
            key = loop_key(expr)
            new = np.zeros_like(new) if key in loops else new
            loops.add(key)
        if new.any():
            begins.append((node, tuple(int(i) for i in np.argwhere(new)[0])))
    return tuple(NonFiniteSource(node, index, *_way(dag, bad, node)) for node, index in begins)


def not_finite(value: Any) -> np.ndarray | None:
    """Which elements are NaN or infinite; None where none is."""
    if isinstance(value, float):
        return None if math.isfinite(value) else np.array(True)
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return None
    mask = ~np.isfinite(array)
    return mask if mask.any() else None


def _way(dag: Numbered, bad: Sequence[Any], start: int) -> tuple[tuple[int, ...], bool]:
    way, node = [start], start
    outputs = set(dag.outputs)
    while node not in outputs:
        after = next((user for user, _ in dag.users[node] if bad[user] is not None), None)
        if after is None:
            return tuple(way), False
        way.append(after)
        node = after
    return tuple(way), True


@dataclass(frozen=True)
class Finding:
    """One place where NaN or infinity begins.

    what : 'NaN' or 'infinity'
    expr : the operation, or the input
    of : the operation of the formula whose derivative it belongs to; None where it is one of the formula's own
    operands : its operands and their values
    value : what it gives
    index : of the element, () for a scalar
    happens : the same in words, as "log(−1) = NaN"
    why : what is wrong with that, if it is known
    way : the expressions that carry it on
    arrives : whether it reaches a result
    site : the line that wrote it
    steps : where it is inside of loops: each with the number of the step, outermost first
    """

    what: str
    expr: Expr
    of: Expr | None
    operands: tuple[tuple[Expr, Any], ...]
    value: Any
    index: tuple[int, ...]
    happens: str
    why: str
    way: tuple[Expr, ...]
    arrives: bool
    site: Site | None
    steps: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        where = f" at index {self.index if len(self.index) != 1 else self.index[0]}" if self.index else ""
        where += "".join(f" at step {step} of {loop}," for loop, step in self.steps).rstrip(",")
        lines = [f"{self.what} begins{where}: {self.happens}" + (f"  ({self.why})" if self.why else "")]
        inside = f", in the derivative of {_short(self.of)}" if self.of is not None else ""
        lines.append(f"  node: {_short(self.expr)}{inside}")
        if self.site is not None:
            lines.append(f"  at:   {self.site}")
        if len(self.way) > 1:
            names = [_short(expr, 40) for expr in self.way[1:]]
            left_out = [f"… {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
            end = "to a result" if self.arrives else "and is discarded there"
            lines.append(f"  goes through {' → '.join([*names[:_SHOWN], *left_out])} {end}")
        elif not self.arrives:
            lines.append("  and is discarded by what uses it")
        return "\n".join(lines)


@dataclass(frozen=True)
class Diagnosis(ShownAsText):
    """Where NaN and infinity begin; made by `diagnose`. Print it; it is true when there is any.

    findings : in the order of evaluation, forward before backward
    checked : how many nodes were looked at
    remedy : what to do about it, where something is known to help
    notes : what is finite and worth little: derivatives of solutions where the Jacobian is nearly singular
    """

    findings: tuple[Finding, ...]
    checked: int
    remedy: str = ""
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __str__(self) -> str:
        if not self.findings:
            return "\n".join([f"all {self.checked} values are finite", *self.notes])
        lines = [str(finding) for finding in self.findings[:_SHOWN]]
        if len(self.findings) > _SHOWN:
            lines.append(f"… and {len(self.findings) - _SHOWN} places more")
        if self.remedy:
            lines.append(self.remedy)
        lines += self.notes
        return "\n".join(lines)

    def __repr__(self) -> str:
        count = len(self.findings)
        return f"<Diagnosis: NaN or infinity begins at {count} place{'s' if count != 1 else ''}; print it>"


def finding(
    dag: Numbered, values: Mapping[int, Any] | Sequence[Any], source: NonFiniteSource, of: Expr | None = None
) -> Finding:
    """What is told of one source.

    of : the operation whose derivative it is part of; None for a node of the formula itself
    """
    expr = dag.exprs[source.node]
    if expr.op in OPENED:
        within = _within(dag, values, source, of)
        if within is not None:
            return within
    value = values[source.node]
    operands = tuple((dag.exprs[operand], values[operand]) for operand in dag.operands[source.node])
    element = _element(value, source.index)
    what = "NaN" if np.isnan(element) else "infinity"
    if expr.op is SYMBOL:
        happens, why = f"{visible(expr.name)} = {show_number(element)}", "an input"
    elif expr.op is CONSTANT:
        happens, why = f"the constant {show_number(element)}", ""
    elif expr.op.on_arrays:
        inside = ", ".join(show_value(operand) for _, operand in operands)
        happens, why = (
            f"{expr.op.name}({inside}) = {show_number(element)}",
            reason(expr, [operand for _, operand in operands]) or (_OVERFLOW if what == "infinity" else ""),
        )
    else:
        shape = np.shape(value)
        numbers = [_element(np.broadcast_to(operand, shape), source.index) for _, operand in operands]
        happens = f"{_applied(expr, numbers)} = {show_number(element)}"
        why = _why(expr.op.name, [float(number) for number in numbers], what)
    way = tuple(dag.exprs[node] for node in source.way)
    return Finding(
        what,
        expr,
        of,
        operands,
        value,
        source.index,
        happens,
        why,
        way,
        source.arrives,
        (expr if of is None else of).site,
    )


def _within(
    dag: Numbered, values: Mapping[int, Any] | Sequence[Any], source: NonFiniteSource, of: Expr | None
) -> Finding | None:
    """What is told of the first step of a loop, or of the side of a branch, that NaN or infinity begins in."""
    expr = dag.exprs[source.node]
    lengths = {
        str(name): length
        for node, each in enumerate(dag.exprs)
        if each.op is SYMBOL
        for name, length in zip(each.shape, np.shape(values[node]), strict=False)
        if not isinstance(name, int)
    }
    operands = dag.operands[source.node]
    replay = LoopReplay(expr, [values[operand] for operand in operands], lengths)
    named = [dag.exprs[operand].name if dag.exprs[operand].op is SYMBOL else "" for operand in operands]
    body = replay.bodies[replay.taken]
    inner = Dag(*named_body(body, binder_names(expr, named)))
    for step in replay.order:
        at_step = replay.values(step)
        found = sources(inner, at_step)
        begins = next((each for each in found if each.arrives), None)
        if begins is None:
            continue
        told = finding(inner, at_step, begins, of)
        steps = told.steps if expr.op in STEPLESS else ((expr.op.name, step), *told.steps)
        way = tuple(dag.exprs[node] for node in source.way)
        inside = inner.exprs[begins.node].op.control is None and of is None
        site = body.written.get(body.dag.exprs[begins.node], told.site) if inside else told.site
        return replace(told, steps=steps, way=(told.expr, *way), arrives=source.arrives, site=site)
    return None


def notes(dag: Numbered, values: Mapping[int, Any] | Sequence[Any]) -> tuple[str, ...]:
    """What is told of solutions whose derivatives lose many digits."""
    said: dict[Any, str] = {}
    for node, expr in enumerate(dag.exprs):
        if expr.op not in EQUATIONS or loop_key(expr) in said:
            continue
        lost = digits_lost(expr, [values[operand] for operand in dag.operands[node]])
        spare = -math.log10(float(np.finfo(expr.attrs[0].inputs[0].dtype).eps))
        if lost > spare / 2:
            many = f"about {lost:.0f} of {spare:.0f} decimal digits" if lost < spare else "all digits"
            where = f"\n  at:   {expr.site}" if expr.site is not None else ""
            said[loop_key(expr)] = (
                f"the Jacobian at the solution of {_short(expr)} is nearly singular: its derivatives lose {many}{where}"
            )
    return tuple(said.values())


def _element(value: Any, index: tuple[int, ...]) -> Any:
    return np.asarray(value)[index]


def _short(expr: Expr, limit: int = 60) -> str:
    return visible(render(expr, budget=limit), limit)


def _applied(expr: Expr, numbers: Sequence[Any]) -> str:
    texts = [show_number(number, 6) for number in numbers]
    infix = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "pow": "^"}.get(expr.op.name)
    if infix and len(texts) == 2:
        return f"{texts[0]} {infix} {f'({texts[1]})' if texts[1].startswith('−') else texts[1]}"
    return f"{expr.op.name}({', '.join(texts)})"


_OVERFLOW = "the result is beyond the largest float"

_POLES = {
    "log": (0.0, "the logarithm of zero", "the logarithm of a number below 0"),
    "log2": (0.0, "the logarithm of zero", "the logarithm of a number below 0"),
    "log10": (0.0, "the logarithm of zero", "the logarithm of a number below 0"),
    "log1p": (-1.0, "the logarithm of 1 − 1", "the logarithm of a number below 0"),
    "sqrt": (0.0, "", "the root of a number below 0"),
    "rsqrt": (0.0, "a division by zero", "the root of a number below 0"),
}
"""Operation → where its domain begins, what happens there, and what below."""

_BETWEEN = frozenset(("asin", "acos", "atanh"))


def _why(name: str, numbers: Sequence[float], what: str) -> str:
    first = numbers[0] if numbers else 0.0
    if name in _POLES:
        end, there, below = _POLES[name]
        return below if first < end else there
    if name in ("divide", "reciprocal", "floor_divide", "mod"):
        over, by = (1.0, first) if name == "reciprocal" else (first, numbers[1])
        if by == 0:
            return "zero divided by zero" if over == 0 else "a division by zero"
        return _OVERFLOW
    if name == "pow":
        if first < 0 and what == "NaN":
            return "a negative number to a power that is no whole number"
        return "zero to a negative power" if first == 0 else _OVERFLOW
    if name in _BETWEEN and abs(first) > 1:
        return "the argument is not between −1 and 1"
    if name == "acosh" and first < 1:
        return "the argument is below 1"
    return (
        _OVERFLOW
        if what == "infinity" and name not in ("where", "atanh", "gamma", "lgamma", "digamma")
        else ""
    )


__all__ = ["Diagnosis", "Finding", "NonFiniteSource", "finding", "not_finite", "notes", "sources"]
