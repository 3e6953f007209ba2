"""The operations: declarations only, one per operation, each in one place.

Importing this package fills the registry. `declare.py` turns a declaration into the function users call.
"""

from graphc.ops import activation, arithmetic, comparison, elementary, logistic, rounding, special

modules = (arithmetic, comparison, rounding, elementary, logistic, special, activation)
"""In the order of the reference page."""

__all__ = ["modules"]
