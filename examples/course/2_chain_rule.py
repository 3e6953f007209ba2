# %% [markdown]
# # 2. The chain rule, backwards
#
# **What this hour is about.** Reverse mode goes through the graph once, from the output to the inputs, and multiplies by local
# derivatives. What is used twice gets two *contributions*, and they add. You will do it by hand, let graphc explain each step,
# write the algorithm in a dozen lines of Python, and see why it is run backwards.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphc as g

x, y, z = g.symbols("x y z")
f = (x + y) * z
point = {"x": -2, "y": 5, "z": -4}
g.draw(f, at=point)

# %% [markdown]
# ## Two rules that explain most graphs
#
# A **sum** hands its adjoint on, unchanged, to both operands. A **product** hands to each operand its adjoint times *the other* operand.
# Follow the numbers below the lines in the picture: z gets x + y = 3, and x + y gets z = −4, which goes on to both x and y.

# %%
print(g.explain(f, at=point))

# %% [markdown]
# ## Exercise 1
# f = (x + y)·(y + z) at x = 1, y = 2, z = 3. Give the three adjoints in the order x, y, z. y is used twice.

# %% exercise
adjoints = None
# solution: adjoints = [5, 8, 3]
check(
    lambda: np.allclose(adjoints, g.evaluate(g.grad((x + y) * (y + z), [x, y, z]), {"x": 1, "y": 2, "z": 3})),
    "x gets y + z, z gets x + y, and y gets both",
)

# %% [markdown]
# ## Contributions add
#
# Each use of a node sends back one contribution. x·x uses x in both places, so x gets x from the one and x from the other: 2x, as
# it must be.

# %%
square = g.Graph(x * x)
print(square.backward({"x": 3}).contributions)

# %% [markdown]
# ## Exercise 2
# How many contributions does x get in x·y + sin x + x², the square written as `x * x`?

# %% exercise
count = None
# solution: count = 4
check(lambda: count == len([1 for (user, slot) in g.Graph(x * y + g.sin(x) + x * x).backward({"x": 1.0, "y": 2.0}).contributions
                            if g.Graph(x * y + g.sin(x) + x * x).operands[user][slot] == 0]), "x·x uses x in two places")

# %% [markdown]
# ## Exercise 3
# Write the gradient of log(x² + y²) by hand, as two formulas, and hold it against `g.grad` at (1, 2).

# %% exercise
gradient = None
# solution: gradient = [2 * x / (x**2 + y**2), 2 * y / (x**2 + y**2)]
check(
    lambda: np.allclose(
        g.evaluate(gradient, {x: 1.0, y: 2.0}), g.evaluate(g.grad(g.log(x**2 + y**2), [x, y]), {x: 1.0, y: 2.0})
    ),
    "the outer derivative is 1/(x² + y²)",
)

# %% [markdown]
# ## The algorithm
#
# With the nodes in topological order the backward pass is one loop, from the last node to the first: every user of a node comes after it,
# so its adjoint is complete when the loop gets there. Here is all of reverse mode for sums, products and sines.

# %%
def backward(graph, values):
    """The adjoint of every node of a graph of add, mul and sin."""
    adjoint = dict.fromkeys(graph.nodes, 0.0)
    adjoint[graph.nodes[-1]] = 1.0
    for node in reversed(graph.nodes):
        operands, name = graph.operands[node], graph.expr(node).op.name
        for place, operand in enumerate(operands):
            if name == "add":
                local = 1.0
            elif name == "mul":
                local = values[operands[1 - place]]
            elif name == "sin":
                local = np.cos(values[operand])
            adjoint[operand] += adjoint[node] * local
    return adjoint


formula = x * y + g.sin(x) * (x + y)
graph = g.Graph(formula, [x, y])
at = {"x": 0.5, "y": 2.0}
found = backward(graph, graph.forward(at))
print(found[graph.node(x)], found[graph.node(y)], "and by graphc:", g.evaluate(g.grad(formula, [x, y]), at))

# %% [markdown]
# ## Exercise 4
# Which local derivatives would the loop need for exp(u), for log(u) and for 1/u? Write three Python functions of the value u.

# %% exercise
of_exp, of_log, of_reciprocal = None, None, None
# solution: of_exp, of_log, of_reciprocal = np.exp, lambda u: 1 / u, lambda u: -1 / u**2
check(
    lambda: all(
        np.isclose(rule(1.7), g.evaluate(g.grad(op(x), x), {x: 1.7}))
        for rule, op in ((of_exp, g.exp), (of_log, g.log), (of_reciprocal, lambda u: 1 / u))
    ),
    "1/u is u to the power −1",
)

# %% [markdown]
# ## Why backwards?
#
# The loss of a network is one number of many parameters. Forwards, one pass gives the derivatives with respect to *one* input;
# backwards, one pass gives those of one output with respect to *all* inputs. The picture counts the nodes that each way has to compute.

# %%
counts = (1, 2, 4, 8, 16, 32)
forwards, backwards = [], []
for n in counts:
    inputs = g.symbols(" ".join(f"v{k}" for k in range(n))) if n > 1 else [g.symbol("v0")]
    h = inputs[0]
    for v in inputs[1:]:
        h = g.sin(h * v)
    backwards.append(len(g.Graph(g.grad(h, list(inputs)))))
    forwards.append(sum(len(g.Graph(g.grad(h, v))) for v in inputs))
figure, axis = plt.subplots(figsize=(7, 3.5))
axis.loglog(counts, forwards, "s--", label="one input at a time")
axis.loglog(counts, backwards, "o-", label="all at once, backwards")
axis.set(xlabel="inputs", ylabel="nodes to compute")
axis.legend()

# %% [markdown]
# ## Exercise 5
# A network has 1,000,000 parameters and one loss. A difference quotient on one side costs one evaluation for each parameter, and one
# more. The backward pass costs about four times a forward one (both together). How many times cheaper is it, about?

# %% exercise
times = None
# solution: times = 250_000
check(lambda: 200_000 <= times <= 350_000, "1,000,001 evaluations against about 4")

# %% [markdown]
# ## What to remember
#
# - Local derivatives multiply along a path, and paths add.
# - Backwards, in the reverse of a topological order, every adjoint is complete when it is needed.
# - The cost of a gradient is a small multiple of that of the function, however many inputs there are.
#
# `g.draw(f, at=point, exercise=True).save("exercise.html")` makes a page of questions of this kind, with points.
