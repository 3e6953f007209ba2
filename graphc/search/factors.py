"""What a value is a product or a sum of, found by its digits: the step of a proof that no rule of a table takes.

(x² + y²)/2 − ((x + y)/2)² is ((x − y)/2)². A table of rules gets there by multiplying out and collecting, through more terms than
an e-graph has room for. But the quotient of the two numbers by x − y, in a hundred digits, is that of x − y by 4, at every point:
so each value that is sought is divided by, and has taken from it, each of a few terms made of the inputs, and what is left is
looked up among all values that are known.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from graphc.ir.op import Op, lookup
from graphc.search.clock import Clock
from graphc.search.egraph import EGraph

SOUGHT = 40
"""Values that are taken apart: those next to the root."""

TERMS = 14
"""Terms made of inputs."""

MOST = 30
"""Products and sums that are entered."""

SCALES = (1.0, 2.0, 0.5, 4.0, 0.25)


def vocabulary(graph: EGraph, leaves: list[int]) -> list[int]:
    """Terms made of inputs: they themselves, and sums and differences of two; enters them."""
    subtract, add, one = lookup("subtract"), lookup("add"), graph.number(1.0)
    terms = list(leaves)
    for x, y in itertools.combinations([*leaves, one], 2):
        for op in (subtract, add):
            made = graph.add(op, x, y)
            if made is not None:
                terms.append(made)
    return list(dict.fromkeys(graph.find(term) for term in terms))[:TERMS]


def near_root(graph: EGraph, root: int, most: int = SOUGHT) -> list[int]:
    """Classes that the root is written with, the nearest first."""
    found: dict[int, None] = {graph.find(root): None}
    for number in itertools.chain([graph.find(root)], _growing(found)):
        for key in list(graph.classes[number].keys):
            if isinstance(key[0], Op):
                for operand in key[1:]:
                    found.setdefault(graph.find(operand), None)
        if len(found) >= most:
            break
    return list(found)[:most]


def _growing(found: dict[int, None]) -> Iterator[int]:
    """The numbers of a table that grows, each once."""
    place = 1
    while place < len(found):
        yield list(found)[place]
        place += 1


def take_apart(graph: EGraph, root: int, leaves: list[int], clock: Clock, share: float) -> int:
    """Enter the products and sums that values near the root are found to be; how many there were."""
    multiply, divide, plus, minus = (lookup(name) for name in ("multiply", "divide", "add", "subtract"))
    terms = vocabulary(graph, leaves)
    found = 0
    for number in near_root(graph, root):
        number = graph.find(number)
        if graph.classes[number].is_number:
            continue
        for term in terms:
            if clock.over(share) or graph.full or found >= MOST:
                return found
            term = graph.find(term)
            if term == number:
                continue
            for by, back in ((divide, multiply), (minus, plus)):
                rest = graph.known_value(by, number, term, SCALES if by is divide else SCALES[:1])
                if rest is None:
                    continue
                other, scale = rest
                if scale != 1.0:
                    scaled = graph.add(divide, other, graph.number(scale))
                    if scaled is None:
                        continue
                    other = scaled
                again = graph.add(back, other, term)
                if again is not None and graph.find(again) == graph.find(number):
                    found += 1
    return found


__all__ = ["take_apart"]
