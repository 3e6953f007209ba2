"""Products of small matrices inside loops over rows: a panel of rows is multiplied at once, while it is in cache.

A layer of a network multiplies every row of a batch with the same small matrix, and its gradient sums products of two rows over
the batch. As library calls on whole batches these write what the next loop reads again from memory. A group with products goes
over panels of rows instead: BLAS makes the rows of a panel, loops go over them, BLAS takes what they wrote. So forward and
backward of a network are one pass over its batch.
"""

from __future__ import annotations

from math import prod

from graphc.compiler.engine.gemm_partition import QUIET, RATE
from graphc.compiler.targets.llvm.loop_builder import LoopBuilder
from graphc.compiler.targets.llvm.microkernels.gemm_call import Products, constants
from graphc.compiler.targets.llvm.microkernels.gemm_call import named as renamed
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.util.records import dataclass

PANEL = 128
"""Rows that are multiplied at once: BLAS is at its rate, and some arrays of so many rows stay in a core's cache."""

ADDED_ROWS = 4 * PANEL
"""Rows whose products are added up to one partial sum."""

LARGEST = 2**16
"""Elements of a matrix that stays in a core's cache beside the panels."""

LARGEST_OF_ANY = 2**14
"""The same where the number of rows is not known: of few rows a larger product is better cut for threads by its columns."""

WIDEST = 2048
"""Elements of a row of which a panel is kept."""

CALLED = 300.0
"""Nanoseconds for a product beside its work."""


@dataclass(frozen=True)
class Product:
    """A product of the rows of a panel.

    rows : (n, k), the first operand, as it lies in memory
    other : (k, q), or (q, k) where it is `turned`: the matrix; of a sum (n, q): the rows of the second operand
    summed : whether it is the sum over rows of what a row of the one makes with a row of the other, (k, q)
    """

    rows: Expr
    other: Expr
    turned: bool
    summed: bool

    @property
    def nanoseconds(self) -> float:
        """For an element of `space`."""
        k, q = self._lengths
        return 2.0 * k / RATE[self.rows.dtype.itemsize] + CALLED / (PANEL * q)

    @property
    def quiet(self) -> bool:
        """Whether BLAS stays on one thread by itself."""
        return prod(self._lengths) * PANEL <= QUIET

    @property
    def space(self) -> tuple[Dim, ...]:
        """The elements that the work is counted by."""
        return (self.rows.shape[0], self._lengths[1])

    @property
    def _lengths(self) -> tuple[int, int]:
        k = self.rows.shape[1]
        q = self.other.shape[0] if self.turned else self.other.shape[1]
        assert isinstance(k, int) and isinstance(q, int)
        return k, q

    @property
    def declarations(self) -> tuple[tuple[str, str], ...]:
        """What it calls it is given."""
        return ()

    def named(self, suffix: str) -> str:
        """void product(rows, other, out, count, gemm), its name with a suffix: of so many rows, or adds their sum to `out`."""
        w = LoopBuilder(self.rows.dtype)
        products = Products(w)
        k, q = map(str, self._lengths)
        rows, other = ("%rows", k), ("%other", k if self.turned else q)
        if self.summed:
            products.call("NT", q, k, "%count", other, rows, ("%out", q), True)
        else:
            products.call("TN" if self.turned else "NN", q, "%count", k, other, rows, ("%out", q), False)
        parameters = "ptr %rows, ptr %other, ptr noalias %out, i64 %count, ptr %gemm"
        return renamed(constants(w.dtype) + w.function("product", parameters), suffix)


def product_of(node: Expr) -> Product | None:
    """The product that a node is of the rows of a panel; None where it is none, or better done at once."""
    if (
        node.op.name != "matmul"
        or node.ndim != 2
        or node.dtype.kind != "f"
        or node.dtype.itemsize not in RATE
    ):
        return None
    a, b = node.operands
    left, right = _plain(a), _plain(b)
    if not a.ndim == b.ndim == 2:
        return None
    if left is None or right is None or a.dtype != node.dtype or b.dtype != node.dtype:
        return None
    summed = left is not a and right is b
    if not summed and left is not a:
        return None
    known = [dim for dim in (left.shape[1], node.shape[1]) if isinstance(dim, int) and dim > 1]
    n = left.shape[0]
    few = isinstance(n, int) and n <= PANEL
    if len(known) < 2 or few or max(known) > WIDEST:
        return None
    if prod(known) > (LARGEST if isinstance(n, int) else LARGEST_OF_ANY):
        return None
    return Product(left, right, right is not b, summed)


def _plain(x: Expr) -> Expr | None:
    """What is read as it lies or with its axes in the other order; None of a constant."""
    if x.op.name == "permute_dims" and x.attrs[0] == (1, 0):
        x = x.operands[0]
    return None if x.op.is_leaf and not x.is_symbol else x


def fits(shape: tuple[Dim, ...]) -> bool:
    """Whether a panel of rows of such an array may wait in scratch memory."""
    rest = shape[1:]
    return all(isinstance(dim, int) for dim in rest) and prod(rest) <= WIDEST  # type: ignore[arg-type]
