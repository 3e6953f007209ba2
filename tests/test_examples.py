"""Every example runs as a script, holds its own claims, and writes the figures it promises."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from graphc.errors import FormatError
from tests.digits import write_digits

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

FIGURES = {
    "composed_networks": ["composed_networks.html"],
    "activations": ["activations.png"],
    "least_squares_1d": ["least_squares_1d.png"],
    "error_bars": [],
    "hamiltonian_monte_carlo": ["hamiltonian_monte_carlo.png"],
    "double_pendulum": ["double_pendulum.gif", "double_pendulum.png"],
    "jacobians": ["jacobians.png"],
    "kalman_filter": ["kalman_filter.png"],
    "linear_layer": ["linear_layer.png", "linear_layer.svg", "linear_layer_shapes.png", "perceptron.png"],
    "linear_regression": ["linear_regression.png"],
    "log_sigmoid": ["log_sigmoid.png", "log_sigmoid.svg"],
    "logistic_map": ["logistic_map.png"],
    "lotka_volterra": ["lotka_volterra.png"],
    "mlp": ["mlp.png", "mlp_graph.png"],
    "sampling_posteriors": [],
    "newton_fractal": ["newton_fractal.png"],
    "softmax_nll": ["softmax_nll.html", "softmax_nll.png", "softmax_nll.svg", "softmax_nll_tables.png"],
    "space_warping": ["space_warping.png"],
    "sum_times": ["sum_times.png"],
    "text_model": ["text_model.png"],
    "two_layer_numpy": ["two_layer_numpy.png"],
}

FIGURES |= {
    "benefits_of_depth": [
        "depth_one_and_two_layers.png", "depth_random_networks.png", "depth_regions.png",
        "depth_teacher_and_students.png", "depth_teeth.png",
    ],
    "boolean_functions": ["boolean_failures.png", "boolean_polygons.png"],
    "composing_networks": ["composing_networks.png", "composing_two_dimensions.png"],
    "lenet_mnist": [
        "lenet.svg", "lenet_confusion.png", "lenet_history.png", "lenet_kernels.png", "lenet_misclassified.png",
    ],
    "linear_classifier": ["linear_classifier.png", "linear_templates.png"],
    "mnist1d_depth": ["mnist1d_depth.npz", "mnist1d_depth.png"],
    "plane": ["plane.html"],
    "playground": [
        "playground_circles.gif", "playground_circles.html", "playground_circles.png",
        "playground_spirals.gif", "playground_spirals.html", "playground_spirals.png",
        "playground_spirals_deep.gif", "playground_spirals_deep.html", "playground_spirals_deep.png",
    ],
    "playground_weights": ["playground_weights.html", "playground_weights.png"],
    "regularisation": ["regularisation.png"],
    "representation": ["representation_trained.png", "representation_warped.png"],
    "residual_and_inception": ["inception_block.svg", "residual_and_inception.png", "residual_block.svg"],
    "shallow_network": [
        "shallow_network.png", "shallow_two_inputs.png", "shallow_two_inputs_two_outputs.png", "shallow_two_outputs.png",
    ],
    "universal_approximation": ["universal_boxes.png", "universal_search.png", "universal_units.png"],
}  # fmt: skip
"""Those of networks."""

FIGURES |= {
    name: [f"{name}.png"]
    for name in (
        "approximation_and_samples", "autoencoder", "bias_and_variance", "counting_boolean_functions", "cross_validation",
        "data_augmentation", "double_descent", "early_stopping", "gradients_by_depth", "hyperparameter_search",
        "im2col", "initialisation", "kernel_answers", "kinks_and_ties", "learning_rates", "local_minima",
        "minibatch_gradients", "optimisers", "parity_gradients", "posterior_of_functions", "random_labels",
        "sample_complexity", "sigmoid_approximation", "xor",
    )
}  # fmt: skip
FIGURES |= {
    "famous_networks": ["famous_networks.png", "famous_networks_blocks.png", "famous_networks_blocks.svg"],
    "layers_beside_loops": ["layers_beside_loops.html", "layers_beside_loops.png"],
    "loss_surface": ["loss_surface.html", "loss_surface.png"],
    "notation": ["notation_matrices.png", "notation_scalars.png", "notation_vectors.png"],
    "reduction_layer": ["reduction_direct.png", "reduction_layer.png", "reduction_reduced.png"],
}
"""Those of a single topic of a lecture."""

SMALL = {
    "benefits_of_depth": ["150"],
    "boolean_functions": ["40", "6"],
    "lenet_mnist": ["--data", "digits", "--epochs", "1"],
    "local_minima": ["12"],
    "mnist1d_depth": ["--examples", "100", "--epochs", "40"],
    "newton_fractal": ["120"],
    "regularisation": ["300", "3"],
    "text_model": ["15"],
    "two_layer_numpy": ["25"],
    "universal_approximation": ["300"],
}
"""Further arguments, for examples that take long: fewer steps of training, and digits that are drawn here."""


LONG = {
    "approximation_and_samples", "autoencoder", "cross_validation", "data_augmentation", "double_descent", "early_stopping",
    "hyperparameter_search", "kernel_answers", "linear_classifier", "local_minima", "optimisers", "parity_gradients",
    "playground", "random_labels", "regularisation", "representation", "sample_complexity",
}  # fmt: skip
"""Take more than a few seconds even so."""


def test_no_example_is_forgotten():
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(FIGURES)


@pytest.mark.sample(8)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in FIGURES]
)
def test_example(name, tmp_path):
    (tmp_path / "digits").mkdir()
    write_digits(tmp_path / "digits", 200)
    folder = tmp_path / "figures" / name  # which the example makes
    # a process of its own, as a reader starts it; what it computes and draws may not warn, while a deprecation
    # inside the libraries it imports is theirs
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error::RuntimeWarning",
            "-W",
            "error::UserWarning",
            "-m",
            "tests.slides",  # runs the script, and fails where a figure cannot be read on a slide
            EXAMPLES / f"{name}.py",
            folder,
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
    written = sorted(path.name for path in folder.iterdir()) if FIGURES[name] else []
    assert written == FIGURES[name]
    for figure in written:
        content = (folder / figure).read_bytes()
        starts = {"gif": b"GIF8", "html": b"<!DOCTYPE html>", "npz": b"PK", "png": b"\x89PNG"}
        start = starts.get(figure.rpartition(".")[2])
        assert content.startswith(start) if start else b"<svg" in content


def test_lenet_says_what_to_do_without_digits(tmp_path):
    """A proxy that refuses every connection stands for no network."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "lenet_mnist.py", tmp_path, "--data", tmp_path / "none"],
        env={
            **os.environ,
            "PYTHONPATH": str(EXAMPLES.parent),
            "PYTHONUTF8": "1",
            "https_proxy": "http://127.0.0.1:9",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot be downloaded" in done.stderr and "--data DIR" in done.stderr


@pytest.fixture
def mirror(tmp_path):
    """A server of the four files on this machine: (its address, name → bytes that it sends, names that break off)."""
    folder, broken = tmp_path / "source", set()
    folder.mkdir()
    write_digits(folder, 40, kind="train")
    write_digits(folder, 20)
    files = {f"/{path.name}.gz": gzip.compress(path.read_bytes(), mtime=0) for path in folder.iterdir()}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write((content or b"")[: len(content or b"") // (2 if self.path in broken else 1)])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", files, broken
        server.shutdown()
        thread.join()


def test_digits_are_downloaded_whole_or_not_at_all(tmp_path, mirror, monkeypatch, capsys):
    address, files, broken = mirror
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    script = importlib.import_module("lenet_mnist")
    digests = {name: hashlib.md5(files[f"/{name}.gz"]).hexdigest() for name in script.FILES}
    monkeypatch.setattr(script, "FILES", digests)
    order = [f"/{name}.gz" for name in script.FILES]
    data = tmp_path / "digits"

    def there():
        return sorted(f"/{path.name}" for path in data.iterdir())

    broken.add(order[1])  # the connection ends in the middle of the second file
    with pytest.raises(SystemExit, match=r"cannot be downloaded: (?s:.*)--data DIR"):
        script.load(data, address)
    assert there() == order[:1]
    broken.clear()
    whole, files[order[2]] = files[order[2]], gzip.compress(b"<!DOCTYPE html>")
    with pytest.raises(SystemExit, match="not the file that was expected"):
        script.load(data, address)
    assert there() == sorted(order[:2])
    del files[order[2]]
    with pytest.raises(SystemExit, match=r"cannot be downloaded: HTTP Error 404"):
        script.load(data, address)
    assert there() == sorted(order[:2])
    files[order[2]] = whole
    capsys.readouterr()
    training, test = script.load(data, address)
    assert capsys.readouterr().out.count("downloading") == 2  # those that were missing
    assert there() == sorted(order) and all((data / name[1:]).read_bytes() == files[name] for name in order)
    assert training[0].shape == (40, 1, 28, 28) and test[0].shape == (20, 1, 28, 28)
    assert training[0].dtype == np.float32 and 0.5 < training[0].max() <= 1
    (data / order[0][1:]).write_bytes(files[order[0]][:-9])
    with pytest.raises(FormatError, match="packed and damaged"):
        script.load(data, address)


def test_runs_into_one_directory_complete_each_others_curves(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    script = importlib.import_module("mnist1d_depth")
    run = [str(tmp_path), "--examples", "30", "--checkpoints", str(tmp_path / "kept")]
    script.main([*run, "--depths", "4", "--epochs", "7", "--every", "3"])
    script.main([*run, "--depths", "1", "2", "--epochs", "2"])
    script.main([*run, "--depths", "4", "--epochs", "9", "--every", "3"])
    assert capsys.readouterr().out.count("% wrong in the end") == 4
    with np.load(tmp_path / "mnist1d_depth.npz") as file:
        curves = dict(file)
    assert sorted(curves) == [
        "epochs1",
        "epochs2",
        "epochs4",
        "errors1",
        "errors2",
        "errors4",
        "examples",
        "rate",
        "seed",
    ]
    assert curves["epochs4"].tolist() == [3, 6, 9] and curves["epochs2"].tolist() == [1, 2]
    assert all(((curves[f"errors{depth}"] * 30) % 1 < 1e-9).all() for depth in (1, 2, 4))  # of 30 examples
    before = (tmp_path / "mnist1d_depth.npz").read_bytes()
    with pytest.raises(SystemExit, match="curves for examples 30, not 40"):
        script.main([str(tmp_path), "--examples", "40"])
    (tmp_path / "mnist1d_depth.png").unlink()
    script.main([str(tmp_path), "--draw"])
    assert (tmp_path / "mnist1d_depth.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "mnist1d_depth.npz").read_bytes() == before
    with pytest.raises(SystemExit, match="there is no mnist1d"):
        script.main([str(tmp_path / "kept"), "--draw"])
