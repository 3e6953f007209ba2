"""Digits of eight classes by a network of one hidden layer, its gradients derived by hand, by NumPy."""

import numpy as np

rng = np.random.default_rng(2)
y = np.arange(256) % 8
X = rng.normal(size=(8, 20))[y] + 0.5 * rng.normal(size=(256, 20))
W1, b1 = rng.normal(size=(20, 32)) / 5, np.zeros(32)
W2, b2 = rng.normal(size=(32, 8)) / 5, np.zeros(8)
one_hot = np.eye(8)[y]


def run(rate=0.2):
    parameters, losses = [W1.copy(), b1.copy(), W2.copy(), b2.copy()], []
    for _ in range(60):
        w1, c1, w2, c2 = parameters
        z = X @ w1 + c1
        h = np.maximum(z, 0)
        scores = h @ w2 + c2
        scores = scores - scores.max(axis=1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        losses.append(-log_p[np.arange(256), y].mean())
        d_scores = (np.exp(log_p) - one_hot) / 256
        d_w2 = h.T @ d_scores
        d_c2 = d_scores.sum(axis=0)
        d_h = d_scores @ w2.T
        d_z = d_h * (z > 0)
        d_w1 = X.T @ d_z
        d_c1 = d_z.sum(axis=0)
        for p, d in zip(parameters, [d_w1, d_c1, d_w2, d_c2], strict=True):
            p -= rate * d
    return {"losses": losses, "W1": parameters[0]}
