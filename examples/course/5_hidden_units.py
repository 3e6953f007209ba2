# %% [markdown]
# # 5. Hidden units
#
# One unit draws a line, so it cannot learn XOR. Two hidden units can.

# %%
import numpy as np

import graphc as g
from graphc import nn, train

points = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
xor = np.array([0, 1, 1, 0])
x, t = g.symbol("x", shape=("n", 2)), g.symbol("t", shape="n", dtype="int64")


def wrong_after(layers, seed, epochs=400):
    model = nn.Model(layers, x, seed=seed)
    train.fit(model, nn.cross_entropy(model.output, t), {x: points, t: xor}, optimiser=train.Adam(0.1), epochs=epochs, batch=None)
    return int((model.predict(points).argmax(1) != xor).sum())


print(wrong_after(nn.Affine(2), 0), [wrong_after(nn.Sequential(nn.Affine(2), g.tanh, nn.Affine(2)), seed) for seed in range(3)])

# %% [markdown]
# ## Exercise 1
# Give weights by hand: h₁ = [x₁ + x₂ − a]₊, h₂ = [x₁ + x₂ − b]₊ and y = h₁ − c·h₂ is XOR at the four points. Find a, b, c.

# %% exercise
a, b, c = None, None, None
# solution: a, b, c = 0.0, 1.0, 2.0
check(
    lambda: np.allclose(np.maximum(points.sum(1) - a, 0) - c * np.maximum(points.sum(1) - b, 0), xor),
    "let y rise from 0 to 1 and fall back to 0 at x₁ + x₂ = 2",
)

# %% [markdown]
# ## Exercise 2
# How many parameters has a network of 2 inputs, 4 hidden units and 3 outputs, with biases?

# %% exercise
count = None
# solution: count = 2 * 4 + 4 + 4 * 3 + 3
check(
    lambda: count == sum(v.size for v in nn.Model(nn.Sequential(nn.Affine(4), g.tanh, nn.Affine(3)), x).values.values()),
    "weights and biases of both layers",
)
