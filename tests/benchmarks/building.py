"""What a node costs before it is compiled: building it, differentiating, freezing, in chains of two lengths.

    python -m tests.benchmarks.building [NODES …]

Processor time of one process each, the least of three; the chain is Python's loop over operators, as a user writes it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

LENGTHS = (100_000, 1_000_000)
ROUNDS = 3
MOST = 3.0
"""Microseconds a node may take to build."""


def _measured(nodes: int) -> dict[str, float]:
    """Microseconds a node, by what is done."""
    import graphc as g

    x, w = g.symbols("x w")
    g.Graph(g.grad(g.sin(x * w + 1.0), x))  # what is loaded late is there

    def operators() -> Any:
        value = x
        for _ in range(nodes // 2):
            value = value * w + w
        return value

    def functions() -> Any:
        value = x
        for _ in range(nodes // 2):
            value = g.sin(value) + w
        return value

    figures: dict[str, float] = {}

    def timed(what: str, call: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = call()
        figures[what] = 1e6 * (time.process_time() - began) / nodes
        return result

    chain = timed("operators", operators)
    timed("differentiated", lambda value=chain: g.grad(value, x))
    timed("frozen", lambda value=chain: g.Graph(value))
    timed("functions", functions)
    return figures


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--here"]:
        print(json.dumps(_measured(int(arguments[1]))))
        return 0
    for nodes in map(int, arguments) if arguments else LENGTHS:
        runs = []
        for _ in range(ROUNDS):
            command = [sys.executable, "-m", "tests.benchmarks.building", "--here", str(nodes)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            runs.append(json.loads(done.stdout))
        for what in runs[0]:
            least = min(run[what] for run in runs)
            said = "" if what not in ("operators", "functions") else "reached" if least <= MOST else "MISSED"
            print(f"{nodes:9,} nodes  {what:15} {least:6.2f} µs a node  {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
