"""Posteriors for a sampler of another package: eight schools, and a regression with a level for each group.

`g.stats.Posterior` makes of a log-density one compiled function of free numbers: its value and gradient, with the transforms of
what is positive and their Jacobians in it. nutpie (No-U-Turn, `pip install nutpie`) walks over it; its means and deviations are
held against integrals over a grid, in which the levels of schools and groups are integrated in closed form. Without nutpie the
functions are made and checked, and nothing is sampled.

Sources: Rubin, Estimation in parallel randomized experiments (1981); Gelman et al., Bayesian Data Analysis, section 5.5.

Run: python examples/sampling_posteriors.py
"""

import importlib.util

import numpy as np

import graphc as g
from graphc import stats

EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
GROUPS, EACH = 6, 7


def eight_schools():
    """Effects of schools around a mean: standardised, so that the sampler sees no funnel."""
    mean, spread, standard = g.symbol("mean"), g.symbol("spread"), g.symbol("standard", shape=8)
    logp = (
        stats.norm.logpdf(mean, 0.0, 5.0)
        + stats.halfcauchy.logpdf(spread, 0.0, 5.0)
        + g.sum(stats.norm.logpdf(standard))
        + g.sum(stats.norm.logpdf(EFFECTS, mean + spread * standard, ERRORS))
    )
    return stats.Posterior(logp, {mean: stats.real, spread: stats.positive, standard: stats.real})


def measured():
    """Groups of points around lines of one slope."""
    rng = np.random.default_rng(4)
    group, x = np.repeat(np.arange(GROUPS), EACH), rng.uniform(-2, 2, GROUPS * EACH)
    return group, x, 1.5 * x + rng.normal(0.5, 1.0, GROUPS)[group] + rng.normal(0, 0.7, len(x))


def regression():
    group, x, y = measured()
    slope, mean, spread, noise = g.symbols("slope mean spread noise")
    standard = g.symbol("standard", shape=GROUPS)
    level = mean + spread * standard
    logp = (
        stats.norm.logpdf(slope, 0.0, 2.0)
        + stats.norm.logpdf(mean, 0.0, 3.0)
        + stats.halfnorm.logpdf(spread, 0.0, 1.5)
        + stats.halfnorm.logpdf(noise, 0.0, 1.0)
        + g.sum(stats.norm.logpdf(standard))
        + g.sum(stats.norm.logpdf(y, level[group] + slope * x, noise))
    )
    free = {slope: None, mean: None, spread: stats.positive, noise: stats.positive, standard: None}
    return stats.Posterior(logp, free)


# --- the same by integrals over a grid ----------------------------------------------------------------------------------


def moments(logs, values):
    """Mean and deviation by weights exp(logs) on a grid, of conditional means and variances there."""
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    found = {}
    for name, (mean, variance) in values.items():
        first = float(np.sum(weights * mean))
        found[name] = first, float(np.sqrt(np.sum(weights * (variance + (mean - first) ** 2))))
    return found


def schools_by_grid():
    spread = np.exp(np.linspace(np.log(1e-4), np.log(500), 4000))
    around = ERRORS**2 + spread[:, None] ** 2  # of an effect, the school's own integrated out
    precision = (1 / around).sum(axis=1) + 1 / 25
    mean = (EFFECTS / around).sum(axis=1) / precision
    logs = -0.5 * (np.log(around) + EFFECTS**2 / around).sum(axis=1) - 0.5 * np.log(precision)
    logs += 0.5 * mean**2 * precision - np.log1p((spread / 5) ** 2) + np.log(spread)
    return moments(logs, {"mean": (mean, 1 / precision), "spread": (spread, 0.0)})


def regression_by_grid():
    group, x, y = measured()
    same = (group[:, None] == group).astype(float)
    design = np.column_stack([x, np.ones_like(x)])
    prior = np.diag([1 / 4, 1 / 9])
    spreads, noises = np.exp(np.linspace(np.log(0.02), np.log(8), 90)), np.linspace(0.35, 1.3, 80)
    shape = len(spreads), len(noises)
    logs, slope, mean, slope_variance, mean_variance = (np.zeros(shape) for _ in range(5))
    for i, spread in enumerate(spreads):
        for j, noise in enumerate(noises):
            cov = spread**2 * same + noise**2 * np.eye(len(x))
            weighted = np.linalg.solve(cov, np.column_stack([design, y]))
            precision = design.T @ weighted[:, :2] + prior
            best = np.linalg.solve(precision, design.T @ weighted[:, 2])
            logs[i, j] = 0.5 * (best @ precision @ best - y @ weighted[:, 2])
            logs[i, j] -= 0.5 * (np.linalg.slogdet(cov)[1] + np.linalg.slogdet(precision)[1])
            logs[i, j] += np.log(spread) - 0.5 * (spread / 1.5) ** 2 - 0.5 * noise**2
            slope[i, j], mean[i, j] = best
            slope_variance[i, j], mean_variance[i, j] = np.diag(np.linalg.inv(precision))
    return moments(
        logs,
        {
            "slope": (slope, slope_variance),
            "mean": (mean, mean_variance),
            "spread": (spreads[:, None], 0.0),
            "noise": (noises, 0.0),
        },
    )


# --- the sampler --------------------------------------------------------------------------------------------------------


def sampled(posterior, draws=1500, chains=4):
    """Draws of NUTS by parameter: (chains, draws, …)."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    function = posterior.logp_and_grad
    model = from_pyfunc(
        posterior.size,
        lambda: lambda u: tuple(function(u)),
        lambda seed1, seed2, chain: lambda u: {"u": u},
        [np.dtype("float64")],
        [(posterior.size,)],
        ["u"],
    )
    trace = nutpie.sample(model, draws=draws, tune=1000, chains=chains, cores=1, seed=3, progress_bar=False)
    return posterior.unpack(np.asarray(trace.posterior["u"]))


def main():
    there = importlib.util.find_spec("nutpie") is not None
    cases = {
        "eight schools": (eight_schools(), schools_by_grid()),
        "regression": (regression(), regression_by_grid()),
    }
    for name, (posterior, exact) in cases.items():
        u = np.linspace(-1, 1, posterior.size)
        value, gradient = posterior.logp_and_grad(u)
        steps = 1e-6 * np.eye(posterior.size)
        slope = [(posterior.logp(u + e) - posterior.logp(u - e)) / 2e-6 for e in steps]
        assert np.allclose(gradient, slope, rtol=1e-5, atol=1e-5)
        print(
            f"{name}: {posterior.size} free numbers, log-density {value:.4f}, a C function at {posterior.address:#x}"
        )
        draws = sampled(posterior) if there else {}
        for parameter, (mean, deviation) in exact.items():
            line = f"  {parameter:8} {mean:8.4f} ± {deviation:.4f} by integrals"
            if there:
                values = draws[parameter]
                line += f", {values.mean():8.4f} ± {values.std():.4f} by NUTS"
                assert abs(values.mean() - mean) < 0.15 * deviation, line
                assert abs(values.std() / deviation - 1) < 0.2, line
            print(line)
    if not there:
        print("nutpie is not installed, and nothing was sampled: pip install nutpie")


if __name__ == "__main__":
    main()
