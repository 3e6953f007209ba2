"""Expressions: one object for equal nodes, immutable, built by operators, refusing what Python must not do with them."""

from __future__ import annotations

import copy
import gc
import math
import operator
import pickle
import subprocess
import sys
import threading
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import graphc as g
from graphc.errors import ArityError, DtypeError, ExpressionError, GraphcError, ShapeError
from graphc.ir.expr import Expr, created_here, live_nodes, walk
from graphc.ir.expr import node as node_module
from graphc.ir.op import lookup

x, y, z = g.symbols("x y z")
n = g.symbol("n", dtype="int64")
p, q = g.symbols("p q", dtype="bool")


def line_here() -> int:
    return sys._getframe(1).f_lineno


# --- identity ----------------------------------------------------------------------------------------------------------


def test_equal_nodes_are_one_object():
    assert g.symbol("x") is x
    assert x + y is x + y
    assert g.sin(x * y) is g.sin(x * y)
    assert x + y is not y + x
    assert g.symbol("x", dtype="float32") is not x
    assert g.symbol("x", shape=(3,)) is not x
    assert g.symbol("x", shape=(np.int64(3),)) is g.symbol("x", shape=[3])


CONSTANTS = [
    1,
    1.0,
    True,
    0,
    0.0,
    -0.0,
    False,
    math.nan,
    math.inf,
    np.float32(1),
    np.int32(1),
    np.int64(1),
    np.uint8(1),
    2.0,
]


def test_constants_of_another_dtype_or_other_bits_stay_apart():
    nodes = [g.constant(value) for value in CONSTANTS]
    for i, a in enumerate(nodes):
        for j, b in enumerate(nodes):
            same = i == j or {i, j} == {0, 11}  # Python's int is an int64
            assert (a is b) == same, (CONSTANTS[i], CONSTANTS[j])
    assert g.constant(math.nan) is g.constant(float("nan"))
    assert g.constant(np.array(1.0)) is g.constant(1.0)
    assert g.constant(np.array([1.0])) is not g.constant(1.0)
    assert g.constant(np.array([1.0, 2.0])) is g.constant(np.array([1.0, 2.0]))
    assert g.constant(np.zeros((2, 3))) is not g.constant(np.zeros((3, 2)))


def test_a_constants_bits_survive():
    payload = np.array([0x7FF8000000000123], np.uint64).view(np.float64)[0]
    assert np.float64(g.constant(payload).value).tobytes() == payload.tobytes()
    assert g.constant(payload) is not g.constant(math.nan)
    assert math.copysign(1, g.constant(-0.0).value) == -1
    assert g.constant(np.float16(0.5)).dtype == np.float32


def test_constants_copy_their_array_and_are_read_only():
    a = np.array([1.0, 2.0])
    c = g.constant(a)
    a[0] = 9
    assert c.value.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        c.value[0] = 3
    assert g.constant(np.arange(6.0).reshape(2, 3).T).value.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_nothing_is_simplified():
    for expr, operands in [(x + 0, 2), (x * 1, 2), (x - x, 2), (-(-x), 1), (x**1, 2), (x / x, 2)]:
        assert not expr.is_symbol
        assert len(expr.operands) == operands
    assert (g.constant(1.0) + g.constant(2.0)).op.name == "add"
    assert +x is x


def test_equality_is_identity_and_expressions_are_keys():
    assert (x + y == x + y) is True
    assert (x == y) is False
    assert (x != y) is True
    assert {x + y: 1}[x + y] == 1
    assert g.equal(x, y).op.name == "equal"
    assert x in [y, x]
    assert [y, x].index(x) == 1
    assert x not in (y, x + y)
    assert len({x, y, x + 0, x + 0, 0, 0.5}) == 5
    assert (x, (y, "axis")) == (x, (y, "axis")) != (y, (x, "axis"))


