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


def show_value(value: Any, digits: int = 3) -> str:
    """A number as `show_number` shows it; an array as its shape and, if it is short, its elements, else its range.

    >>> show_value(np.array([1.0, 2.5])), show_value(np.linspace(-1, 1, 12).reshape(3, 4))
    ('[1, 2.5]', '(3, 4) −1…1')
    """
    array = np.asarray(value)
    if array.ndim == 0:
        return show_number(array[()], digits)
    shape = format_shape(array.shape)
    if array.size == 0:
        return f"{shape} empty"
    if array.ndim == 1 and array.size <= 3:
        return f"[{', '.join(show_number(item, digits) for item in array)}]"
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


_LETTERS = {
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


def name_parts(name: str) -> tuple[str, str]:
    """A name as letter and index, Greek names as letters; a name of another form is all letter.

    >>> name_parts("theta_12"), name_parts("w1"), name_parts("rate"), name_parts("<b>")
    (('θ', '12'), ('w', '1'), ('rate', ''), ('<b>', ''))
    """
    match = re.fullmatch(r"([A-Za-z]+)(?:_([A-Za-z0-9]{1,6})|([0-9]{1,6}))", name, re.ASCII)
    if match is None:
        return _LETTERS.get(name, name), ""
    return _LETTERS.get(match[1], match[1]), match[2] or match[3]
