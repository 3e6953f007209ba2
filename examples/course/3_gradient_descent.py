# %% [markdown]
# # 3. Least squares and gradient descent
#
# A line is fitted to points. The loss is a bowl, and each step goes against its gradient.

# %%
import numpy as np

import graphc as g

rng = np.random.default_rng(0)
xs = np.linspace(0, 1, 50)
ys = 1 + 2 * xs + 0.1 * rng.normal(size=50)
x, y = g.symbol("x", shape="n"), g.symbol("y", shape="n")
slope, offset = g.symbols("slope offset")
loss = g.mean((slope * x + offset - y) ** 2)
f = g.compile(g.value_and_grad(loss, [slope, offset]), [slope, offset, x, y])


def descend(rate, steps=200):
    at = np.zeros(2)
    for _ in range(steps):
        _, gradient = f(*at, xs, ys)
        at = at - rate * np.array(gradient)
    return at


descend(0.5)

# %% [markdown]
# ## Exercise 1
# The bowl's curvature limits the rate: steps grow without bound above 2/λ for the largest eigenvalue λ of the Hessian. Compute that bound.

# %% exercise
theta = g.symbol("theta", shape=2)
bowl = g.substitute(loss, {slope: theta[0], offset: theta[1]})
bound = None
# solution: bound = 2 / np.linalg.eigvalsh(g.evaluate(g.hessian(bowl, theta), {theta: np.zeros(2), x: xs, y: ys})).max()
check(
    lambda: np.abs(descend(0.98 * bound, 3000)).max() < 10 < np.abs(descend(1.05 * bound, 3000)).max(),
    "g.hessian(bowl, theta), and np.linalg.eigvalsh of its value",
)

# %% [markdown]
# ## Exercise 2
# Solve the problem without descent, as `np.linalg.lstsq` does: `best` is (slope, offset).

# %% exercise
best = None
# solution: best = np.linalg.lstsq(np.stack([xs, np.ones(50)], axis=1), ys, rcond=None)[0]
check(lambda: np.allclose(best, descend(0.5, 5000), rtol=1e-6), "the columns of the matrix are x and 1")
