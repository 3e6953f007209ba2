"""The declarations of all operations, loaded where one is missed: what unpickles an expression may have asked for no name yet."""

from __future__ import annotations

from importlib import import_module

from graphc.util.fork_safety import loading

_DECLARED: list[bool] = []


def declare_all() -> bool:
    """Load the declarations, once; whether this call did."""
    if _DECLARED:
        return False
    with loading():
        _DECLARED.append(True)
        import_module("graphc.ops")  # by name: it stands above
    return True
