"""What the command `graphc` takes before it has said anything, beside Python with NumPy and click.

    python -m tests.benchmarks.commands

Processor time of whole processes that take turns: the least of `ROUNDS`, with bytecode kept, as it is where graphc is installed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys

from tests.benchmarks.harness import ROOT

ROUNDS = 9
PEER = "python -c 'import numpy, click'"
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    PEER: ("-c", "import numpy, click"),
    "graphc --help": ("-m", "graphc", "--help"),
    "graphc eval": ("-m", "graphc", "eval", "x*y", "--at", "x=2,y=3"),
}


def _seconds(words: tuple[str, ...], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    least = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(ROUNDS):
        for name, words in COMMANDS.items():
            least[name] = min(least[name], _seconds(words, environment))
    for name, seconds in least.items():
        print(f"{seconds:.3f} s  × {seconds / least[PEER]:.2f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
