# %% [markdown]
# # 5. Hidden units
#
# **What this hour is about.** One unit draws a line, so it cannot learn XOR. Two hidden units can: by weights that you find by hand, and by
# gradient descent, though not from every start. Then one input: rectified linear units draw piecewise linear functions, and you will
# count their pieces.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

points = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
xor = np.array([0, 1, 1, 0])
x, t = g.symbol("x", shape=("n", 2)), g.symbol("t", shape="n", dtype="int64")


def trained(layers, seed, epochs=400):
    model = nn.Model(layers, x, seed=seed)
    train.fit(model, nn.cross_entropy(model.output, t), {x: points, t: xor}, optimiser=train.Adam(0.1), epochs=epochs, batch=None)
    return model, int((model.predict(points).argmax(1) != xor).sum())


print("one layer:", trained(nn.Affine(2), 0)[1], "of 4 wrong")

# %% [markdown]
# ## Why one line is not enough
#
# Suppose w₁x₁ + w₂x₂ + b is positive at (0, 1) and (1, 0), and negative at (0, 0) and (1, 1). The sum of the first two values is
# w₁ + w₂ + 2b, and so is the sum of the other two: it would have to be positive and negative at once.
#
# ## Exercise 1
# At most how many of the four points can one unit get right?

# %% exercise
most = None
# solution: most = 3
check(
    lambda: most == max(
        sum((p @ np.array([u, v]) + c > 0) == bool(k) for p, k in zip(points, xor, strict=True))
        for u in (-1, 0, 1) for v in (-1, 0, 1) for c in (-1.5, -0.5, 0.5, 1.5)
    ),
    "a line can cut off one corner",
)

# %% [markdown]
# ## Exercise 2
# Weights by hand: h₁ = [x₁ + x₂ − a]₊, h₂ = [x₁ + x₂ − b]₊ and y = h₁ − c·h₂ is XOR at the four points. Find a, b, c.

# %% exercise
a, b, c = None, None, None
# solution: a, b, c = 0.0, 1.0, 2.0
check(
    lambda: np.allclose(np.maximum(points.sum(1) - a, 0) - c * np.maximum(points.sum(1) - b, 0), xor),
    "let y rise from 0 to 1 and fall back to 0 at x₁ + x₂ = 2",
)

# %% [markdown]
# ## Learned weights
#
# Two hidden units find it too, from most starts. The picture shows what the network says in the whole square, and the two lines along which its hidden
# units are 0: XOR is what lies between them, or outside of them.

# %%
hidden = nn.Sequential(nn.Affine(2), g.tanh, nn.Affine(2))
runs = [trained(hidden, seed) for seed in range(6)]
print("two hidden units, six starts:", [wrong for _, wrong in runs], "of 4 wrong")
model = next(model for model, wrong in runs if wrong == 0)
side = np.linspace(-0.5, 1.5, 81)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
scores = model.predict(grid)
figure, axis = plt.subplots(figsize=(5, 4.2))
axis.imshow((scores[:, 1] - scores[:, 0]).reshape(81, 81), origin="lower", extent=(-0.5, 1.5, -0.5, 1.5), cmap="PuOr", vmin=-8, vmax=8)
for (u, v), offset in zip(model.values["affine1.weight"], model.values["affine1.bias"], strict=True):
    axis.contour(side, side, (grid @ [u, v] + offset).reshape(81, 81), levels=[0], colors="black")
axis.plot(*points[xor == 1].T, "^", color="black", markersize=11)
axis.plot(*points[xor == 0].T, "o", color="black", markersize=11, markerfacecolor="white")

# %% [markdown]
# ## Exercise 3
# How many parameters has a network of 2 inputs, 4 hidden units and 3 outputs, with biases?

# %% exercise
count = None
# solution: count = 2 * 4 + 4 + 4 * 3 + 3
check(
    lambda: count == sum(v.size for v in nn.Model(nn.Sequential(nn.Affine(4), g.tanh, nn.Affine(3)), x).values.values()),
    "weights and biases of both layers",
)

# %% [markdown]
# ## One input: joints and pieces
#
# y = φ₀ + Σ φᵢ [θᵢ₀ + θᵢ₁ x]₊. Each unit is 0 on one side of its joint, where θᵢ₀ + θᵢ₁x = 0, and a line on the other. So the sum bends at the
# joints and is a line between them.

# %%
u = g.symbol("u")
offsets, slopes, heights = np.array([0.5, 0.0, -0.6]), np.array([1.0, 1.0, 1.0]), np.array([1.0, -2.0, 2.5])
output = sum(h * g.relu(o + m * u) for o, m, h in zip(offsets, slopes, heights, strict=True))
line = np.linspace(-1, 1.5, 301)
figure, axis = plt.subplots(figsize=(7, 3.5))
for o, m, h in zip(offsets, slopes, heights, strict=True):
    axis.plot(line, h * np.maximum(o + m * line, 0), ":", color="0.5")
axis.plot(line, g.compile(output, [u])(line), label="their sum")
axis.set(xlabel="u", title="three hidden units (dotted) and the output")
axis.legend()

# %% [markdown]
# ## Exercise 4
# Give the joints of this network, as an array in ascending order.

# %% exercise
joints = None
# solution: joints = np.sort(-offsets / slopes)
check(lambda: np.allclose(joints, [-0.5, 0.0, 0.6]), "where offset + slope · u = 0")

# %% [markdown]
# ## Exercise 5
# The slope of the output to the right of all joints is a short formula of `slopes` and `heights`; which number is it? And into how many
# linear pieces can D such units cut the line at most? (A Python function of D.)

# %% exercise
slope_right, pieces = None, None
# solution: slope_right, pieces = float(slopes @ heights), lambda D: D + 1
check(
    lambda: np.isclose(slope_right, g.evaluate(g.grad(output, u), {u: 2.0})) and [pieces(1), pieces(3), pieces(10)] == [2, 4, 11],
    "to the right all units are active; n joints cut a line into n + 1 pieces",
)

# %% [markdown]
# ## Exercise 6
# Write |u| with two rectified linear units.

# %% exercise
absolute = None
# solution: absolute = g.relu(u) + g.relu(-u)
check(
    lambda: np.allclose(g.compile(absolute, [u])(line), np.abs(line)) and "abs" not in str(absolute),
    "one unit for each side",
)

# %% [markdown]
# ## What to remember
#
# - One unit is one line, and XOR needs two.
# - Training finds solutions from most starts, not from all: try several.
# - On one input D rectified linear units make up to D + 1 linear pieces.
