"""Digits drawn from a font of 5×7 dots, shifted and with noise, in the files of MNIST: for tests that have no network."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

DOTS = [
    " ### #   ##  ### # ###  ##   # ### ", "  #   ##    #    #    #    #   ### ",
    " ### #   #    #   #   #   #   #####", " ### #   #    #  ##     ##   # ### ",
    "   #   ##  # # #  # #####   #    # ", "######    ####     #    ##   # ### ",
    " ### #    #    #### #   ##   # ### ", "#####    #   #   #    #    #    #  ",
    " ### #   ##   # ### #   ##   # ### ", " ### #   ##   # ####    #    # ### ",
]  # fmt: skip


def draw(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images (n, 28, 28) of bytes."""
    images = rng.integers(0, 40, (len(labels), 28, 28))
    for image, label in zip(images, labels, strict=True):
        dots = np.array([character == "#" for character in DOTS[label]]).reshape(7, 5)
        top, left = rng.integers(0, 8), rng.integers(0, 14)
        part = image[top : top + 21, left : left + 15]
        part[np.kron(dots, np.ones((3, 3), dtype=bool))] = rng.integers(180, 256)
    return images.astype(np.uint8)


def write_digits(directory: Path, count: int, seed: int = 0, kind: str = "t10k") -> None:
    """The two files of digits of a kind: "train" or "t10k"."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    for name, array in (
        (f"{kind}-images-idx3-ubyte", draw(labels, rng)),
        (f"{kind}-labels-idx1-ubyte", labels),
    ):
        head = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", length) for length in array.shape)
        (directory / name).write_bytes(head + array.tobytes())
