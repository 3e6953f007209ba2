"""Sparse derivatives: their pattern, their entries as one expression, and the functions that return them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.autodiff.sparse.compressed import hessian_entries, jacobian_entries, refuse_integers
from graphc.autodiff.sparse.pattern import pattern as pattern_of
from graphc.errors import ExpressionError, InputError, brief
from graphc.ir.expr import Expr, constant, current_site
from graphc.ops.support.sparse_arrays import scipy_sparse
from graphc.util.pytree import flatten

FORMATS = ("csr", "csc", "coo")


class SparseDerivative:
    """A Jacobian or Hessian of which only the entries that may differ from zero are computed.

    An output like any other for `g.compile` and `g.evaluate`, alone or in a structure beside expressions; what comes back in its
    place is a `scipy.sparse` array of always the same structure.

    pattern : a CSR array of truth values, sorted
    values : the entries in the order of the format, one expression of a vector; of graphs of numbers an expression for each
    format : "csr", "csc" or "coo"
    mode, colours : "forward" (columns) or "reverse" (rows), and how many sweeps give all entries; "direct" where none are needed,
        and how many entries of a row or of a column are computed at most
    """

    __array_ufunc__ = None  # NumPy's arrays leave operators to this class, which refuses them

    def __init__(
        self, outputs: Sequence[Expr], variables: Sequence[Expr], pattern: Any, format: str, symmetric: bool
    ) -> None:
        write = hessian_entries if symmetric else jacobian_entries
        entries = write(outputs, variables, pattern, _order(pattern, format))
        self._outputs, self._variables, self._symmetric = tuple(outputs), tuple(variables), symmetric
        self.pattern = pattern
        self.values: Expr | tuple[Expr, ...] = entries.values
        self.mode: str = entries.mode
        self.colours: int = entries.colours
        self.format = format
        self.shape: tuple[int, int] = pattern.shape
        self.nnz: int = int(pattern.nnz)
        leaves = self.leaves
        self.dtype: np.dtype[Any] = (
            np.result_type(*[leaf.dtype for leaf in leaves]) if leaves else np.dtype(np.float64)
        )
        other = pattern.asformat(format)
        self._places = (other.row, other.col) if format == "coo" else (other.indices, other.indptr)
        self._checked: tuple[Any, ...] = ()

    @property
    def is_vector(self) -> bool:
        """Whether the entries are one expression."""
        return isinstance(self.values, Expr)

    @property
    def leaves(self) -> list[Expr]:
        """The expressions that are compiled for it."""
        if isinstance(self.values, Expr):
            return [self.values]
        return list(self.values) or [constant(0.0)]  # a function has a result, also where there is no entry

    def changed(self, change: Callable[[list[Expr]], Sequence[Expr]]) -> SparseDerivative:
        """The same of changed outputs and variables, whose pattern is this one's: of other types."""
        count = len(self._outputs)
        exprs = change([*self._outputs, *self._variables])
        return SparseDerivative(exprs[:count], exprs[count:], self.pattern, self.format, self._symmetric)

    def assemble(self, results: Sequence[Any], out: Any = None) -> Any:
        """The sparse array of computed leaves; `out` is one of an earlier call, whose entries are replaced."""
        data = results[0] if isinstance(self.values, Expr) else np.array(results[: self.nnz], self.dtype)
        if out is not None:
            self.check_out(out)
            out.data[...] = data
            return out
        sparse = scipy_sparse()
        first, second = [places.copy() for places in self._places]
        if self.format == "coo":
            return sparse.coo_array((data, (first, second)), shape=self.shape)
        kind = sparse.csr_array if self.format == "csr" else sparse.csc_array
        result = kind((data, first, second), shape=self.shape)
        result.has_sorted_indices = result.has_canonical_format = True
        return result

    def check_out(self, out: Any) -> None:
        """Raises `InputError` unless an array has this structure."""
        same = getattr(out, "format", None) == self.format and out.shape == self.shape and out.nnz == self.nnz
        if same:
            first, second = (out.row, out.col) if self.format == "coo" else (out.indices, out.indptr)
            last = [reference() for reference in self._checked]
            if len(last) == 2 and last[0] is first and last[1] is second:
                return  # one result after the other goes to the same array
            same = np.array_equal(first, self._places[0]) and np.array_equal(second, self._places[1])
            self._checked = (weakref.ref(first), weakref.ref(second)) if same else ()
        if not same:
            raise InputError(
                f"out is {brief(out)}, not a {self.format} array of shape {self.shape} with the {self.nnz} entries "
                "of the derivative's pattern",
                hint="pass a result of an earlier call of the same function",
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_checked": ()}

    def __repr__(self) -> str:
        sweeps = f"by {self.colours} {self.mode} sweep{'s' if self.colours != 1 else ''}"
        how = f"{self.colours} a row computed" if self.mode == "direct" else sweeps
        return (
            f"<sparse derivative {self.shape[0]}×{self.shape[1]}: {self.nnz} entries, {how}, {self.format}>"
        )


def _refuses(name: str) -> Callable[..., Any]:
    """A method of Python's operators that says what to compute with instead."""

    def method(self: SparseDerivative, *_: Any) -> Any:
        raise ExpressionError(
            f"{name} of a sparse derivative: it is a result to be compiled, and no operand of a formula",
            node=repr(self),
            site=current_site(),
            hint="compute with the scipy.sparse array that the compiled function returns, or with J.values, the entries as "
            "expressions; g.jacobian and g.hessian without sparse=True give whole matrices",
        )

    method.__name__ = name
    return method


for _name in (
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __matmul__ __rmatmul__ __pow__ __rpow__ "
    "__neg__ __pos__ __abs__ __getitem__ __lt__ __le__ __gt__ __ge__ __iter__ __len__ __float__"
).split():
    setattr(SparseDerivative, _name, _refuses(_name.strip("_")))


class Sparsity:
    """Which derivatives may differ from zero: a table of truth values, `print` shows it and notebooks draw it.

    rows : the elements of the outputs, one after the other; columns : those of the variables
    array : the pattern as a CSR array of truth values
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape: tuple[int, int] = array.shape
        self.nnz: int = int(array.nnz)

    def toarray(self) -> np.ndarray:
        """The pattern as a NumPy array of truth values."""
        return self.array.toarray()

    def _cells(self, most: int) -> np.ndarray:
        """The pattern on a raster of at most so many cells a side: true where any entry of a cell is."""
        height, width = [min(length, most) for length in self.shape]
        cells = np.zeros((height, width), bool)
        places = self.array.tocoo()
        cells[places.row * height // self.shape[0], places.col * width // self.shape[1]] = True
        return cells

    def __str__(self) -> str:
        most = 60
        text = "\n".join("".join("×" if cell else "·" for cell in row) for row in self._cells(most))
        scale = "" if max(self.shape) <= most else ", several entries in a cell"
        return f"{self.shape[0]}×{self.shape[1]}, {self.nnz} entries{scale}\n{text}"

    __repr__ = __str__

    def svg(self, size: int = 400) -> str:
        """The picture as SVG, its longer side of so many pixels; of large patterns a raster of 200 cells a side."""
        cells = self._cells(200)
        height, width = cells.shape
        step = size / max(height, width, 1)
        rows = []
        for y, x in zip(*np.nonzero(cells), strict=True):
            rows.append(f"M{x} {y}h1v1h-1z")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * step:.0f}" height="{height * step:.0f}" '
            f'viewBox="0 0 {width} {height}"><title>{self.shape[0]}×{self.shape[1]}, {self.nnz} entries</title>'
            f'<rect width="{width}" height="{height}" fill="#f4f4f4"/>'
            f'<path d="{"".join(rows)}" fill="#1f4e79"/></svg>'
        )

    _repr_svg_ = svg


def _leaves(tree: Any) -> list[Expr]:
    leaves = [constant(leaf) for leaf in flatten(tree)[0]]
    if not leaves:
        raise InputError(
            f"{brief(tree)} holds no expressions", site=current_site(), hint="write g.sparsity(y, x)"
        )
    return leaves


def sparsity(output: Any, wrt: Any) -> Sparsity:
    """The sparsity pattern of a Jacobian, read from the graph: which derivatives may be nonzero.

    output, wrt : expressions, or structures of them, whose elements are concatenated in row-major order

    Only constants are evaluated. If an operation such as a matrix inverse declares only that its result depends on the whole
    matrix, all these entries are in the pattern. Raises `GradientError` for a named axis, whose length is known only at a call.

    >>> from graphc.ir.expr import symbols
    >>> x = symbols("x", shape=5)
    >>> print(sparsity(x[1:] * x[:-1], x))
    4×5, 8 entries
    ××···
    ·××··
    ··××·
    ···××
    """
    outputs, variables = _leaves(output), _leaves(wrt)
    refuse_integers(variables)
    return Sparsity(pattern_of(outputs, variables))


def sparse_jacobian(output: Any, wrt: Any, format: str) -> SparseDerivative:
    """See `jacobian`."""
    _check_format(format)
    outputs, variables = _leaves(output), _leaves(wrt)
    refuse_integers([*outputs, *variables])
    pattern = pattern_of(outputs, variables)
    return SparseDerivative(outputs, variables, pattern, format, symmetric=False)


def sparse_hessian(slopes: Any, wrt: Any, format: str) -> SparseDerivative:
    """See `hessian`; of the gradient."""
    _check_format(format)
    outputs, variables = _leaves(slopes), _leaves(wrt)
    pattern = pattern_of(outputs, variables)
    pattern = (pattern + pattern.T).tocsr()  # what one way of writing leaves out the other may not
    pattern.sort_indices()
    return SparseDerivative(outputs, variables, pattern, format, symmetric=True)


def _order(pattern: Any, format: str) -> np.ndarray:
    """The entries of a CSR pattern in the order of a format."""
    numbers = np.arange(pattern.nnz)
    if format != "csc":
        return numbers
    kind = scipy_sparse().csr_array
    return kind((numbers, pattern.indices, pattern.indptr), shape=pattern.shape).tocsc().data


def _check_format(format: Any) -> None:
    if not isinstance(format, str) or format not in FORMATS:
        raise InputError(
            f"format={brief(format)}", site=current_site(), hint='write format="csr", "csc" or "coo"'
        )


__all__ = ["SparseDerivative", "Sparsity", "sparse_hessian", "sparse_jacobian", "sparsity"]
