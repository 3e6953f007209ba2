"""Forward mode: how the outputs change along a direction, from the same declarations as reverse mode.

An elementwise operation contributes its partial times the operand's tangent. An operation on arrays that is linear is applied
to the tangent itself; of any other what goes back, which is linear in the adjoint, is transposed by reverse mode: nothing is
declared twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphc.autodiff.activity import active_nodes, depends
from graphc.autodiff.control import LoopChanges
from graphc.autodiff.paths import Path, computed_mask, merge, static
from graphc.autodiff.reverse import pulled, replaced, reverse
from graphc.autodiff.seeds import refuse_unless_float
from graphc.errors import ShapeError
from graphc.ir.expr import Expr, apply, cast, computed, constant, current_site, symbol, walk
from graphc.ir.scopes import deriving, follow, here
from graphc.ir.types import format_shape, is_float
from graphc.ops.comparison import not_equal, where
from graphc.ops.support.build import broadcast, zeros_like
from graphc.util.gc_pause import paused


@paused()
@deriving()
def forward(
    outputs: Iterable[Expr], tangents: Mapping[Expr, Expr], where_moved: Mapping[Expr, Expr] | None = None
) -> list[Expr]:
    """The derivative of each output along a direction, of the output's shape.

    Parameters
    ----------
    outputs : expressions; what is no float does not change, and has a tangent of zeros
    tangents : node → its rate of change, of its shape or a scalar for all elements
    where_moved : node → the condition under which an element changes at all, where some tangents are 0 to leave elements out

    Raises `GradientError` for a node that is not a float and `ShapeError` for a tangent that does not fit.
    Source: Griewank and Walther, Evaluating Derivatives (2008), chapter 3.
    """
    outputs = tuple(outputs)
    known: dict[Expr, Expr] = {node: _checked(node, tangent) for node, tangent in tangents.items()}
    order = walk(outputs)
    active = active_nodes(order, set(known))
    outer, loops = here()[0], LoopChanges(order, active, forward)
    paths: dict[Expr, Path] = {node: Path(None, moved) for node, moved in (where_moved or {}).items()}
    for node in order:
        if node in known or node not in active:
            continue
        follow(outer, node.block)
        if node.op.control is not None:
            change = loops.of(node, known)
        elif node.op.on_arrays:
            change = _of_arrays(node, known, active)
        else:
            change = _of_elements(node, known, active, paths)
        path = _ahead(node, paths, active)
        if path is not None:
            paths[node] = path
        known[node] = broadcast(change if change.dtype == node.dtype else cast(change, node.dtype), node)
    return [known[output] if output in known else zeros_like(_as_float(output)) for output in outputs]


def _as_float(output: Expr) -> Expr:
    return output if is_float(output.dtype) else cast(output, "float64")


def _checked(node: Expr, tangent: Expr) -> Expr:
    refuse_unless_float(node)
    if tangent.shape not in ((), node.shape):
        raise ShapeError(
            f"a tangent of shape {format_shape(tangent.shape)} for {node!r} of shape {format_shape(node.shape)}",
            site=current_site(),
            hint="pass a number, or an array of that shape",
        )
    return broadcast(tangent if tangent.dtype == node.dtype else cast(tangent, node.dtype), node)


def _total(terms: list[Expr], node: Expr) -> Expr:
    if not terms:
        return constant(0.0, node.dtype)
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


def _ahead(node: Expr, paths: Mapping[Expr, Path], active: set[Expr]) -> Path | None:
    """The condition under which an element of a node changes; None is always."""
    op = node.op
    moving = [
        operand for slot, operand in enumerate(node.operands) if operand in active and depends(node, slot)
    ]
    if not op.on_arrays:
        path = merge([paths.get(operand) for operand in moving])
        if path is None or path.mask is not None or not path.expr.shape:
            return path
        return Path(None, broadcast(path.expr, node))
    still = any(
        is_float(operand.dtype) and operand not in moving and depends(node, slot)
        for slot, operand in enumerate(node.operands)
    )
    begins = op.fills or (op.linear == "jointly" and still)
    if not (op.moves or op.picks) or not (begins or any(operand in paths for operand in moving)):
        return None
    one = constant(1.0, node.dtype)
    ones = {
        operand: broadcast(cast(paths[operand].expr, operand.dtype) if operand in paths else one, operand)
        for operand in moving
    }
    moved = _of_arrays(node, ones, active)
    mask = computed_mask(moved)
    return static(mask) if mask is not None else Path(None, not_equal(broadcast(moved, node), 0))


def _of_elements(
    node: Expr, known: Mapping[Expr, Expr], active: set[Expr], paths: Mapping[Expr, Path]
) -> Expr:
    op, terms = node.op, []
    assert op.partials is not None  # active nodes are differentiable
    operands = computed(node)  # the rules are written for numbers of one type
    for slot, (operand, rule) in enumerate(zip(node.operands, op.partials, strict=True)):
        if rule is None or operand not in active:
            continue
        tangent, partial = known[operand], rule(node, *operands)
        if not isinstance(partial, Expr):
            if partial == 0:
                continue
            term = tangent if partial == 1 else -tangent if partial == -1 else tangent * partial
        else:
            term = tangent * partial
            if operand in paths:
                term = where(paths[operand].expr, term, constant(0.0, term.dtype))
        live = op.live[slot] if op.live is not None else None
        if live is not None:
            term = where(live(node, *operands), term, constant(0.0, term.dtype))
        terms.append(term)
    return _total(terms, node)


def _of_arrays(node: Expr, known: Mapping[Expr, Expr], active: set[Expr]) -> Expr:
    op = node.op
    slots = [slot for slot, operand in enumerate(node.operands) if operand in active and depends(node, slot)]
    if op.linear == "jointly":
        directions = [
            known[operand] if slot in slots else zeros_like(operand) if depends(node, slot) else operand
            for slot, operand in enumerate(node.operands)
        ]
        return apply(op, *directions, attrs=node.attrs)
    if op.linear == "each":
        return _total([_replaced_operand(node, slot, known[node.operands[slot]]) for slot in slots], node)
    terms = [_transposed(node, slot, known[node.operands[slot]]) for slot in slots]
    return _total([term for term in terms if term is not None], node)


def _replaced_operand(node: Expr, slot: int, tangent: Expr) -> Expr:
    operands = (*node.operands[:slot], tangent, *node.operands[slot + 1 :])
    return apply(node.op, *operands, attrs=node.attrs)


def _transposed(node: Expr, slot: int, tangent: Expr) -> Expr | None:
    """The derivative of ⟨what goes back for v, tangent⟩ by v: what goes back is linear in v, so v itself is gone."""
    v = symbol("\0v", node.shape, node.dtype)
    handed = pulled(node, slot, v)
    if handed is None:
        return None
    # what depends on the operands below is not followed: v stands in nothing but what was just written
    t = symbol("\0t", handed.shape, handed.dtype)
    linear = reverse([handed], [t], [v]).adjoint(v)
    # where v is left, its shape alone is read (named lengths), and the node has that shape
    along = cast(tangent, handed.dtype) if tangent.dtype != handed.dtype else tangent
    return replaced(linear, {t: along, v: node})


__all__ = ["forward"]
