"""Sparse Jacobians and Hessians beside CasADi's (sparse, by its virtual machine) and JAX's (dense), in one run.

    python -m tests.benchmarks.sparse [--only NAME] [--scale 1.0]      (GRAPHC_PEERS names a Python that has casadi and jax)

Four programs: a reaction–diffusion stencil of 300,000 unknowns, an optimal-control transcription of 10,000 states, bundle
adjustment of 100,000 observations, the Hessian of the extended Rosenbrock function of 1,000,000 variables; `--scale` makes them
smaller. Dense matrices are compared at some 2,000 unknowns. Each way is a process of its own; calls alternate, and medians are
compared: below 1 graphc is faster. Wanted are at most 1 beside CasADi and 0.2 beside JAX.
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks.harness import Competitor, peers_python, race
from tests.benchmarks.peers.sparse_programs import BOUNDS, derivative, unknowns

MODULE = "tests.benchmarks.peers.sparse_programs"
SIZES = {"stencil": 300_000, "collocation": 10_000, "bundle": 100_000, "rosenbrock": 1_000_000}
DENSE = {"stencil": 2_000, "collocation": 1_600, "bundle": 1_500, "rosenbrock": 2_000}


def beside(name: str, size: int, other: str, rounds: int) -> None:
    workload = f"{name}:{size}"
    own = Competitor("graphc", MODULE, f"{workload}:graphc")
    peer = Competitor(other, MODULE, f"{workload}:{other}", peers_python(), patience=900.0)
    title = f"{name} of {size:,}: {unknowns(name, size):,} unknowns, beside {other}"
    times = race(title, [own, peer], rounds)
    if other in times:
        ready = own.facts["setup_seconds"] / peer.facts["setup_seconds"]
        print(f"  graphc/{other}: a call {times['graphc'] / times[other]:.3f}, ready {ready:.3f}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SIZES, action="append")
    parser.add_argument("--scale", type=float, default=1.0, help="of the large programs")
    parser.add_argument("--no-dense", action="store_true", help="leave JAX out")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    for name in options.only or SIZES:
        _, small = derivative(name, DENSE[name])
        print(f"\n{name}: {small}; at most {BOUNDS[name]} colours", flush=True)
        if not options.no_dense:
            beside(name, DENSE[name], "jax", options.rounds)
        beside(name, int(SIZES[name] * options.scale), "casadi", options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
