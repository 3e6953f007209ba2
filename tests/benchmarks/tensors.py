"""Programs over tensors, side by side: `python -m tests.benchmarks tensors [WORD …]`.

Before anything is timed, the results of every framework are held against those of NumPy in float64: who differs by more than
the program's tolerance is out. Then all are timed in turn, round after round, and last each tells its memory in a process of
its own.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.benchmarks.harness import Competitor, peers_python
from tests.benchmarks.peers.tensors import FRAMEWORKS
from tests.benchmarks.programs import Program, programs

MODULE = "tests.benchmarks.peers.tensors"
OWN = frozenset(("graphc", "graphc, one thread"))
PATIENCE = 120.0

HEAD = """Programs over tensors: before timing, the results of all frameworks are compared with those of NumPy in float64.
"Error" is the largest difference relative to the largest element of a result, or to the largest change in a
training step. "MB beyond inputs" is the increase of the resident memory of the process during a call, beyond the
inputs of the program; the same program on almost no data shows what the framework itself needs. NumPy's derivatives
are written by hand. The bounds are the time to read and write all inputs and results once, and the time of the
necessary operations of the matrix products, both at the rates that this machine reached in the same session.

"""


@dataclass
class Entry:
    """A framework in a race: its timings, the error of its results, what a call holds beyond its inputs, in bytes."""

    competitor: Competitor
    error: float = float("nan")
    growth: int | None = None

    @property
    def name(self) -> str:
        return self.competitor.name

    @property
    def missing(self) -> str | None:
        return self.competitor.missing


@dataclass
class Outcome:
    """A race that was run."""

    title: str
    program: Program
    entries: list[Entry]
    bound: tuple[float, float] = field(default=(0.0, 0.0))


def _competitor(name: str, title: str, *arguments: str) -> Competitor:
    python = sys.executable if name in OWN else peers_python()
    return Competitor(name, MODULE, name, python, arguments=(title, *arguments), patience=PATIENCE)


def _difference(path: Path, program: Program, reference: list[np.ndarray]) -> float:
    """The largest error of a result relative to its largest element; infinite where shapes differ or a NaN is found.

    Of what a step has changed, relative to the largest change, beyond one rounding of the largest element.
    """
    worst = 0.0
    with np.load(path) as found:
        results = [found[key] for key in sorted(found.files)]
    before = program.arrays() if program.ask == "step" else {}
    starts = [None, *(before.get(name) for name in program.wrt)]
    if len(results) != len(reference):
        return float("inf")
    for result, exact, start in zip(results, reference, starts[: len(results)], strict=True):
        if result.shape != exact.shape or not np.all(np.isfinite(result)):
            return float("inf")
        off, scale = np.abs(result - exact).max(initial=0.0), np.abs(exact).max(initial=0.0)
        if start is not None:
            off -= np.finfo(program.dtype).eps * scale
            scale = np.abs(exact - start).max(initial=0.0)
        worst = max(worst, float(max(off, 0.0) / (scale or 1.0)))
    return worst


def run(title: str, rounds: int = 9) -> Outcome:
    """All frameworks that give the right results, in turn."""
    program = programs()[title]
    reference = program.reference()
    entries = []
    with tempfile.TemporaryDirectory() as place:
        for number, name in enumerate(FRAMEWORKS):
            path = Path(place, f"{number}.npz")
            entry = Entry(_competitor(name, title, "time", str(path)))
            entries.append(entry)
            entry.competitor.start()
            if entry.missing is None:
                entry.error = _difference(path, program, reference)
                if entry.error > program.tolerance:
                    entry.competitor.stop()
                    entry.competitor.missing = f"its results differ by {entry.error:.1g}"
    running = [entry for entry in entries if entry.missing is None]
    for _ in range(rounds):
        for entry in running:
            entry.competitor.batch()
    for entry in running:
        entry.competitor.stop()
    for entry in running:
        measured = _competitor(entry.name, title, "memory")
        measured.start()
        if measured.missing is None:
            entry.growth = measured.facts["growth"]
            measured.stop()
    return Outcome(title, program, entries, bounds(program))


def bounds(program: Program) -> tuple[float, float]:
    """Seconds for the program's bytes at the pace of a copy, and for its products at the machine's matrix rate; all threads."""
    return program.bytes / _copied(), program.flops / _multiplied(program.dtype)


def _copied(size: int = 2**25) -> float:
    """Bytes per second that are read or written by a copy much larger than the cache, on all threads."""
    import graphc as g

    x = g.symbol("x")
    copy, source = g.compile(x * 1, [x], rewrite=None), np.ones(size // 8)
    out = copy(source)
    return 2 * size / _median(lambda: copy(source, out=out))


def _multiplied(dtype: str, size: int = 1536) -> float:
    """Floating-point operations per second of a square product, on all threads of NumPy's BLAS."""
    a = np.ones((size, size), dtype)
    return 2 * size**3 / _median(lambda: a @ a)