@pytest.mark.parametrize(
    "other", [0, 0.0, -1, True, np.int8(3), np.float32(0.5), np.zeros(2), np.ones((3, 1))]
)
def test_a_comparison_with_a_value_is_a_formula_and_has_no_truth(other):
    for comparison, name in [
        (x == other, "equal"),
        (other == x, "equal"),
        (x != other, "not_equal"),
        (other != x, "not_equal"),
    ]:
        assert comparison.op.name == name
        assert comparison.dtype == np.bool_
        with pytest.raises(ExpressionError, match=r"no truth value[\s\S]*g\.where"):
            bool(comparison)
    point = np.float64(0.5)
    assert np.array_equal(g.evaluate(x == other, {"x": point}), point == other)
    assert np.array_equal(g.evaluate(x != other, {"x": point}), point != other)


@pytest.mark.parametrize("other", [[0.0, 1.0], (1, 2), 1j, Fraction(1, 2), Decimal(1), np.array([1j])])
def test_a_comparison_with_what_is_no_operand_is_refused_at_once(other):
    for compare in (lambda: x == other, lambda: x != other):
        with pytest.raises(ExpressionError, match="cannot be part of an expression"):
            compare()


@pytest.mark.parametrize("other", [None, "x", float, np.float64, (), [], ("n", 3), {}, object()])
def test_what_has_no_value_differs_from_every_expression(other):
    assert (x == other) is False
    assert (other == x) is False
    assert (x != other) is True


def test_a_value_beside_expressions_in_a_list_is_asked_for():
    assert x in [x, 0]  # the first that is the object itself answers
    assert 0 in [0, x]
    for search in (lambda: x in [0, x], lambda: 0 in [x], lambda: [0, x].index(x), lambda: (x, 0) == (0, x)):
        with pytest.raises(ExpressionError, match="no truth value"):
            search()


def test_the_table_holds_nodes_weakly():
    gc.collect()
    before = live_nodes()
    made = [g.symbol("fleeting") * k + k for k in range(1000, 1100)]
    assert live_nodes() >= before + 201
    del made
    gc.collect()
    assert live_nodes() == before


def test_a_node_that_died_is_made_again():
    for _ in range(1000):
        node = g.symbol("phoenix") * 3.25
        assert node.operands[0].name == "phoenix"
        del node


