"""Types beside rules: operands as the numbers that an operation computes in, and which numbers a rule is proved over.

An operation brings its operands to one type itself: exp of a uint8 is computed in float32, the quotient of a boolean and a
float64 in float64. A rule speaks of numbers of one type, so the casts to floating point that operations imply are written
down before any rule is asked, and taken back at the end where an operation still implies them. What a name of a pattern
stands for is then of the type that the pattern is computed in, and an integer that wraps around before it is promoted stands
behind its cast, where no rule over floats reaches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.errors import DtypeError
from graphc.ir.expr import Expr, cast, computed, on_this_line, rebuild, walk
from graphc.ir.types import DType

FLOATS = "f"
"""The kinds of types that a rule is proved over unless it declares others: floating point."""

EVERYTHING = "fiub"
"""Rules that choose or move values, or that hold where integers wrap around as well."""


def computes_over(node: Expr, kinds: str) -> bool:
    """Whether a node is computed in types of such kinds: a comparison in its operands', all else in its own."""
    kind = node.dtype.kind
    if kind == "b":
        category = node.op.category
        if category == "comparison":
            return all(operand.dtype.kind in kinds for operand in node.operands)
        if category == "logic":
            return True
    return kind in kinds


def of_type(result: Expr, dtype: DType) -> Expr | None:
    """What a rule wrote in the type of what it replaces; None where it was computed in one that holds less."""
    if result.dtype == dtype:
        return result
    wider = result.dtype.kind == dtype.kind == "f" and result.dtype.itemsize > dtype.itemsize
    return cast(result, dtype) if wider else None


class Promotions:
    """The casts that operations imply, written down and taken back.

    written : the nodes as the user has them; casts among these are the user's own and stay
    """

    def __init__(self, written: Sequence[Expr]) -> None:
        self.written = written
        self._own_casts: set[Expr] | None = None
        self._implied: set[Expr] = set()

    @property
    def implied(self) -> bool:
        """Whether any cast was written down."""
        return bool(self._implied)

    def of(self, node: Expr) -> Expr:
        """A node with those of its operands cast that it computes as floats of another type."""
        if not node.operands:
            return node
        made = computed(node, "f")
        if made == node.operands:
            return node
        if self._own_casts is None:
            self._own_casts = {written for written in self.written if written.op.name == "astype"}
        for old, new in zip(node.operands, made, strict=True):
            if new is not old and not new.is_constant and new not in self._own_casts:
                self._implied.add(new)
        return rebuild(node, made)

    def applied(self, outputs: Iterable[Expr]) -> tuple[Expr, ...]:
        """The outputs, whose nodes `written` are, with the casts of `of` at every node."""
        outputs = tuple(outputs)
        with on_this_line():
            if all(self.of(node) is node for node in self.written if not _is_of_one_type(node)):
                return outputs  # as in nearly every graph
            made: dict[Expr, Expr] = {}
            for node in walk(outputs):
                operands = tuple([made[operand] for operand in node.operands])
                again = rebuild(node, operands) if operands != node.operands else node
                made[node] = self.of(again) if operands else node
        return tuple([made[output] for output in outputs])

    def undone(self, outputs: Iterable[Expr]) -> tuple[Expr, ...]:
        """The outputs without the casts of `of`, wherever the operation above computes the same without them."""
        outputs = tuple(outputs)
        if not self._implied:
            return outputs
        made: dict[Expr, Expr] = {}
        with on_this_line():
            for node in walk(outputs):
                operands = list(node.operands)
                for place, operand in enumerate(operands):
                    if operand in self._implied:
                        _drop(node, operands, place)
                operands = [made.get(operand, operand) for operand in operands]
                made[node] = rebuild(node, tuple(operands)) if tuple(operands) != node.operands else node
        return tuple([made[output] for output in outputs])


def _is_of_one_type(node: Expr) -> bool:
    """Whether an operation takes floats of one type, as they are: a cheap look."""
    operands = node.operands
    if not operands:
        return True
    first = operands[0].dtype
    for operand in operands:
        if operand.dtype is not first:
            return False
    return first.kind == "f"


def _drop(node: Expr, operands: list[Expr], place: int) -> None:
    """Put the operand of a cast in its place, where the operation computes in the same types with it."""
    types = node.op.types
    with_cast = tuple([operand.dtype for operand in operands])
    plain = operands[place].operands[0]
    without = (*with_cast[:place], plain.dtype, *with_cast[place + 1 :])
    try:
        same = types(without) == types(with_cast)
    except DtypeError:  # the operation does not take it: there is no negative of a boolean
        return
    if same:
        operands[place] = plain


__all__ = ["EVERYTHING", "FLOATS", "Promotions", "computes_over", "of_type"]
