"""Logistic regression with L2, its gradients derived by graphc, descent with a line search."""

import numpy as np

import graphc as g

rng = np.random.default_rng(5)
X = rng.normal(size=(300, 6)) * [1, 2, 0.5, 1, 3, 1]
y = (rng.random(300) < 1 / (1 + np.exp(-X @ [1.0, -0.5, 2.0, 0.0, 0.3, -1.0] - 0.4))).astype(float)
w, b = g.symbol("w", shape=6), g.symbol("b")
z = X @ w + b
f = g.compile(g.value_and_grad(g.mean(g.softplus(z) - y * z) + 1e-2 * w @ w, [w, b]), [w, b])


def run():
    at, offset, losses = np.zeros(6), 0.0, []
    for _ in range(40):
        loss, (dw, db) = f(at, offset)
        losses.append(loss)
        rate = 4.0
        while f(at - rate * dw, offset - rate * db)[0] > loss - 0.3 * rate * (dw @ dw + db**2):
            rate /= 2
        at, offset = at - rate * dw, offset - rate * db
    return {"losses": losses, "w": at, "b": offset}
