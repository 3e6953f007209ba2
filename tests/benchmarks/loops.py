"""Programs with loops, value and gradient, beside JAX's `lax`: the time of a call, and that until the first result.

python -m tests.benchmarks.loops [NAME …]      (GRAPHC_PEERS names a Python that has jax)
python -m tests.benchmarks.loops agree [NAME …]   how far values, slopes and second derivatives are from JAX's
python -m tests.benchmarks.loops checkpoint    what reverse mode over 10⁶ steps keeps, with checkpoints and without
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

import graphc as g
from tests.benchmarks.harness import ROOT, Competitor, peers_python, race
from tests.benchmarks.peers.loop_programs import NAMES

MODULE = "tests.benchmarks.peers.loop_programs"


def checkpoints() -> None:
    """The numbers in the workspace of value and gradient, and the time of a call."""
    w = g.symbol("w")
    for how in ("none", "sqrt"):
        end, _ = g.scan(lambda c, _: (g.sin(c) * w + 0.1, None), w, length=1_000_000, checkpoint=how)
        f: Any = g.compile([end, g.grad(end, w)], [w], cache=False)
        results, seconds = f(0.9), []
        for _ in range(5):
            began = time.perf_counter()
            f(0.9)
            seconds.append(time.perf_counter() - began)
        _, workspace = f._native.frame({})
        print(f"{how:5} {workspace.nbytes // 8:9,} numbers   {1e3 * min(seconds):7.1f} ms   {results}")


def agreement(names: list[str]) -> float:
    """The largest distance of value, slopes and second derivatives, each relative to its largest element; printed."""
    worst = 0.0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            arrays = []
            for kind, python in (("graphc", sys.executable), ("jax", peers_python())):
                path = f"{folder}/{kind}.npz"
                subprocess.run(
                    [python, "-m", MODULE, "written", name, kind, path], check=True, env=_environment()
                )
                with np.load(path) as file:
                    arrays.append([file[each] for each in file.files])
        far = [
            float(np.max(np.abs(own - other)) / max(np.max(np.abs(other)), 1e-300))
            for own, other in zip(*arrays, strict=True)
        ]
        worst = max(worst, *far)
        print(f"{name:16} {' '.join(f'{each:.1e}' for each in far)}", flush=True)
    print(f"largest {worst:.1e}")
    return worst


def _environment() -> dict[str, str]:
    return dict(os.environ, PYTHONPATH=str(ROOT), JAX_PLATFORMS="cpu")


def main(names: list[str]) -> int:
    if names == ["checkpoint"]:
        checkpoints()
        return 0
    if names[:1] == ["agree"]:
        return int(agreement(names[1:] or list(NAMES)) > 1e-12)
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
