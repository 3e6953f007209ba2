"""Reverse mode: the backward graph, built as expressions and therefore differentiable again.

The sweep runs from the outputs to the inputs. A node's adjoint is the sum of what its uses hand back; a use hands back the
user's adjoint times the partial derivative that the operation declares (the chain rule).

Branches. An operation may declare under which condition a result depends on an operand (`Op.live`). The sweep keeps for each node
the condition under which the outputs depend on it at all, its path, and wraps what is computed for a use in `where(path, …, 0)`:
whatever a branch not taken yields, infinities and NaN included, is discarded there rather than multiplied by zero. The wrapped
partials are expressions with branches of their own, so the same holds for derivatives of any order.

Arrays. An operation on arrays declares what goes back instead (`Op.pullbacks`), or is differentiated as what it stands for
(`Op.expand`). An operand that was broadcast gets the sum over the elements it was broadcast to. A path of its own shape goes
through operations that only move and add elements: an element matters where some element of the result does that it is in. An
operation that leaves elements out begins a path of its own (`Op.leaves_out`, `Op.reads`); `paths.py` has how they are followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import field
from typing import Any

from graphc.autodiff.activity import active_nodes, depends
from graphc.autodiff.control import LoopSweep
from graphc.autodiff.loop_parts import chosen, handed_together
from graphc.autodiff.paths import Path, behind, merge, of_condition
from graphc.autodiff.seeds import refuse_unless_float, seeds_of
from graphc.ir.expr import (
    Expr,
    cast,
    computed,
    constant,
    literal_beside,
    substitute,
    symbol,
    walk,
)
from graphc.ir.scopes import deriving, follow, here
from graphc.ir.types import is_float
from graphc.ops.comparison import where
from graphc.ops.support.build import broadcast, call, fitted
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

Use = tuple[Expr, int]
"""(user, argument slot)"""


@dataclass(frozen=True)
class AdjointRecord:
    """What reverse mode returns: which expression is whose derivative.

    adjoints : forward node → the derivative of the outputs, weighted by the seeds, with respect to it
    contributions : (user, slot) → what that use hands back; the adjoint of a node is the sum over its uses
    partials : (user, slot) → the local derivative ∂user/∂operand, where it is not 0
    outputs, seeds : what was differentiated, and the adjoints it started from
    paths : node of `wrt` → the condition under which the outputs depend on it, where some are asked for by `where_seeded`
    """

    outputs: tuple[Expr, ...]
    seeds: tuple[Expr, ...]
    adjoints: dict[Expr, Expr] = field(default_factory=dict)
    contributions: dict[Use, Expr] = field(default_factory=dict)
    partials: dict[Use, Expr] = field(default_factory=dict)
    paths: dict[Expr, Path | None] = field(default_factory=dict)

    def adjoint(self, node: Expr) -> Expr:
        """The derivative with respect to a node, of its shape; zeros where the outputs do not depend on it."""
        adjoint = self.adjoints.get(node)
        return broadcast(constant(0.0, node.dtype) if adjoint is None else adjoint, node)


def pulled(
    node: Expr, slot: int, adjoint: Expr, out: Expr | None = None, operands: tuple[Expr, ...] | None = None
) -> Expr | None:
    """What an operation on arrays hands back to one of its operands; `out` and `operands` may stand for the node and its own."""
    op = node.op
    operands = node.operands if operands is None else operands
    out = node if out is None else out
    if isinstance(op.pullbacks, tuple):
        rule = op.pullbacks[slot]
        return None if rule is None else rule(adjoint, out, *operands, *node.attrs)
    if op.pullbacks is not None:
        return op.pullbacks(adjoint, out, operands, slot, *node.attrs)
    assert op.expand is not None  # it is differentiable
    operands = computed(node)
    # its operands may lie below each other: what it stands for is written for stand-ins, which keep them apart
    stand_ins = tuple([symbol(f"\0{place}", of.shape, of.dtype) for place, of in enumerate(operands)])
    record = reverse([op.expand(*stand_ins, *node.attrs)], [_stand_in(adjoint)], [stand_ins[slot]])
    pullback = record.adjoint(stand_ins[slot])
    return replaced(pullback, {**dict(zip(stand_ins, operands, strict=True)), _stand_in(adjoint): adjoint})


def _unfolded_path(path: Path | None, user: Expr, slot: int) -> Path | None:
    """The path of an operand, given that of its user, of an operation that is differentiated as what it stands for."""
    op, operands = user.op, computed(user)
    stand_ins = tuple([symbol(f"\0{place}", of.shape, of.dtype) for place, of in enumerate(operands)])
    assert op.expand is not None
    written = op.expand(*stand_ins, *user.attrs)
    used = symbol("\0used", user.shape, "bool")
    record = reverse([written], [_stand_in(written)], [stand_ins[slot]], where_seeded=[used])
    inner = record.paths.get(stand_ins[slot])
    if inner is None or inner.mask is not None:
        return inner
    whole = broadcast(constant(True) if path is None else path.expr, user)
    return of_condition(replaced(inner.expr, {**dict(zip(stand_ins, operands, strict=True)), used: whole}))


def _path(path: Path | None, user: Expr, slot: int) -> Path | None:
    op = user.op
    unfolds = op.on_arrays and op.pullbacks is None and op.keeps is None and op.reads is None
    if unfolds and (path is not None or op.leaves_out):
        return _unfolded_path(path, user, slot)
    return behind(path, user, slot, pulled)


def _stand_in(of: Expr) -> Expr:
    return symbol("\0v", of.shape, of.dtype)


def replaced(expr: Expr, replacements: dict[Expr, Expr]) -> Expr:
    """`expr` with symbols replaced by expressions of their types and shapes."""
    return substitute(expr, replacements)


@paused()
@deriving()
def reverse(
    outputs: Iterable[Expr],
    seeds: Iterable[Expr] | None,
    wrt: Iterable[Expr],
    where_seeded: Expr | Sequence[Expr | None] | None = None,
) -> AdjointRecord:
    """Differentiate `outputs` with respect to the nodes `wrt`.

    Parameters
    ----------
    outputs : float expressions
    seeds : one adjoint for each output, of its shape; None is allowed for one scalar output, and is 1
    wrt : nodes, usually symbols; every node between them and the outputs is in the record
    where_seeded : the condition under which an element of the seeds counts, where some are 0 to leave elements out; one for all
        outputs, or one for each, None for an output of which all count

    Raises `GradientError` when an output or a node of `wrt` is not a float, or a seed is missing.
    Source: Griewank and Walther, Evaluating Derivatives (2008), chapter 3.
    """
    outputs, targets = tuple(outputs), tuple(wrt)
    record = AdjointRecord(outputs, seeds_of(outputs, seeds))
    for node in targets:
        refuse_unless_float(node)
    order = walk(outputs)
    wanted_nodes = set(targets)
    active = active_nodes(order, wanted_nodes)
    pending: dict[Expr, list[Expr]] = {}
    paths: dict[Expr, list[Path | None]] = {}
    counts = where_seeded if isinstance(where_seeded, Sequence) else [where_seeded] * len(outputs)
    for output, seed, counted in zip(outputs, record.seeds, counts, strict=True):
        pending.setdefault(output, []).append(seed)
        paths.setdefault(output, []).append(None if counted is None else Path(None, counted))
    loops = LoopSweep(order, active, reverse)
    one = {seed for seed in record.seeds if seed.is_constant and not seed.shape and seed.value == 1}
    outer, followed_last = here()[0], None
    for node in reversed(order):
        handed = pending.pop(node, None)
        if node.op.control is not None and node in active:
            follow(outer, node.block)
            followed_last = None  # what loops write is in blocks of their own
            path = merge(paths.pop(node)) if node in paths else None
            if handed is not None:
                record.adjoints[node] = adjoint = broadcast(handed_together(handed), node)
                loops.receives(node, adjoint, path)
            wanted = {k for k, x in enumerate(node.operands) if x in active and depends(node, k)}
            for slot, value, whole in loops.handed_back(node, wanted):
                record.contributions[node, slot] = value
                pending.setdefault(node.operands[slot], []).append(value)
                paths.setdefault(node.operands[slot], []).append(whole)
            continue
        if handed is None or node not in active:
            continue
        block = node.block
        if block is not followed_last:
            follow(outer, block)
            followed_last = block
        adjoint = handed[0] if len(handed) == 1 else handed_together(handed)
        record.adjoints[node] = adjoint if adjoint.shape == node.shape else broadcast(adjoint, node)
        own_paths = paths.pop(node)
        path = own_paths[0] if len(own_paths) == 1 else merge(own_paths)
        if node in wanted_nodes:
            record.paths[node] = path
        if not node.operands:
            continue
        op = node.op
        if op.shape is not None:  # an operation on whole arrays
            kept = wanted_nodes if where_seeded is not None else frozenset[Expr]()
            for operand, contribution, inner in _contributions_of_arrays(record, node, path, active, kept):
                pending.setdefault(operand, []).append(contribution)
                paths.setdefault(operand, []).append(inner)
            continue
        assert op.partials is not None  # active nodes are differentiable
        operands = computed(node)  # the rules are written for numbers of one type
        numbers, seeded = path is None and not node.shape and not adjoint.shape, adjoint in one
        for slot, (operand, rule) in enumerate(zip(node.operands, op.partials, strict=True)):
            if rule is None or operand not in active:
                continue
            live = op.live[slot] if op.live is not None else None
            if live is None and numbers:
                contribution, inner = (
                    _contribution_of_number(record, node, slot, rule(node, *operands), adjoint, seeded),
                    None,
                )
            else:
                inner = path if live is None else Path(path, live(node, *operands))
                contribution, inner = _contribution(
                    record, node, slot, rule(node, *operands), adjoint, path, inner, seeded
                )
                inner = None if inner is None else _path(inner, node, slot)
            if contribution is None:
                continue
            waiting = pending.get(operand)
            if waiting is None:
                pending[operand], paths[operand] = [contribution], [inner]
            else:
                waiting.append(contribution)
                paths[operand].append(inner)
    return record


def _contributions_of_arrays(
    record: AdjointRecord, node: Expr, path: Path | None, active: Set[Expr], kept: Set[Expr]
) -> Iterator[tuple[Expr, Expr, Path | None]]:
    """What an operation on whole arrays hands back: operand, contribution, its path. They are entered in the record.

    kept : leaves whose paths are asked for
    """
    for slot, operand in enumerate(node.operands):
        if operand in active and depends(node, slot):
            inner = _path(path, node, slot) if operand.operands or operand in kept else None
            if inner is not None and inner.never:
                continue
            contribution = pulled(node, slot, record.adjoints[node], operands=_used_factors(path, node, slot))
            if contribution is not None:
                contribution = _handed_on(contribution, node, slot, path, inner)
                record.contributions[node, slot] = contribution
                yield operand, contribution, inner


def _used_factors(path: Path | None, user: Expr, slot: int) -> tuple[Expr, ...] | None:
    """The operands of a product with 0 for what enters none of its used elements, all but one operand; None for its own."""
    op = user.op
    if path is None or path.mask is None or op.linear != "each" or op.picks or op.pullbacks is None:
        return None
    operands = list(user.operands)
    for place, operand in enumerate(user.operands):
        if place != slot and is_float(operand.dtype):
            used = _path(path, user, place)
            if used is not None:
                operands[place] = chosen(used.expr, operand)
    return tuple(operands)


def _handed_on(contribution: Expr, user: Expr, slot: int, path: Path | None, inner: Path | None) -> Expr:
    """What an operation on arrays hands back, of the operand's type; nothing where it does not matter."""
    if contribution.dtype != user.operands[slot].dtype:
        contribution = cast(contribution, user.operands[slot].dtype)
    if inner is None:
        return contribution
    if path is None and user.op.name == "index":
        inner.scattered = contribution
    op = user.op
    moves = op.moves or op.picks or bool(op.leaves_out)
    if moves and (inner.mask is not None or op.picks or path is None):
        return contribution  # zeros are put where it does not hold
    return contribution if _is_choice(contribution, inner.expr) else chosen(inner.expr, contribution)


