"""Values of expressions: by NumPy as they are written, or by mpmath to any number of digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.api.sparse_function import SparseTree, has_sparse
from graphc.errors import InputError
from graphc.interpret import mpmath_eval, numpy_eval


def evaluate(outputs: Any, at: Mapping[Any, Any], *, digits: int | None = None) -> Any:
    """The value of an expression, or of a structure of expressions, at a point.

    Parameters
    ----------
    outputs : an expression, or a tuple, list, dict or named tuple of expressions
    at : name or symbol → number or array; arrays broadcast. Symbols that the expression does not depend on are allowed, so that
        a derivative can be evaluated at the same point as its function
    digits : None computes with NumPy in the types of the expression, operation by operation, as written. A number from 1 to
        10,000 is the number of significant digits, computed by mpmath with a proven error bound; the point may then also
        contain mpmath numbers, fractions and decimals, which are taken exactly. Arrays are evaluated element by element

    Returns Python numbers for scalars and new NumPy arrays for arrays, in the structure of `outputs`; with `digits` mpmath
    numbers for floats, and object arrays of them.

    Raises `InputError` for missing or unknown names, and `PrecisionError` if the digits cannot be determined even at the
    highest working precision.

    >>> import graphc as g
    >>> x, y = g.symbols("x y")
    >>> g.evaluate(x * y, {"x": 3, "y": 4})
    12.0
    >>> g.evaluate((1 + x) - 1, {"x": 1e-30})
    0.0
    >>> g.evaluate((1 + x) - 1, {"x": 1e-30}, digits=30) == 1e-30
    True
    """
    if has_sparse(outputs):
        tree = SparseTree(outputs)
        if digits is not None:
            raise InputError(
                "a sparse array holds no numbers of more digits",
                hint="g.evaluate(J.values, at, digits=…) gives its entries",
            )
        return tree.assembled(numpy_eval.evaluate(tree.exprs, at))
    if digits is None:
        return numpy_eval.evaluate(outputs, at)
    return mpmath_eval.evaluate(outputs, numpy_eval.of_interest(outputs, at), digits)
