"""Writes docs/comparison.md: graphc beside other libraries on one formula and one network, in code, picture, digits
and speed.

python docs/make_comparison.py           writes the page from comparison.json and from docs/benchmarks.md
python docs/make_comparison.py record    computes the digits, with the Python that GRAPHC_PEERS names, and writes
comparison.json

The digits are those of each library's own function and derivative, written as a user writes it, held against mpmath
with 60 digits.
The speeds are rows of docs/benchmarks.md, which `python -m tests.benchmarks table` measures side by side in one run.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import mpmath

PAGE = Path(__file__).with_name("comparison.md")
RECORD = Path(__file__).with_name("comparison.json")
BENCHMARKS = Path(__file__).with_name("benchmarks.md")

POINTS = (0.5, 20.0, 40.0, 800.0, -20.0, -800.0)
"""xw + b, by x = 1 and w = the point, b = 0."""

SCRIPTS = {
    "graphc": """
import graphc as g
x, w, b = g.symbols("x w b")
L = g.log(1 / (g.exp(-(x*w + b)) + 1))
f = g.compile([L, g.grad(L, w)], [x, w, b])
""",
    "NumPy by hand": """
import numpy as np
def f(x, w, b):
    e = np.exp(-(x*w + b))
    return np.log(1 / (e + 1)), x * e / (e + 1)
""",
    "SymPy": """
import sympy as sp
x, w, b = sp.symbols("x w b", real=True)
L = sp.log(1 / (sp.exp(-(x*w + b)) + 1))
f = sp.lambdify([x, w, b], [L, L.diff(w)], cse=True)
""",
    "PyTorch": """
import torch
def f(x, w, b):
    x, w, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (x, w, b))
    L = torch.log(1 / (torch.exp(-(x*w + b)) + 1))
    L.backward()
    return L.item(), w.grad.item()
""",
    "JAX": """
import jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
L = lambda x, w, b: jnp.log(1 / (jnp.exp(-(x*w + b)) + 1))
f = jax.jit(jax.value_and_grad(L, argnums=1))
""",
    "CasADi": """
import casadi as ca
x, w, b = ca.SX.sym("x"), ca.SX.sym("w"), ca.SX.sym("b")
L = ca.log(1 / (ca.exp(-(x*w + b)) + 1))
f = ca.Function("f", [x, w, b], [L, ca.gradient(L, w)])
""",
}
"""Library → how its user writes the loss and its derivative by w; the name f is called with x, w and b."""

DATA = """
import numpy as np
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(64, 1000)), rng.normal(size=(64, 10))
W1, W2 = rng.normal(size=(1000, 100)), rng.normal(size=(100, 10))
rate = 1e-4
"""

NETWORKS = {
    "graphc": """
import graphc as g
x, y = g.symbol("x", shape=("n", 1000)), g.symbol("y", shape=("n", 10))
w1, w2 = g.symbol("w1", shape=(1000, 100)), g.symbol("w2", shape=(100, 10))
loss = g.sum((g.sigmoid(x @ w1) @ w2 - y)**2)
d1, d2 = g.grad(loss, [w1, w2])
step = g.compile(loss, [x, y, w1, w2], updates={w1: w1 - rate*d1, w2: w2 - rate*d2})
losses = [step(X, Y, W1, W2) for _ in range(20)]
""",
    "NumPy by hand": """
losses = []
for _ in range(20):
    h = 1 / (1 + np.exp(-X @ W1))
    wrong = h @ W2 - Y
    losses.append(np.square(wrong).sum())
    d2 = h.T @ (2*wrong)
    d1 = X.T @ (2*wrong @ W2.T * h * (1 - h))
    W1 -= rate*d1
    W2 -= rate*d2
""",
    "PyTorch": """
import torch
x, y = torch.from_numpy(X), torch.from_numpy(Y)
w1, w2 = torch.from_numpy(W1).requires_grad_(), torch.from_numpy(W2).requires_grad_()
optimiser = torch.optim.SGD([w1, w2], lr=rate)
losses = []
for _ in range(20):
    optimiser.zero_grad()
    loss = ((torch.sigmoid(x @ w1) @ w2 - y)**2).sum()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
