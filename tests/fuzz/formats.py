"""Everything that reads a text or a file of a user's: how a hostile input is made, and how it is read."""

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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc import nn, train
from graphc.api import serialize
from graphc.cli.points import parse_point, parse_range
from graphc.compiler.engine import object_cache as disk
from graphc.compiler.runtime import graph_cache
from graphc.errors import FormatError
from graphc.ir.dims import parse as parse_dim
from graphc.train.checkpoint import read_checkpoint
from graphc.util.archive import read_arrays
from graphc.viz.math_text import Math
from graphc.viz.player import mathml
from tests.fuzz.mutations import PLAIN, mutate_bytes, mutate_plain, mutate_text

_folder = tempfile.TemporaryDirectory(prefix="graphc-fuzz-")


def _path(name: str) -> Path:
    return Path(_folder.name) / name


def _bytes_of(name: str, write: Callable[[Path], Any]) -> bytes:
    path = _path(name)
    write(path)
    return path.read_bytes()


@dataclass(frozen=True)
class Reader:
    """A way for outside data into graphc.

    make : random generator → an input; read : the reader itself, given that
    """

    name: str
    make: Callable[[random.Random], Any]
    read: Callable[[Any], Any]


# --- texts --------------------------------------------------------------------------------------------------------------------

FORMULAS = (
    "log(1/(exp(-(x*w + b)) + 1))", "0 < x < 1 and y != 0", "where(x > 0, x, -x)", "sum(X, axis=(0, 1), keepdims=True)", "X[0, 1:3, ::2]",
    "einsum(\"ij,jk->ik\", X, Y)", "reshape(X, (n, 2*m + 1))", "astype(x, float32) + float32(0.5)", "a if x > 0 else b", "X.T @ Y", "2**-3 + 10**2",
    "min(x, y, z)", "at_set(X[0], v)", "pad(X, ((1, 0), (2, 3)), 1.5)", "concat(X, Y, axis=-1)", "polygamma(1, x)", "maxout(x, 2*x, 1 - x)",
    "clip(x, low=0, high=1)", "norm(X, 2, axis=0)", "arange(n) + linspace(0.0, 1.0, 5)", "~(x > 0) & (y < 1) | (z == 2) ^ (x != y)", "softmax(X)[0]",
)  # fmt: skip


@cache
def _names() -> tuple[str, ...]:
    return (*g.operations(), "min", "max", "maxout", "astype", "float32", "at", "n", "x", "X", "None", "inf")


def _random_formula(rng: random.Random, depth: int = 0) -> str:
    """A text of the grammar, more or less: operations of the registry on operands of any number and kind."""
    if depth > 3 or rng.random() < 0.2:
        return rng.choice(
            (
                "x",
                "n",
                "X",
                "0",
                "1",
                "-1",
                "2.5",
                "10**9",
                "None",
                "inf",
                "nan",
                "True",
                "pi",
                '"ij->j"',
                "(1, 2)",
                "(n, -1)",
                "()",
                "9" * 30,
            )
        )
    inner = [_random_formula(rng, depth + 1) for _ in range(rng.randrange(4))]
    match rng.randrange(6):
        case 0 if len(inner) > 1:
            return f"({inner[0]} {rng.choice('+ - * / // % ** @ < <= == & | ^'.split())} {inner[1]})"
        case 1 if inner:
            return f"{rng.choice('-~+')}{inner[0]}"
        case 2 if inner:
            return f"{inner[0]}[{', '.join(inner[1:]) or ':'}]"
        case 3 if inner:
            keyword = rng.choice(("axis", "shape", "keepdims", "dtype", "x", "k", "ord", "side", "indices"))
            return f"{rng.choice(_names())}({', '.join([*inner[1:], f'{keyword}={inner[0]}'])})"
        case _:
            return f"{rng.choice(_names())}({', '.join(inner)})"


def _formula(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return _random_formula(rng) if rng.random() < 0.7 else mutate_text(_random_formula(rng), rng)
    return mutate_text(rng.choice(FORMULAS), rng)


LATEX = (
    r"\frac{1}{1+e^{-x}}", r"\sin^2 x \cos x", r"\sum_{i=1}^{3} x_i^2", r"\begin{cases} x & x>0 \\ 0 & \text{otherwise} \end{cases}",
    r"\left|\sqrt[3]{x}\right|", r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}^T", r"\frac{\partial^2}{\partial x^2} x^3", r"\binom{n}{k} k!",
)  # fmt: skip


