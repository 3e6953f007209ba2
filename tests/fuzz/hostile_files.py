"""Files that graphc reads: how a hostile one is made, and how it is read."""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc import nn, train
from graphc.api import serialize
from graphc.compiler.engine import object_cache as disk
from graphc.compiler.runtime import graph_cache
from graphc.errors import FormatError
from graphc.train.checkpoint import read_checkpoint
from tests.fuzz.mutations import PLAIN, mutate_bytes, mutate_plain, mutate_text

_folder = tempfile.TemporaryDirectory(prefix="graphc-fuzz-")


def _path(name: str) -> Path:
    return Path(_folder.name) / name


def _bytes_of(name: str, write: Callable[[Path], Any]) -> bytes:
    path = _path(name)
    write(path)
    return path.read_bytes()


@cache
def _graph_texts() -> tuple[str, ...]:
    x, y, A = g.symbol("x"), g.symbol("y", range=(0, 1)), g.symbol("A", shape=("n", 4))
    own = g.define_op("fuzz_own", "x**2 + 1", params="x") if "fuzz_own" not in g.operations() else None
    formulas: list[Any] = [
        g.Graph((g.sin(x) * y, {"a": x + 2.5})), [g.sum(g.exp(A), axis=1, keepdims=True), A[1:, ::2]], g.Graph(g.reshape(A, (-1, 2)) * g.constant(np.arange(2.0))),
        g.pad(A, ((1, 0), (0, 1)), 1.5), g.einsum("ij->j", A), g.concat(A, A, axis=0), g.astype(x, "int8"), A.at[0].set(1.0), g.conv2d(g.symbol("I", shape=("n", 1, 4, 4)), np.ones((1, 1, 2, 2))),
    ]  # fmt: skip
    if own is not None:
        formulas.append(own(x) + y)
    return tuple(map(serialize.to_text, formulas))


def graph_file(rng: random.Random) -> bytes:
    """A graph's file: mostly changed in what it says, with a digest that fits."""
    text = rng.choice(_graph_texts())
    if rng.random() < 0.3:
        return mutate_bytes(text.encode(), rng, [other.encode() for other in _graph_texts()])
    content: Any = json.loads(text)
    for _ in range(rng.choice((1, 1, 2))):
        part = rng.choice(
            ("nodes", "nodes", "nodes", "ops", "inputs", "outputs", "structure", "kind", "graphc", "version")
        )
        content[part] = mutate_plain(content[part], rng)
        if part == "nodes" and content["nodes"] and isinstance(content["nodes"], list) and rng.random() < 0.5:
            place = rng.randrange(len(content["nodes"]))
            content["nodes"][place] = mutate_plain(content["nodes"][place], rng)
    try:
        content["digest"] = serialize._digest(content)
        return json.dumps(content).encode()
    except (ValueError, UnicodeError):
        return json.dumps(content, ensure_ascii=True).encode()


def reading_file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        path = _path(name)
        path.write_bytes(data)
        read(path)

    return run


HEADS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", "{'descr': '<f8', 'fortran_order': True, 'shape': (3, 2), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", "{'descr': '<f8', 'fortran_order': False, 'shape': (-2, -3), }",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (6,), }", "{'descr': '<U9', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<c16', 'fortran_order': False, 'shape': (3,), }", "{'descr': '<f8', 'shape': (6,), }", "{'descr': '<f8', 'fortran_order': 0, 'shape': (6,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': 6, }", "{'descr': '<f8', 'fortran_order': False, 'shape': (6L,), }", "(" * 300, "[" * 3000 + "]" * 3000,
    "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 6), }", "{'descr': '|V48', 'fortran_order': False, 'shape': (1,), }", "-" * 5000 + "1",
    "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (6,), }", "{'descr': '<f2', 'fortran_order': False, 'shape': (24,), }", "9" * 6000, "", "\0", "'''",
    "{'descr': ('<f8', (3,)), 'fortran_order': False, 'shape': (2,), }", "{'descr': 7, 'fortran_order': False, 'shape': (6,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 70 + "6), }", "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 99999999999999999999), }",
)  # fmt: skip


