"""What the derivatives of loops are made of: sums, conditions, a step that may be none, and the loops within a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod

from graphc.ir.body import Body
from graphc.ir.expr import Expr, constant, walk
from graphc.ops.comparison import where
from graphc.ops.control import SCAN, WHILE, switch_results


def added(terms: Sequence[Expr]) -> Expr:
    """The sum of some expressions."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def handed_together(terms: Sequence[Expr]) -> Expr:
    """The sum of what the uses of a node hand back.

    What a use hands back twice, as that of x·x does, is doubled before it is added, and what is handed back where a condition
    holds is joined with what is where it does not.

    A loop that carries the sum then waits for one addition, not two.
    """
    joined = list(terms)
    for place in range(len(joined) - 1, 0, -1):
        pair = _either(joined[place - 1], joined[place])
        if pair is not None:
            joined[place - 1 : place + 1] = [pair]
    result: list[Expr] = []
    for term in joined:
        if result and len(joined) > 2 and term is result[-1]:
            result[-1] = term + term
        else:
            result.append(term)
    return added(result)


def _either(first: Expr, second: Expr) -> Expr | None:
    """where(not c, x, 0) + (where(c, y, 0) + z) as where(c, y, x) + z, or the other way round; None where it is no such sum."""
    for one, other in ((first, second), (second, first)):
        head, rest = (other.operands[0], other.operands[1]) if other.op.name == "add" else (other, None)
        if not (_is_chosen(one) and _is_chosen(head)) or one.shape != head.shape:
            continue
        if _opposite(one.operands[0], head.operands[0]):
            x, y = one.operands[1], head.operands[1]
            joined = x if x is y and x.shape == one.shape else where(head.operands[0], y, x)
            return joined if rest is None else joined + rest
    return None


def _is_chosen(x: Expr) -> bool:
    return (
        x.op.name == "where"
        and x.operands[2].is_constant
        and not x.operands[2].shape
        and x.operands[2].value == 0
    )


def _opposite(c: Expr, d: Expr) -> bool:
    return any(one.op.name == "logical_not" and one.operands[0] is other for one, other in ((c, d), (d, c)))


def any_of(conditions: Sequence[Expr]) -> Expr:
    """Whether any of some conditions holds."""
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = whole | condition
    return whole


def chosen(condition: Expr, value: Expr) -> Expr:
    """A value where a condition holds, else 0."""
    return where(condition, value, constant(0.0, value.dtype))


def masked(body: Body, test: Body, carries: int) -> Body:
    """One step of a loop where its condition holds; what there was where it does not."""
    stays = Body(body.inputs, body.inputs[:carries])
    (asked,) = test.of(body.inputs)
    return Body(body.inputs, switch_results(asked.astype("int64"), (stays, body), body.inputs))


