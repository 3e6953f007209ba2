"""docs/dev/adding.md is true: each recipe is followed to the letter in a copy of the package, and what it adds works.

The checks run in processes of their own, on the copy; what they compare with is the standard library, NumPy and mpmath.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dev" / "adding.md"

STEP = re.compile(
    r"^(?:New file `(?P<new>[^`]+)`|In `(?P<file>[^`]+)`, "
    r"(?P<where>before the line|after the line|in place of the line|at the end)"
    r"(?: `(?P<anchor>[^`]+)`)?):\n\n```python\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def recipes() -> dict[str, str]:
    """Heading → what stands below it."""
    parts = re.split(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


RECIPES = recipes()
COUNTS = {
    title: int(count)
    for title, count in re.findall(
        r"^\| \[(.*?)\]\(.*?\) \| (\d+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
}


def follow(recipe: str, root: Path) -> set[str]:
    """Do what a recipe says below a folder; the files that it touches."""
    touched: set[str] = set()
    for step in STEP.finditer(recipe):
        name = step["new"] or step["file"]
        path = root / name
        touched.add(name)
        if step["new"]:
            assert not path.exists(), f"{name} is not new"
            path.write_text(step["code"], encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        if step["where"] == "at the end":
            path.write_text(text + step["code"], encoding="utf-8")
            continue
        lines = text.splitlines(keepends=True)
        places = [n for n, line in enumerate(lines) if line.strip().startswith(step["anchor"].strip())]
        assert len(places) == 1, f"{name} has {len(places)} lines that begin with {step['anchor']}"
        first = places[0] + (step["where"] == "after the line")
        last = first + (step["where"] == "in place of the line")
        path.write_text("".join([*lines[:first], step["code"], *lines[last:]]), encoding="utf-8")
    return touched


CHECKS = {
    "an elementwise operation with machine code of its own": """
import make_ops
x = g.symbol("x")
y = g.sqrt1pm1(x)
points = np.concatenate([np.geomspace(1e-300, 1e300, 61), -np.geomspace(1e-300, 1.0, 31)])
mp.dps = 350
exact = [mp.sqrt(1 + mp.mpf(p)) - 1 for p in points.tolist()]
for values in (g.compile(y)(points), np.array([g.compile(y)(p) for p in points.tolist()])):
    for got, want in zip(values.tolist(), exact):
        assert abs(got - want) <= 2.5 * np.spacing(abs(float(want))), (got, want)
assert "graphc_sqrt1pm1_f64" in g.compile(y).llvm or not libm.has_fma()
ends = g.compile(y)(np.array([np.inf, -2.0, np.nan, -1.0, 0.0]))
assert ends[0] == np.inf and np.isnan(ends[1:3]).all() and ends[3:].tolist() == [-1.0, 0.0]
assert g.evaluate(y, {"x": 3.0}) == 1.0 and g.parse("sqrt1pm1(x)") is y
assert g.check_grad(y, {"x": 0.5})
assert r"\\sqrt{1+x}-1" in y._repr_latex_()
assert "sqrt1pm1" in g.draw(y).source or "√1+" in g.draw(y).source
assert "| `sqrt1pm1(x)` |" in make_ops.page()
g.compile(y).export("alone.py")
import alone
assert alone.alone(3.0) == 1.0
assert g.draw(y, at={"x": 3}).save("page.html").exists()
mp.dps = 50
from tests.benchmarks import ulp
if libm.has_fma():
    for bits, limit in ((64, 2.5), (32, 1.0)):
        worst, at = ulp.searched("sqrt1pm1", bits, count=2_000, keep=25)
        assert at and worst <= limit, (bits, worst, at)
""",
    "an elementwise operation by expansion": """
