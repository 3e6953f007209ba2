"""Products in vector registers as LLVM IR: a tile of results that stays in registers while everything is added to it.

A tile has rows, each a factor, and columns, vectors of elements that lie together: per step of a sum every factor is spread
over a vector and multiplied with all of them. So many results are computed at once that their additions do not wait for each
other, and that each number that is loaded is used several times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.loop_builder import ROLLED, LoopBuilder
from graphc.ir.types import DType

Cut = tuple[int, int]
"""Elements of a row that are one vector: the first, and how many."""

SLOT = 0.145
"""Nanoseconds for a multiplication and addition of 32 bytes."""

WAITING = 8
"""Vectors whose additions are under way at the same time: a tile of fewer waits."""

BEGUN = 6.0
"""Nanoseconds for a tile beside its work."""


class Vectors(LoopBuilder):
    """Writes instructions on vectors: values with their numbers of lanes.

    declarations : the functions that are called, name → text
    """

    def __init__(self, dtype: DType) -> None:
        super().__init__(dtype)
        self.declarations: dict[str, str] = {}

    def vector(self, lanes: int) -> str:
        """LLVM's type."""
        return f"<{lanes} x {self.kind}>"

    def take(self, lanes: int, base: str, place: str = "0") -> str:
        """Elements that lie one after the other."""
        align = self.dtype.itemsize
        return self.new(f"load {self.vector(lanes)}, ptr {self.at(base, place)}, align {align}")

    def put(self, value: str, lanes: int, base: str, place: str = "0") -> None:
        """Write elements one after the other."""
        align = self.dtype.itemsize
        self.do(f"store {self.vector(lanes)} {value}, ptr {self.at(base, place)}, align {align}")

    def spread(self, number: str, lanes: int) -> str:
        """A number in every lane."""
        kind = self.vector(lanes)
        first = self.new(f"insertelement {kind} poison, {self.kind} {number}, i64 0")
        return self.new(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer")

    def placed(self, value: str, lanes: int, start: int, length: int) -> str:
        """A vector of another length with elements from `start` on in it, and zeros around them; or its first elements."""
        kind = self.vector(lanes)
        places = [k - start if 0 <= k - start < lanes else lanes for k in range(length)]
        mask = ", ".join(f"i32 {place}" for place in places)
        return self.new(f"shufflevector {kind} {value}, {kind} zeroinitializer, <{length} x i32> <{mask}>")

    def plus(self, lanes: int, x: str, y: str) -> str:
        return self.new(f"fadd {self.vector(lanes)} {x}, {y}")

    def multiplied(self, lanes: int, x: str, y: str, z: str) -> str:
        """x·y + z, rounded once where the processor can."""
        kind = self.vector(lanes)
        if not libm.has_fma():
            return self.new(f"fadd {kind} {self.new(f'fmul {kind} {x}, {y}')}, {z}")
        name = f"llvm.fma.v{lanes}f{8 * self.dtype.itemsize}"
        self.declarations[name] = f"declare {kind} @{name}({kind}, {kind}, {kind})"
        return self.new(f"call {kind} @{name}({kind} {x}, {kind} {y}, {kind} {z})")

    def carried(
        self,
        counts: Sequence[str],
        kinds: Sequence[str],
        values: Sequence[str],
        body: Callable[[list[str], list[str]], list[str]],
        places: Sequence[str] = (),
    ) -> list[str]:
        """Loops within loops over values in registers: body(places, values) gives the next; every loop runs at least once."""
        if not counts:
            return body([*places], [*values])
        if counts[0] == "1":
            return self.carried(counts[1:], kinds, values, body, [*places, "0"])
        number = self._count
        self._count += 1
        before, self._block = self._block, f"l{number}"
        self.do(f"br label %l{number}")
        self.lines.append(f"l{number}:")
        place = len(self.lines)
        self.lines.append("")
        names = [f"%v{number}_{k}" for k in range(len(values))]
        final = self.carried(counts[1:], kinds, names, body, [*places, f"%i{number}"])
        self.do(f"%n{number} = add nuw nsw i64 %i{number}, 1")
        self.do(f"%m{number} = icmp slt i64 %n{number}, {counts[0]}")
        self.do(f"br i1 %m{number}, label %l{number}, label %e{number}{ROLLED}")
        self.lines.append(f"e{number}:")
        phis = [f"  %i{number} = phi i64 [ 0, %{before} ], [ %n{number}, %{self._block} ]"]
        for name, kind, start, value in zip(names, kinds, values, final, strict=True):
            phis.append(f"  {name} = phi {kind} [ {start}, %{before} ], [ {value}, %{self._block} ]")
        self.lines[place] = "\n".join(phis)
        self._block = f"e{number}"
        return final

    def tile(
        self,
        counts: Sequence[str],
        rows: int,
        lanes: Sequence[int],
        factor: Callable[[list[str], int], tuple[str, str]],
        column: Callable[[list[str], int], tuple[str, str]],
    ) -> list[list[str]]:
        """Sums of products over loops: for each row its vectors.

        counts : of the loops; lanes : of the columns
        factor, column : (places, number) → base and place of a row's factor, of a column's first element
        """

        def step(places: list[str], sums: list[str]) -> list[str]:
            columns = [self.take(length, *column(places, number)) for number, length in enumerate(lanes)]
            products: list[str] = []
            for row in range(rows):
                number = self.load(*factor(places, row))
                spread = {length: self.spread(number, length) for length in dict.fromkeys(lanes)}
                for k, length in enumerate(lanes):
                    old = sums[row * len(lanes) + k]
                    products.append(self.multiplied(length, spread[length], columns[k], old))
            return products

        kinds = [self.vector(length) for length in lanes] * rows
        flat = self.carried(counts, kinds, ["zeroinitializer"] * len(kinds), step)
        return [flat[row * len(lanes) : (row + 1) * len(lanes)] for row in range(rows)]


# --- which tile ---------------------------------------------------------------------------------------------------------------


def widest(dtype: DType) -> int:
    """Elements of the processor's largest vectors."""
    return libm.vector_registers()[0] // dtype.itemsize


def fitting(rows: int, columns: int) -> bool:
    """Whether a tile stays in registers, with its columns, a factor and two to spare."""
    return rows * columns + columns + 3 <= libm.vector_registers()[1]


def exact(length: int, most: int) -> list[Cut]:
    """Vectors of a row: as large as they can be, then halves of them.

    >>> exact(29, 16)
    [(0, 16), (16, 8), (24, 4), (28, 1)]
    """
    lanes: list[int] = []
    while length:
        while most > length:
            most //= 2
        lanes.append(most)
        length -= most
    return list(zip(accumulate(lanes, initial=0), lanes, strict=False))


def overlapping(length: int, most: int) -> list[Cut]:
    """The same by fewer vectors, where elements may be in two of them: the last takes some that it has no need of.

    >>> overlapping(29, 16), overlapping(24, 16), overlapping(7, 16)
    ([(0, 16), (13, 16)], [(0, 16), (16, 8)], [(0, 4), (3, 4)])
    """
    cuts = exact(length, most)
    for k, (start, _) in enumerate(cuts[:-1]):
        wide = 1 << (length - start - 1).bit_length()
        if wide <= min(most, length):
            return [*cuts[:k], (length - wide, wide)]
    return cuts


def slots(lanes: Sequence[int], dtype: DType) -> float:
    """What a multiplication and addition of vectors takes, in those of 32 bytes."""
    return sum(max(1.0, length * dtype.itemsize / 32) for length in lanes)


def step_slots(rows: int, lanes: Sequence[int], dtype: DType) -> float:
    """What a step of a tile's sums takes: its products, or its loads, of which there are as many at once; or the wait. Of tiles
    with as many results the one with fewer loads is faster, and with fewer factors, which lie apart in a cache."""
    products, loads = rows * slots(lanes, dtype), slots(lanes, dtype) + rows
    return max(products, loads, float(WAITING)) + 0.06 * loads + 0.04 * rows
