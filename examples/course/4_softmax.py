# %% [markdown]
# # 4. Softmax and classification
#
# **What this hour is about.** A classifier gives a score to each class. Softmax makes probabilities of the scores, and the loss is the negative
# logarithm of the probability of the right class. Its gradient is as short as can be: probability minus truth. Written naively the
# formula overflows; you will see when, and what a compiler does about it. At the end a linear classifier learns three clouds.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

s = g.symbol("s", shape=3)
p = g.softmax(s)
nll = -g.log(p)[0]
probabilities, loss, gradient = g.evaluate([p, nll, g.grad(nll, s)], {s: [5.0, 4.0, 2.0]})
print(probabilities.round(3), round(float(loss), 3), gradient.round(3))

# %% [markdown]
# ## From scores to probabilities
#
# pᵢ = e^(sᵢ) / Σₖ e^(sₖ). All are positive and they add up to 1. The largest score gets the largest share; a score that is one higher gets
# e ≈ 2.72 times the share. Adding the same number to all scores changes nothing.

# %%
more = np.linspace(-6, 6, 121)
shares = np.array([g.evaluate(p, {s: [first, 0.0, 1.0]}) for first in more])
figure, axis = plt.subplots(figsize=(7, 3.5))
for column, style, name in zip(shares.T, ("-", "--", ":"), ("s₁, on the axis", "s₂ = 0", "s₃ = 1"), strict=True):
    axis.plot(more, column, style, label=name)
axis.set(xlabel="s₁", ylabel="probability")
axis.legend()

# %% [markdown]
# ## Exercise 1
# Two classes have the scores a and b. Write the probability of the first with `g.sigmoid`: softmax of two scores is the σ of lesson 1.

# %% exercise
a, b = g.symbols("a b")
of_first = None
# solution: of_first = g.sigmoid(a - b)
check(
    lambda: np.isclose(g.evaluate(of_first, {a: 1.3, b: 0.4}), np.exp(1.3) / (np.exp(1.3) + np.exp(0.4))),
    "divide numerator and denominator by eᵃ: 1/(1 + e^(b − a))",
)

# %% [markdown]
# ## Exercise 2
# The gradient of the loss −log p₁ with respect to the scores is short: write it with `g.softmax(s)` and a constant vector.

# %% exercise
by_scores = None
# solution: by_scores = g.softmax(s) - np.array([1.0, 0.0, 0.0])
check(lambda: np.allclose(*g.evaluate([by_scores, g.grad(nll, s)], {s: [0.3, -1.0, 2.0]})), "probabilities minus a one-hot vector")

# %% [markdown]
# ## Exercise 3
# What is the loss when all of K classes get the same score? Write it as a Python function of K. (That is what an untrained classifier
# should start at: a good check of a program.)

# %% exercise
expected = None
# solution: expected = lambda K: np.log(K)
check(
    lambda: all(
        np.isclose(expected(K), g.evaluate(nn.cross_entropy(g.constant(np.zeros((1, K))), g.constant(np.array([0]))), {}))
        for K in (2, 10)
    ),
    "each class has the probability 1/K",
)

# %% [markdown]
# ## When exponentials overflow
#
# e^1000 is larger than any double (they end at 1.8·10³⁰⁸), and ∞/∞ is NaN. The cure is to subtract the largest score first, which
# changes nothing mathematically. graphc finds this by itself: what is compiled is rewritten first, and `g.rewrites` says how.

# %%
e = g.exp(s)
written = -g.log(e[0] / g.sum(e))
with np.errstate(all="ignore"):
    print("as written:", g.evaluate(written, {s: [1000.0, 0, 0]}))
print("compiled:  ", g.compile(written, [s])(np.array([1000.0, 0, 0])))
print(g.rewrites(written))

# %% [markdown]
# ## Exercise 4
# Do it yourself: a stable softmax in NumPy, of a vector of scores, that subtracts the largest first.

# %% exercise
stable = None
# solution: stable = lambda v: np.exp(v - np.max(v)) / np.sum(np.exp(v - np.max(v)))
check(
    lambda: np.allclose(stable(np.array([1000.0, 1000.0, -1000.0])), [0.5, 0.5, 0]) and np.allclose(stable(np.zeros(4)), 0.25),
    "np.exp(v − np.max(v)), and divide by its sum",
)

# %% [markdown]
# ## A linear classifier
#
# Three clouds of points in the plane; the scores are W x + b. `nn.cross_entropy` is the mean of −log p over all examples. What it learns are
# three half-planes that meet in a point.

# %%
rng = np.random.default_rng(0)
centres = np.array([[0.0, 1.5], [-1.5, -1.0], [1.5, -1.0]])
kinds = np.arange(150) % 3
points = centres[kinds] + 0.6 * rng.normal(size=(150, 2))
X, t = g.symbol("X", shape=("n", 2)), g.symbol("t", shape="n", dtype="int64")
model = nn.Model(nn.Affine(3), X, seed=0)
history = train.fit(
    model, nn.cross_entropy(model.output, t), {X: points, t: kinds}, optimiser=train.SGD(0.5), epochs=200, batch=None
)
side = np.linspace(-4, 4, 161)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
figure, axis = plt.subplots(figsize=(5, 4.5))
axis.contourf(side, side, model.predict(grid).argmax(1).reshape(161, 161), levels=[-0.5, 0.5, 1.5, 2.5], alpha=0.35)
for kind, mark in enumerate("os^"):
    axis.plot(*points[kinds == kind].T, mark, markersize=4)
axis.set(title=f"loss {history[-1]['loss']:.3f}")

# %% [markdown]
# ## Exercise 5
# Which share of the 150 points does it get right? Use `model.predict(points)`, a row of scores for each point.

# %% exercise
right = None
# solution: right = np.mean(model.predict(points).argmax(1) == kinds)
check(lambda: abs(right - np.mean([np.argmax(row) == kind for row, kind in zip(model.predict(points), kinds, strict=True)])) < 1e-12,
      "argmax of each row is the answer; np.mean of a comparison is a share")

# %% [markdown]
# ## Exercise 6
# A classifier says p = 0.99 for a wrong class in a two-class problem. What does that one example add to the loss, and what would it have
# added at p = 0.6? Give both.

# %% exercise
confident, unsure = None, None
# solution: confident, unsure = -np.log(0.01), -np.log(0.4)
check(lambda: np.allclose([confident, unsure], [4.605, 0.916], atol=2e-3), "the right class has what is left: 0.01, and 0.4")

# %% [markdown]
# ## What to remember
#
# - Softmax turns scores into probabilities; only differences of scores count.
# - Loss: −log of the probability of the right class. Gradient with respect to the scores: probability − truth.
# - Never compute e^s of a large s: subtract the largest, or let the compiler do it.
