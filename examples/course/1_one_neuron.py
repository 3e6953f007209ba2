# %% [markdown]
# # 1. One neuron
#
# A neuron multiplies its input by a weight, adds a bias and bends the sum by a function. Here it is σ, and the loss is the logarithm of
# what comes out. You see the graph of the formula, the value at every node, and what flows back.

# %%
import numpy as np

import graphc as g

x, w, b = g.symbols("x w b")
loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
point = {"x": 2, "w": -3, "b": 6}
g.draw(loss, at=point)

# %% [markdown]
# `forward` gives the value at every node in topological order, `backward` the derivative of the output by every node.

# %%
graph = g.Graph(loss, [x, w, b])
values, adjoints = graph.forward(point), graph.backward(point)
for node in graph.nodes:
    print(node, graph.expr(node), values[node], adjoints[node] if node in adjoints else "a constant")

# %% [markdown]
# ## Exercise 1
# At the point above x·w + b is 0. Which value has the derivative of the loss by w, and which by x? Do it by hand: ∂L/∂(xw + b) = 1 − σ(0).

# %% exercise
by_w, by_x = None, None
# solution: by_w, by_x = 1.0, -1.5
check(lambda: (by_x, by_w) == tuple(g.evaluate(g.grad(loss, [x, w]), point)), "∂(xw + b)/∂w = x and ∂(xw + b)/∂x = w")

# %% [markdown]
# ## Exercise 2
# Write the derivative of log σ(z) by z as a formula of z, without a sum of fractions.

# %% exercise
z = g.symbol("z")
derivative = None
# solution: derivative = g.sigmoid(-z)
check(
    lambda: np.allclose(g.evaluate(derivative, {z: 0.7}), g.evaluate(g.grad(g.log(g.sigmoid(z)), z), {z: 0.7})),
    "1 − σ(z) is σ of something",
)
