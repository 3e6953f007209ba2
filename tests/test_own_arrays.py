"""The user's arrays at every door: masked ones are refused alike, and what comes out shares no memory with what went in."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc import nn, train
from graphc.errors import GraphcError
from graphc.util.pytree import flatten

x, a = g.symbols("x a")
X, Y = g.symbol("X", shape=(2, 3)), g.symbol("Y", shape=("n", 3))
I = g.symbol("I", shape=(2, 3), dtype="int64")
MASKED = np.ma.array(np.ones((2, 3)), mask=np.eye(2, 3))
WHOLE = np.ma.array(np.ones((2, 3)), mask=np.zeros((2, 3)))
PLACES = np.ma.array([0, 1], mask=[False, True])
CLASSES = np.ma.array(np.ones(3), mask=[True, False, False])
PLAIN = np.ones((2, 3))


def line():
    return train.Parameters({a: 0.0})


def fit(data, **options):
    loss = g.mean((a * Y - 1) ** 2)
    options = {"optimiser": train.SGD(0.1), "epochs": 1, "progress": False, **options}
    return train.fit(line(), loss, {Y: data}, **options)


doubled, elementwise = g.compile(X * 2, [X]), g.compile(x * 2, [x])

DOORS = {
    "a call over arrays": lambda m: doubled(m),
    "a call over elements": lambda m: elementwise(m),
    "a row in a list": lambda m: doubled([m[0], m[1]]),
    "a nested list": lambda m: doubled([[1.0, 2.0, 3.0], [m[0, 0], 2.0, 3.0]]),
    "evaluate": lambda m: g.evaluate(X * 2, {"X": m}),
    "evaluate with digits": lambda m: g.evaluate(X * 2, {"X": m}, digits=20),
    "forward": lambda m: g.Graph(X * 2).forward({"X": m}),
    "backward": lambda m: g.Graph(g.sum(X)).backward({"X": m}),
    "a traced function": lambda m: g.function(lambda v: v * 2)(m),
    "vmap": lambda m: g.vmap(lambda v: v * 2)(m),
    "constant": lambda m: g.constant(m),
    "an operand": lambda m: X * m,
    "an operand on the left": lambda m: m * X if m is MASKED else None,
    "a comparison": lambda m: x == m,
    "an order": lambda m: x > m,
    "a ufunc": lambda m: np.maximum(X, m),
    "where": lambda m: g.where(X > 0, m, 0.0),
    "a product": lambda m: X @ m.T,
    "stack": lambda m: g.stack([X, m]),
    "a seed": lambda m: g.Graph(X * 2).backward({"X": PLAIN}, seed=m),
    "vjp": lambda m: g.vjp(X * 2, [X], m),
    "jvp": lambda m: g.jvp(X * 2, [X], [m]),
    "substitute": lambda m: g.substitute(X * 2, {X: m}),
    "an update": lambda m: X.at[:].set(m),
    "explain": lambda m: g.explain(g.sum(X), at={"X": m}),
    "diagnose": lambda m: g.diagnose(g.sum(X), {"X": m}),
    "draw": lambda m: g.draw(g.sum(X), at={"X": m}),
    "check_grad": lambda m: g.check_grad(g.sum(X * X), at={"X": m}),
    "fit": lambda m: fit(m),
    "validation": lambda m: fit(PLAIN, validation={Y: m}, metrics={"mean": g.mean(Y)}),
    "train.evaluate": lambda m: train.evaluate(line(), {"mean": g.mean(a * Y)}, {Y: m}),
    "batches": lambda m: train.Batches({Y: m}),
    "parameters": lambda m: train.Parameters({X: m}),
    "a step": lambda m: train.Step(line(), g.mean(a * Y), train.SGD(0.1), [Y])({Y: m}, 0.1),
    "predict": lambda m: nn.Model(nn.Affine(2), Y).predict(m),
    "an initialiser": lambda m: nn.Model(nn.Affine(3, init=lambda rng, shape: np.ma.array(np.ones(shape), mask=m.mask.any())), Y),
    "scipy": lambda m: g.compile(g.value_and_grad(g.sum(X**2), [X]), [X]).scipy({"X": m}),
    "an updated array": lambda m: g.compile(g.sum(X), [X], updates={X: X * 2})(m) if m is MASKED else None,
}  # fmt: skip

OTHERS = {
    "an index": lambda: X[PLACES],
    "a list of places": lambda: X[[0, np.ma.masked]],
    "take": lambda: g.take(X, PLACES, axis=0),
    "a lone number": lambda: x * np.ma.masked,
    "a lone value": lambda: g.evaluate(x, {"x": np.ma.masked}),
    "class weights": lambda: nn.cross_entropy(Y, g.symbol("l", shape=("n",), dtype="int64"), weight=CLASSES),
    "labels": lambda: nn.cross_entropy(np.ones((2, 3)), PLACES),
    "out": lambda: doubled(PLAIN, out=WHOLE.copy()),
}


@pytest.mark.parametrize("door", DOORS)
def test_masked_elements_are_refused_at_every_door(door):
    says = "not an array of values" if door == "an operand on the left" else "masked elements"
    with pytest.raises(GraphcError, match=says) as caught:
        DOORS[door](MASKED)
    assert caught.value.hint
    DOORS[door](WHOLE)  # no element is masked: an array as others


@pytest.mark.parametrize("door", OTHERS)
def test_masked_numbers_and_places_are_refused(door):
    with pytest.raises(GraphcError, match=r"masked elements|MaskedArray"):
        OTHERS[door]()


# --- copies ---------------------------------------------------------------------------------------------------------

FORMULAS = {
    "itself": X, "transposed": X.T, "a row": X[0], "a slice": X[:, 1:], "every other": X[:, ::2], "reshaped": g.reshape(X, -1),
    "a new axis": X[None], "broadcast": g.broadcast_to(X, (4, 2, 3)), "cast": X.astype("float64"), "flipped": g.flip(X),
    "squeezed": g.squeeze(X[:1]), "permuted": g.permute_dims(X, (1, 0)), "diagonal": g.diagonal(X), "split": X[:, :1],
}  # fmt: skip


def no_memory_of(value, *arrays):
    found = [leaf for leaf in flatten(value)[0] if isinstance(leaf, np.ndarray) and leaf.size]
    for number, one in enumerate(found):
        assert one.flags.writeable
        for other in (*arrays, *found[:number]):
            assert not np.shares_memory(one, other)


@pytest.mark.parametrize("name", FORMULAS)
def test_results_share_no_memory_with_what_was_passed(name):
    formula, values = FORMULAS[name], np.arange(6.0).reshape(2, 3)
    wanted = g.evaluate(formula, {"X": values.copy()})
    for verb in (
        lambda: [g.evaluate(formula, {"X": values})],
        lambda: g.evaluate([formula, formula, X], {"X": values}),
        lambda: list(g.Graph(formula).forward({"X": values}).values())[::-1],
        lambda: [g.compile(formula, [X])(values)],
    ):
        results = verb()
        no_memory_of(results, values)
        assert any(np.array_equal(result, wanted) for result in results)
        for result in results:
            if isinstance(result, np.ndarray):
                result.fill(-1)
        assert np.array_equal(values, np.arange(6.0).reshape(2, 3))


def test_other_verbs_hand_out_arrays_of_their_own():
    values, whole = np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3)
    no_memory_of(g.evaluate(I.T, {"I": whole}, digits=20), whole)
    no_memory_of(g.evaluate(x, {"x": values}), values)
    no_memory_of(g.function(lambda v: v)(values), values)
    no_memory_of(g.vmap(lambda v: v)(values), values)
    no_memory_of(g.evaluate(g.constant(values), {}), values)
    no_memory_of(train.Parameters({X: values}).values, values)
    adjoints = g.Graph(X.T).backward({"X": values}, seed=values.T)
    tables = [adjoints, adjoints.contributions, adjoints.partials, adjoints.forward]
    no_memory_of([list(table.values()) for table in tables], values)
    view = memoryview(bytearray(48))
    buffer = np.frombuffer(view, dtype=float)
    no_memory_of(g.evaluate(g.reshape(g.symbol("b", shape=(6,)), (2, 3)), {"b": buffer}), buffer)