def test_interning_from_many_threads_gives_one_object():
    barrier = threading.Barrier(8)
    found: list[list[Expr]] = [[] for _ in range(8)]

    def build(slot: int) -> None:
        barrier.wait()
        u = g.symbol("threads")
        for k in range(300):
            u = g.sin(u) * (k + 0.5) + g.symbol(f"t{k % 7}")
            found[slot].append(u)

    threads = [threading.Thread(target=build, args=(slot,)) for slot in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    for others in found[1:]:
        assert all(a is b for a, b in zip(found[0], others, strict=True))


def test_threads_that_build_and_drop_leave_a_sound_table():
    stop = threading.Barrier(4)
    failures: list[str] = []

    def churn(seed: int) -> None:
        stop.wait()
        for k in range(2000):
            a = g.symbol(f"churn{k % 3}") * 2.5
            b = g.symbol(f"churn{k % 3}") * 2.5
            if a is not b:
                failures.append(f"{seed}: {k}")

    threads = [threading.Thread(target=churn, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(
    "inside", [False, True], ids=["plainly", "while somebody wants to know what is made"]
)
@pytest.mark.parametrize("again_inside", [False, True], ids=["plainly", "wanted again"])
@pytest.mark.parametrize("died", [False, True], ids=["new", "once more"])
def test_a_node_that_is_entered_while_it_is_made_is_one_object(monkeypatch, inside, again_inside, died):
    """As by another thread between the look at the table and the entry: whichever way either of them goes."""
    meanwhile: list[Expr] = []
    u = g.symbol("meanwhile")

    def made(watched: bool) -> Expr:
        if not watched:
            return u * y
        with created_here():
            return u * y

    def number() -> int:
        if not meanwhile:
            monkeypatch.setattr(node_module, "_number", numbers)
            meanwhile.append(made(again_inside))
        return numbers()

    if died:
        made(inside)
    numbers = node_module._number
    monkeypatch.setattr(node_module, "_number", number)
    assert made(inside) is meanwhile[0] is u * y


def test_lines_of_long_functions_and_of_text_that_runs():
    """Lines are found by instruction: many on one line, one instruction on many lines, and code of other texts."""
    source = "\n".join(
        ["def build(u):", *[f"    v{k} = u + {k}.5" for k in range(300)], "    return [v0, v299]"]
    )
    for name in ("first.py", "second.py"):
        space: dict = {}
        exec(compile(source, name, "exec"), space)
        first, last = space["build"](g.symbol(f"lines of {name}"))
        assert [(site.filename, site.line) for site in (*first.sites, *last.sites)] == [
            (name, 2),
            (name, 301),
        ]
    for _ in range(3):
        twice = [
            g.symbol("several") + 0.25,
            g.symbol("several") + 0.75,
        ]
        assert [each.sites[0].line for each in twice] == [twice[0].sites[0].line, twice[0].sites[0].line + 1]


def test_numbers_beside_operands_are_the_constants_of_their_types():
    """What is kept of the numbers that were written last tells signs of zeros, kinds of numbers and types apart."""
    f = g.symbol("f", dtype="float32")
    for _ in range(2):
        for operand in (x, f, n):
            for value in (0.0, -0.0, 0, 1, 1.0, 2**40 if operand is not f else 3, math.nan, math.inf, 1e-3):
                constant = (operand * value).operands[1]
                expected = np.result_type(np.zeros(1, operand.dtype), value)
                assert constant.dtype == expected
                assert constant.value.tobytes() == np.array(value, expected).tobytes()
                assert constant is (value * operand).operands[0]


# --- immutability, copies, pickles -----------------------------------------------------------------------------------------


def test_expressions_are_immutable():
    for action in (
        lambda: setattr(x, "dtype", np.dtype("int8")),
        lambda: setattr(x, "anything", 1),
        lambda: delattr(x, "op"),
        lambda: Expr(),
        lambda: type(x)("x"),
    ):
        with pytest.raises(ExpressionError):
            action()
    assert not hasattr(x, "__dict__")
    assert isinstance((x + y).operands, tuple)


def test_copies_are_the_same_object():
    expr = g.sin(x) * 2 + y
    assert copy.copy(expr) is expr
    assert copy.deepcopy(expr) is expr
    assert copy.deepcopy({"a": [expr, x]})["a"][1] is x


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_gives_the_same_object(protocol):
    for expr in (
        x, g.constant(-0.0), g.constant(math.nan), g.constant(np.arange(6.0).reshape(2, 3)), x.astype("int8"),
        g.where((x > 0) & p, g.log(x), g.maximum(x, 0)), g.polygamma(2, x), g.symbol("M", shape=("n", 3)) * 2,
    ):  # fmt: skip
        assert pickle.loads(pickle.dumps(expr, protocol)) is expr


def test_a_pickle_read_by_another_process_means_the_same():
    expr = g.where(x > 0, g.log(x) * np.float32(0.1), y.astype("float32"))
    code = (
        "import sys, pickle, graphc as g; e = pickle.load(sys.stdin.buffer); x, y = g.symbols('x y')\n"
        "assert e is g.where(x > 0, g.log(x) * __import__('numpy').float32(0.1), y.astype('float32')); print(g.Graph(e).digest)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(expr), capture_output=True, check=True
    )
    assert run.stdout.decode().strip() == g.Graph(expr).digest


# --- operators --------------------------------------------------------------------------------------------------------------

BINARY = {
    operator.add: "add", operator.sub: "subtract", operator.mul: "multiply", operator.truediv: "divide",
    operator.floordiv: "floor_divide", operator.mod: "mod", operator.pow: "pow",
}  # fmt: skip


@pytest.mark.parametrize("operation", BINARY, ids=lambda f: f.__name__)
def test_binary_operators_in_both_directions(operation):
    op = lookup(BINARY[operation])
    for other in (2, 2.5, y, np.float64(2.5), np.array([1.0, 2.0])):
        right, left = operation(x, other), operation(other, x)
        assert right.op is op
        assert left.op is op
        assert right.operands[0] is x
        assert left.operands[1] is x
    assert operation(x, 2).operands[1] is g.constant(2.0)
    assert operation(2, x).operands[0] is g.constant(2.0)


def test_unary_operators_and_builtins():
    assert (-x).op.name == "negative"
    assert abs(x).op.name == "abs"
    assert round(x).op.name == "round"
    assert math.floor(x).op.name == "floor"
    assert math.ceil(x).op.name == "ceil"
    assert math.trunc(x).op.name == "trunc"
    assert (~p).op.name == "logical_not"
    with pytest.raises(ExpressionError, match="digits"):
        round(x, 2)
    with pytest.raises(ExpressionError, match="modulus"):
        pow(x, 2, 3)


def test_comparisons_and_logic():
    assert (x < 1).op.name == "less"
    assert (x > 1).op.name == "greater"
    assert (x <= y).op.name == "less_equal"
    assert (np.float64(1) >= x).op.name == "greater_equal"
    assert (p & q).op.name == "logical_and"
    assert (True | p).op.name == "logical_or"
    assert (p ^ False).op.name == "logical_xor"
    assert (x < 1).dtype == np.bool_
    with pytest.raises(DtypeError, match="compare first"):
        x & y
    with pytest.raises(DtypeError):
        ~n


def test_numpy_on_the_left_builds_one_node():
    for expr in (np.float64(2) * x, np.float32(2) * x, np.int64(2) * x, np.array(2.0) * x):
        assert isinstance(expr, Expr)
        assert expr.op.name == "multiply"
        assert expr.operands[1] is x
    a = np.array([1.0, 2.0]) * x
    assert isinstance(a, Expr)
    assert a.shape == (2,)
    assert g.evaluate(a, {"x": 3}).tolist() == [3.0, 6.0]
    assert (np.array([1.0, 2.0]) < x).op.name == "less"
    assert (np.arange(3) @ np.arange(3)) * x is x.__rmul__(np.int64(5))


def test_dtypes_follow_numpy():
    single = g.symbol("s", dtype="float32")
    assert (single * 2).dtype == np.float32
    assert (single * 2.5).dtype == np.float32
    assert (single * np.float64(2.5)).dtype == np.float64
    assert (single * x).dtype == np.float64
    assert (n * 2).dtype == np.int64
    assert (n * 2.5).dtype == np.float64
    assert (n / 2).dtype == np.float64
    assert (g.symbol("b8", dtype="int8") + 1).dtype == np.int8
    assert g.sin(g.symbol("b8", dtype="int8")).dtype == np.float32
    assert (p + 1).dtype == np.int64
    with pytest.raises(DtypeError, match="does not fit int8"):
        g.symbol("b8", dtype="int8") + 1000


def test_shapes_broadcast_as_numpys_do_and_names_stay_apart():
    A = g.symbol("A", shape=("n", 3))
    B = g.symbol("B", shape=(3,))
    assert (A * B).shape == ("n", 3)
    assert (A * 2).shape == ("n", 3)
    assert (A * x).shape == ("n", 3)
    assert A.ndim == 2
    with pytest.raises(ShapeError, match="do not broadcast") as caught:
        A + g.symbol("C", shape=("m", 3))
    assert caught.value.site is not None
    assert "A: float64('n', 3)" in str(caught.value).replace("(n, 3)", "('n', 3)")


def test_numpys_functions_build_operations():
    assert np.exp(x) is g.exp(x)
    assert np.add(x, y) is x + y
    assert np.maximum(2.0, x) is g.maximum(2.0, x)
    assert np.abs(x) is abs(x)
    assert np.arctan2(x, y) is g.atan2(x, y)
    assert np.square(np.float64(2) * x) is g.square(np.float64(2) * x)
    for refused in (
        lambda: np.add.reduce(x),
        lambda: np.exp(x, out=np.zeros(1)),
        lambda: np.nextafter(x, y),
        lambda: np.add(x, y, where=True),
        lambda: np.multiply.outer(x, y),
    ):
        with pytest.raises(ExpressionError, match=r"np\.") as caught:
            refused()
        assert caught.value.site.filename == __file__


# --- refusals ---------------------------------------------------------------------------------------------------------------

REFUSALS = {
    "bool": (lambda e: bool(e), "g.where"),
    "if": (lambda e: 1 if e else 2, "g.where"),
    "chain": (lambda e: 0 < e < 1, "(0 < x) & (x < 1)"),
    "and": (lambda e: e and y, "&"),
    "not": (lambda e: not e, "a is b"),
    "float": (lambda e: float(e), "g.evaluate"),
    "math": (lambda e: math.exp(e), "np.exp"),
    "int": (lambda e: int(e), "g.astype"),
    "complex": (lambda e: complex(e), "g.evaluate"),
    "index": (lambda e: [1, 2][e], "g.evaluate"),
    "range": (lambda e: range(e), "g.evaluate"),
    "array": (lambda e: np.array(e), "np.exp"),
    "asarray": (lambda e: np.asarray([e, e]), "np.exp"),
    "median": (lambda e: np.median(e), "g.operations"),
    "iter": (lambda e: list(e), "unpack"),
    "unpack": (lambda e: (lambda a, b: 0)(*e), "unpack"),
    "len": (lambda e: len(e), "shape"),
    "in": (lambda e: 1 in e, "free_symbols"),
    "getitem": (lambda e: e[0], "arrays"),
    "matmul": (lambda e: e @ y, "*"),
    "rmatmul": (lambda e: np.eye(2) @ e, None),
    "string": (lambda e: e + "1", "g.parse"),
    "complex number": (lambda e: e * 1j, "real"),
    "numpy complex": (lambda e: e * np.complex128(1), "real"),
    "None": (lambda e: e + None, "numbers"),
    "list": (lambda e: e * [1, 2], "np.array"),
    "objects": (lambda e: e + np.array([1, None], dtype=object), "astype(float)"),
    "dates": (lambda e: e + np.datetime64("2020-01-01"), "numbers"),
    "text array": (lambda e: e + np.array(["a"]), "numbers"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_refusals_name_the_line_and_what_to_write(what):
    action, hint = REFUSALS[what]
    with pytest.raises(GraphcError) as caught:
        action(x * 2)
    error = caught.value
    assert isinstance(error, (TypeError, ValueError))
    assert error.site is not None
    assert error.site.filename == __file__
    source = Path(__file__).read_text(encoding="utf-8").splitlines()[error.site.line - 1]
    assert f'"{what}": (lambda e' in source
    assert source.strip()[:40] in str(error)
    assert hint is None or hint in str(error)


def test_huge_numbers_are_named_briefly():
    with pytest.raises(GraphcError) as caught:
        n + 10**5000
    assert len(str(caught.value)) < 1000
    with pytest.raises(GraphcError):
        x + 10**400


def test_wrong_arity_names_the_operation_and_the_line():
    with pytest.raises(ArityError, match="atan2") as caught:
        g.atan2(x)
    assert caught.value.site.line == line_here() - 1
    assert "g.atan2(y, x)" in str(caught.value)


def test_names_of_symbols():
    assert g.symbols("x") is x
    assert g.symbols("x,") == (x,)
    assert g.symbols("x, y z") == (x, y, z)
    assert g.symbols(["x", "two words"])[1].name == "two words"
    for bad in ("", "  ", 3, None):
        with pytest.raises((ExpressionError, TypeError)):
            g.symbol(bad) if not isinstance(bad, str) or not bad else g.symbols(bad)
    for bad in (b"x", 3.0, x):
        with pytest.raises(ExpressionError, match="text"):
            g.symbol(bad)
    for bad in ("complex128", "float16", "object", "U3", "datetime64[s]", "nonsense", None.__class__):
        with pytest.raises(DtypeError):
            g.symbol("x", dtype=bad)
    for bad in ((-1,), ("n m",), (2.5,), (None,), (True,)):
        with pytest.raises(ShapeError):
            g.symbol("x", shape=bad)


def test_name_and_value_belong_to_leaves():
    with pytest.raises(ExpressionError, match="only a symbol"):
        _ = (x + y).name
    with pytest.raises(ExpressionError, match="only a constant"):
        _ = x.value


# --- provenance -------------------------------------------------------------------------------------------------------------


def test_sites_are_the_lines_that_wrote_the_node():
    u = g.symbol("provenance")
    first, one = u * 17.5, line_here()
    again, two = u * 17.5, line_here()
    assert first is again
    assert [(s.filename, s.line) for s in first.sites] == [(__file__, one), (__file__, two)]
    assert first.site == first.sites[0]
    assert "first, one = u * 17.5" in str(first.site)
    for _ in range(10):
        u * 17.5
    assert len(first.sites) == 3


def test_sites_are_bounded():
    u = g.symbol("many_lines")
    namespace = {"u": u, "kept": []}
    exec("\n".join(["kept.append(u * 18.5)"] * 50), namespace)
    assert len(namespace["kept"][0].sites) <= 8
    assert len(set(map(id, namespace["kept"]))) == 1


# --- walking ------------------------------------------------------------------------------------------------------------------


def test_walk_goes_operands_first_from_left_to_right():
    expr = (x + y) * g.sin(x + y) - z
    order = walk([expr])
    assert order == [x, y, x + y, g.sin(x + y), (x + y) * g.sin(x + y), z, expr]
    assert walk([z, expr])[0] is z
    assert walk([x, x]) == [x]
    assert walk([]) == []


def test_free_symbols_in_the_order_of_reading():
    assert g.free_symbols(z + y * x) == (z, y, x)
    assert g.free_symbols(x * y, z * x) == (x, y, z)
    assert g.free_symbols(g.constant(1.0)) == ()


def test_substitute():
    assert g.substitute(x + y, {x: y, y: x}) is y + x
    assert g.substitute(g.sin(x) * g.sin(x), {g.sin(x): z}) is z * z
    assert g.substitute(x * y, {x: 2}) is g.constant(2.0) * y
    assert g.substitute(x * y, {z: 2}) is x * y
    assert g.substitute(x, {x: x + 1}) is x + 1
    assert g.substitute(x.astype("float32") * 2, {x: y}) is y.astype("float32") * 2
    assert g.substitute(g.polygamma(1, x), {x: y}) is g.polygamma(1, y)
    with pytest.raises(DtypeError, match="astype"):
        g.substitute(x * 2, {x: n})
    with pytest.raises(ExpressionError, match="not an expression to replace"):
        g.substitute(x * 2, {"x": y})
    with pytest.raises(ExpressionError):
        g.substitute(x * 2, {x: "y"})


def test_substitute_keeps_shapes():
    """A replacement of another shape may broadcast, or be refused where it is written; never a graph with wrong shapes."""
    A = g.symbol("A", shape=(3,))
    try:
        result = g.substitute(x * 2, {x: A})
    except GraphcError:
        return
    g.Graph(result).verify()
    assert result.shape == (3,)
