# %% [markdown]
# # 1. One neuron
#
# **What this hour is about.** A neuron multiplies its input by a weight, adds a bias and bends the sum by a function. You will see such a
# formula as a graph, compute the value at every node by hand (the *forward pass*), and then the derivative of the output with respect to
# every node (the *backward pass*). Everything that follows in this course, up to LeNet, is this hour with larger graphs.
#
# Exercises check themselves: replace `None` by your answer and run the cell. It prints `right`, or `not yet` and a hint.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphc as g

x, w, b = g.symbols("x w b")
z = x * w + b
loss = g.log(1 / (g.exp(-z) + 1))
loss

# %% [markdown]
# ## The formula as a graph
#
# `loss` is not a number: it is a formula, and graphc keeps it as a graph. Circles are operations, boxes are inputs, and an edge says
# "is used by". At a point the graph has a number at every node: above the line the value, below it the derivative.

# %%
point = {"x": 2, "w": -3, "b": 6}
g.draw(loss, at=point)

# %% [markdown]
# ## Forward: values in topological order
#
# A node can be computed when its operands are known, so the nodes are numbered such that operands come first: a *topological order*.
# `forward` goes through the graph in this order and keeps every value.

# %%
graph = g.Graph(loss, [x, w, b])
values = graph.forward(point)
for node in graph.nodes:
    print(f"{node:2}  {str(graph.expr(node)):32} {values[node]:8.4f}")

# %% [markdown]
# ## Exercise 1
# Compute z = x·w + b, σ(z) = 1/(1 + e⁻ᶻ) and log σ(z) by hand at x = 2, w = −3, b = 5.5 (a calculator, or `np.exp` and `np.log`, may help).

# %% exercise
z_value, sigma_value, log_value = None, None, None
# solution: z_value, sigma_value, log_value = -0.5, 1 / (1 + np.exp(0.5)), -np.log(1 + np.exp(0.5))
check(
    lambda: np.allclose([z_value, sigma_value, log_value], g.evaluate([z, g.sigmoid(z), loss], {"x": 2, "w": -3, "b": 5.5}), rtol=1e-3),
    "z = 2·(−3) + 5.5; σ(−½) is a little less than ½, so its logarithm is a little below log ½ = −0.693",
)

# %% [markdown]
# ## Backward: what a small change does
#
# The *adjoint* of a node is the derivative of the output with respect to that node: if the node changed by a small ε, the output would
# change by about adjoint · ε. The output's own adjoint is 1. From there it goes backwards, edge by edge: the adjoint of a node is the adjoint
# of its user times the *local derivative* of the user.

# %%
adjoints = graph.backward(point)
for node in reversed(graph.nodes):
    if node in adjoints:
        print(f"{node:2}  {str(graph.expr(node)):32} value {values[node]:8.4f}   adjoint {adjoints[node]:8.4f}")

# %% [markdown]
# ## Exercise 2
# At the first point (x = 2, w = −3, b = 6) the sum x·w + b is 0. Which value has the derivative of the loss with respect to w, and which with
# respect to x? Do it by hand: ∂L/∂z = 1 − σ(0).

# %% exercise
by_w, by_x = None, None
# solution: by_w, by_x = 1.0, -1.5
check(lambda: (by_x, by_w) == tuple(g.evaluate(g.grad(loss, [x, w]), point)), "∂z/∂w = x and ∂z/∂x = w")

# %% [markdown]
# ## Is the derivative right?
#
# A *difference quotient* needs no calculus: change the input by a small h and look at what the output does. Taken on both sides,
# (f(x + h) − f(x − h))/2h, its error shrinks like h², until h is so small that rounding takes over.

# %%
exact = g.evaluate(g.grad(loss, w), point)
steps = 10.0 ** np.arange(-12, 0)
errors = [
    abs((g.evaluate(loss, {**point, "w": -3 + h}) - g.evaluate(loss, {**point, "w": -3 - h})) / (2 * h) - exact) for h in steps
]
figure, axis = plt.subplots(figsize=(7, 3.5))
axis.loglog(steps, np.maximum(errors, 1e-17), "o-")
axis.set(xlabel="h", ylabel="error of the difference quotient", title="too large: curvature; too small: rounding")

# %% [markdown]
# ## Exercise 3
# Write your own difference quotient: a Python function of f, the place and h, on both sides.

# %% exercise
difference = None
# solution: difference = lambda f, at, h: (f(at + h) - f(at - h)) / (2 * h)
check(
    lambda: abs(difference(np.sin, 0.3, 1e-5) - np.cos(0.3)) < 1e-9 and abs(difference(lambda t: t**2, 5.0, 0.1) - 10) < 1e-9,
    "on one side alone the error is of the order h: for t² at 5 that would be 10.1",
)

# %% [markdown]
# ## Saturation
#
# The derivative of σ is largest at 0, where it is ¼. Far away the curve is flat: a neuron that is *saturated* hardly learns, because
# hardly anything flows back through it.

# %%
at = np.linspace(-8, 8, 201)
s = g.symbol("s")
sigma, slope = g.compile([g.sigmoid(s), g.grad(g.sigmoid(s), s)], [s])(at)
figure, axis = plt.subplots(figsize=(7, 3.5))
axis.plot(at, sigma, label="σ(s)")
axis.plot(at, slope, "--", label="its derivative")
axis.set(xlabel="s")
axis.legend()

# %% [markdown]
# ## Exercise 4
# Write the derivative of log σ(s) as a formula of s, without a sum of fractions.

# %% exercise
derivative = None
# solution: derivative = g.sigmoid(-s)
check(
    lambda: np.allclose(g.evaluate(derivative, {s: 0.7}), g.evaluate(g.grad(g.log(g.sigmoid(s)), s), {s: 0.7})),
    "1 − σ(s) is σ of something",
)

# %% [markdown]
# ## Exercise 5
# With x = 2 and b = 6, for which weight w is the derivative of the loss with respect to b exactly 0.9? (∂L/∂b = σ(−z): solve σ(−z) = 0.9.)

# %% exercise
weight = None
# solution: weight = (-np.log(9) - 6) / 2
check(
    lambda: np.isclose(g.evaluate(g.grad(loss, b), {"x": 2, "w": weight, "b": 6}), 0.9, rtol=1e-3),
    "σ(−z) = 0.9 means e⁻ᶻ = 9, so z = −log 9; and z = 2w + 6",
)

# %% [markdown]
# ## What to remember
#
# - A formula is a graph; a topological order computes it.
# - The adjoint of a node is the derivative of the output with respect to it; it is what comes back from its users times local derivatives.
# - A difference quotient checks a derivative; it does not replace it.
#
# For a slide, or to play with at home: `g.draw(loss, at=point).save("one_neuron.html")` writes a page that steps through both passes.
