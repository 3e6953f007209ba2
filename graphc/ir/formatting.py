"""Numbers, arrays and names as people read them, in diagrams and explanations.

What the printer writes reads back as the same value; what stands here is rounded for the eye, with a real minus sign, and is
safe to show: no control character of a name reaches a file or a terminal.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from typing import Any

import numpy as np

from graphc.errors import InputError, brief
from graphc.ir.types import format_shape

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_EXACT = 10**6
"""Integers below this are shown in full."""


def check_digits(digits: Any) -> int:
    """`digits` as a number of significant digits; raises `InputError` unless it is an int from 1 to 17."""
    if isinstance(digits, bool) or not isinstance(digits, (int, np.integer)) or not 1 <= digits <= 17:
        raise InputError(f"digits is an int from 1 to 17, not {brief(digits)}", hint="write digits=3")
    return int(digits)


def show_number(value: Any, digits: int = 3) -> str:
    """A number rounded to significant digits, closing zeros left out.

    Negative zero is shown as 0, integers of up to six digits in full, and what is smaller than a thousandth or has more digits
    before its point than are asked for (or than three) as a power of ten.

    >>> [show_number(v) for v in (2.0, -0.69314718, -0.0, 1234, 1234.5, 1.5e-7, math.nan, -math.inf)]
    ['2', '−0.693', '0', '1234', '1.23×10³', '1.5×10⁻⁷', 'NaN', '−∞']
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        value = int(value)
        if abs(value) < _EXACT:
            return str(value).replace("-", "−")
        exact = Decimal(value)
    else:
        value = float(value)
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        if value == 0:
            return "0"
        if abs(value) < _EXACT and value == int(value):
            return str(int(value)).replace("-", "−")
        exact = Decimal(value)  # the float's own value, so that rounding it is correct
    mantissa, exponent = f"{exact:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 < power < max(digits, 3):
        text = f"{Decimal(mantissa).scaleb(power):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}×10{str(power).translate(_SUPERSCRIPT)}"
    return text.replace("-", "−")


def show_value(value: Any, digits: int = 3, decimals: int | None = None) -> str:
    """A number as `show_number` shows it; an array as its shape and, if it is short, its elements, else its range.

    `decimals` asks for a fixed number of places behind the point of numbers and elements.

    >>> show_value(np.array([1.0, 2.5])), show_value(np.linspace(-1, 1, 12).reshape(3, 4))
    ('[1, 2.5]', '(3, 4) −1…1')
    """
    array = np.asarray(value)
    if array.ndim == 0:
        return _shown(array[()], digits, decimals)
    shape = format_shape(array.shape)
    if array.size == 0:
        return f"{shape} empty"
    if array.ndim == 1 and array.size <= 3:
        return f"[{', '.join(_shown(item, digits, decimals) for item in array)}]"
    if array.dtype.kind == "b":
        return f"{shape} {np.count_nonzero(array)} True"
    missing = np.count_nonzero(np.isnan(array)) if array.dtype.kind == "f" else 0
    beside = f", {missing} NaN" if missing else ""
    if missing == array.size:
        return f"{shape} all NaN"
    known = array[~np.isnan(array)] if missing else array
    low, high = show_number(known.min(), digits), show_number(known.max(), digits)
    if low == high:
        return f"{shape} {'about' if known.min() != known.max() else 'all'} {low}{beside}"
    return f"{shape} {low}…{high}{beside}"


def _shown(value: Any, digits: int, decimals: int | None) -> str:
    whole = isinstance(value, np.integer)  # labels and counts have no places behind a point
    return show_number(value, digits) if decimals is None or whole else show_fixed(value, decimals)


LARGEST_SHOWN = 6
"""A matrix of at most so many rows and columns is shown element by element."""


def check_decimals(decimals: Any) -> int | None:
    """`decimals` as a number of places behind the point, or None; raises `InputError` unless it is an int from 0 to 17."""
    if decimals is None:
        return None
    if (
        isinstance(decimals, bool)
        or not isinstance(decimals, (int, np.integer))
        or not 0 <= decimals <= _MOST_DECIMALS
    ):
        raise InputError(f"decimals is an int from 0 to 17, not {brief(decimals)}", hint="write decimals=2")
    return int(decimals)


def show_fixed(value: Any, decimals: int) -> str:
    """A number with so many places behind its point.

    >>> show_fixed(-2, 2), show_fixed(-0.001, 2), show_fixed(float("inf"), 2)
    ('−2.00', '0.00', '∞')
    """
    if isinstance(value, (bool, np.bool_)) or not math.isfinite(value):
        return show_number(value)
    if abs(value) >= 1e15:
        return show_number(value, 17)
    text = f"{Decimal(float(value)):.{decimals}f}"  # the float's own value, so that rounding it is correct
    return (text.removeprefix("-") if not float(text) else text).replace("-", "−")


