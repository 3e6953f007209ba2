"""Products of small matrices in loops over rows: networks are one pass over batches of any size, and compute what is right."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

import graphc as g
from graphc.compiler.schedule.row_blocks import PANEL

ROWS = (1, 2, PANEL - 1, PANEL, PANEL + 1, 2 * PANEL, 3 * PANEL + 5, 9 * PANEL + 77)


def close(found, wanted, dtype, terms):
    """Sums of so many products in any order: each rounding is relative to what is added up, here at most some units."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    scale = max(1.0, np.abs(wanted).max(initial=0))
    return np.abs(found - wanted).max(initial=0) <= 8 * terms * np.finfo(dtype).eps * scale


def library_calls(f):
    return str(f.report()).count("  library ")


def network(widths, rows, dtype, named):
    """A network for squared errors, its gradients, and the same by NumPy in float64."""
    rng = np.random.default_rng(len(widths) + rows)
    n = "n" if named else rows
    x, y = g.symbol("x", shape=(n, widths[0]), dtype=dtype), g.symbol("y", shape=(n, widths[-1]), dtype=dtype)
    sizes = list(itertools.pairwise(widths))
    weights = [g.symbol(f"w{k}", shape=size, dtype=dtype) for k, size in enumerate(sizes)]
    biases = [g.symbol(f"b{k}", shape=size[1:], dtype=dtype) for k, size in enumerate(sizes)]
    hidden = x
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        hidden = hidden @ w + b
        if k < len(sizes) - 1:
            hidden = g.relu(hidden)
    loss = g.sum((hidden - y) ** 2) / rows
    symbols = [x, y, *weights, *biases]
    values = [(rng.normal(size=s) / 3).astype(dtype) for s in [(rows, widths[0]), (rows, widths[-1])]]
    values += [(rng.normal(size=s) / 3).astype(dtype) for s in sizes]
    values += [(rng.normal(size=s[1]) / 3).astype(dtype) for s in sizes]
    return symbols, [loss, *g.grad(loss, weights + biases)], values


def by_numpy(values, layers):
    x, y, *rest = [value.astype(np.float64) for value in values]
    weights, biases = rest[:layers], rest[layers:]
    before, inputs = [], [x]
    for w, b in zip(weights, biases, strict=True):
        before.append(inputs[-1] @ w + b)
        inputs.append(np.maximum(before[-1], 0))
    error = before[-1] - y
    slope = 2 * error / len(x)
    by_weight, by_bias = [], []
    for k in reversed(range(layers)):
        by_weight.insert(0, inputs[k].T @ slope)
        by_bias.insert(0, slope.sum(0))
        if k:
            slope = (slope @ weights[k].T) * (before[k - 1] > 0)
    return [np.sum(error**2) / len(x), *by_weight, *by_bias]


