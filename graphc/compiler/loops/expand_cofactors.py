"""Cofactors of matrices as loops, and how they change along a direction: at any rank, so that determinants have derivatives.

P·A·Q = L·D·R by elimination with complete pivoting, L and R with 1 on the diagonal, so that cof A = det P · det Q · Pᵀ·L⁻ᵀ ·
cof D · R⁻ᵀ·Qᵀ. The cofactors of a diagonal matrix are products: nothing is divided by a pivot of 0, which has zeros behind it.
Rows and columns are brought to about 1 by powers of two before, which is undone at the end: nothing overflows on the way.
J. Demmel et al., Computing the singular value decomposition with high relative accuracy (1999), §4.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from graphc.compiler.loops.call_writer import CallWriter, OperandElements, Routine
from graphc.compiler.loops.index_maps import choose, equal
from graphc.compiler.loops.program import (
    Assign,
    Combine,
    Constant,
    Index,
    Reduce,
    Ref,
    RoutineCall,
    Scalar,
    apply,
)
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.ir.types import INT64

Element = Callable[[Dim, Dim], Scalar]

_LARGEST = {8: 1000.0, 4: 120.0}
"""The largest power of two that elements are multiplied by, in float64 and float32."""


class _Scaling:
    """A matrix with rows and columns divided by powers of two, about as large as their largest elements."""

    def __init__(self, w: CallWriter, a: OperandElements, batch: Index, n: Dim) -> None:
        self.w, self.n, self.dtype = w, n, a.dtype
        self.limit = _LARGEST[a.dtype.itemsize]
        self.matrix = w.private("k", a.dtype, (n, n))
        with w.loops((n, n), "free") as (i, j):
            w.emit(Assign(self.matrix, (i, j), a.at(batch, (i, j))))
        self.rows = self._exponents(lambda i, j: w.load(self.matrix, (i, j)))
        with w.loops((n, n), "free") as (i, j):
            w.emit(Assign(self.matrix, (i, j), self._less(w.load(self.matrix, (i, j)), self.rows, i)))
        self.columns = self._exponents(lambda j, i: w.load(self.matrix, (i, j)))
        with w.loops((n, n), "free") as (i, j):
            w.emit(Assign(self.matrix, (i, j), self._less(w.load(self.matrix, (i, j)), self.columns, j)))
        both = apply("add", *(self._sum(lambda i, b=b: w.load(b, (i,))) for b in (self.rows, self.columns)))
        self.total = w.let(both)

    def _constant(self, value: float) -> Constant:
        return Constant(value, self.dtype)

    def _sum(self, of: Callable[[Dim], Scalar]) -> Scalar:
        return _reduced(self.w, "sum", self.dtype, (self.n,), lambda i: of(*i))

    def _exponents(self, at: Element) -> str:
        """A buffer of whole numbers e with 2ᵉ about as large as the largest element of each row; 0 for rows of zeros."""
        w = self.w
        result = w.private("k", self.dtype, (self.n,))
        with w.loops((self.n,), "free") as (i,):
            largest = _reduced(w, "max", self.dtype, (self.n,), lambda j: apply("abs", at(i, *j)))
            whole = apply("floor", apply("log2", largest))
            bounded = apply(
                "maximum", apply("minimum", whole, self._constant(self.limit)), self._constant(-self.limit)
            )
            regular = apply("greater", largest, self._constant(0.0))
            w.emit(Assign(result, (i,), apply("where", regular, bounded, self._constant(0.0))))
        return result

    def _less(self, value: Scalar, exponents: str, i: Dim) -> Scalar:
        power = apply("exp2", apply("negative", self.w.load(exponents, (i,))))
        return apply("multiply", value, power)

    def direction(self, v: OperandElements, batch: Index) -> str:
        """A direction divided as the matrix is."""
        w = self.w
        result = w.private("k", self.dtype, (self.n, self.n))
        with w.loops((self.n, self.n), "free") as (i, j):
            value = self._less(self._less(v.at(batch, (i, j)), self.rows, i), self.columns, j)
            w.emit(Assign(result, (i, j), value))
        return result

    def undone(self, value: Scalar, i: Dim, j: Dim) -> Scalar:
        """A cofactor of the matrix as it was: all rows and columns but its own multiplied again, in three steps of like sign."""
        w = self.w
        exponent = apply(
            "subtract", apply("subtract", self.total, w.load(self.rows, (i,))), w.load(self.columns, (j,))
        )
        bound = self._constant(3 * self.limit)
        exponent = w.let(apply("maximum", apply("minimum", exponent, bound), apply("negative", bound)))
        third = w.let(apply("floor", apply("divide", exponent, self._constant(3.0))))
        power = w.let(apply("exp2", third))
        rest = apply("exp2", apply("subtract", exponent, apply("multiply", self._constant(2.0), third)))
        return apply("multiply", apply("multiply", apply("multiply", value, power), power), rest)


class _Elimination:
    """P·A·Q = L·D·R of a scaled matrix A, by elimination with complete pivoting.

    left, right : L⁻¹·P and R⁻ᵀ·Qᵀ
    """

    def __init__(self, w: CallWriter, scaled: _Scaling) -> None:
        self.w, self.n, self.dtype, self.matrix = w, scaled.n, scaled.dtype, scaled.matrix
        self.left, self.right = self._unit(), self._unit()
        self.sign = w.private("k", self.dtype, (1,))
        self.pivots = w.private("k", self.dtype, (self.n,))
        self.sizes = w.private("k", self.dtype, (self.n,))
        w.emit(Assign(self.sign, (0,), Constant(1.0, self.dtype)))
        with w.loops((self.n,), "fixed") as (c,):
            self._step(c)
        self._substitute(self.left, lambda i, j: w.load(self.matrix, (i, j)))
        self._substitute(self.right, lambda i, j: w.load(self.matrix, (j, i)))

    def _unit(self) -> str:
        w = self.w
        result = w.private("k", self.dtype, (self.n, self.n))
        with w.loops((self.n, self.n), "free") as (i, j):
            unit = choose(equal(i, j), Constant(1.0, self.dtype), Constant(0.0, self.dtype))
            w.emit(Assign(result, (i, j), unit))
        return result

    def _step(self, c: Dim) -> None:
        w, n = self.w, self.n
        rest = dims.subtract(n, c)

        def size(r: Dim, s: Dim) -> Scalar:
            return apply("abs", w.load(self.matrix, (dims.add(c, r), dims.add(c, s))))

        with w.loops((rest,), "free") as (r,):
            largest = _reduced(w, "max", self.dtype, (rest,), lambda s: size(r, *s))
            w.emit(Assign(self.sizes, (r,), largest))
        row = self._swapped(c, lambda r: w.load(self.sizes, (r,)), self.left)
        self._swap(c, row, lambda at, j: (at, j), self.matrix)
        column = self._swapped(c, lambda s: size(0, s), self.right)
        self._swap(c, column, lambda at, i: (i, at), self.matrix)
        pivot = w.let(w.load(self.matrix, (c, c)))
        w.emit(Assign(self.pivots, (c,), pivot))
        self._eliminate(c, pivot)

    def _swapped(self, c: Dim, size: Callable[[Dim], Scalar], along: str) -> Dim:
        """The largest of the rows or columns that are left; what goes along with them has it in front."""
        w = self.w
        target = w.name("p")
        with w.body() as body, w.loops((dims.subtract(self.n, c),), "fixed") as (r,):
            w.emit(Combine(target, (), size(r), r))
        w.emit(Reduce(target, INT64, "argmax", "serial", tuple(body)))
        place = Name(target)
        sign = w.load(self.sign, (0,))
        swapped = choose((dims.subtract(place, 1),), apply("negative", sign), sign)
        w.emit(Assign(self.sign, (0,), swapped))
        chosen = dims.add(c, place)
        self._swap(c, chosen, lambda at, j: (at, j), along)
        return chosen

    def _swap(self, c: Dim, other: Dim, index: Callable[[Dim, Dim], Index], buffer: str) -> None:
        w = self.w
        with w.loops((self.n,), "free") as (j,):
            first, second = (w.let(w.load(buffer, index(at, j))) for at in (c, other))
            w.emit(Assign(buffer, index(c, j), second))
            w.emit(Assign(buffer, index(other, j), first))

    def _eliminate(self, c: Dim, pivot: Scalar) -> None:
        """L below the diagonal and R above it; a pivot of 0 has zeros behind it and divides nothing."""
        w, rest = self.w, dims.subtract(dims.subtract(self.n, c), 1)
        zero = Constant(0.0, self.dtype)
        none = apply("equal", pivot, zero)
        with w.loops((rest,), "fixed") as (r,):
            row = dims.add(dims.add(c, r), 1)
            factor = w.let(apply("where", none, zero, apply("divide", w.load(self.matrix, (row, c)), pivot)))
            w.emit(Assign(self.matrix, (row, c), factor))
            with w.loops((rest,), "free") as (s,):
                column = dims.add(dims.add(c, s), 1)
                less = apply("multiply", factor, w.load(self.matrix, (c, column)))
                value = apply("subtract", w.load(self.matrix, (row, column)), less)
                w.emit(Assign(self.matrix, (row, column), value))
        with w.loops((rest,), "free") as (s,):
            column = dims.add(dims.add(c, s), 1)
            value = apply("divide", w.load(self.matrix, (c, column)), pivot)
            w.emit(Assign(self.matrix, (c, column), apply("where", none, zero, value)))

    def _substitute(self, side: str, at: Element) -> None:
        """The solution of a system with 1 on the diagonal and nothing above it, in place of its right sides."""
        w = self.w
        with w.loops((self.n,), "fixed") as (row,), w.loops((row,), "fixed") as (other,):
            factor = w.let(at(row, other))
            with w.loops((self.n,), "free") as (j,):
                less = apply("multiply", factor, w.load(side, (other, j)))
                w.emit(Assign(side, (row, j), apply("subtract", w.load(side, (row, j)), less)))

    def without(self, *places: Dim) -> Scalar:
        """The product of all pivots but some, and the sign of the swaps."""
        one = Constant(1.0, self.dtype)

        def factor(i: Index) -> Scalar:
            value: Scalar = self.w.load(self.pivots, i)
            for place in places:
                value = choose(equal(i[0], place), one, value)
            return value

        rest = _reduced(self.w, "prod", self.dtype, (self.n,), factor)
        return apply("multiply", self.w.load(self.sign, (0,)), rest)

    def restored(self, inner: str) -> str:
        """Pᵀ·L⁻ᵀ·M·R⁻ᵀ·Qᵀ."""
        w = self.w
        half = self.product(lambda i, k: w.load(self.left, (k, i)), lambda k, j: w.load(inner, (k, j)))
        return self.product(lambda i, k: w.load(half, (i, k)), lambda k, j: w.load(self.right, (k, j)))

    def product(self, one: Element, other: Element) -> str:
        w, n = self.w, self.n
        result = w.private("k", self.dtype, (n, n))
        with w.loops((n, n), "free") as (i, j):
            total = _reduced(
                w, "sum", self.dtype, (n,), lambda k: apply("multiply", one(i, k[0]), other(k[0], j))
            )
            w.emit(Assign(result, (i, j), total))
        return result


def _reduced(
    w: CallWriter, reducer: str, dtype, shape: tuple[Dim, ...], value: Callable[[Index], Scalar]
) -> Ref:
    target = w.name("s")
    with w.body() as body, w.loops(shape, "fixed") as index:
        w.emit(Combine(target, (), value(index)))
    w.emit(Reduce(target, dtype, reducer, "serial", tuple(body)))
    return Ref(target, dtype)


def _cofactors(w: CallWriter, call: RoutineCall) -> None:
    a, along = w.operands[0], w.operands[-1] if call.routine == "cofactors_along" else None
    n = a.shape[-1]
    zero = Constant(0.0, w.dtype)
    with w.loops(w.shape[:-2], "free", parallel=True) as batch:
        # 0, or NaN where an element is no finite number
        none = _reduced(w, "sum", w.dtype, (n, n), lambda place: apply("multiply", a.at(batch, place), zero))
        if n == 1:
            one = Constant(0.0 if along is not None else 1.0, w.dtype)
            w.store((*batch, 0, 0), apply("add", one, none))
        elif n == 2:
            of = a if along is None else along
            for i, j in product(range(2), repeat=2):
                other = of.at(batch, (1 - i, 1 - j))
                w.store((*batch, i, j), apply("add", other if i == j else apply("negative", other), none))
        else:
            scaled = _Scaling(w, a, batch, n)
            direction = None if along is None else scaled.direction(along, batch)
            found = _of_three(w, scaled, direction) if n == 3 else _by_pivots(w, scaled, direction)
            with w.loops((n, n), "free") as (i, j):
                value = scaled.undone(w.load(found, (i, j)), i, j)
                w.store((*batch, i, j), apply("add", value, none))


def _of_three(w: CallWriter, scaled: _Scaling, direction: str | None) -> str:
    """Each of 3×3 by its four elements: of whole numbers they are exact."""
    result = w.private("k", w.dtype, (3, 3))
    for i, j in product(range(3), repeat=2):
        down, right = ((i + 1) % 3, (i + 2) % 3), ((j + 1) % 3, (j + 2) % 3)
        terms: list[Scalar] = []
        for one, other in (((0, 0), (1, 1)), ((0, 1), (1, 0))):
            places = [(down[r], right[c]) for r, c in (one, other)]
            term = _multiplied(w, scaled.matrix, direction or scaled.matrix, places)
            if direction is not None:
                term = apply("add", term, _multiplied(w, scaled.matrix, direction, places[::-1]))
            terms.append(term)
        w.emit(Assign(result, (i, j), apply("subtract", *terms)))
    return result


def _multiplied(w: CallWriter, first: str, second: str, places: list[tuple[int, int]]) -> Scalar:
    return apply("multiply", w.load(first, places[0]), w.load(second, places[1]))


def _by_pivots(w: CallWriter, scaled: _Scaling, direction: str | None) -> str:
    factors = _Elimination(w, scaled)
    n, zero = factors.n, Constant(0.0, w.dtype)
    inner = w.private("k", w.dtype, (n, n))
    if direction is None:
        with w.loops((n, n), "fixed") as (i, j):
            w.emit(Assign(inner, (i, j), choose(equal(i, j), factors.without(i), zero)))
        return factors.restored(inner)
    half = factors.product(lambda i, k: w.load(factors.left, (i, k)), lambda k, j: w.load(direction, (k, j)))
    turned = factors.product(lambda i, k: w.load(half, (i, k)), lambda k, j: w.load(factors.right, (j, k)))
    with w.loops((n, n), "fixed") as (i, j):
        lost = apply("multiply", factors.without(i, j), w.load(turned, (j, i)))
        w.emit(Assign(inner, (i, j), apply("negative", lost)))
    with w.loops((n,), "fixed") as (i,):

        def other(m: Index) -> Scalar:
            changed = apply("multiply", factors.without(i, *m), w.load(turned, (*m, *m)))
            return choose(equal(i, *m), zero, changed)

        w.emit(Assign(inner, (i, i), _reduced(w, "sum", w.dtype, (n,), other)))
    return factors.restored(inner)


RULES: dict[str, Routine] = {"cofactors": _cofactors, "cofactors_along": _cofactors}
