"""From a formula to its first result, nothing prepared, beside JAX and heyoka: `python -m tests.benchmarks.cold [NAME …]`.

Every figure is a process of its own, and the frameworks take turns; medians of `ROUNDS`. GRAPHC_PEERS names a Python that
has them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from tests.benchmarks.harness import ROOT, peers_python
from tests.benchmarks.peers.cold_programs import NAMES

ROUNDS = 5


def _run(name: str, framework: str) -> dict | None:
    python = sys.executable if framework == "graphc" else peers_python()
    environment = dict(os.environ, PYTHONPATH=str(ROOT), JAX_PLATFORMS="cpu")
    environment.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # bytecode is kept, as it is for whoever installs a framework
    done = subprocess.run(
        [python, "-m", "tests.benchmarks.peers.cold_programs", name, framework],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        print(f"  {framework} missing: {(done.stderr.strip().splitlines() or ['?'])[-1][:100]}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main(names: list[str]) -> int:
    for name in names or NAMES:
        print(f"\n{name}")
        rows: dict[str, list[dict]] = {}
        frameworks = ["graphc", "jax", *(["heyoka"] if name == "3,000 numbers" else [])]
        for _ in range(ROUNDS):
            for framework in list(frameworks):
                row = _run(name, framework)
                if row is None:
                    frameworks.remove(framework)
                else:
                    rows.setdefault(framework, []).append(row)
        medians = {
            framework: {
                key: statistics.median(row[key] for row in given) for key in ("import", "once", "program")
            }
            for framework, given in rows.items()
        }
        for framework, seconds in medians.items():
            whole, own = sum(seconds.values()), medians["graphc"]
            print(
                f"  {framework:7} import {seconds['import']:.3f}  once {seconds['once']:.3f}  program {seconds['program']:.3f} s"
                f"   graphc's: program {own['program'] / seconds['program']:.2f}, all of it {sum(own.values()) / whole:.2f}"
                f"   ({rows[framework][0]['check']})"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