def _npy(rng: random.Random) -> bytes:
    """An .npy file whose head says what it should not."""
    head = rng.choice(HEADS)
    if rng.random() < 0.4:
        head = mutate_text(head, rng)
    raw = head.encode("latin-1", "replace") + b"\n"
    major = rng.choice((1, 1, 1, 2, 3, 0, 9))
    length = len(raw) if rng.random() < 0.8 else rng.choice((0, 1, 65535, 2**31))
    packed = struct.pack("<H", min(length, 65535)) if major == 1 else struct.pack("<I", length)
    return b"\x93NUMPY" + bytes((major, 0)) + packed + raw + np.arange(6.0).tobytes()


def _archive(rng: random.Random, members: dict[str, bytes]) -> bytes:
    """A zip file of sound checksums, some of its members changed."""
    content = io.BytesIO()
    with warnings_off(), zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            if rng.random() < 0.6:
                data = _npy(rng) if rng.random() < 0.5 else mutate_bytes(data, rng)
            if rng.random() < 0.15:
                name = rng.choice(
                    (
                        "",
                        "a",
                        "/etc/x",
                        "../x.npy",
                        "a.npy",
                        "é.npy",
                        "\ud7ff.npy",
                        name + "\0",
                        "d/",
                        "x" * 999,
                    )
                )
            info = zipfile.ZipInfo(name)
            info.compress_type = rng.choice(
                (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
            )
            archive.writestr(info, data)
    data = content.getvalue()
    return mutate_bytes(data, rng) if rng.random() < 0.5 else data


def warnings_off() -> Any:

    return warnings.catch_warnings(action="ignore")


@cache
def model() -> nn.Model:
    return nn.Model(nn.Sequential(nn.Affine(2), nn.BatchNorm()), g.symbol("x", shape=("n", 3)))


@cache
def _members() -> dict[str, bytes]:
    data = _bytes_of("valid.npz", model().save)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def npz(rng: random.Random) -> bytes:
    return (
        mutate_bytes(_bytes_of("valid.npz", model().save), rng)
        if rng.random() < 0.3
        else _archive(rng, _members())
    )


@cache
def _tensors() -> bytes:
    return _bytes_of("valid.safetensors", model().save)


def safetensors(rng: random.Random) -> bytes:
    data = _tensors()
    if rng.random() < 0.4:
        return mutate_bytes(data, rng)
    (length,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8 : 8 + length])
    for key in head:
        if rng.random() < 0.4:
            head[key] = mutate_plain(head[key], rng)
            if isinstance(head[key], dict) and rng.random() < 0.5:
                head[key]["dtype"] = rng.choice(
                    ("F16", "BF16", "F8_E4M3", "C64", "BOOL", "U64", "F64", "F4", "", 0)
                )
    text = json.dumps(head)
    if rng.random() < 0.3:
        text = mutate_text(text, rng)
    raw = text.encode("utf-8", "replace")
    size = len(raw) if rng.random() < 0.9 else rng.choice((0, 2**40, 2**63, 7))
    return struct.pack("<Q", size) + raw + data[8 + length :]


META = {
    "epoch": 1,
    "batch": 0,
    "total": 0.5,
    "every": 1,
    "history": [{"epoch": 1, "loss": 0.5, "rate": 0.1, "seconds": 0.1}],
}


@cache
def _training() -> tuple[g.Expr, dict[g.Expr, Any], g.Expr]:
    a, x, y = g.symbol("a"), g.symbol("x", shape=("n",)), g.symbol("y", shape=("n",))
    return a, {x: [1.0, 2.0], y: [3.0, 6.0]}, g.mean((a * x - y) ** 2)


