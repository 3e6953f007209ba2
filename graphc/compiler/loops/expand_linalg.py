"""Linear algebra as loops: LU with partial pivoting, substitution, Cholesky. A matrix that a library refuses is refused here."""

from __future__ import annotations

from graphc.compiler.loops.call_writer import CallWriter, OperandElements, Routine
from graphc.compiler.loops.index_maps import choose, equal
from graphc.compiler.loops.program import (
    Assign,
    Combine,
    Constant,
    Index,
    Reduce,
    Ref,
    Require,
    RoutineCall,
    Scalar,
    apply,
)
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.ir.types import INT64


def _less(a: Dim, b: Dim) -> Dim:
    """a − b − 1: how many lie between."""
    return dims.subtract(dims.subtract(a, b), 1)


def _after(a: Dim, b: Dim) -> Dim:
    """a + b + 1."""
    return dims.add(dims.add(a, b), 1)


class _Factors:
    """A matrix that becomes L and U in memory of its own, with what its rows are swapped along with.

    sign : the buffer of the sign of the swaps
    """

    def __init__(
        self, w: CallWriter, a: OperandElements, batch: Index, side: str | None = None, wide: Dim = 0
    ) -> None:
        self.w, self.size = w, a.shape[-1]
        self.dtype = a.dtype
        self.matrix = w.private("k", a.dtype, (self.size, self.size))
        self.sign = w.private("k", a.dtype, (1,))
        self.side, self.wide = side, wide
        with w.loops((self.size, self.size), "free") as (i, j):
            w.emit(Assign(self.matrix, (i, j), a.at(batch, (i, j))))
        w.emit(Assign(self.sign, (0,), Constant(1.0, a.dtype)))

    def at(self, i: Dim, j: Dim) -> Scalar:
        return self.w.load(self.matrix, (i, j))

    def swap(self, buffer: str, width: Dim, i: Dim, k: Dim) -> None:
        with self.w.loops((width,), "free") as (j,):
            upper, lower = (self.w.let(self.w.load(buffer, (row, j))) for row in (i, k))
            self.w.emit(Assign(buffer, (i, j), lower))
            self.w.emit(Assign(buffer, (k, j), upper))

    def factor(self, refuse: str | None) -> None:
        """L below the diagonal, U on it and above; a pivot of 0 is refused, or divides nothing."""
        w, n = self.w, self.size
        with w.loops((n,), "fixed") as (c,):
            target = w.name("p")
            with w.body() as body, w.loops((dims.subtract(n, c),), "fixed") as (r,):
                w.emit(Combine(target, (), apply("abs", self.at(dims.add(c, r), c)), r))
            w.emit(Reduce(target, INT64, "argmax", "serial", tuple(body)))
            place = 0 if n == 1 else Name(target)
            row = dims.add(c, place)
            pivot = w.let(self.at(row, c))
            if refuse is not None:
                w.emit(Require(apply("not_equal", pivot, Constant(0.0, self.dtype)), refuse))
            if n == 1:
                return
            self.swap(self.matrix, n, c, row)
            if self.side is not None:
                self.swap(self.side, self.wide, c, row)
            sign = w.load(self.sign, (0,))
            swapped = choose((dims.subtract(place, 1),), apply("negative", sign), sign)
            w.emit(Assign(self.sign, (0,), swapped))
            self._eliminate(c, pivot)

    def _eliminate(self, c: Dim, pivot: Scalar) -> None:
        w, rest = self.w, _less(self.size, c)
        zero = Constant(0.0, self.dtype)
        with w.loops((rest,), "fixed") as (r,):
            row = _after(c, r)
            is_zero = apply("equal", pivot, zero)
            factor = w.let(apply("where", is_zero, zero, apply("divide", self.at(row, c), pivot)))
            w.emit(Assign(self.matrix, (row, c), factor))
            with w.loops((rest,), "free") as (j,):
                column = _after(c, j)
                less = apply("multiply", factor, self.at(c, column))
                w.emit(Assign(self.matrix, (row, column), apply("subtract", self.at(row, column), less)))

    def diagonal(self, reducer: str, of: str | None, start: Scalar | None) -> Scalar:
        """A reduction of the diagonal of U, or of a function of its elements."""
        w = self.w
        target = w.name("s")
        with w.body() as body, w.loops((self.size,), "fixed") as (i,):
            value = self.at(i, i)
            w.emit(Combine(target, (), value if of is None else of_element(of, value)))
        w.emit(Reduce(target, self.dtype, reducer, "serial", tuple(body)))
        result = Ref(target, self.dtype)
        return result if start is None else apply("multiply", start, result)


def of_element(of: str, value: Scalar) -> Scalar:
    """A function of an element: its sign, or the logarithm of its size."""
    return apply("log", apply("abs", value)) if of == "log" else apply(of, value)


def _determinant(w: CallWriter, call: RoutineCall) -> None:
    (a,) = w.operands
    with w.loops(w.shape, "free", parallel=True) as batch:
        factors = _Factors(w, a, batch)
        factors.factor(None)
        if call.routine == "logabsdet":
            value = factors.diagonal("sum", "log", None)
        else:
            sign = w.load(factors.sign, (0,))
            value = factors.diagonal("prod", "sign" if call.routine == "det_sign" else None, sign)
        w.store(batch, value)