@pytest.mark.sample(4)
@pytest.mark.parametrize("named", [False, True], ids=["known", "named"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", ROWS)
def test_networks_against_numpy(rows, dtype, named):
    widths = (7, 12, 9, 3)
    symbols, outputs, values = network(widths, rows, dtype, named)
    found = g.compile(outputs, symbols, cache=False)(*values)
    for one, right in zip(found, by_numpy(values, 3), strict=True):
        assert close(one, right, dtype, rows + sum(widths))


def test_one_compiled_network_for_batches_of_every_size():
    symbols, outputs, _ = network((5, 8, 4), 1, "float64", named=True)
    f = g.compile([outputs[0] * 1, *outputs[1:]], symbols, cache=False)
    for rows in (300, 1, 0, 1000, 2):
        _, _, values = network((5, 8, 4), max(rows, 1), "float64", named=True)
        values[:2] = [value[:rows] for value in values[:2]]
        found = f(*values)
        right = by_numpy(values, 2) if rows else [np.zeros(np.shape(one)) for one in found]
        for one, wanted in zip(found[1:], right[1:], strict=True):
            scale = rows or 1  # the loss was written for one row
            assert close(one, np.multiply(wanted, scale), "float64", 20 * scale)


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_threads(dtype):
    symbols, outputs, values = network((40, 60, 50, 10), 3000, dtype, named=True)
    before = g.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            g.set_num_threads(threads)
            results.append(g.compile(outputs, symbols, parallel=True, cache=False)(*values))
    finally:
        g.set_num_threads(before)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


class Rows:
    """Draws programs over rows: products, what goes element by element, what a row makes of itself."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = str(self.rng.choice(["float32", "float64"]))
        self.count = int(self.rng.choice(ROWS))
        self.n = "n" if self.rng.random() < 0.6 else self.count
        self.point: dict[str, np.ndarray] = {}
        self.inputs: list[g.Expr] = []
        self.pool = [self.symbol((self.n, int(self.rng.integers(2, 9)))) for _ in range(2)]
        self.labels = g.symbol("labels", shape=(self.n,), dtype="int64")
        self.point["labels"] = self.rng.integers(0, 2, self.count)
        for _ in range(int(self.rng.integers(3, 12))):
            name = str(self.rng.choice([name for name in dir(self) if name.startswith("draw_")]))
            self.pool.append(getattr(self, name)(self.pick()))

    def symbol(self, shape):
        name = f"s{len(self.inputs)}"
        self.inputs.append(g.symbol(name, shape=shape, dtype=self.dtype))
        lengths = tuple(self.count if dim == self.n else dim for dim in shape)
        self.point[name] = (self.rng.normal(size=lengths) / 2).astype(self.dtype)
        return self.inputs[-1]

    def pick(self):
        recent = self.pool[-3:] if self.rng.random() < 0.7 else self.pool
        return recent[self.rng.integers(len(recent))]

    def draw_product(self, x):
        return x @ self.symbol((x.shape[1], int(self.rng.integers(2, 9))))

    def draw_turned(self, x):
        return g.relu(x @ g.matrix_transpose(self.symbol((int(self.rng.integers(2, 9)), x.shape[1]))))

    def draw_layer(self, x):
        width = int(self.rng.integers(2, 9))
        return g.tanh(x @ self.symbol((x.shape[1], width)) + self.symbol((width,)))

    def draw_made_matrix(self, x):
        """A matrix that the program makes itself."""
        w = self.symbol((x.shape[1], 4))
        return x @ (w * g.sigmoid(w))

    def draw_shared(self, x):
        """The same matrix twice."""
        w = self.symbol((x.shape[1], x.shape[1]))
        return g.sin(x @ w) @ w + x

    def draw_softmax(self, x):
        return g.softmax(x, axis=1)

    def draw_normalised(self, x):
        return x / g.sqrt(g.sum(x * x, axis=1, keepdims=True) + 1)

    def draw_row_number(self, x):
        return x * g.expand_dims(g.max(x, axis=1), 1)

    def draw_from_batch(self, x):
        """What all rows decide."""
        return x - g.mean(x, axis=0)

    def draw_columns(self, x):
        return g.concat([x[:, 1:], x[:, :1] * 0.5], axis=1)

    def draw_picked(self, x):
        return x * g.expand_dims(x[g.arange(0, x.shape[0]), self.labels], 1)

    def draw_joined(self, x):
        y = self.pick()
        return g.concat([x, y], axis=1) if x.shape[1] + y.shape[1] < 12 else x * 0.5


def check(seed):
    program = Rows(seed)
    outputs = program.pool[-int(program.rng.integers(1, 4)) :]
    total = sum((g.sum(g.sin(output)) for output in outputs), g.constant(0.0, program.dtype))
    outputs = [*outputs, *g.grad(total, program.inputs)]
    point = {symbol: program.point[symbol.name] for symbol in [*program.inputs, program.labels]}
    wanted = g.evaluate(outputs, {symbol.name: value for symbol, value in point.items()})
    f = g.compile(outputs, list(point), rewrite=None, parallel=bool(seed % 2), cache=False)
    for found, right in zip(f(*point.values()), wanted, strict=True):
        assert close(found, right, program.dtype, 10 * np.sqrt(program.count))
    return f


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(12))
def test_random_programs_over_rows(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_many_random_programs_over_rows(block):
    for seed in range(100 + 40 * block, 140 + 40 * block):
        check(seed)


def test_a_step_of_training_is_one_pass_over_its_batch():
    symbols, outputs, values = network((40, 63, 63, 10), 500, "float32", named=True)
    parameters = symbols[2:]
    step = g.compile(
        outputs[0], symbols, updates={p: p - 0.1 * d for p, d in zip(parameters, outputs[1:], strict=True)},
        cache=False,
    )  # fmt: skip
    before = by_numpy(values, 3)
    old = [value.copy() for value in values[2:]]
    assert close(step(*values), before[0], "float32", 500)
    for new, was, slope in zip(values[2:], old, before[1:], strict=True):
        assert close(new, was - 0.1 * slope, "float32", 500)
    assert library_calls(step) == 0


def test_what_waits_for_a_product_is_a_panel_and_no_batch():
    rows, width = 40_000, 64
    symbols, outputs, values = network((width, width, width, width), rows, "float32", named=True)
    f = g.compile(outputs, symbols, cache=False)
    f(*(value[: 2 * PANEL] if k < 2 else value for k, value in enumerate(values)))
    tracemalloc.start()
    try:
        f(*values)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < rows * width * 4  # less than a single array of the batch


@pytest.mark.parametrize(
    ("shapes", "calls"),
    [
        ((("n", 40), (40, 30)), 1),  # nothing else to do with its rows
        ((("n", 700), (700, 600)), 1),  # a matrix that fills the cache
        ((("n", 40), (40, 30), (30, 20)), 0),  # rows are handed over
        (((64, 40), (40, 30), (30, 20)), 2),  # so few rows that threads share the columns
    ],
)
def test_where_products_stay_library_calls(shapes, calls):
    symbols = [g.symbol(f"a{k}", shape=shape) for k, shape in enumerate(shapes)]
    result = symbols[0]
    for matrix in symbols[1:]:
        result = result @ matrix
    f = g.compile(result, symbols, rewrite=None, cache=False)
    rng = np.random.default_rng(0)
    values = [rng.normal(size=tuple(300 if dim == "n" else dim for dim in shape)) for shape in shapes]
    assert close(
        f(*values), np.linalg.multi_dot(values) if len(values) > 2 else values[0] @ values[1], "float64", 2000
    )
    assert library_calls(f) == calls


def test_products_of_whole_numbers_are_no_panels():
    a, b, c = (
        g.symbol(name, shape=shape, dtype="int64")
        for name, shape in (("a", ("n", 4)), ("b", (4, 3)), ("c", (3, 2)))
    )
    x, y, z = np.arange(1200).reshape(300, 4), np.arange(12).reshape(4, 3) - 5, np.arange(6).reshape(3, 2)
    found = g.compile(g.maximum(a @ b, 7) @ c, [a, b, c], cache=False)(x, y, z)
    assert np.array_equal(found, np.maximum(x @ y, 7) @ z)


def test_layers_of_one_shape_are_compiled_once():
    def functions(layers):
        symbols, outputs, _ = network((8,) * (layers + 1), 200, "float32", named=True)
        updates = {p: p - 0.1 * d for p, d in zip(symbols[2:], outputs[1:], strict=True)}
        step = g.compile(outputs[0], symbols, updates=updates, cache=False)
        defined = step._plan.text.count("\ndefine ")  # type: ignore[attr-defined]
        return defined, str(step.report()).count("  kernel ")

    (few, small), (same, large) = functions(4), functions(10)
    assert few == same and large > small