def _latex(rng: random.Random) -> str:
    """Formulas put into each other, and damaged."""
    text = rng.choice(LATEX)
    for _ in range(rng.randrange(3)):
        text = text.replace("x", "{" + rng.choice(LATEX) + "}", 1)
    return mutate_text(text, rng) if rng.random() < 0.7 else text


def _parse(text: str) -> None:
    g.parse(text)


def _parse_declared(text: str) -> None:
    """With symbols that are arrays, so that more of the operations are reached."""
    A = g.symbol("X", shape=("n", 4))
    g.parse(
        text,
        symbols={
            "x": g.symbol("x"),
            "X": A,
            "Y": A.T,
            "n": g.symbol("n", dtype="int64"),
            "v": g.symbol("v", shape=4),
            "y": g.symbol("y", dtype="float32"),
        },
    )


def _rule(text: str) -> None:
    if "fuzzed" in [rule.name for rule in g.rules()]:
        g.forget_rule("fuzzed")
    pattern, _, replacement = text.partition("→")
    g.rule("fuzzed", pattern, replacement)


def _pairs(rng: random.Random) -> str:
    pattern, replacement = rng.choice(
        (
            ("log(exp(a))", "a"),
            ("a*b + a*c", "a*(b + c)"),
            ("sqrt(a*a)", "abs(a)"),
            ("exp(a)*exp(b)", "exp(a + b)"),
        )
    )
    changed = rng.random() < 0.5
    return f"{mutate_text(pattern, rng) if changed else pattern}→{replacement if changed else mutate_text(replacement, rng)}"


def _read_text(parse: Callable[[str], Any]) -> Callable[[str], None]:
    """A reader whose word for a text that is none is ValueError, which the command line turns into its own."""

    def read(text: str) -> None:
        try:
            parse(text)
        except ValueError as error:
            raise FormatError(str(error)) from error

    return read


def _text(*valid: str) -> Callable[[random.Random], str]:
    return lambda rng: mutate_text(rng.choice(valid), rng)


def _einsum(spec: str) -> None:
    A = g.symbol("A", shape=(3, 3))
    g.einsum(spec, A, A)


def _shape(text: str) -> None:
    g.symbol("x", shape=(text,))


def _mathml(text: str) -> None:
    mathml.plain(Math(text, text))


# --- SymPy --------------------------------------------------------------------------------------------------------------------


@cache
def _sympy_parts() -> tuple[list[Any], list[Any]]:
    import sympy as S

    x, y, n = S.Symbol("x"), S.Symbol("y", positive=True), S.Symbol("n", integer=True)
    leaves = [
        x, y, n, S.Integer(0), S.Integer(1), S.Integer(-1), S.Integer(10) ** 400, S.Rational(1, 3), S.Float("1e-500"), S.Float("1e500"), S.pi, S.E, S.I, S.oo, -S.oo,
        S.zoo, S.nan, S.true, S.false, S.GoldenRatio, S.Symbol(""), S.Symbol("a b"), S.Dummy(), S.Float(2, 100), S.EulerGamma, S.Symbol("x", real=True),
    ]  # fmt: skip
    functions = [
        S.sin, S.tan, S.sec, S.asin, S.exp, S.log, S.gamma, S.loggamma, S.erf, S.Abs, S.sign, S.floor, S.ceiling, S.Heaviside, S.DiracDelta, S.sinc, S.re, S.zeta,
        S.polygamma, S.beta, S.besselj, S.Max, S.Min, S.atan2, S.Mod, S.Add, S.Mul, S.Pow, S.And, S.Or, S.Xor, S.Not, S.Gt, S.Le, S.Eq, S.Ne, S.factorial, S.binomial,
        S.Derivative, S.Integral, S.Sum, S.Limit, S.Piecewise, S.ITE, S.Function("f"), S.Lambda, S.Tuple, S.Interval, S.Matrix, S.uppergamma, S.LambertW, S.root, S.cbrt,
        S.conjugate, S.arg, S.Subs, S.Order, S.Contains, S.Union, S.MatrixSymbol, S.IndexedBase, S.Indexed, S.KroneckerDelta, S.LeviCivita, S.Poly,
    ]  # fmt: skip
    return leaves, functions


def _sympy(rng: random.Random) -> Any:
    """A random SymPy expression; SymPy's own refusals are tried again."""
    leaves, functions = _sympy_parts()

    def made(depth: int) -> Any:
        if depth > 3 or rng.random() < 0.25:
            return rng.choice(leaves)
        function = rng.choice(functions)
        parts = [made(depth + 1) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
        keywords = {"evaluate": False} if rng.random() < 0.3 else {}
        try:
            return function(*parts, **keywords)
        except Exception:  # SymPy's: nothing that is read here
            return parts[0]

    return made(0)


# --- files --------------------------------------------------------------------------------------------------------------------


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


def _graph_file(rng: random.Random) -> bytes:
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


def _file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], None]:
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
    import warnings

    return warnings.catch_warnings(action="ignore")


