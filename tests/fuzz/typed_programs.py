"""Random formulas over all types: free trees, and the rules' own patterns with trees for their names; values for them."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np

import graphc as g
from graphc.ir.expr import Expr, apply, walk
from graphc.ir.op import all_ops
from graphc.rewrite import tables
from graphc.rewrite.engine.pattern import Rule
from tests.fuzz.typed_oracle import FUNCTIONS

TYPES = (
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "float64",
)
OFTEN = ("bool", "int8", "uint8", "uint8", "float32", "float64", "float64")
SYMBOLS = {dtype: [g.symbol(f"{name}_{dtype}", dtype=dtype) for name in "xy"] for dtype in TYPES}
OPS = [op for op in all_ops() if op.name in FUNCTIONS and op.name not in ("where", "astype")]
LITERALS = (
    0,
    1,
    2,
    -1,
    3,
    0.5,
    1.0,
    2.0,
    -1.0,
    -0.5,
    0.0,
    1e-3,
    True,
    np.int8(-1),
    np.uint8(200),
    np.float32(0.5),
    np.int16(-300),
)
POINTS = 16


@cache
def patterns() -> list[Expr]:
    """The formulas that rules fire on: their patterns and examples over scalars."""
    found: list[Expr] = []
    for rule in tables.BUILT_IN:
        found += [rule.root] if isinstance(rule, Rule) else []
        found += [g.parse(text) for text in getattr(rule, "examples", ()) if isinstance(text, str)]
    return found


def _leaf(rng: random.Random) -> Any:
    if rng.random() < 0.15:
        return rng.choice(LITERALS)
    return rng.choice(SYMBOLS[rng.choice(OFTEN if rng.random() < 0.7 else TYPES)])


def _condition(rng: random.Random, depth: int) -> Any:
    if depth <= 0 or rng.random() < 0.4:
        return rng.choice(SYMBOLS["bool"])
    compare = rng.choice((g.less, g.greater_equal, g.equal, g.not_equal))
    return compare(_tree(rng, depth - 1), _tree(rng, depth - 1))


def _tree(rng: random.Random, depth: int) -> Any:
    if depth <= 0 or rng.random() < 0.2:
        return _leaf(rng)
    for _ in range(8):
        try:
            chance = rng.random()
            if chance < 0.08:
                return g.where(_condition(rng, depth - 1), _tree(rng, depth - 1), _tree(rng, depth - 1))
            if chance < 0.14:
                return g.astype(_tree(rng, depth - 1), rng.choice(TYPES))
            if chance < 0.3:
                return _filled(rng, rng.choice(patterns()), depth - 1)
            op = rng.choice(OPS)
            return apply(op, *[_tree(rng, depth - 1) for _ in op.params])
        except g.GraphcError:
            continue  # refused where it is written, as a difference of booleans is
    return _leaf(rng)


def _filled(rng: random.Random, pattern: Expr, depth: int) -> Any:
    """A pattern with random trees for its names, its numbers as the user may write them."""
    one = _tree(rng, depth)  # often the same type for all
    bound: dict[str, Any] = {}

    def fill(node: Expr) -> Any:
        if node.is_symbol:
            if node.name not in bound:
                if node.name.startswith("c"):
                    bound[node.name] = rng.choice((1.0, 2, 0.5, 3.0, -2, 4.0, np.float32(0.25)))
                elif node.dtype.kind == "b":
                    bound[node.name] = _condition(rng, depth)
                else:
                    bound[node.name] = one if rng.random() < 0.3 else _tree(rng, depth)
            return bound[node.name]
        if node.is_constant:
            value = node.value.item()
            return int(value) if value == int(value) and rng.random() < 0.5 else value
        return apply(node.op, *[fill(operand) for operand in node.operands], attrs=node.attrs)

    return fill(pattern)


def program(seed: int, number: int) -> Expr:
    """Program `number` of a run."""
    rng = random.Random(f"{seed}/{number}")
    while True:
        try:
            made = (
                _filled(rng, rng.choice(patterns()), rng.choice((0, 0, 1, 1, 2)))
                if rng.random() < 0.6
                else _tree(rng, 4)
            )
            if isinstance(made, Expr) and not made.is_symbol and 1 <= len(walk([made])) <= 60:
                return made
        except g.GraphcError:
            pass


def values(symbol: Expr, rng: np.random.Generator) -> np.ndarray:
    """Values for a symbol: the ends of its type, and small ones."""
    dtype = symbol.dtype
    if dtype.kind == "b":
        return rng.integers(0, 2, POINTS).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        ends = [info.min, info.min + 1, info.max, info.max - 1, info.max // 2 + 1]
        small = list(range(max(-6, info.min), 9))
        return np.array(
            [
                int(rng.choice(small)) if rng.random() < 0.7 else ends[rng.integers(len(ends))]
                for _ in range(POINTS)
            ],
            dtype=object,
        ).astype(dtype)
    usual = rng.normal(size=POINTS) * rng.choice([0.3, 1, 5, 20], POINTS)
    special = rng.choice([0.0, -0.0, 1.0, -1.0, 2.0, 100.0, -100.0, np.nan, np.inf, -np.inf], POINTS)
    return np.where(rng.random(POINTS) < 0.8, usual, special).astype(dtype)
