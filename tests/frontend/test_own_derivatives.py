"""Functions with derivatives of their own: against the derivatives of what they compute, written out; what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import graphc as g
from graphc.compiler import pipeline
from graphc.errors import (
    ArityError,
    ConversionError,
    DefinitionError,
    DtypeError,
    ExpressionError,
    GradientError,
    ShapeError,
)


def close(a, b, tolerance=1e-13):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert np.abs(a - b).max(initial=0) <= tolerance * max(1.0, np.abs(b).max(initial=0)), (a, b)


def plain(s, v):
    return {"u": g.sin(s["a"]) * v, "w": g.sum(v * v) * s["a"]}


def with_vjp():
    f = g.custom_vjp(plain, name="pair")

    def fwd(s, v):
        return f(s, v), (s["a"], v)

    def bwd(kept, bars):
        a, v = kept
        u, w = bars["u"], bars["w"]
        return {"a": g.sum(u * g.cos(a) * v) + w * g.sum(v * v)}, u * g.sin(a) + 2 * w * a * v

    f.defvjp(fwd, bwd)
    return f


def with_jvp():
    f = g.custom_jvp(plain, name="pair")

    @f.defjvp
    def rule(primals, tangents):
        (s, v), (ds, dv) = primals, tangents
        a, da = s["a"], ds["a"]
        change = {"u": g.cos(a) * da * v + g.sin(a) * dv, "w": 2 * g.sum(v * dv) * a + g.sum(v * v) * da}
        return f(s, v), change

    return f


KINDS = {"vjp": with_vjp, "jvp": with_jvp, "checkpoint": lambda: g.checkpoint(plain)}


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.slow) if k == "jvp" else k for k in KINDS]
)
def test_values_and_derivatives_are_those_of_the_function(kind):
    f = KINDS[kind]()
    a, v = g.symbol("a"), g.symbol("v", shape=(3,))
    way = np.array([0.5, -1.0, 2.0])

    def derivatives(h):
        out = h({"a": a * 2}, v)
        L = g.sum(out["u"] ** 2) + g.sin(out["w"])
        return [
            L,
            g.grad(L, [a, v]),
            g.grad(out["w"], v),
            g.hessian(L, v),
            g.jvp(L, [a, v], [1.0, way]),
            g.grad(g.jvp(L, [v], [way]), a),
            g.jvp(g.grad(L, a), [v], [way]),
            g.grad(g.sum(g.hessian(L, v)), a),
            g.jacobian(out["u"], v),
        ]

    point = {"a": 0.4, "v": np.array([1.0, 0.3, -0.7])}
    ours, right = derivatives(f), g.evaluate(derivatives(plain), point)
    for results in (
        g.evaluate(ours, point),
        g.compile(ours)(**point),
        g.compile(ours, rewrite=None)(**point),
    ):
        for one, other in zip(results, right, strict=True):
            pairs = zip(one, other, strict=True) if isinstance(one, list) else [(one, other)]
            for left, wanted in pairs:
                close(left, wanted, 1e-12)


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.slow) if k != "vjp" else k for k in KINDS]
)
def test_in_batches_loops_files_and_pictures(kind, tmp_path):
    f = KINDS[kind]()
    a, V = g.symbol("a"), g.symbol("V", shape=("n", 3))

    def loss(h):
        batch = g.vmap(lambda v: h({"a": a}, v)["w"] + g.sum(h({"a": v[0]}, v)["u"]))(V)
        end, _ = g.scan(lambda c, v: (h({"a": c}, v)["w"] * 0.1 + a, None), a, V)
        return g.sum(batch**2) + end

    point = {"a": 0.4, "V": np.random.default_rng(0).normal(size=(4, 3))}
    ours, right = loss(f), loss(plain)
    both = [[L, g.grad(L, [a, V]), g.hvp(L, a, 1.0)] for L in (ours, right)]
    result, wanted = g.compile(both[0])(**point), g.evaluate(both[1], point)
    close(result[0], wanted[0]), close(result[2], wanted[2], 1e-12)
    for one, other in zip(result[1], wanted[1], strict=True):
        close(one, other, 1e-12)
    assert pickle.loads(pickle.dumps(ours)) is ours
    g.save(ours, tmp_path / "graph.json")
    assert g.load(tmp_path / "graph.json") is ours
    fixed = f({"a": a}, np.array([1.0, 2.0, 3.0]))["w"] * 2
    name = "checkpoint of plain" if kind == "checkpoint" else "pair"
    assert name in str(fixed) and name in g.draw(fixed, at={"a": 1.0}).svg()
    assert "the derivative of the function as a whole" in str(g.explain(fixed, at={"a": 1.0}))
    assert g.check_grad(fixed, {"a": 0.7})
    with pytest.raises(ConversionError):
        g.to_sympy(f({"a": a}, g.constant(1.0))["w"])
    single = g.compile([fixed, g.grad(fixed, a)], [a], dtype="float32")(1.0)
    close(np.float64(single), [28.0, 28.0], 1e-6)


def test_rules_that_are_meant_to_differ():
    straight = g.custom_vjp(g.round, check=False)
    straight.defvjp(lambda x: (g.round(x), None), lambda _, v: (v,))
    x = g.symbol("x")
    assert g.compile([straight(x), g.grad(straight(x), x)])(2.7) == [3.0, 1.0]
    clipped = g.custom_vjp(lambda x: x, check=False, name="clip")
    clipped.defvjp(lambda x: (x, None), lambda _, v: (g.clip(v, -1, 1),))
    assert g.compile(g.grad(100 * clipped(x), x), [x])(3.0) == 1.0
    assert g.compile(g.grad(x * g.stop_gradient(x * x), x))(3.0) == 9.0
    assert g.compile(g.jvp(x * g.stop_gradient({"y": x})["y"], [x], [1.0]), [x])(3.0) == 3.0
    sums = g.sum(g.stop_gradient(g.symbol("v", shape=("n",))) * g.symbol("v", shape=("n",)))
    close(g.compile(g.grad(sums, g.symbol("v", shape=("n",))))(np.arange(3.0)), np.arange(3.0))
    # log(1 + eˣ) far out, where its formula has ∞/∞
    soft = g.custom_jvp(lambda x: g.log(1 + g.exp(x)))
    soft.defjvps(lambda t, value, x: t * g.sigmoid(x))
    f = g.compile([g.grad(soft(x), x), g.grad(g.grad(soft(x), x), x)], rewrite=None)
    assert f(1000.0) == [1.0, 0.0]


def test_arguments_that_are_no_expressions():
    power = g.custom_vjp(lambda n, x: x**n, nondiff_argnums=(0,))
    power.defvjp(lambda n, x: (x**n, x), lambda n, x, v: (v * n * x ** (n - 1),))
    x, k = g.symbol("x"), g.symbol("k", dtype="int64")
    assert g.compile(g.grad(power(3, x), x))(2.0) == 12.0
    picked = g.custom_jvp(lambda i, x: x[i] ** 2)
    picked.defjvp(lambda p, t: (picked(*p), 2 * p[1][p[0]] * t[1][p[0]]))
    v = g.symbol("v", shape=(3,))
    close(g.compile(g.grad(picked(k, v), v))(k=1, v=np.arange(3.0) + 1), [0.0, 4.0, 0.0])
    assert power(n=2, x=x) is not None


def test_wrong_derivatives_are_found():
    x, v = g.symbol("x"), g.symbol("v", shape=(3,))
    wrong = g.custom_vjp(lambda x, v: g.sin(x) * v, name="wave")
    wrong.defvjp(
        lambda x, v: (g.sin(x) * v, (x, v)), lambda k, b: (g.sum(b * k[1]) * g.cos(k[0]), b * g.cos(k[0]))
    )
    with pytest.raises(
        DefinitionError, match=r"wave by v is [-\d.]+ where differences of the function give [-\d.]+, at x ="
    ):
        wrong(x, v)
    wrong = g.custom_jvp(lambda x: g.exp(x) + x, name="sum")
    wrong.defjvps(lambda t, value, x: t * value)
    with pytest.raises(DefinitionError, match="sum by x is"):
        wrong(x)
    nowhere = g.custom_vjp(lambda x: g.log(-g.exp(x)))
    nowhere.defvjp(lambda x: (g.log(-g.exp(x)), None), lambda _, v: (v,))
    with pytest.raises(DefinitionError, match="not finite"):
        nowhere(x)
    far = g.custom_vjp(lambda x: g.log(x - 100), domain=(101.0, 103.0))
    far.defvjp(lambda x: (g.log(x - 100), x), lambda x, v: (v / (x - 99),))
    with pytest.raises(DefinitionError, match="differences"):
        far(x)


def test_what_is_refused():
    x, w, v = g.symbol("x"), g.symbol("w"), g.symbol("v", shape=(3,))
    f = g.custom_vjp(lambda x: x * w, name="scaled")
    with pytest.raises(DefinitionError, match="no rule yet"):
        f(x)
    f.defvjp(lambda x: (x * w, None), lambda _, v: (v * w,))
    assert g.compile(g.grad(f(x), x))(w=2.0) == 2.0
    for derivative in (lambda: g.grad(f(x), w), lambda: g.jvp(f(x), [w], [1.0])):
        with pytest.raises(GradientError, match="says nothing of w"):
            derivative()

    def ruled(bwd, of=lambda x: x * 2.0, args=(x,), fwd=lambda *a: (a[0] * 2.0, None)):
        f = g.custom_vjp(of)
        f.defvjp(fwd, bwd)
        return lambda: f(*args)

    for call, error in (
        (ruled(lambda _, b: (b, b)), ExpressionError),
        (ruled(lambda _, b: (g.stack([b, b]),)), ShapeError),
        (ruled(lambda _, b: (g.astype(b, "float32"),)), DtypeError),
        (ruled(lambda _, b: ({"a": b},)), ExpressionError),
        (ruled(lambda _, b: (b,), fwd=lambda x: x), ExpressionError),
        (ruled(lambda _, b: (b,), args=()), ArityError),
        (ruled(lambda _, b: (b,), of=lambda x: None), ExpressionError),
    ):
        with pytest.raises(error):
            call()
    with pytest.raises(ExpressionError):
        g.custom_vjp(3)
    with pytest.raises(ExpressionError):
        g.checkpoint(lambda: 1.0)()
    assert v.shape == (3,)


def peak(e):
    """How many arrays of a compiled program are kept at once at most."""
    passes = [each for each in pipeline.PASSES if each.name not in ("one_function", "write_kernels")]
    unit = pipeline.run(pipeline.unit_of(g.Graph(e)), passes)
    lives = [life for node, life in unit.plan.lives.items() if node.shape]
    return max(sum(first <= step <= last for first, last in lives) for step in range(len(unit.plan.steps)))


def test_what_is_computed_again_is_not_shared():
    """Reverse mode of a chain of checkpoints keeps what lies between them, and computes the rest again."""
    x = g.symbol("x", shape=("n",))

    def part(y):
        for k in range(6):
            y = g.sin(g.cumsum(y) * (0.01 * (k + 1)))
        return y

    def slope(wrap):
        y = x
        for _ in range(5):
            y = wrap(part)(y)
        return g.grad(g.sum(y), x)

    whole, again = slope(lambda f: f), slope(g.checkpoint)
    at = np.linspace(0, 1, 50)
    close(g.evaluate(again, {"x": at}), g.evaluate(whole, {"x": at}), 1e-12)
    # what each of 5 × 6 steps needs, against what is between the parts, and what one of them needs
    assert peak(whole) >= 5 * 6 and peak(again) <= 5 + 2 * 6
