"""No type changes what a formula means: every rule's formulas with operands of every type, at the ends of the types.

A rule is proved over floating point; an integer wraps around, a boolean has no negative. Rewritten formulas are held against
NumPy of the formula as written and against extended precision (tests/fuzz/typed_oracle.py), keep
its dtype, and are never refused.
"""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import apply, walk
from graphc.rewrite import tables
from graphc.rewrite.engine.promotion import Promotions
from tests.fuzz import typed_programs
from tests.fuzz import types as fuzz
from tests.fuzz.typed_oracle import evaluate

SMALL = ("bool", "int8", "uint8", "int64", "float32")
ALL = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32")


def filled(pattern, dtypes, whole):
    """A pattern over symbols of some types, in turn; its numbers as integers where `whole`."""
    bound = {}

    def fill(node):
        if node.is_symbol:
            if node.name.startswith("c"):
                return 2 if whole else 0.5
            if node.name not in bound:
                dtype = "bool" if node.dtype.kind == "b" else dtypes[len(bound) % len(dtypes)]
                bound[node.name] = g.symbol(f"{node.name}_{dtype}", dtype=dtype)
            return bound[node.name]
        if node.is_constant:
            value = node.value.item()
            return int(value) if whole and value == int(value) else value
        return apply(node.op, *[fill(operand) for operand in node.operands], attrs=node.attrs)

    return fill(pattern)


def formulas(types):
    """All that rules fire on, over one type and over one beside float64, as far as it can be written."""
    found = {}
    for pattern in typed_programs.patterns():
        for dtype in types:
            for dtypes in ((dtype,), (dtype, "float64"), ("float64", dtype)):
                for whole in (True, False):
                    try:
                        made = filled(pattern, dtypes, whole)
                    except g.GraphcError:
                        continue  # as the difference of booleans
                    if isinstance(made, g.Expr) and made.operands:
                        found[made] = None
    return [*found]


