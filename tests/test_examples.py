"""Every example runs as a script, holds its own claims, and writes the figures it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

FIGURES = {
    "composed_networks": ["composed_networks.html"],
    "activations": ["activations.png"],
    "least_squares_1d": ["least_squares_1d.png"],
    "jacobians": ["jacobians.png"],
    "linear_layer": ["linear_layer.png", "linear_layer.svg", "linear_layer_shapes.png", "perceptron.png"],
    "linear_regression": ["linear_regression.png"],
    "log_sigmoid": ["log_sigmoid.png", "log_sigmoid.svg"],
    "mlp": ["mlp.png", "mlp_graph.png"],
    "softmax_nll": ["softmax_nll.png", "softmax_nll.svg"],
    "space_warping": ["space_warping.png"],
    "sum_times": ["sum_times.png"],
    "two_layer_numpy": ["two_layer_numpy.png"],
}

SMALL = {"two_layer_numpy": ["25"]}
"""Further arguments, for examples that take long: steps of training."""


def test_no_example_is_forgotten():
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_example(name, tmp_path):
    # a process of its own, as a reader starts it; what it computes and draws may not warn, while a deprecation
    # inside the libraries it imports is theirs
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error::RuntimeWarning",
            "-W",
            "error::UserWarning",
            EXAMPLES / f"{name}.py",
            tmp_path,
            *SMALL.get(name, ()),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(EXAMPLES.parent),
            "PYTHONUTF8": "1",
            "MPLCONFIGDIR": str(tmp_path / "mpl"),
        },
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    written = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert written == FIGURES[name]
    for figure in written:
        content = (tmp_path / figure).read_bytes()
        start = {"png": b"\x89PNG", "html": b"<!DOCTYPE html>"}.get(figure.rpartition(".")[2])
        assert content.startswith(start) if start else b"<svg" in content
