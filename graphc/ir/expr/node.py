"""Nodes: their fields, the table that holds equal ones once, and the lines that wrote them.

The table holds nodes weakly, keyed by operation, operands and static attributes; a leaf's type is part of its key. Where a
node was written is no part of it: the same node may be written on many lines.
"""

from __future__ import annotations

import collections
import contextlib
import operator
import threading
import weakref
from _weakref import _remove_dead_weakref  # type: ignore[attr-defined]  # C: a dead node's entry goes, in one step
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import numpy as np

from graphc.errors import ExpressionError, Site, user_line
from graphc.ir import dims, scopes
from graphc.ir.op import CONSTANT, SYMBOL, Op
from graphc.ir.types import DType, Shape
from graphc.util import fork_safety

_MAX_SITES = 4
"""How many lines are remembered for one node: the same node may be written in a loop."""


def current_site() -> Site | None:
    """The line of the user's script that is running now, for an error message."""
    line = user_line(2)
    return None if line is None else Site(*line)


class Node:
    """An operation applied to nodes: immutable, and made by `intern` alone.

    op : the operation's declaration
    operands : the nodes it is applied to, in order
    attrs : static attributes: (value bits,) of a constant, (name,) of a symbol, or (name, (low, high)) where its range is
        declared, (dtype name,) of a cast, the static arguments of an operation on arrays
    dtype : NumPy dtype of the result
    shape : tuple of ints and names; () is a scalar, which broadcasts over arrays when compiled
    """

    __slots__ = (
        "__weakref__",
        "_block",
        "_derivation",
        "_sites",
        "attrs",
        "dtype",
        "op",
        "operands",
        "shape",
    )

    op: Op
    operands: tuple[Self, ...]
    attrs: tuple[Any, ...]
    dtype: DType
    shape: Shape

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


_new = object.__new__
_set_op = Node.op.__set__  # type: ignore[attr-defined]
_set_operands = Node.operands.__set__  # type: ignore[attr-defined]
_set_attrs = Node.attrs.__set__  # type: ignore[attr-defined]
_set_dtype = Node.dtype.__set__  # type: ignore[attr-defined]
_set_shape = Node.shape.__set__  # type: ignore[attr-defined]
_set_sites = Node._sites.__set__  # type: ignore[attr-defined]
_set_block = Node._block.__set__  # type: ignore[attr-defined]
_set_derivation = Node._derivation.__set__  # type: ignore[attr-defined]
# --- the table -----------------------------------------------------------------------------------------------------


class _Entry(weakref.ref):
    """A weak reference that knows how its key leaves the table when the node dies."""

    __slots__ = ("forget", "key")

    key: tuple[Any, ...]  # of those that wait to be forgotten


_table: dict[tuple[Any, ...], _Entry] = {}
_lock = fork_safety.lock()  # reentrant: a collection may intern while this thread holds it

# What runs when a node dies is C from end to end. In a line of Python the handler of a signal could run, and an exception
# inside a weak reference's callback has no caller to go to: Python prints it, and a Ctrl-C is lost.
_forget = operator.methodcaller("forget")
"""The callback of a key whose hash is computed in C: its entry leaves the table at once."""

_forgotten: collections.deque[_Entry] = collections.deque()
"""Entries whose keys hold what is hashed by Python code, such as a length 2*n: they leave the table at the next node."""

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
        entry = _Entry(node, _forgotten.append)
        entry.key = key
    return entry


_NOWHERE: tuple[scopes.Block, bool] = ((), False)


class _Writing(threading.local):
    fixed = False
    created: set[Any] | None = None  # what is made, while somebody wants to know
    line: tuple[str, int] | None = None
    sites: tuple[tuple[str, int]] | None = (
        None  # the line of the last node that was made, as it stands on the node
    )


_writing = _Writing()


@contextlib.contextmanager
def on_this_line() -> Iterator[None]:
    """All that is built inside counts as written on the line that is running now, which is looked up once."""
    before = _writing.fixed, _writing.line
    _writing.line = _writing.line if _writing.fixed else user_line(2)
    _writing.fixed = True
    try:
        yield
    finally:
        _writing.fixed, _writing.line = before


@contextlib.contextmanager
def on_line_of(node: Node) -> Iterator[None]:
    """All that is built inside counts as written where a node was: it stands for that node."""
    before = _writing.fixed, _writing.line
    _writing.fixed, _writing.line = True, node._sites[0] if node._sites else before[1]
    try:
        yield
    finally:
        _writing.fixed, _writing.line = before


@contextlib.contextmanager
def created_here() -> Iterator[set[Any]]:
    """The nodes that are made inside; one that there was before is not among them, also where it is written again."""
    before = _writing.created
    _writing.created = own = set()
    try:
        yield own
    finally:
        _writing.created = before
        if before is not None:
            before |= own


_N = TypeVar("_N", bound=Node)


def intern(
    kind: type[_N], op: Op, operands: tuple[_N, ...], attrs: tuple[Any, ...], dtype: DType, shape: Shape
) -> _N:
    """The one node of these fields, an object of `kind`; remembers the line that asked for it.

    Nothing is checked: the callers know the type that the operation has on these operands.
    """
    writing = _writing
    site = writing.line if writing.fixed else user_line(2)
    # a leaf's type is its own; elsewhere it follows from operation, operands and attributes
    key = (op, attrs, dtype, shape) if not operands else (op, operands, attrs)
    block, derived = scopes.here() if op is not CONSTANT else _NOWHERE  # a number belongs to its users
    if _forgotten:
        _purge()
    with _lock:
        entry = _table.get(key)
        if entry is not None:
            node = entry()
            if node is not None:
                sites = node._sites
                if site is not None and len(sites) < _MAX_SITES and site not in sites:
                    _set_sites(node, (*sites, site))
                if not derived and node._block is not block and (block or node._block is None):
                    _set_block(node, scopes.written_again(node._block, block))
                return node
        node = _new(kind)
        _set_op(node, op)
        _set_operands(node, operands)
        _set_attrs(node, attrs)
        _set_dtype(node, dtype)
        _set_shape(node, shape)
        if site is None:
            _set_sites(node, ())
        else:  # most nodes of a pass are of one line
            sites = writing.sites
            if sites is None or sites[0] is not site:
                writing.sites = sites = (site,)
            _set_sites(node, sites)
        _set_block(node, block or (None if derived else ()))
        _set_derivation(node, None)  # an attribute that is missing takes long to be found so
        if operands and not attrs:  # most nodes: their keys are hashed in C
            _table[key] = entry = _Entry(node, _forget)
            entry.forget = partial(_remove_dead_weakref, _table, key)
        else:
            _table[key] = _new_entry(node, key)
        if writing.created is not None:
            writing.created.add(node)
        return node


def in_block_of(old: Node, new: _N) -> _N:
    """`new`, which stands for `old` from now on: in its block, unless it is in one already."""
    if old._block and new._block is None:
        _set_block(new, old._block)
    return new


def live_nodes() -> int:
    """How many nodes exist at the moment (for tests and for the curious)."""
    _purge()
    return len(_table)


__all__ = ["Node", "created_here", "current_site", "intern", "live_nodes", "on_line_of", "on_this_line"]