import make_ops
x = g.symbol("x")
y = g.squareplus(x)
points = np.linspace(-1e3, 1e3, 401)
exact = [(mp.mpf(p) + mp.sqrt(mp.mpf(p) ** 2 + 4)) / 2 for p in points.tolist()]
for got, want in zip(g.compile(y)(points).tolist(), exact):
    assert abs(got - want) <= 4 * np.spacing(float(want)), (got, want)
assert g.check_grad(y, {"x": -0.75})
assert len(g.Graph(y)) == 2 and "squareplus" in y._repr_latex_()
assert "| `squareplus(x)` |" in make_ops.page()
assert g.evaluate(y, {"x": 0.0}) == 1.0 == g.compile(y)(0.0)
""",
    "a reduction with its own loop": """
import make_ops
X = g.symbol("X", shape=("n", "m"), dtype="bool")
f = g.compile([g.parity(X, axis=0), g.parity(X, axis=1), g.parity(X)])
for n, m in ((1, 1), (7, 5), (300, 211), (4000, 100)):
    data = np.random.default_rng(n).random((n, m)) < 0.3
    for got, want in zip(f(data), (data.sum(0) % 2, data.sum(1) % 2, data.sum() % 2)):
        assert np.array_equal(got, want.astype(bool)), (n, m)
assert "library" not in [line.split()[0] for line in str(f.report()).splitlines()[1:]]
assert g.evaluate(g.parity(X, axis=1), {"X": [[True, True], [True, False]]}).tolist() == [False, True]
rows = g.vmap(lambda row: g.parity(row))(X)
assert g.evaluate(rows, {"X": [[True, True], [True, False]]}).tolist() == [False, True]
assert "`parity(x, axis=None, keepdims=False)`" in make_ops.page() and "⊕" in g.draw(g.parity(X)).source
""",
    "a rewrite rule": """
import make_rules
y = g.parse("exp(x)*expm1(-x)")
assert [step.rule for step in g.rewrites(y)][0] == "exp-times-expm1", list(g.rewrites(y))
assert "exp-times-expm1" in [rule.name for rule in g.rules()]
assert np.isnan(g.compile(y, rewrite=None)(-1e4)) and g.compile(y)(-1e4) == 1.0
assert np.isnan(g.compile(y, without="exp-times-expm1")(-1e4))
for p in (-50.0, -1e-9, 0.0, 1e-300, 0.3, 40.0):
    assert abs(g.compile(y)(p) + mp.expm1(mp.mpf(p))) <= 1.5 * np.spacing(abs(float(mp.expm1(p))))
assert "`exp-times-expm1`" in make_rules.page()
""",
    "a pass": """
from click.testing import CliRunner
from graphc.cli import main
shown = CliRunner().invoke(main, ["compile", "sin(x*y) + cos(y*x)", "--show", "passes"], catch_exceptions=False).output
part = shown.split("--- order_operands: x·y and y·x become one node\\n")[1]
assert part.splitlines()[1] == "  → float64()  sin(x*y) + cos(x*y)", part
x, y = g.symbols("x y")
err = io.StringIO()
os.environ["GRAPHC_CHECK"] = "passes"
with contextlib.redirect_stderr(err):
    f = g.compile(g.hypot(x, y) + g.exp(g.hypot(y, x)), dump="order_operands")
assert "hypot(x, y) + exp(hypot(x, y))" in err.getvalue()
assert f(3.0, 4.0) == 5.0 + np.exp(5.0) and np.array_equal(f(np.full(3, 3.0), 4.0), np.full(3, f(3.0, 4.0)))
X = g.symbol("X", shape=("n", "n"))
data = np.arange(9.0).reshape(3, 3)
assert np.array_equal(g.compile((X + X.T) @ (X.T + X))(data), (data + data.T) @ (data + data.T))
""",
    "a target": """
