"""The benchmarks' programs over tensors: what is timed is what was meant."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import graphc as g
from tests.benchmarks.harness import ROOT
from tests.benchmarks.peers.tensors import expressions
from tests.benchmarks.programs import programs

SMALL = {
    "two-layer": (5, 7, 4, 3), "softmax": (6, 5), "layer": (4, 9), "Gaussian": (12, 4, 3), "k-means": (40, 4, 3),
    "logistic": (15, 6), "LeNet": (2,), "MNIST-1D": (8, 7),
}  # fmt: skip


@pytest.mark.parametrize("title", programs())
def test_values_and_derivatives_by_hand(title):
    program = programs()[title]
    sizes = SMALL[title.split()[0].rstrip(",")]
    arrays = program.arrays(sizes, "float64")
    output, gradients, symbols = expressions(program, program.arrays(sizes, "float64"))
    graph = g.Graph([output, *gradients], symbols)
    found = graph.forward(dict(zip(symbols, arrays.values(), strict=True)))
    results = [found[node] for node in graph.outputs]
    if program.ask == "step":
        # a step from where the loss was taken: what it changed, by the rate
        before = [arrays[name].copy() for name in program.wrt]
        loss, *after = program.hand(**arrays)
        expected = [loss, *((b - a) / program.rate for b, a in zip(before, after, strict=True))]
    else:
        expected = program.hand(**arrays)
    for result, exact in zip(results, expected, strict=True):
        # a change by a step of 1e-4 has lost four digits to the parameter that it is taken from
        np.testing.assert_allclose(result, exact, rtol=1e-9, atol=1e-9 * np.abs(exact).max())


@pytest.mark.slow
@pytest.mark.skipif("GRAPHC_PEERS" not in os.environ, reason="GRAPHC_PEERS names no Python that has torch")
def test_layers_and_training_against_pytorch():
    """A few steps of each optimiser; the module by itself makes a hundred."""
    subprocess.run([sys.executable, "-m", "tests.benchmarks.networks", "--steps", "3"], check=True, cwd=ROOT)
