"""Every operation on every combination of types: machine code, interpreter and NumPy agree on values and on the type.

Operands are the ends of their types, zeros of both signs, infinities and NaN; as inputs, and as constants, of which LLVM draws
conclusions of its own. Casts of floats to integers saturate, which NumPy leaves undefined: there the oracle counts in Python.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import subprocess
import warnings

import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import Expr, apply
from graphc.ir.graph import Dag
from graphc.ir.op import all_ops
from tests.compiler.targets import javascript_cases as cases
from tests.fuzz.typed_oracle import FUNCTIONS, evaluate
from tests.oracle import held_apart

FEW = ("bool", "int8", "uint8", "float64")
ALL = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
SIDE = 20
TOGETHER = 50
OPS = [
    op for op in all_ops() if not op.user_defined and op.name != "polygamma" and not held_apart(op)
]  # which has values for orders from 1 on alone


def ends(dtype: np.dtype) -> np.ndarray:
    """What is most likely to go wrong in a type."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        signed = [-1, -2, -3, -7] if dtype.kind == "i" else []
        return np.array([info.min, info.min + 1, 0, 1, 2, 3, 7, info.max - 1, info.max, *signed], dtype=dtype)
    info = np.finfo(dtype)
    return np.array(
        [0.0, -0.0, 1, -1, 0.5, -2.5, 3, -7, 100, -129, 255.5, 300, -1e10, 1e20, np.nan, np.inf, -np.inf, info.max, info.tiny,
         info.smallest_subnormal], dtype=dtype)  # fmt: skip


def _over(op, types):
    combinations = [*itertools.product(types, repeat=op.arity)]
    if op.arity == 3:
        combinations = (
            [c for c in combinations if c[0] == "bool"] if op.name == "where" else combinations[::5]
        )
    for dtypes in combinations:
        symbols = [g.symbol(f"{'xyz'[slot]}_{dtype}", dtype=dtype) for slot, dtype in enumerate(dtypes)]
        for target in types if op.name == "astype" else [None]:
            with contextlib.suppress(g.GraphcError):  # refused where the formula is written
                yield op, symbols[0].astype(target) if target else apply(op, *symbols)


def _with_constants(op, types):
    """One operand a constant that LLVM may draw conclusions from."""
    if op.arity != 2:
        return
    for dtype in types:
        x = g.symbol(f"x_{dtype}", dtype=dtype)
        for value in (np.nan, np.inf, -0.0, np.int8(-128), np.uint8(255), True):
            for operands in ((x, value), (value, x)):
                with contextlib.suppress(g.GraphcError):
                    yield op, apply(op, *operands)


def _grid(symbol: Expr, arity: int) -> np.ndarray:
    place = "xyz".index(symbol.name[0])
    values = np.resize(ends(symbol.dtype), SIDE)
    return np.tile(np.repeat(values, SIDE ** (arity - 1 - place)), SIDE**place)


def _alike(op, found, wanted, tolerance: float) -> np.ndarray:
    same = (found == wanted) | ((found != found) & (wanted != wanted))
    if wanted.dtype.kind != "f":
        return same
    with np.errstate(all="ignore"):
        unit = np.spacing(np.where(np.isfinite(wanted), np.abs(wanted), 1).astype(wanted.dtype)).astype(
            np.float64
        )
        return same | (np.abs(found.astype(np.float64) - wanted.astype(np.float64)) <= tolerance * unit)


def _compare(pairs) -> list[str]:
    wrong = []
    pairs = list(pairs)
    for arity in (1, 2, 3):
        chosen = [(op, node) for op, node in pairs if op.arity == arity]
        for start in range(0, len(chosen), TOGETHER):
            part = chosen[start : start + TOGETHER]
            nodes = [node for _, node in part]
            symbols = list(g.free_symbols(*nodes))
            at = {s.name: _grid(s, arity) for s in symbols}
            # the values of constants are those of the grid's first points
            found = g.compile(nodes, symbols, rewrite=None, cache=False)(*[at[s.name] for s in symbols])
            interpreted = g.evaluate(nodes, at)
            for (op, node), compiled, read in zip(part, found, interpreted, strict=True):
                ulps = 4 + op.ulps + (op.reference_ulps or op.ulps + 1)
                if np.shape(compiled) != np.shape(read) or compiled.dtype != read.dtype != node.dtype:
                    wrong.append(
                        f"{node}: {compiled.dtype}{np.shape(compiled)}, {read.dtype}{np.shape(read)}"
                    )
                    continue
                if op.name in FUNCTIONS:
                    (own,) = evaluate([node], at)
                    if own.dtype != node.dtype:
                        wrong.append(f"{node} is {node.dtype}, NumPy's is {own.dtype}")
                        continue
                    bad = ~_alike(op, read, own, ulps)
                    if bad.any():
                        k = int(np.flatnonzero(bad)[0])
                        wrong.append(
                            f"{node} at {[at[s.name][k] for s in g.free_symbols(node)]}: interpreted {read[k]}, NumPy {own[k]}"
                        )
                bad = ~_alike(op, compiled, read, ulps)
                if bad.any():
                    k = int(np.flatnonzero(bad)[0])
                    wrong.append(
                        f"{node} at {[at[s.name][k] for s in g.free_symbols(node)]}: {compiled[k]}, interpreted {read[k]}"
                    )
    return wrong


def _check(types, ops=OPS):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        pairs = [pair for op in ops for rule in (_over, _with_constants) for pair in rule(op, types)]
        assert len(pairs) > 4 * len(ops)
        wrong = _compare(pairs)
    assert not wrong, "\n".join(wrong[:40])


