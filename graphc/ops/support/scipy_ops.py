"""What declarations of special functions share: SciPy's functions as references and as machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.op import Notation, Op
from graphc.ir.types import FLOATING
from graphc.ops.special import scipy_special
from graphc.ops.support.declare import declare


def scipys(name: str, result: int | None = None) -> Callable[..., Any]:
    """SciPy's function, without NumPy's warnings; `result` is the number of one of several."""

    def reference(*operands: Any) -> Any:
        with np.errstate(all="ignore"):
            value = getattr(scipy_special(), name)(*operands)
        return value if result is None else value[result]

    return reference


def special(
    name: str, params: tuple[str, ...], formula: Any, domain: Any, partials: Any, summary: str, **more: Any
) -> Any:
    """Declare a special function of floats; its reference is SciPy's of the same name unless said otherwise."""
    return declare(
        Op(
            name=name,
            params=params,
            summary=summary,
            types=FLOATING,
            reference=more.pop("reference", None) or scipys(name),
            formula=formula,
            domain=domain,
            partials=partials,
            category="special",
            scipy=more.pop("scipy", (name,)),
            notation=more.pop("notation", None) or Notation(name),
            **more,
        )
    )


def compiled(
    name: str, *args: Any, ulps: float = 1000.0, result: tuple[str, int] | None = None, **more: Any
) -> Any:
    """Declare a special function that SciPy's compiled one computes; `result` names one that has several results, and which."""
    function, number = result or (name, None)
    if result is not None:
        more.setdefault("reference", scipys(function, number))
        more.setdefault("scipy", ())
    return special(
        name, *args, library="scipy",
        emit=more.pop("emit", None) or (lambda e, *operands: e.scipy(function, *operands, result=number)),
        ulps=ulps, reference_ulps=more.pop("reference_ulps", ulps), **more,
    )  # fmt: skip


__all__ = ["compiled", "scipys", "special"]
