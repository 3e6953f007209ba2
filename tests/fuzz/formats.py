"""Everything that reads a text or a file of a user's: how a hostile input is made, and how it is read."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import graphc as g
from graphc.cli.points import parse_point, parse_range
from graphc.compiler.engine import object_cache as disk
from graphc.ir.dims import parse as parse_dim
from graphc.util.archive import read_arrays
from tests.fuzz import hostile_files as files
from tests.fuzz import hostile_texts as texts


@dataclass(frozen=True)
class Reader:
    """A way for outside data into graphc.

    make : random generator → an input; read : the reader itself, given that
    """

    name: str
    make: Callable[[random.Random], Any]
    read: Callable[[Any], Any]


def readers() -> list[Reader]:
    """All of them."""
    return [
        Reader("parse", texts.formula, texts.parse),
        Reader("parse with symbols", texts.formula, texts.parse_declared),
        Reader("parse_latex", texts.latex, g.parse_latex),
        Reader("rule", texts.rule_texts, texts.rule),
        Reader("einsum", texts.mutated("ij,jk->ik", "...ij,...jk", "ii,jj"), texts.einsum),
        Reader("dimension", texts.mutated("n*28*28", "n - k + 1", "(n + 2)//3*m"), texts.shape),
        Reader(
            "dimension text", texts.mutated("n*28*28", "n - k + 1", "(n + 2)//3*m"), texts.reading(parse_dim)
        ),
        Reader(
            "point", texts.mutated("x=2,w=-3,b=6", "x=[1, 2.5],y=inf", "x=1e3"), texts.reading(parse_point)
        ),
        Reader("range", texts.mutated("x=-50,50", "x=1e-3,inf"), texts.reading(parse_range)),
        Reader("cache size", texts.mutated("500M", "2G", "0"), disk.parse_size),
        Reader("sympy", texts.sympy_tree, texts.from_sympy),
        Reader(
            "latex",
            texts.mutated(
                r"\frac{a}{b} + \sqrt{x_1^2}", r"\operatorname{f}\left(x\right)", r"\sum_{i=0}^n \mathbf{x}"
            ),
            texts.read_mathml,
        ),
        Reader("graph", files.graph_file, files.reading_file("hostile.json", files.load)),
        Reader("npz", files.npz, files.reading_file("hostile.npz", read_arrays)),
        Reader(
            "npz model", files.npz, files.reading_file("model.npz", lambda path: files.model().load(path))
        ),
        Reader("safetensors", files.safetensors, files.reading_file("hostile.safetensors", read_arrays)),
        Reader(
            "safetensors model",
            files.safetensors,
            files.reading_file("model.safetensors", lambda path: files.model().load(path)),
        ),
        Reader("checkpoint", files.checkpoint, files.reading_file("checkpoint.npz", files.resume)),
        Reader("idx", files.idx, files.reading_file("hostile-idx", files.read_idx)),
        Reader("idx mapped", files.idx, files.reading_file("hostile-idx", files.map_idx)),
        Reader("cache entry", files.cache_entry, files.read_entry),
        Reader("cache record", files.cache_record, files.read_record),
    ]


__all__ = ["Reader", "readers"]