@cache
def _checkpoint_members() -> dict[str, bytes]:
    a, data, loss = _training()
    path = _path("run.npz")
    path.unlink(missing_ok=True)
    train.fit(
        train.Parameters({a: 0.0}),
        loss,
        data,
        optimiser=train.Momentum(0.1),
        epochs=2,
        batch=1,
        checkpoint=path,
        progress=False,
    )
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _npy_of(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def checkpoint(rng: random.Random) -> bytes:
    """A checkpoint, mostly with a record that says something else."""
    members = dict(_checkpoint_members())
    if rng.random() < 0.3:
        return _archive(rng, members)
    raw = np.lib.format.read_array(io.BytesIO(members["meta.npy"])).tobytes()
    meta: Any = json.loads(raw)
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.2:
            meta["history"] = mutate_plain(meta["history"], rng)
        else:
            meta[rng.choice([*(key for key in meta if key != "format"), "epoch", "batch", "total"])] = (
                copy.deepcopy(rng.choice(PLAIN))
            )
    text = json.dumps(meta)
    text = mutate_text(text, rng) if rng.random() < 0.1 else text
    members["meta.npy"] = _npy_of(np.frombuffer(text.encode("utf-8", "replace"), np.uint8))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()


def resume(path: Path) -> None:
    a, data, loss = _training()
    wanted = {"value/a": np.zeros(()), "state/steps": np.zeros(()), "state/velocity.a": np.zeros(())}
    _, meta = read_checkpoint(path, wanted, {})
    if meta["epoch"] > 1000:
        raise FormatError("a training of that length is none of a test")
    history = train.fit(
        train.Parameters({a: 0.0}), loss, data, optimiser=_stopped(), epochs=2, batch=1, checkpoint=path, resume=True, progress=False, schedule=train.Halving(),
        stop=train.EarlyStop(),
    )  # fmt: skip
    repr(history)


@cache
def _stopped() -> train.Momentum:
    return train.Momentum(0.1)


IDX = (
    b"\0\0\x08\x03\0\0\0\2\0\0\0\3\0\0\0\4" + bytes(24), b"\0\0\x0d\x01\0\0\0\x03" + bytes(12), b"\0\0\x0e\x02\0\0\0\1\0\0\0\2" + bytes(16),
    b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"a", b"\0\0\x08\x04" + b"\xff\xff\xff\xff" * 4, b"\0\0\x08\x02\0\0\0\0\xff\xff\xff\xff",
)  # fmt: skip


def idx(rng: random.Random) -> bytes:
    data = rng.choice(IDX)
    data = mutate_bytes(data, rng) if rng.random() < 0.8 else data
    if rng.random() < 0.5:
        data = gzip.compress(data, mtime=0)
        data = mutate_bytes(data, rng) if rng.random() < 0.6 else data
    return data


def read_idx(path: Path) -> None:
    train.read_idx(path)


def map_idx(path: Path) -> None:
    train.read_idx(path, mmap=True)


CODE = bytes(range(256)) * 3


def cache_entry(rng: random.Random) -> bytes:
    return mutate_bytes(disk.seal(bytes(32), CODE), rng)


def read_entry(data: bytes) -> None:
    """An entry of the disk cache: the code itself or none at all."""
    place = _path("cache")
    place.mkdir(mode=0o700, exist_ok=True)
    store = disk.Store(place, 1 << 20)
    path = store._place(bytes(32))
    path.write_bytes(data)
    path.chmod(0o600)
    code, answer = store.get(bytes(32))
    if code not in (None, CODE):
        raise AssertionError(f"a damaged entry was taken for code: {answer}")
    if code is None:
        raise FormatError(answer)


def cache_record(rng: random.Random) -> bytes:
    record = {
        "modules": [["00" * 32, ["f"], False]],
        "operations": 5,
        "nanoseconds": 1.0,
        "outputs": ["float64"],
    }
    if rng.random() < 0.3:
        return mutate_bytes(json.dumps(record).encode(), rng)
    return json.dumps(mutate_plain(record, rng)).encode()


def read_record(data: bytes) -> None:
    if graph_cache._read(data) is None:
        raise FormatError("no record")


def load(path: Path) -> None:
    g.load(path)


__all__ = [
    "cache_entry",
    "cache_record",
    "checkpoint",
    "graph_file",
    "idx",
    "load",
    "map_idx",
    "model",
    "npz",
    "read_entry",
    "read_idx",
    "read_record",
    "reading_file",
    "resume",
    "safetensors",
]