@pytest.mark.sample(3)
@pytest.mark.parametrize("first", range(3))
def test_operations_on_small_types(first):
    """Every third operation."""
    _check(FEW, OPS[first::3])


@pytest.mark.slow
@pytest.mark.parametrize("left", ALL[1:])
def test_operations_on_all_types(left):
    _check(tuple(dict.fromkeys((left, "int64", "uint64", "float32"))))


@pytest.mark.parametrize("dtype", ALL)
def test_remainders_beside_a_constant_nan(dtype):
    """LLVM concludes from a call of fmod that there is no NaN where the dividend is finite and the divisor is not 0."""
    i = g.symbol("i", dtype=dtype)
    for node in (i % np.nan, i // np.nan, i % g.maximum(g.astype(i, "float64") * np.nan, 1.0)):
        compiled = g.compile(node, [i], rewrite=None)
        one = np.dtype(dtype).type(1)
        assert np.isnan(compiled(one)) and np.isnan(g.evaluate(node, {i: one}))
        assert np.isnan(compiled(np.ones(5, dtype=dtype))).all()


# --- as programs in other languages ------------------------------------------------------------------------------------------

ROUNDED_ALIKE = frozenset(
    "add subtract multiply divide floor_divide mod negative abs sign square pow less less_equal greater greater_equal equal"
    " not_equal logical_and logical_or logical_xor logical_not isnan isinf isfinite where maximum minimum clip floor ceil trunc"
    " round relu leaky_relu hard_tanh reciprocal softsign astype".split()
)
"""Operations whose values are the same everywhere; functions of the C library are held on their domain elsewhere."""


def _few_pairs(types):
    return [
        (op, node)
        for op in OPS
        if op.name in ROUNDED_ALIKE
        for node in dict.fromkeys(node for _, node in _over(op, types))
        if any(s.dtype.kind != "f" for s in g.free_symbols(node)) or node.dtype.kind != "f"
    ]


def _points(symbols, few=7):
    chosen = [
        np.unique(ends(s.dtype).astype(object))[:few]
        if s.dtype.kind == "b"
        else ends(s.dtype)[:: 1 if s.dtype.kind != "f" else 2]
        for s in symbols
    ]
    return [*itertools.product(*[values.tolist() for values in chosen])]


@pytest.mark.skipif(shutil.which("node") is None, reason="no JavaScript engine on this machine: node")
@pytest.mark.parametrize(
    "types", [("bool", "uint8", "float64"), pytest.param(ALL, marks=pytest.mark.slow)], ids=str
)
def test_javascript(types):
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for op, node in _few_pairs(types):
            dag = Dag([node])
            points = _points(dag.symbols)[::3] if op.arity == 3 else _points(dag.symbols)
            made.append(cases.Case(op.name, dag, [list(point) for point in points]))
        text = "\n".join(f"console.log(eval({json.dumps(case.script)}));" for case in made)
        done = subprocess.run(
            ["node", "-"], input=text, capture_output=True, encoding="utf-8", timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        wrong = []
        for case, answer in zip(made, done.stdout.splitlines(), strict=True):
            try:
                case.check(answer)
            except AssertionError as error:
                wrong.append(str(error).split("\n")[0])
    assert not wrong, "\n".join(wrong[:40])


def test_booleans_in_a_python_module(tmp_path):
    """Numba makes no float of a boolean."""
    b, s = g.symbol("b", dtype="bool"), g.symbol("s", dtype="float32")
    g.compile([b * 1.5, b + s], [b, s], rewrite=None, cache=False).export(tmp_path / "typed.py")
    text = (tmp_path / "typed.py").read_text(encoding="utf-8").replace("cache=True, ", "")
    space = {"__name__": "typed", "__file__": str(tmp_path / "typed.py")}
    exec(compile(text, "typed.py", "exec"), space)
    product, total = space["typed"](np.array([True, False]), np.array([0.5, 0.5], np.float32))
    assert product.tolist() == [1.5, 0.0] and total.tolist() == [1.5, 0.5] and total.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("types", [("bool", "uint8", "float64"), ("int8", "uint64", "float32")], ids=str)
def test_python_module(types, tmp_path):
    pairs = _few_pairs(types)
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for arity in (1, 2, 3):
            nodes = [node for op, node in pairs if op.arity == arity]
            symbols = list(g.free_symbols(*nodes))
            path = tmp_path / f"typed_{arity}.py"
            g.compile(nodes, symbols, rewrite=None, cache=False).export(path)
            space = {"__name__": path.stem, "__file__": str(path)}
            exec(
                compile(path.read_text(encoding="utf-8").replace("cache=True, ", ""), str(path), "exec"),
                space,
            )
            at = {s.name: _grid(s, arity) for s in symbols}
            found = space[path.stem](*[at[s.name] for s in symbols])
            for node, compiled, read in zip(nodes, found, g.evaluate(nodes, at), strict=True):
                if compiled.dtype != read.dtype:
                    wrong.append(f"{node}: {compiled.dtype}, not {read.dtype}")
                elif (bad := ~_alike(node.op, compiled, read, 8)).any():
                    k = int(np.flatnonzero(bad)[0])
                    wrong.append(
                        f"{node} at {[at[s.name][k] for s in g.free_symbols(node)]}: {compiled[k]}, not {read[k]}"
                    )
    assert not wrong, "\n".join(wrong[:40])
