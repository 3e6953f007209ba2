# %% [markdown]
# # 4. Softmax and classification
#
# Scores become probabilities by the softmax; the loss is the negative logarithm of the probability of the right class.

# %%
import numpy as np

import graphc as g
from graphc import nn

s = g.symbol("s", shape=3)
nll = -g.log(g.softmax(s))[0]
print(g.evaluate([g.softmax(s), nll, g.grad(nll, s)], {s: [5.0, 4.0, 2.0]}))

# %% [markdown]
# As written the exponentials overflow; what is compiled is rewritten first.

# %%
e = g.exp(s)
written = -g.log(e[0] / g.sum(e))
print(g.evaluate(written, {s: [1000.0, 0, 0]}), g.compile(written, [s])(np.array([1000.0, 0, 0])))
print(g.rewrites(written))

# %% [markdown]
# ## Exercise 1
# The gradient of the loss by the scores is short: write it with `g.softmax(s)` and a constant vector.

# %% exercise
gradient = None
# solution: gradient = g.softmax(s) - np.array([1.0, 0.0, 0.0])
check(lambda: np.allclose(*g.evaluate([gradient, g.grad(nll, s)], {s: [0.3, -1.0, 2.0]})), "probabilities minus a one-hot vector")

# %% [markdown]
# ## Exercise 2
# What is the loss when all of K classes get the same score? Write it as a Python function of K.

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
