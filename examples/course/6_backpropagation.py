# %% [markdown]
# # 6. Backpropagation with matrices
#
# For O = X W the contributions are ∂L/∂X = δ Wᵀ and ∂L/∂W = Xᵀ δ. Everything else goes element by element.

# %%
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
# ## Exercise 1
# Write ∂L/∂V with `h`, `V` and `T`.

# %% exercise
by_V = None
# solution: by_V = h.T @ (2 * (h @ V - T))
check(lambda: np.allclose(*g.evaluate([by_V, g.grad(loss, V)], at)), "δ = 2 (hV − T), and hᵀ on its left")

# %% [markdown]
# ## Exercise 2
# Now ∂L/∂W: δ goes back through V, is multiplied by h·(1 − h), and then through X.

# %% exercise
by_W = None
# solution: by_W = X.T @ ((2 * (h @ V - T)) @ V.T * h * (1 - h))
check(lambda: np.allclose(*g.evaluate([by_W, g.grad(loss, W)], at)), "Xᵀ [(δ Vᵀ) ∘ h ∘ (1 − h)]")
