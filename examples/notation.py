"""One network in three notations: single numbers, vectors, matrices. Three formulas, the same function and the same gradients.

    scalars    hᵢ = a(Σⱼ vᵢⱼ xⱼ + bᵢ)       y = Σᵢ wᵢ hᵢ + c           for each sample
    vectors    h = a(V x + b)               y = w·h + c                for each sample
    matrices   H = a(V X + b 1ᵀ)            y = wᵀ H + c 1ᵀ            for all samples, a column each

Run: python examples/notation.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np

import graphc as g

V, b, w, c = g.symbol("V", shape=(3, 2)), g.symbol("b", shape=3), g.symbol("w", shape=3), g.symbol("c")
X = g.symbol("X", shape=(2, "n"))
PARAMETERS = [V, b, w, c]


def scalars(x1, x2):
    v = [[g.symbol(f"v{i}{j}") for j in (1, 2)] for i in (1, 2, 3)]
    offsets, weights = [g.symbol(f"b{i}") for i in (1, 2, 3)], [g.symbol(f"w{i}") for i in (1, 2, 3)]
    y = g.symbol("c")
    for i in range(3):
        y = weights[i] * g.tanh(v[i][0] * x1 + v[i][1] * x2 + offsets[i]) + y
    return y


def vectors(x):
    return w @ g.tanh(V @ x + b) + c


MATRICES = w @ g.tanh(V @ X + g.expand_dims(b, 1)) + c


def main(output_dir="."):
    directory = Path(output_dir)
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    v_at, b_at, w_at, c_at, x_at = (
        rng.normal(size=(3, 2)),
        rng.normal(size=3),
        rng.normal(size=3),
        0.4,
        rng.normal(size=(2, 5)),
    )

    x1, x2 = g.symbols("x1 x2")
    single = scalars(x1, x2)
    numbers = {f"v{i + 1}{j + 1}": v_at[i, j] for i in range(3) for j in range(2)}
    numbers |= {
        f"{name}{i + 1}": values[i] for name, values in (("b", b_at), ("w", w_at)) for i in range(3)
    } | {"c": c_at}
    one_by_one = [g.evaluate(single, {**numbers, "x1": p, "x2": q}) for p, q in x_at.T]

    x = g.symbol("x", shape=2)
    at = {V: v_at, b: b_at, w: w_at, c: c_at}
    by_vector = [g.evaluate(vectors(x), {**at, x: sample}) for sample in x_at.T]
    at_once = g.evaluate(MATRICES, {**at, X: x_at})
    assert np.allclose(one_by_one, by_vector, rtol=0, atol=1e-15) and np.allclose(
        by_vector, at_once, rtol=0, atol=1e-15
    )
    # written for one sample and mapped over the columns it is the third
    mapped = g.vmap(vectors, in_axes=1)(X)
    assert np.allclose(g.evaluate(mapped, {**at, X: x_at}), at_once, rtol=0, atol=1e-15)

    names = [f"v{i}{j}" for i in (1, 2, 3) for j in (1, 2)]
    slopes = g.grad(single, [g.symbol(name) for name in names])
    each = sum(np.array(g.evaluate(slopes, {**numbers, "x1": p, "x2": q})) for p, q in x_at.T).reshape(3, 2)
    summed = g.evaluate(g.grad(g.sum(MATRICES), V), {**at, X: x_at})
    assert np.allclose(each, summed, rtol=0, atol=1e-14)
    sizes = {
        "scalars": len(g.Graph(single)),
        "vectors": len(g.Graph(vectors(x))),
        "matrices": len(g.Graph(MATRICES)),
    }
    print(f"values and gradients agree; nodes of the three graphs: {sizes}")
    assert sizes["scalars"] > 3 * sizes["vectors"]

    for name, formula in (("scalars", single), ("vectors", vectors(x)), ("matrices", MATRICES)):
        drawn = g.draw(formula, name="y", backward=False, show=("shape",) if name != "scalars" else ())
        drawn.save(directory / f"notation_{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