@cache
def _model() -> nn.Model:
    return nn.Model(nn.Sequential(nn.Affine(2), nn.BatchNorm()), g.symbol("x", shape=("n", 3)))


@cache
def _members() -> dict[str, bytes]:
    data = _bytes_of("valid.npz", _model().save)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _npz(rng: random.Random) -> bytes:
    return (
        mutate_bytes(_bytes_of("valid.npz", _model().save), rng)
        if rng.random() < 0.3
        else _archive(rng, _members())
    )


@cache
def _tensors() -> bytes:
    return _bytes_of("valid.safetensors", _model().save)


def _safetensors(rng: random.Random) -> bytes:
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


def _checkpoint(rng: random.Random) -> bytes:
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


def _resume(path: Path) -> None:
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


def _idx(rng: random.Random) -> bytes:
    data = rng.choice(IDX)
    data = mutate_bytes(data, rng) if rng.random() < 0.8 else data
    if rng.random() < 0.5:
        data = gzip.compress(data, mtime=0)
        data = mutate_bytes(data, rng) if rng.random() < 0.6 else data
    return data


def _read_idx(path: Path) -> None:
    train.read_idx(path)


def _map_idx(path: Path) -> None:
    train.read_idx(path, mmap=True)


CODE = bytes(range(256)) * 3


def _entry(rng: random.Random) -> bytes:
    return mutate_bytes(disk.seal(bytes(32), CODE), rng)


def _cached(data: bytes) -> None:
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


def _record(rng: random.Random) -> bytes:
    record = {
        "modules": [["00" * 32, ["f"], False]],
        "operations": 5,
        "nanoseconds": 1.0,
        "outputs": ["float64"],
    }
    if rng.random() < 0.3:
        return mutate_bytes(json.dumps(record).encode(), rng)
    return json.dumps(mutate_plain(record, rng)).encode()


def _known(data: bytes) -> None:
    if graph_cache._read(data) is None:
        raise FormatError("no record")


def _load(path: Path) -> None:
    g.load(path)


def _from_sympy(tree: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a DiracDelta, which becomes 0
        g.from_sympy(tree)


def readers() -> list[Reader]:
    """All of them."""
    return [
        Reader("parse", _formula, _parse),
        Reader("parse with symbols", _formula, _parse_declared),
        Reader("parse_latex", _latex, g.parse_latex),
        Reader("rule", _pairs, _rule),
        Reader("einsum", _text("ij,jk->ik", "...ij,...jk", "ii,jj"), _einsum),
        Reader("dimension", _text("n*28*28", "n - k + 1", "(n + 2)//3*m"), _shape),
        Reader("dimension text", _text("n*28*28", "n - k + 1", "(n + 2)//3*m"), _read_text(parse_dim)),
        Reader("point", _text("x=2,w=-3,b=6", "x=[1, 2.5],y=inf", "x=1e3"), _read_text(parse_point)),
        Reader("range", _text("x=-50,50", "x=1e-3,inf"), _read_text(parse_range)),
        Reader("cache size", _text("500M", "2G", "0"), disk.parse_size),
        Reader("sympy", _sympy, _from_sympy),
        Reader(
            "latex",
            _text(
                r"\frac{a}{b} + \sqrt{x_1^2}", r"\operatorname{f}\left(x\right)", r"\sum_{i=0}^n \mathbf{x}"
            ),
            _mathml,
        ),
        Reader("graph", _graph_file, _file("hostile.json", _load)),
        Reader("npz", _npz, _file("hostile.npz", read_arrays)),
        Reader("npz model", _npz, _file("model.npz", lambda path: _model().load(path))),
        Reader("safetensors", _safetensors, _file("hostile.safetensors", read_arrays)),
        Reader(
            "safetensors model", _safetensors, _file("model.safetensors", lambda path: _model().load(path))
        ),
        Reader("checkpoint", _checkpoint, _file("checkpoint.npz", _resume)),
        Reader("idx", _idx, _file("hostile-idx", _read_idx)),
        Reader("idx mapped", _idx, _file("hostile-idx", _map_idx)),
        Reader("cache entry", _entry, _cached),
        Reader("cache record", _record, _known),
    ]


__all__ = ["Reader", "readers"]
