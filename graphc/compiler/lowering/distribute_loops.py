"""What the steps of a loop compute of its rows alone is computed for all steps at once, in front of the loop.

A step of back-propagation through time computes again what the first run went through: of what that kept, not of the adjoints
that are carried. Between the carries such functions run for one number after another; over all steps they are arrays, which run
in vectors. Only what takes longer than writing and reading it does so, and of the rest of a step nothing changes.

Source: Allen and Kennedy, Optimizing Compilers for Modern Architectures (2001), loop distribution and vectorisation.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from math import prod
from typing import Any

from graphc.ir.body import Body
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, rebuild, symbol, walk
from graphc.ir.graph import Dag
from graphc.ir.types import Shape, is_float
from graphc.ops.closures import HELD
from graphc.ops.control import SCAN, scan_results
from graphc.ops.control_runs import loop_key
from graphc.ops.support.vmap_rules import Batch, through

ARRAYS = frozenset(
    (
        "broadcast_like", "broadcast_to", "concat", "dim", "expand_dims", "flip", "index", "logsumexp", "log_softmax", "matmul",
        "outer", "permute_dims", "reshape", "softmax", "squeeze", "stack", "sum", "tensordot", "vecdot",
    )
)  # fmt: skip
"""Operations on arrays that may be computed in front of a loop: those of numbers all may."""

HEAVY = 0.5
"""Nanoseconds of an element from which it is rather written and read."""

PRODUCTS = frozenset(("matmul", "outer", "tensordot", "vecdot"))
"""Operations on arrays that are not done a second time in the loop, where they are done in front of it."""

EXPONENTIALS = frozenset(("log_softmax", "logsumexp", "softmax"))
"""Operations on arrays whose elements take longer."""

JOINING = frozenset(("at_add", "concat", "stack"))
"""Operations whose readers ask for each element which part it is of: what the parts compute is then computed one by one."""

VECTOR = 8
"""Numbers that a step computes together in any case."""

MOST_KEPT = 6
"""Numbers of a step that are written, for each that the step has as it is: a loop that keeps little is to keep little."""

MOST_BYTES = 1 << 28
"""Of all steps, where their number is known."""

FEWEST = 4
"""Steps that are worth it."""


def distribute_loops(dag: Dag) -> Dag:
    """The graph with loops of which parts are computed for all steps in front of them."""
    if all(node.op is not SCAN for node in dag.exprs):
        return dag
    known: dict[Any, list[Expr] | None] = {}
    changed: dict[Expr, Expr] = {}
    for node in dag.exprs:
        operands = tuple([changed[operand] for operand in node.operands])
        again = rebuild(node, operands) if operands != node.operands else node
        if again.op is SCAN:
            key = loop_key(again)
            if key not in known:
                known[key] = _distributed(again)
            results = known[key]
            again = again if results is None else results[again.attrs[-1]]
        changed[node] = again
    return dag.with_outputs([changed[dag.exprs[output]] for output in dag.outputs])


def _distributed(node: Expr) -> list[Expr] | None:
    """The results of a loop whose rows have what was computed in front of it; None where nothing is."""
    body, carries, rows, length, reverse, _ = node.attrs
    if isinstance(length, int) and length < FEWEST:
        return None
    own = body.inputs[carries : carries + rows]
    parts = _parts(body, carries, rows, length)
    if _is_run_again(node.operands[carries : carries + rows]):
        parts = _first_of(parts, own)
    if not parts:
        return None
    given, captured = node.operands[carries : carries + rows], node.operands[carries + rows :]
    places = dict(zip(body.inputs[carries + rows :], captured, strict=True))
    each = [symbol(f"\2row{place}", x.shape, x.dtype) for place, x in enumerate(own)]
    carry = [symbol(f"\2none{place}", x.shape, x.dtype) for place, x in enumerate(body.inputs[:carries])]
    written = Body(body.inputs, parts).of([*carry, *each, *places.values()])
    wide = through(written, dict(zip(each, given, strict=True)), Batch(length, given[0]))
    ready = [symbol(f"\2ready{place}", x.shape, x.dtype) for place, x in enumerate(parts)]
    outputs = _without(body.outputs, dict(zip(parts, ready, strict=True)))
    inputs = [*body.inputs[: carries + rows], *ready, *body.inputs[carries + rows :]]
    return scan_results(
        Body(inputs, outputs),
        node.operands[:carries],
        [*given, *(x for x, _ in wide)],
        captured,
        length,
        reverse,
    )


def _parts(body: Body, carries: int, rows: int, length: Dim) -> list[Expr]:
    """The nodes of a body that are computed in front of the loop: those that its carries need.

    What carries do not need may differ between loops that carry the same, and those are to stay one.
    """
    order = walk(body.outputs[:carries])
    carried = set(body.inputs[:carries])
    of_rows = set(body.inputs[carries : carries + rows])
    slow: set[Expr] = set()
    """What takes long by itself, of rows alone."""
    behind: set[Expr] = set()
    """What needs such."""
    free: set[Expr] = set(body.inputs[carries:])
    """What may stand in front of the loop."""
    for node in order:
        if node in free or node in carried:
            continue
        if all(x in free for x in node.operands) and _may_go(node):
            free.add(node)
            if any(x in of_rows for x in node.operands):
                of_rows.add(node)
                if node.op.nanoseconds >= HEAVY or node.op.name in EXPONENTIALS:
                    slow.add(node)
                if node in slow or any(x in behind for x in node.operands):
                    behind.add(node)
    if not slow:
        return []
    read = {x for node in order if node not in free for x in node.operands} | set(body.outputs[:carries])
    pending, chosen = [node for node in read if node in behind], set[Expr]()
    while pending:  # what is quickly made of other parts is made in the loop
        node = pending.pop()
        if node in slow or (node.op.on_arrays and is_float(node.dtype)):
            chosen.add(node)
        else:
            pending += [x for x in node.operands if x in behind and x not in chosen]
    held = body.inputs[: carries + rows]
    shared = chosen | _shared_products(body.outputs[:carries], chosen, of_rows & free)
    for some in (shared, chosen):
        parts = [node for node in order if node in some]
        if _are_worth(parts, order) and _are_few(parts, held, length):
            return parts
    return []


def _shared_products(outputs: Sequence[Expr], chosen: Set[Expr], free: Set[Expr]) -> set[Expr]:
    """The products that are computed in front of the loop on the way to what is chosen, and in the loop for others."""
    above = set(walk([x for part in chosen for x in part.operands]))
    left = walk(outputs, list(chosen))
    return {x for x in left if x in above and x in free and x.op.name in PRODUCTS}


def _are_worth(parts: Sequence[Expr], order: Sequence[Expr]) -> bool:
    """Whether what vectors save is more than what writing costs."""
    return any(x.op.name in JOINING for x in order) or any(prod(_known(x.shape)) % VECTOR for x in parts)


def _may_go(node: Expr) -> bool:
    """Whether an operation has neither errors nor effects, so that it may run for all steps before the first."""
    if node.op.control is not None or node.op.user_defined:
        return False
    if node.op.name == "index":
        return len(node.operands) == 1
    return not node.op.on_arrays or node.op.name in ARRAYS


def _are_few(parts: Sequence[Expr], held: Sequence[Expr], length: Dim) -> bool:
    """Whether what is written for a step is not many times what it has already."""
    if any(len(_known(x.shape)) < x.ndim for x in (*parts, *held)):
        return False
    size = sum(prod(_known(x.shape)) for x in parts)
    if isinstance(length, int) and 8 * size * length > MOST_BYTES:
        return False
    return size <= MOST_KEPT * sum(prod(_known(x.shape)) for x in held)


def _is_run_again(rows: Sequence[Expr]) -> bool:
    """Whether rows are what a first run gives that is run again rather than kept: as little as may be is kept of it."""
    return any(x.op is SCAN and any(start.op is HELD for start in x.operands) for x in rows)


def _first_of(parts: Sequence[Expr], rows: Sequence[Expr]) -> list[Expr]:
    """As many parts as take no more memory than the rows of a step."""
    room, chosen = sum(prod(_known(x.shape)) for x in rows), list[Expr]()
    for part in parts:
        room -= prod(_known(part.shape))
        if room < 0:
            break
        chosen.append(part)
    return chosen


def _known(shape: Shape) -> list[int]:
    return [dim for dim in shape if isinstance(dim, int)]


def _without(outputs: Sequence[Expr], ready: dict[Expr, Expr]) -> list[Expr]:
    """The outputs with what was computed in place of what computes it."""
    changed: dict[Expr, Expr] = {}
    for node in walk(outputs):
        if node in ready:
            changed[node] = ready[node]
            continue
        operands = tuple([changed[x] for x in node.operands])
        changed[node] = rebuild(node, operands) if operands != node.operands else node
    return [changed[output] for output in outputs]


__all__ = ["distribute_loops"]
