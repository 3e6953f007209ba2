"""For every operation on arrays at least one formula, the same in NumPy alone, and shapes to try it at."""

# ruff: noqa: E501  a row of the table is a line

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc as g
from tests.ops.image_cases import ROWS

LENGTHS = {"n": 3, "m": 4, "k": 2, "h": 6, "w": 7, "h - 1": 5}
"""What the named lengths are in the tests."""


@dataclass(frozen=True)
class Case:
    """One formula.

    op : the operation that it is about
    build : symbols → expression; numpy : arrays → the same by NumPy
    shapes : of the operands, with names
    dtypes : of the operands where they are not all floats
    low, high : between which the integers lie
    smooth : whether it is differentiated
    named : whether it can be built with names
    """

    op: str
    build: Callable[..., Any]
    numpy: Callable[..., Any]
    shapes: tuple[tuple[Any, ...], ...]
    dtypes: tuple[str, ...] = ()
    high: int = 2
    smooth: bool = True
    named: bool = True

    def known(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(LENGTHS.get(dim, dim) for dim in shape) for shape in self.shapes)

    def symbols(self, named: bool = False, dtype: str = "float64") -> list[g.Expr]:
        dtypes = self.dtypes or (dtype,) * len(self.shapes)
        shapes = self.shapes if named else self.known()
        return [
            g.symbol(name, shape=shape, dtype=dtype if own == "float" else own)
            for name, shape, own in zip("abcd", shapes, dtypes, strict=False)
        ]

    def point(self, seed: int = 0, dtype: str = "float64") -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed + 17 * len(self.op))
        dtypes = self.dtypes or ("float",) * len(self.shapes)
        made = {}
        for name, shape, own in zip("abcd", self.known(), dtypes, strict=False):
            if own == "float":
                values = rng.normal(size=shape)
                if len(shape) > 1 and shape[-1] == shape[-2]:  # far from singular, singular values apart
                    values += np.diag(3.0 * np.arange(1, shape[-1] + 1))
                made[name] = values.astype(dtype)
            elif own == "bool":
                made[name] = rng.random(shape) < 0.5
            else:
                made[name] = rng.integers(0, self.high, shape)
        return made


def _spd(a):
    return a @ np.swapaxes(a, -1, -2) + 2 * np.eye(a.shape[-1])


def _g_spd(a):
    return a @ a.mT + 2 * g.eye(a.shape[-1])


def _np_recurrence(a, b):
    y = np.zeros_like(b)
    for i in range(b.shape[-1]):
        y[..., i] = b[..., i] + (a[..., i] * y[..., i - 1] if i else 0)
    return y


def _np_softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _np_set(a, key, value, add=False):
    a = a.copy()
    if add:
        np.add.at(a, key, value)
    else:
        a[key] = value
    return a


def _np_tri_solve(a, b, lower):
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)


def _np_cofactors_along(a, v):
    d, y = np.linalg.det(a), np.linalg.inv(a).T
    return d * (np.sum(v * y) * y - y @ v.T @ y)


NM, NN, N, M = ("n", "m"), ("n", "n"), ("n",), ("m",)
WHOLE, BOOLEAN = ("int64",), ("bool",)


def _expm(x):
    import scipy.linalg

    return scipy.linalg.expm(x)