def _median(call, times: int = 7) -> float:
    seconds = []
    for _ in range(times + 1):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def _size(count: int | None) -> str:
    return "" if count is None else f"{max(count, 0) / 2**20:.1f}"


def section(outcome: Outcome) -> str:
    """The figures of one race, in Markdown; ratios are to graphc, or where it is missing to the fastest."""
    running = sorted((e for e in outcome.entries if e.missing is None), key=lambda e: e.competitor.median)
    base = next((e for e in running if e.name == "graphc"), running[0])
    lines = [
        f"## {outcome.title}",
        "",
        f"| | ms | ÷ {base.name} | MB beyond inputs | error | ready after, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for e in running:
        taken = e.competitor.median
        ratio = f"{taken / base.competitor.median:.2f}"
        setup = e.competitor.facts["setup_seconds"]
        lines.append(
            f"| {e.name} | {taken * 1e3:.4g} | {ratio} | {_size(e.growth)} | {e.error:.0e} | {setup:.2f} |"
        )
    lines += [f"| {e.name} | | | | | {e.missing[:80]} |" for e in outcome.entries if e.missing is not None]
    moved, multiplied = outcome.bound
    bound = [f"Bounds: {outcome.program.bytes / 1e6:.1f} MB at the rate of a copy take {moved * 1e3:.3g} ms"]
    if multiplied:
        bound.append(
            f"{outcome.program.flops / 1e6:.0f} MFLOP at the rate of a large matrix product take {multiplied * 1e3:.3g} ms"
        )
    lines += ["", "; ".join(bound) + "." + "".join(f" {text}." for text in _targets(outcome))]
    return "\n".join(lines)


def _targets(outcome: Outcome) -> list[str]:
    """The targets of graphc against the fastest peer, and what was reached."""
    running = [e for e in outcome.entries if e.missing is None]
    own = next((e for e in running if e.name == "graphc"), None)
    peers = [e for e in running if e.name not in OWN]
    if own is None or not peers:
        return []
    fastest = min(peers, key=lambda e: e.competitor.median)
    time_limit, memory_limit = outcome.program.limits
    said = []
    if time_limit is not None:
        ratio = own.competitor.median / fastest.competitor.median
        said.append(
            f"graphc takes {ratio:.2f} of the time of {fastest.name} (target: at most {time_limit:g})"
        )
    if memory_limit is not None and own.growth is not None and fastest.growth is not None:
        said.append(
            f"Beyond its inputs it uses {_size(own.growth)} MB, {fastest.name} {_size(fastest.growth)} MB"
            f" (target: at most {memory_limit:g} of it)"
        )
    return said


def main(words: list[str], rounds: int = 9) -> list[str]:
    """Run and print the races whose title holds one of the words, or all."""
    texts = []
    for title in programs():
        if not words or any(word in title for word in words):
            texts.append(section(run(title, rounds)))
            print(texts[-1] + "\n", flush=True)
    return texts


if __name__ == "__main__":
    main(sys.argv[1:])
