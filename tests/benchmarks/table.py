"""docs/benchmarks.md: every workload in every framework, interleaved in one session.

    python -m tests.benchmarks table            writes the page
    python -m tests.benchmarks.table NAME …     measures the races whose title holds one of the names again

Absolute times are those of one machine on one day; the ratios are what is compared.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.benchmarks import tensors
from tests.benchmarks.harness import ROOT, Competitor, peers_python
from tests.benchmarks.peers.compilers import ELEMENTWISE_ONLY, FRAMEWORKS
from tests.benchmarks.programs import programs
from tests.benchmarks.workloads import workloads

PAGE = ROOT / "docs" / "benchmarks.md"
MODULE = "tests.benchmarks.peers.compilers"
PATIENCE = 60.0
"""Seconds after which a framework that is not ready is left out."""

OWN = ("graphc", "graphc, one thread", "graphc, value alone")


@dataclass(frozen=True)
class Race:
    """A workload at one size; 0 is a scalar call."""

    workload: str
    size: int
    dtype: str = "float64"

    @property
    def title(self) -> str:
        if not self.size:
            return f"{self.workload}: one scalar call"
        power = str(len(str(self.size)) - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{self.workload}: 10{power} elements, {self.dtype}"


RACES = (
    Race("log-sigmoid", 10**4), Race("log-sigmoid", 10**6), Race("log-sigmoid", 10**7),
    Race("log-sigmoid", 10**4, "float32"), Race("log-sigmoid", 10**6, "float32"), Race("log-sigmoid", 10**7, "float32"),
    Race("Black–Scholes", 10**6), *(Race(name, 0) for name in workloads()),
)  # fmt: skip


def run(race: Race, rounds: int = 9) -> list[Competitor]:
    """All frameworks in turn, round after round."""
    work = workloads()[race.workload]
    competitors = []
    for name in FRAMEWORKS:
        own = name in OWN
        if (
            (name in ELEMENTWISE_ONLY and not race.size)
            or (name == OWN[1] and not race.size)
            or (name == OWN[2] and not work.wrt)
        ):
            continue
        arguments = (race.workload, str(race.size), race.dtype)
        python = sys.executable if own else peers_python()
        competitors.append(Competitor(name, MODULE, name, python, arguments=arguments, patience=PATIENCE))
    for competitor in competitors:
        competitor.start()
    for _ in range(rounds):
        for competitor in competitors:
            if competitor.missing is None:
                competitor.batch()
    for competitor in competitors:
        if competitor.missing is None:
            competitor.stop()
    return competitors


def section(race: Race, competitors: list[Competitor]) -> str:
    """The figures of one race, in Markdown."""
    base = competitors[0].median
    unit, scale = ("ms", 1e3) if base > 1e-3 else ("µs", 1e6)
    lines = [
        f"## {race.title}",
        "",
        f"| | {unit} | ÷ graphc | ready after, s |",
        "| --- | ---: | ---: | ---: |",
    ]
    for c in sorted(competitors, key=lambda c: c.median if c.missing is None else float("inf")):
        if c.missing is not None:
            lines.append(f"| {c.name} | | | {c.missing[:70]} |")
        else:
            setup = c.facts["setup_seconds"]
            lines.append(f"| {c.name} | {c.median * scale:.4g} | {c.median / base:.2f} | {setup:.2f} |")
    values = [c.median for c in competitors if c.name == OWN[2] and c.missing is None]
    if values:
        lines += [
            "",
            f"Value and derivatives together take {base / values[0]:.2f} times as long as the value alone.",
        ]
    if race.size:
        copied, cached = bounds(race)
        lines += [
            "",
            f"Bounds: a plain copy of the same bytes on the same threads takes {copied * scale:.4g} {unit}; the same arithmetic "
            f"on data in cache takes {cached * scale:.4g} {unit}. "
            f"graphc takes {base / max(copied, cached):.2f} times the larger of the two.",
        ]  # fmt: skip
    return "\n".join(lines)


def bounds(race: Race) -> tuple[float, float]:
    """Seconds of a copy of the bytes that go in and out, and of the arithmetic at the pace it has on data in cache."""
    import graphc as g

    work = workloads()[race.workload]
    inputs = [g.symbol(name, dtype=race.dtype) for name in work.names]
    x = g.symbol("x", dtype=race.dtype)
    threads = os.cpu_count() or 1
    moved = sum(1 for a in work.arguments(16, race.dtype) if np.ndim(a)) + 1 + len(work.wrt)
    source = np.ones(race.size * moved // 2, race.dtype)
    copy = g.compile(x * 1, [x], rewrite=None)
    small = 2**12
    f = g.compile(
        g.value_and_grad(_value(g, work, inputs), [inputs[i] for i in work.wrt]), inputs, parallel=False
    )
    arguments = work.arguments(small, race.dtype)
    copied = _best(copy, [source], copy(source))
    pace = _best(f, arguments) / small
    return copied, pace * race.size / threads


def _value(g, work, inputs):
    from tests.benchmarks.peers.compilers import _namespace

    return work.build(_namespace(g, atan=g.atan, abs_=g.abs), *inputs)


def _best(f, arguments, out=None) -> float:
    times = []
    options = {} if out is None else {"out": out}
    for _ in range(100):
        started = time.perf_counter()
        f(*arguments, **options)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def versions() -> str:
    code = (
        "import importlib.metadata as m\n"
        "for n in ('numpy numba llvmlite sympy symengine heyoka casadi pytensor jax torch numexpr scipy').split():\n"
        "    try: print(n, m.version(n), end=', ')\n"
        "    except m.PackageNotFoundError: pass\n"
    )
    own, peers = (
        subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.rstrip(", ")
        for python in (sys.executable, peers_python())
    )
    return f"graphc with {own}; the others with {peers}"


def machine() -> str:
    import llvmlite.binding as llvm

    cpu, python = llvm.get_host_cpu_name(), platform.python_version()
    return f"{os.cpu_count()} logical processors, {cpu}, {platform.system()}, Python {python}"


HEAD = """# Benchmarks

