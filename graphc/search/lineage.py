"""Which outputs are derivatives of which others, and what a better form of one makes of its derivative.

Where digits die in a value they die in its derivative, and what keeps them in the one keeps them in the other. So a search for a
value and its gradient begins with the value, and the derivatives of the forms that it found are among the first forms of the
gradient; derivatives of those in turn are the first forms of the Hessian. A value and a gradient that come of one form share
its parts.

Source: Griewank and Walther, Evaluating Derivatives (2008), chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphc.autodiff.reverse import reverse
from graphc.errors import GraphcError
from graphc.ir.expr import Expr, walk
from graphc.ir.types import FLOAT64

OUTPUTS = 40
"""Outputs among which derivatives are looked for; of more each is searched by itself."""

HANDED_ON = 8
"""Forms of a value whose derivatives are tried."""

LARGEST = 1500
"""Nodes of a formula that is differentiated."""


def gradient(formula: Expr, wrt: Sequence[Expr]) -> list[Expr]:
    """The derivatives of a formula by some inputs."""
    record = reverse([formula], None, wrt)
    return [record.adjoint(symbol) for symbol in wrt]


def second_derivatives(firsts: Sequence[Expr], wrt: Sequence[Expr]) -> list[list[Expr]]:
    """The derivatives of a gradient, those of either order of two inputs as one."""
    rows: list[list[Expr]] = []
    for number, first in enumerate(firsts):
        below = [rows[other][number] for other in range(number)]
        rows.append([*below, *gradient(first, wrt[number:])])
    return rows


def lineage(outputs: Sequence[Expr], symbols: Sequence[Expr]) -> dict[Expr, tuple[Expr, Expr]]:
    """Output → (output that it is the derivative of, by which symbol), for those that are one's derivative.

    Formulas are one object where they are the same, so a derivative is known by being taken again.
    """
    distinct = list(dict.fromkeys(outputs))
    wrt = [symbol for symbol in symbols if symbol.dtype == FLOAT64]
    if not 1 < len(distinct) <= OUTPUTS:
        return {}
    found: dict[Expr, tuple[Expr, Expr]] = {}
    for primal in distinct:
        if len(walk([primal])) > LARGEST:
            continue
        try:
            derivatives = gradient(primal, wrt)
        except GraphcError:
            continue
        for symbol, derivative in zip(wrt, derivatives, strict=True):
            if derivative in distinct and derivative is not primal and derivative not in _line(found, primal):
                found.setdefault(derivative, (primal, symbol))
    return found


def _line(found: dict[Expr, tuple[Expr, Expr]], output: Expr) -> list[Expr]:
    """An output, what it is the derivative of, and so on."""
    line = [output]
    while line[-1] in found and len(line) <= len(found):
        line.append(found[line[-1]][0])
    return line


def in_order(outputs: Sequence[Expr], parents: dict[Expr, tuple[Expr, Expr]]) -> list[Expr]:
    """The outputs, each after what it is the derivative of."""
    depths = {output: len(_line(parents, output)) for output in outputs}
    return sorted(outputs, key=lambda output: depths[output])


def handed_on(forms: Sequence[Expr], symbol: Expr) -> Iterator[Expr]:
    """The derivatives of forms of a value."""
    for form in forms[:HANDED_ON]:
        if len(walk([form])) > LARGEST:
            continue
        try:
            (derivative,) = gradient(form, [symbol])
        except GraphcError:
            continue
        if not derivative.shape and derivative.dtype == FLOAT64:
            yield derivative


__all__ = ["gradient", "handed_on", "in_order", "lineage", "second_derivatives"]