def matrix_cells(
    value: Any, digits: int = 3, decimals: int | None = None, largest: int = LARGEST_SHOWN
) -> list[list[str]] | None:
    """The elements of a matrix of at most `largest` rows and columns as texts whose points stand below one another when they end
    at one place; None for any other value.

    The largest element has so many significant digits, unless `decimals` says how many places there are; where a common number
    of places would show an element as nothing, each is shown as `show_number` does.

    >>> matrix_cells([[1, -0.5], [10, 0.25]])
    [['1.0', '−0.5'], ['10.0', '0.2']]
    >>> matrix_cells([[1, 2], [3, 40]]), matrix_cells([[1, 1e-9]])
    ([['1', '2'], ['3', '40']], [['1', '1×10⁻⁹']])
    """
    array = np.asarray(value)
    if array.ndim != 2 or not 0 < min(array.shape) <= max(array.shape) <= largest:
        return None
    if array.dtype.kind not in "biuf":
        return None
    known = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    if array.dtype.kind in "iu":
        decimals = None
    if decimals is None and array.dtype.kind != "b":
        decimals = _common_decimals(known.astype(float).ravel(), digits)
    if decimals is None or array.dtype.kind == "b":
        return [[show_number(item, digits) for item in row] for row in array]
    return [[show_fixed(item, decimals) for item in row] for row in array]


def _common_decimals(known: Any, digits: int) -> int | None:
    """How many places behind the point the elements of a matrix have in common; None where that would not show them."""
    sizes = np.abs(known[known != 0])
    if not sizes.size:
        return 0
    largest = math.floor(math.log10(sizes.max()))
    if largest >= max(digits, 3) + 2 or largest < -3:
        return None if np.any(known != np.round(known)) or sizes.max() >= _EXACT else 0
    least = max(0, min(digits - 1 - largest, _MOST_DECIMALS))
    for places in range(least, least + _MORE):
        rounded = [f"{Decimal(float(item)):.{places}f}" for item in known]
        if all(float(text) or not item for text, item in zip(rounded, known, strict=True)):
            break
    else:
        return None
    if places:
        used = [len(text.rstrip("0").rpartition(".")[2]) for text in rounded]
        return max(used)
    return 0


_MOST_DECIMALS = 17

_MORE = 3
"""So many more places are tried where the smallest element of a matrix would be shown as nothing."""

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode categories that draw nothing, change the direction of what follows, or cannot be encoded."""


def visible(text: str, limit: int = 40) -> str:
    """Text that can be shown anywhere: what is invisible is named, what is long is shortened in the middle.

    >>> visible("a\\nb"), visible("\\u202eabc"), visible("x" * 50, 9)
    ('a↵b', '⟨202E⟩abc', 'xxxx…xxxx')
    """
    if len(text) > limit:
        text = f"{text[: limit // 2]}…{text[len(text) - (limit - limit // 2 - 1) :]}"
    shown: list[str] = []
    for character in text:
        if character == "\n":
            shown.append("↵")
        elif unicodedata.category(character) in _INVISIBLE:
            shown.append(f"⟨{ord(character):04X}⟩")
        else:
            shown.append(character)
    joined = "".join(shown)
    return joined if joined.strip() else "␣" * len(joined)


GREEK = {
    name: unicodedata.lookup(f"GREEK {case} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")
    for case, names in (
        (
            "SMALL",
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega",
        ),
        ("CAPITAL", "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"),
    )
    for name in names.split()
}
"""The names of Greek letters that LaTeX has a command for."""

_LETTER = "[^\\W\\d_\u2080-\u209c\u1d62-\u1d6a]"
"""A letter of any alphabet that does not stand below the line already."""

_NAME = re.compile(
    rf"(?P<base>{_LETTER}(?:{_LETTER}|[\u0300-\u036f])*)(?P<prime>['′]*)"
    r"(?P<close>[0-9]*)(?P<parts>(?:_(?:(?:[^\W_]|[\u0300-\u036f])+|\{(?:[^\W_]|[-+−,])+\}))*)"
    r"(?P<low>[\u2080-\u209c\u1d62-\u1d6a]*)"
)
"""Letters, digits right behind them, parts behind underscores, in braces also such as t+1, and characters that are subscripts
themselves."""


def split_name(name: str) -> tuple[str, tuple[str, ...]]:
    """A name as letters and the parts of its index; a name of another form is all letters.

    Several parts are an index only of a letter or two, or of a Greek letter's name: `learning_rate_x` is a phrase.

    >>> split_name("x_max_i"), split_name("w1_2"), split_name("δ₁"), split_name("learning_rate_x")
    (('x', ('max', 'i')), ('w', ('1', '2')), ('δ', ('1',)), ('learning_rate_x', ()))
    >>> split_name("x_{12}"), split_name("θ_{t+1}"), split_name("w_{i,j}")
    (('x', ('12',)), ('θ', ('t+1',)), ('w', ('i', 'j')))
    """
    found = _NAME.fullmatch(unicodedata.normalize("NFC", name))
    if found is None:
        return name, ()
    base = found["base"]
    low = unicodedata.normalize("NFKC", found["low"]).replace("−", "-")
    behind = re.split("[_,{}]", found["parts"].replace("−", "-"))
    parts = tuple(part for part in (found["close"], *behind, low) if part)
    if len(parts) > 1 and len(base) > 2 and base not in GREEK:
        return name, ()
    return base + "′" * len(found["prime"]), parts


_LONGEST_PART = 6
"""A part of an index with more characters is a word of a phrase."""


def name_parts(name: str) -> tuple[str, str]:
    """A name as letter and index, Greek names as letters; a name of another form is all letter.

    >>> name_parts("theta_12"), name_parts("w1"), name_parts("rate"), name_parts("<b>"), name_parts("β_1")
    (('θ', '12'), ('w', '1'), ('rate', ''), ('<b>', ''), ('β', '1'))
    """
    base, parts = split_name(name)
    if any(len(part) > _LONGEST_PART for part in parts):
        base, parts = name, ()
    return GREEK.get(base, base), ",".join(GREEK.get(part, part).replace("-", "−") for part in parts)
