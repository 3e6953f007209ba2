"""Hypothesis strategies: random programs over arrays, each beside the same program in plain NumPy.

A program grows from a pool of inputs. Each step applies one operation, or a few, to members of the pool and to their values in
NumPy, so what graphc finds is held against code that it shares nothing with. Shapes hold lengths of 0 and 1, some of them named;
inputs come in every layout. Only what is continuous is written, so that rounding decides no branch.
"""

from __future__ import annotations

import string
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

import graphc as g
from graphc.errors import ShapeError
from graphc.interpret.numpy_eval import bound
from graphc.ir.types import broadcast_shapes

LENGTHS = (0, 1, 2, 3, 4)
NAMES = {0: "none", 2: "pair", 3: "three"}
"""Lengths that may have names: within a program equal lengths have one, so that shapes that fit in NumPy fit by name."""

LAYOUTS = ("C", "F", "strided", "reversed", "read-only")
MOST = 400
"""Elements of one value."""

LARGE = 50.0
"""Beyond this values are brought back by tanh."""


@dataclass(frozen=True)
class Program:
    """A random program.

    outputs : expressions; inputs : their symbols, all floats
    arrays : name → value, in any layout
    values : of the outputs, by NumPy alone
    steps : how many roundings there were, about: the width of what agreement can mean
    """

    outputs: list[g.Expr]
    inputs: list[g.Expr]
    arrays: dict[str, np.ndarray]
    values: list[np.ndarray]
    steps: int
    told: list[str] = field(default_factory=list)

    @property
    def dtype(self) -> np.dtype:
        return self.inputs[0].dtype

    def tolerance(self, value: np.ndarray) -> float:
        """What other orders of rounding may do to a value: each step rounds some hundred times at most."""
        finite = np.abs(value[np.isfinite(value)]).max(initial=1.0)
        return float(400 * self.steps * np.finfo(self.dtype).eps * finite)

    def __repr__(self) -> str:
        inputs = ", ".join(f"{s.name}: {s.dtype}{s.shape}" for s in self.inputs)
        return f"<{' '.join(self.told)} of {inputs}: {', '.join(map(str, self.outputs))[:300]}>"


Member = tuple[g.Expr, np.ndarray]
"""An expression and its value."""

