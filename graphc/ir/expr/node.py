"""Nodes: their fields, the table that holds equal ones once, and the lines that wrote them.

The table holds nodes weakly, keyed by operation, operands and static attributes; a leaf's type is part of its key. Where a
node was written is no part of it: the same node may be written on many lines.
"""

from __future__ import annotations

import collections
import itertools
import operator
import weakref
from _weakref import _remove_dead_weakref  # type: ignore[attr-defined]  # C: a dead node's entry goes, in one step
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import numpy as np

from graphc.errors import ExpressionError, Site, user_line, user_sites
from graphc.ir import dims, scopes
from graphc.ir.expr.writing import arranged, writing
from graphc.ir.op import CONSTANT, SYMBOL, Op
from graphc.ir.types import DType, Shape
from graphc.util import fork_safety

_MAX_SITES = 4
"""How many lines are remembered for one node: the same node may be written in a loop."""


def current_site() -> Site | None:
    """The line of the user's script that is running now, for an error message."""
    line = user_line(2)
    return None if line is None else Site(*line)


class _Fields:
    """The fields of a node; `Node` has them and lets nobody assign them."""

    __slots__ = (
        "__weakref__",
        "_block",
        "_derivation",
        "_number",
        "_sites",
        "attrs",
        "dtype",
        "op",
        "operands",
        "shape",
    )

    op: Op
    operands: tuple[Any, ...]
    attrs: tuple[Any, ...]
    dtype: DType
    shape: Shape


class _Unfinished(_Fields):
    """A node while its fields are set, which is fast where they are those of a plain class; it becomes a `Node` then."""

    __slots__ = ()


