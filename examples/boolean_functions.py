"""Any Boolean function by one hidden layer, unions of polygons by two, and what such constructions do not give.

On whole numbers x ≠ 0 rectified linear units give the sign exactly: sign(x) = 2([x + 1]₊ − [x]₊) − 1. A unit whose weights are
the bits of a point answers 1 there and 0 at all other points, and the sum of such units is any function of n bits. The network
has a unit for every true point, up to 2ⁿ: it is a table, written with units.

Run: python examples/boolean_functions.py [directory for the figures]
"""

import itertools
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")


def sign_of_integers():
    x = g.symbol("x")
    sign = 2 * (g.relu(x + 1) - g.relu(x)) - 1
    numbers = np.concatenate([np.arange(-1000, 0), np.arange(1, 1001)]).astype(float)
    assert (g.compile(sign, [x])(numbers) == np.sign(numbers)).all()


def cube(bits):
    """Every point of n bits, as −1 and 1."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=bits)))


def network_of(truth):
    """The network of a function on n bits: a unit for every true point, whose weights are the point itself.

    ⟨p, x⟩ is n at x = p and n − 2 or less elsewhere, so [⟨p, x⟩ − (n − 1)]₊ is 1 there and 0 at every other point.
    """
    bits = int(np.log2(len(truth)))
    points = cube(bits)[truth]
    x = g.symbol("x", shape=("n", bits))
    if not len(points):
        return g.sum(x * 0, axis=1)
    return g.sum(g.relu(x @ points.T - (bits - 1)), axis=1)


def all_boolean_functions(most):
    """Every function of up to three bits and random ones of up to `most`, each checked at every point."""
    rng = np.random.default_rng(0)
    for bits in range(1, most + 1):
        if bits <= 3:
            tables = itertools.product((False, True), repeat=2**bits)
        else:
            tables = (rng.random(2**bits) < share for share in (0.1, 0.5, 0.9))
        count = 0
        for table in tables:
            truth = np.array(table)
            output = network_of(truth)
            assert (g.evaluate(output, {"x": cube(bits)}) == truth).all()
            count += 1
        print(f"{bits:2d} bits: {count:3d} functions right at all {2**bits} points")


def sides(corners):
    """(normals, offsets): a convex polygon as the points whose products with all normals are at least the offsets."""
    following = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([-following[:, 1], following[:, 0]], axis=1)
    return normals, np.sum(normals * corners, axis=1)


def inside_polygon(at, corners, sharp=1e6):
    """1 inside a convex polygon and 0 outside: an AND of halfspaces, one hidden layer of steps of width 1/sharp."""
    normals, offsets = sides(corners)
    distance = at @ normals.T - offsets
    steps = g.relu(sharp * distance + 1) - g.relu(sharp * distance)
    return g.sum(steps, axis=1) - (len(corners) - 1)


def polygons(file):
    """An intersection of halfspaces by one hidden layer, a union of them by two."""
    at = g.symbol("at", shape=("n", 2))
    triangle = np.array([[-1.5, -1.2], [0.4, -0.9], [-0.8, 0.9]])
    box = np.array([[0.1, -0.2], [1.5, -0.2], [1.5, 1.3], [0.1, 1.3]])
    one = g.relu(inside_polygon(at, triangle))
    two = g.minimum(g.relu(inside_polygon(at, triangle)) + g.relu(inside_polygon(at, box)), 1)
    side = np.linspace(-2, 2, 241)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    found = g.evaluate([one, two], {"at": grid})

    def within(corners):
        normals, offsets = sides(corners)
        return (grid @ normals.T - offsets >= 0).all(axis=1)

    for part, wanted in zip(found, (within(triangle), within(triangle) | within(box)), strict=True):
        # a step is 1/sharp wide: no point of the grid lies in one but on the line itself
        assert np.mean((part > 0.5) == wanted) > 0.999
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.9))
    titles = ("three halfspaces: one hidden layer", "a union: two hidden layers")
    for axis, part, title in zip(axes, found, titles, strict=True):
        axis.imshow(
            part.reshape(241, 241), origin="lower", extent=(-2, 2, -2, 2), cmap="Blues", vmin=0, vmax=1.3
        )
        axis.set(title=title, xlabel="x₁", ylabel="x₂")
    figure.savefig(file)


def fitted(points, answers, hidden, epochs, seed=0):
    """(loss, model) of a network with one hidden layer after training on some points."""
    x = g.symbol("x", shape=("n", points.shape[1]))
    t = g.symbol("t", shape=("n", 1))
    model = nn.Model(nn.Sequential(nn.Affine(hidden, init=nn.he_normal), nn.ReLU, nn.Affine(1)), x, seed=seed)
    loss = nn.mean_squared_error(model.output, t)
    history = train.fit(
        model,
        loss,
        {x: points, t: answers[:, None]},
        optimiser=train.Adam(0.01),
        epochs=epochs,
        batch=32,
        seed=seed,
    )
    return history[-1]["loss"], model


def failures(file, epochs):
    """What training on examples does not find: parity, products of large numbers, inverses of matrices."""
    rng = np.random.default_rng(1)
    rows = []

    bits = 8
    points = cube(bits)
    parity = np.prod(points, axis=1)
    order = rng.permutation(len(points))
    seen, unseen = order[: len(order) // 2], order[len(order) // 2 :]
    _, model = fitted(points[seen], parity[seen], 64, epochs)
    right = [np.mean(np.sign(model.predict(points[part])[:, 0]) == parity[part]) for part in (seen, unseen)]
    rows.append(("parity of 8 bits", *right))

    def relative(points, answers, wider, answers_wider):
        scale = np.abs(answers).max()
        _, model = fitted(points, answers / scale, 64, epochs)
        shares = []
        for part, wanted in ((points, answers), (wider, answers_wider)):
            error = np.abs(model.predict(part)[:, 0] * scale - wanted)
            shares.append(np.mean(error <= 0.1 * np.abs(wanted)))
        return shares

    small, large = rng.uniform(0.5, 1, (500, 2)), rng.uniform(5, 10, (500, 2))
    rows.append(("products, ten times larger", *relative(small, small.prod(1), large, large.prod(1))))

    def matrices(low, high):
        found = rng.uniform(-1, 1, (2000, 4))
        size = np.abs(np.linalg.det(found.reshape(-1, 2, 2)))
        return found[(size > low) & (size < high)][:400]

    def corner(found):
        return np.linalg.inv(found.reshape(-1, 2, 2))[:, 0, 0]

    well, near = matrices(0.3, 2), matrices(1e-3, 0.05)
    rows.append(("inverses, nearly singular", *relative(well, corner(well), near, corner(near))))

    print("share that is right where it was trained and elsewhere:")
    for name, trained, elsewhere in rows:
        print(f"  {name:28s} {trained:6.1%} {elsewhere:6.1%}")
    # learned by heart, not as a rule: elsewhere it is far worse, and parity little better than a coin
    assert rows[0][2] < 0.8
    assert all(elsewhere < trained for _, trained, elsewhere in rows)
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    place = np.arange(len(rows))
    for column, shift, colour, label in (
        (1, -0.19, "C0", "where it was trained"),
        (2, 0.19, "C1", "elsewhere"),
    ):
        bars = axis.barh(place + shift, [row[column] for row in rows], 0.36, color=colour, label=label)
        axis.bar_label(bars, [f"{row[column]:.0%}" for row in rows], padding=3, color=colour)
    axis.set_yticks(place, [row[0] for row in rows])
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.2), xlabel="share right (within 10 % for numbers)")
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    figure.savefig(file)


def main(output_dir=".", epochs="60", bits="10"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    directory = Path(output_dir)
    sign_of_integers()
    all_boolean_functions(int(bits))
    polygons(directory / "boolean_polygons.png")
    failures(directory / "boolean_failures.png", int(epochs))


if __name__ == "__main__":
    main(*sys.argv[1:])
