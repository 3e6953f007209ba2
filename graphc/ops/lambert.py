"""Lambert's function: the real w with w·eʷ = z, on its two real branches.

Near the branch point −1/e by the series of Corless, Gonnet, Hare, Jeffrey and Knuth, On the Lambert W function (1996), in
±√(2(e·z + 1)); elsewhere by Halley's iteration, whose residual w·eʷ − z is as exact as z.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.ir.expr import Expr, current_site
from graphc.ir.op import NoPartial, Notation
from graphc.ops.comparison import equal, maximum, minimum, where
from graphc.ops.elementary import exp, log, log1p, sqrt
from graphc.ops.special import scipy_special
from graphc.ops.support.declare import Function, like, with_checks
from graphc.ops.support.polynomial import horner
from graphc.ops.support.scipy_ops import special

TERMS = 34
STEPS = 4
NEAR = 0.5
"""Up to this p the series has all digits."""

INVERSE_E, INVERSE_E_LOW = 0.36787944117144233, -1.2428753672788363e-17
"""1/e as the sum of two floats."""


def _series() -> list[float]:
    """The coefficients μₖ of W = Σ μₖ·pᵏ."""
    mu, alpha = [Fraction(-1), Fraction(1)], [Fraction(2), Fraction(-1)]
    for k in range(2, TERMS):
        alpha.append(sum((mu[j] * mu[k + 1 - j] for j in range(2, k)), Fraction(0)))
        term = (
            Fraction(k - 1, k + 1) * (mu[k - 2] / 2 + alpha[k - 2] / 4) - alpha[k] / 2 - mu[k - 1] / (k + 1)
        )
        mu.append(term)
    return [float(c) for c in mu]


_MU = _series()


def _halley(w: Any, z: Any) -> Any:
    power = exp(w)
    rest = w * power - z
    above = w + 1
    return w - rest / (power * above - (w + 2) * rest / (2 * above))


def _branch(z: Any, lower: bool) -> Any:
    place = (z + INVERSE_E) + INVERSE_E_LOW
    root = sqrt(maximum(place, 0.0) * (2 * math.e))
    p = -root if lower else root
    near = horner(_MU, where(root < NEAR, p, like(0, p)))
    far = root >= NEAR
    if lower:
        inner = where(far & (z < 0), z, like(-0.2, z))
        first = log(-inner)
        second = log(-first)
        w = first - second + second / first
        w = where(inner < -0.2, horner(_MU[:10], maximum(p, -1.2)), w)
    else:
        inner = where(far & (z < math.inf), z, like(1, z))
        first = log1p(inner)
        w = first * (1 - log1p(first) / (2 + first))
    for _ in range(STEPS):
        w = _halley(w, inner)
    value = where(far, w, near)
    edge = where(equal(z, 0), like(-math.inf, z), like(math.nan, z)) if lower else like(math.inf, z)
    inside = (z < 0) if lower else (z < math.inf)
    return where(place >= 0, where(inside, value, edge), like(math.nan, z))


def _code(z: Any, k: Any) -> Any:
    if k.is_constant and k.value.ndim == 0:
        number = float(k.value)
        if number in (0.0, -1.0):
            return _branch(z, number == -1.0)
    chosen = where(equal(k, 0), _branch(z, False), where(equal(k, -1), _branch(z, True), like(math.nan, z)))
    return where(equal(z, z), chosen, z)


def _partial(out: Any, z: Any, k: Any) -> Any:
    """W/(z(1 + W)), which is e⁻ᵂ/(1 + W)."""
    small = abs(out) < 0.5
    divisor = where(small, like(1, z), z)
    return where(small, exp(-minimum(out, 0.5)) / (1 + out), out / (divisor * (1 + out)))


def _reference(z: Any, k: Any) -> Any:
    z, k = np.broadcast_arrays(z, k)
    with np.errstate(all="ignore"):
        branch: Any = np.where(np.isfinite(k), k, 0).astype(int)
        value = scipy_special().lambertw(z.astype(float), branch)
    real = ((k == 0) & (z >= -INVERSE_E)) | ((k == -1) & (z >= -INVERSE_E) & (z <= 0))
    return np.where(real, value.real, np.nan).astype(z.dtype)[()]


_lambertw: Function = special(
    "lambertw", ("z", "k"), lambda S, z, k: S.LambertW(z, k), ((-0.3, 50.0), (0.0, 0.0)),
    (_partial, NoPartial("k of lambertw", "it is the number of a branch", "give k as 0 or −1")),
    "Lambert's function W(z), the real w with w·eʷ = z: the upper branch for k = 0, from −1 on, the lower one for k = −1.",
    notes="NaN where the branch is not real, left of −1/e, and for the lower one right of 0.", expand=_code, reference=_reference,
    scipy=(), defaults=(0.0,), notation=Notation("W", None, r"W_{<1>}\left(<0>\right)"), ulps=16.0,
    reference_ulps=100.0,
    nanoseconds=40.0, specials=(((0.0, 0.0), 0.0), ((math.inf, 0.0), math.inf)),
)  # fmt: skip


@with_checks(_lambertw.op)  # type: ignore[attr-defined]
def lambertw(z: Any, k: Any = 0.0) -> Expr:
    """Lambert's function W(z), the real w with w·eʷ = z: the upper branch for k = 0, from −1 on, the lower one for k = −1.

    NaN where the branch is not real, left of −1/e, and for the lower one right of 0. Raises `InputError` for a k that is another
    number: those branches are complex.
    """
    branch = k.value if isinstance(k, Expr) and k.is_constant else k
    if not isinstance(branch, Expr):
        numbers = np.asarray(branch)
        # what is no number is refused by its type, with the other operands
        if numbers.dtype.kind in "fiu" and not np.isin(numbers, (0, -1)).all():
            other = numbers[~np.isin(numbers, (0, -1))].flat[0]
            raise InputError(
                f"Lambert's function has two real branches, k = 0 and k = −1, and no real values on k = {other:g}",
                site=current_site(),
                hint="write g.lambertw(z) for w ≥ −1, g.lambertw(z, -1) for w ≤ −1; "
                "scipy.special.lambertw computes the complex branches",
            )
    return _lambertw(z, k)


def _of_scipy(z: Any, k: Any, tolerance: Any) -> Expr:
    """What SciPy's `lambertw` calls."""
    return lambertw(z, float(np.asarray(k))) if np.ndim(k) == 0 else lambertw(z, k)


Expr.scipy_table["_lambertw"] = _of_scipy

__all__ = ["lambertw"]
