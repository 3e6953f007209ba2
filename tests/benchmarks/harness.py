"""Interleaved timing of several programs in one session.

Each competitor is a process of its own that has set up its workload and waits. The harness asks them for a batch in turn,
round after round, so that a drift of the machine's speed meets all alike; what is compared are medians over the rounds.

A peer is a module of `tests.benchmarks.peers` that needs no graphc: it is started with the interpreter named by the
environment variable GRAPHC_PEERS (a Python of a virtual environment that has the peers), or with this one if that has
what it imports.
"""

from __future__ import annotations

import compileall
import functools
import json
import os
import select
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Competitor:
    """A process that times batches of one workload."""

    name: str
    module: str
    workload: str
    python: str = sys.executable
    times: list[float] = field(default_factory=list)
    arguments: tuple[str, ...] = ()
    patience: float = 600.0
    missing: str | None = None
    facts: dict = field(default_factory=dict)

    def start(self) -> None:
        _prepared()
        environment = dict(os.environ, PYTHONPATH=str(ROOT), JAX_PLATFORMS="cpu")
        self.process = subprocess.Popen(
            [self.python, "-m", self.module, self.workload, *self.arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip
        self._read()

    def _read(self) -> dict:
        if not select.select([self.process.stdout], [], [], self.patience)[0]:
            self.process.kill()
            self.missing = f"not ready after {self.patience:.0f} s"
            return {}
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):
            line = self.process.stdout.readline()
        if not line:
            error = self.process.stderr.read().strip().splitlines()
            said = [text for text in error if not text.startswith(" ")]  # not the lines that explain it
            self.missing = said[-1] if said else f"ended with exit code {self.process.wait()}"
            return {}
        answer = json.loads(line)
        self.facts.update(answer)
        return answer

    def batch(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        answer = self._read()
        if "seconds" in answer:
            self.times.append(answer["seconds"])

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:  # millions of nodes take minutes to be freed
            self.process.kill()
            self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stderr.close()

    @property
    def median(self) -> float:
        return statistics.median(self.times)


@functools.cache
def _prepared() -> None:
    """Bytecode for what is in this checkout, as an installed package has it and the peers have theirs.

    Where Python is told to write none, each process would compile graphc's sources anew, half of what it takes to be ready.
    """
    for room in ("graphc", "tests/benchmarks"):
        compileall.compile_dir(ROOT / room, quiet=2)


def peers_python() -> str:
    return os.environ.get("GRAPHC_PEERS", sys.executable)


def race(title: str, competitors: list[Competitor], rounds: int = 15) -> dict[str, float]:
    """Time all competitors in turn and print their medians relative to the first one's; returns the medians in seconds."""
    for competitor in competitors:
        competitor.start()
    running = [c for c in competitors if c.missing is None]
    for _ in range(rounds):
        for competitor in running:
            competitor.batch()
    for competitor in running:
        competitor.stop()
    print(f"\n{title}")
    base = competitors[0].median
    for competitor in competitors:
        if competitor.missing is not None:
            print(f"  {competitor.name:24s} missing: {competitor.missing[:90]}")
            continue
        compiled = competitor.facts.get("setup_seconds", 0.0)
        print(
            f"  {competitor.name:24s} {competitor.median * 1e6:12.3f} µs   ratio {competitor.median / base:8.2f}"
            f"   set-up {compiled:7.3f} s   result {competitor.facts.get('check', '')}"
        )
    return {c.name: c.median for c in running}
