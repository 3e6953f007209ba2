"""A product and a sum with one rounding for both, as processors have it: what the compiler makes of products within loops.

Source: IEEE 754-2019, 5.4.1, fusedMultiplyAdd.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.op import Notation, Op, register_control
from graphc.ir.types import TypeRule
from graphc.ops.support.declare import Function, builder


def _reference(x: Any, y: Any, z: Any) -> Any:
    with np.errstate(all="ignore"):
        return x * y + z


MULTIPLY_ADD = register_control(
    Op(
        name="multiply_add",
        params=("x", "y", "z"),
        summary="x·y + z, rounded once where machine code computes it.",
        types=TypeRule(lambda dtypes: (dtypes, dtypes[0])),
        reference=_reference,
        notation=Notation("multiply_add"),
        formula=lambda m, x, y, z: x * y + z,
        partials=(None, None, None),
        emit=lambda e, x, y, z: e.intrinsic("fma", x, y, z),
        expand=lambda x, y, z: x * y + z,
        category="control",
    )
)

multiply_add: Function = builder(MULTIPLY_ADD)

__all__ = ["MULTIPLY_ADD", "multiply_add"]