Made = tuple[Callable[..., Any], Callable[..., Any]]
"""The same step in graphc and in NumPy."""


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another arrangement of memory."""
    if layout == "F":
        return np.array(array, order="F")
    if layout == "strided" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "reversed" and array.ndim:
        return np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    if layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
    return array


# --- steps: (draw, value) → the step in graphc and in NumPy, or None where it does not fit -----------


def _axis(draw: Any, a: np.ndarray) -> int:
    return draw(st.integers(-a.ndim, a.ndim - 1))


def _axes(draw: Any, a: np.ndarray) -> Any:
    kind = draw(st.integers(0, 3))
    if kind == 0 or not a.ndim:
        return None
    if kind == 1 and a.ndim > 1:
        return tuple(draw(st.permutations(range(a.ndim)))[: draw(st.integers(1, a.ndim))])
    return _axis(draw, a)


def _of_empty(a: np.ndarray, axis: Any) -> bool:
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return any(a.shape[place] == 0 for place in axes)


def _elementwise(draw: Any, a: np.ndarray) -> Made:
    one = a.dtype.type(1)
    half = a.dtype.type(0.5)
    return draw(
        st.sampled_from(
            [
                (lambda x: g.tanh(x), np.tanh),
                (lambda x: g.sin(x * 0.5), lambda x: np.sin(x * half)),
                (lambda x: g.exp(-g.abs(x)), lambda x: np.exp(-np.abs(x))),
                (lambda x: -x, lambda x: -x),
                (lambda x: g.sqrt(x * x + 1), lambda x: np.sqrt(x * x + one)),
                (lambda x: g.log(1 + g.exp(-g.abs(x))), lambda x: np.log(one + np.exp(-np.abs(x)))),
                (lambda x: g.sigmoid(x), lambda x: one / (one + np.exp(-x))),
                (lambda x: g.relu(x) + 0.5 * x, lambda x: np.maximum(x, 0) + half * x),
                (lambda x: g.where(x > 0, x, x * 0.5), lambda x: np.where(x > 0, x, x * half)),
            ]
        )
    )


def _reduction(draw: Any, a: np.ndarray) -> Made | None:
    name = draw(st.sampled_from(["sum", "mean", "prod", "max", "min", "var", "std"]))
    axis, keep = _axes(draw, a), draw(st.booleans())
    if name != "sum" and name != "prod" and _of_empty(a, axis):
        return None
    if name == "std":  # a point where all are equal has no derivative
        return (
            lambda x: g.sqrt(g.var(x, axis=axis, keepdims=keep) + 1),
            lambda x: np.sqrt(np.var(x, axis=axis, keepdims=keep) + x.dtype.type(1)),
        )
    return (
        lambda x: getattr(g, name)(x, axis=axis, keepdims=keep),
        lambda x: getattr(np, name)(x, axis=axis, keepdims=keep),
    )


def _exponential(draw: Any, a: np.ndarray) -> Made | None:
    if not a.ndim:
        return None
    axis = _axis(draw, a)
    if not a.shape[axis]:
        return None

    def total(x: np.ndarray) -> np.ndarray:
        top = x.max(axis=axis, keepdims=True)
        return np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top

    return draw(
        st.sampled_from(
            [
                (lambda x: g.softmax(x, axis=axis), lambda x: np.exp(x - total(x))),
                (lambda x: g.log_softmax(x, axis=axis), lambda x: x - total(x)),
                (lambda x: g.logsumexp(x, axis=axis), lambda x: total(x).squeeze(axis)),
            ]
        )
    )


def _arrangement(draw: Any, a: np.ndarray) -> Made:
    order = tuple(draw(st.permutations(range(a.ndim))))
    place = draw(st.integers(-a.ndim - 1, a.ndim))
    wide = (draw(st.integers(0, 2)), *a.shape)
    choices: list[Made] = [
        (lambda x: g.permute_dims(x, order), lambda x: np.transpose(x, order)),
        (lambda x: g.expand_dims(x, place), lambda x: np.expand_dims(x, place)),
        (lambda x: g.squeeze(x), np.squeeze),
        (lambda x: g.flip(x), np.flip),
        (lambda x: g.reshape(x, x.shape[::-1]), lambda x: x.reshape(x.shape[::-1])),
        (lambda x: g.reshape(x, (-1,)), lambda x: x.reshape(x.size)),
        (lambda x: g.broadcast_to(x, (wide[0], *x.shape)), lambda x: np.broadcast_to(x, wide)),
    ]
    if a.ndim:
        axis, count = _axis(draw, a), draw(st.integers(-3, 3))
        around = draw(st.integers(0, 2))
        widths = [(0, 0)] * a.ndim
        widths[axis] = (around, 2 - around)
        choices += [
            (lambda x: g.roll(x, count, axis=axis), lambda x: np.roll(x, count, axis)),
            (lambda x: g.pad(x, tuple(widths)), lambda x: np.pad(x, widths)),
            (lambda x: g.repeat(x, 2, axis=axis), lambda x: np.repeat(x, 2, axis)),
            (lambda x: g.cumsum(x, axis=axis), lambda x: np.cumsum(x, axis)),
            (lambda x: g.sort(x, axis=axis), lambda x: np.sort(x, axis)),
            (lambda x: g.tile(x, 2), lambda x: np.tile(x, 2)),
        ]
    if a.ndim >= 2:
        k = draw(st.integers(-1, 1))
        choices += [
            (lambda x: g.tril(x, k), lambda x: np.tril(x, k)),
            (lambda x: g.triu(x, k), lambda x: np.triu(x, k)),
        ]
    return draw(st.sampled_from(choices))


def _slice(draw: Any, a: np.ndarray) -> Made | None:
    if not a.ndim:
        return lambda x: x[None], lambda x: x[None]
    axis = draw(st.integers(0, a.ndim - 1))
    ends = st.one_of(st.none(), st.integers(-a.shape[axis], a.shape[axis]))
    step = draw(st.sampled_from([None, 2, -1]))
    whole = draw(st.booleans())
    key: Any = slice(None, None, step) if whole else slice(draw(ends), draw(ends), step)
    if a.shape[axis] and draw(st.integers(0, 3)) == 0:
        key = draw(st.integers(-a.shape[axis], a.shape[axis] - 1))
    index = (*([slice(None)] * axis), key)
    return lambda x: x[index], lambda x: x[index]


def _gather(draw: Any, a: np.ndarray) -> Made | None:
    if not a.ndim or not a.shape[-1]:
        return None
    places = np.array(draw(st.lists(st.integers(0, a.shape[-1] - 1), max_size=4)), dtype=np.int64)

    def added(x: np.ndarray) -> np.ndarray:
        x = x.copy()
        np.add.at(x, (..., places), x.dtype.type(0.5))
        return x

    return draw(
        st.sampled_from(
            [
                (lambda x: g.take(x, places, axis=-1), lambda x: np.take(x, places, axis=-1)),
                (lambda x: x.at[..., places].add(0.5), added),
                (
                    lambda x: x.at[..., 0].set(2.0),
                    lambda x: np.concatenate([np.full_like(x[..., :1], 2), x[..., 1:]], -1),
                ),
            ]
        )
    )


def _matrix(draw: Any, a: np.ndarray) -> Made | None:
    if a.ndim < 2:
        return None
    if 0 in a.shape[-2:] or draw(st.booleans()):
        return lambda x: x @ x.mT, lambda x: x @ np.swapaxes(x, -1, -2)
    one = a.dtype.type(1)

    def regular(x: Any) -> Any:  # symmetric, eigenvalues from 1 on
        small = g.tanh(x)
        return small @ small.mT + g.eye(x.shape[-2], dtype=x.dtype.name)

    def regular_numpy(x: np.ndarray) -> np.ndarray:
        small = np.tanh(x)
        return small @ np.swapaxes(small, -1, -2) + np.eye(x.shape[-2], dtype=x.dtype) * one

    return draw(
        st.sampled_from(
            [
                (lambda x: g.inv(regular(x)), lambda x: np.linalg.inv(regular_numpy(x))),
                (lambda x: g.cholesky(regular(x)), lambda x: np.linalg.cholesky(regular_numpy(x))),
                (lambda x: g.solve(regular(x), x), lambda x: np.linalg.solve(regular_numpy(x), x)),
                (lambda x: g.slogdet(regular(x)).logabsdet, lambda x: np.linalg.slogdet(regular_numpy(x))[1]),
            ]
        )
    )


UNARY = (
    _elementwise,
    _elementwise,
    _reduction,
    _exponential,
    _arrangement,
    _arrangement,
    _slice,
    _gather,
    _matrix,
)


def _binary(draw: Any, a: Member, b: Member) -> list[Made]:
    """The steps of two operands that their shapes allow."""
    (x, u), (y, _) = a, b
    found: list[Made] = []
    try:
        broadcast_shapes([x.shape, y.shape])
        half, one = u.dtype.type(0.5), u.dtype.type(1)
        found += [
            (lambda x, y: x + y, np.add),
            (lambda x, y: x * y, np.multiply),
            (lambda x, y: x - 0.5 * y, lambda x, y: x - half * y),
            (lambda x, y: g.maximum(x, y), np.maximum),
            (lambda x, y: x / (1 + y * y), lambda x, y: x / (one + y * y)),
        ]
    except ShapeError:
        pass
    if x.shape and y.shape and x.shape[-1] == y.shape[-2:][0]:
        try:
            broadcast_shapes([x.shape[:-2], y.shape[:-2]])
            found += [(lambda x, y: x @ y, np.matmul)] * 3
        except ShapeError:
            pass
    if x.shape and y.shape and x.shape[0] == y.shape[0]:
        first = "z" + string.ascii_lowercase[: x.ndim - 1]
        second = "z" + string.ascii_lowercase[x.ndim - 1 : x.ndim + y.ndim - 2]
        text = f"{first},{second}->{first[1:]}{second[1:]}"
        found.append((lambda x, y: g.einsum(text, x, y), lambda x, y: np.einsum(text, x, y)))
        if x.shape == y.shape:
            axis = draw(st.integers(-x.ndim, x.ndim - 1))
            found += [
                (lambda x, y: g.concat([x, y], axis=axis), lambda x, y: np.concatenate([x, y], axis)),
                (lambda x, y: g.stack([x, y], axis=axis), lambda x, y: np.stack([x, y], axis)),
            ]
    if x.ndim == 1 == y.ndim:
        found.append((lambda x, y: g.outer(x, y), np.outer))
    return found


# --- programs ---------------------------------------------------------------------------------------


@st.composite
def programs(draw: Any, most: int = 8, names: bool = True) -> Program:
    """A program of some steps; `names` allows named lengths."""
    dtype = np.dtype(draw(st.sampled_from(["float64", "float64", "float32"])))
    named = names and draw(st.booleans())
    seed = draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    lengths = draw(st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=3))
    pool: list[Member] = []
    inputs: list[g.Expr] = []
    arrays: dict[str, np.ndarray] = {}
    for number in range(draw(st.integers(1, 3))):
        # few different lengths, so that shapes fit
        known = tuple(draw(st.lists(st.sampled_from([*lengths, 1]), max_size=3)))
        shape = tuple(NAMES.get(n, n) if named else n for n in known)
        inputs.append(g.symbol("xyz"[number], shape=shape, dtype=dtype))
        value = rng.normal(size=known).astype(dtype)
        arrays[inputs[-1].name] = laid_out(value, draw(st.sampled_from(LAYOUTS)))
        pool.append((inputs[-1], np.asarray(value)))
    steps, told = 0, []
    for _ in range(draw(st.integers(1, most))):
        operand = pool[-1 - draw(st.integers(0, len(pool) - 1))]
        made = _step(draw, operand, pool)
        if made is None:
            continue
        member, name = made
        if member[1].size > MOST:
            continue
        if np.abs(member[1]).max(initial=0) > LARGE:
            member = g.tanh(member[0]), np.tanh(member[1])
        assert np.all(np.isfinite(member[1])), f"{name} of {operand} is not finite"
        pool.append(member)
        told.append(name)
        steps += 1
    outputs = [pool[-1]]
    for _ in range(draw(st.integers(0, 2))):
        outputs.append(pool[-1 - draw(st.integers(0, len(pool) - 1))])
    used = set(g.free_symbols(*(expr for expr, _ in outputs)))
    kept = [s for s in inputs if s in used]
    return Program(
        [expr for expr, _ in outputs], kept, {s.name: arrays[s.name] for s in kept}, [v for _, v in outputs], steps + 1, told
    )  # fmt: skip


def _step(draw: Any, operand: Member, pool: list[Member]) -> tuple[Member, str] | None:
    """One more member, by an operation on one or two of the pool."""
    if draw(st.integers(0, 2)) == 0:
        other = pool[-1 - draw(st.integers(0, len(pool) - 1))]
        fitting = _binary(draw, operand, other)
        if not fitting:
            return None
        operands = [operand, other]
        made: Made | None = draw(st.sampled_from(fitting))
        name = "binary"
    else:
        rule = draw(st.sampled_from(UNARY))
        operands = [operand]
        made, name = rule(draw, operand[1]), rule.__name__.strip("_")
    if made is None:
        return None
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = np.asarray(made[1](*[value for _, value in operands]))
    try:
        expr = made[0](*[expr for expr, _ in operands])
    except ShapeError:
        if all(isinstance(dim, int) for x, _ in operands for dim in x.shape):
            raise
        return None  # of named lengths that are not known to fit
    if bound(expr.shape, {name: length for length, name in NAMES.items()}) != value.shape:
        return (
            None  # a slice of a named axis takes as many elements as its ends say, or is refused at the call
        )
    return (expr, value), name
