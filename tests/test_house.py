"""The house: every file is on the map, imports point down, heavy packages load late and in one room each.

The order of the rooms, the compiler's own among them, is read from docs/architecture.md, and the files from docs/dev/map.md, so
these pages cannot fall behind the code.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "graphc"

HEAVY = {
    "numba": "compiler",
    "llvmlite": "compiler",
    "sympy": "frontend/interop",
    "networkx": "ir",
    "graphviz": "viz",
    "pygraphviz": "viz",
    "scipy": ("ops", "viz"),
    "threadpoolctl": "compiler",
    "mpmath": "interpret",
    "click": "cli",
    "matplotlib": "viz",
    "latex2mathml": "viz",
    "PIL": "viz",
    "pptx": "viz",
    "safetensors": "util",
    "tqdm": "util",
    "opt_einsum": "ops",
    "platformdirs": "compiler",
    "torch": "frontend/interop",
    "jax": "frontend/interop",
    "xarray": "frontend/interop",
    "pandas": "frontend/interop",
    "polars": "frontend/interop",
    "dask": "frontend/interop",
    "distributed": "frontend/interop",
    "pyarrow": "frontend/interop",
}
"""Packages that `import graphc` must not load, and the room that imports each."""

LATE = ("graphc.viz", "graphc.search", "graphc.rewrite.tables", "graphc.api.sparse", "importlib.metadata")
"""What lighter modules may load where it is needed: many programs only declare and differentiate."""

TOP = {"__init__.py", "__main__.py", "errors.py", "version.py", "py.typed"}
"""What stands beside the rooms."""

MOST_LINES = 400

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def map_maker() -> ModuleType:
    """docs/make_map.py as a module."""
    spec = importlib.util.spec_from_file_location("make_map", ROOT / "docs" / "make_map.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAP = map_maker()
ORDER: list[str] = MAP.rooms()


def room(module: str) -> str | None:
    """The room that a module stands in; None of the package itself and of its command, which import anything."""
    if module in ("graphc", "graphc.__main__"):
        return None
    return MAP.room_of(MODULES[module].relative_to(PACKAGE).as_posix(), ORDER)


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements below a node of the syntax tree, outer before inner; expressions, most of a tree, hold none."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(tree, field, ()):
            if isinstance(inner, ast.stmt):
                yield inner
            yield from statements(inner)


def imported(tree: ast.AST) -> list[tuple[str, ast.stmt]]:
    """(module, statement) of every import below a node of the syntax tree."""
    found: list[tuple[str, ast.stmt]] = []
    for node in statements(tree):
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
        for node in statements(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in node.body
        for statement in (inner, *statements(inner))
    }


def inside_functions(tree: ast.Module) -> dict[ast.stmt, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Import statement → the innermost function that holds it."""
    holder: dict[ast.stmt, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for function in statements(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for _, statement in imported(function):
                holder[statement] = function  # the innermost comes last
    return holder


def graph_of_imports() -> dict[str, list[tuple[str, int]]]:
    """Module → (module of graphc that it imports, line)."""
    edges: dict[str, list[tuple[str, int]]] = {}
    for module, path in MODULES.items():
        tree = parse(path)
        skipped = type_checking_only(tree)
        edges[module] = [
            (other, statement.lineno)
            for other, statement in imported(tree)
            if other.split(".")[0] == "graphc" and statement not in skipped and other in MODULES
        ]
    return edges


IMPORTS = graph_of_imports()


def test_the_rooms_are_those_of_the_page():
    here = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    rooms = {name for name in ORDER if "/" not in name and name not in ("errors", "version")} | {"compiler"}
    assert here == rooms | TOP


@pytest.mark.parametrize("module", MODULES)
def test_every_file_stands_in_a_room(module):
    if module not in ("graphc", "graphc.__main__", "graphc.compiler"):
        assert room(module) in ORDER, (
            f"docs/architecture.md has no room for {MODULES[module].relative_to(ROOT)}"
        )


def test_the_map_is_current():
    assert MAP.PAGE.read_text(encoding="utf-8") == MAP.page(), "run: python docs/make_map.py"


def test_every_file_of_the_architecture_exists():
    """Each path that a page for engineers names."""
    names = {path.name for path in PACKAGE.rglob("*.py")}
    for page in (MAP.ARCHITECTURE, *sorted((ROOT / "docs" / "dev").glob("*.md")), ROOT / "CONTRIBUTING.md"):
        text = page.read_text(encoding="utf-8")
        new = set(re.findall(r"^New file `(.*?)`:$", text, re.MULTILINE))  # of a recipe
        for name in set(re.findall(r"`([\w/.]+\.py)`", text)) - new:
            folders = (ROOT, PACKAGE, PACKAGE / "compiler")
            stands = any((folder / name).exists() for folder in folders) or (
                "/" not in name and name in names
            )
            assert stands, f"{page.name} names {name}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    mine = room(module)
    if mine is None:
        return
    for other, line in IMPORTS[module]:
        theirs = room(other)
        if theirs is None or theirs == mine:
            continue
        where = f"{MODULES[module].relative_to(ROOT)}:{line}"
        assert ORDER.index(theirs) < ORDER.index(mine), (
            f"{where}: {mine} imports {theirs}, which stands above it"
        )


def test_no_imports_go_in_circles():
    state: dict[str, int] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        state[module] = 1
        for other, _ in IMPORTS[module]:
            assert state.get(other) != 1 or other == "graphc", (
                f"a circle: {' → '.join((*path, module, other))}"
            )
            if other not in state:
                visit(other, (*path, module))
        state[module] = 2

    for module in MODULES:
        if module not in state:
            visit(module, ())


@pytest.mark.parametrize("module", MODULES)
def test_no_import_hides_inside_a_function(module):
    """But the late load of a heavy package, or of what is `LATE`, in a function that does little else."""
    tree = parse(MODULES[module])
    for statement, function in inside_functions(tree).items():
        where = f"{MODULES[module].relative_to(ROOT)}:{statement.lineno}"
        names = [name for name, node in imported(function) if node is statement]
        assert all(name.split(".")[0] in HEAVY or name.startswith(LATE) for name in names), (
            f"{where}: {ast.unparse(statement)} hides in {function.name}()"
        )


def test_heavy_packages_load_late_and_in_their_rooms():
    rooms: dict[str, set[str]] = defaultdict(set)
    for path in MODULES.values():
        tree = parse(path)
        late = inside_functions(tree)
        skipped = type_checking_only(tree)
        for name, statement in imported(tree):
            package = name.split(".")[0]
            if package not in HEAVY or statement in skipped:
                continue
            where = path.relative_to(PACKAGE).as_posix()
            rooms[package].add(where)
            assert package == "click" or statement in late, (
                f"{where}:{statement.lineno} loads {package} at import"
            )
    for package, places in rooms.items():
        allowed = HEAVY[package] if isinstance(HEAVY[package], tuple) else (HEAVY[package],)
        stray = {place for place in places if not place.startswith(tuple(f"{room}/" for room in allowed))}
        assert not stray, f"{package} belongs to {allowed} and is imported in {sorted(stray)}"


@pytest.mark.parametrize("module", MODULES)
def test_a_file_fits_in_a_head(module):
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{MODULES[module].relative_to(ROOT)} has {lines} lines"


def test_import_graphc_is_light():
    code = "import sys, graphc; graphc.symbol; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(run.stdout.split())
    assert "numpy" in loaded
    assert not loaded & set(HEAVY)


def test_import_graphc_alone_loads_nothing():
    code = (
        "import sys, graphc\nprint(*(name for name in sys.modules if name.startswith(('graphc.', 'numpy'))))\n"
        "from graphc import *; log, draw, argmin"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert set(run.stdout.split()) == {
        "graphc.util", "graphc.util.fork_safety", "graphc.util.interrupts", "graphc.version",
    }  # fmt: skip


def test_what_is_unpickled_first_finds_its_operations():
    import pickle

    import graphc as g

    x = g.symbol("unpickled_first", shape=(2, 2))
    for expr, after in ((g.exp(x) @ x, "e + 1"), (x, "e * e, numpy.sin(e), e.T, numpy.linalg.norm(e)")):
        code = f"import pickle, numpy; e = pickle.loads({pickle.dumps(expr)!r}); {after}; print(e)"
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
        )
        assert run.stdout == f"{expr}\n"


def test_import_graphc_loads_no_compiler_no_pictures_and_no_measurements():
    code = (
        "import sys, numpy; before = set(sys.modules); import graphc; graphc.symbol\n"
        "late = ('graphc.viz', 'graphc.analysis', 'graphc.nn', 'graphc.train', 'importlib.metadata', 'platformdirs',\n"
        "'graphc.compiler.pipeline', 'graphc.compiler.runtime', 'graphc.compiler.targets', 'graphc.rewrite',\n"
        "'graphc.frontend.ode', 'graphc.search')\n"
        "print(*(name for name in set(sys.modules) - before if name.startswith(late)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not run.stdout.split()


def test_verbs_that_are_imported_late_are_the_modules_own():
    code = (
        "import sys, graphc as g; from importlib import import_module\n"
        "for name, module in g._LATER.items():\n"
        "    assert getattr(g, name) is getattr(import_module(module), name) is vars(g)[name], name\n"
        "assert set(g._LATER) <= set(g.__all__) and not hasattr(g, 'no_such_verb')\n"
        "from graphc import *; draw, figure, accuracy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


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

    assert len(set(graphc.__all__)) == len(graphc.__all__)
    for name in graphc.__all__:
        value = getattr(graphc, name)
        if callable(value):
            assert value.__doc__ and value.__doc__.strip(), f"g.{name} has no documentation"


def test_nothing_but_public_names_shows():
    """In a process where everything has been loaded, submodules are attributes of the package, and do not show all the same."""
    import graphc

    assert dir(graphc) == sorted(graphc.__all__)


def test_no_verb_has_the_name_of_a_module():
    import graphc

    modules = {module.split(".")[1] for module in MODULES if module.count(".")}
    assert not modules & set(graphc.__all__)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module):
    document = ast.get_docstring(parse(MODULES[module]))
    if module.split(".")[-1] == "__main__":
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


def _only_narrows(test: ast.expr) -> bool:
    """`x is not None`, `isinstance(x, …)`, `callable(x)`, of a name or an attribute, and several of these."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return all(map(_only_narrows, test.values))
    if isinstance(test, ast.Compare):
        last = test.comparators[-1]
        none = isinstance(last, ast.Constant) and last.value is None
        return isinstance(test.left, ast.Name | ast.Attribute) and none and isinstance(test.ops[0], ast.IsNot)
    named = isinstance(test, ast.Call) and isinstance(test.func, ast.Name)
    return named and test.func.id in ("isinstance", "callable")


@pytest.mark.parametrize("module", MODULES)
def test_assertions_only_narrow_types(module):
    """`python -O` leaves assertions out: what can be false is checked, by an error of graphc's own."""
    for node in ast.walk(parse(MODULES[module])):
        if isinstance(node, ast.Assert):
            where = f"{MODULES[module].relative_to(ROOT)}:{node.lineno}"
            assert _only_narrows(node.test), f"{where} asserts what carries meaning: raise CompileError"


def test_the_suite_asserts_under_optimisation():
    """pytest rewrites the assertions of test modules, and of what they share, so that `python -O` leaves none of them out."""
    from tests import digits

    with pytest.raises(AssertionError):
        assert not MODULES
    assert type(digits.__loader__).__name__ == "AssertionRewritingHook"


def test_no_two_classes_have_one_name():
    where: dict[str, list[str]] = defaultdict(list)
    for path in MODULES.values():
        for node in parse(path).body:
            if isinstance(node, ast.ClassDef):
                where[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    doubled = {name: lines for name, lines in where.items() if len(lines) > 1}
    assert not doubled, f"one name for several things: {doubled}"
