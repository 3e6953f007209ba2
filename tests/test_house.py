"""The house with floors: imports point down, heavy packages load late and in one place each.

The floors are read from docs/architecture.md §3, so that page cannot fall behind the code.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "graphc"
PAGE = ROOT / "docs" / "architecture.md"

HEAVY = (
    "numba",
    "llvmlite",
    "sympy",
    "networkx",
    "graphviz",
    "pygraphviz",
    "scipy",
    "threadpoolctl",
    "mpmath",
    "click",
    "matplotlib",
    "latex2mathml",
    "safetensors",
    "tqdm",
    "opt_einsum",
)
"""Packages that `import graphc` must not load."""

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def floors() -> dict[str, int]:
    """Room → floor: a room is a file, or a package that stands as `name/` on the page."""
    text = PAGE.read_text(encoding="utf-8")
    block = re.search(r"^## 3\. .*?```\ngraphc/\n(.*?)```", text, re.S | re.M)
    assert block, "docs/architecture.md has no picture of the house in §3"
    found: dict[str, int] = {}
    for line in block[1].splitlines():
        match = re.match(r"  ((?:\S+(?:/|\.py)\s+)+)(\d+)\b", line)
        if match:
            for name in match[1].split():
                found[name] = int(match[2])
    return found


FLOORS = floors()


def room(module: str) -> str:
    """The room that a module is part of, by its name on the page."""
    parts = module.split(".")[1:]
    if not parts:
        return "__init__.py"
    return f"{parts[0]}/" if (PACKAGE / parts[0]).is_dir() else f"{parts[0]}.py"


def imported(tree: ast.AST) -> list[tuple[str, ast.stmt]]:
    """(module, statement) of every import below a node of the syntax tree."""
    found: list[tuple[str, ast.stmt]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import: {ast.unparse(node)}"
            assert node.module is not None
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.append((full if full in MODULES else node.module, node))
    return found


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def type_checking_only(tree: ast.Module) -> set[ast.stmt]:
    """The statements below `if TYPE_CHECKING:`, which no program runs."""
    return {
        statement
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in node.body
        for statement in ast.walk(inner)
        if isinstance(statement, ast.stmt)
    }


def inside_functions(tree: ast.Module) -> dict[ast.stmt, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Import statement → the innermost function that holds it."""
    holder: dict[ast.stmt, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for _, statement in imported(function):
                holder[statement] = function  # ast.walk is breadth first: the innermost comes last
    return holder


@pytest.mark.parametrize("module", MODULES)
def test_every_room_is_on_the_page(module):
    assert room(module) in FLOORS, f"docs/architecture.md §3 does not say on which floor {room(module)} is"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    mine = room(module)
    tree = parse(MODULES[module])
    skipped = type_checking_only(tree)
    for other, statement in imported(tree):
        if other.split(".")[0] != "graphc" or statement in skipped:
            continue
        theirs = room(other)
        if theirs != mine:
            where = f"{MODULES[module].relative_to(ROOT)}:{statement.lineno}"
            assert FLOORS[theirs] < FLOORS[mine], (
                f"{where}: floor {FLOORS[mine]} imports {theirs} on {FLOORS[theirs]}"
            )


@pytest.mark.parametrize("module", MODULES)
def test_no_import_hides_inside_a_function(module):
    """But the late load of a heavy package, in a function that does little else."""
    tree = parse(MODULES[module])
    for statement, function in inside_functions(tree).items():
        where = f"{MODULES[module].relative_to(ROOT)}:{statement.lineno}"
        names = [name.split(".")[0] for name, node in imported(function) if node is statement]
        assert all(name in HEAVY for name in names), (
            f"{where}: {ast.unparse(statement)} hides in {function.name}()"
        )


def test_heavy_packages_load_late_and_in_one_place_each():
    places: dict[str, set[str]] = defaultdict(set)
    for module, path in MODULES.items():
        tree = parse(path)
        late = inside_functions(tree)
        skipped = type_checking_only(tree)
        for name, statement in imported(tree):
            package = name.split(".")[0]
            if package in HEAVY and statement not in skipped:
                if package == "click":  # the command line's own, which nothing but the command line imports
                    assert FLOORS[room(module)] >= FLOORS["api.py"], f"{module} imports click"
                    continue
                assert statement in late, (
                    f"{path.relative_to(ROOT)}:{statement.lineno} loads {package} at import"
                )
                places[package].add(room(module))
    for package, rooms in places.items():
        assert len(rooms) == 1, f"{package} is imported in {sorted(rooms)}"
    allowed = {
        "numba": "lower/",
        "llvmlite": "lower/",
        "graphviz": "draw/",
        "pygraphviz": "draw/",
        "sympy": "interop/",
    }
    for package, where in allowed.items():
        assert places[package] <= {where}, f"{package} belongs to {where}"


def test_import_graphc_is_light():
    code = "import sys, graphc; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(run.stdout.split())
    assert "numpy" in loaded
    assert not loaded & set(HEAVY)


def test_the_whole_path_without_compiling_needs_no_heavy_package():
    """Declaring, differentiating and evaluating with NumPy's functions load neither numba nor sympy nor networkx."""
    code = (
        "import sys, graphc as g; x, y = g.symbols('x y'); L = g.log(g.exp(x*y) + 1)\n"
        "assert g.evaluate(g.grad(L, [x, y]), {'x': 0, 'y': 2}) == [1.0, 0.0]; str(L); g.Graph(L).digest\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not set(run.stdout.split()) & set(HEAVY)


def test_public_names_exist_and_are_documented():
    import graphc

    public = [name for name in vars(graphc) if not name.startswith("_")]
    for name in public:
        value = getattr(graphc, name)
        if callable(value):
            assert value.__doc__ and value.__doc__.strip(), f"g.{name} has no documentation"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module):
    document = ast.get_docstring(parse(MODULES[module]))
    if module.split(".")[-1] == "__main__" or MODULES[module].stat().st_size == 0:
        return
    assert (document and document[0].isupper()) or module == "graphc", f"{module} has no docstring"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_evaluates_text(module):
    """No eval, exec, compile of text, sympify or pickle of what a user typed."""
    for node in ast.walk(parse(MODULES[module])):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            assert name not in ("eval", "exec", "sympify", "parse_expr", "system", "__import__"), (
                f"{MODULES[module].relative_to(ROOT)}:{node.lineno} calls {name}"
            )
