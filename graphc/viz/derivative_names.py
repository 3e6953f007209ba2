r"""What derivatives are called: ∂L/∂w, ∂²L/∂w∂b, and in LaTeX \frac{\partial^2 L}{\partial w\,\partial b}.

An expression remembers what it is the derivative of (`ir.expr.provenance`). A formula that is the derivative by several symbols,
as that of (w + b)² by w and by b, has no such name: nothing tells which of them is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from graphc.autodiff.reverse import reverse
from graphc.ir.expr import Expr, derivation, free_symbols
from graphc.ir.types import is_float

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LEVEL = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")

_DEEPEST = 9
"""Derivatives of a higher order have no name of their own."""


class DerivativeName(NamedTuple):
    """What was differentiated, and by what, in this order."""

    over: str
    under: tuple[str, ...]

    def text(self) -> str:
        """
        >>> DerivativeName("L", ("w", "b")).text(), DerivativeName("L", ("w", "w")).text()
        ('∂²L/∂w∂b', '∂²L/∂w²')
        """
        below = "".join(f"∂{name}{_raised(count)}" for name, count in self._runs())
        return f"∂{_raised(len(self.under))}{self.over}/{below}"

    def _runs(self) -> list[tuple[str, int]]:
        return [(name, len(list(same))) for name, same in groupby(self.under)]

    def pieces(self) -> list[tuple[str, str]]:
        """The parts of its text: ("sign", "∂²"), ("name", "L"), ("sign", "/∂"), …"""
        found = [("sign", f"∂{_raised(len(self.under))}"), ("name", self.over), ("sign", "/")]
        for name, count in self._runs():
            found += [("sign", "∂"), ("name", name), ("sign", _raised(count))]
        return [(kind, text) for kind, text in found if text]

    def by(self, name: str) -> DerivativeName:
        """The derivative of this derivative."""
        return DerivativeName(self.over, (*self.under, name))


def _raised(count: int) -> str:
    return "" if count == 1 else str(count).translate(_RAISED)


_FORM = re.compile(r"∂([²³⁴⁵⁶⁷⁸⁹]?)([^∂/²³⁴⁵⁶⁷⁸⁹][^∂/]*)/((?:∂[^∂/²³⁴⁵⁶⁷⁸⁹]+[²³⁴⁵⁶⁷⁸⁹]?)+)")


def read_derivative(text: str) -> DerivativeName | None:
    """The derivative that a name stands for; None for other names.

    >>> read_derivative("∂²L/∂w1∂b")
    DerivativeName(over='L', under=('w1', 'b'))
    >>> read_derivative("∂³L/∂w²"), read_derivative("L")
    (None, None)
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    under: list[str] = []
    for name, power in re.findall(r"∂([^∂/²³⁴⁵⁶⁷⁸⁹]+)([²³⁴⁵⁶⁷⁸⁹]?)", found[3]):
        under += [name] * int(power.translate(_LEVEL) or 1)
    return (
        DerivativeName(found[2], tuple(under)) if len(under) == int(found[1].translate(_LEVEL) or 1) else None
    )


def derivative_of(expr: Expr, names: Mapping[Expr, str]) -> tuple[Expr, tuple[Expr, ...]] | None:
    """What an expression is the derivative of, and the nodes that it was taken by, the first one first.

    names : those of nodes that are no symbols. None for what is no derivative, for one along a direction or with weights, and
        where it is that of several symbols.
    """
    under: list[Expr] = []
    node = expr
    while len(under) < _DEEPEST and (known := derivation(node)) is not None:
        made, number = known
        plain = len(made.others) <= 1 and all(
            seed.is_constant and not seed.shape and seed.value == 1 for seed in made.others
        )
        if not made.differentiates or len(made.outputs) != 1 or number >= len(made.targets) or not plain:
            return None
        target = made.targets[number]
        if not target.is_symbol and target not in names:
            return None
        if target.is_symbol and _is_of_several(node, made.outputs[0]):
            return None
        under.append(target)
        node = made.outputs[0]
    return (node, tuple(reversed(under))) if under else None


def _is_of_several(derivative: Expr, output: Expr) -> bool:
    """Whether a formula is the derivative by more than one symbol."""
    rivals = [each for each in free_symbols(output) if is_float(each.dtype)]
    if output.shape or len(rivals) < 2:
        return False
    record = reverse([output], None, rivals)
    return sum(record.adjoint(each) is derivative for each in rivals) > 1


def derivative_names(outputs: Sequence[Expr], called: Mapping[Expr, str]) -> list[str | None]:
    """What each of some expressions is called as a derivative; None where it is none.

    called : the names of what was differentiated and of nodes it was taken by; L for what has none
    """
    found: list[str | None] = []
    for output in outputs:
        known = derivative_of(output, called)
        if known is None:
            found.append(None)
            continue
        root, under = known
        by = tuple(node.name if node.is_symbol else called[node] for node in under)
        found.append(DerivativeName(called.get(root, "L"), by).text())
    return found


__all__ = ["DerivativeName", "derivative_names", "derivative_of", "read_derivative"]