import ctypes, math, shutil, subprocess
from graphc.compiler.targets import c99
from graphc.errors import CompileError
x, w, b = g.symbols("x w b")
L = g.log(1 / (g.exp(-(x*w + b)) + 1))
text = c99.program(g.Graph([L, g.grad(L, w), g.where(x > w, g.sigmoid(x), -0.0)], [x, w, b]))
assert "void f(const double *x, double *out) {" in text and "const double v0 = x[0] * x[1];" in text
compiler = shutil.which("cc")
if compiler:
    open("f.c", "w").write(text)
    subprocess.run([compiler, "-shared", "-fPIC", "-ffp-contract=off", "-o", "f.so", "f.c", "-lm"], check=True)
    f = ctypes.CDLL("./f.so").f
    point, out = (ctypes.c_double * 3)(2.0, -3.0, 6.0), (ctypes.c_double * 3)()
    f(point, out)
    for got, want in zip(out, (-math.log(2), 1.0, 1 / (1 + math.exp(-2.0)))):
        assert abs(got - want) <= 4 * math.ulp(want), (got, want)
try:
    c99.program(g.Graph(g.maximum(x, w)))
except CompileError:
    pass
else:
    raise AssertionError("no refusal")
""",
    "a drawing format": """
import json
from click.testing import CliRunner
from graphc.cli import main
x, w = g.symbols("x w")
path = g.draw(x * w, at={"x": 2, "w": 3}).save("picture.json")
data = json.loads(path.read_text(encoding="utf-8"))
texts = [part["text"] for item in data["items"] for part in item["parts"] if "text" in part]
assert {"x", "w", "6"} <= set(texts) and "Computation graph with 1 operation" in data["description"]
result = CliRunner().invoke(main, ["draw", "x*w", "-o", "-", "--format", "json"], catch_exceptions=False)
assert json.loads(result.output)["items"]
try:
    g.draw(x * w).save("picture.bmp")
except g.GraphcError as error:
    assert ".json" in str(error)
""",
}

HEAD = """
import contextlib, io, os, sys
sys.path[:0] = [os.getcwd(), os.environ["PYTHONPATH"], os.path.join(os.environ["PYTHONPATH"], "docs")]
import mpmath, numpy as np
import graphc as g
from graphc.compiler.targets.llvm import libm
assert g.__file__.startswith(os.environ["PYTHONPATH"]), g.__file__
mp = mpmath.mp
mp.dps = 50
"""


def test_every_recipe_is_tried():
    assert set(RECIPES) == {title[0].upper() + title[1:] for title in CHECKS}
    assert set(COUNTS) == set(CHECKS)


def copied(to: Path) -> Path:
    """The package, and what writes the reference pages, in a folder of their own."""
    to.mkdir()
    shutil.copytree(ROOT / "graphc", to / "graphc", ignore=shutil.ignore_patterns("__pycache__"))
    (to / "docs").mkdir()
    for maker in ("make_ops.py", "make_rules.py"):
        shutil.copy(ROOT / "docs" / maker, to / "docs")
    (to / "tests" / "compiler" / "targets").mkdir(parents=True)
    for name in ("oracle.py", "compiler/targets/test_libm.py"):
        shutil.copy(ROOT / "tests" / name, to / "tests" / name)
    shutil.copytree(
        ROOT / "tests" / "benchmarks",
        to / "tests" / "benchmarks",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return to


def recipe_of(title: str) -> str:
    return RECIPES[title[0].upper() + title[1:]]


@pytest.mark.parametrize("title", CHECKS)
def test_a_recipe_touches_as_many_files_as_it_says(title, tmp_path):
    recipe = recipe_of(title)
    touched = follow(recipe, copied(tmp_path / "copy"))
    assert len([name for name in touched if name.startswith("graphc/")]) == COUNTS[title], touched
    assert recipe.count("```python") == len(STEP.findall(recipe)), "a block that nobody follows"


@pytest.mark.sample(3)
@pytest.mark.parametrize("title", CHECKS)
def test_a_recipe_followed_to_the_letter_works(title, tmp_path):
    copy = copied(tmp_path / "copy")
    follow(recipe_of(title), copy)
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", HEAD + CHECKS[title]],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
