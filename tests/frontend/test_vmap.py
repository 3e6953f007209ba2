"""vmap: what a batch gives is the stack of what its elements give, for every operation."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.errors import ArityError, ExpressionError, GraphcError, ShapeError
from graphc.ir.op import array_ops, lookup
from tests.ops.array_cases import CASES
from tests.strategies import expressions, value_of

SIZE = 5
"""Of the batch: no other length of the cases."""

MOVED = ("shape", "indexing")
"""Categories of operations that compute nothing: equal to the bit."""


def patterns(count):
    """Which operands are batched: all, and each alone."""
    yield (True,) * count
    if count > 1:
        yield from ((tuple(place == slot for place in range(count))) for slot in range(count))


EVERY = [
    pytest.param(case, pattern, id=f"{case.op}{number}-{''.join('b' if own else '.' for own in pattern)}")
    for number, case in enumerate(CASES)
    for pattern in patterns(len(case.shapes))
]


def check(found, wanted, exact, ulps=400):
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    if exact or found.dtype.kind in "biu":
        np.testing.assert_array_equal(found, wanted)
        return
    scale = max(1.0, np.abs(wanted).max(initial=0))
    # both round in different orders: some hundred units of the largest element
    assert np.abs(found - wanted).max(initial=0) <= ulps * np.finfo(wanted.dtype).eps * scale


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("case, batched", EVERY)
def test_a_batch_is_the_stack_of_its_elements(case, batched, named):
    if named and not case.named:
        pytest.skip("is not built with names")
    points = [case.point(seed) for seed in range(SIZE)]
    names = list(points[0])
    symbols = case.symbols(named)
    elements = [
        {name: (points[k] if own else points[0])[name] for name, own in zip(names, batched, strict=True)}
        for k in range(SIZE)
    ]
    wanted = np.stack([np.asarray(g.evaluate(case.build(*symbols), at)) for at in elements])
    length = "batch" if named else SIZE
    args, in_axes, at = [], [], {}
    for slot, (s, own) in enumerate(zip(symbols, batched, strict=True)):
        axis = (slot + 1) % (s.ndim + 1) if own else None
        values = np.stack([e[s.name] for e in elements], axis) if own else points[0][s.name]
        shape = (*s.shape[:axis], length, *s.shape[axis:]) if own else s.shape
        args.append(g.symbol(s.name.upper(), shape=shape, dtype=s.dtype))
        # negative axes count from the end of what is given
        in_axes.append(axis - len(shape) if own and slot % 2 else axis)
        at[s.name.upper()] = values
    out = 0 if wanted.ndim == 1 else -1
    expr = g.vmap(case.build, tuple(in_axes), out)(*args)
    found = np.asarray(g.evaluate(expr, at))
    exact = lookup(case.op).category in MOVED and case.op != "linspace"
    check(np.moveaxis(found, out, 0), wanted, exact)
    g.Graph(expr).verify()
    assert not any("\0" in s.name for s in g.free_symbols(expr))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.smooth and not case.dtypes], ids=lambda case: case.op
)
def test_derivatives_go_through(case):
    """The gradient of a batched function, and the batched gradient: one and the same."""
    symbols = case.symbols()
    points = [case.point(seed) for seed in range(3)]
    at = {name: np.stack([point[name] for point in points]) for name in points[0]}
    wide = [g.symbol(s.name, shape=(3, *s.shape)) for s in symbols]

    def loss(*args):
        y = case.build(*args)
        return g.sum(y * y)

    one = g.grad(g.sum(g.vmap(loss)(*wide)), wide)
    other = g.vmap(lambda *args: g.grad(loss(*args), list(args)))(*wide)
    for found, wanted in zip(g.evaluate(one, at), g.evaluate(other, at), strict=True):
        check(found, wanted, exact=False, ulps=20_000)  # some divide by differences of eigenvalues


def test_every_operation_has_a_rule():
    covered = {case.op for case in CASES}
    for op in array_ops():
        assert op.name in covered and (
            op.batch or op.expand or not op.params or any(known.name == "axis" for known in op.attributes)
        ), f"vmap does not know {op.name}"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_elementwise_programs_to_the_bit(data):
    output, symbols = data.draw(expressions(most=8))
    chosen = [data.draw(st.booleans()) for _ in symbols]
    if not any(chosen):
        return
    values = [[value_of(data.draw, s) for _ in range(3)] if own else value_of(data.draw, s)
              for s, own in zip(symbols, chosen, strict=True)]  # fmt: skip
    wide = [
        g.symbol(s.name, shape=("b",) if own else (), dtype=s.dtype)
        for s, own in zip(symbols, chosen, strict=True)
    ]
    batched = g.vmap(
        lambda *args: g.substitute(output, dict(zip(symbols, args, strict=True))),
        tuple(0 if own else None for own in chosen),
    )(*wide)
    at = {s.name: np.asarray(v, dtype=s.dtype) for s, v in zip(symbols, values, strict=True)}
    found = g.evaluate(batched, at)
    wanted = [
        g.evaluate(
            output, {s.name: v[k] if own else v for s, v, own in zip(symbols, values, chosen, strict=True)}
        )
        for k in range(3)
    ]
    np.testing.assert_array_max_ulp(
        found, np.asarray(wanted, dtype=found.dtype), 1
    )  # NumPy's loops against its scalars


# --- conventions ---------------------------------------------------------------------------------------------------------------

X = g.symbol("X", shape=("n", 3))
W = g.symbol("W", shape=(2, 3))
POINT = {"X": np.arange(12.0).reshape(4, 3), "W": np.array([[1.0, 2, 3], [0, -1, 5]])}


def test_structures_in_and_out():
    layers = {"W": W, "b": g.symbol("b", shape="n")}

    def f(p, x, scale=1.0):
        return {"y": p["W"] @ x + p["b"], "both": (p["b"] * scale, [p["W"]])}

    result = g.vmap(f, in_axes=({"W": None, "b": 0}, 0), out_axes={"y": 1, "both": (0, [None])})(layers, X)
    assert result["y"].shape == (2, "n") and result["both"][0].shape == ("n",) and result["both"][1] == [W]
    at = {**POINT, "b": np.arange(4.0)}
    np.testing.assert_array_equal(g.evaluate(result["y"], at), POINT["W"] @ POINT["X"].T + at["b"])
    scaled = g.vmap(lambda x, k: x * k, in_axes=(0,))(X, k=g.symbol("k", shape="n"))
    np.testing.assert_array_equal(g.evaluate(scaled, {**POINT, "k": at["b"]}), POINT["X"] * at["b"][:, None])


def test_nested_and_captured():
    Y = g.symbol("Y", shape=("m", 3))
    distances = g.vmap(lambda x: g.vmap(lambda y: g.sum((x - y) ** 2))(Y))(X)
    assert distances.shape == ("n", "m")
    at = {"X": POINT["X"], "Y": -POINT["X"][:2]}
    wanted = ((at["X"][:, None] - at["Y"]) ** 2).sum(-1)
    np.testing.assert_array_equal(g.evaluate(distances, at), wanted)
    twice = g.vmap(g.vmap(lambda x, y: x * y, in_axes=(0, None)), in_axes=(None, 0))
    square = twice(X[:, 0], X[:, 1])
    np.testing.assert_array_equal(
        g.evaluate(square, {"X": POINT["X"]}), POINT["X"][:, 1:2] * POINT["X"][:, 0]
    )


def test_what_ignores_the_batch_is_repeated():
    assert g.vmap(lambda x: W, out_axes=None)(X) is W
    found = g.vmap(lambda x: (W, 2.0, x))(X)
    values = g.evaluate(found, POINT)
    np.testing.assert_array_equal(values[0], np.broadcast_to(POINT["W"], (4, 2, 3)))
    np.testing.assert_array_equal(values[1], np.full(4, 2.0))
    assert found[2] is X and found[0].shape == ("n", 2, 3)
    assert g.vmap(lambda x: W)(g.symbol("Z", shape=(6, 1))).op.name == "broadcast_to"


def test_numbers_give_numbers():
    found = g.vmap(lambda x, k: g.sum(x) * k, in_axes=(1, None))(np.ones((3, 4)), 2.0)
    assert isinstance(found, np.ndarray) and found.tolist() == [6.0] * 4
    assert isinstance(g.vmap(lambda x: x + W)(np.ones(3)), g.Expr)
    traced = g.function(lambda x: x * 2)
    assert g.vmap(traced)(X[:, 0]).shape == ("n",)


def test_jacobians_by_rows():
    x = g.symbol("x", shape=3)
    y = g.tanh(W @ x)
    rows = g.vmap(lambda v: g.vjp(y, x, v))(np.eye(2))
    at = {"x": np.array([0.1, -0.2, 0.3]), "W": POINT["W"]}
    np.testing.assert_allclose(g.evaluate(rows, at), g.evaluate(g.jacobian(y, x), at), rtol=0, atol=1e-14)


def test_a_vector_product_becomes_one_of_matrices():
    assert g.vmap(lambda x: W @ x)(X) is X @ W.T
    assert g.vmap(lambda x: x @ W, in_axes=1)(g.symbol("V", shape=(2, "n"))).op.name == "matmul"


def test_it_is_an_expression():
    expr = g.vmap(lambda x: g.softmax(W @ x))(X)
    assert pickle.loads(pickle.dumps(expr)) is expr and g.parse(str(expr), symbols=[X, W]) is expr


REFUSED = {
    "lengths": (lambda: g.vmap(lambda a, b: a + b)(X, W), ShapeError, "n in argument 0, X of .* and 2 in argument 1, W"),
    "numbers": (lambda: g.vmap(lambda a, b: a)(np.ones(3), np.ones(4)), ShapeError, "3 in argument 0.* and 4"),
    "axis": (lambda: g.vmap(lambda a: a, in_axes=2)(X), ShapeError, "in_axes 2 is out of range"),
    "out axis": (lambda: g.vmap(lambda a: a, out_axes=3)(X), ShapeError, "out_axes 3 is out of range"),
    "count": (lambda: g.vmap(lambda a: a, in_axes=(0, 0))(X), ArityError, "2 entries for 1 argument"),
    "scalar": (lambda: g.vmap(lambda a: a)(g.symbol("c")), ExpressionError, "argument 0 of vmap has no axes"),
    "nothing": (lambda: g.vmap(lambda a: a, in_axes=None)(X), ExpressionError, "no argument with a batch"),
    "structure": (lambda: g.vmap(lambda a: a, in_axes=((0, 0, 0),))((X, X)), ArityError, "in_axes"),
    "out structure": (lambda: g.vmap(lambda a: (a, a), out_axes=(0, 0, 0))(X), ArityError, "out_axes"),
    "differs": (lambda: g.vmap(lambda a: a, out_axes=None)(X), ExpressionError, "differs between the elements"),
    "returns nothing": (lambda: g.vmap(lambda a: None)(X), ExpressionError, "returned nothing"),
    "no function": (lambda: g.vmap(X), ExpressionError, "takes a function"),
    "axis type": (lambda: g.vmap(lambda a: a, in_axes=1.5)(X), GraphcError, "in_axes"),
    "inside": (lambda: g.vmap(lambda a: W @ W @ a)(X), ShapeError, "inner dimensions 3 and 2"),
    "text": (lambda: g.vmap(lambda a: a)("X"), ExpressionError, "str"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_name_the_line(what):
    action, error, says = REFUSED[what]
    with pytest.raises(error, match=says) as caught:
        action()
    assert caught.value.site is not None and caught.value.site.filename == __file__


def test_an_error_inside_leaves_no_trace():
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            g.vmap(lambda a: 1 / 0)(X)
    assert g.vmap(lambda a: a)(X) is X


def test_long_chains_do_not_recurse():
    def f(x):
        for _ in range(5_000):
            x = g.sin(x)[::-1]
        return x

    assert len(g.Graph(g.vmap(f)(X))) == 10_001


def test_gathers_of_every_layout():
    """Integers, slices, new axes and arrays in any order, batched or not: placed as NumPy places them."""
    rng = np.random.default_rng(4)
    x, i = rng.normal(size=(4, 3, 4, 3, 2)), rng.integers(0, 2, (4, 5))
    X5, I5 = g.symbol("X", shape=x.shape), g.symbol("I", shape=i.shape, dtype="int64")
    entries = ("slice", "array", "int", None)
    for key in itertools.product(entries, repeat=3):
        if "array" not in key:
            continue

        def build(a, b, key=key):
            return a[
                tuple(
                    [
                        slice(1, None) if k == "slice" else 1 if k == "int" else b if k == "array" else None
                        for k in key
                    ]
                )
            ]

        for axes in ((0, 0), (0, None), (None, 0)):
            a_at, b_at = (x if axes[0] == 0 else x[0]), (i if axes[1] == 0 else i[0])
            a, b = (X5 if axes[0] == 0 else X5[0]), (I5 if axes[1] == 0 else I5[0])
            found = g.evaluate(g.vmap(build, axes)(a, b), {"X": x, "I": i})
            wanted = [
                build(a_at[k] if axes[0] == 0 else a_at, b_at[k] if axes[1] == 0 else b_at) for k in range(4)
            ]
            np.testing.assert_array_equal(found, np.stack(wanted), err_msg=f"{key} {axes}")

            def update(a, b, v, key=key):
                place = tuple(
                    [
                        slice(1, None) if k == "slice" else 1 if k == "int" else b if k == "array" else None
                        for k in key
                    ]
                )
                if isinstance(a, np.ndarray):
                    a = a.copy()
                    np.add.at(a, place, v)
                    return a
                return a.at[place].add(v)

            v = rng.integers(0, 9, np.shape(wanted)).astype(float)
            found = g.evaluate(g.vmap(update, (*axes, 0))(a, b, v), {"X": x, "I": i})
            one = [
                update(a_at[k] if axes[0] == 0 else a_at, b_at[k] if axes[1] == 0 else b_at, v[k])
                for k in range(4)
            ]
            np.testing.assert_allclose(found, np.stack(one), rtol=1e-14, err_msg=f"{key} {axes}")
