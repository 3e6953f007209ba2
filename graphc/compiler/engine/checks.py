"""What the environment's GRAPHC_CHECK asks compiled code and the compiler to check of themselves."""

from __future__ import annotations

import os

from graphc.errors import InputError

KINDS = ("memory", "passes")
"""Memory between guard words, never read before it is written; each unit between two passes verified."""


def asked(kind: str) -> bool:
    """Whether GRAPHC_CHECK names a kind of checks; several are separated by commas. Raises `InputError` for what is none."""
    words = [word.strip() for word in os.environ.get("GRAPHC_CHECK", "").split(",") if word.strip()]
    for word in words:
        if word not in KINDS:
            raise InputError(
                f"the environment's GRAPHC_CHECK is {','.join(words)[:60]!r}",
                hint=f"{' or '.join(map(repr, KINDS))}, both with a comma between, or nothing for no checks",
            )
    return kind in words
