"""Steps of random array programs that multiply, decompose and go over images."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g
from tests.fuzz.array_members import Formula, Member, Pool, evaluated, is_dyadic


def product(pool: Pool) -> Member | None:
    rng = pool.rng
    x = pool.pick(lambda m: m.kind == "f" and m.value.ndim > 0)
    if x is None:
        return None
    dtype, dims = x.value.dtype, x.expr.shape
    kind = rng.choice(["matmul", "matmul", "einsum", "outer", "kron", "tensordot", "vecdot"])
    if kind in ("matmul", "einsum", "tensordot", "vecdot"):
        last = -1 if kind in ("matmul", "vecdot") else 0

        def fits(m: Member) -> bool:
            own = m.expr.shape
            if not own or m.value.dtype != dtype:
                return False
            if kind == "vecdot":
                return own == dims
            return own[-2:][0] == dims[-1] if kind == "matmul" else own[0] == dims[last]

        y = pool.pick(fits)
    else:
        y = pool.pick(
            lambda m: m.value.dtype == dtype and m.value.ndim == (1 if kind == "outer" else x.value.ndim)
        )
        if kind == "outer" and x.value.ndim != 1:
            return None
    if y is None:
        return None
    first = "z" + string.ascii_lowercase[: x.value.ndim - 1]
    second = "z" + string.ascii_lowercase[x.value.ndim - 1 : x.value.ndim + y.value.ndim - 2]
    text = f"{first},{second}->{first[1:]}{second[1:]}"
    operations: dict[str, tuple[Formula, Formula]] = {
        "matmul": (lambda x, y: x @ y, np.matmul),
        "einsum": (lambda x, y: g.einsum(text, x, y), lambda x, y: np.einsum(text, x, y)),
        "outer": (g.outer, np.outer),
        "kron": (g.kron, np.kron),
        "tensordot": (
            lambda x, y: g.tensordot(x, y, axes=([0], [0])),
            lambda x, y: np.tensordot(x, y, axes=([0], [0])),
        ),
        "vecdot": (g.vecdot, lambda x, y: (x * y).sum(-1)),
    }
    return pool.add(*operations[kind], x, y, exact=is_dyadic(x.value) and is_dyadic(y.value))


def _regular(x: Any) -> Any:
    small = x / (1 + x * x)
    return small @ small.mT + g.eye(x.shape[-2], dtype=x.dtype.name)


def _regular_numpy(x: np.ndarray) -> np.ndarray:
    small = x / (1 + x * x)
    return small @ np.swapaxes(small, -1, -2) + np.eye(x.shape[-2], dtype=x.dtype)


def decomposition(pool: Pool) -> Member | None:
    """Of symmetric matrices with eigenvalues from 1 on; parts that are unique, or what the factors make together."""
    rng = pool.rng
    x = pool.pick(lambda m: m.kind == "f" and m.value.ndim >= 2 and 0 not in m.value.shape, 0.4)
    if x is None:
        return None
    back = rng.random() < 0.5

    def turned(part: Formula, name: str) -> Formula:
        return lambda x: part(getattr(g, name)(_regular(x)))

    s, t = _regular, _regular_numpy
    operations: list[tuple[Formula, Formula]] = [
        (lambda x: g.inv(s(x)), lambda x: np.linalg.inv(t(x))),
        (lambda x: g.cholesky(s(x)), lambda x: np.linalg.cholesky(t(x))),
        (lambda x: g.solve(s(x), x), lambda x: np.linalg.solve(t(x), x)),
        (lambda x: g.slogdet(s(x)).logabsdet, lambda x: np.linalg.slogdet(t(x))[1]),
        (lambda x: g.det(s(x)[..., :1, :1]), lambda x: np.linalg.det(t(x)[..., :1, :1])),
        (lambda x: g.eigvalsh(s(x))[..., ::-1], lambda x: np.linalg.eigvalsh(t(x))[..., ::-1]),
        (lambda x: _rebuilt(*g.eigh(s(x))), t),
        (lambda x: g.svd(s(x))[1], lambda x: np.linalg.svd(t(x))[1]),
        (lambda x: _product(*g.qr(s(x))), t),
        (
            lambda x: g.solve_triangular(g.tril(s(x)), x, lower=True),
            lambda x: np.linalg.solve(np.tril(t(x)), x),
        ),
        (
            lambda x: g.solve_triangular(s(x)[..., ::-1, ::-1].mT, x[..., 0, None], lower=back),
            lambda x: np.linalg.solve(
                (np.tril if back else np.triu)(np.swapaxes(t(x)[..., ::-1, ::-1], -1, -2)), x[..., 0, None]
            ),
        ),
    ]
    return pool.add(*rng.choice(operations), x)


def _rebuilt(values: Any, vectors: Any) -> Any:
    return (vectors * g.expand_dims(values, -2)) @ vectors.mT


def _product(q: Any, r: Any) -> Any:
    return q @ r


def images(pool: Pool) -> Member | None:
    rng = pool.rng
    x = pool.pick(lambda m: m.kind == "f" and 2 <= m.value.ndim <= 4 and 0 not in m.value.shape)
    if x is None or min(x.value.shape[-2:]) < 2:
        return None
    lead = x.value.ndim

    def four(x: Any) -> Any:
        return x[(None,) * (4 - lead)] if lead < 4 else x

    padding = rng.randint(0, 1)

    def windows(x: np.ndarray, fill: float) -> np.ndarray:
        x = np.pad(four(x), ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=fill)
        return np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))

    if rng.random() < 0.5:
        y = pool.pick(
            lambda m: m.value.dtype == x.value.dtype and m.value.ndim == 2 and min(m.value.shape) >= 2
            and all(isinstance(dim, int) for dim in m.expr.shape)
        )  # fmt: skip
        if y is None or (lead > 2 and x.value.shape[-3] != 1):
            return None
        return pool.add(
            lambda x, y: g.conv2d(four(x), y[None, None, :2, :2], padding=padding),
            lambda x, y: np.einsum("bchwij,ij->bchw", windows(x, 0), y[:2, :2]),
            x,
            y,
            exact=is_dyadic(x.value) and is_dyadic(y.value),
        )
    operations: list[tuple[Formula, Formula]] = [
        (
            lambda x: g.max_pool2d(four(x), 2, stride=1, padding=padding),
            lambda x: windows(x, -np.inf).max(axis=(-1, -2)),
        ),
        (
            lambda x: g.avg_pool2d(four(x), 2, stride=1, padding=padding),
            lambda x: windows(x, 0).sum(axis=(-1, -2)) * x.dtype.type(0.25),
        ),
    ]
    return pool.add(*rng.choice(operations), x, exact=False)


LINALG: tuple[Callable[[Pool], Member | None], ...] = (
    product,
    product,
    product,
    decomposition,
    decomposition,
    images,
)

__all__ = ["LINALG", "evaluated"]
