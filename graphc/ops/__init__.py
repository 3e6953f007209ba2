"""The operations: declarations only, one per operation, each in one place.

Importing this package fills the registry. `declare.py` turns a declaration into the function users call.
"""

from graphc.ops import (
    activation,
    arithmetic,
    arrange,
    comparison,
    conv,
    create,
    decompose,
    einsum,
    elementary,
    exponentials,
    index,
    linalg,
    logistic,
    norms,
    order,
    pool,
    powers,
    products,
    quotients,
    reduce,
    rounding,
    running,
    shape,
    special,
    update,
)
from graphc.ops.support import numpy_protocol

modules = (
    arithmetic, powers, comparison, rounding, elementary, logistic, special, quotients, activation,
    reduce, norms,
    exponentials, running, shape, arrange, create, products, einsum, index, update, order, linalg, decompose, conv, pool,
)  # fmt: skip
"""In the order of the reference page."""

__all__ = ["modules", "numpy_protocol"]
