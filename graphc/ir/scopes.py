"""Named blocks: `with g.scope("layer 1"):` says where in a model an expression belongs.

A block is provenance, not identity: the same expression is the same node wherever it is written. Written in several
blocks it belongs to what encloses them all, and what is written again in no block says nothing. What was written in no block
first, and in one later, lies in both: in a picture it stands where its users stand there (`Early`). Two blocks of one name in
the same place are one block, so that a model that is built again has the blocks that it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from graphc.errors import ExpressionError, brief

Block: TypeAlias = tuple[str, ...]
"""The names of the scopes around an expression, outermost first."""

DEEPEST = 64
"""Scopes are nested at most so deep: what is deeper is a recursion, and no picture."""

_here: ContextVar[tuple[Block, bool]] = ContextVar("graphc_scope", default=((), False))
"""The block that is open, and whether what is written now only follows from what the user wrote."""

here = _here.get
"""The block that is open now, and whether it was opened for expressions that are derived from others."""


@contextmanager
def scope(name: str) -> Iterator[None]:
    """All expressions built inside belong to the block `name`; blocks can be nested.

    name : any non-empty text

    Diagrams draw a block as a frame, or collapsed as one node with its inputs, outputs and number of parameters; the symbols
    that are declared inside are its parameters. Works as a decorator as well. Raises `ExpressionError` for an invalid name.

    >>> from graphc.ir.expr import symbols
    >>> x = symbols("x")
    >>> with scope("encoder"), scope("layer 1"):
    ...     h = x * 2.5
    >>> h.block, x.block
    (('encoder', 'layer 1'), ())
    """
    if not isinstance(name, str) or not name.strip():
        raise ExpressionError(f"a scope's name is a text, not {brief(name)}", hint='write g.scope("layer 1")')
    block, derived = _here.get()
    if len(block) >= DEEPEST:
        raise ExpressionError(
            f"scope {brief(name)} lies in {DEEPEST} others", hint="name a recursion once, outside of it"
        )
    token = _here.set(((*block, name), derived))
    try:
        yield
    finally:
        _here.reset(token)


@contextmanager
def deriving() -> Iterator[None]:
    """What is built inside is derived from other expressions: it leaves the blocks of those that exist already alone."""
    token = _here.set((_here.get()[0], True))
    try:
        yield
    finally:
        _here.reset(token)


def follow(outer: Block, block: Block) -> None:
    """What is built next is the derivative of something in a block: it is in ∂ of that block, inside the block `outer`.

    Only inside `deriving`, which takes it back.
    """
    inner = block[len(outer) :] if block[: len(outer)] == outer else block
    stay((*outer, f"∂{inner[0]}", *inner[1:]) if inner else outer)


def stay(block: Block) -> None:
    """What is built next is in a block, unless it exists already. Only inside `deriving`, which takes it back."""
    if block != _here.get()[0]:
        _here.set((block, True))


class Early(tuple[str, ...]):
    """The block of what was written outside of every scope before: only where what uses it lies in that block as well."""

    __slots__ = ()


def written_again(known: Block | None, block: Block) -> Block:
    """The block of an expression that is written once more, in a block; None where it was derived, () where in none."""
    if known is None:
        return block
    if not known and not isinstance(known, Early):
        return Early(block)
    shared = common(known, block)
    return Early(shared) if isinstance(known, Early) else shared


def beside(own: Block | None, users: Iterable[Block]) -> Block:
    """Where an expression stands in a picture, by the blocks of its users there."""
    if not isinstance(own, Early):
        return own or ()
    return max((common(own, user) for user in users), key=len, default=())


def common(one: Block, other: Block) -> Block:
    """The innermost block that holds two blocks.

    >>> common(("net", "layer 1"), ("net", "layer 2"))
    ('net',)
    """
    length = 0
    for mine, yours in zip(one, other, strict=False):
        if mine != yours:
            break
        length += 1
    return one[:length]
