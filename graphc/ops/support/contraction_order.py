"""The order in which a product of many arrays is computed: pairs, chosen by opt_einsum.

The order decides the cost: (A B) x multiplies matrices where A (B x) multiplies a matrix by a vector twice. It is chosen from the
lengths of the axes alone, so equal products are computed alike everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from graphc.ir.dims import Dim
from graphc.util.records import dataclass

NOMINAL = 256
"""What a named length counts as where costs are compared: usually it is that of a batch."""


def _opt_einsum() -> Any:
    import opt_einsum

    return opt_einsum


@dataclass(frozen=True)
class PairContraction:
    """One pair: the operands at these two places are taken out, their product is put at the end.

    left, right : places in the list of operands as the steps before left it, left first
    subscripts : of the product of the two
    """

    left: int
    right: int
    subscripts: str


def nominal(length: Dim) -> int:
    """A length as a number to compare costs with."""
    return length if isinstance(length, int) else NOMINAL


def in_pairs(terms: Sequence[str], output: str, lengths: dict[str, Dim]) -> tuple[PairContraction, ...]:
    """The products of two arrays that make up a contraction, in the order of fewest multiplications that was found.

    terms : the letters of each operand's axes, output : those of the result
    lengths : letter → length; a name counts as `NOMINAL`

    >>> in_pairs(["ij", "jk", "k"], "i", {"i": 100, "j": 100, "k": 100})
    (PairContraction(left=1, right=2, subscripts='jk,k->j'), PairContraction(left=0, right=1, subscripts='ij,j->i'))
    """
    sizes = tuple((letter, max(1, nominal(length))) for letter, length in lengths.items())
    return _in_pairs(tuple(terms), output, sizes)


@lru_cache(maxsize=1024)
def _in_pairs(
    terms: tuple[str, ...], output: str, sizes: tuple[tuple[str, int], ...]
) -> tuple[PairContraction, ...]:
    if len(terms) == 2:
        return (PairContraction(0, 1, f"{','.join(terms)}->{output}"),)
    known = dict(sizes)
    shapes = [tuple([known[letter] for letter in term]) for term in terms]
    path, _ = _opt_einsum().contract_path(f"{','.join(terms)}->{output}", *shapes, shapes=True)
    left = list(terms)
    steps: list[PairContraction] = []
    for pair in path:
        first, second = sorted(pair)
        b, a = left.pop(second), left.pop(first)
        wanted = set(output).union(*left)
        # letters of both, then the first's own, then the second's: as a product of matrices has them
        order = [*(c for c in a if c in b), *(c for c in a if c not in b), *(c for c in b if c not in a)]
        result = "".join(dict.fromkeys(letter for letter in order if letter in wanted)) if left else output
        steps.append(PairContraction(first, second, f"{a},{b}->{result}"))
        left.append(result)
    return tuple(steps)


__all__ = ["NOMINAL", "PairContraction", "in_pairs", "nominal"]
