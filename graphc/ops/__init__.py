"""The operations: declarations only, one per operation, each in one place.

Importing this package fills the registry. `declare.py` turns a declaration into the function users call.
"""

from graphc.ops import (
    activation,
    arithmetic,
    arrange,
    bessel,
    beta,
    comparison,
    conv,
    counting,
    create,
    decompose,
    einsum,
    elementary,
    exact_product,
    exponentials,
    incomplete_gamma,
    incomplete_tails,
    index,
    information,
    integrals,
    lambert,
    linalg,
    logistic,
    matrix_functions,
    multiply_add,
    normal,
    norms,
    numpy_arrays,
    numpy_elementwise,
    order,
    polynomials,
    pool,
    powers,
    products,
    quotients,
    reduce,
    rounding,
    running,
    shape,
    special,
    student,
    tables,
    update,
    zeta,
)
from graphc.ops.support import numpy_protocol

modules = (
    arithmetic, powers, comparison, rounding, elementary, logistic, special, normal, information, beta, incomplete_gamma,
    incomplete_tails, student, counting, bessel, integrals,
    lambert, zeta, polynomials,    quotients, activation,
    reduce, norms,
    exponentials, running, shape, arrange, create, products, einsum, index, update, order, linalg, decompose, conv, pool,
    matrix_functions, numpy_elementwise, numpy_arrays, tables,
)  # fmt: skip
"""In the order of the reference page."""

__all__ = ["exact_product", "modules", "multiply_add", "numpy_protocol"]
