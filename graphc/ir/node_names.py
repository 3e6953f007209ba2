"""The user's own names for nodes: δ₁ for what a formula calls δ₁, in pictures, explanations, the player and LaTeX.

A name is provenance, not identity: the formula and its results stay what they are. It stands in a record beside the formulas,
not on them, as equal formulas are one node wherever they are written. A name that is given outside of a block holds wherever the
node is drawn. Those of a `naming` block hold in the graphs of what was named there: a graph one of whose outputs, or what it is
the derivative of, has a name of the block, or that holds a whole result of the block (what nothing else named there is made of).
"""

from __future__ import annotations

import dis
import itertools
import sys
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from types import CodeType, FrameType
from typing import Any, TypeAlias, TypeGuard

from graphc.errors import InputError, brief
from graphc.ir.expr import Expr, current_site, derivation, walk

Names: TypeAlias = Mapping[Expr, str]

_LONGEST = 40
"""A name has at most so many characters: it stands on a node."""


_KEPT = 7
"""A formula that is written again and again, in a loop, remembers so many of the blocks before that named it."""

_STORES = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")


class NodeNames:
    """Names that were given together; `with naming()` makes one, and is told here what its block assigns."""

    def __init__(self) -> None:
        self.given: weakref.WeakKeyDictionary[Expr, str] = weakref.WeakKeyDictionary()
        self.results: weakref.WeakSet[Expr] = weakref.WeakSet()
        self._number = next(_counter)
        self._frame: FrameType | None = None
        self._begin = 0
        self._before: Mapping[str, Any] = {}
        self._token: Any = None

    def __repr__(self) -> str:
        return f"<{len(self.given)} names of nodes>"

    def __enter__(self) -> NodeNames:
        if self._token is not None:
            raise InputError("this block of names was begun already", hint="write with g.naming(): …")
        self._frame = sys._getframe(1)
        self._begin, self._before = self._frame.f_lasti, dict(self._frame.f_locals)
        self._token = _open.set((*_open.get(), self))
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        _open.reset(self._token)
        if kind is None:
            self._pick_up()
            self.close()
        self._frame, self._before = None, {}

    def close(self) -> None:
        """From here on the names hold in the graphs that the class of this record speaks of."""
        inner = set(walk([operand for expr in self.given for operand in expr.operands]))
        for expr in list(self.given):
            if expr not in inner:
                self.results.add(expr)
            _closed[expr] = [*_closed.get(expr, ())[-_KEPT:], self]

    def names(self) -> Names:
        """What is named: of an open block also what it has assigned so far."""
        if self._frame is not None:
            self._pick_up()
        return self.given

    def _pick_up(self) -> None:
        """Name the expressions that the block has assigned: the variables are looked up, nothing is evaluated."""
        frame = self._frame
        assert frame is not None
        found = dict(frame.f_locals)
        for variable in _assigned(frame.f_code, self._begin, frame.f_lasti):
            value = found.get(variable, frame.f_globals.get(variable))
            if _can_be_named(value) and not variable.startswith("_"):
                self.given.setdefault(value, variable[:_LONGEST])
        for (
            variable,
            value,
        ) in found.items():  # what loops and branches have assigned stands elsewhere in the code
            fresh = self._before.get(variable) is not value
            if fresh and _can_be_named(value) and not variable.startswith("_"):
                self.given.setdefault(value, variable[:_LONGEST])


_counter = itertools.count()

_open: ContextVar[tuple[NodeNames, ...]] = ContextVar("graphc_naming", default=())

_closed: weakref.WeakKeyDictionary[Expr, list[NodeNames]] = weakref.WeakKeyDictionary()
"""Named expression → the blocks that are over and name it."""

_everywhere = NodeNames()
"""The names that were given outside of every block."""


def _can_be_named(value: Any) -> TypeGuard[Expr]:
    return isinstance(value, Expr) and not value.op.is_leaf


def _assigned(code: CodeType, begin: int, end: int) -> list[str]:
    """The variables that the code between two places stores, in its order."""
    stored: dict[str, None] = {}
    for instruction in dis.get_instructions(code):
        if begin < instruction.offset <= end and instruction.opname.startswith(_STORES):
            names = instruction.argval
            for each in names if isinstance(names, tuple) else (names,):
                if isinstance(each, str):
                    stored.setdefault(each)
    return list(stored)


