"""Digits of eight classes by a network of one hidden layer, its gradients derived by graphc."""

import numpy as np

import graphc as g

rng = np.random.default_rng(2)
y = np.arange(256) % 8
X = rng.normal(size=(8, 20))[y] + 0.5 * rng.normal(size=(256, 20))
W1, b1 = rng.normal(size=(20, 32)) / 5, np.zeros(32)
W2, b2 = rng.normal(size=(32, 8)) / 5, np.zeros(8)
x, t = g.symbol("x", shape=("n", 20)), g.symbol("t", shape="n", dtype="int64")
w1, c1, w2, c2 = symbols = [
    g.symbol(name, shape=value.shape) for name, value in {"w1": W1, "c1": b1, "w2": W2, "c2": b2}.items()
]
log_p = np.log(g.softmax(np.maximum(x @ w1 + c1, 0) @ w2 + c2))
loss = -np.mean(log_p[g.arange("n"), t])


def run(rate=0.2):
    parameters = [W1.copy(), b1.copy(), W2.copy(), b2.copy()]
    steps = {p: p - rate * d for p, d in zip(symbols, g.grad(loss, symbols), strict=True)}
    step = g.compile(loss, [x, t, *symbols], updates=steps)
    losses = [step(X, y, *parameters) for _ in range(60)]
    return {"losses": losses, "W1": parameters[0]}
