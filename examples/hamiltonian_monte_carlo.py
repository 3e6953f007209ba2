"""Hamiltonian Monte Carlo as in Neal's chapter: loops within a loop, on given random numbers.

A point with a momentum moves over a surface whose height is −log of the density; where it ends is accepted or not. The path is a
loop of leapfrog steps, the chain a loop of paths, and `g.vmap` runs several chains; the force is the derivative of the height,
taken inside. The random numbers are inputs, so that the chain is a function: the same in NumPy, step by step.

The density is a normal one in two dimensions with correlation 0.95, where a random walk of as many evaluations hardly moves.
Source: Neal, MCMC using Hamiltonian dynamics (2011), section 5.3.

Run: python examples/hamiltonian_monte_carlo.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

CORRELATION, STEP, LEAPS, PATHS, CHAINS = 0.95, 0.18, 20, 500, 4
PRECISION = np.linalg.inv(np.array([[1.0, CORRELATION], [CORRELATION, 1.0]]))


def height(place):
    return g.sum(place * (PRECISION @ place)) / 2


def leap(state):
    """Half a step of the momentum, a step of the place, half a step of the momentum."""
    place, momentum = state
    momentum = momentum - STEP / 2 * g.grad(height(place), place)
    place = place + STEP * momentum
    return place, momentum - STEP / 2 * g.grad(height(place), place)


def path(place, random):
    """Where the chain is next: at the end of the path, or where it was."""
    momentum, uniform = random
    end, last = g.fori_loop(0, LEAPS, lambda _, state: leap(state), (place, momentum))
    gained = height(place) + g.sum(momentum**2) / 2 - height(end) - g.sum(last**2) / 2
    accepted = g.log(uniform) < gained
    place = g.where(accepted, end, place)
    return place, (place, accepted)


def chain(start, momenta, uniforms):
    return g.scan(path, start, (momenta, uniforms))[1]


def by_hand(place, momenta, uniforms):
    places = []
    for momentum, uniform in zip(momenta, uniforms, strict=True):
        end, p = place, momentum
        for _ in range(LEAPS):
            p = p - STEP / 2 * PRECISION @ end
            end = end + STEP * p
            p = p - STEP / 2 * PRECISION @ end
        gained = (place @ PRECISION @ place + momentum @ momentum - end @ PRECISION @ end - p @ p) / 2
        place = end if np.log(uniform) < gained else place
        places.append(place)
    return np.array(places)


def random_walk(place, rng, count):
    """Metropolis' algorithm with steps of 0.18."""
    places, own = [], place @ PRECISION @ place / 2
    for _ in range(count):
        other = place + 0.18 * rng.normal(size=2)
        new = other @ PRECISION @ other / 2
        if np.log(rng.random()) < own - new:
            place, own = other, new
        places.append(place)
    return np.array(places)


def main(directory="."):
    Path(directory).mkdir(parents=True, exist_ok=True)
    start, momenta, uniforms = (
        g.symbol("start", shape=("chains", 2)),
        g.symbol("momenta", shape=("chains", "paths", 2)),
        g.symbol("uniforms", shape=("chains", "paths")),
    )
    run = g.compile(g.vmap(chain)(start, momenta, uniforms), [start, momenta, uniforms])
    rng = np.random.default_rng(2)
    begin = np.tile([-1.5, -1.55], (CHAINS, 1))
    given, chances = rng.normal(size=(CHAINS, PATHS, 2)), rng.random((CHAINS, PATHS))
    places, accepted = run(begin, given, chances)
    assert np.allclose(places[0, :50], by_hand(begin[0], given[0, :50], chances[0, :50]), atol=1e-9)
    samples = places[:, 20:].reshape(-1, 2)
    covariance = np.cov(samples.T)
    walk = random_walk(begin[0], rng, PATHS * LEAPS)[LEAPS - 1 :: LEAPS]
    print(
        f"accepted {accepted.mean():.0%}; covariance {covariance.round(2).tolist()}, it is 1 and {CORRELATION}"
    )
    assert accepted.mean() > 0.8 and np.abs(samples.mean(0)).max() < 0.1
    assert np.abs(covariance - np.linalg.inv(PRECISION)).max() < 0.15

    figure, axes = plt.subplots(1, 3, figsize=(13, 5.2))
    angle = np.linspace(0, 2 * np.pi, 200)
    ring = np.linalg.cholesky(np.linalg.inv(PRECISION)) @ np.array([np.cos(angle), np.sin(angle)])
    one = one_path(begin[0], given[0, 0])
    for axis, points, title in (
        (axes[0], one, f"one path of {LEAPS} leapfrog steps"),
        (axes[1], places[0, :100], "100 paths"),
    ):
        for size in (1, 2):
            axis.plot(*(size * ring), color="0.7", linewidth=1)
        axis.plot(*points.T, "o-" if axis is axes[0] else ".", color="tab:red", markersize=4, linewidth=1)
        axis.set_aspect("equal")
        axis.set_title(title)
    axes[2].plot(walk[:200, 0], color="0.6", label=f"random walk, every {LEAPS}th")
    axes[2].plot(places[0, :200, 0], color="tab:red", linewidth=0.8, label="Hamiltonian")
    axes[2].set_title("first coordinate")
    axes[2].set_ylim(-4.5, 3.2)
    axes[2].legend(loc="lower right")
    figure.savefig(Path(directory) / "hamiltonian_monte_carlo.png")


def one_path(place, momentum):
    """The places of one path: the same loop, with what every step gives."""
    begin, push = g.symbol("begin", shape=2), g.symbol("push", shape=2)
    _, places = g.scan(lambda state, _: (leap(state), state[0]), (begin, push), length=LEAPS + 1)
    return g.compile(places, [begin, push])(place, momentum)


if __name__ == "__main__":
    main(*sys.argv[1:2])