Written by `python -m tests.benchmarks table`; edit that instead. GRAPHC_PEERS is the Python interpreter of an environment in
which the other frameworks are installed.

All frameworks run interleaved in one session, each in a separate process; the figures are medians over {rounds} rounds. Each
framework computes derivatives with its own automatic differentiation, and a call returns the value and all derivatives, unless
the row says "value alone". "Ready after" is the time from the formula to the first result, including imports. The bounds below
the tables are the times that this machine needs to move the data and for the arithmetic alone; a target is a share of the time
or memory of the fastest peer.
{machine}. Versions: {versions}.

"""


def kept() -> dict[str, str]:
    """The sections of the page as it stands, by their titles."""
    if not PAGE.exists():
        return {}
    parts = re.split(r"^(?=##+ )", PAGE.read_text(encoding="utf-8"), flags=re.M)
    # what is said before the programs stands at the end of the section before them
    return {
        part.splitlines()[0].lstrip("# "): part.replace(tensors.HEAD.strip(), "").rstrip()
        for part in parts[1:]
    }


def main(words: Sequence[str] = (), rounds: int = 5) -> None:
    """Measure the races whose title holds one of the words, or all; the page keeps what was measured of the others."""
    texts = kept()
    head = HEAD.format(rounds=rounds, machine=machine(), versions=versions())
    todo: list[tuple[str, Callable[[], str]]] = []
    todo += [(race.title, lambda race=race: section(race, run(race, rounds))) for race in RACES]
    first_program = len(todo)
    todo += [(title, lambda title=title: tensors.section(tensors.run(title, rounds))) for title in programs()]
    for title, measure in todo:
        if words and not any(word in title for word in words):
            continue
        print(title, flush=True)
        texts[title] = measure().rstrip()
        print(texts[title], flush=True)
        parts = [head.rstrip()]
        for number, (other, _) in enumerate(todo):
            if number == first_program:
                parts.append(tensors.HEAD.rstrip())
            if other in texts:
                parts.append(texts[other])
        PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")  # what is measured is kept


if __name__ == "__main__":
    main(sys.argv[1:])
