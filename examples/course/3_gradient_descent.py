# %% [markdown]
# # 3. Least squares and gradient descent
#
# **What this hour is about.** A line is fitted to points. The loss is a bowl over the two parameters; each step of gradient descent goes
# downhill against its gradient. You will find out how large a step may be, why some directions are slow, what momentum does
# about it, and that this problem could have been solved in one step.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphc as g

rng = np.random.default_rng(0)
xs = np.linspace(0, 1, 50)
ys = 1 + 2 * xs + 0.1 * rng.normal(size=50)
x, y = g.symbol("x", shape="n"), g.symbol("y", shape="n")
slope, offset = g.symbols("slope offset")
loss = g.mean((slope * x + offset - y) ** 2)
f = g.compile(g.value_and_grad(loss, [slope, offset]), [slope, offset, x, y])
f(0.0, 0.0, xs, ys)

# %% [markdown]
# `g.value_and_grad` is the loss together with its derivatives; compiled, it is one function. Its value at (0, 0) says: the loss is above 4,
# and both parameters should grow, because both derivatives are negative.
#
# ## Exercise 1
# Write the derivative of the loss with respect to the slope by hand, as a formula with `g.mean`, `slope`, `offset`, `x` and `y`.

# %% exercise
by_slope = None
# solution: by_slope = g.mean(2 * (slope * x + offset - y) * x)
check(
    lambda: np.allclose(*g.evaluate([by_slope, g.grad(loss, slope)], {slope: 0.3, offset: -1.0, x: xs, y: ys})),
    "the outer derivative is 2(…), the inner one x, and the mean stays",
)

# %% [markdown]
# ## Steps downhill

# %%
def descend(rate, steps=200, start=(0.0, 0.0)):
    """All points on the way, (steps + 1, 2)."""
    path = [np.array(start)]
    for _ in range(steps):
        _, gradient = f(*path[-1], xs, ys)
        path.append(path[-1] - rate * np.array(gradient))
    return np.array(path)


side_s, side_o = np.linspace(-1, 4, 80), np.linspace(-0.5, 3, 80)
bowl = np.array([[f(s, o, xs, ys)[0] for s in side_s] for o in side_o])
figure, axis = plt.subplots(figsize=(7, 4.5))
axis.contour(side_s, side_o, bowl, levels=np.geomspace(0.01, 20, 14), colors="0.75")
for rate, style in ((0.1, "o-"), (0.7, "s--")):
    axis.plot(*descend(rate, 30).T, style, markersize=4, label=f"rate {rate}")
axis.set(xlabel="slope", ylabel="offset", title="30 steps: fast across the valley, slow along it")
axis.legend()

# %% [markdown]
# ## Exercise 2
# With the rate 0.5, after how many steps is the slope within 0.01 of where it ends? (`descend(0.5, 2000)[:, 0]` has the slopes.)

# %% exercise
needed = None
# solution: needed = int(np.argmax(np.abs(descend(0.5, 2000)[:, 0] - descend(0.5, 2000)[-1, 0]) < 0.01))
check(
    lambda: abs(descend(0.5, 2000)[needed, 0] - descend(0.5, 2000)[-1, 0]) < 0.01
    <= abs(descend(0.5, 2000)[needed - 1, 0] - descend(0.5, 2000)[-1, 0]),
    "np.argmax of a condition is the first place where it holds",
)

# %% [markdown]
# ## How large may a step be?
#
# Along an eigenvector of the Hessian with the eigenvalue λ, a step multiplies the distance to the minimum by 1 − rate·λ. That
# shrinks only while rate < 2/λ; so the largest eigenvalue limits the rate, and the smallest one then sets the pace.
#
# ## Exercise 3
# Compute the bound 2/λ for the largest eigenvalue λ of the Hessian.

# %% exercise
theta = g.symbol("theta", shape=2)
quadratic = g.substitute(loss, {slope: theta[0], offset: theta[1]})
bound = None
# solution: bound = 2 / np.linalg.eigvalsh(g.evaluate(g.hessian(quadratic, theta), {theta: np.zeros(2), x: xs, y: ys})).max()
check(
    lambda: np.abs(descend(0.98 * bound, 3000)).max() < 10 < np.abs(descend(1.05 * bound, 3000)).max(),
    "g.hessian(quadratic, theta), and np.linalg.eigvalsh of its value",
)

# %% [markdown]
# ## Exercise 4
# The ratio of the largest to the smallest eigenvalue is the *condition number*. With the x centred, x − mean(x), the Hessian is diagonal.
# What is the condition number before, and what after centring? Give both, `before, after`.

# %% exercise
before, after = None, None
# solution: before, after = (np.linalg.cond(2 * A.T @ A / 50) for A in (np.stack([xs, np.ones(50)], 1), np.stack([xs - xs.mean(), np.ones(50)], 1)))
check(
    lambda: np.allclose(
        [before, after],
        [
            np.linalg.cond(g.evaluate(g.hessian(quadratic, theta), {theta: np.zeros(2), x: each, y: ys}))
            for each in (xs, xs - xs.mean())
        ],
        rtol=1e-2,
    ),
    "np.linalg.cond of the Hessian; evaluate it with x: xs and with x: xs − xs.mean()",
)

# %% [markdown]
# ## Momentum
#
# A ball that rolls keeps its speed where the gradient goes on pointing the same way, and swings less where it changes sign:
# v ← 0.9 v − rate · gradient, and then θ ← θ + v.
#
# ## Exercise 5
# Write one step of momentum: a Python function of `at`, `speed` and `gradient`, arrays of two numbers, with the rate 0.1 and the factor 0.9. It
# returns the new `at` and the new `speed`.

# %% exercise
momentum = None
# solution: momentum = lambda at, speed, gradient: (at + 0.9 * speed - 0.1 * gradient, 0.9 * speed - 0.1 * gradient)
def roll(steps):
    at, speed = np.zeros(2), np.zeros(2)
    for _ in range(steps):
        at, speed = momentum(at, speed, np.array(f(*at, xs, ys)[1]))
    return at


check(
    lambda: np.allclose(roll(400), np.linalg.lstsq(np.stack([xs, np.ones(50)], 1), ys, rcond=None)[0], atol=1e-6),
    "the speed first, then the place, with the new speed",
)

# %% [markdown]
# ## Exercise 6
# Solve the problem without descent, as `np.linalg.lstsq` does: `best` is (slope, offset).

# %% exercise
best = None
# solution: best = np.linalg.lstsq(np.stack([xs, np.ones(50)], axis=1), ys, rcond=None)[0]
check(lambda: np.allclose(best, descend(0.5, 5000)[-1], rtol=1e-6), "the columns of the matrix are x and 1")

# %% [markdown]
# ## What to remember
#
# - The gradient points uphill; a step goes against it, and the rate says how far.
# - The largest curvature limits the rate, the smallest one sets the pace; scaling the inputs brings them together, and momentum helps.
# - Networks have no closed formula for their best weights, so there the steps are all one has.
