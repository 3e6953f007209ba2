"""NumPy's functions that are no ufuncs, where they meet an expression: those that no array operation stands for."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ops.comparison import clip, where
from graphc.ops.quotients import sinc
from graphc.ops.rounding import round, trunc


def _round(x: Any, decimals: int = 0) -> Expr:
    return x.__round__(decimals) if isinstance(x, Expr) else round(x)


def _result_type(*args: Any) -> Any:
    return np.result_type(*[arg.dtype if isinstance(arg, Expr) else arg for arg in args])


Expr.function_table.update(
    {
        np.where: where,
        np.clip: clip,
        np.round: _round,
        np.around: _round,
        np.fix: trunc,
        np.sinc: sinc,
        np.shape: lambda x: x.shape,
        np.ndim: lambda x: x.ndim,
        np.result_type: _result_type,
    }
)

__all__: list[str] = []
