"""Formulas that are equal, together: an e-graph in which numbers say what is equal.

A class holds all ways to write one value from the values of other classes. Rules of mathematics only propose further ways: a
proposal joins the class of what it was made from where both have the same value at every point in some hundred digits. So a rule
needs no condition, and a formula that comes out equal to one that is known joins its class whichever way it came about.

Sources: Willsey et al., egg: fast and extensible equality saturation (POPL 2021); values in place of conditions are those of
observational equivalence in Udupa et al., TRANSIT (PLDI 2013).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphc.ir.expr import Expr, walk
from graphc.ir.op import Op, lookup
from graphc.search.reals import Reals, Value

Key = tuple[Any, ...]
"""(operation, numbers of the operands' classes…) or (expression,) of what is not looked into."""

Row = tuple[Value, ...]

FEWEST = 3
"""Points at which two values must be known to be called equal."""

COMMUTATIVE = frozenset(
    ("add", "multiply", "maximum", "minimum", "hypot", "logaddexp", "logical_and", "logical_or")
)


@dataclass
class EClass:
    """One value: its number, the ways to write it, and what it is at the points; whether it is a constant, which is only that."""

    number: int
    row: Row
    is_number: bool = False
    keys: dict[Key, None] = field(default_factory=dict)
    users: list[Key] = field(default_factory=list)


class EGraph:
    """Classes of equal formulas.

    fields : the arithmetic of each point; most : keys that it holds at most
    """

    def __init__(self, fields: Sequence[Reals], most: int) -> None:
        self.fields: list[Reals] = list(fields)
        self.most = most
        self.classes: dict[int, EClass] = {}
        self._parent: list[int] = []
        self._known: dict[Key, int] = {}
        self._by_value: dict[Any, list[int]] = defaultdict(list)
        self.by_op: dict[str, dict[int, None]] = defaultdict(dict)
        self.tried: set[Any] = set()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def full(self) -> bool:
        return len(self._known) >= self.most

    def find(self, number: int) -> int:
        """The number that stands for a class now."""
        parent = self._parent
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    # --- what goes in -----------------------------------------------------------------------------------------------

    def leaf(self, expr: Expr, row: Row) -> int:
        """The class of an expression that is not looked into."""
        return self._entered((expr,), row)

    def number(self, value: float) -> int:
        """The class of a number."""
        from_bits = ("number", value)
        known = self._known.get(from_bits)
        if known is not None:
            return self.find(known)
        return self._entered(from_bits, tuple([each.number(value) for each in self.fields]))

    def known_number(self, value: float) -> int | None:
        """The class of a number that was entered; None where it was not."""
        known = self._known.get(("number", value))
        return None if known is None else self.find(known)

    def add(self, op: Op, *operands: int) -> int | None:
        """The class of an operation on classes; None where it has a value at too few points."""
        key = self._key(op, operands)
        known = self._known.get(key)
        if known is not None:
            return self.find(known)
        row = self._row(op, operands)
        return None if row is None else self._entered(key, row)

    def _key(self, op: Op, operands: Sequence[int]) -> Key:
        found = [self.find(operand) for operand in operands]
        if op.name in COMMUTATIVE and found[0] > found[1]:
            found.reverse()
        return (op, *found)

    def _row(self, op: Op, operands: Sequence[int]) -> Row | None:
        rows = [self.classes[self.find(operand)].row for operand in operands]
        row = tuple([each.apply(op, values) for each, *values in zip(self.fields, *rows, strict=True)])
        known = sum(value is not None for value in row)
        return row if known >= min(FEWEST, len(row)) else None

    def _entered(self, key: Key, row: Row) -> int:
        """The class of a new key: that of an equal value, or a new one."""
        equal = self._like(row)
        if equal is None:
            equal = len(self._parent)
            self._parent.append(equal)
            self.classes[equal] = EClass(equal, row)
            for name in self._names(row):
                self._by_value[name].append(equal)
        self._known[key] = equal
        home = self.classes[equal]
        home.keys[key] = None
        home.is_number |= key[0] == "number"
        if type(key[0]) is Op:
            self.by_op[key[0].name][equal] = None
            for operand in key[1:]:
                self.classes[self.find(operand)].users.append(key)
        if sum(v is not None for v in row) > sum(v is not None for v in home.row):
            home.row = row
        return equal

    def _names(self, row: Row) -> list[Any]:
        """Under which a value is looked for: its leading digits at two points."""
        names: list[Any] = []
        for place, value in enumerate(row):
            if value is None:
                continue
            names.append(_name(place, value))
            if len(names) == 2:
                break
        return names

    def _like(self, row: Row) -> int | None:
        """The class of an equal value."""
        for name in self._names(row):
            for candidate in self._by_value.get(name, ()):
                candidate = self.find(candidate)
                if self._agree(row, self.classes[candidate].row):
                    return candidate
        return None

    def _agree(self, one: Row, other: Row) -> bool:
        """Whether two values are equal wherever both are known, at enough points."""
        common = 0
        for each, a, b in zip(self.fields, one, other, strict=True):
            if a is not None and b is not None:
                if not each.equal(a, b):
                    return False
                common += 1
        return 2 * common >= sum(value is not None for value in one) and common >= min(FEWEST, len(one))

    def known_value(self, op: Op, one: int, other: int, scales: Sequence[float]) -> tuple[int, float] | None:
        """(class, c) where a class has c times the value of an operation on two: looked up by its value at one point."""
        a, b = self.classes[self.find(one)].row, self.classes[self.find(other)].row
        for place in range(min(2, len(a))):
            if a[place] is None or b[place] is None or type(a[place]) is bool or type(b[place]) is bool:
                continue
            value = self.fields[place].apply(op, (a[place], b[place]))
            if value is None or not value:
                return None
            for scale in scales:
                for candidate in self._by_value.get(_name(place, value * scale), ()):
                    candidate = self.find(candidate)
                    if candidate == self.find(one):
                        continue
                    if self._is_scaled(self.classes[candidate].row, a, b, op, scale):
                        return candidate, scale
            return None
        return None

    def _is_scaled(self, row: Row, one: Row, other: Row, op: Op, scale: float) -> bool:
        """Whether a value is `scale` times that of an operation on two, at the points."""
        common = known = 0
        for each, a, b, value in zip(self.fields, one, other, row, strict=True):
            made = each.apply(op, (a, b))
            known += made is not None
            if made is None or value is None:
                continue
            if not each.equal(made * scale, value):
                return False
            common += 1
        return 2 * common >= known and common >= min(FEWEST, len(row))

    def formula(self, expr: Expr, row_of: Any, opaque: Any) -> int:
        """The class of a formula, each of its nodes in the class of its own value.

        row_of : expression → its values; opaque : expression → whether it is not looked into
        """
        places: dict[Expr, int] = {}
        leaves = [node for node in walk([expr]) if opaque(node)]
        for node in walk([expr], [node for node in leaves if node is not expr]):
            for operand in node.operands:
                if operand not in places:
                    places[operand] = self.leaf(operand, row_of(operand))
            if opaque(node) or node.is_symbol:
                places[node] = self.leaf(node, row_of(node))
            elif node.is_constant:
                places[node] = self.number(float(node.value))
            else:
                key = self._key(node.op, [places[operand] for operand in node.operands])
                known = self._known.get(key)
                places[node] = self._entered(key, row_of(node)) if known is None else self.find(known)
        return places[expr]

    # --- what is joined ---------------------------------------------------------------------------------------------

    def join(self, one: int, other: int) -> int:
        """Two classes as one; they stay apart where their values differ."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return one
        a, b = self.classes[one], self.classes[other]
        if not self._agree(a.row, b.row):
            return one
        if len(a.keys) + len(a.users) < len(b.keys) + len(b.users):
            a, b = b, a
        self._parent[b.number] = a.number
        del self.classes[b.number]
        a.keys |= b.keys
        a.is_number |= b.is_number
        a.row = tuple([x if x is not None else y for x, y in zip(a.row, b.row, strict=True)])
        for key in b.keys:
            if type(key[0]) is Op:
                self.by_op[key[0].name].pop(b.number, None)
                self.by_op[key[0].name][a.number] = None
        users, b.users = b.users, []
        for key in users:  # which are written with the number that is gone
            self._written_anew(key)
        a.users += users
        return self.find(a.number)

    def _written_anew(self, key: Key) -> None:
        home = self._known.pop(key, None)
        again = self._key(key[0], key[1:])
        if home is None:
            return
        home = self.find(home)
        self.classes[home].keys.pop(key, None)
        twin = self._known.get(again)
        self._known[again] = home
        self.classes[home].keys[again] = None
        if twin is not None and self.find(twin) != home:
            self.join(twin, home)

    # --- what is built --------------------------------------------------------------------------------------------------

    def build(self, pattern: Pattern, bound: dict[str, int]) -> int | None:
        """The class of a pattern on what its names stand for; None where it has no value, or there is no room."""
        if type(pattern) is str:
            return self.find(bound[pattern])
        if type(pattern) is float:
            return self.number(pattern)
        if self.full:
            return None
        operands = []
        for part in pattern[1:]:
            operand = self.build(part, bound)
            if operand is None:
                return None
            operands.append(operand)
        return self.add(pattern[0], *operands)


def _name(place: int, value: Value) -> Any:
    """The leading digits of a value at a point."""
    if type(value) is bool:
        return place, value
    sign, mantissa, exponent, count = value._mpf_
    short = mantissa >> (count - 40) if count > 40 else mantissa << (40 - count)
    return place, sign, short, exponent + count if mantissa else 0


Pattern = Any
"""A name, a number, or (operation, patterns…)."""


def pattern_of(expr: Expr) -> Pattern:
    """A formula as a pattern: each symbol stands for any class."""
    if expr.is_symbol or expr.is_constant:
        return expr.name if expr.is_symbol else float(expr.value)
    return (lookup(expr.op.name), *[pattern_of(operand) for operand in expr.operands])


__all__ = ["COMMUTATIVE", "EClass", "EGraph", "Key", "Pattern", "pattern_of"]
