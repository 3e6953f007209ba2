"""Models: their parameters by name, the summary, initial values, and files: whole, damaged, of another model."""

from __future__ import annotations

import contextlib
import io
import math
import zipfile

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import FileError, FormatError, InputError, NameClashError
from graphc.util.archive import read_arrays, write_arrays

IMAGES = g.symbol("images", shape=("n", 1, 28, 28), dtype="float32")


def lenet():
    return nn.Sequential(
        nn.Conv2d(20, 5), nn.MaxPool2d(2), nn.Conv2d(50, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Affine(500), nn.ReLU, nn.Affine(10),
    )  # fmt: skip


SUMMARY = """\
layer    written        output           parameters
conv1    Conv2d(20, 5)  (n, 20, 24, 24)         520
pool1    MaxPool2d(2)   (n, 20, 12, 12)           –
conv2    Conv2d(50, 5)  (n, 50, 8, 8)        25,050
pool2    MaxPool2d(2)   (n, 50, 4, 4)             –
flatten1 Flatten()      (n, 800)                  –
affine1  Affine(500)    (n, 500)            400,500
relu1    ReLU           (n, 500)                  –
affine2  Affine(10)     (n, 10)               5,010
total                                       431,080"""


def test_lenet():
    model = nn.Model(lenet(), IMAGES)
    assert model.count == 431_080
    assert [line.split() for line in model.summary().splitlines()] == [
        line.split() for line in SUMMARY.splitlines()
    ]
    assert list(model.parameters)[:3] == ["conv1.weight", "conv1.bias", "conv2.weight"]
    assert model.output is model.training_output
    assert repr(model) == "<Model Sequential of 8: (n, 1, 28, 28) → (n, 10), 431,080 parameters>"
    assert model.predict(np.zeros((2, 1, 28, 28), np.float32)).dtype == np.float32


def test_summary_of_blocks_counts_each_parameter_once():
    x = g.symbol("x", shape=("n", 3, 8, 8))
    inner = nn.Sequential(nn.Conv2d(4, 3, padding="same"), nn.ReLU)
    model = nn.Model(nn.Sequential(nn.Inception(nn.Conv2d(4, 1), inner), nn.Residual(nn.Conv2d(8, 1))), x)
    counts = [line.split()[-1] for line in model.summary().splitlines()[1:]]
    assert counts == ["–", "16", "–", "112", "–", "–", "72", "200"]
    assert model.count == 200 == sum(array.size for array in model.values.values())


def test_parameters_are_drawn_in_order_from_a_seed():
    first, second, third = (nn.Model(lenet(), IMAGES, seed=seed) for seed in (1, 1, 2))
    for key, array in first.values.items():
        np.testing.assert_array_equal(array, second.values[key])
    assert (first.values["conv1.weight"] != third.values["conv1.weight"]).any()
    weight = first.values["affine1.weight"]
    assert np.abs(weight).max() <= 1 / math.sqrt(800) and not first.values["affine1.bias"].any()
    assert np.abs(first.values["conv2.weight"]).max() <= 1 / math.sqrt(20 * 25)


@pytest.mark.parametrize(
    ("init", "variance", "bound"),
    [
        (nn.uniform, 1 / (3 * 300), 1 / math.sqrt(300)),
        (nn.xavier_uniform, 2 / 500, math.sqrt(6 / 500)),
        (nn.xavier_normal, 2 / 500, np.inf),
        (nn.he_uniform, 2 / 300, math.sqrt(6 / 300)),
        (nn.he_normal, 2 / 300, np.inf),
        (nn.normal(0.3), 0.09, np.inf),
    ],
)
def test_initialisers(init, variance, bound):
    drawn = init(np.random.default_rng(0), (200, 300))
    # of 60,000 draws; the variance of a variance is at most 2σ⁴/n for these: six standard deviations
    assert abs(drawn.var() - variance) <= 6 * variance * math.sqrt(2 / drawn.size)
    assert abs(drawn.mean()) <= 6 * math.sqrt(variance / drawn.size)
    assert np.abs(drawn).max() <= bound


def test_the_same_parameters_on_another_input():
    x = g.symbol("x", shape=("n", 2))
    model = nn.Model(nn.Sequential(nn.Affine(3), g.tanh), x)
    other = model(x * 2)
    assert set(g.free_symbols(other)) == set(g.free_symbols(model.output))
    point = {**model.values, "x": np.ones((1, 2))}
    np.testing.assert_array_equal(g.evaluate(other, point), model.predict(2 * np.ones((1, 2))))


def test_names_of_several_models():
    x = g.symbol("x", shape=("n", 2))
    student = nn.Model(nn.Affine(3), x, name="student")
    assert list(student.parameters) == ["student.affine1.weight", "student.affine1.bias"]


def small(width=3, **more):
    layers = nn.Sequential(nn.Affine(width), nn.BatchNorm(), g.tanh, nn.Affine(2))
    return nn.Model(layers, g.symbol("x", shape=("n", 4), **more), seed=7)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_bit_that_is_turned_anywhere_is_found(suffix, tmp_path):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path, arrays = tmp_path / f"model{suffix}", {"w": np.arange(6.0).reshape(2, 3), "n": np.int32([1, 2])}
    write_arrays(path, arrays)
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = read_arrays(path)
        except FormatError:
            continue
        assert found.keys() == arrays.keys()  # what zip leaves open: times, versions, attributes
        assert all(np.array_equal(found[name], array) for name, array in arrays.items()), place


def test_files_of_safetensors_by_others_and_for_others(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    arrays = {"w": np.arange(6.0).reshape(2, 3), "one": np.array(2.5)}
    numpy.save_file(arrays, tmp_path / "theirs.safetensors")
    write_arrays(tmp_path / "ours.safetensors", arrays)
    for found in (
        read_arrays(tmp_path / "theirs.safetensors"),
        numpy.load_file(tmp_path / "ours.safetensors"),
    ):
        assert all(np.array_equal(found[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_saved_and_loaded(tmp_path, suffix):
    model, other = small(), small()
    other.initialise(8)
    path = tmp_path / f"model{suffix}"
    model.save(path)
    other.load(path)
    assert list(tmp_path.iterdir()) == [path]
    for key, array in model.values.items():
        np.testing.assert_array_equal(other.values[key], array)
        assert other.values[key].dtype == array.dtype and other.values[key].flags.writeable
    first = path.read_bytes()
    model.save(path)
    assert path.read_bytes() == first
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as found:  # NumPy reads it
            np.testing.assert_array_equal(found["affine1.weight"], model.values["affine1.weight"])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_damaged_files_are_refused(tmp_path, suffix):
    model = small()
    before = {key: array.copy() for key, array in model.values.items()}
    path, bad = tmp_path / f"model{suffix}", tmp_path / f"bad{suffix}"
    model.save(path)
    data = path.read_bytes()
    for content in (
        b"",
        b"no such format",
        data[: len(data) // 2],
        data[:-1],
        data[:40],
        data[7:],
        b"\0" * 100,
    ):
        bad.write_bytes(content)
        with pytest.raises(FormatError):
            model.load(bad)
    for place in range(0, len(data), 97):  # a flipped byte is an error, or other numbers of the same kind
        changed = bytearray(data)
        changed[place] ^= 0xFF
        bad.write_bytes(bytes(changed))
        with contextlib.suppress(FormatError):
            small().load(bad)
    for key, array in before.items():
        np.testing.assert_array_equal(model.values[key], array)


def test_files_of_another_model_are_refused(tmp_path):
    path = tmp_path / "model.npz"
    small().save(path)
    with pytest.raises(FormatError, match=r"'affine1.weight' has shape \(3, 4\) in the file and \(5, 4\)"):
        small(5).load(path)
    with pytest.raises(FormatError, match="float64 in the file and float32 in the model"):
        small(dtype="float32").load(path)
    with pytest.raises(FormatError, match=r"the model has no 'norm1\.weight'"):
        nn.Model(nn.Sequential(nn.Affine(3), g.tanh, nn.Affine(2)), g.symbol("x", shape=("n", 4))).load(path)
    nn.write_arrays(path, {"affine1.weight": np.ones((3, 4))})
    with pytest.raises(FormatError, match=r"the file has no 'affine1\.bias'"):
        small().load(path)


def test_hostile_archives_are_refused(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, a=np.array([{"an": "object"}], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match="objects"):
        nn.read_arrays(path)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**14,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", head.getvalue())
    with pytest.raises(FormatError, match="length that its head promises"):
        nn.read_arrays(path)


def test_paths_that_are_none(tmp_path):
    with pytest.raises(FileError, match="cannot read"):
        small().load(tmp_path / "missing.npz")
    with pytest.raises(FileError, match="cannot write"):
        small().save(tmp_path / "no" / "such.npz")
    with pytest.raises(FileError, match="None is not a path"):
        small().save(None)
    with pytest.raises(InputError, match=r"\.npz"):
        small().save(tmp_path / "model.pkl")
    (tmp_path / "dir.npz").mkdir()
    with pytest.raises(FileError):
        small().load(tmp_path / "dir.npz")


def test_models_refuse():
    x = g.symbol("x", shape=("n", 2))
    with pytest.raises(InputError, match="1 array, not 2"):
        nn.Model(nn.Affine(3), x).predict(np.ones((1, 2)), 3)
    with pytest.raises(InputError, match=r"initialiser.*shape \(2,\)"):
        nn.Model(nn.Affine(3, init=lambda rng, shape: np.ones(2)), x)

    class Twice(nn.Layer):
        def build(self, x, scope):
            for _ in range(2):
                x = x * scope.parameter("w", (), x, nn.ones)
            return x

    with pytest.raises(NameClashError, match=r"called 'layer1\.w'"):
        nn.Model(Twice(), x)


def test_layers_are_blocks_of_diagrams():
    x = g.symbol("x", shape=("n", 2))
    model = nn.Model(nn.Sequential(nn.Affine(3), nn.Residual(nn.Affine(3), g.tanh)), x, name="net")
    blocks = {node.block for node in g.Graph(model.output).exprs}
    assert {("net", "affine1"), ("net", "residual1", "affine1"), ("net", "residual1", "tanh1")} <= blocks
    assert model.parameters["net.residual1.affine1.bias"].block == ("net", "residual1", "affine1")


def test_a_layer_of_ones_own():
    class Scale(nn.Layer):
        kind = "scale"

        def build(self, x, scope):
            return x * scope.parameter("weight", x.shape[1:], x, nn.ones)

    x = g.symbol("x", shape=("n", 3))
    model = nn.Model(nn.Sequential(Scale(), Scale()), x)
    assert list(model.parameters) == ["scale1.weight", "scale2.weight"] and "Scale()" in model.summary()
    np.testing.assert_array_equal(model.predict(np.ones((2, 3))), np.ones((2, 3)))
