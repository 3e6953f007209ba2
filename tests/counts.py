"""How many examples properties are held over: as many as they say, times what `--examples` says."""

from __future__ import annotations

factor = 1.0
"""Set by conftest.py before the tests are imported."""


def examples(count: int) -> int:
    """For `max_examples` of properties that take long: `count` in the default suite."""
    return max(1, round(count * factor))
