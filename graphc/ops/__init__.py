"""The operations: declarations only, one per operation, each in one place.

Importing this package fills the registry. `declare.py` turns a declaration into the function users call.
"""

from graphc.ops import (
    activation,
    arithmetic,
    comparison,
    elementary,
    index,
    linalg,
    logistic,
    products,
    reduce,
    rounding,
    shape,
    special,
)

modules = (
    arithmetic, comparison, rounding, elementary, logistic, special, activation,
    reduce, shape, products, index, linalg,
)  # fmt: skip
"""In the order of the reference page."""

__all__ = ["modules"]
