"""A loss with its gradients for programs that have no graphc: C99 for any compiler, called from C (CMake) and by ctypes.

    python export.py [FOLDER]       writes cross_entropy.c and cross_entropy.h
    cmake -B build && cmake --build build && ./build/descend

`loaded` is what a package of one's own would do: it needs the shared library that CMake builds, and ctypes and NumPy alone. A
wheel holds the library beside such a module; there is nothing of Python's in it, so one wheel serves every version.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


def export(folder: Path) -> None:
    """Write the function; graphc is needed here alone."""
    import graphc as g

    x, y = g.symbol("x", shape=("n", "d")), g.symbol("y", shape=("n", "k"))
    w, b = g.symbol("w", shape=("d", "k")), g.symbol("b", shape=("k",))
    loss = -g.mean(g.sum(y * g.log_softmax(x @ w + b, axis=1), axis=1))
    f = g.compile([loss, *g.grad(loss, [w, b])], [x, y, w, b])
    f.export(folder / "cross_entropy.c")


def loaded(library: Path) -> Callable[..., tuple[float, np.ndarray, np.ndarray]]:
    """(x, y, w, b) → (loss, by w, by b), from the shared library; the header says the order of lengths: n, d, k."""
    function = ctypes.CDLL(str(library)).cross_entropy
    array = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
    function.argtypes = [ctypes.c_int64] * 3 + [array] * 7
    function.restype = ctypes.c_int

    def call(
        x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        loss, dw, db = np.empty(1), np.empty_like(w), np.empty_like(b)
        status = function(*x.shape, w.shape[1], x, y, w, b, loss, dw, db)
        if status:
            raise ValueError(f"cross_entropy: error {status}")
        return float(loss[0]), dw, db

    return call


if __name__ == "__main__":
    export(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
