"""Batches and IDX files: order, memory maps, packed files, and files that are none."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

import graphc as g
from graphc import train
from graphc.errors import FileError, FormatError, InputError, ShapeError

X, L = g.symbol("x", shape=("n", 2)), g.symbol("labels", shape=("n",), dtype="int64")
W = g.symbol("w", shape=(3,))


def test_every_row_comes_once_an_epoch():
    data = {X: np.arange(20.0).reshape(10, 2), L: np.arange(10), W: np.ones(3)}
    batches = train.Batches(data, 4, seed=5)
    assert len(batches) == 3 and [batches.rows_of(place) for place in range(3)] == [4, 4, 2]
    orders = []
    for epoch in (0, 1, 0):
        seen = list(batches.epoch(epoch))
        assert all((batch[X][:, 0] == 2 * batch[L]).all() for batch in seen)
        assert all(batch[W] is data[W] for batch in seen)
        orders.append(np.concatenate([batch[L] for batch in seen]).tolist())
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    rest = [batch[L].tolist() for batch in batches.epoch(1, 2)]
    assert rest == [orders[1][8:]]
    plain = train.Batches(data, 4, shuffle=False)
    assert [batch[L].tolist() for batch in plain.epoch(7)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    (whole,) = train.Batches(data).epoch(3)
    assert whole[L].tolist() == list(range(10))


def test_memory_maps_are_read_in_batches(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.arange(12.0).reshape(6, 2))
    mapped = np.load(path, mmap_mode="r")
    for batch in train.Batches({X: mapped}, 4).epoch(0):
        assert type(batch[X]) is np.ndarray or isinstance(batch[X], np.ndarray)
        assert batch[X].flags.c_contiguous


def test_batches_refuse():
    for data in ({}, None, [1]):
        with pytest.raises(InputError, match="no data"):
            train.Batches(data)
    with pytest.raises(InputError, match="no rows"):
        train.Batches({X: np.ones((0, 2))}, 4)
    with pytest.raises(ShapeError, match="different numbers of rows"):
        train.Batches({X: np.ones((3, 2)), L: np.ones(4, int)})
    for single in (3.0, "text"):
        with pytest.raises(ShapeError, match="'x', which has rows, is one value"):
            train.Batches({X: single})
    with pytest.raises(InputError, match="'x' is no array"):
        train.Batches({X: [[1.0], [1.0, 2.0]]})
    with pytest.raises(InputError, match="for symbols"):
        train.Batches({"x": np.ones(3)})
    for size in (0, -1, 2.5, True):
        with pytest.raises(InputError, match="batch of"):
            train.Batches({X: np.ones((3, 2))}, size)


def idx(array, code):
    head = bytes([0, 0, code, array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


TYPES = [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]


@pytest.mark.parametrize(("code", "dtype"), TYPES)
@pytest.mark.parametrize("shape", [(5,), (3, 4, 2), (0, 7)])
def test_idx(tmp_path, code, dtype, shape):
    array = (np.arange(np.prod(shape)) % 100).reshape(shape).astype(dtype)
    path = tmp_path / "a-idx"
    for packed in (False, True):
        data = idx(array, code)
        path.write_bytes(gzip.compress(data) if packed else data)
        found = train.read_idx(path)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype and found.dtype.isnative
        if not packed:
            mapped = train.read_idx(path, mmap=True)
            np.testing.assert_array_equal(mapped, array)
            del mapped
    with pytest.raises(FormatError, match="cannot be mapped"):
        train.read_idx(path, mmap=True)


def test_files_that_are_no_idx(tmp_path):
    good = idx(np.arange(24, dtype="u1").reshape(2, 3, 4), 0x08)
    packed = gzip.compress(good)
    path = tmp_path / "bad"
    for content, message in [
        (b"", "no IDX file: it begins with nothing"),
        (b"\x89PNG\r\n", "no IDX file: it begins with 89 50"),
        (good[:3], "no IDX file"),
        (b"\0\0\x07\x01" + good[4:], "no IDX file"),
        (b"\0\0\x08\0", "no IDX file"),
        (good[:10], "ends before the lengths of its 3 axes"),
        (good[:-1], "truncated: 23 bytes of elements, not 24"),
        (good + b"\0", "goes on after its 24 bytes"),
        (b"\0\0\x0e\x03" + b"\xff" * 12, "truncated: 0 bytes"),
        (packed[:-9], "packed and damaged"),
        (packed[:20] + b"\0\0\0\0" + packed[24:], r"damaged|truncated|goes on"),
    ]:
        path.write_bytes(content)
        with pytest.raises(FormatError, match=message):
            train.read_idx(path)
        if content[:2] != b"\x1f\x8b":
            with pytest.raises(FormatError, match=message):
                train.read_idx(path, mmap=True)
    with pytest.raises(FileError, match="cannot read"):
        train.read_idx(tmp_path / "missing")
    with pytest.raises(FileError, match="cannot read"):
        train.read_idx(tmp_path)


def test_standard_names_and_their_variants(tmp_path):
    assert train.find_idx(tmp_path, "t10k-images-idx3-ubyte") is None
    for name in ("t10k-images.idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte"):
        (tmp_path / name).write_bytes(b"")
        assert train.find_idx(tmp_path, "t10k-images-idx3-ubyte") == tmp_path / name
