"""What a public function may be given: checks that name the argument and say what to write instead.

Each gives the value back in its one form, or raises `InputError`. None of them fails for another reason, whatever the value is.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from graphc.errors import InputError, brief, is_huge

_MOST = 1_000_000
"""Items of an iterable that is made a list of."""


def number(name: str, value: Any, holds: Callable[[Any], bool], hint: str) -> float:
    """A real number, NumPy's own included, of which a condition holds."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not (whole or isinstance(value, (float, np.floating))) or value != value:
        raise InputError(f"{name} is a number, not {brief(value, 40)}", hint=hint)
    try:
        if not is_huge(value) and holds(value):
            return float(value)
    except OverflowError:  # a whole number beyond the floats
        pass
    raise InputError(f"{name} is {brief(value, 40)}", hint=hint)


def truth(name: str, value: Any) -> bool:
    """Whether a value is true, of one that is either; a text is not, whatever it says."""
    if isinstance(value, (str, bytes)):
        raise InputError(f"{name} is True or False, not {brief(value)}", hint=f"write {name}=True")
    try:
        return bool(value)
    except Exception:  # of an array, say, which is neither
        raise InputError(f"{name} is True or False, not {brief(value)}", hint=f"write {name}=True") from None


def text(name: str, value: Any, hint: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} is a text, not {brief(value)}", hint=hint)
    return value


def choice(name: str, value: Any, choices: Iterable[str], hint: str | None = None) -> str:
    """One of some words."""
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} is {brief(value)}", hint=hint or f"one of {', '.join(known)}")
    return value


def mapping(name: str, value: Any, hint: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{name} is a dict, not {brief(value)}", hint=hint)
    return value


def listed(name: str, value: Any, hint: str) -> list[Any]:
    """The items of what is listed: no text, and nothing without end."""
    items: list[Any] | None = None
    if not isinstance(value, (str, bytes)):
        try:
            items = list(islice(value, _MOST + 1))
        except Exception:  # of an expression, which refuses to be iterated, too
            items = None
    if items is None or len(items) > _MOST:
        raise InputError(f"{name} is a list, not {brief(value)}", hint=hint)
    return items


def function(name: str, value: Any, count: int, hint: str) -> Callable[..., Any]:
    """A function that takes so many arguments, as far as it says."""
    if callable(value) and not isinstance(value, type):
        try:
            inspect.signature(value).bind(*range(count))
        except TypeError:
            what = f"{name} takes {count} argument{'s' * (count != 1)}, and {brief(value)} does not"
            raise InputError(what, hint=hint) from None
        except Exception:  # it does not say
            return value
        return value
    raise InputError(f"{name} is a function, not {brief(value)}", hint=hint)


def is_share(value: float) -> bool:
    return 0 <= value < 1


def is_masked(value: Any) -> bool:
    """Whether an array has masked elements, or a nested list holds one that has."""
    if "numpy.ma" not in sys.modules:  # it takes as long to load as a small formula to compile
        return False
    pending, seen = [value], 0
    while pending:
        each = pending.pop()
        if isinstance(each, np.ma.MaskedArray) and np.any(each.mask):
            return True
        if isinstance(each, (list, tuple)) and seen < _MOST:  # one that holds itself is refused as no array
            inner = [item for item in each if isinstance(item, (list, tuple, np.ma.MaskedArray))]
            seen += 1 + len(inner)
            pending += inner
    return False


MASKED = "an array with masked elements, which have no values"
"""What is refused, wherever values are taken."""


def filled(name: str = "a") -> str:
    """What to write instead of a masked array."""
    return f"pass {name}.filled(0.0), and weights of 0 where it is masked"


def is_finite(value: float) -> bool:
    return math.isfinite(value)


__all__ = [
    "MASKED", "choice", "filled", "function", "is_finite", "is_masked", "is_share", "listed", "mapping", "number", "text",
    "truth",
]  # fmt: skip
