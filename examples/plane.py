"""The playground of a lecture as one page: weights are dragged, points added by a click, and the network trained there.

Run: python examples/plane.py [directory for the page]
"""

import sys
from pathlib import Path

import numpy as np

import graphc as g
from graphc import nn


def main(output_dir="."):
    x, t = g.symbol("x", shape=("n", 2)), g.symbol("t", shape=("n", 1))
    model = nn.Model(nn.Sequential(nn.Affine(4), g.tanh, nn.Affine(1)), x, seed=3)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2)) * 1.2
    inside = 2.0 * (np.hypot(*points.T) < 1.2) - 1
    loss = nn.logistic(model.output, t)
    plane = g.plane(
        model.output, x, loss=loss, target=t, data=(points, inside), title="A disc, and what is around it"
    )
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    g.figure(plane, at=model.values, title="Playground").save(Path(output_dir) / "plane.html")


if __name__ == "__main__":
    main(*sys.argv[1:])
