"""Logistic regression with clipped gradients of each example, as differential privacy asks for them, by graphc."""

import numpy as np

import graphc as g

rng = np.random.default_rng(1)
X = rng.normal(size=(200, 5))
y = np.where(X @ [1.0, -2.0, 0.5, 0.0, 1.0] + 0.3 * rng.normal(size=200) > 0, 1.0, -1.0)
w, rows, targets = g.symbol("w", shape=5), g.symbol("X", shape=("n", 5)), g.symbol("y", shape="n")


def loss(x, target):
    return g.softplus(-target * (x @ w))


values, gradients = g.vmap(lambda x, target: g.value_and_grad(loss(x, target), w))(rows, targets)
norms = g.norm(gradients, axis=1, keepdims=True)
clipped = gradients * g.minimum(1.0, 0.5 / norms)
step = g.compile([w - 0.5 * g.mean(clipped, axis=0), g.mean(values)], [w, rows, targets])


def run():
    at, losses = np.zeros(5), []
    for _ in range(50):
        at, value = step(at, X, y)
        losses.append(value)
    return {"w": at, "losses": losses}
