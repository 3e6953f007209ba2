"""Distributions as formulas, unconstrained parameters, and log-densities for samplers.

    from graphc import stats          or g.stats

    stats.norm.logpdf(x, loc, scale)  is an expression, as SciPy's function of that name is a number
    stats.Posterior(logp, {tau: stats.positive, ...})  is its value and gradient over a vector of free numbers

Functions have SciPy's names, arguments and values: −∞ outside of the support, NaN for parameters that are none. Densities are
written by deviances (C. Loader, Fast and accurate computation of binomial probabilities, 2000), so that what is large of their
terms cancels by form and not by subtraction.
"""

from graphc.stats.beta_family import beta, f, t
from graphc.stats.continuous import halfnorm, lognorm, norm
from graphc.stats.discrete import bernoulli, binom, geom, hypergeom, nbinom, poisson
from graphc.stats.elementary import cauchy, expon, halfcauchy, laplace, logistic, uniform
from graphc.stats.gamma_family import chi2, gamma, invgamma
from graphc.stats.multivariate import (
    dirichlet,
    lkj,
    lkj_cholesky,
    mixture_logpdf,
    multinomial,
    multivariate_normal,
)
from graphc.stats.posterior import Posterior
from graphc.stats.transforms import (
    Transform,
    above,
    below,
    between,
    correlation_cholesky,
    ordered,
    positive,
    real,
    simplex,
)

__all__ = [
    "Posterior", "Transform", "above", "below", "bernoulli", "beta", "between", "binom", "cauchy", "chi2", "correlation_cholesky",
    "dirichlet", "expon", "f", "gamma", "geom", "halfcauchy", "halfnorm",
    "hypergeom", "invgamma", "laplace", "lkj", "lkj_cholesky", "logistic",
    "lognorm", "mixture_logpdf", "multinomial", "multivariate_normal", "nbinom", "norm", "ordered", "poisson",
    "positive", "real", "simplex", "t", "uniform",
]  # fmt: skip