def _check(outputs):
    symbols = g.free_symbols(*outputs)
    rng = np.random.default_rng(5)
    at = {s.name: typed_programs.values(s, rng) for s in symbols}
    trace = g.rewrites(outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = g.evaluate(list(trace.outputs), at)
        written, exact = evaluate(outputs, at), evaluate(outputs, at, wide=True)
        wrong = []
        for k, output in enumerate(outputs):
            assert trace.outputs[k].dtype == output.dtype == written[k].dtype, output
            good = np.broadcast_to(
                fuzz.agree(output, found[k], written[k], exact[k]), typed_programs.POINTS
            ).copy()
            if not good.all():
                good |= fuzz.chaotic(output, at)
            for point in np.flatnonzero(~good):
                if not fuzz.also_of_reals(output, at, int(point)):
                    here = {s.name: at[s.name][point] for s in g.free_symbols(output)}
                    value, was = (
                        np.broadcast_to(v, typed_programs.POINTS)[point] for v in (found[k], written[k])
                    )
                    wrong.append(f"{output} at {here}: {value}, not {was}")
                    break
    assert not wrong, "\n".join(wrong[:30])
    return trace


def test_rules_over_a_small_type():
    outputs = formulas(("uint8",))
    assert len(outputs) > 300
    _check(outputs)


@pytest.mark.slow
def test_rules_over_small_types():
    outputs = formulas(SMALL)
    assert len(outputs) > 1000
    trace = _check(outputs)
    fired = {step.rule for step in trace}
    scalar = {rule.name for rule in tables.NORMAL if rule not in tables.ON_ARRAYS}
    assert len(fired & scalar) > 0.75 * len(scalar)


@pytest.mark.slow
def test_rules_over_all_types():
    _check(formulas(ALL))


def test_what_is_rewritten_is_not_refused():
    outputs = formulas(("bool", "uint8"))[::12]
    symbols = list(g.free_symbols(*outputs))
    compiled = g.compile(outputs, symbols, cache=False)
    rng = np.random.default_rng(1)
    at = {s.name: typed_programs.values(s, rng) for s in symbols}
    read = g.evaluate(list(g.rewrites(outputs).outputs), at)
    written, exact = evaluate(outputs, at), evaluate(outputs, at, wide=True)
    rows = zip(outputs, compiled(*[at[s.name] for s in symbols]), read, written, exact, strict=True)
    for output, value, own, plain, wide in rows:
        assert value.dtype == output.dtype
        single = any(node.dtype == np.float32 for node in walk([output]))
        tolerance = 1e-4 if single else 1e-6
        near = np.isclose(value, own, rtol=tolerance, atol=tolerance, equal_nan=True)
        with np.errstate(
            all="ignore"
        ):  # where rounding decides, as in log(exp(True) - exp(1.0)), there is nothing to compare
            decided = np.isclose(
                plain.astype(float), wide.astype(float), rtol=tolerance, atol=tolerance, equal_nan=True
            )
        assert np.all(near | ~decided), output


U, K, B, X = (
    g.symbol(name, dtype=dtype)
    for name, dtype in (("u", "uint8"), ("k", "int8"), ("b", "bool"), ("x", "float64"))
)


@pytest.mark.parametrize(
    ("formula", "at", "value"),
    [
        (1 / (1 + g.exp(U)), 1, 0.2689414213699951),
        (U * -1.0 - 0.5, 6, -6.5),
        (K * -1.0, -128, 128.0),
        (K / -1, -128, 128.0),
        (-1.0 * B, True, -1.0),
        (1 / (1 + g.exp(B)), True, 0.2689414213699951),
        ((1 + 1.0 / U) ** U, 3, (4 / 3) ** 3),
        (abs(-U), 3, 253),
        (g.sign(-K), -128, -1),
        (g.cos(-U), 1, float(np.cos(np.float32(255)))),
        (g.tanh(-K), -128, -1.0),
        (g.sqrt(U * U), 16, 0.0),
        (g.sqrt(U * U + K * K), 15, 15.0),
        (g.log(U * 3), 100, float(np.log(np.float32(44)))),
        (1 - U * U, 16, 1),
        (1.0 - U * U, 16, 1.0),
        (-(U - (U + 1)), 3, 1),
        ((U - 1.0) * (K * 0 + 1.0), 0, -1.0),
        (U**2 / 1.0, 16, 0.0),
        (g.exp(U + U), 128, 1.0),
        (g.softplus(-U), 1, 254.99999999999997 + 3e-14),
        (g.sigmoid(-(U - 3)), 2, 1.0 / (1 + np.exp(-1.0))),
    ],
    ids=str,
)  # fmt: skip
def test_formulas_of_small_integers(formula, at, value):
    point = {s.name: at if s.name == g.free_symbols(formula)[0].name else 0 for s in g.free_symbols(formula)}
    rewritten = g.evaluate(g.stabilize(formula), point)
    assert rewritten == pytest.approx(value, rel=1e-6) and type(rewritten) is type(g.evaluate(formula, point))
    assert g.evaluate(formula, point) == pytest.approx(value, rel=1e-6)


def test_facts_of_integers_do_not_outlive_their_wrapping_around():
    """A range that is declared of u says nothing of u + u in uint8."""
    u = g.symbol("u", dtype="uint8", range=(1, 255))
    k = g.symbol("k", dtype="int8", range=(1, 127))
    assert (
        g.stabilize(abs(k + k)) is abs(k + k)
        and g.evaluate(g.stabilize(abs((k + k) * 1.0)), {"k": 100}) == 56
    )
    assert g.evaluate(g.stabilize(g.exp(g.log((u + u) * 1.0))), {"u": 128}) == 0.0
    assert g.stabilize(g.exp(g.log(g.astype(u, "float32")))) is g.astype(
        u, "float32"
    )  # while it is itself positive
    least = g.symbol("x", positive=True)
    assert g.stabilize(abs(g.astype(least, "float32"))) is not g.astype(least, "float32")  # may round to 0


def test_rules_of_ones_own_are_asked_about_floats():
    g.rule("thrice", "x + x + x", "3*x")
    try:
        assert g.stabilize(U + U + U) is U + U + U
        x = g.symbol("x", dtype="float32")
        assert g.stabilize(x + x + x) is 3 * x and g.stabilize(B * 2.5 + B * 2.5 + B * 2.5) is 3 * (B * 2.5)
        # u + u wraps around before the float64 is added
        assert g.evaluate(g.stabilize(U + U + X), {"u": 200, "x": 200.0}) == 344.0
    finally:
        g.forget_rule("thrice")


def test_casts_that_an_operation_makes_itself_are_not_left_behind():
    formula = g.log(1 + g.exp(U)) + U * 1.5
    (rewritten,) = g.rewrites(formula).outputs
    assert rewritten is g.softplus(U) + U * 1.5
    plain = U * 1.5 + K
    assert g.rewrites(plain).outputs == (plain,)
    own = g.exp(g.astype(U, "float32")) + g.log(1 + g.exp(X))
    assert g.stabilize(own) is g.exp(g.astype(U, "float32")) + g.softplus(X)  # the user's cast stays


def test_a_promoted_node_computes_the_same():
    for output in formulas(("bool", "uint8", "float32"))[::5]:
        for node in walk([output]):
            if node.operands:
                after = Promotions([output]).of(node)
                assert after.dtype == node.dtype and Promotions([output]).of(after) is after


# --- arrays ------------------------------------------------------------------------------------------------------------------

LENGTHS = {"n": 3, "m": 4, "k": 2, "b": 2}


def _array_formulas(dtypes):
    for rule in tables.ON_ARRAYS:
        for text, shapes in getattr(rule, "examples", ()):
            symbols = {
                name: g.symbol(
                    f"{name}", shape=shape, dtype="bool" if name == "p" else dtypes[k % len(dtypes)]
                )
                for k, (name, shape) in enumerate(shapes.items())
            }
            with contextlib.suppress(g.GraphcError):  # as the negative of booleans
                yield rule, g.parse(text, symbols)


@pytest.mark.parametrize(
    "dtypes",
    [("uint8",), ("int8", "float32"), ("bool",), ("float32", "uint8"), ("int32", "float64")],
    ids=str,
)
def test_array_rules(dtypes):
    rng = np.random.default_rng(3)
    outputs = 0
    for _, output in _array_formulas(dtypes):
        at = {}
        for s in g.free_symbols(output):
            shape = [LENGTHS.get(d, d) if isinstance(d, str) else LENGTHS.get(str(d), d) for d in s.shape]
            shape = [int(d) for d in shape]
            if s.dtype.kind == "b":
                at[s.name] = rng.random(shape) < 0.5
            elif s.dtype.kind in "iu":
                ends = np.iinfo(s.dtype)
                at[s.name] = rng.choice([ends.min, ends.max, 0, 1, 2, 5, 100], shape).astype(s.dtype)
            else:
                at[s.name] = rng.normal(size=shape).astype(s.dtype)
        written = np.asarray(g.evaluate(output, at))
        (rewritten,) = g.rewrites(output).outputs
        assert rewritten.dtype == output.dtype and rewritten.shape == output.shape
        found = np.asarray(g.evaluate(rewritten, at))
        outputs += 1
        with np.errstate(all="ignore"):
            tolerance = 0 if output.dtype.kind != "f" else 2e-4
            close = np.isclose(found, written, rtol=tolerance, atol=tolerance, equal_nan=True)
            close |= ~np.isfinite(written.astype(float)) & (
                output.dtype.kind == "f"
            )  # a wider range is what rules are for
        assert close.all(), (output, found, written)
    assert outputs > 10


def test_chains_of_products_beside_integers():
    """(A B) C with B and C of uint8 is not A (B C): their product would wrap around."""
    a = g.symbol("a", shape=(1, 8), dtype="float64")
    b, c = g.symbol("b", shape=(8, 8), dtype="uint8"), g.symbol("c", shape=(8,), dtype="uint8")
    at = {"a": np.ones((1, 8)), "b": np.full((8, 8), 200, np.uint8), "c": np.full(8, 200, np.uint8)}
    for output in (a @ b @ c, g.einsum("ij,jk,k->i", a, b, c), (b @ a.T).T @ b @ c):
        wanted = g.evaluate(output, at)
        assert np.array_equal(g.evaluate(g.stabilize(output), at), wanted)
        assert np.array_equal(g.compile(output)(**at), wanted)
        assert np.max(wanted) > 255
