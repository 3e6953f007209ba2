"""Members of a random array program: each an expression of graphc's and, built at the same time, a function of NumPy's.

A member whose bits are certain is `exact`: what depends on order or truncation, such as sorting, is made of those alone. Sums and
products of dyadic numbers (small multiples of 1/16) are exact in every order, so most programs are compared to the bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

import graphc as g
from graphc.errors import GraphcError, ShapeError
from graphc.interpret.numpy_eval import bound
from graphc.ir.types import broadcast_shapes

MOST = 300
"""Elements of one value."""

LARGE = 50.0
"""Beyond this inexact values are brought back below 1."""

Formula = Callable[..., Any]


@dataclass(eq=False)
class Member:
    """A node of a program.

    expr : in graphc; formula, operands : in NumPy; value : what NumPy gives for the first arguments
    exact : whether no rounding is possible in it; depth : how many steps it took
    """

    expr: Any
    formula: Formula
    operands: tuple[Member, ...]
    value: np.ndarray
    exact: bool
    depth: int = 0

    @property
    def kind(self) -> str:
        return self.value.dtype.kind


class Pool:
    """The members so far.

    names : length → the name that axes of this length have; rng : the only source of chance
    """

    def __init__(self, rng: Random, lengths: dict[str, int]) -> None:
        self.rng = rng
        self.lengths = lengths
        self.members: list[Member] = []

    def add(
        self, build: Formula, formula: Formula, *operands: Member, exact: bool = False, keep: bool = True
    ) -> Member | None:
        """A step on members; None where it does not fit.

        exact : whether its bits are certain, if those of its operands are
        """
        value = evaluated(formula, [member.value for member in operands])
        if value is None or value.size > MOST:
            return None
        try:
            expr = build(*[member.expr for member in operands])
        except GraphcError:
            if any("n" in str(dim) for member in operands for dim in getattr(member.expr, "shape", ())):
                return None  # of lengths that are not known to fit
            raise
        if bound(expr.shape, self.lengths) != value.shape:
            return None  # a slice of a named axis takes as many elements as its ends say
        value = value.astype(expr.dtype)
        if not np.all(np.isfinite(value)):
            return None
        exact = exact and all(member.exact for member in operands)
        depth = 1 + max((member.depth for member in operands), default=0)
        dtype = expr.dtype
        member = Member(
            expr, lambda *arrays: np.asarray(formula(*arrays)).astype(dtype), operands, value, exact, depth
        )
        if value.dtype.kind == "f" and not exact and np.abs(value).max(initial=0) > LARGE:
            tamed = member
            member = Member(_tamed(expr), _tamed, (tamed,), _tamed(value), False, depth + 1)
        if keep:
            self.members.append(member)
        return member

    def pick(self, wanted: Callable[[Member], bool], views: float = 0.6) -> Member | None:
        """A member, often seen through views, for which `wanted` holds."""
        for _ in range(8):
            # the latest are the deepest
            member = self.members[-1 - min(int(self.rng.expovariate(0.25)), len(self.members) - 1)]
            while self.rng.random() < views:
                seen = view(self, member)
                member = seen if seen is not None else member
            if wanted(member):
                return member
        return None


def _tamed(x: Any) -> Any:
    return x / (1 + abs(x))


def evaluated(formula: Formula, arrays: Sequence[np.ndarray]) -> np.ndarray | None:
    """What NumPy makes of arrays; None where it refuses them."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(formula(*arrays))
        except (ValueError, IndexError, np.linalg.LinAlgError):
            return None


def is_dyadic(value: np.ndarray) -> bool:
    """Whether sums and products of such numbers are exact."""
    if value.dtype.kind != "f":
        return bool(np.all(np.abs(value.astype(np.int64)) <= 1000))
    return bool(np.all(np.abs(value) <= 32) and np.all(value * 16 == np.round(value * 16)))


def view(pool: Pool, member: Member) -> Member | None:
    """An element, a slice, or another arrangement of a member."""
    rng, a = pool.rng, member.value
    choices: list[tuple[Formula, Formula]] = [
        (lambda x: g.expand_dims(x, 0), lambda x: x[None]),
        (g.squeeze, np.squeeze),
        (g.flip, np.flip),
        (lambda x: g.reshape(x, (-1,)), lambda x: x.reshape(x.size)),
        (lambda x: g.broadcast_to(x, (2, *x.shape)), lambda x: np.broadcast_to(x, (2, *x.shape))),
    ]
    if a.ndim:
        order = rng.sample(range(a.ndim), a.ndim)
        choices.append((lambda x: g.permute_dims(x, tuple(order)), lambda x: np.transpose(x, order)))
        choices.append((lambda x: g.reshape(x, x.shape[::-1]), lambda x: x.reshape(x.shape[::-1])))
        key = random_key(rng, a.shape)
        choices += [(lambda x: x[key], lambda x: x[key])] * 6
    build, formula = rng.choice(choices)
    return pool.add(build, formula, member, exact=True, keep=False)


def random_key(rng: Random, shape: tuple[int, ...]) -> Any:
    """Elements, slices with any step, new axes."""
    key: list[Any] = []
    for length in shape[: rng.randint(1, len(shape))]:
        kind = rng.random()
        if kind < 0.45 and length:
            key.append(rng.randrange(-length, length))
        elif kind < 0.55:
            key.append(slice(None, None, -1))
        elif kind < 0.85:
            first, last = [rng.choice([None, rng.randint(-length, length)]) for _ in range(2)]
            key.append(slice(first, last, rng.choice([None, 1, 2, -1, -2])))
        else:
            key.append(slice(None))
    if rng.random() < 0.15:
        key.insert(rng.randint(0, len(key)), None)
    return tuple(key) if len(key) != 1 or rng.random() < 0.5 else key[0]


def floats(member: Member) -> bool:
    return member.kind == "f"


def exact(member: Member) -> bool:
    return member.exact and member.kind in "fi"


def axis_of(pool: Pool, a: np.ndarray) -> int:
    return pool.rng.randrange(-a.ndim, a.ndim)


def fits_with(x: Member, y: Member) -> bool:
    """Whether two members broadcast."""
    try:
        broadcast_shapes([x.expr.shape, y.expr.shape])
        return True
    except ShapeError:
        return False
