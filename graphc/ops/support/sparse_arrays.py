"""SciPy's sparse arrays, loaded when something asks for them."""

from __future__ import annotations

from typing import Any

from graphc.util import fork_safety


@fork_safety.once
def scipy_sparse() -> Any:
    """The module `scipy.sparse`."""
    import scipy.sparse

    return scipy.sparse


__all__ = ["scipy_sparse"]
