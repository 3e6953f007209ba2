"""Programs with loops, value and gradient, beside JAX's `lax`: the time of a call, and that until the first result.

python -m tests.benchmarks.loops [NAME …]      (GRAPHC_PEERS names a Python that has jax)
"""

from __future__ import annotations

import math
import sys

from tests.benchmarks.harness import Competitor, peers_python, race
from tests.benchmarks.peers.loop_programs import NAMES

MODULE = "tests.benchmarks.peers.loop_programs"


def main(names: list[str]) -> int:
    ratios: list[float] = []
    for name in names or NAMES:
        own = Competitor("graphc", MODULE, f"{name}:graphc")
        other = Competitor("jax", MODULE, f"{name}:jax", peers_python())
        times = race(name, [own, other])
        if "jax" in times:
            ratios.append(times["graphc"] / times["jax"])
            cold = own.facts["setup_seconds"] / other.facts["setup_seconds"]
            print(f"  graphc/jax: call {ratios[-1]:.2f}, until the first result {cold:.2f}")
    if ratios:
        print(f"\ngeometric mean of calls {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
