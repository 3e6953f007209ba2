# %% [markdown]
# # 6. Backpropagation with matrices
#
# **What this hour is about.** A network computes with whole tables: a row for each example. The chain rule becomes two rules for a product of
# matrices, and "element by element" for everything else. You will write the backward pass of a two-layer network by hand, check it, train
# with it, and see where biases and means come in. Shapes are half of the work: a gradient has the shape of what it belongs to.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphc as g

X, W, V = g.symbol("X", shape=("n", 4)), g.symbol("W", shape=(4, 5)), g.symbol("V", shape=(5, 2))
T = g.symbol("T", shape=("n", 2))
h = g.sigmoid(X @ W)
loss = g.sum((h @ V - T) ** 2)
rng = np.random.default_rng(1)
at = {X: rng.normal(size=(6, 4)), W: rng.normal(size=(4, 5)), V: rng.normal(size=(5, 2)), T: rng.normal(size=(6, 2))}
g.draw(loss, backward=False)

# %% [markdown]
# ## The rule for a product
#
# For O = X W let δ = ∂L/∂O, as large as O. Then
#
#     ∂L/∂X = δ Wᵀ        ∂L/∂W = Xᵀ δ
#
# There is only one way to multiply δ and Wᵀ that has the shape of X, and only one for Xᵀ and δ that has the shape of W: the shapes tell.
#
# ## Exercise 1
# X is (6, 4), W is (4, 5). Give the shapes of δ, of δ Wᵀ and of Xᵀ δ.

# %% exercise
of_delta, of_to_x, of_to_w = None, None, None
# solution: of_delta, of_to_x, of_to_w = (6, 5), (6, 4), (4, 5)
check(
    lambda: [of_delta, of_to_x, of_to_w] == [(np.zeros((6, 4)) @ np.zeros((4, 5))).shape, (6, 4), (4, 5)],
    "δ is as large as X W; a gradient is as large as what it belongs to",
)

# %% [markdown]
# ## Exercise 2
# Write ∂L/∂V with `h`, `V` and `T`. (δ at the output is the derivative of the sum of squares.)

# %% exercise
by_V = None
# solution: by_V = h.T @ (2 * (h @ V - T))
check(lambda: np.allclose(*g.evaluate([by_V, g.grad(loss, V)], at)), "δ = 2 (hV − T), and hᵀ on its left")

# %% [markdown]
# ## Exercise 3
# Now ∂L/∂W: δ goes back through V, is multiplied by h·(1 − h), element by element, and then goes through X.

# %% exercise
by_W = None
# solution: by_W = X.T @ ((2 * (h @ V - T)) @ V.T * h * (1 - h))
check(lambda: np.allclose(*g.evaluate([by_W, g.grad(loss, W)], at)), "Xᵀ [(δ Vᵀ) ∘ h ∘ (1 − h)]")

# %% [markdown]
# ## A bias is added to every row
#
# In X W + b the vector b is used once for each example, so its gradient is the sum of δ over the rows. A number that is broadcast gets
# the sum of all that comes back: that is the rule "contributions add" of lesson 2.
#
# ## Exercise 4
# `with_bias` is the loss of a linear layer with a bias. Write its derivative with respect to b.

# %% exercise
b = g.symbol("b", shape=5)
U = g.symbol("U", shape=("n", 5))
with_bias = g.sum((X @ W + b - U) ** 2)
by_b = None
# solution: by_b = g.sum(2 * (X @ W + b - U), axis=0)
check(
    lambda: np.allclose(*g.evaluate([by_b, g.grad(with_bias, b)], {**at, b: np.arange(5.0), U: rng.normal(size=(6, 5))})),
    "δ = 2 (XW + b − U), summed over the examples: axis=0",
)

# %% [markdown]
# ## Check a gradient before you trust it
#
# Against a difference quotient, element by element. `g.gradcheck`-like tests of libraries do just that; here it is in five lines.

# %%
def numerical(function, array, step=1e-6):
    """The derivative of a function of an array with respect to each of its elements."""
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[place] += step
        down[place] -= step
        found[place] = (function(up) - function(down)) / (2 * step)
    return found


value = lambda w: g.evaluate(loss, {**at, W: w})
print(np.abs(numerical(value, at[W]) - g.evaluate(g.grad(loss, W), at)).max())

# %% [markdown]
# ## Training with it
#
# One compiled function has the loss and both gradients; the loop is plain Python. `h` is computed once and used by the loss and by both gradients.

# %%
step = g.compile(g.value_and_grad(loss, [W, V]), [X, T, W, V])
inputs = rng.uniform(-2, 2, (200, 4))
targets = np.stack([np.sin(inputs[:, 0] + inputs[:, 1]), inputs[:, 2] * 0.5], axis=1)
weights = [rng.normal(size=(4, 5)), rng.normal(size=(5, 2))]
losses = []
for _ in range(300):
    value_now, gradients = step(inputs, targets, *weights)
    losses.append(value_now)
    weights = [w - 0.002 * d for w, d in zip(weights, gradients, strict=True)]
figure, axis = plt.subplots(figsize=(7, 3.5))
axis.semilogy(losses)
axis.set(xlabel="step", ylabel="loss")

# %% [markdown]
# ## Exercise 5
# The loss is a *sum* over examples. With the *mean* instead, over the n examples and both outputs, every gradient is smaller by one factor. Which one, for n = 200?

# %% exercise
factor = None
# solution: factor = 400
check(
    lambda: np.allclose(
        factor * np.asarray(g.evaluate(g.grad(g.mean((h @ V - T) ** 2), V), {X: inputs, T: targets, W: weights[0], V: weights[1]})),
        g.evaluate(g.grad(loss, V), {X: inputs, T: targets, W: weights[0], V: weights[1]}),
    ),
    "how many numbers does the table of squares have?",
)

# %% [markdown]
# ## Exercise 6
# Replace σ by ReLU: h = [X W]₊. What takes the place of h·(1 − h)? Write ∂L/∂W of `rectified`.

# %% exercise
k = g.relu(X @ W)
rectified = g.sum((k @ V - T) ** 2)
by_W_relu = None
# solution: by_W_relu = X.T @ ((2 * (k @ V - T)) @ V.T * g.where(X @ W > 0, 1.0, 0.0))
check(lambda: np.allclose(*g.evaluate([by_W_relu, g.grad(rectified, W)], at)), "1 where X W > 0 and 0 elsewhere: g.where(X @ W > 0, 1.0, 0.0)")

# %% [markdown]
# ## What to remember
#
# - ∂L/∂X = δ Wᵀ and ∂L/∂W = Xᵀ δ; activations multiply element by element; what is broadcast is summed.
# - A gradient has the shape of what it belongs to.
# - Compare with a difference quotient once, then trust it.
