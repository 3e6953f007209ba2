"""Logistic regression with L2, its gradients derived by hand, descent with a line search, by NumPy."""

import numpy as np

rng = np.random.default_rng(5)
X = rng.normal(size=(300, 6)) * [1, 2, 0.5, 1, 3, 1]
y = (rng.random(300) < 1 / (1 + np.exp(-X @ [1.0, -0.5, 2.0, 0.0, 0.3, -1.0] - 0.4))).astype(float)


def value_and_gradients(w, b, strength=1e-2):
    z = X @ w + b
    loss = np.mean(np.logaddexp(0, z) - y * z) + strength * w @ w
    dz = (1 / (1 + np.exp(-z)) - y) / len(y)
    return loss, X.T @ dz + 2 * strength * w, dz.sum()


def run():
    w, b, losses = np.zeros(6), 0.0, []
    for _ in range(40):
        loss, dw, db = value_and_gradients(w, b)
        losses.append(loss)
        rate = 4.0
        while value_and_gradients(w - rate * dw, b - rate * db)[0] > loss - 0.3 * rate * (dw @ dw + db**2):
            rate /= 2
        w, b = w - rate * dw, b - rate * db
    return {"losses": losses, "w": w, "b": b}
