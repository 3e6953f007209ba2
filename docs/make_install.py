"""What installing graphc takes, for docs/install.md: seconds, and megabytes by dependency.

python docs/make_install.py     installs this checkout into a new virtual environment and writes the table
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "install.md"
BEGIN, END = "<!-- written by docs/make_install.py -->", "<!-- end of what is written -->"

PURPOSE = {
    "graphc": "itself",
    "numpy": "arrays; loaded with graphc",
    "numba": "calls of compiled functions from `@numba.njit` code, and modules of Python; loaded by these",
    "llvmlite": "LLVM, of Numba; loaded by the first `g.compile`",
    "scipy": "BLAS, LAPACK and special functions that compiled code calls; solvers",
    "sympy": "formulas from and to SymPy, derivatives of operations of your own",
    "mpmath": "evaluation to any number of digits, accuracy reports",
    "networkx": "`graph.nx`",
    "opt_einsum": "the order of the products of `g.einsum`",
    "graphviz": "drawing, where pygraphviz is not there",
    "pygraphviz": "the layout engine of diagrams, included in its wheel",
    "click": "the command line",
    "platformdirs": "the place of compiled code on disk",
    "latex2mathml": "formulas on pages of the player",
    "threadpoolctl": "how many threads BLAS has",
    "tqdm": "progress bars",
}
"""Package → what graphc needs it for."""

MEASURE = """
import importlib.metadata as m, json, re
seen, todo = {}, ["graphc"]
while todo:
    name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
    if name in seen:
        continue
    try:
        found = m.distribution(name)
    except m.PackageNotFoundError:
        continue
    files = [each.locate() for each in found.files or ()]
    size = sum(path.stat().st_size for path in files if path.exists() and path.suffix != ".pyc")
    seen[name] = [found.metadata["Name"], found.version, size]
    todo += [re.match(r"[\\w.-]+", each)[0] for each in found.requires or () if "extra ==" not in each]
print(json.dumps(list(seen.values())))
"""


def measure() -> tuple[float, list[tuple[str, str, int]]]:
    """Seconds of `pip install .` in a new environment; name, version and bytes of each package that it brought."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        start = time.perf_counter()
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-compile", str(ROOT)], check=True)
        seconds = time.perf_counter() - start
        text = subprocess.run([python, "-c", MEASURE], check=True, capture_output=True, text=True).stdout
    return seconds, [tuple(row) for row in json.loads(text)]


def section(seconds: float, packages: list[tuple[str, str, int]]) -> str:
    total = sum(size for _, _, size in packages)
    lines = [
        BEGIN,
        f"`pip install .` took {seconds:.0f} s, wheels from a registry nearby (Python {platform.python_version()}, "
        f"{platform.system()}), and wrote {total / 1e6:.0f} MB:",
        "| package | MB | share | what graphc needs it for |\n| --- | ---: | ---: | --- |",
    ]
    rows = []
    for name, version, size in sorted(packages, key=lambda row: -row[2]):
        purpose = PURPOSE.get(re.sub(r"[-.]+", "_", name).lower(), "needed by another of these")
        rows.append(f"| {name} {version} | {size / 1e6:.1f} | {100 * size / total:.0f} % | {purpose} |")
    lines[-1] += "\n" + "\n".join(rows)
    return "\n\n".join([*lines, END])


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    new = section(*measure())
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: new, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
