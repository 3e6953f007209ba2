"""Within loops a product that is added to something is rounded once, together with the sum.

What one step of a loop hands to the next is a chain that nothing else can overtake: of a product and a sum it waits for two
instructions, of both in one it waits for that alone. Python, diagrams and other languages keep two roundings; a formula that is
compiled as written (`rewrite=None`) does too.

Not fused, since there the rounded product is meant: one that is added to or subtracted from more than one thing, as error-free
transformations have it (Dekker's split, Knuth's sum of two numbers), or whose own rounding something asks for; and of the
difference of two products neither, which would no longer be 0 where they are equal. What is fused depends on a node's operands,
and on the sums that its products go into, so that other results beside it seldom change a value.

Source: Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed., 2018, on contraction of expressions and its risks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set

from graphc.compiler.targets.llvm import libm
from graphc.ir.expr import Expr, apply, constant, rebuild
from graphc.ir.graph import Dag
from graphc.ir.op import lookup
from graphc.ops.multiply_add import multiply_add
from graphc.ops.support.build import broadcast

SIZES = (4, 8)
"""Bytes of the types that processors have the instruction for."""


def fuse_products(dag: Dag) -> Dag:
    """The graph of a loop's body with such sums as one operation."""
    if not libm.has_fma():
        return dag
    sums = [node for node in dag.exprs if node.op.name in ("add", "subtract") and _fits(node)]
    added = Counter(operand for node in sums for operand in node.operands)
    meant = _rounded_products(dag)
    depth: dict[Expr, int] = {}
    changed: dict[Expr, Expr] = {}
    for node in dag.exprs:
        depth[node] = max([1 + depth[operand] for operand in node.operands], default=int(node.is_symbol))
        fused = None
        if node.op.name in ("add", "subtract") and _fits(node):
            fused = _fused(node, changed, added, meant, depth)
        if fused is None:
            operands = tuple([changed[operand] for operand in node.operands])
            fused = rebuild(node, operands) if operands != node.operands else node
        changed[node] = fused
    return dag.with_outputs([changed[dag.exprs[output]] for output in dag.outputs])


def _fits(node: Expr) -> bool:
    """Whether a sum is of floats of its own type, of a size that there is an instruction for."""
    dtype = node.dtype
    return dtype.kind == "f" and dtype.itemsize in SIZES and all(x.dtype == dtype for x in node.operands)


def _rounded_products(dag: Dag) -> set[frozenset[Expr]]:
    """The factors of products whose rounding, or that of sums with them, something else computes."""
    meant: set[frozenset[Expr]] = set()
    for node in dag.exprs:
        if node.op.name == "multiply_error":
            meant.add(frozenset(node.operands))
        elif node.op.name == "add_error":
            meant.update(frozenset(pair) for x in node.operands if (pair := _factors(x)) is not None)
    return meant


def _fused(
    node: Expr,
    changed: Mapping[Expr, Expr],
    added: Mapping[Expr, int],
    meant: Set[frozenset[Expr]],
    depth: Mapping[Expr, int],
) -> Expr | None:
    """A sum with one of its products; of two with the one that is there last."""
    factors = [_factors(x) if added[x] == 1 else None for x in node.operands]
    factors = [None if pair is None or frozenset(pair) in meant else pair for pair in factors]
    if node.op.name == "subtract" and all(_factors(x) is not None for x in node.operands):
        return None
    places = [k for k in (0, 1) if factors[k] is not None]
    if not places or node.operands[0] is node.operands[1]:
        return None
    place = max(places, key=lambda k: depth[node.operands[k]])
    pair = factors[place]
    assert pair is not None  # those places were taken
    product, rest = node.operands[place], changed[node.operands[1 - place]]
    first, second = (_moved(x, product, changed) for x in pair)
    if node.op.name == "subtract":
        if place == 0:
            rest = _negative(rest)
        else:  # the factor that is there first
            early, late = (first, second) if depth[pair[0]] <= depth[pair[1]] else (second, first)
            first, second = _negative(early), late
    return multiply_add(first, second, rest)


def _negative(x: Expr) -> Expr:
    return constant(-x.value, x.dtype) if x.is_constant else apply(lookup("negative"), x)


def _factors(x: Expr) -> tuple[Expr, Expr] | None:
    """The factors of a product, or of that whose elements are taken at fixed places."""
    if _takes(x):
        (x,) = x.operands
    if x.op.name != "multiply" or any(factor.dtype != x.dtype for factor in x.operands):
        return None
    first, second = x.operands
    return first, second


def _takes(x: Expr) -> bool:
    return x.op.name == "index" and len(x.operands) == 1


def _moved(factor: Expr, product: Expr, changed: Mapping[Expr, Expr]) -> Expr:
    """A factor at the places that are taken of the product."""
    if not _takes(product):
        return changed[factor]
    return rebuild(product, (broadcast(changed[factor], product.operands[0]),))


__all__ = ["fuse_products"]