""",
    "JAX": """
import jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
def cost(w1, w2):
    return ((jax.nn.sigmoid(X @ w1) @ w2 - Y)**2).sum()
@jax.jit
def step(w1, w2):
    loss, (d1, d2) = jax.value_and_grad(cost, argnums=(0, 1))(w1, w2)
    return loss, w1 - rate*d1, w2 - rate*d2
losses = []
for _ in range(20):
    loss, W1, W2 = step(W1, W2)
    losses.append(float(loss))
""",
}
"""Library → how its user trains the network by gradient descent, after `DATA`; the name losses is what comes of it."""

RUN_NETWORK = """
import json, sys
space = {}
exec(sys.argv[1], space)
print("\\n" + json.dumps([float(loss) for loss in space["losses"]]))
"""

RUN = """
import json, sys, warnings
warnings.simplefilter("ignore")
space = {}
exec(sys.argv[1], space)
out = []
for point in json.loads(sys.argv[2]):
    try:
        out.append([repr(float(value)) for value in space["f"](1.0, point, 0.0)])
    except Exception as error:
        out.append([type(error).__name__] * 2)
print("\\n" + json.dumps(out))
"""

ROWS = {
    "log-sigmoid: one scalar call": "the loss with its derivatives, one call with numbers, µs",
    "log-sigmoid: 10⁶ elements, float64": "the same over 10⁶ elements, ms",
    "two-layer sigmoid network, training step, 64×1000→100→10, float64": "a training step of the network, ms",
}
NAMES = {"NumPy by hand": ("NumPy by hand",), "SymPy": ("sympy.lambdify(cse)",)}


def exact(point: float) -> tuple[mpmath.mpf, mpmath.mpf]:
    """log σ(t) and σ(−t), the derivative by w at x = 1."""
    with mpmath.workdps(1000):
        e = mpmath.exp(-mpmath.mpf(point))
        return -mpmath.log1p(e), e / (1 + e)


def digits(text: str, true: mpmath.mpf) -> str:
    """Correct decimal digits of a result, at most 16, or what it is instead."""
    try:
        value = float(text)
    except ValueError:
        return "error"
    if not math.isfinite(value):
        return "NaN" if value != value else "∞" if value > 0 else "−∞"
    if value == float(true):
        return "16"
    error = abs((mpmath.mpf(value) - true) / true)
    return str(max(0, min(16, math.floor(-mpmath.log10(error)))))


def record() -> None:
    """Run each library's lines; those that this Python lacks with the one of GRAPHC_PEERS."""
    peers = os.environ.get("GRAPHC_PEERS", sys.executable)
    found = {}
    for name, script in SCRIPTS.items():
        python = sys.executable if name == "graphc" else peers
        command = [python, "-c", RUN, script, json.dumps(POINTS)]
        environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
        ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        found[name] = json.loads(ended.stdout.splitlines()[-1])
    losses = {}
    for name, script in NETWORKS.items():
        python = sys.executable if name == "graphc" else peers
        command = [python, "-c", RUN_NETWORK, DATA + script]
        ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        losses[name] = json.loads(ended.stdout.splitlines()[-1])
    found = {"formula": found, "network": losses}
    RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def times(section: str) -> dict[str, str]:
    """Library → the time of a section of the page of benchmarks, and how long it takes to be ready."""
    text = BENCHMARKS.read_text(encoding="utf-8").split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row in re.findall(r"^\| .* \|$", text, re.MULTILINE)
    ]
    return {row[0]: row[1] for row in rows if re.match(r"[\d.]+$", row[1])}


def row_of(name: str, found: dict[str, str]) -> str:
    return next((found[each] for each in NAMES.get(name, (name,)) if each in found), "–")


