"""What of some outputs is affine in the variables, by numbers that are known: its derivatives need no sweep at a call.

In a discretised equation most entries of the Jacobian are such: the differences between neighbours. Written as a sum of an affine
part and a rest, the rest has fewer entries, and needs fewer colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.autodiff.activity import active_nodes
from graphc.ir.expr import Expr, constant, free_symbols, rebuild, walk
from graphc.ops.support.build import call

Parts = tuple[Expr | None, Expr | None]
"""The affine part of a node and the rest; None for zero."""

LINEAR = frozenset(
    """index reshape permute_dims broadcast_to expand_dims squeeze roll flip repeat tile sum mean cumsum
    negative negate""".split()
)
"""Operations that are linear in their first operand, whatever their static arguments are; further operands are places."""

JOINING = ("concat", "stack")


def split(outputs: Sequence[Expr], variables: Sequence[Expr]) -> list[Parts]:
    """Each output but for a constant as the sum of an affine part, whose coefficients are numbers, and a rest."""
    order = walk(outputs)
    active = active_nodes(order, set(variables))
    parts: dict[Expr, Parts] = {}
    for node in order:
        if node not in active:
            parts[node] = (None, None)
        elif node in variables:
            parts[node] = (node, None)
        else:
            parts[node] = _parts(node, [parts[operand] for operand in node.operands], active)
    return [parts[output] for output in outputs]


def _parts(node: Expr, operands: Sequence[Parts], active: set[Expr]) -> Parts:
    if all(affine is None for affine, _ in operands):
        return None, node
    name = node.op.name
    if name in ("add", "subtract"):
        left, right = operands
        return _sum(node, left, right, name == "subtract")
    if name in JOINING:
        first, second = ([each[side] for each in operands] for side in (0, 1))
        return _joined(node, first), _joined(node, second)
    others = [k for k, operand in enumerate(node.operands) if operand not in active]
    if (
        name == "multiply"
        or (name in ("divide", *LINEAR) and 0 not in others)
        or (name == "pad" and node.attrs[1] == 0)
    ):
        (varied, *more) = [k for k in range(len(operands)) if k not in others]
        if not more and not free_symbols(*[node.operands[k] for k in others]):
            return _through(node, operands[varied], varied)
    return None, node


def _through(node: Expr, parts: Parts, slot: int) -> Parts:
    """A node that is linear in one of its operands."""

    def of(part: Expr | None) -> Expr | None:
        return (
            None if part is None else rebuild(node, (*node.operands[:slot], part, *node.operands[slot + 1 :]))
        )

    affine, rest = parts
    return of(affine), node if affine is None else of(rest)


def _sum(node: Expr, left: Parts, right: Parts, minus: bool) -> Parts:
    return _side(node, left[0], right[0], minus), _side(node, left[1], right[1], minus)


def _side(node: Expr, left: Expr | None, right: Expr | None, minus: bool) -> Expr | None:
    if left is not None and right is not None:
        return rebuild(node, (left, right)) if (left, right) != node.operands else node
    one = left if right is None else -right if minus else right
    if one is None or one.shape == node.shape:
        return one
    return call("broadcast_to", one, shape=node.shape)


def _joined(node: Expr, parts: Sequence[Expr | None]) -> Expr | None:
    if all(part is None for part in parts):
        return None
    whole = [
        part if part is not None else zero(operand)
        for part, operand in zip(parts, node.operands, strict=True)
    ]
    return rebuild(node, tuple(whole))


def zero(like: Expr) -> Expr:
    """0 everywhere, of a node's shape and type."""
    number = constant(0.0, like.dtype)
    return call("broadcast_to", number, shape=like.shape) if like.shape else number


def apart(outputs: Sequence[Expr], variables: Sequence[Expr]) -> tuple[list[Expr], list[Expr]] | None:
    """The affine parts of all outputs, and the rests; None where there are no affine parts."""
    parts = split(outputs, variables)
    if all(affine is None for affine, _ in parts):
        return None
    side: Callable[[int], list[Expr]] = lambda k: [
        zero(output) if each[k] is None else each[k]
        for each, output in zip(parts, outputs, strict=True)  # type: ignore[misc]
    ]
    return side(0), side(1)


__all__ = ["apart", "split", "zero"]
