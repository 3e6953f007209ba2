"""Operations of the user's own: one formula, and value, derivative, machine code, text and picture follow from it."""

from __future__ import annotations

import pickle

import mpmath
import numpy as np
import pytest
import sympy as S

import graphc as g
from graphc.errors import (
    ArityError,
    ConversionError,
    DefinitionError,
    GraphcError,
    ParseError,
    UnknownNameError,
)
from graphc.frontend import define_op as define
from graphc.frontend.define_op import define_op
from graphc.interpret import mpmath_eval
from graphc.ir import op

x, y = g.symbols("x y")


@pytest.fixture(autouse=True)
def _forget_definitions():
    """The registry as it was, whatever a test defines."""
    registry, known = dict(op._REGISTRY), dict(define._definitions)
    for name in known:
        del op._REGISTRY[name]
    define._definitions.clear()
    yield
    op._REGISTRY.clear()
    op._REGISTRY.update(registry)
    define._definitions.clear()
    define._definitions.update(known)


def swish_by_hand(z: float) -> tuple[float, float]:
    e = np.exp(-z)
    return z / (1 + e), (1 + e + z * e) / (1 + e) ** 2


@pytest.mark.parametrize(
    "formula",
    [
        "x/(1 + exp(-x))",
        S.Symbol("x") / (1 + S.exp(-S.Symbol("x"))),
        lambda x: x / (1 + g.exp(-x)),
        x / (1 + g.exp(-x)),
    ],
    ids=["text", "sympy", "function", "expression"],
)
def test_one_formula_gives_value_derivative_and_machine_code(formula) -> None:
    swish = define_op("swish", formula)
    L = swish(x)
    assert str(L) == "swish(x)" and len(g.Graph(L)) == 2
    assert g.parse("swish(x)") is L
    compiled = g.compile(g.value_and_grad(L, x), [x])
    for at in (-3.0, 0.0, 0.7, 20.0):
        value, slope = swish_by_hand(at)
        bound = 8 * 2.0**-52  # a sum, two quotients and an exponential, each within 1 ulp
        for found in (g.evaluate(g.value_and_grad(L, x), {"x": at}), compiled(at)):
            assert abs(found[0] - value) <= bound * abs(value)
            assert abs(found[1] - slope) <= bound * (abs(slope) + abs(value))
    assert g.check_grad(L, {"x": 0.7})
    assert g.check_grad(g.grad(L, x), {"x": 0.7})


def test_compiled_code_is_the_formula_to_the_bit() -> None:
    rational = define_op("rational", "(x*y - 1)/(x + y*y)")
    compiled = g.compile(rational(x, y), [x, y])
    plain = g.compile((x * y - 1) / (x + y * y), [x, y])
    points = np.random.default_rng(3).uniform(-5, 5, (2, 500))
    assert np.array_equal(compiled(*points), plain(*points))
    assert np.array_equal(compiled(*points), g.evaluate(rational(x, y), {"x": points[0], "y": points[1]}))


def test_float32_and_integers() -> None:
    scaled = define_op("scaled", "0.1*x + y**2")
    z = g.symbol("z", dtype="float32")
    L = scaled(z, z)
    assert L.dtype == np.float32 and g.grad(L, z).dtype == np.float32
    value = np.float32(1.7)
    assert g.evaluate(L, {"z": value}) == np.float32(0.1) * value + value**2
    assert g.compile(L, [z])(np.array([value]))[0] == np.float32(0.1) * value + value**2
    n = g.symbol("n", dtype="int64")
    assert scaled(n, n).dtype == np.float64 and g.evaluate(scaled(n, 2), {"n": 3}) == 0.1 * 3 + 4
    assert scaled(z, x).dtype == np.float64


def test_arrays_broadcast_also_where_an_operand_is_not_used() -> None:
    first = define_op("first", "x*2", params="x y")
    L = first(x, y)
    at = {"x": np.array([1.0, 2.0]), "y": np.zeros((3, 1))}
    assert g.evaluate(L, at).shape == (3, 2)
    assert g.compile(L, [x, y])(at["x"], at["y"]).shape == (3, 2)
    assert g.evaluate(g.grad(L, [x, y]), {}) == [2.0, 0.0]


def test_branches_and_jumps() -> None:
    huber = define_op("huber", lambda r, d: g.where(abs(r) < d, r * r / 2, d * (abs(r) - d / 2)))
    for at in ({"x": 0.3, "y": 1.0}, {"x": -4.0, "y": 1.5}):
        assert g.check_grad(huber(x, y), at)
    safe = define_op("safe_log", lambda z: g.where(z > 0, g.log(z), 0.0))
    assert g.evaluate(g.grad(safe(x), x), {"x": -1.0}) == 0
    steps = define_op("steps", "floor(x)*y + sign(x)")
    assert g.evaluate(g.grad(steps(x, y), [x, y]), {"x": 2.5}) == [0.0, 2.0]


def test_a_definition_may_use_another() -> None:
    define_op("swish", "x/(1 + exp(-x))")
    gated = define_op("gated", "swish(x)*y")
    assert g.check_grad(gated(x, y), {"x": 0.5, "y": 2.0})
    assert abs(g.compile(gated(x, y), [x, y])(0.5, 2.0) - 2 * swish_by_hand(0.5)[0]) < 1e-15


def test_precise_and_sympy_see_the_formula() -> None:
    cubic = define_op("cubic", "0.1*x**3 - x")
    with mpmath.workdps(50):
        truth = mpmath.mpf(0.1) * 27 - 3
        assert abs(mpmath_eval.evaluate(cubic(x), {"x": 3.0}) - truth) <= mpmath.mpf(10) ** -48
    a = S.Symbol("x", real=True)
    assert g.to_sympy(cubic(x)) == S.Float(0.1) * a**3 - a
    assert g.from_sympy(S.Function("cubic")(a)) is cubic(x)


