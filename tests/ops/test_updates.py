"""Updates that name a place more than once: the last value is there after it, and it alone has a derivative."""

import numpy as np
import pytest

import graphc as g

X, V, ROW = g.symbol("X", shape=(4, 3)), g.symbol("V", shape=(5, 3)), g.symbol("row", shape=(3,))
I, J = (g.symbol(name, shape=(5,), dtype="int64") for name in "IJ")
PLACES = np.array([1, -1, 1, 3, 1])
COLUMNS = np.array([0, 2, -3, 1, 2])
SOME = g.symbol("some", shape=(5,))


def written(key, values):
    """Which of some values stand in x after x[key] = values, and where, by plain assignment one after the other."""
    result = np.full((4, 3), -1)
    numbers = np.arange(values.size).reshape(values.shape)
    places = np.arange(12).reshape(4, 3)[key]
    for place, number in zip(np.broadcast_to(places, values.shape).ravel(), numbers.ravel(), strict=True):
        result.flat[place] = number
    return result


CASES = {
    "rows": ((I,), (PLACES,), V),
    "rows, negative constants": ((PLACES,), (PLACES,), V),
    "elements": ((I, J), (PLACES, COLUMNS), SOME),
    "elements, constants": ((PLACES, COLUMNS), (PLACES, COLUMNS), SOME),
    "a slice beside": ((I, slice(None, None, -1)), (PLACES, slice(None, None, -1)), V),
    "no place twice": ((slice(1, 3),), (slice(1, 3),), g.symbol("two", shape=(2, 3))),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("run", ["evaluated", "compiled"])
def test_the_value_that_stays_gets_the_derivative(name, run):
    key, numbers, value = CASES[name]
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(4, 3))
    point = {X: rng.normal(size=(4, 3)), value: rng.normal(size=value.shape)}
    point |= {s: n for s, n in zip(key, numbers, strict=True) if isinstance(s, g.Expr)}

    def at(expr):
        known = {s: point[s] for s in g.Graph(expr).symbols}
        return (
            g.evaluate(expr, known) if run == "evaluated" else g.compile(expr, list(known))(*known.values())
        )

    updated = X.at[key].set(value)
    stays = written(numbers, np.zeros(value.shape))
    np.testing.assert_array_equal(at(updated), np.where(stays < 0, point[X], point[value].ravel()[stays]))
    loss = g.sum(updated * weights)
    wanted = np.zeros(value.shape)
    wanted.ravel()[stays[stays >= 0]] = weights[stays >= 0]
    np.testing.assert_array_equal(at(g.grad(loss, value)), wanted)
    np.testing.assert_array_equal(at(g.grad(loss, X)), np.where(stays < 0, weights, 0))
    direction = rng.normal(size=value.shape)
    along = at(g.jvp(updated, value, direction))
    np.testing.assert_array_equal(along, np.where(stays < 0, 0, direction.ravel()[stays]))
    jacobian = at(g.jacobian(updated, value)).reshape(12, -1)
    for place, number in enumerate(stays.ravel()):
        unit = np.zeros(int(np.prod(value.shape)))
        if number >= 0:
            unit[number] = 1
        np.testing.assert_array_equal(jacobian[place], unit)


def test_a_value_that_broadcasts_gets_the_sum_of_what_stays():
    loss = g.sum(X.at[I].set(ROW) * X)
    gradient = g.grad(loss, ROW)
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(g.evaluate(gradient, {"X": x, "I": PLACES, "row": np.ones(3)}), x[1] + x[3])


def test_added_values_all_count():
    gradient = g.grad(g.sum(X.at[I].add(V) * X), V)
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(
        g.evaluate(gradient, {"X": x, "I": PLACES, "V": np.ones((5, 3))}), x[PLACES]
    )


def test_places_known_to_be_apart_need_no_second_look():
    for places in ([0, 2], [0, -1], [[0], [1]]):
        value = g.symbol("v", shape=(*np.shape(places), 3))
        gradient = g.grad(g.sum(X.at[np.array(places)].set(value) * X), value)
        assert "at_set" not in {node.op.name for node in g.Graph(gradient).exprs if node is not X}
