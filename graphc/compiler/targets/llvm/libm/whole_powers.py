"""A small whole power that is known, of x: by multiplication of sums of two floats, a third of the work of pow.

The powers x², x⁴, … and their products are kept to twice the digits, so that the result is as near as pow's.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import Any

from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, two_product
from graphc.compiler.targets.llvm.libm.registry import exists, form
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter

LARGEST = 16
"""Of more multiplications pow is no slower."""


def _times(m: LibmWriter, x: Pair, y: Pair) -> Pair:
    high, low = two_product(m, x.high, y.high)
    return fast_two_sum(high, low + m.fma(x.high, y.low, x.low * y.high))


def _power(n: int, m: LibmWriter, x: LibmValue) -> LibmValue:
    """xⁿ; for n < 0 of 1/x, which overflows and vanishes where the result does."""
    base, low, rest = x, m.number(0.0), abs(n)
    if n < 0:
        base = 1.0 / x
        low = m.fma(-base, x, m.number(1.0)) * base
    square, total = Pair(base, low), None
    plain, product = base, None  # infinite, zero or no number where the result is, with its sign
    while rest:
        if rest & 1:
            total = square if total is None else _times(m, total, square)
            product = plain if product is None else product * plain
        rest >>= 1
        if rest:
            square, plain = _times(m, square, square), plain * plain
    assert total is not None and product is not None
    return m.select(total.high.is_nan() | product.equals(0.0), product, total.high)


def name_of(exponent: str) -> str | None:
    """The form of pow for an exponent in LLVM's text; None where it is no whole number of size 2 to `LARGEST`, or where
    this processor calls the C library."""
    if not exponent.startswith("0x"):
        return None
    (value,) = struct.unpack("<d", struct.pack("<Q", int(exponent, 16)))
    name = f"pow_{value:.0f}".replace("-", "minus_")
    return name if value in _EXPONENTS and exists(name, 64) else None


def one_instruction(e: Any, x: Any, exponent: Any) -> Any:
    """x to the power of 2, 1 or −1, which one instruction or none rounds as well as pow can, special values included; else None.

    e : the builder of machine code; x, exponent : values of it
    """
    if exponent.text == e.number(2.0, x).text:
        return e.mul(x, x)
    if exponent.text == e.number(-1.0, x).text:
        return e.div(e.number(1.0, x), x)
    return x if exponent.text == e.number(1.0, x).text else None


_EXPONENTS = {float(n) for size in range(2, LARGEST + 1) for n in (size, -size)}

for _n in _EXPONENTS:
    form(f"pow_{_n:.0f}".replace("-", "minus_"), 64, partial(_power, int(_n)))

__all__ = ["name_of", "one_instruction"]
