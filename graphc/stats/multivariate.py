"""Distributions of vectors and matrices, and mixtures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.errors import InputError, ShapeError, brief
from graphc.ir.expr import Expr, current_site
from graphc.ir.types import broadcast_shapes, format_shape
from graphc.ops.arrange import diag
from graphc.ops.beta import betaln
from graphc.ops.comparison import equal
from graphc.ops.decompose import cholesky as cholesky_of
from graphc.ops.elementary import log
from graphc.ops.exponentials import logsumexp
from graphc.ops.information import kl_div
from graphc.ops.linalg import solve_triangular
from graphc.ops.reduce import all as all_of
from graphc.ops.reduce import sum as sum_of
from graphc.ops.shape import broadcast_to, expand_dims, permute_dims, reshape, stack
from graphc.stats.support import (
    HALF_LOG_TWO_PI,
    Distribution,
    both,
    factorial_rest,
    floats,
    inner,
    supported,
    valid,
    whole,
)
from graphc.util.arguments import listed


def _vectors(name: str, x: Expr) -> None:
    if not x.shape:
        raise ShapeError(
            f"{name} is a vector, and this is a number",
            node=repr(x),
            site=current_site(),
            hint="its last axis is that of the components",
        )


class Multinomial(Distribution):
    """Counts of the kinds of `n` draws of probabilities `p`; the last axis is that of the kinds."""

    def logpmf(self, x: Any, n: Any, p: Any) -> Expr:
        x, n, p = floats(x=x, n=n, p=p)
        _vectors("x", x)
        _vectors("p", p)
        inside = both(all_of(both(x >= 0, whole(x)), axis=-1), equal(sum_of(x, axis=-1), n))
        counts, total = inner(x >= 0, x, 0.0), inner(n >= 0, n, 1.0)
        means = (expand_dims(total, -1) if total.shape else total) * p
        value = factorial_rest(total) - sum_of(factorial_rest(counts) + kl_div(counts, means), axis=-1)
        return valid(both(n >= 0, all_of(p >= 0, axis=-1)), supported(inside, value, sum_of(x, axis=-1)))


class Dirichlet(Distribution):
    """Shares that add to 1, of shapes `alpha`; the last axis is that of the components."""

    def logpdf(self, x: Any, alpha: Any) -> Expr:
        """Σ(αᵢ − 1)·log xᵢ + log Γ(Σα) − Σ log Γ(αᵢ), by deviances. That x adds to 1 is taken for granted."""
        x, alpha = floats(x=x, alpha=alpha)
        _vectors("x", x)
        _vectors("alpha", alpha)
        shapes, at = inner(alpha > 0, alpha, 1.0), inner(x > 0, x, 0.5)
        total = sum_of(shapes, axis=-1)
        means = (expand_dims(total, -1) if total.shape else total) * at
        terms = log(shapes / at) - factorial_rest(shapes) - kl_div(shapes, means)
        value = factorial_rest(total) - log(total) + sum_of(terms, axis=-1)
        return valid(all_of(alpha > 0, axis=-1), supported(all_of(x > 0, axis=-1), value, sum_of(x, axis=-1)))


class MultivariateNormal(Distribution):
    """The normal distribution of vectors, by the Cholesky factor of its covariance matrix."""

    def logpdf(self, x: Any, mean: Any, cov: Any = None, *, cholesky: Any = None) -> Expr:
        """−½|L⁻¹(x − mean)|² − Σ log Lᵢᵢ − ½d·log 2π, of a vector x or of each row of a matrix.

        cov : the covariance matrix; or cholesky : its lower factor L, of which the upper triangle is not read
        """
        if (cov is None) == (cholesky is None):
            raise InputError(
                "a covariance matrix or its Cholesky factor is needed, and one of them alone",
                site=current_site(),
                hint="write cov=S or cholesky=L",
            )
        x, mean, matrix = floats(x=x, mean=mean, cov=cov if cholesky is None else cholesky)
        if len(matrix.shape) != 2 or len(x.shape) not in (1, 2):
            raise ShapeError(
                f"x has shape {format_shape(x.shape)} and the matrix {format_shape(matrix.shape)}",
                site=current_site(),
                hint="x is a vector or has one in each row, and the matrix is square",
            )
        factor = cholesky_of(matrix) if cholesky is None else matrix
        rest = x - mean
        size = rest.shape[-1]
        columns = reshape(rest, (size, 1)) if len(rest.shape) == 1 else permute_dims(rest, (1, 0))
        z = solve_triangular(factor, columns)
        squares = sum_of(z * z, axis=0)
        squares = reshape(squares, ()) if len(rest.shape) == 1 else squares
        logs = sum_of(log(diag(factor)) + HALF_LOG_TWO_PI)
        return -0.5 * squares - logs


class LkjCholesky(Distribution):
    """Lower Cholesky factors of correlation matrices of `eta`: of det(R)^(η − 1) (Lewandowski, Kurowicka and Joe, 2009)."""

    def logpdf(self, L: Any, eta: Any = 1.0) -> Expr:
        """Σₖ (K − k + 2η − 2)·log Lₖₖ for k = 2 … K, less the logarithm of what makes it a density."""
        L, eta = floats(L=L, eta=eta)
        size = _size(L)
        if size == 1:
            return 0 * eta
        diagonal = stack([L[k, k] for k in range(1, size)])
        powers = stack([(size - 1 - k) + 2 * eta - 2 for k in range(1, size)])
        inside = all_of(diagonal > 0)
        value = sum_of(powers * log(inner(diagonal > 0, diagonal, 1.0))) - _lkj_constant(
            size, inner(eta > 0, eta, 1.0)
        )
        return valid(eta > 0, supported(inside, value, sum_of(diagonal)))


class Lkj(Distribution):
    """Correlation matrices of `eta`: of density det(R)^(η − 1), times a constant."""

    def logpdf(self, R: Any, eta: Any = 1.0) -> Expr:
        R, eta = floats(R=R, eta=eta)
        size = _size(R)
        logs = 2 * sum_of(log(diag(cholesky_of(R))))
        return valid(eta > 0, (eta - 1) * logs - _lkj_constant(size, inner(eta > 0, eta, 1.0)))


def _size(matrix: Expr) -> int:
    if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1] or not isinstance(matrix.shape[0], int):
        raise ShapeError(
            f"a correlation matrix is square, of a known size, and not {format_shape(matrix.shape)}",
            node=repr(matrix),
            site=current_site(),
            hint='declare g.symbol("L", shape=(3, 3))',
        )
    return matrix.shape[0]


def _lkj_constant(size: int, eta: Expr) -> Any:
    """The logarithm of ∫det(R)^(η − 1) over correlation matrices: equation 17 of the source."""
    total = 0 * eta
    for k in range(1, size):
        left = size - k
        half = eta + 0.5 * (left - 1)
        total = total + left * ((2 * eta - 2 + left) * math.log(2) + betaln(half, half))
    return total


def mixture_logpdf(weights: Any, logpdfs: Sequence[Any]) -> Expr:
    """log Σₖ wₖ·pₖ(x), of components whose logarithms are given.

    weights : shares that add to 1, one for each component: a vector, a list, or several along a last axis
    logpdfs : the components' log-densities at x, of shapes that broadcast

    Nothing overflows or underflows. Raises `InputError` where their numbers differ.

    >>> from graphc.api.evaluate import evaluate
    >>> from graphc.stats.continuous import norm
    >>> evaluate(mixture_logpdf([0.5, 0.5], [norm.logpdf(60.0, -3.0), norm.logpdf(60.0, 3.0)]), {})
    -1626.1120857137646
    """
    if isinstance(weights, (list, tuple)) and weights:
        weights = stack([floats(weights=each)[0] for each in weights])
    (weights,) = floats(weights=weights)
    _vectors("weights", weights)
    components = [
        floats(logpdf=each)[0] for each in listed("logpdfs", logpdfs, "write [stats.norm.logpdf(x), …]")
    ]
    if weights.shape[-1] != len(components):
        raise InputError(
            f"{len(components)} components have as many weights, not {brief(weights.shape[-1])}",
            site=current_site(),
            hint="give one share for each",
        )
    terms = [log(weights[..., k]) + each for k, each in enumerate(components)]
    shape = broadcast_shapes(term.shape for term in terms)
    terms = [term if term.shape == shape else broadcast_to(term, shape) for term in terms]
    return logsumexp(stack(terms, axis=-1), axis=-1)


multinomial: Multinomial = Multinomial("multinomial")
dirichlet: Dirichlet = Dirichlet("dirichlet")
multivariate_normal: MultivariateNormal = MultivariateNormal("multivariate_normal")
lkj: Lkj = Lkj("lkj")
lkj_cholesky: LkjCholesky = LkjCholesky("lkj_cholesky")

__all__ = ["dirichlet", "lkj", "lkj_cholesky", "mixture_logpdf", "multinomial", "multivariate_normal"]