def name(expr: Expr, text: str | None) -> Expr:
    """Give a node a name of the user's own, by which pictures, explanations, the player and LaTeX call it.

    expr : an expression that is no symbol and no constant
    text : up to 40 characters, "z" or "δ₁" or "h_1"; None takes the name away

    Returns the expression: neither the formula nor any result changes. Equal formulas are one node, so the name holds wherever
    the formula is drawn; within a `naming` block it holds in the graphs of that block alone, and `graph.name(expr, text)` names
    a node in one graph alone. `save` writes names into the file. Raises `InputError` for what cannot be named, and for what
    is no name.

    >>> from graphc.ir.expr import symbols
    >>> from graphc.api.functions import explain
    >>> x, w, b = symbols("x w b")
    >>> z = name(x * w + b, "z")
    >>> z
    x*w + b
    >>> print(explain(z * z).forward[1].text)
    z = v1 + b
    >>> name(z, None)
    x*w + b
    """
    blocks = _open.get()
    _give((blocks[-1] if blocks else _everywhere).given, expr, text)
    return expr


def remember_names(names: Names) -> None:
    """Let nodes have names together, as those of a block that is over: so `load` gives names to expressions."""
    record = NodeNames()
    record.given.update(names)
    record.close()


def naming() -> NodeNames:
    """`with g.naming():` names what is assigned inside by its variables: `z = x*w + b` is z in pictures and explanations.

    The variables are read where the block ends (and when something is drawn inside of it); nothing is evaluated. Of two
    variables for one node the first counts; symbols keep their names, and names that begin with an underscore are left out. The
    names hold in graphs one of whose outputs, or what it is the derivative of, was named in the block, and in those that hold a
    whole result of it; `name` inside of the block names what no variable has. A block that an exception ends names nothing.

    >>> from graphc.ir.expr import symbols
    >>> from graphc.api.functions import explain
    >>> x, w, b, y = symbols("x w b y")
    >>> with naming():
    ...     z = x * w + b
    ...     loss = (z - y) ** 2
    >>> print(explain(loss).forward[1].text)
    z = v1 + b
    """
    return NodeNames()


def checked_name(expr: Any, text: Any) -> str | None:
    """A name for a node; raises `InputError` for what is none, and for what has one already."""
    if not isinstance(expr, Expr):
        hint = "name a part of a formula: g.name(x*w + b, 'z')"
        raise InputError(f"{brief(expr)} is no expression", site=current_site(), hint=hint)
    if not _can_be_named(expr):
        what = (
            f"the symbol {expr.name!r} has its name already"
            if expr.is_symbol
            else f"{brief(expr)} is a constant"
        )
        hint = (
            'write g.symbol("…") with the name that it shall have'
            if expr.is_symbol
            else "name an operation's result"
        )
        raise InputError(what, site=current_site(), hint=hint)
    if text is None:
        return None
    if (
        not isinstance(text, str)
        or not text.strip()
        or len(text) > _LONGEST
        or not text.strip().isprintable()
    ):
        hint = f'it is a printable text of up to {_LONGEST} characters: g.name(expr, "δ₁")'
        raise InputError(f"a node's name is {brief(text)}", site=current_site(), hint=hint)
    return text.strip()


def _give(names: Any, expr: Expr, text: str | None) -> None:
    checked = checked_name(expr, text)
    if checked is None:
        names.pop(expr, None)
    else:
        names[expr] = checked


def names_of(nodes: Mapping[Expr, int], outputs: Sequence[Expr]) -> dict[Expr, str]:
    """The names of a graph's nodes: those given everywhere, then those of blocks, the last one first.

    nodes : the expressions of the graph
    """
    found = _within(_everywhere.given, nodes)
    blocks: dict[NodeNames, None] = {}
    shown = with_sources(outputs)
    for expr, records in list(_closed.items()):
        blocks |= {
            record: None for record in records if expr in shown or (expr in nodes and expr in record.results)
        }
    for record in sorted(blocks, key=lambda record: record._number):
        found |= _within(record.given, nodes)
    for record in _open.get():
        found |= _within(record.names(), nodes)
    return found


def with_sources(outputs: Sequence[Expr]) -> set[Expr]:
    """Outputs, and what they are the derivatives of."""
    found: set[Expr] = set()
    waiting = list(outputs)
    while waiting:
        expr = waiting.pop()
        known = derivation(expr)
        if expr not in found and known is not None:
            waiting += known[0].outputs
        found.add(expr)
    return found


def _within(names: Names, nodes: Iterable[Expr]) -> dict[Expr, str]:
    return {expr: text for expr, text in list(names.items()) if expr in nodes}


__all__ = ["NodeNames", "checked_name", "name", "names_of", "naming", "remember_names", "with_sources"]