def _solve(w: CallWriter, call: RoutineCall) -> None:
    """a x = b, or a x = 1 for the inverse."""
    a = w.operands[0]
    refused = call.routine != "regular_solve"  # whose solution is NaN where there is none
    vector = call.routine != "inv" and len(w.operands[1].shape) == 1
    tail = 1 if vector else 2
    batch_shape, wide = w.shape[: len(w.shape) - tail], (1 if vector else w.shape[-1])
    n = a.shape[-1]
    with w.loops(batch_shape, "free", parallel=True) as batch:
        side = w.private("k", w.dtype, (n, wide))
        with w.loops((n, wide), "free") as (i, j):
            w.emit(Assign(side, (i, j), _right_side(w, call, batch, i, j, vector)))
        factors = _Factors(w, a, batch, side, wide)
        factors.factor(f"{call.routine}: a singular matrix" if refused else None)
        none = w.let(_nan_of_zeros(factors)) if not refused else None
        _substitute(w, factors.at, side, n, wide, lower=True, unit=True)
        _substitute(w, factors.at, side, n, wide, lower=False, unit=False)
        with w.loops((n, wide), "free") as (i, j):
            x = w.load(side, (i, j))
            w.store((*batch, i) if vector else (*batch, i, j), x if none is None else apply("add", x, none))


def _nan_of_zeros(factors: _Factors) -> Scalar:
    """0, or NaN where a pivot is 0."""
    return apply("multiply", Constant(0.0, factors.dtype), factors.diagonal("sum", "reciprocal", None))


def _right_side(w: CallWriter, call: RoutineCall, batch: Index, i: Dim, j: Dim, vector: bool) -> Scalar:
    if call.routine == "inv":
        return choose(equal(i, j), Constant(1.0, w.dtype), Constant(0.0, w.dtype))
    return w.operands[1].load((i,)) if vector else w.operands[1].at(batch, (i, j))


def _substitute(w: CallWriter, at, side: str, n: Dim, wide: Dim, lower: bool, unit: bool) -> None:
    """The solution of a triangular system in place of its right sides, row by row from the first or from the last."""
    with w.loops((n,), "fixed") as (k,):
        row = k if lower else _less(n, k)
        with w.loops((k,), "fixed") as (r,):
            other = r if lower else _less(n, r)
            factor = w.let(at(row, other))
            with w.loops((wide,), "free") as (j,):
                less = apply("multiply", factor, w.load(side, (other, j)))
                w.emit(Assign(side, (row, j), apply("subtract", w.load(side, (row, j)), less)))
        if not unit:
            pivot = w.let(at(row, row))
            with w.loops((wide,), "free") as (j,):
                w.emit(Assign(side, (row, j), apply("divide", w.load(side, (row, j)), pivot)))


def _solve_triangular(w: CallWriter, call: RoutineCall) -> None:
    a, b = w.operands
    vector = len(b.shape) == 1
    n, wide = a.shape[-1], (1 if vector else w.shape[-1])
    with w.loops(w.shape[: len(w.shape) - (1 if vector else 2)], "free", parallel=True) as batch:
        side = w.private("k", w.dtype, (n, wide))
        with w.loops((n,), "free") as (i,):
            pivot = a.at(batch, (i, i))
            regular = apply("not_equal", pivot, Constant(0.0, w.dtype))
            w.emit(Require(regular, "solve_triangular: a singular matrix"))
            with w.loops((wide,), "free") as (j,):
                w.emit(Assign(side, (i, j), b.load((i,)) if vector else b.at(batch, (i, j))))
        _substitute(w, lambda i, j: a.at(batch, (i, j)), side, n, wide, lower=call.attrs[0], unit=False)
        with w.loops((n, wide), "free") as (i, j):
            w.store((*batch, i) if vector else (*batch, i, j), w.load(side, (i, j)))


def _cholesky(w: CallWriter, call: RoutineCall) -> None:
    """Row by row, of the lower triangle alone."""
    (a,) = w.operands
    n, zero = a.shape[-1], Constant(0.0, w.dtype)
    with w.loops(w.shape[:-2], "free", parallel=True) as batch:
        factor = w.private("k", w.dtype, (n, n))
        with w.loops((n, n), "free") as (i, j):
            below = (dims.subtract(i, j),)
            w.emit(Assign(factor, (i, j), choose(below, a.at(batch, (i, j)), zero)))
        with w.loops((n,), "fixed") as (i,):
            with w.loops((i,), "fixed") as (j,):
                rest = _less_products(w, factor, i, j, j)
                w.emit(Assign(factor, (i, j), apply("divide", rest, w.load(factor, (j, j)))))
            rest = w.let(_less_products(w, factor, i, i, i))
            positive = apply("greater", rest, zero)
            w.emit(Require(positive, "cholesky: the matrix is not positive definite"))
            w.emit(Assign(factor, (i, i), apply("sqrt", rest)))
        with w.loops((n, n), "free") as (i, j):
            w.store((*batch, i, j), w.load(factor, (i, j)))


def _less_products(w: CallWriter, factor: str, i: Dim, j: Dim, count: Dim) -> Scalar:
    """L[i, j] less the products of the elements before it in two rows."""
    target = w.name("s")
    with w.body() as body, w.loops((count,), "fixed") as (k,):
        w.emit(Combine(target, (), apply("multiply", w.load(factor, (i, k)), w.load(factor, (j, k)))))
    w.emit(Reduce(target, w.dtype, "sum", "serial", tuple(body)))
    return apply("subtract", w.load(factor, (i, j)), Ref(target, w.dtype))


RULES: dict[str, Routine] = {
    "det": _determinant,
    "logabsdet": _determinant,
    "det_sign": _determinant,
    "solve": _solve,
    "regular_solve": _solve,
    "inv": _solve,
    "solve_triangular": _solve_triangular,
    "cholesky": _cholesky,
}
