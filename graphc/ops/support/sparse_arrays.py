"""SciPy's sparse arrays and optimisers, loaded when something asks for them."""

from __future__ import annotations

from typing import Any

from graphc.util import fork_safety


@fork_safety.once
def scipy_sparse() -> Any:
    """The module `scipy.sparse`."""
    import scipy.sparse

    return scipy.sparse


@fork_safety.once
def scipy_optimize() -> Any:
    """The module `scipy.optimize`."""
    import scipy.optimize

    return scipy.optimize


@fork_safety.once
def scipy_linear() -> Any:
    """The module `scipy.sparse.linalg`."""
    import scipy.sparse.linalg

    return scipy.sparse.linalg


__all__ = ["scipy_linear", "scipy_optimize", "scipy_sparse"]
