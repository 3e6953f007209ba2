"""What rounding takes from values, to first order: each operation's own error, carried on by its derivatives.

An addition, a product, a quotient and a root leave an error that is itself a float which can be computed; what the errors of all
nodes do to a result is what forward mode says of them. The sum of a result and its low part is then as good as one of twice the
digits, for as many operations as have such an error; the others count as exact.

Source: Langlois, Automatic linear correction of rounding errors (2001).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.autodiff.forward import forward
from graphc.ir.expr import Expr, apply, constant, substitute, symbol, walk
from graphc.ir.types import is_float
from graphc.ops.closures import HELD
from graphc.ops.elementary import sqrt
from graphc.ops.exact_product import multiply_error
from graphc.ops.rounding import add_error


def low_parts(
    outputs: Sequence[Expr], lows: Mapping[Expr, Expr], exact: Sequence[Expr] = ()
) -> list[Expr | None]:
    """What is to be added to each output; None where nothing is.

    lows : what is to be added to some nodes that the outputs are made of; exact : nodes that count as exact
    """
    known: dict[Expr, Expr] = dict(lows)
    leaves = {*lows, *exact}
    for node in walk(outputs, list(leaves)):
        if node in leaves or not node.operands or not is_float(node.dtype):
            continue
        moved = {operand: known[operand] for operand in node.operands if operand in known}
        terms = list(forward([node], moved)) if moved else []
        own = _own_error(node)
        terms += [own] if own is not None else []
        if terms:
            known[node] = terms[0] if len(terms) == 1 else terms[0] + terms[1]
    return [known.get(output) for output in outputs]


def _hidden(x: Expr) -> Expr:
    """x as what no rule of rewriting sees through: what is 0 over the real numbers is the error that is looked for."""
    return apply(HELD, x, constant(0.0, x.dtype))


def _own_error(node: Expr) -> Expr | None:
    """What rounding takes from an operation on the values of its operands; None where that is not known."""
    if node.op.on_arrays or any(operand.dtype != node.dtype for operand in node.operands):
        return None
    match node.op.name, node.operands:
        case "add", (x, y):
            return add_error(x, y)
        case "subtract", (x, y):
            return add_error(x, -y)
        case "multiply", (x, y):
            return multiply_error(x, y)
        case "square", (x,):
            return multiply_error(x, x)
        case "divide", (x, y):
            return _left(x, node, y) / y
        case "reciprocal", (x,):
            return _left(constant(1.0, node.dtype), node, x) / x
        case "sqrt", (x,):
            return _left(x, node, node) / (2 * node)
        case "pow", (x, exponent) if exponent.is_constant and not exponent.shape:
            return _error_of_power(node, x, float(exponent.value))
    return None


def _left(x: Expr, one: Expr, other: Expr) -> Expr:
    """x − one·other, of a product that is nearly x."""
    one, other = _hidden(one), _hidden(other)
    return (x - one * other) - multiply_error(one, other)


def _error_of_power(node: Expr, x: Expr, exponent: float) -> Expr | None:
    """That of a power by a half of a small whole number: beside the power stands one made of products and a root."""
    twice = 2 * exponent
    if twice != int(twice) or not 1 <= abs(twice) <= 8:
        return None
    base = symbol("\2base", x.shape, x.dtype)  # whose own error is none of the power's
    whole, half = divmod(int(abs(twice)), 2)
    factors = [base] * whole + ([sqrt(base)] if half else [])
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    value = 1 / product if exponent < 0 else product
    (low,) = low_parts([value], {})
    at = {base: _hidden(x)}
    if low is None:
        return substitute(_hidden(value), at) - node
    return (substitute(_hidden(value), at) - node) + substitute(low, at)


__all__ = ["low_parts"]