def _contribution_of_number(
    record: AdjointRecord, user: Expr, slot: int, partial: Any, adjoint: Expr, seeded: bool
) -> Expr | None:
    """`_contribution` where all are numbers and nothing is a branch, as most are."""
    if type(partial) is Expr:
        local, value = partial, partial if seeded else adjoint * partial
    elif partial == 0:
        return None
    else:
        local = literal_beside(float(partial), user.dtype)
        value = adjoint if partial == 1 else -adjoint if partial == -1 else adjoint * partial
    dtype = user.operands[slot].dtype
    if value.dtype is not dtype and value.dtype != dtype:
        value = cast(value, dtype)
    use = user, slot
    record.contributions[use] = value
    record.partials[use] = local
    return value


def _contribution(
    record: AdjointRecord,
    user: Expr,
    slot: int,
    partial: Any,
    adjoint: Expr,
    path: Path | None,
    inner: Path | None,
    seeded: bool,
) -> tuple[Expr | None, Path | None]:
    """What `user` hands back to its operand `slot`, entered in the record, and its path. None where the derivative is 0."""
    operand = user.operands[slot]
    branching = inner is not path
    scattered = (
        inner is not None and not branching and inner.scattered is adjoint and adjoint.shape == user.shape
    )
    if isinstance(partial, Expr):
        local = partial
        guard = None if inner is not None and inner.of_largest and user.op.facts.bounded_slope else inner
        if scattered:
            value, guard = _at_the_places(adjoint, partial), None
        elif guard is not None and _is_choice(adjoint, guard.expr) and adjoint.shape == user.shape:
            value = adjoint.operands[1] * partial
        else:
            value = partial if seeded and partial.shape == user.shape else adjoint * partial
    else:
        if partial == 0:
            return None, None
        local = literal_beside(float(partial), user.dtype)
        value = adjoint if partial == 1 else -adjoint if partial == -1 else adjoint * partial
        guard = inner if branching else None  # a finite factor needs no guard beyond its own branch
    if value.dtype != operand.dtype:
        value = cast(value, operand.dtype)
    if guard is not None:
        condition = guard.condition if not isinstance(partial, Expr) else guard.expr
        value = chosen(condition, value)
    if branching:
        assert inner is not None
        local = where(inner.condition, local, constant(0.0, local.dtype))
    if value.shape != operand.shape and (user.shape or operand.shape):
        value = fitted(broadcast(value, user), operand)
    if inner is not None and scattered and value.op.name == "at_add":
        inner = inner.scattering(value)
    record.contributions[user, slot] = value
    record.partials[user, slot] = local
    return value, inner


def _is_choice(value: Expr, condition: Expr) -> bool:
    """Whether a value is 0 where a condition does not hold, by form."""
    return value.op.name == "where" and value.operands[0] is condition and _is_zero(value.operands[2])


def _is_zero(x: Expr) -> bool:
    return x.is_constant and not x.shape and x.value == 0


def _at_the_places(adjoint: Expr, partial: Expr) -> Expr:
    """A scattered adjoint times a partial, which is taken at the places alone that something is scattered to."""
    zeros, value, *arrays = adjoint.operands
    (key,) = adjoint.attrs
    if partial.shape:
        partial = call("index", broadcast(partial, adjoint), *arrays, key=key)
    one = value.is_constant and not value.shape and value.value == 1
    return call("at_add", zeros, partial if one else value * partial, *arrays, key=key)
