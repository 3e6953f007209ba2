# %% [markdown]
# # 2. The chain rule, backwards
#
# Reverse mode goes through the graph once, from the output to the inputs, and multiplies by local derivatives. What is used twice gets two
# contributions, and they add.

# %%
import numpy as np

import graphc as g

x, y, z = g.symbols("x y z")
f = (x + y) * z
print(g.explain(f, at={"x": -2, "y": 5, "z": -4}))

# %%
square = g.Graph(x * x)
print(square.backward({"x": 3}).contributions)

# %% [markdown]
# ## Exercise 1
# How many contributions does x get in x·y + sin x + x², written with `x * x`? And in which order are they added does not matter: why?

# %% exercise
count = None
# solution: count = 4
check(lambda: count == len([1 for (user, slot) in g.Graph(x * y + g.sin(x) + x * x).backward({"x": 1.0, "y": 2.0}).contributions
                            if g.Graph(x * y + g.sin(x) + x * x).operands[user][slot] == 0]), "x·x uses x in two places")

# %% [markdown]
# ## Exercise 2
# Write the gradient of log(x² + y²) by hand, and hold it against `g.grad` at (1, 2).

# %% exercise
gradient = None
# solution: gradient = [2 * x / (x**2 + y**2), 2 * y / (x**2 + y**2)]
check(
    lambda: np.allclose(
        g.evaluate(gradient, {x: 1.0, y: 2.0}), g.evaluate(g.grad(g.log(x**2 + y**2), [x, y]), {x: 1.0, y: 2.0})
    ),
    "the outer derivative is 1/(x² + y²)",
)
