"""The example of a function in other programs: exported, built by CMake, called from C and by ctypes."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "examples" / "embedding"

pytestmark = pytest.mark.skipif(
    shutil.which("cmake") is None or shutil.which("cc") is None,
    reason="no CMake or no C compiler on this machine",
)


def _by_hand(x, y, w, b):
    z = x @ w + b
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    d = (p * y.sum(axis=1, keepdims=True) - y) / len(x)
    return -(y * np.log(p)).sum() / len(x), x.T @ d, d.sum(axis=0)


def test_cmake_and_ctypes(tmp_path):
    for path in FOLDER.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    spec = importlib.util.spec_from_file_location("embedding_export", tmp_path / "export.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.export(tmp_path)
    for command in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]
    done = subprocess.run(
        [tmp_path / "build" / "descend"], capture_output=True, text=True, timeout=60, check=True
    )
    x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[1.0, 0], [0, 1], [0, 1], [0, 1]])
    w, b, loss = np.zeros((2, 2)), np.zeros(2), 0.0
    for _ in range(200):
        loss, dw, db = _by_hand(x, y, w, b)
        w, b = w - dw, b - db
    assert done.stdout.strip() == f"{loss:.6f}"
    (library,) = [each for each in (tmp_path / "build").iterdir() if each.name.startswith("libcross_entropy")]
    call, rng = example.loaded(library), np.random.default_rng(0)
    at = rng.normal(size=(7, 3)), rng.random((7, 4)), rng.normal(size=(3, 4)), rng.normal(size=4)
    for mine, right in zip(call(*at), _by_hand(*at), strict=True):
        assert np.allclose(mine, right, rtol=1e-12, atol=1e-14)
