"""Graphc's functions beside C++ written by hand, both called in turn by the same loop in C++.

    python -m tests.benchmarks.by_hand [NAME …]

The C++ is built by the system's compiler (CXX, else c++) with -O3 -march=native. What is called of graphc is the C function at
`f.address`; a second figure is the call from Python, `f(…)`, over the same C++: there what is large may run on several threads.
Results are compared before anything is timed. "New moves" are other random numbers call after call (in C alone): given the same
again, a processor remembers 2,000 branches. Each figure is the least of many batches.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from tests.benchmarks.by_hand.programs import CASES, Case

HERE = Path(__file__).parent
FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-Wall")
ROUNDS = 25
BATCH = 2e-3
"""Seconds of a batch of calls, about."""


def compiler() -> str | None:
    """The system's C++ compiler."""
    return shutil.which(os.environ.get("CXX") or "c++")


def build(signatures: dict[str, str], directory: str) -> ctypes.CDLL:
    """The functions by hand, and beside each a loop that calls a function of its signature many times."""
    lines = ["#include <chrono>", "#include <cstdint>", "#define restrict __restrict"]
    for name, signature in signatures.items():
        parameters = signature[signature.index("(") + 1 : signature.rindex(")")]
        names = ", ".join(re.findall(r"(\w+)(?:,|$)", parameters))
        lines += [
            f'extern "C" double time_{name}(int (*f)({parameters}), int64_t repeats, {parameters}) {{',
            "    const auto began = std::chrono::steady_clock::now();",
            "    int status = 0;",
            f"    for (int64_t k = 0; k < repeats; k++) status |= f({names});",
            "    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;",
            "    return status ? -1.0 : took.count() / repeats;",
            "}",
        ]
    timing = Path(directory, "timing.cpp")
    timing.write_text("\n".join([*lines, ""]))
    library = Path(directory, "by_hand.so")
    sources = [str(path) for path in sorted(HERE.glob("*.cpp"))]
    subprocess.run([str(compiler()), *FLAGS, *sources, str(timing), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


class Prepared:
    """A case with everything that calls need."""

    def __init__(self, case: Case) -> None:
        inputs, results = case.build()
        self.function = case.function
        self.f: Any = g.compile(results, inputs, cache=False)
        self.values = self._ready(case.at(), inputs)
        self.others = [] if case.others is None else [self._ready(each, inputs) for each in case.others()]
        self.expected = self.f(*self.values)
        lengths: dict[str, int] = {}
        for x, value in zip(inputs, self.values, strict=True):
            lengths |= {
                str(n): k for n, k in zip(x.shape, np.shape(value), strict=True) if isinstance(n, str)
            }
        self.lengths = [lengths[n] for n in re.findall(r"int64_t (\w+)", self.f.c_signature)]

    @staticmethod
    def _ready(values: list[Any], inputs: list[g.Expr]) -> list[Any]:
        return [
            np.ascontiguousarray(value, dtype=np.float64) if x.shape else float(value)
            for x, value in zip(inputs, values, strict=True)
        ]

    def arguments(self, results: list[np.ndarray], values: list[Any] | None = None) -> list[Any]:
        """What a C function takes."""
        given: list[Any] = [ctypes.c_int64(n) for n in self.lengths]
        for value in (*(self.values if values is None else values), *results):
            own = ctypes.c_double(value) if isinstance(value, float) else ctypes.c_void_p(value.ctypes.data)
            given.append(own)
        return given

    def outputs(self) -> list[np.ndarray]:
        return [np.zeros(np.shape(value)) for value in self.expected]

    def compare(self, library: ctypes.CDLL) -> tuple[float, float, float]:
        """Seconds of a call of graphc's C function, of that by hand, and of graphc's from Python."""
        by_hand = ctypes.cast(getattr(library, self.function), ctypes.c_void_p)
        timed = getattr(library, f"time_{self.function}")
        timed.restype = ctypes.c_double
        given, calls = [], (ctypes.c_void_p(self.f.address), by_hand)
        for call in calls:
            results = self.outputs()
            given.append((call, self.arguments(results), results))
            assert timed(call, ctypes.c_int64(1), *given[-1][1]) >= 0
            for mine, expected in zip(results, self.expected, strict=True):
                scale = np.max(np.abs(expected), initial=1e-300)
                assert np.allclose(mine, expected, rtol=1e-9, atol=1e-9 * scale), self.function
        least = [math.inf] * 3
        once = max(timed(given[1][0], ctypes.c_int64(3), *given[1][1]), 1e-9)
        repeats = max(1, int(BATCH / once))
        few = max(1, min(repeats, 2_000))
        sets = [[arguments] for _, arguments, _ in given]
        if self.others:
            sets = [[self.arguments(results, each) for each in self.others] for _, _, results in given]
            repeats = 1
        for _ in range(ROUNDS):
            for k, (call, _, _) in enumerate(given):
                took = [timed(call, ctypes.c_int64(repeats), *arguments) for arguments in sets[k]]
                least[k] = min(least[k], sum(took) / len(took))
            began = time.perf_counter()
            for _ in range(few):
                self.f(*self.values)
            least[2] = min(least[2], (time.perf_counter() - began) / few)
        return least[0], least[1], least[2]


def main(names: list[str]) -> int:
    if compiler() is None:
        print("there is no C++ compiler on this machine (looked for CXX and c++): nothing is compared")
        return 0
    chosen = {name: case for name, case in CASES.items() if not names or any(n in name for n in names)}
    prepared = {name: Prepared(case) for name, case in chosen.items()}
    signatures = {each.function: each.f.c_signature for each in prepared.values()}
    ratios, called = [], []
    with tempfile.TemporaryDirectory() as directory:
        library = build(signatures, directory)
        print(f"{'':22} {'graphc µs':>11} {'C++ µs':>11} {'ratio':>7} {'from Python µs':>15} {'ratio':>7}")
        for name, each in prepared.items():
            ours, theirs, python = each.compare(library)
            ratios.append(ours / theirs)
            called.append(python / theirs)
            print(
                f"{name:22} {1e6 * ours:11.3f} {1e6 * theirs:11.3f} {ratios[-1]:7.2f} {1e6 * python:15.3f} {called[-1]:7.2f}",
                flush=True,
            )
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean {mean:.2f} (asked ≤ 1.0), largest {max(ratios):.2f} (asked ≤ 1.5)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
