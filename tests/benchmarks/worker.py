"""The other side of `harness`: set up a workload, then time a batch of calls whenever a line arrives."""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def serve(
    workloads: dict[str, Callable[[], Callable[[], Any]]],
    target: float = 0.05,
    report: Callable[[Any], str] | None = None,
) -> None:
    """`workloads`: name → set-up → a call without arguments. A batch takes about `target` seconds.

    report : what is said of the first result; by default its first digits
    """
    start = time.perf_counter()
    call = workloads[sys.argv[1]]()
    result = call()
    setup = time.perf_counter() - start
    check = (report or summary)(result)
    del result
    count = 1
    while True:
        elapsed = _run(call, count)
        if elapsed > target / 2 or count >= 10**7:
            break
        count = max(count * 2, int(count * target / max(elapsed, 1e-9) / 2))
    print(json.dumps({"setup_seconds": setup, "check": check}), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"seconds": _run(call, count) / count}), flush=True)


def _run(call: Callable[[], Any], count: int) -> float:
    # the loop's own cost is part of every competitor's figure alike
    repeat = range(count)
    start = time.perf_counter()
    for _ in repeat:
        call()
    return time.perf_counter() - start


def peak(call: Callable[[], Any], times: int = 3) -> int:
    """The most bytes that are resident in this process while it is called so often, by Linux' own account."""
    ctypes.CDLL(None).malloc_trim(0)  # what is free is given back, so that it does not hide what is taken
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(times):
        call()
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


def summary(result: Any) -> str:
    """A few digits of a result, so that competitors can be seen to agree."""
    flat: list[float] = []

    def collect(item: Any) -> None:
        if len(flat) >= 4:
            return
        if isinstance(item, (tuple, list)):
            for entry in item:
                collect(entry)
        else:
            import numpy as np

            flat.extend(np.asarray(item, dtype=float).ravel()[: 4 - len(flat)].tolist())

    collect(result)
    return " ".join(f"{value:.6g}" for value in flat)
