"""Training: optimisers, schedules, mini-batches, and a loop of compiled steps that can be stopped and resumed.

>>> import numpy as np, graphc as g
>>> from graphc import nn, train
>>> x, labels = g.symbol("x", shape=("n", 2)), g.symbol("labels", shape=("n",), dtype="int64")
>>> model = nn.Model(nn.Sequential(nn.Affine(8), g.tanh, nn.Affine(2)), x)
>>> points = np.random.default_rng(0).normal(size=(200, 2))
>>> history = train.fit(
...     model, nn.cross_entropy(model.output, labels), {x: points, labels: (points[:, 0] > 0).astype(int)},
...     optimiser=train.Adam(0.05), epochs=20, batch=32,
... )
>>> history[-1]["loss"] < 0.1
True
"""

from graphc.train.data import Batches
from graphc.train.history import History
from graphc.train.idx import find_idx, read_idx
from graphc.train.loop import fit
from graphc.train.metrics import evaluate
from graphc.train.optimisers import SGD, Adam, AdamW, Momentum, Nesterov, Optimiser, RMSProp
from graphc.train.schedules import Cosine, EarlyStop, Halving, StepDecay
from graphc.train.step import Parameters, Step, make_step

__all__ = [
    "SGD", "Adam", "AdamW", "Batches", "Cosine", "EarlyStop", "Halving", "History", "Momentum", "Nesterov", "Optimiser",
    "Parameters", "RMSProp", "Step", "StepDecay", "evaluate", "find_idx", "fit", "make_step", "read_idx",
]  # fmt: skip
