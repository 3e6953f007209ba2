"""Error bars from derivatives: Fisher information, the delta method, a profile likelihood, Laplace's approximation.

Counts decay with an unknown rate over a known background. One formula, the log-likelihood of Poisson's distribution, gives all:
its Hessian at the maximum is the Fisher information, whose inverse is the covariance of what is estimated; the gradient of any
quantity carries that covariance to its error bar; fits with one unknown held draw the profile, whose interval needs no normal
distribution; and the integral of the likelihood is that of the parabola at its maximum. At the end measured numbers with errors
go through a formula by one Jacobian.

Run: python examples/error_bars.py
"""

import numpy as np
from scipy.integrate import dblquad
from scipy.optimize import brentq

import graphc as g

TIMES = np.arange(12.0)
COUNTS = np.array([104.0, 77, 62, 52, 37, 33, 29, 18, 21, 14, 16, 12])
BACKGROUND = 8.0

amplitude, rate = g.symbols("amplitude rate")
expected = amplitude * g.exp(-rate * TIMES) + BACKGROUND
loss = g.sum(expected - COUNTS * g.log(expected))  # −log-likelihood, but for a constant


def maximum():
    """The most likely values, and their covariance: the inverse of the Fisher information that was observed."""
    best = g.minimize(loss, {amplitude: 50.0, rate: 0.5})
    information = np.array(g.evaluate(g.hessian(loss, [amplitude, rate]), best.unknowns))
    return best, np.linalg.inv(information)


def delta_method(quantity, best, covariance):
    """A function of the unknowns and its standard error, to first order."""
    slope = np.array(g.evaluate(g.grad(quantity, [amplitude, rate]), best.unknowns))
    return g.evaluate(quantity, best.unknowns), float(np.sqrt(slope @ covariance @ slope))


def profile_interval(best, error):
    """Where the likelihood, at its best for each rate, has fallen by e^(−1/2): 68 % without assuming a normal distribution."""

    def fallen(value):
        held = g.minimize(loss, {amplitude: best.unknowns["amplitude"]}, data={rate: value})
        return held.fun - best.fun - 0.5

    middle = best.unknowns["rate"]
    return brentq(fallen, middle - 3 * error, middle), brentq(fallen, middle, middle + 3 * error)


def laplace(best, covariance):
    """The integral of the likelihood beside its maximum, by the parabola there and by quadrature."""
    f = g.compile(loss, [amplitude, rate])
    (a, r), (da, dr) = best.unknowns.values(), 7 * np.sqrt(np.diag(covariance))
    whole, _ = dblquad(lambda y, x: np.exp(best.fun - f(x, y)), a - da, a + da, r - dr, r + dr, epsrel=1e-6)
    return 2 * np.pi * np.sqrt(np.linalg.det(covariance)), whole


def propagated(formula, measured):
    """A formula of measured numbers, symbol → (value, error), with its error bar, each error's share, from one Jacobian."""
    at = {symbol: value for symbol, (value, _) in measured.items()}
    slopes = g.evaluate(g.grad(formula, list(measured)), at)
    shares = np.array([s * error for s, (_, error) in zip(slopes, measured.values(), strict=True)])
    return g.evaluate(formula, at), float(np.linalg.norm(shares)), shares**2 / np.sum(shares**2)


def main():
    best, covariance = maximum()
    errors = np.sqrt(np.diag(covariance))
    # the expected information of Poisson counts, from the model's slopes alone, is close to the one observed
    slopes = np.stack(g.evaluate([g.jacobian(expected, s) for s in (amplitude, rate)], best.unknowns), axis=1)
    mean = g.evaluate(expected, best.unknowns)
    by_slopes = np.sqrt(np.diag(np.linalg.inv(slopes.T @ (slopes / mean[:, None]))))
    np.testing.assert_allclose(errors, by_slopes, rtol=0.05)
    for (name, value), error in zip(best.unknowns.items(), errors, strict=True):
        print(f"{name} = {value:.4f} ± {error:.4f}")

    half_life = np.log(2) / rate
    value, error = delta_method(half_life, best, covariance)
    np.testing.assert_allclose(error / value, errors[1] / best.unknowns["rate"], rtol=1e-12)  # of a quotient
    print(f"half-life = {value:.3f} ± {error:.3f}")

    low, high = profile_interval(best, errors[1])
    middle = best.unknowns["rate"]
    print(f"rate by its profile: {middle:.4f} −{middle - low:.4f} +{high - middle:.4f}")
    assert high - middle > middle - low  # the likelihood leans to fast decays
    np.testing.assert_allclose(high - low, 2 * errors[1], rtol=0.02)

    parabola, whole = laplace(best, covariance)
    print(f"integral of the likelihood: {parabola:.6f} by Laplace, {whole:.6f} by quadrature")
    np.testing.assert_allclose(parabola, whole, rtol=0.03)

    length, period = g.symbols("length period")
    gravity, bar, shares = propagated(
        4 * np.pi**2 * length / period**2, {length: (0.997, 0.002), period: (2.003, 0.004)}
    )
    print(f"g = {gravity:.3f} ± {bar:.3f} m/s², {shares[1]:.0%} of the variance from the period")
    np.testing.assert_allclose(bar / gravity, np.hypot(0.002 / 0.997, 2 * 0.004 / 2.003), rtol=1e-12)


if __name__ == "__main__":
    main()
