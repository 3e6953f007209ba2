"""Elementwise parts of a graph, differentiated as the functions of numbers that they are.

The chain rule multiplies an adjoint into each of the paths that lead through an expression, and what cancels between these paths
is then hidden behind it: of v·(s(x)·s(−x)) + v·… no rule sees what it sees in the derivative of a function of one number. So
where it pays, a connected elementwise part of a graph becomes one operation for the time in which derivatives are written, whose
partials are the stable derivatives of its formula over numbers, one factor each; the adjoint stays outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from graphc.autodiff.activity import active_nodes
from graphc.ir.expr import Expr, apply, cast, rebuild, walk
from graphc.ir.expr.node import intern
from graphc.ir.op import SYMBOL, Notation, Op
from graphc.ir.types import TypeRule
from graphc.util.records import dataclass

MOST_NODES = 120
MOST_INPUTS = 4
"""Of a part: its derivatives by each of its inputs are formulas of their own."""


@dataclass(frozen=True)
class StablePartials:
    """What is known of a formula over numbers.

    values : for each input its derivative, None where it is 0 by declaration
    conditions : for each input where the formula depends on it, None where it does everywhere
    """

    values: tuple[Expr | None, ...]
    conditions: tuple[Expr | None, ...]


Differentiate = Callable[[Expr, tuple[Expr, ...]], StablePartials | None]
"""(formula, symbols) → the partials by those of its symbols; None where those of its operations are as good."""


@dataclass(frozen=True)
class _Cluster:
    """root : the last node; formula : the same of numbers; inputs : what stands outside, by the formula's symbols"""

    root: Expr
    formula: Expr
    inputs: Mapping[Expr, Expr]


def contracted(
    outputs: Sequence[Expr], targets: Sequence[Expr], differentiate: Differentiate
) -> tuple[tuple[Expr, ...], dict[Op, tuple[Expr, tuple[Expr, ...]]]]:
    """The outputs with parts as operations, and what each of these stands for: a formula and its symbols.

    Only parts that `differentiate` knows a better derivative for are contracted; of an expression that is one part as a
    whole there is nothing to gain.
    """
    order = walk(outputs)
    active = active_nodes(order, set(targets))
    below = _dependent(order, set(targets))
    stands_for: dict[Op, tuple[Expr, tuple[Expr, ...]]] = {}
    replaced: dict[Expr, Expr] = {}
    parts = {part.root: part for part in _parts(order, outputs, active, below, set(targets))}
    for node in order:
        part = parts.get(node)
        if part is not None:
            symbols = tuple([s for s, own in part.inputs.items() if own in active])
            known = differentiate(part.formula, symbols) if symbols else None
            if known is not None:
                op = _operation(part, dict(zip(symbols, range(len(symbols)), strict=True)), known)
                stands_for[op] = part.formula, tuple(part.inputs)
                replaced[node] = apply(op, *[replaced[own] for own in part.inputs.values()])
                continue
        operands = tuple([replaced[operand] for operand in node.operands])
        replaced[node] = rebuild(node, operands) if operands != node.operands else node
    return tuple([replaced[output] for output in outputs]), stands_for


def expanded(results: Sequence[Expr], stands_for: Mapping[Op, tuple[Expr, tuple[Expr, ...]]]) -> list[Expr]:
    """Expressions with the operations of `contracted` written out again."""
    done: dict[Expr, Expr] = {}
    for node in walk(results):
        operands = tuple([done[operand] for operand in node.operands])
        if node.op in stands_for:
            formula, symbols = stands_for[node.op]
            done[node] = instantiated(formula, dict(zip(symbols, operands, strict=True)))
        else:
            done[node] = rebuild(node, operands) if operands != node.operands else node
    return [done[result] for result in results]


def instantiated(formula: Expr, values: Mapping[Expr, Expr]) -> Expr:
    """A formula over numbers of other expressions, arrays too, in place of its symbols."""
    done: dict[Expr, Expr] = dict(values)
    for node in walk((formula,), tuple(values)):
        done[node] = rebuild(node, tuple([done[operand] for operand in node.operands]))
    return done[formula]


def _dependent(order: Sequence[Expr], targets: set[Expr]) -> set[Expr]:
    below = set(targets)
    for node in order:
        if any(operand in below for operand in node.operands):
            below.add(node)
    return below


def _passes_on(node: Expr, below: set[Expr]) -> bool:
    """Whether an adjoint goes through a node as a factor, so that the part begins behind it."""
    name, operands = node.op.name, node.operands
    if name == "negative":
        return True
    if name in ("multiply", "add", "subtract"):
        return (operands[0] in below) != (operands[1] in below)
    return name == "divide" and operands[1] not in below