def test_operands_and_their_order() -> None:
    assert define_op("p1", "b*a + c").op.params == ("b", "a", "c")
    assert define_op("p2", S.Symbol("b") * S.Symbol("a")).op.params == ("a", "b")
    assert define_op("p3", lambda u, v: v - u).op.params == ("u", "v")
    assert define_op("p4", "b - a", params=["a", "b"]).op.params == ("a", "b")
    assert define_op("p5", lambda *all: all[0] + all[1], params="s, t").op.params == ("s", "t")
    p3 = define_op("p3", lambda u, v: v - u)
    assert p3(v=y, u=x) is p3(x, y)
    with pytest.raises(ArityError, match="p3"):
        p3(x)


def test_how_it_is_drawn_and_printed() -> None:
    huber = define_op(
        "h1",
        "x*y",
        label="H",
        latex=r"H_{<1>}\left(<0>\right)",
        domain=((0, 1), (1, 2)),
        summary="A product.",
    )
    assert huber.op.label == "H" and huber.op.domain == ((0.0, 1.0), (1.0, 2.0))
    assert "H_{y}\\left(x\\right)" in huber(x, y)._repr_latex_()
    assert huber.__doc__ is not None and huber.__doc__.startswith("A product.")
    assert r"\mathrm{h}\left(x, y\right)" in define_op("h2", "x*y", latex=r"\mathrm{h}")(x, y)._repr_latex_()
    assert define_op("h3", "x**2", domain=(1, 2)).op.domain == ((1.0, 2.0),)
    assert "x**2" in str(define_op("h3", "x**2", domain=(1, 2)).__doc__)


def test_the_same_definition_again_is_fine_another_is_not() -> None:
    first = define_op("twice", "2*x")
    assert define_op("twice", "2*x").op is first.op
    assert define_op("twice", lambda x: 2 * x).op is first.op
    for other, more in (("3*x", {}), ("2*z", {}), ("2*x", {"label": "T"}), ("2*x", {"params": "x y"})):
        with pytest.raises(DefinitionError, match="'twice' is already defined by another formula"):
            define_op("twice", other, **more)
    assert g.evaluate(first(x), {"x": 2.0}) == 4.0


def test_an_expression_with_it_pickles() -> None:
    swish = define_op("swish", "x/(1 + exp(-x))")
    assert pickle.loads(pickle.dumps(swish(x) + 1)) is swish(x) + 1


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("exp", "one of graphc's own"),
        ("where", "one of graphc's own"),
        ("for", "not a name"),
        ("1a", "not a name"),
        ("a b", "not a name"),
        ("a.b", "not a name"),
        ("", "not a name"),
        ("n" * 1000, "not a name"),
        (3, "not a name"),
        (None, "not a name"),
        ("pi", "has a meaning"),
        ("max", "has a meaning"),
        ("symbol", "has a meaning"),
    ],
)
def test_bad_names(name, match: str) -> None:
    with pytest.raises(DefinitionError, match=match):
        define_op(name, "x*2")


@pytest.mark.parametrize(
    ("formula", "kind", "match"),
    [
        ("1 + 2", DefinitionError, "no operand"),
        ("x > 0", DefinitionError, "is bool"),
        ("where(isnan(x), 0, x)", DefinitionError, "cannot differentiate.*isnan"),
        ("__import__('os').system('x')", ParseError, "quotes"),
        ("x +", ParseError, "column"),
        ("sinn(x)", UnknownNameError, "sin"),
        (3.0, DefinitionError, "is a float"),
        (None, DefinitionError, "is a NoneType"),
        (lambda *all: all[0], DefinitionError, "signature"),
        (lambda z: "z", DefinitionError, "returned a str"),
        (lambda z: None, DefinitionError, "returned a NoneType"),
        (lambda z: x * z, DefinitionError, "uses 'x'"),
        (g.symbol("X", shape=("n",)) * 2, DefinitionError, "float64 scalar"),
        (g.symbol("n", dtype="int64") * 2.0, DefinitionError, "float64 scalar"),
        (x * np.array([1.0, 2.0]), DefinitionError, r"shape \(2,\)"),
        (S.Function("f")(S.Symbol("x")), ConversionError, "'f' is not defined"),
        (S.I * S.Symbol("x"), ConversionError, "real numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_formulas(formula, kind: type[GraphcError], match: str) -> None:
    with pytest.raises(kind, match=match):
        define_op("bad", formula)
    assert op.find("bad") is None


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"params": "x"}, "unknown name 'y'"),
        ({"params": "x x y"}, "listed twice"),
        ({"params": ["x", "y", "1"]}, "not a name for an operand"),
        ({"params": ["x", "y", "e"]}, "has a meaning"),
        ({"latex": "<3>"}, "names operand 3"),
        ({"domain": (1, 2)}, "the domain of"),
        ({"domain": ((2, 1), (0, 1))}, "the domain of"),
        ({"domain": "ab"}, "the domain of"),
    ],
)
def test_bad_declarations(more: dict, match: str) -> None:
    with pytest.raises(GraphcError, match=match):
        define_op("bad", "x*y", **more)
    assert op.find("bad") is None


def test_a_formula_too_deep_for_sympy_is_one_clear_error() -> None:
    def deep(z):
        for _ in range(5000):
            z = g.sin(z) * 1.5
        return z

    with pytest.raises(
        DefinitionError,
        match=r"(?s)SymPy cannot differentiate the formula of 'deep'.*more than 1,000 operations",
    ):
        define_op("deep", deep)
