"""Mathematical functions as machine code of graphc's own: LLVM inlines them into loops and packs them.

    writer      the small language they are written in
    pairs       sums of two floats, for more digits than one holds
    registry    what exists; a module of functions joins by being imported below
    exponential, …   the functions themselves

Each is accurate to the bound that docs/vecmath.md measures, and answers C99's Annex F values at zeros, infinities and NaN.
"""

from graphc.compiler.targets.llvm.libm import (  # noqa: F401 - they register
    area,
    error,
    exponential,
    hyperbolic,
    inverse,
    logarithm,
    logistic,
    power,
    trigonometric,
    whole_powers,
)
from graphc.compiler.targets.llvm.libm.processor import has_fma, vector_registers
from graphc.compiler.targets.llvm.libm.registry import arity, definition, exists, function, limit, names

__all__ = ["arity", "definition", "exists", "function", "has_fma", "limit", "names", "vector_registers"]
