"""The programs on the pages "coming from …": their texts on the pages, and what the originals return.

python docs/make_from.py            writes both programs into each page, with the lines of each
python docs/make_from.py record     runs the originals by the Python that GRAPHC_PEERS names, and writes reference.json
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name("from")
PROGRAMS = FOLDER / "programs"
REFERENCE = PROGRAMS / "reference.json"

PORTS = {
    "sympy": ("pendulum_sympy", "pendulum_graphc", "SymPy"),
    "pytorch": ("mlp_pytorch", "mlp_graphc", "PyTorch"),
    "jax": ("private_jax", "private_graphc", "JAX"),
    "numpy": ("backprop_numpy", "backprop_graphc", "NumPy"),
    "casadi": ("nlp_casadi", "nlp_graphc", "CasADi"),
}
"""Page → the original, the port, and the library of the original."""

SECOND = {
    "sympy": ("arm_sympy", "arm_graphc", "SymPy"),
    "pytorch": ("cnn_pytorch", "cnn_graphc", "PyTorch"),
    "jax": ("newton_jax", "newton_graphc", "JAX"),
    "numpy": ("logistic_numpy", "logistic_graphc", "NumPy"),
    "casadi": ("shooting_casadi", "shooting_graphc", "CasADi"),
}
"""The same, of a second program, which was ported with the page alone at hand."""

PAIRS = [(page, *pair) for table in (PORTS, SECOND) for page, pair in table.items()]
"""(page, original, port, library)."""

BEGIN, END = "<!-- written by docs/make_from.py -->", "<!-- end of what is written -->"
BEGIN_SECOND = "<!-- the second program, written by docs/make_from.py -->"

RUN = """
import importlib.util, json, sys
import numpy as np
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
print("\\n" + json.dumps({name: np.asarray(value).tolist() for name, value in program.run().items()}))
"""


def run(name: str, python: str = sys.executable, path: str = "") -> dict[str, object]:
    """What a program returns, in a process of its own."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
    command = [python, "-c", RUN, str(PROGRAMS / f"{name}.py")]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise RuntimeError(f"{name}: {ended.stderr}")
    return json.loads(ended.stdout.splitlines()[-1])


def lines(name: str) -> int:
    """Lines of code: those that are not empty and not the docstring."""
    text = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")
    first = ast.parse(text).body[0]
    return sum(bool(line.strip()) for line in text.splitlines()[first.end_lineno :])


def section(page: str, table: dict[str, tuple[str, str, str]], begin: str) -> str:
    """What stands between the marks on a page."""
    original, port, library = table[page]
    parts = [begin]
    for name, who in ((original, library), (port, "graphc")):
        text = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")
        parts.append(
            f"**{who}, {lines(name)} lines** ([{name}.py](programs/{name}.py))\n\n```python\n{text}```"
        )
    return "\n\n".join([*parts, END])


def page(name: str) -> str:
    """The text of a page with its programs as they are today."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    for table, begin in ((PORTS, BEGIN), (SECOND, BEGIN_SECOND)):
        new = section(name, table, begin)
        text = re.sub(f"{begin}.*?{END}", lambda _, new=new: new, text, flags=re.DOTALL)
    return text


def record() -> None:
    python = os.environ.get("GRAPHC_PEERS", sys.executable)
    found = {original: run(original, python) for _, original, _, _ in PAIRS}
    REFERENCE.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["record"]:
        record()
    else:
        for name in PORTS:
            (FOLDER / f"{name}.md").write_text(page(name), encoding="utf-8")
