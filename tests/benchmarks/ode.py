"""Differential equations beside heyoka and SciPy: the time of a call, and how Kepler's energy drifts over 10⁴ orbits.

python -m tests.benchmarks.ode [NAME …]      (GRAPHC_PEERS names a Python that has heyoka, scipy and numba)
python -m tests.benchmarks.ode kepler        the energy, of graphc and of heyoka in its two modes
"""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import mpmath
import numpy as np

import graphc as g
from tests.benchmarks.harness import Competitor, peers_python, race

MODULE = "tests.benchmarks.peers.ode_problems"
PEERS = {"lorenz": "heyoka", "outer": "heyoka", "lorenz5": "scipy", "volterra5": "scipy"}

ORBITS, ECCENTRICITY = 10_000, 0.2

HEYOKA_KEPLER = f"""
import heyoka as hy, math, mpmath
mpmath.mp.dps = 40
def energy(state):
    x, y, u, v = map(mpmath.mpf, map(float, state))
    return (u * u + v * v) / 2 - 1 / mpmath.sqrt(x * x + y * y)
x, y, u, v = hy.make_vars("x", "y", "u", "v")
r3 = (x * x + y * y) ** -1.5
for exact in (False, True):
    start = [1 - {ECCENTRICITY}, 0.0, 0.0, math.sqrt((1 + {ECCENTRICITY}) / (1 - {ECCENTRICITY}))]
    ta = hy.taylor_adaptive([(x, u), (y, v), (u, -x * r3), (v, -y * r3)], start, high_accuracy=exact)
    steps = ta.propagate_until(2 * math.pi * {ORBITS})[3]
    off = float(abs(energy(ta.state) / energy(start) - 1))
    name = "heyoka, high accuracy" if exact else "heyoka"
    print(f"{{name}}: energy off by {{off:.2e}} after {{steps:,}} steps of order {{ta.order}}")
"""


def _energy_off(start: Any, state: Any) -> float:
    """The energy of a state over that of the first one, less 1; in 40 digits, so that nothing of this sum's own is in it."""
    energies = []
    with mpmath.workdps(40):
        for numbers in (start, state):
            x, y, u, v = map(mpmath.mpf, map(float, numbers))
            energies.append((u * u + v * v) / 2 - 1 / mpmath.sqrt(x * x + y * y))
        return float(abs(energies[1] / energies[0] - 1))


def kepler() -> None:
    """How far the energy is off at the end."""

    def f(t: Any, state: Any) -> list[Any]:
        x, y, u, v = state
        r3 = (x * x + y * y) ** -1.5
        return [u, v, -x * r3, -y * r3]

    fast = math.sqrt((1 + ECCENTRICITY) / (1 - ECCENTRICITY))
    start = [1 - ECCENTRICITY, 0.0, 0.0, fast]
    for exact in (False, True):
        y, told = g.odeint(
            f,
            start,
            2 * np.pi * ORBITS,
            method="taylor",
            order=20,
            max_steps=None,
            info=True,
            high_accuracy=exact,
        )
        state, told = g.compile([y, told], [], cache=False)()
        name = "graphc, high accuracy" if exact else "graphc"
        print(
            f"{name}: energy off by {_energy_off(start, state):.2e} after {told['steps']:,} steps of order 20",
            flush=True,
        )
    subprocess.run([peers_python(), "-c", HEYOKA_KEPLER], check=True)


def main(names: list[str]) -> int:
    if names == ["kepler"]:
        kepler()
        return 0
    for name in names or PEERS:
        other = PEERS[name]
        own = Competitor("graphc", MODULE, f"{name}:graphc")
        times = race(name, [own, Competitor(other, MODULE, f"{name}:{other}", peers_python())])
        if other in times:
            print(f"  graphc/{other}: {times['graphc'] / times[other]:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
