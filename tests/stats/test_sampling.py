"""A No-U-Turn sampler over the compiled value and gradient: moments of posteriors that are known in closed form."""

import math

import numpy as np
import pytest

import graphc as g
from graphc import stats


def nuts(value_and_gradient, start, draws, warmup, rng):
    """Hoffman and Gelman, "The No-U-Turn Sampler" (2014), algorithm 6, with unit masses."""

    def at(u):
        value, gradient = value_and_gradient(u)
        return float(value), np.array(gradient)

    def leap(u, r, slope, step):
        r = r + 0.5 * step * slope
        u = u + step * r
        value, slope = at(u)
        return u, r + 0.5 * step * slope, value, slope

    def tree(u, r, slope, log_slice, sign, depth, step, joint):
        if depth == 0:
            u, r, value, slope = leap(u, r, slope, sign * step)
            energy = value - 0.5 * r @ r
            inside = int(log_slice <= energy)
            ratio = min(1.0, math.exp(min(0.0, energy - joint))) if math.isfinite(energy) else 0.0
            return (u, r, slope), (u, r, slope), u, inside, log_slice < energy + 1000, ratio, 1
        low, high, chosen, count, go, ratio, tried = tree(
            u, r, slope, log_slice, sign, depth - 1, step, joint
        )
        if go:
            edge = low if sign < 0 else high
            one, two, other, more, on, add, times = tree(*edge, log_slice, sign, depth - 1, step, joint)
            low, high = (one, high) if sign < 0 else (low, two)
            if more and rng.uniform() < more / max(count + more, 1):
                chosen = other
            span = high[0] - low[0]
            go = on and span @ low[1] >= 0 and span @ high[1] >= 0
            count, ratio, tried = count + more, ratio + add, tried + times
        return low, high, chosen, count, go, ratio, tried

    u, step, target = np.array(start, float), 0.1, 0.8
    smooth, bar, mean = 0.0, 0.0, math.log(10 * step)
    kept = []
    for number in range(1, warmup + draws + 1):
        value, slope = at(u)
        r = rng.standard_normal(len(u))
        joint = value - 0.5 * r @ r
        log_slice = joint - rng.exponential()
        low = high = (u, r, slope)
        count, go, depth, ratio, tried = 1, True, 0, 0.0, 1
        while go and depth < 8:
            sign = 1 if rng.uniform() < 0.5 else -1
            edge = low if sign < 0 else high
            one, two, other, more, go, ratio, tried = tree(*edge, log_slice, sign, depth, step, joint)
            low, high = (one, high) if sign < 0 else (low, two)
            if go and rng.uniform() < more / count:
                u = other
            span = high[0] - low[0]
            go = go and span @ low[1] >= 0 and span @ high[1] >= 0
            count, depth = count + more, depth + 1
        if number <= warmup:
            smooth += (target - ratio / tried - smooth) / (number + 10)
            log_step = mean - math.sqrt(number) / 0.05 * smooth
            weight = number**-0.75
            bar = weight * log_step + (1 - weight) * bar
            step = math.exp(log_step if number < warmup else bar)
        else:
            kept.append(u)
    return np.array(kept)


def assert_moments(draws, mean, variance):
    """Within 5 standard errors, by means of 20 batches."""
    for values, exact in ((draws, mean), ((draws - mean) ** 2, variance)):
        batches = values.reshape(20, -1).mean(axis=1)
        error = batches.std(ddof=1) / math.sqrt(20)
        assert abs(batches.mean() - exact) < 5 * error, (batches.mean(), exact, error)
        assert error < 0.2 * (abs(exact) + math.sqrt(variance))


def test_normal_data_with_a_conjugate_prior():
    """y ~ N(μ, σ²) with μ | σ² ~ N(0, σ²/κ) and σ² ~ inverse gamma(a, b): Gelman et al., "Bayesian Data Analysis", §3.3."""
    y = np.random.default_rng(3).normal(1.5, 2.0, 30)
    a, b, kappa = 3.0, 4.0, 0.5
    mu, var, data = g.symbol("mu"), g.symbol("var"), g.symbol("y", shape="n")
    scale = g.sqrt(var)
    logp = (
        g.sum(stats.norm.logpdf(data, mu, scale))
        + stats.norm.logpdf(mu, 0.0, scale / math.sqrt(kappa))
        + stats.invgamma.logpdf(var, a, 0.0, b)
    )
    model = stats.Posterior(logp, {mu: None, var: stats.positive}, {data: y})
    draws = nuts(model.logp_and_grad, [0.0, 0.0], 4000, 500, np.random.default_rng(0))
    found = [model.unpack(u) for u in draws]
    n = len(y)
    k, shape = kappa + n, a + n / 2
    rate = b + 0.5 * np.sum((y - y.mean()) ** 2) + 0.5 * kappa * n * y.mean() ** 2 / k
    center = n * y.mean() / k
    assert_moments(np.array([float(each["mu"]) for each in found]), center, rate / (shape - 1) / k)
    wanted = rate / (shape - 1)
    assert_moments(np.array([float(each["var"]) for each in found]), wanted, wanted**2 / (shape - 2))


@pytest.mark.parametrize("counts", [(3.0, 7.0), (0.7, 5.0)])
def test_a_probability_and_a_rate(counts):
    """Beta and gamma posteriors, on the unit interval and on the half line."""
    a, b = counts
    p, rate = g.symbol("p"), g.symbol("rate")
    logp = stats.beta.logpdf(p, a, b) + stats.gamma.logpdf(rate, 2.5, 0.0, 0.5)
    model = stats.Posterior(logp, {p: stats.between(0, 1), rate: stats.positive})
    draws = nuts(model.logp_and_grad, [0.0, 0.0], 4000, 500, np.random.default_rng(1))
    found = [model.unpack(u) for u in draws]
    assert_moments(
        np.array([float(e["p"]) for e in found]), a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    )
    assert_moments(np.array([float(e["rate"]) for e in found]), 2.5 * 0.5, 2.5 * 0.25)


def test_a_correlated_normal():
    cov = np.array([[2.0, 1.6, 0.0], [1.6, 2.0, -0.3], [0.0, -0.3, 0.5]])
    x = g.symbol("x", shape=3)
    logp = stats.multivariate_normal.logpdf(x, np.array([1.0, -2.0, 0.5]), cov)
    model = stats.Posterior(logp, {x: None})
    draws = nuts(model.logp_and_grad, np.zeros(3), 4000, 500, np.random.default_rng(2))
    for k, mean in enumerate((1.0, -2.0, 0.5)):
        assert_moments(draws[:, k], mean, cov[k, k])
    product = (draws[:, 0] - 1) * (draws[:, 1] + 2)
    batches = product.reshape(20, -1).mean(axis=1)
    assert abs(batches.mean() - 1.6) < 5 * batches.std(ddof=1) / math.sqrt(20)
