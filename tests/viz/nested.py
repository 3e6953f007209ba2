"""Random graphs with nested frames, to be drawn: formulas of one to about two hundred nodes, some of them in blocks."""

from __future__ import annotations

import random

import graphc as g
from graphc.viz import Diagram

_ONE = (g.sin, g.exp, g.tanh, g.relu, lambda e: e * 2, lambda e: 1 - e, lambda e: e**2)
_TWO = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: a / b,
    g.maximum,
)
_WORDS = ("layer", "block", "head", "encoder", "loss", "gate")


def nested(seed: int, most: int = 120, values: bool | None = None) -> Diagram:
    """The drawing of a random graph; about a third of its operations begin or end a block, at most four deep.

    most : operations; drawn nodes are up to twice as many
    values : whether it has values at a point; by default every second graph has
    """
    rng = random.Random(seed)
    size = max(2, round(most ** rng.random()))
    symbols = [g.symbol(f"x{seed}_{number}") for number in range(rng.randint(1, 4))]
    known: list[g.Expr] = list(symbols)
    made = 0

    def grow(depth: int, budget: int) -> None:
        nonlocal made
        while budget > 0:
            if depth < 4 and budget > 3 and rng.random() < 0.3:
                part = rng.randint(2, max(2, budget - 1))
                with g.scope(f"{rng.choice(_WORDS)} {made}"):
                    grow(depth + 1, part)
                budget -= part
                continue
            recent = known[-6:]
            one = rng.choice(recent)
            kind = rng.random()
            if kind < 0.35:
                new = rng.choice(_ONE)(one)
            else:
                if kind < 0.55:
                    other = g.symbol(f"w{seed}_{made}")
                    symbols.append(other)
                else:
                    other = rng.choice(recent if rng.random() < 0.8 else known)
                new = rng.choice(_TWO)(one, other)
            known.append(new)
            made += 1
            budget -= 1

    grow(0, size)
    output = known[-1]
    spare = [expr for expr in known[-5:-1] if rng.random() < 0.5]
    for expr in spare:
        output = output + expr
    shown = seed % 2 == 0 if values is None else values
    at = {symbol: round(rng.uniform(-2, 2), 2) for symbol in symbols} if shown else None
    if at is not None:
        at = {symbol: at[symbol] for symbol in g.Graph(output).symbols}
    return g.draw(output, at=at, max_nodes=None)