def _parts(
    order: Sequence[Expr], outputs: Sequence[Expr], active: set[Expr], below: set[Expr], targets: set[Expr]
) -> list[_Cluster]:
    """The connected parts of more than one operation, whose nodes but the last nothing else uses."""
    users: dict[Expr, list[Expr | None]] = {output: [None] for output in outputs}
    for node in order:
        for operand in node.operands if node in active else ():  # what only chooses hands nothing back
            users.setdefault(operand, []).append(node)
    root_of: dict[Expr, Expr] = {}
    members: dict[Expr, set[Expr]] = {}
    for node in reversed(order):
        if node not in active or not _is_elementwise(node) or node in targets:
            continue
        roots = {None if user is None else root_of.get(user) for user in users.get(node, [None])}
        (root,) = roots if len(roots) == 1 else (None,)
        if root is not None and root.shape == node.shape and root.dtype == node.dtype:
            root_of[node] = root
            members[root].add(node)
        elif not _passes_on(node, below):
            root_of[node] = node
            members[node] = {node}
    found = []
    for root, inside in members.items():
        whole = len(outputs) == 1 and root is outputs[0] and not root.shape
        if 1 < len(inside) <= MOST_NODES and not whole:
            part = _formula(root, inside, below, targets)
            if part is not None:
                found.append(part)
    return found


def _is_elementwise(node: Expr) -> bool:
    return bool(node.operands) and not node.op.on_arrays and not node.op.user_defined


def _formula(root: Expr, inside: set[Expr], below: set[Expr], targets: set[Expr]) -> _Cluster | None:
    """A part as a function of numbers; what chooses between its branches belongs to it. None where it has too many inputs."""
    inputs: dict[Expr, Expr] = {}
    numbers: dict[Expr, Expr] = {}

    def settle(node: Expr) -> Expr | None:
        """What stands for a node; None where its operands come first."""
        value = _constant_in(node)
        if value is not None:
            return value
        chooses = node not in inside and node in below and _is_elementwise(node) and node.dtype.kind == "b"
        if (node in inside or chooses) and node.shape in ((), root.shape):
            if all(operand in numbers for operand in node.operands):
                return rebuild(node, tuple([numbers[operand] for operand in node.operands]))
            return None
        promises = node.attrs[1:] if node.is_symbol else ()
        own = intern(Expr, SYMBOL, (), (f"\0z{len(inputs)}", *promises), node.dtype, ())
        inputs[own] = node
        return own

    stack = [root]
    while stack:
        node = stack[-1]
        if node not in numbers:
            value = settle(node)
            if value is None:
                stack += [operand for operand in reversed(node.operands) if operand not in numbers]
                continue
            numbers[node] = value
        stack.pop()
        if len(inputs) > MOST_INPUTS:
            return None
    return _Cluster(root, numbers[root], inputs) if inputs else None


def _constant_in(node: Expr) -> Expr | None:
    """The number that a node is, also as an array of equal elements."""
    while node.op.name == "broadcast_to":
        node = node.operands[0]
    return node if node.is_constant and not node.shape else None


def _operation(part: _Cluster, place: Mapping[Expr, int], known: StablePartials) -> Op:
    symbols = tuple(part.inputs)
    dtype = part.root.dtype

    def of_inputs(formula: Expr) -> Callable[..., Expr]:
        def function(out: Expr, *operands: Expr) -> Expr:
            fitting = [
                cast(operand, symbol.dtype) if operand.dtype != symbol.dtype else operand
                for symbol, operand in zip(symbols, operands, strict=True)
            ]
            return instantiated(formula, dict(zip(symbols, fitting, strict=True)))

        return function

    def rules(formulas: Sequence[Expr | None]) -> tuple[Callable[..., Expr] | None, ...]:
        return tuple([
            None
            if symbol not in place or (formula := formulas[place[symbol]]) is None
            else of_inputs(formula)
            for symbol in symbols
        ])  # fmt: skip

    own = tuple([symbol.dtype for symbol in symbols])
    return Op(
        name="\0part",
        params=tuple([f"z{k}" for k in range(len(symbols))]),
        summary="A part of a graph.",
        types=TypeRule(lambda dtypes: (own, dtype)),
        reference=lambda *operands: NotImplemented,
        notation=Notation("part"),
        partials=rules(known.values),
        live=rules(known.conditions),
    )


__all__ = ["Differentiate", "StablePartials", "contracted", "expanded", "instantiated"]