CASES = [
    Case("sum", lambda a: g.sum(a), lambda a: a.sum(), (NM,)),
    Case("sum", lambda a: g.sum(a, axis=-1, keepdims=True), lambda a: a.sum(1, keepdims=True), (NM,)),
    Case("sum", lambda a: g.sum(a, axis=(0, 2)), lambda a: a.sum((0, 2)), (("n", "m", "k"),)),
    Case("sum", lambda a: g.sum(a, axis=()), lambda a: a, (NM,)),
    Case("sum", lambda a: g.sum(a), lambda a: a.sum(), (NM,), WHOLE, smooth=False),
    Case("sum", lambda a: g.sum(a, axis=0), lambda a: a.sum(0), (NM,), BOOLEAN, smooth=False),
    Case("prod", lambda a: g.prod(a, axis=1), lambda a: a.prod(1), (NM,)),
    Case("prod", lambda a: g.prod(a, axis=(0, 2), keepdims=True), lambda a: a.prod((0, 2), keepdims=True), (("n", "m", 2),)),
    Case("mean", lambda a: g.mean(a, axis=0), lambda a: a.mean(0), (NM,)),
    Case("mean", lambda a: g.mean(a), lambda a: a.mean(), (NM,)),
    Case("var", lambda a: g.var(a, axis=1, correction=1), lambda a: a.var(1, ddof=1), (NM,)),
    Case("var", lambda a: g.var(a, keepdims=True), lambda a: a.var(keepdims=True), (NM,)),
    Case("std", lambda a: g.std(a, axis=0), lambda a: a.std(0), (NM,)),
    Case("max", lambda a: g.max(a, axis=1), lambda a: a.max(1), (NM,)),
    Case("max", lambda a: g.max(a), lambda a: a.max(), (NM,)),
    Case("min", lambda a: g.min(a, axis=(0, 1), keepdims=True), lambda a: a.min(keepdims=True), (NM,)),
    Case("argmax", lambda a: g.argmax(a, axis=1), lambda a: a.argmax(1), (NM,), smooth=False),
    Case("argmin", lambda a: g.argmin(a), lambda a: a.argmin(), (NM,), smooth=False),
    Case("any", lambda a: g.any(a, axis=1), lambda a: a.any(1), (NM,), BOOLEAN, smooth=False),
    Case("all", lambda a: g.all(a), lambda a: a.all(), (NM,), BOOLEAN, smooth=False),
    Case("logsumexp", lambda a: g.logsumexp(a, axis=1), lambda a: np.log(np.exp(a).sum(1)), (NM,)),
    Case("logsumexp", lambda a: g.logsumexp(a), lambda a: np.log(np.exp(a).sum()), (NM,)),
    Case("softmax", lambda a: g.softmax(a), _np_softmax, (NM,)),
    Case("softmax", lambda a: g.softmax(a, axis=0), lambda a: _np_softmax(a, 0), (NM,)),
    Case("log_softmax", lambda a: g.log_softmax(a, axis=(0, 1)), lambda a: np.log(_np_softmax(a, (0, 1))), (NM,)),
    Case("norm", lambda a: g.norm(a, axis=1), lambda a: np.linalg.norm(a, axis=1), (NM,)),
    Case("norm", lambda a: g.norm(a), lambda a: np.linalg.norm(a), (NM,)),
    Case("norm", lambda a: g.norm(a, 1, axis=0), lambda a: np.abs(a).sum(0), (NM,)),
    Case("norm", lambda a: g.norm(a, np.inf, axis=0), lambda a: np.abs(a).max(0), (NM,)),
    Case("norm", lambda a: g.norm(a, 3, axis=0), lambda a: (np.abs(a) ** 3).sum(0) ** (1 / 3), (NM,)),
    Case("cumsum", lambda a: g.cumsum(a, axis=0), lambda a: a.cumsum(0), (NM,)),
    Case("cumprod", lambda a: g.cumprod(a, axis=1), lambda a: a.cumprod(1), (NM,)),
    Case("linear_recurrence", lambda a, b: g.linear_recurrence(a, b), _np_recurrence, (NM, NM)),
    Case("reshape", lambda a: g.reshape(a, (-1, a.shape[0])), lambda a: a.reshape(-1, a.shape[0]), (NM,)),
    Case("reshape", lambda a: g.reshape(a, -1), lambda a: a.reshape(-1), (NM,)),
    Case("permute_dims", lambda a: a.T, lambda a: a.T, (NM,)),
    Case("permute_dims", lambda a: g.permute_dims(a, (1, 2, 0)), lambda a: a.transpose(1, 2, 0), (("n", "m", "k"),)),
    Case("expand_dims", lambda a: g.expand_dims(a, (0, -1)), lambda a: a[None, :, :, None], (NM,)),
    Case("squeeze", lambda a: g.squeeze(a, 1), lambda a: a[:, 0], (("n", 1),)),
    Case("broadcast_to", lambda a: g.broadcast_to(a, (5, *a.shape[:1], 2)), lambda a: np.broadcast_to(a, (5, len(a), 2)), (("n", 1),)),
    Case("broadcast_like", lambda a, b: g.broadcast_like(a, b), lambda a, b: np.broadcast_to(a, b.shape), (M, NM)),
    Case("concat", lambda a, b: g.concat([a, b, a], axis=1), lambda a, b: np.concatenate([a, b, a], 1), (NM, ("n", "k"))),
    Case("stack", lambda a, b: g.stack([a, b], axis=-1), lambda a, b: np.stack([a, b], -1), (NM, NM)),
    Case("flip", lambda a: g.flip(a, axis=0), lambda a: a[::-1], (NM,)),
    Case("flip", lambda a: g.flip(a), lambda a: a[::-1, ::-1], (NM,)),
    Case("roll", lambda a: g.roll(a, 2, axis=1), lambda a: np.roll(a, 2, 1), (NM,)),
    Case("roll", lambda a: g.roll(a, -1), lambda a: np.roll(a, -1), (NM,)),
    Case("tile", lambda a: g.tile(a, (2, 1, 3)), lambda a: np.tile(a, (2, 1, 3)), (NM,)),
    Case("tile", lambda a: g.tile(a, 2), lambda a: np.tile(a, 2), (NM,)),
    Case("repeat", lambda a: g.repeat(a, 3, axis=0), lambda a: np.repeat(a, 3, 0), (NM,)),
    Case("pad", lambda a: g.pad(a, ((1, 0), (2, 3)), 1.5), lambda a: np.pad(a, ((1, 0), (2, 3)), constant_values=1.5), (NM,)),
    Case("tril", lambda a: g.tril(a, -1), lambda a: np.tril(a, -1), (NM,)),
    Case("triu", lambda a: g.triu(a, 1), lambda a: np.triu(a, 1), (("k", "n", "m"),)),
    Case("diagonal", lambda a: g.diagonal(a, 1), lambda a: np.diagonal(a, 1, 1, 2), (("k", "n", "n"),)),
    Case("diagonal", lambda a: g.diagonal(a, -1), lambda a: np.diagonal(a, -1), ((5, 3),)),
    Case("diagonal", lambda a: g.diag(a), lambda a: np.diag(a), ((3, 5),)),
    Case("diag", lambda a: g.diag(a, -2), lambda a: np.diag(a, -2), (N,)),
    Case("dim", lambda a: g.dim(a.shape[0]) * a, lambda a: len(a) * a, (NM,)),
    Case("eye", lambda a: g.eye(a.shape[0], 5, k=1) * a, lambda a: np.eye(len(a), 5, 1) * a, (("n", 5),)),
    Case("arange", lambda a: g.arange(a.shape[0]) * a, lambda a: np.arange(len(a)) * a, (N,)),
    Case("arange", lambda a: g.arange(9, 1, -3) * a, lambda a: np.arange(9, 1, -3) * a, ((3,),)),
    Case("linspace", lambda a, b: g.linspace(a, b, 5), lambda a, b: np.linspace(a, b, 5), ((), ())),
    Case("linspace", lambda a, b: g.linspace(a, b, 4, endpoint=False), lambda a, b: np.linspace(a, b, 4, False), ((), ())),
    Case("matmul", lambda a, b: a @ b, np.matmul, (NM, ("m", "k"))),
    Case("matmul", lambda a, b: a @ b, np.matmul, (NM, M)),
    Case("matmul", lambda a, b: a @ b, np.matmul, (N, NM)),
    Case("matmul", lambda a, b: a @ b, np.matmul, (M, M)),
    Case("matmul", lambda a, b: a @ b, np.matmul, (("k", "n", "m"), ("m", "n"))),
    Case("matmul", lambda a, b: a @ b, np.matmul, ((5, 1, "n", "m"), ("k", "m", "n"))),
    Case("matmul", lambda a, b: a @ b, np.matmul, (("k", "n", "m"), M)),
    Case("matmul", lambda a, b: a @ b, np.matmul, (N, ("k", "n", "m"))),
    Case("einsum", lambda a, b: g.einsum("ij,jk->ki", a, b), lambda a, b: (a @ b).T, (NM, ("m", "k"))),
    Case("einsum", lambda a: g.einsum("ii->i", a), lambda a: np.diagonal(a), (NN,)),
    Case("einsum", lambda a: g.einsum("ii", a), lambda a: np.trace(a), (NN,)),
    Case("einsum", lambda a, b: g.einsum("...ij,j", a, b), lambda a, b: np.einsum("...ij,j", a, b), (("k", "n", "m"), M)),
    Case("einsum", lambda a: g.einsum("ij->j", a), lambda a: a.sum(0), (NM,)),
    Case("einsum", lambda a, b: g.einsum("iij,j,ab->bi", a, b, a[0]), lambda a, b: np.einsum("iij,j,ab->bi", a, b, a[0]), ((3, 3, 4), (4,))),
    Case("einsum", lambda a, b: g.einsum("ij,ij->i", a, b), lambda a, b: (a * b).sum(1), (("n", 1), NM)),
    Case("einsum", lambda a, b: g.einsum("...ij,...jk", a, b), lambda a, b: a * b.sum(-2)[:, None], (("k", 1, "n", 1), ("m", "m", 2))),
    Case("einsum", lambda a, b: g.einsum("ij,jk,k,il->l", a, b, b[0], a), lambda a, b: a.T @ (a @ (b @ b[0])), (NM, ("m", "k"))),
    Case("tensordot", lambda a, b: g.tensordot(a, b, axes=((0, 2), (1, 0))), lambda a, b: np.tensordot(a, b, ((0, 2), (1, 0))), (("n", "m", "k"), ("k", "n", 2))),
    Case("tensordot", lambda a, b: g.tensordot(a, b, axes=1), lambda a, b: a @ b, (NM, ("m", "k"))),
    Case("vecdot", lambda a, b: g.vecdot(a, b), lambda a, b: (a * b).sum(-1), (NM, M)),
    Case("outer", lambda a, b: g.outer(a, b), np.outer, (N, M)),
    Case("kron", lambda a, b: g.kron(a, b), np.kron, (NM, ("k", 2))),
    Case("trace", lambda a: g.trace(a, offset=1), lambda a: np.trace(a, 1), (NN,)),
    Case("index", lambda a: a[1:, ::2], lambda a: a[1:, ::2], (("n", 4),)),
    Case("index", lambda a: a[0, None, ..., -1], lambda a: a[0, None, ..., -1], (("n", "m", "k"),)),
    Case("index", lambda a: a[::-1, 3:0:-2], lambda a: a[::-1, 3:0:-2], (("n", 4),)),
    Case("index", lambda a: a[:-1] - a[1:], lambda a: a[:-1] - a[1:], (NM,)),
    Case("index", lambda a, i: a[i], lambda a, i: a[i], (NM, ("k", 5)), ("float", "int64")),
    Case("index", lambda a, i: a[i, :, i], lambda a, i: a[i, :, i], (("n", "m", 2), (5,)), ("float", "int64")),
    Case("index", lambda a, i: a[:, i, 0], lambda a, i: a[:, i, 0], (("k", "n", "m"), (5,)), ("float", "int64")),
    Case("index", lambda a, i: a[0, :, i], lambda a, i: a[0, :, i], (("k", "m", "n"), (5,)), ("float", "int64")),
    Case("index", lambda a, i: a[:, i, :, i], lambda a, i: a[:, i, :, i], (("k", 2, "m", "n"), (5,)), ("float", "int64")),
    Case("index", lambda a, i: a[:, 1, :, i, None], lambda a, i: a[:, 1, :, i, None], (("k", 2, "m", "n"), (5,)), ("float", "int64")),
    Case("index", lambda a, i: a[:, 1, i], lambda a, i: a[:, 1, i], (("k", 2, "m"), (5,)), ("float", "int64")),
    Case("index", lambda a, i: g.take(a, i, axis=1), lambda a, i: np.take(a, i, 1), (NM, (5,)), ("float", "int64")),
    Case("index", lambda a, i: g.take(a, i), lambda a, i: np.take(a, i), (NM, (5,)), ("float", "int64")),
    Case("index", lambda a, i: g.take_along_axis(a, i, axis=1), lambda a, i: np.take_along_axis(a, i, 1), (NM, ("n", 5)), ("float", "int64")),
    Case("index", lambda a: g.stack(g.split(a, 2, axis=1)), lambda a: np.stack(np.split(a, 2, 1)), (("n", 4),)),
    Case("at_set", lambda a, b: a.at[1:, 0].set(b), lambda a, b: _np_set(a, np.s_[1:, 0], b), ((3, "m"), (2,))),
    Case("at_set", lambda a: a.at[..., -1].set(2.5), lambda a: _np_set(a, np.s_[..., -1], 2.5), (NM,)),
    Case("at_add", lambda a, b, i: a.at[i].add(b), lambda a, b, i: _np_set(a, i, b, True), (NM, ("m",), (5,)), ("float", "float", "int64")),
    Case("one_hot", lambda i: g.one_hot(i, 4), lambda i: np.eye(4)[i], (NM,), WHOLE, smooth=False),
    Case("argsort", lambda a: g.argsort(a, axis=0), lambda a: np.argsort(a, 0), (NM,), smooth=False),
    Case("sort", lambda a: g.sort(a), lambda a: np.sort(a), (NM,)),
    Case("sort", lambda a: g.sort(a, axis=0), lambda a: np.sort(a, 0), (NM,)),
    Case("searchsorted", lambda a, b: g.searchsorted(g.sort(a), b, side="right"), lambda a, b: np.searchsorted(np.sort(a), b, "right"), (M, NM), smooth=False),
    Case("expm", lambda a: g.expm(a * 0.125), lambda a: _expm(a * 0.125), (("k", "n", "n"),)),
    Case("inv", lambda a: g.inv(a), np.linalg.inv, (("k", "n", "n"),)),
    Case("solve", lambda a, b: g.solve(a, b), np.linalg.solve, (NN, NM)),
    Case("solve", lambda a, b: g.solve(a, b), lambda a, b: np.linalg.solve(a, b[:, None])[..., 0], (("k", "n", "n"), N)),
    Case("solve", lambda a, b: g.solve(a, b), np.linalg.solve, (NN, ("k", "n", "m"))),
    Case("solve_triangular", lambda a, b: g.solve_triangular(a, b), lambda a, b: _np_tri_solve(a, b, True), (NN, NM)),
    Case("solve_triangular", lambda a, b: g.solve_triangular(a, b, lower=False), lambda a, b: _np_tri_solve(a, b, False), (NN, N)),
    Case("det", lambda a: g.det(a), np.linalg.det, (("k", "n", "n"),)),
    Case("cofactors", lambda a: g.cofactors(a), lambda a: np.linalg.det(a)[..., None, None] * np.linalg.inv(a).swapaxes(-1, -2), (("k", "n", "n"),)),
    Case("cofactors", lambda a: g.cofactors(a), lambda a: np.array([[a[1, 1], -a[1, 0]], [-a[0, 1], a[0, 0]]]), ((2, 2),)),
    Case("cofactors_along", lambda a, b: g.cofactors_along(a, b), _np_cofactors_along, (NN, NN)),
    Case("logabsdet", lambda a: g.slogdet(a).logabsdet, lambda a: np.linalg.slogdet(a)[1], (NN,)),
    Case("det_sign", lambda a: g.slogdet(a).sign, lambda a: np.linalg.slogdet(a)[0], (NN,), smooth=False),
    Case("cholesky", lambda a: g.cholesky(_g_spd(a)), lambda a: np.linalg.cholesky(_spd(a)), (("k", "n", "n"),)),
    Case("qr_q", lambda a: g.qr(a).Q, lambda a: np.linalg.qr(a)[0], ((5, 3),), named=False),
    Case("qr_q", lambda a: g.qr(a).Q, lambda a: np.linalg.qr(a)[0], (("k", "n", "n"),)),
    Case("qr_q", lambda a: g.qr(a).Q, lambda a: np.linalg.qr(a)[0], ((3, 5),), named=False),
    Case("qr_r", lambda a: g.qr(a).R, lambda a: np.linalg.qr(a)[1], ((2, 3, 4),), named=False),
    Case("qr_r", lambda a: g.qr(a).R, lambda a: np.linalg.qr(a)[1], ((2, 4, 3),), named=False),
    Case("eigvalsh", lambda a: g.eigh(_g_spd(a)).eigenvalues, lambda a: np.linalg.eigvalsh(_spd(a)), (("k", "n", "n"),)),
    Case("eigenvectors", lambda a: g.eigh(_g_spd(a)).eigenvectors, lambda a: np.linalg.eigh(_spd(a))[1], (NN,)),
    Case("svdvals", lambda a: g.svdvals(a), lambda a: np.linalg.svd(a)[1], ((2, 3, 4),), named=False),
    Case("svd_u", lambda a: g.svd(a).U, lambda a: np.linalg.svd(a, full_matrices=False)[0], ((4, 3),), named=False),
    Case("svd_u", lambda a: g.svd(a).U, lambda a: np.linalg.svd(a, full_matrices=False)[0], ((3, 4),), named=False),
    Case("svd_vh", lambda a: g.svd(a).Vh, lambda a: np.linalg.svd(a, full_matrices=False)[2], ((3, 4),), named=False),
    Case("svd_vh", lambda a: g.svd(a).Vh, lambda a: np.linalg.svd(a, full_matrices=False)[2], (NN,)),
    Case("matmul", lambda a, b: a @ a.T * b, lambda a, b: a @ a.T * b, (NM, N)),
    Case("sum", lambda a, b: g.sum(g.exp(a) * b + b), lambda a, b: (np.exp(a) * b + b).sum(), (NM, (1, "m"))),
    *(Case(*row) for row in ROWS),
]  # fmt: skip