class Node(_Fields):
    """An operation applied to nodes: immutable, and made by `intern` alone.

    op : the operation's declaration
    operands : the nodes it is applied to, in order
    attrs : static attributes: (value bits,) of a constant, (name,) of a symbol, or (name, (low, high)) where its range is
        declared, (dtype name,) of a cast, the static arguments of an operation on arrays
    dtype : NumPy dtype of the result
    shape : tuple of ints and names; () is a scalar, which broadcasts over arrays when compiled
    """

    __slots__ = ()

    operands: tuple[Self, ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ExpressionError(
            f"expressions are not made by calling {type(self).__name__}",
            hint='write g.symbols("x y") and operators',
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise ExpressionError(
            f"expressions are immutable: cannot set {name!r}", hint="build a new expression"
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise ExpressionError(f"expressions are immutable: cannot delete {name!r}")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    if TYPE_CHECKING:

        def __hash__(self) -> int: ...

    else:
        __hash__ = object.__hash__

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def is_symbol(self) -> bool:
        return self.op is SYMBOL

    @property
    def is_constant(self) -> bool:
        return self.op is CONSTANT

    @property
    def name(self) -> str:
        """The name of a symbol."""
        if self.op is not SYMBOL:
            raise ExpressionError(f"only a symbol has a name, not {self!r}")
        return self.attrs[0]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range that was declared for a symbol, ends included; None where there is none."""
        return self.attrs[1] if self.op is SYMBOL and len(self.attrs) > 1 else None

    @property
    def value(self) -> Any:
        """The value of a constant: a NumPy scalar, or a read-only array."""
        if self.op is not CONSTANT:
            raise ExpressionError(
                f"only a constant has a value, not {self!r}",
                hint="g.evaluate(expr, {…}) gives the value at a point",
            )
        array = np.frombuffer(self.attrs[0], dtype=self.dtype)
        shape: Any = self.shape  # of a constant: lengths alone
        return array.reshape(shape) if shape else array[0]

    @property
    def sites(self) -> tuple[Site, ...]:
        """The lines of the user's scripts that wrote this expression, the first few."""
        return tuple(Site(*site) for site in self._sites)

    @property
    def site(self) -> Site | None:
        """The first line that wrote this expression."""
        return Site(*self._sites[0]) if self._sites else None

    @property
    def block(self) -> scopes.Block:
        """The names of the scopes that this expression was written in, outermost first; see `scope`."""
        block = self._block
        return block if block and type(block) is tuple else ()

    def block_beside(self, users: Iterable[scopes.Block]) -> scopes.Block:
        """Where it stands in a picture beside users in these blocks: of what is in a block, there."""
        return scopes.beside(self._block, users)


_set_sites = Node._sites.__set__  # type: ignore[attr-defined]
_set_block = Node._block.__set__  # type: ignore[attr-defined]
_number = itertools.count().__next__

# --- the table -----------------------------------------------------------------------------------------------------


class _Entry(weakref.ref):
    """A weak reference that knows its key, or how that leaves the table when the node dies."""

    __slots__ = ("forget", "key")

    key: tuple[Any, ...]  # of those that wait to be forgotten


_table: dict[tuple[Any, ...], _Entry] = {}
_lock = fork_safety.lock()  # reentrant: a collection may intern while this thread holds it

# What runs when a node dies is C from end to end. In a line of Python the handler of a signal could run, and an exception
# inside a weak reference's callback has no caller to go to: Python prints it, and a Ctrl-C is lost.
_forget = operator.methodcaller("forget")
"""The callback of a key whose hash is computed in C: its entry leaves the table at once."""

_forgotten: collections.deque[_Entry] = collections.deque()
"""Entries that leave the table when the next node is made: their keys hold numbers alone, so nothing is kept alive, or what is
hashed by Python code, such as a length 2*n."""

_forget_later = _forgotten.append  # once: the collector would visit a bound method of each entry

_HASHED_IN_C = frozenset({bool, bytes, dims.Name, float, int, str, type(None)})


def _is_hashed_in_c(fields: tuple[Any, ...]) -> bool:
    return all(
        type(each) in _HASHED_IN_C or (type(each) is tuple and _is_hashed_in_c(each)) for each in fields
    )


def _purge() -> None:
    """Take what waits in `_forgotten` out of the table. An interrupt leaves the rest for the next time."""
    with _lock:
        while _forgotten:
            entry = _forgotten[0]
            if _table.get(entry.key) is entry:  # a new node may stand under the key already
                del _table[entry.key]
            if _forgotten and _forgotten[0] is entry:
                _forgotten.popleft()
            del entry  # with its key, whose operands may be the next to be forgotten


def _new_entry(node: Node, key: tuple[Any, ...]) -> _Entry:
    attrs, shape = node.attrs, node.shape
    if (not attrs or _is_hashed_in_c(attrs)) and (node.operands or not shape or _is_hashed_in_c(shape)):
        entry = _Entry(node, _forget)
        entry.forget = partial(_remove_dead_weakref, _table, key)
    else:
        entry = _Entry(node, _forget_later)
        entry.key = key
    return entry


_NOWHERE: tuple[scopes.Block, bool] = ((), False)


_N = TypeVar("_N", bound=Node)


def intern(
    kind: type[_N], op: Op, operands: tuple[_N, ...], attrs: tuple[Any, ...], dtype: DType, shape: Shape
) -> _N:
    """The one node of these fields, an object of `kind`; remembers the line that asked for it.

    Nothing is checked: the callers know the type that the operation has on these operands.
    """
    sites = writing.sites if writing.fixed else user_sites(2)
    # a leaf's type is its own; elsewhere it follows from operation, operands and attributes
    if not operands:
        key = op, attrs, dtype, shape
    elif attrs:
        key = op.number, attrs, *[operand._number for operand in operands]
    else:
        key = op.number, *[operand._number for operand in operands]
    block, derived = scopes.here() if op is not CONSTANT else _NOWHERE  # a number belongs to its users
    if _forgotten:
        _purge()
    with _lock:
        entry = _table.get(key)
        if entry is not None:
            node = entry()
            if node is not None:
                _write_again(node, sites, block, derived)
                return node
        new: Any = _Unfinished()
        new.op = op
        new.operands = operands
        new.attrs = attrs
        new.dtype = dtype
        new.shape = shape
        new._sites = sites
        new._block = block or (None if derived else ())
        new._derivation = None  # an attribute that is missing takes long to be found so
        new._number = _number()
        new.__class__ = kind
        if attrs:
            entry = _new_entry(new, key)
        else:
            entry = _Entry(new, _forget_later)
            entry.key = key
        other = _entered(key, entry)
        if other is not None:
            return other
        if writing.created is not None:
            writing.created.add(new)
        return new


def _entered(key: tuple[Any, ...], entry: _Entry) -> Any:
    """The node that another thread, or a collection, has entered under the key meanwhile, or None. Under the lock.

    Others enter nodes where there are none without it (`intern_numbers`), and take it where there is a dead one.
    """
    there = _table.setdefault(key, entry)
    if there is not entry:
        node = there()
        if node is not None:
            return node
        _table[key] = entry
    return None


def intern_numbers(kind: type[_N], op: Op, operands: tuple[_N, ...], dtype: DType) -> _N:
    """As `intern` without attributes or a shape: most of what is written, without the ceremony above.

    The lock is held only where two threads make the same node at once.
    """
    if not arranged:
        sites = user_sites(3)
    elif writing.created is None:
        sites = writing.sites if writing.fixed else user_sites(3)
    else:
        return intern(kind, op, operands, (), dtype, ())
    block, derived = scopes.here()
    if _forgotten:
        _purge()
    if len(operands) == 2:
        left, right = operands
        key = op.number, left._number, right._number
    elif len(operands) == 1:
        key = op.number, operands[0]._number
    else:
        key = op.number, *[operand._number for operand in operands]
    entry = _table.get(key)
    if entry is not None:
        node = entry()
        if node is not None:
            _write_again(node, sites, block, derived)
            return node
    new: Any = _Unfinished()
    new.op = op
    new.operands = operands
    new.attrs = ()
    new.dtype = dtype
    new.shape = ()
    new._sites = sites
    new._block = block or (None if derived else ())
    new._derivation = None
    new._number = _number()
    new.__class__ = kind
    entry = _Entry(new, _forget_later)
    entry.key = key
    if _table.setdefault(key, entry) is not entry:
        with _lock:
            other = _entered(key, entry)
        if other is not None:
            return other
    return new


def _write_again(node: Node, sites: tuple[Any, ...], block: scopes.Block, derived: bool) -> None:
    """A node that there is already is written on a line and in a block."""
    own = node._sites
    if own is not sites and sites and len(own) < _MAX_SITES and sites[0] not in own:
        _set_sites(node, (*own, *sites))
    if not derived and node._block is not block and (block or node._block is None):
        _set_block(node, scopes.written_again(node._block, block))


def written_here(node: Node) -> None:
    """A constant that there is already is written on the line that is running now."""
    sites = writing.sites if arranged and writing.fixed else user_sites(2)
    if node._sites is not sites:
        _write_again(node, sites, (), True)


def in_block_of(old: Node, new: _N) -> _N:
    """`new`, which stands for `old` from now on: in its block, unless it is in one already."""
    if old._block and new._block is None:
        _set_block(new, old._block)
    return new


def live_nodes() -> int:
    """How many nodes exist at the moment (for tests and for the curious)."""
    _purge()
    return len(_table)


__all__ = ["Node", "current_site", "intern", "intern_numbers", "live_nodes", "written_here"]
