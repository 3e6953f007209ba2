"""One evaluation on many workers, simulated event by event: a scheduler that hands out tasks, blocks, and a tree of sums.

The scheduler does one thing at a time, and each task costs it the same; a worker computes one block at a time, and gets its next
when it has reported the last. A task of the tree starts when its results are there, which are fetched from the workers that made
them one after the other.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from graphc.frontend.interop.block_tasks import fan_in_of

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


@dataclass(frozen=True)
class Times:
    """In seconds: what a task costs the scheduler, a message one way, and a byte of it."""

    task: float
    message: float
    byte: float


def simulated(times: Times, workers: int, blocks: int, block: float, size: int) -> float:
    """The time of an evaluation: blocks of so many seconds whose results, and the parameters, have `size` bytes."""
    sent = times.message + size * times.byte
    clock = 0.0  # until which the scheduler is busy

    def scheduled(ready: float) -> float:
        nonlocal clock
        clock = max(clock, ready) + times.task
        return clock

    # the parameters go out from worker to worker, which double at each message
    spread = times.message
    for _ in range(max(workers - 1, 0).bit_length()):
        spread += sent
    free = [(spread, worker) for worker in range(workers)]
    heapq.heapify(free)
    ready = []
    for _ in range(blocks):
        at, worker = heapq.heappop(free)
        done = max(scheduled(at) + times.message, at) + block
        heapq.heappush(free, (done + times.message, worker))
        ready.append(done + times.message)
    level, fan_in = ready, fan_in_of(size)
    while True:
        above = []
        for k in range(0, len(level), fan_in):
            group = level[k : k + fan_in]
            fetched = (len(group) - 1) * sent if workers > 1 else 0.0
            above.append(scheduled(max(group)) + 2 * times.message + fetched)
        level = above
        if len(level) == 1:
            return scheduled(level[0]) + 2 * sent  # what follows from the sums, and its way back


CASES = (
    ("logistic regression, 20 parameters", 0.2, 160),
    ("the same, blocks of 2 s", 2.0, 160),
    ("LeNet, 61,706 parameters", 0.2, 8 * 61_706),
    ("10⁷ parameters, blocks of 2 s", 2.0, 8 * 10**7),
)
"""What is computed: the time of a block, and the bytes of its results."""


def page_table(times: Times, per_worker: int = 8) -> str:
    """Efficiency, the blocks' time beside the evaluation's, with eight blocks a worker: as a table of Markdown."""
    lines = [
        "| workers | " + " | ".join(name for name, *_ in CASES) + " |",
        "| --- |" + " --- |" * len(CASES),
    ]
    for workers in WORKERS:
        cells = []
        for _, block, size in CASES:
            took = simulated(times, workers, per_worker * workers, block, size)
            cells.append(f"{per_worker * block / took:.0%}")
        lines.append(f"| {workers:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


__all__ = ["CASES", "WORKERS", "Times", "page_table", "simulated"]