def _ahead(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> set[Expr]:
    """The inputs of a step and what it makes of them alone as it runs forwards."""
    ahead: set[Expr] = set(inputs)
    for node in walk(outputs):
        if node.operands and all(x in ahead or x.is_constant for x in node.operands):
            ahead.add(node)
    return ahead


FEWEST_OPERATIONS = 8
"""Behind a condition from which it is rather kept, a byte, than found again."""


def conditions_within(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> list[Expr]:
    """The conditions, each a single one, that a step asked as it ran forwards and that its derivative reads.

    What was kept is there at once. A derivative that goes one way or the other, by what a long computation says, would otherwise
    wait for it a second time.
    """
    ahead, kept = _ahead(outputs, inputs), list(inputs)
    for x in walk(outputs, inputs):
        single = x in ahead and x.operands and x.dtype.kind == "b" and not x.shape
        if single and len(walk([x], kept)) >= FEWEST_OPERATIONS:
            kept.append(x)
    return kept[len(inputs) :]


MOST_SHARES = 4
"""Of a softmax that a step keeps: those that stand in registers in any case."""

FEWEST_TERMS = 8
"""For each number of a product or sum, from which it is rather kept than found again."""

MOST_KEPT = 2
"""Numbers that a step keeps, for each that it is given."""

_keeping_little: ContextVar[bool] = ContextVar("graphc_keeping_little", default=False)


@contextmanager
def keeping_little() -> Iterator[None]:
    """Loops that are differentiated meanwhile keep their carries alone of the run forwards: they are run again on purpose."""
    token = _keeping_little.set(True)
    try:
        yield
    finally:
        _keeping_little.reset(token)


def values_within(
    outputs: Sequence[Expr], inputs: Sequence[Expr], carried: Sequence[Expr], rows: Sequence[Expr]
) -> list[Expr]:
    """What a step made of its carries as it ran forwards, that its derivative reads and that is dear to make again.

    Products with matrices and sums of many terms are kept, with what is added to them, or their roots. And the shares of small
    sums of exponentials: the first run waits for the logarithm of such a sum, number after number, and has their quotients
    meanwhile.

    carried, rows : the inputs that are carries, which are kept in any case, and those that are rows
    """
    if _keeping_little.get():
        return []
    ahead, order = _ahead(outputs, inputs), walk(outputs, inputs)
    moving, readers = set(carried), dict[Expr, list[Expr]]()
    for x in order:
        if x in ahead and any(operand in moving for operand in x.operands):
            moving.add(x)
        for operand in dict.fromkeys(x.operands):
            readers.setdefault(operand, []).append(x)
    dear: list[Expr] = []
    for x in order:
        if x not in moving or x in inputs:
            continue
        if x.op.name == "softmax" and 0 < _size(x) <= MOST_SHARES:
            dear.append(x)
        elif x.op.name in ("matmul", "sum") and _terms(x) >= FEWEST_TERMS * _size(x) > 0:
            whole = x
            while (
                len(users := readers.get(whole, [])) == 1
                and users[0] in ahead
                and users[0].op.name in ("add", "subtract", "sqrt")
                and users[0].shape == x.shape
            ):
                whole = users[0]
            dear.append(whole)
    # a product that is read on the way to other products alone is not read where those are kept
    below = walk(outputs, [*inputs, *dear])
    read = {operand for x in below for operand in x.operands} | set(outputs)
    room, kept = MOST_KEPT * sum(_size(x) for x in (*carried, *rows)), list[Expr]()
    for x in dict.fromkeys(dear):
        room -= _size(x)
        if x in read and room >= 0:
            kept.append(x)
    return kept


def outer_factors(x: Expr) -> tuple[Expr, Expr] | None:
    """The factors of an outer product of known lengths that has more numbers than these; None of anything else.

    Added to a sum at each step, it is read and written; the factors of all steps, written once, are multiplied behind the loop.
    """
    if x.op.name != "outer" or _keeping_little.get():
        return None
    u, v = x.operands
    return (u, v) if _size(x) >= MOST_KEPT * (_size(u) + _size(v)) > 0 else None


def _size(x: Expr) -> int:
    """The numbers of an array of known lengths; 0 of others."""
    return prod(dim if isinstance(dim, int) else 0 for dim in x.shape)


def _terms(x: Expr) -> int:
    """The terms of all sums that a product or a sum of known lengths is; 0 of others."""
    if x.op.name == "sum":
        return _size(x.operands[0])
    last = x.operands[0].shape[-1]
    return _size(x) * last if isinstance(last, int) else 0


def loops_within(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> list[Expr]:
    """The loops of a step as it runs forwards that its derivative reads: they are not run again for it."""
    ahead = _ahead(outputs, inputs)
    found: dict[Expr, None] = {}
    pending, seen = list(outputs), set[Expr]()
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in ahead and node.op in (SCAN, WHILE):
            found[node] = None
        else:
            pending += node.operands
    return list(found)


__all__ = [
    "added", "any_of", "chosen", "conditions_within", "handed_together", "keeping_little", "loops_within", "masked",
    "outer_factors", "values_within",
]  # fmt: skip
