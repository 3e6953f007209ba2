"""Where NaN and infinity of the backward pass begin: at the use that hands back what its own adjoint did not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.formatting import show_value, visible
from graphc.ir.printer import render


@dataclass(frozen=True)
class AdjointSource:
    """A node at which NaN or infinity begins on the way back.

    node : its number
    what : 'NaN' or 'infinity'
    happens : what it gets and what it hands back, in words
    """

    node: int
    what: str
    happens: str


def adjoint_sources(
    exprs: Sequence[Expr], adjoints: Mapping[int, Any], contributions: Mapping[tuple[int, int], Any]
) -> tuple[AdjointSource, ...]:
    """The nodes at which NaN or infinity of a derivative begins, in the order of the backward pass.

    Parameters
    ----------
    exprs : the nodes of a graph in topological order
    adjoints : node → the sum of the contributions of its uses
    contributions : (user, slot) → what that use hands back
    """
    found: list[AdjointSource] = []
    backwards = sorted({user for user, _ in contributions} | set(adjoints), reverse=True)
    slots: dict[int, list[int]] = {}
    handed: dict[int, list[Any]] = {}
    numbers = {expr: node for node, expr in enumerate(exprs)}
    for user, slot in sorted(contributions):
        slots.setdefault(user, []).append(slot)
        operand = numbers.get(exprs[user].operands[slot]) if slot < len(exprs[user].operands) else None
        if operand is not None:
            handed.setdefault(operand, []).append(contributions[user, slot])
    for node in backwards:
        got = adjoints.get(node)
        known = set(map(_fault, handed.get(node, ())))
        summed = _fault(got)
        if len(handed.get(node, ())) > 1 and summed and summed not in known and known != {"NaN"}:
            name = visible(render(exprs[node], budget=40), 40)
            terms = " + ".join(show_value(term) for term in handed[node][:4])
            found.append(AdjointSource(node, summed, f"the sum at {name}: {terms} = {show_value(got)}"))
        for slot in slots.get(node, ()):
            back = contributions[node, slot]
            what = _fault(back)
            if what and what != summed and summed != "NaN":
                name = visible(render(exprs[node], budget=40), 40)
                text = f"{name}, which gets {show_value(got)} and hands back {show_value(back)}"
                found.append(AdjointSource(node, what, text))
                break
    return tuple(found)


def _fault(value: Any) -> str:
    """'NaN' or 'infinity' where a value has an element like that, else ''."""
    array = np.asarray(0.0 if value is None else value)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return ""
    return "NaN" if np.isnan(array).any() else "infinity"


__all__ = ["AdjointSource", "adjoint_sources"]