def page() -> str:
    """The page."""
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    results = recorded["formula"]
    head = " | ".join(f"{point:g}".replace("-", "−") for point in POINTS)
    lines = [HEAD, "## The formula in code\n"]
    for name, script in SCRIPTS.items():
        lines.append(f"**{name}**\n\n```python\n{script.strip()}\n```\n")
    lines.append(f"## The network in code\n\nAfter these lines:\n\n```python\n{DATA.strip()}\n```\n")
    for name, script in NETWORKS.items():
        lines.append(f"**{name}**\n\n```python\n{script.strip()}\n```\n")
    lines.append("| | loss at first | after 20 steps |\n| --- | ---: | ---: |")
    lines += [
        f"| {name} | {losses[0]:.12g} | {losses[-1]:.12g} |" for name, losses in recorded["network"].items()
    ]
    lines.append("")
    lines.append(PICTURE)
    lines.append("## Accuracy\n")
    for place, what in enumerate(("the loss log σ(xw + b)", "its derivative by w")):
        lines.append(
            f"Number of correct decimal digits of {what}, for xw + b =\n\n| | {head} |\n| --- |{' ---: |' * len(POINTS)}"
        )
        for name, values in results.items():
            cells = " | ".join(
                digits(pair[place], exact(at)[place]) for pair, at in zip(values, POINTS, strict=True)
            )
            lines.append(f"| {name} | {cells} |")
        lines.append("")
    lines.append(DIGITS)
    lines.append("## Speed\n")
    tables = {what: times(section) for section, what in ROWS.items()}
    lines.append(f"| | {' | '.join(tables)} |\n| --- |{' ---: |' * len(tables)}")
    for name in [*SCRIPTS, "PyTensor (NUMBA)", "heyoka", "symengine (LLVM)", "torch.compile"]:
        lines.append(f"| {name} | {' | '.join(row_of(name, found) for found in tables.values())} |")
    lines.append("")
    lines.append(WINS)
    return "\n".join(lines)


HEAD = """# Comparison with other libraries

One formula, the logarithm of a sigmoid with its derivatives, and one network, two layers trained by gradient
descent, written in the usual way for each library. This page is written by `python docs/make_comparison.py`: results are
compared with mpmath at high precision, and times come from [the benchmarks](benchmarks.md), which run all libraries
interleaved in one session on one machine with two processors.

- [The formula in code](#the-formula-in-code)
- [The network in code](#the-network-in-code)
- [Picture](#picture)
- [Accuracy](#accuracy)
- [Speed](#speed)
- [When to use another library](#when-to-use-another-library)
"""

PICTURE = """## Picture

![The loss with its values and derivatives](gallery/log_sigmoid.svg)

`g.draw(L, at={"x": 2, "w": -3, "b": 6})`. The other libraries have developer tools for drawing graphs: SymPy has `dotprint`,
PyTorch the package torchviz, JAX prints text (`jax.make_jaxpr`) and CasADi has `dotdraw`; none of them shows values and
derivatives next to the operations.
"""

DIGITS = """graphc rewrites the formula before it compiles it; the others evaluate it as written. PyTorch, JAX and SciPy
have accurate functions for this loss (`torch.nn.functional.logsigmoid`, `jax.nn.log_sigmoid`,
`scipy.special.log_expit`), which the user has to know and call.
"""

WINS = """## When to use another library

Another library is the better choice for:

- **Large networks on GPUs**: PyTorch and JAX. graphc runs on CPUs only.
- **Short start-up times**: CasADi, symengine and NumPy give a first result within some hundredths of a second, while graphc
  compiles for some tenths of a second, and for seconds if there are sparse second derivatives ([from CasADi](from/casadi.md)).
- **One formula over arrays**: heyoka is slightly faster than graphc for 10⁴ and for 10⁶ elements in float64.
- **Symbolic mathematics**: SymPy integrates, solves and simplifies; graphc covers only what can be compiled.
- **Large-scale optimal control**: CasADi with IPOPT.
- **Memory**: some programs need less memory in PyTorch than in graphc; see the tables of the benchmarks.
- **Ecosystem**: there are thousands of models, tutorials and answers for PyTorch and JAX.
"""


if __name__ == "__main__":
    if sys.argv[1:] == ["record"]:
        record()
    PAGE.write_text(page(), encoding="utf-8")
